//! Which commands carry out an act, and whose doing a change is that HAProxy shows.
//!
//! HAProxy does not stamp changes: it tells since when it has sent sessions to a server or has not, and that does
//! not move where its own check had the server down before. So a stamp is made here: the second in which a change
//! was seen, kept for as long as HAProxy shows no later one. Pure: it is driven by the engine.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::reading::{Aside, Watched};
use super::wire::{Answer, Process, Server, ServerName, Told};
use crate::backend::{HostState, Listed, Stamp};
use crate::pool::{Action, DrainMode, Effect, Order, Owner, PoolError, Reply};

/// HAProxy answers within a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);

/// By how many seconds two readings may differ in when the same change was made: both tell whole seconds.
const BLUR: u32 = 2;

/// The same by the wall clock, since an earlier run of this monitor: meanwhile clocks were set, and HAProxy stood still.
const BLUR_OF_CLOCKS: u32 = 30;

const OTHER_PROCESS: &str =
    "HAProxy was reloaded or started again and has forgotten what it was told: what this monitor \
     had taken down and has not seen recover is taken down again; sessions that its old process still has \
     cannot be ended from here, and end by themselves or with hard-stop-after";

const OTHER_PROCESS_REMEMBERS: &str =
    "HAProxy was reloaded or started again, and nothing that was down or held is up by that; \
     sessions that its old process still has cannot be ended from here, and end by themselves or with hard-stop-after";

/// One act on all servers of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The mail server; its servers in the watched proxies are looked up when it is sent.
    pub address: IpAddr,
    /// What each of its servers that are meant is told.
    pub told: Told,
    /// What is left to others of its servers.
    pub spared: Spared,
}

/// The servers of an address that somebody held out of service before we took it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spared {
    /// As far as they are known.
    pub names: Arc<[ServerName]>,
    /// Whether others may have been out of service, too.
    pub down_by: DownBy,
}

/// Who took the address down. Only if this run did, and HAProxy has not been restarted since, are all servers known that
/// were out of service before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownBy {
    /// In this process of HAProxy: all but the spared were in service.
    ThisRun,
    /// What the configuration disabled at first may have been so all the time.
    Earlier,
}

impl Change {
    /// As HAProxy's own words have it.
    pub fn name(&self) -> &'static str {
        match self.told {
            Told::Maint => "state maint",
            Told::ShutdownSessions => "shutdown sessions",
            Told::Ready => "state ready",
        }
    }

    /// What a list shows once it has been carried out.
    pub fn effect(&self) -> Effect {
        match self.told {
            Told::Maint => Effect::State(HostState::Down),
            Told::ShutdownSessions => Effect::UsersMoved,
            Told::Ready => Effect::State(HostState::Up),
        }
    }

    /// How long the answer may take.
    pub fn patience(&self) -> Duration {
        PATIENCE
    }

    /// The servers that are to be told, by what HAProxy shows at this moment. What somebody has set to drain, and what is
    /// spared, is never set ready; nor is what the configuration disabled, unless this run took it down.
    pub fn servers(&self, answer: &Answer, watched: &Watched) -> Vec<ServerName> {
        let is_meant = |server: &Server| match self.told {
            Told::Maint => server.admin.is_ready(),
            Told::ShutdownSessions => !server.admin.is_ready(),
            Told::Ready => server.admin.is_forced() && !self.spared.has(server),
        };
        let servers = watched.servers_of(answer, self.address).into_iter();
        let meant = servers.filter(|server| is_meant(server));
        meant.map(|server| server.name.clone()).collect()
    }
}

impl Spared {
    fn has(&self, server: &Server) -> bool {
        let may_be_configured = match self.down_by {
            DownBy::ThisRun => false,
            DownBy::Earlier => server.admin.was_disabled_at_first(),
        };
        may_be_configured || self.names.contains(&server.name)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.address)
    }
}

/// What is known of this HAProxy.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    process: Option<Process>,
    shown: BTreeMap<IpAddr, Shown>,
}

/// How an address was shown last.
#[derive(Clone, Debug)]
struct Shown {
    state: HostState,
    stamp: Stamp,
    /// The latest second of HAProxy's own time at which that change can have been made.
    changed: i64,
    /// Those that somebody held when it was last up.
    held: Arc<[ServerName]>,
    /// Those that somebody held when we took it down, until it is up again.
    spared: Option<Spared>,
}

impl Shown {
    /// As the same process shows it next, with the second of its last change by its own time: the latest second
    /// at which what is shown now can have been made, and whether it is another change than before.
    fn change(&self, state: HostState, told: i64, process: Process) -> (i64, bool) {
        let is_later = told > self.changed.saturating_add(i64::from(BLUR));
        let changed = match (state == self.state, is_later) {
            (true, true) => told,
            (true, false) => self.changed,
            (false, _) => told.max(process.own_second(Duration::ZERO)),
        };
        (changed, is_later)
    }

    /// Whether another process shows in service what was out of it, or what somebody held there.
    fn is_forgotten(&self, state: HostState, held_now: &Option<Arc<[ServerName]>>) -> bool {
        let is_held = |name: &ServerName| match held_now {
            Some(now) => now.contains(name),
            None => false,
        };
        match (self.state, state) {
            (HostState::Down, HostState::Up) => true,
            (HostState::Up, HostState::Up) => !self.held.iter().all(is_held),
            (_, HostState::Down) => false,
        }
    }

    /// The next `held` and `spared`, where somebody holds these now, if it is up.
    fn others(self, held_now: Option<Arc<[ServerName]>>) -> (Arc<[ServerName]>, Option<Spared>) {
        // Who of ours is still to be set ready is not somebody else's.
        let is_over = |spared: &Spared| match &held_now {
            Some(now) => now.iter().all(|name| spared.names.contains(name)),
            None => false,
        };
        let spared = self.spared.filter(|spared| !is_over(spared));
        let held = match (held_now, &spared) {
            (Some(now), None) => now,
            _ => self.held,
        };
        (held, spared)
    }
}

impl Ways {
    /// Gives each address the stamp of its last change. `remembered` is the stamp of a down that an earlier
    /// run of this monitor has written down. Returns what is worth a line of the log.
    pub fn on_reading(
        &mut self,
        members: &mut [Listed],
        aside: &Aside,
        second: Stamp,
        remembered: impl Fn(IpAddr) -> Option<Stamp>,
    ) -> Option<&'static str> {
        let has_restarted = self
            .process
            .map(|before| aside.process.is_other_than(before));
        self.process = Some(aside.process);
        let mut before = std::mem::take(&mut self.shown);
        let mut has_forgotten = false;
        for listed in members {
            let address = listed.address;
            let shown = before.remove(&address);
            let known = match &shown {
                Some(shown) => Some((shown.state, shown.stamp)),
                None => remembered(address).map(|stamp| (HostState::Down, stamp)),
            };
            let told = aside.changed.get(&address).copied().unwrap_or_default();
            let (changed, is_later) = match (&shown, has_restarted) {
                (Some(shown), Some(false)) => shown.change(listed.state, told, aside.process),
                (Some(_), _) => (told, is_later_by_clock(known, listed.changed, BLUR)),
                (None, _) => (
                    told,
                    is_later_by_clock(known, listed.changed, BLUR_OF_CLOCKS),
                ),
            };
            let is_forgotten = |stamp: Stamp| has_restarted.unwrap_or(aside.began >= stamp);
            listed.changed = stamp(known, listed, is_later, is_forgotten, second);
            let held_now = aside.held.get(&address).cloned();
            has_forgotten |= shown
                .as_ref()
                .map_or(false, |shown| shown.is_forgotten(listed.state, &held_now));
            let (held, mut spared) = match (shown, held_now, has_restarted) {
                // Up in another process: nothing that is out of service there is of our down.
                (Some(_), Some(held), Some(true)) => (held, None),
                (Some(shown), held_now, _) => shown.others(held_now),
                (None, held_now, _) => (held_now.unwrap_or_else(|| Arc::from([])), None),
            };
            if let (Some(true), Some(spared)) = (has_restarted, &mut spared) {
                spared.down_by = DownBy::Earlier;
            }
            let shown = Shown {
                state: listed.state,
                stamp: listed.changed,
                changed,
                held,
                spared,
            };
            self.shown.insert(address, shown);
        }
        match (has_restarted, has_forgotten) {
            (Some(true), true) => Some(OTHER_PROCESS),
            (Some(true), false) => Some(OTHER_PROCESS_REMEMBERS),
            (Some(false) | None, _) => None,
        }
    }

    /// What carries the order out. Users of what somebody else has taken out of service are left to them.
    pub fn change(&self, order: &Order) -> Option<Change> {
        let told = match (order.action, order.drain, order.owner) {
            (Action::MarkDown, ..) => Told::Maint,
            (Action::MarkUp, _, Owner::Us) => Told::Ready,
            (Action::Drain, DrainMode::Move { .. }, Owner::Us) => Told::ShutdownSessions,
            (Action::MarkUp | Action::Drain, ..) => return None,
        };
        let shown = self.shown.get(&order.address)?;
        let spared = shown.spared.clone().unwrap_or_else(|| Spared {
            names: Arc::clone(&shown.held),
            down_by: DownBy::Earlier,
        });
        Some(Change {
            address: order.address,
            told,
            spared,
        })
    }

    /// After a down, who was held before it is known for as long as it lasts.
    pub fn on_answer(&mut self, change: &Change, _: &Result<Reply, PoolError>) {
        if let (Told::Maint, Some(shown)) = (change.told, self.shown.get_mut(&change.address)) {
            // What is known of a down before it says more.
            shown.spared.get_or_insert_with(|| Spared {
                names: Arc::clone(&change.spared.names),
                down_by: DownBy::ThisRun,
            });
        }
    }
}

/// Whether this came after the change that is known, by the wall clock.
fn is_later_by_clock(known: Option<(HostState, Stamp)>, other: Stamp, blur: u32) -> bool {
    known.map_or(true, |(_, stamp)| {
        other.0 > stamp.0.saturating_add(u64::from(blur))
    })
}

/// When the state that is listed was made, as far as it can be told.
fn stamp(
    known: Option<(HostState, Stamp)>,
    listed: &Listed,
    is_later: bool,
    is_forgotten: impl Fn(Stamp) -> bool,
    second: Stamp,
) -> Stamp {
    let later = listed.changed;
    match (known, listed.state) {
        (None, _) => later,
        // HAProxy's own check moves what it tells of a server in service. That is nobody's act.
        (Some((HostState::Up, stamp)), HostState::Up) => stamp,
        (Some((HostState::Down, stamp)), HostState::Down) => match is_later {
            true => later,
            false => stamp,
        },
        // A process that began since knows of no command: as it would be, had nobody ever changed it.
        (Some((HostState::Down, stamp)), HostState::Up) if is_forgotten(stamp) => Stamp(0),
        (Some((_, stamp)), _) => later.max(second).max(stamp),
    }
}

#[cfg(test)]
mod tests;
