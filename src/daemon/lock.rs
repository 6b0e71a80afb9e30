//! The PID file, which is also the lock against a second instance.
//!
//! The lock is flock(2), as the Perl poolmon's is, so the two exclude each other. It belongs to the
//! open file: it outlives a fork as long as one side keeps it, and ends with the last process.
//! A file that does not look like a PID file is never written to.
//!
//! Whoever can read a file can lock it, and init scripts and people read this one. So two of our monitors are kept
//! apart by a second file beside it (`guard`), which nobody else can open. Who has locked the PID file, and is no
//! running monitor that stands in it (`holder`), keeps nobody from starting.

mod folder;
mod guard;
mod holder;

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fs2::FileExt;
use nix::errno::Errno;
use nix::fcntl::OFlag;

pub use self::folder::{make_folder, remark_on_folder};
use self::guard::{Guard, Guarding};
use crate::beside::{self, Beside};
use crate::quote::Quote;
use crate::read_only::Cause;

/// How often a file that vanishes between opening and locking is tried again.
const ATTEMPTS: u32 = 10;
/// How long to wait for the PID of an instance that has the lock and has not yet written it.
const PATIENCE: Duration = Duration::from_millis(10);
/// How long somebody who has the lock, and whose PID is not in the file, may be a Perl poolmon that is about to
/// write it.
const STRANGER_PATIENCE: Duration = Duration::from_secs(1);
/// What anybody may do with the file.
const MODE: u32 = 0o644;

// These have no stable `ErrorKind` in Rust 1.63.
const ELOOP: i32 = Errno::ELOOP as i32;
const EISDIR: i32 = Errno::EISDIR as i32;
const ENXIO: i32 = Errno::ENXIO as i32;

/// A PID file that this process (or the one it was forked from) has locked.
///
/// Dropping it leaves the file where it is, so that the parent of a fork takes nothing from its
/// child; a file left behind is taken over by the next instance.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    file: File,
    /// Locked for as long as `file`. Who may not write to the folder has none.
    guard: Option<Guard>,
    /// Whoever had locked the file and was no monitor.
    stranger: Option<String>,
}

#[derive(Debug)]
pub enum LockError {
    /// Another instance has it; its PID if it has written one.
    Held { pid: Option<u32> },
    /// The path is a symbolic link, perhaps planted.
    SymbolicLink { path: PathBuf },
    /// What is there is not a file, or not a PID.
    NotAPidFile { path: PathBuf },
    /// The file was replaced again and again while it was being locked.
    Unsteady { path: PathBuf },
    Io {
        path: PathBuf,
        doing: &'static str,
        cause: io::Error,
    },
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = |path: &PathBuf| Quote::new(path.to_string_lossy().as_bytes());
        match self {
            // poolmon's words, which scripts may search for.
            LockError::Held { pid: Some(pid) } => write!(f, "Already running as pid {pid}"),
            LockError::Held { pid: None } => f.write_str("Already running"),
            LockError::SymbolicLink { path } => {
                write!(
                    f,
                    "lock file {}: a symbolic link is not followed; name the file itself (-k)",
                    quote(path)
                )
            }
            LockError::NotAPidFile { path } => {
                write!(f, "lock file {}: not a PID file, so it is left alone; remove it, or name another one (-k)", quote(path))
            }
            LockError::Unsteady { path } => {
                write!(f, "lock file {}: other programs replaced it again and again while it was being locked; try again", quote(path))
            }
            LockError::Io { path, doing, cause } => {
                let cause = Cause { path, cause };
                write!(f, "lock file {}: {doing}: {cause}", quote(path))
            }
        }
    }
}

impl std::error::Error for LockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LockError::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl LockFile {
    /// Creates or takes over the PID file, locks it and empties it. `record` writes the PID: whoever
    /// reads one may send a signal at once, and a signal that is not yet handled ends the process.
    pub fn take(path: &Path) -> Result<LockFile, LockError> {
        let io = |doing| {
            move |cause| LockError::Io {
                path: path.to_path_buf(),
                doing,
                cause,
            }
        };
        // The daemon changes its folder before it removes the file.
        let absolute = std::env::current_dir()
            .map_err(io("find this folder"))?
            .join(path);
        let guard = match Guard::take(&absolute) {
            Guarding::Ours(guard) => Some(guard),
            Guarding::Impossible => None,
            Guarding::Taken => {
                return Err(LockError::Held {
                    pid: open_to_read(&absolute)
                        .ok()
                        .and_then(|mut file| pid_of_holder(&mut file)),
                })
            }
        };
        match lock_file(path, &absolute, guard.is_some()) {
            Ok((file, stranger)) => Ok(LockFile {
                path: absolute,
                file,
                guard,
                stranger,
            }),
            Err(cause) => {
                if let Some(guard) = guard {
                    guard.release();
                }
                Err(cause)
            }
        }
    }

    /// What the operator has to know of how it was taken.
    pub fn remark(&self) -> Option<String> {
        let path = Quote::new(self.path.to_string_lossy().as_bytes());
        self.stranger.as_ref().map(|stranger| {
            format!(
                "lock file {path}: it was locked by {stranger}, which is no monitor and would have kept a Perl \
                 poolmon from starting; a new file has taken its place"
            )
        })
    }

    /// Writes the PID of this process, which handles its signals from here on and is no other's
    /// parent: after the fork, if there is one.
    pub fn record(&mut self) -> Result<(), LockError> {
        let mut write = || {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            // One call of write: nobody shall read half a number.
            self.file
                .write_all(format!("{}\n", std::process::id()).as_bytes())
        };
        write().map_err(|cause| LockError::Io {
            path: self.path.clone(),
            doing: "write",
            cause,
        })
    }

    /// Removes the file, unless another one has taken its place, and gives up the lock. Who has become
    /// another user since may not change the folder: then the file is emptied, and the next start takes it
    /// over.
    pub fn release(self) -> io::Result<()> {
        let removed = match beside::is_in_place(&self.file, &self.path) {
            false => Ok(()),
            true => match fs::remove_file(&self.path) {
                Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                    self.file.set_len(0)
                }
                result => result,
            },
        };
        // Last: until then no other monitor of ours looks at the file.
        if let Some(guard) = self.guard {
            guard.release();
        }
        removed
    }
}

/// The PID file, locked and empty, and who had locked it and was no monitor.
fn lock_file(
    path: &Path,
    absolute: &Path,
    is_guarded: bool,
) -> Result<(File, Option<String>), LockError> {
    let io = |doing| {
        move |cause| LockError::Io {
            path: path.to_path_buf(),
            doing,
            cause,
        }
    };
    for _ in 0..ATTEMPTS {
        let mut file = open(absolute).map_err(|cause| match cause.raw_os_error() {
            Some(ELOOP) => LockError::SymbolicLink {
                path: path.to_path_buf(),
            },
            Some(EISDIR | ENXIO) => LockError::NotAPidFile {
                path: path.to_path_buf(),
            },
            _ => io("open")(cause),
        })?;
        refuse_foreign(&mut file, path)?;
        match lock(&mut file, is_guarded).map_err(io("lock"))? {
            Locking::Done => {}
            Locking::Held { pid } => return Err(LockError::Held { pid }),
            Locking::Stranger(stranger) => {
                let file = replace(absolute, &file).map_err(io("replace"))?;
                return Ok((file, Some(stranger)));
            }
        }
        // Whoever had it may have removed it before we got the lock: then we hold a file that
        // nobody else will find.
        if beside::is_in_place(&file, absolute) {
            refuse_foreign(&mut file, path)?;
            file.set_len(0).map_err(io("write"))?;
            return Ok((file, None));
        }
    }
    Err(LockError::Unsteady {
        path: path.to_path_buf(),
    })
}

enum Locking {
    Done,
    /// A monitor has it, or without a guard anybody.
    Held {
        pid: Option<u32>,
    },
    /// Somebody has it who is no monitor; the words for it.
    Stranger(String),
}

/// With the guard held, whoever has the lock is a Perl poolmon, or a poolmon of before 1.1.0, or no monitor at all.
fn lock(file: &mut File, is_guarded: bool) -> io::Result<Locking> {
    let end = Instant::now() + STRANGER_PATIENCE;
    loop {
        match FileExt::try_lock_exclusive(&*file) {
            Ok(()) => return Ok(Locking::Done),
            Err(cause) if cause.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {}
            Err(cause) => return Err(cause),
        }
        if !is_guarded {
            return Ok(Locking::Held {
                pid: pid_of_holder(file),
            });
        }
        if let Ok(Content::Pid(pid)) = content(file) {
            if holder::is_monitor(pid, file) {
                return Ok(Locking::Held { pid: Some(pid) });
            }
        }
        if Instant::now() >= end {
            return Ok(Locking::Stranger(holder::shown(file)));
        }
        thread::sleep(PATIENCE);
    }
}

/// A new file takes the place of one that a stranger has locked, and is locked before anybody else can open it.
fn replace(path: &Path, old: &File) -> io::Result<File> {
    let mode = old.metadata()?.permissions().mode() & MODE;
    let new = Beside::New.of(path);
    let file = beside::create(&new, 0o600)?;
    let placed = FileExt::try_lock_exclusive(&file)
        .and_then(|()| fs::rename(&new, path))
        .and_then(|()| file.set_permissions(Permissions::from_mode(mode)));
    if placed.is_err() {
        let _ = fs::remove_file(&new);
    }
    placed.map(|()| file)
}

fn open_to_read(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
}

fn open(path: &Path) -> io::Result<File> {
    // O_NONBLOCK: the open of a FIFO must not wait for its other end.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .custom_flags(flags.bits())
        .open(path)
}

/// What a file holds, as far as this program is concerned.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    Pid(u32),
    Foreign,
}

fn content(file: &mut File) -> io::Result<Content> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    Read::by_ref(file).take(64).read_to_end(&mut text)?;
    Ok(understood(&text))
}

fn understood(text: &[u8]) -> Content {
    let text = String::from_utf8_lossy(text);
    match text.trim() {
        "" => Content::Nothing,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_or(Content::Foreign, Content::Pid)
        }
        _ => Content::Foreign,
    }
}

fn refuse_foreign(file: &mut File, path: &Path) -> Result<(), LockError> {
    let ours = file.metadata().map_or(false, |data| data.is_file())
        && !matches!(content(file), Ok(Content::Foreign) | Err(_));
    if ours {
        Ok(())
    } else {
        Err(LockError::NotAPidFile {
            path: path.to_path_buf(),
        })
    }
}

fn pid_of_holder(file: &mut File) -> Option<u32> {
    for _ in 0..ATTEMPTS {
        if let Ok(Content::Pid(pid)) = content(file) {
            return Some(pid);
        }
        thread::sleep(PATIENCE);
    }
    None
}

#[cfg(test)]
mod tests;
