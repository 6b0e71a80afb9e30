//! A verdict acts only on a state that it is younger than.
//!
//! When the list shows a state that is news and not our doing (another monitor's act, an
//! administrator's, a restarted director's), one attempt begun after that must agree first. Without
//! this rule, comparing levels turns a stale verdict into an extra down of a backend that another
//! monitor has just seen recover. The same holds for a verdict on other services than are checked now.

use std::time::Instant;

use super::{Action, Age, Hold, Member, Need, Question, Reason};

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    let evidence = &question.member.evidence;
    let is_fresh = match question.action {
        Action::MarkUp => is_sound(question.member),
        _ if question.acts_on_failure() => {
            is_after_news(question.member, evidence.latest_failure())
        }
        // The pending drain says that it was judged before.
        _ => return None,
    };
    if !is_fresh {
        return Some(question.hold_for(Reason::Stale, Need::Probe(vec![question.address])));
    }
    // A verdict of a series that has begun anew: the next one tells.
    let for_good = evidence.failing().iter().any(|failing| failing.for_good);
    (question.acts_on_failure() && !for_good).then(|| question.hold(Reason::Stale))
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
