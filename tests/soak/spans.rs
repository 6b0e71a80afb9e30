//! Spans of time in milliseconds since the start, sorted and apart from each other.

/// From the first up to the second, without it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(pub Vec<(u64, u64)>);

impl Spans {
    /// In any order; they may overlap.
    pub fn of(spans: impl IntoIterator<Item = (u64, u64)>) -> Spans {
        let mut sorted: Vec<(u64, u64)> =
            spans.into_iter().filter(|(from, to)| from < to).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (from, to) in sorted {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Spans(merged)
    }

    pub fn and(&self, other: &Spans) -> Spans {
        let mut both = Vec::new();
        for &(from, to) in &self.0 {
            for &(other_from, other_to) in &other.0 {
                both.push((from.max(other_from), to.min(other_to)));
            }
        }
        Spans::of(both)
    }

    pub fn or(&self, other: &Spans) -> Spans {
        Spans::of(self.0.iter().chain(&other.0).copied())
    }

    /// All of 0 to `end` that is not in here.
    pub fn without(&self, end: u64) -> Spans {
        let mut rest = Vec::new();
        let mut from = 0;
        for &(begin, stop) in &self.0 {
            rest.push((from, begin.min(end)));
            from = stop;
        }
        rest.push((from, end));
        Spans::of(rest)
    }

    pub fn covers(&self, from: u64, to: u64) -> bool {
        self.0.iter().any(|span| span.0 <= from && to <= span.1)
    }

    pub fn meets(&self, from: u64, to: u64) -> bool {
        self.0.iter().any(|span| span.0 < to && from < span.1)
    }

    /// When the first of them that is not over at this time begins, or this time if it has begun.
    pub fn next_after(&self, at: u64) -> Option<u64> {
        let mut left = self.0.iter().filter(|(_, to)| at < *to);
        left.next().map(|(from, _)| (*from).max(at))
    }

    pub fn longest(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_joined_cut_and_turned_round() {
        let one = Spans::of([(5, 8), (0, 2), (7, 10), (4, 4)]);
        assert_eq!(one.0, [(0, 2), (5, 10)]);
        let other = Spans::of([(1, 6), (9, 20)]);
        assert_eq!(one.and(&other).0, [(1, 2), (5, 6), (9, 10)]);
        assert_eq!(one.or(&other).0, [(0, 20)]);
        assert_eq!(one.without(12).0, [(2, 5), (10, 12)]);
        assert_eq!(Spans::default().without(3).0, [(0, 3)]);
        assert!(one.covers(6, 10) && !one.covers(1, 6));
        assert!(one.meets(1, 3) && !one.meets(2, 5));
        assert_eq!(one.longest(), 5);
        assert_eq!(one.next_after(1), Some(1));
        assert_eq!(one.next_after(2), Some(5));
        assert_eq!(one.next_after(10), None);
    }
}
