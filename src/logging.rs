//! Where log records go: the log file, the terminal, or syslog.
//!
//! It owns the form of a line and what happens when a line cannot be written: it is counted, never
//! waited for, and the next line that can be written says how many are missing. Every record is one
//! line. What is logged, and when, is for the others to say through the `log` crate.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::config::settings::LogTarget;
use crate::quote::Quote;
use crate::read_only::Cause;

mod file;
mod line;
mod syslog;
mod terminal;

use self::file::LogFile;
use self::line::{single_line, stamped};
use self::syslog::Syslog;

#[derive(Debug)]
pub enum LogError {
    /// The log file cannot be opened; the one before, if there is one, stays in use.
    Open { path: PathBuf, cause: io::Error },
    /// Standard output and standard error cannot be moved to the log file.
    Streams(io::Error),
    /// `start` was called twice.
    Started,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::Open { path, cause } => {
                let cause = Cause { path, cause };
                let path = Quote::new(path.to_string_lossy().as_bytes());
                write!(f, "log file {path}: open: {cause}")
            }
            LogError::Streams(cause) => write!(f, "log file: standard output: {cause}"),
            LogError::Started => f.write_str("log: started already"),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LogError::Open { cause, .. } | LogError::Streams(cause) => Some(cause),
            LogError::Started => None,
        }
    }
}

/// Opens `target` and makes it the program's log: to be called once, before the fork, while an
/// error can still be shown. Records above `level` are not logged.
///
/// The log works on both sides of a fork; syslog is told the PID of the process that logs.
pub fn start(target: &LogTarget, level: LevelFilter) -> Result<LogHandle, LogError> {
    let (logger, warning) = Logger::open(target)?;
    let logger = Arc::new(logger);
    log::set_boxed_logger(Box::new(Shared(Arc::clone(&logger)))).map_err(|_| LogError::Started)?;
    log::set_max_level(level);
    Ok(LogHandle { logger, warning })
}

/// The hold that the daemon keeps on its log.
#[derive(Clone)]
pub struct LogHandle {
    logger: Arc<Logger>,
    warning: Option<String>,
}

impl LogHandle {
    /// Why nothing may be logged at present, though that is no reason to stop: no syslogd yet.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Opens the log file anew, after it was renamed. Nothing to do for the other targets: syslog
    /// is connected anew whenever that is needed.
    pub fn reopen(&self) -> Result<(), LogError> {
        match &mut *self.logger.sink() {
            Sink::File(file) => file.reopen(),
            Sink::Syslog(_) | Sink::Terminal => Ok(()),
        }
    }

    /// From now on logs to this target, in place of the one before, which stays in use if the new one
    /// cannot be opened. Says what is to be warned of.
    pub fn switch(&self, target: &LogTarget) -> Result<Option<String>, LogError> {
        let (mut new, warning) = Sink::open(target)?;
        let mut sink = self.logger.sink();
        if let (Sink::File(old), Sink::File(new)) = (&*sink, &mut new) {
            if old.has_standard_streams() {
                new.take_standard_streams()?;
            }
        }
        *sink = new;
        Ok(warning)
    }

    /// Records above `level` are not logged any more.
    pub fn set_level(&self, level: LevelFilter) {
        log::set_max_level(level);
    }

    /// Sends standard output and standard error to the log file too, now and after each `reopen`,
    /// so that nothing a daemon prints (a panic) is lost. Leaves them alone for other targets.
    pub fn take_standard_streams(&self) -> Result<(), LogError> {
        match &mut *self.logger.sink() {
            Sink::File(file) => file.take_standard_streams(),
            Sink::Syslog(_) | Sink::Terminal => Ok(()),
        }
    }
}

enum Sink {
    File(LogFile),
    Syslog(Syslog),
    Terminal,
}

impl Sink {
    fn open(target: &LogTarget) -> Result<(Sink, Option<String>), LogError> {
        Ok(match target {
            LogTarget::File(path) => (Sink::File(LogFile::open(path)?), None),
            LogTarget::Terminal => (Sink::Terminal, None),
            LogTarget::Syslog(how) => {
                let mut syslog = Syslog::new(how);
                let warning = syslog.trouble();
                (Sink::Syslog(syslog), warning)
            }
        })
    }
}

struct Logger {
    sink: Mutex<Sink>,
}

impl Logger {
    /// The logger, and what is to be warned of.
    fn open(target: &LogTarget) -> Result<(Logger, Option<String>), LogError> {
        let (sink, warning) = Sink::open(target)?;
        let sink = Mutex::new(sink);
        Ok((Logger { sink }, warning))
    }

    /// A panic while logging must not silence all others.
    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, level: Level, text: &str) {
        let text = single_line(text);
        match &mut *self.sink() {
            Sink::File(file) => file.write(&stamped(level, &text)),
            Sink::Terminal => terminal::write(level, &stamped(level, &text)),
            Sink::Syslog(syslog) => syslog.write(level, &text),
        }
    }
}

struct Shared(Arc<Logger>);

impl Log for Shared {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // Made before the lock is taken: an argument's Display might log.
            let text = record.args().to_string();
            self.0.write(record.level(), &text);
        }
    }

    /// Nothing is held back.
    fn flush(&self) {}
}
