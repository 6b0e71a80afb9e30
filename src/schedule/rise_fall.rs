//! Rise and fall: which verdict stands, and how many rounds in a row have shown another one.
//!
//! It knows neither services nor time.

use std::cmp::Ordering;

use super::round::Round;
use super::Verdict;
use crate::config::settings::Pace;
use crate::outcome::Blame;

/// The verdict that stands, and the rounds that contradict it.
#[derive(Debug, Default)]
pub(super) struct RiseAndFall {
    standing: Standing,
    dissent: Dissent,
}

/// The verdict so far, without its particulars, from bad to good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// By a fault of a service's own.
    Failed,
    /// By shared faults alone.
    Shared,
    /// No round has settled it yet.
    #[default]
    Open,
    Healthy,
}

/// The latest rounds in a row that all showed a worse verdict than the standing one, or all a better one. Where shared
/// faults stand, a round in which a service got less far than by these is worse.
#[derive(Clone, Copy, Debug)]
struct Dissent {
    side: Ordering,
    rounds: u32,
    /// Of these the latest in a row that showed the worst there is, or the best. One that failed by a fault of its own
    /// has not done better than by a shared one; the other way round, it has.
    extreme: u32,
}

impl Default for Dissent {
    fn default() -> Dissent {
        Dissent {
            side: Ordering::Equal,
            rounds: 0,
            extreme: 0,
        }
    }
}

impl Dissent {
    /// Another round. Returns how many in a row have shown this, or what is further from what stands.
    fn count(&mut self, side: Ordering, shown: Standing) -> u32 {
        if self.side != side {
            *self = Dissent {
                side,
                ..Dissent::default()
            };
        }
        self.rounds += 1;
        match shown {
            Standing::Failed | Standing::Healthy => self.extreme += 1,
            Standing::Shared | Standing::Open => self.extreme = 0,
        }
        match self.extreme {
            0 => self.rounds,
            extreme => extreme,
        }
    }
}

impl RiseAndFall {
    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether the latest round showed the verdict that stands.
    pub(super) fn is_undisputed(&self) -> bool {
        self.dissent.rounds == 0
    }

    /// A round has shown this verdict. Whether it now stands: a better one after `rise` rounds in a row, a worse
    /// one after `fall`. What fails by a fault of its own and by a shared one in turn has failed in all these rounds.
    pub(super) fn on_verdict(&mut self, verdict: &Verdict, round: &Round, pace: &Pace) -> bool {
        let shown = match verdict.blame() {
            None => Standing::Healthy,
            Some(Blame::Service) => Standing::Failed,
            Some(_) => Standing::Shared,
        };
        let side = match shown.cmp(&self.standing) {
            Ordering::Equal if shown == Standing::Shared && round.is_worse => Ordering::Less,
            side => side,
        };
        // A service is being tried from poll to poll: the round says neither that it fails nor that it passes.
        if side == Ordering::Equal && round.undecided && self.dissent.side == Ordering::Less {
            return false;
        }
        let rounds = self.dissent.count(side, shown);
        let settled = match side {
            Ordering::Less => rounds >= pace.fall,
            Ordering::Equal => true,
            Ordering::Greater => rounds >= pace.rise,
        };
        if settled {
            self.standing = shown;
            self.dissent = Dissent::default();
        }
        settled
    }

    /// How many rounds have to fail before the one that settles it, if all of them fail by faults of this blame.
    pub(super) fn rounds_before_the_last(&self, fall: u32, blame: Blame) -> u32 {
        let counted = match (self.dissent.side, blame) {
            (Ordering::Less, Blame::Shared) => self.dissent.rounds,
            (Ordering::Less, Blame::Service | Blame::Local) => self.dissent.extreme,
            (Ordering::Equal | Ordering::Greater, _) => 0,
        };
        match self.standing {
            Standing::Failed => 0,
            Standing::Shared | Standing::Open | Standing::Healthy => {
                fall.saturating_sub(1).saturating_sub(counted)
            }
        }
    }

    /// The rounds counted so far say nothing any more; the verdict stands.
    pub(super) fn forget_rounds(&mut self) {
        self.dissent = Dissent::default();
    }

    /// What had failed is not known to fail any more, so nothing worse than this stands.
    pub(super) fn forget_failure(&mut self, left: Standing) {
        self.standing = self.standing.max(left);
    }
}
