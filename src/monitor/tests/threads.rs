//! What the engine does without a thread for a worker, the lists or a command.

use std::io;

use super::*;
use crate::monitor::snapshot::ReplyKind;

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

/// Of many.
fn nth(place: u16) -> IpAddr {
    let [high, low] = place.to_be_bytes();
    [10, 0, high, low].into()
}

fn lists_so_many(bench: &mut Bench, count: u16) {
    let nth = |place| Listed {
        address: nth(place),
        ..listed(1, HostState::Up)
    };
    bench.lists_of((0..count).map(nth).collect());
}

fn lacks_thread_for_worker(bench: &mut Bench, address: IpAddr, number: u64) {
    let cause = CAUSE.to_owned();
    bench.tell(Input::WorkerNotStarted {
        address,
        number,
        cause,
    });
}

fn stopped(bench: &Bench) -> Vec<IpAddr> {
    let stopped = bench.others.iter().filter_map(|output| match output {
        Output::StopWorker(address) => Some(*address),
        _ => None,
    });
    stopped.collect()
}

/// At least 8 and at most 200; they are needed for commands, scripts and the lists.
#[test]
fn where_threads_are_lacking_a_sixteenth_of_those_that_run_is_given_up() {
    for (running, given_up) in [(7, 7), (100, 8), (320, 20), (4000, 200)] {
        let mut bench = Bench::without_files();
        bench.tell(Input::Time);
        lists_so_many(&mut bench, running);
        lists_so_many(&mut bench, running + 1);
        let number = *bench.workers.last().unwrap();
        lacks_thread_for_worker(&mut bench, nth(running), number);
        let started_last = running - given_up..running;
        assert_eq!(stopped(&bench), started_last.map(nth).collect::<Vec<_>>());
    }
}

#[test]
fn after_one_that_lacks_a_thread_no_other_is_started_in_vain() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    let three = (1..=3).map(|one| listed(one, HostState::Up));
    let lists = bench.reading_of(three.collect());
    bench.engine.handle(lists, bench.now());
    let mut next_started = || loop {
        match bench.engine.next_output()? {
            Output::StartWorker { target, number, .. } => return Some((target.address, number)),
            _ => continue,
        }
    };
    let (first, number) = next_started().unwrap();
    assert_eq!(first, address(1));
    lacks_thread_for_worker(&mut bench, first, number);
    assert_eq!(bench.workers, [0; 0]);
    // All three have to be started when the pause is over.
    bench.second = 10;
    bench.lists(&[HostState::Up; 3]);
    assert_eq!(bench.workers.len(), 3);
}

#[test]
fn backends_without_a_thread_are_an_alarm_until_they_have_one() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    let number = bench.workers[0];
    lacks_thread_for_worker(&mut bench, address(1), number);
    let alarms = |bench: &Bench| {
        let alarms = bench.engine.snapshot().alarms.into_iter();
        alarms.map(|alarm| alarm.word).collect::<Vec<_>>()
    };
    for (second, expected) in [(0, vec![]), (1, vec!["unwatched"]), (9, vec!["unwatched"])] {
        bench.second = second;
        bench.lists(&[HostState::Up]);
        assert_eq!(alarms(&bench), expected, "at {second} s");
    }
    bench.second = 10;
    bench.lists(&[HostState::Up]);
    assert_eq!(bench.workers.len(), 2, "tried again after 10 s");
    bench.second = 11;
    bench.lists(&[HostState::Up]);
    assert_eq!(alarms(&bench), [""; 0]);
}

#[test]
fn a_thread_that_has_died_is_started_again_when_its_pause_is_over() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    let born_as = bench.workers[0];
    let address = address(1);
    bench.tell(Input::WorkerEnded { address, born_as });
    bench.beyond = Duration::from_millis(999);
    bench.lists(&[HostState::Up]);
    assert_eq!(bench.workers.len(), 1);
    bench.beyond = Duration::ZERO;
    bench.second = 1;
    assert_eq!(bench.engine.next_timeout(), Some(bench.now().instant));
    bench.tell(Input::Time);
    assert_eq!(bench.workers.len(), 2);
}

/// It had been stopped, and its thread ended only then.
#[test]
fn the_end_of_a_former_thread_is_not_that_of_the_present_one() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    let former = bench.workers[0];
    bench.lists(&[]);
    assert_eq!(stopped(&bench), [address(1)]);
    bench.lists(&[HostState::Up]);
    bench.workers = bench.workers.split_off(1);
    bench.finds(1, Ok(Pass::Clean));
    bench.said.clear();
    bench.tell(Input::WorkerEnded {
        address: address(1),
        born_as: former,
    });
    assert_eq!(bench.said, [""; 0]);
    assert_eq!(bench.standing(1).0, Standing::Healthy);
}

/// The bench has them for a hundred.
#[test]
fn too_few_descriptors_to_check_all_at_once_are_an_alarm_until_they_suffice() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    lists_so_many(&mut bench, 100);
    assert_eq!(bench.notices(), []);
    lists_so_many(&mut bench, 101);
    assert_eq!(bench.notices(), [Notice::FewDescriptors]);
    let begins = "no more than 100 of 101 backends can be checked at once";
    assert_eq!(bench.times_said(begins), 1);
    lists_so_many(&mut bench, 100);
    assert_eq!(bench.notices(), []);
    let over = "all backends can be checked at once again";
    assert_eq!(bench.times_said(over), 1);
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

/// In one turn: the workers that are to be started have got other numbers before they could be.
#[test]
fn backends_whose_workers_could_not_be_started_after_a_reload_are_tried_again() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    let all = [HostState::Up; 3];
    let reading = bench.reading_of((1..4).map(|number| listed(number, HostState::Up)).collect());
    let now = bench.now();
    bench.engine.handle(reading, now);
    let others = Input::Settings(Ok(Box::new(terms_of(Chosen::default(), 1))));
    bench.engine.handle(others, now);
    let mut number = None;
    while let Some(output) = bench.engine.next_output() {
        if let Output::StartWorker { number: first, .. } = output {
            number = Some(first);
            break;
        }
    }
    let cause = CAUSE.to_owned();
    bench.tell(Input::WorkerNotStarted {
        address: address(1),
        number: number.unwrap(),
        cause,
    });
    assert_eq!(bench.workers.len(), 0);
    bench.second += 11;
    bench.lists(&all);
    assert_eq!(bench.workers.len(), 3);
}

#[test]
fn a_command_without_a_thread_is_shown_as_not_sent_and_counts_as_lost() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    lacks_a_thread(&mut bench);
    let snapshot = bench.engine.snapshot();
    let answer = snapshot.commands[0].answer.as_deref().unwrap();
    assert!(answer.starts_with("not sent: "), "{answer}");
    let counts = snapshot.counters.commands.iter();
    let counts: Vec<_> = counts
        .map(|one| (one.action, one.reply, one.count))
        .collect();
    assert_eq!(counts, [(Action::MarkDown, ReplyKind::Lost, 1)]);
}

#[test]
fn a_thread_that_has_died_is_an_error_line_and_that_its_backend_is_checked_again_is_one_too() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    bench.finds(1, Ok(Pass::Clean));
    let dies = |bench: &mut Bench| {
        let born_as = *bench.workers.last().unwrap();
        let address = address(1);
        bench.tell(Input::WorkerEnded { address, born_as });
    };
    dies(&mut bench);
    let line = "192.0.2.1 is not checked: its thread has ended by the defect logged before; the backend stays as it \
                is until the thread is started again, in 1 s";
    assert_eq!((bench.times_said(line), bench.errors), (1, 1));
    let again = "192.0.2.1 is checked again";
    bench.second = 1;
    bench.tell(Input::Time);
    bench.workers = bench.workers.split_off(1);
    assert_eq!(bench.times_said(again), 0);
    for _ in 0..2 {
        bench.finds(1, Ok(Pass::Clean));
        assert_eq!(bench.times_said(again), 1, "{:?}", bench.said);
    }
    // It begins anew once it has left the list.
    bench.lists(&[]);
    bench.lists(&[HostState::Up]);
    dies(&mut bench);
    assert_eq!(bench.times_said(line), 2, "{:?}", bench.said);
}

fn shown_polls(bench: &mut Bench) -> usize {
    bench.tell(Input::Asked(Request::Reload));
    let history = bench.histories.pop().unwrap();
    history[0].polls.len()
}

#[test]
fn of_a_backend_whose_thread_has_died_no_former_poll_is_shown_and_nothing_is_held() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Err(refused()));
    assert!(bench.engine.holds().contains_key(&address(1)));
    let born_as = bench.workers[0];
    let address = address(1);
    bench.tell(Input::WorkerEnded { address, born_as });
    assert!(!bench.engine.holds().contains_key(&address));
    assert_eq!(shown_polls(&mut bench), 0);
}

#[test]
fn a_backend_that_leaves_the_list_is_said_to_and_forgotten() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Err(refused()));
    assert!(bench.engine.holds().contains_key(&address(1)));
    bench.lists_those(&[(2, HostState::Up)]);
    assert_eq!(bench.times_said("192.0.2.1 is no longer listed"), 1);
    assert!(bench.engine.holds().is_empty());
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(shown_polls(&mut bench), 0);
}

#[test]
fn what_this_machine_kept_from_being_checked_is_over_when_its_backend_leaves_the_list() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    let forbidden = Failure::new(Stage::Connect, Fault::Forbidden);
    bench.reports(1, Err(forbidden), None, None);
    for second in 1..200 {
        bench.second = second;
        match second {
            1..=99 => bench.lists(&[HostState::Up, HostState::Up]),
            _ => bench.lists_those(&[(2, HostState::Up)]),
        }
    }
    assert_eq!(bench.times_said("cannot be checked from this machine"), 1);
    let over = "backends can be checked again from this machine, as this is over: ";
    assert_eq!(bench.times_said(over), 1, "{:?}", bench.said);
}
