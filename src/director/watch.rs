//! The thread that reads both lists every second, over the standing connection.
//!
//! It keeps that pace by itself and wakes the coordinator for what is news; what is not waits here for
//! whenever the coordinator is awake. It must not retry or reopen anything, nor know what a list means.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, Receiver, Sender};

use super::client::{Lists, Standing};
use super::error::DirectorError;
use crate::inbox::{self, Inbox, Mail};

/// Both lists of one reading. A director that runs answers in a millisecond.
pub const LISTS_DEADLINE: Duration = Duration::from_secs(5);

/// A local call of a fraction of a millisecond: so that another's act, a new backend or a restarted
/// director is seen within a second, whatever the interval of the probes.
const READING_INTERVAL: Duration = Duration::from_secs(1);

const STACK: usize = 256 * 1024;

/// Which readings are worth waking the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Each: something is under way, and an unchanged list tells it something.
    All,
    /// Those that differ from the last one in more than numbers of users, and those asked for.
    Changes,
}

/// One reading of the lists, or why there was none. After an error the thread has ended.
pub type Reading = Result<Lists, DirectorError>;

/// The standing connection over which the lists are read. Closed when dropped, or by its first error.
pub struct Watch {
    orders: inbox::Sender<Order>,
    shelf: Arc<Shelf>,
    bell: Receiver<()>,
    wanted: Wanted,
}

enum Order {
    ReadNow,
    Report(Wanted),
}

impl Watch {
    /// Opens the connection of this number and reads at once, in a thread of its own.
    pub fn open(socket: PathBuf, connection: u64) -> io::Result<Watch> {
        let (orders, inbox) = inbox::inbox();
        // Rung twice is rung once.
        let (ringer, bell) = bounded(1);
        let shelf = Arc::default();
        let wanted = Wanted::All;
        let thread = Thread {
            socket,
            inbox,
            shelf: Arc::clone(&shelf),
            ringer,
            wanted,
        };
        thread::Builder::new()
            .name(format!("lists {connection}"))
            .stack_size(STACK)
            .spawn(move || thread.run())?;
        Ok(Watch {
            orders,
            shelf,
            bell,
            wanted,
        })
    }

    /// Asks for a reading that begins after this call; it will be news.
    pub fn read_now(&self) {
        self.orders.send(Order::ReadNow);
    }

    /// What is to be news from now on.
    pub fn report(&mut self, wanted: Wanted) {
        if wanted != self.wanted {
            self.wanted = wanted;
            self.orders.send(Order::Report(wanted));
        }
    }

    /// Receives when there is news; disconnected once the thread has ended.
    pub fn bell(&self) -> &Receiver<()> {
        &self.bell
    }

    /// What has been read and not been taken, the older one first: all of it that matters.
    pub fn take(&self) -> impl Iterator<Item = Reading> {
        self.shelf.take()
    }
}

struct Thread {
    socket: PathBuf,
    inbox: Inbox<Order>,
    shelf: Arc<Shelf>,
    ringer: Sender<()>,
    wanted: Wanted,
}

/// What ended the pause between two readings.
enum Pause {
    Over,
    Asked,
    Closed,
}

impl Thread {
    fn run(mut self) {
        let deadline = Instant::now() + LISTS_DEADLINE;
        let mut standing = match Standing::open(&self.socket, deadline) {
            Ok(standing) => standing,
            Err(error) => return self.put(Err(error), News::Yes),
        };
        let mut last: Option<Lists> = None;
        let mut pause = Pause::Asked;
        loop {
            let begins = Instant::now();
            let deadline = begins + LISTS_DEADLINE;
            let read = match (&last, &pause, self.wanted) {
                (Some(last), Pause::Over, Wanted::Changes) => standing.read_again(last, deadline),
                _ => standing.read(deadline),
            };
            let lists = match read {
                Ok(lists) => lists,
                Err(error) => return self.put(Err(error), News::Yes),
            };
            let news = match (&last, &pause, self.wanted) {
                (Some(last), Pause::Over, Wanted::Changes) if lists.show_the_same(last) => News::No,
                _ => News::Yes,
            };
            last = Some(lists.clone());
            self.put(Ok(lists), news);
            pause = self.pause(begins + READING_INTERVAL);
            if matches!(pause, Pause::Closed) {
                return;
            }
        }
    }

    fn pause(&mut self, until: Instant) -> Pause {
        let mut pause = Pause::Over;
        loop {
            let mail = match pause {
                Pause::Over => self.inbox.wait(until),
                // One reading is enough for all who ask before it.
                Pause::Asked | Pause::Closed => self.inbox.look(),
            };
            match mail {
                Mail::Order(Order::ReadNow) => pause = Pause::Asked,
                Mail::Order(Order::Report(wanted)) => self.wanted = wanted,
                Mail::Nothing => return pause,
                Mail::Closed => return Pause::Closed,
            }
        }
    }

    fn put(&self, reading: Reading, news: News) {
        self.shelf.put(reading, news);
        if news == News::Yes {
            // A bell that is ringing needs no second stroke.
            let _ = self.ringer.try_send(());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Yes,
    No,
}

/// What has been read and not been taken yet, at most two readings however long that takes.
#[derive(Default)]
struct Shelf(Mutex<Unread>);

#[derive(Default)]
struct Unread {
    /// The latest of those that were no news: until then all was as before.
    unchanged: Option<Lists>,
    /// The latest since the first news.
    latest: Option<Reading>,
}

impl Shelf {
    fn put(&self, reading: Reading, news: News) {
        let mut unread = self.lock();
        match (reading, news) {
            (Ok(lists), News::No) if unread.latest.is_none() => unread.unchanged = Some(lists),
            (reading, _) => unread.latest = Some(reading),
        }
    }

    fn take(&self) -> impl Iterator<Item = Reading> {
        let Unread { unchanged, latest } = std::mem::take(&mut *self.lock());
        unchanged.map(Ok).into_iter().chain(latest)
    }

    /// No code that holds the lock can panic half-way through a change.
    fn lock(&self) -> MutexGuard<'_, Unread> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::JoinHandle;

    use crossbeam_channel::TryRecvError;

    use super::*;
    use crate::director::error::{DirectorFault, DirectorStage};
    use crate::director::wire::{HostList, Ring};

    fn lists(began: Instant) -> Lists {
        Lists {
            began,
            hosts: HostList::default(),
            ring: Ring::default(),
        }
    }

    fn silent() -> Reading {
        Err(DirectorError {
            socket: PathBuf::from("/nowhere"),
            stage: DirectorStage::HostList,
            fault: DirectorFault::Closed,
        })
    }

    /// What is put on the shelf, as seconds or an error, and what is then taken.
    fn check(put: &[(Option<u64>, News)], expected: &[Option<u64>]) {
        let start = Instant::now();
        let shelf = Shelf::default();
        for (second, news) in put {
            let lists = second.map(|second| lists(start + Duration::from_secs(second)));
            shelf.put(lists.map_or_else(silent, Ok), *news);
        }
        let taken: Vec<Option<u64>> = shelf
            .take()
            .map(|reading| reading.ok().map(|lists| (lists.began - start).as_secs()))
            .collect();
        assert_eq!(taken, expected);
        assert_eq!(shelf.take().count(), 0);
    }

    #[test]
    fn the_shelf_keeps_the_last_that_was_as_before_and_the_latest_news() {
        use News::{No, Yes};
        check(&[], &[]);
        check(&[(Some(1), No), (Some(2), No)], &[Some(2)]);
        check(&[(Some(1), Yes), (Some(2), Yes)], &[Some(2)]);
        check(
            &[(Some(1), No), (Some(2), No), (Some(3), Yes)],
            &[Some(2), Some(3)],
        );
        // As before is then as the news, and later.
        check(
            &[(Some(1), No), (Some(2), Yes), (Some(3), No)],
            &[Some(1), Some(3)],
        );
        check(&[(Some(1), No), (None, Yes)], &[Some(1), None]);
    }

    const RING: &str = "192.0.2.9\t9090\tself\t0\tring synced\t0\n\n";

    /// A director that shows another number of users each time, until it is to end.
    fn director(listener: UnixListener, end: Arc<AtomicBool>) -> JoinHandle<()> {
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut say = |text: &str| stream.write_all(text.as_bytes()).unwrap();
            say("VERSION\tdirector-doveadm\t1\t0\n");
            lines.next().unwrap().unwrap();
            let mut users = 0;
            while !end.load(Ordering::SeqCst) {
                match lines.next() {
                    Some(Ok(line)) if line == "HOST-LIST" => {
                        users += 1;
                        say(&format!("192.0.2.1\t100\t{users}\t\tU\t0\n\n"));
                    }
                    Some(Ok(_)) => say(RING),
                    _ => return,
                }
            }
        })
    }

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Until the thread has read once more and found it to be no news.
    fn await_unchanged(watch: &Watch) -> u64 {
        let end = Instant::now() + PATIENCE;
        let before = watch.shelf.lock().unchanged.take();
        loop {
            let unread = watch.shelf.lock();
            if let Some(lists) = &unread.unchanged {
                if before
                    .as_ref()
                    .map_or(true, |before| before.began < lists.began)
                {
                    return lists.hosts.backends[0].users;
                }
            }
            drop(unread);
            assert!(Instant::now() < end, "no reading");
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn what_is_as_before_waits_until_somebody_asks() {
        let name = format!("poolmon-watch-{}", std::process::id());
        let socket = std::env::temp_dir().join(name);
        let end = Arc::new(AtomicBool::new(false));
        let director = director(UnixListener::bind(&socket).unwrap(), Arc::clone(&end));
        let mut watch = Watch::open(socket.clone(), 1).unwrap();
        // What was taken between being put there and the stroke leaves a stroke without news.
        let news = |watch: &Watch| loop {
            watch.bell().recv_timeout(PATIENCE).unwrap();
            if let Some(reading) = watch.take().last() {
                return reading;
            }
        };
        assert!(news(&watch).is_ok());

        watch.report(Wanted::Changes);
        // A slow machine may have read once more before that was heard.
        watch.take().for_each(drop);
        await_unchanged(&watch);
        while watch.bell().try_recv().is_ok() {}
        let users = await_unchanged(&watch);
        assert!(watch.bell().is_empty());

        let asked = Instant::now();
        watch.read_now();
        let lists = news(&watch).unwrap();
        assert!(lists.began >= asked);
        assert!(lists.hosts.backends[0].users > users);

        watch.report(Wanted::All);
        for _ in 0..2 {
            assert!(news(&watch).is_ok());
        }

        end.store(true, Ordering::SeqCst);
        while news(&watch).is_ok() {}
        while watch.bell().recv_timeout(PATIENCE).is_ok() {}
        assert_eq!(watch.bell().try_recv(), Err(TryRecvError::Disconnected));
        director.join().unwrap();
        fs::remove_file(&socket).unwrap();
    }
}
