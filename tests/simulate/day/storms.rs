//! What disturbs a random day: storms of faults, one after the other.

use std::time::Duration;

use poolmon::backend::HostState;

use crate::chance::Chance;
use crate::ring::Condition;
use crate::world::{Account, Disturbance, Health, Layout, Life, Link, Moment, Program};

pub(super) struct Plan {
    pub(super) events: Vec<(Duration, Disturbance)>,
    pub(super) length: Duration,
}

pub(super) fn random_plan(chance: &mut Chance, layout: &Layout) -> Plan {
    let mut storms = Storms {
        now: chance.seconds(60, 400),
        chance,
        layout,
        events: Vec::new(),
    };
    for _ in 0..6 {
        storms.blow();
        let (least, most) =
            storms
                .chance
                .pick(&[(320, 500), (320, 900), (600, 1500), (3000, 5000)]);
        storms.now += storms.chance.seconds(least, most);
    }
    storms.heal();
    let length = storms.now + Duration::from_secs(4500);
    Plan {
        events: storms.events,
        length,
    }
}

/// Draws the disturbances of a storm, one after the other.
pub(super) struct Storms<'a> {
    pub(super) chance: &'a mut Chance,
    pub(super) layout: &'a Layout,
    pub(super) now: Duration,
    pub(super) events: Vec<(Duration, Disturbance)>,
}

impl Storms<'_> {
    pub(super) fn after(&mut self, least: u64, most: u64) {
        self.now += self.chance.seconds(least, most);
    }

    pub(super) fn disturb(&mut self, disturbance: Disturbance) {
        self.events.push((self.now, disturbance));
    }

    pub(super) fn backend(&mut self) -> usize {
        self.chance.below(self.layout.entries.len())
    }

    pub(super) fn watcher(&mut self) -> usize {
        self.chance.below(self.layout.posts.len())
    }

    pub(super) fn director(&mut self) -> usize {
        self.chance.below(self.layout.skews.len())
    }

    pub(super) fn illness(&mut self) -> Health {
        self.chance.pick(&[
            Health::Refusing,
            Health::Frozen,
            Health::HalfFrozen,
            Health::Split,
        ])
    }

    fn blow(&mut self) {
        if self.chance.one_in(2) {
            self.heal();
            self.after(300, 500);
        }
        match self.chance.below(8) {
            0 | 1 => self.one_failure(),
            2 => self.everything_fails(),
            3 => self.links_fail(),
            4 => self.account_fails(),
            5 => self.admin_acts(),
            _ => {
                for _ in 0..2 + self.chance.below(12) {
                    self.anything();
                    self.after(0, 30);
                }
            }
        }
    }

    fn one_failure(&mut self) {
        let (backend, illness) = (self.backend(), self.illness());
        self.disturb(Disturbance::Backend(backend, illness));
        self.after(1, 280);
        self.disturb(Disturbance::Backend(backend, Health::Healthy));
    }

    fn everything_fails(&mut self) {
        let illness = self.illness();
        for backend in 0..self.layout.entries.len() {
            self.disturb(Disturbance::Backend(backend, illness));
        }
        self.after(5, 280);
        for backend in 0..self.layout.entries.len() {
            self.disturb(Disturbance::Backend(backend, Health::Healthy));
        }
    }

    /// Some ways are lost, and stay so.
    fn links_fail(&mut self) {
        let watcher = self.watcher();
        let links = [
            Link::Refused,
            Link::Lost,
            Link::Lossy,
            Link::Prohibited,
            Link::HalfProhibited,
        ];
        let link = match (
            &self.layout.posts[watcher].program,
            self.chance.pick(&links),
        ) {
            // poolmon takes every failure for the backend's.
            (Program::Perl { .. }, Link::Prohibited | Link::HalfProhibited) => Link::Refused,
            (_, link) => link,
        };
        let spared = self.chance.below(self.layout.entries.len() + 1);
        for backend in 0..self.layout.entries.len() {
            if backend != spared {
                self.disturb(Disturbance::Link(watcher, backend, link));
            }
        }
    }

    fn account_fails(&mut self) {
        let watcher = self.watcher();
        self.disturb(Disturbance::Account(watcher, Account::Refused));
    }

    fn admin_acts(&mut self) {
        let (director, backend) = (self.director(), self.backend());
        self.disturb(Disturbance::Admin(director, backend, HostState::Down));
        if self.chance.one_in(2) {
            self.after(1, 250);
            self.disturb(Disturbance::Admin(director, backend, HostState::Up));
        }
    }

    fn anything(&mut self) {
        let (backend, watcher, director) = (self.backend(), self.watcher(), self.director());
        let disturbance = match self.chance.below(14) {
            0 | 1 => Disturbance::Backend(backend, self.illness()),
            2 | 3 => Disturbance::Backend(backend, Health::Healthy),
            4 => Disturbance::Link(
                watcher,
                backend,
                self.chance.pick(&[Link::Lost, Link::Lossy]),
            ),
            5 => Disturbance::Link(watcher, backend, Link::Whole),
            6 => Disturbance::Director(director, Condition::Frozen),
            7 => Disturbance::Director(director, Condition::Dead),
            8 => Disturbance::Director(director, Condition::Running),
            9 => Disturbance::Watcher(watcher, Life::Crash),
            10 => {
                let lives = [
                    Life::Start,
                    Life::Start,
                    Life::Start,
                    Life::StartWithoutStateFile,
                ];
                Disturbance::Watcher(watcher, self.chance.pick(&lives))
            }
            11 => {
                let moments = [Moment::Recorded, Moment::Sent, Moment::Answered];
                Disturbance::KillAt(watcher, self.chance.pick(&moments))
            }
            12 => Disturbance::Admin(
                director,
                backend,
                self.chance.pick(&[HostState::Up, HostState::Down]),
            ),
            _ => match self.chance.one_in(2) {
                true => Disturbance::Stubborn(backend, 1 + self.chance.below(3) as u32),
                false => Disturbance::UserMoved(backend),
            },
        };
        self.disturb(disturbance);
    }

    /// All is well again, but for what an administrator took down.
    pub(super) fn heal(&mut self) {
        for director in 0..self.layout.skews.len() {
            self.disturb(Disturbance::Director(director, Condition::Running));
        }
        for backend in 0..self.layout.entries.len() {
            self.disturb(Disturbance::Backend(backend, Health::Healthy));
            for watcher in 0..self.layout.posts.len() {
                self.disturb(Disturbance::Link(watcher, backend, Link::Whole));
            }
        }
        for watcher in 0..self.layout.posts.len() {
            self.disturb(Disturbance::Account(watcher, Account::Accepted));
            self.disturb(Disturbance::Watcher(watcher, Life::Resume));
        }
    }
}
