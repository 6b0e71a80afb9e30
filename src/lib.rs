//! poolmon watches the backends of a Dovecot director and tells the director which are up.
//!
//! This file lists the rooms; ARCHITECTURE.md is their map. Nothing else belongs here.

pub mod account;
pub mod backend;
pub mod check;
pub mod cli;
pub mod config;
pub mod coordinator;
pub mod daemon;
mod descriptors;
pub mod director;
mod few;
pub mod history;
pub mod hook;
mod inbox;
pub mod ledger;
pub mod logging;
pub mod net;
pub mod notices;
pub mod notify;
pub mod once;
pub mod outcome;
pub mod policy;
pub mod probe;
pub mod program;
pub mod proto;
pub mod quote;
pub mod read_only;
pub mod schedule;
pub mod service;
pub mod source;
pub mod start;
pub mod target;
pub mod worker;
