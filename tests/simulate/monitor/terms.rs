//! What a monitor in virtual time is set to do, at its start and by reloads: settings, services and accounts.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use poolmon::account::{Account, Secret};
use poolmon::config::accounts::{Backends, Particulars};
use poolmon::config::chosen::Chosen;
use poolmon::config::settings::{Hook, Mode, Pace, Published, Rules, Settings};
use poolmon::config::table::DefaultsOf;
use poolmon::config::targets::Targets;
use poolmon::monitor::policy::Login;
use poolmon::monitor::{Input, Request, Terms};
use poolmon::program::Program;
use poolmon::service::{Port, Protocol, Security, Service};

use super::{Monitor, Order, Reload};
use crate::world::address;

/// What the operator has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    pub pace: Pace,
    pub rules: Rules,
    pub mode: Mode,
    pub checked: Checked,
}

/// Which of the services of the backends are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    All,
    /// Not the first one, where there are several.
    AllButFirst,
    /// Not the last one, where there are several.
    AllButLast,
}

impl Checked {
    /// Their places among all services.
    pub fn of(self, services: usize) -> Range<usize> {
        match self {
            Checked::AllButFirst if services > 1 => 1..services,
            Checked::AllButLast if services > 1 => 0..services - 1,
            Checked::All | Checked::AllButFirst | Checked::AllButLast => 0..services,
        }
    }
}

pub(super) const FIRST_PORT: u16 = 1;
/// The same services by other numbers.
const OTHER_PORTS: u16 = 100;

/// Those at these places.
fn services_from(first: u16, places: Range<usize>) -> Vec<Service> {
    let port = |place: usize| {
        Service::Port(Port {
            protocol: Protocol::Imap,
            security: Security::Plain,
            number: first + place as u16,
        })
    };
    places.map(port).collect()
}

/// Which of the backend's services it is, whoever names it.
pub(super) fn place_of(service: Service) -> usize {
    match service {
        Service::Port(port) => usize::from((port.number - FIRST_PORT) % OTHER_PORTS),
        Service::Delivery { .. } => unreachable!("days check ports"),
    }
}

pub(super) fn terms(habits: &Habits, services: usize, logins: &[Option<Login>]) -> Terms {
    let mut settings = Chosen::default()
        .build(DefaultsOf::Poolmon, Program::Poolmon)
        .expect("poolmon's defaults");
    settings.services = services_from(FIRST_PORT, habits.checked.of(services));
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

fn accounts(logins: &[Option<Login>], password: u32) -> Backends {
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

impl Monitor {
    pub fn on_reload(&mut self, reload: Reload, now: Instant) {
        let settings = &mut self.terms.settings;
        match reload {
            Reload::Pace(pace) => settings.pace = pace,
            Reload::Habits(habits) => {
                settings.pace = habits.pace;
                settings.rules = habits.rules;
                settings.mode = habits.mode;
                self.checked = habits.checked;
                self.name_services();
            }
            Reload::OtherServices => {
                self.first_port = match self.first_port {
                    FIRST_PORT => FIRST_PORT + OTHER_PORTS,
                    _ => FIRST_PORT,
                };
                self.name_services();
            }
            Reload::OtherSocket => {
                let other = settings.socket.as_os_str() == "/one";
                settings.socket = PathBuf::from(if other { "/two" } else { "/one" });
            }
            Reload::Rules(rules) => settings.rules = rules,
            Reload::OtherPassword => {
                self.password += 1;
                let accounts = accounts(&self.logins, self.password);
                self.terms.targets = Targets::new(settings, None, accounts);
            }
            Reload::Published => {
                settings.files.published = Published {
                    status: Some(PathBuf::from("/status")),
                    page: Some(PathBuf::from("/page")),
                    metrics: None,
                };
            }
            Reload::Broken => self.is_broken = true,
        }
        self.tell(Input::Asked(Request::Reload), now);
    }

    fn name_services(&mut self) {
        let settings = &mut self.terms.settings;
        settings.services = services_from(self.first_port, self.checked.of(self.services));
        let accounts = accounts(&self.logins, self.password);
        self.terms.targets = Targets::new(settings, None, accounts);
    }

    /// What is read is in force at once.
    pub(super) fn on_settings_in_force(&mut self, settings: &Settings) {
        self.pace = settings.pace;
        self.orders.push(Order::Use(Habits {
            pace: settings.pace,
            rules: settings.rules,
            mode: settings.mode,
            checked: self.checked,
        }));
    }
}
