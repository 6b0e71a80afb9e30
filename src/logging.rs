//! Where log records go: the log file, the terminal, the journal, or syslog.
//!
//! Whoever logs puts a line into a bounded queue and goes on; one thread writes what lies there. A
//! target that hangs costs lines, which are counted and told of, and never anybody's time. What is
//! logged, and when, is for the others to say through the `log` crate.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use log::{LevelFilter, Log as Facade, Metadata, Record};

use crate::config::settings::LogTarget;
use crate::quote::Quote;
use crate::read_only::Cause;

mod file;
mod line;
mod lines;
mod lost;
mod panics;
mod queue;
mod stream;
mod syslog;
mod writer;

pub(crate) use self::file::MODE;
use self::line::Line;
pub(crate) use self::lost::lines_lost;
use self::queue::{Order, Queue};
use self::writer::Writer;

/// How long the end of the program waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_millis(500);

const STACK: usize = 256 * 1024;

#[derive(Debug)]
pub enum LogError {
    /// The log file cannot be opened; the one before, if there is one, stays in use.
    Open { path: PathBuf, cause: io::Error },
    /// Standard output and standard error cannot be moved to the log file.
    Streams(io::Error),
    /// Standard output and standard error cannot be used.
    Terminal(io::Error),
    /// No thread to write the log.
    Thread(io::Error),
    /// `open` was called twice.
    Opened,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::Open { path, cause } => {
                let cause = Cause { path, cause };
                let path = Quote::new(path.to_string_lossy().as_bytes());
                write!(f, "log file {path} cannot be opened: {cause}")
            }
            LogError::Streams(cause) => write!(
                f,
                "standard output and standard error cannot be moved to the log file: {cause}"
            ),
            LogError::Terminal(cause) => {
                write!(
                    f,
                    "standard output and standard error cannot be used for the log: {cause}"
                )
            }
            LogError::Thread(cause) => {
                write!(f, "no thread can be started to write the log: {cause}")
            }
            LogError::Opened => {
                f.write_str("the log is open already; this is a defect, please report it")
            }
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LogError::Open { cause, .. }
            | LogError::Streams(cause)
            | LogError::Terminal(cause)
            | LogError::Thread(cause) => Some(cause),
            LogError::Opened => None,
        }
    }
}

/// What becomes of lines that syslog does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untaken {
    /// They are counted, and syslog is told how many once it answers.
    Lost,
    /// In the foreground somebody may read them there.
    ToStandardError,
}

/// Opens `target` and makes it the program's log: to be called once, while an error can still be
/// shown. Records above `level` are not logged. Panics are, from now on.
///
/// What is logged lies in memory until `start_writer` or `write_out`: no thread survives a fork.
pub fn open(target: &LogTarget, level: LevelFilter, untaken: Untaken) -> Result<Log, LogError> {
    let (writer, warning) = Writer::open(target, untaken)?;
    let shared = Arc::new(Shared {
        queue: Queue::new(),
        level: AtomicUsize::new(level as usize),
    });
    log::set_boxed_logger(Box::new(Logger(Arc::clone(&shared)))).map_err(|_| LogError::Opened)?;
    let handle = LogHandle(shared);
    handle.set_level(level);
    panics::log_panics();
    Ok(Log {
        handle,
        writer: Some(writer),
        warning,
    })
}

/// The log as the one who started it holds it. Dropping it writes what has been logged: all of it
/// while no thread does that, else as much as the thread can in a moment.
pub struct Log {
    handle: LogHandle,
    /// Until its thread is started.
    writer: Option<Writer>,
    warning: Option<String>,
}

impl Log {
    pub fn handle(&self) -> LogHandle {
        self.handle.clone()
    }

    /// Why nothing may be logged at present, though that is no reason to stop: no syslogd yet.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Writes on this thread what has been logged so far, unless there is a thread that does: before
    /// a fork, so that nothing is written twice.
    pub fn write_out(&mut self) {
        if let Some(writer) = &mut self.writer {
            while let Some(order) = self.handle.0.queue.try_next() {
                writer.carry_out(order);
            }
        }
    }

    /// Sends standard output and standard error to the log file too, now and after each `reopen`,
    /// so that nothing that a library prints is lost. Leaves them alone for other targets.
    pub fn take_standard_streams(&mut self) -> Result<(), LogError> {
        match &mut self.writer {
            Some(writer) => writer.take_standard_streams(),
            None => Ok(()),
        }
    }

    /// From here on a thread writes. To be called in the process that stays.
    pub fn start_writer(&mut self) -> Result<(), LogError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => return Ok(()),
        };
        let shared = Arc::clone(&self.handle.0);
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(STACK)
            .spawn(move || writer.run(&shared.queue))
            .map_err(LogError::Thread)?;
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.writer.is_some() {
            self.write_out();
        } else {
            self.handle.0.queue.wait_until_written(LAST_LINES);
        }
    }
}

/// The log as the running daemon knows it. Nothing here waits: what is asked for is done by the thread
/// that writes, in its place between the lines, and what goes wrong there is an error line.
#[derive(Clone)]
pub struct LogHandle(Arc<Shared>);

impl LogHandle {
    /// Opens the log file anew, after it was renamed. Nothing to do for the other targets: syslog
    /// is connected anew whenever that is needed.
    pub fn reopen(&self) {
        self.0.queue.push_reopen();
    }

    /// From now on logs to this target, if it is another than the one in use. If it cannot be opened,
    /// the one in use stays.
    pub fn switch(&self, target: &LogTarget) {
        self.0.queue.push_switch(target);
    }

    /// A line for standard error alone.
    pub fn say_on_standard_error(&self, text: &str) {
        self.0.queue.push(Order::Aside(format!("{text}\n")));
    }

    /// Records above `level` are not logged any more, but for those that are `ALWAYS` logged.
    pub fn set_level(&self, level: LevelFilter) {
        self.0.level.store(level as usize, Ordering::Relaxed);
        // The log crate's macros ask this one first.
        log::set_max_level(level.max(LevelFilter::Info));
    }
}

/// The target of records that are logged whatever the level: changes, and what was asked for.
pub const ALWAYS: &str = "always";

/// Logs a change, or what was asked for: `info!`, whatever the level of the log.
macro_rules! always {
    ($($words:tt)+) => { ::log::info!(target: $crate::logging::ALWAYS, $($words)+) };
}
pub(crate) use always;

struct Shared {
    queue: Queue,
    /// A `LevelFilter`.
    level: AtomicUsize,
}

struct Logger(Arc<Shared>);

impl Facade for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == ALWAYS
            || metadata.level() as usize <= self.0.level.load(Ordering::Relaxed)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // Made before the queue is locked: an argument's Display might log.
            let line = Line::now(record.level(), &record.args().to_string());
            self.0.queue.push(Order::Line(line));
        }
    }

    /// Nobody who logs waits.
    fn flush(&self) {}
}

#[cfg(test)]
mod tests;
