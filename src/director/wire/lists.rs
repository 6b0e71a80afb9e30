//! The answers to HOST-LIST and DIRECTOR-LIST, line by line.
//!
//! A line that cannot be read is quoted and does not spoil the others; a list without its end is
//! no list. What a list means is decided elsewhere.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::str::{self, FromStr};

use super::unescape;
use crate::backend::{HostState, Listed, Stamp, Tag};
use crate::quote::Quote;

/// Lines of a list, without the empty one at its end.
pub const MOST_LINES: usize = 100_000;

/// The lines of a list that could not be read: the first few, and how many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Malformed {
    pub shown: Vec<Quote>,
    pub count: usize,
}

impl Malformed {
    const MOST_SHOWN: usize = 8;

    fn add(&mut self, line: &[u8]) {
        self.count += 1;
        if self.shown.len() < Malformed::MOST_SHOWN {
            self.shown.push(Quote::new(line));
        }
    }
}

/// Why a list that was answered is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListError {
    /// HOST-LIST without U or D: a director before 2.2.19, which knows no HOST-DOWN.
    TooOld,
    /// More than `MOST_LINES`.
    TooManyLines,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListError::TooOld => {
                f.write_str("no up or down in the list: dovecot 2.2.19 or newer is needed")
            }
            ListError::TooManyLines => write!(f, "more than {MOST_LINES} lines"),
        }
    }
}

/// A list in the making. There is no way to its value but over the empty line that ends it.
pub trait ListParser: Default {
    type List;

    /// Takes the next line, without its end; the list once the line was the empty one.
    fn on_line(&mut self, line: &[u8]) -> Result<Option<Self::List>, ListError>;
}

/// A whole answer to HOST-LIST, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostList {
    /// Each address once.
    pub backends: Vec<Listed>,
    /// An address listed again is among them.
    pub malformed: Malformed,
}

#[derive(Debug, Default)]
pub struct HostListParser {
    list: HostList,
    lines: usize,
    seen: HashSet<IpAddr>,
    without_state: usize,
}

impl ListParser for HostListParser {
    type List = HostList;

    fn on_line(&mut self, line: &[u8]) -> Result<Option<HostList>, ListError> {
        if line.is_empty() {
            if self.without_state > 0 && self.list.backends.is_empty() {
                return Err(ListError::TooOld);
            }
            return Ok(Some(std::mem::take(self).list));
        }
        count_line(&mut self.lines)?;
        match parse_listed(line) {
            Ok(listed) if self.seen.insert(listed.address) => self.list.backends.push(listed),
            Ok(_) | Err(LineFault::Malformed) => self.list.malformed.add(line),
            Err(LineFault::WithoutState) => {
                self.without_state += 1;
                self.list.malformed.add(line);
            }
        }
        Ok(None)
    }
}

enum LineFault {
    Malformed,
    WithoutState,
}

fn parse_listed(line: &[u8]) -> Result<Listed, LineFault> {
    let mut fields = line.split(|&byte| byte == b'\t');
    let mut field = || fields.next().ok_or(LineFault::Malformed);
    let address = parsed(field()?)?;
    let vhosts = number(field()?)?;
    let users = number(field()?)?;
    let tag = field().map_err(|_| LineFault::WithoutState)?;
    let state = field().map_err(|_| LineFault::WithoutState)?;
    let changed = number(field()?)?;
    let tag = String::from_utf8(unescape(tag).into_owned()).map_err(|_| LineFault::Malformed)?;
    let state = match state {
        b"U" => HostState::Up,
        b"D" => HostState::Down,
        _ => return Err(LineFault::Malformed),
    };
    Ok(Listed {
        address,
        vhosts,
        users,
        tag: Tag::new(tag),
        state,
        changed: Stamp(changed),
    })
}

/// What a director is to the one that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectorKind {
    /// The one that was asked.
    SelfHere,
    Left,
    Right,
    /// The only other one of a ring of two, before 2.2.34; later ones list it twice.
    LeftRight,
    /// A connection not yet, or no longer, part of the ring: the other side's, or ours.
    In,
    Out,
    /// Taken out of the ring by an operator.
    Removed,
    /// No neighbour: whether it lives cannot be seen from here.
    Unconnected,
    Unknown(Quote),
}

impl DirectorKind {
    fn parse(field: &[u8]) -> DirectorKind {
        match field {
            b"self" => DirectorKind::SelfHere,
            b"left" => DirectorKind::Left,
            b"right" => DirectorKind::Right,
            b"l+r" => DirectorKind::LeftRight,
            b"in" => DirectorKind::In,
            b"out" => DirectorKind::Out,
            b"removed" => DirectorKind::Removed,
            b"" => DirectorKind::Unconnected,
            _ => DirectorKind::Unknown(Quote::new(field)),
        }
    }
}

/// The status column: of the ring for the asked director, of the connection for its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectorStatus {
    Synced,
    Handshaking,
    Syncing,
    /// Empty: no connection to it, so nothing known.
    NotConnected,
    Unknown(Quote),
}

impl DirectorStatus {
    fn parse(field: &[u8]) -> DirectorStatus {
        // From 2.2.34 on the asked director's own status starts with "ring ".
        match field.strip_prefix(b"ring ").unwrap_or(field) {
            b"" => DirectorStatus::NotConnected,
            b"synced" => DirectorStatus::Synced,
            text if is_word(b"handshaking", text) => DirectorStatus::Handshaking,
            text if is_word(b"syncing", text) => DirectorStatus::Syncing,
            _ => DirectorStatus::Unknown(Quote::new(field)),
        }
    }
}

/// Whether the text is the word, alone or with details (`syncing - last sync 4 secs ago`).
fn is_word(word: &[u8], text: &[u8]) -> bool {
    match text.strip_prefix(word) {
        Some(rest) => rest.is_empty() || rest.starts_with(b" - "),
        None => false,
    }
}

/// One line of DIRECTOR-LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingDirector {
    pub address: IpAddr,
    pub port: u16,
    pub kind: DirectorKind,
    pub status: DirectorStatus,
}

/// A whole answer to DIRECTOR-LIST, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// One for each connection: in a ring of two the other director is both `Left` and `Right`,
    /// and one that reconnects may be there with several more.
    pub directors: Vec<RingDirector>,
    pub malformed: Malformed,
}

/// How the ring is to the director that was asked. Only a synced one may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingState {
    Synced,
    Handshaking,
    Syncing,
    /// Empty if the director does not list itself, or lists itself without a status.
    Unknown(Quote),
}

impl fmt::Display for RingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RingState::Synced => f.write_str("synced"),
            RingState::Handshaking => f.write_str("handshaking"),
            RingState::Syncing => f.write_str("syncing"),
            RingState::Unknown(text) => write!(f, "unknown {text}"),
        }
    }
}

impl Ring {
    /// The ring's state, from the `self` line.
    pub fn state(&self) -> RingState {
        let asked = self
            .directors
            .iter()
            .find(|director| director.kind == DirectorKind::SelfHere);
        match asked.map(|director| &director.status) {
            Some(DirectorStatus::Synced) => RingState::Synced,
            Some(DirectorStatus::Handshaking) => RingState::Handshaking,
            Some(DirectorStatus::Syncing) => RingState::Syncing,
            Some(DirectorStatus::Unknown(text)) => RingState::Unknown(text.clone()),
            Some(DirectorStatus::NotConnected) | None => RingState::Unknown(Quote::new("")),
        }
    }
}

#[derive(Debug, Default)]
pub struct RingParser {
    ring: Ring,
    lines: usize,
}

impl ListParser for RingParser {
    type List = Ring;

    fn on_line(&mut self, line: &[u8]) -> Result<Option<Ring>, ListError> {
        if line.is_empty() {
            return Ok(Some(std::mem::take(self).ring));
        }
        count_line(&mut self.lines)?;
        match parse_ring_director(line) {
            Ok(director) => self.ring.directors.push(director),
            Err(_) if is_nameless(line) => {}
            Err(_) => self.ring.malformed.add(line),
        }
        Ok(None)
    }
}

fn parse_ring_director(line: &[u8]) -> Result<RingDirector, LineFault> {
    let mut fields = line.split(|&byte| byte == b'\t');
    let mut field = || fields.next().ok_or(LineFault::Malformed);
    let address = parsed(field()?)?;
    let port = number(field()?)?;
    let kind = DirectorKind::parse(field()?);
    let _last_failed = field()?;
    let status = DirectorStatus::parse(field()?);
    Ok(RingDirector {
        address,
        port,
        kind,
        status,
    })
}

/// From 2.2.34 on a director lists a connection whose other side has not said yet who it is by
/// its status alone, without address, port and type.
fn is_nameless(line: &[u8]) -> bool {
    let first = line.split(|&byte| byte == b'\t').next().unwrap_or(line);
    is_word(b"handshaking", first) || is_word(b"syncing", first) || is_word(b"synced", first)
}

fn count_line(lines: &mut usize) -> Result<(), ListError> {
    if *lines == MOST_LINES {
        return Err(ListError::TooManyLines);
    }
    *lines += 1;
    Ok(())
}

fn parsed<T: FromStr>(field: &[u8]) -> Result<T, LineFault> {
    let text = str::from_utf8(field).map_err(|_| LineFault::Malformed)?;
    text.parse().map_err(|_| LineFault::Malformed)
}

/// Digits only: Rust would also take a plus sign.
fn number<T: FromStr>(field: &[u8]) -> Result<T, LineFault> {
    if field.first() == Some(&b'+') {
        return Err(LineFault::Malformed);
    }
    parsed(field)
}
