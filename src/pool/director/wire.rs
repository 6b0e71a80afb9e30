//! The admin protocol as text: greeting, commands, replies; the two lists are in `lists` and `ring`.
//!
//! Pure: bytes in, values out. It must not open a socket, read a clock or write a log. Facts are
//! from Dovecot 2.0.0 to 2.3.21, `src/director/doveadm-connection.c`.

mod lists;
mod ring;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use crate::pool::Reply;
use crate::quote::Quote;

pub use lists::{HostList, HostListParser, ListError, ListParser, MOST_LINES, MOST_TEXT};
pub use ring::{DirectorKind, DirectorStatus, Ring, RingDirector, RingParser};

/// What both sides say first. A line without its end, as all in this file.
pub const GREETING: &str = "VERSION\tdirector-doveadm\t1\t0";

/// Asks for all backends; answered at once, also in an unsynced ring.
pub const HOST_LIST: &str = "HOST-LIST";

/// Asks for all directors of the ring; answered at once.
pub const DIRECTOR_LIST: &str = "DIRECTOR-LIST";

/// Bytes of a line, without its end, that a director of ours never reaches.
pub const LONGEST_LINE: usize = 8192;

/// Whether the director speaks our protocol. Only name and major version have to agree.
pub fn is_greeting(line: &[u8]) -> bool {
    let ours = GREETING.as_bytes().split(|&byte| byte == b'\t');
    let theirs = line.split(|&byte| byte == b'\t');
    theirs.take(3).eq(ours.take(3))
}

/// A field as it stands in a line.
pub fn escape(text: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            0 => field.extend(b"\x010"),
            1 => field.extend(b"\x011"),
            b'\t' => field.extend(b"\x01t"),
            b'\n' => field.extend(b"\x01n"),
            b'\r' => field.extend(b"\x01r"),
            _ => field.push(byte),
        }
    }
    field
}

/// The text of a field. As in Dovecot, an unknown escape stands for its second byte and one cut
/// off at the end for nothing.
pub fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&1) {
        return Cow::Borrowed(field);
    }
    let mut text = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(&byte) = bytes.next() {
        if byte != 1 {
            text.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'0') => text.push(0),
            Some(b'1') => text.push(1),
            Some(b't') => text.push(b'\t'),
            Some(b'n') => text.push(b'\n'),
            Some(b'r') => text.push(b'\r'),
            Some(&other) => text.push(other),
            None => {}
        }
    }
    Cow::Owned(text)
}

/// A command that changes something.
///
/// Each names one backend by an address type: without an address HOST-FLUSH and HOST-RESET-USERS
/// act on every backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// No more users are sent there; those who are there stay. Since 2.2.19.
    HostDown(IpAddr),
    /// Users are sent there again. Since 2.2.19.
    HostUp(IpAddr),
    /// Forgets which users are there; their open sessions go on.
    HostFlush(IpAddr),
    /// Kicks and moves the users, so many at a time. Directors before 2.2.26 know no limit: they
    /// close the connection without a reply.
    HostResetUsers {
        /// The backend whose users are moved.
        address: IpAddr,
        /// How many at a time; none: all at once, which directors from 2.2.19 on know.
        limit: Option<NonZeroU32>,
    },
    /// The vhost count: down and up for a director before 2.2.19.
    HostSet {
        /// The backend whose vhost count is set.
        address: IpAddr,
        /// Zero is down for a director before 2.2.19.
        vhosts: u32,
    },
}

impl Change {
    /// The backend in the command's first argument.
    pub fn address(&self) -> IpAddr {
        match *self {
            Change::HostDown(address)
            | Change::HostUp(address)
            | Change::HostFlush(address)
            | Change::HostResetUsers { address, .. }
            | Change::HostSet { address, .. } => address,
        }
    }
}

impl Change {
    /// The command's word.
    pub fn name(&self) -> &'static str {
        match self {
            Change::HostDown(_) => "HOST-DOWN",
            Change::HostUp(_) => "HOST-UP",
            Change::HostFlush(_) => "HOST-FLUSH",
            Change::HostResetUsers { .. } => "HOST-RESET-USERS",
            Change::HostSet { .. } => "HOST-SET",
        }
    }
}

/// The command's line, without its end.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", self.name(), self.address())?;
        match self {
            Change::HostResetUsers {
                limit: Some(limit), ..
            } => write!(f, "\t{limit}"),
            Change::HostSet { vhosts, .. } => write!(f, "\t{vhosts}"),
            _ => Ok(()),
        }
    }
}

/// What the director says to a change.
pub fn parse_reply(line: &[u8]) -> Reply {
    match line {
        b"OK" => Reply::Ok,
        b"NOTFOUND" => Reply::NotFound,
        b"host is already being updated - try again later" => Reply::Busy,
        b"Ring sync timed out" => Reply::RingSyncTimedOut,
        b"TRYAGAIN" => Reply::TryAgain,
        _ => Reply::Refused(Quote::new(line)),
    }
}

#[cfg(test)]
mod tests;
