//! Talking to the admin socket: connections, deadlines, one changing command a connection.
//!
//! Every call blocks until its deadline at the latest; the threads in `pool/link.rs` and `pool/watch.rs` make them.
//! No thread is started here, no meaning given to a reply, and no command tried twice.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::{DirectorError, DirectorFault, DirectorStage};
use super::reading::Lists;
use super::socket_file::SocketFile;
use super::wire::{self, Change, HostListParser, ListParser, RingParser};
use crate::pool::{unix, Reply, Unconnected};
use crate::quote::Quote;

/// Until a director that runs has accepted a connection and greeted; it takes a millisecond.
const GREETING_PATIENCE: Duration = Duration::from_secs(5);

/// Sends one change over a connection of its own and waits for the reply.
///
/// A second changing command on a connection can abort the director (2.3.19: assertion
/// `conn->ring_sync_callback == NULL`), hence the new one each time. A connection closed without
/// a reply is `Closed` at `Reply`: the director does not know the command or an argument.
pub fn change(socket: &Path, change: &Change, deadline: Instant) -> Result<Reply, DirectorError> {
    let soon = Instant::now() + GREETING_PATIENCE;
    let mut connection = Connection::open(socket, deadline.min(soon))?;
    // Before the command is written: an error at this stage means that it was not sent.
    connection.check_unasked(DirectorStage::Greeting)?;
    connection.write(&change.to_string(), DirectorStage::Command, deadline)?;
    let reply = connection.line(DirectorStage::Reply, deadline)?;
    Ok(wire::parse_reply(&connection.buffer[reply]))
}

/// The connection over which the lists are read again and again. It never carries a change.
#[derive(Debug)]
pub struct Standing {
    connection: Connection,
    /// What it was opened through.
    file: SocketFile,
}

impl Standing {
    pub fn open(socket: &Path, deadline: Instant) -> Result<Standing, DirectorError> {
        let before = SocketFile::at(socket).ok();
        let mut connection = Connection::open(socket, deadline)?;
        match SocketFile::at(socket).ok() {
            Some(file) if before == Some(file) => Ok(Standing { connection, file }),
            // Which of the two was it opened through?
            _ => {
                connection.end();
                Err(connection.error(DirectorStage::SocketFile, DirectorFault::Changed))
            }
        }
    }

    /// Whether a command would go where the lists come from.
    fn check_file(&self) -> Result<(), DirectorError> {
        let fault = match SocketFile::at(&self.connection.socket) {
            Ok(file) if file == self.file => return Ok(()),
            Ok(_) => DirectorFault::Changed,
            Err(error) => match Unconnected::of(&self.connection.socket, error) {
                Unconnected::NotThere => DirectorFault::Gone,
                cause => DirectorFault::Connect(cause),
            },
        };
        Err(self.connection.error(DirectorStage::SocketFile, fault))
    }

    /// Reads both lists whole, one after the other, if the path still leads here. After an error the
    /// connection is useless, because a late answer would be taken for the next one's: every further read
    /// says `Closed`.
    pub fn read(&mut self, deadline: Instant) -> Result<Lists, DirectorError> {
        let result = self.read_both(deadline);
        if result.is_err() {
            self.connection.end();
        }
        result
    }

    /// The second is asked for only after the first: a command sent before the previous one is answered may
    /// get lost.
    fn read_both(&mut self, deadline: Instant) -> Result<Lists, DirectorError> {
        self.check_file()?;
        let connection = &mut self.connection;
        let began = Instant::now();
        let stage = DirectorStage::HostList;
        connection.check_unasked(stage)?;
        connection.write(wire::HOST_LIST, stage, deadline)?;
        let hosts = connection.list::<HostListParser>(stage, deadline)?;
        let stage = DirectorStage::DirectorList;
        connection.check_unasked(stage)?;
        connection.write(wire::DIRECTOR_LIST, stage, deadline)?;
        let ring = connection.list::<RingParser>(stage, deadline)?;
        Ok(Lists { began, hosts, ring })
    }
}

/// A greeted connection.
#[derive(Debug)]
struct Connection {
    socket: PathBuf,
    stream: UnixStream,
    buffer: Box<[u8]>,
    /// What of the buffer has been read and not yet used.
    unused: Range<usize>,
    has_ended: bool,
}

impl Connection {
    const BUFFER: usize = 16 * 1024;

    fn open(socket: &Path, deadline: Instant) -> Result<Connection, DirectorError> {
        let stream = unix::connect(socket, deadline).map_err(|cause| DirectorError {
            socket: socket.to_owned(),
            stage: DirectorStage::Connect,
            fault: DirectorFault::Connect(cause),
        })?;
        let mut connection = Connection {
            socket: socket.to_owned(),
            stream,
            buffer: vec![0; Connection::BUFFER].into_boxed_slice(),
            unused: 0..0,
            has_ended: false,
        };
        connection.greet(deadline)?;
        Ok(connection)
    }

    fn greet(&mut self, deadline: Instant) -> Result<(), DirectorError> {
        let stage = DirectorStage::Greeting;
        self.write(wire::GREETING, stage, deadline)?;
        let line = self.line(stage, deadline)?;
        let line = &self.buffer[line];
        if wire::is_greeting(line) {
            Ok(())
        } else {
            let fault = DirectorFault::WrongGreeting(Quote::new(line));
            Err(self.error(stage, fault))
        }
    }

    fn error(&self, stage: DirectorStage, fault: DirectorFault) -> DirectorError {
        DirectorError {
            socket: self.socket.clone(),
            stage,
            fault,
        }
    }

    fn end(&mut self) {
        // What came before can still be read from the stream.
        self.has_ended = true;
        // It fails if the director was faster, and then it is not needed.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn write(
        &mut self,
        line: &str,
        stage: DirectorStage,
        deadline: Instant,
    ) -> Result<(), DirectorError> {
        self.try_write(line, deadline)
            .map_err(|fault| self.error(stage, fault))
    }

    fn try_write(&mut self, line: &str, deadline: Instant) -> Result<(), DirectorFault> {
        if self.has_ended {
            return Err(DirectorFault::Closed);
        }
        let line = format!("{line}\n");
        self.stream.set_write_timeout(Some(left(deadline)?))?;
        Ok(self.stream.write_all(line.as_bytes())?)
    }

    /// Whether nothing is there that would be taken for the answer to the next command: neither behind the
    /// last answer nor come since. Both sides greet at once, so before our greeting the director's may be there.
    fn check_unasked(&mut self, stage: DirectorStage) -> Result<(), DirectorError> {
        self.try_check_unasked()
            .map_err(|fault| self.error(stage, fault))
    }

    fn try_check_unasked(&mut self) -> Result<(), DirectorFault> {
        if self.has_ended {
            return Err(DirectorFault::Closed);
        }
        if self.unused.is_empty() {
            self.stream.set_nonblocking(true)?;
            let read = self.stream.read(&mut self.buffer);
            self.stream.set_nonblocking(false)?;
            self.unused = match read {
                Ok(0) => return Err(DirectorFault::Closed),
                Ok(count) => 0..count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
        }
        let text = Quote::new(&self.buffer[self.unused.clone()]);
        Err(DirectorFault::Unasked(text))
    }

    fn list<P: ListParser>(
        &mut self,
        stage: DirectorStage,
        deadline: Instant,
    ) -> Result<P::List, DirectorError> {
        self.try_list::<P>(deadline)
            .map_err(|fault| self.error(stage, fault))
    }

    fn try_list<P: ListParser>(&mut self, deadline: Instant) -> Result<P::List, DirectorFault> {
        let mut parser = P::default();
        let mut begun = false;
        loop {
            let line = match self.try_line(deadline) {
                Err(DirectorFault::Closed) if begun || !self.unused.is_empty() => {
                    return Err(DirectorFault::CutList);
                }
                line => line?,
            };
            begun = true;
            match parser.on_line(&self.buffer[line]) {
                Ok(None) => {}
                Ok(Some(list)) => return Ok(list),
                Err(error) => return Err(DirectorFault::List(error)),
            }
        }
    }

    fn line(
        &mut self,
        stage: DirectorStage,
        deadline: Instant,
    ) -> Result<Range<usize>, DirectorError> {
        self.try_line(deadline)
            .map_err(|fault| self.error(stage, fault))
    }

    /// The place in the buffer of the next line without its end, good until the next call.
    fn try_line(&mut self, deadline: Instant) -> Result<Range<usize>, DirectorFault> {
        let mut searched = 0;
        loop {
            let text = &self.buffer[self.unused.clone()];
            let end = text[searched..].iter().position(|&byte| byte == b'\n');
            let length = end.map_or(text.len(), |end| searched + end);
            if length > wire::LONGEST_LINE {
                return Err(DirectorFault::LineTooLong(Quote::new(text)));
            }
            if end.is_some() {
                let line = self.unused.start..self.unused.start + length;
                self.unused.start = line.end + 1;
                return Ok(line);
            }
            searched = length;
            self.fill(deadline)?;
        }
    }

    /// Reads at least one byte more.
    fn fill(&mut self, deadline: Instant) -> Result<(), DirectorFault> {
        if self.buffer.len() - self.unused.end <= wire::LONGEST_LINE {
            self.buffer.copy_within(self.unused.clone(), 0);
            self.unused = 0..self.unused.len();
        }
        loop {
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            match self.stream.read(&mut self.buffer[self.unused.end..]) {
                Ok(0) => return Err(DirectorFault::Closed),
                Ok(count) => {
                    self.unused.end += count;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The time left, for a socket's time-out.
fn left(deadline: Instant) -> Result<Duration, DirectorFault> {
    unix::left(deadline).ok_or(DirectorFault::TimedOut)
}

#[cfg(test)]
mod tests;
