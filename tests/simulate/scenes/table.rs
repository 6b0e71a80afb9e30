//! What the rules have to cost at most, by the table in which they were designed: three backends,
//! intervals of 3 to 5 s, retries that take 4.5 s.

use poolmon::backend::HostState;
use poolmon::config::settings::Restore;

use super::*;
use crate::ring::Condition;
use crate::world::Program;

/// Never all down: beside the first list of a director nothing is listed but what was changed.
fn never_all_down(story: &Story<'_>) {
    for director in 0..2 {
        assert_eq!(
            story.longest_without_service(director, 3),
            Duration::ZERO,
            "{story}"
        );
    }
}

#[test]
fn one_failure_seen_by_three_monitors_costs_two_changes() {
    let events = [(60, dies(1)), (160, recovers(1))];
    tell(
        "three see b1 dead for 100 s",
        &three_monitors(),
        &events,
        600,
        |story| {
            story.check_changes(&[0, 2, 0]);
            never_all_down(story);
        },
    );
}

#[test]
fn an_unsteady_backend_costs_fifteen_changes_in_twenty_minutes() {
    let mut events = Vec::new();
    for turn in 0..15 {
        events.push((60 + turn * 80, dies(1)));
        events.push((100 + turn * 80, recovers(1)));
    }
    tell(
        "b1 dead and alive in turn",
        &three_monitors(),
        &events,
        1260,
        |story| {
            story.check_changes_at_most(&[0, 15, 0]);
            never_all_down(story);
        },
    );
}

#[test]
fn a_blind_monitor_changes_nothing() {
    let events: Vec<_> = (0..3).map(|backend| (0, cut(1, backend))).collect();
    tell(
        "the second of two is blind",
        &two_monitors(),
        &events,
        600,
        |story| {
            story.check_changes(&[0, 0, 0]);
            never_all_down(story);
        },
    );
}

#[test]
fn a_monitor_that_reaches_one_of_three_costs_one_change_each_in_a_minute() {
    let events = [(0, cut(1, 1)), (0, cut(1, 2))];
    tell(
        "the second reaches only b0, 1 min",
        &two_monitors(),
        &events,
        60,
        |story| {
            story.check_changes_at_most(&[0, 1, 1]);
            never_all_down(story);
        },
    );
}

#[test]
fn a_monitor_that_reaches_one_of_three_costs_thirteen_changes_each_in_two_hours() {
    let events = [(0, cut(1, 1)), (0, cut(1, 2))];
    tell(
        "the second reaches only b0, 2 h",
        &two_monitors(),
        &events,
        7200,
        |story| {
            story.check_changes_at_most(&[0, 13, 13]);
            never_all_down(story);
        },
    );
}

#[test]
fn three_monitors_that_miss_another_backend_each_never_take_all_down() {
    let events: Vec<_> = (0..3).map(|watcher| (0, cut(watcher, watcher))).collect();
    tell(
        "each blind to another",
        &three_monitors(),
        &events,
        7200,
        |story| {
            let changes: usize = (0..3).map(|backend| story.changes(backend)).sum();
            assert!(changes <= 56, "{story}: {changes}\n{}", story.log());
            never_all_down(story);
        },
    );
}

#[test]
fn everything_dead_and_back_costs_nothing() {
    let mut events: Vec<_> = (0..3).map(|backend| (60, dies(backend))).collect();
    events.extend((0..3).map(|backend| (160, recovers(backend))));
    tell(
        "everything dead for 100 s",
        &three_monitors(),
        &events,
        600,
        |story| {
            story.check_changes(&[0, 0, 0]);
            never_all_down(story);
        },
    );
}

#[test]
fn the_last_of_three_that_die_one_by_one_stays_up() {
    let mut events: Vec<_> = (0..3)
        .map(|backend| (50 + 50 * backend as u64, dies(backend)))
        .collect();
    events.extend((0..3).map(|backend| (400, recovers(backend))));
    tell(
        "b0, b1, b2 die 50 s apart",
        &three_monitors(),
        &events,
        900,
        |story| {
            story.check_changes(&[2, 2, 0]);
            never_all_down(story);
        },
    );
}

#[test]
fn an_administrators_down_is_undone_or_left() {
    for (restore, expected) in [(Restore::Any, [0, 2, 0]), (Restore::Own, [0, 1, 0])] {
        let mut layout = three_monitors();
        for post in &mut layout.posts {
            if let Program::Ours(habits) = &mut post.program {
                habits.rules.restore = restore;
            }
        }
        let events = [(60, Disturbance::Admin(0, 1, HostState::Down))];
        tell(
            "an administrator takes b1 down",
            &layout,
            &events,
            900,
            |story| {
                story.check_changes(&expected);
                never_all_down(story);
            },
        );
    }
}

#[test]
fn a_director_that_forgets_a_dead_backend_is_told_again() {
    let events = [
        (60, dies(1)),
        (120, Disturbance::Director(0, Condition::Dead)),
        (121, Disturbance::Director(0, Condition::Running)),
        (200, recovers(1)),
    ];
    let posts = vec![ours(0, 3)];
    tell(
        "the director restarts",
        &layout(3, posts),
        &events,
        600,
        |story| {
            story.check_changes(&[0, 4, 0]);
        },
    );
}
