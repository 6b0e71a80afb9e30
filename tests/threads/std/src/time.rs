//! A clock that stands still but for the waits that time out.

use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};

pub use std::time::*;

static NANOSECONDS: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

/// An hour after the earliest time that there is.
pub(crate) fn begin() {
    NANOSECONDS.store(3_600_000_000_000, Ordering::SeqCst);
}

pub(crate) fn advance_to(time: Instant) {
    NANOSECONDS.fetch_max(time.0.as_nanos() as u64, Ordering::SeqCst);
}

impl Instant {
    pub fn now() -> Instant {
        Instant(Duration::from_nanos(NANOSECONDS.load(Ordering::SeqCst)))
    }

    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, time: Duration) -> Instant {
        Instant(self.0 + time)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, time: Duration) -> Instant {
        Instant(self.0 - time)
    }
}
