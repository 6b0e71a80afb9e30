//! One monitor moves first: the one whose director stands first in the ring.
//!
//! Our director's place among the listed ones gives the delay; after it the list is read again, and
//! what another has done by then needs no doing. An unseen dead director costs one delay.

use std::time::{Duration, Instant};

use super::{Action, Hold, Need, Question, Reason};

const STEP: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(2);

/// How long this monitor leaves the first move to so many that stand before it.
pub fn turn_delay(before: usize) -> Duration {
    STEP.saturating_mul(u32::try_from(before).unwrap_or(u32::MAX))
        .min(LONGEST)
}

/// When this monitor may do what it wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) action: Action,
    due: Instant,
}

impl Turn {
    pub(super) fn new(action: Action, due: Instant) -> Turn {
        Turn { action, due }
    }
}

/// Whether monitors take turns at it: at what each of them finds out for itself. What is owed is for who
/// owes it.
pub(super) fn concerns(question: &Question<'_>) -> bool {
    question.action == Action::MarkUp || question.acts_on_failure()
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    if !concerns(question) {
        return None;
    }
    let turn = question.turn;
    if question.now < turn.due {
        return Some(question.hold_until(Reason::Turn, turn.due));
    }
    match question.backends.list_began() {
        Some(began) if began >= turn.due => None,
        _ => Some(question.hold_for(Reason::Turn, Need::List)),
    }
}
