//! A fault of something shared counts against a backend only while another one passes the same check.
//!
//! A wrong password, an expired authority or a refused test address fails everywhere; taking every
//! backend down for it would be the monitor's own doing. The check is the service with its account:
//! a backend that passes the service has passed the step at which this one failed.

use super::{Action, Age, Hold, Need, Question, Reason};
use crate::outcome::Blame;
use crate::schedule::Verdict;

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    let (service, failure) = match (question.action, question.member.evidence.verdict()) {
        (Action::MarkDown, Some(Verdict::Failed { service, failure })) => (*service, failure),
        _ => return None,
    };
    let age = question.member.evidence.age();
    if failure.fault.blame() != Blame::Shared || age == Age::OfFormerServices {
        return None;
    }
    let since = question.member.evidence.doubt()?.since;
    let standing = question.fleet.standing();
    let passed = standing.pass_beside(question.address, service);
    if passed.map_or(false, |at| at >= since) {
        return None;
    }
    let reason = Reason::Shared {
        service,
        stage: failure.stage,
    };
    Some(match standing.clear_beside(question.address) {
        Some(peer) => question.hold_for(reason, Need::Probe(peer)),
        None => question.hold(reason),
    })
}
