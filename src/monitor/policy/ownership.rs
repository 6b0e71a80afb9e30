//! Who took a backend down: with `--restore=own` this monitor brings up only what it took down itself.
//!
//! A down is ours if we sent it while the list showed `U`, the director may have carried it out, and the
//! stamp that the list then shows is not older than the second of sending, nor younger than the director
//! can have taken over it. From then on that stamp proves it. A list with an older stamp, 0 above all, is
//! a restarted director that has lost its memory: nobody did anything, so the down is still ours when the
//! ring tells the director of it again. A stamp that is not older and not ours is somebody's act, and ends
//! it.
//!
//! Stamps are compared with stamps and with the second of sending, never with a running clock: what
//! somebody else does within the same second, or within the skew of the directors' clocks, cannot be
//! told apart.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Action, Backends, Hold, Member, Question, Reason};
use crate::backend::{HostState, Listed, Stamp};
use crate::config::settings::Restore;

/// How long after a down was sent the director may still carry it out: it waits for the ring
/// twice, 30 s each time. A list that shows the backend up before that does not prove that it will not.
pub(super) const DOWN_MAY_LAST: Duration = Duration::from_secs(65);

/// What a director before 2.2.19 gives for a stamp: with it, whoever remembers a down owns it.
const NEVER_STAMPED: Stamp = Stamp(0);

/// A down of ours, written down before it is sent. Its form in the state file is this one, by serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDown {
    /// What the list showed before, with `U`. Earlier versions need it to read the file.
    pub stamp_before: Stamp,
    /// The second of the wall clock before it was sent.
    pub sent: Stamp,
    /// The vhost count before: all that brings a backend up again on a director before 2.2.19.
    #[serde(default)]
    pub vhosts: u32,
    /// The stamp of the down that is ours, once a list has shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
}

/// The down of ours, if there is one; without, it is somebody else's or nobody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ownership {
    down: Option<OwnDown>,
    /// A down was sent and no list has shown it yet.
    claim: Option<Claim>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    /// The second of the first down that no list has shown yet; the latest is not always the one
    /// that was carried out.
    first_sent: Stamp,
    /// A list may still show it until then.
    until: Instant,
}

impl Ownership {
    /// A down is being sent. One of ours that the director has only forgotten may still be the
    /// one that it is told of by the ring.
    pub(super) fn claim(&mut self, down: OwnDown, now: Instant) {
        let stamp = self.down.and_then(|down| down.stamp);
        *self = Ownership {
            down: Some(OwnDown { stamp, ..down }),
            claim: Some(Claim {
                first_sent: self.claim.map_or(down.sent, |claim| claim.first_sent),
                until: now + DOWN_MAY_LAST,
            }),
        };
    }

    /// What the state file's entry makes of a backend that is listed so.
    pub(super) fn remembered(down: Option<OwnDown>, listed: &Listed, now: Instant) -> Ownership {
        let unseen = |down: &OwnDown| down.stamp.map_or(true, |stamp| stamp < down.sent);
        let mut ownership = Ownership {
            down,
            claim: down.filter(unseen).map(|down| Claim {
                first_sent: down.sent,
                until: now + DOWN_MAY_LAST,
            }),
        };
        ownership.on_listed(listed, Settled::Yes, now);
        ownership
    }

    /// Whether a backend listed so is down by our doing.
    pub(super) fn is_of(&self, state: HostState, changed: Stamp) -> bool {
        let stamp = self.down.and_then(|down| down.stamp);
        state == HostState::Down && stamp == Some(changed)
    }

    pub(super) fn down(&self) -> Option<OwnDown> {
        self.down
    }

    /// Whether no stamp tells our down from what a director lists that has just started: before it has heard the ring it
    /// has all with the vhost counts of its configuration.
    pub(super) fn lacks_stamps(&self) -> bool {
        self.down.and_then(|down| down.stamp) == Some(NEVER_STAMPED)
    }

    pub(super) fn on_listed(&mut self, listed: &Listed, settled: Settled, now: Instant) {
        let mut down = match self.down {
            Some(down) => down,
            None => return,
        };
        let open = self
            .claim
            .filter(|claim| settled == Settled::No || now < claim.until);
        let claimed = |claim: &Claim| made_by(claim, &down, listed.changed);
        let is_forgotten = down.stamp.map_or(false, |stamp| listed.changed < stamp);
        match listed.state {
            HostState::Down if self.claim.as_ref().map_or(false, claimed) => {
                down.stamp = Some(listed.changed);
                self.claim = None;
            }
            // The ring has told the director of it before it took ours up.
            HostState::Down if down.stamp == Some(listed.changed) => {
                if settled == Settled::Yes {
                    self.claim = None;
                }
            }
            HostState::Up if open.is_some() => {
                if !is_forgotten {
                    down.stamp = None;
                }
                // Somebody's act since the first one was sent.
                let acted = open.filter(|claim| listed.changed >= claim.first_sent);
                if let Some(claim) = acted {
                    self.claim = Some(Claim {
                        first_sent: down.sent,
                        ..claim
                    });
                }
            }
            HostState::Up | HostState::Down if is_forgotten => self.claim = None,
            HostState::Up | HostState::Down => {
                *self = Ownership::default();
                return;
            }
        }
        self.down = Some(down);
    }
}

/// Whether the list shows what our last command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    No,
    Yes,
}

fn made_by(claim: &Claim, down: &OwnDown, changed: Stamp) -> bool {
    if changed == NEVER_STAMPED {
        return true;
    }
    let latest = Stamp(down.sent.0.saturating_add(DOWN_MAY_LAST.as_secs()));
    (claim.first_sent..=latest).contains(&changed)
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    if question.action != Action::MarkUp || may_bring_up(question.backends, question.member) {
        return None;
    }
    Some(question.hold(Reason::NotOurs))
}

/// Whether it is this monitor's to bring up, if it is down.
pub(super) fn may_bring_up(backends: &Backends, member: &Member) -> bool {
    let listed = &member.listed;
    // The vhost count that would bring it up is known only to who took it away.
    let count_unknown = listed.vhosts == 0 && listed.changed == NEVER_STAMPED;
    member.is_ours() || (backends.rules().restore == Restore::Any && !count_unknown)
}
