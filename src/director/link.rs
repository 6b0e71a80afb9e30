//! The threads that wait on the director, so that the coordinator never does.
//!
//! The coordinator opens, numbers and closes the connections; a thread here only waits on one, with
//! a deadline, and passes on what it heard. It must not decide, retry or reopen anything.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, Receiver, Sender};

use super::client::{self, DirectorError, Lists, Standing};
use super::wire::{Change, Reply};

/// Both lists of one reading. A director that runs answers in a millisecond.
pub const LISTS_DEADLINE: Duration = Duration::from_secs(5);

const STACK: usize = 256 * 1024;

/// What a thread heard from the director.
#[derive(Debug)]
pub enum Heard {
    Lists {
        connection: u64,
        result: Result<Lists, DirectorError>,
    },
    Answer {
        number: u64,
        change: Change,
        result: Result<Reply, DirectorError>,
    },
}

/// The standing connection over which the lists are read. Closed when dropped, or by its first error.
pub struct Reader {
    connection: u64,
    requests: Sender<()>,
}

impl Reader {
    /// Opens the connection of this number, in a thread of its own.
    pub fn open(socket: PathBuf, connection: u64, heard: Sender<Heard>) -> io::Result<Reader> {
        let (requests, inbox) = bounded(1);
        thread::Builder::new()
            .name(format!("lists {connection}"))
            .stack_size(STACK)
            .spawn(move || read_lists(&socket, connection, &inbox, &heard))?;
        Ok(Reader {
            connection,
            requests,
        })
    }

    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// Asks for one reading; nothing happens while one is still being waited for.
    pub fn read(&self) {
        let _ = self.requests.try_send(());
    }
}

fn read_lists(
    socket: &std::path::Path,
    connection: u64,
    requests: &Receiver<()>,
    heard: &Sender<Heard>,
) {
    let mut standing: Option<Standing> = None;
    while requests.recv().is_ok() {
        let deadline = Instant::now() + LISTS_DEADLINE;
        let result = match &mut standing {
            Some(standing) => standing.read(deadline),
            None => Standing::open(socket, deadline)
                .and_then(|opened| standing.insert(opened).read(deadline)),
        };
        let failed = result.is_err();
        let sent = heard.send(Heard::Lists { connection, result });
        if failed || sent.is_err() {
            return;
        }
    }
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
            let _ = heard.send(Heard::Answer {
                number,
                change,
                result,
            });
        })?;
    Ok(())
}
