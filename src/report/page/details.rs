//! What folds out below a backend: its day, its services, its changes and its last failure.

use super::html::Html;
use super::plot;
use super::rows;
use super::Scene;
use crate::few::counted;
use crate::report::document::{Backend, By, Change, CheckResult, Service, State};
use crate::report::words::took;

/// Of a dialogue, the last so many lines.
const MOST_LINES: usize = 12;
/// The last so many changes.
const MOST_CHANGES: usize = 50;
/// A backend with more services has the rest counted.
const MOST_SERVICES: usize = 20;

pub(super) fn details(html: &mut Html, scene: &Scene<'_>, backend: &Backend) {
    html.markup("<details id=\"d").text(backend.address);
    html.markup("\"><summary>24 hours, services, changes</summary><div><div>");
    plot::large(html, &scene.axes, &scene.clock, backend);
    html.markup("</div><div>");
    if let Some(next) = backend.schedule.next {
        html.markup(match scene.document.poolmon.login_interval > 0.0 {
            true => "<p>Checked next with a login at ",
            false => "<p>Checked next at ",
        })
        .text(scene.clock.at(next));
    }
    changes(html, scene, backend);
    html.markup("<ul>");
    for service in backend.services.iter().take(MOST_SERVICES) {
        html.markup("<li>");
        self::service(html, scene, backend, service);
    }
    if backend.services.len() > MOST_SERVICES {
        let left_out = backend.services.len() - MOST_SERVICES;
        html.markup("<li>and ")
            .text(counted(left_out, "more service"));
    }
    html.markup("</ul></div></div>");
    if let Some(service) = rows::failing(backend) {
        dialogue(html, scene, service);
    }
    html.markup("</details>");
}

fn changes(html: &mut Html, scene: &Scene<'_>, backend: &Backend) {
    let changes = plot::changes_shown(&scene.axes, backend);
    if changes.is_empty() {
        html.markup("<p>No change");
        match backend.listed_since {
            Some(since) => html.markup(" since ").text(scene.clock.at(since)),
            None => html.markup(" in these 24 hours"),
        };
        return;
    }
    let left_out = changes.len().saturating_sub(MOST_CHANGES);
    html.markup("<ol start=").text(left_out + 1).markup(">");
    for change in &changes[left_out..] {
        html.markup("<li>");
        self::change(html, scene, change);
    }
    html.markup("</ol>");
}

/// When, what, who and why.
pub(super) fn change(html: &mut Html, scene: &Scene<'_>, change: &Change) {
    html.text(scene.clock.at(change.at))
        .markup(match change.to {
            State::Up => " up",
            State::Down => " down",
        });
    html.markup(match change.by {
        By::Us => " by us",
        By::Other => " by somebody else",
        By::Unknown => "",
    });
    if let Some(reason) = &change.reason {
        html.markup(": ").text(reason);
    }
}

fn service(html: &mut Html, scene: &Scene<'_>, backend: &Backend, service: &Service) {
    html.markup("<b>").text(&service.service).markup("</b> ");
    let ended_before = backend.ended_before(service);
    html.markup(match (service.result, ended_before) {
        (CheckResult::Pass, Some(_)) => "passed",
        (CheckResult::Pass, None) => "passes",
        (CheckResult::Fail, _) => "fails",
        (CheckResult::None, _) => "has not been checked yet",
    });
    if let Some(other) = ended_before {
        html.markup(", not tried since ").text(&other.service);
        html.markup(" fails");
    }
    if let (CheckResult::Fail, Some(at)) = (service.result, service.last_pass) {
        html.markup(", last pass ").text(scene.clock.at(at));
    }
    if let Some(now) = service.latency {
        html.markup("; ").text(took(now));
    }
    if let Some((median, worst)) = service.median.zip(service.worst) {
        html.markup(", median ").text(took(median));
        html.markup(", worst ").text(took(worst));
    }
    html.markup("; ").text(service.passes).markup(" passed, ");
    html.text(service.failures).markup(" failed");
    if let Some(certificate) = &service.certificate {
        let ends = certificate.not_after.min(certificate.chain_not_after);
        html.markup("; certificate ");
        html.markup(match certificate.accepted {
            true => "accepted",
            false => "refused",
        });
        html.markup(", ends ").text((scene.clock.wall)(ends).date());
        html.markup(", read ")
            .text(scene.clock.at(certificate.read));
        if let Some(first) = certificate.names.first() {
            html.markup(", for ").short(first);
        }
        if certificate.names.len() > 1 {
            html.markup(" and ")
                .text(counted(certificate.names.len() - 1, "other"));
        }
    }
    html.markup("<samp>")
        .text(&service.recent)
        .markup("</samp>");
}

fn dialogue(html: &mut Html, scene: &Scene<'_>, service: &Service) {
    let dialogue = match &service.failure {
        Some(dialogue) => dialogue,
        None => return,
    };
    html.markup("<p>Last failure of ").text(&service.service);
    html.markup(" at ").text(scene.clock.at(dialogue.at));
    html.markup(", after ").text(took(dialogue.latency));
    for stage in &dialogue.stages {
        html.markup(", ").text(&stage.stage);
        html.markup(" ").text(took(stage.took));
    }
    if dialogue.lines.is_empty() {
        html.markup("; nothing was said.");
        return;
    }
    html.markup("; C: this monitor, S: the server<pre>");
    let left_out = dialogue.lines.len().saturating_sub(MOST_LINES);
    for line in &dialogue.lines[left_out..] {
        html.text(line).markup("\n");
    }
    html.markup("</pre>");
}
