//! Log rotation by the real logrotate, with the example configuration.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{kill, Signal};

use super::installation::{Installation, SOON};
use crate::lab::command;
use crate::lab::fake_backend::Mood;
use crate::lab::fake_pool::FakePool;
use crate::lab::patience::wait_until;
use crate::lab::place::Place;
use crate::lab::preload;

#[track_caller]
fn rotate(place: &Place, configuration: &Path) {
    let mut logrotate = Command::new("logrotate");
    logrotate
        .arg("--force")
        .arg("--state")
        .arg(place.path("logrotate.state"))
        .arg(configuration);
    let ended = command::run(&mut logrotate, place.folder(), SOON);
    assert_eq!(ended.success(), "");
}

fn text(path: &Path) -> String {
    String::from_utf8(fs::read(path).unwrap_or_default()).expect("text")
}

/// The example, with `copytruncate` in place of a rename and a signal.
fn copytruncate(there: &Installation, log: &Path) -> String {
    let example = text(&there.document("examples/logrotate"));
    let (head, rest) = example.split_once("    create ").expect("create");
    let tail = rest.split_once("endscript\n").expect("postrotate").1;
    let usual = there.path("log/poolmon.log").display().to_string();
    format!("{head}    copytruncate\n{tail}").replace(&usual, &log.display().to_string())
}

/// Makes the monitor log a change of backend 0 and waits for it.
#[track_caller]
fn change(pool: &FakePool, mood: Mood, log: &Path, word: &str) {
    pool.backends[0].set(mood);
    let line = format!("{} {word}", pool.address(0));
    wait_until(&format!("{line:?}"), SOON, || text(log).contains(&line));
}

#[test]
fn the_daemon_goes_on_in_the_new_file_by_rename_and_by_copytruncate() {
    let pool = FakePool::start(2);
    let there = Installation::new(&pool.place);
    let log = there.path("log/poolmon.log");
    let old = there.path("log/poolmon.log.1");
    let mut program = Command::new(there.program());
    program
        .args(["-i1", "-t1", "--retries=0", "-p", "IMAP:1143"])
        .arg("-S")
        .arg(pool.director.socket())
        .arg("-k")
        .arg(there.lock())
        .arg("-l")
        .arg(&log)
        .arg("--state-file")
        .arg(there.path("state"))
        .arg("--status-file")
        .arg(there.path("status"));
    command::run(&mut program, pool.place.folder(), SOON).success();
    pool.wait_for_visits();
    change(&pool, Mood::Refusing, &log, "disabled");

    rotate(&pool.place, &there.document("examples/logrotate"));
    wait_until("the reload", SOON, || text(&log).contains("reloaded"));
    assert!(text(&old).contains("disabled") && !text(&log).contains("disabled"));
    let before = text(&old);
    change(&pool, Mood::Healthy, &log, "enabled");
    assert_eq!(text(&old), before, "nobody writes to it any more");

    let configuration = pool.place.path("copytruncate");
    fs::write(&configuration, copytruncate(&there, &log)).unwrap();
    rotate(&pool.place, &configuration);
    assert!(text(&old).contains("enabled"));
    change(&pool, Mood::Refusing, &log, "disabled");
    // Whoever does not append leaves a hole of zeros as long as the old text.
    assert!(!text(&log).contains('\0') && !text(&log).contains("enabled"));
    kill(there.pid().unwrap(), Signal::SIGTERM).unwrap();
    wait_until("its end", SOON, || !there.lock().exists());
}

/// As after a crash of the host.
#[test]
fn nobody_else_is_sent_a_signal_where_the_pid_file_was_left_behind() {
    let place = Place::new();
    let there = Installation::new(&place);
    let log = there.path("log/poolmon.log");
    for pid in ["", "4194304"] {
        fs::write(&log, "a line\n").unwrap();
        fs::write(there.lock(), pid).unwrap();
        rotate(&place, &there.document("examples/logrotate"));
    }
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    fs::write(&log, "a line\n").unwrap();
    fs::write(there.lock(), other.id().to_string()).unwrap();
    rotate(&place, &there.document("examples/logrotate"));
    assert_eq!(other.try_wait().unwrap(), None, "it was ended");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn in_the_foreground_copytruncate_rotates_what_the_shell_appends_to() {
    let pool = FakePool::start(2);
    let there = Installation::new(&pool.place);
    let plan = pool.monitor();
    let log = plan.log_file();
    let _monitor = plan.start();
    pool.wait_for_visits();
    change(&pool, Mood::Refusing, &log, "disabled");
    let configuration = pool.place.path("copytruncate");
    fs::write(&configuration, copytruncate(&there, &log)).unwrap();
    rotate(&pool.place, &configuration);
    change(&pool, Mood::Healthy, &log, "enabled");
    assert!(!text(&log).contains('\0') && !text(&log).contains("disabled"));
}

/// A dup2 that fails once this file is there.
const FAILING_DUP2: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
int dup2(int from, int to) {
    int (*real)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "dup2");
    if (access(getenv("DUP2_FAILS"), F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return real(from, to);
}
"#;

#[test]
fn where_only_the_standard_streams_stay_behind_the_log_says_so() {
    let pool = FakePool::start(1);
    let there = Installation::new(&pool.place);
    let log = there.path("log/poolmon.log");
    let library = preload::library(&pool.place, "dup2", FAILING_DUP2);
    let fails = pool.place.path("fails");
    let mut program = Command::new(there.program());
    program
        .env("LD_PRELOAD", &library)
        .env("DUP2_FAILS", &fails)
        .args(["-p", "IMAP:1143", "-S"])
        .arg(pool.director.socket())
        .arg("-k")
        .arg(there.lock())
        .arg("-l")
        .arg(&log)
        .arg("--state-file")
        .arg(there.path("state"))
        .arg("--status-file")
        .arg(there.path("status"));
    command::run(&mut program, pool.place.folder(), SOON).success();
    let pid = there.pid().expect("a PID file");

    fs::rename(&log, there.path("log/poolmon.log.1")).unwrap();
    fs::write(&fails, "").unwrap();
    kill(pid, Signal::SIGHUP).unwrap();
    wait_until("the reload", SOON, || text(&log).contains("reloaded"));
    let said = text(&log);
    let errors: Vec<&str> = said.lines().filter(|line| line.contains(" ERR ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(
        errors[0].contains("standard output and standard error cannot be moved"),
        "{said}"
    );
    assert!(!said.contains("the old log"), "{said}");
    kill(pid, Signal::SIGTERM).unwrap();
    wait_until("its end", SOON, || there.pid().is_none());
}
