//! The threads that wait for the answer to a command, so that the main thread never does.
//!
//! The engine numbers the commands and says what to send; a thread here only sends it, waits with
//! a deadline, and passes on what it heard. It must not decide, retry or send anything more.

use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::{Access, Command, Loss, PoolError, Reply, Stage};

const STACK: usize = 256 * 1024;

/// What a command came to.
#[derive(Debug)]
pub struct Heard {
    /// As the engine gave it with the command.
    pub number: u64,
    /// The pool's, or why none came. A panic of the thread is an error, too.
    pub answer: Result<Reply, PoolError>,
}

/// Sends one command over a connection of its own and hears its answer, or that there was none within
/// `patience`.
pub fn send(
    access: Access,
    number: u64,
    command: Command,
    patience: Duration,
    heard: Sender<Heard>,
) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("change {number}"))
        .stack_size(STACK)
        .spawn(move || {
            let ask = || super::send(&access, &command, Instant::now() + patience);
            let answer = or_defect(&access, ask);
            let _ = heard.send(Heard { number, answer });
        })?;
    Ok(())
}

/// A panic must not leave the command without its answer: its backend would wait for it for ever.
fn or_defect(
    access: &Access,
    ask: impl FnOnce() -> Result<Reply, PoolError>,
) -> Result<Reply, PoolError> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| {
        Err(PoolError {
            pool: access.to_string(),
            stage: Stage::Reply,
            loss: Loss::Other,
            cause: "reply: ended by the defect logged before".to_owned(),
            advice: "this is a defect of the monitor".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer_that_says_nothing_of_the_pool() {
        let access = Access::Director {
            socket: "/admin".into(),
        };
        let error = or_defect(&access, || panic!("a test")).unwrap_err();
        assert!(error.leaves_doubt());
        assert!(!error.is_close_for_reply());
        let text = error.to_string();
        assert!(
            text.ends_with("ended by the defect logged before"),
            "{text}"
        );
    }
}
