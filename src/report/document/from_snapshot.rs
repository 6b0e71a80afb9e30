//! From the engine's snapshot to the document: spans that ended at the snapshot become times of the wall
//! clock, and what is between the two in words is put into them here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{
    Action, Alarm, Attempt, Backend, By, Command, Counters, Day, Director, Document, Drain,
    Monitor, Reload, Restore, Ring, Schedule, Span, State, Tag, Time, Verdict, FORMAT,
};
use crate::backend::{HostState, Stamp};
use crate::config::settings::{self, Deeds};
use crate::monitor::policy::Sync;
use crate::monitor::{BackendView, Checks, CommandView, DirectorView, PollView, Snapshot, TagView};
use crate::pool::Effect;

/// Who writes, as far as the engine does not know it.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) version: &'static str,
    pub(crate) pid: u32,
    /// The machine's name.
    pub(crate) name: String,
    pub(crate) started: SystemTime,
}

/// `taken`: when the engine gave the snapshot.
pub(crate) fn document(snapshot: &Snapshot, of: &Writer, taken: SystemTime) -> Document {
    let at = Clock { taken };
    let monitor = &snapshot.monitor;
    let (read, good) = monitor.read;
    Document {
        poolmon: Monitor {
            format: FORMAT,
            version: of.version.to_owned(),
            pid: of.pid,
            name: of.name.clone(),
            started: time(of.started),
            written: time(taken),
            interval: span(monitor.interval),
            dry_run: snapshot.director.deeds == Deeds::Told,
            restore: match monitor.restore {
                settings::Restore::Any => Restore::Any,
                settings::Restore::Own => Restore::Own,
            },
            reload: Reload {
                at: at.ago(read),
                good,
            },
            rise: monitor.rise,
            ended: monitor.has_ended,
        },
        director: director(&snapshot.director, at),
        tags: snapshot
            .tags
            .iter()
            .map(|tag| of_tag(tag, snapshot))
            .collect(),
        backends: snapshot
            .backends
            .iter()
            .map(|one| backend(one, at))
            .collect(),
        alarms: snapshot
            .alarms
            .iter()
            .map(|line| alarm(line, taken))
            .collect(),
        commands: snapshot
            .commands
            .iter()
            .map(|one| command(one, at))
            .collect(),
        next: None,
        counters: Counters::default(),
    }
}

/// The moment that all spans of a snapshot end or begin at.
#[derive(Clone, Copy)]
struct Clock {
    taken: SystemTime,
}

impl Clock {
    fn ago(self, ago: Duration) -> Time {
        self.taken.checked_sub(ago).map_or(0.0, time)
    }

    fn ahead(self, ahead: Duration) -> Time {
        self.taken.checked_add(ahead).map_or(0.0, time)
    }
}

/// Rounded to milliseconds.
fn time(time: SystemTime) -> Time {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs_f64() * 1e3).round() / 1e3
}

/// Rounded to microseconds.
fn span(span: Duration) -> Span {
    (span.as_secs_f64() * 1e6).round() / 1e6
}

fn stamp(stamp: Stamp) -> Option<Time> {
    (stamp != Stamp(0)).then(|| stamp.0 as Time)
}

fn state(state: HostState) -> State {
    match state {
        HostState::Up => State::Up,
        HostState::Down => State::Down,
    }
}

fn director(view: &DirectorView, at: Clock) -> Director {
    Director {
        socket: view.socket.clone(),
        up: view.sync != Sync::Silent,
        list_read: view.list.map(|age| at.ago(age)),
        ring: match view.sync {
            Sync::Silent => Ring::Unknown,
            Sync::Unsynced => Ring::Unsynced,
            Sync::Synced if view.tells_sync => Ring::Synced,
            Sync::Synced => Ring::NotTold,
        },
        since: at.ago(view.sync_for),
        position: None,
        members: None,
        error: None,
    }
}

fn of_tag(view: &TagView, snapshot: &Snapshot) -> Tag {
    let all = || snapshot.backends.iter().map(|backend| &backend.listed);
    let listed = || all().filter(|listed| listed.tag == view.tag);
    let up = || listed().filter(|listed| listed.state == HostState::Up);
    Tag {
        tag: view.tag.name().to_owned(),
        backends: view.all,
        up: view.up,
        passing: view.healthy,
        refuges: 0,
        vhosts_up: up().map(|listed| u64::from(listed.vhosts)).sum(),
        vhosts: listed().map(|listed| u64::from(listed.vhosts)).sum(),
        users: listed().map(|listed| listed.users).sum(),
    }
}

fn backend(view: &BackendView, at: Clock) -> Backend {
    let listed = &view.listed;
    let (verdict, cause, lasts) = match &view.verdict {
        _ if view.checks == Checks::LeftAlone => (Verdict::NotChecked, String::new(), None),
        None => (Verdict::Unknown, String::new(), None),
        Some((text, lasts)) => match text.strip_prefix("failed: ") {
            Some(cause) => (Verdict::Failed, cause.to_owned(), *lasts),
            None => (Verdict::Healthy, String::new(), *lasts),
        },
    };
    let (last, next) = match view.checks {
        Checks::Made { last, next } => (last, next),
        Checks::LeftAlone | Checks::NoThread => (None, None),
    };
    Backend {
        address: listed.address,
        name: None,
        tag: listed.tag.name().to_owned(),
        vhosts: listed.vhosts,
        users: listed.users,
        listed: state(listed.state),
        listed_since: stamp(listed.changed),
        by: match view.is_ours {
            true => By::Us,
            false => By::Unknown,
        },
        owned: view.is_ours,
        drain: match view.drain_owed {
            true => Drain::Owed,
            false => Drain::None,
        },
        verdict,
        verdict_since: lasts.map(|lasts| at.ago(lasts)),
        cause,
        schedule: Schedule {
            last: last.map(|ago| at.ago(ago)),
            next: next.map(|ahead| at.ahead(ahead)),
            retry: None,
        },
        wanted: None,
        services: Vec::new(),
        attempts: view.polls.iter().map(|poll| attempt(poll, at)).collect(),
        changes: Vec::new(),
        day: Day {
            from: time(at.taken),
            every: 1800.0,
            slots: Vec::new(),
        },
    }
}

fn attempt(poll: &PollView, at: Clock) -> Attempt {
    Attempt {
        at: at.ago(poll.ago),
        service: poll.service.clone(),
        result: poll.result.clone(),
        latency: span(poll.latency),
        stages: Vec::new(),
        delivery: poll.delivery.map(span),
    }
}

fn alarm(line: &str, taken: SystemTime) -> Alarm {
    Alarm {
        alarm: "alarm".to_owned(),
        since: time(taken),
        text: line.to_owned(),
    }
}

fn command(view: &CommandView, at: Clock) -> Command {
    Command {
        at: at.ago(view.ago),
        address: view.address,
        action: match view.command.effect() {
            Effect::State(HostState::Down) | Effect::Weight(0) => Action::Down,
            Effect::State(HostState::Up) | Effect::Weight(_) => Action::Up,
            Effect::UsersMoved | Effect::UsersForgotten => Action::Drain,
        },
        command: format!("{} {}", view.command.name(), view.address),
        answer: view.answer.clone(),
        took: None,
    }
}
