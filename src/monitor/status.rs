//! SIGUSR1 and the service manager's line: how all stands, and how old that news is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::backend_view::of_service;
use super::records::Keeping;
use super::snapshot::{
    AlarmView, AsOf, ChangeCount, CountersView, Currency, DirectorView, MonitorView, NextEvent,
    NextView, Outline, Snapshot, StateFileView, Summary, TagView, Trouble, LOCAL_FAULT,
};
use super::{Engine, Notice, Output};
use crate::backend::{HostState, Stamp, Tag};
use crate::config::settings::Settings;
use crate::monitor::policy::{Compared, Member, Rule, Sync};
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

/// How much is to be kept: everything only while a file is published.
pub(super) fn keeping(settings: &Settings) -> Keeping {
    match settings.files.published.files().next() {
        Some(_) => Keeping::Everything,
        None => Keeping::Little,
    }
}

impl Engine {
    pub(super) fn show_status(&mut self) {
        self.backends.measure(self.now.instant);
        let snapshot = self.snapshot();
        self.put(Output::ShowStatus(Box::new(snapshot)));
    }

    /// How all stands now.
    pub fn snapshot(&self) -> Snapshot {
        let compared = self.backends.compared();
        let out_of_rotation: Vec<(IpAddr, &Tag)> = self.backends.out_of_rotation().collect();
        let view =
            |address, member| self.backend_view(&compared, &out_of_rotation, address, member);
        let (reloaded, reload) = self.reloading.last();
        Snapshot {
            monitor: MonitorView {
                runs_for: self.since(self.started),
                interval: self.settings.pace.interval,
                login_interval: self.settings.pace.login_interval,
                restore: self.settings.rules.restore,
                rise: self.settings.pace.rise,
                reload: (self.since(reloaded), reload),
                has_ended: self.has_ended,
            },
            backends: self
                .backends
                .members()
                .map(|(address, member)| view(address, member))
                .collect(),
            alarms: self.alarm_views(),
            director: self.director_view(),
            summary: self.summary(),
            unobserved: self.unobserved,
            tags: self.tags(&compared),
            commands: self.commands.recent(self.now.instant),
            next: self.next_view(),
            counters: self.counters_view(),
        }
    }

    pub(super) fn until(&self, time: Instant) -> Duration {
        time.saturating_duration_since(self.now.instant)
    }

    fn since(&self, time: Instant) -> Duration {
        self.now.instant.saturating_duration_since(time)
    }

    /// Those that were said and hold now, the oldest first.
    fn alarm_views(&self) -> Vec<AlarmView> {
        let mut alarms: Vec<AlarmView> = Vec::new();
        for (topic, since, about) in self.alarms.said() {
            alarms.push(AlarmView {
                word: topic.word(),
                lasts: self.since(since),
                text: self.alarm_line(topic, about),
            });
        }
        let is_over =
            |notice: &Notice| *notice == Notice::DirectorSilent && self.lists.answers_again();
        for (notice, since, line) in self.notices.lines() {
            if is_over(notice) {
                continue;
            }
            alarms.push(AlarmView {
                word: notice.word(),
                lasts: self.since(since),
                text: line.to_owned(),
            });
        }
        for (cause, since, members) in self.local_faults.told() {
            alarms.push(AlarmView {
                word: LOCAL_FAULT,
                lasts: self.since(since),
                text: self.unchecked_line(cause, &members),
            });
        }
        alarms.sort_by_key(|alarm| std::cmp::Reverse(alarm.lasts));
        alarms
    }

    fn director_view(&self) -> DirectorView {
        let sync = self.backends.sync();
        DirectorView {
            words: self.settings.access().words(),
            groups: self.backends.groups(),
            socket: self.settings.socket.display().to_string(),
            list: self.list_age(),
            currency: self.currency(),
            sync,
            tells_sync: self.lists.tells_sync,
            sync_for: self.since(self.lists.since(sync)),
            mode: self.settings.mode,
            place: self.lists.place,
            error: self.lists.cause.clone(),
        }
    }

    fn tags(&self, compared: &Compared<'_>) -> Vec<TagView> {
        let mut tags: BTreeMap<&Tag, TagView> = BTreeMap::new();
        for (address, member) in self.backends.members() {
            let tag = &member.listed.tag;
            let view = tags.entry(tag).or_insert_with(|| TagView {
                tag: tag.clone(),
                all: 0,
                up: 0,
                healthy: 0,
                refuges: 0,
                vhosts_up: 0,
                vhosts: 0,
                users: 0,
            });
            let weight = member.weight();
            view.all += 1;
            if member.listed.state == HostState::Up {
                view.up += 1;
                view.vhosts_up += weight;
            }
            view.healthy += usize::from(self.is_known_healthy(address, member));
            view.refuges += usize::from(compared.is_refuge(member));
            view.vhosts += weight;
            view.users = view.users.saturating_add(member.listed.users);
        }
        tags.into_values().collect()
    }

    /// A service that is tried again, or a hold that ends, comes before all rounds, of which one is always
    /// near.
    fn next_view(&self) -> Option<NextView> {
        let attempts = self.workers.iter().filter_map(|(address, worker)| {
            let what = match worker.retry {
                Some(_) => NextEvent::Retry,
                None => NextEvent::Round,
            };
            Some((worker.next_check?, *address, what))
        });
        let holds = self.holds.iter();
        let ends =
            holds.filter_map(|(address, hold)| Some((hold.until?, *address, NextEvent::HoldEnds)));
        let ahead = attempts
            .chain(ends)
            .filter(|(due, ..)| *due > self.now.instant);
        let first =
            ahead.min_by_key(|(due, address, what)| (*what == NextEvent::Round, *due, *address));
        first.map(|(due, address, what)| NextView {
            address,
            what,
            due: self.until(due),
        })
    }

    fn counters_view(&self) -> CountersView {
        let mut changes = Vec::new();
        for (address, record) in self.records.all() {
            if let Some(member) = self.backends.member(address) {
                let tag = &member.listed.tag;
                changes.extend(
                    record
                        .changes
                        .counts()
                        .map(|((to, by), count)| ChangeCount {
                            address,
                            tag: tag.clone(),
                            to,
                            by,
                            count,
                        }),
                );
            }
        }
        CountersView {
            attempts: self.counts.attempts(),
            failures: self.counts.failures(),
            changes,
            commands: self.counts.commands(),
            scripts: self.counts.scripts,
            state_file: match self.notices.is_raised(&Notice::StateFileUnwritable) {
                true => StateFileView::Unwritten,
                false => StateFileView::Written,
            },
        }
    }

    fn list_age(&self) -> Option<Duration> {
        let began = self.backends.list_began()?;
        Some(self.now.instant.saturating_duration_since(began))
    }

    pub(super) fn currency(&self) -> Currency {
        match self.list_age() {
            Some(age) if age <= CURRENT && self.backends.sync() != Sync::Silent => {
                Currency::Current
            }
            _ => Currency::Old,
        }
    }

    /// What matters most, for one line: only a few backends are named.
    pub(super) fn outline(&self) -> Outline {
        let (mut down, mut failed) = (Vec::new(), Vec::new());
        for (address, member) in self.backends.members() {
            match (member.listed.state, member.evidence.verdict()) {
                (HostState::Down, _) => down.push((address, member)),
                (HostState::Up, Some(Verdict::Failed { .. })) => failed.push((address, member)),
                (HostState::Up, _) => {}
            }
        }
        let all = self.backends.members().len();
        let up = all - down.len();
        let mut troubles = down.into_iter().chain(failed);
        let named = troubles.by_ref().take(NAMED_TROUBLES);
        let compared = self.backends.compared();
        let named: Vec<Trouble> = named
            .map(|(address, member)| self.trouble(&compared, address, member))
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
            summary: self.summary_of(up, all),
            troubles: named,
            more: troubles.count(),
            held,
        }
    }

    fn trouble(&self, compared: &Compared<'_>, address: IpAddr, member: &Member) -> Trouble {
        let changed = self.listed_since(member);
        let lasts = self.now.second.0.checked_sub(changed.0);
        let lasts = lasts.filter(|_| changed != Stamp(0));
        let target = self.targets.target(address);
        let failed_for = compared.failed_for(member);
        let cause =
            failed_for.map(|(service, failure)| of_service(&target, member, service, failure));
        Trouble {
            address,
            listed: member.listed.state,
            lasts: lasts.map(Duration::from_secs),
            cause,
        }
    }

    /// How many stand.
    pub(super) fn summary(&self) -> Summary {
        let members = self.backends.members();
        let all = members.len();
        let up = members.filter(|(_, member)| member.listed.state == HostState::Up);
        self.summary_of(up.count(), all)
    }

    fn summary_of(&self, up: usize, all: usize) -> Summary {
        Summary {
            mode: self.settings.mode,
            up,
            all,
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
