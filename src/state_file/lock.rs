//! Which of several running monitors may use a state file: the one that locked it first.
//!
//! The lock is on a file beside it, `.lock`, since each write replaces the state file by a new one.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use fs2::FileExt;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use super::file;

/// Whose the state file is, until this is dropped or the process ends.
#[derive(Debug)]
pub enum Keeper {
    /// Without a file where nothing can be written, or where the file system knows no locks.
    ThisMonitor(Option<File>),
    Another,
}

/// Makes the state file's folder if only that is missing.
pub fn keeper(path: &Path) -> Keeper {
    // If it cannot be made, the writing of the state file fails and tells why.
    let _ = file::make_folder(path);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .mode(0o600)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(super::lock_of(path));
    let file = match file {
        Ok(file) => file,
        Err(_) => return Keeper::ThisMonitor(None),
    };
    match file.try_lock_exclusive() {
        Ok(()) => Keeper::ThisMonitor(Some(file)),
        Err(cause) if cause.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
            Keeper::Another
        }
        Err(_) => Keeper::ThisMonitor(None),
    }
}
