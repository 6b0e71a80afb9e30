//! What one backend's attempts of the last day came to, in slots of half an hour.
//!
//! All backends' slots begin at the same times, counted from the start of the monitor. Pure; it knows no
//! clock.

use std::time::Duration;

use super::snapshot::{Slot, SLOT};
use crate::outcome::Outcome;

/// How many there are.
const SLOTS: u32 = 48;

#[derive(Debug, Default)]
pub(super) struct Day {
    /// The oldest first, without gaps.
    slots: Vec<Slot>,
    /// Which slot since the start the last one is.
    last: u32,
    /// What the passes of the last one took together, in microseconds.
    sum: u64,
}

/// Which slot this time after the start is in.
pub(super) fn number(after_start: Duration) -> u32 {
    u32::try_from(after_start.as_secs() / SLOT.as_secs()).unwrap_or(u32::MAX)
}

impl Day {
    pub(super) fn on_outcome(&mut self, outcome: &Outcome, number: u32) {
        self.go_on_to(number);
        let slot = match self.slots.last_mut() {
            Some(slot) => slot,
            None => return,
        };
        if outcome.result.is_err() {
            slot.failures = slot.failures.saturating_add(1);
            return;
        }
        let micros = u32::try_from(outcome.latency.as_micros()).unwrap_or(u32::MAX);
        slot.best = match slot.passes {
            0 => micros,
            _ => slot.best.min(micros),
        };
        slot.worst = slot.worst.max(micros);
        slot.passes = slot.passes.saturating_add(1);
        // At 65,535, the most that are counted, the mean stays as it is.
        if slot.passes < u16::MAX {
            self.sum = self.sum.saturating_add(micros.into());
            slot.mean = u32::try_from(self.sum / u64::from(slot.passes)).unwrap_or(u32::MAX);
        }
    }

    fn go_on_to(&mut self, number: u32) {
        if self.slots.is_empty() {
            self.last = number;
            self.add_empty();
        }
        let missing = number.saturating_sub(self.last).min(SLOTS);
        for _ in 0..missing {
            self.add_empty();
        }
        self.last = self.last.max(number);
    }

    fn add_empty(&mut self) {
        if self.slots.len() as u32 >= SLOTS {
            self.slots.remove(0);
        }
        self.slots.push(Slot::default());
        self.sum = 0;
    }

    /// The slots up to this one, the oldest first, and which the first one is.
    pub(super) fn up_to(&self, number: u32) -> (Vec<Slot>, u32) {
        let first_shown = (number + 1).saturating_sub(SLOTS);
        if self.slots.is_empty() {
            return (vec![Slot::default()], number);
        }
        let first_kept = self.last + 1 - self.slots.len() as u32;
        let kept = (first_kept..).zip(self.slots.iter().copied());
        let mut shown: Vec<Slot> = kept
            .filter(|(slot, _)| *slot >= first_shown)
            .map(|(_, slot)| slot)
            .collect();
        let first = first_kept.max(first_shown);
        shown.resize((number + 1).saturating_sub(first) as usize, Slot::default());
        (shown, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Failure, Fault, Pass, Stage};
    use std::time::Instant;

    fn outcome(micros: u64, result: Result<Pass, Failure>) -> Outcome {
        Outcome::new(Instant::now(), Duration::from_micros(micros), result)
    }

    fn pass(micros: u64) -> Outcome {
        outcome(micros, Ok(Pass::Clean))
    }

    #[test]
    fn a_slot_counts_and_measures_its_attempts() {
        let mut day = Day::default();
        assert_eq!(day.up_to(7), (vec![Slot::default()], 7), "none made");
        let refused = || Err(Failure::new(Stage::Connect, Fault::Refused));
        day.on_outcome(&outcome(9, refused()), 0);
        let failed = Slot {
            failures: 1,
            ..Slot::default()
        };
        assert_eq!(day.up_to(0), (vec![failed], 0));
        for micros in [40, 20, 60] {
            day.on_outcome(&pass(micros), 2);
        }
        let passed = Slot {
            passes: 3,
            failures: 0,
            best: 20,
            mean: 40,
            worst: 60,
        };
        let empty = Slot::default();
        assert_eq!(day.up_to(2), (vec![failed, empty, passed], 0));
        assert_eq!(day.up_to(4), (vec![failed, empty, passed, empty, empty], 0));
    }

    #[test]
    fn a_day_is_kept() {
        let mut day = Day::default();
        for number in 10..100 {
            day.on_outcome(&pass(number.into()), number);
            let (slots, first) = day.up_to(number);
            assert_eq!(slots.len() as u32, (number - 9).min(48));
            assert_eq!(slots[0].best, first);
            assert_eq!(slots.last().unwrap().best, number);
        }
        let (slots, first) = day.up_to(120);
        assert_eq!((slots.len(), first, slots[0].best), (48, 73, 73));
        assert_eq!(slots[26].best, 99);
        assert!(slots[27..].iter().all(|slot| *slot == Slot::default()));
        let (slots, first) = day.up_to(500);
        assert_eq!((slots, first), (vec![Slot::default(); 48], 453));
        day.on_outcome(&pass(1), 500);
        assert_eq!(day.slots.len(), 48);
        assert_eq!(day.up_to(500).0[47].best, 1);
    }

    #[test]
    fn the_mean_of_a_slot_is_that_of_its_own_attempts() {
        let mut day = Day::default();
        for (number, micros) in [(0, 90), (1, 10), (1, 30), (2, 50)] {
            day.on_outcome(&pass(micros), number);
        }
        let means: Vec<u32> = day.up_to(2).0.iter().map(|slot| slot.mean).collect();
        assert_eq!(means, [90, 20, 50]);
    }

    #[test]
    fn more_than_can_be_counted_changes_no_mean() {
        let mut day = Day::default();
        for _ in 0..70_000 {
            day.on_outcome(&pass(5000), 0);
        }
        let slot = day.up_to(0).0[0];
        assert_eq!((slot.passes, slot.mean), (u16::MAX, 5000));
    }

    #[test]
    fn a_day_costs_about_three_quarters_of_a_kilobyte() {
        assert_eq!(std::mem::size_of::<Slot>() * SLOTS as usize, 768);
    }
}
