//! The changes that were made beside those of a replay. Pure.

use super::replay::Made;

/// The same change at nearly the same time is the same.
const NEARLY: u64 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Both(Made),
    Recorded(Made),
    Replayed(Made),
}

impl Line {
    fn made(&self) -> &Made {
        match self {
            Line::Both(made) | Line::Recorded(made) | Line::Replayed(made) => made,
        }
    }
}

pub(crate) struct Comparison {
    /// By time.
    pub(crate) lines: Vec<Line>,
}

impl Comparison {
    pub(crate) fn is_same(&self) -> bool {
        self.lines.iter().all(|line| matches!(line, Line::Both(_)))
    }
}

pub(crate) fn compare(recorded: &[Made], replayed: &[Made]) -> Comparison {
    let mut lines = Vec::new();
    let mut left: Vec<Option<&Made>> = replayed.iter().map(Some).collect();
    let mut first = 0;
    for made in recorded {
        // Those before are too early for all that follow.
        let is_over = |other: &Option<&Made>| match other {
            None => true,
            Some(other) => other.at.0 + NEARLY < made.at.0,
        };
        while left.get(first).map_or(false, is_over) {
            if let Some(other) = left[first].take() {
                lines.push(Line::Replayed(other.clone()));
            }
            first += 1;
        }
        let is_same = |other: &&Made| {
            (other.address, other.action) == (made.address, made.action)
                && other.at.0.abs_diff(made.at.0) <= NEARLY
        };
        let near = left[first..]
            .iter_mut()
            .take_while(|other| other.map_or(true, |other| other.at.0 <= made.at.0 + NEARLY))
            .find(|other| other.as_ref().map_or(false, is_same));
        match near {
            Some(other) => {
                *other = None;
                lines.push(Line::Both(made.clone()));
            }
            None => lines.push(Line::Recorded(made.clone())),
        }
    }
    lines.extend(left.into_iter().flatten().cloned().map(Line::Replayed));
    lines.sort_by_key(|line| line.made().at);
    Comparison { lines }
}
