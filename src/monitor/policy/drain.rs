//! The users of a backend that is down and has failed are moved away, however often it must be asked for.
//!
//! A drain is owed from before the down is sent until one `OK` to it is followed by a list with no
//! users. One is owed, too, for a down that somebody else made, if this monitor's own verdict is
//! failed and its synced director has listed users on it for some seconds: the one who took it down
//! may be gone, or may be an administrator who did not know that it would die. The rules that hold a
//! down back hold such a drain back, too, so a monitor that is cut off moves nobody.
//!
//! A down of ours is undone when the backend passes again, and that ends the drain. Somebody else's down
//! may last for ever: when the backend passes here meanwhile, the drain is forgiven, as the backend serves
//! the users who are left. If it fails again, a drain is owed for those who are still there.
//!
//! HAProxy moves users away only after downs of ours: with it no drain is owed for somebody else's down.
//!
//! One drain is owed for each stamp of a down. Once a synced director has listed no users with it,
//! users who appear later are somebody's intent (`doveadm director move` of an administrator who
//! tries a repair) and are left alone. The stamp is of another machine's clock, so it only tells one
//! down from another; how long users have been left is counted from the list that first showed them.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::ownership::DOWN_MAY_LAST;
use super::settle::{growing_pause, is_worth_a_line};
use super::{Action, Hold, Question, Reason, Rule, Sync};
use crate::backend::{HostState, Listed, Stamp};

/// How long whoever took a backend down has to move its users first: a reset shows in the next list,
/// and one with a limit moves some every 2 s.
const GRACE: Duration = Duration::from_secs(4);

/// After so many tries that were answered with `OK` and left users where they are a person has to know. One or two may
/// be a matter of users who log in meanwhile.
const AGAIN_AND_AGAIN: u32 = 3;

/// Whether the users of a backend still have to be moved away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drain {
    /// Nothing is left to do for them, or they are to stay.
    #[default]
    NotOwed,
    /// From before the down is sent until a list shows no users after an `OK` to the drain.
    Owed,
}

impl Drain {
    pub(super) fn of(pending_drain: Option<&PendingDrain>) -> Drain {
        match pending_drain {
            Some(_) => Drain::Owed,
            None => Drain::NotOwed,
        }
    }
}

/// Who is left on a backend that is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Users {
    /// With this stamp of the down, and since when, a synced director has listed users.
    left: Option<(Stamp, Instant)>,
    /// With this one it has listed none.
    drained: Option<Stamp>,
}

impl Users {
    pub(super) fn remembered(drained: Option<Stamp>) -> Users {
        Users {
            left: None,
            drained,
        }
    }

    /// Since when users have been left there that nobody has moved away.
    pub(super) fn left_since(&self) -> Option<Instant> {
        self.left.map(|(_, since)| since)
    }

    /// The down whose users are all gone, or were.
    pub(super) fn drained(&self) -> Option<Stamp> {
        self.drained
    }

    /// A list that tells what was done: not one of a director that has lost its memory.
    pub(super) fn on_list(&mut self, listed: &Listed, sync: Sync, began: Instant) {
        let stamp = listed.changed;
        match (listed.state, sync) {
            (HostState::Up, _) => *self = Users::default(),
            // What an unsynced director lists may lack users, and those who are not left any more.
            (HostState::Down, Sync::Silent | Sync::Unsynced) => self.left = None,
            (HostState::Down, Sync::Synced) if listed.users == 0 => {
                self.left = None;
                self.drained = Some(stamp);
            }
            (HostState::Down, Sync::Synced) if self.drained == Some(stamp) => self.left = None,
            (HostState::Down, Sync::Synced) => {
                if self.left.map(|(of, _)| of) != Some(stamp) {
                    self.left = Some((stamp, began));
                }
            }
        }
    }

    /// The director is not synced, or does not answer.
    pub(super) fn on_ring_lost(&mut self) {
        self.left = None;
    }

    /// The list is of a director that has lost its memory. If it is synced all the same, it may send
    /// users there until it hears of the down again, whom somebody has to move.
    pub(super) fn on_forgotten(&mut self, sync: Sync) {
        self.left = None;
        if sync == Sync::Synced {
            self.drained = None;
        }
    }
}

/// A drain that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingDrain {
    phase: Phase,
    /// Tries after which users were left, or which were not done.
    tries: u32,
    /// Those of them that were answered with `OK`.
    without_effect: u32,
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

impl PendingDrain {
    /// A pending drain made, or read from the state file, now.
    pub fn new(now: Instant) -> PendingDrain {
        PendingDrain {
            phase: Phase::Due { not_before: None },
            tries: 0,
            without_effect: 0,
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

    /// Whether the pool has said several times that the users are moved, and they are not.
    pub(super) fn is_without_effect(&self) -> bool {
        self.without_effect >= AGAIN_AND_AGAIN
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

    /// Whether this list, read from `began` on, still shows users on the backend after an `OK`.
    pub(super) fn on_list(&mut self, began: Instant, users: u64) -> Left {
        match self.phase {
            Phase::Acknowledged { at } if began >= at && users == 0 => Left::Nobody,
            Phase::Acknowledged { at } if began >= at => {
                self.on_not_done(began);
                self.without_effect = self.without_effect.saturating_add(1);
                match is_worth_a_line(self.without_effect, AGAIN_AND_AGAIN) {
                    true => Left::AgainAndAgain,
                    false => Left::Unknown,
                }
            }
            _ => Left::Unknown,
        }
    }
}

/// Who is left on a backend after a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The drain is done.
    Nobody,
    /// The pool says that they have been moved, and lists them all the same.
    AgainAndAgain,
    /// It has not been answered with `OK`, no list has been read since, or it is tried once more.
    Unknown,
}

/// Whether the backend's users need not be moved any more: since it is down a round here has found no fault of its
/// own, it gets as far as the others, the ring is synced, and somebody else keeps it down. `held` is the first hold of
/// the action that is wanted.
pub(super) fn is_forgiven(question: &Question<'_>, held: Option<&Hold>) -> bool {
    let rule = held.map(|hold| hold.reason.rule());
    let is_doubtful = matches!(
        rule,
        Some(Rule::Settle | Rule::Fresh | Rule::Ring | Rule::Bar)
    );
    question.action == Action::MarkUp && !question.member.is_ours() && !is_doubtful
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    if question.action != Action::Drain {
        return None;
    }
    let (reason, until) = match &question.member.pending_drain {
        Some(pending_drain) => match pending_drain.phase {
            Phase::Due { not_before } => (Reason::DrainPause, not_before?),
            Phase::Acknowledged { .. } => return None,
        },
        None => {
            let since = question.member.users.left_since()?;
            (Reason::OthersDrain, since + GRACE)
        }
    };
    (question.now < until).then(|| question.hold_until(reason, until))
}
