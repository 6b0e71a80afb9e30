//! The accounts that backends were logged in to with before the settings were read anew.
//!
//! A backend has learnt their passwords and may repeat them. What is done about that is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::targets::Targets;
use crate::account::Account;

/// For one backend, or for all: of more changes than these the first is forgotten.
const MOST: usize = 16;

/// Of each backend.
#[derive(Clone, Debug, Default)]
pub(super) struct Former {
    /// Of those that the file of accounts does not name.
    of_all: Vec<Arc<Account>>,
    own: BTreeMap<IpAddr, Vec<Arc<Account>>>,
}

impl Former {
    /// With what these targets had and those have no longer.
    pub(super) fn after(before: &Targets, now: &Targets) -> Former {
        let mut former = before.former.clone();
        if let Some(account) = replaced(before.account.as_ref(), now.account.as_ref()) {
            keep(&mut former.of_all, account);
        }
        let named: BTreeSet<&IpAddr> = before.known.keys().chain(now.known.keys()).collect();
        for address in named {
            let (old, new) = (before.account_of(*address), now.account_of(*address));
            if let Some(account) = replaced(old, new) {
                keep(former.own.entry(*address).or_default(), account);
            }
        }
        former
    }

    /// Of this backend, but for the account that it has now.
    pub(super) fn of(&self, address: IpAddr, now: Option<&Arc<Account>>) -> Vec<Arc<Account>> {
        let own = self.own.get(&address).into_iter().flatten();
        let mut accounts = Vec::new();
        for account in self.of_all.iter().chain(own) {
            if Some(account) != now && !accounts.contains(account) {
                accounts.push(Arc::clone(account));
            }
        }
        accounts
    }
}

fn replaced(old: Option<&Arc<Account>>, new: Option<&Arc<Account>>) -> Option<Arc<Account>> {
    old.filter(|_| old != new).cloned()
}

/// One that comes back is no older than others.
fn keep(accounts: &mut Vec<Arc<Account>>, replaced: Arc<Account>) {
    accounts.retain(|account| *account != replaced);
    accounts.push(replaced);
    if accounts.len() > MOST {
        accounts.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Secret;
    use crate::config::accounts;
    use crate::config::chosen::Chosen;
    use crate::config::table::DefaultsOf;
    use crate::program::Program;

    fn address(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    /// The password of all, and those of single backends.
    fn targets(of_all: Option<&str>, own: &[(u8, &str)]) -> Targets {
        let settings = Chosen::default().build(DefaultsOf::Poolmon, Program::Poolmon);
        let of_all = of_all.map(|password| Account {
            user: b"probe".to_vec(),
            password: Secret::new(password),
            master: None,
        });
        let own: String = own
            .iter()
            .map(|(number, password)| {
                let address = address(*number);
                format!("{address}: {{username: probe, password: {password}}}\n")
            })
            .collect();
        let own = accounts::parse(own.as_bytes()).unwrap().backends;
        Targets::new(&settings.unwrap(), of_all, own)
    }

    fn reload(now: &mut Targets, next: Targets) {
        let before = std::mem::replace(now, next);
        now.take_over(&before);
    }

    /// The passwords that a backend may know, beginning with the one in use.
    fn known(targets: &Targets, number: u8) -> Vec<String> {
        let target = targets.target(address(number)).unwrap();
        let passwords = target
            .accounts()
            .map(|account| String::from_utf8(account.password.reveal().to_vec()).unwrap());
        passwords.collect()
    }

    #[test]
    fn a_backend_knows_each_password_that_it_was_ever_sent() {
        let first = Some("first");
        let mut now = targets(first, &[(1, "own"), (2, "other")]);
        assert_eq!(known(&now, 1), ["own"]);
        assert_eq!(known(&now, 3), ["first"]);

        // One that had an account of its own has that of all, and the other way round.
        reload(&mut now, targets(first, &[(2, "other"), (3, "late")]));
        assert_eq!(known(&now, 1), ["first", "own"]);
        assert_eq!(known(&now, 2), ["other"]);
        assert_eq!(known(&now, 3), ["late", "first"]);

        // Nothing is forgotten by a reload that changes nothing, nor where nobody logs in any more.
        let same = now.clone();
        reload(&mut now, same);
        reload(&mut now, targets(None, &[(5, "new")]));
        assert_eq!(known(&now, 1), ["first", "own"]);
        assert_eq!(known(&now, 2), ["first", "other"]);
        assert_eq!(known(&now, 3), ["first", "late"]);
        assert_eq!(known(&now, 4), ["first"]);

        reload(&mut now, targets(first, &[(5, "new")]));
        assert_eq!(known(&now, 4), ["first"]);
    }

    #[test]
    fn one_that_comes_back_is_known_once() {
        let mut now = targets(Some("a"), &[]);
        for password in ["b", "a", "b"] {
            reload(&mut now, targets(Some(password), &[]));
        }
        assert_eq!(known(&now, 1), ["b", "a"]);
    }

    #[test]
    fn of_too_many_the_one_that_was_replaced_first_is_forgotten() {
        let mut now = targets(Some("0"), &[]);
        let passwords = ["1", "0"].map(str::to_owned).into_iter();
        for password in passwords.chain((2..=MOST + 1).map(|number| number.to_string())) {
            reload(&mut now, targets(Some(&password), &[]));
        }
        let known = known(&now, 1);
        assert_eq!(known.len(), 1 + MOST);
        // 0 was in use again after 1.
        assert_eq!(known[1..3], ["0", "2"]);
        assert_eq!(known[0], (MOST + 1).to_string());
    }
}
