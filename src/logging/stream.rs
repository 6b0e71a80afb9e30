//! The log on standard output and standard error, in a terminal or for the journal.

use std::env;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::io::AsFd;

use log::Level;

use super::line::{Form, Line};
use super::lines::Lines;

/// A standard stream, which may block for ever.
pub struct Stream(Lines<File>);

impl Stream {
    pub fn output() -> io::Result<Stream> {
        Stream::of(&io::stdout())
    }

    pub fn error() -> io::Result<Stream> {
        Stream::of(&io::stderr())
    }

    /// Written to past the locks of std's own streams: one that hangs must hold up nobody else.
    fn of(stream: &impl AsFd) -> io::Result<Stream> {
        let file = File::from(stream.as_fd().try_clone_to_owned()?);
        let form = form_for(&file, env::var("JOURNAL_STREAM").ok().as_deref());
        Ok(Stream(Lines::new(file, form)))
    }

    pub fn write(&mut self, line: &Line) {
        self.0.write(line);
    }

    /// Text without time or priority.
    pub fn write_plain(&mut self, text: &str) {
        self.0.put(text);
    }
}

/// systemd.exec(5): JOURNAL_STREAM is `device:inode` of the stream that the journal reads. It may have
/// been inherited from whoever has put something else in the stream's place.
fn form_for(file: &File, journal: Option<&str>) -> Form {
    let ours = file
        .metadata()
        .map(|data| format!("{}:{}", data.dev(), data.ino()));
    match (ours, journal) {
        (Ok(ours), Some(journal)) if ours == journal => Form::Journal,
        _ => Form::Stamped,
    }
}

/// Errors to standard error, all else to standard output.
pub struct Terminal {
    output: Stream,
    error: Stream,
}

impl Terminal {
    pub fn open() -> io::Result<Terminal> {
        Ok(Terminal {
            output: Stream::output()?,
            error: Stream::error()?,
        })
    }

    pub fn write(&mut self, line: &Line) {
        match line.level {
            Level::Error => self.error.write(line),
            _ => self.output.write(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_known_by_device_and_inode_of_the_stream() {
        let null = File::open("/dev/null").unwrap();
        let data = null.metadata().unwrap();
        let (device, inode) = (data.dev(), data.ino());
        for (journal, expected) in [
            (Some(format!("{device}:{inode}")), Form::Journal),
            (Some(format!("{device}:{}", inode + 1)), Form::Stamped),
            (Some(format!("{}:{inode}", device + 1)), Form::Stamped),
            (Some("x".to_owned()), Form::Stamped),
            (Some(String::new()), Form::Stamped),
            (None, Form::Stamped),
        ] {
            assert_eq!(form_for(&null, journal.as_deref()), expected, "{journal:?}");
        }
    }
}
