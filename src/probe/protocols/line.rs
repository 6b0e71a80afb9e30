//! Lines over a stream: bounded reading, and one write a command.
//!
//! It owns the two bounds of an attempt (a line's length, all bytes read), the check that nothing
//! lies unread when the stream is taken out for TLS, and what is shown of a line with a password in it. It
//! does not know what a line means.

use std::io::{ErrorKind, Read, Write};

use zeroize::Zeroizing;

use crate::outcome::{Failure, Fault, Stage};
use crate::probe::protocols::remarks;
use crate::quote::Quote;

/// The longest line in bytes, its line feed not counted.
pub const LONGEST_LINE: usize = 8 * 1024;

/// How many bytes one attempt reads at most, before and after STARTTLS together.
pub const MOST_TEXT: usize = 64 * 1024;

/// Greetings are short. Of less than 1,033 bytes glibc would keep up to seven for each thread after they
/// are freed.
const BUFFER: usize = 1056;

/// How much an attempt may still read. It outlives the change to TLS, so that a server gains
/// nothing by asking for one.
#[derive(Debug)]
pub struct Budget {
    left: usize,
}

/// Whether anything may still be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Talk {
    Open,
    Over,
}

/// What a dialogue is held over: a connection in plain text or with TLS, or a test's.
pub trait Duplex: Read + Write {
    /// Nothing but the good-bye is left, and nobody has to wait long for its answer. A stream without a time limit
    /// ignores it.
    fn on_farewell(&mut self) {}
}

/// Whoever notes what is said, and has the clock that dialogues have not.
pub trait Observer {
    /// We have sent this, or something with passwords that is shown like this.
    fn said(&mut self, text: &[u8]);
    /// A line of the server's, without its end.
    fn heard(&mut self, line: &[u8]);
    /// Lines of the server's that are not for showing: our own words for them.
    fn heard_unshown(&mut self, what: &'static str);
    /// This stage is over, and went well.
    fn on_stage(&mut self, stage: Stage);
}

/// A piece of a line that is sent.
pub enum Piece<'a> {
    Open(&'a [u8]),
    /// A password, or what it can be read from.
    Secret(&'a [u8]),
    /// How long a secret is, in digits: that is a part of it.
    Length(usize),
}

/// What is sent with a password in it. Nobody sees its bytes but the stream: how it is shown is settled
/// when it is made, piece by piece.
pub struct SecretLine {
    bytes: Zeroizing<Vec<u8>>,
    shown: Vec<u8>,
}

impl SecretLine {
    /// The pieces, and the line's end.
    pub fn new(pieces: &[Piece<'_>]) -> SecretLine {
        // Made at its full size: growing would leave unwiped copies of the password behind.
        let room: usize = pieces.iter().map(|piece| piece.room()).sum();
        let length = room + b"\r\n".len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        let mut shown = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Open(text) => {
                    bytes.extend_from_slice(text);
                    shown.extend_from_slice(text);
                }
                Piece::Secret(secret) => {
                    bytes.extend_from_slice(secret);
                    shown.extend_from_slice(b"<password>");
                }
                Piece::Length(length) => {
                    bytes.extend_from_slice(length.to_string().as_bytes());
                    shown.extend_from_slice(b"<length>");
                }
            }
        }
        bytes.extend_from_slice(b"\r\n");
        debug_assert_eq!(bytes.len(), length);
        SecretLine { bytes, shown }
    }

    /// Its end counted.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }
}

impl Piece<'_> {
    fn room(&self) -> usize {
        match self {
            Piece::Open(text) | Piece::Secret(text) => text.len(),
            Piece::Length(length) => length.to_string().len(),
        }
    }
}

/// A stream of lines that end in LF or CRLF; every other byte is just a byte. The stream stays its owner's, who
/// turns it to TLS.
pub struct Lines<'s> {
    stream: &'s mut dyn Duplex,
    budget: Budget,
    /// On the heap: on the stack it would be memory of every thread, also between two probes.
    buffer: Box<[u8; BUFFER]>,
    start: usize,
    end: usize,
    /// What stands before this place in the buffer had come when the last command was sent.
    unasked: usize,
    /// Whether the line that was read began there.
    is_unasked: bool,
    may_say_unasked: fn(&[u8]) -> bool,
    line: Vec<u8>,
    talk: Talk,
    observer: Option<&'s mut dyn Observer>,
}

impl<'s> Lines<'s> {
    /// At the start of an attempt: the server may send `MOST_TEXT` bytes.
    pub fn new(stream: &'s mut dyn Duplex) -> Lines<'s> {
        Lines::resume(stream, Budget { left: MOST_TEXT })
    }

    /// Goes on with what [`Lines::end_clear_text`] gave, usually with TLS around the stream.
    pub fn resume(stream: &'s mut dyn Duplex, budget: Budget) -> Lines<'s> {
        Lines {
            stream,
            budget,
            buffer: Box::new([0; BUFFER]),
            start: 0,
            end: 0,
            unasked: 0,
            is_unasked: false,
            may_say_unasked: |_| true,
            line: Vec::new(),
            talk: Talk::Open,
            observer: None,
        }
    }

    /// Has all that is said and heard from now on told to this observer too.
    pub fn observed_by(self, observer: &'s mut dyn Observer) -> Lines<'s> {
        Lines {
            observer: Some(observer),
            ..self
        }
    }

    /// A stage of the dialogue: what fails in it fails there.
    pub fn stage<T>(
        &mut self,
        stage: Stage,
        step: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let result = step(self).map_err(|fault| Failure::new(stage, fault))?;
        self.note(|observer| observer.on_stage(stage));
        Ok(result)
    }

    /// The same for a stage that failed: where, is known by its failure alone.
    pub fn end_failed_stage(&mut self, failure: &Failure) {
        self.note(|observer| observer.on_stage(failure.stage));
    }

    fn note(&mut self, note: impl FnOnce(&mut dyn Observer)) {
        if let Some(observer) = &mut self.observer {
            note(&mut **observer);
        }
    }

    /// What the server may say at any time. Any other line that came before a command is not taken for its
    /// answer: one line too many, and every answer would be taken for the next command's.
    pub fn set_unasked(&mut self, may_say: fn(&[u8]) -> bool) {
        self.may_say_unasked = may_say;
    }

    /// Before the TLS handshake: how much may still be read after it. [`Fault::InjectedText`] if text has
    /// come that no line was made of: it would otherwise pass for something said under TLS
    /// (CVE-2011-0411).
    pub fn end_clear_text(self) -> Result<Budget, Fault> {
        if self.start < self.end {
            return Err(Fault::InjectedText);
        }
        Ok(self.budget)
    }

    /// The next line, without its end.
    pub fn read(&mut self) -> Result<&[u8], Fault> {
        self.fill_line()?;
        if let Some(observer) = &mut self.observer {
            observer.heard(line_in(&self.line));
        }
        self.asked_for()
    }

    /// The same for a line of somebody's mail: nobody else is shown it.
    pub fn read_mail(&mut self) -> Result<&[u8], Fault> {
        self.fill_line()?;
        self.asked_for()
    }

    /// The line that was read, if it may be an answer or may come at any time.
    fn asked_for(&self) -> Result<&[u8], Fault> {
        let line = line_in(&self.line);
        if self.is_unasked && !(self.may_say_unasked)(line) {
            // Not quoted: it may repeat a password.
            return Err(Fault::Malformed(Quote::new(remarks::TOO_EARLY)));
        }
        Ok(line)
    }

    /// Says in place of what was not shown what it was.
    pub fn show_instead(&mut self, text: &'static str) {
        self.note(|observer| observer.heard_unshown(text));
    }

    fn fill_line(&mut self) -> Result<(), Fault> {
        self.line.clear();
        self.is_unasked = self.start < self.unasked;
        loop {
            let unread = &self.buffer[self.start..self.end];
            let feed = unread.iter().position(|&byte| byte == b'\n');
            let part = &unread[..feed.unwrap_or(unread.len())];
            if self.line.len() + part.len() > LONGEST_LINE {
                return Err(Fault::LineTooLong);
            }
            self.line.extend_from_slice(part);
            self.start += part.len();
            if feed.is_some() {
                self.start += 1;
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// The next bytes, so many, whatever they are; of them the first `keep`.
    pub fn read_bytes(&mut self, count: usize, keep: usize) -> Result<Vec<u8>, Fault> {
        let mut kept = Vec::with_capacity(count.min(keep));
        let mut left = count;
        while left > 0 {
            if self.start == self.end {
                self.fill()?;
            }
            let unread = &self.buffer[self.start..self.end];
            let part = &unread[..unread.len().min(left)];
            kept.extend_from_slice(&part[..part.len().min(keep - kept.len())]);
            self.start += part.len();
            left -= part.len();
        }
        self.note(|observer| observer.heard(&kept));
        Ok(kept)
    }

    /// What comes from now on is waited for only a little longer.
    pub fn begin_farewell(&mut self) {
        self.stream.on_farewell();
    }

    /// The dialogue has said good-bye; nothing more is sent.
    pub fn end(&mut self) {
        self.talk = Talk::Over;
    }

    /// `end` was called.
    pub fn are_over(&self) -> bool {
        self.talk == Talk::Over
    }

    /// Sends bytes whole. A reply must be awaited before the next call.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.write(bytes)?;
        self.note(|observer| observer.said(bytes));
        Ok(())
    }

    /// The same with a password.
    pub fn send_secret(&mut self, line: &SecretLine) -> Result<(), Fault> {
        self.write(&line.bytes)?;
        self.note(|observer| observer.said(&line.shown));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.talk == Talk::Over {
            return Err(Fault::Closed);
        }
        self.unasked = self.end;
        self.stream
            .write_all(bytes)
            .and_then(|()| self.stream.flush())
            .map_err(|error| Fault::from_io(&error))
    }

    fn fill(&mut self) -> Result<(), Fault> {
        let room = BUFFER.min(self.budget.left);
        if room == 0 {
            return Err(Fault::TooMuch);
        }
        self.start = 0;
        self.end = 0;
        self.unasked = 0;
        loop {
            match self.stream.read(&mut self.buffer[..room]) {
                Ok(0) => return Err(Fault::Closed),
                Ok(count) => {
                    self.end = count;
                    self.budget.left -= count;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::from_io(&error)),
            }
        }
    }
}

/// What was read up to the line feed, without the rest of the line's end.
fn line_in(read: &[u8]) -> &[u8] {
    read.strip_suffix(b"\r").unwrap_or(read)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Gives its chunks one a read, then the end; an empty chunk is an interrupted read.
    struct Chunks(Vec<Vec<u8>>);

    impl Read for Chunks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.first_mut() {
                None => Ok(0),
                Some(chunk) if chunk.is_empty() => {
                    self.0.remove(0);
                    Err(ErrorKind::Interrupted.into())
                }
                Some(chunk) => {
                    let count = chunk.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&chunk[..count]);
                    chunk.drain(..count);
                    if chunk.is_empty() {
                        self.0.remove(0);
                    }
                    Ok(count)
                }
            }
        }
    }

    /// Whether its reader was told that the good-bye has begun.
    #[derive(Default)]
    struct Leaving(bool);

    impl Read for Leaving {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl Write for Leaving {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Duplex for Leaving {
        fn on_farewell(&mut self) {
            self.0 = true;
        }
    }

    impl Write for Chunks {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Duplex for Chunks {}

    /// Chunks to read, and takes whatever is sent.
    struct Listener(Chunks);

    impl Read for Listener {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Listener {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Duplex for Listener {}

    impl Duplex for io::Cursor<Vec<u8>> {}

    fn check(chunks: &[&[u8]], expected: &[Result<&[u8], Fault>]) {
        let mut stream = Chunks(chunks.iter().map(|chunk| chunk.to_vec()).collect());
        let mut lines = Lines::new(&mut stream);
        for line in expected {
            assert_eq!(&lines.read(), line);
        }
    }

    #[test]
    fn lf_and_crlf_end_a_line_and_other_bytes_do_not() {
        check(
            &[b"one\r\ntwo\n\r\n\n\0\r\x0b\xff\r\r\n"],
            &[
                Ok(b"one"),
                Ok(b"two"),
                Ok(b""),
                Ok(b""),
                Ok(b"\0\r\x0b\xff\r"),
                Err(Fault::Closed),
            ],
        );
    }

    #[test]
    fn a_line_may_come_in_pieces_and_reads_may_be_interrupted() {
        check(
            &[b"on", b"", b"e\r", b"\nrest"],
            &[Ok(b"one"), Err(Fault::Closed)],
        );
    }

    #[test]
    fn a_line_of_the_longest_length_passes_and_one_byte_more_does_not() {
        let mut line = vec![b'x'; LONGEST_LINE];
        line.push(b'\n');
        check(&[&line], &[Ok(&line[..LONGEST_LINE])]);
        line.insert(0, b'x');
        check(&[&line], &[Err(Fault::LineTooLong)]);
    }

    /// RFC 7162 asks servers for so much of a command; no line that they send is known to be longer.
    #[test]
    fn eight_thousand_bytes_are_not_too_long_for_a_line() {
        let mut line = vec![b'x'; 8190];
        line.extend(b"\r\n");
        check(&[&line], &[Ok(&line[..8190])]);
    }

    #[test]
    fn the_budget_ends_endless_text_and_carries_over_to_the_next_reader() {
        let endless = b"line\n".repeat(MOST_TEXT);
        let mut stream = Chunks(vec![b"line\n".to_vec(), endless.clone()]);
        let mut lines = Lines::new(&mut stream);
        assert_eq!(lines.read(), Ok(&b"line"[..]));
        let budget = lines.end_clear_text().unwrap();
        assert_eq!(budget.left, MOST_TEXT - 5);
        let mut lines = Lines::resume(&mut stream, budget);
        let fault = loop {
            if let Err(fault) = lines.read() {
                break fault;
            }
        };
        assert_eq!(fault, Fault::TooMuch);
        assert_eq!(stream.0[0].len(), endless.len() - (MOST_TEXT - 5));
    }

    #[test]
    fn counted_bytes_are_read_whatever_they_are_and_only_the_first_are_kept() {
        let mut stream = Chunks(vec![
            b"one\r\n\r\n* BYE".to_vec(),
            b"\r\n\0".to_vec(),
            b"two\r\n".to_vec(),
        ]);
        let mut lines = Lines::new(&mut stream);
        assert_eq!(lines.read(), Ok(&b"one"[..]));
        assert_eq!(lines.read_bytes(10, 4), Ok(b"\r\n* ".to_vec()));
        assert_eq!(lines.read_bytes(0, 4), Ok(Vec::new()));
        assert_eq!(lines.read(), Ok(&b"two"[..]));
        assert_eq!(lines.read_bytes(1, 4), Err(Fault::Closed));
        let mut stream = Chunks(vec![vec![b'x'; 2 * MOST_TEXT]]);
        let mut lines = Lines::new(&mut stream);
        assert_eq!(lines.read_bytes(usize::MAX, 4), Err(Fault::TooMuch));
    }

    #[test]
    fn a_line_that_came_before_the_command_is_no_answer_to_it_unless_it_may_be_said_at_any_time() {
        let said = vec![b"+OK\r\n* 1\r\n+OK\r\n".to_vec(), b"+OK\r\n".to_vec()];
        let mut stream = Listener(Chunks(said));
        let mut lines = Lines::new(&mut stream);
        lines.set_unasked(|line| line.starts_with(b"*"));
        let early = Fault::Malformed(Quote::new("an answer that came before the command"));
        assert_eq!(lines.read(), Ok(&b"+OK"[..]));
        lines.send(b"STAT\r\n").unwrap();
        assert_eq!(lines.read(), Ok(&b"* 1"[..]));
        assert_eq!(lines.read(), Err(early));
        assert_eq!(lines.read(), Ok(&b"+OK"[..]), "came after it was asked");
    }

    #[test]
    fn nothing_is_sent_after_the_end() {
        let mut stream = io::Cursor::new(Vec::new());
        let mut lines = Lines::new(&mut stream);
        assert!(!lines.are_over());
        lines.end();
        assert!(lines.are_over());
        assert_eq!(lines.send(b"QUIT\r\n"), Err(Fault::Closed));
        assert!(stream.get_ref().is_empty());
    }

    #[derive(Default)]
    struct Heard(Vec<Vec<u8>>);

    impl Observer for Heard {
        fn said(&mut self, _: &[u8]) {}

        fn heard(&mut self, line: &[u8]) {
            self.0.push(line.to_vec());
        }

        fn heard_unshown(&mut self, what: &'static str) {
            self.0.push(what.as_bytes().to_vec());
        }

        fn on_stage(&mut self, _: Stage) {}
    }

    #[test]
    fn an_observer_hears_what_a_line_was_where_the_line_is_not_for_showing() {
        let mut heard = Heard::default();
        let mut stream = Chunks(Vec::new());
        Lines::new(&mut stream)
            .observed_by(&mut heard)
            .show_instead("(a header, not shown)");
        assert_eq!(heard.0, [b"(a header, not shown)".to_vec()]);
    }

    /// A line that had grown would have left copies of the password in freed memory.
    #[test]
    fn a_line_with_a_password_is_made_at_its_full_size() {
        let pieces = [
            Piece::Open(b"PASS "),
            Piece::Length(1234),
            Piece::Secret(b"password"),
        ];
        let line = SecretLine::new(&pieces);
        assert_eq!(*line.bytes, b"PASS 1234password\r\n");
        assert_eq!(line.bytes.capacity(), line.length());
    }

    #[test]
    fn unread_text_keeps_the_stream_from_being_taken_out() {
        let mut stream = Chunks(vec![b"go ahead\r\n* injected".to_vec()]);
        let mut lines = Lines::new(&mut stream);
        lines.read().unwrap();
        assert!(matches!(lines.end_clear_text(), Err(Fault::InjectedText)));
    }

    #[test]
    fn errors_of_the_stream_are_named() {
        let mut stream = Chunks(Vec::new());
        let mut lines = Lines::new(&mut stream);
        assert_eq!(lines.read(), Err(Fault::Closed));
        assert_eq!(lines.send(b"QUIT\r\n"), Err(Fault::Closed));
    }

    #[test]
    fn the_stream_is_told_that_the_farewell_begins() {
        let mut stream = Leaving::default();
        Lines::new(&mut stream).begin_farewell();
        assert!(stream.0);
    }
}
