//! The queue: what is to happen, the earliest first.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::time::Instant;

use poolmon::outcome::Outcome;

use super::Disturbance;
use crate::monitor::{Reload, Said};
use crate::perl::Try;
use crate::ring::{Command, Step};

#[derive(Debug)]
pub(super) enum Event {
    Disturb(Disturbance),
    /// The operator has set something else, or other services, while the monitor runs.
    Reload {
        watcher: usize,
        reload: Reload,
    },
    Ring(Step),
    Wake {
        watcher: usize,
        life: u32,
        address: IpAddr,
        worker: u64,
    },
    Attempted {
        watcher: usize,
        life: u32,
        address: IpAddr,
        worker: u64,
        outcome: Outcome,
    },
    ReaderWakes {
        watcher: usize,
        life: u32,
        connection: u64,
        pause: u64,
    },
    Lists {
        watcher: usize,
        life: u32,
        connection: u64,
        began: Instant,
    },
    Timer {
        watcher: usize,
        life: u32,
    },
    DiskWakes {
        watcher: usize,
        life: u32,
    },
    Status {
        watcher: usize,
    },
    Arrives {
        director: usize,
        command: Command,
    },
    Answered {
        watcher: usize,
        life: u32,
        number: u64,
        backend: usize,
        said: Said,
    },
    Scan {
        watcher: usize,
        life: u32,
    },
    Tried {
        watcher: usize,
        life: u32,
        backend: usize,
        attempt: Try,
        passed: bool,
    },
    Retry {
        watcher: usize,
        life: u32,
        backend: usize,
        attempt: Try,
    },
}

impl Event {
    /// The watcher of ours that is to take it in.
    pub(super) fn for_watcher(&self) -> Option<usize> {
        match self {
            Event::Reload { watcher, .. }
            | Event::Wake { watcher, .. }
            | Event::Attempted { watcher, .. }
            | Event::ReaderWakes { watcher, .. }
            | Event::Lists { watcher, .. }
            | Event::Timer { watcher, .. }
            | Event::DiskWakes { watcher, .. }
            | Event::Status { watcher }
            | Event::Answered { watcher, .. } => Some(*watcher),
            Event::Disturb(_)
            | Event::Ring(_)
            | Event::Arrives { .. }
            | Event::Scan { .. }
            | Event::Tried { .. }
            | Event::Retry { .. } => None,
        }
    }
}

pub(super) struct Scheduled {
    pub(super) at: Instant,
    pub(super) number: u64,
    pub(super) event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Scheduled) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Scheduled) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest first.
impl Ord for Scheduled {
    fn cmp(&self, other: &Scheduled) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}
