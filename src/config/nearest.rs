//! Which of some names a mistyped one is nearest to.

/// The name that somebody who wrote `name` most likely meant.
pub fn nearest(name: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let most = 1 + name.chars().count() / 4;
    names
        .map(|known| (distance(&name, known), known))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, known)| known)
}

/// How many letters have to be put in, left out, replaced or exchanged with their neighbour.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // No key is that long, and the work grows with the square.
    if one.len() > 100 {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
                let moved = rows[i - 1][j].min(rows[i][j - 1]) + 1;
                let best = replaced.min(moved);
                let exchanged =
                    i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
                match exchanged {
                    true => best.min(rows[i - 2][j - 2] + 1),
                    false => best,
                }
            };
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_letters_put_in_left_out_replaced_and_exchanged() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("interval", "interval", 0),
            ("interval", "intervall", 1),
            ("interval", "inteval", 1),
            ("interval", "intarval", 1),
            ("interval", "intevral", 1),
            ("abcd", "badc", 2),
            // An exchange of what is no neighbour is two replacements.
            ("abc", "cba", 2),
            ("aab", "aba", 1),
            ("ab", "bb", 1),
            ("xay", "yax", 2),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
        let long = "x".repeat(100);
        assert_eq!(distance(&long, "x"), 99);
        assert_eq!(distance(&format!("{long}x"), "x"), usize::MAX);
    }
}
