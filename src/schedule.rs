//! What a backend's thread does next, and when it has a verdict: poolmon's retries, rise and fall,
//! one backend's own pace, rounds asked for by the coordinator.
//!
//! Pure: it is told outcomes and the time, and answers what to do. It must not probe, wait, or know
//! of other backends.

use std::time::{Duration, Instant};

use crate::config::settings::{Pace, Plan, Retries};
use crate::outcome::{Blame, Failure, Outcome, Pass};

/// How long a thread waits after an attempt that failed for a reason of the monitor's own.
const OWN_FAULT_PAUSE: Duration = Duration::from_secs(1);

/// What the thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try this service, by its place in the settings, now, and for no longer than this.
    Attempt {
        service: usize,
        timeout: Duration,
    },
    Wait {
        until: Instant,
    },
}

/// What the rounds say of a backend: the last one, or with rise and fall so many in a row.
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
    /// Present when this outcome ended a round that settles the matter.
    pub verdict: Option<Verdict>,
}

/// The schedule of one backend.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    services: usize,
    phase: Phase,
    standing: Standing,
    /// Rounds in a row that disagreed with the standing verdict.
    disagreeing: u32,
    spread: Spread,
    /// A round begun at this time or later has been asked for.
    demanded: Option<Instant>,
}

/// The verdict so far, without its particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Open,
    Healthy,
    Failed,
}

/// Chance, from a seed: so that backends, and monitors on several directors, do not probe in step.
#[derive(Clone, Debug)]
pub struct Spread(u64);

impl Spread {
    /// A seed of zero spreads nothing.
    pub fn new(seed: u64) -> Spread {
        Spread(seed)
    }

    /// Evenly distributed between 0 and 1 (xorshift64); none where nothing is spread.
    fn roll(&mut self) -> Option<f64> {
        if self.0 == 0 {
            return None;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
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
    /// The first round begins at once, the second anywhere within the interval, and from then on
    /// the interval varies by a sixteenth. `services` is how many there are to check, at least one.
    pub fn new(pace: Pace, services: usize, spread: Spread, now: Instant) -> Schedule {
        Schedule {
            pace,
            services,
            phase: Phase::Checking(Round::new(now)),
            standing: Standing::Open,
            disagreeing: 0,
            spread,
            demanded: None,
        }
    }

    /// Changed settings. What was found out stands, and so does the time of the next round; a round
    /// under way is begun anew where it could end in a verdict made of both the old and the new.
    pub fn on_settings(&mut self, pace: Pace, services: usize) {
        let other_round = services != self.services
            || std::mem::discriminant(&pace.plan) != std::mem::discriminant(&self.pace.plan);
        self.pace = pace;
        self.services = services;
        if let (Phase::Checking(round), true) = (&mut self.phase, other_round) {
            *round = Round::new(round.not_before);
        }
    }

    /// Other services than before are to be checked, also where there are as many.
    pub fn on_other_services(&mut self) {
        if let Phase::Checking(round) = &mut self.phase {
            *round = Round::new(round.not_before);
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
                timeout: self.pace.timeout,
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
        let mut whole_round = None;
        match &outcome.result {
            Ok(pass) => {
                if *pass != Pass::Clean {
                    round.pass = *pass;
                }
                round.service += 1;
                round.failures = 0;
                round.not_before = ended;
                if round.service == self.services {
                    whole_round = Some(Verdict::Healthy(round.pass));
                }
            }
            Err(failure) if failure.fault.blame() == Blame::Own => {
                round.not_before = ended + OWN_FAULT_PAUSE;
            }
            Err(failure) => {
                round.failures += 1;
                round.not_before = ended + self.pause(round.failures);
                if round.failures > self.retries() {
                    whole_round = Some(Verdict::Failed {
                        service,
                        failure: failure.clone(),
                    });
                }
            }
        }
        let verdict = match whole_round {
            None => {
                self.phase = Phase::Checking(round);
                None
            }
            Some(verdict) => self.end_round(verdict, round_began, &outcome),
        };
        Finding {
            round_began,
            service,
            outcome,
            verdict,
        }
    }

    /// Returns the verdict if the round settles the matter, and arranges for the next round.
    fn end_round(&mut self, verdict: Verdict, began: Instant, last: &Outcome) -> Option<Verdict> {
        let (shown, needed, oldest_evidence) = match verdict {
            Verdict::Healthy(_) => (Standing::Healthy, self.pace.rise, began),
            Verdict::Failed { .. } => (Standing::Failed, self.pace.fall, last.began),
        };
        let first = self.standing == Standing::Open;
        self.disagreeing = if shown == self.standing {
            0
        } else {
            self.disagreeing + 1
        };
        let settled = shown == self.standing || self.disagreeing >= needed;
        if settled {
            self.standing = shown;
            self.disagreeing = 0;
        }
        let rest = if settled {
            self.rest(first)
        } else {
            self.pace.interval_in_doubt()
        };
        self.phase = match self.demanded.take() {
            Some(demanded) if oldest_evidence < demanded => {
                Phase::Checking(Round::new(last.ended()))
            }
            _ => Phase::Resting {
                until: last.ended() + rest,
            },
        };
        settled.then_some(verdict)
    }

    fn rest(&mut self, first: bool) -> Duration {
        let interval = self.pace.interval;
        match self.spread.roll() {
            None => interval,
            Some(part) if first => interval.mul_f64(part),
            Some(part) => interval.mul_f64(1.0 + (part - 0.5) / 8.0),
        }
    }

    /// Retries protect a healthy backend from one bad moment. One that has failed already is tried
    /// once a round: poolmon tries it five times, and learns nothing that the next round would not tell.
    fn retries(&self) -> u32 {
        if self.standing == Standing::Failed {
            0
        } else {
            match self.pace.plan {
                Plan::Retries(Retries { retries, .. }) => retries,
                Plan::Rapid(rapid) => rapid.retry_count.saturating_sub(1),
            }
        }
    }

    /// poolmon: 3 s before the first retry, 0.5 s between the others.
    fn pause(&self, failures: u32) -> Duration {
        match self.pace.plan {
            Plan::Retries(Retries { retry_delay, .. }) if failures == 1 => retry_delay,
            Plan::Retries(Retries { retry_delay, .. }) => retry_delay / 6,
            Plan::Rapid(_) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;
