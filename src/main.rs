//! The binary: its name and the arguments in, the exit code out.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use poolmon::program::Program;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let called = Program::called(arguments.next().as_deref());
    poolmon::start::main(called, arguments.collect())
}
