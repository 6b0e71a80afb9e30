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
fn who_serves_more_sections_takes_the_users_of_one_that_serves_fewer_and_not_the_other_way_round() {
    let world = World::with(|place| {
        let mut all = sections(place, "");
        all[0].servers.truncate(2);
        all[1].servers.truncate(1);
        all
    });
    let monitor = MonitorPlan::new(&world.place, &world.haproxy.socket())
        .flags("--pool=haproxy -i 1 --login-interval=0 -t 1 --retries=0")
        .flags(&format!("-p IMAP:{IMAP} --haproxy-proxies=imap,pop3"))
        .start();
    let [first, second] = [0, 1].map(|index| world.backends[index].address.to_string());
    for address in [&first, &second] {
        monitor.wait_for_line(&[address, "is healthy"], REACTION);
    }
    let becomes = |admin| world.haproxy.wait_for(&["imap/mail2"], admin, REACTION);
    world.fail(2, Mood::Refusing);
    becomes(MAINT);
    monitor.wait_for_line(
        &[
            &second,
            "disabled",
            "1 of 2 backends serving \"imap\" are up",
        ],
        REACTION,
    );
    world.fail(2, Mood::Healthy);
    becomes(READY);
    assert!(monitor.lines_with(&["users cannot log in"]).is_empty());
    world.fail(1, Mood::Refusing);
    let expected = "no other backend serving \"imap,pop3\" is up and passes";
    monitor.wait_for_line(&[" ERR ", &first, expected], REACTION);
    hold_for("the first to stay up", Duration::from_secs(2), || {
        world.admin(1) == [Some(READY); 2]
    });
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
