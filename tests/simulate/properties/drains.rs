//! Users of a backend that is down and has failed are moved away, whoever took it down.

use poolmon::backend::HostState;

use super::recovery::has_refuge;
use super::terms::{acts, has_forgotten, listed, misses, settling, throughout};
use super::{breach, Judgement};
use crate::day::Day;
use crate::history::{By, What};
use crate::world::Disturbance;

pub fn every_owed_drain_is_done(day: &Day) -> Judgement {
    let mut cases = 0;
    for &(start, end) in &day.calms.0 {
        for backend in day.backends() {
            let changes = day.history.changes(backend);
            let before_end = changes
                .iter()
                .rev()
                .find(|(at, ..)| day.history.start + *at < end);
            let (down, watcher) = match before_end {
                Some((at, HostState::Down, By::Watcher(watcher))) => {
                    (day.history.start + *at, *watcher)
                }
                _ => continue,
            };
            let habits = match day.ours().find(|(ours, _)| *ours == watcher) {
                Some((_, habits)) => habits,
                None => continue,
            };
            let from = start.max(down) + settling(habits, day);
            let half = start + settling(habits, day) / 3;
            let director = day.layout.posts[watcher].director;
            let may = from < end
                && throughout(&acts(day, watcher), half, end)
                && throughout(
                    listed(day, director, backend, HostState::Down),
                    half.max(down),
                    end,
                )
                && !has_forgotten(day, watcher, down);
            cases += usize::from(may);
            if may && users_left(day, backend, down, end) {
                return breach(from, format!("w{watcher} left users on b{backend}"));
            }
        }
    }
    Ok(cases)
}

/// By any monitor of ours to which it has failed: who took it down may be gone, or an administrator.
pub fn nobody_is_left_on_a_backend_that_is_down_and_has_failed(day: &Day) -> Judgement {
    let mut cases = 0;
    for &(start, end) in &day.calms.0 {
        for (watcher, habits) in day.ours() {
            let from = start + settling(habits, day);
            let half = start + settling(habits, day) / 3;
            if from >= end || !throughout(&acts(day, watcher), half, end) {
                continue;
            }
            let director = day.layout.posts[watcher].director;
            for backend in day.backends() {
                let may = throughout(misses(day, watcher, backend), start, end)
                    && throughout(listed(day, director, backend, HostState::Down), half, end)
                    && has_refuge(day, watcher, backend, (start, half, end));
                let last = day.history.changes(backend).into_iter().rev();
                let mut downs = last
                    .filter(|(at, to, _)| *to == HostState::Down && day.history.start + *at < end);
                let down = downs.next().map(|(at, ..)| day.history.start + at);
                if let (true, Some(down)) = (may, down) {
                    cases += 1;
                    if users_left(day, backend, down, end) {
                        return breach(from, format!("w{watcher} leaves users on b{backend}"));
                    }
                }
            }
        }
    }
    Ok(cases)
}

/// Those whom an administrator moved there later do not count.
fn users_left(
    day: &Day,
    backend: usize,
    down: std::time::Instant,
    end: std::time::Instant,
) -> bool {
    let mut left = true;
    for record in &day.history.records {
        if record.at < down || record.at >= end {
            continue;
        }
        match record.what {
            What::Users {
                backend: b,
                left: 0,
            } if b == backend => left = false,
            What::Disturbed(Disturbance::UserMoved(b)) if b == backend => return false,
            _ => {}
        }
    }
    left
}
