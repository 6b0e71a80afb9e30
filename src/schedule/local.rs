//! Services that meet faults of this machine: how long they are tried again before rounds go on
//! without them.
//!
//! A local fault says nothing about its service. One that lasts leaves the service out, and the round is
//! judged by the others as if this one were not checked. One that passes in a moment must not do that:
//! a backend that is down for this very service would come up without it having been looked at.

use std::time::{Duration, Instant};

use super::Step;
use crate::outcome::Outcome;

/// From a local fault to the next attempt, on the service or, where a round had nothing else, on the
/// backend.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// How long a service has to have met nothing but local faults until rounds go on without it. A lookup
/// of a name is over by then where DNS works.
const PATIENCE: Duration = Duration::from_secs(3);

/// By service, since when it has met nothing but local faults.
#[derive(Debug)]
pub(super) struct LocalFaults(Vec<Option<Instant>>);

impl LocalFaults {
    pub(super) fn new(services: usize) -> LocalFaults {
        LocalFaults(vec![None; services])
    }

    pub(super) fn on_fault(&mut self, service: usize, outcome: &Outcome) -> Step {
        let ended = outcome.ended();
        let since = *self.0[service].get_or_insert(ended);
        match ended.saturating_duration_since(since) >= PATIENCE {
            true => Step::LeaveOut,
            false => Step::Again { after: PAUSE },
        }
    }

    /// The service passed or failed by itself.
    pub(super) fn on_answer(&mut self, service: usize) {
        self.0[service] = None;
    }
}
