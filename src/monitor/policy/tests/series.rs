//! Failures of one backend that take turns: which of them make one series.

use super::*;

/// As behind a balancer with two servers, of which one has an expired certificate and the other refuses the login.
#[test]
fn a_backend_whose_shared_faults_take_turns_goes_down() {
    let refused = || Failure::new(Stage::Login, Fault::CredentialsRefused(Quote::new("no")));
    let stopped = || {
        Failure::new(
            Stage::Greeting,
            Fault::CertificateRefused(Box::new(BadCertificate::new("no", "mail.example"))),
        )
    };
    for turns in [
        vec![expired(), refused()],
        vec![expired(), refused(), stopped()],
    ] {
        let mut bench = Bench::new(3);
        for failure in &turns {
            bench.finding(0, Err(failure.clone()), true);
            assert!(matches!(bench.decide(0), Decision::Hold(_)));
            bench.passes(1);
            bench.passes(2);
        }
        bench.finding(0, Err(expired()), true);
        bench.check_acts(0, Action::MarkDown);
    }
}

/// What refuses the connection does not get past the login either.
#[test]
fn a_backend_whose_own_faults_take_turns_with_shared_ones_goes_down() {
    for own_in_a_row in 1..4 {
        for begins_with_own in [false, true] {
            let mut bench = Bench::new(3);
            let mut failures = 0;
            loop {
                let is_own = failures % (own_in_a_row + 1) < own_in_a_row;
                match is_own == begins_with_own {
                    true => bench.finding(0, Err(dead_at_the_greeting()), true),
                    false => bench.refuses_login(0),
                }
                failures += 1;
                if matches!(bench.decide(0), Decision::Act(Action::MarkDown)) {
                    break;
                }
                assert!(failures < 4, "{own_in_a_row} {begins_with_own}");
                bench.passes(1);
                bench.passes(2);
            }
        }
    }
}

fn dead_at_the_greeting() -> Failure {
    Failure::new(Stage::Greeting, Fault::Bye(Quote::new("no")))
}

/// Where all refuse the login it has not failed: it gets as far as they do, now and then.
#[test]
fn own_faults_that_take_turns_with_what_all_meet_are_no_series() {
    let mut bench = Bench::new(3);
    for _ in 0..5 {
        bench.finding(0, Err(dead_at_the_greeting()), true);
        assert!(matches!(bench.decide(0), Decision::Hold(_)));
        bench.refuses_login(1);
        bench.refuses_login(2);
        bench.refuses_login(0);
        bench.check_held(0, &AT_LOGIN, None);
    }
}

#[test]
fn another_account_has_not_failed_for_as_long_as_the_one_before() {
    let unavailable = || Failure::new(Stage::Login, Fault::Unavailable(Quote::new("no")));
    for (failure, is_of_the_account) in [(unavailable(), true), (dead_at_the_greeting(), false)] {
        let mut bench = Bench::new(2);
        bench.logins(&[Some(1); 2]);
        bench.finding(0, Err(failure.clone()), true);
        let since = bench.member(0).evidence.failed_since();
        assert!(since.is_some());
        bench.logins(&[Some(2); 2]);
        let left = bench.member(0).evidence.failed_since();
        assert_eq!(left.is_some(), !is_of_the_account);
        bench.pass_time(1000);
        bench.finding(0, Err(failure), true);
        let now = bench.member(0).evidence.failed_since();
        assert_eq!(now == since, !is_of_the_account);
    }
}

#[test]
fn how_long_it_has_failed_counts_from_the_first_of_all_failures_that_get_no_further() {
    let mut bench = Bench::new(2);
    bench.refuses_login(0);
    let first = bench.member(0).evidence.failed_since();
    for _ in 0..3 {
        bench.refuses(0, true);
        bench.refuses(0, true);
        let own = bench.member(0).evidence.failed_since();
        assert!(own > first);
        bench.refuses_login(0);
        assert_eq!(bench.member(0).evidence.failed_since(), first);
    }
    bench.passes(0);
    assert_eq!(bench.member(0).evidence.failed_since(), None);
}

/// The others may have met it meanwhile, too.
#[test]
fn a_shared_fault_of_long_ago_does_not_go_on_once_another_has_been_met_twice() {
    let at_tls = Reason::PeersAwaited {
        service: 0,
        stage: Stage::Tls,
    };
    let mut bench = Bench::new(3);
    bench.logins(&[Some(1), Some(2), Some(2)]);
    bench.finding(0, Err(expired()), true);
    bench.passes(1);
    bench.passes(2);
    bench.refuses_login(0);
    bench.refuses_login(0);
    bench.finding(0, Err(expired()), true);
    bench.check_held_for(0, &at_tls, &[1, 2]);
}

#[test]
fn what_got_no_further_does_not_end_a_series_however_often_it_comes() {
    let mut bench = Bench::new(2);
    bench.refuses_login(0);
    bench.finding(0, Err(expired()), true);
    bench.finding(0, Err(expired()), true);
    bench.refuses_login(0);
    let series = bench.member(0).evidence.failing_at(0).unwrap();
    assert_eq!(series.tries, 2);
}

#[test]
fn a_fault_of_its_own_begins_anew_after_one_that_got_further() {
    let mut bench = Bench::new(2);
    bench.refuses(0, true);
    let first = bench.member(0).evidence.failed_since();
    bench.refuses_login(0);
    bench.refuses(0, true);
    assert!(bench.member(0).evidence.failed_since() > first);
}

#[test]
fn what_others_do_while_another_series_interrupts_counts_for_the_interrupted_one() {
    let mut bench = Bench::new(2);
    bench.finding(0, Err(expired()), true);
    bench.refuses_login(0);
    bench.passes(1);
    bench.finding(0, Err(expired()), true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn with_another_account_no_refused_login_of_the_former_one_goes_on() {
    for is_interrupted in [false, true] {
        let mut bench = Bench::new(2);
        bench.refuses_login(0);
        let former = bench.member(0).evidence.failed_since();
        if is_interrupted {
            bench.finding(0, Err(expired()), true);
        }
        bench.backends.on_login(address(0), Some(Login(1)));
        bench.refuses_login(0);
        let evidence = &bench.member(0).evidence;
        assert_eq!(evidence.failing_at(0).unwrap().tries, 1);
        if !is_interrupted {
            assert!(evidence.failed_since() > former);
        }
    }
}

/// It fails where 0 does in between, so it has to get further once more, and 0 has to fail after that.
#[test]
fn who_got_further_and_then_did_not_confirms_no_failure_of_the_time_between() {
    let mut bench = Bench::new(2);
    bench.finding(0, Err(expired()), false);
    bench.passes(1);
    bench.finding(0, Err(expired()), true);
    bench.finding(1, Err(expired()), true);
    bench.passes(1);
    bench.check_held_for(0, &PEERS_AT_TLS, &[0]);
}

#[test]
fn an_attempt_elsewhere_that_began_before_the_first_failure_confirms_none() {
    let mut bench = Bench::new(2);
    let began = bench.now;
    bench.finding(0, Err(expired()), false);
    bench.now = began;
    bench.passes(1);
    bench.pass_time(10);
    bench.finding(0, Err(expired()), true);
    bench.check_held_for(0, &PEERS_AT_TLS, &[1]);
}

#[test]
fn what_another_did_at_its_former_target_confirms_no_failure() {
    for is_interrupted in [false, true] {
        let mut bench = Bench::new(2);
        bench.finding(0, Err(expired()), false);
        bench.passes(1);
        if is_interrupted {
            bench.refuses_login(0);
        }
        bench.backends.on_other_target(address(1));
        bench.finding(0, Err(expired()), true);
        bench.passes(1);
        bench.check_held_for(0, &PEERS_AT_TLS, &[0]);
    }
}

#[test]
fn a_login_of_another_account_makes_nobody_a_refuge_from_one_that_is_not_answered() {
    let unanswered = || Err(Failure::new(Stage::Login, Fault::TimedOut));
    let mut bench = Bench::new(2);
    bench.finding(0, unanswered(), false);
    bench.passes(1);
    bench.backends.on_login(address(1), Some(Login(1)));
    bench.finding(0, unanswered(), true);
    bench.passes(1);
    let refuge = address(1);
    bench.check_held(0, &Reason::FailureAwaited { refuge }, Some(0));
}

#[test]
fn of_several_failures_it_is_known_how_long_the_latest_took() {
    let mut bench = Bench::new(1);
    for seconds in [1, 3] {
        let latency = Duration::from_secs(seconds);
        let failure = Failure::new(Stage::Connect, Fault::TimedOut);
        let finding = Finding {
            round_began: bench.now,
            service: 0,
            outcome: Outcome::new(bench.now, latency, Err(failure)),
            for_good: false,
            verdict: None,
        };
        bench.pass_time(seconds * 1000);
        bench.backends.on_finding(address(0), &finding);
        let series = bench.member(0).evidence.failing_at(0).unwrap();
        assert_eq!(series.latest_took, latency);
    }
}
