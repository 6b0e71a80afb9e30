//! dovemon's plan: failures are counted for each service from poll to poll; so many in a row start a
//! rapid round of that service alone, which decides.
//!
//! In a poll every service is tried once, also after another has failed. A service that has failed so
//! often in a row is given so many more time-outs. Once it has failed for good, one failure more is
//! enough, and nothing is counted until it has passed.
//!
//! A fault of the service's own needs a series of its own: neither a refused login that then times out, nor a login
//! refused by a backend that then dies, is one. A shared fault goes on with whatever failed before it, as that got no
//! further either.

use std::time::{Duration, Instant};

use super::{Failed, Retry, Step};
use crate::config::settings::Rapid;
use crate::outcome::{Blame, Fault, Pass};

/// Failures in a row in past polls, by service.
#[derive(Debug)]
pub(super) struct Counts(Vec<Count>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    failures: u32,
    /// The latest of them in a row that were faults of the service's own.
    own: u32,
}

/// The rapid round under way, if one is.
#[derive(Debug, Default)]
pub(super) struct Burst(Option<Progress>);

/// How a rapid round goes that a failure of this blame has led to.
#[derive(Debug)]
struct Progress {
    blame: Blame,
    /// Of the latest failure.
    latest: Blame,
    attempts: u32,
    failures: u32,
    /// Those of them that were faults of the service's own.
    own: u32,
}

impl Counts {
    pub(super) fn new(services: usize) -> Counts {
        Counts(vec![Count::default(); services])
    }

    /// No failure is counted.
    pub(super) fn are_none(&self) -> bool {
        self.0.iter().all(|count| count.failures == 0)
    }

    fn forget(&mut self) {
        self.0.fill(Count::default());
    }
}

impl Count {
    /// Returns how long the series is that this failure belongs to.
    fn on_failure(&mut self, blame: Blame) -> u32 {
        self.failures = self.failures.saturating_add(1);
        match blame {
            Blame::Shared => {
                self.own = 0;
                self.failures
            }
            Blame::Service | Blame::Local => {
                self.own = self.own.saturating_add(1);
                self.own
            }
        }
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
        None => usual.saturating_mul(counts.0[service].failures.saturating_add(1)),
    }
}

pub(super) fn on_result(
    rapid: &Rapid,
    count: (&mut Counts, usize),
    burst: &mut Burst,
    result: Result<Pass, Failed<'_>>,
) -> Step {
    let (counts, service) = count;
    let step = match (burst.0.take(), result) {
        (_, Err(failed)) if failed.known => Step::Failed,
        (Some(progress), _) => progress.on_result(rapid, burst, result),
        (None, result) => match result {
            Ok(_) => Step::NextService,
            Err(failed) => {
                let in_row = counts.0[service].on_failure(failed.blame());
                if in_row < rapid.retry_count {
                    return Step::NextService;
                }
                if rapid.retry_count > 0 && rapid.rapid_rounds > 0 {
                    burst.0 = Some(Progress::new(failed.blame()));
                    return Step::Again {
                        after: Duration::ZERO,
                    };
                }
                Step::Failed
            }
        },
    };
    match step {
        Step::Again { .. } | Step::LeaveOut => {}
        Step::NextService => counts.0[service] = Count::default(),
        Step::Failed => match result {
            // The poll goes on, and so does the counting of the other services.
            Err(failed) if failed.blame() == Blame::Shared => counts.0[service] = Count::default(),
            _ => counts.forget(),
        },
    }
    step
}

/// How far a service is from having failed for good in this round, and whose fault that would be: the service that a
/// rapid round is under way for, or else the first that has failed in past polls.
pub(super) fn retry(
    rapid: &Rapid,
    counts: &Counts,
    under_way: Option<(&Burst, usize)>,
) -> Option<(Retry, Blame)> {
    let needed = rapid.fails_needed();
    if let Some((Burst(Some(progress)), service)) = under_way {
        let retry = Retry {
            service,
            failed: counts.0[service].failures.saturating_add(progress.failures),
            left: needed
                .saturating_sub(progress.series(progress.latest))
                .max(1),
        };
        return Some((retry, progress.latest));
    }
    let failed = |count: &Count| count.failures > 0;
    let service = counts.0.iter().position(failed)?;
    let count = counts.0[service];
    let (in_row, blame) = match count.own {
        0 => (count.failures, Blame::Shared),
        own => (own, Blame::Service),
    };
    let polls = rapid.retry_count.saturating_sub(in_row).max(1);
    let retry = Retry {
        service,
        failed: count.failures,
        left: polls.saturating_add(needed),
    };
    Some((retry, blame))
}

impl Rapid {
    /// Where fewer attempts are made than are to fail, all have to.
    fn fails_needed(&self) -> u32 {
        self.rapid_fails_needed.min(self.rapid_rounds)
    }

    /// How often a service has to fail for one of the rounds that `fall` counts: in polls, and then in the rapid round.
    pub(super) fn failures_of_a_round(&self) -> u32 {
        self.retry_count.saturating_add(self.fails_needed())
    }
}

impl Progress {
    fn new(blame: Blame) -> Progress {
        Progress {
            blame,
            latest: blame,
            attempts: 0,
            failures: 0,
            own: 0,
        }
    }

    /// How many failures count for one of this blame. What got as far as a shared fault has not failed by a fault of
    /// its own.
    fn series(&self, blame: Blame) -> u32 {
        match blame {
            Blame::Shared => self.failures,
            Blame::Service | Blame::Local => self.own,
        }
    }

    fn on_result(
        mut self,
        rapid: &Rapid,
        burst: &mut Burst,
        result: Result<Pass, Failed<'_>>,
    ) -> Step {
        self.attempts += 1;
        if let Err(failed) = result {
            let blame = failed.blame();
            self.latest = blame;
            self.failures += 1;
            self.own += u32::from(blame != Blame::Shared);
            // One time-out is enough in a series of its own blame alone.
            let has_timed_out = failed.failure.fault == Fault::TimedOut && blame == self.blame;
            if has_timed_out || self.series(blame) >= rapid.fails_needed() {
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
