//! What the coordinator says: one line a change, with its reason. It says and does nothing else.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::mem::{discriminant, Discriminant};
use std::net::IpAddr;
use std::time::Instant;

use chrono::Local;
use log::{debug, error};

use super::Coordinator;
use crate::config::settings::Deeds;
use crate::director::error::DirectorError;
use crate::director::wire::{Change, Reply};
use crate::logging::always;
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::policy::{Hold, News};
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

pub(super) fn at_place(services: &[Service], place: usize) -> &dyn Display {
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

impl Coordinator {
    /// Each probe is a debug line; a verdict is a line of its own when it is another than before, and a
    /// failed one also when it has a cause that has not been said since the backend failed: it may be
    /// what an alarm is about, and then die.
    pub(super) fn log_finding(&mut self, address: IpAddr, finding: &Finding) {
        let target = self.roster.target(address);
        let service = service_of(&target, finding.service);
        let latency = finding.outcome.latency.as_millis();
        match &finding.outcome.result {
            Ok(pass) => match finding.outcome.delivery {
                Some(delivery) => debug!(
                    "{address} {service}: {pass}, read {} ms after delivery ({latency} ms)",
                    delivery.as_millis()
                ),
                None => debug!("{address} {service}: {pass} ({latency} ms)"),
            },
            Err(failure) => debug!("{address} {service}: {failure} ({latency} ms)"),
        }
        let before = self
            .fleet
            .member(address)
            .and_then(|member| member.evidence.verdict());
        match (&finding.verdict, before) {
            (None, _) => {}
            (Some(Verdict::Healthy(pass)), Some(Verdict::Healthy(same))) if pass == same => {}
            (Some(Verdict::Healthy(Pass::Clean)), None) => debug!("{address} is healthy"),
            (Some(Verdict::Healthy(Pass::Clean)), Some(_)) => always!("{address} is healthy"),
            (Some(Verdict::Healthy(remark)), _) => error!("{address} is {remark}"),
            // The service that decided, which need not be the last one tried.
            (Some(Verdict::Failed { service, failure }), before) => {
                let was_failed = matches!(before, Some(Verdict::Failed { .. }));
                let name = service_of(&target, *service);
                if !was_failed {
                    self.said_failures.begin(address, *service, failure);
                    error!("{address} has failed: {name} {failure}");
                } else if self.said_failures.add(address, *service, failure) {
                    error!("{address} has failed in another way: {name} {failure}");
                }
            }
        }
    }

    pub(super) fn log_hold(&self, address: IpAddr, hold: &Hold) {
        let rule = hold.reason.rule();
        debug!(
            "{address}: {} held by rule {rule}: {}",
            hold.action, hold.reason
        );
    }

    pub(super) fn log_news(&self, news: &News) {
        let News { address, from, to } = news;
        if from == to {
            always!("{address} was changed and is {to} again, not by this monitor");
        } else {
            always!("{address} went from {from} to {to}, not by this monitor");
        }
    }

    /// poolmon's words `disabled` and `enabled`, but only once the director has said `OK`. A dry run
    /// says them of what it would have done.
    pub(super) fn log_answer(&self, change: &Change, result: &Result<Reply, DirectorError>) {
        let address = change.address();
        let dry_run = match self.settings.deeds {
            Deeds::Done => "",
            Deeds::Told => "DRY-RUN: ",
        };
        match (result, change) {
            (Ok(Reply::Ok), Change::HostDown(_) | Change::HostSet { vhosts: 0, .. }) => {
                always!("{dry_run}{address} disabled")
            }
            (Ok(Reply::Ok), Change::HostUp(_) | Change::HostSet { .. }) => {
                always!("{dry_run}{address} enabled")
            }
            (Ok(Reply::Ok), Change::HostFlush(_)) => always!("{dry_run}{address} users forgotten"),
            (Ok(Reply::Ok), Change::HostResetUsers { .. }) => {
                always!("{dry_run}{address} users moved")
            }
            (Ok(reply), _) => error!(
                "{address}: {}: director says {reply}; its list will tell",
                change.name()
            ),
            (Err(cause), _) => error!("{address}: {}: {cause}; its list will tell", change.name()),
        }
    }

    /// SIGHUP: the last polls of every backend, one line each, the oldest first.
    pub(super) fn log_history(&self) {
        let (now, clock) = (Instant::now(), Local::now());
        for (address, _) in self.fleet.members() {
            let target = self.roster.target(address);
            let polls: Vec<String> = self
                .history
                .of(address)
                .map(|poll| {
                    let ago = chrono::Duration::from_std(now.saturating_duration_since(poll.began));
                    let at = ago.map_or(clock, |ago| clock - ago);
                    let delivery = poll.delivery().map_or(String::new(), |delivery| {
                        format!(", read {} ms after delivery", delivery.as_millis())
                    });
                    format!(
                        "{} {} {} {} ms{delivery}",
                        at.format("%H:%M:%S"),
                        service_of(&target, poll.service()),
                        poll.result(),
                        poll.latency().as_millis()
                    )
                })
                .collect();
            match polls.is_empty() {
                true => always!("{address} last polls: none"),
                false => always!("{address} last polls: {}", polls.join("; ")),
            }
        }
    }
}
