//! What can be told that a backend is up or down. Each kind of pool is a room of its own.

pub mod director;
