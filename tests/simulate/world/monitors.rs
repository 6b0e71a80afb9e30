//! Between the monitors of ours and the world: their orders, and what comes of them.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use poolmon::backend::{HostState, Listed};
use poolmon::monitor::policy::Action;
use poolmon::outcome::Outcome;
use poolmon::pool::{Command as Sent, Effect, Readiness};

use super::queue::Event;
use super::{number_of, Disturbance, Life, Mind, Mishap, Moment, Watcher, World};
use super::{FROZEN_POLL, LISTS_DEADLINE, LOCAL_CALL};
use crate::evidence::Evidence;
use crate::history::{By, Known, Record, Row, What};
use crate::monitor::{Heard, Monitor, Order, Reload, Said};
use crate::ring::{Command, Condition, Kind};

impl World {
    pub(super) fn on_life(&mut self, watcher: usize, life: Life) {
        let now = self.now;
        let (services, seed) = (self.services, self.chance.roll());
        let here = &mut self.watchers[watcher];
        if life == Life::Resume && here.runs {
            return;
        }
        if life == Life::Stop {
            self.stop(watcher);
        }
        let here = &mut self.watchers[watcher];
        here.runs = life.runs();
        let clock = self.ring.clock(here.director);
        here.life += 1;
        let alive = here.life;
        match &mut here.mind {
            Mind::Ours {
                habits,
                state_file,
                running,
                evidence,
            } => {
                if let Some(ended) = running.take() {
                    *state_file = ended.state_file().clone();
                    self.reached_before.add(&ended.reached);
                }
                if life == Life::StartWithoutStateFile {
                    state_file.clear();
                }
                **evidence = Evidence::new(self.backends.len());
                if life.runs() {
                    here.services = habits.checked.of(services);
                    let habits = **habits;
                    self.history.records.push(Record {
                        at: now,
                        what: What::Uses { watcher, habits },
                    });
                    let state_file = state_file.clone();
                    let logins = &self.logins;
                    let at = (clock, seed, now);
                    let mut monitor =
                        Monitor::new(habits, services, logins, state_file, here.at_once, at);
                    monitor.on_disk(here.disk, now);
                    monitor.on_threads(here.threads);
                    monitor.on_spare(here.spare);
                    monitor.on_spare_for_scripts(here.spare_for_scripts);
                    *running = Some(Box::new(monitor));
                }
            }
            Mind::Perl(_) => {
                if life.runs() {
                    self.after(
                        Duration::ZERO,
                        Event::Scan {
                            watcher,
                            life: alive,
                        },
                    );
                }
            }
        }
        self.note(What::Runs {
            watcher,
            running: life.runs(),
        });
        self.tell(watcher, alive, |_| {});
    }

    /// It is told to end. What it has not written by then is lost.
    fn stop(&mut self, watcher: usize) {
        let (life, now) = (self.watchers[watcher].life, self.now);
        self.tell(watcher, life, |ours| ours.on_stop(now));
        if let Some(ours) = self.monitor(watcher) {
            assert!(ours.has_ended(), "w{watcher} was told to stop");
        }
    }

    /// The operator writes settings that last, whether or not the monitor runs.
    pub(super) fn write_settings(&mut self, watcher: usize, reload: Reload) {
        if let (Mind::Ours { habits, .. }, Reload::Habits(others)) =
            (&mut self.watchers[watcher].mind, reload)
        {
            **habits = others;
        }
    }

    /// An event for a monitor of ours that still lives, and what it orders then.
    pub(super) fn tell(&mut self, watcher: usize, life: u32, event: impl FnOnce(&mut Monitor)) {
        let now = self.now;
        let here = &mut self.watchers[watcher];
        let orders = match &mut here.mind {
            Mind::Ours {
                running: Some(ours),
                ..
            } if here.life == life => {
                event(ours);
                ours.turn(now)
            }
            _ => return,
        };
        for order in orders {
            self.obey(watcher, life, order);
        }
    }

    pub(super) fn obey(&mut self, watcher: usize, life: u32, order: Order) {
        let now = self.now;
        if self.watchers[watcher].life != life {
            return;
        }
        match order {
            Order::ReadLists { connection } => self.after(
                LOCAL_CALL,
                Event::Lists {
                    watcher,
                    life,
                    connection,
                    began: now,
                },
            ),
            Order::WakeReader {
                connection,
                pause,
                at,
            } => self.at(
                at,
                Event::ReaderWakes {
                    watcher,
                    life,
                    connection,
                    pause,
                },
            ),
            Order::WakeDisk(at) => self.at(at, Event::DiskWakes { watcher, life }),
            Order::Use(habits) => {
                self.watchers[watcher].services = habits.checked.of(self.services);
                self.note(What::Uses { watcher, habits });
                self.note_views();
            }
            Order::Timer(at) => self.at(at, Event::Timer { watcher, life }),
            Order::WakeWorker {
                address,
                worker,
                at,
            } => self.at(
                at,
                Event::Wake {
                    watcher,
                    life,
                    address,
                    worker,
                },
            ),
            Order::Attempt {
                address,
                worker,
                service,
                timeout,
                depth,
            } => {
                let outcome = self.attempt(watcher, number_of(address), service, (timeout, depth));
                let ended = outcome.ended();
                self.at(
                    ended,
                    Event::Attempted {
                        watcher,
                        life,
                        address,
                        worker,
                        outcome,
                    },
                );
            }
            Order::Send {
                number,
                command,
                patience,
            } => {
                let backend = number_of(command.address());
                let action = match command.effect() {
                    Effect::State(HostState::Down) | Effect::Weight(0) => Action::MarkDown,
                    Effect::State(HostState::Up) | Effect::Weight(_) => Action::MarkUp,
                    Effect::UsersMoved | Effect::UsersForgotten => Action::Drain,
                };
                let change = match command {
                    Sent::Director(change) => change,
                    Sent::HaProxy(change) => panic!("{change} to a director"),
                };
                let kind = self.ring.kind_of(&change);
                if self.dies_now(watcher, Moment::Recorded) {
                    return;
                }
                self.note_sent(watcher, number, backend, action);
                let (after, said) = match (self.befall(watcher, backend), kind) {
                    (Some(refusal), _) => (LOCAL_CALL, refusal),
                    (None, Some(kind)) => {
                        self.send(watcher, number, backend, kind);
                        (patience, Said::Nothing)
                    }
                    (None, None) => (LOCAL_CALL, Said::Closed),
                };
                self.dies_now(watcher, Moment::Sent);
                self.after(
                    after,
                    Event::Answered {
                        watcher,
                        life,
                        number,
                        backend,
                        said,
                    },
                );
            }
        }
    }

    /// What was to befall the next command befalls this one. Returns what the director says to it, if that is no
    /// longer its own to say.
    fn befall(&mut self, watcher: usize, backend: usize) -> Option<Said> {
        let mishap = self.watchers[watcher].mishap?;
        self.on_disturbance(Disturbance::Befell(watcher, mishap));
        let director = self.watchers[watcher].director;
        let (begins, lasts, ends) = match mishap {
            Mishap::TryAgain => return Some(Said::TryAgain),
            Mishap::Refused => return Some(Said::Refused),
            Mishap::BackendLeaves => (
                Disturbance::Listed(backend, false),
                Duration::from_secs(60),
                Disturbance::Listed(backend, true),
            ),
            Mishap::DirectorDies => (
                Disturbance::Director(director, Condition::Dead),
                Duration::from_secs(20),
                Disturbance::Director(director, Condition::Running),
            ),
        };
        self.on_disturbance(begins);
        self.after(lasts, Event::Disturb(ends));
        None
    }

    /// Whether it was to be killed at this moment, which is done then.
    pub(super) fn dies_now(&mut self, watcher: usize, moment: Moment) -> bool {
        let death = match self.watchers[watcher].dies_at {
            Some(death) if death.moment == moment => death,
            _ => return false,
        };
        self.watchers[watcher].dies_at = None;
        self.on_disturbance(Disturbance::Watcher(watcher, Life::Crash));
        if death.returns {
            let start = Disturbance::Watcher(watcher, Life::Resume);
            self.after(Duration::from_secs(5), Event::Disturb(start));
        }
        true
    }

    pub(super) fn send(&mut self, watcher: usize, number: u64, backend: usize, kind: Kind) {
        let Watcher { director, life, .. } = self.watchers[watcher];
        let command = Command {
            by: By::Watcher(watcher),
            life,
            number,
            backend,
            kind,
        };
        self.after(LOCAL_CALL, Event::Arrives { director, command });
    }

    pub(super) fn note_sent(
        &mut self,
        watcher: usize,
        number: u64,
        backend: usize,
        action: Action,
    ) {
        let evidence = match &mut self.watchers[watcher].mind {
            Mind::Ours { evidence, .. } => evidence,
            Mind::Perl(_) => return,
        };
        let entries = self.ring.entries();
        let known = Known {
            list: evidence.list.clone(),
            ring_synced: evidence.ring_synced,
            refuge: evidence.has_refuge(backend, entries),
            in_flight: evidence.in_flight(backend, action),
            unlisted: evidence.is_unlisted(backend),
            going_down: evidence.going_down(),
        };
        evidence.on_sent(number, backend, action);
        self.note(What::Sent {
            watcher,
            backend,
            action,
            known,
        });
    }

    pub(super) fn on_attempted(
        &mut self,
        watcher: usize,
        life: u32,
        address: IpAddr,
        worker: u64,
        outcome: Outcome,
    ) {
        let now = self.now;
        let here = &mut self.watchers[watcher];
        let orders = match &mut here.mind {
            Mind::Ours {
                running: Some(ours),
                evidence,
                ..
            } if here.life == life => {
                let backend = number_of(address);
                if let Some(finding) = ours.on_outcome(address, worker, outcome, now) {
                    evidence.on_finding(backend, &finding);
                }
                ours.turn(now)
            }
            _ => return,
        };
        for order in orders {
            self.obey(watcher, life, order);
        }
    }

    pub(super) fn on_lists(&mut self, watcher: usize, life: u32, connection: u64, began: Instant) {
        let now = self.now;
        let here = &mut self.watchers[watcher];
        if here.life != life {
            return;
        }
        let director = here.director;
        let heard = match self.ring.condition(director) {
            Condition::Running => {
                let ring = self.ring.director_list(director, now);
                Heard::Lists(self.ring.host_list(director), ring)
            }
            Condition::Frozen if now < began + LISTS_DEADLINE => {
                return self.after(
                    FROZEN_POLL,
                    Event::Lists {
                        watcher,
                        life,
                        connection,
                        began,
                    },
                );
            }
            Condition::Frozen => Heard::TimedOut,
            Condition::Dead => Heard::Gone,
        };
        if let Mind::Ours {
            evidence,
            running: Some(ours),
            ..
        } = &mut here.mind
        {
            if !ours.reads_over(connection) {
                return;
            }
            evidence.on_lists(rows(&heard), began);
        }
        self.tell(watcher, life, |ours| {
            ours.on_heard(connection, heard, began, now);
        });
    }

    pub(super) fn on_answered(
        &mut self,
        watcher: usize,
        life: u32,
        number: u64,
        backend: usize,
        said: Said,
    ) {
        let now = self.now;
        let done = said == Said::Ok;
        let here = &mut self.watchers[watcher];
        if here.life != life || self.dies_now(watcher, Moment::Answered) {
            return;
        }
        match &mut self.watchers[watcher].mind {
            Mind::Ours { evidence, .. } => {
                let action = match evidence.on_answered(number, backend, now) {
                    Some(action) => action,
                    None => return,
                };
                self.note(What::Answered {
                    watcher,
                    backend,
                    action,
                    done,
                });
                self.tell(watcher, life, |ours| ours.on_answer(number, said, now));
            }
            Mind::Perl(perl) => {
                if let Some(kind) = perl.after_answer(backend, done) {
                    self.send(watcher, 0, backend, kind);
                } else {
                    self.finish_perl(watcher);
                }
            }
        }
    }
}

fn rows(heard: &Heard) -> Option<(Vec<Row>, bool)> {
    let (hosts, ring) = match heard {
        Heard::Lists(hosts, ring) => (hosts, ring),
        Heard::HaProxy(_) | Heard::TimedOut | Heard::Gone => return None,
    };
    let row = |listed: &Listed| Row {
        backend: number_of(listed.address),
        state: listed.state,
    };
    // An old director tells no status, and that holds nothing back.
    let synced = matches!(ring.readiness(), Readiness::Synced | Readiness::NotTold);
    Some((hosts.backends.iter().map(row).collect(), synced))
}
