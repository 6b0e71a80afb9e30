//! The log on the terminal: errors to standard error, all else to standard output.

use std::io::{self, Write};

use log::Level;

/// Writes a line with its line feed. Lines that cannot be written are lost: there is nobody to tell.
pub fn write(level: Level, line: &str) {
    let _ = match level {
        Level::Error => io::stderr().write_all(line.as_bytes()),
        _ => {
            let mut output = io::stdout();
            output
                .write_all(line.as_bytes())
                .and_then(|()| output.flush())
        }
    };
}
