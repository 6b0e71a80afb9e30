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
    use std::panic;

    use super::*;
    use crate::config::accounts;
    use crate::config::chosen::Chosen;
    use crate::config::table::DefaultsOf;
    use crate::config::targets::Targets;
    use crate::program::Program;
    use crate::target::Target;

    /// Numbers of its bytes, as a list of bytes is printed.
    const IN_NUMBERS: &str = "104, 117, 110, 116, 101, 114";

    fn account() -> Account {
        Account {
            user: b"probe".to_vec(),
            password: Secret::new(*b"hunter2"),
            master: Some(b"master".to_vec()),
        }
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", account().password), "(secret)");
        assert!(!format!("{:?}", account()).contains("hunter2"));
    }

    /// What a panic prints is made by Debug: of whatever holds an account, however deep.
    #[test]
    fn nothing_that_holds_a_password_prints_it() {
        let accounts = b"192.0.2.1: {username: probe, password: hunter2, tls_name: mail.example}\n";
        let known = accounts::parse(accounts).unwrap();
        let settings = Chosen::default()
            .build(DefaultsOf::Poolmon, Program::Poolmon)
            .unwrap();
        let targets = Targets::new(&settings, Some(account()), known.backends.clone());
        let targets = ["192.0.2.1", "192.0.2.2"].map(|text| {
            let target: Target = targets.target(text.parse().unwrap()).unwrap();
            assert!(target.account.is_some());
            target
        });
        for shown in [
            format!("{:?}", account().password),
            format!("{:?}", account()),
            format!("{known:?}"),
            format!("{settings:?}"),
            format!("{targets:?}"),
            format!("{targets:?}"),
            format!("{targets:#?}"),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(!shown.replace('\n', " ").contains(IN_NUMBERS), "{shown}");
        }
        let panicked = panic::catch_unwind(|| panic!("a defect at {:?}", targets[0]));
        let message = panicked.unwrap_err();
        let message = message.downcast_ref::<String>().unwrap();
        assert!(message.contains("(secret)"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}
