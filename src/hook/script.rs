//! One script: started without a shell, watched until it ends or its time is up, its output kept
//! within bounds.
//!
//! It gets /dev/null to read, `/` to work in, and nothing of what the monitor has open.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::io::{AsRawFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::sys::signal::{killpg, Signal};
use nix::unistd::Pid;

use super::{Change, BRIEFLY};
use crate::daemon;
use crate::daemon::orphans::{self, Awaited};
use crate::quote::Quote;

/// How long a killed script may take to be gone.
const DYING: Duration = Duration::from_secs(1);

/// How often a running script is looked after.
const GLANCE: Duration = Duration::from_millis(20);

/// What the service manager gave to the monitor and to nobody else.
const NOT_FOR_SCRIPTS: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) time: Duration,
    /// How many bytes of its output are kept; what comes after is read and forgotten.
    pub(super) output: usize,
}

impl Limits {
    pub(super) const USUAL: Limits = Limits {
        time: Duration::from_secs(30),
        output: 4096,
    };
}

/// What a script came to.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) how: How,
    /// Standard output and standard error, as they came.
    pub(super) output: Vec<u8>,
    pub(super) took: Duration,
}

#[derive(Debug)]
pub(super) enum How {
    Exited(ExitStatus),
    NotStarted(io::Error),
    /// Its time was up, or the monitor stops.
    Killed,
    /// Killed, and still there.
    Undying,
    Lost(io::Error),
}

impl Ended {
    pub(super) fn is_well(&self) -> bool {
        matches!(&self.how, How::Exited(status) if status.success())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_millis();
        match &self.how {
            How::Exited(status) => match (status.code(), status.signal()) {
                (Some(code), _) => write!(f, "exit code {code} after {took} ms")?,
                (None, Some(signal)) => write!(f, "ended by signal {signal} after {took} ms")?,
                (None, None) => write!(f, "ended after {took} ms")?,
            },
            How::NotStarted(cause) => write!(f, "cannot be started: {cause}")?,
            How::Killed => write!(f, "killed after {took} ms")?,
            How::Undying => write!(f, "killed after {took} ms and still there")?,
            How::Lost(cause) => write!(f, "cannot be waited for: {cause}")?,
        }
        if self.output.is_empty() {
            return Ok(());
        }
        write!(f, ", said {}", Quote::new(&self.output))
    }
}

/// Runs it to its end. `stop` closes when the monitor stops.
pub(super) fn run(script: &Path, change: Change, limits: Limits, stop: &Receiver<()>) -> Ended {
    let began = Instant::now();
    let mut output = Vec::new();
    let how = match start(script, change) {
        Err(cause) => How::NotStarted(cause),
        Ok(mut child) => {
            let ears = Ears::of(child.child());
            watch(child, ears, &mut output, began, limits, stop)
        }
    };
    Ended {
        how,
        output,
        took: began.elapsed(),
    }
}

fn start(script: &Path, change: Change) -> io::Result<Awaited> {
    orphans::spawn(daemon::lead(&mut command(script, change)))
}

pub(super) fn command(script: &Path, change: Change) -> Command {
    let mut command = Command::new(script);
    for name in NOT_FOR_SCRIPTS {
        command.env_remove(name);
    }
    command
        .args([change.word(), &change.address.to_string()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn watch(
    mut child: Awaited,
    mut ears: Ears,
    output: &mut Vec<u8>,
    began: Instant,
    limits: Limits,
    stop: &Receiver<()>,
) -> How {
    let mut deadline = began + limits.time;
    let mut stopping = false;
    loop {
        ears.hear(output, limits.output);
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => {
                ears.hear(output, limits.output);
                return How::Exited(status);
            }
            Err(cause) => return How::Lost(cause),
        }
        if Instant::now() >= deadline {
            return kill(child);
        }
        if stopping {
            thread::sleep(GLANCE);
        } else if stop.recv_timeout(GLANCE) == Err(RecvTimeoutError::Disconnected) {
            stopping = true;
            deadline = deadline.min(Instant::now() + BRIEFLY);
        }
    }
}

/// With all that it has started in its group.
fn kill(mut child: Awaited) -> How {
    let group = i32::try_from(child.id()).map(Pid::from_raw);
    // One that has just ended cannot be killed any more.
    let _ = group.map(|group| killpg(group, Signal::SIGKILL));
    let killed = Instant::now();
    while killed.elapsed() < DYING {
        match child.try_wait() {
            Ok(Some(_)) => return How::Killed,
            Ok(None) => thread::sleep(GLANCE),
            Err(cause) => return How::Lost(cause),
        }
    }
    How::Undying
}

/// Both ends that a script writes to. Nobody else may hold up the reading: not a process that it has
/// left behind either.
struct Ears(Vec<Box<dyn Read>>);

impl Ears {
    fn of(child: &mut Child) -> Ears {
        let mut ears = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            add(&mut ears, pipe.as_raw_fd(), pipe);
        }
        if let Some(pipe) = child.stderr.take() {
            add(&mut ears, pipe.as_raw_fd(), pipe);
        }
        Ears(ears)
    }

    /// What is there to be read, at most for as long as a few pipes hold: one that writes without a
    /// pause is looked after again later.
    fn hear(&mut self, output: &mut Vec<u8>, most: usize) {
        let mut buffer = [0; 4096];
        self.0.retain_mut(|pipe| {
            for _ in 0..32 {
                match pipe.read(&mut buffer) {
                    Ok(0) => return false,
                    Ok(length) => {
                        let room = most.saturating_sub(output.len());
                        output.extend_from_slice(&buffer[..length.min(room)]);
                    }
                    Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return true,
                    Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return false,
                }
            }
            true
        });
    }
}

/// One that cannot be read without waiting is not read.
fn add(ears: &mut Vec<Box<dyn Read>>, descriptor: RawFd, pipe: impl Read + 'static) {
    if fcntl(descriptor, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).is_ok() {
        ears.push(Box::new(pipe));
    }
}
