//! The one sentence: how a backend stands, since when, by whom and why, and what comes next.

use super::View;
use crate::few::counted;
use crate::report::document::{
    Action, Backend, By, CheckResult, Drain, Failure, PoolKind, Service, State, Verdict, Wanted,
};
use crate::report::words::{full_name, shown};

pub(super) fn sentence(view: &View<'_>) -> String {
    let state = match view.backend.listed {
        State::Up => up(view),
        State::Down => down(view),
    };
    format!("{}: {state}.", full_name(view.backend))
}

fn up(view: &View<'_>) -> String {
    let backend = view.backend;
    let pool = view.document.director.kind.words();
    let no_users = match backend.vhosts {
        0 => format!(", with {} 0: {}", pool.weight, pool.sends_none),
        _ => String::new(),
    };
    let kind = view.document.director.kind;
    let since = for_so_long(view, backend.listed_since);
    let up = format!("up{since}");
    match backend.verdict {
        Verdict::Healthy if backend.vhosts == 0 && kind == PoolKind::Haproxy => {
            format!("{up} and healthy{no_users}; this monitor leaves that as it is")
        }
        Verdict::Healthy => format!("{up} and healthy{no_users}; nothing is to be done"),
        Verdict::Doubtful => format!(
            "{up}, in doubt{}{}{no_users}; {}",
            for_so_long(view, backend.verdict_since),
            because(backend),
            match &backend.schedule.retry {
                Some(retry) if retry.left <= 1 =>
                    "it has failed if its next attempt fails".to_string(),
                Some(retry) => format!("it has failed if {} more attempts fail", retry.left),
                None => "the next attempt tells more".to_string(),
            }
        ),
        Verdict::Failed => {
            let failed = format!(
                "has failed{}{}",
                for_so_long(view, backend.verdict_since),
                because(backend)
            );
            match wanted(view, Action::Down) {
                Some(Next::Held(held)) => {
                    format!("up although it {failed}{no_users}; its down is held back by {held}")
                }
                Some(Next::Now) => format!("up, {failed}{no_users}; it is being taken down"),
                None => format!("up although it {failed}{no_users}; no down is wanted for that"),
            }
        }
        Verdict::Unknown => format!("{up}, {}{no_users}", unknown(backend)),
        Verdict::NotChecked => format!("{up}, {NOT_CHECKED}{no_users}"),
    }
}

fn down(view: &View<'_>) -> String {
    let backend = view.backend;
    let by = match backend.by {
        By::Us => " by us",
        By::Other => " by somebody else",
        By::Unknown => "",
    };
    let down = format!("down{by}{}", for_so_long(view, backend.listed_since));
    let verdict = match backend.verdict {
        Verdict::Healthy => format!(
            ", and healthy here{}",
            for_so_long(view, backend.verdict_since)
        ),
        Verdict::Failed => match because(backend) {
            why if backend.by == By::Us || why.is_empty() => why,
            why => format!(", and it fails here{why}"),
        },
        Verdict::Doubtful => format!(", in doubt{}", because(backend)),
        Verdict::Unknown => format!(", {}", unknown(backend)),
        Verdict::NotChecked => format!(", {NOT_CHECKED}"),
    };
    let users = match wanted(view, Action::Drain) {
        Some(Next::Held(held)) => format!("; moving {} away is held back by {held}", left(backend)),
        Some(Next::Now) => format!("; {} being moved away", are_left(backend)),
        None if backend.drain == Drain::Owed => {
            format!("; {} still to be moved away", are_left(backend))
        }
        None => String::new(),
    };
    format!("{down}{verdict}{users}; {}", comes_up(view))
}

/// What is to happen before it comes up.
fn comes_up(view: &View<'_>) -> String {
    let backend = view.backend;
    match wanted(view, Action::Up) {
        Some(Next::Held(held)) => return format!("its up is held back by {held}"),
        Some(Next::Now) => return "it is being brought up".to_string(),
        None => {}
    }
    let is_left = view.document.leaves_down(backend);
    match (backend.verdict, is_left) {
        (Verdict::NotChecked, _) => "it stays so until somebody brings it up".to_string(),
        (_, true) => {
            "it stays so until somebody brings it up: this monitor undoes only its own downs \
             (--restore=own)"
                .to_string()
        }
        (Verdict::Healthy, false) => "it comes up as soon as the rules let it".to_string(),
        (_, false) => {
            let rounds = match view.document.poolmon.rise {
                0 | 1 => "its first healthy round".to_string(),
                rise => format!("{rise} healthy rounds in a row"),
            };
            let rules = match backend.by {
                By::Other => ", as soon as the rules let it",
                By::Us | By::Unknown => "",
            };
            let quiet = match backend.unsteady_until {
                Some(until) if until > view.now => format!(
                    ", not before {} as it has gone down again and again within an hour",
                    view.moment(until)
                ),
                Some(_) | None => String::new(),
            };
            format!("comes up after {rounds}{quiet}{rules}")
        }
    }
}

const NOT_CHECKED: &str = "not checked by this monitor: the accounts file does not name it";

fn unknown(backend: &Backend) -> String {
    let unchecked = |service: &Service| {
        let why = service.unchecked.as_ref()?;
        let name = shown(&service.service);
        Some(format!(
            "{name} cannot be checked from here: {}",
            shown(why)
        ))
    };
    match backend.services.iter().find_map(unchecked) {
        Some(why) => format!("without a verdict because {why}"),
        None => "without a verdict until its first round is over".to_string(),
    }
}

/// What comes of an action that is wanted.
enum Next {
    /// By what, as a person reads it.
    Held(String),
    Now,
}

fn wanted(view: &View<'_>, action: Action) -> Option<Next> {
    let is_it = |wanted: &&Wanted| wanted.action == action;
    let wanted = view.backend.wanted.as_ref().filter(is_it)?;
    Some(match wanted.held_by() {
        Some(rule) => Next::Held(format!("rule {}: {}", shown(&rule.rule), view.reason(rule))),
        None => Next::Now,
    })
}

fn for_so_long(view: &View<'_>, since: Option<f64>) -> String {
    since.map_or(String::new(), |since| format!(" for {}", view.since(since)))
}

/// ` because imap:143 refuses connections`; empty if no cause is told.
fn because(backend: &Backend) -> String {
    if backend.cause.is_empty() {
        return String::new();
    }
    let is_cause = |service: &&Service| {
        let rest = backend.cause.strip_prefix(&*service.service);
        rest.map_or(false, |rest| rest.starts_with([' ', ':']))
    };
    let failing = |service: &&Service| service.result == CheckResult::Fail;
    let service = backend.services.iter().filter(failing).find(is_cause);
    let failure = service.and_then(|service| {
        let failure = service.failure.as_ref()?.failure.as_ref()?;
        Some((shown(&service.service), failure))
    });
    match failure {
        Some((service, failure)) => format!(" because {}", phrase(&service, failure)),
        None => format!(" ({})", shown(&backend.cause)),
    }
}

/// What a service does wrong, as a part of a sentence. Faults without words of their own are told as in the
/// log.
fn phrase(service: &str, failure: &Failure) -> String {
    let stage = shown(&failure.stage);
    match &*failure.fault {
        "refused" => format!("{service} refuses connections"),
        "timed_out" => format!("{service} does not answer in time (at {stage})"),
        "closed" => format!("{service} closes the connection (at {stage})"),
        "unreachable" => format!("there is no route to {service}"),
        "credentials_refused" => {
            format!("{service} refuses the user name or the password of the checks")
        }
        _ => format!("{service} fails: {}", shown(&failure.text)),
    }
}

fn left(backend: &Backend) -> String {
    match backend.users {
        0 => "its users".to_string(),
        users => format!("its {}", counted(users, "user")),
    }
}

fn are_left(backend: &Backend) -> String {
    match backend.users {
        1 => "its user is".to_string(),
        0 => "its users are".to_string(),
        users => format!("its {users} users are"),
    }
}
