//! The first few of many, as a message names them.
//!
//! Words only; what they are is the caller's.

use std::fmt;

/// How many are named; of the others it is said how many they are.
const NAMED: usize = 5;

/// "a, b and c", or "a, b, c, d, e and 12 more".
pub struct Few<'a, Item>(pub &'a [Item]);

impl<Item: fmt::Display> fmt::Display for Few<'_, Item> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // "and 1 more" is no shorter than the one itself.
        let named = match self.0.len() {
            all if all <= NAMED + 1 => all,
            _ => NAMED,
        };
        let more = self.0.len() - named;
        for (place, item) in self.0.iter().take(named).enumerate() {
            let before = match place {
                0 => "",
                _ if place + 1 == named && more == 0 => " and ",
                _ => ", ",
            };
            write!(f, "{before}{item}")?;
        }
        match more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_named_and_the_others_counted() {
        for (number, expected) in [
            (0, ""),
            (1, "0"),
            (2, "0 and 1"),
            (3, "0, 1 and 2"),
            (6, "0, 1, 2, 3, 4 and 5"),
            (7, "0, 1, 2, 3, 4 and 2 more"),
            (5000, "0, 1, 2, 3, 4 and 4995 more"),
        ] {
            let items: Vec<u32> = (0..number).collect();
            assert_eq!(Few(&items).to_string(), expected);
        }
    }
}
