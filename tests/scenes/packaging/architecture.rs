//! ARCHITECTURE.md against the sources: the files that it names are there, and so are its limits and its tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::installation::{project, text_of};

const MAP: &str = "ARCHITECTURE.md";

pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let found = paths.map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    found.flatten().collect()
}

/// What stands between back-quotes, in each line.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn every_source_that_the_map_names_exists() {
    let mut files = sources(&project("src"));
    files.extend(sources(&project("tests")));
    let text = text_of(MAP);
    let named: Vec<&str> = quoted(&text)
        .filter(|word| word.ends_with(".rs") && !word.contains(' '))
        .collect();
    assert!(named.len() > 60, "{} sources are named", named.len());
    for name in named {
        let is_there = files.iter().any(|file| file.ends_with(name));
        assert!(is_there || project(name).is_file(), "{name}");
    }
}

#[test]
fn every_test_that_the_map_names_exists() {
    let mut files = sources(&project("src"));
    files.extend(sources(&project("tests")));
    files.retain(|file| file.extension().map_or(false, |end| end == "rs"));
    let sources: String = files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let text = text_of(MAP);
    let is_test = |word: &&str| {
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        word.matches('_').count() >= 3 && word.chars().all(is_name)
    };
    let named: Vec<&str> = quoted(&text).filter(is_test).collect();
    assert!(named.len() >= 9, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}() {{")), "{name}");
    }
}

#[test]
fn every_limit_of_the_map_is_a_constant_of_its_file() {
    let text = text_of(MAP);
    let table = text.split("\n## Limits\n").nth(1).expect("a section");
    let table = table.split("\n## ").next().unwrap_or(table);
    let mut limits = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let place = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let mut source = String::new();
        for word in quoted(place) {
            if word.ends_with(".rs") {
                source = text_of(Path::new("src").join(word).to_str().unwrap());
            } else {
                limits += 1;
                let constant = format!("const {word}: ");
                assert!(source.contains(&constant), "{row}: no {word}");
            }
        }
    }
    assert!(limits > 30, "{limits} limits");
}

/// The code of a source, without its tests.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    // Tests in a file of their own are only named there, in the midst of other modules.
    match text[end..].lines().nth(1) {
        Some(line) if line.ends_with('{') => text[..end].to_owned(),
        _ => text,
    }
}

/// Which rooms a room's code uses: what stands behind `crate::`.
fn used_by(room: &str) -> BTreeSet<String> {
    let is_test = |file: &Path| {
        let name = file.to_str().unwrap();
        name.contains("test") || name.ends_with("/fuzz.rs")
    };
    let mut files = match project(&format!("src/{room}")) {
        folder if folder.is_dir() => sources(&folder),
        _ => Vec::new(),
    };
    files.push(project(&format!("src/{room}.rs")));
    files.retain(|file| file.is_file() && !is_test(file));
    assert!(!files.is_empty(), "no source of {room}");
    let mut used = BTreeSet::new();
    for file in files {
        for place in code_of(&file).split("crate::").skip(1) {
            let name = |text: &str| -> String {
                let is_name = |c: &char| c.is_ascii_lowercase() || *c == '_';
                text.chars().take_while(is_name).collect()
            };
            match place.strip_prefix('{') {
                Some(list) => {
                    let list = list.split('}').next().unwrap();
                    used.extend(list.split(',').map(|item| name(item.trim())));
                }
                None => {
                    used.insert(name(place));
                }
            }
        }
    }
    used.remove(room);
    used
}

#[test]
fn every_arrow_between_rooms_is_in_the_map_and_no_other() {
    const FOR_TESTS: [&str; 5] = ["fuzzing", "grid", "scratch", "slowness", "bent"];
    let text = text_of(MAP);
    let words = text.split("\n### Shared words\n").nth(1).unwrap();
    let words: BTreeSet<&str> = quoted(words.trim_start().lines().next().unwrap()).collect();
    assert!(words.contains("outcome"), "{words:?}");
    let table = text.split("\n## Dependencies\n").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let mut rooms = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let mut columns = row.trim_matches(['|', ' '].as_slice()).split(" | ");
        let room = quoted(columns.next().unwrap()).next().unwrap();
        let drawn: BTreeSet<String> = quoted(columns.next().unwrap()).map(str::to_owned).collect();
        let mut used = used_by(room);
        used.retain(|room| !room.is_empty() && !words.contains(room.as_str()));
        used.retain(|room| !FOR_TESTS.contains(&room.as_str()));
        assert_eq!(used, drawn, "{room}");
        rooms.insert(room.to_owned());
    }
    let lib = text_of("src/lib.rs");
    let declared = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    for room in declared.map(|line| line.trim_end_matches(';')) {
        let is_word = words.contains(room);
        let is_for_tests = FOR_TESTS.contains(&room);
        assert!(
            is_word || is_for_tests || rooms.contains(room),
            "no arrows of {room}"
        );
    }
}
