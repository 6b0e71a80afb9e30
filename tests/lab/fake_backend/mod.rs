//! A backend played by threads of the test: IMAP, POP3, LMTP and a port of unknown use, and where a test
//! opens them ManageSieve and submission.
//!
//! It owns ports on one address, can change its mood at any time, for one port or for all, and
//! notes who connected when.

mod talk;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::acceptor::Acceptor;
use super::passwords::marked;
use super::patience::wait_for;

pub const IMAP: u16 = 1143;
pub const POP3: u16 = 1110;
pub const LMTP: u16 = 1024;
/// Sends a line and closes.
pub const ANY_LINE: u16 = 1999;

/// ManageSieve; closed unless opened.
pub const SIEVE: u16 = 1419;
/// Closed unless opened.
pub const SUBMISSION: u16 = 1587;

const FREE_LIMIT: Duration = Duration::from_secs(10);

/// How a port behaves. A mood counts from the next step of every open connection on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Healthy,
    /// Nobody listens.
    Refusing,
    /// Accepts and never says anything: a frozen server.
    Silent,
    /// Does not even accept, and the kernel's queue is full: a machine that is gone.
    BlackHole,
    /// Accepts and closes.
    Closing,
    /// Greets and closes at the first command.
    ClosingLater,
    /// Answers, with so long between two bytes.
    Dribbling(Duration),
    /// Says what no mail server says.
    Junk,
    /// Greets with a good-bye.
    Bye,
    /// Greets with a good-bye and the first password that it was ever sent.
    Repeating,
    /// Answers every login as if the password were wrong.
    RefusingLogin,
    /// Answers every login with a failure of its own.
    Unavailable,
}

/// A connection or a line that came.
#[derive(Clone, Debug)]
pub struct Visit {
    pub at: Instant,
    pub port: u16,
    /// None: the connection itself.
    pub line: Option<String>,
}

struct State {
    mood: Mood,
    password: String,
    first_heard: Option<String>,
    visits: Vec<Visit>,
    is_over: bool,
}

/// What a port's threads share. The condition tells of a new mood and of the end.
struct Shared {
    port: u16,
    state: Mutex<State>,
    changed: Condvar,
}

struct Port {
    address: Ipv4Addr,
    shared: Arc<Shared>,
    door: Mutex<Door>,
}

pub struct FakeBackend {
    pub address: Ipv4Addr,
    ports: Vec<Port>,
}

impl FakeBackend {
    /// Healthy, with all four ports open.
    pub fn start(address: Ipv4Addr, password: &str) -> FakeBackend {
        FakeBackend {
            address,
            ports: [IMAP, POP3, LMTP, ANY_LINE]
                .into_iter()
                .map(|port| Port::open(address, port, password))
                .collect(),
        }
    }

    /// One more port, healthy.
    pub fn open(&mut self, port: u16, password: &str) {
        self.ports.push(Port::open(self.address, port, password));
    }

    /// For all ports.
    pub fn set(&self, mood: Mood) {
        FakeBackend::set_all(&[self], mood);
    }

    /// For several backends at the same moment, as far as that goes: a door takes some microseconds.
    pub fn set_all(backends: &[&FakeBackend], mood: Mood) {
        let ports = || backends.iter().flat_map(|backend| &backend.ports);
        ports().for_each(|port| port.shared.set(mood));
        ports().for_each(|port| port.shut_unless_fit(mood));
        ports().for_each(|port| port.have_door(mood));
    }

    pub fn set_port(&self, number: u16, mood: Mood) {
        let port = self.port(number);
        port.shared.set(mood);
        port.have_door(mood);
    }

    /// The only password that is accepted from now on.
    pub fn set_password(&self, password: &str) {
        for port in &self.ports {
            port.shared.state().password = marked(password);
        }
    }

    /// Connections on all ports since the start.
    pub fn connections(&self) -> usize {
        let visits = self.visits();
        visits.iter().filter(|visit| visit.line.is_none()).count()
    }

    /// All ports' visits in the order of time.
    pub fn visits(&self) -> Vec<Visit> {
        let mut visits: Vec<Visit> = Vec::new();
        for port in &self.ports {
            visits.extend(port.shared.state().visits.iter().cloned());
        }
        visits.sort_by_key(|visit| visit.at);
        visits
    }

    fn port(&self, number: u16) -> &Port {
        let same = |port: &&Port| port.shared.port == number;
        self.ports.iter().find(same).expect("a port of the backend")
    }
}

impl Drop for FakeBackend {
    fn drop(&mut self) {
        for port in &self.ports {
            port.shared.state().is_over = true;
            port.shared.changed.notify_all();
        }
    }
}

impl Port {
    fn open(address: Ipv4Addr, port: u16, password: &str) -> Port {
        let shared = Arc::new(Shared {
            port,
            state: Mutex::new(State {
                mood: Mood::Healthy,
                password: marked(password),
                first_heard: None,
                visits: Vec::new(),
                is_over: false,
            }),
            changed: Condvar::new(),
        });
        // Bound here, so that the port is open when this function returns.
        let door = Mutex::new(Door::open(address, &shared, Mood::Healthy));
        Port {
            address,
            shared,
            door,
        }
    }

    /// Nobody comes through a door that does not fit.
    fn shut_unless_fit(&self, mood: Mood) {
        match &*self.door.lock().unwrap() {
            Door::Open(acceptor) if !is_open_in(mood) => acceptor.close(),
            _ => {}
        }
    }

    /// When this returns the door is as the mood has it.
    fn have_door(&self, mood: Mood) {
        let mut door = self.door.lock().unwrap();
        if !door.fits(mood) {
            // The old listener has to go before the new one can have the port.
            drop(std::mem::replace(&mut *door, Door::Closed));
            *door = Door::open(self.address, &self.shared, mood);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn set(&self, mood: Mood) {
        self.state().mood = mood;
        self.changed.notify_all();
    }

    fn note(&self, line: Option<String>) {
        let visit = Visit {
            at: Instant::now(),
            port: self.port,
            line,
        };
        self.state().visits.push(visit);
    }
}

fn is_open_in(mood: Mood) -> bool {
    !matches!(mood, Mood::Refusing | Mood::BlackHole)
}

/// What stands at the port.
enum Door {
    Open(Acceptor),
    Closed,
    /// A listener that accepts nobody, and what fills its queue.
    Clogged(Vec<Socket>),
}

impl Door {
    fn open(address: Ipv4Addr, shared: &Arc<Shared>, mood: Mood) -> Door {
        let socket = SocketAddr::from((address, shared.port));
        match mood {
            Mood::Refusing => Door::Closed,
            Mood::BlackHole => Door::clogged(socket),
            _ => {
                // A program that another test starts at this moment may hold the old listener until it runs.
                let listener = wait_for("the port to be free", FREE_LIMIT, || {
                    TcpListener::bind(socket).ok()
                });
                let shared = Arc::clone(shared);
                Door::Open(Acceptor::tcp(listener, move |stream| {
                    shared.note(None);
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || talk::serve(stream, &shared));
                }))
            }
        }
    }

    fn clogged(socket: SocketAddr) -> Door {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.set_reuse_address(true).unwrap();
        wait_for("the port to be free", FREE_LIMIT, || {
            listener.bind(&socket.into()).ok()
        });
        listener.listen(0).unwrap();
        let mut sockets = vec![listener];
        // The queue holds one more than asked for; what is beyond is dropped without an answer.
        for _ in 0..3 {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            let _ = filler.connect(&socket.into());
            sockets.push(filler);
        }
        Door::Clogged(sockets)
    }

    fn fits(&self, mood: Mood) -> bool {
        match self {
            Door::Closed => mood == Mood::Refusing,
            Door::Clogged(_) => mood == Mood::BlackHole,
            Door::Open(_) => is_open_in(mood),
        }
    }
}
