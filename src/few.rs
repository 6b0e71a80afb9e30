//! How a message counts things, and names the first few of many.
//!
//! Words only; what they are is the caller's.

use std::fmt;

/// How many are named; of the others it is said how many they are.
const NAMED: usize = 5;

/// `1 user`, `36 users`, `2 tries`, `2 days`.
pub fn counted<Number: fmt::Display + PartialEq + From<u8>>(number: Number, noun: &str) -> String {
    if number == Number::from(1) {
        return format!("1 {noun}");
    }
    match noun.strip_suffix('y') {
        // "tries", but "days".
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

/// The words that fit one thing, or those that fit none and several.
pub fn by_number<'a, Number: PartialEq + From<u8>>(
    number: Number,
    one: &'a str,
    several: &'a str,
) -> &'a str {
    match number == Number::from(1) {
        true => one,
        false => several,
    }
}

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
    fn one_is_counted_otherwise_than_none_or_many() {
        assert_eq!(counted(1_u64, "user"), "1 user");
        assert_eq!(counted(0_usize, "user"), "0 users");
        assert_eq!(counted(2_u32, "try"), "2 tries");
        assert_eq!(counted(14_i64, "day"), "14 days");
        let are = |number: u64| by_number(number, "is", "are");
        assert_eq!([are(0), are(1), are(2)], ["are", "is", "are"]);
    }

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
