//! The operator's program, run as `SCRIPT down|up ADDRESS` once for each change that this monitor made
//! and the director's list then showed: dovemon's `beupdatescript`.
//!
//! It is in nobody's way: a thread of its own keeps the order for each backend and starts a few
//! scripts at a time, each with a deadline. What comes of them is only logged.

mod queue;
mod script;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{bounded, unbounded, Receiver, Sender};
use log::{error, info};
use nix::errno::Errno;
use nix::unistd::{access, AccessFlags};

use crate::backend::HostState;
use crate::config::settings::Hook;
use crate::few::counted;

use queue::{Queue, Room};
use script::Limits;

/// How long the process waits for scripts that still run when it stops, before they are killed.
const BRIEFLY: Duration = Duration::from_millis(300);

/// A change that was made and seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What the script is told as ADDRESS.
    pub address: IpAddr,
    /// What it is now.
    pub to: HostState,
}

impl Change {
    fn word(&self) -> &'static str {
        match self.to {
            HostState::Up => "up",
            HostState::Down => "down",
        }
    }
}

/// A script that cannot be run.
#[derive(Debug)]
pub struct HookError {
    script: PathBuf,
    cause: Unfit,
}

#[derive(Debug)]
enum Unfit {
    Unreadable(io::Error),
    NotAFile,
    NotExecutable(Errno),
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "change script (--on-change) {}: ", self.script.display())?;
        match &self.cause {
            Unfit::Unreadable(cause) => cause.fmt(f),
            Unfit::NotAFile => f.write_str("not a file"),
            Unfit::NotExecutable(cause) => write!(f, "not executable: {}", cause.desc()),
        }
    }
}

impl std::error::Error for HookError {}

/// Whether there is a script that this process may run. It may be another by the time it is run.
pub fn check(hook: &Hook) -> Result<(), HookError> {
    let unfit = |cause| HookError {
        script: hook.script.clone(),
        cause,
    };
    let about = hook.script.metadata();
    let about = about.map_err(|cause| unfit(Unfit::Unreadable(cause)))?;
    if !about.is_file() {
        return Err(unfit(Unfit::NotAFile));
    }
    access(&hook.script, AccessFlags::X_OK).map_err(|cause| unfit(Unfit::NotExecutable(cause)))
}

/// Takes changes and has the script run for each. Its thread is started by the first.
#[derive(Default)]
pub struct Hooks {
    dispatcher: Option<Dispatcher>,
}

struct Dispatcher {
    events: Sender<Event>,
    /// Closed when the dispatcher and all scripts have ended.
    ended: Receiver<()>,
}

enum Event {
    Change(Arc<Path>, Change),
    Ended(IpAddr),
    Stop,
}

impl Hooks {
    /// Returns at once. An error is that of starting the thread.
    pub fn run(&mut self, hook: &Hook, change: Change) -> io::Result<()> {
        let mut event = Event::Change(Arc::from(hook.script.as_path()), change);
        if let Some(dispatcher) = &self.dispatcher {
            match dispatcher.events.send(event) {
                Ok(()) => return Ok(()),
                // It has ended by a defect.
                Err(unsent) => event = unsent.into_inner(),
            }
        }
        let dispatcher = self.dispatcher.insert(Dispatcher::start(Limits::USUAL)?);
        let _ = dispatcher.events.send(event);
        Ok(())
    }

    /// Waits briefly for scripts that run; those that are waiting are not run any more.
    pub fn stop(self) {
        if let Some(dispatcher) = self.dispatcher {
            let _ = dispatcher.events.send(Event::Stop);
            let _ = dispatcher.ended.recv_timeout(2 * BRIEFLY);
        }
    }
}

impl Dispatcher {
    fn start(limits: Limits) -> io::Result<Dispatcher> {
        let (events, inbox) = unbounded();
        let (alive, ended) = bounded(0);
        let own = events.clone();
        let run = move || dispatch(&inbox, &own, limits, &alive);
        thread::Builder::new().name("hook".into()).spawn(run)?;
        Ok(Dispatcher { events, ended })
    }
}

/// Until `Stop`. Scripts that still run then hold `alive` for themselves.
fn dispatch(inbox: &Receiver<Event>, own: &Sender<Event>, limits: Limits, alive: &Sender<()>) {
    let (go_on, stop) = bounded::<()>(0);
    let mut queue = Queue::default();
    let mut dropped = 0_u64;
    for event in inbox {
        match event {
            Event::Change(script, change) => {
                if queue.on_change(script, change) == Room::None {
                    if dropped == 0 {
                        error!(
                            "{}: the change script (--on-change) is not run: too many changes wait for it",
                            change.address
                        );
                    }
                    dropped += 1;
                    count_failure();
                }
            }
            Event::Ended(address) => queue.on_ended(address),
            Event::Stop => break,
        }
        while let Some((script, change)) = queue.next() {
            let (own, stop, alive) = (own.clone(), stop.clone(), alive.clone());
            let address = change.address;
            let run = move || {
                // After a panic too the next change of this backend has its turn.
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    let ended = script::run(&script, change, limits, &stop);
                    log_end(&script, change, &ended);
                }));
                // Nobody waits for it any more after `Stop`.
                let _ = own.send(Event::Ended(address));
                drop(alive);
            };
            if let Err(cause) = thread::Builder::new().name("script".into()).spawn(run) {
                count_failure();
                error!("{address}: the change script (--on-change) was not run: no thread can be started: {cause}");
                queue.on_ended(address);
            }
        }
        if dropped > 0 && queue.is_empty() {
            error!(
                "the change script (--on-change) was not run for {}: too many came at a time",
                counted(dropped, "change")
            );
            dropped = 0;
        }
    }
    if !queue.is_empty() {
        info!(
            "the change script (--on-change) is not run for the last {}: the monitor stops",
            counted(queue.waiting(), "change")
        );
    }
    drop(go_on);
}

/// Scripts that did not end well, and changes for which there was none.
static FAILURES: AtomicUsize = AtomicUsize::new(0);

fn count_failure() {
    FAILURES.fetch_add(1, Ordering::Relaxed);
}

/// How many there have been since the start.
pub(crate) fn failures() -> u64 {
    FAILURES.load(Ordering::Relaxed) as u64
}

fn log_end(script: &Path, change: Change, ended: &script::Ended) {
    let Change { address, .. } = change;
    let line = format!(
        "{address}: change script {} {}: {ended}",
        script.display(),
        change.word()
    );
    match ended.is_well() {
        true => info!("{line}"),
        false => {
            count_failure();
            error!("{line}");
        }
    }
}

#[cfg(test)]
mod tests;
