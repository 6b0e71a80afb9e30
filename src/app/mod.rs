//! The words: what the program does when its first argument names it. One file a word.
//!
//! A word counts only as the first argument, and not where the program is called dovemon; any other operand
//! stays ignored, as with poolmon.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;

mod check;
mod explain;
pub(crate) mod nagios;
pub(crate) mod reading;
mod replay;
mod status;

/// A row of the table of words.
pub(crate) struct Word {
    pub(crate) name: &'static str,
    /// For `--help`: one sentence without its capital and its full stop.
    pub(crate) help: &'static str,
    /// Takes the arguments behind the word.
    pub(crate) run: fn(Vec<OsString>) -> ExitCode,
}

impl Word {
    /// To standard error. A terminal that is gone cannot be told anything either.
    fn complain(&self, text: &str) {
        let _ = writeln!(io::stderr(), "poolmon {}: {text}", self.name);
    }
}

/// In the order of the help.
pub(crate) static WORDS: &[Word] = &[status::WORD, explain::WORD, check::WORD, replay::WORD];

/// The word that this argument is, if it is one.
pub(crate) fn word(argument: &OsStr) -> Option<&'static Word> {
    WORDS.iter().find(|word| argument == word.name)
}

/// To standard output, whole. The error says that it is about that.
fn put(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let done = out.write_all(text).and_then(|()| out.flush());
    done.map_err(|cause| {
        let text = format!("standard output cannot be written: {cause}");
        io::Error::new(cause.kind(), text)
    })
}

/// The same, where whoever reads may have seen enough: a closed pipe is no error.
fn print(text: &[u8]) -> io::Result<()> {
    match put(text) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(cause),
        _ => Ok(()),
    }
}

/// What `--help` says of them.
pub(crate) fn help() -> String {
    let rows = WORDS
        .iter()
        .map(|word| format!("  {:<9}{}\n", word.name, word.help));
    format!(
        "Commands, as the first argument (poolmon COMMAND --help says more):\n{}",
        rows.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_known_by_its_whole_name_alone() {
        for word in WORDS {
            let found = super::word(OsStr::new(word.name)).map(|found| found.name);
            assert_eq!(found, Some(word.name));
            for other in [
                word.name.to_uppercase(),
                word.name[1..].to_string(),
                format!("{}s", word.name),
                format!("--{}", word.name),
            ] {
                assert!(super::word(OsStr::new(&other)).is_none(), "{other}");
            }
        }
        assert!(super::word(OsStr::new("")).is_none());
    }

    #[test]
    fn the_help_has_a_line_for_each_word() {
        let help = help();
        for word in WORDS {
            let line = help
                .lines()
                .find(|line| line.trim_start().starts_with(word.name));
            assert!(line.unwrap().ends_with(word.help), "{help}");
        }
        assert!(help.lines().all(|line| line.len() <= 80), "{help}");
    }
}
