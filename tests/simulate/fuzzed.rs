//! What fuzzing the engine has found worth keeping breaks no property (`make fuzz`, `day/given.rs`).

use std::path::Path;

use crate::day::engine;

/// A day takes a second in a debug build: that lives a few only, and says so.
const DAYS: usize = if cfg!(debug_assertions) {
    4
} else {
    usize::MAX
};

/// One a line; what is not printable ASCII is `\xNN`, and so is a backslash.
fn entries() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/engine");
    let text = std::fs::read_to_string(corpus).unwrap();
    text.lines().map(unescape).collect()
}

fn unescape(line: &str) -> Vec<u8> {
    let mut parts = line.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, text) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[test]
fn days_that_fuzzing_has_kept_break_no_property() {
    let entries = entries();
    assert!(entries.len() > 10, "{} days", entries.len());
    println!("{} days kept, {DAYS} of them lived at most", entries.len());
    for entry in entries.iter().take(DAYS) {
        engine(entry);
    }
}
