//! The samples of those families for which a line in the table is not enough.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::text::Samples;
use super::words;
use crate::report::document::{
    Action, Attempt, Backend, Document, Histogram, Reply, Service, State, Tag, Verdict,
    COMMAND_BOUNDS,
};

pub(super) fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

pub(super) fn each_tag(document: &Document, samples: &mut Samples, value: fn(&Tag) -> f64) {
    for tag in &document.tags {
        samples.add(&[&tag.tag], value(&document.serving(tag)));
    }
}

pub(super) fn each_backend(
    document: &Document,
    samples: &mut Samples,
    value: fn(&Backend) -> Option<f64>,
) {
    for backend in &document.backends {
        if let Some(value) = value(backend) {
            samples.add(&[&backend.address.to_string(), &backend.tag], value);
        }
    }
}

pub(super) fn each_service(
    document: &Document,
    samples: &mut Samples,
    value: fn(&Service) -> Option<f64>,
) {
    for backend in &document.backends {
        let address = backend.address.to_string();
        for service in &backend.services {
            if let Some(value) = value(service) {
                samples.add(&[&address, &backend.tag, &service.service], value);
            }
        }
    }
}

pub(super) fn down(document: &Document, samples: &mut Samples) {
    let is_down = |backend: &&Backend| backend.listed == State::Down;
    for backend in document.backends.iter().filter(is_down) {
        let by = words::by(backend.by);
        samples.add(&[&backend.address.to_string(), &backend.tag, by], 1.0);
    }
}

pub(super) fn verdicts(document: &Document, samples: &mut Samples) {
    const ALL: [Verdict; 5] = [
        Verdict::Healthy,
        Verdict::Doubtful,
        Verdict::Failed,
        Verdict::Unknown,
        Verdict::NotChecked,
    ];
    for backend in &document.backends {
        let address = backend.address.to_string();
        for verdict in ALL {
            let labels = [&address, &backend.tag[..], words::verdict(verdict)];
            samples.add(&labels, truth(verdict == backend.verdict));
        }
    }
}

/// Both directions from the start: a counter that began with its first event would hide that event from
/// `increase()`.
pub(super) fn changes(document: &Document, samples: &mut Samples) {
    let mut counts: BTreeMap<(IpAddr, &str), u64> = BTreeMap::new();
    for row in &document.counters.changes {
        // Under a former tag it was the same backend.
        let count = counts.entry((row.address, words::state(row.to)));
        let count = count.or_default();
        *count = count.saturating_add(row.count);
    }
    for backend in &document.backends {
        let address = backend.address.to_string();
        for to in [State::Down, State::Up].map(words::state) {
            let count = counts.get(&(backend.address, to)).copied();
            let labels = [&address, &backend.tag[..], to];
            samples.add(&labels, count.unwrap_or_default() as f64);
        }
    }
}

pub(super) fn held(document: &Document, samples: &mut Samples) {
    for backend in &document.backends {
        let wanted = match &backend.wanted {
            Some(wanted) => wanted,
            None => continue,
        };
        if let Some(row) = wanted.held_by() {
            let address = backend.address.to_string();
            let action = words::action(wanted.action);
            samples.add(&[&address, &backend.tag, action, &row.rule], 1.0);
        }
    }
}

pub(super) fn deliveries(document: &Document, samples: &mut Samples) {
    for backend in &document.backends {
        let address = backend.address.to_string();
        for service in &backend.services {
            let of_service = |attempt: &&_| {
                let attempt: &Attempt = attempt;
                attempt.service == service.service
            };
            let mut attempts = backend.attempts.iter().rev().filter(of_service);
            if let Some(delivery) = attempts.find_map(|attempt| attempt.delivery) {
                samples.add(&[&address, &backend.tag, &service.service], delivery);
            }
        }
    }
}

const ACTIONS: [Action; 3] = [Action::Down, Action::Drain, Action::Up];

/// All replies from the start, as with changes.
pub(super) fn commands(document: &Document, samples: &mut Samples) {
    const REPLIES: [Reply; 7] = [
        Reply::Ok,
        Reply::NotFound,
        Reply::Busy,
        Reply::SyncTimedOut,
        Reply::TryAgain,
        Reply::Refused,
        Reply::Lost,
    ];
    let rows = &document.counters.commands;
    for action in ACTIONS {
        for reply in REPLIES {
            let of_both = rows
                .iter()
                .filter(|row| row.action == action && row.reply == reply);
            let counts = of_both.map(|row| row.count);
            let count = counts.fold(0, u64::saturating_add);
            let labels = [words::action(action), words::reply(reply)];
            samples.add(&labels, count as f64);
        }
    }
}

pub(super) fn command_durations(document: &Document, samples: &mut Samples) {
    for action in ACTIONS {
        let mut all = Histogram {
            buckets: vec![0; COMMAND_BOUNDS.len()],
            ..Histogram::default()
        };
        let rows = document.counters.commands.iter();
        for row in rows.filter(|row| row.action == action) {
            let of_reply = &row.duration;
            for (sum, count) in all.buckets.iter_mut().zip(&of_reply.buckets) {
                *sum = sum.saturating_add(*count);
            }
            all.count = all.count.saturating_add(of_reply.count);
            all.sum += of_reply.sum;
        }
        samples.add_histogram(&[words::action(action)], &all);
    }
}

pub(super) fn failures(document: &Document, samples: &mut Samples) {
    let mut counts: BTreeMap<[&str; 4], u64> = BTreeMap::new();
    for row in &document.counters.failures {
        // Two stages may have one word.
        let labels = [
            &row.service[..],
            &row.stage,
            &row.fault,
            words::blame(row.blame),
        ];
        let count = counts.entry(labels).or_default();
        *count = count.saturating_add(row.count);
    }
    for (labels, count) in counts {
        samples.add(&labels, count as f64);
    }
}

pub(super) fn alarms(document: &Document, samples: &mut Samples) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for alarm in &document.alarms {
        *counts.entry(&alarm.alarm).or_default() += 1;
    }
    for (alarm, count) in counts {
        samples.add(&[alarm], count as f64);
    }
}
