//! The shared words for what a pool lists: a backend, its tag, its state.
//!
//! Values only. It knows no kind of pool and no decision (`policy`).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::quote::Quote;

/// The pool's name for a group of backends; users of one tag are only sent to its backends.
///
/// Backends without a tag are a group, too: that of the empty name.
#[derive(Clone, Debug, Default, Eq, Serialize, Deserialize)]
pub struct Tag(String);

/// Most are empty, and memcmp of two empty strings takes a hundred times as long as this on some processors: it looks
/// where an empty string's pointer leads.
impl PartialEq for Tag {
    fn eq(&self, other: &Tag) -> bool {
        (self.0.is_empty() && other.0.is_empty()) || self.0 == other.0
    }
}

impl Ord for Tag {
    fn cmp(&self, other: &Tag) -> Ordering {
        match self.0.is_empty() && other.0.is_empty() {
            true => Ordering::Equal,
            false => self.0.cmp(&other.0),
        }
    }
}

impl PartialOrd for Tag {
    fn partial_cmp(&self, other: &Tag) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Tag {
    /// The name as the pool lists it, without escaping; empty for backends without a tag.
    pub fn new(name: impl Into<String>) -> Tag {
        Tag(name.into())
    }

    /// The name as the pool lists it. It is text of others: show it through [`Quote`], or by `Display`.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// What follows the word backend or backends.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("without a tag")
        } else {
            write!(f, "with tag {}", Quote::new(&self.0))
        }
    }
}

/// Whether users are sent to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    Up,
    Down,
}

impl fmt::Display for HostState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HostState::Up => "up",
            HostState::Down => "down",
        })
    }
}

/// When a state was last changed: whole seconds since 1970 of the clock of whoever carried the change out
/// (the director's `last_updown_change`); zero means never. Compared with other stamps only, never with a running clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp(pub u64);

/// One member of a pool, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub address: IpAddr,
    /// The weight. Zero: an operator took the backend out of rotation, which is not `Down`.
    pub vhosts: u32,
    /// How many users the pool has sent to it and not moved away or forgotten.
    pub users: u64,
    pub tag: Tag,
    pub state: HostState,
    /// When the state was last changed.
    pub changed: Stamp,
}

impl Listed {
    /// Whether it is down by its vhost count alone, which is how a director before 2.2.19 has it: there
    /// is no state, and no change is stamped. A newer one stamps whatever takes a backend down.
    pub fn is_down_by_vhost_count(&self) -> bool {
        self.state == HostState::Down && self.vhosts == 0 && self.changed == Stamp(0)
    }
}
