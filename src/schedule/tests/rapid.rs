//! dovemon's plan: its documented defaults, 10 s between polls, 3 s for one, and rapid rounds.

use super::*;

const PACE: Pace = Pace {
    interval: Duration::from_secs(10),
    login_interval: Duration::ZERO,
    timeout: Duration::from_secs(3),
    plan: Plan::Rapid(RAPID),
    rise: 1,
    fall: 1,
};

fn with(rapid: Rapid) -> Pace {
    Pace {
        plan: Plan::Rapid(rapid),
        ..PACE
    }
}

/// A bench whose backend has failed for good, within its first poll.
fn dead_backend(services: usize) -> Bench {
    let mut bench = Bench::new(PACE, services);
    for _ in 0..2 {
        bench.attempt(Reply::Refuses);
        for _ in 1..services {
            bench.attempt(Reply::Passes);
        }
    }
    for _ in 0..7 {
        assert_eq!(bench.attempt(Reply::Refuses).2, None);
    }
    assert!(failed(bench.attempt(Reply::Refuses).2));
    bench
}

#[test]
fn polls_start_an_interval_after_one_another_however_long_they_take() {
    let mut bench = Bench::new(PACE, 2);
    for poll in 0..5 {
        assert_eq!(bench.attempt(Reply::Passes), (poll * 10_000, 0, None));
        let (began, service, verdict) = bench.attempt(Reply::Passes);
        assert_eq!((began, service), (poll * 10_000 + 10, 1));
        assert!(healthy(verdict));
    }
}

#[test]
fn a_refusing_service_has_failed_after_three_polls_and_seven_rapid_attempts() {
    let mut bench = Bench::new(PACE, 1);
    let mut expected = vec![(0, 0), (10_000, 0), (20_000, 0)];
    expected.extend([(20_000, 0); 7]);
    assert!(failed(bench.check(&[Reply::Refuses; 10], &expected)));
}

#[test]
fn with_a_retry_count_of_zero_the_first_failed_poll_means_failed() {
    for rapid_rounds in [0, 10] {
        for reply in [Reply::Refuses, Reply::Hangs] {
            let pace = with(Rapid {
                retry_count: 0,
                rapid_rounds,
                ..RAPID
            });
            let mut bench = Bench::new(pace, 1);
            assert!(healthy(bench.attempt(Reply::Passes).2));
            assert!(failed(bench.attempt(reply).2));
            assert!(healthy(bench.attempt(Reply::Passes).2));
        }
    }
}

#[test]
fn each_failure_in_a_row_adds_a_time_out_and_one_in_the_rapid_round_is_enough() {
    let mut bench = Bench::new(PACE, 1);
    let verdict = bench.check(
        &[Reply::Hangs; 4],
        &[(0, 0), (10_000, 0), (20_000, 0), (29_000, 0)],
    );
    assert!(failed(verdict));
    assert_eq!(bench.now - bench.start, Duration::from_secs(31));
}

#[test]
fn a_pass_takes_the_added_time_outs_back() {
    let mut bench = Bench::new(PACE, 1);
    for (reply, seconds) in [
        (Reply::Hangs, 3),
        (Reply::Hangs, 6),
        (Reply::Passes, 9),
        (Reply::Hangs, 3),
        (Reply::Passes, 6),
    ] {
        let timeout = Duration::from_secs(seconds);
        let next = bench.schedule.next(bench.now);
        let at = match next {
            Next::Wait { until } => until,
            Next::Attempt { .. } => bench.now,
        };
        let service = 0;
        assert_eq!(
            bench.schedule.next(at),
            Next::Attempt {
                service,
                timeout,
                depth: Depth::Whole
            },
            "{seconds}"
        );
        bench.attempt(reply);
    }
}

#[test]
fn without_rapid_rounds_the_third_failure_in_a_row_is_enough() {
    let rapid = Rapid {
        rapid_rounds: 0,
        ..RAPID
    };
    let mut bench = Bench::new(with(rapid), 1);
    let verdict = bench.check(&[Reply::Refuses; 3], &[(0, 0), (10_000, 0), (20_000, 0)]);
    assert!(failed(verdict));
}

#[test]
fn a_rapid_round_without_enough_failures_starts_the_count_again() {
    let mut bench = Bench::new(PACE, 2);
    for _ in 0..2 {
        bench.attempt(Reply::Refuses);
        bench.attempt(Reply::Passes);
    }
    bench.attempt(Reply::Refuses);
    for attempt in 0..10 {
        let reply = match attempt {
            0..=5 => Reply::Refuses,
            _ => Reply::Passes,
        };
        assert_eq!(bench.attempt(reply).1, 0, "of that service alone");
        assert_eq!(bench.schedule.rise_and_fall.standing(), Standing::Open);
    }
    let (_, service, verdict) = bench.attempt(Reply::Passes);
    assert_eq!((service, verdict), (1, None), "not a good poll either");
    for poll in 3..5 {
        let began = poll * 10_000;
        assert_eq!(bench.attempt(Reply::Refuses), (began, 0, None));
        assert_eq!(bench.attempt(Reply::Passes), (began, 1, None));
    }
    assert_eq!(bench.attempt(Reply::Refuses), (50_000, 0, None));
    assert_eq!(bench.attempt(Reply::Refuses), (50_000, 0, None), "rapid");
}

#[test]
fn failures_are_counted_for_each_service_and_keep_none_from_being_tried() {
    let mut bench = Bench::new(PACE, 2);
    let (passes, refuses) = (Reply::Passes, Reply::Refuses);
    let polls = [[refuses, refuses], [refuses, refuses], [passes, refuses]];
    for [first, second] in polls {
        assert_eq!(bench.attempt(first).1, 0);
        assert_eq!(bench.attempt(second).1, 1);
    }
    for _ in 0..7 {
        let (began, service, verdict) = bench.attempt(Reply::Refuses);
        assert_eq!((began, service), (20_010, 1), "its rapid round");
        if failed(verdict) {
            return;
        }
    }
    panic!("seven failed rapid attempts are enough");
}

#[test]
fn a_poll_longer_than_the_interval_is_followed_at_the_next_multiple() {
    let mut bench = Bench::new(PACE, 3);
    let hangs = |bench: &mut Bench| bench.attempt(Reply::Hangs).0;
    assert_eq!([0; 3].map(|_| hangs(&mut bench)), [0, 3000, 6000]);
    assert_eq!([0; 3].map(|_| hangs(&mut bench)), [10_000, 16_000, 22_000]);
    assert_eq!(hangs(&mut bench), 30_000, "28 s are over 20 s");
}

#[test]
fn a_poll_as_long_as_the_interval_is_followed_at_once() {
    let pace = Pace {
        interval: Duration::from_secs(3),
        ..PACE
    };
    let mut bench = Bench::new(pace, 1);
    let verdict = bench.check(
        &[Reply::Hangs, Reply::Hangs, Reply::Passes],
        &[(0, 0), (3000, 0), (9000, 0)],
    );
    assert!(healthy(verdict));
}

#[test]
fn a_failed_backend_is_polled_once_an_interval_and_up_after_the_first_good_poll() {
    let mut bench = dead_backend(2);
    for poll in [30_000, 40_000] {
        let (began, service, verdict) = bench.attempt(Reply::Hangs);
        assert_eq!((began, service), (poll, 0));
        assert!(failed(verdict));
        assert_eq!(
            (bench.now - bench.start).as_millis() - poll,
            3000,
            "no time-out is added any more"
        );
    }
    assert_eq!(bench.attempt(Reply::Passes), (50_000, 0, None));
    assert!(failed(bench.attempt(Reply::Refuses).2), "all must pass");
    assert_eq!(bench.attempt(Reply::Passes), (60_000, 0, None));
    assert!(healthy(bench.attempt(Reply::Passes).2));
    assert_eq!(bench.attempt(Reply::Refuses), (70_000, 0, None), "counted");
}

#[test]
fn faults_of_the_monitors_own_count_neither_in_a_poll_nor_in_a_rapid_round() {
    let mut bench = Bench::new(PACE, 1);
    let own = Reply::LacksDescriptors;
    assert_eq!(bench.attempt(own), (0, 0, None));
    assert_eq!(bench.attempt(Reply::Refuses), (1000, 0, None));
    assert_eq!(bench.attempt(Reply::Refuses), (10_000, 0, None));
    assert_eq!(bench.attempt(own), (20_000, 0, None));
    assert_eq!(bench.attempt(Reply::Refuses), (21_000, 0, None));
    for _ in 0..6 {
        assert_eq!(bench.attempt(Reply::Refuses), (21_000, 0, None));
    }
    assert_eq!(bench.attempt(own), (21_000, 0, None));
    let (began, _, verdict) = bench.attempt(Reply::Refuses);
    assert_eq!(began, 22_000);
    assert!(failed(verdict));
}

#[test]
fn a_lasting_fault_of_this_machine_leaves_a_service_out_of_polls_and_rapid_rounds() {
    let mut bench = Bench::new(PACE, 2);
    let refuses = Reply::Refuses;
    for poll in [0, 10_000] {
        assert_eq!(bench.attempt(refuses), (poll, 0, None));
        assert_eq!(bench.attempt(Reply::Passes), (poll, 1, None));
    }
    assert_eq!(bench.attempt(refuses), (20_000, 0, None));
    assert_eq!(bench.attempt(refuses), (20_000, 0, None), "rapid");
    for began in [20_000, 21_000, 22_000, 23_000] {
        assert_eq!(bench.attempt(LOCAL), (began, 0, None));
    }
    let (began, service, verdict) = bench.attempt(Reply::Passes);
    assert_eq!(
        (began, service, verdict),
        (23_000, 1, None),
        "it had failed"
    );
    // What was counted stands, and says nothing: the next poll is judged by the other service.
    assert_eq!(bench.attempt(LOCAL), (30_000, 0, None));
    assert!(healthy(bench.attempt(Reply::Passes).2));
    assert_eq!(bench.attempt(refuses), (40_000, 0, None));
    assert_eq!(bench.attempt(refuses), (40_000, 0, None), "rapid at once");
}

#[test]
fn a_failed_backend_comes_up_by_the_services_that_are_not_left_out() {
    let mut bench = dead_backend(2);
    for _ in 0..3 {
        assert_eq!(
            bench.attempt(LOCAL),
            ((bench.now - bench.start).as_millis().max(30_000), 0, None)
        );
        bench.now += Duration::from_secs(1);
    }
    assert_eq!(bench.attempt(LOCAL).2, None);
    assert!(
        failed(bench.attempt(Reply::Refuses).2),
        "by its other service"
    );
    assert_eq!(bench.attempt(LOCAL).2, None);
    assert!(healthy(bench.attempt(Reply::Passes).2));
}

#[test]
fn a_demand_between_polls_starts_one_at_once_and_the_interval_anew() {
    let mut bench = Bench::new(PACE, 1);
    assert!(healthy(bench.attempt(Reply::Passes).2));
    bench.now += Duration::from_secs(4);
    bench.schedule.on_demand(bench.now);
    assert_eq!(bench.attempt(Reply::Passes).0, 4010);
    assert_eq!(bench.attempt(Reply::Passes).0, 14_010);
}

#[test]
fn a_demand_after_a_poll_that_showed_nothing_waits_a_second_from_its_start() {
    let mut bench = Bench::new(PACE, 1);
    assert_eq!(bench.attempt(Reply::Refuses), (0, 0, None));
    bench.schedule.on_demand(bench.now);
    assert_eq!(bench.attempt(Reply::Refuses), (1000, 0, None));
    bench.schedule.on_demand(bench.now);
    assert!(healthy(bench.attempt(Reply::Passes).2));
    bench.schedule.on_demand(bench.now);
    assert_eq!(
        bench.attempt(Reply::Passes).0,
        2010,
        "and after a verdict not at all"
    );
}

#[test]
fn a_demand_within_a_poll_is_met_by_a_failure_begun_since() {
    let mut bench = Bench::new(PACE, 2);
    assert_eq!(bench.attempt(Reply::Passes), (0, 0, None));
    bench.schedule.on_demand(bench.now);
    assert_eq!(bench.attempt(Reply::Refuses), (10, 1, None));
    assert_eq!(bench.attempt(Reply::Passes), (10_000, 0, None));
    bench.schedule.on_demand(bench.now);
    assert!(healthy(bench.attempt(Reply::Passes).2));
    assert_eq!(
        bench.attempt(Reply::Passes).0,
        10_020,
        "the poll began before"
    );
}

#[test]
fn fall_counts_rounds_that_failed_and_a_rapid_round_each() {
    let pace = Pace {
        fall: 2,
        ..with(Rapid {
            rapid_fails_needed: 1,
            ..RAPID
        })
    };
    let mut bench = Bench::new(pace, 1);
    let replies = [Reply::Refuses; 7];
    let times = [0, 10, 20, 20, 21, 22, 23].map(|second| (second * 1000, 0));
    assert_eq!(bench.check(&replies, &times), None, "the first of two");
    assert!(failed(bench.attempt(Reply::Refuses).2));
    assert_eq!(bench.attempt(Reply::Passes).0, 33_000);
}

#[test]
fn with_fall_the_failures_of_the_rounds_that_have_to_fail_are_left_too() {
    let pace = Pace {
        fall: 2,
        ..with(Rapid {
            rapid_fails_needed: 1,
            ..RAPID
        })
    };
    let mut bench = Bench::new(pace, 1);
    // After the last failure of a rapid round nothing is being tried again.
    let expected = [Some(7), Some(6), Some(5), None, Some(3), Some(2), Some(1)];
    for left in expected {
        assert_eq!(bench.attempt(Reply::Refuses).2, None);
        assert_eq!(bench.schedule.retry().map(|retry| retry.left), left);
    }
    assert!(failed(bench.attempt(Reply::Refuses).2));
}

/// Two polls were refused, and then it died: a dead port needs three polls of its own.
#[test]
fn the_failures_that_are_left_are_those_of_a_series_of_one_kind_of_fault() {
    let mut bench = Bench::new(PACE, 1);
    for (result, left) in [
        (refused(), 9),
        (refused(), 8),
        (gone(), 9),
        (gone(), 8),
        (gone(), 7),
    ] {
        bench.comes_to(result);
        assert_eq!(bench.schedule.retry().unwrap().left, left);
    }
}

/// A poll in which the second service fails, and not for good, does not end the series of rounds.
#[test]
fn beside_a_refused_login_fall_counts_the_rounds_of_another_service() {
    let pace = Pace {
        fall: 2,
        ..with(Rapid {
            rapid_fails_needed: 1,
            ..RAPID
        })
    };
    let certificate: fn() -> Result<Pass, Failure> = || Err(certificate_refused());
    for (of_the_second, failures) in [(gone as fn() -> _, 8), (certificate, 8)] {
        let mut bench = Bench::new(pace, 2);
        bench.is_refused_at_the_first();
        let mut failed = 0;
        loop {
            let finding = match bench.wait() {
                (0, _) => bench.comes_to(refused()),
                _ => bench.comes_to(of_the_second()),
            };
            failed += finding.service;
            if finding.service == 1 && finding.for_good {
                break;
            }
            // Four failures are the first round, and the next poll neither takes that back nor is the second.
            assert!(failed < 4 || finding.verdict.is_none(), "{failed}");
            assert!(failed < 40, "it never fails for good");
        }
        assert_eq!(failed, failures);
    }
}

#[test]
fn rise_counts_good_polls_at_a_faster_pace() {
    let mut bench = dead_backend(1);
    bench.schedule.pace.rise = 3;
    assert_eq!(bench.attempt(Reply::Passes), (30_000, 0, None));
    assert_eq!(bench.attempt(Reply::Passes), (31_000, 0, None));
    let (began, _, verdict) = bench.attempt(Reply::Passes);
    assert_eq!(began, 32_000);
    assert!(healthy(verdict));
    assert_eq!(bench.attempt(Reply::Passes).0, 42_000);
}

#[test]
fn only_the_first_rest_is_spread() {
    let mut seconds = Vec::new();
    for seed in 1..=200_u64 {
        let mut bench = Bench::new(PACE, 1);
        bench.schedule.spread = Spread::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        assert_eq!(bench.attempt(Reply::Refuses).0, 0);
        let second = bench.attempt(Reply::Passes).0;
        for poll in 1..4 {
            assert_eq!(bench.attempt(Reply::Passes).0, second + poll * 10_000);
        }
        seconds.push(second);
    }
    for quarter in 0..4 {
        let range = quarter * 2500..(quarter + 1) * 2500;
        let within = seconds.iter().filter(|at| range.contains(*at)).count();
        assert!((25..=80).contains(&within), "{within} of 200 in {range:?}");
    }
}

#[test]
fn another_plan_begins_the_round_anew_and_keeps_the_verdict() {
    let mut bench = dead_backend(1);
    bench.schedule.on_settings(super::PACE, 1);
    let (began, _, verdict) = bench.attempt(Reply::Refuses);
    assert_eq!(began, 30_000);
    assert!(failed(verdict));
    bench.schedule.on_settings(PACE, 1);
    assert_eq!(bench.attempt(Reply::Passes).0, 40_000, "10 s, not 30");
    bench.attempt(Reply::Refuses);
    bench.attempt(Reply::Refuses);
    bench.schedule.on_settings(super::PACE, 1);
    bench.schedule.on_settings(PACE, 1);
    for _ in 0..3 {
        assert_eq!(bench.attempt(Reply::Refuses).2, None, "counted anew");
    }
}

/// What the plan says, in other words than the schedule has for it.
struct Model {
    rapid: Rapid,
    counts: Vec<u32>,
    /// Attempts and failures of the rapid round under way.
    burst: Option<(u32, u32)>,
    service: usize,
    /// Of the poll under way.
    failures: u32,
    passes: u32,
    has_failed: bool,
    left_out: LeftOut,
}

impl Model {
    fn on_reply(&mut self, reply: Reply, now: Instant) -> Option<bool> {
        let is_left_out = self.left_out.on_reply(self.service, reply, now);
        let fails = match reply {
            Reply::LacksDescriptors if is_left_out => {
                self.burst = None;
                return self.go_on(false);
            }
            Reply::LacksDescriptors => return None,
            Reply::Passes => false,
            Reply::Refuses | Reply::Hangs => true,
        };
        self.failures += u32::from(fails);
        self.passes += u32::from(!fails);
        let mut for_good = fails && self.has_failed;
        let mut goes_on = false;
        match (&mut self.burst, fails) {
            (Some((attempts, failures)), _) => {
                *attempts += 1;
                *failures += u32::from(fails);
                let hangs = matches!(reply, Reply::Hangs);
                for_good = hangs
                    || *failures == self.rapid.rapid_fails_needed.min(self.rapid.rapid_rounds);
                goes_on = *attempts < self.rapid.rapid_rounds;
            }
            (None, true) if !for_good => {
                self.counts[self.service] += 1;
                let enough = self.counts[self.service] == self.rapid.retry_count;
                goes_on = enough && self.rapid.rapid_rounds > 0;
                for_good = enough && !goes_on;
                if goes_on {
                    self.burst = Some((0, 0));
                }
            }
            _ => {}
        }
        if !for_good && goes_on {
            return None;
        }
        let of_burst = self.burst.take().is_some();
        if of_burst || !fails {
            self.counts[self.service] = 0;
        }
        self.go_on(for_good)
    }

    fn go_on(&mut self, for_good: bool) -> Option<bool> {
        self.service += 1;
        if !for_good && self.service < self.counts.len() {
            return None;
        }
        let good = self.failures == 0 && self.passes > 0;
        self.service = 0;
        self.failures = 0;
        self.passes = 0;
        if for_good {
            self.counts.fill(0);
        }
        self.has_failed = for_good || (self.has_failed && !good);
        (for_good || good).then_some(good)
    }
}

#[test]
fn any_list_of_replies_and_demands_follows_the_plan() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = move |sides: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % sides
    };
    let mut verdicts = [0; 2];
    for _ in 0..300 {
        let services = 1 + dice(3) as usize;
        let rapid = Rapid {
            retry_count: 1 + dice(3) as u32,
            rapid_rounds: dice(5) as u32,
            rapid_fails_needed: 1 + dice(5) as u32,
            rapid_timeout: Duration::from_secs(2),
        };
        let mut bench = Bench::new(with(rapid), services);
        let mut model = Model {
            rapid,
            counts: vec![0; services],
            burst: None,
            service: 0,
            failures: 0,
            passes: 0,
            has_failed: false,
            left_out: LeftOut::new(services),
        };
        let badness = 1 + dice(4);
        for _ in 0..200 {
            if dice(8) == 0 {
                bench.schedule.on_demand(bench.now);
            }
            let reply = match dice(5) {
                roll if roll >= badness => Reply::Passes,
                0 => Reply::Hangs,
                1 => Reply::LacksDescriptors,
                _ => Reply::Refuses,
            };
            let expected = model.service;
            let (_, service, verdict) = bench.attempt(reply);
            assert_eq!(service, expected);
            let verdict = verdict.map(|verdict| matches!(verdict, Verdict::Healthy(_)));
            assert_eq!(verdict, model.on_reply(reply, bench.now));
            if let Some(healthy) = verdict {
                verdicts[usize::from(healthy)] += 1;
            }
        }
    }
    assert!(verdicts.iter().all(|count| *count > 1000), "{verdicts:?}");
}

#[test]
fn a_shorter_interval_takes_effect_at_once() {
    let mut bench = Bench::new(PACE, 1);
    assert!(healthy(bench.attempt(Reply::Passes).2));
    let interval = Duration::from_secs(4);
    bench.schedule.on_settings(Pace { interval, ..PACE }, 1);
    assert_eq!(bench.attempt(Reply::Passes).0, 4000);
    assert_eq!(bench.attempt(Reply::Passes).0, 8000);
}

#[test]
fn where_fewer_attempts_are_made_than_are_to_fail_all_have_to() {
    let rapid = Rapid {
        rapid_rounds: 2,
        ..RAPID
    };
    let mut bench = Bench::new(with(rapid), 1);
    let times = [0, 10, 20, 20, 20].map(|second| (second * 1000, 0));
    assert!(failed(bench.check(&[Reply::Refuses; 5], &times)));
}

#[test]
fn a_service_that_fails_from_poll_to_poll_has_so_many_failures_left() {
    let mut bench = Bench::new(PACE, 2);
    bench.attempt(Reply::Passes);
    let retry = |failed, left| {
        Some(Retry {
            service: 1,
            failed,
            left,
        })
    };
    for (failed, left) in [(1, 9), (2, 8)] {
        bench.attempt(Reply::Refuses);
        assert_eq!(bench.schedule.retry(), retry(failed, left));
        bench.attempt(Reply::Passes);
        assert_eq!(
            bench.schedule.retry(),
            retry(failed, left),
            "another's turn"
        );
    }
    // The third failed poll begins the rapid round.
    bench.attempt(Reply::Refuses);
    assert_eq!(bench.schedule.retry(), retry(3, 7));
    bench.attempt(Reply::Refuses);
    assert_eq!(bench.schedule.retry(), retry(4, 6));
    bench.attempt(Reply::Passes);
    assert_eq!(bench.schedule.retry(), retry(4, 6));
    for _ in 0..6 {
        bench.attempt(Reply::Refuses);
    }
    assert_eq!(bench.schedule.retry(), None, "it has failed");
}

fn refused() -> Result<Pass, Failure> {
    Err(login_refused())
}

fn gone() -> Result<Pass, Failure> {
    Err(dead())
}

/// Gives these results, at once each, until there is a verdict. Returns how many it took, and whose fault it is.
fn judged(results: impl IntoIterator<Item = Result<Pass, Failure>>) -> (usize, Blame) {
    let mut bench = Bench::new(PACE, 1);
    for (number, result) in (1..).zip(results) {
        if let Some(Verdict::Failed { failure, .. }) = bench.comes_to(result).verdict {
            return (number, failure.fault.blame());
        }
    }
    panic!("no verdict");
}

/// One that refuses the connection does not get past the login either.
#[test]
fn by_turns_dead_and_refused_is_a_series_of_refusals() {
    let turns = |first: usize| (first..).map(|turn| [gone, refused][turn % 2]());
    for first in 0..2 {
        let (failures, blame) = judged(turns(first).take(40));
        assert_eq!(blame, Blame::Shared);
        // Three polls that end with a refusal, and so seven rapid attempts.
        assert!((11..=12).contains(&failures), "{failures}");
    }
}

/// A refused password in a rapid round for a dead port is no failure of that series: the round goes on.
#[test]
fn a_dead_port_needs_a_series_of_its_own_among_refused_passwords() {
    let mut bench = Bench::new(PACE, 1);
    for _ in 0..4 {
        bench.attempt(Reply::Refuses);
    }
    let left = |bench: &Bench| bench.schedule.retry().unwrap().left;
    assert_eq!(left(&bench), 6);
    bench.comes_to(refused());
    bench.attempt(Reply::Refuses);
    assert_eq!(left(&bench), 5);

    // Three refusals begin a rapid round; then it is dead. One that hangs is a fault of its own no sooner.
    let hangs = || Err(Failure::new(Stage::Greeting, Fault::TimedOut));
    for of_its_own in [gone, hangs] {
        let results = (0..40).map(|number| match number < 4 {
            true => refused(),
            false => of_its_own(),
        });
        let (failures, blame) = judged(results);
        assert_eq!((failures, blame), (4 + 7, Blame::Service));
    }
}

/// Nor is one delayed refusal among others.
#[test]
fn what_was_refused_and_then_dies_has_failed_by_refusals_until_the_series_is_long_enough() {
    let results = (0..40).map(|number| match number {
        3..=5 | 7 | 8 => gone(),
        _ => refused(),
    });
    assert_eq!(judged(results), (3 + 7, Blame::Shared));
}

/// The poll goes on where a password is refused for good, and ends at a dead port.
#[test]
fn what_fails_for_good_takes_back_the_counts_of_others_only_where_it_ends_the_poll() {
    let rapid = Rapid {
        retry_count: 2,
        rapid_rounds: 0,
        ..RAPID
    };
    for (fault, left) in [(refused(), Some(1)), (gone(), None)] {
        let mut bench = Bench::new(with(rapid), 2);
        // The first poll: the second service fails once.
        bench.comes_to(Ok(Pass::Clean));
        bench.comes_to(fault.clone());
        // The second: the first fails once, the second for good.
        bench.comes_to(gone());
        assert!(bench.comes_to(fault).for_good);
        let retry = bench.schedule.retry();
        let retry = retry.map(|retry| (retry.service, retry.failed));
        assert_eq!(retry, left.map(|failed| (0, failed)));
    }
}

#[test]
fn in_a_rapid_round_so_many_failures_are_left_as_the_latest_kind_of_fault_needs() {
    let mut bench = Bench::new(PACE, 1);
    for _ in 0..4 {
        bench.comes_to(refused());
    }
    for left in (1..=6).rev() {
        bench.comes_to(gone());
        assert_eq!(bench.schedule.retry().unwrap().left, left);
    }
    assert!(bench.comes_to(gone()).verdict.is_some());
}

/// The third poll in a row that fails by a fault of the service's own is followed by a rapid round, at once.
#[test]
fn a_refused_login_among_polls_begins_the_count_of_a_ports_own_fault_anew() {
    let mut bench = Bench::new(PACE, 1);
    let results = [gone(), refused(), gone(), gone(), gone(), gone()];
    let began = results.map(|result| {
        bench.wait();
        let began = (bench.now - bench.start).as_secs();
        bench.ends(Duration::ZERO, result);
        began
    });
    assert_eq!(began, [0, 10, 20, 30, 40, 40]);
}

#[test]
fn fewer_polls_than_have_failed_leave_one_and_its_rapid_round() {
    let mut bench = Bench::new(PACE, 1);
    bench.attempt(Reply::Refuses);
    bench.attempt(Reply::Refuses);
    let fewer = with(Rapid {
        retry_count: 1,
        ..RAPID
    });
    bench.schedule.on_settings(fewer, 1);
    assert_eq!(bench.schedule.retry().unwrap().left, 1 + 7);
    bench.attempt(Reply::Refuses);
    for _ in 0..3 {
        bench.attempt(Reply::Refuses);
    }
    let fewer = with(Rapid {
        rapid_fails_needed: 2,
        ..RAPID
    });
    bench.schedule.on_settings(fewer, 1);
    assert_eq!(bench.schedule.retry().unwrap().left, 1);
    assert!(failed(bench.attempt(Reply::Refuses).2));
}
