//! One monitor moves first: the one whose director stands first in the ring.
//!
//! Our director's place among the listed ones gives the delay; after it the list is read again, and
//! what another has done by then needs no doing. An unseen dead director costs one delay.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Action, Hold, Need, Question, Reason};
use crate::director::wire::{DirectorKind, DirectorStatus, Ring, RingDirector};

const STEP: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(2);

/// How long our director leaves the first move to those before it, in the order of addresses, which
/// is the same for all. Directors that were removed, and neighbours known not to be synced, are
/// nobody to wait for. A neighbour may be listed once for each side.
pub fn turn_delay(ring: &Ring) -> Duration {
    let place = |director: &RingDirector| (director.address, director.port);
    let ours = ring
        .directors
        .iter()
        .find(|director| director.kind == DirectorKind::SelfHere)
        .map(place);
    let mut before: BTreeMap<_, bool> = BTreeMap::new();
    for director in &ring.directors {
        if Some(place(director)) < ours {
            *before.entry(place(director)).or_insert(true) &= may_move(director);
        }
    }
    let movers = before.values().filter(|may_move| **may_move).count();
    STEP.saturating_mul(u32::try_from(movers).unwrap_or(u32::MAX))
        .min(LONGEST)
}

fn may_move(director: &RingDirector) -> bool {
    director.kind != DirectorKind::Removed
        && matches!(
            director.status,
            DirectorStatus::Synced | DirectorStatus::NotConnected | DirectorStatus::NotTold
        )
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

pub(super) fn hold(question: &Question<'_>, turn: Turn) -> Option<Hold> {
    if question.now < turn.due {
        return Some(question.hold_until(Reason::Turn, turn.due));
    }
    match question.fleet.list_began() {
        Some(began) if began >= turn.due => None,
        _ => Some(question.hold_for(Reason::Turn, Need::List)),
    }
}
