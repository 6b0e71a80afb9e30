//! Whether a document still tells the truth: each face says so if it does not.
//!
//! It knows no clock and no processes: the time, and whether the monitor's process exists, are passed in.

use std::fmt;

use super::document::{Document, Span, Time};
use super::words::lasting;

/// A document is old after so many intervals.
const INTERVALS: f64 = 3.0;

/// Whatever the interval, it is not old sooner: a slow disk or a busy machine may hold up a writing for some seconds.
const SOON: f64 = 10.0;

/// How long ago a document was written, by the clock of whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Age {
    /// So many seconds ago.
    Old(Span),
    /// It is dated so many seconds ahead, and by more than clocks differ: one of them was set back since. When it was
    /// written is not known.
    Ahead(Span),
}

impl Age {
    pub(crate) fn of(document: &Document, now: Time) -> Age {
        let monitor = &document.poolmon;
        match now - monitor.written {
            age if age < -bearable_age(monitor.interval) => Age::Ahead(-age),
            age => Age::Old(age.max(0.0)),
        }
    }

    /// In seconds, if it is known.
    pub(crate) fn old(self) -> Option<Span> {
        match self {
            Age::Old(age) => Some(age),
            Age::Ahead(_) => None,
        }
    }
}

/// What is known of the document's age.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Freshness {
    Fresh,
    /// It is too old, although the process of this number exists.
    Old(Age, u32),
    /// The process that wrote it has ended.
    Ended(Age),
}

/// As words for people; empty if it is fresh.
impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Freshness::Fresh => Ok(()),
            // Its number may be another program's by now, as after a restart of the machine.
            Freshness::Old(Age::Old(age), pid) => write!(
                f,
                "STALE: the monitor has written nothing for {}; what follows was so then; see ps -fp {pid} and its \
                 log; if that hangs or is no poolmon, start it anew",
                lasting(*age)
            ),
            Freshness::Old(Age::Ahead(ahead), pid) => write!(
                f,
                "STALE: the monitor's last news is dated {} ahead: a clock was set back; what follows was so when \
                 it was written; if this lasts, see ps -fp {pid} and its log",
                lasting(*ahead)
            ),
            Freshness::Ended(Age::Old(age)) => write!(
                f,
                "STALE: the monitor has ended, its last news is {} old; no backend is taken down or \
                 brought up; see why in its log, and start it",
                lasting(*age)
            ),
            Freshness::Ended(Age::Ahead(ahead)) => write!(
                f,
                "STALE: the monitor has ended, its last news is dated {} ahead (a clock was set back); no backend \
                 is taken down or brought up; see why in its log, and start it",
                lasting(*ahead)
            ),
        }
    }
}

/// The age beyond which a document with this interval is old. One that is dated so far ahead is stale, too.
pub(crate) fn bearable_age(interval: Span) -> Span {
    (INTERVALS * interval).max(SOON)
}

impl Freshness {
    /// `is_running`: whether a process of the document's number exists.
    pub(crate) fn of(document: &Document, now: Time, is_running: bool) -> Freshness {
        let age = Age::of(document, now);
        let bearable = bearable_age(document.poolmon.interval);
        let is_new = age.old().map_or(false, |age| age <= bearable);
        match (is_running && !document.poolmon.ended, is_new) {
            (false, _) => Freshness::Ended(age),
            (true, true) => Freshness::Fresh,
            (true, false) => Freshness::Old(age, document.poolmon.pid),
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
        assert_eq!(
            at(91.0, true),
            Freshness::Old(old(91), document.poolmon.pid)
        );
        assert_eq!(at(1.0, false), Freshness::Ended(old(1)));
        // Another process may have its number by now.
        let mut ended = document.clone();
        ended.poolmon.ended = true;
        assert_eq!(
            Freshness::of(&ended, written + 1.0, true),
            Freshness::Ended(old(1))
        );
    }

    #[test]
    fn a_document_of_the_future_is_no_news_unless_clocks_differ_a_little() {
        let mut document = sample::five_troubles();
        document.poolmon.pid = 4711;
        let written = document.poolmon.written;
        let at = |ahead, is_running| Freshness::of(&document, written - ahead, is_running);
        for bearable in [0.4, 2.0, 90.0] {
            assert_eq!(at(bearable, true), Freshness::Fresh, "{bearable}");
        }
        for (ahead, is_running, expected) in [
            (
                7200.0,
                true,
                "STALE: the monitor's last news is dated 2 h ahead: a clock was set back; what follows was so \
                 when it was written; if this lasts, see ps -fp 4711 and its log",
            ),
            (
                7200.0,
                false,
                "STALE: the monitor has ended, its last news is dated 2 h ahead (a clock was set back); no backend \
                 is taken down or brought up; see why in its log, and start it",
            ),
            (
                2.0,
                false,
                "STALE: the monitor has ended, its last news is 0 s old; no backend is taken down or brought up; \
                 see why in its log, and start it",
            ),
        ] {
            assert_eq!(at(ahead, is_running).to_string(), expected);
        }
        assert_eq!(
            at(-400.0 * 86_400.0, true).to_string(),
            "STALE: the monitor has written nothing for 400 d; what follows was so then; see ps -fp 4711 and its log; \
             if that hangs or is no poolmon, start it anew"
        );
        let told = at(-400.0, false).to_string();
        assert!(told.contains("its last news is 6 min 40 s old; "), "{told}");
        assert_eq!(Age::of(&document, written - 91.0).old(), None);
        assert_eq!(Age::of(&document, written - 90.0).old(), Some(0.0));
        assert_eq!(Age::of(&document, written + 91.0).old(), Some(91.0));
    }

    #[test]
    fn with_a_short_interval_a_document_is_old_after_ten_seconds() {
        let mut document = sample::five_troubles();
        document.poolmon.interval = 2.0;
        let written = document.poolmon.written;
        let at = |age| Freshness::of(&document, written + age, true);
        assert_eq!(at(10.0), Freshness::Fresh);
        assert_eq!(at(11.0), Freshness::Old(old(11), document.poolmon.pid));
    }

    fn old(seconds: u32) -> Age {
        Age::Old(Span::from(seconds))
    }
}
