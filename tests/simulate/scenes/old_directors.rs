//! Directors that know fewer commands: what is told them in place of those.

use super::*;
use crate::history::{Record, What};
use crate::reached::CLOSED;
use crate::ring::Age;

fn old(age: Age) -> Layout {
    Layout {
        age,
        ..two_monitors()
    }
}

/// One failure costs a down and an up, and its users are gone in between, whatever the directors know.
fn check_one_failure(age: Age, closed: usize) {
    let events = [(60, dies(1)), (160, recovers(1))];
    let name = format!("b1 dead for 100 s, directors {age:?}");
    tell(&name, &old(age), &events, 400, |story| {
        story.check_changes(&[0, 2, 0]);
        let reached = story.world.reached();
        assert_eq!(reached.times(CLOSED), closed, "{story}\n{}", story.log());
        let records = story.world.history.records.iter();
        let gone = records.filter(|record| {
            let Record { what, .. } = record;
            matches!(
                what,
                What::Users {
                    backend: 1,
                    left: 0
                }
            )
        });
        assert_eq!(gone.count(), 1, "{story}\n{}", story.log());
    });
}

#[test]
fn a_director_that_knows_no_limit_of_moves_is_asked_without_it() {
    check_one_failure(Age::WithoutLimit, 1);
}

#[test]
fn a_director_that_knows_vhost_counts_alone_is_told_those() {
    check_one_failure(Age::VhostCounts, 0);
}
