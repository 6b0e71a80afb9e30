//! Directors of one ring: each with its own list, its own clock, and the time the ring takes.
//!
//! Facts are those of Dovecot 2.3.19: waits of 30 s for a ring that is not synced, a frozen peer that
//! unsyncs the ring 30 s after the first change, a start that lists everything up until it has heard
//! the ring. How equal stamps of one second are told apart inside the ring is our own choice: it
//! only has to agree in the end.

mod life;
mod lists;

use std::time::{Duration, Instant};

use poolmon::backend::{HostState, Tag};

use crate::history::{By, History, What};
use crate::monitor::{Clock, Said};

/// For a ring that is not synced, before and again after a change.
const SYNC_WAIT: Duration = Duration::from_secs(30);
const HANDOVER: Duration = Duration::from_millis(300);
const USERS: u64 = 10;

/// What the directors know, by their version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Current,
    /// 2.2.19 to 2.2.25: HOST-RESET-USERS with a limit closes the connection.
    WithoutLimit,
    /// Before 2.2.16: vhost counts alone are told and set, nothing is stamped, and no status is told.
    VhostCounts,
}

/// How a director's lists read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    Plain,
    /// With a line that is none.
    Malformed,
    /// With a word for the ring's status that nobody knows, as a later version may have.
    UnknownStatus,
}

/// A backend as an administrator configured it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub tag: Tag,
    pub vhosts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Running,
    Frozen,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    State(HostState),
    Reset,
    Flush,
}

#[derive(Clone, Copy, Debug)]
pub struct Command {
    pub by: By,
    /// Which life of the watcher, and which command of it: for the reply.
    pub life: u32,
    pub number: u64,
    pub backend: usize,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub command: Command,
    pub said: Said,
}

/// What the ring has to be woken for.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Hears {
        director: usize,
        backend: usize,
        value: Value,
    },
    Review,
    Joins {
        director: usize,
        life: u32,
    },
    GivenUp {
        director: usize,
        life: u32,
    },
    Merges,
}

/// A state and what decides between two: the stamp first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    state: HostState,
    stamp: u64,
    /// Changes within the stamp's second.
    sequence: u32,
    origin: usize,
}

impl Value {
    fn is_newer_than(&self, other: &Value) -> bool {
        let order = |value: &Value| (value.stamp, value.sequence, usize::MAX - value.origin);
        order(self) > order(other)
    }
}

const NEVER_CHANGED: Value = Value {
    state: HostState::Up,
    stamp: 0,
    sequence: 0,
    origin: 0,
};

#[derive(Clone, Debug)]
struct Director {
    condition: Condition,
    life: u32,
    clock: Clock,
    hosts: Vec<Value>,
    /// Until when an own change of each has not gone round yet.
    changing_until: Vec<Instant>,
    handshaking: bool,
    /// Whether its peers hold a connection to it.
    attached: bool,
    waiting: Vec<Waiting>,
    backlog: Vec<Command>,
    speech: Speech,
    shown_synced: bool,
}

#[derive(Clone, Debug)]
struct Waiting {
    command: Command,
    /// When the change will have gone round; none before it is made.
    round_ends: Option<Instant>,
    deadline: Instant,
}

pub struct Ring {
    age: Age,
    entries: Vec<Entry>,
    listed: Vec<bool>,
    directors: Vec<Director>,
    hop: Duration,
    users: Vec<u64>,
    /// So many resets will leave users.
    stubborn: Vec<u32>,
    unsynced_from: Option<Instant>,
    trouble_until: Instant,
    pub steps: Vec<(Instant, Step)>,
    pub replies: Vec<Reply>,
}

impl Ring {
    /// All running and synced; `skews` is by how much each clock is ahead.
    pub fn new(
        age: Age,
        entries: Vec<Entry>,
        skews: &[Duration],
        hop: Duration,
        now: Instant,
    ) -> Ring {
        let director = |skew: &Duration| Director {
            condition: Condition::Running,
            life: 0,
            clock: Clock {
                start: now,
                at_start: Duration::from_secs(1_800_000_000) + *skew,
            },
            hosts: vec![NEVER_CHANGED; entries.len()],
            changing_until: vec![now; entries.len()],
            handshaking: false,
            attached: true,
            waiting: Vec::new(),
            backlog: Vec::new(),
            speech: Speech::Plain,
            shown_synced: true,
        };
        Ring {
            age,
            directors: skews.iter().map(director).collect(),
            users: vec![USERS; entries.len()],
            stubborn: vec![0; entries.len()],
            listed: vec![true; entries.len()],
            entries,
            hop,
            unsynced_from: None,
            trouble_until: now,
            steps: Vec::new(),
            replies: Vec::new(),
        }
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn clock(&self, director: usize) -> Clock {
        self.directors[director].clock
    }

    pub fn condition(&self, director: usize) -> Condition {
        self.directors[director].condition
    }

    pub fn leave_users(&mut self, backend: usize, resets: u32) {
        self.stubborn[backend] = resets;
    }

    pub fn set_speech(
        &mut self,
        director: usize,
        speech: Speech,
        now: Instant,
        history: &mut History,
    ) {
        self.directors[director].speech = speech;
        self.review(now, history);
    }

    pub fn is_listed(&self, backend: usize) -> bool {
        self.listed[backend]
    }

    /// A backend that is put on the lists is up, was never changed, and gets users.
    pub fn set_listed(
        &mut self,
        backend: usize,
        listed: bool,
        now: Instant,
        history: &mut History,
    ) {
        self.listed[backend] = listed;
        self.users[backend] = USERS;
        let hosts = self
            .directors
            .iter()
            .map(|director| director.hosts[backend]);
        if hosts.into_iter().any(|host| host.state == HostState::Down) {
            let (to, by) = (HostState::Up, By::Listing);
            note(history, now, What::Changed { backend, to, by });
        }
        for director in 0..self.directors.len() {
            self.adopt(director, backend, NEVER_CHANGED, now, history);
        }
    }

    /// An administrator moves somebody there.
    pub fn move_user_to(&mut self, backend: usize, now: Instant, history: &mut History) {
        self.users[backend] += 1;
        self.note_users(backend, now, history);
    }

    fn is_joined(&self, director: usize) -> bool {
        let director = &self.directors[director];
        director.attached && !director.handshaking && director.condition != Condition::Dead
    }

    /// Somebody is part of the ring and passes nothing on.
    fn is_blocked(&self) -> bool {
        let blocks =
            |director: &Director| director.attached && director.condition == Condition::Frozen;
        self.directors.iter().any(blocks)
    }

    pub fn is_synced(&self, director: usize, now: Instant) -> bool {
        let unsynced = self.unsynced_from.map_or(false, |from| from <= now);
        !self.directors[director].handshaking && !unsynced && now >= self.trouble_until
    }

    pub fn on_command(
        &mut self,
        director: usize,
        command: Command,
        now: Instant,
        history: &mut History,
    ) {
        match self.directors[director].condition {
            Condition::Dead => self.reply(command, Said::NotSent),
            Condition::Frozen => self.directors[director].backlog.push(command),
            Condition::Running => self.run(director, command, now, history),
        }
    }

    fn run(&mut self, director: usize, command: Command, now: Instant, history: &mut History) {
        let backend = command.backend;
        let here = &self.directors[director];
        match command.kind {
            _ if !self.listed[backend] => self.reply(command, Said::NotFound),
            Kind::State(state) if here.hosts[backend].state == state => {
                self.reply(command, Said::Ok)
            }
            Kind::State(_) if now < here.changing_until[backend] => self.reply(command, Said::Busy),
            Kind::State(_) | Kind::Flush => {
                let deadline = now + SYNC_WAIT;
                self.directors[director].waiting.push(Waiting {
                    command,
                    round_ends: None,
                    deadline,
                });
                self.steps.push((deadline, Step::Review));
                self.review(now, history);
            }
            Kind::Reset => {
                self.reset(director, command, now, history);
                self.reply(command, Said::Ok);
            }
        }
    }

    fn reset(&mut self, director: usize, command: Command, now: Instant, history: &mut History) {
        let backend = command.backend;
        if !self.is_synced(director, now) {
            if let By::Watcher(watcher) = command.by {
                let what = What::FalseDrain { watcher };
                history
                    .records
                    .push(crate::history::Record { at: now, what });
            }
            return;
        }
        match self.stubborn[backend].checked_sub(1) {
            Some(less) => self.stubborn[backend] = less,
            None => self.users[backend] = 0,
        }
        self.note_users(backend, now, history);
    }

    fn note_users(&self, backend: usize, now: Instant, history: &mut History) {
        let left = self.users[backend];
        note(history, now, What::Users { backend, left });
    }

    fn reply(&mut self, command: Command, said: Said) {
        self.replies.push(Reply { command, said });
    }

    /// Commands that wait for the ring, and what the directors show of it.
    fn review(&mut self, now: Instant, history: &mut History) {
        if !self.is_blocked() {
            self.unsynced_from = None;
        }
        for director in 0..self.directors.len() {
            if self.directors[director].condition == Condition::Running {
                let waiting = std::mem::take(&mut self.directors[director].waiting);
                for one in waiting {
                    if let Some(one) = self.wait_on(director, one, now, history) {
                        self.directors[director].waiting.push(one);
                    }
                }
            }
        }
        for director in 0..self.directors.len() {
            let here = &self.directors[director];
            let synced = self.is_synced(director, now)
                && here.condition == Condition::Running
                && here.speech != Speech::UnknownStatus;
            if synced != self.directors[director].shown_synced {
                self.directors[director].shown_synced = synced;
                note(history, now, What::Ring { director, synced });
            }
        }
    }

    fn wait_on(
        &mut self,
        director: usize,
        mut one: Waiting,
        now: Instant,
        history: &mut History,
    ) -> Option<Waiting> {
        match one.round_ends {
            _ if !self.listed[one.command.backend] => {
                self.reply(one.command, Said::NotFound);
                return None;
            }
            None if self.is_synced(director, now) => {
                let ends = now + self.hop * self.directors.len() as u32;
                self.apply(director, one.command, ends, now, history);
                one.round_ends = Some(ends);
                one.deadline = now + SYNC_WAIT;
                self.steps.push((ends, Step::Review));
                self.steps.push((one.deadline, Step::Review));
            }
            Some(ends) if now >= ends && !self.is_blocked() && now >= self.trouble_until => {
                self.reply(one.command, Said::Ok);
                return None;
            }
            _ if now >= one.deadline => {
                self.reply(one.command, Said::RingSyncTimedOut);
                return None;
            }
            _ => {}
        }
        Some(one)
    }

    fn apply(
        &mut self,
        director: usize,
        command: Command,
        ends: Instant,
        now: Instant,
        history: &mut History,
    ) {
        let backend = command.backend;
        let state = match command.kind {
            Kind::State(state) => state,
            Kind::Flush | Kind::Reset => {
                self.users[backend] = 0;
                self.note_users(backend, now, history);
                return;
            }
        };
        let here = &mut self.directors[director];
        let before = here.hosts[backend];
        if before.state == state {
            return;
        }
        let stamp = before.stamp.max(here.clock.second(now));
        let value = Value {
            state,
            stamp,
            sequence: if stamp == before.stamp {
                before.sequence + 1
            } else {
                0
            },
            origin: director,
        };
        here.changing_until[backend] = ends;
        let by = command.by;
        note(
            history,
            now,
            What::Changed {
                backend,
                to: state,
                by,
            },
        );
        self.adopt(director, backend, value, now, history);
        if state == HostState::Up {
            self.users[backend] = USERS;
        }
        let count = self.directors.len();
        for other in (0..count).filter(|other| *other != director) {
            let apart = (director + count - other) % count;
            let hops = apart.min(count - apart) as u32;
            self.steps.push((
                now + self.hop * hops,
                Step::Hears {
                    director: other,
                    backend,
                    value,
                },
            ));
        }
        if self.is_blocked() && self.unsynced_from.is_none() {
            self.unsynced_from = Some(now + SYNC_WAIT);
            self.steps.push((now + SYNC_WAIT, Step::Review));
        }
    }

    fn adopt(
        &mut self,
        director: usize,
        backend: usize,
        value: Value,
        now: Instant,
        history: &mut History,
    ) {
        let host = &mut self.directors[director].hosts[backend];
        let changed = host.state != value.state;
        *host = value;
        if changed {
            let state = value.state;
            note(
                history,
                now,
                What::Listed {
                    director,
                    backend,
                    state,
                },
            );
        }
    }

    pub fn on_step(&mut self, step: Step, now: Instant, history: &mut History) {
        match step {
            Step::Hears {
                director,
                backend,
                value,
            } => {
                let here = &self.directors[director];
                let hears = here.condition == Condition::Running && !here.handshaking;
                if hears && value.is_newer_than(&here.hosts[backend]) {
                    self.adopt(director, backend, value, now, history);
                }
            }
            Step::Review => {}
            Step::Joins { director, life } => {
                let here = &mut self.directors[director];
                if here.life == life && here.condition == Condition::Running {
                    here.handshaking = false;
                    here.attached = true;
                    self.merge(now, history);
                    self.be_troubled(now, HANDOVER);
                }
            }
            Step::GivenUp { director, life } => {
                let here = &mut self.directors[director];
                if here.life == life && here.condition == Condition::Frozen {
                    here.attached = false;
                    self.be_troubled(now, HANDOVER);
                }
            }
            Step::Merges => self.merge(now, history),
        }
        self.review(now, history);
    }
}

fn note(history: &mut History, at: Instant, what: What) {
    history.records.push(crate::history::Record { at, what });
}
