//! What can go wrong with the admin socket: where in a connection's life, what, and how it is said.
//!
//! Values and words only. It opens nothing.

use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::unistd::geteuid;

use super::by_hand::doveadm;
use super::wire::ListError;
use crate::pool::{Access, Loss, PoolError, Stage, Unconnected};
use crate::quote::Quote;

/// Where the operator says which socket it is: poolmon's option and dovemon's key.
const OPTION: &str = "-S (director_admin_socket)";

/// As Dovecot's configuration has it.
const LISTENER: &str = "unix_listener director-admin";

/// Where in a connection's life something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectorStage {
    /// Opening the socket.
    Connect,
    /// Looking whether the path still leads to the socket that the connection was made through.
    SocketFile,
    /// Waiting for the director's VERSION line.
    Greeting,
    /// Writing a changing command.
    Command,
    /// Waiting for the answer to a changing command.
    Reply,
    /// Asking for HOST-LIST, or reading the answer.
    HostList,
    /// Asking for DIRECTOR-LIST, or reading the answer.
    DirectorList,
}

impl fmt::Display for DirectorStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DirectorStage::Connect => "connect",
            DirectorStage::SocketFile => "socket file",
            DirectorStage::Greeting => "greeting",
            DirectorStage::Command => "command",
            DirectorStage::Reply => "reply",
            DirectorStage::HostList => "host list",
            DirectorStage::DirectorList => "director list",
        })
    }
}

/// What went wrong with the director.
#[derive(Debug)]
pub enum DirectorFault {
    /// The socket could not be connected to, or (stage `SocketFile`) a new connection to it would fail.
    Connect(Unconnected),
    /// This process may no longer read from the socket or write to it.
    Denied,
    /// The path leads nowhere any more: no command of ours would find the director.
    Gone,
    /// Another socket has taken the place, or somebody has changed who may use this one.
    Changed,
    /// The deadline of a reading or of a command passed.
    TimedOut,
    /// The connection ended before the first line of an answer: so the director rejects commands
    /// and arguments that it does not know, and versions.
    Closed,
    /// The connection ended within a list.
    CutList,
    /// It is longer than any list may be.
    List(ListError),
    /// The first line was another protocol's, or another major version's.
    WrongGreeting(Quote),
    /// Longer than `wire::LONGEST_LINE`.
    LineTooLong(Quote),
    /// Text behind the end of an answer: whose answer is whose cannot be told any more.
    Unasked(Quote),
    /// Any other error of the system.
    Io(io::Error),
}

impl From<io::Error> for DirectorFault {
    fn from(error: io::Error) -> DirectorFault {
        use io::ErrorKind::*;
        match error.kind() {
            // A read or write whose time-out passed reports `WouldBlock`.
            WouldBlock | TimedOut => DirectorFault::TimedOut,
            UnexpectedEof | BrokenPipe | ConnectionReset | NotConnected => DirectorFault::Closed,
            PermissionDenied => DirectorFault::Denied,
            _ => DirectorFault::Io(error),
        }
    }
}

impl fmt::Display for DirectorFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DirectorFault::Connect(Unconnected::Refused) => {
                f.write_str("nobody listens at the socket")
            }
            DirectorFault::Connect(cause) => cause.fmt(f),
            DirectorFault::Denied => f.write_str("permission denied"),
            DirectorFault::Gone => {
                f.write_str("the socket is missing since the connection was opened")
            }
            DirectorFault::Changed => {
                f.write_str("the socket is another one since the connection was opened")
            }
            DirectorFault::TimedOut => f.write_str("timed out"),
            DirectorFault::Closed => f.write_str("connection closed"),
            DirectorFault::CutList => f.write_str("connection closed within the list"),
            DirectorFault::List(error) => error.fmt(f),
            DirectorFault::WrongGreeting(text) => write!(f, "not a director's greeting {text}"),
            DirectorFault::LineTooLong(text) => write!(f, "line too long {text}"),
            DirectorFault::Unasked(text) => write!(f, "text behind the end of the answer {text}"),
            DirectorFault::Io(error) => error.fmt(f),
        }
    }
}

/// Which director, at which stage, what.
#[derive(Debug)]
pub struct DirectorError {
    /// The path of the admin socket, as the settings have it.
    pub socket: PathBuf,
    /// How far the connection came.
    pub stage: DirectorStage,
    /// What went wrong there.
    pub fault: DirectorFault,
}

impl DirectorError {
    /// What an operator has to check, as a question.
    fn advice(&self) -> String {
        use DirectorFault::*;
        use Unconnected::{NotASocket, NotThere, Refused, WrongType};
        let status = doveadm(&self.socket, "status", "");
        match (&self.fault, self.stage) {
            (Connect(NotThere | Refused) | Gone, _) => format!(
                "is Dovecot running, is this the socket that {OPTION} should name, and has its \
                 service director a {LISTENER}?"
            ),
            (Connect(NotASocket | WrongType), _)
            | (WrongGreeting(_) | LineTooLong(_), DirectorStage::Greeting) => {
                format!("does {OPTION} name the {LISTENER} of Dovecot's service director?")
            }
            (Connect(Unconnected::Denied) | Denied, _) => format!(
                "may user {} write to this socket and enter its folders? see mode, user and group of \
                 the {LISTENER} in Dovecot's service director, and SELinux or AppArmor",
                geteuid()
            ),
            (Connect(Unconnected::TimedOut) | TimedOut, _) => {
                format!("does Dovecot's director process hang? see Dovecot's log and {status}")
            }
            (Closed, DirectorStage::Greeting) => format!(
                "is Dovecot running, and does {OPTION} name the {LISTENER} of its service director? see \
                 Dovecot's log, too"
            ),
            (Connect(Unconnected::Io(_)), DirectorStage::Connect) => {
                format!(
                    "is this the path that {OPTION} should name, and can this machine open more \
                     connections?"
                )
            }
            (Closed | CutList, _) => {
                format!("is Dovecot running? see its log and {status}")
            }
            _ => format!("see Dovecot's log and {status}"),
        }
    }
}

impl From<DirectorError> for PoolError {
    fn from(error: DirectorError) -> PoolError {
        let loss = match error.fault {
            DirectorFault::Gone | DirectorFault::Changed => Loss::Moved,
            DirectorFault::Closed | DirectorFault::CutList => Loss::Closed,
            DirectorFault::Io(_) | DirectorFault::Connect(Unconnected::Io(_)) => Loss::Local,
            _ => Loss::Other,
        };
        let stage = match error.stage {
            DirectorStage::Connect | DirectorStage::SocketFile | DirectorStage::Greeting => {
                Stage::Connection
            }
            DirectorStage::HostList | DirectorStage::DirectorList => Stage::Reading,
            DirectorStage::Command => Stage::Command,
            DirectorStage::Reply => Stage::Reply,
        };
        PoolError {
            stage,
            loss,
            cause: format!("{}: {}", error.stage, error.fault),
            advice: error.advice(),
            pool: Access::Director {
                socket: error.socket,
            }
            .to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_of_a_connection_has_a_name_where_one_is_known() {
        use io::ErrorKind::*;
        for (kind, expected) in [
            (WouldBlock, "timed out"),
            (TimedOut, "timed out"),
            (UnexpectedEof, "connection closed"),
            (BrokenPipe, "connection closed"),
            (ConnectionReset, "connection closed"),
            (NotConnected, "connection closed"),
            (PermissionDenied, "permission denied"),
        ] {
            let fault = DirectorFault::from(io::Error::from(kind));
            assert_eq!(fault.to_string(), expected, "{kind:?}");
        }
        let other = DirectorFault::from(io::Error::from(AddrInUse));
        assert!(matches!(other, DirectorFault::Io(_)));
    }

    /// So does a director that stops, when the next connection has just been opened.
    #[test]
    fn a_connection_that_ends_at_the_greeting_asks_for_dovecot_too() {
        let error = DirectorError {
            socket: PathBuf::from("/run/dovecot/director-admin"),
            stage: DirectorStage::Greeting,
            fault: DirectorFault::Closed,
        };
        let advice = error.advice();
        assert!(
            advice.starts_with("is Dovecot running, and does -S "),
            "{advice}"
        );
    }

    fn told(stage: DirectorStage, fault: DirectorFault) -> PoolError {
        let socket = PathBuf::from("/run/dovecot/director-admin");
        let error = DirectorError {
            socket,
            stage,
            fault,
        };
        error.into()
    }

    /// By what an operator would look at: Dovecot, the path, the mode, the process, this machine.
    #[test]
    fn what_is_asked_follows_from_the_fault_and_its_stage() {
        use DirectorFault::*;
        use DirectorStage::{Connect as Opening, Greeting, HostList, Reply, SocketFile};
        use Unconnected::{NotASocket, NotThere, Refused, WrongType};
        let text = || Quote::new("x");
        let io = || io::Error::from_raw_os_error(24);
        let runs = "is Dovecot running, is this the socket";
        let hangs = "does Dovecot's director process hang?";
        let log = "see Dovecot's log and ";
        for (stage, fault, asks) in [
            (Opening, Connect(NotThere), runs),
            (Opening, Connect(Refused), runs),
            (SocketFile, Gone, runs),
            (Opening, Connect(NotASocket), "does -S name"),
            (Opening, Connect(WrongType), "does -S name"),
            (Greeting, WrongGreeting(text()), "does -S name"),
            (Greeting, LineTooLong(text()), "does -S name"),
            (Opening, Connect(Unconnected::Denied), "may user "),
            (SocketFile, Connect(Unconnected::Denied), "may user "),
            (Reply, Denied, "may user "),
            (Opening, Connect(Unconnected::TimedOut), hangs),
            (Reply, TimedOut, hangs),
            (Greeting, Closed, "is Dovecot running, and does -S "),
            (Opening, Connect(Unconnected::Io(io())), "is this the path"),
            (SocketFile, Connect(Unconnected::Io(io())), log),
            (HostList, CutList, "is Dovecot running? see its log"),
            (Reply, Io(io()), log),
            (HostList, LineTooLong(text()), log),
        ] {
            let asks = asks.replace("-S", OPTION);
            let error = told(stage, fault);
            assert!(error.advice.starts_with(&asks), "{error}: {}", error.advice);
        }
    }

    #[test]
    fn what_the_engine_is_told_is_where_and_how_the_director_was_lost() {
        for (stage, fault, loss, cause) in [
            (
                DirectorStage::SocketFile,
                DirectorFault::Changed,
                Loss::Moved,
                "socket file: the socket is another one since the connection was opened",
            ),
            (
                DirectorStage::HostList,
                DirectorFault::CutList,
                Loss::Closed,
                "host list: connection closed within the list",
            ),
            (
                DirectorStage::DirectorList,
                DirectorFault::List(ListError::TooManyLines),
                Loss::Other,
                "director list: more than 100000 lines",
            ),
            (
                DirectorStage::Reply,
                io::Error::from(io::ErrorKind::WouldBlock).into(),
                Loss::Other,
                "reply: timed out",
            ),
            (
                DirectorStage::Connect,
                DirectorFault::Connect(Unconnected::Denied),
                Loss::Other,
                "connect: permission denied",
            ),
            (
                DirectorStage::Reply,
                io::Error::from(io::ErrorKind::PermissionDenied).into(),
                Loss::Other,
                "reply: permission denied",
            ),
            (
                DirectorStage::Connect,
                DirectorFault::Connect(Unconnected::Refused),
                Loss::Other,
                "connect: nobody listens at the socket",
            ),
            (
                DirectorStage::Connect,
                DirectorFault::Connect(Unconnected::Io(io::Error::from_raw_os_error(24))),
                Loss::Local,
                "connect: Too many open files (os error 24)",
            ),
            (
                DirectorStage::Reply,
                io::Error::from_raw_os_error(5).into(),
                Loss::Local,
                "reply: Input/output error (os error 5)",
            ),
        ] {
            let error = told(stage, fault);
            assert_eq!((error.loss, &error.cause[..]), (loss, cause));
        }
    }

    #[test]
    fn a_connection_that_ends_while_the_lists_are_read_asks_for_dovecot_first() {
        for fault in [DirectorFault::Closed, DirectorFault::CutList] {
            let error = DirectorError {
                socket: PathBuf::from("/run/dovecot/director-admin"),
                stage: DirectorStage::HostList,
                fault,
            };
            let advice = error.advice();
            assert!(advice.starts_with("is Dovecot running?"), "{advice}");
        }
    }
}
