//! When something is looked at again: as soon as what it waits for has come, and not only with the next list.

use super::*;

#[test]
fn the_backend_that_would_take_the_users_is_probed_at_the_first_failure() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Ok(Pass::Clean));
    bench.finds(2, Ok(Pass::Clean));
    assert!(bench.probed.is_empty(), "{:?}", bench.probed);
    bench.falters(1, refused());
    assert_eq!(bench.probed, [address(2)]);
}

#[test]
fn a_probe_that_was_asked_for_is_not_asked_for_again_before_it_has_come_in() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(2, Ok(Pass::Clean));
    bench.falters(1, refused());
    bench.falters(1, refused());
    assert_eq!(bench.probed, [address(2)]);
    bench.second = 1;
    bench.finds(2, Ok(Pass::Clean));
    bench.second = 2;
    bench.finds(1, Ok(Pass::Clean));
    bench.falters(1, refused());
    assert_eq!(bench.probed, [address(2), address(2)]);
}

/// A look at all that is held takes the square of their number, and where a site fails thousands of findings a
/// second come in.
#[test]
fn findings_that_come_in_together_are_looked_at_together_where_many_backends_are_held() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 100]);
    for second in 0..2 {
        bench.second = second;
        for number in 1..=100 {
            bench.finds(number, Err(refused()));
        }
    }
    let reason = |bench: &Bench| bench.engine.holds()[&address(1)].reason.clone();
    let no_refuge = Reason::NoRefuge(Tag::default());
    bench.finds(2, Ok(Pass::Clean));
    assert_eq!(reason(&bench), no_refuge);
    let now = bench.now().instant;
    let due = bench.engine.next_timeout().unwrap();
    assert!(now < due && due < now + Duration::from_millis(2));
    bench.beyond = due - now;
    bench.tell(Input::Time);
    assert_ne!(reason(&bench), no_refuge);
}

#[test]
fn a_hold_is_a_debug_line_when_it_begins_and_when_its_reason_changes() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Err(refused()));
    let held = |bench: &Bench| bench.times_debugged(" held by rule ");
    assert_eq!(held(&bench), 1);
    for second in 1..4 {
        bench.second = second;
        bench.lists(&[HostState::Up, HostState::Up]);
        bench.finds(1, Err(refused()));
    }
    assert_eq!(held(&bench), 1);
    bench.finds(2, Ok(Pass::Clean));
    bench.second += 1;
    bench.tell(Input::Time);
    assert_eq!(held(&bench), 2);
    bench.finds(1, Ok(Pass::Clean));
    assert!(
        bench.engine.holds().is_empty(),
        "nothing is wanted any more"
    );
}

#[test]
fn the_engine_wants_to_be_told_when_an_alarm_has_lasted_long_enough_to_be_said() {
    let mut bench = Bench::without_files();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Down, HostState::Down]);
    let wait = Duration::from_millis(500);
    assert_eq!(bench.engine.next_timeout(), Some(bench.start + wait));
    bench.beyond = wait;
    bench.tell(Input::Time);
    assert_eq!(bench.times_said("no backend is up"), 1);
}

#[test]
fn what_waited_for_another_backend_is_looked_at_when_that_has_reported() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(2, Ok(Pass::Clean));
    bench.second = 1;
    bench.finds(1, Err(refused()));
    let candidate = address(2);
    let reason = |bench: &Bench| bench.engine.holds()[&address(1)].reason.clone();
    assert_eq!(reason(&bench), Reason::RefugeAwaited { candidate });
    bench.probed.clear();
    bench.second = 2;
    bench.finds(2, Ok(Pass::Clean));
    let refuge = address(2);
    assert_eq!(reason(&bench), Reason::FailureAwaited { refuge });
    assert_eq!(bench.probed, [address(1)]);
}

#[test]
fn the_engine_wants_to_be_told_when_a_hold_ends_and_acts_then() {
    let mut bench = Bench::without_files();
    bench.fails_until_decided_on();
    let (number, _) = bench.sent[0];
    let answer = Ok(Reply::RingSyncTimedOut);
    bench.tell(Input::Answered { number, answer });
    bench.lists(&[HostState::Up, HostState::Up]);
    let hold = &bench.engine.holds()[&address(1)];
    let end = bench.now().instant + Duration::from_secs(1);
    assert_eq!((&hold.reason, hold.until), (&Reason::SetBack, Some(end)));
    bench.beyond = Duration::from_millis(1);
    bench.tell(Input::Time);
    assert_eq!(bench.engine.next_timeout(), Some(end));
    bench.beyond = Duration::ZERO;
    bench.second += 1;
    bench.tell(Input::Time);
    let reason = &bench.engine.holds()[&address(1)].reason;
    assert_eq!(reason, &Reason::Turn, "after the next list");
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(bench.sent.len(), 2);
}
