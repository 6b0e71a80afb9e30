//! The two ways of working on a backend that the man page tells, tried on a real ring.

use std::time::Duration;

use crate::lab::monitor::MonitorPlan;
use crate::lab::patience::{hold_for, wait_until};
use crate::lab::ring::{Ring, RingPlan, IMAP, PASSWORD, PROBE_USER};

const REACTION: Duration = Duration::from_secs(40);
const A_WHILE: Duration = Duration::from_secs(4);

fn watch(ring: &Ring, director: usize) -> MonitorPlan {
    ring.monitor(director)
        .flags("-i 1 -t 1 --retries=1 --retry-delay=0.3 -v 0")
        .flags(&format!("-p IMAP:{IMAP}"))
        .credentials(PROBE_USER, PASSWORD)
}

#[track_caller]
fn wait_for_states(ring: &Ring, states: &str) {
    wait_until(&format!("director 0 to list {states}"), REACTION, || {
        ring.directors[0].states() == states
    });
}

#[test]
fn a_vhost_count_of_zero_keeps_a_backend_empty_while_the_monitor_runs() {
    let mut ring = Ring::start(RingPlan::default());
    let monitors = [watch(&ring, 0).start(), watch(&ring, 1).start()];
    let address = ring.backends[1].address;
    let name = address.to_string();
    for monitor in &monitors {
        monitor.wait_for_line(&[&name, "healthy"], REACTION);
    }
    let users = ring.directors[0].log_in_on(address, 2);
    ring.directors[0].doveadm(&["update", &name, "0"]);
    // Who is there stays, until moved; nobody new comes.
    wait_until("the other director to hear of it", REACTION, || {
        ring.directors[1].host(address).unwrap().vhosts == 0
    });
    hold_for("the two users to stay", A_WHILE, || {
        let host = ring.directors[0].host(address).unwrap();
        (host.users, host.vhosts, host.state) == (2, 0, 'U')
    });
    ring.directors[0].doveadm(&["flush", &name]);
    wait_until("nobody on it", REACTION, || {
        ring.directors[0].host(address).unwrap().users == 0
    });
    for user in &users {
        assert!(ring.directors[1].log_in(&user.user).is_ok());
    }

    // The work: it stops and starts, and stays empty.
    ring.backends[1].dovecot.stop();
    wait_for_states(&ring, "UDU");
    ring.backends[1].dovecot.start();
    wait_for_states(&ring, "UUU");
    let host = ring.directors[0].host(address).unwrap();
    assert_eq!((host.users, host.vhosts), (0, 0));

    ring.directors[0].doveadm(&["update", &name, "100"]);
    wait_until("users on it", REACTION, || {
        !ring.directors[0].users_of(address).is_empty()
    });
    ring.directors[0].log_in_on(address, 1);
    hold_for("a steady ring", A_WHILE, || {
        let host = ring.directors[1].host(address).unwrap();
        (host.vhosts, host.state) == (100, 'U')
    });
}

#[test]
fn with_restore_own_a_backend_set_down_by_hand_stays_down_until_set_up() {
    let ring = Ring::start(RingPlan::default());
    let own = |director| watch(&ring, director).flag("--restore=own").start();
    let monitors = [own(0), own(1)];
    let name = ring.backends[1].address.to_string();
    for monitor in &monitors {
        monitor.wait_for_line(&[&name, "healthy"], REACTION);
    }
    ring.directors[1].doveadm(&["down", &name]);
    wait_for_states(&ring, "UDU");
    for (director, monitor) in monitors.iter().enumerate() {
        let socket = ring.directors[director].socket();
        let up = format!("doveadm director up -a {} {name}", socket.display());
        monitor.wait_for_line(&[" ERR ", &up], REACTION);
    }
    hold_for("it to stay down", A_WHILE, || {
        ring.directors[0].states() == "UDU"
    });
    ring.directors[0].doveadm(&["up", &name]);
    wait_for_states(&ring, "UUU");
    hold_for("it to stay up", A_WHILE, || {
        ring.directors[1].states() == "UUU"
    });
}

#[test]
fn with_restore_any_a_backend_set_down_by_hand_comes_up_after_the_hold() {
    let ring = Ring::start(RingPlan::default());
    // The alarm is said half a second after it began; the hold may have begun a second before.
    let monitor = watch(&ring, 0).flag("--hold=6").start();
    let name = ring.backends[1].address.to_string();
    monitor.wait_for_line(&[&name, "healthy"], REACTION);
    ring.directors[1].doveadm(&["down", &name]);
    wait_for_states(&ring, "UDU");
    monitor.wait_for_line(
        &[" ERR ", &name, "an administrator or another monitor"],
        REACTION,
    );
    hold_for("the hold", Duration::from_secs(3), || {
        ring.directors[0].states() == "UDU"
    });
    wait_for_states(&ring, "UUU");
}
