//! What is shown of backends to whoever asks: by a signal, or in the published files.

use super::*;
use crate::monitor::policy::OwnDown;

/// With poolmon's first two services.
fn with_two_services() -> Terms {
    terms_with(Chosen::default(), 0..=1, Backends::new())
}

fn view(bench: &Bench, number: u8) -> BackendView {
    let snapshot = bench.engine.snapshot();
    snapshot.backends[usize::from(number) - 1].clone()
}

#[test]
fn a_verdict_is_shown_in_words_with_how_long_it_has_been_the_same() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(view(&bench, 1).verdict, None);
    let check = |bench: &mut Bench, verdict: &str, lasts| {
        bench.tell(Input::Time);
        let expected = (verdict.to_owned(), Some(Duration::from_millis(lasts)));
        assert_eq!(view(bench, 1).verdict, Some(expected));
    };
    for second in [1, 3] {
        bench.second = second;
        bench.finds(1, Ok(Pass::Clean));
    }
    bench.second = 8;
    check(&mut bench, "healthy", 7000);
    for second in [10, 12] {
        bench.second = second;
        bench.finds(1, Err(refused()));
    }
    bench.second = 20;
    // Since the first of these attempts was over, which took 1 ms.
    let failed = "failed: pop3:110 connect: connection refused";
    check(&mut bench, failed, 9999);
}

/// As the line about its down says.
#[test]
fn it_is_shown_how_long_a_backend_that_went_down_three_times_is_left_down() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    let mut unsteady_for = |second, state| {
        bench.second = second;
        bench.lists(&[state, HostState::Up]);
        view(&bench, 1).unsteady_for.map(|lasts| lasts.as_secs())
    };
    let mut second = 0;
    for _ in 0..2 {
        assert_eq!(unsteady_for(second, HostState::Up), None);
        assert_eq!(unsteady_for(second + 10, HostState::Down), None);
        second += 20;
    }
    assert_eq!(unsteady_for(second, HostState::Up), None);
    assert_eq!(unsteady_for(second + 10, HostState::Down), Some(60));
    assert_eq!(unsteady_for(second + 50, HostState::Down), Some(20));
    assert_eq!(unsteady_for(second + 70, HostState::Down), None);
    assert_eq!(unsteady_for(second + 71, HostState::Up), None);
    assert_eq!(unsteady_for(second + 72, HostState::Down), Some(120));
}

#[test]
fn of_what_has_no_refuge_it_is_shown_which_healthy_ones_have_vhost_count_0() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    let members = || vec![listed(1, HostState::Up), idle(2), idle(3)];
    bench.lists_of(members());
    for second in 1..4 {
        bench.second = second;
        bench.finds(1, Err(refused()));
        bench.finds(2, Ok(Pass::Clean));
        bench.lists_of(members());
    }
    let wanted = view(&bench, 1).wanted.unwrap();
    let reason = wanted.explanation.hold().map(|hold| &hold.reason);
    assert_eq!(reason, Some(&Reason::NoRefuge(Tag::default())));
    assert_eq!(wanted.out_of_rotation, [address(2)]);
    bench.second = 4;
    bench.finds(2, Err(refused()));
    assert!(view(&bench, 1).wanted.unwrap().out_of_rotation.is_empty());
}

#[test]
fn what_is_due_now_is_not_said_to_be_ahead() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    let before_the_first = Checks::Made {
        last: None,
        next: None,
    };
    assert_eq!(view(&bench, 1).checks, before_the_first);
    bench.finds(1, Ok(Pass::Clean));
    for (second, ahead) in [(29, Some(1)), (30, None), (31, None)] {
        bench.second = second;
        bench.tell(Input::Time);
        let next = ahead.map(Duration::from_secs);
        let checks = Checks::Made {
            last: Some(Duration::from_secs(second)),
            next,
        };
        assert_eq!(view(&bench, 1).checks, checks);
        let of_all = bench.engine.snapshot().next.map(|next| next.due);
        assert_eq!(of_all, next, "{second}");
    }
}

#[test]
fn of_a_service_that_cannot_be_checked_it_is_shown_why_and_of_the_others_nothing() {
    let mut bench = Bench::of(with_two_services(), Remembered::new());
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    bench.finds(1, Ok(Pass::Clean));
    let local = Failure::new(Stage::Prepare, Fault::NoDescriptors);
    bench.reports_on(1, 1, Err(local), None, None);
    let shown: Vec<_> = view(&bench, 1)
        .services
        .into_iter()
        .map(|service| (service.service, service.passes, service.unchecked))
        .collect();
    let cause = || "no file descriptor left".to_owned();
    assert_eq!(
        shown,
        [
            ("pop3:110".to_owned(), 1, None),
            ("imap:143".to_owned(), 0, Some(cause()))
        ]
    );
    assert_eq!(
        view(&bench, 1).unchecked,
        [("imap:143".to_owned(), cause())]
    );
}

/// It would look as if it had never passed, since nothing is kept of it.
#[test]
fn where_no_file_is_published_no_service_is_shown() {
    let services = |mut bench: Bench| {
        bench.tell(Input::Time);
        bench.lists(&[HostState::Up]);
        bench.finds(1, Ok(Pass::Clean));
        let services = view(&bench, 1).services.into_iter();
        services.map(|service| service.passes).collect::<Vec<_>>()
    };
    assert_eq!(services(Bench::new()), [1]);
    assert_eq!(services(Bench::without_files()), [0; 0]);
}

#[test]
fn sigusr1_shows_all_backends_as_they_are_then() {
    let mut bench = Bench::new();
    bench.take_down_the_first();
    bench.others.clear();
    bench.tell(Input::Asked(Request::Status));
    let shown = match &bench.others[..] {
        [Output::ShowStatus(snapshot)] => snapshot,
        others => panic!("{others:?}"),
    };
    let states: Vec<HostState> = shown
        .backends
        .iter()
        .map(|backend| backend.listed.state)
        .collect();
    assert_eq!(states, [HostState::Down, HostState::Up]);
}

/// The engine does not know the zone of this machine's wall clock.
#[test]
fn moments_are_said_as_the_owner_of_the_wall_clock_shows_them() {
    let mut bench = Bench::new();
    bench
        .engine
        .show_moments_by(|moment, now| format!("second {} of {}", moment.0, now.0));
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.second = 5;
    bench.falters(1, refused());
    bench.second = 9;
    bench.finds(1, Err(refused()));
    let since = "2 tries since second 1800000005 of 1800000009";
    assert_eq!(bench.times_said(since), 1, "{:?}", bench.said);
}

/// It lasts three seconds before it is said, and may come and go for ten before its end is.
#[test]
fn a_fault_of_this_machine_is_an_alarm_from_its_line_on_for_as_long_as_somebody_meets_it() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    let local = Failure::new(Stage::Prepare, Fault::NoDescriptors);
    bench.reports(1, Err(local), None, None);
    let alarms = |bench: &mut Bench, second| {
        bench.second = second;
        bench.tell(Input::Time);
        let alarms = bench.engine.snapshot().alarms.into_iter();
        alarms
            .map(|alarm| (alarm.word, alarm.lasts.as_secs()))
            .collect::<Vec<_>>()
    };
    assert_eq!(alarms(&mut bench, 2), []);
    assert_eq!(alarms(&mut bench, 3), [("local_fault", 3)]);
    assert_eq!(alarms(&mut bench, 8), [("local_fault", 8)]);
    bench.finds(1, Ok(Pass::Clean));
    assert_eq!(alarms(&mut bench, 9), []);
}

#[test]
fn what_serves_another_tag_is_not_shown_as_one_that_could_take_the_users() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    let elsewhere = Listed {
        tag: Tag::new("archive"),
        ..idle(3)
    };
    let members = || vec![listed(1, HostState::Up), idle(2), elsewhere.clone()];
    bench.lists_of(members());
    for second in 1..4 {
        bench.second = second;
        bench.finds(1, Err(refused()));
        bench.finds(2, Ok(Pass::Clean));
        bench.finds(3, Ok(Pass::Clean));
        bench.lists_of(members());
    }
    let wanted = view(&bench, 1).wanted.unwrap();
    assert_eq!(wanted.out_of_rotation, [address(2)]);
}

/// No list since has shown the change.
#[test]
fn a_down_that_the_state_file_knows_is_shown_as_ours_after_a_restart() {
    let stamp = Stamp(1_799_999_000);
    let down = OwnDown {
        stamp_before: Stamp(0),
        sent: stamp,
        vhosts: 100,
        stamp: Some(stamp),
    };
    let memory = Memory {
        down: Some(down),
        ..Memory::default()
    };
    let remembered = Remembered::from([(address(1), memory)]);
    let mut bench = Bench::of(terms(Chosen::default()), remembered);
    bench.tell(Input::Time);
    let known = Listed {
        changed: stamp,
        ..listed(1, HostState::Down)
    };
    bench.lists_of(vec![known, listed(2, HostState::Down)]);
    let by = [1, 2].map(|number| (view(&bench, number).by, view(&bench, number).is_ours));
    assert_eq!(by, [(By::Us, true), (By::Unknown, false)]);
}

#[test]
fn it_is_shown_whether_users_are_still_to_be_moved_or_have_been() {
    let mut bench = Bench::new();
    bench.users = 10;
    let drains = |bench: &Bench| [1, 2].map(|number| view(bench, number).drain);
    bench.fails_until_decided_on();
    bench.answers_ok();
    bench.second += 1;
    bench.lists(&[HostState::Down, HostState::Up]);
    assert_eq!(drains(&bench), [DrainView::Owed, DrainView::None]);
    bench.answers_ok();
    bench.users = 0;
    bench.second += 1;
    bench.lists(&[HostState::Down, HostState::Up]);
    assert_eq!(drains(&bench), [DrainView::Done, DrainView::None]);
}
