//! What a monitor may send, by what it knew at that moment.

use std::time::Instant;

use poolmon::backend::HostState;
use poolmon::config::settings::Brake;
use poolmon::policy::Action;

use super::terms::{misses, reaction, runs};
use super::{breach, Judgement};
use crate::coordinator::Habits;
use crate::day::Day;
use crate::history::{Known, What};
use crate::world::Program;

struct Sent<'a> {
    at: Instant,
    watcher: usize,
    backend: usize,
    action: Action,
    known: &'a Known,
}

fn all_sent(day: &Day) -> impl Iterator<Item = Sent<'_>> + '_ {
    day.history
        .records
        .iter()
        .filter_map(|record| match &record.what {
            What::Sent {
                watcher,
                backend,
                action,
                known,
                ..
            } => Some(Sent {
                at: record.at,
                watcher: *watcher,
                backend: *backend,
                action: *action,
                known,
            }),
            _ => None,
        })
}

fn habits<'a>(day: &'a Day, sent: &Sent<'_>) -> &'a Habits {
    match &day.layout.posts[sent.watcher].program {
        Program::Ours(habits) => habits,
        Program::Perl { .. } => unreachable!("only ours note what they send"),
    }
}

pub fn nothing_is_sent_into_a_ring_that_the_list_shows_unsynced(day: &Day) -> Judgement {
    match all_sent(day).find(|sent| !sent.known.ring_synced) {
        Some(sent) => breach(sent.at, format!("w{} sent {}", sent.watcher, sent.action)),
        None => Ok(()),
    }
}

pub fn at_most_one_command_a_backend_is_in_flight(day: &Day) -> Judgement {
    match all_sent(day).find(|sent| sent.known.in_flight > 0) {
        Some(sent) => breach(sent.at, format!("w{} sent {}", sent.watcher, sent.action)),
        None => Ok(()),
    }
}

pub fn every_down_has_a_refuge(day: &Day) -> Judgement {
    for sent in all_sent(day) {
        let needs_one = habits(day, &sent).rules.brake != Brake::Off;
        if sent.action == Action::MarkDown && needs_one && !sent.known.refuge {
            return breach(sent.at, format!("w{} b{}", sent.watcher, sent.backend));
        }
    }
    Ok(())
}

pub fn no_down_exceeds_the_operators_limit(day: &Day) -> Judgement {
    for sent in all_sent(day) {
        if sent.action != Action::MarkDown {
            continue;
        }
        let entries = &day.layout.entries;
        let of_tag = |backend: usize| entries[backend].tag == entries[sent.backend].tag;
        let is_down = |backend: usize| {
            let listed = |state| {
                sent.known
                    .list
                    .iter()
                    .any(|row| row.backend == backend && row.state == state)
            };
            backend == sent.backend
                || listed(HostState::Down)
                || (sent.known.going_down.contains(&backend) && listed(HostState::Up))
        };
        let down: Vec<usize> = day
            .backends()
            .filter(|b| of_tag(*b) && is_down(*b))
            .collect();
        let exceeded = match habits(day, &sent).rules.brake {
            Brake::Refuge | Brake::Off => false,
            Brake::AtMost(most) => down.len() > most as usize,
            Brake::Percent(percent) => {
                let weight = |backend: usize| entries[backend].vhosts;
                let all: u32 = day.backends().filter(|b| of_tag(*b)).map(weight).sum();
                let gone: u32 = down.iter().map(|backend| weight(*backend)).sum();
                gone * 100 > all * u32::from(percent)
            }
        };
        if exceeded {
            return breach(
                sent.at,
                format!("w{} b{}: {down:?}", sent.watcher, sent.backend),
            );
        }
    }
    Ok(())
}

/// What its last probes before have shown may still be acted on, until the next ones.
pub fn a_monitor_that_reaches_nothing_changes_nothing(day: &Day) -> Judgement {
    for (watcher, habits) in day.ours() {
        let mut blind = runs(day, watcher);
        for backend in day.backends() {
            blind = blind.and(&misses(day, watcher, backend));
        }
        let blind = blind.settled(reaction(habits, day));
        let sent = all_sent(day).find(|sent| {
            sent.watcher == watcher && sent.action != Action::Drain && blind.contains(sent.at)
        });
        if let Some(sent) = sent {
            return breach(sent.at, format!("blind w{watcher} sent {}", sent.action));
        }
    }
    Ok(())
}
