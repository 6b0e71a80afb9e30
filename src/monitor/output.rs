//! All that the engine can want done, in the order in which it is to be done.

use std::net::IpAddr;
use std::time::Duration;

use super::snapshot::{BackendHistory, Outline, Snapshot, Summary};
use super::Memory;
use crate::backend::HostState;
use crate::config::settings::{Hook, Published, Settings};
use crate::outcome::Outcome;
use crate::pool::{Access, Command};
use crate::target::Target;

/// One thing that the runtime is to do. What comes of it is told to the engine as an `Input`.
#[derive(Debug)]
pub enum Output {
    /// Probe this backend from now on, by a thread of its own. `place`: how many others are started before it at this
    /// time; first attempts are spread by it.
    StartWorker {
        target: Target,
        number: u64,
        place: usize,
    },
    /// From its next attempt on, the worker probes this target; it keeps what it has found out. It gets a new
    /// number where its earlier reports, some of which may still be on their way, say nothing about the new
    /// target; otherwise it keeps the old one.
    InstructWorker {
        target: Target,
        number: u64,
    },
    StopWorker(IpAddr),
    /// Have this backend's worker make a round that begins now or later.
    ProbeNow(IpAddr),
    /// Open a connection for reading and read the lists over it each second, the first time at once. The engine
    /// counts the connections.
    OpenLists {
        connection: u64,
        access: Access,
    },
    /// Read the lists now, too.
    ReadLists,
    /// Read no more over it; what it still reports is dropped.
    CloseLists,
    /// Send the command over a connection of its own, and wait for the reply no longer than `patience`. The answer
    /// comes back with the number.
    Send {
        number: u64,
        command: Command,
        access: Access,
        patience: Duration,
    },
    /// Write the state file with these entries in place of what it holds of these backends. The number comes back
    /// once it is on disk.
    WriteState {
        number: u64,
        entries: Vec<(IpAddr, Memory)>,
    },
    /// Run the operator's program: this monitor's change was made, and the list shows the new state.
    RunScript {
        hook: Hook,
        address: IpAddr,
        to: HostState,
    },
    /// Write it to the log.
    Say(Event),
    /// Write these files, and remove those that were published before and are not among them.
    Publish {
        snapshot: Box<Snapshot>,
        files: Published,
    },
    /// Write the lines that SIGUSR1 asks for to the log.
    ShowStatus(Box<Snapshot>),
    /// Write the last polls of each backend to the log.
    ShowHistory(Vec<BackendHistory>),
    /// Tell the service manager (sd_notify).
    TellManager(Told),
    ReopenLog,
    /// Read the settings again, and tell the engine what came of it. Those in use say what stays whatever is
    /// read (`keep_what_takes_a_restart`), and no other file may be the same as theirs.
    ReadSettings {
        in_use: Box<Settings>,
    },
    /// These settings hold from now on; what was read with them probes, and the log's target and level are theirs.
    UseSettings(Box<Settings>),
    /// Nothing more is to be done: end the program.
    End,
}

/// How a line is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something for the operator to look at.
    Error,
    /// A warning that no level hides.
    Warning,
    /// A change, or an answer to a signal: no level hides it.
    Always,
    /// For those who look for a fault.
    Debug,
}

/// What is to be said.
#[derive(Clone, Debug)]
pub enum Event {
    Line(Level, String),
    /// An attempt was made on the service at this place in the order of checking, from 0. `target`: as it was
    /// probed, if the backend is still known.
    Attempt {
        address: IpAddr,
        target: Option<Target>,
        service: usize,
        outcome: Outcome,
    },
    /// The director has not answered for the time `silent`, so nothing can be changed. `advice` says what the
    /// operator can do about the cause.
    FailoverOff {
        silent: Duration,
        cause: String,
        advice: String,
    },
}

/// What the service manager is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Ready,
    Reloading,
    Stopping,
    Outline(Outline),
    FailoverOff {
        silent: Duration,
        cause: String,
        summary: Summary,
    },
}
