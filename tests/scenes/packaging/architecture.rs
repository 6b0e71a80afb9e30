//! ARCHITECTURE.md against the sources: the files that it names are there, and so are its limits and its tests.

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
