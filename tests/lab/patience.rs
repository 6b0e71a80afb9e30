//! Waiting with a limit, and saying what was awaited when it is reached.
//!
//! Every wait of the lab goes through here, so no test hangs and none fails without the logs.

use std::cell::RefCell;
use std::fs;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::slowness::stretched;

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(10);
/// How often a promise in time is tried before it counts as broken.
const TRIES: usize = 5;
/// How many lines of each log a failure shows.
const TAIL: usize = 25;

/// What a document promises within so long, and nothing on top of it: a promise of seconds is kept in
/// milliseconds, so that a busy machine has room enough, and a slow one says how slow it is. For times that a scene
/// has measured: the waits below, and those of the monitor's, are stretched by themselves, and would be twice.
pub fn promised(time: Duration) -> Duration {
    stretched(time)
}

thread_local! {
    static LOGS: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
}

/// From now on a wait that fails on this thread shows the end of this file.
pub fn show_on_failure(log: &Path) {
    LOGS.with(|logs| {
        let mut logs = logs.borrow_mut();
        if !logs.iter().any(|known| known == log) {
            logs.push(log.to_path_buf());
        }
    });
}

/// Waits until the condition holds; panics with `what` and the logs' ends after `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(what, limit, || condition().then_some(()))
}

/// Waits until there is a value, with the same ending.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut value: impl FnMut() -> Option<T>) -> T {
    let limit = stretched(limit);
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = value() {
            return value;
        }
        if Instant::now() >= end {
            panic!(
                "{}: waited {limit:?} in vain for: {what}\n{}",
                Location::caller(),
                tails()
            );
        }
        sleep(GLANCE);
    }
}

/// Holds a promise in time that a busy machine keeps not each time: threads wake up late now and then. An attempt tells
/// what was late, and one of a few is to be in time.
#[track_caller]
pub fn check_in_time(mut attempt: impl FnMut() -> Result<(), String>) {
    let mut late = Vec::new();
    for _ in 0..TRIES {
        match attempt() {
            Ok(()) => return,
            Err(why) => late.push(why),
        }
    }
    panic!("late each time: {late:#?}\n{}", tails());
}

/// What an attempt at a promise in time comes to: this was to take less than that.
pub fn less_than(limit: Duration, taken: Duration) -> Result<(), String> {
    match taken < promised(limit) {
        true => Ok(()),
        false => Err(format!("{taken:?}")),
    }
}

/// Lets so much time pass, for what nothing shows: the comment beside each call says for what.
pub fn pause(time: Duration) {
    sleep(stretched(time));
}

/// Watches for the whole time that the condition never fails to hold.
#[track_caller]
pub fn hold_for(what: &str, time: Duration, mut condition: impl FnMut() -> bool) {
    let time = stretched(time);
    let end = Instant::now() + time;
    while Instant::now() < end {
        if !condition() {
            panic!(
                "{}: did not last {time:?}: {what}\n{}",
                Location::caller(),
                tails()
            );
        }
        sleep(GLANCE);
    }
}

/// Whether these stand in the text in this order.
pub fn in_order(text: &str, words: &[&str]) -> bool {
    let mut rest = text;
    words.iter().all(|word| match rest.split_once(word) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

/// The ends of all logs that this thread's tests announced.
pub fn tails() -> String {
    LOGS.with(|logs| {
        let mut shown = String::new();
        for log in logs.borrow().iter() {
            // A log of a place that is gone belongs to an earlier test on this thread.
            if let Ok(bytes) = fs::read(log) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let lines: Vec<&str> = text.lines().collect();
                shown.push_str(&format!("--- {}\n", log.display()));
                for line in &lines[lines.len().saturating_sub(TAIL)..] {
                    shown.push_str(line);
                    shown.push('\n');
                }
            }
        }
        shown
    })
}
