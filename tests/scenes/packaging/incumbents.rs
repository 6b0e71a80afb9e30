//! docs/incumbents.md against the sources and the other documents: each fault and each promise names the tests that hold
//! it, and they are there; each promise names the document that makes it, and it stands there.

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

/// The text with one blank between two words, wherever its lines end.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The second column of a promise: each document, and the words in it.
fn places(cell: &str) -> Vec<(&str, &str)> {
    let place = |place| {
        let (document, words) = str::split_once(place, ": \"")?;
        Some((document, words.strip_suffix('"')?))
    };
    let places = cell.split_inclusive("\"; ").map(|part| {
        let part = part.strip_suffix("; ").unwrap_or(part);
        place(part).unwrap_or_else(|| panic!("no document with its words in quotes: {cell}"))
    });
    places.collect()
}

#[test]
fn every_promise_stands_in_the_documents_that_its_row_names() {
    let ledger = text_of("docs/incumbents.md");
    let (_, promises) = ledger
        .split_once("\n| promise | where | tests |\n| --- | --- | --- |\n")
        .expect("the table of promises");
    let rows: Vec<&str> = promises.lines().collect();
    assert!(rows.len() > 35, "{} promises", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        for (document, words) in places(cells[1]) {
            assert!(
                words.matches(' ').count() >= 2,
                "{words}: too few words to find"
            );
            let is_there = flowing(&text_of(document)).contains(words);
            assert!(
                is_there,
                "{document} does not say \"{words}\" any more: {row}"
            );
        }
    }
}
