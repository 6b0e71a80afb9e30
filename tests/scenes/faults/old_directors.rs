//! Directors of Dovecot before 2.2.19: they know only vhost counts, and tell less in their lists.

use super::{assert_no_more_changes, A_WHILE};
use nix::sys::signal::Signal;

use crate::lab::fake_backend::Mood;
use crate::lab::fake_director::{FakeHost, Version};
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::monitor::Monitor;
use crate::lab::patience::wait_until;
use crate::lab::together::together;

const OLD: [Version; 3] = [Version::V2_0_0, Version::V2_0_14, Version::V2_2_16];

fn vhosts(pool: &FakePool, backend: usize) -> u32 {
    pool.director.host(pool.address(backend)).unwrap().vhosts
}

/// Error lines that are not about a backend.
fn complaints(monitor: &Monitor) -> Vec<String> {
    let errors = monitor.errors().into_iter();
    errors.filter(|line| !line.contains("has failed")).collect()
}

#[test]
fn a_backend_goes_down_and_comes_up_by_its_vhost_count() {
    let restores = ["--restore=any", "--restore=own"];
    let cases = OLD
        .iter()
        .flat_map(|version| restores.map(|restore| (*version, restore)));
    together(cases, |(version, restore)| {
        let pool = FakePool::start(3);
        pool.director.set_version(version);
        pool.director
            .edit(pool.address(0), |host: &mut FakeHost| host.vhosts = 70);
        let plan = pool.monitor().flag(restore);
        let mut monitor = plan.start();
        pool.wait_for_visits();
        pool.backends[0].set(Mood::Refusing);
        wait_until("vhost count 0", REACTION, || vhosts(&pool, 0) == 0);
        pool.wait_for_no_users(0);
        monitor.wait_for_line(&["disabled"], REACTION);
        assert_eq!(pool.changes(), ["HOST-SET b0 0", "HOST-FLUSH b0"]);
        assert_no_more_changes(&pool, A_WHILE);
        assert_eq!(complaints(&monitor), Vec::<String>::new(), "{version:?}");

        pool.backends[0].set(Mood::Healthy);
        wait_until("the old vhost count", REACTION, || vhosts(&pool, 0) == 70);
        monitor.wait_for_line(&["enabled"], REACTION);

        // The count is in the state file, so another process can give it back.
        pool.backends[0].set(Mood::Refusing);
        wait_until("vhost count 0", REACTION, || vhosts(&pool, 0) == 0);
        pool.wait_for_no_users(0);
        monitor.kill();
        pool.backends[0].set(Mood::Healthy);
        let monitor = plan.start();
        wait_until("the old vhost count", REACTION, || vhosts(&pool, 0) == 70);
        monitor.wait_for_line(&["enabled"], REACTION);
        assert_eq!(complaints(&monitor), Vec::<String>::new(), "{version:?}");
    });
}

#[test]
fn the_status_does_not_claim_a_ring_that_nobody_told_of() {
    together(OLD, |version| {
        let pool = FakePool::start(1);
        pool.director.set_version(version);
        let monitor = pool.monitor().start();
        pool.wait_for_visits();
        monitor.signal(Signal::SIGUSR1);
        let line = monitor.wait_for_line(&["director ", "its list is"], REACTION);
        let claims = line.contains("; the ring is synced");
        assert_eq!(claims, version == Version::V2_2_16, "{version:?}: {line}");
    });
}

#[test]
fn one_round_is_made_of_what_an_old_director_lists() {
    together(OLD, |version| {
        let pool = FakePool::start(2);
        pool.director.set_version(version);
        let text = pool.monitor().run("--once", REACTION).success();
        for backend in 0..2 {
            let line = format!("{} healthy", pool.address(backend));
            assert!(text.contains(&line), "{text}");
        }
    });
}

#[test]
fn what_somebody_else_set_to_0_has_no_count_to_give_back() {
    together(OLD, |version| {
        let pool = FakePool::start(3);
        pool.director.set_version(version);
        pool.director
            .edit(pool.address(2), |host: &mut FakeHost| host.vhosts = 0);
        let monitor = pool.monitor().start();
        monitor.wait_for_line(&[" ERR ", "did not take it down"], REACTION);
        assert_no_more_changes(&pool, A_WHILE);
        assert_eq!(vhosts(&pool, 2), 0);
    });
}

#[test]
fn monitors_of_old_directors_take_turns_without_a_status() {
    let pool = FakePool::start(3);
    pool.director.set_version(Version::V2_0_14);
    // Both stand before 127.0.0.1 in the ring.
    pool.director
        .set_peers(&["126.0.0.1\t9090\tleft\t0", "126.0.0.2\t9090\tright\t0"]);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    wait_until("vhost count 0", REACTION, || vhosts(&pool, 0) == 0);
    monitor.wait_for_line(&["held by rule rank"], REACTION);
    assert_eq!(complaints(&monitor), Vec::<String>::new());
}

/// A backend that is down is listed with vhost count 0 there: it counts as what it had.
#[test]
fn a_share_of_the_vhost_counts_is_one_of_what_they_were() {
    together(OLD, |version| {
        let pool = FakePool::start(5);
        pool.director.set_version(version);
        let plan = pool.monitor().flag("--max-down=50%");
        let mut monitor = plan.start();
        pool.wait_for_visits();
        let down = || {
            (0..5)
                .filter(|&backend| vhosts(&pool, backend) == 0)
                .count()
        };
        for backend in &pool.backends[..4] {
            backend.set(Mood::Refusing);
        }
        wait_until("two to be down", REACTION, || down() == 2);
        monitor.wait_for_line(&[" ERR ", "--max-down"], REACTION);
        wait_until("no users on them", REACTION, || {
            (0..4).all(|backend| vhosts(&pool, backend) > 0 || pool.users_of(backend) == 0)
        });
        assert_no_more_changes(&pool, A_WHILE);

        monitor.kill();
        let monitor = plan.start();
        monitor.wait_for_line(&[" ERR ", "--max-down"], REACTION);
        assert_no_more_changes(&pool, A_WHILE);
        assert_eq!(down(), 2, "{version:?}");
    });
}

/// Others have taken two down before this monitor started: their counts are not known, and taken for
/// Dovecot's default.
#[test]
fn those_that_were_down_before_count_in_a_share_too() {
    let pool = FakePool::start(5);
    pool.director.set_version(Version::V2_0_14);
    for backend in [3, 4] {
        pool.director
            .edit(pool.address(backend), |host: &mut FakeHost| {
                host.vhosts = 0;
                host.users = 0;
            });
    }
    let monitor = pool.monitor().flag("--max-down=50%").start();
    pool.wait_for_visits();
    for backend in [0, 3, 4] {
        pool.backends[backend].set(Mood::Refusing);
    }
    monitor.wait_for_line(&[" ERR ", "--max-down"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(vhosts(&pool, 0), 100);
}
