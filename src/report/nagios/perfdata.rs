//! Performance data: `label=value[unit];warning;critical;min;max`, each label without a character that would
//! need quoting, each number without an exponent.

use std::fmt;

use super::range::Range;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric {
    pub(super) label: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    pub(super) warning: Option<Range>,
    pub(super) critical: Option<Range>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
}

impl Metric {
    /// A number of things, of so many if that is known.
    pub(super) fn count(label: &'static str, value: u64, of: Option<usize>) -> Metric {
        Metric {
            label,
            value: value as f64,
            unit: "",
            warning: None,
            critical: None,
            min: Some(0.0),
            max: of.map(|of| of as f64),
        }
    }

    pub(super) fn seconds(label: &'static str, value: f64) -> Metric {
        Metric {
            unit: "s",
            // Microseconds are what can be measured.
            value: (value.max(0.0) * 1e6).round() / 1e6,
            ..Metric::count(label, 0, None)
        }
    }

    pub(super) fn limits(self, warning: Option<Range>, critical: Option<Range>) -> Metric {
        Metric {
            warning,
            critical,
            ..self
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn shown<Value: fmt::Display>(value: &Option<Value>) -> String {
            value.as_ref().map_or(String::new(), Value::to_string)
        }
        let fields = [
            shown(&self.warning),
            shown(&self.critical),
            shown(&self.min),
            shown(&self.max),
        ];
        let fields = fields.join(";");
        let Metric {
            label, value, unit, ..
        } = self;
        match fields.trim_end_matches(';') {
            "" => write!(f, "{label}={value}{unit}"),
            fields => write!(f, "{label}={value}{unit};{fields}"),
        }
    }
}
