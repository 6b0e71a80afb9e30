//! Alarms: what holds now, put together from the policy and from what only the coordinator knows, and
//! compared with what has been said.
//!
//! Each turn ends with it; where all is well that costs nothing.

use std::time::Instant;

use super::Coordinator;
use crate::notices::State;
use crate::policy;

/// What an alarm is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// The backends' state.
    Policy(policy::Alarm),
    /// Backends have no thread that probes them.
    Unwatched,
}

/// When something that looks at all backends is done again: where a site fails, thousands of verdicts a
/// second come in. It takes a tenth of the time at most.
pub(super) struct Review {
    pub(super) wanted: bool,
    not_before: Instant,
}

impl Review {
    pub(super) fn new(now: Instant) -> Review {
        Review {
            wanted: false,
            not_before: now,
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.wanted.then_some(self.not_before)
    }

    /// Whether it is to be done now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due().map_or(false, |due| now >= due)
    }

    pub(super) fn on_done(&mut self, began: Instant, ended: Instant) {
        self.wanted = false;
        self.not_before = ended + (ended - began) * 9;
    }
}

impl Coordinator {
    pub(super) fn review_alarms(&mut self) {
        let began = Instant::now();
        self.alarm_review.wanted = true;
        if !self.alarm_review.is_due(began) {
            return;
        }
        let state = self.alarms_that_hold(began);
        if !(state.is_empty() && self.alarms.are_none()) {
            for call in self.alarms.on_state(state, began) {
                self.log_call(&call);
            }
        }
        self.alarm_review.on_done(began, Instant::now());
    }

    /// Other services are checked from now on: the places of the old ones say nothing any more.
    pub(super) fn end_alarms_of_checks(&mut self) {
        let is_over = |topic: &Topic| matches!(topic, Topic::Policy(policy::Alarm::Shared { .. }));
        for call in self.alarms.end(is_over) {
            self.log_call(&call);
        }
    }

    /// When to look again although nothing happens.
    pub(super) fn alarms_due(&self) -> Option<Instant> {
        let next = || self.alarms.next_due();
        let due = self.alarm_review.due().or_else(next)?;
        Some(due.max(self.alarm_review.not_before))
    }

    /// Every source of alarms adds what holds.
    fn alarms_that_hold(&mut self, now: Instant) -> State<Topic> {
        let of_policy = policy::alarms(&mut self.fleet, now);
        let mut state: State<Topic> = of_policy
            .into_iter()
            .map(|(alarm, about)| (Topic::Policy(alarm), about))
            .collect();
        let unwatched = self.not_watched_for_want_of_threads();
        if !unwatched.is_empty() {
            state.insert(Topic::Unwatched, unwatched);
        }
        state
    }
}
