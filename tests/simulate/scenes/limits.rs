//! What the engine does at its limits: of commands, threads, the disk and its own time; and with backends that
//! leave and come back.

use poolmon::backend::HostState;
use poolmon::monitor::policy::{Action, Login};
use poolmon::monitor::{Engine, Notice};

use super::*;
use crate::history::What;
use crate::monitor::{Disk, Monitor, Reload};
use crate::ring::Condition;
use crate::world::{address, Account};

pub fn monitor<'a>(story: &'a Story<'_>) -> &'a Monitor {
    story.world.monitor(0).unwrap()
}

pub fn engine<'a>(story: &'a Story<'_>) -> &'a Engine {
    monitor(story).engine()
}

pub fn notices(story: &Story<'_>) -> Vec<Notice> {
    engine(story).notices().cloned().collect()
}

/// How many lines hold this text.
pub fn said(story: &Story<'_>, text: &str) -> usize {
    let lines = monitor(story).said.iter();
    lines.filter(|(_, _, line)| line.contains(text)).count()
}

pub fn owed(story: &Story<'_>) -> usize {
    let members = engine(story).backends().members();
    members
        .filter(|(_, member)| member.pending_drain.is_some())
        .count()
}

/// In the order of sending.
pub fn sent(story: &Story<'_>, wanted: Action) -> Vec<(Duration, usize)> {
    let history = &story.world.history;
    let sent = history
        .records
        .iter()
        .filter_map(|record| match record.what {
            What::Sent {
                backend, action, ..
            } if action == wanted => Some((record.at - history.start, backend)),
            _ => None,
        });
    sent.collect()
}

/// The most commands of a kind that were not answered at one time.
fn most_under_way(story: &Story<'_>, wanted: Action) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for record in &story.world.history.records {
        match record.what {
            What::Sent { action, .. } if action == wanted => now += 1,
            What::Answered { action, .. } if action == wanted => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

#[test]
fn of_a_hundred_and_thirty_that_die_at_once_a_hundred_are_told_at_a_time_and_all_go_down() {
    let mut layout = layout(140, vec![ours(0, 5)]);
    // Each command is answered only after that.
    layout.hop = seconds(20);
    let mut world = World::new(&layout, 1);
    for backend in 0..130 {
        world.disturb(seconds(60), dies(backend));
    }
    world.run_to(seconds(400));
    let (name, seed) = ("130 die", 1);
    let story = Story { world, name, seed };
    assert_eq!(sent(&story, Action::MarkDown).len(), 130);
    assert_eq!(most_under_way(&story, Action::MarkDown), 100);
    assert!(most_under_way(&story, Action::Drain) <= 100);
    assert_eq!(owed(&story), 0);
    let members = engine(&story).backends().members();
    let down = members.filter(|(_, member)| member.listed.state == HostState::Down);
    assert_eq!(down.count(), 130);
}

#[test]
fn a_backend_that_leaves_with_a_pending_drain_and_comes_back_healthy_is_up_and_owes_nothing() {
    let events = [
        (60, Disturbance::Stubborn(0, 50)),
        (60, dies(0)),
        (150, Disturbance::Listed(0, false)),
        (200, recovers(0)),
        (250, Disturbance::Listed(0, true)),
    ];
    let layout = layout(3, vec![ours(0, 3)]);
    tell("leaves and comes back", &layout, &events, 900, |story| {
        assert_eq!(said(story, "is no longer listed"), 1, "{story}");
        assert_eq!(said(story, "192.0.2.0 is listed"), 2, "{story}");
        assert_eq!(owed(story), 0, "{story}");
        assert_eq!(monitor(story).watched().count(), 3, "{story}");
        assert!(monitor(story).alarms().is_empty(), "{story}");
        let reached = &monitor(story).reached;
        assert!(reached.times("output: stop worker") > 0, "{story}");
    });
}

#[test]
fn that_all_backends_leave_is_one_alarm_until_they_come_back() {
    let listed =
        |at, is_listed| (0..3).map(move |backend| (at, Disturbance::Listed(backend, is_listed)));
    let events: Vec<_> = listed(100, false).chain(listed(200, true)).collect();
    let layout = layout(3, vec![ours(0, 3)]);
    tell("all leave", &layout, &events, 400, |story| {
        assert_eq!(said(story, "the director lists no backend"), 1, "{story}");
        assert_eq!(said(story, "the director lists a backend again"), 1);
        assert_eq!(monitor(story).watched().count(), 3, "{story}");
        assert!(monitor(story).alarms().is_empty(), "{story}");
        assert!(sent(story, Action::MarkDown).is_empty(), "{story}");
        let reached = &monitor(story).reached;
        assert!(reached.times("alarm: no backend") > 0, "{story}");
    });
}

#[test]
fn a_command_for_a_backend_that_has_just_left_is_answered_and_forgotten() {
    // Between two readings of the list.
    for tenth in 0..40 {
        let layout = layout(3, vec![ours(0, 3)]);
        let mut world = World::new(&layout, tenth);
        world.disturb(seconds(60), dies(0));
        let left = seconds(90) - Duration::from_millis(100 * tenth);
        world.disturb(left, Disturbance::Listed(0, false));
        world.run_to(seconds(400));
        let monitor = world.monitor(0).unwrap();
        assert_eq!(monitor.engine().backends().members().count(), 2);
        assert_eq!(monitor.watched().count(), 2);
        assert!(monitor.alarms().is_empty());
    }
}

#[test]
fn without_threads_for_all_the_others_are_watched_and_the_rest_once_there_are() {
    let layout = layout(40, vec![ours(0, 5)]);
    for seed in 0..SEEDS {
        let mut world = World::new(&layout, seed);
        world.disturb(Duration::ZERO, Disturbance::Threads(0, 20));
        world.run_to(seconds(100));
        let watched = world.monitor(0).unwrap().watched().count();
        // Some are left to others.
        assert!((10..20).contains(&watched), "{watched}");
        world.disturb(seconds(100), Disturbance::Threads(0, usize::MAX));
        world.run_to(seconds(200));
        let name = "threads";
        let story = Story { world, name, seed };
        assert_eq!(monitor(&story).watched().count(), 40);
        assert_eq!(said(&story, "backends are not checked"), 1, "{story}");
        assert_eq!(said(&story, "all backends are checked again"), 1, "{story}");
        story.check_changes(&[0; 40]);
    }
}

#[test]
fn a_thread_that_dies_is_started_again_and_its_backend_is_judged_anew() {
    let events = [
        (60, Disturbance::WorkerDies(0, 1)),
        (60, Disturbance::WorkerDies(0, 1)),
        (100, dies(1)),
        (110, Disturbance::WorkerDies(0, 1)),
    ];
    let layout = layout(3, vec![ours(0, 3)]);
    tell("a thread dies", &layout, &events, 300, |story| {
        assert_eq!(said(story, "has ended by the defect"), 2, "{story}");
        assert_eq!(said(story, "192.0.2.1 is checked again"), 2, "{story}");
        story.check_changes(&[0, 1, 0]);
    });
}

#[test]
fn a_command_without_a_thread_is_told_and_sent_when_there_is_one() {
    let events = [
        (50, Disturbance::Spare(0, false)),
        (60, dies(0)),
        (150, Disturbance::Spare(0, true)),
        (400, recovers(0)),
    ];
    let layout = layout(3, vec![ours(0, 3)]);
    tell("no thread to send", &layout, &events, 700, |story| {
        assert_eq!(
            said(story, "no thread can be started to send"),
            1,
            "{story}"
        );
        assert_eq!(
            said(story, "no command lacks a thread any more"),
            1,
            "{story}"
        );
        story.check_changes(&[2, 0, 0]);
        assert!(notices(story).is_empty(), "{story}");
        let first = sent(story, Action::MarkDown)[0].0;
        assert!(seconds(150) <= first && first < seconds(215), "{first:?}");
    });
}

#[test]
fn a_connection_without_a_thread_is_opened_when_there_is_one() {
    let events = [
        (50, Disturbance::Spare(0, false)),
        (60, Disturbance::ReaderDies(0)),
        (70, dies(0)),
        (150, Disturbance::Spare(0, true)),
        (400, recovers(0)),
    ];
    let layout = layout(3, vec![ours(0, 3)]);
    tell("no thread to read", &layout, &events, 700, |story| {
        assert_eq!(
            said(story, "no thread can be started to read"),
            1,
            "{story}"
        );
        assert_eq!(said(story, "failover is off"), 1, "{story}");
        assert_eq!(said(story, "failover is on again"), 1, "{story}");
        story.check_changes(&[2, 0, 0]);
        assert!(notices(story).is_empty(), "{story}");
    });
}

#[test]
fn a_disk_that_hangs_holds_a_command_up_for_less_than_a_second() {
    let healthy = [(60, dies(0))];
    let hangs = [(10, Disturbance::Disk(0, Disk::Hangs)), (60, dies(0))];
    let layout = layout(3, vec![ours(0, 3)]);
    let mut at = Vec::new();
    for events in [&healthy[..], &hangs[..]] {
        let mut world = World::new(&layout, 3);
        for (at, disturbance) in events {
            world.disturb(seconds(*at), *disturbance);
        }
        world.disturb(seconds(300), Disturbance::Disk(0, Disk::Good));
        world.run_to(seconds(400));
        let (name, seed) = ("disk", 3);
        let story = Story { world, name, seed };
        at.push(sent(&story, Action::MarkDown)[0].0);
        assert!(notices(&story).is_empty(), "{:?}", notices(&story));
        let slow = said(&story, "the disk of the state file does not answer");
        assert_eq!(slow, events.len() - 1);
        assert_eq!(
            said(&story, "the disk of the state file answers again"),
            slow
        );
        let owner = monitor(&story).state_file().get(&address(0));
        assert!(owner.map_or(false, |memory| memory.down.is_some()));
    }
    let late = at[1] - at[0];
    assert!(late >= Duration::from_millis(600), "{late:?}");
    assert!(late < Duration::from_secs(1), "{late:?}");
}

#[test]
fn a_full_disk_is_told_once_and_holds_nothing_up() {
    let events = [
        (10, Disturbance::Disk(0, Disk::Full)),
        (60, dies(0)),
        (200, recovers(0)),
        (400, Disturbance::Disk(0, Disk::Good)),
    ];
    let layout = layout(3, vec![ours(0, 3)]);
    tell("full disk", &layout, &events, 500, |story| {
        story.check_changes(&[2, 0, 0]);
        assert_eq!(said(story, "no space left"), 1, "{story}");
        assert_eq!(said(story, "can be written again"), 1, "{story}");
        assert!(notices(story).is_empty(), "{story}");
    });
}

#[test]
fn a_reload_that_turns_moving_off_forgives_the_drain_and_one_that_turns_it_on_does_not_owe_it() {
    let layout = layout(3, vec![ours(0, 3)]);
    let moves = habits(3).rules;
    let leaves = Rules {
        drain: DrainMode::Leave,
        ..moves
    };
    for seed in 0..SEEDS {
        let mut world = World::new(&layout, seed);
        world.disturb(seconds(10), Disturbance::Stubborn(0, 1000));
        world.disturb(seconds(60), dies(0));
        world.reload(seconds(200), 0, Reload::Rules(leaves));
        world.run_to(seconds(199));
        let story = Story {
            world,
            name: "drain off",
            seed,
        };
        assert_eq!(owed(&story), 1, "{story}");
        let mut world = story.world;
        world.run_to(seconds(260));
        let story = Story { world, ..story };
        assert_eq!(owed(&story), 0, "{story}");
        let before = sent(&story, Action::Drain).len();
        let mut world = story.world;
        world.run_to(seconds(500));
        let story = Story { world, ..story };
        assert_eq!(sent(&story, Action::Drain).len(), before, "{story}");
        story.check_changes(&[1, 0, 0]);
    }
}

/// dovemon's limit, and nothing else that would keep a backend up.
fn limited_to_two(backends: usize) -> Layout {
    let mut layout = layout(backends, vec![ours(0, 3)]);
    if let Program::Ours(habits) = &mut layout.posts[0].program {
        habits.rules.brake = Brake::Off;
        habits.rules.down_delay = seconds(20);
        habits.rules.down_delay_limit = Some(2);
    }
    layout
}

/// It may be this monitor that is cut off, so none is taken down.
#[test]
fn where_nobody_passes_the_limit_of_the_delay_counts_all_that_are_due() {
    let layout = limited_to_two(5);
    let events: Vec<_> = (0..5).map(|backend| (60, dies(backend))).collect();
    tell("nobody passes", &layout, &events, 400, |story| {
        story.check_changes(&[0; 5]);
        let limited = "with them more than delayed_down_limit (2) would be down";
        assert!(said(story, limited) > 0, "{story}");
    });
}

#[test]
fn those_that_have_failed_count_for_the_limit_of_the_delay_after_a_reload_with_other_services() {
    let layout = limited_to_two(4);
    for seed in 0..SEEDS {
        let mut world = World::new(&layout, seed);
        for backend in 0..3 {
            world.disturb(seconds(60), dies(backend));
        }
        world.reload(seconds(300), 0, Reload::OtherServices);
        world.disturb(seconds(400), recovers(2));
        world.run_to(seconds(399));
        let name = "other services";
        let story = Story { world, name, seed };
        story.check_changes(&[0; 4]);
        let mut world = story.world;
        world.run_to(seconds(450));
        let story = Story { world, ..story };
        story.check_changes(&[1, 1, 0, 0]);
    }
}

#[test]
fn a_reload_with_another_limit_lets_one_more_go_down() {
    let mut layout = layout(4, vec![ours(0, 3)]);
    let mut rules = habits(3).rules;
    if let Program::Ours(habits) = &mut layout.posts[0].program {
        habits.rules.brake = Brake::AtMost(1);
    }
    rules.brake = Brake::AtMost(2);
    for seed in 0..SEEDS {
        let mut world = World::new(&layout, seed);
        for backend in 0..2 {
            world.disturb(seconds(60 + 60 * backend as u64), dies(backend));
        }
        world.reload(seconds(300), 0, Reload::Rules(rules));
        world.run_to(seconds(290));
        let story = Story {
            world,
            name: "limit",
            seed,
        };
        story.check_changes(&[1, 0, 0, 0]);
        assert_eq!(monitor(&story).alarms().len(), 1, "{story}");
        let mut world = story.world;
        world.run_to(seconds(330));
        let story = Story { world, ..story };
        story.check_changes(&[1, 1, 0, 0]);
        assert!(monitor(&story).alarms().is_empty(), "{story}");
    }
}

/// The disk hangs: what is decided goes on by the former settings, also what the new ones would hold back.
#[test]
fn settings_that_cannot_be_read_yet_stop_nothing_and_hold_once_they_are() {
    let layout = layout(4, vec![ours(0, 3)]);
    let mut rules = habits(3).rules;
    rules.brake = Brake::AtMost(1);
    let mut world = World::new(&layout, 5);
    world.disturb(seconds(95), Disturbance::Disk(0, Disk::Hangs));
    world.reload(seconds(100), 0, Reload::Rules(rules));
    world.reload(seconds(101), 0, Reload::Rules(rules));
    world.reload(seconds(102), 0, Reload::Rules(rules));
    world.disturb(seconds(110), dies(0));
    world.disturb(seconds(115), dies(1));
    world.disturb(seconds(180), Disturbance::Disk(0, Disk::Good));
    world.disturb(seconds(200), dies(2));
    world.run_to(seconds(178));
    let (name, seed) = ("unread settings", 5);
    let story = Story { world, name, seed };
    story.check_changes(&[1, 1, 0, 0]);
    assert_eq!(said(&story, "a reload has waited for a file since"), 1);
    assert_eq!(notices(&story).len(), 2, "{story}");
    let mut world = story.world;
    world.run_to(seconds(300));
    let story = Story { world, ..story };
    story.check_changes(&[1, 1, 0, 0]);
    assert_eq!(said(&story, "reloaded"), 2, "{story}");
    assert!(notices(&story).is_empty(), "{story}");
}

#[test]
fn settings_that_cannot_be_used_change_nothing_and_another_socket_reads_anew() {
    let layout = layout(3, vec![ours(0, 3)]);
    let mut world = World::new(&layout, 5);
    world.disturb(seconds(60), dies(0));
    world.reload(seconds(100), 0, Reload::Broken);
    world.reload(seconds(150), 0, Reload::OtherSocket);
    world.disturb(seconds(200), recovers(0));
    world.run_to(seconds(400));
    let (name, seed) = ("reloads", 5);
    let story = Story { world, name, seed };
    story.check_changes(&[2, 0, 0]);
    assert_eq!(said(&story, "the settings cannot be used"), 1);
    assert_eq!(said(&story, "reloaded"), 1);
    let reached = &monitor(&story).reached;
    assert_eq!(reached.times("output: open lists"), 2);
    assert_eq!(reached.times("output: close lists"), 1);
}

#[test]
fn a_main_thread_that_stands_still_does_what_is_due_when_it_goes_on() {
    let still = |at, time| (at, Disturbance::Still(0, seconds(time)));
    let events = [
        still(30, 20),
        (60, dies(0)),
        still(61, 120),
        (400, recovers(0)),
    ];
    let layout = layout(3, vec![ours(0, 3)]);
    tell("stands still", &layout, &events, 700, |story| {
        story.check_changes(&[2, 0, 0]);
        assert_eq!(owed(story), 0, "{story}");
        assert!(monitor(story).alarms().is_empty(), "{story}");
        assert!(notices(story).is_empty(), "{story}");
        let first = sent(story, Action::MarkDown)[0].0;
        assert!(first < seconds(61 + 120 + 40), "{first:?}");
    });
}

#[test]
fn a_command_that_a_dead_director_never_saw_is_sent_to_the_next_one() {
    let layout = layout(3, vec![ours(0, 3)]);
    let tell = |more: &[(Duration, Disturbance)]| {
        let mut world = World::new(&layout, 4);
        world.disturb(seconds(60), dies(0));
        for (at, disturbance) in more {
            world.disturb(*at, *disturbance);
        }
        world.run_to(seconds(400));
        let (name, seed) = ("not sent", 4);
        Story { world, name, seed }
    };
    let undisturbed = tell(&[]);
    let down = sent(&undisturbed, Action::MarkDown)[0].0;
    let director = |at, condition| (at, Disturbance::Director(0, condition));
    // The command is on its way for a millisecond.
    let on_the_way = down + Duration::from_micros(500);
    let story = tell(&[
        director(on_the_way, Condition::Dead),
        director(down + seconds(20), Condition::Running),
    ]);
    let reached = &monitor(&story).reached;
    assert_eq!(reached.times("reply: not sent"), 1);
    assert_eq!(said(&story, "was not sent"), 0, "the alarm says it");
    assert_eq!(sent(&story, Action::MarkDown).len(), 2);
    story.check_changes(&[1, 0, 0]);
    assert_eq!(owed(&story), 0);
}

#[test]
fn a_director_that_dies_and_comes_back_is_one_alarm_that_ends() {
    let events = [
        (60, Disturbance::Director(0, Condition::Dead)),
        (90, dies(0)),
        (200, Disturbance::Director(0, Condition::Running)),
    ];
    let layout = layout(3, vec![ours(0, 3)]);
    tell("the director dies", &layout, &events, 400, |story| {
        assert_eq!(said(story, "failover is off"), 1, "{story}");
        assert_eq!(said(story, "failover is on again"), 1, "{story}");
        assert!(notices(story).is_empty(), "{story}");
        story.check_changes(&[1, 0, 0]);
    });
}

/// The password is repaired everywhere, and at one backend the server goes on delaying logins for a while.
#[test]
fn a_login_that_is_delayed_after_the_password_was_changed_takes_nobody_down() {
    let mut layout = layout(3, vec![ours(0, 3)]);
    layout.logins = vec![Some(Login(1)); 3];
    for seed in 0..SEEDS {
        let mut world = World::new(&layout, seed);
        world.disturb(seconds(0), Disturbance::Account(0, Account::Refused));
        world.disturb(seconds(200), Disturbance::Account(0, Account::Accepted));
        world.disturb(seconds(200), Disturbance::Backend(1, Health::HalfFrozen));
        world.reload(seconds(200), 0, Reload::OtherPassword);
        world.disturb(seconds(260), recovers(1));
        world.run_to(seconds(400));
        let story = Story {
            world,
            name: "delayed after the change",
            seed,
        };
        assert_eq!(sent(&story, Action::MarkDown), [], "{story}");
        assert!(monitor(&story).alarms().is_empty(), "{story}");
        let delayed = "the server may still delay logins";
        assert!(said(&story, delayed) > 0, "{story}: it was never delayed");
    }
}

/// One that hangs at the login for another reason has had a whole series by then, and goes down.
#[test]
fn a_login_that_hangs_after_a_change_of_a_password_that_was_accepted_takes_its_backend_down() {
    let mut layout = layout(3, vec![ours(0, 3)]);
    layout.logins = vec![Some(Login(1)); 3];
    for seed in 0..SEEDS {
        let mut world = World::new(&layout, seed);
        world.disturb(seconds(200), Disturbance::Backend(1, Health::HalfFrozen));
        world.reload(seconds(200), 0, Reload::OtherPassword);
        world.run_to(seconds(400));
        let story = Story {
            world,
            name: "hangs after the change",
            seed,
        };
        let downs = sent(&story, Action::MarkDown);
        assert_eq!(downs.len(), 1, "{story}: {downs:?}");
        // Five attempts of 5 s each, and the pauses between them.
        assert!(downs[0].0 >= seconds(228), "{story}: {downs:?}");
    }
}
