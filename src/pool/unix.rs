//! Connecting to a pool's Unix socket by a deadline, and why that failed.
//!
//! Nothing of what is said over it.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

/// Why there is no connection.
#[derive(Debug)]
pub enum Unconnected {
    /// There is no such socket.
    NotThere,
    /// The socket is left over, nobody listens.
    Refused,
    /// The path leads to a file or folder.
    NotASocket,
    /// The path leads to a socket for datagrams.
    WrongType,
    /// The socket or a folder above it is closed to this process.
    Denied,
    /// The deadline passed.
    TimedOut,
    /// Any other error of the system.
    Io(io::Error),
}

impl fmt::Display for Unconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unconnected::NotThere => f.write_str("the socket is missing"),
            Unconnected::Refused => f.write_str("nobody listens"),
            Unconnected::NotASocket => f.write_str("not a socket"),
            Unconnected::WrongType => f.write_str("not a stream socket"),
            Unconnected::Denied => f.write_str("permission denied"),
            Unconnected::TimedOut => f.write_str("timed out"),
            Unconnected::Io(error) => error.fmt(f),
        }
    }
}

impl Unconnected {
    /// What an error on the way to the socket at this path means.
    pub(super) fn of(path: &Path, error: io::Error) -> Unconnected {
        let is = |errno: Errno| error.raw_os_error() == Some(errno as i32);
        if is(Errno::ENOENT) || is(Errno::ENOTDIR) {
            // Where a part of the path is no folder there is no such socket either.
            return Unconnected::NotThere;
        }
        if is(Errno::EPROTOTYPE) {
            return Unconnected::WrongType;
        }
        if is(Errno::ECONNREFUSED) {
            // A file that is no socket refuses, too.
            return match fs::metadata(path) {
                Ok(file) if !file.file_type().is_socket() => Unconnected::NotASocket,
                _ => Unconnected::Refused,
            };
        }
        match error.kind() {
            // A connect whose time-out passed reports `WouldBlock`.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Unconnected::TimedOut,
            io::ErrorKind::PermissionDenied => Unconnected::Denied,
            _ => Unconnected::Io(error),
        }
    }
}

pub(super) fn connect(path: &Path, deadline: Instant) -> Result<UnixStream, Unconnected> {
    let address = SockAddr::unix(path).map_err(Unconnected::Io)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(Unconnected::Io)?;
    loop {
        // While the backlog is full, connect waits as long as a write would. It cannot be waited for
        // without blocking: then it only says EAGAIN.
        let left = left(deadline).ok_or(Unconnected::TimedOut)?;
        socket
            .set_write_timeout(Some(left))
            .map_err(Unconnected::Io)?;
        match socket.connect(&address) {
            Ok(()) => return Ok(socket.into()),
            // Not restarted by the kernel, because a time-out is set.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unconnected::of(path, error)),
        }
    }
}

/// The time left, for a socket's time-out; none if it is over.
pub(super) fn left(deadline: Instant) -> Option<Duration> {
    // Socket time-outs know microseconds, and take zero for "for ever".
    const SHORTEST: Duration = Duration::from_millis(1);
    let left = deadline.checked_duration_since(Instant::now())?;
    (left > Duration::ZERO).then(|| left.max(SHORTEST))
}
