//! Who moves first, and what the others see by then.

use super::*;
use crate::director::wire::{ListParser, RingParser};

fn delay(list: &str) -> u128 {
    let mut parser = RingParser::default();
    let ring = list
        .lines()
        .find_map(|line| parser.on_line(line.trim().as_bytes()).unwrap());
    turn_delay(&ring.unwrap()).as_millis()
}

#[test]
fn a_place_further_down_the_ring_waits_longer() {
    for (ours, expected) in [(1, 0), (2, 300), (3, 600), (9, 2000)] {
        let list: String = (1..10)
            .map(|n| match n == ours {
                true => format!("192.0.2.{n}\t9090\tself\t0\tring synced\t0\n"),
                false => format!("192.0.2.{n}\t9090\t\t0\t\t0\n"),
            })
            .collect();
        assert_eq!(delay(&(list + "\n")), expected, "{ours}");
    }
}

#[test]
fn who_is_removed_or_known_unsynced_or_listed_twice_is_not_waited_for_more_than_once() {
    let list = "192.0.2.9\t9090\tself\t0\tring synced\t0
                192.0.2.1\t9090\tremoved\t0\t\t0
                192.0.2.2\t9090\tright\t0\tsyncing\t0
                192.0.2.2\t9090\tout\t0\thandshaking - 0 USERs sent\t0
                192.0.2.3\t9090\tright\t0\tsynced\t0
                192.0.2.3\t9090\tleft\t0\tsynced\t0

                ";
    assert_eq!(delay(list), 300);
}

/// Before 2.2.16 no line has a status, before 2.0.14 none says which director was asked.
#[test]
fn a_director_whose_status_is_not_told_is_waited_for() {
    let list = "192.0.2.9\t9090\tself\t0
                192.0.2.1\t9090\tright\t0
                192.0.2.2\t9090\t\t0
                192.0.2.3\t9090\tremoved\t0

                ";
    assert_eq!(delay(list), 600);
    assert_eq!(delay("192.0.2.9\t9090\n192.0.2.1\t9090\n\n"), 0);
}

#[test]
fn after_its_turn_the_list_is_read_again_before_acting() {
    let mut bench = Bench::new(2);
    bench.fleet.on_turn_delay(Duration::from_millis(600));
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
    bench.fleet.on_turn_delay(Duration::from_millis(600));
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
    bench.fleet.on_turn_delay(Duration::from_millis(600));
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
    bench.fleet.on_turn_delay(Duration::from_millis(600));
    bench.check_acts(0, Action::Drain);
}
