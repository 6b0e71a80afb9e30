//! Between the poolmons and the world.

use std::collections::BTreeMap;

use poolmon::backend::HostState;
use poolmon::schedule::Depth;

use super::queue::Event;
use super::{number_of, Mind, World, FROZEN_POLL};
use crate::perl::Try;
use crate::ring::Condition;

impl World {
    pub(super) fn on_scan(&mut self, watcher: usize, life: u32) {
        let here = &mut self.watchers[watcher];
        if here.life != life {
            return;
        }
        let perl = match &mut here.mind {
            Mind::Perl(perl) => perl,
            Mind::Ours { .. } => return,
        };
        match self.ring.condition(here.director) {
            Condition::Frozen => self.after(FROZEN_POLL, Event::Scan { watcher, life }),
            Condition::Dead => {
                let interval = perl.interval;
                self.after(interval, Event::Scan { watcher, life });
            }
            Condition::Running => {
                let listed = self.ring.list(here.director).into_iter();
                let states: BTreeMap<usize, HostState> = listed
                    .map(|listed| (number_of(listed.address), listed.state))
                    .collect();
                let backends: Vec<usize> = states.keys().copied().collect();
                perl.start_scan(states);
                for backend in backends {
                    self.try_once(watcher, backend, Try::default());
                }
            }
        }
    }

    pub(super) fn try_once(&mut self, watcher: usize, backend: usize, attempt: Try) {
        let life = self.watchers[watcher].life;
        let timeout = match &self.watchers[watcher].mind {
            Mind::Perl(perl) => perl.timeout,
            Mind::Ours { .. } => return,
        };
        let outcome = self.attempt(watcher, backend, attempt.service, (timeout, Depth::Whole));
        let passed = outcome.result.is_ok();
        self.at(
            outcome.ended(),
            Event::Tried {
                watcher,
                life,
                backend,
                attempt,
                passed,
            },
        );
    }

    pub(super) fn on_tried(
        &mut self,
        watcher: usize,
        life: u32,
        backend: usize,
        attempt: Try,
        passed: bool,
    ) {
        let services = self.services;
        let here = &mut self.watchers[watcher];
        let perl = match &mut here.mind {
            Mind::Perl(perl) if here.life == life => perl,
            _ => return,
        };
        match attempt.next(passed, services) {
            Ok((pause, attempt)) => self.after(
                pause,
                Event::Retry {
                    watcher,
                    life,
                    backend,
                    attempt,
                },
            ),
            Err(healthy) => match perl.judge(backend, healthy) {
                Some(kind) => self.send(watcher, 0, backend, kind),
                None => self.finish_perl(watcher),
            },
        }
    }

    pub(super) fn finish_perl(&mut self, watcher: usize) {
        let here = &mut self.watchers[watcher];
        let life = here.life;
        if let Mind::Perl(perl) = &mut here.mind {
            if perl.finish_one() {
                let interval = perl.interval;
                self.after(interval, Event::Scan { watcher, life });
            }
        }
    }
}
