//! The only owner of the fleet's state, and the only one who tells the director anything.
//!
//! Probe outcomes, what the director says, signals and timers all come in as one closed `Event`;
//! each is taken in, the policy is asked, and what it decides is done. It never waits for another
//! process: threads elsewhere do, each with a deadline.

mod alarm_lines;
mod alarms;
mod crew;
mod dry_run;
mod errands;
mod lists;
mod local_faults;
mod log_lines;
mod logins;
mod memory;
mod reload;
mod restarts;
mod status;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crossbeam_channel::{select, unbounded, Receiver, Sender};
use log::debug;

use crate::config::roster::Roster;
use crate::config::settings::Settings;
use crate::daemon::Signal;
use crate::director::link::Heard;
use crate::history::History;
use crate::hook::Hooks;
use crate::ledger::{Clerk, Recorded};
use crate::logging::LogHandle;
use crate::notices::{Alarms, Notices};
use crate::notify::{self, ServiceManager};
use crate::policy::{self, Decision, Fleet, Hold, Need};
use crate::source::Source;
use crate::worker::{Desk, Ended, Report, Task, Traffic, Worker};

use alarms::{Review, Topic};
use dry_run::DryRun;
use errands::Errands;
use lists::Lists;
use local_faults::LocalFaults;
use log_lines::SaidFailures;
use logins::Logins;
use restarts::Restarts;

/// All that can wake the coordinator.
enum Event {
    /// Workers have put news on the desk, or the lists' thread has.
    News,
    /// A worker's thread has ended by a defect.
    WorkerEnded(Ended),
    /// The lists' thread has ended.
    WatchEnded,
    Heard(Heard),
    Recorded(Recorded),
    Signal(Signal),
    /// A time it has set itself, such as the end of a hold.
    Timer,
}

/// Longer than any wait is worth a thought.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// What is worth an error line while it lasts, once and then each hour, and shows itself in single
/// events. What follows from the state is an alarm (`alarms::Topic`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Notice {
    /// Nothing can be told to the director: failover is off.
    DirectorSilent,
    RingUnsynced,
    /// The ring's status is a word that we do not know.
    RingStatusUnknown,
    MalformedLines,
    LedgerUnwritable,
    /// Its disk keeps everybody waiting.
    LedgerSlow,
    /// No thread can be started to read the lists or to send a command.
    NoThread,
    /// Not all backends can be probed at once.
    FewDescriptors,
}

/// What is to be done, and where that was read.
pub struct Configuration {
    pub source: Source,
    pub settings: Settings,
    pub task: Task,
    pub roster: Roster,
}

/// Watches the backends until a signal says stop.
pub struct Coordinator {
    settings: Settings,
    /// What each worker is given.
    task: Task,
    roster: Roster,
    /// What the settings are read from again.
    source: Source,
    logins: Logins,
    log: LogHandle,
    fleet: Fleet,
    clerk: Clerk,
    workers: BTreeMap<IpAddr, Worker>,
    workers_started: u64,
    /// No thread could be started; it is not tried again before.
    crew_is_full_until: Option<Instant>,
    restarts: Restarts,
    /// Why, while some backends have no thread for that.
    full_crew_cause: Option<String>,
    lists: Lists,
    dry_run: DryRun,
    errands: Errands,
    held_review: Review,
    alarm_review: Review,
    /// The actions held back at present, so that a hold is logged when it begins.
    holds: BTreeMap<IpAddr, Hold>,
    alarms: Alarms<Topic>,
    notices: Notices<Notice>,
    local_faults: LocalFaults,
    said_failures: SaidFailures,
    /// Commands answered with `OK` after which the list showed another state.
    unobserved: u64,
    history: History,
    hooks: Hooks,
    desk: Desk,
    traffic: Traffic,
    heard: (Sender<Heard>, Receiver<Heard>),
    signals: Receiver<Signal>,
    service_manager: ServiceManager,
}

impl Coordinator {
    pub fn new(
        configuration: Configuration,
        clerk: Clerk,
        log: LogHandle,
        signals: Receiver<Signal>,
        service_manager: ServiceManager,
    ) -> Coordinator {
        let Configuration {
            source,
            settings,
            task,
            roster,
        } = configuration;
        Coordinator {
            fleet: Fleet::new(settings.rules),
            logins: Logins::default(),
            lists: Lists::new(Instant::now()),
            dry_run: DryRun::default(),
            errands: Errands::default(),
            workers: BTreeMap::new(),
            workers_started: 0,
            crew_is_full_until: None,
            restarts: Restarts::default(),
            full_crew_cause: None,
            held_review: Review::new(Instant::now()),
            alarm_review: Review::new(Instant::now()),
            holds: BTreeMap::new(),
            alarms: Alarms::new(),
            notices: Notices::new(),
            local_faults: LocalFaults::default(),
            said_failures: SaidFailures::default(),
            unobserved: 0,
            history: History::default(),
            hooks: Hooks::default(),
            desk: Desk::new(),
            traffic: Traffic::new(Instant::now()),
            heard: unbounded(),
            settings,
            task,
            roster,
            source,
            clerk,
            log,
            signals,
            service_manager,
        }
    }

    /// Runs until told to stop. Threads still in a probe are left to the end of the process: the
    /// longest would keep it for a whole timeout.
    pub fn run(mut self) {
        self.service_manager.tell(&notify::Message::Ready);
        loop {
            self.service_manager.keep_alive(Instant::now());
            self.tend_watch();
            let event = self.next_event();
            self.take_reports();
            self.take_readings();
            match event {
                Event::News | Event::Timer => {}
                Event::WorkerEnded(ended) => self.on_worker_ended(ended),
                Event::WatchEnded => self.on_watch_ended(),
                Event::Heard(heard) => self.on_answer(heard),
                Event::Recorded(recorded) => self.on_recorded(&recorded),
                Event::Signal(Signal::Stop) => break,
                Event::Signal(Signal::Reload) => self.reload(),
                Event::Signal(Signal::Status) => self.log_status(),
            }
            self.restart_workers_when_due();
            self.review_holds_that_ended();
            self.review_held_when_due();
            self.tell_local_faults();
            self.send_decided();
            self.review_alarms();
        }
        self.service_manager.tell(&notify::Message::Stopping);
        self.clerk.finish(memory::DISK_PATIENCE);
        self.hooks.stop();
    }

    fn next_event(&self) -> Event {
        let timers = [
            self.lists.next_look(),
            self.errands.sending_due(),
            self.restarts.due(),
            self.held_review.due(),
            self.local_faults.due(),
            self.alarms_due(),
            self.service_manager.next_keep_alive(),
        ];
        let ends = self.holds.values().filter_map(|hold| hold.until);
        let now = Instant::now();
        let timer = timers.into_iter().flatten().chain(ends).min();
        let patience = timer.map_or(FAR, |timer| timer.saturating_duration_since(now));
        select! {
            recv(self.signals) -> signal => match signal {
                Ok(signal) => Event::Signal(signal),
                // No signal could stop the process any more. It ends with a line that says so, and not
                // as if somebody had asked for it.
                Err(_) => panic!("the thread that waits for signals has ended"),
            },
            recv(self.heard.1) -> heard => heard.map_or(Event::Timer, Event::Heard),
            recv(self.clerk.recorded()) -> recorded => {
                recorded.map_or(Event::Timer, Event::Recorded)
            }
            recv(self.desk.bell()) -> _ => Event::News,
            recv(self.desk.ended()) -> ended => ended.map_or(Event::Timer, Event::WorkerEnded),
            recv(self.lists.bell()) -> rung => rung.map_or(Event::WatchEnded, |()| Event::News),
            default(patience) => Event::Timer,
        }
    }

    /// Whatever woke the coordinator, what it knows is up to date.
    fn take_reports(&mut self) {
        let reports: Vec<Report> = self.desk.reports().collect();
        for report in &reports {
            self.on_report(report);
        }
        self.held_review.wanted |= reports
            .iter()
            .any(|report| report.finding.verdict.is_some());
    }

    fn on_report(&mut self, report: &Report) {
        let address = report.address;
        match self.workers.get_mut(&address) {
            Some(worker) if worker.number() == report.worker => worker.on_report(report),
            _ => {
                debug!("{address}: outcome of a stopped worker dropped");
                return;
            }
        }
        self.log_finding(address, &report.finding);
        self.fleet.on_finding(address, &report.finding);
        self.history
            .on_finding(address, report.worker, &report.finding);
        self.local_faults
            .on_finding(address, report.worker, &report.finding, Instant::now());
        if report.finding.outcome.result.is_err() {
            if let Some(control) = policy::control(&mut self.fleet, address) {
                self.probe_now(control);
            }
        }
        self.review(address);
    }

    /// Asks the policy about one backend and does what it says.
    fn review(&mut self, address: IpAddr) {
        match policy::decide(&mut self.fleet, address, Instant::now()) {
            Decision::Act(action) => {
                self.lift_hold(address);
                self.decide_on(address, action);
            }
            Decision::Hold(hold) => self.hold_back(address, hold),
            Decision::Nothing => self.lift_hold(address),
        }
    }

    fn review_all(&mut self) {
        let addresses: Vec<IpAddr> = self.fleet.members().map(|(address, _)| address).collect();
        for address in addresses {
            self.review(address);
        }
    }

    /// What was found out about one backend may be what another was held for.
    fn review_held_when_due(&mut self) {
        let began = Instant::now();
        if !self.held_review.is_due(began) {
            return;
        }
        let held: Vec<IpAddr> = self.holds.keys().copied().collect();
        for address in held {
            self.review(address);
        }
        self.held_review.on_done(began, Instant::now());
    }

    fn review_holds_that_ended(&mut self) {
        let now = Instant::now();
        let ended = |hold: &Hold| hold.until.map_or(false, |until| until <= now);
        let addresses: Vec<IpAddr> = self
            .holds
            .iter()
            .filter(|(_, hold)| ended(hold))
            .map(|(address, _)| *address)
            .collect();
        for address in addresses {
            self.review(address);
        }
    }

    fn hold_back(&mut self, address: IpAddr, hold: Hold) {
        match &hold.need {
            Some(Need::Probe(addresses)) => {
                for address in addresses {
                    self.probe_now(*address);
                }
            }
            Some(Need::List) => self.want_lists(),
            None => {}
        }
        let previous = self.holds.insert(address, hold.clone());
        if previous.map(|hold| hold.reason).as_ref() != Some(&hold.reason) {
            self.log_hold(address, &hold);
        }
    }

    fn lift_hold(&mut self, address: IpAddr) {
        self.holds.remove(&address);
    }

    fn probe_now(&mut self, address: IpAddr) {
        if self.fleet.ask(address, Instant::now()) {
            if let Some(worker) = self.workers.get(&address) {
                worker.probe_now();
            }
        }
    }
}
