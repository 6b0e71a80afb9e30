//! The threads that wait for the reply to a changing command, so that the coordinator never does.
//!
//! The coordinator numbers the commands and says what to send; a thread here only sends it, waits with
//! a deadline, and passes on what it heard. It must not decide, retry or send anything more.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::client;
use super::error::DirectorError;
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
            let result = client::change(&socket, &change, Instant::now() + patience);
            let _ = heard.send(Heard {
                number,
                change,
                result,
            });
        })?;
    Ok(())
}
