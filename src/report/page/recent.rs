//! What happened last: the changes of all backends in their order, and the commands that were sent.

use super::details;
use super::html::Html;
use super::plot;
use super::Scene;
use crate::report::document::{Action, Backend, Change};
use crate::report::words::took;

/// The latest so many changes are listed.
const MOST_EVENTS: usize = 30;

/// The last so many commands are listed.
const MOST_COMMANDS: usize = 20;

pub(super) fn events(html: &mut Html, scene: &Scene<'_>) {
    html.markup("<h2>Changes of the last 24 hours</h2>\n");
    let backends = scene.document.backends.iter();
    let mut events: Vec<(&Backend, &Change)> = backends
        .flat_map(|backend| {
            let changes = plot::changes_shown(&scene.axes, backend);
            changes.iter().map(move |change| (backend, change))
        })
        .collect();
    if events.is_empty() {
        html.markup("<p>None.</p>\n");
        return;
    }
    events.sort_by(|(_, one), (_, other)| other.at.total_cmp(&one.at));
    html.markup("<ul class=events>");
    for (backend, change) in events.iter().take(MOST_EVENTS) {
        html.markup("<li><b>").text(backend.address).markup("</b> ");
        details::change(html, scene, change);
        html.markup("\n");
    }
    html.markup("</ul>\n");
    if events.len() > MOST_EVENTS {
        html.markup("<p class=dim>and ")
            .text(events.len() - MOST_EVENTS);
        html.markup(" before these</p>\n");
    }
}

pub(super) fn commands(html: &mut Html, scene: &Scene<'_>) {
    let commands = &scene.document.commands;
    html.markup("<details id=commands><summary>Last commands to ")
        .text(scene.document.director.kind.words().subject)
        .markup("</summary>");
    if commands.is_empty() {
        html.markup("<p>None yet.</p>");
    }
    html.markup("<ul>");
    for command in commands.iter().rev().take(MOST_COMMANDS) {
        html.markup("<li>").text(scene.clock.at(command.at));
        html.markup(match command.action {
            Action::Down => " down: ",
            Action::Drain => " move users: ",
            Action::Up => " up: ",
        });
        html.text(&command.command).markup(", ");
        match &command.answer {
            Some(answer) => html.text(answer),
            None => html.markup("under way"),
        };
        if let Some(span) = command.took {
            html.markup(" after ").text(took(span));
        }
        html.markup("\n");
    }
    html.markup("</ul>");
    html.markup("<p>")
        .text(scene.document.director.kind.words().capitalised())
        .markup("'s socket: ")
        .text(&scene.document.director.socket);
    let counters = &scene.document.counters;
    html.markup(". Runs of the change script: ")
        .text(counters.hook_runs);
    html.markup("; lines that the log did not take: ");
    html.text(counters.log_lines_lost)
        .markup(".</p></details>\n");
}
