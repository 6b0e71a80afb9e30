//! What a pool can be told of a backend, what that makes of the backend, and what a pool answers.
//!
//! Values only. How an act is said is each kind's own business.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::backend::HostState;
use crate::quote::Quote;

/// What a pool can be told of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// No more users are sent to the backend.
    MarkDown,
    /// Move the users of a down backend away.
    Drain,
    /// Users are sent to it again.
    MarkUp,
}

impl Action {
    /// What the pool lists once it is done; a drain changes no state.
    pub(crate) fn state(self) -> Option<HostState> {
        match self {
            Action::MarkDown => Some(HostState::Down),
            Action::MarkUp => Some(HostState::Up),
            Action::Drain => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::MarkDown => "down",
            Action::Drain => "drain",
            Action::MarkUp => "up",
        })
    }
}

/// An action that is to be carried out, with all that a pool may need for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The backend that it is about.
    pub address: IpAddr,
    /// What is to become of it.
    pub action: Action,
    /// How users are moved away.
    pub drain: DrainMode,
    /// The weight that the backend had before this monitor took it down, if that is known.
    pub vhosts_before: Option<u32>,
    /// Whose doing it is that the backend is down, if it is.
    pub owner: Owner,
}

/// Who took a backend down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This monitor, and nobody has since.
    Us,
    /// Somebody else, or nobody knows.
    Other,
}

/// After whose downs a pool moves users away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drains {
    /// After every down, whoever made it.
    #[default]
    AfterAnyDown,
    /// Only after downs of this monitor's. The users of what somebody else took down are left to that person.
    AfterOurDowns,
}

/// How a down backend's users are moved away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrainMode {
    /// Kicked, so many at a time; they connect elsewhere.
    Move {
        /// `--max-moves`. HAProxy knows none and moves all.
        limit: MoveLimit,
    },
    /// Forgotten, poolmon's way: open sessions go on hanging.
    Drop,
    /// Not at all: they stay until their sessions end.
    Leave,
}

/// How many users are moved at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveLimit {
    /// At once.
    #[default]
    All,
    /// At least one: a director refuses zero.
    AtMost(NonZeroU32),
}

/// What a command makes of the backend in the pool's list, once it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// This state, with the stamp of the change.
    State(HostState),
    /// This weight. Zero is down, any other is up, and no change is stamped.
    Weight(u32),
    /// No users: they are kicked and can connect elsewhere.
    UsersMoved,
    /// No users: it is forgotten where they are; open sessions go on.
    UsersForgotten,
}

/// What a pool says to a command. Only `Ok` means done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The pool says that it is done. The next list has to show it.
    Ok,
    /// The pool has no backend of this address any more: a director's answer, or what HAProxy lists.
    NotFound,
    /// An earlier change of the backend is not complete yet.
    Busy,
    /// Done or not done: the list has to tell.
    RingSyncTimedOut,
    /// A director's TRYAGAIN: the same command may succeed later.
    TryAgain,
    /// Any other answer, by its text.
    Refused(Quote),
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Ok => f.write_str("ok"),
            Reply::NotFound => f.write_str("no backend has this address"),
            Reply::Busy => f.write_str("backend is already being updated, try again later"),
            Reply::RingSyncTimedOut => f.write_str("ring sync timed out"),
            Reply::TryAgain => f.write_str("try again later"),
            Reply::Refused(text) => write!(f, "refused {text}"),
        }
    }
}
