//! The file of user name and password: whether it is safe to use, and what it says.
//!
//! Its contents never get into an error, and every buffer that held them is wiped.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::file::{self, FileProblem, Owners, Stranger};
use crate::account::{Account, Secret};
use crate::config::settings::Accounts;

/// No user name and password are longer than this in all; a file that is, is another file.
const LONGEST: usize = 4096;

/// What some editors write in front of UTF-8; no part of the text, as in YAML.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The account to log in with, if there is a file of it and something in it.
pub fn account(accounts: &Accounts, owners: Owners) -> Result<Written, CredentialsError> {
    match &accounts.credentials {
        Some(path) => read_account(path, owners),
        None => Ok(Written {
            account: None,
            stranger: None,
        }),
    }
}

/// What the file says, and whose it is.
pub struct Written {
    /// None without such a file, and where the file has no account.
    pub account: Option<Account>,
    /// None if the file is root's or our own: nothing has to be remarked.
    pub stranger: Option<Stranger>,
}

/// Reads the account from the first two lines. No account: nothing is written there, which poolmon
/// takes for an error to log and probes without login.
fn read_account(path: &Path, owners: Owners) -> Result<Written, CredentialsError> {
    let fail = |problem| CredentialsError {
        path: path.to_owned(),
        problem,
    };
    let passwords = file::read_passwords(path, owners, LONGEST)
        .map_err(|problem| fail(Problem::File(problem)))?;
    Ok(Written {
        account: parse(&passwords.text).map_err(fail)?,
        stranger: passwords.stranger,
    })
}

fn parse(text: &[u8]) -> Result<Option<Account>, Problem> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
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
    File(FileProblem),
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
            Problem::File(FileProblem::System(error)) => {
                write!(f, " the credentials file cannot be read: {error}")
            }
            Problem::File(problem) => write!(f, " {problem}"),
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
            Problem::File(FileProblem::System(error)) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;

    /// Gives one byte a read.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(1).min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    fn read(reader: impl Read) -> Result<Option<Account>, Problem> {
        parse(&file::take(reader, LONGEST).map_err(Problem::File)?)
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

    /// As an editor on Windows writes it; as in a file of YAML it is no part of what is written.
    #[test]
    fn a_byte_order_mark_is_no_part_of_the_user_name() {
        check(
            b"\xef\xbb\xbfprobe\r\nhunter2\r\n",
            Some((b"probe", b"hunter2")),
        );
        // Anywhere else it is a character like others.
        check(
            b"probe\n\xef\xbb\xbfhunter2\n",
            Some((b"probe", b"\xef\xbb\xbfhunter2")),
        );
    }

    #[test]
    fn a_file_without_any_word_is_no_account_and_no_error() {
        for text in ["", "\n", "\r\n\r\n", " \n\t\n", "\u{feff}", "\u{feff}\r\n"] {
            check(text.as_bytes(), None);
        }
    }

    #[test]
    fn what_is_missing_or_unfit_is_named_by_line_and_never_shown() {
        let long = [b"hunter2\n".as_slice(), &[b'x'; LONGEST]].concat();
        let cases: [(&[u8], &str); 8] = [
            (b"\xef\xbb\xbf\nhunter2\n", "/c:1: expected the user name"),
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
    fn a_bent_file_is_an_account_or_an_error_that_does_not_show_it() {
        for text in crate::bent::bent_file(b"probe\r\nhunter2\n") {
            match parse(&text) {
                Ok(Some(account)) => {
                    let ends = |field: &[u8]| field.iter().any(|byte| b"\0\r\n".contains(byte));
                    assert!(
                        !ends(&account.user) && !ends(account.password.reveal()),
                        "{text:?}"
                    );
                    assert!(!account.user.is_empty() && !account.password.reveal().is_empty());
                }
                Ok(None) => assert!(text.iter().all(u8::is_ascii_whitespace)),
                Err(problem) => {
                    let error = CredentialsError {
                        path: "/c".into(),
                        problem,
                    };
                    assert!(!error.to_string().contains("unter"), "{error}");
                }
            }
        }
    }
}
