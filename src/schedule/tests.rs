//! The schedule over made-up time: tables of outcomes, and when which attempt follows.

mod left_out;
mod logins;
mod rapid;
mod settings;
mod shared;

use super::*;
use crate::config::settings::{Rapid, Retries};
use crate::outcome::{BadCertificate, Fault, Stage};
use crate::quote::Quote;

const PACE: Pace = Pace {
    interval: Duration::from_secs(30),
    login_interval: Duration::ZERO,
    timeout: Duration::from_secs(5),
    plan: retrying(4),
    rise: 1,
    fall: 1,
};

/// dovemon's documented defaults.
const RAPID: Rapid = Rapid {
    retry_count: 3,
    rapid_rounds: 10,
    rapid_fails_needed: 7,
    rapid_timeout: Duration::from_secs(2),
};

const fn retrying(retries: u32) -> Plan {
    Plan::Retries(Retries {
        retries,
        retry_delay: Duration::from_secs(3),
    })
}

/// A backend in a table: how long each attempt takes and what it gives.
#[derive(Clone, Copy)]
enum Reply {
    Passes,
    Refuses,
    Hangs,
    LacksDescriptors,
}

struct Bench {
    schedule: Schedule,
    start: Instant,
    now: Instant,
}

impl Bench {
    fn new(pace: Pace, services: usize) -> Bench {
        let start = Instant::now();
        Bench {
            schedule: Schedule::new(pace, services, Spread::new(0), start),
            start,
            now: start,
        }
    }

    /// Waits for the next attempt and gives it this reply. Returns the millisecond at which it
    /// began, its service, and the verdict.
    fn attempt(&mut self, reply: Reply) -> (u128, usize, Option<Verdict>) {
        let (service, timeout) = self.wait();
        let (latency, result) = match reply {
            Reply::Passes => (Duration::from_millis(10), Ok(Pass::Clean)),
            Reply::Refuses => (
                Duration::ZERO,
                Err(Failure::new(Stage::Connect, Fault::Refused)),
            ),
            Reply::Hangs => (timeout, Err(Failure::new(Stage::Greeting, Fault::TimedOut))),
            Reply::LacksDescriptors => (
                Duration::ZERO,
                Err(Failure::new(Stage::Prepare, Fault::NoDescriptors)),
            ),
        };
        let began = self.now;
        let finding = self.ends(latency, result);
        assert_eq!(finding.service, service);
        ((began - self.start).as_millis(), service, finding.verdict)
    }

    /// Until the next attempt is due.
    fn wait(&mut self) -> (usize, Duration) {
        loop {
            match self.schedule.next(self.now) {
                Next::Attempt {
                    service, timeout, ..
                } => return (service, timeout),
                Next::Wait { until } => {
                    assert!(until > self.now, "a wait must lie ahead");
                    self.now = until;
                }
            }
        }
    }

    /// The attempt that is due ends so.
    fn ends(&mut self, latency: Duration, result: Result<Pass, Failure>) -> Finding {
        let began = self.now;
        self.now += latency;
        let finding = self
            .schedule
            .on_outcome(Outcome::new(began, latency, result));
        check_local(&finding);
        finding
    }

    /// The next attempt ends so, at once.
    fn comes_to(&mut self, result: Result<Pass, Failure>) -> Finding {
        self.wait();
        self.ends(Duration::ZERO, result)
    }

    /// Rounds in which the login of the first service is refused and the others pass, until there is a verdict.
    fn is_refused_at_the_first(&mut self) {
        loop {
            let result = match self.wait() {
                (0, _) => Err(login_refused()),
                _ => Ok(Pass::Clean),
            };
            if self.ends(Duration::ZERO, result).verdict.is_some() {
                return;
            }
        }
    }

    /// Runs the replies and compares when each attempt began and on which service.
    fn check(&mut self, replies: &[Reply], expected: &[(u128, usize)]) -> Option<Verdict> {
        let mut last = None;
        for (i, (reply, (began, service))) in replies.iter().zip(expected).enumerate() {
            assert!(last.is_none(), "a verdict before attempt {i}");
            let seen = self.attempt(*reply);
            assert_eq!((seen.0, seen.1), (*began, *service), "attempt {i}");
            last = seen.2;
        }
        last
    }
}

/// No fault of this machine is one of a backend.
fn check_local(finding: &Finding) {
    if let Err(failure) = &finding.outcome.result {
        assert!(failure.fault.blame() != Blame::Local || !finding.for_good);
    }
}

fn login_refused() -> Failure {
    Failure::new(Stage::Login, Fault::CredentialsRefused(Quote::new("no")))
}

fn certificate_refused() -> Failure {
    let fault = Fault::CertificateRefused(Box::new(BadCertificate::new("expired", "mail.example")));
    Failure::new(Stage::Tls, fault)
}

fn dead() -> Failure {
    Failure::new(Stage::Connect, Fault::Refused)
}

fn failed(verdict: Option<Verdict>) -> bool {
    matches!(verdict, Some(Verdict::Failed { .. }))
}

fn healthy(verdict: Option<Verdict>) -> bool {
    verdict == Some(Verdict::Healthy(Pass::Clean))
}

#[test]
fn a_backend_whose_password_is_refused_dies_by_a_whole_series() {
    let mut bench = Bench::new(PACE, 1);
    for _ in 0..5 {
        bench.comes_to(Err(login_refused()));
    }
    let times = [34_500, 37_500, 38_000, 38_500, 39_000].map(|at| (at, 0));
    assert!(failed(bench.check(&[Reply::Refuses; 5], &times)));
}

#[test]
fn a_remark_of_one_service_outlasts_the_passes_of_the_others() {
    let remark = Pass::PlaintextDisabled;
    for passes in [[remark, Pass::Clean], [Pass::Clean, remark]] {
        let mut bench = Bench::new(PACE, 2);
        let verdicts = passes.map(|pass| {
            bench.wait();
            bench.ends(Duration::ZERO, Ok(pass)).verdict
        });
        assert_eq!(verdicts, [None, Some(Verdict::Healthy(remark))]);
    }
}

/// Its period is known, and long, for these shifts alone (Marsaglia 2003); the numbers are of another program.
#[test]
fn chance_is_xorshift64_by_13_7_and_17() {
    let mut spread = Spread::new(1);
    let rolled = [(); 4].map(|()| spread.roll().unwrap());
    let numbers: [u64; 4] = [
        1082269761,
        1152992998833853505,
        11177516664432764457,
        17678023832001937445,
    ];
    assert_eq!(
        rolled,
        numbers.map(|number| (number >> 11) as f64 / 2_f64.powi(53))
    );
}

#[test]
fn a_refusing_port_is_tried_after_3_s_and_then_every_half_second() {
    let mut bench = Bench::new(PACE, 2);
    let verdict = bench.check(
        &[Reply::Refuses; 5],
        &[(0, 0), (3000, 0), (3500, 0), (4000, 0), (4500, 0)],
    );
    assert!(failed(verdict));
}

#[test]
fn a_frozen_port_has_failed_for_good_after_29_and_a_half_seconds() {
    let mut bench = Bench::new(PACE, 2);
    let verdict = bench.check(
        &[Reply::Hangs; 5],
        &[(0, 0), (8000, 0), (13500, 0), (19000, 0), (24500, 0)],
    );
    assert!(failed(verdict));
    assert_eq!((bench.now - bench.start).as_millis(), 29500);
}

#[test]
fn one_success_among_the_retries_is_enough() {
    let mut bench = Bench::new(PACE, 1);
    let verdict = bench.check(
        &[
            Reply::Refuses,
            Reply::Refuses,
            Reply::Refuses,
            Reply::Refuses,
            Reply::Passes,
        ],
        &[(0, 0), (3000, 0), (3500, 0), (4000, 0), (4500, 0)],
    );
    assert!(healthy(verdict));
}

#[test]
fn all_services_are_checked_in_order_and_the_interval_counts_from_the_end() {
    let mut bench = Bench::new(PACE, 3);
    let replies = [Reply::Passes; 3];
    assert!(healthy(bench.check(&replies, &[(0, 0), (10, 1), (20, 2)])));
    assert!(healthy(
        bench.check(&replies, &[(30030, 0), (30040, 1), (30050, 2)])
    ));
}

#[test]
fn the_first_failed_port_decides() {
    let mut bench = Bench::new(
        Pace {
            plan: retrying(0),
            ..PACE
        },
        3,
    );
    let verdict = bench.check(&[Reply::Passes, Reply::Refuses], &[(0, 0), (10, 1)]);
    assert!(failed(verdict));
    assert_eq!(bench.attempt(Reply::Passes).0, 30010);
}

#[test]
fn retries_are_counted_for_each_service_anew() {
    let mut bench = Bench::new(PACE, 2);
    let verdict = bench.check(
        &[
            Reply::Refuses,
            Reply::Refuses,
            Reply::Passes,
            Reply::Refuses,
            Reply::Passes,
        ],
        &[(0, 0), (3000, 0), (3500, 0), (3510, 1), (6510, 1)],
    );
    assert!(healthy(verdict));
}

#[test]
fn a_backend_that_has_failed_is_tried_once_a_round() {
    let mut bench = Bench::new(PACE, 1);
    for _ in 0..4 {
        bench.attempt(Reply::Refuses);
    }
    assert!(failed(bench.attempt(Reply::Refuses).2));
    let (began, _, verdict) = bench.attempt(Reply::Refuses);
    assert_eq!(began, 34500);
    assert!(failed(verdict));
    assert!(healthy(bench.attempt(Reply::Passes).2));
    assert!(bench.attempt(Reply::Refuses).2.is_none());
}

#[test]
fn a_fault_of_the_monitors_own_counts_for_nothing() {
    let mut bench = Bench::new(
        Pace {
            plan: retrying(0),
            ..PACE
        },
        1,
    );
    let verdict = bench.check(
        &[
            Reply::LacksDescriptors,
            Reply::LacksDescriptors,
            Reply::LacksDescriptors,
            Reply::Passes,
        ],
        &[(0, 0), (1000, 0), (2000, 0), (3000, 0)],
    );
    assert!(healthy(verdict));
}

#[test]
fn a_demand_between_rounds_starts_one_at_once() {
    let mut bench = Bench::new(PACE, 1);
    bench.attempt(Reply::Passes);
    let until = bench.now + PACE.interval;
    assert_eq!(bench.schedule.next(bench.now), Next::Wait { until });
    bench.now += Duration::from_secs(7);
    bench.schedule.on_demand(bench.now);
    assert_eq!(bench.attempt(Reply::Passes).0, 7010);
    assert_eq!(bench.attempt(Reply::Passes).0, 37020);
}

#[test]
fn a_demand_within_a_healthy_round_is_met_by_another_round() {
    let mut bench = Bench::new(PACE, 2);
    bench.attempt(Reply::Passes);
    bench.schedule.on_demand(bench.now);
    assert!(healthy(bench.attempt(Reply::Passes).2));
    assert_eq!(bench.attempt(Reply::Passes), (20, 0, None));
    assert!(healthy(bench.attempt(Reply::Passes).2));
    assert_eq!(
        bench.attempt(Reply::Passes).0,
        30040,
        "asked once, met once"
    );
}

#[test]
fn demands_without_end_begin_eight_rounds_at_once_and_then_one_a_second() {
    for (services, while_it_checks) in [(1, false), (2, false), (2, true)] {
        let mut bench = Bench::new(PACE, services);
        let mut rounds = Vec::new();
        while bench.now < bench.start + Duration::from_secs(25) {
            for service in 0..services {
                let began = bench.attempt(Reply::Passes).0;
                if service == 0 {
                    rounds.push(began / 1000);
                }
                let is_last = service + 1 == services;
                if is_last != while_it_checks {
                    bench.schedule.on_demand(bench.now);
                }
            }
        }
        // The first was due.
        let of_the_second = |second| rounds.iter().filter(|began| **began == second).count();
        assert_eq!(of_the_second(0), 1 + 8, "{rounds:?}");
        for second in 1..20 {
            assert_eq!(of_the_second(second), 1, "{rounds:?}");
        }
    }
}

/// As a failure long before asks for nothing now.
#[test]
fn a_round_that_is_due_lets_the_next_be_asked_for_at_once_again() {
    let mut bench = Bench::new(PACE, 1);
    for _ in 0..20 {
        bench.attempt(Reply::Passes);
        bench.schedule.on_demand(bench.now);
    }
    bench.attempt(Reply::Passes);
    let due = bench.attempt(Reply::Passes).0;
    bench.schedule.on_demand(bench.now);
    assert_eq!(bench.attempt(Reply::Passes).0, due + 10);
}

#[test]
fn a_demand_does_not_hasten_the_retries() {
    let mut bench = Bench::new(PACE, 1);
    bench.attempt(Reply::Refuses);
    bench.now += Duration::from_secs(1);
    bench.schedule.on_demand(bench.now);
    let verdict = bench.check(
        &[Reply::Refuses; 4],
        &[(3000, 0), (3500, 0), (4000, 0), (4500, 0)],
    );
    assert!(failed(verdict));
    assert_eq!(
        bench.attempt(Reply::Refuses).0,
        34500,
        "the last attempt began after the demand and has met it"
    );
}

#[test]
fn a_demand_on_a_failed_backend_costs_one_attempt() {
    let mut bench = Bench::new(PACE, 2);
    for _ in 0..5 {
        bench.attempt(Reply::Refuses);
    }
    bench.schedule.on_demand(bench.now);
    let (began, _, verdict) = bench.attempt(Reply::Refuses);
    assert_eq!(began, 4500);
    assert!(failed(verdict));
}

#[test]
fn fall_counts_rounds_in_a_row_at_a_faster_pace() {
    let mut bench = Bench::new(
        Pace {
            plan: retrying(0),
            fall: 3,
            ..PACE
        },
        1,
    );
    assert!(healthy(bench.attempt(Reply::Passes).2));
    for began in [30010, 33010] {
        assert_eq!(bench.attempt(Reply::Refuses), (began, 0, None));
    }
    assert!(healthy(bench.attempt(Reply::Passes).2), "in a row");
    for began in [66020, 69020] {
        assert_eq!(bench.attempt(Reply::Refuses), (began, 0, None));
    }
    assert!(failed(bench.attempt(Reply::Refuses).2));
    let (began, _, verdict) = bench.attempt(Reply::Refuses);
    assert!(failed(verdict));
    assert_eq!(began, 102_020, "the pace is the usual one again");
}

#[test]
fn rise_counts_rounds_in_a_row_at_a_faster_pace() {
    let mut bench = Bench::new(
        Pace {
            plan: retrying(0),
            rise: 2,
            ..PACE
        },
        1,
    );
    assert!(failed(bench.attempt(Reply::Refuses).2));
    assert_eq!(bench.attempt(Reply::Passes), (30000, 0, None));
    assert!(failed(bench.attempt(Reply::Refuses).2));
    assert_eq!(bench.attempt(Reply::Passes).2, None);
    assert!(healthy(bench.attempt(Reply::Passes).2));
}

#[test]
fn spread_schedules_start_at_once_and_drift_apart_within_the_interval() {
    let mut seconds = Vec::new();
    for seed in 1..=200_u64 {
        let mut bench = Bench::new(PACE, 1);
        bench.schedule.spread = Spread::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        assert_eq!(bench.attempt(Reply::Passes).0, 0);
        let second = bench.attempt(Reply::Passes).0;
        let third = bench.attempt(Reply::Passes).0;
        assert!(second <= 30010);
        assert!(
            (28_000..32_000_u128).contains(&(third - second)),
            "{}",
            third - second
        );
        seconds.push(second);
    }
    for quarter in 0..4 {
        let range = quarter * 7500..(quarter + 1) * 7500;
        let within = seconds.iter().filter(|at| range.contains(*at)).count();
        assert!((25..=80).contains(&within), "{within} of 200 in {range:?}");
    }
}

#[test]
fn any_list_of_replies_and_demands_keeps_time_and_order() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = move |sides: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % sides
    };
    for _ in 0..300 {
        let services = 1 + dice(4) as usize;
        let retries = dice(5) as u32;
        let mut bench = Bench::new(
            Pace {
                plan: retrying(retries),
                ..PACE
            },
            services,
        );
        let mut left_out = LeftOut::new(services);
        let (mut expected_service, mut failures, mut passes) = (0, 0, 0);
        let mut undecided = false;
        for _ in 0..200 {
            if dice(5) == 0 {
                bench.schedule.on_demand(bench.now);
            }
            let reply = [
                Reply::Passes,
                Reply::Passes,
                Reply::Refuses,
                Reply::Hangs,
                Reply::LacksDescriptors,
                Reply::LacksDescriptors,
            ][dice(6) as usize];
            let (_, service, verdict) = bench.attempt(reply);
            assert_eq!(service, expected_service);
            let is_left_out = left_out.on_reply(service, reply, bench.now);
            match reply {
                Reply::Passes => {
                    passes += 1;
                    failures = 0;
                    expected_service += 1;
                }
                Reply::LacksDescriptors if is_left_out => {
                    undecided |= failures > 0;
                    failures = 0;
                    expected_service += 1;
                }
                Reply::LacksDescriptors => assert!(verdict.is_none()),
                Reply::Refuses | Reply::Hangs => failures += 1,
            }
            match verdict {
                Some(Verdict::Healthy(_)) => {
                    assert_eq!(expected_service, services);
                    assert!(passes > 0 && !undecided);
                }
                Some(Verdict::Failed { service, .. }) => {
                    assert_eq!(service, expected_service);
                    assert!(failures >= 1 && failures <= retries + 1);
                }
                None if expected_service == services => assert!(passes == 0 || undecided),
                None => {
                    assert!(failures <= retries);
                    continue;
                }
            }
            (expected_service, failures, passes) = (0, 0, 0);
            undecided = false;
        }
    }
}

/// The services that rounds go on without, in other words than the schedule has for it: those that have
/// met nothing but faults of this machine for three seconds.
struct LeftOut(Vec<Option<Instant>>);

impl LeftOut {
    fn new(services: usize) -> LeftOut {
        LeftOut(vec![None; services])
    }

    /// Whether the round goes on without the service now.
    fn on_reply(&mut self, service: usize, reply: Reply, now: Instant) -> bool {
        let since = &mut self.0[service];
        match reply {
            Reply::LacksDescriptors => now - *since.get_or_insert(now) >= Duration::from_secs(3),
            Reply::Passes | Reply::Refuses | Reply::Hangs => {
                *since = None;
                false
            }
        }
    }
}

const LOCAL: Reply = Reply::LacksDescriptors;

impl Bench {
    fn next_service(&mut self) -> usize {
        loop {
            match self.schedule.next(self.now) {
                Next::Attempt { service, .. } => return service,
                Next::Wait { until } => self.now = until,
            }
        }
    }

    /// A bench whose rounds go on without the service at this place.
    fn with_left_out(pace: Pace, services: usize, place: usize) -> Bench {
        let mut bench = Bench::new(pace, services);
        loop {
            let reply = match bench.next_service() == place {
                true => LOCAL,
                false => Reply::Passes,
            };
            if healthy(bench.attempt(reply).2) {
                return bench;
            }
        }
    }
}

#[test]
fn rounds_that_show_different_things_are_not_counted_together() {
    let pace = Pace {
        plan: retrying(0),
        rise: 2,
        fall: 2,
        ..PACE
    };
    let mut bench = Bench::new(pace, 1);
    assert_eq!(bench.attempt(Reply::Passes).2, None);
    assert_eq!(bench.attempt(Reply::Refuses).2, None, "one of each");
    assert!(failed(bench.attempt(Reply::Refuses).2));
}

/// By turns a port refuses the connection, and the login.
#[test]
fn rounds_that_fail_in_different_ways_are_counted_together_for_what_is_true_of_all() {
    for fall in 1..5 {
        let pace = Pace {
            plan: retrying(0),
            rise: 2,
            fall,
            ..PACE
        };
        let mut bench = Bench::new(pace, 1);
        assert_eq!(bench.attempt(Reply::Passes).2, None);
        assert!(healthy(bench.attempt(Reply::Passes).2));
        let mut verdicts = Vec::new();
        for turn in 0..6 {
            let result = match turn % 2 {
                0 => Err(dead()),
                _ => Err(login_refused()),
            };
            bench.wait();
            let finding = bench.ends(Duration::ZERO, result);
            verdicts.push(finding.verdict.and_then(|verdict| verdict.blame()));
        }
        let first = verdicts.iter().position(Option::is_some).unwrap() as u32;
        // Only the first one needs no other beside it.
        assert_eq!(first, [0, 1, 3, 3][fall as usize - 1], "{verdicts:?}");
        let blame = match fall {
            1 => Blame::Service,
            _ => Blame::Shared,
        };
        assert_eq!(verdicts[first as usize], Some(blame));
    }
}

#[test]
fn a_service_that_is_tried_again_has_so_many_tries_left() {
    let mut bench = Bench::new(PACE, 2);
    assert_eq!(bench.schedule.retry(), None);
    bench.attempt(Reply::Passes);
    assert_eq!(bench.schedule.retry(), None, "the next service's turn");
    for failed in 1..=4 {
        bench.attempt(Reply::Refuses);
        let expected = Retry {
            service: 1,
            failed,
            left: 5 - failed,
        };
        assert_eq!(bench.schedule.retry(), Some(expected));
    }
    assert!(bench.attempt(Reply::Refuses).2.is_some());
    assert_eq!(bench.schedule.retry(), None, "it has failed");
    // What is known to have failed is not tried again.
    bench.attempt(Reply::Refuses);
    assert_eq!(bench.schedule.retry(), None);
}

#[test]
fn with_fall_the_tries_of_the_rounds_that_have_to_fail_are_left_too() {
    let pace = Pace {
        plan: retrying(4),
        fall: 2,
        ..PACE
    };
    let mut bench = Bench::new(pace, 1);
    for expected in [[9, 8, 7, 6], [4, 3, 2, 1]] {
        for left in expected {
            bench.wait();
            bench.attempt(Reply::Refuses);
            assert_eq!(bench.schedule.retry().map(|retry| retry.left), Some(left));
        }
        bench.wait();
        bench.attempt(Reply::Refuses);
        assert_eq!(bench.schedule.retry(), None);
    }
}
