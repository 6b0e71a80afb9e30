//! What lies beside a file, by its name and a suffix; and how a new file is made there.
//!
//! It knows no file's purpose and no content.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Others, or a group, may put a file in place of another in a folder.
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;

/// A file beside another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// What is written before it takes the file's name. No name that node_exporter reads: it has to end in `.prom`
    /// for that.
    New,
    /// The full one before.
    Older,
    /// One that could not be read.
    Damaged,
    /// What is locked as long as the file is somebody's.
    Lock,
}

impl Beside {
    /// What its name has behind the file's.
    pub fn suffix(self) -> &'static str {
        match self {
            Beside::New => ".new",
            Beside::Older => ".1",
            Beside::Damaged => ".damaged",
            Beside::Lock => ".lock",
        }
    }

    /// Its path, beside this file.
    pub fn of(self, path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(self.suffix());
        PathBuf::from(name)
    }
}

/// The folder that a file of this path is in, or would be.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Who beside its owner may put a file in place of another in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    Nobody,
    /// Of another group than root's; its number.
    Group(u32),
    Anybody,
}

/// Of a folder.
pub fn writers(folder: &Metadata) -> Writers {
    let (mode, group) = (folder.mode(), folder.gid());
    if mode & OTHERS_WRITE != 0 {
        Writers::Anybody
    } else if mode & GROUP_WRITES != 0 && group != 0 {
        Writers::Group(group)
    } else {
        Writers::Nobody
    }
}

/// Whether this path, and no link at its end, leads to the file that is open.
pub fn is_in_place(file: &File, path: &Path) -> bool {
    is_same(file, fs::symlink_metadata(path))
}

/// The same, and links are followed.
pub fn is_in_place_behind(file: &File, link: &Path) -> bool {
    is_same(file, fs::metadata(link))
}

fn is_same(file: &File, found: io::Result<Metadata>) -> bool {
    let identity = |about: Metadata| (about.dev(), about.ino());
    match (file.metadata(), found) {
        (Ok(open), Ok(found)) => identity(open) == identity(found),
        _ => false,
    }
}

/// An empty file, and nobody else's: what has this name goes first, such as one that a killed process left behind,
/// and no link is followed.
pub fn create(path: &Path, mode: u32) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}
