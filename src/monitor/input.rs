//! All that the engine can be told: what happened, and when.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Instant;

use super::{Memory, Terms};
use serde::{Deserialize, Serialize};

use crate::backend::Stamp;
use crate::config::settings::Publication;
use crate::pool::{PoolError, Reading, Reply};
use crate::schedule::{Finding, Retry};

/// The time of an input, by the monotonic clock and by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// By this alone the engine measures how long something takes or lasts. It never goes back.
    pub instant: Instant,
    /// Of the wall clock: for comparison with the director's stamps.
    pub second: Stamp,
}

/// What happened. Each input carries all that is to be known of it.
#[derive(Debug)]
pub enum Input {
    /// A worker has made an attempt.
    Found(Box<Report>),
    /// The thread of the worker with this number could not be started, and why.
    WorkerNotStarted {
        /// The backend that it was to probe.
        address: IpAddr,
        /// As in `Output::StartWorker`.
        number: u64,
        /// The system's error, for the log.
        cause: String,
    },
    /// A worker's thread has ended by a defect: nothing more will come from it.
    WorkerEnded {
        /// The backend that it probed.
        address: IpAddr,
        /// The number that it was started with; it may have been given another since.
        born_as: u64,
    },
    /// The pool was read over the connection of this number, or why not; after an error the connection has ended.
    Lists {
        /// As in `Output::OpenLists`. A reading over another connection than the present one is dropped.
        connection: u64,
        /// A whole reading; there are none of a part of a list.
        reading: Result<Reading, PoolError>,
    },
    /// The connection's thread could not be started.
    ListsNotOpened {
        /// As in `Output::OpenLists`.
        connection: u64,
        /// The system's error, for the log.
        cause: String,
    },
    /// The connection's thread has ended by a defect.
    ListsEnded {
        /// As in `Output::OpenLists`.
        connection: u64,
    },
    /// What became of the command of this number.
    Answered {
        /// As in `Output::Send`.
        number: u64,
        /// What the pool said, or why no answer came. It never says whether the command took effect: the next list
        /// does.
        answer: Result<Reply, PoolError>,
    },
    /// No thread could be started to send the command of this number.
    CommandNotStarted {
        /// As in `Output::Send`. The pool has certainly not seen the command.
        number: u64,
        /// The system's error.
        cause: io::Error,
    },
    /// All that was to be written up to this number is on disk, or why it is not.
    StateWritten {
        /// As in `Output::WriteState`; all entries with a lower number are meant, too.
        number: u64,
        /// The error is a text for the log and names the file.
        result: Result<(), String>,
    },
    /// This published file was written, or why it was not.
    Published {
        /// Which of the files.
        publication: Publication,
        /// Where it was written: after a reload it may be a path that is not wanted any more.
        path: PathBuf,
        /// The error is a text for the log.
        result: Result<(), String>,
    },
    /// No thread could be started to run the script for this backend's change.
    ScriptNotStarted {
        /// The backend whose change the script was for.
        address: IpAddr,
        /// The system's error.
        cause: io::Error,
    },
    /// A person asked by a signal, or the service manager.
    Asked(Request),
    /// A reading of the settings has ended: what the files say, or why that cannot be used.
    Settings(Result<Box<Terms>, String>),
    /// Time has passed.
    Time,
}

/// What a person or the service manager asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// SIGTERM, SIGINT and SIGQUIT: nothing more is decided, and the program ends.
    Stop,
    /// Open the log anew, and read the settings again.
    Reload,
    /// Show how all stands.
    Status,
}

/// A finding, and whose it is.
#[derive(Clone, Debug)]
pub struct Report {
    /// The backend that was probed.
    pub address: IpAddr,
    /// The worker's number, so that what a stopped worker still sends is recognised and dropped.
    pub worker: u64,
    /// What the attempt came to, and the verdict if it settles one.
    pub finding: Finding,
    /// When the worker's next attempt is due.
    pub next: Instant,
    /// The service that the next attempt tries again, if it does.
    pub retry: Option<Retry>,
}

/// What the state file held at the start, by backend.
pub type Remembered = std::collections::BTreeMap<IpAddr, Memory>;
