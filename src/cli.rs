//! The command line: arguments in, a command or an error out.
//!
//! What poolmon's flags look like is known in `config::argv`, which there are and what they mean in
//! `config::table`. It reads no file, prints nothing and does not look at its surroundings.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use crate::config::argv::{self, ArgvError, Given};
use crate::config::chosen::Chosen;
use crate::program::Program;
use crate::quote::Quote;

pub use crate::config::help::{help, version, Extent};

/// What the program is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Anything but words to print.
    Run(Box<Order>),
    /// `help()` to standard output.
    Help(Extent),
    /// `version()` to standard output.
    Version,
}

/// What is to be done, and what the command line says of the settings: found good, and only what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// `Watch` unless an option says otherwise.
    pub job: Job,
    /// Only what was given, each value good by itself. The file and the defaults are laid below it later.
    pub choices: Chosen,
}

/// What the program is started for. Without an option it watches the pool until it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// All backends, until a signal ends it.
    Watch,
    /// `--once`: one round, printed.
    Once,
    /// `--check-config`: say what would be done.
    CheckConfig,
}

/// Printed below every error of the command line.
pub fn hint(called: Program) -> String {
    format!("try {called} --help for the common options, or {called} --help-all for all")
}

/// Why a command line is refused. Its text names the option as the program knows it and quotes what was
/// given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CliError {
    /// Words that are no options, or not as options are written.
    Argv(ArgvError),
    /// A value that its option has no use for.
    Value {
        /// Its long name, without the dashes.
        option: &'static str,
        /// What was given, quoted.
        value: Quote,
        /// What would have been good, in words.
        expected: String,
    },
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CliError::Argv(error) => error.fmt(f),
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
            CliError::Argv(error) => error.source(),
            CliError::Value { .. } => None,
        }
    }
}

impl From<ArgvError> for CliError {
    fn from(error: ArgvError) -> CliError {
        CliError::Argv(error)
    }
}

/// Reads the arguments, without the program's name. Operands are ignored, as poolmon did; a mistyped command
/// has been refused before.
pub fn parse(args: Vec<OsString>) -> Result<Command, CliError> {
    parse_with_operands(args).map(|(command, _)| command)
}

/// The same with the operands, for those that have a use for them.
pub fn parse_with_operands(args: Vec<OsString>) -> Result<(Command, Vec<OsString>), CliError> {
    let argv::Arguments { options, operands } = argv::read(args)?;
    Ok((command(options)?, operands))
}

fn command(given: Vec<Given>) -> Result<Command, CliError> {
    let mut choices = Chosen::default();
    // Flags first: who asks for help gets it, whatever else is wrong.
    let (valued, flags): (Vec<&Given>, Vec<&Given>) =
        given.iter().partition(|given| given.value.is_some());
    take_all(&flags, &mut choices)?;
    if choices.help_all.value {
        return Ok(Command::Help(Extent::All));
    }
    if choices.help.value {
        return Ok(Command::Help(Extent::Common));
    }
    if choices.version.value {
        return Ok(Command::Version);
    }
    take_all(&valued, &mut choices)?;
    Ok(Command::Run(Box::new(Order {
        job: match (choices.check_config.value, choices.once.value) {
            (true, _) => Job::CheckConfig,
            (false, true) => Job::Once,
            (false, false) => Job::Watch,
        },
        choices,
    })))
}

/// Of an option that is given again only the last value counts, and only that one has to be good.
fn take_all(all: &[&Given], choices: &mut Chosen) -> Result<(), CliError> {
    for (place, given) in all.iter().enumerate() {
        let is_same = |later: &&Given| later.option.long == given.option.long;
        if !given.choice.collects() && all[place + 1..].iter().any(is_same) {
            continue;
        }
        let value = given.value.as_deref();
        let taken = given.choice.take_option(choices, value);
        taken.map_err(|expected| CliError::Value {
            option: given.option.long,
            value: Quote::new(value.unwrap_or_default().as_bytes()),
            expected,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
