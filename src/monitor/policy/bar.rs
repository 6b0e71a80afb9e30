//! Backends are measured against each other, service by service: a fault that all have in common
//! lowers the bar for all, and does not end judging.
//!
//! How far a backend gets at a service is the stage at which its latest attempt stopped. A backend
//! *stands* if nothing speaks against it, or only shared faults do and not more than half of the
//! others get further at those checks. It *has failed* where it stops short of others: for a fault of
//! its own one that stands and gets further is enough; for a shared fault (a wrong password, an expired
//! authority) it takes more than half of the others, or one renewed certificate would condemn all the
//! rest: of all the others, and of those of its tag, or a fault shared by all of a tag would leave each
//! of them without a refuge. From the login on, the others are those probed with the same account.
//!
//! A down also needs a refuge: another backend of the tag, listed up, with a vhost count above zero,
//! that stands by a round begun after this one's first failure and ended before its latest. The order
//! matters: when everything comes back at once, a pass elsewhere must not confirm a stale failure here.
//! A monitor that is cut off finds no refuge, and so does nothing.
//!
//! The comparison also counts how many of each tag are down, which `brake` asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use super::backends::Tally;
use super::evidence::{Failing, Reach};
use super::{fresh, has_failed, Action, Age, Compared, Hold, Member, Need, Question, Reason};
use crate::backend::Tag;
use crate::config::settings::Brake;
use crate::outcome::{Blame, Fault, Stage};

/// The account that a backend is probed with, as a number: the same account has the same number, which says nothing
/// else about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login(pub u64);

/// For which backends a check is the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    All,
    /// Those probed with the same account, or all without one.
    SameLogin(Option<Login>),
}

impl Scope {
    fn of(failing: &Failing, login: Option<Login>) -> Scope {
        let failure = &failing.failure;
        // A login that nobody has answered yet is compared with all: it says nothing of its account.
        if failure.stage < Stage::Login || failure.fault == Fault::LoginUnanswered {
            Scope::All
        } else {
            Scope::SameLogin(login)
        }
    }

    fn holds(self, member: &Member) -> bool {
        match self {
            Scope::All => true,
            Scope::SameLogin(login) => member.login == login,
        }
    }
}

/// The backends that one is compared with: all, or those that could take the users of its tag.
type Group = (Option<Tag>, Scope);

/// How the backends compare: how far they get, and how many of them are down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bar {
    backends: BTreeMap<Group, usize>,
    /// By service, how many backends got how far.
    reached: BTreeMap<(Group, usize), BTreeMap<Reach, usize>>,
    /// By service, how far those that stand get.
    standing: BTreeMap<usize, Reach>,
    /// By tag. Where many have failed, each of them asks for one of these.
    promising: BTreeMap<Tag, Promising>,
    /// What `--max-down` is compared with, by tag.
    tallies: BTreeMap<Tag, Tally>,
}

/// Backends that are probed, are listed up and have a vhost count above zero, and that may turn out to be a refuge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Promising {
    standing: Vec<IpAddr>,
    /// Nothing is known of them. Until that changes their latest sound round stays the same: the best comes first.
    untried: Vec<IpAddr>,
}

/// How far those get that have one tag and are probed with one account.
#[derive(Default)]
struct Alike {
    backends: usize,
    reached: BTreeMap<(usize, Reach), usize>,
}

impl Bar {
    pub(super) fn measure<'a>(members: impl Iterator<Item = &'a Member> + Clone) -> Bar {
        let mut bar = Bar::default();
        let tags: BTreeSet<&Tag> = members.clone().map(|member| &member.listed.tag).collect();
        // Of thousands of backends most are alike, and what they share is worked out once.
        let mut all_alike: BTreeMap<(&Tag, Option<Login>), Alike> = BTreeMap::new();
        for member in members.clone().filter(|member| !member.left_alone) {
            let of = (&member.listed.tag, member.login);
            let alike = all_alike.entry(of).or_default();
            alike.backends += 1;
            for reached in member.evidence.reaches() {
                *alike.reached.entry(reached).or_default() += 1;
            }
        }
        for ((tag, login), alike) in all_alike {
            let taken = |of: &&&Tag| tag.takes_users_of(of);
            let tags: Vec<&Tag> = tags.iter().filter(taken).copied().collect();
            let scopes = [Scope::All, Scope::SameLogin(login)];
            let groups = scopes.iter().flat_map(|scope| {
                let of_tags = tags.iter().map(|tag| (Some(Tag::clone(tag)), *scope));
                of_tags.chain([(None, *scope)])
            });
            for group in groups {
                *bar.backends.entry(group.clone()).or_default() += alike.backends;
                for ((service, reach), count) in &alike.reached {
                    let reached = bar.reached.entry((group.clone(), *service)).or_default();
                    *reached.entry(*reach).or_default() += count;
                }
            }
        }
        bar.look_for_those_that_stand(members.clone());
        bar.count_those_down(members);
        bar
    }

    fn look_for_those_that_stand<'a>(&mut self, members: impl Iterator<Item = &'a Member>) {
        let mut promising: BTreeMap<&Tag, (Vec<IpAddr>, Vec<Preference>)> = BTreeMap::new();
        for member in members {
            let stands = self.stands(member);
            if stands {
                for (service, reach) in member.evidence.reaches() {
                    let highest = self.standing.entry(service).or_insert(reach);
                    *highest = reach.max(*highest);
                }
            }
            let is_untried = member.evidence.is_untried();
            if (stands || is_untried) && member.serves() && !member.left_alone {
                let (standing, untried) = promising.entry(&member.listed.tag).or_default();
                match is_untried {
                    true => untried.push(preference(member)),
                    false => standing.push(member.listed.address),
                }
            }
        }
        for (tag, (standing, mut untried)) in promising {
            untried.sort_unstable_by(|one, other| other.cmp(one));
            let untried = untried.into_iter().map(|(_, address)| address).collect();
            let promising = Promising { standing, untried };
            self.promising.insert(tag.clone(), promising);
        }
    }

    /// How many are down, anew.
    pub(super) fn count_those_down<'a>(&mut self, members: impl Iterator<Item = &'a Member>) {
        let mut tallies: BTreeMap<&Tag, Tally> = BTreeMap::new();
        for member in members {
            let tally = tallies.entry(&member.listed.tag).or_default();
            tally.add(&Tally::of(member));
        }
        let tallies = tallies.into_iter();
        self.tallies = tallies.map(|(tag, tally)| (tag.clone(), tally)).collect();
    }

    /// How many of this tag there are, and are down.
    pub(super) fn tally(&self, tag: &Tag) -> Tally {
        self.tallies.get(tag).copied().unwrap_or_default()
    }

    /// Those that may take the users of this tag, unless they have been taken out of service since.
    pub(super) fn promising<'a>(&'a self, tag: &'a Tag) -> impl Iterator<Item = IpAddr> + 'a {
        let of_tag = move |of: &Tag| of.takes_users_of(tag);
        let promising = self.promising.iter().filter(move |(of, _)| of_tag(of));
        promising.flat_map(|(_, one)| one.standing.iter().chain(&one.untried).copied())
    }

    /// Whether nothing speaks against this backend but what not more than half of the others are
    /// spared. One that has not been probed yet does not stand.
    pub(super) fn stands(&self, member: &Member) -> bool {
        let evidence = &member.evidence;
        let judged = match evidence.verdict() {
            Some(verdict) => verdict.blame() != Some(Blame::Service),
            None => false,
        };
        let failing = evidence.failing();
        judged
            && !member.left_alone
            && !evidence.is_suspect()
            && evidence.age() == Age::OfTheseServices
            && !failing.iter().any(|failing| self.condemns(member, failing))
    }

    /// Whether more than half of the others get further at this check, of all and of those of its tag: what
    /// all of a tag have in common must not keep the dead ones of it up.
    pub(super) fn condemns(&self, member: &Member, failing: &Failing) -> bool {
        // How long a penalty lasts differs from backend to backend, and says nothing about them.
        if failing.failure.fault == Fault::LoginDelayed {
            return false;
        }
        let scope = Scope::of(failing, member.login);
        let groups = [(None, scope), (Some(member.listed.tag.clone()), scope)];
        groups
            .iter()
            .all(|group| is_majority(self.further(failing, group), self.others(group)))
    }

    /// The services at which shared faults let this backend get less far than more than half of the others.
    pub(super) fn outdone<'a>(&'a self, member: &'a Member) -> impl Iterator<Item = usize> + 'a {
        let is_outdone = move |failing: &&Failing| {
            failing.blame() == Blame::Shared && self.condemns(member, failing)
        };
        let failing = member.evidence.failing().iter();
        failing.filter(is_outdone).map(|failing| failing.service)
    }

    fn further(&self, failing: &Failing, group: &Group) -> usize {
        let reached = match self.reached.get(&(group.clone(), failing.service)) {
            Some(reached) => reached,
            None => return 0,
        };
        let further = reached
            .iter()
            .filter(|(reach, _)| **reach > failing.reach());
        further.map(|(_, count)| count).sum()
    }

    /// How many backends there are in this group beside one of them.
    fn others(&self, group: &Group) -> usize {
        let all = self.backends.get(group).copied().unwrap_or(0);
        all.saturating_sub(1)
    }

    /// Whether a backend that stands gets further at this service.
    fn is_below(&self, failing: &Failing) -> bool {
        let standing = self.standing.get(&failing.service);
        standing.map_or(false, |reach| *reach > failing.reach())
    }

    /// Whether a login that times out may be a refusal that comes later than that, as Dovecot's come
    /// after 2 s: nobody who stands gets further.
    pub(super) fn may_be_refused(&self, failing: &Failing) -> bool {
        is_unanswered_login(failing) && !self.is_below(failing)
    }

    /// Whether this backend stops short of where others stand.
    pub(super) fn has_failed(&self, member: &Member) -> bool {
        self.falls_short(member).is_some()
    }

    /// Where this backend stops short of where others stand.
    pub(super) fn falls_short<'m>(&self, member: &'m Member) -> Option<&'m Failing> {
        self.all_short(member).next()
    }

    /// All services at which it does.
    pub(super) fn all_short<'b, 'm: 'b>(
        &'b self,
        member: &'m Member,
    ) -> impl Iterator<Item = &'m Failing> + 'b {
        let falls_short = move |failing: &Failing| match failing.blame() {
            Blame::Service => self.is_below(failing),
            Blame::Shared => self.condemns(member, failing),
            Blame::Local => false,
        };
        let failing = member.evidence.failing().iter();
        failing
            .filter(move |failing| has_failed(member) && failing.for_good && falls_short(failing))
    }
}

/// Whether it has failed by a fault of its own, however far others get. A login that is not answered may be one that
/// is refused.
pub(super) fn has_failed_by_itself(member: &Member) -> bool {
    let by_itself = |failing: &Failing| {
        failing.for_good && failing.blame() == Blame::Service && !is_unanswered_login(failing)
    };
    has_failed(member) && member.evidence.failing().iter().any(by_itself)
}

fn is_unanswered_login(failing: &Failing) -> bool {
    failing.failure.stage == Stage::Login && failing.failure.fault == Fault::TimedOut
}

fn is_majority(part: usize, whole: usize) -> bool {
    part * 2 > whole
}

pub(super) fn hold(question: &Question<'_>) -> Option<Hold> {
    match question.action {
        Action::MarkUp => hold_up(question),
        _ if question.acts_on_failure() => hold_down(question),
        _ => None,
    }
}

/// What only shared faults speak against comes up once the others have been probed since they began: most
/// of them may have got further meanwhile. And once it has been probed since others fell behind, and so have those who
/// fell before: what has befallen them may have befallen it, and they may be well again.
fn hold_up(question: &Question<'_>) -> Option<Hold> {
    let member = question.member;
    // Without one there is nothing to compare, and the walk over all is spared.
    let first = member.evidence.failing().first()?;
    let fell = latest_fall(question);
    for failing in member.evidence.failing() {
        let scope = Scope::of(failing, member.login);
        let probed = |address: IpAddr, other: &Member| {
            let latest = other.evidence.latest_sign(failing.service);
            let since_fall = fell.map_or(true, |(last, at)| last == address || latest >= Some(at));
            since_fall && latest >= Some(failing.resumed)
        };
        let others = question.backends.members().filter(|(address, other)| {
            *address != question.address && !other.left_alone && scope.holds(other)
        });
        let stale: Vec<(IpAddr, &Tag)> = others
            .filter(|(address, other)| !probed(*address, other))
            .map(|(address, other)| (address, &other.listed.tag))
            .collect();
        let bar = question.backends.bar();
        let may_be_outdone = |tag: Option<&Tag>| {
            let group = (tag.cloned(), scope);
            let of_group = |of: &Tag| tag.map_or(true, |tag| of.takes_users_of(tag));
            let unknown = stale.iter().filter(|(_, of)| of_group(of)).count();
            is_majority(bar.further(failing, &group) + unknown, bar.others(&group))
        };
        if may_be_outdone(None) && may_be_outdone(Some(&member.listed.tag)) {
            let stale = stale.into_iter().map(|(address, _)| address).collect();
            return Some(hold_for_peers(question, failing, stale));
        }
    }
    let sound = member.evidence.sound_round().map(|round| round.began);
    let (_, fell) = fell?;
    (sound < Some(fell)).then(|| hold_for_peers(question, first, vec![question.address]))
}

/// Which backend was the last to fall behind by a fault of its own, and when.
fn latest_fall(question: &Question<'_>) -> Option<(IpAddr, Instant)> {
    let falls = question.backends.members().flat_map(|(address, other)| {
        let failing = other.evidence.failing().iter();
        failing
            .filter(|failing| failing.blame() == Blame::Service)
            .map(move |failing| (address, failing.since))
    });
    falls.max_by_key(|(_, since)| *since)
}

/// Held until these have been probed: how far others get beside this one is not known well enough.
fn hold_for_peers(question: &Question<'_>, failing: &Failing, probe: Vec<IpAddr>) -> Hold {
    let reason = Reason::PeersAwaited {
        service: failing.service,
        stage: failing.failure.stage,
    };
    question.hold_for(reason, Need::Probe(probe))
}

fn hold_down(question: &Question<'_>) -> Option<Hold> {
    let failing = fresh::failing(question.member);
    let holds: Option<Vec<Hold>> = failing.map(|one| hold_for(question, one)).collect();
    // A reason of this backend's own says more than a fault that all have.
    holds?
        .into_iter()
        .min_by_key(|hold| matches!(hold.reason, Reason::Shared { .. }))
}

/// What holds a down for this service.
fn hold_for(question: &Question<'_>, failing: &Failing) -> Option<Hold> {
    let bar = question.backends.bar();
    let refuge_needed = question.backends.rules().brake != Brake::Off;
    let shared = Reason::Shared {
        service: failing.service,
        stage: failing.failure.stage,
    };
    match failing.blame() {
        Blame::Local => return Some(question.hold(shared)),
        Blame::Service if bar.may_be_refused(failing) => return Some(question.hold(shared)),
        Blame::Service if !refuge_needed && !is_unanswered_login(failing) => return None,
        Blame::Service => {}
        Blame::Shared => {
            if !bar.condemns(question.member, failing) {
                return Some(question.hold(shared));
            }
            if let Some(hold) = peers_awaited(question, failing) {
                return Some(hold);
            }
            if !refuge_needed {
                return None;
            }
        }
    }
    let refuge = refuge_awaited(question, failing);
    match (failing.blame(), &refuge) {
        (Blame::Service, None) if !bar.is_below(failing) => Some(question.hold(shared)),
        // An unanswered login: another tag's backend that passes is enough.
        (_, Some(hold)) if !refuge_needed && matches!(hold.reason, Reason::NoRefuge(_)) => None,
        _ => refuge,
    }
}

/// What is awaited where too few of the others have got further between this one's first failure and its
/// latest: those who did before are probed again, and then this one. The order matters here, too.
fn peers_awaited(question: &Question<'_>, failing: &Failing) -> Option<Hold> {
    let tag = &question.member.listed.tag;
    let of_tag = || peers_awaited_of(question, failing, Some(tag));
    peers_awaited_of(question, failing, None).or_else(of_tag)
}

/// The same among all, or among those that could take the users of this tag.
fn peers_awaited_of(question: &Question<'_>, failing: &Failing, tag: Option<&Tag>) -> Option<Hold> {
    let of_group = |other: &Member| tag.map_or(true, |tag| other.listed.tag.takes_users_of(tag));
    let scope = Scope::of(failing, question.member.login);
    let is_further = |other: &Member| match other.evidence.reach(failing.service) {
        Some(reach) => reach > failing.reach() && !other.left_alone && scope.holds(other),
        None => false,
    };
    let (mut before, mut after, mut stale) = (0, 0, Vec::new());
    for (address, _) in question.backends.members().filter(|(address, other)| {
        *address != question.address && of_group(other) && is_further(other)
    }) {
        match failing.outdone_by.get(&address) {
            Some(at) if *at <= failing.latest_began => before += 1,
            Some(_) => after += 1,
            None => stale.push(address),
        }
    }
    let others = question.backends.bar().others(&(tag.cloned(), scope));
    if is_majority(before, others) {
        return None;
    }
    let probe = match is_majority(before + after, others) {
        true => vec![question.address],
        false => stale,
    };
    Some(hold_for_peers(question, failing, probe))
}

fn refuge_awaited(question: &Question<'_>, failing: &Failing) -> Option<Hold> {
    let standing = || standing_refuges(question.backends, question.member, failing);
    if standing().any(|(_, passed)| passed <= failing.latest_began) {
        return None;
    }
    if let Some((refuge, _)) = standing().next() {
        let reason = Reason::FailureAwaited { refuge };
        return Some(question.hold_for(reason, Need::Probe(vec![question.address])));
    }
    Some(match candidate(question.backends, question.address) {
        Some(candidate) => question.hold_for(
            Reason::RefugeAwaited { candidate },
            Need::Probe(vec![candidate]),
        ),
        None => question.hold(Reason::NoRefuge(question.member.listed.tag.clone())),
    })
}

/// Those that had a sound round since this service fails, and still stand.
fn standing_refuges<'a>(
    backends: &'a Compared<'a>,
    member: &'a Member,
    failing: &'a Failing,
) -> impl Iterator<Item = (IpAddr, Instant)> + 'a {
    let refuges = failing.refuges.iter();
    refuges
        .map(|(address, passed)| (*address, *passed))
        .filter(move |(address, _)| {
            let other = backends.member(*address);
            other.map_or(false, |other| {
                may_take_users_of(member, other) && backends.bar().stands(other)
            })
        })
}

/// The backend to probe at once when an attempt on this one has failed: of those that could take its
/// users the one with the latest sound round. None where the failure has no consequence, or while a
/// round begun since has been sound.
pub fn control(backends: &Compared<'_>, address: IpAddr) -> Option<IpAddr> {
    let member = backends.member(address)?;
    let bar = backends.bar();
    let mut judged = member
        .evidence
        .failing()
        .iter()
        .filter(|failing| match failing.blame() {
            Blame::Service => true,
            Blame::Shared => bar.condemns(member, failing),
            Blame::Local => false,
        })
        .peekable();
    judged.peek()?;
    if judged.any(|failing| standing_refuges(backends, member, failing).next().is_some()) {
        return None;
    }
    candidate(backends, address)
}

fn candidate(backends: &Compared<'_>, address: IpAddr) -> Option<IpAddr> {
    let tag = &backends.member(address)?.listed.tag;
    // A down that was sent since may have put one of them out of service.
    let free = |other: &&IpAddr| {
        **other != address
            && backends
                .member(**other)
                .map_or(false, Member::may_take_users)
    };
    let of_tags = backends.bar().promising.iter();
    let candidates = of_tags
        .filter(|(of, _)| of.takes_users_of(tag))
        .flat_map(|(_, promising)| {
            let standing = promising.standing.iter().filter(free);
            standing.chain(promising.untried.iter().find(free))
        });
    let preferences = candidates.filter_map(|other| Some(preference(backends.member(*other)?)));
    preferences.max().map(|(_, best)| best)
}

/// When the latest sound round of a candidate ended, first of all: the highest is the best.
type Preference = (Option<Instant>, IpAddr);

fn preference(member: &Member) -> Preference {
    let sound = member.evidence.sound_round();
    (sound.map(|round| round.ended), member.listed.address)
}

fn may_take_users_of(member: &Member, other: &Member) -> bool {
    other.listed.tag.takes_users_of(&member.listed.tag) && other.may_take_users()
}
