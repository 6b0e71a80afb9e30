//! What is known of all backends, and who of them stands how: the indexes that the rules ask.
//!
//! It takes in what happened (`on_*`) and answers nothing but what changed; the rules read it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::evidence::{Doubt, HealthyRound};
use super::member::{Answer, Member, Memory};
use super::rank::Turn;
#[cfg(test)]
use super::standing::Scope;
use super::standing::{Login, Standing};
use super::{Action, Sync};
use crate::backend::{HostState, Listed, Stamp, Tag};
use crate::config::settings::Rules;
use crate::outcome::Blame;
use crate::schedule::Finding;

/// All listed backends.
#[derive(Debug)]
pub struct Fleet {
    members: BTreeMap<IpAddr, Member>,
    /// Those in doubt, so that a healthy round need not visit the whole fleet.
    doubted: BTreeSet<IpAddr>,
    /// Those of them who have not enough refuges yet.
    wanting: BTreeSet<IpAddr>,
    /// Those listed down, going down, or failed.
    down_or_due: BTreeSet<IpAddr>,
    standing: Standing,
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
            doubted: BTreeSet::new(),
            wanting: BTreeSet::new(),
            down_or_due: BTreeSet::new(),
            standing: Standing::default(),
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
        self.down_or_due.len()
    }

    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    pub fn sync(&self) -> Sync {
        self.sync
    }

    pub fn on_sync(&mut self, sync: Sync) {
        self.sync = sync;
    }

    /// Whether a list that shows what the last one did would change nothing here, however much later
    /// it comes: no command, debt, claim or contest waits for one.
    pub fn is_at_rest(&self) -> bool {
        self.members.values().all(Member::is_at_rest)
    }

    /// Other rules than before: they hold for what is decided from now on.
    pub fn on_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Whom it is probed as from now on. It is nobody for a backend that has just been listed.
    pub fn on_login(&mut self, address: IpAddr, login: Option<Login>) {
        if let Some(member) = self.members.get_mut(&address) {
            if member.login != login {
                self.standing.forget_passes_of(address, member.login);
                member.login = login;
            }
        }
        self.put_in_place(address);
    }

    /// Other services than before are checked, and their places are not those of before. The verdicts
    /// stand; none acts before an attempt on the new services agrees with it.
    pub fn on_other_services(&mut self) {
        self.standing.forget_passes();
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
                self.standing.forget_passes_of(address, member.login);
                member.login = None;
            }
            _ => return,
        }
        self.doubted.remove(&address);
        self.wanting.remove(&address);
        self.put_in_place(address);
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
                Some(member) => member.on_listed(listed, began, self.rules.hold, &mut changes),
                None => {
                    self.members.insert(address, Member::new(listed, began));
                    changes.joined.push(address);
                }
            }
            self.put_in_place(address);
        }
        for address in gone {
            if let Some(member) = self.members.remove(&address) {
                let place = member.place.as_ref();
                self.standing.move_from(address, place, None);
                self.standing.forget_passes_of(address, member.login);
            }
            self.doubted.remove(&address);
            self.wanting.remove(&address);
            self.down_or_due.remove(&address);
            changes.left.push(address);
        }
        changes
    }

    pub fn on_finding(&mut self, address: IpAddr, finding: &Finding) {
        let member = match self.members.get_mut(&address) {
            Some(member) => member,
            None => return,
        };
        member.left_alone = false;
        member.evidence.on_finding(finding);
        let asked = member.asked.map_or(false, |asked| answers(finding, asked));
        if asked {
            member.asked = None;
        }
        let (is_clear, round) = (member.evidence.is_clear(), member.evidence.healthy_round());
        let has_enough = member.evidence.doubt().map_or(true, Doubt::has_enough);
        let login = member.login;
        if finding.outcome.result.is_ok() {
            let ended = finding.outcome.ended();
            self.standing
                .on_pass(address, login, finding.service, ended);
        }
        self.put_in_place(address);
        if !is_clear {
            self.doubted.insert(address);
            if !has_enough {
                self.wanting.insert(address);
            }
            return;
        }
        self.doubted.remove(&address);
        self.wanting.remove(&address);
        if let (Some(_), Some(round)) = (&finding.verdict, round) {
            self.offer_refuge(address, round, asked);
        }
    }

    /// To those in doubt who want it, or to all of them where the round was asked for: then somebody
    /// may have lost the refuges that were enough.
    fn offer_refuge(&mut self, address: IpAddr, round: HealthyRound, asked: bool) {
        let tag = self
            .members
            .get(&address)
            .map(|member| member.listed.tag.clone());
        let takers = if asked { &self.doubted } else { &self.wanting };
        let mut have_enough = Vec::new();
        for taker in takers {
            let member = match self.members.get_mut(taker) {
                Some(member) if Some(&member.listed.tag) == tag.as_ref() => member,
                _ => continue,
            };
            member.evidence.on_healthy_round_elsewhere(address, round);
            if member.evidence.doubt().map_or(true, Doubt::has_enough) {
                have_enough.push(*taker);
            }
        }
        for taker in have_enough {
            self.wanting.remove(&taker);
        }
    }

    fn put_in_place(&mut self, address: IpAddr) {
        if let Some(member) = self.members.get_mut(&address) {
            let place = member.standing();
            if place != member.place {
                self.standing
                    .move_from(address, member.place.as_ref(), place.as_ref());
                member.place = place;
            }
            if member.is_down_or_due() {
                self.down_or_due.insert(address);
            } else {
                self.down_or_due.remove(&address);
            }
        }
    }

    /// What the ledger still holds of a backend that has just joined.
    pub fn on_remembered(&mut self, address: IpAddr, memory: Memory, now: Instant) {
        if let Some(member) = self.members.get_mut(&address) {
            member.on_remembered(memory, now);
        }
    }

    /// A command is about to be sent, in this second of the wall clock.
    pub fn on_sent(&mut self, address: IpAddr, action: Action, second: Stamp, now: Instant) {
        if let Some(member) = self.members.get_mut(&address) {
            member.on_sent(action, second, &self.rules, now);
        }
        self.put_in_place(address);
    }

    /// The command was answered, or will not be.
    pub fn on_answer(&mut self, address: IpAddr, action: Action, answer: Answer, now: Instant) {
        if let Some(member) = self.members.get_mut(&address) {
            member.on_answer(action, answer, now);
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
        Err(failure) if failure.fault.blame() != Blame::Local => finding.outcome.began >= asked,
        _ => finding.verdict.is_some() && finding.round_began >= asked,
    }
}

#[cfg(test)]
impl Fleet {
    /// What is kept in order is what the members say.
    pub(super) fn check_indexes(&self) {
        let latest = |of: &dyn Fn(&Member) -> bool, beside: IpAddr| {
            let members = self.members().filter(|(other, _)| *other != beside);
            let clear = members.filter(|(_, member)| member.evidence.is_clear() && of(member));
            let passed = |member: &Member| member.evidence.healthy_round().map(|round| round.ended);
            clear
                .map(|(other, member)| (passed(member), other))
                .max()
                .map(|(_, other)| other)
        };
        for (address, member) in self.members() {
            let tag = &member.listed.tag;
            let able = latest(
                &|other| other.listed.tag == *tag && other.may_take_users(),
                address,
            );
            assert_eq!(self.standing.able_beside(address, tag), able);
            let clear = self.standing.clear_beside(address, Scope::All);
            assert_eq!(clear, latest(&|_| true, address));
            let same = Scope::SameLogin(member.login);
            let clear = self.standing.clear_beside(address, same);
            assert_eq!(clear, latest(&|other| other.login == member.login, address));
        }
        let due = self.members().filter(|(_, member)| member.is_down_or_due());
        assert_eq!(self.down_or_due(), due.count());
    }
}
