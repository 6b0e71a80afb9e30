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
    /// Probe this backend from now on, by a thread of its own.
    StartWorker {
        /// All that a probe of it has to know.
        target: Target,
        /// The worker's, for its reports. It is never given to another one.
        number: u64,
        /// How many others are started before it at this time; first attempts are spread by it.
        place: usize,
    },
    /// From its next attempt on, the worker probes this target; it keeps what it has found out. It gets a new
    /// number where its earlier reports, some of which may still be on their way, say nothing about the new
    /// target; otherwise it keeps the old one.
    InstructWorker {
        /// For the backend of this address, which has a worker.
        target: Target,
        /// For its reports from then on.
        number: u64,
    },
    /// The backend of this address is probed no more. What its worker still reports is dropped.
    StopWorker(IpAddr),
    /// Have this backend's worker make a round that begins now or later.
    ProbeNow(IpAddr),
    /// Open a connection for reading and read the lists over it each second, the first time at once. The engine
    /// counts the connections.
    OpenLists {
        /// Counts from 1; each attempt to open one has a number of its own.
        connection: u64,
        /// As the settings have it, which a reload may change.
        access: Access,
    },
    /// Read the lists now, too.
    ReadLists,
    /// Read no more over it; what it still reports is dropped.
    CloseLists,
    /// Send the command over a connection of its own, and wait for the reply no longer than `patience`. The answer
    /// comes back with the number.
    Send {
        /// Counts from 1; what comes back bears it.
        number: u64,
        /// What is sent, whole.
        command: Command,
        /// Where to send it.
        access: Access,
        /// For connection, command and reply together.
        patience: Duration,
    },
    /// Write the state file with these entries in place of what it holds of these backends. The number comes back
    /// once it is on disk.
    WriteState {
        /// Counts from 1.
        number: u64,
        /// One a backend, in the order of addresses; with the default `Memory` the backend's entry is removed.
        entries: Vec<(IpAddr, Memory)>,
    },
    /// Run the operator's program: this monitor's change was made, and the list shows the new state.
    RunScript {
        /// As the settings have it now.
        hook: Hook,
        /// The backend that was changed.
        address: IpAddr,
        /// The state that the list shows.
        to: HostState,
    },
    /// Write it to the log.
    Say(Event),
    /// Write these files, and remove those that were published before and are not among them.
    Publish {
        /// What all the files are made of.
        snapshot: Box<Snapshot>,
        /// Those that are wanted now; with none, the former ones are only removed.
        files: Published,
    },
    /// Write the lines that SIGUSR1 asks for to the log.
    ShowStatus(Box<Snapshot>),
    /// Write the last polls of each backend to the log.
    ShowHistory(Vec<BackendHistory>),
    /// Tell the service manager (sd_notify).
    TellManager(Told),
    /// Close the log file and open its path anew, as it may have been renamed.
    ReopenLog,
    /// Read the settings again, and tell the engine what came of it. What a reload cannot change stays as in
    /// `in_use` (`keep_what_takes_a_restart`), and no new file may be one of those.
    ReadSettings {
        /// The settings that hold until others have been read.
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
    /// A whole line, without its end and without the word that stands for its level.
    Line(Level, String),
    /// An attempt was made on one service of a backend.
    Attempt {
        /// The backend that was probed.
        address: IpAddr,
        /// As it was probed; none if the backend is not known any more.
        target: Option<Target>,
        /// The place in the order of checking, from 0.
        service: usize,
        /// What it came to.
        outcome: Outcome,
    },
    /// The director does not answer, so nothing can be changed.
    FailoverOff {
        /// For how long it has not answered.
        silent: Duration,
        /// In the words of this kind of pool.
        cause: String,
        /// What the operator can check, as a question.
        advice: String,
    },
}

/// What the service manager is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// READY=1: it works by the settings that it has. It is told at the start, and at the end of each reload.
    Ready,
    /// RELOADING=1: the settings are read again. `Ready` follows.
    Reloading,
    /// STOPPING=1: nothing is decided any more.
    Stopping,
    /// STATUS=: how all stands, as long as the director answers.
    Outline(Outline),
    /// STATUS=: that the director does not answer, and why.
    FailoverOff {
        /// For how long the director has not answered.
        silent: Duration,
        /// In the words of this kind of pool.
        cause: String,
        /// By the last list, which is old.
        summary: Summary,
    },
}
