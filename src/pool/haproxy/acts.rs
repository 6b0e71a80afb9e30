//! Which commands carry out an act, and whose doing a change is that HAProxy shows.
//!
//! HAProxy does not stamp changes: it tells since when it has sent sessions to a server or has not, and that does
//! not move where its own check had the server down before. So a stamp is made here: the second in which a change
//! was seen, kept for as long as HAProxy shows no later one. Pure: it is driven by the engine.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::reading::{Aside, Servers, Watched};
use super::wire::{Answer, Process, Server, ServerName, Told};
use crate::backend::{HostState, Listed, Stamp};
use crate::pool::{Action, DrainMode, Effect, Order, Owner, PoolError, Reply};

/// HAProxy answers within a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);

/// By how many seconds two readings may differ in when the same change was made: both tell whole seconds.
const BLUR: u32 = 2;

/// The same by the wall clock, since an earlier run of this monitor: meanwhile clocks were set, and HAProxy stood still.
const BLUR_OF_CLOCKS: u32 = 30;

/// So long the lists may not have been read before another process began, for what it then has from a file to be what
/// was read.
const UNREAD: Duration = Duration::from_secs(30);

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
    /// Of a down, those that were in service; of an up, those that it is meant for.
    pub meant: Meant,
}

/// Which servers of an address a down is undone for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meant {
    /// Those that this run has taken out of service.
    These(Arc<[ServerName]>),
    /// An earlier run took them out: all but those that somebody held when the address was last up, as far as that is
    /// known, and those that the configuration may have had disabled all the time.
    AllBut(Arc<[ServerName]>),
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

    /// The servers that are to be told, by what HAProxy shows at this moment. What somebody has set to drain is never set
    /// ready.
    pub fn servers(&self, answer: &Answer, watched: &Watched) -> Vec<ServerName> {
        let is_told = |server: &Server| match self.told {
            Told::Maint => server.admin.is_ready(),
            Told::ShutdownSessions => !server.admin.is_ready(),
            Told::Ready => server.admin.is_forced() && self.meant.has(server),
        };
        let servers = match (self.told, &self.meant) {
            // Also where they are watched no longer.
            (Told::Ready, Meant::These(_)) => {
                let servers = answer.servers.iter();
                servers.filter(|one| one.address == self.address).collect()
            }
            _ => watched.servers_of(answer, self.address),
        };
        let told = servers.into_iter().filter(|server| is_told(server));
        told.map(|server| server.name.clone()).collect()
    }
}

impl Meant {
    fn has(&self, server: &Server) -> bool {
        match self {
            Meant::These(names) => names.contains(&server.name),
            Meant::AllBut(held) => {
                !server.admin.was_disabled_at_first() && !held.contains(&server.name)
            }
        }
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
    /// When the latest reading began.
    read: Option<Instant>,
    shown: BTreeMap<IpAddr, Shown>,
}

/// How an address was shown last.
#[derive(Clone, Debug)]
struct Shown {
    state: HostState,
    stamp: Stamp,
    /// The latest second of HAProxy's own time at which that change can have been made.
    changed: i64,
    /// Those that were in service.
    ready: Arc<[ServerName]>,
    /// Those that somebody held when it was last up.
    held: Arc<[ServerName]>,
    /// Those that this run has taken out of service, until they are in service again.
    ours: Option<Ours>,
}

#[derive(Clone, Debug)]
struct Ours {
    names: Vec<ServerName>,
    /// When HAProxy last answered that they are out. What was read before says nothing of that.
    since: Instant,
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
    fn is_forgotten(&self, state: HostState, now: &Servers) -> bool {
        match (self.state, state) {
            (HostState::Down, HostState::Up) => true,
            (HostState::Up, HostState::Up) => !self.held.iter().all(|name| now.has_out(name)),
            (_, HostState::Down) => false,
        }
    }

    /// Those of ours that are still out by our down, in a reading of the same process or of another that began then.
    fn still_ours(
        &self,
        state: HostState,
        now: &Servers,
        began: Instant,
        is_other_process: bool,
    ) -> Option<Ours> {
        let mut ours = self.ours.clone()?;
        let out = |name: &ServerName| now.out.iter().find(|out| out.name == *name);
        if is_other_process {
            // It may have out of service what its configuration has disabled, and not what the one before was told.
            ours.names
                .retain(|name| out(name).map_or(true, |out| !out.is_disabled));
        } else if (self.state, state) == (HostState::Down, HostState::Down) {
            // What was changed after our down is somebody else's, also if it is out of service again.
            let latest = self.changed.saturating_add(i64::from(BLUR));
            ours.names
                .retain(|name| out(name).map_or(true, |out| out.changed <= latest));
        }
        if state == HostState::Up && began >= ours.since {
            ours.names.retain(|name| out(name).is_some());
        }
        Some(ours).filter(|ours| !ours.names.is_empty())
    }

    /// Whether another process has from a file what this one was told. How long ago the file was saved is told nowhere: by
    /// so much later its changes look.
    fn is_restored(&self, ours: &Option<Ours>, now: &Servers) -> bool {
        let mut out = now.out.iter();
        out.any(|out| {
            let is_ours = self.ours.is_none() || is_one_of(ours, &out.name);
            out.changed < 0 && !out.is_disabled && is_ours
        })
    }
}

fn is_one_of(ours: &Option<Ours>, name: &ServerName) -> bool {
    let mut names = ours.iter().flat_map(|ours| &ours.names);
    names.any(|one| one == name)
}

fn is_out(ours: &Option<Ours>, now: &Servers) -> bool {
    now.out.iter().any(|out| is_one_of(ours, &out.name))
}

impl Ways {
    /// Gives each address the stamp of its last change. `remembered` is the stamp of a down that an earlier
    /// run of this monitor has written down. HAProxy was asked at `began`. Returns what is worth a line of the log.
    pub fn on_reading(
        &mut self,
        members: &mut [Listed],
        aside: &Aside,
        began: Instant,
        second: Stamp,
        remembered: impl Fn(IpAddr) -> Option<Stamp>,
    ) -> Option<&'static str> {
        let has_restarted = self
            .process
            .map(|before| aside.process.is_other_than(before));
        self.process = Some(aside.process);
        let process_began = began.checked_sub(aside.process.uptime);
        let was_read = self.read.replace(began);
        // What somebody did before the process began would have been seen.
        let was_watched = match (was_read, process_began) {
            (Some(read), Some(process_began)) => process_began <= read + UNREAD,
            (None, _) | (_, None) => false,
        };
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
            let now = aside.servers.get(&address).cloned().unwrap_or_default();
            let is_other = has_restarted == Some(true);
            let ours = shown
                .as_ref()
                .and_then(|before| before.still_ours(listed.state, &now, began, is_other));
            let stays_down =
                |shown: &Shown| (shown.state, listed.state) == (HostState::Down, HostState::Down);
            let (changed, is_later) = match (&shown, has_restarted) {
                // Others of the address may have been changed since.
                (Some(shown), Some(false)) if stays_down(shown) && is_out(&ours, &now) => {
                    (shown.changed, false)
                }
                (Some(shown), Some(false)) => shown.change(listed.state, told, aside.process),
                (Some(shown), _) => {
                    let is_restored =
                        was_watched && stays_down(shown) && shown.is_restored(&ours, &now);
                    let is_later = !is_restored && is_later_by_clock(known, listed.changed, BLUR);
                    (told, is_later)
                }
                (None, _) => (
                    told,
                    is_later_by_clock(known, listed.changed, BLUR_OF_CLOCKS),
                ),
            };
            let is_theirs = is_later && shown.as_ref().map_or(false, stays_down);
            let ours = ours.filter(|_| !is_theirs);
            let is_forgotten = |stamp: Stamp| has_restarted.unwrap_or(aside.began >= stamp);
            listed.changed = stamp(known, listed, is_later, is_forgotten, second);
            has_forgotten |= shown
                .as_ref()
                .map_or(false, |shown| shown.is_forgotten(listed.state, &now));
            let held = match (listed.state, shown) {
                (HostState::Up, _) => {
                    let out = now.out.iter().map(|out| &out.name);
                    out.filter(|name| !is_one_of(&ours, name))
                        .cloned()
                        .collect()
                }
                (HostState::Down, Some(shown)) => shown.held,
                (HostState::Down, None) => Arc::from([]),
            };
            let shown = Shown {
                state: listed.state,
                stamp: listed.changed,
                changed,
                ready: now.ready,
                held,
                ours,
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
        let meant = match (told, &shown.ours) {
            (Told::Maint, _) => Meant::These(Arc::clone(&shown.ready)),
            (_, Some(ours)) => Meant::These(ours.names.as_slice().into()),
            (_, None) => Meant::AllBut(Arc::clone(&shown.held)),
        };
        Some(Change {
            address: order.address,
            told,
            meant,
        })
    }

    /// After a down that may have been done, which servers are out of service by it is known for as long as it lasts.
    pub fn on_answer(&mut self, change: &Change, answer: &Result<Reply, PoolError>, now: Instant) {
        let may_be_done = match answer {
            Ok(reply) => *reply == Reply::Ok,
            Err(cause) => cause.leaves_doubt(),
        };
        if !may_be_done {
            return;
        }
        let shown = self.shown.get_mut(&change.address);
        if let (Told::Maint, Meant::These(names), Some(shown)) = (change.told, &change.meant, shown)
        {
            // An earlier run's down that is made again tells nothing of who was in service.
            if names.is_empty() {
                return;
            }
            let ours = shown.ours.get_or_insert_with(|| Ours {
                names: Vec::new(),
                since: now,
            });
            ours.since = now;
            let new = names.iter().filter(|name| !ours.names.contains(name));
            let new: Vec<ServerName> = new.cloned().collect();
            ours.names.extend(new);
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
