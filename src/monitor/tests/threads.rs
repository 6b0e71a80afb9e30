//! What the engine does without a thread for a worker, the lists or a command.

use std::io;

use super::*;

const CAUSE: &str = "no more threads";

#[test]
fn a_command_without_a_thread_is_tried_again_after_a_pause() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let (number, _) = bench.sent[0];
    let cause = io::Error::from(io::ErrorKind::WouldBlock);
    bench.tell(Input::CommandNotStarted { number, cause });
    assert!(bench
        .said
        .iter()
        .any(|line| line.contains("no thread can be started to send")));
    let notices = |bench: &Bench| bench.engine.notices().cloned().collect::<Vec<_>>();
    assert_eq!(notices(&bench), [Notice::NoThread]);
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(notices(&bench), []);
    assert_eq!(bench.sent.len(), 1);
    bench.second += 1;
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(bench.sent.len(), 2);
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
