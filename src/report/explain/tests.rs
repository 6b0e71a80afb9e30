//! The texts as people see them: whole ones under tests/data/explain, a file each, and the sentence of every
//! kind of state and every reason.

use std::cmp::Ordering;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::backend::Groups;
use crate::monitor::policy::{self, Explanation, Hold, Reason, Rule, RuleAnswer as EngineAnswer};
use crate::monitor::snapshot::WantedView;
use crate::pool::Access;
use crate::report::document::fields;
use crate::report::document::sample::{self, WRITTEN};
use crate::report::document::{By, Drain, PoolKind, Restore, Ring, RuleAnswer, Verdict, Wanted};
use crate::report::words::utc;

fn view(document: &Document, place: usize) -> View<'_> {
    View {
        document,
        backend: &document.backends[place],
        now: WRITTEN,
        stale: "",
        zone: utc,
        trial: Trial::ByHand,
    }
}

fn synced() -> Document {
    let mut document = sample::five_troubles();
    document.director.ring = Ring::Synced;
    document.director.since = WRITTEN - 86_400.0;
    document.alarms.clear();
    document
}

/// The text has to be that of the file. POOLMON_WRITE_GOLDEN=1 writes the files anew, to be read with git diff; the
/// test fails all the same, so that nobody leaves it switched on.
#[track_caller]
fn is_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/explain");
    let path = path.join(name);
    if std::env::var_os("POOLMON_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
        panic!("{}: written", path.display());
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert!(text == golden, "{name} is now:\n{text}");
}

#[test]
fn a_backend_that_failed_and_is_down() {
    is_golden("failed-and-down.txt", &view(&synced(), 0).text());
}

#[test]
fn of_a_long_alarm_the_advice_at_its_end_is_shown() {
    let mut document = sample::five_troubles();
    document.alarms[0].text = format!("{} repair one", "x".repeat(500));
    let text = view(&document, 0).text();
    assert!(text.contains("x repair one."), "{text}");
}

/// An attempt ends at the first service that fails; what comes after it is not known to pass still.
#[test]
fn a_service_behind_the_one_that_fails_is_not_said_to_pass() {
    let mut document = synced();
    document.backends[0].services[1].last_pass = Some(WRITTEN - 62.0);
    let text = view(&document, 0).text();
    let line = "imap+tls:993: passed 1 min 2 s ago, not tried since imap:143 fails; 2880 passed";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_backend_whose_down_is_held_in_a_ring_that_is_not_synced() {
    let document = sample::five_troubles();
    is_golden("failed-and-held.txt", &view(&document, 1).text());
}

#[test]
fn a_backend_whose_users_are_still_to_be_moved() {
    is_golden("drain-owed.txt", &view(&synced(), 2).text());
}

/// What is wrong with all of them is no trouble of its own.
#[test]
fn a_backend_that_is_well_in_a_ring_that_is_not_synced() {
    let document = sample::five_troubles();
    let advice = view(&document, 4).advice();
    let expected = [
        "nothing for this backend, which is up and healthy; for all of them:",
        "see which director of the ring is not synced: doveadm director ring status",
    ];
    assert_eq!(advice, expected);
    let failed = view(&document, 0).advice();
    assert!(failed[0].starts_with("see which director"), "{failed:?}");
}

#[test]
fn a_backend_that_refuses_the_password() {
    is_golden("password-refused.txt", &view(&synced(), 3).text());
}

#[test]
fn a_backend_that_is_well() {
    is_golden("well.txt", &view(&synced(), 4).text());
}

#[test]
fn a_silent_director_and_a_stale_file() {
    let mut document = synced();
    document.director.up = false;
    document.director.ring = Ring::Unknown;
    document.director.since = WRITTEN - 75.0;
    document.director.error = Some("connect: connection refused".to_string());
    document.poolmon.dry_run = true;
    let stale = "STALE: the monitor has ended, its last news is 400 s old";
    let view = View {
        stale,
        ..view(&document, 0)
    };
    is_golden("silent-and-stale.txt", &view.text());
}

fn rule(rule: Rule, answer: Answer) -> RuleAnswer {
    RuleAnswer {
        rule: rule.to_string(),
        answer,
        reason: None,
        until: None,
        advice: None,
    }
}

/// Every kind of state, and its sentence.
#[test]
fn every_state_has_its_sentence() {
    let document = synced();
    let [failed, held, owed, refused, well] = [0, 1, 2, 3, 4].map(|i| document.backends[i].clone());
    let wanted = |action| {
        let rules = vec![rule(Rule::Settle, Answer::Passes)];
        Some(Wanted { action, rules })
    };
    let about_to = |action, backend: &Backend| Backend {
        wanted: wanted(action),
        ..backend.clone()
    };
    let healthy_down = Backend {
        verdict: Verdict::Healthy,
        verdict_since: Some(WRITTEN - 40.0),
        cause: String::new(),
        ..failed.clone()
    };
    let mut unchecked = Backend {
        verdict: Verdict::Unknown,
        ..well.clone()
    };
    let not_yet = unchecked.clone();
    unchecked.services[0].unchecked = Some("dns did not give the address's name".to_string());
    let cause_elsewhere = Backend {
        cause: "no round was healthy".to_string(),
        ..held.clone()
    };
    let with_fault = |fault: &str| {
        let mut backend = failed.clone();
        let failure = &mut backend.services[0].failure.as_mut().unwrap().failure;
        failure.as_mut().unwrap().fault = fault.to_string();
        backend
    };
    let others = |backend: &Backend| Backend {
        by: By::Other,
        owned: false,
        ..backend.clone()
    };
    let since_before = |backend: &Backend| Backend {
        by: By::Unknown,
        owned: false,
        ..backend.clone()
    };
    let last_try = {
        let mut backend = Backend {
            verdict: Verdict::Doubtful,
            wanted: None,
            ..held.clone()
        };
        backend.schedule.retry.as_mut().unwrap().left = 1;
        backend
    };
    let mut sentences = String::new();
    for (what, backend) in [
        ("up, healthy", well.clone()),
        (
            "up, healthy, never changed",
            Backend {
                listed_since: None,
                ..well.clone()
            },
        ),
        (
            "up, healthy, in maintenance",
            Backend {
                vhosts: 0,
                ..well.clone()
            },
        ),
        (
            "up, doubtful",
            Backend {
                verdict: Verdict::Doubtful,
                wanted: None,
                ..held.clone()
            },
        ),
        ("up, doubtful, one try left", last_try),
        ("up, failed, held", held.clone()),
        (
            "up, failed, about to go down",
            about_to(Action::Down, &held),
        ),
        ("up, failed by a shared fault", refused),
        ("up, failed, no service known", cause_elsewhere),
        ("up, no verdict yet", not_yet),
        ("up, cannot be checked", unchecked),
        (
            "up, not checked",
            Backend {
                verdict: Verdict::NotChecked,
                ..well.clone()
            },
        ),
        ("down by us", failed.clone()),
        (
            "down by us, again and again",
            Backend {
                unsteady_until: Some(WRITTEN + 90.0),
                ..failed.clone()
            },
        ),
        (
            "down by us, again and again until a while ago",
            Backend {
                unsteady_until: Some(WRITTEN - 1.0),
                ..failed.clone()
            },
        ),
        ("down by us, closed", with_fault("closed")),
        ("down by us, timed out", with_fault("timed_out")),
        ("down by us, unreachable", with_fault("unreachable")),
        ("down by us, malformed", with_fault("malformed")),
        ("down by us, users left", owed.clone()),
        (
            "down by us, users about to be moved",
            about_to(Action::Drain, &owed),
        ),
        (
            "down by us, doubtful",
            Backend {
                verdict: Verdict::Doubtful,
                ..failed.clone()
            },
        ),
        (
            "down by us, healthy, about to come up",
            about_to(Action::Up, &healthy_down),
        ),
        (
            "down by us, healthy, nothing wanted yet",
            healthy_down.clone(),
        ),
        ("down by others, failed", others(&failed)),
        ("down by others, healthy", others(&healthy_down)),
        (
            "down by others, not checked",
            Backend {
                verdict: Verdict::NotChecked,
                ..others(&failed)
            },
        ),
        ("down before the start, failed", since_before(&failed)),
        (
            "down before the start, no verdict",
            Backend {
                verdict: Verdict::Unknown,
                ..since_before(&failed)
            },
        ),
    ] {
        let mut document = document.clone();
        document.backends[0] = backend;
        let sentence = sentence::sentence(&view(&document, 0));
        sentences.push_str(&format!("{what}\n  {sentence}\n"));
    }
    for (what, restore, rise, backend) in [
        (
            "restore own, down by others",
            Restore::Own,
            1,
            others(&failed),
        ),
        ("restore own, down by us, rise 3", Restore::Own, 3, failed),
    ] {
        let mut document = document.clone();
        document.backends[0] = backend;
        document.poolmon.restore = restore;
        document.poolmon.rise = rise;
        let sentence = sentence::sentence(&view(&document, 0));
        sentences.push_str(&format!("{what}\n  {sentence}\n"));
    }
    is_golden("states.txt", &sentences);
}

/// The action that this rule holds back first of all.
fn held_action(reason: &Reason) -> policy::Action {
    match reason.rule() {
        Rule::Ownership | Rule::Hold => policy::Action::MarkUp,
        Rule::Drain => policy::Action::Drain,
        Rule::Settle
        | Rule::Fresh
        | Rule::Ring
        | Rule::Bar
        | Rule::Refuge
        | Rule::Brake
        | Rule::Rank => policy::Action::MarkDown,
    }
}

#[test]
fn every_reason_is_told_with_its_rule() {
    let taken = UNIX_EPOCH + Duration::from_secs_f64(WRITTEN);
    let mut text = String::new();
    for reason in Reason::one_of_each() {
        let action = held_action(&reason);
        let holding = reason.rule();
        let place = Rule::ALL.iter().position(|rule| *rule == holding).unwrap();
        let hold = Hold {
            action,
            reason: reason.clone(),
            until: None,
            need: None,
        };
        let answers = Rule::ALL.iter().enumerate().map(|(at, name)| {
            let answer = match at.cmp(&place) {
                Ordering::Less => EngineAnswer::Passes,
                Ordering::Equal => EngineAnswer::Holds(hold.clone()),
                Ordering::Greater => EngineAnswer::NotAsked,
            };
            (*name, answer)
        });
        let asked = WantedView {
            explanation: Explanation {
                action,
                answers: answers.collect(),
            },
            hold_ends: (holding == Rule::Hold).then_some(Duration::from_secs(90)),
            out_of_rotation: Vec::new(),
        };
        let mut document = synced();
        let model = match action {
            policy::Action::MarkDown => 1,
            policy::Action::Drain => 2,
            policy::Action::MarkUp => 0,
        };
        let address = document.backends[model].address;
        let socket = document.director.socket.clone();
        let pool = Access::Director {
            socket: (&socket).into(),
        };
        let wanted = Some(Wanted::of(
            &asked,
            address,
            (pool.words(), Groups::Several, &socket),
            taken,
        ));
        let mut backend = Backend {
            wanted,
            ..document.backends[model].clone()
        };
        if action == policy::Action::MarkUp {
            backend.verdict = Verdict::Healthy;
            backend.by = By::Other;
            backend.owned = false;
            backend.drain = Drain::None;
            backend.services = document.backends[4].services.clone();
        }
        document.backends[model] = backend;
        let view = view(&document, model);
        text.push_str(&format!(
            "{holding}: {reason:?}\n{}\n",
            sentence::sentence(&view)
        ));
        for (heading, lines) in [
            (view.rules_heading(), view.rules()),
            ("What you can do", view.advice()),
        ] {
            text.push_str(&format!("{heading}\n"));
            lines
                .iter()
                .for_each(|line| text.push_str(&format!("  {line}\n")));
        }
        text.push('\n');
    }
    is_golden("reasons.txt", &text);
}

#[test]
fn at_most_two_steps_and_no_full_stop_behind_a_command() {
    let document = sample::five_troubles();
    for place in 0..5 {
        let steps = view(&document, place).steps();
        assert!(steps.len() <= 2, "{steps:?}");
        let commands = steps.iter().filter_map(|step| step.command.as_ref());
        assert!(commands.clone().all(|command| !command.ends_with('.')));
    }
}

#[test]
fn what_fails_is_tried_as_this_program_can() {
    let document = synced();
    let command = |trial, place: usize, service: &str| {
        let mut document = document.clone();
        document.backends[place].services[0].service = service.to_string();
        let view = View {
            trial,
            ..view(&document, place)
        };
        view.steps()[0].command.clone().unwrap()
    };
    for (trial, service, expected) in [
        (Trial::PoolmonCheck, "imap:143", "poolmon check 192.0.2.7"),
        (Trial::ByHand, "imap:143", "nc 192.0.2.7 143"),
        (
            Trial::ByHand,
            "imap+tls:993",
            "openssl s_client -connect 192.0.2.7:993",
        ),
    ] {
        assert_eq!(command(trial, 0, service), expected);
    }
    // Without a service to name.
    let mut unknown = document.clone();
    unknown.backends[0].services.clear();
    let steps = view(&unknown, 0).steps();
    assert_eq!(steps[0].purpose, "see in its own log why it fails");
    let expected = "doveadm auth test USER";
    assert_eq!(command(Trial::PoolmonCheck, 3, "imap:143"), expected);
}

#[test]
fn another_socket_stands_in_the_command() {
    let mut document = sample::five_troubles();
    let command = |document: &Document| view(document, 0).steps()[0].command.clone();
    let expected = "doveadm director ring status";
    assert_eq!(command(&document).as_deref(), Some(expected));
    document.director.socket = "/srv/a b".to_string();
    let expected = "doveadm director ring status -a '/srv/a b'";
    assert_eq!(command(&document).as_deref(), Some(expected));
}

#[test]
fn of_haproxy_nobody_is_sent_to_doveadm() {
    let mut document = synced();
    document.director.kind = PoolKind::Haproxy;
    document.director.up = false;
    document.director.error = Some("connect: connection refused".to_string());
    let left_down = &mut document.backends[0];
    left_down.verdict = Verdict::NotChecked;
    left_down.wanted = None;
    document.backends[4].vhosts = 0;
    let texts: Vec<String> = [0, 4]
        .iter()
        .flat_map(|place| view(&document, *place).advice())
        .collect();
    assert!(
        texts.iter().any(|text| text.contains("stats socket")),
        "{texts:?}"
    );
    assert!(
        !texts.iter().any(|text| text.contains("doveadm")),
        "{texts:?}"
    );
}

#[test]
fn a_backend_is_found_by_address_and_by_name() {
    let document = sample::five_troubles();
    for (meant, expected) in [
        ("192.0.2.8", Some("192.0.2.8")),
        ("mail8.example.org", Some("192.0.2.8")),
        ("MAIL8.example.org.", Some("192.0.2.8")),
        ("mail8", Some("192.0.2.8")),
        ("192.0.2.88", None),
        ("mail", None),
        ("", None),
        ("example.org", None),
    ] {
        let found = find(&document, meant).map(address);
        assert_eq!(found.as_deref(), expected, "{meant}");
    }
    let mut twice = document;
    twice.backends[0].name = Some("mail8.example.com".to_string());
    assert_eq!(find(&twice, "mail8"), None);
    assert_eq!(
        unknown(&twice, "mail8"),
        "mail8 may be 192.0.2.7 (mail8.example.com) and 192.0.2.8 (mail8.example.org): say the \
         address"
    );
    assert!(find(&twice, "mail8.example.com").is_some());
}

#[test]
fn of_an_unknown_backend_the_nearest_are_told() {
    let mut document = sample::five_troubles();
    assert_eq!(
        unknown(&document, "192.0.2.77"),
        "192.0.2.77 is none of the 5 backends; the nearest: 192.0.2.7 (mail7.example.org), \
         192.0.2.8 (mail8.example.org), 192.0.2.9"
    );
    assert_eq!(
        unknown(&document, "mial11.example.org\u{1b}"),
        "mial11.example.org\\u{1b} is none of the 5 backends; the nearest: 192.0.2.11 \
         (mail11.example.org), 192.0.2.10 (mail10.example.org), 192.0.2.7 (mail7.example.org)"
    );
    document.backends.clear();
    assert_eq!(
        unknown(&document, "x"),
        "x is not known: the director has listed no backend"
    );
}

#[test]
fn it_shows_the_fields_that_the_table_of_fields_says_it_shows() {
    let say = |document: &Document| {
        let texts = (0..document.backends.len()).map(|place| view(document, place).text());
        texts.collect::<String>()
    };
    assert_eq!(fields::faults(fields::Face::Explain, &say), [""; 0]);
}

#[test]
fn text_of_others_does_nothing_to_the_terminal() {
    let document = sample::hostile();
    for place in 0..5 {
        let text = view(&document, place).text();
        let is_plain = |c: char| c == '\n' || (' '..='~').contains(&c);
        assert!(text.chars().all(is_plain), "{text}");
        assert!(text.lines().all(|line| line.len() < 1000), "{text}");
    }
}

#[test]
fn for_programs_it_is_that_part_of_the_document_and_what_follows() {
    let document = sample::five_troubles();
    let json = serde_json::to_value(view(&document, 1).explained()).unwrap();
    let backend: Backend = serde_json::from_value(json["backend"].clone()).unwrap();
    assert_eq!(backend, document.backends[1]);
    assert_eq!(json["poolmon"]["format"], 1);
    assert_eq!(json["stale"], serde_json::Value::Null);
    assert_eq!(json["tag"]["backends"], 4);
    assert_eq!(json["forecast"]["action"], "down");
    assert_eq!(json["forecast"]["users"], 564);
    assert_eq!(json["forecast"]["shares"][0]["address"], "192.0.2.11");
    assert_eq!(json["forecast"]["shares"][0]["after"], 1.0);
    let advice = "see doveadm director ring status";
    assert_eq!(json["advice"][0]["purpose"], advice);
    // Of the two alarms one names another backend.
    assert_eq!(json["alarms"].as_array().unwrap().len(), 1);
    assert_eq!(json["commands"].as_array().unwrap().len(), 0);
    let summary = json["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("192.0.2.8 (mail8.example.org): up although"),
        "{summary}"
    );
}

#[test]
fn an_address_is_named_whole_or_not_at_all() {
    for (text, expected) in [
        ("imap:143 fails on 192.0.2.1", true),
        ("192.0.2.1: no answer", true),
        ("on 192.0.2.1.", true),
        ("192.0.2.1, 192.0.2.9 have failed", true),
        ("192.0.2.10 has failed", false),
        ("9192.0.2.1", false),
        ("192.0.2.1.5", false),
        ("", false),
    ] {
        assert_eq!(find::names(text, "192.0.2.1"), expected, "{text}");
    }
}
