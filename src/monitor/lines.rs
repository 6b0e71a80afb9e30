//! What is said of findings, answers and others' acts: one line a change, with its reason.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::mem::{discriminant, Discriminant};
use std::net::IpAddr;

use super::snapshot::{BackendHistory, PollView};
use super::{Engine, Event, Output};
use crate::backend::HostState;
use crate::config::settings::Deeds;
use crate::monitor::policy::News;
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
        let target = self.roster.target(address);
        self.put(Output::Say(Event::Attempt {
            address,
            target: target.clone(),
            service: finding.service,
            outcome: finding.outcome.clone(),
        }));
        let before = self
            .fleet
            .member(address)
            .and_then(|member| member.evidence.verdict());
        match (&finding.verdict, before) {
            (None, _) => {}
            (Some(Verdict::Healthy(pass)), Some(Verdict::Healthy(same))) if pass == same => {}
            (Some(Verdict::Healthy(Pass::Clean)), None) => {
                self.debug(format!("{address} is healthy"));
            }
            (Some(Verdict::Healthy(Pass::Clean)), Some(_)) => {
                self.always(format!("{address} is healthy"));
            }
            (Some(Verdict::Healthy(remark)), _) => self.error(format!("{address} is {remark}")),
            // The service that decided, which need not be the last one tried.
            (Some(Verdict::Failed { service, failure }), before) => {
                let was_failed = matches!(before, Some(Verdict::Failed { .. }));
                let name = service_of(&target, *service);
                if !was_failed {
                    self.said_failures.begin(address, *service, failure);
                    self.error(format!("{address} has failed: {name} {failure}"));
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
        self.always(if from == to {
            format!("{address} was changed and is {to} again, not by this monitor")
        } else {
            format!("{address} went from {from} to {to}, not by this monitor")
        });
    }

    /// poolmon's words `disabled` and `enabled`, but only once the pool has said `OK`. A dry run says them
    /// of what it would have done.
    pub(super) fn say_answer(&mut self, command: &Command, answer: &Result<Reply, PoolError>) {
        let (address, name) = (command.address(), command.name());
        let dry_run = match self.settings.deeds {
            Deeds::Done => "",
            Deeds::Told => "DRY-RUN: ",
        };
        let done = match command.effect() {
            Effect::State(HostState::Down) | Effect::Weight(0) => "disabled",
            Effect::State(HostState::Up) | Effect::Weight(_) => "enabled",
            Effect::UsersForgotten => "users forgotten",
            Effect::UsersMoved => "users moved",
        };
        let noun = self.settings.access().noun();
        match answer {
            Ok(Reply::Ok) => self.always(format!("{dry_run}{address} {done}")),
            Ok(reply) => self.error(format!(
                "{address}: {name}: {noun} says {reply}; its list will tell"
            )),
            Err(cause) => self.error(format!("{address}: {name}: {cause}; its list will tell")),
        }
    }

    /// The last ones of a backend, the oldest first.
    pub(super) fn polls(&self, address: IpAddr) -> Vec<PollView> {
        let target = self.roster.target(address);
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
        let history = self.fleet.members().map(|(address, _)| BackendHistory {
            address,
            polls: self.polls(address),
        });
        let history = history.collect();
        self.put(Output::ShowHistory(history));
    }
}
