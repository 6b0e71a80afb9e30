//! What a backend's thread does next, and when it has a verdict: poolmon's retries, one backend's
//! own pace, rounds asked for by the coordinator.
//!
//! Pure: it is told outcomes and the time, and answers what to do. It must not probe, wait, or know
//! of other backends.

use std::time::{Duration, Instant};

use crate::config::settings::Pace;
use crate::outcome::{Blame, Failure, Outcome, Pass};

/// How long a thread waits after an attempt that failed for a reason of the monitor's own.
const OWN_FAULT_PAUSE: Duration = Duration::from_secs(1);

/// What the thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try this service, by its place in the settings, now.
    Attempt {
        service: usize,
    },
    Wait {
        until: Instant,
    },
}

/// What a whole round says of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every service passed.
    Healthy(Pass),
    /// This service failed for good: at the first try and at every retry.
    Failed { service: usize, failure: Failure },
}

/// One outcome and what it means in its round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// When the first attempt of the round began.
    pub round_began: Instant,
    pub service: usize,
    pub outcome: Outcome,
    /// Present when this outcome ended the round.
    pub verdict: Option<Verdict>,
}

/// The schedule of one backend.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    services: usize,
    phase: Phase,
    /// Whether the last round failed: then a failure needs no retries to be believed again.
    failed: bool,
    /// A round begun at this time or later has been asked for.
    demanded: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    Resting { until: Instant },
    Checking(Round),
}

#[derive(Debug)]
struct Round {
    /// None until the first attempt has ended.
    began: Option<Instant>,
    service: usize,
    /// Failed attempts on this service so far.
    failures: u32,
    not_before: Instant,
    /// The worst that the services passed so far had to remark.
    pass: Pass,
}

impl Round {
    fn new(now: Instant) -> Round {
        Round {
            began: None,
            service: 0,
            failures: 0,
            not_before: now,
            pass: Pass::Clean,
        }
    }
}

impl Schedule {
    /// The first round begins at once. `services` is how many there are to check, at least one.
    pub fn new(pace: Pace, services: usize, now: Instant) -> Schedule {
        Schedule {
            pace,
            services,
            phase: Phase::Checking(Round::new(now)),
            failed: false,
            demanded: None,
        }
    }

    pub fn next(&mut self, now: Instant) -> Next {
        match &self.phase {
            Phase::Resting { until } if now < *until => return Next::Wait { until: *until },
            Phase::Resting { .. } => self.phase = Phase::Checking(Round::new(now)),
            Phase::Checking(_) => {}
        }
        match &self.phase {
            Phase::Checking(round) if now >= round.not_before => Next::Attempt {
                service: round.service,
            },
            Phase::Checking(round) => Next::Wait {
                until: round.not_before,
            },
            Phase::Resting { until } => Next::Wait { until: *until },
        }
    }

    /// The coordinator wants evidence younger than now. Between rounds the next one begins at once;
    /// a round under way goes on, and is followed by another where its attempts turn out too old.
    pub fn on_demand(&mut self, now: Instant) {
        match &self.phase {
            Phase::Resting { .. } => self.phase = Phase::Checking(Round::new(now)),
            Phase::Checking(_) => self.demanded = Some(now),
        }
    }

    /// The outcome of the attempt that `next` asked for.
    pub fn on_outcome(&mut self, outcome: Outcome) -> Finding {
        let ended = outcome.ended();
        let mut round = match std::mem::replace(&mut self.phase, Phase::Resting { until: ended }) {
            Phase::Checking(round) => round,
            Phase::Resting { .. } => Round::new(outcome.began),
        };
        let round_began = *round.began.get_or_insert(outcome.began);
        let service = round.service;
        let mut verdict = None;
        match &outcome.result {
            Ok(pass) => {
                if *pass != Pass::Clean {
                    round.pass = *pass;
                }
                round.service += 1;
                round.failures = 0;
                round.not_before = ended;
                if round.service == self.services {
                    verdict = Some(Verdict::Healthy(round.pass));
                }
            }
            Err(failure) if failure.fault.blame() == Blame::Own => {
                round.not_before = ended + OWN_FAULT_PAUSE;
            }
            Err(failure) => {
                round.failures += 1;
                round.not_before = ended + self.pause(round.failures);
                if round.failures > self.retries() {
                    verdict = Some(Verdict::Failed {
                        service,
                        failure: failure.clone(),
                    });
                }
            }
        }
        self.phase = match &verdict {
            None => Phase::Checking(round),
            Some(verdict) => self.end_of_round(verdict, round_began, &outcome),
        };
        Finding {
            round_began,
            service,
            outcome,
            verdict,
        }
    }

    fn end_of_round(&mut self, verdict: &Verdict, began: Instant, last: &Outcome) -> Phase {
        let oldest_evidence = match verdict {
            Verdict::Healthy(_) => began,
            Verdict::Failed { .. } => last.began,
        };
        self.failed = matches!(verdict, Verdict::Failed { .. });
        match self.demanded.take() {
            Some(demanded) if oldest_evidence < demanded => {
                Phase::Checking(Round::new(last.ended()))
            }
            _ => Phase::Resting {
                until: last.ended() + self.pace.interval,
            },
        }
    }

    /// Retries protect a healthy backend from one bad moment. One that has failed already is tried
    /// once a round: poolmon tries it five times, and learns nothing that the next round would not tell.
    fn retries(&self) -> u32 {
        if self.failed {
            0
        } else {
            self.pace.retries
        }
    }

    /// poolmon: 3 s before the first retry, 0.5 s between the others.
    fn pause(&self, failures: u32) -> Duration {
        if failures == 1 {
            self.pace.retry_delay
        } else {
            self.pace.retry_delay / 6
        }
    }
}

#[cfg(test)]
mod tests;
