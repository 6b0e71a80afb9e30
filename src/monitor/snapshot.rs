//! What a person may want to see, as values: of each backend, the director, the alarms, the counts.
//!
//! Times are spans from the moment of the snapshot: how long ago, or until when. How it is shown is the
//! report's business.

mod backend;
mod counters;

use std::net::IpAddr;
use std::time::Duration;

use crate::backend::{Groups, HostState, Tag};
use crate::config::settings::{Mode, Restore};
use crate::monitor::policy::{Action, Rule, Sync};
use crate::pool::{Command, Place, Words};

pub use backend::{
    BackendHistory, BackendView, Checks, Currency, DayView, DrainView, ListChangeView, PollView,
    RetryView, ServiceView, Slot, Standing, UnwellView, WantedView, WholeAttempt, SLOT,
};
pub use counters::{
    AttemptCount, Buckets, ChangeCount, CommandCount, CountersView, FailureCount, ReplyKind,
    StateFileView, COMMANDS, COMMAND_BOUNDS, LATENCIES, LATENCY_BOUNDS,
};

/// How all stands at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What is not about a backend or the director: how long it runs, and its settings.
    pub monitor: MonitorView,
    /// In the order of addresses.
    pub backends: Vec<BackendView>,
    /// Those that were said and have not ended, the oldest first.
    pub alarms: Vec<AlarmView>,
    /// The pool, also where it is HAProxy.
    pub director: DirectorView,
    /// The same numbers as in `backends`, for one line.
    pub summary: Summary,
    /// Commands answered with `OK` after which the list showed another state.
    pub unobserved: u64,
    /// In the order of their names.
    pub tags: Vec<TagView>,
    /// The last ones, the oldest first.
    pub commands: Vec<CommandView>,
    /// What happens next by itself, if anything does.
    pub next: Option<NextView>,
    /// Since the start of the process; a reload does not reset them.
    pub counters: CountersView,
}

/// The monitor itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorView {
    /// Since the engine was made, right at the start of the process.
    pub runs_for: Duration,
    /// Between two rounds of a backend.
    pub interval: Duration,
    /// Between two that go beyond the greeting, while all is well; zero if each does.
    pub login_interval: Duration,
    /// `--restore`, as the last good reading of the settings has it.
    pub restore: Restore,
    /// After how many healthy rounds in a row a failed backend is healthy.
    pub rise: u32,
    /// How long ago the settings were last read, and what came of it.
    pub reload: (Duration, ReloadResult),
    /// It has been stopped: nothing is done any more.
    pub has_ended: bool,
}

/// What came of the last reading of the settings, at the start or at SIGHUP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// They hold now. At the start it is never anything else.
    Good,
    /// They could not be used: the settings read before still hold.
    Refused,
}

/// The backends of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagView {
    /// At least one listed backend has it.
    pub tag: Tag,
    /// However they are listed, and whether or not they are checked.
    pub all: usize,
    /// Listed up.
    pub up: usize,
    /// Healthy by their last verdict.
    pub healthy: usize,
    /// Those that could take the users of another one.
    pub refuges: usize,
    /// The sum of the vhost counts of the backends that are up.
    pub vhosts_up: u64,
    /// The vhost counts of all. A director before 2.2.19 lists a down backend with 0; such a one counts as what
    /// it had before.
    pub vhosts: u64,
    /// Users of all these backends, as the pool counts them: as many as it has sent there and still remembers.
    pub users: u64,
}

/// A command of ours; in a dry run, one that would have been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandView {
    /// The one backend that the command is about.
    pub address: IpAddr,
    /// What it was sent for.
    pub action: Action,
    /// What it was carried out by, in the words of this kind of pool.
    pub command: Command,
    /// How long ago it was sent.
    pub ago: Duration,
    /// What the director said, or why there is no reply; none while the reply is awaited.
    pub answer: Option<String>,
    /// From the sending to the reply, or to the moment when it was given up.
    pub took: Option<Duration>,
}

/// An alarm that was said and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmView {
    /// Of the closed list of `Topic`, `Notice` and `LOCAL_FAULT`.
    pub word: &'static str,
    /// For how long it has been so.
    pub lasts: Duration,
    /// As in the log.
    pub text: String,
}

/// The word of alarms for faults of this machine.
pub const LOCAL_FAULT: &str = "local_fault";

/// The director whose pool is watched, and what the last reading of its lists came to.
#[derive(Clone, Debug)]
pub struct DirectorView {
    /// How its kind of pool is spoken of.
    pub words: &'static Words,
    /// Whether what is said of its backends has to name their tag.
    pub groups: Groups,
    /// The path of the director's admin socket, or of HAProxy's stats socket.
    pub socket: String,
    /// How old the last list is, if there is one.
    pub list: Option<Duration>,
    /// Of the last list.
    pub currency: Currency,
    /// Whether it answers and the ring is synced. Nothing is changed while it is not `Synced`.
    pub sync: Sync,
    /// A director before 2.2.16 does not tell whether the ring is synced.
    pub tells_sync: bool,
    /// For how long the director has not answered, or the ring been as it is.
    pub sync_for: Duration,
    /// In a dry run nothing is sent.
    pub mode: Mode,
    /// Of this director in its ring; unknown for HAProxy.
    pub place: Place,
    /// Why the lists cannot be read, while they cannot be.
    pub error: Option<String>,
}

/// How many stand, in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// In a dry run `up` is what it would be.
    pub mode: Mode,
    /// Listed up, whatever the probes say.
    pub up: usize,
    /// Listed, by the last list.
    pub all: usize,
    /// How old that list is.
    pub as_of: AsOf,
}

/// What matters most, for one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Of all backends.
    pub summary: Summary,
    /// The first backends that are down or have failed, those that are down first.
    pub troubles: Vec<Trouble>,
    /// How many more there are.
    pub more: usize,
    /// How many actions each rule holds back, but for those that are asked anew in a moment.
    pub held: Vec<(Rule, usize)>,
}

/// A backend that is listed down or has failed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Listed by the director.
    pub address: IpAddr,
    /// Up, if it has only failed here.
    pub listed: HostState,
    /// For how long it has been listed so, if the director ever changed it.
    pub lasts: Option<Duration>,
    /// Why it has failed here, if it has.
    pub cause: Option<String>,
}

/// When the list was read that a summary is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The list is current: `Currency::Current`.
    Now,
    /// It is not current.
    Before(Duration),
    /// None has been read.
    Never,
}

/// What happens next by itself: the end of a service's pause before it is tried again, or of a hold; where
/// neither is due, the next round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextView {
    /// The backend at which it is due.
    pub address: IpAddr,
    /// `Round` only if nothing else is due at any backend.
    pub what: NextEvent,
    /// How long until then.
    pub due: Duration,
}

/// What is due of itself at one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextEvent {
    /// It is tried again.
    Retry,
    /// Its next round begins.
    Round,
    /// A hold ends by itself.
    HoldEnds,
}
