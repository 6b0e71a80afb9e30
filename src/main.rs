//! The binary: the arguments in, the exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    poolmon::start::main(std::env::args_os().skip(1).collect())
}
