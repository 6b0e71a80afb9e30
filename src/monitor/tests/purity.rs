//! What keeps this room pure: words that do not stand in its source.

use std::fs;

use super::*;

/// A clock, thread, channel, file, socket or log would be a second way in or out.
const IMPURE: [&str; 18] = [
    "Instant::now",
    "SystemTime",
    "Local::now",
    "chrono::",
    "thread::",
    "crossbeam",
    "mpsc",
    "std::fs",
    "std::env",
    "std::process",
    "std::net::Tcp",
    "std::os",
    "log::",
    "logging::",
    "RandomState",
    "println!",
    "Mutex",
    "unsafe",
];

/// The words of one kind of pool.
const OF_A_KIND: [&str; 7] = [
    "haproxy::",
    "Command::HaProxy",
    "director::",
    "wire::",
    "DIRECTOR-LIST",
    "HOST-",
    "Command::Director",
];

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files_under(&path),
            false => vec![path],
        })
        .collect()
}

/// None of the words stands in the code of these files, comments included.
fn check_absence(words: &[&str], files: &[PathBuf]) {
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        // Tests may take their first instant from the clock.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let is_test = file
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        for word in words {
            assert!(
                is_test || !code.contains(word),
                "{}: {word}",
                file.display()
            );
        }
    }
}

fn of_the_engine() -> Vec<PathBuf> {
    let files = files_under(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/monitor"));
    assert!(files.len() > 10, "{files:?}");
    files
}

#[test]
fn the_engine_has_no_clock_thread_channel_file_socket_or_log() {
    check_absence(&IMPURE, &of_the_engine());
    let pool = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pool");
    let pure = [
        "act.rs",
        "error.rs",
        "reading.rs",
        "director/acts.rs",
        "director/reading.rs",
        "director/wire.rs",
        "director/wire/lists.rs",
        "director/wire/ring.rs",
        "haproxy/acts.rs",
        "haproxy/reading.rs",
        "haproxy/wire.rs",
    ];
    check_absence(&IMPURE, &pure.map(|file| pool.join(file)));
}

#[test]
fn the_engine_knows_no_kind_of_pool() {
    check_absence(&OF_A_KIND, &of_the_engine());
}
