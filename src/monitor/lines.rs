//! What is said of findings, answers and others' acts: one line a change, with its reason.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::mem::{discriminant, Discriminant};
use std::net::IpAddr;
use std::time::Duration;

use super::commands::Asked;
use super::snapshot::{BackendHistory, PollView};
use super::status::brief;
use super::{Engine, Event, Output};
use crate::backend::HostState;
use crate::config::settings::Mode;
use crate::monitor::policy::{Member, News};
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::pool::{Command, Effect, PoolError, Reply};
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

/// One word for the verdict that another one follows.
fn state(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy(_) => "healthy",
        Verdict::Failed { .. } => "failed",
    }
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

impl Engine {
    /// A verdict is a line of its own when it is another than before, and a failed one also when it has a
    /// cause that has not been said since the backend failed: it may be what an alarm is about, and then
    /// die.
    pub(super) fn say_finding(&mut self, address: IpAddr, finding: &Finding) {
        let target = self.targets.target(address);
        self.put(Output::Say(Event::Attempt {
            address,
            target: target.clone(),
            service: finding.service,
            outcome: finding.outcome.clone(),
        }));
        let before = self
            .backends
            .member(address)
            .and_then(|member| member.evidence.verdict());
        match (&finding.verdict, before) {
            (None, _) => {}
            (Some(Verdict::Healthy(pass)), Some(Verdict::Healthy(same))) if pass == same => {}
            (Some(Verdict::Healthy(Pass::Clean)), None) => {
                self.debug(format!("{address} is healthy"));
            }
            (Some(Verdict::Healthy(Pass::Clean)), Some(before)) => {
                let line = format!(
                    "{address} is healthy: {} -> healthy{}",
                    state(before),
                    self.since_verdict(address, before)
                );
                let stand = self.how_many_pass(address, true);
                let latency = milliseconds(finding.outcome.latency);
                self.always(format!("{line}; {stand} ({latency})"));
            }
            (Some(Verdict::Healthy(remark)), _) => self.error(format!("{address} is {remark}")),
            // The service that decided, which need not be the last one tried.
            (Some(Verdict::Failed { service, failure }), before) => {
                let was_failed = matches!(before, Some(Verdict::Failed { .. }));
                let name = service_of(&target, *service);
                if !was_failed {
                    let change = match before {
                        None => "not judged -> failed".to_owned(),
                        Some(before) => format!(
                            "{} -> failed{}",
                            state(before),
                            self.since_verdict(address, before)
                        ),
                    };
                    let stand = self.how_many_pass(address, false);
                    let latency = milliseconds(finding.outcome.latency);
                    let line = format!(
                        "{address} has failed: {name} {failure}; {change}; {stand} ({latency})"
                    );
                    self.said_failures.begin(address, *service, failure);
                    self.error(line);
                } else if self.said_failures.add(address, *service, failure) {
                    self.error(format!(
                        "{address} has failed in another way: {name} {failure}"
                    ));
                }
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
        let here = self.seen_here(*address);
        let stand = self.how_many_are_up(*address, *to);
        self.always(format!("{change}; {here}; {stand}"));
    }

    /// poolmon's words `disabled` and `enabled`, but only once the pool has said `OK`. A dry run says them
    /// of what it would have done.
    pub(super) fn say_answer(
        &mut self,
        command: &Command,
        asked: Asked,
        answer: &Result<Reply, PoolError>,
    ) {
        let (address, name) = (command.address(), command.name());
        let took = milliseconds(self.now.instant.saturating_duration_since(asked.at));
        let (dry_run, took) = match self.settings.mode {
            Mode::Live => ("", format!(" (answered in {took})")),
            Mode::DryRun => ("DRY-RUN: ", String::new()),
        };
        let noun = self.settings.access().noun();
        match answer {
            Ok(Reply::Ok) => {
                let done = self.done(command, asked.users);
                self.always(format!("{dry_run}{address} {done}{took}"));
            }
            Ok(reply) => self.error(format!(
                "{address}: {name}: {noun} says {reply}; its list will tell"
            )),
            Err(cause) => self.error(format!("{address}: {name}: {cause}; its list will tell")),
        }
    }

    /// What a change has come to: the old state and the new one, who, why, and how many are left.
    fn done(&self, command: &Command, users: u64) -> String {
        let address = command.address();
        let here = || self.seen_here(address);
        let are_up = |state| self.how_many_are_up(address, state);
        match command.effect() {
            Effect::State(HostState::Down) | Effect::Weight(0) => format!(
                "disabled: up -> down by this monitor: {}; {}",
                here(),
                are_up(HostState::Down)
            ),
            Effect::State(HostState::Up) | Effect::Weight(_) => format!(
                "enabled: down -> up by this monitor: {}; {}",
                here(),
                are_up(HostState::Up)
            ),
            Effect::UsersForgotten => format!("users forgotten: {users} were listed"),
            Effect::UsersMoved => format!("users moved: {users} were listed"),
        }
    }

    /// The verdict, as a change is explained by it.
    fn seen_here(&self, address: IpAddr) -> String {
        let member = self.backends.member(address);
        match member.and_then(|member| member.evidence.verdict()) {
            None => "it has not been judged here yet".to_owned(),
            Some(Verdict::Healthy(_)) => "it is healthy here".to_owned(),
            Some(Verdict::Failed { service, failure }) => {
                let target = self.targets.target(address);
                format!("{} {failure}", service_of(&target, *service))
            }
        }
    }

    /// For how long the verdict has been what it was, if that is known.
    fn since_verdict(&self, address: IpAddr, verdict: &Verdict) -> String {
        let evidence = self.backends.member(address).map(|member| &member.evidence);
        let since = evidence.and_then(|evidence| match verdict {
            Verdict::Healthy(_) => evidence.sound_since(),
            Verdict::Failed { .. } => evidence.failed_since(),
        });
        since.map_or(String::new(), |since| {
            let lasted = self.now.instant.saturating_duration_since(since);
            format!(" after {}", brief(lasted))
        })
    }

    /// Of its tag, with the backend itself as it is now, which the list may not show yet.
    fn how_many_are_up(&self, address: IpAddr, now: HostState) -> String {
        let is_up = |other: IpAddr, member: &Member| match other == address {
            true => now == HostState::Up,
            false => member.listed.state == HostState::Up,
        };
        self.how_many(address, "are up", is_up)
    }

    /// The same of the verdict.
    fn how_many_pass(&self, address: IpAddr, passes: bool) -> String {
        let does_pass = |other: IpAddr, member: &Member| match other == address {
            true => passes,
            false => matches!(member.evidence.verdict(), Some(Verdict::Healthy(_))),
        };
        self.how_many(address, "pass", does_pass)
    }

    fn how_many(
        &self,
        address: IpAddr,
        what: &str,
        counts: impl Fn(IpAddr, &Member) -> bool,
    ) -> String {
        let tag = match self.backends.member(address) {
            Some(member) => &member.listed.tag,
            None => return "it is not listed".to_owned(),
        };
        let alike = || {
            let members = self.backends.members();
            members.filter(|(_, member)| member.listed.tag == *tag)
        };
        let number = alike().filter(|(other, member)| counts(*other, member));
        format!(
            "{} of {} backends {tag} {what}",
            number.count(),
            alike().count()
        )
    }

    /// The last ones of a backend, the oldest first.
    pub(super) fn polls(&self, address: IpAddr) -> Vec<PollView> {
        let target = self.targets.target(address);
        let polls = self.history.of(address).map(|poll| PollView {
            ago: self.now.instant.saturating_duration_since(poll.began),
            service: service_of(&target, poll.service()).to_string(),
            result: poll.result().to_owned(),
            latency: poll.latency(),
            delivery: poll.delivery(),
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
