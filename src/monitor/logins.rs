//! Which backends are probed as the same user: the policy is told by numbers, and never sees an
//! account.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};

use crate::account::Account;
use crate::policy::Login;

/// Numbers accounts by their contents, with a key of this process.
#[derive(Default)]
pub(super) struct Logins {
    keys: RandomState,
}

impl Logins {
    /// The same for the same account with the same password, and for no other.
    pub(super) fn number(&self, account: &Account) -> Login {
        let mut hasher = self.keys.build_hasher();
        account.hash(&mut hasher);
        Login(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Secret;

    #[test]
    fn the_same_account_has_the_same_number_and_another_password_another() {
        let account = |user: &[u8], password: &[u8]| Account {
            user: user.to_vec(),
            password: Secret::new(password),
            master: None,
        };
        let logins = Logins::default();
        let number = |user, password| logins.number(&account(user, password));
        assert_eq!(number(b"a", b"x"), number(b"a", b"x"));
        assert_ne!(number(b"a", b"x"), number(b"a", b"y"));
        assert_ne!(number(b"a", b"x"), number(b"b", b"x"));
    }
}
