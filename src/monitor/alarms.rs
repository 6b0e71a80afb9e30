//! Alarms: what holds now, put together from the policy and from what only the engine knows, and
//! compared with what has been said.
//!
//! Each turn ends with it.

use std::time::Instant;

use super::Engine;
use crate::monitor::policy;
use crate::monitor::standing_alarms::{AlarmKind, Holding, SpreadLine};

/// What an alarm is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The backends' state.
    Policy(policy::Alarm),
    /// Backends have no thread that probes them.
    Unwatched,
}

impl Topic {
    /// In snake case, for machines.
    pub fn word(&self) -> &'static str {
        match self {
            Topic::Policy(alarm) => alarm.word(),
            Topic::Unwatched => "unwatched",
        }
    }
}

impl AlarmKind for Topic {
    fn spread_line(&self) -> SpreadLine {
        use policy::Alarm::*;
        match self {
            Topic::Policy(NotOurs | Disputed) => SpreadLine::OnlyNew,
            // Each of these has a line "has failed" of its own, so only the whole line is said again.
            Topic::Policy(
                WithoutService(_)
                | NoRefuge(_)
                | Shared { .. }
                | DownDelayLimit
                | MaxDown(_)
                | BroughtUp,
            ) => SpreadLine::All,
            // It is about no backend, so it cannot spread.
            Topic::Policy(NoBackend) => SpreadLine::All,
            // The line counts them, so it has to be said in whole.
            Topic::Unwatched => SpreadLine::All,
        }
    }
}

impl Engine {
    pub(super) fn review_alarms(&mut self) {
        let now = self.now.instant;
        let holding = self.alarms_that_hold();
        for announcement in self.alarms.on_state(holding, now) {
            self.announce(&announcement);
        }
    }

    /// Other services are checked from now on: the places of the old ones say nothing any more.
    pub(super) fn end_alarms_of_checks(&mut self) {
        let is_over = |topic: &Topic| matches!(topic, Topic::Policy(policy::Alarm::Shared { .. }));
        for announcement in self.alarms.end(is_over) {
            self.announce(&announcement);
        }
    }

    /// When to look again although nothing happens.
    pub(super) fn alarms_due(&self) -> Option<Instant> {
        self.alarms.next_due()
    }

    /// What the alarms that hold are about, also those that are not worth a line yet.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.alarms.holding()
    }

    /// Every source of alarms adds what holds.
    fn alarms_that_hold(&mut self) -> Holding<Topic> {
        let mut of_policy = policy::Alarms::new();
        if !self.backends.is_all_well() {
            self.backends.measure(self.now.instant);
            of_policy = policy::alarms(&self.backends, self.now.instant);
        }
        if self.lists.unread > 0 {
            // Backends are listed, and cannot be read, which is said.
            of_policy.remove(&policy::Alarm::NoBackend);
        }
        let mut holding: Holding<Topic> = of_policy
            .into_iter()
            .map(|(alarm, about)| (Topic::Policy(alarm), about))
            .collect();
        let unwatched = self.not_watched_for_want_of_threads();
        if !unwatched.is_empty() {
            holding.insert(Topic::Unwatched, unwatched);
        }
        holding
    }
}
