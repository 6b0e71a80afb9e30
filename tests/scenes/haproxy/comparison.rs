//! What users see of a failing server, with HAProxy's own check at its best and with poolmon beside it: the
//! numbers that `make demo-haproxy` shows, counted by the same code.

use std::time::Duration;

use super::*;
use crate::lab::fake_pool::USER;
use crate::lab::haproxy::GREETING_CHECK;
use crate::lab::logins::{measure, Logins, Measured};

/// Long enough for both to notice what they can, on a busy machine.
const WATCHED: Duration = Duration::from_secs(8);

/// One section, in which HAProxy checks each second that a server greets.
fn greeted(place: &Place) -> Vec<Section> {
    let server = |number| {
        let address = place.address(number);
        format!("mail{number} {address}:{IMAP} check inter 1s fall 2 rise 1")
    };
    vec![Section {
        name: "imap",
        port: 2143,
        options: GREETING_CHECK,
        servers: (1..=3).map(server).collect(),
    }]
}

/// The first server fails in this way.
fn fail(world: &World, mood: Mood) -> Measured {
    let measured = count(world, || world.fail(1, mood));
    world.fail(1, Mood::Healthy);
    measured
}

/// What becomes of logins after this.
fn count(world: &World, cause: impl FnOnce()) -> Measured {
    let logins = Logins::start(world.haproxy.door(2143), USER, PASSWORD);
    let measured = measure(&world.haproxy, "imap/mail1", &logins, WATCHED, cause, || {});
    assert!(measured.logins.tried > 20, "{measured:?}");
    measured
}

fn world() -> World {
    World::with(greeted)
}

fn beside_poolmon(world: &World) -> Monitor {
    let monitor = MonitorPlan::new(&world.place, &world.haproxy.socket())
        .flags("--pool=haproxy -i 1 --login-interval=0 -t 1 --retries=1 --retry-delay=1")
        .flags(&format!("-p IMAP:{IMAP}"))
        .credentials(USER, PASSWORD)
        .start();
    world.wait_for_visits();
    monitor.wait_for_line(&["is healthy"], REACTION);
    monitor
}

#[track_caller]
fn assert_noticed(measured: &Measured) {
    assert!(measured.noticed.is_some(), "{measured:?}");
    assert_eq!(measured.afterwards.failed, 0, "{measured:?}");
    assert!(
        measured.logins.failed < measured.logins.tried / 3,
        "{measured:?}"
    );
}

#[test]
fn a_broken_login_is_never_noticed_by_haproxy_and_costs_a_third_of_the_logins() {
    let alone = fail(&world(), Mood::Unavailable);
    assert_eq!(alone.noticed, None);
    let a_third = alone.logins.tried / 3;
    assert!(alone.logins.failed.abs_diff(a_third) <= 3, "{alone:?}");
}

#[test]
fn a_broken_login_is_noticed_by_poolmon_and_from_then_on_no_login_fails() {
    let world = world();
    let _monitor = beside_poolmon(&world);
    assert_noticed(&fail(&world, Mood::Unavailable));
    world.haproxy.wait_for(&["imap/mail1"], READY, REACTION);
}

#[test]
fn a_dead_server_is_noticed_by_both() {
    let world = world();
    assert_noticed(&fail(&world, Mood::Refusing));
    wait_until("HAProxy to see it work", REACTION, || {
        world.haproxy.server("imap/mail1").unwrap().takes_users()
    });
    let _monitor = beside_poolmon(&world);
    assert_noticed(&fail(&world, Mood::Refusing));
}

#[test]
fn a_frozen_server_is_noticed_by_both_where_haproxy_waits_for_the_greeting() {
    let world = world();
    assert_noticed(&fail(&world, Mood::Silent));
    wait_until("HAProxy to see it work", REACTION, || {
        world.haproxy.server("imap/mail1").unwrap().takes_users()
    });
    let _monitor = beside_poolmon(&world);
    assert_noticed(&fail(&world, Mood::Silent));
}

#[test]
fn after_a_reload_haproxy_alone_takes_a_dead_server_out_again_and_no_broken_login() {
    let world = world();
    let takes_users = || world.haproxy.server("imap/mail1").unwrap().takes_users();
    world.fail(1, Mood::Refusing);
    wait_until("HAProxy to see it", REACTION, || !takes_users());
    assert_noticed(&count(&world, || world.haproxy.reload()));
    world.fail(1, Mood::Unavailable);
    wait_until("HAProxy to see it greet", REACTION, takes_users);
    let alone = count(&world, || world.haproxy.reload());
    assert_eq!(alone.noticed, None);
    let a_third = alone.logins.tried / 3;
    assert!(alone.logins.failed.abs_diff(a_third) <= 3, "{alone:?}");
}

#[test]
fn after_a_reload_poolmon_takes_a_broken_login_out_again() {
    let world = world();
    let _monitor = beside_poolmon(&world);
    world.fail(1, Mood::Unavailable);
    world.haproxy.wait_for(&["imap/mail1"], MAINT, REACTION);
    assert_noticed(&count(&world, || world.haproxy.reload()));
    world.fail(1, Mood::Healthy);
    world.haproxy.wait_for(&["imap/mail1"], READY, REACTION);
}
