//! Each day ends with more than an hour in which all is well.

use std::time::Duration;

use poolmon::config::settings::Restore;
use poolmon::monitor::policy::Alarm;

use super::terms::{acts, sees, settling, throughout};
use super::{breach, Judgement};
use crate::day::Day;
use crate::world::number_of;

/// The longest hold, after which even a backend that others took down again and again comes up.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// No alarm stands, nothing is owed, no command is left, and what is healthy is up: but for what somebody else
/// took down where only our own downs are undone.
pub fn when_all_is_well_again_nothing_is_left_to_do_or_to_say(day: &Day) -> Judgement {
    let mut cases = 0;
    let end = day.history.end;
    for (watcher, last) in &day.ends {
        let habits = match day.ours().find(|(ours, _)| ours == watcher) {
            Some((_, habits)) => habits,
            None => continue,
        };
        let well = end - LONGEST_HOLD - settling(habits, day);
        let all_pass = day
            .backends()
            .all(|backend| throughout(sees(day, *watcher, backend), well, end));
        if !all_pass || !throughout(&acts(day, *watcher), well, end) || !day.is_ours_alone() {
            continue;
        }
        cases += 1;
        let is_own = day
            .ours()
            .any(|(_, habits)| habits.rules.restore == Restore::Own);
        let may_stand =
            |alarm: &&Alarm| is_own && matches!(alarm, Alarm::NotOurs | Alarm::WithoutService(_));
        let alarms: Vec<&Alarm> = last
            .alarms
            .iter()
            .filter(|alarm| !may_stand(alarm))
            .collect();
        if !alarms.is_empty() {
            return breach(end, format!("w{watcher} ends with {alarms:?}"));
        }
        if !last.notices.is_empty() {
            return breach(end, format!("w{watcher} ends with {:?}", last.notices));
        }
        if !last.owed.is_empty() {
            return breach(end, format!("w{watcher} owes drains to {:?}", last.owed));
        }
        if !last.unsettled.is_empty() {
            return breach(end, format!("w{watcher} waits for {:?}", last.unsettled));
        }
        let taken_out =
            |address: &std::net::IpAddr| day.layout.entries[number_of(*address)].vhosts == 0;
        let down: Vec<_> = last.down.iter().filter(|one| !taken_out(one)).collect();
        if !is_own && !down.is_empty() {
            return breach(end, format!("w{watcher} leaves {down:?} down"));
        }
    }
    Ok(cases)
}
