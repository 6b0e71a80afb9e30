//! The coordinator's shell in virtual time: what `src/monitor/mod.rs` does around the pure rooms,
//! with orders handed to the world in place of sockets and threads.
//!
//! It decides nothing by itself, and must not know more of the world than the real one does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use poolmon::backend::Stamp;
use poolmon::config::settings::{Pace, Rules};
use poolmon::director::wire::RingState;
use poolmon::outcome::Outcome;
use poolmon::policy::{
    self, Action, Alarms, Answer, Decision, Fleet, Hold, Login, Memory, Need, Sync,
};
use poolmon::schedule::{Finding, Next, Schedule, Spread, Verdict};

use crate::chance::Chance;
use crate::watch::{Lists, Reading, Watch};
use crate::world::number_of;

const READING_INTERVAL: Duration = Duration::from_secs(1);

/// What the operator has set.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    pub pace: Pace,
    pub rules: Rules,
}

/// What a reload brings.
#[derive(Clone, Copy, Debug)]
pub enum Reload {
    Pace(Pace),
    /// As many as before, and to the world they are alike.
    OtherServices,
}

/// What the world is to do for the coordinator.
#[derive(Debug)]
pub enum Order {
    ReadLists,
    Send {
        number: u64,
        address: IpAddr,
        action: Action,
    },
    Attempt {
        address: IpAddr,
        worker: u64,
        service: usize,
        timeout: Duration,
    },
    WakeWorker {
        address: IpAddr,
        worker: u64,
        at: Instant,
    },
    Timer(Instant),
}

pub struct Coordinator {
    pub fleet: Fleet,
    services: usize,
    /// By the backend's number.
    pub logins: Vec<Option<Login>>,
    habits: Habits,
    ledger: BTreeMap<IpAddr, Memory>,
    workers: BTreeMap<IpAddr, Worker>,
    workers_started: u64,
    /// Findings that nobody has taken up yet.
    desk: Vec<(IpAddr, Finding)>,
    watch: Watch,
    reading: bool,
    due: Instant,
    sent: u64,
    under_way: BTreeMap<IpAddr, (u64, Action)>,
    pub holds: BTreeMap<IpAddr, Hold>,
    /// Those that hold, whether or not they are worth a line yet.
    pub alarms: Alarms,
    timer: Option<Instant>,
    /// The second of the wall clock at an instant.
    clock: Clock,
    chance: Chance,
    orders: Vec<Order>,
}

/// The clock of a machine: that of its director, too.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub start: Instant,
    pub at_start: Duration,
}

impl Clock {
    pub fn second(&self, now: Instant) -> u64 {
        (self.at_start + (now - self.start)).as_secs()
    }
}

fn has_ended(hold: &Hold, now: Instant) -> bool {
    hold.until.map_or(false, |until| until <= now)
}

struct Worker {
    number: u64,
    services: usize,
    schedule: Schedule,
    attempting: bool,
    demanded: bool,
    /// Orders that wait for the end of an attempt.
    reloads: Vec<Reload>,
    /// What its attempt finds is of services that are checked no longer.
    outdated: bool,
    wakes: Option<Instant>,
    routine: Routine,
}

impl Worker {
    fn on_reload(&mut self, reload: Reload) {
        match reload {
            Reload::Pace(pace) => self.schedule.on_settings(pace, self.services),
            Reload::OtherServices => {
                self.schedule.on_other_services();
                self.routine = Routine::default();
            }
        }
    }
}

/// `src/worker/desk.rs`: a healthy round of a backend that was healthy before wakes nobody, unless
/// it was asked for.
#[derive(Default)]
struct Routine {
    verdict: Option<Verdict>,
    asked: Option<Instant>,
}

impl Routine {
    fn is_news(&mut self, finding: &Finding) -> bool {
        let asked = self.asked.is_some();
        let verdict = match (&finding.outcome.result, &finding.verdict) {
            (Err(_), _) => {
                self.verdict = None;
                return true;
            }
            (Ok(_), None) => return asked || self.verdict.is_none(),
            (Ok(_), Some(verdict)) => verdict,
        };
        if self
            .asked
            .map_or(false, |asked| asked <= finding.round_began)
        {
            self.asked = None;
        }
        let is_news = asked || self.verdict.as_ref() != Some(verdict);
        self.verdict = Some(verdict.clone());
        is_news
    }
}

impl Coordinator {
    pub fn new(
        habits: Habits,
        services: usize,
        ledger: BTreeMap<IpAddr, Memory>,
        clock: Clock,
        seed: u64,
        now: Instant,
    ) -> Coordinator {
        Coordinator {
            fleet: Fleet::new(habits.rules),
            services,
            logins: Vec::new(),
            habits,
            ledger,
            workers: BTreeMap::new(),
            workers_started: 0,
            desk: Vec::new(),
            watch: Watch::default(),
            reading: false,
            due: now,
            sent: 0,
            under_way: BTreeMap::new(),
            holds: BTreeMap::new(),
            alarms: Alarms::new(),
            timer: None,
            clock,
            chance: Chance::new(seed),
            orders: Vec::new(),
        }
    }

    pub fn ledger(&self) -> &BTreeMap<IpAddr, Memory> {
        &self.ledger
    }

    /// What follows every event: holds that have ended, lists that are due, the next timer.
    pub fn turn(&mut self, now: Instant) -> Vec<Order> {
        self.review_holds_that_ended(now);
        self.read_lists_when_due(now);
        self.alarms = policy::alarms(&mut self.fleet, now);
        let ends = self.holds.values().filter_map(|hold| hold.until);
        let reading = match self.reading {
            true => now + READING_INTERVAL,
            false => self.due,
        };
        let next = ends.fold(reading, Instant::min);
        if self
            .timer
            .map_or(true, |timer| timer <= now || next < timer)
        {
            assert!(next > now, "a hold that has ended and is held would spin");
            self.timer = Some(next);
            self.orders.push(Order::Timer(next));
        }
        std::mem::take(&mut self.orders)
    }

    pub fn on_outcome(
        &mut self,
        address: IpAddr,
        worker: u64,
        outcome: Outcome,
        now: Instant,
    ) -> Option<Finding> {
        let found = match self.workers.get_mut(&address) {
            Some(found) if found.number == worker => found,
            _ => return None,
        };
        found.attempting = false;
        let finding = found.schedule.on_outcome(outcome);
        let is_news = found.routine.is_news(&finding);
        for reload in std::mem::take(&mut found.reloads) {
            found.on_reload(reload);
        }
        if std::mem::take(&mut found.demanded) {
            found.routine.asked = Some(now);
            found.schedule.on_demand(now);
        }
        let is_dropped = std::mem::take(&mut found.outdated);
        self.drive(address, now);
        if is_dropped {
            return None;
        }
        self.desk.push((address, finding.clone()));
        if is_news {
            self.wake(now);
        }
        Some(finding)
    }

    pub fn on_reload(&mut self, reload: Reload, now: Instant) {
        self.wake(now);
        match reload {
            Reload::Pace(pace) => self.habits.pace = pace,
            Reload::OtherServices => self.fleet.on_other_services(),
        }
        let addresses: Vec<IpAddr> = self.workers.keys().copied().collect();
        for address in addresses {
            let worker = match self.workers.get_mut(&address) {
                Some(worker) => worker,
                None => continue,
            };
            if worker.attempting {
                worker.outdated |= matches!(reload, Reload::OtherServices);
                worker.reloads.push(reload);
            } else {
                worker.on_reload(reload);
                self.drive(address, now);
            }
            self.review(address, now);
        }
    }

    /// The pace of the readings is the watch's, and wakes nobody.
    pub fn on_timer(&mut self, now: Instant) {
        if self.holds.values().any(|hold| has_ended(hold, now)) {
            self.wake(now);
        }
    }

    /// Whatever wakes it, what it knows is up to date.
    fn wake(&mut self, now: Instant) {
        self.take_reports(now);
        if let Some(reading) = self.watch.take() {
            self.on_reading(reading, now);
        }
    }

    fn take_reports(&mut self, now: Instant) {
        let reports = std::mem::take(&mut self.desk);
        for (address, finding) in &reports {
            self.on_report(*address, finding, now);
        }
        if reports.iter().any(|(_, finding)| finding.verdict.is_some()) {
            let held: Vec<IpAddr> = self.holds.keys().copied().collect();
            for address in held {
                self.review(address, now);
            }
        }
    }

    fn on_report(&mut self, address: IpAddr, finding: &Finding, now: Instant) {
        self.fleet.on_finding(address, finding);
        if finding.outcome.result.is_err() {
            if let Some(control) = policy::control(&mut self.fleet, address) {
                self.probe_now(control, now);
            }
        }
        self.review(address, now);
    }

    pub fn on_wake(&mut self, address: IpAddr, worker: u64, now: Instant) {
        match self.workers.get(&address) {
            Some(found) if found.number == worker && !found.attempting => self.drive(address, now),
            _ => {}
        }
    }

    /// Both lists, or that the director does not answer.
    pub fn on_lists(&mut self, lists: Option<Lists>, began: Instant, now: Instant) {
        self.reading = false;
        let readings = self.watch.on_lists(lists, began);
        if readings.is_empty() {
            return;
        }
        self.take_reports(now);
        for reading in readings {
            self.on_reading(reading, now);
        }
    }

    fn on_reading(&mut self, (lists, began): Reading, now: Instant) {
        match lists {
            None => self.fleet.on_sync(Sync::Silent),
            Some((hosts, ring)) => {
                self.fleet.on_sync(match ring.state() {
                    RingState::Synced => Sync::Synced,
                    _ => Sync::Unsynced,
                });
                self.fleet.on_turn_delay(policy::turn_delay(&ring));
                let changes = self.fleet.on_list(hosts, began);
                for address in &changes.joined {
                    let memory = self.ledger.get(address).copied().unwrap_or_default();
                    let second = Stamp(self.clock.second(now));
                    self.fleet.on_remembered(*address, memory, second, now);
                    self.start_worker(*address, now);
                }
                self.remember();
            }
        }
        let addresses: Vec<IpAddr> = self.fleet.members().map(|(address, _)| address).collect();
        for address in addresses {
            self.review(address, now);
        }
        self.watch.changes_only = self.holds.is_empty()
            && self.under_way.is_empty()
            && self.fleet.sync() == Sync::Synced
            && self.fleet.is_at_rest();
    }

    fn want_lists(&mut self, now: Instant) {
        self.due = now;
        self.watch.ask();
    }

    pub fn on_answer(
        &mut self,
        number: u64,
        address: IpAddr,
        answer: Answer,
        now: Instant,
    ) -> bool {
        self.wake(now);
        let action = match self.under_way.get(&address) {
            Some((sent, action)) if *sent == number => *action,
            _ => return false,
        };
        self.under_way.remove(&address);
        self.fleet.on_answer(address, action, answer, now);
        self.want_lists(now);
        true
    }

    fn read_lists_when_due(&mut self, now: Instant) {
        if self.reading || now < self.due {
            return;
        }
        self.due = now + READING_INTERVAL;
        self.reading = true;
        self.watch.on_begun();
        self.orders.push(Order::ReadLists);
    }

    fn remember(&mut self) {
        for (address, member) in self.fleet.members() {
            let memory = member.memory();
            if memory == Memory::default() {
                self.ledger.remove(&address);
            } else {
                self.ledger.insert(address, memory);
            }
        }
    }

    fn review(&mut self, address: IpAddr, now: Instant) {
        match policy::decide(&mut self.fleet, address, now) {
            Decision::Act(action) => {
                self.holds.remove(&address);
                self.send(address, action, now);
            }
            Decision::Hold(hold) => {
                match &hold.need {
                    Some(Need::Probe(addresses)) => {
                        for address in addresses {
                            self.probe_now(*address, now);
                        }
                    }
                    Some(Need::List) => self.want_lists(now),
                    None => {}
                }
                self.holds.insert(address, hold);
            }
            Decision::Nothing => {
                self.holds.remove(&address);
            }
        }
    }

    fn review_holds_that_ended(&mut self, now: Instant) {
        let held = self.holds.iter().filter(|(_, hold)| has_ended(hold, now));
        let addresses: Vec<IpAddr> = held.map(|(address, _)| *address).collect();
        for address in addresses {
            self.review(address, now);
        }
    }

    fn send(&mut self, address: IpAddr, action: Action, now: Instant) {
        let second = Stamp(self.clock.second(now));
        self.fleet.on_sent(address, action, second, now);
        self.remember();
        self.sent += 1;
        let number = self.sent;
        self.under_way.insert(address, (number, action));
        self.orders.push(Order::Send {
            number,
            address,
            action,
        });
    }

    fn probe_now(&mut self, address: IpAddr, now: Instant) {
        if !self.fleet.ask(address, now) {
            return;
        }
        if let Some(worker) = self.workers.get_mut(&address) {
            if worker.attempting {
                worker.demanded = true;
            } else {
                worker.routine.asked = Some(now);
                worker.schedule.on_demand(now);
                self.drive(address, now);
            }
        }
    }

    fn start_worker(&mut self, address: IpAddr, now: Instant) {
        self.workers_started += 1;
        let login = self.logins.get(number_of(address)).copied().flatten();
        self.fleet.on_login(address, login);
        let spread = Spread::new(self.chance.roll() | 1);
        let worker = Worker {
            number: self.workers_started,
            services: self.services,
            schedule: Schedule::new(self.habits.pace, self.services, spread, now),
            attempting: false,
            demanded: false,
            reloads: Vec::new(),
            outdated: false,
            wakes: None,
            routine: Routine::default(),
        };
        self.workers.insert(address, worker);
        self.drive(address, now);
    }

    /// `src/worker.rs`: ask the schedule, probe or wait.
    fn drive(&mut self, address: IpAddr, now: Instant) {
        let worker = match self.workers.get_mut(&address) {
            Some(worker) => worker,
            None => return,
        };
        let number = worker.number;
        match worker.schedule.next(now) {
            Next::Attempt { service, timeout } => {
                worker.attempting = true;
                worker.wakes = None;
                self.orders.push(Order::Attempt {
                    address,
                    worker: number,
                    service,
                    timeout,
                });
            }
            Next::Wait { until } if worker.wakes != Some(until) => {
                worker.wakes = Some(until);
                self.orders.push(Order::WakeWorker {
                    address,
                    worker: number,
                    at: until,
                });
            }
            Next::Wait { .. } => {}
        }
    }
}
