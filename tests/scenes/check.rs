//! `poolmon check`: against real Dovecot and against backends that fail as told.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::command;
use crate::lab::fake_backend::{Mood, IMAP as FAKE_IMAP};
use crate::lab::fake_pool::{self, FakePool};
use crate::lab::monitor::{binary, MonitorPlan};
use crate::lab::own_network;
use crate::lab::patience::{promised, wait_until};
use crate::lab::place::Place;
use crate::lab::ring::{
    Backend, Plaintext, Ring, RingPlan, Serves, IMAP, IMAPS, LMTP, LMTPS, PASSWORD, POP3,
    PROBE_USER, SIEVE, SUBMISSION, SUBMISSIONS, TLS_NAME,
};
use crate::scenes::ring::{trust, REACTION};

const LIMIT: Duration = Duration::from_secs(60);

fn ring(backends: u8) -> Ring {
    Ring::start(RingPlan {
        directors: 1,
        backends,
        plaintext: Plaintext::Allowed,
        serves: Serves::Mail,
    })
}

#[track_caller]
fn check(plan: &MonitorPlan, words: &str, code: i32) -> String {
    let ended = plan.check(words, LIMIT);
    let text = ended.text;
    assert_eq!(ended.status.code(), Some(code), "{words}: {text}");
    assert!(!text.contains(PASSWORD), "{text}");
    text
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn each_step_at_a_real_dovecot_is_told_with_its_time_or_its_fault() {
    let mut ring = ring(3);
    // The ring has more backends than its director lists.
    let listed = ring.backends[..3].iter();
    let addresses: Vec<Ipv4Addr> = listed.map(|backend| backend.address).collect();
    let [first, second, third] = [addresses[0], addresses[1], addresses[2]];
    let plan = ring.monitor(0).flags(&format!("-t 5 {}", trust(&ring)));
    let wrong = plan.clone().credentials(PROBE_USER, "wrong");
    let plan = ring
        .monitor(0)
        .flags(&format!("-t 5 {}", trust(&ring)))
        .credentials(PROBE_USER, PASSWORD);
    let imap = format!("-p IMAP:{IMAP} --starttls=no");

    // All that the director lists, in its order, with a login.
    let text = check(&plan, &imap, 0);
    has(
        &text,
        &[
            "connect ",
            "greeting ",
            "login ",
            "logout ",
            "healthy, ",
            "3 backends, 3 passed\n",
        ],
    );
    let places: Vec<usize> = addresses
        .iter()
        .map(|address| text.find(&format!("{address} imap:{IMAP}\n")).expect(&text))
        .collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{text}");

    // Without a director, TLS, and when its certificate expires.
    let elsewhere = format!("-S /nonexistent -p POP3:{POP3} -s IMAP:{IMAPS} {first}");
    let text = check(&plan, &elsewhere, 0);
    has(&text, &["tls handshake ", TLS_NAME, "days from now"]);

    // A wrong password is nobody's but the account's.
    let text = check(&wrong, &format!("{imap} {first}"), 1);
    has(
        &text,
        &[
            "login refused",
            "  FAILED\n",
            "C: probe {<length>}",
            "C: <password>",
            "S: a4 NO ",
            "look at: its reply above; user name and password in the file that this monitor reads",
        ],
    );
    assert!(!text.contains("C: wrong"), "{text}");

    ring.backends[1].dovecot.stop();
    let text = check(&plan, &imap, 2);
    let refused = format!("{second} imap:{IMAP}\n    connect");
    has(
        &text,
        &[
            &refused,
            "connect: connection refused",
            "3 backends, 2 passed, 1 failed\n",
        ],
    );
    ring.backends[1].dovecot.start();

    // What expires soon passes and is pointed out; what has expired is refused, and its date still told.
    let imaps = format!("-s IMAP:{IMAPS}");
    for (days, backend, words, said) in [
        (5, 1, format!("{imaps} {second}"), "LOOK: certificate for"),
        (-1, 2, format!("{imaps} {third}"), "certificate has expired"),
    ] {
        let folder = ring.place.folder().join(format!("days{days}"));
        fs::create_dir(&folder).unwrap();
        let certificate = ring
            .authority
            .issue_for_days(days, TLS_NAME, &[addresses[backend]]);
        // A reload of Dovecot takes its time.
        ring.backends[backend].set_certificate(&certificate);
        wait_until("the other certificate", REACTION, || {
            plan.check(&words, LIMIT).text.contains(said)
        });
        let text = check(&plan, &words, 1);
        match days > 0 {
            // Some seconds of the fifth day may have passed.
            true => {
                has(&text, &["healthy, "]);
                let left = ["5 days from now", "4 days from now"];
                assert!(left.iter().any(|left| text.contains(left)), "{text}");
            }
            false => has(
                &text,
                &["LOOK: certificate for", "expired on ", "(valid until 20"],
            ),
        }
    }
}

#[test]
fn a_dovecot_that_expects_a_proxy_is_seen_with_its_header_and_only_so() {
    own_network::within(|| {
        let place = Place::new();
        let backend = Backend::behind_a_proxy(&place);
        let address = backend.address;
        let plan = MonitorPlan::new(&place, Path::new("/nonexistent"))
            .flags("-v 0 -t 5")
            .credentials(PROBE_USER, PASSWORD);
        for version in ["v1", "v2"] {
            for ports in [
                format!("-p IMAP:{IMAP} -p POP3:{POP3} -p SIEVE:{SIEVE} --starttls=no"),
                format!("-p IMAP:{IMAP} -p SIEVE:{SIEVE} -p SUBMISSION:{SUBMISSION}"),
                format!("-s IMAP:{IMAPS} -s SUBMISSION:{SUBMISSIONS}"),
            ] {
                let words = format!("--proxy-protocol={version} {ports} {address} ::1");
                let text = check(&plan, &words, 0);
                assert_eq!(
                    text.matches("login ").count(),
                    2 * ports.matches(':').count()
                );
            }
            let lmtp = format!("-p LMTP:{LMTP} -s LMTP:{LMTPS} --lmtp-to {PROBE_USER}");
            let words = format!("--proxy-protocol={version} {lmtp} {address} ::1");
            has(&check(&plan, &words, 0), &["rcpt to ", "2 passed\n"]);
        }
        let log = backend.dovecot.log();
        for (source, destination) in [("127.0.0.1", &*address.to_string()), ("::1", "::1")] {
            let told = format!("rip={source}, lip={destination}, ");
            assert_eq!(log.matches(&told).count(), 2 * 8, "{told}: {log}");
            assert!(log.contains(&format!("Connect from {source}\n")), "{log}");
        }

        // By the key of dovemon's file.
        let configuration = |version: &str| {
            let file = place.path(&format!("{version}.yml"));
            let keys = format!(
                "proxy_protocol: {version}\ntimeout: 5\nimap_port: {IMAP}\npoll_pop3: yes\n\
                 pop3_port: {POP3}\npoll_lmtp: yes\nlmtp_port: {LMTP}\npoll_sieve: yes\nsieve_port: \
                 {SIEVE}\npoll_submission: yes\nsubmission_port: {SUBMISSION}\n"
            );
            fs::write(&file, keys).unwrap();
            MonitorPlan::new(&place, Path::new("/nonexistent"))
                .flag("--config")
                .flag(file)
        };
        for version in ["v1", "v2"] {
            let text = check(&configuration(version), &format!("{address} ::1"), 0);
            has(&text, &["2 backends, 2 passed\n"]);
            assert_eq!(text.matches("healthy, ").count(), 2 * 5, "{text}");
        }
        // Without one Dovecot waits for it and closes.
        let text = check(&configuration("no"), &address.to_string(), 2);
        assert_eq!(text.matches("  FAILED after").count(), 5, "{text}");
    });
}

#[test]
fn a_greeting_that_hangs_is_waited_for_side_by_side_and_told() {
    let pool = FakePool::start(3);
    pool.set_all(Mood::Silent);
    let plan = pool
        .bare_monitor()
        .flags(&format!("-t 2 -p IMAP:{FAKE_IMAP}"));
    let began = Instant::now();
    let text = check(&plan, "", 2);
    assert!(
        began.elapsed() < promised(Duration::from_secs(5)),
        "one after the other"
    );
    has(
        &text,
        &[
            "greeting            2.0",
            "FAILED after 2.0",
            "greeting: timed out",
            "cause: the connection stands, and the server says nothing",
            "whose fault: this backend's",
            "(nothing was said)",
            "3 backends, 3 failed\n",
        ],
    );
    assert!(!text.contains("waiting for"), "no terminal: {text}");
    assert!(!text.contains('\x1b'), "{text}");

    // On a terminal whoever waits is told for whom, and nothing of that stays.
    let address = pool.address(0);
    let words = format!(
        "{} check -t 2 -p IMAP:{FAKE_IMAP} {address}",
        binary().display()
    );
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &words, "/dev/null"]);
    let place = Place::new();
    let ended = command::run(&mut script, place.folder(), LIMIT);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.text);
    has(
        &ended.text,
        &[&format!("\r\x1b[Kwaiting for {address}, 1 s\r\x1b[K")],
    );
}

#[test]
fn what_could_not_be_checked_is_said_and_is_no_backends_fault() {
    let pool = FakePool::start(1);
    let plan = pool.bare_monitor();
    for (words, said) in [
        ("--bad", "unknown option \"--bad\""),
        ("mail7", "\"mail7\": expected the address of a backend"),
        ("-c /nonexistent 127.0.0.1", "/nonexistent"),
        (
            "-S /nonexistent",
            "with the addresses of backends no director is needed",
        ),
    ] {
        has(&check(&plan, words, 3), &[said]);
    }
    has(
        &check(&plan, "--help", 0),
        &["Usage: poolmon check [options] [ADDRESS...]"],
    );
    // Nobody is logged in without credentials, and that is said.
    let text = check(
        &plan,
        &format!("-p IMAP:{FAKE_IMAP} {}", pool.address(0)),
        0,
    );
    has(&text, &["no login was tried on", "1 backend, 1 passed\n"]);
    assert!(pool.changes().is_empty());
    let login = plan.credentials(fake_pool::USER, fake_pool::PASSWORD);
    pool.set_all(Mood::RefusingLogin);
    check(
        &login,
        &format!("-p IMAP:{FAKE_IMAP} {}", pool.address(0)),
        1,
    );
}
