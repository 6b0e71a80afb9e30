//! What the status file counts since the start.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Action, Blame, By, Span, State};

/// Since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// In the order in which they were first tried. A service that is checked no longer keeps its place.
    pub attempts: Vec<AttemptCount>,
    /// One for each service, stage and fault that there was.
    pub failures: Vec<FailureCount>,
    /// One for each backend, state and author that there was. Backends that have left the list are not among them.
    pub changes: Vec<ChangeCount>,
    /// One for each action and reply that there was.
    pub commands: Vec<CommandCount>,
    /// Runs of the operator's script that were ordered for changes of this monitor.
    pub hook_runs: u64,
    /// Scripts that did not end well, and changes for which none could be run.
    pub hook_failures: u64,
    /// Lines that a log target did not take.
    pub log_lines_lost: u64,
    /// Whether the state file could be written the last time.
    pub state_file_written: bool,
}

/// Of one service over all backends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptCount {
    /// As the settings name it; a backend may have it at another port.
    pub service: String,
    /// Over all backends.
    pub passes: u64,
    /// Over all backends, whosever fault it was.
    pub failures: u64,
    /// How long the passes took: how many were not longer than each of `LATENCY_BOUNDS`, and all.
    pub latency: Histogram,
}

/// Of passes' durations: the upper bounds of a histogram's buckets.
pub const LATENCY_BOUNDS: [Span; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Of commands' durations.
pub const COMMAND_BOUNDS: [Span; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Durations, counted as Prometheus does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// One a bound: not longer than that, those of the bounds before included.
    pub buckets: Vec<u64>,
    /// With those that are longer than every bound.
    pub count: u64,
    /// Of all durations that were counted.
    pub sum: Span,
}

/// How many attempts on one service, over all backends, failed at this stage by this fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureCount {
    /// As the settings name it.
    pub service: String,
    /// A word of the closed list of `outcome::Stage`.
    pub stage: String,
    /// A word of the closed list of `outcome::Fault`, never a server's text.
    pub fault: String,
    /// The fault decides it, so that it makes no series of its own.
    pub blame: Blame,
    /// Since the start, and above 0.
    pub count: u64,
}

/// How often the list has shown that a backend went to this state, by who changed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeCount {
    /// A backend that is listed now.
    pub address: IpAddr,
    /// The tag that it has now.
    pub tag: String,
    /// The state that it went to.
    pub to: State,
    /// As far as it could be told.
    pub by: By,
    /// Since the start, and above 0.
    pub count: u64,
}

/// How many commands for this action had this reply, and how long the replies took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandCount {
    /// What the commands were sent for, not by which of the pool's commands.
    pub action: Action,
    /// What each of them came to.
    pub reply: Reply,
    /// Since the start, and above 0; in a dry run those that would have been sent, as `ok`.
    pub count: u64,
    /// From the sending to the reply, or to the moment when it was given up, by `COMMAND_BOUNDS`.
    pub duration: Histogram,
}

/// What the director answered to a command: `OK`, `NOTFOUND`, or one of the reasons it gives for not
/// having done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// `OK`: the director has accepted the command. The next list shows whether the state has changed.
    Ok,
    /// `NOTFOUND`: the pool lists no such backend any more.
    NotFound,
    /// An earlier change of the same backend is not complete yet.
    Busy,
    /// `Ring sync timed out`: done or not, which the next list tells.
    SyncTimedOut,
    /// `TRYAGAIN`: the same command may succeed later.
    TryAgain,
    /// Any other text.
    Refused,
    /// No reply.
    Lost,
}
