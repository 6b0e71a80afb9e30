//! The command line: arguments in, a command or an error out.
//!
//! It owns what poolmon's flags look like (`grammar`), which there are (`options`) and what they
//! mean (`meaning`). It reads no file, prints nothing and does not look at its surroundings.

use std::ffi::OsString;
use std::fmt;

use crate::config::settings::Settings;
use crate::quote::Quote;

pub mod grammar;
mod help;
mod integer;
mod meaning;
pub mod options;

pub use grammar::GrammarError;
pub use help::{help, version};

/// What the program is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Run(Box<Settings>),
    /// `help()` to standard output.
    Help,
    /// `version()` to standard output.
    Version,
}

/// Printed below every error of the command line.
pub const HINT: &str = "try poolmon --help";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CliError {
    Grammar(GrammarError),
    /// A value that its option has no use for.
    Value {
        option: &'static str,
        value: Quote,
        expected: String,
    },
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CliError::Grammar(error) => error.fmt(f),
            CliError::Value {
                option,
                value,
                expected,
            } => write!(f, "--{option}: {value}: expected {expected}"),
        }
    }
}

impl std::error::Error for CliError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Its text is ours already.
            CliError::Grammar(error) => error.source(),
            CliError::Value { .. } => None,
        }
    }
}

impl From<GrammarError> for CliError {
    fn from(error: GrammarError) -> CliError {
        CliError::Grammar(error)
    }
}

/// Reads the arguments, without the program's name. Operands are ignored, as poolmon did.
pub fn parse(args: Vec<OsString>) -> Result<Command, CliError> {
    let arguments = grammar::read(options::OPTIONS, args)?;
    meaning::command(arguments.options)
}
