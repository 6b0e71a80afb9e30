//! The words: what the program does when its first argument names it. One file a word.
//!
//! A word counts only as the first argument, and not where the program is called dovemon. A first argument that
//! looks like a mistyped word is refused; any other operand stays ignored, as with poolmon.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;

mod check;
mod explain;
pub(crate) mod nagios;
pub(crate) mod reading;
mod replay;
mod status;

use crate::config::nearest::nearest;
use crate::quote::Quote;

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

/// Why this first argument is refused, if it is. It looks like a command and is none, and an operand that is
/// ignored starts a monitor that acts. What is not of letters alone is no command that anybody meant.
pub(crate) fn unknown(argument: &OsStr) -> Option<String> {
    let name = argument.to_str()?;
    if name.is_empty() || !name.chars().all(char::is_alphabetic) || word(argument).is_some() {
        return None;
    }
    let meant = match nearest(name, WORDS.iter().map(|word| word.name)) {
        Some(near) => format!("; is \"{near}\" meant?"),
        None => ".".to_owned(),
    };
    let names: Vec<&str> = WORDS.iter().map(|word| word.name).collect();
    let (last, others) = names.split_last().expect("there are commands");
    Some(format!(
        "unknown command {}{meant} The commands are {} and {last}.",
        Quote::new(name),
        others.join(", ")
    ))
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
    fn a_word_of_letters_that_is_no_command_is_refused_with_the_nearest_one() {
        for (name, expected) in [
            ("stat", "unknown command \"stat\"; is \"status\" meant? "),
            (
                "Explain",
                "unknown command \"Explain\"; is \"explain\" meant? ",
            ),
            ("x", "unknown command \"x\". "),
            (
                "statüs",
                "unknown command \"stat\\xc3\\xbcs\"; is \"status\" meant? ",
            ),
        ] {
            let text = unknown(OsStr::new(name)).unwrap();
            assert!(text.starts_with(expected), "{text}");
            assert!(text.ends_with(" The commands are status, explain, check and replay."));
        }
        let long = unknown(OsStr::new(&"x".repeat(100_000))).unwrap();
        assert!(long.len() < 300, "{long}");
        for other in [
            "", "status", "-n", "--", "--status", "+d", "/x", "x.y", "x1", "a b", "a-b",
        ] {
            assert_eq!(unknown(OsStr::new(other)), None, "{other}");
        }
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
