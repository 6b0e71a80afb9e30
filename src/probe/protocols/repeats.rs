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
    response: Option<sasl::Response>,
}

impl Repeats {
    /// The password of this account, and its response to SASL PLAIN.
    pub fn of(account: &Account) -> Repeats {
        Repeats {
            password: Zeroizing::new(account.password.reveal().to_vec()),
            response: sasl::plain(account).ok(),
        }
    }

    /// Whether this text of the server's holds the password or enough to work it out, so that it must not
    /// be shown.
    pub fn are_in(&self, text: &[u8]) -> bool {
        let mut lines = self.password.split(|byte| matches!(byte, b'\r' | b'\n'));
        lines.any(|line| contains_ignoring_case(text, line)) || self.is_response_in(text)
    }

    fn is_response_in(&self, text: &[u8]) -> bool {
        let response = match &self.response {
            Some(response) => response.reveal(),
            None => return false,
        };
        // Eight in a row hold one of these fours whole, so that most texts are looked through quickly.
        let four =
            |bytes: &[u8]| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) | CASE;
        let fours = || response.chunks_exact(4).map(four);
        let may_be = text.windows(4).any(|part| {
            let part = four(part);
            fours().any(|four| four == part)
        });
        may_be
            && response
                .windows(RESPONSE_PART)
                .any(|part| contains_ignoring_case(text, part))
    }
}

/// The bit in which letters of both cases differ, in four bytes. Other bytes may look alike without it; what
/// is found so is looked at closely.
const CASE: u32 = 0x2020_2020;

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
