//! Fuzz target: a recording of any lines, told to an engine.
//!
//! What is given are lines behind a sound first one, or a whole recording.
//!
//! The properties:
//! - It is read or refused, at a line that it has, in a text that can be shown.
//! - A line that is understood, written and read again, is the same.
//! - Told twice, an engine does the same twice; and by other rules it comes to an end, too.

use std::time::Instant;

use super::decoder::{Reader, UnreadableRecording};
use super::encoder::{Before, Encoder, Lines};
use super::line::Line;
use super::replay::{replay, replay_until, Rules};
use crate::backend::Stamp;
use crate::config::accounts::Backends;
use crate::config::chosen::Chosen;
use crate::config::settings::{Brake, Settings};
use crate::config::table::DefaultsOf;
use crate::config::targets::Targets;
use crate::monitor::{Now, Remembered};
use crate::program::Program;

const BEGINNING: u64 = 1_800_000_000;

/// What a recording that is made now begins with.
fn first_line(zero: Instant) -> Vec<u8> {
    let settings = Chosen::default().build(DefaultsOf::Poolmon, Program::Poolmon);
    let mut settings = settings.expect("poolmon's defaults check something");
    settings.services.truncate(1);
    let targets = Targets::new(&settings, None, Backends::new());
    let now = Now {
        instant: zero,
        second: Stamp(BEGINNING),
    };
    let start = Encoder::new(zero).start(&settings, &targets, &Remembered::new(), 100, now);
    Lines::new(start)
        .first(Before::Nothing)
        .expect("values of JSON")
}

pub(crate) fn recording(data: &[u8]) {
    // Each list may name so many; it is quick enough.
    if data.len() > 64 * 1024 {
        return;
    }
    let zero = Instant::now();
    let text = match data.starts_with(b"{\"recording\"") {
        true => data.to_vec(),
        false => [&first_line(zero), data].concat(),
    };
    for line in text.split(|&byte| byte == b'\n') {
        if let Ok(line) = serde_json::from_slice::<Line>(line) {
            let written = serde_json::to_string(&line).expect("values of JSON");
            let again: Line =
                serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                serde_json::to_string(&again).expect("values of JSON"),
                written
            );
        }
    }
    let lines = text.iter().filter(|&&byte| byte == b'\n').count() as u64;
    let told = |rules: &Rules| {
        let reader = match Reader::new(&text[..], zero) {
            Ok(reader) => reader,
            Err(error) => return Err(error),
        };
        let mut outputs = Vec::new();
        let replayed = replay(reader, rules, &mut |output| {
            outputs.push(format!("{output:?}"))
        })?;
        Ok((replayed, outputs))
    };
    match (told(&Rules::AsRecorded), told(&Rules::AsRecorded)) {
        (Ok((one, outputs)), Ok((other, others))) => {
            assert_eq!(one.replayed, other.replayed);
            assert_eq!(outputs, others);
        }
        (Err(error), Err(_)) => check(&error, lines),
        _ => panic!("not the same twice"),
    }
    let brake = |settings: &mut Settings| settings.rules.brake = Brake::AtMost(1);
    if let Err(error) = told(&Rules::Other(&brake)) {
        check(&error, lines);
    }
    if let Ok(reader) = Reader::new(&text[..], zero) {
        if let Err(error) = replay_until(reader, Stamp(BEGINNING + 60)) {
            check(&error, lines);
        }
    }
}

fn check(error: &UnreadableRecording, lines: u64) {
    if let UnreadableRecording::Line { number, .. } = error {
        assert!((1..=lines + 1).contains(number), "line {number}");
    }
    let shown = error.to_string();
    assert!(
        shown.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        "{shown:?}"
    );
    assert!(shown.len() < 1500, "{shown}");
}
