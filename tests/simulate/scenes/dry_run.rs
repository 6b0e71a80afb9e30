//! A dry run is the same run: it says what the real one says, and sends nothing.

use poolmon::monitor::Level;

use super::*;
use crate::world::Account;

/// What the only monitor says in a story, without the times. In one moment it may say it in another order.
fn lines(
    layout: &Layout,
    events: &[(u64, Disturbance)],
    deeds: Deeds,
    seed: u64,
) -> Vec<(Level, String)> {
    let mut layout = layout.clone();
    if let Program::Ours(habits) = &mut layout.posts[0].program {
        habits.deeds = deeds;
    }
    let mut world = World::new(&layout, seed);
    for (at, disturbance) in events {
        world.disturb(seconds(*at), *disturbance);
    }
    world.run_to(seconds(1000));
    let sent = world
        .history
        .records
        .iter()
        .filter(|record| matches!(record.what, crate::history::What::Sent { .. }));
    match deeds {
        Deeds::Done => assert!(sent.count() > 0, "the story has no deed"),
        Deeds::Told => assert_eq!(sent.count(), 0),
    }
    let monitor = world.monitor(0).unwrap();
    let lines = monitor.said.iter();
    let mut lines: Vec<(Level, String)> = lines
        .map(|(_, level, line)| (*level, line.replace("DRY-RUN: ", "")))
        .collect();
    lines.sort();
    lines
}

fn check(layout: &Layout, events: &[(u64, Disturbance)]) {
    for seed in 0..SEEDS {
        let done = lines(layout, events, Deeds::Done, seed);
        let told = lines(layout, events, Deeds::Told, seed);
        assert_eq!(done, told, "seed {seed}");
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
