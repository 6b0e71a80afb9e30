//! One reading of a pool: its members, and whether and how it can be told something now.
//!
//! Values only.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::backend::Listed;
use crate::quote::Quote;

use super::Particulars;

/// How long one reading may take, opening the connection included. A pool that runs answers in a
/// millisecond.
pub const READING_DEADLINE: Duration = Duration::from_secs(5);

/// What a pool showed at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Just before the pool was asked.
    pub began: Instant,
    /// Each address once.
    pub members: Vec<Listed>,
    /// At the time of this reading; each one tells it anew.
    pub readiness: Readiness,
    /// How many monitors may move before this one (`policy::turn_delay`).
    pub movers_before: usize,
    /// For people alone.
    pub place: Place,
    /// The same for all readings of one kind of pool.
    pub forgotten: Forgotten,
    /// By what this pool can be told, as the reading shows it.
    pub acts: Acts,
    /// What could have been a backend, and cannot be read; and what else is skipped.
    pub malformed: Malformed,
    /// For `Ways::on_reading` of the same kind.
    pub particulars: Particulars,
}

/// Whether acts that a pool forgets when it starts anew can come back by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forgotten {
    /// The others of the ring may tell it again.
    #[default]
    MayReturn,
    /// Nobody but this monitor can tell it again.
    IsLost,
}

/// Where what was asked stands among those that share the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// From 1; not known without.
    pub position: Option<usize>,
    /// How many they are.
    pub members: Option<usize>,
}

/// Whether it is safe to change something now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It is safe, or nothing can be unsynced (HAProxy).
    Synced,
    /// It is not: what is told now may come late, or never.
    Unsynced,
    /// The pool does not say whether it is synced. That holds nothing back.
    NotTold,
    /// A word that we do not know is taken for unsynced. Empty if there was none where one was due.
    Unknown(Quote),
}

/// What there is to tell a pool with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acts {
    /// Up and down are commands, and each change is stamped.
    #[default]
    UpAndDown,
    /// Only weights can be set: zero is down, and no change is stamped.
    WeightsOnly,
}

/// The lines of a list that are skipped for one cause: the first few, and how many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Malformed {
    /// The first 8, as quoted text of the pool.
    pub shown: Vec<Quote>,
    /// 0 if there was none.
    pub count: usize,
    /// Of a whole reading: the lines that are skipped for other causes. None where there is no such line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Box<Others>>,
}

/// Lines that are skipped, and are no backend that is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// Lines about a backend that an earlier line lists: the earlier line counts.
    pub repeated: Malformed,
    /// Lines of the list of directors that cannot be read.
    pub of_ring: Malformed,
}

impl Malformed {
    const MOST_SHOWN: usize = 8;

    pub(super) fn add(&mut self, line: &[u8]) {
        self.count += 1;
        if self.shown.len() < Malformed::MOST_SHOWN {
            self.shown.push(Quote::new(line));
        }
    }

    /// With what is skipped for other causes.
    pub(crate) fn beside(self, others: Others) -> Malformed {
        let others = (others != Others::default()).then(|| Box::new(others));
        Malformed { others, ..self }
    }
}
