//! What a person may want to see, as values: of each backend, the director, the alarms, the last polls.
//!
//! How it is shown is the report's business.

use std::net::IpAddr;
use std::time::Duration;

use crate::backend::{HostState, Listed, Tag};
use crate::config::settings::{Deeds, Restore};
use crate::monitor::policy::{Hold, Rule, Sync};
use crate::pool::Command;

/// How all stands at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub monitor: MonitorView,
    /// In the order of addresses.
    pub backends: Vec<BackendView>,
    /// A line each, of those that were said and have not ended.
    pub alarms: Vec<String>,
    pub director: DirectorView,
    pub summary: Summary,
    /// Commands answered with `OK` after which the list showed another state.
    pub unobserved: u64,
    pub tags: Vec<TagView>,
    /// The last ones, the oldest first.
    pub commands: Vec<CommandView>,
    /// Until something is due, if nothing happens before.
    pub next: Option<Duration>,
}

/// What the monitor was told to do.
#[derive(Clone, Copy, Debug)]
pub struct MonitorView {
    /// Between two rounds of a backend.
    pub interval: Duration,
    pub restore: Restore,
    /// After how many healthy rounds in a row a failed backend is healthy.
    pub rise: u32,
    /// How long ago the settings were last read, and whether they were good.
    pub read: (Duration, bool),
    /// It has been stopped: nothing is done any more.
    pub has_ended: bool,
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
}

/// A command of ours; in a dry run, one that would have been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandView {
    pub address: IpAddr,
    pub command: Command,
    /// How long ago it was sent.
    pub ago: Duration,
    /// What the director said, or why it said nothing; it has not been answered without.
    pub answer: Option<String>,
}

/// Whether what is known of the list can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Currency {
    Current,
    Old,
}

#[derive(Clone, Debug)]
pub struct BackendView {
    /// As it was last listed; in a dry run, as it would be.
    pub listed: Listed,
    /// Whether this monitor made the down that is listed.
    pub is_ours: bool,
    pub currency: Currency,
    /// The last verdict in words, and for how long it has been so.
    pub verdict: Option<(String, Option<Duration>)>,
    pub checks: Checks,
    /// The services that cannot be checked from this machine, and why.
    pub unchecked: Vec<(String, String)>,
    /// The action that is wanted, and the first rule that holds it back.
    pub hold: Option<Hold>,
    /// Until time alone may end that.
    pub hold_ends: Option<Duration>,
    /// The last attempts, the oldest first.
    pub polls: Vec<PollView>,
    /// Whether its users are still to be moved away.
    pub drain_owed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// The accounts file does not name it.
    LeftAlone,
    NoThread,
    Made {
        /// How long ago the last attempt began; none has been made without.
        last: Option<Duration>,
        /// Until the next one; none if it is due.
        next: Option<Duration>,
    },
}

#[derive(Clone, Debug)]
pub struct DirectorView {
    pub socket: String,
    /// How old the last list is, if there is one.
    pub list: Option<Duration>,
    pub currency: Currency,
    pub sync: Sync,
    /// A director before 2.2.16 does not tell whether the ring is synced.
    pub tells_sync: bool,
    /// For how long the director has not answered, or the ring been as it is.
    pub sync_for: Duration,
    pub deeds: Deeds,
}

/// How many stand, in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub deeds: Deeds,
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

/// The last polls of one backend, the oldest first.
#[derive(Clone, Debug)]
pub struct BackendHistory {
    pub address: IpAddr,
    pub polls: Vec<PollView>,
}

#[derive(Clone, Debug)]
pub struct PollView {
    pub ago: Duration,
    pub service: String,
    /// One or a few words.
    pub result: String,
    pub latency: Duration,
    /// How long a message that was delivered took to appear.
    pub delivery: Option<Duration>,
}
