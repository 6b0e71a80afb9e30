//! The target `state_file` of `src/fuzzing.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolmon::fuzzing::run("state_file", data));
