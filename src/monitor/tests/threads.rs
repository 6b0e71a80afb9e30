//! What the engine does without a thread for a worker, the lists or a command.

use std::io;

use super::*;

const CAUSE: &str = "no more threads";

#[test]
fn a_command_without_a_thread_is_tried_again_after_a_pause() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    lacks_a_thread(&mut bench);
    assert_eq!(bench.notices(), [Notice::NoThreadToSend]);
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(bench.notices(), [Notice::NoThreadToSend]);
    assert_eq!(bench.sent.len(), 1);
    bench.second += 1;
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(bench.sent.len(), 2);
}

const NO_THREAD: &str = "no thread can be started to send";
const THREADS_AGAIN: &str = "no command lacks a thread any more";

/// The last command that was to be sent.
fn lacks_a_thread(bench: &mut Bench) {
    let (number, _) = *bench.sent.last().unwrap();
    let cause = io::Error::from(io::ErrorKind::WouldBlock);
    bench.tell(Input::CommandNotStarted { number, cause });
}

fn a_second_passes(bench: &mut Bench) {
    bench.second += 1;
    bench.finds(1, Err(refused()));
    bench.finds(2, Ok(Pass::Clean));
    bench.lists(&[HostState::Up, HostState::Up]);
}

/// For ten minutes; returns how many commands lacked a thread.
fn lacks_threads_for_long(bench: &mut Bench) -> usize {
    let mut lacking = 0;
    while bench.second < 600 {
        if bench.sent.len() > lacking {
            lacks_a_thread(bench);
            lacking += 1;
        }
        a_second_passes(bench);
    }
    assert!(lacking > 5, "{lacking}");
    lacking
}

#[test]
fn a_command_that_lacks_a_thread_again_and_again_is_said_once_and_its_end() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let lacking = lacks_threads_for_long(&mut bench);
    assert_eq!(bench.times_said(NO_THREAD), 1);
    assert_eq!(bench.times_said(THREADS_AGAIN), 0);
    assert_eq!(bench.notices(), [Notice::NoThreadToSend]);
    while bench.sent.len() == lacking {
        a_second_passes(&mut bench);
    }
    let (number, _) = *bench.sent.last().unwrap();
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered { number, answer });
    assert_eq!(bench.times_said(THREADS_AGAIN), 1);
    assert_eq!(bench.notices(), []);
}

#[test]
fn a_command_that_is_not_wanted_any_more_lacks_no_thread() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    lacks_a_thread(&mut bench);
    for (seconds, notices) in [(149, &[Notice::NoThreadToSend][..]), (1, &[])] {
        bench.second += seconds;
        bench.finds(1, Ok(Pass::Clean));
        bench.lists(&[HostState::Up, HostState::Up]);
        assert_eq!(bench.notices(), notices);
    }
    assert_eq!(bench.times_said(THREADS_AGAIN), 1);
}

#[test]
fn a_connection_without_a_thread_is_tried_again_a_second_later() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    assert_eq!(bench.opened, [1]);
    let cause = CAUSE.to_owned();
    bench.tell(Input::ListsNotOpened {
        connection: 1,
        cause,
    });
    assert_eq!(bench.opened, [1]);
    bench.second = 1;
    let now = bench.now().instant;
    assert_eq!(bench.engine.next_timeout(), Some(now));
    bench.tell(Input::Time);
    assert_eq!(bench.opened, [1, 2]);
    assert_eq!(bench.engine.notices().count(), 1);
}

#[test]
fn a_worker_without_a_thread_is_tried_again_ten_seconds_later() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    let lacks = |bench: &mut Bench| {
        let number = *bench.workers.last().unwrap();
        bench.tell(Input::WorkerNotStarted {
            address: address(1),
            number,
            cause: CAUSE.to_owned(),
        });
    };
    lacks(&mut bench);
    for (second, starts) in [(9, 1), (10, 2)] {
        bench.second = second;
        bench.lists(&[HostState::Up]);
        assert_eq!(bench.workers.len(), starts, "at {second} s");
    }
}

/// The last ones that were started are stopped again for the sake of commands, scripts and the lists.
#[test]
fn of_a_backend_whose_thread_is_given_up_nothing_counts_any_more() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    bench.finds(1, Ok(Pass::Clean));
    bench.lists(&[HostState::Up, HostState::Up]);
    let number = bench.workers[1];
    bench.second = 1;
    bench.tell(Input::WorkerNotStarted {
        address: address(2),
        number,
        cause: CAUSE.to_owned(),
    });
    let unknown = (Standing::Unknown, Some(0), String::new());
    assert_eq!(bench.standing(1), unknown);
    let member = bench.engine.backends().member(address(1)).unwrap();
    assert_eq!(member.evidence.verdict(), None);
}

#[test]
fn a_backend_whose_thread_has_died_is_still_one_that_another_waits_for() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Ok(Pass::Clean));
    bench.finds(2, Ok(Pass::Clean));
    let born_as = bench.workers[1];
    bench.tell(Input::WorkerEnded {
        address: address(2),
        born_as,
    });
    bench.second = 1;
    bench.finds(1, Err(refused()));
    let candidate = address(2);
    let reason = &bench.engine.holds()[&address(1)].reason;
    assert_eq!(reason, &Reason::RefugeAwaited { candidate });
}
