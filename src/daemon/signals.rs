//! Signals as words: a thread that turns what the kernel sends into calls of one function. And what a process
//! inherits of its parent's signals.
//!
//! Unsafe to give a signal its default action: another action could run code.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};

use nix::sys::signal::{signal, SigHandler, SigSet, Signal as Number};

use super::orphans;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// INT, TERM, QUIT.
    Stop,
    /// HUP: open the log file anew, read the credentials again.
    Reload,
    /// USR1: say how things are.
    Status,
}

/// A parent may have blocked signals, which would never come, or may ignore the end of its children, and then the
/// kernel tells nobody how they end. Both would be inherited.
///
/// To be called before the first thread starts, which inherits it too.
#[allow(unsafe_code)]
pub fn forget_parents_choices() {
    // Both fail only for a number that is no signal's.
    let _ = SigSet::empty().thread_set_mask();
    // SAFETY: the default action runs no code of this process.
    let _ = unsafe { signal(Number::SIGCHLD, SigHandler::SigDfl) };
}

/// The thread that waits for signals. It ends with this value.
#[derive(Debug)]
pub struct SignalWatch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Starts the thread `signals`. `on_signal` runs in it, so it may lock, allocate and send.
///
/// From here on these signals no longer end the process. After the watch has been dropped they do
/// nothing at all. As PID 1 the thread also waits for orphans.
pub fn watch(on_signal: impl Fn(Signal) + Send + 'static) -> io::Result<SignalWatch> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1])?;
    // A log that reaches the limit of file sizes (ulimit -f) would end the process without a word.
    // Handled, the line is an error like any other.
    signals.add_signal(SIGXFSZ)?;
    // It means nothing here, and would end the process without a clean-up.
    signals.add_signal(SIGUSR2)?;
    if orphans::adopt() {
        signals.add_signal(SIGCHLD)?;
        // What has ended before.
        orphans::bury();
    }
    let handle = signals.handle();
    let thread = thread::Builder::new()
        .name("signals".to_string())
        .spawn(move || {
            for number in signals.forever() {
                match number {
                    SIGINT | SIGTERM | SIGQUIT => on_signal(Signal::Stop),
                    SIGHUP => on_signal(Signal::Reload),
                    SIGUSR1 => on_signal(Signal::Status),
                    SIGCHLD => orphans::bury(),
                    // SIGXFSZ and SIGUSR2; none else was asked for.
                    _ => {}
                }
            }
        })?;
    Ok(SignalWatch {
        handle,
        thread: Some(thread),
    })
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // A panic in it has already been printed.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::sys::signal::{kill, Signal as Sent};
    use nix::unistd::Pid;

    use super::*;

    #[test]
    fn each_signal_becomes_its_word() {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let watch = watch(move |signal| sender.send(signal).unwrap()).unwrap();
        for (sent, expected) in [
            (Sent::SIGTERM, Signal::Stop),
            (Sent::SIGINT, Signal::Stop),
            (Sent::SIGQUIT, Signal::Stop),
            (Sent::SIGHUP, Signal::Reload),
            (Sent::SIGUSR1, Signal::Status),
        ] {
            kill(Pid::this(), sent).unwrap();
            let heard = receiver.recv_timeout(Duration::from_secs(10));
            assert_eq!(heard, Ok(expected), "{sent}");
        }
        // They mean nothing, and end nothing.
        for sent in [Sent::SIGUSR2, Sent::SIGXFSZ] {
            kill(Pid::this(), sent).unwrap();
        }
        drop(watch);
        assert!(receiver.recv().is_err(), "the thread has ended");
    }
}
