//! Points in time, rough spans and shares as words. Spans and latencies are in the words of all reports.

use crate::report::document::{Span, Time};
use crate::report::words::lasting;

/// A point in time as the clock on the wall shows it where the monitor runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wall {
    /// Of the Gregorian calendar.
    pub year: i32,
    /// From 1 to 12.
    pub month: u32,
    /// Of the month, from 1.
    pub day: u32,
    /// From 0 to 23.
    pub hour: u32,
    /// From 0 to 59.
    pub minute: u32,
    /// From 0; 60 in a leap second.
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

/// Only its largest unit: `5 min`.
pub(super) fn rough(span: Span) -> String {
    let all = lasting(span);
    let mut words = all.split(' ');
    match (words.next(), words.next()) {
        (Some(number), Some(unit)) => format!("{number} {unit}"),
        _ => all,
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
    fn a_rough_span_has_one_unit() {
        for (span, expected) in [
            (0.4, "0 s"),
            (47.9, "47 s"),
            (347.0, "5 min"),
            (11_520.0, "3 h"),
            (1_051_200.0, "12 d"),
            (f64::NAN, "0 s"),
        ] {
            assert_eq!(rough(span), expected, "{span}");
        }
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
