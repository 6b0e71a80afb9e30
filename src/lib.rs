//! poolmon watches the backends of a Dovecot director and tells the director which are up.
//!
//! This file lists the rooms; ARCHITECTURE.md is their map. Public are those that the binary and the
//! tests need, so that the compiler finds what nobody uses. Nothing else belongs here.

#![deny(unsafe_code)]
// Fields and variants, too. A warning alone, so that a new compiler's opinion stops no package's build;
// `make check` takes none.
#![warn(missing_docs)]
// cargo-fuzz sets the name `fuzzing`, of which compilers are not told here.
#![allow(unknown_lints, unexpected_cfgs)]

pub mod account;
mod app;
pub mod backend;
#[cfg(test)]
mod bent;
mod beside;
mod check;
pub mod cli;
pub mod config;
mod daemon;
mod descriptors;
mod few;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod grid;
mod hook;
#[cfg(test)]
mod in_time;
mod logging;
mod mailbox;
pub mod monitor;
mod net;
mod notify;
mod once;
pub mod outcome;
#[cfg(test)]
mod peak;
pub mod pool;
pub mod probe;
pub mod program;
pub mod quote;
mod read_only;
mod recording;
pub mod report;
mod runtime;
pub mod schedule;
#[cfg(test)]
mod scratch;
pub mod service;
#[cfg(test)]
#[path = "../tests/lab/slowness.rs"]
mod slowness;
mod source;
pub mod start;
mod state_file;
pub mod target;
mod worker;
