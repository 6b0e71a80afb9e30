//! Several monitors on one HAProxy, and several processes of one HAProxy.

use std::time::Duration;

use super::*;
use crate::lab::fake_pool::USER;
use crate::lab::mail_client::Session;
use crate::lab::patience::hold_for;

#[test]
fn a_second_monitor_with_the_same_pid_file_does_not_start() {
    let world = World::start();
    let plan = world.plan();
    let _first = plan.start();
    world.wait_for_visits();
    let mut second = plan.clone();
    second.state = world.place.path("second.state");
    let ended = second.start().wait_for_end(REACTION);
    assert!(!ended.success());
}

#[test]
fn two_monitors_with_a_pid_file_each_take_a_server_out_once_and_bring_it_back() {
    let world = World::start();
    let plan = world.plan();
    let first = plan.start();
    let second = plan
        .another(&world.place)
        .flag("-S")
        .flag(world.haproxy.socket())
        .start();
    let monitors = [&first, &second];
    for monitor in monitors {
        monitor.wait_for_line(&["is healthy"], REACTION);
    }
    world.fail(1, Mood::Refusing);
    world.wait_for(1, MAINT);
    for monitor in monitors {
        monitor.wait_for_line(&["has failed"], REACTION);
    }
    hold_for("it to stay out", Duration::from_secs(2), || {
        world.admin(1) == [Some(MAINT); 2]
    });
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
    hold_for("it to stay in", Duration::from_secs(2), || {
        world.admin(1) == [Some(READY); 2]
    });
}

#[test]
fn sessions_of_an_old_process_stay_and_a_line_says_why() {
    let world = World::start();
    let monitor = world.watch();
    let door = world.haproxy.door(2143);
    // Round robin: one on each of the two that are no backup.
    let mut old = [0, 1].map(|_| Session::log_in(door, USER, PASSWORD).unwrap());
    world.haproxy.reload();
    let line = monitor.wait_for_line(&["HAProxy was reloaded or started again"], REACTION);
    assert!(line.contains("hard-stop-after"), "{line}");
    world.backends[0].set_port(POP3, Mood::Refusing);
    world.wait_for(1, MAINT);
    monitor.wait_for_line(&["users moved"], REACTION);
    for session in &mut old {
        assert!(!session.is_kicked_within(Duration::from_secs(1)));
    }
    assert_eq!(monitor.lines_with(&["HAProxy was reloaded"]).len(), 1);
}
