//! Where passwords go: over verified TLS alone, if that is asked for. And where they stay.

use nix::sys::signal::Signal;
use openssl::base64;

use crate::lab::authority::Authority;
use crate::lab::fake_backend::{Mood, IMAP as FAKE_IMAP, POP3 as FAKE_POP3};
use crate::lab::fake_pool::{self, FakePool, USER};
use crate::lab::passwords::{copies_in_memory, marked, shows_password};
use crate::lab::patience::wait_until;
use crate::lab::preload;
use crate::lab::ring::{
    Plaintext, Ring, RingPlan, Serves, IMAP, IMAPS, PASSWORD, POP3, POP3S, PROBE_USER, SIEVE,
    SUBMISSION, SUBMISSIONS, TLS_NAME,
};
use crate::scenes::faults::{assert_no_more_changes, A_WHILE};
use crate::scenes::ring::{trust, REACTION};

#[test]
fn a_required_tls_is_used_on_every_port_and_nothing_else_ends_in_a_login() {
    let ring = Ring::start(RingPlan {
        directors: 1,
        backends: 2,
        plaintext: Plaintext::Allowed,
        serves: Serves::SieveAndSubmission,
    });
    let other = Authority::make(ring.place.folder(), "other-ca");
    let distrusted = format!("--tls-name {TLS_NAME} --ca-file {}", other.file().display());
    let plan = ring
        .monitor(0)
        .flags("-t 5 --retries=0 --require-tls")
        .credentials(PROBE_USER, PASSWORD);
    let once = |words: &str, code: i32, expected: &str| {
        let ended = plan.run(&format!("--once {words}"), REACTION);
        let text = ended.text;
        assert_eq!(ended.status.code(), Some(code), "{words}: {text}");
        assert!(text.contains(expected), "{words}: {text}");
    };
    let logins = || {
        let logs = ring.backends.iter().map(|backend| backend.dovecot.log());
        let text = logs.collect::<String>();
        let lines = text.lines().filter(|line| line.contains("Login: user="));
        lines.map(str::to_string).collect::<Vec<_>>()
    };
    let trusted = trust(&ring);
    for (port, process) in [
        (format!("-p IMAP:{IMAP}"), "imap-login: "),
        (format!("-p POP3:{POP3}"), "pop3-login: "),
        (format!("-p SIEVE:{SIEVE}"), "managesieve-login: "),
        (format!("-p SUBMISSION:{SUBMISSION}"), "submission-login: "),
        (format!("-s IMAP:{IMAPS}"), "imap-login: "),
        (format!("-s POP3:{POP3S}"), "pop3-login: "),
        (format!("-s SUBMISSION:{SUBMISSIONS}"), "submission-login: "),
    ] {
        let of_process = || {
            logins()
                .iter()
                .filter(|line| line.contains(process))
                .count()
        };
        let before = of_process();
        once(&format!("{port} {trusted}"), 0, "healthy");
        // Dovecot's log is written by another process.
        wait_until(&format!("{port}: a login a backend"), REACTION, || {
            of_process() == before + 2
        });
        let before = logins();
        for line in &before {
            assert!(line.contains(", TLS"), "{port}: {line}");
        }
        once(&format!("{port} {distrusted}"), 2, "certificate refused");
        once(&port, 2, "certificate refused");
        once(&format!("-v 0 {port}"), 2, "login: no password sent");
        if port.starts_with("-p") {
            once(
                &format!("--starttls=no {port} {trusted}"),
                2,
                "--starttls=no keeps this port without TLS",
            );
        }
        assert_eq!(logins(), before, "{port}");
    }
}

/// A fake backend offers no STARTTLS, as if somebody on the way had taken it out.
#[test]
fn where_starttls_is_stripped_no_password_is_sent_nobody_goes_down_and_the_dead_still_do() {
    let pool = FakePool::start(3);
    let plan = pool
        .monitor()
        .flag("--require-tls")
        .credentials(USER, fake_pool::PASSWORD);
    let monitor = plan.start();
    pool.wait_for_visits();
    let fault = "starttls: required, and not on offer";
    monitor.wait_for_line(&[" ERR ", fault], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());
    for backend in &pool.backends {
        for visit in backend.visits() {
            let line = visit.line.unwrap_or_default();
            assert!(!shows_password(line.as_bytes()), "{line}");
        }
    }
    pool.backends[1].set(Mood::Refusing);
    pool.wait_for_state(1, 'D');
    assert_eq!(pool.director.states(), "UDU");
}

#[test]
fn choices_that_contradict_required_tls_are_one_line_at_the_start() {
    let pool = FakePool::start(2);
    for (contradiction, expected) in [
        (
            "-v 0",
            "-v 0 (ssl_verify: False) turns off the check of certificates",
        ),
        (
            "--starttls=no",
            "--starttls=no keeps these ports without TLS",
        ),
    ] {
        let monitor = pool
            .monitor()
            .flags(&format!("--require-tls {contradiction}"))
            .credentials(USER, fake_pool::PASSWORD)
            .start();
        let port = format!("imap:{FAKE_IMAP}: no login is possible");
        monitor.wait_for_line(&[&port, expected], REACTION);
        monitor.wait_for_line(&["login: no password sent"], REACTION);
        let words = format!("--check-config --require-tls {contradiction}");
        let checked = pool.monitor().run(&words, REACTION).success();
        assert!(checked.contains(expected), "{checked}");
        assert!(pool.changes().is_empty());
    }
    // Without an account there is no password, and nothing to contradict.
    let monitor = pool.monitor().flags("--require-tls -v 0").start();
    monitor.wait_for_line(&[" starts"], REACTION);
    pool.wait_for_visits();
    assert!(monitor.lines_with(&["no login is possible"]).is_empty());
}

/// What was read, sent and thrown away is wiped. The one copy is in the account: the next login is made with it.
#[test]
fn a_monitor_at_rest_has_one_copy_of_a_password_in_its_memory() {
    let pool = FakePool::start(4);
    let password = marked("open-sesame");
    for backend in &pool.backends {
        backend.set_password(&password);
    }
    let response = base64::encode_block(format!("\0{USER}\0{password}").as_bytes());
    let response = response.trim_end_matches('=');
    let texts = [&*password, &response[response.len() - 16..]];
    let plan = pool
        .bare_monitor()
        .flags(&format!("-i 300 -p IMAP:{FAKE_IMAP} -p POP3:{FAKE_POP3}"))
        .credentials(USER, &password);
    let plan = preload::keeping_freed_memory(plan, &pool.place);
    let monitor = plan.start();
    for backend in &pool.backends {
        let address = backend.address.to_string();
        monitor.wait_for_line(&[&address, "healthy"], REACTION);
    }
    let is_one = || copies_in_memory(monitor.pid(), &texts) == 1;
    wait_until("one copy", REACTION, is_one);
    for reloads in 1..=4 {
        monitor.signal(Signal::SIGHUP);
        wait_until("a reload", REACTION, || {
            monitor.lines_with(&["reloaded"]).len() == reloads
        });
        wait_until("one copy again", REACTION, is_one);
    }
}
