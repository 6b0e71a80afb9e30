//! Prometheus' text format: families, samples, labels, numbers. It knows no meaning of any of them.

use std::collections::HashSet;
use std::fmt::Write;

use super::families::{Family, Kind};
use crate::pool::Words;
use crate::report::document::{Histogram, Span};
use crate::report::words::shown;

/// Labels as they stand between braces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels(String);

impl Labels {
    /// The value stands there as the status shows it: a tag is what the director says, and whoever looks at the
    /// file may do so on a terminal.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        push_escaped(&mut self.0, &shown(value));
        self.0.push('"');
    }

    fn push_to(&self, line: &mut String) {
        if !self.0.is_empty() {
            line.push('{');
            line.push_str(&self.0);
            line.push('}');
        }
    }
}

/// The value of a label: a quote and a backslash are escaped. A line feed would have to be, too; `shown` has escaped it
/// before.
fn push_escaped(line: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => line.push_str("\\\\"),
            '"' => line.push_str("\\\""),
            other => line.push(other),
        }
    }
}

/// Go's `ParseFloat` reads it.
fn push_number(line: &mut String, number: f64) {
    // Writing to a string does not fail.
    let _ = match number {
        number if number == f64::INFINITY => line.write_str("+Inf"),
        number if number == f64::NEG_INFINITY => line.write_str("-Inf"),
        number => write!(line, "{number}"),
    };
}

/// The text so far.
pub(super) struct Writer<'a> {
    text: String,
    /// Of every sample.
    labels: &'a Labels,
}

impl<'a> Writer<'a> {
    pub(super) fn new(labels: &'a Labels) -> Writer<'a> {
        Writer {
            text: String::new(),
            labels,
        }
    }

    /// The samples of this family follow.
    pub(super) fn family<'w>(&'w mut self, family: &'w Family) -> Samples<'w, 'a> {
        Samples {
            writer: self,
            family,
            seen: HashSet::new(),
        }
    }

    pub(super) fn text(self) -> String {
        self.text
    }

    fn head(&mut self, family: &Family) {
        let Family { name, help, .. } = family;
        // The same of each pool: where the files of two monitors are read together, each family may have one text.
        let help = help.replace(Words::OF_DIRECTOR.subject, "the director or HAProxy");
        let kind = family.kind.word();
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: &Labels, value: f64) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        labels.push_to(&mut self.text);
        self.text.push(' ');
        push_number(&mut self.text, value);
        self.text.push('\n');
    }
}

/// Takes the samples of one family. A family without any is left out.
pub(super) struct Samples<'w, 'a> {
    writer: &'w mut Writer<'a>,
    family: &'w Family,
    seen: HashSet<String>,
}

impl Samples<'_, '_> {
    /// `values`: of the family's labels, in their order.
    pub(super) fn add(&mut self, values: &[&str], value: f64) {
        if let Some(labels) = self.new_labels(values) {
            self.writer.sample(self.family.name, "", &labels, value);
        }
    }

    pub(super) fn add_histogram(&mut self, values: &[&str], histogram: &Histogram) {
        let bounds: &[Span] = match self.family.kind {
            Kind::Histogram(bounds) => bounds,
            Kind::Gauge | Kind::Counter => &[],
        };
        let labels = match self.new_labels(values) {
            Some(labels) => labels,
            None => return,
        };
        let name = self.family.name;
        let Histogram {
            buckets,
            count,
            sum,
        } = histogram;
        let bounded = bounds.iter().copied().zip(buckets.iter().copied());
        for (bound, passed) in bounded.chain([(f64::INFINITY, *count)]) {
            let mut of_bucket = labels.clone();
            let mut le = String::new();
            push_number(&mut le, bound);
            of_bucket.add("le", &le);
            self.writer
                .sample(name, "_bucket", &of_bucket, passed as f64);
        }
        self.writer.sample(name, "_sum", &labels, *sum);
        self.writer.sample(name, "_count", &labels, *count as f64);
    }

    /// None if there is a sample with these already. The first one is preceded by the family's head.
    fn new_labels(&mut self, values: &[&str]) -> Option<Labels> {
        debug_assert_eq!(values.len(), self.family.labels.len());
        let mut labels = self.writer.labels.clone();
        for (name, value) in self.family.labels.iter().zip(values) {
            labels.add(name, value);
        }
        if self.seen.is_empty() {
            self.writer.head(self.family);
        }
        self.seen.insert(labels.0.clone()).then_some(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_shows_any_text_and_ends_where_it_should() {
        for (text, expected) in [
            ("", "a=\"\""),
            ("192.0.2.7", "a=\"192.0.2.7\""),
            ("a\\b\"c\nd", "a=\"a\\\\b\\\"c\\\\nd\""),
            (
                "}{,='\r\t\u{202e}\u{1b}",
                "a=\"}{,='\\\\r\\\\t\\\\u{202e}\\\\u{1b}\"",
            ),
            ("ü\u{9b}", "a=\"ü\\\\u{9b}\""),
        ] {
            let mut labels = Labels::default();
            labels.add("a", text);
            assert_eq!(labels.0, expected);
        }
    }

    #[test]
    fn numbers_have_no_exponent_and_words_of_go() {
        for (number, expected) in [
            (0.0, "0"),
            (-1.5, "-1.5"),
            (0.000_001, "0.000001"),
            (1_764_031_200.123, "1764031200.123"),
            (9e15, "9000000000000000"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            let mut line = String::new();
            push_number(&mut line, number);
            assert_eq!(line, expected);
        }
    }
}
