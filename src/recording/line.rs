//! The format of a recording: a JSON object a line. Values only.
//!
//! Times are nanoseconds since the recording began, by the monotonic clock. The names in here, and those of the
//! values that are recorded as they are, are the format: whoever changes one raises `FORMAT`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::start::{RecordedTerms, Start};
use crate::backend::Listed;
use crate::monitor::Request;
use crate::outcome::{Failure, Pass};
use crate::pool::{Action, Acts, Malformed, Place, PoolError, Readiness, Reply};
use crate::schedule::{Retry, Verdict};

/// Raised with each change that an older program would misread.
pub(super) const FORMAT: u32 = 1;

/// The first line of each file.
#[derive(Serialize, Deserialize)]
pub(super) struct FirstLine {
    pub(super) recording: Head,
    /// Left out by those who only look at the head.
    pub(super) start: Start,
}

/// What every format begins with.
#[derive(Serialize, Deserialize)]
pub(super) struct FirstHead {
    pub(super) recording: Head,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) format: u32,
    /// Of the program.
    pub(super) version: String,
    /// Begun because the file before was full: the engine had been told more before.
    pub(super) continued: bool,
    /// When the recording began that this file belongs to, in seconds since 1970.
    #[serde(default)]
    pub(super) run: u64,
    /// Which of that recording's files this is, from 0.
    #[serde(default)]
    pub(super) part: u32,
    /// How many lines, from the second on, repeat what the file before says at its end; none if that file lacks
    /// something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) repeated: Option<usize>,
}

/// Every line but the first.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) t: i64,
    /// The wall clock's second, where it is another than that of the line before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) s: Option<u64>,
    /// How often the engine was asked for an output since the line before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) asked: u32,
    pub(super) is: Event,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn is_false(is: &bool) -> bool {
    !*is
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    Found(Box<Found>),
    WorkerNotStarted {
        backend: IpAddr,
        worker: u64,
        cause: String,
    },
    WorkerEnded {
        backend: IpAddr,
        born_as: u64,
    },
    Lists {
        connection: u64,
        reading: Read,
    },
    ListsNotOpened {
        connection: u64,
        cause: String,
    },
    ListsEnded {
        connection: u64,
    },
    Answered {
        command: u64,
        answer: Answer,
    },
    CommandNotStarted {
        command: u64,
        cause: String,
    },
    StateWritten {
        number: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    ScriptNotStarted {
        backend: IpAddr,
        cause: String,
    },
    Asked(Request),
    Settings(Box<RecordedTerms>),
    SettingsRefused(String),
    Time,
    /// Not an input: the engine had this command sent.
    Sent(Sent),
    /// Not an input: so many lines are missing here.
    Lost(u64),
}

/// An attempt, and what it means.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) backend: IpAddr,
    pub(super) worker: u64,
    pub(super) service: usize,
    pub(super) began: i64,
    pub(super) took: u64,
    /// Where it is another time than `began`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) round: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) delivery: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) logged_in: bool,
    pub(super) result: Ending,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) for_good: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<Verdict>,
    pub(super) next: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retry: Option<Retry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    Pass(Pass),
    Fail(Failure),
}

/// One reading of the pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Read {
    /// The first one, and each one after other members, or another order.
    Whole(Box<Whole>),
    /// As the one before over any connection, but for this.
    Differs {
        began: i64,
        /// By place in the list.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        users: Vec<(usize, u64)>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        members: Vec<(usize, Listed)>,
    },
    Failed(Box<PoolError>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Whole {
    pub(super) began: i64,
    pub(super) members: Vec<Listed>,
    pub(super) readiness: Readiness,
    pub(super) movers_before: usize,
    pub(super) place: Place,
    pub(super) acts: Acts,
    pub(super) malformed: Malformed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Reply(Reply),
    Failed(Box<PoolError>),
}

/// A command that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sent {
    pub(super) command: u64,
    pub(super) backend: IpAddr,
    pub(super) action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}
