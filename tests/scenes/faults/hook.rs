//! The change script: once for each change that the monitor made and saw, and in nobody's way.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::A_WHILE;
use crate::lab::fake_backend::Mood;
use crate::lab::fake_director::{Answer, Command};
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::patience::{hold_for, promised, wait_until};

struct Script {
    path: PathBuf,
    log: PathBuf,
}

impl Script {
    /// Writes down what it was run with, then does this.
    fn new(pool: &FakePool, then: &str) -> Script {
        let script = Script {
            path: pool.place.path("tell"),
            log: pool.place.path("told"),
        };
        let log = script.log.display();
        let text = format!("#!/bin/sh\necho \"$@\" >> {log}\n{then}\n");
        fs::write(&script.path, text).unwrap();
        fs::set_permissions(&script.path, fs::Permissions::from_mode(0o700)).unwrap();
        script
    }

    fn flag(&self) -> String {
        format!("--on-change={}", self.path.display())
    }

    fn told(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().map(str::to_string).collect()
    }

    #[track_caller]
    fn wait_for(&self, told: &[String]) {
        wait_until(&format!("{told:?}"), REACTION, || self.told() == told);
    }
}

#[test]
fn each_change_of_ours_is_told_once_and_nobody_elses() {
    let pool = FakePool::start(2);
    let script = Script::new(&pool, "echo done; ls -l /proc/$$/fd >&2");
    let monitor = pool.monitor().flag(script.flag()).start();
    pool.wait_for_visits();
    let address = pool.address(1);

    pool.backends[1].set(Mood::Refusing);
    script.wait_for(&[format!("down {address}")]);
    monitor.wait_for_line(
        &["LOG", &address.to_string(), "tell down: exit code 0"],
        REACTION,
    );
    pool.wait_for_no_users(1);
    pool.backends[1].set(Mood::Healthy);
    let both = [format!("down {address}"), format!("up {address}")];
    script.wait_for(&both);

    pool.director.set_by_another(pool.address(0), 'D');
    hold_for("nothing more told", A_WHILE, || script.told() == both);
    assert_eq!(monitor.lines_with(&["exit code"]).len(), 2);
}

#[test]
fn a_script_inherits_nothing_that_the_monitor_has_open() {
    let pool = FakePool::start(2);
    let list = pool.place.path("descriptors");
    let then = format!("ls -l /proc/$$/fd > {} 2>&1", list.display());
    let script = Script::new(&pool, &then);
    // Started by one who has a file open without closing it for others.
    let lock = pool.place.path("starters.lock");
    let monitor = pool.monitor().flag(script.flag());
    let monitor = monitor.inheriting(&lock).start();
    pool.wait_for_visits();
    pool.backends[1].set(Mood::Refusing);
    monitor.wait_for_line(&["tell down: exit code 0"], REACTION);
    let list = fs::read_to_string(list).unwrap();
    assert!(list.contains("/dev/null"), "{list}");
    for foreign in ["socket:", ".pid", ".log", "anon_inode", ".lock"] {
        assert!(!list.contains(foreign), "{foreign}: {list}");
    }
}

#[test]
fn a_script_that_hangs_or_floods_or_fails_changes_nothing_and_a_stop_takes_two_seconds_at_most() {
    let pool = FakePool::start(4);
    let hangs = pool.address(0);
    let floods = pool.address(1);
    let then = format!(
        "case $2 in {hangs}) sleep 1000;; {floods}) exec yes;; *) echo no >&2; exit 7;; esac"
    );
    let script = Script::new(&pool, &then);
    let mut monitor = pool.monitor().flag(script.flag()).start();
    pool.wait_for_visits();
    for backend in 0..3 {
        pool.backends[backend].set(Mood::Refusing);
        pool.wait_for_state(backend, 'D');
    }
    let fails = pool.address(2).to_string();
    let line = [
        " ERR ",
        &fails,
        "tell down: exit code 7 after",
        "said \"no\\n\"",
    ];
    monitor.wait_for_line(&line, REACTION);
    for backend in 0..3 {
        pool.backends[backend].set(Mood::Healthy);
        pool.wait_for_state(backend, 'U');
    }
    let (status, took) = monitor.stop(REACTION);
    assert!(status.success());
    // As poolmon(8) says of a stop while a change script runs.
    assert!(took < promised(Duration::from_secs(2)), "{took:?}");
}

/// The processes that this one has to wait for and has not, by their numbers in its own namespace.
fn zombies(parent: u32) -> Vec<String> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let is_zombie = |child: &&str| {
        let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
        status.contains("State:\tZ")
    };
    let found = children.split_whitespace().filter(is_zombie);
    found.map(str::to_string).collect()
}

#[test]
fn as_pid_1_it_waits_for_what_scripts_leave_and_keeps_their_exit_codes() {
    let pool = FakePool::start(3);
    let done = pool.place.path("done");
    // Orphans that end before the script, with it, and after it.
    let then = format!(
        "for pause in 0 0 0.05 0.3 0.6; do\n\
         ( setsid sh -c \"sleep $pause; echo >> {}; exit 9\" >/dev/null 2>&1 & )\n\
         done\n[ $1 = up ] || sleep 0.1\nexit 7",
        done.display()
    );
    let script = Script::new(&pool, &then);
    let mut monitor = pool.monitor().flag(script.flag()).first_process().start();
    pool.wait_for_visits();
    let of_the_namespace = || {
        let parent = monitor.pid();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        children
            .unwrap()
            .trim()
            .parse::<u32>()
            .expect("PID 1 alone")
    };
    let init = of_the_namespace();
    for backend in 0..2 {
        pool.backends[backend].set(Mood::Refusing);
    }
    for backend in 0..2 {
        pool.wait_for_no_users(backend);
        pool.backends[backend].set(Mood::Healthy);
        pool.wait_for_state(backend, 'U');
    }
    wait_until("all scripts", REACTION, || script.told().len() == 4);
    wait_until("all that they left", REACTION, || {
        fs::read_to_string(&done).map_or(false, |text| text.lines().count() == 20)
    });
    wait_until("no zombies", REACTION, || zombies(init).is_empty());
    wait_until("the exit code of each script", REACTION, || {
        monitor.lines_with(&["exit code 7 after"]).len() == 4
    });
    assert!(monitor.lines_with(&["cannot be waited for"]).is_empty());
    // Not by `stop`: the one that made the namespace passes no signal on.
    kill(Pid::from_raw(init as i32), Signal::SIGTERM).unwrap();
    assert!(monitor.wait_for_end(REACTION).success());
}

#[test]
fn a_command_that_was_not_answered_with_ok_is_not_told() {
    let pool = FakePool::start(2);
    let script = Script::new(&pool, "");
    pool.director
        .answer_next(Command::HostDown, &[Answer::TryAgain]);
    let _monitor = pool.monitor().flag(script.flag()).start();
    pool.wait_for_visits();
    pool.backends[1].set(Mood::Refusing);
    pool.wait_for_state(1, 'D');
    script.wait_for(&[format!("down {}", pool.address(1))]);
    hold_for("told once", A_WHILE, || script.told().len() == 1);
    assert!(pool.director.count(Command::HostDown) > 1);
}

#[test]
fn a_dry_run_tells_nobody() {
    let pool = FakePool::start(2);
    let script = Script::new(&pool, "");
    let monitor = pool.monitor().flag(script.flag()).flag("-n").start();
    pool.wait_for_visits();
    pool.backends[1].set(Mood::Refusing);
    monitor.wait_for_line(&["DRY-RUN", "disabled"], REACTION);
    hold_for("nothing told", A_WHILE, || script.told().is_empty());
}

#[test]
fn a_script_that_is_missing_when_it_starts_is_an_error_and_later_a_line() {
    let pool = FakePool::start(2);
    let none = pool.place.path("none");
    let plan = pool
        .monitor()
        .flag(format!("--on-change={}", none.display()));
    let ended = plan.run("", REACTION);
    assert_eq!(ended.status.code(), Some(1));
    let expected = format!(
        "poolmon: change script (--on-change) {}: No such file",
        none.display()
    );
    assert!(ended.text.contains(&expected), "{}", ended.text);

    let script = Script::new(&pool, "");
    let monitor = pool.monitor().flag(script.flag()).start();
    pool.wait_for_visits();
    fs::remove_file(&script.path).unwrap();
    pool.backends[1].set(Mood::Refusing);
    monitor.wait_for_line(
        &[" ERR ", "tell down: cannot be started: No such file"],
        REACTION,
    );
}
