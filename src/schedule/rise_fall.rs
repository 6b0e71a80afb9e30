//! Rise and fall: which verdict stands, and how many rounds in a row have shown another one.
//!
//! It knows neither services nor time.

use std::cmp::Ordering;

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

/// The latest rounds in a row that showed another verdict than the standing one.
#[derive(Clone, Copy, Debug, Default)]
struct Dissent {
    shown: Standing,
    rounds: u32,
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
    /// one after `fall`.
    pub(super) fn on_verdict(&mut self, verdict: &Verdict, pace: &Pace) -> bool {
        let shown = match verdict.blame() {
            None => Standing::Healthy,
            Some(Blame::Service) => Standing::Failed,
            Some(_) => Standing::Shared,
        };
        if self.dissent.shown != shown {
            self.dissent = Dissent { shown, rounds: 0 };
        }
        self.dissent.rounds += 1;
        let settled = match shown.cmp(&self.standing) {
            Ordering::Less => self.dissent.rounds >= pace.fall,
            Ordering::Equal => true,
            Ordering::Greater => self.dissent.rounds >= pace.rise,
        };
        if settled {
            self.standing = shown;
            self.dissent.rounds = 0;
        }
        settled
    }

    /// The rounds counted so far say nothing any more; the verdict stands.
    pub(super) fn forget_rounds(&mut self) {
        self.dissent = Dissent::default();
    }

    /// Nothing of what had failed is known to fail any more, so no failure stands.
    pub(super) fn forget_failure(&mut self) {
        self.standing = self.standing.max(Standing::Open);
    }
}
