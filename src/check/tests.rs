//! Whether the report shows what can be chosen.

use std::path::PathBuf;

use super::*;
use crate::cli::{self, Command};
use crate::config::accounts::Backends;
use crate::config::chosen::Chosen;
use crate::config::settings::PoolKind;
use crate::config::table::tests::another;
use crate::config::table::{find_key, keys, options, DefaultsOf};
use crate::config::targets::Targets;
use crate::program::Program;
use crate::service::Protocol;

fn reported(chosen: Chosen, defaults: DefaultsOf) -> String {
    let order = match cli::parse(Vec::new()) {
        Ok(Command::Run(order)) => order,
        other => panic!("{other:?}"),
    };
    let (source, _) = Source::find(Program::Poolmon, &order, "/".as_ref()).unwrap();
    let settings = match chosen.build(defaults, Program::Dovemon) {
        Ok(settings) => settings,
        Err(cause) => return cause.to_string(),
    };
    let loaded = Loaded {
        targets: Targets::new(&settings, None, Backends::new()),
        settings,
        keys: Vec::new(),
        identity: None,
        remarks: Vec::new(),
        unverified: None,
    };
    report(&source, &loaded)
}

/// Choices in which most others count: everything is checked.
fn much() -> Chosen {
    let mut chosen = Chosen {
        lmtp_to: "probe@example.com".to_owned().into(),
        restore: Restore::Any.into(),
        use_delayed_down: true.into(),
        ..Chosen::default()
    };
    turn_on(&mut chosen, |name| format!("poll_{name}"));
    chosen
}

fn with_tls() -> Chosen {
    let mut chosen = much();
    turn_on(&mut chosen, |name| format!("{name}_ssl"));
    chosen
}

/// The key of each protocol that has one of this name.
fn turn_on(chosen: &mut Chosen, name_of_key: fn(&str) -> String) {
    for protocol in Protocol::ALL {
        let name = name_of_key(protocol.row().name);
        if let Some((choice, key)) = find_key(&name) {
            choice.take_key(chosen, key, "True").unwrap();
        }
    }
}

fn behind_haproxy() -> Chosen {
    Chosen {
        pool: PoolKind::HaProxy.into(),
        ..Chosen::default()
    }
}

#[test]
fn what_holds_for_haproxy_is_said() {
    let report = reported(behind_haproxy().over(much()), DefaultsOf::Dovemon);
    for line in [
        "HAProxy: /run/haproxy/admin.sock",
        "proxies: all with a server at a checked port",
        "left alone: a backend that is healthy here and that somebody else takes down, for 60 s at first",
        "how many go down: all but one that serves their proxies and passes",
    ] {
        assert!(report.lines().any(|said| said == line), "{line}\n{report}");
    }
    let report = reported(behind_haproxy(), DefaultsOf::Poolmon);
    for part in [
        "how often: 2 s from the end of a round",
        "fall 1; a login each 30 s while all is well, and the greeting alone in between\n",
        "ring and rank: do not apply: HAProxy has no ring\n",
        "its sessions are ended, only what this monitor took down comes up again",
        "left alone: servers that somebody else puts into maint or drain",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
}

#[test]
fn every_choice_shows() {
    let mut hidden: Vec<&str> = Vec::new();
    for (choice, key) in keys() {
        let value = another(choice, key.default.shown());
        let shows = [Chosen::default(), much(), with_tls(), behind_haproxy()]
            .into_iter()
            .any(|base| {
                let before = reported(base.clone(), DefaultsOf::Dovemon);
                let mut chosen = Chosen::default();
                choice.take_key(&mut chosen, key, value).unwrap();
                reported(chosen.over(base), DefaultsOf::Dovemon) != before
            });
        if !shows {
            hidden.push(key.name);
        }
    }
    // What is to be done and from which files, which is said elsewhere.
    let of_the_command = [
        "config",
        "accounts",
        "write-missing-config",
        "check-config",
        "help",
        "help-all",
        "version",
    ];
    for (choice, option) in options() {
        let value = another(choice, option.default.shown());
        let with_lmtp = Chosen {
            port: much_ports().into(),
            lmtp_to: "probe@example.com".to_owned().into(),
            ..Chosen::default()
        };
        let behind_haproxy = behind_haproxy().over(with_lmtp.clone());
        let shows = [with_lmtp, behind_haproxy].into_iter().any(|base| {
            let before = reported(base.clone(), DefaultsOf::Poolmon);
            let mut chosen = Chosen::default();
            choice
                .take_option(&mut chosen, Some(value.as_ref()))
                .unwrap();
            reported(chosen.over(base), DefaultsOf::Poolmon) != before
        });
        let expected = !of_the_command.contains(&option.long);
        if shows != expected {
            hidden.push(option.long);
        }
    }
    assert_eq!(hidden, [""; 0]);
}

fn much_ports() -> Vec<Service> {
    let port = |protocol, number| {
        Service::Port(Port {
            protocol,
            security: Security::Plain,
            number,
        })
    };
    vec![port(Protocol::Imap, 143), port(Protocol::Lmtp, 24)]
}

/// The limit holds without a delay, too.
#[test]
fn a_limit_of_downs_is_said_whatever_the_delay() {
    for (delay, said) in [
        (0, "it is taken down, unless more than 2 are or wait"),
        (
            120,
            "it is taken down after 120 s, unless more than 2 are or wait",
        ),
    ] {
        let chosen = Chosen {
            delayed_down_delay: Duration::from_secs(delay).into(),
            delayed_down_limit: 2.into(),
            ..much()
        };
        let report = reported(chosen, DefaultsOf::Dovemon);
        assert!(report.contains(said), "{report}");
    }
}

#[test]
fn a_credentials_file_without_an_account_logs_in_to_nobody() {
    let chosen = Chosen {
        credfile: PathBuf::from("/etc/empty").into(),
        ..much()
    };
    let report = reported(chosen, DefaultsOf::Dovemon);
    let said = "all backends are checked without login, as /etc/empty is empty";
    assert!(report.contains(said), "{report}");
}
