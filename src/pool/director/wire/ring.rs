//! The answer to DIRECTOR-LIST: the directors of the ring, and whether they agree.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::lists::{no_second_line, number, parsed, LineFault, ListError, ListParser, Size};
use crate::pool::{Malformed, Place, Readiness};
use crate::quote::Quote;

/// A whole answer to DIRECTOR-LIST, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// One for each connection: in a ring of two the other director is both `left` and `right`,
    /// and one that reconnects may be there with several more.
    pub directors: Vec<RingDirector>,
    /// Lines that could not be read.
    pub malformed: Malformed,
}

impl Ring {
    /// The place of the director that was asked, from 1 in the order of addresses, where it is told which
    /// that is; and how many directors the ring has.
    pub fn place_of_ours(&self) -> Place {
        let is_there = |director: &&RingDirector| director.kind != DirectorKind::Removed;
        let members = self.directors.iter().filter(is_there);
        let places: BTreeSet<_> = members.map(|one| (one.address, one.port)).collect();
        let before = self.ours().and_then(|ours| {
            let mut places = places.iter();
            places.position(|place| *place == (ours.address, ours.port))
        });
        Place {
            position: before.map(|before| before + 1),
            members: (!places.is_empty()).then_some(places.len()),
        }
    }

    /// How many directors stand before the one that was asked and may be told something, in the order of
    /// addresses, which is the same for all. Directors that were removed, and neighbours known not to be
    /// synced, are nobody to wait for.
    pub fn movers_before_ours(&self) -> usize {
        let place = |director: &RingDirector| (director.address, director.port);
        let ours = self.ours().map(place);
        let mut before: BTreeMap<_, bool> = BTreeMap::new();
        for director in &self.directors {
            if Some(place(director)) < ours {
                *before.entry(place(director)).or_insert(true) &= may_move(director);
            }
        }
        before.values().filter(|may_move| **may_move).count()
    }

    /// Whether a change can be made, from the `self` line. An unsynced director keeps HOST-UP and HOST-DOWN
    /// waiting for 30 s, and answers HOST-RESET-USERS with an `OK` that is not true. A just started one lists
    /// every backend as up until it has heard the ring. One before 2.2.16 does not tell its status, and one
    /// before 2.0.14 not even which line is its own.
    pub fn readiness(&self) -> Readiness {
        if self.tells_no_status() {
            return Readiness::NotTold;
        }
        match self.ours().map(|director| &director.status) {
            Some(DirectorStatus::Synced) => Readiness::Synced,
            Some(DirectorStatus::Handshaking | DirectorStatus::Syncing) => Readiness::Unsynced,
            Some(DirectorStatus::Unknown(text)) => Readiness::Unknown(text.clone()),
            Some(DirectorStatus::NotTold | DirectorStatus::NotConnected) | None => {
                Readiness::Unknown(Quote::new(""))
            }
        }
    }

    /// The one that was asked.
    fn ours(&self) -> Option<&RingDirector> {
        let mut directors = self.directors.iter();
        directors.find(|director| director.kind == DirectorKind::SelfHere)
    }

    fn tells_no_status(&self) -> bool {
        let mut statuses = self.directors.iter().map(|director| &director.status);
        !self.directors.is_empty() && statuses.all(|status| *status == DirectorStatus::NotTold)
    }
}

/// One line of DIRECTOR-LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingDirector {
    /// The address that it is known by in the ring; not what mail clients connect to.
    pub address: IpAddr,
    /// Its port for the other directors. Two directors may have one address.
    pub port: u16,
    /// What it is to the director that was asked.
    pub kind: DirectorKind,
    /// Of the ring for the director that was asked, of the connection for all others.
    pub status: DirectorStatus,
}

/// What a director is to the one that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectorKind {
    /// The one that was asked.
    SelfHere,
    /// Taken out of the ring by an operator.
    Removed,
    /// Any other of the ring: a neighbour (`left`, `right`; `l+r` in a ring of two before 2.2.34), one that
    /// is none (empty), a connection that is not yet or no longer part of the ring (`in`, `out`), or a word
    /// that we do not know. A director before 2.0.14 has no such column.
    Other,
}

impl DirectorKind {
    fn parse(field: &[u8]) -> DirectorKind {
        match field {
            b"self" => DirectorKind::SelfHere,
            b"removed" => DirectorKind::Removed,
            _ => DirectorKind::Other,
        }
    }
}

/// The status column: of the ring for the asked director, of the connection for its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectorStatus {
    /// All is known to both sides, or in the whole ring.
    Synced,
    /// The lists are still being exchanged.
    Handshaking,
    /// A change has not been round the ring yet.
    Syncing,
    /// Empty: no connection to it, so nothing known.
    NotConnected,
    /// The line has no such column: the director is older than 2.2.16.
    NotTold,
    /// A word that we do not know, quoted: perhaps of a later version.
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

/// Parses DIRECTOR-LIST: a line a director; those before 2.2.16 give no ring status.
#[derive(Debug, Default)]
pub struct RingParser {
    ring: Ring,
    size: Size,
    /// Lines without a status, and what they are if no line has one.
    without_status: Vec<(Vec<u8>, RingDirector)>,
}

impl ListParser for RingParser {
    type List = Ring;

    fn on_line(&mut self, line: &[u8]) -> Result<Option<Ring>, ListError> {
        if line.is_empty() {
            return Ok(Some(std::mem::take(self).finish()));
        }
        self.size.add(line)?;
        match parse_ring_director(line) {
            Ok(director) if director.status == DirectorStatus::NotTold => {
                self.without_status.push((line.to_owned(), director));
            }
            Ok(director) => self.ring.directors.push(director),
            Err(_) if is_nameless(line) => {}
            Err(_) => self.ring.malformed.add(line),
        }
        Ok(None)
    }
}

impl RingParser {
    fn finish(mut self) -> Ring {
        if self.ring.directors.is_empty() {
            let directors = self
                .without_status
                .into_iter()
                .map(|(_, director)| director);
            self.ring.directors = directors.collect();
        } else {
            for (line, _) in &self.without_status {
                self.ring.malformed.add(line);
            }
        }
        self.ring
    }
}

/// Two fields before 2.0.14, address and port; four before 2.2.16, without the status.
fn parse_ring_director(line: &[u8]) -> Result<RingDirector, LineFault> {
    let mut fields = line.split(|&byte| byte == b'\t');
    let address = parsed(fields.next().ok_or(LineFault)?)?;
    let port = number(fields.next().ok_or(LineFault)?)?;
    let (kind, status) = match fields.next() {
        None => (DirectorKind::Other, DirectorStatus::NotTold),
        Some(kind) => {
            let _last_failed = fields.next().ok_or(LineFault)?;
            let status = fields.next();
            let status = status.map_or(DirectorStatus::NotTold, DirectorStatus::parse);
            no_second_line(fields)?;
            (DirectorKind::parse(kind), status)
        }
    };
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

/// Whether the text is the word, alone or with details (`syncing - last sync 4 secs ago`).
fn is_word(word: &[u8], text: &[u8]) -> bool {
    match text.strip_prefix(word) {
        Some(rest) => rest.is_empty() || rest.starts_with(b" - "),
        None => false,
    }
}

fn may_move(director: &RingDirector) -> bool {
    director.kind != DirectorKind::Removed
        && matches!(
            director.status,
            DirectorStatus::Synced | DirectorStatus::NotConnected | DirectorStatus::NotTold
        )
}
