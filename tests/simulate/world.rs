//! The world in virtual time: one queue of events, no sleeping, no clock.
//!
//! Backends and ways to them, a ring of directors, and watchers: monitors of ours and poolmons.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use poolmon::backend::{HostState, Listed};
use poolmon::director::wire;
use poolmon::outcome::{Failure, Fault, Outcome, Pass, Stage};
use poolmon::policy::{Action, Answer, Memory};

use crate::chance::Chance;
use crate::coordinator::{Coordinator, Habits, Order};
use crate::evidence::Evidence;
use crate::history::{By, History, Known, Record, Row, What};
use crate::perl::{Perl, Try};
use crate::ring::{words, Command, Condition, Entry, Kind, Reply, Ring, Step};

/// A director that runs answers in a millisecond.
const LOCAL_CALL: Duration = Duration::from_millis(1);
const LISTS_DEADLINE: Duration = Duration::from_secs(5);
const CHANGE_PATIENCE: Duration = Duration::from_secs(65);
/// How often a call to a frozen director is looked after.
const FROZEN_POLL: Duration = Duration::from_millis(250);

pub fn address(backend: usize) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, backend as u8).into()
}

pub fn director_address(director: usize) -> IpAddr {
    Ipv4Addr::new(198, 51, 100, director as u8).into()
}

fn number_of(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(address) => usize::from(address.octets()[3]),
        IpAddr::V6(_) => unreachable!("the world's addresses are IPv4"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Healthy,
    Refusing,
    /// Accepts and never answers.
    Frozen,
    /// The last service hangs, the others answer.
    HalfFrozen,
}

/// The way from one watcher to one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Whole,
    Refused,
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    Backend(usize, Health),
    Link(usize, usize, Link),
    /// The watcher's account, authority or test address is refused everywhere, or no longer.
    Account(usize, Account),
    Director(usize, Condition),
    Watcher(usize, Life),
    /// An administrator tells this director about this backend.
    Admin(usize, usize, HostState),
    /// So many drains will leave users.
    Stubborn(usize, u32),
    UserMoved(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    Accepted,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Crash,
    /// Also of one that runs, which is then a restart.
    Start,
    StartWithoutLedger,
    /// Starts where it does not run.
    Resume,
}

#[derive(Debug)]
enum Event {
    Disturb(Disturbance),
    Ring(Step),
    Wake {
        watcher: usize,
        life: u32,
        address: IpAddr,
        worker: u64,
    },
    Attempted {
        watcher: usize,
        life: u32,
        address: IpAddr,
        worker: u64,
        outcome: Outcome,
    },
    Lists {
        watcher: usize,
        life: u32,
        began: Instant,
    },
    Timer {
        watcher: usize,
        life: u32,
    },
    Arrives {
        director: usize,
        command: Command,
    },
    Answered {
        watcher: usize,
        life: u32,
        number: u64,
        backend: usize,
        done: bool,
    },
    Scan {
        watcher: usize,
        life: u32,
    },
    Tried {
        watcher: usize,
        life: u32,
        backend: usize,
        attempt: Try,
        passed: bool,
    },
    Retry {
        watcher: usize,
        life: u32,
        backend: usize,
        attempt: Try,
    },
}

struct Scheduled {
    at: Instant,
    number: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Scheduled) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Scheduled) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest first.
impl Ord for Scheduled {
    fn cmp(&self, other: &Scheduled) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// Who watches, from where.
#[derive(Clone, Debug)]
pub struct Post {
    pub director: usize,
    pub program: Program,
}

#[derive(Clone, Debug)]
pub enum Program {
    Ours(Habits),
    /// poolmon 0.7 at this interval, with this time-out for an attempt.
    Perl {
        interval: Duration,
        timeout: Duration,
    },
}

struct Watcher {
    director: usize,
    life: u32,
    runs: bool,
    links: Vec<Link>,
    account: Account,
    mind: Mind,
}

enum Mind {
    Ours {
        habits: Habits,
        ledger: BTreeMap<IpAddr, Memory>,
        running: Option<Box<Coordinator>>,
        evidence: Evidence,
    },
    Perl(Perl),
}

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Layout {
    pub entries: Vec<Entry>,
    pub services: usize,
    /// By how much each director's clock is ahead.
    pub skews: Vec<Duration>,
    pub hop: Duration,
    pub posts: Vec<Post>,
}

pub struct World {
    pub now: Instant,
    start: Instant,
    queue: BinaryHeap<Scheduled>,
    scheduled: u64,
    chance: Chance,
    services: usize,
    ring: Ring,
    backends: Vec<Health>,
    watchers: Vec<Watcher>,
    sees: Vec<Vec<bool>>,
    pub history: History,
}

impl World {
    pub fn new(layout: &Layout, seed: u64) -> World {
        let start = Instant::now();
        let backends = layout.entries.len();
        let mut chance = Chance::new(seed);
        let ring = Ring::new(layout.entries.clone(), &layout.skews, layout.hop, start);
        let watcher = |post: &Post| Watcher {
            director: post.director,
            life: 0,
            runs: false,
            links: vec![Link::Whole; backends],
            account: Account::Accepted,
            mind: match &post.program {
                Program::Ours(habits) => Mind::Ours {
                    habits: *habits,
                    ledger: BTreeMap::new(),
                    running: None,
                    evidence: Evidence::new(backends),
                },
                Program::Perl { interval, timeout } => Mind::Perl(Perl::new(*interval, *timeout)),
            },
        };
        let mut world = World {
            now: start,
            start,
            queue: BinaryHeap::new(),
            scheduled: 0,
            services: layout.services,
            ring,
            backends: vec![Health::Healthy; backends],
            watchers: layout.posts.iter().map(watcher).collect(),
            sees: vec![vec![true; backends]; layout.posts.len()],
            history: History::new(start),
            chance: chance.clone(),
        };
        for watcher in 0..world.watchers.len() {
            // Not all in the same moment, as in life.
            let after = chance.milliseconds(0, 3000);
            world.after(
                after,
                Event::Disturb(Disturbance::Watcher(watcher, Life::Start)),
            );
        }
        world
    }

    pub fn disturb(&mut self, after: Duration, disturbance: Disturbance) {
        let at = self.start + after;
        self.at(at, Event::Disturb(disturbance));
    }

    /// Runs until this long after the start.
    pub fn run_to(&mut self, end: Duration) {
        let end = self.start + end;
        while self.queue.peek().map_or(false, |next| next.at <= end) {
            if let Some(next) = self.queue.pop() {
                self.now = next.at;
                self.on(next.event);
                self.pass_on();
            }
        }
        self.now = end;
        self.history.end = end;
    }

    /// The reasons for which this monitor holds actions back at present.
    pub fn coordinator(&self, watcher: usize) -> Option<&Coordinator> {
        match &self.watchers[watcher].mind {
            Mind::Ours { running, .. } => running.as_deref(),
            Mind::Perl(_) => None,
        }
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.scheduled += 1;
        let number = self.scheduled;
        self.queue.push(Scheduled { at, number, event });
    }

    fn after(&mut self, time: Duration, event: Event) {
        self.at(self.now + time, event);
    }

    fn note(&mut self, what: What) {
        self.history.records.push(Record { at: self.now, what });
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Disturb(disturbance) => self.on_disturbance(disturbance),
            Event::Ring(step) => self.ring.on_step(step, self.now, &mut self.history),
            Event::Wake {
                watcher,
                life,
                address,
                worker,
            } => {
                let now = self.now;
                self.tell(watcher, life, |ours| ours.on_wake(address, worker, now));
            }
            Event::Attempted {
                watcher,
                life,
                address,
                worker,
                outcome,
            } => self.on_attempted(watcher, life, address, worker, outcome),
            Event::Lists {
                watcher,
                life,
                began,
            } => self.on_lists(watcher, life, began),
            Event::Timer { watcher, life } => self.tell(watcher, life, |_| {}),
            Event::Arrives { director, command } => {
                self.ring
                    .on_command(director, command, self.now, &mut self.history)
            }
            Event::Answered {
                watcher,
                life,
                number,
                backend,
                done,
            } => self.on_answered(watcher, life, number, backend, done),
            Event::Scan { watcher, life } => self.on_scan(watcher, life),
            Event::Tried {
                watcher,
                life,
                backend,
                attempt,
                passed,
            } => self.on_tried(watcher, life, backend, attempt, passed),
            Event::Retry {
                watcher,
                life,
                backend,
                attempt,
            } => {
                if self.watchers[watcher].life == life {
                    self.try_once(watcher, backend, attempt);
                }
            }
        }
    }

    /// What the ring has to say and to do later.
    fn pass_on(&mut self) {
        for (at, step) in std::mem::take(&mut self.ring.steps) {
            self.at(at, Event::Ring(step));
        }
        for Reply { command, done } in std::mem::take(&mut self.ring.replies) {
            if let By::Watcher(watcher) = command.by {
                let Command {
                    life,
                    number,
                    backend,
                    ..
                } = command;
                let event = Event::Answered {
                    watcher,
                    life,
                    number,
                    backend,
                    done,
                };
                self.after(LOCAL_CALL, event);
            }
        }
    }

    fn on_disturbance(&mut self, disturbance: Disturbance) {
        self.note(What::Disturbed(disturbance));
        match disturbance {
            Disturbance::Backend(backend, health) => self.backends[backend] = health,
            Disturbance::Link(watcher, backend, link) => {
                self.watchers[watcher].links[backend] = link
            }
            Disturbance::Account(watcher, account) => self.watchers[watcher].account = account,
            Disturbance::Director(director, condition) => {
                self.ring
                    .set_condition(director, condition, self.now, &mut self.history)
            }
            Disturbance::Watcher(watcher, life) => self.on_life(watcher, life),
            Disturbance::Admin(director, backend, state) => {
                let command = Command {
                    by: By::Admin,
                    life: 0,
                    number: 0,
                    backend,
                    kind: Kind::State(state),
                };
                self.ring
                    .on_command(director, command, self.now, &mut self.history);
            }
            Disturbance::Stubborn(backend, resets) => self.ring.leave_users(backend, resets),
            Disturbance::UserMoved(backend) => {
                self.ring.move_user_to(backend, self.now, &mut self.history)
            }
        }
        self.note_views();
    }

    fn note_views(&mut self) {
        for watcher in 0..self.watchers.len() {
            for backend in 0..self.backends.len() {
                let healthy = (0..self.services)
                    .all(|service| self.fault(watcher, backend, service).is_none());
                if self.sees[watcher][backend] != healthy {
                    self.sees[watcher][backend] = healthy;
                    self.note(What::Sees {
                        watcher,
                        backend,
                        healthy,
                    });
                }
            }
        }
    }

    fn on_life(&mut self, watcher: usize, life: Life) {
        let now = self.now;
        let (services, seed) = (self.services, self.chance.roll());
        let here = &mut self.watchers[watcher];
        if life == Life::Resume && here.runs {
            return;
        }
        here.runs = life != Life::Crash;
        let clock = self.ring.clock(here.director);
        here.life += 1;
        let alive = here.life;
        match &mut here.mind {
            Mind::Ours {
                habits,
                ledger,
                running,
                evidence,
            } => {
                if let Some(ended) = running.take() {
                    *ledger = ended.ledger().clone();
                }
                if life == Life::StartWithoutLedger {
                    ledger.clear();
                }
                *evidence = Evidence::new(self.backends.len());
                if life != Life::Crash {
                    let ledger = ledger.clone();
                    let coordinator = Coordinator::new(*habits, services, ledger, clock, seed, now);
                    *running = Some(Box::new(coordinator));
                }
            }
            Mind::Perl(_) => {
                if life != Life::Crash {
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
            running: life != Life::Crash,
        });
        self.tell(watcher, alive, |_| {});
    }

    /// An event for a monitor of ours that still lives, and what it orders then.
    fn tell(&mut self, watcher: usize, life: u32, event: impl FnOnce(&mut Coordinator)) {
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

    fn obey(&mut self, watcher: usize, life: u32, order: Order) {
        let now = self.now;
        match order {
            Order::ReadLists => self.after(
                LOCAL_CALL,
                Event::Lists {
                    watcher,
                    life,
                    began: now,
                },
            ),
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
            } => {
                let outcome = self.attempt(watcher, number_of(address), service);
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
                address,
                action,
            } => {
                let backend = number_of(address);
                self.note_sent(watcher, number, backend, action);
                let kind = match action {
                    Action::MarkDown => Kind::State(HostState::Down),
                    Action::MarkUp => Kind::State(HostState::Up),
                    Action::Drain => Kind::Reset,
                };
                self.send(watcher, number, backend, kind);
                let done = false;
                self.after(
                    CHANGE_PATIENCE,
                    Event::Answered {
                        watcher,
                        life,
                        number,
                        backend,
                        done,
                    },
                );
            }
        }
    }

    fn send(&mut self, watcher: usize, number: u64, backend: usize, kind: Kind) {
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

    fn note_sent(&mut self, watcher: usize, number: u64, backend: usize, action: Action) {
        let evidence = match &mut self.watchers[watcher].mind {
            Mind::Ours { evidence, .. } => evidence,
            Mind::Perl(_) => return,
        };
        let entries = self.ring.entries();
        let known = Known {
            list: evidence.list.clone(),
            ring_synced: evidence.ring_synced,
            refuge: evidence.has_refuge(backend, entries),
            in_flight: evidence.in_flight(backend),
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

    /// What keeps a watcher from passing a service of a backend.
    fn fault(&self, watcher: usize, backend: usize, service: usize) -> Option<(Stage, Fault)> {
        let here = &self.watchers[watcher];
        match here.links[backend] {
            Link::Refused => return Some((Stage::Connect, Fault::Refused)),
            Link::Lost => return Some((Stage::Connect, Fault::TimedOut)),
            Link::Whole => {}
        }
        match self.backends[backend] {
            Health::Refusing => return Some((Stage::Connect, Fault::Refused)),
            Health::Frozen => return Some((Stage::Greeting, Fault::TimedOut)),
            Health::HalfFrozen if service + 1 == self.services => {
                return Some((Stage::Login, Fault::TimedOut))
            }
            Health::HalfFrozen | Health::Healthy => {}
        }
        match here.account {
            Account::Accepted => None,
            Account::Refused => Some((Stage::Login, Fault::CredentialsRefused(words("no")))),
        }
    }

    fn attempt(&mut self, watcher: usize, backend: usize, service: usize) -> Outcome {
        let timeout = match &self.watchers[watcher].mind {
            Mind::Ours { habits, .. } => habits.timeout,
            Mind::Perl(perl) => perl.timeout,
        };
        let short = self.chance.milliseconds(1, 40);
        let (latency, result) = match self.fault(watcher, backend, service) {
            None => (short, Ok(Pass::Clean)),
            Some((stage, Fault::TimedOut)) => (timeout, Err(Failure::new(stage, Fault::TimedOut))),
            Some((stage, fault)) => (short, Err(Failure::new(stage, fault))),
        };
        Outcome {
            began: self.now,
            latency,
            result,
        }
    }

    fn on_attempted(
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
                if let Some(finding) = ours.on_finding(address, worker, outcome, now) {
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

    fn on_lists(&mut self, watcher: usize, life: u32, began: Instant) {
        let now = self.now;
        let here = &mut self.watchers[watcher];
        if here.life != life {
            return;
        }
        let director = here.director;
        let lists = match self.ring.condition(director) {
            Condition::Running => {
                let ring = self.ring.director_list(director, now);
                Some((self.ring.list(director), ring))
            }
            Condition::Frozen if now < began + LISTS_DEADLINE => {
                return self.after(
                    FROZEN_POLL,
                    Event::Lists {
                        watcher,
                        life,
                        began,
                    },
                );
            }
            Condition::Frozen | Condition::Dead => None,
        };
        if let Mind::Ours { evidence, .. } = &mut here.mind {
            evidence.on_lists(lists.as_ref().map(rows));
        }
        self.tell(watcher, life, |ours| ours.on_lists(lists, began, now));
    }

    fn on_answered(&mut self, watcher: usize, life: u32, number: u64, backend: usize, done: bool) {
        let now = self.now;
        let here = &mut self.watchers[watcher];
        if here.life != life {
            return;
        }
        match &mut here.mind {
            Mind::Ours { evidence, .. } => {
                let action = match evidence.on_answered(number, backend) {
                    Some(action) => action,
                    None => return,
                };
                self.note(What::Answered {
                    watcher,
                    backend,
                    action,
                    done,
                });
                let answer = if done { Answer::Done } else { Answer::NotDone };
                self.tell(watcher, life, |ours| {
                    ours.on_answer(number, address(backend), answer, now);
                });
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

    fn on_scan(&mut self, watcher: usize, life: u32) {
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
                let states = self
                    .ring
                    .list(here.director)
                    .iter()
                    .map(|listed| listed.state)
                    .collect();
                perl.start_scan(states);
                for backend in 0..self.backends.len() {
                    self.try_once(watcher, backend, Try::default());
                }
            }
        }
    }

    fn try_once(&mut self, watcher: usize, backend: usize, attempt: Try) {
        let life = self.watchers[watcher].life;
        let outcome = self.attempt(watcher, backend, attempt.service);
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

    fn on_tried(&mut self, watcher: usize, life: u32, backend: usize, attempt: Try, passed: bool) {
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

    fn finish_perl(&mut self, watcher: usize) {
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

fn rows(lists: &(Vec<Listed>, wire::Ring)) -> (Vec<Row>, bool) {
    let (hosts, ring) = lists;
    let row = |listed: &Listed| Row {
        backend: number_of(listed.address),
        state: listed.state,
    };
    let synced = ring.state() == wire::RingState::Synced;
    (hosts.iter().map(row).collect(), synced)
}
