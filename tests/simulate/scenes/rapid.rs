//! dovemon's plan with its documented defaults, on three monitors: what a failure costs, and how soon
//! it is acted on.

use poolmon::config::settings::Rapid;

use super::*;
use crate::world::Program;

fn dovemons() -> Layout {
    as_dovemon(three_monitors())
}

/// One monitor on three backends.
pub fn dovemon() -> Layout {
    as_dovemon(layout(3, vec![ours(0, 10)]))
}

fn as_dovemon(mut layout: Layout) -> Layout {
    for post in &mut layout.posts {
        if let Program::Ours(habits) = &mut post.program {
            habits.pace = Pace {
                interval: seconds(10),
                login_interval: seconds(0),
                timeout: seconds(3),
                plan: Plan::Rapid(Rapid {
                    retry_count: 3,
                    rapid_rounds: 10,
                    rapid_fails_needed: 7,
                    rapid_timeout: seconds(2),
                }),
                rise: 1,
                fall: 1,
            };
        }
    }
    layout
}

#[test]
fn one_failure_costs_two_changes() {
    let events = [(60, dies(1)), (200, recovers(1))];
    tell("b1 dead for 140 s", &dovemons(), &events, 600, |story| {
        story.check_changes(&[0, 2, 0]);
    });
}

#[test]
fn a_failure_of_less_than_two_intervals_changes_nothing() {
    let events = [(60, dies(1)), (78, recovers(1))];
    tell("b1 dead for 18 s", &dovemons(), &events, 600, |story| {
        story.check_changes(&[0, 0, 0]);
    });
}

#[test]
fn what_fails_everywhere_changes_nothing() {
    let all = |event: fn(usize) -> Disturbance| (0..3).map(event);
    let mut events: Vec<_> = all(dies).map(|event| (60, event)).collect();
    events.extend(all(recovers).map(|event| (160, event)));
    tell("all dead for 100 s", &dovemons(), &events, 600, |story| {
        story.check_changes(&[0, 0, 0]);
    });
}

#[test]
fn one_after_the_other_dies_and_all_come_back() {
    let mut events: Vec<_> = (0..3).map(|b| (60 + 80 * b as u64, dies(b))).collect();
    events.extend((0..3).map(|backend| (500, recovers(backend))));
    tell("80 s apart", &dovemons(), &events, 1200, |story| {
        story.check_changes(&[2, 2, 0]);
    });
}
