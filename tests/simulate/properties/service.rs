//! Users have somewhere to go.

use std::ops::Range;
use std::time::Duration;

use poolmon::backend::HostState;
use poolmon::config::settings::Restore;

use super::terms::{self, acts, reaction, sees, settings_at};
use super::{breach, Judgement};
use crate::day::Day;
use crate::history::{History, Times, What};
use crate::monitor::Habits;

/// After commands that the director did not do.
const LONGEST_PAUSE: Duration = Duration::from_secs(70);

/// When this director listed none of these backends up.
pub fn without_up(history: &History, director: usize, backends: Range<usize>) -> Times {
    let mut none = Times(vec![(history.start, history.end)]);
    for backend in backends {
        none = none.and(&listed(history, director, backend, HostState::Down));
    }
    none
}

/// When this director listed a backend so.
pub fn listed(history: &History, director: usize, backend: usize, state: HostState) -> Times {
    history.times(state == HostState::Up, |what| match what {
        What::Listed {
            director: d,
            backend: b,
            state: shown,
        } if (*d, *b) == (director, backend) => Some(*shown == state),
        _ => None,
    })
}

fn restores_any(day: &Day, watcher: usize) -> Times {
    let first = settings_at(day, watcher, day.history.start);
    let restores_any = |habits: &Habits| habits.rules.restore == Restore::Any;
    day.history.times(restores_any(first), |what| match what {
        What::Uses { watcher: w, habits } if *w == watcher => Some(restores_any(habits)),
        _ => None,
    })
}

/// As soon as a monitor sees one healthy and can tell its director.
pub fn a_tag_with_a_healthy_backend_is_in_service(day: &Day) -> Judgement {
    let mut cases = 0;
    for watcher in day.ours() {
        let director = day.layout.posts[watcher].director;
        let acts = acts(day, watcher).and(&restores_any(day, watcher));
        for backend in day.backends() {
            let entry = &day.layout.entries[backend];
            if entry.vhosts == 0 {
                continue;
            }
            let mut gone = acts.and(sees(day, watcher, backend));
            for other in day.backends() {
                if day.layout.entries[other].tag == entry.tag {
                    gone = gone.and(terms::listed(day, director, other, HostState::Down));
                }
            }
            cases += gone.0.len();
            for &(from, to) in &gone.0 {
                let bound = reaction(day, watcher, (from, to)) + LONGEST_PAUSE;
                if to - from > bound {
                    let text = format!("b{backend} passes at w{watcher}, its tag has none up");
                    return breach(from + bound, text);
                }
            }
        }
    }
    Ok(cases)
}
