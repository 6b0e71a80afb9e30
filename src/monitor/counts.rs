//! What is counted since the start: attempts, faults and durations by service, commands by what they came to.
//!
//! Kinds are closed lists, so that what is kept does not grow with what servers say. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::policy::Action;
use super::snapshot::{
    AttemptCount, Buckets, CommandCount, FailureCount, ReplyKind, COMMANDS, COMMAND_BOUNDS,
    LATENCIES, LATENCY_BOUNDS,
};
use crate::outcome::{Blame, Outcome, Stage};
use crate::pool::{PoolError, Reply};
use crate::service::Service;

#[derive(Debug, Default)]
pub(super) struct Counts {
    /// In the order in which they were first tried.
    services: Vec<(Service, ServiceCount)>,
    commands: Vec<((Action, ReplyKind), Buckets<COMMANDS>)>,
    /// Scripts started for changes of ours.
    pub(super) scripts: u64,
}

#[derive(Debug, Default)]
struct ServiceCount {
    latency: Buckets<LATENCIES>,
    failures: BTreeMap<(Stage, &'static str), (Blame, u64)>,
}

impl<const MANY: usize> Default for Buckets<MANY> {
    fn default() -> Buckets<MANY> {
        Buckets {
            counts: [0; MANY],
            all: 0,
            sum: Duration::ZERO,
        }
    }
}

impl<const MANY: usize> Buckets<MANY> {
    fn add(&mut self, bounds: &[u64; MANY], took: Duration) {
        let micros = took.as_micros();
        if let Some(place) = bounds.iter().position(|bound| micros <= u128::from(*bound)) {
            self.counts[place] += 1;
        }
        self.all += 1;
        self.sum = self.sum.saturating_add(took);
    }
}

impl ReplyKind {
    pub(super) fn of(answer: &Result<Reply, PoolError>) -> ReplyKind {
        match answer {
            Ok(Reply::Ok) => ReplyKind::Ok,
            Ok(Reply::NotFound) => ReplyKind::NotFound,
            Ok(Reply::Busy) => ReplyKind::Busy,
            Ok(Reply::RingSyncTimedOut) => ReplyKind::SyncTimedOut,
            Ok(Reply::TryAgain) => ReplyKind::TryAgain,
            Ok(Reply::Refused(_)) => ReplyKind::Refused,
            Err(_) => ReplyKind::Lost,
        }
    }
}

impl Counts {
    pub(super) fn on_outcome(&mut self, service: Service, outcome: &Outcome) {
        let place = self.services.iter().position(|(of, _)| *of == service);
        let place = place.unwrap_or_else(|| {
            self.services.push((service, ServiceCount::default()));
            self.services.len() - 1
        });
        let count = &mut self.services[place].1;
        match &outcome.result {
            Ok(_) => count.latency.add(&LATENCY_BOUNDS, outcome.latency),
            Err(failure) => {
                let kind = (failure.stage, failure.fault.word());
                let of_kind = count.failures.entry(kind);
                of_kind.or_insert((failure.fault.blame(), 0)).1 += 1;
            }
        }
    }

    pub(super) fn on_answer(&mut self, action: Action, reply: ReplyKind, took: Duration) {
        let kind = (action, reply);
        let place = self.commands.iter().position(|(of, _)| *of == kind);
        let place = place.unwrap_or_else(|| {
            self.commands.push((kind, Buckets::default()));
            self.commands.len() - 1
        });
        self.commands[place].1.add(&COMMAND_BOUNDS, took);
    }

    pub(super) fn attempts(&self) -> Vec<AttemptCount> {
        let services = self.services.iter();
        let counts = services.map(|(service, count)| AttemptCount {
            service: service.to_string(),
            passes: count.latency.all,
            failures: count.failures.values().map(|(_, count)| count).sum(),
            latency: count.latency,
        });
        counts.collect()
    }

    pub(super) fn failures(&self) -> Vec<FailureCount> {
        let mut counts = Vec::new();
        for (service, of_service) in &self.services {
            let failures = of_service.failures.iter();
            counts.extend(
                failures.map(|((stage, fault), (blame, count))| FailureCount {
                    service: service.to_string(),
                    stage: *stage,
                    fault,
                    blame: *blame,
                    count: *count,
                }),
            );
        }
        counts
    }

    pub(super) fn commands(&self) -> Vec<CommandCount> {
        let commands = self.commands.iter();
        let counts = commands.map(|((action, reply), duration)| CommandCount {
            action: *action,
            reply: *reply,
            count: duration.all,
            duration: *duration,
        });
        counts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Failure, Fault, Pass};
    use crate::quote::Quote;
    use crate::service::{Port, Protocol, Security};
    use std::time::Instant;

    fn service(number: u16) -> Service {
        Service::Port(Port {
            protocol: Protocol::Imap,
            security: Security::Plain,
            number,
        })
    }

    fn outcome(micros: u64, result: Result<Pass, Failure>) -> Outcome {
        Outcome::new(Instant::now(), Duration::from_micros(micros), result)
    }

    #[test]
    fn passes_are_counted_by_how_long_they_took_and_failures_by_kind() {
        let mut counts = Counts::default();
        for micros in [1, 1_000, 1_001, 10_000_000, 10_000_001] {
            counts.on_outcome(service(143), &outcome(micros, Ok(Pass::Clean)));
        }
        for said in ["one", "two"] {
            let fault = Fault::CredentialsRefused(Quote::new(said));
            let failure = Failure::new(Stage::Login, fault);
            counts.on_outcome(service(993), &outcome(5, Err(failure)));
        }
        let refused = Failure::new(Stage::Connect, Fault::Refused);
        counts.on_outcome(service(993), &outcome(5, Err(refused)));
        let attempts = counts.attempts();
        let names: Vec<&str> = attempts.iter().map(|one| one.service.as_str()).collect();
        assert_eq!(names, ["imap:143", "imap:993"]);
        let latency = &attempts[0].latency;
        assert_eq!(latency.counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((latency.all, latency.sum.as_micros()), (5, 20_002_003));
        assert_eq!((attempts[0].passes, attempts[0].failures), (5, 0));
        assert_eq!((attempts[1].passes, attempts[1].failures), (0, 3));
        let failures: Vec<_> = counts
            .failures()
            .into_iter()
            .map(|one| (one.stage.word(), one.fault, one.blame, one.count))
            .collect();
        assert_eq!(
            failures,
            [
                ("connect", "refused", Blame::Service, 1),
                ("login", "credentials_refused", Blame::Shared, 2)
            ]
        );
    }

    #[test]
    fn commands_are_counted_by_what_they_came_to() {
        let mut counts = Counts::default();
        let took = Duration::from_millis(2);
        counts.on_answer(Action::MarkDown, ReplyKind::Ok, took);
        counts.on_answer(Action::MarkDown, ReplyKind::Ok, took);
        counts.on_answer(Action::Drain, ReplyKind::of(&Ok(Reply::Busy)), took);
        let commands = counts.commands();
        let kinds: Vec<_> = commands
            .iter()
            .map(|one| (one.action, one.reply, one.count))
            .collect();
        assert_eq!(
            kinds,
            [
                (Action::MarkDown, ReplyKind::Ok, 2),
                (Action::Drain, ReplyKind::Busy, 1)
            ]
        );
        assert_eq!(commands[0].duration.counts, [0, 2, 0, 0, 0, 0, 0, 0]);
    }
}
