//! Every reply to every command: what was to be done is done in the end.

use std::time::Duration;

use super::{assert_no_more_changes, A_WHILE};
use crate::lab::fake_backend::Mood;
use crate::lab::fake_director::{Answer, Command, Deed, FakeHost, ResetSupport};
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::patience::wait_until;
use crate::lab::together::together;

/// One bad reply for each backend but the first; the `Done` ones only look bad.
fn bad_replies() -> Vec<Answer> {
    vec![
        Answer::NotFound,
        Answer::Busy,
        Answer::SyncTimedOut(Deed::Undone),
        Answer::SyncTimedOut(Deed::Done),
        Answer::TryAgain,
        Answer::Text("\u{1b}[31mwhat a\tstrange reply".to_string()),
        Answer::Late(Duration::from_secs(2)),
        Answer::Close(Deed::Undone),
        Answer::Close(Deed::Done),
        Answer::Lie,
    ]
}

/// A pool with the first backend for a refuge and one more for each bad reply to the command.
fn pool_with_bad_replies(command: Command) -> FakePool {
    let replies = bad_replies();
    let pool = FakePool::start(1 + replies.len() as u8);
    for (backend, reply) in (1..).zip(replies) {
        pool.director
            .answer_next_for(command, pool.address(backend), &[reply]);
    }
    pool
}

fn fail_all_but_the_first(pool: &FakePool) {
    for backend in &pool.backends[1..] {
        backend.set(Mood::Refusing);
    }
}

#[track_caller]
fn wait_until_down_and_empty(pool: &FakePool) {
    wait_until("all but the first to be down", REACTION, || {
        pool.director.states() == "UDDDDDDDDDD"
    });
    wait_until("nobody on them", REACTION, || {
        (1..pool.backends.len()).all(|backend| pool.users_of(backend) == 0)
    });
}

#[test]
fn whatever_is_said_to_a_down_the_backend_goes_down_and_is_drained() {
    let pool = pool_with_bad_replies(Command::HostDown);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    fail_all_but_the_first(&pool);
    wait_until_down_and_empty(&pool);
    assert!(
        !monitor.log().contains('\u{1b}'),
        "foreign bytes in the log"
    );
}

#[test]
fn whatever_is_said_to_a_drain_the_users_move_in_the_end() {
    let pool = pool_with_bad_replies(Command::HostResetUsers);
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    fail_all_but_the_first(&pool);
    wait_until_down_and_empty(&pool);
}

#[test]
fn whatever_is_said_to_a_flush_the_users_go_in_the_end() {
    let pool = pool_with_bad_replies(Command::HostFlush);
    let _monitor = pool.monitor().flag("--flush=drop").start();
    pool.wait_for_visits();
    fail_all_but_the_first(&pool);
    wait_until_down_and_empty(&pool);
    assert_eq!(pool.director.count(Command::HostResetUsers), 0);
}

#[test]
fn whatever_is_said_to_an_up_the_backend_comes_up() {
    let pool = pool_with_bad_replies(Command::HostUp);
    for backend in 1..pool.backends.len() {
        pool.director
            .edit(pool.address(backend), FakeHost::be_down_for_long);
    }
    let _monitor = pool.monitor().start();
    wait_until("all to be up", REACTION, || {
        pool.director.states() == "UUUUUUUUUUU"
    });
}

#[test]
fn disabled_is_said_only_after_ok_and_a_refusal_is_not_asked_for_every_second() {
    let pool = FakePool::start(2);
    pool.director.answer_always(Command::HostDown, Answer::Busy);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    monitor.wait_for_line(&[" ERR ", "already being updated"], REACTION);
    wait_until("three more tries", REACTION, || {
        pool.director.count(Command::HostDown) >= 4
    });
    assert_eq!(monitor.lines_with(&["disabled"]), [""; 0]);
    assert_eq!(pool.director.count(Command::HostResetUsers), 0);
    // Not each time the list is read.
    let records = pool.director.records();
    let mut tries = records
        .iter()
        .filter(|record| record.command == Command::HostDown)
        .map(|record| record.at);
    let mut last = tries.next().unwrap();
    for (at, pause) in tries.zip([1, 2, 4].map(Duration::from_secs)) {
        let passed = at - last;
        assert!(passed >= pause, "{passed:?} and not {pause:?}");
        last = at;
    }

    pool.director
        .answer_always(Command::HostDown, Answer::Proper);
    pool.wait_for_state(0, 'D');
    monitor.wait_for_line(&["disabled"], REACTION);
}

#[test]
fn an_old_director_is_asked_without_a_limit_and_an_older_one_to_flush() {
    let supports = [
        (
            ResetSupport::WithoutLimit,
            &["HOST-RESET-USERS b0 4294967295", "HOST-RESET-USERS b0"][..],
        ),
        (
            ResetSupport::None,
            &[
                "HOST-RESET-USERS b0 4294967295",
                "HOST-RESET-USERS b0",
                "HOST-FLUSH b0",
            ],
        ),
    ];
    together(supports, |(support, drain)| {
        let pool = FakePool::start(3);
        pool.director.set_reset_support(support);
        let _monitor = pool.monitor().start();
        pool.wait_for_visits();
        pool.backends[0].set(Mood::Refusing);
        pool.wait_for_no_users(0);
        assert_eq!(pool.changes()[1..], *drain);

        // It is remembered for the next one.
        pool.backends[1].set(Mood::Refusing);
        pool.wait_for_no_users(1);
        let last = drain.last().unwrap().replace("b0", "b1");
        let so_far = 1 + drain.len();
        assert_eq!(pool.changes()[so_far..], ["HOST-DOWN b1".to_string(), last]);
    });
}

#[test]
fn lists_that_are_refused_or_closed_are_an_error_and_change_nothing() {
    let mut cases = Vec::new();
    for command in [Command::HostList, Command::DirectorList] {
        cases.push((command, Answer::Text("no such luck".to_string())));
        cases.push((command, Answer::Close(Deed::Undone)));
        cases.push((command, Answer::Hang(Deed::Undone)));
    }
    together(cases, |(command, answer)| {
        let pool = FakePool::start(2);
        let monitor = pool.monitor().start();
        pool.wait_for_visits();
        pool.director.answer_always(command, answer);
        monitor.wait_for_line(&[" ERR ", "director"], Duration::from_secs(15));
        pool.backends[0].set(Mood::Refusing);
        assert_no_more_changes(&pool, A_WHILE);
        assert!(pool.changes().is_empty());
        pool.director.answer_always(command, Answer::Proper);
        pool.wait_for_state(0, 'D');
        pool.wait_for_no_users(0);
    });
}

#[test]
fn nothing_is_sent_twice_while_an_answer_is_awaited() {
    let pool = FakePool::start(2);
    pool.director
        .answer_always(Command::HostDown, Answer::Hang(Deed::Undone));
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    wait_until("the down", REACTION, || !pool.changes().is_empty());
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.changes(), ["HOST-DOWN b0"]);
}
