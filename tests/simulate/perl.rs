//! poolmon 0.7 as a model: one scan after the other, edges, no refuge, no hold.
//!
//! A scan waits for its slowest backend. Each backend's process compares its result with the list
//! that the scan began with.

use std::collections::BTreeMap;
use std::time::Duration;

use poolmon::backend::HostState;

use crate::ring::Kind;

const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);

pub struct Perl {
    pub interval: Duration,
    pub timeout: Duration,
    /// Of those that were listed when the scan began.
    states: BTreeMap<usize, HostState>,
    unfinished: usize,
    /// The command of each backend that is not answered.
    sent: BTreeMap<usize, Kind>,
}

/// Which attempt on which service, and whether one has failed for good.
#[derive(Clone, Copy, Debug, Default)]
pub struct Try {
    pub service: usize,
    failures: u32,
    has_failed: bool,
}

impl Try {
    /// The next attempt and the pause before it, or whether the backend is healthy. poolmon goes on
    /// to the next port when one has failed for good.
    pub fn next(mut self, passed: bool, services: usize) -> Result<(Duration, Try), bool> {
        if !passed {
            self.failures += 1;
            match self.failures {
                1 => return Ok((FIRST_PAUSE, self)),
                2..=ATTEMPTS if self.failures < ATTEMPTS => return Ok((PAUSE, self)),
                _ => self.has_failed = true,
            }
        }
        self.failures = 0;
        self.service += 1;
        if self.service == services {
            return Err(!self.has_failed);
        }
        Ok((Duration::ZERO, self))
    }
}

impl Perl {
    pub fn new(interval: Duration, timeout: Duration) -> Perl {
        Perl {
            interval,
            timeout,
            states: BTreeMap::new(),
            unfinished: 0,
            sent: BTreeMap::new(),
        }
    }

    pub fn start_scan(&mut self, states: BTreeMap<usize, HostState>) {
        self.unfinished = states.len();
        self.sent.clear();
        self.states = states;
    }

    pub fn judge(&mut self, backend: usize, healthy: bool) -> Option<Kind> {
        let kind = match (healthy, *self.states.get(&backend)?) {
            (true, HostState::Down) => Kind::State(HostState::Up),
            (false, HostState::Up) => Kind::State(HostState::Down),
            _ => return None,
        };
        self.sent.insert(backend, kind);
        Some(kind)
    }

    pub fn after_answer(&mut self, backend: usize, done: bool) -> Option<Kind> {
        let next = match (self.sent.remove(&backend), done) {
            (Some(Kind::State(HostState::Down)), true) => Some(Kind::Flush),
            _ => None,
        };
        self.sent.extend(next.map(|kind| (backend, kind)));
        next
    }

    /// Whether the whole scan has ended.
    pub fn finish_one(&mut self) -> bool {
        self.unfinished -= 1;
        self.unfinished == 0
    }
}
