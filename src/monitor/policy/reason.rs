//! Which rule holds an action back, and why, as closed lists. How a reason is told is not policy's business.

use std::fmt;
use std::net::IpAddr;

use crate::backend::Tag;
use crate::config::settings::Brake;
use crate::outcome::Stage;

/// The rules in the order asked, as log, status and man page call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The list has to show what the last command did; no change of state waits for a drain.
    Settle,
    /// The verdict has to be younger than the listed state.
    Fresh,
    /// The ring has to be synced.
    Ring,
    /// `--restore=own`: only downs of this monitor's are undone.
    Ownership,
    /// A backend that monitors see differently, or that goes down again and again, stays as it is for a time.
    Hold,
    /// Enough other backends get further at the check that failed.
    Bar,
    /// Another backend that can take the users of this one's tag is up and healthy enough.
    Refuge,
    /// The operator's limits: `--max-down`, `--down-delay`, dovemon's `delayed_down_limit`.
    Brake,
    /// Users are moved at most once for a down, and first by the one who sent it.
    Drain,
    /// Monitors of directors that stand before ours in the ring act first.
    Rank,
}

impl Rule {
    /// All, in the order asked.
    pub const ALL: [Rule; 10] = [
        Rule::Settle,
        Rule::Fresh,
        Rule::Ring,
        Rule::Ownership,
        Rule::Hold,
        Rule::Bar,
        Rule::Refuge,
        Rule::Brake,
        Rule::Drain,
        Rule::Rank,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Settle => "settle",
            Rule::Fresh => "fresh",
            Rule::Ring => "ring",
            Rule::Ownership => "ownership",
            Rule::Hold => "hold",
            Rule::Bar => "bar",
            Rule::Refuge => "refuge",
            Rule::Brake => "brake",
            Rule::Drain => "drain",
            Rule::Rank => "rank",
        })
    }
}

/// Why an action is held back. A `service` is its place in the order of checking, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A command of ours for this backend has not been answered yet.
    InFlight,
    /// It has been answered, and no list read since shows what came of it.
    NotListedYet,
    /// The director did not do it; the pause before the next try grows.
    SetBack,
    /// Somebody else has undone our downs again and again; the pause before the next one grows.
    BroughtUpAgain,
    /// At most half of the others, or of those of its tag or with its account, are known to get further at this check:
    /// so the fault may not be this backend's.
    Shared {
        /// The place of the check in the order of checking, from 0.
        service: usize,
        /// Where the backend fails.
        stage: Stage,
    },
    /// Enough others got further before; whether they still do is being probed.
    PeersAwaited {
        /// The place of the check in the order of checking, from 0.
        service: usize,
        /// Where the backend fails.
        stage: Stage,
    },
    /// No probe that began after the list showed the state has decided anything: no round has passed, and no service has
    /// failed for good.
    Stale,
    /// The director does not answer.
    Silent,
    /// The director answers, and its ring is not synced.
    RingUnsynced,
    /// Somebody else took it down, and only our own downs are to be undone.
    NotOurs,
    /// Somebody else takes it down, and to us it is healthy.
    Disputed,
    /// It has gone down again and again within an hour.
    Unsteady,
    /// This other backend has not been probed since the failure.
    RefugeAwaited {
        /// The other backend that is probed now, to see whether it can take the users.
        candidate: IpAddr,
    },
    /// Others have passed since, but this one's last failure is older than that.
    FailureAwaited {
        /// A backend that has passed since this one last failed.
        refuge: IpAddr,
    },
    /// No other backend of the tag takes new users and passes.
    NoRefuge(Tag),
    /// It has not been failed for as long as the operator wants.
    DownDelay,
    /// It has been failed for long enough, but too many are down or due to be: dovemon's limit.
    DownDelayLimit,
    /// As many of the tag are down as the operator allows.
    MaxDown {
        /// The tag of the backend that is held.
        tag: Tag,
        /// `--max-down`: `AtMost` or `Percent`, as the others set no number.
        limit: Brake,
        /// Of the tag's backends, so many are listed down or going down.
        down: usize,
        /// All listed ones of the tag, whatever their state; a percentage is of their vhost count and not of this.
        backends: usize,
    },
    /// The last try left users, or was not done; the pause before the next grows.
    DrainPause,
    /// Whoever took it down may still move its users.
    OthersDrain,
    /// Monitors of directors that stand before ours in the ring may act first.
    Turn,
}

impl Reason {
    /// The rule that gives this reason.
    pub fn rule(&self) -> Rule {
        match self {
            Reason::InFlight | Reason::NotListedYet | Reason::SetBack | Reason::BroughtUpAgain => {
                Rule::Settle
            }
            Reason::Shared { .. } | Reason::PeersAwaited { .. } => Rule::Bar,
            Reason::Stale => Rule::Fresh,
            Reason::Silent | Reason::RingUnsynced => Rule::Ring,
            Reason::RefugeAwaited { .. } | Reason::FailureAwaited { .. } | Reason::NoRefuge(_) => {
                Rule::Refuge
            }
            Reason::NotOurs => Rule::Ownership,
            Reason::Disputed | Reason::Unsteady => Rule::Hold,
            Reason::DownDelay | Reason::DownDelayLimit | Reason::MaxDown { .. } => Rule::Brake,
            Reason::DrainPause | Reason::OthersDrain => Rule::Drain,
            Reason::Turn => Rule::Rank,
        }
    }
}

#[cfg(test)]
impl Reason {
    /// For tests that go over all of them.
    pub(crate) fn one_of_each() -> Vec<Reason> {
        let (service, stage) = (0, Stage::Login);
        let address: IpAddr = [192, 0, 2, 1].into();
        let tag = Tag::default;
        let reasons = vec![
            Reason::InFlight,
            Reason::NotListedYet,
            Reason::SetBack,
            Reason::BroughtUpAgain,
            Reason::Shared { service, stage },
            Reason::PeersAwaited { service, stage },
            Reason::Stale,
            Reason::Silent,
            Reason::RingUnsynced,
            Reason::NotOurs,
            Reason::Disputed,
            Reason::Unsteady,
            Reason::RefugeAwaited { candidate: address },
            Reason::FailureAwaited { refuge: address },
            Reason::NoRefuge(tag()),
            Reason::DownDelay,
            Reason::DownDelayLimit,
            Reason::MaxDown {
                tag: tag(),
                limit: Brake::AtMost(1),
                down: 1,
                backends: 4,
            },
            Reason::DrainPause,
            Reason::OthersDrain,
            Reason::Turn,
        ];
        let places: Vec<usize> = reasons.iter().map(Reason::place).collect();
        let all: Vec<usize> = (0..=Reason::Turn.place()).collect();
        assert_eq!(places, all, "in the order of the enum, none left out");
        reasons
    }

    /// Closed, so that a new reason is not forgotten above. The last one has the highest number.
    fn place(&self) -> usize {
        match self {
            Reason::InFlight => 0,
            Reason::NotListedYet => 1,
            Reason::SetBack => 2,
            Reason::BroughtUpAgain => 3,
            Reason::Shared { .. } => 4,
            Reason::PeersAwaited { .. } => 5,
            Reason::Stale => 6,
            Reason::Silent => 7,
            Reason::RingUnsynced => 8,
            Reason::NotOurs => 9,
            Reason::Disputed => 10,
            Reason::Unsteady => 11,
            Reason::RefugeAwaited { .. } => 12,
            Reason::FailureAwaited { .. } => 13,
            Reason::NoRefuge(_) => 14,
            Reason::DownDelay => 15,
            Reason::DownDelayLimit => 16,
            Reason::MaxDown { .. } => 17,
            Reason::DrainPause => 18,
            Reason::OthersDrain => 19,
            Reason::Turn => 20,
        }
    }
}
