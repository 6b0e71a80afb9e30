//! What was found out of the services before a reload.

use super::*;
use crate::monitor::policy::Age;

/// The first two backends are up and judged; then others of poolmon's services are checked.
fn with_other_services() -> Bench {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Err(refused()));
    bench.second = 1;
    bench.finds(2, Ok(Pass::Clean));
    bench.said.clear();
    bench.tell(Input::Settings(Ok(Box::new(terms_of(
        Chosen::default(),
        1,
    )))));
    assert_eq!(bench.instructed.len(), 2);
    bench
}

#[test]
fn what_a_worker_still_reports_of_the_former_services_is_dropped() {
    let mut bench = with_other_services();
    let failing = |bench: &Bench| {
        let member = bench.engine.backends().member(address(1)).unwrap();
        member.evidence.failing().len()
    };
    bench.second = 2;
    bench.finds(1, Err(refused()));
    assert_eq!(failing(&bench), 0);
    bench.workers = bench.instructed.clone();
    bench.finds(1, Err(refused()));
    assert_eq!(failing(&bench), 1);
}

#[test]
fn a_verdict_on_the_former_services_takes_nobody_down() {
    let mut bench = with_other_services();
    bench.second = 2;
    bench.lists(&[HostState::Up, HostState::Up]);
    let member = bench.engine.backends().member(address(1)).unwrap();
    assert_eq!(member.evidence.age(), Age::OfFormerServices);
    assert!(member.evidence.failing().is_empty());
    let reason = &bench.engine.holds()[&address(1)].reason;
    assert_eq!(reason, &Reason::Stale);
    assert_eq!(bench.sent, []);
}

/// What only a restart can change is said, and stays as it was.
#[test]
fn what_a_reload_cannot_change_is_a_warning_each_and_nothing_else_is() {
    let warned = |change: fn(&mut Settings)| {
        let mut bench = Bench::new();
        bench.tell(Input::Time);
        let mut terms = terms(Chosen::default());
        change(&mut terms.settings);
        bench.said.clear();
        bench.tell(Input::Settings(Ok(Box::new(terms))));
        let before = terms_of(Chosen::default(), 0).settings;
        assert_eq!(bench.engine.settings.files.lock, before.files.lock);
        assert_eq!(bench.engine.settings.files.state, before.files.state);
        assert_eq!(bench.engine.settings.files.record, before.files.record);
        assert_eq!(bench.engine.settings.run, before.run);
        bench.said.retain(|line| line.starts_with("reload: "));
        bench.said
    };
    assert_eq!(warned(|_| {}), [""; 0]);
    for (change, expected) in [
        (
            (|settings| settings.files.lock = "/other".into()) as fn(&mut Settings),
            "reload: another lock file takes a restart; the old one stays in use",
        ),
        (
            |settings| settings.files.state = "/other".into(),
            "reload: another state file takes a restart; the old one stays in use",
        ),
        (
            |settings| settings.files.record = Some("/other".into()),
            "reload: another recording takes a restart; the old one goes on, if there is one",
        ),
    ] {
        assert_eq!(warned(change), [expected]);
    }
}
