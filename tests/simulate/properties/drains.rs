//! Users of a backend that one of ours took down are moved away.

use poolmon::backend::HostState;

use super::terms::{acts, has_forgotten, listed, settling, throughout};
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
