//! What is said of one backend: its row, and below it why it is not well, what holds a change back, its last changes
//! and what to do. Which of that has room is `table`'s business.

use super::details;
use super::html::Html;
use super::plot;
use super::standing::{self, Standing};
use super::words::rough;
use super::Scene;
use crate::few::counted;
use crate::report::advice::{steps, Trial};
use crate::report::document::{
    Action, Backend, Blame, CheckResult, Drain, RuleAnswer, Service, State, Verdict,
};
use crate::report::judgement::SOON;
use crate::report::words::took;

/// One backend's row, up to its image.
pub(super) fn row(html: &mut Html, scene: &Scene<'_>, backend: &Backend, standing: Standing) {
    match standing {
        Standing::Well => html.markup("<tr>"),
        _ => html
            .markup("<tr class=")
            .markup(standing.tone().class())
            .markup(" id=\"")
            .text(backend.address)
            .markup("\">"),
    };
    html.markup("<th scope=row><b>").markup(standing.letter());
    html.markup("</b>").text(backend.address);
    if scene.has_tags && !backend.tag.is_empty() {
        html.markup(" <i>").short(&backend.tag).markup("</i>");
    }
    if let Some(name) = &backend.name {
        html.markup("<small>").short(name).markup("</small>");
    }
    state(html, scene, backend);
    html.markup("<td>").text(backend.users);
    html.markup("<small>")
        .text(backend.vhosts)
        .markup("</small>");
    latencies(html, backend);
    html.markup("<td>");
}

fn state(html: &mut Html, scene: &Scene<'_>, backend: &Backend) {
    html.markup("<td>");
    let is_down = backend.listed == State::Down;
    emphasised(html, is_down, standing::listed(backend));
    if let Some(since) = backend.listed_since {
        html.markup(" ").text(scene.rough_age(since));
    }
    html.markup("<small>");
    let has_failed = backend.verdict == Verdict::Failed;
    emphasised(html, has_failed, standing::verdict(backend.verdict));
    if let Some(since) = backend.verdict_since {
        html.markup(" ").text(scene.rough_age(since));
    }
    html.markup("</small>");
}

fn emphasised(html: &mut Html, is_bad: bool, words: &'static str) {
    match is_bad {
        true => html.markup("<u>").markup(words).markup("</u>"),
        false => html.markup(words),
    };
}

/// Of the service that fails, or else of the slowest.
fn latencies(html: &mut Html, backend: &Backend) {
    let of = |service: &Service| service.latency.unwrap_or(0.0);
    let slowest = backend
        .services
        .iter()
        .max_by(|one, other| of(one).total_cmp(&of(other)));
    let service = failing(backend).or(slowest);
    html.markup("<td>");
    match service.and_then(|service| service.latency) {
        Some(now) => html.text(took(now)),
        None => html.markup("-"),
    };
    if let Some((median, worst)) = service.and_then(|service| service.median.zip(service.worst)) {
        html.markup("<small>").text(took(median));
        html.markup(" / ").text(took(worst)).markup("</small>");
    }
}

pub(super) fn failing(backend: &Backend) -> Option<&Service> {
    backend
        .services
        .iter()
        .find(|service| service.result == CheckResult::Fail)
}

/// What is to be said of a backend that is not well; nothing if there is nothing to say.
pub(super) fn reasons(html: &mut Html, scene: &Scene<'_>, backend: &Backend) {
    cause(html, scene, backend);
    for service in &backend.services {
        if let Some(unchecked) = &service.unchecked {
            line(html, "Not checked");
            html.text(&service.service)
                .markup(" cannot be checked from this machine: ");
            html.text(unchecked);
        }
    }
    wanted(html, scene, backend);
    if backend.drain == Drain::Owed {
        line(html, "Drain");
        html.text(counted(backend.users, "user"));
        html.markup(" still to be moved to other backends");
    }
    retry(html, scene, backend);
    certificates(html, scene, backend);
}

fn line(html: &mut Html, what: &'static str) {
    html.markup("<p><b>").markup(what).markup("</b> ");
}

fn cause(html: &mut Html, scene: &Scene<'_>, backend: &Backend) {
    if backend.cause.is_empty() {
        return;
    }
    line(html, "Cause");
    html.text(&backend.cause);
    if let Some(service) = failing(backend) {
        let blame = service
            .failure
            .as_ref()
            .and_then(|dialogue| dialogue.failure.as_ref())
            .map(|failure| failure.blame);
        match blame {
            Some(Blame::Shared) => {
                html.markup(" <i>(may be this monitor's own account, certificate or address)</i>");
            }
            Some(Blame::Local) => {
                html.markup(" <i>(a fault of the monitor's machine)</i>");
            }
            Some(Blame::Service) | None => {}
        }
        html.markup("; last pass ");
        match (service.last_pass, service.tried_since) {
            (Some(at), _) => html.text(scene.clock.at(at)),
            (None, Some(at)) => html
                .markup("none since its present checks began at ")
                .text(scene.clock.at(at)),
            (None, None) => html.markup("none yet"),
        };
    }
}

fn wanted(html: &mut Html, scene: &Scene<'_>, backend: &Backend) {
    let wanted = match &backend.wanted {
        Some(wanted) => wanted,
        None => return,
    };
    let action = match wanted.action {
        Action::Down => "taking it down",
        Action::Drain => "moving its users",
        Action::Up => "bringing it up",
    };
    match backend.held_by() {
        Some(rule) => {
            line(html, "Held back");
            html.markup(action).markup(", by rule ").text(&rule.rule);
            held(html, scene, rule);
        }
        None => {
            line(html, "Now");
            html.markup(action);
        }
    }
}

fn held(html: &mut Html, scene: &Scene<'_>, rule: &RuleAnswer) {
    if let Some(reason) = &rule.reason {
        html.markup(": ").text(reason);
    }
    match rule.until {
        Some(until) => html.markup(", until ").text(scene.clock.at(until)),
        None => html.markup(", until that changes"),
    };
}

/// Its last changes, the latest first, with who and why.
pub(super) fn changes(html: &mut Html, scene: &Scene<'_>, backend: &Backend, most: usize) {
    let changes = plot::changes_shown(&scene.axes, backend);
    if changes.is_empty() {
        return;
    }
    line(html, "Changes");
    for (place, change) in changes.iter().rev().take(most).enumerate() {
        if place > 0 {
            html.markup("; ");
        }
        details::change(html, scene, change);
    }
    if changes.len() > most {
        html.markup("; ")
            .text(changes.len() - most)
            .markup(" before");
    }
}

/// What `poolmon explain` says that a person can do.
pub(super) fn to_do(html: &mut Html, scene: &Scene<'_>, backend: &Backend) {
    for step in steps(scene.document, backend, Trial::PoolmonCheck) {
        line(html, "To do");
        html.markup("<em>").text(&step.purpose);
        if let Some(command) = &step.command {
            html.markup(": ").text(command);
        }
        html.markup("</em>");
    }
}

/// The round that comes in any case is no news.
fn retry(html: &mut Html, scene: &Scene<'_>, backend: &Backend) {
    let (retry, next) = match (&backend.schedule.retry, backend.schedule.next) {
        (Some(retry), Some(next)) => (retry, next),
        _ => return,
    };
    line(html, "Next");
    html.text(&retry.service).markup(" is tried again at ");
    html.text(scene.clock.at(next)).markup(": ");
    html.text(counted(retry.failed, "try")).markup(" failed, ");
    html.text(retry.left).markup(" left");
    if backend.listed == State::Up {
        html.markup("; it has ");
        html.text(counted(backend.users, "user"));
    }
}

/// Those that end soon, or have ended.
fn certificates(html: &mut Html, scene: &Scene<'_>, backend: &Backend) {
    for service in &backend.services {
        let certificate = match &service.certificate {
            Some(certificate) => certificate,
            None => continue,
        };
        let ends = certificate.not_after.min(certificate.chain_not_after);
        let left = ends - scene.document.poolmon.written;
        if left < SOON {
            line(html, "Certificate");
            html.text(&service.service);
            match left > 0.0 {
                true => html.markup(" ends in ").text(rough(left)),
                false => html.markup(" ended ").text(rough(-left)).markup(" ago"),
            };
            html.markup(", ").text(scene.clock.at(ends));
        }
    }
}
