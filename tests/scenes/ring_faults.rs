//! Real rings in which directors and monitors die, while backends fail and administrators act.

use std::time::{Duration, Instant};

use super::ring::{wait_for_states, watch, REACTION};
use crate::lab::admin_socket;
use crate::lab::mail_client::Session;
use crate::lab::monitor::Monitor;
use crate::lab::patience::{hold_for, promised, wait_until};
use crate::lab::ring::{Ring, RingPlan};

const A_WHILE: Duration = Duration::from_secs(4);

/// The monitor that took this backend down last: which of them, and how often each has.
fn who_took_down(monitors: &[Monitor], backend: &str, before: &[usize]) -> usize {
    let times = |monitor: &Monitor| monitor.lines_with(&[backend, "disabled"]).len();
    let now: Vec<usize> = monitors.iter().map(times).collect();
    let more = now
        .iter()
        .zip(before)
        .position(|(now, before)| now > before);
    more.unwrap_or_else(|| panic!("{backend}: {before:?}, {now:?}"))
}

/// The director that starts anew lists all backends as up, with stamp 0, until it has heard the ring.
#[test]
fn with_restore_own_a_backend_comes_up_though_the_director_of_its_monitor_was_killed() {
    let mut ring = Ring::start(RingPlan::default());
    let own = |director| watch(&ring, director).flag("--restore=own").start();
    let monitors: Vec<Monitor> = (0..2).map(own).collect();
    for monitor in &monitors {
        for backend in &ring.backends[..3] {
            monitor.wait_for_line(&[&backend.address.to_string(), "healthy"], REACTION);
        }
    }
    for number in 0..3 {
        let name = ring.backends[number].address.to_string();
        let times = |monitor: &Monitor| monitor.lines_with(&[&name, "disabled"]).len();
        let before: Vec<usize> = monitors.iter().map(times).collect();
        let mut states = vec!['U'; 3];
        states[number] = 'D';
        let states: String = states.into_iter().collect();
        ring.backends[number].dovecot.kill();
        for director in 0..2 {
            wait_for_states(&ring, director, &states);
        }
        // The reply to the command may come a little later than the list.
        wait_until("one of them to say so", REACTION, || {
            let times = monitors.iter().map(times);
            times.zip(&before).any(|(now, before)| now > *before)
        });
        let owner = who_took_down(&monitors, &name, &before);
        // The other is silent for a moment, so that the new one lists for longer what it knows alone.
        let other = 1 - owner;
        ring.directors[other].dovecot.freeze();
        ring.directors[owner].dovecot.kill_service("director");
        wait_until("the new director's first list", REACTION, || {
            let list = admin_socket::host_list(&ring.directors[owner].socket());
            list.map_or(false, |list| list[number].state == 'U')
        });
        monitors[owner].wait_for_list(REACTION);
        ring.directors[other].dovecot.thaw();
        ring.wait_until_synced();
        wait_for_states(&ring, owner, &states);
        ring.backends[number].start();
        let started = Instant::now();
        for director in 0..2 {
            wait_for_states(&ring, director, "UUU");
        }
        let taken = started.elapsed();
        assert!(
            taken < promised(Duration::from_secs(4)),
            "{name}: {taken:?}"
        );
    }
}

/// So many users on the backend, seen by all directors that run.
fn log_in(ring: &Ring, backend: usize, count: usize) -> Vec<Session> {
    let address = ring.backends[backend].address;
    let sessions = ring.directors[0].log_in_on(address, count);
    for director in &ring.directors {
        wait_until("the users in all lists", REACTION, || {
            director.host(address).unwrap().users >= count as u64
        });
    }
    sessions
}

#[track_caller]
fn wait_for_no_users(ring: &Ring, backend: usize, limit: Duration) {
    let began = Instant::now();
    let address = ring.backends[backend].address;
    for director in &ring.directors {
        wait_until("nobody on the backend", REACTION, || {
            director.host(address).unwrap().users == 0
        });
    }
    let taken = began.elapsed();
    assert!(taken < promised(limit), "{taken:?}");
}

/// While a director is frozen, the others wait for it before they move anybody.
#[test]
fn users_are_moved_by_the_others_if_the_monitor_that_took_the_backend_down_is_gone() {
    let mut ring = Ring::start(RingPlan {
        directors: 3,
        ..RingPlan::default()
    });
    let dead = ring.backends[1].address;
    let name = dead.to_string();
    // So it is the first one that takes it down.
    let slow = |director| watch(&ring, director).flag("--down-delay=5").start();
    let mut first = watch(&ring, 0).start();
    let others = [slow(1), slow(2)];
    first.wait_for_line(&[&name, "healthy"], REACTION);
    for monitor in &others {
        monitor.wait_for_line(&[&name, "healthy"], REACTION);
    }
    let sessions = log_in(&ring, 1, 4);

    ring.directors[2].dovecot.freeze();
    ring.backends[1].dovecot.kill();
    wait_for_states(&ring, 0, "UDU");
    first.kill();
    ring.directors[2].dovecot.thaw();
    ring.wait_until_synced();
    wait_for_no_users(&ring, 1, Duration::from_secs(10));
    for session in &sessions {
        assert!(ring.directors[1].log_in(&session.user).is_ok());
    }

    // Who is moved there once all lists have shown nobody is left alone.
    for monitor in &others {
        monitor.wait_for_list(REACTION);
    }
    ring.directors[1].doveadm(&["move", &sessions[0].user, &name]);
    wait_until("the moved user", REACTION, || {
        ring.directors[2].host(dead).unwrap().users == 1
    });
    hold_for("the moved user to stay", 3 * A_WHILE, || {
        ring.directors[1].host(dead).unwrap().users == 1
    });
}

#[test]
fn users_are_moved_when_a_backend_dies_that_an_administrator_has_taken_down() {
    for flags in ["--restore=own", "--restore=any"] {
        let mut ring = Ring::start(RingPlan::default());
        let monitors = [0, 1].map(|director| watch(&ring, director).flag(flags).start());
        let address = ring.backends[1].address;
        let name = address.to_string();
        for monitor in &monitors {
            monitor.wait_for_line(&[&name, "healthy"], REACTION);
        }
        let _sessions = log_in(&ring, 1, 3);
        ring.directors[1].doveadm(&["down", &name]);
        wait_for_states(&ring, 0, "UDU");
        hold_for("its users to stay while it is healthy", 2 * A_WHILE, || {
            ring.directors[0].host(address).unwrap().users == 3
        });
        ring.backends[1].dovecot.kill();
        for monitor in &monitors {
            monitor.wait_for_line(&[&name, "has failed"], REACTION);
        }
        wait_for_no_users(&ring, 1, Duration::from_secs(10));
        let says_so = |monitor: &Monitor| !monitor.lines_with(&[&name, "users moved"]).is_empty();
        wait_until("a monitor to say so", REACTION, || {
            monitors.iter().any(says_so)
        });
    }
}

#[test]
fn with_restore_any_a_monitor_that_restarts_keeps_the_hold() {
    const HOLD: Duration = Duration::from_secs(15);
    let ring = Ring::start(RingPlan::default());
    let plans = [0, 1].map(|director| watch(&ring, director).flag("--hold=15"));
    let mut monitors = plans.clone().map(|plan| plan.start());
    let name = ring.backends[1].address.to_string();
    for monitor in &monitors {
        monitor.wait_for_line(&[&name, "healthy"], REACTION);
    }
    ring.directors[1].doveadm(&["down", &name]);
    let down = Instant::now();
    wait_for_states(&ring, 0, "UDU");
    hold_for("the hold", Duration::from_secs(5), || {
        ring.directors[0].states() == "UDU"
    });
    for (plan, monitor) in plans.iter().zip(&mut monitors) {
        monitor.stop(REACTION);
        *monitor = plan.start();
    }
    // Stamps are whole seconds, and lists a second old.
    let quiet = (HOLD - Duration::from_secs(3)).saturating_sub(down.elapsed());
    hold_for("the hold", quiet, || ring.directors[0].states() == "UDU");
    wait_for_states(&ring, 0, "UUU");
    let taken = down.elapsed();
    assert!(taken < promised(HOLD + Duration::from_secs(3)), "{taken:?}");
}
