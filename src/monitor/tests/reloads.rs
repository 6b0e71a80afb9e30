//! What was found out of the services before a reload.

use std::collections::BTreeSet;

use super::*;
use crate::account::{Account, Secret};
use crate::config::accounts;
use crate::config::settings::{Hook, LogTarget, Mode, RunMode};
use crate::monitor::policy::Age;

/// The first two backends are up and judged; then others of poolmon's services are checked.
fn with_other_services() -> Bench {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Err(refused()));
    bench.second = 1;
    bench.finds(2, Ok(Pass::Clean));
    bench.said.clear();
    bench.tell(Input::Settings(Ok(Box::new(terms_of(
        Chosen::default(),
        1,
    )))));
    assert_eq!(bench.instructed.len(), 2);
    bench
}

#[test]
fn sighup_opens_the_log_anew_before_the_last_polls_are_shown_and_the_settings_read() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    let now = bench.now();
    bench.engine.handle(Input::Asked(Request::Reload), now);
    let outputs: Vec<Output> = std::iter::from_fn(|| bench.engine.next_output()).collect();
    let (log, history) = match &outputs[..] {
        [Output::TellManager(Told::Reloading), log, history, Output::ReadSettings { .. }] => {
            (log, history)
        }
        others => panic!("{others:?}"),
    };
    assert!(matches!(log, Output::ReopenLog));
    assert!(matches!(history, Output::ShowHistory(of) if of.len() == 2));
}

#[test]
fn a_worker_for_other_services_has_a_number_that_none_has_had() {
    let bench = with_other_services();
    let numbers = bench.workers.iter().chain(&bench.instructed);
    let numbers: BTreeSet<u64> = numbers.copied().collect();
    assert_eq!(numbers.len(), 4, "{numbers:?}");
}

#[test]
fn what_a_worker_still_reports_of_the_former_services_is_dropped() {
    let mut bench = with_other_services();
    let failing = |bench: &Bench| {
        let member = bench.engine.backends().member(address(1)).unwrap();
        member.evidence.failing().len()
    };
    bench.second = 2;
    bench.finds(1, Err(refused()));
    assert_eq!(failing(&bench), 0);
    bench.workers = bench.instructed.clone();
    bench.finds(1, Err(refused()));
    assert_eq!(failing(&bench), 1);
}

#[test]
fn a_verdict_on_the_former_services_takes_nobody_down() {
    let mut bench = with_other_services();
    bench.second = 2;
    bench.lists(&[HostState::Up, HostState::Up]);
    let member = bench.engine.backends().member(address(1)).unwrap();
    assert_eq!(member.evidence.age(), Age::OfFormerServices);
    assert!(member.evidence.failing().is_empty());
    let reason = &bench.engine.holds()[&address(1)].reason;
    assert_eq!(reason, &Reason::Stale);
    assert_eq!(bench.sent, []);
}

/// After it the places are those of the new services.
#[test]
fn an_alarm_about_a_service_that_is_checked_no_longer_ends_at_once_and_names_that_service() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    for second in 0..2 {
        bench.second = second;
        for number in [1, 2] {
            let fault = Fault::CredentialsRefused(Quote::new("no"));
            bench.finds(number, Err(Failure::new(Stage::Login, fault)));
        }
    }
    assert_eq!(bench.times_said("pop3:110 login refused"), 1);
    let others = terms_of(Chosen::default(), 1);
    bench.tell(Input::Settings(Ok(Box::new(others))));
    let over = "pop3:110 login: the fault of several backends is over, and this is checked again";
    assert_eq!(bench.times_said(over), 1, "{:?}", bench.said);
}

/// Another director has not been told of anything, not even in a dry run.
#[test]
fn what_a_dry_run_would_have_done_does_not_count_at_another_socket() {
    let mut terms = terms(Chosen::default());
    terms.settings.mode = Mode::DryRun;
    let mut bench = Bench::of(terms.clone(), Remembered::new());
    let state = |bench: &Bench| {
        let member = bench.engine.backends().member(address(1)).unwrap();
        member.listed.state
    };
    bench.fails_until_decided_on();
    bench.second += 1;
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(state(&bench), HostState::Down);
    let changes = |bench: &Bench| bench.engine.snapshot().backends[0].changes.len();
    // A reload alone ends no dry run.
    bench.tell(Input::Settings(Ok(Box::new(terms.clone()))));
    bench.second += 1;
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!((state(&bench), changes(&bench)), (HostState::Down, 1));
    terms.settings.socket = "/other".into();
    bench.tell(Input::Settings(Ok(Box::new(terms))));
    bench.second += 1;
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!((state(&bench), changes(&bench)), (HostState::Up, 0));
}

/// What only a restart can change is said, and stays as it was.
#[test]
fn what_a_reload_cannot_change_is_a_warning_each_and_nothing_else_is() {
    let warned = |change: fn(&mut Settings)| {
        let mut bench = Bench::new();
        bench.tell(Input::Time);
        let mut terms = terms(Chosen::default());
        change(&mut terms.settings);
        bench.said.clear();
        bench.tell(Input::Settings(Ok(Box::new(terms))));
        let before = terms_of(Chosen::default(), 0).settings;
        assert_eq!(bench.engine.settings.files.lock, before.files.lock);
        assert_eq!(bench.engine.settings.files.state, before.files.state);
        assert_eq!(bench.engine.settings.files.record, before.files.record);
        assert_eq!(bench.engine.settings.run, before.run);
        bench.said.retain(|line| line.starts_with("reload: "));
        bench.said
    };
    assert_eq!(warned(|_| {}), [""; 0]);
    for (change, expected) in [
        (
            (|settings| settings.files.lock = "/other".into()) as fn(&mut Settings),
            "reload: another lock file takes a restart; the old one stays in use",
        ),
        (
            |settings| settings.files.state = "/other".into(),
            "reload: another state file takes a restart; the old one stays in use",
        ),
        (
            |settings| settings.files.record = Some("/other".into()),
            "reload: another recording takes a restart; the old one goes on, if there is one",
        ),
    ] {
        assert_eq!(warned(change), [expected]);
    }
}

fn settings() -> Input {
    Input::Settings(Ok(Box::new(terms(Chosen::default()))))
}

#[test]
fn settings_are_read_once_at_a_time_and_once_more_if_that_was_asked_for_meanwhile() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.told.clear();
    for readings in [1, 1, 1] {
        bench.tell(Input::Asked(Request::Reload));
        assert_eq!(bench.readings, readings);
    }
    bench.tell(settings());
    assert_eq!((bench.readings, bench.times_said("reloaded")), (2, 1));
    let refused = Input::Settings(Err("reload refused".to_owned()));
    bench.tell(refused);
    assert_eq!((bench.readings, bench.times_said("refused")), (2, 1));
    let told = [
        Told::Reloading,
        Told::Reloading,
        Told::Reloading,
        // After all that was asked for.
        Told::Ready,
    ];
    assert_eq!(bench.told, told);
    bench.tell(Input::Asked(Request::Reload));
    assert_eq!(bench.readings, 3);
}

#[test]
fn settings_that_are_not_read_in_time_are_said_once_and_each_hour_and_when_they_are_read() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.second = 10;
    bench.tell(Input::Asked(Request::Reload));
    let due = |bench: &Bench| {
        let due = bench.engine.settings_due();
        due.map(|due| (due - bench.start).as_secs())
    };
    assert_eq!(due(&bench), Some(15));
    bench.second = 14;
    bench.tell(Input::Time);
    assert_eq!(bench.notices(), []);
    bench.said.clear();
    // A second SIGHUP is no other reading.
    bench.tell(Input::Asked(Request::Reload));
    for (second, next) in [(15, 3615), (16, 3615), (4000, 7600)] {
        bench.second = second;
        bench.tell(Input::Time);
        assert!(bench.notices().contains(&Notice::SettingsUnread));
        assert_eq!(due(&bench), Some(next));
    }
    let line = "a reload has waited for a file since 08:00:10; until it is read the former settings are in use; see \
                the disks of configuration, accounts, credentials and certificates";
    assert_eq!(bench.times_said("a reload has waited"), 2);
    assert_eq!(bench.times_said(line), 2, "{:?}", bench.said);
    bench.second = 4010;
    bench.tell(settings());
    assert!(!bench.notices().contains(&Notice::SettingsUnread));
    assert_eq!(
        bench.times_said("the reload waits no longer, after 4000 s"),
        1
    );
    // The second reading has its own time.
    assert_eq!(due(&bench), Some(4015));
}

/// What is read is compared with files that stay: with those in use, the log of the background too.
#[test]
fn what_stays_is_put_back_whole() {
    let in_use = terms(Chosen::default()).settings;
    let mut settings = in_use.clone();
    settings.files.lock = "/other".into();
    settings.files.state = "/other".into();
    settings.files.record = Some("/other".into());
    settings.files.log = LogTarget::File("/other".into());
    settings.run = RunMode::Foreground;
    settings.run_as.user = Some("other".to_owned());
    let lines = keep_what_takes_a_restart(&mut settings, &in_use);
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(settings, in_use);
    settings.socket = "/other".into();
    let wanted = settings.clone();
    assert_eq!(keep_what_takes_a_restart(&mut settings, &in_use), [""; 0]);
    assert_eq!(settings, wanted);
}

fn with_account(known: &str, password: &str, down_delay: Duration) -> Input {
    let known = accounts::parse(known.as_bytes()).unwrap().backends;
    let mut terms = terms_with(Chosen::default(), 0..=0, known.clone());
    terms.settings.rules.down_delay = down_delay;
    let account = Account {
        user: b"u".to_vec(),
        password: Secret::new(password),
        master: None,
    };
    terms.targets = Targets::new(&terms.settings, Some(account), known);
    Input::Settings(Ok(Box::new(terms)))
}

/// Dovecot's refusal of the former one comes 2 s after the attempt began.
#[test]
fn a_late_refusal_of_the_former_password_does_not_count_against_the_new_one() {
    let no_login = || Failure::new(Stage::Login, Fault::CredentialsRefused(Quote::new("no")));
    for is_late in [false, true] {
        let mut bench = Bench::new();
        bench.tell(with_account("", "old", Duration::ZERO));
        bench.tell(Input::Time);
        bench.lists(&[HostState::Up; 3]);
        for second in 0..3 {
            bench.second = second;
            (1..4).for_each(|number| bench.finds(number, Err(no_login())));
        }
        bench.second = 10;
        bench.tell(with_account("", "new", Duration::ZERO));
        if is_late {
            bench.second = 11;
            bench.finds(1, Err(no_login()));
        }
        bench.second = 12;
        (2..4).for_each(|number| bench.finds(number, Ok(Pass::Clean)));
        // The new password has not come to the first yet: one try of five.
        bench.second = 13;
        bench.falters(1, no_login());
        for second in 14..16 {
            bench.second = second;
            bench.lists(&[HostState::Up; 3]);
        }
        assert_eq!(bench.sent, [], "late: {is_late}");
    }
}

/// Its port, or the name in its certificate, was wrong in the file of accounts.
#[test]
fn a_verdict_on_what_a_backend_was_checked_by_before_takes_it_down_no_more() {
    let bad = BadCertificate::new("another name", "mail.example");
    let bad = Failure::new(Stage::Tls, Fault::CertificateRefused(Box::new(bad)));
    for (failure, wrong, right) in [
        (refused(), "{pop3_port: 1110}", "{pop3_port: 110}"),
        (
            bad,
            "{tls_name: wrong.example}",
            "{tls_name: right.example}",
        ),
    ] {
        let settings = |of_first: &str| {
            let known = format!("192.0.2.1: {of_first}\n");
            with_account(&known, "p", Duration::from_secs(20))
        };
        let mut bench = Bench::new();
        bench.tell(settings(wrong));
        bench.tell(Input::Time);
        bench.lists(&[HostState::Up; 3]);
        for second in 0..3 {
            bench.second = second;
            bench.finds(1, Err(failure.clone()));
            bench.finds(2, Ok(Pass::Clean));
            bench.finds(3, Ok(Pass::Clean));
        }
        bench.finds(1, Err(failure.clone()));
        bench.lists(&[HostState::Up; 3]);
        let hold = &bench.engine.holds()[&address(1)];
        assert_eq!(hold.reason, Reason::DownDelay);
        bench.second = 10;
        bench.tell(settings(right));
        bench.second = 22;
        bench.lists(&[HostState::Up; 3]);
        assert_eq!(bench.sent, [], "{right}");
    }
}

fn reload(bench: &mut Bench, change: impl FnOnce(&mut Settings)) {
    let mut terms = terms(Chosen::default());
    change(&mut terms.settings);
    bench.tell(Input::Settings(Ok(Box::new(terms))));
}

/// Whoever is woken by it has to know that it was done.
#[test]
fn a_command_that_was_sent_is_told_as_done_though_a_dry_run_has_begun_since() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let (number, _) = bench.sent[0];
    let hook = Some(Hook {
        script: "/usr/local/bin/changed".into(),
    });
    reload(&mut bench, |settings| {
        settings.mode = Mode::DryRun;
        settings.hook = hook;
    });
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered { number, answer });
    assert_eq!(bench.times_said("DRY-RUN"), 0, "{:?}", bench.said);
    assert_eq!(bench.times_said("192.0.2.1 disabled: up -> down"), 1);
    bench.second += 1;
    bench.lists(&[HostState::Down, HostState::Up]);
    let runs = bench.others.iter();
    let runs = runs.filter(|output| matches!(output, Output::RunScript { .. }));
    assert_eq!(runs.count(), 1);
}

#[test]
fn a_dry_run_writes_no_state() {
    for (mode, is_written) in [(Mode::Live, true), (Mode::DryRun, false)] {
        let mut terms = terms(Chosen::default());
        terms.settings.mode = mode;
        let mut bench = Bench::of(terms, Remembered::new());
        bench.fails_until_decided_on();
        bench.lists(&[HostState::Up, HostState::Up]);
        assert_eq!(!bench.state_file.is_empty(), is_written, "{mode:?}");
    }
}

/// It is imagined before the next list is read.
#[test]
fn the_first_act_of_a_dry_run_that_a_reload_begins_counts_as_done() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    reload(&mut bench, |settings| {
        settings.rules.brake = Brake::AtMost(0);
    });
    bench.fails_until_decided_on();
    assert_eq!(bench.sent, []);
    reload(&mut bench, |settings| settings.mode = Mode::DryRun);
    assert_eq!(bench.times_said("DRY-RUN: 192.0.2.1 disabled"), 1);
    for _ in 0..5 {
        bench.second += 1;
        bench.finds(1, Err(refused()));
        bench.lists(&[HostState::Up, HostState::Up]);
    }
    assert_eq!(bench.times_said("the list shows another state"), 0);
    assert_eq!(bench.times_said("DRY-RUN: 192.0.2.1 disabled"), 1);
    assert_eq!(bench.sent, []);
}

#[test]
fn a_command_to_the_former_socket_keeps_nothing_from_the_director_of_the_new_one() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let (former, _) = bench.sent[0];
    reload(&mut bench, |settings| settings.socket = "/other".into());
    for _ in 0..5 {
        bench.second += 1;
        bench.finds(1, Err(refused()));
        bench.finds(2, Ok(Pass::Clean));
        bench.lists(&[HostState::Up, HostState::Up]);
    }
    assert_eq!(bench.sent.len(), 2, "{:?}", bench.sent);
    bench.said.clear();
    let answer = Ok(Reply::Ok);
    let number = former;
    bench.tell(Input::Answered { number, answer });
    assert_eq!(bench.said, [""; 0]);
    let (number, _) = bench.sent[1];
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered { number, answer });
    assert_eq!(bench.times_said("192.0.2.1 disabled"), 1);
}

/// Its answer is not awaited, but the list of the new director may show what it came to.
#[test]
fn what_the_former_director_has_done_all_the_same_is_told_when_the_new_one_lists_it() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    reload(&mut bench, |settings| settings.socket = "/other".into());
    let answer = bench.engine.snapshot().commands[0].answer.clone();
    let expected = "no longer awaited: a reload has changed the socket or the ports";
    assert_eq!(answer.as_deref(), Some(expected));
    bench.said.clear();
    for _ in 0..3 {
        bench.second += 1;
        bench.finds(1, Err(refused()));
        bench.lists(&[HostState::Down, HostState::Up]);
    }
    assert_eq!(
        bench.times_said("192.0.2.1 disabled"),
        1,
        "{:?}",
        bench.said
    );
}

/// The second reload comes before the next list.
#[test]
fn a_reload_within_a_dry_run_does_not_take_what_it_imagines_for_what_the_director_lists() {
    let mut terms = terms(Chosen::default());
    terms.settings.mode = Mode::DryRun;
    let mut bench = Bench::of(terms.clone(), Remembered::new());
    let state = |bench: &Bench| {
        let member = bench.engine.backends().member(address(1)).unwrap();
        member.listed.state
    };
    bench.fails_until_decided_on();
    bench.second += 1;
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.tell(Input::Settings(Ok(Box::new(terms.clone()))));
    assert_eq!(state(&bench), HostState::Down);
    terms.settings.mode = Mode::Live;
    bench.tell(Input::Settings(Ok(Box::new(terms))));
    assert_eq!(state(&bench), HostState::Up);
}

#[test]
fn what_is_remarked_on_the_settings_of_a_reload_is_said() {
    let mut bench = Bench::new();
    let mut terms = terms(Chosen::default());
    terms.remarks = vec!["a remark".to_owned()];
    terms.unverified = Some("a warning".to_owned());
    terms.summary = "a summary".to_owned();
    bench.tell(Input::Settings(Ok(Box::new(terms))));
    assert_eq!(bench.said, ["a remark", "a warning", "reloaded: a summary"]);
    assert_eq!(bench.errors, 1);
}

#[test]
fn what_a_reload_has_read_is_used_and_the_lists_are_read_at_once() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    bench.others.clear();
    reload(&mut bench, |settings| {
        settings.rules.brake = Brake::AtMost(0);
    });
    let used = bench.others.iter().find_map(|output| match output {
        Output::UseSettings(settings) => Some(settings.rules.brake),
        _ => None,
    });
    assert_eq!(used, Some(Brake::AtMost(0)));
    let is_reading = |output: &Output| matches!(output, Output::ReadLists);
    assert!(bench.others.iter().any(is_reading), "{:?}", bench.others);
}

/// With these in the file of accounts, and no others probed.
fn only_those(known: &str) -> Input {
    let known = accounts::parse(known.as_bytes()).unwrap().backends;
    let choices = Chosen {
        poll_unknown_backends: false.into(),
        ..Chosen::default()
    };
    Input::Settings(Ok(Box::new(terms_with(choices, 0..=0, known))))
}

#[test]
fn a_backend_that_is_left_alone_from_a_reload_on_is_probed_no_more_and_shown_so() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Err(refused()));
    bench.finds(2, Ok(Pass::Clean));
    bench.second = 5;
    bench.tell(only_those("192.0.2.2: {pop3_port: 110}\n"));
    let stopped = bench.others.iter().filter_map(|output| match output {
        Output::StopWorker(address) => Some(*address),
        _ => None,
    });
    assert_eq!(stopped.collect::<Vec<_>>(), [address(1)]);
    let member = bench.engine.backends().member(address(1)).unwrap();
    assert_eq!(member.evidence.verdict(), None);
    assert!(bench.engine.holds().is_empty());
    let cause = "the accounts file does not name it".to_owned();
    assert_eq!(bench.standing(1), (Standing::NotChecked, Some(0), cause));
    assert_eq!(bench.standing(2).0, Standing::Healthy);
    // From a further reload on it is probed again.
    let workers = bench.workers.len();
    bench.tell(only_those(
        "192.0.2.1: {pop3_port: 110}\n192.0.2.2: {pop3_port: 110}\n",
    ));
    assert_eq!(bench.workers.len(), workers + 1);
}

#[test]
fn a_reload_that_changes_nothing_gives_no_worker_another_number() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Ok(Pass::Clean));
    reload(&mut bench, |_| {});
    assert_eq!(bench.instructed, bench.workers);
    assert_eq!(bench.standing(1).0, Standing::Healthy);
}

#[test]
fn the_service_manager_is_told_of_the_start_and_of_the_end_which_is_the_last_to_be_done() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    assert_eq!(bench.told, [Told::Ready]);
    bench.tell(Input::Asked(Request::Stop));
    assert_eq!(bench.told, [Told::Ready, Told::Stopping]);
    let ends = bench.others.iter();
    let ends = ends.filter(|output| matches!(output, Output::End));
    assert_eq!(ends.count(), 1, "{:?}", bench.others);
}
