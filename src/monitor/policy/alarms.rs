//! What a person has to look at: the alarms, computed from the state of all backends.
//!
//! An alarm depends on what the list shows, on the verdicts and on the rules' limits. It does not
//! depend on what holds an action back at this moment: an unsynced ring, a silent director, a command
//! under way or a pause neither begins nor ends one. When an alarm is said is not its business.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use super::{
    brake, has_failed, hold, is_wanted_up, ownership, Action, Age, Backends, Compared, Failing,
    Hold, Member, Question, Reason,
};
use crate::backend::{HostState, Tag};
use crate::config::settings::Brake;
use crate::outcome::{Blame, Stage};

/// A state of affairs that is worth one error line, however many backends it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The pool lists no backend at all.
    NoBackend,
    /// No backend of this tag is up with a vhost count, whoever saw to that.
    WithoutService(Tag),
    /// Nobody of this tag passes: is the monitor itself cut off?
    NoRefuge(Tag),
    /// Too few pass this check for those that fail there to be blamed for it: is the monitor's account,
    /// certificate or address wrong?
    Shared {
        /// The place of the check in the order of checking, from 0.
        service: usize,
        /// Where they fail.
        stage: Stage,
    },
    /// More are down or due to be taken down than the limit of delayed downs allows.
    DownDelayLimit,
    /// `--max-down` keeps failed backends of this tag up.
    MaxDown(Tag),
    /// Healthy, down, and only its owner or an administrator may bring it up.
    NotOurs,
    /// Somebody else takes it down, and to us it is healthy.
    Disputed,
    /// Failed, and somebody else undoes our downs again and again.
    BroughtUp,
}

impl Alarm {
    /// In snake case, for machines.
    pub fn word(&self) -> &'static str {
        match self {
            Alarm::NoBackend => "no_backend",
            Alarm::WithoutService(_) => "without_service",
            Alarm::NoRefuge(_) => "no_refuge",
            Alarm::Shared { .. } => "shared",
            Alarm::DownDelayLimit => "down_delay_limit",
            Alarm::MaxDown(_) => "max_down",
            Alarm::NotOurs => "not_ours",
            Alarm::Disputed => "disputed",
            Alarm::BroughtUp => "brought_up",
        }
    }
}

/// The alarms, each with the backends that it is about; `NoBackend` is about none.
pub type Alarms = BTreeMap<Alarm, BTreeSet<IpAddr>>;

/// All alarms that hold now. Where all is well (`Backends::is_all_well`) there are none, and nobody need ask.
pub fn alarms(backends: &Backends, now: Instant) -> Alarms {
    let mut alarms = Alarms::new();
    if backends.lists_none() {
        alarms.insert(Alarm::NoBackend, BTreeSet::new());
        return alarms;
    }
    let compared = backends.compared();
    let backends = &compared;
    let mut failed = Vec::new();
    for (address, member) in backends.failing() {
        if has_failed(member) && member.brought_up_since(now).is_some() {
            add(&mut alarms, Alarm::BroughtUp, address);
        }
    }
    for (address, member) in backends.failing().filter(|(_, member)| stays_up(member)) {
        let spared = spared_for(backends, member);
        if spared.is_empty() {
            failed.push((address, member));
        }
        for alarm in spared {
            add(&mut alarms, alarm, address);
        }
    }
    for (address, tag) in without_refuge(backends, &failed) {
        add(&mut alarms, Alarm::NoRefuge(tag.clone()), address);
    }
    for (address, alarm) in no_lower_than_others(backends, &failed) {
        add(&mut alarms, alarm, address);
    }
    for (address, alarm) in brake::kept_up(backends, &failed, now) {
        add(&mut alarms, alarm, address);
    }
    for (address, member) in backends.members() {
        if let Some(alarm) = kept_down(backends, address, member, now) {
            add(&mut alarms, alarm, address);
        }
    }
    for (address, tag) in without_service(backends) {
        add(&mut alarms, Alarm::WithoutService(tag.clone()), address);
    }
    alarms
}

fn add(alarms: &mut Alarms, alarm: Alarm, address: IpAddr) {
    alarms.entry(alarm).or_default().insert(address);
}

/// Failed, and the director sends it users all the same.
fn stays_up(member: &Member) -> bool {
    has_failed(member) && member.listed.state == HostState::Up && !member.is_going_down()
}

/// The checks at which this failed backend stops for something that too few others are spared, where
/// nothing else speaks against it.
fn spared_for(backends: &Compared<'_>, member: &Member) -> Vec<Alarm> {
    let evidence = &member.evidence;
    if evidence.age() == Age::OfFormerServices {
        return Vec::new();
    }
    let mut spared = Vec::new();
    let bar = backends.bar();
    for failing in evidence.failing().iter().flat_map(Failing::for_good_series) {
        let is_spared = match failing.blame() {
            Blame::Shared => !bar.condemns(member, failing),
            Blame::Service => bar.may_be_refused(failing),
            Blame::Local => continue,
        };
        if !is_spared {
            return Vec::new();
        }
        spared.push(Alarm::Shared {
            service: failing.service,
            stage: failing.failure.stage,
        });
    }
    spared
}

/// Of the failed backends those that stop where no other one is known to get further, since theirs meets
/// a fault of this machine, or a shared one. Others of their tags stand, so it is not for lack of a refuge
/// that they stay up.
fn no_lower_than_others(
    backends: &Compared<'_>,
    failed: &[(IpAddr, &Member)],
) -> Vec<(IpAddr, Alarm)> {
    let bar = backends.bar();
    if backends.rules().brake == Brake::Off
        || failed.iter().all(|(_, member)| bar.has_failed(member))
    {
        return Vec::new();
    }
    let standing = backends.members().map(|(_, member)| member);
    let standing = standing.filter(|member| member.may_take_users() && bar.stands(member));
    let standing: BTreeSet<&Tag> = standing.map(|member| &member.listed.tag).collect();
    let mut kept = Vec::new();
    for (address, member) in failed {
        if bar.has_failed(member) || !is_served(&member.listed.tag, &standing) {
            continue;
        }
        let failing = member.evidence.failing().iter();
        kept.extend(failing.filter(|failing| failing.for_good).map(|failing| {
            let alarm = Alarm::Shared {
                service: failing.service,
                stage: failing.failure.stage,
            };
            (*address, alarm)
        }));
    }
    kept
}

/// Of the failed backends those whose users would have nowhere to go: no other backend of the tag is
/// up and has not failed by a fault of its own. One that is in doubt at this moment counts until it has
/// a verdict.
fn without_refuge<'a>(
    backends: &Backends,
    failed: &[(IpAddr, &'a Member)],
) -> impl Iterator<Item = (IpAddr, &'a Tag)> {
    let mut without = Vec::new();
    if backends.rules().brake != Brake::Off && !failed.is_empty() {
        let failed_themselves: BTreeSet<IpAddr> =
            failed.iter().map(|(address, _)| *address).collect();
        let refuges = backends.members().filter(|(address, member)| {
            !failed_themselves.contains(address) && member.may_take_users() && !member.left_alone
        });
        let refuges: BTreeSet<&Tag> = refuges.map(|(_, member)| &member.listed.tag).collect();
        for (address, member) in failed {
            if !is_served(&member.listed.tag, &refuges) {
                without.push((*address, &member.listed.tag));
            }
        }
    }
    without.into_iter()
}

/// Why a healthy backend that is listed down stays so until somebody looks at it.
fn kept_down(
    backends: &Compared<'_>,
    address: IpAddr,
    member: &Member,
    now: Instant,
) -> Option<Alarm> {
    if member.listed.state == HostState::Up || member.is_coming_up() {
        return None;
    }
    // One that another monitor was the first to take down may be dying here, too: that it was healthy before says nothing.
    if !is_wanted_up(backends, member) || !hold::has_been_sound_since_up(member) {
        return None;
    }
    let question = Question {
        backends,
        address,
        member,
        action: Action::MarkUp,
        turn: backends.turn(address, Action::MarkUp, now),
        now,
    };
    let held = |hold: Option<Hold>| hold.map(|hold| hold.reason);
    if let Some(Reason::NotOurs) = held(ownership::hold(&question)) {
        return Some(Alarm::NotOurs);
    }
    match held(hold::hold(&question)) {
        Some(Reason::Disputed) => Some(Alarm::Disputed),
        // Others took it down so often that it is left down for longer than a dispute alone lasts.
        Some(Reason::Unsteady) if !member.is_ours() => Some(Alarm::Disputed),
        _ => None,
    }
}

/// The backends of the tags to whose users the director can give no backend, whoever took them down or set their
/// vhost counts to 0: also where two monitors, each with a refuge on the list that it read, took down the last two.
fn without_service(backends: &Backends) -> impl Iterator<Item = (IpAddr, &Tag)> {
    // HAProxy's weight is 0 also where only one of several sections sends no users there.
    let serves = |member: &Member| match &member.listed.tag {
        Tag::Name(_) => member.serves(),
        Tag::Sections { .. } => member.listed.state == HostState::Up,
    };
    let serving = backends.members().filter(|(_, member)| serves(member));
    let serving: BTreeSet<&Tag> = serving.map(|(_, member)| &member.listed.tag).collect();
    backends
        .members()
        .map(|(address, member)| (address, &member.listed.tag))
        .filter(move |(_, tag)| !is_served(tag, &serving))
}

/// Whether backends with one of the others can take the users of this tag.
fn is_served(tag: &Tag, others: &BTreeSet<&Tag>) -> bool {
    others.iter().any(|other| other.takes_users_of(tag))
}
