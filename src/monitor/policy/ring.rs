//! No changing command, drains included, unless the ring is synced.
//!
//! What an unsynced pool is told may come late or never, and what it answers and lists may not be true.

use super::{Hold, Question, Reason};

/// What the last reading said of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// No list has been read yet, or the director no longer answers.
    Silent,
    /// The director answers, and says that the ring is not synced, or a word that we do not know.
    Unsynced,
    /// It is synced, or the pool does not tell (a director before 2.2.16), or it has no ring (HAProxy).
    Synced,
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    match question.backends.sync() {
        Sync::Synced => None,
        Sync::Unsynced => Some(question.hold(Reason::RingUnsynced)),
        Sync::Silent => Some(question.hold(Reason::Silent)),
    }
}
