//! The world in virtual time: one queue of events, no sleeping, no clock.
//!
//! Backends and ways to them, a ring of directors, and watchers: monitors of ours and poolmons.

mod faults;
mod monitors;
mod poolmons;
mod queue;

use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::time::{Duration, Instant};

use poolmon::monitor::policy::Login;
use poolmon::monitor::Remembered;
use poolmon::outcome::Stage;

use crate::chance::Chance;
use crate::evidence::Evidence;
use crate::history::{By, History, Record, Sight, What};
use crate::monitor::{Disk, Habits, Monitor, Reload};
use crate::perl::Perl;
use crate::reached::Reached;
use crate::ring::{Age, Command, Entry, Kind, Reply, Ring};

use queue::{Event, Scheduled};

use faults::Pace;
pub use faults::{Account, Disturbance, Health, Life, Link, Mishap, Moment};

/// A director that runs answers in a millisecond.
const LOCAL_CALL: Duration = Duration::from_millis(1);
const LISTS_DEADLINE: Duration = Duration::from_secs(5);
/// How often a call to a frozen director is looked after.
const FROZEN_POLL: Duration = Duration::from_millis(250);

pub fn address(backend: usize) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, backend as u8).into()
}

pub fn director_address(director: usize) -> IpAddr {
    Ipv4Addr::new(198, 51, 100, director as u8).into()
}

pub fn number_of(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(address) => usize::from(address.octets()[3]),
        IpAddr::V6(_) => unreachable!("the world's addresses are IPv4"),
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
    dies_at: Option<Death>,
    links: Vec<Link>,
    account: Account,
    shared: Vec<Option<Stage>>,
    disk: Disk,
    threads: usize,
    /// There is a thread for a command or a connection.
    spare: bool,
    spare_for_scripts: bool,
    /// So many backends can be probed at once by whoever starts.
    at_once: usize,
    /// What befalls its next command.
    mishap: Option<Mishap>,
    /// Until then it takes nothing in.
    still_until: Instant,
    /// The places of those that it checks.
    services: Range<usize>,
    mind: Mind,
}

/// When a watcher is to be killed.
#[derive(Clone, Copy)]
struct Death {
    moment: Moment,
    /// 5 s later.
    returns: bool,
}

enum Mind {
    Ours {
        habits: Box<Habits>,
        state_file: Remembered,
        running: Option<Box<Monitor>>,
        evidence: Box<Evidence>,
    },
    Perl(Perl),
}

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Of all directors.
    pub age: Age,
    pub entries: Vec<Entry>,
    /// Whom our monitors probe each backend as; poolmons have one account for all.
    pub logins: Vec<Option<Login>>,
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
    logins: Vec<Option<Login>>,
    ring: Ring,
    backends: Vec<Health>,
    /// By watcher, backend and service, how many attempts have met a backend that is split.
    turns: BTreeMap<(usize, usize, usize), u32>,
    pace: Pace,
    watchers: Vec<Watcher>,
    sees: Vec<Vec<Sight>>,
    /// By monitors that run no more.
    reached_before: Reached,
    pub history: History,
}

impl World {
    pub fn new(layout: &Layout, seed: u64) -> World {
        let start = Instant::now();
        let backends = layout.entries.len();
        let mut chance = Chance::new(seed);
        let ring = Ring::new(
            layout.age,
            layout.entries.clone(),
            &layout.skews,
            layout.hop,
            start,
        );
        let watcher = |post: &Post| Watcher {
            director: post.director,
            life: 0,
            runs: false,
            dies_at: None,
            links: vec![Link::Whole; backends],
            account: Account::Accepted,
            shared: vec![None; backends],
            disk: Disk::Good,
            threads: usize::MAX,
            spare: true,
            spare_for_scripts: true,
            at_once: usize::MAX,
            mishap: None,
            still_until: start,
            services: 0..layout.services,
            mind: match &post.program {
                Program::Ours(habits) => Mind::Ours {
                    habits: Box::new(*habits),
                    state_file: Remembered::new(),
                    running: None,
                    evidence: Box::new(Evidence::new(backends)),
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
            logins: layout.logins.clone(),
            ring,
            backends: vec![Health::Healthy; backends],
            turns: BTreeMap::new(),
            pace: Pace::default(),
            watchers: layout.posts.iter().map(watcher).collect(),
            sees: vec![vec![Sight::Passes; backends]; layout.posts.len()],
            reached_before: Reached::default(),
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

    /// Nothing is disturbed by that.
    pub fn reload(&mut self, after: Duration, watcher: usize, reload: Reload) {
        let at = self.start + after;
        self.at(at, Event::Reload { watcher, reload });
    }

    /// Somebody asks a monitor how all stands.
    pub fn ask_status(&mut self, after: Duration, watcher: usize) {
        let at = self.start + after;
        self.at(at, Event::Status { watcher });
    }

    /// What the monitors of ours have been put to, in all their lives.
    pub fn reached(&self) -> Reached {
        let mut reached = self.reached_before.clone();
        for watcher in 0..self.watchers.len() {
            if let Some(monitor) = self.monitor(watcher) {
                reached.add(&monitor.reached);
            }
        }
        reached
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

    pub fn monitor(&self, watcher: usize) -> Option<&Monitor> {
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
        let still_until = event.for_watcher().map(|it| self.watchers[it].still_until);
        match still_until {
            Some(until) if self.now < until => return self.at(until, event),
            _ => {}
        }
        match event {
            Event::Disturb(disturbance) => self.on_disturbance(disturbance),
            Event::Reload { watcher, reload } => {
                self.write_settings(watcher, reload);
                let (life, now) = (self.watchers[watcher].life, self.now);
                self.tell(watcher, life, |ours| ours.on_reload(reload, now));
            }
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
            Event::ReaderWakes {
                watcher,
                life,
                connection,
                pause,
            } => {
                self.tell(watcher, life, |ours| {
                    ours.on_reader_wakes(connection, pause);
                });
            }
            Event::Lists {
                watcher,
                life,
                connection,
                began,
            } => self.on_lists(watcher, life, connection, began),
            Event::DiskWakes { watcher, life } => {
                let now = self.now;
                self.tell(watcher, life, |ours| ours.on_disk_wakes(now));
            }
            Event::Status { watcher } => {
                let (life, now) = (self.watchers[watcher].life, self.now);
                self.tell(watcher, life, |ours| ours.on_status(now));
            }
            Event::Timer { watcher, life } => {
                let now = self.now;
                self.tell(watcher, life, |ours| ours.on_timer(now));
            }
            Event::Arrives { director, command } => {
                self.ring
                    .on_command(director, command, self.now, &mut self.history)
            }
            Event::Answered {
                watcher,
                life,
                number,
                backend,
                said,
            } => self.on_answered(watcher, life, number, backend, said),
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
        for Reply { command, said } in std::mem::take(&mut self.ring.replies) {
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
                    said,
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
            Disturbance::Shared(watcher, backend, stage) => {
                self.watchers[watcher].shared[backend] = stage
            }
            Disturbance::Director(director, condition) => {
                self.ring
                    .set_condition(director, condition, self.now, &mut self.history)
            }
            Disturbance::Watcher(watcher, life) => self.on_life(watcher, life),
            Disturbance::KillAt(watcher, moment) => {
                let returns = true;
                self.watchers[watcher].dies_at = Some(Death { moment, returns });
            }
            Disturbance::LoseAt(watcher, moment) => {
                let returns = false;
                self.watchers[watcher].dies_at = Some(Death { moment, returns });
            }
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
            Disturbance::Disk(watcher, disk) => {
                self.watchers[watcher].disk = disk;
                let (life, now) = (self.watchers[watcher].life, self.now);
                self.tell(watcher, life, |ours| ours.on_disk(disk, now));
            }
            Disturbance::Threads(watcher, threads) => {
                self.watchers[watcher].threads = threads;
                let life = self.watchers[watcher].life;
                self.tell(watcher, life, |ours| ours.on_threads(threads));
            }
            Disturbance::Spare(watcher, spare) => {
                self.watchers[watcher].spare = spare;
                let life = self.watchers[watcher].life;
                self.tell(watcher, life, |ours| ours.on_spare(spare));
            }
            Disturbance::SpareForScripts(watcher, spare) => {
                self.watchers[watcher].spare_for_scripts = spare;
                let life = self.watchers[watcher].life;
                self.tell(watcher, life, |ours| ours.on_spare_for_scripts(spare));
            }
            Disturbance::Descriptors(watcher, most) => self.watchers[watcher].at_once = most,
            Disturbance::Befalls(watcher, mishap) => self.watchers[watcher].mishap = Some(mishap),
            Disturbance::Befell(watcher, _) => self.watchers[watcher].mishap = None,
            Disturbance::Speaks(director, speech) => {
                self.ring
                    .set_speech(director, speech, self.now, &mut self.history)
            }
            Disturbance::WorkerDies(watcher, backend) => {
                let (life, now) = (self.watchers[watcher].life, self.now);
                self.tell(watcher, life, |ours| {
                    ours.on_worker_dies(address(backend), now);
                });
            }
            Disturbance::ReaderDies(watcher) => {
                let (life, now) = (self.watchers[watcher].life, self.now);
                self.tell(watcher, life, |ours| ours.on_reader_dies(now));
            }
            Disturbance::Still(watcher, time) => {
                self.watchers[watcher].still_until = self.now + time;
            }
            Disturbance::Listed(backend, listed) => {
                self.ring
                    .set_listed(backend, listed, self.now, &mut self.history)
            }
            Disturbance::UserMoved(backend) => {
                self.ring.move_user_to(backend, self.now, &mut self.history)
            }
        }
        self.note_views();
    }
}
