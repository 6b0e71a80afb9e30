//! What a person is told at a glance.

use super::*;
use crate::monitor::policy::Rule;

#[test]
fn an_outline_names_who_is_down_or_has_failed_and_counts_what_is_held_back() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 4]);
    for number in 1..=2 {
        bench.finds(number, Err(refused()));
    }
    bench.second = 60;
    let down = Listed {
        changed: Stamp(1_800_000_020),
        ..listed(4, HostState::Down)
    };
    let up = (1..=3).map(|number| listed(number, HostState::Up));
    bench.lists_of(up.chain([down]).collect());
    for number in 1..=2 {
        bench.finds(number, Err(refused()));
    }
    let outline = bench.engine.outline();
    let told: Vec<_> = outline
        .troubles
        .iter()
        .map(|trouble| (trouble.address, trouble.lasts, trouble.cause.clone()))
        .collect();
    let cause = Some("pop3:110 connect: connection refused".to_owned());
    assert_eq!(
        told,
        [
            (address(4), Some(Duration::from_secs(40)), None),
            (address(1), None, cause),
        ]
    );
    assert_eq!((outline.summary.up, outline.more), (3, 1));
    assert_eq!(outline.held, [(Rule::Refuge, 2)]);
    let snapshot = bench.engine.snapshot();
    assert_eq!(snapshot.summary, outline.summary);
    let tags = snapshot.tags;
    assert_eq!((tags[0].up, tags[0].vhosts_up), (3, 300));
}

#[test]
fn a_list_is_current_while_it_is_young_and_the_director_answers() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    assert_eq!(bench.engine.currency(), Currency::Old, "none was read yet");
    bench.lists(&[HostState::Up]);
    assert_eq!(bench.engine.currency(), Currency::Current);
    bench.tell(Input::Lists {
        connection: 1,
        reading: Err(lost(PoolStage::Reading)),
    });
    assert_eq!(bench.engine.currency(), Currency::Old, "it is silent");
    bench.second = 1;
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    assert_eq!(bench.engine.currency(), Currency::Current);
    bench.second = 100;
    bench.tell(Input::Time);
    assert_eq!(bench.engine.currency(), Currency::Old, "it is old");
}

/// Three backends with two services each. No descriptors for these, by backend and service.
fn lacking_descriptors(at: &[(u8, usize)]) -> Vec<String> {
    let terms = terms_with(Chosen::default(), 0..=1, Backends::new());
    let mut bench = Bench::of(terms, Remembered::new());
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 3]);
    for second in 0..30 {
        bench.second = second;
        for number in 1..=3 {
            for service in 0..=1 {
                let result = match at.contains(&(number, service)) {
                    true => Err(Failure::new(Stage::Prepare, Fault::NoDescriptors)),
                    false => Ok(Pass::Clean),
                };
                bench.reports_on(service, number, result, None, None);
            }
        }
        bench.tell(Input::Time);
    }
    bench.said.retain(|line| line.contains("cannot be checked"));
    bench.said
}

#[test]
fn what_this_machine_keeps_from_being_checked_is_said_with_who_is_judged_by_what() {
    let untouched =
        "cannot be checked from this machine: no file descriptor left; no backend is taken \
                     down or brought up for that:";
    let others = "each is judged by its other services";
    for (at, of, judged) in [
        (
            &[(1, 0), (2, 0)][..],
            "pop3:110 of 192.0.2.1, 192.0.2.2",
            others.to_owned(),
        ),
        (
            &[(1, 0), (1, 1), (2, 0), (2, 1)],
            "imap:143, pop3:110 of 192.0.2.1, 192.0.2.2",
            "nothing of 192.0.2.1, 192.0.2.2 can be checked, so they stay as they are".to_owned(),
        ),
        (
            &[(1, 0), (2, 0), (2, 1)],
            "imap:143, pop3:110 of 192.0.2.1, 192.0.2.2",
            format!("{others}; nothing of 192.0.2.2 can be checked, so it stays as it is"),
        ),
    ] {
        assert_eq!(
            lacking_descriptors(at),
            [format!("{of} {untouched} {judged}")]
        );
    }
}
