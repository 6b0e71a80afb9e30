//! Who is there on a random day: directors, backends, monitors, and what their operators have set.

use std::time::Duration;

use poolmon::backend::Tag;
use poolmon::config::settings::{self, Brake, DrainMode, Mode, MoveLimit, Pace, Restore, Rules};

use super::{DELAY_LIMITS, RAPID_ROUNDS};
use crate::chance::Chance;
use crate::monitor::{Checked, Habits};
use crate::ring::{Age, Entry};
use crate::world::{Layout, Post, Program};

pub(super) fn random_layout(chance: &mut Chance) -> Layout {
    let directors = chance.pick(&[1, 1, 2, 2, 2, 3, 3, 4]);
    let backends = 2 + chance.below(4);
    let tags = if backends > 3 && chance.one_in(2) {
        2
    } else {
        1
    };
    let restore = if chance.one_in(3) {
        Restore::Own
    } else {
        Restore::Any
    };
    let entries = (0..backends)
        .map(|backend| Entry {
            tag: match backend % tags {
                0 => Tag::default(),
                _ => Tag::new("archive"),
            },
            vhosts: if chance.one_in(12) { 0 } else { 100 },
        })
        .collect();
    let mut posts = Vec::new();
    for director in 0..directors {
        if director == 0 || !chance.one_in(6) {
            let program = Program::Ours(random_habits(chance, restore));
            posts.push(Post { director, program });
        }
    }
    if chance.one_in(5) {
        posts.push(Post {
            director: chance.below(directors),
            program: Program::Perl {
                interval: chance.seconds(2, 30),
                timeout: chance.seconds(2, 5),
            },
        });
    }
    Layout {
        age: Age::Current,
        logins: vec![None; backends],
        entries,
        services: 1 + chance.below(2),
        skews: (0..directors)
            .map(|_| chance.milliseconds(0, 3000))
            .collect(),
        hop: chance.milliseconds(1, 60),
        posts,
    }
}

fn random_habits(chance: &mut Chance, restore: Restore) -> Habits {
    let interval = Duration::from_secs(chance.pick(&[3, 4, 5, 10, 20, 30]));
    Habits {
        pace: Pace {
            interval,
            login_interval: Duration::ZERO,
            timeout: chance.seconds(2, 5),
            plan: settings::Plan::Retries(settings::Retries {
                retries: chance.pick(&[0, 1, 4, 4, 4]),
                retry_delay: chance.pick(&[Duration::from_secs(3), Duration::from_secs(1)]),
            }),
            rise: chance.pick(&[1, 1, 1, 2]),
            fall: chance.pick(&[1, 1, 1, 3]),
        },
        rules: Rules {
            drain: DrainMode::Move {
                limit: MoveLimit::All,
            },
            restore,
            brake: chance.pick(&[
                Brake::Refuge,
                Brake::Refuge,
                Brake::Refuge,
                Brake::Refuge,
                Brake::AtMost(1),
                Brake::Percent(50),
            ]),
            down_delay: Duration::from_secs(chance.pick(&[0, 0, 0, 20])),
            down_delay_limit: None,
            hold: Rules::usual_hold(interval),
        },
        mode: Mode::Live,
        checked: Checked::All,
    }
}

/// Some monitors count polls as dovemon does. Drawn apart, so that all else of a seed's day is the
/// same with them and without.
pub(super) fn give_rapid_rounds(layout: &mut Layout, seed: u64) {
    let mut chance = Chance::new(seed ^ RAPID_ROUNDS);
    for post in &mut layout.posts {
        let rapid_rounds = chance.pick(&[0, 3, 10, 10]);
        let rapid = settings::Rapid {
            retry_count: chance.pick(&[1, 2, 3, 3]),
            rapid_rounds,
            rapid_fails_needed: chance.pick(&[2, 7, 7]).min(rapid_rounds),
            rapid_timeout: chance.seconds(1, 3),
        };
        match &mut post.program {
            Program::Ours(habits) if chance.one_in(3) => {
                habits.pace.plan = settings::Plan::Rapid(rapid);
            }
            _ => {}
        }
    }
}

/// Some monitors that wait before a down do nothing where too many are due. Drawn apart, too.
pub(super) fn give_delay_limits(layout: &mut Layout, seed: u64) {
    let mut chance = Chance::new(seed ^ DELAY_LIMITS);
    for post in &mut layout.posts {
        let limit = chance.pick(&[None, None, Some(1), Some(2)]);
        match &mut post.program {
            Program::Ours(habits) if !habits.rules.down_delay.is_zero() => {
                habits.rules.down_delay_limit = limit;
            }
            _ => {}
        }
    }
}
