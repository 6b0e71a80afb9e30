//! What a monitor of ours can know, kept apart from its own bookkeeping so that this can be judged.

use std::collections::BTreeMap;
use std::time::Instant;

use poolmon::backend::HostState;
use poolmon::monitor::policy::Action;
use poolmon::outcome::{Blame, Outcome};
use poolmon::schedule::{Finding, Verdict};

use crate::history::Row;
use crate::ring::Entry;

/// More rounds than can pass elsewhere between the first failure and the latest that decides.
const ROUNDS_KEPT: usize = 200;

#[derive(Clone, Debug)]
pub struct Evidence {
    pub list: Vec<Row>,
    pub ring_synced: bool,
    backends: Vec<Seen>,
    unanswered: Vec<(u64, usize, Action)>,
    /// Commands that are not answered, for backends that have left the list or were sent something else since.
    not_awaited: Vec<(u64, Action)>,
    /// Commands answered since the last list was asked for, and when.
    unlisted: Vec<(Instant, usize, Action)>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// By service, while its latest attempt failed so.
    own: BTreeMap<usize, Series>,
    shared: Series,
    /// Rounds without a fault of the backend's own: when each began and ended, the last few.
    sound: Vec<(Instant, Instant)>,
}

/// Failures by faults of one blame.
#[derive(Clone, Copy, Debug, Default)]
struct Series {
    first: Option<Instant>,
    latest: Option<Instant>,
}

impl Series {
    fn on_failure(&mut self, outcome: &Outcome) {
        self.first.get_or_insert(outcome.ended());
        self.latest = Some(outcome.began);
    }
}

impl Evidence {
    pub fn new(backends: usize) -> Evidence {
        Evidence {
            list: Vec::new(),
            ring_synced: false,
            backends: vec![Seen::default(); backends],
            unanswered: Vec::new(),
            not_awaited: Vec::new(),
            unlisted: Vec::new(),
        }
    }

    pub fn on_lists(&mut self, lists: Option<(Vec<Row>, bool)>, began: Instant) {
        match lists {
            Some((list, synced)) => {
                self.list = list;
                self.ring_synced = synced;
                self.unlisted.retain(|(answered, ..)| *answered > began);
                self.forget_those_that_left();
            }
            None => self.ring_synced = false,
        }
    }

    /// One that comes back is another to the monitor, and to its director.
    fn forget_those_that_left(&mut self) {
        let list = &self.list;
        let is_listed = |backend: usize| list.iter().any(|row| row.backend == backend);
        let left = self.unanswered.iter();
        let left = left.filter(|(_, backend, _)| !is_listed(*backend));
        self.not_awaited
            .extend(left.map(|(number, _, action)| (*number, *action)));
        self.unanswered
            .retain(|(_, backend, _)| is_listed(*backend));
        self.unlisted.retain(|(_, backend, _)| is_listed(*backend));
        for (backend, seen) in self.backends.iter_mut().enumerate() {
            if !is_listed(backend) {
                *seen = Seen::default();
            }
        }
    }

    /// A drain that is under way is not awaited any more.
    pub fn on_sent(&mut self, number: u64, backend: usize, action: Action) {
        let is_overtaken =
            |(_, of, sent): &(u64, usize, Action)| (*of, *sent) == (backend, Action::Drain);
        let overtaken = self.unanswered.iter().filter(|sent| is_overtaken(sent));
        self.not_awaited
            .extend(overtaken.map(|(number, _, action)| (*number, *action)));
        self.unanswered.retain(|sent| !is_overtaken(sent));
        self.unanswered.push((number, backend, action));
    }

    pub fn on_answered(&mut self, number: u64, backend: usize, now: Instant) -> Option<Action> {
        if let Some(place) = self
            .not_awaited
            .iter()
            .position(|(sent, _)| *sent == number)
        {
            return Some(self.not_awaited.remove(place).1);
        }
        let place = self
            .unanswered
            .iter()
            .position(|(sent, ..)| *sent == number)?;
        let (_, _, action) = self.unanswered.remove(place);
        self.unlisted.push((now, backend, action));
        Some(action)
    }

    /// The commands that an action has to wait for: a change of state does not wait for a drain.
    pub fn in_flight(&self, backend: usize, action: Action) -> usize {
        let is_awaited = |sent: Action| action == Action::Drain || sent != Action::Drain;
        let for_it = |(_, of, sent): &&(u64, usize, Action)| *of == backend && is_awaited(*sent);
        self.unanswered.iter().filter(for_it).count()
    }

    /// Whether no list has shown yet what the last command came to.
    pub fn is_unlisted(&self, backend: usize) -> bool {
        self.unlisted.iter().any(|(_, sent, _)| *sent == backend)
    }

    pub fn going_down(&self) -> Vec<usize> {
        let unanswered = self
            .unanswered
            .iter()
            .map(|(_, backend, action)| (backend, action));
        let unlisted = self
            .unlisted
            .iter()
            .map(|(_, backend, action)| (backend, action));
        let downs = unanswered
            .chain(unlisted)
            .filter(|(_, action)| **action == Action::MarkDown);
        downs.map(|(backend, _)| *backend).collect()
    }

    pub fn on_finding(&mut self, backend: usize, finding: &Finding) {
        let seen = &mut self.backends[backend];
        let own = seen.own.entry(finding.service);
        match finding.outcome.result.as_ref().map_err(|f| f.fault.blame()) {
            Err(Blame::Local) => {}
            Err(Blame::Service) => own.or_default().on_failure(&finding.outcome),
            Err(Blame::Shared) => {
                seen.own.remove(&finding.service);
                seen.shared.on_failure(&finding.outcome);
            }
            Ok(_) => {
                seen.own.remove(&finding.service);
            }
        }
        match finding.verdict.as_ref().map(Verdict::blame) {
            None | Some(Some(Blame::Service)) => return,
            Some(None) => {
                seen.own.clear();
                seen.shared = Series::default();
            }
            // A service that is tried again in the next round has not failed yet.
            Some(Some(_)) if !seen.own.is_empty() => return,
            Some(Some(_)) => {}
        }
        let round = (finding.round_began, finding.outcome.ended());
        seen.sound.push(round);
        if seen.sound.len() > ROUNDS_KEPT {
            seen.sound.remove(0);
        }
    }

    /// A backend of the tag, listed up, that may have users, has had a sound round between this one's
    /// first failure and its latest, and has not failed by a fault of its own since.
    pub fn has_refuge(&self, backend: usize, entries: &[Entry]) -> bool {
        let failed = &self.backends[backend];
        let within = |series: Series, (began, ended): (Instant, Instant)| match series {
            Series {
                first: Some(first),
                latest: Some(latest),
            } => began >= first && ended <= latest,
            _ => false,
        };
        self.list.iter().any(|row| {
            let other = row.backend;
            let seen = &self.backends[other];
            other != backend
                && row.state == HostState::Up
                && entries[other].tag == entries[backend].tag
                && entries[other].vhosts > 0
                && seen.own.is_empty()
                && seen.sound.iter().any(|round| {
                    let mut series = failed.own.values().chain([&failed.shared]);
                    series.any(|series| within(*series, *round))
                })
        })
    }
}
