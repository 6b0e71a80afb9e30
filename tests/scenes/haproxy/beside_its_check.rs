//! What HAProxy's own check sees, and what it does not.

use std::time::Duration;

use super::*;
use crate::lab::fake_pool::USER;
use crate::lab::mail_client::Session;
use crate::lab::patience::{pause, wait_until};

#[test]
fn a_login_that_is_broken_is_seen_although_haproxys_own_check_passes() {
    let world = World::start();
    let monitor = world.plan().credentials(USER, PASSWORD).start();
    monitor.wait_for_line(&["is healthy"], REACTION);
    world.fail(1, Mood::Unavailable);
    world.wait_for(1, MAINT);
    monitor.wait_for_line(&["has failed", "login"], REACTION);
    // Everybody gets in now.
    for _ in 0..4 {
        Session::log_in(world.haproxy.door(2143), USER, PASSWORD).unwrap();
    }
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
}

#[test]
fn haproxy_alone_goes_on_sending_users_to_a_broken_login() {
    let world = World::start();
    world.fail(1, Mood::Unavailable);
    let refused = (0..6).filter(|_| {
        let session = Session::log_in(world.haproxy.door(2143), USER, PASSWORD);
        let refused = session.err().map(|error| error.to_string());
        refused.map_or(false, |text| text.contains("[UNAVAILABLE]"))
    });
    assert_eq!(refused.count(), 3);
    assert!(world.haproxy.server("imap/mail1").unwrap().is_running);
}

#[test]
fn what_haproxys_own_check_has_taken_out_before_is_ours_all_the_same_and_comes_back() {
    let world = World::start();
    world.fail(1, Mood::Refusing);
    wait_until("HAProxy's own check to see it", REACTION, || {
        !world.haproxy.server("imap/mail1").unwrap().is_running
    });
    // Pause: long enough for HAProxy's own change to be older than our down.
    pause(Duration::from_secs(3));
    let _monitor = world.plan().start();
    world.wait_for(1, MAINT);
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
}
