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
//! - for `Access`: where it is found, what it is called, after whose downs it moves users away (`Drains`), and
//!   `Settings::access` from the operator's choice;
//! - for `Connection`: a connection that is opened and read by a deadline. A reading is whole, or an error;
//!   its members have one entry an address, a tag that says whose users each can take (`backend::Tag`), and
//!   stamps that are only compared with each other. Where nothing can be unsynced it is `Readiness::Synced`,
//!   where no other monitor can act `movers_before` is 0. The connection ends at its first error;
//! - for `Command`: what is sent, by value, so that it can be logged and compared; its name, its effect on
//!   the list, and how long its answer may take;
//! - for `Ways`: a pure function from an `Order` to the command, or none if this pool cannot do it, and what
//!   is learnt from readings and answers. It may correct a reading's stamps, where the pool's own do not
//!   tell changes apart. It is part of the engine, and the simulator drives it;
//! - for `Particulars`: what only this kind's readings tell and its `Ways` have to know;
//! - for `send`: one command, over a connection of its own, by a deadline. What is no answer is an error
//!   that says at which stage, as only that tells whether the command may have been carried out;
//! - a `PoolError` of each of its faults, with advice for the operator.
//!
//! No rule changes, and no line of `monitor/`. A kind is chosen for a whole run.

mod act;
pub mod director;
mod error;
pub mod haproxy;
pub(crate) mod link;
mod reading;
mod unix;
pub(crate) mod watch;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::backend::Stamp;
use crate::few::{by_number, counted};
use director::acts;
use director::by_hand::doveadm;
use director::client::{self, Standing};
use director::wire::Change;
use haproxy::reading::Watched;

pub use act::{Action, DrainMode, Drains, Effect, MoveLimit, Order, Owner, Reply};
pub use error::{Loss, PoolError, Stage};
pub use reading::{
    Acts, Forgotten, Malformed, Others, Place, Readiness, Reading, READING_DEADLINE,
};
pub use unix::Unconnected;

/// Which pool, and where it is read and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// A Dovecot director, by its admin protocol.
    Director {
        /// The path of its admin socket.
        socket: PathBuf,
    },
    /// An HAProxy, by the commands of its stats socket.
    HaProxy {
        /// The path of its stats socket, which has to be of level admin.
        socket: PathBuf,
        /// Which of its proxies are the pool.
        watched: Watched,
    },
}

impl Access {
    /// What an operator calls this kind of pool.
    pub fn noun(&self) -> &'static str {
        self.words().noun
    }

    /// How this kind of pool is spoken of.
    pub fn words(&self) -> &'static Words {
        match self {
            Access::Director { .. } => Words::OF_DIRECTOR,
            Access::HaProxy { .. } => Words::OF_HAPROXY,
        }
    }

    /// After whose downs users are moved away.
    pub fn drains(&self) -> Drains {
        match self {
            Access::Director { .. } => Drains::AfterAnyDown,
            Access::HaProxy { .. } => Drains::AfterOurDowns,
        }
    }

    /// How an operator sees which director of the ring does not agree with the others.
    pub fn how_to_see_the_ring(&self) -> String {
        match self {
            Access::Director { socket } => doveadm(socket, "ring status", ""),
            // It has none.
            Access::HaProxy { .. } => "HAProxy's log".to_owned(),
        }
    }

    /// How an operator keeps a healthy backend down, such as this one.
    pub fn how_to_keep_down(&self, example: IpAddr) -> String {
        match self {
            Access::Director { socket } => format!(
                "--restore=own, or {}",
                doveadm(socket, "update", &format!("{example} 0"))
            ),
            Access::HaProxy { .. } => "--restore=own".to_owned(),
        }
    }

    /// Who may bring up a backend that has failed.
    pub fn who_brings_up(&self) -> &'static str {
        match self {
            Access::Director { .. } => "an administrator, a script, or another monitor",
            Access::HaProxy { .. } => {
                "an agent of HAProxy's (agent-check) that says \"ready\", an administrator, or a script"
            }
        }
    }

    /// How an operator moves the users of this backend, which is down, to others.
    pub fn how_to_move_users(&self, address: IpAddr) -> String {
        match self {
            Access::Director { socket } => doveadm(socket, "flush", &address.to_string()),
            Access::HaProxy { .. } => {
                "\"shutdown sessions server PROXY/SERVER\" on HAProxy's stats socket".to_owned()
            }
        }
    }

    /// That it lists no backend at all, and what an operator does about it.
    pub fn lists_none(&self) -> String {
        let what = self.words().lists_none;
        match self {
            Access::Director { socket } => format!(
                "{what}; add one: {} (see director_mail_servers)",
                doveadm(socket, "add", "ADDRESS")
            ),
            Access::HaProxy { .. } => format!(
                "{what}; add one to its configuration, or name the sections that have the mail servers \
                 (--haproxy-proxies)"
            ),
        }
    }

    /// What is said of the lines of a reading that are skipped, and what that means for their backends; for each cause
    /// of its own, and None for a cause that no line has.
    pub(crate) fn skips(&self, malformed: &Malformed) -> [Option<String>; 3] {
        let others = malformed.others.as_deref();
        [
            self.skips_malformed(malformed),
            others.and_then(|others| self.skips_repeated(&others.repeated)),
            others.and_then(|others| self.skips_of_ring(&others.of_ring)),
        ]
    }

    fn skips_malformed(&self, malformed: &Malformed) -> Option<String> {
        let first = malformed.shown.first()?;
        let count = malformed.count;
        Some(format!(
            "{}: {} in the lists {} neither checked nor changed; the first: {first}",
            self.noun(),
            counted(count, "malformed line"),
            by_number(
                count,
                "is skipped, so that its backend is",
                "are skipped, so that their backends are"
            )
        ))
    }

    fn skips_repeated(&self, repeated: &Malformed) -> Option<String> {
        let first = repeated.shown.first()?;
        let count = repeated.count;
        Some(format!(
            "{}: {} in the lists {} listed before; the line before counts, and the backend is checked and changed by that; \
             the first: {first}",
            self.noun(),
            counted(count, "line"),
            by_number(count, "is of a backend", "are of backends")
        ))
    }

    fn skips_of_ring(&self, malformed: &Malformed) -> Option<String> {
        let first = malformed.shown.first()?;
        let count = malformed.count;
        Some(format!(
            "{}: {} in the list of directors {} skipped; all backends are checked; the first: {first}",
            self.noun(),
            counted(count, "malformed line"),
            by_number(count, "is", "are")
        ))
    }

    /// How an operator gives a backend that is up with weight 0 its weight back.
    pub fn how_to_give_weight(&self) -> String {
        match self {
            Access::Director { socket } => doveadm(socket, "update", "ADDRESS COUNT"),
            Access::HaProxy { .. } => {
                "\"set weight PROXY/SERVER WEIGHT\", and \"set server PROXY/SERVER state ready\" where it is held, \
                 on HAProxy's stats socket, unless HAProxy's own check has it down"
                    .to_owned()
            }
        }
    }

    /// How an operator brings up a backend, such as this one.
    pub fn how_to_bring_up(&self, example: Option<IpAddr>) -> String {
        match (self, example) {
            (Access::Director { socket }, None) => doveadm(socket, "up", "ADDRESS"),
            (Access::Director { socket }, Some(example)) => {
                let example = example.to_string();
                format!(
                    "{} (before dovecot 2.2.19: {} COUNT)",
                    doveadm(socket, "up", &example),
                    doveadm(socket, "add", &example)
                )
            }
            (Access::HaProxy { .. }, _) => {
                "\"set server PROXY/SERVER state ready\" on HAProxy's stats socket".to_owned()
            }
        }
    }
}

/// How a kind of pool is spoken of.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// What an operator calls it, without an article.
    pub noun: &'static str,
    /// At the start of what is said about it.
    pub subject: &'static str,
    /// It answers, and changes can be made.
    pub ready: &'static str,
    /// It lists no backend at all, and what that means.
    pub lists_none: &'static str,
    /// What a backend does that is up with more weight than 0.
    pub takes: &'static str,
    /// What that comes to where no backend does it.
    pub none_takes: &'static str,
    /// What it does with a backend that is up with weight 0.
    pub sends_none: &'static str,
    /// Why a change waits for its turn.
    pub turn: &'static str,
    /// What spreads users over backends.
    pub weight: &'static str,
    /// Its sum.
    pub weights: &'static str,
    /// Which commands a person is told to type.
    pub by_hand: ByHand,
}

impl Words {
    /// What is said of a Dovecot director.
    pub const OF_DIRECTOR: &'static Words = &Words {
        noun: "director",
        subject: "the director",
        ready: "the ring is synced",
        lists_none: "the director lists no backend: users cannot log in",
        takes: "takes new users",
        none_takes: "so they cannot log in",
        sends_none: "the director sends it no new users",
        turn: "monitors of directors before ours move first",
        weight: "vhost count",
        weights: "vhosts",
        by_hand: ByHand::Doveadm,
    };

    /// What is said of an HAProxy.
    pub const OF_HAPROXY: &'static Words = &Words {
        noun: "HAProxy",
        subject: "HAProxy",
        ready: "it answers",
        lists_none: "HAProxy has no server at a port that is checked: users cannot log in there",
        takes: "takes new users in all its sections",
        none_takes: "so those of one section or another may not be able to log in",
        sends_none: "HAProxy sends it no new users in one of its sections at least",
        turn: "its list is read once more first",
        weight: "weight",
        weights: "weight",
        by_hand: ByHand::StatsSocket,
    };

    /// How much weight one backend has: `100 vhosts`, `100 weight`.
    pub fn counted_weight(&self, number: u32) -> String {
        match self.by_hand {
            ByHand::Doveadm => counted(number, "vhost"),
            ByHand::StatsSocket => format!("{number} weight"),
        }
    }

    /// The subject at the start of a sentence.
    pub fn capitalised(&self) -> &'static str {
        match self.by_hand {
            ByHand::Doveadm => "The director",
            ByHand::StatsSocket => "HAProxy",
        }
    }
}

/// With what a person changes a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// `doveadm director ...`, with the socket named where it is not Dovecot's usual one.
    Doveadm,
    /// A line to HAProxy's stats socket.
    StatsSocket,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Access::Director { socket } | Access::HaProxy { socket, .. } => {
                write!(f, "{} {}", self.noun(), socket.display())
            }
        }
    }
}

/// What a pool is read over again and again. It never carries a command.
#[derive(Debug)]
pub(crate) enum Connection {
    Director(Standing),
    HaProxy(haproxy::client::Standing),
}

impl Connection {
    pub(crate) fn open(access: &Access, deadline: Instant) -> Result<Connection, PoolError> {
        match access {
            Access::Director { socket } => {
                Ok(Connection::Director(Standing::open(socket, deadline)?))
            }
            Access::HaProxy { socket, watched } => {
                let standing = haproxy::client::Standing::new(socket, watched);
                Ok(Connection::HaProxy(standing))
            }
        }
    }

    /// After an error every further reading is one, too.
    pub(crate) fn read(&mut self, deadline: Instant) -> Result<Reading, PoolError> {
        match self {
            Connection::Director(standing) => Ok(standing.read(deadline)?.into()),
            Connection::HaProxy(standing) => Ok(standing.read(deadline)?),
        }
    }
}

/// What only one kind of pool tells in its readings, for its `Ways`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Particulars {
    /// A director: all that it tells is in the reading itself.
    None,
    /// What tells one HAProxy process from the next, and who holds which servers.
    HaProxy(Box<haproxy::reading::Aside>),
}

/// What carries out an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// One line to the admin socket.
    Director(Change),
    /// One line to the stats socket, for all servers of the address.
    HaProxy(haproxy::acts::Change),
}

/// As a person reads it.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Director(change) => f.write_str(&change.to_string().replace('\t', " ")),
            Command::HaProxy(change) => change.fmt(f),
        }
    }
}

impl Command {
    /// The backend that the command is about; each command is about one.
    pub fn address(&self) -> IpAddr {
        match self {
            Command::Director(change) => change.address(),
            Command::HaProxy(change) => change.address,
        }
    }

    /// The command's word in this kind of pool.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Director(change) => change.name(),
            Command::HaProxy(change) => change.name(),
        }
    }

    /// What a list shows once the command has been carried out.
    pub fn effect(&self) -> Effect {
        match self {
            Command::Director(change) => acts::effect(change),
            Command::HaProxy(change) => change.effect(),
        }
    }

    /// How long the answer may take, with so many users on the backend.
    pub fn patience(&self, users: u64) -> Duration {
        match self {
            Command::Director(change) => acts::patience(change, users),
            Command::HaProxy(change) => change.patience(),
        }
    }
}

/// What is known of how a pool is told something: pure, and kept by the engine.
#[derive(Clone, Debug)]
pub enum Ways {
    /// What the director's version knows, as far as it has shown.
    Director(acts::Ways),
    /// The stamps that are made here, as HAProxy makes none.
    HaProxy(haproxy::acts::Ways),
}

impl Ways {
    /// What is assumed of a pool that has not been read yet: the newest version.
    pub fn new(access: &Access) -> Ways {
        match access {
            Access::Director { .. } => Ways::Director(acts::Ways::default()),
            Access::HaProxy { .. } => Ways::HaProxy(haproxy::acts::Ways::default()),
        }
    }

    /// A reading over the connection of this number, taken in in this second of the wall clock.
    /// `remembered` is the stamp of a down of ours that an earlier run has written down. Returns what is worth a
    /// line of the log.
    pub fn on_reading(
        &mut self,
        connection: u64,
        reading: &mut Reading,
        second: Stamp,
        remembered: impl Fn(IpAddr) -> Option<Stamp>,
    ) -> Option<&'static str> {
        match (self, &reading.particulars) {
            (Ways::Director(ways), _) => {
                ways.on_reading(connection, reading.acts);
                None
            }
            (Ways::HaProxy(ways), Particulars::HaProxy(aside)) => ways.on_reading(
                &mut reading.members,
                aside,
                reading.began,
                second,
                remembered,
            ),
            (Ways::HaProxy(_), Particulars::None) => None,
        }
    }

    /// What carries the order out; none if nothing can.
    pub fn command(&self, order: &Order) -> Option<Command> {
        match self {
            Ways::Director(ways) => ways.change(order).map(Command::Director),
            Ways::HaProxy(ways) => ways.change(order).map(Command::HaProxy),
        }
    }

    /// Learns from an answer what the next command for this pool needs: which forms it does not know, and which of HAProxy's
    /// servers are out of service by this one.
    pub fn on_answer(
        &mut self,
        command: &Command,
        answer: &Result<Reply, PoolError>,
        now: Instant,
    ) {
        match (self, command) {
            (Ways::Director(ways), Command::Director(change)) => ways.on_answer(change, answer),
            (Ways::HaProxy(ways), Command::HaProxy(change)) => ways.on_answer(change, answer, now),
            // A kind is chosen for a whole run.
            (Ways::Director(_), Command::HaProxy(_)) | (Ways::HaProxy(_), Command::Director(_)) => {
            }
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
        (Access::HaProxy { socket, watched }, Command::HaProxy(change)) => {
            Ok(haproxy::client::change(socket, watched, change, deadline)?)
        }
        // A kind is chosen for a whole run.
        (Access::Director { .. }, Command::HaProxy(_))
        | (Access::HaProxy { .. }, Command::Director(_)) => Err(PoolError {
            pool: access.to_string(),
            stage: Stage::Connection,
            loss: Loss::Other,
            cause: "a command of another kind of pool".to_owned(),
            advice: "this is a defect of the monitor".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
