//! Spans, latencies and points in time as words.

use crate::report::document::{Span, Time};

/// A point in time as the clock on the wall shows it where the monitor runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wall {
    pub year: i32,
    pub month: u32,
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    /// How many minutes it is ahead of UTC.
    pub ahead: i32,
}

impl Wall {
    pub(super) fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    pub(super) fn time(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    /// `UTC+01:00`.
    pub(super) fn zone(&self) -> String {
        let sign = match self.ahead < 0 {
            true => '-',
            false => '+',
        };
        let ahead = self.ahead.unsigned_abs();
        match ahead {
            0 => "UTC".to_string(),
            _ => format!("UTC{sign}{:02}:{:02}", ahead / 60, ahead % 60),
        }
    }

    fn is_same_day(&self, other: &Wall) -> bool {
        (self.year, self.month, self.day) == (other.year, other.month, other.day)
    }
}

/// The clock on the wall, as seen from one day.
pub(super) struct Clock<'a> {
    pub(super) wall: &'a dyn Fn(Time) -> Wall,
    pub(super) today: Wall,
}

impl Clock<'_> {
    /// The time, and the date before it if it is not of the page's day.
    pub(super) fn at(&self, time: Time) -> String {
        let wall = (self.wall)(time);
        match wall.is_same_day(&self.today) {
            true => wall.time(),
            false => format!("{} {:02}:{:02}", wall.date(), wall.hour, wall.minute),
        }
    }
}

/// `47 s`, `5 min 47 s`, `3 h 12 min`, `12 d 4 h`.
pub(super) fn span(span: Span) -> String {
    let seconds = span.clamp(0.0, 1e12);
    if seconds < 10.0 && seconds.fract() >= 0.05 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds as u64;
    let (large, small) = match whole {
        0..=59 => return format!("{whole} s"),
        60..=3599 => ((whole / 60, "min"), (whole % 60, "s")),
        3600..=86_399 => ((whole / 3600, "h"), (whole / 60 % 60, "min")),
        _ => ((whole / 86_400, "d"), (whole / 3600 % 24, "h")),
    };
    match small.0 {
        0 => format!("{} {}", large.0, large.1),
        _ => format!("{} {} {} {}", large.0, large.1, small.0, small.1),
    }
}

/// Only its largest unit: `5 min`.
pub(super) fn rough_span(time: Span) -> String {
    let all = span(time);
    let mut words = all.split(' ');
    match (words.next(), words.next()) {
        (Some(number), Some(unit)) => format!("{number} {unit}"),
        _ => all,
    }
}

/// Three digits at most: `0.4 ms`, `2.1 ms`, `31 ms`, `5.0 s`.
pub(super) fn latency(span: Span) -> String {
    let millis = span.max(0.0) * 1000.0;
    match millis {
        _ if millis < 9.95 => format!("{millis:.1} ms"),
        _ if millis < 999.5 => format!("{millis:.0} ms"),
        _ if millis < 9_950.0 => format!("{:.1} s", millis / 1000.0),
        _ => format!("{:.0} s", millis / 1000.0),
    }
}

/// In whole hundredths, and 100 only for all.
pub(super) fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (_, 0) => "none".to_string(),
        _ => format!("{} %", part.saturating_mul(100) / whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let shown: Vec<String> = [
            0.0,
            0.4,
            9.0,
            47.9,
            60.0,
            347.0,
            3600.0,
            11_520.0,
            1_051_200.0,
        ]
        .iter()
        .map(|seconds| span(*seconds))
        .collect();
        assert_eq!(
            shown,
            [
                "0 s",
                "0.4 s",
                "9 s",
                "47 s",
                "1 min",
                "5 min 47 s",
                "1 h",
                "3 h 12 min",
                "12 d 4 h"
            ]
        );
        assert_eq!(span(-5.0), "0 s");
        assert_eq!(span(f64::NAN), "0 s");
        assert_eq!(rough_span(347.0), "5 min");
        assert_eq!(rough_span(0.4), "0.4 s");
    }

    #[test]
    fn latencies_have_three_digits_at_most() {
        let shown: Vec<String> = [0.0004, 0.0021, 0.00996, 0.031, 0.9996, 5.0, 29.5]
            .iter()
            .map(|seconds| latency(*seconds))
            .collect();
        assert_eq!(
            shown,
            ["0.4 ms", "2.1 ms", "10 ms", "31 ms", "1.0 s", "5.0 s", "30 s"]
        );
    }

    #[test]
    fn another_day_has_its_date() {
        let wall = |time: Time| Wall {
            year: 2025,
            month: 11,
            day: 24 + (time / 86_400.0) as u32,
            hour: 0,
            minute: 40,
            second: (time % 60.0) as u32,
            ahead: -210,
        };
        let clock = Clock {
            wall: &wall,
            today: wall(86_400.0),
        };
        assert_eq!(clock.at(86_413.0), "00:40:13");
        assert_eq!(clock.at(13.0), "2025-11-24 00:40");
        assert_eq!(clock.today.zone(), "UTC-03:30");
    }

    #[test]
    fn all_but_a_little_is_not_all() {
        assert_eq!(share(999, 1000), "99 %");
        assert_eq!(share(1000, 1000), "100 %");
        assert_eq!(share(0, 0), "none");
    }
}
