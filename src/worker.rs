//! The thread of one backend: ask the schedule, probe, report, wait.
//!
//! It shares nothing with other backends' threads but the limit on attempts at once (`probe_limit`), and never speaks
//! to the director. A probe that hangs delays this thread alone.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::IpAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::config::settings::Pace;
use crate::descriptors;
use crate::mailbox::{self, Mail, Mailbox};
use crate::monitor::Report;
use crate::outcome::{Failure, Fault, Outcome, Stage};
use crate::probe::Prober;
use crate::schedule::{Depth, Next, Schedule, Spread};
use crate::service::{Security, Service};
use crate::target::Target;

mod probe_limit;
mod timer_slack;

use probe_limit::ProbeLimit;
use timer_slack::TimerSlack;

/// OpenSSL's handshake is the deepest call; measured, it needs less than a quarter of this.
const STACK: usize = 256 * 1024;

/// What every worker is given: how to probe, and how often.
#[derive(Clone)]
pub struct Task {
    /// When a worker probes. It is taken anew at each reload.
    pub pace: Pace,
    /// How an attempt is made; shared by all workers.
    pub prober: Arc<Prober>,
}

/// What limits all workers together: how many attempts are made at once, and when the first ones begin.
#[derive(Clone)]
pub struct AttemptLimits {
    timer_slack: TimerSlack,
    probe_limit: ProbeLimit,
}

/// At most so many first rounds begin at one moment (they are 20 ms apart). Where all backends answer, they end within it. A round with
/// TLS costs both sides eight times as much; more of them at once would only wait for the CPU and hold memory.
const FIRST_ROUNDS: usize = 250;
const FIRST_ROUNDS_WITH_TLS: usize = 20;

impl AttemptLimits {
    pub fn new(now: Instant) -> AttemptLimits {
        AttemptLimits {
            timer_slack: TimerSlack::new(now),
            probe_limit: ProbeLimit::new(descriptors::for_probes()),
        }
    }

    /// How many attempts there can be at once.
    pub fn most(&self) -> usize {
        self.probe_limit.most()
    }

    /// When the worker at this place of the batch being started makes its first attempt, and under which limit.
    /// The places count from 0.
    pub fn first_round(&self, now: Instant, place: usize, target: &Target) -> FirstRound {
        let mut services = target.services.iter();
        let is_plain = services.all(|service| match service {
            Service::Port(port) => port.security == Security::Plain,
            Service::Delivery { .. } => false,
        });
        let at_a_moment = match is_plain && target.account.is_none() {
            true => FIRST_ROUNDS,
            // A login is worth TLS to most servers.
            false => FIRST_ROUNDS_WITH_TLS,
        };
        let moments = u32::try_from(place / at_a_moment).unwrap_or(u32::MAX);
        FirstRound {
            first: TimerSlack::later(now, moments),
            limits: self.clone(),
        }
    }
}

/// When a worker begins, and how it goes on.
pub struct FirstRound {
    first: Instant,
    limits: AttemptLimits,
}

/// What a worker has to say.
#[derive(Clone, Debug)]
pub enum Word {
    Found(Box<Report>),
    /// Its thread has ended by a defect: nothing more will come from it.
    Ended {
        address: IpAddr,
        /// The number that it was started with.
        born_as: u64,
    },
}

enum Order {
    ProbeNow,
    TakeUp(Box<(Target, Task, u64)>),
}

/// A running worker. Dropping it stops the thread: at once if it waits, else when its attempt ends.
pub struct Worker {
    orders: mailbox::Sender<Order>,
}

impl Worker {
    /// Starts the thread; its first round begins at `first_round.first`.
    pub fn start(
        target: Target,
        number: u64,
        task: Task,
        words: Sender<Word>,
        first_round: FirstRound,
    ) -> io::Result<Worker> {
        let (orders, mailbox) = mailbox::mailbox();
        let name = format!("backend {}", target.address);
        let ended = Word::Ended {
            address: target.address,
            born_as: number,
        };
        let last_word = words.clone();
        let thread = Box::new(Thread {
            target,
            number,
            task,
            mailbox,
            words,
            first_round,
        });
        thread::Builder::new()
            .name(name)
            .stack_size(STACK)
            .spawn(move || {
                guard(
                    move || thread.run(),
                    || {
                        // At the end of the program nobody listens.
                        let _ = last_word.send(ended);
                    },
                );
            })?;
        Ok(Worker { orders })
    }

    /// Asks for evidence younger than now.
    pub fn probe_now(&self) {
        self.orders.send(Order::ProbeNow);
    }

    /// From the next attempt on, probe this target, with this prober, at this pace. Nothing found out
    /// so far is forgotten. The number is the old one, or a new one where what is still on its way
    /// from before is not to be mixed up with what comes after.
    pub fn take_up(&self, target: Target, task: Task, number: u64) {
        self.orders
            .send(Order::TakeUp(Box::new((target, task, number))));
    }
}

/// A panic ends the thread, and is told of; the log has it already.
fn guard(run: impl FnOnce(), on_panic: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        on_panic();
    }
}

struct Thread {
    target: Target,
    number: u64,
    task: Task,
    mailbox: Mailbox<Order>,
    words: Sender<Word>,
    first_round: FirstRound,
}

impl Thread {
    /// On the heap, as is the schedule, and apart from an attempt: what stands on the stack here stands there
    /// under every attempt, in pages of its own for each of the threads.
    fn run(mut self: Box<Self>) {
        let services = self.target.services.len();
        let spread = Spread::new(random_seed());
        let mut schedule = Box::new(Schedule::new(
            pace_of(&self.task, &self.target),
            services,
            spread,
            self.first_round.first,
        ));
        loop {
            match self.mailbox.look() {
                Mail::Order(order) => {
                    self.obey(order, &mut schedule);
                    continue;
                }
                Mail::Closed => return,
                Mail::Nothing => {}
            }
            match schedule.next(Instant::now()) {
                Next::Attempt {
                    service,
                    timeout,
                    depth,
                } => {
                    let outcome = self.attempt(service, timeout, depth);
                    if depth == Depth::Greeting && outcome.result.is_ok() {
                        schedule.on_greeted(&outcome);
                        continue;
                    }
                    let report = self.report(&mut schedule, outcome);
                    if self.words.send(Word::Found(report)).is_err() {
                        return;
                    }
                }
                Next::Wait { until } => {
                    match self
                        .mailbox
                        .wait(self.first_round.limits.timer_slack.from(until))
                    {
                        Mail::Order(order) => self.obey(order, &mut schedule),
                        Mail::Closed => return,
                        Mail::Nothing => {}
                    }
                }
            }
        }
    }

    fn obey(&mut self, order: Order, schedule: &mut Schedule) {
        match order {
            Order::ProbeNow => schedule.on_demand(Instant::now()),
            Order::TakeUp(new) => {
                let (target, task, number) = *new;
                schedule.on_settings(pace_of(&task, &target), target.services.len());
                if target.account != self.target.account {
                    schedule.on_other_login();
                }
                if !self.target.is_checked_like(&target) {
                    schedule.on_other_services();
                }
                (self.target, self.task, self.number) = (target, task, number);
            }
        }
    }

    #[inline(never)]
    fn report(&self, schedule: &mut Schedule, outcome: Outcome) -> Box<Report> {
        Box::new(Report {
            address: self.target.address,
            worker: self.number,
            finding: schedule.on_outcome(outcome),
            next: schedule.next_attempt(),
            retry: schedule.retry(),
        })
    }

    #[inline(never)]
    fn attempt(&self, service: usize, timeout: Duration, depth: Depth) -> Outcome {
        let target = &self.target;
        let _inside = self.first_round.limits.probe_limit.enter();
        attempt(
            &self.task.prober,
            target,
            &target.services[service],
            timeout,
            depth,
        )
    }
}

/// Where nobody logs in, there is nothing to do less often.
fn pace_of(task: &Task, target: &Target) -> Pace {
    let mut pace = task.pace;
    if target.account.is_none() {
        pace.login_interval = Duration::ZERO;
    }
    pace
}

/// A panic in a probe is an outcome like any other, so that this backend stays watched.
#[inline(never)]
pub(crate) fn attempt(
    prober: &Prober,
    target: &Target,
    service: &Service,
    timeout: Duration,
    depth: Depth,
) -> Outcome {
    let began = Instant::now();
    let attempt = || match depth {
        Depth::Whole => prober.attempt(target, service, timeout),
        Depth::Greeting => prober.greet(target, service, timeout),
    };
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| {
        let latency = began.elapsed().max(Duration::from_nanos(1));
        let panicked = Failure::new(Stage::Prepare, Fault::Panicked);
        Outcome::new(began, latency, Err(panicked))
    })
}

/// Never zero. std's hasher keys are random for each process and differ from call to call.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_leaves_word_and_one_that_ends_does_not() {
        let mut told = 0;
        guard(|| {}, || told += 1);
        assert_eq!(told, 0);
        guard(|| panic!("a test"), || told += 1);
        assert_eq!(told, 1);
    }
}
