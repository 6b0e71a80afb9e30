//! Fuzz target: a status file of any content, and every face made of it.
//!
//! What is given is a status file, or else changes to the sample, a line each: a letter for the kind, two bytes
//! that choose the place, and the new value. So texts of others get everywhere.
//!
//! The properties:
//! - What is read is written and read again as the same, but for the last digits of a number.
//! - Table and explanation do nothing to a terminal, and the table's lines are no wider than it.
//! - The page has only tags of our own source, and its own script and style alone.
//! - The metrics are of Prometheus' format, each sample there once.
//! - A plugin's text has one bar, before its performance data, and nothing that a shell obeys.

use std::collections::HashSet;
use std::path::Path;

use chrono::{NaiveDateTime, TimeZone, Utc};
use serde_json::Value;

use super::document::{Document, Time};
use super::explain::{find, unknown, Trial, View as Explanation};
use super::freshness::Freshness;
use super::nagios::{judge, Detail, Limits};
use super::table::{lines, Explain, Services, Sort, Times, View, Which};
use super::terminal::{columns, Colours};
use super::{local_page, metrics};
use crate::app::reading;

const SAMPLE: &[u8] = include_bytes!("../../tests/data/status.json");

/// Changes to one file.
const MOST_CHANGES: usize = 12;

/// Bytes of a page of the sample with changes; its own limit is for the details alone.
const LARGEST_PAGE: usize = 600_000;

pub(crate) fn status(data: &[u8]) {
    let text = match data.first() {
        Some(b'{') => data.to_vec(),
        _ => changed(data),
    };
    let document = match reading::parse(Path::new("s"), &text) {
        Ok(document) => document,
        Err(error) => return check_line(&error.to_string()),
    };
    let written = serde_json::to_vec(&document).expect("values of JSON");
    let again = reading::parse(Path::new("s"), &written);
    let again = again.unwrap_or_else(|error| panic!("{error}"));
    let values = |document| serde_json::to_value(document).expect("values of JSON");
    check_same(&values(&again), &values(&document));

    let size = data.len();
    let now = document.poolmon.written + (size % 7) as Time * 40.0;
    let freshness = Freshness::of(&document, now, size % 3 != 0);
    let stale = freshness.to_string();
    check_table(&document, now, freshness, size);
    check_explanations(&document, now, &stale);
    check_plugin(&document, now, freshness, size);
    check_metrics(&metrics::render(&document));
    check_page(&local_page(&document, now, &stale));
}

/// The same values. Of a number with a fraction the last digits may differ: it is read in a quick way.
fn check_same(one: &Value, other: &Value) {
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) => {
            assert_eq!(ones.len(), others.len());
            ones.iter()
                .zip(others)
                .for_each(|(one, other)| check_same(one, other));
        }
        (Value::Object(ones), Value::Object(others)) => {
            assert!(ones.keys().eq(others.keys()));
            ones.values()
                .zip(others.values())
                .for_each(|(one, other)| check_same(one, other));
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let (one, other) = (
                one.as_f64().unwrap_or(f64::NAN),
                other.as_f64().unwrap_or(f64::NAN),
            );
            let most = one.abs().max(other.abs()) * 1e-14;
            assert!(
                one == other || (one - other).abs() <= most,
                "{one:e}, {other:e}"
            );
        }
        _ => assert_eq!(one, other),
    }
}

/// The sample after these changes; one that makes it no status file is left out.
fn changed(data: &[u8]) -> Vec<u8> {
    let mut sample: Value = serde_json::from_slice(SAMPLE).expect("the sample");
    let changes = data.split(|&byte| byte == b'\n').take(MOST_CHANGES);
    for change in changes {
        if let [kind, high, low, value @ ..] = change {
            let place = usize::from(*high) << 8 | usize::from(*low);
            let before = sample.clone();
            apply(&mut sample, *kind, place, value);
            if serde_json::from_value::<Document>(sample.clone()).is_err() {
                sample = before;
            }
        }
    }
    serde_json::to_vec(&sample).expect("values of JSON")
}

fn apply(sample: &mut Value, kind: u8, place: usize, value: &[u8]) {
    // A line feed would end the change.
    let text = String::from_utf8_lossy(value).replace('\u{1e}', "\n");
    let is_wanted = |value: &Value| match kind {
        b'n' => value.is_number() || value.is_null(),
        b'b' => value.is_boolean(),
        b'z' => value.is_number() || value.is_string(),
        b'd' | b'r' => value.as_array().map_or(false, |array| !array.is_empty()),
        _ => value.is_string() || value.is_null(),
    };
    let count = count(sample, &is_wanted);
    let mut left = place % count.max(1);
    let found = match nth(sample, &is_wanted, &mut left) {
        Some(found) => found,
        None => return,
    };
    match (kind, found) {
        (b'n', found) => {
            let number: Result<Value, _> = serde_json::from_str(&text);
            *found = number.unwrap_or(Value::Null);
        }
        (b'b', Value::Bool(is)) => *is = !*is,
        (b'z', found) => *found = Value::Null,
        (b'd', Value::Array(array)) => {
            let one = array[value.len() % array.len()].clone();
            array.push(one);
        }
        (b'r', Value::Array(array)) => {
            array.remove(value.len() % array.len());
        }
        (_, found) => *found = Value::String(text),
    }
}

fn count(value: &Value, is_wanted: &dyn Fn(&Value) -> bool) -> usize {
    let below: usize = match value {
        Value::Array(array) => array.iter().map(|one| count(one, is_wanted)).sum(),
        Value::Object(map) => map.values().map(|one| count(one, is_wanted)).sum(),
        _ => 0,
    };
    below + usize::from(is_wanted(value))
}

fn nth<'v>(
    value: &'v mut Value,
    is_wanted: &dyn Fn(&Value) -> bool,
    left: &mut usize,
) -> Option<&'v mut Value> {
    if is_wanted(value) {
        if *left == 0 {
            return Some(value);
        }
        *left -= 1;
    }
    match value {
        Value::Array(array) => array.iter_mut().find_map(|one| nth(one, is_wanted, left)),
        Value::Object(map) => map.values_mut().find_map(|one| nth(one, is_wanted, left)),
        _ => None,
    }
}

/// Nothing that a terminal obeys, or that turns the direction of text.
fn check_line(line: &str) {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!line.contains(acts), "{line:?}");
}

fn check_table(document: &Document, now: Time, freshness: Freshness, size: usize) {
    for (width, colours) in [(20 + size % 180, Colours::Off), (80, Colours::On)] {
        let view = View {
            freshness,
            colours,
            times: match size % 2 {
                0 => Times::Spans,
                _ => Times::Clock,
            },
            services: match size % 5 {
                0 => Services::InTrouble,
                _ => Services::All,
            },
            which: Which::All,
            sort: Sort::ALL[size % Sort::ALL.len()],
            since: Some(86_400.0),
            explain: Explain::First,
            ..View::plain(now, width)
        };
        for line in lines(document, &view) {
            let line = match colours {
                Colours::Off => line,
                Colours::On => without_colours(&line),
            };
            check_line(&line);
            assert!(columns(&line) <= width, "wider than {width}: {line}");
        }
    }
}

fn without_colours(line: &str) -> String {
    let mut kept = String::new();
    for (place, part) in line.split("\x1b[").enumerate() {
        let text = match place {
            0 => part,
            _ => {
                let (code, text) = part.split_once('m').expect("a colour");
                assert!(
                    code.bytes()
                        .all(|byte| byte.is_ascii_digit() || byte == b';'),
                    "{code}"
                );
                text
            }
        };
        kept.push_str(text);
    }
    kept
}

/// As `poolmon explain` has it, in a zone that is the same everywhere.
fn utc(time: Time) -> NaiveDateTime {
    let time = Utc.timestamp_opt(time as i64, 0).single();
    time.map_or_else(NaiveDateTime::default, |time| time.naive_utc())
}

fn check_explanations(document: &Document, now: Time, stale: &str) {
    for backend in document.backends.iter().take(4) {
        let view = Explanation {
            document,
            backend,
            now,
            stale,
            zone: utc,
            trial: Trial::PoolmonCheck,
        };
        let text = view.text();
        text.lines().for_each(check_line);
        assert!(text.len() < 1_000_000, "{} bytes", text.len());
        serde_json::to_string(&view.explained()).expect("values of JSON");
        let name = backend.name.as_deref().unwrap_or_default();
        let _ = find(document, name);
        check_line(&unknown(document, name));
    }
}

fn check_plugin(document: &Document, now: Time, freshness: Freshness, size: usize) {
    let mut limits = Limits::usual();
    if size % 2 == 0 {
        limits.detail = Detail::All;
    }
    let report = judge(document, freshness, now, &limits);
    let text = report.to_string();
    let (first, rest) = text.split_once('\n').expect("a line");
    assert!(
        first.starts_with(&format!("POOLMON {} - ", report.state)),
        "{first}"
    );
    assert!(
        text.matches('|').count() <= 1 && !rest.contains('|'),
        "{text}"
    );
    assert!(!text.contains(&['<', '>', '`', '$'][..]), "{text}");
    for line in text.lines() {
        assert!(
            line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{line:?}"
        );
    }
    let (words, data) = first.split_once(" | ").unwrap_or((first, ""));
    assert!(words.len() <= 220, "{words}");
    for metric in data.split(' ').filter(|metric| !metric.is_empty()) {
        let (label, values) = metric.split_once('=').expect("label=value");
        assert!(
            label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{label}"
        );
        let fields: Vec<&str> = values.split(';').collect();
        assert!(fields.len() <= 5, "{metric}");
        let value = fields[0].trim_end_matches('s');
        assert!(value.parse().map_or(false, f64::is_finite), "{metric}");
    }
}

fn check_metrics(text: &str) {
    let mut series = HashSet::new();
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        if line.starts_with("# HELP ") || line.starts_with("# TYPE ") {
            continue;
        }
        let (name, value) = sample(line).unwrap_or_else(|| panic!("no sample: {line:?}"));
        assert!(name.starts_with("poolmon_"), "{line}");
        let is_number = value.parse::<f64>().is_ok() || ["+Inf", "-Inf", "NaN"].contains(&value);
        assert!(is_number, "{line}");
        assert!(series.insert(name.to_owned()), "twice: {line}");
    }
}

/// The series and the value of a line.
fn sample(line: &str) -> Option<(&str, &str)> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let end = line.find(|c| !is_name(c))?;
    let mut rest = &line[end..];
    if let Some(labels) = rest.strip_prefix('{') {
        rest = labels;
        loop {
            let (name, value) = rest.split_once("=\"")?;
            if name.is_empty() || !name.chars().all(is_name) {
                return None;
            }
            let mut characters = value.char_indices();
            let end = loop {
                match characters.next()? {
                    (place, '"') => break place,
                    (_, '\\') => match characters.next()? {
                        (_, '\\' | '"' | 'n') => {}
                        _ => return None,
                    },
                    _ => {}
                }
            };
            rest = &value[end + 1..];
            match (rest.strip_prefix(','), rest.strip_prefix('}')) {
                (Some(more), _) => rest = more,
                (_, Some(behind)) => {
                    rest = behind;
                    break;
                }
                _ => return None,
            }
        }
    }
    let value = rest.strip_prefix(' ')?;
    Some((&line[..line.len() - rest.len()], value))
}

/// All that our source writes.
const TAGS: &[&str] = &[
    "a", "b", "body", "dd", "details", "div", "dl", "dt", "em", "footer", "h1", "h2", "head",
    "header", "html", "i", "li", "link", "meta", "ol", "p", "path", "pre", "rect", "samp",
    "script", "small", "span", "style", "summary", "svg", "table", "tbody", "td", "text", "th",
    "thead", "time", "title", "tr", "u", "ul",
];

const ATTRIBUTES: &[&str] = &[
    "aria-hidden",
    "aria-label",
    "charset",
    "class",
    "content",
    "d",
    "data-limit",
    "data-written",
    "height",
    "href",
    "http-equiv",
    "id",
    "lang",
    "name",
    "rel",
    "role",
    "scope",
    "src",
    "start",
    "viewBox",
    "width",
    "x",
    "y",
    "hidden",
    "open",
    "preserveAspectRatio",
    "datetime",
    "title",
    "colspan",
    "rx",
    "type",
    "tabindex",
];

fn check_page(page: &str) {
    assert!(page.len() <= LARGEST_PAGE, "{} bytes", page.len());
    let mut scripts = 0;
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a page");
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "{:?}", &rest[..start]);
        rest = &rest[start + 1..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '/')
            .expect("a tag's end");
        let (name, behind) = rest.split_at(end);
        assert!(TAGS.contains(&name.trim_start_matches('/')), "<{name}");
        rest = attributes(name, behind);
        if name == "script" || name == "style" {
            let own = match name {
                "script" => include_str!("page/script.js"),
                _ => include_str!("page/style.css"),
            };
            rest = rest.strip_prefix(own).expect("our own script or style");
            assert!(rest.starts_with("</"));
            scripts += 1;
        }
    }
    assert!(!rest.contains('>'));
    assert_eq!(scripts, 2, "a style and a script");
}

/// What follows the tag.
fn attributes<'t>(tag: &str, mut rest: &'t str) -> &'t str {
    loop {
        rest = rest.trim_start_matches(&[' ', '\n', '/'][..]);
        if let Some(behind) = rest.strip_prefix('>') {
            return behind;
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let end = rest.find(|c| !is_name(c)).expect("an attribute's end");
        let (name, behind) = rest.split_at(end);
        assert!(ATTRIBUTES.contains(&name), "<{tag} {name}");
        rest = behind;
        if let Some(value) = rest.strip_prefix("=\"") {
            let (value, behind) = value.split_once('"').expect("a quote");
            check_value(name, value);
            rest = behind;
        } else if let Some(value) = rest.strip_prefix('=') {
            let end = value.find(&[' ', '>', '\n'][..]).expect("a value's end");
            let (value, behind) = value.split_at(end);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.#:%,".contains(c);
            assert!(value.chars().all(is_plain), "{name}={value}");
            check_value(name, value);
            rest = behind;
        }
    }
}

fn check_value(name: &str, value: &str) {
    assert!(!value.contains(&['<', '>'][..]), "{name}={value}");
    if ["href", "src"].contains(&name) {
        let is_own = value.starts_with('#') || value.starts_with("data:image/");
        assert!(is_own, "{name}={value}");
    }
}
