//! The rows, the worst first, and how much of what is known of each backend has room in a page of bounded size.
//!
//! Each shown backend has its row. What has no room in the page is left out of the lower rows, and the page says of
//! how many and where it is: first the details, then images, then steps, and at last the reasons
//! with the changes.

use super::details;
use super::html::Html;
use super::plot;
use super::rows;
use super::standing::Standing;
use super::{Scene, FEW, MOST_WELL};
use crate::report::document::{Backend, PoolKind};

/// How large the page may become.
const MOST_BYTES: usize = 149_000;

/// With more than 250 rows the page may have so much for each of them.
const BYTES_EACH: usize = MOST_BYTES / 250;

/// Headings of the tables, and what is said about what was left out.
const AROUND: usize = 1_600;

/// The worst so many backends have what a person can do about them.
pub(super) const MOST_WITH_STEPS: usize = 40;

/// The last so many changes of each are told in its row, fewer if all have many.
const MOST_CHANGES: usize = 3;

/// Between a row and what is told below it.
const BETWEEN: &str = "\n<tr class=y><td colspan=5>";

/// What is told of one backend.
struct Piece<'a> {
    standing: Standing,
    backend: &'a Backend,
    row: Html,
    image: Html,
    reasons: Html,
    changes: Html,
    steps: Html,
    details: Html,
}

/// Of how many backends something had no room.
#[derive(Default)]
struct LeftOut {
    reasons: usize,
    changes: usize,
    images: usize,
    details: usize,
    rows: usize,
}

pub(super) struct Table<'a> {
    pieces: Vec<Piece<'a>>,
    left_out: LeftOut,
}

/// Bytes that are left.
struct Room(usize);

impl Room {
    /// Whether they are taken.
    fn take(&mut self, bytes: usize) -> bool {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

impl<'a> Table<'a> {
    /// Of these, the worst first. The rest of the page takes `used` bytes.
    pub(super) fn fit(
        scene: &Scene<'_>,
        backends: &[(Standing, &'a Backend)],
        used: usize,
    ) -> Table<'a> {
        let shown = number_shown(backends);
        let mut table = Table {
            pieces: backends[..shown]
                .iter()
                .map(|(standing, backend)| piece(scene, *standing, backend))
                .collect(),
            left_out: LeftOut {
                rows: backends.len() - shown,
                ..LeftOut::default()
            },
        };
        let most = MOST_BYTES.max(BYTES_EACH * shown);
        let rows = table.pieces.iter();
        let rows: usize = rows.map(|piece| piece.row.len() + BETWEEN.len() + 1).sum();
        let mut room = Room(most.saturating_sub(used + AROUND + rows));
        table.fill(scene, &mut room);
        table
    }

    fn fill(&mut self, scene: &Scene<'_>, room: &mut Room) {
        let Table { pieces, left_out } = self;
        let all_reasons = pieces.iter();
        let all_reasons: Vec<Html> = all_reasons
            .map(|piece| made(|html| rows::reasons(html, scene, piece.backend)))
            .collect();
        let of_reasons: usize = all_reasons.iter().map(Html::len).sum();
        let changes =
            |piece: &Piece, most| made(|html| rows::changes(html, scene, piece.backend, most));
        let fits = |most: &usize| {
            let of_changes = pieces.iter().map(|piece| changes(piece, *most).len());
            of_reasons + of_changes.sum::<usize>() <= room.0
        };
        let most = (1..=MOST_CHANGES).rev().find(fits).unwrap_or(1);
        let mut is_full = false;
        for (piece, reasons) in pieces.iter_mut().zip(all_reasons) {
            let changes = changes(piece, most);
            // Once something had no room, nothing below it is shown, however short: the page goes by how bad it is.
            is_full = is_full || !room.take(reasons.len() + changes.len());
            if is_full {
                left_out.reasons += usize::from(!reasons.is_empty());
                left_out.changes += usize::from(!changes.is_empty());
            } else {
                piece.reasons = reasons;
                piece.changes = changes;
            }
        }

        let worst = pieces.len().min(MOST_WITH_STEPS);
        let steps = |piece: &Piece| match piece.standing {
            Standing::Well => Html::new(),
            _ => made(|html| rows::to_do(html, scene, piece.backend)),
        };
        each(&mut pieces[..worst], room, steps, |piece| &mut piece.steps);

        let image =
            |piece: &Piece| made(|html| plot::small(html, &scene.axes, piece.backend, scene.grain));
        left_out.images = each(pieces, room, image, |piece| &mut piece.image);

        // Details are long, so they are made one by one, up to the first that has no room.
        left_out.details = pieces.len();
        for piece in pieces {
            let details = made(|html| details::details(html, scene, piece.backend));
            // They have all changes.
            room.0 += piece.changes.len();
            if !room.take(details.len()) {
                break;
            }
            piece.changes = Html::new();
            piece.details = details;
            left_out.details -= 1;
        }
    }

    fn has(&self, is_meant: fn(Standing) -> bool) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.any(|piece| is_meant(piece.standing))
    }

    fn some(&self, html: &mut Html, scene: &Scene<'_>, is_shown: fn(Standing) -> bool) {
        head(html, scene);
        for piece in &self.pieces {
            if is_shown(piece.standing) {
                piece.print(html);
            }
        }
        html.markup("</table>\n");
    }

    /// What the page does not have, and where it is.
    fn remarks(&self, html: &mut Html) {
        let LeftOut {
            reasons,
            changes,
            images,
            details,
            rows,
        } = self.left_out;
        if details > 0 {
            html.markup("<p class=dim>Left out to keep the page small: details of ");
            html.text(details);
            html.markup(" (poolmon explain ADDRESS shows them, and what to do)");
            for (number, what) in [(reasons, ", causes of "), (images, ", images of ")] {
                if number > 0 {
                    html.markup(what).text(number);
                }
            }
            html.markup(".</p>\n");
        }
        if changes > 0 {
            html.markup("<p class=dim>Changes of the last 24 hours are left out for ");
            html.text(changes);
            html.markup(": poolmon status --since 24h lists them all, with who and why.</p>\n");
        }
        if rows > 0 {
            html.markup("<p class=dim>Up and healthy, and not shown: ");
            html.text(rows).markup(".</p>\n");
        }
    }
}

fn head(html: &mut Html, scene: &Scene<'_>) {
    html.markup("<table><thead><tr>");
    html.markup("<th scope=col>Backend<th scope=col>Listed<small>, checked</small>");
    html.markup(match scene.document.director.kind {
        PoolKind::Director => "<th scope=col>Users<small> / vhosts</small>",
        PoolKind::Haproxy => "<th scope=col>Sessions<small> / weight</small>",
    });
    html.markup("<th scope=col>Latency<small> median / worst</small>");
    html.markup("<th scope=col>Last 24 hours</thead>\n<tbody>\n");
}

fn piece<'a>(scene: &Scene<'_>, standing: Standing, backend: &'a Backend) -> Piece<'a> {
    Piece {
        standing,
        backend,
        row: made(|html| rows::row(html, scene, backend, standing)),
        image: Html::new(),
        reasons: Html::new(),
        changes: Html::new(),
        steps: Html::new(),
        details: Html::new(),
    }
}

impl Piece<'_> {
    fn print(&self, html: &mut Html) {
        html.append(&self.row).append(&self.image);
        let below = [&self.reasons, &self.changes, &self.steps, &self.details];
        if below.iter().any(|part| !part.is_empty()) {
            html.markup(BETWEEN);
            for part in below {
                html.append(part);
            }
        }
        html.markup("\n");
    }
}

fn made(make: impl FnOnce(&mut Html)) -> Html {
    let mut html = Html::new();
    make(&mut html);
    html
}

/// Puts what is made of each, if there is something, while there is room; of how many there was none.
fn each<'a>(
    pieces: &mut [Piece<'a>],
    room: &mut Room,
    make: impl Fn(&Piece<'a>) -> Html,
    place: for<'p> fn(&'p mut Piece<'a>) -> &'p mut Html,
) -> usize {
    let mut left_out = 0;
    for piece in pieces {
        let html = make(piece);
        if html.is_empty() {
            continue;
        }
        // Once something had no room, nothing below it is shown, however short: the page goes by how bad it is.
        if left_out == 0 && room.take(html.len()) {
            *place(piece) = html;
        } else {
            left_out += 1;
        }
    }
    left_out
}

/// All that are not well, and a bounded number of those that are.
fn number_shown(backends: &[(Standing, &Backend)]) -> usize {
    let well = backends
        .iter()
        .filter(|(standing, _)| *standing == Standing::Well)
        .count();
    backends.len() - well + well.min(MOST_WELL)
}

/// The rows, and the cells: of many backends the rows that are not well come before the cells, which would push
/// them below the first screen.
pub(super) fn with_cells(html: &mut Html, scene: &Scene<'_>, table: &Table<'_>, cells: &Html) {
    let is_well = |standing: Standing| standing == Standing::Well;
    let is_unwell = |standing: Standing| standing != Standing::Well;
    if scene.document.backends.len() <= FEW {
        html.append(cells);
        html.markup("<h2>Backends, the worst first</h2>\n");
        table.some(html, scene, |_| true);
    } else {
        if table.has(is_unwell) {
            html.markup(
                "<h2>Not well, the worst first <small><a href=\"#glance\">all at a glance</a></small></h2>\n",
            );
            table.some(html, scene, is_unwell);
        }
        html.append(cells);
        if table.has(is_well) {
            html.markup("<h2>Up and healthy</h2>\n");
            table.some(html, scene, is_well);
        }
    }
    table.remarks(html);
}
