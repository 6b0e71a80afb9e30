//! What a person has to look at follows from the state, and names the backends.

use super::*;

#[track_caller]
fn check(bench: &mut Bench, expected: &[(Alarm, &[u8])]) {
    let expected: Alarms = expected
        .iter()
        .map(|(alarm, about)| {
            let about = about.iter().map(|number| address(*number));
            (alarm.clone(), about.collect())
        })
        .collect();
    assert_eq!(alarms(&mut bench.backends, bench.now), expected);
}

fn no_refuge() -> Alarm {
    Alarm::NoRefuge(Tag::default())
}

const LOGIN: Alarm = Alarm::Shared {
    service: 0,
    stage: Stage::Login,
};

#[test]
fn where_all_is_well_or_a_backend_is_down_as_it_should_be_there_is_none() {
    let mut bench = Bench::new(3);
    check(&mut bench, &[]);
    for number in 0..3 {
        bench.passes(number);
    }
    check(&mut bench, &[]);
    bench.take_down(0, 1);
    check(&mut bench, &[]);
}

#[test]
fn all_dead_is_one_alarm_whatever_holds_an_action_back() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        check(&mut bench, &[]);
        bench.refuses(number, true);
    }
    check(&mut bench, &[(no_refuge(), &[0, 1, 2])]);
    for sync in [Sync::Unsynced, Sync::Silent, Sync::Synced] {
        bench.backends.on_sync(sync);
        check(&mut bench, &[(no_refuge(), &[0, 1, 2])]);
    }
    // Another monitor's act, and the next attempt of an old failure.
    bench.set(2, HostState::Down);
    bench.set(2, HostState::Up);
    bench.read_list();
    bench.refuses(1, false);
    check(&mut bench, &[(no_refuge(), &[0, 1, 2])]);

    // One passes: the others have somewhere to go, also while it is in doubt.
    bench.passes(1);
    check(&mut bench, &[]);
    bench.refuses(1, false);
    check(&mut bench, &[]);
    bench.refuses(1, true);
    check(&mut bench, &[(no_refuge(), &[0, 1, 2])]);
}

/// A refusal may come later than the time-out, so the account is what to look at.
#[test]
fn a_login_that_times_out_at_all_is_an_alarm_about_the_login_whatever_the_brake() {
    for brake in [Brake::Refuge, Brake::Off] {
        let mut bench = Bench::with(2, Rules { brake, ..RULES });
        let timed_out = || Failure::new(Stage::Login, Fault::TimedOut);
        for number in 0..2 {
            bench.finding(number, Err(timed_out()), true);
        }
        check(&mut bench, &[(LOGIN, &[0, 1])]);
        bench.passes(1);
        check(&mut bench, &[]);
    }
}

#[test]
fn the_last_of_a_tag_that_fails_is_named_with_its_tag() {
    let mut bench = Bench::new(4);
    let east = Tag::new("east");
    bench.listed(0).tag = east.clone();
    bench.listed(3).tag = east.clone();
    bench.listed(3).vhosts = 0;
    bench.read_list();
    bench.passes(1);
    bench.passes(3);
    bench.refuses(0, true);
    check(&mut bench, &[(Alarm::NoRefuge(east), &[0])]);
}

#[test]
fn a_backend_that_goes_down_is_not_kept_up() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.send(0, Action::MarkDown, Answer::Done);
    bench.refuses(1, true);
    check(&mut bench, &[(no_refuge(), &[1])]);
}

#[test]
fn a_failed_backend_is_still_one_while_other_services_are_checked_for_the_first_time() {
    let mut bench = Bench::new(2);
    bench.refuses(0, true);
    bench.refuses(1, true);
    check(&mut bench, &[(no_refuge(), &[0, 1])]);
    bench.backends.on_other_services();
    bench.finding(0, Ok(Pass::Clean), false);
    check(&mut bench, &[(no_refuge(), &[0, 1])]);
    bench.passes(0);
    check(&mut bench, &[]);
}

#[test]
fn a_tag_of_which_all_are_down_is_without_service_whoever_took_them_down() {
    let mut bench = Bench::new(3);
    let archive = Tag::new("archive");
    bench.listed(2).tag = archive.clone();
    bench.set(0, HostState::Down);
    bench.read_list();
    check(&mut bench, &[]);
    bench.set(2, HostState::Down);
    bench.read_list();
    check(
        &mut bench,
        &[(Alarm::WithoutService(archive.clone()), &[2])],
    );
    // In poolmon's own way the last one goes down, too.
    let rules = Rules {
        brake: Brake::Off,
        ..RULES
    };
    bench.backends.on_rules(rules);
    bench.refuses(1, true);
    check(&mut bench, &[(Alarm::WithoutService(archive), &[2])]);
}

#[test]
fn a_tag_whose_backends_that_are_up_have_vhost_count_0_is_without_service() {
    let mut bench = Bench::new(2);
    bench.set(0, HostState::Down);
    bench.listed(1).vhosts = 0;
    bench.read_list();
    let without = Alarm::WithoutService(Tag::default());
    check(&mut bench, &[(without, &[0, 1])]);
    bench.listed(1).vhosts = 1;
    bench.read_list();
    check(&mut bench, &[]);
}

#[test]
fn a_list_that_has_been_read_and_has_no_backend_is_an_alarm() {
    let mut bench = Bench::new(0);
    bench.backends = Backends::new(RULES);
    check(&mut bench, &[]);
    assert!(bench.backends.is_all_well());
    bench.read_list();
    check(&mut bench, &[(Alarm::NoBackend, &[])]);
    assert!(!bench.backends.is_all_well());
}

#[test]
fn a_login_refused_by_most_names_those_that_refuse_it_until_most_take_it() {
    let mut bench = Bench::new(4);
    bench.passes(0);
    bench.passes(1);
    bench.passes(2);
    bench.passes(3);
    bench.refuses_login(0);
    check(&mut bench, &[]);
    bench.refuses_login(1);
    check(&mut bench, &[]);
    bench.refuses_login(2);
    check(&mut bench, &[(LOGIN, &[0, 1, 2])]);
    bench.refuses_login(3);
    check(&mut bench, &[(LOGIN, &[0, 1, 2, 3])]);

    // The password is set right: one backend's turn ends nothing.
    bench.passes(0);
    check(&mut bench, &[(LOGIN, &[1, 2, 3])]);
    bench.passes(1);
    check(&mut bench, &[]);
    bench.passes(2);
    check(&mut bench, &[]);
    bench.passes(3);
    check(&mut bench, &[]);
}

#[test]
fn one_that_dies_beside_others_that_refuse_the_login_is_no_part_of_that() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.refuses_login(number);
    }
    check(&mut bench, &[(LOGIN, &[0, 1, 2])]);
    bench.refuses(1, true);
    // It has somewhere to go: the others get further.
    check(&mut bench, &[(LOGIN, &[0, 2])]);
}

#[test]
fn a_login_is_compared_only_with_those_probed_as_the_same() {
    let mut bench = Bench::new(4);
    for (number, login) in [(0, 1), (1, 1), (2, 2), (3, 2)] {
        bench.backends.on_login(address(number), Some(Login(login)));
    }
    bench.refuses_login(0);
    bench.refuses_login(1);
    bench.passes(2);
    bench.passes(3);
    check(&mut bench, &[(LOGIN, &[0, 1])]);
}

#[test]
fn a_limit_names_who_is_kept_up_also_before_the_others_are_down() {
    for brake in [Brake::AtMost(1), Brake::Percent(25)] {
        let mut bench = Bench::with(4, Rules { brake, ..RULES });
        let max_down = Alarm::MaxDown(Tag::default());
        bench.fails_while_passes(0, 3);
        check(&mut bench, &[]);
        bench.fails_while_passes(1, 3);
        check(&mut bench, &[(max_down.clone(), &[1])]);
        bench.check_acts(0, Action::MarkDown);
        bench.send(0, Action::MarkDown, Answer::Doubtful);
        check(&mut bench, &[(max_down.clone(), &[1])]);
        bench.set(0, HostState::Down);
        bench.read_list();
        check(&mut bench, &[(max_down, &[1])]);
        bench.passes(1);
        check(&mut bench, &[]);
    }
}

#[test]
fn a_delay_has_to_be_over_before_a_limit_counts() {
    let rules = Rules {
        down_delay: Duration::from_secs(120),
        down_delay_limit: Some(1),
        brake: Brake::AtMost(1),
        ..RULES
    };
    let mut bench = Bench::with(4, rules);
    bench.passes(2);
    bench.refuses(0, true);
    bench.refuses(1, true);
    check(&mut bench, &[]);
    bench.pass_time(121_000);
    let expected: [(Alarm, &[u8]); 2] = [
        (Alarm::DownDelayLimit, &[0, 1]),
        (Alarm::MaxDown(Tag::default()), &[1]),
    ];
    check(&mut bench, &expected);
}

#[test]
fn a_healthy_backend_that_others_take_down_again_and_again_is_named_until_it_may_come_up() {
    let mut bench = Bench::new(2);
    bench.passes(0);
    bench.read_list();
    for _ in 0..4 {
        bench.set(0, HostState::Down);
        bench.read_list();
        bench.passes(0);
        bench.set(0, HostState::Up);
        bench.read_list();
    }
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
    let by_another = Reason::Disputed;
    bench.check_held(0, &by_another, None);
    check(&mut bench, &[(Alarm::Disputed, &[0])]);
    // It is left down for four minutes in all: the fifth time within an hour.
    bench.pass_time(61_000);
    bench.check_held(0, &by_another, None);
    check(&mut bench, &[(Alarm::Disputed, &[0])]);
    bench.pass_time(180_000);
    bench.check_acts(0, Action::MarkUp);
    check(&mut bench, &[]);
}

/// It fails here, too, each time, and others are always the first to take it down.
#[test]
fn a_backend_that_is_held_for_the_downs_of_others_is_a_dispute_for_as_long_as_that() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.passes(number);
    }
    bench.read_list();
    for _ in 0..4 {
        bench.set(0, HostState::Down);
        bench.read_list();
        bench.refuses(0, true);
        bench.passes(0);
        bench.set(0, HostState::Up);
        bench.read_list();
    }
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.refuses(0, true);
    bench.passes(0);
    bench.pass_time(61_000);
    bench.check_held(0, &Reason::Unsteady, None);
    check(&mut bench, &[(Alarm::Disputed, &[0])]);
}

/// How long it stays down is said when it goes down.
#[test]
fn a_backend_that_this_monitor_leaves_down_as_it_fails_again_and_again_is_no_dispute() {
    let mut bench = Bench::new(2);
    bench.passes(0);
    bench.read_list();
    for _ in 0..2 {
        bench.take_down(0, 1);
        bench.passes(0);
        bench.check_acts(0, Action::MarkUp);
        bench.send(0, Action::MarkUp, Answer::Done);
        bench.set(0, HostState::Up);
        bench.read_list();
    }
    bench.take_down(0, 1);
    bench.passes(0);
    bench.check_held(0, &Reason::Unsteady, None);
    check(&mut bench, &[]);
}

#[test]
fn healthy_backends_that_others_took_down_are_named_together_until_they_are_up() {
    let own = Rules {
        restore: Restore::Own,
        ..RULES
    };
    for (rules, alarm) in [(own, Alarm::NotOurs), (RULES, Alarm::Disputed)] {
        let mut bench = Bench::with(4, rules);
        for number in 0..4 {
            bench.passes(number);
        }
        bench.set(0, HostState::Down);
        bench.set(1, HostState::Down);
        bench.read_list();
        for number in [0, 1] {
            bench.passes(number);
        }
        check(&mut bench, &[(alarm.clone(), &[0, 1])]);
        // A new connection, a ring that is not synced, news that is to be confirmed.
        for sync in [Sync::Silent, Sync::Unsynced, Sync::Synced] {
            bench.backends.on_sync(sync);
            bench.read_list();
            check(&mut bench, &[(alarm.clone(), &[0, 1])]);
        }
        bench.set(0, HostState::Up);
        bench.read_list();
        check(&mut bench, &[(alarm, &[1])]);
        bench.refuses(1, true);
        check(&mut bench, &[]);
    }
}

#[test]
fn our_own_up_that_the_list_does_not_show_yet_is_nobody_elses() {
    let rules = Rules {
        restore: Restore::Own,
        ..RULES
    };
    let mut bench = Bench::with(2, rules);
    bench.take_down(0, 1);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
    bench.send(0, Action::MarkUp, Answer::Done);
    check(&mut bench, &[]);
}

/// 2,000 backends, half of them failed, with a limit: a review of all looks at each backend a few times,
/// whether or not the limit keeps them up.
#[test]
fn a_limit_is_counted_once_and_not_for_each_failed_backend() {
    const BACKENDS: u32 = 2000;
    for brake in [Brake::AtMost(100), Brake::Percent(10)] {
        let now = Instant::now();
        let mut backends = Backends::new(Rules { brake, ..RULES });
        backends.on_sync(Sync::Synced);
        let address = |number: u32| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + number));
        let list: Vec<Listed> = (0..BACKENDS)
            .map(|number| Listed {
                address: address(number),
                vhosts: 100,
                users: 5,
                tag: Tag::default(),
                state: match number % 10 {
                    0 => HostState::Down,
                    _ => HostState::Up,
                },
                changed: Stamp(0),
            })
            .collect();
        backends.on_list(list.clone(), now);
        let failure = Failure::new(Stage::Connect, Fault::Refused);
        for (step, passes) in [(1, false), (2, true), (3, false)] {
            // One that passes is enough.
            let of_step = |number: &u32| match passes {
                true => *number == 1,
                false => number % 2 == 0,
            };
            for number in (0..BACKENDS).filter(of_step) {
                let began = now + Duration::from_secs(step);
                let (result, verdict) = match passes {
                    true => (Ok(Pass::Clean), Verdict::Healthy(Pass::Clean)),
                    false => {
                        let failed = Verdict::Failed {
                            service: 0,
                            failure: failure.clone(),
                        };
                        (Err(failure.clone()), failed)
                    }
                };
                let finding = Finding {
                    round_began: began,
                    service: 0,
                    outcome: Outcome::new(began, Duration::from_millis(1), result),
                    for_good: !passes,
                    verdict: Some(verdict),
                };
                backends.on_finding(address(number), &finding);
            }
        }
        let now = now + Duration::from_secs(10);
        backends.on_list(list, now);
        backends.visits.set(0);
        let mut held = 0;
        for number in 0..BACKENDS {
            if let Decision::Hold(hold) = decide(&mut backends, address(number), now) {
                held += usize::from(matches!(hold.reason, Reason::MaxDown { .. }));
            }
        }
        assert_eq!(held, 800, "{brake:?}");
        let alarms = alarms(&mut backends, now);
        assert_eq!(alarms[&Alarm::MaxDown(Tag::default())].len(), 800);
        let most = 20 * BACKENDS as usize;
        let visits = backends.visits.get();
        assert!(visits <= most, "{brake:?}: {visits}");
    }
}

#[test]
fn one_that_fails_by_itself_where_all_others_are_refused_is_named_too() {
    let mut bench = Bench::new(3);
    for _ in 0..2 {
        for number in [0, 1] {
            bench.refuses_login(number);
        }
        let failure = Failure::new(Stage::Login, Fault::Unavailable(Quote::new("bad")));
        bench.finding(2, Err(failure), true);
    }
    check(&mut bench, &[(LOGIN, &[0, 1, 2])]);
    bench.refuses(2, true);
    check(&mut bench, &[(LOGIN, &[0, 1])]);
}

/// Without a brake it is taken down.
#[test]
fn one_that_fails_by_itself_is_kept_up_by_nobody_where_there_is_no_brake() {
    for (brake, about) in [(Brake::Refuge, &[0, 1, 2][..]), (Brake::Off, &[0, 1])] {
        let mut bench = Bench::with(3, Rules { brake, ..RULES });
        for number in [0, 1] {
            bench.refuses_login(number);
        }
        let failure = Failure::new(Stage::Login, Fault::Unavailable(Quote::new("bad")));
        bench.finding(2, Err(failure), true);
        check(&mut bench, &[(LOGIN, about)]);
    }
}

#[test]
fn an_attempt_that_is_lost_does_not_end_the_alarm_about_a_healthy_backend() {
    let restore = Restore::Own;
    let mut bench = Bench::with(2, Rules { restore, ..RULES });
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.passes(0);
    check(&mut bench, &[(Alarm::NotOurs, &[0])]);
    bench.refuses(0, false);
    check(&mut bench, &[(Alarm::NotOurs, &[0])]);
}

/// In a ring each failure is found by one monitor first. The others have begun to try the backend again by then, or have not
/// tried it since.
#[test]
fn a_backend_that_another_monitor_was_the_first_to_take_down_is_no_dispute_until_it_passes_here() {
    for has_begun in [false, true] {
        let mut bench = Bench::new(3);
        for number in 0..3 {
            bench.passes(number);
        }
        bench.read_list();
        if has_begun {
            bench.refuses(0, false);
        }
        bench.set(0, HostState::Down);
        bench.read_list();
        check(&mut bench, &[]);
        bench.refuses(0, false);
        check(&mut bench, &[]);
        bench.passes(0);
        check(&mut bench, &[(Alarm::Disputed, &[0])]);
    }
}

/// With --rise a good check makes no verdict yet.
#[test]
fn a_backend_that_begins_to_pass_stays_down_by_nobody_until_it_is_judged_healthy() {
    let restore = Restore::Own;
    let mut bench = Bench::with(3, Rules { restore, ..RULES });
    bench.set(0, HostState::Down);
    bench.read_list();
    for _ in 0..2 {
        bench.passes(1);
        bench.passes(2);
        bench.finding(0, Err(expired()), true);
    }
    bench.finding(0, Ok(Pass::Clean), false);
    check(&mut bench, &[]);
    bench.passes(0);
    check(&mut bench, &[(Alarm::NotOurs, &[0])]);
}

/// The login is refused everywhere, and now the certificate has expired, too: that takes a series of failures to tell.
#[test]
fn until_another_shared_fault_has_lasted_the_alarm_of_the_one_before_stands() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.refuses_login(number);
    }
    check(&mut bench, &[(LOGIN, &[0, 1, 2])]);
    for number in 0..3 {
        bench.finding(number, Err(expired()), false);
        check(&mut bench, &[(LOGIN, &[0, 1, 2])]);
    }
    for number in 0..3 {
        bench.finding(number, Err(expired()), true);
    }
    let tls = Alarm::Shared {
        service: 0,
        stage: Stage::Tls,
    };
    check(&mut bench, &[(tls, &[0, 1, 2])]);
}

#[test]
fn a_limit_keeps_up_those_that_failed_last_wherever_they_are_listed() {
    let brake = Brake::AtMost(1);
    let mut bench = Bench::with(4, Rules { brake, ..RULES });
    bench.fails_while_passes(1, 3);
    bench.fails_while_passes(0, 3);
    check(&mut bench, &[(Alarm::MaxDown(Tag::default()), &[0])]);
}

#[test]
fn a_shared_fault_at_other_services_is_an_alarm_once_there_is_a_verdict_on_them() {
    let mut bench = Bench::new(2);
    for number in 0..2 {
        bench.refuses(number, true);
    }
    bench.backends.on_other_services();
    let refused = || {
        let fault = Fault::CredentialsRefused(Quote::new("no"));
        Failure::new(Stage::Login, fault)
    };
    bench.finding_at(0, 0, Err(refused()), Ends::Service);
    check(&mut bench, &[(no_refuge(), &[0, 1])]);
}
