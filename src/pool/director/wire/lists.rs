//! The answer to HOST-LIST, line by line, and what it has in common with that to DIRECTOR-LIST (`ring`).
//!
//! A line that cannot be read is quoted and does not spoil the others; a list without its end is
//! no list. What a list means is decided elsewhere.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::str::{self, FromStr};

use super::unescape;
use crate::backend::{HostState, Listed, Stamp, Tag};
use crate::pool::{Acts, Malformed};

/// Lines of a list, without the empty one at its end.
pub const MOST_LINES: usize = 100_000;

/// Bytes of a list: lines may be longer than any director's are, but not all of them.
pub const MOST_TEXT: usize = 16 * 1024 * 1024;

/// Why a list that was answered is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListError {
    /// More than `MOST_LINES`.
    TooManyLines,
    /// More than `MOST_TEXT`.
    TooMuchText,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListError::TooManyLines => write!(f, "more than {MOST_LINES} lines"),
            ListError::TooMuchText => write!(f, "more than {MOST_TEXT} bytes"),
        }
    }
}

/// A list in the making. There is no way to its value but over the empty line that ends it.
pub trait ListParser: Default {
    /// The whole list.
    type List;

    /// Takes the next line, without its end; the list once the line was the empty one.
    fn on_line(&mut self, line: &[u8]) -> Result<Option<Self::List>, ListError>;
}

/// A whole answer to HOST-LIST, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostList {
    /// Each address once.
    pub backends: Vec<Listed>,
    /// HOST-UP and HOST-DOWN since 2.2.19. Before there are only vhost counts, set with HOST-SET.
    pub acts: Acts,
    /// What cannot be read.
    pub malformed: Malformed,
    /// What lists an address that is listed before. The director's own list has each one once.
    pub repeated: Malformed,
}

/// Parses HOST-LIST: a line a backend, of `address vhosts users tag state stamp` between tabs; directors
/// before 2.2.19 give no state and no stamp.
#[derive(Debug, Default)]
pub struct HostListParser {
    list: HostList,
    size: Size,
    /// With a state and without: only the ones or the others are backends.
    seen: HashSet<(bool, IpAddr)>,
    /// Lines without U or D, and what they are if no line has one.
    without_state: Vec<(Vec<u8>, Listed)>,
}

impl ListParser for HostListParser {
    type List = HostList;

    fn on_line(&mut self, line: &[u8]) -> Result<Option<HostList>, ListError> {
        if line.is_empty() {
            return Ok(Some(std::mem::take(self).finish()));
        }
        self.size.add(line)?;
        match parse_listed(line) {
            Ok(Line::Whole(listed)) if self.seen.insert((true, listed.address)) => {
                self.list.backends.push(listed);
            }
            Ok(Line::WithoutState(listed)) if self.seen.insert((false, listed.address)) => {
                self.without_state.push((line.to_owned(), listed));
            }
            Ok(_) => self.list.repeated.add(line),
            Err(LineFault) => self.list.malformed.add(line),
        }
        Ok(None)
    }
}

impl HostListParser {
    fn finish(mut self) -> HostList {
        if self.list.backends.is_empty() && !self.without_state.is_empty() {
            self.list.acts = Acts::WeightsOnly;
            let backends = self.without_state.into_iter().map(|(_, listed)| listed);
            self.list.backends = backends.collect();
        } else {
            for (line, listed) in &self.without_state {
                match self.seen.contains(&(true, listed.address)) {
                    true => self.list.repeated.add(line),
                    false => self.list.malformed.add(line),
                }
            }
        }
        self.list
    }
}

enum Line {
    Whole(Listed),
    WithoutState(Listed),
}

pub(super) struct LineFault;

/// Three fields before 2.2.16, without the tag; four before 2.2.19, without state and stamp.
fn parse_listed(line: &[u8]) -> Result<Line, LineFault> {
    let mut fields = line.split(|&byte| byte == b'\t');
    let mut field = || fields.next();
    let address = parsed(field().ok_or(LineFault)?)?;
    let vhosts = number(field().ok_or(LineFault)?)?;
    let users = number(field().ok_or(LineFault)?)?;
    let tag = unescape(field().unwrap_or_default()).into_owned();
    let tag = Tag::new(String::from_utf8(tag).map_err(|_| LineFault)?);
    let listed = |state, changed| Listed {
        address,
        vhosts,
        users,
        tag,
        state,
        changed,
    };
    let state = match field() {
        None if vhosts == 0 => return Ok(Line::WithoutState(listed(HostState::Down, Stamp(0)))),
        None => return Ok(Line::WithoutState(listed(HostState::Up, Stamp(0)))),
        Some(b"U") => HostState::Up,
        Some(b"D") => HostState::Down,
        Some(_) => return Err(LineFault),
    };
    let changed = number(field().ok_or(LineFault)?)?;
    no_second_line(fields)?;
    Ok(Line::Whole(listed(state, Stamp(changed))))
}

/// Of a list so far.
#[derive(Debug, Default)]
pub(super) struct Size {
    lines: usize,
    text: usize,
}

impl Size {
    pub(super) fn add(&mut self, line: &[u8]) -> Result<(), ListError> {
        self.lines += 1;
        self.text += line.len();
        if self.lines > MOST_LINES {
            Err(ListError::TooManyLines)
        } else if self.text > MOST_TEXT {
            Err(ListError::TooMuchText)
        } else {
            Ok(())
        }
    }
}

/// Fields that are not known are those of later versions, and numbers or words. An address begins a line:
/// the end of this one got lost, and one of the two would be missing without a trace.
pub(super) fn no_second_line<'l>(
    mut rest: impl Iterator<Item = &'l [u8]>,
) -> Result<(), LineFault> {
    match rest.any(|field| parsed::<IpAddr>(field).is_ok()) {
        true => Err(LineFault),
        false => Ok(()),
    }
}

pub(super) fn parsed<T: FromStr>(field: &[u8]) -> Result<T, LineFault> {
    let text = str::from_utf8(field).map_err(|_| LineFault)?;
    text.parse().map_err(|_| LineFault)
}

/// Digits only: Rust would also take a plus sign.
pub(super) fn number<T: FromStr>(field: &[u8]) -> Result<T, LineFault> {
    if field.first() == Some(&b'+') {
        return Err(LineFault);
    }
    parsed(field)
}
