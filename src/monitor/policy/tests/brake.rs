//! The limits that the operator sets.

use super::*;

fn bench(brake: Brake) -> Bench {
    Bench::with(4, Rules { brake, ..RULES })
}

fn max_down(limit: Brake, down: usize, backends: usize) -> Reason {
    Reason::MaxDown {
        tag: Tag::default(),
        limit,
        down,
        backends,
    }
}

#[test]
fn a_number_and_a_share_of_the_vhost_count_are_not_exceeded() {
    for brake in [Brake::AtMost(1), Brake::Percent(49), Brake::Percent(25)] {
        let mut bench = bench(brake);
        bench.take_down(0, 3);
        bench.fails_while_passes(1, 3);
        bench.check_held(1, &max_down(brake, 1, 4), None);
    }
    for brake in [Brake::AtMost(2), Brake::Percent(50), Brake::Refuge] {
        let mut bench = bench(brake);
        bench.take_down(0, 3);
        bench.fails_while_passes(1, 3);
        bench.check_acts(1, Action::MarkDown);
    }
}

/// A director before 2.2.19 lists a down backend with vhost count 0.
fn count_0(bench: &mut Bench, number: u8) {
    let listed = bench.listed(number);
    (listed.state, listed.vhosts, listed.changed) = (HostState::Down, 0, Stamp(0));
    bench.read_list();
}

#[test]
fn a_backend_that_is_down_by_its_vhost_count_weighs_what_it_did_before() {
    for (percent, vhosts, held) in [(50, 100, true), (60, 100, false), (50, 10, false)] {
        let mut bench = Bench::with(
            5,
            Rules {
                brake: Brake::Percent(percent),
                ..RULES
            },
        );
        for number in [0, 1] {
            bench.listed(number).vhosts = vhosts;
            bench.read_list();
            count_0(&mut bench, number);
        }
        bench.fails_while_passes(2, 4);
        match held {
            true => bench.check_held(2, &max_down(Brake::Percent(percent), 2, 5), None),
            false => bench.check_acts(2, Action::MarkDown),
        }
    }
}

/// One that was down already when this monitor started weighs what the state file remembers, or
/// Dovecot's default. Where there are states, a vhost count of 0 is none.
#[test]
fn what_it_weighed_before_is_remembered_or_taken_for_the_default() {
    let down = |vhosts| OwnDown {
        stamp_before: Stamp(0),
        sent: Stamp(1_800_000_000),
        vhosts,
        stamp: None,
    };
    for (memory, stamp, held) in [
        (None, Stamp(0), true),
        (Some(down(100)), Stamp(0), true),
        (Some(down(10)), Stamp(0), false),
        (None, Stamp(1_700_000_000), false),
    ] {
        let rules = Rules {
            brake: Brake::Percent(60),
            ..RULES
        };
        let mut bench = Bench::with(4, rules);
        bench.list.truncate(2);
        bench.read_list();
        for number in [2, 3] {
            bench.list.push(Listed {
                address: address(number),
                vhosts: 0,
                state: HostState::Down,
                changed: stamp,
                ..bench.list[0].clone()
            });
        }
        bench.read_list();
        for number in [2, 3] {
            let memory = Memory {
                down: memory,
                ..Memory::default()
            };
            bench.remember(number, memory);
        }
        bench.fails_while_passes(0, 1);
        match held {
            true => bench.check_held(0, &max_down(Brake::Percent(60), 2, 4), None),
            false => bench.check_acts(0, Action::MarkDown),
        }
    }
}

#[test]
fn a_down_that_is_under_way_counts() {
    let mut bench = bench(Brake::AtMost(1));
    bench.fails_while_passes(0, 3);
    bench.fails_while_passes(1, 3);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Doubtful);
    bench.check_held(1, &max_down(Brake::AtMost(1), 1, 4), None);
}

#[test]
fn poolmons_way_takes_even_the_last_one_down() {
    let mut bench = bench(Brake::Off);
    for number in 0..4 {
        bench.refuses(number, true);
        bench.check_acts(number, Action::MarkDown);
        bench.send(number, Action::MarkDown, Answer::Done);
        bench.set(number, HostState::Down);
        bench.read_list();
    }
}

#[test]
fn a_delay_counts_from_the_verdict_and_a_recovery_ends_it() {
    let mut bench = Bench::with(
        2,
        Rules {
            down_delay: Duration::from_secs(120),
            ..RULES
        },
    );
    bench.fails_while_passes(0, 1);
    bench.check_held(0, &Reason::DownDelay, None);
    bench.pass_time(119_000);
    bench.refuses(0, true);
    bench.check_held(0, &Reason::DownDelay, None);
    bench.pass_time(1000);
    bench.check_acts(0, Action::MarkDown);

    bench.passes(0);
    bench.check_nothing(0);
    bench.fails_while_passes(0, 1);
    bench.check_held(0, &Reason::DownDelay, None);
}

/// The administrator renews one after the other. Who is last has the delay from when it is not all that have the fault.
#[test]
fn a_delay_of_a_fault_that_all_had_counts_from_when_most_others_are_rid_of_it() {
    let down_delay = Duration::from_secs(120);
    let mut bench = Bench::with(
        4,
        Rules {
            down_delay,
            ..RULES
        },
    );
    for number in 0..4 {
        bench.finding(number, Err(expired()), true);
    }
    bench.measure();
    bench.pass_time(24 * 60 * 60 * 1000);
    bench.passes(1);
    bench.pass_time(60_000);
    bench.passes(2);
    bench.measure();
    let renewed = bench.now;
    let round = |bench: &mut Bench| {
        for number in [1, 2] {
            bench.passes(number);
        }
        for number in [0, 3] {
            bench.finding(number, Err(expired()), true);
        }
    };
    for _ in 0..4 {
        bench.pass_time(29_000);
        round(&mut bench);
        for number in [0, 3] {
            bench.check_held(number, &Reason::DownDelay, None);
        }
    }
    bench.pass_time(4000);
    assert!(bench.now - renewed > down_delay);
    for number in [0, 3] {
        bench.check_acts(number, Action::MarkDown);
    }
}

/// What befalls the others meanwhile takes nothing from what this one has lacked all the time.
#[test]
fn a_delay_of_a_shared_fault_does_not_begin_anew_with_what_comes_of_others() {
    let down_delay = Duration::from_secs(120);
    type Others = fn(&mut Bench, u8);
    let fares: [Others; 3] = [
        |bench, number| bench.refuses(number, false),
        |bench, number| bench.refuses(number, true),
        Bench::refuses_login,
    ];
    for fare in fares {
        let mut bench = Bench::with(
            3,
            Rules {
                down_delay,
                ..RULES
            },
        );
        for number in [1, 2] {
            bench.passes(number);
        }
        bench.finding(0, Err(expired()), true);
        bench.measure();
        for _ in 0..2 {
            bench.pass_time(59_900);
            for number in [1, 2] {
                fare(&mut bench, number);
                bench.measure();
                bench.passes(number);
            }
            bench.finding(0, Err(expired()), true);
            bench.check_held(0, &Reason::DownDelay, None);
        }
        bench.pass_time(200);
        bench.check_acts(0, Action::MarkDown);
    }
}

#[test]
fn new_rules_hold_from_then_on() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    bench.backends.on_rules(Rules {
        down_delay: Duration::from_secs(120),
        ..RULES
    });
    bench.check_held(0, &Reason::DownDelay, None);
    bench.backends.on_rules(RULES);
    bench.check_acts(0, Action::MarkDown);
}

const DELAYED: Rules = Rules {
    down_delay: Duration::from_secs(120),
    down_delay_limit: Some(2),
    ..RULES
};

/// Backends fail at once, and another passes, until the delay is over.
fn fail_for_the_delay(bench: &mut Bench, failing: &[u8], passing: u8) {
    for number in failing {
        bench.refuses(*number, true);
    }
    bench.pass_time(120_000);
    bench.passes(passing);
    for number in failing {
        bench.refuses(*number, true);
    }
}

#[test]
fn as_many_as_the_limit_go_down_after_the_delay() {
    let mut bench = Bench::with(4, DELAYED);
    fail_for_the_delay(&mut bench, &[0, 1], 3);
    for number in [0, 1] {
        bench.check_acts(number, Action::MarkDown);
        bench.send(number, Action::MarkDown, Answer::Done);
        bench.set(number, HostState::Down);
        bench.read_list();
    }
}

#[test]
fn beyond_the_limit_none_goes_down_until_one_has_recovered() {
    let mut bench = Bench::with(4, DELAYED);
    fail_for_the_delay(&mut bench, &[0, 1, 2], 3);
    for number in [0, 1, 2] {
        bench.check_held(number, &Reason::DownDelayLimit, None);
    }
    bench.passes(2);
    bench.check_nothing(2);
    bench.check_acts(0, Action::MarkDown);
    bench.check_acts(1, Action::MarkDown);
}

#[test]
fn the_limit_counts_those_that_others_have_taken_down() {
    let mut bench = Bench::with(5, DELAYED);
    bench.set(2, HostState::Down);
    bench.set(3, HostState::Down);
    bench.read_list();
    fail_for_the_delay(&mut bench, &[0], 4);
    bench.check_held(0, &Reason::DownDelayLimit, None);
    bench.set(3, HostState::Up);
    bench.read_list();
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn a_down_under_way_counts_before_the_list_shows_it() {
    let rules = Rules {
        down_delay_limit: Some(1),
        ..DELAYED
    };
    let mut bench = Bench::with(3, rules);
    fail_for_the_delay(&mut bench, &[0], 2);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Doubtful);
    bench.passes(0);
    fail_for_the_delay(&mut bench, &[1], 2);
    bench.check_held(1, &Reason::DownDelayLimit, None);
    bench.read_list();
    bench.check_acts(1, Action::MarkDown);
}

#[test]
fn who_leaves_the_list_no_longer_counts() {
    let mut bench = Bench::with(4, DELAYED);
    fail_for_the_delay(&mut bench, &[0, 1, 2], 3);
    bench.check_held(0, &Reason::DownDelayLimit, None);
    bench.list.retain(|listed| listed.address != address(2));
    bench.read_list();
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn where_many_have_failed_the_limit_of_delayed_downs_is_not_counted_to_the_end_by_each() {
    const BACKENDS: u8 = 250;
    let rules = Rules {
        down_delay_limit: Some(2),
        ..RULES
    };
    let mut bench = Bench::with(BACKENDS, rules);
    for number in 1..BACKENDS {
        bench.refuses(number, false);
    }
    bench.passes(0);
    for number in 1..BACKENDS {
        bench.refuses(number, true);
    }
    bench.read_list();
    bench.backends.visits.set(0);
    for number in 1..BACKENDS {
        bench.check_held(number, &Reason::DownDelayLimit, None);
    }
    let (visits, most) = (bench.backends.visits.get(), 12 * usize::from(BACKENDS));
    assert!(visits <= most, "{visits}");
}

/// Nobody is left to compare them with.
#[test]
fn where_there_is_no_brake_the_limit_counts_all_that_have_failed_by_themselves_and_no_others() {
    for brake in [Brake::Off, Brake::Refuge] {
        let rules = Rules {
            brake,
            down_delay_limit: Some(1),
            ..RULES
        };
        let mut bench = Bench::with(4, rules);
        for number in 0..4 {
            bench.refuses(number, true);
        }
        let hold = match bench.decide(0) {
            Decision::Hold(hold) => hold,
            decision => panic!("{decision:?}"),
        };
        let is_limit = hold.reason == Reason::DownDelayLimit;
        assert_eq!(is_limit, brake == Brake::Off, "{hold:?}");
        if brake == Brake::Off {
            for number in 1..4 {
                bench.refuses_login(number);
            }
            bench.check_acts(0, Action::MarkDown);
        }
    }
}
