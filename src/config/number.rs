//! Numbers as the command line and the file have them, with their bounds.
//!
//! dovemon documents "0-n" for most of its numbers. What makes no sense here is taken as the nearest
//! that does, with a remark, where a key is dovemon's own; elsewhere it is refused.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A year. Beyond it nobody means it, and clocks may overflow.
const LONGEST_SECONDS: u32 = 365 * 24 * 60 * 60;

/// What becomes of a number that is out of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    Refused,
    Nearest,
}

/// What was made of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken<T> {
    pub(super) value: T,
    /// What was expected and what is taken, if it is not what is written.
    pub(super) remark: Option<String>,
}

const SECOND: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(LONGEST_SECONDS as u64);

/// At least one: a pause that never ends and a poll that has no time are no good.
pub(super) fn seconds(text: &str, beyond: Beyond) -> Result<Taken<Duration>, String> {
    let nearest = |written: Duration| written.clamp(SECOND, LONGEST);
    duration(text, beyond, "at least 1", nearest)
}

pub(super) fn delay(text: &str, beyond: Beyond) -> Result<Taken<Duration>, String> {
    duration(text, beyond, "at least 0", |written| written.min(LONGEST))
}

pub(super) fn limit(text: &str, beyond: Beyond) -> Result<Taken<Duration>, String> {
    let nearest = |written: Duration| match written {
        Duration::ZERO => Duration::ZERO,
        written => written.clamp(SECOND, LONGEST),
    };
    duration(text, beyond, "0 for none or at least 1", nearest)
}

fn duration(
    text: &str,
    beyond: Beyond,
    least: &str,
    nearest: impl Fn(Duration) -> Duration,
) -> Result<Taken<Duration>, String> {
    let expected = || format!("seconds, {least}, at most {}", LONGEST_SECONDS);
    let Decimal { written, below } = Decimal::of(text).ok_or_else(expected)?;
    let value = nearest(written);
    let is_written = value == written && !below;
    let shown = value.as_secs_f64().to_string();
    taken(value, is_written, beyond, expected, shown)
}

/// A part of one counts as one: so many failures are needed for as many and a half.
pub(super) fn count(
    text: &str,
    bounds: RangeInclusive<u32>,
    beyond: Beyond,
) -> Result<Taken<u32>, String> {
    let (least, most) = (*bounds.start(), *bounds.end());
    let expected = || format!("a number, at least {least}, at most {most}");
    let Decimal { written, below } = Decimal::of(text).ok_or_else(expected)?;
    let whole = written.as_secs();
    let up = whole.saturating_add(u64::from(written.subsec_nanos() > 0));
    let value = u32::try_from(up).unwrap_or(u32::MAX).clamp(least, most);
    let is_written = Duration::from_secs(value.into()) == written && !below;
    taken(value, is_written, beyond, expected, value.to_string())
}

fn taken<T>(
    value: T,
    is_written: bool,
    beyond: Beyond,
    expected: impl Fn() -> String,
    shown: String,
) -> Result<Taken<T>, String> {
    let remark = match (is_written, beyond) {
        (true, _) => None,
        (false, Beyond::Nearest) => Some(format!("expected {}; {shown} is taken", expected())),
        (false, Beyond::Refused) => return Err(expected()),
    };
    Ok(Taken { value, remark })
}

/// A number with an optional sign and a point, whatever its size.
struct Decimal {
    /// Zero where it is below zero, the most there is where it is larger.
    written: Duration,
    below: bool,
}

impl Decimal {
    fn of(text: &str) -> Option<Decimal> {
        let (is_minus, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_empty = whole.is_empty() && fraction.is_empty();
        if is_empty || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let seconds = match whole {
            "" => 0,
            whole => whole.parse().unwrap_or(u64::MAX),
        };
        let nanos = format!("{fraction:0<9.9}").parse().ok()?;
        let written = Duration::new(seconds, nanos);
        let below = is_minus && written > Duration::ZERO;
        Some(Decimal {
            written: if below { Duration::ZERO } else { written },
            below,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_within_the_bounds_is_taken_as_it_is() {
        for beyond in [Beyond::Nearest, Beyond::Refused] {
            let as_written = |result: Result<Taken<Duration>, String>| {
                let taken = result.unwrap();
                assert_eq!(taken.remark, None);
                taken.value.as_secs_f64()
            };
            for (text, value) in [
                ("1", 1.0),
                ("+1.5", 1.5),
                ("015", 15.0),
                ("31536000", 31_536_000.0),
            ] {
                assert_eq!(as_written(seconds(text, beyond)), value);
                assert_eq!(as_written(delay(text, beyond)), value);
                assert_eq!(as_written(limit(text, beyond)), value);
            }
            assert_eq!(as_written(delay("0", beyond)), 0.0);
            assert_eq!(as_written(delay(".5", beyond)), 0.5);
            assert_eq!(as_written(limit("0", beyond)), 0.0);
            assert_eq!(as_written(limit("-0.0", beyond)), 0.0);
            for (text, value) in [("0", 0), ("7", 7), ("3.0", 3), ("1000", 1000)] {
                let expected = Taken {
                    value,
                    remark: None,
                };
                assert_eq!(count(text, 0..=1000, beyond), Ok(expected));
            }
        }
    }

    #[test]
    fn what_is_beyond_them_is_refused_or_taken_as_the_nearest() {
        let check = |taken: &dyn Fn(Beyond) -> Result<(f64, Option<String>), String>,
                     expected: f64,
                     said: &str| {
            assert_eq!(taken(Beyond::Refused), Err(said.to_owned()));
            let remark = format!("expected {said}; {expected} is taken");
            assert_eq!(taken(Beyond::Nearest), Ok((expected, Some(remark))));
        };
        let of_time = |taken: Taken<Duration>| (taken.value.as_secs_f64(), taken.remark);
        let (year, many) = ("31536000", "99999999999999999999999");
        for (text, expected) in [("0", 1.0), ("0.9", 1.0), ("-5", 1.0), (many, 31_536_000.0)] {
            let said = format!("seconds, at least 1, at most {year}");
            check(
                &|beyond| seconds(text, beyond).map(of_time),
                expected,
                &said,
            );
        }
        for (text, expected) in [("-0.1", 0.0), ("31536001", 31_536_000.0)] {
            let said = format!("seconds, at least 0, at most {year}");
            check(&|beyond| delay(text, beyond).map(of_time), expected, &said);
        }
        for (text, expected) in [("-3", 0.0), ("0.2", 1.0), (many, 31_536_000.0)] {
            let said = format!("seconds, 0 for none or at least 1, at most {year}");
            check(&|beyond| limit(text, beyond).map(of_time), expected, &said);
        }
        for (text, expected) in [
            ("0", 1.0),
            ("-1", 1.0),
            ("3.2", 4.0),
            ("1001", 1000.0),
            (many, 1000.0),
        ] {
            let of_count = |taken: Taken<u32>| (f64::from(taken.value), taken.remark);
            let said = "a number, at least 1, at most 1000";
            check(
                &|beyond| count(text, 1..=1000, beyond).map(of_count),
                expected,
                said,
            );
        }
        let most = count(many, 0..=u32::MAX, Beyond::Nearest).unwrap();
        assert_eq!(most.value, u32::MAX);
    }

    #[test]
    fn what_is_no_number_is_refused_in_any_case() {
        for text in [
            "", "-", "+", ".", "ten", "1e2", "10s", "1 0", "--1", "1.2.3", "0x10", "1_0", "\u{661}",
        ] {
            for beyond in [Beyond::Nearest, Beyond::Refused] {
                let expected = format!("seconds, at least 1, at most {LONGEST_SECONDS}");
                assert_eq!(seconds(text, beyond).err(), Some(expected), "{text:?}");
                let expected = "a number, at least 0, at most 9".to_owned();
                let counted = count(text, 0..=9, beyond);
                assert_eq!(counted.err(), Some(expected), "{text:?}");
            }
        }
    }
}
