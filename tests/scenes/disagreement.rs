//! Monitors at a real ring of two that see the backends differently, or whose ring falls apart.
//!
//! What a monitor cannot reach is a port of its own that no backend, or only the first, serves.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use super::ring::{times_told, wait_for_states, watch, REACTION};
use crate::lab::patience::{pause, wait_until};
use crate::lab::ring::{Ring, RingPlan};

/// poolmon with poolmon makes five changes a backend in this time.
const LONG_ENOUGH_TO_FLAP: Duration = Duration::from_secs(20);

/// Nobody listens there but `serve`.
const OWN_PORT: u16 = 1999;

/// Any line will do. The thread ends with the process.
fn serve(address: Ipv4Addr) {
    let listener = TcpListener::bind((address, OWN_PORT)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(b"hello\r\n"));
        }
    });
}

/// Watches the list of director 0 for a while; every state it was in, in order.
fn states_seen(ring: &Ring, time: Duration) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let states = ring.directors[0].states();
        if seen.last() != Some(&states) {
            seen.push(states);
        }
        // Pause: between two looks.
        pause(Duration::from_millis(50));
    }
    seen
}

fn changes(ring: &Ring, backend: usize) -> usize {
    let address = ring.backends[backend].address.to_string();
    times_told(ring, &address, "down") + times_told(ring, &address, "up")
}

#[test]
fn a_monitor_that_reaches_nobody_changes_nothing_and_asks_whether_it_is_cut_off() {
    let ring = Ring::start(RingPlan::default());
    let _seeing = watch(&ring, 0).start();
    let blind = watch(&ring, 1).flags(&format!("-p {OWN_PORT}")).start();
    assert_eq!(states_seen(&ring, LONG_ENOUGH_TO_FLAP), ["UUU"]);
    for backend in 0..3 {
        assert_eq!(changes(&ring, backend), 0);
    }
    blind.wait_for_line(&[" ERR ", "cut off"], REACTION);
}

#[test]
fn a_monitor_that_reaches_one_of_three_costs_each_backend_little_and_the_users_nothing() {
    let ring = Ring::start(RingPlan::default());
    serve(ring.backends[0].address);
    let seeing = watch(&ring, 0).start();
    let _half_blind = watch(&ring, 1).flags(&format!("-p {OWN_PORT}")).start();
    let seen = states_seen(&ring, LONG_ENOUGH_TO_FLAP);
    assert!(seen.iter().all(|states| states.contains('U')), "{seen:?}");
    for backend in 0..3 {
        assert!(changes(&ring, backend) <= 3, "backend {backend}: {seen:?}");
    }
    assert!(changes(&ring, 1) > 0, "they must disagree for this to tell");
    seeing.wait_for_line(&[" ERR ", "another monitor"], REACTION);
}

#[test]
fn a_director_frozen_by_the_side_of_ours_delays_the_drain_and_breaks_nothing() {
    let mut ring = Ring::start(RingPlan::default());
    let monitor = watch(&ring, 0).start();
    let dead = ring.backends[0].address;
    let address = dead.to_string();
    let _sessions = ring.directors[0].log_in_on(dead, 2);
    monitor.wait_for_line(&[&address, "healthy"], REACTION);
    ring.directors[1].dovecot.freeze();
    ring.backends[0].dovecot.kill();
    wait_for_states(&ring, 0, "DUU");

    // Dovecot waits 30 s for the frozen one before it says so.
    let answer = Duration::from_secs(90);
    monitor.wait_for_line(&[&address, "HOST-DOWN", "ring sync timed out"], answer);
    assert!(monitor.lines_with(&[&address, "users moved"]).is_empty());

    ring.directors[1].dovecot.thaw();
    monitor.wait_for_line(&[&address, "users moved"], answer);
    wait_until("both directors to agree", answer, || {
        ring.directors
            .iter()
            .all(|director| director.states() == "DUU")
    });
    assert!(ring.directors[0].users_of(dead).is_empty());
    assert_eq!(times_told(&ring, &address, "down"), 1);
}
