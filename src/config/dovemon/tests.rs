//! The untidy files there are in the wild, each with its meaning or its message.

use std::time::Duration;

use log::LevelFilter;

use super::*;
use crate::config::choice::Origin;
use crate::config::kind::Kind;
use crate::config::settings::{
    Auth, Brake, DrainMode, Facility, LogTarget, MoveLimit, Plan, Rapid, Restore, RunMode,
    Settings, Unknown,
};
use crate::config::table::keys;
use crate::program::Program;
use crate::service::Protocol;

fn parsed(text: &str) -> Written {
    parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}{error}"))
}

fn built(text: &str) -> Settings {
    let built = parsed(text)
        .choices
        .build(DefaultsOf::Dovemon, Program::Dovemon);
    built.unwrap_or_else(|cause| panic!("{text:?}: {cause}"))
}

/// Of a file that is not remarked upon.
fn settings(text: &str) -> Settings {
    assert_eq!(parsed(text).remarks, [], "{text:?}");
    built(text)
}

fn rapid(text: &str) -> Rapid {
    match built(text).pace.plan {
        Plan::Rapid(rapid) => rapid,
        Plan::Retries(retries) => panic!("{text:?}: {retries:?}"),
    }
}

fn remarks(text: &str) -> Vec<String> {
    let remarks = parsed(text).remarks;
    remarks.iter().map(Complaint::to_string).collect()
}

fn complaint(text: &[u8]) -> String {
    match parse(text) {
        Ok(_) => panic!("{:?} is accepted", Quote::new(text)),
        Err(complaint) => complaint.to_string(),
    }
}

fn defaults() -> Settings {
    let nothing = Chosen::default();
    nothing
        .build(DefaultsOf::Dovemon, Program::Dovemon)
        .unwrap()
}

#[test]
fn a_file_without_keys_means_all_defaults() {
    for text in ["", "\n", "# comments\n\n# only\n", "---\n...\n", "~", "{}"] {
        assert_eq!(settings(text), defaults(), "{text:?}");
    }
}

#[test]
fn the_example_means_the_defaults_and_holds_every_key() {
    assert_eq!(settings(EXAMPLE), defaults());
    for (choice, key) in keys() {
        let line = EXAMPLE.lines().find_map(|line| {
            let line = line.trim_start_matches('#');
            let value = line.strip_prefix(key.name)?.strip_prefix(':')?;
            Some(value.trim())
        });
        let value = line.unwrap_or_else(|| panic!("{} is not in the example", key.name));
        assert_eq!(value, key.default.shown(), "{}", key.name);
        let help = choice.key_help();
        assert!(joined(EXAMPLE).contains(help), "{}: {help}", key.name);
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
        let choices = parsed(&format!("poll_pop3: {word}\n")).choices;
        assert!(choices.of(Protocol::Pop3).poll.value, "{word}");
    }
    for word in ["False", "false", "no", "No", "off", "'no'"] {
        let choices = parsed(&format!("poll_imap: {word}\n")).choices;
        assert!(choices.of(Protocol::Imap).poll.is_given(), "{word}");
        assert!(!choices.of(Protocol::Imap).poll.value, "{word}");
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
        let pace = settings(text).pace;
        assert_eq!(pace.interval, ten, "{text:?}");
        assert_eq!(pace.timeout, Duration::from_secs(3), "{text:?}");
    }
}

#[test]
fn each_kind_of_key_has_its_meaning() {
    let settings = settings(
        "loglevel: 2\nlockfile: /run/d.pid\nsyslog_facility: 'LOCAL5'\nimap_ssl: yes\n\
         imaps_port: 1993\nauth: sasl\nrestore: any\nmax_down: 50%\nhold: 7\nmax_moves: 3\n\
         poll_unknown_backends: no\nlogger_socket_addr: /run/log\nuse_delayed_down: yes\n\
         delayed_down_limit: 0\nbeupdatescript: ''\n",
    );
    assert_eq!(settings.log_level, LevelFilter::Error);
    assert_eq!(settings.files.lock.to_str(), Some("/run/d.pid"));
    match &settings.files.log {
        LogTarget::Syslog(syslog) => {
            assert_eq!(Some(syslog.facility), Facility::named("local5"));
            assert_eq!(syslog.socket, Some("/run/log".into()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(settings.services[0].to_string(), "imap+tls:1993");
    assert_eq!(settings.probing.auth, Auth::SaslPlain);
    let rules = settings.rules;
    assert_eq!(rules.restore, Restore::Any);
    assert_eq!(rules.brake, Brake::Percent(50));
    assert_eq!(rules.hold, Duration::from_secs(7));
    let limit = MoveLimit::AtMost(3.try_into().unwrap());
    assert_eq!(rules.drain, DrainMode::Move { limit });
    assert_eq!(rules.down_delay_limit, Some(0));
    assert_eq!(settings.accounts.unknown, Unknown::LeftAlone);
    assert_eq!(settings.hook, None);
    let rapid_timeout = rapid("rapidpoll_timeout: 1.5\n").rapid_timeout;
    assert_eq!(rapid_timeout, Duration::from_millis(1500));
    let log = built("logfile: /var/log/x\n").files.log;
    assert_eq!(log, LogTarget::File("/var/log/x".into()));
    for (level, expected) in [
        (0, LevelFilter::Info),
        (1, LevelFilter::Warn),
        (2, LevelFilter::Error),
        (3, LevelFilter::Debug),
        (99, LevelFilter::Debug),
    ] {
        let settings = built(&format!("loglevel: {level}\n"));
        assert_eq!(settings.log_level, expected, "{level}");
    }
}

#[test]
fn debug_goes_to_the_terminal_wherever_the_log_is() {
    for text in [
        "debug: True\nlogfile: /var/log/x\n",
        "logfile: /var/log/x\ndebug: True\n",
    ] {
        let settings = settings(text);
        assert_eq!(settings.run, RunMode::Foreground);
        assert_eq!(settings.files.log, LogTarget::Terminal);
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
    let zeros = "timeout: 0\nretry_count: 0\nrapid_rounds: 0\ndelayed_down_delay: 0\nloglevel: 0\n";
    assert_eq!(settings(zeros).pace.timeout, 2 * second);
    let plan = rapid(zeros);
    assert_eq!((plan.retry_count, plan.rapid_rounds), (0, 0));
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
        assert_eq!(built(text).pace.interval, second, "{text:?}");
        assert_eq!(remarks(text), [format!(":1: interval: {said}")]);
    }
    let text = "rapidpoll_timeout: 0\nrapid_fails_needed: 0\nretry_count: 3.5\n";
    assert_eq!(rapid(text).rapid_timeout, second);
    assert_eq!(rapid(text).rapid_fails_needed, 1);
    assert_eq!(rapid(text).retry_count, 4);
    assert_eq!(remarks(text).len(), 3);
    for (choice, key) in keys().filter(|(_, key)| key.origin == Origin::Predecessor) {
        if !matches!(
            choice.kind,
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
            let text = format!("{}: {value}\n", key.name);
            built(&text);
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
    let text = "backends:\n  - a\n  - {b: [c]}\ninterval: 7\n";
    assert_eq!(built(text).pace.interval, Duration::from_secs(7));
    assert_eq!(remarks(text).len(), 1);
    let many: String = (0..1000).map(|n| format!("zz{n}: 1\n")).collect();
    assert_eq!(remarks(&many).len(), MOST_REMARKS);
}

#[test]
fn of_a_key_given_twice_the_last_counts() {
    let text = "interval: 5\ntimeout: 2\ninterval: 6\n";
    assert_eq!(built(text).pace.interval, Duration::from_secs(6));
    assert_eq!(
        remarks(text),
        [":3: interval: given twice, the last one counts"]
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
        settings(text);
    }
    assert_eq!(
        complaint(b"use_host_flush: True\nflush: move\n"),
        ":2: flush: expected drop beside use_host_flush: True; leave one out"
    );
    assert_eq!(
        complaint(b"flush: drop\nuse_host_flush: False\n"),
        ":1: flush: expected move or none beside use_host_flush: False; leave that out"
    );
}

#[test]
fn retries_and_rapid_rounds_are_two_plans() {
    assert_eq!(rapid("retry_count: 5\n").retry_count, 5);
    let plan = settings("retries: 2\n").pace.plan;
    assert!(matches!(plan, Plan::Retries(retries) if retries.retries == 2));
    assert_eq!(
        complaint(b"rapid_rounds: 5\nretries: 2\n"),
        ":2: retries: expected without rapid_rounds: with retries there are no rapid rounds; leave one out"
    );
    assert_eq!(
        remarks("rapid_rounds: 5\n"),
        [":1: rapid_rounds: rapid_fails_needed (7) is more than rapid_rounds (5): a backend has failed when all 5 rapid polls have"]
    );
    assert!(remarks("rapid_rounds: 0\n").is_empty());
}

#[test]
fn a_merge_key_is_refused_at_its_line() {
    assert_eq!(
        complaint(b"interval: 10\n<<: {timeout: 5}\n"),
        ":2: merge keys (<<) are not supported, write `*a` alone, or the keys themselves"
    );
    assert_eq!(remarks("unknown: {<<: 5}\n").len(), 1);
}

/// Both as the fuzz target has it: at a line that is there, in a text that can be shown, and the same each time.
#[test]
fn a_bent_file_is_read_or_refused() {
    let text = "interval: 10\npoll_pop3: True\nuser_flush: 'reset-users'\n";
    let (mut read, mut refused) = (0, 0);
    for text in crate::bent::bent_file(text.as_bytes()) {
        crate::config::fuzz::configuration(&text);
        match parse(&text) {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        read > 200 && refused > 200,
        "{read} read, {refused} refused"
    );
}
