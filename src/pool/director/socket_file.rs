//! The file at the socket's path, by what tells it from another one.
//!
//! A connection that stands says nothing of the path: the file may be removed, replaced, or closed to
//! this process, and then no further connection finds the director that the old one still reads from.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Equal for the same socket with the same owner and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketFile {
    device: u64,
    /// Not taken by another file while a connection through this one stands: the kernel holds it.
    inode: u64,
    /// Seconds and nanoseconds of the last change of owner, mode or name.
    changed: (i64, i64),
}

impl SocketFile {
    /// The one that the path leads to now.
    pub fn at(path: &Path) -> io::Result<SocketFile> {
        let file = fs::metadata(path)?;
        Ok(SocketFile {
            device: file.dev(),
            inode: file.ino(),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}
