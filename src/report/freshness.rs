//! Whether a document still tells the truth: each face says so if it does not.
//!
//! It knows no clock and no processes: the time, and whether the monitor's process exists, are passed in.

use std::fmt;
use std::time::Duration;

use super::document::{Document, Span, Time};

/// A document is old after so many intervals.
const INTERVALS: f64 = 3.0;

/// Whatever the interval, it is not old sooner.
const SOON: f64 = 10.0;

/// What is known of the document's age.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Freshness {
    Fresh,
    /// It has not been written for so long, although the process exists.
    Old(Duration),
    /// The process that wrote it has ended; it was last written so long ago.
    Ended(Duration),
}

/// As words for people; empty if it is fresh.
impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Freshness::Fresh => Ok(()),
            Freshness::Old(age) => write!(
                f,
                "STALE: the monitor has written nothing for {} s; what follows was so then",
                age.as_secs()
            ),
            Freshness::Ended(age) => write!(
                f,
                "STALE: the monitor has ended, its last news is {} s old; no backend is taken \
                 down or brought up",
                age.as_secs()
            ),
        }
    }
}

/// The age beyond which a document with this interval is old.
pub(crate) fn bearable_age(interval: Span) -> Span {
    (INTERVALS * interval).max(SOON)
}

impl Freshness {
    /// `is_running`: whether a process of the document's number exists.
    pub(crate) fn of(document: &Document, now: Time, is_running: bool) -> Freshness {
        let age = (now - document.poolmon.written).max(0.0);
        let age_in_full = Duration::from_secs_f64(age.min(1e9));
        let bearable = bearable_age(document.poolmon.interval);
        match (is_running && !document.poolmon.ended, age <= bearable) {
            (false, _) => Freshness::Ended(age_in_full),
            (true, true) => Freshness::Fresh,
            (true, false) => Freshness::Old(age_in_full),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::sample;

    #[test]
    fn a_document_is_old_after_three_intervals_or_when_its_process_is_gone() {
        let document = sample::five_troubles();
        let written = document.poolmon.written;
        let at = |age, is_running| Freshness::of(&document, written + age, is_running);
        assert_eq!(document.poolmon.interval, 30.0);
        assert_eq!(at(90.0, true), Freshness::Fresh);
        assert_eq!(at(-5.0, true), Freshness::Fresh, "a clock that was set");
        assert_eq!(at(91.0, true), Freshness::Old(Duration::from_secs(91)));
        assert_eq!(at(1.0, false), Freshness::Ended(Duration::from_secs(1)));
        // Another process may have its number by now.
        let mut ended = document.clone();
        ended.poolmon.ended = true;
        assert_eq!(
            Freshness::of(&ended, written + 1.0, true),
            Freshness::Ended(Duration::from_secs(1))
        );
    }
}
