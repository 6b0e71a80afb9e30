//! What happened in a world, in order: the properties are judged by this alone.

use std::fmt;
use std::time::{Duration, Instant};

use poolmon::backend::HostState;
use poolmon::monitor::policy::Action;

use crate::monitor::Habits;
use crate::world::Disturbance;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Watcher(usize),
    Admin,
    /// A director that started lists all backends up.
    Restart,
    /// A backend that is put on the lists again is up.
    Listing,
}

#[derive(Clone, Debug)]
pub enum What {
    Disturbed(Disturbance),
    /// A monitor of ours sends a changing command.
    Sent {
        watcher: usize,
        backend: usize,
        action: Action,
        /// What it knew when it decided.
        known: Known,
    },
    Answered {
        watcher: usize,
        backend: usize,
        action: Action,
        done: bool,
    },
    /// A director carried out a change of state; the others of the ring hear of it.
    Changed {
        backend: usize,
        to: HostState,
        by: By,
    },
    /// A director's list shows another state.
    Listed {
        director: usize,
        backend: usize,
        state: HostState,
    },
    Users {
        backend: usize,
        left: u64,
    },
    /// A drain was answered with `OK` by a director in an unsynced ring.
    FalseDrain {
        watcher: usize,
    },
    /// What a director's own line of DIRECTOR-LIST says; not while it does not answer.
    Ring {
        director: usize,
        synced: bool,
    },
    /// Whether a backend passes at a watcher that probes it now.
    Sees {
        watcher: usize,
        backend: usize,
        sight: Sight,
    },
    Runs {
        watcher: usize,
        running: bool,
    },
    /// A watcher tries a backend again and again without a pause.
    Hurried {
        watcher: usize,
        backend: usize,
    },
    /// A monitor of ours has these settings from now on.
    Uses {
        watcher: usize,
        habits: Habits,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Passes,
    Fails,
    /// Some attempts are lost, others not.
    Wavers,
}

/// The list that a monitor read last, and its probes, when it sent a command.
#[derive(Clone, Debug)]
pub struct Known {
    pub list: Vec<Row>,
    pub ring_synced: bool,
    /// Another backend of the tag, listed up, has passed a whole round begun after this one's first
    /// failure and ended before its latest.
    pub refuge: bool,
    /// Commands of this monitor for this backend that have to be answered before: for a change of state no drain.
    pub in_flight: usize,
    /// No list asked for since has shown what its last command for this backend came to.
    pub unlisted: bool,
    /// HOST-DOWNs of this monitor for backends of the tag that are not answered or not listed yet.
    pub going_down: Vec<usize>,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub backend: usize,
    pub state: HostState,
}

#[derive(Clone, Debug)]
pub struct Record {
    pub at: Instant,
    pub what: What,
}

#[derive(Clone, Debug)]
pub struct History {
    pub start: Instant,
    pub end: Instant,
    pub records: Vec<Record>,
}

impl History {
    pub fn new(start: Instant) -> History {
        History {
            start,
            end: start,
            records: Vec::new(),
        }
    }

    /// Changes of a backend's state by command, and by directors that started.
    pub fn changes(&self, backend: usize) -> Vec<(Duration, HostState, By)> {
        let of_it = |record: &Record| match record.what {
            What::Changed {
                backend: changed,
                to,
                by,
            } if changed == backend => Some((record.at - self.start, to, by)),
            _ => None,
        };
        self.records.iter().filter_map(of_it).collect()
    }

    /// The times at which a value, told by the records, was so; it is `first` at the start.
    pub fn times<F>(&self, first: bool, value: F) -> Times
    where
        F: Fn(&What) -> Option<bool>,
    {
        let mut spans = Vec::new();
        let mut since = first.then_some(self.start);
        for record in &self.records {
            match (value(&record.what), since) {
                (Some(true), None) => since = Some(record.at),
                (Some(false), Some(began)) => {
                    if began < record.at {
                        spans.push((began, record.at));
                    }
                    since = None;
                }
                _ => {}
            }
        }
        spans.extend(since.map(|began| (began, self.end)));
        Times(spans)
    }

    /// The first lines around a time, for the report of a failure.
    pub fn around(&self, at: Instant, before: Duration, after: Duration) -> String {
        let from = at.checked_sub(before).unwrap_or(at);
        let near = |record: &&Record| record.at >= from && record.at <= at + after;
        let lines: Vec<String> = self
            .records
            .iter()
            .filter(near)
            .map(|record| format!("{:10.3} {}", self.seconds(record.at), record.what))
            .collect();
        lines.join("\n")
    }

    pub fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.start).as_secs_f64()
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Disturbed(disturbance) => write!(f, "** {disturbance:?}"),
            What::Sent {
                watcher,
                backend,
                action,
                ..
            } => write!(f, "w{watcher} sends {action} b{backend}"),
            What::Answered {
                watcher,
                backend,
                action,
                done,
                ..
            } => write!(f, "w{watcher} hears {action} b{backend}: done {done}"),
            What::Changed { backend, to, by } => write!(f, "b{backend} is {to} by {by:?}"),
            What::Listed {
                director,
                backend,
                state,
            } => write!(f, "d{director} lists b{backend} {state}"),
            What::Users { backend, left } => write!(f, "b{backend} has {left} users"),
            What::FalseDrain { watcher } => write!(f, "w{watcher} drained in an unsynced ring"),
            What::Ring { director, synced } => write!(f, "d{director} synced {synced}"),
            What::Sees {
                watcher,
                backend,
                sight,
            } => write!(f, "b{backend} {sight:?} at w{watcher}"),
            What::Runs { watcher, running } => write!(f, "w{watcher} runs {running}"),
            What::Hurried { watcher, backend } => write!(f, "w{watcher} hurries at b{backend}"),
            What::Uses { watcher, habits } => write!(f, "w{watcher} uses {habits:?}"),
        }
    }
}

/// Spans of time, in order, apart from each other.
#[derive(Clone, Debug, Default)]
pub struct Times(pub Vec<(Instant, Instant)>);

impl Times {
    pub fn and(&self, other: &Times) -> Times {
        let mut both = Vec::new();
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            let (from, to) = (a.0.max(b.0), a.1.min(b.1));
            if from < to {
                both.push((from, to));
            }
            if a.1 < b.1 {
                i += 1;
            } else {
                j += 1;
            }
        }
        Times(both)
    }

    /// The parts of the time between `from` and `to` that are not in here.
    pub fn complement(&self, from: Instant, to: Instant) -> Times {
        let mut rest = Vec::new();
        let mut since = from;
        for span in &self.0 {
            if since < span.0.min(to) {
                rest.push((since, span.0.min(to)));
            }
            since = since.max(span.1);
        }
        if since < to {
            rest.push((since, to));
        }
        Times(rest)
    }

    pub fn longest(&self) -> Duration {
        let lengths = self.0.iter().map(|span| span.1 - span.0);
        lengths.max().unwrap_or_default()
    }

    pub fn contains(&self, at: Instant) -> bool {
        self.0.iter().any(|span| span.0 <= at && at < span.1)
    }
}
