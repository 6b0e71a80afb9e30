//! poolmon's plan: a port that failed is tried again after a short pause, four times by default,
//! before the next port has its turn.

use std::time::Duration;

use super::{Failed, Retry, Step};
use crate::config::settings::Retries;
use crate::outcome::{Blame, Pass};

/// The service being tried.
#[derive(Debug, Default)]
pub(super) struct Trying {
    /// Failed attempts so far.
    failures: u32,
    /// The latest of them in a row that failed by a fault of the service's own.
    own_in_row: u32,
}

impl Trying {
    pub(super) fn on_result(
        &mut self,
        retries: &Retries,
        result: Result<Pass, Failed<'_>>,
    ) -> Step {
        let failed = match result {
            Ok(_) => return Step::NextService,
            Err(failed) => failed,
        };
        self.failures += 1;
        // An attempt that got as far as a shared fault is to a fault of the service's own what a pass
        // is: one is enough, and the series begins anew.
        let in_row = match failed.blame() {
            Blame::Shared => {
                self.own_in_row = 0;
                self.failures
            }
            Blame::Service | Blame::Local => {
                self.own_in_row += 1;
                self.own_in_row
            }
        };
        // Retries protect a healthy backend from one bad moment. One that has failed already is tried
        // once a round: poolmon tries it five times, and learns nothing that the next round would not
        // tell.
        if failed.known || in_row > retries.retries {
            return Step::Failed;
        }
        Step::Again {
            after: self.pause(retries.retry_delay),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// How far it is from having failed for good in this round, if it has failed at all, and whose fault the latest failure
    /// was.
    pub(super) fn retry(&self, retries: &Retries, service: usize) -> Option<(Retry, Blame)> {
        // The latest one was a shared fault where none in a row is the service's own.
        let (in_row, blame) = match self.own_in_row {
            0 => (self.failures, Blame::Shared),
            own => (own, Blame::Service),
        };
        let retry = Retry {
            service,
            failed: self.failures,
            left: (retries.retries + 1).saturating_sub(in_row).max(1),
        };
        self.has_failed().then_some((retry, blame))
    }

    /// poolmon: 3 s before the first retry, 0.5 s between the others.
    fn pause(&self, first: Duration) -> Duration {
        match self.failures {
            1 => first,
            _ => first / 6,
        }
    }
}
