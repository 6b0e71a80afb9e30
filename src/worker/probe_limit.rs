//! How many attempts are made at once: as many as there are descriptors for.
//!
//! An attempt that waits here has not begun, so its time-out does not run yet. It knows nothing of probes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Clone)]
pub(super) struct ProbeLimit(Arc<Shared>);

struct Shared {
    most: usize,
    inside: Mutex<usize>,
    left: Condvar,
}

/// Dropping it lets the next one in.
pub(super) struct Inside<'g>(&'g Shared);

impl ProbeLimit {
    /// For at least one at a time.
    pub(super) fn new(most: usize) -> ProbeLimit {
        ProbeLimit(Arc::new(Shared {
            most: most.max(1),
            inside: Mutex::new(0),
            left: Condvar::new(),
        }))
    }

    pub(super) fn most(&self) -> usize {
        self.0.most
    }

    /// Waits until there is room.
    pub(super) fn enter(&self) -> Inside<'_> {
        let mut inside = self.0.lock();
        while *inside >= self.0.most {
            let woken = self.0.left.wait(inside);
            inside = woken.unwrap_or_else(PoisonError::into_inner);
        }
        *inside += 1;
        Inside(&self.0)
    }
}

impl Shared {
    /// No code that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
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
                    // Pause: inside for a while, so that others come meanwhile.
                    thread::sleep(Duration::from_millis(5));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(done.into_inner(), 20);
        assert!(peak.into_inner() <= 3);
        assert_eq!(*probe_limit.0.lock(), 0);
    }
}
