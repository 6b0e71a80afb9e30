//! Users are moved until a list shows that none is left.

use super::*;

#[test]
fn it_is_repeated_until_an_ok_is_followed_by_a_list_without_users() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    for pause in [1000, 2000, 4000] {
        bench.check_acts(0, Action::Drain);
        bench.send(0, Action::Drain, Answer::Done);
        bench.read_list();
        bench.check_held(0, &Reason::DrainPause, None);
        bench.pass_time(pause);
    }
    bench.send(0, Action::Drain, Answer::NotDone);
    bench.listed(0).users = 0;
    bench.read_list();
    bench.check_owed(0);
    bench.pass_time(8000);
    bench.send(0, Action::Drain, Answer::Done);
    bench.read_list();
    bench.check_paid(0);
}

#[test]
fn users_who_appear_later_are_left_alone() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.send(0, Action::Drain, Answer::Done);
    bench.listed(0).users = 0;
    bench.read_list();
    bench.listed(0).users = 1;
    bench.read_list();
    bench.check_nothing(0);
}

#[test]
fn a_debt_from_the_ledger_is_paid_without_a_verdict() {
    let mut bench = Bench::new(2);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.check_nothing(0);
    bench.remember(0, OWES);
    bench.check_acts(0, Action::Drain);
}

#[test]
fn a_down_by_somebody_else_owes_nothing() {
    let mut bench = Bench::new(2);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.refuses(0, true);
    bench.check_nothing(0);
}

#[test]
fn a_debt_outlives_a_list_that_does_not_show_the_down_yet() {
    let mut bench = Bench::new(2);
    bench.remember(0, OWES);
    bench.read_list();
    bench.check_owed(0);
    bench.pass_time(60_000);
    bench.read_list();
    bench.check_owed(0);
    bench.pass_time(10_000);
    bench.read_list();
    bench.check_paid(0);
}

#[test]
fn nothing_is_owed_where_the_operator_wants_users_left() {
    let mut bench = Bench::with(
        2,
        Rules {
            drain: DrainMode::Leave,
            ..RULES
        },
    );
    bench.take_down(0, 1);
    bench.check_nothing(0);
}

#[test]
fn coming_up_again_comes_before_draining() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
    bench.send(0, Action::MarkUp, Answer::Done);
    bench.check_paid(0);
}
