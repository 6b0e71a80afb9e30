//! What can go wrong with HAProxy's stats socket: where, what, and how it is said.
//!
//! Values and words only. It opens nothing.

use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::unistd::geteuid;

use super::reading::Watched;
use super::wire::AnswerError;
use crate::pool::{Access, Loss, PoolError, Stage, Unconnected};

/// How HAProxy's configuration makes the socket that is needed.
const STATS_SOCKET: &str = "stats socket PATH mode 660 level admin";

/// What went wrong with HAProxy.
#[derive(Debug)]
pub enum HaProxyFault {
    /// The socket cannot be opened.
    Connect(Unconnected),
    /// It was there a moment ago: HAProxy ends, or is started again.
    Gone(Unconnected),
    /// The deadline of a reading or of a command passed.
    TimedOut,
    /// More than `wire::MOST_BYTES`.
    TooLong,
    /// There is an answer, or its beginning, and it is none to what was asked.
    Answer(AnswerError),
    /// A proxy that is to be watched and is not there, or has no server with an address.
    NoProxy(String),
    /// Any other error of the system.
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
    /// The path of the stats socket, as the settings have it.
    pub socket: PathBuf,
    /// How far the connection came.
    pub stage: Stage,
    /// What went wrong there.
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
            HaProxyFault::Answer(AnswerError::NotAnswered(_) | AnswerError::Behind(_)) => {
                "does -S name HAProxy's stats socket, and not its master's or another program's?"
                    .to_owned()
            }
            HaProxyFault::Answer(AnswerError::Partly { .. }) => {
                "was a server removed from HAProxy at this moment? the change is tried again".to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quote::Quote;

    /// By what an operator would look at: HAProxy, its configuration, the mode, the process, this machine.
    #[test]
    fn what_is_asked_and_what_the_engine_is_told_follows_from_the_fault() {
        use HaProxyFault::*;
        let io = || io::Error::from_raw_os_error(24);
        for (fault, loss, cause, asks) in [
            (
                Connect(Unconnected::Denied),
                Loss::Other,
                "connect: permission denied",
                "may user ",
            ),
            (
                Connect(Unconnected::Io(io())),
                Loss::Local,
                "connect: Too many open files (os error 24)",
                "is this the path that -S should name, and can this machine",
            ),
            (
                Connect(Unconnected::TimedOut),
                Loss::Other,
                "connect: timed out",
                "does HAProxy hang?",
            ),
            (
                Gone(Unconnected::Refused),
                Loss::Moved,
                "connect: nobody listens any more",
                "is HAProxy running, is this the socket",
            ),
            (TimedOut, Loss::Other, "timed out", "does HAProxy hang?"),
            (
                TooLong,
                Loss::Other,
                "the answer is too long",
                "is HAProxy running? see its log",
            ),
            (
                NoProxy("imap".to_owned()),
                Loss::Other,
                "it has no proxy imap with a server that has an address",
                "does --haproxy-proxies name",
            ),
            (
                Io(io()),
                Loss::Local,
                "Too many open files (os error 24)",
                "is HAProxy running? see its log",
            ),
        ] {
            let error = told(fault);
            assert_eq!((error.loss, &error.cause[..]), (loss, cause));
            assert!(error.advice.starts_with(asks), "{cause}: {}", error.advice);
        }
        for (answer, loss, asks) in [
            (
                AnswerError::Level(Quote::new("user")),
                Loss::Other,
                "has HAProxy's global section a line",
            ),
            (
                AnswerError::NotAnswered(Quote::new("x")),
                Loss::Other,
                "does -S name HAProxy's stats socket",
            ),
            (
                AnswerError::Partly {
                    refused: 1,
                    of: 2,
                    said: Quote::new("No such server."),
                },
                Loss::Other,
                "was a server removed",
            ),
            (
                AnswerError::Behind(Quote::new("x")),
                Loss::Other,
                "does -S name HAProxy's stats socket",
            ),
            (AnswerError::Cut, Loss::Closed, "is HAProxy running?"),
            (AnswerError::Empty, Loss::Closed, "is HAProxy running?"),
        ] {
            let error = told(Answer(answer));
            assert_eq!(error.loss, loss);
            assert!(error.advice.starts_with(asks), "{}", error.advice);
        }
    }

    fn told(fault: HaProxyFault) -> PoolError {
        let error = HaProxyError {
            socket: PathBuf::from("/run/haproxy/admin.sock"),
            stage: Stage::Reading,
            fault,
        };
        error.into()
    }
}
