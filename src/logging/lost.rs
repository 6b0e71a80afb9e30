//! How many lines no target took since the start, over all targets and threads.

use std::sync::atomic::{AtomicUsize, Ordering};

static LOST: AtomicUsize = AtomicUsize::new(0);

pub(super) fn count() {
    LOST.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn lines_lost() -> u64 {
    LOST.load(Ordering::Relaxed) as u64
}
