//! The table of fuzz targets: one function each, which takes any bytes and panics if a property does not hold.
//!
//! Each is written beside the code that it tries. `tests/fuzz` gives them to libFuzzer (`make fuzz`); the test
//! below gives them what libFuzzer has found worth keeping. In the program there is nothing of it.

use crate::config;
use crate::pool::{director, haproxy};
use crate::probe::protocols::fuzz::dialogue;
use crate::recording;
use crate::report;
use crate::service::Protocol;
use crate::state_file;

/// A target by its name, which is that of its corpus, too.
struct Target {
    /// The same in `tests/fuzz/fuzz_targets` and in the corpus.
    name: &'static str,
    /// Panics if the code under test breaks a promise; any bytes are an input.
    run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:literal => $run:expr),* $(,)?) => {
        /// All but the protocols' dialogues, and the engine, which is in `tests/simulate`.
        const TARGETS: &[Target] = &[$(Target { name: $name, run: $run }),*];
    };
}

targets! {
    "director" => director::fuzz::director,
    "haproxy" => haproxy::fuzz::haproxy,
    "configuration" => config::fuzz::configuration,
    "accounts" => config::fuzz::accounts,
    "credentials" => config::credentials::fuzz::credentials,
    "arguments" => config::fuzz::arguments,
    "state_file" => state_file::fuzz::state_file,
    "status" => report::fuzz::status,
    "recording" => recording::fuzz::recording,
}

/// Runs the target of this name. A protocol's name runs the target of its dialogue.
pub fn run(name: &str, data: &[u8]) {
    if let Some(protocol) = Protocol::named(name) {
        return dialogue(protocol, data);
    }
    let mut targets = TARGETS.iter();
    let target = targets.find(|target| target.name == name);
    (target.expect("a target of the table").run)(data);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The names of all targets.
    fn names() -> impl Iterator<Item = &'static str> {
        let protocols = Protocol::by_name().map(|protocol| protocol.row().name);
        protocols.chain(TARGETS.iter().map(|target| target.name))
    }

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
    }

    /// The entries of a corpus file: one a line. What is not printable ASCII is `\xNN`, and so is a backslash.
    fn entries(name: &str) -> Vec<Vec<u8>> {
        let text = fs::read_to_string(folder().join("corpus").join(name)).expect(name);
        text.lines().map(unescape).collect()
    }

    fn unescape(line: &str) -> Vec<u8> {
        let mut parts = line.split("\\x");
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let (digits, text) = part.split_at(2);
            bytes.push(u8::from_str_radix(digits, 16).expect(line));
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    #[test]
    fn every_target_has_its_file_for_libfuzzer() {
        for name in names() {
            let file = folder().join(format!("fuzz_targets/{name}.rs"));
            let text = fs::read_to_string(file).expect(name);
            assert!(text.contains(&format!("run(\"{name}\", data)")), "{text}");
        }
    }

    #[test]
    fn what_fuzzing_has_found_worth_keeping_breaks_no_property() {
        for name in names() {
            let entries = entries(name);
            assert!(!entries.is_empty(), "{name}");
            for entry in entries {
                run(name, &entry);
            }
        }
    }
}
