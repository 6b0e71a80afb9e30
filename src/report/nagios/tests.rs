//! What is told of each document, and a strict reader of what every one of them prints.

use super::*;
use crate::report::document::fields;
use crate::report::document::sample::{self, WRITTEN};
use crate::report::document::{Action, Alarm, Answer, Ring, RuleAnswer, Wanted};

fn limits() -> Limits {
    Limits::usual()
}

#[test]
fn the_usual_days_of_certificates_are_those_of_the_help() {
    let usual = Limits::usual();
    assert_eq!(Ok(usual.warning_cert), Range::parse("14:"));
    assert_eq!(Ok(usual.critical_cert), Range::parse("3:"));
}

/// Three backends, all well.
fn well() -> Document {
    let mut document = sample::five_troubles();
    document.director.ring = Ring::Synced;
    document.alarms.clear();
    document.tags.truncate(1);
    let model = document.backends[4].clone();
    document.backends = (11..14)
        .map(|last: u8| Backend {
            address: [192, 0, 2, last].into(),
            users: 400,
            ..model.clone()
        })
        .collect();
    document.tags[0].backends = 3;
    document.tags[0].up = 3;
    document.tags[0].passing = 3;
    document.tags[0].refuges = 3;
    document
}

fn fresh(document: &Document, limits: &Limits) -> Report {
    let report = judge(document, Freshness::Fresh, WRITTEN, limits);
    read_strictly(&report.to_string());
    report
}

/// State, and the first line's text.
#[track_caller]
fn says(document: &Document, limits: &Limits, state: State, expected: &str) {
    let report = fresh(document, limits);
    assert_eq!((report.state, &*report.first), (state, expected));
}

#[test]
fn a_pool_that_is_well_is_ok() {
    let report = fresh(&well(), &limits());
    assert_eq!(report.state.code(), 0);
    assert_eq!(
        report.to_string(),
        "POOLMON OK - 3 of 3 backends up, 3 passing, 1200 users | standing=3;;;0;3 up=3;;;0;3 \
         passing=3;;;0;3 failed=0;;;0;3 held=0;;;0;3 users=1200;;;0 worst_latency=0.0021s;;;0 \
         cert_days=83;14:;3: status_age=0s;;;0\n3 backends up and healthy\n"
    );
}

#[test]
fn five_troubles_are_told_the_worst_first() {
    let report = fresh(&sample::five_troubles(), &limits());
    assert_eq!(report.state.code(), 2);
    assert_eq!(
        report.to_string(),
        "POOLMON CRITICAL - ring not synced for 1 min 15 s, so no backend is taken down or brought \
         up; only 1 of 4 backends without a tag stands; 4 more | standing=1;;;0;5 up=3;;;0;5 \
         passing=1;;;0;5 failed=4;;;0;5 held=1;;;0;5 users=1302;;;0 worst_latency=0.0021s;;;0 \
         cert_days=83;14:;3: status_age=0s;;;0\n\
         [CRITICAL] ring not synced for 1 min 15 s, so no backend is taken down or brought up\n\
         [CRITICAL] only 1 of 4 backends without a tag stands\n\
         [CRITICAL] no backend with tag archive stands: nobody could take the users of another\n\
         [WARNING] 2 failed backends stay up: 192.0.2.8 imap:143 greeting: timed out, 3 s, held by \
         rule ring; 192.0.2.10 imap:143 login: user name or password refused \"NO \
         [AUTHENTICATIONFAILED]\", 5 min\n\
         [WARNING] 2 of 5 backends down: 192.0.2.7 imap:143 connect: connection refused, 5 min 47 s; \
         192.0.2.9 imap:143 connect: connection refused, 5 min 47 s, 36 users left on it\n\
         [WARNING] imap:143 login: user or password refused at 192.0.2.10\n\
         192.0.2.8 (mail8.example.org): up for 12 d, failed for 3 s, held by rule ring: imap:143 \
         greeting: timed out\n\
         192.0.2.10 (mail10.example.org) with tag archive: up for 12 d, failed for 5 min: imap:143 \
         login: user name or password refused \"NO [AUTHENTICATIONFAILED]\"\n\
         192.0.2.9: down by us for 5 min 47 s, failed for 5 min 50 s, 36 users left on it: imap:143 \
         connect: connection refused\n\
         192.0.2.7 (mail7.example.org): down by us for 5 min 47 s, failed for 5 min 50 s, users moved: \
         imap:143 connect: connection refused\n\
         1 backend up and healthy\n"
    );
}

#[test]
fn each_trouble_has_its_severity() {
    let all = limits();
    let down_by = |by: By| {
        let mut document = well();
        document.backends[0] = Backend {
            by,
            ..sample::five_troubles().backends[0].clone()
        };
        document.tags[0].refuges = 2;
        document
    };
    let failed = "1 of 3 backends down: 192.0.2.7 imap:143 connect: connection refused, 5 min 47 s";
    says(&down_by(By::Us), &all, State::Warning, failed);
    let by_others = format!("{failed}, by somebody else");
    says(&down_by(By::Other), &all, State::Warning, &by_others);
    let mut in_maintenance = down_by(By::Other);
    in_maintenance.backends[0].verdict = Verdict::Healthy;
    let expected = "2 of 3 backends up, 3 passing, 800 users";
    says(&in_maintenance, &all, State::Ok, expected);

    let mut held = well();
    held.backends[0] = sample::five_troubles().backends[1].clone();
    held.backends[0].verdict_since = Some(WRITTEN - 60.0);
    let expected =
        "1 failed backend stays up: 192.0.2.8 imap:143 greeting: timed out, 1 min, held by rule ring";
    says(&held, &all, State::Warning, expected);
    held.backends[0].verdict_since = Some(WRITTEN - 61.0);
    let expected = expected.replace("1 min", "1 min 1 s");
    says(&held, &all, State::Critical, &expected);

    let mut silent = well();
    silent.director.up = false;
    silent.director.error = Some("connect: connection refused".to_string());
    silent.director.since = WRITTEN - 60.0;
    let expected = "director silent for 1 min: connect: connection refused";
    says(&silent, &all, State::Warning, expected);
    silent.director.since = WRITTEN - 61.0;
    let expected = "director silent for 1 min 1 s: connect: connection refused";
    says(&silent, &all, State::Critical, expected);

    let mut empty = well();
    empty.backends.clear();
    empty.tags.clear();
    says(
        &empty,
        &all,
        State::Critical,
        "the director lists no backend: users cannot log in",
    );
    let of_tag = Limits {
        tag: Some("archive".to_string()),
        ..limits()
    };
    says(
        &empty,
        &of_tag,
        State::Critical,
        "the director lists no backend: users cannot log in",
    );

    let mut alone = well();
    alone.tags[0].refuges = 0;
    let expected = "no backend stands: nobody could take the users of another";
    says(&alone, &all, State::Critical, expected);
    alone.tags[0].refuges = 1;
    let expected = "only 1 of 3 backends stands";
    says(&alone, &all, State::Critical, expected);
    alone.tags[0].backends = 1;
    alone.backends.truncate(1);
    let expected = "1 of 1 backends up, 1 passing, 400 users";
    says(&alone, &all, State::Ok, expected);

    let mut reload = well();
    reload.poolmon.reload.good = false;
    let expected = "the last reload found bad settings: those before are in force; see the log";
    says(&reload, &all, State::Warning, expected);

    for (alarm, state) in [("no_refuge", State::Critical), ("shared", State::Warning)] {
        let mut alarmed = well();
        alarmed.alarms = vec![Alarm {
            alarm: alarm.to_string(),
            since: WRITTEN,
            text: "it is so".to_string(),
        }];
        says(&alarmed, &all, state, "it is so");
    }
}

/// It went down again and again, works, and is left down for a time.
#[test]
fn a_healthy_backend_that_this_monitor_keeps_down_is_a_warning_and_says_by_which_rule() {
    let mut document = well();
    let backend = &mut document.backends[0];
    backend.listed = Listed::Down;
    backend.by = By::Us;
    backend.listed_since = Some(WRITTEN - 300.0);
    backend.wanted = Some(Wanted {
        action: Action::Up,
        rules: vec![RuleAnswer {
            rule: "hold".to_string(),
            answer: Answer::Holds,
            reason: Some("it went down again and again within an hour".to_string()),
            until: Some(WRITTEN + 60.0),
            advice: None,
        }],
    });
    let expected = "1 of 3 backends down: 192.0.2.11, 5 min, held by rule hold";
    says(&document, &limits(), State::Warning, expected);
}

#[test]
fn a_stale_file_is_critical_whatever_it_says() {
    let stale = Freshness::Ended(Age::Old(400.0));
    let report = judge(&well(), stale, WRITTEN + 400.0, &limits());
    assert_eq!(report.state, State::Critical);
    let text = report.to_string();
    let expected =
        "POOLMON CRITICAL - STALE: the monitor has ended, its last news is 6 min 40 s old; no \
                    backend is taken down or brought up; see why in its log, and start it | ";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains(" status_age=400s;;;0\n"), "{text}");
}

#[test]
fn a_list_of_which_no_line_can_be_read_is_critical_and_one_with_some_a_warning() {
    let mut document = well();
    document.alarms.push(Alarm {
        alarm: "malformed_lines".to_owned(),
        since: WRITTEN,
        text: "director: 3 malformed lines in the lists are skipped".to_owned(),
    });
    let state = |document: &Document| judge(document, Freshness::Fresh, WRITTEN, &limits()).state;
    assert_eq!(state(&document), State::Warning);
    document.backends.clear();
    document.tags.clear();
    assert_eq!(state(&document), State::Critical);
}

#[test]
fn a_file_of_the_future_is_critical_and_its_age_is_not_told() {
    let now = WRITTEN - 7200.0;
    let freshness = Freshness::of(&well(), now, true);
    let text = judge(&well(), freshness, now, &limits()).to_string();
    let expected = "POOLMON CRITICAL - STALE: the monitor's last news is dated 2 h ahead: a clock was set back; ";
    assert!(text.starts_with(expected), "{text}");
    assert!(!text.contains("status_age"), "{text}");
}

#[test]
fn limits_are_of_those_that_stand() {
    let with = |warning: &str, critical: &str| Limits {
        warning: Some(Range::parse(warning).unwrap()),
        critical: Some(Range::parse(critical).unwrap()),
        ..limits()
    };
    let mut document = well();
    let well = "3 of 3 backends up, 3 passing, 1200 users";
    says(&document, &with("3:", "2:"), State::Ok, well);
    says(&document, &with("100%:", "50%:"), State::Ok, well);
    document.backends[0] = sample::five_troubles().backends[0].clone();
    document.tags[0].refuges = 2;
    let expected = "2 of 3 backends stand, limit 3:";
    says(&document, &with("3:", "2:"), State::Warning, expected);
    let expected = "2 of 3 backends stand (66 %), limit 70%:";
    says(&document, &with("100%:", "70%:"), State::Critical, expected);
    // A backend that is down is no matter by itself then.
    let expected = "2 of 3 backends up, 2 passing, 800 users";
    says(&document, &with("2:", "1:"), State::Ok, expected);
    let text = fresh(&document, &with("75%:", "50%:")).to_string();
    assert!(text.contains(" standing=2;2.25:;1.5:;0;3 "), "{text}");
}

#[test]
fn certificates_are_told_before_they_end() {
    let mut document = well();
    let mut good_for = |days: f64| {
        let certificate = &mut document.backends[1].services[1].certificate;
        certificate.as_mut().unwrap().not_after = WRITTEN + days * DAY;
        document.clone()
    };
    says(
        &good_for(13.5),
        &limits(),
        State::Warning,
        "certificate of 192.0.2.12 imap+tls:993 expires in 13 d",
    );
    says(
        &good_for(2.5),
        &limits(),
        State::Critical,
        "certificate of 192.0.2.12 imap+tls:993 expires in 2 d 12 h",
    );
    let expired = good_for(-2.5);
    let expected = "certificate of 192.0.2.12 imap+tls:993 expired 2 d 12 h ago";
    says(&expired, &limits(), State::Critical, expected);
    let text = fresh(&expired, &limits()).to_string();
    assert!(text.contains(" cert_days=-3;14:;3: "), "{text}");
    let early = Limits {
        warning_cert: Range::parse("100:").unwrap(),
        ..limits()
    };
    let expected = "certificate of 192.0.2.12 imap+tls:993 expires in 80 d, and 2 more";
    says(&good_for(80.0), &early, State::Warning, expected);
}

#[test]
fn a_tag_is_judged_alone() {
    let mut document = sample::five_troubles();
    document.director.ring = Ring::Synced;
    let of = |tag: &str| Limits {
        tag: Some(tag.to_string()),
        ..limits()
    };
    let report = fresh(&document, &of("archive"));
    assert_eq!(report.state, State::Critical);
    let text = report.to_string();
    assert!(text.contains("192.0.2.10"), "{text}");
    assert!(!text.contains("192.0.2.7"), "{text}");
    // The alarm is about the other tag's backend.
    let text = fresh(&document, &of("")).to_string();
    assert!(!text.contains("192.0.2.10"), "{text}");
    assert!(text.contains("192.0.2.7"), "{text}");
    let report = fresh(&document, &of("no such"));
    assert_eq!(report.state, State::Unknown);
    assert_eq!(
        report.first,
        "the director lists no backend with tag no such"
    );
}

#[test]
fn many_backends_have_a_line_only_if_that_is_wanted() {
    let document = sample::many(2000);
    let report = fresh(&document, &limits());
    // A line for each trouble, for 40 backends, and two that count the rest.
    let backends = report.long.iter().filter(|line| !line.starts_with('['));
    assert_eq!(backends.count(), 42);
    assert!(report.to_string().len() < 16 * 1024);
    let all = Limits {
        detail: Detail::All,
        ..limits()
    };
    let report = fresh(&document, &all);
    let backends = report.long.iter().filter(|line| !line.starts_with('['));
    assert_eq!(backends.count(), 2000);
    assert!(report.to_string().len() < 512 * 1024);
}

#[test]
fn whatever_others_say_the_output_can_be_read() {
    for document in [
        sample::hostile(),
        sample::five_troubles(),
        sample::many(30),
        well(),
    ] {
        for detail in [Detail::Troubles, Detail::All] {
            let limits = Limits { detail, ..limits() };
            fresh(&document, &limits);
        }
    }
    read_strictly(&Report::unknown("a | b\n'c' = d").to_string());
    read_strictly(&Report::unknown(&"x|".repeat(5000)).to_string());
}

/// Reads it as the guidelines have it, and refuses everything else.
#[track_caller]
fn read_strictly(output: &str) {
    assert!(output.ends_with('\n') && output.len() <= 512 * 1024);
    let is_fit = |c: char| c == '\n' || (' '..='~').contains(&c);
    assert!(output.chars().all(is_fit), "{output}");
    let (first, long) = output.split_once('\n').unwrap();
    assert!(!long.contains('|'), "{long}");
    let (text, data) = match first.split_once(" | ") {
        Some((text, data)) => (text, Some(data)),
        None => (first, None),
    };
    assert!(text.len() <= 200 && !text.contains('|'), "{text}");
    let state = text.strip_prefix("POOLMON ").unwrap();
    let (state, rest) = state.split_once(" - ").unwrap();
    assert!(["OK", "WARNING", "CRITICAL", "UNKNOWN"].contains(&state));
    assert!(!rest.is_empty());
    let mut labels = Vec::new();
    for item in data.iter().flat_map(|data| data.split(' ')) {
        let (label, rest) = item.split_once('=').unwrap();
        let is_fit = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(!label.is_empty() && label.chars().all(is_fit), "{item}");
        assert!(!labels.contains(&label), "{label} twice");
        labels.push(label);
        let fields: Vec<&str> = rest.split(';').collect();
        assert!(fields.len() <= 5, "{item}");
        let unit = fields[0].trim_start_matches(|c: char| "-.0123456789".contains(c));
        assert!(["", "s", "B", "%", "c"].contains(&unit), "{item}");
        let value = number(fields[0].strip_suffix(unit).unwrap());
        for range in fields
            .iter()
            .skip(1)
            .take(2)
            .filter(|range| !range.is_empty())
        {
            assert!(!range.contains('%'), "{item}");
            Range::parse(range).unwrap();
        }
        let bounds: Vec<Option<f64>> = fields
            .iter()
            .skip(3)
            .map(|bound| Some(*bound).filter(|bound| !bound.is_empty()).map(number))
            .collect();
        assert!(
            bounds
                .first()
                .copied()
                .flatten()
                .map_or(true, |min| min <= value),
            "{item}"
        );
        assert!(
            bounds
                .get(1)
                .copied()
                .flatten()
                .map_or(true, |max| value <= max),
            "{item}"
        );
    }
    match state {
        "UNKNOWN" => {}
        _ => assert!(labels.contains(&"standing") && labels.contains(&"status_age")),
    }
}

#[track_caller]
fn number(text: &str) -> f64 {
    let is_plain = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    assert!(text.chars().all(is_plain), "{text}");
    text.parse().unwrap()
}

#[test]
fn users_beyond_all_counting_are_no_defect() {
    let mut document = well();
    for backend in &mut document.backends {
        backend.users = u64::MAX;
    }
    let first = fresh(&document, &limits()).first;
    assert!(first.ends_with("18446744073709551615 users"), "{first}");
}

#[test]
fn it_shows_the_fields_that_the_table_of_fields_says_it_shows() {
    let say = |document: &Document| {
        let all = Limits {
            detail: Detail::All,
            ..limits()
        };
        judge(document, Freshness::Fresh, WRITTEN, &all).to_string()
    };
    assert_eq!(fields::faults(fields::Face::Nagios, &say), [""; 0]);
}
