//! Others act too: administrators, and monitors that see something else. And the operator's brakes.

use std::time::{Duration, Instant};

use super::{assert_no_more_changes, A_WHILE};
use crate::lab::fake_backend::{Mood, IMAP, POP3};
use crate::lab::fake_director::{Answer, Command, Deed};
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::patience::wait_until;

#[test]
fn a_healthy_backend_that_another_takes_down_is_not_fought_over() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.director.set_by_another(pool.address(1), 'D');
    let address = pool.address(1).to_string();
    monitor.wait_for_line(&[" ERR ", &address], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());
}

#[test]
fn what_another_took_down_comes_up_when_the_hold_ends() {
    let pool = FakePool::start(3);
    let _monitor = pool.monitor().flag("--hold=3").start();
    pool.wait_for_visits();
    pool.director.set_by_another(pool.address(1), 'D');
    let taken_down = Instant::now();
    pool.wait_for_state(1, 'U');
    let held = taken_down.elapsed();
    assert!(held >= Duration::from_secs(2), "held for {held:?}");
    assert_eq!(pool.changes(), ["HOST-UP b1"]);
}

#[test]
fn a_tag_that_others_take_down_whole_has_one_backend_up_again_at_once() {
    let pool = FakePool::start(3);
    let _monitor = pool.monitor().start();
    pool.wait_for_visits();
    for backend in 0..3 {
        pool.director.set_by_another(pool.address(backend), 'D');
    }
    wait_until("one of them to be up", Duration::from_secs(3), || {
        pool.director.states().contains('U')
    });
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.changes().len(), 1);
}

#[test]
fn with_restore_own_only_our_own_downs_are_undone_also_after_a_restart() {
    let pool = FakePool::start(4);
    let plan = pool.monitor().flag("--restore=own");
    let mut first = plan.start();
    pool.wait_for_visits();
    pool.director.set_by_another(pool.address(1), 'D');
    pool.backends[2].set(Mood::Refusing);
    pool.backends[3].set(Mood::Refusing);
    for backend in [2, 3] {
        pool.wait_for_state(backend, 'D');
        pool.wait_for_no_users(backend);
    }
    let address = pool.address(1).to_string();
    first.wait_for_line(&[" ERR ", &address, "doveadm director up"], REACTION);
    pool.backends[2].set(Mood::Healthy);
    pool.wait_for_state(2, 'U');

    first.kill();
    pool.backends[3].set(Mood::Healthy);
    let _second = plan.start();
    pool.wait_for_state(3, 'U');
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.director.states(), "UDUU");
}

#[test]
fn with_restore_own_an_administrators_down_on_top_of_ours_is_left_alone() {
    let pool = FakePool::start(2);
    let _monitor = pool.monitor().flag("--restore=own").start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    // Up and down again by hand, ten seconds later by the director's clock.
    pool.director.set_by_another(pool.address(0), 'U');
    pool.director.set_by_another(pool.address(0), 'D');
    pool.director.edit(pool.address(0), |host| host.stamp += 10);
    pool.wait_for_readings(1);
    pool.backends[0].set(Mood::Healthy);
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.state_of(0), 'D');
}

#[test]
fn a_blind_monitor_beside_a_seeing_one_does_no_harm() {
    let pool = FakePool::start(3);
    let seeing = pool.monitor();
    // A port at which nobody listens.
    let blind = pool.bare_monitor().flags("-i 1 -t 1 --retries=0 -p IMAP:9");
    let (_seeing, blind) = (seeing.start(), blind.start());
    blind.wait_for_line(&[" ERR ", "cut off"], REACTION);
    pool.wait_for_visits();
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());

    pool.backends[2].set_port(IMAP, Mood::Refusing);
    pool.wait_for_state(2, 'D');
    pool.wait_for_no_users(2);
    pool.backends[2].set_port(IMAP, Mood::Healthy);
    pool.wait_for_state(2, 'U');
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(
        pool.changes(),
        [
            "HOST-DOWN b2",
            "HOST-RESET-USERS b2 4294967295",
            "HOST-UP b2"
        ]
    );
}

#[test]
fn two_monitors_that_see_differently_fall_silent() {
    let pool = FakePool::start(3);
    for backend in [1, 2] {
        pool.backends[backend].set_port(POP3, Mood::Refusing);
    }
    let one = pool.monitor().start();
    pool.wait_for_visits();
    let _other = pool
        .bare_monitor()
        .flags(&format!("-i 1 -t 1 --retries=0 -p POP3:{POP3}"))
        .start();
    pool.wait_for_state(1, 'D');
    pool.wait_for_state(2, 'D');
    one.wait_for_line(&[" ERR ", "another monitor"], REACTION);
    for backend in [1, 2] {
        pool.wait_for_more_visits(backend, 3);
    }
    assert_no_more_changes(&pool, A_WHILE);
    for backend in ["b1", "b2"] {
        let changes = pool.changes();
        let ups_and_downs = changes
            .iter()
            .filter(|line| line.ends_with(backend))
            .count();
        assert!(ups_and_downs <= 3, "{changes:?}");
    }
    assert_eq!(pool.director.states(), "UDD");
}

#[test]
fn max_down_keeps_up_what_refuge_alone_would_not() {
    let pool = FakePool::start(4);
    let monitor = pool.monitor().flag("--max-down=1").start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.backends[1].set(Mood::Refusing);
    monitor.wait_for_line(&[" ERR ", "--max-down"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.director.states(), "DUUU");

    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    pool.wait_for_state(1, 'D');
}

#[test]
fn max_down_all_takes_even_the_last_one_down() {
    let pool = FakePool::start(2);
    let _monitor = pool.monitor().flag("--max-down=all").start();
    pool.wait_for_visits();
    pool.set_all(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_state(1, 'D');
    pool.set_all(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    pool.wait_for_state(1, 'U');
}

#[test]
fn fall_and_rise_count_rounds_and_down_delay_counts_seconds() {
    let pool = FakePool::start(3);
    let _monitor = pool
        .monitor()
        .flags("--fall=2 --rise=3 --down-delay=3")
        .start();
    pool.wait_for_visits();
    let failed = Instant::now();
    pool.backends[0].set(Mood::Closing);
    pool.wait_for_state(0, 'D');
    let taken = failed.elapsed();
    assert!(taken >= Duration::from_secs(3), "{taken:?}");

    let recovered = Instant::now();
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    let good: Vec<Instant> = pool.backends[0]
        .visits()
        .iter()
        .filter(|visit| visit.at > recovered && visit.line.is_none())
        .map(|visit| visit.at)
        .collect();
    assert!(good.len() >= 3, "{} visits", good.len());
}

#[test]
fn a_monitor_of_a_later_director_leaves_the_first_move_to_the_others() {
    let pool = FakePool::start(3);
    // Five directors before ours: neighbours have a status, others none, removed ones no say.
    pool.director.set_peers(&[
        "10.0.0.1\t9090\tright\t0\tsynced\t0\t94\t383\t0\t141\t1795314818\t1795314818",
        "10.0.0.2\t9090\t\t0\t",
        "10.0.0.3\t9090\t\t0\t",
        "10.0.0.4\t9090\t\t0\t",
        "10.0.0.5\t9090\tleft\t0\tsynced\t0\t94\t383\t0\t141\t1795314818\t1795314818",
        "10.0.0.6\t9090\tremoved\t0\t",
    ]);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    let address = pool.address(0).to_string();
    monitor.wait_for_line(&[&address, "rule rank"], REACTION);
    let held = Instant::now();
    pool.wait_for_state(0, 'D');
    // 5 x 300 ms, less what the test took to see the line.
    assert!(held.elapsed() > Duration::from_millis(1000));

    pool.backends[1].set(Mood::Refusing);
    let address = pool.address(1).to_string();
    monitor.wait_for_line(&[&address, "rule rank"], REACTION);
    pool.director.set_by_another(pool.address(1), 'D');
    assert_no_more_changes(&pool, A_WHILE);
    let about_the_second = pool.changes().concat().contains("b1");
    assert!(!about_the_second, "{:?}", pool.changes());
}

#[test]
fn a_stale_failure_does_not_undo_what_another_saw_recover() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().flags("-i 20").start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    // A down that it does not agree with makes the monitor look at once.
    pool.director.set_by_another(pool.address(0), 'D');
    let address = pool.address(0).to_string();
    monitor.wait_for_line(&[&address, "has failed"], REACTION);
    pool.director.set_by_another(pool.address(0), 'U');
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    pool.backends[0].set(Mood::Healthy);
    pool.director.set_by_another(pool.address(0), 'U');
    pool.director.edit(pool.address(0), |host| host.stamp += 10);
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(pool.state_of(0), 'U');
}

#[test]
fn an_up_by_hand_during_our_down_is_heard() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().flags("-i 20").start();
    pool.wait_for_visits();
    // Dead, and somebody takes it down before the monitor has noticed.
    pool.backends[0].set(Mood::Refusing);
    pool.director.set_by_another(pool.address(0), 'D');
    let address = pool.address(0).to_string();
    monitor.wait_for_line(&[&address, "has failed"], REACTION);
    pool.director.set_by_another(pool.address(0), 'U');
    wait_until("a down", Duration::from_secs(4), || pool.state_of(0) == 'D');
    pool.wait_for_no_users(0);
}

#[test]
fn a_down_whose_answer_was_lost_is_still_ours() {
    let pool = FakePool::start(2);
    pool.director
        .answer_next(Command::HostDown, &[Answer::Hang(Deed::Done)]);
    let plan = pool.monitor().flag("--restore=own");
    let mut first = plan.start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    first.kill();

    let _second = plan.start();
    pool.wait_for_no_users(0);
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
}
