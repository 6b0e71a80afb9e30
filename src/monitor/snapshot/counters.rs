//! What is counted since the start.

use std::net::IpAddr;
use std::time::Duration;

use crate::backend::{HostState, Tag};
use crate::monitor::policy::{Action, By};
use crate::outcome::{Blame, Stage};

/// Since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountersView {
    /// In the order in which they were first tried. A service that is checked no longer keeps its place.
    pub attempts: Vec<AttemptCount>,
    /// One for each service, stage and fault that there was.
    pub failures: Vec<FailureCount>,
    /// One for each backend, state and author that there was; none of backends that have left the list.
    pub changes: Vec<ChangeCount>,
    /// One for each action and reply that there was; in a dry run those that would have been sent, as `Ok`.
    pub commands: Vec<CommandCount>,
    /// Scripts that were started for changes of ours.
    pub scripts: u64,
    /// Whether the state file could be written the last time.
    pub state_file: StateFileView,
}

/// Whether what has to outlive a restart is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateFileView {
    /// All that has to outlive a restart is on disk, or there is nothing of that kind yet.
    #[default]
    Written,
    /// The last entries are kept in memory.
    Unwritten,
}

/// Of one service over all backends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptCount {
    /// As the settings name it; a backend may have it at another port.
    pub service: String,
    /// Over all backends, with a remark or without.
    pub passes: u64,
    /// Over all backends, whosever fault it was.
    pub failures: u64,
    /// Of the passes' durations.
    pub latency: Buckets<LATENCIES>,
}

/// The upper bounds of the buckets for passes, in microseconds.
pub const LATENCY_BOUNDS: [u64; LATENCIES] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// How many bounds there are for passes.
pub const LATENCIES: usize = 13;

/// The upper bounds of the buckets for commands' durations, in microseconds.
pub const COMMAND_BOUNDS: [u64; COMMANDS] = [
    1_000, 5_000, 25_000, 100_000, 500_000, 1_000_000, 5_000_000, 30_000_000,
];

/// How many bounds there are for commands.
pub const COMMANDS: usize = 8;

/// Durations, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets<const MANY: usize> {
    /// One a bound: not longer than that, and longer than the bound before.
    pub counts: [u64; MANY],
    /// With those that are longer than every bound.
    pub all: u64,
    /// Of all durations that were counted.
    pub sum: Duration,
}

/// How many attempts on one service, over all backends, failed at this stage by this fault. Stage and fault are
/// of the closed lists of `outcome`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureCount {
    /// As the settings name it.
    pub service: String,
    /// The one that was not passed.
    pub stage: Stage,
    /// `Fault::word`, never a server's text.
    pub fault: &'static str,
    /// What `fault` implies.
    pub blame: Blame,
    /// Since the start, and above 0.
    pub count: u64,
}

/// How often the list has shown that a backend went to this state, by who changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeCount {
    /// A backend that is listed now.
    pub address: IpAddr,
    /// The tag that it has now, whichever it had then.
    pub tag: Tag,
    /// The state that it went to.
    pub to: HostState,
    /// As far as it could be told.
    pub by: By,
    /// Since the start, and above 0.
    pub count: u64,
}

/// How many commands for this action had this reply, and how long the replies took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandCount {
    /// What they were sent for, whichever command carried it out.
    pub action: Action,
    /// What each of them came to.
    pub reply: ReplyKind,
    /// Since the start, and above 0.
    pub count: u64,
    /// From the sending to the reply, or to the moment when it was given up, by `COMMAND_BOUNDS`.
    pub duration: Buckets<COMMANDS>,
}

/// What a command came to, without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReplyKind {
    /// Said to be done; whether it is, the next list tells.
    Ok,
    /// The pool knows no such backend any more.
    NotFound,
    /// An earlier change of the same backend is not complete yet.
    Busy,
    /// Done or not done: the next list tells.
    SyncTimedOut,
    /// The same command may succeed later.
    TryAgain,
    /// Any other answer.
    Refused,
    /// No reply.
    Lost,
}
