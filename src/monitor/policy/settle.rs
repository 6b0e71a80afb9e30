//! A backend's next changing command waits until a list has shown what the last one did.
//!
//! "Ring sync timed out" may or may not have changed the state; a reply is
//! therefore never taken for the state. What the director did not do, or said that it had done and does not show, is
//! tried again after a growing pause, so that a refusal is not asked for every second.
//!
//! A down that somebody else undoes again and again while the backend has failed here, such as an agent of HAProxy's that
//! says "ready", is not sent more and more often either: from the second time on there is a growing pause, too, counted
//! from the last down, so that one that has stood for longer is made anew at once.
//!
//! A drain takes as long as the director needs to move the users. It keeps nobody from the next change of state.

use std::time::{Duration, Instant};

use super::{Action, Hold, Member, Question, Reason};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The pause after so many tries that came to nothing: 1 s, doubling, at most a minute.
pub(super) fn growing_pause(tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(6);
    (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE)
}

/// Whether so many tries that came to nothing are said: the first that matters, and about once an hour from then on.
pub(super) fn is_worth_a_line(tries: u32, first: u32) -> bool {
    tries >= first && (tries - first) % 60 == 0
}

/// What became of our last command for a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Command {
    #[default]
    Settled,
    Sent(Action),
    Answered {
        at: Instant,
    },
}

/// Commands in a row that the director did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setback {
    tries: u32,
    /// Those of them that were answered with `OK`.
    pub(super) without_effect: u32,
    pub(super) until: Instant,
}

impl Setback {
    /// Whether a further one belongs to the same series.
    fn lasts(&self, now: Instant) -> bool {
        now < self.until + LONGEST_PAUSE
    }

    /// Whether the director says that it has done what it does not do.
    pub(super) fn is_without_effect(&self, now: Instant) -> bool {
        self.without_effect > 0 && self.lasts(now)
    }

    pub(super) fn after(previous: Option<&Setback>, now: Instant) -> Setback {
        // One of long ago has nothing to do with this.
        let previous = previous.filter(|before| before.lasts(now));
        let tries = previous
            .map_or(0, |setback| setback.tries)
            .saturating_add(1);
        Setback {
            tries,
            without_effect: previous.map_or(0, |setback| setback.without_effect),
            until: now + growing_pause(tries),
        }
    }
}

/// From this one on that somebody else undoes our downs is a state of affairs.
const AGAIN_AND_AGAIN: u32 = 3;

/// The longest pause. It is short, as its users meet a dead backend all the while.
const UNDONE_PAUSE: Duration = Duration::from_secs(10);

/// Two that are farther apart have nothing to do with each other. A script may run every quarter of an hour.
const UNDONE_TOGETHER: Duration = Duration::from_secs(1200);

/// Downs of ours that somebody else has undone while the backend had failed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Undone {
    times: u32,
    since: Instant,
    latest: Instant,
}

impl Undone {
    pub(super) fn after(previous: Option<&Undone>, now: Instant) -> Undone {
        let previous = previous.filter(|before| before.lasts(now));
        Undone {
            times: previous.map_or(0, |before| before.times).saturating_add(1),
            since: previous.map_or(now, |before| before.since),
            latest: now,
        }
    }

    fn lasts(&self, now: Instant) -> bool {
        now < self.latest + UNDONE_TOGETHER
    }

    /// Since when, if it happens again and again.
    pub(super) fn again_and_again_since(&self, now: Instant) -> Option<Instant> {
        (self.times >= AGAIN_AND_AGAIN && self.lasts(now)).then_some(self.since)
    }

    /// How long after the last down the next one is sent.
    fn pause(&self, now: Instant) -> Option<Duration> {
        (self.times > 1 && self.lasts(now)).then(|| growing_pause(self.times).min(UNDONE_PAUSE))
    }
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    match question.member.command {
        Command::Sent(Action::Drain) if question.action != Action::Drain => {}
        Command::Sent(_) => return Some(question.hold(Reason::InFlight)),
        Command::Answered { .. } => return Some(question.hold(Reason::NotListedYet)),
        Command::Settled => {}
    }
    if question.action == Action::Drain {
        // It has pauses of its own.
        return None;
    }
    if let Some(until) = set_back_until(question.member, question.now) {
        return Some(question.hold_until(Reason::SetBack, until));
    }
    if question.action != Action::MarkDown {
        return None;
    }
    let until = undone_until(question.member, question.now)?;
    Some(question.hold_until(Reason::BroughtUpAgain, until))
}

/// When the pause ends that follows downs which somebody else has undone, if there is one now.
fn undone_until(member: &Member, now: Instant) -> Option<Instant> {
    let until = member.down_sent? + member.undone.as_ref()?.pause(now)?;
    (now < until).then_some(until)
}

/// When the pause ends that follows a command which was not done, if there is one now.
pub(super) fn set_back_until(member: &Member, now: Instant) -> Option<Instant> {
    let until = member.setback.as_ref()?.until;
    (now < until).then_some(until)
}
