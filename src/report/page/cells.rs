//! All backends at a glance: a cell for each below the capacity of its tag, with a short label.

use std::collections::BTreeMap;

use super::html::Html;
use super::standing::Standing;
use super::words::share;
use super::{Scene, FEW, MOST_WELL};
use crate::few::{by_number, counted};
use crate::report::document::{Backend, Document, PoolKind, State, Tag, Time};

/// A label of so many characters has room in a small cell.
const SHORT_LABEL: usize = 8;

/// A cell a backend, in the order of the addresses, below its tag's capacity.
pub(super) fn cells_by_tag(html: &mut Html, scene: &Scene<'_>, backends: &[(Standing, &Backend)]) {
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
    let mut not_shown = 0_usize;
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
            html.markup("<small>")
                .markup(standing.words(scene.document.director.kind));
            if let (true, Some(since)) = (is_linked, stands_since(backend)) {
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
        html.markup("<p>and ").text(not_shown).markup(by_number(
            not_shown,
            " more that is up and healthy</p>\n",
            " more that are up and healthy</p>\n",
        ));
    }
}

/// Since when it stands as it does.
fn stands_since(backend: &Backend) -> Option<Time> {
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
