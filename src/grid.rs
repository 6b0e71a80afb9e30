//! Tables of what is right, for tests: a row for each step, a column for each fault.
//!
//! A file has parts that begin with `== title`. In a grid, a row is a step, the stage that it belongs to, and
//! a cell for each column: `fault`, or `stage/fault` for what fails elsewhere, `ok` for what does not, and
//! `-` for what cannot be. That has a reason, among lines `STEP: COLUMNS: reason` with `*` for any.
//!
//! The cells of a grid are tried many at a time, since most of them wait.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// How many cells are tried at a time, and how often the time limit. On a machine that is busy with other
/// work threads wake up late: so what is wrong is tried again with fewer beside it, and more time.
const ROUNDS: [(usize, u32); 4] = [(32, 1), (8, 2), (4, 4), (1, 8)];

/// A row of a grid.
pub(crate) struct Row {
    pub(crate) step: String,
    /// `ok`, or `stage/fault`; `None` cannot be.
    pub(crate) outcomes: Vec<Option<String>>,
}

/// The lines of a part of a file. The first part has no title.
pub(crate) fn part<'t>(text: &'t str, title: &str) -> Vec<&'t str> {
    let mut parts = text.split("\n== ");
    let part = match title {
        "" => parts.next(),
        _ => parts.skip(1).find_map(|part| part.strip_prefix(title)),
    };
    let lines = part.unwrap_or_else(|| panic!("no part {title}")).lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// A grid with these columns.
pub(crate) fn grid(columns: &[&str], lines: &[&str]) -> Vec<Row> {
    let heads: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(heads[2..], *columns);
    lines[1..].iter().map(|line| row(columns, line)).collect()
}

fn row(columns: &[&str], line: &str) -> Row {
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words.len(), columns.len() + 2, "{line}");
    let outcome = |cell: &&str| match *cell {
        "-" => None,
        "ok" => Some("ok".to_owned()),
        elsewhere if elsewhere.contains('/') => Some(elsewhere.to_owned()),
        fault => Some(format!("{}/{fault}", words[1])),
    };
    Row {
        step: words[0].to_owned(),
        outcomes: words[2..].iter().map(outcome).collect(),
    }
}

/// Holds that what cannot be has a reason, and that each reason is needed.
pub(crate) fn check_reasons(columns: &[&str], rows: &[Row], reasons: &[&str]) {
    let mut is_needed = vec![false; reasons.len()];
    for row in rows {
        for (column, _) in columns
            .iter()
            .zip(&row.outcomes)
            .filter(|(_, o)| o.is_none())
        {
            let mut has_reason = false;
            for (reason, is_needed) in reasons.iter().zip(&mut is_needed) {
                let parts: Vec<&str> = reason.splitn(3, ": ").collect();
                let is_step = parts[0] == "*" || parts[0] == row.step;
                let mut named = parts[1].split(' ');
                if is_step && named.any(|named| named == "*" || named == *column) {
                    assert!(parts[2].len() > 10, "{reason}");
                    has_reason = true;
                    *is_needed = true;
                }
            }
            assert!(has_reason, "why can {} not be {column}?", row.step);
        }
    }
    assert!(!is_needed.contains(&false), "{reasons:?}: {is_needed:?}");
}

/// What is wrong with the cells, as `try_once` says of a cell and a time limit, in every round.
pub(crate) fn try_all<C: Send>(
    cells: Vec<C>,
    limit: Duration,
    try_once: impl Fn(&C, Duration) -> Result<(), String> + Sync,
) -> Vec<String> {
    let mut doubtful: Vec<(C, String)> = cells
        .into_iter()
        .map(|cell| (cell, String::new()))
        .collect();
    for (at_once, factor) in ROUNDS {
        let left = Mutex::new(doubtful.into_iter());
        let wrong = Mutex::new(Vec::new());
        let next = || left.lock().unwrap().next();
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some((cell, _)) = next() {
                        if let Err(why) = try_once(&cell, limit * factor) {
                            wrong.lock().unwrap().push((cell, why));
                        }
                    }
                });
            }
        });
        doubtful = wrong.into_inner().unwrap();
    }
    doubtful.into_iter().map(|(_, why)| why).collect()
}
