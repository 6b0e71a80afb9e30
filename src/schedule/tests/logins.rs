//! Rounds as far as the greeting between those that log in.

use super::*;

/// A check each two seconds, and a login each 30.
const PACE: Pace = Pace {
    interval: Duration::from_secs(2),
    login_interval: Duration::from_secs(30),
    timeout: Duration::from_secs(5),
    plan: retrying(1),
    rise: 1,
    fall: 1,
};

/// What a server does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Works,
    /// It greets, and no login works.
    LoginFails,
    /// It greets, and refuses the password.
    RefusesPassword,
    Refuses,
    /// A firewall of this machine lets nobody there.
    Forbidden,
    /// It greets, and nobody here knows what name its certificate is to have.
    Nameless,
    /// Its certificate, behind a greeting.
    Expired,
}

/// An attempt that was made.
#[derive(Clone, Debug, PartialEq)]
struct Made {
    at: u128,
    service: usize,
    depth: Depth,
    verdict: Option<Verdict>,
}

impl Bench {
    /// The next attempt, on servers that do this, by service.
    fn meet(&mut self, servers: &[Server]) -> Made {
        let (service, depth) = loop {
            match self.schedule.next(self.now) {
                Next::Attempt { service, depth, .. } => break (service, depth),
                Next::Wait { until } => self.now = until,
            }
        };
        let began = self.now;
        let failed = |stage, fault| Err(Failure::new(stage, fault));
        let no = || crate::quote::Quote::new("no");
        let result = match (servers[service], depth) {
            (Server::Refuses, _) => failed(Stage::Connect, Fault::Refused),
            (Server::Forbidden, _) => failed(Stage::Connect, Fault::Forbidden),
            (Server::Nameless, Depth::Whole) => failed(Stage::Upgrade, Fault::NameUnknown),
            (Server::Expired, Depth::Whole) => Err(certificate_refused()),
            (Server::LoginFails, Depth::Whole) => failed(Stage::Login, Fault::Unavailable(no())),
            (Server::RefusesPassword, Depth::Whole) => {
                failed(Stage::Login, Fault::CredentialsRefused(no()))
            }
            _ => Ok(Pass::Clean),
        };
        let outcome = Outcome {
            logged_in: depth == Depth::Whole && result.is_ok(),
            ..Outcome::new(began, Duration::from_millis(10), result)
        };
        self.now = outcome.ended();
        let verdict = match (depth, &outcome.result) {
            (Depth::Greeting, Ok(_)) => {
                self.schedule.on_greeted(&outcome);
                None
            }
            _ => {
                let finding = self.schedule.on_outcome(outcome);
                check_local(&finding);
                finding.verdict
            }
        };
        Made {
            at: (began - self.start).as_millis(),
            service,
            depth,
            verdict,
        }
    }

    fn meet_until(&mut self, servers: &[Server], done: impl Fn(&Made) -> bool) -> Vec<Made> {
        let mut all = Vec::new();
        for _ in 0..1000 {
            let made = self.meet(servers);
            all.push(made.clone());
            if done(&made) {
                return all;
            }
        }
        panic!("never: {all:?}");
    }
}

fn is_whole(made: &Made) -> bool {
    made.depth == Depth::Whole
}

#[test]
fn while_all_is_well_it_greets_at_each_interval_and_logs_in_at_each_login_interval() {
    let mut bench = Bench::new(PACE, 1);
    assert!(healthy(bench.meet(&[Server::Works]).verdict));
    for _ in 0..3 {
        let last = bench.schedule.next_attempt();
        let made = bench.meet_until(&[Server::Works], is_whole);
        let (whole, greeted) = made.split_last().unwrap();
        assert_eq!(greeted.len(), 14, "between two logins");
        assert!(greeted.iter().all(|made| made.verdict.is_none()));
        assert!(healthy(whole.verdict.clone()));
        assert!(
            bench.start + Duration::from_millis(whole.at as u64) >= last,
            "as was told"
        );
    }
}

/// What a person is told of the next check: greetings that pass are told to nobody.
#[test]
fn the_next_attempt_is_the_login_where_only_greetings_come_before_it() {
    let mut bench = Bench::new(PACE, 1);
    bench.meet(&[Server::Works]);
    let login = bench.start + PACE.login_interval;
    assert_eq!(bench.schedule.next_attempt(), login);
    bench.meet(&[Server::Works]);
    assert_eq!(bench.schedule.next_attempt(), login);
    bench.meet_until(&[Server::Refuses], |made| failed(made.verdict.clone()));
    // Each round is whole now.
    assert_eq!(bench.schedule.next_attempt(), bench.now + PACE.interval);
}

#[test]
fn a_failure_that_is_counted_beside_a_refused_password_is_followed_by_a_login() {
    let plan = Plan::Rapid(Rapid {
        rapid_rounds: 0,
        rapid_fails_needed: 1,
        ..RAPID
    });
    let mut bench = Bench::new(Pace { plan, ..PACE }, 2);
    let refused = [Server::RefusesPassword, Server::Works];
    bench.meet_until(&refused, |made| failed(made.verdict.clone()));
    bench.meet_until(&refused, |made| made.depth == Depth::Greeting);
    bench.meet_until(&refused, |made| made.service == 1);
    let broken = [Server::RefusesPassword, Server::LoginFails];
    let made = bench.meet_until(&broken, |made| is_whole(made) && made.service == 1);
    assert!(failed(made.last().unwrap().verdict.clone()), "the password");
    let depths = [0, 1].map(|_| bench.meet(&broken).depth);
    assert_eq!(depths, [Depth::Whole; 2]);
}

#[test]
fn a_service_that_does_not_greet_is_tried_again_whole_and_so_are_all_the_others() {
    let mut bench = Bench::new(PACE, 3);
    let well = [Server::Works; 3];
    bench.meet_until(&well, |made| made.verdict.is_some());
    let second = [Server::Works, Server::Refuses, Server::Works];
    let made = bench.meet(&second);
    assert_eq!((made.service, made.depth), (0, Depth::Greeting));
    let made = bench.meet(&second);
    assert_eq!((made.service, made.depth), (1, Depth::Greeting));
    // It works again: each of the three has to log in before it is healthy, the first one, too.
    for service in [1, 2, 0] {
        let made = bench.meet(&well);
        assert_eq!((made.service, made.depth), (service, Depth::Whole));
        assert_eq!(healthy(made.verdict), service == 0);
    }
    assert_eq!(bench.meet(&well).depth, Depth::Greeting);
}

#[test]
fn a_service_that_is_left_out_costs_the_others_no_login() {
    let mut bench = Bench::new(PACE, 3);
    let (works, forbidden) = (Server::Works, Server::Forbidden);
    let second = [works, forbidden, works];
    bench.meet_until(&second, |made| healthy(made.verdict.clone()));
    let made = bench.meet_until(&second, is_whole);
    let (login, greeted) = made.split_last().unwrap();
    // The first round took three seconds until it went on without the service.
    assert_eq!((greeted.len(), login.service), (3 * 13, 0));
    bench.meet_until(&second, |made| healthy(made.verdict.clone()));
    // Another one is tried for as long as ever before it is left out, and meanwhile nothing is said of the first.
    let last_two = [works, forbidden, forbidden];
    for (service, depth) in [
        (0, Depth::Greeting),
        (1, Depth::Greeting),
        (2, Depth::Greeting),
        (2, Depth::Whole),
    ] {
        let made = bench.meet(&last_two);
        assert_eq!((made.service, made.depth), (service, depth));
    }
}

/// The name that its certificate is to have is looked up behind the greeting.
#[test]
fn a_service_that_is_left_out_for_what_lies_behind_its_greeting_costs_the_others_no_login() {
    let mut bench = Bench::new(PACE, 2);
    let second = [Server::Works, Server::Nameless];
    bench.meet_until(&second, |made| healthy(made.verdict.clone()));
    for _ in 0..2 {
        let made = bench.meet_until(&second, is_whole);
        let (login, greeted) = made.split_last().unwrap();
        assert!((13..=14).contains(&(greeted.len() / 2)) && login.service == 0);
        let made = bench.meet(&second);
        assert!(
            is_whole(&made) && healthy(made.verdict),
            "without three seconds more of the second"
        );
    }
    let both = [Server::Works; 2];
    bench.meet_until(&both, is_whole);
    assert!(healthy(bench.meet(&both).verdict));
    assert!(!bench.schedule.local.leaves_out(1, bench.now));
}

#[test]
fn a_service_that_can_be_checked_again_has_its_login_in_the_next_round() {
    let mut bench = Bench::new(PACE, 2);
    let first = [Server::Forbidden, Server::Works];
    bench.meet_until(&first, |made| healthy(made.verdict.clone()));
    let both = [Server::Works; 2];
    let depths = [(); 5].map(|()| bench.meet(&both).depth);
    let (greeting, whole) = (Depth::Greeting, Depth::Whole);
    assert_eq!(depths, [greeting, greeting, whole, whole, greeting]);
}

/// The expired certificate of the second may be one still, and nobody can tell.
#[test]
fn a_refused_password_is_not_tried_at_each_interval_for_another_service_that_is_left_out() {
    let mut bench = Bench::new(PACE, 2);
    let expired = [Server::RefusesPassword, Server::Expired];
    bench.meet_until(&expired, |made| made.verdict.is_some());
    let forbidden = [Server::RefusesPassword, Server::Forbidden];
    bench.meet_until(&forbidden, |made| made.verdict.is_some());
    bench.meet_until(&forbidden, |made| made.service == 1);
    let depths = [(); 20].map(|()| bench.meet(&forbidden).depth);
    assert_eq!(depths, [Depth::Greeting; 20]);
}

#[test]
fn a_greeting_that_fails_counts_as_ever() {
    let mut bench = Bench::new(PACE, 1);
    assert!(healthy(bench.meet(&[Server::Works]).verdict));
    assert_eq!(bench.meet(&[Server::Refuses]).verdict, None);
    assert!(failed(bench.meet(&[Server::Refuses]).verdict), "one retry");
}

#[test]
fn what_failed_at_the_login_stays_failed_until_a_login_passes() {
    let mut bench = Bench::new(PACE, 1);
    assert!(healthy(bench.meet(&[Server::Works]).verdict));
    let broken = [Server::LoginFails];
    let made = bench.meet_until(&broken, |made| made.verdict.is_some());
    assert!(failed(made.last().unwrap().verdict.clone()));
    // At the login that was due, and not before; the retry logs in.
    assert!(made.iter().rev().skip(2).all(|made| !is_whole(made)));
    for _ in 0..20 {
        let made = bench.meet(&broken);
        assert!(
            is_whole(&made) && failed(made.verdict),
            "a login each interval"
        );
    }
    let made = bench.meet(&[Server::Works]);
    assert!(is_whole(&made) && healthy(made.verdict));
}

#[test]
fn a_refused_password_is_not_tried_at_each_interval() {
    let mut bench = Bench::new(PACE, 1);
    let refused = [Server::RefusesPassword];
    bench.meet_until(&refused, |made| made.verdict.is_some());
    let made = bench.meet_until(&refused, is_whole);
    assert!((13..=15).contains(&made.len()), "{}", made.len());
    assert!(failed(made.last().unwrap().verdict.clone()));
    let made = bench.meet_until(&[Server::Works], |made| made.verdict.is_some());
    assert!(is_whole(made.last().unwrap()) && healthy(made.last().unwrap().verdict.clone()));
}

#[test]
fn evidence_that_is_asked_for_is_a_whole_round() {
    let mut bench = Bench::new(PACE, 2);
    let well = [Server::Works; 2];
    bench.meet_until(&well, |made| made.verdict.is_some());
    let asked = (bench.now - bench.start).as_millis();
    bench.schedule.on_demand(bench.now);
    let made = bench.meet(&well);
    assert_eq!((made.at, made.depth), (asked, Depth::Whole));
    assert!(healthy(bench.meet(&well).verdict));
    // In the middle of a round that greets: it ends, and a whole one follows at once.
    assert_eq!(bench.meet(&well).depth, Depth::Greeting);
    bench.schedule.on_demand(bench.now);
    let made = bench.meet(&well);
    assert_eq!((made.service, made.depth), (1, Depth::Greeting));
    let ended = (bench.now - bench.start).as_millis();
    let made = bench.meet(&well);
    assert_eq!(
        (made.at, made.service, made.depth),
        (ended, 0, Depth::Whole)
    );
    assert!(healthy(bench.meet(&well).verdict));
    // In the middle of a whole one, whose first half is too old.
    let made = bench.meet_until(&well, is_whole);
    assert_eq!(made.last().unwrap().service, 0);
    bench.schedule.on_demand(bench.now);
    assert!(healthy(bench.meet(&well).verdict));
    assert!(is_whole(&bench.meet(&well)));
}

#[test]
fn rise_and_fall_and_rapid_rounds_count_whole_rounds() {
    let rapid = Plan::Rapid(Rapid {
        rapid_rounds: 0,
        rapid_fails_needed: 1,
        ..RAPID
    });
    for pace in [
        Pace {
            rise: 2,
            fall: 2,
            ..PACE
        },
        Pace {
            plan: rapid,
            ..PACE
        },
    ] {
        let mut bench = Bench::new(pace, 1);
        bench.meet_until(&[Server::Works], |made| healthy(made.verdict.clone()));
        let first = bench.meet_until(&[Server::LoginFails], is_whole);
        assert_eq!(first.last().unwrap().verdict, None);
        let others = bench.meet_until(&[Server::LoginFails], |made| failed(made.verdict.clone()));
        assert!(others.iter().all(is_whole));
        let others = bench.meet_until(&[Server::Works], |made| healthy(made.verdict.clone()));
        assert!(others.iter().all(is_whole));
    }
}

#[test]
fn changed_settings_and_accounts_begin_with_a_login() {
    let mut bench = Bench::new(PACE, 1);
    let well = [Server::Works];
    type Change = fn(&mut Schedule);
    let changes: [Change; 3] = [
        |schedule| schedule.on_other_login(),
        |schedule| schedule.on_other_services(),
        |schedule| {
            let login_interval = Duration::from_secs(40);
            schedule.on_settings(
                Pace {
                    login_interval,
                    ..PACE
                },
                1,
            );
        },
    ];
    for change in changes {
        bench.meet_until(&well, is_whole);
        change(&mut bench.schedule);
        assert!(is_whole(&bench.meet(&well)));
    }
    let pace = Pace {
        timeout: Duration::from_secs(9),
        ..bench.schedule.pace
    };
    bench.schedule.on_settings(pace, 1);
    assert!(!is_whole(&bench.meet(&well)), "no login is due");
}

#[test]
fn the_first_logins_of_many_are_spread_over_the_login_interval() {
    let mut halves = [0, 0];
    for seed in 1..=100_u64 {
        let mut bench = Bench::new(PACE, 1);
        bench.schedule.spread = Spread::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bench.meet(&[Server::Works]);
        let made = bench.meet_until(&[Server::Works], is_whole);
        let at = made.last().unwrap().at;
        assert!(at < 33_000, "{at}");
        halves[usize::from(at > 15_000)] += 1;
        // The further ones follow at the interval.
        let made = bench.meet_until(&[Server::Works], is_whole);
        assert!(made.last().unwrap().at >= at + 30_000);
    }
    assert!(halves.iter().all(|half| *half >= 25), "{halves:?}");
}
