//! The target `status` of `src/fuzzing.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolmon::fuzzing::run("status", data));
