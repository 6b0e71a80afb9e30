//! By which clock a monitor dates what it writes: its own wall clock, as it is at that moment, however that jumps.

use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, Datelike, Local, NaiveDateTime};

use super::history::{ClockSet, History, Status};
use super::judge::{clock, patience, Judgement};
use super::plan::MONITORS;
use super::terms::Terms;

/// A clock is set just after it was noted, and a second has begun before it is written down.
const SLACK: i64 = 1_500;

/// A line is read a tenth of a second after it was written, and written soon after it was dated.
fn age_of_a_line() -> u64 {
    patience(5)
}

/// The status file is written each second if there is something new, and read each second.
fn age_of_a_status() -> u64 {
    patience(15)
}

/// What the monitor's clock can have shown within so long before `at`, in milliseconds since 1970: from the first up
/// to the second.
fn shown(sets: &[ClockSet], at: u64, within: u64) -> impl Iterator<Item = (i64, i64)> + '_ {
    let from = at.saturating_sub(within);
    let ends = sets.iter().skip(1).map(|next| next.at).chain([u64::MAX]);
    sets.iter().zip(ends).filter_map(move |(set, end)| {
        // It was set at some moment after it was noted.
        let (first, last) = (from.max(set.at), at.min(end.saturating_add(500)));
        let wall = |at: u64| set.wall + (at - set.at) as i64 + set.ahead * 1000;
        (first <= last).then(|| (wall(first) - SLACK, wall(last) + SLACK))
    })
}

/// But for lines from around a time in which it was frozen, or in which its log took only parts of them.
pub fn log_lines_are_dated_by_the_monitors_clock(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        for (at, line) in &history.lines[monitor] {
            let from = at.saturating_sub(age_of_a_line());
            let is_torn = terms.blind[monitor].meets(from, at + 1);
            if is_torn || terms.frozen[monitor].meets(from, *at) {
                continue;
            }
            let mut shown = shown(&history.clocks[monitor], *at, age_of_a_line());
            cases += 1;
            if !shown.any(|(first, last)| is_dated_within(line, first, last)) {
                return Err(format!(
                    "{}: monitor {} writes at another time than its clock's: {line}",
                    clock(*at),
                    monitor + 1
                ));
            }
        }
    }
    Ok(cases)
}

/// The line begins with a local time without a year, such as `Nov  6 07:42:08`.
fn is_dated_within(line: &str, first: i64, last: i64) -> bool {
    let date = line.get(..15).unwrap_or_default();
    let local = |milliseconds: i64| {
        let since = Duration::from_millis(u64::try_from(milliseconds).ok()?);
        Some(DateTime::<Local>::from(UNIX_EPOCH + since).naive_local())
    };
    let (first, last) = match (local(first), local(last)) {
        (Some(first), Some(last)) => (first, last),
        _ => return false,
    };
    [first.year(), last.year()].into_iter().any(|year| {
        let dated = NaiveDateTime::parse_from_str(&format!("{year} {date}"), "%Y %b %e %H:%M:%S");
        dated.map_or(false, |dated| first <= dated && dated <= last)
    })
}

/// Every status file that was read, with its monitor and when.
fn statuses(history: &History) -> impl Iterator<Item = (usize, u64, &Status)> {
    let monitors = history.statuses.iter().enumerate();
    monitors.flat_map(|(monitor, statuses)| {
        let read = statuses.iter();
        read.filter_map(move |(at, status)| Some((monitor, *at, status.as_ref()?)))
    })
}

/// While the monitor ran and had room on its disk.
pub fn status_files_are_dated_by_the_monitors_clock(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for (monitor, at, status) in statuses(history) {
        let from = at.saturating_sub(age_of_a_status());
        if !terms.writes[monitor].covers(from, at) {
            continue;
        }
        cases += 1;
        let written = (status.written * 1000.0) as i64;
        let mut shown = shown(&history.clocks[monitor], at, age_of_a_status());
        if !shown.any(|(first, last)| first <= written && written <= last) {
            return Err(format!(
                "{}: monitor {} has written its status file at {} by its clock, which shows another time",
                clock(at),
                monitor + 1,
                status.written
            ));
        }
    }
    Ok(cases)
}

/// Nor may a clock that jumps make it so.
pub fn no_monitor_has_started_in_the_future(history: &History, _: &Terms) -> Judgement {
    let mut cases = 0;
    for (monitor, at, status) in statuses(history) {
        cases += 1;
        if status.started > status.written {
            return Err(format!(
                "{}: monitor {} writes at {} that it has started at {}",
                clock(at),
                monitor + 1,
                status.written,
                status.started
            ));
        }
    }
    Ok(cases)
}
