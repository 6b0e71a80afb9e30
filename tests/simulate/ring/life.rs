//! Directors that freeze, die and start, and how the ring gets over it.

use std::time::{Duration, Instant};

use poolmon::backend::HostState;

use super::{note, Command, Condition, Ring, Step, HANDOVER, NEVER_CHANGED, USERS};
use crate::history::{By, History, What};
use crate::monitor::Said;

/// After which a frozen peer's connection is given up.
const PEER_PATIENCE: Duration = Duration::from_secs(75);
const HANDSHAKE: Duration = Duration::from_secs(1);
const HANDSHAKE_WITH_ABSENT_PEER: Duration = Duration::from_secs(21);

impl Ring {
    pub fn set_condition(
        &mut self,
        director: usize,
        condition: Condition,
        now: Instant,
        history: &mut History,
    ) {
        let before = self.directors[director].condition;
        match (before, condition) {
            (Condition::Running, Condition::Frozen) => {
                let here = &mut self.directors[director];
                here.condition = Condition::Frozen;
                here.life += 1;
                let life = here.life;
                self.steps
                    .push((now + PEER_PATIENCE, Step::GivenUp { director, life }));
            }
            (Condition::Frozen, Condition::Running) => self.thaw(director, now, history),
            (Condition::Running | Condition::Frozen, Condition::Dead) => self.kill(director, now),
            (Condition::Dead, Condition::Running) => self.start(director, now, history),
            _ => {}
        }
        self.review(now, history);
    }

    pub(super) fn kill(&mut self, director: usize, now: Instant) {
        let here = &mut self.directors[director];
        here.condition = Condition::Dead;
        here.life += 1;
        here.attached = false;
        let mut lost: Vec<Command> = here.waiting.drain(..).map(|one| one.command).collect();
        lost.append(&mut here.backlog);
        for command in lost {
            self.reply(command, Said::Closed);
        }
        self.be_troubled(now, HANDOVER);
    }

    pub(super) fn thaw(&mut self, director: usize, now: Instant, history: &mut History) {
        let here = &mut self.directors[director];
        here.condition = Condition::Running;
        here.life += 1;
        if here.attached {
            self.steps.push((now + HANDOVER, Step::Merges));
            self.be_troubled(now, HANDOVER * 2);
        } else {
            here.handshaking = true;
            let life = here.life;
            self.steps
                .push((now + HANDSHAKE, Step::Joins { director, life }));
        }
        for command in std::mem::take(&mut self.directors[director].backlog) {
            self.run(director, command, now, history);
        }
    }

    pub(super) fn start(&mut self, director: usize, now: Instant, history: &mut History) {
        let count = self.directors.len();
        let others = || (0..count).filter(|other| *other != director);
        let absent = others().any(|other| self.directors[other].condition != Condition::Running);
        let alone = !others().any(|other| self.directors[other].condition != Condition::Dead);
        let here = &mut self.directors[director];
        here.condition = Condition::Running;
        here.life += 1;
        here.attached = true;
        let handshake = match (count, absent) {
            (1, _) => Duration::from_millis(100),
            (_, false) => HANDSHAKE,
            (_, true) => HANDSHAKE_WITH_ABSENT_PEER,
        };
        here.handshaking = true;
        let life = here.life;
        self.steps
            .push((now + handshake, Step::Joins { director, life }));
        for backend in 0..self.entries.len() {
            if alone && self.directors[director].hosts[backend].state == HostState::Down {
                let (to, by) = (HostState::Up, By::Restart);
                note(history, now, What::Changed { backend, to, by });
                self.users[backend] = USERS;
            }
            self.adopt(director, backend, NEVER_CHANGED, now, history);
        }
    }

    pub(super) fn be_troubled(&mut self, now: Instant, time: Duration) {
        if self.directors.len() > 1 {
            self.trouble_until = self.trouble_until.max(now + time);
            self.steps.push((self.trouble_until, Step::Review));
        }
    }

    /// Whoever is in the ring and runs has heard everything that the others know.
    pub(super) fn merge(&mut self, now: Instant, history: &mut History) {
        let talking: Vec<usize> = (0..self.directors.len())
            .filter(|director| self.is_joined(*director))
            .filter(|director| self.directors[*director].condition == Condition::Running)
            .collect();
        for backend in 0..self.entries.len() {
            let mut newest = NEVER_CHANGED;
            for director in &talking {
                let value = self.directors[*director].hosts[backend];
                if value.is_newer_than(&newest) {
                    newest = value;
                }
            }
            for director in &talking {
                self.adopt(*director, backend, newest, now, history);
            }
        }
    }
}
