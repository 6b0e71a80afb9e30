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
use nix::unistd::{geteuid, Uid};
use zeroize::Zeroizing;

/// Bits of group and others: none of them may be set (poolmon's rule).
const OPEN_TO_OTHERS: u32 = 0o077;

/// Who may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    Anybody,
    OwnerAlone,
}

/// Whose a file of passwords may be: root's, and the user's that the program runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// Who the program becomes (`--user`), if anybody.
    pub runs_as: Option<Uid>,
}

impl Owners {
    /// Whoever owns the file can write what he likes into it, such as the name of another account. poolmon
    /// and dovemon took it all the same, so that is only a remark: with this program in their place nobody
    /// may be left without a monitor. They knew no `--user`: with it, the file is refused.
    fn judge(self, owner: Uid, own: Uid) -> Result<Option<Stranger>, FileProblem> {
        let is_known = owner.is_root() || owner == own || Some(owner) == self.runs_as;
        match (is_known, self.runs_as) {
            (true, _) => Ok(None),
            (false, None) => Ok(Some(Stranger(owner))),
            (false, Some(_)) => Err(FileProblem::WrongOwner(Stranger(owner))),
        }
    }
}

/// The owner of a file of passwords, who is neither root nor the user that the program runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranger(pub Uid);

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its owner is user {}, who can change the account in it; expected root or the user that this \
             program runs as (chown)",
            self.0
        )
    }
}

/// A file of passwords.
pub struct Passwords {
    /// The whole file, wiped when dropped.
    pub text: Zeroizing<Vec<u8>>,
    /// None if the file is root's or our own.
    pub stranger: Option<Stranger>,
}

/// Why a file cannot be read, before anybody has looked at its text.
#[derive(Debug)]
pub enum FileProblem {
    System(io::Error),
    NoFile,
    WrongOwner(Stranger),
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
                "mode {mode:04o} lets group or others in, expected 0600 or less (chmod 600)"
            ),
            FileProblem::WrongOwner(stranger) => stranger.fmt(f),
            FileProblem::TooLong { most } => write!(f, "expected at most {most} bytes"),
        }
    }
}

/// The whole file, of at most so many bytes.
pub fn read(path: &Path, readers: Readers, most: usize) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    take(open(path, readers)?, most)
}

/// A whole file of passwords. Kind, mode and owner are those of the file that is then read, whatever
/// happens to the path meanwhile.
pub fn read_passwords(path: &Path, owners: Owners, most: usize) -> Result<Passwords, FileProblem> {
    let file = open(path, Readers::OwnerAlone)?;
    let owner = Uid::from_raw(file.metadata().map_err(FileProblem::System)?.uid());
    let stranger = owners.judge(owner, geteuid())?;
    let text = take(file, most)?;
    Ok(Passwords { text, stranger })
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

/// Bytes of the first buffer. To wipe a buffer takes time, and makes the system give it all of its memory.
const BUFFER: usize = 4096;

/// Reads to the end, or to one byte more than is allowed.
pub(super) fn take(mut reader: impl Read, most: usize) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    let enough = most + 1;
    let mut buffer = Zeroizing::new(vec![0; BUFFER.min(enough)]);
    let mut length = 0;
    while length < enough {
        if length == buffer.len() {
            // Never grown where it is: that would leave a copy behind that nobody wipes.
            let mut larger = Zeroizing::new(vec![0; enough.min(4 * length)]);
            larger[..length].copy_from_slice(&buffer);
            buffer = larger;
        }
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
    fn a_stranger_s_file_of_passwords_is_a_remark_and_with_a_user_of_our_own_refused() {
        let user = Uid::from_raw;
        let (root, own, other, stranger) = (user(0), user(7), user(8), user(9));
        let alone = Owners::default();
        let becomes_other = Owners {
            runs_as: Some(other),
        };
        for owner in [root, own] {
            assert_eq!(alone.judge(owner, own).unwrap(), None);
            assert_eq!(becomes_other.judge(owner, own).unwrap(), None);
        }
        assert_eq!(becomes_other.judge(other, own).unwrap(), None);
        let remark = alone.judge(stranger, own).unwrap();
        assert_eq!(remark, Some(Stranger(stranger)));
        let refused = becomes_other.judge(stranger, own).unwrap_err().to_string();
        assert!(refused.starts_with("its owner is user 9, "), "{refused}");
    }

    #[test]
    fn a_text_of_any_length_is_read_whole_into_no_more_than_it_needs() {
        let text: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        for length in [0, 1, BUFFER - 1, BUFFER, BUFFER + 1, 4 * BUFFER, 100_000] {
            for most in [length, length + 1, 1_000_000] {
                let taken = take(&text[..length], most).unwrap();
                assert!(*taken == text[..length], "{length} of {most}");
                assert!(taken.capacity() <= (4 * length).max(BUFFER), "{length}");
            }
            let too_long = length
                .checked_sub(1)
                .map(|most| take(&text[..length], most));
            match too_long {
                Some(Err(FileProblem::TooLong { most })) => assert_eq!(most, length - 1),
                Some(other) => panic!("{length}: {other:?}"),
                None => {}
            }
        }
    }

    #[test]
    fn a_file_of_passwords_is_a_regular_one_closed_to_group_and_others() {
        let folder =
            std::env::temp_dir().join(format!("poolmon-config-file-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("secrets");
        let secret = || match read_passwords(&path, Owners::default(), 10) {
            Ok(passwords) => Ok(passwords.text),
            Err(cause) => Err(cause.to_string()),
        };

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
            assert_eq!(read(&path, Readers::Anybody, most).is_ok(), fits);
        }

        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        assert_eq!(secret().unwrap_err(), "expected a regular file");
        fs::remove_dir_all(&folder).unwrap();
    }
}
