//! What is shared by all takes nobody down.

use super::*;

#[test]
fn a_login_refused_everywhere_takes_nobody_down() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.refuses_login(number);
    }
    let reason = Reason::Shared {
        service: 0,
        stage: Stage::Login,
    };
    for number in 0..3 {
        bench.check_held(number, &reason, None);
    }
    assert!(reason.alarm().is_some());
}

#[test]
fn a_login_refused_by_one_counts_once_another_has_passed_it() {
    let mut bench = Bench::new(2);
    bench.passes(1);
    bench.refuses_login(0);
    let reason = Reason::Shared {
        service: 0,
        stage: Stage::Login,
    };
    bench.check_held(0, &reason, Some(1));
    bench.passes(1);
    bench.refuses_login(0);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn a_fault_of_the_monitors_own_raises_no_doubt() {
    let mut bench = Bench::new(2);
    bench.passes(0);
    let failure = Failure::new(Stage::Prepare, Fault::NoDescriptors);
    bench.finding(0, Err(failure), false);
    bench.check_nothing(0);
    assert_eq!(control(&bench.fleet, address(0)), None);
}

#[test]
fn a_pass_of_a_service_checked_before_is_no_peer_of_one_checked_now() {
    let mut bench = Bench::new(2);
    bench.refuses_login(0);
    bench.passes(1);
    bench.refuses_login(0);
    bench.check_acts(0, Action::MarkDown);
    bench.fleet.on_other_services();
    bench.refuses_login(0);
    let reason = Reason::Shared {
        service: 0,
        stage: Stage::Login,
    };
    bench.check_held(0, &reason, Some(1));
}

#[test]
fn a_login_counts_against_a_backend_only_while_another_passes_it_as_the_same_user() {
    let reason = Reason::Shared {
        service: 0,
        stage: Stage::Login,
    };
    for (logins, peer) in [
        ([Some(1), Some(2), None], None),
        ([Some(1), Some(1), Some(2)], Some(1)),
        ([Some(1), None, Some(1)], Some(2)),
    ] {
        let mut bench = Bench::new(3);
        for (number, login) in (0..).zip(logins) {
            bench.fleet.on_login(address(number), login.map(Login));
        }
        bench.passes(1);
        bench.passes(2);
        bench.refuses_login(0);
        bench.check_held(0, &reason, peer);
        bench.passes(1);
        bench.passes(2);
        bench.refuses_login(0);
        match peer {
            Some(_) => bench.check_acts(0, Action::MarkDown),
            None => bench.check_held(0, &reason, None),
        }
    }
}

#[test]
fn a_certificate_counts_whoever_the_others_are_probed_as() {
    let mut bench = Bench::new(2);
    bench.fleet.on_login(address(0), Some(Login(1)));
    bench.fleet.on_login(address(1), Some(Login(2)));
    for _ in 0..2 {
        bench.passes(1);
        let fault = Fault::CertificateRefused(Quote::new("expired"));
        bench.finding(0, Err(Failure::new(Stage::Tls, fault)), true);
    }
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn a_pass_from_before_a_backend_was_probed_as_another_proves_nothing() {
    let mut bench = Bench::new(2);
    bench.refuses_login(0);
    bench.passes(1);
    bench.refuses_login(0);
    bench.fleet.on_login(address(1), Some(Login(7)));
    bench.fleet.on_login(address(0), Some(Login(7)));
    let reason = Reason::Shared {
        service: 0,
        stage: Stage::Login,
    };
    bench.check_held(0, &reason, Some(1));
}

#[test]
fn a_peer_must_have_passed_since_this_check_failed_not_since_any_did() {
    let mut bench = Bench::new(2);
    bench.refuses(0, false);
    bench.passes(1);
    bench.finding(0, Ok(Pass::Clean), false);
    bench.refuses_login(0);
    let reason = Reason::Shared {
        service: 0,
        stage: Stage::Login,
    };
    bench.check_held(0, &reason, Some(1));
}
