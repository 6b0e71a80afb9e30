//! The log file under rotation, truncation and a full device.

use std::fs;

use log::Level;

use super::*;

/// A log file in the temporary folder, removed at the end with its rotated one.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let file = format!("poolmon-log-{name}-{}", std::process::id());
        let place = Place(std::env::temp_dir().join(file));
        place.clear();
        place
    }

    fn rotated(&self) -> PathBuf {
        self.0.with_extension("1")
    }

    fn clear(&self) {
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_file(self.rotated());
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(text: &str) -> Line {
    Line::now(Level::Info, text)
}

/// The lines without their time stamps.
fn unstamped(text: &str) -> Vec<&str> {
    let texts = text.lines().map(|line| line.split_once(" LOG "));
    texts.map(|parts| parts.expect("a stamp").1).collect()
}

#[test]
fn lines_are_appended_to_a_file_that_others_cannot_read() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new("append");
    for text in ["one", "two"] {
        LogFile::open(&place.0).unwrap().write(&line(text));
    }
    assert_eq!(unstamped(&place.text()), ["one", "two"]);
    let mode = fs::metadata(&place.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}");
}

#[test]
fn after_a_rename_lines_follow_the_file_until_it_is_reopened() {
    let place = Place::new("rename");
    let mut log = LogFile::open(&place.0).unwrap();
    log.write(&line("one"));
    fs::rename(&place.0, place.rotated()).unwrap();
    log.write(&line("two"));
    log.reopen().unwrap();
    log.write(&line("three"));
    let rotated = fs::read_to_string(place.rotated()).unwrap();
    assert_eq!(unstamped(&rotated), ["one", "two"]);
    assert_eq!(unstamped(&place.text()), ["three"]);
}

#[test]
fn after_a_truncation_lines_start_at_the_front() {
    let place = Place::new("truncate");
    let mut log = LogFile::open(&place.0).unwrap();
    log.write(&line("one"));
    File::create(&place.0).unwrap();
    log.write(&line("two"));
    assert_eq!(unstamped(&place.text()), ["two"]);
}

#[test]
fn a_reopen_that_fails_leaves_the_old_file_in_use() {
    let place = Place::new("gone");
    let mut log = LogFile::open(&place.0).unwrap();
    fs::rename(&place.0, place.rotated()).unwrap();
    fs::create_dir(&place.0).unwrap();
    let error = log.reopen().unwrap_err().to_string();
    log.write(&line("one"));
    fs::remove_dir(&place.0).unwrap();
    assert!(error.starts_with("log file \""), "{error}");
    let rotated = fs::read_to_string(place.rotated()).unwrap();
    assert_eq!(unstamped(&rotated), ["one"]);
}

#[test]
fn a_log_file_that_cannot_be_opened_is_an_error_with_its_path() {
    let error = LogFile::open(Path::new("/nonexistent/poolmon.log"))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("log file \"/nonexistent/poolmon.log\" cannot be opened: "),
        "{error}"
    );
}

#[test]
fn a_full_device_takes_no_line_and_stops_nobody() {
    let mut log = LogFile::open(Path::new("/dev/full")).unwrap();
    for _ in 0..10 {
        log.write(&line("text"));
    }
    assert_eq!(log.lines.lost(), 10);
}

#[test]
fn a_fifo_that_nobody_empties_loses_lines_and_stops_nobody() {
    let place = Place::new("fifo");
    let made = std::process::Command::new("mkfifo")
        .arg(&place.0)
        .status()
        .unwrap();
    assert!(made.success());
    let _reader = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(&place.0)
        .unwrap();
    let mut log = LogFile::open(&place.0).unwrap();
    let line = line(&"x".repeat(1000));
    for _ in 0..2000 {
        log.write(&line);
    }
    assert!(log.lines.lost() > 0);
}
