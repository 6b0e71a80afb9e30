//! The table against the drafts and the options of the command line.

use super::*;
use crate::cli::options::OPTIONS;
use crate::config::draft::PlanKind;
use crate::program::Program;

#[test]
fn no_name_is_given_twice_and_every_option_named_is_one() {
    let mut names: Vec<&str> = KEYS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KEYS.len());
    for row in KEYS.iter().filter(|row| !row.option.is_empty()) {
        let is_option = OPTIONS.iter().any(|option| option.long == row.option);
        assert!(is_option, "{}: {}", row.name, row.option);
    }
}

/// Those whose mere presence says something, beside the value.
const TELLING: [&str; 4] = ["retries", "retry_delay", "flush", "hold"];

#[test]
fn each_default_is_what_an_empty_file_means() {
    for row in KEYS.iter().filter(|row| !TELLING.contains(&row.name)) {
        let mut draft = Draft::dovemon(Program::Dovemon);
        if !row.default.is_empty() {
            row.choose(&mut draft, row.default).unwrap();
        }
        assert_eq!(draft, Draft::dovemon(Program::Dovemon), "{}", row.name);
    }
    let empty = Draft::dovemon(Program::Dovemon).settled().unwrap();
    for name in ["flush", "hold"] {
        let row = find(name).unwrap();
        let mut draft = Draft::dovemon(Program::Dovemon);
        row.choose(&mut draft, row.default).unwrap();
        assert_eq!(draft.settled().unwrap(), empty, "{name}");
    }
    let mut draft = Draft::dovemon(Program::Dovemon);
    for name in ["retries", "retry_delay"] {
        let row = find(name).unwrap();
        row.choose(&mut draft, row.default).unwrap();
    }
    assert_eq!(draft.retries, Draft::poolmon().retries);
    assert_eq!(draft.plan, PlanKind::Retries);
}

/// For each key a value that is not the default, however little that changes.
pub fn another(row: &KeyRow) -> &'static str {
    match row.name {
        "max_moves" => "7",
        "restore" => "any",
        "max_down" => "all",
        "flush" => "none",
        "auth" => "SASL",
        "starttls" => "require",
        "deep_probe" => "imap",
        "tls_name" => "mail.example.org",
        "lmtp_from" | "lmtp_to" => "probe@example.org",
        "syslog_facility" => "'local5'",
        "beupdatescript" | "ca_file" | "credfile" | "logfile" => "/tmp/other",
        name => match row.kind {
            Kind::Truth(_) if row.default == "True" => "no",
            Kind::Truth(_) => "yes",
            Kind::Seconds(_)
            | Kind::Delay(_)
            | Kind::Limit(_)
            | Kind::Count(..)
            | Kind::Port(_)
                if row.default == "2" =>
            {
                "1"
            }
            Kind::Seconds(_)
            | Kind::Delay(_)
            | Kind::Limit(_)
            | Kind::Count(..)
            | Kind::Port(_) => "2",
            Kind::Path(_) => "/tmp/other",
            Kind::Words(..) => panic!("{name} has no other value here"),
        },
    }
}

#[test]
fn no_key_is_accepted_and_ignored() {
    let empty = Draft::dovemon(Program::Dovemon);
    for row in KEYS {
        let mut draft = empty.clone();
        let value = another(row).trim_matches('\'');
        row.choose(&mut draft, value).unwrap();
        assert_ne!(draft, empty, "{}: {value}", row.name);
    }
}

#[test]
fn the_nearest_name_is_found() {
    let near = |name| nearest(name, KEYS.iter().map(|row| row.name));
    for (name, expected) in [
        ("poll_iamp", Some("poll_imap")),
        ("Interval", Some("interval")),
        ("rapid-rounds", Some("rapid_rounds")),
        ("rapid_poll_timeout", Some("rapidpoll_timeout")),
        ("poll_imap_slect", Some("poll_imap_select")),
        ("imap_prot", Some("imap_port")),
        ("colour", None),
        ("x", None),
        ("", None),
    ] {
        assert_eq!(near(name), expected, "{name}");
    }
    assert_eq!(near(&"x".repeat(1_000_000)), None);
}
