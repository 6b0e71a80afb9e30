//! A day that bytes choose, for fuzzing: the first two its layout, and each four behind them what happens next.
//!
//! What can happen is what can happen on a random day, at any time and in any order; and at its end all is healed.
//! The properties are the same.

use std::time::Duration;

use poolmon::backend::HostState;
use poolmon::outcome::Stage;

use super::{give_delay_limits, give_logins, give_rapid_rounds, random_layout, Day, Plan, Storms};
use crate::chance::Chance;
use crate::monitor::Disk;
use crate::properties;
use crate::ring::Condition;
use crate::world::{Account, Disturbance, Health, Life, Link, Moment, Program, World};

/// Whatever is given, nothing begins later.
const LONGEST: Duration = Duration::from_secs(6000);

/// So much happens at most.
const MOST: usize = 120;

/// Between two interruptions of monitors, which last 250 s at most: a calm has none of them.
const UNINTERRUPTED: Duration = Duration::from_secs(20);

/// Lives the day, and panics where a property does not hold.
pub fn engine(data: &[u8]) {
    let (layout, happenings) = match data {
        [low, high, happenings @ ..] => (u64::from(*high) << 8 | u64::from(*low), happenings),
        _ => return,
    };
    let day = live(layout, happenings);
    for property in properties::ALL {
        if let Err(breach) = (property.judge)(&day) {
            let at = day.history.seconds(breach.at);
            let (before, after) = (Duration::from_secs(1000), Duration::from_secs(30));
            let near = day.history.around(breach.at, before, after);
            panic!(
                "{:#?}\n{near}\n{}: {}, at {at:.3} s",
                day.layout, property.claim, breach.text
            );
        }
    }
}

fn live(seed: u64, happenings: &[u8]) -> Day {
    let mut chance = Chance::new(seed);
    let mut layout = random_layout(&mut chance);
    give_rapid_rounds(&mut layout, seed);
    give_delay_limits(&mut layout, seed);
    let mut storms = Storms {
        now: Duration::from_secs(60),
        chance: &mut chance,
        layout: &layout,
        events: Vec::new(),
    };
    let mut uninterrupted_from = Duration::ZERO;
    for happening in happenings.chunks_exact(4).take(MOST) {
        storms.now = (storms.now + pause(happening[0])).min(LONGEST);
        storms.happen(
            [happening[1], happening[2], happening[3]],
            &mut uninterrupted_from,
        );
    }
    storms.now = storms.now.max(uninterrupted_from);
    storms.heal();
    storms.heal_the_rest();
    let length = storms.now + Duration::from_secs(4500);
    let mut plan = Plan {
        events: storms.events,
        length,
    };
    give_logins(&mut layout, &mut plan, seed);
    let mut world = World::new(&layout, chance.roll());
    for (at, disturbance) in plan.events {
        world.disturb(at, disturbance);
    }
    Day::through(world, layout, plan.length)
}

/// Up to half a minute in quarters of a second, or up to nine minutes.
fn pause(byte: u8) -> Duration {
    match byte {
        0..=127 => Duration::from_millis(250) * u32::from(byte),
        128..=255 => Duration::from_secs(4) * u32::from(byte - 127),
    }
}

impl Storms<'_> {
    fn happen(&mut self, [what, who, how]: [u8; 3], uninterrupted_from: &mut Duration) {
        let backends = self.layout.entries.len();
        let backend = usize::from(who) % backends;
        let watcher = usize::from(who >> 4) % self.layout.posts.len();
        let director = usize::from(who >> 4) % self.layout.skews.len();
        let of = |count: usize| usize::from(how) % count;
        let disturbance = match what % 16 {
            0 | 1 => {
                let health = [
                    Health::Refusing,
                    Health::Frozen,
                    Health::HalfFrozen,
                    Health::Healthy,
                    Health::Split,
                ];
                Disturbance::Backend(backend, health[of(5)])
            }
            2 => {
                let links = [
                    Link::Whole,
                    Link::Lost,
                    Link::Lossy,
                    Link::Refused,
                    Link::Prohibited,
                    Link::HalfProhibited,
                ];
                let link = match (&self.layout.posts[watcher].program, links[of(6)]) {
                    // poolmon takes every failure for the backend's.
                    (Program::Perl { .. }, Link::Prohibited | Link::HalfProhibited) => {
                        Link::Refused
                    }
                    (_, link) => link,
                };
                Disturbance::Link(watcher, backend, link)
            }
            3 => Disturbance::Account(watcher, [Account::Refused, Account::Accepted][of(2)]),
            4 | 5 => {
                let conditions = [Condition::Running, Condition::Frozen, Condition::Dead];
                Disturbance::Director(director, conditions[of(3)])
            }
            6 => {
                let lives = [
                    Life::Crash,
                    Life::Start,
                    Life::StartWithoutStateFile,
                    Life::Resume,
                ];
                Disturbance::Watcher(watcher, lives[of(4)])
            }
            7 => {
                let moments = [Moment::Recorded, Moment::Sent, Moment::Answered];
                match how & 4 {
                    0 => Disturbance::KillAt(watcher, moments[of(3)]),
                    _ => Disturbance::LoseAt(watcher, moments[of(3)]),
                }
            }
            8 | 9 => Disturbance::Admin(director, backend, [HostState::Up, HostState::Down][of(2)]),
            10 => Disturbance::Stubborn(backend, 1 + of(3) as u32),
            11 => Disturbance::UserMoved(backend),
            12 => {
                let stages = [Stage::Upgrade, Stage::Login, Stage::Select];
                let stage = stages.get(of(4)).copied();
                Disturbance::Shared(watcher, backend, stage)
            }
            13 => {
                let late = Disk::Late(Duration::from_millis(12 * u64::from(how)));
                let disks = [Disk::Good, late, Disk::Hangs, Disk::Full];
                Disturbance::Disk(watcher, disks[of(4)])
            }
            14 => return self.interrupt(watcher, how, uninterrupted_from),
            _ => return self.heal(),
        };
        self.disturb(disturbance);
    }

    fn interrupt(&mut self, watcher: usize, how: u8, uninterrupted_from: &mut Duration) {
        if self.now < *uninterrupted_from {
            return;
        }
        let lasts = Duration::from_secs(1 + u64::from(how) % 250);
        self.disturb(Disturbance::Still(watcher, lasts));
        let ends = self.now + lasts;
        self.events
            .push((ends, Disturbance::Still(watcher, Duration::ZERO)));
        *uninterrupted_from = ends + UNINTERRUPTED;
    }

    /// What only these days, and not the storms, have disturbed.
    fn heal_the_rest(&mut self) {
        for watcher in 0..self.layout.posts.len() {
            self.disturb(Disturbance::Disk(watcher, Disk::Good));
            for backend in 0..self.layout.entries.len() {
                self.disturb(Disturbance::Shared(watcher, backend, None));
            }
        }
    }
}
