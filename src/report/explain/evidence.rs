//! What the checks of a backend have shown: each service with its last dialogues, and the last attempts.

use super::View;
use crate::few::Few;
use crate::report::document::{
    Attempt, Blame, Certificate, CheckResult, Dialogue, Service, StageTime, Time,
};
use crate::report::words::{lasting, shown, took};

/// How many of the last attempts are shown.
const ATTEMPTS: usize = 10;

impl View<'_> {
    pub(super) fn checks(&self) -> Vec<String> {
        if self.backend.services.is_empty() {
            return vec!["none is made".to_string()];
        }
        let services = self.backend.services.iter();
        services.flat_map(|service| self.check(service)).collect()
    }

    fn check(&self, service: &Service) -> Vec<String> {
        let ended_before = self.backend.ended_before(service);
        let result = match (service.result, ended_before) {
            (CheckResult::Pass, Some(_)) => "passed",
            (CheckResult::Pass, None) => "passes",
            (CheckResult::Fail, _) => "fails",
            (CheckResult::None, _) => "not checked yet",
        };
        let mut lines = vec![format!(
            "{}: {result}{}{}; {} passed, {} failed  {}",
            shown(&service.service),
            match service.last_pass {
                Some(at) if service.result == CheckResult::Fail => {
                    format!(", and last passed {} ago", self.since(at))
                }
                Some(at) if ended_before.is_some() => format!(" {} ago", self.since(at)),
                Some(at) => format!(", {} ago", self.since(at)),
                None => match service.tried_since {
                    Some(at) if service.result == CheckResult::Fail => format!(
                        ", and has not passed since its present checks began {} ago",
                        self.since(at)
                    ),
                    Some(_) | None => String::new(),
                },
            },
            match ended_before {
                Some(other) => format!(", not tried since {} fails", shown(&other.service)),
                None => String::new(),
            },
            service.passes,
            service.failures,
            shown(&service.recent),
        )];
        let latencies: Vec<String> = [
            ("last", service.latency),
            ("usually", service.median),
            ("at worst", service.worst),
        ]
        .iter()
        .filter_map(|(when, span)| Some(format!("{when} {}", took((*span)?))))
        .collect();
        if !latencies.is_empty() {
            lines.push(format!("  a pass took {}", latencies.join(", ")));
        }
        if let Some(why) = &service.unchecked {
            lines.push(format!(
                "  cannot be checked from this machine: {}",
                shown(why)
            ));
        }
        if let Some(certificate) = &service.certificate {
            lines.push(self.certificate(certificate));
        }
        // The one that counts now comes first.
        let failure = ("last failure", &service.failure);
        let pass = ("last pass", &service.pass);
        let both = match service.result {
            CheckResult::Fail => [failure, pass],
            CheckResult::Pass | CheckResult::None => [pass, failure],
        };
        for (what, dialogue) in both {
            if let Some(dialogue) = dialogue {
                lines.extend(self.dialogue(what, dialogue));
            }
        }
        lines
    }

    fn certificate(&self, certificate: &Certificate) -> String {
        let expiry = |end: Time| match end - self.now {
            left if left > 0.0 => format!("expires in {}", lasting(left)),
            left => format!("expired {} ago", lasting(-left)),
        };
        let chain = match certificate.chain_not_after == certificate.not_after {
            true => String::new(),
            false => format!(", one of its chain {}", expiry(certificate.chain_not_after)),
        };
        let names: Vec<String> = certificate.names.iter().map(|name| shown(name)).collect();
        let taken = match certificate.accepted {
            true => "",
            false => ", and was refused",
        };
        format!(
            "  certificate for {}: {}{chain}{taken} (read {} ago)",
            Few(&names),
            expiry(certificate.not_after),
            self.since(certificate.read)
        )
    }

    fn dialogue(&self, what: &str, dialogue: &Dialogue) -> Vec<String> {
        let cause = match &dialogue.failure {
            Some(failure) => format!(
                ": {}{}",
                shown(&failure.text),
                match failure.blame {
                    Blame::Service => "",
                    Blame::Shared => {
                        " (maybe no fault of this backend: account, certificate or address)"
                    }
                    Blame::Local => " (a fault of the monitor's machine)",
                }
            ),
            None => String::new(),
        };
        let mut lines = vec![format!(
            "  {what} at {}, after {}{cause}",
            self.moment(dialogue.at),
            took(dialogue.latency)
        )];
        if !dialogue.stages.is_empty() {
            lines.push(format!("    {}", stages(&dialogue.stages)));
        }
        let said = dialogue.lines.iter();
        lines.extend(said.map(|line| format!("    {}", shown(line))));
        lines
    }

    pub(super) fn attempts(&self) -> Vec<String> {
        let all = &self.backend.attempts;
        if all.is_empty() {
            return vec!["none yet".to_string()];
        }
        let last = &all[all.len().saturating_sub(ATTEMPTS)..];
        let line = |attempt: &Attempt| {
            let delivery = attempt.delivery.map_or(String::new(), |delivery| {
                format!("; the message appeared {} after delivery", took(delivery))
            });
            let stages = match attempt.stages.is_empty() {
                true => String::new(),
                false => format!(" ({})", stages(&attempt.stages)),
            };
            format!(
                "{}  {}: {}, {}{stages}{delivery}",
                self.moment(attempt.at),
                shown(&attempt.service),
                shown(&attempt.result),
                took(attempt.latency)
            )
        };
        last.iter().map(line).collect()
    }
}

fn stages(stages: &[StageTime]) -> String {
    let words = stages
        .iter()
        .map(|stage| format!("{} {}", shown(&stage.stage), took(stage.took)));
    words.collect::<Vec<String>>().join(", ")
}
