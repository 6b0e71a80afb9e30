//! Faults of this machine say nothing about the backends.

use std::collections::BTreeSet;

use super::*;

/// The round's last attempt, on the second service.
fn last_attempt(bench: &mut Bench, number: u8, result: Result<Pass, Failure>, verdict: Verdict) {
    let began = bench.now;
    bench.pass_time(2);
    let finding = Finding {
        round_began: began,
        service: 1,
        outcome: Outcome::new(began, Duration::from_millis(2), result),
        for_good: matches!(&verdict, Verdict::Failed { .. }),
        verdict: Some(verdict),
    };
    bench.backends.on_finding(address(number), &finding);
    bench.pass_time(1);
}

/// A round that is healthy by its first service; its second one was left out.
fn passes_without_its_second(bench: &mut Bench, number: u8) {
    bench.finding(number, Ok(Pass::Clean), false);
    let failure = Failure::new(Stage::Tls, Fault::NameUnknown);
    let healthy = Verdict::Healthy(Pass::Clean);
    last_attempt(bench, number, Err(failure), healthy);
}

fn is_refused_at_the_second(bench: &mut Bench, number: u8) {
    let fault = Fault::CertificateRefused(Box::new(BadCertificate::new("expired", "mail.example")));
    let failure = Failure::new(Stage::Tls, fault);
    let failed = Verdict::Failed {
        service: 1,
        failure: failure.clone(),
    };
    last_attempt(bench, number, Err(failure), failed);
}

#[test]
fn a_round_without_a_service_is_no_pass_of_that_service() {
    let mut bench = Bench::new(3);
    is_refused_at_the_second(&mut bench, 0);
    for number in [1, 2] {
        passes_without_its_second(&mut bench, number);
    }
    is_refused_at_the_second(&mut bench, 0);
    match bench.decide(0) {
        Decision::Hold(hold) => assert_eq!(
            hold.reason,
            Reason::Shared {
                service: 1,
                stage: Stage::Tls
            }
        ),
        decision => panic!("{decision:?}"),
    }
}

#[test]
fn one_that_stays_up_since_the_others_cannot_be_checked_there_is_an_alarm() {
    let mut bench = Bench::new(2);
    passes_without_its_second(&mut bench, 1);
    bench.refuses_at(1, 0);
    passes_without_its_second(&mut bench, 1);
    bench.refuses_at(1, 0);
    let reason = Reason::Shared {
        service: 1,
        stage: Stage::Connect,
    };
    bench.check_held(0, &reason, None);
    let alarm = Alarm::Shared {
        service: 1,
        stage: Stage::Connect,
    };
    let expected = Alarms::from([(alarm, BTreeSet::from([address(0)]))]);
    assert_eq!(alarms(&mut bench.backends, bench.now), expected);

    // It can be checked again: the other one goes down.
    bench.finding_at(1, 1, Ok(Pass::Clean), Ends::Whole);
    bench.refuses_at(1, 0);
    assert_eq!(alarms(&mut bench.backends, bench.now), Alarms::new());
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn a_backend_of_which_a_service_is_left_out_takes_the_users_of_a_dead_one() {
    let mut bench = Bench::new(2);
    bench.refuses(0, false);
    passes_without_its_second(&mut bench, 1);
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn only_a_round_or_the_backends_own_failure_answers_who_asked() {
    let mut bench = Bench::new(2);
    let ask = |bench: &mut Bench| bench.backends.ask(address(1), bench.now);
    assert!(ask(&mut bench));
    let failure = Failure::new(Stage::Connect, Fault::Forbidden);
    bench.finding(1, Err(failure), false);
    assert!(!ask(&mut bench), "it is still being asked");
    passes_without_its_second(&mut bench, 1);
    assert!(ask(&mut bench), "answered by a round that ended with one");
    bench.refuses(1, false);
    assert!(!ask(&mut bench), "it is being tried again");
    bench.refuses(1, true);
    assert!(ask(&mut bench));
}

/// Without a brake it is not for the comparison with others that it stays up.
#[test]
fn without_a_brake_one_that_dies_while_the_others_cannot_be_checked_goes_down_and_is_no_alarm() {
    let brake = Brake::Off;
    let mut bench = Bench::with(2, Rules { brake, ..RULES });
    passes_without_its_second(&mut bench, 1);
    for _ in 0..2 {
        bench.refuses_at(1, 0);
    }
    bench.check_acts(0, Action::MarkDown);
    assert_eq!(alarms(&mut bench.backends, bench.now), Alarms::new());
}

#[test]
fn an_alarm_names_no_service_that_is_still_being_tried_again() {
    let mut bench = Bench::new(2);
    passes_without_its_second(&mut bench, 1);
    bench.refuses_at(1, 0);
    passes_without_its_second(&mut bench, 1);
    bench.finding_at(0, 0, Err(expired()), Ends::Nothing);
    let alarm = Alarm::Shared {
        service: 1,
        stage: Stage::Connect,
    };
    let expected = Alarms::from([(alarm, BTreeSet::from([address(0)]))]);
    assert_eq!(alarms(&mut bench.backends, bench.now), expected);
}

#[test]
fn how_far_others_got_before_they_could_not_be_tried_from_here_condemns_nobody() {
    let mut bench = Bench::new(2);
    bench.passes(1);
    let local = Failure::new(Stage::Connect, Fault::Forbidden);
    bench.finding(1, Err(local), false);
    bench.refuses_login(0);
    bench.check_held(0, &AT_LOGIN, None);
}

#[test]
fn a_fault_of_this_machine_takes_back_nothing_that_others_came_to() {
    let mut bench = Bench::new(2);
    bench.finding(0, Err(expired()), false);
    bench.passes(1);
    bench.finding(0, Err(expired()), true);
    let local = Failure::new(Stage::Connect, Fault::Forbidden);
    bench.finding(1, Err(local), false);
    bench.passes(1);
    bench.check_acts(0, Action::MarkDown);
}
