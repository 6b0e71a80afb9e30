//! Users are moved away from a down backend, whatever comes in between.

use std::time::{Duration, Instant};

use super::{assert_no_more_changes, A_WHILE};
use crate::lab::fake_backend::Mood;
use crate::lab::fake_director::{Answer, Command, Deed, RingState};
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::patience::{promised, wait_until};
use crate::lab::together::together;

fn check_drain(flags: &str, drain: &[&str]) {
    let pool = FakePool::start(2);
    let _monitor = pool.monitor().flags(flags).start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    wait_until("what follows the down", REACTION, || {
        pool.changes().len() > drain.len()
    });
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.changes()[0], "HOST-DOWN b0");
    assert_eq!(pool.changes()[1..], *drain, "{flags}");
}

#[test]
fn the_drain_is_as_the_operator_wants_it() {
    let ways = [
        ("", &["HOST-RESET-USERS b0 4294967295"][..]),
        ("--flush=move", &["HOST-RESET-USERS b0 4294967295"]),
        ("--max-moves=7", &["HOST-RESET-USERS b0 7"]),
        ("--flush=drop", &["HOST-FLUSH b0"]),
        ("--flush=none", &[]),
    ];
    together(ways, |(flags, drain)| check_drain(flags, drain));
}

#[test]
fn a_drain_is_repeated_until_ok_and_an_empty_backend_and_then_never() {
    let pool = FakePool::start(2);
    pool.director.answer_next(
        Command::HostResetUsers,
        &[
            Answer::Busy,
            Answer::Lie,
            Answer::SyncTimedOut(Deed::Undone),
        ],
    );
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    wait_until("nobody on the backend", 2 * REACTION, || {
        pool.users_of(0) == 0
    });
    let tries: Vec<Instant> = pool
        .director
        .records()
        .iter()
        .filter(|record| record.command == Command::HostResetUsers)
        .map(|record| record.at)
        .collect();
    assert_eq!(tries.len(), 4);
    for (pair, pause) in tries.windows(2).zip([500, 1500, 3500]) {
        let passed = pair[1] - pair[0];
        assert!(passed >= Duration::from_millis(pause), "{tries:?}");
    }

    // Whoever comes now was sent by somebody, who may be trying out a repair.
    assert_no_more_changes(&pool, Duration::from_secs(2));
    pool.director.edit(pool.address(0), |host| host.users = 1);
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.users_of(0), 1);
}

#[test]
fn a_drain_outlives_the_monitor_that_owed_it() {
    let pool = FakePool::start(2);
    pool.director
        .answer_always(Command::HostResetUsers, Answer::Hang(Deed::Undone));
    let plan = pool.monitor();
    let mut first = plan.start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    wait_until("the drain to be under way", REACTION, || {
        pool.director.count(Command::HostResetUsers) == 1
    });
    first.kill();
    pool.director
        .answer_always(Command::HostResetUsers, Answer::Proper);
    assert_eq!(pool.users_of(0), 10);

    let _second = plan.start();
    pool.wait_for_no_users(0);
    assert_eq!(
        pool.changes(),
        [
            "HOST-DOWN b0",
            "HOST-RESET-USERS b0 4294967295",
            "HOST-RESET-USERS b0 4294967295"
        ]
    );
}

#[test]
fn a_drain_is_owed_from_before_the_down_is_answered() {
    let pool = FakePool::start(2);
    pool.director
        .answer_next(Command::HostDown, &[Answer::Hang(Deed::Done)]);
    let plan = pool.monitor();
    let mut first = plan.start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    first.kill();
    assert_eq!(pool.users_of(0), 10);

    let _second = plan.start();
    pool.wait_for_no_users(0);
    assert_eq!(pool.state_of(0), 'D');
}

/// Whose clock is far off does not matter, nor who it was.
#[test]
fn users_left_after_a_down_of_another_one_are_moved_once() {
    together([-90, 0, 90], |ahead| {
        let pool = FakePool::start(2);
        let _monitor = pool.monitor().start();
        pool.wait_for_visits();
        pool.director.set_by_another(pool.address(0), 'D');
        pool.director.edit(pool.address(0), |host| {
            host.stamp = (host.stamp as i64 + ahead) as u64
        });
        assert_no_more_changes(&pool, A_WHILE);
        pool.backends[0].set(Mood::Refusing);
        let refused = Instant::now();
        pool.wait_for_no_users(0);
        assert!(refused.elapsed() < promised(Duration::from_secs(10)));
        assert_eq!(pool.changes(), ["HOST-RESET-USERS b0 4294967295"]);

        // Who comes once a list has shown that nobody is there is left alone.
        assert_no_more_changes(&pool, Duration::from_secs(2));
        pool.director.edit(pool.address(0), |host| host.users = 1);
        assert_no_more_changes(&pool, Duration::from_secs(8));
    });
}

#[test]
fn a_monitor_that_reaches_nobody_moves_nobodys_users() {
    let pool = FakePool::start(2);
    pool.set_all(Mood::Refusing);
    pool.director.set_by_another(pool.address(0), 'D');
    let monitor = pool.monitor().start();
    monitor.wait_for_line(&[" ERR ", "cut off"], REACTION);
    assert_no_more_changes(&pool, Duration::from_secs(8));
    assert!(pool.changes().is_empty());
}

#[test]
fn a_drain_waits_for_the_ring() {
    let pool = FakePool::start(2);
    pool.director
        .answer_always(Command::HostResetUsers, Answer::Busy);
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    wait_until("a first try", REACTION, || {
        pool.director.count(Command::HostResetUsers) > 0
    });
    pool.director.set_ring(RingState::Syncing);
    pool.wait_for_readings(1);
    assert_no_more_changes(&pool, A_WHILE);

    pool.director
        .answer_always(Command::HostResetUsers, Answer::Proper);
    pool.director.set_ring(RingState::Synced);
    pool.wait_for_no_users(0);
}

#[test]
fn a_backend_that_recovers_before_its_drain_is_done_keeps_its_users() {
    let pool = FakePool::start(2);
    pool.director
        .answer_always(Command::HostResetUsers, Answer::Busy);
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    wait_until("a first try", REACTION, || {
        pool.director.count(Command::HostResetUsers) > 0
    });
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    pool.director
        .answer_always(Command::HostResetUsers, Answer::Proper);
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.users_of(0), 10);
}
