//! The standard library, but for what threads meet by: that is shuttle's, which decides who runs when.
//!
//! A crate that says `extern crate shuttled_std as std;` has the program's own files use it, as they are.
//! Time is a number that moves when a wait times out. A wait may time out at any moment, or, where a check
//! wants to see that it is woken, never.

pub use std::*;

pub mod choice;
pub mod sync;
pub mod thread;
pub mod time;
