//! The thread that writes the recording, and the main thread's side of it.
//!
//! Nobody waits for it: what does not fit into the queue is counted, and the recording says how much is missing.
//! A file that is full becomes the older one, in place of the one before; so does one that is there at the
//! start. Of the recording that is being written both are read as one. A new file is written beside them, and
//! takes its name once its first lines are on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, Receiver, RecvTimeoutError, Sender, TrySendError};
use log::{error, info};

use super::encoder::{Before, Encoder, Lines};
use super::line::{Event, Sent};
use super::start::Start;
use crate::config::settings::Settings;
use crate::config::targets::Targets;
use crate::monitor::{Input, Memory, Now, Remembered};
use crate::pool::{Action, Command};

/// A day of a hundred backends with two services each, at the default interval. Two such files may be there.
pub(super) const MOST_BYTES: u64 = 160_000_000;

/// What waits to be written at most: some seconds of thousands of backends.
const MOST_WAITING: usize = 16 * 1024;

/// A file that could not be written is begun anew after this.
const PAUSE: Duration = Duration::from_secs(60);

/// What was told is in the file so soon.
const FLUSH: Duration = Duration::from_secs(1);

/// What is written at once.
const BUFFER: usize = 8 * 1024;

/// Serialising goes a few levels deep.
const STACK: usize = 512 * 1024;

/// The older one of the two files.
pub(crate) fn older(path: &Path) -> PathBuf {
    beside(path, ".1")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

enum Word {
    Told {
        t: i64,
        s: u64,
        asked: u32,
        event: Event,
    },
    Remember(Vec<(IpAddr, Memory)>),
}

/// The main thread's side.
pub(crate) struct RecordingWriter {
    encoder: Encoder,
    words: Sender<Word>,
    /// Ends when the thread does.
    ended: Receiver<()>,
    /// How often the engine was asked for an output since the last line.
    asked: u32,
    lost: u64,
    /// The worst that was said of what is lost.
    said: Option<WhyLost>,
}

/// Why an input does not reach the thread that writes; the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum WhyLost {
    /// The queue is full: the disk is slower than the inputs.
    TooSlow,
    /// The thread has ended by a defect.
    ThreadEnded,
}

impl From<TrySendError<Word>> for WhyLost {
    fn from(cause: TrySendError<Word>) -> WhyLost {
        match cause {
            TrySendError::Full(_) => WhyLost::TooSlow,
            TrySendError::Disconnected(_) => WhyLost::ThreadEnded,
        }
    }
}

impl RecordingWriter {
    /// The error: there can be no thread.
    pub(crate) fn start(
        path: PathBuf,
        (settings, targets): (&Settings, &Targets),
        remembered: &Remembered,
        most_at_once: usize,
        now: Now,
    ) -> io::Result<RecordingWriter> {
        RecordingWriter::start_with(
            path,
            (settings, targets),
            remembered,
            most_at_once,
            now,
            MOST_BYTES,
        )
    }

    pub(super) fn start_with(
        path: PathBuf,
        (settings, targets): (&Settings, &Targets),
        remembered: &Remembered,
        most_at_once: usize,
        now: Now,
        most_bytes: u64,
    ) -> io::Result<RecordingWriter> {
        let mut encoder = Encoder::new(now.instant);
        let start = encoder.start(settings, targets, remembered, most_at_once, now);
        let (words, inbox) = bounded(MOST_WAITING);
        let (alive, ended) = bounded(0);
        thread::Builder::new()
            .name("recorder".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                Writing::new(path, start, most_bytes).run(&inbox);
                drop(alive);
            })?;
        Ok(RecordingWriter {
            encoder,
            words,
            ended,
            asked: 0,
            lost: 0,
            said: None,
        })
    }

    /// The engine was asked for an output.
    pub(crate) fn on_asked(&mut self) {
        self.asked = self.asked.saturating_add(1);
    }

    pub(crate) fn on_input(&mut self, input: &Input, now: Now) {
        if let Some(event) = self.encoder.event(input) {
            self.put(event, now);
        }
    }

    /// The engine has this command sent.
    pub(crate) fn on_sent(
        &mut self,
        number: u64,
        command: &Command,
        (action, why): (Action, Option<String>),
        now: Now,
    ) {
        let sent = Sent {
            command: number,
            backend: command.address(),
            action,
            why,
        };
        self.put(Event::Sent(sent), now);
    }

    /// The state file is to hold this from now on.
    pub(crate) fn on_remembered(&mut self, entries: &[(IpAddr, Memory)]) {
        let _ = self.words.try_send(Word::Remember(entries.to_vec()));
    }

    fn put(&mut self, event: Event, now: Now) {
        let (t, s) = (self.encoder.time(now.instant), now.second.0);
        if self.lost > 0 {
            let word = Word::Told {
                t,
                s,
                asked: 0,
                event: Event::Lost(self.lost),
            };
            match self.words.try_send(word) {
                Ok(()) => self.lost = 0,
                Err(cause) => return self.lose(cause.into()),
            }
        }
        let asked = std::mem::take(&mut self.asked);
        let word = Word::Told { t, s, asked, event };
        match self.words.try_send(word) {
            Ok(()) => {}
            Err(cause) => self.lose(cause.into()),
        }
    }

    fn lose(&mut self, loss: WhyLost) {
        self.lost += 1;
        if self.said >= Some(loss) {
            return;
        }
        self.said = Some(loss);
        match loss {
            WhyLost::TooSlow => error!(
                "the recording (--record, record) is written too slowly: inputs are missing in it from now \
                 on, and it says how many; is its disk slow?"
            ),
            WhyLost::ThreadEnded => error!(
                "nothing is recorded (--record) any more: the thread that writes it has ended by the defect \
                 logged before; all else goes on; a restart begins a new recording; please report the defect"
            ),
        }
    }

    /// Waits until all is written, or the time is over.
    pub(crate) fn finish(self, patience: Duration) {
        let RecordingWriter { words, ended, .. } = self;
        drop(words);
        let _ = ended.recv_timeout(patience);
    }
}

struct Writing {
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
}

enum Target {
    Open(Part),
    Closed { until: Option<Instant> },
}

impl Writing {
    fn new(path: PathBuf, start: Start, most_bytes: u64) -> Writing {
        Writing {
            path,
            most_bytes,
            lines: Lines::new(start),
            target: Target::Closed { until: None },
            continued: false,
            lost: 0,
            is_after_failure: false,
            create,
        }
    }

    fn run(mut self, inbox: &Receiver<Word>) {
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
            self.fail(&cause);
        }
    }

    /// Opens a file where there is none, or that is full.
    fn make_room(&mut self) {
        if self.is_file_due() {
            self.flush();
        }
        // If the flush has failed, the next file is due after a pause.
        if self.is_file_due() {
            self.open();
        }
    }

    fn is_file_due(&self) -> bool {
        match &self.target {
            Target::Open(part) => part.bytes() >= self.most_bytes,
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
    fn begin(&mut self, has_failed: bool) -> io::Result<Part> {
        match fs::symlink_metadata(&self.path) {
            Ok(there) if !there.is_file() => {
                return Err(io::Error::new(io::ErrorKind::Other, "not a file"))
            }
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let new = beside(&self.path, ".new");
        let file = (self.create)(&new)?;
        let begun = self.fill(file, has_failed).and_then(|part| {
            self.put_aside(has_failed)?;
            fs::rename(&new, &self.path)?;
            Ok(part)
        });
        if begun.is_err() {
            // So as not to keep a full disk full. What remains is removed by the next try.
            let _ = fs::remove_file(&new);
        }
        begun
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
    /// replace a longer older file: a disk that is full now and then would leave nothing but such pieces.
    fn put_aside(&self, has_failed: bool) -> io::Result<()> {
        let older = older(&self.path);
        let length = |path: &Path| fs::symlink_metadata(path).map_or(0, |there| there.len());
        let is_piece = has_failed && self.is_after_failure;
        if is_piece && length(&self.path) < length(&older) {
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
                self.fail(&cause);
            }
        }
    }

    /// Said once, until it is written again.
    fn fail(&mut self, cause: &io::Error) {
        if !matches!(self.target, Target::Closed { until: Some(_) }) {
            error!(
                "the recording {} cannot be written: {cause}; make room on its disk, or its folder writable, \
                 or name another file: --record=FILE; it is tried again each minute",
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

/// An empty file that its owner alone can read. One that a killed process left behind goes first.
fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Stamp;
    use crate::config::accounts::Backends;
    use crate::config::chosen::Chosen;
    use crate::config::table::DefaultsOf;
    use crate::program::Program;
    use crate::scratch::Folder;

    #[test]
    fn a_thread_that_has_ended_is_not_taken_for_a_slow_disk() {
        let now = Now {
            instant: Instant::now(),
            second: Stamp(1_800_000_000),
        };
        let (words, inbox) = bounded(1);
        let (_, ended) = bounded(0);
        let mut recorder = RecordingWriter {
            encoder: Encoder::new(now.instant),
            words,
            ended,
            asked: 0,
            lost: 0,
            said: None,
        };
        let mut said_after_an_input = || {
            recorder.on_input(&Input::Time, now);
            (recorder.lost, recorder.said)
        };
        assert_eq!(said_after_an_input(), (0, None));
        assert_eq!(said_after_an_input(), (1, Some(WhyLost::TooSlow)));
        drop(inbox);
        assert_eq!(said_after_an_input(), (2, Some(WhyLost::ThreadEnded)));
        assert_eq!(said_after_an_input(), (3, Some(WhyLost::ThreadEnded)));
    }

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
        writing: Writing,
    }

    impl Recording {
        fn new(files: &[(&str, &str)]) -> Recording {
            let folder = Folder::new();
            for (name, text) in files {
                fs::write(folder.path(name), text).unwrap();
            }
            let now = Now {
                instant: Instant::now(),
                second: Stamp(1_800_000_000),
            };
            let writing = Writing::new(folder.path("r"), start(now), MOST_BYTES);
            Recording { folder, writing }
        }

        fn fill_disk(&mut self) {
            self.writing.create = create_on_a_full_disk;
            if let Target::Open(part) = &mut self.writing.target {
                part.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
            }
        }

        fn free_disk(&mut self) {
            self.writing.create = create;
        }

        fn tell(&mut self, inputs: usize) {
            for _ in 0..inputs {
                self.writing.make_room();
                self.writing.line(1, 1_800_000_000, 1, Event::Time);
            }
            self.writing.flush();
        }

        fn let_a_minute_pass(&mut self) {
            if let Target::Closed { until } = &mut self.writing.target {
                *until = Some(Instant::now());
            }
            self.tell(1);
        }

        fn is_open(&self) -> bool {
            matches!(self.writing.target, Target::Open(_))
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
    fn a_disk_that_stays_full_leaves_both_files_as_they_are() {
        let mut recording = Recording::new(&[("r", "yesterday"), ("r.1", "the day before")]);
        recording.fill_disk();
        recording.writing.open();
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
        recording.writing.open();
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
        recording.writing.open();
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
