//! docs/incumbents.md against the sources: each fault and each promise names what holds it, and that is there.

use super::architecture::{quoted, tests};
use super::installation::{project, text_of};

#[test]
fn every_row_on_the_incumbents_names_tests_that_exist() {
    let tests = tests();
    let is_there = |name: &str| {
        let transcript = format!("tests/data/dialogues/{name}.transcript");
        let is_script = name.ends_with(".sh") && project(name).is_file();
        tests.contains(name) || project(&transcript).is_file() || is_script
    };
    // An option or a key is no such name.
    let is_name = |word: &&str| {
        let has_words = word.matches(['_', '-']).count() >= 3 || word.contains('/');
        let is_option = word.starts_with('-') || word.contains(' ');
        (has_words || word.contains('-')) && !is_option
    };

    let document = text_of("docs/incumbents.md");
    let mut rows = 0;
    for row in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{row}");
        let is_heading = cells[0].starts_with(" ---") || ["ours ", "tests "].contains(&cells[2]);
        if is_heading {
            continue;
        }
        rows += 1;
        let named: Vec<&str> = quoted(cells[2]).filter(is_name).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for name in named {
            assert!(is_there(name), "{name}: {row}");
        }
    }
    assert!(rows > 120, "{rows} rows");
}
