//! One connection of the fake director: greeting, commands, answers, and the watch over the rules.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{
    Answer, Command, Deed, FakeHost, Greeting, ListShape, Record, ResetSupport, RingState, State,
    Version, WritePace,
};

/// As long a real director waits for its ring before a change.
const RING_WAIT: Duration = Duration::from_secs(30);

pub(super) fn serve(stream: UnixStream, number: u64, shared: &Arc<Mutex<State>>) {
    let mut talk = Talk {
        stream,
        number,
        shared,
        pending: Vec::new(),
        changing_commands: 0,
    };
    // An error is the client's leaving or the director's end.
    let _ = talk.run();
    shared.lock().unwrap().open.remove(&number);
}

struct Talk<'a> {
    stream: UnixStream,
    number: u64,
    shared: &'a Arc<Mutex<State>>,
    /// Read and not yet used.
    pending: Vec<u8>,
    changing_commands: u32,
}

/// A command line, understood.
struct Request {
    command: Command,
    address: Option<IpAddr>,
    rest: Vec<String>,
}

impl Talk<'_> {
    fn run(&mut self) -> io::Result<()> {
        let greeting = self.shared.lock().unwrap().greeting;
        match greeting {
            Greeting::Proper | Greeting::NotAccepted => {
                self.write("VERSION\tdirector-doveadm\t1\t0\n")?
            }
            Greeting::NewerMinor => self.write("VERSION\tdirector-doveadm\t1\t7\n")?,
            Greeting::WrongMajor => self.write("VERSION\tdirector-doveadm\t2\t0\n")?,
            Greeting::Foreign => self.write("VERSION\tanvil\t1\t0\n")?,
            Greeting::Never => return self.wait_for_end(),
            Greeting::CloseAtOnce => return Ok(()),
        }
        let first = match self.line()? {
            Some(line) => line,
            None => return Ok(()),
        };
        if !first.starts_with("VERSION\tdirector-doveadm\t1\t") {
            self.violation(&format!("no VERSION first but {first:?}"));
            return Ok(());
        }
        while let Some(line) = self.line()? {
            let request = match self.understand(&line) {
                Some(request) => request,
                None => return Ok(()),
            };
            if !self.answer(&request)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Notes the command; `None` for one at which a director closes the connection.
    fn understand(&mut self, line: &str) -> Option<Request> {
        if !self.pending.is_empty() {
            self.violation(&format!("bytes behind the unanswered {line:?}"));
        }
        let mut fields = line.split('\t');
        let word = fields.next().unwrap_or_default();
        let command = match Command::from_word(word) {
            Some(command) => command,
            None => {
                self.violation(&format!("unknown command {line:?}"));
                return None;
            }
        };
        let address = fields.next().map(str::parse::<IpAddr>);
        let rest: Vec<String> = fields.map(str::to_string).collect();
        let mut state = self.shared.lock().unwrap();
        let record = Record {
            at: Instant::now(),
            connection: self.number,
            command,
            line: line.replace('\t', " "),
            ring: state.ring.clone(),
        };
        state.records.push(record);
        drop(state);
        if !command.is_changing() {
            return Some(Request {
                command,
                address: None,
                rest,
            });
        }
        self.changing_commands += 1;
        if self.changing_commands > 1 {
            self.violation(&format!(
                "a second changing command on a connection: {line:?}"
            ));
        }
        match address {
            Some(Ok(address)) => Some(Request {
                command,
                address: Some(address),
                rest,
            }),
            _ => {
                self.violation(&format!("no address in {line:?}"));
                None
            }
        }
    }

    /// Whether the connection goes on.
    fn answer(&mut self, request: &Request) -> io::Result<bool> {
        let answer = self.next_answer(request);
        let reply = match answer {
            Answer::Proper => match request.command {
                Command::HostList => return self.host_list(),
                Command::DirectorList => self.director_list(),
                _ => match self.act_in_ring(request)? {
                    Some(reply) => reply,
                    None => return Ok(false),
                },
            },
            Answer::Lie => "OK\n".to_string(),
            Answer::NotFound => "NOTFOUND\n".to_string(),
            Answer::Busy => "host is already being updated - try again later\n".to_string(),
            Answer::SyncTimedOut(deed) => {
                self.do_if(deed, request);
                "Ring sync timed out\n".to_string()
            }
            Answer::TryAgain => "TRYAGAIN\n".to_string(),
            Answer::Text(text) => format!("{text}\n"),
            Answer::Late(time) => {
                self.do_if(Deed::Done, request);
                self.wait_for_end_within(time)?;
                "OK\n".to_string()
            }
            Answer::Hang(deed) => {
                self.do_if(deed, request);
                self.wait_for_end()?;
                return Ok(false);
            }
            Answer::Close(deed) => {
                self.do_if(deed, request);
                return Ok(false);
            }
        };
        self.watch_for_pipelining()?;
        self.write(&reply)?;
        Ok(true)
    }

    fn next_answer(&self, request: &Request) -> Answer {
        let mut state = self.shared.lock().unwrap();
        let subjects = [(request.command, request.address), (request.command, None)];
        for subject in &subjects {
            if let Some(answer) = state.next.get_mut(subject).and_then(VecDeque::pop_front) {
                return answer;
            }
        }
        let standing = subjects
            .iter()
            .find_map(|subject| state.always.get(subject));
        standing.cloned().unwrap_or(Answer::Proper)
    }

    /// HOST-UP, HOST-DOWN and HOST-FLUSH wait for the ring; HOST-RESET-USERS does not.
    fn act_in_ring(&mut self, request: &Request) -> io::Result<Option<String>> {
        let version = self.shared.lock().unwrap().version;
        if !version.knows_up_and_down()
            && matches!(
                request.command,
                Command::HostUp | Command::HostDown | Command::HostResetUsers
            )
        {
            return Ok(None);
        }
        if request.command == Command::HostResetUsers {
            let support = self.shared.lock().unwrap().reset;
            let is_refused = match support {
                ResetSupport::WithLimit => request.rest.first().map(String::as_str) == Some("0"),
                ResetSupport::WithoutLimit => !request.rest.is_empty(),
                ResetSupport::None => true,
            };
            if is_refused {
                return Ok(None);
            }
        } else {
            let end = Instant::now() + RING_WAIT;
            while self.shared.lock().unwrap().ring != RingState::Synced {
                if Instant::now() >= end {
                    return Ok(Some("Ring sync timed out\n".to_string()));
                }
                self.wait_for_end_within(Duration::from_millis(20))?;
            }
        }
        let is_known = self.act(request);
        Ok(Some(
            if is_known { "OK\n" } else { "NOTFOUND\n" }.to_string(),
        ))
    }

    fn do_if(&self, deed: Deed, request: &Request) {
        if deed == Deed::Done && request.command.is_changing() {
            self.act(request);
        }
    }

    /// Does the work on the host list; false if the host is not listed.
    fn act(&self, request: &Request) -> bool {
        let mut state = self.shared.lock().unwrap();
        let stamp = state.now_stamp();
        let address = match request.address {
            Some(address) => address,
            None => return false,
        };
        let host = match state.host(address) {
            Some(host) => host,
            None => return false,
        };
        match request.command {
            Command::HostUp | Command::HostDown => {
                let wanted = if request.command == Command::HostUp {
                    'U'
                } else {
                    'D'
                };
                if host.state != wanted {
                    host.state = wanted;
                    // Stamps are only ever raised.
                    host.stamp = host.stamp.max(stamp);
                }
            }
            Command::HostFlush => host.users = 0,
            Command::HostResetUsers => {
                let users = std::mem::take(&mut host.users);
                let tag = host.tag.clone();
                let takes = |other: &&mut FakeHost| {
                    other.address != address
                        && other.tag == tag
                        && other.state == 'U'
                        && other.vhosts > 0
                };
                if let Some(other) = state.hosts.iter_mut().find(takes) {
                    other.users += users;
                }
            }
            Command::HostSet => {
                if let Some(vhosts) = request.rest.first().and_then(|text| text.parse().ok()) {
                    host.vhosts = vhosts;
                }
            }
            Command::HostRemove => state.hosts.retain(|host| host.address != address),
            Command::HostList | Command::DirectorList => {}
        }
        true
    }

    fn host_list(&mut self) -> io::Result<bool> {
        let (version, shape, hosts) = {
            let state = self.shared.lock().unwrap();
            (state.version, state.list.clone(), state.hosts.clone())
        };
        let lines: Vec<String> = hosts.iter().map(|host| host_line(version, host)).collect();
        self.watch_for_pipelining()?;
        match shape {
            ListShape::Whole => self.write(&(lines.concat() + "\n"))?,
            ListShape::Empty => self.write("\n")?,
            ListShape::Junk(junk) => {
                let mut text = String::new();
                for line in junk {
                    text.push_str(&line);
                    text.push('\n');
                }
                self.write(&(text + &lines.concat() + "\n"))?;
            }
            ListShape::CutBeforeEnd => {
                self.write(&lines.concat())?;
                return Ok(false);
            }
            ListShape::CutInside(whole) => {
                let half = lines.get(whole).map_or("", |line| &line[..line.len() / 2]);
                self.write(&(lines[..whole].concat() + half))?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn director_list(&self) -> String {
        let state = self.shared.lock().unwrap();
        let status = state.ring.text();
        let mut text = match state.version {
            Version::V2_0_0 => "127.0.0.1\t9090\n".to_string(),
            Version::V2_0_14 => "127.0.0.1\t9090\tself\t0\n".to_string(),
            Version::V2_2_16 | Version::V2_2_19 => {
                format!("127.0.0.1\t9090\tself\t0\t{status}\t0\n")
            }
        };
        for peer in &state.peers {
            text.push_str(peer);
            text.push('\n');
        }
        text + "\n"
    }

    /// A line without its end; `None` if the client has left between lines.
    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line[..end]).into_owned();
                return Ok(Some(text));
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes)? {
                0 => return Ok(None),
                count => self.pending.extend_from_slice(&bytes[..count]),
            }
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        let pace = self.shared.lock().unwrap().pace;
        match pace {
            WritePace::Whole => self.stream.write_all(text.as_bytes()),
            WritePace::Dribble(pause) => text.as_bytes().iter().try_for_each(|&byte| {
                // Pause: the pace that the test asks for.
                sleep(pause);
                self.stream.write_all(&[byte])
            }),
        }
    }

    /// Notes bytes that came while a command was unanswered.
    fn watch_for_pipelining(&mut self) -> io::Result<()> {
        self.stream.set_nonblocking(true)?;
        let mut bytes = [0; 4096];
        let read = self.stream.read(&mut bytes);
        self.stream.set_nonblocking(false)?;
        match read {
            Ok(count) if count > 0 => {
                self.pending.extend_from_slice(&bytes[..count]);
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                self.violation(&format!("bytes before the answer: {text:?}"));
            }
            // The end of the client's side is seen again at the next read.
            _ => {}
        }
        Ok(())
    }

    fn wait_for_end(&mut self) -> io::Result<()> {
        loop {
            self.wait_for_end_within(Duration::from_secs(3600))?;
        }
    }

    /// An error as soon as the client leaves.
    fn wait_for_end_within(&mut self, limit: Duration) -> io::Result<()> {
        let greeted = self.shared.lock().unwrap().greeting != Greeting::Never;
        self.stream.set_read_timeout(Some(limit))?;
        let mut bytes = [0; 4096];
        let read = self.stream.read(&mut bytes);
        self.stream.set_read_timeout(None)?;
        match read {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.pending.extend_from_slice(&bytes[..count]);
                if greeted {
                    let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                    self.violation(&format!("bytes while a command was unanswered: {text:?}"));
                }
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(()),
                _ => Err(error),
            },
        }
    }

    fn violation(&self, text: &str) {
        let number = self.number;
        let violation = format!("connection {number}: {text}");
        self.shared.lock().unwrap().violations.push(violation);
    }
}

fn host_line(version: Version, host: &FakeHost) -> String {
    let FakeHost {
        address,
        vhosts,
        users,
        tag,
        state,
        stamp,
    } = host;
    match version {
        Version::V2_0_0 | Version::V2_0_14 => format!("{address}\t{vhosts}\t{users}\n"),
        Version::V2_2_16 => format!("{address}\t{vhosts}\t{users}\t{tag}\n"),
        Version::V2_2_19 => {
            format!("{address}\t{vhosts}\t{users}\t{tag}\t{state}\t{stamp}\n")
        }
    }
}
