//! What keeps two monitors of ours apart: a file beside the PID file that only its owner can open.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fs2::FileExt;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use super::ATTEMPTS;
use crate::beside::{self, Beside};

/// That file, locked.
#[derive(Debug)]
pub(super) struct Guard {
    path: PathBuf,
    file: File,
}

pub(super) enum Guarding {
    Ours(Guard),
    /// A running monitor's.
    Taken,
    /// It cannot be made, or others could lock it as well.
    Impossible,
}

impl Guard {
    /// For this PID file.
    pub(super) fn take(pid_file: &Path) -> Guarding {
        // A device is no PID file, which whoever opens it finds out; nothing has to be made beside it.
        if fs::symlink_metadata(pid_file).map_or(false, |found| !found.is_file()) {
            return Guarding::Impossible;
        }
        let path = Beside::Lock.of(pid_file);
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        for _ in 0..ATTEMPTS {
            let opened = OpenOptions::new()
                .write(true)
                .create(true)
                .mode(0o600)
                .custom_flags(flags.bits())
                .open(&path);
            let file = match opened {
                Ok(file) if is_closed_to_others(&file) => file,
                _ => return Guarding::Impossible,
            };
            match file.try_lock_exclusive() {
                Ok(()) => {}
                Err(cause)
                    if cause.raw_os_error() == fs2::lock_contended_error().raw_os_error() =>
                {
                    return Guarding::Taken;
                }
                Err(_) => return Guarding::Impossible,
            }
            // As with the PID file, whoever had it may have removed it.
            if beside::is_in_place(&file, &path) {
                return Guarding::Ours(Guard { path, file });
            }
        }
        Guarding::Impossible
    }

    /// Who has become another user since may not change the folder: then it stays, and is nobody's.
    pub(super) fn release(self) {
        if beside::is_in_place(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn is_closed_to_others(file: &File) -> bool {
    let own = [0, geteuid().as_raw()];
    file.metadata().map_or(false, |about| {
        about.is_file() && about.mode() & 0o077 == 0 && own.contains(&about.uid())
    })
}
