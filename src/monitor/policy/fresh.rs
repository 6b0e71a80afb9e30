//! A verdict acts only on a state that it is younger than.
//!
//! When the list shows a state that is news and not our doing (another monitor's act, an
//! administrator's, a restarted director's), one attempt begun after that must agree first. Without
//! this rule, comparing levels turns a stale verdict into an extra down of a backend that another
//! monitor has just seen recover. The same holds for a verdict on other services than are checked now.

use std::time::Instant;

use super::{Action, Age, Failing, Hold, Member, Need, Question, Reason};

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    let member = question.member;
    let evidence = &member.evidence;
    let is_fresh = match question.action {
        Action::MarkUp => is_sound(member),
        _ if question.acts_on_failure() => failing(member).next().is_some(),
        // The pending drain says that it was judged before.
        _ => true,
    };
    if is_fresh {
        return None;
    }
    // Retries that have begun since the news go on by themselves.
    let only_retries = question.acts_on_failure()
        && !evidence.failing().iter().any(|failing| failing.for_good)
        && is_after_news(member, evidence.latest_failure());
    Some(match only_retries {
        true => question.hold(Reason::Stale),
        false => question.hold_for(Reason::Stale, Need::Probe(vec![question.address])),
    })
}

/// The services that have failed for good, and since the list showed the backend's state.
pub(super) fn failing(member: &Member) -> impl Iterator<Item = &Failing> {
    let failing = member.evidence.failing().iter();
    failing.filter(move |failing| {
        failing.for_good && is_after_news(member, Some(failing.latest_began))
    })
}

/// Whether a sound round that may bring it up has begun since the list showed its state.
pub(super) fn is_sound(member: &Member) -> bool {
    let round = member.evidence.sound_round();
    is_after_news(member, round.map(|round| round.began))
}

fn is_after_news(member: &Member, began: Option<Instant>) -> bool {
    let of_these = member.evidence.age() == Age::OfTheseServices;
    of_these && began.map_or(false, |began| began >= member.news)
}
