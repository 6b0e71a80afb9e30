//! The account a probe logs in with, and the one type a password may be in.

use std::fmt;
use std::hash::{Hash, Hasher};

use zeroize::Zeroizing;

/// A password: cannot be printed, is wiped when dropped. Cloning makes a second wiped copy.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the password over. The caller wipes what it copied it from.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Secret {
        Secret(Zeroizing::new(bytes.into()))
    }

    /// The bytes, for the dialogue that sends them and for nothing else.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// User name and password, as bytes: Dovecot takes names that are not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// Whose mail it is.
    pub user: Vec<u8>,
    /// The user's, or the master user's where there is one.
    pub password: Secret,
    /// The master user who logs in in the user's place. Only SASL can carry both names.
    pub master: Option<Vec<u8>>,
}

/// The addresses an LMTP probe names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL FROM; empty is the null sender `<>`.
    pub from: String,
    /// RCPT TO; without it the probe ends after LHLO, unless it delivers a message: then the account's
    /// user is the recipient.
    pub to: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let account = Account {
            user: b"probe".to_vec(),
            password: Secret::new(*b"hunter2"),
            master: None,
        };
        assert!(!format!("{account:?}").contains("hunter2"));
    }
}
