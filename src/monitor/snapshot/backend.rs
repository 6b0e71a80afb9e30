//! What a person may want to see of one backend.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{HostState, Listed};
use crate::monitor::policy::{By, Explanation, Hold};
use crate::outcome::{Outcome, StageTimes};

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
    /// How long it is still left down at least, passing or not, because it has gone down again and again; none where
    /// it is up or that is over. Where no other backend can take its users it comes up sooner.
    pub unsteady_for: Option<Duration>,
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
    /// Where rule refuge holds a down: healthy backends that are up with vhost count 0. Empty otherwise.
    pub out_of_rotation: Vec<IpAddr>,
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
    /// Of the last attempt that passed; `None` if none has.
    pub latency: Option<Duration>,
    /// Of the recent attempts that passed: the middle one's duration, and below it the longest.
    pub median: Option<Duration>,
    /// `None`, as the median, if none of the recent attempts passed.
    pub worst: Option<Duration>,
    /// Attempts since the start, or since other services were checked.
    pub passes: u64,
    /// In the same time, whosever fault they were.
    pub failures: u64,
    /// How long ago the first of these attempts began; `None` before it.
    pub tried_for: Option<Duration>,
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

/// Whether what is known of the list can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Currency {
    /// The last list is at most 3 s old, and the director answers.
    Current,
    /// There is none, it is older, or the director is silent.
    Old,
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
    /// Of the whole attempt, whether it passed or failed.
    pub latency: Duration,
    /// How long a message that was delivered took to appear.
    pub delivery: Option<Duration>,
    /// Empty while no file is published.
    pub stages: StageTimes,
}
