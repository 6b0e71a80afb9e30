//! The table against what an empty command line and an empty file mean.

use super::*;
use crate::config::choice::Origin;
use crate::config::chosen::Chosen;
use crate::config::kind::Kind::{Address, Port};
use crate::config::nearest::nearest;
use crate::config::settings::{Plan, Settings};
use crate::config::table::DefaultsOf;
use crate::program::Program;

#[test]
fn no_name_is_given_twice_and_every_row_has_one() {
    let mut names: Vec<String> = options()
        .flat_map(|(_, option)| {
            let short = option.short.chars().map(String::from);
            short.chain([option.long.to_owned()])
        })
        .collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    let mut names: Vec<&str> = keys().map(|(_, key)| key.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    for choice in choices() {
        assert!(
            choice.option.is_some() || choice.key.is_some(),
            "{}",
            choice.option_help()
        );
    }
}

#[test]
fn added_options_have_no_short_name() {
    assert!(options()
        .all(|(_, option)| option.origin == Origin::Predecessor || option.short.is_empty()));
}

#[test]
fn the_option_that_a_key_names_is_one() {
    for (choice, key) in keys() {
        if let Some(name) = choice.option_of_key() {
            let is_option = options().any(|(_, option)| option.long == name);
            assert!(is_option, "{}: {name}", key.name);
        }
    }
}

/// A key's words have the name, or the name and an `s`: `poll_imap`, `imaps_port`.
fn is_named_after(key: &str, protocol: &str) -> bool {
    let rest = |word: &str| word.strip_prefix(protocol).map(str::to_owned);
    key.split('_')
        .filter_map(rest)
        .any(|rest| rest.is_empty() || rest == "s")
}

#[test]
fn each_protocol_that_can_be_asked_for_has_its_keys_in_its_own_row_alone() {
    for row in Protocol::ALL.iter().map(|protocol| protocol.row()) {
        let own = row.choices.iter();
        let own: Vec<&str> = own.filter_map(|row| Some(row.key.as_ref()?.name)).collect();
        let of_name = keys().map(|(_, key)| key.name);
        for key in of_name.filter(|key| is_named_after(key, row.name)) {
            assert!(
                own.contains(&key),
                "{key} is not in the row of {}",
                row.name
            );
        }
        let ports = match row.ports {
            Some(ports) => ports,
            None => {
                assert_eq!(own, [""; 0], "{}", row.name);
                continue;
            }
        };
        let poll = format!("poll_{}", row.name);
        assert!(own.contains(&poll.as_str()), "no {poll} in {own:?}");
        for (start, usual) in [(Security::Plain, ports.plain), (Security::Tls, ports.tls)] {
            let defaults = row.choices.iter().filter_map(|choice| match choice.kind {
                Port(which) if which.is_about(start) => {
                    assert_eq!(which.protocol().row().name, row.name);
                    Some(choice.key.as_ref()?.default)
                }
                _ => None,
            });
            let defaults: Vec<&str> = defaults.map(Usual::shown).collect();
            assert_eq!(defaults, [usual.to_string()], "{} {start:?}", row.name);
        }
    }
}

fn built(choices: Chosen) -> Settings {
    choices
        .build(DefaultsOf::Dovemon, Program::Dovemon)
        .unwrap()
}

#[test]
fn each_default_shown_is_what_an_empty_file_means() {
    let empty = built(Chosen::default());
    for (choice, key) in keys().filter(|(_, key)| key.default != NONE) {
        let mut choices = Chosen::default();
        choice
            .take_key(&mut choices, key, key.default.shown())
            .unwrap();
        match built(choices).pace.plan {
            // Whose mere presence says something, beside the value.
            Plan::Retries(retries) => {
                assert!(key.name.starts_with("retr"), "{}", key.name);
                let poolmons = Chosen::default().build(DefaultsOf::Poolmon, Program::Poolmon);
                assert_eq!(poolmons.unwrap().pace.plan, Plan::Retries(retries));
            }
            Plan::Rapid(_) => {
                let mut choices = Chosen::default();
                choice
                    .take_key(&mut choices, key, key.default.shown())
                    .unwrap();
                assert_eq!(built(choices), empty, "{}", key.name);
            }
        }
    }
}

/// For each choice a value that is not the default, however little that changes.
pub(crate) fn another(choice: &Choice, default: &str) -> &'static str {
    let key = choice.key.as_ref().map_or("", |key| key.name);
    match (choice.kind, key) {
        (_, "pool") => "haproxy",
        (_, "haproxy_proxies") => "imap,lmtp",
        (_, "max_moves") => "7",
        (_, "restore") if default == "own" => "any",
        (_, "restore") => "own",
        (_, "max_down") => "all",
        (_, "flush") => "none",
        (_, "auth") => "SASL",
        (_, "starttls") => "require",
        (_, "proxy_protocol") => "v2",
        (_, "deep_probe") => "imap",
        (_, "syslog_facility") => "local5",
        (Truth(_), _) if default == "True" => "no",
        (Truth(_), "ssl_verify") if default == "1" => "0",
        (Truth(_), _) => "yes",
        (Seconds(_) | Delay(_) | Limit(_) | Count(..) | Port(_), _) if default == "2" => "1",
        (Seconds(_) | Delay(_) | Limit(_) | Count(..) | Port(_), _) => "2",
        (Services(..), _) => "IMAP:9",
        (Path(_) | OptionalPath(_), _) => "/tmp/other",
        (PathOrNo(_), _) => "/tmp/other",
        (OptionalUser(_), _) => "daemon",
        (OptionalName(_), _) => "mail.example.org",
        (Address(_), _) => "probe@example.org",
        (Word(..), name) => panic!("{name} has no other value here"),
    }
}

#[test]
fn no_choice_is_accepted_and_ignored() {
    let of_file = defaults(DefaultsOf::Dovemon);
    for (choice, key) in keys() {
        let mut choices = Chosen::default();
        let value = another(choice, key.default.shown());
        choice.take_key(&mut choices, key, value).unwrap();
        let all = choices.over(of_file.clone());
        assert_ne!(values_of(all), values_of(of_file.clone()), "{}", key.name);
    }
    let of_options = defaults(DefaultsOf::Poolmon);
    for (choice, option) in options() {
        let mut choices = Chosen::default();
        let value = another(choice, option.default.shown());
        choice
            .take_option(&mut choices, Some(value.as_ref()))
            .unwrap();
        let all = choices.over(of_options.clone());
        assert_ne!(
            values_of(all),
            values_of(of_options.clone()),
            "{}",
            option.long
        );
    }
}

/// Without who said them.
fn values_of(choices: Chosen) -> String {
    let shown = format!("{choices:?}");
    let words = shown
        .split(", by: ")
        .map(|part| match part.split_once(' ') {
            Some((_, rest)) => rest,
            None => part,
        });
    words.collect()
}

#[test]
fn the_nearest_name_is_found() {
    let near = |name| nearest(name, keys().map(|(_, key)| key.name));
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
