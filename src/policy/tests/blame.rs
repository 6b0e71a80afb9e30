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
