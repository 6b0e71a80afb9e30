//! Faults of this machine: a service that meets one for long is left out, and the others judge.

use super::*;

#[test]
fn a_lasting_fault_of_this_machine_leaves_its_service_out_and_the_others_judge() {
    for place in 0..3 {
        let mut bench = Bench::new(PACE, 3);
        let reply = |service| match service == place {
            true => LOCAL,
            false => Reply::Passes,
        };
        let mut verdict = None;
        let mut attempts = 0;
        while verdict.is_none() {
            let service = bench.next_service();
            verdict = bench.attempt(reply(service)).2;
            attempts += 1;
        }
        assert!(healthy(verdict));
        assert_eq!(attempts, 6, "three attempts more, a second apart");
        assert_eq!((bench.now - bench.start).as_millis(), 3020);
        // From then on it costs no time, and is tried once a round.
        let round: Vec<_> = (0..3)
            .map(|service| bench.attempt(reply(service)))
            .collect();
        assert!(healthy(round[2].2.clone()));
        assert_eq!(round[2].0 - round[0].0, if place == 2 { 20 } else { 10 });
    }
}

#[test]
fn a_backend_goes_down_and_comes_up_by_the_services_that_are_not_left_out() {
    let mut bench = Bench::with_left_out(PACE, 2, 0);
    assert_eq!(bench.attempt(LOCAL).2, None);
    for _ in 0..4 {
        assert_eq!(bench.attempt(Reply::Refuses).2, None);
    }
    assert!(failed(bench.attempt(Reply::Refuses).2));
    assert_eq!(bench.attempt(LOCAL).2, None);
    assert!(failed(bench.attempt(Reply::Refuses).2));
    assert_eq!(bench.attempt(LOCAL).2, None);
    assert!(healthy(bench.attempt(Reply::Passes).2));
}

#[test]
fn a_moment_without_descriptors_does_not_bring_a_failed_backend_up() {
    let pace = Pace {
        plan: retrying(0),
        ..PACE
    };
    let mut bench = Bench::new(pace, 2);
    assert_eq!(bench.attempt(Reply::Passes).2, None);
    assert!(failed(bench.attempt(Reply::Refuses).2));
    assert_eq!(bench.attempt(Reply::Passes).2, None);
    assert_eq!(bench.attempt(LOCAL).2, None);
    assert_eq!(bench.attempt(LOCAL).2, None);
    assert!(failed(bench.attempt(Reply::Refuses).2));
}

#[test]
fn a_service_that_fails_and_then_meets_local_faults_leaves_its_round_open() {
    let mut bench = Bench::new(PACE, 2);
    assert_eq!(bench.attempt(Reply::Refuses), (0, 0, None));
    for began in [3000, 4000, 5000, 6000] {
        assert_eq!(bench.attempt(LOCAL), (began, 0, None));
    }
    assert_eq!(bench.attempt(Reply::Passes), (6000, 1, None), "not healthy");
    assert_eq!(bench.attempt(LOCAL), (36_010, 0, None));
    assert!(healthy(bench.attempt(Reply::Passes).2));
}

#[test]
fn a_round_without_any_answer_gives_no_verdict_and_is_made_again_without_spinning() {
    for (interval, pause) in [(30_000, 3000), (10_000, 1000), (100, 1000), (0, 1000)] {
        let pace = Pace {
            interval: Duration::from_millis(interval),
            ..PACE
        };
        let mut bench = Bench::new(pace, 1);
        for began in [0, 1000, 2000, 3000] {
            assert_eq!(bench.attempt(LOCAL), (began, 0, None));
        }
        for round in 1..5 {
            // Whoever asks, and however often.
            bench.schedule.on_demand(bench.now);
            assert_eq!(bench.attempt(LOCAL), (3000 + round * pause, 0, None));
            bench.schedule.on_demand(bench.now);
        }
        assert!(healthy(bench.attempt(Reply::Passes).2));
    }
}

#[test]
fn a_demand_is_met_by_a_round_that_goes_on_without_a_service() {
    let mut bench = Bench::with_left_out(PACE, 2, 1);
    bench.now += Duration::from_secs(7);
    bench.schedule.on_demand(bench.now);
    let asked = (bench.now - bench.start).as_millis();
    assert_eq!(bench.attempt(Reply::Passes), (asked, 0, None));
    let (began, service, verdict) = bench.attempt(LOCAL);
    assert_eq!((began, service), (asked + 10, 1));
    assert!(healthy(verdict));
}

#[test]
fn rise_and_fall_count_the_rounds_of_the_other_services() {
    let pace = Pace {
        plan: retrying(0),
        rise: 2,
        fall: 2,
        ..PACE
    };
    let mut bench = Bench::with_left_out(pace, 2, 0);
    for reply in [Reply::Refuses, Reply::Passes] {
        assert_eq!(bench.attempt(LOCAL).2, None);
        assert_eq!(bench.attempt(reply).2, None, "the first of two");
        assert_eq!(bench.attempt(LOCAL).2, None);
        assert!(bench.attempt(reply).2.is_some());
    }
}

#[test]
fn other_services_are_not_left_out_for_those_of_before() {
    let mut bench = Bench::with_left_out(PACE, 2, 0);
    bench.schedule.on_other_services();
    for _ in 0..3 {
        assert_eq!(bench.attempt(LOCAL).1, 0);
    }
    assert_eq!(bench.next_service(), 0);
}

#[test]
fn a_greeting_ends_the_time_of_a_services_local_faults() {
    let pace = Pace {
        login_interval: Duration::from_secs(3600),
        plan: retrying(0),
        ..PACE
    };
    let mut bench = Bench::new(pace, 2);
    // Which service was tried, and whether that ended a round.
    let mut attempt = |is_local: bool| {
        let (service, depth) = loop {
            match bench.schedule.next(bench.now) {
                Next::Attempt { service, depth, .. } => break (service, depth),
                Next::Wait { until } => bench.now = until,
            }
        };
        let result = match service == 1 && is_local {
            true => Err(Failure::new(Stage::Prepare, Fault::NoDescriptors)),
            false => Ok(Pass::Clean),
        };
        let outcome = Outcome::new(bench.now, Duration::from_millis(10), result);
        bench.now = outcome.ended();
        if depth == Depth::Greeting && outcome.result.is_ok() {
            bench.schedule.on_greeted(&outcome);
            return (service, false);
        }
        (
            service,
            bench.schedule.on_outcome(outcome).verdict.is_some(),
        )
    };
    while !attempt(true).1 {}
    for _ in 0..20 {
        attempt(false);
    }
    assert_eq!(attempt(true).0, 0);
    assert_eq!(attempt(true).0, 1);
    assert_eq!(attempt(false).0, 1, "left out at its first local fault");
}

#[test]
fn a_greeting_tells_of_faults_that_are_met_before_it_ends_and_of_no_others() {
    let start = Instant::now();
    let forbidden = Failure::new(Stage::Connect, Fault::Forbidden);
    let at_greeting = Failure::new(Stage::Greeting, Fault::NoDescriptors);
    let nameless = Failure::new(Stage::Upgrade, Fault::NameUnknown);
    let panicked = Failure::new(Stage::Prepare, Fault::Panicked);
    for (failure, is_back) in [
        (forbidden, true),
        (at_greeting, true),
        (nameless, false),
        (panicked, false),
    ] {
        let mut local = LocalFaults::new(1);
        let steps = [0, 3].map(|second| {
            let ended = start + Duration::from_secs(second);
            local.on_fault(0, &failure, ended)
        });
        assert_eq!(steps[1], Step::LeaveOut);
        let then = start + Duration::from_secs(10);
        assert_eq!(local.on_greeted(0, then), is_back, "{failure:?}");
        assert_eq!(local.leaves_out(0, then), !is_back, "{failure:?}");
    }
}
