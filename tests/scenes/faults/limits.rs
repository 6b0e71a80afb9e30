//! Too few descriptors, too little room for threads: said clearly, and no backend is judged by it.

use std::fs;
use std::process::Command;

use crate::lab::fake_backend::{FakeBackend, Mood};
use crate::lab::fake_director::FakeHost;
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::monitor::Monitor;
use crate::lab::patience::wait_until;

/// The addresses of which the log says that they have failed.
fn failed(monitor: &Monitor) -> Vec<String> {
    let lines = monitor.lines_with(&[" has failed"]);
    let words = lines.iter().map(|line| {
        let before = line.split(" has failed").next().unwrap_or_default();
        before.rsplit(' ').next().unwrap_or_default().to_string()
    });
    words.collect()
}

#[test]
fn with_few_descriptors_fewer_are_probed_at_once_and_none_is_judged_wrongly() {
    const ALL: u8 = 34;
    const FROZEN: usize = 30;
    let pool = FakePool::start(ALL);
    let monitor = pool.monitor().most_descriptors(40).start();
    pool.wait_for_visits();
    let said = monitor.wait_for_line(&["can be checked at once", "file descriptors"], REACTION);
    assert!(
        said.contains("no more than 24 of 34 backends"),
        "what is left of 40: {said}"
    );
    // More than can be probed at once, and each takes a second.
    let frozen: Vec<&FakeBackend> = pool.backends[..FROZEN].iter().collect();
    FakeBackend::set_all(&frozen, Mood::Silent);
    for backend in 0..FROZEN {
        pool.wait_for_state(backend, 'D');
    }
    let frozen: Vec<String> = (0..FROZEN).map(|k| pool.address(k).to_string()).collect();
    for address in failed(&monitor) {
        assert!(frozen.contains(&address), "{address} has not failed");
    }
    let visits = |pool: &FakePool| -> Vec<usize> {
        let healthy = pool.backends[FROZEN..].iter();
        healthy.map(FakeBackend::connections).collect()
    };
    let before = visits(&pool);
    wait_until("the others to be probed on", REACTION, || {
        visits(&pool)
            .iter()
            .zip(&before)
            .all(|(now, then)| now > then)
    });
    for backend in FROZEN..usize::from(ALL) {
        assert_eq!(pool.state_of(backend), 'U');
    }
}

fn threads(monitor: &Monitor) -> usize {
    let threads = fs::read_dir(format!("/proc/{}/task", monitor.pid()));
    threads.unwrap().count()
}

/// Nobody's: so only the monitor's own threads count.
const USER: u32 = 61_234;

/// The soft limit, which can be raised again.
fn limit_threads(monitor: &Monitor, limit: usize) {
    let status = Command::new("setpriv")
        .arg(format!("--reuid={USER}"))
        .arg("prlimit")
        .arg(format!("--pid={}", monitor.pid()))
        .arg(format!("--nproc={limit}:"))
        .status()
        .expect("util-linux has setpriv and prlimit");
    assert!(status.success());
}

#[test]
fn without_room_for_all_threads_the_others_are_watched_and_the_director_is_told() {
    const FIRST: usize = 8;
    let pool = FakePool::start(60);
    let later: Vec<FakeHost> = (FIRST..60)
        .map(|k| pool.director.host(pool.address(k)).unwrap())
        .collect();
    for host in &later {
        pool.director.remove(host.address);
    }
    let mut monitor = pool.monitor().user(USER).start();
    wait_until("a probe of every listed backend", REACTION, || {
        let mut backends = pool.backends[..FIRST].iter();
        backends.all(|backend| backend.connections() > 1)
    });
    limit_threads(&monitor, threads(&monitor) + 20);
    for host in later {
        pool.director.add(host);
    }
    monitor.wait_for_line(&["of 60 backends are not checked", "threads"], REACTION);
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_no_users(0);
    assert_eq!(failed(&monitor), [pool.address(0).to_string()]);
    assert!(monitor.has_ended().is_none());
    for backend in 1..60 {
        assert_eq!(pool.state_of(backend), 'U');
    }
    limit_threads(&monitor, 500);
    monitor.wait_for_line(&["all backends are checked again"], REACTION);
    pool.wait_for_visits();
}
