//! The thread of one backend: ask the schedule, probe, report, wait.
//!
//! It shares nothing with other backends' threads and never speaks to the director. A probe that
//! hangs delays this thread alone.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::IpAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use log::{log_enabled, Level};

use crate::config::settings::Pace;
use crate::inbox::{self, Inbox, Mail};
use crate::outcome::{Failure, Fault, Outcome, Stage};
use crate::probe::Prober;
use crate::schedule::{Finding, Next, Schedule, Spread};
use crate::target::Target;

mod beat;
mod desk;

pub use beat::Beat;
pub use desk::{Desk, Slot};

use desk::{Routine, Urgency};

/// OpenSSL's handshake is the deepest call; measured, it needs less than a quarter of this.
const STACK: usize = 256 * 1024;

/// What every worker is given: how to probe, and how often.
#[derive(Clone)]
pub struct Task {
    pub pace: Pace,
    pub prober: Arc<Prober>,
}

/// A finding, and whose it is.
#[derive(Clone, Debug)]
pub struct Report {
    pub address: IpAddr,
    /// The worker's number, so that what a stopped worker still sends can be told and dropped.
    pub worker: u64,
    pub finding: Finding,
}

enum Order {
    ProbeNow,
    TakeUp(Box<(Target, Task, u64)>),
}

/// A running worker. Dropping it stops the thread: at once if it waits, else when its attempt ends.
pub struct Worker {
    number: u64,
    orders: inbox::Sender<Order>,
}

impl Worker {
    /// Starts the thread; its first round begins at once.
    pub fn start(
        target: Target,
        number: u64,
        task: Task,
        slot: Slot,
        beat: Beat,
    ) -> io::Result<Worker> {
        let (orders, inbox) = inbox::inbox();
        let name = format!("backend {}", target.address);
        let thread = Thread {
            target,
            number,
            task,
            inbox,
            slot,
            beat,
            routine: Routine::default(),
        };
        thread::Builder::new()
            .name(name)
            .stack_size(STACK)
            .spawn(move || thread.run())?;
        Ok(Worker { number, orders })
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// Asks for evidence younger than now.
    pub fn probe_now(&self) {
        self.orders.send(Order::ProbeNow);
    }

    /// From the next attempt on, probe this target, with this prober, at this pace. Nothing found out
    /// so far is forgotten. The number is the old one, or a new one where what is still on its way
    /// from before is not to be mixed up with what comes after.
    pub fn take_up(&mut self, target: Target, task: Task, number: u64) {
        self.number = number;
        self.orders
            .send(Order::TakeUp(Box::new((target, task, number))));
    }
}

struct Thread {
    target: Target,
    number: u64,
    task: Task,
    inbox: Inbox<Order>,
    slot: Slot,
    beat: Beat,
    routine: Routine,
}

impl Thread {
    fn run(mut self) {
        let services = self.target.services.len();
        let spread = Spread::new(random_seed());
        let mut schedule = Schedule::new(self.task.pace, services, spread, Instant::now());
        loop {
            match self.inbox.look() {
                Mail::Order(order) => {
                    self.obey(order, &mut schedule);
                    continue;
                }
                Mail::Closed => return,
                Mail::Nothing => {}
            }
            match schedule.next(Instant::now()) {
                Next::Attempt { service, timeout } => {
                    let finding = schedule.on_outcome(self.attempt(service, timeout));
                    // With each probe in the log, each has its time there.
                    let urgency = match self.routine.urgency(&finding) {
                        Urgency::Routine if log_enabled!(Level::Debug) => Urgency::News,
                        urgency => urgency,
                    };
                    let report = Report {
                        address: self.target.address,
                        worker: self.number,
                        finding,
                    };
                    if !self.slot.put(report, urgency) {
                        return;
                    }
                }
                Next::Wait { until } => match self.inbox.wait(self.beat.from(until)) {
                    Mail::Order(order) => self.obey(order, &mut schedule),
                    Mail::Closed => return,
                    Mail::Nothing => {}
                },
            }
        }
    }

    fn obey(&mut self, order: Order, schedule: &mut Schedule) {
        match order {
            Order::ProbeNow => {
                let now = Instant::now();
                self.routine.on_asked(now);
                schedule.on_demand(now);
            }
            Order::TakeUp(new) => {
                let (target, task, number) = *new;
                schedule.on_settings(task.pace, target.services.len());
                if target.services != self.target.services {
                    schedule.on_other_services();
                    self.routine = Routine::default();
                }
                (self.target, self.task, self.number) = (target, task, number);
            }
        }
    }

    /// A panic in a probe is an outcome like any other, so that this backend stays watched.
    fn attempt(&self, service: usize, timeout: Duration) -> Outcome {
        let (target, prober) = (&self.target, &self.task.prober);
        let began = Instant::now();
        let attempt = || prober.attempt(target, &target.services[service], timeout);
        catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| Outcome {
            began,
            latency: began.elapsed().max(Duration::from_nanos(1)),
            delivery: None,
            result: Err(Failure::new(Stage::Prepare, Fault::Panicked)),
        })
    }
}

/// Never zero. std's hasher keys are random for each process and differ from call to call.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() | 1
}
