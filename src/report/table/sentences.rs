//! What is said of a backend below its row: what is wrong, what holds a change back, its services and the rules.

use super::changes::by;
use super::words::milliseconds;
use super::{Services, View};
use crate::report::document::{
    Action, Answer, Backend, Blame, By, CheckResult, Document, Drain, Service, State, Verdict,
    Wanted,
};
use crate::report::judgement::{certificate_trouble, Trouble};
use crate::report::terminal::{cut, paragraph, shown, Line, Paint};

/// How far right words below a row begin.
const INDENT: usize = 4;

/// What one sentence may take.
const MOST_LINES: usize = 3;

/// What is to be said of it below its row.
pub(super) fn below(document: &Document, backend: &Backend, view: &View) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut say = |paint: Paint, text: &str| {
        let mut head = Line::default();
        head.pad_to(INDENT);
        lines.extend(paragraph(&head, paint, text, view.width, MOST_LINES));
    };
    if Trouble::of(backend, view.now).needs_words() {
        for (paint, sentence) in sentences(document, backend, view) {
            say(paint, &sentence);
        }
    }
    if view.services == Services::All {
        for service in &backend.services {
            say(Paint::Dim, &in_full(backend, service, view));
        }
    }
    lines
}

fn sentences(document: &Document, backend: &Backend, view: &View) -> Vec<(Paint, String)> {
    let mut sentences = Vec::new();
    if !backend.cause.is_empty() {
        sentences.push((Paint::Plain, cause(backend, view)));
    }
    if backend.listed == State::Down {
        sentences.push((Paint::Plain, down(document, backend, view)));
    }
    if let Some(wanted) = &backend.wanted {
        sentences.push((Paint::Doubtful, held(backend, wanted, view)));
    }
    for service in &backend.services {
        if let Some(cause) = &service.unchecked {
            let text = format!(
                "{} cannot be checked from this machine: {cause}",
                service.service
            );
            sentences.push((Paint::Doubtful, text));
        }
        if certificate_trouble(service, view.now) {
            if let Some(text) = certificate(service, view) {
                sentences.push((Paint::Doubtful, text));
            }
        }
    }
    sentences
}

/// "imap:143 greeting: timed out; 3 tries failed, 2 left, the next in 0.4 s; last pass 6 min ago".
fn cause(backend: &Backend, view: &View) -> String {
    let failing = backend
        .services
        .iter()
        .find(|service| service.result == CheckResult::Fail);
    // The cause can be thousands of characters of a server's, and what follows is to be seen too.
    let mut text = cut(&shown(&backend.cause), view.width.max(80));
    if let Some(retry) = &backend.schedule.retry {
        let next = match backend.schedule.next {
            Some(next) => format!("the next {}", view.future(next)),
            None => "the next is under way".to_string(),
        };
        let failed = match retry.failed {
            1 => "once".to_string(),
            2 => "twice".to_string(),
            failed => format!("{failed} times"),
        };
        text += &match (backend.verdict, retry.left) {
            (Verdict::Failed, _) | (_, 0) => format!("; tried {failed}, {next}"),
            (_, left) => format!("; tried {failed}, {left} left before it has failed, {next}"),
        };
    }
    if let Some(service) = failing {
        text += &match (service.last_pass, service.tried_since) {
            (Some(time), _) => format!("; last pass {}", view.past(time)),
            (None, Some(time)) => format!(
                "; has not passed since its present checks began at {}",
                view.clock(time)
            ),
            (None, None) => "; has not passed yet".to_string(),
        };
        let blame = service
            .failure
            .as_ref()
            .and_then(|dialogue| dialogue.failure.as_ref())
            .map(|failure| failure.blame);
        text += match blame {
            Some(Blame::Shared) => {
                "; this may be no fault of this backend (account, certificate or address)"
            }
            Some(Blame::Local) => "; this is a fault of this machine",
            Some(Blame::Service) | None => "",
        };
    }
    text
}

/// "taken down by this monitor 5 min ago; users moved".
fn down(document: &Document, backend: &Backend, view: &View) -> String {
    let since = backend
        .listed_since
        .map_or(String::new(), |time| format!(" {}", view.past(time)));
    let mut text = match backend.by {
        By::Unknown => match backend.listed_since {
            Some(time) if time < document.poolmon.started => {
                format!("taken down{since}, before this monitor started")
            }
            Some(_) | None => format!("taken down{since}; this monitor does not know by whom"),
        },
        who => format!("taken down {}{since}", by(who)),
    };
    let last = backend
        .changes
        .iter()
        .rev()
        .find(|one| one.to == State::Down);
    match last.and_then(|change| change.reason.as_ref()) {
        Some(reason) if *reason != backend.cause => text += &format!(": {reason}"),
        _ => {}
    }
    text += &match (backend.drain, backend.users) {
        (Drain::Owed, 1) => "; 1 USER IS STILL TO BE MOVED AWAY".to_string(),
        (Drain::Owed, users) => format!("; {users} USERS ARE STILL TO BE MOVED AWAY"),
        (_, 0) => "; no users are left on it".to_string(),
        (_, users) => format!("; users on it: {users}"),
    };
    if backend.verdict == Verdict::Failed && backend.wanted.is_none() {
        let is_left_down = document.leaves_down(backend);
        text += &match (is_left_down, document.poolmon.rise) {
            (true, _) => "; stays down until somebody brings it up".to_string(),
            (false, 0 | 1) => "; comes up when it passes again".to_string(),
            (false, rise) => format!("; comes up after {rise} healthy rounds in a row"),
        };
        match backend.unsteady_until {
            Some(until) if !is_left_down && until > view.now => {
                text += &format!(
                    ", not before {} as it has gone down again and again",
                    view.clock(until)
                );
            }
            Some(_) | None => {}
        }
        if !is_left_down && backend.by == By::Other {
            text += ", as soon as the rules let it";
        }
    }
    text
}

fn gerund(action: Action) -> &'static str {
    match action {
        Action::Down => "taking it down",
        Action::Drain => "moving its users away",
        Action::Up => "bringing it up",
    }
}

/// "HELD: taking it down, by rule ring: the ring is not synced (until that changes); see doveadm".
fn held(backend: &Backend, wanted: &Wanted, view: &View) -> String {
    let action = gerund(wanted.action);
    let rule = match backend.held_by() {
        Some(rule) => rule,
        None => return format!("{action} now"),
    };
    let reason = rule.reason.as_deref().unwrap_or("it gives no reason");
    let until = match rule.until {
        Some(time) if time <= view.now => "for a moment".to_string(),
        Some(time) => format!("until {}", view.clock(time)),
        None => "until that changes".to_string(),
    };
    let advice = rule.advice.as_ref();
    format!(
        "HELD BACK {until}: {action}, by rule {}: {reason}{}",
        rule.rule,
        advice.map_or(String::new(), |advice| format!("; {advice}"))
    )
}

fn certificate(service: &Service, view: &View) -> Option<String> {
    let certificate = service.certificate.as_ref()?;
    let end = certificate.not_after.min(certificate.chain_not_after);
    let whose = match certificate.not_after <= certificate.chain_not_after {
        true => "its certificate",
        false => "a certificate of its chain",
    };
    let ends = match end <= view.now {
        true => format!("ended {}", view.past(end)),
        false => format!("ends {}", view.future(end)),
    };
    let refused = match certificate.accepted {
        true => "",
        false => " and was refused",
    };
    Some(format!("{}: {whose} {ends}{refused}", service.service))
}

/// "imaps:993 passes; 2.1 ms, median 2.2, worst 31; last pass 2 s ago; 2880 passed, 4 failed".
fn in_full(backend: &Backend, service: &Service, view: &View) -> String {
    let result = match service.result {
        CheckResult::Pass => "passes",
        CheckResult::Fail => "FAILS",
        CheckResult::None => "not checked yet",
    };
    let mut text = match backend.ended_before(service) {
        Some(other) => format!(
            "{} passed, not tried since {} fails",
            service.service, other.service
        ),
        None => format!("{} {result}", service.service),
    };
    if let Some(time) = service.last_pass {
        text += &format!("; last pass {}", view.past(time));
    }
    for (name, value) in [
        ("latency", service.latency),
        ("median", service.median),
        ("worst", service.worst),
    ] {
        if let Some(value) = value {
            text += &format!("; {name} {} ms", milliseconds(value));
        }
    }
    text += &format!("; {} passed, {} failed", service.passes, service.failures);
    if let Some(text_of_certificate) = certificate(service, view) {
        let text_of_certificate = text_of_certificate
            .split_once(": ")
            .map(|(_, text)| text.to_string());
        text += &format!("; {}", text_of_certificate.unwrap_or_default());
    }
    text
}

/// All rules in the order asked, the last command and what a person can read next.
pub(super) fn rules(backend: &Backend, document: &Document, view: &View) -> Vec<Line> {
    let mut lines = Vec::new();
    let kind = document.director.kind;
    let mut say = |label: &str, text: &str| {
        let mut head = Line::default();
        head.pad_to(INDENT);
        head.push(Paint::Dim, label);
        lines.extend(paragraph(&head, Paint::Plain, text, view.width, MOST_LINES));
    };
    match &backend.wanted {
        None => say("rules: ", "nothing is to be done about it"),
        Some(wanted) => {
            let answers: Vec<String> = wanted
                .rules
                .iter()
                .map(|rule| match rule.answer {
                    Answer::Holds => format!("{} HOLDS", rule.rule),
                    _ if kind.without_rule(&rule.rule).is_some() => {
                        format!("{} does not apply", rule.rule)
                    }
                    Answer::Passes => format!("{} passes", rule.rule),
                    Answer::NotAsked => format!("{} not asked", rule.rule),
                })
                .collect();
            let text = format!("{}: {}", gerund(wanted.action), answers.join(", "));
            say("rules: ", &text);
        }
    }
    let mut commands = document.commands.iter().rev();
    if let Some(command) = commands.find(|command| command.address == backend.address) {
        let answer = command.answer.as_deref().unwrap_or("no answer yet");
        let text = format!("{} {}: {answer}", command.command, view.past(command.at));
        say("sent: ", &text);
    }
    say("more: ", &format!("poolmon explain {}", backend.address));
    lines
}
