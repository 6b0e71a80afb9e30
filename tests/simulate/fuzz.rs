//! The engine in this world for libFuzzer: bytes choose what happens (`day/given.rs`). A program of the crate in
//! `tests/fuzz`; it stands here because its modules do.
#![no_main]
// Some of the world is there for its scenes alone.
#![allow(dead_code)]

mod chance;
mod day;
mod evidence;
mod history;
mod monitor;
mod perl;
mod properties;
mod reached;
mod ring;
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| day::engine(data));
