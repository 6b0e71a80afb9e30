//! At fake backends, which fail on command.

use super::{account, dovemon, wait_for_alarm, A_WHILE};
use crate::lab::fake_backend::{Mood, IMAP, POP3};
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};
use crate::lab::monitor::MonitorPlan;
use crate::lab::patience::{hold_for, wait_until};
use crate::lab::together::together;

/// How a service's attempts become a verdict.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Retries,
    Rapid,
}

const PLANS: [Plan; 2] = [Plan::Retries, Plan::Rapid];

/// Checks IMAP and POP3, with a login.
fn monitor(pool: &FakePool, plan: Plan) -> MonitorPlan {
    match plan {
        Plan::Retries => pool
            .bare_monitor()
            .flags("-i 1 -t 1 --retries=1 --retry-delay=0.3")
            .flags(&format!("-p IMAP:{IMAP} -p POP3:{POP3}"))
            .credentials(USER, PASSWORD),
        Plan::Rapid => {
            let accounts: String = (0..pool.backends.len())
                .map(|k| account(pool.address(k), USER, PASSWORD))
                .collect();
            let keys = format!(
                "interval: 1\ntimeout: 1\nrapidpoll_timeout: 1\npoll_pop3: True\npop3_port: {POP3}\n"
            );
            dovemon(
                &pool.place,
                "monitor",
                &pool.director.socket(),
                &keys,
                &accounts,
            )
        }
    }
}

fn states(pool: &FakePool) -> String {
    pool.director.states()
}

#[track_caller]
fn wait_for_states(pool: &FakePool, expected: &str) {
    wait_until(&format!("the states {expected}"), REACTION, || {
        states(pool) == expected
    });
}

#[track_caller]
fn hold_states(pool: &FakePool, expected: &str) {
    hold_for(&format!("the states {expected}"), A_WHILE, || {
        states(pool) == expected
    });
}

/// Ways to fail before the login.
const DEATHS: [Mood; 5] = [
    Mood::Refusing,
    Mood::Silent,
    Mood::Closing,
    Mood::Bye,
    Mood::Junk,
];

fn plans_and_deaths() -> impl Iterator<Item = (Plan, Mood)> {
    let with_deaths = |plan: Plan| DEATHS.iter().map(move |death| (plan, *death));
    PLANS.into_iter().flat_map(with_deaths)
}

#[test]
fn whatever_fails_before_the_login_that_all_refuse_goes_down_and_comes_up() {
    together(plans_and_deaths(), |(plan, death)| {
        let pool = FakePool::start(3);
        pool.set_all(Mood::RefusingLogin);
        let monitor = monitor(&pool, plan).start();
        wait_for_alarm(&monitor, &format!("imap:{IMAP} login"));
        pool.backends[1].set(death);
        wait_for_states(&pool, "UDU");
        pool.backends[1].set(Mood::RefusingLogin);
        wait_for_states(&pool, "UUU");
        hold_states(&pool, "UUU");
    });
}

#[test]
fn one_that_is_dead_or_gone_when_the_monitor_starts_goes_down_while_all_refuse_the_login() {
    let gone = PLANS.map(|plan| (plan, Mood::BlackHole));
    together(plans_and_deaths().chain(gone), |(plan, death)| {
        let pool = FakePool::start(3);
        pool.set_all(Mood::RefusingLogin);
        pool.backends[1].set(death);
        let _monitor = monitor(&pool, plan).start();
        wait_for_states(&pool, "UDU");
        hold_states(&pool, "UDU");
    });
}

#[test]
fn a_port_that_fails_is_judged_while_another_has_a_fault_that_all_share() {
    let orders = [("imap", IMAP, POP3), ("pop3", POP3, IMAP)];
    let deaths = [Mood::Refusing, Mood::Silent, Mood::Unavailable];
    let with_orders = |plan: Plan| orders.into_iter().map(move |order| (plan, order));
    let with_deaths = |(plan, order)| deaths.into_iter().map(move |death| (plan, order, death));
    let cases = PLANS
        .into_iter()
        .flat_map(with_orders)
        .flat_map(with_deaths);
    together(cases, |(plan, (name, shared, own), death)| {
        let pool = FakePool::start(3);
        for backend in &pool.backends {
            backend.set_port(shared, Mood::RefusingLogin);
        }
        let monitor = monitor(&pool, plan).start();
        wait_for_alarm(&monitor, &format!("{name}:{shared} login"));
        pool.backends[1].set_port(own, death);
        wait_for_states(&pool, "UDU");
        pool.backends[1].set_port(own, Mood::Healthy);
        wait_for_states(&pool, "UUU");
        hold_states(&pool, "UUU");
    });
}

#[test]
fn a_shared_fault_that_begins_or_ends_while_one_is_dead_changes_nothing_for_that_one() {
    let cases = PLANS.into_iter().flat_map(|plan| {
        let deaths = [Mood::Refusing, Mood::Silent].into_iter();
        deaths.map(move |death| (plan, death))
    });
    together(cases, |(plan, death)| {
        let pool = FakePool::start(3);
        let monitor = monitor(&pool, plan).start();
        pool.wait_for_visits();
        let all_but_the_second = |mood: Mood| {
            for backend in [0, 2] {
                pool.backends[backend].set(mood);
            }
        };
        pool.backends[1].set(death);
        wait_for_states(&pool, "UDU");
        all_but_the_second(Mood::RefusingLogin);
        wait_for_alarm(&monitor, &format!("imap:{IMAP} login"));
        hold_states(&pool, "UDU");
        pool.backends[1].set(Mood::RefusingLogin);
        wait_for_states(&pool, "UUU");
        hold_states(&pool, "UUU");
        pool.backends[1].set(death);
        wait_for_states(&pool, "UDU");
        all_but_the_second(Mood::Healthy);
        hold_states(&pool, "UDU");
        pool.backends[1].set(Mood::Healthy);
        wait_for_states(&pool, "UUU");
        hold_states(&pool, "UUU");
    });
}

/// It gets as far as those that refuse it: nobody can say what a good password would meet there.
#[test]
fn one_that_fails_at_the_login_itself_is_judged_once_others_pass_it() {
    together(PLANS, |plan| {
        let pool = FakePool::start(3);
        pool.set_all(Mood::RefusingLogin);
        let monitor = monitor(&pool, plan).start();
        wait_for_alarm(&monitor, &format!("imap:{IMAP} login"));
        pool.backends[1].set(Mood::Unavailable);
        let failed = [" ERR ", "login", &pool.address(1).to_string(), "failed"];
        monitor.wait_for_line(&failed, REACTION);
        hold_states(&pool, "UUU");
        for backend in [0, 2] {
            pool.backends[backend].set(Mood::Healthy);
        }
        wait_for_states(&pool, "UDU");
        pool.backends[1].set(Mood::Healthy);
        wait_for_states(&pool, "UUU");
    });
}

#[test]
fn wrong_passwords_of_accounts_of_their_own_keep_no_dead_backend_up() {
    together([Mood::Refusing, Mood::Silent], |death| {
        let pool = FakePool::start(3);
        let accounts: String = (0..3)
            .map(|k| account(pool.address(k), &format!("user{k}"), "forgotten"))
            .collect();
        let keys = "interval: 1\ntimeout: 1\nrapidpoll_timeout: 1\n";
        let socket = pool.director.socket();
        let monitor = dovemon(&pool.place, "monitor", &socket, keys, &accounts).start();
        wait_for_alarm(&monitor, &format!("imap:{IMAP} login"));
        pool.backends[1].set(death);
        wait_for_states(&pool, "UDU");
        pool.backends[1].set(Mood::Healthy);
        wait_for_states(&pool, "UUU");
        hold_states(&pool, "UUU");
    });
}
