//! When one backend was in doubt or had failed, within the last day, whatever the list said of it.
//!
//! Pure; it knows no clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::snapshot::{Standing, UnwellView};

/// How many are kept at most.
const KEPT: usize = 100;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A doubt that comes back within this time goes on. A drawing of a day has no room for more, and one attempt
/// in ten that fails makes no list of thousands.
const NEAR: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct Unwell {
    /// The oldest first; only the last one may be without an end.
    kept: VecDeque<Spell>,
}

#[derive(Debug)]
struct Spell {
    standing: Standing,
    began: Instant,
    ended: Option<Instant>,
}

impl Spell {
    fn is_over_for(&self, span: Duration, now: Instant) -> bool {
        let ended = self.ended;
        ended.map_or(false, |ended| now.saturating_duration_since(ended) > span)
    }
}

impl Unwell {
    /// It stands so from now on, and has not before.
    pub(super) fn on_standing(&mut self, standing: Standing, since: Instant) {
        if let Some(last) = self.kept.back_mut() {
            last.ended.get_or_insert(since);
        }
        while self
            .kept
            .front()
            .map_or(false, |first| first.is_over_for(DAY, since))
        {
            self.kept.pop_front();
        }
        if !matches!(standing, Standing::Doubtful | Standing::Failed) {
            return;
        }
        match self.kept.back_mut() {
            Some(last) if last.standing == standing && !last.is_over_for(NEAR, since) => {
                last.ended = None;
            }
            _ => {
                if self.kept.len() >= KEPT {
                    self.kept.pop_front();
                }
                self.kept.push_back(Spell {
                    standing,
                    began: since,
                    ended: None,
                });
            }
        }
    }

    /// Those of the last day, the oldest first.
    pub(super) fn of_the_day(&self, now: Instant) -> Vec<UnwellView> {
        let ago = |at: Instant| now.saturating_duration_since(at);
        let of_the_day = self
            .kept
            .iter()
            .filter(|spell| !spell.is_over_for(DAY, now));
        let views = of_the_day.map(|spell| UnwellView {
            standing: spell.standing,
            began: ago(spell.began),
            ended: spell.ended.map(ago),
        });
        views.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::{Doubtful, Failed, Healthy};

    /// What is told at the last time: how it stood, and from which second to which.
    #[track_caller]
    fn check(story: &[(u64, Standing)], now: u64, expected: &[(Standing, u64, Option<u64>)]) {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut unwell = Unwell::default();
        for (second, standing) in story {
            unwell.on_standing(*standing, at(*second));
        }
        let told = unwell.of_the_day(at(now));
        let told: Vec<(Standing, u64, Option<u64>)> = told
            .iter()
            .map(|view| {
                let second = |ago: Duration| now - ago.as_secs();
                (view.standing, second(view.began), view.ended.map(second))
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_doubt_ends_when_it_passes_or_has_failed() {
        check(&[(5, Healthy)], 9, &[]);
        check(
            &[(5, Healthy), (10, Doubtful), (15, Failed), (90, Healthy)],
            100,
            &[(Doubtful, 10, Some(15)), (Failed, 15, Some(90))],
        );
        check(&[(10, Doubtful)], 12, &[(Doubtful, 10, None)]);
    }

    #[test]
    fn a_doubt_that_comes_back_soon_is_the_same_and_later_another() {
        let story = [
            (10, Doubtful),
            (20, Healthy),
            (320, Doubtful),
            (330, Healthy),
        ];
        check(&story, 400, &[(Doubtful, 10, Some(330))]);
        let story = [(10, Doubtful), (20, Healthy), (321, Doubtful)];
        check(
            &story,
            400,
            &[(Doubtful, 10, Some(20)), (Doubtful, 321, None)],
        );
    }

    #[test]
    fn what_is_older_than_a_day_is_forgotten_and_no_more_than_a_hundred_are_kept() {
        let day = DAY.as_secs();
        let story = [(10, Doubtful), (20, Healthy), (500, Failed)];
        check(&story, day + 21, &[(Failed, 500, None)]);
        let story: Vec<(u64, Standing)> = (0..2 * KEPT as u64 + 2)
            .map(|n| (n * 400, if n % 2 == 0 { Doubtful } else { Healthy }))
            .collect();
        let start = Instant::now();
        let mut unwell = Unwell::default();
        for (second, standing) in &story {
            unwell.on_standing(*standing, start + Duration::from_secs(*second));
        }
        assert_eq!(unwell.kept.len(), KEPT);
    }
}
