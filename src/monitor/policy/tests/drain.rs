//! Users are moved until a list shows that none is left.

use super::*;

#[test]
fn users_who_are_left_after_the_third_ok_to_a_drain_are_reported() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    for (pause, reported) in [(1000, false), (2000, false), (4000, true), (8000, false)] {
        bench.check_acts(0, Action::Drain);
        bench.send(0, Action::Drain, Answer::Done);
        let left = bench.read_list().users_left;
        assert_eq!(left.contains(&address(0)), reported, "{pause}");
        bench.check_held(0, &Reason::DrainPause, None);
        bench.pass_time(pause);
    }
}

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
    bench.send(0, Action::Drain, Answer::Doubtful);
    bench.listed(0).users = 0;
    bench.read_list();
    bench.check_owed(0);
    bench.pass_time(8000);
    bench.send(0, Action::Drain, Answer::Done);
    bench.read_list();
    bench.check_paid(0);
}

#[test]
fn a_list_that_was_asked_for_before_the_answer_does_not_show_it_done() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    let asked = bench.now;
    bench.send(0, Action::Drain, Answer::Done);
    bench.listed(0).users = 0;
    bench.backends.on_list(bench.list.clone(), asked);
    bench.check_owed(0);
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
fn a_pending_drain_from_the_state_file_is_paid_without_a_verdict() {
    let mut bench = Bench::new(2);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.check_nothing(0);
    bench.remember(0, OWES);
    bench.check_acts(0, Action::Drain);
}

/// Somebody else takes backend 0 down, with users on it, and here it fails.
fn failed_and_down_by_another() -> Bench {
    failed_and_down_by_another_with(RULES)
}

fn failed_and_down_by_another_with(rules: Rules) -> Bench {
    let mut bench = Bench::with(2, rules);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.fails_while_passes(0, 1);
    bench
}

#[test]
fn users_left_after_another_ones_down_are_moved_if_it_has_failed_here() {
    let mut bench = failed_and_down_by_another();
    bench.check_held(0, &Reason::OthersDrain, None);
    assert_eq!(bench.memory(0).drain, Drain::NotOwed);
    bench.pass_time(4000);
    bench.check_acts(0, Action::Drain);
    bench.send(0, Action::Drain, Answer::Doubtful);
    bench.check_owed(0);
    bench.read_list();
    bench.pass_time(1000);
    bench.check_acts(0, Action::Drain);
    bench.send(0, Action::Drain, Answer::Done);
    bench.listed(0).users = 0;
    bench.read_list();
    bench.check_paid(0);
    bench.check_nothing(0);
}

/// Neither a stamp that this machine's clock will only reach, nor one of long ago.
#[test]
fn the_time_left_to_others_is_not_counted_by_the_stamp() {
    for ahead in [-90, 90] {
        let mut bench = Bench::new(2);
        bench.set(0, HostState::Down);
        let stamp = &mut bench.listed(0).changed;
        *stamp = Stamp((stamp.0 as i64 + ahead) as u64);
        bench.read_list();
        bench.fails_while_passes(0, 1);
        bench.check_held(0, &Reason::OthersDrain, None);
        bench.pass_time(4000);
        bench.check_acts(0, Action::Drain);
    }
}

#[test]
fn users_of_a_down_backend_stay_where_it_is_healthy_or_not_judged_or_nobody_could_take_them() {
    let mut bench = Bench::new(2);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.pass_time(10_000);
    bench.check_nothing(0);
    bench.passes(0);
    match bench.decide(0) {
        Decision::Hold(hold) => assert_eq!(hold.action, Action::MarkUp),
        decision => panic!("{decision:?}"),
    }

    let mut bench = Bench::new(2);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.pass_time(10_000);
    bench.refuses(1, true);
    bench.refuses(0, true);
    bench.check_held(0, &Reason::NoRefuge(Tag::default()), None);
}

/// An administrator has taken this one down, where the login is refused.
#[test]
fn a_shared_fault_moves_users_only_where_more_than_half_of_the_others_get_further() {
    for (others_refuse, expected) in [(true, Action::MarkUp), (false, Action::Drain)] {
        let mut bench = Bench::new(3);
        bench.set(0, HostState::Down);
        bench.read_list();
        bench.pass_time(10_000);
        bench.refuses_login(0);
        for number in [1, 2] {
            match others_refuse {
                true => bench.refuses_login(number),
                false => bench.passes(number),
            }
        }
        bench.refuses_login(0);
        match (bench.decide(0), expected) {
            (Decision::Act(action), Action::Drain) => assert_eq!(action, expected),
            (Decision::Hold(hold), Action::MarkUp) => assert_eq!(hold.action, expected),
            (decision, _) => panic!("{decision:?}"),
        }
    }
}

#[test]
fn a_failure_before_the_down_does_not_move_its_users() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.pass_time(10_000);
    bench.check_held(0, &Reason::Stale, Some(0));
    bench.refuses(0, true);
    bench.check_acts(0, Action::Drain);
}

#[test]
fn the_time_left_to_others_is_counted_while_the_ring_is_synced() {
    let mut bench = failed_and_down_by_another();
    bench.pass_time(3000);
    bench.backends.on_sync(Sync::Unsynced);
    bench.read_list();
    bench.pass_time(60_000);
    bench.read_list();
    bench.backends.on_sync(Sync::Synced);
    bench.read_list();
    bench.check_held(0, &Reason::OthersDrain, None);
    bench.pass_time(4000);
    bench.check_acts(0, Action::Drain);
}

/// While nobody read the lists, whoever took it down may have had no ring to move the users in.
#[test]
fn the_time_left_to_others_begins_anew_when_the_director_was_silent() {
    let mut bench = failed_and_down_by_another();
    bench.pass_time(3000);
    bench.backends.on_sync(Sync::Silent);
    bench.pass_time(3000);
    bench.backends.on_sync(Sync::Synced);
    bench.read_list();
    bench.check_held(0, &Reason::OthersDrain, None);
    bench.pass_time(4000);
    bench.check_acts(0, Action::Drain);
}

/// An administrator tries a repair; another one takes it up and down again.
#[test]
fn one_drain_is_owed_for_each_stamp_also_over_a_restart() {
    let mut bench = failed_and_down_by_another();
    bench.listed(0).users = 0;
    bench.read_list();
    bench.listed(0).users = 1;
    bench.read_list();
    bench.pass_time(10_000);
    bench.check_nothing(0);

    let memory = bench.memory(0);
    let mut again = Bench::new(2);
    again.list = bench.list.clone();
    again.read_list();
    again.remember(0, memory);
    again.read_list();
    again.fails_while_passes(0, 1);
    again.pass_time(10_000);
    again.check_nothing(0);
    assert_eq!(again.memory(0), memory);

    again.set(0, HostState::Down);
    again.read_list();
    again.refuses(0, true);
    again.check_held(0, &Reason::OthersDrain, None);
    again.pass_time(4000);
    again.check_acts(0, Action::Drain);
}

/// What it lists after a start is nobody's act, and the down that it hears of from the ring no new one.
/// But if it was synced in between, it may have sent users there.
#[test]
fn a_director_that_restarts_makes_a_second_drain_owed_only_if_it_was_synced_too_soon() {
    for (sync, owed) in [(Sync::Unsynced, false), (Sync::Synced, true)] {
        let mut bench = failed_and_down_by_another();
        bench.listed(0).users = 0;
        bench.read_list();
        let down = bench.listed(0).clone();
        bench.listed(0).state = HostState::Up;
        bench.listed(0).changed = Stamp(0);
        bench.backends.on_sync(sync);
        bench.read_list();
        bench.backends.on_sync(Sync::Synced);
        *bench.listed(0) = Listed { users: 1, ..down };
        bench.read_list();
        bench.refuses(0, true);
        bench.pass_time(10_000);
        match owed {
            true => bench.check_acts(0, Action::Drain),
            false => bench.check_nothing(0),
        }
    }
}

const OWN: Rules = Rules {
    restore: Restore::Own,
    ..RULES
};

const NOT_OURS: Reason = Reason::NotOurs;

const DISPUTED: Reason = Reason::Disputed;

/// The administrator who took it down may leave it so for ever.
#[test]
fn what_is_owed_for_anothers_down_is_forgiven_once_the_backend_passes() {
    for (rules, held) in [(OWN, NOT_OURS), (RULES, DISPUTED)] {
        let mut bench = failed_and_down_by_another_with(rules);
        bench.pass_time(4000);
        bench.check_acts(0, Action::Drain);
        bench.send(0, Action::Drain, Answer::Done);
        bench.read_list();
        bench.check_held(0, &Reason::DrainPause, None);
        bench.check_owed(0);
        bench.passes(0);
        bench.check_held(0, &held, None);
        bench.check_paid(0);

        bench.fails_while_passes(0, 1);
        bench.check_acts(0, Action::Drain);
        bench.send(0, Action::Drain, Answer::Done);
        bench.listed(0).users = 0;
        bench.read_list();
        bench.check_paid(0);
        bench.check_nothing(0);
    }
}

#[test]
fn what_is_owed_for_a_down_of_ours_is_owed_until_the_backend_is_up() {
    for rules in [OWN, RULES] {
        let mut bench = Bench::with(2, rules);
        bench.take_down(0, 1);
        bench.send(0, Action::Drain, Answer::Done);
        bench.read_list();
        bench.passes(0);
        bench.check_acts(0, Action::MarkUp);
        bench.check_owed(0);
        bench.refuses(0, true);
        bench.pass_time(1000);
        bench.check_acts(0, Action::Drain);
        bench.passes(0);
        bench.send(0, Action::MarkUp, Answer::Done);
        bench.check_paid(0);
    }
}

/// An administrator takes up and down again what this monitor took down.
#[test]
fn what_is_owed_is_forgiven_too_where_a_down_of_ours_has_become_anothers() {
    let mut bench = Bench::with(2, OWN);
    bench.take_down(0, 1);
    bench.set(0, HostState::Up);
    bench.read_list();
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.check_owed(0);
    bench.check_acts(0, Action::Drain);
    bench.passes(0);
    bench.check_held(0, &NOT_OURS, None);
    bench.check_paid(0);
}

/// The director has lost its memory meanwhile, and lists the down only a second later.
#[test]
fn what_is_owed_by_the_state_file_is_forgiven_by_a_pass_since_the_down_in_a_synced_ring() {
    let mut bench = Bench::with(2, OWN);
    bench.remember(0, OWES);
    bench.passes(0);
    bench.check_owed(0);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.check_held(0, &Reason::Stale, Some(0));
    bench.check_owed(0);
    bench.backends.on_sync(Sync::Unsynced);
    bench.passes(0);
    bench.check_held(0, &Reason::RingUnsynced, None);
    bench.check_owed(0);
    bench.backends.on_sync(Sync::Synced);
    bench.check_held(0, &NOT_OURS, None);
    bench.check_paid(0);
}

/// The others meet the fault, too, so the users would be no better off there; until the others pass.
#[test]
fn what_is_owed_for_anothers_down_is_forgiven_where_only_a_shared_fault_is_left() {
    let mut bench = Bench::with(3, OWN);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.remember(0, OWES);
    for number in [0, 1, 2] {
        bench.refuses_login(number);
    }
    bench.read_list();
    bench.check_held(0, &NOT_OURS, None);
    bench.check_paid(0);
    bench.pass_time(4000);
    for number in [1, 2] {
        bench.passes(number);
    }
    bench.refuses_login(0);
    bench.check_acts(0, Action::Drain);
}

/// HAProxy's operator ends the sessions of what he has taken out of service, if he wants them ended.
#[test]
fn where_users_are_moved_after_downs_of_ours_alone_none_are_owed_a_drain_after_anothers() {
    let mut bench = Bench::with(2, OWN);
    bench.backends.on_drains(Drains::AfterOurDowns);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.fails_while_passes(0, 1);
    bench.pass_time(10_000);
    bench.check_nothing(0);

    let mut bench = Bench::with(2, OWN);
    bench.backends.on_drains(Drains::AfterOurDowns);
    bench.take_down(0, 1);
    bench.check_acts(0, Action::Drain);
    bench.set(0, HostState::Up);
    bench.read_list();
    bench.check_owed(0);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.check_paid(0);
    bench.refuses(0, true);
    bench.pass_time(10_000);
    bench.check_nothing(0);
}

#[test]
fn what_is_owed_is_forgiven_when_the_operator_wants_users_left() {
    let leave = Rules {
        drain: DrainMode::Leave,
        ..RULES
    };
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.check_acts(0, Action::Drain);
    bench.backends.on_rules(leave);
    bench.check_paid(0);
    bench.check_nothing(0);
    bench.backends.on_rules(RULES);
    bench.check_held(0, &Reason::OthersDrain, None);
    bench.refuses(0, true);
    bench.pass_time(4000);
    bench.check_acts(0, Action::Drain);

    let mut bench = Bench::with(2, leave);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.remember(0, OWES);
    bench.check_paid(0);
    bench.fails_while_passes(0, 1);
    bench.pass_time(10_000);
    bench.check_nothing(0);
}

/// It is answered after the operator has changed the mind.
#[test]
fn a_drain_under_way_is_forgiven_too() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    let second = bench.second();
    let one = address(0);
    bench
        .backends
        .on_sent(one, Action::Drain, second, bench.now);
    bench.backends.on_rules(Rules {
        drain: DrainMode::Leave,
        ..RULES
    });
    bench
        .backends
        .on_answer(one, Action::Drain, Answer::Doubtful, bench.now);
    bench.read_list();
    bench.check_nothing(0);
}

#[test]
fn a_pending_drain_outlives_a_list_that_does_not_show_the_down_yet() {
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

#[test]
fn the_time_left_to_others_goes_on_while_the_ring_stays_synced() {
    let mut bench = failed_and_down_by_another();
    bench.pass_time(3000);
    bench.backends.on_sync(Sync::Synced);
    bench.pass_time(1000);
    bench.check_acts(0, Action::Drain);
}

#[test]
fn a_drain_that_was_answered_wants_nothing_before_the_next_list() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.check_acts(0, Action::Drain);
    bench.send(0, Action::Drain, Answer::Done);
    let decision = decide(&mut bench.backends, address(0), bench.now);
    assert_eq!(decision, Decision::Nothing);
    assert!(!bench.member(0).is_drained());
    bench.listed(0).users = 0;
    bench.read_list();
    assert!(bench.member(0).is_drained());
    bench.set(0, HostState::Down);
    bench.listed(0).users = 5;
    bench.read_list();
    assert!(!bench.member(0).is_drained(), "another down");
}

#[test]
fn the_time_left_to_others_begins_anew_when_a_director_has_lost_its_memory() {
    let mut bench = failed_and_down_by_another();
    let down = bench.listed(0).clone();
    bench.pass_time(3000);
    bench.listed(0).state = HostState::Up;
    bench.listed(0).changed = Stamp(0);
    bench.read_list();
    *bench.listed(0) = down;
    bench.read_list();
    bench.refuses(0, true);
    bench.pass_time(2000);
    bench.check_held(0, &Reason::OthersDrain, None);
    bench.pass_time(2000);
    bench.check_acts(0, Action::Drain);
}

#[test]
fn a_drain_that_was_answered_is_not_due_again_because_an_up_did_not_reach_the_director() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.send(0, Action::Drain, Answer::Done);
    bench.passes(0);
    bench.send(0, Action::MarkUp, Answer::NotSent);
    bench.backends.on_director_back();
    let pending_drain = bench.member(0).pending_drain.as_ref().unwrap();
    assert!(!pending_drain.is_due());
}

#[test]
fn a_drain_that_nobody_owes_any_more_has_not_been_without_effect() {
    let bench = Bench::new(1);
    assert!(!bench.member(0).is_without_effect(Action::Drain, bench.now));
}
