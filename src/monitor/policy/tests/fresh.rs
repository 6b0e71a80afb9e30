//! News are probed before they are acted on.

use super::*;

#[test]
fn a_restarted_director_gets_a_dead_backend_down_after_one_more_failure() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.set(0, HostState::Up);
    assert_eq!(
        bench.read_list().news,
        [News {
            address: address(0),
            from: HostState::Down,
            to: HostState::Up
        }]
    );
    bench.check_held(0, &Reason::Stale, Some(0));
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
}

/// As a HAProxy that is alone: its new process lists all up, as nobody has ever changed them.
#[test]
fn our_down_that_a_pool_forgets_for_good_is_made_again_at_once_and_anothers_is_not() {
    for (is_ours, reason) in [(true, None), (false, Some(Reason::Stale))] {
        let mut bench = Bench::new(2);
        bench.backends.on_forgotten_acts(Forgotten::IsLost);
        match is_ours {
            true => bench.take_down(0, 1),
            false => {
                bench.set(0, HostState::Down);
                bench.read_list();
                bench.fails_while_passes(0, 1);
            }
        }
        bench.set(0, HostState::Up);
        bench.listed(0).changed = Stamp(0);
        assert_eq!(bench.read_list().news.len(), 1);
        match reason {
            None => bench.check_acts(0, Action::MarkDown),
            Some(reason) => bench.check_held(0, &reason, Some(0)),
        }
    }
}

/// Somebody has brought it up: only a failure seen since speaks against that.
#[test]
fn our_down_that_somebody_has_undone_is_made_again_after_one_more_failure_in_any_pool() {
    let mut bench = Bench::new(2);
    bench.backends.on_forgotten_acts(Forgotten::IsLost);
    bench.take_down(0, 1);
    bench.set(0, HostState::Up);
    bench.read_list();
    bench.check_held(0, &Reason::Stale, Some(0));
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
}

/// After a director's process has died, the ring tells the new one which backends are down. It tells no stamp of
/// those that are up.
#[test]
fn a_stamp_that_a_director_has_forgotten_is_no_change() {
    let mut bench = Bench::new(2);
    bench.passes(0);
    for state in [HostState::Down, HostState::Up] {
        bench.set(0, state);
        assert_eq!(bench.read_list().shown.len(), 1);
    }
    let known = bench.listed(0).changed;
    for (stamp, pause) in [
        (Stamp(0), 0),
        (known, 1_000),
        (Stamp(0), 0),
        (Stamp(0), 60_000),
    ] {
        bench.listed(0).changed = stamp;
        bench.pass_time(pause);
        let changes = bench.read_list();
        assert_eq!((changes.news, changes.shown), (vec![], vec![]));
    }
    // It was down in between.
    bench.set(0, HostState::Up);
    let changes = bench.read_list();
    let up = News {
        address: address(0),
        from: HostState::Up,
        to: HostState::Up,
    };
    let shown = Shown {
        address: address(0),
        to: HostState::Up,
        by: By::Other,
    };
    assert_eq!((changes.news, changes.shown), (vec![up], vec![shown]));
}

/// Until then it lists what it knew when it started, and has not been told of what was done since.
#[test]
fn an_older_stamp_is_somebodys_act_once_a_synced_director_has_kept_to_it_for_five_seconds() {
    let mut bench = Bench::new(2);
    bench.set(0, HostState::Down);
    bench.read_list();
    let known = bench.listed(0).changed.0;
    for (sync, state, older, after, by) in [
        (Sync::Unsynced, HostState::Up, 10, 0, By::Unknown),
        (Sync::Unsynced, HostState::Down, 9, 60_000, By::Unknown),
        (Sync::Unsynced, HostState::Up, 8, 60_000, By::Unknown),
        (Sync::Synced, HostState::Down, 7, 60_000, By::Unknown),
        (Sync::Synced, HostState::Up, 6, 4_000, By::Unknown),
        (Sync::Synced, HostState::Down, 5, 2_000, By::Other),
        (Sync::Synced, HostState::Up, 4, 2_000, By::Other),
    ] {
        bench.backends.on_sync(sync);
        bench.listed(0).state = state;
        bench.listed(0).changed = Stamp(known - older);
        bench.pass_time(after);
        let shown = bench.read_list().shown;
        assert_eq!(shown.len(), 1);
        assert_eq!(
            (shown[0].to, shown[0].by),
            (state, by),
            "older by {older} s"
        );
    }
}

#[test]
fn a_backend_that_somebody_else_brought_up_is_not_taken_down_if_it_passes() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.set(0, HostState::Up);
    bench.read_list();
    bench.passes(0);
    bench.check_nothing(0);
}

#[test]
fn an_administrators_down_is_probed_before_it_is_undone() {
    let mut bench = Bench::new(2);
    bench.passes(0);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.check_held(0, &Reason::Stale, Some(0));
    bench.pass_time(60_000);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn two_changes_between_two_lists_are_news_by_their_stamp() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.set(0, HostState::Up);
    bench.read_list();
    bench.check_held(0, &Reason::Stale, Some(0));
}

#[test]
fn a_verdict_on_former_services_stands_and_acts_only_once_the_new_ones_agree() {
    let mut bench = Bench::new(3);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.backends.on_other_services();
    let evidence = &bench.backends.member(address(0)).unwrap().evidence;
    assert!(matches!(evidence.verdict(), Some(Verdict::Failed { .. })));
    bench.check_held(0, &Reason::Stale, Some(0));
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.backends.on_other_services();
    bench.passes(0);
    bench.check_nothing(0);
}

/// And whoever asks why is told what is awaited.
#[test]
fn a_healthy_backend_that_is_in_doubt_again_does_not_come_up() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
    bench.refuses(0, false);
    let awaited = Reason::PeersAwaited {
        service: 0,
        stage: Stage::Connect,
    };
    bench.check_held(0, &awaited, Some(1));
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn a_round_that_begins_as_the_list_is_asked_for_is_of_the_new_state() {
    let mut bench = Bench::new(2);
    bench.passes(0);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.now -= Duration::from_millis(1);
    bench.passes(0);
    bench.check_held(0, &Reason::Disputed, None);
}

#[test]
fn a_failed_backend_that_has_just_passed_is_probed_at_once() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.finding(0, Ok(Pass::Clean), false);
    bench.check_held(0, &Reason::Stale, Some(0));
}
