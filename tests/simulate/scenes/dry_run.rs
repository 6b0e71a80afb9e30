//! A dry run is the same run: it says what the real one says, and sends nothing.

use poolmon::monitor::Level;

use super::*;
use crate::chance::Chance;
use crate::history::What;
use crate::world::Account;

/// Drawn by chance; a debug build lives fewer.
const DAYS: u64 = if cfg!(debug_assertions) { 5 } else { 40 };

/// What the only monitor says in a story, without the times, and how much it sends and how many scripts it runs. In one moment it may say
/// it in another order.
fn lines(
    layout: &Layout,
    events: &[(u64, Disturbance)],
    mode: Mode,
    seed: u64,
) -> (Vec<(Level, String)>, usize) {
    let mut layout = layout.clone();
    if let Program::Ours(habits) = &mut layout.posts[0].program {
        habits.mode = mode;
    }
    let mut world = World::new(&layout, seed);
    for (at, disturbance) in events {
        world.disturb(seconds(*at), *disturbance);
    }
    world.run_to(seconds(1000));
    let records = world.history.records.iter();
    let sent = records.filter(|record| matches!(record.what, What::Sent { .. }));
    let monitor = world.monitor(0).unwrap();
    let sent = sent.count() + monitor.reached.times("output: run script");
    let lines = monitor.said.iter();
    let mut lines: Vec<(Level, String)> = lines
        .map(|(_, level, line)| (*level, without_answer(&line.replace("DRY-RUN: ", ""))))
        .collect();
    lines.sort();
    (lines, sent)
}

/// Only what was sent is answered, after some time. What follows may then be found out in the next second, and an alarm
/// that is said again names those that it is about at that moment.
fn without_answer(line: &str) -> String {
    let names = match line.ends_with(" s now)") {
        true => line.find(" by ").zip(line.find("),")),
        false => None,
    };
    let without_names = names.map(|(from, to)| [&line[..from], &line[to + 1..]].concat());
    let line = without_names.as_deref().unwrap_or(line);
    let end = line.find(" (answered in ").unwrap_or(line.len());
    let mut parts = line[..end].split(" since ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_of_time = |letter: char| letter.is_ascii_digit() || letter == ':';
        text.push_str(" since ");
        text.push_str(part.trim_start_matches(is_of_time));
    }
    text
}

/// Returns how much was done.
fn compare(layout: &Layout, events: &[(u64, Disturbance)], seed: u64) -> usize {
    let (done, sent) = lines(layout, events, Mode::Live, seed);
    let (told, not_sent) = lines(layout, events, Mode::DryRun, seed);
    assert_eq!(done, told, "seed {seed}: {events:?}");
    assert_eq!(not_sent, 0, "seed {seed}");
    sent
}

fn check(layout: &Layout, events: &[(u64, Disturbance)]) {
    for seed in 0..SEEDS {
        let sent = compare(layout, events, seed);
        assert!(sent > 0, "the story has no job");
    }
}

#[test]
fn a_backend_that_dies_and_recovers_is_told_as_it_would_be_done() {
    let layout = layout(3, vec![ours(0, 5)]);
    check(&layout, &[(30, dies(0)), (300, recovers(0))]);
}

#[test]
fn of_backends_that_all_die_one_stays_up_and_the_alarm_is_the_same() {
    let layout = layout(3, vec![ours(0, 5)]);
    let mut events: Vec<_> = (0..3)
        .map(|backend| (30 + 60 * backend as u64, dies(backend)))
        .collect();
    events.extend((0..3).map(|backend| (500, recovers(backend))));
    check(&layout, &events);
}

#[test]
fn a_limit_keeps_as_many_up_as_it_would() {
    let mut layout = layout(4, vec![ours(0, 5)]);
    if let Program::Ours(habits) = &mut layout.posts[0].program {
        habits.rules.brake = Brake::AtMost(1);
    }
    check(
        &layout,
        &[
            (30, dies(0)),
            (200, dies(1)),
            (400, recovers(0)),
            (700, recovers(1)),
        ],
    );
}

#[test]
fn a_refused_account_and_a_death_beside_it_are_told_as_they_would_be() {
    let layout = layout(3, vec![ours(0, 5)]);
    check(
        &layout,
        &[
            (30, Disturbance::Account(0, Account::Refused)),
            (200, dies(1)),
            (500, recovers(1)),
            (600, Disturbance::Account(0, Account::Accepted)),
        ],
    );
}

#[test]
fn a_monitor_whose_director_freezes_says_so_in_a_dry_run_too() {
    use crate::ring::Condition;
    let layout = layout(3, vec![ours(0, 5)]);
    check(
        &layout,
        &[
            (30, dies(0)),
            (200, Disturbance::Director(0, Condition::Frozen)),
            (230, recovers(0)),
            (300, Disturbance::Director(0, Condition::Running)),
        ],
    );
}

/// What befalls the backends of one monitor on a day drawn by chance, and when it ends. Nobody else acts, and
/// its director runs: what is not sent shows in nobody's list but its own.
fn chances(chance: &mut Chance, backends: usize) -> Vec<(u64, Disturbance)> {
    let mut events = Vec::new();
    let mut at = 30;
    while at < 700 {
        let backend = chance.below(backends);
        let illness = chance.pick(&[Health::Refusing, Health::Frozen]);
        let link = chance.pick(&[Link::Refused, Link::Prohibited]);
        let (begins, ends) = match chance.below(5) {
            0 => (
                Disturbance::Link(0, backend, link),
                Disturbance::Link(0, backend, Link::Whole),
            ),
            1 => (
                Disturbance::Account(0, Account::Refused),
                Disturbance::Account(0, Account::Accepted),
            ),
            _ => (Disturbance::Backend(backend, illness), recovers(backend)),
        };
        events.push((at, begins));
        events.push((at + chance.below(200) as u64, ends));
        at += 1 + chance.below(150) as u64;
    }
    events
}

#[test]
fn whatever_befalls_the_backends_is_told_as_it_would_be_done() {
    let mut commands = 0;
    for seed in 0..DAYS {
        let mut chance = Chance::new(seed);
        let backends = 2 + chance.below(4);
        let mut layout = layout(backends, vec![ours(0, chance.pick(&[3, 5, 10]))]);
        layout.services = 1 + chance.below(2);
        if let Program::Ours(habits) = &mut layout.posts[0].program {
            habits.rules.brake =
                chance.pick(&[Brake::Refuge, Brake::AtMost(1), Brake::Percent(50)]);
            habits.rules.down_delay = seconds(chance.pick(&[0, 0, 20]));
            habits.rules.restore = chance.pick(&[Restore::Any, Restore::Own]);
        }
        let events = chances(&mut chance, backends);
        commands += compare(&layout, &events, seed);
    }
    assert!(commands > 10, "{commands} commands say little");
}
