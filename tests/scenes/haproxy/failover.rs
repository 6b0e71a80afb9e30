//! A mail server fails in one way or another, and comes back.

use super::*;
use crate::lab::fake_pool::USER;
use crate::lab::mail_client::Session;

#[test]
fn a_server_that_refuses_goes_down_in_every_section_loses_its_sessions_and_comes_back() {
    let world = World::start();
    let mut session = Session::log_in(world.haproxy.door(2143), USER, PASSWORD).unwrap();
    let monitor = world.watch();
    // HAProxy's round robin sends the first session to the first server.
    world.backends[0].set_port(POP3, Mood::Refusing);
    world.wait_for(1, MAINT);
    assert!(session.is_kicked_within(REACTION));
    monitor.wait_for_line(&["users moved"], REACTION);
    assert_eq!(world.admin(2), [Some(READY); 2]);
    assert_eq!(world.admin(3), [Some(READY); 2]);
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
    let address = world.backends[0].address.to_string();
    monitor.wait_for_line(&[&address, "disabled"], REACTION);
    monitor.wait_for_line(&[&address, "enabled"], REACTION);
    assert_eq!(monitor.errors().len(), 1, "{:?}", monitor.errors());
}

#[test]
fn a_server_that_is_frozen_goes_down_and_comes_back() {
    let world = World::start();
    let _monitor = world.watch();
    world.fail(2, Mood::Silent);
    world.wait_for(2, MAINT);
    world.fail(2, Mood::Healthy);
    world.wait_for(2, READY);
}

#[test]
fn a_backup_is_a_refuge_and_the_last_one_stays_up() {
    let world = World::start();
    let monitor = world.watch();
    world.fail(1, Mood::Refusing);
    world.fail(2, Mood::Refusing);
    world.wait_for(1, MAINT);
    world.wait_for(2, MAINT);
    world.fail(3, Mood::Refusing);
    monitor.wait_for_line(&[" ERR ", "cut off"], REACTION);
    assert_eq!(world.admin(3), [Some(READY); 2]);
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
    world.wait_for(3, MAINT);
}

#[test]
fn a_refuge_has_to_stand_in_every_section() {
    let world = World::start();
    world.haproxy.tell("set server pop3/mail2 state drain");
    world.haproxy.tell("set server pop3/mail3 state maint");
    let monitor = world.watch();
    world.fail_and_stay_up(&monitor);
    world.haproxy.tell("set server pop3/mail3 state ready");
    world.wait_for(1, MAINT);
    assert_eq!(world.haproxy.admin("pop3/mail2"), Some(DRAIN));
}
