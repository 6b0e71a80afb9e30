//! What an operator, or the configuration, has taken out of service.

use std::time::Duration;

use super::*;
use crate::lab::fake_pool::USER;
use crate::lab::mail_client::Session;
use crate::lab::patience::hold_for;

#[test]
fn what_an_operator_takes_out_stays_so_over_failures_reloads_and_restarts_of_the_monitor() {
    let world = World::start();
    let mut monitor = world.watch();
    world.haproxy.tell("set server imap/mail1 state maint");
    world.haproxy.tell("set server pop3/mail1 state drain");
    let taken = [Some(MAINT), Some(DRAIN)];
    let address = world.backends[0].address.to_string();
    monitor.wait_for_line(
        &[&address, "from up to down, not by this monitor"],
        REACTION,
    );
    world.fail(1, Mood::Refusing);
    monitor.wait_for_line(&[&address, "has failed"], REACTION);
    world.fail(1, Mood::Healthy);
    monitor.wait_for_line(
        &[" ERR ", &address, "is healthy here and stays down"],
        REACTION,
    );
    monitor.stop(REACTION);
    let monitor = world.watch();
    hold_for("both to stay out", Duration::from_secs(1), || {
        world.admin(1) == taken
    });
    // A reload forgets it, and nobody makes it up.
    world.haproxy.reload();
    monitor.wait_for_line(
        &[&address, "from down to up, not by this monitor"],
        REACTION,
    );
    hold_for("both to stay in", Duration::from_secs(1), || {
        world.admin(1) == [Some(READY); 2]
    });
    assert!(monitor.lines_with(&["abled"]).is_empty());
}

#[test]
fn a_server_held_in_one_section_stays_held_after_a_failure_of_the_mail_server() {
    let world = World::start();
    world.haproxy.tell("set server pop3/mail1 state maint");
    let monitor = world.watch();
    world.fail(1, Mood::Refusing);
    world.wait_for(1, MAINT);
    world.fail(1, Mood::Healthy);
    world.haproxy.wait_for(&["imap/mail1"], READY, REACTION);
    monitor.wait_for_line(&["enabled"], REACTION);
    hold_for("the other to stay out", Duration::from_secs(1), || {
        world.haproxy.admin("pop3/mail1") == Some(MAINT)
    });
}

#[test]
fn the_sessions_of_a_server_that_an_operator_drains_are_left_to_them() {
    let world = World::start();
    let mut session = Session::log_in(world.haproxy.door(2143), USER, PASSWORD).unwrap();
    for name in names(1) {
        world
            .haproxy
            .tell(&format!("set server {name} state drain"));
    }
    let monitor = world.watch();
    world.backends[0].set_port(POP3, Mood::Refusing);
    monitor.wait_for_line(&["has failed"], REACTION);
    assert!(!session.is_kicked_within(Duration::from_secs(6)));
}

#[test]
fn a_server_disabled_in_the_configuration_is_left_so() {
    let world = World::start();
    let disabled = Some(5);
    world.haproxy.write(&sections(&world.place, "disabled"));
    world.haproxy.reload();
    let monitor = world.watch();
    assert_eq!(world.admin(1), [disabled, Some(READY)]);
    world.fail(1, Mood::Refusing);
    world.haproxy.wait_for(&["pop3/mail1"], MAINT, REACTION);
    world.fail(1, Mood::Healthy);
    world.haproxy.wait_for(&["pop3/mail1"], READY, REACTION);
    monitor.wait_for_line(&["enabled"], REACTION);
    assert_eq!(world.haproxy.admin("imap/mail1"), disabled);
}

/// HAProxy shows for good that the configuration had it disabled.
#[test]
fn a_server_that_an_operator_has_enabled_is_like_any_other() {
    let world = World::start();
    world.haproxy.write(&sections(&world.place, "disabled"));
    world.haproxy.reload();
    let enabled = Some(4);
    world.haproxy.tell("set server imap/mail1 state ready");
    assert_eq!(world.admin(1), [enabled, Some(READY)]);
    let _monitor = world.watch();
    world.fail(1, Mood::Refusing);
    wait_until("the down of both", REACTION, || {
        world.admin(1) == [Some(5), Some(MAINT)]
    });
    world.fail(1, Mood::Healthy);
    world.haproxy.wait_for(&["pop3/mail1"], READY, REACTION);
    wait_until("the other one", REACTION, || {
        world.admin(1) == [enabled, Some(READY)]
    });
}

#[test]
fn what_an_operator_drains_while_it_is_down_by_us_is_theirs() {
    let world = World::start();
    let monitor = world.watch();
    world.fail(1, Mood::Refusing);
    world.wait_for(1, MAINT);
    // What is done within two seconds of each other cannot be told apart.
    hold_for("time to pass", Duration::from_secs(4), || true);
    for name in names(1) {
        world
            .haproxy
            .tell(&format!("set server {name} state drain"));
    }
    world.fail(1, Mood::Healthy);
    let address = world.backends[0].address.to_string();
    monitor.wait_for_line(
        &[" ERR ", &address, "is healthy here and stays down"],
        REACTION,
    );
    assert_eq!(world.admin(1), [Some(DRAIN); 2]);
}
