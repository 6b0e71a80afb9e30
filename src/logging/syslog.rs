//! The log in syslog: with an ident, a facility, and the PID of the process that logs.
//!
//! The syslog crate gives the wire format and its backends. Connecting is done here, because a
//! crate's logger stays mute after syslogd has made its socket anew, and would wait for ever for a
//! syslogd that hangs. Its time stamps are in UTC, which syslogds take for local time; ours are local.

use std::io::{self, BufWriter, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, Instant};

use log::Level;
use nix::errno::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use syslog::{LogFormat, Logger, LoggerBackend, Severity};

use super::line::{loss, timestamp, Line};
use super::lost;
use crate::config::settings::{self, Facility};
use crate::program::Program;

/// Where systems have the socket, in the order of trying.
const SOCKETS: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];
/// How long each of a message's two tries may wait for a syslogd that is busy.
const PATIENCE: Duration = Duration::from_millis(100);
/// For how long a syslogd that kept a message waiting is not bothered again.
const REST: Duration = Duration::from_secs(5);
// It has no stable `ErrorKind` in Rust 1.63.
const EPROTOTYPE: i32 = Errno::EPROTOTYPE as i32;

pub struct Syslog {
    sockets: Vec<PathBuf>,
    facility: Facility,
    ident: Program,
    connection: Option<Connection>,
    lost: u64,
    /// Why the last message was lost.
    cause: String,
    rests_until: Option<Instant>,
}

/// A connection belongs to the process that made it: after a fork the PID is another.
struct Connection {
    pid: u32,
    logger: Logger<LoggerBackend, LocalTime>,
}

impl Syslog {
    pub fn new(how: &settings::Syslog) -> Syslog {
        let sockets = match &how.socket {
            Some(socket) => vec![socket.clone()],
            None => SOCKETS.iter().map(PathBuf::from).collect(),
        };
        Syslog::at(sockets, how.facility, how.ident)
    }

    fn at(sockets: Vec<PathBuf>, facility: Facility, ident: Program) -> Syslog {
        Syslog {
            sockets,
            facility,
            ident,
            connection: None,
            lost: 0,
            cause: String::new(),
            rests_until: None,
        }
    }

    /// Connects; says what is wrong if that is not possible now. Each message tries again.
    pub fn trouble(&mut self) -> Option<String> {
        self.connect().err().map(|cause| {
            format!(
                "syslog: {cause}; lines are lost until syslog answers; is a syslog daemon running?"
            )
        })
    }

    pub fn write(&mut self, line: &Line) {
        if self.lost > 0 {
            let notice = Line::now(Level::Error, &loss(self.lost, &self.cause));
            if self.put(&notice).is_ok() {
                self.lost = 0;
            }
        }
        if self.lost > 0 || self.put(line).is_err() {
            self.lost = self.lost.saturating_add(1);
            lost::count();
        }
    }

    /// Sends one message, with a second try over a new connection: also where the first one took long,
    /// since on a busy machine that alone does not tell a syslogd that hangs from one that is gone.
    /// The error is why it was not taken.
    pub fn put(&mut self, line: &Line) -> Result<(), String> {
        if self.rests_until.map_or(false, |end| Instant::now() < end) {
            return Err(self.cause.clone());
        }
        self.rests_until = None;
        let mut began = Instant::now();
        for _ in 0..2 {
            began = Instant::now();
            match self.try_once(line) {
                Ok(()) => return Ok(()),
                Err(cause) => self.cause = cause,
            }
            self.connection = None;
        }
        if began.elapsed() >= PATIENCE {
            self.rests_until = Some(Instant::now() + REST);
        }
        Err(self.cause.clone())
    }

    fn try_once(&mut self, line: &Line) -> Result<(), String> {
        let connection = self.connect().map_err(|cause| cause.to_string())?;
        let logger = &mut connection.logger;
        match line.level {
            Level::Error => logger.err(line),
            Level::Warn => logger.warning(line),
            Level::Info => logger.info(line),
            Level::Debug | Level::Trace => logger.debug(line),
        }
        // The crate's error has another type in each of its generations; the text is in both.
        .map_err(|cause| cause.to_string())
    }

    fn connect(&mut self) -> io::Result<&mut Connection> {
        let pid = process::id();
        let usable = self.connection.take().filter(|known| known.pid == pid);
        let connection = match usable {
            Some(connection) => connection,
            None => Connection {
                pid,
                logger: Logger::new(
                    backend(&self.sockets)?,
                    LocalTime {
                        pid,
                        facility: self.facility,
                        ident: self.ident,
                    },
                ),
            },
        };
        Ok(self.connection.insert(connection))
    }
}

/// The first of the sockets that is there.
fn backend(sockets: &[PathBuf]) -> io::Result<LoggerBackend> {
    let mut missing = io::Error::from(io::ErrorKind::NotFound);
    for path in sockets {
        match connected(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing = error,
            other => return other,
        }
    }
    Err(missing)
}

fn connected(path: &Path) -> io::Result<LoggerBackend> {
    let datagram = UnixDatagram::unbound()?;
    match datagram.connect(path) {
        Ok(()) => {
            datagram.set_write_timeout(Some(PATIENCE))?;
            Ok(LoggerBackend::Unix(datagram))
        }
        Err(error) if error.raw_os_error() == Some(EPROTOTYPE) => {
            let stream = stream_to(path)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(LoggerBackend::UnixStream(BufWriter::new(stream)))
        }
        Err(error) => Err(error),
    }
}

/// Fails at once where a plain connect would wait: when nobody accepts and the queue is full.
fn stream_to(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    socket.set_nonblocking(false)?;
    Ok(socket.into())
}

/// RFC 3164 as local syslogds read it: no host name, local time.
struct LocalTime {
    pid: u32,
    facility: Facility,
    ident: Program,
}

impl LogFormat<&Line> for LocalTime {
    fn format<W: Write>(&self, out: &mut W, severity: Severity, line: &Line) -> syslog::Result<()> {
        let priority = self.facility.code() | severity as i32;
        let (time, pid, ident) = (timestamp(line.at), self.pid, self.ident);
        let text = &line.text;
        write!(out, "<{priority}>{time} {ident}[{pid}]: {text}")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
