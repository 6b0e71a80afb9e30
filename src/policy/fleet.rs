//! What is known of all backends.
//!
//! It takes in what happened (`on_*`) and answers nothing but what changed; the rules read it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::bar::{Bar, Login};
use super::evidence::{Asked, Round};
use super::member::{Answer, Member, Memory};
use super::rank::Turn;
use super::{Action, Sync};
use crate::backend::{HostState, Listed, Stamp, Tag};
use crate::config::settings::Rules;
use crate::outcome::Blame;
use crate::schedule::{Finding, Verdict};

/// All listed backends.
#[derive(Debug)]
pub struct Fleet {
    members: BTreeMap<IpAddr, Member>,
    /// How far the backends get, once it is asked for; none while that may have changed.
    bar: Option<Bar>,
    sync: Sync,
    /// How long our director leaves the first move to those before it in the ring.
    turn_delay: Duration,
    list_began: Option<Instant>,
    rules: Rules,
}

/// What a list brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub joined: Vec<IpAddr>,
    pub left: Vec<IpAddr>,
    /// States that changed and not by our doing.
    pub news: Vec<News>,
    /// Backends whose state is not what a command answered with `OK` should have made of it.
    pub unobserved: Vec<IpAddr>,
    /// States that a command answered with `OK` has made: our changes.
    pub observed: Vec<(IpAddr, HostState)>,
}

/// A state that somebody else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    pub address: IpAddr,
    pub from: HostState,
    pub to: HostState,
}

impl Fleet {
    pub fn new(rules: Rules) -> Fleet {
        Fleet {
            members: BTreeMap::new(),
            bar: None,
            sync: Sync::Silent,
            turn_delay: Duration::ZERO,
            list_began: None,
            rules,
        }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The turn of an action that is past all other rules: counted from when it first was.
    pub(super) fn turn(&self, address: IpAddr, action: Action, now: Instant) -> Turn {
        self.member(address)
            .and_then(|member| member.turn)
            .filter(|turn| turn.action == action)
            .unwrap_or_else(|| Turn::new(action, now + self.turn_delay))
    }

    /// When the latest whole HOST-LIST was asked for.
    pub(super) fn list_began(&self) -> Option<Instant> {
        self.list_began
    }

    pub(super) fn of_tag<'a>(
        &'a self,
        tag: &'a Tag,
    ) -> impl Iterator<Item = (IpAddr, &'a Member)> + 'a {
        self.members()
            .filter(move |(_, member)| member.listed.tag == *tag)
    }

    pub(super) fn member_mut(&mut self, address: IpAddr) -> Option<&mut Member> {
        self.members.get_mut(&address)
    }

    pub fn member(&self, address: IpAddr) -> Option<&Member> {
        self.members.get(&address)
    }

    pub fn members(&self) -> impl Iterator<Item = (IpAddr, &Member)> {
        self.members
            .iter()
            .map(|(address, member)| (*address, member))
    }

    /// The tags whose users have nowhere to go: all of their backends are down.
    pub fn tags_without_service(&self) -> BTreeSet<Tag> {
        let tags_of = |state| {
            self.members
                .values()
                .filter(move |member| member.listed.state == state)
                .map(|member| &member.listed.tag)
        };
        let served: BTreeSet<&Tag> = tags_of(HostState::Up).collect();
        tags_of(HostState::Down)
            .filter(|tag| !served.contains(tag))
            .cloned()
            .collect()
    }

    /// How many are listed down, by whomever, going down, or failed and to be taken down.
    pub(super) fn down_or_due(&self) -> usize {
        let bar = self.bar();
        let is_due = |member: &&Member| member.is_down_or_going() || bar.has_failed(member);
        self.members.values().filter(is_due).count()
    }

    /// Compares the backends with each other, unless nothing has changed since.
    pub(super) fn measure(&mut self) {
        if self.bar.is_none() {
            self.bar = Some(Bar::measure(self.members.values()));
        }
    }

    /// What `measure` has found. It is called before any rule is asked.
    pub(super) fn bar(&self) -> &Bar {
        self.bar
            .as_ref()
            .expect("the rules are asked after `measure`")
    }

    pub fn sync(&self) -> Sync {
        self.sync
    }

    pub fn on_sync(&mut self, sync: Sync) {
        self.sync = sync;
        if sync != Sync::Synced {
            for member in self.members.values_mut() {
                member.on_ring_lost();
            }
        }
    }

    /// Whether a list that shows what the last one did would change nothing here, however much later
    /// it comes: no command, debt, claim or contest waits for one, nor do users who may be left.
    pub fn is_at_rest(&self) -> bool {
        let drain = self.rules.drain;
        self.members.values().all(|member| member.is_at_rest(drain))
    }

    /// Other rules than before: they hold for what is decided from now on. Drains that are owed are
    /// forgiven if the operator does not want users moved any more.
    pub fn on_rules(&mut self, rules: Rules) {
        self.rules = rules;
        for member in self.members.values_mut() {
            member.on_rules(&self.rules);
        }
    }

    /// Whom it is probed as from now on. It is nobody for a backend that has just been listed.
    pub fn on_login(&mut self, address: IpAddr, login: Option<Login>) {
        if let Some(member) = self.members.get_mut(&address) {
            if member.login != login {
                member.login = login;
                member.evidence.on_other_login();
                self.bar = None;
            }
        }
    }

    /// Other services than before are checked, and their places are not those of before. The verdicts
    /// stand; none acts before an attempt on the new services agrees with it.
    pub fn on_other_services(&mut self) {
        self.bar = None;
        for member in self.members.values_mut() {
            member.evidence.on_other_services();
        }
    }

    /// It is not probed, or not any more: nothing counts but what the list says of it.
    pub fn on_left_alone(&mut self, address: IpAddr) {
        match self.members.get_mut(&address) {
            Some(member) if !member.left_alone => {
                member.left_alone = true;
                member.evidence = Default::default();
                member.asked = None;
                member.login = None;
                self.bar = None;
            }
            _ => {}
        }
    }

    /// How long to leave the first move to others (`rank::turn_delay`).
    pub fn on_turn_delay(&mut self, delay: Duration) {
        self.turn_delay = delay;
    }

    /// A whole HOST-LIST, asked for at `began`.
    pub fn on_list(&mut self, list: Vec<Listed>, began: Instant) -> Changes {
        self.list_began = Some(began);
        let mut changes = Changes::default();
        let mut gone: BTreeSet<IpAddr> = self.members.keys().copied().collect();
        for listed in list {
            let address = listed.address;
            gone.remove(&address);
            match self.members.get_mut(&address) {
                Some(member) => {
                    member.on_listed(listed, began, self.sync, self.rules.hold, &mut changes)
                }
                None => {
                    self.members.insert(address, Member::new(listed, began));
                    changes.joined.push(address);
                }
            }
        }
        for address in gone {
            self.members.remove(&address);
            changes.left.push(address);
        }
        if !changes.joined.is_empty() || !changes.left.is_empty() {
            self.bar = None;
        }
        changes
    }

    pub fn on_finding(&mut self, address: IpAddr, finding: &Finding) {
        let member = match self.members.get_mut(&address) {
            Some(member) => member,
            None => return,
        };
        member.left_alone = false;
        let sound = member.evidence.on_finding(finding);
        if let (Some(Verdict::Failed { .. }), None) = (&finding.verdict, sound) {
            member.contest.on_failed();
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
        self.bar = None;
    }

    /// With those that fail at the same service.
    fn compare(&mut self, address: IpAddr, finding: &Finding) {
        for (other, member) in &mut self.members {
            if *other != address {
                member.evidence.on_attempt_elsewhere(address, finding);
            }
        }
    }

    /// To those of the tag that fail at present.
    fn offer_refuge(&mut self, address: IpAddr, round: Round, asked: Asked) {
        let tag = match self.members.get(&address) {
            Some(member) => member.listed.tag.clone(),
            None => return,
        };
        for (taker, member) in &mut self.members {
            if *taker != address && member.listed.tag == tag {
                member
                    .evidence
                    .on_sound_round_elsewhere(address, round, asked);
            }
        }
    }

    /// What the ledger still holds of a backend that has just joined, in this second of the wall clock.
    pub fn on_remembered(&mut self, address: IpAddr, memory: Memory, second: Stamp, now: Instant) {
        if let Some(member) = self.members.get_mut(&address) {
            member.on_remembered(memory, second, &self.rules, now);
        }
    }

    /// A command is about to be sent, in this second of the wall clock.
    pub fn on_sent(&mut self, address: IpAddr, action: Action, second: Stamp, now: Instant) {
        if let Some(member) = self.members.get_mut(&address) {
            member.on_sent(action, second, &self.rules, now);
        }
    }

    /// The command was answered, or will not be.
    pub fn on_answer(&mut self, address: IpAddr, action: Action, answer: Answer, now: Instant) {
        if let Some(member) = self.members.get_mut(&address) {
            member.on_answer(action, answer, now);
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

/// Whether this finding is the evidence asked for at that time: a whole round begun since, or a
/// failure begun since. A fault of this machine is no evidence; a round may end with one.
fn answers(finding: &Finding, asked: Instant) -> bool {
    match &finding.outcome.result {
        Err(failure) if failure.fault.blame() == Blame::Service => finding.outcome.began >= asked,
        _ => finding.verdict.is_some() && finding.round_began >= asked,
    }
}
