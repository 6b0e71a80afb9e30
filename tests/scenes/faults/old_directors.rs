//! Directors of Dovecot before 2.2.19: they know only vhost counts, and tell less in their lists.

use super::{assert_no_more_changes, A_WHILE};
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

        // The count is in the ledger, so another process can give it back.
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
