//! The users of a backend that we took down are moved away, however often it must be asked for.
//!
//! A drain is owed from before HOST-DOWN is sent until one `OK` to it is followed by a list with no
//! users. Users who appear on the backend after that are somebody's intent (`doveadm director move`
//! of an administrator who tries a repair) and are left alone.

use std::time::Instant;

use super::ownership::DOWN_MAY_LAST;
use super::settle::growing_pause;
use super::{Action, Hold, Question, Reason};

/// A drain that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debt {
    phase: Phase,
    /// Tries after which users were left, or which were not done.
    tries: u32,
    firm_after: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Due {
        not_before: Option<Instant>,
    },
    /// Answered with `OK`; a list begun later is to show no users.
    Acknowledged {
        at: Instant,
    },
}

impl Debt {
    /// A debt made, or read from the ledger, now.
    pub fn new(now: Instant) -> Debt {
        Debt {
            phase: Phase::Due { not_before: None },
            tries: 0,
            firm_after: now + DOWN_MAY_LAST,
        }
    }

    pub(super) fn is_due(&self) -> bool {
        matches!(self.phase, Phase::Due { .. })
    }

    /// Whether a backend listed up at this time has no users to move any more.
    pub(super) fn ends_when_up(&self, now: Instant) -> bool {
        now >= self.firm_after
    }

    pub(super) fn on_done(&mut self, now: Instant) {
        self.phase = Phase::Acknowledged { at: now };
    }

    pub(super) fn on_not_done(&mut self, now: Instant) {
        self.tries = self.tries.saturating_add(1);
        self.phase = Phase::Due {
            not_before: Some(now + growing_pause(self.tries)),
        };
    }

    /// The last try has not reached the director, which answers again.
    pub(super) fn on_director_back(&mut self) {
        if self.is_due() {
            self.phase = Phase::Due { not_before: None };
        }
    }

    /// Whether this list, read from `began` on, shows the debt paid.
    pub(super) fn on_list(&mut self, began: Instant, users: u64) -> bool {
        match self.phase {
            Phase::Acknowledged { at } if began >= at => {
                if users > 0 {
                    self.on_not_done(began);
                }
                users == 0
            }
            _ => false,
        }
    }
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    if question.action != Action::Drain {
        return None;
    }
    match question.member.debt.as_ref()?.phase {
        Phase::Due {
            not_before: Some(until),
        } if question.now < until => Some(question.hold_until(Reason::DrainPause, until)),
        _ => None,
    }
}
