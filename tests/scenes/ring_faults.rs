//! Real rings in which directors and monitors die, while backends fail and administrators act.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::ring::{wait_for_states, watch, REACTION};
use crate::lab::admin_socket;
use crate::lab::monitor::Monitor;
use crate::lab::patience::{hold_for, promised, wait_until};
use crate::lab::ring::{Ring, RingPlan};

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
        sleep(Duration::from_secs(1));
        let owner = who_took_down(&monitors, &name, &before);
        // The other is silent for a moment, so that the new one lists for longer what it knows alone.
        let other = 1 - owner;
        ring.directors[other].dovecot.freeze();
        ring.directors[owner].dovecot.kill_service("director");
        wait_until("the new director's first list", REACTION, || {
            let list = admin_socket::host_list(&ring.directors[owner].socket());
            list.map_or(false, |list| list[number].state == 'U')
        });
        sleep(Duration::from_millis(2500));
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
    sleep(Duration::from_secs(5));
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
