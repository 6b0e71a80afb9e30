//! From words to settings, through the whole of `cli::parse`.

use std::num::NonZeroU32;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::*;
use crate::account::Envelope;
use crate::config::choice::Usual;
use crate::config::chosen::SaidBy;
use crate::config::settings::{
    Accounts, Auth, Brake, DrainMode, Facility, Files, Hook, LogTarget, Mode, MoveLimit, Pace,
    PasswordOver, Plan, Pool, Probing, ProxyProtocol, Published, Restore, Retries, Rules, RunAs,
    RunMode, Settings, StartTls, Steps, Syslog, Unknown,
};
use crate::config::table::options;
use crate::config::table::DefaultsOf;
use crate::config::trust::{CertificateName, Certificates, Checked};
use crate::service::{Port, Protocol, Security, Service};

fn settings(words: &[&str]) -> Settings {
    match parse(words.iter().map(OsString::from).collect()) {
        Ok(Command::Run(order)) => settled(&order),
        other => panic!("{words:?}: {other:?}"),
    }
}

fn retries(words: &[&str]) -> Retries {
    match settings(words).pace.plan {
        Plan::Retries(retries) => retries,
        Plan::Rapid(rapid) => panic!("{words:?}: {rapid:?}"),
    }
}

fn settled(order: &Order) -> Settings {
    let choices = order.choices.clone();
    choices
        .build(DefaultsOf::Poolmon, Program::Poolmon)
        .unwrap()
}

fn certificates(checked: Checked, name: CertificateName) -> Certificates {
    Certificates {
        checked,
        name,
        ca_file: None,
        password_over: PasswordOver::Any,
    }
}

fn error(words: &[&str]) -> String {
    parse(words.iter().map(OsString::from).collect())
        .expect_err(words.join(" ").as_str())
        .to_string()
}

fn services(words: &[&str]) -> String {
    let services = settings(words).services;
    let shown: Vec<String> = services.iter().map(Service::to_string).collect();
    shown.join(" ")
}

#[test]
fn without_options_everything_is_as_poolmon_had_it() {
    assert_eq!(
        settings(&[]),
        Settings {
            pool: Pool::Director,
            socket: "/var/run/dovecot/director-admin".into(),
            services: vec![
                Service::Port(Port {
                    protocol: Protocol::Pop3,
                    security: Security::Plain,
                    number: 110
                }),
                Service::Port(Port {
                    protocol: Protocol::Imap,
                    security: Security::Plain,
                    number: 143
                }),
            ],
            pace: Pace {
                interval: Duration::from_secs(30),
                login_interval: Duration::ZERO,
                timeout: Duration::from_secs(5),
                plan: Plan::Retries(Retries {
                    retries: 4,
                    retry_delay: Duration::from_secs(3),
                }),
                rise: 1,
                fall: 1,
            },
            probing: Probing {
                certificates: certificates(Checked::AsPoolmon, CertificateName::OfAddress),
                envelope: Envelope::default(),
                auth: Auth::Login,
                starttls: StartTls::Offered,
                proxy_protocol: ProxyProtocol::No,
                steps: Steps::default(),
            },
            accounts: Accounts {
                credentials: None,
                unknown: Unknown::Probed,
            },
            rules: Rules {
                drain: DrainMode::Move {
                    limit: MoveLimit::All
                },
                restore: Restore::Any,
                brake: Brake::Refuge,
                down_delay: Duration::ZERO,
                down_delay_limit: None,
                hold: Duration::from_secs(300),
            },
            mode: Mode::Live,
            hook: None,
            files: Files {
                lock: "/var/run/poolmon.pid".into(),
                state: "/var/lib/poolmon/state.yml".into(),
                published: Published {
                    status: Some("/run/poolmon/status.json".into()),
                    metrics: None,
                    page: None,
                },
                record: None,
                log: LogTarget::File("/var/log/poolmon.log".into()),
            },
            run: RunMode::Daemon,
            run_as: RunAs::default(),
            log_level: LevelFilter::Info,
        }
    );
}

#[test]
fn ports_give_the_protocol_unless_it_is_named() {
    for (words, expected) in [
        (&[][..], "pop3:110 imap:143"),
        (&["-p143"], "imap:143"),
        (&["-s993"], "imap+tls:993"),
        (&["-s", "993", "-p", "143"], "imap:143 imap+tls:993"),
        (
            &["-p24", "-p995", "-p993", "-p110"],
            "lmtp:24 pop3:995 imap:993 pop3:110",
        ),
        (
            &["-p", "4190", "-p587", "-s465"],
            "line:4190 line:587 line+tls:465",
        ),
        (
            &[
                "-p",
                "SIEVE:4190",
                "-p",
                "Submission:587",
                "-s",
                "SUBMISSION:465",
            ],
            "sieve:4190 submission:587 submission+tls:465",
        ),
        (
            &["-p", "Imap:1143", "-s", "pop3:1", "-p", "LMTP:65535"],
            "imap:1143 lmtp:65535 pop3+tls:1",
        ),
        (&["-p", "143", "-p", "imap:143", "-p0143"], "imap:143"),
        (&["-p143", "-s143"], "imap:143 imap+tls:143"),
    ] {
        assert_eq!(services(words), expected, "{words:?}");
    }
}

#[test]
fn values_are_understood() {
    assert_eq!(
        settings(&["-i5", "-i", "6"]).pace.interval,
        Duration::from_secs(6)
    );
    assert_eq!(settings(&["-t", "1"]).pace.timeout.as_secs(), 1);
    assert_eq!(retries(&["--retries=0"]).retries, 0);
    let checked = |words: &[&str]| settings(words).probing.certificates.checked;
    assert_eq!(checked(&["-v0"]), Checked::Nowhere);
    assert_eq!(checked(&["-v0", "--tls-name=x"]), Checked::Nowhere);
    for on in ["-v1", "-v-1", "-v99999999999999999999"] {
        assert_eq!(checked(&[on]), Checked::AsPoolmon);
    }
    let name = CertificateName::Given("mail.example.org".into());
    assert_eq!(
        settings(&["--tls-name", "mail.example.org"])
            .probing
            .certificates,
        certificates(Checked::Everywhere, name)
    );
    let both = settings(&["-c", "cred", "--ca-file", "ca.pem"]);
    assert_eq!(both.accounts.credentials, Some("cred".into()));
    assert_eq!(both.probing.certificates.ca_file, Some("ca.pem".into()));
    let files = settings(&["-k", "a", "-k", "b", "--state-file=c"]).files;
    assert_eq!((files.lock, files.state), ("b".into(), "c".into()));
    assert_eq!(settings(&["-S", "s"]).socket, PathBuf::from("s"));
    assert_eq!(settings(&["-n"]).mode, Mode::DryRun);
    assert_eq!(settings(&["-d"]).log_level, LevelFilter::Debug);
}

#[test]
fn decimal_seconds_keep_their_fraction() {
    for (text, millis) in [
        ("0.5", 500),
        (".25", 250),
        ("2.", 2000),
        ("0", 0),
        ("0.001", 1),
        ("31536000", 31_536_000_000),
    ] {
        let delay = retries(&["--retry-delay", text]).retry_delay;
        assert_eq!(delay, Duration::from_millis(millis), "{text}");
    }
}

#[test]
fn the_drain_follows_flush_and_max_moves() {
    let at_most = |n| DrainMode::Move {
        limit: MoveLimit::AtMost(NonZeroU32::new(n).unwrap()),
    };
    for (words, expected) in [
        (&["--max-moves=1"][..], at_most(1)),
        (&["--max-moves=4294967295"], at_most(u32::MAX)),
        (&["--flush", "drop"], DrainMode::Drop),
        (&["--flush=none", "--max-moves=5"], DrainMode::Leave),
        (
            &["--flush=drop", "--flush=move", "--max-moves=5"],
            at_most(5),
        ),
    ] {
        assert_eq!(settings(words).rules.drain, expected, "{words:?}");
    }
}

#[test]
fn the_run_mode_decides_where_a_log_file_goes() {
    let file = |path: &str| LogTarget::File(path.into());
    let syslog = || {
        LogTarget::Syslog(Syslog {
            socket: None,
            facility: Facility::USER,
            ident: Program::Poolmon,
        })
    };
    for (words, run, log) in [
        (&["-l", "x"][..], RunMode::Daemon, file("x")),
        (&["-l", "Syslog"], RunMode::Daemon, file("Syslog")),
        (&["-l", "syslog"], RunMode::Daemon, syslog()),
        (&["-fl", "syslog"], RunMode::Foreground, syslog()),
        (&["-fl", "x"], RunMode::Foreground, LogTarget::Terminal),
        (&["-f"], RunMode::Foreground, LogTarget::Terminal),
        (&["--once"], RunMode::Once, LogTarget::Terminal),
        (&["--once", "-f"], RunMode::Once, LogTarget::Terminal),
    ] {
        let settings = settings(words);
        assert_eq!((settings.run, settings.files.log), (run, log), "{words:?}");
    }
    assert_eq!(settings(&["--once"]).mode, Mode::DryRun);
}

#[test]
fn paths_need_not_be_utf_8() {
    for args in [
        vec![OsString::from_vec(b"--logfile=/\xff\xc3=\xa4".to_vec())],
        vec!["-l".into(), OsString::from_vec(b"/\xff\xc3=\xa4".to_vec())],
    ] {
        let log = match parse(args).unwrap() {
            Command::Run(order) => settled(&order).files.log,
            other => panic!("{other:?}"),
        };
        let path = OsString::from_vec(b"/\xff\xc3=\xa4".to_vec());
        assert_eq!(log, LogTarget::File(path.into()));
    }
    assert_eq!(settings(&["-k", "/ä"]).files.lock, PathBuf::from("/ä"));
}

#[test]
fn what_cannot_be_meant_is_refused_with_option_value_and_expectation() {
    let port = |option: &str, value: &str| {
        format!(
            "--{option}: \"{value}\": expected PORT or PROTO:PORT, where PORT is 1 to 65535 and \
             PROTO is IMAP, POP3, LMTP, SIEVE or SUBMISSION"
        )
    };
    let address = |option: &str, value: &str| {
        format!(
            "--{option}: \"{value}\": expected an address without spaces, control characters, \
             < and >"
        )
    };
    let seconds = |option: &str, value: &str| {
        format!("--{option}: \"{value}\": expected seconds, at least 1, at most 31536000")
    };
    for (words, expected) in [
        (&["-i0"][..], seconds("interval", "0")),
        (&["-i-5"], seconds("interval", "-5")),
        (&["-t0"], seconds("timeout", "0")),
        (
            &["-t-99999999999999999999"],
            seconds("timeout", "-99999999999999999999"),
        ),
        (&["-i", "31536001"], seconds("interval", "31536001")),
        (
            &["-i99999999999999999999"],
            seconds("interval", "99999999999999999999"),
        ),
        (&["-p0"], port("port", "0")),
        (&["-p65536"], port("port", "65536")),
        (&["-p", "+143"], port("port", "+143")),
        (&["-p", ""], port("port", "")),
        (&["-p", "imap:"], port("port", "imap:")),
        (&["-p", "imap"], port("port", "imap")),
        (&["-s", ":993"], port("ssl", ":993")),
        (&["-s", "smtp:25"], port("ssl", "smtp:25")),
        (&["-p", "143,110"], port("port", "143,110")),
        (&["-p", "imap:1:2"], port("port", "imap:1:2")),
        (&["--lmtp-to", "a b"], address("lmtp-to", "a b")),
        (&["--lmtp-to", "<a@b>"], address("lmtp-to", "<a@b>")),
        (
            &["--lmtp-from", "a\r\nQUIT"],
            address("lmtp-from", "a\\r\\nQUIT"),
        ),
        (
            &["--retries=-1"],
            "--retries: \"-1\": expected a number, at least 0, at most 1000".to_string(),
        ),
        (
            &["--retries=1001"],
            "--retries: \"1001\": expected a number, at least 0, at most 1000".to_string(),
        ),
        (
            &["--max-moves=0"],
            "--max-moves: \"0\": expected a number, at least 1, or all".to_string(),
        ),
        (
            &["--flush=Move"],
            "--flush: \"Move\": expected move, drop or none".to_string(),
        ),
        (
            &["--proxy-protocol=3"],
            "--proxy-protocol: \"3\": expected v1, v2 or no".to_string(),
        ),
        (
            &["--starttls=yes"],
            "--starttls: \"yes\": expected auto, require or no".to_string(),
        ),
        (
            &["--lockfile", ""],
            "--lockfile: \"\": expected a path".to_string(),
        ),
        (
            &["--tls-name", "a b"],
            "--tls-name: \"a b\": expected a host name".to_string(),
        ),
    ] {
        assert_eq!(error(words), expected, "{words:?}");
    }
    for delay in [
        "-1",
        "",
        ".",
        "1.2.3",
        "1e3",
        "0x1",
        " 1",
        "inf",
        "31536000.1",
        "99999999999999999999999999",
    ] {
        let text = error(&["--retry-delay", delay]);
        assert!(
            text.contains("expected seconds, at least 0"),
            "{delay}: {text}"
        );
    }
}

#[test]
fn help_and_version_need_nothing_else_to_be_right() {
    for (words, expected) in [
        (&["-h"][..], Command::Help(Extent::Common)),
        (&["-?"], Command::Help(Extent::Common)),
        (&["--h"], Command::Help(Extent::Common)),
        (
            &["--help", "-i0", "--version"],
            Command::Help(Extent::Common),
        ),
        (&["--help-all"], Command::Help(Extent::All)),
        (&["--help-", "-h", "-i0"], Command::Help(Extent::All)),
        (&["--version", "-p0"], Command::Version),
        (&["x", "--ver"], Command::Version),
    ] {
        assert_eq!(
            parse(words.iter().map(OsString::from).collect()),
            Ok(expected),
            "{words:?}"
        );
    }
    assert_eq!(error(&["--help", "--bogus"]), "unknown option \"--bogus\"");
}

#[test]
fn starttls_is_used_where_offered_unless_told_otherwise() {
    for (words, expected) in [
        (&[][..], StartTls::Offered),
        (&["--starttls=auto"], StartTls::Offered),
        (&["--starttls", "require"], StartTls::Required),
        (&["--starttls=no"], StartTls::Never),
    ] {
        assert_eq!(settings(words).probing.starttls, expected, "{words:?}");
    }
}

#[test]
fn operands_are_ignored() {
    assert_eq!(settings(&["x", "-d", "--", "-n"]), settings(&["-d"]));
}

#[test]
fn the_rules_options_say_how_far_the_policy_may_go() {
    let rules = |words: &[&str]| settings(words).rules;
    assert_eq!(rules(&["--restore=own"]).restore, Restore::Own);
    for (value, expected) in [
        ("2", Brake::AtMost(2)),
        ("0", Brake::AtMost(0)),
        ("50%", Brake::Percent(50)),
        ("all", Brake::Off),
    ] {
        assert_eq!(rules(&["--max-down", value]).brake, expected);
    }
    for value in ["", "x", "101%", "-1", "5 %", "%"] {
        assert!(
            error(&["--max-down", value]).contains("all, or refuge"),
            "{value}"
        );
    }
    assert_eq!(
        rules(&["--down-delay", "2.5"]).down_delay,
        Duration::from_millis(2500)
    );
    assert_eq!(rules(&["-i2"]).hold, Duration::from_secs(60));
    assert_eq!(rules(&["--hold=7"]).hold, Duration::from_secs(7));
    assert_eq!(settings(&["--rise=3", "--fall=2"]).pace.rise, 3);
    assert!(error(&["--fall=0"]).contains("at least 1"));
    assert!(error(&["--restore=all"]).contains("any or own"));
}

#[test]
fn a_program_for_changes_is_a_path() {
    assert_eq!(settings(&[]).hook, None);
    let script = PathBuf::from("bin/tell");
    let hook = settings(&["--on-change=bin/tell"]).hook;
    assert_eq!(hook, Some(Hook { script }));
    let mut settings = settings(&["--on-change", "bin/tell"]);
    settings.anchor(std::path::Path::new("/etc"));
    let script = PathBuf::from("/etc/bin/tell");
    assert_eq!(settings.hook, Some(Hook { script }));
    assert_eq!(error(&["--on-change="]), "--on-change: a value is missing");
}

#[test]
fn only_what_was_given_is_said() {
    let said = |words: &[&str]| match parse(words.iter().map(OsString::from).collect()) {
        Ok(Command::Run(order)) => order.choices,
        other => panic!("{words:?}: {other:?}"),
    };
    assert_eq!(said(&[]), Chosen::default());
    let mut expected = Chosen::default();
    let seven = Duration::from_secs(7);
    expected.interval.say(seven, SaidBy::CommandLine);
    assert_eq!(said(&["-i7"]), expected);
    let over_dovemon = |words: &[&str]| {
        let built = said(words).build(DefaultsOf::Dovemon, Program::Dovemon);
        built.unwrap()
    };
    assert_eq!(over_dovemon(&["-l", "syslog"]), over_dovemon(&[]));
    let retries = over_dovemon(&["--retries=1"]).pace.plan;
    assert!(matches!(retries, Plan::Retries(_)));
    assert_eq!(over_dovemon(&["-p", "IMAP:1143"]).services.len(), 1);
}

#[test]
fn of_a_repeated_option_only_the_last_has_to_be_good() {
    assert_eq!(settings(&["-i0", "-i6"]), settings(&["-i6"]));
    assert!(error(&["-i6", "-i0"]).contains("interval"));
    assert!(error(&["-p0", "-p143"]).contains("port"));
}

#[test]
fn the_defaults_of_the_table_are_what_no_option_means() {
    let mut values = 0;
    for (_, option) in options() {
        if let Usual::Value(default) = option.default {
            let given = format!("--{}={default}", option.long);
            assert_eq!(settings(&[&given]), settings(&[]), "{given}");
            values += 1;
        }
    }
    assert!(values > 15);
}

#[test]
fn the_files_and_the_deed_are_told_apart_from_the_settings() {
    let order = |words: &[&str]| match parse(words.iter().map(OsString::from).collect()) {
        Ok(Command::Run(order)) => *order,
        other => panic!("{words:?}: {other:?}"),
    };
    assert_eq!(order(&[]).job, Job::Watch);
    assert_eq!(order(&["--once"]).job, Job::Once);
    assert_eq!(order(&["--check", "--once"]).job, Job::CheckConfig);
    let files = order(&["--con", "a", "--acc=b", "--write"]).choices;
    assert_eq!(files.config.said(), Some("a".into()));
    assert_eq!(files.accounts.said(), Some("b".into()));
    assert!(files.write_missing_config.value);
    // poolmon's own: -c is the file of credentials, in any spelling that it had.
    assert_eq!(order(&["--c=x"]).choices.config.said(), None);
}
