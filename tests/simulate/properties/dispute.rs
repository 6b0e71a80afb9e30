//! Monitors that see a backend differently come to rest.

use std::time::{Duration, Instant};

use poolmon::backend::HostState;
use poolmon::monitor::policy::Action;

use super::ownership::was_downing;
use super::terms::{
    acts, listed, misses, never, runs, sees, settings_at, settings_when_sent, slowest_settling,
    throughout, view, View,
};
use super::{breach, Judgement};
use crate::day::Day;
use crate::history::{By, Times, What};
use crate::world::Disturbance;

/// The first two downs within an hour are not held against a backend, and older ones are forgotten.
const FREE_WHEN_UNSTEADY: usize = 8;

/// In a calm, a change each way in the first hold and at the end of each, which is twice as long as
/// the one before. Not where the tag is left without service: that comes before quiet.
pub fn a_disputed_backend_changes_less_and_less(day: &Day) -> Judgement {
    let mut cases = 0;
    if !day.is_ours_alone() {
        return Ok(cases);
    }
    for &(start, end) in &day.calms.0 {
        let settling = slowest_settling(day, (start, end));
        let from = start + settling;
        let all_act = from < end
            && day.watchers().all(|watcher| {
                never(runs(day, watcher), start, end)
                    || throughout(&acts(day, watcher), start + settling / 3, end)
            });
        if !all_act {
            continue;
        }
        for backend in day.backends() {
            if view(day, backend, start, end) != View::Disputed
                || lacks_service(day, backend, start, end)
            {
                continue;
            }
            let free = match day
                .watchers()
                .any(|watcher| wavers(day, watcher, backend, start))
            {
                true => FREE_WHEN_UNSTEADY,
                false => 0,
            };
            let changes = day.history.changes(backend);
            let changes = changes.iter().filter(|(at, ..)| {
                let at = day.history.start + *at;
                from <= at && at < end
            });
            let holds = day.ours().map(|w| settings_at(day, w, from).rules.hold);
            let first = holds.min().unwrap_or_default();
            let (count, most) = (changes.count(), most_changes(end - from, first) + free);
            cases += 1;
            if count > most {
                return breach(
                    from,
                    format!("b{backend} changed {count} times, not {most}"),
                );
            }
        }
    }
    Ok(cases)
}

/// Neither passes nor fails for good.
fn wavers(day: &Day, watcher: usize, backend: usize, at: Instant) -> bool {
    !sees(day, watcher, backend).contains(at) && !misses(day, watcher, backend).contains(at)
}

/// With this hold at first.
fn most_changes(time: Duration, first: Duration) -> usize {
    let mut hold = first;
    let mut holds = 0;
    let mut passed = hold;
    while passed <= time {
        holds += 1;
        hold = (hold * 2).min(Duration::from_secs(3600));
        passed += hold;
    }
    3 + 2 * holds
}

/// Nor by a monitor that has been restarted since. Where the tag is without service one goes up at once.
pub fn an_administrators_down_is_held(day: &Day) -> Judgement {
    let mut cases = 0;
    let skew = day.layout.skews.iter().max().copied().unwrap_or_default();
    for backend in day.backends() {
        for pair in day.history.changes(backend).windows(2) {
            let (down, up, watcher) = match pair {
                [(down, HostState::Down, By::Admin), (up, HostState::Up, By::Watcher(watcher))] => {
                    (*down, *up, *watcher)
                }
                _ => continue,
            };
            if !day.is_ours(watcher) {
                continue;
            }
            let (from, to) = (day.history.start + down, day.history.start + up);
            if was_downing(day, watcher, backend, down) || lacks_service(day, backend, from, to) {
                continue;
            }
            cases += 1;
            let habits = settings_when_sent(day, watcher, backend, Action::MarkUp, to);
            // Stamps are whole seconds, and lists a second old.
            if up - down + skew + Duration::from_secs(3) < habits.rules.hold {
                return breach(to, format!("w{watcher} undid an administrator's down"));
            }
        }
    }
    Ok(cases)
}

/// Whether a director lists no backend of the tag as up for a moment: all are down, get no users by their vhost count,
/// or have left the list.
fn lacks_service(day: &Day, backend: usize, start: Instant, end: Instant) -> bool {
    let span = Times(vec![(start, end)]);
    (0..day.layout.skews.len()).any(|director| {
        let mut none = span.clone();
        for other in day.backends() {
            let entries = &day.layout.entries;
            if entries[other].tag == entries[backend].tag && entries[other].vhosts > 0 {
                none = none.and(&serves(day, director, other).complement(start, end));
            }
        }
        none.longest() > Duration::ZERO
    })
}

fn serves(day: &Day, director: usize, backend: usize) -> Times {
    let on_the_lists = day.history.times(true, |what| match what {
        What::Disturbed(Disturbance::Listed(b, listed)) if *b == backend => Some(*listed),
        _ => None,
    });
    listed(day, director, backend, HostState::Up).and(&on_the_lists)
}
