//! What the lists of several directors show together, and how often they change.

use super::history::History;
use super::judge::{clock, patience, span, Judgement, HOLD};
use super::plan::DIRECTORS;
use super::terms::{self, Terms};

/// How long a change may take from one director to another: 1.5 s at most in soaks of half an hour.
fn round_the_ring() -> u64 {
    patience(8)
}

/// Of Dovecot rather than of the monitors: without it the other properties say little. A case is a change. A director that
/// was cut off may be synced with itself alone.
pub fn synced_directors_agree(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    let joined = terms.split.without(history.end);
    for backend in History::all_backends() {
        let listed = |director: usize, state: char| {
            history.listed(director, move |list| {
                list.synced && list.states.get(backend) == Some(&state)
            })
        };
        for one in 0..DIRECTORS {
            let changes = terms::list_changes(history, one, backend).into_iter();
            cases += changes.filter(|(at, _)| joined.meets(*at, at + 1)).count();
            for other in (0..DIRECTORS).filter(|other| *other != one) {
                let differ = listed(one, 'U').and(&listed(other, 'D')).and(&joined);
                let is_long = |(from, to): &&(u64, u64)| to - from > round_the_ring();
                if let Some((from, to)) = differ.0.iter().find(is_long) {
                    return Err(format!(
                        "{}: for {} backend {} is up at director {} and down at director {}",
                        clock(*from),
                        span(to - from),
                        backend + 1,
                        one + 1,
                        other + 1
                    ));
                }
            }
        }
    }
    Ok(cases)
}

/// From a failure until something else is done that concerns this backend: at each director it goes down once at most,
/// and up once.
pub fn one_failure_costs_one_down_and_one_up(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for backend in History::all_backends() {
        for spell in terms::deaths(history, backend) {
            for director in 0..DIRECTORS {
                let others = terms.disturbs_list(history, director, backend, spell);
                let until = others.next_after(spell.starting).unwrap_or(history.end);
                let changes = terms::list_changes(history, director, backend).into_iter();
                let changes = changes.filter(|(at, _)| (spell.starting..until).contains(at));
                let changes: String = changes.map(|(_, state)| state).collect();
                cases += usize::from(!changes.is_empty());
                if !["", "D", "DU"].contains(&&*changes) {
                    return Err(format!(
                        "{}: backend {} fails once and goes {changes} at director {}",
                        clock(spell.starting),
                        backend + 1,
                        director + 1
                    ));
                }
            }
        }
    }
    Ok(cases)
}

/// One monitor does not reach it, the others do: it goes down at first, and again after each hold, which is twice as
/// long as the one before. A monitor that is started again begins with the first hold.
pub fn a_disputed_backend_changes_less_and_less(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for backend in History::all_backends() {
        let losses = history.acts.iter().filter(|spell| {
            spell.word == "monitor-loses-backend" && spell.objects.get(1) == Some(&backend)
        });
        for loss in losses {
            for director in 0..DIRECTORS {
                let disturbed = terms.disturbs_list(history, director, backend, loss);
                let ended = terms.told_to_end.iter();
                let disturbed = ended.fold(disturbed, |all, ended| all.or(ended));
                let until = disturbed.next_after(loss.starting).unwrap_or(history.end);
                let most = most_changes(until.min(loss.ended).saturating_sub(loss.starting));
                let changes = terms::list_changes(history, director, backend).into_iter();
                let changes = changes.filter(|(at, _)| (loss.starting..until).contains(at));
                let count = changes.count();
                cases += usize::from(count > 0);
                if count > most {
                    return Err(format!(
                        "{}: disputed backend {} changes {count} times, not {most}, at director {}",
                        clock(loss.starting),
                        backend + 1,
                        director + 1
                    ));
                }
            }
        }
    }
    Ok(cases)
}

/// A change each way in the first hold and at the end of each, and one at last: the simulator's figure.
fn most_changes(time: u64) -> usize {
    let mut hold = HOLD.as_millis() as u64;
    let (mut holds, mut passed) = (0, hold);
    while passed <= time {
        holds += 1;
        hold *= 2;
        passed += hold;
    }
    3 + 2 * holds
}
