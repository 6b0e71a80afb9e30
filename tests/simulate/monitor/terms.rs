//! What a monitor in virtual time is started with: settings, services and accounts.

use std::path::PathBuf;
use std::sync::Arc;

use poolmon::account::{Account, Secret};
use poolmon::config::accounts::{Backends, Particulars};
use poolmon::config::chosen::Chosen;
use poolmon::config::settings::{Hook, Published};
use poolmon::config::table::DefaultsOf;
use poolmon::config::targets::Targets;
use poolmon::monitor::policy::Login;
use poolmon::monitor::Terms;
use poolmon::program::Program;
use poolmon::service::{Port, Protocol, Security, Service};

use super::Habits;
use crate::world::address;

pub(super) fn services_from(first: u16, count: usize) -> Vec<Service> {
    let port = |number| {
        Service::Port(Port {
            protocol: Protocol::Imap,
            security: Security::Plain,
            number,
        })
    };
    (first..).take(count).map(port).collect()
}

pub(super) fn terms(habits: &Habits, services: usize, logins: &[Option<Login>]) -> Terms {
    let mut settings = Chosen::default()
        .build(DefaultsOf::Poolmon, Program::Poolmon)
        .expect("poolmon's defaults");
    settings.services = services_from(1, services);
    settings.pace = habits.pace;
    settings.rules = habits.rules;
    settings.mode = habits.mode;
    let script = PathBuf::from("/script");
    settings.hook = Some(Hook { script });
    // Copying all that is known each few seconds would take longer than the rest.
    settings.files.published = Published::default();
    Terms {
        targets: Targets::new(&settings, None, accounts(logins, 0)),
        settings,
        remarks: Vec::new(),
        unverified: None,
        summary: String::new(),
    }
}

pub(super) fn accounts(logins: &[Option<Login>], password: u32) -> Backends {
    let account = |(backend, login): (usize, &Option<Login>)| {
        let mut particulars = Particulars::default();
        particulars.account = login.map(|Login(number)| {
            Arc::new(Account {
                user: number.to_string().into_bytes(),
                password: Secret::new(password.to_string()),
                master: None,
            })
        });
        (address(backend), particulars)
    };
    logins.iter().enumerate().map(account).collect()
}
