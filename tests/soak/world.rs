//! The ring, its monitors and its network, and how each act is done to them and undone.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::clocks::{Clock, Clocks};
use super::cuts::{Cut, Cuts};
use super::journal::{Journal, Moment};
use super::monitors::{Monitor, Surroundings};
use super::plan::{Plan, Settings, What, BACKENDS, DIRECTORS, MONITORS};
use crate::lab::admin_socket;
use crate::lab::mail_client::Session;
use crate::lab::ring::{Ring, RingPlan, PASSWORD};

const WARM_UP_RELOADS: usize = 50;
/// A reload takes as long on a busy machine.
const BETWEEN_RELOADS: Duration = Duration::from_millis(250);

pub struct World {
    pub monitors: Vec<Monitor>,
    pub ring: Ring,
    cuts: Cuts,
    /// Of each director's machine.
    clocks: Vec<MachineClocks>,
    journal: Arc<Journal>,
    accounts: usize,
}

/// They are the same but while the monitor's alone is wrong.
struct MachineClocks {
    /// How far it was ahead at the start.
    first_ahead: i64,
    of_director: Clock,
    of_monitor: Clock,
}

impl World {
    /// A ring that is synced, and monitors that run.
    pub fn start(recording: &Path, journal: Arc<Journal>, plan: &Plan) -> World {
        let mut ring = Ring::start(RingPlan {
            directors: DIRECTORS as u8,
            backends: BACKENDS as u8,
            ..RingPlan::default()
        });
        let builder = Clocks::build(ring.place.folder());
        let machine = |(number, &first_ahead): (usize, &i64)| MachineClocks {
            first_ahead,
            of_director: builder.clock(&format!("director{}", number + 1)),
            of_monitor: builder.clock(&format!("monitor{}", number + 1)),
        };
        let clocks: Vec<MachineClocks> = plan.shifts.iter().enumerate().map(machine).collect();
        for (director, clocks) in ring.directors.iter_mut().zip(&clocks) {
            director.dovecot.stop();
            clocks.of_director.give_to(&mut director.dovecot);
            clocks.of_director.set(clocks.first_ahead);
        }
        for director in &mut ring.directors {
            director.dovecot.launch();
        }
        for director in &mut ring.directors {
            director.dovecot.wait_until_open();
        }
        ring.wait_until_synced();
        let backends = backends_of(&ring);
        let place = ring.place.folder().to_path_buf();
        let monitors: Vec<Monitor> = (0..MONITORS)
            .map(|number| {
                let surroundings = Surroundings {
                    place: &place,
                    recording,
                    socket: ring.directors[number].socket(),
                    backends: &backends,
                    restores_any: plan.restores_any[number],
                    environment: clocks[number].of_monitor.environment().to_vec(),
                };
                Monitor::prepare(number, surroundings)
            })
            .collect();
        let world = World {
            monitors,
            cuts: Cuts::new(place),
            clocks,
            ring,
            journal,
            accounts: 0,
        };
        for (number, monitor) in world.monitors.iter().enumerate() {
            world.set_monitors_clock(number, 0);
            monitor.start();
        }
        world
    }

    pub fn backends(&self) -> Vec<Ipv4Addr> {
        backends_of(&self.ring)
    }

    pub fn sockets(&self) -> Vec<PathBuf> {
        let directors = self.ring.directors.iter();
        directors.map(|director| director.socket()).collect()
    }

    /// Dovecot's logs, for the recording.
    pub fn dovecots(&self) -> impl Iterator<Item = &Path> {
        let directors = self.ring.directors.iter();
        let backends = self.ring.backends.iter().take(BACKENDS);
        directors
            .map(|director| director.dovecot.folder())
            .chain(backends.map(|backend| backend.dovecot.folder()))
    }

    pub fn begin(&mut self, number: usize, what: What, lasts: Duration) {
        self.journal.note(Moment::Starting, number, what);
        self.carry_out(what, lasts);
        self.journal.note(Moment::Begun, number, what);
    }

    pub fn end(&mut self, number: usize, what: What) {
        self.journal.note(Moment::Ending, number, what);
        self.undo(what);
        self.journal.note(Moment::Ended, number, what);
    }

    fn carry_out(&mut self, what: What, lasts: Duration) {
        match what {
            What::BackendDies(backend) => self.ring.backends[backend].dovecot.kill(),
            What::BackendFreezes(backend) => self.ring.backends[backend].dovecot.freeze(),
            What::DirectorDies(director) => self.ring.directors[director].dovecot.kill(),
            What::DirectorProcessDies(director) => {
                self.ring.directors[director]
                    .dovecot
                    .kill_service("director");
            }
            What::DirectorFreezes(director) => self.ring.directors[director].dovecot.freeze(),
            What::BackendIsCut(_)
            | What::AllBackendsAreCut
            | What::DirectorIsCut(_)
            | What::MonitorIsCut(_)
            | What::MonitorLosesBackend(..) => {
                for cut in self.cuts_of(what) {
                    self.cuts.begin(cut);
                }
            }
            What::MonitorIsKilled(monitor) => self.monitors[monitor].end_by(Signal::SIGKILL),
            What::MonitorIsStopped(monitor) => self.monitors[monitor].end_by(Signal::SIGTERM),
            What::MonitorFreezes(monitor) => self.monitors[monitor].signal(Signal::SIGSTOP),
            What::DiskIsFull(monitor) => self.monitors[monitor].disk.fill(),
            What::Reload(monitor, settings) => self.monitors[monitor].reload(settings),
            What::Rotation(monitor) => self.monitors[monitor].rotate(),
            What::StatusIsAsked(monitor) => self.monitors[monitor].signal(Signal::SIGUSR1),
            What::Maintenance(backend, director) => self.command("HOST-DOWN", backend, director),
            What::PoolIsEmptied(director) => self.command_all("HOST-DOWN", director),
            What::Visit(director, users) => self.visit(director, users, lasts),
            What::MonitorClockSteps(machine, seconds) => self.set_monitors_clock(machine, seconds),
            What::MachineClockSteps(machine, seconds) => self.set_machines_clock(machine, seconds),
        }
    }

    fn undo(&mut self, what: What) {
        match what {
            What::BackendDies(backend) => self.ring.backends[backend].dovecot.start(),
            What::BackendFreezes(backend) => self.ring.backends[backend].dovecot.thaw(),
            What::DirectorDies(director) => self.ring.directors[director].dovecot.start(),
            What::DirectorFreezes(director) => self.ring.directors[director].dovecot.thaw(),
            What::BackendIsCut(_)
            | What::AllBackendsAreCut
            | What::DirectorIsCut(_)
            | What::MonitorIsCut(_)
            | What::MonitorLosesBackend(..) => {
                for cut in self.cuts_of(what) {
                    self.cuts.end(&cut);
                }
            }
            What::MonitorIsKilled(monitor) | What::MonitorIsStopped(monitor) => {
                self.monitors[monitor].start();
            }
            What::MonitorFreezes(monitor) => self.monitors[monitor].signal(Signal::SIGCONT),
            What::DiskIsFull(monitor) => self.monitors[monitor].disk.empty(),
            What::Maintenance(backend, director) => self.command("HOST-UP", backend, director),
            What::PoolIsEmptied(director) => self.command_all("HOST-UP", director),
            What::MonitorClockSteps(machine, _) => self.set_monitors_clock(machine, 0),
            What::MachineClockSteps(machine, _) => self.set_machines_clock(machine, 0),
            // At a moment, or over by themselves.
            What::DirectorProcessDies(_)
            | What::Reload(..)
            | What::Rotation(_)
            | What::StatusIsAsked(_)
            | What::Visit(..) => {}
        }
    }

    /// So many seconds ahead of what it was at the start.
    fn set_machines_clock(&self, machine: usize, step: i64) {
        let clocks = &self.clocks[machine];
        clocks.of_director.set(clocks.first_ahead + step);
        self.set_monitors_clock(machine, step);
    }

    fn set_monitors_clock(&self, machine: usize, step: i64) {
        let clocks = &self.clocks[machine];
        let ahead = clocks.first_ahead + step;
        self.journal
            .note_clock(machine, ahead, || clocks.of_monitor.set(ahead));
    }

    fn cuts_of(&self, what: What) -> Vec<Cut> {
        let backends = self.backends();
        match what {
            What::BackendIsCut(backend) => vec![Cut::Address(backends[backend])],
            What::AllBackendsAreCut => backends.into_iter().map(Cut::Address).collect(),
            What::DirectorIsCut(director) => {
                let mut others: Vec<Ipv4Addr> = self
                    .ring
                    .directors
                    .iter()
                    .map(|director| director.address)
                    .collect();
                let one = others.remove(director);
                vec![Cut::Ring(one, others)]
            }
            What::MonitorIsCut(monitor) => vec![Cut::User(self.monitors[monitor].user, backends)],
            What::MonitorLosesBackend(monitor, backend) => {
                let user = self.monitors[monitor].user;
                vec![Cut::User(user, vec![backends[backend]])]
            }
            _ => Vec::new(),
        }
    }

    /// What an administrator types at this director. Its answer may take a minute.
    pub fn command(&self, command: &'static str, backend: usize, director: usize) {
        let socket = self.ring.directors[director].socket();
        let line = format!("{command}\t{}", self.ring.backends[backend].address);
        let journal = self.journal.clone();
        thread::spawn(move || {
            let reply = match admin_socket::ask(&socket, &line) {
                Ok(reply) => reply,
                Err(error) => format!("no answer: {error}"),
            };
            journal.note_reply(command, backend, director, &reply);
        });
    }

    fn command_all(&self, command: &'static str, director: usize) {
        for backend in 0..BACKENDS {
            self.command(command, backend, director);
        }
    }

    /// Each user in turn, and whether they get in or not is the director's and backends' business.
    fn visit(&mut self, director: usize, users: usize, lasts: Duration) {
        let server = self.ring.directors[director].imap();
        let end = Instant::now() + lasts;
        for _ in 0..users {
            self.accounts = self.accounts % 40 + 1;
            let user = format!("user{}", self.accounts);
            thread::spawn(move || {
                let session = Session::log_in(server, &user, PASSWORD);
                // Pause: users stay logged in for a while.
                thread::sleep(end.saturating_duration_since(Instant::now()));
                drop(session);
            });
        }
    }

    /// Makes each monitor take once what it takes for good: with the first fifty reloads its memory grows by a half, and
    /// hardly any more with the later ones.
    pub fn warm_up(&mut self) {
        for _ in 0..WARM_UP_RELOADS {
            self.settle();
            // Pause: each reload is to be over before the next.
            thread::sleep(BETWEEN_RELOADS);
        }
    }

    /// The usual settings again.
    pub fn settle(&mut self) {
        for monitor in &self.monitors {
            monitor.reload(Settings::Usual);
        }
    }

    /// What each director lists now; none where one does not answer.
    pub fn lists(&self) -> Option<Vec<(String, String)>> {
        let limit = Duration::from_secs(2);
        let list = |socket: PathBuf| {
            let (hosts, status) = admin_socket::both_lists(&socket, limit).ok()?;
            let state = |address: &Ipv4Addr| {
                let host = hosts
                    .iter()
                    .find(|host| host.address == IpAddr::V4(*address));
                host.map_or('-', |host| host.state)
            };
            Some((status, self.backends().iter().map(state).collect()))
        };
        self.sockets().into_iter().map(list).collect()
    }
}

/// The last one of a ring's is not listed and never runs.
fn backends_of(ring: &Ring) -> Vec<Ipv4Addr> {
    let backends = ring.backends.iter().take(BACKENDS);
    backends.map(|backend| backend.address).collect()
}
