//! A server that follows a table's dialogue, and does at one step what must not be.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use openssl::ssl::{SslAcceptor, SslStream};
use socket2::SockRef;

use super::super::PATIENCE;
use super::table::{Asked, Happening, Table};
use crate::service::Protocol;

/// So much of what has no end. A client that has taken it is wrong, and need not fill the machine's memory.
const MOST_SAID: usize = 1024 * 1024;

pub(super) struct Script<'a> {
    pub(super) table: &'a Table,
    pub(super) acceptor: &'a SslAcceptor,
    pub(super) step: usize,
    pub(super) happening: Happening,
    /// Between two bytes of what drips.
    pub(super) pace: Duration,
    /// Between two pieces of what has no end.
    pub(super) breath: Duration,
    /// Of the message that was delivered: POP3 does not ask for it by its mark.
    pub(super) marks: Option<Receiver<String>>,
}

/// What became of a connection, seen from here.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// How many bytes the other side, or its system, has taken of what has no end.
    pub(super) taken: usize,
    /// The client was as far as the step at which the fault is.
    pub(super) came_to_step: bool,
    /// The client said something else than the dialogue has.
    pub(super) unexpected: Option<String>,
}

enum Connection {
    Plain(TcpStream),
    Tls(SslStream<TcpStream>),
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Connection::Plain(stream) => stream.read(buffer),
            Connection::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Connection::Plain(stream) => stream.write(bytes),
            Connection::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection {
    fn socket(&self) -> &TcpStream {
        match self {
            Connection::Plain(stream) => stream,
            Connection::Tls(stream) => stream.get_ref(),
        }
    }
}

/// Why the server has no more to say.
enum End {
    /// The client has left, or the fault is over.
    Over,
    Unexpected(String),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> End {
        End::Over
    }
}

impl Script<'_> {
    /// One connection, until one side ends it.
    pub(super) fn serve(&self, listener: &TcpListener) -> Report {
        let (socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        // So that what is taken is the client's doing, and no buffer's of ours.
        SockRef::from(&socket).set_send_buffer_size(4096).unwrap();
        let mut report = Report::default();
        let delivered = self.marks.as_ref().and_then(|marks| marks.try_recv().ok());
        let mut session = Session {
            script: self,
            stream: Some(BufReader::new(Connection::Plain(socket))),
            token: delivered.unwrap_or_default(),
            tag: String::new(),
            taken: 0,
            came_to_step: false,
        };
        if let Err(End::Unexpected(what)) = session.run() {
            report.unexpected = Some(what);
        }
        report.taken = session.taken;
        report.came_to_step = session.came_to_step;
        report
    }
}

struct Session<'s> {
    script: &'s Script<'s>,
    /// None during a handshake.
    stream: Option<BufReader<Connection>>,
    /// Of the test message.
    token: String,
    /// Of the last command, in IMAP.
    tag: String,
    taken: usize,
    came_to_step: bool,
}

impl Session<'_> {
    fn run(&mut self) -> Result<(), End> {
        let turns = &self.script.table.turns;
        for (step, turn) in turns.iter().enumerate().skip(1) {
            let happening = self.script.happening;
            let is_here = step == self.script.step;
            if turn.asked == Asked::Handshake {
                if is_here && happening == Happening::Early {
                    return self.speak_before_handshake(step);
                }
                if is_here {
                    return self.spoil_handshake();
                }
                self.shake_hands()?;
                continue;
            }
            self.await_turn(&turn.asked)?;
            self.came_to_step |= is_here;
            let mut answer = self.answer(step);
            if is_here {
                match happening {
                    Happening::Early => continue,
                    Happening::Extra => answer.extend(answer.last().cloned()),
                    _ => return self.spoil(&answer.concat()),
                }
            }
            if happening == Happening::Early && step + 1 == self.script.step {
                let handshakes = usize::from(turns[step + 1].asked == Asked::Handshake);
                answer.extend(self.answer(step + 1 + handshakes));
            }
            self.say(answer.concat().as_bytes())?;
        }
        self.hold()
    }

    fn answer(&self, step: usize) -> Vec<String> {
        let header = format!("X-Poolmon-Probe: {}\r\n\r\n", self.token);
        let lines = self.script.table.turns[step].answer.iter();
        let filled = lines.map(|line| {
            line.replace("$TOKEN", &self.token)
                .replace("$LENGTH", &header.len().to_string())
        });
        filled.collect()
    }

    fn stream(&mut self) -> &mut BufReader<Connection> {
        self.stream.as_mut().unwrap()
    }

    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream().get_mut().write_all(bytes)
    }

    fn await_turn(&mut self, asked: &Asked) -> Result<(), End> {
        match asked {
            Asked::Nothing | Asked::Handshake => {}
            Asked::Lines(starts) => {
                for start in starts {
                    let line = self.line()?;
                    if !line.starts_with(start) {
                        return Err(End::Unexpected(format!("{line:?} for {start:?}")));
                    }
                    self.note(&line);
                }
            }
            // Its last line, and the end of the command.
            Asked::Message => {
                loop {
                    let line = self.line()?;
                    if let Some(token) = line.strip_prefix("X-Poolmon-Probe: ") {
                        self.token = token.trim_end().to_owned();
                    }
                    if line.starts_with("The monitor poolmon ") {
                        break;
                    }
                }
                self.line()?;
            }
        }
        Ok(())
    }

    /// What a later answer has to have in it.
    fn note(&mut self, line: &str) {
        let word = line.split(' ').next().unwrap_or_default();
        if word.len() == 2 && word.ends_with(|c: char| c.is_ascii_digit()) {
            self.tag = word.to_owned();
        }
        // A deep probe asks for the message that it has delivered by another port.
        if let Some((_, words)) = line.split_once("HEADER X-Poolmon-Probe \"poolmon.deep.") {
            let rest = words.split('"').next().unwrap_or_default();
            self.token = format!("poolmon.deep.{rest}");
        }
    }

    fn line(&mut self) -> Result<String, End> {
        let mut line = Vec::new();
        self.stream().read_until(b'\n', &mut line)?;
        match line.last() {
            Some(b'\n') => Ok(String::from_utf8(line).unwrap()),
            _ => Err(End::Over),
        }
    }

    fn shake_hands(&mut self) -> Result<(), End> {
        let stream = match self.stream.take().map(BufReader::into_inner) {
            Some(Connection::Plain(stream)) => stream,
            _ => return Err(End::Over),
        };
        let stream = self.script.acceptor.accept(stream).map_err(|_| End::Over)?;
        self.stream = Some(BufReader::new(Connection::Tls(stream)));
        Ok(())
    }

    /// Says nothing, until the client leaves.
    fn hold(&mut self) -> Result<(), End> {
        let mut buffer = [0; 512];
        while self.stream().read(&mut buffer)? > 0 {}
        Err(End::Over)
    }

    fn reset(&mut self) -> Result<(), End> {
        let stream = self.stream.take().unwrap();
        let socket = SockRef::from(stream.get_ref().socket());
        socket.set_linger(Some(Duration::ZERO))?;
        Err(End::Over)
    }

    /// Ends in order: with TLS it says so.
    fn close(&mut self) -> Result<(), End> {
        if let Connection::Tls(stream) = self.stream().get_mut() {
            let _ = stream.shutdown();
        }
        Err(End::Over)
    }

    fn drip(&mut self, text: &[u8]) -> Result<(), End> {
        let pace = self.script.pace;
        self.stream()
            .get_ref()
            .socket()
            .set_read_timeout(Some(pace))?;
        for byte in text {
            self.say(&[*byte])?;
            // A wait that ends when the client leaves.
            match self.stream().read(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return Err(End::Over),
            }
        }
        self.stream()
            .get_ref()
            .socket()
            .set_read_timeout(Some(PATIENCE))?;
        self.hold()
    }

    fn say_for_ever(&mut self, text: &[u8]) -> Result<(), End> {
        let text = text.repeat(4096 / text.len() + 1);
        while self.taken < MOST_SAID {
            self.say(&text)?;
            self.taken += text.len();
            // Pause: the client reads, or goes. What it leaves unread, its system would take all the same.
            thread::sleep(self.script.breath);
        }
        Err(End::Over)
    }

    fn say_and_hold(&mut self, text: &[u8]) -> Result<(), End> {
        self.say(text)?;
        self.hold()
    }

    fn spoil(&mut self, answer: &str) -> Result<(), End> {
        let last = answer.lines().last().unwrap_or_default().to_owned();
        let first = answer.lines().next().unwrap_or_default().to_owned();
        let protocol = self.script.table.protocol;
        match self.script.happening {
            Happening::Reset => self.reset(),
            Happening::Closed => self.close(),
            Happening::Cut => {
                self.say(&answer.as_bytes()[..answer.len() / 2])?;
                Err(End::Over)
            }
            Happening::Silent => self.hold(),
            Happening::Drip => self.drip(answer.as_bytes()),
            Happening::Line => self.say_for_ever(b"x"),
            Happening::Lines => {
                let line = match protocol {
                    Protocol::Imap => "* OK still here".to_owned(),
                    Protocol::Lmtp | Protocol::Submission => format!("{}-still here", &last[..3]),
                    Protocol::Sieve => "\"STILL\" \"here\"".to_owned(),
                    Protocol::Pop3 | Protocol::AnyLine => first,
                };
                self.say_for_ever(format!("{line}\r\n").as_bytes())
            }
            Happening::Garbage => self.say_and_hold(b"\x16\x03\x01 \xff\xfe\x1b[2J garbage\r\n"),
            Happening::Nuls => self.say_and_hold(&[&[0; 64][..], b"\r\n"].concat()),
            Happening::Tag => {
                let text = match protocol {
                    Protocol::Imap => "zz9 OK done\r\n".to_owned(),
                    _ => format!("{}-one\r\n{} two\r\n", &last[..3], "298"),
                };
                self.say_and_hold(text.as_bytes())
            }
            Happening::Bye => {
                let text = self.good_bye();
                self.say_and_hold(text.as_bytes())
            }
            Happening::Busy => {
                let text = match protocol {
                    Protocol::Imap if self.tag.is_empty() => "* NO [UNAVAILABLE] busy".to_owned(),
                    Protocol::Imap => format!("{} NO [UNAVAILABLE] busy", self.tag),
                    Protocol::Pop3 => "-ERR [SYS/TEMP] busy".to_owned(),
                    Protocol::Sieve => "NO (TRYLATER) \"busy\"".to_owned(),
                    _ => "451 4.3.0 busy".to_owned(),
                };
                self.say(format!("{text}\r\n").as_bytes())?;
                // The client takes its leave.
                self.line()?;
                Err(End::Over)
            }
            other => panic!("{other:?} is done elsewhere"),
        }
    }

    fn good_bye(&self) -> String {
        let text = match self.script.table.protocol {
            Protocol::Imap => "* BYE bye",
            Protocol::Sieve => "BYE \"bye\"",
            _ => "421 4.3.2 bye",
        };
        format!("{text}\r\n")
    }

    /// As a server in plain text at a port for TLS does.
    fn speak_before_handshake(&mut self, step: usize) -> Result<(), End> {
        self.came_to_step = true;
        // After STARTTLS it came together with the reply to that.
        if step == 1 {
            let text = self.answer(step + 1).concat();
            self.say(text.as_bytes())?;
        }
        self.hold()
    }

    /// In place of a server's hello.
    fn spoil_handshake(&mut self) -> Result<(), End> {
        // What the client says first is read, so that an end is no reset.
        let mut hello = [0; 4096];
        if self.stream().read(&mut hello)? == 0 {
            return Err(End::Over);
        }
        self.came_to_step = true;
        // The beginning of a hello that is in order.
        let begun = [
            &b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"[..],
            &[7; 32],
        ]
        .concat();
        match self.script.happening {
            Happening::Reset => self.reset(),
            Happening::Closed => Err(End::Over),
            Happening::Cut => {
                self.say(&begun)?;
                Err(End::Over)
            }
            Happening::Silent => self.hold(),
            Happening::Drip => self.drip(&begun),
            Happening::Line => self.say_for_ever(b"x"),
            // Warnings: "no renegotiation".
            Happening::Lines => self.say_for_ever(b"\x15\x03\x03\x00\x02\x01\x64"),
            Happening::Garbage => self.say_and_hold(b"\x16\x03\x01\xff\xff\xfe\x1b[2J garbage\r\n"),
            Happening::Nuls => self.say_and_hold(&[0; 64]),
            // An alert: "close notify".
            Happening::Bye => self.say_and_hold(b"\x15\x03\x03\x00\x02\x01\x00"),
            // An alert: "internal error".
            Happening::Busy => self.say_and_hold(b"\x15\x03\x03\x00\x02\x02\x50"),
            other => panic!("{other:?} cannot be"),
        }
    }
}
