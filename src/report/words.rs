//! Spans, moments and text of others, as a person reads them on a terminal.
//!
//! It knows no clock and no time zone: what the local time is, the caller's function says.

use chrono::NaiveDateTime;

use super::document::{Backend, Span, Time};
use super::terminal;

/// The local time of a moment, or of UTC in tests.
pub(crate) type Zone = fn(Time) -> NaiveDateTime;

/// How much of a text of others is shown.
const LONGEST: usize = 300;

/// How long an attempt took: `0.4 ms`, `31 ms`, `2.1 s`.
pub(crate) fn took(span: Span) -> String {
    let milliseconds = span.max(0.0) * 1000.0;
    match milliseconds {
        short if short < 9.95 => format!("{short:.1} ms"),
        middle if middle < 999.5 => format!("{middle:.0} ms"),
        long => format!("{:.1} s", long / 1000.0),
    }
}

/// How long something lasts, in two units at most: `3 s`, `5 min 47 s`, `2 h 5 min`, `12 d`.
pub(crate) fn lasting(span: Span) -> String {
    let seconds = span.max(0.0) as u64;
    let two = |first: u64, unit: &str, second: u64, part: &str| match second {
        0 => format!("{first} {unit}"),
        second => format!("{first} {unit} {second} {part}"),
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => two(minutes, "min", seconds % 60, "s"),
        3600..=86_399 => two(hours, "h", minutes % 60, "min"),
        86_400..=863_999 => two(days, "d", hours % 24, "h"),
        _ => format!("{days} d"),
    }
}

/// The time of day; with the date if it is another day than now.
pub(crate) fn moment(at: Time, now: Time, zone: Zone) -> String {
    let (at, now) = (zone(at), zone(now));
    match at.date() == now.date() {
        true => at.format("%H:%M:%S").to_string(),
        false => at.format("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

/// Text of others: what would move the cursor, hide or reorder text is escaped, and what is too long is cut.
pub(crate) fn shown(text: &str) -> String {
    shown_up_to(LONGEST, text)
}

/// The same with another limit.
pub(crate) fn shown_up_to(longest: usize, text: &str) -> String {
    let mut kept: String = text.chars().take(longest).collect();
    if kept.len() < text.len() {
        kept.push_str("...");
    }
    terminal::shown(&kept)
}

/// `192.0.2.7 (mail7.example.org)`.
pub(crate) fn full_name(backend: &Backend) -> String {
    match &backend.name {
        Some(name) => format!("{} ({})", backend.address, shown(name)),
        None => backend.address.to_string(),
    }
}

#[cfg(test)]
pub(crate) fn utc(time: Time) -> NaiveDateTime {
    use chrono::{TimeZone, Utc};
    Utc.timestamp_opt(time as i64, 0).unwrap().naive_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_short_as_they_are_useful() {
        for (span, expected) in [
            (0.0, "0.0 ms"),
            (0.0004, "0.4 ms"),
            (0.00994, "9.9 ms"),
            (0.00996, "10 ms"),
            (0.031, "31 ms"),
            (0.9996, "1.0 s"),
            (2.14, "2.1 s"),
            (30.0, "30.0 s"),
        ] {
            assert_eq!(took(span), expected, "{span}");
        }
        for (span, expected) in [
            (-1.0, "0 s"),
            (59.9, "59 s"),
            (60.0, "1 min"),
            (347.0, "5 min 47 s"),
            (7500.0, "2 h 5 min"),
            (86_400.0, "1 d"),
            (90_000.0, "1 d 1 h"),
            (1_036_800.0, "12 d"),
        ] {
            assert_eq!(lasting(span), expected, "{span}");
        }
    }

    #[test]
    fn a_moment_of_another_day_has_its_date() {
        let now = 1_764_031_200.0;
        assert_eq!(moment(now - 347.0, now, utc), "00:34:13");
        assert_eq!(moment(now - 3600.0, now, utc), "2025-11-24 23:40:00");
    }

    #[test]
    fn text_of_others_moves_no_cursor_and_turns_no_text_round() {
        assert_eq!(
            shown("a\u{1b}[31m\u{202e}b\u{7f}\u{9b}\nü<&|"),
            "a\\u{1b}[31m\\u{202e}b\\u{7f}\\u{9b}\\nü<&|"
        );
        assert_eq!(shown(&"x".repeat(8192)), "x".repeat(300) + "...");
        assert_eq!(shown(&"x".repeat(300)), "x".repeat(300));
    }
}
