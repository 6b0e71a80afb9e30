//! The log in a file: appended to, opened anew on demand, and a line that does not fit is lost.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::io::AsRawFd;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::dup2;

use super::line::{Form, Line};
use super::lines::Lines;
use super::LogError;

pub struct LogFile {
    /// Absolute: a daemon's folder is not the one it was started in.
    path: PathBuf,
    lines: Lines<File>,
    has_standard_streams: bool,
}

impl LogFile {
    pub fn open(path: &Path) -> Result<LogFile, LogError> {
        let absolute = match std::env::current_dir() {
            Ok(folder) => folder.join(path),
            Err(_) => path.to_path_buf(),
        };
        let file = append_to(&absolute)?;
        Ok(LogFile {
            path: absolute,
            lines: Lines::new(file, Form::Stamped),
            has_standard_streams: false,
        })
    }

    pub fn write(&mut self, line: &Line) {
        self.lines.write(line);
    }

    /// If it cannot be opened, the file that is open stays in use.
    pub fn reopen(&mut self) -> Result<(), LogError> {
        self.lines.turn_to(append_to(&self.path)?);
        if self.has_standard_streams {
            self.take_standard_streams()?;
        }
        Ok(())
    }

    pub fn has_standard_streams(&self) -> bool {
        self.has_standard_streams
    }

    pub fn take_standard_streams(&mut self) -> Result<(), LogError> {
        self.has_standard_streams = true;
        for stream in [1, 2] {
            dup2(self.lines.out().as_raw_fd(), stream)
                .map_err(|cause| LogError::Streams(cause.into()))?;
        }
        Ok(())
    }
}

/// What stands in it may tell who uses the mail servers.
pub const MODE: u32 = 0o640;

fn append_to(path: &Path) -> Result<File, LogError> {
    // O_NONBLOCK: should the path be a FIFO or a terminal, lines are lost rather than waited for.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .custom_flags(flags.bits())
        .open(path)
        .map_err(|cause| LogError::Open {
            path: path.to_path_buf(),
            cause,
        })
}

#[cfg(test)]
mod tests;
