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
