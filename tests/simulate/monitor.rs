//! A monitor in virtual time: the program's own engine and schedules, driven by the world.
//!
//! What the runtime does with sockets, threads and files is done here with orders to the world. It decides
//! nothing, and must not know more of the world than the real one does.

mod disk;
mod exchange;
mod reader;
mod terms;
mod workers;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use poolmon::backend::Stamp;
use poolmon::config::settings::{Pace, Pool, Published, Watch};
use poolmon::monitor::policy::{explain, Alarm, Explanation, Login, Memory};
use poolmon::monitor::{
    Engine, Event, Input, Level, Now, Output, Remembered, Request, Terms, Topic,
};
use poolmon::pool::director::error::{DirectorFault, DirectorStage};
use poolmon::pool::{Reply, Unconnected};
use poolmon::quote::Quote;

use crate::chance::Chance;
use crate::reached::{self, Reached};

pub use exchange::{Disk, Heard, Order, Reload, Said};
pub use terms::{Checked, Habits};

use reader::{error, Reader};
use terms::{terms, FIRST_PORT};
use workers::{Mail, Worker};

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

pub struct Monitor {
    engine: Engine,
    /// What the files say.
    terms: Terms,
    /// The pace in force.
    pace: Pace,
    services: usize,
    /// The number of the first port.
    first_port: u16,
    checked: Checked,
    logins: Vec<Option<Login>>,
    /// How often it has been changed.
    password: u32,
    /// What the state file holds.
    state_file: Remembered,
    disk: Disk,
    /// What waits to be written.
    unwritten: Vec<(u64, Vec<(IpAddr, Memory)>)>,
    /// The settings are being read, from the same disk as the state file.
    is_to_read: bool,
    /// Whether the next reading of the settings fails.
    is_broken: bool,
    workers: BTreeMap<IpAddr, Worker>,
    /// How many workers there can be.
    threads: usize,
    /// Whether a command or a connection has a thread.
    spare: bool,
    /// Whether a script has one.
    spare_for_scripts: bool,
    /// The files for people that wait to be written, on the same disk.
    unpublished: Option<Published>,
    /// It was told to stop, and nothing more is to be done.
    has_ended: bool,
    reader: Option<Reader>,
    timer: Option<Instant>,
    /// The lists have been read since the last turn.
    has_read: bool,
    clock: Clock,
    chance: Chance,
    orders: Vec<Order>,
    /// All that was said, but for debug lines.
    pub said: Vec<(Instant, Level, String)>,
    pub reached: Reached,
}

impl Monitor {
    /// `logins`: whom each backend is probed as; `at_once`: how many can be.
    pub fn new(
        habits: Habits,
        services: usize,
        logins: &[Option<Login>],
        state_file: Remembered,
        at_once: usize,
        (clock, seed, now): (Clock, u64, Instant),
    ) -> Monitor {
        let terms = terms(&habits, services, logins);
        let services = (services, habits.checked);
        let at = (clock, seed, now);
        Monitor::with(terms, services, logins, (state_file, at_once), at)
    }

    /// One whose backends stand behind HAProxy.
    pub fn behind_haproxy(
        habits: Habits,
        logins: &[Option<Login>],
        state_file: Remembered,
        (clock, seed, now): (Clock, u64, Instant),
    ) -> Monitor {
        let mut terms = terms(&habits, 1, logins);
        terms.settings.pool = Pool::HaProxy {
            watch: Watch::CheckedPorts,
        };
        let services = (1, habits.checked);
        let at = (clock, seed, now);
        Monitor::with(terms, services, logins, (state_file, usize::MAX), at)
    }

    fn with(
        terms: Terms,
        (services, checked): (usize, Checked),
        logins: &[Option<Login>],
        (state_file, at_once): (Remembered, usize),
        (clock, seed, now): (Clock, u64, Instant),
    ) -> Monitor {
        let at = Now {
            instant: now,
            second: Stamp(clock.second(now)),
        };
        Monitor {
            engine: Engine::new(terms.clone(), state_file.clone(), at_once, at),
            pace: terms.settings.pace,
            terms,
            services,
            first_port: FIRST_PORT,
            checked,
            logins: logins.to_vec(),
            password: 0,
            state_file,
            disk: Disk::Good,
            unwritten: Vec::new(),
            is_to_read: false,
            is_broken: false,
            workers: BTreeMap::new(),
            threads: usize::MAX,
            spare: true,
            spare_for_scripts: true,
            unpublished: None,
            has_ended: false,
            reader: None,
            timer: None,
            has_read: false,
            clock,
            chance: Chance::new(seed),
            orders: Vec::new(),
            said: Vec::new(),
            reached: Reached::default(),
        }
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub fn state_file(&self) -> &Remembered {
        &self.state_file
    }

    /// The listed backends of which the state file holds something else than the engine remembers.
    pub fn unwritten(&self) -> Vec<IpAddr> {
        let members = self.engine.backends().members();
        let differ = members.filter(|(address, member)| {
            let written = self.state_file.get(address).copied();
            written.unwrap_or_default() != member.memory()
        });
        differ.map(|(address, _)| address).collect()
    }

    /// The alarms of the policy that hold, whether or not they are worth a line yet.
    pub fn alarms(&self) -> Vec<Alarm> {
        let topics = self.engine.topics().filter_map(|topic| match topic {
            Topic::Policy(alarm) => Some(alarm.clone()),
            Topic::Unwatched => None,
        });
        topics.collect()
    }

    /// How all stands for it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn tell(&mut self, input: Input, now: Instant) {
        self.reached.count(reached::input(&input));
        let now = Now {
            instant: now,
            second: Stamp(self.clock.second(now)),
        };
        self.engine.handle(input, now);
    }

    /// What follows every event: all that the engine wants, and its next timer.
    pub fn turn(&mut self, now: Instant) -> Vec<Order> {
        // Another event of the same moment may have come first.
        if self.engine.next_timeout().map_or(false, |next| next <= now) {
            self.tell(Input::Time, now);
        }
        let mut has_decided = false;
        while let Some(output) = self.engine.next_output() {
            self.reached.count(reached::output(&output));
            has_decided |= match &output {
                Output::Send { .. } | Output::WriteState { .. } => true,
                // In a dry run nothing else tells of it.
                Output::Say(Event::Line(_, line)) => line.starts_with("DRY-RUN: "),
                _ => false,
            };
            if matches!(output, Output::End) {
                self.has_ended = true;
                return std::mem::take(&mut self.orders);
            }
            self.carry_out(output, now);
        }
        // All backends have been reviewed; what was decided on one may hold another.
        if std::mem::take(&mut self.has_read) && !has_decided {
            self.check_explained(now);
        }
        for hold in self.engine.holds().values() {
            self.reached.count(reached::reason(&hold.reason));
        }
        for topic in self.engine.topics() {
            self.reached.count(reached::alarm(topic));
        }
        for notice in self.engine.notices() {
            self.reached.count(reached::notice(notice));
        }
        let next = self.engine.next_timeout();
        self.check_woken(next);
        if let Some(next) = next {
            assert!(
                next > now,
                "a time that has passed and is waited for would spin"
            );
            if self
                .timer
                .map_or(true, |timer| timer <= now || next < timer)
            {
                self.timer = Some(next);
                self.orders.push(Order::Timer(next));
            }
        }
        std::mem::take(&mut self.orders)
    }

    /// Whoever looks is told of the holds that the engine has, by the rules that hold.
    fn check_explained(&mut self, now: Instant) {
        if self.engine.holds().is_empty() {
            return;
        }
        let compared = self.engine.backends().compared();
        for (address, hold) in self.engine.holds() {
            let explanation = explain(&compared, *address, now);
            let explained = explanation.as_ref().and_then(Explanation::hold);
            assert_eq!(explained, Some(hold), "{address} at {now:?}");
            self.reached.count(reached::EXPLAINED);
        }
    }

    /// Where time alone ends a hold, the engine is told that time.
    fn check_woken(&self, next: Option<Instant>) {
        let ends = self.engine.holds().values().filter_map(|hold| hold.until);
        if let Some(end) = ends.min() {
            assert!(next.map_or(false, |next| next <= end), "{end:?}, {next:?}");
        }
    }

    fn carry_out(&mut self, output: Output, now: Instant) {
        match output {
            Output::StartWorker { target, number, .. } if self.workers.len() >= self.threads => {
                let address = target.address;
                let cause = "no more threads".to_owned();
                let input = Input::WorkerNotStarted {
                    address,
                    number,
                    cause,
                };
                self.tell(input, now);
            }
            Output::StartWorker { target, number, .. } => self.start_worker(target, number, now),
            Output::InstructWorker { target, number } => {
                let (address, pace) = (target.address, self.pace);
                if let Some(worker) = self.workers.get_mut(&address) {
                    worker.instructed = number;
                }
                let mail = Mail::TakeUp {
                    target,
                    pace,
                    number,
                };
                self.order_worker(address, mail, now);
            }
            Output::StopWorker(address) => {
                self.workers.remove(&address);
            }
            Output::ProbeNow(address) => self.order_worker(address, Mail::ProbeNow, now),
            Output::OpenLists { connection, .. } if !self.spare => {
                let cause = "no more threads".to_owned();
                self.tell(Input::ListsNotOpened { connection, cause }, now);
            }
            Output::OpenLists { connection, .. } => {
                self.reader = Some(Reader {
                    connection,
                    stands: false,
                    reading: false,
                    asked: false,
                    pauses: 0,
                });
                self.read();
            }
            Output::ReadLists => match &mut self.reader {
                Some(reader) if reader.reading => reader.asked = true,
                _ => self.read(),
            },
            Output::CloseLists => self.reader = None,
            Output::Send { number, .. } if !self.spare => {
                let cause = io::Error::from(io::ErrorKind::WouldBlock);
                self.tell(Input::CommandNotStarted { number, cause }, now);
            }
            Output::Send {
                number,
                command,
                patience,
                ..
            } => self.orders.push(Order::Send {
                number,
                command,
                patience,
            }),
            Output::WriteState { number, entries } => {
                self.unwritten.push((number, entries));
                match self.disk {
                    Disk::Late(time) => self.orders.push(Order::WakeDisk(now + time)),
                    Disk::Good | Disk::Full => self.write_state(now),
                    Disk::Hangs => {}
                }
            }
            Output::ReadSettings { .. } => {
                self.is_to_read = true;
                match self.disk {
                    Disk::Late(time) => self.orders.push(Order::WakeDisk(now + time)),
                    Disk::Good | Disk::Full => self.read_settings(now),
                    Disk::Hangs => {}
                }
            }
            Output::Say(event) => self.note(event, now),
            Output::UseSettings(settings) => self.on_settings_in_force(&settings),
            Output::RunScript { address, .. } if !self.spare_for_scripts => {
                let cause = io::Error::from(io::ErrorKind::WouldBlock);
                self.tell(Input::ScriptNotStarted { address, cause }, now);
            }
            Output::Publish { files, .. } => {
                self.unpublished = Some(files);
                match self.disk {
                    Disk::Late(time) => self.orders.push(Order::WakeDisk(now + time)),
                    Disk::Good | Disk::Full => self.publish(now),
                    Disk::Hangs => {}
                }
            }
            Output::RunScript { .. }
            | Output::ShowStatus(_)
            | Output::ShowHistory(_)
            | Output::TellManager(_)
            | Output::ReopenLog
            | Output::End => {}
        }
    }

    /// From now on there can be so many workers.
    pub fn on_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    /// From now on there is a thread for a command or a connection, or there is none.
    pub fn on_spare(&mut self, spare: bool) {
        self.spare = spare;
    }

    /// From now on there is a thread for a script, or there is none.
    pub fn on_spare_for_scripts(&mut self, spare: bool) {
        self.spare_for_scripts = spare;
    }

    /// It is to end, and says so.
    pub fn on_stop(&mut self, now: Instant) {
        self.tell(Input::Asked(Request::Stop), now);
    }

    /// The thread of a backend's worker has met a defect.
    pub fn on_worker_dies(&mut self, address: IpAddr, now: Instant) {
        if let Some(worker) = self.workers.remove(&address) {
            let born_as = worker.born_as;
            self.tell(Input::WorkerEnded { address, born_as }, now);
        }
    }

    /// The same of the thread that reads the lists.
    pub fn on_reader_dies(&mut self, now: Instant) {
        if let Some(Reader { connection, .. }) = self.reader.take() {
            self.tell(Input::ListsEnded { connection }, now);
        }
    }

    /// Which backends are probed.
    pub fn watched(&self) -> impl Iterator<Item = &IpAddr> {
        self.workers.keys()
    }

    fn note(&mut self, event: Event, now: Instant) {
        match event {
            Event::Line(Level::Debug, _) | Event::Attempt { .. } => {}
            Event::Line(level, line) => {
                if line.contains("cannot be checked from this machine") {
                    self.reached.count(reached::LOCAL_FAULT);
                }
                self.said.push((now, level, line));
            }
            Event::FailoverOff { cause, .. } => {
                let line = format!("failover is off: {cause}");
                self.said.push((now, Level::Error, line));
            }
        }
    }

    /// Somebody asks how all stands.
    pub fn on_status(&mut self, now: Instant) {
        self.tell(Input::Asked(Request::Status), now);
    }

    pub fn on_timer(&mut self, now: Instant) {
        self.tell(Input::Time, now);
    }

    pub fn on_answer(&mut self, number: u64, said: Said, now: Instant) {
        let answer = match said {
            Said::Ok => Ok(Reply::Ok),
            Said::NotFound => Ok(Reply::NotFound),
            Said::Busy => Ok(Reply::Busy),
            Said::RingSyncTimedOut => Ok(Reply::RingSyncTimedOut),
            Said::TryAgain => Ok(Reply::TryAgain),
            Said::Refused => Ok(Reply::Refused(Quote::new("no"))),
            Said::NotSent => Err(error(
                DirectorStage::Connect,
                DirectorFault::Connect(Unconnected::Refused),
            )),
            Said::Closed => Err(error(DirectorStage::Reply, DirectorFault::Closed)),
            Said::Nothing => Err(error(DirectorStage::Reply, DirectorFault::TimedOut)),
        };
        self.reached.count(match (&answer, said) {
            (Ok(reply), _) => reached::reply(reply),
            (Err(_), Said::NotSent) => reached::NOT_SENT,
            (Err(_), Said::Closed) => reached::CLOSED,
            (Err(_), _) => reached::NO_REPLY,
        });
        self.tell(Input::Answered { number, answer }, now);
    }
}
