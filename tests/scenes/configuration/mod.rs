//! dovemon's files: read by the program called as dovemon, seen on the wire, read again while it runs.

mod examples;
pub mod files;
mod keys;
mod log;
mod refused;
mod reload;
