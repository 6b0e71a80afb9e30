//! One command at a time, and only a list tells what it came to.

use super::*;
use crate::monitor::policy::settle::{is_worth_a_line, Setback, Undone};

#[test]
fn no_second_command_before_the_answer_and_a_list_read_after_it() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.sends(0, Action::MarkDown);
    bench.check_held(0, &Reason::InFlight, None);
    let list_begun_before_the_answer = bench.now;
    bench.pass_time(5);
    bench
        .backends
        .on_answer(address(0), Action::MarkDown, Answer::Done, bench.now);
    bench
        .backends
        .on_list(bench.list.clone(), list_begun_before_the_answer);
    bench.check_held(0, &Reason::NotListedYet, None);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.check_acts(0, Action::Drain);
}

#[test]
fn an_ambiguous_answer_that_was_carried_out_is_not_repeated() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.send(0, Action::MarkDown, Answer::Doubtful);
    bench.set(0, HostState::Down);
    let changes = bench.read_list();
    assert_eq!((changes.news, changes.unobserved), (vec![], vec![]));
    bench.check_acts(0, Action::Drain);
}

#[test]
fn what_was_not_done_is_tried_again_after_a_growing_pause() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    for pause in [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
        bench.check_acts(0, Action::MarkDown);
        bench.send(0, Action::MarkDown, Answer::Doubtful);
        bench.read_list();
        bench.check_held(0, &Reason::SetBack, None);
        bench.pass_time(pause - 10);
        bench.check_held(0, &Reason::SetBack, None);
        bench.pass_time(10);
    }
}

#[test]
fn what_did_not_reach_the_director_is_due_as_soon_as_it_is_back() {
    for (answer, is_due) in [(Answer::NotSent, true), (Answer::Doubtful, false)] {
        let mut bench = Bench::new(3);
        bench.take_down(1, 2);
        bench.fails_while_passes(0, 2);
        for pause in [1000, 2000, 4000] {
            bench.send(0, Action::MarkDown, answer);
            bench.send(1, Action::Drain, answer);
            bench.read_list();
            bench.check_held(0, &Reason::SetBack, None);
            bench.check_held(1, &Reason::DrainPause, None);
            bench.pass_time(pause);
        }
        bench.send(0, Action::MarkDown, answer);
        bench.send(1, Action::Drain, answer);
        bench.backends.on_director_back();
        bench.read_list();
        if is_due {
            bench.check_acts(0, Action::MarkDown);
            bench.check_acts(1, Action::Drain);
        } else {
            bench.check_held(0, &Reason::SetBack, None);
            bench.check_held(1, &Reason::DrainPause, None);
        }
    }
}

#[test]
fn an_ok_without_effect_is_reported_and_tried_again_after_a_growing_pause() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::NotDone);
    bench.read_list();
    bench.pass_time(1000);
    for pause in [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
        bench.check_acts(0, Action::MarkDown);
        bench.send(0, Action::MarkDown, Answer::Done);
        let unobserved = bench.read_list().unobserved;
        assert_eq!(unobserved.len(), 1);
        assert_eq!(unobserved[0].is_worth_a_line, pause == 2000);
        bench.check_held(0, &Reason::SetBack, None);
        bench.pass_time(pause - 10);
        bench.check_held(0, &Reason::SetBack, None);
        bench.pass_time(10);
    }
    // Later it begins anew.
    bench.pass_time(61_000);
    bench.send(0, Action::MarkDown, Answer::Done);
    assert!(bench.read_list().unobserved[0].is_worth_a_line);
    bench.pass_time(1000);
    bench.send(0, Action::MarkDown, Answer::Done);
    bench.set(0, HostState::Down);
    assert!(bench.read_list().unobserved.is_empty());
    assert!(bench.member(0).setback.is_none());
}

#[test]
fn what_came_to_nothing_is_said_the_first_time_that_matters_and_once_an_hour() {
    let said = |first| (0..200).filter(move |tries| is_worth_a_line(*tries, first));
    assert_eq!(said(1).collect::<Vec<u32>>(), [1, 61, 121, 181]);
    assert_eq!(said(3).collect::<Vec<u32>>(), [3, 63, 123, 183]);
}

#[test]
fn the_pause_after_an_up_without_effect_keeps_no_users_waiting() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.passes(0);
    bench.send(0, Action::MarkUp, Answer::Done);
    bench.read_list();
    bench.check_held(0, &Reason::SetBack, None);
    bench.fails_while_passes(0, 1);
    bench.pass_time(4000);
    bench.read_list();
    bench.send(0, Action::MarkUp, Answer::Done);
    bench.read_list();
    bench.check_acts(0, Action::Drain);
}

/// A drain with a limit takes the director 2 s for each batch of users, and one that hangs a minute.
#[test]
fn a_drain_under_way_keeps_no_backend_down_that_passes_again_nor_up_one_that_fails() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.check_acts(0, Action::Drain);
    bench.sends(0, Action::Drain);
    bench.check_held(0, &Reason::InFlight, None);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
    bench.sends(0, Action::MarkUp);
    bench.check_held(0, &Reason::InFlight, None);
}

#[test]
fn a_pending_drain_remembered_for_a_backend_that_is_up_ends_after_a_while() {
    let mut bench = Bench::new(1);
    bench.remember(0, OWES);
    let owes = |bench: &Bench| {
        bench
            .backends
            .member(address(0))
            .unwrap()
            .pending_drain
            .is_some()
    };
    bench.pass_time(64_000);
    bench.read_list();
    assert!(owes(&bench));
    bench.pass_time(1000);
    bench.read_list();
    assert!(!owes(&bench));
}

#[test]
fn a_command_is_settled_by_a_list_begun_after_its_answer() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    assert!(bench.member(0).is_settled());
    bench.send(0, Action::MarkDown, Answer::Done);
    assert!(!bench.member(0).is_settled());
    bench.set(0, HostState::Down);
    bench.read_list();
    assert!(bench.member(0).is_settled());
}

#[test]
fn only_what_was_answered_with_ok_is_observed_as_our_change() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.send(0, Action::MarkDown, Answer::Doubtful);
    bench.set(0, HostState::Down);
    let changes = bench.read_list();
    assert_eq!(changes.observed, []);
    let made = [(address(0), HostState::Down)];
    assert_eq!(changes.done_all_the_same, made);
}

#[test]
fn a_setback_counts_for_a_minute_beyond_its_pause_and_is_without_effect_where_ok_was_said() {
    let now = Instant::now();
    let mut setback = Setback::after(None, now);
    assert!(!setback.is_without_effect(now));
    setback.without_effect = 1;
    let over = now + Duration::from_secs(61);
    assert!(setback.is_without_effect(over - Duration::from_nanos(1)));
    assert!(!setback.is_without_effect(over));
}

#[test]
fn downs_that_are_undone_belong_together_for_twenty_minutes() {
    let now = Instant::now();
    let mut undone = Undone::after(None, now);
    for _ in 0..2 {
        assert_eq!(undone.again_and_again_since(now), None);
        undone = Undone::after(Some(&undone), now);
    }
    let over = now + Duration::from_secs(1200);
    let just_before = over - Duration::from_nanos(1);
    assert_eq!(undone.again_and_again_since(just_before), Some(now));
    assert_eq!(undone.again_and_again_since(over), None);
}

#[test]
fn a_down_that_somebody_undoes_is_sent_again_at_once_and_the_next_time_after_a_pause() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    for _ in 0..2 {
        bench.check_acts(0, Action::MarkDown);
        bench.send(0, Action::MarkDown, Answer::Done);
        for state in [HostState::Down, HostState::Up] {
            let changed = bench.second();
            bench.listed(0).changed = changed;
            bench.listed(0).state = state;
            bench.read_list();
        }
        bench.refuses(0, true);
    }
    bench.check_held(0, &Reason::BroughtUpAgain, None);
}

#[test]
fn downs_that_are_undone_now_have_nothing_to_do_with_those_of_long_ago() {
    let now = Instant::now();
    let mut undone = Undone::after(None, now);
    for _ in 0..3 {
        undone = Undone::after(Some(&undone), now);
    }
    let later = now + Duration::from_secs(1200);
    let anew = Undone::after(Some(&undone), later);
    assert_eq!(anew, Undone::after(None, later));
}

#[test]
fn a_doubtful_answer_to_what_the_list_has_shown_before_holds_nothing_back() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.sends(0, Action::MarkDown);
    bench.set(0, HostState::Down);
    bench.read_list();
    let answer = Answer::Doubtful;
    bench
        .backends
        .on_answer(address(0), Action::MarkDown, answer, bench.now);
    bench.read_list();
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

/// Backend 0 has failed and is taken down, which somebody undoes after so many milliseconds.
fn is_undone(bench: &mut Bench, after: u64) {
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Done);
    let changed = bench.second();
    bench.listed(0).changed = changed;
    bench.listed(0).state = HostState::Down;
    bench.read_list();
    bench.pass_time(after);
    bench.send(0, Action::Drain, Answer::Done);
    let changed = bench.second();
    bench.listed(0).changed = changed;
    bench.listed(0).state = HostState::Up;
    bench.read_list();
    bench.refuses(0, true);
}

#[test]
fn the_pause_of_a_down_that_somebody_undoes_counts_from_that_down_and_not_from_the_drain() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    is_undone(&mut bench, 0);
    is_undone(&mut bench, 2500);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn once_a_backend_is_healthy_it_is_forgotten_that_its_downs_were_undone() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    for _ in 0..3 {
        is_undone(&mut bench, 11_000);
    }
    assert!(bench.member(0).brought_up_since(bench.now).is_some());
    bench.passes(0);
    assert_eq!(bench.member(0).brought_up_since(bench.now), None);
}
