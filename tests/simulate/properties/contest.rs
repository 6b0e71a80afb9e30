//! Monitors that see a backend differently come to rest.

use std::time::Duration;

use super::service::without_up;
use super::terms::{acts, never, runs, slowest_settling, throughout, view, View};
use super::{breach, Judgement};
use crate::day::Day;
use crate::history::Times;

/// In a calm, a change each way in the first hold and at the end of each, which is twice as long as
/// the one before. Not where the tag is left without service: that comes before quiet.
pub fn a_contested_backend_changes_less_and_less(day: &Day) -> Judgement {
    if !day.is_ours_alone() {
        return Ok(());
    }
    for &(start, end) in &day.calms.0 {
        let from = start + slowest_settling(day);
        let all_act = from < end
            && day.watchers().all(|watcher| {
                never(&runs(day, watcher), start, end)
                    || throughout(&acts(day, watcher), start + slowest_settling(day) / 3, end)
            });
        if !all_act {
            continue;
        }
        for backend in day.backends() {
            if view(day, backend, start, end) != View::Contested
                || lacks_service(day, backend, start, end)
            {
                continue;
            }
            let changes = day.history.changes(backend);
            let changes = changes.iter().filter(|(at, ..)| {
                let at = day.history.start + *at;
                from <= at && at < end
            });
            let (count, most) = (changes.count(), most_changes(end - from));
            if count > most {
                return breach(
                    from,
                    format!("b{backend} changed {count} times, not {most}"),
                );
            }
        }
    }
    Ok(())
}

fn most_changes(time: Duration) -> usize {
    let mut hold = Duration::from_secs(60);
    let mut holds = 0;
    let mut passed = hold;
    while passed <= time {
        holds += 1;
        hold = (hold * 2).min(Duration::from_secs(3600));
        passed += hold;
    }
    3 + 2 * holds
}

fn lacks_service(
    day: &Day,
    backend: usize,
    start: std::time::Instant,
    end: std::time::Instant,
) -> bool {
    let calm = Times(vec![(start, end)]);
    (0..day.layout.skews.len()).any(|director| {
        let mut none = calm.clone();
        for other in day.backends() {
            if day.layout.entries[other].tag == day.layout.entries[backend].tag {
                none = none.and(&without_up(&day.history, director, other..other + 1));
            }
        }
        none.longest() > Duration::ZERO
    })
}
