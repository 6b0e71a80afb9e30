//! The thread that writes the state file, so that a disk that is slow, or hangs, holds nobody up.
//!
//! Entries that arrive while it writes are written together next time, and what could not be written is tried
//! again. It does not know which commands wait for it.

use std::io;
use std::net::IpAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{unbounded, Receiver, RecvTimeoutError, Sender};

use super::{StateFile, StateFileError};
use crate::monitor::{Memory, Remembered};

/// How soon what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);

const STACK: usize = 256 * 1024;

/// What became of all that was handed over, up to this number.
#[derive(Debug)]
pub struct Recorded {
    /// The highest that was handed over to `StateWriter::write` until then.
    pub number: u64,
    /// After an error the thread tries again by itself.
    pub result: Result<(), StateFileError>,
}

/// The main thread's side. Dropping it ends the thread, when it has written what it was handed.
pub struct StateWriter {
    /// What the file held at the start.
    read: Remembered,
    batches: Sender<Batch>,
    recorded: Receiver<Recorded>,
}

struct Batch {
    number: u64,
    entries: Vec<(IpAddr, Memory)>,
}

impl StateWriter {
    pub fn start(mut state_file: StateFile) -> io::Result<StateWriter> {
        let read = state_file.entries().collect();
        StateWriter::over(read, move |batch| state_file.record_all(batch))
    }

    fn over(
        read: Remembered,
        write: impl FnMut(Vec<(IpAddr, Memory)>) -> Result<(), StateFileError> + Send + 'static,
    ) -> io::Result<StateWriter> {
        let (batches, inbox) = unbounded();
        let (outbox, recorded) = unbounded();
        thread::Builder::new()
            .name("state file".to_owned())
            .stack_size(STACK)
            .spawn(move || run(write, &inbox, &outbox))?;
        Ok(StateWriter {
            read,
            batches,
            recorded,
        })
    }

    /// What the file held at the start.
    pub fn read(&self) -> &Remembered {
        &self.read
    }

    /// Hands over what is remembered of these backends from now on. The numbers count up.
    pub fn write(&self, number: u64, entries: Vec<(IpAddr, Memory)>) {
        // Where the thread has ended, `recorded` tells.
        let _ = self.batches.send(Batch { number, entries });
    }

    /// Where the thread tells what became of it; disconnected once the thread has ended.
    pub fn recorded(&self) -> &Receiver<Recorded> {
        &self.recorded
    }

    /// Waits until all is written, or could not be, or the time is over.
    pub fn finish(self, patience: Duration) {
        let end = Instant::now() + patience;
        drop(self.batches);
        // The thread ends once there is nothing left that it could write.
        while self.recorded.recv_deadline(end).is_ok() {}
    }
}

fn run(
    mut write: impl FnMut(Vec<(IpAddr, Memory)>) -> Result<(), StateFileError>,
    inbox: &Receiver<Batch>,
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
            Ok(batch) => Some(batch),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut entries = Vec::new();
        for batch in first.into_iter().chain(inbox.try_iter()) {
            number = batch.number;
            entries.extend(batch.entries);
        }
        // A thread that ends here would end unseen, and nothing would be on disk from then on.
        let result = catch_unwind(AssertUnwindSafe(|| write(entries)));
        let result = result.unwrap_or(Err(StateFileError::Defect));
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
    use crate::monitor::policy::Drain;
    use crate::slowness::stretched;
    use crate::state_file::Untouched;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    fn owed() -> Memory {
        Memory {
            drain: Drain::Owed,
            ..Memory::default()
        }
    }

    fn refusal() -> StateFileError {
        StateFileError::LeftAlone {
            path: "/state".into(),
            reason: Untouched::NotAFile,
        }
    }

    #[test]
    fn what_comes_in_while_the_disk_hangs_is_written_at_once() {
        let (disk, hangs) = mpsc::channel::<()>();
        let (told, written) = mpsc::channel();
        let state_writer = StateWriter::over(Remembered::new(), move |batch| {
            told.send(batch).unwrap();
            let _ = hangs.recv();
            Ok(())
        })
        .unwrap();
        state_writer.write(1, vec![(address(1), owed())]);
        assert_eq!(written.recv_timeout(PATIENCE).unwrap().len(), 1);
        state_writer.write(2, vec![(address(2), owed())]);
        state_writer.write(3, vec![(address(3), owed())]);
        assert!(state_writer.recorded().is_empty());
        drop(disk);
        let numbers = [(); 2].map(|()| {
            state_writer
                .recorded()
                .recv_timeout(PATIENCE)
                .unwrap()
                .number
        });
        assert_eq!(numbers, [1, 3]);
        let second = written.recv_timeout(PATIENCE).unwrap();
        let second: Vec<IpAddr> = second.into_iter().map(|(address, _)| address).collect();
        assert_eq!(second, [address(2), address(3)]);
    }

    #[test]
    fn the_end_waits_for_the_last_batch_but_not_for_a_disk_that_hangs() {
        let (disk, hangs) = mpsc::channel::<()>();
        let state_writer = StateWriter::over(Remembered::new(), move |_| {
            let _ = hangs.recv();
            Ok(())
        })
        .unwrap();
        state_writer.write(1, vec![(address(1), owed())]);
        let began = Instant::now();
        state_writer.finish(Duration::from_millis(20));
        assert!(began.elapsed() < stretched(PATIENCE));
        drop(disk);
    }

    #[test]
    fn what_could_not_be_written_is_told_and_tried_again() {
        let mut tries = 0;
        let state_writer = StateWriter::over(Remembered::new(), move |_| {
            tries += 1;
            match tries {
                1 => Err(refusal()),
                _ => Ok(()),
            }
        })
        .unwrap();
        state_writer.write(1, vec![(address(1), owed())]);
        let first = state_writer.recorded().recv_timeout(PATIENCE).unwrap();
        let told = first.result.map_err(|error| error.to_string());
        assert_eq!(told, Err(refusal().to_string()));
        let second = state_writer.recorded().recv_timeout(PATIENCE).unwrap();
        assert_eq!(second.result.map_err(|error| error.to_string()), Ok(()));
    }

    #[test]
    fn a_panic_while_writing_is_an_error_and_what_it_kept_from_disk_is_tried_again() {
        let mut tries = 0;
        let state_writer = StateWriter::over(Remembered::new(), move |_| {
            tries += 1;
            assert_ne!(tries, 1, "a test");
            Ok(())
        })
        .unwrap();
        state_writer.write(1, vec![(address(1), owed())]);
        let first = state_writer.recorded().recv_timeout(PATIENCE).unwrap();
        assert!(matches!(first.result, Err(StateFileError::Defect)));
        let second = state_writer.recorded().recv_timeout(PATIENCE).unwrap();
        assert!(second.result.is_ok());
    }

    #[test]
    fn a_state_file_is_on_disk_when_its_state_writer_has_finished() {
        let folder =
            std::env::temp_dir().join(format!("poolmon-state_writer-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("state.yml");
        let state_writer = StateWriter::start(StateFile::open(&path).0).unwrap();
        state_writer.write(1, vec![(address(1), owed()), (address(2), owed())]);
        state_writer.write(2, vec![(address(2), Memory::default())]);
        state_writer.finish(PATIENCE);
        let read: Vec<(IpAddr, Memory)> = StateFile::open(&path).0.entries().collect();
        assert_eq!(read, [(address(1), owed())]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
