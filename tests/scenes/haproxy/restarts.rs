//! HAProxy or the monitor is reloaded or started again, while a backend is down.

use std::fs;
use std::time::{Duration, Instant};

use super::*;
use crate::lab::patience::{check_in_time, hold_for, less_than, wait_until};

#[test]
fn a_reload_forgets_and_what_has_failed_is_taken_out_again() {
    let world = World::start();
    let monitor = world.watch();
    world.fail(1, Mood::Refusing);
    world.wait_for(1, MAINT);
    monitor.wait_for_line(&["disabled"], REACTION);
    world.haproxy.reload();
    world.wait_for(1, MAINT);
    wait_until("it to be said again", REACTION, || {
        monitor.lines_with(&["disabled"]).len() == 2
    });
    // It was never brought up: the first pass does.
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
}

#[test]
fn a_frozen_server_is_taken_out_again_within_a_second_of_a_reload_and_not_after_one_more_time_out()
{
    check_in_time(|| {
        let world = World::start();
        let monitor = world.plan().flags("-t 5").start();
        world.wait_for_visits();
        world.fail(1, Mood::Silent);
        world.wait_for(1, MAINT);
        monitor.wait_for_line(&["disabled"], REACTION);
        world.haproxy.reload();
        let reloaded = Instant::now();
        world.wait_for(1, MAINT);
        less_than(Duration::from_millis(1500), reloaded.elapsed())
    });
}

#[test]
fn a_restart_is_one_alarm_and_what_has_failed_is_taken_out_again() {
    let mut world = World::start();
    let monitor = world.watch();
    world.fail(1, Mood::Refusing);
    world.wait_for(1, MAINT);
    world.haproxy.stop();
    let socket = world.haproxy.socket();
    let line = monitor.wait_for_line(&[" ERR ", "failover is off"], REACTION);
    assert!(
        line.contains(&format!("HAProxy {}", socket.display())),
        "{line}"
    );
    assert!(line.contains("is HAProxy running"), "{line}");
    world.haproxy.launch();
    world.wait_for(1, MAINT);
    assert_eq!(monitor.lines_with(&["failover is off"]).len(), 1);
    assert!(
        monitor.lines_with(&["irector"]).is_empty(),
        "{}",
        monitor.log()
    );
}

#[test]
fn a_down_is_ours_after_a_restart_of_the_monitor() {
    let world = World::start();
    let plan = world.plan();
    let mut monitor = plan.start();
    world.wait_for_visits();
    world.fail(1, Mood::Refusing);
    world.wait_for(1, MAINT);
    monitor.wait_for_line(&["disabled"], REACTION);
    // The state file has the stamp once a list has shown it.
    wait_until("the down to be remembered", REACTION, || {
        fs::read_to_string(&plan.state).map_or(false, |text| text.contains("stamp:"))
    });
    monitor.kill();
    // It comes back while nobody looks.
    world.fail(1, Mood::Healthy);
    let monitor = plan.start();
    world.wait_for(1, READY);
    drop(monitor);
}

#[test]
fn an_operators_maintenance_after_a_reload_is_not_taken_for_ours() {
    let world = World::start();
    let plan = world.plan();
    let mut monitor = plan.start();
    world.wait_for_visits();
    world.fail(1, Mood::Refusing);
    world.wait_for(1, MAINT);
    // A monitor that was started again takes what was done within 30 s of its own act for that act.
    hold_for("time to pass", Duration::from_secs(33), || true);
    monitor.kill();
    world.fail(1, Mood::Healthy);
    world.haproxy.reload();
    for name in names(1) {
        world
            .haproxy
            .tell(&format!("set server {name} state maint"));
    }
    let monitor = plan.start();
    monitor.wait_for_line(&["is healthy"], REACTION);
    hold_for("it to stay out", Duration::from_secs(2), || {
        world.admin(1) == [Some(MAINT); 2]
    });
}

#[test]
fn servers_that_a_reload_adds_and_removes_are_watched_and_forgotten() {
    let world = World::start();
    let all = sections(&world.place, "");
    let mut fewer = all.clone();
    for section in &mut fewer {
        section.servers.remove(1);
    }
    world.haproxy.write(&fewer);
    world.haproxy.reload();
    let monitor = world.plan().start();
    let second = world.backends[1].address.to_string();
    monitor.wait_for_line(&["is listed"], REACTION);
    assert!(monitor.lines_with(&[&second]).is_empty());
    world.haproxy.write(&all);
    world.haproxy.reload();
    monitor.wait_for_line(&[&second, "is listed"], REACTION);
    world.fail(2, Mood::Refusing);
    world.wait_for(2, MAINT);
    world.haproxy.write(&fewer);
    world.haproxy.reload();
    monitor.wait_for_line(&[&second, "is no longer listed"], REACTION);
    let state = fs::read_to_string(world.place.path("haproxy/output")).unwrap();
    assert!(!state.contains("ALERT"), "{state}");
}

#[test]
fn a_haproxy_that_stands_still_for_seconds_is_nobodys_act_and_what_passes_again_comes_up() {
    let world = World::start();
    let monitor = world.watch();
    world.fail(1, Mood::Refusing);
    world.wait_for(1, MAINT);
    monitor.wait_for_line(&["disabled"], REACTION);
    // As in a virtual machine that pauses: HAProxy leaves it out of its own time.
    world.haproxy.freeze();
    monitor.wait_for_line(&["failover is off"], REACTION);
    world.haproxy.thaw();
    monitor.wait_for_line(&["failover is on again"], REACTION);
    hold_for("some lists more", Duration::from_secs(2), || true);
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
    let others = monitor.lines_with(&["not by this monitor"]);
    assert!(others.is_empty(), "{others:?}");
}
