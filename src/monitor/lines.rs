//! What is said of findings, answers and others' acts: one line a change, with its reason.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::mem::{discriminant, Discriminant};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::commands::Asked;
use super::notices::AGAIN_AFTER;
use super::snapshot::{BackendHistory, PollView};
use super::status::brief;
use super::{Engine, Event, Output};
use crate::backend::{HostState, Tag};
use crate::config::settings::{DrainMode, Mode};
use crate::few::{by_number, counted};
use crate::monitor::policy::{Action, Member, News};
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::pool::{Command, Effect, Loss, PoolError, Reply, Stage as PoolStage};
use crate::schedule::{Finding, Verdict};
use crate::service::Service;
use crate::target::Target;

/// Where the settings have changed since.
pub(super) const FORMER_SERVICE: &str = "a service checked before";

/// Of a backend that is not probed any more there is no target.
pub(super) fn service_of(target: &Option<Target>, place: usize) -> &dyn Display {
    let services = target.as_ref().map_or(&[][..], |target| &*target.services);
    at_place(services, place)
}

pub(crate) fn at_place(services: &[Service], place: usize) -> &dyn Display {
    services
        .get(place)
        .map_or(&FORMER_SERVICE, |service| service)
}

/// Of a command that may or may not have been carried out.
const AGAIN: &str =
    "the next list shows what the state is, and what is still wanted is tried again";

/// What this monitor makes of a backend.
enum Seen {
    NotJudged,
    Healthy,
    /// What fails.
    Failed(String),
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// What has been said of each failed backend since it failed: where, and what kind of fault.
#[derive(Default)]
pub(super) struct SaidFailures {
    of: BTreeMap<IpAddr, Vec<Cause>>,
}

type Cause = (usize, Stage, Discriminant<Fault>);

fn cause(service: usize, failure: &Failure) -> Cause {
    (service, failure.stage, discriminant(&failure.fault))
}

impl SaidFailures {
    /// The first since it was healthy.
    fn begin(&mut self, address: IpAddr, service: usize, failure: &Failure) {
        self.of.insert(address, vec![cause(service, failure)]);
    }

    /// Whether that is still to be said.
    fn add(&mut self, address: IpAddr, service: usize, failure: &Failure) -> bool {
        let said = self.of.entry(address).or_default();
        let cause = cause(service, failure);
        let is_new = !said.contains(&cause);
        if is_new {
            said.push(cause);
        }
        is_new
    }

    pub(super) fn forget(&mut self, address: IpAddr) {
        self.of.remove(&address);
    }
}

/// What has been said of commands that came to nothing, so that what lasts is said once and then each hour.
#[derive(Default)]
pub(super) struct SaidAnswers {
    /// Until a list shows a change of ours.
    of: BTreeMap<IpAddr, Vec<(CameToNothing, Instant)>>,
    /// The lines that a command was done which no list shows yet, after one like it that was not done.
    unconfirmed: BTreeMap<IpAddr, String>,
    /// Downs and ups whose answers left open whether they were done, until a list shows a change.
    doubtful: BTreeMap<IpAddr, Doubtful>,
}

/// What a list may show to have been done all the same.
struct Doubtful {
    to: HostState,
    command: Command,
    /// The backend's users when it was sent.
    users: u64,
}

/// How a command came to nothing. The text of an answer may differ each time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CameToNothing {
    Said(&'static str, Discriminant<Reply>),
    Lost(&'static str, PoolStage, Loss),
}

impl CameToNothing {
    fn by(command: &Command, answer: &Result<Reply, PoolError>) -> CameToNothing {
        match answer {
            Ok(reply) => CameToNothing::Said(command.name(), discriminant(reply)),
            Err(cause) => CameToNothing::by_loss(command, cause),
        }
    }

    pub(super) fn by_loss(command: &Command, cause: &PoolError) -> CameToNothing {
        CameToNothing::Lost(command.name(), cause.stage, cause.loss)
    }
}

impl SaidAnswers {
    /// Whether that is to be said now; it then counts as said.
    pub(super) fn add(&mut self, address: IpAddr, how: CameToNothing, now: Instant) -> bool {
        let all = self.of.entry(address).or_default();
        match all.iter_mut().find(|(before, _)| *before == how) {
            Some((_, said)) if now < *said + AGAIN_AFTER => return false,
            Some((_, said)) => *said = now,
            None => all.push((how, now)),
        }
        true
    }

    /// A list shows a change of ours.
    pub(super) fn on_shown(&mut self, address: IpAddr) {
        self.of.remove(&address);
    }

    /// A list shows that it was not done.
    pub(super) fn on_unobserved(&mut self, address: IpAddr) {
        self.unconfirmed.remove(&address);
    }

    pub(super) fn forget(&mut self, address: IpAddr) {
        self.of.remove(&address);
        self.unconfirmed.remove(&address);
        self.doubtful.remove(&address);
    }

    /// A list shows that the state has changed.
    pub(super) fn on_changed(&mut self, address: IpAddr) {
        self.doubtful.remove(&address);
    }
}

/// What was known of a backend before the latest finding about it.
pub(super) struct JudgedBefore {
    verdict: Option<Verdict>,
    /// Since when, if that is known.
    since: Option<Instant>,
}

impl Engine {
    pub(super) fn judged_before(&self, address: IpAddr) -> JudgedBefore {
        let evidence = self.backends.member(address).map(|member| &member.evidence);
        let verdict = evidence.and_then(|evidence| evidence.verdict()).cloned();
        let since = evidence.and_then(|evidence| match &verdict {
            None => None,
            Some(Verdict::Healthy(_)) => evidence.healthy_since(),
            Some(Verdict::Failed { .. }) => evidence.failed_since(),
        });
        JudgedBefore { verdict, since }
    }

    /// A verdict is a line of its own when it is another than before, and a failed one also when it has a
    /// cause that has not been said since the backend failed: it may be what an alarm is about, and then
    /// die. The finding has been taken in.
    pub(super) fn say_finding(&mut self, address: IpAddr, finding: &Finding, before: JudgedBefore) {
        self.put(Output::Say(Event::Attempt {
            address,
            target: self.targets.target(address),
            service: finding.service,
            outcome: finding.outcome.clone(),
        }));
        match (&finding.verdict, &before.verdict) {
            (None, _) => {}
            (Some(Verdict::Healthy(pass)), Some(Verdict::Healthy(same))) if pass == same => {}
            (Some(Verdict::Healthy(Pass::Clean)), None) => {
                self.debug(format!("{address} is healthy"));
            }
            (Some(Verdict::Healthy(Pass::Clean)), Some(_)) => {
                let was = self.was(&before);
                let stand = self.how_many_pass(address);
                let latency = milliseconds(finding.outcome.latency);
                self.always(format!(
                    "{address} is healthy: {was}; {stand} (answered in {latency})"
                ));
            }
            (Some(Verdict::Healthy(remark)), _) => self.error(format!("{address} is {remark}")),
            // The service that decided, which need not be the last one tried.
            (Some(Verdict::Failed { service, failure }), before_it) => {
                let was_failed = matches!(before_it, Some(Verdict::Failed { .. }));
                let fails = self.what_fails(address, *service, failure);
                if !was_failed {
                    let was = self.was(&before);
                    let stand = self.how_many_pass(address);
                    self.said_failures.begin(address, *service, failure);
                    self.error(format!("{address} has failed: {fails}; {was}; {stand}"));
                } else if self.said_failures.add(address, *service, failure) {
                    self.error(format!("{address} has failed in another way: {fails}"));
                }
            }
        }
    }

    /// What the backend was until now, and for how long.
    fn was(&self, before: &JudgedBefore) -> String {
        let state = match &before.verdict {
            None => return "not judged before".to_owned(),
            Some(Verdict::Healthy(Pass::Clean)) => "healthy",
            Some(Verdict::Healthy(_)) => "healthy with a remark",
            Some(Verdict::Failed { .. }) => "failed",
        };
        match before.since {
            None => format!("was {state} before"),
            Some(since) => {
                let lasted = self.now.instant.saturating_duration_since(since);
                format!("was {state} for {}", brief(lasted))
            }
        }
    }

    /// The service, the stage, the cause, how often in a row and since when.
    fn what_fails(&self, address: IpAddr, service: usize, failure: &Failure) -> String {
        let target = self.targets.target(address);
        let name = service_of(&target, service);
        let member = self.backends.member(address);
        let series = member.and_then(|member| member.evidence.failing_at(service));
        match series {
            None => format!("{name} {failure}"),
            Some(series) => {
                let tries = counted(series.tries, "try");
                format!(
                    "{name} {}, {tries} since {}",
                    failure.explained(series.latest_took),
                    self.moment_of(series.since)
                )
            }
        }
    }

    pub(super) fn say_news(&mut self, news: &News) {
        let News { address, from, to } = news;
        let change = if from == to {
            format!("{address} was changed and is {to} again, not by this monitor")
        } else {
            format!("{address} went from {from} to {to}, not by this monitor")
        };
        let here = match self.seen_here(*address) {
            Seen::NotJudged => format!("{address} has not been judged here yet"),
            Seen::Healthy => format!("{address} is healthy here"),
            Seen::Failed(fails) => format!("here {address} fails: {fails}"),
        };
        let stand = self.how_many_are_up(*address, *to);
        let line = format!("{change}; {here}; {stand}");
        match *to == HostState::Up && self.is_brought_up_again_and_again(*address) {
            true => self.debug(line),
            false => self.always(line),
        }
    }

    /// What is done and undone then is one alarm, and no line each time.
    pub(super) fn is_brought_up_again_and_again(&self, address: IpAddr) -> bool {
        let member = self.backends.member(address);
        member.map_or(false, |member| {
            member.brought_up_since(self.now.instant).is_some()
        })
    }

    /// A list shows what a command of ours was to bring about.
    pub(super) fn say_confirmed(&mut self, address: IpAddr) {
        if let Some(line) = self.said_answers.unconfirmed.remove(&address) {
            self.always(line);
        }
    }

    /// A down of ours that was in doubt has taken effect after a list had shown that it had not.
    pub(super) fn is_late_down(&self, address: IpAddr, to: HostState) -> bool {
        let doubtful = self.said_answers.doubtful.get(&address);
        let member = self.backends.member(address);
        doubtful.map_or(false, |doubtful| doubtful.to == to)
            && member.map_or(false, |member| member.is_ours())
    }

    /// A list shows what a command was to bring about that may not have been done, by its answer.
    pub(super) fn say_done_all_the_same(&mut self, address: IpAddr, to: HostState) {
        let doubtful = self.said_answers.doubtful.remove(&address);
        let Doubtful { command, users, .. } = match doubtful.filter(|doubtful| doubtful.to == to) {
            Some(doubtful) => doubtful,
            None => return,
        };
        let done = self.done(&command, users);
        let line = format!("{address} {done} (not answered with OK, but the list shows it)");
        match self.is_brought_up_again_and_again(address) {
            true => self.debug(line),
            false => self.always(line),
        }
    }

    /// The command was done, by its answer. If one like it was not before, a list has to show it first.
    fn say_done(&mut self, address: IpAddr, action: Action, mode: Mode, line: String) {
        let member = self.backends.member(address);
        let now = self.now.instant;
        // What a dry run would have done counts as done.
        let is_doubtful = mode == Mode::Live
            && member.map_or(false, |member| member.is_without_effect(action, now));
        if is_doubtful && action != Action::Drain {
            self.said_answers.unconfirmed.insert(address, line.clone());
        }
        match is_doubtful || self.is_brought_up_again_and_again(address) {
            true => self.debug(line),
            false => self.always(line),
        }
    }

    /// poolmon's words `disabled` and `enabled`, but only once the pool has said `OK`. A dry run says them
    /// of what it would have done.
    pub(super) fn say_answer(
        &mut self,
        action: Action,
        command: &Command,
        asked: Asked,
        answer: &Result<Reply, PoolError>,
    ) {
        let (address, name) = (command.address(), command.name());
        let took = milliseconds(self.now.instant.saturating_duration_since(asked.at));
        let (dry_run, took) = match asked.mode {
            Mode::Live => ("", format!(" (answered in {took})")),
            Mode::DryRun => ("DRY-RUN: ", String::new()),
        };
        let subject = self.settings.access().words().subject;
        let line = match answer {
            Ok(Reply::Ok) => {
                let done = self.done(command, asked.users);
                self.said_answers.doubtful.remove(&address);
                let line = format!("{dry_run}{address} {done}{took}");
                return self.say_done(address, action, asked.mode, line);
            }
            Ok(reply @ Reply::RingSyncTimedOut) => format!(
                "{address}: {name} may not have been done: {subject} answered: {reply}; {AGAIN}"
            ),
            Ok(reply) => {
                format!("{address}: {name} was not done: {subject} answered: {reply}; {AGAIN}")
            }
            Err(cause) => format!("{address}: {name} may not have been done: {cause}; {AGAIN}"),
        };
        let how = CameToNothing::by(command, answer);
        self.say_once_an_hour(address, how, line);
    }

    /// Whether it was done is open: a list may show it.
    pub(super) fn note_doubtful(&mut self, action: Action, command: &Command, asked: Asked) {
        if let Some(to) = action.state() {
            let (command, users) = (command.clone(), asked.users);
            let address = command.address();
            let doubtful = Doubtful { to, command, users };
            self.said_answers.doubtful.insert(address, doubtful);
        }
    }

    pub(super) fn say_once_an_hour(&mut self, address: IpAddr, how: CameToNothing, line: String) {
        match self.said_answers.add(address, how, self.now.instant) {
            true => self.error(line),
            false => self.debug(line),
        }
    }

    /// What a change has come to: the old state and the new one, who, why, how many are left, and what
    /// follows.
    fn done(&self, command: &Command, users: u64) -> String {
        let address = command.address();
        let are_up = |state| self.how_many_are_up(address, state);
        match command.effect() {
            Effect::State(HostState::Down) | Effect::Weight(0) => {
                let why = match self.seen_here(address) {
                    Seen::NotJudged => "had failed, and has not been judged since".to_owned(),
                    Seen::Healthy => "had failed, and has passed since".to_owned(),
                    Seen::Failed(fails) => fails,
                };
                format!(
                    "disabled: up -> down by this monitor: {why}; {}; {}; {}",
                    are_up(HostState::Down),
                    self.what_becomes_of(users),
                    self.when_it_comes_up(address)
                )
            }
            Effect::State(HostState::Up) | Effect::Weight(_) => {
                let member = self.backends.member(address);
                let since = member.and_then(|member| member.evidence.healthy_since());
                let why = match (since, self.seen_here(address)) {
                    (Some(since), _) => format!("healthy here since {}", self.moment_of(since)),
                    (None, Seen::Failed(fails)) => {
                        format!("no worse here than the others: {fails}")
                    }
                    (None, _) => "no worse here than the others".to_owned(),
                };
                format!(
                    "enabled: down -> up by this monitor: {why}; {}",
                    are_up(HostState::Up)
                )
            }
            Effect::UsersForgotten => format!("users forgotten: {users}"),
            Effect::UsersMoved => format!("users moved: {users}"),
        }
    }

    /// Of a backend's users, once it is down.
    fn what_becomes_of(&self, users: u64) -> String {
        let count = match users {
            0 => return "no users were listed".to_owned(),
            _ => counted(users, "user"),
        };
        let fate = match self.settings.rules.drain {
            DrainMode::Move { .. } => "to be moved now",
            DrainMode::Drop => "to be forgotten now",
            DrainMode::Leave => "left there (--flush=none)",
        };
        format!("{count} {fate}")
    }

    /// A backend that this monitor has just taken down.
    fn when_it_comes_up(&self, address: IpAddr) -> String {
        let checks = match self.settings.pace.rise {
            0 | 1 => "comes up after the next good check".to_owned(),
            rise => format!("comes up after {rise} good checks in a row"),
        };
        let member = self.backends.member(address);
        match member.and_then(|member| member.quiet_after_this_down(self.now.instant)) {
            None => checks,
            Some(quiet) => format!(
                "{checks}, not before {} as it has gone down again and again within an hour",
                self.moment_of(self.now.instant + quiet)
            ),
        }
    }

    /// What this monitor's probes say of the backend, for the line about its change.
    fn seen_here(&self, address: IpAddr) -> Seen {
        let member = match self.backends.member(address) {
            Some(member) if member.evidence.verdict().is_some() => member,
            Some(_) | None => return Seen::NotJudged,
        };
        // Who is still being tried again has failed so far.
        let in_doubt = member.evidence.failing().first();
        let in_doubt = in_doubt.map(|failing| (failing.service, &failing.failure));
        match self.backends.compared().failed_for(member).or(in_doubt) {
            None => Seen::Healthy,
            Some((service, failure)) => Seen::Failed(self.what_fails(address, service, failure)),
        }
    }

    /// How many of the backends that can take this backend's users are up. It counts itself as it is now, which the
    /// list may not show yet.
    fn how_many_are_up(&self, address: IpAddr, now: HostState) -> String {
        let is_up = |other: IpAddr, member: &Member| match other == address {
            true => now == HostState::Up,
            false => member.listed.state == HostState::Up,
        };
        self.how_many(address, "are up", is_up)
    }

    /// The same of the verdict, the backend's own latest one with it. Whoever is woken by the first failure after a
    /// start must not take those that are still being checked for failed ones.
    fn how_many_pass(&self, address: IpAddr) -> String {
        let pass = self.how_many(address, "pass", |other, member| {
            self.is_known_healthy(other, member)
        });
        let is_to_be_judged = |other: IpAddr, member: &Member| {
            member.evidence.verdict().is_none() && self.targets.target(other).is_some()
        };
        let tag = self.backends.member(address).map(|it| &it.listed.tag);
        match tag.map_or(0, |tag| self.count_serving(tag, is_to_be_judged)) {
            0 => pass,
            some => format!(
                "{pass}, {some} {} not judged yet",
                by_number(some, "is", "are")
            ),
        }
    }

    fn how_many(
        &self,
        address: IpAddr,
        what: &str,
        counts: impl Fn(IpAddr, &Member) -> bool,
    ) -> String {
        let tag = match self.backends.member(address) {
            Some(member) => &member.listed.tag,
            None => return format!("{address} is not listed"),
        };
        format!(
            "{} of {} backends{} {what}",
            self.count_serving(tag, counts),
            self.count_serving(tag, |_, _| true),
            self.which(tag)
        )
    }

    /// Of the backends that serve this tag.
    fn count_serving(&self, tag: &Tag, counts: impl Fn(IpAddr, &Member) -> bool) -> usize {
        let serving = self.backends.serving(tag);
        serving
            .filter(|(other, member)| counts(*other, member))
            .count()
    }

    /// Which backends, after that word: those that serve this tag.
    pub(super) fn which(&self, tag: &Tag) -> String {
        tag.among(self.backends.groups())
    }

    /// The last ones of a backend, the oldest first.
    pub(super) fn polls(&self, address: IpAddr) -> Vec<PollView> {
        let target = self.targets.target(address);
        let polls = self.history.of(address).map(|poll| PollView {
            ago: self.now.instant.saturating_duration_since(poll.began),
            service: service_of(&target, poll.service).to_string(),
            result: poll.result.to_string(),
            latency: poll.latency,
            delivery: poll.delivery,
            stages: poll.stages.clone(),
        });
        polls.collect()
    }

    /// SIGHUP: the last polls of every backend.
    pub(super) fn show_history(&mut self) {
        let history = self.backends.members().map(|(address, _)| BackendHistory {
            address,
            polls: self.polls(address),
        });
        let history = history.collect();
        self.put(Output::ShowHistory(history));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::director::wire::Change;

    #[test]
    fn what_lasts_is_said_once_and_again_each_hour_until_a_list_shows_a_change_of_ours() {
        let address = IpAddr::from([192, 0, 2, 1]);
        let start = Instant::now();
        let refused = || CameToNothing::Said("HOST-DOWN", discriminant(&Reply::Ok));
        let other = || CameToNothing::Said("HOST-UP", discriminant(&Reply::Ok));
        let mut said = SaidAnswers::default();
        assert!(said.add(address, refused(), start));
        assert!(said.add(address, other(), start));
        let almost = start + AGAIN_AFTER - Duration::from_millis(1);
        assert!(!said.add(address, refused(), almost));
        assert!(said.add(address, refused(), start + AGAIN_AFTER));
        for is_over in [SaidAnswers::on_shown, SaidAnswers::forget] {
            assert!(!said.add(address, other(), start));
            is_over(&mut said, address);
            assert!(said.add(address, other(), start));
        }
    }

    #[test]
    fn a_line_that_waits_for_a_list_is_gone_once_one_shows_otherwise() {
        let address = IpAddr::from([192, 0, 2, 1]);
        for is_over in [SaidAnswers::on_unobserved, SaidAnswers::forget] {
            let mut said = SaidAnswers::default();
            said.unconfirmed.insert(address, "done".to_owned());
            is_over(&mut said, address);
            assert!(said.unconfirmed.is_empty());
        }
        for is_over in [SaidAnswers::on_changed, SaidAnswers::forget] {
            let mut said = SaidAnswers::default();
            let doubtful = Doubtful {
                to: HostState::Down,
                command: Command::Director(Change::HostDown(address)),
                users: 0,
            };
            said.doubtful.insert(address, doubtful);
            is_over(&mut said, address);
            assert!(said.doubtful.is_empty());
        }
    }

    #[test]
    fn of_a_failure_that_lasts_each_cause_is_kept_once() {
        let address = IpAddr::from([192, 0, 2, 1]);
        let refused = Failure::new(Stage::Connect, Fault::Refused);
        let closed = Failure::new(Stage::Greeting, Fault::Closed);
        let mut said = SaidFailures::default();
        said.begin(address, 0, &refused);
        for is_first in [true, false] {
            assert!(!said.add(address, 0, &refused));
            assert_eq!(said.add(address, 0, &closed), is_first);
            assert_eq!(said.add(address, 1, &refused), is_first);
        }
        let expected = [(0, &refused), (0, &closed), (1, &refused)];
        let expected = expected.map(|(service, failure)| cause(service, failure));
        assert_eq!(said.of[&address], expected);
    }
}
