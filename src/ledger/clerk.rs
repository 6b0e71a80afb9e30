//! The thread that writes the ledger, so that a disk that is slow, or hangs, holds nobody up.
//!
//! It writes what it is handed, all that has come in meanwhile at once, and tries again what it could
//! not write. Who may act before it is done is not its business.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{unbounded, Receiver, RecvTimeoutError, Sender};

use super::{is_default, Entry, Ledger, LedgerError};

/// How soon what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);

const STACK: usize = 256 * 1024;

/// What became of all that was handed over, up to this number.
#[derive(Debug)]
pub struct Recorded {
    number: u64,
    pub result: Result<(), LedgerError>,
}

/// The coordinator's side. Dropping it ends the thread, when it has written what it was handed.
pub struct Clerk {
    /// What the file held at the start, and what has been handed over since.
    entries: BTreeMap<IpAddr, Entry>,
    sheets: Sender<Sheet>,
    recorded: Receiver<Recorded>,
    /// So that who waits on `recorded` waits, and does not spin, should the thread have ended.
    _outbox: Sender<Recorded>,
    handed_over: u64,
    settled: u64,
}

struct Sheet {
    number: u64,
    entries: Vec<(IpAddr, Entry)>,
}

impl Clerk {
    pub fn start(mut ledger: Ledger) -> io::Result<Clerk> {
        let entries = ledger.entries().collect();
        Clerk::over(entries, move |sheet| ledger.record_all(sheet))
    }

    fn over(
        entries: BTreeMap<IpAddr, Entry>,
        write: impl FnMut(Vec<(IpAddr, Entry)>) -> Result<(), LedgerError> + Send + 'static,
    ) -> io::Result<Clerk> {
        let (sheets, inbox) = unbounded();
        let (outbox, recorded) = unbounded();
        thread::Builder::new()
            .name("ledger".to_owned())
            .stack_size(STACK)
            .spawn({
                let outbox = outbox.clone();
                move || run(write, &inbox, &outbox)
            })?;
        Ok(Clerk {
            entries,
            sheets,
            recorded,
            _outbox: outbox,
            handed_over: 0,
            settled: 0,
        })
    }

    /// What is remembered of a backend; an empty entry if nothing.
    pub fn entry(&self, address: IpAddr) -> Entry {
        self.entries.get(&address).copied().unwrap_or_default()
    }

    /// Hands over what differs from what was remembered; nothing if nothing does.
    pub fn record_all(&mut self, entries: impl IntoIterator<Item = (IpAddr, Entry)>) {
        let differs = |(address, entry): &(IpAddr, Entry)| self.entry(*address) != *entry;
        let entries: Vec<(IpAddr, Entry)> = entries.into_iter().filter(differs).collect();
        if entries.is_empty() {
            return;
        }
        for (address, entry) in &entries {
            if is_default(entry) {
                self.entries.remove(address);
            } else {
                self.entries.insert(*address, *entry);
            }
        }
        self.handed_over += 1;
        let number = self.handed_over;
        // The thread outlives this end.
        let _ = self.sheets.send(Sheet { number, entries });
    }

    /// Whether all that was handed over has been written, or could not be.
    pub fn is_done(&self) -> bool {
        self.settled == self.handed_over
    }

    /// Where the thread tells what became of it; each is for `on_recorded`.
    pub fn recorded(&self) -> &Receiver<Recorded> {
        &self.recorded
    }

    pub fn on_recorded(&mut self, recorded: &Recorded) {
        self.settled = self.settled.max(recorded.number);
    }

    /// Waits until all is written, or could not be, or the time is over.
    pub fn finish(&mut self, patience: Duration) {
        let end = Instant::now() + patience;
        while !self.is_done() {
            match self.recorded.recv_deadline(end) {
                Ok(recorded) => self.on_recorded(&recorded),
                Err(_) => return,
            }
        }
    }
}

fn run(
    mut write: impl FnMut(Vec<(IpAddr, Entry)>) -> Result<(), LedgerError>,
    inbox: &Receiver<Sheet>,
    outbox: &Sender<Recorded>,
) {
    let mut number = 0;
    let mut unwritten = false;
    loop {
        let first = match unwritten {
            false => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            true => inbox.recv_timeout(RETRY),
        };
        let first = match first {
            Ok(sheet) => Some(sheet),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut entries = Vec::new();
        for sheet in first.into_iter().chain(inbox.try_iter()) {
            number = sheet.number;
            entries.extend(sheet.entries);
        }
        // A thread that ends here would end unseen, and nothing would be on disk from then on.
        let result = catch_unwind(AssertUnwindSafe(|| write(entries)));
        let result = result.unwrap_or(Err(LedgerError::Defect));
        unwritten = result.is_err();
        if outbox.send(Recorded { number, result }).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::ledger::{Drain, Untouched};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    fn owed() -> Entry {
        Entry {
            drain: Drain::Owed,
            ..Entry::default()
        }
    }

    fn refusal() -> LedgerError {
        LedgerError::LeftAlone {
            path: "/state".into(),
            reason: Untouched::NotAFile,
        }
    }

    #[test]
    fn while_the_disk_hangs_all_is_remembered_and_then_written_at_once() {
        let (disk, hangs) = mpsc::channel::<()>();
        let (told, written) = mpsc::channel();
        let mut clerk = Clerk::over(BTreeMap::new(), move |sheet| {
            told.send(sheet).unwrap();
            let _ = hangs.recv();
            Ok(())
        })
        .unwrap();
        assert!(clerk.is_done());
        clerk.record_all([(address(1), owed())]);
        assert_eq!(written.recv_timeout(PATIENCE).unwrap().len(), 1);
        clerk.record_all([(address(1), owed()), (address(2), owed())]);
        clerk.record_all([(address(3), owed())]);
        assert_eq!(clerk.entry(address(3)), owed());
        clerk.finish(Duration::ZERO);
        assert!(!clerk.is_done());
        drop(disk);
        clerk.finish(PATIENCE);
        assert!(clerk.is_done());
        let second: Vec<IpAddr> = written
            .recv_timeout(PATIENCE)
            .unwrap()
            .into_iter()
            .map(|(address, _)| address)
            .collect();
        assert_eq!(second, [address(2), address(3)]);
    }

    #[test]
    fn what_has_not_changed_is_not_handed_over() {
        let known = [(address(1), owed())];
        let mut clerk = Clerk::over(known.into(), |sheet| panic!("{sheet:?}")).unwrap();
        clerk.record_all([(address(1), owed()), (address(2), Entry::default())]);
        assert!(clerk.is_done());
    }

    #[test]
    fn what_could_not_be_written_is_done_too_and_tried_again() {
        let mut tries = 0;
        let mut clerk = Clerk::over(BTreeMap::new(), move |_| {
            tries += 1;
            match tries {
                1 => Err(refusal()),
                _ => Ok(()),
            }
        })
        .unwrap();
        clerk.record_all([(address(1), owed())]);
        let first = clerk.recorded().recv_timeout(PATIENCE).unwrap();
        clerk.on_recorded(&first);
        assert!(clerk.is_done());
        assert!(first.result.is_err());
        let second = clerk.recorded().recv_timeout(PATIENCE).unwrap();
        assert!(second.result.is_ok());
    }

    #[test]
    fn a_panic_while_writing_is_an_error_and_what_it_kept_from_disk_is_tried_again() {
        let mut tries = 0;
        let mut clerk = Clerk::over(BTreeMap::new(), move |_| {
            tries += 1;
            assert_ne!(tries, 1, "a test");
            Ok(())
        })
        .unwrap();
        clerk.record_all([(address(1), owed())]);
        let first = clerk.recorded().recv_timeout(PATIENCE).unwrap();
        assert!(matches!(first.result, Err(LedgerError::Defect)));
        let second = clerk.recorded().recv_timeout(PATIENCE).unwrap();
        assert!(second.result.is_ok());
    }

    #[test]
    fn a_ledger_is_on_disk_when_its_clerk_is_done() {
        let folder = std::env::temp_dir().join(format!("poolmon-clerk-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("state.yml");
        let mut clerk = Clerk::start(Ledger::open(&path).0).unwrap();
        clerk.record_all([(address(1), owed()), (address(2), owed())]);
        clerk.record_all([(address(2), Entry::default())]);
        clerk.finish(PATIENCE);
        let read: Vec<(IpAddr, Entry)> = Ledger::open(&path).0.entries().collect();
        assert_eq!(read, [(address(1), owed())]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
