//! Between the fleet and the ledger: what has to outlive the process is written before the director
//! hears of it, and read again when a backend joins.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use log::error;

use super::{Coordinator, Notice};
use crate::backend::Stamp;
use crate::config::settings::Deeds;
use crate::ledger::{Drain, Entry, OwnDown, Recorded, UnixSecond};
use crate::logging::always;
use crate::policy::{self, Memory};

/// How long a command waits for the ledger to be on disk, and the process's end for its last words.
pub(super) const DISK_PATIENCE: Duration = Duration::from_millis(700);

/// The wall clock's second, for comparison with the director's stamps.
pub(super) fn this_second() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Stamp(since.map_or(0, |since| since.as_secs()))
}

impl Coordinator {
    /// What the ledger holds of a backend that has just been listed.
    pub(super) fn recall(&mut self, address: IpAddr) {
        let entry = self.clerk.entry(address);
        self.fleet
            .on_remembered(address, memory(&entry), this_second(), Instant::now());
    }

    /// Has the ledger brought to what the fleet remembers of the listed backends; those that are not
    /// listed at present keep their entries. Nothing is written where nothing changed.
    pub(super) fn remember(&mut self) {
        if self.settings.deeds == Deeds::Told {
            return;
        }
        let members = self.fleet.members();
        let entries = members.map(|(address, member)| (address, entry(&member.memory())));
        self.clerk.record_all(entries);
    }

    /// A ledger that cannot be written is kept in memory; the monitor acts all the same.
    pub(super) fn on_recorded(&mut self, recorded: &Recorded) {
        self.clerk.on_recorded(recorded);
        match &recorded.result {
            Ok(()) => {
                if self.notices.lower(&Notice::LedgerUnwritable) {
                    always!("the state file can be written again");
                }
            }
            Err(cause) => {
                if self.notices.raise(Notice::LedgerUnwritable, Instant::now()) {
                    error!("{cause}; kept in memory, a restart may forget what is owed");
                }
            }
        }
        if self.clerk.is_done() && self.notices.lower(&Notice::LedgerSlow) {
            always!("the disk of the ledger answers again");
        }
    }

    /// Whether what was decided on has to wait until it is on disk: not for long, and not at all while
    /// the disk keeps everybody waiting. The monitor acts all the same.
    pub(super) fn waits_for_ledger(&mut self, since: Instant) -> bool {
        if self.clerk.is_done() {
            return false;
        }
        let now = Instant::now();
        let hangs = self.notices.is_raised(&Notice::LedgerSlow);
        if !hangs && now < since + DISK_PATIENCE {
            return true;
        }
        if self.notices.raise(Notice::LedgerSlow, now) {
            error!(
                "{}: its disk does not answer; kept in memory, a restart may forget what is owed",
                self.settings.files.state.display()
            );
        }
        false
    }
}

fn memory(entry: &Entry) -> Memory {
    Memory {
        down: entry.down.map(|down| policy::OwnDown {
            stamp_before: down.stamp_before,
            sent: Stamp(down.sent.0),
            vhosts: down.vhosts,
            stamp: down.stamp,
        }),
        drain_owed: entry.drain == Drain::Owed,
        drained: entry.drained,
        contests: entry.contests,
    }
}

fn entry(memory: &Memory) -> Entry {
    Entry {
        down: memory.down.map(|down| OwnDown {
            stamp_before: down.stamp_before,
            sent: UnixSecond(down.sent.0),
            vhosts: down.vhosts,
            stamp: down.stamp,
        }),
        drained: memory.drained,
        drain: match memory.drain_owed {
            true => Drain::Owed,
            false => Drain::NotOwed,
        },
        contests: memory.contests,
    }
}
