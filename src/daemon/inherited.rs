//! What whoever started this process left open for it beside the three standard streams: the lock of a
//! script that starts it under `flock`, the pipe of one that waits for its end.
//!
//! No program that this one starts gets it, and the process in the background lets it go. What this process
//! opens itself is not meant: Rust marks it so that no other program inherits it, which is how they differ.

use std::fs;
use std::os::unix::io::RawFd;

use nix::fcntl::{fcntl, FcntlArg, FdFlag};
use nix::libc::STDERR_FILENO;
use nix::unistd;

/// The descriptors.
#[derive(Debug)]
pub struct Inherited(Vec<RawFd>);

impl Inherited {
    /// From now on no program that is started gets them. Without /proc they are not found, and stay.
    pub fn keep_from_others() -> Inherited {
        let open = fs::read_dir("/proc/self/fd").into_iter().flatten();
        let open = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut inherited: Vec<RawFd> = open.filter(|open| *open > STDERR_FILENO).collect();
        inherited.retain(|open| is_for_others(*open));
        for open in &inherited {
            // A descriptor that is open can be marked.
            let _ = fcntl(*open, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
        }
        Inherited(inherited)
    }

    /// In the process in the background, which nobody waits for.
    pub fn close(&self) {
        for open in &self.0 {
            // It is closed also where that reports what a disk has to say.
            let _ = unistd::close(*open);
        }
    }
}

/// The folder that is being read is none of them: it is marked, and closed by now.
fn is_for_others(open: RawFd) -> bool {
    match fcntl(open, FcntlArg::F_GETFD) {
        Ok(flags) => !FdFlag::from_bits_truncate(flags).contains(FdFlag::FD_CLOEXEC),
        Err(_) => false,
    }
}
