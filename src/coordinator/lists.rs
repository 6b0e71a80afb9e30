//! The standing connection: opens it, asks it for a reading, and takes in what the lists show.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crossbeam_channel::{never, Receiver};
use log::error;

use super::{Coordinator, Notice};
use crate::backend::HostState;
use crate::director::client;
use crate::director::watch::{Reading, Wanted, Watch};
use crate::director::wire::RingState;
use crate::hook::Change;
use crate::logging::always;
use crate::policy::{self, Changes, Sync};

/// Between two tries to open the connection.
const TRY_INTERVAL: Duration = Duration::from_secs(1);

/// A ring that is unsynced for longer than any hand-over takes.
const UNSYNCED_TOO_LONG: Duration = Duration::from_secs(60);

pub(super) struct Lists {
    watch: Option<Watch>,
    connections: u64,
    /// A reading has to be asked for.
    wanted: bool,
    /// When to open the connection, if there is none.
    due: Instant,
    unsynced_since: Option<Instant>,
    /// Receives nothing, while there is no connection.
    silence: Receiver<()>,
}

impl Lists {
    pub(super) fn new(now: Instant) -> Lists {
        Lists {
            watch: None,
            connections: 0,
            wanted: false,
            due: now,
            unsynced_since: None,
            silence: never(),
        }
    }

    /// When to wake up to open the connection.
    pub(super) fn next_try(&self) -> Option<Instant> {
        match self.watch {
            Some(_) => None,
            None => Some(self.due),
        }
    }

    pub(super) fn bell(&self) -> &Receiver<()> {
        self.watch.as_ref().map_or(&self.silence, Watch::bell)
    }
}

impl Coordinator {
    /// The settings name another socket: what is known of the director behind the one before does not
    /// count any more.
    pub(super) fn turn_to_other_socket(&mut self) {
        self.lists.watch = None;
        self.lists.due = Instant::now();
        self.lists.unsynced_since = None;
        self.fleet.on_sync(Sync::Silent);
    }

    /// Asks for the lists at once, for instance to see what a command came to.
    pub(super) fn want_lists(&mut self) {
        self.lists.wanted = true;
    }

    /// There is a connection, or one is opened when that is due; what is wanted is asked for, once
    /// for all that want it.
    pub(super) fn tend_watch(&mut self) {
        let wanted = std::mem::take(&mut self.lists.wanted);
        if let Some(watch) = &self.lists.watch {
            if wanted {
                watch.read_now();
            }
            return;
        }
        let now = Instant::now();
        if now < self.lists.due {
            return;
        }
        self.lists.due = now + TRY_INTERVAL;
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
        match reading {
            Ok(lists) => self.take_in(lists),
            Err(cause) => {
                self.lists.watch = None;
                self.on_silence(&cause.to_string());
            }
        }
        self.review_all();
        self.say_what_is_news();
    }

    /// It says why before it ends, so this is a defect of ours; a new one is opened all the same.
    pub(super) fn on_watch_ended(&mut self) {
        if self.lists.watch.take().is_some() {
            self.on_silence("director: the thread that reads its lists has died");
            self.review_all();
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

    fn on_silence(&mut self, cause: &str) {
        self.fleet.on_sync(Sync::Silent);
        self.lists.unsynced_since = None;
        self.service_manager.tell_status(cause.to_owned());
        if self.notices.raise(Notice::DirectorSilent, Instant::now()) {
            error!("{cause}; nothing can be told to the director, trying again every second");
        }
    }

    fn take_in(&mut self, lists: client::Lists) {
        if self.notices.lower(&Notice::DirectorSilent) {
            always!("the director answers again");
        }
        self.errands
            .on_list(self.lists.connections, lists.hosts.generation);
        self.note_malformed(&lists);
        self.on_ring(&lists.ring.state());
        self.fleet.on_turn_delay(policy::turn_delay(&lists.ring));
        let changes = self.fleet.on_list(lists.hosts.backends, lists.began);
        self.on_changes(&changes);
        self.note_tags_without_service();
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
                self.notices.lower(&Notice::MalformedLines);
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

    /// Also where two monitors, each with a refuge on the list it read, took the last two down.
    fn note_tags_without_service(&mut self) {
        let without = self.fleet.tags_without_service();
        let over: Vec<Notice> = self
            .notices
            .raised()
            .filter(
                |notice| matches!(notice, Notice::WithoutService(tag) if !without.contains(tag)),
            )
            .cloned()
            .collect();
        for notice in over {
            self.notices.lower(&notice);
            if let Notice::WithoutService(tag) = notice {
                always!("a backend of {tag} is up again");
            }
        }
        for tag in without {
            let notice = Notice::WithoutService(tag.clone());
            if self.notices.raise(notice, Instant::now()) {
                error!("no backend of {tag} is up: its users cannot log in");
            }
        }
    }

    fn on_ring(&mut self, state: &RingState) {
        let now = Instant::now();
        self.fleet.on_sync(match state {
            RingState::Synced => Sync::Synced,
            RingState::Handshaking | RingState::Syncing | RingState::Unknown(_) => Sync::Unsynced,
        });
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
        if *state == RingState::Synced {
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
        for (address, to) in &changes.observed {
            self.run_hook(*address, *to);
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
