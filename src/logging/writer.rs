//! The thread that writes the log: the only one that waits for a disk, a pipe or a syslogd.
//!
//! It writes what lies in the queue, one after the other, to the target in use, and changes the target
//! when that is asked for. It never logs: what goes wrong here it writes itself.

use std::panic::{self, AssertUnwindSafe};

use log::Level;

use super::file::LogFile;
use super::line::Line;
use super::queue::{Order, Queue};
use super::stream::{Stream, Terminal};
use super::syslog::Syslog;
use super::{LogError, Untaken};
use crate::config::settings::LogTarget;

pub struct Writer {
    target: LogTarget,
    sink: Sink,
    untaken: Untaken,
}

enum Sink {
    File(LogFile),
    Terminal(Terminal),
    Syslog(Syslog),
    /// Syslog, and what it does not take to standard error.
    SyslogOrError {
        syslog: Syslog,
        error: Stream,
        /// The latest line went to standard error.
        diverted: bool,
    },
}

impl Writer {
    /// Says what is to be warned of.
    pub fn open(
        target: &LogTarget,
        untaken: Untaken,
    ) -> Result<(Writer, Option<String>), LogError> {
        let (sink, warning) = Sink::open(target, untaken)?;
        let target = target.clone();
        let writer = Writer {
            target,
            sink,
            untaken,
        };
        Ok((writer, warning))
    }

    /// For the rest of the process. A panic here must not silence all others: the line is lost.
    pub fn run(mut self, queue: &Queue) {
        loop {
            let order = queue.next();
            let _ = panic::catch_unwind(AssertUnwindSafe(|| self.carry_out(order)));
        }
    }

    pub fn carry_out(&mut self, order: Order) {
        match order {
            Order::Line(line) => self.sink.write(&line),
            Order::Aside(text) => {
                if let Ok(mut error) = Stream::error() {
                    error.write_plain(&text);
                }
            }
            Order::Reopen => self.reopen(),
            Order::Switch(target) if target == self.target => {}
            Order::Switch(target) => self.switch(target),
        }
    }

    pub fn take_standard_streams(&mut self) -> Result<(), LogError> {
        match &mut self.sink {
            Sink::File(file) => file.take_standard_streams(),
            _ => Ok(()),
        }
    }

    fn reopen(&mut self) {
        let file = match &mut self.sink {
            Sink::File(file) => file,
            _ => return,
        };
        match file.reopen() {
            Ok(()) => {}
            Err(cause @ LogError::Streams(_)) => {
                self.complain(&format!("{cause}; the log itself is written to that file"))
            }
            Err(cause) => self.complain(&format!(
                "{cause}; the old log stays open, and lines go on there"
            )),
        }
    }

    fn switch(&mut self, target: LogTarget) {
        let (mut new, warning) = match Sink::open(&target, self.untaken) {
            Ok(opened) => opened,
            Err(cause) => return self.complain(&format!("{cause}; lines go on to the old log")),
        };
        let mut trouble = None;
        if let (Sink::File(old), Sink::File(new)) = (&self.sink, &mut new) {
            if old.has_standard_streams() {
                trouble = new.take_standard_streams().err();
            }
        }
        (self.sink, self.target) = (new, target);
        if let Some(cause) = trouble {
            self.complain(&format!("{cause}; the log itself is written to that file"));
        }
        if let Some(warning) = warning {
            self.complain(&warning);
        }
    }

    fn complain(&mut self, text: &str) {
        self.sink.write(&Line::now(Level::Error, text));
    }
}

impl Sink {
    fn open(target: &LogTarget, untaken: Untaken) -> Result<(Sink, Option<String>), LogError> {
        Ok(match (target, untaken) {
            (LogTarget::File(path), _) => (Sink::File(LogFile::open(path)?), None),
            (LogTarget::Terminal, _) => {
                let terminal = Terminal::open().map_err(LogError::Terminal)?;
                (Sink::Terminal(terminal), None)
            }
            (LogTarget::Syslog(how), Untaken::Lost) => {
                let mut syslog = Syslog::new(how);
                let warning = syslog.trouble();
                (Sink::Syslog(syslog), warning)
            }
            (LogTarget::Syslog(how), Untaken::ToStandardError) => {
                let sink = Sink::SyslogOrError {
                    syslog: Syslog::new(how),
                    error: Stream::error().map_err(LogError::Terminal)?,
                    diverted: false,
                };
                (sink, None)
            }
        })
    }

    fn write(&mut self, line: &Line) {
        match self {
            Sink::File(file) => file.write(line),
            Sink::Terminal(terminal) => terminal.write(line),
            Sink::Syslog(syslog) => syslog.write(line),
            Sink::SyslogOrError {
                syslog,
                error,
                diverted,
            } => match syslog.put(line) {
                Ok(()) => *diverted = false,
                Err(cause) => {
                    if !*diverted {
                        let notice =
                            format!("syslog: {cause}; lines go to standard error until syslog answers; is a syslog daemon running?");
                        error.write(&Line::now(Level::Error, &notice));
                    }
                    *diverted = true;
                    error.write(line);
                }
            },
        }
    }
}
