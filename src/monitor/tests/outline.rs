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
    let tags = bench.engine.snapshot().tags;
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

/// No descriptors: of the first two backends nothing can be checked, and the third is checked.
#[test]
fn what_this_machine_keeps_from_being_checked_is_said_with_who_is_judged_by_what() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 3]);
    let lacks = || Failure::new(Stage::Prepare, Fault::NoDescriptors);
    let said = |bench: &mut Bench| {
        bench.said.retain(|line| line.contains("cannot be checked"));
        std::mem::take(&mut bench.said)
    };
    for second in 0..30 {
        bench.second = second;
        for number in [1, 2] {
            bench.reports(number, Err(lacks()), None, None);
        }
        bench.finds(3, Ok(Pass::Clean));
        bench.tell(Input::Time);
    }
    assert_eq!(said(&mut bench), [
            "pop3:110 of 192.0.2.1, 192.0.2.2 cannot be checked from this machine: no file descriptor left; \
             no backend is taken down or brought up for that: nothing of 192.0.2.1, 192.0.2.2 can be checked, \
             so they stay as they are"
        ]);
}
