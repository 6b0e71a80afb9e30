//! What the status file says of one backend: as it is listed, what the probes say of it, and what would be done.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Attempt, CheckResult, Day, Service, Time};

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
    /// Whether this monitor has to move the backend's users away, and how far it has come. It moves them after its
    /// own down, and after somebody else's if the backend has failed here, too.
    pub drain: Drain,
    /// By this monitor's own probes. A rule may hold back what follows from it.
    pub verdict: Verdict,
    /// Since when this process has had that verdict; null if it is not known.
    pub verdict_since: Option<Time>,
    /// Until when it is left down at least, also if it passes, because it has gone down again and again within an
    /// hour; null if it is up, or that is over. Where no other backend can take its users it comes up sooner.
    #[serde(default)]
    pub unsteady_until: Option<Time>,
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
    /// It was so when this monitor started or first listed it, or has always been so.
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
