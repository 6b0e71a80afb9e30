//! What dovemon's files say about the log: syslog that is not there, and the level.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::files::Files;
use crate::lab::fake_backend::Mood;
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::passwords;
use crate::lab::patience::wait_until;

/// The files of a scene without `debug`, and with `more`.
fn without_debug(files: &Files, more: &str) {
    let text = fs::read_to_string(&files.config).unwrap();
    files.write_bare(&format!("{}{more}", text.replace("debug: True\n", "")));
}

#[test]
fn in_the_foreground_what_syslog_does_not_take_goes_to_standard_error() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    let socket = pool.place.path("log");
    without_debug(
        &files,
        &format!("logger_socket_addr: {}\n", socket.display()),
    );
    let monitor = files.plan(&pool.place).flag("-f").start();
    monitor.wait_for_line(
        &[
            " ERR syslog: ",
            "lines go to standard error until syslog answers",
        ],
        REACTION,
    );
    monitor.wait_for_line(&[" LOG dovemon ", " starts"], REACTION);
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    let disabled = format!("{} disabled", pool.address(0));
    monitor.wait_for_line(&[&disabled], REACTION);

    let syslog = UnixDatagram::bind(&socket).unwrap();
    syslog
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    pool.backends[0].set(Mood::Healthy);
    let enabled = format!("{} enabled", pool.address(0));
    let mut heard = String::new();
    wait_until("syslog to have it", REACTION, || {
        let mut bytes = [0; 4096];
        let length = syslog.recv(&mut bytes).unwrap_or(0);
        heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
        heard.contains(&enabled)
    });
    passwords::assert_none("syslog", heard.as_bytes());
    assert!(!heard.contains("lost"), "{heard}");
    assert!(monitor.lines_with(&[&enabled]).is_empty());
    let told = monitor.lines_with(&["lines go to standard error"]);
    assert_eq!(told.len(), 1, "{told:?}");

    // Gone again, and it is said again.
    drop(syslog);
    fs::remove_file(&socket).unwrap();
    wait_until("the second word about it", REACTION, || {
        monitor.lines_with(&["lines go to standard error"]).len() == 2
    });
}

#[test]
fn at_any_level_changes_and_what_was_asked_for_are_logged() {
    for level in [1, 2] {
        let pool = FakePool::start(2);
        let files = Files::of_pool(&pool);
        files.write(&format!("loglevel: {level}\n"));
        let monitor = files.plan(&pool.place).start();
        pool.wait_for_visits();
        let address = pool.address(0).to_string();
        let wait_for = |words: &[&str]| monitor.wait_for_line(words, REACTION);
        pool.backends[0].set(Mood::Refusing);
        for change in ["has failed: ", "disabled", "users moved"] {
            wait_for(&[&address, change]);
        }
        pool.backends[0].set(Mood::Healthy);
        for change in ["is healthy", "enabled"] {
            wait_for(&[" LOG ", &address, change]);
        }
        let address = pool.address(1).to_string();
        pool.director.edit(pool.address(1), |host| host.state = 'D');
        wait_for(&[&address, " not by this monitor"]);
        monitor.signal(Signal::SIGUSR1);
        wait_for(&[&address, " vhosts, "]);
        wait_for(&[" of 2 backends are up"]);
        // The lock is one of what a reload leaves as it was.
        let lock = pool.place.path("other.pid");
        files.write(&format!(
            "loglevel: {level}\nlockfile: {}\n",
            lock.display()
        ));
        monitor.signal(Signal::SIGHUP);
        for answer in [" last polls: ", "lock file takes a restart", "reloaded"] {
            wait_for(&[answer]);
        }
        let probes = monitor.lines_with(&[&address, " ok ("]);
        assert!(probes.is_empty(), "{probes:?}");
    }
}
