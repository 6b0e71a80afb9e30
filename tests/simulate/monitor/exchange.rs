//! What a monitor and the world ask of each other, and tell each other.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use poolmon::config::settings::{Pace, Rules};
use poolmon::pool::director::wire::{HostList, Ring};
use poolmon::pool::{Command, Reading};
use poolmon::schedule::Depth;

use super::Habits;

/// What a reload brings.
#[derive(Clone, Copy, Debug)]
pub enum Reload {
    /// All of them, also for whoever starts later.
    Habits(Habits),
    /// Until the next start.
    Pace(Pace),
    /// As many as before, and to the world they are alike.
    OtherServices,
    /// The same director, by another path.
    OtherSocket,
    /// Until the next start.
    Rules(Rules),
    /// Every account has another password.
    OtherPassword,
    /// Until the next start, there are files for people.
    Published,
    /// They cannot be used.
    Broken,
}

/// How a state file is written, and the settings read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// At once.
    Good,
    Late(Duration),
    /// The writing does not come back.
    Hangs,
    /// It fails, and is tried again.
    Full,
}

/// What the world is to do for the monitor.
#[derive(Debug)]
pub enum Order {
    /// Over this connection, now.
    ReadLists {
        connection: u64,
    },
    /// Remind the connection's thread that its pause is over.
    WakeReader {
        connection: u64,
        pause: u64,
        at: Instant,
    },
    Send {
        number: u64,
        command: Command,
        patience: Duration,
    },
    Attempt {
        address: IpAddr,
        worker: u64,
        service: usize,
        timeout: Duration,
        depth: Depth,
    },
    WakeWorker {
        address: IpAddr,
        worker: u64,
        at: Instant,
    },
    Timer(Instant),
    /// The disk has something to say.
    WakeDisk(Instant),
    /// These settings are in force from now on.
    Use(Habits),
}

/// What came of reading the lists.
#[derive(Debug)]
pub enum Heard {
    Lists(HostList, Ring),
    HaProxy(Box<Reading>),
    /// The director does not answer.
    TimedOut,
    /// It does not run.
    Gone,
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Ok,
    NotFound,
    Busy,
    RingSyncTimedOut,
    TryAgain,
    /// Some other text.
    Refused,
    /// Nobody listened.
    NotSent,
    /// The director ended before it answered.
    Closed,
    /// No answer in time.
    Nothing,
}
