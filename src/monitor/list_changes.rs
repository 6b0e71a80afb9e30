//! Changes of one backend's listed state, whoever made them: those of the last day, and how many there were.
//!
//! Pure; it knows no clock and no director.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::policy::By;
use crate::backend::HostState;

/// How many are kept at most.
const KEPT: usize = 50;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Default)]
pub(super) struct ListChanges {
    /// The oldest first.
    kept: VecDeque<ListChange>,
    /// Who made the last one, also where it is not kept any more.
    last_by: Option<By>,
    counts: [u32; 6],
    /// Why our last command was decided on.
    intended: Option<(HostState, Arc<str>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListChange {
    pub(super) at: Instant,
    pub(super) to: HostState,
    pub(super) by: By,
    pub(super) reason: Option<Arc<str>>,
}

/// In the order of their places among the counts.
const KINDS: [(HostState, By); 6] = [
    (HostState::Down, By::Us),
    (HostState::Down, By::Other),
    (HostState::Down, By::Unknown),
    (HostState::Up, By::Us),
    (HostState::Up, By::Other),
    (HostState::Up, By::Unknown),
];

impl ListChanges {
    /// A command of ours is to bring this state about.
    pub(super) fn on_decided(&mut self, to: HostState, reason: Arc<str>) {
        self.intended = Some((to, reason));
    }

    /// Why our last command was decided on, if it was to bring this state about.
    pub(super) fn intended(&self, to: HostState) -> Option<&str> {
        match &self.intended {
            Some((intended, reason)) if *intended == to => Some(reason),
            _ => None,
        }
    }

    pub(super) fn on_change(&mut self, to: HostState, by: By, now: Instant) {
        self.last_by = Some(by);
        if let Some(place) = KINDS.iter().position(|kind| *kind == (to, by)) {
            self.counts[place] = self.counts[place].saturating_add(1);
        }
        let reason = match (&self.intended, by) {
            (Some((intended, reason)), By::Us) if *intended == to => Some(Arc::clone(reason)),
            _ => None,
        };
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        let is_old = |change: &ListChange| now.saturating_duration_since(change.at) >= DAY;
        while self.kept.front().map_or(false, is_old) {
            self.kept.pop_front();
        }
        self.kept.push_back(ListChange {
            at: now,
            to,
            by,
            reason,
        });
    }

    /// Those of the last day, the oldest first.
    pub(super) fn of_the_day(&self, now: Instant) -> impl Iterator<Item = &ListChange> {
        self.kept
            .iter()
            .filter(move |change| now.saturating_duration_since(change.at) < DAY)
    }

    /// When the list first showed this state, if that is what it went to last.
    pub(super) fn shown_since(&self, state: HostState) -> Option<Instant> {
        let last = self.kept.back().filter(|change| change.to == state);
        last.map(|change| change.at)
    }

    pub(super) fn last_by(&self) -> Option<By> {
        self.last_by
    }

    /// How many there were of each kind that there was.
    pub(super) fn counts(&self) -> impl Iterator<Item = ((HostState, By), u64)> + '_ {
        let counts = self.counts.iter().map(|count| u64::from(*count));
        KINDS
            .into_iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HostState::{Down, Up};

    #[test]
    fn a_change_of_ours_has_its_reason_and_anothers_has_none() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut changes = ListChanges::default();
        assert_eq!(changes.last_by(), None);
        changes.on_decided(Down, Arc::from("refused"));
        assert_eq!(changes.intended(Down), Some("refused"));
        assert_eq!(changes.intended(Up), None, "the command is a down");
        changes.on_change(Down, By::Us, at(1));
        changes.on_change(Up, By::Other, at(2));
        changes.on_change(Down, By::Other, at(3));
        changes.on_change(Up, By::Us, at(4));
        let kept: Vec<_> = changes
            .of_the_day(at(5))
            .map(|change| ((change.at - start).as_secs(), change.to, change.by))
            .collect();
        let expected = [
            (1, Down, By::Us),
            (2, Up, By::Other),
            (3, Down, By::Other),
            (4, Up, By::Us),
        ];
        assert_eq!(kept, expected);
        let reasons: Vec<_> = changes
            .of_the_day(at(5))
            .map(|change| change.reason.as_deref())
            .collect();
        assert_eq!(reasons, [Some("refused"), None, None, None]);
        assert_eq!(changes.last_by(), Some(By::Us));
        let counts: Vec<_> = changes.counts().collect();
        let one = |to, by| ((to, by), 1);
        assert_eq!(
            counts,
            [
                one(Down, By::Us),
                one(Down, By::Other),
                one(Up, By::Us),
                one(Up, By::Other)
            ]
        );
    }

    #[test]
    fn fifty_are_kept_for_a_day() {
        let start = Instant::now();
        let mut changes = ListChanges::default();
        for second in 0..70 {
            changes.on_change(Up, By::Unknown, start + Duration::from_secs(second));
        }
        let left = |at: Duration| changes.of_the_day(start + at).count();
        let day = Duration::from_secs(86_400);
        assert_eq!(left(Duration::from_secs(70)), 50);
        assert_eq!(left(day + Duration::from_secs(30)), 39);
        assert_eq!(left(day + Duration::from_secs(69)), 0);
        assert_eq!(
            changes.counts().collect::<Vec<_>>(),
            [((Up, By::Unknown), 70)]
        );
        changes.on_change(Down, By::Us, start + day * 2);
        assert_eq!(changes.kept.len(), 1);
    }

    #[test]
    fn only_the_state_that_the_list_went_to_last_has_been_shown_since_a_known_time() {
        let start = Instant::now();
        let mut changes = ListChanges::default();
        assert_eq!(changes.shown_since(Up), None);
        changes.on_change(Up, By::Other, start);
        let later = start + Duration::from_secs(1);
        changes.on_change(Down, By::Other, later);
        assert_eq!(changes.shown_since(Down), Some(later));
        assert_eq!(changes.shown_since(Up), None);
    }
}
