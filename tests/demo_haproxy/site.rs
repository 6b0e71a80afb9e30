//! The site on show: HAProxy and three mail servers behind it, real Dovecot where the lab can run it.
//!
//! It breaks and repairs servers. Users are `sessions`' business and `logins`'.

use std::net::SocketAddr;

use crate::lab::fake_backend::{self, FakeBackend, Mood};
use crate::lab::fake_pool;
use crate::lab::haproxy::{HaProxy, Section, GREETING_CHECK};
use crate::lab::monitor::MonitorPlan;
use crate::lab::place::Place;
use crate::lab::ring::{self, Backend};
use crate::offer::Offer;

pub const SERVERS: u8 = 3;
/// How HAProxy checks each server by itself.
pub const CHECK: &str = "check inter 1s fall 2 rise 1";
/// HAProxy's address ends so.
const FRONT: u8 = 100;

/// How a server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    BrokenLogin,
    Death,
    Freeze,
}

impl Trouble {
    /// The server that fails so: another one each time, as one that goes down again and again is held down.
    pub fn server(self) -> usize {
        match self {
            Trouble::BrokenLogin => 0,
            Trouble::Death => 1,
            Trouble::Freeze => 2,
        }
    }
}

pub struct Site {
    pub haproxy: HaProxy,
    servers: Servers,
    ca_file: Option<String>,
    // Last, because the folder goes after what lives in it.
    place: Place,
}

enum Servers {
    Real(Vec<Backend>),
    Embedded(Vec<FakeBackend>),
}

/// What is on show, in words.
pub fn describe(offer: &Offer) -> String {
    match offer {
        Offer::Real { version } => format!(
            "A real HAProxy and three mail servers behind it: real Dovecot {version}, on loopback only."
        ),
        Offer::Embedded { reason } => format!(
            "A real HAProxy, and NOT real Dovecot: {reason}.\n\
             Three servers of the test lab stand in. They speak IMAP."
        ),
    }
}

impl Site {
    pub fn start(offer: &Offer) -> Site {
        let place = Place::new();
        let (servers, ca_file) = match offer {
            Offer::Real { .. } => {
                let (authority, backends) = Backend::without_ring(&place, SERVERS);
                let file = authority.file().display().to_string();
                (Servers::Real(backends), Some(file))
            }
            Offer::Embedded { .. } => {
                let numbers = 1..=SERVERS;
                let start = |last| FakeBackend::start(place.address(last), fake_pool::PASSWORD);
                (Servers::Embedded(numbers.map(start).collect()), None)
            }
        };
        let haproxy = HaProxy::start(&place, FRONT, &[section(&place)]);
        Site {
            haproxy,
            servers,
            ca_file,
            place,
        }
    }

    /// The line of this server in HAProxy's configuration.
    pub fn server_line(&self, index: usize) -> String {
        format!("server {}", server(&self.place, index as u8 + 1))
    }

    /// As HAProxy calls it.
    pub fn name(&self, index: usize) -> String {
        format!("imap/mail{}", index + 1)
    }

    pub fn address(&self, index: usize) -> String {
        self.place.address(index as u8 + 1).to_string()
    }

    /// Where users connect.
    pub fn door(&self) -> SocketAddr {
        self.haproxy.door(ring::IMAP)
    }

    /// A user's name and password.
    pub fn user(&self) -> (&'static str, &'static str) {
        match self.servers {
            Servers::Real(_) => ("user1", ring::PASSWORD),
            Servers::Embedded(_) => (fake_pool::USER, fake_pool::PASSWORD),
        }
    }

    /// A monitor that logs in on each server every second, at HAProxy's own pace; and its command line,
    /// files left out.
    pub fn monitor(&self) -> (MonitorPlan, String) {
        let flags = format!(
            "--pool=haproxy -p IMAP:{} -i 1 --login-interval=0 -t 1 --retries=1 --retry-delay=1",
            ring::IMAP
        );
        let plan = MonitorPlan::new(&self.place, &self.haproxy.socket()).flags(&flags);
        let shown = format!("poolmon -S ... -c ... {flags}");
        match &self.ca_file {
            None => {
                let plan = plan.credentials(fake_pool::USER, fake_pool::PASSWORD);
                (plan, shown)
            }
            Some(file) => {
                let name = format!("--tls-name {}", ring::TLS_NAME);
                let plan = plan
                    .flags(&name)
                    .flag("--ca-file")
                    .flag(file)
                    .credentials(ring::PROBE_USER, ring::PASSWORD);
                (plan, format!("{shown} {name} --ca-file ..."))
            }
        }
    }

    /// The answer says in words what was done.
    pub fn fail(&mut self, trouble: Trouble) -> &'static str {
        let index = trouble.server();
        match (&mut self.servers, trouble) {
            (Servers::Real(all), Trouble::BrokenLogin) => {
                all[index].hide_accounts();
                "it cannot read its accounts any more: it greets, and each login fails"
            }
            (Servers::Real(all), Trouble::Death) => {
                all[index].dovecot.kill();
                "all its processes get SIGKILL"
            }
            (Servers::Real(all), Trouble::Freeze) => {
                all[index].dovecot.freeze();
                "all its processes get SIGSTOP"
            }
            (Servers::Embedded(all), Trouble::BrokenLogin) => {
                all[index].set(Mood::Unavailable);
                "it greets, and answers each login with [UNAVAILABLE]"
            }
            (Servers::Embedded(all), Trouble::Death) => {
                all[index].set(Mood::Refusing);
                "it stops listening"
            }
            (Servers::Embedded(all), Trouble::Freeze) => {
                all[index].set(Mood::Silent);
                "it stops answering"
            }
        }
    }

    pub fn repair(&mut self, trouble: Trouble) -> &'static str {
        let index = trouble.server();
        match (&mut self.servers, trouble) {
            (Servers::Real(all), Trouble::BrokenLogin) => {
                all[index].restore_accounts();
                "it can read its accounts again"
            }
            (Servers::Real(all), Trouble::Death) => {
                all[index].start();
                "it is started again"
            }
            (Servers::Real(all), Trouble::Freeze) => {
                all[index].dovecot.thaw();
                "all its processes get SIGCONT"
            }
            (Servers::Embedded(all), _) => {
                all[index].set(Mood::Healthy);
                "it works again"
            }
        }
    }
}

fn server(place: &Place, number: u8) -> String {
    let address = place.address(number);
    format!("mail{number} {address}:{} {CHECK}", ring::IMAP)
}

fn section(place: &Place) -> Section {
    assert_eq!(ring::IMAP, fake_backend::IMAP, "one section for both");
    Section {
        name: "imap",
        port: ring::IMAP,
        options: GREETING_CHECK,
        servers: (1..=SERVERS).map(|number| server(place, number)).collect(),
    }
}
