//! A monitor in virtual time: the program's own engine and schedules, driven by the world.
//!
//! What the runtime does with sockets, threads and files is done here with orders to the world. It decides
//! nothing, and must not know more of the world than the real one does.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use poolmon::account::{Account, Secret};
use poolmon::backend::Stamp;
use poolmon::config::accounts::{Backends, Particulars};
use poolmon::config::chosen::Chosen;
use poolmon::config::settings::{Hook, Mode, Pace, Pool, Published, Rules, Settings, Watch};
use poolmon::config::table::DefaultsOf;
use poolmon::config::targets::Targets;
use poolmon::monitor::policy::{explain, Alarm, Explanation, Login, Memory};
use poolmon::monitor::{
    Engine, Event, Input, Level, Now, Output, Remembered, Report, Request, Terms, Topic,
};
use poolmon::outcome::Outcome;
use poolmon::pool::director::error::{DirectorError, DirectorFault, DirectorStage};
use poolmon::pool::director::reading::Lists;
use poolmon::pool::director::wire::{HostList, Ring};
use poolmon::pool::{Command, PoolError, Reading, Reply};
use poolmon::program::Program;
use poolmon::quote::Quote;
use poolmon::schedule::{Depth, Finding, Next, Schedule, Spread};
use poolmon::service::{Port, Protocol, Security, Service};
use poolmon::target::Target;

use crate::chance::Chance;
use crate::reached::{self, Reached};
use crate::world::address;

const READING_INTERVAL: Duration = Duration::from_secs(1);

/// What the operator has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    pub pace: Pace,
    pub rules: Rules,
    pub mode: Mode,
    pub checked: Checked,
}

/// Which of the services of the backends are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    All,
    /// Not the first one, where there are several.
    AllButFirst,
    /// Not the last one, where there are several.
    AllButLast,
}

impl Checked {
    /// Their places among all services.
    pub fn of(self, services: usize) -> Range<usize> {
        match self {
            Checked::AllButFirst if services > 1 => 1..services,
            Checked::AllButLast if services > 1 => 0..services - 1,
            Checked::All | Checked::AllButFirst | Checked::AllButLast => 0..services,
        }
    }
}

/// What a reload brings.
#[derive(Clone, Copy, Debug)]
pub enum Reload {
    /// All of them, also for whoever starts later.
    Habits(Habits),
    /// Until the next start.
    Pace(Pace),
    /// As many as before, and to the world they are alike.
    OtherServices,
    /// The same director, by another path.
    OtherSocket,
    /// Until the next start.
    Rules(Rules),
    /// Every account has another password.
    OtherPassword,
    /// Until the next start, there are files for people.
    Published,
    /// They cannot be used.
    Broken,
}

/// How a state file is written, and the settings read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// At once.
    Good,
    Late(Duration),
    /// The writing does not come back.
    Hangs,
    /// It fails, and is tried again.
    Full,
}

/// How soon what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What the world is to do for the monitor.
#[derive(Debug)]
pub enum Order {
    /// Over this connection, now.
    ReadLists {
        connection: u64,
    },
    /// Remind the connection's thread that its pause is over.
    WakeReader {
        connection: u64,
        pause: u64,
        at: Instant,
    },
    Send {
        number: u64,
        command: Command,
        patience: Duration,
    },
    Attempt {
        address: IpAddr,
        worker: u64,
        service: usize,
        timeout: Duration,
        depth: Depth,
    },
    WakeWorker {
        address: IpAddr,
        worker: u64,
        at: Instant,
    },
    Timer(Instant),
    /// The disk has something to say.
    WakeDisk(Instant),
    /// These settings are in force from now on.
    Use(Habits),
}

/// What came of reading the lists.
#[derive(Debug)]
pub enum Heard {
    Lists(HostList, Ring),
    HaProxy(Box<Reading>),
    /// The director does not answer.
    TimedOut,
    /// It does not run.
    Gone,
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Ok,
    NotFound,
    Busy,
    RingSyncTimedOut,
    TryAgain,
    /// Some other text.
    Refused,
    /// Nobody listened.
    NotSent,
    /// The director ended before it answered.
    Closed,
    /// No answer in time.
    Nothing,
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

/// `src/worker.rs`, without its thread.
struct Worker {
    /// As it was started.
    born_as: u64,
    /// As it reports.
    number: u64,
    /// As it is to report once it has taken up its latest instruction.
    instructed: u64,
    target: Target,
    schedule: Schedule,
    /// Of the attempt that is being made.
    depth: Depth,
    attempting: bool,
    /// What waits for the end of an attempt.
    mail: VecDeque<Mail>,
    wakes: Option<Instant>,
}

enum Mail {
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

/// `src/pool/watch.rs`, without its thread.
struct Reader {
    connection: u64,
    /// Whether it has read before.
    stands: bool,
    reading: bool,
    asked: bool,
    pauses: u64,
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
        if self.engine.has_local_alarm() {
            self.reached.count(reached::LOCAL_FAULT);
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

    /// What is read is in force at once.
    fn on_settings_in_force(&mut self, settings: &Settings) {
        self.pace = settings.pace;
        self.orders.push(Order::Use(Habits {
            pace: settings.pace,
            rules: settings.rules,
            mode: settings.mode,
            checked: self.checked,
        }));
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

    pub fn on_disk(&mut self, disk: Disk, now: Instant) {
        self.disk = disk;
        self.on_disk_wakes(now);
    }

    pub fn on_disk_wakes(&mut self, now: Instant) {
        if self.disk != Disk::Hangs {
            self.write_state(now);
            self.read_settings(now);
            self.publish(now);
        }
    }

    /// Writes the files for people, or fails to, if they wait for that.
    fn publish(&mut self, now: Instant) {
        let files = self.unpublished.take().unwrap_or_default();
        for (publication, path) in files.files() {
            let result = match self.disk {
                Disk::Full => Err("no room".to_owned()),
                Disk::Good | Disk::Late(_) | Disk::Hangs => Ok(()),
            };
            let input = Input::Published {
                publication,
                path: path.to_owned(),
                result,
            };
            self.tell(input, now);
        }
    }

    /// If that is wanted.
    fn read_settings(&mut self, now: Instant) {
        if !std::mem::take(&mut self.is_to_read) {
            return;
        }
        let terms = match std::mem::take(&mut self.is_broken) {
            true => Err("the settings cannot be used".to_owned()),
            false => Ok(Box::new(self.terms.clone())),
        };
        self.tell(Input::Settings(terms), now);
    }

    /// Writes all that waits, or fails to.
    fn write_state(&mut self, now: Instant) {
        let number = match self.unwritten.last() {
            Some((number, _)) => *number,
            None => return,
        };
        let result = match self.disk {
            Disk::Full => {
                self.orders.push(Order::WakeDisk(now + RETRY));
                Err("state file: no space left".to_owned())
            }
            Disk::Good | Disk::Late(_) | Disk::Hangs => {
                for (address, memory) in self.unwritten.drain(..).flat_map(|(_, sheet)| sheet) {
                    if memory == Memory::default() {
                        self.state_file.remove(&address);
                    } else {
                        self.state_file.insert(address, memory);
                    }
                }
                Ok(())
            }
        };
        self.tell(Input::StateWritten { number, result }, now);
    }

    fn note(&mut self, event: Event, now: Instant) {
        match event {
            Event::Line(Level::Debug, _) | Event::Attempt { .. } => {}
            Event::Line(level, line) => self.said.push((now, level, line)),
            Event::FailoverOff { cause, .. } => {
                let line = format!("failover is off: {cause}");
                self.said.push((now, Level::Error, line));
            }
        }
    }

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

    pub fn on_reload(&mut self, reload: Reload, now: Instant) {
        let settings = &mut self.terms.settings;
        match reload {
            Reload::Pace(pace) => settings.pace = pace,
            Reload::Habits(habits) => {
                settings.pace = habits.pace;
                settings.rules = habits.rules;
                settings.mode = habits.mode;
                self.checked = habits.checked;
                self.name_services();
            }
            Reload::OtherServices => {
                self.first_port = match self.first_port {
                    FIRST_PORT => FIRST_PORT + OTHER_PORTS,
                    _ => FIRST_PORT,
                };
                self.name_services();
            }
            Reload::OtherSocket => {
                let other = settings.socket.as_os_str() == "/one";
                settings.socket = PathBuf::from(if other { "/two" } else { "/one" });
            }
            Reload::Rules(rules) => settings.rules = rules,
            Reload::OtherPassword => {
                self.password += 1;
                let accounts = accounts(&self.logins, self.password);
                self.terms.targets = Targets::new(settings, None, accounts);
            }
            Reload::Published => {
                settings.files.published = Published {
                    status: Some(PathBuf::from("/status")),
                    page: Some(PathBuf::from("/page")),
                    metrics: None,
                };
            }
            Reload::Broken => self.is_broken = true,
        }
        self.tell(Input::Asked(Request::Reload), now);
    }

    fn name_services(&mut self) {
        let settings = &mut self.terms.settings;
        settings.services = services_from(self.first_port, self.checked.of(self.services));
        let accounts = accounts(&self.logins, self.password);
        self.terms.targets = Targets::new(settings, None, accounts);
    }

    /// Somebody asks how all stands.
    pub fn on_status(&mut self, now: Instant) {
        self.tell(Input::Asked(Request::Status), now);
    }

    pub fn on_timer(&mut self, now: Instant) {
        self.tell(Input::Time, now);
    }

    pub fn on_wake(&mut self, address: IpAddr, worker: u64, now: Instant) {
        match self.workers.get(&address) {
            Some(found) if found.born_as == worker && !found.attempting => self.drive(address, now),
            _ => {}
        }
    }

    pub fn on_reader_wakes(&mut self, connection: u64, pause: u64) {
        let is_due = |reader: &Reader| {
            reader.connection == connection && reader.pauses == pause && !reader.reading
        };
        if self.reader.as_ref().map_or(false, is_due) {
            self.read();
        }
    }

    fn read(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.reading = true;
            reader.asked = false;
            self.orders.push(Order::ReadLists {
                connection: reader.connection,
            });
        }
    }

    /// Whether this connection is still open.
    pub fn reads_over(&self, connection: u64) -> bool {
        let reader = self.reader.as_ref();
        reader.map_or(false, |reader| reader.connection == connection)
    }

    /// What its reading over this connection came to, which began then.
    pub fn on_heard(&mut self, connection: u64, heard: Heard, began: Instant, now: Instant) {
        let reader = match &mut self.reader {
            Some(reader) if reader.connection == connection => reader,
            _ => return,
        };
        reader.reading = false;
        let stands = std::mem::replace(&mut reader.stands, true);
        let stage = match stands {
            true => DirectorStage::HostList,
            false => DirectorStage::Connect,
        };
        let reading = match heard {
            Heard::Lists(hosts, ring) => Ok(Lists { began, hosts, ring }.into()),
            Heard::HaProxy(reading) => Ok(*reading),
            Heard::TimedOut => Err(error(stage, DirectorFault::TimedOut)),
            Heard::Gone => Err(match stands {
                true => error(stage, DirectorFault::Closed),
                false => error(stage, DirectorFault::Refused),
            }),
        };
        self.has_read |= reading.is_ok();
        if reading.is_ok() {
            reader.pauses += 1;
            let pause = reader.pauses;
            match reader.asked {
                true => self.read(),
                false => self.orders.push(Order::WakeReader {
                    connection,
                    pause,
                    at: now.max(began + READING_INTERVAL),
                }),
            }
        }
        let input = Input::Lists {
            connection,
            reading,
        };
        self.tell(input, now);
    }

    pub fn on_answer(&mut self, number: u64, said: Said, now: Instant) {
        let answer = match said {
            Said::Ok => Ok(Reply::Ok),
            Said::NotFound => Ok(Reply::NotFound),
            Said::Busy => Ok(Reply::Busy),
            Said::RingSyncTimedOut => Ok(Reply::RingSyncTimedOut),
            Said::TryAgain => Ok(Reply::TryAgain),
            Said::Refused => Ok(Reply::Refused(Quote::new("no"))),
            Said::NotSent => Err(error(DirectorStage::Connect, DirectorFault::Refused)),
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

    fn order_worker(&mut self, address: IpAddr, mail: Mail, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&address) {
            if worker.attempting {
                worker.mail.push_back(mail);
            } else {
                worker.obey(mail, now);
                self.drive(address, now);
            }
        }
    }

    fn start_worker(&mut self, target: Target, number: u64, now: Instant) {
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

fn error(stage: DirectorStage, fault: DirectorFault) -> PoolError {
    let error = DirectorError {
        socket: PathBuf::from("/admin"),
        stage,
        fault,
    };
    error.into()
}

const FIRST_PORT: u16 = 1;
/// The same services by other numbers.
const OTHER_PORTS: u16 = 100;

/// Those at these places.
fn services_from(first: u16, places: Range<usize>) -> Vec<Service> {
    let port = |place: usize| {
        Service::Port(Port {
            protocol: Protocol::Imap,
            security: Security::Plain,
            number: first + place as u16,
        })
    };
    places.map(port).collect()
}

/// Which of the backend's services it is, whoever names it.
fn place_of(service: Service) -> usize {
    match service {
        Service::Port(port) => usize::from((port.number - FIRST_PORT) % OTHER_PORTS),
        Service::Delivery { .. } => unreachable!("days check ports"),
    }
}

fn terms(habits: &Habits, services: usize, logins: &[Option<Login>]) -> Terms {
    let mut settings = Chosen::default()
        .build(DefaultsOf::Poolmon, Program::Poolmon)
        .expect("poolmon's defaults");
    settings.services = services_from(FIRST_PORT, habits.checked.of(services));
    settings.pace = habits.pace;
    settings.rules = habits.rules;
    settings.mode = habits.mode;
    let script = PathBuf::from("/script");
    settings.hook = Some(Hook { script });
    // Copying all that is known each few seconds would take longer than the rest.
    settings.files.published = Published::default();
    Terms {
        targets: Targets::new(&settings, None, accounts(logins, 0)),
        settings,
        remarks: Vec::new(),
        unverified: None,
        summary: String::new(),
    }
}

fn accounts(logins: &[Option<Login>], password: u32) -> Backends {
    let account = |(backend, login): (usize, &Option<Login>)| {
        let mut particulars = Particulars::default();
        particulars.account = login.map(|Login(number)| {
            Arc::new(Account {
                user: number.to_string().into_bytes(),
                password: Secret::new(password.to_string()),
                master: None,
            })
        });
        (address(backend), particulars)
    };
    logins.iter().enumerate().map(account).collect()
}
