//! HAProxy in front of mail servers in virtual time: reloads that forget, operators, failures, and a monitor
//! that is started again.
//!
//! What HAProxy shows and does is as in `src/pool/haproxy`'s notes; the program's own code reads it and chooses
//! the servers that are told. Each day is judged while it passes: who is told what, and what comes of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use poolmon::backend::Stamp;
use poolmon::config::settings::{
    Brake, DrainMode, Mode, MoveLimit, Pace, Plan, Restore, Retries, Rules,
};
use poolmon::monitor::policy::{Action, Login};
use poolmon::monitor::{DrainView, Remembered};
use poolmon::outcome::{Failure, Fault, Outcome, Pass, Stage};
use poolmon::pool::haproxy::acts::Change;
use poolmon::pool::haproxy::reading::{reading, Watched};
use poolmon::pool::haproxy::wire::{Admin, Answer, Process, Server, ServerName, Told};
use poolmon::pool::Command;
use poolmon::quote::Quote;
use poolmon::schedule::Depth;

use crate::chance::Chance;
use crate::monitor::{Checked, Clock, Habits, Heard, Monitor, Order, Said};
use crate::world::{address, number_of};

/// A debug build is twenty times slower.
const DAYS: u64 = if cfg!(debug_assertions) { 4 } else { 20 };
const DAY: Duration = Duration::from_secs(2 * 3600);
/// Long enough for the longest hold.
const CALM: Duration = Duration::from_secs(2 * 3600);
const PROXIES: [&str; 2] = ["imap", "pop3"];
const PORT: u16 = 1;
/// After so long everything has had its time: a login interval, the retries and a pause.
const SETTLED: Duration = Duration::from_secs(90);
/// From one look of HAProxy's own check to what it says.
const OWN_CHECK: Duration = Duration::from_secs(4);

const FORCED_MAINT: u32 = 1;
const FORCED_DRAIN: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Works,
    Dead,
    Frozen,
    LoginBroken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Monitor,
    Operator,
}

/// One server of one proxy.
#[derive(Clone, Debug)]
struct Line {
    admin: u32,
    /// Who has made it so, where it is not ready.
    owner: Option<Owner>,
    /// Since when it has, or has not, got sessions.
    since: Instant,
    sessions: u64,
}

#[derive(Clone, Debug)]
struct MailServer {
    health: Health,
    health_since: Instant,
    /// In the order of the proxies, of which it may serve only the first.
    lines: Vec<Line>,
    told: Option<Instant>,
}

#[derive(Debug)]
enum Event {
    Heard {
        connection: u64,
        began: Instant,
    },
    ReaderWakes {
        connection: u64,
        pause: u64,
    },
    Told {
        number: u64,
        change: Change,
    },
    Answered {
        number: u64,
        said: Said,
    },
    Attempted {
        backend: usize,
        worker: u64,
        outcome: Outcome,
    },
    WorkerWakes {
        backend: usize,
        worker: u64,
    },
    DiskWakes,
    Timer,
}

#[derive(Clone, Copy, Debug)]
enum Disturbance {
    Health(usize, Health),
    Reload,
    Stop,
    Start,
    /// HAProxy stands still, and leaves that out of its own time.
    StandStill(Duration),
    Hold(usize, u32),
    Release(usize),
    Kill,
    Watch,
    /// Look at what has to be so.
    Judge,
    /// It was down by the monitor, and failing, when HAProxy was reloaded.
    OutAgain(usize, u32),
}

enum What {
    OfLife(u32, Event),
    Disturbed(Disturbance),
}

struct World {
    now: Instant,
    clock: Clock,
    chance: Chance,
    queue: BTreeMap<(Instant, u64), What>,
    queued: u64,
    servers: Vec<MailServer>,
    process: u32,
    process_since: Instant,
    is_running: bool,
    /// When HAProxy stood still, and for how long.
    stood_still: Vec<(Instant, Duration)>,
    habits: Habits,
    monitor: Option<Monitor>,
    monitor_since: Instant,
    life: u32,
    state_file: Remembered,
    /// How often each property was put to the test.
    cases: BTreeMap<&'static str, usize>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut chance = Chance::new(seed);
        let now = Instant::now();
        let line = || Line {
            admin: 0,
            owner: None,
            since: now,
            sessions: 5,
        };
        let server = |proxies: usize| MailServer {
            health: Health::Works,
            health_since: now,
            lines: PROXIES.iter().take(proxies).map(|_| line()).collect(),
            told: None,
        };
        let many = 2 + chance.below(4);
        // Some serve the first proxy alone.
        let serving: Vec<usize> = (0..many).map(|_| chance.pick(&[1, 2, 2])).collect();
        let interval = Duration::from_secs(chance.pick(&[1, 2, 2, 5]));
        let habits = Habits {
            pace: Pace {
                interval,
                login_interval: Duration::from_secs(chance.pick(&[0, 10, 30, 30])),
                timeout: Duration::from_secs(2),
                plan: Plan::Retries(Retries {
                    retries: chance.pick(&[0, 1, 4]),
                    retry_delay: Duration::from_secs(3),
                }),
                rise: chance.pick(&[1, 1, 2]),
                fall: chance.pick(&[1, 1, 2]),
            },
            rules: Rules {
                drain: DrainMode::Move {
                    limit: MoveLimit::All,
                },
                restore: Restore::Own,
                brake: Brake::Refuge,
                down_delay: Duration::ZERO,
                down_delay_limit: None,
                hold: Rules::usual_hold(interval),
            },
            mode: Mode::Live,
            checked: Checked::All,
        };
        let mut world = World {
            now,
            clock: Clock {
                start: now,
                at_start: Duration::from_secs(1_800_000_000),
            },
            chance,
            queue: BTreeMap::new(),
            queued: 0,
            servers: serving.into_iter().map(server).collect(),
            process: 1,
            process_since: now,
            is_running: true,
            stood_still: Vec::new(),
            habits,
            monitor: None,
            monitor_since: now,
            life: 0,
            state_file: Remembered::new(),
            cases: BTreeMap::new(),
        };
        world.watch();
        world
    }

    fn put(&mut self, at: Instant, what: What) {
        self.queued += 1;
        self.queue.insert((at, self.queued), what);
    }

    fn later(&mut self, after: Duration, event: Event) {
        let life = self.life;
        self.put(self.now + after, What::OfLife(life, event));
    }

    fn disturb(&mut self, after: Duration, disturbance: Disturbance) {
        self.put(self.now + after, What::Disturbed(disturbance));
    }

    /// The monitor is started, with what the last one has written down.
    fn watch(&mut self) {
        if self.monitor.is_some() {
            return;
        }
        self.life += 1;
        self.monitor_since = self.now;
        let logins = vec![Some(Login(1)); self.servers.len()];
        let seed = self.chance.roll();
        self.monitor = Some(Monitor::behind_haproxy(
            self.habits,
            &logins,
            self.state_file.clone(),
            (self.clock, seed, self.now),
        ));
        self.turn();
    }

    fn turn(&mut self) {
        let orders = match &mut self.monitor {
            Some(monitor) => monitor.turn(self.now),
            None => return,
        };
        for order in orders {
            self.obey(order);
        }
    }

    fn until(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.now)
    }

    fn obey(&mut self, order: Order) {
        let hop = self.chance.milliseconds(1, 3);
        match order {
            Order::ReadLists { connection } => {
                let began = self.now;
                self.later(hop, Event::Heard { connection, began });
            }
            Order::WakeReader {
                connection,
                pause,
                at,
            } => self.later(self.until(at), Event::ReaderWakes { connection, pause }),
            Order::Send {
                number, command, ..
            } => match command {
                Command::HaProxy(change) => self.later(hop, Event::Told { number, change }),
                Command::Director(change) => panic!("{change} to HAProxy"),
            },
            Order::Attempt {
                address,
                worker,
                timeout,
                depth,
                ..
            } => {
                let backend = number_of(address);
                let outcome = self.attempt(backend, timeout, depth);
                let event = Event::Attempted {
                    backend,
                    worker,
                    outcome: outcome.clone(),
                };
                self.later(outcome.latency, event);
            }
            Order::WakeWorker {
                address,
                worker,
                at,
            } => {
                let backend = number_of(address);
                self.later(self.until(at), Event::WorkerWakes { backend, worker });
            }
            Order::Timer(at) => self.later(self.until(at), Event::Timer),
            Order::WakeDisk(at) => self.later(self.until(at), Event::DiskWakes),
            Order::Use(_) => {}
        }
    }

    fn attempt(&mut self, backend: usize, timeout: Duration, depth: Depth) -> Outcome {
        let short = self.chance.milliseconds(1, 40);
        let failed = |stage, fault| Err(Failure::new(stage, fault));
        let (latency, result) = match (self.servers[backend].health, depth) {
            (Health::Works, _) | (Health::LoginBroken, Depth::Greeting) => (short, Ok(Pass::Clean)),
            (Health::Dead, _) => (short, failed(Stage::Connect, Fault::Refused)),
            (Health::Frozen, _) => (timeout, failed(Stage::Greeting, Fault::TimedOut)),
            (Health::LoginBroken, Depth::Whole) => (
                short,
                failed(Stage::Login, Fault::Unavailable(Quote::new("no"))),
            ),
        };
        Outcome {
            logged_in: result.is_ok() && depth == Depth::Whole,
            ..Outcome::new(self.now, latency, result)
        }
    }

    fn is_seen_running(&self, server: &MailServer) -> bool {
        server.health != Health::Dead || self.now - server.health_since < OWN_CHECK
    }

    fn answer(&self) -> Answer {
        let own_time_since = |since: Instant| {
            let lost = self.stood_still.iter().map(|(from, time)| {
                let to = self.now.min(*from + *time);
                to.saturating_duration_since(since.max(*from))
            });
            let lost = lost.sum();
            Duration::from_secs((self.now - since).saturating_sub(lost).as_secs())
        };
        let mut servers = Vec::new();
        for (place, proxy) in PROXIES.iter().enumerate() {
            for (number, server) in self.servers.iter().enumerate() {
                let line = match server.lines.get(place) {
                    Some(line) => line,
                    None => continue,
                };
                servers.push(Server {
                    name: ServerName::new(proxy, &format!("mail{number}")),
                    address: address(number),
                    port: PORT,
                    is_running: self.is_seen_running(server),
                    admin: Admin(line.admin),
                    weight: 1,
                    unchanged_for: own_time_since(line.since),
                    sessions: line.sessions,
                });
            }
        }
        Answer {
            level: "admin".to_owned(),
            process: Process {
                id: self.process,
                uptime: own_time_since(self.process_since),
            },
            servers,
            malformed: Default::default(),
        }
    }

    fn case(&mut self, property: &'static str) {
        *self.cases.entry(property).or_default() += 1;
    }

    /// HAProxy carries it out; whether the monitor may want it is judged here.
    fn told(&mut self, number: u64, change: &Change) -> Said {
        if !self.is_running {
            return Said::NotSent;
        }
        let backend = number_of(change.address);
        let names = change.servers(&self.answer(), &Watched::Ports(vec![PORT]));
        let places: Vec<usize> = names
            .iter()
            .map(|name| PROXIES.iter().position(|proxy| *proxy == &*name.proxy))
            .map(Option::unwrap)
            .collect();
        let now = self.now;
        let working = |server: &MailServer| {
            server.health == Health::Works && server.lines.iter().all(|line| line.admin == 0)
        };
        let recently = Duration::from_secs(20);
        // One that has failed since its last pass, the monitor cannot know of.
        let worked = |server: &MailServer| {
            server.lines.iter().all(|line| line.admin == 0) && now - server.health_since < recently
        };
        let others = (0..self.servers.len()).filter(|other| self.takes_users_of(*other, backend));
        let others = others.map(|other| &self.servers[other]);
        let refuges: Vec<&MailServer> = others
            .filter(|other| working(other) || worked(other))
            .collect();
        let another_worked = !refuges.is_empty();
        let serves_more =
            |other: &&MailServer| other.lines.len() > self.servers[backend].lines.len();
        let only_by_more = another_worked && refuges.iter().all(serves_more);
        let states: Vec<String> = self
            .servers
            .iter()
            .map(|server| {
                let admins: Vec<u32> = server.lines.iter().map(|line| line.admin).collect();
                let since = (now - server.health_since).as_secs_f64();
                format!("{:?} for {since:.1} s, admin {admins:?}", server.health)
            })
            .collect();
        let server = &mut self.servers[backend];
        server.told = Some(now);
        let at = (now - self.clock.start).as_secs_f64();
        match change.told {
            Told::Maint => {
                assert!(
                    server.health != Health::Works || now - server.health_since < recently,
                    "command {number} at {at:.3} s takes mail{backend} out, which works"
                );
                assert!(
                    another_worked || server.health_since > now - recently,
                    "command {number} at {at:.3} s takes mail{backend}, the last one, out: {states:?}"
                );
            }
            Told::Ready | Told::ShutdownSessions => {}
        }
        let is_taken_by_more = change.told == Told::Maint && only_by_more;
        for place in places {
            let line = &mut server.lines[place];
            assert_ne!(
                line.owner,
                Some(Owner::Operator),
                "command {number} ({change}) at {at:.3} s is about what an operator holds"
            );
            match change.told {
                Told::Maint => {
                    *line = Line {
                        admin: FORCED_MAINT,
                        owner: Some(Owner::Monitor),
                        since: now,
                        ..*line
                    }
                }
                Told::Ready => {
                    *line = Line {
                        admin: 0,
                        owner: None,
                        since: now,
                        sessions: 5,
                    }
                }
                Told::ShutdownSessions => line.sessions = 0,
            }
        }
        self.case(match change.told {
            Told::Maint => "only what fails is taken out, and never the last one",
            Told::Ready => "what an operator holds is not set ready",
            Told::ShutdownSessions => "sessions of what an operator holds are left",
        });
        if is_taken_by_more {
            self.case("the only refuge serves more");
        }
        match self.chance.one_in(20) {
            true => Said::Closed,
            false => Said::Ok,
        }
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        if let Event::Told { number, change } = &event {
            let said = self.told(*number, change);
            let number = *number;
            self.later(Duration::from_millis(1), Event::Answered { number, said });
            return;
        }
        let is_running = self.is_running;
        let heard = match &event {
            Event::Heard { began, .. } if is_running => {
                let second = Stamp(self.clock.second(now));
                let watched = Watched::Ports(vec![PORT]);
                let reading = reading(self.answer(), &watched, *began, second);
                Heard::HaProxy(Box::new(reading))
            }
            _ => Heard::Gone,
        };
        let monitor = match &mut self.monitor {
            Some(monitor) => monitor,
            None => return,
        };
        match event {
            Event::Heard { connection, began } => monitor.on_heard(connection, heard, began, now),
            Event::ReaderWakes { connection, pause } => monitor.on_reader_wakes(connection, pause),
            Event::Told { .. } => unreachable!("HAProxy is told it"),
            Event::Answered { number, said } => monitor.on_answer(number, said, now),
            Event::Attempted {
                backend,
                worker,
                outcome,
            } => {
                monitor.on_outcome(address(backend), worker, outcome, now);
            }
            Event::WorkerWakes { backend, worker } => {
                monitor.on_wake(address(backend), worker, now);
            }
            Event::DiskWakes => monitor.on_disk_wakes(now),
            Event::Timer => monitor.on_timer(now),
        }
        self.turn();
    }

    /// Another process, which knows of no command.
    fn begin_process(&mut self) {
        self.process += 1;
        self.process_since = self.now;
        self.is_running = true;
        for line in self.servers.iter_mut().flat_map(|server| &mut server.lines) {
            *line = Line {
                admin: 0,
                owner: None,
                since: self.now,
                sessions: 5,
            };
        }
    }

    fn disturbed(&mut self, disturbance: Disturbance) {
        let now = self.now;
        match disturbance {
            Disturbance::Health(backend, health) => {
                let server = &mut self.servers[backend];
                if server.health != health {
                    (server.health, server.health_since) = (health, now);
                }
            }
            Disturbance::Reload if self.is_running => self.reload(),
            Disturbance::Stop => self.is_running = false,
            Disturbance::Start if !self.is_running => self.begin_process(),
            Disturbance::Reload | Disturbance::Start => {}
            Disturbance::StandStill(time) => self.stood_still.push((now, time)),
            Disturbance::Hold(backend, admin) => self.hold(backend, admin),
            Disturbance::Release(backend) => {
                for line in &mut self.servers[backend].lines {
                    if line.owner == Some(Owner::Operator) {
                        (line.admin, line.owner, line.since) = (0, None, now);
                    }
                }
            }
            Disturbance::Kill => {
                if let Some(monitor) = self.monitor.take() {
                    self.state_file = monitor.state_file().clone();
                }
            }
            Disturbance::Watch => self.watch(),
            Disturbance::Judge => self.judge(),
            Disturbance::OutAgain(backend, process) => self.judge_out_again(backend, process),
        }
    }

    fn is_watched_for(&self, time: Duration) -> bool {
        let is_old = |since: Instant| self.now - since > time;
        let is_there = self.monitor.is_some() && self.is_running;
        is_there && is_old(self.monitor_since) && is_old(self.process_since)
    }

    /// Whether it has worked for so long, and takes users.
    fn is_refuge(&self, server: &MailServer, time: Duration) -> bool {
        server.health == Health::Works
            && self.now - server.health_since > time
            && server.lines.iter().all(|line| line.admin == 0)
    }

    fn has_refuge(&self, backend: usize, time: Duration) -> bool {
        let mut others = self.servers.iter().enumerate();
        others.any(|(other, server)| {
            self.takes_users_of(other, backend) && self.is_refuge(server, time)
        })
    }

    /// Whether it is another one, in all proxies of this one.
    fn takes_users_of(&self, other: usize, backend: usize) -> bool {
        let proxies = |backend: usize| self.servers[backend].lines.len();
        other != backend && proxies(other) >= proxies(backend)
    }

    fn reload(&mut self) {
        let is_ours = |line: &Line| line.owner == Some(Owner::Monitor);
        let was_watched = self.is_watched_for(SETTLED);
        for backend in 0..self.servers.len() {
            let server = &self.servers[backend];
            let was_out = server.lines.iter().all(is_ours);
            let was_settled = server.told.map_or(false, |told| self.now - told > SETTLED);
            let fails = server.health != Health::Works;
            if was_out && was_settled && fails && was_watched && self.has_refuge(backend, SETTLED) {
                // The list is read each second.
                let within = Duration::from_millis(1100);
                let process = self.process + 1;
                self.disturb(within, Disturbance::OutAgain(backend, process));
            }
        }
        self.begin_process();
    }

    fn judge_out_again(&mut self, backend: usize, process: u32) {
        let server = &self.servers[backend];
        let is_the_same = self.process == process && self.is_running && self.monitor.is_some();
        let was_watched = self.now - self.monitor_since > SETTLED;
        let is_undisturbed = server.health != Health::Works
            && self.now - server.health_since > SETTLED
            && server
                .lines
                .iter()
                .all(|line| line.owner != Some(Owner::Operator));
        if is_the_same && was_watched && is_undisturbed && self.has_refuge(backend, SETTLED) {
            let at = (self.now - self.clock.start).as_secs_f64();
            let is_out = server.lines.iter().all(|line| line.admin == FORCED_MAINT);
            assert!(
                is_out,
                "mail{backend} is not out again at {at:.3} s after a reload"
            );
            self.case("what was taken out is out again within a second of a reload");
        }
    }

    /// An operator does it at a quiet moment: what is done within two seconds of the monitor's own change cannot
    /// be told from it.
    fn hold(&mut self, backend: usize, admin: u32) {
        let quiet = Duration::from_secs(60);
        let server = &self.servers[backend];
        let was_told = server.told.map_or(false, |told| self.now - told < quiet);
        if self.is_running && !was_told && self.is_refuge(server, quiet) {
            let now = self.now;
            for line in &mut self.servers[backend].lines {
                (line.admin, line.owner, line.since) = (admin, Some(Owner::Operator), now);
            }
            self.case("an operator holds a server");
        }
    }

    fn judge(&mut self) {
        let at = (self.now - self.clock.start).as_secs_f64();
        if !self.is_watched_for(SETTLED) {
            return;
        }
        for backend in 0..self.servers.len() {
            let server = &self.servers[backend];
            let fails = server.health != Health::Works && self.now - server.health_since > SETTLED;
            let is_free = server
                .lines
                .iter()
                .all(|line| line.owner != Some(Owner::Operator));
            if fails && is_free && self.has_refuge(backend, SETTLED) {
                // An operator may have released it just now.
                let is_out = |line: &Line| line.admin != 0 || self.now - line.since < SETTLED;
                let is_out = server.lines.iter().all(is_out);
                assert!(
                    is_out,
                    "mail{backend} has failed and is in service at {at:.3} s"
                );
                self.case("what has failed is out");
            }
        }
        self.judge_held(at);
    }

    /// Whoever looks is not told that sessions are to be ended which the monitor leaves alone.
    fn judge_held(&mut self, at: f64) {
        let engine = match &self.monitor {
            Some(monitor) => monitor.engine(),
            None => return,
        };
        let mut cases = 0;
        for view in engine.snapshot().backends {
            let backend = number_of(view.listed.address);
            let server = &self.servers[backend];
            let is_held = |line: &Line| {
                line.owner == Some(Owner::Operator) && self.now - line.since > SETTLED
            };
            if !server.lines.iter().all(is_held) || server.health == Health::Works {
                continue;
            }
            cases += 1;
            let wanted = view.wanted.map(|wanted| wanted.explanation.action);
            assert!(
                view.drain != DrainView::Owed && wanted != Some(Action::Drain),
                "mail{backend}, which an operator holds, is to be drained at {at:.3} s: {:?}, {wanted:?}",
                view.drain
            );
        }
        for _ in 0..cases {
            self.case("no drain is announced for what an operator holds");
        }
    }

    fn run_to(&mut self, end: Instant) {
        while let Some((&(at, number), _)) = self.queue.iter().next() {
            if at > end {
                break;
            }
            let what = self.queue.remove(&(at, number)).unwrap();
            self.now = at;
            match what {
                What::OfLife(life, event) if life == self.life => {
                    // What HAProxy was sent arrives, whoever sent it.
                    if self.monitor.is_some() || matches!(event, Event::Told { .. }) {
                        self.happen(event);
                    }
                }
                What::OfLife(..) => {}
                What::Disturbed(disturbance) => self.disturbed(disturbance),
            }
        }
        self.now = end;
    }

    fn plan(&mut self) {
        let mut at = Duration::from_secs(60);
        while at < DAY {
            let backend = self.chance.below(self.servers.len());
            match self.chance.below(11) {
                0..=4 => {
                    let kinds = [Health::Dead, Health::Frozen, Health::LoginBroken];
                    let health = self.chance.pick(&kinds);
                    self.disturb(at, Disturbance::Health(backend, health));
                    let repaired = at + self.chance.seconds(2, 900);
                    self.disturb(repaired, Disturbance::Health(backend, Health::Works));
                }
                5 | 6 => self.disturb(at, Disturbance::Reload),
                7 => {
                    self.disturb(at, Disturbance::Stop);
                    let back = at + self.chance.seconds(1, 60);
                    self.disturb(back, Disturbance::Start);
                }
                8 => {
                    let admin = self.chance.pick(&[FORCED_MAINT, FORCED_DRAIN]);
                    self.disturb(at, Disturbance::Hold(backend, admin));
                    let released = at + self.chance.seconds(60, 1200);
                    self.disturb(released, Disturbance::Release(backend));
                }
                9 => {
                    let time = self.chance.seconds(3, 8);
                    self.disturb(at, Disturbance::StandStill(time));
                }
                _ => {
                    self.disturb(at, Disturbance::Kill);
                    let back = at + self.chance.seconds(1, 30);
                    self.disturb(back, Disturbance::Watch);
                }
            }
            at += self.chance.seconds(5, 200);
        }
        for backend in 0..self.servers.len() {
            self.disturb(DAY, Disturbance::Health(backend, Health::Works));
        }
        self.disturb(DAY, Disturbance::Start);
        self.disturb(DAY, Disturbance::Watch);
        for look in 1..(DAY.as_secs() / 10) {
            self.disturb(Duration::from_secs(10 * look), Disturbance::Judge);
        }
    }

    fn live(seed: u64) -> BTreeMap<&'static str, usize> {
        let mut world = World::new(seed);
        world.plan();
        world.run_to(world.clock.start + DAY + Duration::from_secs(1300));
        let held = world.clone_of_held();
        world.run_to(world.now + CALM);
        for (backend, server) in world.servers.iter().enumerate() {
            for line in &server.lines {
                let is_held = line.owner == Some(Owner::Operator);
                assert!(
                    line.admin == 0 || is_held,
                    "mail{backend} works and is out at the end"
                );
            }
        }
        assert_eq!(
            held,
            world.clone_of_held(),
            "what an operator holds stays so"
        );
        world.case("in the end all that works and that nobody holds is in service");
        world.cases
    }

    /// What an operator holds: mail server and proxy.
    fn clone_of_held(&self) -> Vec<(usize, usize, u32)> {
        let mut held = Vec::new();
        for (backend, server) in self.servers.iter().enumerate() {
            for (place, line) in server.lines.iter().enumerate() {
                if line.owner == Some(Owner::Operator) {
                    held.push((backend, place, line.admin));
                }
            }
        }
        held
    }
}

#[test]
fn behind_haproxy_the_properties_hold_over_days_with_reloads_that_forget() {
    let seeds = match std::env::var("POOLMON_SEED") {
        Ok(seed) => {
            let seed = seed.parse().unwrap();
            seed..=seed
        }
        Err(_) => 1..=DAYS,
    };
    let mut cases: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in seeds.clone() {
        println!("seed {seed}");
        for (property, count) in World::live(seed) {
            *cases.entry(property).or_default() += count;
        }
    }
    for (property, count) in &cases {
        println!("{count:9} times: {property}");
    }
    if seeds == (1..=DAYS) {
        assert_eq!(
            cases.len(),
            9,
            "each property is put to the test: {cases:?}"
        );
    }
}
