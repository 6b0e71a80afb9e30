//! What is said of alarms: what happened, to which backends, why, and what to do.

use super::*;
use crate::account::{Account, Secret};
use crate::config::accounts;
use crate::monitor::policy::Alarm;
use crate::monitor::standing_alarms::{AlarmKind, SpreadLine};
use crate::outcome::BadCertificate;
use std::collections::BTreeSet;

/// Backends 1 to 3, of which the first two fail so and are listed so.
fn two_of_three(failure: &Failure, state: HostState) -> Bench {
    two_of_three_of(terms(Chosen::default()), failure, state)
}

fn two_of_three_of(terms: Terms, failure: &Failure, state: HostState) -> Bench {
    let mut bench = Bench::of(terms, Remembered::new());
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 3]);
    for number in 1..=2 {
        bench.finds(number, Err(failure.clone()));
        bench.second += 1;
    }
    bench.finds(3, Ok(Pass::Clean));
    let stamped = |number, state| Listed {
        changed: Stamp(1_800_000_000 + u64::from(number)),
        ..listed(number, state)
    };
    bench.lists_of(vec![
        stamped(1, state),
        stamped(2, state),
        listed(3, HostState::Up),
    ]);
    bench
}

fn line(bench: &Bench, alarm: &Alarm, about: &[u8]) -> String {
    let about: BTreeSet<IpAddr> = about.iter().map(|number| address(*number)).collect();
    bench
        .engine
        .alarm_line(&Topic::Policy(alarm.clone()), &about)
}

#[track_caller]
fn check(bench: &Bench, alarm: &Alarm, about: &[u8], expected: &str) {
    assert_eq!(line(bench, alarm, about), expected);
}

const WITHOUT_TAG: fn(fn(Tag) -> Alarm) -> Alarm = |alarm| alarm(Tag::default());

#[test]
fn of_failed_backends_it_is_said_since_when_and_why_they_stay_up() {
    let bench = two_of_three(&refused(), HostState::Up);
    check(
        &bench,
        &WITHOUT_TAG(Alarm::NoRefuge),
        &[1, 2],
        "192.0.2.1 and 192.0.2.2 have failed since 08:00:00 and stay up: no other backend is up \
         and passes, so users would have nowhere to go; if other machines can log in to them, \
         this monitor is cut off: see its network and firewall; if not, repair them",
    );
    check(
        &bench,
        &WITHOUT_TAG(Alarm::NoRefuge),
        &[2],
        "192.0.2.2 has failed since 08:00:01 and stays up: no other backend is up and passes, so \
         users would have nowhere to go; if other machines can log in to it, this monitor is cut \
         off: see its network and firewall; if not, repair it",
    );
    check(
        &bench,
        &WITHOUT_TAG(Alarm::MaxDown),
        &[1],
        "192.0.2.1 has failed since 08:00:00 and stays up: --max-down allows no more backends \
         down (none is listed down yet); repair one, or allow more",
    );
    check(
        &bench,
        &Alarm::DownDelayLimit,
        &[1],
        "192.0.2.1 has failed for longer than delayed_down_delay and stays up: with it more than \
         delayed_down_limit (0) would be down; see what they have in common, and repair one",
    );
}

#[test]
fn of_backends_that_are_up_with_vhost_count_0_it_is_said_how_they_take_users_again() {
    let mut bench = two_of_three(&refused(), HostState::Down);
    bench.lists_of(vec![listed(1, HostState::Down), idle(2), idle(3)]);
    check(
        &bench,
        &WITHOUT_TAG(Alarm::WithoutService),
        &[1, 2, 3],
        "no backend takes new users, so they cannot log in: 192.0.2.2 and 192.0.2.3 are up with vhost count 0, \
         192.0.2.1 is down; give one its vhost count back: doveadm director update ADDRESS COUNT; or bring one \
         up: doveadm director up 192.0.2.1 (before dovecot 2.2.19: doveadm director add 192.0.2.1 COUNT)",
    );
    check(
        &bench,
        &WITHOUT_TAG(Alarm::WithoutService),
        &[3],
        "no backend takes new users, so they cannot log in: 192.0.2.3 is up with vhost count 0; give one its vhost \
         count back: doveadm director update ADDRESS COUNT",
    );
}

/// The monitor is not cut off, and no machine has to be repaired for the users to have somewhere to go.
#[test]
fn of_the_last_one_with_a_vhost_count_it_is_said_which_healthy_ones_have_none() {
    let mut bench = two_of_three(&refused(), HostState::Up);
    let first = || listed(1, HostState::Up);
    bench.lists_of(vec![first(), listed(2, HostState::Up), idle(3)]);
    check(
        &bench,
        &WITHOUT_TAG(Alarm::NoRefuge),
        &[1, 2],
        "192.0.2.1 and 192.0.2.2 have failed since 08:00:00 and stay up: no other backend takes new users and \
         passes, so users would have nowhere to go; 192.0.2.3 is healthy here and up with vhost count 0: give one \
         its vhost count back: doveadm director update ADDRESS COUNT; or repair them",
    );
    // One that has failed, too, has nothing to be given back.
    bench.lists_of(vec![first(), idle(2), idle(3)]);
    let of_the_first = line(&bench, &WITHOUT_TAG(Alarm::NoRefuge), &[1]);
    assert!(
        of_the_first.contains("; 192.0.2.3 is healthy here"),
        "{of_the_first}"
    );
    bench.second += 1;
    bench.finds(2, Ok(Pass::Clean));
    let both = line(&bench, &WITHOUT_TAG(Alarm::NoRefuge), &[1]);
    let expected = "; 192.0.2.2 and 192.0.2.3 are healthy here and up with vhost count 0: ";
    assert!(both.contains(expected), "{both}");
}

impl Bench {
    /// The list is read each second until this one.
    fn lists_until(&mut self, second: u64, members: &[Listed]) {
        while self.second < second {
            self.second += 1;
            self.lists_of(members.to_vec());
        }
    }

    pub(super) fn alarm_words(&self) -> Vec<&'static str> {
        let alarms = self.engine.snapshot().alarms;
        alarms.iter().map(|alarm| alarm.word).collect()
    }
}

#[test]
fn that_no_backend_is_listed_is_said_from_the_first_list_on_and_each_hour_until_there_is_one() {
    let none = "the director lists no backend: users cannot log in; add one: doveadm director add ADDRESS (see \
                director_mail_servers)";
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.second = 5;
    bench.tell(Input::Time);
    assert_eq!(bench.times_said(none), 0, "no list has been read");
    bench.lists_until(10, &[]);
    assert_eq!(bench.times_said(none), 1);
    assert_eq!(bench.alarm_words(), ["no_backend"]);
    bench.lists_until(3700, &[]);
    assert_eq!(bench.times_said(none), 2);
    assert_eq!(
        bench.times_said("director_mail_servers) (for 60 min now)"),
        1
    );
    bench.lists_until(3715, &[listed(1, HostState::Up)]);
    assert_eq!(bench.times_said("the director lists a backend again"), 1);
    assert_eq!(bench.alarm_words(), [""; 0]);
    bench.lists_until(3720, &[]);
    assert_eq!(bench.times_said(none), 3, "the last one has left");
}

#[test]
fn a_list_of_which_no_line_can_be_read_is_said_to_be_that_and_not_to_be_empty() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.malformed = Malformed {
        shown: vec![Quote::new("what")],
        count: 1,
        ..Malformed::default()
    };
    bench.lists_until(10, &[]);
    assert_eq!(bench.alarm_words(), ["malformed_lines"]);
    bench.malformed = Malformed::default();
    bench.lists_until(20, &[]);
    assert_eq!(bench.alarm_words(), ["no_backend"]);
}

#[test]
fn while_a_line_cannot_be_read_nobody_says_that_users_cannot_log_in() {
    let said = |unread| {
        let mut bench = Bench::without_files();
        bench.tell(Input::Time);
        bench.malformed = Malformed {
            shown: vec![Quote::new("what"); unread],
            count: unread,
            ..Malformed::default()
        };
        bench.lists_until(20, &[listed(1, HostState::Down)]);
        let alarms = bench.said.iter();
        let alarms = alarms.filter(|line| line.starts_with("no backend"));
        alarms.cloned().collect::<Vec<_>>()
    };
    let all_read = said(0);
    assert_eq!(all_read.len(), 1);
    assert!(
        all_read[0].starts_with("no backend is up: users cannot log in; see why "),
        "{all_read:?}"
    );
    let one_unread = said(1);
    assert_eq!(one_unread.len(), 1);
    let expected = "no backend whose line in the list can be read is up: users may not be able to log in; see why ";
    assert!(one_unread[0].starts_with(expected), "{one_unread:?}");
}

#[test]
fn a_tag_without_service_that_is_listed_no_longer_does_not_take_users_again() {
    let archive = || Listed {
        tag: Tag::new("archive"),
        ..listed(3, HostState::Down)
    };
    let first = || listed(1, HostState::Up);
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.lists_until(5, &[first(), archive()]);
    assert_eq!(bench.alarm_words(), ["without_service"]);
    bench.lists_until(20, &[first()]);
    assert_eq!(bench.times_said("takes new users again"), 0);
    let left = "no backend with tag \"archive\" is listed any more";
    assert_eq!(bench.times_said(left), 1);
}

#[test]
fn healthy_backends_that_all_have_vhost_count_0_are_an_alarm() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.lists_of(vec![idle(1), idle(2)]);
    bench.finds(1, Ok(Pass::Clean));
    bench.finds(2, Ok(Pass::Clean));
    bench.lists_until(5, &[idle(1), idle(2)]);
    let line = "no backend takes new users, so they cannot log in: 192.0.2.1 and 192.0.2.2 are up with vhost count 0; \
                give one its vhost count back: doveadm director update ADDRESS COUNT";
    assert_eq!(bench.times_said(line), 1);
}

#[test]
fn where_backends_have_tags_it_is_said_of_which_tag_they_are() {
    let mut bench = two_of_three(&refused(), HostState::Down);
    let archive = || Listed {
        tag: Tag::new("archive"),
        ..listed(3, HostState::Down)
    };
    let (first, second) = (listed(1, HostState::Up), listed(2, HostState::Up));
    bench.lists_of(vec![first, second, archive()]);
    check(
        &bench,
        &Alarm::WithoutService(archive().tag),
        &[3],
        "no backend with tag \"archive\" is up: users cannot log in; see why 192.0.2.3 is down, or bring one up: \
         doveadm director up 192.0.2.3 (before dovecot 2.2.19: doveadm director add 192.0.2.3 COUNT)",
    );
}

#[test]
fn of_backends_that_are_down_it_is_said_since_when_and_how_they_come_up() {
    let bench = two_of_three(&refused(), HostState::Down);
    check(
        &bench,
        &WITHOUT_TAG(Alarm::WithoutService),
        &[1, 2],
        "no backend is up: users cannot log in; see why 192.0.2.1 and 192.0.2.2 are down, or \
         bring one up: doveadm director up 192.0.2.1 (before dovecot 2.2.19: doveadm director add 192.0.2.1 COUNT)",
    );
    check(
        &bench,
        &WITHOUT_TAG(Alarm::MaxDown),
        &[3],
        "192.0.2.3 has failed and stays up: --max-down allows no more backends down (192.0.2.1 \
         and 192.0.2.2 are down); repair one, or allow more",
    );
    check(
        &bench,
        &Alarm::NotOurs,
        &[1],
        "192.0.2.1 is healthy here and stays down: an administrator or another monitor took it \
         down at 08:00:01, this monitor did not take it down, and the former vhost count is not \
         known here; to bring one up: doveadm director up 192.0.2.1 (before dovecot 2.2.19: \
         doveadm director add 192.0.2.1 COUNT)",
    );
    check(
        &bench,
        &Alarm::NotOurs,
        &[1, 2],
        "192.0.2.1 and 192.0.2.2 are healthy here and stay down: an administrator or another \
         monitor took them down from 08:00:01 to 08:00:02, this monitor did not take them down, \
         and the former vhost count is not known here; to bring one up: doveadm director up \
         192.0.2.1 (before dovecot 2.2.19: doveadm director add 192.0.2.1 COUNT)",
    );
    check(
        &bench,
        &Alarm::NotOurs,
        &[3],
        "192.0.2.3 is healthy here and stays down: an administrator or another monitor took it \
         down, this monitor did not take it down, and the former vhost count is not known here; \
         to bring one up: doveadm director up 192.0.2.3 (before dovecot 2.2.19: doveadm director \
         add 192.0.2.3 COUNT)",
    );
    check(
        &bench,
        &Alarm::Disputed,
        &[1, 2],
        "192.0.2.1 and 192.0.2.2 are healthy here and were taken down by an administrator or \
         another monitor from 08:00:01 to 08:00:02; stay down for the time of --hold and are then \
         brought up; if no administrator did it, look for \"disabled\" in the logs of the other \
         monitors; to keep a backend down: --restore=own, or doveadm director update 192.0.2.1 0",
    );
    check(
        &bench,
        &Alarm::Disputed,
        &[1],
        "192.0.2.1 is healthy here and was taken down by an administrator or another monitor at \
         08:00:01; stays down for the time of --hold and is then brought up; if no administrator \
         did it, look for \"disabled\" in the logs of the other monitors; to keep a backend down: \
         --restore=own, or doveadm director update 192.0.2.1 0",
    );
}

#[test]
fn of_a_shared_fault_it_is_said_what_fails_at_whom_and_what_is_probably_wrong() {
    let shared = |stage| Alarm::Shared { service: 0, stage };
    let no = || Quote::new("no");
    let certificate = |what| {
        let bad = BadCertificate::new(what, "mail.example");
        Failure::new(Stage::Tls, Fault::CertificateRefused(Box::new(bad)))
    };
    for (failure, about, expected) in [
        (
            Failure::new(Stage::Login, Fault::CredentialsRefused(no())),
            &[1, 2][..],
            "pop3:110 login refused since 08:00:00 by 2 of 3 backends (192.0.2.1 and 192.0.2.2), and \
         at most half of those they are compared with are known to get further: probably this monitor's password is \
         wrong; no backend is taken down for that, and logins are not checked until that is \
         repaired, connections still are; check this monitor's account and its password, then \
         reload (SIGHUP) or restart",
        ),
        (
            Failure::new(Stage::Login, Fault::Unavailable(no())),
            &[1, 2, 3],
            "pop3:110 login fails: server cannot serve \"no\" since 08:00:00 by all 3 backends \
         (192.0.2.1, 192.0.2.2 and 192.0.2.3): probably a setting of this monitor; no backend is \
         taken down for that, and logins are not checked until that is repaired, connections \
         still are; check this monitor's account and its password, then reload (SIGHUP) or \
         restart",
        ),
        (refused(), &[1], "pop3:110 connect fails: connection refused since 08:00:00 by 1 of 3 backends \
         (192.0.2.1), and at most half of those they are compared with are known to get further: probably a setting \
         of this monitor; no backend is taken down for that, and later steps of the \
         check are not made until that is repaired, earlier ones still are; check this monitor's settings, \
         and what keeps others from getting further (SIGUSR1 shows it), then reload (SIGHUP) or \
         restart"),
        (certificate("certificate has expired"), &[1, 2], "pop3:110 tls handshake fails: certificate refused \"certificate has expired\" since \
         08:00:00 by 2 of 3 backends (192.0.2.1 and 192.0.2.2), and at most half of those \
         they are compared with are known to get further: probably nobody has renewed them, or the clock of this machine \
         is wrong; no backend is taken down for that, and later steps of the \
         check are not made until that is repaired, earlier ones still are; check this monitor's certificate \
         settings (--ca-file, --tls-name, -v, --starttls), then reload (SIGHUP) or restart"),
        (certificate("self-signed certificate"), &[1, 2], "pop3:110 tls handshake fails: certificate refused \"self-signed certificate\": expected \
         name \"mail.example\", since 08:00:00 by 2 of 3 backends (192.0.2.1 and 192.0.2.2), and \
         at most half of those they are compared with are known to get further: probably this monitor does not know \
         their authority or name; no backend is taken down for that, and later steps of the \
         check are not made until that is repaired, earlier ones still are; check this monitor's \
         certificate settings (--ca-file, --tls-name, -v, --starttls), then reload (SIGHUP) or \
         restart"),
        (Failure::new(Stage::Stat, Fault::TimedOut), &[1], "pop3:110 stat fails: timed out since 08:00:00 by 1 of 3 backends (192.0.2.1), and at \
         most half of those they are compared with are known to get further: probably a setting of this monitor; no \
         backend is taken down for that, and later steps of the \
         check are not made until that is repaired, earlier ones still are; check this monitor's account and its mailbox, then \
         reload (SIGHUP) or restart"),
    ] {
        let bench = two_of_three(&failure, HostState::Up);
        check(&bench, &shared(failure.stage), about, expected);
    }
}

/// Where it is the only one with accounts, the file is named, too.
#[test]
fn of_a_shared_fault_from_the_login_on_it_is_said_with_which_accounts() {
    let account = |user: &str| Account {
        user: user.as_bytes().to_vec(),
        password: Secret::new("p"),
        master: None,
    };
    let fails = |stage| Failure::new(stage, Fault::TimedOut);
    let refused = Failure::new(Stage::Login, Fault::CredentialsRefused(Quote::new("no")));
    let own = "192.0.2.1: {username: one, password: p}\n";
    let two = "192.0.2.1: {username: one, password: p}\n192.0.2.2: {username: two, password: p}\n";
    let port = "192.0.2.3: {lmtp_port: 1024}\n";
    let probe = || Some(account("probe"));
    for (known, account, failure, expected) in [
        (
            "",
            probe(),
            &refused,
            "login as \"probe\" (/secret) refused since",
        ),
        (
            "",
            probe(),
            &fails(Stage::Login),
            "login as \"probe\" (/secret) fails: timed out since",
        ),
        (
            "",
            probe(),
            &fails(Stage::Stat),
            "stat as \"probe\" (/secret) fails: timed out since",
        ),
        (
            "",
            probe(),
            &fails(Stage::Greeting),
            "greeting fails: timed out since",
        ),
        (own, None, &refused, "login as \"one\" refused since"),
        (
            two,
            None,
            &refused,
            "login as \"one\" and \"two\" refused since",
        ),
        (
            own,
            probe(),
            &refused,
            "login as \"one\" and \"probe\" refused since",
        ),
        (port, probe(), &refused, "login as \"probe\" refused since"),
        ("", None, &refused, "login refused since"),
    ] {
        let mut terms = terms(Chosen::default());
        let known = match known {
            "" => Backends::new(),
            known => accounts::parse(known.as_bytes()).unwrap().backends,
        };
        terms.settings.accounts.credentials = account.is_some().then(|| "/secret".into());
        terms.targets = Targets::new(&terms.settings, account, known);
        let bench = two_of_three_of(terms, failure, HostState::Up);
        let stage = failure.stage;
        let line = line(&bench, &Alarm::Shared { service: 0, stage }, &[1, 2]);
        let start = format!("pop3:110 {expected} ");
        assert!(line.starts_with(&start), "{start}: {line}");
    }
}

#[test]
fn the_end_of_an_alarm_is_said_once_for_all_of_its_backends() {
    let ends = |alarm: Alarm| {
        let mut bench = two_of_three(&refused(), HostState::Up);
        bench.said.clear();
        let announcement = standing_alarms::Announcement {
            kind: Topic::Policy(alarm),
            phase: standing_alarms::AlarmPhase::Ended,
            about: BTreeSet::new(),
        };
        bench.engine.announce(&announcement);
        bench.tell(Input::Time);
        bench.said.remove(0)
    };
    for (alarm, expected) in [
        (WITHOUT_TAG(Alarm::WithoutService), "a backend takes new users again"),
        (WITHOUT_TAG(Alarm::NoRefuge), "no failed backend is kept up any more for lack of another one that is up and passes"),
        (WITHOUT_TAG(Alarm::MaxDown), "no failed backend is kept up any more by --max-down"),
        (Alarm::Disputed, "no healthy backend that an administrator or another monitor took down waits any more"),
        (Alarm::NotOurs, "no healthy backend that an administrator or another monitor took down is left down any more"),
    ] {
        assert_eq!(ends(alarm), expected);
    }
}

/// Whoever is woken has to know how many it is about, and not of how many it was first known.
#[test]
fn an_alarm_about_failed_backends_that_spreads_is_said_again_with_all_of_them_after_a_minute() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 5]);
    let no = || Fault::CredentialsRefused(Quote::new("no"));
    let refused = |bench: &mut Bench, number| {
        bench.finds(number, Err(Failure::new(Stage::Login, no())));
    };
    for number in 1..=3 {
        refused(&mut bench, number);
    }
    let until = |bench: &mut Bench, second| {
        while bench.second < second {
            bench.second += 1;
            bench.lists(&[HostState::Up; 5]);
        }
    };
    let counts = |bench: &Bench| {
        let count = |text| bench.times_said(text);
        [count("by 3 of 5 backends ("), count("by all 5 backends (")]
    };
    until(&mut bench, 10);
    assert_eq!(counts(&bench), [1, 0]);
    refused(&mut bench, 4);
    until(&mut bench, 20);
    refused(&mut bench, 5);
    until(&mut bench, 60);
    assert_eq!(counts(&bench), [1, 0]);
    until(&mut bench, 3660);
    assert_eq!(counts(&bench), [1, 1]);
    let whole = "by all 5 backends (192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 192.0.2.5): ";
    assert_eq!(bench.times_said(whole), 1);
    assert_eq!(bench.times_said("or restart (for 61 s now)"), 1);
    until(&mut bench, 3661);
    assert_eq!(bench.times_said("or restart (for 61 min now)"), 1);
}

#[test]
fn of_certificates_that_expired_at_different_times_the_first_is_said() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 2]);
    for (number, expired) in [(1, 1_799_990_000), (2, 1_799_900_000)] {
        let mut bad = BadCertificate::new("certificate has expired", "mail.example");
        bad.expired = Some(expired);
        let fault = Fault::CertificateRefused(Box::new(bad));
        bench.finds(number, Err(Failure::new(Stage::Tls, fault)));
    }
    let shared = Alarm::Shared {
        service: 0,
        stage: Stage::Tls,
    };
    let both = line(&bench, &shared, &[1, 2]);
    let first =
        "\"certificate has expired\" (the first was valid until 2027-01-14 04:13:20 UTC) since ";
    assert!(both.contains(first), "{both}");
    let one = line(&bench, &shared, &[1]);
    let its = "\"certificate has expired\" (valid until 2027-01-15 05:13:20 UTC) since ";
    assert!(one.contains(its), "{one}");
}

#[test]
fn a_healthy_backend_that_joins_an_alarm_is_said_alone_and_at_once() {
    let spread_line = |alarm| Topic::Policy(alarm).spread_line();
    assert_eq!(spread_line(Alarm::NotOurs), SpreadLine::OnlyNew);
    assert_eq!(spread_line(Alarm::Disputed), SpreadLine::OnlyNew);
    assert_eq!(spread_line(WITHOUT_TAG(Alarm::NoRefuge)), SpreadLine::All);
    let mut bench = two_of_three(&refused(), HostState::Down);
    bench.said.clear();
    let announcement = standing_alarms::Announcement {
        kind: Topic::Policy(Alarm::NotOurs),
        phase: standing_alarms::AlarmPhase::Spread,
        about: BTreeSet::from([address(1)]),
    };
    bench.engine.announce(&announcement);
    bench.tell(Input::Time);
    assert_eq!(
        bench.times_said("192.0.2.1 is healthy here and stays down"),
        1
    );
}

/// The line that it is over waits for ten seconds; who looks meanwhile is to see what is so now.
#[test]
fn an_alarm_that_is_over_is_shown_no_more_while_its_line_waits() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.lists_until(3, &[]);
    assert_eq!(bench.alarm_words(), ["no_backend"]);
    bench.lists_until(4, &[listed(1, HostState::Up)]);
    assert_eq!(bench.alarm_words(), [""; 0]);
    let over = "the director lists a backend again";
    assert_eq!(bench.times_said(over), 0);
    bench.lists_until(14, &[listed(1, HostState::Up)]);
    assert_eq!(bench.times_said(over), 1);
}

#[test]
fn of_a_backend_that_is_brought_up_again_and_again_it_is_said_since_when_and_who_may_do_that() {
    let mut bench = two_of_three(&refused(), HostState::Down);
    let alarm = Alarm::BroughtUp;
    let told = |bench: &Bench| line(bench, &alarm, &[1]);
    let whole = |since: &str| {
        format!(
            "192.0.2.1 has failed and is brought up again and again, not by this monitor{since}; this monitor takes it \
             down again, after longer and longer pauses of up to 10 seconds; find out who brings it up: an \
             administrator, a script, or another monitor"
        )
    };
    assert_eq!(told(&bench), whole(""));
    for _ in 0..200 {
        bench.second += 1;
        bench.finds(1, Err(refused()));
        bench.finds(3, Ok(Pass::Clean));
        bench.lists(&[HostState::Up, HostState::Up, HostState::Up]);
        while let Some((number, _)) = bench.sent.pop() {
            let answer = Ok(Reply::Ok);
            bench.tell(Input::Answered { number, answer });
        }
        bench.second += 1;
        bench.lists(&[HostState::Down, HostState::Up, HostState::Up]);
        if told(&bench) != whole("") {
            break;
        }
    }
    assert_eq!(told(&bench), whole(", since 08:00:05"));
}
