//! Which services of which backend are probed, and with which account, if at all.
//!
//! It answers for every address that the director may list. It reads no file and makes no connection.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::accounts::{Backends, NumberedParticulars, Particulars};
use super::former::Former;
use super::settings::{Settings, Unknown};
use crate::account::Account;
use crate::service::Service;
use crate::target::Target;

/// Which services of which backend are probed, and with which account. Backends that the accounts file
/// names have their own account, ports and certificate name; `unknown` says whether the others are
/// probed.
#[derive(Clone, Debug)]
pub struct Targets {
    services: Arc<[Service]>,
    /// For those that are not known.
    pub(super) account: Option<Arc<Account>>,
    pub(super) known: Backends,
    unknown: Unknown,
    pub(super) former: Former,
}

/// The targets without accounts: each has a number in its place, and two with the same number are the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NumberedTargets {
    services: Vec<Service>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<usize>,
    known: BTreeMap<IpAddr, NumberedParticulars>,
    unknown: Unknown,
}

impl Targets {
    /// With the numbers that `number` gives to the accounts.
    pub fn numbered(&self, number: &mut dyn FnMut(&Arc<Account>) -> usize) -> NumberedTargets {
        let known = self.known.iter();
        NumberedTargets {
            services: self.services.to_vec(),
            account: self.account.as_ref().map(&mut *number),
            known: known
                .map(|(address, backend)| (*address, backend.numbered(number)))
                .collect(),
            unknown: self.unknown,
        }
    }

    /// With the account that `account` has for each number.
    pub fn from_numbered(
        numbered: &NumberedTargets,
        account: &mut dyn FnMut(usize) -> Arc<Account>,
    ) -> Targets {
        let known = numbered.known.iter();
        Targets {
            services: numbered.services.clone().into(),
            account: numbered.account.map(&mut *account),
            known: known
                .map(|(address, backend)| (*address, Particulars::from_numbered(backend, account)))
                .collect(),
            unknown: numbered.unknown,
            former: Former::default(),
        }
    }

    /// `account` is for every backend that has none of its own.
    pub fn new(settings: &Settings, account: Option<Account>, known: Backends) -> Targets {
        Targets {
            services: settings.services.clone().into(),
            account: account.map(Arc::new),
            known,
            unknown: settings.accounts.unknown,
            former: Former::default(),
        }
    }

    /// None: this backend is neither probed nor judged.
    pub fn target(&self, address: IpAddr) -> Option<Target> {
        let (services, tls_name) = match (self.known.get(&address), self.unknown) {
            (Some(backend), _) => (self.services_of(backend), backend.tls_name.clone()),
            (None, Unknown::Probed) => (Arc::clone(&self.services), None),
            (None, Unknown::LeftAlone) => return None,
        };
        let account = self.account_of(address);
        Some(Target {
            address,
            services,
            account: account.cloned(),
            former_accounts: self.former.of(address, account),
            tls_name,
        })
    }

    /// Remembers which accounts were in use before these targets.
    pub fn take_over(&mut self, before: &Targets) {
        self.former = Former::after(before, self);
    }

    pub(super) fn account_of(&self, address: IpAddr) -> Option<&Arc<Account>> {
        let own = self.known.get(&address);
        let own = own.and_then(|backend| backend.account.as_ref());
        own.or(self.account.as_ref())
    }

    /// One of the accounts that backends are logged in to with, if there is any.
    pub fn any_account(&self) -> Option<&Account> {
        let mut known = self.known.values();
        let own = || known.find_map(|backend| backend.account.as_deref());
        self.account.as_deref().or_else(own)
    }

    /// Whether there is one for every backend that has none of its own.
    pub fn has_account_of_all(&self) -> bool {
        self.account.is_some()
    }

    /// Whether any backend has an account of its own.
    pub fn has_own_account(&self) -> bool {
        self.known.values().any(|backend| backend.account.is_some())
    }

    /// How many backends have something of their own.
    pub fn known(&self) -> usize {
        self.known.len()
    }

    fn services_of(&self, backend: &Particulars) -> Arc<[Service]> {
        let own = self.services.iter().map(|service| match *service {
            Service::Port(port) => Service::Port(backend.port(port)),
            Service::Delivery { deliver, read } => Service::Delivery {
                deliver: backend.port(deliver),
                read: backend.port(read),
            },
        });
        let own: Vec<Service> = own.collect();
        if own == *self.services {
            Arc::clone(&self.services)
        } else {
            own.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::accounts;
    use crate::config::chosen::Chosen;
    use crate::config::table::DefaultsOf;
    use crate::program::Program;
    use crate::service::Protocol;

    const TEXT: &[u8] =
        b"192.0.2.1: {username: u, password: p, imap_port: 1143, tls_name: x.test}\n\
                          192.0.2.2: {lmtp_port: 1024}\n";

    fn target(unknown: Unknown, address: &str) -> Option<(String, Option<Vec<u8>>)> {
        let mut choices = Chosen {
            deep_probe: Some(Protocol::Imap).into(),
            poll_unknown_backends: (unknown == Unknown::Probed).into(),
            ..Chosen::default()
        };
        choices.of_mut(Protocol::Lmtp).poll = true.into();
        let settings = choices.build(DefaultsOf::Dovemon, Program::Dovemon);
        let settings = settings.unwrap();
        let account = Account {
            user: b"everybody".to_vec(),
            password: crate::account::Secret::new("p"),
            master: None,
        };
        let known = accounts::parse(TEXT).unwrap().backends;
        let targets = Targets::new(&settings, Some(account), known);
        let target = targets.target(address.parse().unwrap())?;
        let services: Vec<String> = target.services.iter().map(Service::to_string).collect();
        let user = target.account.as_ref().map(|account| account.user.clone());
        Some((services.join(" "), user))
    }

    #[test]
    fn a_backend_has_its_own_account_and_ports_or_those_of_all() {
        let everybody = || Some(b"everybody".to_vec());
        assert_eq!(
            target(Unknown::Probed, "192.0.2.1").unwrap(),
            (
                "imap:1143 lmtp:24 delivery lmtp:24 to imap:1143".into(),
                Some(b"u".to_vec())
            )
        );
        assert_eq!(
            target(Unknown::LeftAlone, "192.0.2.2").unwrap(),
            (
                "imap:143 lmtp:1024 delivery lmtp:1024 to imap:143".into(),
                everybody()
            )
        );
        assert_eq!(
            target(Unknown::Probed, "192.0.2.3").unwrap(),
            (
                "imap:143 lmtp:24 delivery lmtp:24 to imap:143".into(),
                everybody()
            )
        );
    }

    #[test]
    fn an_unknown_backend_is_left_alone_if_told_so() {
        assert_eq!(target(Unknown::LeftAlone, "192.0.2.3"), None);
    }
}
