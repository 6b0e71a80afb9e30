//! How one service of one backend has done: its last 60 attempts, the last pass and the last failure whole.
//!
//! Pure; it knows no clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::outcome::{Blame, Outcome};

/// How many attempts are kept.
const KEPT: usize = 60;

#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// The oldest first.
    marks: VecDeque<Mark>,
    passes: u32,
    failures: u32,
    /// When the first attempt began.
    first: Option<Instant>,
    pass: Option<Arc<Outcome>>,
    failure: Option<Arc<Outcome>>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    kind: Kind,
    latency: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pass,
    Service,
    Shared,
    Local,
}

impl Mark {
    fn letter(self) -> char {
        match self.kind {
            Kind::Pass => '.',
            Kind::Service => 'x',
            Kind::Shared => 's',
            Kind::Local => 'l',
        }
    }
}

fn kind(outcome: &Outcome) -> Kind {
    match &outcome.result {
        Ok(_) => Kind::Pass,
        Err(failure) => match failure.fault.blame() {
            Blame::Service => Kind::Service,
            Blame::Shared => Kind::Shared,
            Blame::Local => Kind::Local,
        },
    }
}

impl Attempts {
    pub(super) fn on_outcome(&mut self, outcome: &Outcome) {
        let kind = kind(outcome);
        if self.marks.len() >= KEPT {
            self.marks.pop_front();
        }
        let latency = outcome.latency;
        self.first.get_or_insert(outcome.began);
        self.marks.push_back(Mark { kind, latency });
        let whole = Some(Arc::new(outcome.clone()));
        match kind {
            Kind::Pass => {
                self.passes = self.passes.saturating_add(1);
                self.pass = whole;
            }
            Kind::Service | Kind::Shared | Kind::Local => {
                self.failures = self.failures.saturating_add(1);
                self.failure = whole;
            }
        }
    }

    /// A letter an attempt, the oldest first.
    pub(super) fn recent(&self) -> String {
        self.marks.iter().map(|mark| mark.letter()).collect()
    }

    /// Of the last attempt that passed.
    pub(super) fn latency(&self) -> Option<Duration> {
        self.pass.as_ref().map(|outcome| outcome.latency)
    }

    /// Of the recent attempts that passed: the middle one's latency, of two the shorter, and the longest.
    pub(super) fn median_and_worst(&self) -> Option<(Duration, Duration)> {
        let passes = self.marks.iter().filter(|mark| mark.kind == Kind::Pass);
        let mut latencies: Vec<Duration> = passes.map(|mark| mark.latency).collect();
        latencies.sort_unstable();
        let worst = *latencies.last()?;
        Some((latencies[(latencies.len() - 1) / 2], worst))
    }

    /// Since it is checked.
    pub(super) fn passes(&self) -> u64 {
        self.passes.into()
    }

    /// When the first of them began; none if there was none.
    pub(super) fn first(&self) -> Option<Instant> {
        self.first
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.into()
    }

    pub(super) fn last_pass(&self) -> Option<&Arc<Outcome>> {
        self.pass.as_ref()
    }

    pub(super) fn last_failure(&self) -> Option<&Arc<Outcome>> {
        self.failure.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Failure, Fault, Pass, Stage};

    fn outcome(began: Instant, micros: u64, fault: Option<Fault>) -> Outcome {
        let result = match fault {
            None => Ok(Pass::Clean),
            Some(fault) => Err(Failure::new(Stage::Connect, fault)),
        };
        Outcome::new(began, Duration::from_micros(micros), result)
    }

    #[test]
    fn the_last_sixty_are_letters_the_oldest_first() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        assert_eq!((attempts.recent().as_str(), attempts.latency()), ("", None));
        assert_eq!(attempts.median_and_worst(), None);
        for fault in [Fault::Refused, Fault::StartTlsMissing, Fault::NoMemory] {
            attempts.on_outcome(&outcome(now, 7, Some(fault)));
        }
        assert_eq!(attempts.recent(), "xsl");
        assert_eq!(attempts.latency(), None, "none has passed");
        for passes in 1..=58 {
            attempts.on_outcome(&outcome(now, passes, None));
        }
        assert_eq!(attempts.recent(), format!("sl{}", ".".repeat(58)));
        attempts.on_outcome(&outcome(now, 9, Some(Fault::Refused)));
        assert_eq!(attempts.recent(), format!("l{}x", ".".repeat(58)));
        assert_eq!((attempts.passes(), attempts.failures()), (58, 4));
        assert_eq!(attempts.latency(), Some(Duration::from_micros(58)));
    }

    #[test]
    fn median_and_worst_are_of_the_recent_passes() {
        let now = Instant::now();
        let micros = Duration::from_micros;
        let mut attempts = Attempts::default();
        for passed in [900_000_000_000, 5, 3, 4] {
            attempts.on_outcome(&outcome(now, passed, None));
        }
        let (median, _) = attempts.median_and_worst().unwrap();
        assert_eq!(median, micros(4), "of the two in the middle the shorter");
        attempts.on_outcome(&outcome(now, 20, None));
        attempts.on_outcome(&outcome(now, 5_000_000, Some(Fault::TimedOut)));
        let longest = micros(900_000_000_000);
        assert_eq!(attempts.median_and_worst(), Some((micros(5), longest)));
        for _ in 0..54 {
            attempts.on_outcome(&outcome(now, 30, None));
        }
        assert_eq!(attempts.median_and_worst(), Some((micros(30), longest)));
        attempts.on_outcome(&outcome(now, 2, None));
        assert_eq!(attempts.median_and_worst(), Some((micros(30), micros(30))));
    }

    #[test]
    fn the_last_pass_and_the_last_failure_are_kept_whole() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        for second in 0..4 {
            let fault = (second % 2 == 1).then_some(Fault::Refused);
            attempts.on_outcome(&outcome(start + Duration::from_secs(second), second, fault));
        }
        let began = |outcome: Option<&Arc<Outcome>>| (outcome.unwrap().began - start).as_secs();
        assert_eq!(attempts.first(), Some(start));
        assert_eq!(began(attempts.last_pass()), 2);
        assert_eq!(began(attempts.last_failure()), 3);
    }
}
