//! Whether a server's text repeats the password: then nobody is shown it.
//!
//! It looks for a few characters together of the password and of the SASL response that holds it, in any case, also with
//! the backslashes of a quoted string between them. What a server makes of the password otherwise is not recognised.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::{contains_ignoring_case, sasl};
use crate::account::Account;

/// So many characters of the password together are taken for it.
const PASSWORD_PART: usize = 4;

/// So many characters of a response together are taken for it: fewer cannot hold four of the password's.
const RESPONSE_PART: usize = 6;

/// What to look for. It is made once an attempt, and every line of the server's is looked through.
#[derive(Default)]
pub struct Repeats {
    /// Lines of a password that are too short for a part.
    short: Vec<Zeroizing<Vec<u8>>>,
    /// Of each other line of a password, and of each response.
    parts: Vec<Parts>,
}

/// All that are so many characters long of one text.
struct Parts {
    length: usize,
    /// Sorted: a server may send thousands of lines, and a password may be long.
    numbers: Zeroizing<Vec<u64>>,
}

impl Repeats {
    /// The passwords of these accounts, and their responses to SASL PLAIN.
    pub fn of<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Repeats {
        let mut repeats = Repeats::default();
        for account in accounts {
            let password = account.password.reveal();
            for line in password.split(|byte| matches!(byte, b'\r' | b'\n')) {
                if line.len() < PASSWORD_PART {
                    repeats.short.push(Zeroizing::new(line.to_vec()));
                } else {
                    repeats.parts.push(Parts::of(line, PASSWORD_PART));
                }
            }
            if let Ok(response) = sasl::plain(account) {
                repeats
                    .parts
                    .push(Parts::of(response.reveal(), RESPONSE_PART));
            }
        }
        repeats
    }

    /// Whether this text of the server's holds a password or a part of one, so that it must not be shown.
    pub fn are_in(&self, text: &[u8]) -> bool {
        let plain = without_escapes(text);
        self.are_in_plain(text) || (plain != text && self.are_in_plain(&plain))
    }

    fn are_in_plain(&self, text: &[u8]) -> bool {
        let mut short = self.short.iter();
        short.any(|line| contains_ignoring_case(text, line))
            || self.parts.iter().any(|parts| parts.are_in(text))
    }
}

impl Parts {
    /// In one allocation: a table that grew would leave copies that nobody wipes.
    fn of(text: &[u8], length: usize) -> Parts {
        let mut numbers = Zeroizing::new(text.windows(length).map(part).collect::<Vec<u64>>());
        numbers.sort_unstable();
        Parts { length, numbers }
    }

    fn are_in(&self, text: &[u8]) -> bool {
        let mut parts = text.windows(self.length).map(part);
        parts.any(|part| self.numbers.binary_search(&part).is_ok())
    }
}

/// As a quoted string is meant: `\x` is `x` (RFC 9051 section 9, RFC 5804 section 4).
fn without_escapes(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\\') {
        return Cow::Borrowed(text);
    }
    let mut meant = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        let byte = match byte {
            b'\\' => bytes.next().copied(),
            byte => Some(byte),
        };
        meant.extend(byte);
    }
    Cow::Owned(meant)
}

/// Up to eight characters, the same number in any case.
fn part(characters: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..characters.len()].copy_from_slice(characters);
    bytes.make_ascii_lowercase();
    u64::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Secret;

    fn account(password: &str) -> Account {
        Account {
            user: b"probe".to_vec(),
            password: Secret::new(password),
            master: None,
        }
    }

    #[test]
    fn a_short_password_and_a_short_line_of_one_are_found_whole() {
        let repeats = Repeats::of([&account("abc\nlonger")]);
        for (text, expected) in [
            ("xABCx", true),
            ("ab", false),
            ("onge", true),
            ("lon", false),
        ] {
            assert_eq!(repeats.are_in(text.as_bytes()), expected, "{text}");
        }
        assert!(!Repeats::of([&account("")]).are_in(b"anything"));
    }

    #[test]
    fn a_part_of_the_password_or_of_a_response_is_found_in_any_case() {
        let repeats = Repeats::of([&account("correct horse\nbattery")]);
        let response = sasl::plain(&account("correct horse\nbattery")).unwrap();
        let response = String::from_utf8(response.reveal().to_vec()).unwrap();
        for text in [
            "x CORRECT horse",
            "-Battery-",
            "correct horse\nbattery",
            "unknown command \"PASS corr...",
            "\\c\\o\\r\\r\\e",
            "a\\\"b\\attery",
        ] {
            assert!(repeats.are_in(text.as_bytes()), "{text}");
        }
        for text in ["", "cor rec t", "att ery", "* OK ready", "cor\\\\rec", "\\"] {
            assert!(!repeats.are_in(text.as_bytes()), "{text}");
        }
        for start in 0..=response.len() - 6 {
            let part = &response[start..start + 6];
            for text in [format!("a{part}"), part.to_ascii_lowercase()] {
                assert!(repeats.are_in(text.as_bytes()), "{text}");
            }
            assert!(!repeats.are_in(&part.as_bytes()[..5]), "{part}");
        }
    }
}
