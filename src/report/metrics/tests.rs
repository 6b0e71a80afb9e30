//! The text against samples of documents, and the table against the rules of Prometheus.
//!
//! `tests/data/metrics/` holds the texts whole; `make check` has promtool judge them.

mod files;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::families::{Family, Kind, FAMILIES};
use super::render;
use crate::report::document::fields::{self, Face};
use crate::report::document::{sample, Counters, Director, Document, Reload, Ring};

pub(super) fn project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub(super) fn read(name: &str) -> String {
    fs::read_to_string(project(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// With POOLMON_WRITE_GOLDEN set the file is written, to be looked at.
pub(super) fn assert_holds(name: &str, expected: &str) {
    if std::env::var_os("POOLMON_WRITE_GOLDEN").is_some() {
        fs::write(project(name), expected).unwrap();
    }
    assert!(
        read(name) == expected,
        "{name} does not hold what it should: POOLMON_WRITE_GOLDEN=1 writes it anew"
    );
}

/// All that can be absent is.
fn just_started() -> Document {
    let mut document = sample::five_troubles();
    document.poolmon.started = sample::WRITTEN;
    document.poolmon.reload = Reload {
        at: sample::WRITTEN,
        good: true,
    };
    document.director = Director {
        up: false,
        list_read: None,
        ring: Ring::Unknown,
        position: None,
        members: None,
        error: Some("connect: no such file or directory".to_string()),
        ..document.director
    };
    document.counters = Counters::default();
    Document {
        tags: Vec::new(),
        backends: Vec::new(),
        alarms: Vec::new(),
        commands: Vec::new(),
        next: None,
        ..document
    }
}

/// Two more kinds of backends, a delivery, and the labels of an unusual monitor.
fn dry_run_of_another_director() -> Document {
    let mut document = sample::hostile();
    document.poolmon.dry_run = true;
    document.director.socket = "/run/dovecot-\"two\"\\/director-admin".to_string();
    document.director.ring = Ring::NotTold;
    document.backends.truncate(1);
    let backend = &mut document.backends[0];
    backend.address = "2001:db8::7".parse().unwrap();
    let service = "delivery lmtp:24 to imap:143".to_string();
    backend.services[0].service = service.clone();
    for (attempt, delivery) in backend.attempts.iter_mut().zip([Some(0.4), None]) {
        attempt.service = service.clone();
        attempt.delivery = delivery;
    }
    document
}

#[test]
fn the_metrics_show_the_fields_that_they_are_said_to_show() {
    assert_eq!(fields::faults(Face::Metrics, &render), [""; 0]);
}

#[test]
fn the_texts_are_those_of_the_files() {
    for (name, document) in [
        ("five_troubles", sample::five_troubles()),
        ("just_started", just_started()),
        ("hostile", dry_run_of_another_director()),
    ] {
        let name = format!("tests/data/metrics/{name}.prom");
        assert_holds(&name, &render(&document));
    }
}

/// With its name and value.
type Label = (String, String);

/// Name, labels and value of each sample, in the way of a reader who knows nothing else of them.
fn samples_of(text: &str) -> Vec<(String, Vec<Label>, f64)> {
    let mut samples = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let end = line.find(['{', ' ']).unwrap();
        let (name, mut rest) = line.split_at(end);
        let mut labels = Vec::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            while !rest.starts_with('}') {
                let (label, after) = rest.split_once("=\"").unwrap();
                let mut value = String::new();
                let mut characters = after.char_indices();
                let end = loop {
                    match characters.next().unwrap() {
                        (end, '"') => break end,
                        (_, '\\') => match characters.next().unwrap().1 {
                            'n' => value.push('\n'),
                            other => value.push(other),
                        },
                        (_, other) => value.push(other),
                    }
                };
                labels.push((label.trim_start_matches(',').to_string(), value));
                rest = &after[end + 1..];
            }
            rest = &rest[1..];
        }
        let value = rest.strip_prefix(' ').expect("no time stamp, one blank");
        let value = match value {
            "+Inf" => f64::INFINITY,
            value => value.parse().unwrap_or_else(|_| panic!("{line}")),
        };
        samples.push((name.to_string(), labels, value));
    }
    samples
}

fn is_of(family: &Family, name: &str) -> bool {
    let suffixes: &[&str] = match family.kind {
        Kind::Gauge | Kind::Counter => &[""],
        Kind::Histogram(_) => &["_bucket", "_sum", "_count"],
    };
    let suffix = name.strip_prefix(family.name);
    suffix.map_or(false, |suffix| suffixes.contains(&suffix))
}

/// What the textfile collector and Prometheus ask of every text.
fn check(document: &Document) {
    let text = render(document);
    assert!(text.ends_with('\n'));
    let mut told = BTreeSet::new();
    for (name, labels, value) in samples_of(&text) {
        let mut families = FAMILIES.iter().filter(|family| is_of(family, &name));
        let family = families.next().unwrap_or_else(|| panic!("{name}"));
        assert!(families.next().is_none(), "{name}");
        let of_monitor = ["director", "dry_run"];
        let expected = family.labels.iter().copied();
        let expected: Vec<&str> = match name.ends_with("_bucket") {
            true => expected.chain(["le"]).collect(),
            false => expected.collect(),
        };
        let names = labels.iter().map(|(label, _)| &label[..]);
        let names: Vec<&str> = names.filter(|label| !of_monitor.contains(label)).collect();
        assert_eq!(names, expected, "{name}");
        assert!(told.insert((name.clone(), labels)), "{name} twice");
        if name.ends_with("_total") {
            assert_eq!(value, value.trunc(), "{name}");
        }
    }
    for family in FAMILIES {
        let head = format!("# HELP {} ", family.name);
        let heads = text.matches(&head).count();
        let has_samples = told.iter().any(|(name, _)| is_of(family, name));
        assert_eq!(heads, usize::from(has_samples), "{}", family.name);
    }
}

#[test]
fn every_text_is_one_that_the_collector_takes() {
    for document in [
        sample::five_troubles(),
        sample::hostile(),
        sample::many(250),
        just_started(),
        dry_run_of_another_director(),
    ] {
        check(&document);
    }
}

#[test]
fn what_is_there_twice_is_written_once() {
    let mut document = sample::five_troubles();
    let twin = document.backends[0].clone();
    document.backends.push(twin);
    let services = &mut document.backends[1].services;
    services.push(services[0].clone());
    check(&document);
}

/// The value of the only sample with this name and these labels.
fn value(document: &Document, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let samples = samples_of(&render(document));
    let mut fitting = samples.iter().filter(|(found, of_sample, _)| {
        let has = |(name, value): &(&str, &str)| {
            of_sample
                .iter()
                .any(|label| (&label.0[..], &label.1[..]) == (*name, *value))
        };
        found == name && labels.iter().all(has)
    });
    let found = fitting.next().map(|(_, _, value)| *value);
    assert!(fitting.next().is_none(), "{name} {labels:?}");
    found
}

#[test]
fn text_of_others_is_in_a_label_as_the_status_shows_it() {
    let document = dry_run_of_another_director();
    let tag = &document.backends[0].tag[..];
    assert!(tag.contains('\u{202e}') && tag.contains('\u{1b}'));
    let shown = tag.replace('\u{202e}', "\\u{202e}");
    let shown = shown.replace('\u{1b}', "\\u{1b}");
    let labels = [
        ("backend", "2001:db8::7"),
        ("tag", &shown),
        ("director", "/run/dovecot-\"two\"\\/director-admin"),
        ("dry_run", "true"),
    ];
    assert_eq!(value(&document, "poolmon_backend_up", &labels), Some(0.0));
}

/// Tag and service are from a list and a file; the rest is to be escaped should it ever be from there.
#[test]
fn no_label_holds_what_a_terminal_obeys_or_text_without_a_bound() {
    let text = format!(
        "\u{1b}]0;owned\u{7}\r\n\u{9b}31m\u{202e}\u{2066}\u{feff}\u{0}{}",
        "x".repeat(8192)
    );
    let mut document = dry_run_of_another_director();
    document.director.socket = text.clone();
    document.tags[0].tag = text.clone();
    document.alarms[0].alarm = text.clone();
    for row in &mut document.counters.failures {
        row.service = text.clone();
        row.stage = text.clone();
        row.fault = text.clone();
    }
    let backend = &mut document.backends[0];
    backend.tag = text.clone();
    for service in &mut backend.services {
        service.service = text.clone();
    }
    check(&document);
    let metrics = render(&document);
    assert!(metrics.contains("tag=\"\\\\u{1b}]0;owned\\\\u{7}"));
    let is_seen = |character: char| !character.escape_debug().to_string().starts_with("\\u");
    for line in metrics.lines() {
        assert!(
            line.chars().all(is_seen) && !line.contains('\r'),
            "{line:?}"
        );
        assert!(line.len() < 4096, "{line}");
    }
}

#[test]
fn several_monitors_of_a_host_differ_in_labels() {
    let usual = sample::five_troubles();
    let mut by_the_old_path = usual.clone();
    by_the_old_path.director.socket = "/var/run/dovecot/director-admin".to_string();
    assert_eq!(render(&usual), render(&by_the_old_path));
    let mut other_director = usual.clone();
    other_director.director.socket = "/run/dovecot-2/director-admin".to_string();
    let mut dry_run = usual.clone();
    dry_run.poolmon.dry_run = true;
    let mut told = BTreeSet::new();
    for document in [usual, other_director, dry_run] {
        for (name, labels, _) in samples_of(&render(&document)) {
            assert!(told.insert((name.clone(), labels)), "{name}");
        }
    }
}

#[test]
fn a_change_counts_under_the_tag_that_the_backend_has_now() {
    let mut document = sample::five_troubles();
    let former = crate::report::document::ChangeCount {
        tag: "former".to_string(),
        count: 2,
        ..document.counters.changes[0].clone()
    };
    let of_nobody = crate::report::document::ChangeCount {
        address: "192.0.2.250".parse().unwrap(),
        ..former.clone()
    };
    document.counters.changes.extend([former, of_nobody]);
    let count = |backend, to| {
        let labels = [("backend", backend), ("tag", ""), ("to", to)];
        value(&document, "poolmon_backend_changes_total", &labels)
    };
    assert_eq!(count("192.0.2.7", "down"), Some(3.0));
    assert_eq!(count("192.0.2.7", "up"), Some(0.0));
    assert_eq!(count("192.0.2.11", "down"), Some(0.0));
    assert_eq!(count("192.0.2.250", "down"), None);
}

#[test]
fn commands_are_counted_from_zero_and_timed_over_all_replies() {
    let mut document = sample::five_troubles();
    let busy = crate::report::document::CommandCount {
        reply: crate::report::document::Reply::Busy,
        ..document.counters.commands[0].clone()
    };
    document.counters.commands.push(busy);
    let count = |action, reply| {
        let labels = [("action", action), ("reply", reply)];
        value(&document, "poolmon_director_commands_total", &labels)
    };
    assert_eq!(count("down", "ok"), Some(1.0));
    assert_eq!(count("down", "busy"), Some(1.0));
    assert_eq!(count("drain", "lost"), Some(0.0));
    let duration = |suffix: &str, labels: &[_]| {
        let name = format!("poolmon_director_command_duration_seconds{suffix}");
        value(&document, &name, labels)
    };
    assert_eq!(duration("_count", &[("action", "down")]), Some(2.0));
    assert_eq!(duration("_count", &[("action", "up")]), Some(0.0));
    let bucket = |le| duration("_bucket", &[("action", "down"), ("le", le)]);
    assert_eq!(bucket("0.001"), Some(0.0));
    assert_eq!(bucket("0.005"), Some(2.0));
    assert_eq!(bucket("+Inf"), Some(2.0));
}

#[test]
fn two_stages_of_one_word_are_one_series() {
    let mut document = sample::five_troubles();
    let again = document.counters.failures[0].clone();
    document.counters.failures.push(again);
    let labels = [("fault", "refused"), ("blame", "service")];
    let count = value(&document, "poolmon_probe_failures_total", &labels);
    assert_eq!(count, Some(48.0));
}

/// Each family has samples in one of the documents.
#[test]
fn no_family_is_without_a_sample_everywhere() {
    let texts = [
        render(&sample::five_troubles()),
        render(&dry_run_of_another_director()),
    ];
    for family in FAMILIES {
        let head = format!("# TYPE {} {}\n", family.name, family.kind.word());
        assert!(
            texts.iter().any(|text| text.contains(&head)),
            "{}",
            family.name
        );
    }
}

#[test]
fn names_and_texts_follow_the_rules() {
    let mut names = BTreeSet::new();
    for Family {
        name,
        kind,
        labels,
        help,
        purpose,
        ..
    } in FAMILIES
    {
        assert!(names.insert(name), "{name}");
        assert!(name.starts_with("poolmon_"), "{name}");
        let is_snake = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(is_snake(name) && labels.iter().all(|label| is_snake(label)));
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        for text in [help, purpose] {
            assert!(text.ends_with('.') && text.len() > 10, "{name}: {text}");
            let is_plain = |c: char| c.is_ascii() && c != '\\' && !c.is_ascii_control();
            assert!(text.chars().all(is_plain), "{name}: {text}");
        }
    }
}

/// So that nobody is surprised by a large pool.
#[test]
fn a_backend_costs_as_many_series_as_the_manual_says() {
    let mut document = sample::five_troubles();
    let well = document.backends.pop().unwrap();
    document.backends.clear();
    let of_monitor = samples_of(&render(&document)).len();
    document.backends.push(well);
    let of_backend = samples_of(&render(&document)).len() - of_monitor;
    let manual = read("etc/man/poolmon-metrics.5");
    let told = format!(
        "A backend with an IMAP and an IMAPS port has {of_backend} series; about 100 more are about \
         the monitor as a whole."
    );
    assert!(manual.contains(&told), "{told}");
    assert!((90..115).contains(&of_monitor), "{of_monitor}");
}

/// Where node_exporter reads the files of two monitors, one of each kind: of a family with two texts it drops one.
#[test]
fn the_help_of_a_family_is_the_same_for_each_kind_of_pool() {
    let heads = |document: &Document| -> BTreeSet<String> {
        let text = render(document);
        let heads = text.lines().filter(|line| line.starts_with("# "));
        heads.map(str::to_owned).collect()
    };
    let name = |head: &String| head.split(' ').nth(2).unwrap().to_owned();
    let of_director = heads(&sample::five_troubles());
    let of_haproxy = heads(&sample::behind_haproxy());
    let names: BTreeSet<String> = of_director.iter().map(name).collect();
    for head in of_haproxy.iter().filter(|head| names.contains(&name(head))) {
        assert!(of_director.contains(head), "{head}");
    }
}
