//! The rules over made-up time: small fleets, tables of what happens, and random event lists.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use crate::backend::{Listed, Stamp};
use crate::config::settings::{DrainMode, MoveLimit};
use crate::outcome::{Failure, Fault, Outcome, Pass};
use crate::quote::Quote;
use crate::schedule::Finding;

const MOVE: DrainMode = DrainMode::Move {
    limit: MoveLimit::All,
};

fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, number).into()
}

/// A fleet, a clock, and the list that the director would give.
struct Bench {
    fleet: Fleet,
    now: Instant,
    list: Vec<Listed>,
}

impl Bench {
    /// Backends 0, 1, ... all up, without tag, in a synced ring.
    fn new(backends: u8) -> Bench {
        Bench::with(backends, MOVE)
    }

    fn with(backends: u8, drain: DrainMode) -> Bench {
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
            fleet: Fleet::new(drain),
            now: Instant::now(),
            list,
        };
        bench.fleet.on_sync(Sync::Synced);
        bench.read_list();
        bench
    }

    fn pass_time(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    fn read_list(&mut self) -> Changes {
        self.pass_time(1);
        let changes = self.fleet.on_list(self.list.clone(), self.now);
        self.pass_time(1);
        changes
    }

    fn listed(&mut self, number: u8) -> &mut Listed {
        self.list
            .iter_mut()
            .find(|listed| listed.address == address(number))
            .unwrap()
    }

    /// The director's list shows another state, stamped a second later.
    fn set(&mut self, number: u8, state: HostState) {
        let listed = self.listed(number);
        listed.state = state;
        listed.changed = Stamp(listed.changed.0 + 1);
    }

    /// One attempt of 2 ms that is a round of its own.
    fn finding(&mut self, number: u8, result: Result<Pass, Failure>, last: bool) {
        let began = self.now;
        let latency = Duration::from_millis(2);
        self.now += latency;
        let verdict = last.then(|| match &result {
            Ok(pass) => Verdict::Healthy(*pass),
            Err(failure) => Verdict::Failed {
                service: 0,
                failure: failure.clone(),
            },
        });
        let finding = Finding {
            round_began: began,
            service: 0,
            outcome: Outcome {
                began,
                latency,
                result,
            },
            verdict,
        };
        self.fleet.on_finding(address(number), &finding);
        self.pass_time(1);
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

    fn decide(&self, number: u8) -> Decision {
        decide(&self.fleet, address(number), self.now)
    }

    fn check_acts(&self, number: u8, action: Action) {
        assert_eq!(self.decide(number), Decision::Act(action));
    }

    fn check_held(&self, number: u8, reason: &Reason, probe: Option<u8>) {
        match self.decide(number) {
            Decision::Hold(hold) => {
                assert_eq!(&hold.reason, reason);
                assert_eq!(hold.probe, probe.map(address));
            }
            decision => panic!("expected a hold, {decision:?}"),
        }
    }

    fn check_nothing(&self, number: u8) {
        assert_eq!(self.decide(number), Decision::Nothing);
    }

    fn send(&mut self, number: u8, action: Action, answer: Answer) {
        self.fleet.on_sent(address(number), action, self.now);
        self.pass_time(1);
        self.fleet
            .on_answer(address(number), action, answer, self.now);
    }

    /// Takes the backend down for real and lets the list show it.
    fn take_down(&mut self, number: u8, refuge: u8) {
        self.fails_while_passes(number, refuge);
        self.check_acts(number, Action::MarkDown);
        self.send(number, Action::MarkDown, Answer::Done);
        self.set(number, HostState::Down);
        let changes = self.read_list();
        assert!(changes.news.is_empty(), "our own doing is no news");
    }
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
    assert_eq!(bench.read_list().paid, [address(0)]);
    bench.check_nothing(0);

    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
    bench.send(0, Action::MarkUp, Answer::Done);
    bench.set(0, HostState::Up);
    assert!(bench.read_list().news.is_empty());
    bench.check_nothing(0);
}

mod settle {
    use super::*;

    #[test]
    fn no_second_command_before_the_answer_and_a_list_read_after_it() {
        let mut bench = Bench::new(2);
        bench.fails_while_passes(0, 1);
        bench.fleet.on_sent(address(0), Action::MarkDown, bench.now);
        bench.check_held(0, &Reason::InFlight, None);
        let list_begun_before_the_answer = bench.now;
        bench.pass_time(5);
        bench
            .fleet
            .on_answer(address(0), Action::MarkDown, Answer::Done, bench.now);
        bench
            .fleet
            .on_list(bench.list.clone(), list_begun_before_the_answer);
        bench.check_held(0, &Reason::NotListedYet, None);
        bench.set(0, HostState::Down);
        bench.read_list();
        bench.check_acts(0, Action::Drain);
    }

    #[test]
    fn an_ambiguous_answer_that_was_carried_out_is_not_repeated() {
        let mut bench = Bench::new(2);
        bench.fails_while_passes(0, 1);
        bench.send(0, Action::MarkDown, Answer::NotDone);
        bench.set(0, HostState::Down);
        let changes = bench.read_list();
        assert_eq!((changes.news, changes.unobserved), (vec![], vec![]));
        bench.check_acts(0, Action::Drain);
    }

    #[test]
    fn what_was_not_done_is_tried_again_after_a_growing_pause() {
        let mut bench = Bench::new(2);
        bench.fails_while_passes(0, 1);
        for pause in [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
            bench.check_acts(0, Action::MarkDown);
            bench.send(0, Action::MarkDown, Answer::NotDone);
            bench.read_list();
            bench.check_held(0, &Reason::SetBack, None);
            bench.pass_time(pause - 10);
            bench.check_held(0, &Reason::SetBack, None);
            bench.pass_time(10);
        }
    }

    #[test]
    fn an_ok_without_effect_is_reported() {
        let mut bench = Bench::new(2);
        bench.fails_while_passes(0, 1);
        bench.send(0, Action::MarkDown, Answer::Done);
        assert_eq!(bench.read_list().unobserved, [address(0)]);
        bench.check_acts(0, Action::MarkDown);
    }
}

mod blame {
    use super::*;

    #[test]
    fn a_login_refused_everywhere_takes_nobody_down() {
        let mut bench = Bench::new(3);
        for number in 0..3 {
            bench.refuses_login(number);
        }
        let reason = Reason::Shared {
            service: 0,
            stage: Stage::Login,
        };
        for number in 0..3 {
            bench.check_held(number, &reason, None);
        }
        assert!(reason.alarm().is_some());
    }

    #[test]
    fn a_login_refused_by_one_counts_once_another_has_passed_it() {
        let mut bench = Bench::new(2);
        bench.passes(1);
        bench.refuses_login(0);
        let reason = Reason::Shared {
            service: 0,
            stage: Stage::Login,
        };
        bench.check_held(0, &reason, Some(1));
        bench.passes(1);
        bench.refuses_login(0);
        bench.check_acts(0, Action::MarkDown);
    }

    #[test]
    fn a_fault_of_the_monitors_own_raises_no_doubt() {
        let mut bench = Bench::new(2);
        bench.passes(0);
        let failure = Failure::new(Stage::Prepare, Fault::NoDescriptors);
        bench.finding(0, Err(failure), false);
        bench.check_nothing(0);
        assert_eq!(control(&bench.fleet, address(0)), None);
    }
}

mod fresh {
    use super::*;

    #[test]
    fn a_restarted_director_gets_a_dead_backend_down_after_one_more_failure() {
        let mut bench = Bench::new(2);
        bench.take_down(0, 1);
        bench.set(0, HostState::Up);
        assert_eq!(
            bench.read_list().news,
            [News {
                address: address(0),
                from: HostState::Down,
                to: HostState::Up
            }]
        );
        bench.check_held(0, &Reason::Stale, Some(0));
        bench.refuses(0, true);
        bench.check_acts(0, Action::MarkDown);
    }

    #[test]
    fn a_backend_that_somebody_else_brought_up_is_not_taken_down_if_it_passes() {
        let mut bench = Bench::new(2);
        bench.take_down(0, 1);
        bench.set(0, HostState::Up);
        bench.read_list();
        bench.passes(0);
        bench.check_nothing(0);
    }

    #[test]
    fn an_administrators_down_is_probed_before_it_is_undone() {
        let mut bench = Bench::new(2);
        bench.passes(0);
        bench.set(0, HostState::Down);
        bench.read_list();
        bench.check_held(0, &Reason::Stale, Some(0));
        bench.passes(0);
        bench.check_acts(0, Action::MarkUp);
    }

    #[test]
    fn two_changes_between_two_lists_are_news_by_their_stamp() {
        let mut bench = Bench::new(2);
        bench.fails_while_passes(0, 1);
        bench.check_acts(0, Action::MarkDown);
        bench.set(0, HostState::Up);
        bench.read_list();
        bench.check_held(0, &Reason::Stale, Some(0));
    }
}

mod ring {
    use super::*;

    #[test]
    fn nothing_is_sent_unless_the_ring_is_synced() {
        for (sync, reason) in [
            (Sync::Unsynced, Reason::RingUnsynced),
            (Sync::Silent, Reason::Silent),
        ] {
            let mut bench = Bench::new(2);
            bench.fails_while_passes(0, 1);
            bench.fleet.on_sync(sync);
            bench.check_held(0, &reason, None);
            bench.fleet.on_sync(Sync::Synced);
            bench.take_down(0, 1);
            bench.fleet.on_sync(sync);
            bench.check_held(0, &reason, None);
        }
    }
}

mod refuge {
    use super::*;

    #[test]
    fn a_backend_in_doubt_names_a_control() {
        let mut bench = Bench::new(3);
        bench.passes(1);
        bench.passes(2);
        bench.refuses(0, false);
        assert_eq!(control(&bench.fleet, address(0)), Some(address(2)));
        bench.refuses(2, false);
        assert_eq!(control(&bench.fleet, address(0)), Some(address(1)));
        bench.passes(1);
        assert_eq!(control(&bench.fleet, address(0)), None);
    }

    #[test]
    fn a_pass_before_the_first_failure_is_no_refuge() {
        let mut bench = Bench::new(2);
        bench.passes(1);
        bench.refuses(0, true);
        bench.check_held(
            0,
            &Reason::RefugeAwaited {
                candidate: address(1),
            },
            Some(1),
        );
    }

    #[test]
    fn a_pass_after_the_last_failure_asks_for_one_more() {
        let mut bench = Bench::new(2);
        bench.refuses(0, true);
        bench.passes(1);
        bench.check_held(0, &Reason::FailureAwaited { refuge: address(1) }, Some(0));
        bench.refuses(0, true);
        bench.check_acts(0, Action::MarkDown);
    }

    #[test]
    fn a_refuge_that_passes_again_and_again_stays_one() {
        let mut bench = Bench::new(2);
        bench.refuses(0, false);
        bench.passes(1);
        bench.refuses(0, true);
        bench.passes(1);
        bench.passes(1);
        bench.check_acts(0, Action::MarkDown);
    }

    #[test]
    fn nobody_is_taken_down_when_nobody_passes() {
        let mut bench = Bench::new(3);
        for number in 0..3 {
            bench.refuses(number, true);
        }
        for number in 0..3 {
            bench.check_held(number, &Reason::NoRefuge(Tag::default()), None);
        }
    }

    #[test]
    fn everything_back_at_once_costs_nothing() {
        let mut bench = Bench::new(3);
        for number in 0..3 {
            bench.refuses(number, true);
        }
        bench.passes(1);
        bench.check_held(0, &Reason::FailureAwaited { refuge: address(1) }, Some(0));
        bench.passes(0);
        bench.passes(2);
        for number in 0..3 {
            bench.check_nothing(number);
        }
    }

    #[test]
    fn what_cannot_take_users_is_no_refuge() {
        type Change = fn(&mut Bench);
        let cases: [(&str, Change); 4] = [
            ("listed down", |bench| bench.set(1, HostState::Down)),
            ("out of rotation", |bench| bench.listed(1).vhosts = 0),
            ("of another tag", |bench| {
                bench.listed(1).tag = Tag::new("archive");
            }),
            ("gone", |bench| {
                bench.list.pop();
            }),
        ];
        for (why, change) in cases {
            let mut bench = Bench::new(2);
            change(&mut bench);
            bench.read_list();
            bench.fails_while_passes(0, 1);
            match bench.decide(0) {
                Decision::Hold(hold) => {
                    assert_eq!(hold.reason, Reason::NoRefuge(Tag::default()), "{why}")
                }
                decision => panic!("{why}: {decision:?}"),
            }
        }
    }

    #[test]
    fn a_backend_on_its_way_down_is_no_refuge() {
        let mut bench = Bench::new(2);
        bench.fails_while_passes(0, 1);
        bench.fleet.on_sent(address(0), Action::MarkDown, bench.now);
        bench.fails_while_passes(1, 0);
        bench.check_held(1, &Reason::NoRefuge(Tag::default()), None);
    }

    #[test]
    fn a_refuge_that_has_failed_since_is_none() {
        let mut bench = Bench::new(2);
        bench.fails_while_passes(0, 1);
        bench.refuses(1, false);
        bench.check_held(0, &Reason::NoRefuge(Tag::default()), None);
    }

    #[test]
    fn of_two_that_fail_together_the_second_stays_up() {
        let mut bench = Bench::new(2);
        bench.take_down(0, 1);
        bench.fails_while_passes(1, 0);
        bench.check_held(1, &Reason::NoRefuge(Tag::default()), None);
    }
}

mod drain {
    use super::*;

    #[test]
    fn it_is_repeated_until_an_ok_is_followed_by_a_list_without_users() {
        let mut bench = Bench::new(2);
        bench.take_down(0, 1);
        for pause in [1000, 2000, 4000] {
            bench.check_acts(0, Action::Drain);
            bench.send(0, Action::Drain, Answer::Done);
            bench.read_list();
            bench.check_held(0, &Reason::DrainPause, None);
            bench.pass_time(pause);
        }
        bench.send(0, Action::Drain, Answer::NotDone);
        bench.listed(0).users = 0;
        assert!(bench.read_list().paid.is_empty(), "no OK, no proof");
        bench.pass_time(8000);
        bench.send(0, Action::Drain, Answer::Done);
        assert_eq!(bench.read_list().paid, [address(0)]);
    }

    #[test]
    fn users_who_appear_later_are_left_alone() {
        let mut bench = Bench::new(2);
        bench.take_down(0, 1);
        bench.send(0, Action::Drain, Answer::Done);
        bench.listed(0).users = 0;
        bench.read_list();
        bench.listed(0).users = 1;
        bench.read_list();
        bench.check_nothing(0);
    }

    #[test]
    fn a_debt_from_the_ledger_is_paid_without_a_verdict() {
        let mut bench = Bench::new(2);
        bench.set(0, HostState::Down);
        bench.read_list();
        bench.check_nothing(0);
        bench.fleet.on_debt(address(0), bench.now);
        bench.check_acts(0, Action::Drain);
    }

    #[test]
    fn a_down_by_somebody_else_owes_nothing() {
        let mut bench = Bench::new(2);
        bench.set(0, HostState::Down);
        bench.read_list();
        bench.refuses(0, true);
        bench.check_nothing(0);
    }

    #[test]
    fn a_debt_outlives_a_list_that_does_not_show_the_down_yet() {
        let mut bench = Bench::new(2);
        bench.fleet.on_debt(address(0), bench.now);
        assert!(bench.read_list().paid.is_empty());
        bench.pass_time(60_000);
        assert!(bench.read_list().paid.is_empty());
        bench.pass_time(10_000);
        assert_eq!(bench.read_list().paid, [address(0)]);
    }

    #[test]
    fn nothing_is_owed_where_the_operator_wants_users_left() {
        let mut bench = Bench::with(2, DrainMode::Leave);
        bench.take_down(0, 1);
        bench.check_nothing(0);
    }

    #[test]
    fn coming_up_again_comes_before_draining() {
        let mut bench = Bench::new(2);
        bench.take_down(0, 1);
        bench.passes(0);
        bench.check_acts(0, Action::MarkUp);
        bench.send(0, Action::MarkUp, Answer::Done);
        assert!(bench.fleet.member(address(0)).unwrap().debt.is_none());
    }
}

#[test]
fn a_probe_is_asked_for_once_until_it_has_come_in() {
    let mut bench = Bench::new(1);
    let (one, now) = (address(0), bench.now);
    assert!(bench.fleet.ask(one, now));
    assert!(!bench.fleet.ask(one, now));
    bench.passes(0);
    assert!(bench.fleet.ask(one, bench.now));
    assert!(!bench.fleet.ask(address(7), bench.now), "not listed");
}

/// Whatever happens in whatever order: no command unless synced, no second one for a backend before
/// the first is settled, no down of a backend that the list shows as the tag's last.
#[test]
fn no_list_of_events_breaks_the_rules() {
    for seed in 1..200_u64 {
        let mut seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut dice = move |sides: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % sides
        };
        let mut bench = Bench::new(3);
        let mut acts = 0;
        for _ in 0..500 {
            let number = dice(3) as u8;
            match dice(9) {
                0 => bench.passes(number),
                1 => bench.refuses(number, false),
                2 | 3 => bench.refuses(number, true),
                4 => bench.refuses_login(number),
                5 => bench.pass_time(dice(5000)),
                6 => bench.fleet.on_sync(match dice(8) {
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
            let action = match bench.decide(number) {
                Decision::Act(action) => action,
                _ => continue,
            };
            acts += 1;
            assert_eq!(bench.fleet.sync(), Sync::Synced);
            let member = bench.fleet.member(address(number)).unwrap();
            assert!(member.is_settled());
            if action == Action::MarkDown {
                let up = |(other, member): &(IpAddr, &Member)| {
                    *other != address(number) && member.listed.state == HostState::Up
                };
                assert!(bench.fleet.members().any(|other| up(&other)));
            }
            let answer = [Answer::Done, Answer::NotDone][dice(2) as usize];
            bench.send(number, action, answer);
            if answer == Answer::Done || dice(2) == 0 {
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
