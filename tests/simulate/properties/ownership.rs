//! With `--restore=own` what an administrator took down stays down.

use std::time::Duration;

use poolmon::backend::HostState;
use poolmon::config::settings::Restore;
use poolmon::monitor::policy::Action;

use super::terms::{settings_at, settings_when_sent};
use super::{breach, Judgement};
use crate::day::Day;
use crate::history::{By, What};
use crate::world::Disturbance;

/// For as long after a crash a down is taken for the one that the state file says was being sent.
const DOWN_MAY_LAST: Duration = Duration::from_secs(68);

/// Monitors of ours that sent a HOST-DOWN of their own in the same second, or within the skew of the
/// clocks, or had one under way, or crashed with one, cannot tell whose it was.
pub fn an_administrators_down_is_not_undone(day: &Day) -> Judgement {
    let mut cases = 0;
    for backend in day.backends() {
        let changes = day.history.changes(backend);
        let by_admin = |change: &&(Duration, HostState, By)| {
            (change.1, change.2) == (HostState::Down, By::Admin)
        };
        let is_own = |change: &&(Duration, HostState, By)| {
            let at = day.history.start + change.0;
            day.ours()
                .any(|watcher| settings_at(day, watcher, at).rules.restore == Restore::Own)
        };
        cases += changes.iter().filter(by_admin).filter(is_own).count();
        for pair in changes.windows(2) {
            let (down, up) = (&pair[0], &pair[1]);
            let watcher = match (down, up) {
                ((_, HostState::Down, By::Admin), (_, HostState::Up, By::Watcher(watcher))) => {
                    *watcher
                }
                _ => continue,
            };
            if !day.is_ours(watcher) {
                continue;
            }
            let at = day.history.start + up.0;
            let habits = settings_when_sent(day, watcher, backend, Action::MarkUp, at);
            let is_own = habits.rules.restore == Restore::Own;
            if is_own && !was_downing(day, watcher, backend, down.0) {
                return breach(at, format!("w{watcher} brought b{backend} up"));
            }
        }
    }
    Ok(cases)
}

pub(super) fn was_downing(day: &Day, watcher: usize, backend: usize, at: Duration) -> bool {
    let skew = *day.layout.skews.iter().max().unwrap_or(&Duration::ZERO) + Duration::from_secs(2);
    let crashed = |record: &&crate::history::Record| matches!(record.what, What::Disturbed(Disturbance::Watcher(w, _)) if w == watcher);
    for record in day.history.records.iter().filter(crashed) {
        let crash = record.at - day.history.start;
        if crash <= at && at <= crash + DOWN_MAY_LAST {
            return true;
        }
    }
    let mut since = None;
    for record in &day.history.records {
        let now = record.at - day.history.start;
        match &record.what {
            What::Sent {
                watcher: w,
                backend: b,
                action: Action::MarkDown,
                ..
            } if (*w, *b) == (watcher, backend) => {
                since = Some(now);
                if now <= at + skew && at <= now + skew {
                    return true;
                }
            }
            What::Answered {
                watcher: w,
                backend: b,
                action: Action::MarkDown,
                ..
            } if (*w, *b) == (watcher, backend) => {
                if let Some(sent) = since.take() {
                    if sent <= at + skew && at <= now + skew {
                        return true;
                    }
                }
            }
            _ => {}
        }
    }
    false
}
