//! The connection over which the lists are read: when it is to be opened and asked for a reading. Where it cannot be
//! opened, or does not answer, failover is off, which is one alarm. What a reading shows is `readings`' business.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::lines::CameToNothing;
use super::{Engine, Event, Notice, Output, Told};
use crate::monitor::policy::Sync;
use crate::pool::{Command, Loss, Place, PoolError, Reading, READING_DEADLINE};

/// Between two tries to open the connection.
const TRY_INTERVAL: Duration = Duration::from_secs(1);

/// A connection that ends after at least this time is opened again at once: most often the director was
/// restarted. One that ended sooner is opened again after `TRY_INTERVAL`, since the director may fail again.
const LONG_STANDING: Duration = Duration::from_secs(10);

/// A reading a second is due; after so long without one its thread is asked for one.
const OVERDUE: Duration = Duration::from_secs(10);

/// How long it may take then, beyond the deadline of the reading that it may be at.
const OVERDUE_PATIENCE: Duration = Duration::from_secs(7);

/// How long the director has to answer before failover is said to be on again: one that comes and goes
/// is one alarm. What is decided is sent at once.
const BACK_FOR_GOOD: Duration = Duration::from_secs(10);

/// For how long the lists cannot be read for another cause until that is said: a director that is being restarted
/// gives one after the other.
const OTHER_CAUSE_FOR_GOOD: Duration = Duration::from_secs(10);

/// What is known of the connection that the lists are read over.
pub(super) struct ListReading {
    is_open: bool,
    /// The number of the last connection.
    pub(super) connections: u64,
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
    ended: Option<PoolError>,
    /// Why the lists cannot be read, while they cannot be.
    pub(super) cause: Option<String>,
    /// Commands that did not reach the director, in words. They are worth a line each only if the
    /// director can be reached otherwise.
    unsent: Vec<(IpAddr, CameToNothing, String)>,
    pub(super) unsynced_since: Option<Instant>,
    /// When it was last said that the ring's clocks differ.
    pub(super) clocks_said: Option<Instant>,
    /// Whether the ring was synced when it was last listed, and since when.
    pub(super) ring: Option<(Sync, Instant)>,
    /// A director before 2.2.16 does not.
    pub(super) tells_sync: bool,
    pub(super) place: Place,
    /// How many lines of the last list could not be read, each of which may be a backend.
    pub(super) unread: usize,
}

struct Off {
    since: Instant,
    back: Option<Instant>,
    /// The cause that was said last.
    said: String,
    /// Another one, and since when it is that.
    other: Option<(String, Instant)>,
}

impl Off {
    /// Whether the cause is another one than was said, and has been for long enough.
    fn is_for_good(&mut self, cause: &str, now: Instant) -> bool {
        if self.said == cause {
            self.other = None;
            return false;
        }
        match &self.other {
            Some((other, since)) if other == cause => now >= *since + OTHER_CAUSE_FOR_GOOD,
            _ => {
                self.other = Some((cause.to_owned(), now));
                false
            }
        }
    }
}

impl ListReading {
    /// Failover is said to be off, and is on again: what is decided is sent.
    pub(super) fn answers_again(&self) -> bool {
        self.off.as_ref().map_or(false, |off| off.back.is_some())
    }

    pub(super) fn new(now: Instant) -> ListReading {
        ListReading {
            is_open: false,
            connections: 0,
            wanted: false,
            due: now,
            opened: now,
            heard: now,
            off: None,
            overdue: None,
            ended: None,
            cause: None,
            place: Place::default(),
            unread: 0,
            unsent: Vec::new(),
            unsynced_since: None,
            clocks_said: None,
            ring: None,
            tells_sync: true,
        }
    }

    /// When to wake up to open the connection, or to see whether its thread still reads.
    pub(super) fn next_look(&self) -> Instant {
        match (self.is_open, self.overdue) {
            (false, _) => self.due,
            (true, None) => self.heard.max(self.opened) + OVERDUE,
            (true, Some(asked)) => asked + READING_DEADLINE + OVERDUE_PATIENCE,
        }
    }

    /// Since when the director does not answer, or the ring is as it is.
    pub(super) fn since(&self, sync: Sync) -> Instant {
        match (sync, self.ring) {
            (Sync::Silent, _) | (_, None) => self.heard,
            (_, Some((_, since))) => since,
        }
    }

    /// Whether a connection that ends so is worth a try at once, before anybody is alarmed.
    fn is_to_be_opened_again(&self, cause: &PoolError, now: Instant) -> bool {
        let has_stood = self.heard >= self.opened && now >= self.opened + LONG_STANDING;
        match cause.loss {
            Loss::Moved => true,
            Loss::Closed => has_stood,
            Loss::Local | Loss::Other => false,
        }
    }
}

impl Engine {
    /// The settings name another socket: what is known of the director behind the one before does not
    /// count any more.
    pub(super) fn turn_to_other_socket(&mut self) {
        self.close_lists();
        self.lists = ListReading {
            connections: self.lists.connections,
            ..ListReading::new(self.now.instant)
        };
        self.backends.on_sync(Sync::Silent);
        // If the new one does not answer either, that is an alarm of its own.
        if self.notices.lower(&Notice::DirectorSilent) {
            let access = self.settings.access();
            self.always(format!("{access} is no longer used"));
        }
    }

    fn close_lists(&mut self) {
        if std::mem::take(&mut self.lists.is_open) {
            self.put(Output::CloseLists);
        }
    }

    fn open_lists_again_at_once(&mut self) {
        self.close_lists();
        self.lists.due = self.now.instant;
    }

    /// Asks for the lists at once, for instance to see what a command came to.
    pub(super) fn want_lists(&mut self) {
        self.lists.wanted = true;
    }

    /// There is a connection, or one is opened when that is due; what is wanted is asked for, once
    /// for all that want it.
    pub(super) fn tend_lists(&mut self) {
        let wanted = std::mem::take(&mut self.lists.wanted);
        let now = self.now.instant;
        let is_due = self.lists.next_look() <= now;
        if self.lists.is_open {
            if wanted || is_due {
                self.put(Output::ReadLists);
            }
            if is_due {
                self.on_overdue();
            }
        } else if is_due {
            self.lists.due = now + TRY_INTERVAL;
            self.lists.opened = now;
            self.lists.overdue = None;
            self.lists.connections += 1;
            self.lists.is_open = true;
            self.put(Output::OpenLists {
                connection: self.lists.connections,
                access: self.settings.access(),
            });
        }
    }

    fn is_of_lists(&self, connection: u64) -> bool {
        self.lists.is_open && self.lists.connections == connection
    }

    pub(super) fn on_reading(&mut self, connection: u64, reading: Result<Reading, PoolError>) {
        if !self.is_of_lists(connection) {
            return;
        }
        match reading {
            Ok(reading) => self.take_in(reading),
            Err(cause) if self.lists.is_to_be_opened_again(&cause, self.now.instant) => {
                self.open_lists_again_at_once();
                self.lists.ended = Some(cause);
                self.backends.on_sync(Sync::Silent);
            }
            Err(cause) => {
                self.close_lists();
                self.on_silence(&cause.to_string(), &cause.advice);
            }
        }
        self.review_all();
    }

    pub(super) fn on_lists_not_opened(&mut self, connection: u64, cause: &str) {
        if self.is_of_lists(connection) {
            self.lists.is_open = false;
            self.lists.ended = None;
            let noun = self.settings.access().noun();
            let line = format!(
                "no thread can be started to read the {noun}'s lists: {cause}; nothing is changed meanwhile; \
                 see the limits of processes, tasks and memory (ulimit -u, TasksMax=, ulimit -v)"
            );
            self.lists.cause = Some(format!(
                "no thread can be started to read its lists: {cause}"
            ));
            self.raise(Notice::NoThread, line);
        }
    }

    /// It says why before it ends, so this is a defect of ours; a new one is opened all the same.
    pub(super) fn on_lists_ended(&mut self, connection: u64) {
        if self.is_of_lists(connection) {
            self.close_lists();
            let noun = self.settings.access().noun();
            let cause = format!("the thread that reads the {noun}'s lists has died");
            self.on_silence(&cause, "this is a defect of this program: please report it");
            self.review_all();
        }
    }

    /// The thread that reads the lists waits for no director longer than its deadline. But the kernel
    /// may keep it, where the socket's path is on a file system that hangs.
    fn on_overdue(&mut self) {
        if self.lists.overdue.replace(self.now.instant).is_some() {
            let access = self.settings.access();
            let cause = format!("{access}: the thread that reads its lists hangs");
            self.on_silence(&cause, "does the file system of this path answer?");
            self.review_all();
        }
    }

    /// A command has not reached the director: no connection to it could be opened. If the lists
    /// cannot be read over a new one either, that is one alarm, and no line for each command.
    pub(super) fn on_unsent(&mut self, command: &Command, cause: &PoolError) {
        let address = command.address();
        let line = format!("{address}: {} was not sent: {cause}", command.name());
        let how = CameToNothing::by_loss(command, cause);
        if self.notices.is_raised(&Notice::DirectorSilent) {
            self.debug(line);
        } else if cause.loss == Loss::Local {
            let line = format!("{line}; what is still wanted is tried again");
            self.say_once_an_hour(address, how, line);
        } else {
            self.lists.unsent.push((address, how, line));
            self.open_lists_again_at_once();
            self.backends.on_sync(Sync::Silent);
        }
    }

    fn on_silence(&mut self, cause: &str, advice: &str) {
        self.backends.on_sync(Sync::Silent);
        self.lists.unsynced_since = None;
        self.lists.ended = None;
        for (_, _, line) in std::mem::take(&mut self.lists.unsent) {
            self.debug(line);
        }
        let now = self.now.instant;
        let silent = now.saturating_duration_since(self.lists.heard);
        self.put(Output::TellManager(Told::FailoverOff {
            silent,
            cause: cause.to_owned(),
            summary: self.summary(),
        }));
        self.lists.cause = Some(cause.to_owned());
        let line =
            format!("failover is off: {cause}; no backend is taken down or brought up; {advice}");
        let is_due = self.notices.raise(Notice::DirectorSilent, &line, now);
        let since = self.lists.heard;
        let off = self.lists.off.get_or_insert_with(|| Off {
            since,
            back: None,
            said: cause.to_owned(),
            other: None,
        });
        off.back = None;
        if off.is_for_good(cause, now) || is_due {
            off.said = cause.to_owned();
            off.other = None;
            self.put(Output::Say(Event::FailoverOff {
                silent,
                cause: cause.to_owned(),
                advice: advice.to_owned(),
            }));
        }
    }

    /// The director has answered, and what is told to it would reach it.
    pub(super) fn on_heard(&mut self, began: Instant) {
        self.lists.heard = began;
        self.lists.overdue = None;
        self.lists.cause = None;
        if let Some(off) = &mut self.lists.off {
            off.other = None;
            if off.back.is_none() {
                self.backends.on_director_back();
            }
            let back = *off.back.get_or_insert(began);
            if began >= back + BACK_FOR_GOOD {
                let silent = back.saturating_duration_since(off.since);
                let steady = began.saturating_duration_since(back);
                self.lists.off = None;
                self.notices.lower(&Notice::DirectorSilent);
                self.always(format!(
                    "failover is on again: {} has answered for {} s, after {} s without an answer or with \
                     interruptions",
                    self.settings.access(),
                    steady.as_secs(),
                    silent.as_secs()
                ));
            }
        } else if let Some(cause) = self.lists.ended.take() {
            self.always(format!("{cause}; connected again, and nothing was missed"));
        }
        for (address, how, line) in std::mem::take(&mut self.lists.unsent) {
            let line = format!("{line}; what is still wanted is tried again");
            self.say_once_an_hour(address, how, line);
        }
    }
}
