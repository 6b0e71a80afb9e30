//! The overview: the numbers at the top of the page, how the pool answers, and the alarms with what to do.

use super::html::Html;
use super::standing::{Standing, Tone};
use super::words::share;
use super::Scene;
use crate::few::counted;
use crate::report::document::{Backend, Document, PoolKind, Ring, State, Unanswered, Verdict};

/// `2 of 5`.
pub(super) fn up_of_all(document: &Document) -> String {
    let up = number_of(document, |backend| backend.listed == State::Up);
    format!("{up} of {}", document.backends.len())
}

fn number_of(document: &Document, is: impl Fn(&Backend) -> bool) -> usize {
    document
        .backends
        .iter()
        .filter(|backend| is(backend))
        .count()
}

/// One number of the overview.
fn tile(html: &mut Html, what: &'static str, tone: Tone, value: &str, note: &str) {
    html.markup("<div class=")
        .markup(tone.class())
        .markup("><dt>")
        .markup(what);
    html.markup("</dt><dd>").text(value);
    html.markup(" <small>")
        .text(note)
        .markup("</small></dd></div>\n");
}

pub(super) fn overview(html: &mut Html, scene: &Scene<'_>, backends: &[(Standing, &Backend)]) {
    let document = scene.document;
    let all = backends.len();
    let tone = |is_well| match is_well {
        true => Tone::Well,
        false => Tone::Bad,
    };
    html.markup("<dl>");
    let up = number_of(document, |backend| backend.listed == State::Up);
    tile(
        html,
        "Up",
        tone(up == all && !document.lists_none()),
        &up_of_all(document),
        match document.director.kind {
            PoolKind::Director => "as the director lists them",
            PoolKind::Haproxy => "as HAProxy lists them",
        },
    );
    let healthy = number_of(document, |backend| backend.verdict == Verdict::Healthy);
    let failed = number_of(document, |backend| backend.verdict == Verdict::Failed);
    let value = format!("{healthy} of {all}");
    tile(
        html,
        "Healthy",
        match failed == 0 && healthy < all {
            true => Tone::Neutral,
            false => tone(failed == 0 && !document.lists_none()),
        },
        &value,
        &format!("{failed} failed"),
    );
    let (part, whole) = document
        .tags
        .iter()
        .fold((0_u64, 0_u64), |(part, whole), tag| {
            (
                part.saturating_add(tag.vhosts_up),
                whole.saturating_add(tag.vhosts),
            )
        });
    let vhosts = match document.director.kind {
        PoolKind::Director => format!("{part} of {} up", counted(whole, "vhost")),
        PoolKind::Haproxy => format!("weight {part} of {whole} up"),
    };
    tile(
        html,
        "Capacity",
        match (whole, document.director.list_read) {
            (0, None) => Tone::Neutral,
            _ => tone(part == whole && whole > 0),
        },
        &share(part, whole),
        &vhosts,
    );
    let users = |is: fn(Standing) -> bool| {
        let some = backends.iter().filter(|(standing, _)| is(*standing));
        some.fold(0_u64, |sum, (_, backend)| sum.saturating_add(backend.users))
    };
    let exposed = users(|standing| matches!(standing, Standing::FailedUp | Standing::DrainOwed));
    let users = users(|_| true);
    let note = format!("{exposed} on failed backends");
    tile(html, "Users", tone(exposed == 0), &users.to_string(), &note);
    let alarms = document.alarms.len();
    let note = match alarms {
        0 => "nothing to do",
        _ => "see below",
    };
    tile(html, "Alarms", tone(alarms == 0), &alarms.to_string(), note);
    director(html, scene);
    html.markup("</dl>\n");
}

fn director(html: &mut Html, scene: &Scene<'_>) {
    let director = &scene.document.director;
    let since = scene.age(director.since);
    let (tone, value) = match (director.unanswered(), director.ring) {
        (Some(Unanswered::NotYet), _) => (Tone::Neutral, "no answer yet"),
        (Some(Unanswered::Reconnecting), _) => (Tone::Neutral, "reconnecting"),
        (Some(Unanswered::Failed(_)), _) => (Tone::Bad, "silent"),
        (None, Ring::Synced) => (Tone::Well, "synced"),
        (None, Ring::Unsynced) => (Tone::Bad, "NOT synced"),
        (None, Ring::NotTold) => (Tone::Neutral, "answers"),
        (None, Ring::Unknown) => (Tone::Neutral, "unknown"),
        (None, Ring::None) => (Tone::Well, "answers"),
    };
    let place = match (director.position, director.members) {
        (Some(position), Some(members)) => format!(", director {position} of {members}"),
        (None, Some(members)) => format!(", {}", counted(members, "director")),
        (_, None) => String::new(),
    };
    let list = match director.list_read {
        Some(read) => format!(", list {} old", scene.age(read)),
        None => ", no list read yet".to_string(),
    };
    let error = match &director.error {
        Some(error) => format!(": {error}"),
        None => String::new(),
    };
    let note = format!("for {since}{place}{list}{error}");
    let what = match director.kind {
        PoolKind::Director => "Director ring",
        PoolKind::Haproxy => "HAProxy",
    };
    tile(html, what, tone, value, &note);
}

pub(super) fn alarms(html: &mut Html, scene: &Scene<'_>) {
    let alarms = &scene.document.alarms;
    if alarms.is_empty() {
        return;
    }
    html.markup("<h2>Alarms and what to do</h2>\n<ul class=alarms>");
    for alarm in alarms {
        html.markup("<li><b>").text(alarm_name(&alarm.alarm));
        html.markup("</b> <span class=dim>since ")
            .text(scene.clock.at(alarm.since));
        html.markup(" (")
            .text(scene.age(alarm.since))
            .markup(")</span><p>");
        html.text(&alarm.text).markup("\n");
    }
    html.markup("</ul>\n");
}

/// The alarm's word as people say it.
fn alarm_name(word: &str) -> String {
    match word {
        "shared" => "shared fault".to_string(),
        _ => word.replace('_', " "),
    }
}
