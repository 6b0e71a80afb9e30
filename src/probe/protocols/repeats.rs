//! Whether a server's text repeats the password: then nobody is shown it.
//!
//! It looks for the password, for one line of it, and for enough of a SASL response to read the password
//! from; all in any case.

use zeroize::Zeroizing;

use super::{contains_ignoring_case, sasl};
use crate::account::Account;

/// So many characters of a response together are taken for it.
const RESPONSE_PART: usize = 8;

/// What to look for. It is made once an attempt, and every line of the server's is looked through.
pub struct Repeats {
    password: Zeroizing<Vec<u8>>,
    /// Each part of the response.
    parts: Zeroizing<Vec<u64>>,
}

impl Repeats {
    /// The password of this account, and its response to SASL PLAIN.
    pub fn of(account: &Account) -> Repeats {
        let parts = match sasl::plain(account) {
            Ok(response) => response.reveal().windows(RESPONSE_PART).map(part).collect(),
            Err(_) => Vec::new(),
        };
        Repeats {
            password: Zeroizing::new(account.password.reveal().to_vec()),
            parts: Zeroizing::new(parts),
        }
    }

    /// Whether this text of the server's holds the password or enough to work it out, so that it must not
    /// be shown.
    pub fn are_in(&self, text: &[u8]) -> bool {
        let mut lines = self.password.split(|byte| matches!(byte, b'\r' | b'\n'));
        lines.any(|line| contains_ignoring_case(text, line))
            || text
                .windows(RESPONSE_PART)
                .any(|text| self.parts.contains(&part(text)))
    }
}

/// Eight characters, the same number in any case.
fn part(characters: &[u8]) -> u64 {
    let mut bytes = [0; RESPONSE_PART];
    bytes.copy_from_slice(characters);
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
    fn the_password_a_line_of_it_and_a_part_of_a_response_are_found_in_any_case() {
        let repeats = Repeats::of(&account("correct horse\nbattery"));
        let response = sasl::plain(&account("correct horse\nbattery")).unwrap();
        let response = String::from_utf8(response.reveal().to_vec()).unwrap();
        for text in ["x CORRECT horse", "-Battery-", "correct horse\nbattery"] {
            assert!(repeats.are_in(text.as_bytes()), "{text}");
        }
        for text in ["", "correct hors", "attery", "* OK ready"] {
            assert!(!repeats.are_in(text.as_bytes()), "{text}");
        }
        for start in 0..=response.len() - 8 {
            let part = &response[start..start + 8];
            for text in [format!("a{part}"), part.to_ascii_lowercase()] {
                assert!(repeats.are_in(text.as_bytes()), "{text}");
            }
            assert!(!repeats.are_in(&part.as_bytes()[..7]), "{part}");
        }
    }
}
