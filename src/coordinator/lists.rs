//! The standing connection: opens it, asks it for a reading, and takes in what the lists show. Where
//! it cannot be opened, or does not answer, failover is off, which is one alarm.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use chrono::Local;
use crossbeam_channel::{never, Receiver};
use log::{debug, error};

use super::{Coordinator, Notice};
use crate::backend::HostState;
use crate::config::settings::Deeds;
use crate::director::client;
use crate::director::error::{DirectorError, DirectorFault};
use crate::director::watch::{Reading, Wanted, Watch, LISTS_DEADLINE};
use crate::director::wire::{self, RingState};
use crate::hook::Change;
use crate::logging::always;
use crate::policy::{self, Changes, Sync};

/// Between two tries to open the connection.
const TRY_INTERVAL: Duration = Duration::from_secs(1);

/// A connection that has stood for so long and ends is opened again at once: most often the director
/// was restarted. One that ends sooner is a director that does not stay.
const LONG_STANDING: Duration = Duration::from_secs(10);

/// A reading a second is due; after so long without one its thread is asked for one.
const OVERDUE: Duration = Duration::from_secs(10);

/// How long it may take then, beyond the deadline of the reading that it may be at.
const OVERDUE_PATIENCE: Duration = Duration::from_secs(7);

/// How long the director has to answer before failover is said to be on again: one that comes and goes
/// is one alarm. What is decided is sent at once.
const BACK_FOR_GOOD: Duration = Duration::from_secs(10);

/// A ring that is unsynced for longer than any hand-over takes.
const UNSYNCED_TOO_LONG: Duration = Duration::from_secs(60);

pub(super) struct Lists {
    watch: Option<Watch>,
    connections: u64,
    /// A reading has to be asked for.
    wanted: bool,
    /// When to open the connection, if there is none.
    due: Instant,
    opened: Instant,
    /// When the last reading began, over whichever connection to this socket; before the first one,
    /// since when it is tried.
    heard: Instant,
    /// While failover is said to be off: since when it was, and since when the director answers again.
    off: Option<Off>,
    /// When the thread was asked for a reading because none had come for too long.
    overdue: Option<Instant>,
    /// Why the last connection ended, if nothing is amiss until the next one has been tried.
    ended: Option<DirectorError>,
    /// Commands that did not reach the director, in words. They are worth a line each only if the
    /// director can be reached otherwise.
    unsent: Vec<String>,
    unsynced_since: Option<Instant>,
    /// Whether the ring was synced when it was last listed, and since when.
    ring: Option<(Sync, Instant)>,
    /// A director before 2.2.16 does not.
    pub(super) tells_sync: bool,
    /// Receives nothing, while there is no connection.
    silence: Receiver<()>,
}

struct Off {
    since: Instant,
    back: Option<Instant>,
}

impl Lists {
    pub(super) fn new(now: Instant) -> Lists {
        Lists {
            watch: None,
            connections: 0,
            wanted: false,
            due: now,
            opened: now,
            heard: now,
            off: None,
            overdue: None,
            ended: None,
            unsent: Vec::new(),
            unsynced_since: None,
            ring: None,
            tells_sync: true,
            silence: never(),
        }
    }

    /// When to wake up to open the connection, or to see whether its thread still reads.
    pub(super) fn next_look(&self) -> Option<Instant> {
        Some(match (&self.watch, self.overdue) {
            (None, _) => self.due,
            (Some(_), None) => self.heard.max(self.opened) + OVERDUE,
            (Some(_), Some(asked)) => asked + LISTS_DEADLINE + OVERDUE_PATIENCE,
        })
    }

    /// Since when the director does not answer, or the ring is as it is.
    pub(super) fn since(&self, sync: Sync) -> Instant {
        match (sync, self.ring) {
            (Sync::Silent, _) | (_, None) => self.heard,
            (_, Some((_, since))) => since,
        }
    }

    pub(super) fn bell(&self) -> &Receiver<()> {
        self.watch.as_ref().map_or(&self.silence, Watch::bell)
    }

    /// Whether a connection that ends so is worth a try at once, before anybody is alarmed.
    fn is_to_be_opened_again(&self, cause: &DirectorError, now: Instant) -> bool {
        let has_stood = self.heard >= self.opened && now >= self.opened + LONG_STANDING;
        match cause.fault {
            DirectorFault::Gone | DirectorFault::Changed => true,
            DirectorFault::Closed | DirectorFault::CutList => has_stood,
            _ => false,
        }
    }

    fn open_again_at_once(&mut self, now: Instant) {
        self.watch = None;
        self.due = now;
    }
}

impl Coordinator {
    /// The settings name another socket: what is known of the director behind the one before does not
    /// count any more.
    pub(super) fn turn_to_other_socket(&mut self) {
        let now = Instant::now();
        self.lists = Lists {
            connections: self.lists.connections,
            ..Lists::new(now)
        };
        self.dry_run.forget();
        self.fleet.on_sync(Sync::Silent);
        // If the new one does not answer either, that is an alarm of its own.
        if self.notices.lower(&Notice::DirectorSilent) {
            always!(
                "director {} is no longer used",
                self.settings.socket.display()
            );
        }
    }

    /// Asks for the lists at once, for instance to see what a command came to.
    pub(super) fn want_lists(&mut self) {
        self.lists.wanted = true;
    }

    /// There is a connection, or one is opened when that is due; what is wanted is asked for, once
    /// for all that want it.
    pub(super) fn tend_watch(&mut self) {
        let wanted = std::mem::take(&mut self.lists.wanted);
        let now = Instant::now();
        let is_due = self.lists.next_look().map_or(false, |due| due <= now);
        if let Some(watch) = &self.lists.watch {
            if wanted || is_due {
                watch.read_now();
            }
            if is_due {
                self.on_overdue(now);
            }
            return;
        }
        if !is_due {
            return;
        }
        self.lists.due = now + TRY_INTERVAL;
        self.lists.opened = now;
        self.lists.overdue = None;
        self.lists.connections += 1;
        let socket = self.settings.socket.clone();
        match Watch::open(socket, self.lists.connections) {
            Ok(watch) => self.lists.watch = Some(watch),
            Err(cause) => {
                if self.notices.raise(Notice::NoThread, now) {
                    error!("director: no thread to read its lists: {cause}");
                }
            }
        }
    }

    /// Whatever woke the coordinator, what it knows of the lists is up to date.
    pub(super) fn take_readings(&mut self) {
        let readings = match &self.lists.watch {
            Some(watch) => watch.take(),
            None => return,
        };
        for reading in readings {
            self.on_reading(reading);
        }
    }

    fn on_reading(&mut self, reading: Reading) {
        let now = Instant::now();
        match reading {
            Ok(lists) => self.take_in(lists),
            Err(cause) if self.lists.is_to_be_opened_again(&cause, now) => {
                self.lists.open_again_at_once(now);
                self.lists.ended = Some(cause);
                self.fleet.on_sync(Sync::Silent);
            }
            Err(cause) => {
                self.lists.watch = None;
                self.on_silence(&cause.to_string(), &cause.advice());
            }
        }
        self.review_all();
        self.say_what_is_news();
    }

    /// It says why before it ends, so this is a defect of ours; a new one is opened all the same.
    pub(super) fn on_watch_ended(&mut self) {
        if self.lists.watch.take().is_some() {
            let cause = "the thread that reads the director's lists has died";
            self.on_silence(cause, "this is a defect of the monitor");
            self.review_all();
        }
    }

    /// The thread that reads the lists waits for no director longer than its deadline. But the kernel
    /// may keep it, where the socket's path is on a file system that hangs.
    fn on_overdue(&mut self, now: Instant) {
        if self.lists.overdue.replace(now).is_some() {
            let socket = self.settings.socket.display();
            let cause = format!("director {socket}: the thread that reads its lists hangs");
            self.on_silence(&cause, "does the file system of this path answer?");
            self.review_all();
        }
    }

    /// A command has not reached the director: no connection to it could be opened. If the lists
    /// cannot be read over a new one either, that is one alarm, and no line for each command.
    pub(super) fn on_unsent(&mut self, change: &wire::Change, cause: &DirectorError) {
        let address = change.address();
        let line = format!("{address}: {} was not sent: {cause}", change.name());
        if self.notices.is_raised(&Notice::DirectorSilent) {
            debug!("{line}");
        } else if let DirectorFault::Io(_) = cause.fault {
            // Such as a lack of descriptors: another connection would be no better.
            error!("{line}; trying again later");
        } else {
            self.lists.unsent.push(line);
            self.lists.open_again_at_once(Instant::now());
            self.fleet.on_sync(Sync::Silent);
        }
    }

    /// An unchanged list tells something only while something of ours is under way: a command
    /// or a debt to be settled, an action held back, a notice to be said again.
    fn say_what_is_news(&mut self) {
        let at_rest = self.holds.is_empty()
            && self.errands.are_none()
            && self.notices.raised().next().is_none()
            && self.fleet.is_at_rest();
        if let Some(watch) = &mut self.lists.watch {
            watch.report(match at_rest {
                true => Wanted::Changes,
                false => Wanted::All,
            });
        }
    }

    fn on_silence(&mut self, cause: &str, advice: &str) {
        self.fleet.on_sync(Sync::Silent);
        self.lists.unsynced_since = None;
        self.lists.ended = None;
        for line in self.lists.unsent.drain(..) {
            debug!("{line}");
        }
        let now = Instant::now();
        let silent = now.saturating_duration_since(self.lists.heard);
        let since =
            chrono::Duration::from_std(silent).map_or(Local::now(), |silent| Local::now() - silent);
        let since = since.format("%Y-%m-%d %H:%M:%S");
        let status = format!("failover is off since {since}: {cause}; {}", self.summary());
        self.service_manager.tell_status(status);
        let since_then = self.lists.heard;
        let off = self.lists.off.get_or_insert(Off {
            since: since_then,
            back: None,
        });
        off.back = None;
        if self.notices.raise(Notice::DirectorSilent, now) {
            error!(
                "failover is off since {since}: {cause}; no backend is taken down or brought up; \
                 {advice} (trying again every second)"
            );
        }
    }

    /// The director has answered, and what is told to it would reach it.
    fn on_heard(&mut self, began: Instant) {
        self.lists.heard = began;
        self.lists.overdue = None;
        if let Some(off) = &mut self.lists.off {
            if off.back.is_none() {
                self.fleet.on_director_back();
            }
            let back = *off.back.get_or_insert(began);
            if began >= back + BACK_FOR_GOOD {
                self.notices.lower(&Notice::DirectorSilent);
                let silent = back.saturating_duration_since(off.since);
                let steady = began.saturating_duration_since(back);
                always!(
                    "failover is on again: director {} has answered for {} s, after {} s in which it did \
                     not, or not steadily",
                    self.settings.socket.display(),
                    steady.as_secs(),
                    silent.as_secs()
                );
                self.lists.off = None;
            }
        } else if let Some(cause) = self.lists.ended.take() {
            always!("{cause}; connected again");
        }
        for line in std::mem::take(&mut self.lists.unsent) {
            error!("{line}; trying again later");
        }
    }

    fn take_in(&mut self, lists: client::Lists) {
        self.on_heard(lists.began);
        self.errands
            .on_list(self.lists.connections, lists.hosts.generation);
        self.note_malformed(&lists);
        self.on_ring(&lists.ring.state());
        self.fleet.on_turn_delay(policy::turn_delay(&lists.ring));
        let backends = match self.settings.deeds {
            Deeds::Done => lists.hosts.backends,
            Deeds::Told => self.dry_run.show(lists.hosts.backends),
        };
        let changes = self.fleet.on_list(backends, lists.began);
        self.on_changes(&changes);
        self.start_workers();
        self.remember();
        let summary = self.summary();
        self.service_manager.tell_status(summary);
    }

    fn run_hook(&mut self, address: IpAddr, to: HostState) {
        let hook = match &self.settings.hook {
            Some(hook) => hook,
            None => return,
        };
        if let Err(cause) = self.hooks.run(hook, Change { address, to }) {
            error!("{address}: no thread to run the script for its change: {cause}");
        }
    }

    fn note_malformed(&mut self, lists: &client::Lists) {
        let malformed = [&lists.hosts.malformed, &lists.ring.malformed];
        let first = match malformed.iter().find_map(|lines| lines.shown.first()) {
            Some(first) => first,
            None => {
                if self.notices.lower(&Notice::MalformedLines) {
                    always!("director: no line of its lists is malformed any more");
                }
                return;
            }
        };
        if self.notices.raise(Notice::MalformedLines, Instant::now()) {
            let count: usize = malformed.iter().map(|lines| lines.count).sum();
            error!(
                "director: {count} malformed lines in its lists are skipped, the first: {first}"
            );
        }
    }

    fn on_ring(&mut self, state: &RingState) {
        let now = Instant::now();
        let sync = match state {
            // A status that an old director does not tell holds nothing back.
            RingState::Synced | RingState::NotTold => Sync::Synced,
            RingState::Handshaking | RingState::Syncing | RingState::Unknown(_) => Sync::Unsynced,
        };
        self.lists.tells_sync = !matches!(state, RingState::NotTold);
        if self.lists.ring.map(|(before, _)| before) != Some(sync) {
            self.lists.ring = Some((sync, now));
        }
        self.fleet.on_sync(sync);
        match state {
            RingState::Unknown(text) => {
                if self.notices.raise(Notice::RingStatusUnknown, now) {
                    error!("director: unknown ring status {text} is taken for unsynced");
                }
            }
            _ => {
                self.notices.lower(&Notice::RingStatusUnknown);
            }
        }
        if matches!(state, RingState::Synced | RingState::NotTold) {
            self.lists.unsynced_since = None;
            if self.notices.lower(&Notice::RingUnsynced) {
                always!("the ring is synced again");
            }
            return;
        }
        let since = *self.lists.unsynced_since.get_or_insert(now);
        if now - since >= UNSYNCED_TOO_LONG && self.notices.raise(Notice::RingUnsynced, now) {
            error!(
                "the ring has not been synced for {} s: nothing is changed; see doveadm director ring status",
                (now - since).as_secs()
            );
        }
    }

    fn on_changes(&mut self, changes: &Changes) {
        for address in &changes.left {
            self.stop_worker(*address);
        }
        for address in &changes.joined {
            always!("{address} is listed");
            self.recall(*address);
        }
        for news in &changes.news {
            self.log_news(news);
        }
        if self.settings.deeds == Deeds::Done {
            for (address, to) in &changes.observed {
                self.run_hook(*address, *to);
            }
        }
        for address in &changes.unobserved {
            self.unobserved += 1;
            error!(
                "{address}: the director said OK, but its list shows another state ({} times so far)",
                self.unobserved
            );
        }
    }
}
