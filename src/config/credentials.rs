//! The file of user name and password: whether it is safe to use, and what it says.
//!
//! Its contents never get into an error, and every buffer that held them is wiped.

use std::error::Error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use log::error;
use nix::libc::O_NONBLOCK;
use zeroize::Zeroizing;

use crate::account::{Account, Secret};
use crate::config::settings::Probing;

/// No user name and password are longer than this in all; a file that is, is another file.
const LONGEST: usize = 4096;

/// Bits of group and others: none of them may be set (poolmon's rule).
const OPEN_TO_OTHERS: u32 = 0o077;

/// The account to log in with, if there is a credentials file. poolmon: an empty one is an error
/// line, and probes without login.
pub fn account(probing: &Probing) -> Result<Option<Account>, CredentialsError> {
    let path = match &probing.credentials_file {
        Some(path) => path,
        None => return Ok(None),
    };
    let account = read_account(path)?;
    if account.is_none() {
        error!("{}: empty, probes do not log in", path.display());
    }
    Ok(account)
}

/// Reads the account from the first two lines. `None`: nothing is written there, which poolmon
/// takes for an error to log and probes without login.
pub fn read_account(path: &Path) -> Result<Option<Account>, CredentialsError> {
    let fail = |problem| CredentialsError {
        path: path.to_owned(),
        problem,
    };
    let file = open(path).map_err(fail)?;
    read(file).map_err(fail)
}

fn open(path: &Path) -> Result<File, Problem> {
    // Without O_NONBLOCK a FIFO in the file's place would hold the monitor up for ever.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)
        .map_err(Problem::System)?;
    // Of the opened file, not of the path: it may be replaced in between.
    let metadata = file.metadata().map_err(Problem::System)?;
    if !metadata.is_file() {
        return Err(Problem::NoFile);
    }
    let mode = metadata.mode() & 0o7777;
    if mode & OPEN_TO_OTHERS != 0 {
        return Err(Problem::OpenToOthers { mode });
    }
    Ok(file)
}

fn read(mut reader: impl Read) -> Result<Option<Account>, Problem> {
    // Of its full length from the start: a buffer that grows leaves copies behind.
    let mut buffer = Zeroizing::new(vec![0; LONGEST + 1]);
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::System(error)),
        }
    }
    if length > LONGEST {
        return Err(Problem::TooLong);
    }
    parse(&buffer[..length])
}

fn parse(text: &[u8]) -> Result<Option<Account>, Problem> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let mut lines = text
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut line = |number, expected| match lines.next() {
        None | Some([]) => Err(Problem::Missing { number, expected }),
        // Neither can be sent in any dialogue; there, a CR would end the line.
        Some(line) if line.contains(&0) || line.contains(&b'\r') => {
            Err(Problem::BadByte { number, expected })
        }
        Some(line) => Ok(line),
    };
    let user = line(1, "user name")?;
    let password = line(2, "password")?;
    Ok(Some(Account {
        user: user.to_vec(),
        password: Secret::new(password),
        master: None,
    }))
}

/// Why a file of credentials cannot be used.
#[derive(Debug)]
pub struct CredentialsError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    System(io::Error),
    NoFile,
    OpenToOthers {
        mode: u32,
    },
    TooLong,
    Missing {
        number: usize,
        expected: &'static str,
    },
    BadByte {
        number: usize,
        expected: &'static str,
    },
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        match &self.problem {
            Problem::System(error) => write!(f, " credentials file: {error}"),
            Problem::NoFile => f.write_str(" expected a regular file"),
            Problem::OpenToOthers { mode } => write!(
                f,
                " mode {mode:04o} lets group or others in, expected 0600 or less"
            ),
            Problem::TooLong => write!(f, " expected at most {LONGEST} bytes"),
            Problem::Missing { number, expected } => write!(f, "{number}: expected the {expected}"),
            Problem::BadByte { number, expected } => write!(
                f,
                "{number}: expected the {expected} without NUL and carriage return"
            ),
        }
    }
}

impl Error for CredentialsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::System(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use nix::sys::stat::Mode;

    use super::*;

    /// Gives one byte a read.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(1).min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    fn check(text: &[u8], expected: Option<(&[u8], &[u8])>) {
        let expected = expected.map(|(user, password)| Account {
            user: user.to_vec(),
            password: Secret::new(password),
            master: None,
        });
        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(read(Slow(text)).unwrap(), expected);
    }

    #[test]
    fn the_first_line_is_the_user_and_the_second_the_password() {
        let both: Option<(&[u8], &[u8])> = Some((b"probe", b"hunter2"));
        check(b"probe\nhunter2\n", both);
        check(b"probe\nhunter2", both);
        check(b"probe\r\nhunter2\r\n", both);
        check(b"probe\nhunter2\nmore\n\n", both);
        check(b"\xfc ser\n \xff\" \n", Some((b"\xfc ser", b" \xff\" ")));
    }

    #[test]
    fn a_file_without_any_word_is_no_account_and_no_error() {
        for text in ["", "\n", "\r\n\r\n", " \n\t\n"] {
            check(text.as_bytes(), None);
        }
    }

    #[test]
    fn what_is_missing_or_unfit_is_named_by_line_and_never_shown() {
        let long = [b"hunter2\n".as_slice(), &[b'x'; LONGEST]].concat();
        let cases: [(&[u8], &str); 7] = [
            (b"hunter2", "/c:2: expected the password"),
            (b"hunter2\n\n", "/c:2: expected the password"),
            (b"\nhunter2\n", "/c:1: expected the user name"),
            (
                b"a\rhunter2\nx\n",
                "/c:1: expected the user name without NUL and carriage return",
            ),
            (
                b"a\nhunter2\0\n",
                "/c:2: expected the password without NUL and carriage return",
            ),
            (
                b"a\nhunter2\r\r\n",
                "/c:2: expected the password without NUL and carriage return",
            ),
            (&long, "/c: expected at most 4096 bytes"),
        ];
        for (text, expected) in cases {
            let error = CredentialsError {
                path: "/c".into(),
                problem: read(text).unwrap_err(),
            };
            assert_eq!(error.to_string(), expected);
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn only_a_regular_file_closed_to_group_and_others_is_opened() {
        let folder =
            std::env::temp_dir().join(format!("poolmon-credentials-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("credentials");
        let message = || read_account(&path).unwrap_err().to_string();

        assert!(message().contains("No such file"));

        fs::write(&path, "probe\nhunter2\n").unwrap();
        for mode in [0o644, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let message = message();
            assert!(message.contains(&format!("mode {mode:04o}")), "{message}");
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let account = read_account(&path).unwrap().unwrap();
            assert_eq!(account.user, b"probe");
        }

        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        assert!(message().ends_with("expected a regular file"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
