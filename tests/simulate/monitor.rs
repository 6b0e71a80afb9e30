//! A monitor in virtual time: the program's own engine and schedules, driven by the world.
//!
//! What the runtime does with sockets, threads and files is done here with orders to the world. It decides
//! nothing, and must not know more of the world than the real one does.

mod terms;
mod workers;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use poolmon::backend::Stamp;
use poolmon::config::settings::{Mode, Pace, Pool, Rules, Watch};
use poolmon::config::targets::Targets;
use poolmon::monitor::policy::{explain, Alarm, Explanation, Login, Memory};
use poolmon::monitor::{
    Engine, Event, Input, Level, Now, Output, Remembered, Request, Terms, Topic,
};
use poolmon::pool::director::error::{DirectorError, DirectorFault, DirectorStage};
use poolmon::pool::director::reading::Lists;
use poolmon::pool::director::wire::{HostList, Ring};
use poolmon::pool::{Command, PoolError, Reading, Reply};
use poolmon::schedule::Depth;
use poolmon::service::{Port, Service};

use crate::chance::Chance;
use crate::reached::{self, Reached};

use terms::{accounts, services_from, terms};
use workers::{Mail, Worker};

const READING_INTERVAL: Duration = Duration::from_secs(1);

/// What the operator has set.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    pub pace: Pace,
    pub rules: Rules,
    pub mode: Mode,
}

/// What a reload brings.
#[derive(Clone, Copy, Debug)]
pub enum Reload {
    Pace(Pace),
    /// As many as before, and to the world they are alike.
    OtherServices,
    /// The same director, by another path.
    OtherSocket,
    Rules(Rules),
    /// Every account has another password.
    OtherPassword,
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
    terms: Terms,
    services: usize,
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
    /// `logins`: whom each backend is probed as.
    pub fn new(
        habits: Habits,
        services: usize,
        logins: &[Option<Login>],
        state_file: Remembered,
        clock: Clock,
        seed: u64,
        now: Instant,
    ) -> Monitor {
        let terms = terms(&habits, services, logins);
        Monitor::with(terms, logins, state_file, (clock, seed, now))
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
        Monitor::with(terms, logins, state_file, (clock, seed, now))
    }

    fn with(
        terms: Terms,
        logins: &[Option<Login>],
        state_file: Remembered,
        (clock, seed, now): (Clock, u64, Instant),
    ) -> Monitor {
        let services = terms.settings.services.len();
        let at = Now {
            instant: now,
            second: Stamp(clock.second(now)),
        };
        Monitor {
            engine: Engine::new(terms.clone(), state_file.clone(), usize::MAX, at),
            terms,
            services,
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
            has_decided |= matches!(output, Output::Send { .. } | Output::WriteState { .. });
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
                let (address, pace) = (target.address, self.terms.settings.pace);
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
            Output::RunScript { .. }
            | Output::Publish { .. }
            | Output::ShowStatus(_)
            | Output::ShowHistory(_)
            | Output::TellManager(_)
            | Output::ReopenLog
            | Output::UseSettings(_)
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

    pub fn on_reload(&mut self, reload: Reload, now: Instant) {
        let settings = &mut self.terms.settings;
        match reload {
            Reload::Pace(pace) => settings.pace = pace,
            Reload::OtherServices => {
                let first = match settings.services[..] {
                    [Service::Port(Port { number: 1, .. }), ..] => 101,
                    _ => 1,
                };
                settings.services = services_from(first, self.services);
                let accounts = accounts(&self.logins, self.password);
                self.terms.targets = Targets::new(settings, None, accounts);
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
            Reload::Broken => self.is_broken = true,
        }
        self.tell(Input::Asked(Request::Reload), now);
    }

    /// Somebody asks how all stands.
    pub fn on_status(&mut self, now: Instant) {
        self.tell(Input::Asked(Request::Status), now);
    }

    pub fn on_timer(&mut self, now: Instant) {
        self.tell(Input::Time, now);
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
}

fn error(stage: DirectorStage, fault: DirectorFault) -> PoolError {
    let error = DirectorError {
        socket: PathBuf::from("/admin"),
        stage,
        fault,
    };
    error.into()
}
