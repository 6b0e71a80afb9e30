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

/// Whether what is known of the list can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Currency {
    /// The last list is at most 3 s old, and the director answers.
    Current,
    /// There is none, it is older, or the director is silent.
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
    /// Whether this monitor has to move users away from it, and whether it has.
    pub drain: DrainView,
    /// Of what is `listed`; the same for all backends.
    pub currency: Currency,
    /// The last verdict in words, and for how long it has been the same.
    pub verdict: Option<(String, Option<Duration>)>,
    /// By this monitor's own probes, whatever is listed.
    pub standing: Standing,
    /// For how long it has stood so.
    pub stands_for: Option<Duration>,
    /// Why it is in doubt, has failed, or is not checked; empty otherwise.
    pub cause: String,
    /// When it is probed, or why it is not.
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
    /// No move is owed, and none was seen to be complete: so it is for a backend that is up and is not being taken
    /// down.
    None,
    /// They are still to be moved away.
    Owed,
    /// The director has listed none since.
    Done,
}

/// How a backend stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The verdict is healthy, no service fails at its last attempt, and at least one can be checked from here.
    Healthy,
    /// Its last attempt failed, and its tries are not over.
    Doubtful,
    /// The verdict is failed, also if single attempts pass again.
    Failed,
    /// No round is over yet, or nothing could be found out from this machine.
    Unknown,
    /// The accounts file does not name it.
    NotChecked,
}

/// A service that failed and is being tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryView {
    /// As in messages: `imap:143`.
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
    /// As in messages: `imap:143`.
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
    /// `None`, as the median, if none of the recent attempts passed.
    pub worst: Option<Duration>,
    /// Attempts since the start, or since other services were checked.
    pub passes: u64,
    /// In the same time, whosever fault they were.
    pub failures: u64,
    /// The last failure and the last pass, whole.
    pub failure: Option<WholeAttempt>,
    /// `None` if none has passed in that time.
    pub pass: Option<WholeAttempt>,
}

/// An attempt, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeAttempt {
    /// How long ago it began.
    pub ago: Duration,
    /// Shared with what the engine keeps.
    pub outcome: Arc<Outcome>,
}

/// The list showed another state than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChangeView {
    /// When the list that first showed it was taken in.
    pub ago: Duration,
    /// The state since then.
    pub to: HostState,
    /// As far as it can be told from the lists and the commands sent.
    pub by: By,
    /// Why, if it was us.
    pub reason: Option<Arc<str>>,
}

/// A time in which a backend was in doubt, or had failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnwellView {
    /// `Doubtful` or `Failed`.
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
    /// On all services of the backend; 65,535 stands for that and more.
    pub passes: u16,
    /// Whosever fault it was; 65,535 stands for that and more.
    pub failures: u16,
    /// The shortest.
    pub best: u32,
    /// The average; after 65,534 passes it stays as it is.
    pub mean: u32,
    /// The longest.
    pub worst: u32,
}

/// Whether a backend is probed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// The accounts file does not name it.
    LeftAlone,
    /// It is to be probed, and has no thread: none could be started, or the last one ended by a defect. It is tried
    /// again.
    NoThread,
    /// A worker probes it.
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

/// The last polls of one backend, the oldest first.
#[derive(Clone, Debug)]
pub struct BackendHistory {
    /// A backend that is listed now.
    pub address: IpAddr,
    /// At most 10; empty if nobody has probed it yet.
    pub polls: Vec<PollView>,
}

/// One attempt in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollView {
    /// When the attempt began.
    pub ago: Duration,
    /// As in messages: `imap:143`.
    pub service: String,
    /// One or a few words.
    pub result: String,
    /// Of the whole attempt, whether it passed or failed; more than 71 minutes count as 71 minutes.
    pub latency: Duration,
    /// How long a message that was delivered took to appear.
    pub delivery: Option<Duration>,
    /// Empty while no file is published.
    pub stages: StageTimes,
}
