//! The operator's own limits on taking down: so many of a tag (`--max-down`), not before so long
//! (`--down-delay`), and after that delay only while not too many are down or due to be (dovemon's
//! `delayed_down_limit`).
//!
//! They come on top of the refuge, except `--max-down=all`, which is poolmon's way and does without.
//! How many of a tag are down is not counted here, but where all backends are compared (`Bar`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use super::backends::Tally;
use super::{bar, Action, Age, Alarm, Compared, Hold, Member, Question, Reason};
use crate::backend::Tag;
use crate::config::settings::Brake;
use crate::outcome::Blame;

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    if question.action != Action::MarkDown {
        return None;
    }
    let due = due(question.backends, question.member)?;
    if question.now < due {
        return Some(question.hold_until(Reason::DownDelay, due));
    }
    if is_over_delay_limit(question.backends) {
        return Some(question.hold(Reason::DownDelayLimit));
    }
    let tag = &question.member.listed.tag;
    let more = Tally::of_failed(question.member);
    if exceeds(question.backends, tag, &more) {
        let tally = question.backends.bar().tally(tag);
        return Some(question.hold(Reason::MaxDown {
            tag: tag.clone(),
            limit: question.backends.rules().brake,
            down: tally.down,
            backends: tally.backends,
        }));
    }
    None
}

/// Of these failed backends, which are still up, those that a limit keeps up. It does not matter which
/// of them are taken down: as many as may be are left out, those that failed first.
pub(super) fn kept_up(
    backends: &Compared<'_>,
    failed: &[(IpAddr, &Member)],
    now: Instant,
) -> Vec<(IpAddr, Alarm)> {
    let mut due: Vec<(Instant, IpAddr, &Member)> = failed
        .iter()
        .filter_map(|(address, member)| Some((due(backends, member)?, *address, *member)))
        .filter(|(due, ..)| *due <= now)
        .collect();
    due.sort_unstable_by_key(|(due, address, _)| (*due, *address));
    let mut going_down: BTreeMap<&Tag, Tally> = BTreeMap::new();
    let mut kept = Vec::new();
    let is_over_delay_limit = !due.is_empty() && is_over_delay_limit(backends);
    for (_, address, member) in due {
        let tag = &member.listed.tag;
        let going_down = going_down.entry(tag).or_default();
        let mut with_it = *going_down;
        with_it.add(&Tally::of_failed(member));
        if exceeds(backends, tag, &with_it) {
            kept.push((address, Alarm::MaxDown(tag.clone())));
        } else {
            *going_down = with_it;
        }
        if is_over_delay_limit {
            kept.push((address, Alarm::DownDelayLimit));
        }
    }
    kept
}

/// When a backend has been failed for long enough, by what others do not have: a shared fault may have stood before at
/// another service, or further on, and there others have it, too; and others may have had this one and got rid of it.
fn due(backends: &Compared<'_>, member: &Member) -> Option<Instant> {
    let failed = member.evidence.failed_since()?;
    let short = backends.bar().all_short(member);
    let since = short.map(|failing| match failing.blame() {
        Blame::Shared => failed.max(failing.outdone_since.unwrap_or(failing.since)),
        Blame::Service | Blame::Local => failed,
    });
    Some(since.min().unwrap_or(failed) + backends.rules().down_delay)
}

/// Whether more are listed down, by whomever, going down, or failed and to be taken down than may be.
fn is_over_delay_limit(backends: &Compared<'_>) -> bool {
    let limit = backends.rules().down_delay_limit;
    limit.map_or(false, |limit| {
        let members = backends.members().map(|(_, member)| member);
        let counted = |member: &&Member| member.is_down_or_going() || is_due(backends, member);
        // Not counted to the end: where many have failed, each of them asks.
        members.filter(counted).nth(limit as usize).is_some()
    })
}

/// Whether this backend is to go down unless the operator's delay or limit keeps it up. With `--max-down=all` no other
/// one has to pass for that. A verdict on services that are checked no longer counts until there is one on those of
/// now.
fn is_due(backends: &Compared<'_>, member: &Member) -> bool {
    backends.bar().has_failed(member)
        || member.evidence.is_at_fault(Age::OfFormerServices)
        || (backends.rules().brake == Brake::Off && bar::has_failed_by_itself(member))
}

/// Whether so many more down would be too many.
fn exceeds(backends: &Compared<'_>, tag: &Tag, more: &Tally) -> bool {
    let mut tally = backends.bar().tally(tag);
    tally.add(more);
    match backends.rules().brake {
        Brake::Refuge | Brake::Off => false,
        Brake::AtMost(most) => tally.down > usize::try_from(most).unwrap_or(usize::MAX),
        Brake::Percent(percent) => tally.weight_down * 100 > tally.weight * u64::from(percent),
    }
}
