//! Changing commands: first the state file, then the rules once more, then the command, then what its reply
//! means.
//!
//! A command that waits for the state file's disk has not been sent: nothing counts on it, and what has
//! happened meanwhile may end the wish for it.
//!
//! Each is sent over a connection of its own. Whether it took effect is never concluded from the reply
//! alone: the next list tells. A dry run does the same and leaves out the sending.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::memory::DISK_PATIENCE;
use super::snapshot::CommandView;
use super::{Engine, Notice, Output};
use crate::backend::Stamp;
use crate::config::settings::{Deeds, DrainMode, MoveLimit};
use crate::monitor::policy::{Action, Answer, Memory};
use crate::pool::director::error::DirectorError;
use crate::pool::director::wire::{Change, Generation, Reply};

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
    /// Decided on, and not sent before that is written down: at most one a backend.
    decided: BTreeMap<IpAddr, Wish>,
    /// The state file may hold what was to be remembered of a command that is not sent after all.
    was_withdrawn: bool,
    /// The last ones, for whoever asks: when each was sent, and what was said.
    recent: VecDeque<(u64, Instant, Change, Option<String>)>,
    /// Since when the first of those decided on waits for the state file.
    waiting_since: Option<Instant>,
    generation: Generation,
    reset: ResetWay,
    /// The standing connection during which `reset` was learnt; another may be to a newer director.
    connection: u64,
}

/// How many commands of a kind may be under way: each has a thread and a connection. The others are
/// decided on anew when these are answered.
const MOST_UNDER_WAY: usize = 100;

/// How many are kept for whoever asks.
const RECENT: usize = 20;

/// What the rules want, as it is written down.
#[derive(Clone, Copy)]
struct Wish {
    action: Action,
    /// The second of the wall clock at which they first did.
    second: Stamp,
}

struct Errand {
    number: u64,
    action: Action,
    change: Change,
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
        let under_way = self.under_way.values().map(|errand| errand.action);
        let decided = self.decided.values().map(|wish| wish.action);
        let all = under_way.chain(decided);
        let alike = all.filter(|other| is_drain(*other) == is_drain(action));
        alike.count() < MOST_UNDER_WAY
    }

    /// When what was decided on is sent, even if the state file is not on disk by then.
    pub(super) fn sending_due(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + DISK_PATIENCE)
    }

    pub(super) fn forget(&mut self, address: IpAddr) {
        self.under_way.remove(&address);
        self.decided.remove(&address);
    }

    fn note(&mut self, number: u64, now: Instant, change: Change) {
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((number, now, change, None));
    }

    fn note_answer(&mut self, number: u64, text: String) {
        let mut recent = self.recent.iter_mut();
        if let Some((.., answer)) = recent.find(|(noted, ..)| *noted == number) {
            *answer = Some(text);
        }
    }

    /// The last ones, the oldest first.
    pub(super) fn recent(&self, now: Instant) -> Vec<CommandView> {
        let recent = self.recent.iter();
        let views = recent.map(|(_, at, change, answer)| CommandView {
            address: change.address(),
            change: *change,
            ago: now.saturating_duration_since(*at),
            answer: answer.clone(),
        });
        views.collect()
    }

    /// The command of this number, which is under way no longer.
    fn take(&mut self, number: u64) -> Option<(IpAddr, Action, Change)> {
        let mut errands = self.under_way.iter();
        let (address, _) = errands.find(|(_, errand)| errand.number == number)?;
        let address = *address;
        let errand = self.under_way.remove(&address)?;
        Some((address, errand.action, errand.change))
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

impl Engine {
    /// It will be sent with all that is decided on at this time, if the rules still want it then.
    pub(super) fn decide_on(&mut self, address: IpAddr, action: Action) {
        let decided = self.errands.decided.get(&address);
        if decided.map_or(false, |wish| wish.action == action) {
            return;
        }
        self.withdraw(address);
        if self.errands.has_room_for(action) && self.change(address, action).is_some() {
            let second = self.now.second;
            let wish = Wish { action, second };
            self.errands.decided.insert(address, wish);
        }
    }

    /// The rules do not want it any more.
    pub(super) fn withdraw(&mut self, address: IpAddr) {
        if let Some(wish) = self.errands.decided.remove(&address) {
            self.on_withdrawn(address, wish);
        }
    }

    fn on_withdrawn(&mut self, address: IpAddr, wish: Wish) {
        self.errands.was_withdrawn = true;
        self.debug(format!(
            "{address}: {} is not wanted any more; it was not sent",
            wish.action
        ));
    }

    /// What has to outlive the process once what was decided on for this backend is sent.
    pub(super) fn memory_once_sent(&self, address: IpAddr) -> Option<Memory> {
        let Wish { action, second } = *self.errands.decided.get(&address)?;
        self.fleet
            .memory_once_sent(address, action, second, self.now.instant)
    }

    /// The state file is written before the director hears of anything, once for all. When that is done, or
    /// has taken too long, the rules are asked again: one command may have been decided on without the
    /// others, and all of them a while ago.
    pub(super) fn send_decided(&mut self) {
        if self.errands.decided.is_empty() && !self.errands.was_withdrawn {
            self.errands.waiting_since = None;
            return;
        }
        self.remember();
        self.errands.was_withdrawn = false;
        if self.errands.decided.is_empty() {
            self.errands.waiting_since = None;
            return;
        }
        let now = self.now.instant;
        let since = *self.errands.waiting_since.get_or_insert(now);
        if self.waits_for_ledger(since) {
            return;
        }
        self.errands.waiting_since = None;
        for (address, wish) in std::mem::take(&mut self.errands.decided) {
            match self.judge(address) {
                Some(action) if action == wish.action => self.carry_out(address, wish),
                other => {
                    self.on_withdrawn(address, wish);
                    if let Some(action) = other {
                        self.decide_on(address, action);
                    }
                }
            }
        }
        self.send_decided();
    }

    fn carry_out(&mut self, address: IpAddr, wish: Wish) {
        let Wish { action, second } = wish;
        let change = match self.change(address, action) {
            Some(change) => change,
            None => return self.on_withdrawn(address, wish),
        };
        let now = self.now.instant;
        self.fleet.on_sent(address, action, second, now);
        self.errands.sent += 1;
        let number = self.errands.sent;
        let errand = Errand {
            number,
            action,
            change,
        };
        self.errands.under_way.insert(address, errand);
        self.errands.note(number, now, change);
        match self.settings.deeds {
            Deeds::Done => self.send(number, change),
            Deeds::Told => self.imagine(number, change),
        }
    }

    fn send(&mut self, number: u64, change: Change) {
        self.debug(format!(
            "command {number}: {} {}",
            change.name(),
            change.address()
        ));
        self.put(Output::Send {
            number,
            change,
            socket: self.settings.socket.clone(),
            patience: self.patience(change),
        });
    }

    pub(super) fn on_command_not_started(&mut self, number: u64, cause: &io::Error) {
        if let Some((address, action, change)) = self.errands.take(number) {
            self.errands
                .note_answer(number, format!("not sent: {cause}"));
            if self.notices.raise(Notice::NoThread, self.now.instant) {
                self.error(format!(
                    "{address}: no thread to send {}: {cause}",
                    change.name()
                ));
            }
            self.finish(address, action, Answer::NotDone);
        }
    }

    /// A dry run sends nothing. All that follows is as if the director had said `OK` and done it.
    fn imagine(&mut self, number: u64, change: Change) {
        self.debug(format!(
            "DRY-RUN: command {number}: {} {}",
            change.name(),
            change.address()
        ));
        self.dry_run.on_change(&change, self.now.second);
        self.on_answer(number, &Ok(Reply::Ok));
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

    pub(super) fn on_answer(&mut self, number: u64, result: &Result<Reply, DirectorError>) {
        let (address, action, change) = match self.errands.take(number) {
            Some(errand) => errand,
            None => {
                return self.debug(format!(
                    "command {number}: answer dropped, its backend has left the list since"
                ));
            }
        };
        self.notices.lower(&Notice::NoThread);
        self.errands.note_answer(
            number,
            match result {
                Ok(reply) => reply.to_string(),
                Err(cause) => cause.to_string(),
            },
        );
        let answer = match result {
            Ok(Reply::Ok) => Answer::Done,
            Err(cause) if !cause.leaves_doubt() => Answer::NotSent,
            _ => Answer::NotDone,
        };
        match result {
            Err(cause) if answer == Answer::NotSent => self.on_unsent(&change, cause),
            _ => self.say_answer(&change, result),
        }
        if let (Change::HostResetUsers { limit, .. }, Err(cause)) = (change, result) {
            if cause.is_close_for_reply() {
                self.errands.on_reset_closed(limit);
            }
        }
        self.finish(address, action, answer);
    }

    fn finish(&mut self, address: IpAddr, action: Action, answer: Answer) {
        self.fleet
            .on_answer(address, action, answer, self.now.instant);
        self.want_lists();
    }
}
