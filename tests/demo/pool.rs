//! The pool on show: real Dovecot where one with a director is installed, else the lab's own
//! director and backends. It acts on backends and reads the lists; `users` acts for the users.

use std::path::PathBuf;

use crate::lab::admin_socket::{self, HostLine};
use crate::lab::fake_backend::{self, Mood};
use crate::lab::fake_pool::{self, FakePool};
use crate::lab::monitor::MonitorPlan;
use crate::lab::ring::{self, Ring, RingPlan};
use crate::offer::Offer;

/// What is on show, in words.
pub fn describe(offer: &Offer) -> String {
    match offer {
        Offer::Real { version } => format!(
            "Two directors in a ring and three backends: real Dovecot {version}, on loopback only."
        ),
        Offer::Embedded { reason } => format!(
            "NOT real Dovecot: {reason}.\n\
             One director and three backends of the test lab stand in. They speak the protocols, but\n\
             nobody logs in: the numbers of users are made up."
        ),
    }
}

pub enum Pool {
    Real(Ring),
    Embedded(FakePool),
}

impl Pool {
    pub fn start(offer: &Offer) -> Pool {
        match offer {
            Offer::Real { .. } => Pool::Real(Ring::start(RingPlan::default())),
            Offer::Embedded { .. } => Pool::Embedded(FakePool::start(3)),
        }
    }

    /// `127.x.y.n`.
    pub fn address(&self, backend: usize) -> String {
        match self {
            Pool::Real(ring) => ring.backends[backend].address.to_string(),
            Pool::Embedded(pool) => pool.address(backend).to_string(),
        }
    }

    /// A monitor that logs in by IMAP on each backend every second, over TLS where it is offered;
    /// and its command line, files left out.
    pub fn monitor(&self) -> (MonitorPlan, String) {
        let pace = "-i 1 -t 1 --retries=1 --retry-delay=1";
        match self {
            Pool::Real(ring) => {
                let authority = ring.authority.file();
                let flags = format!(
                    "{pace} -p IMAP:{} --tls-name {}",
                    ring::IMAP,
                    ring::TLS_NAME
                );
                let plan = ring
                    .monitor(0)
                    .flags(&flags)
                    .flags(&format!("--ca-file {}", authority.display()))
                    .credentials(ring::PROBE_USER, ring::PASSWORD);
                (plan, format!("poolmon -S ... -c ... {flags} --ca-file ..."))
            }
            Pool::Embedded(pool) => {
                let flags = format!("{pace} -p IMAP:{}", fake_backend::IMAP);
                let plan = pool
                    .bare_monitor()
                    .flags(&flags)
                    .credentials(fake_pool::USER, fake_pool::PASSWORD);
                (plan, format!("poolmon -S ... -c ... {flags}"))
            }
        }
    }

    /// HOST-LIST of each director, in the directors' order; empty for one that does not answer.
    pub fn lists(&self) -> Vec<Vec<HostLine>> {
        self.sockets()
            .iter()
            .map(|socket| admin_socket::host_list(socket).unwrap_or_default())
            .collect()
    }

    /// Nobody listens any more. Here and below the answer says in words what was done.
    pub fn kill(&mut self, backend: usize) -> &'static str {
        match self {
            Pool::Real(ring) => {
                ring.backends[backend].dovecot.kill();
                "all its processes get SIGKILL"
            }
            Pool::Embedded(pool) => {
                pool.backends[backend].set(Mood::Refusing);
                "it stops listening"
            }
        }
    }

    pub fn revive(&mut self, backend: usize) -> &'static str {
        match self {
            Pool::Real(ring) => {
                ring.backends[backend].dovecot.start();
                "it is started again"
            }
            Pool::Embedded(pool) => {
                pool.backends[backend].set(Mood::Healthy);
                "it listens again"
            }
        }
    }

    /// The backend accepts connections and never answers.
    pub fn freeze(&mut self, backend: usize) -> &'static str {
        match self {
            Pool::Real(ring) => {
                ring.backends[backend].dovecot.freeze();
                "all its processes get SIGSTOP"
            }
            Pool::Embedded(pool) => {
                pool.backends[backend].set(Mood::Silent);
                "it stops answering"
            }
        }
    }

    pub fn thaw(&mut self, backend: usize) -> &'static str {
        match self {
            Pool::Real(ring) => {
                ring.backends[backend].dovecot.thaw();
                "all its processes get SIGCONT"
            }
            Pool::Embedded(pool) => {
                pool.backends[backend].set(Mood::Healthy);
                "it answers again"
            }
        }
    }

    fn sockets(&self) -> Vec<PathBuf> {
        match self {
            Pool::Real(ring) => ring.directors.iter().map(|it| it.socket()).collect(),
            Pool::Embedded(pool) => vec![pool.director.socket()],
        }
    }
}
