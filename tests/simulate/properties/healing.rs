//! Each day ends with more than an hour in which all is well.

use std::time::Duration;

use poolmon::backend::{HostState, Tag};
use poolmon::config::settings::Restore;
use poolmon::monitor::policy::Alarm;
use poolmon::monitor::{AlarmView, DrainView, Standing, TagView};

use super::said::BEGINS_AND_ENDS;
use super::terms::{acts, sees, settings_at, settling, throughout};
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
        let well = end - LONGEST_HOLD - settling(day, *watcher, (end, end));
        let all_pass = day
            .backends()
            .all(|backend| throughout(sees(day, *watcher, backend), well, end));
        if !all_pass || !throughout(&acts(day, *watcher), well, end) || !day.is_ours_alone() {
            continue;
        }
        cases += 1;
        let is_own = !all_restore_any(day);
        let may_stand = |alarm: &&Alarm| match alarm {
            Alarm::NotOurs => is_own,
            Alarm::WithoutService(tag) => is_own || has_no_weight(day, tag),
            _ => false,
        };
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
        if !last.unwritten.is_empty() {
            let text = format!("w{watcher} has not written {:?}", last.unwritten);
            return breach(end, text);
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

/// Whether all backends of a tag have vhost count 0.
fn has_no_weight(day: &Day, tag: &Tag) -> bool {
    let mut of_tag = day.layout.entries.iter().filter(|entry| entry.tag == *tag);
    of_tag.all(|entry| entry.vhosts == 0)
}

fn all_restore_any(day: &Day) -> bool {
    let end = day.history.end;
    day.ours()
        .all(|watcher| settings_at(day, watcher, end).rules.restore == Restore::Any)
}

/// The same for whoever looks: every backend is up and healthy, nothing is held, owed or alarming.
pub fn when_all_is_well_again_it_is_shown_so(day: &Day) -> Judgement {
    let mut cases = 0;
    let end = day.history.end;
    for (watcher, last) in &day.ends {
        let well = end - LONGEST_HOLD - settling(day, *watcher, (end, end));
        let all_pass = day
            .backends()
            .all(|backend| throughout(sees(day, *watcher, backend), well, end));
        if !all_pass || !all_restore_any(day) || !throughout(&acts(day, *watcher), well, end) {
            continue;
        }
        if !day.is_ours_alone() {
            continue;
        }
        cases += 1;
        for view in &last.shown.backends {
            let address = view.listed.address;
            let is_taken_out = day.layout.entries[number_of(address)].vhosts == 0;
            let is_well = view.standing == Standing::Healthy
                && view.cause.is_empty()
                && view.hold.is_none()
                && view.wanted.is_none()
                && view.retry.is_none()
                && view.unchecked.is_empty()
                && view.drain != DrainView::Owed
                && (is_taken_out || view.listed.state == HostState::Up);
            if !is_well {
                return breach(end, format!("w{watcher} shows {view:?}"));
            }
        }
        let may_stand = |alarm: &&AlarmView| {
            let mut tags = day.layout.entries.iter().map(|entry| &entry.tag);
            alarm.word == "without_service" && tags.any(|tag| has_no_weight(day, tag))
        };
        let alarms: Vec<_> = last
            .shown
            .alarms
            .iter()
            .filter(|alarm| !may_stand(alarm))
            .collect();
        if !alarms.is_empty() {
            return breach(end, format!("w{watcher} shows {alarms:?}"));
        }
        let tags = &last.shown.tags;
        let are_whole = |tag: &TagView| tag.healthy == tag.all;
        if !tags.iter().all(are_whole) {
            return breach(end, format!("w{watcher} shows {tags:?}"));
        }
    }
    Ok(cases)
}

/// The last line about it says so.
pub fn whatever_was_said_to_be_amiss_is_said_to_be_over(day: &Day) -> Judgement {
    let mut cases = 0;
    for (watcher, last) in &day.ends {
        if !last.shown.alarms.is_empty() || !last.notices.is_empty() {
            continue;
        }
        for (begins, ends) in BEGINS_AND_ENDS {
            let is_end = |line: &String| ends.iter().any(|end| line.contains(end));
            let mut lines = last.said.iter().rev();
            let latest = lines.find(|line| line.contains(begins) || is_end(line));
            let line = match latest {
                Some(line) => line,
                None => continue,
            };
            cases += 1;
            if !is_end(line) {
                let text = format!("w{watcher} says nothing more after: {line}");
                return breach(day.history.end, text);
            }
        }
    }
    Ok(cases)
}
