//! Why the program does not start, and with which exit code it says so.

use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::cli::Order;
use crate::daemon::{ForkError, LockError, PrivilegeError};
use crate::hook::HookError;
use crate::logging::LogError;
use crate::once::OnceError;
use crate::probe::ProbeSetupError;
use crate::program::Program;
use crate::source::SourceError;

/// Rust's own for a panic.
const DEFECT: u8 = 101;

/// sysexits.h's EX_TEMPFAIL: the same start may succeed in a moment. The unit tries again after this one alone.
const MAY_BE_OVER_SOON: u8 = 75;

/// dovemon's exit codes.
const LOCK_HELD: u8 = 255;
const DEFAULTS_NOT_WRITTEN: u8 = 2;
const CONFIG_UNREADABLE: u8 = 3;
const NO_CONFIG: u8 = 4;

/// Why the program does not start.
#[derive(Debug)]
pub(super) enum StartError {
    Source(SourceError),
    Probe(ProbeSetupError),
    Hook(HookError),
    Log(LogError),
    Lock(LockError),
    Fork(ForkError),
    /// The working folder.
    Folder(io::Error),
    Signals(io::Error),
    StateWriter(io::Error),
    Once(OnceError),
    /// Another user.
    Privileges(PrivilegeError),
    Output(io::Error),
    /// A panic.
    Defect,
}

impl StartError {
    /// The system's number for it, if the system said no.
    pub(super) fn errno(&self) -> Option<i32> {
        let cause = match self {
            StartError::Folder(cause)
            | StartError::Signals(cause)
            | StartError::StateWriter(cause)
            | StartError::Output(cause)
            | StartError::Lock(LockError::Io { cause, .. })
            | StartError::Log(
                LogError::Open { cause, .. }
                | LogError::Streams(cause)
                | LogError::Terminal(cause)
                | LogError::Thread(cause),
            )
            | StartError::Fork(ForkError::Prepare(cause)) => cause,
            StartError::Fork(ForkError::Fork(errno)) => return Some(*errno as i32),
            StartError::Lock(LockError::Held { .. }) => return Some(Errno::EEXIST as i32),
            StartError::Source(_)
            | StartError::Probe(_)
            | StartError::Hook(_)
            | StartError::Log(LogError::Opened)
            | StartError::Lock(
                LockError::SymbolicLink { .. }
                | LockError::NotAPidFile { .. }
                | LockError::Unsteady { .. },
            )
            | StartError::Fork(
                ForkError::Threads
                | ForkError::Background(_)
                | ForkError::Ended
                | ForkError::Silent,
            )
            | StartError::Once(_)
            | StartError::Privileges(_)
            | StartError::Defect => return None,
        };
        cause.raw_os_error()
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Source(cause) => cause.fmt(f),
            StartError::Probe(cause) => cause.fmt(f),
            StartError::Hook(cause) => cause.fmt(f),
            StartError::Log(cause) => cause.fmt(f),
            StartError::Lock(cause) => cause.fmt(f),
            StartError::Fork(cause) => cause.fmt(f),
            StartError::Folder(cause) => write!(
                f,
                "the working folder cannot be found: {cause}; start from a folder that exists"
            ),
            StartError::Signals(cause) => write!(f, "signals cannot be watched: {cause}"),
            StartError::StateWriter(cause) => write!(
                f,
                "no thread can be started to write the state file: {cause}"
            ),
            StartError::Once(cause) => cause.fmt(f),
            StartError::Privileges(cause) => cause.fmt(f),
            StartError::Output(cause) => write!(f, "standard output cannot be written: {cause}"),
            StartError::Defect => f.write_str("ended by a defect of its own; the log says where"),
        }
    }
}

/// Whose exit codes say why it does not start.
#[derive(Clone, Copy)]
pub(super) enum Codes {
    /// One for everything.
    Poolmons,
    Dovemons,
}

impl Codes {
    pub(super) fn to_follow(called: Program, order: &Order) -> Codes {
        if called == Program::Dovemon || order.choices.config.is_given() {
            Codes::Dovemons
        } else {
            Codes::Poolmons
        }
    }

    pub(super) fn code(self, cause: &StartError) -> u8 {
        match (self, cause) {
            (_, StartError::Defect) => DEFECT,
            (
                _,
                StartError::Source(SourceError::Ports(_))
                | StartError::Signals(_)
                | StartError::StateWriter(_)
                | StartError::Log(LogError::Thread(_)),
            ) => MAY_BE_OVER_SOON,
            (Codes::Poolmons, _) => 1,
            (_, StartError::Lock(LockError::Held { .. })) => LOCK_HELD,
            (_, StartError::Source(SourceError::Write { .. })) => DEFAULTS_NOT_WRITTEN,
            (_, StartError::Source(SourceError::NoConfig { .. })) => NO_CONFIG,
            (
                _,
                StartError::Source(
                    SourceError::Config(_)
                    | SourceError::Nothing(..)
                    | SourceError::NobodyKnown
                    | SourceError::SameFile(_)
                    | SourceError::RestoreAny
                    | SourceError::RecordOfHaProxy
                    | SourceError::ProxiesOfDirector,
                ),
            ) => CONFIG_UNREADABLE,
            _ => 1,
        }
    }
}
