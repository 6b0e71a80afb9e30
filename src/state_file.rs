//! What outlives the process: which downs are ours, which drains are owed.
//!
//! The state file is read once and its entries are then kept in memory; `file` writes it whole or not at all, `state_writer`
//! does so in a thread of its own, `lock` keeps two monitors from one file. Nothing is decided or logged here: what
//! could not be read or written comes back as a warning or an error, and the monitor goes on with what it has in
//! memory.

mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod lock;
mod writer;

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::beside::{self, Beside};
use crate::monitor::{Memory, Remembered};
use crate::quote::Quote;
use crate::read_only::Cause;

use lock::Keeper;
pub use writer::{Recorded, StateWriter};

/// The state file's entries: all of them in memory, and on disk if they can be.
#[derive(Debug)]
pub struct StateFile {
    entries: Remembered,
    place: Place,
    /// Held as long as the state file lives. None: it could not be locked, and the start says so.
    lock: Option<File>,
}

#[derive(Debug)]
enum Place {
    Memory,
    File { path: PathBuf, content: Content },
}

/// What is known of the file, beside the entries in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// They are in it.
    Same,
    /// It is older than they, or not there.
    Stale,
    /// It holds what this process does not know, so it must not be written over.
    LeftAlone(Untouched),
}

impl StateFile {
    /// A state file that is never written.
    pub fn in_memory() -> StateFile {
        StateFile {
            entries: Remembered::new(),
            place: Place::Memory,
            lock: None,
        }
    }

    /// Opens it, if no other running monitor keeps its memory there: then this one has none that lasts.
    pub fn open_alone(path: &Path) -> (StateFile, Vec<StateFileWarning>) {
        let (lock, no_lock) = match lock::keeper(path) {
            Keeper::ThisMonitor(lock) => (Some(lock), None),
            Keeper::Anyone(cause) => (None, Some(cause)),
            Keeper::Another => {
                let error = left_alone(path, Untouched::Taken);
                return (
                    StateFile::in_memory(),
                    vec![StateFileWarning::Unusable(error)],
                );
            }
        };
        let (state_file, warning) = StateFile::open(path);
        // Usually the cause is the same. If not, the restart that the first one takes tells the second.
        let is_unusable = matches!(warning, Some(StateFileWarning::Unusable(_)));
        let no_lock = no_lock.filter(|_| !is_unusable);
        let unlocked = no_lock.map(|cause| StateFileWarning::Unlocked {
            path: path.to_owned(),
            cause,
        });
        let state_file = StateFile { lock, ..state_file };
        (state_file, warning.into_iter().chain(unlocked).collect())
    }

    /// Reads the file, and makes its folder (mode 0700) if only that is missing. No file is an
    /// empty state file. It never fails: what it could not do is the warning.
    fn open(path: &Path) -> (StateFile, Option<StateFileWarning>) {
        let mut entries = Remembered::new();
        let mut content = Content::Same;
        let warning;
        match file::read(path) {
            Ok(read) => {
                entries = read;
                warning = file::check_folder(path)
                    .err()
                    .map(StateFileWarning::Unusable);
            }
            Err(file::Unread::NotThere) => {
                warning = file::make_folder(path)
                    .and_then(|()| file::check_folder(path))
                    .err()
                    .map(StateFileWarning::Unusable);
            }
            Err(file::Unread::Damaged(cause)) => {
                warning = Some(StateFileWarning::Damaged {
                    path: path.to_owned(),
                    kept: file::move_aside(path),
                    cause,
                });
            }
            Err(file::Unread::Newer(version)) => {
                let reason = Untouched::Newer(version);
                content = Content::LeftAlone(reason);
                warning = Some(StateFileWarning::Unusable(left_alone(path, reason)));
            }
            Err(file::Unread::NotAFile) => {
                let error = left_alone(path, Untouched::NotAFile);
                warning = Some(StateFileWarning::Unusable(error));
            }
            Err(file::Unread::Link) => {
                let error = left_alone(path, Untouched::Link);
                warning = Some(StateFileWarning::Unusable(error));
            }
            Err(file::Unread::Io(cause)) => {
                content = Content::LeftAlone(Untouched::Unread);
                warning = Some(StateFileWarning::Unusable(StateFileError::Io {
                    path: path.to_owned(),
                    step: StateFileStep::Read,
                    cause,
                }));
            }
        }
        let place = Place::File {
            path: path.to_owned(),
            content,
        };
        let state_file = StateFile {
            entries,
            place,
            lock: None,
        };
        (state_file, warning)
    }

    /// All that is remembered, by address; none of the entries is empty.
    pub fn entries(&self) -> impl Iterator<Item = (IpAddr, Memory)> + '_ {
        let entries = self.entries.iter();
        entries.map(|(&address, &entry)| (address, entry))
    }

    /// Remembers entries in place of the backends' old ones. An empty one forgets its backend.
    ///
    /// After `Ok` the entries outlive a crash of process or machine; a crash leaves all of them or none.
    /// After an error they are in memory only, and the next call, of whatever, tries to write them too.
    /// If nothing has changed and all is written, the file is not touched.
    pub fn record_all(
        &mut self,
        entries: impl IntoIterator<Item = (IpAddr, Memory)>,
    ) -> Result<(), StateFileError> {
        let mut changed = false;
        for (address, entry) in entries {
            let old = if entry == Memory::default() {
                self.entries.remove(&address)
            } else {
                self.entries.insert(address, entry)
            };
            changed |= old.unwrap_or_default() != entry;
        }
        let (path, content) = match &mut self.place {
            Place::Memory => return Ok(()),
            Place::File { path, content } => (path, content),
        };
        match *content {
            Content::Same if !changed => Ok(()),
            Content::Same | Content::Stale => {
                *content = Content::Stale;
                if let Some(lock) = &mut self.lock {
                    keep(lock, path)?;
                }
                file::write(path, &self.entries)?;
                *content = Content::Same;
                Ok(())
            }
            Content::LeftAlone(reason) => Err(left_alone(path, reason)),
        }
    }
}

/// Somebody may have removed the lock with its folder. Another monitor that was started since has one then.
fn keep(lock: &mut File, path: &Path) -> Result<(), StateFileError> {
    if beside::is_in_place(lock, &Beside::Lock.of(path)) {
        return Ok(());
    }
    match lock::keeper(path) {
        Keeper::ThisMonitor(new) => *lock = new,
        Keeper::Another => return Err(left_alone(path, Untouched::Taken)),
        // If the file cannot be written for the same cause, that tells it.
        Keeper::Anyone(_) => {}
    }
    Ok(())
}

fn left_alone(path: &Path, reason: Untouched) -> StateFileError {
    StateFileError::LeftAlone {
        path: path.to_owned(),
        reason,
    }
}

/// What follows for the operator.
const FORGOTTEN: &str = "which backends this monitor took down before is not known any more";

/// What `StateFile::open` has to tell. The state file starts empty and works all the same.
#[derive(Debug)]
pub enum StateFileWarning {
    /// The file was no state file. It was kept under another name, if that was possible.
    Damaged {
        path: PathBuf,
        kept: Result<PathBuf, io::Error>,
        cause: Damage,
    },
    /// What is recorded will not be written, or only if things change.
    Unusable(StateFileError),
    /// It is used, and a second monitor would use it as well.
    Unlocked { path: PathBuf, cause: NoLock },
}

/// Why the state file cannot be locked.
#[derive(Debug)]
pub enum NoLock {
    /// Something else has the name of the file that is locked.
    NotAFile,
    Io(io::Error),
}

impl fmt::Display for StateFileWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateFileWarning::Damaged { path, kept, cause } => {
                let path = path.display();
                match kept {
                    Ok(kept) => write!(
                        f,
                        "state file: {path}: damaged: {cause}; kept as {}; {FORGOTTEN}",
                        kept.display()
                    ),
                    Err(error) => write!(
                        f,
                        "state file: {path}: damaged: {cause}; it cannot be kept: {error}; {FORGOTTEN}"
                    ),
                }
            }
            StateFileWarning::Unusable(error) => error.fmt(f),
            StateFileWarning::Unlocked { path, cause } => {
                let lock = Beside::Lock.of(path);
                let (path, lock) = (path.display(), lock.display());
                write!(f, "state file: {path}: used without a lock, so ")?;
                f.write_str(
                    "a second monitor that uses it is not noticed, and each writes over what the other remembers: ",
                )?;
                match cause {
                    NoLock::NotAFile => {
                        write!(f, "{lock} is not a regular file: remove it and restart")
                    }
                    NoLock::Io(cause) => {
                        write!(
                            f,
                            "{lock} cannot be locked: {cause}: repair that and restart"
                        )
                    }
                }
            }
        }
    }
}

/// Why a file is not a state file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    TooLong,
    NotUtf8,
    /// The closing line is not there.
    CutOff,
    Malformed(Quote),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::TooLong => f.write_str("too long"),
            Damage::NotUtf8 => f.write_str("not utf-8"),
            Damage::CutOff => f.write_str("cut off"),
            Damage::Malformed(text) => text.fmt(f),
        }
    }
}

/// Why the state file is in memory only.
#[derive(Debug)]
pub enum StateFileError {
    LeftAlone {
        path: PathBuf,
        reason: Untouched,
    },
    Io {
        path: PathBuf,
        step: StateFileStep,
        cause: io::Error,
    },
    /// The writing has panicked.
    Defect,
}

/// Why a file is neither read nor written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untouched {
    /// A later poolmon wrote it, in a version that this one does not know.
    Newer(u64),
    /// A device, a pipe or a folder.
    NotAFile,
    /// A symbolic link.
    Link,
    /// It could not be read at the start.
    Unread,
    /// Another running monitor keeps its memory there.
    Taken,
}

/// What was being done with a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFileStep {
    Read,
    MakeFolder,
    /// Of the unfinished file of a killed process.
    Remove,
    Create,
    Write,
    Sync,
    Rename,
}

impl fmt::Display for StateFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateFileError::LeftAlone { path, reason } => {
                write!(f, "state file: {}: left alone: ", path.display())?;
                match reason {
                    Untouched::Newer(version) => {
                        write!(f, "a newer poolmon wrote it (version {version})")
                    }
                    Untouched::NotAFile => f.write_str("not a regular file"),
                    Untouched::Link => f.write_str(
                        "a symbolic link is not followed; name the file itself (--state-file)",
                    ),
                    Untouched::Taken => f.write_str(
                        "another running monitor uses it, so what this one does is forgotten when it ends: \
                         give each monitor its own --state-file",
                    ),
                    Untouched::Unread => f.write_str("it could not be read at the start; repair that and restart"),
                }
            }
            StateFileError::Io { path, step, cause } => {
                let step = match step {
                    StateFileStep::Read => "it cannot be read",
                    StateFileStep::MakeFolder => "its folder cannot be made",
                    StateFileStep::Remove => "it cannot be removed",
                    StateFileStep::Create => "it cannot be created",
                    StateFileStep::Write => "it cannot be written",
                    StateFileStep::Sync => "it cannot be synced to disk",
                    StateFileStep::Rename => "it cannot be renamed",
                };
                let cause = Cause { path, cause };
                write!(f, "state file: {}: {step}: {cause}", path.display())
            }
            StateFileError::Defect => {
                f.write_str("state file: its writing ended by the defect logged before")
            }
        }
    }
}

impl Error for StateFileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StateFileError::Io { cause, .. } => Some(cause),
            StateFileError::LeftAlone { .. } | StateFileError::Defect => None,
        }
    }
}

#[cfg(test)]
mod tests;
