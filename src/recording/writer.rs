//! The main thread's side of the recording, and the queue to the thread that writes it.
//!
//! Nobody waits for that thread: what does not fit into the queue is counted, and the recording says how much is
//! missing. It knows no file.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{bounded, Receiver, Sender, TrySendError};
use log::error;

use super::encoder::Encoder;
use super::files::{Files, MOST_BYTES};
use super::line::{Event, Sent};
use crate::config::settings::Settings;
use crate::config::targets::Targets;
use crate::monitor::{Input, Memory, Now, Remembered};
use crate::pool::{Action, Command};

/// What waits to be written at most: some seconds of thousands of backends.
const MOST_WAITING: usize = 16 * 1024;

/// Serialising goes a few levels deep.
const STACK: usize = 512 * 1024;

/// What the thread is told.
pub(super) enum Word {
    /// A line, by its parts.
    Told {
        t: i64,
        s: u64,
        asked: u32,
        event: Event,
    },
    /// What the next file begins with.
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
                Files::new(path, start, most_bytes).run(&inbox);
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
        if let Err(cause) = self.words.try_send(Word::Remember(entries.to_vec())) {
            self.lose(cause.into());
        }
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

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
