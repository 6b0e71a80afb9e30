//! Tables of what is right, for tests: a row for each step, a column for each fault.
//!
//! A file has parts that begin with `== title`. In a grid, a row is a step, the stage that it belongs to, and
//! a cell for each column: `fault`, or `stage/fault` for what fails elsewhere, `ok` for what does not, and
//! `-` for what cannot be. That has a reason, among lines `STEP: COLUMNS: reason` with `*` for any.
//!
//! The cells of a grid are tried many at a time, since most of them wait.

use std::sync::Mutex;
use std::thread;

use crate::peak;

/// How many cells are tried at a time, and how many times their usual time they have. A cell that is late is
/// tried again in the next round: the cells beside it and the other work of this moment keep the threads of
/// the one from waking up in time. `POOLMON_TEST_SLOWNESS` is another thing, which somebody knows beforehand:
/// how slow the machine always is. It stretches the usual time itself.
const ROUNDS: [(usize, u32); 4] = [(32, 1), (8, 2), (4, 4), (1, 8)];

/// What is wrong with a cell.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// It took longer than it may, or did not come to its step in time: so may what is right, on a machine
    /// that is busy. The cell is tried again.
    Late(String),
    /// Never right on any machine.
    Surely(String),
}

impl Wrong {
    /// Tells which cell it is.
    pub(crate) fn of(self, cell: &str) -> Wrong {
        match self {
            Wrong::Late(why) => Wrong::Late(format!("{cell}: {why}")),
            Wrong::Surely(why) => Wrong::Surely(format!("{cell}: {why}")),
        }
    }
}

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

/// What is wrong with the cells, as `try_once` says of a cell that has so many times its usual time. What is
/// surely wrong is so the first time, even if it is only now and then.
pub(crate) fn try_all<C: Send>(
    cells: Vec<C>,
    try_once: impl Fn(&C, u32) -> Result<(), Wrong> + Sync,
) -> Vec<String> {
    let mut late: Vec<(C, String)> = cells
        .into_iter()
        .map(|cell| (cell, String::new()))
        .collect();
    let wrong = Mutex::new(Vec::new());
    for (at_once, factor) in ROUNDS {
        let left = Mutex::new(late.into_iter());
        let again = Mutex::new(Vec::new());
        let next = || left.lock().unwrap().next();
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some((cell, _)) = next() {
                        match try_once(&cell, factor) {
                            Ok(()) => {}
                            Err(Wrong::Late(why)) => again.lock().unwrap().push((cell, why)),
                            Err(Wrong::Surely(why)) => wrong.lock().unwrap().push(why),
                        }
                    }
                });
            }
        });
        late = again.into_inner().unwrap();
    }
    let wrong = wrong.into_inner().unwrap().into_iter();
    wrong.chain(late.into_iter().map(|(_, why)| why)).collect()
}

/// What is wrong with a cell that is tried now: surely, or because the process held more than this for it.
pub(crate) fn try_within(
    most: usize,
    try_once: impl Fn() -> Result<(), Wrong>,
) -> Result<(), String> {
    let mut surely = None;
    let rise = peak::rise(most, || {
        if let Err(Wrong::Surely(why)) = try_once() {
            surely = Some(why);
        }
    });
    match surely {
        Some(why) => Err(why),
        None if rise > most => Err(format!("held {rise} bytes more")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn what_is_wrong_once_is_wrong_and_what_is_late_has_more_time() {
        let tries = [AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0)];
        let wrong = try_all(vec![0, 1, 2], |&cell, factor| {
            let earlier = tries[cell].fetch_add(1, Ordering::SeqCst);
            match cell {
                0 if earlier == 0 => Err(Wrong::Surely("now and then".to_owned())),
                1 if factor < 4 => Err(Wrong::Late("busy".to_owned())),
                2 => Err(Wrong::Late("always late".to_owned())),
                _ => Ok(()),
            }
        });
        assert_eq!(wrong, ["now and then", "always late"]);
        let tries = tries.map(AtomicU32::into_inner);
        assert_eq!(tries, [1, 3, 4]);
    }
}
