//! The threads that wait for the reply to a changing command, so that the main thread never does.
//!
//! The engine numbers the commands and says what to send; a thread here only sends it, waits with
//! a deadline, and passes on what it heard. It must not decide, retry or send anything more.

use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::client;
use super::error::{DirectorError, DirectorFault, DirectorStage};
use super::wire::{Change, Reply};

const STACK: usize = 256 * 1024;

/// What a command came to.
#[derive(Debug)]
pub struct Heard {
    pub number: u64,
    pub change: Change,
    pub result: Result<Reply, DirectorError>,
}

/// Sends one changing command over a connection of its own and hears its reply,
/// or that there was none within `patience`.
pub fn send_change(
    socket: PathBuf,
    number: u64,
    change: Change,
    patience: Duration,
    heard: Sender<Heard>,
) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("change {number}"))
        .stack_size(STACK)
        .spawn(move || {
            let ask = || client::change(&socket, &change, Instant::now() + patience);
            let result = or_defect(&socket, ask);
            let _ = heard.send(Heard {
                number,
                change,
                result,
            });
        })?;
    Ok(())
}

/// A panic must not leave the command without its answer: its backend would wait for it for ever.
fn or_defect(
    socket: &Path,
    ask: impl FnOnce() -> Result<Reply, DirectorError>,
) -> Result<Reply, DirectorError> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| {
        let cause = "ended by the defect logged before";
        Err(DirectorError {
            socket: socket.to_owned(),
            stage: DirectorStage::Reply,
            fault: DirectorFault::Io(io::Error::new(io::ErrorKind::Other, cause)),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer_that_says_nothing_of_the_director() {
        let error = or_defect(Path::new("/admin"), || panic!("a test")).unwrap_err();
        assert!(!error.is_close_for_reply());
        let text = error.to_string();
        assert!(
            text.ends_with("ended by the defect logged before"),
            "{text}"
        );
    }
}
