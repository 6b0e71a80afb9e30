//! Small worlds with one story each, and what the story may cost.

mod dry_run;
mod judged;
mod limits;
mod local;
mod old_directors;
mod promised_times;
mod rapid;
mod reloads;
mod table;
mod unsteady;

use std::time::Duration;

use poolmon::backend::Tag;
use poolmon::config::settings::{
    Brake, DrainMode, Mode, MoveLimit, Pace, Plan, Restore, Retries, Rules,
};

use crate::monitor::{Checked, Habits};
use crate::ring::{Age, Entry};
use crate::world::{Disturbance, Health, Layout, Link, Post, Program, World};

pub const SEEDS: u64 = 8;

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// poolmon's defaults but for the interval and the time-out.
pub fn habits(interval: u64) -> Habits {
    let interval = seconds(interval);
    Habits {
        pace: Pace {
            interval,
            login_interval: Duration::ZERO,
            timeout: seconds(5),
            plan: Plan::Retries(Retries {
                retries: 4,
                retry_delay: seconds(3),
            }),
            rise: 1,
            fall: 1,
        },
        rules: Rules {
            drain: DrainMode::Move {
                limit: MoveLimit::All,
            },
            restore: Restore::Any,
            brake: Brake::Refuge,
            down_delay: Duration::ZERO,
            down_delay_limit: None,
            hold: Rules::usual_hold(interval),
        },
        mode: Mode::Live,
        checked: Checked::All,
    }
}

pub fn ours(director: usize, interval: u64) -> Post {
    Post {
        director,
        program: Program::Ours(habits(interval)),
    }
}

pub fn perl(director: usize, interval: u64) -> Post {
    Post {
        director,
        program: Program::Perl {
            interval: seconds(interval),
            timeout: seconds(5),
        },
    }
}

/// Backends without a tag; each post has a director of its own unless it says otherwise.
pub fn layout(backends: usize, posts: Vec<Post>) -> Layout {
    let directors = posts.iter().map(|post| post.director).max().unwrap_or(0) + 1;
    let entry = Entry {
        tag: Tag::default(),
        vhosts: 100,
    };
    Layout {
        age: Age::Current,
        logins: vec![None; backends],
        entries: vec![entry; backends],
        services: 1,
        skews: vec![Duration::ZERO; directors],
        hop: Duration::from_millis(1),
        posts,
    }
}

/// Intervals of 3, 4 and 5 s, one monitor on each director.
pub fn three_monitors() -> Layout {
    layout(3, vec![ours(0, 3), ours(1, 4), ours(2, 5)])
}

pub fn two_monitors() -> Layout {
    layout(3, vec![ours(0, 3), ours(1, 4)])
}

pub struct Story<'a> {
    pub world: World,
    pub name: &'a str,
    pub seed: u64,
}

/// Tells a story with several seeds, and then asks what it has cost.
pub fn tell(
    name: &str,
    layout: &Layout,
    events: &[(u64, Disturbance)],
    length: u64,
    judge: impl Fn(&Story<'_>),
) {
    for seed in 0..SEEDS {
        let mut world = World::new(layout, seed);
        for (at, disturbance) in events {
            world.disturb(seconds(*at), *disturbance);
        }
        world.run_to(seconds(length));
        judge(&Story { world, name, seed });
    }
}

impl Story<'_> {
    pub fn changes(&self, backend: usize) -> usize {
        self.world.history.changes(backend).len()
    }

    pub fn check_changes_at_most(&self, most: &[usize]) {
        for (backend, most) in most.iter().enumerate() {
            let changes = self.changes(backend);
            assert!(
                changes <= *most,
                "{}: b{backend} changed {changes} times, not {most}\n{}",
                self,
                self.log()
            );
        }
    }

    pub fn check_changes(&self, expected: &[usize]) {
        let changes: Vec<usize> = (0..expected.len())
            .map(|backend| self.changes(backend))
            .collect();
        assert_eq!(changes, expected, "{}\n{}", self, self.log());
    }

    pub fn log(&self) -> String {
        let history = &self.world.history;
        let all = history.end - history.start;
        history.around(history.start, Duration::ZERO, all)
    }

    /// The longest time for which no backend of 0 to `backends` was up in a director's list.
    pub fn longest_without_service(&self, director: usize, backends: usize) -> Duration {
        crate::properties::service::without_up(&self.world.history, director, 0..backends).longest()
    }
}

impl std::fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, seed {}", self.name, self.seed)
    }
}

pub fn dies(backend: usize) -> Disturbance {
    Disturbance::Backend(backend, Health::Refusing)
}

pub fn recovers(backend: usize) -> Disturbance {
    Disturbance::Backend(backend, Health::Healthy)
}

pub fn cut(watcher: usize, backend: usize) -> Disturbance {
    Disturbance::Link(watcher, backend, Link::Refused)
}
