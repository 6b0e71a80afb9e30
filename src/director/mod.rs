//! The director's admin socket: `wire` is what is said there, `client` is how it is said in time.
//!
//! Nothing here decides anything or keeps state between two commands; that is the coordinator's.

pub mod client;
pub mod link;
pub mod wire;
