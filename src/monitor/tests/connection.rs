//! What is said and done when the director's connection ends, hangs and is there again.

use super::*;
use crate::monitor::policy::Sync;

#[test]
fn that_failover_is_on_again_is_said_once_and_what_comes_off_later_lasts_anew() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    bench.second = 1;
    bench.loses_lists();
    for second in 2..30 {
        bench.second = second;
        bench.tell(Input::Time);
        bench.lists(&BOTH_UP);
    }
    let again = "failover is on again: director ";
    assert_eq!(bench.times_said(again), 1, "{:?}", bench.said);
    let spans = " has answered for 10 s, after 2 s without an answer or with interruptions";
    assert_eq!(bench.times_said(spans), 1, "{:?}", bench.said);
    assert_eq!(bench.causes.len(), 1);
}

impl Bench {
    /// For so long that the end of its connection is worth another try before anybody is alarmed.
    fn has_stood_for_long() -> Bench {
        let mut bench = Bench::new();
        bench.tell(Input::Time);
        for second in 0..12 {
            bench.second = second;
            bench.lists(&BOTH_UP);
        }
        bench
    }
}

const NOTHING_MISSED: &str = "; connected again, and nothing was missed";

#[test]
fn a_connection_that_ended_and_is_there_again_is_a_line_and_no_alarm() {
    let mut bench = Bench::has_stood_for_long();
    bench.loses_lists_by(ended_by(Loss::Closed));
    assert_eq!(bench.engine.backends().sync(), Sync::Silent);
    assert_eq!(bench.times_said(NOTHING_MISSED), 0);
    for second in 12..14 {
        bench.second = second;
        bench.lists(&BOTH_UP);
        assert_eq!(bench.times_said(NOTHING_MISSED), 1, "{:?}", bench.said);
    }
    assert_eq!(bench.causes, [""; 0]);
}

#[test]
fn that_nothing_was_missed_is_not_said_once_failover_was_off() {
    let mut bench = Bench::has_stood_for_long();
    bench.loses_lists_by(ended_by(Loss::Closed));
    bench.loses_lists();
    for second in 12..40 {
        bench.second = second;
        bench.tell(Input::Time);
        bench.lists(&BOTH_UP);
    }
    assert_eq!(bench.times_said("failover is on again"), 1);
    assert_eq!(bench.times_said(NOTHING_MISSED), 0, "{:?}", bench.said);
}

/// One whose command did not get through, and whether its lists can be read is not known yet.
fn with_an_unsent_command() -> Bench {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let (number, _) = bench.sent[0];
    let answer = Err(lost(PoolStage::Connection));
    bench.tell(Input::Answered { number, answer });
    assert_eq!(bench.opened, [1, 2]);
    assert_eq!(bench.engine.backends().sync(), Sync::Silent);
    bench
}

const UNSENT: &str = "192.0.2.1: HOST-DOWN was not sent: ";

#[test]
fn a_command_that_could_not_be_sent_is_an_error_line_where_the_lists_can_be_read() {
    let mut bench = with_an_unsent_command();
    assert_eq!(bench.times_said(UNSENT), 0);
    let errors = bench.errors;
    for _ in 0..2 {
        bench.lists(&BOTH_UP);
        assert_eq!(bench.times_said(UNSENT), 1, "{:?}", bench.said);
    }
    assert_eq!(bench.errors, errors + 1);
}

#[test]
fn commands_that_could_not_be_sent_are_debug_lines_where_failover_is_off() {
    let mut bench = with_an_unsent_command();
    bench.loses_lists();
    assert_eq!(bench.times_debugged(UNSENT), 1, "{:?}", bench.debugged);
    bench.second += 1;
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    assert_eq!(bench.sent.len(), 2);
    let (number, _) = bench.sent[1];
    let answer = Err(lost(PoolStage::Connection));
    bench.tell(Input::Answered { number, answer });
    assert_eq!(bench.times_debugged(UNSENT), 2, "{:?}", bench.debugged);
    bench.second += 1;
    bench.lists(&BOTH_UP);
    assert_eq!(bench.times_said(UNSENT), 0, "{:?}", bench.said);
    assert_eq!(bench.opened.len(), 3);
}

#[test]
fn the_service_manager_is_told_why_failover_is_off() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    bench.second = 5;
    bench.told.clear();
    bench.loses_lists();
    match &bench.told[..] {
        [Told::FailoverOff { silent, cause, .. }] => {
            assert_eq!(silent.as_secs(), 5);
            assert_eq!(cause, &lost(PoolStage::Reading).to_string());
        }
        others => panic!("{others:?}"),
    }
}

#[test]
fn why_the_lists_cannot_be_read_is_shown_until_they_can_be() {
    let mut bench = Bench::new();
    let error = |bench: &Bench| bench.engine.snapshot().director.error;
    bench.tell(Input::Time);
    bench.loses_lists();
    let cause = lost(PoolStage::Reading).to_string();
    assert_eq!(error(&bench), Some(cause));
    bench.second = 1;
    bench.tell(Input::Time);
    let lacks = |bench: &mut Bench, connection| {
        bench.tell(Input::ListsNotOpened {
            connection,
            cause: "no more threads".to_owned(),
        });
    };
    lacks(&mut bench, 1);
    assert_eq!(bench.notices(), [Notice::DirectorSilent], "a former one");
    lacks(&mut bench, 2);
    let cause = "no thread can be started to read its lists: no more threads";
    assert_eq!(error(&bench).as_deref(), Some(cause));
    bench.second = 2;
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    assert_eq!(error(&bench), None);
}

/// It was slow, and is not hanging.
#[test]
fn a_reader_that_answered_when_it_was_asked_has_its_whole_patience_again() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    bench.second = 10;
    bench.tell(Input::Time);
    bench.second = 15;
    bench.lists(&BOTH_UP);
    for second in 16..37 {
        bench.second = second;
        bench.tell(Input::Time);
        assert_eq!(bench.notices(), [], "at {second} s");
    }
    bench.second = 37;
    bench.tell(Input::Time);
    assert_eq!(bench.notices(), [Notice::DirectorSilent]);
}

#[test]
fn a_connection_that_is_given_up_is_closed() {
    let closings = |bench: &Bench| {
        let others = bench.others.iter();
        others
            .filter(|output| matches!(output, Output::CloseLists))
            .count()
    };
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    assert_eq!(closings(&bench), 0);
    bench.loses_lists();
    assert_eq!(closings(&bench), 1);
    bench.second = 1;
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    let mut terms = terms(Chosen::default());
    terms.settings.socket = "/other".into();
    bench.tell(Input::Settings(Ok(Box::new(terms))));
    assert_eq!(closings(&bench), 2);
    assert_eq!(bench.opened, [1, 2, 3]);
    assert_eq!(bench.engine.backends().sync(), Sync::Silent);
}
