//! The untidy files there are in the wild, each with its meaning or its message.

use std::time::Duration;

use log::LevelFilter;

use super::*;
use crate::config::draft::{LogChoice, PlanKind};
use crate::config::keys::Origin;
use crate::config::settings::{Brake, Facility, Restore, Unknown};

fn parsed(text: &str) -> Written {
    parse(text.as_bytes(), Program::Dovemon).unwrap_or_else(|error| panic!("{text:?}{error}"))
}

fn draft(text: &str) -> Draft {
    let written = parsed(text);
    assert_eq!(written.remarks, [], "{text:?}");
    written.draft
}

fn remarks(text: &str) -> Vec<String> {
    let remarks = parsed(text).remarks;
    remarks.iter().map(Complaint::to_string).collect()
}

fn complaint(text: &[u8]) -> String {
    match parse(text, Program::Dovemon) {
        Ok(_) => panic!("{:?} is accepted", Quote::new(text)),
        Err(complaint) => complaint.to_string(),
    }
}

fn defaults() -> Draft {
    Draft::dovemon(Program::Dovemon)
}

#[test]
fn a_file_without_keys_means_all_defaults() {
    for text in ["", "\n", "# comments\n\n# only\n", "---\n...\n", "~", "{}"] {
        assert_eq!(draft(text), defaults(), "{text:?}");
    }
}

#[test]
fn the_example_means_the_defaults_and_holds_every_key() {
    let example = draft(EXAMPLE);
    assert_eq!(
        example.settled().unwrap(),
        defaults().settled().unwrap(),
        "the example's values are the defaults"
    );
    for row in KEYS {
        let line = EXAMPLE.lines().find_map(|line| {
            let line = line.trim_start_matches('#');
            let value = line.strip_prefix(row.name)?.strip_prefix(':')?;
            Some(value.trim())
        });
        let value = line.unwrap_or_else(|| panic!("{} is not in the example", row.name));
        assert_eq!(value, row.default, "{}", row.name);
        assert!(
            joined(EXAMPLE).contains(row.help),
            "{}: {}",
            row.name,
            row.help
        );
    }
}

/// The comments as running text.
fn joined(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start_matches("# "));
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn booleans_are_spelt_as_people_spell_them() {
    for word in [
        "True", "true", "TRUE", "yes", "Yes", "on", "ON", "'True'", "\"yes\"",
    ] {
        assert!(
            draft(&format!("poll_pop3: {word}\n")).polls.pop3.on,
            "{word}"
        );
    }
    for word in ["False", "false", "no", "No", "off", "'no'"] {
        assert!(
            !draft(&format!("poll_imap: {word}\n")).polls.imap.on,
            "{word}"
        );
    }
    for word in ["1", "0", "y", "n", "maybe", "''", "'True '"] {
        let message = complaint(format!("poll_imap: {word}\n").as_bytes());
        assert!(message.ends_with(": expected True or False"), "{message}");
        assert!(message.starts_with(":1: poll_imap: \""), "{message}");
    }
}

#[test]
fn untidy_files_mean_what_they_seem_to() {
    let ten = Duration::from_secs(15);
    for text in [
        "interval: 15\n",
        "interval: 15",
        "interval:    15   # seconds\n",
        "interval: '15'\n",
        "interval: \"15\"\n",
        "interval: 015\n",
        "interval: 15.0\n",
        "interval:\t15\n",
        "\"interval\": 15\n",
        "\u{feff}interval: 15\n",
        "\u{feff}# comment\r\ninterval: 15\r\ntimeout: 3\r\n",
        "---\ninterval: 15\n...\n",
        "  interval: 15\n  timeout: 3\n",
        "{interval: 15, timeout: 3}\n",
        "# \tcomment\ninterval: 15\n\t\n",
        "timeout:\ninterval: 15\n",
        "timeout: ~\ninterval: 15\n",
    ] {
        let draft = draft(text);
        assert_eq!(draft.interval, ten, "{text:?}");
        assert_eq!(draft.timeout, Duration::from_secs(3), "{text:?}");
    }
}

#[test]
fn each_kind_of_key_has_its_meaning() {
    let draft = draft(
        "loglevel: 2\nlockfile: /run/d.pid\nsyslog_facility: 'LOCAL5'\nimap_ssl: yes\n\
         imaps_port: 1993\nauth: sasl\nrestore: any\nmax_down: 50%\nhold: 7\nmax_moves: 3\n\
         poll_unknown_backends: no\nlogger_socket_addr: /run/log\ndelayed_down_limit: 0\n\
         rapidpoll_timeout: 1.5\nbeupdatescript: ''\nlogfile: /var/log/x\n",
    );
    assert_eq!(draft.log_level, LevelFilter::Error);
    assert_eq!(draft.lock.to_str(), Some("/run/d.pid"));
    assert_eq!(Some(draft.syslog.facility), Facility::named("local5"));
    assert!(draft.polls.imap.tls);
    assert_eq!(draft.polls.imap.tls_port, 1993);
    assert_eq!(draft.restore, Restore::Any);
    assert_eq!(draft.brake, Brake::Percent(50));
    assert_eq!(draft.hold, Some(Duration::from_secs(7)));
    assert_eq!(draft.max_moves.map(u32::from), Some(3));
    assert_eq!(draft.unknown, Unknown::LeftAlone);
    assert_eq!(draft.down_delay_limit, Some(0));
    assert_eq!(draft.rapid.rapid_timeout, Duration::from_millis(1500));
    assert_eq!(draft.hook, None);
    assert_eq!(draft.log, LogChoice::File("/var/log/x".into()));
    for (level, expected) in [
        (0, LevelFilter::Info),
        (1, LevelFilter::Warn),
        (2, LevelFilter::Error),
        (3, LevelFilter::Debug),
        (99, LevelFilter::Debug),
    ] {
        let draft = parsed(&format!("loglevel: {level}\n")).draft;
        assert_eq!(draft.log_level, expected, "{level}");
    }
}

#[test]
fn debug_goes_to_the_terminal_wherever_the_log_is() {
    for text in [
        "debug: True\nlogfile: /var/log/x\n",
        "logfile: /var/log/x\ndebug: True\n",
    ] {
        let draft = draft(text);
        assert!(draft.foreground);
        assert_eq!(draft.log, LogChoice::Terminal);
    }
}

#[test]
fn a_bad_value_is_refused_with_line_key_and_expectation() {
    for (text, expected) in [
        (
            "interval: ten\n",
            ":1: interval: \"ten\": expected seconds, at least 1, at most 31536000",
        ),
        (
            "retry_count: 1e2\n",
            ":1: retry_count: \"1e2\": expected a number, at least 0, at most 1000",
        ),
        // Keys that are not dovemon's own.
        (
            "# c\n\nrise: 0\n",
            ":3: rise: \"0\": expected a number, at least 1, at most 1000",
        ),
        (
            "hold: 0\n",
            ":1: hold: \"0\": expected seconds, at least 1, at most 31536000",
        ),
        (
            "retry_delay: -1\n",
            ":1: retry_delay: \"-1\": expected seconds, at least 0, at most 31536000",
        ),
        (
            "timeout: 3\nimap_port: 65536\n",
            ":2: imap_port: \"65536\": expected a port from 1 to 65535",
        ),
        (
            "imap_port: imap\n",
            ":1: imap_port: \"imap\": expected a port from 1 to 65535",
        ),
        (
            "imap_port: 0\n",
            ":1: imap_port: \"0\": expected a port from 1 to 65535",
        ),
        (
            "imap_port: -1\n",
            ":1: imap_port: \"-1\": expected a port from 1 to 65535",
        ),
        ("lockfile: ''\n", ":1: lockfile: \"\": expected a path"),
        (
            "auth: cram-md5\n",
            ":1: auth: \"cram-md5\": expected plain or sasl",
        ),
        (
            "restore: all\n",
            ":1: restore: \"all\": expected any or own",
        ),
        (
            "syslog_facility: post\n",
            ":1: syslog_facility: \"post\": expected a facility such as mail or local5",
        ),
        ("interval: [10]\n", ":1: interval: expected a single value"),
        (
            "interval:\n  seconds: 10\n",
            ":2: interval: expected a single value",
        ),
        ("- interval: 10\n", ":1: expected a map of keys and values"),
        ("interval 10\n", ":1: expected a map of keys and values"),
        ("interval = 10\n", ":1: expected a map of keys and values"),
        (
            "poll_imap: True\n\tinterval: 10\n",
            ":2: expected spaces before the key, not a tab",
        ),
        (
            "interval: 1\n---\ntimeout: 2\n",
            ":2: expected one document, a second begins here",
        ),
        (
            "timeout: 1\ninterval: 1\0\n",
            ":2: expected text without NUL",
        ),
    ] {
        let message = complaint(text.as_bytes());
        assert_eq!(message, expected, "{text:?}");
    }
    assert_eq!(complaint(b"# f\xfcr\ninterval: 1\n"), ":1: expected UTF-8");
    let message = complaint(b"interval: 'ten\ntimeout: 3\n");
    assert!(message.contains(": expected YAML: "), "{message}");
}

#[test]
fn numbers_of_dovemons_keys_never_keep_the_program_from_starting() {
    let second = Duration::from_secs(1);
    // As documented, 0 to n.
    let zeros =
        draft("timeout: 0\nretry_count: 0\nrapid_rounds: 0\ndelayed_down_delay: 0\nloglevel: 0\n");
    assert_eq!(zeros.timeout, Duration::ZERO);
    assert_eq!((zeros.rapid.retry_count, zeros.rapid.rapid_rounds), (0, 0));
    zeros.settled().unwrap();
    // Where 0 makes no sense, and beyond what is documented.
    for (text, said) in [
        (
            "interval: 0\n",
            "\"0\": expected seconds, at least 1, at most 31536000; 1 is taken",
        ),
        (
            "interval: 0.5\n",
            "\"0.5\": expected seconds, at least 1, at most 31536000; 1 is taken",
        ),
        (
            "interval: '-5'\n",
            "\"-5\": expected seconds, at least 1, at most 31536000; 1 is taken",
        ),
    ] {
        assert_eq!(parsed(text).draft.interval, second, "{text:?}");
        assert_eq!(remarks(text), [format!(":1: interval: {said}")]);
    }
    let written = parsed("rapidpoll_timeout: 0\nrapid_fails_needed: 0\nretry_count: 3.5\n");
    assert_eq!(written.draft.rapid.rapid_timeout, second);
    assert_eq!(written.draft.rapid.rapid_fails_needed, 1);
    assert_eq!(written.draft.rapid.retry_count, 4);
    assert_eq!(written.remarks.len(), 3);
    for row in KEYS.iter().filter(|row| row.origin == Origin::Dovemon) {
        use crate::config::keys::Kind;
        if !matches!(
            row.kind,
            Kind::Seconds(_) | Kind::Delay(_) | Kind::Limit(_) | Kind::Count(..)
        ) {
            continue;
        }
        for value in [
            "0",
            "-1",
            "0.5",
            "1.5",
            "'3'",
            "+3",
            "1000000000",
            "99999999999999999999999",
        ] {
            let text = format!("{}: {value}\n", row.name);
            parsed(&text).draft.settled().unwrap();
            assert!(remarks(&text).len() <= 2, "{text}");
        }
    }
}

#[test]
fn an_unknown_key_is_ignored_with_its_line_and_the_nearest_known_name() {
    assert_eq!(
        remarks("interval: 10\npoll_iamp: True\n\ncolour: red\n"),
        [
            ":2: \"poll_iamp\": unknown key, ignored; is poll_imap meant?",
            ":4: \"colour\": unknown key, ignored",
        ]
    );
    let written = parsed("backends:\n  - a\n  - {b: [c]}\ninterval: 7\n");
    assert_eq!(written.draft.interval, Duration::from_secs(7));
    assert_eq!(written.remarks.len(), 1);
    let many: String = (0..1000).map(|n| format!("zz{n}: 1\n")).collect();
    assert_eq!(remarks(&many).len(), MOST_REMARKS);
}

#[test]
fn of_a_key_given_twice_the_last_counts() {
    let written = parsed("interval: 5\ntimeout: 2\ninterval: 6\n");
    assert_eq!(written.draft.interval, Duration::from_secs(6));
    assert_eq!(
        remarks("interval: 5\ntimeout: 2\ninterval: 6\n"),
        [":3: interval: given again, the last one counts"]
    );
}

#[test]
fn flush_and_use_host_flush_may_not_contradict() {
    for text in [
        "use_host_flush: True\nflush: drop\n",
        "use_host_flush: False\nflush: move\n",
        "flush: none\nuse_host_flush: no\n",
        "use_host_flush: True\n",
        "flush: drop\n",
    ] {
        draft(text);
    }
    assert_eq!(
        complaint(b"use_host_flush: True\nflush: move\n"),
        ":2: flush: expected drop, as use_host_flush says"
    );
    assert_eq!(
        complaint(b"flush: drop\nuse_host_flush: False\n"),
        ":1: flush: expected move or none, as use_host_flush says; leave that out"
    );
}

#[test]
fn retries_and_rapid_rounds_are_two_plans() {
    assert_eq!(draft("retry_count: 5\n").plan, PlanKind::Rapid);
    assert_eq!(draft("retries: 2\n").plan, PlanKind::Retries);
    assert_eq!(
        complaint(b"rapid_rounds: 5\nretries: 2\n"),
        ":2: retries: expected without rapid_rounds: retries take the place of rapid rounds"
    );
    assert_eq!(
        remarks("rapid_rounds: 5\n"),
        [":1: rapid_rounds: 7 of 5 rapid polls cannot fail: all 5 have to"]
    );
    assert!(remarks("rapid_rounds: 0\n").is_empty());
}
