//! The integration tests: the lab's own, and the scenes that the monitor is put through.

mod lab;
mod scenes;
