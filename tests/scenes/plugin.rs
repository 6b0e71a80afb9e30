//! `check_poolmon` as Nagios calls it: by a link in a folder of plugins, as a user without rights.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use crate::lab::command::{self, Ended};
use crate::lab::monitor::binary;
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
