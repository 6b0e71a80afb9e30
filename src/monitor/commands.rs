//! Changing commands: first the state file, then the rules once more, then the command, then what its reply
//! means.
//!
//! A command that waits until the state file is written has not been sent. No decision relies on it, and it is
//! dropped if the rules do not want it any more when the file is written.
//!
//! Each is sent over a connection of its own. Whether it took effect is never concluded from the reply
//! alone: the next list shows it. A dry run does the same and leaves out the sending.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::persistence::DISK_PATIENCE;
use super::snapshot::{CommandView, ReplyKind};
use super::{Engine, Notice, Output};
use crate::backend::Stamp;
use crate::config::settings::Mode;
use crate::monitor::policy::{Action, Answer, Memory};
use crate::pool::{Access, Command, Order, Owner, PoolError, Reply, Ways};

/// The commands under way, and which forms of them the pool knows.
pub(super) struct Commands {
    sent: u64,
    /// Those whose answer is awaited: at most one a backend.
    under_way: BTreeMap<IpAddr, InFlight>,
    /// Those that still have a thread and are awaited no longer: drains whose backend has been sent something else
    /// since, and what was sent to another socket.
    given_up: BTreeMap<u64, Action>,
    /// Decided on, and to be sent once the state file says so: at most one a backend.
    decided: BTreeMap<IpAddr, Wish>,
    /// The state file may hold what was to be remembered of a command that is not sent after all.
    was_withdrawn: bool,
    /// How the latest command for each backend was meant.
    latest: BTreeMap<IpAddr, Mode>,
    /// The last commands, for a snapshot.
    recent: VecDeque<Noted>,
    /// Since when the first of those decided on waits for the state file.
    waiting_since: Option<Instant>,
    /// When a command last had no thread. Forgotten when the pool answers a command, or when no command is
    /// tried any more.
    lacked_thread: Option<Instant>,
    pub(super) ways: Ways,
}

/// Longer than the longest pause between two tries of a command: if nothing has lacked a thread for so long, no
/// command is wanted any more.
const NO_THREAD_IS_OVER: Duration = Duration::from_secs(150);

/// How many commands of a kind may be under way: each has a thread and a connection. The others are
/// decided on anew when these are answered.
const MOST_UNDER_WAY: usize = 100;

/// How many of the last commands a snapshot shows.
const RECENT: usize = 20;

/// What the rules want, as it is written down.
#[derive(Clone, Copy)]
struct Wish {
    action: Action,
    /// The second of the wall clock at which they first did.
    second: Stamp,
}

struct InFlight {
    number: u64,
    action: Action,
    command: Command,
    asked: Asked,
}

/// What is to be known of a command when it is answered.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// When it was sent.
    pub(super) at: Instant,
    /// The backend's users then.
    pub(super) users: u64,
    /// Whether it was sent. A reload may have begun or ended a dry run since.
    pub(super) mode: Mode,
}

/// A command, for whoever asks.
struct Noted {
    number: u64,
    action: Action,
    command: Command,
    sent: Instant,
    /// What was said, and how long after the sending.
    answer: Option<(String, Duration)>,
}

impl Commands {
    pub(super) fn new(access: &Access) -> Commands {
        Commands {
            sent: 0,
            under_way: BTreeMap::new(),
            given_up: BTreeMap::new(),
            decided: BTreeMap::new(),
            was_withdrawn: false,
            latest: BTreeMap::new(),
            recent: VecDeque::new(),
            waiting_since: None,
            lacked_thread: None,
            ways: Ways::new(access),
        }
    }

    /// A drain may take minutes, and must not keep the others waiting.
    fn has_room_for(&self, action: Action) -> bool {
        let is_drain = action == Action::Drain;
        let under_way = self.under_way.values().map(|in_flight| in_flight.action);
        let decided = self.decided.values().map(|wish| wish.action);
        let given_up = self.given_up.values().copied();
        let all = under_way.chain(decided).chain(given_up);
        let alike = all.filter(|other| (*other == Action::Drain) == is_drain);
        alike.count() < MOST_UNDER_WAY
    }

    /// When what was decided on is sent, even if the state file is not on disk by then.
    pub(super) fn sending_due(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + DISK_PATIENCE)
    }

    /// The backends for which something was decided on.
    pub(super) fn decided(&self) -> impl Iterator<Item = &IpAddr> {
        self.decided.keys()
    }

    pub(super) fn forget(&mut self, address: IpAddr) {
        self.under_way.remove(&address);
        self.decided.remove(&address);
        self.latest.remove(&address);
    }

    fn note(&mut self, number: u64, now: Instant, action: Action, command: Command) {
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Noted {
            number,
            action,
            command,
            sent: now,
            answer: None,
        });
    }

    fn note_answer(&mut self, number: u64, text: String, took: Duration) {
        let mut recent = self.recent.iter_mut();
        if let Some(noted) = recent.find(|noted| noted.number == number) {
            noted.answer = Some((text, took));
        }
    }

    /// The last ones, the oldest first.
    pub(super) fn recent(&self, now: Instant) -> Vec<CommandView> {
        let recent = self.recent.iter();
        let views = recent.map(|noted| CommandView {
            address: noted.command.address(),
            action: noted.action,
            command: noted.command.clone(),
            ago: now.saturating_duration_since(noted.sent),
            answer: noted.answer.as_ref().map(|(text, _)| text.clone()),
            took: noted.answer.as_ref().map(|(_, took)| *took),
        });
        views.collect()
    }

    /// Whether the latest command for this backend was sent and not imagined.
    pub(super) fn was_sent(&self, address: IpAddr) -> bool {
        self.latest.get(&address) == Some(&Mode::Live)
    }

    /// The command of this number, which is under way no longer.
    fn take(&mut self, number: u64) -> Option<(IpAddr, InFlight)> {
        self.given_up.remove(&number);
        let mut commands = self.under_way.iter();
        let (address, _) = commands.find(|(_, in_flight)| in_flight.number == number)?;
        let address = *address;
        Some((address, self.under_way.remove(&address)?))
    }
}

impl Engine {
    /// It will be sent with all that is decided on at this time, if the rules still want it then.
    pub(super) fn decide_on(&mut self, address: IpAddr, action: Action) {
        let decided = self.commands.decided.get(&address);
        if decided.map_or(false, |wish| wish.action == action) {
            return;
        }
        self.withdraw(address);
        if self.commands.has_room_for(action) && self.command(address, action).is_some() {
            let second = self.now.second;
            let wish = Wish { action, second };
            self.commands.decided.insert(address, wish);
        }
    }

    /// The rules do not want it any more.
    pub(super) fn withdraw(&mut self, address: IpAddr) {
        if let Some(wish) = self.commands.decided.remove(&address) {
            self.on_withdrawn(address, wish);
        }
    }

    fn on_withdrawn(&mut self, address: IpAddr, wish: Wish) {
        self.commands.was_withdrawn = true;
        self.debug(format!(
            "{address}: {} is not wanted any more; it was not sent",
            wish.action
        ));
    }

    /// What has to outlive the process once what was decided on for this backend is sent.
    pub(super) fn memory_once_sent(&self, address: IpAddr) -> Option<Memory> {
        let Wish { action, second } = *self.commands.decided.get(&address)?;
        self.backends
            .memory_once_sent(address, action, second, self.now.instant)
    }

    /// The state file is written before the director hears of anything, once for all. When that is done, or
    /// has taken too long, the rules are asked again: one command may have been decided on without the
    /// others, and all of them a while ago.
    pub(super) fn send_decided(&mut self) {
        if self.commands.decided.is_empty() && !self.commands.was_withdrawn {
            self.commands.waiting_since = None;
            return;
        }
        self.remember();
        self.commands.was_withdrawn = false;
        if self.commands.decided.is_empty() {
            self.commands.waiting_since = None;
            return;
        }
        let now = self.now.instant;
        let since = *self.commands.waiting_since.get_or_insert(now);
        if self.waits_for_state_file(since) {
            return;
        }
        self.commands.waiting_since = None;
        for (address, wish) in std::mem::take(&mut self.commands.decided) {
            if self.judge(address) == Some(wish.action) {
                self.carry_out(address, wish);
            } else {
                self.on_withdrawn(address, wish);
                self.review(address);
            }
        }
        self.send_decided();
    }

    fn carry_out(&mut self, address: IpAddr, wish: Wish) {
        let Wish { action, second } = wish;
        let command = match self.command(address, action) {
            Some(command) => command,
            None => return self.on_withdrawn(address, wish),
        };
        let now = self.now.instant;
        self.backends.on_sent(address, action, second, now);
        self.commands.sent += 1;
        let number = self.commands.sent;
        let users = self.backends.member(address).map_or(0, |m| m.listed.users);
        let asked = Asked {
            at: now,
            users,
            mode: self.settings.mode,
        };
        let in_flight = InFlight {
            number,
            action,
            command: command.clone(),
            asked,
        };
        if let Some(drain) = self.commands.under_way.insert(address, in_flight) {
            let took = now.saturating_duration_since(drain.asked.at);
            let text = format!("no longer awaited: {action} was sent");
            self.commands.note_answer(drain.number, text, took);
            self.commands.given_up.insert(drain.number, drain.action);
        }
        self.commands.latest.insert(address, asked.mode);
        self.commands.note(number, now, action, command.clone());
        self.note_reason(address, action);
        match self.settings.mode {
            Mode::Live => self.send(number, command),
            Mode::DryRun => self.imagine(number, command),
        }
    }

    /// Another pool is asked from now on, or of other proxies. What was sent before may still be done there, and in its
    /// ring, but nobody waits for it.
    pub(super) fn give_up_commands(&mut self) {
        let now = self.now.instant;
        for (address, in_flight) in std::mem::take(&mut self.commands.under_way) {
            let InFlight {
                number,
                action,
                command,
                asked,
            } = in_flight;
            let took = now.saturating_duration_since(asked.at);
            let text = "no longer awaited: a reload has changed the socket or the ports".to_owned();
            self.commands.note_answer(number, text, took);
            self.commands.given_up.insert(number, action);
            self.note_doubtful(action, &command, asked);
            self.backends
                .on_answer(address, action, Answer::Doubtful, now);
        }
    }

    fn send(&mut self, number: u64, command: Command) {
        self.debug(format!(
            "command {number}: {} {}",
            command.name(),
            command.address()
        ));
        let member = self.backends.member(command.address());
        let patience = command.patience(member.map_or(0, |member| member.listed.users));
        self.put(Output::Send {
            number,
            command,
            access: self.settings.access(),
            patience,
        });
    }

    pub(super) fn on_command_not_started(&mut self, number: u64, cause: &io::Error) {
        if let Some((address, in_flight)) = self.commands.take(number) {
            let InFlight {
                action,
                command,
                asked,
                ..
            } = in_flight;
            let now = self.now.instant;
            let text = format!("not sent: {cause}");
            let took = now.saturating_duration_since(asked.at);
            self.commands.note_answer(number, text, took);
            self.counts.on_answer(action, ReplyKind::Lost, took);
            let line = format!(
                "{address}: no thread can be started to send {}: {cause}; what is still wanted is tried \
                 again; see the limits of processes, tasks and memory (ulimit -u, TasksMax=, ulimit -v)",
                command.name()
            );
            self.raise(Notice::NoThreadToSend, line);
            self.commands.lacked_thread = Some(now);
            self.finish(address, action, Answer::NotDone);
        }
    }

    /// A list that can be read says nothing about the threads for commands: each of them needs a new one.
    pub(super) fn end_lack_of_threads(&mut self) {
        let lacked = self.commands.lacked_thread;
        if lacked.map_or(false, |at| self.now.instant >= at + NO_THREAD_IS_OVER) {
            self.threads_can_be_started();
        }
    }

    fn threads_can_be_started(&mut self) {
        self.commands.lacked_thread = None;
        if self.notices.lower(&Notice::NoThreadToSend) {
            self.always("no command lacks a thread any more".to_owned());
        }
    }

    /// A dry run sends nothing. All that follows is as if the director had said `OK` and done it.
    fn imagine(&mut self, number: u64, command: Command) {
        self.debug(format!(
            "DRY-RUN: command {number}: {} {}",
            command.name(),
            command.address()
        ));
        self.dry_run
            .on_effect(command.address(), command.effect(), self.now.second);
        self.on_answer(number, &Ok(Reply::Ok));
    }

    /// What the command of this number, which is under way, is for, and why.
    pub(crate) fn intention(&self, number: u64) -> Option<(Action, Option<String>)> {
        let mut under_way = self.commands.under_way.iter();
        let (address, in_flight) = under_way.find(|(_, in_flight)| in_flight.number == number)?;
        let to = in_flight.action.state();
        let why = to.and_then(|to| self.records.intended(*address, to));
        Some((in_flight.action, why))
    }

    fn command(&self, address: IpAddr, action: Action) -> Option<Command> {
        let member = self.backends.member(address)?;
        self.commands.ways.command(&Order {
            address,
            action,
            drain: self.settings.rules.drain,
            vhosts_before: member.vhosts_to_give_back(),
            owner: match member.is_ours() {
                true => Owner::Us,
                false => Owner::Other,
            },
        })
    }

    pub(super) fn on_answer(&mut self, number: u64, answer: &Result<Reply, PoolError>) {
        let (address, in_flight) = match self.commands.take(number) {
            Some(taken) => taken,
            None => {
                return self.debug(format!(
                    "command {number}: answer dropped, as it is no longer awaited"
                ));
            }
        };
        let InFlight {
            action,
            command,
            asked,
            ..
        } = in_flight;
        self.threads_can_be_started();
        let text = match answer {
            Ok(reply) => reply.to_string(),
            Err(cause) => cause.to_string(),
        };
        let took = self.now.instant.saturating_duration_since(asked.at);
        self.commands.note_answer(number, text, took);
        self.counts.on_answer(action, ReplyKind::of(answer), took);
        // What is imagined teaches nothing.
        if asked.mode == Mode::Live {
            let now = self.now.instant;
            self.commands.ways.on_answer(&command, answer, now);
        }
        let done = match answer {
            Ok(Reply::Ok) => Answer::Done,
            Ok(Reply::NotFound | Reply::Busy | Reply::TryAgain | Reply::Refused(_)) => {
                Answer::NotDone
            }
            Err(cause) if !cause.leaves_doubt() => Answer::NotSent,
            Ok(Reply::RingSyncTimedOut) | Err(_) => Answer::Doubtful,
        };
        match answer {
            Err(cause) if done == Answer::NotSent => self.on_unsent(&command, cause),
            _ => self.say_answer(action, &command, asked, answer),
        }
        if done == Answer::Doubtful {
            self.note_doubtful(action, &command, asked);
        }
        self.finish(address, action, done);
    }

    fn finish(&mut self, address: IpAddr, action: Action, answer: Answer) {
        self.backends
            .on_answer(address, action, answer, self.now.instant);
        self.want_lists();
    }
}
