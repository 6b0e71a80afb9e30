//! What a reload of the settings leaves as it is, and what it begins anew.

use super::*;

/// What came of the login before says nothing about the new one; what failed before the login still does.
#[test]
fn another_account_has_a_whole_series_of_its_own() {
    let broken = Fault::Unavailable(Quote::new("no"));
    let broken = Failure::new(Stage::Login, broken);
    for (failure, attempts) in [(login_refused(), 5), (broken, 5), (dead(), 1)] {
        let mut bench = Bench::new(PACE, 1);
        let until_failed = |bench: &mut Bench| {
            let attempts = (1..9).find(|_| {
                bench.wait();
                let finding = bench.ends(Duration::from_millis(10), Err(failure.clone()));
                failed(finding.verdict)
            });
            attempts.expect("it fails for good")
        };
        assert_eq!(until_failed(&mut bench), 5);
        assert_eq!(until_failed(&mut bench), 1);
        bench.schedule.on_other_login();
        assert_eq!(until_failed(&mut bench), attempts);
    }
}

#[test]
fn another_account_has_rounds_of_its_own() {
    let pace = Pace {
        plan: retrying(0),
        fall: 2,
        ..PACE
    };
    let mut bench = Bench::new(pace, 1);
    assert_eq!(bench.attempt(Reply::Refuses).2, None);
    bench.schedule.on_other_login();
    assert_eq!(bench.attempt(Reply::Refuses).2, None);
    assert!(failed(bench.attempt(Reply::Refuses).2));
}

#[test]
fn changed_settings_keep_the_verdict_and_the_place_in_the_interval() {
    let mut bench = Bench::new(PACE, 1);
    let fails = [Reply::Refuses; 5];
    let times = [(0, 0), (3000, 0), (3500, 0), (4000, 0), (4500, 0)];
    assert!(failed(bench.check(&fails, &times)));
    let every = |seconds| Pace {
        interval: Duration::from_secs(seconds),
        ..PACE
    };
    bench.schedule.on_settings(every(50), 2);
    let (began, service, verdict) = bench.attempt(Reply::Refuses);
    assert_eq!((began, service), (34_500, 0), "the rest is the old one");
    assert!(failed(verdict), "one that has failed is tried once");
    bench.schedule.on_settings(every(10), 2);
    let (began, ..) = bench.attempt(Reply::Passes);
    assert_eq!(began, 44_500, "a shorter one takes effect at once");
}

#[test]
fn a_round_under_way_is_begun_anew_where_the_services_are_others() {
    for as_many in [false, true] {
        let mut bench = Bench::new(PACE, 2);
        assert_eq!(bench.attempt(Reply::Passes), (0, 0, None));
        match as_many {
            true => bench.schedule.on_other_services(),
            false => bench.schedule.on_settings(PACE, 3),
        }
        let services = if as_many { 2 } else { 3 };
        for service in 0..services {
            let (_, tried, verdict) = bench.attempt(Reply::Passes);
            assert_eq!(tried, service);
            assert_eq!(healthy(verdict), service + 1 == services);
        }
    }
}

#[test]
fn a_round_under_way_goes_on_where_only_the_pace_changes() {
    let mut bench = Bench::new(PACE, 2);
    assert_eq!(bench.attempt(Reply::Passes), (0, 0, None));
    let patient = Pace {
        timeout: Duration::from_secs(9),
        ..PACE
    };
    bench.schedule.on_settings(patient, 2);
    let next = bench.schedule.next(bench.now);
    let timeout = patient.timeout;
    assert_eq!(
        next,
        Next::Attempt {
            service: 1,
            timeout,
            depth: Depth::Whole
        }
    );
}

#[test]
fn other_services_have_rounds_of_their_own() {
    let pace = Pace {
        plan: retrying(0),
        fall: 2,
        rise: 2,
        ..PACE
    };
    let mut bench = Bench::new(pace, 1);
    bench.attempt(Reply::Passes);
    assert!(healthy(bench.attempt(Reply::Passes).2));
    assert_eq!(bench.attempt(Reply::Refuses).2, None);
    bench.schedule.on_other_services();
    assert_eq!(bench.attempt(Reply::Refuses).2, None);
    assert!(failed(bench.attempt(Reply::Refuses).2));
    assert_eq!(bench.attempt(Reply::Passes).2, None);
    bench.schedule.on_other_services();
    assert_eq!(bench.attempt(Reply::Passes).2, None);
    assert!(healthy(bench.attempt(Reply::Passes).2));
}

/// The expired certificate at the first service stands for as long as it did.
#[test]
fn another_account_has_a_series_of_its_own_beside_a_shared_fault_elsewhere() {
    let expired = certificate_refused();
    let broken = Failure::new(Stage::Login, Fault::Unavailable(Quote::new("no")));
    let mut bench = Bench::new(PACE, 2);
    let round = |bench: &mut Bench| loop {
        let (service, _) = bench.wait();
        let failure = match service {
            0 => &expired,
            _ => &broken,
        };
        let finding = bench.ends(Duration::from_millis(10), Err(failure.clone()));
        if service == 1 {
            return finding.verdict.and_then(|verdict| verdict.blame());
        }
    };
    let until_failed = |bench: &mut Bench| (1..20).find(|_| round(bench) == Some(Blame::Service));
    assert_eq!(until_failed(&mut bench), Some(5));
    bench.schedule.on_other_login();
    assert_eq!(until_failed(&mut bench), Some(5));
}

/// A login that is not answered for as long as the penalty of the account before may last says nothing yet.
#[test]
fn a_time_out_after_another_accounts_refusal_is_put_down_to_that() {
    let timed_out = || Err(Failure::new(Stage::Login, Fault::TimedOut));
    let fault_of = |finding: Finding| finding.outcome.result.unwrap_err().fault;
    let mut bench = Bench::new(PACE, 1);
    bench.comes_to(Err(login_refused()));
    assert_eq!(fault_of(bench.comes_to(timed_out())), Fault::RefusalDelayed);
    bench.schedule.on_other_login();
    assert_eq!(fault_of(bench.comes_to(timed_out())), Fault::LoginDelayed);
}

/// How many polls of dovemon's until a rapid round begins.
fn polls_before_a_rapid_round(bench: &mut Bench) -> usize {
    let interval = bench.schedule.pace.interval;
    let mut polls = 1;
    loop {
        let began = bench.now;
        bench.attempt(Reply::Refuses);
        bench.wait();
        if bench.now < began + interval {
            return polls;
        }
        polls += 1;
    }
}

/// Two of the three polls that begin a rapid round have failed, and the third is due.
fn failed_in_two_polls() -> Bench {
    let plan = Plan::Rapid(RAPID);
    let mut bench = Bench::new(Pace { plan, ..PACE }, 1);
    bench.attempt(Reply::Refuses);
    bench.attempt(Reply::Refuses);
    bench.wait();
    bench
}

#[test]
fn another_account_and_other_services_have_a_whole_count_of_polls() {
    type Change = fn(&mut Schedule);
    let changes: [(Change, usize); 3] = [
        (|_| {}, 1),
        (Schedule::on_other_login, 3),
        (Schedule::on_other_services, 3),
    ];
    for (change, left) in changes {
        let mut bench = failed_in_two_polls();
        change(&mut bench.schedule);
        assert_eq!(polls_before_a_rapid_round(&mut bench), left);
    }
}

/// The further one passes each time.
#[test]
fn more_services_than_before_have_a_whole_count_of_polls() {
    let mut bench = failed_in_two_polls();
    bench.schedule.on_settings(bench.schedule.pace, 2);
    for _ in 0..2 {
        bench.attempt(Reply::Refuses);
        bench.attempt(Reply::Passes);
    }
    assert_eq!(bench.schedule.retry().unwrap().failed, 2);
}

#[test]
fn a_round_under_way_is_begun_anew_where_the_account_is_another() {
    let mut bench = Bench::new(PACE, 2);
    assert_eq!(bench.attempt(Reply::Passes), (0, 0, None));
    bench.schedule.on_other_login();
    assert_eq!(bench.attempt(Reply::Passes).1, 0);
}

/// One more failure has failed for good, however many have been.
#[test]
fn fewer_tries_than_were_made_leave_one() {
    let mut bench = Bench::new(PACE, 1);
    for _ in 0..4 {
        bench.attempt(Reply::Refuses);
    }
    let plan = retrying(1);
    bench.schedule.on_settings(Pace { plan, ..PACE }, 1);
    let retry = bench.schedule.retry().unwrap();
    assert_eq!((retry.failed, retry.left), (4, 1));
    assert!(failed(bench.attempt(Reply::Refuses).2));
}
