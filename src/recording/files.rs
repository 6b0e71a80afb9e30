//! The files of a recording, and the thread that writes them.
//!
//! A file that is full becomes the older one, in place of the one before; so does one that is there at the start. Of the
//! recording that is being written both are read as one. A new file is written beside them, and takes its name once its
//! first lines are on the disk. It knows nothing of the engine.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use fs2::FileExt;
use log::{error, info};
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use super::encoder::{Before, Lines};
use super::line::Event;
use super::start::Start;
use super::writer::Word;
use crate::beside::{self, Beside};

/// A day of a hundred backends with two services each, at the default interval. Two such files may be there.
pub(super) const MOST_BYTES: u64 = 160_000_000;

/// What has less than this part of the older file's length when the monitor starts does not take its place.
const LITTLE: u64 = 10;

/// A file that could not be written is begun anew after this.
const PAUSE: Duration = Duration::from_secs(60);

/// What was told is in the file so soon.
const FLUSH: Duration = Duration::from_secs(1);

/// What is written at once.
const BUFFER: usize = 8 * 1024;

/// Which one is being written, and what of it is missing.
pub(super) struct Files {
    path: PathBuf,
    most_bytes: u64,
    lines: Lines,
    target: Target,
    /// The next file goes on after another.
    continued: bool,
    /// Lines that are in no file.
    lost: u64,
    /// The latest file was begun after a failure.
    is_after_failure: bool,
    create: fn(&Path) -> io::Result<File>,
    /// When it is to be looked next whether the file is still in its place.
    next_look: Instant,
}

enum Target {
    Open(Part),
    Closed { until: Option<Instant> },
}

/// Why no file is written.
#[derive(Debug)]
enum Cause {
    AnotherMonitors,
    Folder,
    /// A device, a FIFO, a socket or a link.
    NotAFile,
    Disk(io::Error),
}

impl From<io::Error> for Cause {
    fn from(cause: io::Error) -> Cause {
        Cause::Disk(cause)
    }
}

impl fmt::Display for Cause {
    /// With what helps, but for another name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::AnotherMonitors => f.write_str("another running monitor writes it; "),
            Cause::Folder => f.write_str("it is a folder, in which a file can be named; "),
            Cause::NotAFile => f.write_str("it is no regular file; "),
            Cause::Disk(cause) => {
                write!(
                    f,
                    "{cause}; make room on its disk, or its folder writable, or "
                )
            }
        }
    }
}

impl Files {
    pub(super) fn new(path: PathBuf, start: Start, most_bytes: u64) -> Files {
        Files {
            path,
            most_bytes,
            lines: Lines::new(start),
            target: Target::Closed { until: None },
            continued: false,
            lost: 0,
            is_after_failure: false,
            create,
            next_look: Instant::now(),
        }
    }

    /// Until whoever tells it ends.
    pub(super) fn run(mut self, inbox: &Receiver<Word>) {
        self.open();
        loop {
            match inbox.recv_timeout(FLUSH) {
                Ok(Word::Told { t, s, asked, event }) => {
                    self.make_room();
                    self.line(t, s, asked, event);
                }
                Ok(Word::Remember(entries)) => self.lines.remember(&entries),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if inbox.is_empty() {
                self.flush();
            }
        }
        self.flush();
    }

    fn line(&mut self, t: i64, s: u64, asked: u32, event: Event) {
        let put = match (self.lines.line(t, s, asked, event), &mut self.target) {
            (Ok(text), Target::Open(part)) => part.put(&text),
            (Ok(_), Target::Closed { .. }) => {
                self.lost += 1;
                Ok(())
            }
            (Err(cause), _) => {
                self.lost += 1;
                Err(cause.into())
            }
        };
        if let Err(cause) = put {
            self.fail(&cause.into());
        }
    }

    /// Opens a file where there is none, or that is full.
    fn make_room(&mut self) {
        if !self.is_file_due() {
            return;
        }
        self.flush();
        // If the flush has failed, the next file is due after a pause.
        let has_failed =
            matches!(self.target, Target::Closed { until: Some(until) } if until > Instant::now());
        if !has_failed {
            self.open();
        }
    }

    /// Somebody may have moved the file away, or removed it.
    fn is_gone(&mut self, now: Instant) -> bool {
        if now < self.next_look {
            return false;
        }
        self.next_look = now + FLUSH;
        let is_gone = match &self.target {
            Target::Open(part) => !beside::is_in_place(&part.file, &self.path),
            Target::Closed { .. } => false,
        };
        if is_gone {
            info!(
                "the recording {} was moved away or removed: a new file is begun",
                self.path.display()
            );
        }
        is_gone
    }

    fn is_file_due(&mut self) -> bool {
        let is_gone = self.is_gone(Instant::now());
        match &self.target {
            Target::Open(part) => is_gone || part.bytes() >= self.most_bytes,
            Target::Closed { until } => until.map_or(true, |until| until <= Instant::now()),
        }
    }

    fn open(&mut self) {
        let has_failed = matches!(self.target, Target::Closed { until: Some(_) });
        match self.begin(has_failed) {
            Ok(part) => {
                self.target = Target::Open(part);
                self.continued = true;
                self.lost = 0;
                self.is_after_failure = has_failed;
                if has_failed {
                    info!("the recording {} is written again", self.path.display());
                }
            }
            Err(cause) => self.fail(&cause),
        }
    }

    /// Makes a file with its first lines. The files that are there change only once these lines are written:
    /// a full disk must not cost more of the recording with each try.
    fn begin(&mut self, has_failed: bool) -> Result<Part, Cause> {
        match fs::symlink_metadata(&self.path) {
            Ok(there) if there.is_dir() => return Err(Cause::Folder),
            Ok(there) if !there.is_file() => return Err(Cause::NotAFile),
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause.into()),
            _ => {}
        }
        if self.is_anothers() {
            return Err(Cause::AnotherMonitors);
        }
        let new = Beside::New.of(&self.path);
        let file = (self.create)(&new)?;
        // Where there are no locks it is written without one.
        let _ = file.try_lock_exclusive();
        let begun = self.fill(file, has_failed).and_then(|part| {
            self.put_aside(has_failed)?;
            fs::rename(&new, &self.path)?;
            Ok(part)
        });
        if begun.is_err() {
            // So as not to keep a full disk full. What remains is removed by the next try.
            let _ = fs::remove_file(&new);
        }
        Ok(begun?)
    }

    /// Whether the file that is there is locked, and not by this recording: a look at what a change of the options would
    /// do, with the daemon's own options, must not take the daemon's recording away.
    fn is_anothers(&self) -> bool {
        let there = OpenOptions::new()
            .read(true)
            .custom_flags(O_NOFOLLOW | O_NONBLOCK)
            .open(&self.path);
        let there = match (there, &self.target) {
            (Ok(there), Target::Closed { .. }) => there,
            (Ok(there), Target::Open(part)) => match beside::is_in_place(&part.file, &self.path) {
                true => return false,
                false => there,
            },
            (Err(_), _) => return false,
        };
        let locked = there.try_lock_exclusive();
        let contended = fs2::lock_contended_error().raw_os_error();
        matches!(locked, Err(cause) if cause.raw_os_error() == contended)
    }

    fn fill(&mut self, file: File, has_failed: bool) -> io::Result<Part> {
        let is_whole = matches!(self.target, Target::Open(_)) && self.lost == 0;
        let before = match (self.continued, is_whole) {
            (false, _) => Before::Nothing,
            (true, true) => Before::Whole,
            (true, false) => Before::Torn,
        };
        let mut part = Part::new(file);
        part.put(&self.lines.first(before)?)?;
        if self.lost > 0 {
            let (t, s) = self.lines.last();
            part.put(&self.lines.line(t, s, 0, Event::Lost(self.lost))?)?;
        }
        part.flush()?;
        if has_failed {
            // Some file systems say only here that there is no room. A file that follows a full one does not
            // wait for the disk: inputs would be lost.
            part.file.sync_data()?;
        }
        Ok(part)
    }

    /// Makes the file that is there the older one. A piece that was written between two failures does not
    /// replace a longer older file: a disk that is full now and then would leave nothing but such pieces. Nor does what
    /// was written between two starts, if that is little: else two restarts in a row would leave nothing of what
    /// happened before.
    fn put_aside(&self, has_failed: bool) -> io::Result<()> {
        let older = Beside::Older.of(&self.path);
        let length = |path: &Path| fs::symlink_metadata(path).map_or(0, |there| there.len());
        let (written, before) = (length(&self.path), length(&older));
        let is_piece = has_failed && self.is_after_failure && written < before;
        let is_short = !self.continued && written < before / LITTLE;
        if is_piece || is_short {
            return Ok(());
        }
        match fs::rename(&self.path, older) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) {
        if let Target::Open(part) = &mut self.target {
            if let Err(cause) = part.flush() {
                self.fail(&cause.into());
            }
        }
    }

    /// Said once, until it is written again.
    fn fail(&mut self, cause: &Cause) {
        if !matches!(self.target, Target::Closed { until: Some(_) }) {
            error!(
                "the recording {} cannot be written: {cause}name another file: --record=FILE; it is tried again each minute",
                self.path.display()
            );
        }
        let closed = Target::Closed {
            until: Some(Instant::now() + PAUSE),
        };
        if let Target::Open(part) = std::mem::replace(&mut self.target, closed) {
            self.lost += part.end_early();
        }
        self.continued = true;
    }
}

/// The file that is being written.
struct Part {
    file: File,
    /// Bytes of whole lines in it.
    written: u64,
    /// Lines that are not yet in it, and how many.
    waiting: Vec<u8>,
    lines: u64,
}

impl Part {
    fn new(file: File) -> Part {
        Part {
            file,
            written: 0,
            waiting: Vec::with_capacity(BUFFER),
            lines: 0,
        }
    }

    fn bytes(&self) -> u64 {
        self.written + self.waiting.len() as u64
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(line);
        self.lines += 1;
        match self.waiting.len() < BUFFER {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.waiting)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        // A list of thousands of backends is long.
        self.waiting.shrink_to(BUFFER);
        self.lines = 0;
        Ok(())
    }

    /// Cuts off a line that was written in part. Returns how many lines are missing.
    fn end_early(self) -> u64 {
        let _ = self.file.set_len(self.written);
        self.lines
    }
}

/// An empty file that its owner alone can read.
fn create(path: &Path) -> io::Result<File> {
    beside::create(path, 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Stamp;
    use crate::config::accounts::Backends;
    use crate::config::chosen::Chosen;
    use crate::config::table::DefaultsOf;
    use crate::config::targets::Targets;
    use crate::monitor::{Now, Remembered};
    use crate::program::Program;
    use crate::recording::encoder::Encoder;
    use crate::scratch::Folder;

    fn start(now: Now) -> Start {
        let settings = Chosen::default().build(DefaultsOf::Poolmon, Program::Poolmon);
        let settings = settings.unwrap();
        let targets = Targets::new(&settings, None, Backends::new());
        Encoder::new(now.instant).start(&settings, &targets, &Remembered::new(), 100, now)
    }

    /// It is there, and takes nothing.
    fn create_on_a_full_disk(path: &Path) -> io::Result<File> {
        create(path)?;
        OpenOptions::new().write(true).open("/dev/full")
    }

    /// A recording in a folder of its own, and its disk.
    struct Recording {
        folder: Folder,
        files: Files,
    }

    impl Recording {
        fn new(there: &[(&str, &str)]) -> Recording {
            let folder = Folder::new();
            for (name, text) in there {
                fs::write(folder.path(name), text).unwrap();
            }
            let now = Now {
                instant: Instant::now(),
                second: Stamp(1_800_000_000),
            };
            let files = Files::new(folder.path("r"), start(now), MOST_BYTES);
            Recording { folder, files }
        }

        /// With the same options.
        fn another_monitor(&self) -> Recording {
            let now = Now {
                instant: Instant::now(),
                second: Stamp(1_800_000_000),
            };
            Recording {
                folder: Folder::new(),
                files: Files::new(self.folder.path("r"), start(now), MOST_BYTES),
            }
        }

        fn let_a_second_pass(&mut self) {
            self.files.next_look = Instant::now();
        }

        fn fill_disk(&mut self) {
            self.files.create = create_on_a_full_disk;
            if let Target::Open(part) = &mut self.files.target {
                part.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
            }
        }

        fn free_disk(&mut self) {
            self.files.create = create;
        }

        fn tell(&mut self, inputs: usize) {
            for _ in 0..inputs {
                self.files.make_room();
                self.files.line(1, 1_800_000_000, 1, Event::Time);
            }
            self.files.flush();
        }

        fn let_a_minute_pass(&mut self) {
            if let Target::Closed { until } = &mut self.files.target {
                *until = Some(Instant::now());
            }
            self.tell(1);
        }

        fn is_open(&self) -> bool {
            matches!(self.files.target, Target::Open(_))
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.folder.path(name)).unwrap()
        }

        /// How many inputs the file says are missing before it.
        fn missing(&self) -> String {
            let text = self.text("r");
            let lost = text.lines().find_map(|line| line.split_once("{\"lost\":"));
            lost.map_or(String::new(), |(_, count)| count.replace('}', ""))
        }
    }

    #[test]
    fn where_the_name_is_no_files_what_helps_is_another_name_and_not_room_on_the_disk() {
        let mut recording = Recording::new(&[]);
        fs::create_dir(recording.folder.path("r")).unwrap();
        let told = |files: &mut Files| files.begin(false).err().unwrap().to_string();
        let of_folder = told(&mut recording.files);
        assert_eq!(of_folder, "it is a folder, in which a file can be named; ");
        fs::remove_dir(recording.folder.path("r")).unwrap();
        std::os::unix::fs::symlink("elsewhere", recording.folder.path("r")).unwrap();
        assert_eq!(told(&mut recording.files), "it is no regular file; ");
        assert_eq!(recording.folder.names(), ["r"]);
    }

    #[test]
    fn a_disk_that_stays_full_leaves_both_files_as_they_are() {
        let mut recording = Recording::new(&[("r", "yesterday"), ("r.1", "the day before")]);
        recording.fill_disk();
        recording.files.open();
        for _ in 0..3 {
            recording.let_a_minute_pass();
            assert!(!recording.is_open());
            assert_eq!(recording.text("r"), "yesterday");
            assert_eq!(recording.text("r.1"), "the day before");
            assert_eq!(recording.folder.names(), ["r", "r.1"]);
        }
        recording.free_disk();
        recording.let_a_minute_pass();
        assert!(recording.is_open());
        assert_eq!(recording.text("r.1"), "yesterday");
        assert_eq!(recording.missing(), "3");
    }

    #[test]
    fn a_disk_that_becomes_full_leaves_what_was_written_and_the_next_file_counts_what_is_missing() {
        let mut recording = Recording::new(&[("r.1", "yesterday")]);
        recording.files.open();
        recording.tell(5);
        let written = recording.text("r");
        assert_eq!(written.lines().count(), 1 + 5);
        recording.fill_disk();
        recording.tell(7);
        for _ in 0..3 {
            recording.let_a_minute_pass();
            assert!(!recording.is_open());
            assert_eq!(recording.text("r"), written);
            assert_eq!(recording.text("r.1"), "yesterday");
        }
        recording.free_disk();
        recording.let_a_minute_pass();
        assert_eq!(recording.text("r.1"), written);
        assert_eq!(recording.missing(), "10");
    }

    #[test]
    fn what_is_written_between_two_failures_does_not_replace_a_longer_file() {
        let mut recording = Recording::new(&[]);
        recording.files.open();
        recording.tell(500);
        let written = recording.text("r");
        for inputs in [3, 5, 7] {
            recording.fill_disk();
            recording.tell(1);
            recording.free_disk();
            recording.let_a_minute_pass();
            assert!(recording.is_open());
            recording.tell(inputs);
            assert_eq!(recording.text("r.1"), written, "after {inputs}");
        }
        recording.tell(1000);
        let later = recording.text("r");
        recording.fill_disk();
        recording.tell(1);
        recording.free_disk();
        recording.let_a_minute_pass();
        assert_eq!(recording.text("r.1"), later);
    }

    #[test]
    fn a_recording_that_another_monitor_writes_is_left_alone() {
        let mut first = Recording::new(&[("r.1", "yesterday")]);
        first.files.open();
        first.tell(5);
        let mut second = first.another_monitor();
        second.files.open();
        second.tell(5);
        assert!(!second.is_open());
        assert_eq!(first.folder.names(), ["r", "r.1"]);
        assert_eq!(first.text("r.1"), "yesterday");
        first.tell(1);
        assert_eq!(first.text("r").lines().count(), 1 + 6);
        // Its own file is no obstacle when that is full.
        first.files.most_bytes = 1;
        first.tell(1);
        assert!(first.is_open());
        assert_ne!(first.text("r.1"), "yesterday");
        first.files.target = Target::Closed { until: None };
        second.let_a_minute_pass();
        assert!(second.is_open());
    }

    #[test]
    fn a_file_that_was_moved_away_or_removed_is_noticed_and_a_new_one_begun() {
        let mut recording = Recording::new(&[("r.1", "yesterday")]);
        recording.files.open();
        recording.tell(5);
        fs::rename(
            recording.folder.path("r"),
            recording.folder.path("incident"),
        )
        .unwrap();
        recording.let_a_second_pass();
        recording.tell(3);
        assert_eq!(recording.text("incident").lines().count(), 1 + 5);
        assert_eq!(recording.text("r").lines().count(), 1 + 3);
        assert_eq!(recording.text("r.1"), "yesterday");
        fs::remove_file(recording.folder.path("r")).unwrap();
        recording.let_a_second_pass();
        recording.tell(4);
        assert_eq!(recording.text("r").lines().count(), 1 + 4);
    }

    /// As by two restarts in a row after an incident.
    #[test]
    fn a_file_that_is_much_shorter_than_the_older_one_does_not_replace_it_at_the_start() {
        let day = "x".repeat(1000);
        for (written, expected) in [("y".repeat(99), &day), ("y".repeat(100), &"y".repeat(100))] {
            let mut recording = Recording::new(&[("r", &written), ("r.1", &day)]);
            recording.files.open();
            assert_eq!(&recording.text("r.1"), expected);
            assert!(recording.text("r").starts_with('{'));
        }
    }

    #[test]
    fn a_line_that_was_written_in_part_is_cut_off() {
        let folder = Folder::new();
        let mut part = Part::new(create(&folder.path("r")).unwrap());
        part.put(b"whole\n").unwrap();
        part.flush().unwrap();
        part.put(b"in part\n").unwrap();
        part.put(b"not at all\n").unwrap();
        part.file.write_all(b"in p").unwrap();
        assert_eq!(part.end_early(), 2);
        assert_eq!(fs::read(folder.path("r")).unwrap(), b"whole\n");
    }
}
