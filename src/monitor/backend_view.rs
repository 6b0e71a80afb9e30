//! What a person may want to see of one backend: put together from all that is kept of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempts::Attempts;
use super::lines::{service_of, FORMER_SERVICE};
use super::policy::{explain, Action, Age, By, Compared, Member, Reason};
use super::records::Record;
use super::snapshot::{
    BackendView, Checks, DrainView, ListChangeView, RetryView, ServiceView, Standing, WantedView,
    WholeAttempt,
};
use super::Engine;
use crate::backend::{HostState, Listed, Tag};
use crate::outcome::{Failure, Outcome};
use crate::schedule::Verdict;
use crate::target::Target;

impl Engine {
    pub(super) fn backend_view(
        &self,
        compared: &Compared<'_>,
        out_of_rotation: &[(IpAddr, &Tag)],
        address: IpAddr,
        member: &Member,
    ) -> BackendView {
        let now = self.now.instant;
        let target = self.targets.target(address);
        let record = self.records.of(address);
        let hold = self.holds.get(&address);
        let standing = self.standing(address, member);
        let retry = self.workers.get(&address).and_then(|worker| worker.retry);
        let unchecked = self.local_faults.of(address).map(|(service, cause)| {
            let service = service_of(&target, service).to_string();
            (service, cause.to_string())
        });
        BackendView {
            listed: Listed {
                changed: self.listed_since(member),
                ..member.listed.clone()
            },
            is_ours: member.is_ours(),
            by: made_by(member, record),
            drain: drain(member),
            currency: self.currency(),
            verdict: self.verdict_view(compared, &target, member),
            standing,
            stands_for: record.and_then(|record| record.stands_for(standing, now)),
            unsteady_for: unsteady_for(member, now),
            cause: cause(compared, &target, member, standing),
            checks: self.checks(address),
            retry: retry.map(|retry| RetryView {
                service: service_of(&target, retry.service).to_string(),
                failed: retry.failed,
                left: retry.left,
            }),
            unchecked: unchecked.collect(),
            hold: hold.cloned(),
            wanted: self.wanted_view(compared, out_of_rotation, address),
            polls: self.polls(address),
            services: self.service_views(&target, record, address),
            changes: record.map_or(Vec::new(), |record| changes(record, now)),
            unwell: record.map_or(Vec::new(), |record| record.unwell(now)),
            day: self.records.day(address, now),
            name: target.and_then(|target| target.tls_name),
        }
    }

    fn verdict_view(
        &self,
        compared: &Compared<'_>,
        target: &Option<Target>,
        member: &Member,
    ) -> Option<(String, Option<Duration>)> {
        let evidence = &member.evidence;
        let (verdict, since) = match (evidence.verdict()?, compared.failed_for(member)) {
            (Verdict::Healthy(pass), _) => (pass.to_string(), evidence.healthy_since()),
            (Verdict::Failed { .. }, failed_for) => {
                let (service, failure) = failed_for?;
                let text = format!("failed: {}", of_service(target, member, service, failure));
                (text, evidence.failed_since())
            }
        };
        let lasts = since.map(|since| self.now.instant.saturating_duration_since(since));
        Some((verdict, lasts))
    }

    fn checks(&self, address: IpAddr) -> Checks {
        let worker = match self.workers.get(&address) {
            Some(worker) => worker,
            None if self.targets.target(address).is_none() => return Checks::LeftAlone,
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

    fn wanted_view(
        &self,
        compared: &Compared<'_>,
        out_of_rotation: &[(IpAddr, &Tag)],
        address: IpAddr,
    ) -> Option<WantedView> {
        let explanation = explain(compared, address, self.now.instant)?;
        let until = explanation.hold().and_then(|hold| hold.until);
        let out_of_rotation = match explanation.hold().map(|hold| &hold.reason) {
            Some(Reason::NoRefuge(tag)) => taking_users_of(tag, out_of_rotation.iter().copied()),
            _ => Vec::new(),
        };
        Some(WantedView {
            hold_ends: until.map(|until| self.until(until)),
            out_of_rotation,
            explanation,
        })
    }

    fn service_views(
        &self,
        target: &Option<Target>,
        record: Option<&Record>,
        address: IpAddr,
    ) -> Vec<ServiceView> {
        let services = match target {
            Some(target) if self.records.keeps_services() => &*target.services,
            _ => return Vec::new(),
        };
        let none = Attempts::default();
        let views = services.iter().enumerate().map(|(place, service)| {
            let attempts = record.and_then(|record| record.attempts(place));
            let mut unchecked = self.local_faults.of(address);
            let unchecked = unchecked.find(|(of, _)| *of == place);
            let unchecked = unchecked.map(|(_, cause)| cause.to_string());
            self.service_view(service.to_string(), unchecked, attempts.unwrap_or(&none))
        });
        views.collect()
    }

    fn service_view(
        &self,
        service: String,
        unchecked: Option<String>,
        attempts: &Attempts,
    ) -> ServiceView {
        let whole = |outcome: &Arc<Outcome>| WholeAttempt {
            ago: self.now.instant.saturating_duration_since(outcome.began),
            outcome: Arc::clone(outcome),
        };
        let latencies = attempts.median_and_worst();
        ServiceView {
            service,
            unchecked,
            recent: attempts.recent(),
            latency: attempts.latency(),
            median: latencies.map(|(median, _)| median),
            worst: latencies.map(|(_, worst)| worst),
            passes: attempts.passes(),
            failures: attempts.failures(),
            tried_for: attempts
                .first()
                .map(|first| self.now.instant.saturating_duration_since(first)),
            failure: attempts.last_failure().map(whole),
            pass: attempts.last_pass().map(whole),
        }
    }

    /// Not one that was healthy and of which nothing can be found out from here any more.
    pub(super) fn is_known_healthy(&self, address: IpAddr, member: &Member) -> bool {
        matches!(member.evidence.verdict(), Some(Verdict::Healthy(_)))
            && self.standing(address, member) != Standing::Unknown
    }

    /// How it stands, in one word.
    fn standing(&self, address: IpAddr, member: &Member) -> Standing {
        let target = match self.targets.target(address) {
            Some(target) => target,
            None => return Standing::NotChecked,
        };
        let evidence = &member.evidence;
        let is_blind = self.local_faults.of(address).count() >= target.services.len();
        let is_failing = !evidence.failing().is_empty();
        match evidence.verdict() {
            Some(Verdict::Failed { .. }) => Standing::Failed,
            _ if is_failing => Standing::Doubtful,
            _ if is_blind => Standing::Unknown,
            Some(Verdict::Healthy(_)) => Standing::Healthy,
            None => Standing::Unknown,
        }
    }

    /// Remembers since when it stands as it does now.
    pub(super) fn note_standing(&mut self, address: IpAddr, since: Instant) {
        if let Some(member) = self.backends.member(address) {
            let standing = self.standing(address, member);
            self.records.on_standing(address, standing, since);
        }
    }

    /// Remembers why a change is wanted, for when the list shows it.
    pub(super) fn note_reason(&mut self, address: IpAddr, action: Action) {
        let to = match action {
            Action::MarkDown => HostState::Down,
            Action::MarkUp => HostState::Up,
            Action::Drain => return,
        };
        let target = self.targets.target(address);
        let member = match self.backends.member(address) {
            Some(member) => member,
            None => return,
        };
        let failed_for = self.backends.compared().failed_for(member);
        let reason = match (member.evidence.verdict(), failed_for) {
            (_, Some((service, failure))) if to == HostState::Down => {
                of_service(&target, member, service, failure)
            }
            // Only shared faults speak against it.
            (Some(Verdict::Failed { .. }), _) => "it gets as far as the others".to_owned(),
            (Some(Verdict::Healthy(pass)), _) => pass.to_string(),
            (None, _) => return,
        };
        self.records.on_decided(address, to, reason.into());
    }
}

/// Those of these backends whose tags say that they could take the users of this one.
pub(super) fn taking_users_of<'a>(
    tag: &Tag,
    backends: impl Iterator<Item = (IpAddr, &'a Tag)>,
) -> Vec<IpAddr> {
    let taking = backends.filter(|(_, of)| of.takes_users_of(tag));
    taking.map(|(address, _)| address).collect()
}

/// A failure with the name of its service, if its place still says which that is.
pub(super) fn of_service(
    target: &Option<Target>,
    member: &Member,
    service: usize,
    failure: &Failure,
) -> String {
    let service = match member.evidence.age() {
        Age::OfTheseServices => service_of(target, service),
        Age::OfFormerServices => &FORMER_SERVICE,
    };
    format!("{service} {failure}")
}

fn made_by(member: &Member, record: Option<&Record>) -> By {
    if member.is_ours() {
        return By::Us;
    }
    let last = record.and_then(|record| record.changes.last_by());
    last.unwrap_or(By::Unknown)
}

fn drain(member: &Member) -> DrainView {
    if member.pending_drain.is_some() {
        DrainView::Owed
    } else if member.is_drained() {
        DrainView::Done
    } else {
        DrainView::None
    }
}

fn cause(
    compared: &Compared<'_>,
    target: &Option<Target>,
    member: &Member,
    standing: Standing,
) -> String {
    let failed_for = compared.failed_for(member);
    match (standing, failed_for, member.evidence.failing().first()) {
        (Standing::Failed, Some((service, failure)), _) => {
            of_service(target, member, service, failure)
        }
        (Standing::Doubtful, _, Some(failing)) => {
            of_service(target, member, failing.service, &failing.failure)
        }
        (Standing::NotChecked, ..) => "the accounts file does not name it".to_owned(),
        _ => String::new(),
    }
}

/// How long a backend that has gone down again and again is still left down at least.
fn unsteady_for(member: &Member, now: Instant) -> Option<Duration> {
    let left = member.unsteady_until(now)?.saturating_duration_since(now);
    (left > Duration::ZERO).then_some(left)
}

fn changes(record: &Record, now: Instant) -> Vec<ListChangeView> {
    let changes = record.changes.of_the_day(now).map(|change| ListChangeView {
        ago: now.saturating_duration_since(change.at),
        to: change.to,
        by: change.by,
        reason: change.reason.clone(),
    });
    changes.collect()
}
