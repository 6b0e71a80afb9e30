//! Moments as a line says them: "since 00:19:45".
//!
//! The engine knows seconds since 1970 and how long ago something was. How that reads on this machine's
//! wall is told to it by whoever owns it (`Engine::show_moments_by`); until then it is in UTC.

use std::time::{Duration, Instant};

use super::Engine;
use crate::backend::Stamp;

/// How a moment reads, at a time that is the second argument: both are seconds since 1970.
pub type ShowMoment = fn(Stamp, Stamp) -> String;

/// In UTC, without the day.
pub(super) fn utc(moment: Stamp, _now: Stamp) -> String {
    let second = moment.0 % 86_400;
    format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

impl Engine {
    /// From now on lines show moments so.
    pub(crate) fn show_moments_by(&mut self, show: ShowMoment) {
        self.show_moment = show;
    }

    /// A moment of another machine's clock, or of ours.
    pub(super) fn moment(&self, moment: Stamp) -> String {
        (self.show_moment)(moment, self.now.second)
    }

    /// A moment that has been, or that will come, to the nearest second: that of the clock may be almost over or
    /// have just begun.
    pub(super) fn moment_of(&self, instant: Instant) -> String {
        let (now, second) = (self.now.instant, self.now.second.0);
        let whole = |span: Duration| (span + Duration::from_millis(500)).as_secs();
        let moment = match instant.checked_duration_since(now) {
            Some(ahead) => second.saturating_add(whole(ahead)),
            None => second.saturating_sub(whole(now.saturating_duration_since(instant))),
        };
        self.moment(Stamp(moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_in_utc_is_a_time_of_the_day() {
        for (second, expected) in [
            (0, "00:00:00"),
            (86_399, "23:59:59"),
            (1_800_000_000, "08:00:00"),
            (u64::MAX, "07:00:15"),
        ] {
            assert_eq!(utc(Stamp(second), Stamp(0)), expected);
        }
    }
}
