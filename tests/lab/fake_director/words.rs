//! What the fake director can be told to do, and what it keeps of a host and of a command. Values only.

use std::net::IpAddr;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    HostList,
    DirectorList,
    HostUp,
    HostDown,
    HostFlush,
    HostResetUsers,
    HostSet,
    HostRemove,
}

impl Command {
    pub(super) fn from_word(word: &str) -> Option<Command> {
        Some(match word {
            "HOST-LIST" => Command::HostList,
            "DIRECTOR-LIST" => Command::DirectorList,
            "HOST-UP" => Command::HostUp,
            "HOST-DOWN" => Command::HostDown,
            "HOST-FLUSH" => Command::HostFlush,
            "HOST-RESET-USERS" => Command::HostResetUsers,
            "HOST-SET" => Command::HostSet,
            "HOST-REMOVE" => Command::HostRemove,
            _ => return None,
        })
    }

    pub fn is_changing(self) -> bool {
        !matches!(self, Command::HostList | Command::DirectorList)
    }
}

/// Whether a command that is answered badly has done its work all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Done,
    Undone,
}

/// What a command is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done and `OK`; lists are lists.
    Proper,
    /// `OK`, and nothing was done: what a reset in an unsynced ring does.
    Lie,
    NotFound,
    Busy,
    SyncTimedOut(Deed),
    TryAgain,
    Text(String),
    /// Done, and `OK` only after a time.
    Late(Duration),
    /// No answer for as long as the connection lasts.
    Hang(Deed),
    /// The connection closes without an answer.
    Close(Deed),
}

/// What a connection gets to see first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    Proper,
    /// A newer minor version, which is fine.
    NewerMinor,
    /// Major version 2.
    WrongMajor,
    /// The greeting of another program.
    Foreign,
    /// Accepted and then nothing.
    Never,
    CloseAtOnce,
    /// The kernel connects and nobody accepts.
    NotAccepted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingState {
    Synced,
    Handshaking,
    Syncing,
    Other(String),
}

impl RingState {
    pub(super) fn text(&self) -> &str {
        match self {
            RingState::Synced => "ring synced",
            RingState::Handshaking => "ring handshaking",
            RingState::Syncing => "ring syncing - last sync 7 secs ago",
            RingState::Other(text) => text,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WritePace {
    Whole,
    /// So long between two bytes.
    Dribble(Duration),
}

/// How much of HOST-LIST is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListShape {
    Whole,
    /// Every host and no empty line; then the connection closes.
    CutBeforeEnd,
    /// The first hosts only and half of the next line; then the connection closes.
    CutInside(usize),
    /// These lines stand before the hosts.
    Junk(Vec<String>),
    /// No host at all.
    Empty,
}

/// Whose director it plays, by what its lists tell and which commands it knows: the first Dovecot that
/// was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HOST-LIST tells address, vhost count and users; DIRECTOR-LIST address and port.
    V2_0_0,
    /// DIRECTOR-LIST tells type and last failure, too.
    V2_0_14,
    /// HOST-LIST tells the tag, and DIRECTOR-LIST the status.
    V2_2_16,
    /// HOST-LIST tells state and stamp; there are HOST-UP, HOST-DOWN and HOST-RESET-USERS.
    V2_2_19,
}

impl Version {
    /// Before, a vhost count of 0 is down.
    pub(super) fn knows_up_and_down(self) -> bool {
        self >= Version::V2_2_19
    }
}

/// What HOST-RESET-USERS takes, by the director's age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetSupport {
    WithLimit,
    /// 2.2.19 to 2.2.25: a number closes the connection.
    WithoutLimit,
    None,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeHost {
    pub address: IpAddr,
    pub vhosts: u32,
    pub users: u64,
    pub tag: String,
    /// `U` or `D`.
    pub state: char,
    pub stamp: u64,
}

impl FakeHost {
    pub fn new(address: impl Into<IpAddr>) -> FakeHost {
        FakeHost {
            address: address.into(),
            vhosts: 100,
            users: 0,
            tag: String::new(),
            state: 'U',
            stamp: 0,
        }
    }

    /// Nobody is on it any more, and nobody's hold lasts.
    pub fn be_down_for_long(&mut self) {
        (self.state, self.users, self.stamp) = ('D', 0, 1);
    }
}

/// A command as it came.
#[derive(Clone, Debug)]
pub struct Record {
    pub at: Instant,
    pub connection: u64,
    pub command: Command,
    /// Fields separated by one space.
    pub line: String,
    pub ring: RingState,
}
