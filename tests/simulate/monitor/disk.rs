//! What a monitor in virtual time writes to its disk and reads from it: state, settings, files for people.

use std::time::{Duration, Instant};

use poolmon::monitor::policy::Memory;
use poolmon::monitor::Input;

use super::{Disk, Monitor, Order};

/// How soon what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);

impl Monitor {
    pub fn on_disk(&mut self, disk: Disk, now: Instant) {
        self.disk = disk;
        self.on_disk_wakes(now);
    }

    pub fn on_disk_wakes(&mut self, now: Instant) {
        if self.disk != Disk::Hangs {
            self.write_state(now);
            self.read_settings(now);
            self.publish(now);
        }
    }

    /// Writes the files for people, or fails to, if they wait for that.
    pub(super) fn publish(&mut self, now: Instant) {
        let files = self.unpublished.take().unwrap_or_default();
        for (publication, path) in files.files() {
            let result = match self.disk {
                Disk::Full => Err("no room".to_owned()),
                Disk::Good | Disk::Late(_) | Disk::Hangs => Ok(()),
            };
            let input = Input::Published {
                publication,
                path: path.to_owned(),
                result,
            };
            self.tell(input, now);
        }
    }

    /// If that is wanted.
    pub(super) fn read_settings(&mut self, now: Instant) {
        if !std::mem::take(&mut self.is_to_read) {
            return;
        }
        let terms = match std::mem::take(&mut self.is_broken) {
            true => Err("the settings cannot be used".to_owned()),
            false => Ok(Box::new(self.terms.clone())),
        };
        self.tell(Input::Settings(terms), now);
    }

    /// Writes all that waits, or fails to.
    pub(super) fn write_state(&mut self, now: Instant) {
        let number = match self.unwritten.last() {
            Some((number, _)) => *number,
            None => return,
        };
        let result = match self.disk {
            Disk::Full => {
                self.orders.push(Order::WakeDisk(now + RETRY));
                Err("state file: no space left".to_owned())
            }
            Disk::Good | Disk::Late(_) | Disk::Hangs => {
                for (address, memory) in self.unwritten.drain(..).flat_map(|(_, sheet)| sheet) {
                    if memory == Memory::default() {
                        self.state_file.remove(&address);
                    } else {
                        self.state_file.insert(address, memory);
                    }
                }
                Ok(())
            }
        };
        self.tell(Input::StateWritten { number, result }, now);
    }
}
