//! Backends that the accounts file names, with accounts of their own, and backends that it leaves alone.

use super::*;
use crate::config::accounts;

/// The backends of this file alone are probed.
fn bench(file: &str) -> Bench {
    let choices = Chosen {
        poll_unknown_backends: false.into(),
        ..Chosen::default()
    };
    let known = accounts::parse(file.as_bytes()).unwrap().backends;
    let mut bench = Bench::of(terms_with(choices, 0..=0, known), Remembered::new());
    bench.tell(Input::Time);
    bench
}

const ONE_ACCOUNT: &str = "192.0.2.1: {username: u, password: p}\n\
                           192.0.2.2: {username: u, password: p}\n";

const AN_ACCOUNT_EACH: &str = "192.0.2.1: {username: u, password: p}\n\
                               192.0.2.2: {username: v, password: p}\n";

#[test]
fn a_backend_without_a_thread_is_shown_apart_from_one_that_is_left_alone() {
    let mut bench = bench(ONE_ACCOUNT);
    bench.lists(&[HostState::Up; 3]);
    let cause = "no more threads".to_owned();
    bench.tell(Input::WorkerNotStarted {
        address: address(1),
        number: bench.workers[0],
        cause,
    });
    let shown = |bench: &Bench, number: usize| {
        let view = bench.engine.snapshot().backends[number - 1].clone();
        (view.checks, view.standing, view.cause)
    };
    let without_thread = (Checks::NoThread, Standing::Unknown, String::new());
    assert_eq!(shown(&bench, 1), without_thread);
    let cause = "the accounts file does not name it".to_owned();
    let left_alone = (Checks::LeftAlone, Standing::NotChecked, cause);
    assert_eq!(shown(&bench, 3), left_alone);
}

fn login_refused() -> Failure {
    let fault = Fault::CredentialsRefused(Quote::new("no"));
    Failure::new(Stage::Login, fault)
}

/// The first fails by what may be a fault of all, and the second passes; whether the first is to be taken down.
fn is_taken_down_for(failure: &Failure, file: &str, listed: usize) -> bool {
    let mut bench = bench(file);
    let all_up = vec![HostState::Up; listed];
    bench.lists(&all_up);
    for second in 1..5 {
        bench.second = second;
        bench.finds(1, Err(failure.clone()));
        bench.finds(2, Ok(Pass::Clean));
        bench.lists(&all_up);
    }
    match &bench.sent[..] {
        [] => {
            let reason = bench.engine.holds()[&address(1)].reason.clone();
            let stage = failure.stage;
            assert_eq!(reason, Reason::Shared { service: 0, stage });
            false
        }
        sent => {
            assert_is_one_down_of_the_first(sent);
            true
        }
    }
}

#[test]
fn an_account_that_is_refused_is_compared_with_the_same_account_alone() {
    assert!(is_taken_down_for(&login_refused(), ONE_ACCOUNT, 2));
    assert!(!is_taken_down_for(&login_refused(), AN_ACCOUNT_EACH, 2));
}

#[test]
fn backends_that_are_left_alone_are_none_of_those_that_one_is_compared_with() {
    let no_starttls = Failure::new(Stage::StartTls, Fault::StartTlsMissing);
    for failure in [no_starttls, login_refused()] {
        assert!(is_taken_down_for(&failure, ONE_ACCOUNT, 6), "{failure}");
    }
}
