//! The workers of a monitor in virtual time: the program's own schedules, whose attempts are orders to the world.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Instant;

use poolmon::config::settings::Pace;
use poolmon::monitor::{Input, Report};
use poolmon::outcome::Outcome;
use poolmon::schedule::{Depth, Finding, Next, Schedule, Spread};
use poolmon::target::Target;

use super::terms::place_of;
use super::{Monitor, Order};

/// `src/worker.rs`, without its thread.
pub(super) struct Worker {
    /// As it was started.
    pub(super) born_as: u64,
    /// As it reports.
    pub(super) number: u64,
    /// As it is to report once it has taken up its latest instruction.
    pub(super) instructed: u64,
    pub(super) target: Target,
    pub(super) schedule: Schedule,
    /// Of the attempt that is being made.
    pub(super) depth: Depth,
    pub(super) attempting: bool,
    /// What waits for the end of an attempt.
    pub(super) mail: VecDeque<Mail>,
    pub(super) wakes: Option<Instant>,
}

pub(super) enum Mail {
    ProbeNow,
    TakeUp {
        target: Target,
        pace: Pace,
        number: u64,
    },
}

impl Worker {
    fn obey(&mut self, mail: Mail, now: Instant) {
        match mail {
            Mail::ProbeNow => self.schedule.on_demand(now),
            Mail::TakeUp {
                target,
                pace,
                number,
            } => {
                self.schedule.on_settings(pace, target.services.len());
                if target.account != self.target.account {
                    self.schedule.on_other_login();
                }
                if target.services != self.target.services {
                    self.schedule.on_other_services();
                }
                (self.target, self.number) = (target, number);
            }
        }
    }
}

impl Monitor {
    /// Its worker of that birth has made an attempt. Returns what it found, unless nobody takes it in.
    pub fn on_outcome(
        &mut self,
        address: IpAddr,
        worker: u64,
        outcome: Outcome,
        now: Instant,
    ) -> Option<Finding> {
        let found = match self.workers.get_mut(&address) {
            Some(found) if found.born_as == worker => found,
            _ => return None,
        };
        found.attempting = false;
        if found.depth == Depth::Greeting && outcome.result.is_ok() {
            found.schedule.on_greeted(&outcome);
            while let Some(mail) = found.mail.pop_front() {
                found.obey(mail, now);
            }
            self.drive(address, now);
            return None;
        }
        let finding = found.schedule.on_outcome(outcome);
        let report = Report {
            address,
            worker: found.number,
            finding: finding.clone(),
            next: found.schedule.next_attempt(),
            retry: found.schedule.retry(),
        };
        let is_taken_in = found.number == found.instructed;
        while let Some(mail) = found.mail.pop_front() {
            found.obey(mail, now);
        }
        self.drive(address, now);
        self.tell(Input::Found(Box::new(report)), now);
        is_taken_in.then_some(finding)
    }

    pub fn on_wake(&mut self, address: IpAddr, worker: u64, now: Instant) {
        match self.workers.get(&address) {
            Some(found) if found.born_as == worker && !found.attempting => self.drive(address, now),
            _ => {}
        }
    }

    pub(super) fn order_worker(&mut self, address: IpAddr, mail: Mail, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&address) {
            if worker.attempting {
                worker.mail.push_back(mail);
            } else {
                worker.obey(mail, now);
                self.drive(address, now);
            }
        }
    }

    pub(super) fn start_worker(&mut self, target: Target, number: u64, now: Instant) {
        let spread = Spread::new(self.chance.roll() | 1);
        let (address, services) = (target.address, target.services.len());
        let worker = Worker {
            born_as: number,
            number,
            instructed: number,
            target,
            schedule: Schedule::new(self.pace, services, spread, now),
            attempting: false,
            depth: Depth::Whole,
            mail: VecDeque::new(),
            wakes: None,
        };
        self.workers.insert(address, worker);
        self.drive(address, now);
    }

    /// Asks the schedule, and probes or waits.
    fn drive(&mut self, address: IpAddr, now: Instant) {
        let worker = match self.workers.get_mut(&address) {
            Some(worker) => worker,
            None => return,
        };
        let born_as = worker.born_as;
        match worker.schedule.next(now) {
            Next::Attempt {
                service,
                timeout,
                depth,
            } => {
                worker.attempting = true;
                worker.depth = depth;
                worker.wakes = None;
                let service = place_of(worker.target.services[service]);
                self.orders.push(Order::Attempt {
                    address,
                    worker: born_as,
                    service,
                    timeout,
                    depth,
                });
            }
            Next::Wait { until } if worker.wakes != Some(until) => {
                worker.wakes = Some(until);
                self.orders.push(Order::WakeWorker {
                    address,
                    worker: born_as,
                    at: until,
                });
            }
            Next::Wait { .. } => {}
        }
    }
}
