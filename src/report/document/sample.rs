//! Documents for tests: a pool in which everything is wrong that a person has to understand at a look.

use super::*;

/// 2025-11-25 00:40:00 UTC.
pub(crate) const WRITTEN: Time = 1_764_031_200.0;

/// A backend that failed, one whose down is held, one whose users are still to be moved, one that refuses
/// the password, one that is well; in a ring that is not synced.
pub(crate) fn five_troubles() -> Document {
    let backends = vec![
        failed_and_down(),
        failed_and_held(),
        drain_owed(),
        password_refused(),
        well(),
    ];
    Document {
        poolmon: Monitor {
            format: FORMAT,
            version: "1.1.0".to_string(),
            pid: 4711,
            name: "director1".to_string(),
            started: WRITTEN - 86_400.0,
            written: WRITTEN,
            interval: 30.0,
            login_interval: 0.0,
            dry_run: false,
            restore: Restore::Any,
            rise: 1,
            reload: Reload {
                at: WRITTEN - 86_400.0,
                good: true,
            },
            ended: false,
        },
        director: Director {
            kind: PoolKind::Director,
            socket: "/run/dovecot/director-admin".to_string(),
            up: true,
            list_read: Some(WRITTEN - 0.4),
            ring: Ring::Unsynced,
            since: WRITTEN - 75.0,
            position: Some(1),
            members: Some(3),
            error: None,
        },
        tags: vec![
            Tag {
                tag: String::new(),
                backends: 4,
                up: 2,
                passing: 1,
                refuges: 1,
                vhosts_up: 200,
                vhosts: 400,
                users: 1290,
            },
            Tag {
                tag: "archive".to_string(),
                backends: 1,
                up: 1,
                passing: 0,
                refuges: 0,
                vhosts_up: 50,
                vhosts: 50,
                users: 12,
            },
        ],
        backends,
        alarms: vec![
            Alarm {
                alarm: "ring_unsynced".to_string(),
                since: WRITTEN - 15.0,
                text: "the ring has not been synced for 60 s: no backend is taken down or brought \
                       up; see doveadm director ring status"
                    .to_string(),
            },
            Alarm {
                alarm: "shared".to_string(),
                since: WRITTEN - 300.0,
                text: "imap:143 login: user or password refused at 192.0.2.10".to_string(),
            },
        ],
        commands: vec![
            Command {
                at: WRITTEN - 347.0,
                address: address(7),
                action: Action::Down,
                command: "HOST-DOWN 192.0.2.7".to_string(),
                answer: Some("ok".to_string()),
                took: Some(0.0012),
            },
            Command {
                at: WRITTEN - 346.9,
                address: address(7),
                action: Action::Drain,
                command: "HOST-RESET-USERS 192.0.2.7".to_string(),
                answer: Some("ok".to_string()),
                took: Some(2.1),
            },
        ],
        next: Some(NextEvent {
            at: WRITTEN + 0.4,
            address: address(8),
            event: Event::Retry,
        }),
        is_part: false,
        counters: counters(),
    }
}

/// One of three has failed and is down, and nothing else is wrong: the picture in README.
pub(crate) fn one_down() -> Document {
    let mut document = five_troubles();
    document.director.ring = Ring::Synced;
    document.director.since = WRITTEN - 86_400.0;
    document.alarms.clear();
    let up = |last, users| Backend {
        users,
        ..backend(last)
    };
    document.backends = vec![failed_and_down(), up(8, 640), up(9, 564)];
    document.tags.truncate(1);
    document.tags[0] = Tag {
        tag: String::new(),
        backends: 3,
        up: 2,
        passing: 2,
        refuges: 2,
        vhosts_up: 200,
        vhosts: 300,
        users: 1204,
    };
    document.next = Some(NextEvent {
        at: WRITTEN + 28.0,
        address: address(7),
        event: Event::Round,
    });
    document
}

/// Five troubles behind HAProxy, as the daemon would say it.
pub(crate) fn behind_haproxy() -> Document {
    let mut document = five_troubles();
    document.director.kind = PoolKind::Haproxy;
    document.director.socket = "/run/haproxy/admin.sock".to_string();
    document.director.ring = Ring::None;
    document.director.position = None;
    document.director.members = None;
    document.poolmon.name = "front1".to_string();
    document.poolmon.restore = Restore::Own;
    let sections = |tag: &mut String| {
        *tag = match &**tag {
            "" => "imap,imaps".to_string(),
            _ => "imap".to_string(),
        }
    };
    document
        .tags
        .iter_mut()
        .for_each(|one| sections(&mut one.tag));
    let backends = document.backends.iter_mut();
    backends.for_each(|one| sections(&mut one.tag));
    document.alarms.remove(0);
    document.commands[0].command = "state maint 192.0.2.7".to_string();
    document.commands[1].command = "shutdown sessions 192.0.2.7".to_string();
    for backend in &mut document.backends {
        for rule in backend
            .wanted
            .iter_mut()
            .flat_map(|wanted| &mut wanted.rules)
        {
            if rule.answer == Answer::Holds {
                rule.rule = "refuge".to_string();
                rule.reason = Some("no other backend passes".to_string());
                rule.advice = Some("repair one server of these sections".to_string());
            }
        }
    }
    document
}

/// Text of others where any can stand.
pub(crate) fn hostile() -> Document {
    let mut document = five_troubles();
    let text = "<script>alert(1)</script>\"'><svg onload=alert(1)>\u{202e}\u{1b}[31m|=;&amp;";
    let long = "x".repeat(8192);
    document.tags[1].tag = text.to_string();
    document.poolmon.name = text.to_string();
    for backend in &mut document.backends {
        backend.tag = text.to_string();
        backend.name = Some(format!("{text}{long}"));
        backend.cause = format!("imap:143 greeting: {text}{long}");
        for service in &mut backend.services {
            if let Some(dialogue) = &mut service.failure {
                dialogue.lines = vec![format!("S: {text}{long}")];
            }
            if let Some(certificate) = &mut service.certificate {
                certificate.names = vec![text.to_string()];
            }
        }
    }
    document
}

/// As many backends, every third of them with a trouble.
pub(crate) fn many(number: u32) -> Document {
    let mut document = five_troubles();
    let models = document.backends.clone();
    let address = |place: u32| IpAddr::from([10, 0, (place / 250) as u8, (place % 250) as u8 + 1]);
    document.backends = (0..number)
        .map(|place| {
            let model = match place % 12 {
                0 => 0,
                3 => 1,
                6 => 2,
                9 => 3,
                _ => 4,
            };
            Backend {
                address: address(place),
                name: Some(format!("mail{place}.example.org")),
                tag: String::new(),
                ..models[model].clone()
            }
        })
        .collect();
    document.tags.truncate(1);
    document.tags[0].backends = document.backends.len();
    document.next = None;
    document
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn backend(last: u8) -> Backend {
    Backend {
        address: address(last),
        name: Some(format!("mail{last}.example.org")),
        tag: String::new(),
        vhosts: 100,
        users: 0,
        listed: State::Up,
        listed_since: Some(WRITTEN - 12.0 * 86_400.0),
        by: By::Unknown,
        owned: false,
        drain: Drain::None,
        verdict: Verdict::Healthy,
        verdict_since: Some(WRITTEN - 86_400.0),
        unsteady_until: None,
        cause: String::new(),
        schedule: Schedule {
            last: Some(WRITTEN - 2.0),
            next: Some(WRITTEN + 28.0),
            retry: None,
        },
        wanted: None,
        services: vec![service("imap:143"), service("imap+tls:993")],
        attempts: vec![attempt("imap:143", "ok"), attempt("imap+tls:993", "ok")],
        changes: Vec::new(),
        unwell: Vec::new(),
        day: day(0),
    }
}

/// In its last half hour so many attempts failed.
fn day(failures: u32) -> Day {
    let mut slots: Vec<Slot> = (0..48)
        .map(|slot| Slot {
            passes: 118,
            failures: 0,
            best: 1800,
            mean: 2200 + slot % 7 * 100,
            worst: 9000 + slot % 5 * 4000,
        })
        .collect();
    slots[47].failures = failures;
    Day {
        from: WRITTEN - 86_400.0,
        every: 1800.0,
        slots,
    }
}

fn well() -> Backend {
    Backend {
        users: 690,
        ..backend(11)
    }
}

fn failed_and_down() -> Backend {
    let text = "connect: connection refused";
    let mut refused = service("imap:143");
    fail(
        &mut refused,
        "connect",
        "refused",
        Blame::Service,
        text,
        'x',
    );
    Backend {
        listed: State::Down,
        listed_since: Some(WRITTEN - 347.0),
        by: By::Us,
        owned: true,
        drain: Drain::Done,
        verdict: Verdict::Failed,
        verdict_since: Some(WRITTEN - 350.0),
        cause: format!("imap:143 {text}"),
        services: vec![refused, service("imap+tls:993")],
        attempts: vec![attempt("imap:143", "ok"), attempt("imap:143", text)],
        changes: vec![Change {
            at: WRITTEN - 347.0,
            to: State::Down,
            by: By::Us,
            reason: Some(format!("imap:143 {text}")),
        }],
        unwell: vec![
            Unwell {
                from: WRITTEN - 365.0,
                to: Some(WRITTEN - 350.0),
                verdict: Verdict::Doubtful,
            },
            Unwell {
                from: WRITTEN - 350.0,
                to: None,
                verdict: Verdict::Failed,
            },
        ],
        day: day(6),
        ..backend(7)
    }
}

fn failed_and_held() -> Backend {
    let text = "greeting: timed out";
    let mut silent = service("imap:143");
    fail(
        &mut silent,
        "greeting",
        "timed_out",
        Blame::Service,
        text,
        'x',
    );
    let passes = |rule: &str| RuleAnswer {
        rule: rule.to_string(),
        answer: Answer::Passes,
        reason: None,
        until: None,
        advice: None,
    };
    let not_asked = |rule: &str| RuleAnswer {
        answer: Answer::NotAsked,
        ..passes(rule)
    };
    let rules = vec![
        passes("settle"),
        passes("fresh"),
        RuleAnswer {
            answer: Answer::Holds,
            reason: Some("the ring is not synced".to_string()),
            advice: Some("see doveadm director ring status".to_string()),
            ..passes("ring")
        },
        not_asked("ownership"),
        not_asked("hold"),
        not_asked("bar"),
        not_asked("brake"),
        not_asked("drain"),
        not_asked("rank"),
    ];
    Backend {
        users: 564,
        verdict: Verdict::Failed,
        verdict_since: Some(WRITTEN - 3.0),
        cause: format!("imap:143 {text}"),
        schedule: Schedule {
            last: Some(WRITTEN - 0.1),
            next: Some(WRITTEN + 0.4),
            retry: Some(Retry {
                service: "imap:143".to_string(),
                failed: 3,
                left: 2,
            }),
        },
        wanted: Some(Wanted {
            action: Action::Down,
            rules,
        }),
        services: vec![silent, service("imap+tls:993")],
        attempts: vec![attempt("imap:143", "ok"), attempt("imap:143", text)],
        unwell: vec![
            Unwell {
                from: WRITTEN - 7200.0,
                to: Some(WRITTEN - 3600.0),
                verdict: Verdict::Doubtful,
            },
            Unwell {
                from: WRITTEN - 3.0,
                to: None,
                verdict: Verdict::Failed,
            },
        ],
        day: day(3),
        ..backend(8)
    }
}

fn drain_owed() -> Backend {
    Backend {
        address: address(9),
        users: 36,
        drain: Drain::Owed,
        name: None,
        ..failed_and_down()
    }
}

fn password_refused() -> Backend {
    let text = "login: user name or password refused \"NO [AUTHENTICATIONFAILED]\"";
    let mut refused = service("imap:143");
    fail(
        &mut refused,
        "login",
        "credentials_refused",
        Blame::Shared,
        text,
        's',
    );
    Backend {
        users: 12,
        tag: "archive".to_string(),
        vhosts: 50,
        verdict: Verdict::Failed,
        verdict_since: Some(WRITTEN - 300.0),
        cause: format!("imap:143 {text}"),
        services: vec![refused, service("imap+tls:993")],
        attempts: vec![attempt("imap:143", "ok"), attempt("imap:143", text)],
        day: day(6),
        ..backend(10)
    }
}

fn attempt(service: &str, result: &str) -> Attempt {
    Attempt {
        at: WRITTEN - 2.0,
        service: service.to_string(),
        result: result.to_string(),
        latency: 0.0021,
        stages: stages(),
        delivery: None,
    }
}

fn stages() -> Vec<StageTime> {
    [("connect", 0.0004), ("greeting", 0.0017)]
        .iter()
        .map(|(stage, took)| StageTime {
            stage: stage.to_string(),
            took: *took,
        })
        .collect()
}

fn service(name: &str) -> Service {
    let has_tls = name.contains("+tls");
    Service {
        service: name.to_string(),
        result: CheckResult::Pass,
        unchecked: None,
        last_pass: Some(WRITTEN - 2.0),
        tried_since: Some(WRITTEN - 86_400.0),
        latency: Some(0.0021),
        median: Some(0.0022),
        worst: Some(0.031),
        passes: 2880,
        failures: 4,
        recent: ".".repeat(60),
        failure: None,
        pass: Some(Dialogue {
            at: WRITTEN - 2.0,
            latency: 0.0021,
            failure: None,
            stages: stages(),
            lines: vec![
                "S: * OK [CAPABILITY IMAP4rev1] Dovecot ready.".to_string(),
                "C: 1 LOGIN \"probe\" <password>".to_string(),
                "S: 1 OK Logged in".to_string(),
            ],
        }),
        certificate: has_tls.then(|| Certificate {
            read: WRITTEN - 60.0,
            not_after: WRITTEN + 83.0 * 86_400.0,
            chain_not_after: WRITTEN + 83.0 * 86_400.0,
            names: vec!["mail.example.org".to_string()],
            accepted: true,
        }),
    }
}

/// Its last six attempts failed.
fn fail(service: &mut Service, stage: &str, fault: &str, blame: Blame, text: &str, letter: char) {
    service.result = CheckResult::Fail;
    service.last_pass = Some(WRITTEN - 380.0);
    service.recent = ".".repeat(54) + &letter.to_string().repeat(6);
    service.failure = Some(Dialogue {
        at: WRITTEN - 2.0,
        latency: 0.0004,
        failure: Some(Failure {
            stage: stage.to_string(),
            fault: fault.to_string(),
            blame,
            text: text.to_string(),
        }),
        stages: vec![StageTime {
            stage: stage.to_string(),
            took: 0.0004,
        }],
        lines: vec!["S: * BYE out of service".to_string()],
    });
}

fn counters() -> Counters {
    let latency = Histogram {
        buckets: vec![
            0, 2000, 2700, 2870, 2875, 2880, 2880, 2880, 2880, 2880, 2880, 2880, 2880,
        ],
        count: 2880,
        sum: 6.4,
    };
    Counters {
        attempts: vec![AttemptCount {
            service: "imap:143".to_string(),
            passes: 2880,
            failures: 24,
            latency,
        }],
        failures: vec![FailureCount {
            service: "imap:143".to_string(),
            stage: "connect".to_string(),
            fault: "refused".to_string(),
            blame: Blame::Service,
            count: 24,
        }],
        changes: vec![ChangeCount {
            address: address(7),
            tag: String::new(),
            to: State::Down,
            by: By::Us,
            count: 1,
        }],
        commands: vec![CommandCount {
            action: Action::Down,
            reply: Reply::Ok,
            count: 1,
            duration: Histogram {
                buckets: vec![0, 1, 1, 1, 1, 1, 1, 1],
                count: 1,
                sum: 0.0012,
            },
        }],
        hook_runs: 1,
        hook_failures: 0,
        log_lines_lost: 0,
        state_file_written: true,
    }
}

/// The scenes cannot make one: they run the program on this file.
#[test]
fn the_status_file_of_the_scenes_is_the_first_sample() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/status.json");
    let text = serde_json::to_string(&five_troubles()).unwrap() + "\n";
    if std::env::var_os("POOLMON_WRITE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap();
    assert!(
        there == text,
        "{path} is another one: POOLMON_WRITE_GOLDEN=1 writes it anew"
    );
}
