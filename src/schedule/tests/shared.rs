//! Shared faults: beside one that all may have, as a refused login, the others need rounds and series of their own.

use super::*;

/// Where the login is refused there is a verdict already, and policy would act on what has failed for good.
#[test]
fn beside_a_refused_login_a_service_fails_for_good_only_after_as_many_rounds_as_fall_says() {
    let pace = Pace {
        plan: retrying(1),
        fall: 2,
        ..PACE
    };
    let mut bench = Bench::new(pace, 1);
    bench.is_refused_at_the_first();
    let found = [(); 4].map(|()| {
        let finding = bench.comes_to(Err(dead()));
        (finding.for_good, finding.verdict.is_some())
    });
    let (no, yes) = ((false, false), (true, true));
    assert_eq!(found, [no, no, no, yes]);
}

impl Bench {
    /// One round in which the login of the first service is refused, and each attempt on the second ends so. Returns what
    /// the last attempt on the second came to, and the number of these attempts.
    fn has_at_the_second(&mut self, failure: &Failure) -> (Finding, u32) {
        let first = self.comes_to(Err(login_refused()));
        assert!(first.for_good, "one attempt is enough: it is known");
        for attempts in 1.. {
            let finding = self.comes_to(Err(failure.clone()));
            assert_eq!(finding.service, 1);
            if matches!(self.schedule.phase, Phase::Resting { .. }) {
                return (finding, attempts);
            }
        }
        unreachable!()
    }
}

#[test]
fn beside_a_refused_login_a_shared_fault_of_another_service_needs_as_many_rounds_as_fall_says() {
    let pace = Pace {
        plan: retrying(1),
        fall: 3,
        ..PACE
    };
    let mut bench = Bench::new(pace, 2);
    bench.is_refused_at_the_first();
    for (for_good, attempts) in [(false, 2), (false, 2), (true, 2), (true, 1)] {
        let (finding, tried) = bench.has_at_the_second(&certificate_refused());
        assert_eq!((finding.for_good, tried), (for_good, attempts));
        assert_eq!(finding.verdict.is_some(), for_good);
    }
    // A round without it ends the series.
    bench.is_refused_at_the_first();
    assert!(!bench.has_at_the_second(&certificate_refused()).0.for_good);
}

/// It never works, and neither fault alone lasts as long as `fall` says.
#[test]
fn beside_a_refused_login_services_that_fail_by_turns_fail_for_good() {
    let pace = Pace {
        plan: retrying(1),
        fall: 3,
        ..PACE
    };
    let mut bench = Bench::new(pace, 3);
    bench.is_refused_at_the_first();
    let for_good = [1, 2, 1].map(|failing| {
        bench.comes_to(Err(login_refused()));
        let mut for_good = false;
        while let Phase::Checking(Round { service, .. }) = &bench.schedule.phase {
            let result = match *service == failing {
                true => Err(certificate_refused()),
                false => Ok(Pass::Clean),
            };
            for_good |= bench.comes_to(result).for_good;
        }
        for_good
    });
    assert_eq!(for_good, [false, false, true]);
}

#[test]
fn a_shared_fault_before_the_one_that_is_known_needs_a_series_of_its_own() {
    let mut bench = Bench::new(PACE, 1);
    bench.is_refused_at_the_first();
    let too_many = Fault::PolicyRefused(Quote::new("too many connections"));
    let too_many = || Err(Failure::new(Stage::Greeting, too_many.clone()));
    assert!(!bench.comes_to(too_many()).for_good);
    // It gets as far as it did before.
    assert!(bench.comes_to(Err(login_refused())).for_good);
    let found = [(); 5].map(|()| bench.comes_to(too_many()).for_good);
    assert_eq!(found, [false, false, false, false, true]);
}

/// Dovecot delays refused logins, and no series of them is due in each round.
#[test]
fn a_known_shared_fault_is_known_after_a_fault_of_the_services_own_that_was_not_for_good() {
    let pace = Pace {
        plan: retrying(1),
        fall: 3,
        ..PACE
    };
    let mut bench = Bench::new(pace, 1);
    bench.is_refused_at_the_first();
    for _ in 0..2 {
        assert!(!bench.comes_to(Err(dead())).for_good);
    }
    let finding = bench.comes_to(Err(login_refused()));
    assert!(finding.for_good && finding.verdict.is_some());
}

/// The third round is the last if it fails by a shared fault; a fault of the service's own has been seen in one so far.
#[test]
fn the_tries_that_are_left_are_those_of_rounds_that_fail_by_the_same_kind_of_fault() {
    let pace = Pace {
        plan: retrying(1),
        fall: 3,
        ..PACE
    };
    let mut bench = Bench::new(pace, 1);
    for _ in 0..2 {
        bench.comes_to(Err(login_refused()));
    }
    for _ in 0..2 {
        bench.comes_to(Err(dead()));
    }
    let left = |bench: &Bench| bench.schedule.retry().unwrap().left;
    bench.comes_to(Err(dead()));
    assert_eq!(left(&bench), 3);
    for left_after in [None, Some(1), None] {
        bench.comes_to(Err(dead()));
        assert_eq!(bench.schedule.retry().map(|retry| retry.left), left_after);
    }
    assert_eq!(bench.schedule.rise_and_fall.standing(), Standing::Failed);

    let mut bench = Bench::new(pace, 1);
    for failure in [dead(), dead(), login_refused(), login_refused()] {
        bench.comes_to(Err(failure));
    }
    bench.comes_to(Err(login_refused()));
    assert_eq!(left(&bench), 1);
}

/// What got as far as a refused login has not failed by a fault of its own.
#[test]
fn a_refused_login_among_failures_begins_the_series_of_a_ports_own_fault_anew() {
    let mut bench = Bench::new(PACE, 1);
    let tries = [dead(), login_refused(), dead(), dead(), dead(), dead()];
    for failure in tries {
        assert_eq!(bench.comes_to(Err(failure)).verdict, None);
    }
    assert!(failed(bench.comes_to(Err(dead())).verdict));
}
