//! The thread that writes the recording, and the main thread's side of it.
//!
//! Nobody waits for it: what does not fit into the queue is counted, and the recording says how much is missing.
//! A file that is full becomes the older one, in place of the one before; so does one that is there at the
//! start. Of the recording that is being written both are read as one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
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

/// Serialising goes a few levels deep.
const STACK: usize = 512 * 1024;

/// The older one of the two files.
pub(crate) fn older(path: &Path) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(".1");
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
}

enum Target {
    Open { file: BufWriter<File>, written: u64 },
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
        match self.lines.line(t, s, asked, event) {
            Ok(text) => match &self.target {
                Target::Open { .. } => self.put(&text),
                Target::Closed { .. } => self.lost += 1,
            },
            Err(cause) => self.fail(&cause.into()),
        }
    }

    /// Opens a file where there is none, or that is full.
    fn make_room(&mut self) {
        let is_due = match &self.target {
            Target::Open { written, .. } => *written >= self.most_bytes,
            Target::Closed { until } => until.map_or(true, |until| until <= Instant::now()),
        };
        if is_due {
            self.flush();
            self.open();
        }
    }

    fn open(&mut self) {
        let is_whole = matches!(self.target, Target::Open { .. }) && self.lost == 0;
        let before = match (self.continued, is_whole) {
            (false, _) => Before::Nothing,
            (true, true) => Before::Whole,
            (true, false) => Before::Torn,
        };
        let opened = begin(&self.path).and_then(|file| {
            let text = self.lines.first(before)?;
            Ok((file, text))
        });
        let continued = std::mem::replace(&mut self.continued, true);
        match opened {
            Ok((file, text)) => {
                let was_broken = matches!(self.target, Target::Closed { until: Some(_) });
                self.target = Target::Open {
                    file: BufWriter::new(file),
                    written: 0,
                };
                self.put(&text);
                let is_open = matches!(self.target, Target::Open { .. });
                if is_open && was_broken {
                    info!("the recording {} is written again", self.path.display());
                }
                if is_open && self.lost > 0 {
                    let lost = std::mem::take(&mut self.lost);
                    let (t, s) = self.lines.last();
                    self.line(t, s, 0, Event::Lost(lost));
                }
            }
            Err(cause) => {
                self.continued = continued || self.lost > 0;
                self.fail(&cause);
            }
        }
    }

    fn put(&mut self, text: &[u8]) {
        let result = match &mut self.target {
            Target::Open { file, written } => {
                *written += text.len() as u64;
                file.write_all(text)
            }
            Target::Closed { .. } => Ok(()),
        };
        if let Err(cause) = result {
            self.fail(&cause);
        }
    }

    fn flush(&mut self) {
        if let Target::Open { file, .. } = &mut self.target {
            if let Err(cause) = file.flush() {
                self.fail(&cause);
            }
        }
    }

    /// Said once, until it is written again.
    fn fail(&mut self, cause: &io::Error) {
        if !matches!(self.target, Target::Closed { until: Some(_) }) {
            error!(
                "the recording {} cannot be written: {cause}; make its folder writable, or name another \
                 file: --record=FILE; it is tried again each minute",
                self.path.display()
            );
        }
        if let Target::Open { file, .. } = std::mem::replace(
            &mut self.target,
            Target::Closed {
                until: Some(Instant::now() + PAUSE),
            },
        ) {
            // What is left in the buffer would be tried once more, and may hang.
            drop(file.into_parts());
        }
        self.lost += 1;
        self.continued = true;
    }
}

/// An empty file that its owner alone can read; what was there is the older one from now on.
fn begin(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => fs::rename(path, older(path))?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::Other, "not a file")),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => return Err(cause),
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
}
