//! Decides, from what the director lists and what the probes found, what to tell the director.
//!
//! Level, not edge: `decide` compares what is wanted with what is listed and depends on no moment
//! having been seen. One file a rule; each may hold an action back, with its reason. Pure: no
//! socket, clock, channel or log; the time is passed in.

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use crate::backend::{HostState, Tag};
use crate::outcome::Stage;
use crate::schedule::Verdict;

mod blame;
mod drain;
mod evidence;
mod fleet;
mod fresh;
mod refuge;
mod ring;
mod settle;

#[cfg(test)]
mod tests;

pub use drain::Debt;
pub use evidence::Evidence;
pub use fleet::{Answer, Changes, Fleet, Member, News};
pub use refuge::control;
pub use ring::Sync;

/// What the director can be told of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    MarkDown,
    /// Move the users of a down backend away.
    Drain,
    MarkUp,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::MarkDown => "down",
            Action::Drain => "drain",
            Action::MarkUp => "up",
        })
    }
}

/// What is to be done about one backend now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Act(Action),
    Hold(Hold),
    Nothing,
}

/// An action that a rule holds back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub action: Action,
    pub reason: Reason,
    /// When time alone may end it; without, an event must.
    pub until: Option<Instant>,
    /// A backend whose probe at once would help to decide.
    pub probe: Option<IpAddr>,
}

/// The rules in the order asked, as log, status and man page call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Settle,
    Blame,
    Fresh,
    Ring,
    Refuge,
    Drain,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Settle => "settle",
            Rule::Blame => "blame",
            Rule::Fresh => "fresh",
            Rule::Ring => "ring",
            Rule::Refuge => "refuge",
            Rule::Drain => "drain",
        })
    }
}

/// Why an action is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A command of ours for this backend has not been answered yet.
    InFlight,
    /// It has been answered, and no list read since shows what came of it.
    NotListedYet,
    /// The director did not do it; the pause before the next try grows.
    SetBack,
    /// What failed is shared by all backends, and none is known to pass the same check.
    Shared {
        service: usize,
        stage: Stage,
    },
    /// No probe is younger than the state that the list shows.
    Stale,
    /// The director does not answer.
    Silent,
    RingUnsynced,
    /// This other backend has not been probed since the failure.
    RefugeAwaited {
        candidate: IpAddr,
    },
    /// Others have passed since, but this one's last failure is older than that.
    FailureAwaited {
        refuge: IpAddr,
    },
    /// No other backend of the tag is up and passes.
    NoRefuge(Tag),
    /// The last try left users, or was not done; the pause before the next grows.
    DrainPause,
}

impl Reason {
    pub fn rule(&self) -> Rule {
        match self {
            Reason::InFlight | Reason::NotListedYet | Reason::SetBack => Rule::Settle,
            Reason::Shared { .. } => Rule::Blame,
            Reason::Stale => Rule::Fresh,
            Reason::Silent | Reason::RingUnsynced => Rule::Ring,
            Reason::RefugeAwaited { .. } | Reason::FailureAwaited { .. } | Reason::NoRefuge(_) => {
                Rule::Refuge
            }
            Reason::DrainPause => Rule::Drain,
        }
    }

    /// What a person has to look at, where the reason does not pass by itself.
    pub fn alarm(&self) -> Option<Alarm> {
        match self {
            Reason::Shared { service, stage } => Some(Alarm::Shared {
                service: *service,
                stage: *stage,
            }),
            Reason::NoRefuge(tag) => Some(Alarm::NoRefuge(tag.clone())),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::InFlight => f.write_str("a command is under way"),
            Reason::NotListedYet => f.write_str("the list is to show the last command's effect"),
            Reason::SetBack => f.write_str("the director did not do it; trying again later"),
            Reason::Shared { stage, .. } => {
                write!(f, "no backend is known to pass {stage} at present")
            }
            Reason::Stale => f.write_str("its state is news; probing it again first"),
            Reason::Silent => f.write_str("the director does not answer"),
            Reason::RingUnsynced => f.write_str("the ring is not synced"),
            Reason::RefugeAwaited { candidate } => {
                write!(f, "waiting for {candidate} to pass first")
            }
            Reason::FailureAwaited { refuge } => {
                write!(f, "{refuge} passes; it must fail once more after that")
            }
            Reason::NoRefuge(tag) => {
                write!(f, "no other backend of {tag} is up and passes")
            }
            Reason::DrainPause => f.write_str("users are left; moving them again later"),
        }
    }
}

/// A state of affairs that is worth one error line, however many backends it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// Nobody of this tag passes: is the monitor itself cut off?
    NoRefuge(Tag),
    /// Nobody passes this check: is the monitor's account, certificate or address wrong?
    Shared { service: usize, stage: Stage },
}

/// One action that is wanted, put before the rules.
struct Question<'a> {
    fleet: &'a Fleet,
    address: IpAddr,
    member: &'a Member,
    action: Action,
    now: Instant,
}

impl Question<'_> {
    fn hold(&self, reason: Reason) -> Hold {
        Hold {
            action: self.action,
            reason,
            until: None,
            probe: None,
        }
    }

    fn hold_until(&self, reason: Reason, until: Instant) -> Hold {
        Hold {
            until: Some(until),
            ..self.hold(reason)
        }
    }

    fn hold_for_probe(&self, reason: Reason, probe: IpAddr) -> Hold {
        Hold {
            probe: Some(probe),
            ..self.hold(reason)
        }
    }
}

/// In the order asked: the first that holds, holds.
const RULES: [fn(&Question<'_>) -> Option<Hold>; 6] = [
    settle::hold,
    blame::hold,
    fresh::hold,
    ring::hold,
    refuge::hold,
    drain::hold,
];

/// What is to be done about this backend. A backend that is not listed: nothing.
#[must_use]
pub fn decide(fleet: &Fleet, address: IpAddr, now: Instant) -> Decision {
    let (member, action) = match fleet.member(address).map(|m| (m, wanted(m))) {
        Some((member, Some(action))) => (member, action),
        _ => return Decision::Nothing,
    };
    let question = Question {
        fleet,
        address,
        member,
        action,
        now,
    };
    match RULES.iter().find_map(|rule| rule(&question)) {
        Some(hold) => Decision::Hold(hold),
        None => Decision::Act(action),
    }
}

/// The difference between what the probes say and what the list shows.
fn wanted(member: &Member) -> Option<Action> {
    match (member.listed.state, member.evidence.verdict()) {
        (HostState::Up, Some(Verdict::Failed { .. })) => Some(Action::MarkDown),
        (HostState::Down, Some(Verdict::Healthy(_))) => Some(Action::MarkUp),
        (HostState::Down, _) if member.debt.as_ref().map_or(false, Debt::is_due) => {
            Some(Action::Drain)
        }
        _ => None,
    }
}
