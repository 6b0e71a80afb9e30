//! The director itself: hung, cut short, garbled, dead and born again.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{assert_no_more_changes, A_WHILE};
use crate::lab::fake_backend::Mood;
use crate::lab::fake_director::{
    Answer, Command, Deed, FakeHost, Greeting, ListShape, RingState, WritePace,
};
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::patience::{check_in_time, hold_for, less_than, promised, wait_until};
use crate::lab::together::together;

const DEADLINE_FOR_SIGNALS: Duration = Duration::from_secs(1);

/// Prepares a pool, starts a monitor, waits until it hangs, and tells it to stop.
fn check_stop(
    what: &str,
    prepare: impl Fn(&mut FakePool) + Sync,
    is_hanging: impl Fn(&FakePool) -> bool + Sync,
) {
    let attempt = |signal| {
        let mut pool = FakePool::start(2);
        prepare(&mut pool);
        let plan = pool.monitor();
        let mut monitor = plan.start();
        // Signals are obeyed once the PID is in its file.
        let has_started = || fs::read_to_string(&plan.lock).map_or(false, |pid| !pid.is_empty());
        wait_until(what, REACTION, || has_started() && is_hanging(&pool));
        let sent = Instant::now();
        monitor.signal(signal);
        let status = monitor.wait_for_end(REACTION);
        let taken = sent.elapsed();
        assert_eq!(status.code(), Some(0), "{what}");
        assert!(!plan.lock.exists(), "{what}: the PID file is left");
        less_than(DEADLINE_FOR_SIGNALS, taken)
    };
    together([Signal::SIGTERM, Signal::SIGINT], |signal| {
        check_in_time(|| attempt(signal));
    });
}

#[test]
fn a_stop_is_obeyed_while_the_director_does_not_speak() {
    for greeting in [Greeting::Never, Greeting::NotAccepted] {
        check_stop(
            &format!("{greeting:?}"),
            |pool| pool.director.set_greeting(greeting),
            |pool| greeting == Greeting::NotAccepted || pool.director.connections() > 0,
        );
    }
    check_stop("no socket", |pool| pool.director.stop(), |_| true);
    check_stop(
        "full backlog",
        |pool| pool.director.clog_backlog(),
        |_| true,
    );
}

#[test]
fn a_stop_is_obeyed_while_a_list_is_awaited() {
    for command in [Command::HostList, Command::DirectorList] {
        check_stop(
            &format!("{command:?}"),
            |pool| {
                pool.director
                    .answer_always(command, Answer::Hang(Deed::Undone))
            },
            |pool| pool.director.count(command) > 0,
        );
    }
    check_stop(
        "a list byte by byte",
        |pool| {
            let pause = Duration::from_millis(50);
            pool.director.set_pace(WritePace::Dribble(pause));
        },
        |pool| pool.director.connections() > 0,
    );
}

#[test]
fn a_stop_is_obeyed_while_a_change_is_awaited() {
    for command in [Command::HostDown, Command::HostResetUsers, Command::HostUp] {
        check_stop(
            &format!("{command:?}"),
            |pool| {
                pool.director
                    .answer_always(command, Answer::Hang(Deed::Undone));
                if command == Command::HostUp {
                    pool.director
                        .edit(pool.address(0), FakeHost::be_down_for_long);
                } else {
                    pool.backends[0].set(Mood::Refusing);
                }
            },
            |pool| pool.director.count(command) > 0,
        );
    }
}

#[test]
fn a_stop_is_obeyed_while_backends_hang() {
    check_in_time(|| {
        let pool = FakePool::start(3);
        pool.backends[0].set(Mood::Silent);
        pool.backends[1].set(Mood::BlackHole);
        let mut monitor = pool.monitor().flags("-t 30").start();
        wait_until("probes", REACTION, || pool.backends[0].connections() > 0);
        let (status, taken) = monitor.stop(REACTION);
        assert_eq!(status.code(), Some(0));
        less_than(DEADLINE_FOR_SIGNALS, taken)
    });
}

#[test]
fn a_cut_list_is_no_list() {
    together([ListShape::CutBeforeEnd, ListShape::CutInside(1)], |cut| {
        let pool = FakePool::start(3);
        let monitor = pool.monitor().start();
        pool.wait_for_visits();
        pool.director.set_list(cut);
        monitor.wait_for_line(&[" ERR ", "director"], REACTION);
        pool.backends[0].set(Mood::Refusing);
        assert_no_more_changes(&pool, A_WHILE);
        assert!(pool.changes().is_empty());
        // The ones behind the cut are watched on.
        assert!(monitor.lines_with(&["no longer listed"]).is_empty());
        let visits = pool.backends[2].connections();
        wait_until("a probe behind the cut", REACTION, || {
            pool.backends[2].connections() > visits
        });

        pool.director.set_list(ListShape::Whole);
        pool.wait_for_state(0, 'D');
    });
}

#[test]
fn junk_in_the_lists_is_an_error_line_and_no_obstacle() {
    let pool = FakePool::start(2);
    pool.director.set_list(ListShape::Junk(vec![
        "\u{1b}]0;title\u{7}".to_string(),
        "mail.example\t100\t0\t\tU\t0".to_string(),
        "127.0.0.1\tmany\t0\t\tU\t0".to_string(),
        "127.0.0.1".to_string(),
        format!("127.0.0.1\t100\t0\t{}\tX\t0", "x".repeat(800)),
    ]));
    // A connection that has not said yet which director it is: seen with 2.3.19.
    pool.director.set_peers(&[
        "handshaking - 0 USERs received\t0\t0\t53\t0\t0\t0\t1795314818",
        "127.0.0.2\t9090\tright\t0\tsynced\t0\t94\t383\t0\t141\t1795314818\t1795314818",
        "127.0.0.3\t9090\t\t0\t",
        "what",
    ]);
    let monitor = pool.monitor().start();
    monitor.wait_for_line(&[" ERR ", "malformed"], REACTION);
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    for line in [
        "malformed lines in the lists",
        "malformed line in the list of directors",
    ] {
        assert_eq!(monitor.lines_with(&[" ERR ", line]).len(), 1, "{line}");
    }
    assert!(
        !monitor.log().contains('\u{1b}'),
        "foreign bytes in the log"
    );
}

#[test]
fn a_restarted_director_hears_of_the_dead_backend_within_three_seconds() {
    let mut pool = FakePool::start(3);
    let _monitor = pool.monitor().flags("-i 30").start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    // The interval is long: a change of state makes the monitor look at once.
    pool.director.set_by_another(pool.address(0), 'D');
    pool.director.edit(pool.address(0), |host| host.users = 0);
    pool.wait_for_readings(3);
    assert_eq!(pool.changes(), [""; 0]);

    pool.director.restart();
    let restarted = Instant::now();
    pool.director.edit(pool.address(0), |host| host.users = 5);
    pool.wait_for_state(0, 'D');
    let taken = restarted.elapsed();
    assert!(taken < promised(Duration::from_secs(3)), "{taken:?}");
    pool.wait_for_no_users(0);
}

#[test]
fn a_director_that_restarts_while_probes_are_frequent_loses_nothing_either() {
    let mut pool = FakePool::start(3);
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    for _ in 0..2 {
        pool.director.restart();
        assert_eq!(pool.director.states(), "UUU");
        pool.wait_for_state(0, 'D');
        assert_eq!(pool.director.states(), "DUU");
    }
}

#[test]
fn a_restarted_director_is_left_to_hear_the_ring() {
    let mut pool = FakePool::start(2);
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    pool.director.set_ring(RingState::Handshaking);
    pool.director.restart();
    assert_no_more_changes(&pool, A_WHILE);
    // The ring tells it what the monitor had told the ring.
    pool.director.set_by_another(pool.address(0), 'D');
    pool.director.set_ring(RingState::Synced);
    assert_no_more_changes(&pool, A_WHILE);
}

#[test]
fn a_director_that_comes_late_is_found() {
    let mut pool = FakePool::start(2);
    pool.director.stop();
    let monitor = pool.monitor().start();
    monitor.wait_for_line(&[" ERR ", "director"], REACTION);
    hold_for("that line alone", Duration::from_secs(2), || {
        monitor.errors().len() == 1
    });
    pool.director.listen();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
}

#[test]
fn a_full_backlog_is_waited_out() {
    let mut pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.director.clog_backlog();
    pool.backends[0].set(Mood::Refusing);
    monitor.wait_for_line(&[" ERR ", "director"], Duration::from_secs(15));
    pool.director.listen();
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
}

#[test]
fn a_frozen_director_that_thaws_is_used_again() {
    let pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.director.set_greeting(Greeting::Never);
    pool.director
        .answer_always(Command::HostList, Answer::Hang(Deed::Undone));
    pool.backends[0].set(Mood::Refusing);
    monitor.wait_for_line(&[" ERR ", "director"], Duration::from_secs(15));
    pool.director.set_greeting(Greeting::Proper);
    pool.director
        .answer_always(Command::HostList, Answer::Proper);
    pool.wait_for_state(0, 'D');
}

#[test]
fn a_wrong_greeting_is_refused_and_a_newer_minor_is_not() {
    let wrong = [
        Greeting::WrongMajor,
        Greeting::Foreign,
        Greeting::CloseAtOnce,
    ];
    together(wrong, |greeting| {
        let pool = FakePool::start(2);
        pool.director.set_greeting(greeting);
        let monitor = pool.monitor().start();
        monitor.wait_for_line(&[" ERR ", "director"], REACTION);
        hold_for("no command at all", Duration::from_secs(2), || {
            pool.director.records().is_empty()
        });
        pool.director.set_greeting(Greeting::NewerMinor);
        pool.wait_for_visits();
        pool.backends[0].set(Mood::Refusing);
        pool.wait_for_state(0, 'D');
    });
}

#[test]
fn a_director_that_sends_byte_by_byte_is_understood() {
    let pool = FakePool::start(2);
    pool.director
        .set_pace(WritePace::Dribble(Duration::from_millis(2)));
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
}

#[test]
fn the_lists_are_read_each_second_over_one_connection() {
    let pool = FakePool::start(2);
    let _monitor = pool.monitor().flags("-i 30").start();
    pool.wait_for_visits();
    let before = pool.director.connections();
    let from = Instant::now();
    pool.wait_for_readings(4);
    assert_eq!(pool.director.connections(), before);
    for command in [Command::HostList, Command::DirectorList] {
        let mut times = vec![from];
        let records = pool.director.records();
        let same = records.iter().filter(|record| record.command == command);
        times.extend(same.map(|record| record.at).filter(|at| *at > from));
        times.push(Instant::now());
        assert!((6..=7).contains(&times.len()), "{command:?}: {times:?}");
        for pair in times.windows(2) {
            let pause = pair[1] - pair[0];
            assert!(
                pause < promised(Duration::from_millis(1500)),
                "{command:?}: {pause:?}"
            );
        }
    }
    assert!(pool.changes().is_empty());
}
