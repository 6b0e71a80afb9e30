//! What `--help`, `--help-all` and `--version` say, made from the table of choices.

use super::choice::{Choice, OptionFace, Takes, Usual};
use super::table::options;
use crate::program::Program;

/// How much of the options a help text shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// `--help`: the common ones, a line each.
    Common,
    /// `--help-all`.
    All,
}

/// What a help text may be wide.
const COLUMNS: usize = 80;

/// Where the text begins behind the names of a common option.
const NAMES: usize = 27;

/// Where the text of an option begins in `--help-all`.
const INDENT: usize = 10;

/// The text of `--help` or `--help-all`, with a line feed at its end. `commands` tells of the commands, where
/// the program has some under this name.
pub fn help(called: Program, extent: Extent, commands: &str) -> String {
    let mut text = format!(
        "Usage: {called} [options]\n\n\
         Watches the backends of a Dovecot director, or mail servers behind HAProxy.\n\
         Takes a failed one out of service, and brings it back when it works again.\n"
    );
    if called == Program::Dovemon {
        text.push_str(
            "Called as dovemon, it reads dovemon's files, and its defaults are dovemon's.\n",
        );
    }
    match extent {
        Extent::Common => {
            text.push_str("\nCommon options:\n");
            for (choice, option) in options() {
                if let Some(brief) = choice.brief {
                    text.push_str(&common_line(option, brief, usual(called, choice, option)));
                }
            }
        }
        Extent::All => {
            text.push_str("\nAll options:\n");
            for (choice, option) in options() {
                text.push_str(&entry(choice, option, usual(called, choice, option)));
            }
        }
    }
    if !commands.is_empty() {
        text.push('\n');
        text.push_str(commands);
    }
    text.push_str(&examples(called));
    text
}

/// Three things to begin with.
fn examples(called: Program) -> String {
    let options = match called {
        Program::Dovemon => "",
        _ => " -p IMAP:143 -c /etc/dovecot/poolmon.credentials",
    };
    format!(
        "\nExamples:\n  \
         {called} --once{options}\n      \
         Check all backends once. Nothing is changed.\n  \
         {called} -f -n -d{options}\n      \
         Show on the terminal what the daemon would do. Nothing is changed.\n  \
         {called}{options} -l syslog\n      \
         Run as a daemon.\n"
    )
}

/// What holds without the option. Called as dovemon, that is what holds without the key.
fn usual(called: Program, choice: &Choice, option: &OptionFace) -> Usual {
    match called {
        Program::Dovemon => choice
            .key
            .as_ref()
            .map_or(Usual::Nothing, |key| key.default),
        _ => option.default,
    }
}

/// `-S, --socket PATH`
fn names(option: &OptionFace) -> String {
    let short = match option.short.chars().next() {
        Some(letter) => format!("-{letter}, "),
        None => "    ".to_owned(),
    };
    let value = match option.takes {
        Takes::Nothing => String::new(),
        Takes::Integer(hint) | Takes::Text(hint) => format!(" {hint}"),
    };
    format!("{short}--{}{value}", option.long)
}

/// The names, what it is for, and a default that is a value; on one line if that fits.
fn common_line(option: &OptionFace, brief: &str, usual: Usual) -> String {
    let text = match usual {
        Usual::Value(default) => format!("{brief} (default: {default})"),
        Usual::Nothing | Usual::Made(_) => brief.to_owned(),
    };
    let lines = wrapped(&text, COLUMNS - 2 - NAMES);
    let indent = format!("\n{:1$}", "", 2 + NAMES);
    format!("  {:<NAMES$}{}\n", names(option), lines.join(&indent))
}

/// The names on a line, and below them the whole sentence with the default.
fn entry(choice: &Choice, option: &OptionFace, usual: Usual) -> String {
    let text = match usual {
        Usual::Nothing => choice.option_help(),
        default => format!("{} (default: {})", choice.option_help(), default.shown()),
    };
    let indent = format!("\n{:1$}", "", INDENT);
    let lines = wrapped(&text, COLUMNS - INDENT);
    format!("  {}{indent}{}\n", names(option), lines.join(&indent))
}

/// In lines of at most so many columns; a longer word has a line of its own.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text of `--version`, with a line feed at its end.
pub fn version() -> String {
    format!("poolmon {}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Protocol;

    const NAMES_OF_THE_PROGRAM: [Program; 2] = [Program::Poolmon, Program::Dovemon];

    /// In one line, so that a sentence is found wherever it was wrapped.
    fn joined(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn help_all_has_every_option_with_its_sentence_and_its_default() {
        for called in NAMES_OF_THE_PROGRAM {
            let help = help(called, Extent::All, "");
            let words: Vec<&str> = help.split_whitespace().collect();
            let text = joined(&help);
            for (choice, option) in options() {
                let name = option.long;
                assert!(words.contains(&format!("--{name}").as_str()));
                assert!(text.contains(&choice.option_help()), "{name}");
                let default = usual(called, choice, option).shown();
                if !default.is_empty() {
                    assert!(text.contains(&format!("(default: {default})")), "{name}");
                }
            }
            assert!(text.contains(&format!("PROTO is {}", Protocol::names())));
        }
    }

    #[test]
    fn help_has_the_common_options_and_no_others() {
        for called in NAMES_OF_THE_PROGRAM {
            let help = help(called, Extent::Common, "");
            let options_part = help.split("\nExamples:").next().unwrap();
            let text = joined(options_part);
            for (choice, option) in options() {
                let name = format!("--{}", option.long);
                let is_there = options_part.split_whitespace().any(|word| word == name);
                assert_eq!(is_there, choice.brief.is_some(), "{name}");
                assert!(choice.brief.map_or(true, |brief| text.contains(brief)));
            }
        }
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_and_the_last_one_ends() {
        for called in NAMES_OF_THE_PROGRAM {
            for extent in [Extent::Common, Extent::All] {
                let help = help(called, extent, "");
                for line in help.lines() {
                    assert!(line.len() <= COLUMNS, "{line}");
                }
                assert!(help.ends_with('\n'));
            }
        }
    }

    #[test]
    fn each_example_is_a_command_line() {
        let text = help(Program::Poolmon, Extent::Common, "");
        let examples = text.split("\nExamples:\n").nth(1).unwrap();
        let lines = examples
            .lines()
            .filter_map(|line| line.strip_prefix("  poolmon "));
        let mut read = 0;
        for line in lines {
            let arguments = line.split(' ').map(Into::into).collect();
            let understood = crate::cli::parse(arguments);
            assert!(
                matches!(understood, Ok(crate::cli::Command::Run(_))),
                "{line}: {understood:?}"
            );
            read += 1;
        }
        assert_eq!(read, 3);
    }
}
