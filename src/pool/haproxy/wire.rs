//! What is asked of HAProxy's stats socket, what it answers, and how it is told something.
//!
//! Pure: text in, values out. What an answer means for a mail server is in `reading`.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::pool::{Malformed, Reply};
use crate::quote::Quote;

/// Everything that a reading needs, in one line: so it is of one process and of one moment.
pub const QUESTION: &str = "show cli level;show info;show servers state;show stat -1 4 -1\n";

/// The longest answer that is read. 10,000 servers take 5 MB.
pub const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The name of a proxy (a section of HAProxy's configuration) and of a server in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName {
    /// HAProxy's name of a `listen` or `backend` section: letters, digits and `-_.:` alone.
    pub proxy: Arc<str>,
    /// Its name in that section, of the same characters.
    pub server: Arc<str>,
}

impl ServerName {
    /// Of these two names.
    pub fn new(proxy: &str, server: &str) -> ServerName {
        ServerName {
            proxy: proxy.into(),
            server: server.into(),
        }
    }
}

/// As HAProxy's commands have it.
impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.proxy, self.server)
    }
}

/// `srv_admin_state`: why a server is out of service by somebody's will. A mask (`enum srv_admin` of HAProxy 2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admin(pub u32);

impl Admin {
    /// Maintenance by a command on the socket: ours or an operator's.
    const FORCED_MAINT: u32 = 0x01;
    /// `disabled` in the configuration, which at first is forced maintenance as well. A command that sets the server
    /// ready ends that, and leaves this bit.
    const DISABLED_AT_FIRST: u32 = 0x04;
    /// Maintenance by a command (0x01), as a server that it tracks (0x02) or for want of an address (0x20); drained by a
    /// command (0x08) or as a server that it tracks (0x10). The other bits say what once was: 0x40, that its address
    /// came by another name.
    const OUT_OF_SERVICE: u32 = 0x3b;

    /// Whether HAProxy sends new sessions to it, as far as this goes.
    pub fn is_ready(self) -> bool {
        self.0 & Admin::OUT_OF_SERVICE == 0
    }

    /// Whether it is in maintenance as by a command on the socket.
    pub fn is_forced(self) -> bool {
        self.0 & Admin::FORCED_MAINT != 0
    }

    /// Whether the configuration had it so when the process began: then who forced it cannot be told.
    pub fn was_disabled_at_first(self) -> bool {
        self.0 & Admin::DISABLED_AT_FIRST != 0
    }
}

/// One server of one proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Proxy and server. The same mail server has one in each proxy that it serves.
    pub name: ServerName,
    /// `srv_addr`. A server without one is left out.
    pub address: IpAddr,
    /// `srv_port`; 0 where the configuration names none.
    pub port: u16,
    /// By HAProxy's own checks, if it has any.
    pub is_running: bool,
    /// `srv_admin_state`.
    pub admin: Admin,
    /// `srv_uweight`: what the configuration or a command has set, from 0 to 256.
    pub weight: u32,
    /// How long ago HAProxy last started or stopped sending sessions to it.
    pub unchanged_for: Duration,
    /// How many there are now.
    pub sessions: u64,
}

/// Which process answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// `Pid` of `show info`.
    pub id: u32,
    /// `Uptime_sec` of `show info`: whole seconds.
    pub uptime: Duration,
}

impl Process {
    /// HAProxy has been started anew since it was this one.
    pub fn is_other_than(&self, before: Process) -> bool {
        self.id != before.id || self.uptime < before.uptime
    }

    /// What was so long ago as a second of this process's own time, which began with it.
    pub fn own_second(&self, ago: Duration) -> i64 {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        seconds(self.uptime).saturating_sub(seconds(ago))
    }
}

/// What HAProxy answers to `QUESTION`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What the socket lets us do: `admin`, `operator` or `user`.
    pub level: String,
    /// That which gave all parts of the answer.
    pub process: Process,
    /// Those with an address, in HAProxy's order.
    pub servers: Vec<Server>,
    /// Lines of `show servers state` and `show stat` that could not be read.
    pub malformed: Malformed,
}

/// Why a text is no answer to `QUESTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// Nothing at all.
    Empty,
    /// It ends before its end.
    Cut,
    /// It goes on behind its end: whose answer is whose cannot be told.
    Behind(Quote),
    /// It is somebody else's, or HAProxy refuses a part.
    NotAnswered(Quote),
    /// A list without a column that is needed.
    NoColumn(&'static str),
    /// Not the level that changes need. Nothing can be changed over this socket.
    Level(Quote),
    /// A change was made for some servers and refused for others, such as one that was removed at this moment.
    Partly {
        /// How many have refused it.
        refused: usize,
        /// How many were asked.
        of: usize,
        /// The first refusal.
        said: Quote,
    },
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnswerError::Empty => f.write_str("connection closed without an answer"),
            AnswerError::Cut => f.write_str("connection closed within the answer"),
            AnswerError::Behind(text) => write!(f, "text behind the end of the answer {text}"),
            AnswerError::NotAnswered(text) => write!(f, "not the answer of a stats socket {text}"),
            AnswerError::NoColumn(name) => write!(f, "its list has no column {name}"),
            AnswerError::Level(level) => write!(
                f,
                "this socket is of level {level}: nothing can be changed over it"
            ),
            AnswerError::Partly { refused, of, said } => {
                write!(f, "refused for {refused} of {of} servers: {said}")
            }
        }
    }
}

/// Level, information, servers, statistics.
const PARTS: usize = 4;

/// What may be changed only over a socket of this level.
const LEVEL: &str = "admin";

impl Answer {
    /// The error: it is cut off, is no answer to our line, or comes from a socket of a lower level.
    pub fn parse(text: &[u8]) -> Result<Answer, AnswerError> {
        if text.is_empty() {
            return Err(AnswerError::Empty);
        }
        let first = text.split(|&byte| byte == b'\n').next().unwrap_or(text);
        let is_level = [LEVEL.as_bytes(), b"operator", b"user"].contains(&first);
        if !is_level {
            return Err(AnswerError::NotAnswered(Quote::new(first)));
        }
        let mut parts: Vec<Vec<&[u8]>> = Vec::new();
        let mut part = Vec::new();
        let mut lines = text.split(|&byte| byte == b'\n');
        // What follows the last line feed is a line that has been cut off.
        let rest = lines.next_back().unwrap_or_default();
        for line in lines {
            match (line.is_empty(), part.is_empty()) {
                (false, _) => part.push(line),
                (true, false) => parts.push(std::mem::take(&mut part)),
                (true, true) => {}
            }
        }
        if parts.len() < PARTS || !part.is_empty() || !rest.is_empty() {
            return Err(AnswerError::Cut);
        }
        let refused = || AnswerError::NotAnswered(Quote::new(parts[1][0]));
        let process = process(&parts[1]).ok_or_else(refused)?;
        if parts.len() > PARTS {
            return Err(AnswerError::NotAnswered(Quote::new(parts[PARTS][0])));
        }
        let mut answer = Answer {
            level: String::from_utf8_lossy(first).into_owned(),
            process,
            ..Answer::default()
        };
        let sessions = answer.sessions(&parts[3])?;
        answer.take_servers(&parts[2], &sessions)?;
        Ok(answer)
    }

    /// That changes can be made over this socket.
    pub fn check_level(&self) -> Result<(), AnswerError> {
        match self.level.as_str() {
            LEVEL => Ok(()),
            other => Err(AnswerError::Level(Quote::new(other))),
        }
    }

    /// How many sessions each server has, by `show stat`.
    fn sessions(&mut self, lines: &[&[u8]]) -> Result<HashMap<ServerName, u64>, AnswerError> {
        let not_answered = || AnswerError::NotAnswered(Quote::new(lines[0]));
        let header = lines[0].strip_prefix(b"# ").ok_or_else(not_answered)?;
        let names: Vec<&[u8]> = header.split(|&byte| byte == b',').collect();
        let [proxy, server, now] = columns(&names, ["pxname", "svname", "scur"])?;
        let mut sessions = HashMap::new();
        for line in &lines[1..] {
            // No column before these is ever quoted.
            let values: Vec<&[u8]> = line.split(|&byte| byte == b',').collect();
            let entry = || {
                let name = name(values.get(proxy)?, values.get(server)?)?;
                Some((name, number(values.get(now)?)?))
            };
            match entry() {
                Some((name, count)) => {
                    sessions.insert(name, count);
                }
                None => self.malformed.add(line),
            }
        }
        Ok(sessions)
    }

    fn take_servers(
        &mut self,
        lines: &[&[u8]],
        sessions: &HashMap<ServerName, u64>,
    ) -> Result<(), AnswerError> {
        // The first line is the version of the format, the second its columns.
        let not_answered = || AnswerError::NotAnswered(Quote::new(lines[0]));
        let header = lines.get(1).and_then(|line| line.strip_prefix(b"# "));
        let header = header.ok_or_else(not_answered)?;
        let names: Vec<&[u8]> = header.split(|&byte| byte == b' ').collect();
        let wanted = [
            "be_name",
            "srv_name",
            "srv_addr",
            "srv_port",
            "srv_op_state",
            "srv_admin_state",
            "srv_uweight",
            "srv_time_since_last_change",
        ];
        let columns = columns(&names, wanted)?;
        for line in &lines[2..] {
            let values: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
            let value = |at: usize| values.get(columns[at]).copied();
            // A server that has no address (yet), or is a Unix socket, is not ours to check.
            if value(2) == Some(b"-") {
                continue;
            }
            let server = || {
                let name = name(value(0)?, value(1)?)?;
                Some(Server {
                    address: text(value(2)?)?.parse().ok()?,
                    port: number(value(3)?)?,
                    is_running: [1, 2].contains(&number::<u8>(value(4)?)?),
                    admin: Admin(number(value(5)?)?),
                    weight: number(value(6)?)?,
                    unchanged_for: Duration::from_secs(number::<u32>(value(7)?)?.into()),
                    sessions: sessions.get(&name).copied().unwrap_or(0),
                    name,
                })
            };
            match server() {
                Some(server) => self.servers.push(server),
                None => self.malformed.add(line),
            }
        }
        Ok(())
    }
}

/// Where each of these columns is.
fn columns<const N: usize>(
    names: &[&[u8]],
    wanted: [&'static str; N],
) -> Result<[usize; N], AnswerError> {
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(wanted) {
        let at = names.iter().position(|column| *column == name.as_bytes());
        *place = at.ok_or(AnswerError::NoColumn(name))?;
    }
    Ok(places)
}

/// Of `show info`.
fn process(lines: &[&[u8]]) -> Option<Process> {
    let value = |name: &str| {
        let mut values = lines.iter().filter_map(|line| {
            let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b": ")?;
            Some(value)
        });
        values.next()
    };
    if value("Name")? != b"HAProxy" {
        return None;
    }
    Some(Process {
        id: number(value("Pid")?)?,
        uptime: Duration::from_secs(number::<u32>(value("Uptime_sec")?)?.into()),
    })
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    let is_digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    text(bytes).filter(|_| is_digits)?.parse().ok()
}

/// Names go into commands: only what HAProxy takes for a name is one.
fn name(proxy: &[u8], server: &[u8]) -> Option<ServerName> {
    let is_name = |name: &[u8]| {
        let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        !name.is_empty() && name.iter().all(of_name)
    };
    if !is_name(proxy) || !is_name(server) {
        return None;
    }
    Some(ServerName::new(text(proxy)?, text(server)?))
}

/// What a server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// No new sessions; those that are there go on.
    Maint,
    /// The sessions that are there end.
    ShutdownSessions,
    /// New sessions again: `set server ... state ready`.
    Ready,
}

impl Told {
    /// As an operator would type it.
    pub fn words(self, server: &ServerName) -> String {
        match self {
            Told::Maint => format!("set server {server} state maint"),
            Told::ShutdownSessions => format!("shutdown sessions server {server}"),
            Told::Ready => format!("set server {server} state ready"),
        }
    }
}

/// One line for all of these: HAProxy carries it out as a whole, or has not seen it.
pub fn line(told: Told, servers: &[ServerName]) -> String {
    let words: Vec<String> = servers.iter().map(|server| told.words(server)).collect();
    format!("{}\n", words.join(";"))
}

/// What HAProxy says to a line of so many commands: an empty line for each that is done, and a text with an
/// empty line for one that is not. The error: there are not as many answers as commands, or only some were done.
pub fn parse_reply(text: &[u8], commands: usize) -> Result<Reply, AnswerError> {
    if text.is_empty() {
        return Err(AnswerError::Empty);
    }
    let mut lines = text.split(|&byte| byte == b'\n');
    // Behind the last line feed there is nothing, or a cut line.
    let rest = lines.next_back().ok_or(AnswerError::Cut)?;
    let mut refusals = Vec::new();
    for _ in 0..commands {
        let first = lines.next().ok_or(AnswerError::Cut)?;
        if !first.is_empty() {
            refusals.push(first);
            while !lines.next().ok_or(AnswerError::Cut)?.is_empty() {}
        }
    }
    if !rest.is_empty() {
        return Err(AnswerError::Cut);
    }
    let behind: usize = lines.map(|line| line.len() + 1).sum();
    if behind > 0 {
        let text = &text[text.len() - behind..];
        return Err(AnswerError::Behind(Quote::new(text)));
    }
    match refusals.first().copied() {
        None => Ok(Reply::Ok),
        Some(said) if refusals.len() < commands => Err(AnswerError::Partly {
            refused: refusals.len(),
            of: commands,
            said: Quote::new(said),
        }),
        Some(said) => Ok(Reply::Refused(Quote::new(said))),
    }
}

#[cfg(test)]
mod tests;
