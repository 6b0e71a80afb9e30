//! Whose down it is: with `--restore=own` only what this monitor took down is brought up by it.
//!
//! A down is ours if we sent HOST-DOWN while the list showed `U`, and the stamp it then shows is not
//! older than the second of sending, nor younger than the director can have taken over it. Any `U`
//! that we did not send ends it. Stamps are compared with stamps and with that second, never with a
//! running clock: what somebody else does within the same second, or within the skew of the
//! directors' clocks, cannot be told apart.

use std::time::{Duration, Instant};

use super::{Action, Hold, Question, Reason};
use crate::backend::{HostState, Listed, Stamp};
use crate::config::settings::Restore;

/// How long after HOST-DOWN was sent the director may still carry it out: it waits for the ring
/// twice, 30 s each time. A list that shows the backend up before that does not prove that it will not.
pub(super) const DOWN_MAY_LAST: Duration = Duration::from_secs(65);

/// What a director before 2.2.19 gives for a stamp: with it, whoever remembers a down owns it.
const NEVER_STAMPED: Stamp = Stamp(0);

/// A HOST-DOWN of ours, as the ledger keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnDown {
    /// What the list showed before, with `U`.
    pub stamp_before: Stamp,
    /// The second of the wall clock before it was sent.
    pub sent: Stamp,
    /// The vhost count before: all that brings a backend up again on a director before 2.2.19.
    pub vhosts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// Somebody else's, or nobody's.
    Foreign,
    /// HOST-DOWN was sent; the list has not shown it yet.
    Claimed {
        down: OwnDown,
        until: Instant,
    },
    Ours {
        down: OwnDown,
        changed: Stamp,
    },
}

impl Ownership {
    pub(super) fn claim(down: OwnDown, now: Instant) -> Ownership {
        Ownership::Claimed {
            down,
            until: now + DOWN_MAY_LAST,
        }
    }

    /// What the ledger's entry makes of a backend that is listed so.
    pub(super) fn remembered(down: Option<OwnDown>, listed: &Listed, now: Instant) -> Ownership {
        let mut ownership = down.map_or(Ownership::Foreign, |down| Ownership::claim(down, now));
        ownership.on_listed(listed, Settled::Yes, now);
        ownership
    }

    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Ownership::Ours { .. })
    }

    /// Whether a list has still to show it as ours, or time to pass without one that does.
    pub(super) fn is_claimed(&self) -> bool {
        matches!(self, Ownership::Claimed { .. })
    }

    pub(super) fn down(&self) -> Option<OwnDown> {
        match self {
            Ownership::Foreign => None,
            Ownership::Claimed { down, .. } | Ownership::Ours { down, .. } => Some(*down),
        }
    }

    pub(super) fn on_listed(&mut self, listed: &Listed, settled: Settled, now: Instant) {
        let changed = listed.changed;
        *self = match (*self, listed.state) {
            (Ownership::Claimed { down, .. }, HostState::Down) if made_by(&down, changed) => {
                Ownership::Ours { down, changed }
            }
            (claimed @ Ownership::Claimed { until, .. }, HostState::Up)
                if settled == Settled::No || now < until =>
            {
                claimed
            }
            (
                ours @ Ownership::Ours {
                    changed: before, ..
                },
                HostState::Down,
            ) if changed == before => ours,
            _ => Ownership::Foreign,
        };
    }
}

/// Whether the list shows what our last command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    No,
    Yes,
}

fn made_by(down: &OwnDown, changed: Stamp) -> bool {
    if changed == NEVER_STAMPED {
        return true;
    }
    let latest = Stamp(down.sent.0.saturating_add(DOWN_MAY_LAST.as_secs()));
    (down.sent..=latest).contains(&changed)
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    let listed = &question.member.listed;
    if question.action != Action::MarkUp || question.member.ownership.is_ours() {
        return None;
    }
    // The vhost count that would bring it up is known only to who took it away.
    let count_unknown = listed.vhosts == 0 && listed.changed == NEVER_STAMPED;
    if question.fleet.rules().restore == Restore::Any && !count_unknown {
        return None;
    }
    Some(question.hold(Reason::NotOurs {
        address: question.address,
    }))
}
