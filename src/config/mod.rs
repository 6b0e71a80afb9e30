//! From what the operator wrote to what the program understands.
//!
//! `table` has a row for each choice (`choice`), or asks the protocols for theirs: its option, its key in the
//! file that `dovemon` reads, what its value looks like (`kind`), and the field of `chosen` that it goes to. `argv` takes the command line
//! apart as Perl does, `help` explains it. `build` puts what was chosen together to `settings`, the one
//! type that all others read. `trust` says which certificates are checked, `accounts` and `credentials`
//! read the accounts to log in with, `former` keeps those before, `targets` says which services of which backend
//! are probed with which account, `distinct` sees to it that no file has two purposes.

pub mod accounts;
pub(crate) mod argv;
pub(crate) mod build;
pub mod choice;
pub mod chosen;
pub(crate) mod credentials;
pub(crate) mod distinct;
pub(crate) mod dovemon;
pub(crate) mod error;
pub(crate) mod file;
mod former;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub(crate) mod help;
pub(crate) mod kind;
pub(crate) mod nearest;
mod number;
pub mod settings;
pub mod table;
pub mod targets;
pub mod trust;
pub(crate) mod values;
mod yaml;
