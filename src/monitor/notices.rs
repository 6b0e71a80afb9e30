//! Notices: a lasting state of affairs that shows itself only in single events, said once, again each hour while it
//! lasts, and when it is over.
//!
//! What is computed anew from the whole state each time is an alarm (`standing_alarms`). Pure: what is said is the
//! engine's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// What has been said, by its kind.
#[derive(Debug)]
pub struct Notices<Kind: Ord> {
    said: BTreeMap<Kind, Raised>,
}

#[derive(Debug)]
struct Raised {
    since: Instant,
    said: Instant,
    /// The latest, said or not.
    line: String,
}

impl<Kind: Ord> Notices<Kind> {
    pub fn new() -> Notices<Kind> {
        Notices {
            said: BTreeMap::new(),
        }
    }

    /// It is so now, in these words; whether to say it.
    pub fn raise(&mut self, kind: Kind, line: &str, now: Instant) -> bool {
        match self.said.get_mut(&kind) {
            Some(raised) => {
                if raised.line != line {
                    raised.line = line.to_owned();
                }
                let is_due = now >= raised.said + AGAIN_AFTER;
                if is_due {
                    raised.said = now;
                }
                is_due
            }
            None => {
                let raised = Raised {
                    since: now,
                    said: now,
                    line: line.to_owned(),
                };
                self.said.insert(kind, raised);
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

    /// The same, with since when it is so, and its words.
    pub fn lines(&self) -> impl Iterator<Item = (&Kind, Instant, &str)> {
        let said = self.said.iter();
        said.map(|(kind, raised)| (kind, raised.since, raised.line.as_str()))
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
            .filter(|second| {
                let line = format!("for {second} s");
                notices.raise("cut off", &line, start + Duration::from_secs(*second))
            })
            .collect();
        assert_eq!(said, [0, 3600, 7200]);
        let lines: Vec<_> = notices.lines().collect();
        assert_eq!(lines, [(&"cut off", start, "for 7299 s")]);
    }

    #[test]
    fn what_was_over_is_said_anew() {
        let now = Instant::now();
        let mut notices = Notices::new();
        assert!(notices.raise("cut off", "", now));
        assert!(notices.lower(&"cut off"));
        assert!(!notices.lower(&"cut off"));
        assert!(notices.raise("cut off", "", now));
    }
}
