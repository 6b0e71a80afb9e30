//! A director's admin socket, played by threads of the test.
//!
//! It keeps a host list as a director does, misbehaves on command, notes every command with its
//! connection, and notes as violations what no monitor may do (`poolmon::director`: two changing commands
//! on a connection, bytes behind an unanswered command, commands without an address). A violation
//! that no test takes with `take_violations` fails the test when the director is dropped.

mod talk;
mod words;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Shutdown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use socket2::{Domain, SockAddr, Socket, Type};

use super::acceptor::Acceptor;
use super::admin_socket::HostLine;

pub use words::{
    Answer, Command, Deed, FakeHost, Greeting, ListShape, Record, ResetSupport, RingState, Version,
    WritePace,
};

/// A command, for one host or for any.
type Subject = (Command, Option<IpAddr>);

struct State {
    hosts: Vec<FakeHost>,
    ring: RingState,
    /// Further lines of DIRECTOR-LIST.
    peers: Vec<String>,
    greeting: Greeting,
    pace: WritePace,
    version: Version,
    list: ListShape,
    reset: ResetSupport,
    next: HashMap<Subject, VecDeque<Answer>>,
    always: HashMap<Subject, Answer>,
    /// Ahead of the real clock, or behind.
    clock_ahead: i64,
    records: Vec<Record>,
    violations: Vec<String>,
    connections: u64,
    open: HashMap<u64, UnixStream>,
}

impl State {
    fn now_stamp(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (now.as_secs() as i64 + self.clock_ahead) as u64
    }

    fn host(&mut self, address: IpAddr) -> Option<&mut FakeHost> {
        self.hosts.iter_mut().find(|host| host.address == address)
    }
}

pub struct FakeDirector {
    socket: PathBuf,
    shared: Arc<Mutex<State>>,
    listening: Option<Listening>,
    /// What fills the backlog.
    clog: Vec<Socket>,
}

struct Listening {
    gate: Arc<Gate>,
    _acceptor: Acceptor,
}

impl FakeDirector {
    pub fn start(socket: &Path, hosts: Vec<FakeHost>) -> FakeDirector {
        let mut director = FakeDirector {
            socket: socket.to_path_buf(),
            shared: Arc::new(Mutex::new(State {
                hosts,
                ring: RingState::Synced,
                peers: Vec::new(),
                greeting: Greeting::Proper,
                pace: WritePace::Whole,
                version: Version::V2_2_19,
                list: ListShape::Whole,
                reset: ResetSupport::WithLimit,
                next: HashMap::new(),
                always: HashMap::new(),
                clock_ahead: 0,
                records: Vec::new(),
                violations: Vec::new(),
                connections: 0,
                open: HashMap::new(),
            })),
            listening: None,
            clog: Vec::new(),
        };
        director.listen();
        director
    }

    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    // What it is to do.

    pub fn set_ring(&self, ring: RingState) {
        self.state().ring = ring;
    }

    /// Lines of DIRECTOR-LIST beside its own, tab-separated, sent after it.
    pub fn set_peers(&self, lines: &[&str]) {
        self.state().peers = lines.iter().map(|line| line.to_string()).collect();
    }

    pub fn set_greeting(&self, greeting: Greeting) {
        self.state().greeting = greeting;
        if let Some(listening) = &self.listening {
            listening.gate.set(Passage::under(greeting));
        }
    }

    pub fn set_pace(&self, pace: WritePace) {
        self.state().pace = pace;
    }

    pub fn set_version(&self, version: Version) {
        self.state().version = version;
    }

    pub fn set_list(&self, list: ListShape) {
        self.state().list = list;
    }

    pub fn set_reset_support(&self, support: ResetSupport) {
        self.state().reset = support;
    }

    pub fn set_clock_ahead(&self, seconds: i64) {
        self.state().clock_ahead = seconds;
    }

    /// The next time, and after those that were said before; then as before.
    pub fn answer_next(&self, command: Command, answers: &[Answer]) {
        self.queue((command, None), answers);
    }

    /// The same for one host's commands; it goes before what is said for all.
    pub fn answer_next_for(
        &self,
        command: Command,
        address: impl Into<IpAddr>,
        answers: &[Answer],
    ) {
        self.queue((command, Some(address.into())), answers);
    }

    /// From now on; `Answer::Proper` to be well again.
    pub fn answer_always(&self, command: Command, answer: Answer) {
        let mut state = self.state();
        state.next.remove(&(command, None));
        state.always.insert((command, None), answer);
    }

    fn queue(&self, subject: Subject, answers: &[Answer]) {
        let mut state = self.state();
        let queue = state.next.entry(subject).or_default();
        queue.extend(answers.iter().cloned());
    }

    // Its hosts.

    pub fn host(&self, address: impl Into<IpAddr>) -> Option<FakeHost> {
        let address = address.into();
        self.state().host(address).cloned()
    }

    /// `U` or `D`; `-` if it is not listed.
    pub fn state_of(&self, address: impl Into<IpAddr>) -> char {
        self.host(address).map_or('-', |host| host.state)
    }

    pub fn users_of(&self, address: impl Into<IpAddr>) -> u64 {
        self.host(address).map_or(0, |host| host.users)
    }

    /// The states in the list's order, for example `UDU`.
    pub fn states(&self) -> String {
        self.state().hosts.iter().map(|host| host.state).collect()
    }

    pub fn host_lines(&self) -> Vec<HostLine> {
        let state = self.state();
        let line = |host: &FakeHost| HostLine {
            address: host.address,
            vhosts: host.vhosts,
            users: host.users,
            tag: host.tag.clone(),
            state: host.state,
            stamp: host.stamp,
        };
        state.hosts.iter().map(line).collect()
    }

    /// Changes a host behind everybody's back.
    pub fn edit(&self, address: impl Into<IpAddr>, change: impl FnOnce(&mut FakeHost)) {
        let mut state = self.state();
        change(state.host(address.into()).expect("the host is listed"));
    }

    /// Another's act: an administrator's or another monitor's, with a stamp of this second.
    pub fn set_by_another(&self, address: impl Into<IpAddr>, to: char) {
        let mut state = self.state();
        let stamp = state.now_stamp();
        let host = state.host(address.into()).expect("the host is listed");
        host.state = to;
        host.stamp = host.stamp.max(stamp);
    }

    pub fn add(&self, host: FakeHost) {
        self.state().hosts.push(host);
    }

    pub fn remove(&self, address: impl Into<IpAddr>) {
        let address = address.into();
        self.state().hosts.retain(|host| host.address != address);
    }

    // What it has seen.

    pub fn records(&self) -> Vec<Record> {
        self.state().records.clone()
    }

    pub fn count(&self, command: Command) -> usize {
        let state = self.state();
        let same = |record: &&Record| record.command == command;
        state.records.iter().filter(same).count()
    }

    /// The changing commands in the order of their coming, for example `HOST-DOWN 127.64.0.2`.
    pub fn changes(&self) -> Vec<String> {
        let state = self.state();
        let changing = |record: &&Record| record.command.is_changing();
        let lines = state.records.iter().filter(changing);
        lines.map(|record| record.line.clone()).collect()
    }

    pub fn connections(&self) -> u64 {
        self.state().connections
    }

    pub fn open_connections(&self) -> usize {
        self.state().open.len()
    }

    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.state().violations)
    }

    // Its life.

    /// Ends as a crashed director does: all connections and the socket.
    pub fn stop(&mut self) {
        self.stop_accepting();
        self.close_connections();
        self.take_socket_away();
    }

    /// Nothing but the file: connections stand, and commands on them are answered.
    pub fn take_socket_away(&self) {
        let _ = std::fs::remove_file(&self.socket);
    }

    pub fn close_connections(&self) {
        for (_, stream) in self.state().open.drain() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn stop_accepting(&mut self) {
        self.clog.clear();
        if let Some(listening) = self.listening.take() {
            listening.gate.set(Passage::Over);
        }
    }

    /// Listens again, after `stop`, `take_socket_away` or `clog_backlog`.
    pub fn listen(&mut self) {
        self.stop_accepting();
        let _ = std::fs::remove_file(&self.socket);
        let listener = UnixListener::bind(&self.socket).expect("the socket can be made");
        let gate = Arc::new(Gate::new(Passage::under(self.state().greeting)));
        let shared = Arc::clone(&self.shared);
        let kept = Arc::clone(&gate);
        let _acceptor = Acceptor::unix(listener, move |stream| {
            if kept.is_passed() {
                receive(stream, &shared);
            }
        });
        self.listening = Some(Listening { gate, _acceptor });
    }

    /// Dies and comes back: every host `U` and never changed, no users.
    pub fn restart(&mut self) {
        self.stop();
        for host in &mut self.state().hosts {
            host.state = 'U';
            host.stamp = 0;
            host.users = 0;
        }
        self.listen();
    }

    /// From now on a connect neither succeeds nor fails: the socket's queue is full.
    pub fn clog_backlog(&mut self) {
        self.stop();
        let address = SockAddr::unix(&self.socket).unwrap();
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&address).unwrap();
        listener.listen(0).unwrap();
        self.clog.push(listener);
        loop {
            let filler = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            let is_full = filler.connect(&address).is_err();
            self.clog.push(filler);
            if is_full {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap()
    }
}

impl Drop for FakeDirector {
    fn drop(&mut self) {
        self.stop();
        let violations = self.take_violations();
        if !thread::panicking() {
            assert!(violations.is_empty(), "violations: {violations:#?}");
        }
    }
}

fn receive(stream: UnixStream, shared: &Arc<Mutex<State>>) {
    let mut state = shared.lock().unwrap();
    state.connections += 1;
    let number = state.connections;
    state.open.insert(number, stream.try_clone().unwrap());
    drop(state);
    let shared = Arc::clone(shared);
    // Ends when its connection does; `stop` shuts down all of them.
    thread::spawn(move || talk::serve(stream, number, &shared));
}

/// Whether who has been connected by the kernel is received.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passage {
    Free,
    /// Neither received nor refused.
    Waiting,
    Over,
}

impl Passage {
    fn under(greeting: Greeting) -> Passage {
        match greeting {
            Greeting::NotAccepted => Passage::Waiting,
            _ => Passage::Free,
        }
    }
}

struct Gate {
    passage: Mutex<Passage>,
    changed: Condvar,
}

impl Gate {
    fn new(passage: Passage) -> Gate {
        Gate {
            passage: Mutex::new(passage),
            changed: Condvar::new(),
        }
    }

    fn set(&self, passage: Passage) {
        *self.passage.lock().unwrap() = passage;
        self.changed.notify_all();
    }

    /// Waits until it is known.
    fn is_passed(&self) -> bool {
        let is_waiting = |passage: &mut Passage| *passage == Passage::Waiting;
        let passage = self.passage.lock().unwrap();
        let passage = self.changed.wait_while(passage, is_waiting).unwrap();
        *passage == Passage::Free
    }
}
