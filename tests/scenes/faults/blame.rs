//! Failures that take nobody down: without a refuge, or of the monitor's own account.

use super::{assert_no_more_changes, A_WHILE};
use crate::lab::fake_backend::Mood;
use crate::lab::fake_director::FakeHost;
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};

#[test]
fn when_all_backends_fail_none_goes_down_and_one_error_line_asks_why() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.set_all(Mood::Refusing);
    monitor.wait_for_line(&[" ERR ", "cut off"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    // Those whose control still passed at the first failure may have gone; the last never does.
    assert!(pool.director.states().contains('U'));
    assert_eq!(monitor.lines_with(&[" ERR ", "cut off"]).len(), 1);

    pool.set_all(Mood::Healthy);
    for backend in 0..3 {
        pool.wait_for_state(backend, 'U');
    }
}

#[test]
fn a_monitor_that_starts_blind_changes_nothing_and_acts_once_it_sees() {
    let pool = FakePool::start(3);
    pool.set_all(Mood::Refusing);
    let monitor = pool.monitor().start();
    monitor.wait_for_line(&[" ERR ", "cut off"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());

    pool.backends[2].set(Mood::Healthy);
    pool.wait_for_state(0, 'D');
    pool.wait_for_state(1, 'D');
    assert_eq!(pool.state_of(2), 'U');
}

#[test]
fn the_last_backend_of_a_tag_stays_up_whatever_other_tags_have() {
    let pool = FakePool::start(3);
    let east = |host: &mut FakeHost| host.tag = "east".to_string();
    pool.director.edit(pool.address(0), east);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    monitor.wait_for_line(&[" ERR ", "east"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());

    pool.backends[1].set(Mood::Refusing);
    pool.wait_for_state(1, 'D');
    assert_eq!(pool.state_of(0), 'U');
}

#[test]
fn a_backend_out_of_rotation_is_no_refuge() {
    let pool = FakePool::start(2);
    pool.director.edit(pool.address(1), |host| host.vhosts = 0);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    let address = pool.address(1);
    let idle = format!(
        "; {address} is healthy here and up with vhost count 0: give one its vhost count back: "
    );
    monitor.wait_for_line(&[" ERR ", &idle], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());
    assert!(monitor.lines_with(&["cut off"]).is_empty());

    pool.director
        .edit(pool.address(1), |host| host.vhosts = 100);
    pool.wait_for_state(0, 'D');
}

#[test]
fn a_wrong_password_everywhere_takes_nobody_down() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().credentials(USER, "forgotten").start();
    let line = monitor.wait_for_line(&[" ERR ", "no backend is taken down for that"], REACTION);
    for backend in 0..3 {
        assert!(line.contains(&pool.address(backend).to_string()), "{line}");
    }
    assert!(line.contains(USER), "the account is named: {line}");
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());
    assert!(
        !monitor.log().contains("forgotten"),
        "a password is printed"
    );
    assert_eq!(
        monitor
            .lines_with(&[" ERR ", "no backend is taken down for that"])
            .len(),
        1
    );
}

#[test]
fn a_wrong_password_on_one_backend_takes_that_one_down() {
    let pool = FakePool::start(3);
    let _monitor = pool.monitor().credentials(USER, PASSWORD).start();
    pool.wait_for_visits();
    pool.backends[2].set_password("another");
    pool.wait_for_state(2, 'D');
    assert_eq!(pool.director.states(), "UUD");
    pool.backends[2].set_password(PASSWORD);
    pool.wait_for_state(2, 'U');
}

#[test]
fn a_password_that_stops_working_everywhere_takes_nobody_down() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().credentials(USER, PASSWORD).start();
    pool.wait_for_visits();
    pool.set_all(Mood::RefusingLogin);
    monitor.wait_for_line(&[" ERR ", "login"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.director.states().contains('U'));

    // One that passes does not condemn the others.
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    assert_no_more_changes(&pool, A_WHILE);
    pool.set_all(Mood::Healthy);
    for backend in 0..3 {
        pool.wait_for_state(backend, 'U');
    }
}

#[test]
fn a_backend_that_dies_while_all_refuse_the_login_goes_down_and_comes_up_when_it_refuses_it_too() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().credentials(USER, "forgotten").start();
    monitor.wait_for_line(&[" ERR ", "no backend is taken down for that"], REACTION);
    pool.backends[1].set(Mood::Refusing);
    pool.wait_for_state(1, 'D');
    assert_eq!(pool.director.states(), "UDU");
    pool.backends[1].set(Mood::Healthy);
    pool.wait_for_state(1, 'U');
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.director.states(), "UUU");
}

#[test]
fn one_backend_that_takes_the_password_does_not_condemn_the_others_and_two_do() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().credentials(USER, "changed").start();
    monitor.wait_for_line(&[" ERR ", "no backend is taken down for that"], REACTION);
    pool.backends[0].set_password("changed");
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());
    pool.backends[1].set_password("changed");
    pool.wait_for_state(2, 'D');
    assert_eq!(pool.director.states(), "UUD");
}

/// SECURITY.md says so.
#[test]
fn of_two_backends_one_that_takes_any_password_has_the_other_taken_down() {
    let pool = FakePool::start(2);
    let monitor = pool.monitor().credentials(USER, "changed").start();
    monitor.wait_for_line(&[" ERR ", "no backend is taken down for that"], REACTION);
    assert!(pool.changes().is_empty());
    pool.backends[0].set_password("changed");
    pool.wait_for_state(1, 'D');
    assert_eq!(pool.director.states(), "UD");
}

#[test]
fn a_password_that_works_again_on_two_of_three_condemns_the_third() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().credentials(USER, PASSWORD).start();
    pool.wait_for_visits();
    pool.set_all(Mood::RefusingLogin);
    monitor.wait_for_line(&[" ERR ", "login"], REACTION);
    pool.backends[0].set(Mood::Healthy);
    pool.backends[1].set(Mood::Healthy);
    pool.wait_for_state(2, 'D');
    pool.backends[2].set(Mood::Healthy);
    pool.wait_for_state(2, 'U');
}
