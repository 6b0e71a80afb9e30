//! SIGUSR1: how all stands, one line a backend. The service manager is told the last line's beginning.

use std::time::Duration;

use super::log_lines::{service_of, FORMER_SERVICE};
use super::Coordinator;
use crate::backend::HostState;
use crate::logging::always;
use crate::policy::Age;
use crate::schedule::Verdict;

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

impl Coordinator {
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

    /// For the service manager and the end of the status.
    pub(super) fn summary(&self) -> String {
        let states = || self.fleet.members().map(|(_, member)| member.listed.state);
        let up = states().filter(|state| *state == HostState::Up).count();
        format!("{up} of {} backends are up", states().count())
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
