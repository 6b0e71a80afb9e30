//! The page: one HTML file that shows a document to a browser, and needs nothing else.
//!
//! A pure function of the document, the time and the clock on the wall. It fetches nothing and is fetched
//! from no other site: the policy in its head allows its own style sheet and its own script by their
//! hashes, and nothing more. Without the script all is there but the age that counts on. What it knows of
//! a backend is worked out in `standing`; `cells`, `rows` and `details` print it, `plot` draws it, and `table`
//! decides how much of it has room.

mod cells;
mod details;
mod html;
mod legend;
mod overview;
mod plot;
mod recent;
mod rows;
mod standing;
mod table;
mod words;

use self::html::Html;
use self::plot::{Axes, Grain};
use self::standing::{Standing, Tone};
use self::table::Table;
use self::words::{rough, Clock};
use crate::backend::Groups;
use crate::few::counted;
use crate::report::document::{Backend, Document, Event, Restore, Time, Unanswered};
use crate::report::freshness::{bearable_age, Age};
use crate::report::words::lasting;

pub use self::words::Wall;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// What the browser may do. The hashes are those of `STYLE` and `SCRIPT`: a test computes them.
const POLICY: &str = "default-src 'none'; \
     style-src 'sha256-xbJAPMZhf2NyeRfl7PCF1I4HeFG6lD+3wvyaIrHx5PM='; \
     script-src 'sha256-3gaKsCceFn5ka8PAvUwI16qbw5HqimZduPST2bYZSEA='; \
     img-src data:; base-uri 'none'; form-action 'none'";

/// So many cells and rows are shown of the backends that are well; the others are counted.
const MOST_WELL: usize = 1000;

/// Up to so many backends each has a large cell, and its row all slots of the day.
const FEW: usize = 60;

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
    overview::overview(&mut html, &scene, &backends);
    overview::alarms(&mut html, &scene);
    let mut cells = Html::new();
    cells::cells_by_tag(&mut cells, &scene, &backends);
    let mut below = Html::new();
    recent::events(&mut below, &scene);
    recent::commands(&mut below, &scene);
    legend::help(&mut below, &scene);
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
    let icon = if is_any(Tone::Bad)
        || matches!(unanswered, Some(Unanswered::Failed(_)))
        || scene.document.lists_none()
    {
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
        .text(overview::up_of_all(scene.document))
        .markup(" up - ");
    html.short(&monitor.name)
        .markup("</title>\n<style>")
        .markup(STYLE);
    html.markup("</style></head>\n<body>\n");
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
    // Of a number with hundreds of digits the text is cut, and ends with what needs quotes.
    html.markup(", <span id=age data-written=\"").text(written);
    html.markup("\" data-limit=\"").text(limit).markup("\">");
    match Age::of(scene.document, options.now) {
        Age::Old(age) => html.text(lasting(age)).markup(" ago"),
        Age::Ahead(ahead) => html.text(lasting(ahead)).markup(" ahead of the clock here"),
    };
    html.markup("</span>. Checked every ");
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
            Event::Round if monitor.login_interval > 0.0 => "is checked with a login",
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

#[cfg(test)]
mod tests;
