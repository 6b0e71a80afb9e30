//! Between what the engine remembers and what the state file holds.

use std::net::IpAddr;

use crate::backend::Stamp;
use crate::ledger::{Clerk, Drain, Entry, OwnDown, UnixSecond};
use crate::monitor::policy::{self, Memory};
use crate::monitor::Remembered;

/// What the file held when the clerk was started.
pub(super) fn memories(clerk: &Clerk) -> Remembered {
    let entries = clerk.read().iter();
    entries
        .map(|(address, entry)| (*address, memory(entry)))
        .collect()
}

pub(super) fn entries(memories: Vec<(IpAddr, Memory)>) -> Vec<(IpAddr, Entry)> {
    let memories = memories.into_iter();
    memories
        .map(|(address, memory)| (address, entry(&memory)))
        .collect()
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
