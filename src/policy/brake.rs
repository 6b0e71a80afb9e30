//! The operator's own limits on taking down: so many of a tag (`--max-down`), not before so long
//! (`--down-delay`), and after that delay only while not too many are down or due to be (dovemon's
//! `delayed_down_limit`).
//!
//! They come on top of the refuge, except `--max-down=all`, which is poolmon's way and does without.

use super::{Action, Hold, Question, Reason};
use crate::backend::HostState;
use crate::config::settings::Brake;

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    if question.action != Action::MarkDown {
        return None;
    }
    let delay = question.fleet.rules().down_delay;
    let due = question.member.evidence.failed_since()? + delay;
    if question.now < due {
        return Some(question.hold_until(Reason::DownDelay, due));
    }
    let limit = question.fleet.rules().down_delay_limit;
    if limit.map_or(false, |limit| question.fleet.down_or_due() > limit as usize) {
        return Some(question.hold(Reason::DownDelayLimit));
    }
    if would_exceed(question) {
        let tag = question.member.listed.tag.clone();
        return Some(question.hold(Reason::MaxDown(tag)));
    }
    None
}

fn would_exceed(question: &Question<'_>) -> bool {
    let tag = &question.member.listed.tag;
    let down = || {
        question
            .fleet
            .of_tag(tag)
            .filter(|(_, member)| member.listed.state == HostState::Down || member.is_going_down())
    };
    match question.fleet.rules().brake {
        Brake::Refuge | Brake::Off => false,
        Brake::AtMost(most) => down().count() >= usize::try_from(most).unwrap_or(usize::MAX),
        Brake::Percent(percent) => {
            let all = question.fleet.of_tag(tag).map(|(_, member)| member);
            let whole: u64 = all.map(|member| member.weight()).sum();
            let gone: u64 = down().map(|(_, member)| member.weight()).sum();
            let own = question.member.weight();
            (gone + own) * 100 > whole * u64::from(percent)
        }
    }
}
