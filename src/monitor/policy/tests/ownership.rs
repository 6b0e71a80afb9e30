//! Whose down it is, also after a restart.

use super::*;

const OWN: Rules = Rules {
    restore: Restore::Own,
    ..super::RULES
};

fn not_ours() -> Reason {
    Reason::NotOurs
}

#[test]
fn an_up_that_is_answered_with_ok_and_not_shown_leaves_the_down_ours() {
    let mut bench = Bench::with(2, OWN);
    bench.take_down(0, 1);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
    bench.send(0, Action::MarkUp, Answer::Done);
    bench.read_list();
    bench.pass_time(1000);
    bench.check_acts(0, Action::MarkUp);
    assert!(bench.memory(0).down.is_some());
    bench.send(0, Action::MarkUp, Answer::Done);
    bench.set(0, HostState::Up);
    bench.read_list();
    assert_eq!(bench.memory(0).down, None);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
    bench.check_held(0, &not_ours(), None);
}

#[test]
fn the_end_of_a_dry_run_leaves_a_command_that_was_really_sent_and_what_failed_here() {
    let mut bench = Bench::new(4);
    bench.logins(&[Some(7); 4]);
    bench.backends.on_left_alone(address(3));
    bench.fails_while_passes(0, 2);
    bench.sends(0, Action::MarkDown);
    bench.fails_while_passes(1, 2);
    bench.send(1, Action::MarkDown, Answer::Done);
    let kept = |bench: &Bench| {
        [0, 1, 2, 3].map(|number| {
            let member = bench.member(number);
            let verdict = member.evidence.verdict().cloned();
            (verdict, member.login, member.left_alone, member.asked)
        })
    };
    let before = kept(&bench);
    bench
        .backends
        .on_dry_run_ended(bench.list.clone(), bench.now);
    let goes_down = [0, 1, 2].map(|number| bench.member(number).is_going_down());
    assert_eq!(goes_down, [true, false, false]);
    let have_failed = [0, 1, 2].map(|number| bench.member(number).dispute.has_failed());
    assert_eq!(have_failed, [true, true, false]);
    assert_eq!(kept(&bench), before);
}

#[test]
fn our_own_down_is_undone() {
    let mut bench = Bench::with(2, OWN);
    bench.take_down(0, 1);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

/// A list may show it for 65 s.
#[test]
fn a_down_that_never_shows_is_forgotten() {
    for drain in [RULES.drain, DrainMode::Leave] {
        let mut bench = Bench::with(2, Rules { drain, ..RULES });
        bench.fails_while_passes(0, 1);
        bench.check_acts(0, Action::MarkDown);
        let end = bench.now + Duration::from_secs(65);
        bench.send(0, Action::MarkDown, Answer::Doubtful);
        bench.read_list();
        assert!(bench.memory(0).down.is_some());
        // A list begins a millisecond later.
        bench.now = end - Duration::from_millis(2);
        bench.read_list();
        assert!(bench.memory(0).down.is_some());
        bench.now = end - Duration::from_millis(1);
        bench.read_list();
        assert_eq!(bench.memory(0).down, None);
    }
}

#[test]
fn an_administrators_down_is_not() {
    let mut bench = Bench::with(2, OWN);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.pass_time(7_200_000);
    bench.passes(0);
    bench.check_held(0, &not_ours(), None);
}

#[test]
fn an_up_by_somebody_else_ends_our_claim() {
    for within_a_second in [false, true] {
        let mut bench = Bench::with(2, OWN);
        bench.take_down(0, 1);
        let ours = bench.listed(0).changed;
        for state in [HostState::Up, HostState::Down] {
            bench.set(0, state);
            if within_a_second {
                bench.listed(0).changed = ours;
            }
            bench.read_list();
        }
        bench.passes(0);
        bench.check_held(0, &not_ours(), None);
    }
}

#[test]
fn an_up_and_down_between_two_lists_shows_by_its_stamp() {
    let mut bench = Bench::with(2, OWN);
    bench.take_down(0, 1);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
    bench.check_held(0, &not_ours(), None);
    assert_eq!(bench.memory(0).down, None);
}

#[test]
fn a_down_stamped_before_ours_was_sent_is_not_ours() {
    let mut bench = Bench::with(2, OWN);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.set(0, HostState::Down);
    bench.pass_time(1000);
    bench.send(0, Action::MarkDown, Answer::Done);
    bench.read_list();
    bench.passes(0);
    bench.check_held(0, &not_ours(), None);
}

/// For some milliseconds the list shows what the director knew when it started; again and again.
#[test]
fn a_director_that_restarts_makes_our_down_nobody_elses() {
    let mut bench = Bench::with(2, OWN);
    bench.take_down(0, 1);
    for old_down in [false, true, false] {
        let down = bench.listed(0).clone();
        bench.listed(0).changed = Stamp(down.changed.0 - 1);
        if !old_down {
            bench.listed(0).state = HostState::Up;
            bench.listed(0).changed = Stamp(0);
        }
        bench.read_list();
        *bench.listed(0) = down;
        bench.read_list();
    }
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn a_director_that_restarts_makes_our_down_nobody_elses_over_our_own_restart() {
    let mut bench = Bench::with(2, OWN);
    bench.take_down(0, 1);
    let (memory, down) = (bench.memory(0), bench.listed(0).clone());
    bench.list[0].state = HostState::Up;
    bench.list[0].changed = Stamp(0);
    let mut again = Bench::with(2, OWN);
    again.list = bench.list;
    again.list.push(Listed {
        address: address(9),
        ..again.list[0].clone()
    });
    again.read_list();
    again.remember(9, memory);
    again.pass_time(70_000);
    again.read_list();
    *again.listed(9) = Listed {
        address: address(9),
        ..down
    };
    again.read_list();
    again.passes(9);
    again.check_acts(9, Action::MarkUp);
}

/// It is dead all the time, so what the restarted director lists is changed at once: it says OK, and
/// by then it has heard of the first down.
#[test]
fn a_down_that_the_director_only_forgot_stays_ours_when_it_is_told_again() {
    for is_listed_up_before in [false, true] {
        let (mut bench, down) = told_again();
        if is_listed_up_before {
            bench.read_list();
        }
        *bench.listed(0) = down;
        bench.read_list();
        bench.passes(0);
        bench.check_acts(0, Action::MarkUp);
    }
}

/// Our down that the director forgot and is to be sent again; and how the first one was listed.
fn forgotten_by_the_director() -> (Bench, Listed) {
    let mut bench = Bench::with(2, OWN);
    bench.take_down(0, 1);
    let down = bench.listed(0).clone();
    bench.pass_time(10_000);
    bench.listed(0).state = HostState::Up;
    bench.listed(0).changed = Stamp(0);
    bench.read_list();
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
    (bench, down)
}

/// The same, and the second one is answered and not listed yet.
fn told_again() -> (Bench, Listed) {
    let (mut bench, down) = forgotten_by_the_director();
    bench.send(0, Action::MarkDown, Answer::Done);
    (bench, down)
}

/// Nothing of it can still come to light: the director has said OK to the one that it was told of.
#[test]
fn a_down_that_was_told_again_is_over_once_somebody_brings_the_backend_up() {
    let (mut bench, down) = told_again();
    *bench.listed(0) = down;
    bench.read_list();
    bench.set(0, HostState::Up);
    bench.read_list();
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
    bench.check_held(0, &not_ours(), None);
}

/// The director is killed before it answers, and its successor is asked again before it has heard of
/// the down from the ring.
#[test]
fn a_down_that_was_carried_out_unanswered_is_ours_though_it_was_sent_again() {
    let mut bench = Bench::with(2, OWN);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    let carried_out = bench.second();
    bench.send(0, Action::MarkDown, Answer::Doubtful);
    bench.read_list();
    bench.pass_time(3000);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Done);
    bench.read_list();
    bench.listed(0).state = HostState::Down;
    bench.listed(0).changed = carried_out;
    bench.read_list();
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

/// Neither of our downs was answered. The first one may have been carried out, but is undone.
#[test]
fn once_somebody_has_brought_it_up_only_our_latest_down_can_be_ours() {
    for (before_ours, is_ours) in [(0, true), (1, false)] {
        let mut bench = Bench::with(2, OWN);
        bench.fails_while_passes(0, 1);
        bench.check_acts(0, Action::MarkDown);
        bench.send(0, Action::MarkDown, Answer::Doubtful);
        bench.set(0, HostState::Up);
        bench.read_list();
        bench.pass_time(3000);
        bench.fails_while_passes(0, 1);
        bench.check_acts(0, Action::MarkDown);
        let latest = bench.second();
        bench.send(0, Action::MarkDown, Answer::Doubtful);
        bench.read_list();
        // Another's may be stamped by a director whose clock is behind.
        bench.listed(0).state = HostState::Down;
        bench.listed(0).changed = Stamp(latest.0 - before_ours);
        bench.read_list();
        bench.pass_time(3000);
        bench.passes(0);
        match is_ours {
            true => bench.check_acts(0, Action::MarkUp),
            false => bench.check_held(0, &not_ours(), None),
        }
    }
}

#[test]
fn a_down_by_somebody_else_after_the_ring_lost_its_memory_is_not_ours() {
    for later in [true, false] {
        let mut bench = Bench::with(2, OWN);
        bench.take_down(0, 1);
        let ours = bench.listed(0).changed;
        bench.listed(0).state = HostState::Up;
        bench.listed(0).changed = Stamp(0);
        for _ in 0..10 {
            bench.pass_time(1000);
            bench.read_list();
        }
        bench.set(0, HostState::Down);
        if !later {
            // By a director whose clock is behind.
            bench.listed(0).changed = Stamp(ours.0 - 5);
        }
        bench.read_list();
        bench.passes(0);
        bench.check_held(0, &not_ours(), None);
    }
}

/// What the state file says after a restart, what the list shows, and whether the down is ours.
#[test]
fn after_a_restart_the_state_file_and_the_stamp_decide() {
    let down_sent_at = |second| {
        Some(OwnDown {
            stamp_before: Stamp(7),
            sent: Stamp(second),
            vhosts: 100,
            stamp: None,
        })
    };
    let seen = |sent, stamp| {
        let stamp = Some(Stamp(stamp));
        down_sent_at(sent).map(|down| OwnDown { stamp, ..down })
    };
    for (down, stamp, ours) in [
        (None, 1000, false),
        (down_sent_at(1000), 1000, true),
        (down_sent_at(1000), 1060, true),
        (down_sent_at(1000), 999, false),
        (down_sent_at(1000), 1100, false),
        (seen(1000, 1001), 1001, true),
        (seen(1000, 1001), 1002, false),
        (seen(1000, 1001), 1000, false),
        (seen(1000, 1000), 1030, false),
        // Sent again after the director had lost its memory.
        (seen(1000, 500), 500, true),
        (seen(1000, 500), 1002, true),
        (seen(1000, 500), 501, false),
    ] {
        let mut bench = Bench::with(2, OWN);
        bench.list.push(Listed {
            address: address(9),
            changed: Stamp(stamp),
            state: HostState::Down,
            ..bench.list[0].clone()
        });
        bench.read_list();
        let memory = Memory {
            down,
            ..Memory::default()
        };
        bench.remember(9, memory);
        bench.passes(9);
        match ours {
            true => bench.check_acts(9, Action::MarkUp),
            false => assert!(matches!(bench.decide(9), Decision::Hold(_)), "{stamp}"),
        }
    }
}

#[test]
fn a_down_sent_before_a_restart_and_listed_after_it_is_ours() {
    let mut bench = Bench::with(2, OWN);
    let down = Some(OwnDown {
        stamp_before: Stamp(0),
        sent: bench.second(),
        vhosts: 100,
        stamp: None,
    });
    let memory = Memory {
        down,
        ..Memory::default()
    };
    bench.remember(0, memory);
    bench.read_list();
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

/// The director has said that it did not do it, or has never heard of it.
#[test]
fn a_down_that_was_refused_or_not_sent_is_never_ours() {
    for answer in [Answer::NotDone, Answer::NotSent] {
        let mut bench = Bench::with(2, OWN);
        bench.fails_while_passes(0, 1);
        bench.check_acts(0, Action::MarkDown);
        bench.send(0, Action::MarkDown, answer);
        assert_eq!(bench.memory(0).down, None);
        bench.check_paid(0);
        bench.set(0, HostState::Down);
        let changes = bench.read_list();
        assert_eq!(changes.shown[0].by, By::Other);
        bench.pass_time(10_000);
        bench.passes(0);
        bench.check_held(0, &not_ours(), None);
    }
}

/// The first one may still be carried out: the second one is refused because of it.
#[test]
fn a_refused_down_does_not_end_the_claim_of_an_earlier_one_that_was_not_answered() {
    let mut bench = Bench::with(2, OWN);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    let first = bench.second();
    bench.send(0, Action::MarkDown, Answer::Doubtful);
    bench.read_list();
    bench.pass_time(3000);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::NotDone);
    bench.read_list();
    bench.set(0, HostState::Down);
    bench.listed(0).changed = first;
    bench.read_list();
    bench.pass_time(10_000);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

/// Somebody else's down is listed before the director refuses ours.
#[test]
fn a_down_that_is_listed_before_ours_is_refused_is_not_ours() {
    let mut bench = Bench::with(2, OWN);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.sends(0, Action::MarkDown);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench
        .backends
        .on_answer(address(0), Action::MarkDown, Answer::NotDone, bench.now);
    bench.read_list();
    bench.pass_time(10_000);
    bench.passes(0);
    bench.check_held(0, &not_ours(), None);
}

/// However often it is sent again and refused.
#[test]
fn a_down_that_was_not_answered_is_claimed_for_65_s_only() {
    let mut bench = Bench::with(2, OWN);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Doubtful);
    bench.read_list();
    for _ in 0..4 {
        bench.pass_time(17_000);
        bench.fails_while_passes(0, 1);
        bench.check_acts(0, Action::MarkDown);
        bench.send(0, Action::MarkDown, Answer::NotDone);
        bench.read_list();
    }
    bench.set(0, HostState::Down);
    let changes = bench.read_list();
    assert_eq!(changes.shown[0].by, By::Other);
    bench.pass_time(20_000);
    bench.passes(0);
    bench.check_held(0, &not_ours(), None);
}

#[test]
fn a_claim_outlives_a_list_that_does_not_show_the_down_yet() {
    let mut bench = Bench::with(2, OWN);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Doubtful);
    bench.read_list();
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.pass_time(10_000);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

/// A director before 2.2.19: down is vhost count 0, and nothing is stamped.
#[test]
fn without_states_only_who_remembers_the_vhost_count_can_bring_it_up() {
    let mut bench = Bench::new(3);
    for listed in &mut bench.list {
        listed.changed = Stamp(0);
    }
    let take_out = |bench: &mut Bench, number| {
        let listed = bench.listed(number);
        (listed.state, listed.vhosts) = (HostState::Down, 0);
        bench.read_list();
    };
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Done);
    take_out(&mut bench, 0);
    assert_eq!(bench.memory(0).down.unwrap().vhosts, 100);
    // It starts again, and lists what its configuration has until it has heard the ring.
    let listed = bench.listed(0);
    (listed.state, listed.vhosts) = (HostState::Up, 100);
    bench.backends.on_sync(Sync::Unsynced);
    bench.read_list();
    bench.backends.on_sync(Sync::Synced);
    take_out(&mut bench, 0);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
    // Somebody brings it up, and takes it out again.
    let listed = bench.listed(0);
    (listed.state, listed.vhosts) = (HostState::Up, 100);
    bench.read_list();
    take_out(&mut bench, 0);
    bench.passes(0);
    bench.check_held(0, &Reason::NotOurs, None);

    take_out(&mut bench, 2);
    bench.passes(2);
    let reason = Reason::NotOurs;
    bench.check_held(2, &reason, None);
}

/// The list that shows the first one was read while the second one was under way.
#[test]
fn a_down_under_way_is_ours_though_the_director_was_told_of_the_one_before_meanwhile() {
    let (mut bench, down) = forgotten_by_the_director();
    bench.sends(0, Action::MarkDown);
    *bench.listed(0) = down;
    bench.read_list();
    bench
        .backends
        .on_answer(address(0), Action::MarkDown, Answer::Done, bench.now);
    let changed = bench.second();
    bench.listed(0).changed = changed;
    bench.read_list();
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn the_stamp_of_a_down_that_was_told_again_proves_nothing_once_somebody_has_brought_it_up() {
    let (mut bench, down) = told_again();
    assert_eq!(bench.memory(0).down.unwrap().stamp, Some(down.changed));
    bench.set(0, HostState::Up);
    bench.read_list();
    assert_eq!(bench.memory(0).down.unwrap().stamp, None);
}

#[test]
fn the_end_of_a_dry_run_leaves_what_the_probes_have_found_out_and_how_they_are_made() {
    let mut bench = Bench::new(3);
    bench.logins(&[Some(1), None, None]);
    bench.refuses(0, true);
    bench.backends.on_left_alone(address(1));
    assert!(bench.backends.ask(address(2), bench.now));
    let mut read = bench.list.clone();
    read[2].vhosts = 0;
    read[2].changed = Stamp(0);
    read[2].state = HostState::Down;
    bench.listed(2).vhosts = 30;
    bench.read_list();
    bench.backends.on_dry_run_ended(read, bench.now);
    let first = bench.member(0);
    assert!(has_failed(first));
    assert_eq!(first.login, Some(Login(1)));
    assert!(bench.member(1).left_alone);
    assert_eq!(bench.member(2).weight(), 30);
    assert!(!bench.backends.ask(address(2), bench.now));
}

#[test]
fn a_command_that_was_really_sent_is_under_way_after_the_dry_run_too() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.sends(0, Action::MarkDown);
    bench
        .backends
        .on_dry_run_ended(bench.list.clone(), bench.now);
    bench.check_held(0, &Reason::InFlight, None);
}
