//! A fault of something shared counts against a backend only while another one passes the same check.
//!
//! A wrong password, an expired authority or a refused test address fails everywhere; taking every
//! backend down for it would be the monitor's own doing. The check is the service, and from the login
//! on also the account: a backend that passes the service as the same user has passed the step at
//! which this one failed. One that is probed without a login proves nothing about a login.

use super::standing::Scope;
use super::{Action, Age, Hold, Need, Question, Reason};
use crate::outcome::{Blame, Stage};
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
    let standing = question.fleet.standing();
    let scope = match failure.stage < Stage::Login {
        true => Scope::All,
        false => Scope::SameLogin(question.member.login),
    };
    let passed = standing.pass_beside(question.address, scope, service);
    let since = question.member.evidence.failing_since(service);
    if since.map_or(false, |since| passed >= Some(since)) {
        return None;
    }
    let reason = Reason::Shared {
        service,
        stage: failure.stage,
    };
    Some(match standing.clear_beside(question.address, scope) {
        Some(peer) => question.hold_for(reason, Need::Probe(peer)),
        None => question.hold(reason),
    })
}
