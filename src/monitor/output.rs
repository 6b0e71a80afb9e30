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

#[derive(Debug)]
pub enum Output {
    /// Probe this backend from now on. `place`: how many are started before it at this time.
    StartWorker {
        target: Target,
        number: u64,
        place: usize,
    },
    /// From its next attempt on, the worker probes this target; it keeps what it has found out. It has
    /// the old number, or a new one where what is still on its way from before is not to be mixed up
    /// with what comes after.
    InstructWorker {
        target: Target,
        number: u64,
    },
    StopWorker(IpAddr),
    /// Evidence younger than now is wanted.
    ProbeNow(IpAddr),
    /// Read the lists each second, the first time at once.
    OpenLists {
        connection: u64,
        access: Access,
    },
    /// Read them now, too.
    ReadLists,
    CloseLists,
    /// Over a connection of its own, and with this patience for the reply.
    Send {
        number: u64,
        command: Command,
        access: Access,
        patience: Duration,
    },
    /// What is remembered of these backends is this from now on.
    WriteState {
        number: u64,
        entries: Vec<(IpAddr, Memory)>,
    },
    /// A change of ours was made and seen: this is the backend's state now.
    RunScript {
        hook: Hook,
        address: IpAddr,
        to: HostState,
    },
    Say(Event),
    /// Write these files for whoever looks, and remove those that were written before and are not among
    /// them.
    Publish {
        snapshot: Box<Snapshot>,
        files: Published,
    },
    ShowStatus(Box<Snapshot>),
    ShowHistory(Vec<BackendHistory>),
    TellManager(Told),
    ReopenLog,
    ReadSettings,
    /// These hold from now on: log target and level.
    UseSettings(Box<Settings>),
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
    /// An attempt was made.
    Attempt {
        address: IpAddr,
        target: Option<Target>,
        service: usize,
        outcome: Outcome,
    },
    /// The director cannot be told anything, for so long now.
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
