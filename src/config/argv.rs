//! How Perl's Getopt::Long reads an argument vector in its bundling mode, as poolmon used it.
//!
//! Every option comes out under its full name, each with the value that belongs to it; what the
//! values mean is not known here. Where Perl's way looks odd, it is kept on purpose: an init script
//! written for poolmon has to be understood in the same way, or refused in the same way.
//! `tests/argv.pl` asks the real Getopt::Long. The one difference is made before (`app::unknown`): a first word
//! of letters alone that is no command of ours is refused, which Perl's poolmon took for an operand.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;

use super::choice::{Choice, OptionFace, Origin, Takes};
use super::table::options;
use crate::quote::Quote;

mod integer;

/// An option of the table, with its row.
type Row = (&'static Choice, &'static OptionFace);

/// An option as given, with its row of the table.
pub struct Given {
    /// What the option is about.
    pub choice: &'static Choice,
    /// The option of that row: `choice.option`.
    pub option: &'static OptionFace,
    /// None for a flag; an integer is made plain (`integer`).
    pub value: Option<OsString>,
}

impl Given {
    fn flag((choice, option): Row) -> Given {
        Given {
            choice,
            option,
            value: None,
        }
    }

    fn valued((choice, option): Row, value: impl Into<Vec<u8>>) -> Given {
        Given {
            choice,
            option,
            value: Some(OsString::from_vec(value.into())),
        }
    }
}

/// The command line taken apart. The options stand in the order given, each as often as it was given.
#[derive(Default)]
pub struct Arguments {
    /// Each found in the table. Whether its value is good is not known yet.
    pub options: Vec<Given>,
    /// Words that are no options, in the order given; also all that stand behind `--`.
    pub operands: Vec<OsString>,
}

/// Why the words of a command line cannot be taken apart, by the rules of Perl's Getopt::Long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgvError {
    Unknown {
        option: Quote,
    },
    Ambiguous {
        option: Quote,
        meanings: Vec<&'static str>,
    },
    NoValue {
        option: &'static str,
    },
    UnwantedValue {
        option: &'static str,
    },
    NotAnInteger {
        option: &'static str,
        value: Quote,
    },
}

impl fmt::Display for ArgvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgvError::Unknown { option } => write!(f, "unknown option {option}"),
            ArgvError::Ambiguous { option, meanings } => {
                write!(f, "option {option} is ambiguous: ")?;
                for (place, meaning) in meanings.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}--{meaning}")?;
                }
                Ok(())
            }
            ArgvError::NoValue { option } => write!(f, "--{option}: a value is missing"),
            ArgvError::UnwantedValue { option } => write!(f, "--{option}: takes no value"),
            ArgvError::NotAnInteger { option, value } => {
                write!(f, "--{option}: {value}: expected a whole number")
            }
        }
    }
}

impl std::error::Error for ArgvError {}

/// Reads `args` (without the program's name) by the options of the table, up to the first error.
pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Arguments, ArgvError> {
    let mut waiting: VecDeque<Vec<u8>> = args.into_iter().map(OsString::into_vec).collect();
    let mut understood = Arguments::default();
    while let Some(word) = waiting.pop_front() {
        if word == b"--" {
            break;
        }
        match Written::of(&word) {
            Written::Operand => understood.operands.push(OsString::from_vec(word)),
            Written::Bundle(letters) => {
                understood.options.push(bundled(letters, &mut waiting)?);
            }
            Written::Long { name, value } => {
                let row = by_abbreviation(name)?;
                let value = value.map(<[u8]>::to_vec);
                understood
                    .options
                    .push(spelt_out(row, value, &mut waiting)?);
            }
        }
    }
    understood
        .operands
        .extend(waiting.into_iter().map(OsString::from_vec));
    Ok(understood)
}

/// What a word of the command line looks like.
enum Written<'a> {
    Operand,
    /// Behind one dash.
    Bundle(&'a [u8]),
    Long {
        name: &'a [u8],
        value: Option<&'a [u8]>,
    },
}

impl<'a> Written<'a> {
    fn of(word: &'a [u8]) -> Written<'a> {
        if let Some(long) = word.strip_prefix(b"--") {
            // A leading `=` belongs to the name, which makes it an unknown one.
            match long.iter().skip(1).position(|&byte| byte == b'=') {
                Some(place) => Written::Long {
                    name: &long[..place + 1],
                    value: Some(&long[place + 2..]),
                },
                None => Written::Long {
                    name: long,
                    value: None,
                },
            }
        } else if word == b"-" {
            Written::Operand
        } else if let Some(letters) = word.strip_prefix(b"-") {
            Written::Bundle(letters)
        } else if let Some(name) = word.strip_prefix(b"+") {
            // `+debug`: Getopt::Long's old starter, which takes no `=value` while bundling is on.
            Written::Long { name, value: None }
        } else {
            Written::Operand
        }
    }
}

/// Takes one option off a bundle and puts the rest of it back, with its dash: Perl reads that as a
/// new word, so that `-d-port 9` is `-d --port 9` and `-d-` ends the options.
fn bundled(letters: &[u8], waiting: &mut VecDeque<Vec<u8>>) -> Result<Given, ArgvError> {
    let (letter, rest) = letters
        .split_first()
        .expect("a lone dash is an operand, so a bundle has a letter");
    let row = options()
        .find(|(_, option)| option.short.as_bytes().contains(letter))
        .ok_or_else(|| ArgvError::Unknown {
            option: Quote::new([b'-', *letter]),
        })?;
    let mut put_back = |rest: &[u8]| {
        if !rest.is_empty() {
            waiting.push_front([b"-", rest].concat());
        }
    };
    match row.1.takes {
        Takes::Nothing => {
            put_back(rest);
            Ok(Given::flag(row))
        }
        Takes::Text(_) if !rest.is_empty() => Ok(Given::valued(row, rest)),
        Takes::Integer(_) if !rest.is_empty() => match integer::at_start(rest) {
            Some((number, behind)) => {
                put_back(behind);
                Ok(Given::valued(row, number))
            }
            None => Err(ArgvError::NotAnInteger {
                option: row.1.long,
                value: Quote::new(rest),
            }),
        },
        Takes::Text(_) | Takes::Integer(_) => spelt_out(row, None, waiting),
    }
}

/// An option whose value, if it takes one, is `attached` or else the next word, whatever that
/// looks like.
fn spelt_out(
    row: Row,
    attached: Option<Vec<u8>>,
    waiting: &mut VecDeque<Vec<u8>>,
) -> Result<Given, ArgvError> {
    let option = row.1.long;
    if row.1.takes == Takes::Nothing {
        return match attached {
            None => Ok(Given::flag(row)),
            Some(_) => Err(ArgvError::UnwantedValue { option }),
        };
    }
    // An empty value is taken as a word of its own (`--port ''`), but not behind `=`.
    let value = match attached {
        Some(value) if value.is_empty() => None,
        Some(value) => Some(value),
        None => waiting.pop_front(),
    };
    let value = value.ok_or(ArgvError::NoValue { option })?;
    match row.1.takes {
        Takes::Integer(_) => match integer::whole(&value) {
            Some(number) => Ok(Given::valued(row, number)),
            None => Err(ArgvError::NotAnInteger {
                option,
                value: Quote::new(&value),
            }),
        },
        _ => Ok(Given::valued(row, value)),
    }
}

/// The option whose name `written` is, or is the beginning of, in any case.
///
/// Short names count as names too (`--d`, `--v 0`), except capital ones, because `written` is taken
/// in small letters. Options that poolmon did not have are asked only when none of its own fits, so
/// that none of them makes an old abbreviation ambiguous.
fn by_abbreviation(written: &[u8]) -> Result<Row, ArgvError> {
    let option = || Quote::new([b"--", written].concat());
    let name = written.to_ascii_lowercase();
    if name.is_empty() {
        return Err(ArgvError::Unknown { option: option() });
    }
    for origin in [Origin::Predecessor, Origin::Added] {
        let rows = || options().filter(move |(_, option)| option.origin == origin);
        let exact = rows().find(|(_, option)| {
            option.long.as_bytes() == name || option.short.bytes().any(|letter| name == [letter])
        });
        if let Some(row) = exact {
            return Ok(row);
        }
        let fitting: Vec<Row> = rows()
            .filter(|(_, option)| option.long.as_bytes().starts_with(&name))
            .collect();
        match fitting[..] {
            [] => {}
            [row] => return Ok(row),
            _ => {
                let mut meanings: Vec<_> = fitting.iter().map(|(_, option)| option.long).collect();
                meanings.sort_unstable();
                return Err(ArgvError::Ambiguous {
                    option: option(),
                    meanings,
                });
            }
        }
    }
    Err(ArgvError::Unknown { option: option() })
}

#[cfg(test)]
mod tests;
