//! The workers: one for each backend that is to be probed, as far as there are threads for them.
//!
//! It says which are to be started and stopped; what they report is not its business.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Engine, Notice, Output};
use crate::schedule::Retry;
use crate::target::Target;

/// How long after a thread could not be started the next one is tried.
const NO_THREAD_PAUSE: Duration = Duration::from_secs(10);

/// How many threads are left to commands, scripts and other programs where there are not enough for all backends.
const SPARE_THREADS: usize = 8;
const MOST_SPARE_THREADS: usize = 200;

/// A worker that has been started, as far as the engine knows.
#[derive(Debug)]
pub(super) struct Worker {
    /// The number that its reports bear.
    pub(super) number: u64,
    /// The number that it was started with. It keeps it when `number` changes.
    pub(super) born_as: u64,
    /// When it makes its next attempt, as far as it has reported.
    pub(super) next_check: Option<Instant>,
    /// The service that it tries again then.
    pub(super) retry: Option<Retry>,
}

/// No thread could be started.
#[derive(Debug)]
pub(super) struct NoThread {
    /// It is not tried again before.
    pub(super) until: Instant,
    /// What the system said.
    pub(super) cause: String,
}

impl Engine {
    /// Starts a worker for every listed backend that is to be probed and has none, as far as there are threads. The
    /// rest are tried again later.
    pub(super) fn start_workers(&mut self) {
        let now = self.now.instant;
        for address in self.left_alone() {
            self.backends.on_left_alone(address);
            self.note_standing(address, now);
        }
        if self
            .no_thread
            .as_ref()
            .map_or(true, |lack| now >= lack.until)
        {
            self.no_thread = None;
            for (place, target) in self.unwatched().into_iter().enumerate() {
                self.start_worker(target, place);
            }
        }
        self.note_few_descriptors();
    }

    /// Every worker has its backend in the list, so that it is known how many there are: mostly none.
    fn without_worker(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let members = self.backends.members();
        let missing = members.len().saturating_sub(self.workers.len());
        members
            .map(|(address, _)| address)
            .filter(|address| !self.workers.contains_key(address))
            .take(missing)
    }

    fn left_alone(&self) -> Vec<IpAddr> {
        self.without_worker()
            .filter(|address| self.targets.target(*address).is_none())
            .collect()
    }

    fn unwatched(&self) -> Vec<Target> {
        self.without_worker()
            .filter(|address| !self.restarts.is_pausing(*address))
            .filter_map(|address| self.targets.target(address))
            .collect()
    }

    /// Nothing that it found out counts any more: its backend is unknown until another worker has
    /// judged it anew.
    pub(super) fn on_worker_ended(&mut self, address: IpAddr, born_as: u64) {
        match self.workers.get(&address) {
            Some(worker) if worker.born_as == born_as => {}
            _ => return,
        }
        self.workers.remove(&address);
        self.forget_findings(address);
        let pause = self.restarts.on_ended(address, self.now.instant);
        self.error(format!(
            "{address} is not checked: its thread has ended by the defect logged before; the backend stays \
             as it is until the thread is started again, in {} s",
            pause.as_secs()
        ));
        self.review_all();
    }

    /// Nobody probes it for now: it is unknown until another worker has judged it anew.
    fn forget_findings(&mut self, address: IpAddr) {
        self.history.forget(address);
        self.records.on_unwatched(address);
        self.backends.on_worker_ended(address);
        self.note_standing(address, self.now.instant);
    }

    pub(super) fn restart_workers_when_due(&mut self) {
        if self.restarts.on_time(self.now.instant) {
            self.start_workers();
        }
    }

    /// `place`: how many are started before it now.
    fn start_worker(&mut self, target: Target, place: usize) {
        self.workers_started += 1;
        let (address, number) = (target.address, self.workers_started);
        self.on_login(&target);
        let worker = Worker {
            number,
            born_as: number,
            next_check: None,
            retry: None,
        };
        self.workers.insert(address, worker);
        self.put(Output::StartWorker {
            target,
            number,
            place,
        });
    }

    /// The workers that were to be started after this one are not started, and some that were started last
    /// are stopped again: the threads that read the pool's lists and send commands need room, too.
    pub(super) fn on_worker_not_started(&mut self, address: IpAddr, number: u64, cause: String) {
        // By the number that it was to be started with: a reload in the same turn has given it another.
        if self.workers.get(&address).map(|worker| worker.born_as) != Some(number) {
            return;
        }
        let mut not_started = BTreeSet::from([number]);
        self.outputs.retain(|output| match output {
            Output::StartWorker { number, .. } => {
                not_started.insert(*number);
                false
            }
            _ => true,
        });
        self.workers
            .retain(|_, worker| !not_started.contains(&worker.born_as));
        let spare = (self.workers.len() / 16).clamp(SPARE_THREADS, MOST_SPARE_THREADS);
        let mut numbers: Vec<u64> = self.workers.values().map(|worker| worker.number).collect();
        numbers.sort_unstable();
        let first_spared = numbers.len().saturating_sub(spare);
        if let Some(first) = numbers.get(first_spared).copied() {
            let spared = self.workers.iter().filter(|(_, one)| one.number >= first);
            let spared: Vec<IpAddr> = spared.map(|(address, _)| *address).collect();
            for address in spared {
                self.workers.remove(&address);
                self.put(Output::StopWorker(address));
                self.forget_findings(address);
            }
        }
        self.no_thread = Some(NoThread {
            until: self.now.instant + NO_THREAD_PAUSE,
            cause,
        });
    }

    /// The backends that ought to be probed and are not, because no more threads can be started.
    pub(super) fn not_watched_for_want_of_threads(&self) -> BTreeSet<IpAddr> {
        match self.no_thread {
            Some(_) => self.unwatched().iter().map(|one| one.address).collect(),
            None => BTreeSet::new(),
        }
    }

    fn note_few_descriptors(&mut self) {
        let (most, all) = (self.most_at_once, self.workers.len());
        if all <= most {
            if self.notices.lower(&Notice::FewDescriptors) {
                self.always("all backends can be checked at once again".to_owned());
            }
        } else {
            let line = format!(
                "no more than {most} of {all} backends can be checked at once, the others wait meanwhile: \
                 too few file descriptors; allow more (ulimit -n, LimitNOFILE=)"
            );
            self.raise(Notice::FewDescriptors, line);
        }
    }

    /// It is not to be probed any more.
    pub(super) fn stop_worker(&mut self, address: IpAddr) {
        if self.workers.remove(&address).is_some() {
            self.put(Output::StopWorker(address));
        }
        self.history.forget(address);
        self.records.on_unwatched(address);
        self.local_faults.forget(address, self.now.instant);
        self.lift_hold(address);
    }

    pub(super) fn on_left(&mut self, address: IpAddr) {
        self.stop_worker(address);
        self.commands.forget(address);
        self.restarts.forget(address);
        self.said_failures.forget(address);
        self.said_answers.forget(address);
        self.records.forget(address);
        self.always(format!("{address} is no longer listed"));
    }
}
