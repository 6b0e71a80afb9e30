//! A child process with a process group of its own, so that it can be ended with all it has started.
//!
//! std knows this only since Rust 1.64. Unsafe for the same reason as the fork: what runs in the child
//! before its program does must not take a lock or allocate.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::{setpgid, Pid};

/// The child will lead a process group whose number is its process number.
#[allow(unsafe_code)]
pub fn lead(command: &mut Command) -> &mut Command {
    let lead = || setpgid(Pid::from_raw(0), Pid::from_raw(0)).map_err(io::Error::from);
    // SAFETY: setpgid is async-signal-safe, and nothing here allocates or takes a lock: the error is
    // a number.
    unsafe { command.pre_exec(lead) }
}
