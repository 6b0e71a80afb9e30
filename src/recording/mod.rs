//! A recording: what the engine was told, as JSON lines, so that it can be told the same again.
//!
//! `line` is the format of a file, `start` what stands at its beginning; `encoder` makes lines of inputs and
//! `decoder` inputs of lines; `writer` hands them to the thread that writes them
//! to `files`. `replay` tells them to an engine, `unmade` and
//! `judge` as things would have been by other rules, and `compare` holds the changes against each other. A
//! type that can hold a secret has no form here: of accounts only their numbers are recorded. What a probe
//! has noted for people (dialogue, times of stages, certificate) is not recorded.

mod compare;
mod decoder;
mod encoder;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod judge;
mod line;
mod replay;
mod start;
mod unmade;
pub(crate) mod writer;

pub(crate) use compare::{compare, Comparison, Line};
pub(crate) use decoder::{Reader, UnreadableRecording};
#[cfg(test)]
pub(crate) use replay::Made;
pub(crate) use replay::{replay, replay_until, Replayed, Rules};

#[cfg(test)]
mod tests;
