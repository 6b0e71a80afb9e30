//! The terminal of `--watch`: its size, its settings, and that they are again what they were.
//!
//! `stty` does what only the C library could do here: nix's `tcsetattr` takes other arguments in each of
//! the versions that we build with, and the size of a terminal it does not tell.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::io::AsFd;
use std::process::{Command, Stdio};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// If it is told neither.
const USUAL: Size = Size {
    rows: 24,
    columns: 80,
};

/// Keys come one by one and are not shown; Ctrl-C and Ctrl-Z stay signals.
const KEY_BY_KEY: [&str; 6] = ["-icanon", "-echo", "min", "1", "time", "0"];

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
/// To the first column, and nothing more in this line.
const CLEAR_LINE: &str = "\r\x1b[K";

#[derive(Debug)]
pub(super) enum ScreenError {
    NoTerminal(io::Error),
    Stty(io::Error),
    Output(io::Error),
}

impl fmt::Display for ScreenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScreenError::NoTerminal(cause) => write!(f, "it needs a terminal: {cause}"),
            ScreenError::Stty(cause) => {
                write!(
                    f,
                    "stty cannot tell or set how the terminal is set: {cause}"
                )
            }
            ScreenError::Output(cause) => write!(f, "the terminal: {cause}"),
        }
    }
}

/// The terminal, to be left as it was found: also by a panic.
pub(super) struct Screen {
    terminal: File,
    /// As `stty -g` prints them.
    settings: String,
}

impl Screen {
    pub(super) fn open() -> Result<Screen, ScreenError> {
        let opened = OpenOptions::new().read(true).write(true).open("/dev/tty");
        let terminal = opened.map_err(ScreenError::NoTerminal)?;
        let settings = stty(&terminal, &["-g"]).map_err(ScreenError::Stty)?;
        Ok(Screen {
            terminal,
            settings: settings.trim().to_string(),
        })
    }

    /// For reading keys.
    pub(super) fn keys(&self) -> io::Result<File> {
        self.terminal.try_clone()
    }

    pub(super) fn enter(&self) -> Result<(), ScreenError> {
        stty(&self.terminal, &KEY_BY_KEY).map_err(ScreenError::Stty)?;
        self.put(HIDE_CURSOR)
    }

    /// As it was before `enter`; what was drawn stays.
    pub(super) fn leave(&self) {
        let _ = self.put(&format!("{CLEAR_LINE}{SHOW_CURSOR}"));
        let _ = stty(&self.terminal, &[&self.settings]);
    }

    pub(super) fn size(&self) -> Size {
        size(&self.terminal).unwrap_or(USUAL)
    }

    /// In one write, so that nobody sees half of it.
    pub(super) fn put(&self, text: &str) -> Result<(), ScreenError> {
        (&self.terminal)
            .write_all(text.as_bytes())
            .map_err(ScreenError::Output)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// None if it is no terminal, or has no size.
pub(super) fn size_of_stdout() -> Option<Size> {
    let stdout = io::stdout().as_fd().try_clone_to_owned().ok()?;
    size(&File::from(stdout))
}

fn size(terminal: &File) -> Option<Size> {
    let said = stty(terminal, &["size"]).ok()?;
    let mut numbers = said.split_whitespace().map(str::parse::<usize>);
    let (rows, columns) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (rows > 0 && columns > 0).then_some(Size { rows, columns })
}

fn stty(terminal: &File, arguments: &[&str]) -> io::Result<String> {
    let ended = Command::new("stty")
        .args(arguments)
        .stdin(Stdio::from(terminal.try_clone()?))
        .stderr(Stdio::piped())
        .output()?;
    match ended.status.success() {
        true => Ok(String::from_utf8_lossy(&ended.stdout).into_owned()),
        false => Err(io::Error::new(
            io::ErrorKind::Other,
            format!("it ended with {}", ended.status),
        )),
    }
}
