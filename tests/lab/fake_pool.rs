//! A fake director with fake backends, and a monitor's flags that fit them.

use std::net::Ipv4Addr;

use super::fake_backend::{FakeBackend, IMAP};
use super::fake_director::{FakeDirector, FakeHost};
use super::monitor::MonitorPlan;
use super::place::Place;

/// The account that fake backends let in.
pub const USER: &str = "probe";
pub const PASSWORD: &str = "open-sesame";

pub struct FakePool {
    pub director: FakeDirector,
    pub backends: Vec<FakeBackend>,
    // Last, because the folder goes after what lives in it.
    pub place: Place,
}

impl FakePool {
    /// So many healthy backends, all listed `U`, each with a few users.
    pub fn start(backends: u8) -> FakePool {
        let place = Place::new();
        let hosts = (0..backends)
            .map(|k| FakeHost {
                users: 10,
                ..FakeHost::new(place.address(1 + k))
            })
            .collect();
        FakePool {
            director: FakeDirector::start(&place.path("admin"), hosts),
            backends: (0..backends)
                .map(|k| FakeBackend::start(place.address(1 + k), PASSWORD))
                .collect(),
            place,
        }
    }

    pub fn address(&self, backend: usize) -> Ipv4Addr {
        self.backends[backend].address
    }

    /// `U` or `D`.
    pub fn state_of(&self, backend: usize) -> char {
        self.director.state_of(self.address(backend))
    }

    pub fn users_of(&self, backend: usize) -> u64 {
        self.director.users_of(self.address(backend))
    }

    /// A backend more: it serves, and is not listed yet.
    pub fn add_backend(&mut self) -> Ipv4Addr {
        let address = self.place.address(1 + self.backends.len() as u8);
        self.backends.push(FakeBackend::start(address, PASSWORD));
        address
    }

    /// One probe of IMAP a second without login, one quick retry.
    pub fn monitor(&self) -> MonitorPlan {
        self.bare_monitor().flags(&format!(
            "-i 1 -t 1 --retries=0 --retry-delay=1 -p IMAP:{IMAP}"
        ))
    }

    /// No flags but the socket.
    pub fn bare_monitor(&self) -> MonitorPlan {
        MonitorPlan::new(&self.place, &self.director.socket())
    }
}
