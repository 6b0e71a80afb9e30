//! All fields of the document, and which face shows which, or why it does not.
//!
//! JSON has all of them. A new field fails the test here until it has a row, and the tests of the faces
//! until they show it or say why not. `faults` is what those tests ask.

use std::collections::BTreeSet;

use serde_json::Value;

use super::sample::{self, WRITTEN};
use super::{Document, Time};

/// Who makes something for people or machines of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// `poolmon status`, with whatever options.
    Table,
    /// `poolmon explain` of whatever backend.
    Explain,
    Page,
    Metrics,
    /// `poolmon status --nagios`.
    Nagios,
}

/// Whether a face shows a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// What it says depends on it.
    Yes,
    /// Why not.
    No(&'static str),
}

use Shown::No;

const SHOWN: Shown = Shown::Yes;
const EXPLAIN: Shown = No("too long for one line: explain shows it");
const PAGE: Shown = No("it is for a drawing: the page has it");
const METRICS: Shown = No("it is for sums over time: the metrics have it");
const STATUS: Shown = No("it is about all backends: status shows it");
const DAY: Shown = No("single attempts are in explain; the page draws the day");
const CAUSE: Shown = No("the backend's cause says it in words");
const RULES: Shown = No("the rules' answers say what follows from it");
const STALE: Shown =
    No("it decides whether the document is said to be stale, before any face is asked");
const FORMAT: Shown = No("another format is never shown");
const TEXT: Shown = No("unbounded text makes unbounded series");
const COUNTED: Shown = No("events are counted, in the counters");
const SCRAPED: Shown = No("the series over time tells it");

pub(crate) struct Field {
    /// From the root; `[]` is any element of an array.
    pub(crate) path: &'static str,
    table: Shown,
    explain: Shown,
    page: Shown,
    metrics: Shown,
    nagios: Shown,
}

impl Field {
    pub(crate) fn shown(&self, face: Face) -> Shown {
        match face {
            Face::Table => self.table,
            Face::Explain => self.explain,
            Face::Page => self.page,
            Face::Metrics => self.metrics,
            Face::Nagios => self.nagios,
        }
    }
}

const fn field(
    path: &'static str,
    table: Shown,
    explain: Shown,
    page: Shown,
    metrics: Shown,
    nagios: Shown,
) -> Field {
    Field {
        path,
        table,
        explain,
        page,
        metrics,
        nagios,
    }
}

/// In the order of their paths: table, explain, page, metrics, nagios.
#[rustfmt::skip]
pub(crate) const FIELDS: &[Field] = &[
    field("alarms[].alarm", No("its text says it"), SHOWN, SHOWN, SHOWN, SHOWN),
    field("alarms[].since", SHOWN, SHOWN, SHOWN, No("the series' own time tells it"), STATUS),
    field("alarms[].text", SHOWN, SHOWN, SHOWN, TEXT, SHOWN),
    field("backends[].address", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].attempts[].at", EXPLAIN, SHOWN, DAY, COUNTED, EXPLAIN),
    field("backends[].attempts[].delivery", EXPLAIN, SHOWN, DAY, SHOWN, EXPLAIN),
    field("backends[].attempts[].latency", EXPLAIN, SHOWN, DAY, COUNTED, EXPLAIN),
    field("backends[].attempts[].result", EXPLAIN, SHOWN, DAY, COUNTED, EXPLAIN),
    field("backends[].attempts[].service", EXPLAIN, SHOWN, DAY, COUNTED, EXPLAIN),
    field("backends[].attempts[].stages[].stage", EXPLAIN, SHOWN, DAY, COUNTED, EXPLAIN),
    field("backends[].attempts[].stages[].took", EXPLAIN, SHOWN, DAY, COUNTED, EXPLAIN),
    field("backends[].by", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].cause", SHOWN, SHOWN, SHOWN, TEXT, SHOWN),
    field("backends[].changes[].at", SHOWN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].changes[].by", SHOWN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].changes[].reason", SHOWN, SHOWN, SHOWN, TEXT, EXPLAIN),
    field("backends[].changes[].to", SHOWN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].day.every", PAGE, PAGE, SHOWN, SCRAPED, PAGE),
    field("backends[].day.from", PAGE, PAGE, SHOWN, SCRAPED, PAGE),
    field("backends[].day.slots[][]", PAGE, PAGE, SHOWN, SCRAPED, PAGE),
    field("backends[].drain", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].listed", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].listed_since", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].name", SHOWN, SHOWN, SHOWN, No("the address names it; DNS can change its name"), SHOWN),
    field("backends[].owned", RULES, SHOWN, RULES, RULES, RULES),
    field("backends[].schedule.last", No("the last pass and the next attempt are shown"), SHOWN, No("the last pass is shown"), SHOWN, EXPLAIN),
    field("backends[].schedule.next", SHOWN, SHOWN, SHOWN, No("it is over before anybody reads it"), EXPLAIN),
    field("backends[].schedule.retry.failed", SHOWN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].schedule.retry.left", SHOWN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].schedule.retry.service", No("the cause begins with it"), SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].services[].certificate.accepted", SHOWN, SHOWN, SHOWN, No("a refused one is a failure, and those are counted"), EXPLAIN),
    field("backends[].services[].certificate.chain_not_after", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].services[].certificate.names[]", EXPLAIN, SHOWN, SHOWN, TEXT, EXPLAIN),
    field("backends[].services[].certificate.not_after", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].services[].certificate.read", EXPLAIN, SHOWN, SHOWN, SCRAPED, EXPLAIN),
    field("backends[].services[].failure.at", SHOWN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].services[].failure.failure.blame", SHOWN, SHOWN, SHOWN, COUNTED, SHOWN),
    field("backends[].services[].failure.failure.fault", CAUSE, SHOWN, SHOWN, COUNTED, CAUSE),
    field("backends[].services[].failure.failure.stage", CAUSE, SHOWN, CAUSE, COUNTED, CAUSE),
    field("backends[].services[].failure.failure.text", CAUSE, SHOWN, CAUSE, TEXT, CAUSE),
    field("backends[].services[].failure.latency", EXPLAIN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].services[].failure.lines[]", EXPLAIN, SHOWN, SHOWN, TEXT, EXPLAIN),
    field("backends[].services[].failure.stages[].stage", EXPLAIN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].services[].failure.stages[].took", EXPLAIN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].services[].failures", SHOWN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].services[].last_pass", SHOWN, SHOWN, SHOWN, SCRAPED, EXPLAIN),
    field("backends[].services[].latency", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].services[].median", SHOWN, SHOWN, SHOWN, No("the histogram has it"), EXPLAIN),
    field("backends[].services[].pass.at", No("the last pass is shown"), SHOWN, EXPLAIN, COUNTED, EXPLAIN),
    field("backends[].services[].pass.failure", No("a pass has none"), No("a pass has none"), No("a pass has none"), No("a pass has none"), No("a pass has none")),
    field("backends[].services[].pass.latency", EXPLAIN, SHOWN, EXPLAIN, COUNTED, EXPLAIN),
    field("backends[].services[].pass.lines[]", EXPLAIN, SHOWN, EXPLAIN, TEXT, EXPLAIN),
    field("backends[].services[].pass.stages[].stage", EXPLAIN, SHOWN, EXPLAIN, COUNTED, EXPLAIN),
    field("backends[].services[].pass.stages[].took", EXPLAIN, SHOWN, EXPLAIN, COUNTED, EXPLAIN),
    field("backends[].services[].passes", SHOWN, SHOWN, SHOWN, COUNTED, EXPLAIN),
    field("backends[].services[].recent", SHOWN, SHOWN, SHOWN, SCRAPED, EXPLAIN),
    field("backends[].services[].result", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].services[].service", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].services[].tried_since", SHOWN, SHOWN, SHOWN, SCRAPED, EXPLAIN),
    field("backends[].services[].unchecked", SHOWN, SHOWN, SHOWN, TEXT, EXPLAIN),
    field("backends[].services[].worst", SHOWN, SHOWN, SHOWN, No("the histogram has it"), EXPLAIN),
    field("backends[].tag", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].unsteady_until", SHOWN, SHOWN, EXPLAIN, RULES, EXPLAIN),
    field("backends[].unwell[].from", PAGE, PAGE, SHOWN, SCRAPED, PAGE),
    field("backends[].unwell[].to", PAGE, PAGE, SHOWN, SCRAPED, PAGE),
    field("backends[].unwell[].verdict", PAGE, PAGE, SHOWN, SCRAPED, PAGE),
    field("backends[].users", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].verdict", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].verdict_since", SHOWN, SHOWN, SHOWN, SCRAPED, SHOWN),
    field("backends[].vhosts", SHOWN, SHOWN, SHOWN, SHOWN, EXPLAIN),
    field("backends[].wanted.action", SHOWN, SHOWN, SHOWN, SHOWN, EXPLAIN),
    field("backends[].wanted.rules[].advice", SHOWN, SHOWN, SHOWN, TEXT, EXPLAIN),
    field("backends[].wanted.rules[].answer", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].wanted.rules[].reason", SHOWN, SHOWN, SHOWN, TEXT, EXPLAIN),
    field("backends[].wanted.rules[].rule", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("backends[].wanted.rules[].until", SHOWN, SHOWN, SHOWN, No("it is over before anybody reads it"), EXPLAIN),
    field("commands[].action", No("its line says it"), No("its line says it"), SHOWN, COUNTED, STATUS),
    field("commands[].address", SHOWN, SHOWN, No("its line says it"), COUNTED, STATUS),
    field("commands[].answer", SHOWN, SHOWN, SHOWN, COUNTED, STATUS),
    field("commands[].at", SHOWN, SHOWN, SHOWN, COUNTED, STATUS),
    field("commands[].command", SHOWN, SHOWN, SHOWN, COUNTED, STATUS),
    field("commands[].took", EXPLAIN, SHOWN, SHOWN, COUNTED, STATUS),
    field("counters.attempts[].failures", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.attempts[].latency.buckets[]", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.attempts[].latency.count", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.attempts[].latency.sum", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.attempts[].passes", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.attempts[].service", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.changes[].address", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.changes[].by", METRICS, METRICS, METRICS, No("the backend shows who took it down"), METRICS),
    field("counters.changes[].count", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.changes[].tag", METRICS, METRICS, METRICS, No("the backend shows the tag that it has now"), METRICS),
    field("counters.changes[].to", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.commands[].action", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.commands[].count", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.commands[].duration.buckets[]", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.commands[].duration.count", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.commands[].duration.sum", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.commands[].reply", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.failures[].blame", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.failures[].count", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.failures[].fault", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.failures[].service", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.failures[].stage", METRICS, METRICS, METRICS, SHOWN, METRICS),
    field("counters.hook_failures", SHOWN, STATUS, SHOWN, SHOWN, METRICS),
    field("counters.hook_runs", SHOWN, STATUS, SHOWN, SHOWN, METRICS),
    field("counters.log_lines_lost", SHOWN, STATUS, SHOWN, SHOWN, METRICS),
    field("counters.state_file_written", SHOWN, STATUS, SHOWN, SHOWN, SHOWN),
    field("director.error", SHOWN, SHOWN, SHOWN, TEXT, SHOWN),
    field("director.kind", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("director.list_read", SHOWN, STATUS, SHOWN, SHOWN, STATUS),
    field("director.members", SHOWN, STATUS, SHOWN, No("it is doveadm's to tell"), STATUS),
    field("director.position", SHOWN, STATUS, SHOWN, No("it is doveadm's to tell"), STATUS),
    field("director.ring", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("director.since", SHOWN, SHOWN, SHOWN, SCRAPED, SHOWN),
    field("director.socket", SHOWN, SHOWN, SHOWN, SHOWN, STATUS),
    field("director.up", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("next.address", SHOWN, STATUS, SHOWN, No("it is over before anybody reads it"), STATUS),
    field("next.at", SHOWN, STATUS, SHOWN, No("it is over before anybody reads it"), STATUS),
    field("next.event", SHOWN, STATUS, SHOWN, No("it is over before anybody reads it"), STATUS),
    field("poolmon.dry_run", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("poolmon.ended", STALE, STALE, STALE, No("the time of the file tells"), STALE),
    field("poolmon.format", FORMAT, FORMAT, FORMAT, FORMAT, FORMAT),
    field("poolmon.interval", STALE, SHOWN, SHOWN, SHOWN, STALE),
    field("poolmon.login_interval", EXPLAIN, SHOWN, SHOWN, SHOWN, STALE),
    field("poolmon.name", SHOWN, STATUS, SHOWN, No("Prometheus names the machine itself"), STATUS),
    field("poolmon.pid", STALE, STALE, STALE, No("node_exporter's to tell"), STALE),
    field("poolmon.reload.at", SHOWN, STATUS, SHOWN, SCRAPED, STATUS),
    field("poolmon.reload.good", SHOWN, STATUS, SHOWN, SHOWN, SHOWN),
    field("poolmon.restore", RULES, SHOWN, SHOWN, No("it is a choice and not a measurement"), RULES),
    field("poolmon.rise", SHOWN, SHOWN, RULES, No("it is a choice and not a measurement"), RULES),
    field("poolmon.started", No("there is no history in it that would begin then"), STATUS, SHOWN, SHOWN, STATUS),
    field("poolmon.version", SHOWN, STATUS, SHOWN, SHOWN, STATUS),
    field("poolmon.written", STALE, STALE, SHOWN, SHOWN, SHOWN),
    field("tags[].backends", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("tags[].passing", SHOWN, SHOWN, SHOWN, SHOWN, No("the backends are counted")),
    field("tags[].refuges", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("tags[].tag", SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    field("tags[].up", SHOWN, SHOWN, SHOWN, SHOWN, No("the backends are counted")),
    field("tags[].users", SHOWN, STATUS, SHOWN, No("the backends' sum"), No("the backends are counted")),
    field("tags[].vhosts", SHOWN, STATUS, SHOWN, SHOWN, STATUS),
    field("tags[].vhosts_up", SHOWN, STATUS, SHOWN, SHOWN, STATUS),
];

/// Which fields a face shows although the table says no, and does not show although it says yes.
///
/// A field counts as shown if what the face says changes when the field does, and nothing else.
pub(crate) fn faults(face: Face, say: &dyn Fn(&Document) -> String) -> Vec<String> {
    let bases: Vec<(Value, String)> = [sample::five_troubles(), everything_else_wrong()]
        .iter()
        .map(|document| (serde_json::to_value(document).unwrap(), say(document)))
        .collect();
    let is_shown = |path: &str| {
        bases.iter().any(|(base, said)| {
            let changed = |other: &Value| {
                let mut changed = base.clone();
                let steps: Vec<&str> = path.split('.').collect();
                let is_new = put(&mut changed, &steps, other) && changed != *base;
                is_new.then(|| serde_json::from_value::<Document>(changed).ok())?
            };
            let matters = |document: Document| say(&document) != *said;
            let mut there = Vec::new();
            collect(base, path, &mut there);
            let is_likely = |other: &&Value| {
                let mut kinds = there.iter().map(|value| kind(value));
                kinds.any(|there| there == kind(other) || there == kind(&Value::Null))
            };
            // What takes any text is no closed list of words.
            let text = Some(Value::from("Zz")).filter(|text| is_likely(&text));
            match text.as_ref().and_then(changed) {
                Some(document) => matters(document),
                None => {
                    let others = others();
                    let mut documents = others.iter().filter(is_likely).filter_map(changed);
                    documents.any(matters)
                }
            }
        })
    };
    let faults =
        FIELDS
            .iter()
            .filter_map(|field| match (field.shown(face), is_shown(field.path)) {
                (Shown::Yes, false) => Some(format!("{} is not shown", field.path)),
                (Shown::No(why), true) => Some(format!("{} is shown, and not: {why}", field.path)),
                (Shown::Yes, true) | (Shown::No(_), false) => None,
            });
    faults.collect()
}

/// The director is silent, and a backend cannot be checked from here.
fn everything_else_wrong() -> Document {
    let mut document = sample::five_troubles();
    document.director.up = false;
    document.director.error = Some("connect: connection refused".to_string());
    document.poolmon.reload.good = false;
    document.counters.hook_failures = 1;
    document.commands[1].address = document.backends[1].address;
    let backend = &mut document.backends[1];
    backend.verdict_since = Some(WRITTEN - 120.0);
    for rule in &mut backend.wanted.as_mut().unwrap().rules {
        rule.until = Some(WRITTEN + 20.0);
    }
    document.backends[3].services[0].last_pass = None;
    let well = &mut document.backends[4];
    well.services[0].unchecked = Some("no route".to_string());
    let certificate = well.services[1].certificate.as_mut().unwrap();
    certificate.not_after = WRITTEN + 86_400.0;
    document
}

/// Values of every kind that a field can have.
fn others() -> Vec<Value> {
    let words = [
        "192.0.2.9",
        "192.0.2.99",
        "up",
        "down",
        "us",
        "other",
        "unknown",
        "none",
        "owed",
        "healthy",
        "doubtful",
        "fail",
        "pass",
        "drain",
        "passes",
        "holds",
        "synced",
        "not_told",
        "haproxy",
        "own",
        "shared",
        "local",
        "round",
        "hold_ends",
        "busy",
        "haproxy",
    ];
    let times: [Time; 3] = [7.5, WRITTEN - 55.0, WRITTEN + 777.0];
    let mut others: Vec<Value> = words.iter().map(|word| Value::from(*word)).collect();
    others.extend([0, 1, 7777].map(Value::from));
    others.extend(times.map(Value::from));
    others.extend([Value::from(true), Value::from(false), Value::Null]);
    others
}

/// Puts the value wherever the path leads; whether it leads anywhere.
fn put(at: &mut Value, steps: &[&str], value: &Value) -> bool {
    let (step, rest) = match steps.split_first() {
        None => {
            *at = value.clone();
            return true;
        }
        Some((step, rest)) => (*step, rest),
    };
    let name = step.trim_end_matches("[]");
    let depth = (step.len() - name.len()) / 2;
    match at.get_mut(name) {
        Some(inner) => put_in_arrays(inner, depth, rest, value),
        None => false,
    }
}

fn put_in_arrays(at: &mut Value, depth: usize, rest: &[&str], value: &Value) -> bool {
    match (depth, at) {
        (0, at) => put(at, rest, value),
        (_, Value::Array(elements)) => {
            let mut leads = false;
            for element in elements {
                leads |= put_in_arrays(element, depth - 1, rest, value);
            }
            leads
        }
        _ => false,
    }
}

/// The values that the path leads to.
fn collect<'a>(at: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let name = step.trim_end_matches("[]");
    let mut level: Vec<&Value> = at.get(name).into_iter().collect();
    for _ in 0..(step.len() - name.len()) / 2 {
        let arrays = level.into_iter().filter_map(Value::as_array);
        level = arrays.flatten().collect();
    }
    match rest {
        "" => found.extend(level),
        rest => level
            .into_iter()
            .for_each(|value| collect(value, rest, found)),
    }
}

/// Text, number or the like.
fn kind(value: &Value) -> std::mem::Discriminant<Value> {
    std::mem::discriminant(value)
}

/// The paths of all values that hold no others.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                paths(value, &path, found);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for element in elements {
                paths(element, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_string());
        }
    }
}

#[test]
fn the_table_lists_exactly_the_fields_there_are() {
    let mut found = BTreeSet::new();
    let sample = serde_json::to_value(sample::five_troubles()).unwrap();
    paths(&sample, "", &mut found);
    // What is null or empty in one place has fields in another.
    let holds_others = |path: &String| {
        found.iter().any(|other| {
            let rest = other.strip_prefix(path.as_str());
            rest.map_or(false, |rest| rest.starts_with(['.', '[']))
        })
    };
    let found: Vec<&str> = found
        .iter()
        .filter(|path| !holds_others(path))
        .map(|path| path.as_str())
        .collect();
    let listed: Vec<&str> = FIELDS.iter().map(|field| field.path).collect();
    assert_eq!(listed, found);
}

#[test]
fn every_face_shows_something_and_says_why_not_the_rest() {
    for face in [
        Face::Table,
        Face::Explain,
        Face::Page,
        Face::Metrics,
        Face::Nagios,
    ] {
        let shown = FIELDS.iter().filter(|field| match field.shown(face) {
            Shown::Yes => true,
            Shown::No(why) => {
                assert!(why.len() > 10, "{}: {why}", field.path);
                false
            }
        });
        assert!(shown.count() > 20, "{face:?}");
    }
}

#[test]
fn a_face_that_says_everything_or_nothing_is_found_out() {
    let all = FIELDS.len();
    let shown = |face| {
        let fields = FIELDS.iter().filter(|field| field.shown(face) == SHOWN);
        fields.count()
    };
    let nothing = faults(Face::Table, &|_| String::new());
    assert_eq!(nothing.len(), shown(Face::Table));
    let everything = faults(Face::Table, &|document| format!("{document:?}"));
    // The format is no other than ours in what is written here, and a pass never has a failure.
    assert_eq!(everything.len(), all - shown(Face::Table) - 1);
}
