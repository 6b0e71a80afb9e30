//! Between the backends and the state file: what has to outlive the process is written before the director
//! hears of it, and read again when a backend joins.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Engine, Notice, Now, Output, Remembered};
use crate::backend::Stamp;
use crate::config::settings::Mode;
use crate::monitor::policy::Memory;

/// How long a command waits for the state file to be on disk, and how long the process waits at its end for the last
/// entries.
pub(crate) const DISK_PATIENCE: Duration = Duration::from_millis(700);

/// Said while nothing is written.
const ONLY_IN_MEMORY: &str =
    "the monitor goes on, but after a restart it would not know which backends it \
                              took down and whose users it still has to move";

/// What the state file holds, or will hold once all is written.
pub(super) struct Persistence {
    /// None of the memories is empty.
    remembered: Remembered,
    handed_over: u64,
    settled: u64,
}

impl Persistence {
    pub(super) fn new(remembered: Remembered) -> Persistence {
        Persistence {
            remembered,
            handed_over: 0,
            settled: 0,
        }
    }

    fn of(&self, address: IpAddr) -> Memory {
        self.remembered.get(&address).copied().unwrap_or_default()
    }

    /// The stamp of the down of ours that it holds, or else when that down was sent.
    pub(super) fn down_of(&self, address: IpAddr) -> Option<Stamp> {
        let down = self.of(address).down?;
        Some(down.stamp.unwrap_or(down.sent))
    }

    fn set(&mut self, address: IpAddr, memory: Memory) {
        if memory == Memory::default() {
            self.remembered.remove(&address);
        } else {
            self.remembered.insert(address, memory);
        }
    }

    /// Whether all that was handed over has been written, or could not be.
    fn is_done(&self) -> bool {
        self.settled == self.handed_over
    }
}

impl Engine {
    /// What the state file holds of a backend that has just been listed.
    pub(super) fn recall(&mut self, address: IpAddr) {
        let memory = self.persistence.of(address);
        let Now { instant, second } = self.now;
        self.backends
            .on_remembered(address, memory, second, instant);
    }

    /// Has the state file brought to what `Backends` remembers of the listed backends, and to what it will
    /// remember once the commands that were decided on are sent; backends that are not listed at present
    /// keep what is in it. Nothing is written where nothing changed.
    pub(super) fn remember(&mut self) {
        if self.settings.mode == Mode::DryRun {
            return;
        }
        let mut entries: Vec<(IpAddr, Memory)> = Vec::new();
        for (address, member) in self.backends.members() {
            let once_sent = self.memory_once_sent(address);
            let memory = once_sent.unwrap_or_else(|| member.memory());
            if memory != self.persistence.of(address) {
                entries.push((address, memory));
            }
        }
        if entries.is_empty() {
            return;
        }
        for (address, memory) in &entries {
            self.persistence.set(*address, *memory);
        }
        self.persistence.handed_over += 1;
        self.put(Output::WriteState {
            number: self.persistence.handed_over,
            entries,
        });
    }

    /// What cannot be written is kept in memory; the monitor acts all the same.
    pub(super) fn on_state_written(&mut self, number: u64, result: &Result<(), String>) {
        self.persistence.settled = self.persistence.settled.max(number);
        match result {
            Ok(()) => {
                if self.notices.lower(&Notice::StateFileUnwritable) {
                    self.always("the state file can be written again".to_owned());
                }
            }
            Err(cause) => {
                let line = format!("{cause}; {ONLY_IN_MEMORY}");
                self.raise(Notice::StateFileUnwritable, line);
            }
        }
        if self.persistence.is_done() && self.notices.lower(&Notice::StateFileSlow) {
            self.always("the disk of the state file answers again".to_owned());
        }
    }

    /// Whether what was decided on has to wait until it is on disk: not for long, and not at all while
    /// the disk keeps everybody waiting. The monitor acts all the same.
    pub(super) fn waits_for_state_file(&mut self, since: Instant) -> bool {
        if self.persistence.is_done() {
            return false;
        }
        let now = self.now.instant;
        let hangs = self.notices.is_raised(&Notice::StateFileSlow);
        if !hangs && now < since + DISK_PATIENCE {
            return true;
        }
        let line = format!(
            "{}: the disk of the state file does not answer; {ONLY_IN_MEMORY}",
            self.settings.files.state.display()
        );
        self.raise(Notice::StateFileSlow, line);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::policy::{Drain, OwnDown};

    #[test]
    fn a_down_of_ours_is_known_by_its_stamp_or_before_it_was_listed_by_when_it_was_sent() {
        let address: IpAddr = [192, 0, 2, 1].into();
        let down = |stamp| {
            let down = OwnDown {
                stamp_before: Stamp(5),
                sent: Stamp(20),
                vhosts: 100,
                stamp,
            };
            Some(down)
        };
        for (down, expected) in [
            (None, None),
            (down(None), Some(Stamp(20))),
            (down(Some(Stamp(21))), Some(Stamp(21))),
        ] {
            let memory = Memory {
                down,
                drain: Drain::Owed,
                ..Memory::default()
            };
            let persistence = Persistence::new(Remembered::from([(address, memory)]));
            assert_eq!(persistence.down_of(address), expected);
        }
        assert_eq!(Persistence::new(Remembered::new()).down_of(address), None);
    }
}
