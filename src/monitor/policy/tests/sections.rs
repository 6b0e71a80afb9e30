//! Mail servers behind HAProxy that do not all stand in the same sections: who serves all that another one serves
//! can take its users.

use super::*;

/// Backend 0 serves IMAP and POP3, the others serve IMAP alone.
fn bench(backends: u8) -> Bench {
    bench_with(backends, RULES)
}

fn bench_with(backends: u8, rules: Rules) -> Bench {
    let mut bench = Bench::with(backends, rules);
    for number in 0..backends {
        bench.listed(number).tag = match number {
            0 => both(),
            _ => imap(),
        };
    }
    bench.read_list();
    bench
}

fn both() -> Tag {
    Tag::of_sections(vec!["imap", "pop3"])
}

fn imap() -> Tag {
    Tag::of_sections(vec!["imap"])
}

fn alarms_of(bench: &mut Bench) -> Alarms {
    alarms(&mut bench.backends, bench.now)
}

fn only(alarm: Alarm, number: u8) -> Alarms {
    Alarms::from([(alarm, [address(number)].into())])
}

#[test]
fn who_serves_more_is_a_refuge_and_who_serves_less_is_none() {
    let mut bench = bench(2);
    bench.fails_while_passes(1, 0);
    bench.check_acts(1, Action::MarkDown);
    bench.passes(1);
    bench.fails_while_passes(0, 1);
    bench.check_held(0, &Reason::NoRefuge(both()), None);
    assert_eq!(alarms_of(&mut bench), only(Alarm::NoRefuge(both()), 0));
}

#[test]
fn a_refuge_that_serves_more_is_probed_before_another_one_goes_down() {
    let mut bench = bench(2);
    bench.passes(0);
    bench.refuses(1, false);
    assert_eq!(control(&bench.backends, address(1)), Some(address(0)));
    bench.refuses(1, true);
    let candidate = address(0);
    bench.check_held(1, &Reason::RefugeAwaited { candidate }, Some(0));
    bench.passes(1);
    bench.refuses(0, false);
    assert_eq!(control(&bench.backends, address(0)), None);
}

#[test]
fn sections_are_without_service_once_nobody_is_up_that_serves_them() {
    let mut bench = bench(3);
    bench.set(1, HostState::Down);
    bench.set(2, HostState::Down);
    bench.read_list();
    assert_eq!(alarms_of(&mut bench), Alarms::new());
    bench.set(2, HostState::Up);
    bench.set(0, HostState::Down);
    bench.read_list();
    let without = |tag| Alarm::WithoutService(tag);
    assert_eq!(alarms_of(&mut bench), only(without(both()), 0));
    bench.set(2, HostState::Down);
    bench.read_list();
    let imap_servers = [address(1), address(2)].into();
    let mut expected = only(without(both()), 0);
    expected.insert(without(imap()), imap_servers);
    assert_eq!(alarms_of(&mut bench), expected);
}

/// The password of one is out of date.
#[test]
fn a_shared_fault_is_judged_by_those_that_could_take_the_users() {
    let refused = Reason::Shared {
        service: 0,
        stage: Stage::Login,
    };
    for (number, expected) in [
        (1, Decision::Act(Action::MarkDown)),
        // Nobody else serves POP3.
        (
            0,
            Decision::Hold(Hold {
                action: Action::MarkDown,
                reason: refused,
                until: None,
                need: None,
            }),
        ),
    ] {
        let mut bench = bench(2);
        for _ in 0..3 {
            bench.passes(1 - number);
            bench.refuses_login(number);
        }
        assert_eq!(bench.decide(number), expected);
    }
}

/// Where all that serve a section are down, the one that flaps comes up at once.
#[test]
fn an_unsteady_one_stays_down_while_somebody_serves_its_sections() {
    let unsteady = |bench: &mut Bench, number: u8| {
        for _ in 0..3 {
            bench.take_down(number, 1 - number);
            bench.passes(number);
            bench.set(number, HostState::Up);
            bench.read_list();
        }
        bench.take_down(number, 1 - number);
        bench.passes(number);
    };
    let mut bench = bench(2);
    unsteady(&mut bench, 1);
    bench.check_held(1, &Reason::Unsteady, None);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
    bench.passes(1);
    assert_eq!(
        bench.decide(0),
        Decision::Act(Action::MarkUp),
        "it serves both"
    );
}

#[test]
fn max_down_counts_those_that_serve_the_same_sections() {
    let rules = Rules {
        brake: Brake::AtMost(1),
        ..RULES
    };
    let mut bench = bench_with(4, rules);
    bench.take_down(1, 0);
    bench.fails_while_passes(2, 0);
    let held = Reason::MaxDown {
        tag: imap(),
        limit: Brake::AtMost(1),
        down: 1,
        backends: 3,
    };
    bench.check_held(2, &held, None);
}
