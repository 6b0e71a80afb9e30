//! Talking to the stats socket: one connection for each line that is sent, with a deadline for all of it.
//!
//! Every call blocks until its deadline at the latest; the threads in `pool/link.rs` and `pool/watch.rs` make them.
//! No thread is started here, and no command tried twice.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::acts::Change;
use super::error::{HaProxyError, HaProxyFault};
use super::reading::{self, Watched};
use super::wire::{self, Answer, AnswerError};
use crate::backend::Stamp;
use crate::pool::{unix, Reading, Reply, Stage, Unconnected};

/// What is read again and again, over a connection each time. It never carries a change.
#[derive(Debug)]
pub struct Standing {
    socket: PathBuf,
    watched: Watched,
    has_answered: bool,
}

impl Standing {
    pub fn new(socket: &Path, watched: &Watched) -> Standing {
        Standing {
            socket: socket.to_owned(),
            watched: watched.clone(),
            has_answered: false,
        }
    }

    /// One reading, whole, over which changes could be made, too.
    pub fn read(&mut self, deadline: Instant) -> Result<Reading, HaProxyError> {
        let began = Instant::now();
        let answer = ask(&self.socket, &self.watched, deadline).map_err(|(stage, fault)| {
            let fault =
                match fault {
                    // A HAProxy that is started again is away for a moment.
                    HaProxyFault::Connect(
                        cause @ (Unconnected::NotThere | Unconnected::Refused),
                    ) if self.has_answered => HaProxyFault::Gone(cause),
                    fault => fault,
                };
            let stage = match stage {
                Stage::Connection => Stage::Connection,
                _ => Stage::Reading,
            };
            error(&self.socket, stage, fault)
        })?;
        self.has_answered = true;
        Ok(reading::reading(answer, &self.watched, began, second()))
    }
}

/// Sends one change: looks which servers of the address it concerns at this moment, tells all of these in one
/// line, and waits for the replies.
pub fn change(
    socket: &Path,
    watched: &Watched,
    change: &Change,
    deadline: Instant,
) -> Result<Reply, HaProxyError> {
    // Up to here nothing has been changed, whatever went wrong.
    let answer = ask(socket, watched, deadline)
        .map_err(|(_, fault)| error(socket, Stage::Connection, fault))?;
    if watched.servers_of(&answer, change.address).is_empty() {
        return Ok(Reply::NotFound);
    }
    let servers = change.servers(&answer, watched);
    if servers.is_empty() {
        return Ok(Reply::Ok);
    }
    let line = wire::line(change.told, &servers);
    let text = converse(socket, &line, deadline).map_err(|(stage, fault)| {
        let stage = match stage {
            Stage::Reading => Stage::Reply,
            stage => stage,
        };
        error(socket, stage, fault)
    })?;
    wire::parse_reply(&text, servers.len())
        .map_err(|cause| error(socket, Stage::Reply, HaProxyFault::Answer(cause)))
}

/// What HAProxy shows at this moment.
pub fn look(socket: &Path, watched: &Watched, deadline: Instant) -> Result<Answer, HaProxyError> {
    ask(socket, watched, deadline).map_err(|(stage, fault)| error(socket, stage, fault))
}

/// Where it went wrong, and what.
type Fault = (Stage, HaProxyFault);

/// What HAProxy shows, if changes can be made over this socket and all is there that is watched.
fn ask(socket: &Path, watched: &Watched, deadline: Instant) -> Result<Answer, Fault> {
    let text = converse(socket, wire::QUESTION, deadline)?;
    let answer = Answer::parse(&text).and_then(|answer| {
        answer.check_level()?;
        Ok(answer)
    });
    let answer = answer.map_err(|cause| (Stage::Reading, HaProxyFault::Answer(cause)))?;
    match watched.missing(&answer) {
        None => Ok(answer),
        Some(name) => Err((Stage::Reading, HaProxyFault::NoProxy(name.to_owned()))),
    }
}

/// Sends one line and gives all that is said until the other side ends the connection.
fn converse(socket: &Path, line: &str, deadline: Instant) -> Result<Vec<u8>, Fault> {
    let mut stream = unix::connect(socket, deadline)
        .map_err(|cause| (Stage::Connection, HaProxyFault::Connect(cause)))?;
    let left = |stage| unix::left(deadline).ok_or((stage, HaProxyFault::TimedOut));
    let failed = |stage| move |error: io::Error| (stage, fault(error));
    let stage = Stage::Command;
    stream
        .set_write_timeout(Some(left(stage)?))
        .map_err(failed(stage))?;
    stream.write_all(line.as_bytes()).map_err(failed(stage))?;
    let stage = Stage::Reading;
    let mut text = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        stream
            .set_read_timeout(Some(left(stage)?))
            .map_err(failed(stage))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(text),
            Ok(count) if text.len() + count > wire::MOST_BYTES => {
                return Err((stage, HaProxyFault::TooLong))
            }
            Ok(count) => text.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What came before it is cut.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Err((stage, HaProxyFault::Answer(AnswerError::Cut)))
            }
            Err(error) => return Err(failed(stage)(error)),
        }
    }
}

fn fault(error: io::Error) -> HaProxyFault {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => HaProxyFault::TimedOut,
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            HaProxyFault::Answer(AnswerError::Empty)
        }
        _ => HaProxyFault::Io(error),
    }
}

fn error(socket: &Path, stage: Stage, fault: HaProxyFault) -> HaProxyError {
    HaProxyError {
        socket: socket.to_owned(),
        stage,
        fault,
    }
}

/// Of the wall clock.
fn second() -> Stamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Stamp(since.map_or(0, |since| since.as_secs()))
}

#[cfg(test)]
mod tests;
