//! What a monitor may send, by what it knew at that moment.

use std::time::Instant;

use poolmon::backend::HostState;
use poolmon::config::settings::Brake;
use poolmon::monitor::policy::Action;

use super::terms::{misses, reaction, runs, sees, stays_awake, throughout};
use super::{breach, Judgement};
use crate::day::Day;
use crate::history::{Known, Times, What};
use crate::monitor::Habits;
use crate::world::{Account, Disturbance, Health, Link, Program};

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
        None => Ok(all_sent(day).count()),
    }
}

/// Each goes over a connection of its own (`pool::link::send`), so that is one a connection.
pub fn at_most_one_command_a_backend_is_in_flight(day: &Day) -> Judgement {
    match all_sent(day).find(|sent| sent.known.in_flight > 0) {
        Some(sent) => breach(sent.at, format!("w{} sent {}", sent.watcher, sent.action)),
        None => Ok(all_sent(day).count()),
    }
}

pub fn nothing_is_sent_before_a_list_has_shown_the_last_command(day: &Day) -> Judgement {
    match all_sent(day).find(|sent| sent.known.unlisted) {
        Some(sent) => breach(sent.at, format!("w{} sent {}", sent.watcher, sent.action)),
        None => Ok(all_sent(day).count()),
    }
}

pub fn every_down_has_a_refuge(day: &Day) -> Judgement {
    let mut cases = 0;
    for sent in all_sent(day) {
        let needs_one = habits(day, &sent).rules.brake != Brake::Off;
        if sent.action != Action::MarkDown || !needs_one {
            continue;
        }
        cases += 1;
        if !sent.known.refuge {
            return breach(sent.at, format!("w{} b{}", sent.watcher, sent.backend));
        }
    }
    Ok(cases)
}

/// Both for what it takes down and for what it brings up.
pub fn a_monitor_acts_on_what_it_has_seen_lately(day: &Day) -> Judgement {
    let mut cases = 0;
    for (watcher, habits) in day.ours() {
        let lately = reaction(habits, day);
        for backend in day.backends() {
            let (healthy, failed) = (sees(day, watcher, backend), misses(day, watcher, backend));
            for sent in all_sent(day).filter(|s| (s.watcher, s.backend) == (watcher, backend)) {
                let contrary = match sent.action {
                    Action::MarkDown => healthy,
                    Action::MarkUp => failed,
                    Action::Drain => continue,
                };
                let since = sent.at.checked_sub(lately).unwrap_or(day.history.start);
                cases += 1;
                let since = since.max(day.history.start);
                let is_awake = throughout(stays_awake(day, watcher), since, sent.at);
                if is_awake && throughout(contrary, since, sent.at) {
                    return breach(sent.at, format!("w{watcher} {} b{backend}", sent.action));
                }
            }
        }
    }
    Ok(cases)
}

pub fn no_down_exceeds_the_operators_limit(day: &Day) -> Judgement {
    let mut cases = 0;
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
            Brake::Refuge | Brake::Off => continue,
            Brake::AtMost(most) => down.len() > most as usize,
            Brake::Percent(percent) => {
                let weight = |backend: usize| entries[backend].vhosts;
                let all: u32 = day.backends().filter(|b| of_tag(*b)).map(weight).sum();
                let gone: u32 = down.iter().map(|backend| weight(*backend)).sum();
                gone * 100 > all * u32::from(percent)
            }
        };
        cases += 1;
        if exceeded {
            return breach(
                sent.at,
                format!("w{} b{}: {down:?}", sent.watcher, sent.backend),
            );
        }
    }
    Ok(cases)
}

/// What its last probes before have shown may still be acted on, until the next ones.
pub fn a_monitor_that_reaches_nothing_changes_nothing(day: &Day) -> Judgement {
    let mut cases = 0;
    for (watcher, habits) in day.ours() {
        let mut blind = runs(day, watcher).clone();
        for backend in day.backends() {
            blind = blind.and(misses(day, watcher, backend));
        }
        let blind = blind.settled(reaction(habits, day));
        cases += blind.0.len();
        let sent = all_sent(day).find(|sent| {
            sent.watcher == watcher && sent.action != Action::Drain && blind.contains(sent.at)
        });
        if let Some(sent) = sent {
            return breach(sent.at, format!("blind w{watcher} sent {}", sent.action));
        }
    }
    Ok(cases)
}

/// Not where the backend has failed otherwise shortly before: that may still be acted on.
pub fn a_login_refused_wherever_it_is_used_takes_nobody_down(day: &Day) -> Judgement {
    let mut cases = 0;
    for (watcher, habits) in day.ours() {
        let lately = reaction(habits, day);
        for backend in day.backends() {
            let refused = only_its_login_refused(day, watcher, backend).settled(lately);
            cases += refused.0.len();
            let sent = all_sent(day).find(|sent| {
                (sent.watcher, sent.backend) == (watcher, backend)
                    && sent.action == Action::MarkDown
                    && refused.contains(sent.at)
            });
            if let Some(sent) = sent {
                return breach(sent.at, format!("w{watcher} took b{backend} down"));
            }
        }
    }
    Ok(cases)
}

/// When nothing else spoke against the backend.
fn only_its_login_refused(day: &Day, watcher: usize, backend: usize) -> Times {
    let refused_as = day.layout.logins[backend].map(Account::RefusedAs);
    let account = day.history.times(false, |what| match what {
        What::Disturbed(Disturbance::Account(w, account)) if *w == watcher => {
            Some(Some(*account) == refused_as)
        }
        _ => None,
    });
    let health = day.history.times(true, |what| match what {
        What::Disturbed(Disturbance::Backend(b, health)) if *b == backend => {
            Some(*health == Health::Healthy)
        }
        _ => None,
    });
    let link = day.history.times(true, |what| match what {
        What::Disturbed(Disturbance::Link(w, b, link)) if (*w, *b) == (watcher, backend) => {
            Some(*link == Link::Whole)
        }
        _ => None,
    });
    let shared = day.history.times(true, |what| match what {
        What::Disturbed(Disturbance::Shared(w, b, stage)) if (*w, *b) == (watcher, backend) => {
            Some(stage.is_none())
        }
        _ => None,
    });
    let known = stays_awake(day, watcher);
    account.and(&health).and(&link).and(&shared).and(known)
}
