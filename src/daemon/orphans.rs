//! Children that nobody waits for. As PID 1 of a container a process inherits every orphan in it, such
//! as what a script leaves behind; each stays a zombie, and keeps its number, until it is waited for.
//!
//! A child that somebody here does wait for is not touched: its exit status is that one's.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::wait::{waitid, waitpid, Id, WaitPidFlag};
use nix::unistd::Pid;

/// Whether orphans come to this process. In any other there are none to be waited for.
static ADOPTING: AtomicBool = AtomicBool::new(false);

/// The children that somebody waits for.
static AWAITED: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// How many are being started, and are not written down yet. No lock is held meanwhile: a program on a file system
/// that hangs may take for ever, and until it has started no orphan is buried.
static BEING_STARTED: AtomicUsize = AtomicUsize::new(0);

fn awaited() -> MutexGuard<'static, Vec<Pid>> {
    AWAITED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From here on `bury` waits for orphans, if this is PID 1. True if it is.
pub fn adopt() -> bool {
    let is_init = std::process::id() == 1;
    ADOPTING.store(is_init, Ordering::SeqCst);
    is_init
}

/// Waits for all orphans that have ended, without waiting for one to end: to be called when SIGCHLD has
/// come.
pub fn bury() {
    if !ADOPTING.load(Ordering::SeqCst) {
        return;
    }
    // The kernel shows one that has ended, and the same again until it is waited for. Behind one of
    // ours others may stand; whoever waits for ours, or starts it, comes here afterwards.
    while let Some(ended) = ended_child() {
        // In this order: what is started no longer is written down.
        let may_be_ours = BEING_STARTED.load(Ordering::SeqCst) > 0 || awaited().contains(&ended);
        if may_be_ours || waitpid(ended, Some(WaitPidFlag::WNOHANG)).is_err() {
            return;
        }
    }
}

/// A child that has ended and is left as it is.
fn ended_child() -> Option<Pid> {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::All, look).ok()?.pid()
}

/// A child whose exit status nobody else takes.
#[derive(Debug)]
pub struct Awaited(Child);

/// Starts the program. Every child of this process has to be started here.
pub fn spawn(command: &mut Command) -> io::Result<Awaited> {
    BEING_STARTED.fetch_add(1, Ordering::SeqCst);
    let child = command.spawn();
    if let Ok(child) = &child {
        awaited().push(pid(child));
    }
    BEING_STARTED.fetch_sub(1, Ordering::SeqCst);
    bury();
    child.map(Awaited)
}

impl Awaited {
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Awaited {
    /// One that has not ended is an orphan from here on.
    fn drop(&mut self) {
        let own = pid(&self.0);
        awaited().retain(|pid| *pid != own);
        bury();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}
