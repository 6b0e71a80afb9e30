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
    /// The pool that is watched, also where it is HAProxy.
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
    /// Each begins at 0 when the process starts; nothing of it is kept over a restart.
    pub counters: Counters,
}

/// The monitor that wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// `FORMAT` of the program that wrote the file. Readers here refuse any other.
    pub format: u32,
    /// As `--version` tells it, without the program's name: `1.1.0`.
    pub version: String,
    /// The process that keeps the file up to date. Readers say that the monitor has ended once no such process
    /// exists.
    pub pid: u32,
    /// The machine's name.
    pub name: String,
    /// When the process started. A reload does not change it.
    pub started: Time,
    /// When the state that the file shows was taken; the other times are reckoned from it, but for `started`.
    pub written: Time,
    /// Between two rounds of a backend.
    pub interval: Span,
    /// Between two that go beyond the greeting, while all is well; 0 if each does.
    #[serde(default)]
    pub login_interval: Span,
    /// `--dry-run`: no changing command is sent. `Backend::listed` and `commands` then tell what would have been.
    pub dry_run: bool,
    /// `--restore`, as the last good reading of the settings has it.
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
    /// `--restore=any`, the default but for dovemon: whatever is healthy, whoever took it down.
    Any,
    /// `--restore=own`: only what this monitor took down. With HAProxy it is always so.
    Own,
}

/// The last reading of the settings, at the start or at SIGHUP. Where it was not `good`, the settings of
/// before hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    /// The start, until SIGHUP first had them read again.
    pub at: Time,
    /// False only after SIGHUP: with bad settings the program does not start.
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
    /// For HAProxy always `none`.
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
    /// A Dovecot director; a person uses `doveadm director`.
    #[default]
    Director,
    /// HAProxy; a person uses its stats socket.
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
    /// All agree, so that changes can be made.
    Synced,
    /// They do not, or the status is a word that this program does not know.
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
    /// The name as the pool lists it, unescaped. Of HAProxy the sections that a mail server stands in, with commas.
    pub tag: String,
    /// At least 1, as only tags of listed backends are here; down ones and those not checked count, too.
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
    /// Users of all these backends: as many as the director has sent there and still remembers. With HAProxy: sessions.
    pub users: u64,
}

/// One backend that the director lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// As the director lists it; each address once.
    pub address: IpAddr,
    /// The name that the operator gives it, if one is known.
    pub name: Option<String>,
    /// The name as in `tags`; empty without one.
    pub tag: String,
    /// The vhost count, or of HAProxy the weight. With 0 no new users are sent there, which is not `down`.
    pub vhosts: u32,
    /// As the director counts them; of HAProxy the sessions. In a dry run 0 after a move that would have been made.
    pub users: u64,
    /// As the director lists it; in a dry run, as it would be listed if the commands had been sent.
    pub listed: State,
    /// The director's stamp of its last change, by the clock of the director that made it; where that clock is ahead
    /// by more than a minute, when the list first showed the change. Null if it has never been changed, or that is not
    /// known.
    pub listed_since: Option<Time>,
    /// Of the state in `listed`, as far as it can be told from the lists and the commands sent.
    pub by: By,
    /// Whether this monitor may undo its down under `restore: own`.
    pub owned: bool,
    /// What became of the users whom this monitor has to move: after its own down, or after another's if the backend
    /// has failed here, too.
    pub drain: Drain,
    /// By this monitor's own probes. A rule may hold back what follows from it.
    pub verdict: Verdict,
    /// Since when this process has had that verdict; null if it is not known.
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
    /// Without slots while nothing is known of the last day.
    pub day: Day,
}

/// Whether the director sends users to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Users are sent to it, if its vhost count is above 0.
    Up,
    /// No user is sent to it; those who are there stay until they are moved.
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
    /// No move is owed, and none was seen to be complete: so it is for a backend that is up and is not being taken
    /// down.
    None,
    /// They are still to be moved.
    Owed,
    /// The director has listed no users since, with the same stamp of the down.
    Done,
}

/// What the monitor's own probes say of a backend, whatever the director lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All that can be checked from this machine passed; after a failure, `--rise` rounds in a row.
    Healthy,
    /// Its last attempt failed, and its tries are not over.
    Doubtful,
    /// A service failed at every try, `--fall` rounds in a row.
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
    /// As in messages: `imap:143`.
    pub service: String,
    /// Failed attempts so far.
    pub failed: u32,
    /// How many further ones have to fail before it has failed for good.
    pub left: u32,
}

/// What the monitor would do with a backend if no rule held it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// What the verdict asks for in place of what is listed.
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
    /// Of a backend that has failed and is listed up.
    Down,
    /// Of a backend that has failed and is listed down: its users are still to be moved.
    Drain,
    /// Of a healthy backend that is listed down.
    Up,
}

/// What one rule says of the wanted action: the engine's own answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleAnswer {
    /// The rule's name, as log and manual call it.
    pub rule: String,
    /// `holds` for one rule at most.
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
    /// As far as this rule goes, the action may be done.
    Passes,
    /// The action waits; `RuleAnswer::reason` says why.
    Holds,
    /// A rule before it holds.
    NotAsked,
}

/// One service of one backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// As in messages: `imap:143`.
    pub service: String,
    /// Of the latest attempt, whatever the verdict is by now.
    pub result: CheckResult,
    /// Why it cannot be checked from this machine, if so.
    pub unchecked: Option<String>,
    /// When the last attempt that passed began; null if none has since the start, or since the services of the
    /// backend changed.
    pub last_pass: Option<Time>,
    /// Of the last attempt that passed; of the last failed one if none has.
    pub latency: Option<Span>,
    /// Of the recent attempts that passed: the middle one's duration, and below it the longest.
    pub median: Option<Span>,
    /// Null, as the median, if none of the recent attempts passed.
    pub worst: Option<Span>,
    /// Attempts since the start.
    pub passes: u64,
    /// Failed attempts in the same time, whosever fault they were.
    pub failures: u64,
    /// A letter an attempt, the oldest first, at most 60: `.` passed, `x` the backend's fault, `s` a
    /// shared fault, `l` this machine's fault.
    pub recent: String,
    /// The last failure and the last pass, whole.
    pub failure: Option<Dialogue>,
    /// Null if none has passed in that time.
    pub pass: Option<Dialogue>,
    /// Of the later of `failure` and `pass` that showed one; null without TLS, or if none could be read.
    pub certificate: Option<Certificate>,
}

/// What the latest attempt on a service came to, also where the fault is this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It passed, perhaps with a remark.
    Pass,
    /// It failed, whosever fault that was.
    Fail,
    /// Not checked yet.
    None,
}

/// Whose fault a failure is: the backend's own; that of something shared, such as an account or a
/// certificate, which other backends would meet, too; or this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The backend's own.
    Service,
    /// Of something that other backends depend on, too.
    Shared,
    /// Of the machine that the monitor runs on.
    Local,
}

/// One attempt, with what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dialogue {
    /// When the attempt began, before the connection was opened.
    pub at: Time,
    /// Of the whole attempt, with the good-bye.
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
    /// What went wrong at that stage.
    pub fault: String,
    /// How the failure counts: a shared fault takes a backend down only where most others get further, one of this
    /// machine never.
    pub blame: Blame,
    /// In full, for people.
    pub text: String,
}

/// How long an attempt was in one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// A word of the closed list of `outcome::Stage`.
    pub stage: String,
    /// From the end of the stage before, or the beginning of the attempt.
    pub took: Span,
}

/// One attempt, in a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began, before the connection was opened.
    pub at: Time,
    /// As in messages: `imap:143`.
    pub service: String,
    /// "ok", or why not, cut to a few words.
    pub result: String,
    /// Of the whole attempt, with the good-bye, whether it passed or failed.
    pub latency: Span,
    /// As in `Dialogue::stages`; empty if no file was published when the attempt was made.
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
    /// Never later than `not_after`.
    pub chain_not_after: Time,
    /// The first 4 of those that count (RFC 6125, 6.4.4: the common name only where no alternative name is given),
    /// each cut to 100 bytes and escaped.
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
    /// How many attempts on all services of the backend passed; at most 65,535 are counted.
    pub passes: u32,
    /// How many failed, whosever fault it was; at most 65,535 are counted.
    pub failures: u32,
    /// The shortest latency.
    pub best: u32,
    /// The average; after 65,534 passes it stays as it is.
    pub mean: u32,
    /// The longest latency.
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
    /// When the list that first showed it was taken in, by this machine's clock.
    pub at: Time,
    /// The state since then.
    pub to: State,
    /// As far as it can be told from the list and the commands sent.
    pub by: By,
    /// Why, if we know.
    pub reason: Option<String>,
}

/// A time in which a backend was in doubt, or had failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unwell {
    /// When it came to stand so. What comes back within 5 minutes counts as the same one.
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
    /// Since when it has been so, which may be a while before it was said.
    pub since: Time,
    /// As in the log.
    pub text: String,
}

/// A command of this monitor's; in a dry run, one that it would have sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// When it was sent.
    pub at: Time,
    /// The one backend that the command is about.
    pub address: IpAddr,
    /// What it was sent for.
    pub action: Action,
    /// The line as it was sent, with spaces for tabs.
    pub command: String,
    /// What was answered, or why there is no answer; null while it is awaited.
    pub answer: Option<String>,
    /// From the sending to the reply, or to the moment when it was given up; null while the reply is awaited.
    pub took: Option<Span>,
}

/// The next thing that will happen by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextEvent {
    /// Later than `Monitor::written`.
    pub at: Time,
    /// The backend at which it is due.
    pub address: IpAddr,
    /// What it is; `round` only if no backend has another one.
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
    /// `OK`. Whether it took effect is told by the next list.
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

#[cfg(test)]
pub(crate) mod fields;
#[cfg(test)]
pub(crate) mod sample;
