//! What must hold of a recording: the simulator's properties as far as they show from outside, and that
//! the end is like the start.
//!
//! Each property says how often it was put to the test, or where it is broken. One that nothing put to the test fails the
//! brief soak, whose acts are chosen for that, and a long one. One of some minutes may leave some out: the table shows
//! a 0.

use std::time::Duration;

use super::acting::{
    a_monitor_acts_on_what_it_has_seen_lately, a_monitor_that_reaches_nothing_changes_nothing,
    nothing_is_sent_into_a_ring_that_the_list_shows_unsynced,
    with_own_an_administrators_down_is_not_undone,
};
use super::agreeing::{
    a_disputed_backend_changes_less_and_less, one_failure_costs_one_down_and_one_up,
    synced_directors_agree,
};
use super::dates::{
    log_lines_are_dated_by_the_monitors_clock, no_monitor_has_started_in_the_future,
    status_files_are_dated_by_the_monitors_clock,
};
use super::history::{History, List, Process};
use super::plan::{logs_to_its_disk, BACKENDS, DIRECTORS, LASTING, MONITORS};
use super::said::BEGINS_AND_ENDS;
use super::terms::{self, Terms, LIST_AGE};
use crate::lab::slowness::stretched;

/// The monitors' setting.
pub const HOLD: Duration = Duration::from_secs(30);

/// What a log says when it could not take some.
const LINES_LOST: [&str; 2] = ["log lines lost", "log line lost"];

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
    nothing_is_sent_into_a_ring_that_the_list_shows_unsynced,
    a_monitor_acts_on_what_it_has_seen_lately,
    a_monitor_that_reaches_nothing_changes_nothing,
    no_monitor_takes_the_last_backend_down,
    a_healthy_backend_keeps_the_pool_in_service,
    a_dead_backend_is_down_in_time,
    nobody_is_left_on_a_dead_backend,
    synced_directors_agree,
    one_failure_costs_one_down_and_one_up,
    a_disputed_backend_changes_less_and_less,
    an_administrators_down_is_not_undone_within_the_hold,
    with_own_an_administrators_down_is_not_undone,
    every_list_is_true_at_the_end,
    every_monitor_is_content_at_the_end,
    no_drain_is_owed_at_the_end,
    no_alarm_stands_at_the_end,
    what_was_said_to_be_amiss_is_said_to_be_over,
    no_monitor_ends_by_itself,
    no_monitor_reports_a_defect_or_loses_a_line,
    a_log_goes_on_once_its_disk_has_room,
    log_lines_are_dated_by_the_monitors_clock,
    status_files_are_dated_by_the_monitors_clock,
    no_monitor_has_started_in_the_future,
    no_dovecot_panics,
    descriptors_and_threads_are_as_at_the_start,
    memory_is_as_after_the_warm_up,
];

/// So long a soak has to put each property to the test: some wait for acts that come together a few times an hour.
const LONG: Duration = Duration::from_secs(3600);

/// What nothing puts to the test in the brief soak, and why.
const UNTESTED_IN_THE_BRIEF: [(&str, &str); 1] = [(
    "synced_directors_agree",
    "a director is frozen in it so that the ring is unsynced, and may come back after minutes",
)];

/// The same in an hour of random acts.
const UNTESTED_IN_THE_LONG: [(&str, &str); 2] = [
    (
        "with_own_an_administrators_down_is_not_undone",
        "clocks jump each minute, and after a monitor's own down it cannot tell anymore whose the next one is",
    ),
    (
        "an_administrators_down_is_not_undone_within_the_hold",
        "nothing else may be amiss from the down to the end of the hold, which not each hour has",
    ),
];

/// Whether it is a fault of the soak that nothing put this property to the test. On a slow machine the acts are too short
/// for some.
pub fn must_be_tested(history: &History, property: &Property) -> bool {
    let told = &history.told;
    let is_enough = (told.is_brief || told.total >= LONG) && patience(1) == 1_000;
    let mut excused = match told.is_brief {
        true => UNTESTED_IN_THE_BRIEF.iter(),
        false => UNTESTED_IN_THE_LONG.iter(),
    };
    is_enough && !excused.any(|(claim, _)| *claim == property.claim)
}

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

/// A monitor that sees one healthy and can act does not leave all of them down for long. With `restore: own` it leaves
/// what others took down. A case is an administrator who takes all down, also where one is up again before a list is
/// read; or a list that has none up.
fn a_healthy_backend_keeps_the_pool_in_service(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for monitor in (0..MONITORS).filter(|monitor| history.told.restores_any[*monitor]) {
        let none_up = history.listed(monitor, |list| !list.states.contains(&'U'));
        for &(from, _) in &terms.emptied.0 {
            let (from, to) = (from, from + LIST_AGE);
            let mut backends = terms.reaches[monitor].iter();
            let may_act = terms.acts[monitor].covers(from, to);
            cases += usize::from(may_act && backends.any(|reach| reach.covers(from, to)));
        }
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
            // It had some when it died.
            let had = history.listed(monitor, |list| list.users[backend] > 0);
            let is_long = |span: &&(u64, u64)| span.1 - span.0 > terms::reaction();
            let cases_of = |span: &&(u64, u64)| had.meets(span.0, span.1);
            cases += dead.0.iter().filter(is_long).filter(cases_of).count();
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
    for down in history.administrators_downs() {
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
                && terms.runs[monitor].covers(from, at)
                && terms.reaches[monitor][backend].covers(from, at);
            // What failed meanwhile was not left down for the administrator alone, and a pool without any
            // other backend comes first.
            let failed = terms::failures(history, monitor, backend)
                .any(|(when, _)| from < when && when < to);
            let without_other = history
                .listed(monitor, |list| !list.states.contains(&'U'))
                .meets(at, to)
                || terms.emptied.meets(from, to);
            // Whether it was ours, or failed, may not be in the recording.
            let is_blind = terms.blind.iter().any(|blind| blind.meets(from, to));
            // A monitor that starts reads in the list's stamp how long ago the down was, by its own clock.
            let is_misled = terms.told_to_end[monitor].meets(from, to)
                && [monitor, down.director]
                    .iter()
                    .any(|&machine| terms.wrong_clocks[machine].meets(from, to));
            if !was_up || !is_calm || failed || without_other || is_misled || is_blind {
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
fn what_was_said_to_be_amiss_is_said_to_be_over(history: &History, terms: &Terms) -> Judgement {
    /// With the beginning of their path: each of them may be on the disk that is full.
    const FILES: [&str; 4] = [
        " status file /",
        " metrics file /",
        " page /",
        " the recording /",
    ];
    type Says = Box<dyn Fn(&str) -> bool>;
    let general = BEGINS_AND_ENDS
        .iter()
        .map(|(begins, ends)| -> (Says, Says) {
            let is_end = move |line: &str| ends.iter().any(|end| line.contains(end));
            (
                Box::new(move |line| line.contains(begins)),
                Box::new(is_end),
            )
        });
    let of_files = FILES.iter().map(|file| -> (Says, Says) {
        let says = move |word: &'static str| -> Says {
            Box::new(move |line| line.contains(file) && line.contains(word))
        };
        (says(" cannot be written: "), says(" is written again"))
    });
    let pairs: Vec<(Says, Says)> = general.chain(of_files).collect();
    let mut cases = 0;
    for monitor in 0..MONITORS {
        let began = terms::last_start(history, monitor);
        for (is_begin, is_end) in &pairs {
            let lines = history.lines[monitor].iter().rev();
            let mut lines = lines.take_while(|(at, _)| *at >= began);
            let last = lines.find(|(_, line)| is_begin(line) || is_end(line));
            if let Some((at, line)) = last {
                // The line that says so may have been lost.
                if !is_end(line) && terms.blind[monitor].meets(*at, history.end) {
                    continue;
                }
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
        let pid = |look: &(u64, Option<Process>)| look.1.map(|process| process.pid);
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

/// But for lines that a full disk did not take.
fn no_monitor_reports_a_defect_or_loses_a_line(history: &History, terms: &Terms) -> Judgement {
    let defects = [
        "please report it",
        "panicked",
        "its thread has ended by the defect",
    ];
    let mut cases = 0;
    for (monitor, lines) in history.lines.iter().enumerate() {
        cases += lines.len();
        for (at, line) in lines {
            let is_lost = LINES_LOST.iter().any(|lost| line.contains(lost))
                && !terms.blind[monitor].meets(*at, at + 1);
            if is_lost || defects.iter().any(|defect| line.contains(defect)) {
                return Err(format!("{}: monitor {}: {line}", clock(*at), monitor + 1));
            }
        }
    }
    Ok(cases)
}

/// And where it took no more lines it says how many were lost: each attempt is one, so that there is one in each 10 s.
fn a_log_goes_on_once_its_disk_has_room(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    let often = patience(10);
    for monitor in (0..MONITORS).filter(|monitor| logs_to_its_disk(*monitor)) {
        for spell in history.spells("disk-is-full", monitor) {
            let until = spell.ended.saturating_add(often);
            let is_disturbed = terms.told_to_end[monitor].meets(spell.starting, until)
                || terms.frozen[monitor].meets(spell.starting, until);
            if spell.ending.saturating_sub(spell.begun) < often
                || is_disturbed
                || until > history.end
            {
                continue;
            }
            cases += 1;
            let lines = |from: u64, to: u64| {
                let lines = history.lines[monitor].iter();
                lines.filter(move |(at, _)| (from..to).contains(at))
            };
            let has_lost = lines(spell.ending - often, spell.ending).next().is_none();
            let mut after = lines(spell.ending, until);
            let goes_on = match has_lost {
                true => after.any(|(_, line)| LINES_LOST.iter().any(|lost| line.contains(lost))),
                false => after.next().is_some(),
            };
            if !goes_on {
                return Err(format!(
                    "{}: monitor {} logs no more, or does not say that lines were lost",
                    clock(spell.ended),
                    monitor + 1
                ));
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

/// The least of some time, as probes come and go. One that was ended meanwhile may have had an attempt and a command
/// under way for each backend.
fn descriptors_and_threads_are_as_at_the_start(history: &History, _: &Terms) -> Judgement {
    const UNDER_WAY: u64 = 2 * BACKENDS as u64;
    for monitor in 0..MONITORS {
        let (first, last) = terms::usage(history, monitor)?;
        let of = |process: Process| (process.descriptors, process.threads);
        let (_, ended) = terms::first_life(history, monitor)?;
        let is_more = |now: u64, then: u64| now > then + UNDER_WAY;
        let has_more =
            is_more(ended.descriptors, first.descriptors) || is_more(ended.threads, first.threads);
        if of(first) != of(last) || has_more {
            return Err(format!(
                "monitor {}: (descriptors, threads) at the start {:?}, at the end of that process {:?}, at the end {:?}",
                monitor + 1,
                of(first),
                of(ended),
                of(last)
            ));
        }
    }
    Ok(MONITORS)
}

/// Of the process that was warmed up: until its end it takes hardly any more. Of 27 such processes 25 took less than
/// 0.2 MB in up to eleven minutes, one 0.5 MB and one 2.1 MB: a reload may take that at a stroke for good, in each of the
/// two arenas. Nor does a process that was started later take more than that one did.
fn memory_is_as_after_the_warm_up(history: &History, _: &Terms) -> Judgement {
    const MORE: u64 = 3 * 1024;
    for monitor in [LASTING].into_iter().chain(0..LASTING) {
        let (first, ended) = terms::first_life(history, monitor)?;
        let (_, last) = terms::usage(history, monitor)?;
        if ended.kilobytes.max(last.kilobytes) > first.kilobytes + MORE {
            return Err(format!(
                "monitor {}: {} kB at the start, {} kB at the end of that process, {} kB at the end",
                monitor + 1,
                first.kilobytes,
                ended.kilobytes,
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

pub fn span(time: u64) -> String {
    format!("{:.1} s", time as f64 / 1000.0)
}

/// A time of the properties, on a machine as slow as this one, in milliseconds.
pub fn patience(seconds: u64) -> u64 {
    stretched(Duration::from_secs(seconds)).as_millis() as u64
}
