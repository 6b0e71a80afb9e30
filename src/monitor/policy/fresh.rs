//! A verdict acts only on a state that it is younger than.
//!
//! When the list shows a state that is news and not our doing (another monitor's act, an
//! administrator's, a restarted director's), one attempt begun after that must agree first. Without
//! this rule, comparing levels turns a stale verdict into an extra down of a backend that another
//! monitor has just seen recover. The same holds for a verdict on other services than are checked now.

use super::{Action, Age, Hold, Need, Question, Reason};

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    let evidence = &question.member.evidence;
    let newest = match question.action {
        Action::MarkUp => evidence.sound_round().map(|round| round.began),
        _ if question.acts_on_failure() => evidence.latest_failure(),
        // The pending drain says that it was judged before.
        _ => return None,
    };
    let of_these = evidence.age() == Age::OfTheseServices;
    if !of_these || newest.map_or(true, |began| began < question.member.news) {
        return Some(question.hold_for(Reason::Stale, Need::Probe(vec![question.address])));
    }
    // A verdict of a series that has begun anew: the next one tells.
    let for_good = evidence.failing().iter().any(|failing| failing.for_good);
    (question.acts_on_failure() && !for_good).then(|| question.hold(Reason::Stale))
}
