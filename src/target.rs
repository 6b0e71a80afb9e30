//! A backend as it is probed: its address, its services, the account, the certificate's name.

use std::net::IpAddr;
use std::sync::Arc;

use crate::account::Account;
use crate::service::Service;

/// One backend, with all that a probe of it has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As the pool lists it.
    pub address: IpAddr,
    /// In the order of checking; every backend has as many, for the same protocols.
    pub services: Arc<[Service]>,
    /// Whom to log in as; nobody without it.
    pub account: Option<Arc<Account>>,
    /// Whom it was logged in to as before the settings were read anew: it knows these passwords, too.
    pub former_accounts: Vec<Arc<Account>>,
    /// The name its certificate has to bear, where it is another than `Certificates::name`.
    pub tls_name: Option<Arc<str>>,
}

impl Target {
    /// Whose passwords the backend may know.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.account
            .iter()
            .chain(&self.former_accounts)
            .map(|account| &**account)
    }

    /// Whether what was found out of the one holds for the other, but for logins.
    pub fn is_checked_like(&self, other: &Target) -> bool {
        (&self.services, &self.tls_name) == (&other.services, &other.tls_name)
    }
}
