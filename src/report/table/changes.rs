//! `--since`: the changes of the list, with who and why, the latest last.

use super::words::long;
use super::View;
use crate::report::document::{Backend, By, Change, Document, Span, State};
use crate::report::terminal::{paragraph, Line, Paint};

const MOST_LINES: usize = 3;

pub(super) fn lines(document: &Document, span: Span, view: &View) -> Vec<Line> {
    let from = view.now - span;
    let mut changes: Vec<(&Backend, &Change)> = document
        .backends
        .iter()
        .flat_map(|backend| backend.changes.iter().map(move |change| (backend, change)))
        .filter(|(_, change)| change.at >= from)
        .collect();
    changes.sort_by(|a, b| a.1.at.total_cmp(&b.1.at));
    let title = match changes.is_empty() {
        true => format!("no changes within {}", long(span)),
        false => format!("changes within {}", long(span)),
    };
    let mut lines = vec![Line::of(Paint::Dim, &title)];
    for (backend, change) in changes {
        let mut head = Line::of(Paint::Dim, &view.clock(change.at));
        head.push(Paint::Plain, &format!("  {}  ", backend.address));
        match change.to {
            State::Up => head.push(Paint::Good, "up"),
            State::Down => head.push(Paint::Bad, "DOWN"),
        }
        let reason = change.reason.as_ref();
        let text = format!(
            "{}{}",
            by(change.by),
            reason.map_or(String::new(), |reason| format!(": {reason}"))
        );
        head.push(Paint::Plain, " ");
        lines.extend(paragraph(
            &head,
            Paint::Plain,
            &text,
            view.width,
            MOST_LINES,
        ));
    }
    lines
}

pub(super) fn by(by: By) -> &'static str {
    match by {
        By::Us => "by this monitor",
        By::Other => "by somebody else",
        By::Unknown => "by somebody unknown",
    }
}
