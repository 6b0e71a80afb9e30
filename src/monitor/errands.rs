//! Changing commands: first the ledger, then the command, then what its reply means.
//!
//! Each is sent over a connection of its own by a thread of its own (`director::link`). Whether it
//! took effect is never concluded from the reply alone: the next list tells. A dry run does the same
//! and leaves out the sending.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use log::{debug, error};

use super::memory::{this_second, DISK_PATIENCE};
use super::{Coordinator, Notice};
use crate::config::settings::{Deeds, DrainMode, MoveLimit};
use crate::director::link::{self, Heard};
use crate::director::wire::{Change, Generation, Reply};
use crate::policy::{Action, Answer};

/// The director waits for the ring twice, 30 s each time.
const RING_PATIENCE: Duration = Duration::from_secs(65);

/// Dovecot's `director_user_kick_delay`: what a limited number of moves at a time takes.
const KICK_DELAY: Duration = Duration::from_secs(2);

/// The commands under way, and what is known of the director's ways.
#[derive(Default)]
pub(super) struct Errands {
    sent: u64,
    /// At most one a backend.
    under_way: BTreeMap<IpAddr, Errand>,
    /// Decided on and not sent yet, by their numbers.
    decided: Vec<(u64, Change)>,
    /// Since when the first of them waits for the ledger.
    waiting_since: Option<Instant>,
    generation: Generation,
    reset: ResetWay,
    /// The standing connection during which `reset` was learnt; another may be to a newer director.
    connection: u64,
}

/// How many commands of a kind may be under way: each has a thread and a connection. The others are
/// decided on anew when these are answered.
const MOST_UNDER_WAY: usize = 100;

struct Errand {
    number: u64,
    action: Action,
}

/// How much of HOST-RESET-USERS the director knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ResetWay {
    /// Since 2.2.26: with a limit.
    #[default]
    WithLimit,
    /// Since 2.2.19: a limit closes the connection.
    WithoutLimit,
    /// Not at all: HOST-FLUSH.
    Unknown,
}

impl Errands {
    /// A drain may take minutes, and must not keep the others waiting.
    fn has_room_for(&self, action: Action) -> bool {
        let is_drain = |action| action == Action::Drain;
        let errands = self.under_way.values();
        let alike = errands.filter(|errand| is_drain(errand.action) == is_drain(action));
        alike.count() < MOST_UNDER_WAY
    }

    pub(super) fn are_none(&self) -> bool {
        self.under_way.is_empty()
    }

    /// When what was decided on is sent, even if the ledger is not on disk by then.
    pub(super) fn sending_due(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + DISK_PATIENCE)
    }

    pub(super) fn forget(&mut self, address: IpAddr) {
        self.under_way.remove(&address);
    }

    /// A list was read over this connection, from such a director.
    pub(super) fn on_list(&mut self, connection: u64, generation: Generation) {
        self.generation = generation;
        if connection != self.connection {
            self.connection = connection;
            self.reset = ResetWay::WithLimit;
        }
    }

    /// The connection was closed without a reply to a reset: the director may not know the form.
    fn on_reset_closed(&mut self, limit: Option<NonZeroU32>) {
        self.reset = match limit {
            Some(_) => ResetWay::WithoutLimit,
            None => ResetWay::Unknown,
        };
    }
}

impl Coordinator {
    /// It will be sent with all that is decided on at this time.
    pub(super) fn decide_on(&mut self, address: IpAddr, action: Action) {
        if !self.errands.has_room_for(action) {
            return;
        }
        let change = match self.change(address, action) {
            Some(change) => change,
            None => return,
        };
        self.fleet
            .on_sent(address, action, this_second(), Instant::now());
        self.errands.sent += 1;
        let number = self.errands.sent;
        self.errands
            .under_way
            .insert(address, Errand { number, action });
        self.errands.decided.push((number, change));
    }

    /// The ledger is written before the director hears of anything, once for all.
    pub(super) fn send_decided(&mut self) {
        if self.errands.decided.is_empty() {
            return;
        }
        self.remember();
        let since = *self.errands.waiting_since.get_or_insert_with(Instant::now);
        if self.waits_for_ledger(since) {
            return;
        }
        self.errands.waiting_since = None;
        for (number, change) in std::mem::take(&mut self.errands.decided) {
            let address = change.address();
            match self.errands.under_way.get(&address) {
                Some(errand) if errand.number == number => {
                    let action = errand.action;
                    match self.settings.deeds {
                        Deeds::Done => self.send(number, change, action),
                        Deeds::Told => self.imagine(number, change),
                    }
                }
                _ => debug!("command {number}: not sent, {address} has left the list since"),
            }
        }
    }

    fn send(&mut self, number: u64, change: Change, action: Action) {
        let address = change.address();
        debug!("command {number}: {} {address}", change.name());
        let socket = self.settings.socket.clone();
        let heard = self.heard.0.clone();
        match link::send_change(socket, number, change, self.patience(change), heard) {
            Ok(()) => {
                self.notices.lower(&Notice::NoThread);
            }
            Err(cause) => {
                if self.notices.raise(Notice::NoThread, Instant::now()) {
                    error!("{address}: no thread to send {}: {cause}", change.name());
                }
                self.finish(address, action, Answer::NotDone);
            }
        }
    }

    /// A dry run sends nothing. All that follows is as if the director had said `OK` and done it.
    fn imagine(&mut self, number: u64, change: Change) {
        debug!(
            "DRY-RUN: command {number}: {} {}",
            change.name(),
            change.address()
        );
        self.dry_run.on_change(&change, this_second());
        let heard = Heard {
            number,
            change,
            result: Ok(Reply::Ok),
        };
        // The receiver is this coordinator's own.
        let _ = self.heard.0.send(heard);
    }

    fn patience(&self, change: Change) -> Duration {
        let batches = match change {
            Change::HostResetUsers {
                address,
                limit: Some(limit),
            } => {
                let users = self.fleet.member(address).map_or(0, |m| m.listed.users);
                u32::try_from(users).unwrap_or(u32::MAX) / limit
            }
            _ => 0,
        };
        RING_PATIENCE.saturating_add(KICK_DELAY.saturating_mul(batches))
    }

    fn change(&self, address: IpAddr, action: Action) -> Option<Change> {
        match (action, self.errands.generation) {
            (Action::MarkDown, Generation::UpDown) => Some(Change::HostDown(address)),
            (Action::MarkUp, Generation::UpDown) => Some(Change::HostUp(address)),
            (Action::MarkDown, Generation::VhostCounts) => {
                Some(Change::HostSet { address, vhosts: 0 })
            }
            (Action::MarkUp, Generation::VhostCounts) => {
                let vhosts = self.fleet.member(address)?.vhosts_to_give_back()?;
                Some(Change::HostSet { address, vhosts })
            }
            (Action::Drain, _) => self.drain(address),
        }
    }

    fn drain(&self, address: IpAddr) -> Option<Change> {
        let limit = match self.settings.rules.drain {
            DrainMode::Leave => return None,
            DrainMode::Drop => return Some(Change::HostFlush(address)),
            DrainMode::Move { limit } => limit,
        };
        Some(match (self.errands.generation, self.errands.reset) {
            (Generation::UpDown, ResetWay::WithLimit) => Change::HostResetUsers {
                address,
                limit: match limit {
                    // Without a limit it would be 100, that is 50 users a second.
                    MoveLimit::All => NonZeroU32::new(u32::MAX),
                    MoveLimit::AtMost(limit) => Some(limit),
                },
            },
            (Generation::UpDown, ResetWay::WithoutLimit) => Change::HostResetUsers {
                address,
                limit: None,
            },
            (Generation::UpDown, ResetWay::Unknown) | (Generation::VhostCounts, _) => {
                Change::HostFlush(address)
            }
        })
    }

    pub(super) fn on_answer(&mut self, heard: Heard) {
        let Heard {
            number,
            change,
            result,
        } = heard;
        let address = change.address();
        let action = match self.errands.under_way.get(&address) {
            Some(errand) if errand.number == number => errand.action,
            _ => {
                debug!("command {number}: answer dropped, {address} has left the list since");
                return;
            }
        };
        self.errands.under_way.remove(&address);
        let answer = match &result {
            Ok(Reply::Ok) => Answer::Done,
            Err(cause) if !cause.leaves_doubt() => Answer::NotSent,
            _ => Answer::NotDone,
        };
        match &result {
            Err(cause) if answer == Answer::NotSent => self.on_unsent(&change, cause),
            _ => self.log_answer(&change, &result),
        }
        if let (Change::HostResetUsers { limit, .. }, Err(cause)) = (change, &result) {
            if cause.is_close_for_reply() {
                self.errands.on_reset_closed(limit);
            }
        }
        self.finish(address, action, answer);
    }

    fn finish(&mut self, address: IpAddr, action: Action, answer: Answer) {
        self.errands.under_way.remove(&address);
        self.fleet
            .on_answer(address, action, answer, Instant::now());
        self.want_lists();
    }
}
