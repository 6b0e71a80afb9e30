//! Mail servers behind a real HAProxy.
//!
//! The backends are fake ones with IMAP and POP3; HAProxy has a section for each, and checks IMAP itself as
//! `option tcp-check` does by default: that somebody listens.

mod beside_its_check;
mod comparison;
mod configured;
mod documents;
mod failover;
mod logins;
mod operators;
mod restarts;
mod several;
mod sockets;

use std::time::Duration;

use crate::lab::fake_backend::{FakeBackend, Mood, IMAP, POP3};
use crate::lab::fake_pool::PASSWORD;
use crate::lab::haproxy::{HaProxy, Section};
use crate::lab::monitor::{Monitor, MonitorPlan};
use crate::lab::patience::{hold_for, wait_until};
use crate::lab::place::Place;

/// Long enough for the slowest reaction at an interval of a second, on a very busy machine.
const REACTION: Duration = Duration::from_secs(40);

const READY: u32 = 0;
const MAINT: u32 = 1;
const DRAIN: u32 = 8;

struct World {
    haproxy: HaProxy,
    backends: Vec<FakeBackend>,
    // Last, because the folder goes after what lives in it.
    place: Place,
}

impl World {
    /// Three mail servers; the last is a `backup`.
    fn start() -> World {
        World::with(|place| sections(place, ""))
    }

    /// Three mail servers in these sections.
    fn with(sections: impl FnOnce(&Place) -> Vec<Section>) -> World {
        let place = Place::new();
        let backends = (1..=3).map(|last| FakeBackend::start(place.address(last), PASSWORD));
        let backends: Vec<FakeBackend> = backends.collect();
        let haproxy = HaProxy::start(&place, 100, &sections(&place));
        World {
            haproxy,
            backends,
            place,
        }
    }

    /// A check of both ports a second, no retry.
    fn plan(&self) -> MonitorPlan {
        self.bare_plan()
            .flags(&format!("-p IMAP:{IMAP} -p POP3:{POP3}"))
    }

    fn bare_plan(&self) -> MonitorPlan {
        MonitorPlan::new(&self.place, &self.haproxy.socket())
            .flags("--pool=haproxy -i 1 --login-interval=0 -t 1 --retries=0")
    }

    /// A monitor at work.
    fn watch(&self) -> Monitor {
        let monitor = self.plan().start();
        self.wait_for_visits();
        monitor
    }

    #[track_caller]
    fn wait_for_visits(&self) {
        wait_until("a probe of every backend", REACTION, || {
            let mut backends = self.backends.iter();
            backends.all(|backend| backend.connections() > 1)
        });
    }

    fn fail(&self, backend: usize, mood: Mood) {
        self.backends[backend - 1].set(mood);
    }

    /// The first server refuses, is found failed, and stays up all the same.
    #[track_caller]
    fn fail_and_stay_up(&self, monitor: &Monitor) {
        self.fail(1, Mood::Refusing);
        let address = self.backends[0].address.to_string();
        monitor.wait_for_line(&[&address, "has failed"], REACTION);
        hold_for("the first to stay up", Duration::from_secs(2), || {
            self.admin(1) == [Some(READY); 2]
        });
    }

    /// All servers of this number.
    #[track_caller]
    fn wait_for(&self, backend: usize, admin: u32) {
        let names = names(backend);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.haproxy.wait_for(&names, admin, REACTION);
    }

    fn admin(&self, backend: usize) -> Vec<Option<u32>> {
        let names = names(backend);
        names.iter().map(|name| self.haproxy.admin(name)).collect()
    }
}

fn names(backend: usize) -> [String; 2] {
    [format!("imap/mail{backend}"), format!("pop3/mail{backend}")]
}

/// With these words behind the first server of IMAP.
fn sections(place: &Place, words: &str) -> Vec<Section> {
    let server = |number: u8, port: u16, check: &str| {
        let backup = match number {
            3 => " backup",
            _ => "",
        };
        let words = match (number, port) {
            (1, IMAP) => words,
            _ => "",
        };
        let address = place.address(number);
        format!("mail{number} {address}:{port}{check}{backup} {words}")
    };
    let servers = |port, check| (1..=3).map(|number| server(number, port, check)).collect();
    vec![
        Section {
            name: "imap",
            port: 2143,
            options: &[],
            servers: servers(IMAP, " check inter 300ms"),
        },
        Section {
            name: "pop3",
            port: 2110,
            options: &[],
            servers: servers(POP3, ""),
        },
    ]
}
