//! A whole document of an engine's snapshot, value by value.

use super::backend::service;
use super::*;
use crate::monitor::tests::one_taken_down;

const TAKEN: Time = 1_800_000_010.25;

fn of_the_story() -> Document {
    let taken = UNIX_EPOCH + Duration::from_millis(1_800_000_010_250);
    let of = Writer {
        version: "1.2.3",
        pid: 4711,
        name: "director1".to_owned(),
        started: taken - Duration::from_millis(10_500),
        hook_failures: 2,
        log_lines_lost: 3,
    };
    document(&one_taken_down(), &of, taken)
}

#[test]
fn a_director_s_error_does_not_repeat_its_socket() {
    let mut view = one_taken_down().director;
    let clock = Clock { taken: UNIX_EPOCH };
    let mut told = |error: &str| {
        view.error = Some(error.to_owned());
        director(&clock, &view).error.unwrap()
    };
    let error = "director /var/run/dovecot/director-admin: connect: nobody listens";
    assert_eq!(told(error), "connect: nobody listens");
    let other = "director /other: connect: nobody listens";
    assert_eq!(told(other), other);
}

/// Else a recorded moment would show the counters of who reads it. The log is written by `report/mod.rs` alone.
#[test]
fn no_report_looks_at_counters_of_the_process() {
    let report = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report");
    let mut folders = vec![report.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.retain(|file| file.extension().map_or(false, |end| end == "rs"));
    files.retain(|file| *file != report.join("mod.rs") && !file.ends_with("tests.rs"));
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for room in ["hook::", "logging::"] {
            assert!(!text.contains(room), "{room} in {}", file.display());
        }
    }
}

#[test]
fn the_monitor_and_the_director_are_told() {
    let document = of_the_story();
    assert_eq!(
        document.poolmon,
        Monitor {
            format: FORMAT,
            version: "1.2.3".to_owned(),
            pid: 4711,
            name: "director1".to_owned(),
            started: TAKEN - 10.5,
            written: TAKEN,
            interval: 30.0,
            login_interval: 0.0,
            dry_run: false,
            restore: Restore::Any,
            rise: 1,
            ended: false,
            reload: Reload {
                at: TAKEN - 10.0,
                good: true,
            },
        }
    );
    assert_eq!(
        document.director,
        Director {
            kind: PoolKind::Director,
            socket: "/var/run/dovecot/director-admin".to_owned(),
            up: true,
            list_read: Some(TAKEN),
            ring: Ring::Synced,
            since: TAKEN - 10.0,
            position: Some(1),
            members: Some(1),
            error: None,
        }
    );
    assert_eq!(
        document.tags,
        [Tag {
            tag: String::new(),
            backends: 2,
            up: 1,
            passing: 1,
            refuges: 1,
            vhosts_up: 100,
            vhosts: 200,
            users: 0,
        }]
    );
    assert_eq!(document.alarms, []);
}

#[test]
fn a_backend_that_was_taken_down_is_told_whole() {
    let document = of_the_story();
    let text = "connect: connection refused";
    let poll = |ago, result: &str| Attempt {
        at: TAKEN - ago,
        service: "pop3:110".to_owned(),
        result: result.to_owned(),
        latency: 0.001,
        stages: Vec::new(),
        delivery: None,
    };
    let whole = |ago, failure| Dialogue {
        at: TAKEN - ago,
        latency: 0.001,
        failure,
        stages: Vec::new(),
        lines: Vec::new(),
    };
    let refused = Failure {
        stage: "connect".to_owned(),
        fault: "refused".to_owned(),
        blame: Blame::Service,
        text: text.to_owned(),
    };
    let expected = Backend {
        address: [192, 0, 2, 1].into(),
        name: None,
        tag: String::new(),
        vhosts: 100,
        users: 0,
        listed: State::Down,
        listed_since: None,
        by: By::Us,
        owned: true,
        drain: Drain::Owed,
        verdict: Verdict::Failed,
        // The attempt that settled it ended then.
        verdict_since: Some(TAKEN - 5.999),
        unsteady_until: None,
        cause: format!("pop3:110 {text}"),
        schedule: Schedule {
            last: Some(TAKEN - 5.0),
            next: Some(TAKEN + 25.0),
            retry: None,
        },
        wanted: document.backends[0].wanted.clone(),
        services: vec![Service {
            service: "pop3:110".to_owned(),
            result: CheckResult::Fail,
            unchecked: None,
            last_pass: Some(TAKEN - 10.0),
            latency: Some(0.001),
            median: Some(0.001),
            worst: Some(0.001),
            tried_since: Some(TAKEN - 10.0),
            passes: 1,
            failures: 3,
            recent: ".xxx".to_owned(),
            failure: Some(whole(5.0, Some(refused))),
            pass: Some(whole(10.0, None)),
            certificate: None,
        }],
        attempts: vec![
            poll(10.0, "ok"),
            poll(7.0, text),
            poll(6.0, text),
            poll(5.0, text),
        ],
        changes: vec![Change {
            at: TAKEN - 2.0,
            to: State::Down,
            by: By::Us,
            reason: Some(format!("pop3:110 {text}")),
        }],
        unwell: vec![
            Unwell {
                from: TAKEN - 6.999,
                to: Some(TAKEN - 5.999),
                verdict: Verdict::Doubtful,
            },
            Unwell {
                from: TAKEN - 5.999,
                to: None,
                verdict: Verdict::Failed,
            },
        ],
        day: Day {
            from: TAKEN - 10.0,
            every: 1800.0,
            slots: vec![Slot {
                passes: 1,
                failures: 3,
                best: 1000,
                mean: 1000,
                worst: 1000,
            }],
        },
    };
    assert_eq!(document.backends[0], expected);
}

#[test]
fn a_held_action_has_every_rule_and_advice_where_it_is_held() {
    let wanted = of_the_story().backends[0].wanted.clone().unwrap();
    assert_eq!(wanted.action, Action::Drain);
    let rules: Vec<_> = wanted
        .rules
        .iter()
        .map(|rule| (rule.rule.as_str(), rule.answer))
        .collect();
    let not_asked = [
        "fresh",
        "ring",
        "ownership",
        "hold",
        "bar",
        "refuge",
        "brake",
        "drain",
        "rank",
    ];
    let mut expected = vec![("settle", Answer::Holds)];
    expected.extend(not_asked.map(|rule| (rule, Answer::NotAsked)));
    assert_eq!(rules, expected);
    assert_eq!(
        wanted.rules[0],
        RuleAnswer {
            rule: "settle".to_owned(),
            answer: Answer::Holds,
            reason: Some("a command is under way".to_owned()),
            until: None,
            advice: Some(of_hold(
                &policy::Reason::InFlight,
                [192, 0, 2, 1].into(),
                &[],
                Hands {
                    by: ByHand::Doveadm,
                    socket: "/admin",
                },
            )),
        }
    );
}

#[test]
fn commands_and_what_is_next_are_told() {
    let document = of_the_story();
    let address: IpAddr = [192, 0, 2, 1].into();
    let command = |at, action, command: &str, answer: Option<&str>, took| Command {
        at,
        address,
        action,
        command: command.to_owned(),
        answer: answer.map(str::to_owned),
        took,
    };
    assert_eq!(
        document.commands,
        [
            command(
                TAKEN - 5.0,
                Action::Down,
                "HOST-DOWN 192.0.2.1",
                Some("ok"),
                Some(2.0)
            ),
            command(
                TAKEN - 2.0,
                Action::Drain,
                "HOST-RESET-USERS 192.0.2.1 4294967295",
                None,
                None
            ),
        ]
    );
    let next = NextEvent {
        at: TAKEN + 25.0,
        address,
        event: Event::Round,
    };
    assert_eq!(document.next, Some(next));
}

#[test]
fn counts_are_told_with_cumulative_buckets() {
    let Counters {
        attempts,
        failures,
        changes,
        commands,
        hook_runs,
        hook_failures,
        log_lines_lost,
        state_file_written,
    } = of_the_story().counters;
    assert_eq!((hook_failures, log_lines_lost), (2, 3), "the writer's");
    let latency = Histogram {
        buckets: vec![4; 13],
        count: 4,
        sum: 0.004,
    };
    let service = "pop3:110".to_owned();
    assert_eq!(
        attempts,
        [AttemptCount {
            service: service.clone(),
            passes: 4,
            failures: 3,
            latency,
        }]
    );
    assert_eq!(
        failures,
        [FailureCount {
            service,
            stage: "connect".to_owned(),
            fault: "refused".to_owned(),
            blame: Blame::Service,
            count: 3,
        }]
    );
    let address = [192, 0, 2, 1].into();
    assert_eq!(
        changes,
        [ChangeCount {
            address,
            tag: String::new(),
            to: State::Down,
            by: By::Us,
            count: 1,
        }]
    );
    assert_eq!(
        commands,
        [CommandCount {
            action: Action::Down,
            reply: Reply::Ok,
            count: 1,
            duration: Histogram {
                buckets: vec![0, 0, 0, 0, 0, 0, 1, 1],
                count: 1,
                sum: 2.0,
            },
        }]
    );
    assert_eq!(hook_runs, 0);
    assert!(state_file_written);
}

#[test]
fn the_engine_counts_in_the_documents_buckets() {
    let seconds = |bounds: &[u64]| bounds.iter().map(|micros| *micros as f64 / 1e6).collect();
    let latency: Vec<Span> = seconds(&snapshot::LATENCY_BOUNDS);
    assert_eq!(latency, LATENCY_BOUNDS);
    let commands: Vec<Span> = seconds(&snapshot::COMMAND_BOUNDS);
    assert_eq!(commands, COMMAND_BOUNDS);
}

/// The snapshot's service, whose last pass and last failure were so long ago.
fn view(pass: Option<(u64, Outcome)>, failure: Option<(u64, Outcome)>) -> ServiceView {
    let whole = |(seconds, outcome)| WholeAttempt {
        ago: Duration::from_secs(seconds),
        outcome: std::sync::Arc::new(outcome),
    };
    ServiceView {
        service: "imaps:993".to_owned(),
        unchecked: None,
        recent: "x".to_owned(),
        latency: None,
        median: None,
        worst: None,
        passes: 1,
        failures: 1,
        tried_for: None,
        failure: failure.map(whole),
        pass: pass.map(whole),
    }
}

#[test]
fn the_last_attempt_with_a_certificate_tells_it_and_each_attempt_what_was_said() {
    let start = std::time::Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let certificate = |accepted, read| outcome::Certificate {
        read,
        not_after: 1_771_202_400,
        chain_not_after: 1_771_202_300,
        names: outcome::PresentedNames {
            first: vec![crate::quote::Quote::new("mail7.example.org")],
            more: 0,
        },
        accepted,
    };
    let outcome = |began, certificate: Option<outcome::Certificate>| Outcome {
        evidence: outcome::Evidence {
            stages: [
                (outcome::Stage::Connect, Duration::from_millis(1)),
                (outcome::Stage::Tls, Duration::from_millis(2)),
            ]
            .into_iter()
            .collect(),
            dialogue: outcome::Dialogue::new("S: * OK ready\nC: a5 LOGOUT\n".to_owned()),
            certificate: certificate.map(std::sync::Arc::new),
        },
        ..Outcome::new(began, Duration::from_millis(3), Ok(outcome::Pass::Clean))
    };
    let clock = Clock {
        taken: UNIX_EPOCH + Duration::from_secs(1_000),
    };
    let pass = outcome(at(3600), Some(certificate(true, at(3500))));
    let failure = outcome(at(3660), None);
    let told = service(&clock, &view(Some((90, pass.clone())), Some((30, failure))));
    assert_eq!(
        told.certificate,
        Some(Certificate {
            read: 810.0,
            not_after: 1_771_202_400.0,
            chain_not_after: 1_771_202_300.0,
            names: vec!["mail7.example.org".to_owned()],
            accepted: true,
        })
    );
    let whole = told.pass.unwrap();
    let stages: Vec<(&str, Span)> = whole
        .stages
        .iter()
        .map(|stage| (stage.stage.as_str(), stage.took))
        .collect();
    assert_eq!(stages, [("connect", 0.001), ("tls", 0.002)]);
    assert_eq!(whole.lines, ["S: * OK ready", "C: a5 LOGOUT"]);
    assert_eq!(whole.at, 910.0);
    let refused = outcome(at(3660), Some(certificate(false, at(3660))));
    let told = service(&clock, &view(Some((90, pass)), Some((30, refused))));
    let certificate = told.certificate.unwrap();
    assert!(!certificate.accepted && certificate.read == 970.0);
}
