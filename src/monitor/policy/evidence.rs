//! What the probes have found out about one backend, with the times that the rules compare.
//!
//! It remembers, service by service, what fails and how far attempts got. It judges nothing: what
//! other backends got to is `bar`'s to compare.

use std::collections::BTreeMap;
use std::mem::{discriminant, Discriminant};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::outcome::{Blame, Failure, Fault, Leg, Outcome, Stage};
use crate::schedule::{Finding, Verdict};

/// What the findings about one backend have left for the rules to compare.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    verdict: Option<Verdict>,
    age: Age,
    /// While the verdict is `Failed`.
    failed_since: FailedSince,
    /// Since when no verdict has been `Failed` by a fault of the service's own.
    sound_since: Option<Instant>,
    /// Since when every verdict has been `Healthy`.
    healthy_since: Option<Instant>,
    /// How far the latest attempt got on each service that does not fail.
    reached: BTreeMap<usize, Reach>,
    failing: Vec<Failing>,
    /// When the latest attempt on each service began that says something about it, of those with the login and the
    /// services of now.
    tried: BTreeMap<usize, Instant>,
    /// The same of the latest round that has a verdict.
    latest_round: Option<Instant>,
    /// A fault of the service's own has been seen, and no whole round since was free of such faults.
    suspect: bool,
    sound: Option<Round>,
}

/// Whether a verdict is of the services that are checked now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// The verdict is of these services, or there is none yet.
    #[default]
    OfTheseServices,
    /// The verdict is of services that are checked no longer: its service's place means nothing.
    OfFormerServices,
}

/// A service whose latest attempts failed, all by faults of one blame; by shared faults, all at one stage.
#[derive(Clone, Debug)]
pub struct Failing {
    /// Its place in the order of checking, from 0.
    pub service: usize,
    /// When the first of them ended.
    pub since: Instant,
    /// The same, of those since another series came between.
    pub(super) resumed: Instant,
    /// How many they are.
    pub tries: u32,
    /// When the latest of them began.
    pub latest_began: Instant,
    /// How long the latest took, with the good-bye if the attempt came so far.
    pub latest_took: Duration,
    /// How the latest failed; those before may have failed by other faults of the same blame.
    pub failure: Failure,
    /// Whether the schedule has seen enough of them.
    pub for_good: bool,
    /// Other backends that have had a sound round begun since, and when the first such round of each
    /// ended: the first few, and each backend that was asked for a round after that.
    pub refuges: BTreeMap<IpAddr, Instant>,
    /// Of a shared fault: when it was first seen that most others got further.
    pub(super) outdone_since: Option<Instant>,
    /// Of a shared fault: other backends that have got further at this service since, and do, and when the
    /// first such attempt of each ended.
    pub outdone_by: BTreeMap<IpAddr, Instant>,
    /// Series of shared faults at other stages, or before faults of the service's own, that the latest failure has
    /// interrupted. Each goes on if the next failure is one of it, as where two servers behind one address fail by turns.
    /// Two failures of one series in a row end the others, but for those that they got no further than.
    interrupted: Vec<Failing>,
}

/// Since when a backend has failed, for either blame.
#[derive(Clone, Copy, Debug, Default)]
struct FailedSince {
    /// Of a fault of the service's own: by such faults alone.
    own: Option<Instant>,
    /// Of a shared one: by whatever came after the first.
    shared: Option<Instant>,
}

/// A round of all services that could be checked from this machine. Those that were left out for its
/// faults have neither passed nor failed.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// When its first attempt began.
    pub began: Instant,
    /// When its last attempt ended.
    pub ended: Instant,
}

/// All that a finding about one service can change of what others are compared with (`Bar`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Comparable {
    verdict: Option<Option<Blame>>,
    age: Age,
    is_suspect: bool,
    failing: Option<(Reach, Discriminant<Fault>, Blame, bool)>,
    /// A verdict may end the failures of the other services.
    services_failing: usize,
    /// A failure may say that others are not tried any more.
    known: Vec<(usize, Reach)>,
}

/// How far an attempt got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Stopped(Leg, Stage),
    Passed,
}

/// With so many refuges, others are only taken when one has been looked for: among thousands of
/// backends, all refuges of all would not fit into memory.
const ENOUGH_REFUGES: usize = 4;

impl Reach {
    fn of(outcome: &Outcome) -> Reach {
        match &outcome.result {
            Ok(_) => Reach::Passed,
            Err(failure) => Reach::of_failure(failure),
        }
    }

    fn of_failure(failure: &Failure) -> Reach {
        let (leg, stage) = failure.reached();
        Reach::Stopped(leg, stage)
    }
}

impl Failing {
    /// Whose fault the latest failure is; all of the series have the same blame.
    pub fn blame(&self) -> Blame {
        self.failure.fault.blame()
    }

    pub(super) fn reach(&self) -> Reach {
        Reach::of_failure(&self.failure)
    }

    /// This series, if the schedule has found that it is for good. Until it has, the earlier series at this service of which
    /// it had found that.
    pub(super) fn for_good_series(&self) -> impl Iterator<Item = &Failing> {
        let of_before = self.interrupted.iter().filter(|_| !self.for_good);
        let all = std::iter::once(self).chain(of_before);
        all.filter(|series| series.for_good)
    }
}

impl Evidence {
    /// The last verdict of the schedule; none before the first round that settles it.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Whether `Failed { service, .. }` in the verdict still names a service that is checked.
    pub fn age(&self) -> Age {
        self.age
    }

    /// Whether the verdict is a fault of the backend's own, at services of this age.
    pub(super) fn is_at_fault(&self, age: Age) -> bool {
        let blame = self.verdict().and_then(Verdict::blame);
        blame == Some(Blame::Service) && self.age == age
    }

    /// When the verdict became `Failed`, while it is. One by a fault of the service's own begins anew after a shared one;
    /// a shared one goes on, as nothing has got further meanwhile.
    pub fn failed_since(&self) -> Option<Instant> {
        match self.verdict.as_ref()?.blame()? {
            Blame::Shared => self.failed_since.shared,
            Blame::Service | Blame::Local => self.failed_since.own,
        }
    }

    /// Since when no verdict has been `Failed` by a fault of the service's own; none while one is, and
    /// before the first verdict.
    pub fn sound_since(&self) -> Option<Instant> {
        self.sound_since
    }

    /// Since when every verdict has been `Healthy`; none while it has failed, whosever fault that is.
    pub fn healthy_since(&self) -> Option<Instant> {
        self.healthy_since
    }

    /// The services whose latest attempts failed, each once.
    pub fn failing(&self) -> &[Failing] {
        &self.failing
    }

    /// When the latest failed attempt began, of the services that fail.
    pub fn latest_failure(&self) -> Option<Instant> {
        let latest = self.failing.iter().map(|failing| failing.latest_began);
        latest.max()
    }

    /// The latest round that no fault of the service's own has spoiled.
    pub fn sound_round(&self) -> Option<Round> {
        self.sound
    }

    /// When the latest attempt began that says how the backend is at this service: one on it, or the first of a round
    /// that left it out. While a fault of its own speaks against the backend, a pass says nothing before the round has
    /// ended.
    pub(super) fn latest_sign(&self, service: usize) -> Option<Instant> {
        if !self.is_suspect() {
            return self.tried.get(&service).copied().max(self.latest_round);
        }
        let at_fault = |failing: &&Failing| failing.blame() == Blame::Service;
        let ended_by = self.failing.iter().filter(at_fault);
        let ended_by = ended_by.map(|failing| failing.latest_began).max();
        let here = self.failing_at(service).map(|failing| failing.latest_began);
        here.max(ended_by)
    }

    /// Whether a fault of the service's own speaks against the backend.
    pub(super) fn is_suspect(&self) -> bool {
        let by_own_fault = |failing: &Failing| failing.blame() == Blame::Service;
        self.suspect || self.failing.iter().any(by_own_fault)
    }

    /// Whether nothing is known of the services that are checked now.
    pub(super) fn is_untried(&self) -> bool {
        let unjudged = self.verdict.is_none() || self.age == Age::OfFormerServices;
        unjudged && !self.is_suspect() && self.failing.is_empty()
    }

    /// How far the latest attempt on this service got. While a fault of the service's own is seen at one
    /// service, what was passed before at others says nothing, nor how far it got at those checked later.
    pub(super) fn reach(&self, service: usize) -> Option<Reach> {
        if let Some(failing) = self.failing_at(service) {
            return (!self.is_outdated(failing)).then(|| failing.reach());
        }
        if self.is_suspect() {
            return None;
        }
        self.reached.get(&service).copied()
    }

    /// Whether the service has not been tried since one that is checked before it failed by a fault of its own: that
    /// ends a round. Of a round that began at the later service this takes too much for unknown, until the next one.
    fn is_outdated(&self, failing: &Failing) -> bool {
        self.failing.iter().any(|earlier| {
            earlier.service < failing.service
                && earlier.blame() == Blame::Service
                && earlier.latest_began > failing.latest_began
        })
    }

    /// How far the latest attempt got on each service of which that is known.
    pub(super) fn reaches(&self) -> impl Iterator<Item = (usize, Reach)> + '_ {
        let passed = self.reached.keys().copied();
        let tried = passed.chain(self.failing.iter().map(|failing| failing.service));
        tried.filter_map(move |service| Some((service, self.reach(service)?)))
    }

    /// As far as a finding about this service can change it.
    pub(super) fn comparable(&self, service: usize) -> Comparable {
        let failing = self.failing_at(service).map(|failing| {
            let fault = discriminant(&failing.failure.fault);
            (failing.reach(), fault, failing.blame(), failing.for_good)
        });
        Comparable {
            verdict: self.verdict.as_ref().map(Verdict::blame),
            age: self.age,
            is_suspect: self.is_suspect(),
            failing,
            services_failing: self.failing.len(),
            known: self.reaches().collect(),
        }
    }

    /// What fails at this service, if it does.
    pub fn failing_at(&self, service: usize) -> Option<&Failing> {
        self.failing
            .iter()
            .find(|failing| failing.service == service)
    }

    /// Returns the round that this finding has ended, if it was a sound one.
    pub(super) fn on_finding(&mut self, finding: &Finding) -> Option<Round> {
        let outcome = &finding.outcome;
        let is_own = |failure: &Failure| failure.fault.blame() == Blame::Local;
        if !matches!(&outcome.result, Err(failure) if is_own(failure)) {
            self.tried.insert(finding.service, outcome.began);
        }
        match &outcome.result {
            Ok(_) => {
                self.stop_failing(finding.service);
                self.reached.insert(finding.service, Reach::Passed);
            }
            Err(failure) if failure.fault.blame() == Blame::Local => {
                self.reached.remove(&finding.service);
            }
            Err(failure) => {
                self.reached.remove(&finding.service);
                self.on_failure(finding, failure);
            }
        }
        let verdict = finding.verdict.as_ref()?;
        self.on_verdict(verdict, finding)
    }

    fn on_failure(&mut self, finding: &Finding, failure: &Failure) {
        let blame = failure.fault.blame();
        self.suspect |= blame == Blame::Service;
        let place = self
            .failing
            .iter()
            .position(|f| f.service == finding.service);
        match place {
            Some(place) if self.failing[place].includes(failure) => {
                let failing = &mut self.failing[place];
                failing.go_on(finding, failure);
                let reach = failing.reach();
                failing.interrupted.retain(|series| reach <= series.reach());
            }
            _ => {
                let before = place.map(|place| self.failing.remove(place));
                self.failing.push(Failing::after(before, finding, failure));
            }
        }
    }

    fn stop_failing(&mut self, service: usize) {
        self.failing.retain(|failing| failing.service != service);
    }

    fn on_verdict(&mut self, verdict: &Verdict, finding: &Finding) -> Option<Round> {
        let ended = finding.outcome.ended();
        let blame = verdict.blame();
        match blame {
            None => self.failing.clear(),
            // Every service has had its turn: what was not tried since was left out, and says nothing.
            Some(Blame::Shared) => {
                let began = finding.round_began;
                self.failing.retain(|failing| failing.latest_began >= began);
            }
            Some(_) => {}
        }
        self.latest_round = Some(finding.round_began);
        self.failed_since.on_verdict(blame, ended);
        self.healthy_since = match blame {
            None => self.healthy_since.or(Some(finding.round_began)),
            Some(_) => None,
        };
        self.verdict = Some(verdict.clone());
        self.age = Age::OfTheseServices;
        self.suspect = blame == Some(Blame::Service);
        if self.suspect {
            self.sound_since = None;
        }
        if self.is_suspect() {
            return None;
        }
        let round = Round {
            began: finding.round_began,
            ended,
        };
        self.sound_since.get_or_insert(round.began);
        self.sound = Some(round);
        Some(round)
    }

    /// Other services than before are checked, so a place in the order of checking names another service.
    pub(super) fn on_other_services(&mut self) {
        self.failing.clear();
        self.reached.clear();
        self.tried.clear();
        self.latest_round = None;
        self.age = Age::OfFormerServices;
    }

    /// It is probed as somebody else from now on: what an account came to says nothing about another.
    /// That a login was tried shows that the backend gets there.
    pub(super) fn on_other_login(&mut self) {
        self.tried.clear();
        self.latest_round = None;
        let at_login = Reach::Stopped(Leg::First, Stage::Login);
        for reach in self.reached.values_mut() {
            *reach = at_login;
        }
        for failing in &self.failing {
            if failing.failure.stage >= Stage::Login {
                self.reached.insert(failing.service, at_login);
            }
        }
        let is_before_login = |failing: &Failing| failing.failure.stage < Stage::Login;
        self.failing.retain(is_before_login);
        for failing in &mut self.failing {
            failing.interrupted.retain(is_before_login);
        }
        let of_the_account = |failure: &Failure| failure.stage >= Stage::Login;
        if matches!(&self.verdict, Some(Verdict::Failed { failure, .. }) if of_the_account(failure))
        {
            self.verdict = None;
            self.failed_since = FailedSince::default();
        }
    }

    /// Most others get further at these services, by a comparison made now.
    pub(super) fn on_outdone(&mut self, services: &[usize], now: Instant) {
        for failing in &mut self.failing {
            if services.contains(&failing.service) {
                failing.outdone_since.get_or_insert(now);
            }
        }
    }

    /// An attempt on another backend has got that far.
    pub(super) fn on_attempt_elsewhere(&mut self, other: IpAddr, finding: &Finding) {
        let outcome = &finding.outcome;
        if matches!(&outcome.result, Err(failure) if failure.fault.blame() == Blame::Local) {
            return;
        }
        for failing in &mut self.failing {
            if failing.service == finding.service {
                failing.on_attempt_elsewhere(other, outcome);
            }
        }
    }

    /// What another backend has done says nothing any more: it has left the list, or is judged anew.
    pub(super) fn forget_other(&mut self, other: IpAddr) {
        for failing in &mut self.failing {
            failing.forget_other(other);
        }
    }

    /// Another backend has another account: what came of its logins says nothing any more.
    pub(super) fn forget_login_of(&mut self, other: IpAddr) {
        for failing in &mut self.failing {
            failing.forget_login_of(other);
        }
    }

    /// Another backend of the tag has had a sound round, which was asked for or not.
    pub(super) fn on_sound_round_elsewhere(&mut self, other: IpAddr, round: Round, asked: Asked) {
        for failing in &mut self.failing {
            failing.on_sound_round_elsewhere(other, round, asked);
        }
    }
}

impl FailedSince {
    fn on_verdict(&mut self, blame: Option<Blame>, ended: Instant) {
        match blame {
            None => *self = FailedSince::default(),
            Some(Blame::Shared) => {
                self.own = None;
                self.shared.get_or_insert(ended);
            }
            Some(Blame::Service | Blame::Local) => {
                self.own.get_or_insert(ended);
            }
        }
    }
}

/// Whether a round was asked for: then some backend may have lost the refuges that were enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    Yes,
}

impl Failing {
    fn new(finding: &Finding, failure: &Failure) -> Failing {
        let outcome = &finding.outcome;
        Failing {
            service: finding.service,
            since: outcome.ended(),
            resumed: outcome.ended(),
            tries: 1,
            latest_began: outcome.began,
            latest_took: outcome.latency,
            failure: failure.clone(),
            for_good: finding.for_good,
            outdone_since: None,
            refuges: BTreeMap::new(),
            outdone_by: BTreeMap::new(),
            interrupted: Vec::new(),
        }
    }

    /// The series that this failure belongs to, where the latest failure before was of another one: of another blame,
    /// or of a shared fault at another stage. What other backends did while this one failed elsewhere says nothing of
    /// this check.
    fn after(before: Option<Failing>, finding: &Finding, failure: &Failure) -> Failing {
        let mut interrupted = Vec::new();
        if let Some(mut before) = before {
            interrupted.append(&mut before.interrupted);
            // One that gets as far as a shared fault has not failed by a fault of its own: that series is over.
            if before.blame() == Blame::Shared {
                interrupted.push(before);
            }
        }
        let resumed = interrupted.iter().position(|one| one.includes(failure));
        let mut failing = match resumed {
            Some(place) => {
                let mut failing = interrupted.remove(place);
                failing.go_on(finding, failure);
                failing.resumed = finding.outcome.ended();
                failing
            }
            None => Failing::new(finding, failure),
        };
        failing.interrupted = interrupted;
        failing
    }

    /// Whether this failure is one more of the series.
    fn includes(&self, failure: &Failure) -> bool {
        let blame = failure.fault.blame();
        self.blame() == blame
            && (blame == Blame::Service || self.reach() == Reach::of_failure(failure))
    }

    fn go_on(&mut self, finding: &Finding, failure: &Failure) {
        self.tries = self.tries.saturating_add(1);
        self.latest_began = finding.outcome.began;
        self.latest_took = finding.outcome.latency;
        self.failure = failure.clone();
        self.for_good |= finding.for_good;
    }

    fn on_attempt_elsewhere(&mut self, other: IpAddr, outcome: &Outcome) {
        if self.blame() == Blame::Shared {
            if Reach::of(outcome) <= self.reach() {
                self.outdone_by.remove(&other);
            } else if outcome.began >= self.since {
                self.outdone_by.entry(other).or_insert(outcome.ended());
            }
        }
        for interrupted in &mut self.interrupted {
            interrupted.on_attempt_elsewhere(other, outcome);
        }
    }

    fn forget_other(&mut self, other: IpAddr) {
        self.refuges.remove(&other);
        self.outdone_by.remove(&other);
        for interrupted in &mut self.interrupted {
            interrupted.forget_other(other);
        }
    }

    fn forget_login_of(&mut self, other: IpAddr) {
        if self.failure.stage >= Stage::Login {
            self.refuges.remove(&other);
            self.outdone_by.remove(&other);
        }
        for interrupted in &mut self.interrupted {
            interrupted.forget_login_of(other);
        }
    }

    fn on_sound_round_elsewhere(&mut self, other: IpAddr, round: Round, asked: Asked) {
        let wanted = asked == Asked::Yes || self.refuges.len() < ENOUGH_REFUGES;
        if wanted && round.began >= self.since {
            self.refuges.entry(other).or_insert(round.ended);
        }
        for interrupted in &mut self.interrupted {
            interrupted.on_sound_round_elsewhere(other, round, asked);
        }
    }
}
