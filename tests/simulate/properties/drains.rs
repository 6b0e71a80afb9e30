//! Users of a backend that is down and has failed are moved away, whoever took it down.

use std::time::Instant;

use poolmon::backend::HostState;
use poolmon::config::settings::DrainMode;

use super::recovery::has_refuge;
use super::terms::{acts, has_forgotten, listed, misses, settings_within, settling, throughout};
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
            if !day.is_ours(watcher) || !moves(day, watcher, down, end) {
                continue;
            }
            let settling = settling(day, watcher, (start, end));
            let from = start.max(down) + settling;
            let half = start + settling / 3;
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
        for watcher in day.ours() {
            let settling = settling(day, watcher, (start, end));
            let (from, half) = (start + settling, start + settling / 3);
            let acts = throughout(&acts(day, watcher), half, end);
            if from >= end || !acts || !moves(day, watcher, start, end) {
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

/// Whether the monitor was to move users all that time: what it owes is forgiven where it is not.
fn moves(day: &Day, watcher: usize, from: Instant, to: Instant) -> bool {
    settings_within(day, watcher, from, to).all(|habits| habits.rules.drain != DrainMode::Leave)
}

/// Those whom an administrator moved there later do not count.
fn users_left(day: &Day, backend: usize, down: Instant, end: Instant) -> bool {
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
