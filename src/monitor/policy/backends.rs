//! What is known of all backends.
//!
//! It takes in what happened (`on_*`) and answers nothing but what changed; the rules read it.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::bar::{Bar, Login};
use super::evidence::{Asked, Evidence, Round};
use super::member::{Answer, Circumstances, Member, Memory};
use super::rank::Turn;
use super::{has_failed, needs_comparison, Action, Compared, Judgement, Sync};
use crate::backend::{Groups, HostState, Listed, Stamp, Tag};
use crate::config::settings::Rules;
use crate::outcome::Blame;
use crate::pool::{Drains, Forgotten};
use crate::schedule::{Finding, Verdict};

/// All listed backends.
#[derive(Debug)]
pub struct Backends {
    /// In boxes: most come in the order of their addresses, which leaves the nodes of the map half empty. 0.1 MB of the
    /// 10 that 250 plain backends may take.
    members: BTreeMap<IpAddr, Box<Member>>,
    /// Those of which a service has failed at the last attempt, or the verdict is that they have failed, so that
    /// a healthy round need not visit all. One too many does no harm.
    failing: BTreeSet<IpAddr>,
    /// How the backends compare, once it is asked for; none while that may have changed.
    bar: Option<Bar>,
    sync: Sync,
    /// How long our director leaves the first move to those before it in the ring.
    turn_delay: Duration,
    forgotten: Forgotten,
    drains: Drains,
    list_began: Option<Instant>,
    rules: Rules,
    /// How many backends have been looked at by going through all.
    #[cfg(test)]
    pub(super) visits: std::cell::Cell<usize>,
}

/// How many backends there are of a kind, and with what vhost count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) backends: usize,
    pub(super) weight: u64,
    /// Listed down, by whomever, or going down.
    pub(super) down: usize,
    pub(super) weight_down: u64,
}

impl Tally {
    pub(super) fn of(member: &Member) -> Tally {
        let (down, weight) = (member.is_down_or_going(), member.weight());
        Tally {
            backends: 1,
            weight,
            down: usize::from(down),
            weight_down: if down { weight } else { 0 },
        }
    }

    /// What a failed backend that is still up will add to the tally of its tag when it goes down.
    pub(super) fn of_failed(member: &Member) -> Tally {
        Tally {
            down: 1,
            weight_down: member.weight(),
            ..Tally::default()
        }
    }

    pub(super) fn add(&mut self, other: &Tally) {
        self.backends += other.backends;
        self.weight += other.weight;
        self.down += other.down;
        self.weight_down += other.weight_down;
    }
}

/// Who made a state that the director lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// This monitor.
    Us,
    /// An administrator or another monitor.
    Other,
    /// It was so when this monitor first read of it, or a restarted director has lost its memory.
    Unknown,
}

/// A state that the list shows now and did not show before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// A listed backend.
    pub address: IpAddr,
    /// As it is listed now.
    pub to: HostState,
    /// As far as it can be told from the stamps and the commands sent.
    pub by: By,
}

/// What a list brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Listed now and not in the list before; in the first list all are.
    pub joined: Vec<IpAddr>,
    /// In the list before, and not listed now.
    pub left: Vec<IpAddr>,
    /// Every state that changed.
    pub shown: Vec<Shown>,
    /// Those that did so not by our doing.
    pub news: Vec<News>,
    /// Backends whose state is not what a command answered with `OK` should have made of it.
    pub unobserved: Vec<Unobserved>,
    /// Backends with users still listed, though drains were answered with `OK` several times: each about once an hour.
    pub users_left: Vec<IpAddr>,
    /// States that a command answered with `OK` has made: our changes.
    pub observed: Vec<(IpAddr, HostState)>,
    /// States that a command has made whose answer left that open: our changes, too.
    pub done_all_the_same: Vec<(IpAddr, HostState)>,
}

/// A command that was answered with `OK` and has had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unobserved {
    /// A listed backend.
    pub address: IpAddr,
    /// Whether it is to be said: the first of several, and about once an hour.
    pub is_worth_a_line: bool,
}

/// A state that somebody else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// A listed backend.
    pub address: IpAddr,
    /// As it was listed before.
    pub from: HostState,
    /// As it is listed now.
    pub to: HostState,
}

impl Backends {
    /// No list has been read: there is no backend, and the director counts as silent.
    pub fn new(rules: Rules) -> Backends {
        Backends {
            members: BTreeMap::new(),
            failing: BTreeSet::new(),
            bar: None,
            sync: Sync::Silent,
            turn_delay: Duration::ZERO,
            forgotten: Forgotten::default(),
            drains: Drains::default(),
            list_began: None,
            rules,
            #[cfg(test)]
            visits: Default::default(),
        }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether the pool moves away users of this backend when it is down.
    pub(super) fn may_drain(&self, member: &Member) -> bool {
        self.drains == Drains::AfterAnyDown || member.is_ours()
    }

    /// The turn of an action that is past all other rules: counted from when it first was.
    pub(super) fn turn(&self, address: IpAddr, action: Action, now: Instant) -> Turn {
        self.member(address)
            .and_then(|member| member.turn)
            .filter(|turn| turn.action == action)
            .unwrap_or_else(|| Turn::new(action, now + self.turn_delay))
    }

    /// When the latest whole list was asked for.
    pub fn list_began(&self) -> Option<Instant> {
        self.list_began
    }

    /// Those that could take the users of this tag, if they work.
    pub fn serving<'a>(&'a self, tag: &'a Tag) -> impl Iterator<Item = (IpAddr, &'a Member)> + 'a {
        self.members()
            .filter(move |(_, member)| member.listed.tag.takes_users_of(tag))
    }

    /// Healthy backends that are up and could take the users of their tags, were their vhost count not 0.
    pub fn out_of_rotation(&self) -> impl Iterator<Item = (IpAddr, &Tag)> {
        let is_out_of_rotation = |member: &Member| {
            matches!(member.evidence.verdict(), Some(Verdict::Healthy(_)))
                && !member.is_down_or_going()
                && !member.serves()
        };
        self.members()
            .filter(move |(_, member)| is_out_of_rotation(member))
            .map(|(address, member)| (address, &member.listed.tag))
    }

    /// Whether what is said of backends has to name their tag.
    pub fn groups(&self) -> Groups {
        Groups::of(self.values().map(|member| &member.listed.tag))
    }

    /// What was decided about this backend, for when it is asked about again.
    pub fn on_judged(&mut self, address: IpAddr, judgement: &Judgement) {
        if let Some(member) = self.members.get_mut(&address) {
            member.turn = judgement.turn;
            if judgement.forgives_drain {
                member.pending_drain = None;
            }
        }
    }

    /// None: the latest list does not have this backend.
    pub fn member(&self, address: IpAddr) -> Option<&Member> {
        self.members.get(&address).map(|member| &**member)
    }

    fn values(&self) -> impl Iterator<Item = &Member> + Clone {
        self.members.values().map(|member| &**member)
    }

    /// All backends of the latest list, in the order of their addresses.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (IpAddr, &Member)> {
        self.members.iter().map(move |(address, member)| {
            #[cfg(test)]
            self.visits.set(self.visits.get() + 1);
            (*address, &**member)
        })
    }

    /// Those of which the rules want something, or did. Of the others nothing is wanted before their next
    /// finding or a list that shows another state.
    pub fn concerned(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let members = self.members();
        let concerned =
            members.filter(|(_, member)| needs_comparison(member) || member.turn.is_some());
        concerned.map(|(address, _)| address)
    }

    /// Whether the latest list has no backend. Before the first list that is not known.
    pub fn lists_none(&self) -> bool {
        self.list_began.is_some() && self.members.is_empty()
    }

    /// Whether there are backends, or no list has been read yet, and every backend is up with a vhost count and no
    /// backend has failed.
    pub fn is_all_well(&self) -> bool {
        let is_well = |member: &Member| !has_failed(member) && member.may_take_users();
        !self.lists_none() && self.values().all(is_well)
    }

    /// Keeps the comparison of the backends with each other, unless nothing has changed since: for those
    /// who ask about many backends in turn.
    pub fn measure(&mut self, now: Instant) {
        if self.bar.is_some() {
            return;
        }
        let bar = Bar::measure(self.values());
        for address in &self.failing {
            if let Some(member) = self.members.get_mut(address) {
                let outdone: Vec<usize> = bar.outdone(member).collect();
                member.evidence.on_outdone(&outdone, now);
            }
        }
        self.bar = Some(bar);
    }

    /// The same before this backend is asked about, if what is wanted of it depends on the others.
    pub fn measure_for(&mut self, address: IpAddr, now: Instant) {
        if self.member(address).map_or(false, needs_comparison) {
            self.measure(now);
        }
    }

    /// With the comparison that is kept, or else one made now.
    pub fn compared(&self) -> Compared<'_> {
        let bar = match &self.bar {
            Some(bar) => Cow::Borrowed(bar),
            None => Cow::Owned(Bar::measure(self.values())),
        };
        Compared::new(self, bar)
    }

    /// Those of which something may fail, and all of which the verdict is that they have failed, in the order of
    /// their addresses.
    pub(super) fn failing(&self) -> impl Iterator<Item = (IpAddr, &Member)> {
        let failing = self.failing.iter();
        failing.filter_map(|address| Some((*address, self.member(*address)?)))
    }

    /// What the last reading of the lists said of the ring.
    pub fn sync(&self) -> Sync {
        self.sync
    }

    /// The lists were read, or could not be. While the ring is not synced, a change that its lists show is
    /// no proof that anybody has made it.
    pub fn on_sync(&mut self, sync: Sync) {
        self.sync = sync;
        if sync != Sync::Synced {
            for member in self.members.values_mut() {
                member.on_ring_lost();
            }
        }
    }

    /// Other rules than before: they hold for what is decided from now on. Drains that are owed are
    /// forgiven if the operator does not want users moved any more.
    pub fn on_rules(&mut self, rules: Rules) {
        self.rules = rules;
        for member in self.members.values_mut() {
            member.on_rules(&self.rules);
        }
    }

    /// A dry run has ended, and this is what the director lists: what would have been done does not count. What the
    /// state file holds has still to be told.
    pub fn on_dry_run_ended(&mut self, read: Vec<Listed>, now: Instant) {
        self.bar = None;
        for listed in read {
            if let Some(member) = self.members.get_mut(&listed.address) {
                member.on_dry_run_ended(listed, now);
            }
        }
    }

    /// With which login the backend is probed from now on. A backend that has just been listed has none yet.
    pub fn on_login(&mut self, address: IpAddr, login: Option<Login>) {
        if let Some(member) = self.members.get_mut(&address) {
            if member.login != login {
                member.login = login;
                member.evidence.on_other_login();
                self.bar = None;
                self.for_all_failing(|evidence| evidence.forget_login_of(address));
            }
        }
    }

    /// Other services than before are checked, so a place in the order of checking names another service. The
    /// verdicts stand; none acts before an attempt on the new services agrees with it.
    pub fn on_other_services(&mut self) {
        self.bar = None;
        for member in self.members.values_mut() {
            member.evidence.on_other_services();
        }
    }

    /// The same of one backend alone, whose ports or name have changed.
    pub fn on_other_target(&mut self, address: IpAddr) {
        if let Some(member) = self.members.get_mut(&address) {
            self.bar = None;
            member.evidence.on_other_services();
            self.forget_elsewhere(address);
        }
    }

    /// It is not probed, or not any more: nothing counts but what the list says of it.
    pub fn on_left_alone(&mut self, address: IpAddr) {
        match self.members.get_mut(&address) {
            Some(member) if !member.left_alone => {
                member.left_alone = true;
                member.login = None;
                self.forget_findings(address);
            }
            _ => {}
        }
    }

    /// Its worker probes it no more, and another one is to: nothing that was found out counts until then. The
    /// others are still compared with it.
    pub fn on_worker_ended(&mut self, address: IpAddr) {
        self.forget_findings(address);
    }

    fn forget_findings(&mut self, address: IpAddr) {
        if let Some(member) = self.members.get_mut(&address) {
            member.evidence = Default::default();
            member.asked = None;
        }
        self.failing.remove(&address);
        self.forget_elsewhere(address);
        self.bar = None;
    }

    /// What others owe to its passes.
    fn forget_elsewhere(&mut self, address: IpAddr) {
        self.for_all_failing(|evidence| evidence.forget_other(address));
    }

    fn for_all_failing(&mut self, change: impl Fn(&mut Evidence)) {
        for failing in &self.failing {
            if let Some(member) = self.members.get_mut(failing) {
                change(&mut member.evidence);
            }
        }
    }

    /// How long to leave the first move to others (`rank::turn_delay`).
    pub fn on_turn_delay(&mut self, delay: Duration) {
        self.turn_delay = delay;
    }

    /// What becomes of acts that the pool forgets.
    pub fn on_forgotten_acts(&mut self, forgotten: Forgotten) {
        self.forgotten = forgotten;
    }

    /// After whose downs this kind of pool moves users away.
    pub fn on_drains(&mut self, drains: Drains) {
        self.drains = drains;
    }

    /// A whole list, asked for at `began`.
    pub fn on_list(&mut self, list: Vec<Listed>, began: Instant) -> Changes {
        self.list_began = Some(began);
        let mut changes = Changes::default();
        let circumstances = Circumstances {
            began,
            sync: self.sync,
            forgotten: self.forgotten,
            drains: self.drains,
            hold: self.rules.hold,
        };
        let listed: BTreeSet<IpAddr> = list.iter().map(|listed| listed.address).collect();
        for entry in list {
            let address = entry.address;
            match self.members.entry(address) {
                Entry::Occupied(mut there) => {
                    there
                        .get_mut()
                        .on_listed(entry, &circumstances, &mut changes);
                }
                Entry::Vacant(free) => {
                    changes.joined.push(address);
                    free.insert(Box::new(Member::new(entry, began)));
                }
            }
        }
        self.forget_missing(&listed, &mut changes);
        self.bar = None;
        changes
    }

    /// Those that the last list did not have.
    fn forget_missing(&mut self, listed: &BTreeSet<IpAddr>, changes: &mut Changes) {
        let missing = self
            .members
            .keys()
            .filter(|address| !listed.contains(address));
        let missing: Vec<IpAddr> = missing.copied().collect();
        for address in missing {
            self.failing.remove(&address);
            self.forget_elsewhere(address);
            self.members.remove(&address);
            changes.left.push(address);
        }
    }

    /// Adds a finding to the evidence of its backend. A finding about a backend that is not in the list
    /// any more changes nothing.
    pub fn on_finding(&mut self, address: IpAddr, finding: &Finding) {
        let member = match self.members.get_mut(&address) {
            Some(member) => member,
            None => return,
        };
        let before = (
            std::mem::take(&mut member.left_alone),
            member.evidence.comparable(finding.service),
        );
        let sound = member.evidence.on_finding(finding);
        match member.evidence.failing().is_empty() && !has_failed(member) {
            true => self.failing.remove(&address),
            false => self.failing.insert(address),
        };
        // Most findings are as the one before, and the comparison of all with all takes long.
        if before != (false, member.evidence.comparable(finding.service)) {
            self.bar = None;
        }
        if let (Some(Verdict::Failed { .. }), None) = (&finding.verdict, sound) {
            member.dispute.on_failed();
        }
        if let Some(Verdict::Healthy(_)) = &finding.verdict {
            member.undone = None;
        }
        let asked = member.asked.map_or(false, |asked| answers(finding, asked));
        if asked {
            member.asked = None;
        }
        self.compare(address, finding);
        if let Some(round) = sound {
            let asked = if asked { Asked::Yes } else { Asked::No };
            self.offer_refuge(address, round, asked);
        }
    }

    /// With those that fail at the same service.
    fn compare(&mut self, address: IpAddr, finding: &Finding) {
        for other in self.failing.iter().filter(|other| **other != address) {
            if let Some(member) = self.members.get_mut(other) {
                member.evidence.on_attempt_elsewhere(address, finding);
            }
        }
    }

    /// To those that fail at present and whose users it could take.
    fn offer_refuge(&mut self, address: IpAddr, round: Round, asked: Asked) {
        let tag = match self.members.get(&address) {
            Some(member) => member.listed.tag.clone(),
            None => return,
        };
        for taker in self.failing.iter().filter(|taker| **taker != address) {
            match self.members.get_mut(taker) {
                Some(member) if tag.takes_users_of(&member.listed.tag) => {
                    let evidence = &mut member.evidence;
                    evidence.on_sound_round_elsewhere(address, round, asked);
                }
                _ => {}
            }
        }
    }

    /// What the state file still holds of a backend that has just joined, in this second of the wall clock.
    pub fn on_remembered(&mut self, address: IpAddr, memory: Memory, second: Stamp, now: Instant) {
        if let Some(member) = self.members.get_mut(&address) {
            member.on_remembered(memory, second, &self.rules, now);
            self.bar = None;
        }
    }

    /// What has to outlive the process once this command, decided on in this second of the wall clock, is
    /// sent.
    pub fn memory_once_sent(
        &self,
        address: IpAddr,
        action: Action,
        second: Stamp,
        now: Instant,
    ) -> Option<Memory> {
        let member = self.members.get(&address)?;
        Some(member.memory_once_sent(action, second, &self.rules, now))
    }

    /// A command is about to be sent, in this second of the wall clock.
    pub fn on_sent(&mut self, address: IpAddr, action: Action, second: Stamp, now: Instant) {
        if let Some(member) = self.members.get_mut(&address) {
            member.on_sent(action, second, &self.rules, now);
            self.count_those_down();
        }
    }

    /// The command was answered, or will not be.
    pub fn on_answer(&mut self, address: IpAddr, action: Action, answer: Answer, now: Instant) {
        if let Some(member) = self.members.get_mut(&address) {
            member.on_answer(action, answer, now);
            self.count_those_down();
        }
    }

    /// Which backends are down or about to be has changed.
    fn count_those_down(&mut self) {
        if let Some(bar) = &mut self.bar {
            bar.count_those_down(self.members.values().map(|member| &**member));
        }
    }

    /// The director answers again after it could not be told anything.
    pub fn on_director_back(&mut self) {
        for member in self.members.values_mut() {
            member.on_director_back();
        }
    }

    /// Whether a probe at once has still to be asked for; it counts as asked for from now on.
    pub fn ask(&mut self, address: IpAddr, now: Instant) -> bool {
        match self.members.get_mut(&address) {
            Some(member) if member.asked.is_none() => {
                member.asked = Some(now);
                true
            }
            _ => false,
        }
    }
}

/// Whether this finding is the evidence asked for at that time: a whole round begun since, or a failure begun since that
/// settles the verdict. Until one does, the backend is tried again by itself. A fault of this machine is no evidence; a
/// round may end with one.
fn answers(finding: &Finding, asked: Instant) -> bool {
    let began = match &finding.outcome.result {
        Err(failure) if failure.fault.blame() == Blame::Service => finding.outcome.began,
        _ => finding.round_began,
    };
    finding.verdict.is_some() && began >= asked
}

#[cfg(test)]
impl Backends {
    /// What is kept up to date is what the members say.
    pub(super) fn check_what_is_kept(&self) {
        if let Some(bar) = &self.bar {
            assert_eq!(*bar, Bar::measure(self.values()));
        }
        let is_listed = |address| self.members.contains_key(address);
        assert!(self.failing.iter().all(is_listed));
    }
}
