//! Which of several running monitors may use a state file: the one that locked it first.
//!
//! The lock is on a file beside it, `.lock`, since each write replaces the state file by a new one.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use fs2::FileExt;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use super::{file, NoLock};
use crate::beside::Beside;

/// Whose the state file is, until this is dropped or the process ends.
#[derive(Debug)]
pub enum Keeper {
    ThisMonitor(File),
    Another,
    /// There is no lock, so any monitor may use it at the same time.
    Anyone(NoLock),
}

/// Makes the state file's folder if only that is missing.
pub fn keeper(path: &Path) -> Keeper {
    // If it cannot be made, the writing of the state file fails and tells why.
    let _ = file::make_folder(path);
    let lock = Beside::Lock.of(path);
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .mode(0o600)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(&lock);
    let file = match opened {
        Ok(file) => file,
        Err(cause) => {
            let found = fs::symlink_metadata(&lock);
            let is_other = found.map_or(false, |found| !found.is_file());
            return Keeper::Anyone(match is_other {
                true => NoLock::NotAFile,
                false => NoLock::Io(cause),
            });
        }
    };
    match file.try_lock_exclusive() {
        Ok(()) => Keeper::ThisMonitor(file),
        Err(cause) if cause.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
            Keeper::Another
        }
        Err(cause) => Keeper::Anyone(NoLock::Io(cause)),
    }
}
