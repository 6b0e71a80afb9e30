//! A backend is taken down only while its users have somewhere to go.
//!
//! The refuge is another backend of the tag, listed up, with a vhost count above zero, that has
//! passed a round begun after this one's first failure and ended before its latest. The order
//! matters: when everything comes back at once, a pass elsewhere must not confirm a stale failure
//! here. A monitor that is cut off finds no refuge, and so does nothing.

use std::net::IpAddr;

use super::{Action, Fleet, Hold, Member, Need, Question, Reason};
use crate::config::settings::Brake;

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    if question.action != Action::MarkDown || question.fleet.rules().brake == Brake::Off {
        return None;
    }
    let doubt = question.member.evidence.doubt()?;
    let standing = || {
        doubt.refuges.iter().filter(|(address, _)| {
            question
                .fleet
                .member(**address)
                .map_or(false, |other| may_take_users_of(question.member, other))
        })
    };
    if standing().any(|(_, passed)| *passed <= doubt.latest_failure) {
        return None;
    }
    if let Some((refuge, _)) = standing().next() {
        let reason = Reason::FailureAwaited { refuge: *refuge };
        return Some(question.hold_for(reason, Need::Probe(question.address)));
    }
    Some(match control(question.fleet, question.address) {
        Some(candidate) => {
            question.hold_for(Reason::RefugeAwaited { candidate }, Need::Probe(candidate))
        }
        None => question.hold(Reason::NoRefuge(question.member.listed.tag.clone())),
    })
}

/// The backend to probe at once when this one comes into doubt: of those that could take its users
/// the one that passed last. None while a round begun since the doubt has already passed.
pub fn control(fleet: &Fleet, address: IpAddr) -> Option<IpAddr> {
    let member = fleet.member(address)?;
    let doubt = member.evidence.doubt()?;
    let stands = |other: &IpAddr| {
        let other = fleet.member(*other);
        other.map_or(false, |other| may_take_users_of(member, other))
    };
    if doubt.refuges.keys().any(stands) {
        return None;
    }
    fleet.standing().able_beside(address, &member.listed.tag)
}

fn may_take_users_of(member: &Member, other: &Member) -> bool {
    other.listed.tag == member.listed.tag && other.evidence.is_clear() && other.may_take_users()
}
