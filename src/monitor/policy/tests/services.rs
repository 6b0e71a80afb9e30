//! Backends with two services: what was found out at the one says nothing about the other.

use super::*;
use crate::outcome::Blame;

const PEERS_AWAITED: Reason = Reason::PeersAwaited {
    service: 1,
    stage: Stage::Login,
};

fn no_login() -> Failure {
    Failure::new(Stage::Login, Fault::CredentialsRefused(Quote::new("no")))
}

fn dead() -> Failure {
    Failure::new(Stage::Connect, Fault::Refused)
}

fn local() -> Failure {
    Failure::new(Stage::Connect, Fault::Forbidden)
}

impl Bench {
    /// The login is refused at the first service, and this comes of the second.
    fn is_refused_at_the_first(&mut self, number: u8, second: Result<Pass, Failure>) {
        self.finding_at(0, number, Err(no_login()), Ends::Service);
        let ends = match &second {
            Err(failure) if failure.fault.blame() == Blame::Service => failure.clone(),
            _ => no_login(),
        };
        self.finding_at(1, number, second, Ends::Round(ends));
    }

    /// It passes at the first service, and its login is refused at the second.
    fn is_refused_at_the_second(&mut self, number: u8) {
        self.finding_at(0, number, Ok(Pass::Clean), Ends::Nothing);
        self.finding_at(1, number, Err(no_login()), Ends::Round(no_login()));
    }

    /// It is known to have failed.
    fn check_stays_down(&mut self, number: u8) {
        assert_eq!(self.decide(number), Decision::Act(Action::Drain));
    }

    fn take_down_without_users(&mut self, number: u8) {
        self.check_acts(number, Action::MarkDown);
        self.send(number, Action::MarkDown, Answer::Done);
        self.set(number, HostState::Down);
        self.listed(number).users = 0;
        self.read_list();
    }
}

/// The password is put right on the others just before they are probed again.
#[test]
fn who_passes_at_the_first_service_may_get_further_at_the_second() {
    let mut bench = Bench::new(3);
    bench.fails_while_passes(0, 1);
    bench.take_down_without_users(0);
    for number in [1, 2, 0] {
        bench.is_refused_at_the_second(number);
    }
    bench.check_held_for(0, &PEERS_AWAITED, &[1, 2]);
    for number in [1, 2] {
        bench.finding_at(0, number, Ok(Pass::Clean), Ends::Nothing);
    }
    bench.check_held_for(0, &PEERS_AWAITED, &[1, 2]);
    for number in [1, 2] {
        bench.finding_at(1, number, Ok(Pass::Clean), Ends::Whole);
    }
    bench.check_stays_down(0);
}

#[test]
fn who_is_refused_at_the_first_service_may_have_come_back_at_the_second() {
    let mut bench = Bench::new(4);
    bench.fails_while_passes(0, 2);
    bench.take_down_without_users(0);
    for number in [1, 3] {
        bench.is_refused_at_the_first(number, Err(dead()));
    }
    for number in [2, 0, 2] {
        bench.is_refused_at_the_first(number, Err(no_login()));
    }
    for number in [1, 3] {
        bench.finding_at(0, number, Err(no_login()), Ends::Service);
    }
    bench.check_held_for(0, &PEERS_AWAITED, &[1, 3]);
    for number in [1, 3] {
        bench.finding_at(1, number, Ok(Pass::Clean), Ends::Round(no_login()));
    }
    bench.check_stays_down(0);
}

/// An administrator has put the second service right, and has brought the backend up. The login is refused at the first
/// one, as everywhere.
#[test]
fn a_failure_of_before_an_administrators_up_is_no_younger_by_one_at_another_service() {
    let mut bench = Bench::new(2);
    bench.is_refused_at_the_first(1, Ok(Pass::Clean));
    bench.finding_at(0, 0, Err(no_login()), Ends::Service);
    bench.finding_at(1, 0, Err(dead()), Ends::Nothing);
    bench.is_refused_at_the_first(1, Ok(Pass::Clean));
    bench.finding_at(1, 0, Err(dead()), Ends::Round(dead()));
    bench.take_down_without_users(0);
    bench.pass_time(20_000);
    bench.set(0, HostState::Up);
    bench.read_list();
    bench.check_held_for(0, &Reason::Stale, &[0]);
    bench.finding_at(0, 0, Err(no_login()), Ends::Service);
    let shared = Reason::Shared {
        service: 0,
        stage: Stage::Login,
    };
    bench.check_held(0, &shared, None);
    bench.finding_at(1, 0, Ok(Pass::Clean), Ends::Round(no_login()));
    bench.check_held(0, &shared, None);
}

/// Fuzzing has found that rule `bar` said it, whose word it is not.
#[test]
fn a_first_failure_at_another_service_makes_no_former_one_younger() {
    let mut bench = Bench::new(2);
    bench.finding_at(0, 0, Err(dead()), Ends::Nothing);
    bench.finding_at(0, 1, Ok(Pass::Clean), Ends::Nothing);
    bench.finding_at(1, 1, Ok(Pass::Clean), Ends::Whole);
    bench.finding_at(0, 0, Err(dead()), Ends::Round(dead()));
    bench.take_down_without_users(0);
    bench.pass_time(20_000);
    bench.set(0, HostState::Up);
    bench.read_list();
    bench.check_held_for(0, &Reason::Stale, &[0]);
    bench.finding_at(1, 0, Err(dead()), Ends::Nothing);
    bench.check_held_for(0, &Reason::Stale, &[0]);
}

#[test]
fn a_service_that_cannot_be_tried_from_here_keeps_no_backend_down() {
    for is_shared in [false, true] {
        let mut bench = Bench::new(2);
        bench.finding_at(0, 0, Ok(Pass::Clean), Ends::Nothing);
        bench.finding_at(1, 0, Err(dead()), Ends::Nothing);
        bench.finding_at(0, 1, Ok(Pass::Clean), Ends::Nothing);
        bench.finding_at(1, 1, Ok(Pass::Clean), Ends::Whole);
        bench.finding_at(1, 0, Err(dead()), Ends::Round(dead()));
        bench.take_down_without_users(0);
        if is_shared {
            bench.is_refused_at_the_first(1, Ok(Pass::Clean));
            bench.is_refused_at_the_first(0, Err(local()));
            bench.is_refused_at_the_first(1, Ok(Pass::Clean));
        } else {
            bench.finding_at(0, 1, Ok(Pass::Clean), Ends::Nothing);
            bench.finding_at(1, 1, Ok(Pass::Clean), Ends::Whole);
            bench.finding_at(0, 0, Ok(Pass::Clean), Ends::Nothing);
            bench.finding_at(1, 0, Err(local()), Ends::Whole);
        }
        bench.check_acts(0, Action::MarkUp);
    }
}

/// Each probe would be a login with a password that is refused.
#[test]
fn a_service_that_cannot_be_tried_from_here_is_not_asked_for_again_and_again() {
    let mut bench = Bench::new(2);
    bench.finding_at(0, 0, Ok(Pass::Clean), Ends::Nothing);
    bench.finding_at(1, 0, Err(dead()), Ends::Round(dead()));
    for _ in 0..5 {
        bench.pass_time(1000);
        bench.is_refused_at_the_first(1, Ok(Pass::Clean));
        bench.is_refused_at_the_first(0, Err(local()));
        match bench.decide(0) {
            Decision::Hold(hold) => assert_eq!(hold.need, None, "{hold:?}"),
            decision => assert_eq!(decision, Decision::Nothing),
        }
    }
}

#[test]
fn what_one_service_waits_for_is_asked_for_beside_a_fault_that_all_have_at_another() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.is_refused_at_the_first(number, Ok(Pass::Clean));
    }
    bench.is_refused_at_the_first(0, Err(dead()));
    let candidate = address(2);
    bench.check_held_for(0, &Reason::RefugeAwaited { candidate }, &[2]);
    bench.is_refused_at_the_first(2, Ok(Pass::Clean));
    let refuge = address(2);
    bench.check_held_for(0, &Reason::FailureAwaited { refuge }, &[0]);
    bench.is_refused_at_the_first(0, Err(dead()));
    bench.check_acts(0, Action::MarkDown);
}

/// The login is refused everywhere since yesterday; that one backend's certificate has expired is new.
#[test]
fn a_delay_counts_from_the_shared_fault_that_others_do_not_have() {
    let mut bench = Bench::with(
        3,
        Rules {
            down_delay: Duration::from_secs(120),
            ..RULES
        },
    );
    for number in 0..3 {
        bench.is_refused_at_the_first(number, Ok(Pass::Clean));
    }
    bench.pass_time(86_400_000);
    bench.is_refused_at_the_first(0, Err(expired()));
    for number in 1..3 {
        bench.is_refused_at_the_first(number, Ok(Pass::Clean));
    }
    bench.is_refused_at_the_first(0, Err(expired()));
    bench.check_held(0, &Reason::DownDelay, None);
    bench.pass_time(120_000);
    bench.check_acts(0, Action::MarkDown);
}

/// By news of it, such as somebody's up, while the login is refused everywhere. Each attempt would ask for the next one.
#[test]
fn a_failure_that_settles_nothing_yet_is_not_asked_for_once_more() {
    let mut bench = Bench::new(2);
    for number in 0..2 {
        bench.is_refused_at_the_second(number);
    }
    assert!(bench.backends.ask(address(0), bench.now));
    bench.finding_at(0, 0, Err(dead()), Ends::Nothing);
    assert!(!bench.backends.ask(address(0), bench.now));
    bench.finding_at(0, 0, Err(dead()), Ends::Round(dead()));
    assert!(bench.backends.ask(address(0), bench.now));
}

#[test]
fn what_was_asked_for_is_answered_by_a_whole_round_or_by_a_failure_that_settles_it() {
    let settles = |second: Result<Pass, Failure>| {
        let mut bench = Bench::new(2);
        bench.finding_at(0, 0, Ok(Pass::Clean), Ends::Nothing);
        assert!(bench.backends.ask(address(0), bench.now));
        assert!(
            !bench.backends.ask(address(0), bench.now),
            "it is asked for"
        );
        let ends = match &second {
            Ok(_) => Ends::Whole,
            Err(failure) => Ends::Round(failure.clone()),
        };
        bench.finding_at(1, 0, second, ends);
        bench.backends.ask(address(0), bench.now)
    };
    assert!(settles(Err(dead())), "it began since");
    assert!(!settles(Err(expired())), "its round began before");
    assert!(!settles(Ok(Pass::Clean)), "its round began before");
}

#[test]
fn a_fault_of_this_machine_is_no_sign_of_how_a_backend_is() {
    let mut bench = Bench::new(2);
    for result in [Ok(Pass::Clean), Err(expired())] {
        let began = bench.now;
        bench.finding_at(0, 0, result, Ends::Nothing);
        bench.finding_at(0, 0, Err(local()), Ends::Nothing);
        let evidence = &bench.backends.member(address(0)).unwrap().evidence;
        assert_eq!(evidence.latest_sign(0), Some(began));
    }
}

/// A fault of its own ends a round, and a shared one does not.
#[test]
fn how_far_a_service_gets_is_unknown_once_one_before_it_has_ended_a_later_round() {
    for (first, is_known) in [(dead(), false), (no_login(), true)] {
        let mut bench = Bench::new(2);
        bench.finding_at(0, 0, Ok(Pass::Clean), Ends::Nothing);
        bench.finding_at(1, 0, Err(no_login()), Ends::Round(no_login()));
        bench.finding_at(0, 0, Err(first), Ends::Nothing);
        let evidence = &bench.backends.member(address(0)).unwrap().evidence;
        assert_eq!(evidence.reach(1).is_some(), is_known);
    }
}

#[test]
fn what_all_have_in_common_is_nobodys_failure() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.is_refused_at_the_first(number, Ok(Pass::Clean));
    }
    bench.measure();
    let compared = bench.backends.compared();
    for number in 0..3 {
        let member = compared.member(address(number)).unwrap();
        assert!(has_failed(member) && !compared.bar().has_failed(member));
    }
    // Nor is what has not lasted yet.
    bench.finding_at(0, 0, Err(no_login()), Ends::Service);
    bench.finding_at(1, 0, Err(expired()), Ends::Nothing);
    bench.measure();
    let compared = bench.backends.compared();
    let member = compared.member(address(0)).unwrap();
    assert!(has_failed(member) && !compared.bar().has_failed(member));
}

const PEERS_AT_THE_FIRST: Reason = Reason::PeersAwaited {
    service: 0,
    stage: Stage::Login,
};

/// Somebody took backend 0 down so long ago that it is not held for that any more.
fn down_for_a_minute() -> Bench {
    let mut bench = Bench::new(2);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.pass_time(61_000);
    bench
}

/// However often it is probed, it gets no further than its own fault.
#[test]
fn a_dead_backend_keeps_no_other_down_at_a_service_that_it_does_not_get_to() {
    let mut bench = down_for_a_minute();
    bench.finding_at(0, 1, Err(dead()), Ends::Round(dead()));
    bench.is_refused_at_the_second(0);
    bench.check_held_for(0, &PEERS_AWAITED, &[1]);
    bench.finding_at(0, 1, Err(dead()), Ends::Round(dead()));
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn a_peer_whose_service_cannot_be_tried_from_here_keeps_nobody_down() {
    let mut bench = down_for_a_minute();
    bench.is_refused_at_the_second(0);
    bench.check_held_for(0, &PEERS_AWAITED, &[1]);
    bench.finding_at(0, 1, Ok(Pass::Clean), Ends::Nothing);
    bench.finding_at(1, 1, Err(local()), Ends::Whole);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn what_a_backend_in_doubt_passes_lets_nobody_up_before_its_round_has_ended() {
    let mut bench = down_for_a_minute();
    bench.finding_at(0, 1, Ok(Pass::Clean), Ends::Nothing);
    bench.finding_at(1, 1, Err(dead()), Ends::Round(dead()));
    bench.finding_at(0, 0, Err(no_login()), Ends::Round(no_login()));
    bench.finding_at(0, 1, Ok(Pass::Clean), Ends::Nothing);
    bench.check_held_for(0, &PEERS_AT_THE_FIRST, &[1]);
    bench.finding_at(1, 1, Ok(Pass::Clean), Ends::Whole);
    assert_ne!(bench.decide(0), Decision::Act(Action::MarkUp));
}

#[test]
fn what_others_came_to_at_their_former_target_lets_nobody_up() {
    let mut bench = down_for_a_minute();
    bench.finding_at(0, 0, Err(no_login()), Ends::Round(no_login()));
    bench.passes(1);
    bench.backends.on_other_target(address(1));
    bench.check_held_for(0, &PEERS_AT_THE_FIRST, &[1]);
}

#[test]
fn what_a_backend_passed_at_one_service_before_it_died_at_another_condemns_nobody() {
    let mut bench = Bench::new(2);
    bench.finding_at(0, 1, Ok(Pass::Clean), Ends::Nothing);
    bench.finding_at(1, 1, Ok(Pass::Clean), Ends::Whole);
    bench.finding_at(0, 1, Err(dead()), Ends::Round(dead()));
    bench.is_refused_at_the_second(0);
    let shared = Reason::Shared {
        service: 1,
        stage: Stage::Login,
    };
    bench.check_held(0, &shared, None);
}

#[test]
fn what_others_pass_at_another_service_does_not_confirm_a_failure() {
    let mut bench = Bench::new(2);
    bench.finding_at(0, 1, Ok(Pass::Clean), Ends::Nothing);
    bench.finding_at(0, 0, Err(no_login()), Ends::Nothing);
    bench.finding_at(1, 1, Ok(Pass::Clean), Ends::Whole);
    bench.finding_at(0, 0, Err(no_login()), Ends::Round(no_login()));
    bench.check_held_for(0, &PEERS_AT_THE_FIRST, &[1]);
}
