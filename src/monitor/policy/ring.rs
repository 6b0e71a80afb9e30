//! No changing command, drains included, unless the ring is synced.
//!
//! An unsynced director keeps HOST-UP and HOST-DOWN waiting for 30 s, and answers HOST-RESET-USERS
//! with an `OK` that is not true. A just started one lists every backend as up
//! until it has heard the ring.

use super::{Hold, Question, Reason};

/// What DIRECTOR-LIST last said of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// No list has been read yet, or the director no longer answers.
    Silent,
    Unsynced,
    Synced,
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    match question.fleet.sync() {
        Sync::Synced => None,
        Sync::Unsynced => Some(question.hold(Reason::RingUnsynced)),
        Sync::Silent => Some(question.hold(Reason::Silent)),
    }
}
