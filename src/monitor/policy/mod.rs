//! Decides, from what the director lists and what the probes found, what to tell the director.
//!
//! Level, not edge: `decide` compares what is wanted with what is listed and depends on no moment
//! having been seen. One file a rule; each may hold an action back, with its reason. Asking changes
//! nothing: `explain` gives the answer of each rule by the same walk. Pure: no socket, clock, channel or
//! log; the time is passed in.

use std::net::IpAddr;
use std::time::Instant;

use crate::backend::HostState;
use crate::config::settings::DrainMode;
use crate::schedule::Verdict;

use rank::Turn;

mod alarms;
mod backends;
mod bar;
mod brake;
mod compared;
mod drain;
mod evidence;
mod explanation;
mod fresh;
mod hold;
mod member;
mod ownership;
mod rank;
mod reason;
mod ring;
mod settle;

#[cfg(test)]
mod tests;

pub use crate::pool::Action;

pub use alarms::{alarms, Alarm, Alarms};
pub use backends::{Backends, By, Changes, News, Shown};
pub use bar::{control, Login};
pub use compared::Compared;
pub use drain::{Drain, PendingDrain};
pub use evidence::{Age, Evidence, Failing};
pub use explanation::{explain, Explanation, RuleAnswer};
pub use member::{Answer, Member, Memory};
pub use ownership::OwnDown;
pub use rank::turn_delay;
pub use reason::{Reason, Rule};
pub use ring::Sync;

/// What is to be done about one backend now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// No rule holds it: the command is to be sent.
    Act(Action),
    /// Something is wanted, and a rule holds it back.
    Hold(Hold),
    /// What is listed is what the verdict wants, or there is no verdict.
    Nothing,
}

/// An action that a rule holds back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What the verdict wants.
    pub action: Action,
    /// That of the first rule that holds it.
    pub reason: Reason,
    /// When time alone may end it; `None` where an event has to.
    pub until: Option<Instant>,
    /// What would help to decide, if done at once.
    pub need: Option<Need>,
}

/// What the engine can have done so that a held action may be decided sooner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Probe these backends.
    Probe(Vec<IpAddr>),
    /// Read the list.
    List,
}

/// One action that is wanted, put before the rules.
struct Question<'a> {
    backends: &'a Compared<'a>,
    address: IpAddr,
    member: &'a Member,
    action: Action,
    /// When this monitor may move, once no other rule holds the action.
    turn: Turn,
    now: Instant,
}

impl Question<'_> {
    /// Whether it acts on nothing but this monitor's verdict that the backend has failed: a down does,
    /// and a drain that is not owed yet. What is owed was judged before.
    fn acts_on_failure(&self) -> bool {
        match self.action {
            Action::MarkDown => true,
            Action::Drain => self.member.pending_drain.is_none(),
            Action::MarkUp => false,
        }
    }

    fn hold(&self, reason: Reason) -> Hold {
        Hold {
            action: self.action,
            reason,
            until: None,
            need: None,
        }
    }

    fn hold_until(&self, reason: Reason, until: Instant) -> Hold {
        Hold {
            until: Some(until),
            ..self.hold(reason)
        }
    }

    fn hold_for(&self, reason: Reason, need: Need) -> Hold {
        Hold {
            need: Some(need),
            ..self.hold(reason)
        }
    }
}

/// A row of the table of rules: those whose reasons it gives, in the order in which it looks at them, and how it is
/// asked.
type Row = (&'static [Rule], fn(&Question<'_>) -> Option<Hold>);

/// In the order asked: the first that holds, holds.
const RULES: [Row; 9] = [
    (&[Rule::Settle], settle::hold),
    (&[Rule::Fresh], fresh::hold),
    (&[Rule::Ring], ring::hold),
    (&[Rule::Ownership], ownership::hold),
    (&[Rule::Hold], hold::hold),
    // One failed service that neither holds is enough.
    (&[Rule::Bar, Rule::Refuge], bar::hold),
    (&[Rule::Brake], brake::hold),
    (&[Rule::Drain], drain::hold),
    (&[Rule::Rank], rank::hold),
];

/// What the rules say, and what the backends are to remember of it (`Backends::on_judged`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Judgement {
    /// What is to be done now.
    pub decision: Decision,
    /// Since when the action is past all rules but rank, which is what rank counts from.
    turn: Option<Turn>,
    /// A drain that may be owed is owed no longer.
    forgives_drain: bool,
}

impl Judgement {
    /// Nothing is wanted, and nothing is to be remembered.
    const NOTHING: Judgement = Judgement {
        decision: Decision::Nothing,
        turn: None,
        forgives_drain: false,
    };
}

/// What is to be done about this backend. A backend that is not listed: nothing. The comparison of all
/// backends is made anew unless `Backends::measure` has kept it.
pub fn decide(backends: &Backends, address: IpAddr, now: Instant) -> Judgement {
    if !backends.member(address).map_or(false, needs_comparison) {
        return Judgement::NOTHING;
    }
    let compared = backends.compared();
    let question = match question(&compared, address, now) {
        Some(question) => question,
        None => return Judgement::NOTHING,
    };
    let held = first_hold(&question);
    let is_past_all_but_rank = held
        .as_ref()
        .map_or(true, |hold| hold.reason.rule() == Rule::Rank);
    Judgement {
        turn: (is_past_all_but_rank && rank::concerns(&question)).then_some(question.turn),
        forgives_drain: drain::is_forgiven(&question, held.as_ref()),
        decision: held.map_or(Decision::Act(question.action), Decision::Hold),
    }
}

fn first_hold(question: &Question<'_>) -> Option<Hold> {
    RULES.iter().find_map(|(rules, ask)| {
        let hold = ask(question)?;
        debug_assert!(rules.contains(&hold.reason.rule()), "{hold:?}");
        Some(hold)
    })
}

fn question<'a>(compared: &'a Compared<'a>, address: IpAddr, now: Instant) -> Option<Question<'a>> {
    let member = compared.member(address)?;
    let action = wanted(compared, member)?;
    Some(Question {
        backends: compared,
        address,
        member,
        action,
        turn: compared.turn(address, action, now),
        now,
    })
}

/// Whether the other backends have to be looked at to say what is wanted of this one.
fn needs_comparison(member: &Member) -> bool {
    has_failed(member) || member.listed.state == HostState::Down
}

fn has_failed(member: &Member) -> bool {
    matches!(member.evidence.verdict(), Some(Verdict::Failed { .. }))
}

/// Whether it is to come up, as far as its probes go.
fn is_wanted_up(backends: &Compared<'_>, member: &Member) -> bool {
    match member.evidence.verdict() {
        Some(Verdict::Healthy(_)) => true,
        // Where nothing fails any more, the verdict is still to come: `rise` may want more than one round.
        Some(Verdict::Failed { .. }) => {
            !member.evidence.failing().is_empty() && backends.bar().stands(member)
        }
        None => false,
    }
}

/// The difference between what the probes say and what the list shows. What only shared faults speak
/// against is wanted up where it gets as far as the others.
fn wanted(backends: &Compared<'_>, member: &Member) -> Option<Action> {
    match (member.listed.state, member.evidence.verdict()) {
        (HostState::Up, Some(Verdict::Failed { .. })) => Some(Action::MarkDown),
        (HostState::Down, _) if is_wanted_up(backends, member) => Some(Action::MarkUp),
        (HostState::Down, _) if !backends.may_drain(member) => None,
        (HostState::Down, _)
            if member
                .pending_drain
                .as_ref()
                .map_or(false, PendingDrain::is_due) =>
        {
            Some(Action::Drain)
        }
        (HostState::Down, Some(Verdict::Failed { .. }))
            if backends.rules().drain != DrainMode::Leave && member.has_users_left() =>
        {
            Some(Action::Drain)
        }
        _ => None,
    }
}
