//! Services that meet faults of this machine: how long they are tried again before rounds go on
//! without them.
//!
//! A local fault says nothing about its service. One that lasts leaves the service out, and the round is
//! judged by the others as if this one were not checked. One that passes in a moment must not do that:
//! a backend that is down for this very service would come up without it having been looked at.

use std::time::{Duration, Instant};

use super::Step;
use crate::outcome::{Failure, Fault, Stage};

/// From a local fault to the next attempt, on the service or, where a round had nothing else, on the
/// backend.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// How long a service has to have met nothing but local faults until rounds go on without it. A lookup
/// of a name is over by then where DNS works.
const PATIENCE: Duration = Duration::from_secs(3);

/// What each service has met, if nothing but local faults since.
#[derive(Debug)]
pub(super) struct LocalFaults(Vec<Option<Met>>);

#[derive(Clone, Copy, Debug)]
struct Met {
    since: Instant,
    /// Of the latest.
    place: Place,
}

/// What has to be tried to see whether a local fault is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    UpToGreeting,
    BehindGreeting,
}

impl LocalFaults {
    pub(super) fn new(services: usize) -> LocalFaults {
        LocalFaults(vec![None; services])
    }

    pub(super) fn on_fault(&mut self, service: usize, failure: &Failure, ended: Instant) -> Step {
        // Where an attempt broke off by a defect of this program is not known.
        let place = match failure.stage > Stage::Greeting || failure.fault == Fault::Panicked {
            true => Place::BehindGreeting,
            false => Place::UpToGreeting,
        };
        let since = self.0[service].map_or(ended, |met| met.since);
        self.0[service] = Some(Met { since, place });
        match self.leaves_out(service, ended) {
            true => Step::LeaveOut,
            false => Step::Again { after: PAUSE },
        }
    }

    /// Whether rounds go on without this service, if it still meets nothing but local faults then.
    pub(super) fn leaves_out(&self, service: usize, then: Instant) -> bool {
        self.0[service].map_or(false, |met| {
            then.saturating_duration_since(met.since) >= PATIENCE
        })
    }

    /// The service has greeted, and no more was tried. Returns whether rounds have gone on without it and no longer do.
    pub(super) fn on_greeted(&mut self, service: usize, ended: Instant) -> bool {
        if self.0[service].map_or(false, |met| met.place == Place::BehindGreeting) {
            return false;
        }
        let is_back = self.leaves_out(service, ended);
        self.on_answer(service);
        is_back
    }

    /// The service passed or failed by itself.
    pub(super) fn on_answer(&mut self, service: usize) {
        self.0[service] = None;
    }
}
