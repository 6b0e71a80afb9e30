//! Decides, from what the director lists and what the probes found, what to tell the director.
//!
//! Level, not edge: `decide` compares what is wanted with what is listed and depends on no moment
//! having been seen. One file a rule; each may hold an action back, with its reason. Asking changes
//! nothing: `explain` gives the answer of each rule by the same walk. Pure: no socket, clock, channel or
//! log; the time is passed in.

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use crate::backend::{Groups, HostState, Tag};
use crate::config::settings::{Brake, DrainMode};
use crate::outcome::Stage;
use crate::pool::Words;
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
mod ring;
mod settle;

#[cfg(test)]
mod tests;

pub use crate::pool::Action;

pub use alarms::{alarms, is_all_well, Alarm, Alarms};
pub use backends::{Backends, By, Changes, News, Shown};
pub use bar::{control, Login};
pub use compared::Compared;
pub use drain::{Drain, PendingDrain};
pub use evidence::{Age, Evidence, Failing};
pub use explanation::{explain, Explanation, RuleAnswer};
pub use member::{Answer, Member, Memory};
pub use ownership::OwnDown;
pub use rank::turn_delay;
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

/// The rules in the order asked, as log, status and man page call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One command a backend at a time, and the list has to show what the last one did.
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
    /// The fault is a shared one, and at most half of the others are known to get further at this check.
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
    /// No probe is younger than the state that the list shows.
    Stale,
    /// The director does not answer.
    Silent,
    /// The director answers, and its ring is not synced.
    RingUnsynced,
    /// Somebody else took it down, and only our own downs are to be undone.
    NotOurs {
        /// The backend that is held itself.
        address: IpAddr,
    },
    /// Somebody else takes it down, and to us it is healthy.
    Disputed {
        /// The backend that is held itself.
        address: IpAddr,
    },
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
    /// No other backend of the tag is up and passes.
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
            Reason::InFlight | Reason::NotListedYet | Reason::SetBack => Rule::Settle,
            Reason::Shared { .. } | Reason::PeersAwaited { .. } => Rule::Bar,
            Reason::Stale => Rule::Fresh,
            Reason::Silent | Reason::RingUnsynced => Rule::Ring,
            Reason::RefugeAwaited { .. } | Reason::FailureAwaited { .. } | Reason::NoRefuge(_) => {
                Rule::Refuge
            }
            Reason::NotOurs { .. } => Rule::Ownership,
            Reason::Disputed { .. } | Reason::Unsteady => Rule::Hold,
            Reason::DownDelay | Reason::DownDelayLimit | Reason::MaxDown { .. } => Rule::Brake,
            Reason::DrainPause | Reason::OthersDrain => Rule::Drain,
            Reason::Turn => Rule::Rank,
        }
    }
}

impl Reason {
    /// In the words for this kind of pool, with the group of backends named where there are several.
    pub fn in_words(&self, pool: &Words, groups: Groups) -> String {
        match self {
            Reason::NoRefuge(tag) => {
                format!("no other backend{} is up and passes", tag.among(groups))
            }
            Reason::MaxDown {
                tag,
                limit,
                down,
                backends,
            } => format!(
                "{} allows no more backends{} down, and {down} of {backends} {} down or going down",
                limit.option(),
                tag.among(groups),
                if *down == 1 { "is" } else { "are" }
            ),
            Reason::SetBack => format!("{} did not do it; trying again later", pool.subject),
            Reason::Silent => format!("{} does not answer", pool.subject),
            Reason::Turn => pool.turn.to_owned(),
            other => other.to_string(),
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
            Reason::Shared { service, stage },
            Reason::PeersAwaited { service, stage },
            Reason::Stale,
            Reason::Silent,
            Reason::RingUnsynced,
            Reason::NotOurs { address },
            Reason::Disputed { address },
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
            Reason::Shared { .. } => 3,
            Reason::PeersAwaited { .. } => 4,
            Reason::Stale => 5,
            Reason::Silent => 6,
            Reason::RingUnsynced => 7,
            Reason::NotOurs { .. } => 8,
            Reason::Disputed { .. } => 9,
            Reason::Unsteady => 10,
            Reason::RefugeAwaited { .. } => 11,
            Reason::FailureAwaited { .. } => 12,
            Reason::NoRefuge(_) => 13,
            Reason::DownDelay => 14,
            Reason::DownDelayLimit => 15,
            Reason::MaxDown { .. } => 16,
            Reason::DrainPause => 17,
            Reason::OthersDrain => 18,
            Reason::Turn => 19,
        }
    }
}

/// As it is said of a director.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::InFlight => f.write_str("a command is under way"),
            Reason::NotListedYet => f.write_str("the list is to show the last command's effect"),
            Reason::SetBack => f.write_str("the director did not do it; trying again later"),
            Reason::Shared { stage, .. } => {
                write!(
                    f,
                    "it stops at {stage}, and at most half of the others are known to get further"
                )
            }
            Reason::PeersAwaited { stage, .. } => {
                write!(
                    f,
                    "it stops at {stage}; probing whether others still get further"
                )
            }
            Reason::Stale => {
                f.write_str("it has not been probed since the last change; probing it again first")
            }
            Reason::Silent => f.write_str("the director does not answer"),
            Reason::RingUnsynced => f.write_str("the ring is not synced"),
            Reason::RefugeAwaited { candidate } => {
                write!(f, "waiting for {candidate} to pass first")
            }
            Reason::FailureAwaited { refuge } => {
                write!(f, "{refuge} passes; it must fail once more after that")
            }
            Reason::NoRefuge(_) | Reason::MaxDown { .. } => {
                f.write_str(&self.in_words(Words::OF_DIRECTOR, Groups::Several))
            }
            Reason::NotOurs { .. } => f.write_str("somebody else took it down"),
            Reason::Disputed { .. } => f.write_str("somebody else takes it down"),
            Reason::Unsteady => f.write_str("it went down again and again within an hour"),
            Reason::DownDelay => f.write_str("it has not been failed for long enough"),
            Reason::DownDelayLimit => f.write_str("too many are down or due to be taken down"),
            Reason::DrainPause => f.write_str("users are left; moving them again later"),
            Reason::OthersDrain => {
                f.write_str("whoever took it down has a few seconds to move its users")
            }
            Reason::Turn => f.write_str("monitors of directors before ours move first"),
        }
    }
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

/// A row of the table of rules.
struct Row {
    /// Those whose reasons it gives, in the order in which it looks at them.
    rules: &'static [Rule],
    ask: fn(&Question<'_>) -> Option<Hold>,
}

/// In the order asked: the first that holds, holds.
const RULES: [Row; 9] = [
    Row {
        rules: &[Rule::Settle],
        ask: settle::hold,
    },
    Row {
        rules: &[Rule::Fresh],
        ask: fresh::hold,
    },
    Row {
        rules: &[Rule::Ring],
        ask: ring::hold,
    },
    Row {
        rules: &[Rule::Ownership],
        ask: ownership::hold,
    },
    Row {
        rules: &[Rule::Hold],
        ask: hold::hold,
    },
    // One failed service that neither holds is enough.
    Row {
        rules: &[Rule::Bar, Rule::Refuge],
        ask: bar::hold,
    },
    Row {
        rules: &[Rule::Brake],
        ask: brake::hold,
    },
    Row {
        rules: &[Rule::Drain],
        ask: drain::hold,
    },
    Row {
        rules: &[Rule::Rank],
        ask: rank::hold,
    },
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
    RULES.iter().find_map(|row| {
        let hold = (row.ask)(question)?;
        debug_assert!(row.rules.contains(&hold.reason.rule()), "{hold:?}");
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

/// The difference between what the probes say and what the list shows. What only shared faults speak
/// against is wanted up where it gets as far as the others.
fn wanted(backends: &Compared<'_>, member: &Member) -> Option<Action> {
    match (member.listed.state, member.evidence.verdict()) {
        (HostState::Up, Some(Verdict::Failed { .. })) => Some(Action::MarkDown),
        (HostState::Down, Some(Verdict::Healthy(_))) => Some(Action::MarkUp),
        (HostState::Down, Some(_)) if backends.bar().stands(member) => Some(Action::MarkUp),
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
