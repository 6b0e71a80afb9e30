//! The thread that reads a pool every second, over a connection that stands.
//!
//! It keeps that pace by itself and passes on each reading. It must not retry or reopen anything, nor know
//! what a list means.

use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::{Access, Connection, PoolError, Reading, READING_DEADLINE};
use crate::mailbox::{self, Mail, Mailbox};

/// A local call of a fraction of a millisecond: so that another's act, a new backend or a restarted
/// director is seen within a second, whatever the interval of the probes.
const READING_INTERVAL: Duration = Duration::from_secs(1);

const STACK: usize = 256 * 1024;

/// What the thread has to say, with the number of its connection.
#[derive(Debug)]
pub enum Word {
    /// One reading, or why there was none. After an error the thread has ended.
    Read {
        connection: u64,
        reading: Result<Reading, PoolError>,
    },
    /// The thread has ended by a defect.
    Ended { connection: u64 },
}

/// The standing connection over which the lists are read. Closed when dropped, or by its first error.
pub struct Watch {
    orders: mailbox::Sender<Order>,
}

enum Order {
    ReadNow,
}

impl Watch {
    /// Opens the connection of this number and reads at once, in a thread of its own.
    pub fn open(access: Access, connection: u64, words: Sender<Word>) -> io::Result<Watch> {
        let (orders, mailbox) = mailbox::mailbox();
        let thread = Thread {
            access,
            connection,
            mailbox,
            words: words.clone(),
        };
        thread::Builder::new()
            .name(format!("lists {connection}"))
            .stack_size(STACK)
            .spawn(move || {
                if catch_unwind(AssertUnwindSafe(|| thread.run())).is_err() {
                    let _ = words.send(Word::Ended { connection });
                }
            })?;
        Ok(Watch { orders })
    }

    /// Asks for a reading that begins after this call.
    pub fn read_now(&self) {
        self.orders.send(Order::ReadNow);
    }
}

struct Thread {
    access: Access,
    connection: u64,
    mailbox: Mailbox<Order>,
    words: Sender<Word>,
}

/// Whether it goes on after a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    Over,
    Closed,
}

impl Thread {
    fn run(self) {
        let deadline = Instant::now() + READING_DEADLINE;
        let mut standing = match Connection::open(&self.access, deadline) {
            Ok(standing) => standing,
            Err(error) => return self.tell(Err(error)),
        };
        loop {
            let begins = Instant::now();
            let reading = standing.read(begins + READING_DEADLINE);
            let has_ended = reading.is_err();
            self.tell(reading);
            if has_ended || self.pause(begins + READING_INTERVAL) == Pause::Closed {
                return;
            }
        }
    }

    fn pause(&self, until: Instant) -> Pause {
        let mut mail = self.mailbox.wait(until);
        // One reading is enough for all who ask before it.
        while let Mail::Order(Order::ReadNow) = mail {
            mail = self.mailbox.look();
        }
        match mail {
            Mail::Closed => Pause::Closed,
            Mail::Nothing | Mail::Order(Order::ReadNow) => Pause::Over,
        }
    }

    fn tell(&self, reading: Result<Reading, PoolError>) {
        let connection = self.connection;
        // At the end of the program nobody listens.
        let _ = self.words.send(Word::Read {
            connection,
            reading,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;

    use crossbeam_channel::unbounded;

    use super::*;

    const RING: &str = "192.0.2.9\t9090\tself\t0\tring synced\t0\n\n";
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Shows another number of users each time, so many times.
    fn director(listener: &UnixListener, readings: u64) {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut say = |text: &str| stream.write_all(text.as_bytes()).unwrap();
        say("VERSION\tdirector-doveadm\t1\t0\n");
        lines.next().unwrap().unwrap();
        for users in 1..=readings {
            lines.next().unwrap().unwrap();
            say(&format!("192.0.2.1\t100\t{users}\t\tU\t0\n\n"));
            lines.next().unwrap().unwrap();
            say(RING);
        }
    }

    #[test]
    fn each_reading_is_told_one_asked_for_comes_at_once_and_an_error_ends_all() {
        let name = format!("poolmon-watch-{}", std::process::id());
        let socket = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&socket).unwrap();
        let director = thread::spawn(move || director(&listener, 4));
        let (words, said) = unbounded();
        let access = Access::Director {
            socket: socket.clone(),
        };
        let watch = Watch::open(access, 7, words).unwrap();
        let read = || match said.recv_timeout(PATIENCE).unwrap() {
            Word::Read {
                connection: 7,
                reading,
            } => reading,
            other => panic!("{other:?}"),
        };
        let first = read().unwrap();
        watch.read_now();
        let second = read().unwrap();
        let third = read().unwrap();
        assert!(third.began >= second.began + READING_INTERVAL);
        let users: Vec<u64> = [first, second, third, read().unwrap()]
            .iter()
            .map(|reading| reading.members[0].users)
            .collect();
        assert_eq!(users, [1, 2, 3, 4]);
        director.join().unwrap();
        let closed = read().unwrap_err().to_string();
        assert!(closed.contains("connection closed"), "{closed}");
        assert!(said.recv_timeout(PATIENCE).is_err(), "the thread has ended");
        fs::remove_file(&socket).unwrap();
    }
}
