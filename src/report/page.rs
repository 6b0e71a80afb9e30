//! The page: one HTML file that shows a document to a browser, and needs nothing else.
//!
//! A pure function of the document, the time and the clock on the wall. It fetches nothing and is fetched
//! from no other site: the policy in its head allows its own style sheet and its own script by their
//! hashes, and nothing more. Without the script all is there but the age that counts on. What it knows of
//! a backend is worked out in `standing`; `rows` and `details` print it, `plot` draws it, and `table` decides
//! how much of it has room.

mod details;
mod html;
mod plot;
mod rows;
mod standing;
mod table;
mod words;

use std::collections::BTreeMap;

use self::html::Html;
use self::plot::{Axes, Grain};
use self::standing::{Standing, Tone};
use self::table::Table;
use self::words::{rough, share, Clock};
use crate::backend::Groups;
use crate::report::document::{
    Action, Backend, Change, Document, Event, PoolKind, Restore, Ring, State, Tag, Time,
    Unanswered, Verdict,
};
use crate::report::freshness::bearable_age;
use crate::report::words::{counted, lasting, took};

pub use self::words::Wall;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// What the browser may do. The hashes are those of `STYLE` and `SCRIPT`: a test computes them.
const POLICY: &str = "default-src 'none'; \
     style-src 'sha256-xbJAPMZhf2NyeRfl7PCF1I4HeFG6lD+3wvyaIrHx5PM='; \
     script-src 'sha256-Y4IbBWx+eo2K69XzxUKolq56SPuJepoL5NcCj07+kjc='; \
     img-src data:; base-uri 'none'; form-action 'none'";

/// So many cells and rows are shown of the backends that are well; the others are counted.
const MOST_WELL: usize = 1000;

/// Up to so many backends each has a large cell, and its row all slots of the day.
const FEW: usize = 60;

/// A label of so many characters has room in a small cell.
const SHORT_LABEL: usize = 8;

/// The latest so many changes are listed.
const MOST_EVENTS: usize = 30;

/// The last so many commands are listed.
const MOST_COMMANDS: usize = 20;

/// How it is to be shown.
pub struct Options<'a> {
    /// When it is made.
    pub now: Time,
    /// That the document is stale, in words; empty if it is not.
    pub stale: &'a str,
    /// The clock on the wall where the monitor runs.
    pub wall: &'a dyn Fn(Time) -> Wall,
}

/// What all parts of the page look at.
struct Scene<'a> {
    document: &'a Document,
    clock: Clock<'a>,
    axes: Axes,
    grain: Grain,
    has_tags: bool,
}

impl Scene<'_> {
    /// How long ago that was when the document was written.
    fn rough_age(&self, since: Time) -> String {
        rough(self.document.poolmon.written - since)
    }

    fn age(&self, since: Time) -> String {
        lasting(self.document.poolmon.written - since)
    }
}

/// The whole file.
pub fn render(document: &Document, options: &Options<'_>) -> String {
    let written = document.poolmon.written;
    let scene = Scene {
        document,
        clock: Clock {
            wall: options.wall,
            today: (options.wall)(written),
        },
        axes: Axes::of(document),
        grain: match document.backends.len() <= FEW {
            true => Grain::Fine,
            false => Grain::Coarse,
        },
        has_tags: document.groups() == Groups::Several,
    };
    let mut backends: Vec<(Standing, &Backend)> = document
        .backends
        .iter()
        .map(|backend| (Standing::of(backend), backend))
        .collect();

    let mut html = Html::new();
    head(&mut html, &scene, &backends);
    header(&mut html, &scene, options);
    overview(&mut html, &scene, &backends);
    alarms(&mut html, &scene);
    let mut cells = Html::new();
    cells_by_tag(&mut cells, &scene, &backends);
    let mut below = Html::new();
    events(&mut below, &scene);
    commands(&mut below, &scene);
    help(&mut below, &scene);
    below.markup("<script>").markup(SCRIPT).markup("</script>");

    backends.sort_by(|(one, a), (other, b)| {
        (one, b.users, a.address).cmp(&(other, a.users, b.address))
    });
    let used = html.len() + cells.len() + below.len();
    let table = Table::fit(&scene, &backends, used);
    table::with_cells(&mut html, &scene, &table, &cells);
    html.append(&below);
    html.markup("</html>\n");
    html.into_string()
}

fn head(html: &mut Html, scene: &Scene<'_>, backends: &[(Standing, &Backend)]) {
    let monitor = &scene.document.poolmon;
    let is_any = |tone| backends.iter().any(|(standing, _)| standing.tone() == tone);
    // One pixel: red, amber or green.
    let unanswered = scene.document.director.unanswered();
    let icon = if is_any(Tone::Bad) || matches!(unanswered, Some(Unanswered::Failed(_))) {
        "R0lGODdhAQABAIAAALMmHgAAACwAAAAAAQABAAACAkQBADs="
    } else if is_any(Tone::Doubtful) || !scene.document.alarms.is_empty() {
        "R0lGODdhAQABAIAAAPCzWgAAACwAAAAAAQABAAACAkQBADs="
    } else {
        "R0lGODdhAQABAIAAABNsNQAAACwAAAAAAQABAAACAkQBADs="
    };
    let refresh = (monitor.interval as u32).clamp(5, 60);
    html.markup("<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n");
    html.markup("<meta http-equiv=\"Content-Security-Policy\" content=\"");
    html.markup(POLICY)
        .markup("\">\n<meta http-equiv=refresh content=");
    html.text(refresh);
    html.markup(">\n<meta name=viewport content=\"width=device-width,initial-scale=1\">\n");
    html.markup("<meta name=referrer content=no-referrer><meta name=robots content=noindex>\n");
    html.markup("<link rel=icon href=\"data:image/gif;base64,")
        .markup(icon);
    html.markup("\">\n<title>")
        .text(up_of_all(scene.document))
        .markup(" up - ");
    html.short(&monitor.name)
        .markup("</title>\n<style>")
        .markup(STYLE);
    html.markup("</style></head>\n<body>\n");
}

/// `2 of 5`.
fn up_of_all(document: &Document) -> String {
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

fn header(html: &mut Html, scene: &Scene<'_>, options: &Options<'_>) {
    let monitor = &scene.document.poolmon;
    let written = monitor.written;
    let limit = bearable_age(monitor.interval);
    match options.stale.is_empty() {
        true => html.markup("<p id=stale role=alert hidden></p>"),
        false => html
            .markup("<p id=stale role=alert>")
            .text(options.stale)
            .markup("</p>"),
    };
    html.markup("<header><h1>Mail backends, seen from ")
        .short(&monitor.name);
    html.markup("</h1>\n<p>Written <time>")
        .text(scene.clock.today.date());
    html.markup(" ").text(scene.clock.today.time());
    html.markup("</time> ").text(scene.clock.today.zone());
    html.markup(", <span id=age data-written=").text(written);
    html.markup(" data-limit=").text(limit).markup(">");
    html.text(lasting(options.now - written))
        .markup(" ago</span>. Checked every ");
    html.text(lasting(monitor.interval));
    if monitor.login_interval > 0.0 {
        html.markup(", with logins every ")
            .text(lasting(monitor.login_interval));
    }
    html.markup(" by poolmon ").short(&monitor.version);
    html.markup(", running since ")
        .text(scene.clock.at(monitor.started));
    html.markup(match monitor.restore {
        Restore::Any => ".",
        Restore::Own => "; it brings up only what it took down itself.",
    });
    if !monitor.reload.good {
        html.markup(" <em>The settings read at ")
            .text(scene.clock.at(monitor.reload.at));
        html.markup(" were not good: the ones before are used.</em>");
    }
    html.markup("</p>");
    own_troubles(html, scene);
    if monitor.dry_run {
        html.markup(
            "<p><em>Dry run: nothing is changed, and the states are what they would be.</em></p>",
        );
    }
    if let Some(next) = &scene.document.next {
        let event = match next.event {
            Event::Retry => "is tried again",
            Event::Round => "is checked",
            Event::HoldEnds => "is no longer held back",
        };
        html.markup("<p>Next: ")
            .text(next.address)
            .markup(" ")
            .markup(event);
        html.markup(" at ")
            .text(scene.clock.at(next.at))
            .markup("</p>");
    }
    html.markup("</header>\n");
}

/// What the monitor itself could not do.
fn own_troubles(html: &mut Html, scene: &Scene<'_>) {
    let counters = &scene.document.counters;
    if !counters.state_file_written {
        html.markup("<p><em>The state file could not be written: after a restart the monitor has forgotten \
                     what it took down and which users are still to be moved. See the log.</em></p>");
    }
    if counters.hook_failures > 0 {
        html.markup("<p><em>The change script failed in ")
            .text(counters.hook_failures);
        html.markup(" of ")
            .text(counters.hook_runs)
            .markup(" runs. See the log.</em></p>");
    }
    if counters.log_lines_lost > 0 {
        html.markup("<p><em>The log did not take ");
        html.text(counted(counters.log_lines_lost, "line"))
            .markup(".</em></p>");
    }
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

fn overview(html: &mut Html, scene: &Scene<'_>, backends: &[(Standing, &Backend)]) {
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
        tone(up == all),
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
        tone(failed == 0),
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
        tone(part == whole),
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
        (None, Some(members)) => format!(", {}", counted(members as u64, "director")),
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

fn alarms(html: &mut Html, scene: &Scene<'_>) {
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

/// A cell a backend, in the order of the addresses, below its tag's capacity.
fn cells_by_tag(html: &mut Html, scene: &Scene<'_>, backends: &[(Standing, &Backend)]) {
    html.markup("<h2 id=glance>At a glance</h2>\n");
    let labels = Labels::of(scene.document);
    let mut of_tag: BTreeMap<&str, Vec<(Standing, &Backend)>> = BTreeMap::new();
    for (standing, backend) in backends {
        of_tag
            .entry(&backend.tag)
            .or_default()
            .push((*standing, backend));
    }
    for tag in &scene.document.tags {
        capacity(html, scene, &scene.document.serving(tag));
        let cells = of_tag.remove(tag.tag.as_str()).unwrap_or_default();
        self::cells(html, scene, &labels, &cells, backends.len());
    }
    for (tag, cells) in &of_tag {
        html.markup("<div class=tag><b>Tag ")
            .short(tag)
            .markup("</b></div>");
        self::cells(html, scene, &labels, cells, backends.len());
    }
}

fn capacity(html: &mut Html, scene: &Scene<'_>, tag: &Tag) {
    html.markup("<div class=tag><b>");
    match (scene.has_tags, scene.document.director.kind, &*tag.tag) {
        (false, ..) => html.markup("Capacity"),
        (true, PoolKind::Director, "") => html.markup("Without a tag"),
        (true, PoolKind::Director, tag) => html.markup("Tag ").short(tag),
        (true, PoolKind::Haproxy, sections) => html.markup("Serving ").short(sections),
    };
    let width = match tag.vhosts {
        0 => 0,
        all => tag.vhosts_up.saturating_mul(220) / all,
    };
    html.markup("</b> <svg viewBox=\"0 0 220 12\" preserveAspectRatio=none aria-hidden=true>");
    html.markup("<rect height=12 width=").text(width.min(220));
    html.markup(" /></svg> <span>")
        .text(share(tag.vhosts_up, tag.vhosts));
    html.markup(" of the capacity: ")
        .text(tag.up)
        .markup(" of ")
        .text(tag.backends);
    html.markup(" up, ").text(tag.passing).markup(" healthy, ");
    html.text(counted(tag.users, "user")).markup(". ");
    match tag.refuges {
        0 => html.markup("<em>No backend can take the users of another.</em>"),
        1 => html.markup("<em>Only 1 backend can take the users of another.</em>"),
        refuges => html
            .text(refuges)
            .markup(" backends can take the users of another."),
    };
    html.markup("</span></div>\n");
}

fn cells(
    html: &mut Html,
    scene: &Scene<'_>,
    labels: &Labels<'_>,
    cells: &[(Standing, &Backend)],
    all: usize,
) {
    let is_few = all <= FEW;
    let is_short = |label: String| label.len() <= SHORT_LABEL;
    let are_short = cells
        .iter()
        .all(|(_, backend)| is_short(labels.of_one(backend)));
    html.markup(match (is_few, are_short) {
        (true, _) => "<ul class=\"cells big\">",
        (false, true) => "<ul class=cells>",
        (false, false) => "<ul class=\"cells wide\">",
    });
    let mut well_left = MOST_WELL;
    let mut not_shown = 0;
    for (standing, backend) in cells {
        if *standing == Standing::Well {
            if well_left == 0 {
                not_shown += 1;
                continue;
            }
            well_left -= 1;
            html.markup("<li><b>U</b>");
        } else {
            html.markup("<li class=").markup(standing.tone().class());
            html.markup("><b>").markup(standing.letter()).markup("</b>");
        }
        let is_linked = *standing != Standing::Well;
        if is_linked {
            html.markup("<a href=\"#")
                .text(backend.address)
                .markup("\">");
        }
        if is_few {
            html.markup("<span>").short(labels.of_one(backend));
            html.markup("<small>").markup(standing.words());
            if let (true, Some(since)) = (is_linked, scene_since(backend)) {
                html.markup(", ").text(scene.rough_age(since));
            }
            html.markup("</small></span>");
        } else {
            html.short(labels.of_one(backend));
        }
        if is_linked {
            html.markup("</a>");
        }
        html.markup("\n");
    }
    html.markup("</ul>\n");
    if not_shown > 0 {
        html.markup("<p>and ")
            .text(not_shown)
            .markup(" more that are up and healthy</p>\n");
    }
}

/// Since when it stands as it does.
fn scene_since(backend: &Backend) -> Option<Time> {
    match backend.listed {
        State::Down => backend.listed_since,
        State::Up => backend.verdict_since,
    }
}

/// What the cells say: the first part of the name where no other backend has the same, else the address.
struct Labels<'a> {
    number: BTreeMap<&'a str, usize>,
}

impl<'a> Labels<'a> {
    fn of(document: &'a Document) -> Labels<'a> {
        let mut number = BTreeMap::new();
        for label in document.backends.iter().filter_map(first_part) {
            *number.entry(label).or_insert(0) += 1;
        }
        Labels { number }
    }

    fn of_one(&self, backend: &Backend) -> String {
        match first_part(backend) {
            Some(label) if self.number.get(label) == Some(&1) => label.to_string(),
            _ => backend.address.to_string(),
        }
    }
}

fn first_part(backend: &Backend) -> Option<&str> {
    let name = backend.name.as_deref()?;
    let first = name.split('.').next()?;
    (!first.is_empty() && first.len() <= 16).then_some(first)
}

fn events(html: &mut Html, scene: &Scene<'_>) {
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

fn commands(html: &mut Html, scene: &Scene<'_>) {
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

fn help(html: &mut Html, scene: &Scene<'_>) {
    html.markup("<details id=help class=help><summary>How to read this page</summary><dl>");
    for standing in standing::ALL {
        html.markup("<dt>")
            .markup(standing.letter())
            .markup(" &ndash; ");
        html.markup(standing.words());
        html.markup("</dt><dd>")
            .markup(standing.meaning(scene.document.director.kind))
            .markup("</dd>\n");
    }
    html.markup("<dt>Listed and checked</dt><dd>Listed is what ")
        .text(scene.document.director.kind.words().subject);
    html.markup(
        " does with a backend: up takes users, \
         down does not. Checked is what the monitor found. Where the two disagree, the row says which rule \
         holds the change back, and until when.</dd>\n\
         <dt>Last 24 hours</dt><dd>Upper line (grey): the worst latency of each half hour; lower line: the \
         mean. Ticks at the top: attempts failed. At the bottom a dashed line: in doubt, an attempt failed \
         and is made again; a solid one: failed; a broad bar: down. In the details the area reaches from the \
         best to the worst latency, the thin green line below it is the time up, and each change has a number \
         that the list below explains. All images have the same scale.</dd>\n\
         <dt>Rows of dots</dt><dd>The last 60 attempts of a service, the latest on the right: . passed, x \
         the backend's fault, s a fault shared with others (account, certificate), l a fault of the \
         monitor's machine.</dd>\n\
         <dt>Capacity</dt><dd>",
    );
    html.markup(match scene.document.director.kind {
        PoolKind::Director => "The vhost counts of the backends that are up, against those of all.",
        PoolKind::Haproxy => "The weight of the servers that are up, against that of all.",
    });
    html.markup("</dd>\n</dl></details>\n");
    html.markup("<footer class=dim><p>All times are ")
        .text(scene.clock.today.zone());
    html.markup(", the clock of ")
        .short(&scene.document.poolmon.name);
    html.markup(
        ". The page loads itself again. <em>poolmon explain ADDRESS</em> says more.</p></footer>\n",
    );
}

#[cfg(test)]
mod tests;
