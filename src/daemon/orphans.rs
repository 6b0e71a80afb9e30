//! Children that nobody waits for. As PID 1 of a container a process inherits every orphan in it, such
//! as what a script leaves behind; each stays a zombie, and keeps its number, until it is waited for.
//!
//! A child that somebody here does wait for is not touched: its exit status is that one's.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::wait::{waitid, waitpid, Id, WaitPidFlag};
use nix::unistd::Pid;

/// Whether orphans come to this process. In any other there are none to be waited for.
static ADOPTING: AtomicBool = AtomicBool::new(false);

/// The children that somebody waits for. It is locked from before a child is there until it is written
/// down, and while an orphan is looked for: a child that ends at once is known all the same.
static AWAITED: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

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
    let awaited = awaited();
    // The kernel shows one that has ended, and the same again until it is waited for. Behind one of
    // ours others may stand; whoever waits for ours comes here afterwards.
    while let Some(ended) = ended_child() {
        if awaited.contains(&ended) || waitpid(ended, Some(WaitPidFlag::WNOHANG)).is_err() {
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
    let mut awaited = awaited();
    let child = command.spawn()?;
    awaited.push(pid(&child));
    Ok(Awaited(child))
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
