//! `src/state_file/writer.rs`: the last state wins, nothing is told as written that is not on disk.
//!
//! The state file itself is a stand-in that keeps what the real one promises: entries are in memory from
//! the moment that it is handed them, and a write puts all of them on disk or nothing.

#[path = "../../../src/state_file/writer.rs"]
#[allow(dead_code)]
mod writer;

use shuttled_std::choice::{self, TimeOuts};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::monitor::{Memory, Remembered};
use writer::StateWriter;

const LONG: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub enum StateFileError {
    DiskFull,
    Defect,
}

pub struct StateFile {
    memory: Remembered,
    disk: Arc<Mutex<Remembered>>,
    /// How many writes fail from now on.
    failures: usize,
}

impl StateFile {
    fn on(disk: &Arc<Mutex<Remembered>>, failures: usize) -> StateFile {
        StateFile {
            memory: Remembered::new(),
            disk: disk.clone(),
            failures,
        }
    }

    fn entries(&self) -> impl Iterator<Item = (IpAddr, Memory)> + '_ {
        self.memory
            .iter()
            .map(|(address, memory)| (*address, *memory))
    }

    fn record_all(&mut self, entries: Vec<(IpAddr, Memory)>) -> Result<(), StateFileError> {
        self.memory.extend(entries);
        thread::yield_now();
        if self.failures > 0 {
            self.failures -= 1;
            return Err(StateFileError::DiskFull);
        }
        *self.disk.lock().unwrap() = self.memory.clone();
        Ok(())
    }
}

fn address(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

/// Batch `number`: a backend of its own, and one that all batches are about.
fn batch(number: u64) -> Vec<(IpAddr, Memory)> {
    vec![(address(0), number), (address(number as u8), number)]
}

fn all(numbers: u64) -> Remembered {
    (1..=numbers).flat_map(batch).collect()
}

/// However the writer takes the batches together, at its end the disk has all of them, and of a backend in
/// several of them the last.
pub fn the_last_state_is_on_disk() {
    choice::begin(TimeOuts::Never);
    let disk = Arc::new(Mutex::new(Remembered::new()));
    let writer = StateWriter::start(StateFile::on(&disk, 0)).unwrap();
    for number in 1..=4 {
        writer.write(number, batch(number));
    }
    writer.finish(LONG);
    assert_eq!(*disk.lock().unwrap(), all(4));
}

/// When a number is told as written, the disk has all batches up to it; numbers only grow, and the last
/// one comes. A command is sent on the strength of that.
pub fn what_is_told_is_on_disk() {
    choice::begin(TimeOuts::Never);
    let disk = Arc::new(Mutex::new(Remembered::new()));
    let writer = StateWriter::start(StateFile::on(&disk, 0)).unwrap();
    let mut last = 0;
    for number in 1..=3 {
        writer.write(number, batch(number));
        if choice::below(2) == 0 {
            last = told(&writer, &disk, last);
        }
    }
    while last < 3 {
        last = told(&writer, &disk, last);
    }
    assert!(writer.recorded().is_empty(), "nothing is told twice");
}

fn told(writer: &StateWriter, disk: &Mutex<Remembered>, last: u64) -> u64 {
    let recorded = writer.recorded().recv().expect("the thread runs");
    assert!(recorded.number > last, "{} after {last}", recorded.number);
    recorded.result.expect("the disk has room");
    let disk = disk.lock().unwrap();
    for number in 1..=recorded.number {
        assert_eq!(disk.get(&address(number as u8)), Some(&number));
    }
    assert!(disk[&address(0)] >= recorded.number);
    recorded.number
}

/// With a disk that is full for the first writes, each failure is told, and without any further batch all
/// comes to be on disk: the writer tries again by itself.
pub fn what_failed_is_tried_again() {
    choice::begin(TimeOuts::AtAnyMoment);
    let failures = 1 + choice::below(2);
    let disk = Arc::new(Mutex::new(Remembered::new()));
    let writer = StateWriter::start(StateFile::on(&disk, failures)).unwrap();
    writer.write(1, batch(1));
    writer.write(2, batch(2));
    let (mut refused, mut last) = (0, 0);
    loop {
        let recorded = writer.recorded().recv().expect("the thread runs");
        assert!(recorded.number >= last);
        last = recorded.number;
        match recorded.result {
            Err(_) => refused += 1,
            Ok(()) if last == 2 => break,
            Ok(()) => {}
        }
    }
    assert_eq!(refused, failures);
    assert_eq!(*disk.lock().unwrap(), all(2));
}

/// Where waits time out, `finish` is over at its time at the latest, whatever the disk does.
pub fn the_end_is_bounded() {
    choice::begin(TimeOuts::AtAnyMoment);
    let disk = Arc::new(Mutex::new(Remembered::new()));
    let writer = StateWriter::start(StateFile::on(&disk, choice::below(3))).unwrap();
    writer.write(1, batch(1));
    let began = Instant::now();
    writer.finish(LONG);
    // The writer's own pause before a further try may move the clock by 5 s meanwhile.
    assert!(began.elapsed() <= LONG + Duration::from_secs(5));
}
