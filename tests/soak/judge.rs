//! What must hold of a recording: the simulator's properties as far as they show from outside, and that
//! the end is like the start.
//!
//! Each property says how often it was put to the test, or where it is broken. A property that nothing put
//! to the test says so in the table: its count is 0.

use std::time::Duration;

use super::dates::{
    log_lines_are_dated_by_the_monitors_clock, no_monitor_has_started_in_the_future,
    status_files_are_dated_by_the_monitors_clock,
};
use super::history::{History, List};
use super::plan::{BACKENDS, DIRECTORS, LASTING, MONITORS};
use super::said::BEGINS_AND_ENDS;
use super::terms::{self, Terms};
use crate::lab::slowness::stretched;

/// The monitors' setting.
pub const HOLD: Duration = Duration::from_secs(30);

/// A list shows a command of another director's at most so much later, and is read four times a second.
const LIST_AGE: u64 = 2_000;

pub type Judgement = Result<usize, String>;

pub struct Property {
    pub claim: &'static str,
    pub judge: fn(&History, &Terms) -> Judgement,
}

macro_rules! properties {
    ($($name:ident),* $(,)?) => {
        &[$(Property { claim: stringify!($name), judge: $name }),*]
    };
}

pub const ALL: &[Property] = properties![
    no_monitor_takes_the_last_backend_down,
    a_healthy_backend_keeps_the_pool_in_service,
    a_dead_backend_is_down_in_time,
    nobody_is_left_on_a_dead_backend,
    an_administrators_down_is_not_undone_within_the_hold,
    every_list_is_true_at_the_end,
    every_monitor_is_content_at_the_end,
    no_drain_is_owed_at_the_end,
    no_alarm_stands_at_the_end,
    what_was_said_to_be_amiss_is_said_to_be_over,
    no_monitor_ends_by_itself,
    no_monitor_reports_a_defect_or_loses_a_line,
    log_lines_are_dated_by_the_monitors_clock,
    status_files_are_dated_by_the_monitors_clock,
    no_monitor_has_started_in_the_future,
    no_dovecot_panics,
    descriptors_and_threads_are_as_at_the_start,
    memory_is_as_at_the_start,
];

/// When it sent one, another backend was listed up at its director, or was so as soon as a list was read: it
/// may have brought that one up just before.
fn no_monitor_takes_the_last_backend_down(history: &History, _: &Terms) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        for (at, backend, took) in terms::changes(history, monitor, "disabled:") {
            let sent = at.saturating_sub(took);
            let from = sent.saturating_sub(LIST_AGE);
            let mut lists: Vec<&List> = history.lists_within(monitor, from, sent).collect();
            if lists.is_empty() {
                continue;
            }
            lists.extend(history.lists_within(monitor, sent, sent + LIST_AGE).next());
            cases += 1;
            let has_other = |list: &&List| {
                let mut others = History::all_backends().filter(|other| *other != backend);
                others.any(|other| list.states.get(other) == Some(&'U'))
            };
            if !lists.iter().any(has_other) {
                return Err(format!(
                    "{}: monitor {} took down backend {}, the last one up",
                    clock(sent),
                    monitor + 1,
                    backend + 1
                ));
            }
        }
    }
    Ok(cases)
}

/// A monitor that sees one healthy and can act does not leave all of them down for long.
fn a_healthy_backend_keeps_the_pool_in_service(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        let none_up = history.listed(monitor, |list| !list.states.contains(&'U'));
        for backend in History::all_backends() {
            let spans = none_up
                .and(&terms.acts[monitor])
                .and(&terms.reaches[monitor][backend]);
            cases += spans.0.len();
            for &(from, to) in &spans.0 {
                if to - from > terms::reaction() {
                    return Err(format!(
                        "{}: for {} no backend is up at director {}, though backend {} is well",
                        clock(from),
                        span(to - from),
                        monitor + 1,
                        backend + 1
                    ));
                }
            }
        }
    }
    Ok(cases)
}

/// Where the ring is synced, a monitor can act and another backend is up and well for all of that time.
/// Whoever brings it up meanwhile, it is down again in time.
fn a_dead_backend_is_down_in_time(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        for backend in History::all_backends() {
            let dead = terms.should_be_down(history, monitor, backend);
            let is_long = |span: &&(u64, u64)| span.1 - span.0 > terms::reaction();
            cases += dead.0.iter().filter(is_long).count();
            let up = history.listed(monitor, |list| list.states.get(backend) == Some(&'U'));
            if let Some(late) = up.and(&dead).0.iter().find(is_long) {
                return Err(format!(
                    "{}: dead backend {} is still up at director {} after {}",
                    clock(late.1),
                    backend + 1,
                    monitor + 1,
                    span(late.1 - late.0)
                ));
            }
        }
    }
    Ok(cases)
}

fn nobody_is_left_on_a_dead_backend(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        for backend in History::all_backends() {
            let has_users = history.listed(monitor, |list| {
                list.states.get(backend) == Some(&'D') && list.users[backend] > 0
            });
            let dead = terms.should_be_down(history, monitor, backend);
            let left = has_users.and(&dead);
            cases += left.0.len();
            if left.longest() > terms::reaction() {
                let at = left
                    .0
                    .iter()
                    .find(|(from, to)| to - from > terms::reaction());
                return Err(format!(
                    "{}: users stay on dead backend {} of director {} for {}",
                    clock(at.map_or(0, |at| at.0)),
                    backend + 1,
                    monitor + 1,
                    span(left.longest())
                ));
            }
        }
    }
    Ok(cases)
}

/// By a monitor that could act and sees the backend healthy, before and since.
fn an_administrators_down_is_not_undone_within_the_hold(
    history: &History,
    terms: &Terms,
) -> Judgement {
    const BEFORE: u64 = 5_000;
    let hold = HOLD.as_millis() as u64;
    let mut cases = 0;
    let downs = history
        .replies
        .iter()
        .filter(|reply| (reply.command.as_str(), reply.text.as_str()) == ("HOST-DOWN", "OK"));
    for down in downs {
        let (at, backend) = (down.at, down.backend);
        let (from, to) = (at.saturating_sub(BEFORE), at + hold);
        let is_ours = (0..MONITORS).any(|monitor| {
            terms::changes(history, monitor, "disabled:")
                .any(|(when, which, _)| which == backend && from < when && when < to)
        });
        if is_ours {
            continue;
        }
        for monitor in 0..MONITORS {
            let mut before = history.lists_within(monitor, from, at.saturating_sub(LIST_AGE));
            let was_up = before.all(|list| list.states.get(backend) == Some(&'U'));
            // A director that starts lists what it has forgotten.
            let is_calm = !terms.directors[monitor].meets(from, to)
                && terms.acts[monitor].covers(from, at)
                && terms.reaches[monitor][backend].covers(from, at);
            // What failed meanwhile was not left down for the administrator alone, and a pool without any
            // other backend comes first.
            let failed =
                terms::failures(history, monitor, backend).any(|when| from < when && when < to);
            let without_other = history
                .listed(monitor, |list| !list.states.contains(&'U'))
                .meets(at, to);
            // A monitor that starts reads in the list's stamp how long ago the down was, by its own clock.
            let is_misled = terms.told_to_end[monitor].meets(from, to)
                && [monitor, down.director]
                    .iter()
                    .any(|&machine| terms.wrong_clocks[machine].meets(from, to));
            if !was_up || !is_calm || failed || without_other || is_misled {
                continue;
            }
            cases += 1;
            let undone = terms::changes(history, monitor, "enabled:")
                .find(|(when, which, _)| *which == backend && at < *when && *when < to - LIST_AGE);
            let by_administrator = |when: u64| {
                history.replies.iter().any(|reply| {
                    reply.backend == backend
                        && reply.command == "HOST-UP"
                        && (at..when).contains(&reply.at)
                })
            };
            if let Some((when, ..)) = undone.filter(|(when, ..)| !by_administrator(*when)) {
                return Err(format!(
                    "{}: monitor {} brought up backend {}, taken down by an administrator {} before",
                    clock(when),
                    monitor + 1,
                    backend + 1,
                    span(when - at)
                ));
            }
        }
    }
    Ok(cases)
}

/// All backends are up at all directors in a ring that is synced, and have been for a while.
fn every_list_is_true_at_the_end(history: &History, _: &Terms) -> Judgement {
    for director in 0..DIRECTORS {
        let from = history.end.saturating_sub(terms::CALM);
        let lists: Vec<&List> = history.lists_within(director, from, history.end).collect();
        let is_true = |list: &&List| list.synced && list.states == ['U'; BACKENDS];
        if lists.is_empty() || !lists.iter().all(is_true) {
            return Err(format!(
                "director {} ends with {:?}",
                director + 1,
                lists.last()
            ));
        }
    }
    Ok(DIRECTORS)
}

fn every_monitor_is_content_at_the_end(history: &History, _: &Terms) -> Judgement {
    at_the_end(history, |status| {
        let is_well = |backend: &super::history::BackendStatus| {
            (backend.verdict.as_str(), backend.rule.as_str()) == ("healthy", "-")
        };
        let all_well = status.backends.iter().all(is_well);
        (!(all_well && status.backends.len() == BACKENDS)).then(|| format!("{:?}", status.backends))
    })
}

fn no_drain_is_owed_at_the_end(history: &History, _: &Terms) -> Judgement {
    at_the_end(history, |status| {
        let is_owed = |backend: &super::history::BackendStatus| backend.drain == "owed";
        let owes = status.backends.iter().any(is_owed);
        owes.then(|| format!("{:?}", status.backends))
    })
}

fn no_alarm_stands_at_the_end(history: &History, _: &Terms) -> Judgement {
    at_the_end(history, |status| {
        (!status.alarms.is_empty()).then(|| status.alarms.join(", "))
    })
}

fn at_the_end(
    history: &History,
    trouble: impl Fn(&super::history::Status) -> Option<String>,
) -> Judgement {
    for monitor in 0..MONITORS {
        let last = history.statuses[monitor]
            .last()
            .and_then(|(_, status)| status.as_ref());
        match last {
            None => return Err(format!("monitor {} has no status file", monitor + 1)),
            Some(status) => {
                if let Some(trouble) = trouble(status) {
                    return Err(format!("monitor {}: {trouble}", monitor + 1));
                }
            }
        }
    }
    Ok(MONITORS)
}

/// The last line about it, of the process that runs at the end, says so.
fn what_was_said_to_be_amiss_is_said_to_be_over(history: &History, _: &Terms) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        let began = terms::last_start(history, monitor);
        for (begins, ends) in BEGINS_AND_ENDS {
            let lines = history.lines[monitor].iter().rev();
            let mut lines = lines.take_while(|(at, _)| *at >= began);
            let is_end = |line: &str| ends.iter().any(|end| line.contains(end));
            let last = lines.find(|(_, line)| line.contains(begins) || is_end(line));
            if let Some((at, line)) = last {
                cases += 1;
                if !is_end(line) {
                    return Err(format!(
                        "monitor {} says nothing more after, {}: {line}",
                        monitor + 1,
                        clock(*at)
                    ));
                }
            }
        }
    }
    Ok(cases)
}

fn no_monitor_ends_by_itself(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        let looks = &history.processes[monitor];
        let pid = |look: &(u64, Option<super::history::Process>)| look.1.map(|process| process.pid);
        for pair in looks.windows(2) {
            cases += 1;
            let told = terms.told_to_end[monitor].meets(pair[0].0, pair[1].0 + 1);
            if pid(&pair[0]).is_some() && pid(&pair[0]) != pid(&pair[1]) && !told {
                return Err(format!(
                    "{}: monitor {} is gone",
                    clock(pair[1].0),
                    monitor + 1
                ));
            }
        }
    }
    Ok(cases)
}

fn no_monitor_reports_a_defect_or_loses_a_line(history: &History, _: &Terms) -> Judgement {
    let defects = [
        "please report it",
        "panicked",
        "log lines lost",
        "log line lost",
        "its thread has ended by the defect",
    ];
    let mut cases = 0;
    for (monitor, lines) in history.lines.iter().enumerate() {
        cases += lines.len();
        for (at, line) in lines {
            if defects.iter().any(|defect| line.contains(defect)) {
                return Err(format!("{}: monitor {}: {line}", clock(*at), monitor + 1));
            }
        }
    }
    Ok(cases)
}

fn no_dovecot_panics(history: &History, _: &Terms) -> Judgement {
    match history.panics.first() {
        None => Ok(BACKENDS + DIRECTORS),
        Some(line) => Err(line.clone()),
    }
}

/// The least of some time, as probes come and go.
fn descriptors_and_threads_are_as_at_the_start(history: &History, _: &Terms) -> Judgement {
    for monitor in 0..MONITORS {
        let (first, last) = terms::usage(history, monitor)?;
        let of = |process: super::history::Process| (process.descriptors, process.threads);
        if of(first) != of(last) {
            return Err(format!(
                "monitor {}: (descriptors, threads) at the start {:?}, at the end {:?}",
                monitor + 1,
                of(first),
                of(last)
            ));
        }
    }
    Ok(MONITORS)
}

/// A quarter more and 10 MB are allowed: the allocator keeps what busy minutes and reloads took. 300 reloads beside
/// TLS checks took 20.4 MB to 27.3 MB with the first 20, and to 27.8 MB with all.
fn memory_is_as_at_the_start(history: &History, _: &Terms) -> Judgement {
    for monitor in [LASTING].into_iter().chain(0..LASTING) {
        let (first, last) = terms::usage(history, monitor)?;
        let most = first.kilobytes + first.kilobytes / 4 + 10 * 1024;
        if last.kilobytes > most {
            return Err(format!(
                "monitor {}: {} kB at the start, {} kB at the end",
                monitor + 1,
                first.kilobytes,
                last.kilobytes
            ));
        }
    }
    Ok(MONITORS)
}

/// Minutes and seconds since the start.
pub fn clock(at: u64) -> String {
    format!("{}:{:06.3}", at / 60_000, (at % 60_000) as f64 / 1000.0)
}

fn span(time: u64) -> String {
    format!("{:.1} s", time as f64 / 1000.0)
}

/// A time of the properties, on a machine as slow as this one, in milliseconds.
pub fn patience(seconds: u64) -> u64 {
    stretched(Duration::from_secs(seconds)).as_millis() as u64
}
