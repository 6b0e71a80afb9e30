//! A pool: a list of backends with a state each, that can be told up, down and drain.
//!
//! The engine, its rules, the report and the simulator know pools by the words of this room alone: `act` is
//! what can be told and answered, `reading` what is shown, `error` what goes wrong; a member is a
//! `backend::Listed`. The threads that wait on a pool are in `link` (a command each) and `watch` (reading).
//! This room must not know the rules, nor when or why something is told.
//!
//! # To add a kind of pool
//!
//! Each enum of this file gets a variant; the compiler then asks for the rest. A kind is a room of its own,
//! as `director/` is, and provides:
//!
//! - for `Access`: where it is found, what it is called, and `Settings::access` from the operator's choice;
//! - for `Connection`: a connection that is opened and read by a deadline. A reading is whole, or an error;
//!   its members have one entry an address, and stamps that are only compared with each other. Where
//!   nothing can be unsynced it is `Readiness::Synced`, where no other monitor can act `movers_before` is 0.
//!   The connection ends at its first error;
//! - for `Command`: what is sent, by value, so that it can be logged and compared; its name, its effect on
//!   the list, and how long its answer may take;
//! - for `Ways`: a pure function from an `Order` to the command, or none if this pool cannot do it, and what
//!   is learnt from readings and answers. It is part of the engine, and the simulator drives it;
//! - for `send`: one command, over a connection of its own, by a deadline. What is no answer is an error
//!   that says at which stage, as only that tells whether the command may have been carried out;
//! - a `PoolError` of each of its faults, with advice for the operator.
//!
//! No rule changes, and no line of `monitor/`. A kind is chosen for a whole run.

mod act;
pub mod director;
mod error;
pub(crate) mod link;
mod reading;
pub(crate) mod watch;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use director::acts;
use director::client::{self, Standing};
use director::wire::Change;

pub use act::{Action, DrainMode, Effect, MoveLimit, Order, Reply};
pub use error::{Loss, PoolError, Stage};
pub use reading::{Acts, Malformed, Place, Readiness, Reading, READING_DEADLINE};

/// Which pool, and where it is read and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    Director { socket: PathBuf },
}

impl Access {
    /// What an operator calls this kind of pool.
    pub fn noun(&self) -> &'static str {
        match self {
            Access::Director { .. } => "director",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Access::Director { socket } => write!(f, "{} {}", self.noun(), socket.display()),
        }
    }
}

/// What a pool is read over again and again. It never carries a command.
#[derive(Debug)]
pub(crate) enum Connection {
    Director(Standing),
}

impl Connection {
    pub(crate) fn open(access: &Access, deadline: Instant) -> Result<Connection, PoolError> {
        match access {
            Access::Director { socket } => {
                Ok(Connection::Director(Standing::open(socket, deadline)?))
            }
        }
    }

    /// After an error every further reading is one, too.
    pub(crate) fn read(&mut self, deadline: Instant) -> Result<Reading, PoolError> {
        match self {
            Connection::Director(standing) => Ok(standing.read(deadline)?.into()),
        }
    }
}

/// What carries out an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Director(Change),
}

/// As a person reads it.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Director(change) => f.write_str(&change.to_string().replace('\t', " ")),
        }
    }
}

impl Command {
    /// The backend that the command is about; each command is about one.
    pub fn address(&self) -> IpAddr {
        match self {
            Command::Director(change) => change.address(),
        }
    }

    /// The command's word in this kind of pool.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Director(change) => change.name(),
        }
    }

    /// What a list shows once the command has been carried out.
    pub fn effect(&self) -> Effect {
        match self {
            Command::Director(change) => acts::effect(change),
        }
    }

    /// How long the answer may take, with so many users on the backend.
    pub fn patience(&self, users: u64) -> Duration {
        match self {
            Command::Director(change) => acts::patience(change, users),
        }
    }
}

/// What is known of how a pool is told something: pure, and kept by the engine.
#[derive(Clone, Debug)]
pub enum Ways {
    Director(acts::Ways),
}

impl Ways {
    /// What is assumed of a pool that has not been read yet: the newest version.
    pub fn new(access: &Access) -> Ways {
        match access {
            Access::Director { .. } => Ways::Director(acts::Ways::default()),
        }
    }

    /// A reading over the connection of this number has shown these acts.
    pub fn on_reading(&mut self, connection: u64, acts: Acts) {
        match self {
            Ways::Director(ways) => ways.on_reading(connection, acts),
        }
    }

    /// What carries the order out; none if nothing can.
    pub fn command(&self, order: &Order) -> Option<Command> {
        match self {
            Ways::Director(ways) => ways.change(order).map(Command::Director),
        }
    }

    /// Learns from an answer which forms of a command the pool does not know, for the next command.
    pub fn on_answer(&mut self, command: &Command, answer: &Result<Reply, PoolError>) {
        match (self, command) {
            (Ways::Director(ways), Command::Director(change)) => ways.on_answer(change, answer),
        }
    }
}

/// Sends one command over a connection of its own, and waits for the answer.
pub(crate) fn send(
    access: &Access,
    command: &Command,
    deadline: Instant,
) -> Result<Reply, PoolError> {
    match (access, command) {
        (Access::Director { socket }, Command::Director(change)) => {
            Ok(client::change(socket, change, deadline)?)
        }
    }
}
