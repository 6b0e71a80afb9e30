//! What a check chooses for one run: whether waits time out, whether threads can be started.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use shuttle::rand::{thread_rng, Rng};

use crate::time;

static TIME_OUTS: AtomicBool = AtomicBool::new(true);
/// How many more threads can be started by a builder.
static THREADS_LEFT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// At the beginning of each run. All runs of a process are on one thread of the system's.
pub fn begin(time_outs: TimeOuts) {
    time::begin();
    TIME_OUTS.store(time_outs == TimeOuts::AtAnyMoment, Ordering::SeqCst);
    THREADS_LEFT.store(usize::MAX, Ordering::SeqCst);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeOuts {
    AtAnyMoment,
    /// Whoever is not woken waits for ever, which shuttle finds.
    Never,
}

/// From now on a builder can start so many threads, and no more.
pub fn limit_threads(most: usize) {
    THREADS_LEFT.store(most, Ordering::SeqCst);
}

pub(crate) fn waits_time_out() -> bool {
    TIME_OUTS.load(Ordering::SeqCst)
}

pub(crate) fn is_thread_refused() -> bool {
    let one_less = |left: usize| left.checked_sub(1);
    THREADS_LEFT
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
        .is_err()
}

/// By shuttle's own chance, so that a run can be repeated.
pub fn below(sides: usize) -> usize {
    thread_rng().gen_range(0..sides)
}
