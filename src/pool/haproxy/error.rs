//! What can go wrong with HAProxy's stats socket: where, what, and how it is said.
//!
//! Values and words only. It opens nothing.

use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::unistd::geteuid;

use super::reading::Watched;
use super::wire::AnswerError;
use crate::pool::unix::Unconnected;
use crate::pool::{Access, Loss, PoolError, Stage};

/// How HAProxy's configuration makes the socket that is needed.
const STATS_SOCKET: &str = "stats socket PATH mode 660 level admin";

/// What went wrong with HAProxy.
#[derive(Debug)]
pub enum HaProxyFault {
    Connect(Unconnected),
    /// It was there a moment ago: HAProxy ends, or is started again.
    Gone(Unconnected),
    TimedOut,
    /// More than `wire::MOST_BYTES`.
    TooLong,
    Answer(AnswerError),
    /// A proxy that is to be watched and is not there, or has no server with an address.
    NoProxy(String),
    Io(io::Error),
}

impl fmt::Display for HaProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HaProxyFault::Connect(cause) => write!(f, "connect: {cause}"),
            HaProxyFault::Gone(cause) => write!(f, "connect: {cause} any more"),
            HaProxyFault::TimedOut => f.write_str("timed out"),
            HaProxyFault::TooLong => f.write_str("the answer is too long"),
            HaProxyFault::Answer(error) => error.fmt(f),
            HaProxyFault::NoProxy(name) => {
                write!(
                    f,
                    "it has no proxy {name} with a server that has an address"
                )
            }
            HaProxyFault::Io(error) => error.fmt(f),
        }
    }
}

/// Which HAProxy, at which stage, what.
#[derive(Debug)]
pub struct HaProxyError {
    pub socket: PathBuf,
    pub stage: Stage,
    pub fault: HaProxyFault,
}

impl HaProxyError {
    /// What an operator has to check, as a question.
    fn advice(&self) -> String {
        match &self.fault {
            HaProxyFault::Connect(cause) | HaProxyFault::Gone(cause) => match cause {
                Unconnected::Denied => format!(
                    "may user {} write to this socket and enter its folders? see mode, user and group \
                     of the stats socket in HAProxy's configuration, and SELinux or AppArmor",
                    geteuid()
                ),
                Unconnected::Io(_) => {
                    "is this the path that -S should name, and can this machine open more \
                     connections?"
                        .to_owned()
                }
                Unconnected::TimedOut => hangs(),
                _ => format!(
                    "is HAProxy running, is this the socket that -S should name, and has HAProxy's \
                     global section a line \"{STATS_SOCKET}\"?"
                ),
            },
            HaProxyFault::TimedOut => hangs(),
            HaProxyFault::Answer(AnswerError::Level(_)) => format!(
                "has HAProxy's global section a line \"{STATS_SOCKET}\", and does -S name that socket?"
            ),
            HaProxyFault::Answer(AnswerError::NotAnswered(_)) => {
                "does -S name HAProxy's stats socket, and not its master's or another program's?"
                    .to_owned()
            }
            HaProxyFault::NoProxy(_) => {
                "does --haproxy-proxies name sections listen or backend of HAProxy's configuration?"
                    .to_owned()
            }
            _ => "is HAProxy running? see its log".to_owned(),
        }
    }
}

fn hangs() -> String {
    "does HAProxy hang? see its log".to_owned()
}

impl From<HaProxyError> for PoolError {
    fn from(error: HaProxyError) -> PoolError {
        let loss = match &error.fault {
            HaProxyFault::Gone(_) => Loss::Moved,
            HaProxyFault::Answer(AnswerError::Empty | AnswerError::Cut) => Loss::Closed,
            HaProxyFault::Io(_) | HaProxyFault::Connect(Unconnected::Io(_)) => Loss::Local,
            _ => Loss::Other,
        };
        let access = Access::HaProxy {
            socket: error.socket.clone(),
            watched: Watched::Ports(Vec::new()),
        };
        PoolError {
            pool: access.to_string(),
            stage: error.stage,
            loss,
            cause: error.fault.to_string(),
            advice: error.advice(),
        }
    }
}
