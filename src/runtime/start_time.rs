//! When the process started, by the wall clock as it is now.
//!
//! Somebody may set the clock while the process runs. Then the start is told by the new clock: by the old one it
//! could lie in the future, or years ago, until the process ends. No clock is read here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that is off by more has been set anew. Less is how long the process was kept from reading both clocks:
/// the start does not move with that, as metrics show a start that moves as a restart.
const SET_ANEW: Duration = Duration::from_secs(2);

pub(super) struct StartTime {
    instant: Instant,
    wall: SystemTime,
}

impl StartTime {
    pub(super) fn new(instant: Instant, wall: SystemTime) -> StartTime {
        StartTime { instant, wall }
    }

    /// The arguments are what both clocks show now.
    pub(super) fn by(&mut self, instant: Instant, wall: SystemTime) -> SystemTime {
        let runs = instant.saturating_duration_since(self.instant);
        let by_this_clock = wall.checked_sub(runs).unwrap_or(wall).max(UNIX_EPOCH);
        let apart = by_this_clock
            .duration_since(self.wall)
            .unwrap_or_else(|earlier| earlier.duration());
        if apart > SET_ANEW {
            self.wall = by_this_clock;
        }
        self.wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_told_by_the_clock_that_was_set_last_and_rests_otherwise() {
        let second = Duration::from_secs(1);
        let (began, wall) = (Instant::now(), UNIX_EPOCH + 1_800_000_000 * second);
        let mut start = StartTime::new(began, wall);
        // The clock is read a little later than the other, or was slowed down.
        for late in [Duration::ZERO, second, 2 * second] {
            assert_eq!(
                start.by(began + 10 * second, wall + 10 * second + late),
                wall
            );
        }
        // Three hours back, and again it rests.
        let back = wall - 10_800 * second;
        assert_eq!(start.by(began + 20 * second, back + 20 * second), back);
        assert_eq!(start.by(began + 30 * second, back + 31 * second), back);
        // Forward; and to a clock that shows less than the process has run.
        assert_eq!(start.by(began + 40 * second, wall + 40 * second), wall);
        let before_1970 = start.by(began + 50 * second, UNIX_EPOCH + 5 * second);
        assert_eq!(before_1970, UNIX_EPOCH);
    }
}
