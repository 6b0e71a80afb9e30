//! poolmon's plan: a port that failed is tried again after a short pause, four times by default,
//! before the next port has its turn.

use std::time::Duration;

use super::{Standing, Step};
use crate::config::settings::Retries;
use crate::outcome::{Failure, Pass};

/// The service being tried.
#[derive(Debug, Default)]
pub(super) struct Trying {
    /// Failed attempts so far.
    failures: u32,
}

impl Trying {
    pub(super) fn on_result(
        &mut self,
        retries: &Retries,
        standing: Standing,
        result: Result<Pass, &Failure>,
    ) -> Step {
        if result.is_ok() {
            self.failures = 0;
            return Step::NextService;
        }
        self.failures += 1;
        // Retries protect a healthy backend from one bad moment. One that has failed already is tried
        // once a round: poolmon tries it five times, and learns nothing that the next round would not
        // tell.
        if standing == Standing::Failed || self.failures > retries.retries {
            return Step::Failed;
        }
        Step::Again {
            after: self.pause(retries.retry_delay),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// poolmon: 3 s before the first retry, 0.5 s between the others.
    fn pause(&self, first: Duration) -> Duration {
        match self.failures {
            1 => first,
            _ => first / 6,
        }
    }
}
