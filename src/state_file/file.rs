//! The state file on disk: its text, and how it gets there whole or not at all.
//!
//! The text is YAML, version 1:
//!
//! ```yaml
//! version: 1
//! backends:
//!   192.0.2.7:
//!     down:
//!       stamp_before: 1795314605
//!       sent: 1795314638
//!       vhosts: 100
//!       stamp: 1795314638
//!     drain: owed
//!     drained: 1795314638
//!     contests: 1
//! ...
//! ```
//!
//! A backend of which nothing is remembered is not in it. The closing `...` proves that the text
//! is whole, because the front part of a YAML text is often valid too. Unknown keys are ignored
//! and get lost with the next writing: what must not get lost takes a new version number, and a
//! file of a newer version is left alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::{access, AccessFlags};
use serde::{Deserialize, Serialize};

use super::{left_alone, Damage, StateFileError, StateFileStep, Untouched};
use crate::beside::{folder_of, Beside};
use crate::monitor::{Memory, Remembered};
use crate::quote::Quote;

const VERSION: u64 = 1;
const COMMENT: &str = "# What poolmon did to the backends and still owes them.\n";
const END: &str = "...\n";

/// Bytes; room for some hundred thousand backends.
const LONGEST: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct Text {
    version: u64,
    backends: Remembered,
}

/// Why there is nothing to start from.
pub(super) enum Unread {
    NotThere,
    Damaged(Damage),
    Newer(u64),
    NotAFile,
    Link,
    Io(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Unread {
        // Below a file there is nothing either; that has no stable `ErrorKind` in Rust 1.63.
        let below_a_file = error.raw_os_error() == Some(Errno::ENOTDIR as i32);
        if below_a_file || error.kind() == io::ErrorKind::NotFound {
            Unread::NotThere
        } else {
            Unread::Io(error)
        }
    }
}

pub(super) fn read(path: &Path) -> Result<Remembered, Unread> {
    // A socket or a device had better not be opened at all.
    match kind(path)? {
        Kind::File => {}
        Kind::Link => return Err(Unread::Link),
        Kind::Other => return Err(Unread::NotAFile),
    }
    // Something else may have taken the file's place by now: a FIFO would be waited for.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Unread::NotAFile);
    }
    let mut bytes = Vec::new();
    let length = file.take(LONGEST).read_to_end(&mut bytes)?;
    if length as u64 == LONGEST {
        return Err(Unread::Damaged(Damage::TooLong));
    }
    parse(&bytes)
}

/// What has the name of the state file.
enum Kind {
    File,
    /// The writing would put a file in its place, so it is not followed to read either.
    Link,
    Other,
}

fn kind(path: &Path) -> io::Result<Kind> {
    let found = fs::symlink_metadata(path)?.file_type();
    Ok(match (found.is_file(), found.is_symlink()) {
        (true, _) => Kind::File,
        (_, true) => Kind::Link,
        (false, false) => Kind::Other,
    })
}

pub(super) fn parse(bytes: &[u8]) -> Result<Remembered, Unread> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unread::Damaged(Damage::NotUtf8))?;
    let malformed = |error: serde_yaml::Error| {
        Unread::Damaged(Damage::Malformed(Quote::new(error.to_string())))
    };
    // Before anything else of the format is taken for granted.
    let version = serde_yaml::from_str(text).map(|Version { version }| version);
    if let Ok(newer) = version {
        if newer > VERSION {
            return Err(Unread::Newer(newer));
        }
    }
    if !text.ends_with(&format!("\n{END}")) {
        return Err(Unread::Damaged(Damage::CutOff));
    }
    let text: Text = serde_yaml::from_str(text).map_err(malformed)?;
    let remembered = text.backends.into_iter();
    Ok(remembered
        .filter(|(_, entry)| *entry != Memory::default())
        .collect())
}

pub(super) fn format(entries: &Remembered) -> String {
    let text = Text {
        version: VERSION,
        backends: entries.clone(),
    };
    let yaml = serde_yaml::to_string(&text).expect("numbers, words and addresses have a YAML form");
    format!("{COMMENT}{}\n{END}", yaml.trim_end())
}

/// Writes a new file beside the old one and puts it in its place. Whenever the process is killed
/// or the machine stops, the path holds the old text or the new one.
pub(super) fn write(path: &Path, entries: &Remembered) -> Result<(), StateFileError> {
    // A rename would put a file in place of `/dev/null`.
    match kind(path) {
        Ok(Kind::Link) => return Err(left_alone(path, Untouched::Link)),
        Ok(Kind::Other) => return Err(left_alone(path, Untouched::NotAFile)),
        Ok(Kind::File) | Err(_) => {}
    }
    make_folder(path)?;
    let new = Beside::New.of(path);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error(&new, StateFileStep::Remove)(error));
        }
        _ => {}
    }
    let written = write_new(&new, format(entries).as_bytes())
        .and_then(|()| fs::rename(&new, path).map_err(io_error(path, StateFileStep::Rename)));
    if written.is_err() {
        // So as not to keep a full disk full. What remains is removed by the next writing.
        let _ = fs::remove_file(&new);
    }
    written?;
    sync_folder(folder_of(path))
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StateFileError> {
    let mut file = OpenOptions::new()
        .write(true)
        // Follows no symbolic link and takes no file that another made.
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io_error(path, StateFileStep::Create))?;
    file.write_all(bytes)
        .map_err(io_error(path, StateFileStep::Write))?;
    file.sync_all().map_err(io_error(path, StateFileStep::Sync))
}

/// Makes the file's folder, but none above it: a mistyped path is to be noticed.
pub(super) fn make_folder(path: &Path) -> Result<(), StateFileError> {
    let folder = folder_of(path);
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => sync_folder(folder_of(folder)),
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(io_error(folder, StateFileStep::MakeFolder)(error)),
    }
}

/// Whether the file can be put into its folder, so that a start tells it and not the first failure.
pub(super) fn check_folder(path: &Path) -> Result<(), StateFileError> {
    access(folder_of(path), AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|errno| io_error(path, StateFileStep::Create)(errno.into()))
}

/// Gives a damaged file another name, unless that name is taken: what was damaged first is the one that tells what was
/// remembered before.
pub(super) fn move_aside(path: &Path) -> Result<PathBuf, io::Error> {
    let kept = Beside::Damaged.of(path);
    if fs::symlink_metadata(&kept).is_ok() {
        let cause = format!(
            "{} is there already and stays, move it away to have the next one kept",
            kept.display()
        );
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, cause));
    }
    fs::rename(path, &kept)?;
    Ok(kept)
}

/// Makes a rename or a new folder last.
fn sync_folder(folder: &Path) -> Result<(), StateFileError> {
    let error = io_error(folder, StateFileStep::Sync);
    match File::open(folder).and_then(|file| file.sync_all()) {
        // A file system that has no fsync for folders.
        Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result.map_err(error),
    }
}

fn io_error(path: &Path, step: StateFileStep) -> impl FnOnce(io::Error) -> StateFileError + '_ {
    move |cause| StateFileError::Io {
        path: path.to_owned(),
        step,
        cause,
    }
}
