//! Quiet for backends that monitors see differently, and for those that fail again and again.
//!
//! Disputed: healthy to us, down but not by us, and listed up not long ago. Our up is held for
//! `--hold`, doubled each time it has been brought up against another's view, by us or by one who
//! sees it as we do, up to an hour; an hour spent up forgets that. A backend that is listed down when
//! this monitor starts is held from the listed stamp on, as it would be had the monitor run all the
//! time. Unsteady: from its third down within an hour on, by whoever, a minute,
//! doubled with each further one. Service comes before quiet: where no backend is listed up that can take a tag's
//! users, one that is healthy, and that `ownership` lets up, goes up at once, the others stay held. Where all that
//! are listed up have failed, one that is only unsteady goes up before its time is over: once they have failed for an
//! eighth of that time, a minute at most. If it went up at once, two that fail by turns would bring each other up
//! without end.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{
    fresh, is_wanted_up, ownership, settle, Action, Age, Backends, Compared, Hold, Member,
    Question, Reason,
};
use crate::backend::{HostState, Stamp, Tag};

const HOUR: Duration = Duration::from_secs(3600);

const UNSTEADY_FROM: usize = 3;
const UNSTEADY_HOLD: Duration = Duration::from_secs(60);

/// Where all that are up have failed, an unsteady backend is left down for this part of its hold: 7.5 s at first,
/// and never for longer than the shortest hold, as nobody is served meanwhile.
const PART_FOR_SERVICE: u32 = 8;

/// A backend that somebody else has just taken down is probed at once. Until that probe can have passed, no other
/// backend takes its place: if somebody takes down whatever is up, it is then one backend that goes up and down, and
/// the others stay quiet. One that cannot be probed gives way after this time.
const PROBE_AWAITED: Duration = Duration::from_secs(10);

/// By how much two monitors can differ in when a backend was last listed up: lists are read each second.
const LIST_AGE: Duration = Duration::from_secs(2);

/// With so many downs within an hour the hold has reached its longest.
const MOST_DOWNS: usize = 10;

/// What a backend has been through.
#[derive(Clone, Debug, Default)]
pub(super) struct Dispute {
    /// How often it was brought up against another's view.
    count: u32,
    up: Option<Up>,
    /// When it was seen to go down, within the last hour, oldest first.
    downs: VecDeque<Instant>,
    /// It has failed here since it was found down.
    has_failed: bool,
}

/// The last time it was listed up.
#[derive(Clone, Copy, Debug)]
struct Up {
    since: Instant,
    latest: Instant,
    source: Source,
}

/// How it is known when the backend was last up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A list has shown it.
    Listed,
    /// It was down when this monitor first read of it; the stamp of that tells.
    Stamp,
}

impl Up {
    fn listed(since: Instant, latest: Instant) -> Up {
        Up {
            since,
            latest,
            source: Source::Listed,
        }
    }
}

/// When the change with this stamp was made, by our own clock, which shows `second` now. The stamp is
/// of another machine's clock: if it is ahead of ours, or there is none, the change counts as made now.
/// Where that clock is behind ours, the hold ends earlier by as much.
fn made_at(stamp: Stamp, second: Stamp, now: Instant) -> Instant {
    let age = match (stamp.0, second.0.checked_sub(stamp.0)) {
        (0, _) | (_, None) => return now,
        (_, Some(age)) => Duration::from_secs(age),
    };
    now.checked_sub(age).unwrap_or(now)
}

impl Dispute {
    /// It has just been listed for the first time.
    pub(super) fn new(state: HostState, stamp: Stamp, began: Instant) -> Dispute {
        let mut dispute = Dispute::default();
        match state {
            HostState::Up => dispute.on_listed(HostState::Down, state, began),
            // How old the stamp is has still to be told.
            HostState::Down => dispute.on_found_down(stamp, Stamp(0), began),
        }
        dispute
    }

    /// What the state file knows.
    pub(super) fn on_remembered(&mut self, count: u32) {
        self.count = count;
    }

    /// It was down, with this stamp, when it was first listed to this monitor; `second` is the wall
    /// clock's now.
    pub(super) fn on_found_down(&mut self, stamp: Stamp, second: Stamp, now: Instant) {
        let at = made_at(stamp, second, now);
        self.up = Some(Up {
            since: at,
            latest: at,
            source: Source::Stamp,
        });
        self.downs = VecDeque::from([at]);
    }

    /// It has been judged failed here.
    pub(super) fn on_failed(&mut self) {
        self.has_failed = true;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn on_listed(&mut self, from: HostState, to: HostState, began: Instant) {
        match (from, to) {
            (HostState::Up, HostState::Up) => {
                let since = self.up.map_or(began, |up| up.since);
                self.up = Some(Up::listed(since, began));
                if began.saturating_duration_since(since) >= HOUR {
                    self.count = 0;
                }
            }
            (HostState::Down, HostState::Up) => self.up = Some(Up::listed(began, began)),
            (HostState::Up, HostState::Down) => {
                // While no list could be read it was up for longer than is known.
                if let Some(up) = &mut self.up {
                    if began.saturating_duration_since(up.latest) > LIST_AGE {
                        up.latest = began;
                    }
                }
                if self.downs.len() == MOST_DOWNS {
                    self.downs.pop_front();
                }
                self.downs.push_back(began);
            }
            (HostState::Down, HostState::Down) => {}
        }
    }

    /// It is down as before, but has been up in between. Two directors told of one down at a time may
    /// stamp it twice.
    pub(super) fn on_up_unseen(&mut self, began: Instant) {
        let is_new = |up: Up| began.saturating_duration_since(up.latest) > LIST_AGE;
        if self.up.map_or(true, is_new) {
            self.on_listed(HostState::Down, HostState::Up, began);
            self.on_listed(HostState::Up, HostState::Down, began);
        }
    }

    /// A down that was not ours is being undone, by us or by another. It counts where it ends a hold
    /// of ours and we have seen it pass all the time: an up because the tag was without service, and a
    /// failure that we saw too, do not. Another's counts as ours does, or each of several monitors
    /// that see it pass would take its turn at the same hold.
    pub(super) fn on_foreign_down_undone(
        &mut self,
        sound_since: Option<Instant>,
        base: Duration,
        now: Instant,
    ) {
        let up = match self.up {
            Some(up) => up,
            None => return,
        };
        let ends = (up.latest + self.disputed_hold(base))
            .max(self.unsteady_until(now).unwrap_or(up.latest));
        let hold = ends.saturating_duration_since(up.latest);
        let down_for = now.saturating_duration_since(up.latest) + LIST_AGE;
        let ends_hold = (hold..=hold.saturating_mul(2)).contains(&down_for);
        if ends_hold && self.has_passed_since(up, sound_since) {
            self.count = self.count.saturating_add(1);
        }
    }

    /// Whether it has passed here all the time since it was last up, so that others took it down for what was
    /// not seen here.
    fn has_passed_since(&self, up: Up, sound_since: Option<Instant>) -> bool {
        sound_since.map_or(false, |since| match up.source {
            Source::Listed => since <= up.latest,
            // Of the time before the start nothing is known that speaks against it.
            Source::Stamp => !self.has_failed,
        })
    }

    /// Whether a round that began then tells how it is since it went down.
    fn is_after_up(&self, began: Instant) -> bool {
        self.up.map_or(true, |up| began >= up.latest)
    }

    fn disputed_until(&self, base: Duration) -> Option<Instant> {
        Some(self.up?.latest + self.disputed_hold(base))
    }

    fn disputed_hold(&self, base: Duration) -> Duration {
        doubled(base, self.count).min(HOUR.max(base))
    }

    pub(super) fn unsteady_until(&self, now: Instant) -> Option<Instant> {
        Some(*self.downs.back()? + self.unsteady_hold_after(0, now)?)
    }

    /// How long an unsteady backend is left down after its last down, with so many that are not seen yet.
    pub(super) fn unsteady_hold_after(&self, unseen: usize, now: Instant) -> Option<Duration> {
        let recent = self
            .downs
            .iter()
            .filter(|down| now.saturating_duration_since(**down) < HOUR)
            .count();
        let further = (recent + unseen).checked_sub(UNSTEADY_FROM)?;
        let further = u32::try_from(further).ok()?;
        Some(doubled(UNSTEADY_HOLD, further).min(HOUR))
    }
}

fn doubled(base: Duration, times: u32) -> Duration {
    base.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX))
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    if question.action != Action::MarkUp {
        return None;
    }
    let (member, now) = (question.member, question.now);
    let (backends, address) = (question.backends, question.address);
    let (reason, until) = left_down(backends, address, now)?;
    let tag = &member.listed.tag;
    // What needs no walk over all is asked first: where many are held, each of them asks.
    let is_due = could_serve(backends, member, now)
        && !is_served(backends, tag)
        && (is_first_where_none_is_up(backends, tag, address, now)
            || reason == Reason::Unsteady
                && first_where_all_have_failed(backends, tag, now) == Some(address));
    (!is_due).then(|| question.hold_until(reason, until))
}

/// Whether a backend of the tag is up that has not failed. If so, no held backend comes up before its time.
fn is_served(backends: &Compared<'_>, tag: &Tag) -> bool {
    let serves = |address| backends.member(address).map_or(false, Member::serves);
    backends.bar().promising(tag).any(serves)
}

/// Why a backend that is down is left so at this time, and until when. Where both holds last, it is left down until the
/// later one ends.
fn left_down(backends: &Backends, address: IpAddr, now: Instant) -> Option<(Reason, Instant)> {
    let member = backends.member(address)?;
    let lasts = |until: &Instant| now < *until;
    let disputed = match member.is_ours() {
        true => None,
        false => member.dispute.disputed_until(backends.rules().hold),
    };
    let disputed = disputed.filter(lasts);
    let unsteady = member.dispute.unsteady_until(now).filter(lasts);
    let until = disputed.max(unsteady)?;
    // What has never failed here goes down again and again because others take it down.
    let reason = match disputed.is_some() || !was_seen_failing(member) {
        true => Reason::Disputed,
        false => Reason::Unsteady,
    };
    Some((reason, until))
}

/// Whether a sound round has begun since it was last listed up.
pub(super) fn has_been_sound_since_up(member: &Member) -> bool {
    let sound = member.evidence.sound_round();
    sound.map_or(false, |round| member.dispute.is_after_up(round.began))
}

/// Whether this monitor agrees that it had to go down.
fn was_seen_failing(member: &Member) -> bool {
    let dispute = &member.dispute;
    let sound_since = member.evidence.sound_since();
    let has_passed = |up| dispute.has_passed_since(up, sound_since);
    member.is_ours() || !dispute.up.map_or(true, has_passed)
}

/// It is down, may come up, and would take users if it did. One that cannot be probed since it went down, or whose up
/// the director has just refused or not done, must not keep another one down.
fn could_serve(backends: &Compared<'_>, member: &Member, now: Instant) -> bool {
    let is_awaited = now.saturating_duration_since(member.news) < PROBE_AWAITED;
    member.listed.state == HostState::Down
        && member.would_take_users()
        && ownership::may_bring_up(backends, member)
        && is_wanted_up(backends, member)
        && backends.bar().stands(member)
        && (is_awaited || fresh::is_sound(member))
        && settle::set_back_until(member, now).is_none()
}

/// Whether this backend, which could serve, comes up at once: no backend of its tag is up or about to be, and none
/// before it could serve.
fn is_first_where_none_is_up(
    backends: &Compared<'_>,
    tag: &Tag,
    address: IpAddr,
    now: Instant,
) -> bool {
    let mut may_be_before = true;
    for (other, member) in backends.serving(tag) {
        may_be_before &= other != address;
        let is_before = may_be_before && could_serve(backends, member, now);
        if is_before || member.serves() || member.is_coming_up() {
            return false;
        }
    }
    true
}

/// The backend to bring up before its hold is over, because every backend of the tag that is up has failed for long
/// enough. Only one that is held for its own failures is chosen, the one whose hold ends first. A backend that never
/// failed here and that another monitor took down is not: that monitor may see those that are up as healthy, and the
/// two would undo each other's changes and move the users each time.
fn first_where_all_have_failed(backends: &Compared<'_>, tag: &Tag, now: Instant) -> Option<IpAddr> {
    let mut all_failed: Option<Failed> = None;
    let mut first: Option<(Duration, IpAddr)> = None;
    for (address, member) in backends.serving(tag) {
        if member.is_coming_up() {
            return None;
        }
        if member.serves() {
            let failed = Failed::of(member)?;
            all_failed = Some(all_failed.map_or(failed, |others| others.and(failed)));
        } else if could_serve(backends, member, now) {
            match left_down(backends, address, now) {
                // That one comes up by itself.
                None => return None,
                Some((Reason::Unsteady, _)) => {
                    let hold = member.dispute.unsteady_hold_after(0, now)?;
                    let candidate = ((hold / PART_FOR_SERVICE).min(UNSTEADY_HOLD), address);
                    first = Some(first.map_or(candidate, |before| before.min(candidate)));
                }
                Some(_) => {}
            }
        }
    }
    let (wait, address) = first?;
    (all_failed?.lasted() >= wait).then_some(address)
}

/// The time for which probes have shown that a backend has failed by a fault of its own.
#[derive(Clone, Copy, Debug)]
struct Failed {
    since: Instant,
    /// When the latest failed attempt began: what has happened after that is not known.
    latest: Instant,
}

impl Failed {
    /// None: it has not failed, or not at the services that are checked now.
    fn of(member: &Member) -> Option<Failed> {
        let evidence = &member.evidence;
        if !evidence.is_at_fault(Age::OfTheseServices) {
            return None;
        }
        Some(Failed {
            since: evidence.failed_since()?,
            latest: evidence.latest_failure()?,
        })
    }

    /// The time for which both had.
    fn and(self, other: Failed) -> Failed {
        Failed {
            since: self.since.max(other.since),
            latest: self.latest.min(other.latest),
        }
    }

    fn lasted(self) -> Duration {
        self.latest.saturating_duration_since(self.since)
    }
}
