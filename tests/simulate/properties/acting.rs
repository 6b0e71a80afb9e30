//! What a monitor may send, by what it knew at that moment.

use std::time::Instant;

use poolmon::backend::HostState;
use poolmon::config::settings::{Brake, Mode};
use poolmon::monitor::policy::Action;

use super::terms::{
    lately, misses, reaction, runs, sees, settings_at, settings_within, stays_awake, throughout,
};
use super::{breach, Judgement};
use crate::day::Day;
use crate::history::{Known, Times, What};
use crate::monitor::Habits;
use crate::world::{Account, Disturbance, Health, Link};

struct Sent<'a> {
    at: Instant,
    watcher: usize,
    backend: usize,
    action: Action,
    known: &'a Known,
    /// The settings in force then.
    habits: &'a Habits,
}

fn all_sent(day: &Day) -> impl Iterator<Item = Sent<'_>> + '_ {
    let records = day.history.records.iter();
    records.filter_map(move |record| match &record.what {
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
            habits: settings_at(day, *watcher, record.at),
        }),
        _ => None,
    })
}

pub fn nothing_is_sent_in_a_dry_run(day: &Day) -> Judgement {
    match all_sent(day).find(|sent| sent.habits.mode == Mode::DryRun) {
        Some(sent) => breach(sent.at, format!("w{} sent {}", sent.watcher, sent.action)),
        None => {
            let (start, end) = (day.history.start, day.history.end);
            let dry = |watcher| {
                let habits = settings_within(day, watcher, start, end);
                habits.filter(|habits| habits.mode == Mode::DryRun).count()
            };
            Ok(day.ours().map(dry).sum())
        }
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
        let needs_one = sent.habits.rules.brake != Brake::Off;
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

/// Both for what it takes down and for what it brings up. Not where a backend has left the lists or come back since:
/// what was found out before is then compared with fewer others, or more.
pub fn a_monitor_acts_on_what_it_has_seen_lately(day: &Day) -> Judgement {
    let mut cases = 0;
    for watcher in day.ours() {
        for backend in day.backends() {
            // A fault that the others have as well does not count as failed, and condemns the backend as soon as enough
            // of them pass. So what speaks against a down is a time in which it was healthy and had no such fault.
            let healthy = sees(day, watcher, backend).and(&spared(day, watcher, backend));
            let failed = misses(day, watcher, backend);
            for sent in all_sent(day).filter(|s| (s.watcher, s.backend) == (watcher, backend)) {
                let contrary = match sent.action {
                    Action::MarkDown => &healthy,
                    Action::MarkUp => failed,
                    Action::Drain => continue,
                };
                let lately = lately(day, watcher, sent.at);
                let since = sent.at.checked_sub(lately).unwrap_or(day.history.start);
                let since = since.max(day.history.start);
                let is_awake = throughout(stays_awake(day, watcher), since, sent.at);
                if !is_awake || is_list_changed(day, since, sent.at) {
                    continue;
                }
                cases += 1;
                if throughout(contrary, since, sent.at) {
                    return breach(sent.at, format!("w{watcher} {} b{backend}", sent.action));
                }
            }
        }
    }
    Ok(cases)
}

fn is_list_changed(day: &Day, from: Instant, to: Instant) -> bool {
    let is_listing = |what: &What| matches!(what, What::Disturbed(Disturbance::Listed(..)));
    let mut records = day.history.records.iter();
    records.any(|record| from <= record.at && record.at <= to && is_listing(&record.what))
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
        let exceeded = match sent.habits.rules.brake {
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

/// What its last probes before have shown may still be acted on, until the next ones. Not where it is to do without a
/// refuge: then it takes down whatever it does not reach.
pub fn a_monitor_that_reaches_nothing_changes_nothing(day: &Day) -> Judgement {
    let mut cases = 0;
    for watcher in day.ours() {
        let mut blind = runs(day, watcher).clone();
        for backend in day.backends() {
            blind = blind.and(misses(day, watcher, backend));
        }
        cases += settled(day, watcher, &blind);
        let sent = all_sent(day).find(|sent| {
            sent.watcher == watcher
                && sent.action != Action::Drain
                && sent.habits.rules.brake != Brake::Off
                && has_lasted(day, &blind, sent)
        });
        if let Some(sent) = sent {
            return breach(sent.at, format!("blind w{watcher} sent {}", sent.action));
        }
    }
    Ok(cases)
}

/// Evidence that is asked for comes to an end.
pub fn nobody_is_tried_without_a_pause(day: &Day) -> Judgement {
    for record in &day.history.records {
        if let What::Hurried { watcher, backend } = record.what {
            if day.ours().any(|ours| ours == watcher) {
                return breach(record.at, format!("w{watcher} hurries at b{backend}"));
            }
        }
    }
    Ok(day.ours().map(|_| day.backends().count()).sum())
}

/// Not where the backend has failed otherwise shortly before: that may still be acted on.
pub fn a_login_refused_wherever_it_is_used_takes_nobody_down(day: &Day) -> Judgement {
    let mut cases = 0;
    for watcher in day.ours() {
        for backend in day.backends() {
            let refused = only_its_login_refused(day, watcher, backend);
            cases += settled(day, watcher, &refused);
            let sent = all_sent(day).find(|sent| {
                (sent.watcher, sent.backend) == (watcher, backend)
                    && sent.action == Action::MarkDown
                    && has_lasted(day, &refused, sent)
            });
            if let Some(sent) = sent {
                return breach(sent.at, format!("w{watcher} took b{backend} down"));
            }
        }
    }
    Ok(cases)
}

/// How often it was so for longer than the monitor needs to see it.
fn settled(day: &Day, watcher: usize, times: &Times) -> usize {
    let is_long = |span: &&(Instant, Instant)| span.1 - span.0 > reaction(day, watcher, **span);
    times.0.iter().filter(is_long).count()
}

/// Whether it was so when this was sent, and for longer than what is acted on may be old.
fn has_lasted(day: &Day, times: &Times, sent: &Sent<'_>) -> bool {
    let from = sent.at.checked_sub(lately(day, sent.watcher, sent.at));
    from.map_or(false, |from| throughout(times, from, sent.at))
}

/// When the backend met no fault that others could have as well: its login was taken, and nothing was refused.
fn spared(day: &Day, watcher: usize, backend: usize) -> Times {
    let taken = day.history.times(true, |what| match what {
        What::Disturbed(Disturbance::Account(w, account)) if *w == watcher => Some(match account {
            Account::Accepted => true,
            Account::Refused => false,
            Account::RefusedAs(login) => day.layout.logins[backend] != Some(*login),
        }),
        _ => None,
    });
    taken.and(&without_shared_fault(day, watcher, backend))
}

fn without_shared_fault(day: &Day, watcher: usize, backend: usize) -> Times {
    day.history.times(true, |what| match what {
        What::Disturbed(Disturbance::Shared(w, b, stage)) if (*w, *b) == (watcher, backend) => {
            Some(stage.is_none())
        }
        _ => None,
    })
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
    let shared = without_shared_fault(day, watcher, backend);
    let known = stays_awake(day, watcher);
    account.and(&health).and(&link).and(&shared).and(known)
}
