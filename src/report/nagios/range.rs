//! Ranges by the guidelines of the monitoring plugins: `[@]START:END`, where START may be `~` for no lower
//! bound, and either may be left out.
//!
//! A range alerts on what is outside it, its bounds not; with `@` on what is inside, its bounds included.
//! With `%` behind its numbers they are shares of a whole.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    start: f64,
    end: f64,
    alert: Alert,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alert {
    Outside,
    Inside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Number,
    Percent,
}

impl Range {
    /// `START:`.
    pub(crate) fn alerts_below(start: f64) -> Range {
        Range {
            start,
            end: f64::INFINITY,
            alert: Alert::Outside,
            unit: Unit::Number,
        }
    }

    /// The error says what is expected.
    pub(crate) fn parse(text: &str) -> Result<Range, String> {
        let (alert, bounds) = match text.strip_prefix('@') {
            Some(bounds) => (Alert::Inside, bounds),
            None => (Alert::Outside, text),
        };
        let mut units = Vec::new();
        let mut number = |text: &str| {
            let (digits, unit) = match text.strip_suffix('%') {
                Some(digits) => (digits, Unit::Percent),
                None => (text, Unit::Number),
            };
            units.push(unit);
            let is_number = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
            let plain = Some(digits).filter(|digits| digits.chars().all(is_number));
            plain.and_then(|digits| digits.parse::<f64>().ok())
        };
        let (start, end) = match bounds.split_once(':') {
            None => (Some(0.0), number(bounds)),
            Some((start, end)) => {
                let start = match start {
                    "~" => Some(f64::NEG_INFINITY),
                    "" => Some(0.0),
                    start => number(start),
                };
                let end = match end {
                    "" => Some(f64::INFINITY),
                    end => number(end),
                };
                (start, end)
            }
        };
        let unit = units.first().copied().unwrap_or(Unit::Number);
        match (start, end) {
            (Some(start), Some(end))
                if start <= end && bounds != ":" && units.iter().all(|other| *other == unit) =>
            {
                Ok(Range {
                    start,
                    end,
                    alert,
                    unit,
                })
            }
            _ => Err(
                "expected a range such as 3:, 10, ~:10, 10:20, @10:20, or 75%: for a share"
                    .to_string(),
            ),
        }
    }

    /// The same range in numbers, where the shares are of so many.
    pub(crate) fn of(self, whole: usize) -> Range {
        let part = |bound: f64| match self.unit {
            Unit::Percent => bound * whole as f64 / 100.0,
            Unit::Number => bound,
        };
        Range {
            start: part(self.start),
            end: part(self.end),
            unit: Unit::Number,
            ..self
        }
    }

    pub(crate) fn alerts(self, value: f64) -> bool {
        let is_inside = self.start <= value && value <= self.end;
        is_inside == (self.alert == Alert::Inside)
    }

    pub(crate) fn is_a_share(self) -> bool {
        self.unit == Unit::Percent
    }
}

/// As performance data has it.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = match self.unit {
            Unit::Percent => "%",
            Unit::Number => "",
        };
        if self.alert == Alert::Inside {
            f.write_str("@")?;
        }
        match (self.start, self.end) {
            (start, end) if start == f64::NEG_INFINITY && end == f64::INFINITY => f.write_str("~:"),
            (start, end) if start == f64::NEG_INFINITY => write!(f, "~:{end}{percent}"),
            (start, end) if end == f64::INFINITY => write!(f, "{start}{percent}:"),
            _ if self.start == 0.0 => write!(f, "{}{percent}", self.end),
            (start, end) => write!(f, "{start}{percent}:{end}{percent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each range: what it alerts on, what not, and how it is written.
    #[test]
    fn ranges_alert_as_the_guidelines_say() {
        for (text, alerts, passes, shown) in [
            ("10", &[-0.1, 10.1][..], &[0.0, 5.0, 10.0][..], "10"),
            ("10:", &[9.9, -1.0], &[10.0, 1e9], "10:"),
            ("~:10", &[10.1], &[10.0, -1e9], "~:10"),
            ("10:20", &[9.9, 20.1], &[10.0, 20.0], "10:20"),
            ("@10:20", &[10.0, 15.0, 20.0], &[9.9, 20.1], "@10:20"),
            ("@10", &[0.0, 10.0], &[-0.1, 10.1], "@10"),
            (":10", &[-0.1, 10.1], &[0.0, 10.0], "10"),
            ("-5:-1", &[-5.1, 0.0], &[-5.0, -1.0], "-5:-1"),
            ("0:0", &[0.1, -0.1], &[0.0], "0"),
            ("2.5:", &[2.4], &[2.5], "2.5:"),
            ("~:", &[], &[-1e9, 1e9], "~:"),
        ] {
            let range = Range::parse(text).unwrap();
            for value in alerts {
                assert!(range.alerts(*value), "{text}: {value}");
            }
            for value in passes {
                assert!(!range.alerts(*value), "{text}: {value}");
            }
            assert_eq!(range.to_string(), shown, "{text}");
            assert!(!range.is_a_share());
        }
    }

    #[test]
    fn shares_are_of_a_whole() {
        for (text, whole, alerts, passes, shown) in [
            ("75%:", 4, 2.0, 3.0, "3:"),
            ("75%:", 5, 3.0, 4.0, "3.75:"),
            ("70%:", 10, 6.0, 7.0, "7:"),
            ("@0%:50%", 4, 2.0, 3.0, "@2"),
            ("~:50%", 4, 3.0, 2.0, "~:2"),
            ("50%", 4, 3.0, 2.0, "2"),
        ] {
            let range = Range::parse(text).unwrap();
            assert!(range.is_a_share());
            let range = range.of(whole);
            assert!(range.alerts(alerts), "{text} of {whole}: {alerts}");
            assert!(!range.alerts(passes), "{text} of {whole}: {passes}");
            assert_eq!(range.to_string(), shown, "{text} of {whole}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "", ":", "@", "@:", "x", "10:x", "20:10", "~", "1e3", "inf", "NaN", "nan:", "1:2:3",
            "10%:20", "10:20%", "%", "--1", "1.2.3", " 1", "~:~",
        ] {
            let expected =
                "expected a range such as 3:, 10, ~:10, 10:20, @10:20, or 75%: for a share";
            assert_eq!(Range::parse(text), Err(expected.to_owned()), "{text}");
        }
    }
}
