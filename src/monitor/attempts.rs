//! How one service of one backend has done: its last 60 attempts, the last pass and the last failure whole.
//!
//! An attempt is four bytes, as it is kept for thousands of backends. Pure; it knows no clock.

use std::sync::Arc;
use std::time::Duration;

use crate::outcome::{Blame, Outcome};

/// How many attempts are kept.
const KEPT: usize = 60;

#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// A ring: once it is full, the next one takes the place of the oldest.
    marks: Vec<Mark>,
    oldest: u8,
    passes: u32,
    failures: u32,
    pass: Option<Arc<Outcome>>,
    failure: Option<Arc<Outcome>>,
}

/// An attempt: its kind in two bits, its latency in microseconds in the others.
#[derive(Clone, Copy, Debug)]
struct Mark(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pass,
    Service,
    Shared,
    Local,
}

const LATENCY_BITS: u32 = 30;

/// A quarter of an hour and more is this.
const LONGEST: u32 = (1 << LATENCY_BITS) - 1;

impl Mark {
    fn new(kind: Kind, latency: Duration) -> Mark {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(LONGEST);
        let kind = match kind {
            Kind::Pass => 0,
            Kind::Service => 1,
            Kind::Shared => 2,
            Kind::Local => 3,
        };
        Mark(kind << LATENCY_BITS | micros.min(LONGEST))
    }

    fn kind(self) -> Kind {
        match self.0 >> LATENCY_BITS {
            0 => Kind::Pass,
            1 => Kind::Service,
            2 => Kind::Shared,
            _ => Kind::Local,
        }
    }

    fn latency(self) -> Duration {
        Duration::from_micros((self.0 & LONGEST).into())
    }

    fn letter(self) -> char {
        match self.kind() {
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
        self.keep(Mark::new(kind, outcome.latency));
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

    fn keep(&mut self, mark: Mark) {
        if self.marks.len() < KEPT {
            // In steps of 15: most that fails does so for good within a few.
            if self.marks.len() == self.marks.capacity() {
                self.marks.reserve_exact(KEPT / 4);
            }
            self.marks.push(mark);
            return;
        }
        let oldest = usize::from(self.oldest);
        self.marks[oldest] = mark;
        self.oldest = (self.oldest + 1) % KEPT as u8;
    }

    /// The oldest first.
    fn marks(&self) -> impl DoubleEndedIterator<Item = Mark> + '_ {
        let (newer, older) = self.marks.split_at(self.oldest.into());
        older.iter().chain(newer).copied()
    }

    /// A letter an attempt, the oldest first.
    pub(super) fn recent(&self) -> String {
        self.marks().map(Mark::letter).collect()
    }

    /// Of the last attempt that passed; of the last failed one if none has.
    pub(super) fn latency(&self) -> Option<Duration> {
        let outcome = self.pass.as_ref().or(self.failure.as_ref());
        outcome.map(|outcome| outcome.latency)
    }

    /// Of the recent attempts that passed: the middle one's latency, of two the shorter, and the longest.
    pub(super) fn median_and_worst(&self) -> Option<(Duration, Duration)> {
        let passes = self.marks().filter(|mark| mark.kind() == Kind::Pass);
        let mut latencies: Vec<Duration> = passes.map(Mark::latency).collect();
        latencies.sort_unstable();
        let worst = *latencies.last()?;
        Some((latencies[(latencies.len() - 1) / 2], worst))
    }

    /// Since it is checked.
    pub(super) fn passes(&self) -> u64 {
        self.passes.into()
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
    use std::time::Instant;

    fn outcome(began: Instant, micros: u64, fault: Option<Fault>) -> Outcome {
        Outcome {
            began,
            latency: Duration::from_micros(micros),
            delivery: None,
            logged_in: false,
            evidence: Default::default(),
            result: match fault {
                None => Ok(Pass::Clean),
                Some(fault) => Err(Failure::new(Stage::Connect, fault)),
            },
        }
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
        assert_eq!(
            attempts.latency(),
            Some(Duration::from_micros(7)),
            "none has passed"
        );
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
        let longest = micros(LONGEST.into());
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
        assert_eq!(began(attempts.last_pass()), 2);
        assert_eq!(began(attempts.last_failure()), 3);
    }

    #[test]
    fn a_service_costs_about_a_third_of_a_kilobyte_without_what_was_said() {
        let marks = std::mem::size_of::<Mark>() * KEPT;
        assert!(marks + std::mem::size_of::<Attempts>() <= 300);
    }
}
