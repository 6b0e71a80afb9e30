//! How many attempts are made at once: as many as there are descriptors for.
//!
//! An attempt that waits here has not begun, so its time-out does not run yet. It knows nothing of probes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Clone)]
pub(super) struct ProbeLimit(Arc<Shared>);

struct Shared {
    most: usize,
    /// Counted without the lock: nobody waits for it while there is room.
    inside: AtomicUsize,
    /// How many threads found no room and wait, or are about to look again.
    waiting: AtomicUsize,
    queue: Mutex<()>,
    left: Condvar,
}

/// Dropping it lets the next one in.
pub(super) struct Inside<'g>(&'g Shared);

impl ProbeLimit {
    /// For at least one at a time.
    pub(super) fn new(most: usize) -> ProbeLimit {
        ProbeLimit(Arc::new(Shared {
            most: most.max(1),
            inside: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            queue: Mutex::new(()),
            left: Condvar::new(),
        }))
    }

    pub(super) fn most(&self) -> usize {
        self.0.most
    }

    /// Waits until there is room.
    pub(super) fn enter(&self) -> Inside<'_> {
        if !self.0.try_enter() {
            self.0.wait_and_enter();
        }
        Inside(&self.0)
    }
}

impl Shared {
    fn try_enter(&self) -> bool {
        let one_more = |inside| (inside < self.most).then_some(inside + 1);
        self.inside
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
            .is_ok()
    }

    fn wait_and_enter(&self) {
        let mut queue = self.lock();
        // Before the next look: whoever leaves after it sees that somebody waits.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while !self.try_enter() {
            let woken = self.left.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// No code that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            // With the lock: who has looked in vain is asleep by now, and can be woken.
            let _queue = self.0.lock();
            self.0.left.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn never_more_than_the_most_are_inside_and_all_get_in() {
        let probe_limit = ProbeLimit::new(3);
        let (inside, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let done = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let _inside = probe_limit.enter();
                    let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                    peak.fetch_max(now, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(5));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(done.into_inner(), 20);
        assert!(peak.into_inner() <= 3);
        assert_eq!(probe_limit.0.inside.load(Ordering::SeqCst), 0);
        assert_eq!(probe_limit.0.waiting.load(Ordering::SeqCst), 0);
    }
}
