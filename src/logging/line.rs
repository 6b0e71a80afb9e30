//! The form of a log line.

use std::fmt::Write;
use std::time::SystemTime;

use chrono::{DateTime, Local};
use log::Level;

use crate::few::counted;

/// How many bytes of text one record may have.
const LONGEST: usize = 2048;

/// A record as it is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `Error` is written as ERR, all others as LOG; to the journal and to syslog each has a priority of its own.
    pub level: Level,
    /// When it was logged, which may be long before it can be written.
    pub at: SystemTime,
    /// One line of bounded length.
    pub text: String,
}

impl Line {
    pub fn now(level: Level, text: &str) -> Line {
        Line {
            level,
            at: SystemTime::now(),
            text: single_line(text),
        }
    }
}

/// How lines of a file or stream begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With time and `LOG` or `ERR`, as poolmon has always written them.
    Stamped,
    /// With the priority that the journal reads (sd-daemon(3)); it has the time by itself.
    Journal,
}

impl Form {
    /// The line with its line feed.
    pub fn of(self, line: &Line) -> String {
        match self {
            Form::Stamped => stamped(line),
            Form::Journal => format!("<{}>{}\n", priority(line.level), line.text),
        }
    }
}

/// syslog's severities.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// The text as one line of bounded length: control characters escaped, the end cut off.
fn single_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST));
    for character in text.chars() {
        let before = line.len();
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        if line.len() > LONGEST {
            line.truncate(before);
            line.push_str("...");
            break;
        }
    }
    line
}

/// `Nov 22 00:34:13 LOG text` in local time, with its line feed. The day is padded with a space, as
/// syslog and C's asctime do it.
fn stamped(line: &Line) -> String {
    let word = match line.level {
        Level::Error => "ERR",
        _ => "LOG",
    };
    let mut whole = timestamp(line.at);
    // Writing to a String cannot fail.
    let _ = writeln!(whole, " {word} {}", line.text);
    whole
}

/// `Nov 22 00:34:13` in local time.
pub fn timestamp(at: SystemTime) -> String {
    DateTime::<Local>::from(at)
        .format("%b %e %H:%M:%S")
        .to_string()
}

/// What is said of lines that could not be written.
pub fn loss(lost: u64, cause: &str) -> String {
    format!("{} lost: {cause}", counted(lost, "log line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_whatever_it_holds() {
        for (text, expected) in [
            ("plain text, \u{e4}\u{20ac}", "plain text, \u{e4}\u{20ac}"),
            ("two\nlines\r\n", "two\\nlines\\r\\n"),
            ("\u{1b}[2J\u{0}\u{7f}\t", "\\u{1b}[2J\\u{0}\\u{7f}\\t"),
            ("\u{85}\u{9b}", "\\u{85}\\u{9b}"),
            ("back\\slash", "back\\slash"),
        ] {
            assert_eq!(single_line(text), expected);
        }
    }

    #[test]
    fn a_long_record_is_cut_between_characters() {
        assert_eq!(single_line(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
        for text in ["x", "\u{20ac}", "\n"] {
            let line = single_line(&text.repeat(100_000));
            assert!(line.len() <= LONGEST + 3 && line.len() > LONGEST - 8);
            assert!(line.ends_with("..."), "{text:?}");
        }
    }

    #[test]
    fn a_line_has_poolmons_form() {
        for (level, word) in [
            (Level::Error, "ERR"),
            (Level::Warn, "LOG"),
            (Level::Info, "LOG"),
            (Level::Debug, "LOG"),
        ] {
            let line = Form::Stamped.of(&Line::now(level, "192.0.2.1 disabled"));
            let (stamp, rest) = line.split_at("Nov 22 00:34:13".len());
            assert_eq!(rest, format!(" {word} 192.0.2.1 disabled\n"));
            let parts: Vec<&str> = stamp.split_whitespace().collect();
            assert!(matches!(parts[..], [month, day, time]
                if month.len() == 3 && day.parse::<u8>().is_ok() && time.len() == 8));
        }
    }

    #[test]
    fn a_line_for_the_journal_has_its_priority_and_no_time() {
        for (level, priority) in [
            (Level::Error, "<3>"),
            (Level::Warn, "<4>"),
            (Level::Info, "<6>"),
            (Level::Debug, "<7>"),
        ] {
            let line = Form::Journal.of(&Line::now(level, "192.0.2.1 disabled"));
            assert_eq!(line, format!("{priority}192.0.2.1 disabled\n"));
        }
    }

    #[test]
    fn a_line_has_the_time_at_which_it_was_logged() {
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        // Whatever the time zone.
        assert!(timestamp(at).starts_with("Sep  9 ") || timestamp(at).starts_with("Sep  8 "));
    }
}
