//! A fake director with fake backends, and a monitor's flags that fit them.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::fake_backend::{FakeBackend, Mood, IMAP};
use super::fake_director::{Command, FakeDirector, FakeHost};
use super::monitor::MonitorPlan;
use super::patience::wait_until;
use super::place::Place;

/// The account that fake backends let in.
pub const USER: &str = "probe";
pub const PASSWORD: &str = "Zq7Xv9pW-open-sesame";

/// Long enough for the slowest reaction at an interval of a second, on a very busy machine.
pub const REACTION: Duration = Duration::from_secs(40);

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

    /// All backends at the same moment.
    pub fn set_all(&self, mood: Mood) {
        let backends: Vec<&FakeBackend> = self.backends.iter().collect();
        FakeBackend::set_all(&backends, mood);
    }

    #[track_caller]
    pub fn wait_for_state(&self, backend: usize, state: char) {
        let what = format!("backend {backend} to be {state}");
        wait_until(&what, REACTION, || self.state_of(backend) == state);
    }

    #[track_caller]
    pub fn wait_for_no_users(&self, backend: usize) {
        let what = format!("backend {backend} to have no users");
        wait_until(&what, REACTION, || self.users_of(backend) == 0);
    }

    /// Waits until every backend has been visited: the monitor is at work.
    #[track_caller]
    pub fn wait_for_visits(&self) {
        wait_until("a probe of every backend", REACTION, || {
            let mut backends = self.backends.iter();
            backends.all(|backend| backend.connections() > 0)
        });
    }

    /// Waits until the backend has been visited so often more.
    #[track_caller]
    pub fn wait_for_more_visits(&self, backend: usize, count: usize) {
        let before = self.backends[backend].connections();
        let what = format!("{count} more visits of backend {backend}");
        wait_until(&what, REACTION, || {
            self.backends[backend].connections() >= before + count
        });
    }

    /// Waits until what the director shows now has been read to its end so many times.
    #[track_caller]
    pub fn wait_for_readings(&self, count: usize) {
        let begun = || self.director.count(Command::HostList);
        let before = begun();
        // One may be under way, and one more begins when the last is over.
        let what = format!("{count} readings of the lists");
        wait_until(&what, REACTION, || begun() > before + count);
    }

    /// What the director was told, each command with the backend's number in place of its address.
    pub fn changes(&self) -> Vec<String> {
        let numbered = |line: &String| {
            let words: Vec<String> = line.split(' ').map(|word| self.number(word)).collect();
            words.join(" ")
        };
        self.director.changes().iter().map(numbered).collect()
    }

    fn number(&self, word: &str) -> String {
        let same = |backend: &FakeBackend| backend.address.to_string() == word;
        match self.backends.iter().position(same) {
            Some(number) => format!("b{number}"),
            None => word.to_string(),
        }
    }

    /// A backend more: it serves, and is not listed yet.
    pub fn add_backend(&mut self) -> Ipv4Addr {
        let address = self.place.address(1 + self.backends.len() as u8);
        self.backends.push(FakeBackend::start(address, PASSWORD));
        address
    }

    /// One probe of IMAP a second without login, no retry.
    pub fn monitor(&self) -> MonitorPlan {
        self.bare_monitor().flags(&format!(
            "-i 1 -t 1 --retries=0 --retry-delay=0.2 -p IMAP:{IMAP}"
        ))
    }

    /// No flags but the socket.
    pub fn bare_monitor(&self) -> MonitorPlan {
        MonitorPlan::new(&self.place, &self.director.socket())
    }
}
