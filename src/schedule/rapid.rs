//! dovemon's plan: failures are counted for each service from poll to poll; so many in a row start a
//! rapid round of that service alone, which decides.
//!
//! In a poll every service is tried once, also after another has failed. A service that has failed so
//! often in a row is given so many more time-outs. Once a backend has failed for good, a poll ends at
//! its first failure, and nothing is counted until a poll has passed.

use std::time::{Duration, Instant};

use super::{Standing, Step};
use crate::config::settings::Rapid;
use crate::outcome::{Failure, Fault, Pass};

/// Failures in a row in past polls, by service.
#[derive(Debug)]
pub(super) struct Counts(Vec<u32>);

/// The rapid round under way, if one is.
#[derive(Debug, Default)]
pub(super) struct Burst(Option<Progress>);

#[derive(Debug, Default)]
struct Progress {
    attempts: u32,
    failures: u32,
}

impl Counts {
    pub(super) fn new(services: usize) -> Counts {
        Counts(vec![0; services])
    }

    pub(super) fn forget(&mut self) {
        self.0.fill(0);
    }
}

/// How long an attempt may take: 3, 6, 9 s as the failures add up.
pub(super) fn timeout(
    rapid: &Rapid,
    usual: Duration,
    counts: &Counts,
    service: usize,
    burst: &Burst,
) -> Duration {
    match burst.0 {
        Some(_) => rapid.rapid_timeout,
        None => usual.saturating_mul(counts.0[service].saturating_add(1)),
    }
}

pub(super) fn on_result(
    rapid: &Rapid,
    standing: Standing,
    count: (&mut Counts, usize),
    burst: &mut Burst,
    result: Result<Pass, &Failure>,
) -> Step {
    let (counts, service) = count;
    let step = match burst.0.take() {
        Some(progress) => progress.on_result(rapid, burst, result),
        None => {
            let count = &mut counts.0[service];
            match result {
                Ok(_) => Step::NextService,
                Err(_) if standing == Standing::Failed => Step::Failed,
                Err(_) => {
                    *count = count.saturating_add(1);
                    if *count < rapid.retry_count {
                        return Step::NextService;
                    }
                    if rapid.rapid_rounds > 0 {
                        burst.0 = Some(Progress::default());
                        return Step::Again {
                            after: Duration::ZERO,
                        };
                    }
                    Step::Failed
                }
            }
        }
    };
    match step {
        Step::Again { .. } | Step::LeaveOut => {}
        Step::NextService => counts.0[service] = 0,
        Step::Failed => counts.forget(),
    }
    step
}

impl Progress {
    fn on_result(
        mut self,
        rapid: &Rapid,
        burst: &mut Burst,
        result: Result<Pass, &Failure>,
    ) -> Step {
        self.attempts += 1;
        if let Err(failure) = result {
            self.failures += 1;
            // Where fewer attempts are made than are to fail, all have to.
            let needed = rapid.rapid_fails_needed.min(rapid.rapid_rounds);
            if failure.fault == Fault::TimedOut || self.failures >= needed {
                return Step::Failed;
            }
        }
        if self.attempts >= rapid.rapid_rounds {
            return Step::NextService;
        }
        burst.0 = Some(self);
        Step::Again {
            after: Duration::ZERO,
        }
    }
}

/// The next poll starts a whole number of intervals after this one, and not before it has ended.
pub(super) fn next_start(started: Instant, ended: Instant, interval: Duration) -> Instant {
    let taken = ended.saturating_duration_since(started);
    if taken <= interval {
        return started + interval;
    }
    let beyond = Duration::from_nanos(
        u64::try_from(taken.as_nanos() % interval.as_nanos().max(1)).unwrap_or(0),
    );
    match beyond {
        Duration::ZERO => ended,
        beyond => ended + (interval - beyond),
    }
}
