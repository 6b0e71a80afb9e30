//! `check_poolmon` as Nagios calls it, by a link and as a user without rights, and `poolmon explain`.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::lab::command::{self, Ended};
use crate::lab::fake_backend::{Mood, IMAP};
use crate::lab::fake_pool::{FakePool, PASSWORD, USER as LOGIN};
use crate::lab::monitor::binary;
use crate::lab::patience::wait_for;
use crate::lab::place::Place;

const SOON: Duration = Duration::from_secs(40);

/// Any user that is not root.
const USER: u32 = 8;

fn check(place: &Place, words: &[&str]) -> Ended {
    let link = place.path("check_poolmon");
    if !link.exists() {
        symlink(binary(), &link).unwrap();
    }
    let mut check = Command::new("setpriv");
    check
        .arg(format!("--reuid={USER}"))
        .arg("--clear-groups")
        .arg(link)
        .args(words);
    command::run(&mut check, place.folder(), SOON)
}

#[test]
fn by_its_link_the_program_is_the_plugin() {
    let place = Place::new();
    for (words, expected) in [
        (&["--version"][..], "check_poolmon "),
        (&["--help"], "Says for Nagios or Icinga"),
        (&["-w", "x"], "POOLMON UNKNOWN - --warning: x: "),
        (
            &["--status-file", "nowhere"],
            "POOLMON UNKNOWN - nowhere: there is no status file",
        ),
        // What poolmon and its words take is not taken here.
        (&["explain"], "POOLMON UNKNOWN - "),
    ] {
        let ended = check(&place, words);
        assert_eq!(ended.status.code(), Some(3), "{words:?}: {}", ended.text);
        assert!(
            ended.text.starts_with(expected),
            "{words:?}: {}",
            ended.text
        );
    }
}

#[test]
fn explain_without_a_status_file_says_what_is_missing() {
    let place = Place::new();
    let mut explain = Command::new(binary());
    explain.args(["explain", "--status-file", "nowhere", "192.0.2.7"]);
    let ended = command::run(&mut explain, place.folder(), SOON);
    assert_eq!(ended.status.code(), Some(3), "{}", ended.text);
    assert_eq!(
        ended.text,
        "poolmon explain: nowhere: there is no status file: is the monitor running, and with \
         --status-file?\n"
    );
}

#[test]
fn status_is_the_plugin_too() {
    let place = Place::new();
    let status = |words: &[&str]| {
        let mut status = Command::new(binary());
        status.arg("status").args(words);
        command::run(&mut status, place.folder(), SOON)
    };
    let unknown = "POOLMON UNKNOWN - nowhere: there is no status file";
    for words in [
        ["--nagios", "--status-file", "nowhere"],
        ["--status-file", "nowhere", "--nagios"],
    ] {
        let ended = status(&words);
        assert_eq!(ended.status.code(), Some(3), "{}", ended.text);
        assert!(ended.text.starts_with(unknown), "{}", ended.text);
    }
    let help = status(&["--nagios", "--help"]).success();
    assert!(
        help.contains("Usage: poolmon status --nagios [options]"),
        "{help}"
    );
}

#[test]
fn whoever_looks_at_a_running_monitor_sees_why_a_backend_is_down() {
    let pool = FakePool::start(3);
    let plan = pool.monitor().credentials(LOGIN, PASSWORD);
    let mut monitor = plan.start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');

    let address = pool.address(0).to_string();
    let refuses =
        format!("imap:{IMAP} refuses connections; comes up after its first healthy round.");
    let explain = |words: &[&str]| {
        let mut explain = Command::new(binary());
        explain
            .args(["explain", "--status-file"])
            .arg(&plan.status)
            .args(words);
        command::run(&mut explain, pool.place.folder(), SOON)
    };
    // The file follows within a second.
    let text = wait_for("the sentence", SOON, || {
        Some(explain(&[&address]).text).filter(|text| text.contains(&refuses))
    });
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with(&address) && first.contains(": down by us for "),
        "{text}"
    );
    assert!(text.contains(&format!("HOST-DOWN {address}: ")), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
    let json: Value = serde_json::from_str(&explain(&["--json", &address]).success()).unwrap();
    assert_eq!(json["backend"]["address"], address);
    assert_eq!(json["forecast"]["action"], "up");
    let ended = explain(&["192.0.2.250"]);
    assert_eq!(ended.status.code(), Some(3), "{}", ended.text);
    assert!(
        ended
            .text
            .contains(" is none of the 3 backends; the nearest: "),
        "{}",
        ended.text
    );

    let status = plan.status.display().to_string();
    let check = || check(&pool.place, &["--status-file", &status]);
    let ended = check();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    let expected =
        format!("POOLMON WARNING - 1 of 3 backends down: {address} imap:{IMAP} connect: ");
    assert!(ended.text.starts_with(&expected), "{}", ended.text);
    assert!(
        ended.text.contains(" | standing=2;;;0;3 up=2;;;0;3 "),
        "{}",
        ended.text
    );

    monitor.stop(SOON);
    let ended = check();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.text);
    let expected = "POOLMON CRITICAL - STALE: the monitor has ended";
    assert!(ended.text.starts_with(expected), "{}", ended.text);
}
