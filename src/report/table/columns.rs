//! The columns of the table: which there are, what stands in them, and which have room. Those that tell least are left
//! out first.

use super::words::milliseconds;
use super::View;
use crate::backend::Groups;
use crate::report::document::{Backend, By, CheckResult, Document, Service, State, Verdict};
use crate::report::terminal::{columns, cut, shown, Line, Paint};

/// Something that is told of each backend.
struct Column {
    title: &'static str,
    side: Side,
    /// Those with the smallest number are shown, as far as there is room.
    rank: u8,
    /// No entry is wider.
    most: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

const fn column(title: &'static str, side: Side, rank: u8, most: usize) -> Column {
    Column {
        title,
        side,
        rank,
        most,
    }
}

/// In the order of the table. `ATTEMPTS` is the place of the one that takes what room is left.
const COLUMNS: [Column; 14] = [
    column("backend", Side::Left, 0, 39),
    column("tag", Side::Left, 5, 16),
    column("vhosts", Side::Right, 7, 10),
    column("users", Side::Right, 4, 10),
    column("listed", Side::Left, 1, 6),
    column("for", Side::Left, 2, 16),
    column("by", Side::Left, 8, 5),
    column("verdict", Side::Left, 1, 11),
    column("for", Side::Left, 3, 16),
    column("ms now", Side::Right, 6, 7),
    column("median", Side::Right, 9, 7),
    column("worst", Side::Right, 9, 7),
    column("last attempts", Side::Left, 5, MOST_ATTEMPTS),
    column("name", Side::Left, 10, 40),
];

/// The place of the last attempts.
pub(super) const ATTEMPTS: usize = 12;

/// The places of the tag and of the vhosts, whose titles depend on the kind of pool.
const TAG: usize = 1;
const WEIGHTS: usize = 2;

/// Between two columns.
const GAP: usize = 2;

/// The last attempts: where there is room for fewer than these, they are left out.
const FEWEST_ATTEMPTS: usize = 10;

const MOST_ATTEMPTS: usize = 60;

/// In the words of this kind of pool.
pub(super) fn titles(document: &Document) -> Vec<&'static str> {
    let mut titles: Vec<&str> = COLUMNS.iter().map(|column| column.title).collect();
    titles[TAG] = document.group_noun();
    titles[WEIGHTS] = document.director.kind.words().weights;
    titles
}

pub(super) type Cell = (Paint, String);

pub(super) fn cells(backend: &Backend, groups: Groups, view: &View) -> Vec<Cell> {
    let service = telling(backend);
    let of_service = |value: fn(&Service) -> Option<f64>| {
        let value = service.and_then(value);
        (Paint::Plain, value.map_or("-".to_string(), milliseconds))
    };
    let listed = match backend.listed {
        State::Up => (Paint::Good, "up".to_string()),
        State::Down => (Paint::Bad, "DOWN".to_string()),
    };
    let who = match (backend.listed, backend.by) {
        (State::Up, _) | (_, By::Unknown) => "-",
        (State::Down, By::Us) => "us",
        (State::Down, By::Other) => "other",
    };
    let (paint, verdict) = match backend.verdict {
        Verdict::Healthy => (Paint::Good, "healthy"),
        Verdict::Doubtful => (Paint::Doubtful, "doubtful"),
        Verdict::Failed => (Paint::Bad, "FAILED"),
        Verdict::Unknown => (Paint::Doubtful, "unknown"),
        Verdict::NotChecked => (Paint::Dim, "not checked"),
    };
    let plain = |text: String| (Paint::Plain, text);
    let tag = match groups {
        Groups::One => "",
        Groups::Several => &backend.tag,
    };
    vec![
        (Paint::Strong, backend.address.to_string()),
        // A long one takes no room from what tells more.
        plain(cut(&shown(tag), (view.width / 10).max(4))),
        plain(backend.vhosts.to_string()),
        plain(backend.users.to_string()),
        listed,
        plain(view.since_short(backend.listed_since)),
        plain(who.to_string()),
        (paint, verdict.to_string()),
        plain(view.since_short(backend.verdict_since)),
        of_service(|service| match service.result {
            CheckResult::Fail => None,
            _ => service.latency,
        }),
        of_service(|service| service.median),
        of_service(|service| service.worst),
        plain(service.map_or(String::new(), |service| shown(&service.recent))),
        (Paint::Dim, shown(backend.name.as_deref().unwrap_or(""))),
    ]
}

/// The service that tells most: the first that fails, else the slowest.
fn telling(backend: &Backend) -> Option<&Service> {
    let services = &backend.services;
    let failing = services.iter().find(|one| one.result == CheckResult::Fail);
    let latency = |service: &Service| service.latency.unwrap_or(0.0);
    failing.or_else(|| {
        services
            .iter()
            .rev()
            .max_by(|a, b| latency(a).total_cmp(&latency(b)))
    })
}

/// Which columns are shown, and how wide each is.
pub(super) struct Table {
    columns: Vec<(usize, usize)>,
    titles: Vec<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Titles,
    Backend,
}

impl Table {
    pub(super) fn new(rows: &[Vec<Cell>], titles: Vec<&'static str>, width: usize) -> Table {
        let mut wanted: Vec<(usize, usize)> = COLUMNS
            .iter()
            .enumerate()
            .filter_map(|(place, column)| {
                let cells = rows.iter().map(|row| columns(&row[place].1));
                let widest = cells.max().unwrap_or(0).min(column.most);
                // What nobody has is no column.
                (widest > 0).then(|| (place, widest.max(titles[place].len())))
            })
            .collect();
        wanted.sort_by_key(|(place, _)| COLUMNS[*place].rank);
        let mut left = width;
        let mut chosen = Vec::new();
        for (place, widest) in wanted {
            let gap = if chosen.is_empty() { 0 } else { GAP };
            let least = match place == ATTEMPTS {
                true => widest.min(FEWEST_ATTEMPTS.max(titles[ATTEMPTS].len())),
                false => widest,
            };
            if gap + least <= left {
                left -= gap + least;
                chosen.push((place, least, widest));
            }
        }
        for (place, least, widest) in &mut chosen {
            if *place == ATTEMPTS {
                *least = (*least + left).min(*widest);
            }
        }
        chosen.sort_unstable();
        let columns = chosen.iter().map(|(place, width, _)| (*place, *width));
        Table {
            columns: columns.collect(),
            titles,
        }
    }

    pub(super) fn has(&self, place: usize) -> bool {
        self.columns.iter().any(|(column, _)| *column == place)
    }

    pub(super) fn head(&self) -> Line {
        let titles = self.titles.iter();
        let titles: Vec<Cell> = titles
            .map(|title| (Paint::Dim, title.to_string()))
            .collect();
        self.print(&titles, Row::Titles)
    }

    pub(super) fn row(&self, cells: &[Cell]) -> Line {
        self.print(cells, Row::Backend)
    }

    fn print(&self, cells: &[Cell], row: Row) -> Line {
        let mut line = Line::default();
        let mut start = 0;
        for &(place, width) in &self.columns {
            let (paint, text) = &cells[place];
            let is_attempts = place == ATTEMPTS && row == Row::Backend;
            let text = match is_attempts {
                true => last(text, width),
                false => cut(text, width),
            };
            let indent = match COLUMNS[place].side {
                Side::Left => 0,
                Side::Right => width - columns(&text),
            };
            line.pad_to(start + indent);
            match is_attempts {
                true => attempts(&mut line, &text),
                false => line.push(*paint, &text),
            }
            start += width + GAP;
        }
        line
    }
}

/// The latest attempts, as many as there is room for.
fn last(text: &str, width: usize) -> String {
    let letters = text.chars().rev().take(width.min(MOST_ATTEMPTS));
    let text: String = letters.collect::<Vec<char>>().into_iter().rev().collect();
    cut(&text, width)
}

/// Passes pale, failures in the colour of whose fault they are.
fn attempts(line: &mut Line, text: &str) {
    let paint_of = |letter: char| match letter {
        '.' => Paint::Dim,
        'x' => Paint::Bad,
        _ => Paint::Doubtful,
    };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let paint = paint_of(first);
        let end = rest
            .find(|letter| paint_of(letter) != paint)
            .unwrap_or(rest.len());
        line.push(paint, &rest[..end]);
        rest = &rest[end..];
    }
}

/// What the letters mean, of those that somebody who sees them for the first time has to guess.
pub(super) fn legend(backends: &[&Backend]) -> Option<Line> {
    let has = |letter: char| {
        let mut told = backends.iter().filter_map(|backend| telling(backend));
        told.any(|service| service.recent.contains(letter))
    };
    let meanings: Vec<&str> = [
        ('x', "x failed"),
        ('s', "s failed, perhaps not by this backend's fault"),
        ('l', "l failed by this machine's fault"),
    ]
    .iter()
    .filter(|(letter, _)| has(*letter))
    .map(|(_, meaning)| *meaning)
    .collect();
    let text = format!("last attempts: . passed, {}", meanings.join(", "));
    (!meanings.is_empty()).then(|| Line::of(Paint::Dim, &text))
}
