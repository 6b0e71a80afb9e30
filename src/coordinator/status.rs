//! SIGUSR1: how all stands, one line a backend, and how old that news is. The service manager is told
//! the last line's beginning.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use chrono::{Local, TimeZone};

use super::log_lines::{service_of, FORMER_SERVICE};
use super::Coordinator;
use crate::backend::{HostState, Stamp};
use crate::config::settings::Deeds;
use crate::logging::always;
use crate::policy::{Age, Member, Sync};
use crate::schedule::Verdict;

/// The list is read each second; one that is older than that by far is not current, whatever the
/// reason.
const CURRENT: Duration = Duration::from_secs(3);

/// A time span in a few characters.
pub(super) fn brief(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

/// " since 2026-11-25 10:00:00", if the director has ever changed it.
fn since_stamp(stamp: Stamp) -> String {
    let seconds = i64::try_from(stamp.0).ok().filter(|seconds| *seconds > 0);
    let time = seconds.and_then(|seconds| Local.timestamp_opt(seconds, 0).single());
    time.map_or(String::new(), |time| {
        time.format(" since %Y-%m-%d %H:%M:%S").to_string()
    })
}

/// Whether what is known of the list can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Currency {
    Current,
    Old,
}

impl Coordinator {
    pub(super) fn log_status(&self) {
        let now = Instant::now();
        for (address, member) in self.fleet.members() {
            always!("{}", self.backend_status(address, member, now));
        }
        for (topic, about) in self.alarms.said() {
            always!("alarm: {}", self.alarm_line(topic, about));
        }
        always!("{}", self.director_status(now));
        always!(
            "{}; {} commands were answered with OK and not observed",
            self.summary(),
            self.unobserved
        );
    }

    fn currency(&self, now: Instant) -> Currency {
        let age = self
            .fleet
            .list_began()
            .map(|began| now.saturating_duration_since(began));
        match age {
            Some(age) if age <= CURRENT && self.fleet.sync() != Sync::Silent => Currency::Current,
            _ => Currency::Old,
        }
    }

    fn backend_status(&self, address: IpAddr, member: &Member, now: Instant) -> String {
        let listed = &member.listed;
        let is = match self.currency(now) {
            Currency::Current => "is",
            Currency::Old => "was",
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
        let (verdict, since) = self.verdict_status(address, member);
        let lasts = since.map_or(String::new(), |since| {
            let time = now.saturating_duration_since(since);
            format!("; for {}", brief(time))
        });
        format!(
            "{address} {is} {}{}, {} vhosts, {} users, {}: {verdict}{unchecked}{lasts}; {}{held}",
            listed.state,
            since_stamp(listed.changed),
            listed.vhosts,
            listed.users,
            listed.tag,
            self.check_status(address, now)
        )
    }

    /// The verdict in words, and since when it stands.
    fn verdict_status(&self, address: IpAddr, member: &Member) -> (String, Option<Instant>) {
        let evidence = &member.evidence;
        match evidence.verdict() {
            None => ("not judged yet".to_owned(), None),
            Some(Verdict::Healthy(pass)) => (pass.to_string(), evidence.sound_since()),
            Some(Verdict::Failed { service, failure }) => {
                let target = self.roster.target(address);
                let service = match evidence.age() {
                    Age::OfTheseServices => service_of(&target, *service),
                    Age::OfFormerServices => &FORMER_SERVICE,
                };
                let text = format!("failed: {service} {failure}");
                (text, evidence.failed_since())
            }
        }
    }

    fn check_status(&self, address: IpAddr, now: Instant) -> String {
        let worker = match self.workers.get(&address) {
            Some(worker) => worker,
            None if self.roster.target(address).is_none() => {
                return "not checked: the accounts file does not name it".to_owned()
            }
            None => return "not checked: there is no thread for it".to_owned(),
        };
        let last = match self.history.of(address).last() {
            Some(poll) => {
                let ago = now.saturating_duration_since(poll.began);
                format!("last check {} ago", brief(ago))
            }
            None => "not checked yet".to_owned(),
        };
        match worker.next_check() {
            Some(next) if next > now => format!("{last}, next in {}", brief(next - now)),
            Some(_) | None => format!("{last}, next now"),
        }
    }

    fn director_status(&self, now: Instant) -> String {
        let list = match self.fleet.list_began() {
            None => "no list has been read yet".to_owned(),
            Some(began) => {
                let old = brief(now.saturating_duration_since(began));
                match self.currency(now) {
                    Currency::Current => format!("its list is {old} old"),
                    Currency::Old => format!("the last list is {old} old and not current"),
                }
            }
        };
        let state = match self.fleet.sync() {
            Sync::Silent => "the director does not answer",
            Sync::Unsynced => "the ring is not synced",
            Sync::Synced if self.lists.tells_sync => "the ring is synced",
            Sync::Synced => "it answers, and does not tell whether the ring is synced",
        };
        let deeds = match self.settings.deeds {
            Deeds::Done => "no dry run",
            Deeds::Told => {
                "dry run: no change is sent, and the states above are what they would be"
            }
        };
        let since = self.lists.since(self.fleet.sync());
        format!(
            "director {}: {list}; {state}, for {}; {deeds}",
            self.settings.socket.display(),
            brief(now.saturating_duration_since(since))
        )
    }

    /// For the service manager and the end of the status.
    pub(super) fn summary(&self) -> String {
        let states = || self.fleet.members().map(|(_, member)| member.listed.state);
        let up = states().filter(|state| *state == HostState::Up).count();
        let all = states().count();
        let dry_run = match self.settings.deeds {
            Deeds::Done => "",
            Deeds::Told => "dry run: ",
        };
        let now = Instant::now();
        let began = match (self.currency(now), self.fleet.list_began()) {
            (Currency::Current, _) => return format!("{dry_run}{up} of {all} backends are up"),
            (Currency::Old, None) => return format!("{dry_run}no list of backends yet"),
            (Currency::Old, Some(began)) => began,
        };
        let ago = chrono::Duration::from_std(now.saturating_duration_since(began));
        let clock = Local::now();
        let at = ago.map_or(clock, |ago| clock - ago);
        format!(
            "{dry_run}{up} of {all} backends were up at {}, which is not current",
            at.format("%H:%M:%S")
        )
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

    #[test]
    fn a_state_that_was_never_changed_has_no_beginning() {
        assert_eq!(since_stamp(Stamp(0)), "");
        assert!(since_stamp(Stamp(1_800_000_000)).starts_with(" since 2027-01-1"));
        assert_eq!(since_stamp(Stamp(u64::MAX)), "");
    }
}
