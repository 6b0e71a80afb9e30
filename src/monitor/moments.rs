//! Moments as a line says them: "since 00:19:45".
//!
//! The engine knows seconds since 1970 and how long ago something was. How that reads on this machine's
//! wall is told to it by whoever owns it (`Engine::show_moments_by`); until then it is in UTC.

use std::time::{Duration, Instant};

use super::policy::Member;
use super::Engine;
use crate::backend::Stamp;

/// By how many seconds the clocks of a ring's machines may differ, and a stamp is believed all the same.
pub(super) const CLOCKS_DIFFER: u64 = 60;

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

    /// A moment that has been, or that will come.
    pub(super) fn moment_of(&self, instant: Instant) -> String {
        self.moment(self.second_of(instant))
    }

    /// To the nearest second: that of the clock may be almost over or have just begun.
    fn second_of(&self, instant: Instant) -> Stamp {
        let (now, second) = (self.now.instant, self.now.second.0);
        let whole = |span: Duration| (span + Duration::from_millis(500)).as_secs();
        Stamp(match instant.checked_duration_since(now) {
            Some(ahead) => second.saturating_add(whole(ahead)),
            None => second.saturating_sub(whole(now.saturating_duration_since(instant))),
        })
    }

    /// Since when it is listed as it is; 0 if that is not known. The list's stamp tells it, but for one that is later
    /// than the list which first showed it: a director whose clock was ahead once stamps so for as long as it was
    /// ahead, as stamps never sink. Then it is since that list.
    pub(super) fn listed_since(&self, member: &Member) -> Stamp {
        let listed = &member.listed;
        let record = self.records.of(listed.address);
        let shown = record.and_then(|record| record.changes.shown_since(listed.state));
        let shown = shown.map(|shown| self.second_of(shown));
        let latest = shown.unwrap_or(self.now.second).0;
        match listed.changed.0 > latest.saturating_add(CLOCKS_DIFFER) {
            true => shown.unwrap_or(Stamp(0)),
            false => listed.changed,
        }
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
