//! What a monitor may do, by what there was to see for it.

use super::history::{History, Reply};
use super::judge::{clock, patience, span, Judgement};
use super::plan::MONITORS;
use super::spans::Spans;
use super::terms::{self, Terms};

/// By so much a list may be older than what is done by it: it is read each second, and may take 5 s.
fn oldest_list() -> u64 {
    patience(8)
}

/// A monitor that took a backend down itself so long ago or less may take an administrator's down for its own: a
/// director may carry out a command after a minute, and clocks differ by 40 s.
const OWN_DOWN: u64 = 120_000;

/// A case: the ring is unsynced for that long while there is something to do.
pub fn nothing_is_sent_into_a_ring_that_the_list_shows_unsynced(
    history: &History,
    terms: &Terms,
) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        let mut unsynced = history.unsynced(monitor);
        unsynced.0.retain(|(from, to)| to - from > oldest_list());
        let wishes = terms.wishes(history, monitor);
        let has_wish = |(from, to): &&(u64, u64)| wishes.meets(from + oldest_list(), *to);
        cases += unsynced.0.iter().filter(has_wish).count();
        for word in ["disabled:", "enabled:", "users moved:"] {
            for (at, backend, took) in terms::changes(history, monitor, word) {
                let sent = at.saturating_sub(took);
                if unsynced.covers(sent.saturating_sub(oldest_list()), sent) {
                    return Err(format!(
                        "{}: monitor {} sends \"{word}\" for backend {} into an unsynced ring",
                        clock(sent),
                        monitor + 1,
                        backend + 1
                    ));
                }
            }
        }
    }
    Ok(cases)
}

/// Neither is a backend taken down that has been well for long, nor one brought up that has been dead for long. Not
/// where the monitor was frozen meanwhile: it may have sent that before.
pub fn a_monitor_acts_on_what_it_has_seen_lately(history: &History, terms: &Terms) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        for (word, contrary) in [
            ("disabled:", &terms.reaches[monitor]),
            ("enabled:", &terms.fails[monitor]),
        ] {
            for (at, backend, took) in terms::changes(history, monitor, word) {
                let sent = at.saturating_sub(took);
                let from = sent.saturating_sub(terms::reaction());
                // On a busy machine a backend that is well may be slow.
                let is_slow = terms::failures(history, monitor, backend)
                    .any(|(when, line)| from < when && line.contains("timed out"));
                let may_be_busy = word == "disabled:" && is_slow;
                if terms.frozen[monitor].meets(from, at) || may_be_busy {
                    continue;
                }
                cases += 1;
                if contrary[backend].covers(from, sent) {
                    return Err(format!(
                        "{}: monitor {} logs \"{word}\" of backend {}, of which the contrary has been true for {}",
                        clock(sent),
                        monitor + 1,
                        backend + 1,
                        span(terms::reaction())
                    ));
                }
            }
        }
    }
    Ok(cases)
}

/// What it found out before may still be acted on for a while.
pub fn a_monitor_that_reaches_nothing_changes_nothing(
    history: &History,
    terms: &Terms,
) -> Judgement {
    let mut cases = 0;
    for monitor in 0..MONITORS {
        let all = Spans::of([(0, history.end)]);
        let fails = terms.fails[monitor].iter();
        let blind = fails.fold(all, |blind, fails| blind.and(fails));
        for &(from, to) in &blind.0 {
            let from = from + terms::reaction();
            cases += usize::from(from < to);
            for word in ["disabled:", "enabled:"] {
                let mut changes = terms::changes(history, monitor, word);
                let change =
                    changes.find(|(at, _, took)| from < at.saturating_sub(*took) && *at < to);
                if let Some((at, backend, _)) = change {
                    return Err(format!(
                        "{}: monitor {} reaches nothing and logs \"{word}\" of backend {}",
                        clock(at),
                        monitor + 1,
                        backend + 1
                    ));
                }
            }
        }
    }
    Ok(cases)
}

/// With `restore: own`, until the backend is listed up again. Whose a down is the monitor knows from time stamps: not
/// where it has taken the backend down itself shortly before, or a clock was wrong since then.
pub fn with_own_an_administrators_down_is_not_undone(
    history: &History,
    terms: &Terms,
) -> Judgement {
    let mut cases = 0;
    let own = (0..MONITORS).filter(|monitor| !history.told.restores_any[*monitor]);
    for monitor in own {
        for down in history.administrators_downs() {
            let (at, backend) = (down.at, down.backend);
            let until = match left_down(history, monitor, down) {
                Some((_, until)) => until,
                None => continue,
            };
            let from = at.saturating_sub(OWN_DOWN);
            let downs = terms::changes(history, monitor, "disabled:");
            let downs = downs.filter(|(when, which, _)| *which == backend && *when < until);
            let is_misled = |last: u64| {
                let mut clocks = terms.wrong_clocks.iter();
                from < last || clocks.any(|wrong| wrong.meets(last.saturating_sub(OWN_DOWN), until))
            };
            let may_be_own = downs.last().map_or(false, |(last, ..)| is_misled(last));
            // It may have sent one all the same.
            let is_unknown = terms.blind[monitor].meets(from, until)
                || terms.told_to_end[monitor].meets(from, at)
                || terms::refusals(history, monitor)
                    .any(|refused| from < refused && refused < until);
            if may_be_own || is_unknown || terms.directors[monitor].meets(at, until) {
                continue;
            }
            cases += 1;
            let mut ups = terms::changes(history, monitor, "enabled:");
            let undone = ups.find(|(when, which, took)| {
                *which == backend && at < when.saturating_sub(*took) && *when <= until
            });
            if let Some((when, ..)) = undone {
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

/// From when to when the monitor's director listed the backend down after this, without a break, if it was up before.
fn left_down(history: &History, monitor: usize, down: &Reply) -> Option<(u64, u64)> {
    let is = |state: char| {
        history.listed(monitor, move |list| {
            list.states.get(down.backend) == Some(&state)
        })
    };
    let before = down.at.saturating_sub(terms::LIST_AGE);
    let was_up = is('U').covers(before.saturating_sub(terms::LIST_AGE), before);
    let downs = is('D');
    let after = downs.0.iter().find(|(_, to)| down.at < *to);
    after
        .copied()
        .filter(|(from, _)| was_up && *from < down.at + terms::LIST_AGE)
}
