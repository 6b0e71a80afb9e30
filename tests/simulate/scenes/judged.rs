//! The numbers that the work on several directors is judged by, as far as a model can tell them.

use poolmon::backend::HostState;
use poolmon::config::settings::Restore;
use poolmon::monitor::policy::{Action, Alarm};

use super::*;
use crate::history::{By, What};
use crate::ring::Condition;
use crate::world::{Account, Life, Moment};

fn monitor_and_poolmon() -> Layout {
    layout(3, vec![ours(0, 2), perl(1, 2)])
}

fn downs_by_commands(story: &Story<'_>) -> usize {
    let down = |record: &&crate::history::Record| {
        let action = match record.what {
            What::Sent { action, .. } => action,
            _ => return false,
        };
        action == Action::MarkDown
    };
    story.world.history.records.iter().filter(down).count()
}

fn alarms(story: &Story<'_>, watcher: usize) -> Vec<Alarm> {
    story.world.monitor(watcher).unwrap().alarms()
}

#[test]
fn a_blind_second_monitor_changes_nothing_and_says_so() {
    let events: Vec<_> = (0..3).map(|backend| (0, cut(1, backend))).collect();
    tell("blind second", &two_monitors(), &events, 60, |story| {
        story.check_changes(&[0, 0, 0]);
        assert!(
            matches!(alarms(story, 1)[..], [Alarm::NoRefuge(_), ..]),
            "{story}"
        );
        assert!(alarms(story, 0).is_empty(), "{story}");
    });
}

#[test]
fn a_second_monitor_that_reaches_one_of_three_costs_three_changes_a_backend() {
    let posts = vec![ours(0, 2), ours(1, 2)];
    let events = [(0, cut(1, 1)), (0, cut(1, 2))];
    tell(
        "second reaches b0",
        &layout(3, posts),
        &events,
        60,
        |story| {
            story.check_changes_at_most(&[0, 3, 3]);
            assert_eq!(
                story.longest_without_service(0, 3),
                Duration::ZERO,
                "{story}"
            );
            let disputed = alarms(story, 0);
            assert!(matches!(disputed[..], [Alarm::Disputed]), "{story}");
        },
    );
}

/// poolmon takes down whatever it does not reach, the last one too, and brings nothing of it up.
#[test]
fn a_blind_poolmon_beside_ours_leaves_one_backend_in_service() {
    let events: Vec<_> = (0..3).map(|backend| (0, cut(1, backend))).collect();
    tell(
        "blind poolmon",
        &monitor_and_poolmon(),
        &events,
        60,
        |story| {
            let mut changes: Vec<usize> = (0..3).map(|backend| story.changes(backend)).collect();
            changes.sort_unstable();
            assert!(changes[1] <= 5, "{story}: {changes:?}\n{}", story.log());
            let longest = story.longest_without_service(0, 3);
            assert!(
                longest <= Duration::from_millis(1500),
                "{story}: {longest:?}"
            );
        },
    );
}

#[test]
fn a_poolmon_that_reaches_one_of_three_costs_five_changes_a_backend() {
    let events = [(0, cut(1, 1)), (0, cut(1, 2))];
    tell(
        "poolmon reaches b0",
        &monitor_and_poolmon(),
        &events,
        60,
        |story| {
            story.check_changes_at_most(&[0, 5, 5]);
            assert_eq!(
                story.longest_without_service(0, 3),
                Duration::ZERO,
                "{story}"
            );
        },
    );
}

#[test]
fn an_account_refused_everywhere_takes_nobody_down_and_says_so() {
    let mut events: Vec<_> = vec![(100, Disturbance::Account(0, Account::Refused))];
    events.push((200, Disturbance::Account(1, Account::Refused)));
    events.push((2000, Disturbance::Account(0, Account::Accepted)));
    events.push((2100, Disturbance::Account(1, Account::Accepted)));
    tell(
        "wrong password",
        &two_monitors(),
        &events[..2],
        1900,
        |story| {
            assert_eq!(downs_by_commands(story), 0, "{story}");
            for watcher in 0..2 {
                assert!(
                    matches!(alarms(story, watcher)[..], [Alarm::Shared { .. }, ..]),
                    "{story}"
                );
            }
        },
    );
    tell(
        "password set right",
        &two_monitors(),
        &events,
        2400,
        |story| {
            story.check_changes(&[0, 0, 0]);
            assert!(alarms(story, 0).is_empty(), "{story}");
        },
    );
}

/// The director is killed after HOST-DOWN and before the drain has moved all, and so is the monitor.
#[test]
fn a_drain_that_is_lost_is_made_good_over_a_restart() {
    let events = [
        (0, Disturbance::Stubborn(1, 4)),
        (60, dies(1)),
        (72, Disturbance::Watcher(0, Life::Crash)),
        (300, Disturbance::Watcher(0, Life::Start)),
    ];
    let posts = vec![ours(0, 3)];
    tell("lost drain", &layout(3, posts), &events, 360, |story| {
        story.check_changes(&[0, 1, 0]);
        let left = story
            .world
            .history
            .records
            .iter()
            .rev()
            .find_map(|record| match record.what {
                What::Users { backend: 1, left } => Some(left),
                _ => None,
            });
        assert_eq!(left, Some(0), "{story}\n{}", story.log());
    });
}

/// With `own`, the state file alone tells the next process what is ours and what is owed.
#[test]
fn a_monitor_killed_at_any_moment_of_a_command_ends_what_it_began() {
    for moment in [Moment::Recorded, Moment::Sent, Moment::Answered] {
        for second in [0, 61, 66] {
            let mut post = ours(0, 3);
            if let Program::Ours(habits) = &mut post.program {
                habits.rules.restore = Restore::Own;
            }
            let events = [
                (50, Disturbance::KillAt(0, moment)),
                (60, dies(1)),
                (second, Disturbance::KillAt(0, moment)),
                (300, recovers(1)),
            ];
            tell(
                "killed monitor",
                &layout(2, vec![post]),
                &events,
                600,
                |story| {
                    story.check_changes(&[0, 2]);
                    let drained = |record: &crate::history::Record| {
                        matches!(
                            record.what,
                            What::Users {
                                backend: 1,
                                left: 0
                            }
                        )
                    };
                    let records = &story.world.history.records;
                    assert!(records.iter().any(drained), "{story}\n{}", story.log());
                },
            );
        }
    }
}

/// The state file's down was ours; what the list shows after the restart is another's.
#[test]
fn what_an_administrator_did_while_the_monitor_was_away_stands() {
    let mut post = ours(0, 3);
    if let Program::Ours(habits) = &mut post.program {
        habits.rules.restore = Restore::Own;
    }
    let events = [
        (60, dies(1)),
        (100, Disturbance::Watcher(0, Life::Crash)),
        (110, recovers(1)),
        (120, Disturbance::Admin(0, 1, HostState::Up)),
        (200, Disturbance::Admin(0, 1, HostState::Down)),
        (300, Disturbance::Watcher(0, Life::Start)),
    ];
    tell(
        "down while away",
        &layout(3, vec![post]),
        &events,
        900,
        |story| {
            story.check_changes(&[0, 3, 0]);
        },
    );
}

#[test]
fn one_failure_seen_at_different_intervals_costs_one_down_and_one_up() {
    for intervals in [[3, 4, 5], [2, 10, 30], [30, 10, 2], [5, 5, 5], [30, 30, 30]] {
        let posts = (0..3)
            .map(|director| ours(director, intervals[director]))
            .collect();
        let mut layout = layout(3, posts);
        layout.skews = vec![seconds(0), seconds(2), seconds(1)];
        let events = [(100, dies(1)), (400, recovers(1))];
        tell("one failure", &layout, &events, 900, |story| {
            story.check_changes(&[0, 2, 0]);
        });
    }
}

/// Not even by those who see it die while the ring is without a director.
#[test]
fn one_failure_while_a_director_is_frozen_costs_one_down_and_one_up() {
    let events = [
        (95, Disturbance::Director(0, Condition::Frozen)),
        (100, dies(1)),
        (400, recovers(1)),
        (500, Disturbance::Director(0, Condition::Running)),
    ];
    tell(
        "frozen director",
        &three_monitors(),
        &events,
        900,
        |story| {
            story.check_changes_at_most(&[0, 2, 0]);
            let last = story.world.history.changes(1).last().map(|(_, to, _)| *to);
            assert_eq!(last, Some(HostState::Up), "{story}\n{}", story.log());
        },
    );
}

#[test]
fn users_who_are_moved_to_a_drained_backend_are_left_alone() {
    let events = [(60, dies(1)), (120, Disturbance::UserMoved(1))];
    tell("user moved", &three_monitors(), &events, 400, |story| {
        let drains = story.world.history.records.iter().filter(|record| {
            matches!(
                record.what,
                What::Sent {
                    action: Action::Drain,
                    ..
                }
            )
        });
        assert_eq!(drains.count(), 1, "{story}\n{}", story.log());
        let by_admin = |by: &By| *by == By::Admin;
        assert!(!story
            .world
            .history
            .changes(1)
            .iter()
            .any(|(.., by)| by_admin(by)));
    });
}

fn with_own(mut layout: Layout) -> Layout {
    for post in &mut layout.posts {
        if let Program::Ours(habits) = &mut post.program {
            habits.rules.restore = Restore::Own;
        }
    }
    layout
}

/// When a backend was changed to this state last.
fn last_change(story: &Story<'_>, backend: usize) -> (Duration, HostState) {
    let changes = story.world.history.changes(backend);
    let (at, state, _) = changes.last().expect("a change");
    (*at, *state)
}

fn users_on(story: &Story<'_>, backend: usize) -> Option<(Duration, u64)> {
    let history = &story.world.history;
    history
        .records
        .iter()
        .rev()
        .find_map(|record| match record.what {
            What::Users { backend: b, left } if b == backend => {
                Some((record.at - history.start, left))
            }
            _ => None,
        })
}

/// A director that starts lists what it knew, `U` with stamp 0, until it has heard the ring.
#[test]
fn with_own_a_director_that_restarts_does_not_keep_a_backend_down() {
    let mut events = vec![(60, dies(1)), (300, recovers(1))];
    for director in 0..3 {
        let at = 120 + 50 * director as u64;
        events.push((at, Disturbance::Director(director, Condition::Dead)));
        events.push((at + 1, Disturbance::Director(director, Condition::Running)));
    }
    tell(
        "directors restart",
        &with_own(three_monitors()),
        &events,
        900,
        |story| {
            story.check_changes(&[0, 2, 0]);
            let (at, state) = last_change(story, 1);
            assert_eq!(state, HostState::Up, "{story}");
            assert!(at < seconds(300 + 10), "{story}: {at:?}\n{}", story.log());
        },
    );
}

/// Not even where the backend comes back while the director has not heard of its down yet.
#[test]
fn with_own_a_backend_that_recovers_while_its_director_restarts_comes_up() {
    for after in 0..4 {
        let events = [
            (60, dies(1)),
            (120, Disturbance::Director(0, Condition::Dead)),
            (121, Disturbance::Director(0, Condition::Running)),
            (119 + after, recovers(1)),
        ];
        let layout = with_own(layout(3, vec![ours(0, 3), ours(1, 3)]));
        tell("recovers meanwhile", &layout, &events, 400, |story| {
            let (at, state) = last_change(story, 1);
            assert_eq!(state, HostState::Up, "{story}\n{}", story.log());
            assert!(at < seconds(140), "{story}: {at:?}\n{}", story.log());
        });
    }
}

/// The others wait with their downs, so it is the first monitor that takes the backend down.
#[test]
fn users_of_a_monitor_that_is_lost_after_its_down_are_moved_by_the_others() {
    for ahead in [0, 90] {
        let mut layout = three_monitors();
        for post in &mut layout.posts[1..] {
            if let Program::Ours(habits) = &mut post.program {
                habits.rules.down_delay = seconds(30);
            }
        }
        layout.skews[0] = seconds(ahead);
        let events = [
            (50, Disturbance::LoseAt(0, Moment::Sent)),
            (60, dies(1)),
            (200, Disturbance::UserMoved(1)),
        ];
        tell("lost monitor", &layout, &events, 400, |story| {
            story.check_changes(&[0, 1, 0]);
            let (down, _) = last_change(story, 1);
            let moved = story
                .world
                .history
                .records
                .iter()
                .find_map(|record| match record.what {
                    What::Users {
                        backend: 1,
                        left: 0,
                    } => Some(record.at - story.world.history.start),
                    _ => None,
                });
            let in_time = moved.map_or(false, |moved| moved < down + seconds(20));
            assert!(in_time, "{story}: {moved:?}\n{}", story.log());
            // Who comes later stays.
            let (at, left) = users_on(story, 1).expect("users");
            assert_eq!((at, left), (seconds(200), 1), "{story}\n{}", story.log());
        });
    }
}

#[test]
fn a_death_after_an_administrators_down_moves_the_users_away() {
    for layout in [three_monitors(), with_own(three_monitors())] {
        let events = [
            (60, Disturbance::Admin(0, 1, HostState::Down)),
            (70, dies(1)),
        ];
        tell("down and dead", &layout, &events, 300, |story| {
            story.check_changes(&[0, 1, 0]);
            let (at, left) = users_on(story, 1).expect("users");
            assert_eq!(left, 0, "{story}\n{}", story.log());
            assert!(at < seconds(70 + 20), "{story}: {at:?}\n{}", story.log());
            assert!(at > seconds(70), "{story}: they stay while it is healthy");
        });
    }
}

/// It comes back before they are all moved. It may stay down for ever, so they stay, and none of them is owed
/// anything. When it dies again, they are moved.
#[test]
fn users_of_an_administrators_down_stay_from_when_it_passes_until_it_dies_again() {
    let events = [
        (60, Disturbance::Admin(0, 1, HostState::Down)),
        (65, Disturbance::Stubborn(1, 1000)),
        (70, dies(1)),
        (110, recovers(1)),
        (160, Disturbance::Stubborn(1, 0)),
        (300, dies(1)),
    ];
    for layout in [layout(3, vec![ours(0, 3)]), three_monitors()] {
        let layout = with_own(layout);
        tell("down, dead, back", &layout, &events[..5], 290, |story| {
            story.check_changes(&[0, 1, 0]);
            let drain = |record: &crate::history::Record| {
                let is_drain = |action| action == Action::Drain;
                matches!(record.what, What::Sent { action, .. } if is_drain(action))
            };
            let mut records = story.world.history.records.iter();
            assert!(records.any(drain), "{story}\n{}", story.log());
            for watcher in 0..layout.posts.len() {
                let engine = story.world.monitor(watcher).unwrap().engine();
                for (address, member) in engine.backends().members() {
                    let owed = &member.pending_drain;
                    assert!(owed.is_none(), "{story}: w{watcher} {address} {owed:?}");
                }
            }
            let (_, left) = users_on(story, 1).expect("users");
            assert_eq!(left, 10, "{story}\n{}", story.log());
        });
        tell("down, dead again", &layout, &events, 400, |story| {
            let (at, left) = users_on(story, 1).expect("users");
            assert_eq!(left, 0, "{story}\n{}", story.log());
            assert!(at > seconds(300), "{story}: they stay while it is healthy");
            assert!(at < seconds(320), "{story}: {at:?}\n{}", story.log());
        });
    }
}

#[test]
fn a_monitor_that_restarts_holds_somebodys_down_as_long_as_one_that_ran_on() {
    let mut events = vec![(60, Disturbance::Admin(0, 1, HostState::Down))];
    for at in [65, 90, 110] {
        events.push((at, Disturbance::Watcher(0, Life::Start)));
        events.push((at + 1, Disturbance::Watcher(1, Life::StartWithoutStateFile)));
    }
    tell("restarts", &two_monitors(), &events, 300, |story| {
        story.check_changes(&[0, 2, 0]);
        let (at, state) = last_change(story, 1);
        assert_eq!(state, HostState::Up, "{story}");
        assert!(
            (seconds(118)..seconds(130)).contains(&at),
            "{story}: {at:?}\n{}",
            story.log()
        );
    });
}
