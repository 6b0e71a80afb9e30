//! The status file: how all stands, as values with names that last, for everybody who looks.
//!
//! The daemon makes it of the engine's snapshot; `status`, `explain`, metrics and the page are made of it
//! alone, so that each of them shows the same. It knows no engine, no file and no clock. Times are seconds
//! since 1970 by the wall clock of the machine that wrote it, spans are seconds. All text that came from a
//! server has passed `Quote`. Readers ignore fields that they do not know; a field that is taken away, or
//! means something else, raises `FORMAT`.

mod backend;
mod counters;
mod from_snapshot;
mod service;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::pool::Words;

pub use backend::{
    Action, Answer, Backend, By, Change, Drain, Retry, RuleAnswer, Schedule, State, Unwell,
    Verdict, Wanted,
};
pub use counters::{
    AttemptCount, ChangeCount, CommandCount, Counters, FailureCount, Histogram, Reply,
    COMMAND_BOUNDS, LATENCY_BOUNDS,
};
pub(crate) use from_snapshot::{document, Writer};
pub use service::{
    Attempt, Blame, Certificate, CheckResult, Day, Dialogue, Failure, Service, Slot, StageTime,
};

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
    /// Not in the file: a filter of the reader's has left out what it does not show.
    #[serde(skip)]
    pub is_part: bool,
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

impl Document {
    /// Whether this monitor never brings this backend up, as it undoes only its own downs and this is none.
    pub(crate) fn leaves_down(&self, backend: &Backend) -> bool {
        self.poolmon.restore == Restore::Own && !backend.owned
    }

    /// Whether a list has been read, and has no backend: not where it has some that cannot be read.
    pub(crate) fn lists_none(&self) -> bool {
        let is_unreadable = |alarm: &Alarm| alarm.alarm == "malformed_lines";
        self.director.list_read.is_some()
            && self.backends.is_empty()
            && !self.is_part
            && !self.alarms.iter().any(is_unreadable)
    }
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
    /// Healthy by their last verdict, and still checked from this machine.
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

#[cfg(test)]
pub(crate) mod fields;
#[cfg(test)]
pub(crate) mod sample;
