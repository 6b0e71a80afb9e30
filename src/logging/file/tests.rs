//! The log file under rotation, truncation and a full disk.

use std::fs;

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

/// A disk with so much room; what no longer fits is refused, at last with an error.
#[derive(Default)]
struct Disk {
    text: String,
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.room);
        if fits == 0 {
            return Err(io::Error::new(io::ErrorKind::Other, "disk full"));
        }
        self.room -= fits;
        self.text
            .push_str(std::str::from_utf8(&bytes[..fits]).unwrap());
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines without their time stamps.
fn unstamped(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| match line.split_once(" ERR ") {
            Some((_, notice)) => notice.to_string(),
            None => line.to_string(),
        })
        .collect()
}

#[test]
fn lines_are_appended_to_a_file_that_others_cannot_read() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new("append");
    for line in ["one\n", "two\n"] {
        LogFile::open(&place.0).unwrap().write(line);
    }
    assert_eq!(place.text(), "one\ntwo\n");
    let mode = fs::metadata(&place.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}");
}

#[test]
fn after_a_rename_lines_follow_the_file_until_it_is_reopened() {
    let place = Place::new("rename");
    let mut log = LogFile::open(&place.0).unwrap();
    log.write("one\n");
    fs::rename(&place.0, place.rotated()).unwrap();
    log.write("two\n");
    log.reopen().unwrap();
    log.write("three\n");
    assert_eq!(fs::read_to_string(place.rotated()).unwrap(), "one\ntwo\n");
    assert_eq!(place.text(), "three\n");
}

#[test]
fn after_a_truncation_lines_start_at_the_front() {
    let place = Place::new("truncate");
    let mut log = LogFile::open(&place.0).unwrap();
    log.write("one\n");
    File::create(&place.0).unwrap();
    log.write("two\n");
    assert_eq!(place.text(), "two\n");
}

#[test]
fn a_reopen_that_fails_leaves_the_old_file_in_use() {
    let place = Place::new("gone");
    let mut log = LogFile::open(&place.0).unwrap();
    fs::rename(&place.0, place.rotated()).unwrap();
    fs::create_dir(&place.0).unwrap();
    let error = log.reopen().unwrap_err().to_string();
    log.write("one\n");
    fs::remove_dir(&place.0).unwrap();
    assert!(error.starts_with("log file \""), "{error}");
    assert_eq!(fs::read_to_string(place.rotated()).unwrap(), "one\n");
}

#[test]
fn a_log_file_that_cannot_be_opened_is_an_error_with_its_path() {
    let error = LogFile::open(Path::new("/nonexistent/poolmon.log"))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("log file \"/nonexistent/poolmon.log\": open: "),
        "{error}"
    );
}

#[test]
fn a_full_device_takes_no_line_and_stops_nobody() {
    let mut log = LogFile::open(Path::new("/dev/full")).unwrap();
    for _ in 0..10 {
        log.write("text\n");
    }
    assert_eq!(log.lines.lost, 10);
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
    let line = format!("{}\n", "x".repeat(1000));
    for _ in 0..2000 {
        log.write(&line);
    }
    assert!(log.lines.lost > 0);
}

#[test]
fn lost_lines_are_counted_and_told_once_there_is_room_again() {
    let mut lines = Lines::new(Disk::default());
    lines.out.room = 4;
    for line in ["one\n", "two\n", "three\n"] {
        lines.write(line);
    }
    lines.out.room = 1000;
    for line in ["four\n", "five\n"] {
        lines.write(line);
    }
    assert_eq!(
        unstamped(&lines.out.text),
        ["one", "2 log lines lost: disk full", "four", "five"]
    );
}

#[test]
fn a_line_that_was_cut_short_is_ended_before_the_next() {
    let mut lines = Lines::new(Disk::default());
    lines.out.room = 2;
    lines.write("one\n");
    lines.out.room = 1000;
    lines.write("two\n");
    assert_eq!(
        unstamped(&lines.out.text),
        ["on", "1 log line lost: only a part could be written", "two"]
    );
}
