//! What a person may want to see, as values: of each backend, the director, the alarms, the counts.
//!
//! Times are spans from the moment of the snapshot: how long ago, or until when. How it is shown is the
//! report's business.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Groups, HostState, Listed, Tag};
use crate::config::settings::{Mode, Restore};
use crate::monitor::policy::{Action, By, Explanation, Hold, Rule, Sync};
use crate::outcome::{Blame, Outcome, Stage, StageTimes};
use crate::pool::{Command, Place, Words};

/// How all stands at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub monitor: MonitorView,
    /// In the order of addresses.
    pub backends: Vec<BackendView>,
    /// Those that were said and have not ended, the oldest first.
    pub alarms: Vec<AlarmView>,
    pub director: DirectorView,
    pub summary: Summary,
    /// Commands answered with `OK` after which the list showed another state.
    pub unobserved: u64,
    /// In the order of their names.
    pub tags: Vec<TagView>,
    /// The last ones, the oldest first.
    pub commands: Vec<CommandView>,
    /// What happens next by itself, if anything does.
    pub next: Option<NextView>,
    pub counters: CountersView,
}

/// The monitor itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorView {
    pub runs_for: Duration,
    /// Between two rounds of a backend.
    pub interval: Duration,
    /// Between two that go beyond the greeting, while all is well; zero if each does.
    pub login_interval: Duration,
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
    Good,
    /// They could not be used: the settings read before still hold.
    Refused,
}

/// The backends of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagView {
    pub tag: Tag,
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
    pub users: u64,
}

/// A command of ours; in a dry run, one that would have been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandView {
    pub address: IpAddr,
    pub action: Action,
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

/// Whether what is known of the list can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Currency {
    Current,
    Old,
}

/// One backend of the last list: what is listed, what the probes have found, what is wanted of it and
/// what holds that back.
#[derive(Clone, Debug)]
pub struct BackendView {
    /// As it was last listed; in a dry run, as it would be listed if the commands had been sent.
    pub listed: Listed,
    /// The name that the operator gives it for its certificate.
    pub name: Option<Arc<str>>,
    /// Whether this monitor made the down that is listed.
    pub is_ours: bool,
    /// Who made the listed state.
    pub by: By,
    pub drain: DrainView,
    pub currency: Currency,
    /// The last verdict in words, and for how long it has been the same.
    pub verdict: Option<(String, Option<Duration>)>,
    pub standing: Standing,
    /// For how long it has stood so.
    pub stands_for: Option<Duration>,
    /// Why it is in doubt, has failed, or is not checked; empty otherwise.
    pub cause: String,
    pub checks: Checks,
    /// The service that is being tried again, while one is.
    pub retry: Option<RetryView>,
    /// The services that cannot be checked from this machine, and why.
    pub unchecked: Vec<(String, String)>,
    /// The action that is wanted, and the first rule that holds it back, as they were last asked.
    pub hold: Option<Hold>,
    /// How long until time alone may end that; none where an event has to.
    pub hold_ends: Option<Duration>,
    /// What is wanted now, and what the rules say of it.
    pub wanted: Option<WantedView>,
    /// The last attempts, the oldest first.
    pub polls: Vec<PollView>,
    /// In the order of checking; empty if no file is published, or it is not checked.
    pub services: Vec<ServiceView>,
    /// The changes of its listed state within the last day, the oldest first.
    pub changes: Vec<ListChangeView>,
    /// When it was in doubt or had failed, within the last day, the oldest first; empty if no file is published.
    pub unwell: Vec<UnwellView>,
    /// The last day's attempts; `None` if no file is published.
    pub day: Option<DayView>,
}

/// What became of the users of a backend that is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainView {
    None,
    /// They are still to be moved away.
    Owed,
    /// The director has listed none since.
    Done,
}

/// How a backend stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    Healthy,
    /// Its last attempt failed, and its tries are not over.
    Doubtful,
    Failed,
    /// No round is over yet, or nothing could be found out from this machine.
    Unknown,
    /// The accounts file does not name it.
    NotChecked,
}

/// A service that failed and is being tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryView {
    pub service: String,
    /// Failed attempts so far.
    pub failed: u32,
    /// How many further ones have to fail before it has failed for good.
    pub left: u32,
}

/// An action that is wanted of a backend, and why it is not done yet, if a rule holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedView {
    /// The rules' own answers.
    pub explanation: Explanation,
    /// How long until time alone may end the hold; none where an event has to, or no rule holds.
    pub hold_ends: Option<Duration>,
}

/// One service of one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    pub service: String,
    /// Why it cannot be checked from this machine, if so.
    pub unchecked: Option<String>,
    /// A letter an attempt, the oldest first, at most 60: `.` passed, `x` the backend's fault, `s` a
    /// shared fault, `l` a fault of this machine.
    pub recent: String,
    /// Of the last attempt that passed; of the last failed one if none has.
    pub latency: Option<Duration>,
    /// Of the recent attempts that passed: the middle one's duration, and below it the longest.
    pub median: Option<Duration>,
    pub worst: Option<Duration>,
    /// Attempts since the start, or since other services were checked.
    pub passes: u64,
    pub failures: u64,
    /// The last failure and the last pass, whole.
    pub failure: Option<WholeAttempt>,
    pub pass: Option<WholeAttempt>,
}

/// An attempt, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeAttempt {
    /// How long ago it began.
    pub ago: Duration,
    pub outcome: Arc<Outcome>,
}

/// The list showed another state than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChangeView {
    pub ago: Duration,
    pub to: HostState,
    pub by: By,
    /// Why, if it was us.
    pub reason: Option<Arc<str>>,
}

/// A time in which a backend was in doubt, or had failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnwellView {
    pub standing: Standing,
    /// How long ago.
    pub began: Duration,
    /// How long ago; `None` if it lasts.
    pub ended: Option<Duration>,
}

/// What the attempts of the last day came to, in slots of half an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayView {
    /// How long ago the first slot began.
    pub began: Duration,
    /// How long each of them lasts.
    pub every: Duration,
    /// At most 48, the oldest first, without gaps; the last one is not over.
    pub slots: Vec<Slot>,
}

/// How long a slot lasts.
pub const SLOT: Duration = Duration::from_secs(1800);

/// The latencies are whole microseconds, of the attempts that passed; 0 where none did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    pub passes: u16,
    pub failures: u16,
    pub best: u32,
    pub mean: u32,
    pub worst: u32,
}

/// Whether a backend is probed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// The accounts file does not name it.
    LeftAlone,
    NoThread,
    Made {
        /// How long ago the last attempt began; `None` before the first.
        last: Option<Duration>,
        /// How long until the next one; `None` if it is due.
        next: Option<Duration>,
    },
}

/// The director whose pool is watched, and what the last reading of its lists came to.
#[derive(Clone, Debug)]
pub struct DirectorView {
    /// How its kind of pool is spoken of.
    pub words: &'static Words,
    /// Whether what is said of its backends has to name their tag.
    pub groups: Groups,
    pub socket: String,
    /// How old the last list is, if there is one.
    pub list: Option<Duration>,
    pub currency: Currency,
    pub sync: Sync,
    /// A director before 2.2.16 does not tell whether the ring is synced.
    pub tells_sync: bool,
    /// For how long the director has not answered, or the ring been as it is.
    pub sync_for: Duration,
    pub mode: Mode,
    pub place: Place,
    /// Why the lists cannot be read, while they cannot be.
    pub error: Option<String>,
}

/// How many stand, in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub mode: Mode,
    pub up: usize,
    pub all: usize,
    pub as_of: AsOf,
}

/// What matters most, for one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
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
    pub address: IpAddr,
    pub listed: HostState,
    /// For how long it has been listed so, if the director ever changed it.
    pub lasts: Option<Duration>,
    /// Why it has failed here, if it has.
    pub cause: Option<String>,
}

/// When the list was read that a summary is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
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
    pub address: IpAddr,
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

/// Since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountersView {
    /// In the order of checking; services that are checked no longer come last.
    pub attempts: Vec<AttemptCount>,
    pub failures: Vec<FailureCount>,
    pub changes: Vec<ChangeCount>,
    pub commands: Vec<CommandCount>,
    /// Scripts that were started for changes of ours.
    pub scripts: u64,
    /// Whether the state file could be written the last time.
    pub state_file: StateFileView,
}

/// Whether what has to outlive a restart is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateFileView {
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
    pub passes: u64,
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
    pub sum: Duration,
}

/// How many attempts on one service, over all backends, failed at this stage by this fault. Stage and fault are
/// of the closed lists of `outcome`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureCount {
    pub service: String,
    pub stage: Stage,
    pub fault: &'static str,
    pub blame: Blame,
    pub count: u64,
}

/// How often the list has shown that a backend went to this state, by who changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeCount {
    pub address: IpAddr,
    pub tag: Tag,
    pub to: HostState,
    pub by: By,
    pub count: u64,
}

/// How many commands for this action had this reply, and how long the replies took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandCount {
    pub action: Action,
    pub reply: ReplyKind,
    pub count: u64,
    pub duration: Buckets<COMMANDS>,
}

/// What a command came to, without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReplyKind {
    Ok,
    NotFound,
    Busy,
    SyncTimedOut,
    TryAgain,
    Refused,
    /// No reply.
    Lost,
}

/// The last polls of one backend, the oldest first.
#[derive(Clone, Debug)]
pub struct BackendHistory {
    pub address: IpAddr,
    pub polls: Vec<PollView>,
}

/// One attempt in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollView {
    pub ago: Duration,
    pub service: String,
    /// One or a few words.
    pub result: String,
    pub latency: Duration,
    /// How long a message that was delivered took to appear.
    pub delivery: Option<Duration>,
    /// Empty while no file is published.
    pub stages: StageTimes,
}
