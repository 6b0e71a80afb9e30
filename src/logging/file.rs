//! The log in a file: appended to, opened anew on demand, and no trouble of it ever stops a probe.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::io::AsRawFd;
use std::path::{Path, PathBuf};

use log::Level;
use nix::fcntl::OFlag;
use nix::unistd::dup2;

use super::line::{loss, stamped};
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
            lines: Lines::new(file),
            has_standard_streams: false,
        })
    }

    pub fn write(&mut self, line: &str) {
        self.lines.write(line);
    }

    /// On failure the file that is open stays in use.
    pub fn reopen(&mut self) -> Result<(), LogError> {
        self.lines.out = append_to(&self.path)?;
        self.lines.torn = false;
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
            dup2(self.lines.out.as_raw_fd(), stream)
                .map_err(|cause| LogError::Streams(cause.into()))?;
        }
        Ok(())
    }
}

fn append_to(path: &Path) -> Result<File, LogError> {
    // O_NONBLOCK: should the path be a FIFO or a terminal, lines are lost rather than waited for.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(flags.bits())
        .open(path)
        .map_err(|cause| LogError::Open {
            path: path.to_path_buf(),
            cause,
        })
}

/// Writes whole lines or none, and keeps count of those it could not write.
struct Lines<W> {
    out: W,
    lost: u64,
    /// Why the last one was lost.
    cause: String,
    /// Only a part of the last line was written.
    torn: bool,
}

impl<W: Write> Lines<W> {
    fn new(out: W) -> Lines<W> {
        Lines {
            out,
            lost: 0,
            cause: String::new(),
            torn: false,
        }
    }

    /// Writes a line with its line feed.
    fn write(&mut self, line: &str) {
        if self.lost > 0 {
            let notice = stamped(Level::Error, &loss(self.lost, &self.cause));
            if self.put(&notice) {
                self.lost = 0;
            }
        }
        if self.lost > 0 || !self.put(line) {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// One call of write for a line, so that lines of several writers do not mix.
    fn put(&mut self, line: &str) -> bool {
        let whole = if self.torn {
            format!("\n{line}")
        } else {
            line.to_string()
        };
        let written = loop {
            match self.out.write(whole.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match written {
            Ok(length) if length == whole.len() => {
                self.torn = false;
                true
            }
            Ok(0) => {
                self.cause = "nothing could be written".to_string();
                false
            }
            Ok(length) => {
                self.torn = !whole[..length].ends_with('\n');
                self.cause = "only a part could be written".to_string();
                false
            }
            Err(error) => {
                self.cause = error.to_string();
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
