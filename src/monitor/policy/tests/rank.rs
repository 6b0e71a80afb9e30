//! Who moves first, and what the others see by then.

use super::*;

#[test]
fn a_place_further_down_the_ring_waits_longer() {
    for (before, expected) in [(0, 0), (1, 300), (2, 600), (8, 2000)] {
        assert_eq!(turn_delay(before).as_millis(), expected);
    }
}

#[test]
fn after_its_turn_the_list_is_read_again_before_acting() {
    let mut bench = Bench::new(2);
    bench.backends.on_turn_delay(Duration::from_millis(600));
    bench.fails_while_passes(0, 1);
    bench.check_held(0, &Reason::Turn, None);
    bench.pass_time(590);
    bench.read_list();
    bench.check_held(0, &Reason::Turn, None);
    bench.pass_time(10);
    bench.check_held_for_list(0, &Reason::Turn);
    bench.read_list();
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn what_another_has_done_in_the_meantime_is_not_done_again() {
    let mut bench = Bench::new(2);
    bench.backends.on_turn_delay(Duration::from_millis(600));
    bench.fails_while_passes(0, 1);
    bench.check_held(0, &Reason::Turn, None);
    bench.set(0, HostState::Down);
    bench.listed(0).users = 0;
    bench.read_list();
    bench.check_nothing(0);
}

#[test]
fn users_whom_another_was_to_move_are_moved_in_turn() {
    let mut bench = Bench::new(2);
    bench.backends.on_turn_delay(Duration::from_millis(600));
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.fails_while_passes(0, 1);
    bench.pass_time(4000);
    bench.check_held(0, &Reason::Turn, None);
    bench.pass_time(600);
    bench.check_held_for_list(0, &Reason::Turn);
    bench.read_list();
    bench.check_acts(0, Action::Drain);
    bench.listed(0).users = 0;
    bench.read_list();
    bench.check_nothing(0);
}

#[test]
fn a_drain_that_is_owed_waits_for_nobody() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.backends.on_turn_delay(Duration::from_millis(600));
    bench.check_acts(0, Action::Drain);
}

#[test]
fn a_turn_at_a_down_is_none_at_an_up() {
    let hold = Duration::ZERO;
    let mut bench = Bench::with(2, Rules { hold, ..RULES });
    bench.backends.on_turn_delay(Duration::from_millis(600));
    bench.fails_while_passes(0, 1);
    bench.check_held(0, &Reason::Turn, None);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
    bench.check_held(0, &Reason::Turn, None);
}
