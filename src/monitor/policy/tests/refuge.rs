//! No down without somewhere to go.

use super::*;

#[test]
fn a_backend_in_doubt_names_a_control() {
    let mut bench = Bench::new(3);
    bench.passes(1);
    bench.passes(2);
    bench.refuses(0, false);
    assert_eq!(control(&bench.backends, address(0)), Some(address(2)));
    bench.refuses(2, false);
    assert_eq!(control(&bench.backends, address(0)), Some(address(1)));
    bench.passes(1);
    assert_eq!(control(&bench.backends, address(0)), None);
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
    bench.sends(0, Action::MarkDown);
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

/// Not all of thousands are kept as refuges of each other.
#[test]
fn when_the_first_few_refuges_are_gone_another_is_looked_for() {
    let mut bench = Bench::new(6);
    bench.refuses(0, false);
    for number in 1..6 {
        bench.passes(number);
    }
    let kept = |bench: &Bench| {
        let member = bench.backends.member(address(0)).unwrap();
        member.evidence.failing()[0].refuges.len()
    };
    assert_eq!(kept(&bench), 4);
    for number in 1..5 {
        bench.refuses(number, false);
    }
    bench.refuses(0, true);
    let candidate = address(5);
    bench.check_held(0, &Reason::RefugeAwaited { candidate }, Some(5));
    bench.passes(5);
    assert_eq!(kept(&bench), 4, "nobody asked for it");
    assert!(bench.backends.ask(candidate, bench.now));
    bench.passes(5);
    assert_eq!(kept(&bench), 5);
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn a_refuge_from_before_a_pass_in_between_says_nothing_about_the_next_failure() {
    let mut bench = Bench::new(2);
    bench.refuses(0, false);
    bench.passes(1);
    bench.finding(0, Ok(Pass::Clean), false);
    bench.refuses(0, true);
    let reason = Reason::RefugeAwaited {
        candidate: address(1),
    };
    bench.check_held(0, &reason, Some(1));
    bench.passes(1);
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn what_a_backend_passed_before_it_left_or_was_judged_anew_makes_it_no_refuge() {
    for leaves in [true, false] {
        let mut bench = Bench::new(2);
        bench.fails_while_passes(0, 1);
        bench.check_acts(0, Action::MarkDown);
        if leaves {
            let second = bench.list.pop().unwrap();
            bench.read_list();
            bench.check_held(0, &Reason::NoRefuge(Tag::default()), None);
            bench.list.push(second);
            bench.read_list();
        } else {
            bench.backends.on_worker_ended(address(1));
        }
        let candidate = address(1);
        bench.check_held(0, &Reason::RefugeAwaited { candidate }, Some(1));
        bench.passes(1);
        let refuge = address(1);
        bench.check_held(0, &Reason::FailureAwaited { refuge }, Some(0));
        bench.refuses(0, true);
        bench.check_acts(0, Action::MarkDown);
    }
}

#[test]
fn a_backend_left_alone_is_nobodys_refuge_and_has_no_verdict() {
    let mut bench = Bench::new(3);
    bench.refuses(1, true);
    for number in [1, 2] {
        bench.backends.on_left_alone(address(number));
        bench.check_nothing(number);
    }
    bench.refuses(0, true);
    bench.check_held(0, &Reason::NoRefuge(Tag::default()), None);
    assert_eq!(control(&bench.backends, address(0)), None);

    // Whoever is probed again counts again.
    bench.passes(1);
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn a_pass_at_one_service_makes_no_refuge_of_a_backend_whose_failure_was_seen() {
    let mut bench = Bench::new(2);
    bench.passes(1);
    bench.refuses(1, false);
    bench.finding(1, Ok(Pass::Clean), false);
    assert!(bench.member(1).evidence.is_suspect());
    bench.refuses(0, true);
    bench.check_held(0, &Reason::NoRefuge(Tag::default()), None);
    bench.passes(1);
    assert!(!bench.member(1).evidence.is_suspect());
}

#[test]
fn a_backend_that_was_not_tried_yet_may_be_the_refuge_and_one_that_fails_at_once_may_not() {
    let awaited = |candidate| Reason::RefugeAwaited { candidate };
    let no_refuge = Reason::NoRefuge(Tag::default());

    let mut bench = Bench::new(2);
    bench.refuses(0, true);
    bench.check_held(0, &awaited(address(1)), Some(1));

    for passes_again in [false, true] {
        let mut bench = Bench::new(2);
        bench.refuses(1, false);
        if passes_again {
            bench.finding(1, Ok(Pass::Clean), false);
        }
        bench.refuses(0, true);
        bench.check_held(0, &no_refuge, None);
    }

    // Of other services than are checked now nothing is known.
    let mut bench = Bench::new(2);
    bench.passes(1);
    bench.backends.on_other_services();
    bench.refuses(0, true);
    bench.check_held(0, &awaited(address(1)), Some(1));
}

/// The first few refuges are enough, if they are any.
#[test]
fn the_passes_of_another_tag_take_no_refuges_place() {
    let mut bench = Bench::new(6);
    for number in 2..6 {
        bench.listed(number).tag = Tag::new("archive");
    }
    bench.read_list();
    bench.refuses(0, false);
    for number in (1..6).rev() {
        bench.passes(number);
    }
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn who_is_down_or_in_doubt_could_not_take_the_users_of_another() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.passes(number);
    }
    bench.set(1, HostState::Down);
    bench.read_list();
    bench.refuses(2, false);
    bench.measure();
    let compared = bench.backends.compared();
    let refuges = [0, 1, 2].map(|number| compared.is_refuge(bench.member(number)));
    assert_eq!(refuges, [true, false, false]);
}

/// Nearly 250 backends of one tag, which all refuse, beside one of another tag that passes: a review of those held
/// looks at all backends a few times, and not once for each that is held.
#[test]
fn where_a_whole_tag_has_failed_a_refuge_is_not_looked_for_among_all_by_each() {
    const BACKENDS: u8 = 250;
    let mut bench = Bench::new(BACKENDS);
    bench.listed(0).tag = Tag::new("other");
    bench.read_list();
    bench.passes(0);
    for number in 1..BACKENDS {
        bench.refuses(number, true);
    }
    bench.read_list();
    bench.backends.visits.set(0);
    for number in 1..BACKENDS {
        bench.check_held(number, &Reason::NoRefuge(Tag::default()), None);
    }
    let (visits, most) = (bench.backends.visits.get(), 4 * usize::from(BACKENDS));
    assert!(visits <= most, "{visits}");
}
