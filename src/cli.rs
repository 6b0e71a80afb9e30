//! The command line: arguments in, a command or an error out.
//!
//! It owns what poolmon's flags look like (`grammar`), which there are (`options`) and what they
//! mean (`meaning`). It reads no file, prints nothing and does not look at its surroundings.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::program::Program;
use crate::quote::Quote;

pub mod grammar;
mod help;
mod integer;
mod meaning;
pub mod options;

pub use grammar::GrammarError;
pub use help::{help, version};
pub use meaning::Choices;

/// What the program is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Run(Box<Order>),
    /// `help()` to standard output.
    Help,
    /// `version()` to standard output.
    Version,
}

/// What is to be done, and by which settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub deed: Deed,
    pub files: WhereFrom,
    pub choices: Choices,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Watch,
    /// `--once`: one round, printed.
    Once,
    /// `--check-config`: say what would be done.
    CheckConfig,
}

/// The files that settings are read from, beside the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhereFrom {
    pub config: Option<PathBuf>,
    pub accounts: Option<PathBuf>,
    /// A configuration that is not there is written, with the defaults.
    pub write_missing: bool,
}

/// Printed below every error of the command line.
pub fn hint(called: Program) -> String {
    format!("try {called} --help")
}

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
