//! Users have somewhere to go.

use std::ops::Range;
use std::time::Duration;

use poolmon::backend::HostState;
use poolmon::config::settings::Restore;

use super::terms::{self, acts, reaction, sees};
use super::{breach, Judgement};
use crate::day::Day;
use crate::history::{History, Times, What};

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

/// As soon as a monitor sees one healthy and can tell its director.
pub fn a_tag_with_a_healthy_backend_is_in_service(day: &Day) -> Judgement {
    let mut cases = 0;
    for (watcher, habits) in day.ours() {
        if habits.rules.restore == Restore::Own {
            continue;
        }
        let director = day.layout.posts[watcher].director;
        let acts = acts(day, watcher);
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
            let bound = reaction(habits, day) + LONGEST_PAUSE;
            cases += gone.0.len();
            let late = gone.settled(bound);
            if let Some((at, _)) = late.0.first() {
                let text = format!("b{backend} passes at w{watcher}, its tag has none up");
                return breach(*at, text);
            }
        }
    }
    Ok(cases)
}
