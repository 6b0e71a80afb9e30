//! Many deep probes in a mailbox full of other mail: everybody's mail stays, and none of the probes' own.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use poolmon::probe::protocols::token::{Purpose, Token};

use super::*;

/// How many deep probes are made on a mailbox full of other mail.
const DEEP_PROBES: &str = "POOLMON_DEEP_PROBES";

const USUAL_DEEP_PROBES: usize = 100;

/// Workers of several backends and monitors may share an account.
const PROBERS: usize = 4;

#[test]
fn deep_probes_leave_everybodys_mail_and_none_of_their_own() {
    for read in [imap(), imaps(), pop3(), pop3s()] {
        let place = Place::new();
        let backend = Backend::alone(&place);
        let kept = seed_foreign_mail(&backend);
        seed_leftovers(&backend);
        // Files that Dovecot has never seen it numbers by their names; later ones in their order.
        let status = ["mailbox", "status", "-u", PROBE_USER, "messages", "INBOX"];
        backend.dovecot.doveadm(&status).success();
        let service = Service::Delivery {
            deliver: lmtp(),
            read,
        };
        let count = deep_probes() / 4;
        let began = std::time::Instant::now();
        let times = probe_deeply(&backend, service, count);
        println!(
            "{count} probes, {service}: {:?}; read after {:?}, at most {:?}",
            began.elapsed(),
            times[times.len() / 2],
            times[times.len() - 1]
        );
        assert_same(&messages(&backend), &kept);
    }
}

/// A mark made so long ago; negative is to come.
fn token(purpose: Purpose, seconds_ago: i64, host: &str) -> Token {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at = now.as_secs() as i64 - seconds_ago;
    Token::new(purpose, Duration::from_secs(at as u64), 0xfeed, host)
}

const HOUR: i64 = 3600;

/// A mailbox of mail that must stay, whatever it looks like.
fn seed_foreign_mail(backend: &Backend) -> Vec<String> {
    let old = token(Purpose::Deep, 24 * HOUR, "elsewhere");
    let fresh = token(Purpose::Deep, 60, "elsewhere");
    let future = token(Purpose::Deep, -30 * HOUR, "elsewhere");
    let mut kept = Vec::new();
    let mut keep = |name: &str, flags: &str, text: String| {
        kept.push(seed(backend, name, flags, &text));
    };
    for number in 0..40 {
        // Marked as deleted by their owner, who has not expunged them.
        let flags = if number % 2 == 0 { "ST" } else { "S" };
        let text = format!("From: a@b\nSubject: mail {number}\n\nHello.\n");
        keep(&format!("plain{number}"), flags, text);
    }
    let quoted =
        format!("Subject: see below\n\n> X-Poolmon-Probe: {old}\nX-Poolmon-Probe: {old}\n");
    keep("quoted", "S", quoted.clone());
    keep("quoted-deleted", "ST", quoted.replace("see", "look"));
    let headers = [
        format!("X-Poolmon-Probes: {old}"),
        format!("X-X-Poolmon-Probe: {old}"),
        format!("Subject: X-Poolmon-Probe: {old}"),
        format!("X-Poolmon-Probe: Re: {old}"),
        format!("X-Poolmon-Probe: {old} and more"),
        format!("X-Poolmon-Probe: {old}\n folded"),
        format!("X-Poolmon-Probe:\n {old}"),
        format!("X-Poolmon-Probe: {old}\nX-Poolmon-Probe: {old}"),
        format!("X-Poolmon-Probe: {old}\nX-Other: a\nX-Poolmon-Probe: mine"),
        format!("X-Poolmon-Probe: {}", old.to_string().to_uppercase()),
        format!("X-Poolmon-Probe: poolmon.{}", "x".repeat(100_000)),
        format!("X-Poolmon-Probe: {fresh}"),
        format!("X-Poolmon-Probe: {future}"),
        format!("X-Long: {}\nSubject: long line", "y".repeat(200_000)),
        format!("X-Many: z\n{}", "X-More: of it\n".repeat(20_000)) + "Subject: long header",
    ];
    for (number, header) in headers.iter().enumerate() {
        keep(
            &format!("header{number}"),
            "S",
            format!("{header}\n\nHello.\n"),
        );
    }
    keep(
        "attached",
        "S",
        format!(
            "Subject: fwd\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n\
             X-Poolmon-Probe: {old}\nSubject: poolmon test message\n\ntext\n"
        ),
    );
    keep(
        "talk",
        "S",
        format!(
            "Subject: protocol\n\n.\n..\n+OK\n* 1 FETCH (UID 1 BODY[HEADER.FIELDS \
             (X-POOLMON-PROBE)]<0> {{10}}\nX-Poolmon-Probe: {old}\n\n)\nb4 OK\n* SEARCH 1 2 3\n"
        ),
    );
    keep(
        "huge",
        "S",
        format!(
            "Subject: huge\n\n{}",
            "All work and no play.\n".repeat(250_000)
        ),
    );
    kept.sort();
    kept
}

/// What earlier runs have left and nobody waits for.
fn seed_leftovers(backend: &Backend) {
    for (number, purpose) in [Purpose::Deep, Purpose::Step].into_iter().enumerate() {
        let old = token(purpose, 2 * HOUR, "elsewhere");
        let text = format!("X-Poolmon-Probe: {old}\nSubject: poolmon test message\n\nleft\n");
        // A name that makes it one of the newest: of old mail POP3 looks at little in each attempt.
        seed(backend, &format!("z-left{number}"), "", &text);
    }
}

fn deep_probes() -> usize {
    match std::env::var(DEEP_PROBES) {
        Ok(count) => count.parse().expect(DEEP_PROBES),
        Err(_) => USUAL_DEEP_PROBES,
    }
}

/// Makes so many deep probes, several at a time; the delivery times, shortest first.
#[track_caller]
fn probe_deeply(backend: &Backend, service: Service, count: usize) -> Vec<Duration> {
    let plan = plan(Steps::default());
    let (prober, target) = (plan.prober(), plan.target(backend, service));
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let probers: Vec<_> = (0..PROBERS)
            .map(|place| {
                let (prober, target) = (&prober, &target);
                let share = (count + place) / PROBERS;
                scope.spawn(move || {
                    let probe = |_| {
                        let outcome = prober.attempt(target, &service, PATIENCE);
                        assert_eq!(outcome.result, Ok(Pass::Clean), "{service}");
                        let delivery = outcome.delivery.expect("read after delivery");
                        assert!(delivery <= outcome.latency);
                        delivery
                    };
                    (0..share).map(probe).collect::<Vec<_>>()
                })
            })
            .collect();
        let times = probers.into_iter().map(|prober| prober.join().unwrap());
        times.flatten().collect()
    });
    times.sort_unstable();
    assert_eq!(times.len(), count);
    times
}

/// Names what is missing and what is too much, and not the megabytes of the rest.
#[track_caller]
fn assert_same(found: &[String], kept: &[String]) {
    let beginnings = |texts: &[String], others: &[String]| -> BTreeSet<String> {
        texts
            .iter()
            .filter(|text| !others.contains(text))
            .map(|text| text.chars().take(100).collect())
            .collect()
    };
    let (lost, new) = (beginnings(kept, found), beginnings(found, kept));
    assert!(
        lost.is_empty() && new.is_empty(),
        "lost {lost:#?}, new {new:#?}"
    );
    assert_eq!(found.len(), kept.len());
}
