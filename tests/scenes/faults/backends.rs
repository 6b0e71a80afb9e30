//! Backends that fail and recover: what the director is told, and in what order.

use std::time::{Duration, Instant};

use super::{assert_no_more_changes, A_WHILE};
use crate::lab::fake_backend::{Mood, ANY_LINE, IMAP, LMTP, POP3};
use crate::lab::fake_director::{Answer, Command, FakeHost, RingState};
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};
use crate::lab::patience::{check_in_time, hold_for, pause, promised, wait_until};
use crate::lab::together::together;

#[test]
fn a_refused_backend_goes_down_its_users_move_and_it_comes_up_again() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    assert!(pool.changes().is_empty());

    pool.backends[1].set(Mood::Refusing);
    pool.wait_for_state(1, 'D');
    pool.wait_for_no_users(1);
    let downs = ["HOST-DOWN b1", "HOST-RESET-USERS b1 4294967295"];
    assert_eq!(pool.changes(), downs);
    let address = pool.address(1).to_string();
    monitor.wait_for_line(&[&address, "disabled"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);

    pool.backends[1].set(Mood::Healthy);
    pool.wait_for_state(1, 'U');
    assert_eq!(pool.changes()[2..], ["HOST-UP b1"]);
    monitor.wait_for_line(&[&address, "enabled"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(monitor.lines_with(&["disabled"]).len(), 1);
    assert_eq!(monitor.lines_with(&["enabled"]).len(), 1);
}

#[test]
fn the_drain_is_sent_behind_the_ok_to_the_down() {
    let pool = FakePool::start(2);
    let late = Duration::from_millis(1500);
    pool.director
        .answer_next(Command::HostDown, &[Answer::Late(late)]);
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_no_users(0);
    let records = pool.director.records();
    let changes: Vec<_> = records
        .iter()
        .filter(|record| record.command.is_changing())
        .collect();
    assert_eq!(changes.len(), 2);
    assert!(changes[1].at >= changes[0].at + late);
    assert_ne!(changes[0].connection, changes[1].connection);
}

#[test]
fn backends_in_every_bad_mood_go_down_together_and_recover_together() {
    let moods = [
        Mood::Healthy,
        Mood::Refusing,
        Mood::Silent,
        Mood::BlackHole,
        Mood::Closing,
        Mood::ClosingLater,
        Mood::Dribbling(Duration::from_millis(80)),
        Mood::Junk,
        Mood::Bye,
        Mood::Unavailable,
    ];
    let pool = FakePool::start(moods.len() as u8);
    let monitor = pool.monitor().credentials(USER, PASSWORD).start();
    pool.wait_for_visits();
    for (backend, mood) in pool.backends.iter().zip(moods) {
        backend.set(mood);
    }
    wait_until("all but the healthy one to be down", REACTION, || {
        pool.director.states() == "UDDDDDDDDD"
    });
    wait_until("no users on them", REACTION, || {
        (1..moods.len()).all(|backend| pool.users_of(backend) == 0)
    });
    pool.set_all(Mood::Healthy);
    wait_until("all to be up", REACTION, || {
        pool.director.states() == "UUUUUUUUUU"
    });
    // The director has done it before the monitor hears so.
    let enabled = || monitor.lines_with(&["enabled"]).len();
    wait_until("all lines", REACTION, || enabled() >= 9);
    assert_eq!(enabled(), 9);
    assert_eq!(monitor.lines_with(&["disabled"]).len(), 9);
}

#[test]
fn a_fault_of_any_one_port_is_enough() {
    let faults = [
        (IMAP, Mood::Closing),
        (POP3, Mood::Silent),
        (LMTP, Mood::Bye),
        (ANY_LINE, Mood::Refusing),
    ];
    together(faults, |(port, mood)| {
        let pool = FakePool::start(2);
        let _monitor = pool
            .bare_monitor()
            .flags("-i 1 -t 1 --retries=0")
            .flags(&format!("-p IMAP:{IMAP} -p POP3:{POP3}"))
            .flags(&format!("-p LMTP:{LMTP} -p {ANY_LINE}"))
            .credentials(USER, PASSWORD)
            .start();
        pool.wait_for_visits();
        pool.backends[0].set_port(port, mood);
        pool.wait_for_state(0, 'D');
        assert_eq!(pool.state_of(1), 'U');
    });
}

#[test]
fn a_failure_shorter_than_the_retries_changes_nothing() {
    let pool = FakePool::start(2);
    let monitor = pool
        .monitor()
        .flags("--retries=4 --retry-delay=1.5")
        .start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    let address = pool.address(0).to_string();
    monitor.wait_for_line(&[&address, "refused"], REACTION);
    pool.backends[0].set(Mood::Healthy);
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());
}

#[test]
fn a_port_is_tried_as_often_as_said_and_with_the_pauses_said() {
    check_in_time(|| {
        let pool = FakePool::start(2);
        let _monitor = pool
            .monitor()
            .flags("-i 3 --retries=3 --retry-delay=1.2")
            .start();
        let backend = &pool.backends[0];
        pool.wait_for_more_visits(0, 2);
        // The next one comes an interval after the farewell, and is the first to be closed.
        wait_until("the end of a probe", REACTION, || {
            let visits = backend.visits();
            let last = visits.last().and_then(|visit| visit.line.as_deref());
            last.map_or(false, |line| line.ends_with("LOGOUT"))
        });
        let earlier = backend.connections();
        backend.set(Mood::Closing);
        pool.wait_for_state(0, 'D');
        let down = time_of_down(&pool, 0);
        let visits = backend.visits();
        let tries = visits.iter().filter(|visit| visit.line.is_none());
        let tries = tries.map(|visit| visit.at).skip(earlier);
        let tries: Vec<Instant> = tries.filter(|at| *at < down).collect();
        assert_eq!(tries.len(), 4, "{tries:?}");
        // The fake backend notes a visit a little late.
        let late = Duration::from_millis(150);
        let mut is_late = false;
        for (pair, pause) in tries.windows(2).zip([1200, 200, 200]) {
            let (passed, pause) = (pair[1] - pair[0], Duration::from_millis(pause));
            assert!(passed + late >= pause, "{tries:?}");
            is_late |= passed >= promised(pause + late);
        }
        match is_late {
            true => Err(format!("{tries:?}")),
            false => Ok(()),
        }
    });
}

/// When the director was told that this backend is down.
#[track_caller]
fn time_of_down(pool: &FakePool, backend: usize) -> Instant {
    let told = format!("HOST-DOWN {}", pool.address(backend));
    let records = pool.director.records();
    let down = records.iter().find(|record| record.line == told);
    down.expect("a down").at
}

#[test]
fn a_hung_backend_never_delays_another() {
    let pool = FakePool::start(3);
    pool.backends[0].set(Mood::Silent);
    pool.backends[1].set(Mood::BlackHole);
    let _monitor = pool.monitor().flags("-t 20").start();
    wait_until("a probe of the third", REACTION, || {
        pool.backends[2].connections() > 0
    });
    pool.wait_for_more_visits(2, 5);
    let mut times: Vec<Instant> = pool.backends[2]
        .visits()
        .iter()
        .filter(|visit| visit.line.is_none())
        .map(|visit| visit.at)
        .collect();
    times.push(Instant::now());
    for pair in times.windows(2) {
        let pause = pair[1] - pair[0];
        // An interval and a sixteenth, and what the probe takes.
        assert!(pause < promised(Duration::from_millis(1500)), "{pause:?}");
    }
}

/// `make bench` measures it. On a busy machine each of a down's threads is late to wake up now and then: so the median
/// of several downs is held to it.
#[test]
fn a_down_follows_its_last_failed_attempt_within_milliseconds() {
    const DOWNS: usize = 7;
    check_in_time(|| {
        let pool = FakePool::start(DOWNS as u8 + 1);
        let _monitor = pool.monitor().start();
        pool.wait_for_visits();
        let taken = (0..DOWNS).map(|backend| {
            pool.backends[backend].set(Mood::Closing);
            let since = Instant::now();
            pool.wait_for_state(backend, 'D');
            pool.wait_for_no_users(backend);
            let down = time_of_down(&pool, backend);
            let visits = pool.backends[backend].visits();
            let attempts: Vec<Instant> = visits.iter().map(|visit| visit.at).collect();
            // The first one from then on has failed. There is none if one that was under way did.
            let mut failed = attempts.iter().filter(|at| **at > since && **at < down);
            let last = attempts.iter().rfind(|at| **at < down);
            down - *failed.next().or(last).unwrap()
        });
        let mut taken: Vec<Duration> = taken.collect();
        taken.sort_unstable();
        match taken[DOWNS / 2] < promised(Duration::from_millis(50)) {
            true => Ok(()),
            false => Err(format!("{taken:?}")),
        }
    });
}

#[test]
fn a_new_backend_is_probed_at_once_and_a_removed_one_no_more() {
    let mut pool = FakePool::start(2);
    let monitor = pool.monitor().flags("-i 60").start();
    pool.wait_for_visits();
    let added = pool.add_backend();
    pool.director.add(FakeHost::new(added));
    wait_until("a probe of the new one", Duration::from_secs(2), || {
        pool.backends[2].connections() > 0
    });

    pool.director.remove(added);
    monitor.wait_for_line(&[&added.to_string(), "no longer listed"], REACTION);
    let before = pool.backends[2].connections();
    pool.backends[2].set(Mood::Refusing);
    pool.director.add(FakeHost::new(added));
    pool.wait_for_state(2, 'D');
    assert_eq!(pool.backends[2].connections(), before);
}

#[test]
fn a_removed_backend_is_left_in_peace() {
    let pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    let address = pool.address(1);
    pool.director.remove(address);
    monitor.wait_for_line(&[&address.to_string(), "no longer listed"], REACTION);
    // Pause: a probe that was under way may still end, which nothing shows.
    pause(Duration::from_secs(1));
    let before = pool.backends[1].connections();
    hold_for("no visit", A_WHILE, || {
        pool.backends[1].connections() == before
    });
}

#[test]
fn a_backend_listed_down_goes_up_when_healthy_and_is_left_down_when_not() {
    let pool = FakePool::start(3);
    for backend in [1, 2] {
        pool.director
            .edit(pool.address(backend), FakeHost::be_down_for_long);
    }
    pool.backends[2].set(Mood::Refusing);
    let _monitor = pool.monitor().start();
    pool.wait_for_state(1, 'U');
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.changes(), ["HOST-UP b1"]);
}

#[test]
fn nothing_is_changed_until_the_ring_is_synced() {
    let states = [
        (RingState::Handshaking, None),
        (RingState::Syncing, None),
        (RingState::Other("ring in doubt".to_string()), Some("doubt")),
    ];
    together(states, |(ring, error)| {
        let pool = FakePool::start(2);
        pool.director.set_ring(ring);
        pool.backends[0].set(Mood::Refusing);
        let monitor = pool.monitor().start();
        wait_until("a probe of the healthy one", REACTION, || {
            pool.backends[1].connections() > 1
        });
        assert_no_more_changes(&pool, A_WHILE);
        assert!(pool.changes().is_empty());
        if let Some(word) = error {
            monitor.wait_for_line(&[" ERR ", word], REACTION);
        }
        pool.director.set_ring(RingState::Synced);
        pool.wait_for_state(0, 'D');
        pool.wait_for_no_users(0);
    });
}
