//! From the engine's snapshot to the document: spans become times by the wall clock, enums become words.
//!
//! It decides nothing and leaves nothing out.

mod backend;
mod counters;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::backend::{Groups, HostState, Stamp};
use crate::config::settings::{self, Mode};
use crate::monitor::policy::{self, RuleAnswer as EngineAnswer, Sync};
use crate::monitor::snapshot::{
    self, BackendView, Buckets, Checks, DayView, DirectorView, DrainView, MonitorView, PollView,
    ReloadResult, ReplyKind, ServiceView, Snapshot, Standing, StateFileView, TagView, WantedView,
    WholeAttempt,
};
use crate::outcome::{self, Outcome};
use crate::pool::{ByHand, Words};
use crate::report::advice::{of_hold, Hands};

/// Who writes, as far as the engine does not know it.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) version: &'static str,
    pub(crate) pid: u32,
    /// The machine's name.
    pub(crate) name: String,
    pub(crate) started: SystemTime,
    /// Since `started`: runs of the change script that did not end well, and changes for which there was none.
    pub(crate) hook_failures: u64,
    /// Since `started`.
    pub(crate) log_lines_lost: u64,
}

/// `taken`: when the engine gave the snapshot.
pub(crate) fn document(snapshot: &Snapshot, of: &Writer, taken: SystemTime) -> Document {
    let clock = Clock { taken };
    Document {
        poolmon: monitor(&clock, &snapshot.monitor, snapshot.director.mode, of),
        director: director(&clock, &snapshot.director),
        tags: snapshot.tags.iter().map(tag).collect(),
        backends: snapshot
            .backends
            .iter()
            .map(|view| backend::backend(&clock, &snapshot.director, view))
            .collect(),
        alarms: snapshot
            .alarms
            .iter()
            .map(|alarm| Alarm {
                alarm: alarm.word.to_owned(),
                since: clock.ago(alarm.lasts),
                text: alarm.text.clone(),
            })
            .collect(),
        commands: snapshot
            .commands
            .iter()
            .map(|command| Command {
                at: clock.ago(command.ago),
                address: command.address,
                action: command.action.into(),
                command: command.command.to_string(),
                answer: command.answer.clone(),
                took: command.took.map(span),
            })
            .collect(),
        next: snapshot.next.map(|next| NextEvent {
            at: clock.ahead(next.due),
            address: next.address,
            event: match next.what {
                snapshot::NextEvent::Retry => Event::Retry,
                snapshot::NextEvent::Round => Event::Round,
                snapshot::NextEvent::HoldEnds => Event::HoldEnds,
            },
        }),
        is_part: false,
        counters: counters::counters(&snapshot.counters, of),
    }
}

/// The wall clock's time at which the snapshot was taken.
struct Clock {
    taken: SystemTime,
}

impl Clock {
    fn ago(&self, ago: Duration) -> Time {
        self.taken.checked_sub(ago).map_or(0.0, time)
    }

    fn ahead(&self, until: Duration) -> Time {
        self.taken.checked_add(until).map_or(0.0, time)
    }
}

/// Rounded to milliseconds.
fn time(time: SystemTime) -> Time {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs_f64() * 1e3).round() / 1e3
}

/// Rounded to microseconds.
fn span(time: Duration) -> Span {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

fn stamped(stamp: Stamp) -> Option<Time> {
    (stamp.0 > 0).then_some(stamp.0 as Time)
}

fn monitor(clock: &Clock, view: &MonitorView, mode: Mode, of: &Writer) -> Monitor {
    let (reloaded, result) = view.reload;
    Monitor {
        format: FORMAT,
        version: of.version.to_owned(),
        pid: of.pid,
        name: of.name.clone(),
        started: time(of.started),
        written: time(clock.taken),
        interval: span(view.interval),
        login_interval: span(view.login_interval),
        dry_run: match mode {
            Mode::Live => false,
            Mode::DryRun => true,
        },
        restore: match view.restore {
            settings::Restore::Any => Restore::Any,
            settings::Restore::Own => Restore::Own,
        },
        rise: view.rise,
        ended: view.has_ended,
        reload: Reload {
            at: clock.ago(reloaded),
            good: match result {
                ReloadResult::Good => true,
                ReloadResult::Refused => false,
            },
        },
    }
}

fn director(clock: &Clock, view: &DirectorView) -> Director {
    let kind = match view.words.by_hand {
        ByHand::Doveadm => PoolKind::Director,
        ByHand::StatsSocket => PoolKind::Haproxy,
    };
    Director {
        kind,
        socket: view.socket.clone(),
        up: view.sync != Sync::Silent,
        list_read: view.list.map(|ago| clock.ago(ago)),
        ring: match (kind, view.sync, view.tells_sync) {
            (PoolKind::Haproxy, ..) => Ring::None,
            (PoolKind::Director, Sync::Silent, _) => Ring::Unknown,
            (PoolKind::Director, Sync::Unsynced, _) => Ring::Unsynced,
            (PoolKind::Director, Sync::Synced, true) => Ring::Synced,
            (PoolKind::Director, Sync::Synced, false) => Ring::NotTold,
        },
        since: clock.ago(view.sync_for),
        position: view.place.position,
        members: view.place.members,
        error: view.error.as_deref().map(|error| {
            // The socket is a field of its own.
            let of_this_one = format!("{} {}: ", view.words.noun, view.socket);
            error
                .strip_prefix(&*of_this_one)
                .unwrap_or(error)
                .to_owned()
        }),
    }
}

fn tag(view: &TagView) -> Tag {
    Tag {
        tag: view.tag.name().to_owned(),
        backends: view.all,
        up: view.up,
        passing: view.healthy,
        refuges: view.refuges,
        vhosts_up: view.vhosts_up,
        vhosts: view.vhosts,
        users: view.users,
    }
}

#[cfg(test)]
mod tests;
