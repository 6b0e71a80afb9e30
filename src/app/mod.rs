//! The words: what the program does when its first argument names it. One file a word.
//!
//! A word counts only as the first argument, and not where the program is called dovemon; any other operand
//! stays ignored, as with poolmon.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

pub(crate) mod reading;

/// A row of the table of words.
pub(crate) struct Word {
    pub(crate) name: &'static str,
    /// For `--help`: one sentence without its capital and its full stop.
    pub(crate) help: &'static str,
    /// Takes the arguments behind the word.
    pub(crate) run: fn(Vec<OsString>) -> ExitCode,
}

/// In the order of the help.
pub(crate) static WORDS: &[Word] = &[];

/// The word that this argument is, if it is one.
pub(crate) fn word(argument: &OsStr) -> Option<&'static Word> {
    WORDS.iter().find(|word| argument == word.name)
}
