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

use super::reading::{Aside, Out, Servers, Watched};
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
    ready: Vec<ServerName>,
    /// Those that somebody held when it was last up.
    held: Arc<[ServerName]>,
    /// Those that this run has taken out of service, until they are in service again.
    ours: Option<Ours>,
}

#[derive(Clone, Debug)]
struct Ours {
    /// With the second of HAProxy's own time in which a reading first showed each as out. Who has been changed after that is
    /// somebody else's.
    names: BTreeMap<ServerName, Option<i64>>,
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

    /// Those of ours that are still out by our down, as a reading shows them that began at this time.
    fn still_ours(
        &self,
        state: HostState,
        now: &Servers,
        began: Instant,
        second: i64,
        news: Option<&NewProcess>,
    ) -> Option<Ours> {
        let mut ours = self.ours.clone()?;
        let is_too_early = state == HostState::Up && began < ours.since;
        ours.names.retain(|name, seen| {
            let out = now.out.iter().find(|out| out.name == *name);
            match (out, news) {
                _ if is_too_early => true,
                // If the address is down, no list has it any more.
                (None, _) => state == HostState::Down,
                (Some(out), Some(news)) => {
                    *seen = Some(second);
                    news.is_as_left(out, self.stamp)
                }
                (Some(out), None) => {
                    let latest = seen.get_or_insert(second).saturating_add(i64::from(BLUR));
                    out.changed <= latest
                }
            }
        });
        let is_over = state == HostState::Up && ours.names.is_empty();
        Some(ours).filter(|_| !is_over)
    }

    /// Whether what another process shows as out is so by the down that was known before.
    fn is_kept(&self, ours: &Option<Ours>, now: &Servers, news: &NewProcess) -> bool {
        let mut out = now.out.iter().filter(|out| !out.is_disabled).peekable();
        match &self.ours {
            Some(_) => is_out(ours, now),
            None => out.peek().is_some() && out.all(|out| news.is_as_left(out, self.stamp)),
        }
    }
}

/// What another process makes of what the one before was told: a server-state-file has kept it, with the ages of when
/// the file was saved. How long ago that was is told nowhere, so changes look younger than they are, and never older.
struct NewProcess {
    /// By the wall clock.
    began: Stamp,
    /// When the lists were last read before, in its own time.
    read_before: i64,
}

impl NewProcess {
    /// Whether a server is out as it was when a down with this stamp was last read. What the configuration has disabled
    /// may be so by that alone.
    fn is_as_left(&self, out: &Out, down: Stamp) -> bool {
        let blur = i64::from(BLUR);
        let is_unchanged = out.changed.saturating_add(blur) <= self.read_before;
        let began = i64::try_from(self.began.0).unwrap_or(i64::MAX);
        let down = i64::try_from(down.0).unwrap_or(i64::MAX);
        let is_of_down = began.saturating_add(out.changed) <= down.saturating_add(blur);
        !out.is_disabled && (is_unchanged || is_of_down)
    }
}

fn is_one_of(ours: &Option<Ours>, name: &ServerName) -> bool {
    ours.as_ref()
        .map_or(false, |ours| ours.names.contains_key(name))
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
        let own = aside.process.own_second(Duration::ZERO);
        let since_read = self.read.replace(began).map(|read| began - read);
        let news = has_restarted.filter(|has| *has).map(|_| NewProcess {
            began: aside.began,
            read_before: aside.process.own_second(since_read.unwrap_or_default()),
        });
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
            let ours = shown.as_ref().and_then(|before| {
                before.still_ours(listed.state, &now, began, own, news.as_ref())
            });
            let stays_down =
                |shown: &Shown| (shown.state, listed.state) == (HostState::Down, HostState::Down);
            let (changed, is_later) = match (&shown, &news) {
                // Others of the address may have been changed since.
                (Some(shown), None) if stays_down(shown) && is_out(&ours, &now) => {
                    (shown.changed, false)
                }
                (Some(shown), None) => shown.change(listed.state, told, aside.process),
                (Some(shown), Some(news)) => {
                    let is_kept = stays_down(shown) && shown.is_kept(&ours, &now, news);
                    let is_later = !is_kept && is_later_by_clock(known, listed.changed, BLUR);
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
            (Told::Maint, _) => Meant::These(shown.ready.as_slice().into()),
            // The configuration holds them all now.
            (Told::Ready, Some(ours)) if ours.names.is_empty() => return None,
            (_, Some(ours)) => Meant::These(ours.names.keys().cloned().collect()),
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
                names: BTreeMap::new(),
                since: now,
            });
            ours.since = now;
            ours.names
                .extend(names.iter().map(|name| (name.clone(), None)));
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
