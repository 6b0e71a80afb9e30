//! A backend that goes down again and again is left down for longer and longer, unless the others are dead.

use super::hold::{bring_up, dispute, disputed, started_after};
use super::*;
use crate::monitor::policy::hold::Dispute;

#[test]
fn our_own_down_is_undone_at_once_until_it_is_the_third_within_an_hour() {
    let mut bench = Bench::new(2);
    for _ in 0..2 {
        bench.take_down(0, 1);
        bench.passes(0);
        bring_up(&mut bench, 0);
    }
    for seconds in [60, 120, 240] {
        bench.take_down(0, 1);
        let quiet = bench.member(0).quiet_after_this_down(bench.now);
        assert_eq!(quiet, Some(Duration::from_secs(seconds)));
        bench.passes(0);
        bench.check_held(0, &Reason::Unsteady, None);
        bench.pass_time(seconds * 1000);
        bring_up(&mut bench, 0);
    }
    bench.pass_time(3_600_000);
    bench.take_down(0, 1);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

/// Backend `number` goes down so often, and comes up each time but the last as soon as it may.
fn goes_down(bench: &mut Bench, number: u8, downs: usize, refuge: u8) {
    for down in 1..=downs {
        bench.take_down(number, refuge);
        bench.passes(number);
        if down < downs {
            if let Some(quiet) = bench.member(number).quiet_after_this_down(bench.now) {
                bench.pass_time(quiet.as_millis() as u64);
            }
            bring_up(bench, number);
        }
    }
}

/// Backend 0 has gone down again and again within an hour and passes, and backend 1, the last one up, dies.
#[test]
fn an_unsteady_backend_goes_up_where_all_that_are_up_have_failed_for_an_eighth_of_its_hold_or_a_minute(
) {
    for (downs, milliseconds) in [
        (3, 7500),
        (4, 15_000),
        (5, 30_000),
        (6, 60_000),
        (8, 60_000),
    ] {
        let mut bench = Bench::new(2);
        goes_down(&mut bench, 0, downs, 1);
        bench.check_held(0, &Reason::Unsteady, None);
        bench.refuses(1, true);
        bench.check_held(0, &Reason::Unsteady, None);
        bench.pass_time(milliseconds - 10);
        bench.refuses(1, true);
        bench.check_held(0, &Reason::Unsteady, None);
        bench.pass_time(1000);
        // What has happened since the last attempt is not known.
        bench.check_held(0, &Reason::Unsteady, None);
        bench.refuses(1, true);
        bring_up(&mut bench, 0);
        bench.passes(0);
        bench.refuses(1, true);
        bench.check_acts(1, Action::MarkDown);
    }
}

/// They are behind the same bad line: if each failure brought the other one up, their users would be moved without end.
#[test]
fn an_unsteady_backend_is_held_where_the_last_one_up_fails_for_a_moment() {
    let mut bench = Bench::new(2);
    goes_down(&mut bench, 0, 3, 1);
    for _ in 0..5 {
        bench.refuses(1, true);
        bench.check_held(0, &Reason::Unsteady, None);
        bench.pass_time(7000);
        bench.refuses(1, true);
        bench.check_held(0, &Reason::Unsteady, None);
        bench.passes(1);
        bench.check_held(0, &Reason::Unsteady, None);
        bench.pass_time(1000);
    }
}

#[test]
fn of_two_unsteady_backends_the_one_that_went_down_less_often_goes_up_for_a_dead_one() {
    let mut bench = Bench::new(3);
    goes_down(&mut bench, 0, 4, 2);
    goes_down(&mut bench, 1, 3, 2);
    bench.refuses(2, true);
    bench.pass_time(8000);
    bench.refuses(2, true);
    bench.check_held(0, &Reason::Unsteady, None);
    bring_up(&mut bench, 1);
    bench.check_held(0, &Reason::Unsteady, None);
}

/// All that are up have to have failed at the same time for so long.
#[test]
fn an_unsteady_backend_is_held_while_those_that_are_up_fail_one_after_the_other() {
    let mut bench = Bench::new(3);
    goes_down(&mut bench, 0, 3, 1);
    bench.refuses(1, true);
    bench.pass_time(10_000);
    bench.refuses(1, true);
    bench.refuses(2, true);
    bench.check_held(0, &Reason::Unsteady, None);
    bench.pass_time(8000);
    bench.refuses(1, true);
    bench.check_held(0, &Reason::Unsteady, None);
    bench.refuses(2, true);
    bench.check_acts(0, Action::MarkUp);
}

/// Backend 0 comes first, but it is another monitor that has to bring it up, or the end of its hold.
#[test]
fn a_disputed_backend_does_not_keep_an_unsteady_one_from_going_up_for_a_dead_one() {
    let mut bench = Bench::new(3);
    bench.passes(0);
    bench.read_list();
    dispute(&mut bench);
    goes_down(&mut bench, 1, 3, 2);
    bench.refuses(2, true);
    bench.pass_time(8000);
    bench.refuses(2, true);
    bench.check_held(0, &disputed(), None);
    bench.check_acts(1, Action::MarkUp);
}

/// With --restore=own backend 0 is an administrator's, and backend 2, the last one up, is taken out by them, too.
#[test]
fn an_unsteady_backend_comes_up_at_once_where_the_others_are_somebody_elses_to_bring_up() {
    let rules = Rules {
        restore: Restore::Own,
        ..RULES
    };
    let mut bench = Bench::with(3, rules);
    dispute(&mut bench);
    for _ in 0..2 {
        bench.take_down(1, 2);
        bench.passes(1);
        bring_up(&mut bench, 1);
    }
    bench.take_down(1, 2);
    bench.passes(1);
    bench.check_held(1, &Reason::Unsteady, None);
    bench.set(2, HostState::Down);
    bench.read_list();
    for number in 0..3 {
        bench.passes(number);
    }
    for number in [0, 2] {
        let not_ours = Reason::NotOurs;
        bench.check_held(number, &not_ours, None);
    }
    bench.check_acts(1, Action::MarkUp);
}

/// Two directors told of one down at a time may stamp it twice.
#[test]
fn a_down_stamped_again_within_two_seconds_of_an_up_is_one_down() {
    let start = Instant::now();
    let at = |milliseconds| start + Duration::from_millis(milliseconds);
    for (stamped, are_two) in [(1000, false), (2000, false), (2001, true)] {
        let mut dispute = Dispute::new(HostState::Up, Stamp(0), start);
        dispute.on_listed(HostState::Up, HostState::Down, at(500));
        dispute.on_up_unseen(at(stamped));
        // With one more it would be the third within an hour.
        let unsteady = dispute.unsteady_hold_after(1, at(3000));
        assert_eq!(unsteady.is_some(), are_two, "{stamped}");
    }
}

#[test]
fn a_down_of_an_hour_ago_makes_nobody_unsteady() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut dispute = Dispute::new(HostState::Up, Stamp(0), start);
    for seconds in [10, 20, 30] {
        dispute.on_listed(HostState::Up, HostState::Down, at(seconds));
        dispute.on_listed(HostState::Down, HostState::Up, at(seconds + 5));
    }
    let quiet = dispute.unsteady_hold_after(0, at(3609));
    assert_eq!(quiet, Some(Duration::from_secs(60)));
    assert_eq!(dispute.unsteady_hold_after(0, at(3610)), None);
}

/// Another monitor takes backend 0 down three times within an hour; then backend 1, the last one up, dies. To that
/// other monitor it may be healthy: if it was right about the first, this one is where users can be.
#[test]
fn one_that_others_took_down_thrice_goes_up_for_a_dead_one_only_if_it_failed_here_too() {
    for failed_here in [false, true] {
        let hold = Duration::ZERO;
        let mut bench = Bench::with(2, Rules { hold, ..RULES });
        bench.passes(0);
        for down in 1..=3 {
            if failed_here {
                bench.refuses(0, true);
            }
            dispute(&mut bench);
            if down < 3 {
                bring_up(&mut bench, 0);
            }
        }
        let reason = match failed_here {
            true => Reason::Unsteady,
            false => Reason::Disputed,
        };
        bench.check_held(0, &reason, None);
        bench.refuses(1, true);
        bench.pass_time(8000);
        bench.refuses(1, true);
        match failed_here {
            true => bench.check_acts(0, Action::MarkUp),
            false => bench.check_held(0, &reason, None),
        }
    }
}

/// It is sent once more, and the time until which it is left down is told with that.
#[test]
fn a_down_that_a_director_has_forgotten_makes_nobody_unsteady_when_it_is_made_again() {
    let mut bench = Bench::new(2);
    goes_down(&mut bench, 0, 2, 1);
    let listed = bench.listed(0);
    (listed.state, listed.changed) = (HostState::Up, Stamp(0));
    bench.read_list();
    let quiet = bench.member(0).quiet_after_this_down(bench.now);
    assert_eq!(quiet, None);
}

#[test]
fn a_down_of_before_the_start_counts_among_those_that_make_a_backend_unsteady() {
    let mut bench = started_after(0);
    bench.pass_time(60_000);
    bring_up(&mut bench, 9);
    bench.take_down(9, 1);
    bench.passes(9);
    bring_up(&mut bench, 9);
    bench.take_down(9, 1);
    bench.passes(9);
    bench.check_held(9, &Reason::Unsteady, None);
}

#[test]
fn a_backend_that_goes_down_all_day_is_left_down_for_an_hour_and_takes_no_more_memory() {
    let now = Instant::now();
    let mut dispute = Dispute::new(HostState::Up, Stamp(0), now);
    let mut sizes = Vec::new();
    for _ in 0..3 {
        for _ in 0..10 {
            dispute.on_listed(HostState::Up, HostState::Down, now);
            dispute.on_listed(HostState::Down, HostState::Up, now);
        }
        let hour = Duration::from_secs(3600);
        assert_eq!(dispute.unsteady_hold_after(0, now), Some(hour));
        sizes.push(format!("{dispute:?}").matches("Instant").count());
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

#[test]
fn an_unsteady_backend_that_is_dead_does_not_keep_another_from_going_up_for_a_dead_one() {
    let mut bench = Bench::new(3);
    goes_down(&mut bench, 0, 3, 2);
    bench.refuses(0, true);
    goes_down(&mut bench, 1, 3, 2);
    bench.check_held(1, &Reason::Unsteady, None);
    bench.refuses(2, true);
    bench.pass_time(8000);
    bench.refuses(2, true);
    bench.check_acts(1, Action::MarkUp);
}

#[test]
fn an_unsteady_backend_is_held_where_the_last_one_up_has_only_a_shared_fault() {
    let mut bench = Bench::new(2);
    goes_down(&mut bench, 0, 3, 1);
    bench.finding(1, Err(expired()), true);
    bench.pass_time(8000);
    bench.passes(0);
    bench.finding(1, Err(expired()), true);
    bench.check_held(0, &Reason::Unsteady, None);
}

/// An up that is under way for it may be enough.
#[test]
fn where_an_unsteady_backend_is_coming_up_for_a_dead_one_no_other_does() {
    let mut bench = Bench::new(3);
    goes_down(&mut bench, 0, 3, 2);
    bench.refuses(0, true);
    goes_down(&mut bench, 1, 3, 2);
    bench.refuses(2, true);
    bench.pass_time(8000);
    bench.refuses(2, true);
    bench.check_acts(1, Action::MarkUp);
    bench.sends(1, Action::MarkUp);
    bench.passes(0);
    bench.check_held(0, &Reason::Unsteady, None);
}
