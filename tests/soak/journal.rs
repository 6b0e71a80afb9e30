//! The clock of the recording, and the files of what was done: `acts.tsv`, and `clocks.tsv` with how far each
//! monitor's clock is ahead.
//!
//! A line has the time in milliseconds since the start, the word for the moment, the number of the act,
//! the act's word, and its objects, counted from 0. A line of `clocks.tsv` has the time, the time since 1970 in
//! milliseconds by the machine's clock, the monitor, counted from 0, and by how many seconds its clock is ahead
//! from about then on.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::plan::What;

/// The moments of an act. What lies between `Begun` and `Ending` is surely as the act says, and what lies
/// outside of `Starting` and `Ended` is surely not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Starting,
    Begun,
    Ending,
    Ended,
}

impl Moment {
    pub fn word(self) -> &'static str {
        match self {
            Moment::Starting => "starting",
            Moment::Begun => "begun",
            Moment::Ending => "ending",
            Moment::Ended => "ended",
        }
    }
}

pub struct Journal {
    began: Instant,
    file: Mutex<File>,
    clocks: Mutex<File>,
}

impl Journal {
    pub fn begin(folder: &Path) -> Journal {
        let file = |name: &str| {
            let file = File::create(folder.join(name)).expect("the folder takes a file");
            Mutex::new(file)
        };
        Journal {
            began: Instant::now(),
            file: file("acts.tsv"),
            clocks: file("clocks.tsv"),
        }
    }

    /// Milliseconds since the start.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    pub fn note(&self, moment: Moment, number: usize, what: What) {
        let objects: Vec<String> = what.objects().iter().map(usize::to_string).collect();
        self.write(&[
            moment.word(),
            &number.to_string(),
            what.word(),
            &objects.join(","),
        ]);
    }

    /// What an administrator's command came to.
    pub fn note_reply(&self, command: &str, backend: usize, director: usize, reply: &str) {
        let objects = format!("{backend},{director}");
        self.write(&["reply", command, &objects, reply]);
    }

    /// This sets the monitor's clock so many seconds ahead of the machine's.
    pub fn note_clock(&self, monitor: usize, ahead: i64, set: impl FnOnce()) {
        let mut clocks = self.clocks.lock().expect("nobody panics while writing");
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall = wall.expect("it is later than 1970").as_millis();
        writeln!(clocks, "{}\t{wall}\t{monitor}\t{ahead}", self.now())
            .expect("the disk takes the recording");
        set();
    }

    /// From now on all is to heal, or is over.
    pub fn note_phase(&self, phase: &str) {
        self.write(&["phase", phase]);
    }

    fn write(&self, words: &[&str]) {
        let mut file = self.file.lock().expect("nobody panics while writing");
        let words = words.join("\t").replace('\n', " ");
        writeln!(file, "{}\t{words}", self.now()).expect("the disk takes the recording");
    }
}
