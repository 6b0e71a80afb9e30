//! What the sources and the tests themselves keep to.

use std::fs;
use std::path::PathBuf;

use super::architecture::sources;
use super::installation::{project, text_of};

/// The reason is a comment right above that says it is one, so that no other comment is taken for it. A scene sleeps
/// by `pause` alone, which knows how slow the machine is.
#[test]
fn no_test_sleeps_without_a_reason() {
    const REASON: &str = "// Pause: ";
    let mut files = sources(&project("tests/scenes"));
    files.extend(sources(&project("tests/lab")));
    files.extend(sources(&project("tests/soak")));
    // Not the program itself, which names its pauses.
    let stage = project("src/net/stage.rs");
    let mut tested = sources(&project("src"));
    tested.retain(|file| {
        let text = fs::read_to_string(file).unwrap();
        let is_test = file.to_string_lossy().contains("/tests") || *file == stage;
        is_test || text.contains("\nmod tests {")
    });
    files.extend(tested);
    // The one does the waiting for all others, and this file has the word alone.
    files.retain(|file| !file.ends_with("patience.rs") && !file.ends_with("habits.rs"));
    let mut sleeps = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let tests = text.find("\nmod tests {").unwrap_or(0);
        let first = text[..tests].lines().count();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let is_bare = |line: &str| line.starts_with("sleep(") || line.contains("thread::sleep(");
        let is_sleep = |line: &&str| is_bare(line) || line.starts_with("pause(");
        let is_scene = file.starts_with(project("tests/scenes"));
        let within = lines.iter().enumerate().skip(first);
        for (number, line) in within.filter(|(_, line)| is_sleep(line)) {
            sleeps += 1;
            let before = lines[number.saturating_sub(1)];
            let place = format!("{}:{}", file.display(), number + 1);
            let reason = before.strip_prefix(REASON).unwrap_or_default();
            assert!(reason.len() > 10, "{place}: {before}");
            assert!(!is_scene || !is_bare(line), "{place}: {line}");
        }
    }
    assert!(sleeps > 35, "{sleeps} sleeps");
}

/// What a test has measured is held against a limit that `promised` or `stretched` has made.
#[test]
fn no_limit_in_time_leaves_out_how_slow_the_machine_is() {
    let mut limits = 0;
    for folder in ["src", "tests/scenes", "tests/lab", "tests/soak"] {
        let mut files = sources(&project(folder));
        files.retain(|file| !file.ends_with("habits.rs"));
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                let place = format!("{}:{}: {line}", file.display(), number + 1);
                // An arm of a match chooses how a time is shown.
                let is_bare = ["< Duration::from_", "<= Duration::from_"]
                    .iter()
                    .any(|bare| line.contains(bare) && !line.contains(" => "));
                assert!(!is_bare, "{place}");
                let made = ["< promised(", "< stretched(", "less_than("];
                limits += usize::from(made.iter().any(|made| line.contains(made)));
            }
        }
    }
    assert!(limits > 25, "{limits} limits");
}

/// `make threads` is a crate of its own, which `make check` does not build: it reads some of the program's files, and has
/// to have what these use.
#[test]
fn the_crate_that_explores_threads_has_all_that_the_files_it_reads_use() {
    let of_crate = sources(&project("tests/threads/src"));
    let of_crate: Vec<String> = of_crate
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let is_of_program = |line: &str| {
        let path = line.trim().strip_prefix("#[path = \"../../../")?;
        Some(text_of(path.strip_suffix("\"]")?))
    };
    let lines = of_crate.iter().flat_map(|text| text.lines());
    let of_program: Vec<String> = lines.filter_map(is_of_program).collect();
    assert!(of_program.len() >= 7, "{} files", of_program.len());

    let all = of_crate.concat() + &of_program.concat();
    let is_there = |name: &str| {
        let of = |kind: &&str| all.contains(&format!("{kind} {name}"));
        ["mod", "enum", "struct", "type", "fn"].iter().any(of)
    };
    let mut names = 0;
    for text in &of_program {
        let program = text.split("\n#[cfg(test)]").next().unwrap();
        for line in program.lines() {
            let path = line
                .strip_prefix("use crate::")
                .or_else(|| line.strip_prefix("use super::"));
            let words = path
                .unwrap_or_default()
                .split(|c: char| !c.is_alphanumeric() && c != '_');
            for word in words.filter(|word| !word.is_empty()) {
                assert!(is_there(word), "{line}: tests/threads has no {word}");
                names += 1;
            }
        }
    }
    assert!(names > 10, "{names} names");
}

/// Whether there still is such a mutant only `make mutants` knows, which takes half an hour.
#[test]
fn every_mutant_that_may_live_is_of_a_line_of_the_sources() {
    let text = text_of("tests/mutants/accepted.txt");
    let entries = text.split("\n\n").skip(1);
    for entry in entries.clone() {
        let mut lines = entry.lines().map(str::trim);
        let mutant = lines.next().expect("a mutant");
        let line = lines.next().expect(entry);
        let (file, deed) = mutant.split_once(": ").expect(entry);
        let source = text_of(file);
        assert!(source.lines().any(|of_it| of_it.trim() == line), "{entry}");
        // The function is behind `in`, or behind what it returns: `replace Backends::measure with ()`.
        let words = || deed.split(' ').flat_map(|word| word.rsplit("::").next());
        let is_of_it = |word: &str| {
            let begins = |bracket| source.contains(&format!("fn {word}{bracket}"));
            begins('(') || begins('<')
        };
        assert!(words().any(is_of_it), "{entry}");
    }
    assert!(entries.count() > 5);
}

#[test]
fn the_compiler_takes_no_unsafe_outside_the_daemon() {
    assert!(text_of("src/lib.rs").contains("\n#![deny(unsafe_code)]\n"));
    assert!(text_of("src/main.rs").contains("\n#![forbid(unsafe_code)]\n"));
    let daemon = project("src/daemon");
    let (inside, outside): (Vec<_>, Vec<_>) = sources(&project("src"))
        .into_iter()
        .partition(|file| file.starts_with(&daemon));
    let is_exempt = |file: &PathBuf| {
        fs::read_to_string(file)
            .unwrap()
            .contains("allow(unsafe_code)")
    };
    assert!(inside.iter().any(is_exempt));
    assert_eq!(outside.into_iter().find(is_exempt), None);
}
