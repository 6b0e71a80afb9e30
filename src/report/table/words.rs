//! Times and spans in words, for the table: a span as people say it, or with `-v` the time itself.

use chrono::{DateTime, Local, TimeZone, Utc};

use super::View;
use crate::report::document::{Span, Time};
use crate::report::words::lasting;

/// Whose clock times are shown by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    Local,
    #[cfg(test)]
    Utc,
}

/// How a moment is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// How long ago, or how long it takes.
    Spans,
    /// The time of day.
    Clock,
}

/// For a column: at most 6 characters.
pub(super) fn short(span: Span) -> String {
    let seconds = whole(span);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..=59 => format!("{seconds}s"),
        60..=3599 => format!("{minutes}m{:02}s", seconds % 60),
        3600..=86_399 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{}d", days.min(99_999)),
    }
}

/// For a sentence: below ten seconds tenths matter.
pub(super) fn long(span: Span) -> String {
    if whole(span) > 9 {
        return lasting(span);
    }
    let tenths = (span.max(0.0) * 10.0).round() / 10.0;
    match tenths.fract() == 0.0 {
        true => format!("{tenths:.0} s"),
        false => format!("{tenths:.1} s"),
    }
}

fn whole(span: Span) -> u64 {
    // Casts saturate; what is not a number is 0.
    span as u64
}

/// Milliseconds for a column: at most 5 characters below 100 seconds.
pub(super) fn milliseconds(span: Span) -> String {
    let span = span * 1000.0;
    match span < 9.95 {
        true => format!("{span:.1}"),
        false => format!("{span:.0}"),
    }
}

impl View {
    /// The time of day; with the date if that is another day.
    pub(super) fn clock(&self, time: Time) -> String {
        match self.zone {
            Zone::Local => self.clock_in(&Local, time),
            #[cfg(test)]
            Zone::Utc => self.clock_in(&Utc, time),
        }
    }

    fn clock_in<Z: TimeZone>(&self, zone: &Z, time: Time) -> String
    where
        Z::Offset: std::fmt::Display,
    {
        let local = |time: Time| -> Option<DateTime<Z>> {
            let utc = Utc.timestamp_opt(time.floor() as i64, 0).single()?;
            Some(utc.with_timezone(zone))
        };
        match (local(time), local(self.now)) {
            (Some(time), Some(now)) if time.date_naive() == now.date_naive() => {
                time.format("%H:%M:%S").to_string()
            }
            (Some(time), _) => time.format("%Y-%m-%d %H:%M").to_string(),
            (None, _) => "an unknown time".to_string(),
        }
    }

    /// For a column.
    pub(super) fn since_short(&self, time: Option<Time>) -> String {
        match (time, self.times) {
            (None, _) => String::new(),
            (Some(time), Times::Spans) => short(self.now - time),
            (Some(time), Times::Clock) => self.clock(time),
        }
    }

    /// "for 5 min" or "since 00:34:13".
    pub(super) fn lasting(&self, since: Time) -> String {
        match self.times {
            Times::Spans => format!("for {}", long(self.now - since)),
            Times::Clock => format!("since {}", self.clock(since)),
        }
    }

    /// "5 min ago" or "at 00:34:13".
    pub(super) fn past(&self, time: Time) -> String {
        match self.times {
            Times::Spans => format!("{} ago", long(self.now - time)),
            Times::Clock => format!("at {}", self.clock(time)),
        }
    }

    /// "in 0.4 s", "at 00:40:28" or "now".
    pub(super) fn future(&self, time: Time) -> String {
        match self.times {
            _ if time <= self.now => "now".to_string(),
            Times::Spans => format!("in {}", long(time - self.now)),
            Times::Clock => format!("at {}", self.clock(time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_in_columns_and_words_in_sentences() {
        for (span, in_column, in_sentence) in [
            (-3.0, "0s", "0 s"),
            (0.44, "0s", "0.4 s"),
            (3.0, "3s", "3 s"),
            (9.97, "9s", "10 s"),
            (59.9, "59s", "59 s"),
            (60.0, "1m00s", "1 min"),
            (347.0, "5m47s", "5 min 47 s"),
            (3600.0, "1h00m", "1 h"),
            (86_399.0, "23h59m", "23 h 59 min"),
            (90_000.0, "1d", "1 d 1 h"),
            (86_400.0 * 12.5, "12d", "12 d"),
            (f64::MAX, "99999d", "213503982334601 d"),
        ] {
            assert_eq!(short(span), in_column);
            assert_eq!(long(span), in_sentence);
            assert!(short(span).len() <= 6);
        }
    }

    #[test]
    fn milliseconds_have_two_digits_that_count() {
        for (span, shown) in [
            (0.0004, "0.4"),
            (0.0021, "2.1"),
            (0.00996, "10"),
            (0.031, "31"),
            (5.0, "5000"),
        ] {
            assert_eq!(milliseconds(span), shown);
        }
    }

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let view = View {
            zone: Zone::Utc,
            ..View::plain(1_764_031_200.0, 80)
        };
        assert_eq!(view.clock(1_764_031_200.0 - 60.5), "00:38:59");
        assert_eq!(view.clock(1_764_031_200.0 - 86_400.0), "2025-11-24 00:40");
        assert_eq!(view.clock(1e300), "an unknown time");
    }
}
