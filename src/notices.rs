//! Error lines that are said once, and again each hour for as long as they are true.
//!
//! It knows when something was last said; what is said is the coordinator's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// What has been said, by its kind.
#[derive(Debug)]
pub struct Notices<Kind: Ord> {
    said: BTreeMap<Kind, Instant>,
}

impl<Kind: Ord> Notices<Kind> {
    pub fn new() -> Notices<Kind> {
        Notices {
            said: BTreeMap::new(),
        }
    }

    /// It is so now; whether to say it.
    pub fn raise(&mut self, kind: Kind, now: Instant) -> bool {
        match self.said.get_mut(&kind) {
            Some(said) if now < *said + AGAIN_AFTER => false,
            Some(said) => {
                *said = now;
                true
            }
            None => {
                self.said.insert(kind, now);
                true
            }
        }
    }

    /// It is so no longer; whether it was.
    pub fn lower(&mut self, kind: &Kind) -> bool {
        self.said.remove(kind).is_some()
    }

    pub fn is_raised(&self, kind: &Kind) -> bool {
        self.said.contains_key(kind)
    }

    /// All that is raised, in order.
    pub fn raised(&self) -> impl Iterator<Item = &Kind> {
        self.said.keys()
    }
}

impl<Kind: Ord> Default for Notices<Kind> {
    fn default() -> Notices<Kind> {
        Notices::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_said_once_and_each_hour() {
        let start = Instant::now();
        let mut notices = Notices::new();
        let said: Vec<u64> = (0..7300)
            .filter(|second| notices.raise("cut off", start + Duration::from_secs(*second)))
            .collect();
        assert_eq!(said, [0, 3600, 7200]);
    }

    #[test]
    fn what_was_over_is_said_anew() {
        let now = Instant::now();
        let mut notices = Notices::new();
        assert!(notices.raise("cut off", now));
        assert!(notices.lower(&"cut off"));
        assert!(!notices.lower(&"cut off"));
        assert!(notices.raise("cut off", now));
    }
}
