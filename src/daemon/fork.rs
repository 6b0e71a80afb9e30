//! Going to the background, with the terminal kept until it is known whether that worked.
//!
//! The process that was started waits for the one in the background: it exits 0 only when that one
//! holds the lock, has written its PID and says so, and it shows what went wrong otherwise. Unsafe code
//! is here for the fork.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::io::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::{umask, Mode};
use nix::unistd::{self, ForkResult};

use super::inherited::Inherited;

/// How long the background process may take to say how it went.
const PATIENCE: Duration = Duration::from_secs(60);
/// What it says when all is well; anything else is the text of an error.
const WELL: &[u8] = b"\0";

#[derive(Debug)]
pub enum ForkError {
    /// A thread runs already; it would be missing in the background process, with all it holds.
    Threads,
    /// Nothing to talk with, or no /dev/null.
    Prepare(io::Error),
    Fork(Errno),
    /// The background process could not start; its words.
    Background(String),
    /// It ended without a word.
    Ended,
    /// It said nothing in time.
    Silent,
}

impl fmt::Display for ForkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForkError::Threads => f.write_str(
                "cannot go into the background: threads are running already; this is a defect, please report it",
            ),
            ForkError::Prepare(cause) => write!(f, "cannot go into the background: {cause}"),
            ForkError::Fork(cause) => {
                let cause = io::Error::from(*cause);
                write!(f, "cannot go into the background: fork: {cause}")
            }
            ForkError::Background(text) => f.write_str(text),
            ForkError::Ended => f.write_str(
                "the process in the background ended while it was starting; its log may say why",
            ),
            ForkError::Silent => write!(
                f,
                "the process in the background has not started within {} s; its log may say why",
                PATIENCE.as_secs()
            ),
        }
    }
}

impl ForkError {
    /// Whether no process in the background is left: then the lock file is this process's to remove.
    pub fn leaves_nobody(&self) -> bool {
        match self {
            ForkError::Threads
            | ForkError::Prepare(_)
            | ForkError::Fork(_)
            | ForkError::Background(_)
            | ForkError::Ended => true,
            ForkError::Silent => false,
        }
    }
}

impl std::error::Error for ForkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ForkError::Prepare(cause) => Some(cause),
            ForkError::Fork(cause) => Some(cause),
            _ => None,
        }
    }
}

/// The background process's line to the one that was started, which waits at its other end.
#[must_use = "the process in the foreground waits for it"]
#[derive(Debug)]
pub struct Started(UnixStream);

impl Started {
    /// All is well: the process in the foreground exits 0.
    pub fn tell(mut self) {
        // It may have been killed; that is no reason to stop.
        let _ = self.0.write_all(WELL);
    }

    /// It failed: the process in the foreground prints `text` and exits 1.
    pub fn tell_failure(mut self, text: &str) {
        let _ = self.0.write_all(text.as_bytes());
    }
}

/// Forks, and returns in the background process only: in a session of its own, in `/`, umask 022,
/// standard streams on /dev/null, without what it has inherited. Its PID is written by the caller, once
/// signals are handled.
///
/// The foreground process exits 0 in here after `Started::tell`. What it returns otherwise is an
/// error for the terminal; `leaves_nobody` says whether the lock file is still another process's.
/// Everything that may fail for a reason the operator has to see should have been done before.
pub fn daemonize(inherited: &Inherited) -> Result<Started, ForkError> {
    // Where /proc is missing this is not checked.
    if fs::read_dir("/proc/self/task").map_or(false, |threads| threads.count() > 1) {
        return Err(ForkError::Threads);
    }
    let (foreground, background) = UnixStream::pair().map_err(ForkError::Prepare)?;
    foreground
        .set_read_timeout(Some(PATIENCE))
        .map_err(ForkError::Prepare)?;
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(ForkError::Prepare)?;
    // What is still buffered would be printed twice.
    let _ = io::stdout().flush();

    match fork().map_err(ForkError::Fork)? {
        ForkResult::Parent { .. } => {
            drop(background);
            Err(wait(foreground))
        }
        ForkResult::Child => {
            drop(foreground);
            inherited.close();
            let started = Started(background);
            if let Err(cause) = settle(&null) {
                started.tell_failure(&format!("cannot go into the background: {}", cause.desc()));
                std::process::exit(1);
            }
            Ok(started)
        }
    }
}

#[allow(unsafe_code)]
fn fork() -> nix::Result<ForkResult> {
    // SAFETY: `daemonize` has seen to it that no other thread exists, so the child finds every lock
    // free and every structure whole.
    unsafe { unistd::fork() }
}

fn settle(null: &impl AsRawFd) -> nix::Result<()> {
    unistd::setsid()?;
    unistd::chdir("/")?;
    umask(Mode::from_bits_truncate(0o022));
    for stream in 0..=2 {
        unistd::dup2(null.as_raw_fd(), stream)?;
    }
    Ok(())
}

/// Waits for the background process's word; does not return if that is a good one.
fn wait(mut foreground: UnixStream) -> ForkError {
    let mut said = Vec::new();
    let heard = Read::by_ref(&mut foreground)
        .take(4096)
        .read_to_end(&mut said);
    match (heard, said.as_slice()) {
        (_, WELL) => std::process::exit(0),
        (Err(_), _) => ForkError::Silent,
        (Ok(_), b"") => ForkError::Ended,
        (Ok(_), text) => ForkError::Background(String::from_utf8_lossy(text).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_does_not_fork() {
        // Pause: the thread is to live until the fork has been refused.
        let other = std::thread::spawn(|| std::thread::sleep(Duration::from_millis(300)));
        let error = daemonize(&Inherited::keep_from_others()).unwrap_err();
        assert!(matches!(error, ForkError::Threads), "{error}");
        other.join().unwrap();
    }

    #[test]
    fn the_foreground_process_learns_how_it_went() {
        let (foreground, background) = UnixStream::pair().unwrap();
        Started(background).tell_failure("log file: no space");
        assert_eq!(wait(foreground).to_string(), "log file: no space");

        let (foreground, background) = UnixStream::pair().unwrap();
        drop(Started(background));
        assert!(matches!(wait(foreground), ForkError::Ended));
    }
}
