//! The clock of the recording, and the file of what was done: `acts.tsv`.
//!
//! A line has the time in milliseconds since the start, the word for the moment, the number of the act,
//! the act's word, and its objects, counted from 0.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

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
}

impl Journal {
    pub fn begin(folder: &Path) -> Journal {
        let file = File::create(folder.join("acts.tsv")).expect("the folder takes a file");
        Journal {
            began: Instant::now(),
            file: Mutex::new(file),
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
