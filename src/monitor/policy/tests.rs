//! The rules over made-up time: small fleets, tables of what happens, and random event lists.

mod alarms;
mod bar;
mod brake;
mod drain;
mod explanation;
mod fresh;
mod hold;
mod local;
mod ownership;
mod rank;
mod refuge;
mod ring;
mod sections;
mod series;
mod services;
mod settle;
mod unsteady;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::ownership::OwnDown;
use super::*;
use crate::backend::{Groups, Listed, Stamp, Tag};
use crate::config::settings::{Brake, DrainMode, MoveLimit, Restore, Rules};
use crate::outcome::{BadCertificate, Failure, Fault, Outcome, Pass, Stage};
use crate::pool::{Drains, Forgotten, Words};
use crate::quote::Quote;
use crate::schedule::Finding;

const RULES: Rules = Rules {
    drain: DrainMode::Move {
        limit: MoveLimit::All,
    },
    restore: Restore::Any,
    brake: Brake::Refuge,
    down_delay: Duration::ZERO,
    down_delay_limit: None,
    hold: Duration::from_secs(60),
};

const AT_LOGIN: Reason = Reason::Shared {
    service: 0,
    stage: Stage::Login,
};

const PEERS_AT_TLS: Reason = Reason::PeersAwaited {
    service: 0,
    stage: Stage::Tls,
};

const OWES: Memory = Memory {
    down: None,
    drain: Drain::Owed,
    drained: None,
    disputes: 0,
};

/// As the engine does it, which remembers what was decided; and what is explained is what was decided.
fn decide(backends: &mut Backends, address: IpAddr, now: Instant) -> Decision {
    backends.measure_for(address, now);
    let judgement = super::decide(backends, address, now);
    let explanation = explain(&backends.compared(), address, now);
    backends.on_judged(address, &judgement);
    let decision = match &explanation {
        None => Decision::Nothing,
        Some(explanation) => match explanation.hold() {
            Some(hold) => Decision::Hold(hold.clone()),
            None => Decision::Act(explanation.action),
        },
    };
    assert_eq!(decision, judgement.decision);
    if let Decision::Hold(hold) = &decision {
        match hold.reason {
            Reason::RefugeAwaited { candidate } => {
                assert_eq!(candidate_among_all(backends, address), Some(candidate));
            }
            Reason::NoRefuge(_) => assert_eq!(candidate_among_all(backends, address), None),
            _ => {}
        }
    }
    if let Decision::Hold(Hold {
        until: Some(until), ..
    }) = &decision
    {
        if let Decision::Hold(hold) = super::decide(backends, address, *until).decision {
            let is_over = hold.until.map_or(true, |later| later > *until);
            assert!(is_over, "the hold was to end now: {hold:?}");
        }
    }
    decision
}

/// The backend that a down waits for, as it is found without what `Bar` keeps.
fn candidate_among_all(backends: &Backends, address: IpAddr) -> Option<IpAddr> {
    let visits = backends.visits.get();
    let compared = backends.compared();
    let member = backends.member(address)?;
    let could = |other: &Member| {
        other.listed.tag.takes_users_of(&member.listed.tag)
            && other.may_take_users()
            && !other.left_alone
            && (compared.bar().stands(other) || other.evidence.is_untried())
    };
    let candidates = backends
        .members()
        .filter(|(other, with)| *other != address && could(with));
    let best = candidates
        .max_by_key(|(other, with)| (with.evidence.sound_round().map(|round| round.ended), *other));
    backends.visits.set(visits);
    best.map(|(address, _)| address)
}

fn control(backends: &Backends, address: IpAddr) -> Option<IpAddr> {
    super::control(&backends.compared(), address)
}

fn alarms(backends: &mut Backends, now: Instant) -> Alarms {
    backends.measure(now);
    super::alarms(backends, now)
}

fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, number).into()
}

fn expired() -> Failure {
    let fault = Fault::CertificateRefused(Box::new(BadCertificate::new("expired", "mail.example")));
    Failure::new(Stage::Tls, fault)
}

/// What an attempt ends.
enum Ends {
    Nothing,
    /// The tries of its service: it has failed for good.
    Service,
    /// A round in which every service passed.
    Whole,
    /// A round that is failed for this.
    Round(Failure),
}

/// Backends, a clock, and the list that the director would give.
struct Bench {
    backends: Backends,
    start: Instant,
    now: Instant,
    list: Vec<Listed>,
    /// When each was last tried at its first service.
    rounds: BTreeMap<u8, Instant>,
}

impl Bench {
    /// Backends 0, 1, ... all up, without tag, in a synced ring.
    fn new(backends: u8) -> Bench {
        Bench::with(backends, RULES)
    }

    fn with(backends: u8, rules: Rules) -> Bench {
        let now = Instant::now();
        let list = (0..backends)
            .map(|number| Listed {
                address: address(number),
                vhosts: 100,
                users: 5,
                tag: Tag::default(),
                state: HostState::Up,
                changed: Stamp(0),
            })
            .collect();
        let mut bench = Bench {
            backends: Backends::new(rules),
            start: now,
            now,
            list,
            rounds: BTreeMap::new(),
        };
        bench.backends.on_sync(Sync::Synced);
        bench.read_list();
        bench
    }

    fn logins(&mut self, logins: &[Option<u64>]) {
        for (number, login) in (0..).zip(logins) {
            self.backends.on_login(address(number), login.map(Login));
        }
    }

    /// Compares the backends now, as the engine does after each input.
    fn measure(&mut self) {
        self.backends.measure(self.now);
    }

    fn pass_time(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    fn read_list(&mut self) -> Changes {
        self.pass_time(1);
        let changes = self.backends.on_list(self.list.clone(), self.now);
        self.pass_time(1);
        changes
    }

    fn listed(&mut self, number: u8) -> &mut Listed {
        self.list
            .iter_mut()
            .find(|listed| listed.address == address(number))
            .unwrap()
    }

    fn second(&self) -> Stamp {
        Stamp(1_800_000_000 + (self.now - self.start).as_secs())
    }

    /// A second later the director's list shows another state, stamped so.
    fn set(&mut self, number: u8, state: HostState) {
        self.pass_time(1000);
        let changed = self.second();
        let listed = self.listed(number);
        listed.state = state;
        listed.changed = changed;
    }

    /// One attempt of 2 ms that is a round of its own.
    fn finding(&mut self, number: u8, result: Result<Pass, Failure>, last: bool) {
        let ends = match (&result, last) {
            (_, false) => Ends::Nothing,
            (Ok(_), true) => Ends::Whole,
            (Err(failure), true) => Ends::Round(failure.clone()),
        };
        self.finding_at(0, number, result, ends);
    }

    fn finding_at(
        &mut self,
        service: usize,
        number: u8,
        result: Result<Pass, Failure>,
        ends: Ends,
    ) {
        let began = self.now;
        let latency = Duration::from_millis(2);
        self.now += latency;
        let for_good = result.is_err() && !matches!(ends, Ends::Nothing);
        let verdict = match ends {
            Ends::Nothing | Ends::Service => None,
            Ends::Whole => Some(Verdict::Healthy(Pass::Clean)),
            Ends::Round(failure) => Some(Verdict::Failed { service, failure }),
        };
        if service == 0 {
            self.rounds.insert(number, began);
        }
        let finding = Finding {
            round_began: self.rounds.get(&number).copied().unwrap_or(began),
            service,
            outcome: Outcome::new(began, latency, result),
            for_good,
            verdict,
        };
        self.backends.on_finding(address(number), &finding);
        self.pass_time(1);
    }

    fn refuses_at(&mut self, service: usize, number: u8) {
        let failure = Failure::new(Stage::Connect, Fault::Refused);
        self.finding_at(service, number, Err(failure.clone()), Ends::Round(failure));
    }

    fn passes(&mut self, number: u8) {
        self.finding(number, Ok(Pass::Clean), true);
    }

    fn refuses(&mut self, number: u8, last: bool) {
        let failure = Failure::new(Stage::Connect, Fault::Refused);
        self.finding(number, Err(failure), last);
    }

    fn refuses_login(&mut self, number: u8) {
        let fault = Fault::CredentialsRefused(Quote::new("no"));
        self.finding(number, Err(Failure::new(Stage::Login, fault)), true);
    }

    /// Backend `number` fails at first and for good, and `refuge` passes in between.
    fn fails_while_passes(&mut self, number: u8, refuge: u8) {
        self.refuses(number, false);
        self.passes(refuge);
        self.refuses(number, true);
    }

    /// The decision, once a list has been read where one is needed for it.
    fn decide(&mut self, number: u8) -> Decision {
        match decide(&mut self.backends, address(number), self.now) {
            Decision::Hold(Hold {
                need: Some(Need::List),
                ..
            }) => {
                self.read_list();
                decide(&mut self.backends, address(number), self.now)
            }
            decision => decision,
        }
    }

    fn check_acts(&mut self, number: u8, action: Action) {
        assert_eq!(self.decide(number), Decision::Act(action));
    }

    fn check_held(&mut self, number: u8, reason: &Reason, probe: Option<u8>) {
        match self.decide(number) {
            Decision::Hold(hold) => {
                assert_eq!(&hold.reason, reason);
                assert_eq!(
                    hold.need,
                    probe.map(|probe| Need::Probe(vec![address(probe)]))
                );
            }
            decision => panic!("expected a hold, {decision:?}"),
        }
    }

    fn check_held_for(&mut self, number: u8, reason: &Reason, probes: &[u8]) {
        match self.decide(number) {
            Decision::Hold(hold) => {
                assert_eq!(&hold.reason, reason);
                let addresses = probes.iter().map(|number| address(*number)).collect();
                assert_eq!(hold.need, Some(Need::Probe(addresses)));
            }
            decision => panic!("expected a hold, {decision:?}"),
        }
    }

    fn check_held_for_list(&mut self, number: u8, reason: &Reason) {
        match decide(&mut self.backends, address(number), self.now) {
            Decision::Hold(hold) => {
                assert_eq!((&hold.reason, hold.need), (reason, Some(Need::List)));
            }
            decision => panic!("expected a hold, {decision:?}"),
        }
    }

    fn check_nothing(&mut self, number: u8) {
        assert_eq!(self.decide(number), Decision::Nothing);
    }

    fn memory(&self, number: u8) -> Memory {
        self.backends.member(address(number)).unwrap().memory()
    }

    fn remember(&mut self, number: u8, memory: Memory) {
        let second = self.second();
        self.backends
            .on_remembered(address(number), memory, second, self.now);
    }

    fn check_owed(&self, number: u8) {
        assert_eq!(self.memory(number).drain, Drain::Owed);
    }

    fn check_paid(&self, number: u8) {
        assert_eq!(self.memory(number).drain, Drain::NotOwed);
    }

    /// It is not answered yet.
    fn sends(&mut self, number: u8, action: Action) {
        let (address, second) = (address(number), self.second());
        let written = self
            .backends
            .memory_once_sent(address, action, second, self.now);
        self.backends.on_sent(address, action, second, self.now);
        assert_eq!(written, Some(self.memory(number)), "what is written first");
    }

    fn send(&mut self, number: u8, action: Action, answer: Answer) {
        self.sends(number, action);
        self.pass_time(1);
        let address = address(number);
        self.backends.on_answer(address, action, answer, self.now);
    }

    fn member(&self, number: u8) -> &Member {
        self.backends.member(address(number)).unwrap()
    }

    /// Of three backends, 0 is down and drained for a certificate that the others do not have.
    fn with_one_down_for_its_certificate() -> Bench {
        let mut bench = Bench::new(3);
        for _ in 0..2 {
            bench.passes(1);
            bench.passes(2);
            bench.finding(0, Err(expired()), true);
        }
        bench.check_acts(0, Action::MarkDown);
        bench.send(0, Action::MarkDown, Answer::Done);
        bench.set(0, HostState::Down);
        bench.listed(0).users = 0;
        bench.read_list();
        bench.send(0, Action::Drain, Answer::Done);
        bench.read_list();
        bench
    }

    /// Takes the backend down for real and lets the list show it.
    fn take_down(&mut self, number: u8, refuge: u8) {
        self.fails_while_passes(number, refuge);
        self.check_acts(number, Action::MarkDown);
        self.send(number, Action::MarkDown, Answer::Done);
        self.set(number, HostState::Down);
        let changes = self.read_list();
        assert!(changes.news.is_empty(), "our own doing is no news");
        let observed = [(address(number), HostState::Down)];
        assert_eq!(changes.observed, observed);
    }
}

/// An older director may list in any order, and has been seen to list one twice.
#[test]
fn what_is_kept_follows_lists_in_any_order() {
    let mut bench = Bench::new(3);
    bench.measure();
    bench.list.reverse();
    bench.listed(0).tag = Tag::new("archive");
    bench.read_list();
    bench.backends.check_what_is_kept();
    bench.measure();
    let last = bench.list.pop().unwrap();
    assert_eq!(bench.read_list().left, [last.address]);
    bench.backends.check_what_is_kept();
    // Two are known, and the list has one of them three times.
    let first = bench.list[0].clone();
    bench.list = vec![first; 3];
    assert_eq!(bench.read_list().left, [address(1)]);
    bench.backends.check_what_is_kept();
}

#[test]
fn what_is_kept_follows_all_that_changes_how_backends_compare() {
    let changes: [fn(&mut Bench); 4] = [
        |bench| {
            let read = bench.list.clone();
            bench.backends.on_dry_run_ended(read, bench.now);
        },
        |bench| bench.backends.on_other_target(address(1)),
        |bench| {
            let down = OwnDown {
                stamp_before: Stamp(0),
                sent: bench.second(),
                vhosts: 30,
                stamp: None,
            };
            let down = Some(down);
            bench.remember(2, Memory { down, ..OWES });
        },
        |bench| {
            let local = Failure::new(Stage::Connect, Fault::Forbidden);
            bench.finding(3, Err(local), false);
        },
    ];
    for change in changes {
        let mut bench = Bench::new(2);
        let of_before = |number| Listed {
            address: address(number),
            ..bench.list[0].clone()
        };
        let (mut down, left_alone) = (of_before(2), of_before(3));
        (down.vhosts, down.state) = (0, HostState::Down);
        bench.list.extend([down, left_alone]);
        bench.read_list();
        bench.backends.on_left_alone(address(3));
        bench.fails_while_passes(0, 1);
        bench.send(0, Action::MarkDown, Answer::Done);
        bench.measure();
        change(&mut bench);
        bench.backends.check_what_is_kept();
    }
}

#[test]
fn of_a_failed_backend_that_leaves_the_list_nothing_is_kept() {
    let mut bench = Bench::new(2);
    bench.refuses(1, true);
    bench.list.pop();
    bench.read_list();
    bench.backends.check_what_is_kept();
}

#[test]
fn what_was_asked_of_a_worker_that_has_ended_may_be_asked_of_the_next() {
    let mut bench = Bench::new(1);
    assert!(bench.backends.ask(address(0), bench.now));
    bench.backends.on_worker_ended(address(0));
    assert!(bench.backends.ask(address(0), bench.now));
}

#[test]
fn what_is_as_usual_is_not_in_the_state_file() {
    assert_eq!(serde_json::to_string(&Memory::default()).unwrap(), "{}");
    let disputes = 2;
    let memory = Memory {
        disputes,
        ..Memory::default()
    };
    let written = serde_json::to_string(&memory).unwrap();
    assert_eq!(written, r#"{"contests":2}"#);
}

#[test]
fn a_healthy_backend_listed_up_needs_nothing() {
    let mut bench = Bench::new(2);
    bench.passes(0);
    bench.check_nothing(0);
    bench.check_nothing(1);
    bench.check_nothing(9);
}

#[test]
fn a_failed_backend_goes_down_is_drained_and_comes_up_again() {
    let mut bench = Bench::new(2);
    bench.take_down(0, 1);
    bench.check_acts(0, Action::Drain);
    bench.send(0, Action::Drain, Answer::Done);
    bench.listed(0).users = 0;
    bench.read_list();
    bench.check_paid(0);
    bench.check_nothing(0);

    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
    bench.send(0, Action::MarkUp, Answer::Done);
    bench.set(0, HostState::Up);
    assert!(bench.read_list().news.is_empty());
    bench.check_nothing(0);
}

#[test]
fn a_probe_is_asked_for_once_until_it_has_come_in() {
    let mut bench = Bench::new(1);
    let (one, now) = (address(0), bench.now);
    assert!(bench.backends.ask(one, now));
    assert!(!bench.backends.ask(one, now));
    bench.passes(0);
    assert!(bench.backends.ask(one, bench.now));
    assert!(!bench.backends.ask(address(7), bench.now), "not listed");
}

/// Whatever happens in whatever order: no command unless synced, no second one for a backend before
/// the first is settled, no down of a backend that the list shows as the last that serves its users.
#[test]
fn no_list_of_events_breaks_the_rules() {
    for seed in 1..100_u64 {
        let mut seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut dice = move |sides: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % sides
        };
        let tags = match dice(2) {
            0 => ["", "a"].map(Tag::new),
            _ => [vec!["imap"], vec!["imap", "pop3"]].map(Tag::of_sections),
        };
        let mut bench = Bench::new(3);
        let mut acts = 0;
        for _ in 0..700 {
            let number = dice(3) as u8;
            match dice(10) {
                9 => match dice(12) {
                    0 => bench.backends.on_other_services(),
                    1 => bench.backends.on_rules(Rules {
                        down_delay: Duration::from_secs(dice(2) * 30),
                        ..RULES
                    }),
                    2 | 3 => {
                        let login = (dice(3) > 0).then(|| Login(dice(2)));
                        bench.backends.on_login(address(number), login);
                    }
                    4 => bench.backends.on_left_alone(address(number)),
                    5 => bench.backends.on_worker_ended(address(number)),
                    6 => {
                        bench.listed(number).tag = tags[dice(2) as usize].clone();
                        bench.read_list();
                    }
                    _ => bench.finding(number, Ok(Pass::Clean), false),
                },
                0 => bench.passes(number),
                1 => bench.refuses(number, false),
                2 | 3 => bench.refuses(number, true),
                4 => bench.refuses_login(number),
                5 => bench.pass_time(dice(60_000)),
                6 => bench.backends.on_sync(match dice(8) {
                    0 => Sync::Silent,
                    1 => Sync::Unsynced,
                    _ => Sync::Synced,
                }),
                7 if dice(4) == 0 => {
                    bench.set(number, [HostState::Up, HostState::Down][dice(2) as usize])
                }
                _ => {
                    bench.read_list();
                }
            }
            bench.backends.check_what_is_kept();
            // So that the next event meets a comparison that is kept.
            bench.measure();
            let action = match bench.decide(number) {
                Decision::Act(action) => action,
                _ => continue,
            };
            acts += 1;
            assert_eq!(bench.backends.sync(), Sync::Synced);
            let member = bench.backends.member(address(number)).unwrap();
            assert!(member.is_settled());
            if action == Action::MarkDown {
                let serves = |(other, with): &(IpAddr, &Member)| {
                    let tag = &with.listed.tag;
                    *other != address(number)
                        && with.listed.state == HostState::Up
                        && tag.takes_users_of(&member.listed.tag)
                };
                assert!(bench.backends.members().any(|other| serves(&other)));
            }
            let answer = [Answer::Done, Answer::Doubtful, Answer::NotDone][dice(3) as usize];
            bench.send(number, action, answer);
            if answer == Answer::Done || (answer == Answer::Doubtful && dice(2) == 0) {
                match action {
                    Action::MarkDown => bench.set(number, HostState::Down),
                    Action::MarkUp => bench.set(number, HostState::Up),
                    Action::Drain => bench.listed(number).users = 0,
                }
            }
            assert!(!matches!(bench.decide(number), Decision::Act(_)));
        }
        assert!(acts > 5, "the events must lead somewhere: {acts}");
    }
}

/// The reason that is shown is the first rule's, and not only the table's order.
#[test]
fn of_two_rules_that_hold_an_action_the_one_asked_first_gives_the_reason() {
    let own = Rules {
        restore: Restore::Own,
        ..RULES
    };
    let mut bench = Bench::with(2, own);
    bench.passes(0);
    bench.passes(1);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.backends.on_sync(Sync::Unsynced);
    bench.check_held(0, &Reason::Stale, Some(0));
    bench.passes(0);
    bench.check_held(0, &Reason::RingUnsynced, None);
    bench.backends.on_sync(Sync::Synced);
    let not_ours = Reason::NotOurs;
    bench.check_held(0, &not_ours, None);
    bench.backends.on_rules(RULES);
    let disputed = Reason::Disputed;
    bench.check_held(0, &disputed, None);

    let delayed = Rules {
        down_delay: Duration::from_secs(30),
        ..RULES
    };
    let mut bench = Bench::with(2, delayed);
    bench.refuses_login(0);
    bench.refuses_login(1);
    let shared = Reason::Shared {
        service: 0,
        stage: Stage::Login,
    };
    bench.check_held(0, &shared, None);
    bench.fails_while_passes(0, 1);
    bench.check_held(0, &Reason::DownDelay, None);
    bench.backends.on_turn_delay(Duration::from_secs(1));
    bench.check_held(0, &Reason::DownDelay, None);
    bench.pass_time(30_000);
    bench.check_held(0, &Reason::Turn, None);
    bench.pass_time(1000);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Doubtful);
    bench.backends.on_sync(Sync::Unsynced);
    bench.check_held(0, &Reason::NotListedYet, None);
}

#[test]
fn the_rules_are_asked_in_the_order_in_which_they_are_named() {
    let asked = super::RULES.iter().flat_map(|(rules, _)| *rules);
    let asked: Vec<usize> = asked.map(|rule| *rule as usize).collect();
    let named: Vec<usize> = (0..=Rule::Rank as usize).collect();
    assert_eq!(asked, named);
    let listed: Vec<usize> = Rule::ALL.iter().map(|rule| *rule as usize).collect();
    assert_eq!(listed, named);
}
