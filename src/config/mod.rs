//! From what the operator wrote to what the program understands.
//!
//! `settings` is the one type that all others read; it is put together from a `draft`, in which every
//! choice stands alone. `trust` says which certificates are checked. `keys` is the table of the
//! configuration file that `dovemon` reads, `accounts` and `credentials` read whom to log in as, `roster`
//! says who is probed as whom, `distinct` sees to it that no file has two purposes.

pub mod accounts;
pub mod credentials;
pub mod distinct;
pub mod dovemon;
pub mod draft;
pub mod error;
pub mod file;
pub mod keys;
pub mod roster;
pub mod settings;
pub mod trust;
pub mod values;
mod yaml;
