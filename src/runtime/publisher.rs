//! The thread that writes the published files (status, metrics, page), so that a disk that is slow, or hangs,
//! holds nobody up.
//!
//! One snapshot at most waits for it: a newer one takes its place. When they are to be written is the
//! engine's business; what stands in them, the report's.

mod file;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{bounded, unbounded, Receiver, Sender};

use crate::config::settings::{Publication, Published};
use crate::monitor::Snapshot;
use crate::report;
use crate::report::document::{document, Document, Writer};

/// Serialising goes a few levels deep.
const STACK: usize = 512 * 1024;

/// A panic, which has a line of its own.
const DEFECT: &str = "a defect of the monitor";

/// What is to be written, and where.
pub(super) struct Edition {
    pub(super) snapshot: Box<Snapshot>,
    /// When the engine gave it.
    pub(super) taken: SystemTime,
    /// By the clock that gave `taken`.
    pub(super) writer: Writer,
    pub(super) files: Published,
}

/// What became of one file.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) publication: Publication,
    pub(super) path: PathBuf,
    pub(super) result: Result<(), String>,
}

/// The main thread's side.
pub(super) struct Publisher {
    state: State,
    done: (Option<Sender<Done>>, Receiver<Done>),
}

enum State {
    /// Nothing has been wanted yet: there is no thread.
    Idle,
    Running {
        editions: Sender<Edition>,
        /// What waits there.
        waiting: Receiver<Edition>,
    },
}

impl Publisher {
    pub(super) fn new() -> Publisher {
        let (sender, receiver) = unbounded();
        Publisher {
            state: State::Idle,
            done: (Some(sender), receiver),
        }
    }

    /// Has this written, in place of what still waits. The error: there can be no thread.
    pub(super) fn publish(&mut self, edition: Edition) -> io::Result<()> {
        if let State::Idle = &self.state {
            let (editions, waiting) = bounded(1);
            let inbox = waiting.clone();
            let done = self
                .done
                .0
                .clone()
                .expect("it goes with the thread's start");
            thread::Builder::new()
                .name("publisher".to_owned())
                .stack_size(STACK)
                .spawn(move || run(&inbox, &done))?;
            self.done.0 = None;
            self.state = State::Running { editions, waiting };
        }
        if let State::Running { editions, waiting } = &self.state {
            let _ = waiting.try_recv();
            // Nobody else sends: there is room now.
            let _ = editions.try_send(edition);
        }
        Ok(())
    }

    /// Where the thread tells what became of each file.
    pub(super) fn done(&self) -> &Receiver<Done> {
        &self.done.1
    }

    /// Waits until the last edition is written, or could not be, or the time is over.
    pub(super) fn finish(self, patience: Duration) {
        let end = Instant::now() + patience;
        drop((self.state, self.done.0));
        // The thread ends once nothing waits any more.
        while self.done.1.recv_deadline(end).is_ok() {}
    }
}

fn run(editions: &Receiver<Edition>, done: &Sender<Done>) {
    let mut written: BTreeSet<PathBuf> = BTreeSet::new();
    for edition in editions {
        let Edition {
            snapshot,
            taken,
            writer,
            files,
        } = edition;
        let former: Vec<PathBuf> = written
            .iter()
            .filter(|path| !has(&files, path))
            .cloned()
            .collect();
        for path in former {
            file::remove(&path);
            written.remove(&path);
        }
        // A thread that ends by a defect would end unseen, and nothing would be written from then on.
        let document = catch_unwind(AssertUnwindSafe(|| document(&snapshot, &writer, taken)));
        drop(snapshot);
        for (publication, path) in files.files() {
            let result = match &document {
                Ok(document) => catch_unwind(AssertUnwindSafe(|| {
                    file::write(path, &|file| tell(publication, document, file))
                })),
                Err(_) => Ok(Err(DEFECT.to_owned())),
            };
            let result = result.unwrap_or_else(|_| Err(DEFECT.to_owned()));
            if result.is_ok() {
                written.insert(path.to_owned());
            }
            let is_heard = done.send(Done {
                publication,
                path: path.to_owned(),
                result,
            });
            if is_heard.is_err() {
                return;
            }
        }
    }
}

fn has(files: &Published, path: &Path) -> bool {
    files.files().any(|(_, wanted)| wanted == path)
}

/// What stands in the file. The largest of them, with two megabytes for 250 backends, is never in memory whole.
fn tell(publication: Publication, document: &Document, file: &mut dyn Write) -> io::Result<()> {
    match publication {
        Publication::Status => Ok(serde_json::to_writer(file, document)?),
        Publication::Metrics => report::metrics::write(document, file),
        Publication::Page => {
            let now = document.poolmon.written;
            let stale = match document.poolmon.ended {
                true => "the monitor has been stopped; no backend is taken down or brought up",
                false => "",
            };
            file.write_all(report::local_page(document, now, stale).as_bytes())
        }
    }
}
