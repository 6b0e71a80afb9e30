//! A row a backend, what is wrong with it below, and how many are left out.

use super::columns::{cells, legend, titles, Cell, Table, ATTEMPTS};
use super::sentences::{below, rules};
use super::{Explain, View, Which, MANY};
use crate::report::document::{Backend, Document};
use crate::report::judgement::Trouble;
use crate::report::terminal::{Line, Paint};

/// `whole` has those, too, that are not looked at.
pub(super) fn lines(document: &Document, whole: &Document, view: &View) -> Vec<Line> {
    if document.backends.is_empty() {
        let text = match (document.director.list_read, whole.backends.len()) {
            (None, _) => "no list of backends has been read yet".to_owned(),
            (Some(_), 0) if whole.lists_none() => "no backends are listed".to_owned(),
            (Some(_), 0) => "no backend of the list can be read".to_owned(),
            (Some(_), 1) => "the one backend is not asked for".to_owned(),
            (Some(_), all) => format!("none of the {all} backends is asked for"),
        };
        return vec![Line::of(Paint::Doubtful, &text)];
    }
    let mut backends: Vec<&Backend> = document.backends.iter().collect();
    view.sort.order(&mut backends, view.now);
    let all = backends.len();
    if all > MANY && view.which == Which::Telling && !view.filter.is_narrow() {
        backends.retain(|backend| Trouble::of(backend, view.now) != Trouble::None);
    }
    let groups = whole.groups();
    let cells = |backend: &&Backend| cells(backend, groups, view);
    let rows: Vec<Vec<Cell>> = backends.iter().map(cells).collect();
    let table = Table::new(&rows, titles(document), view.width);
    let mut lines = Vec::new();
    if !backends.is_empty() {
        lines.push(table.head());
    }
    for (place, (backend, row)) in backends.iter().zip(&rows).enumerate() {
        lines.push(table.row(row));
        lines.extend(below(document, backend, view));
        if place == 0 && view.explain == Explain::First {
            lines.extend(rules(backend, document, view));
        }
    }
    if table.has(ATTEMPTS) {
        lines.extend(legend(&backends));
    }
    let left_out = all - backends.len();
    if left_out > 0 {
        let text = match left_out {
            1 => "1 more is up and healthy; --all lists it".to_string(),
            _ => format!("{left_out} more are up and healthy; --all lists them"),
        };
        lines.push(Line::of(Paint::Dim, &text));
    }
    lines
}
