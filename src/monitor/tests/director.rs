//! A director that is silent, hangs, has an unsynced ring, or does not do what it says.

use super::*;
use crate::config::settings::{Pool, Watch};
use crate::monitor::policy::{Memory, OwnDown};

#[test]
fn a_reader_that_hangs_is_an_alarm_after_its_deadline() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    for second in 1..22 {
        bench.second = second;
        bench.tell(Input::Time);
        assert_eq!(bench.notices(), [], "at {second} s");
    }
    bench.second = 22;
    bench.tell(Input::Time);
    assert_eq!(bench.notices(), [Notice::DirectorSilent]);
}

#[test]
fn failover_is_on_again_once_the_director_has_answered_for_ten_seconds() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.loses_lists();
    for second in 1..11 {
        bench.second = second;
        bench.tell(Input::Time);
        bench.lists(&BOTH_UP);
        assert_eq!(bench.notices(), [Notice::DirectorSilent], "at {second} s");
    }
    bench.second = 11;
    bench.lists(&BOTH_UP);
    assert_eq!(bench.notices(), []);
}

#[test]
fn that_failover_is_off_is_shown_while_the_director_does_not_answer_and_no_longer() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    for second in [1, 9] {
        bench.second = second;
        bench.loses_lists();
        assert_eq!(bench.alarm_words(), ["director_silent"], "at {second} s");
        bench.second += 1;
        bench.tell(Input::Time);
        bench.lists(&BOTH_UP);
        // Commands are sent again.
        assert_eq!(bench.alarm_words(), [""; 0], "after {second} s");
    }
}

#[test]
fn what_a_director_never_saw_is_sent_as_soon_as_it_is_back() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    // The second time the pause would be two seconds.
    for sent in 1..3 {
        let (number, _) = *bench.sent.last().unwrap();
        let answer = Err(lost(PoolStage::Connection));
        bench.tell(Input::Answered { number, answer });
        bench.loses_lists();
        assert_eq!(bench.sent.len(), sent);
        bench.second += 1;
        bench.tell(Input::Time);
        bench.lists(&BOTH_UP);
        assert_eq!(bench.sent.len(), sent + 1);
    }
}

#[test]
fn an_ok_without_effect_is_an_error_line() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let (number, _) = bench.sent[0];
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered { number, answer });
    bench.second += 1;
    bench.lists(&BOTH_UP);
    let line = "192.0.2.1: the director said OK to the last command, but the list shows another \
                state (1 time so far)";
    let lines = bench.said.iter().filter(|said| said.starts_with(line));
    assert_eq!(lines.count(), 1, "{:?}", bench.said);
    assert_eq!(bench.engine.snapshot().unobserved, 1);
}

#[test]
fn users_who_are_listed_after_the_third_ok_to_a_drain_are_an_error_line_each_time() {
    let mut bench = Bench::new();
    bench.users = 10;
    bench.fails_until_decided_on();
    bench.answers_ok();
    let line = "192.0.2.1: the director said OK to several drains, but still lists 10 users on it, though it is \
                down; this is tried again, with pauses of up to a minute between; by hand: doveadm director flush 192.0.2.1";
    let mut said = Vec::new();
    for second in 4..20 {
        bench.second = second;
        bench.lists(&[HostState::Down, HostState::Up]);
        if bench.times_said(line) > 0 {
            said.push(second);
        }
        bench.said.clear();
        bench.answers_ok();
    }
    assert_eq!(said, [10]);
}

#[test]
fn lines_of_the_lists_that_cannot_be_read_are_an_alarm_until_all_can_be() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.malformed = Malformed {
        shown: vec![Quote::new("one"), Quote::new("two")],
        count: 9,
        ..Malformed::default()
    };
    for _ in 0..2 {
        bench.lists(&BOTH_UP);
        assert_eq!(bench.notices(), [Notice::MalformedLines]);
    }
    let begins =
        "director: 9 malformed lines in the lists are skipped, so that their backends are \
                  neither checked nor changed; the first: \"one\"";
    assert_eq!(bench.times_said(begins), 1, "{:?}", bench.said);
    bench.malformed = Malformed::default();
    for _ in 0..2 {
        bench.lists(&BOTH_UP);
        assert_eq!(bench.notices(), []);
    }
    let over = "director: no line of the lists is malformed any more";
    assert_eq!(bench.times_said(over), 1);
}

#[test]
fn a_backend_listed_twice_and_a_line_about_another_director_leave_no_backend_alone() {
    let lines = |text| Malformed {
        shown: vec![Quote::new(text)],
        count: 1,
        ..Malformed::default()
    };
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.repeated = lines("twice");
    bench.malformed_ring = lines("what");
    for _ in 0..2 {
        bench.lists(&BOTH_UP);
        assert_eq!(
            bench.notices(),
            [Notice::RepeatedLines, Notice::MalformedRing]
        );
    }
    for line in [
        "director: 1 line in the lists is of a backend listed before; the line before counts, and the backend is \
         checked and changed by that; the first: \"twice\"",
        "director: 1 malformed line in the list of directors is skipped; all backends are checked; the first: \"what\"",
    ] {
        assert_eq!(bench.times_said(line), 1, "{:?}", bench.said);
    }
    assert_eq!(bench.times_said("neither checked nor changed"), 0);
    bench.repeated = Malformed::default();
    bench.malformed_ring = Malformed::default();
    bench.lists(&BOTH_UP);
    assert_eq!(bench.notices(), []);
    for line in [
        "director: no backend is listed more than once any more",
        "director: no line of the list of directors is malformed any more",
    ] {
        assert_eq!(bench.times_said(line), 1, "{:?}", bench.said);
    }
}

#[test]
fn one_line_of_the_lists_that_cannot_be_read_is_not_said_to_be_several() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.malformed = Malformed {
        shown: vec![Quote::new("one")],
        count: 1,
        ..Malformed::default()
    };
    bench.lists(&BOTH_UP);
    let line = "director: 1 malformed line in the lists is skipped, so that its backend is neither checked \
                nor changed; the first: \"one\"";
    assert_eq!(bench.times_said(line), 1, "{:?}", bench.said);
}

#[test]
fn a_ring_that_is_unsynced_for_a_minute_is_an_alarm_until_it_is_synced() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.readiness = Readiness::Unsynced;
    for (second, expected) in [(0, 0), (59, 0), (60, 1), (61, 1)] {
        bench.second = second;
        bench.lists(&BOTH_UP);
        assert_eq!(bench.notices().len(), expected, "at {second} s");
    }
    assert_eq!(bench.notices(), [Notice::RingUnsynced]);
    let director = bench.engine.snapshot().director;
    assert_eq!(director.sync_for, Duration::from_secs(61));
    bench.readiness = Readiness::Synced;
    bench.lists(&BOTH_UP);
    assert_eq!(bench.notices(), []);
    assert_eq!(bench.said.last().unwrap(), "the ring is synced again");
}

#[test]
fn a_director_that_does_not_tell_of_its_ring_is_taken_for_synced_and_shown_as_one_that_does_not() {
    for (readiness, sync, tells_sync) in [
        (Readiness::Synced, policy::Sync::Synced, true),
        (Readiness::NotTold, policy::Sync::Synced, false),
        (Readiness::Unsynced, policy::Sync::Unsynced, true),
    ] {
        let mut bench = Bench::new();
        bench.readiness = readiness;
        bench.tell(Input::Time);
        bench.lists(&BOTH_UP);
        let director = bench.engine.snapshot().director;
        assert_eq!((director.sync, director.tells_sync), (sync, tells_sync));
    }
}

/// A director that is restarted ends all connections: the first try after that tells more than the end.
#[test]
fn a_connection_that_has_stood_for_ten_seconds_is_opened_again_before_anybody_is_alarmed() {
    for (heard, second, loss, alarms) in [
        (true, 10, Loss::Closed, false),
        (true, 9, Loss::Closed, true),
        (false, 10, Loss::Closed, true),
        (true, 1, Loss::Moved, false),
        (true, 10, Loss::Local, true),
        (true, 10, Loss::Other, true),
    ] {
        let mut bench = Bench::new();
        bench.second = 1;
        bench.tell(Input::Time);
        if heard {
            bench.lists(&BOTH_UP);
        }
        bench.second += second;
        let reading = Err(ended_by(loss));
        let connection = bench.opened[0];
        bench.tell(Input::Lists {
            connection,
            reading,
        });
        let is_alarm = bench.notices() == [Notice::DirectorSilent];
        assert_eq!(is_alarm, alarms, "{heard} {second} {loss:?}");
        assert!(alarms || bench.opened == [1, 2], "at once");
    }
}

#[test]
fn a_reader_that_has_died_is_an_alarm_and_another_one_takes_its_place() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    bench.tell(Input::ListsEnded { connection: 7 });
    assert_eq!(bench.notices(), [], "not of this connection");
    bench.tell(Input::ListsEnded { connection: 1 });
    assert_eq!(bench.notices(), [Notice::DirectorSilent]);
    bench.second = 1;
    bench.tell(Input::Time);
    assert_eq!(bench.opened, [1, 2]);
}

#[test]
fn a_ring_status_that_nobody_knows_is_an_alarm_while_it_lasts() {
    let mut bench = Bench::new();
    bench.readiness = Readiness::Unknown(Quote::new("dancing"));
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    assert_eq!(bench.notices(), [Notice::RingStatusUnknown]);
    bench.readiness = Readiness::Synced;
    bench.lists(&BOTH_UP);
    assert_eq!(bench.notices(), []);
}

/// Another connection would be no better, and the lists are read all the same.
#[test]
fn a_command_that_this_machine_could_not_send_is_an_error_line_and_tried_again() {
    for (loss, said) in [(Loss::Local, 1), (Loss::Other, 0)] {
        let mut bench = Bench::new();
        bench.fails_until_decided_on();
        let (number, _) = bench.sent[0];
        let answer = Err(PoolError {
            loss,
            ..lost(PoolStage::Connection)
        });
        bench.tell(Input::Answered { number, answer });
        assert_eq!(
            bench.times_said("what is still wanted is tried again"),
            said
        );
        let opened_again = bench.opened.len() - 1;
        assert_eq!(opened_again, 1 - said);
    }
}

/// Whether it was done is not known: nothing says that it was not sent.
#[test]
fn a_command_that_was_sent_and_not_answered_is_no_reason_to_doubt_the_connection() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let (number, _) = bench.sent[0];
    let answer = Err(lost(PoolStage::Reply));
    bench.tell(Input::Answered { number, answer });
    assert_eq!(bench.times_said("was not sent"), 0);
    assert_eq!(bench.opened, [1]);
}

#[test]
fn another_socket_is_read_over_a_connection_of_its_own_and_ends_the_alarm_about_the_former() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.loses_lists();
    assert_eq!(bench.notices(), [Notice::DirectorSilent]);
    let mut terms = terms(Chosen::default());
    terms.settings.socket = "/other".into();
    bench.tell(Input::Settings(Ok(Box::new(terms))));
    assert_eq!(bench.notices(), []);
    assert_eq!(bench.times_said(" is no longer used"), 1);
    assert_eq!(bench.opened, [1, 2]);
    bench.lists(&BOTH_UP);
    assert_eq!(bench.workers.len(), 2);
}

impl Bench {
    /// The connection is opened again, and is lost at once for this cause.
    fn cannot_be_opened(&mut self, cause: &str) {
        self.tell(Input::Time);
        let connection = *self.opened.last().unwrap();
        let reading = Err(PoolError {
            cause: cause.to_owned(),
            ..lost(PoolStage::Connection)
        });
        self.tell(Input::Lists {
            connection,
            reading,
        });
    }
}

/// Which causes are said while failover is off, and at which second, if from these seconds on these are the causes.
#[track_caller]
fn check_causes(until: u64, causes: &[(u64, &'static str)], expected: &[(u64, &str)]) {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    let mut said = Vec::new();
    for second in 1..until {
        bench.second = second;
        let mut begun = causes.iter().filter(|(from, _)| *from <= second);
        let (_, cause) = begun.next_back().unwrap();
        bench.cannot_be_opened(cause);
        said.extend(bench.causes.drain(..).map(|cause| (second, cause)));
    }
    let expected = expected
        .iter()
        .map(|(second, cause)| (*second, format!("director /admin: {cause}")));
    assert_eq!(said, expected.collect::<Vec<_>>());
}

#[test]
fn another_cause_that_lasts_for_ten_seconds_is_said_each_time() {
    let (missing, refused, silent) = ("the socket is missing", "nobody listens", "timed out");
    check_causes(
        100,
        &[(1, missing), (20, refused), (50, silent), (80, missing)],
        &[(1, missing), (30, refused), (60, silent), (90, missing)],
    );
}

/// A director that is being restarted gives several, and one that hangs now and then would fill the log.
#[test]
fn causes_that_take_turns_are_said_once_and_each_hour() {
    let (missing, refused) = ("the socket is missing", "nobody listens");
    let turns: Vec<_> = (0..1000)
        .flat_map(|turn| [(1 + turn * 18, missing), (10 + turn * 18, refused)])
        .collect();
    check_causes(3700, &turns, &[(1, missing), (3601, missing)]);
    let same = [(1, missing)];
    check_causes(3700, &same, &[(1, missing), (3601, missing)]);
}

#[test]
fn other_causes_that_take_turns_do_not_add_up_to_one_that_lasts() {
    let (missing, refused, silent) = ("the socket is missing", "nobody listens", "timed out");
    let turns = (0..10).flat_map(|turn| [(20 + turn * 18, refused), (29 + turn * 18, silent)]);
    let causes: Vec<_> = [(1, missing)].into_iter().chain(turns).collect();
    check_causes(200, &causes, &[(1, missing)]);
}

/// Its stamp passes, the clocks go on to differ.
#[test]
fn a_stamp_from_the_future_is_a_line_at_most_once_an_hour() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    for (second, ahead, said) in [
        (0, 0, 0),
        (1, 61, 0),
        (2, 90, 1),
        (3, 90, 1),
        (90, 90, 1),
        (91, 7200, 1),
        (3601, 7200, 1),
        (3602, 7200, 2),
    ] {
        bench.second = second;
        let changed = Listed {
            changed: Stamp(1_800_000_000 + ahead),
            ..listed(2, HostState::Up)
        };
        bench.lists_of(vec![listed(1, HostState::Up), changed]);
        let times = bench.times_said("was changed at");
        assert_eq!(times, said, "at {second} s: {ahead}");
    }
    let first = bench.said.iter().find(|line| line.contains("changed at"));
    assert_eq!(
        first.unwrap(),
        "the director's list says that 192.0.2.2 was changed at 08:01:30, which is in 88 s by this machine's clock: \
         this clock, or that of the machine where it was changed, is wrong; compare date on all of them, and have \
         their clocks set (NTP); until then the time at which this monitor first saw a change counts, and this \
         monitor may take another's change for its own"
    );
}

/// HAProxy lists no stamps: those that its downs get are of this machine's clock, which may have been set back since.
#[test]
fn a_stamp_of_this_machine_says_nothing_of_other_clocks() {
    let mut terms = terms(Chosen::default());
    terms.settings.pool = Pool::HaProxy {
        watch: Watch::CheckedPorts,
    };
    let down = listed(2, HostState::Down);
    let down_of_before = OwnDown {
        stamp_before: Stamp(0),
        sent: Stamp(1_800_000_000 + 90),
        vhosts: 100,
        stamp: None,
    };
    let memory = Memory {
        down: Some(down_of_before),
        ..Memory::default()
    };
    let mut bench = Bench::of(terms, Remembered::from([(down.address, memory)]));
    bench.tell(Input::Time);
    let mut lists = bench.reading_of(vec![listed(1, HostState::Up), down]);
    if let Input::Lists {
        reading: Ok(reading),
        ..
    } = &mut lists
    {
        reading.particulars = Particulars::HaProxy(Box::default());
    }
    bench.tell(lists);
    assert_eq!(bench.times_said("is listed"), 2, "{:?}", bench.said);
    assert_eq!(bench.times_said("clock"), 0, "{:?}", bench.said);
}

impl Bench {
    /// The first of two backends fails for so long, the list shows it up, and each command is answered so.
    fn is_answered_for(&mut self, seconds: u64, answer: &Reply) {
        for _ in 0..seconds {
            self.second += 1;
            self.finds(2, Ok(Pass::Clean));
            self.finds(1, Err(refused()));
            self.lists(&BOTH_UP);
            for (number, _) in std::mem::take(&mut self.sent) {
                let answer = Ok(answer.clone());
                self.tell(Input::Answered { number, answer });
            }
        }
    }
}

#[test]
fn a_command_that_is_refused_again_and_again_is_said_once_and_about_once_an_hour() {
    for (answer, words) in [
        (Reply::TryAgain, "HOST-DOWN was not done"),
        (Reply::RingSyncTimedOut, "HOST-DOWN may not have been done"),
    ] {
        let mut bench = Bench::without_files();
        bench.fails_until_decided_on();
        bench.is_answered_for(600, &answer);
        assert_eq!(bench.times_said(words), 1);
        bench.is_answered_for(3_100, &answer);
        assert_eq!(bench.times_said(words), 2);
        // Another answer is news.
        bench.is_answered_for(300, &Reply::NotFound);
        assert_eq!(bench.times_said("answered: no backend has this address"), 1);
    }
}

#[test]
fn what_another_changes_makes_a_refusal_that_was_said_no_news() {
    let mut bench = Bench::without_files();
    bench.fails_until_decided_on();
    bench.is_answered_for(60, &Reply::TryAgain);
    for state in [HostState::Down, HostState::Up] {
        bench.second += 1;
        bench.lists(&[state, HostState::Up]);
    }
    assert_eq!(
        bench.times_said("192.0.2.1 went from up to down, not by this monitor"),
        1
    );
    bench.is_answered_for(600, &Reply::TryAgain);
    assert_eq!(bench.times_said("HOST-DOWN was not done"), 1);
}

#[test]
fn a_down_that_comes_to_nothing_again_and_again_is_not_said_to_be_done_each_time() {
    let mut bench = Bench::without_files();
    bench.fails_until_decided_on();
    bench.is_answered_for(600, &Reply::Ok);
    let disabled = "192.0.2.1 disabled: up -> down by this monitor";
    assert_eq!(bench.times_said(disabled), 1);
    assert_eq!(
        bench.times_said("the director said OK to the last command"),
        1
    );
    // In the end it is done.
    while bench.sent.is_empty() {
        bench.second += 1;
        bench.finds(2, Ok(Pass::Clean));
        bench.finds(1, Err(refused()));
        bench.lists(&BOTH_UP);
    }
    bench.answers_ok();
    bench.second += 1;
    bench.lists(&[HostState::Down, HostState::Up]);
    assert_eq!(bench.times_said(disabled), 2);
}

/// As by HAProxy that answers later than it is waited for, or by a director whose ring hangs.
#[test]
fn a_change_that_was_in_doubt_is_said_once_a_list_shows_it() {
    let doubts = [
        Ok(Reply::RingSyncTimedOut),
        Err(lost(PoolStage::Reply)),
        Err(lost(PoolStage::Command)),
    ];
    for answer in doubts {
        for lists_before in [0, 3] {
            let mut bench = Bench::without_files();
            bench.fails_until_decided_on();
            let (number, _) = bench.sent.pop().unwrap();
            let answer = answer.clone();
            bench.tell(Input::Answered { number, answer });
            // It may take effect after a list has shown that it did not.
            for _ in 0..lists_before {
                bench.beyond += Duration::from_millis(100);
                bench.lists(&BOTH_UP);
            }
            let disabled = "192.0.2.1 disabled: up -> down by this monitor: pop3:110 connect: connection refused, ";
            assert_eq!(bench.times_said(disabled), 0);
            bench.second += 1;
            let changed = Stamp(1_800_000_000 + bench.second);
            let down = Listed {
                changed,
                ..listed(1, HostState::Down)
            };
            for _ in 0..3 {
                bench.lists_of(vec![down.clone(), listed(2, HostState::Up)]);
                bench.beyond += Duration::from_millis(100);
            }
            assert_eq!(bench.times_said(disabled), 1, "{:?}", bench.said);
            let end = "; 1 of 2 backends are up; no users were listed; comes up after the next good check (not \
                       answered with OK, but the list shows it)";
            assert_eq!(bench.times_said(end), 1, "{:?}", bench.said);
            assert_eq!(
                bench.times_said("not by this monitor"),
                0,
                "{:?}",
                bench.said
            );
        }
    }
}

#[test]
fn an_up_that_was_in_doubt_is_said_once_a_list_shows_it_and_one_that_came_to_nothing_is_not() {
    let mut bench = Bench::without_files();
    bench.fails_until_decided_on();
    bench.answers_ok();
    bench.second += 1;
    bench.lists(&[HostState::Down, HostState::Up]);
    bench.answers_ok();
    bench.second += 1;
    bench.finds(1, Ok(Pass::Clean));
    bench.lists(&[HostState::Down, HostState::Up]);
    for (listed, times) in [(HostState::Down, 0), (HostState::Up, 1)] {
        let (number, _) = bench.sent.pop().expect("an up");
        let answer = Err(lost(PoolStage::Reply));
        bench.tell(Input::Answered { number, answer });
        for _ in 0..3 {
            bench.second += 1;
            bench.lists(&[listed, HostState::Up]);
        }
        let enabled = "192.0.2.1 enabled: down -> up by this monitor: ";
        assert_eq!(bench.times_said(enabled), times, "{:?}", bench.said);
    }
    assert_eq!(
        bench.times_said("not by this monitor"),
        0,
        "{:?}",
        bench.said
    );
}

/// A down that was in doubt and came to nothing is no reason to take a later one of an administrator's for it.
#[test]
fn anothers_down_is_not_taken_for_one_of_ours_that_came_to_nothing() {
    let mut bench = Bench::without_files();
    bench.fails_until_decided_on();
    let (number, _) = bench.sent.pop().unwrap();
    let answer = Ok(Reply::RingSyncTimedOut);
    bench.tell(Input::Answered { number, answer });
    for _ in 0..300 {
        bench.finds(1, Ok(Pass::Clean));
        bench.second += 1;
        bench.lists(&BOTH_UP);
    }
    bench.sent.clear();
    let changed = Stamp(1_800_000_000 + bench.second);
    bench.lists_of(vec![
        Listed {
            changed,
            ..listed(1, HostState::Down)
        },
        listed(2, HostState::Up),
    ]);
    assert_eq!(bench.times_said("disabled: up -> down by this monitor"), 0);
    assert_eq!(
        bench.times_said("192.0.2.1 went from up to down, not by this monitor"),
        1
    );
}

#[test]
fn users_who_are_moved_in_vain_again_and_again_are_not_said_to_be_moved_each_time() {
    let mut bench = Bench::without_files();
    bench.users = 10;
    bench.fails_until_decided_on();
    bench.answers_ok();
    for second in 4..600 {
        bench.second = second;
        bench.lists(&[HostState::Down, HostState::Up]);
        bench.answers_ok();
    }
    assert_eq!(bench.times_said("192.0.2.1 users moved: 10"), 3);
    assert_eq!(
        bench.times_said("the director said OK to several drains"),
        1
    );
}

/// Such as an agent of HAProxy's that says "ready", or a script.
#[test]
fn a_failed_backend_that_somebody_brings_up_again_and_again_is_one_alarm_and_is_taken_down_less_often(
) {
    let mut bench = Bench::without_files();
    bench.fails_until_decided_on();
    let mut downs = Vec::new();
    // Each down is undone within a second or two.
    let stamped = |bench: &mut Bench, state| {
        let changed = Stamp(1_800_000_000 + bench.second);
        vec![
            Listed {
                changed,
                ..listed(1, state)
            },
            listed(2, HostState::Up),
        ]
    };
    while bench.second < 600 {
        let is_down = bench
            .sent
            .iter()
            .any(|(_, command)| command.effect() == Effect::State(HostState::Down));
        bench.answers_ok();
        if is_down {
            downs.push(bench.second);
            bench.second += 1;
            let down = stamped(&mut bench, HostState::Down);
            bench.lists_of(down);
            bench.answers_ok();
            bench.second += 1;
            let up = stamped(&mut bench, HostState::Up);
            bench.lists_of(up);
        } else {
            bench.second += 1;
            bench.lists_of(vec![
                Listed {
                    changed: Stamp(1_800_000_000 + bench.second - 1),
                    ..listed(1, HostState::Up)
                },
                listed(2, HostState::Up),
            ]);
        }
        bench.finds(2, Ok(Pass::Clean));
        bench.finds(1, Err(refused()));
        bench.finds(2, Ok(Pass::Clean));
    }
    assert!((50..=65).contains(&downs.len()), "{downs:?}");
    assert_eq!(bench.alarm_words(), ["brought_up"]);
    assert_eq!(
        bench.times_said(
            "192.0.2.1 has failed and is brought up again and again, not by this monitor"
        ),
        1
    );
    for text in [
        "went from down to up, not by this monitor",
        "disabled: up -> down by this monitor",
        "users moved",
    ] {
        let times = bench.times_said(text);
        assert!((2..=3).contains(&times), "{text}: {times}");
    }
    // It stays down, and a while later all is as with any other backend that has failed.
    while bench.second < 3000 {
        bench.second += 1;
        bench.lists(&[HostState::Down, HostState::Up]);
        bench.answers_ok();
    }
    assert_eq!(bench.alarm_words(), [""; 0]);
    assert_eq!(
        bench.times_said("no failed backend is brought up again and again any more"),
        1
    );
}

/// It was, for as long as no thread could be started to read the lists.
#[test]
fn that_nothing_was_missed_is_not_said_of_a_time_without_a_thread() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    for second in 0..12 {
        bench.second = second;
        bench.lists(&BOTH_UP);
    }
    let connection = *bench.opened.last().unwrap();
    let closed = PoolError {
        loss: Loss::Closed,
        ..lost(PoolStage::Reading)
    };
    bench.tell(Input::Lists {
        connection,
        reading: Err(closed),
    });
    for second in 12..72 {
        bench.second = second;
        bench.tell(Input::Time);
        let connection = *bench.opened.last().unwrap();
        let cause = "no more threads".to_owned();
        bench.tell(Input::ListsNotOpened { connection, cause });
    }
    bench.second = 72;
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    assert_eq!(
        bench.times_said("nothing was missed"),
        0,
        "{:?}",
        bench.said
    );
    assert_eq!(bench.times_said("lists are read again"), 1);
}

/// The list shows the down later than it was answered, and not without an answer.
#[test]
fn a_down_that_was_answered_with_ok_is_not_said_to_lack_that_where_a_list_shows_it_late() {
    for is_in_doubt_first in [false, true] {
        let mut bench = Bench::without_files();
        bench.fails_until_decided_on();
        if is_in_doubt_first {
            let (number, _) = bench.sent.pop().unwrap();
            let answer = Ok(Reply::RingSyncTimedOut);
            bench.tell(Input::Answered { number, answer });
            while bench.sent.is_empty() {
                bench.second += 1;
                bench.finds(1, Err(refused()));
                bench.finds(2, Ok(Pass::Clean));
                bench.lists(&BOTH_UP);
            }
        }
        bench.answers_ok();
        for _ in 0..3 {
            bench.beyond += Duration::from_millis(100);
            bench.lists(&BOTH_UP);
        }
        bench.second += 1;
        let changed = Stamp(1_800_000_000 + bench.second);
        let down = Listed {
            changed,
            ..listed(1, HostState::Down)
        };
        bench.lists_of(vec![down, listed(2, HostState::Up)]);
        let told = [
            "192.0.2.1 disabled: up -> down by this monitor",
            "not answered with OK",
            "192.0.2.1 went from up to down",
        ];
        let times = told.map(|text| bench.times_said(text));
        assert_eq!(times, [1, 0, 1], "{:?}", bench.said);
    }
}

/// It was up for less than the time between two lists.
#[test]
fn a_backend_that_is_down_with_another_stamp_is_said_to_be_down_again() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    for changed in [5, 50] {
        bench.second += 1;
        let down = Listed {
            changed: Stamp(1_799_999_000 + changed),
            ..listed(1, HostState::Down)
        };
        bench.lists_of(vec![down, listed(2, HostState::Up)]);
    }
    let line = "192.0.2.1 was changed and is down again, not by this monitor; ";
    assert_eq!(bench.times_said(line), 1, "{:?}", bench.said);
}
