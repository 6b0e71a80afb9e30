//! A recording: what a monitor was told, replayed to the same changes and to others.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::lab::command::{self, Ended};
use crate::lab::fake_backend::Mood;
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};
use crate::lab::monitor::binary;
use crate::lab::own_network::{self, run};

const SOON: Duration = Duration::from_secs(10);

fn poolmon(folder: &Path, words: &[&str], recording: &Path) -> Ended {
    let mut program = Command::new(binary());
    program.args(words).arg(recording);
    command::run(&mut program, folder, SOON)
}

fn counts(changes: &str) -> String {
    changes.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_recorded_scene_is_replayed_to_the_same_changes() {
    let pool = FakePool::start(2);
    let plan = pool.monitor().credentials(USER, PASSWORD);
    let recording = plan.status.with_extension("recording");
    let plan = plan.flag("--record").flag(&recording);
    let mut monitor = plan.start();
    pool.wait_for_visits();
    let address = pool.address(0).to_string();
    pool.backends[0].set(Mood::Refusing);
    monitor.wait_for_line(&[&address, "disabled"], REACTION);
    pool.backends[0].set(Mood::Healthy);
    monitor.wait_for_line(&[&address, "enabled"], REACTION);
    monitor.stop(REACTION);

    let data = fs::metadata(&recording).unwrap();
    assert_eq!(data.permissions().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&recording).unwrap();
    assert!(text.starts_with("{\"recording\":{\"format\":1,"), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");

    let folder = recording.parent().unwrap();
    let changes = poolmon(folder, &["replay"], &recording).success();
    let lines: Vec<&str> = changes
        .lines()
        .filter(|line| line.starts_with('='))
        .collect();
    let is_of = |line: &&str, word: &str| line.contains(&address) && line.contains(word);
    assert!(
        is_of(&lines[0], "down") && lines[0].contains("refused"),
        "{changes}"
    );
    assert!(is_of(&lines[lines.len() - 1], "up"), "{changes}");
    let expected = format!(
        "{} the same, 0 only in the recording (<), 0 only in the replay (>)",
        lines.len()
    );
    assert_eq!(counts(&changes), expected);

    // The moment of its down.
    let at: String = lines[0].chars().skip(2).take(19).collect();
    for word in ["status", "explain"] {
        let mut about = vec![word, "--at", &at];
        if word == "explain" {
            about.push(&address);
        }
        let shown = poolmon(folder, &about, &recording);
        assert_eq!(shown.status.code(), Some(0), "{shown:?}");
        assert!(shown.text.contains(&address), "{}", shown.text);
        assert!(shown.text.contains("refuse"), "{}", shown.text);
    }

    // As it would be had the first file been full just after the down: both are one recording.
    let older = recording.with_extension("recording.1");
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let sent = all.iter().position(|line| line.contains("\"sent\""));
    let (before, after) = all.split_at(sent.expect("a command") + 1);
    let head = all[0]
        .replacen("\"continued\":false", "\"continued\":true", 1)
        .replacen("\"part\":0", "\"part\":1,\"repeated\":0", 1);
    assert!(
        head.contains("true") && head.contains("\"repeated\":0"),
        "{head}"
    );
    fs::write(&older, before.concat()).unwrap();
    fs::write(&recording, head + &after.concat()).unwrap();
    let joined = poolmon(folder, &["replay"], &recording).success();
    assert!(
        joined.starts_with(&format!("{} and ", older.display())),
        "{joined}"
    );
    let of_changes = |text: &str| text.split_once('\n').expect("a head").1.to_owned();
    assert_eq!(of_changes(&joined), of_changes(&changes));
    let shown = poolmon(folder, &["status", "--at", &at], &recording).success();
    assert!(shown.contains(&address), "{shown}");
    fs::remove_file(&older).unwrap();
    fs::write(&recording, &text).unwrap();

    // So many failures there are not.
    let other = poolmon(folder, &["replay", "--retries=1000"], &recording);
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    let other = other.text;
    assert!(other.lines().any(|line| line.starts_with('<')), "{other}");
    assert!(!other.lines().any(|line| line.starts_with('>')), "{other}");
    let refused = poolmon(folder, &["replay", "--timeout=3"], &recording);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
}

/// In its own network and mounts: a small disk, mounted at this folder.
fn mount_small_disk(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let folder = folder.display();
    run(&format!("mount -t tmpfs -o size=64k tmpfs {folder}"));
}

fn fill_disk(folder: &Path) {
    let mut filler = File::create(folder.join("filler")).unwrap();
    while filler.write(&[0; 512]).is_ok() {}
}

#[test]
fn a_start_on_a_full_disk_leaves_both_files_of_the_recording_before_as_they_are() {
    own_network::within(|| {
        let pool = FakePool::start(2);
        let folder = pool.place.path("records");
        mount_small_disk(&folder);
        let [file, older] = ["recording", "recording.1"].map(|name| folder.join(name));
        fs::write(&file, "yesterday\n").unwrap();
        fs::write(&older, "the day before\n").unwrap();
        fill_disk(&folder);
        let plan = pool.monitor().flag("--record").flag(&file);
        let monitor = plan.start();
        let said = monitor.wait_for_line(&[" ERR ", "the recording", "cannot be"], REACTION);
        assert!(said.contains("No space left on device"), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "yesterday\n");
        assert_eq!(fs::read_to_string(&older).unwrap(), "the day before\n");
        assert!(!folder.join("recording.new").exists());
        assert!(said.contains("make room on its disk"), "{said}");
    });
}

#[test]
fn a_disk_that_becomes_full_leaves_a_recording_of_whole_lines() {
    own_network::within(|| {
        let pool = FakePool::start(2);
        let folder = pool.place.path("records");
        mount_small_disk(&folder);
        let file = folder.join("recording");
        let plan = pool.monitor().flag("--record").flag(&file);
        let monitor = plan.start();
        pool.wait_for_visits();
        fill_disk(&folder);
        monitor.wait_for_line(&[" ERR ", "the recording", "cannot be"], REACTION);
        let text = fs::read_to_string(&file).unwrap();
        let last: String = text.chars().rev().take(80).collect();
        assert!(text.ends_with('\n'), "{last}");
        let changes = poolmon(&pool.place.path(""), &["replay"], &file).success();
        assert!(!changes.contains("cut off"), "{changes}");
    });
}
