//! The workers: one thread for each backend that is to be probed, as far as there are threads.
//!
//! It starts and stops them; what they report is not its business.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use log::error;

use super::{Coordinator, Notice};
use crate::logging::always;
use crate::target::Target;
use crate::worker::{Ended, Worker};

/// Between two tries to watch those backends for which there was no thread.
const FULL_CREW_PAUSE: Duration = Duration::from_secs(10);

/// How many threads are left to others where there are not enough.
const SPARE_THREADS: usize = 8;
const MOST_SPARE_THREADS: usize = 200;

impl Coordinator {
    /// Every listed backend has a worker, but for those that the roster leaves alone, as far as there are
    /// threads; the others are tried again.
    pub(super) fn start_workers(&mut self) {
        let now = Instant::now();
        for address in self.left_alone() {
            self.fleet.on_left_alone(address);
        }
        if self.crew_is_full_until.map_or(true, |until| now >= until) {
            self.crew_is_full_until = None;
            for (number, target) in self.unwatched().into_iter().enumerate() {
                if let Err(cause) = self.start_worker(target, number, now) {
                    self.on_full_crew(&cause, now);
                    return;
                }
            }
            self.full_crew_cause = None;
        }
        self.note_few_descriptors(now);
    }

    fn without_worker(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let members = self.fleet.members().map(|(address, _)| address);
        members.filter(|address| !self.workers.contains_key(address))
    }

    fn left_alone(&self) -> Vec<IpAddr> {
        self.without_worker()
            .filter(|address| self.roster.target(*address).is_none())
            .collect()
    }

    fn unwatched(&self) -> Vec<Target> {
        self.without_worker()
            .filter(|address| !self.restarts.is_pausing(*address))
            .filter_map(|address| self.roster.target(address))
            .collect()
    }

    /// Nothing that it found out counts any more: its backend is unknown until another worker has
    /// judged it anew.
    pub(super) fn on_worker_ended(&mut self, ended: Ended) {
        let address = ended.address;
        match self.workers.get(&address) {
            Some(worker) if worker.is(&ended) => {}
            _ => return,
        }
        self.workers.remove(&address);
        self.history.forget(address);
        self.fleet.on_left_alone(address);
        let pause = self.restarts.on_ended(address, Instant::now());
        error!(
            "{address}: the thread that probes it has ended by the defect logged before; its state is \
             unknown until the thread is started again, in {} s",
            pause.as_secs()
        );
        self.review_all();
    }

    pub(super) fn restart_workers_when_due(&mut self) {
        if self.restarts.on_time(Instant::now()) {
            self.start_workers();
        }
    }

    /// The one of that number of those started now.
    fn start_worker(&mut self, target: Target, number: usize, now: Instant) -> io::Result<()> {
        self.workers_started += 1;
        let address = target.address;
        let account = target.account.as_deref();
        let login = account.map(|account| self.logins.number(account));
        self.fleet.on_login(address, login);
        let entry = self.traffic.entry(now, number, &target);
        let (task, slot) = (self.task.clone(), self.desk.slot());
        let worker = Worker::start(target, self.workers_started, task, slot, entry)?;
        self.workers.insert(address, worker);
        if self.restarts.on_started(address) {
            always!("{address} is probed again");
        }
        Ok(())
    }

    /// Some of those started last are stopped again: who tells the director, and reads its lists,
    /// needs threads and memory too.
    fn on_full_crew(&mut self, cause: &io::Error, now: Instant) {
        let spare = (self.workers.len() / 16).clamp(SPARE_THREADS, MOST_SPARE_THREADS);
        let mut numbers: Vec<u64> = self.workers.values().map(Worker::number).collect();
        numbers.sort_unstable();
        let first_spared = numbers.len().saturating_sub(spare);
        if let Some(first) = numbers.get(first_spared).copied() {
            self.workers.retain(|_, worker| worker.number() < first);
        }
        self.crew_is_full_until = Some(now + FULL_CREW_PAUSE);
        self.full_crew_cause = Some(cause.to_string());
    }

    /// The backends that ought to be probed and are not, because no more threads can be started.
    pub(super) fn not_watched_for_want_of_threads(&self) -> BTreeSet<IpAddr> {
        match self.full_crew_cause {
            Some(_) => self.unwatched().iter().map(|one| one.address).collect(),
            None => BTreeSet::new(),
        }
    }

    fn note_few_descriptors(&mut self, now: Instant) {
        let most = self.traffic.most();
        if self.workers.len() <= most {
            if self.notices.lower(&Notice::FewDescriptors) {
                always!("all backends can be probed at once again");
            }
        } else if self.notices.raise(Notice::FewDescriptors, now) {
            error!(
                "no more than {most} of {} backends can be probed at once, the others wait meanwhile: \
                 too few file descriptors (ulimit -n, LimitNOFILE=)",
                self.workers.len()
            );
        }
    }

    pub(super) fn stop_worker(&mut self, address: IpAddr) {
        self.workers.remove(&address);
        self.history.forget(address);
        self.local_faults.forget(address, Instant::now());
        self.errands.forget(address);
        self.restarts.forget(address);
        self.said_failures.forget(address);
        self.lift_hold(address);
        always!("{address} is no longer listed");
    }
}
