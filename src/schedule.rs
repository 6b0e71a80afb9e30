//! What a backend's thread does next, and when it has a verdict: rounds of attempts on all services
//! by one of two plans, rise and fall, one backend's own pace, rounds asked for by the engine.
//!
//! Pure: it is told outcomes and the time, and answers what to do. It must not probe, wait, or know
//! of other backends.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::config::settings::{Pace, Plan};
use crate::outcome::{Blame, Failure, Outcome, Pass, Stage};

mod local;
mod login;
mod rapid;
mod retries;
mod rise_fall;
mod round;
mod spread;

use local::LocalFaults;
use login::LastAnswer;
use rapid::Counts;
use rise_fall::{RiseAndFall, Standing};
use round::{Course, Failed, Round, Shown, Step};

pub use spread::Spread;

/// What the thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try this service now, for no longer than `timeout` and as far as `depth`. `service` is its place in the
    /// order of checking, from 0.
    Attempt {
        /// Its place in the order of checking, from 0.
        service: usize,
        /// For the whole attempt: connection, TLS and dialogue.
        timeout: Duration,
        /// How far it goes.
        depth: Depth,
    },
    /// Do nothing until then, unless a round is asked for sooner.
    Wait {
        /// A round that is asked for ends the wait.
        until: Instant,
    },
}

/// How far an attempt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// With all that is to be checked.
    Whole,
    /// Connection, TLS where it begins with that, and greeting: without a login.
    Greeting,
}

/// What the rounds say of a backend: the last one, or with rise and fall so many in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every service passed that was checked: those that meet lasting faults of this machine are left
    /// out, and at least one is not.
    Healthy(Pass),
    /// This service failed for good: at the first try and at every retry, or in its rapid round. Of
    /// several, the first by a fault of its own; of shared faults, the first.
    Failed {
        /// Its place in the order of checking, from 0.
        service: usize,
        /// How its last attempt failed.
        failure: Failure,
    },
}

impl Verdict {
    /// Whose fault a failure is.
    pub fn blame(&self) -> Option<Blame> {
        match self {
            Verdict::Healthy(_) => None,
            Verdict::Failed { failure, .. } => Some(failure.fault.blame()),
        }
    }
}

/// One outcome and what it means in its round. `service` is its place in the order of checking, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// When the first attempt of the round began.
    pub round_began: Instant,
    /// Its place in the order of checking, from 0.
    pub service: usize,
    /// As the probe has it, but for a time-out at the login: its fault tells what was answered last.
    pub outcome: Outcome,
    /// Whether with this outcome the service has failed for good: by a series of faults of one blame, in as many rounds
    /// as `fall` says.
    pub for_good: bool,
    /// Present when this outcome ended a round that settles the matter.
    pub verdict: Option<Verdict>,
}

/// So many rounds that are asked for follow one another at once; more than any decision takes.
const AT_ONCE: u32 = 8;

/// Before each further one.
const ASKED_PAUSE: Duration = Duration::from_secs(1);

/// A service that has failed and is being tried again before it counts as failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Its place in the order of checking, from 0.
    pub service: usize,
    /// Failed attempts so far.
    pub failed: u32,
    /// How many more have to fail. With rapid rounds one that times out is enough.
    pub left: u32,
}

/// The schedule of one backend.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    services: usize,
    phase: Phase,
    rise_and_fall: RiseAndFall,
    /// By service: how it failed for good, until it passes.
    failed: Vec<Option<Failure>>,
    login: LastAnswer,
    /// With rapid rounds: failures in a row.
    counts: Counts,
    local: LocalFaults,
    spread: Spread,
    drift: Drift,
    /// A round begun at this time or later has been asked for.
    demanded: Option<Instant>,
    /// So many rounds have begun in a row because they were asked for, and not because they were due.
    asked_in_row: u32,
    /// The next one is asked for.
    is_next_asked: bool,
    /// When a whole round is due, whatever is found out until then; none: the next one is whole.
    login_due: Option<Instant>,
}

/// Whether this schedule's place among the others has been drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drift {
    Due,
    Done,
}

#[derive(Debug)]
enum Phase {
    Resting {
        /// What the interval is counted from.
        since: Instant,
        until: Instant,
        /// Before this not even one that was asked for begins.
        not_before: Instant,
    },
    Checking(Round),
}

impl Schedule {
    /// The first round begins at once, the second anywhere within the interval. From then on the
    /// interval varies by a sixteenth with retries, and not at all with rapid rounds. `services` is how
    /// many there are to check, at least one.
    pub fn new(pace: Pace, services: usize, spread: Spread, now: Instant) -> Schedule {
        Schedule {
            pace,
            services,
            phase: Phase::Checking(Round::new(now, &pace.plan)),
            rise_and_fall: RiseAndFall::default(),
            failed: vec![None; services],
            login: LastAnswer::default(),
            counts: Counts::new(services),
            local: LocalFaults::new(services),
            spread,
            drift: Drift::Due,
            demanded: None,
            asked_in_row: 0,
            is_next_asked: false,
            login_due: None,
        }
    }

    /// Changed settings. What was found out stands, and so does the time of the next round, unless a
    /// shorter interval asks for it sooner; a round under way is begun anew where it could end in a
    /// verdict made of both the old and the new.
    pub fn on_settings(&mut self, pace: Pace, services: usize) {
        let other_plan =
            std::mem::discriminant(&pace.plan) != std::mem::discriminant(&self.pace.plan);
        if pace.login_interval != self.pace.login_interval {
            self.login_due = None;
        }
        self.pace = pace;
        if let Phase::Resting { since, until, .. } = &mut self.phase {
            *until = (*until).min(*since + pace.interval);
        }
        if other_plan || services != self.services {
            self.services = services;
            self.on_other_services();
        }
    }

    /// Other services than before are to be checked, also where there are as many.
    pub fn on_other_services(&mut self) {
        self.rise_and_fall.forget_rounds();
        self.counts = Counts::new(self.services);
        self.failed = vec![None; self.services];
        self.local = LocalFaults::new(self.services);
        self.login_due = None;
        if let Phase::Checking(round) = &mut self.phase {
            *round = Round::new(round.not_before, &self.pace.plan);
        }
    }

    /// It is probed as somebody else from now on. What came of logins before says nothing about this
    /// one: whatever failed at the login or after it needs a whole series of failures again.
    pub fn on_other_login(&mut self) {
        self.login.on_other_login();
        self.login_due = None;
        self.rise_and_fall.forget_rounds();
        self.counts = Counts::new(self.services);
        for failed in &mut self.failed {
            *failed = failed.take().filter(|failure| failure.stage < Stage::Login);
        }
        let is_own = |failure: &Failure| failure.fault.blame() == Blame::Service;
        let mut failed = self.failed.iter().flatten();
        if !failed.clone().any(is_own) {
            let is_any_left = failed.next().is_some();
            self.rise_and_fall.forget_failure(match is_any_left {
                true => Standing::Shared,
                false => Standing::Open,
            });
        }
        if let Phase::Checking(round) = &mut self.phase {
            *round = Round::new(round.not_before, &self.pace.plan);
        }
    }

    /// Whether this failure is nothing new at a service, so that no series is needed for it. A backend that has failed
    /// learns nothing from one. But one that stopped at a shared fault has not failed by a fault of its own yet, nor by a
    /// shared one that keeps it from getting as far as that.
    fn is_known(&self, service: usize, failure: &Failure) -> bool {
        let is_shared = |failure: &Failure| failure.fault.blame() == Blame::Shared;
        match self.rise_and_fall.standing() {
            Standing::Failed => true,
            Standing::Shared => {
                let before = self.failed[service].as_ref();
                let before = before.filter(|before| is_shared(before));
                is_shared(failure)
                    && before.map_or(false, |before| before.reached() <= failure.reached())
            }
            Standing::Open | Standing::Healthy => false,
        }
    }

    /// What the thread is to do at this time. After an `Attempt` it makes the attempt and calls
    /// `on_outcome`; after a `Wait` it asks again then, or sooner if it was told something meanwhile.
    pub fn next(&mut self, now: Instant) -> Next {
        match &self.phase {
            Phase::Resting { until, .. } if now < *until => return Next::Wait { until: *until },
            Phase::Resting { until, .. } => {
                self.asked_in_row = match std::mem::take(&mut self.is_next_asked) {
                    true => self.asked_in_row.saturating_add(1),
                    false => 0,
                };
                let plan = &self.pace.plan;
                self.phase = Phase::Checking(match self.depth_at(*until) {
                    Depth::Whole => Round::new(*until, plan),
                    Depth::Greeting => Round::to_the_greeting(*until, plan),
                });
            }
            Phase::Checking(_) => {}
        }
        match &self.phase {
            Phase::Checking(round) if now >= round.not_before => Next::Attempt {
                service: round.service,
                timeout: self.timeout(round),
                depth: round.depth,
            },
            Phase::Checking(round) => Next::Wait {
                until: round.not_before,
            },
            Phase::Resting { until, .. } => Next::Wait { until: *until },
        }
    }

    /// How far a round goes that begins then. One that goes as far as the greeting can only confirm what the
    /// last whole one has shown: so there has to be one, with nothing in doubt since. What has failed passes by a
    /// whole round alone; where only accounts are refused, others than this monitor would refuse them, too, and
    /// trying them more often helps nobody.
    fn depth_at(&self, begins: Instant) -> Depth {
        let is_due = self.login_due.map_or(true, |due| begins >= due);
        let is_certain = self.rise_and_fall.is_undisputed() && self.counts.are_none();
        let is_confirmed = match self.rise_and_fall.standing() {
            Standing::Healthy => true,
            Standing::Shared => {
                let is_after = |failure: &Failure| failure.stage >= Stage::Login;
                let mut failed = self.failed.iter().enumerate();
                failed.all(|(service, failure)| {
                    failure.as_ref().map_or(true, is_after)
                        || self.local.leaves_out(service, begins)
                })
            }
            Standing::Failed | Standing::Open => false,
        };
        match !is_due && is_certain && is_confirmed {
            true => Depth::Greeting,
            false => Depth::Whole,
        }
    }

    /// When the next attempt is due that is told of whatever it comes to, unless one is asked for sooner.
    pub fn next_attempt(&self) -> Instant {
        match (&self.phase, self.login_due) {
            (Phase::Resting { until, .. }, Some(due))
                if self.depth_at(*until) == Depth::Greeting =>
            {
                due
            }
            (Phase::Resting { until, .. }, _) => *until,
            (Phase::Checking(round), _) => round.not_before,
        }
    }

    /// The service that is being tried again; of several, whose failures are counted from poll to poll,
    /// the first.
    pub fn retry(&self) -> Option<Retry> {
        let round = match &self.phase {
            Phase::Checking(round) => Some(round),
            Phase::Resting { .. } => None,
        };
        let ((retry, blame), in_a_round) = match (&self.pace.plan, round.map(|round| &round.course))
        {
            (Plan::Retries(retries), Some(Course::Retries(trying))) => (
                trying.retry(retries, round?.service)?,
                retries.retries.saturating_add(1),
            ),
            (Plan::Rapid(rapid), Some(Course::Rapid(burst))) => (
                rapid::retry(rapid, &self.counts, Some((burst, round?.service)))?,
                rapid.failures_of_a_round(),
            ),
            (Plan::Rapid(rapid), None) => (
                rapid::retry(rapid, &self.counts, None)?,
                rapid.failures_of_a_round(),
            ),
            _ => return None,
        };
        let fall = self.pace.fall;
        let rounds = self.rise_and_fall.rounds_before_the_last(fall, blame);
        Some(Retry {
            left: retry.left.saturating_add(rounds.saturating_mul(in_a_round)),
            ..retry
        })
    }

    fn timeout(&self, round: &Round) -> Duration {
        let usual = self.pace.timeout;
        match (&self.pace.plan, &round.course) {
            (Plan::Rapid(rapid), Course::Rapid(burst)) => {
                rapid::timeout(rapid, usual, &self.counts, round.service, burst)
            }
            _ => usual,
        }
    }

    /// The engine wants evidence younger than now. Between rounds the next one begins at once,
    /// after one that showed nothing soon; a round under way goes on, and is followed by another where
    /// its attempts turn out too old.
    pub fn on_demand(&mut self, now: Instant) {
        self.login_due = None;
        match &mut self.phase {
            Phase::Resting {
                until, not_before, ..
            } => {
                let soonest = now.max(*not_before);
                self.is_next_asked |= soonest < *until;
                *until = soonest.min(*until);
            }
            Phase::Checking(_) => self.demanded = Some(now),
        }
    }

    /// The attempt as far as the greeting that `next` asked for has passed. It shows nothing that is not known, and
    /// is told to nobody: the last whole round stands, and grows older.
    pub fn on_greeted(&mut self, outcome: &Outcome) {
        let ended = outcome.ended();
        if let Phase::Checking(round) = &self.phase {
            let service = round.service;
            if self.local.on_greeted(service, ended) {
                // The next round is a whole one: it shows that the service can be checked again.
                self.login_due = None;
            }
            self.leave_service(ended);
        }
    }

    /// The service that has its turn shows nothing in this round, which goes as far as the greeting.
    fn leave_service(&mut self, ended: Instant) {
        let round = match &mut self.phase {
            Phase::Checking(round) => round,
            Phase::Resting { .. } => return,
        };
        round.not_before = ended;
        if round.advance(self.services) {
            return;
        }
        let due = round.due;
        // A round that was asked for is a whole one: none has been in a hurry.
        let until = match self.demanded.take() {
            Some(_) => {
                self.is_next_asked = true;
                ended
            }
            None => self.rest(due, ended),
        };
        self.phase = Phase::Resting {
            since: self.counted_from(due, ended),
            until,
            not_before: ended,
        };
    }

    /// The outcome of the attempt that `next` asked for, unless it has greeted and that was all.
    pub fn on_outcome(&mut self, mut outcome: Outcome) -> Finding {
        self.login.interpret(&mut outcome);
        let ended = outcome.ended();
        let blame = outcome.result.as_ref().err();
        let blame = blame.map(|failure| failure.fault.blame());
        let resting = Phase::Resting {
            since: ended,
            until: ended,
            not_before: ended,
        };
        let mut round = match std::mem::replace(&mut self.phase, resting) {
            Phase::Checking(round) => round,
            Phase::Resting { .. } => Round::new(outcome.began, &self.pace.plan),
        };
        if outcome.result.is_err() && round.depth == Depth::Greeting {
            let service = round.service;
            // Rounds go on without it, and a login at the others would show nothing that is not known.
            if blame == Some(Blame::Local) && self.local.leaves_out(service, ended) {
                self.phase = Phase::Checking(round);
                self.leave_service(ended);
                return Finding {
                    round_began: outcome.began,
                    service,
                    outcome,
                    for_good: false,
                    verdict: None,
                };
            }
            round.become_whole();
        }
        let round_began = *round.began.get_or_insert(outcome.began);
        let service = round.service;
        let step = self.take_in(&mut round, &outcome);
        let is_enough = match (&step, &outcome.result) {
            (Step::Failed, Err(failure)) => self.is_enough(&mut round, failure),
            _ => false,
        };
        let shown = self.go_on(step, &mut round, &outcome);
        let verdict = match shown {
            None => {
                self.phase = Phase::Checking(round);
                None
            }
            Some(shown) => self.end_round(shown, &round, &outcome),
        };
        // A fault of the service's own ends the round: what that comes to, `fall` decides.
        let for_good = is_enough && (blame != Some(Blame::Service) || verdict.is_some());
        if for_good {
            self.failed[service] = outcome.result.as_ref().err().cloned();
        }
        Finding {
            round_began,
            service,
            for_good,
            outcome,
            verdict,
        }
    }

    /// Whether it is enough for the service to have failed for good that it has failed in this round. A shared fault does
    /// not end the round, and others may have one all the time: as many rounds as `fall` says count those in which a
    /// service got less far than that.
    fn is_enough(&self, round: &mut Round, failure: &Failure) -> bool {
        let is_known = self.is_known(round.service, failure);
        round.is_worse |= !is_known;
        let fall = self.pace.fall;
        is_known
            || self
                .rise_and_fall
                .rounds_before_the_last(fall, Blame::Shared)
                == 0
    }

    /// What the outcome means for its service.
    fn take_in(&mut self, round: &mut Round, outcome: &Outcome) -> Step {
        let service = round.service;
        match &outcome.result {
            Err(failure) if failure.fault.blame() == Blame::Local => {
                self.local.on_fault(service, failure, outcome.ended())
            }
            Err(failure) => {
                round.missed = Some(outcome.began);
                self.local.on_answer(service);
                self.step(round, Err(failure))
            }
            Ok(pass) => {
                round.on_pass(*pass);
                self.local.on_answer(service);
                self.step(round, Ok(*pass))
            }
        }
    }

    /// What the round has shown, if the step ends it.
    fn go_on(&mut self, step: Step, round: &mut Round, outcome: &Outcome) -> Option<Shown> {
        let service = round.service;
        round.not_before = outcome.ended();
        match (step, &outcome.result) {
            (Step::Again { after }, _) => {
                round.not_before += after;
                return None;
            }
            (Step::Failed, Err(failure)) => {
                if failure.fault.blame() != Blame::Shared {
                    let failure = failure.clone();
                    return Some(Shown::Verdict(Verdict::Failed { service, failure }));
                }
                round
                    .shared
                    .get_or_insert_with(|| (service, failure.clone()));
            }
            (Step::Failed, Ok(_)) => unreachable!("only a failure fails for good"),
            (Step::LeaveOut, _) => round.on_left_out(),
            (Step::NextService, Ok(_)) => self.failed[service] = None,
            (Step::NextService, Err(_)) => {}
        }
        round.course = Course::new(&self.pace.plan);
        match round.advance(self.services) {
            true => None,
            false => Some(round.shown()),
        }
    }

    /// What the service's own answer leads to, by the plan.
    fn step(&mut self, round: &mut Round, result: Result<Pass, &Failure>) -> Step {
        let service = round.service;
        let result = result.map_err(|failure| Failed {
            failure,
            known: self.is_known(service, failure),
        });
        match (&self.pace.plan, &mut round.course) {
            (Plan::Retries(retries), Course::Retries(trying)) => trying.on_result(retries, result),
            (Plan::Rapid(rapid), Course::Rapid(burst)) => {
                round.undecided |= matches!(&result, Err(failed) if !failed.known);
                let count = (&mut self.counts, service);
                rapid::on_result(rapid, count, burst, result)
            }
            _ => unreachable!("a round is begun anew with another plan"),
        }
    }

    /// Returns the verdict if the round settles the matter, and arranges for the next round.
    fn end_round(&mut self, shown: Shown, round: &Round, last: &Outcome) -> Option<Verdict> {
        let (verdict, oldest_evidence) = match shown {
            Shown::Verdict(verdict) => match verdict.blame() {
                Some(Blame::Service) => (Some(verdict), Some(last.began)),
                _ => (Some(verdict), round.began),
            },
            Shown::Neither => (None, round.missed),
            Shown::Nothing => {
                self.rest_after_nothing(last.ended());
                return None;
            }
        };
        let ended = last.ended();
        // Or one that fails every other time would be asked for evidence without a pause.
        let not_before = match &verdict {
            Some(_) => ended + self.pause_in_a_hurry(),
            None => ended.max(round.due + self.pace.interval_in_doubt()),
        };
        let settled = match &verdict {
            Some(verdict) => self.rise_and_fall.on_verdict(verdict, round, &self.pace),
            None => self.rise_and_fall.is_undisputed(),
        };
        self.login_due = verdict.as_ref().map(|_| self.next_login(round));
        let until = match self.demanded.take() {
            Some(demanded) if oldest_evidence.map_or(true, |oldest| oldest < demanded) => {
                self.login_due = None;
                self.is_next_asked = true;
                not_before
            }
            _ if settled => self.rest(round.due, ended),
            _ => self.rest_in_doubt(round.due, ended),
        };
        self.phase = Phase::Resting {
            since: self.counted_from(round.due, ended),
            until,
            not_before,
        };
        verdict.filter(|_| settled)
    }

    /// Evidence is asked for by turns where backends fail in ever other ways: each answer then asks for the next one.
    fn pause_in_a_hurry(&self) -> Duration {
        match self.asked_in_row < AT_ONCE {
            true => Duration::ZERO,
            false => ASKED_PAUSE.min(self.pace.interval),
        }
    }

    /// What the interval after a round is counted from.
    fn counted_from(&self, due: Instant, ended: Instant) -> Instant {
        match self.pace.plan {
            Plan::Retries(_) => ended,
            Plan::Rapid(_) => due,
        }
    }

    /// When the whole round after this one is due: the first anywhere within the login interval, so that backends
    /// do not all ask for passwords at the same time.
    fn next_login(&mut self, round: &Round) -> Instant {
        let interval = self.pace.login_interval;
        let first = self.drift == Drift::Due;
        let part = self.spread.roll().filter(|_| first);
        let interval = part.map_or(interval, |part| interval.mul_f64(part));
        round.began.unwrap_or(round.due) + interval
    }

    /// The next round is soon, whoever asks for it, and never sooner. It is younger than any demand.
    fn rest_after_nothing(&mut self, ended: Instant) {
        let next = ended + self.pace.interval_in_doubt().max(local::PAUSE);
        self.demanded = None;
        self.login_due = None;
        self.phase = Phase::Resting {
            since: ended,
            until: next,
            not_before: next,
        };
    }

    /// Until the next round starts. A round started at `due` and has ended.
    fn rest(&mut self, due: Instant, ended: Instant) -> Instant {
        let interval = self.pace.interval;
        let first = std::mem::replace(&mut self.drift, Drift::Done) == Drift::Due;
        match self.pace.plan {
            Plan::Retries(_) => {
                let part = self.spread.roll();
                ended
                    + match part {
                        None => interval,
                        Some(part) if first => interval.mul_f64(part),
                        Some(part) => interval.mul_f64(1.0 + (part - 0.5) / 8.0),
                    }
            }
            Plan::Rapid(_) => {
                let next = rapid::next_start(due, ended, interval);
                match self.spread.roll().filter(|_| first) {
                    None => next,
                    Some(part) => ended + (next - ended).mul_f64(part),
                }
            }
        }
    }

    /// Until the next round starts while rise or fall is being counted.
    fn rest_in_doubt(&self, due: Instant, ended: Instant) -> Instant {
        let interval = self.pace.interval_in_doubt();
        match self.pace.plan {
            Plan::Retries(_) => ended + interval,
            Plan::Rapid(_) => rapid::next_start(due, ended, interval),
        }
    }
}

#[cfg(test)]
mod tests;
