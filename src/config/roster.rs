//! Which backend is probed where and as whom.
//!
//! It answers for every address the director may list; it reads no file and asks nobody.

use std::net::IpAddr;
use std::sync::Arc;

use crate::account::Account;
use crate::config::settings::Settings;
use crate::service::Service;
use crate::target::Target;

#[derive(Clone, Debug)]
pub struct Roster {
    services: Arc<[Service]>,
    account: Option<Arc<Account>>,
}

impl Roster {
    /// Every backend alike: poolmon's way.
    pub fn uniform(settings: &Settings, account: Option<Account>) -> Roster {
        Roster {
            services: settings.services.clone().into(),
            account: account.map(Arc::new),
        }
    }

    pub fn target(&self, address: IpAddr) -> Target {
        Target {
            address,
            services: Arc::clone(&self.services),
            account: self.account.clone(),
            tls_name: None,
        }
    }
}
