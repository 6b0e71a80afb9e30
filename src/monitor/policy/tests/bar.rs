//! A fault shared by all lowers the bar for all: nobody is taken down for it, and judging goes on.

use super::*;
use crate::monitor::policy::bar::has_failed_by_itself;
use crate::monitor::policy::evidence::Reach;
use crate::outcome::Leg;
use crate::service::{Port, Protocol, Security};

const PEERS_AWAITED: Reason = Reason::PeersAwaited {
    service: 0,
    stage: Stage::Login,
};

#[test]
fn a_login_refused_everywhere_takes_nobody_down() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.refuses_login(number);
    }
    for number in 0..3 {
        bench.check_held(number, &AT_LOGIN, None);
    }
}

#[test]
fn a_dead_backend_goes_down_while_the_others_refuse_the_login_and_comes_up_when_it_refuses_it_too()
{
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.refuses_login(number);
    }
    bench.refuses(0, false);
    bench.check_held(0, &Reason::Stale, None);
    bench.refuses_login(1);
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Done);
    bench.set(0, HostState::Down);
    bench.listed(0).users = 0;
    bench.read_list();
    for other in [1, 2] {
        bench.refuses_login(other);
        bench.check_held(other, &AT_LOGIN, None);
    }
    bench.refuses(0, true);
    bench.check_acts(0, Action::Drain);
    bench.send(0, Action::Drain, Answer::Done);
    bench.read_list();
    bench.check_nothing(0);

    bench.refuses_login(0);
    bench.check_held_for(
        0,
        &Reason::PeersAwaited {
            service: 0,
            stage: Stage::Login,
        },
        &[1, 2],
    );
    bench.refuses_login(1);
    bench.refuses_login(2);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn a_backend_that_hangs_where_the_others_refuse_gets_as_far_as_they_do() {
    let mut bench = Bench::new(3);
    for number in 1..3 {
        bench.refuses_login(number);
    }
    let hangs = || Failure::new(Stage::Login, Fault::TimedOut);
    bench.finding(0, Err(hangs()), true);
    bench.refuses_login(1);
    bench.finding(0, Err(hangs()), true);
    bench.check_held(0, &AT_LOGIN, None);
}

#[test]
fn one_renewed_certificate_does_not_condemn_the_rest_and_two_do() {
    let mut bench = Bench::new(3);
    for number in 0..3 {
        bench.finding(number, Err(expired()), true);
    }
    for _ in 0..2 {
        bench.passes(1);
        for number in [0, 2] {
            bench.finding(number, Err(expired()), true);
        }
    }
    let reason = Reason::Shared {
        service: 0,
        stage: Stage::Tls,
    };
    for number in [0, 2] {
        bench.check_held(number, &reason, None);
    }
    bench.passes(2);
    bench.finding(0, Err(expired()), true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn a_login_refused_by_one_counts_once_enough_others_have_passed_it_since() {
    let mut bench = Bench::new(4);
    for number in 1..4 {
        bench.passes(number);
    }
    bench.refuses_login(0);
    bench.check_held_for(0, &PEERS_AWAITED, &[1, 2, 3]);
    bench.passes(1);
    bench.check_held_for(0, &PEERS_AWAITED, &[2, 3]);
    bench.passes(2);
    bench.refuses_login(0);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn where_a_login_is_changed_on_one_after_the_other_the_rest_is_probed_before_the_first_is_judged() {
    let mut bench = Bench::new(4);
    for number in 1..4 {
        bench.passes(number);
    }
    bench.refuses_login(0);
    bench.check_held_for(0, &PEERS_AWAITED, &[1, 2, 3]);
    bench.passes(1);
    bench.refuses_login(2);
    bench.refuses_login(3);
    bench.refuses_login(0);
    bench.check_held(0, &AT_LOGIN, None);
}

#[test]
fn those_of_the_tag_are_awaited_though_enough_of_the_others_have_got_further() {
    let mut bench = Bench::new(7);
    for number in 0..3 {
        bench.listed(number).tag = Tag::new("archive");
    }
    bench.read_list();
    for number in 1..7 {
        bench.passes(number);
    }
    bench.refuses_login(0);
    for number in 3..7 {
        bench.passes(number);
    }
    bench.refuses_login(0);
    bench.check_held_for(0, &PEERS_AWAITED, &[1, 2]);
}

#[test]
fn what_others_got_to_with_their_former_account_takes_nobody_down() {
    let mut bench = Bench::new(4);
    let (new, old) = (Some(Login(1)), Some(Login(2)));
    for number in 0..4 {
        let login = if number == 0 { new } else { old };
        bench.backends.on_login(address(number), login);
    }
    bench.refuses_login(0);
    for number in 1..4 {
        bench.passes(number);
    }
    // Then its password is put right everywhere, and the others are given the same account.
    bench.refuses_login(0);
    for number in 1..4 {
        bench.backends.on_login(address(number), new);
        bench.passes(number);
    }
    bench.check_held_for(0, &PEERS_AWAITED, &[0]);
}

/// Its worker has ended by a defect, and the next one is not started yet.
#[test]
fn one_that_is_judged_anew_lets_nobody_up_by_being_unknown() {
    let mut bench = Bench::new(4);
    for number in 1..4 {
        bench.passes(number);
    }
    bench.refuses_login(0);
    bench.passes(1);
    bench.passes(2);
    bench.refuses_login(3);
    bench.refuses_login(0);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Done);
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.backends.on_worker_ended(address(1));
    bench.check_held_for(0, &PEERS_AWAITED, &[1]);
    bench.passes(1);
    bench.check_acts(0, Action::Drain);
}

#[test]
fn a_fault_of_the_monitors_own_speaks_against_nobody() {
    let mut bench = Bench::new(2);
    bench.passes(0);
    let failure = Failure::new(Stage::Prepare, Fault::NoDescriptors);
    bench.finding(0, Err(failure), false);
    bench.check_nothing(0);
    assert_eq!(control(&bench.backends, address(0)), None);
}

#[test]
fn a_pass_of_a_service_checked_before_is_no_peer_of_one_checked_now() {
    let mut bench = Bench::new(2);
    bench.refuses_login(0);
    bench.passes(1);
    bench.refuses_login(0);
    bench.check_acts(0, Action::MarkDown);
    bench.backends.on_other_services();
    bench.refuses_login(0);
    bench.check_held(0, &AT_LOGIN, None);
}

#[test]
fn a_login_counts_against_a_backend_only_while_another_passes_it_as_the_same_user() {
    for (logins, peer) in [
        ([Some(1), Some(2), None], None),
        ([Some(1), Some(1), Some(2)], Some(1)),
        ([Some(1), None, Some(1)], Some(2)),
    ] {
        let mut bench = Bench::new(3);
        bench.logins(&logins);
        bench.passes(1);
        bench.passes(2);
        bench.refuses_login(0);
        match peer {
            Some(peer) => bench.check_held_for(0, &PEERS_AWAITED, &[peer]),
            None => bench.check_held(0, &AT_LOGIN, None),
        }
        bench.passes(1);
        bench.passes(2);
        bench.refuses_login(0);
        match peer {
            Some(_) => bench.check_acts(0, Action::MarkDown),
            None => bench.check_held(0, &AT_LOGIN, None),
        }
    }
}

#[test]
fn a_login_that_nobody_has_answered_is_compared_with_all_others() {
    let mut bench = Bench::new(3);
    bench.logins(&[Some(1), Some(2), Some(3)]);
    let unanswered = || Failure::new(Stage::Login, Fault::LoginUnanswered);
    bench.finding(0, Err(unanswered()), true);
    bench.passes(1);
    bench.passes(2);
    bench.finding(0, Err(unanswered()), true);
    bench.check_acts(0, Action::MarkDown);
    bench.finding(1, Err(unanswered()), true);
    bench.check_held(0, &AT_LOGIN, None);
}

#[test]
fn a_certificate_counts_whoever_the_others_are_probed_as() {
    let mut bench = Bench::new(2);
    bench.logins(&[Some(1), Some(2)]);
    for _ in 0..2 {
        bench.passes(1);
        bench.finding(0, Err(expired()), true);
    }
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn a_refused_login_of_before_is_no_verdict_on_another_account() {
    let mut bench = Bench::new(2);
    bench.refuses_login(0);
    bench.passes(1);
    bench.refuses_login(0);
    bench.logins(&[Some(7), Some(7)]);
    bench.check_nothing(0);
    bench.finding(
        0,
        Err(Failure::new(Stage::Login, Fault::LoginUnanswered)),
        false,
    );
    bench.passes(1);
    bench.check_nothing(0);
}

#[test]
fn a_login_that_is_delayed_for_the_account_before_condemns_nobody() {
    let mut bench = Bench::new(3);
    let delayed = || Failure::new(Stage::Login, Fault::LoginDelayed);
    for _ in 0..2 {
        bench.passes(1);
        bench.passes(2);
        bench.finding(0, Err(delayed()), true);
    }
    bench.check_held(0, &AT_LOGIN, None);
}

#[test]
fn a_dead_backend_stays_judged_when_the_account_changes() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.logins(&[Some(7), Some(7)]);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn a_peer_must_have_passed_since_this_check_failed_not_since_any_did() {
    let mut bench = Bench::new(2);
    bench.refuses(0, false);
    bench.passes(1);
    bench.refuses_login(0);
    bench.check_held_for(0, &PEERS_AWAITED, &[1]);
    bench.passes(1);
    bench.refuses_login(0);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn all_may_be_taken_down_for_a_fault_of_their_own_but_not_for_a_shared_one() {
    let rules = Rules {
        brake: Brake::Off,
        ..RULES
    };
    let mut bench = Bench::with(2, rules);
    for number in 0..2 {
        bench.refuses_login(number);
        bench.check_held(number, &AT_LOGIN, None);
    }
    for number in 0..2 {
        bench.refuses(number, true);
        bench.check_acts(number, Action::MarkDown);
    }
}

/// A password changed at all of them while the monitor runs: Dovecot's refusals take 2 s.
#[test]
fn all_may_not_be_taken_down_for_a_login_that_times_out_at_all_though_it_passed_before() {
    let rules = Rules {
        brake: Brake::Off,
        ..RULES
    };
    let mut bench = Bench::with(2, rules);
    let timed_out = || Failure::new(Stage::Login, Fault::TimedOut);
    for number in 0..2 {
        bench.passes(number);
    }
    for number in 0..2 {
        bench.finding(number, Err(timed_out()), false);
    }
    for number in 0..2 {
        bench.finding(number, Err(timed_out()), true);
        bench.check_held(number, &AT_LOGIN, None);
    }
    // One that passes tells the other's time-out from that, if it comes after the pass.
    bench.passes(1);
    let reason = Reason::FailureAwaited { refuge: address(1) };
    bench.check_held_for(0, &reason, &[0]);
    bench.finding(0, Err(timed_out()), true);
    bench.check_acts(0, Action::MarkDown);
}

/// With `--max-down=all` that is enough to go down.
#[test]
fn by_itself_it_has_failed_once_a_fault_of_its_own_is_judged_that_is_no_unanswered_login() {
    let refused = || Failure::new(Stage::Connect, Fault::Refused);
    let unanswered = || Failure::new(Stage::Login, Fault::TimedOut);
    for (failure, ends, expected) in [
        (refused(), Ends::Round(refused()), true),
        (refused(), Ends::Service, false),
        (refused(), Ends::Nothing, false),
        (unanswered(), Ends::Round(unanswered()), false),
        (expired(), Ends::Round(expired()), false),
    ] {
        let mut bench = Bench::new(1);
        bench.finding_at(0, 0, Err(failure), ends);
        assert_eq!(has_failed_by_itself(bench.member(0)), expected);
    }
    // It is judged failed for its certificate, and its port has refused the first of several tries.
    let mut bench = Bench::new(1);
    bench.finding_at(1, 0, Err(expired()), Ends::Round(expired()));
    bench.finding_at(0, 0, Err(refused()), Ends::Nothing);
    assert!(!has_failed_by_itself(bench.member(0)));
}

#[test]
fn a_verdict_is_of_a_fault_of_its_own_at_the_services_of_before_or_of_now() {
    let mut bench = Bench::new(1);
    let ages = |bench: &Bench| {
        let evidence = &bench.member(0).evidence;
        [Age::OfTheseServices, Age::OfFormerServices].map(|age| evidence.is_at_fault(age))
    };
    assert_eq!(ages(&bench), [false, false]);
    bench.refuses_login(0);
    assert_eq!(ages(&bench), [false, false]);
    bench.refuses(0, true);
    assert_eq!(ages(&bench), [true, false]);
    bench.backends.on_other_services();
    assert_eq!(ages(&bench), [false, true]);
}

#[test]
fn a_shared_fault_at_one_service_does_not_hide_a_dead_one() {
    let mut bench = Bench::new(3);
    let round = |bench: &mut Bench, number, dead| {
        bench.finding_at(0, number, Err(expired()), Ends::Service);
        match dead {
            false => bench.finding_at(1, number, Ok(Pass::Clean), Ends::Round(expired())),
            true => bench.refuses_at(1, number),
        }
    };
    for dead in [false, true] {
        for number in 0..3 {
            round(&mut bench, number, dead && number == 0);
        }
    }
    round(&mut bench, 1, false);
    round(&mut bench, 0, true);
    bench.check_acts(0, Action::MarkDown);
}

/// The other one's certificate is refused at both ports. That the dead one once got to the login at the second port
/// says nothing against it.
#[test]
fn how_far_a_dead_backend_got_at_a_later_port_before_it_died_condemns_nobody() {
    let mut bench = Bench::new(2);
    let has_expired = |bench: &mut Bench| {
        bench.finding_at(0, 1, Err(expired()), Ends::Service);
        bench.finding_at(1, 1, Err(expired()), Ends::Round(expired()));
    };
    let hangs = || Failure::new(Stage::Login, Fault::TimedOut);
    has_expired(&mut bench);
    bench.finding_at(0, 0, Ok(Pass::Clean), Ends::Nothing);
    bench.finding_at(1, 0, Err(hangs()), Ends::Round(hangs()));
    bench.refuses_at(0, 0);
    has_expired(&mut bench);
    bench.refuses_at(0, 0);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn many_that_share_a_fault_do_not_ask_for_each_other_without_end() {
    let mut bench = Bench::new(20);
    for number in 0..20 {
        bench.refuses_login(number);
    }
    for number in 0..20 {
        bench.refuses_login(number);
        assert_eq!(control(&bench.backends, address(number)), None);
    }
}

/// One site's certificate or accounts are not those of the other.
#[test]
fn a_fault_shared_by_all_of_a_tag_keeps_no_dead_one_of_it_up() {
    let mut bench = Bench::new(6);
    let east = Tag::new("east");
    for number in [0, 1, 2] {
        bench.listed(number).tag = east.clone();
    }
    bench.read_list();
    for _ in 0..2 {
        for number in [3, 4, 5] {
            bench.passes(number);
        }
        for number in [0, 1, 2] {
            bench.refuses_login(number);
        }
    }
    for number in [0, 1, 2] {
        let reason = Reason::Shared {
            service: 0,
            stage: Stage::Login,
        };
        bench.check_held(number, &reason, None);
    }
    bench.refuses(0, true);
    bench.refuses_login(1);
    bench.refuses(0, true);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Done);
    bench.set(0, HostState::Down);
    bench.listed(0).users = 0;
    bench.read_list();
    for number in 0..6 {
        match number {
            0..=2 => bench.refuses_login(number),
            _ => bench.passes(number),
        }
    }
    bench.check_acts(0, Action::MarkUp);
}

/// What has befallen others may have befallen it, though it had not when it was last probed.
#[test]
fn one_that_refuses_as_all_do_is_probed_before_it_comes_up_if_another_has_died_since() {
    let mut bench = Bench::new(3);
    bench.take_down(0, 1);
    for number in 0..3 {
        bench.refuses_login(number);
    }
    bench.check_acts(0, Action::MarkUp);
    bench.refuses(1, false);
    bench.check_held_for(0, &PEERS_AWAITED, &[0]);
    // A round that begins as the other's failure ends comes after it.
    bench.now -= Duration::from_millis(1);
    bench.refuses_login(0);
    bench.check_acts(0, Action::MarkUp);
}

/// One that died before may be alive since, and the two never behind together.
#[test]
fn what_all_are_to_have_in_common_is_looked_for_at_one_time() {
    let mut bench = Bench::new(5);
    bench.take_down(0, 1);
    bench.refuses_login(0);
    bench.refuses(1, true);
    for number in 2..5 {
        bench.passes(number);
    }
    bench.refuses(2, false);
    bench.refuses_login(0);
    bench.check_held_for(0, &PEERS_AWAITED, &[1, 3, 4]);
    bench.passes(3);
    bench.passes(4);
    bench.check_held_for(0, &PEERS_AWAITED, &[1]);
    bench.refuses(1, true);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn without_a_refuge_only_a_login_that_times_out_may_be_a_refusal() {
    let no = Fault::Unavailable(Quote::new("no"));
    for (stage, fault) in [(Stage::Greeting, Fault::TimedOut), (Stage::Login, no)] {
        let brake = Brake::Off;
        let mut bench = Bench::with(2, Rules { brake, ..RULES });
        for number in 0..2 {
            bench.finding(number, Err(Failure::new(stage, fault.clone())), true);
        }
        for number in 0..2 {
            bench.check_acts(number, Action::MarkDown);
        }
    }
}

#[test]
fn without_a_refuge_a_pass_in_another_tag_tells_a_time_out_at_the_login_from_a_refusal() {
    let brake = Brake::Off;
    let mut bench = Bench::with(2, Rules { brake, ..RULES });
    bench.listed(1).tag = Tag::new("archive");
    bench.read_list();
    let timed_out = || Failure::new(Stage::Login, Fault::TimedOut);
    bench.finding(0, Err(timed_out()), false);
    bench.passes(1);
    bench.finding(0, Err(timed_out()), true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn those_who_get_no_further_are_no_peers_to_wait_for() {
    let mut bench = Bench::new(4);
    bench.passes(1);
    bench.passes(2);
    bench.refuses_login(3);
    bench.refuses_login(0);
    bench.check_held_for(0, &PEERS_AWAITED, &[1, 2]);
}

/// Two of the three others have got further, one of them only after the latest refusal of backend 0.
#[test]
fn it_is_refused_once_more_where_those_who_got_further_did_so_since() {
    let mut bench = Bench::new(4);
    for number in 1..4 {
        bench.passes(number);
    }
    bench.refuses_login(0);
    bench.passes(1);
    bench.refuses_login(0);
    bench.passes(2);
    bench.check_held_for(0, &PEERS_AWAITED, &[0]);
    bench.refuses_login(0);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn who_delivers_and_cannot_read_has_got_further_than_who_cannot_deliver() {
    let at = |protocol| {
        let mut failure = expired();
        failure.port = Some(Port {
            protocol,
            security: Security::Plain,
            number: 1,
        });
        failure
    };
    let mut bench = Bench::new(3);
    for _ in 0..2 {
        for reads in [1, 2] {
            bench.finding(reads, Err(at(Protocol::Imap)), true);
        }
        bench.finding(0, Err(at(Protocol::Lmtp)), true);
    }
    bench.measure();
    let compared = bench.backends.compared();
    let stands = [0, 1, 2].map(|number| compared.bar().stands(bench.member(number)));
    assert_eq!(stands, [false, true, true]);
}

/// Among thousands of backends all passes of all would not fit into memory.
#[test]
fn of_a_dead_backend_it_is_not_remembered_who_gets_further() {
    let mut bench = Bench::new(3);
    bench.refuses(0, true);
    bench.passes(1);
    assert!(bench.member(0).evidence.failing()[0].outdone_by.is_empty());
}

#[test]
fn what_failed_at_the_login_of_before_has_got_that_far_and_fails_no_more() {
    let mut bench = Bench::new(2);
    bench.logins(&[Some(1), Some(1)]);
    bench.refuses_login(0);
    bench.refuses(1, true);
    bench.logins(&[Some(7), Some(7)]);
    let at_login = Reach::Stopped(Leg::First, Stage::Login);
    let at_connect = Reach::Stopped(Leg::First, Stage::Connect);
    for (number, reach, failing) in [(0, at_login, 0), (1, at_connect, 1)] {
        let evidence = &bench.member(number).evidence;
        assert_eq!(evidence.reach(0), Some(reach));
        assert_eq!(evidence.failing().len(), failing);
    }
    bench.finding(1, Ok(Pass::Clean), false);
    assert_eq!(bench.member(1).evidence.failing().len(), 0);
}

#[test]
fn a_failure_of_another_blame_begins_anew() {
    let mut bench = Bench::new(2);
    bench.refuses_login(0);
    let refused = bench.member(0).evidence.failed_since();
    bench.refuses_login(0);
    assert_eq!(bench.member(0).evidence.failed_since(), refused);
    let dies = bench.now;
    bench.refuses(0, true);
    let ended = dies + Duration::from_millis(2);
    assert_eq!(bench.member(0).evidence.failed_since(), Some(ended));
}

/// Others got further than the refused login, and nobody knows yet whether they get past the certificate.
#[test]
fn what_others_did_before_a_backend_failed_at_another_check_does_not_take_it_down() {
    let at_tls = Reason::PeersAwaited {
        service: 0,
        stage: Stage::Tls,
    };
    let mut bench = Bench::new(3);
    bench.logins(&[Some(1), Some(2), Some(2)]);
    bench.refuses_login(0);
    bench.passes(1);
    bench.passes(2);
    bench.refuses_login(0);
    bench.check_held(0, &AT_LOGIN, None);

    for _ in 0..2 {
        bench.finding(0, Err(expired()), true);
        bench.check_held_for(0, &at_tls, &[1, 2]);
    }
    bench.passes(1);
    bench.finding(2, Err(expired()), true);
    bench.finding(0, Err(expired()), true);
    bench.check_held(
        0,
        &Reason::Shared {
            service: 0,
            stage: Stage::Tls,
        },
        None,
    );
    bench.passes(2);
    bench.check_held_for(0, &at_tls, &[0]);
    bench.finding(0, Err(expired()), true);
    bench.check_acts(0, Action::MarkDown);
}

/// The same where it gets further than before: a refusal that all have met says nothing once one has been spared.
#[test]
fn what_others_did_before_a_backend_got_as_far_as_the_login_does_not_take_it_down() {
    let mut bench = Bench::new(3);
    bench.finding(0, Err(expired()), true);
    bench.refuses_login(1);
    bench.refuses_login(2);
    bench.refuses_login(0);
    bench.passes(1);
    bench.passes(2);
    bench.check_held_for(0, &PEERS_AWAITED, &[0]);
    bench.refuses_login(0);
    bench.check_acts(0, Action::MarkDown);
}

/// The others are now probed with another account. Whether they answer its login is not known until they are probed.
#[test]
fn one_that_answers_no_login_stays_down_while_the_others_are_judged_by_another_password() {
    let unanswered = || Failure::new(Stage::Login, Fault::LoginUnanswered);
    let mut bench = Bench::new(3);
    bench.logins(&[Some(1), Some(2), Some(2)]);
    bench.finding(0, Err(unanswered()), false);
    bench.passes(1);
    bench.passes(2);
    bench.finding(0, Err(unanswered()), true);
    bench.check_acts(0, Action::MarkDown);
    bench.send(0, Action::MarkDown, Answer::Done);
    bench.set(0, HostState::Down);
    bench.listed(0).users = 0;
    bench.read_list();
    bench.finding(0, Err(unanswered()), true);
    bench.send(0, Action::Drain, Answer::Done);
    bench.read_list();
    bench.check_nothing(0);

    bench.logins(&[Some(1), Some(7), Some(7)]);
    bench.check_held_for(0, &PEERS_AWAITED, &[1, 2]);
    bench.passes(1);
    bench.passes(2);
    bench.check_nothing(0);
}

/// With --rise one good check does not change the verdict.
#[test]
fn one_that_was_down_for_a_shared_fault_comes_up_by_the_verdict_and_not_by_an_attempt() {
    let mut bench = Bench::with_one_down_for_its_certificate();
    bench.check_nothing(0);
    bench.finding(0, Ok(Pass::Clean), false);
    bench.check_nothing(0);
    bench.passes(0);
    bench.check_acts(0, Action::MarkUp);
}

#[test]
fn what_others_got_to_with_their_former_account_counts_in_no_interrupted_series_either() {
    let mut bench = Bench::new(4);
    let (new, old) = (Some(Login(1)), Some(Login(2)));
    for number in 0..4 {
        let login = if number == 0 { new } else { old };
        bench.backends.on_login(address(number), login);
    }
    bench.refuses_login(0);
    for number in 1..4 {
        bench.passes(number);
    }
    bench.refuses(0, false);
    for number in 1..4 {
        bench.backends.on_login(address(number), new);
    }
    bench.refuses_login(0);
    for number in 1..4 {
        bench.passes(number);
    }
    bench.check_held_for(0, &PEERS_AWAITED, &[0]);
}

fn shared_at_tls() -> Reason {
    Reason::Shared {
        service: 0,
        stage: Stage::Tls,
    }
}

/// Backend 1 passed and then failed, or failed and then got another account: it is still one backend.
#[test]
fn nobody_is_counted_twice_among_those_who_get_further() {
    let mut bench = Bench::new(4);
    bench.passes(1);
    bench.refuses_login(1);
    bench.finding(0, Err(expired()), true);
    bench.check_held(0, &shared_at_tls(), None);

    let mut bench = Bench::new(4);
    let missing = Failure::new(Stage::StartTls, Fault::StartTlsMissing);
    bench.finding(1, Err(missing), true);
    bench.backends.on_login(address(1), Some(Login(1)));
    bench.finding(0, Err(expired()), true);
    bench.check_held(0, &shared_at_tls(), None);
}

/// Backend 2 passes, in the middle between two whose login is refused.
#[test]
fn a_login_that_times_out_is_a_fault_of_its_own_if_one_of_many_passes_it() {
    let unanswered = || Err(Failure::new(Stage::Login, Fault::TimedOut));
    let mut bench = Bench::new(4);
    bench.refuses_login(1);
    bench.refuses_login(3);
    bench.finding(0, unanswered(), false);
    bench.passes(2);
    bench.finding(0, unanswered(), true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn one_that_is_not_judged_yet_tells_no_refused_login_from_one_that_times_out() {
    let mut bench = Bench::new(2);
    bench.finding(1, Ok(Pass::Clean), false);
    let unanswered = Failure::new(Stage::Login, Fault::TimedOut);
    bench.finding(0, Err(unanswered), true);
    bench.check_held(0, &AT_LOGIN, None);
}

#[test]
fn without_a_brake_a_shared_fault_needs_no_whole_round_of_others() {
    let brake = Brake::Off;
    let mut bench = Bench::with(3, Rules { brake, ..RULES });
    bench.passes(1);
    bench.passes(2);
    bench.finding(0, Err(expired()), false);
    bench.finding(1, Ok(Pass::Clean), false);
    bench.finding(2, Ok(Pass::Clean), false);
    bench.finding(0, Err(expired()), true);
    bench.check_acts(0, Action::MarkDown);
}

#[test]
fn only_those_who_got_further_are_asked_whether_they_still_do() {
    let mut bench = Bench::new(4);
    bench.passes(1);
    bench.passes(2);
    bench.finding(0, Err(expired()), true);
    bench.check_held_for(0, &PEERS_AT_TLS, &[1, 2]);
}

#[test]
fn a_shared_fault_that_too_few_are_spared_names_no_control() {
    for (spared, expected) in [(1, None), (2, Some(address(2)))] {
        let mut bench = Bench::new(3);
        for number in 1..=spared {
            bench.passes(number);
        }
        bench.refuses_login(0);
        assert_eq!(control(&bench.backends, address(0)), expected);
    }
}

#[test]
fn those_of_other_tags_that_are_not_probed_yet_keep_nobody_down_whose_own_tag_is() {
    let mut bench = Bench::new(6);
    for number in 3..6 {
        bench.listed(number).tag = Tag::new("archive");
    }
    bench.set(0, HostState::Down);
    bench.read_list();
    bench.pass_time(61_000);
    for number in 0..3 {
        bench.refuses_login(number);
    }
    bench.check_acts(0, Action::MarkUp);
}
