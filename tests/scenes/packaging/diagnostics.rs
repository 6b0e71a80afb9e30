//! The section DIAGNOSTICS of the manual page against the source, both ways: what the program can log stands
//! there, and what stands there the program can log. The lab compares it with every line of every scene, too.

use std::fs;
use std::path::{Path, PathBuf};

use super::installation::project;
use crate::lab::diagnostics::{Diagnostics, Piece};

/// A fragment shorter than this is a joint, such as "; " or " of ".
const SHORTEST: usize = 8;

/// Of which a fragment of the page may be put together.
const SMALLEST_PIECE: usize = 4;

/// What writes a line, directly or through the engine.
const CALLS: [&str; 10] = [
    "error!(",
    "warn!(",
    "info!(",
    "always!(",
    "debug!(",
    "self.error(",
    "self.always(",
    "self.debug(",
    "self.raise(",
    "self.say(",
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_tests = |path: &PathBuf| path.ends_with("tests") || path.ends_with("tests.rs");
    paths
        .filter(|path| !is_tests(path))
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// The program's source without comments and tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    let text = text.replace("env!(\"CARGO_PKG_VERSION\")", "");
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The string literals of a piece of source, as they read: lines that go on are joined.
fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find('"') {
        // The character '"' is none.
        if rest[..start].ends_with('\'') && rest[start + 1..].starts_with('\'') {
            rest = &rest[start + 1..];
            continue;
        }
        let mut text = String::new();
        let mut characters = rest[start + 1..].char_indices().peekable();
        let mut end = rest.len();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    end = start + 1 + at + 1;
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, '\n')) => {
                        while characters.next_if(|(_, c)| c.is_whitespace()).is_some() {}
                    }
                    Some((_, escaped)) => text.push(escaped),
                    None => {}
                },
                other => text.push(other),
            }
        }
        found.push(text);
        rest = &rest[end..];
    }
    found
}

/// What stands between the places of a format string that are filled in.
fn fragments(literal: &str) -> Vec<String> {
    let mut fragments = vec![String::new()];
    let mut depth = 0;
    for c in literal.chars() {
        match c {
            '{' => {
                depth += 1;
                fragments.push(String::new());
            }
            '}' => depth -= 1,
            c if depth == 0 => fragments.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    fragments
}

/// The text in the brackets that are open at the start.
fn in_brackets(code: &str) -> &str {
    let mut depth = 1;
    for (at, c) in code.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &code[..at];
        }
    }
    code
}

#[test]
fn every_line_of_the_page_is_made_of_texts_of_the_source() {
    let source = files(&project("src"));
    let texts = source.iter().flat_map(|path| literals(&code(path)));
    let texts: Vec<String> = texts.flat_map(|literal| fragments(&literal)).collect();
    let diagnostics = Diagnostics::of_the_manual();
    assert!(diagnostics.patterns.len() > 100);
    for pattern in &diagnostics.patterns {
        for piece in &pattern.pieces {
            let mut rest = match piece {
                Piece::Fixed(text) => text.trim(),
                Piece::Hole(_) => continue,
            };
            // In as few pieces as possible, each a part of one text.
            while rest.len() >= SHORTEST {
                let ends = SMALLEST_PIECE..=rest.len();
                let ends: Vec<usize> = ends.filter(|end| rest.is_char_boundary(*end)).collect();
                let is_part = |end: &usize| texts.iter().any(|text| text.contains(&rest[..*end]));
                let parts = ends.partition_point(is_part);
                assert!(parts > 0, "{}: no text {rest:?}", pattern.text);
                rest = rest[ends[parts - 1]..].trim();
            }
        }
    }
}

#[test]
fn every_text_that_is_logged_stands_in_the_page() {
    let diagnostics = Diagnostics::of_the_manual();
    let page: Vec<&str> = diagnostics
        .patterns
        .iter()
        .flat_map(|pattern| &pattern.pieces)
        .filter_map(|piece| match piece {
            Piece::Fixed(text) => Some(text.as_str()),
            Piece::Hole(_) => None,
        })
        .collect();
    let mut checked = 0;
    for path in files(&project("src")) {
        let code = code(&path);
        for call in CALLS {
            for (at, _) in code.match_indices(call) {
                for literal in literals(in_brackets(&code[at + call.len()..])) {
                    for fragment in fragments(&literal) {
                        if fragment.trim().len() < SHORTEST {
                            continue;
                        }
                        checked += 1;
                        assert!(
                            page.iter().any(|text| text.contains(fragment.trim())),
                            "{}: etc/man/poolmon.8, DIAGNOSTICS, has no line with {fragment:?}",
                            path.display()
                        );
                    }
                }
            }
        }
    }
    assert!(checked > 40, "{checked}");
}
