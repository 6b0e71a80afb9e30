//! The monitor at a real ring: Dovecot directors and backends. No scene may make one of them panic;
//! the lab looks into their logs at the end of each.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::lab::authority::Authority;
use crate::lab::mail_client::SessionState;
use crate::lab::monitor::MonitorPlan;
use crate::lab::patience::{hold_for, promised, wait_until};
use crate::lab::ring::{
    Plaintext, Ring, RingPlan, IMAP, IMAPS, LMTP, LMTPS, PASSWORD, POP3, POP3S, PROBE_USER,
    TLS_NAME,
};

/// Long enough for the slowest reaction on a busy machine.
pub const REACTION: Duration = Duration::from_secs(40);
const A_WHILE: Duration = Duration::from_secs(4);
/// For one answer of a living session.
const MOMENT: Duration = Duration::from_secs(1);

/// A probe of IMAP a second, with a login and one quick retry.
pub fn watch(ring: &Ring, director: usize) -> MonitorPlan {
    ring.monitor(director)
        .flags("-i 1 -t 3 --retries=1 --retry-delay=0.3")
        .flags(&format!("-p IMAP:{IMAP}"))
        .flags(&trust(ring))
        .credentials(PROBE_USER, PASSWORD)
}

#[track_caller]
pub fn wait_for_states(ring: &Ring, director: usize, states: &str) {
    let what = format!("director {director} to list {states}");
    wait_until(&what, REACTION, || {
        ring.directors[director].states() == states
    });
}

/// What the backends' certificates are to be checked with.
pub fn trust(ring: &Ring) -> String {
    format!(
        "--tls-name {TLS_NAME} --ca-file {}",
        ring.authority.file().display()
    )
}

/// Everything there is to check.
fn all_services() -> String {
    format!(
        "-p IMAP:{IMAP} -p POP3:{POP3} -p LMTP:{LMTP} -s IMAP:{IMAPS} -s POP3:{POP3S} \
         -s LMTP:{LMTPS} --lmtp-from probe@lab.test --lmtp-to {PROBE_USER}"
    )
}

#[test]
fn every_protocol_and_tls_mode_is_seen_as_it_is() {
    each_mode_is_seen(Plaintext::Allowed);
}

#[test]
fn every_protocol_and_tls_mode_is_seen_as_it_is_where_passwords_need_tls() {
    each_mode_is_seen(Plaintext::Disabled);
}

#[track_caller]
fn each_mode_is_seen(plaintext: Plaintext) {
    let ring = Ring::start(RingPlan {
        directors: 1,
        backends: 2,
        plaintext,
        ..RingPlan::default()
    });
    let other = Authority::make(ring.place.folder(), "other-ca");
    let trusted = trust(&ring);
    let distrusted = format!("--tls-name {TLS_NAME} --ca-file {}", other.file().display());
    let nothing = String::new();
    let misnamed = format!(
        "--tls-name wrong.lab.test --ca-file {}",
        ring.authority.file().display()
    );
    for (services, tls, code) in [
        (format!("-p IMAP:{IMAP}"), &trusted, 0),
        (format!("-p POP3:{POP3}"), &trusted, 0),
        (format!("-p LMTP:{LMTP}"), &trusted, 0),
        (
            format!("-p LMTP:{LMTP} --lmtp-to {PROBE_USER}"),
            &trusted,
            0,
        ),
        (format!("-p {IMAP}"), &trusted, 0),
        (format!("-s IMAP:{IMAPS}"), &trusted, 0),
        (format!("-s POP3:{POP3S}"), &trusted, 0),
        (format!("-s LMTP:{LMTPS}"), &trusted, 0),
        (all_services(), &trusted, 0),
        (format!("-s IMAP:{IMAPS}"), &distrusted, 2),
        (format!("-s IMAP:{IMAPS}"), &misnamed, 2),
        (format!("-v 0 -s IMAP:{IMAPS}"), &distrusted, 0),
        // An authority that nobody here trusts: STARTTLS of POP3 and LMTP is taken up all the same,
        // unless somebody insists.
        (format!("-p POP3:{POP3}"), &nothing, 0),
        (
            format!("-p LMTP:{LMTP} --lmtp-to {PROBE_USER}"),
            &nothing,
            0,
        ),
        (
            format!("-p LMTP:{LMTP} --lmtp-to {PROBE_USER}"),
            &distrusted,
            2,
        ),
        // No TLS on that port.
        (format!("-s IMAP:{IMAP}"), &trusted, 2),
    ] {
        let plan = ring.monitor(0).flags("-t 5 --retries=0");
        let words = format!("--once {services} {tls}");
        let without = plan.run(&words, REACTION);
        assert_eq!(
            without.status.code(),
            Some(code),
            "{plaintext:?} {words}: {}",
            without.text
        );
        let with = plan.credentials(PROBE_USER, PASSWORD).run(&words, REACTION);
        assert_eq!(
            with.status.code(),
            Some(code),
            "{plaintext:?} {words} with a login: {}",
            with.text
        );
        assert!(!with.text.contains(PASSWORD), "{}", with.text);
    }
    for services in [
        format!("-s IMAP:{IMAPS}"),
        format!("-p IMAP:{IMAP}"),
        format!("-p POP3:{POP3}"),
        format!("-p LMTP:{LMTP} --lmtp-to {PROBE_USER}"),
    ] {
        let plan = ring.monitor(0).credentials(PROBE_USER, PASSWORD);
        let words = format!("--once -t 5 --retries=0 {services} {misnamed}");
        let refused = plan.run(&words, REACTION);
        let names = format!("expected name \"wrong.lab.test\", presented \"{TLS_NAME}\"");
        assert_eq!(
            refused.text.matches(&names).count(),
            2,
            "{words}: {}",
            refused.text
        );
    }
    let wrong = ring
        .monitor(0)
        .credentials(PROBE_USER, "wrong")
        .run(&format!("--once {} {trusted}", all_services()), REACTION);
    assert_eq!(wrong.status.code(), Some(2), "{}", wrong.text);
    assert_eq!(ring.directors[0].states(), "UU");
}

#[test]
fn a_healthy_ring_is_left_alone() {
    let ring = Ring::start(RingPlan::default());
    let plan = ring
        .monitor(0)
        .flags("-i 1 -t 5 --retries=1 --retry-delay=0.3")
        .flags(&all_services())
        .flags(&trust(&ring))
        .credentials(PROBE_USER, PASSWORD);
    let monitors = [plan.start(), plan.another(&ring.place).start()];
    hold_for("no error", A_WHILE, || {
        monitors.iter().all(|monitor| monitor.errors().is_empty())
    });
    for host in ring.directors[1].host_list() {
        assert_eq!((host.state, host.stamp), ('U', 0), "{host:?}");
    }
}

#[test]
fn a_stopped_backend_loses_its_users_and_comes_back_in_the_whole_ring() {
    let mut ring = Ring::start(RingPlan::default());
    let _monitor = watch(&ring, 0).start();
    let dead = ring.backends[0].address;
    let users = ring.directors[1].log_in_on(dead, 3);
    wait_until("three users", REACTION, || {
        ring.directors[1].host(dead).unwrap().users >= 3
    });

    ring.backends[0].dovecot.stop();
    wait_for_states(&ring, 1, "DUU");
    wait_until("nobody on the dead backend", REACTION, || {
        ring.directors[1].host(dead).unwrap().users == 0
    });
    // They find another one.
    for user in &users {
        assert!(ring.directors[1].log_in(&user.user).is_ok());
    }

    ring.backends[0].dovecot.start();
    wait_for_states(&ring, 1, "UUU");
    hold_for("a steady ring", A_WHILE, || {
        ring.directors[1].states() == "UUU"
    });
}

/// Freezes a backend under open sessions, and returns what became of them within a second of its
/// going down.
fn sessions_behind_a_frozen_backend(flush: &str) -> Vec<SessionState> {
    let ring = Ring::start(RingPlan::default());
    let _monitor = watch(&ring, 0).flag(flush).start();
    let frozen = ring.backends[2].address;
    let mut sessions = ring.directors[0].log_in_on(frozen, 3);
    sessions.extend(ring.directors[1].log_in_on(frozen, 6).split_off(3));
    for session in &mut sessions {
        assert_eq!(session.state(MOMENT), SessionState::Alive);
    }

    ring.backends[2].dovecot.freeze();
    wait_for_states(&ring, 1, "UUD");
    let second = Duration::from_secs(1);
    let end = Instant::now() + promised(second);
    wait_until("nobody listed on the frozen backend", second, || {
        ring.directors[1].host(frozen).unwrap().users == 0
    });
    let states: Vec<SessionState> = sessions
        .iter_mut()
        .map(|session| {
            // No wait may be zero; past the end a millisecond finds what has come before it.
            let left = end.saturating_duration_since(Instant::now());
            if session.is_kicked_within(left.max(Duration::from_millis(1))) {
                SessionState::Kicked
            } else {
                SessionState::Hanging
            }
        })
        .collect();

    ring.backends[2].dovecot.thaw();
    wait_for_states(&ring, 1, "UUU");
    states
}

#[test]
fn sessions_behind_a_frozen_backend_are_kicked_within_a_second_of_its_down() {
    let states = sessions_behind_a_frozen_backend("--flush=move");
    assert_eq!(states, [SessionState::Kicked; 6]);
}

#[test]
fn with_flush_drop_sessions_behind_a_frozen_backend_hang() {
    let states = sessions_behind_a_frozen_backend("--flush=drop");
    assert_eq!(states, [SessionState::Hanging; 6]);
}

#[test]
fn a_login_refused_by_one_backend_counts_and_one_refused_by_all_does_not() {
    let ring = Ring::start(RingPlan::default());
    let monitor = watch(&ring, 0).start();
    let address = ring.backends[1].address.to_string();
    monitor.wait_for_line(&[&address, "healthy"], REACTION);
    ring.backends[1].set_password("changed");
    wait_for_states(&ring, 1, "UDU");
    ring.backends[1].set_password(PASSWORD);
    wait_for_states(&ring, 1, "UUU");
    drop(monitor);

    for backend in &ring.backends {
        backend.set_password("changed");
    }
    let monitor = watch(&ring, 0).start();
    monitor.wait_for_line(&[" ERR ", "no backend is taken down for that"], REACTION);
    hold_for("all to stay up", A_WHILE, || {
        ring.directors[1].states() == "UUU"
    });
}

#[test]
fn a_certificate_or_recipient_that_all_refuse_takes_nobody_down_and_says_what_to_check() {
    let ring = Ring::start(RingPlan::default());
    let other = Authority::make(ring.place.folder(), "expired-ca");
    let other = other.file().display().to_string();
    for (flags, stage) in [
        (
            format!("-s IMAP:{IMAPS} --tls-name {TLS_NAME} --ca-file {other}"),
            "tls handshake",
        ),
        (
            format!(
                "-p LMTP:{LMTP} --lmtp-to nobody-of-this-name {}",
                trust(&ring)
            ),
            "rcpt to",
        ),
    ] {
        let monitor = ring
            .monitor(0)
            .flags("-i 1 -t 3 --retries=1 --retry-delay=0.3")
            .flags(&flags)
            .start();
        let line = monitor.wait_for_line(
            &[" ERR ", "no backend is taken down for that", stage],
            REACTION,
        );
        assert!(line.contains("check this monitor's"), "{line}");
        hold_for("nobody to be taken down", A_WHILE, || {
            ring.directors[0].states() == "UUU"
        });
    }
}

#[test]
fn a_restarted_director_of_a_ring_learns_and_keeps_what_the_monitor_did() {
    let mut ring = Ring::start(RingPlan::default());
    let _monitor = watch(&ring, 0).start();
    ring.backends[0].dovecot.kill();
    wait_for_states(&ring, 1, "DUU");
    ring.directors[0].restart();
    ring.wait_until_synced();
    wait_for_states(&ring, 0, "DUU");
    wait_for_states(&ring, 1, "DUU");

    ring.backends[0].dovecot.start();
    wait_for_states(&ring, 1, "UUU");
    wait_for_states(&ring, 0, "UUU");
}

#[test]
fn a_director_alone_that_restarts_hears_of_the_dead_backend_again() {
    let mut ring = Ring::start(RingPlan {
        directors: 1,
        ..RingPlan::default()
    });
    let _monitor = watch(&ring, 0).start();
    ring.backends[0].dovecot.kill();
    wait_for_states(&ring, 0, "DUU");
    ring.directors[0].restart();
    let restarted = Instant::now();
    wait_for_states(&ring, 0, "DUU");
    let taken = restarted.elapsed();
    assert!(taken < promised(Duration::from_secs(3)), "{taken:?}");
}

/// Somebody cleans the folder of Dovecot's sockets; Dovecot itself makes them at its start only.
#[test]
fn a_directors_socket_that_goes_is_one_alarm_until_it_is_back() {
    let mut ring = Ring::start(RingPlan {
        directors: 1,
        ..RingPlan::default()
    });
    let monitor = watch(&ring, 0).start();
    monitor.wait_for_line(&["is healthy"], REACTION);
    fs::remove_file(ring.directors[0].socket()).unwrap();
    let alarm = [" ERR ", "failover is off since", "the socket is missing"];
    monitor.wait_for_line(&alarm, Duration::from_secs(2));
    ring.backends[0].dovecot.kill();
    monitor.wait_for_line(&["has failed"], REACTION);
    hold_for("two error lines", A_WHILE, || monitor.errors().len() == 2);

    ring.directors[0].restart();
    let restarted = Instant::now();
    wait_for_states(&ring, 0, "DUU");
    let taken = restarted.elapsed();
    assert!(taken < promised(Duration::from_secs(3)), "{taken:?}");
    monitor.wait_for_line(&["failover is on again"], REACTION);
    assert_eq!(monitor.errors().len(), 2, "{:#?}", monitor.errors());
}

#[test]
fn a_frozen_director_keeps_nobody_from_stopping_the_monitor() {
    let ring = Ring::start(RingPlan {
        directors: 1,
        ..RingPlan::default()
    });
    let mut monitor = watch(&ring, 0).start();
    let address = ring.backends[1].address.to_string();
    monitor.wait_for_line(&[&address, "healthy"], REACTION);
    ring.directors[0].dovecot.freeze();
    // It asks once a second, so then it waits for an answer.
    monitor.wait_for_status("the list to be two seconds old", REACTION, |shown| {
        let (written, read) = (
            &shown["poolmon"]["written"],
            &shown["director"]["list_read"],
        );
        let age = written.as_f64().zip(read.as_f64()).map(|(w, r)| w - r);
        age.map_or(false, |age| age > 2.0)
    });
    let sent = Instant::now();
    monitor.signal(Signal::SIGTERM);
    let status = monitor.wait_for_end(REACTION);
    assert!(sent.elapsed() < promised(Duration::from_secs(1)));
    assert_eq!(status.code(), Some(0));
    ring.directors[0].dovecot.thaw();
}

#[test]
fn backends_added_and_removed_with_doveadm_are_followed() {
    let mut ring = Ring::start(RingPlan::default());
    let monitor = watch(&ring, 0).start();
    let added = ring.backends[3].address;
    // It does not run yet.
    ring.directors[1].doveadm(&["add", &added.to_string()]);
    wait_for_states(&ring, 1, "UUUD");
    ring.backends[3].dovecot.start();
    wait_for_states(&ring, 1, "UUUU");

    let removed = ring.backends[0].address;
    ring.directors[1].doveadm(&["remove", &removed.to_string()]);
    monitor.wait_for_line(&[&removed.to_string(), "no longer listed"], REACTION);
    ring.backends[0].dovecot.kill();
    hold_for("the others to stay up", A_WHILE, || {
        ring.directors[1].states() == "UUU"
    });
}

/// How often any director was told this of the backend, by its log.
pub fn times_told(ring: &Ring, backend: &str, change: &str) -> usize {
    let told = format!("doveadm: Host {backend} changed {change}");
    let mentions = ring
        .directors
        .iter()
        .map(|director| director.dovecot.log().matches(&told).count());
    mentions.sum()
}

#[test]
fn monitors_on_every_director_make_one_down_and_one_up_of_one_failure() {
    let mut ring = Ring::start(RingPlan {
        directors: 3,
        ..RingPlan::default()
    });
    let monitors: Vec<_> = (0..3)
        .map(|director| watch(&ring, director).start())
        .collect();
    let dead = ring.backends[1].address.to_string();
    for monitor in &monitors {
        monitor.wait_for_line(&[&dead, "healthy"], REACTION);
    }
    ring.backends[1].dovecot.kill();
    for director in 0..3 {
        wait_for_states(&ring, director, "UDU");
    }
    hold_for("a steady ring", A_WHILE, || {
        ring.directors[0].states() == "UDU"
    });
    ring.backends[1].dovecot.start();
    for director in 0..3 {
        wait_for_states(&ring, director, "UUU");
    }
    hold_for("a steady ring", A_WHILE, || {
        ring.directors[0].states() == "UUU"
    });
    assert_eq!(times_told(&ring, &dead, "down"), 1);
    assert_eq!(times_told(&ring, &dead, "up"), 1);
}
