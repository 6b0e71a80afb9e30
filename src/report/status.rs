//! SIGUSR1: the snapshot, a line a backend, with how old that news is.

use chrono::{Local, TimeZone};

use crate::backend::{Groups, Stamp};
use crate::config::settings::Mode;
use crate::few::{by_number, counted};
use crate::monitor::policy::{Reason, Sync};
use crate::monitor::{brief, BackendView, Checks, Currency, DirectorView, Snapshot};
use crate::pool::Words;

/// " since 2026-11-25 10:00:00", if the director has ever changed it.
fn since_stamp(stamp: Stamp) -> String {
    let seconds = i64::try_from(stamp.0).ok().filter(|seconds| *seconds > 0);
    let time = seconds.and_then(|seconds| Local.timestamp_opt(seconds, 0).single());
    time.map_or(String::new(), |time| {
        time.format(" since %Y-%m-%d %H:%M:%S").to_string()
    })
}

pub(super) fn lines(snapshot: &Snapshot) -> Vec<String> {
    let (words, groups) = (snapshot.director.words, snapshot.director.groups);
    let backends = snapshot.backends.iter();
    let check = match snapshot.monitor.login_interval.is_zero() {
        true => "check",
        false => "check with a login",
    };
    let mut lines: Vec<String> = backends
        .map(|view| backend(view, words, groups, check))
        .collect();
    let alarms = snapshot.alarms.iter();
    lines.extend(alarms.map(|alarm| format!("alarm: {}", alarm.text)));
    lines.push(director(&snapshot.director));
    lines.push(format!(
        "{}; {} {} answered with OK and not observed",
        super::summary(&snapshot.summary),
        counted(snapshot.unobserved, "command"),
        by_number(snapshot.unobserved, "was", "were")
    ));
    lines
}

/// What a summary begins with.
pub(super) fn dry_run(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "",
        Mode::DryRun => "dry run: ",
    }
}

/// `check`: what the attempts are called of which it is known when the last one was and the next one is.
fn backend(backend: &BackendView, pool: &Words, groups: Groups, check: &str) -> String {
    let listed = &backend.listed;
    let is = match backend.currency {
        Currency::Current => "is",
        Currency::Old => "was",
    };
    let held = match &backend.hold {
        Some(hold) => format!(
            "; {} held by rule {}: {}",
            hold.action,
            hold.reason.rule(),
            hold.reason.in_words(pool, groups)
        ),
        None => String::new(),
    };
    let (verdict, lasts) = match &backend.verdict {
        None => ("not judged yet", None),
        Some((verdict, lasts)) => (verdict.as_str(), *lasts),
    };
    let lasts = lasts.map_or(String::new(), |time| format!("; for {}", brief(time)));
    let unchecked: String = backend
        .unchecked
        .iter()
        .map(|(service, cause)| format!("; {service} cannot be checked from this machine: {cause}"))
        .collect();
    let which = match groups {
        Groups::One => String::new(),
        Groups::Several => format!(", {}", listed.tag),
    };
    format!(
        "{} {is} {}{}, {}, {}{which}: {verdict}{unchecked}{lasts}; {}{held}",
        listed.address,
        listed.state,
        since_stamp(listed.changed),
        pool.counted_weight(listed.vhosts),
        counted(listed.users, "user"),
        checks(&backend.checks, check)
    )
}

fn checks(checks: &Checks, check: &str) -> String {
    let (last, next) = match checks {
        Checks::LeftAlone => return "not checked: the accounts file does not name it".to_owned(),
        Checks::NoThread => return "not checked: there is no thread for it".to_owned(),
        Checks::Made { last, next } => (last, next),
    };
    let last = match last {
        Some(ago) => format!("last {check} {} ago", brief(*ago)),
        None => "not checked yet".to_owned(),
    };
    match next {
        Some(next) => format!("{last}, next in {}", brief(*next)),
        None => format!("{last}, next now"),
    }
}

fn director(director: &DirectorView) -> String {
    let list = match (director.list, director.currency) {
        (None, _) => "no list has been read yet".to_owned(),
        (Some(old), Currency::Current) => format!("its list is {} old", brief(old)),
        (Some(old), Currency::Old) => {
            format!("the last list is {} old and not current", brief(old))
        }
    };
    let state = match director.sync {
        Sync::Silent => Reason::Silent.in_words(director.words, director.groups),
        Sync::Unsynced => "the ring is not synced".to_owned(),
        Sync::Synced if director.tells_sync => director.words.ready.to_owned(),
        Sync::Synced => "it answers, and does not tell whether the ring is synced".to_owned(),
    };
    let mode = match director.mode {
        Mode::Live => "no dry run",
        Mode::DryRun => "dry run: no change is sent, and the states above are what they would be",
    };
    format!(
        "{} {}: {list}; {state}, for {}; {mode}",
        director.words.noun,
        director.socket,
        brief(director.sync_for)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_was_never_changed_has_no_beginning() {
        assert_eq!(since_stamp(Stamp(0)), "");
        assert!(since_stamp(Stamp(1_800_000_000)).starts_with(" since 2027-01-1"));
        assert_eq!(since_stamp(Stamp(u64::MAX)), "");
    }
}
