//! Whole lines into a file or stream, and the count of those that it did not take.

use std::io::{self, Write};

use log::Level;

use super::line::{loss, Form, Line};
use super::lost;

/// Writes whole lines or none, and keeps count of those it could not write.
pub struct Lines<W> {
    out: W,
    form: Form,
    lost: u64,
    /// Why the last one was lost.
    cause: String,
    /// Only a part of the last line was written.
    torn: bool,
}

impl<W: Write> Lines<W> {
    pub fn new(out: W, form: Form) -> Lines<W> {
        Lines {
            out,
            form,
            lost: 0,
            cause: String::new(),
            torn: false,
        }
    }

    pub fn out(&self) -> &W {
        &self.out
    }

    /// From now on writes there; what was lost is told there.
    pub fn turn_to(&mut self, out: W) {
        self.out = out;
        self.torn = false;
    }

    pub fn write(&mut self, line: &Line) {
        if self.lost > 0 {
            let notice = Line::now(Level::Error, &loss(self.lost, &self.cause));
            if self.put(&self.form.of(&notice)) {
                self.lost = 0;
            }
        }
        if self.lost > 0 || !self.put(&self.form.of(line)) {
            self.lost = self.lost.saturating_add(1);
            lost::count();
        }
    }

    /// One call of write for a line, so that lines of several writers do not mix. True if all of it
    /// was written.
    pub fn put(&mut self, line: &str) -> bool {
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
                self.torn = !whole.as_bytes()[..length].ends_with(b"\n");
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
pub mod tests {
    use super::*;

    impl<W> Lines<W> {
        pub fn lost(&self) -> u64 {
            self.lost
        }
    }

    /// A disk with so much room; what no longer fits is refused, at last with an error.
    #[derive(Default)]
    struct Disk {
        text: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room);
            if fits == 0 {
                return Err(io::Error::new(io::ErrorKind::Other, "disk full"));
            }
            self.room -= fits;
            self.text.extend(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Disk {
        fn text(&self) -> String {
            String::from_utf8_lossy(&self.text).into_owned()
        }
    }

    fn line(text: &str) -> Line {
        Line::now(Level::Info, text)
    }

    #[test]
    fn lost_lines_are_counted_and_told_once_there_is_room_again() {
        let before = lost::lines_lost();
        let mut lines = Lines::new(Disk::default(), Form::Journal);
        lines.out.room = "<6>o".len();
        for text in ["one", "two", "three"] {
            lines.write(&line(text));
        }
        assert_eq!(lines.lost(), 3);
        assert!(
            lost::lines_lost() >= before + 3,
            "others may lose some, too"
        );
        lines.out.room = 1000;
        for text in ["four", "five"] {
            lines.write(&line(text));
        }
        assert_eq!(
            lines.out.text(),
            "<6>o\n<3>3 log lines lost: disk full\n<6>four\n<6>five\n"
        );
    }

    #[test]
    fn a_line_that_was_cut_short_is_ended_before_the_next() {
        let mut lines = Lines::new(Disk::default(), Form::Journal);
        lines.out.room = "<6>on".len();
        lines.write(&line("one"));
        lines.out.room = 1000;
        lines.write(&line("two"));
        assert_eq!(
            lines.out.text(),
            "<6>on\n<3>1 log line lost: only a part could be written\n<6>two\n"
        );
    }

    #[test]
    fn a_line_that_was_cut_short_inside_a_character_is_counted_as_any_other() {
        let mut lines = Lines::new(Disk::default(), Form::Journal);
        lines.out.room = "<6>on".len() + 1;
        lines.write(&line("on\u{e9}"));
        assert_eq!(lines.lost(), 1);
        lines.out.room = 1000;
        lines.write(&line("two"));
        assert_eq!(
            lines.out.text(),
            "<6>on\u{fffd}\n<3>1 log line lost: only a part could be written\n<6>two\n"
        );
    }
}
