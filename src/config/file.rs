//! A file of the configuration, read whole: a regular one of bounded length, and, where it holds a
//! password, closed to all but its owner.
//!
//! It knows nothing of what is in the file; the buffer is wiped.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::O_NONBLOCK;
use zeroize::Zeroizing;

/// Bits of group and others: none of them may be set (poolmon's rule).
const OPEN_TO_OTHERS: u32 = 0o077;

/// Who may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    Anybody,
    OwnerAlone,
}

/// Why a file cannot be read, before anybody has looked at its text.
#[derive(Debug)]
pub enum FileProblem {
    System(io::Error),
    NoFile,
    OpenToOthers {
        mode: u32,
    },
    /// More bytes than these.
    TooLong {
        most: usize,
    },
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileProblem::System(cause) => cause.fmt(f),
            FileProblem::NoFile => f.write_str("expected a regular file"),
            FileProblem::OpenToOthers { mode } => write!(
                f,
                "mode {mode:04o} lets group or others in, expected 0600 or less"
            ),
            FileProblem::TooLong { most } => write!(f, "expected at most {most} bytes"),
        }
    }
}

/// The whole file, of at most so many bytes.
pub fn read(path: &Path, readers: Readers, most: usize) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    take(open(path, readers)?, most)
}

/// Never waits, whatever is in the file's place.
pub fn open(path: &Path, readers: Readers) -> Result<File, FileProblem> {
    // Without O_NONBLOCK a FIFO in the file's place would hold the monitor up for ever.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)
        .map_err(FileProblem::System)?;
    // Of the opened file, not of the path: it may be replaced in between.
    let metadata = file.metadata().map_err(FileProblem::System)?;
    if !metadata.is_file() {
        return Err(FileProblem::NoFile);
    }
    let mode = metadata.mode() & 0o7777;
    if readers == Readers::OwnerAlone && mode & OPEN_TO_OTHERS != 0 {
        return Err(FileProblem::OpenToOthers { mode });
    }
    Ok(file)
}

/// Reads to the end, or to one byte more than is allowed.
pub(super) fn take(mut reader: impl Read, most: usize) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    // Of its full length from the start: a buffer that grows leaves copies behind.
    let mut buffer = Zeroizing::new(vec![0; most + 1]);
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(FileProblem::System(error)),
        }
    }
    if length > most {
        return Err(FileProblem::TooLong { most });
    }
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn a_file_of_passwords_is_a_regular_one_closed_to_group_and_others() {
        let folder =
            std::env::temp_dir().join(format!("poolmon-config-file-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("secrets");
        let secret = || read(&path, Readers::OwnerAlone, 10).map_err(|cause| cause.to_string());

        assert!(secret().unwrap_err().contains("No such file"));

        fs::write(&path, "hunter2").unwrap();
        for mode in [0o644, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let message = secret().unwrap_err();
            assert!(message.contains(&format!("mode {mode:04o}")), "{message}");
            let open = read(&path, Readers::Anybody, 10).unwrap();
            assert_eq!(open.as_slice(), b"hunter2");
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(secret().unwrap().as_slice(), b"hunter2");
        }
        for (most, fits) in [(6, false), (7, true)] {
            assert_eq!(read(&path, Readers::OwnerAlone, most).is_ok(), fits);
        }

        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        assert_eq!(secret().unwrap_err(), "expected a regular file");
        fs::remove_dir_all(&folder).unwrap();
    }
}
