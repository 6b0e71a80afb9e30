//! The standing connection: reads both lists every second, and takes in what they show.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use log::{error, info};

use super::{Coordinator, Notice};
use crate::backend::HostState;
use crate::director::client::{self, DirectorError};
use crate::director::link::Reader;
use crate::director::wire::RingState;
use crate::hook::Change;
use crate::policy::{self, Changes, Sync};

/// A local call of a fraction of a millisecond: so that another's act, a new backend or a restarted
/// director is seen within a second, whatever the interval of the probes.
const READING_INTERVAL: Duration = Duration::from_secs(1);

/// A ring that is unsynced for longer than any hand-over takes.
const UNSYNCED_TOO_LONG: Duration = Duration::from_secs(60);

pub(super) struct Lists {
    reader: Option<Reader>,
    connections: u64,
    reading: bool,
    due: Instant,
    unsynced_since: Option<Instant>,
}

impl Lists {
    pub(super) fn new(now: Instant) -> Lists {
        Lists {
            reader: None,
            connections: 0,
            reading: false,
            due: now,
            unsynced_since: None,
        }
    }

    /// When to wake up for the next reading; one under way wakes by its answer, however long the
    /// director takes.
    pub(super) fn next_reading(&self, now: Instant) -> Instant {
        if self.reading {
            now + READING_INTERVAL
        } else {
            self.due
        }
    }
}

impl Coordinator {
    /// Asks for the lists at once, for instance to see what a command came to.
    pub(super) fn want_lists(&mut self) {
        self.lists.due = Instant::now();
    }

    pub(super) fn read_lists_when_due(&mut self) {
        let now = Instant::now();
        if self.lists.reading || now < self.lists.due {
            return;
        }
        self.lists.due = now + READING_INTERVAL;
        if self.lists.reader.is_none() {
            self.lists.connections += 1;
            let socket = self.settings.socket.clone();
            match Reader::open(socket, self.lists.connections, self.heard.0.clone()) {
                Ok(reader) => self.lists.reader = Some(reader),
                Err(cause) => {
                    if self.notices.raise(Notice::NoThread, now) {
                        error!("director: no thread to read its lists: {cause}");
                    }
                }
            }
        }
        if let Some(reader) = &self.lists.reader {
            reader.read();
            self.lists.reading = true;
        }
    }

    pub(super) fn on_lists(
        &mut self,
        connection: u64,
        result: Result<client::Lists, DirectorError>,
    ) {
        if self.lists.reader.as_ref().map(Reader::connection) != Some(connection) {
            return;
        }
        self.lists.reading = false;
        match result {
            Ok(lists) => self.take_in(lists),
            Err(error) => {
                self.lists.reader = None;
                self.on_silence(&error);
            }
        }
        self.review_all();
    }

    fn on_silence(&mut self, cause: &DirectorError) {
        self.fleet.on_sync(Sync::Silent);
        self.lists.unsynced_since = None;
        self.service_manager.tell_status(format!("{cause}"));
        if self.notices.raise(Notice::DirectorSilent, Instant::now()) {
            error!("{cause}; nothing can be told to the director, trying again every second");
        }
    }

    fn take_in(&mut self, lists: client::Lists) {
        if self.notices.lower(&Notice::DirectorSilent) {
            info!("the director answers again");
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
                info!("a backend of {tag} is up again");
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
                info!("the ring is synced again");
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
            info!("{address} is listed");
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
