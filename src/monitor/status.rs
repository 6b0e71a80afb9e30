//! SIGUSR1 and the service manager's line: how all stands, and how old that news is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::lines::{service_of, FORMER_SERVICE};
use super::snapshot::{
    AsOf, BackendView, Checks, Currency, DirectorView, MonitorView, Outline, Snapshot, Summary,
    TagView, Trouble,
};
use super::{Engine, Output};
use crate::backend::{HostState, Stamp, Tag};
use crate::monitor::policy::{Age, Member, Rule, Sync};
use crate::schedule::Verdict;

/// The list is read each second; one that is older than that by far is not current, whatever the
/// reason.
const CURRENT: Duration = Duration::from_secs(3);

/// A time span in a few characters.
pub(crate) fn brief(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

/// How many backends a line names that says how all stands.
const NAMED_TROUBLES: usize = 2;

/// What the words for a failed verdict begin with.
const FAILED: &str = "failed: ";

impl Engine {
    pub(super) fn show_status(&mut self) {
        let snapshot = self.snapshot();
        self.put(Output::ShowStatus(Box::new(snapshot)));
    }

    /// How all stands now.
    pub fn snapshot(&self) -> Snapshot {
        let alarms = self.alarms.said();
        let (read, were_good) = self.settings_read;
        Snapshot {
            monitor: MonitorView {
                interval: self.settings.pace.interval,
                restore: self.settings.rules.restore,
                rise: self.settings.pace.rise,
                read: (self.now.instant.saturating_duration_since(read), were_good),
                has_ended: self.has_ended,
            },
            backends: self
                .fleet
                .members()
                .map(|(address, member)| self.backend_view(address, member))
                .collect(),
            alarms: alarms
                .map(|(topic, about)| self.alarm_line(topic, about))
                .collect(),
            director: DirectorView {
                socket: self.settings.socket.display().to_string(),
                list: self.list_age(),
                currency: self.currency(),
                sync: self.fleet.sync(),
                tells_sync: self.lists.tells_sync,
                sync_for: self
                    .now
                    .instant
                    .saturating_duration_since(self.lists.since(self.fleet.sync())),
                deeds: self.settings.deeds,
            },
            summary: self.summary(),
            unobserved: self.unobserved,
            tags: self.tags(),
            commands: self.errands.recent(self.now.instant),
            next: self.next_timeout().map(|next| self.until(next)),
        }
    }

    fn until(&self, time: Instant) -> Duration {
        time.saturating_duration_since(self.now.instant)
    }

    fn tags(&self) -> Vec<TagView> {
        let mut tags: BTreeMap<&Tag, TagView> = BTreeMap::new();
        for (_, member) in self.fleet.members() {
            let tag = &member.listed.tag;
            let view = tags.entry(tag).or_insert_with(|| TagView {
                tag: tag.clone(),
                all: 0,
                up: 0,
                healthy: 0,
            });
            let is_healthy = matches!(member.evidence.verdict(), Some(Verdict::Healthy(_)));
            view.all += 1;
            view.up += usize::from(member.listed.state == HostState::Up);
            view.healthy += usize::from(is_healthy);
        }
        tags.into_values().collect()
    }

    fn list_age(&self) -> Option<Duration> {
        let began = self.fleet.list_began()?;
        Some(self.now.instant.saturating_duration_since(began))
    }

    fn currency(&self) -> Currency {
        match self.list_age() {
            Some(age) if age <= CURRENT && self.fleet.sync() != Sync::Silent => Currency::Current,
            _ => Currency::Old,
        }
    }

    fn backend_view(&self, address: IpAddr, member: &Member) -> BackendView {
        let target = self.roster.target(address);
        let unchecked = self.local_faults.of(address).map(|(service, cause)| {
            let service = service_of(&target, service).to_string();
            (service, cause.to_string())
        });
        let hold = self.holds.get(&address);
        BackendView {
            listed: member.listed.clone(),
            is_ours: member.is_ours(),
            currency: self.currency(),
            verdict: self.verdict_view(address, member),
            checks: self.checks(address),
            unchecked: unchecked.collect(),
            hold: hold.cloned(),
            hold_ends: hold.and_then(|hold| Some(self.until(hold.until?))),
            polls: self.polls(address),
            drain_owed: member.debt.is_some(),
        }
    }

    fn verdict_view(&self, address: IpAddr, member: &Member) -> Option<(String, Option<Duration>)> {
        let evidence = &member.evidence;
        let (verdict, since) = match evidence.verdict()? {
            Verdict::Healthy(pass) => (pass.to_string(), evidence.sound_since()),
            Verdict::Failed { service, failure } => {
                let target = self.roster.target(address);
                let service = match evidence.age() {
                    Age::OfTheseServices => service_of(&target, *service),
                    Age::OfFormerServices => &FORMER_SERVICE,
                };
                let text = format!("{FAILED}{service} {failure}");
                (text, evidence.failed_since())
            }
        };
        let lasts = since.map(|since| self.now.instant.saturating_duration_since(since));
        Some((verdict, lasts))
    }

    fn checks(&self, address: IpAddr) -> Checks {
        let worker = match self.workers.get(&address) {
            Some(worker) => worker,
            None if self.roster.target(address).is_none() => return Checks::LeftAlone,
            None => return Checks::NoThread,
        };
        let now = self.now.instant;
        let last = self.history.of(address).last();
        let next = worker.next_check.filter(|next| *next > now);
        Checks::Made {
            last: last.map(|poll| now.saturating_duration_since(poll.began)),
            next: next.map(|next| next - now),
        }
    }

    /// What matters most, for one line: only a few backends are named.
    pub(super) fn outline(&self) -> Outline {
        let is_down = |member: &Member| member.listed.state == HostState::Down;
        let is_failed =
            |member: &Member| matches!(member.evidence.verdict(), Some(Verdict::Failed { .. }));
        let members = || self.fleet.members();
        let down = members().filter(|(_, member)| is_down(member));
        let failed = members().filter(|(_, member)| !is_down(member) && is_failed(member));
        let mut troubles = down.chain(failed);
        let named = troubles.by_ref().take(NAMED_TROUBLES);
        let named: Vec<Trouble> = named
            .map(|(address, member)| self.trouble(address, member))
            .collect();
        let mut held: Vec<(Rule, usize)> = Vec::new();
        for hold in self.holds.values() {
            let rule = hold.reason.rule();
            if matches!(rule, Rule::Settle | Rule::Fresh | Rule::Rank) {
                continue;
            }
            match held.iter_mut().find(|(known, _)| *known == rule) {
                Some((_, times)) => *times += 1,
                None => held.push((rule, 1)),
            }
        }
        Outline {
            summary: self.summary(),
            troubles: named,
            more: troubles.count(),
            held,
        }
    }

    fn trouble(&self, address: IpAddr, member: &Member) -> Trouble {
        let changed = member.listed.changed;
        let lasts = self.now.second.0.checked_sub(changed.0);
        let lasts = lasts.filter(|_| changed != Stamp(0));
        let verdict = self.verdict_view(address, member);
        let cause = verdict.and_then(|(verdict, _)| {
            let cause = verdict.strip_prefix(FAILED)?;
            Some(cause.to_owned())
        });
        Trouble {
            address,
            listed: member.listed.state,
            lasts: lasts.map(Duration::from_secs),
            cause,
        }
    }

    /// How many stand.
    pub(super) fn summary(&self) -> Summary {
        let states = || self.fleet.members().map(|(_, member)| member.listed.state);
        Summary {
            deeds: self.settings.deeds,
            up: states().filter(|state| *state == HostState::Up).count(),
            all: states().count(),
            as_of: match (self.currency(), self.list_age()) {
                (Currency::Current, _) => AsOf::Now,
                (Currency::Old, None) => AsOf::Never,
                (Currency::Old, Some(age)) => AsOf::Before(age),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_is_brief() {
        for (seconds, expected) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (86400, "24 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(brief(Duration::from_secs(seconds)), expected);
        }
    }
}
