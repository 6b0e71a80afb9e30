//! The moments at which waits end, the same for all workers.
//!
//! A process that wakes up for each of many probes by itself has cold caches each time, and so has the
//! process that answers: such a probe costs half as much again as one that follows another. So each wait is
//! extended to the next multiple of 20 ms, and waits that end at about the same time end together. It knows
//! nothing of what is waited for.

use std::time::{Duration, Instant};

/// Short beside any interval and any retry delay that makes sense, and beside what a person notices.
/// Of 250 backends with an interval of a second, five are probed at a time.
const PERIOD: Duration = Duration::from_millis(20);

/// The moment that the others are counted from.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimerSlack {
    start: Instant,
}

impl TimerSlack {
    pub(super) fn new(start: Instant) -> TimerSlack {
        TimerSlack { start }
    }

    /// So many periods of 20 ms after this time.
    pub(super) fn later(time: Instant, periods: u32) -> Instant {
        time + PERIOD * periods
    }

    /// The first moment that is not before this time.
    pub(super) fn from(self, time: Instant) -> Instant {
        let since = time.saturating_duration_since(self.start);
        let over = since.as_nanos() % PERIOD.as_nanos();
        match u64::try_from(over) {
            Ok(0) | Err(_) => time,
            Ok(over) => time + PERIOD - Duration::from_nanos(over),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_the_next_common_moment_and_never_early() {
        let start = Instant::now();
        let timer_slack = TimerSlack::new(start);
        let at = |microseconds| start + Duration::from_micros(microseconds);
        for (time, expected) in [
            (0, 0),
            (1, 20_000),
            (19_999, 20_000),
            (20_000, 20_000),
            (20_001, 40_000),
            (86_400_000_123, 86_400_020_000),
        ] {
            assert_eq!(timer_slack.from(at(time)), at(expected));
        }
        let later = TimerSlack::new(at(7));
        assert_eq!(later.from(at(3)), at(3), "before the first");
    }
}
