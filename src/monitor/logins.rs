//! Which backends are probed as the same user. The rules get a number for each account, and never an
//! account itself.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use super::Engine;
use crate::account::Account;
use crate::monitor::policy::Login;
use crate::target::Target;

/// The same for the same account with the same password, and for no other. It is shown to nobody.
fn number(account: &Account) -> Login {
    let mut hasher = DefaultHasher::new();
    account.hash(&mut hasher);
    Login(hasher.finish())
}

impl Engine {
    /// From now on this backend is probed with the target's account.
    pub(super) fn on_login(&mut self, target: &Target) {
        let account = target.account.as_deref();
        let login = account.map(number);
        self.backends.on_login(target.address, login);
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
        let number = |user, password| number(&account(user, password));
        assert_eq!(number(b"a", b"x"), number(b"a", b"x"));
        assert_ne!(number(b"a", b"x"), number(b"a", b"y"));
        assert_ne!(number(b"a", b"x"), number(b"b", b"x"));
    }
}
