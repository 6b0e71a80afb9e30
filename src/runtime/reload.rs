//! The thread that reads the settings again: configuration, accounts, credentials and certificates, all of them or
//! nothing.
//!
//! A thread of its own for each reading, as a disk or a network file system may keep it waiting for as long as it
//! likes, and HAProxy for 3 s. It must not change anything that is in use: what it has read is sent to the main thread. That one
//! reading is over before the next is started is the engine's business, and so is what may change.

use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::Sender;

use crate::check;
use crate::config::settings::{Pool, Settings};
use crate::hook;
use crate::monitor::{keep_what_takes_a_restart, Terms};
use crate::probe::Prober;
use crate::source::{Loaded, Source, SourceError};

/// YAML is read by as many calls within each other as it has levels.
const STACK: usize = 2 * 1024 * 1024;

/// What becomes of a reload that cannot be carried out.
const THE_OLD: &str = "the old configuration stays in use; repair that and reload again";

/// What else follows from the kind (interval, logins, how users are moved, what is restored) would change without it.
const ANOTHER_KIND_OF_POOL: &str =
    "reload refused: another kind of pool takes a restart; the old configuration stays in use";

/// What is to be read, and what is in use meanwhile.
pub(super) struct SettingsReader {
    pub(super) source: Source,
    pub(super) prober: Arc<Prober>,
    pub(super) in_use: Box<Settings>,
}

/// What became of a reading.
pub(super) struct SettingsRead {
    /// To be read next time: a file of accounts may have been found.
    pub(super) source: Source,
    /// The settings, and what probes by them; or why the old ones stay.
    pub(super) result: Result<(Box<Terms>, Arc<Prober>), String>,
}

impl SettingsReader {
    /// Starts the thread, which tells what became of it in any case. The error: there can be no thread.
    pub(super) fn start(self, done: Sender<SettingsRead>) -> io::Result<()> {
        thread::Builder::new()
            .name("settings".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                // At the end of the program nobody listens.
                let _ = done.send(self.read());
            })?;
        Ok(())
    }

    fn read(self) -> SettingsRead {
        let mut source = self.source.clone();
        // A thread that ended without a word would be waited for, and nothing would be read any more.
        match catch_unwind(AssertUnwindSafe(|| self.attempt(&mut source))) {
            Ok(Ok(read)) => SettingsRead {
                source,
                result: Ok(read),
            },
            // A file that was found has not been read for good.
            Ok(Err(cause)) => SettingsRead {
                source: self.source,
                result: Err(cause),
            },
            Err(_) => SettingsRead {
                result: Err(
                    "reload refused: reading the settings ended by the defect logged before; the old configuration \
                     stays in use; please report the defect"
                        .to_owned(),
                ),
                source: self.source,
            },
        }
    }

    fn attempt(&self, source: &mut Source) -> Result<(Box<Terms>, Arc<Prober>), String> {
        let loaded = match source.load() {
            Ok(loaded) => loaded,
            Err(SourceError::Credentials(cause)) => {
                return Err(format!("reload refused: {cause}; the old credentials stay in use; repair the file and reload again"))
            }
            Err(cause) => return Err(refused(&cause)),
        };
        let Loaded {
            settings,
            targets,
            remarks,
            unverified,
            ..
        } = loaded;
        let prober = match self.prober.renewed(&settings.probing) {
            Ok(prober) => Arc::new(prober),
            Err(cause) => {
                return Err(format!(
                    "reload refused: {cause}; the old certificates and credentials stay in use; repair that and reload again"
                ))
            }
        };
        if let Some(Err(cause)) = settings.hook.as_ref().map(hook::check) {
            return Err(refused(&cause));
        }
        let kind = std::mem::discriminant::<Pool>;
        if kind(&settings.pool) != kind(&self.in_use.pool) {
            return Err(ANOTHER_KIND_OF_POOL.to_owned());
        }
        // What stays whatever is written must be left alone by the new files, too.
        let mut kept = settings.clone();
        let _ = keep_what_takes_a_restart(&mut kept, &self.in_use);
        source.check_files(&kept).map_err(|cause| refused(&cause))?;
        let terms = Terms {
            summary: check::summary(source, &kept, &targets),
            settings,
            targets,
            remarks,
            unverified,
        };
        Ok((Box::new(terms), prober))
    }
}

fn refused(cause: &dyn std::fmt::Display) -> String {
    format!("reload refused: {cause}; {THE_OLD}")
}

/// There can be no thread to read with.
pub(super) fn no_thread(cause: &io::Error) -> String {
    format!(
        "reload refused: no thread can be started to read the settings: {cause}; the old configuration stays in \
         use; see the limits of processes and memory (ulimit -u, TasksMax=, ulimit -v) and reload again"
    )
}
