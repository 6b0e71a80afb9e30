//! The DNS name of an address, from its PTR record, for the check of certificates.
//!
//! Lookups may take half a minute, so they run in threads of their own: whoever asks gets an answer
//! at once. `Memory` decides when to look up and what to say; it has no clock and no thread.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dns_lookup::LookupErrorKind;
use nix::libc::{NI_NAMEREQD, NI_NUMERICSERV};

use crate::config::values;

/// How long the first lookup of an address may take before probes go on without it.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// From a failed lookup to the next.
const RETRY: Duration = Duration::from_secs(60);
/// After this an answer is asked for again, and stays in use meanwhile.
const NAME_FRESH: Duration = Duration::from_secs(3600);
/// Shorter: an administrator adds the missing record and waits.
const NAMELESS_FRESH: Duration = Duration::from_secs(300);
/// Lookups under way at once; a dead DNS server must not cost a thread for each backend.
const MOST_THREADS: usize = 4;

/// What is known of an address's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// The first lookup is under way.
    Pending,
    Known(String),
    /// DNS says that there is no (usable) name: the certificate should bear the address.
    Nameless,
    /// The lookup failed or takes too long.
    Unknown,
}

/// The answer to one lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Name(String),
    Nameless,
    Failed,
}

type Resolver = dyn Fn(IpAddr) -> Answer + Send + Sync;

/// The names of all backends, shared by all threads that probe.
pub struct Names {
    shared: Arc<Shared>,
}

struct Shared {
    resolver: Box<Resolver>,
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    memory: Memory,
    queue: VecDeque<IpAddr>,
    threads: usize,
}

impl Names {
    /// Asks the system's resolver (the hosts file, DNS).
    pub fn from_system() -> Names {
        Names::new(ask_system)
    }

    pub fn new(resolver: impl Fn(IpAddr) -> Answer + Send + Sync + 'static) -> Names {
        Names {
            shared: Arc::new(Shared {
                resolver: Box::new(resolver),
                work: Mutex::default(),
            }),
        }
    }

    /// Never waits. The first call for an address starts its lookup.
    pub fn name_of(&self, address: IpAddr, now: Instant) -> Name {
        let mut work = self.shared.work();
        let (name, lookup) = work.memory.consult(address, now);
        match lookup {
            Lookup::NotNow => {}
            Lookup::Start => {
                work.queue.push_back(address);
                if work.threads < MOST_THREADS {
                    self.start_thread(&mut work, now);
                }
            }
        }
        name
    }

    /// The thread ends when the queue is empty. It is never joined: a lookup cannot be broken off.
    fn start_thread(&self, work: &mut Work, now: Instant) {
        let shared = self.shared.clone();
        let started = thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || shared.look_up());
        match started {
            Ok(_) => work.threads += 1,
            Err(_) if work.threads > 0 => {}
            Err(_) => {
                for address in work.queue.drain(..) {
                    work.memory.on_answer(address, Answer::Failed, now);
                }
            }
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl Shared {
    fn work(&self) -> MutexGuard<'_, Work> {
        // Each change is whole before anything could panic.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_up(&self) {
        loop {
            let address = {
                let mut work = self.work();
                match work.queue.pop_front() {
                    Some(address) => address,
                    None => {
                        work.threads -= 1;
                        return;
                    }
                }
            };
            let answer = panic::catch_unwind(AssertUnwindSafe(|| (self.resolver)(address)))
                .unwrap_or(Answer::Failed);
            let now = Instant::now();
            self.work().memory.on_answer(address, answer, now);
        }
    }
}

fn ask_system(address: IpAddr) -> Answer {
    // `dns_lookup::lookup_addr` of 1.0 does without NI_NAMEREQD, and then gives the address in text.
    let flags = NI_NAMEREQD | NI_NUMERICSERV;
    match dns_lookup::getnameinfo(&SocketAddr::new(address, 0), flags) {
        Ok((name, _)) => Answer::Name(name),
        Err(error) => match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => Answer::Nameless,
            _ => Answer::Failed,
        },
    }
}

/// What was found out about each address, and when to ask again.
#[derive(Debug, Default)]
struct Memory {
    addresses: HashMap<IpAddr, Entry>,
}

#[derive(Debug)]
struct Entry {
    settled: Option<Settled>,
    progress: Progress,
}

/// The latest answer that was not a failure.
#[derive(Debug)]
enum Settled {
    Name(String),
    Nameless,
}

#[derive(Debug)]
enum Progress {
    /// The first lookup, begun then.
    First(Instant),
    /// A later lookup.
    Again,
    Idle {
        until: Instant,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    Start,
    NotNow,
}

impl Memory {
    fn consult(&mut self, address: IpAddr, now: Instant) -> (Name, Lookup) {
        let mut lookup = Lookup::NotNow;
        let entry = self.addresses.entry(address).or_insert_with(|| {
            lookup = Lookup::Start;
            Entry {
                settled: None,
                progress: Progress::First(now),
            }
        });
        if matches!(entry.progress, Progress::Idle { until } if until <= now) {
            entry.progress = Progress::Again;
            lookup = Lookup::Start;
        }
        let name = match (&entry.settled, &entry.progress) {
            (Some(Settled::Name(name)), _) => Name::Known(name.clone()),
            (Some(Settled::Nameless), _) => Name::Nameless,
            (None, Progress::First(began)) if now.saturating_duration_since(*began) < PATIENCE => {
                Name::Pending
            }
            (None, _) => Name::Unknown,
        };
        (name, lookup)
    }

    fn on_answer(&mut self, address: IpAddr, answer: Answer, now: Instant) {
        let (settled, wait) = match answer {
            Answer::Name(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                if values::host_name(name).is_some() && name.parse::<IpAddr>().is_err() {
                    (Some(Settled::Name(name.to_owned())), NAME_FRESH)
                } else {
                    (Some(Settled::Nameless), NAMELESS_FRESH)
                }
            }
            Answer::Nameless => (Some(Settled::Nameless), NAMELESS_FRESH),
            Answer::Failed => (None, RETRY),
        };
        if let Some(entry) = self.addresses.get_mut(&address) {
            entry.progress = Progress::Idle { until: now + wait };
            if settled.is_some() {
                entry.settled = settled;
            }
        }
    }
}

#[cfg(test)]
mod tests;
