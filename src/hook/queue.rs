//! Which change's script is run next: a few at a time, one a backend, in the order of the changes.
//!
//! Pure: it starts nothing.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::Change;

/// Scripts that run at once: where one hangs, the others still get on.
pub(super) const MOST_AT_ONCE: usize = 8;

/// Changes that wait. A whole site that goes down and comes up again is less.
pub(super) const MOST_WAITING: usize = 10_000;

/// Whether a change was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Some,
    None,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<(Arc<Path>, Change)>,
    running: BTreeSet<IpAddr>,
}

impl Queue {
    pub(super) fn on_change(&mut self, script: Arc<Path>, change: Change) -> Room {
        if self.waiting.len() >= MOST_WAITING {
            return Room::None;
        }
        self.waiting.push_back((script, change));
        Room::Some
    }

    /// The script to start now; it counts as running until `on_ended`.
    pub(super) fn next(&mut self) -> Option<(Arc<Path>, Change)> {
        if self.running.len() >= MOST_AT_ONCE {
            return None;
        }
        let is_free = |(_, change): &(_, Change)| !self.running.contains(&change.address);
        let place = self.waiting.iter().position(is_free)?;
        let (script, change) = self.waiting.remove(place)?;
        self.running.insert(change.address);
        Some((script, change))
    }

    pub(super) fn on_ended(&mut self, address: IpAddr) {
        self.running.remove(&address);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::HostState;

    fn change(number: u16, to: HostState) -> Change {
        let [high, low] = number.to_be_bytes();
        Change {
            address: [10, 0, high, low].into(),
            to,
        }
    }

    fn put(queue: &mut Queue, change: Change) -> Room {
        queue.on_change(Arc::from(Path::new("/script")), change)
    }

    fn next(queue: &mut Queue) -> Option<Change> {
        queue.next().map(|(_, change)| change)
    }

    #[test]
    fn one_backends_changes_follow_one_another_and_others_go_past() {
        let (down, up) = (HostState::Down, HostState::Up);
        let mut queue = Queue::default();
        for (number, to) in [(1, down), (1, up), (2, down), (1, down)] {
            assert_eq!(put(&mut queue, change(number, to)), Room::Some);
        }
        assert_eq!(next(&mut queue), Some(change(1, down)));
        assert_eq!(next(&mut queue), Some(change(2, down)));
        assert_eq!(next(&mut queue), None);
        queue.on_ended(change(1, down).address);
        assert_eq!(next(&mut queue), Some(change(1, up)));
        assert_eq!(next(&mut queue), None);
        queue.on_ended(change(1, up).address);
        assert_eq!(next(&mut queue), Some(change(1, down)));
        assert!(queue.is_empty());
    }

    #[test]
    fn only_so_many_run_at_once_and_only_so_many_wait() {
        let mut queue = Queue::default();
        let most = (MOST_AT_ONCE + MOST_WAITING) as u16;
        for number in 0..most {
            assert_eq!(put(&mut queue, change(number, HostState::Down)), Room::Some);
            let starts = next(&mut queue).is_some();
            assert_eq!(starts, usize::from(number) < MOST_AT_ONCE);
        }
        assert_eq!(put(&mut queue, change(most, HostState::Up)), Room::None);
        queue.on_ended(change(0, HostState::Down).address);
        let expected = change(MOST_AT_ONCE as u16, HostState::Down);
        assert_eq!(next(&mut queue), Some(expected));
        assert_eq!(put(&mut queue, change(most, HostState::Up)), Room::Some);
    }
}
