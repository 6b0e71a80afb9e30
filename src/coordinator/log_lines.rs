//! What the coordinator says: one line a change, with its reason. It says and does nothing else.

use std::fmt::Display;
use std::net::IpAddr;
use std::time::Instant;

use chrono::Local;
use log::{debug, error};

use super::Coordinator;
use crate::backend::HostState;
use crate::director::error::DirectorError;
use crate::director::wire::{Change, Reply};
use crate::logging::always;
use crate::outcome::{Pass, Stage};
use crate::policy::{Age, Alarm, Hold, News};
use crate::schedule::{Finding, Verdict};
use crate::service::Service;
use crate::target::Target;

/// Where the settings have changed since.
const FORMER_SERVICE: &str = "a service checked before";

/// Of a backend that is not probed any more there is no target.
pub(super) fn service_of(target: &Option<Target>, place: usize) -> &dyn Display {
    let services = target.as_ref().map_or(&[][..], |target| &*target.services);
    at_place(services, place)
}

fn at_place(services: &[Service], place: usize) -> &dyn Display {
    services
        .get(place)
        .map_or(&FORMER_SERVICE, |service| service)
}

impl Coordinator {
    /// Each probe is a debug line; a verdict is a line of its own when it is another than before.
    pub(super) fn log_finding(&self, address: IpAddr, finding: &Finding) {
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
            (Some(Verdict::Failed { .. }), Some(Verdict::Failed { .. })) => {}
            (Some(Verdict::Failed { failure, .. }), _) => {
                error!("{address} has failed: {service} {failure}")
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

    pub(super) fn log_alarm(&self, alarm: &Alarm) {
        match alarm {
            Alarm::NoRefuge(tag) => error!(
                "backends of {tag} have failed and no other one passes: they stay up, as their users \
                 would have nowhere to go; is this monitor cut off from them?"
            ),
            Alarm::Shared { service, stage } => {
                let service = at_place(&self.settings.services, *service);
                let with = match *stage < Stage::Login {
                    true => "",
                    false => " with the account that failed",
                };
                error!(
                    "no backend passes {service} {stage}{with}: none is taken down for it; check \
                     this monitor's account, certificate settings and addresses"
                )
            }
            Alarm::DownDelayLimit => error!(
                "backends have failed for longer than the delay and stay up: with them more would be \
                 down than delayed_down_limit allows; is something wrong that they have in common?"
            ),
            Alarm::MaxDown(tag) => error!(
                "a backend of {tag} has failed and stays up: --max-down allows no more of them down"
            ),
            Alarm::NotOurs(address) => error!(
                "{address} is healthy and down, and this monitor did not take it down; to bring it \
                 up: doveadm director up {address} (before dovecot 2.2.19: doveadm director add \
                 {address} COUNT)"
            ),
            Alarm::Contested(address) => error!(
                "{address} passes here, but another monitor or an administrator has taken it down; \
                 it is left so for a while: can that monitor reach all its ports?"
            ),
        }
    }

    pub(super) fn log_alarm_over(&self, alarm: &Alarm) {
        match alarm {
            Alarm::NoRefuge(tag) => always!("backends of {tag} are no longer without a refuge"),
            Alarm::Shared { service, stage } => {
                let service = at_place(&self.settings.services, *service);
                always!("{service} {stage} no longer fails everywhere");
            }
            Alarm::DownDelayLimit => always!("no failed backend is kept up by delayed_down_limit"),
            Alarm::MaxDown(tag) => always!("no failed backend of {tag} is kept up by --max-down"),
            Alarm::NotOurs(_) | Alarm::Contested(_) => {}
        }
    }

    pub(super) fn log_news(&self, news: &News) {
        let News { address, from, to } = news;
        if from == to {
            always!("{address} was changed and is {to} again, not by this monitor");
        } else {
            always!("{address} went from {from} to {to}, not by this monitor");
        }
    }

    /// poolmon's words `disabled` and `enabled`, but only once the director has said `OK`.
    pub(super) fn log_answer(&self, change: &Change, result: &Result<Reply, DirectorError>) {
        let address = change.address();
        match (result, change) {
            (Ok(Reply::Ok), Change::HostDown(_) | Change::HostSet { vhosts: 0, .. }) => {
                always!("{address} disabled")
            }
            (Ok(Reply::Ok), Change::HostUp(_) | Change::HostSet { .. }) => {
                always!("{address} enabled")
            }
            (Ok(Reply::Ok), Change::HostFlush(_)) => always!("{address} users forgotten"),
            (Ok(Reply::Ok), Change::HostResetUsers { .. }) => always!("{address} users moved"),
            (Ok(reply), _) => error!(
                "{address}: {}: director says {reply}; its list will tell",
                change.name()
            ),
            (Err(cause), _) => error!("{address}: {}: {cause}; its list will tell", change.name()),
        }
    }

    /// SIGUSR1: every backend, one line.
    pub(super) fn log_status(&self) {
        for (address, member) in self.fleet.members() {
            let listed = &member.listed;
            let verdict = match member.evidence.verdict() {
                None => "not judged yet".to_owned(),
                Some(Verdict::Healthy(pass)) => pass.to_string(),
                Some(Verdict::Failed { service, failure }) => {
                    let target = self.roster.target(address);
                    let service = match member.evidence.age() {
                        Age::OfTheseServices => service_of(&target, *service),
                        Age::OfFormerServices => &FORMER_SERVICE,
                    };
                    format!("failed: {service} {failure}")
                }
            };
            let held = match self.holds.get(&address) {
                Some(hold) => format!(
                    "; {} held by rule {}: {}",
                    hold.action,
                    hold.reason.rule(),
                    hold.reason
                ),
                None => String::new(),
            };
            let target = self.roster.target(address);
            let unchecked: String = self
                .local_faults
                .of(address)
                .map(|(service, cause)| {
                    let service = service_of(&target, service);
                    format!("; {service} cannot be checked from this machine: {cause}")
                })
                .collect();
            always!(
                "{address} is {}, {} vhosts, {} users, {}: {verdict}{unchecked}{held}",
                listed.state,
                listed.vhosts,
                listed.users,
                listed.tag
            );
        }
        always!(
            "{}; {} commands were answered with OK and not observed",
            self.summary(),
            self.unobserved
        );
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

    /// For the service manager and the end of the status.
    pub(super) fn summary(&self) -> String {
        let states = || self.fleet.members().map(|(_, member)| member.listed.state);
        let up = states().filter(|state| *state == HostState::Up).count();
        format!("{up} of {} backends are up", states().count())
    }
}
