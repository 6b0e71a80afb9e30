//! The status file: how all stands, as values with names that last, for everybody who looks.
//!
//! The daemon makes it of the engine's snapshot; `status`, `explain`, metrics and the page are made of it
//! alone, so that each of them shows the same. It knows no engine, no file and no clock. Times are seconds
//! since 1970 by the wall clock of the machine that wrote it, spans are seconds. All text that came from a
//! server has passed `Quote`. Readers ignore fields that they do not know; a field that is taken away, or
//! means something else, raises `FORMAT`.

mod from_snapshot;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::pool::Words;

pub(crate) use from_snapshot::{document, Writer};

/// The format of the file that this program writes and reads.
pub const FORMAT: u32 = 1;

/// Seconds since 1970, rounded to milliseconds.
pub type Time = f64;

/// Seconds, rounded to microseconds.
pub type Span = f64;

/// The whole status file: how all stands at the moment of `poolmon.written`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// First in the file, so that a reader sees the format before anything else.
    pub poolmon: Monitor,
    pub director: Director,
    /// In the order of their names.
    pub tags: Vec<Tag>,
    /// In the order of their addresses.
    pub backends: Vec<Backend>,
    /// The oldest first.
    pub alarms: Vec<Alarm>,
    /// The last ones that were sent, or would have been, the oldest first.
    pub commands: Vec<Command>,
    /// What happens next by itself: a service that is tried again, or a hold that ends; where neither is
    /// due, the next round.
    pub next: Option<NextEvent>,
    pub counters: Counters,
}

/// The monitor that wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    pub format: u32,
    pub version: String,
    pub pid: u32,
    /// The machine's name.
    pub name: String,
    pub started: Time,
    pub written: Time,
    /// Between two rounds of a backend.
    pub interval: Span,
    /// Between two that go beyond the greeting, while all is well; 0 if each does.
    #[serde(default)]
    pub login_interval: Span,
    pub dry_run: bool,
    pub restore: Restore,
    /// After how many healthy rounds in a row a failed backend is healthy.
    pub rise: u32,
    /// When the settings were last read, and whether they were good.
    pub reload: Reload,
    /// It was stopped and has written this last; what it knew was so then.
    #[serde(default)]
    pub ended: bool,
}

/// Which backends this monitor brings up again: all that are healthy, or only those that it took down
/// (`--restore`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restore {
    Any,
    Own,
}

/// The last reading of the settings, at the start or at SIGHUP. Where it was not `good`, the settings of
/// before hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    pub at: Time,
    pub good: bool,
}

/// The pool that the monitor asks and tells: a director, or HAProxy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Director {
    /// What it is; a director where the file does not tell.
    #[serde(default)]
    pub kind: PoolKind,
    /// The path of its admin socket, or of HAProxy's stats socket.
    pub socket: String,
    /// Whether it answers.
    pub up: bool,
    /// When reading the last whole list began; null before the first.
    pub list_read: Option<Time>,
    pub ring: Ring,
    /// Since when it answers, does not answer, or the ring is as it is.
    pub since: Time,
    /// The place of this director among the ring's, from 1 in the order of their addresses; null if unknown.
    pub position: Option<usize>,
    /// How many directors the ring has.
    pub members: Option<usize>,
    /// Why the lists could not be read, if they cannot be.
    pub error: Option<String>,
}

/// What there is in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered<'a> {
    /// It is asked for the first time.
    NotYet,
    /// The connection has ended, and another one is being opened: nothing is known to be wrong.
    Reconnecting,
    /// It does not answer, for this cause.
    Failed(&'a str),
}

impl Director {
    /// Why it does not answer, if it does not.
    pub fn unanswered(&self) -> Option<Unanswered<'_>> {
        match (self.up, &self.error, self.list_read) {
            (true, ..) => None,
            (false, Some(cause), _) => Some(Unanswered::Failed(cause)),
            (false, None, None) => Some(Unanswered::NotYet),
            (false, None, Some(_)) => Some(Unanswered::Reconnecting),
        }
    }
}

/// What is asked and told, and by what a person does the same by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    #[default]
    Director,
    Haproxy,
}

impl PoolKind {
    /// For machines.
    pub(crate) fn word(self) -> &'static str {
        match self {
            PoolKind::Director => "director",
            PoolKind::Haproxy => "haproxy",
        }
    }

    /// How it is spoken of.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            PoolKind::Director => Words::OF_DIRECTOR,
            PoolKind::Haproxy => Words::OF_HAPROXY,
        }
    }

    /// Why a rule does not apply, if it does not.
    pub(crate) fn without_rule(self, rule: &str) -> Option<&'static str> {
        match (self, rule) {
            (PoolKind::Haproxy, "ring") => Some("HAProxy has no ring"),
            (PoolKind::Haproxy, "rank") => Some("no other monitor moves first"),
            (PoolKind::Haproxy, _) | (PoolKind::Director, _) => None,
        }
    }
}

/// Whether the directors of the ring agree, as the asked one tells it (DIRECTOR-LIST). Nothing is changed
/// while it is unsynced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ring {
    Synced,
    Unsynced,
    /// The director is too old to tell.
    NotTold,
    /// The director does not answer.
    Unknown,
    /// There is none: HAProxy stands alone.
    None,
}

/// How many backends of one tag there are, and how many could take users. An empty name stands for the
/// backends without a tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    pub tag: String,
    pub backends: usize,
    /// Listed up.
    pub up: usize,
    /// Healthy by their last verdict.
    pub passing: usize,
    /// Up, with a vhost count above 0, and good enough to take the users of another.
    pub refuges: usize,
    /// The sum of the vhost counts of the backends that are up.
    pub vhosts_up: u64,
    /// Of all. A director before 2.2.19 lists a down backend with 0; such a one counts as what it had before.
    pub vhosts: u64,
    pub users: u64,
}

/// One backend that the director lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    pub address: IpAddr,
    /// The name that the operator gives it, if one is known.
    pub name: Option<String>,
    pub tag: String,
    pub vhosts: u32,
    pub users: u64,
    /// As the director lists it; in a dry run, as it would be listed if the commands had been sent.
    pub listed: State,
    /// The director's stamp of its last change, by the clock of the director that made it; where that clock is ahead
    /// by more than a minute, when the list first showed the change. Null if it has never been changed, or that is not
    /// known.
    pub listed_since: Option<Time>,
    pub by: By,
    /// Whether this monitor may undo its down under `restore: own`.
    pub owned: bool,
    pub drain: Drain,
    pub verdict: Verdict,
    pub verdict_since: Option<Time>,
    /// Why, in words; empty if it is healthy or unknown.
    pub cause: String,
    /// Where the schedule stands.
    pub schedule: Schedule,
    /// The action that is wanted, and what the rules say of it.
    pub wanted: Option<Wanted>,
    /// In the order of checking.
    pub services: Vec<Service>,
    /// The last attempts on all its services, the oldest first.
    pub attempts: Vec<Attempt>,
    /// The changes of its listed state within the last day, the oldest first; at most 50.
    pub changes: Vec<Change>,
    /// When its checks had it in doubt or failed within the last day, the oldest first; at most 100.
    #[serde(default)]
    pub unwell: Vec<Unwell>,
    pub day: Day,
}

/// Whether the director sends users to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Up,
    Down,
}

impl Backend {
    /// The rule that holds back what is wanted of it.
    pub fn held_by(&self) -> Option<&RuleAnswer> {
        self.wanted.as_ref()?.held_by()
    }

    /// The service that fails and so ends each attempt before it comes to this one, whose result is from
    /// before that.
    pub fn ended_before<'a>(&'a self, service: &Service) -> Option<&'a Service> {
        let tried = match service.result {
            CheckResult::Pass => service.last_pass?,
            CheckResult::Fail | CheckResult::None => return None,
        };
        let earlier = self.services.iter();
        let mut earlier = earlier.take_while(|other| other.service != service.service);
        earlier.find(|other| {
            let failure = other.failure.as_ref();
            other.result == CheckResult::Fail && failure.map_or(false, |it| it.at > tried)
        })
    }
}

/// Who made the listed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// This monitor.
    Us,
    /// An administrator or another monitor.
    Other,
    /// It was so when this monitor started, or has always been so.
    Unknown,
}

/// What became of the users of a down backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drain {
    None,
    /// They are still to be moved.
    Owed,
    Done,
}

/// What the monitor's own probes say of a backend, whatever the director lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Healthy,
    /// Its last attempt failed, and its tries are not over.
    Doubtful,
    Failed,
    /// No round is over yet, or nothing could be found out from this machine.
    Unknown,
    /// The accounts file does not name it.
    NotChecked,
}

/// When a backend is probed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// When the last attempt began.
    pub last: Option<Time>,
    /// When the next one is due; null while it is under way, or where the time is not known.
    pub next: Option<Time>,
    /// The service that is being tried again, while one is.
    pub retry: Option<Retry>,
}

/// A service that has failed and is tried again before that counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    pub service: String,
    /// Failed attempts so far.
    pub failed: u32,
    /// How many further ones have to fail before it has failed for good.
    pub left: u32,
}

/// What the monitor would do with a backend if no rule held it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    pub action: Action,
    /// All rules, in the order asked.
    pub rules: Vec<RuleAnswer>,
}

impl Wanted {
    /// The rule that holds the action back, if one does.
    pub fn held_by(&self) -> Option<&RuleAnswer> {
        self.rules.iter().find(|rule| rule.answer == Answer::Holds)
    }
}

/// Down and up change the listed state. Drain moves away the users of a backend that is listed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Down,
    Drain,
    Up,
}

/// What one rule says of the wanted action: the engine's own answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleAnswer {
    /// The rule's name, as log and manual call it.
    pub rule: String,
    pub answer: Answer,
    /// Why it holds the action.
    pub reason: Option<String>,
    /// When time alone may end that; null where an event has to.
    pub until: Option<Time>,
    /// What a person can do about it.
    pub advice: Option<String>,
}

/// Whether a rule lets the action pass. The rules are asked in order, and the first that holds it ends
/// the asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Passes,
    Holds,
    /// A rule before it holds.
    NotAsked,
}

/// One service of one backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// As in messages: `imap:143`.
    pub service: String,
    pub result: CheckResult,
    /// Why it cannot be checked from this machine, if so.
    pub unchecked: Option<String>,
    pub last_pass: Option<Time>,
    /// Of the last attempt that passed; of the last failed one if none has.
    pub latency: Option<Span>,
    /// Of the recent attempts that passed: the middle one's duration, and below it the longest.
    pub median: Option<Span>,
    pub worst: Option<Span>,
    /// Attempts since the start.
    pub passes: u64,
    pub failures: u64,
    /// A letter an attempt, the oldest first, at most 60: `.` passed, `x` the backend's fault, `s` a
    /// shared fault, `l` this machine's fault.
    pub recent: String,
    /// The last failure and the last pass, whole.
    pub failure: Option<Dialogue>,
    pub pass: Option<Dialogue>,
    pub certificate: Option<Certificate>,
}

/// What the latest attempt on a service came to, also where the fault is this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    Pass,
    Fail,
    /// Not checked yet.
    None,
}

/// Whose fault a failure is: the backend's own; that of something shared, such as an account or a
/// certificate, which other backends would meet, too; or this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    Service,
    Shared,
    Local,
}

/// One attempt, with what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dialogue {
    pub at: Time,
    pub latency: Span,
    /// What went wrong; null if it passed.
    pub failure: Option<Failure>,
    /// In the order reached; the time from the end of the one before to its own end.
    pub stages: Vec<StageTime>,
    /// A line each, `C: ` what we said, `S: ` what the server said; passwords are blotted out.
    pub lines: Vec<String>,
}

/// Why an attempt failed: how far it got, what went wrong there, and whose fault that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Words of closed lists: see `outcome`.
    pub stage: String,
    pub fault: String,
    pub blame: Blame,
    /// In full, for people.
    pub text: String,
}

/// How long an attempt was in one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    pub stage: String,
    pub took: Span,
}

/// One attempt, in a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Time,
    pub service: String,
    /// "ok", or why not, cut to a few words.
    pub result: String,
    pub latency: Span,
    pub stages: Vec<StageTime>,
    /// How long a message that was delivered took to appear.
    pub delivery: Option<Span>,
}

/// What the certificate of a service says, also where it was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// When it was read.
    pub read: Time,
    /// Of the server's own, and the earliest of those that came with it. Those are seen only where the
    /// certificate was refused and read by a further handshake; else it is the same.
    pub not_after: Time,
    pub chain_not_after: Time,
    pub names: Vec<String>,
    /// Whether the last handshake took it.
    pub accepted: bool,
}

/// What the attempts of the last day came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// When the first slot begins.
    pub from: Time,
    /// How long each of them lasts.
    pub every: Span,
    /// At most 48, the oldest first, without gaps; the last one is not over.
    pub slots: Vec<Slot>,
}

/// In the file an array of five numbers, in this order. The latencies are whole microseconds, of the attempts
/// that passed; 0 where none did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32, u32, u32)", into = "(u32, u32, u32, u32, u32)")]
pub struct Slot {
    pub passes: u32,
    pub failures: u32,
    pub best: u32,
    pub mean: u32,
    pub worst: u32,
}

impl From<(u32, u32, u32, u32, u32)> for Slot {
    fn from((passes, failures, best, mean, worst): (u32, u32, u32, u32, u32)) -> Slot {
        Slot {
            passes,
            failures,
            best,
            mean,
            worst,
        }
    }
}

impl From<Slot> for (u32, u32, u32, u32, u32) {
    fn from(slot: Slot) -> (u32, u32, u32, u32, u32) {
        (slot.passes, slot.failures, slot.best, slot.mean, slot.worst)
    }
}

/// The list showed another state than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub at: Time,
    pub to: State,
    pub by: By,
    /// Why, if we know.
    pub reason: Option<String>,
}

/// A time in which a backend was in doubt, or had failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unwell {
    pub from: Time,
    /// Null if it lasts.
    pub to: Option<Time>,
    /// `doubtful` or `failed`.
    pub verdict: Verdict,
}

/// Something that a person has to look at, and that has not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// A word of a closed list: see `monitor::Topic` and `monitor::Notice`.
    pub alarm: String,
    pub since: Time,
    /// As in the log.
    pub text: String,
}

/// A command of this monitor's; in a dry run, one that it would have sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    pub at: Time,
    pub address: IpAddr,
    pub action: Action,
    /// The line as it was sent, with spaces for tabs.
    pub command: String,
    /// What was answered, or why there is no answer; null while it is awaited.
    pub answer: Option<String>,
    pub took: Option<Span>,
}

/// The next thing that will happen by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextEvent {
    pub at: Time,
    pub address: IpAddr,
    pub event: Event,
}

/// What is due of itself at one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It is tried again.
    Retry,
    /// Its next round begins.
    Round,
    /// A hold ends by itself.
    HoldEnds,
}

/// Since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    pub attempts: Vec<AttemptCount>,
    pub failures: Vec<FailureCount>,
    pub changes: Vec<ChangeCount>,
    pub commands: Vec<CommandCount>,
    pub hook_runs: u64,
    pub hook_failures: u64,
    /// Lines that a log target did not take.
    pub log_lines_lost: u64,
    /// Whether the state file could be written the last time.
    pub state_file_written: bool,
}

/// Of one service over all backends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptCount {
    pub service: String,
    pub passes: u64,
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
    pub count: u64,
    pub sum: Span,
}

/// How many attempts on one service, over all backends, failed at this stage by this fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureCount {
    pub service: String,
    pub stage: String,
    pub fault: String,
    pub blame: Blame,
    pub count: u64,
}

/// How often the list has shown that a backend went to this state, by who changed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeCount {
    pub address: IpAddr,
    pub tag: String,
    pub to: State,
    pub by: By,
    pub count: u64,
}

/// How many commands for this action had this reply, and how long the replies took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandCount {
    pub action: Action,
    pub reply: Reply,
    pub count: u64,
    pub duration: Histogram,
}

/// What the director answered to a command: `OK`, `NOTFOUND`, or one of the reasons it gives for not
/// having done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Ok,
    NotFound,
    Busy,
    SyncTimedOut,
    TryAgain,
    Refused,
    /// No reply.
    Lost,
}

#[cfg(test)]
pub(crate) mod fields;
#[cfg(test)]
pub(crate) mod sample;
