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
pub struct Repeats {
    /// Lines of the password that are too short for a part.
    short: Vec<Zeroizing<Vec<u8>>>,
    /// Each part of the password's other lines.
    of_password: Zeroizing<Vec<u64>>,
    /// Each part of the response.
    of_response: Zeroizing<Vec<u64>>,
}

impl Repeats {
    /// The password of this account, and its response to SASL PLAIN.
    pub fn of(account: &Account) -> Repeats {
        let lines = account
            .password
            .reveal()
            .split(|byte| matches!(byte, b'\r' | b'\n'));
        let (short, long): (Vec<&[u8]>, Vec<&[u8]>) =
            lines.partition(|line| line.len() < PASSWORD_PART);
        let of_password = long
            .iter()
            .flat_map(|line| line.windows(PASSWORD_PART).map(part));
        let of_response = match sasl::plain(account) {
            Ok(response) => response.reveal().windows(RESPONSE_PART).map(part).collect(),
            Err(_) => Vec::new(),
        };
        Repeats {
            short: short
                .iter()
                .map(|line| Zeroizing::new(line.to_vec()))
                .collect(),
            of_password: Zeroizing::new(of_password.collect()),
            of_response: Zeroizing::new(of_response),
        }
    }

    /// Whether this text of the server's holds the password or a part of it, so that it must not be shown.
    pub fn are_in(&self, text: &[u8]) -> bool {
        let plain = without_escapes(text);
        let holds = |text: &[u8], length, parts: &[u64]| {
            text.windows(length).any(|text| parts.contains(&part(text)))
        };
        let is_repeated = |text: &[u8]| {
            self.short
                .iter()
                .any(|line| contains_ignoring_case(text, line))
                || holds(text, PASSWORD_PART, &self.of_password)
                || holds(text, RESPONSE_PART, &self.of_response)
        };
        is_repeated(text) || (plain != text && is_repeated(&plain))
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
        let repeats = Repeats::of(&account("abc\nlonger"));
        for (text, expected) in [
            ("xABCx", true),
            ("ab", false),
            ("onge", true),
            ("lon", false),
        ] {
            assert_eq!(repeats.are_in(text.as_bytes()), expected, "{text}");
        }
        assert!(!Repeats::of(&account("")).are_in(b"anything"));
    }

    #[test]
    fn a_part_of_the_password_or_of_a_response_is_found_in_any_case() {
        let repeats = Repeats::of(&account("correct horse\nbattery"));
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
