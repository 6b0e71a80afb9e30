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
