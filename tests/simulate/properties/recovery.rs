//! In a calm the lists come to what the monitors see, and stay so.

use std::time::{Duration, Instant};

use poolmon::backend::HostState;
use poolmon::config::settings::{Brake, Restore};

use super::terms::{
    acts, downs, has_forgotten, listed, longest_hold, misses, runs, sees, settings_at, settling,
    slowest_settling, synced, throughout, view, View,
};
use super::{breach, Judgement};
use crate::day::Day;
use crate::history::{By, What};
use crate::world::{Disturbance, Health};

pub fn a_backend_dead_to_all_goes_down(day: &Day) -> Judgement {
    let mut cases = 0;
    for &(start, end) in &day.calms.0 {
        for watcher in day.ours() {
            let settling = settling(day, watcher, (start, end));
            let from = start + settling;
            let habits = settings_at(day, watcher, start);
            let is_limited =
                habits.rules.brake != Brake::Refuge || habits.rules.down_delay_limit.is_some();
            if from >= end || is_limited {
                continue;
            }
            let director = day.layout.posts[watcher].director;
            let half = start + settling / 3;
            if !throughout(&acts(day, watcher), half, end) {
                continue;
            }
            for backend in day.backends() {
                if view(day, backend, start, end) != View::Dead {
                    continue;
                }
                let down = listed(day, director, backend, HostState::Down);
                if !has_refuge(day, watcher, backend, (start, half, end)) {
                    continue;
                }
                cases += 1;
                if !throughout(down, from, end) {
                    return breach(from, format!("w{watcher} leaves dead b{backend} up"));
                }
            }
        }
    }
    Ok(cases)
}

/// Whether another backend of the tag passes at the watcher from the first time on, and is up from the
/// second time on, both until the third.
pub fn has_refuge(
    day: &Day,
    watcher: usize,
    backend: usize,
    (start, half, end): (Instant, Instant, Instant),
) -> bool {
    let director = day.layout.posts[watcher].director;
    day.backends().any(|other| {
        let (one, two) = (&day.layout.entries[backend], &day.layout.entries[other]);
        other != backend
            && one.tag == two.tag
            && two.vhosts > 0
            && throughout(sees(day, watcher, other), start, end)
            && throughout(listed(day, director, other, HostState::Up), half, end)
    })
}

/// Another may take it down again, but not for long is it left there.
pub fn a_backend_that_somebody_sees_healthy_goes_up(day: &Day) -> Judgement {
    let mut cases = 0;
    for &(start, end) in &day.calms.0 {
        for backend in day.backends() {
            if view(day, backend, start, end) != View::Disputed {
                continue;
            }
            for watcher in day.ours() {
                let settling = settling(day, watcher, (start, end));
                let half = start + settling / 3;
                let may = settings_at(day, watcher, start).rules.restore == Restore::Any
                    && half < end
                    && throughout(&acts(day, watcher), half, end)
                    && throughout(sees(day, watcher, backend), start, end);
                let director = day.layout.posts[watcher].director;
                let down = listed(day, director, backend, HostState::Down);
                let longest = Duration::from_secs(3600) + settling;
                let calm = crate::history::Times(vec![(start, end)]);
                cases += usize::from(may && end - start > longest);
                if may && down.and(&calm).longest() > longest {
                    return breach(
                        end,
                        format!("b{backend} passes at w{watcher} and stays down"),
                    );
                }
            }
        }
    }
    Ok(cases)
}

pub fn a_backend_healthy_to_all_goes_up(day: &Day) -> Judgement {
    let mut cases = 0;
    for &(start, end) in &day.calms.0 {
        for watcher in day.ours() {
            let settling = settling(day, watcher, (start, end));
            let restore = settings_at(day, watcher, start).rules.restore;
            let half = start + settling / 3;
            if half >= end || !throughout(&acts(day, watcher), half, end) {
                continue;
            }
            let director = day.layout.posts[watcher].director;
            for backend in day.backends() {
                let from = start + settling + longest_hold(day, backend, start + settling);
                if from >= end
                    || view(day, backend, start, end) != View::Healthy
                    || !may_bring_up(day, watcher, backend, restore, from)
                {
                    continue;
                }
                cases += 1;
                let up = listed(day, director, backend, HostState::Up);
                if !throughout(up, from, end) {
                    return breach(from, format!("w{watcher} leaves healthy b{backend} down"));
                }
            }
        }
    }
    Ok(cases)
}

/// With `own`: if it was up, or the last down was its own, and neither it nor its director has
/// forgotten since. A ring may come back with an old down when the only one who knew better died.
fn may_bring_up(day: &Day, watcher: usize, backend: usize, restore: Restore, at: Instant) -> bool {
    if restore == Restore::Any {
        return true;
    }
    let changes = day.history.changes(backend);
    let before = at - day.history.start;
    match changes.iter().rev().find(|(changed, ..)| *changed < before) {
        Some((changed, state, by)) => {
            let forgotten = has_forgotten(day, watcher, day.history.start + *changed);
            let own = (*state, *by) == (HostState::Down, By::Watcher(watcher));
            (*state == HostState::Up || own) && !forgotten
        }
        None => true,
    }
}

/// Between two calms nothing happened but that one backend failed and recovered.
pub fn one_failure_costs_one_down_and_one_up(day: &Day) -> Judgement {
    let mut cases = 0;
    if !day.is_ours_alone() {
        return Ok(cases);
    }
    for calms in day.calms.0.windows(2) {
        let (before, after) = (calms[0], calms[1]);
        let storm: Vec<Disturbance> = disturbances(day, before.1, after.0);
        let backend = match storm[..] {
            [Disturbance::Backend(failed, _), Disturbance::Backend(recovered, Health::Healthy)]
                if failed == recovered =>
            {
                failed
            }
            _ => continue,
        };
        let from = before.0 + slowest_settling(day, (before.0, after.1));
        let is_reloaded = day
            .reloads
            .iter()
            .any(|at| (before.1..=after.0).contains(at));
        let undisturbed = from < before.1
            && !is_reloaded
            && day.watchers().all(|watcher| {
                throughout(&acts(day, watcher), from, after.1)
                    && day.backends().all(|other| {
                        other == backend || throughout(sees(day, watcher, other), from, after.1)
                    })
                    && throughout(sees(day, watcher, backend), from, before.1)
                    // Where a fault of the monitor's own machine, or one shared by all, hides the
                    // failure, that monitor disagrees, and brings it up once.
                    && throughout(misses(day, watcher, backend), before.1, after.0)
            });
        let hour = Duration::from_secs(3600);
        let steady = downs(day, backend)
            .iter()
            .all(|at| *at + hour < before.1 || *at >= before.1);
        if !undisturbed || !steady {
            continue;
        }
        let changes = changes_in_turn(day, backend, before.1, after.1);
        cases += usize::from(!changes.is_empty());
        if !changes.is_empty() && changes != [HostState::Down, HostState::Up] {
            return breach(before.1, format!("b{backend} went {changes:?}"));
        }
    }
    Ok(cases)
}

/// What two directors are told within the time that a change needs to go round counts once: neither
/// monitor can know of the other.
fn changes_in_turn(day: &Day, backend: usize, from: Instant, to: Instant) -> Vec<HostState> {
    let round = day.layout.hop * day.layout.skews.len() as u32 + Duration::from_millis(10);
    let mut in_turn: Vec<(Duration, HostState)> = Vec::new();
    for (at, state, _) in day.history.changes(backend) {
        let within = (from..to).contains(&(day.history.start + at));
        let again =
            matches!(in_turn.last(), Some((last, same)) if *same == state && at - *last <= round);
        if within && !again {
            in_turn.push((at, state));
        }
    }
    in_turn.into_iter().map(|(_, state)| state).collect()
}

fn disturbances(day: &Day, from: Instant, to: Instant) -> Vec<Disturbance> {
    let within = day
        .history
        .records
        .iter()
        .filter(|record| from <= record.at && record.at <= to);
    within
        .filter_map(|record| match record.what {
            What::Disturbed(disturbance) => Some(disturbance),
            _ => None,
        })
        .collect()
}

pub fn where_all_agree_all_is_quiet(day: &Day) -> Judgement {
    let mut cases = 0;
    for &(start, end) in &day.calms.0 {
        for backend in day.backends() {
            let others = || {
                day.backends().filter(|other| {
                    day.layout.entries[*other].tag == day.layout.entries[backend].tag
                })
            };
            // A refuge that is held is one only then.
            let until = start + slowest_settling(day, (start, end));
            let holds = others().map(|other| longest_hold(day, other, until));
            let from = until + holds.max().unwrap_or_default();
            let mut views = others().map(|other| view(day, other, start, end));
            if views.any(|view| view == View::Disputed) {
                continue;
            }
            let restarts = day.watchers().any(|watcher| {
                !super::terms::never(runs(day, watcher), start, end)
                    && !throughout(runs(day, watcher), start, end)
            });
            cases += usize::from(from < end && !restarts);
            let changed = downs(day, backend)
                .into_iter()
                .find(|at| from <= *at && *at < end);
            if let (Some(at), false) = (changed, restarts) {
                return breach(at, format!("b{backend} went down in a calm"));
            }
        }
    }
    Ok(cases)
}

/// Of the model rather than of the monitors: without it the other properties say little.
pub fn synced_directors_agree(day: &Day) -> Judgement {
    let mut cases = 0;
    for &(start, end) in &day.calms.0 {
        let from = end - Duration::from_secs(10);
        for backend in day.backends() {
            let changed =
                |what: &What| matches!(what, What::Changed { backend: b, .. } if *b == backend);
            // What was changed just before has still to reach the others.
            let lately = from - Duration::from_secs(1)..=end;
            let late = day
                .history
                .records
                .iter()
                .any(|record| lately.contains(&record.at) && changed(&record.what));
            if late {
                continue;
            }
            let states: Vec<bool> = (0..day.layout.skews.len())
                .filter(|director| throughout(synced(day, *director), from, end))
                .map(|director| {
                    throughout(listed(day, director, backend, HostState::Up), from, end)
                })
                .collect();
            cases += usize::from(states.len() > 1);
            if states.windows(2).any(|pair| pair[0] != pair[1])
                && end - start > Duration::from_secs(200)
            {
                return breach(end, format!("b{backend}: {states:?}"));
            }
        }
    }
    Ok(cases)
}
