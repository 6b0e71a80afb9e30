//! A disputed backend is left quiet; service comes first.

use super::*;
use crate::monitor::policy::ownership::OwnDown;

pub(super) fn disputed() -> Reason {
    Reason::Disputed
}

/// Backend 0 is up and passes.
fn settled_bench() -> Bench {
    let mut bench = Bench::new(2);
    bench.passes(0);
    bench.read_list();
    bench
}

/// Somebody takes backend 0 down; it passes here.
pub(super) fn dispute(bench: &mut Bench) {
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
}

pub(super) fn bring_up(bench: &mut Bench, number: u8) {
    bench.check_acts(number, Action::MarkUp);
    bench.send(number, Action::MarkUp, Answer::Done);
    bench.set(number, HostState::Up);
    bench.read_list();
}

/// It is refused, does not reach the director, or is said to be done and is not.
#[test]
fn an_up_that_comes_to_nothing_is_no_dispute() {
    for answer in [
        Answer::NotSent,
        Answer::NotDone,
        Answer::Doubtful,
        Answer::Done,
    ] {
        let mut bench = settled_bench();
        dispute(&mut bench);
        bench.pass_time(60_000);
        bench.passes(0);
        for _ in 0..3 {
            bench.check_acts(0, Action::MarkUp);
            bench.send(0, Action::MarkUp, answer);
            assert_eq!(bench.memory(0).disputes, 1, "{answer:?}");
            bench.read_list();
            bench.check_held(0, &Reason::SetBack, None);
            assert_eq!(bench.memory(0).disputes, 0, "{answer:?}");
            bench.pass_time(4000);
        }
        bench.send(0, Action::MarkUp, answer);
        bench.set(0, HostState::Up);
        bench.read_list();
        assert_eq!(bench.memory(0).disputes, 1, "{answer:?}");
    }
}

#[test]
fn a_disputed_backend_is_held_twice_as_long_each_time() {
    let mut bench = settled_bench();
    for seconds in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
        dispute(&mut bench);
        bench.check_held(0, &disputed(), None);
        bench.pass_time(seconds * 1000 - 1500);
        bench.check_held(0, &disputed(), None);
        bench.pass_time(1600);
        bring_up(&mut bench, 0);
        bench.read_list();
    }
}

#[test]
fn a_disputed_backend_that_another_brings_up_is_held_twice_as_long_too() {
    let mut bench = settled_bench();
    for seconds in [60, 120, 240] {
        dispute(&mut bench);
        bench.pass_time(seconds * 1000 - 1500);
        bench.check_held(0, &disputed(), None);
        bench.set(0, HostState::Up);
        bench.read_list();
    }
    assert_eq!(bench.memory(0).disputes, 3);
}

/// Another monitor brings it up and a third takes it down again, all within a second.
#[test]
fn an_up_that_no_list_has_shown_is_held_twice_as_long_too() {
    let mut bench = settled_bench();
    dispute(&mut bench);
    for seconds in [60, 120, 240] {
        bench.check_held(0, &disputed(), None);
        bench.pass_time(seconds * 1000 - 1500);
        bench.check_held(0, &disputed(), None);
        bench.pass_time(1500);
        dispute(&mut bench);
    }
    bench.check_held(0, &disputed(), None);
    assert_eq!(bench.memory(0).disputes, 3);
}

/// It is said when the backend comes up, and that is when the longer of its two holds ends.
#[test]
fn of_two_holds_the_moment_that_is_told_is_the_later_ones() {
    let mut bench = settled_bench();
    for _ in 0..3 {
        dispute(&mut bench);
        bench.set(0, HostState::Up);
        bench.read_list();
    }
    dispute(&mut bench);
    let down = bench.now;
    let told = |bench: &mut Bench| match bench.decide(0) {
        Decision::Hold(hold) => (hold.reason, (hold.until.unwrap() - down).as_secs()),
        decision => panic!("{decision:?}"),
    };
    assert_eq!(told(&mut bench), (Reason::Disputed, 119));
    bench.pass_time(70_000);
    bench.passes(0);
    // It has never failed here, so it is still others who take it down.
    assert_eq!(told(&mut bench), (Reason::Disputed, 119));
    bench.pass_time(50_000);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

/// The hold of an unsteady backend may be the longer one; it is a hold all the same.
#[test]
fn a_dispute_counts_for_an_unsteady_backend_too() {
    let mut bench = settled_bench();
    for seconds in [0, 0, 60, 120, 240] {
        bench.take_down(0, 1);
        bench.pass_time(seconds * 1000);
        bench.passes(0);
        bring_up(&mut bench, 0);
        bench.read_list();
    }
    for disputes in 0..3 {
        assert_eq!(bench.memory(0).disputes, disputes);
        dispute(&mut bench);
        for _ in 0..700 {
            if bench.decide(0) == Decision::Act(Action::MarkUp) {
                break;
            }
            bench.pass_time(10_000);
            bench.read_list();
        }
        bring_up(&mut bench, 0);
    }
}

#[test]
fn attempts_lost_on_the_way_do_not_end_a_dispute() {
    let mut bench = settled_bench();
    for seconds in [60, 120, 240] {
        dispute(&mut bench);
        bench.refuses(0, false);
        bench.passes(0);
        bench.pass_time(seconds * 1000);
        bring_up(&mut bench, 0);
    }
    assert_eq!(bench.memory(0).disputes, 3);
}

#[test]
fn a_failure_that_we_have_seen_too_is_no_dispute() {
    let mut bench = Bench::new(2);
    for brought_up_by_us in [true, false, true, false] {
        bench.refuses(0, true);
        bench.set(0, HostState::Down);
        bench.read_list();
        bench.pass_time(70_000);
        bench.passes(0);
        if brought_up_by_us {
            bring_up(&mut bench, 0);
        } else {
            bench.set(0, HostState::Up);
            bench.read_list();
        }
        assert_eq!(bench.memory(0).disputes, 0);
    }
}

#[test]
fn an_hour_up_forgets_the_disputes() {
    let mut bench = Bench::new(2);
    for _ in 0..2 {
        dispute(&mut bench);
        bench.pass_time(300_000);
        bring_up(&mut bench, 0);
    }
    for _ in 0..61 {
        bench.pass_time(60_000);
        bench.read_list();
    }
    dispute(&mut bench);
    bench.check_held(0, &disputed(), None);
    bench.pass_time(60_000);
    bench.check_acts(0, Action::MarkUp);
}

/// To another monitor the one that is up may be healthy, and this one not: they would take turns.
#[test]
fn a_disputed_backend_is_held_also_where_all_that_are_up_have_failed() {
    let mut bench = settled_bench();
    dispute(&mut bench);
    bench.refuses(1, true);
    bench.pass_time(50_000);
    bench.refuses(1, true);
    bench.check_held(0, &disputed(), None);
}

#[test]
fn one_backend_of_a_tag_without_service_goes_up_at_once() {
    let mut bench = Bench::new(3);
    for number in [0, 1, 2] {
        bench.set(number, HostState::Down);
        bench.read_list();
    }
    for number in [1, 2] {
        bench.passes(number);
    }
    bring_up(&mut bench, 1);
    match bench.decide(2) {
        Decision::Hold(hold) => assert_eq!(hold.reason.rule(), Rule::Hold),
        decision => panic!("{decision:?}"),
    }
    bench.set(1, HostState::Down);
    bench.read_list();
    bench.passes(1);
    bring_up(&mut bench, 1);
}

/// Backend 0 comes first and was healthy, but does not come up before it is probed again, which may never be.
#[test]
fn one_that_is_not_probed_any_more_does_not_keep_the_others_of_a_tag_without_service_down() {
    let mut bench = Bench::new(2);
    for number in [0, 1] {
        bench.passes(number);
        bench.set(number, HostState::Down);
        bench.read_list();
    }
    bench.passes(1);
    bench.check_held(0, &Reason::Stale, Some(0));
    let disputed = Reason::Disputed;
    bench.now = bench.member(0).news + Duration::from_millis(9999);
    bench.check_held(1, &disputed, None);
    bench.pass_time(1);
    bench.check_acts(1, Action::MarkUp);
}

/// Backend 0 comes first, and the director does not do its up.
#[test]
fn one_whose_up_is_refused_does_not_keep_the_others_of_a_tag_without_service_down() {
    let mut bench = Bench::new(2);
    for number in [0, 1] {
        bench.set(number, HostState::Down);
        bench.read_list();
    }
    for number in [0, 1] {
        bench.passes(number);
    }
    bench.check_acts(0, Action::MarkUp);
    bench.check_held(1, &Reason::Disputed, None);
    bench.send(0, Action::MarkUp, Answer::Doubtful);
    bench.read_list();
    bench.check_held(0, &Reason::SetBack, None);
    bench.check_acts(1, Action::MarkUp);
    bench.send(1, Action::MarkUp, Answer::Doubtful);
    bench.read_list();
    bench.check_held(1, &Reason::SetBack, None);
    // After the pause it is tried again, though it has been refused.
    bench.pass_time(2000);
    bench.check_acts(0, Action::MarkUp);
}

/// The director sends nobody to a backend with vhost count 0, which an administrator sets for maintenance.
#[test]
fn one_that_is_up_with_vhost_count_0_does_not_serve_its_tag() {
    let mut bench = Bench::new(2);
    bench.listed(1).vhosts = 0;
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
    bench.passes(1);
    bench.check_acts(0, Action::MarkUp);

    bench.listed(1).vhosts = 100;
    bench.read_list();
    bench.check_held(0, &Reason::Disputed, None);
}

/// On a director before 2.2.19 a down backend is listed with vhost count 0; one that this monitor can
/// give its count back goes up at once all the same.
#[test]
fn a_tag_without_service_gets_one_that_is_down_by_its_vhost_count() {
    let mut bench = Bench::new(2);
    let count_0 = |bench: &mut Bench, number| {
        let listed = bench.listed(number);
        (listed.state, listed.vhosts) = (HostState::Down, 0);
        bench.read_list();
    };
    for _ in 0..3 {
        bench.fails_while_passes(0, 1);
        bench.check_acts(0, Action::MarkDown);
        bench.send(0, Action::MarkDown, Answer::Done);
        count_0(&mut bench, 0);
        bench.passes(0);
        if let Decision::Hold(hold) = bench.decide(0) {
            assert_eq!(hold.reason, Reason::Unsteady);
            break;
        }
        bench.send(0, Action::MarkUp, Answer::Done);
        let listed = bench.listed(0);
        (listed.state, listed.vhosts) = (HostState::Up, 100);
        bench.read_list();
    }
    bench.check_held(0, &Reason::Unsteady, None);
    assert_eq!(bench.member(0).vhosts_to_give_back(), Some(100));
    count_0(&mut bench, 1);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn a_down_made_while_the_director_was_silent_is_held_from_the_first_list_that_shows_it() {
    let mut bench = settled_bench();
    bench.backends.on_sync(Sync::Silent);
    bench.pass_time(90_000);
    bench.backends.on_sync(Sync::Synced);
    dispute(&mut bench);
    bench.pass_time(59_000);
    bench.check_held(0, &disputed(), None);
    bench.pass_time(1000);
    bench.check_acts(0, Action::MarkUp);
}

/// Two monitors read their lists up to two seconds apart.
#[test]
fn a_down_is_held_from_the_last_list_that_shows_it_up_if_that_is_two_seconds_old_at_most() {
    for (age, is_from_the_last) in [(2000, true), (2001, false)] {
        let mut bench = settled_bench();
        let last = bench.now - Duration::from_millis(1);
        bench.set(0, HostState::Down);
        let first = last + Duration::from_millis(age);
        bench.now = first - Duration::from_millis(1);
        bench.read_list();
        bench.passes(0);
        let from = if is_from_the_last { last } else { first };
        match bench.decide(0) {
            Decision::Hold(hold) => assert_eq!(hold.until, Some(from + RULES.hold), "{age}"),
            decision => panic!("{decision:?}"),
        }
    }
}

/// The list shows backend 9 down for so long when this monitor starts, by its own clock.
pub(super) fn started_after(seconds: i64) -> Bench {
    let mut bench = Bench::new(2);
    let stamp = bench.second().0 as i64 - seconds;
    bench.list.push(Listed {
        address: address(9),
        state: HostState::Down,
        changed: Stamp(stamp as u64),
        ..bench.list[0].clone()
    });
    bench.read_list();
    bench.remember(9, Memory::default());
    bench.passes(1);
    bench.passes(9);
    bench
}

#[test]
fn after_a_start_the_hold_counts_from_the_stamp() {
    let reason = Reason::Disputed;
    for (age, left) in [(0, 60), (5, 55), (59, 1), (-90, 60), (1_800_000_000, 60)] {
        let mut bench = started_after(age);
        bench.pass_time(left * 1000 - 900);
        bench.check_held(9, &reason, None);
        bench.pass_time(900);
        bench.check_acts(9, Action::MarkUp);
    }
    for age in [60, 3600, 1_000_000] {
        started_after(age).check_acts(9, Action::MarkUp);
    }
}

#[test]
fn after_a_start_one_backend_of_a_tag_without_service_goes_up_at_once() {
    let mut bench = started_after(5);
    for number in [0, 1] {
        bench.set(number, HostState::Down);
        bench.read_list();
        bench.refuses(number, true);
    }
    bench.passes(9);
    bench.check_acts(9, Action::MarkUp);
}

/// Who ran on would hold it twice as long the next time.
#[test]
fn a_hold_that_a_start_interrupts_counts_if_it_passes_all_the_time() {
    for (fails, disputes) in [(false, 1), (true, 0)] {
        let mut bench = started_after(5);
        if fails {
            bench.refuses(9, true);
            bench.passes(9);
        }
        bench.pass_time(56_000);
        bring_up(&mut bench, 9);
        assert_eq!(bench.memory(9).disputes, disputes);
    }
}

/// It lists what it knew when it started, and then what the ring tells it, three times in an hour.
#[test]
fn a_director_that_restarts_neither_takes_down_nor_brings_up() {
    let mut bench = settled_bench();
    dispute(&mut bench);
    for _ in 0..3 {
        bench.pass_time(15_000);
        let down = bench.listed(0).clone();
        bench.listed(0).state = HostState::Up;
        bench.listed(0).changed = Stamp(0);
        bench.backends.on_sync(Sync::Unsynced);
        for _ in 0..3 {
            bench.pass_time(1000);
            bench.read_list();
        }
        bench.backends.on_sync(Sync::Synced);
        bench.read_list();
        *bench.listed(0) = down;
        bench.read_list();
        bench.passes(0);
    }
    bench.check_held(0, &disputed(), None);
    bench.pass_time(7000);
    bench.check_acts(0, Action::MarkUp);
    assert_eq!(bench.memory(0).disputes, 0);
}

/// What nobody undid counts as up once a synced director keeps to it.
#[test]
fn a_ring_that_has_lost_its_memory_lists_it_up() {
    let mut bench = settled_bench();
    dispute(&mut bench);
    bench.listed(0).state = HostState::Up;
    bench.listed(0).changed = Stamp(0);
    for _ in 0..6 {
        bench.pass_time(1000);
        bench.read_list();
    }
    bench.pass_time(120_000);
    bench.read_list();
    dispute(&mut bench);
    bench.check_held(0, &disputed(), None);
    bench.pass_time(60_000);
    bench.check_acts(0, Action::MarkUp);
}

/// Then somebody takes it down: the list before showed it up only if it counted.
#[test]
fn a_ring_that_keeps_for_five_seconds_to_what_it_knew_has_lost_its_memory() {
    for (milliseconds, is_lost) in [(4999, false), (5000, true)] {
        let mut bench = settled_bench();
        dispute(&mut bench);
        bench.listed(0).state = HostState::Up;
        bench.listed(0).changed = Stamp(0);
        bench.read_list();
        let latest = bench.now + Duration::from_millis(milliseconds - 1);
        bench.now = latest - Duration::from_millis(1);
        bench.read_list();
        dispute(&mut bench);
        let since_then = match bench.decide(0) {
            Decision::Hold(hold) => hold.until.unwrap() - RULES.hold - latest,
            decision => panic!("{decision:?}"),
        };
        assert_eq!(since_then.is_zero(), is_lost, "{milliseconds}");
    }
}

#[test]
fn the_state_file_keeps_the_disputes_over_a_restart() {
    let mut bench = settled_bench();
    dispute(&mut bench);
    bench.pass_time(60_000);
    bring_up(&mut bench, 0);
    let memory = bench.memory(0);
    assert_eq!(memory.disputes, 1);

    let mut bench = Bench::new(2);
    bench.remember(0, memory);
    dispute(&mut bench);
    bench.pass_time(100_000);
    bench.check_held(0, &disputed(), None);
    bench.pass_time(20_000);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn one_out_of_rotation_is_not_brought_up_for_a_tag_without_service() {
    let mut bench = Bench::new(2);
    bench.listed(0).vhosts = 0;
    for number in [0, 1] {
        bench.set(number, HostState::Down);
        bench.read_list();
        bench.passes(number);
    }
    bench.check_held(0, &disputed(), None);
    bench.check_acts(1, Action::MarkUp);
}

/// It was down by our own doing before this monitor was started again.
#[test]
fn a_down_of_ours_from_before_a_start_is_no_dispute() {
    let mut bench = Bench::new(2);
    let down = bench.second();
    let listed = bench.listed(0);
    (listed.state, listed.changed) = (HostState::Down, down);
    bench.read_list();
    let ours = OwnDown {
        stamp_before: Stamp(0),
        sent: down,
        vhosts: 100,
        stamp: Some(down),
    };
    let down = Some(ours);
    bench.remember(
        0,
        Memory {
            down,
            ..Memory::default()
        },
    );
    bench.pass_time(61_000);
    bench.passes(0);
    bring_up(&mut bench, 0);
    assert_eq!(bench.memory(0).disputes, 0);
}

/// Somebody else has taken down 250 backends, or all of them but the last. The ring is not synced, so this monitor brings
/// up none.
#[test]
fn where_others_took_many_down_not_each_of_them_looks_at_all() {
    const BACKENDS: u8 = 250;
    for down in [BACKENDS - 1, BACKENDS] {
        check_that_not_each_looks_at_all(BACKENDS, down);
    }
}

fn check_that_not_each_looks_at_all(all: u8, down: u8) {
    let mut bench = Bench::new(all);
    for number in 0..all {
        bench.passes(number);
    }
    bench.read_list();
    bench.pass_time(1000);
    let changed = bench.second();
    for number in 0..down {
        let listed = bench.listed(number);
        (listed.state, listed.changed) = (HostState::Down, changed);
    }
    bench.read_list();
    for number in 0..all {
        bench.passes(number);
    }
    bench.backends.on_sync(Sync::Unsynced);
    bench.backends.visits.set(0);
    let alarms = alarms(&mut bench.backends, bench.now);
    // No backend is up, so the first one may come up at once: the alarm does not name it.
    assert_eq!(alarms[&Alarm::Disputed].len(), usize::from(all) - 1);
    let (visits, most) = (bench.backends.visits.get(), 20 * usize::from(all));
    assert!(visits <= most, "{visits}");
}

/// Backend 0 comes first, and with --rise one good check does not bring it up.
#[test]
fn one_whose_verdict_is_still_to_come_does_not_keep_the_others_of_a_tag_without_service_down() {
    let mut bench = Bench::with_one_down_for_its_certificate();
    bench.finding(0, Ok(Pass::Clean), false);
    for number in [1, 2] {
        bench.set(number, HostState::Down);
        bench.read_list();
    }
    bench.passes(1);
    bench.check_nothing(0);
    bench.check_acts(1, Action::MarkUp);
}

#[test]
fn a_backend_goes_up_at_once_where_only_those_of_another_tag_are_up() {
    let mut bench = settled_bench();
    bench.listed(1).tag = Tag::new("archive");
    bench.read_list();
    bench.passes(1);
    dispute(&mut bench);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn an_hour_up_is_needed_until_the_disputes_of_before_are_forgotten() {
    let mut bench = Bench::new(1);
    let memory = Memory {
        disputes: 2,
        ..Memory::default()
    };
    bench.remember(0, memory);
    bench.pass_time(3_590_000);
    bench.read_list();
    assert_eq!(bench.memory(0), memory);
    bench.pass_time(10_000);
    bench.read_list();
    assert_eq!(bench.memory(0), Memory::default());
}

/// The start is forgotten, and with it what had failed here before that up.
#[test]
fn after_an_up_that_no_list_has_shown_it_counts_what_has_passed_since() {
    let mut bench = started_after(5);
    bench.refuses(9, true);
    bench.passes(9);
    bench.set(9, HostState::Down);
    bench.read_list();
    bench.pass_time(61_000);
    bench.set(9, HostState::Up);
    bench.read_list();
    assert_eq!(bench.memory(9).disputes, 1);
}

#[test]
fn a_backend_that_somebody_brings_up_while_it_fails_here_is_no_dispute() {
    let mut bench = settled_bench();
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.refuses(0, true);
    bench.pass_time(61_000);
    bench.set(0, HostState::Up);
    bench.read_list();
    assert_eq!(bench.memory(0).disputes, 0);
}

#[test]
fn a_hold_of_more_than_an_hour_is_as_long_as_the_operator_wants_it() {
    let hold = Duration::from_secs(7200);
    let mut bench = Bench::with(2, Rules { hold, ..RULES });
    bench.passes(0);
    bench.read_list();
    dispute(&mut bench);
    bench.pass_time(7_198_000);
    bench.passes(0);
    bench.check_held(0, &disputed(), None);
    bench.pass_time(2000);
    bench.check_acts(0, Action::MarkUp);
}
