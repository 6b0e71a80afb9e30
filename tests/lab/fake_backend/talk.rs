//! One connection of the fake backend: just enough of each protocol to be probed.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use super::{Mood, Shared, ANY_LINE, IMAP, LMTP, POP3, SIEVE, SUBMISSION};

/// How long a visitor may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a silent backend looks whether its visitor has left.
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn serve(stream: TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let mut talk = Talk {
        stream,
        shared,
        pending: Vec::new(),
    };
    // An error is the visitor's leaving.
    let _ = match shared.port {
        IMAP => talk.imap(),
        POP3 => talk.pop3(),
        LMTP => talk.lmtp(),
        SIEVE => talk.sieve(),
        SUBMISSION => talk.submission(),
        ANY_LINE => talk.greet("hello\r\n", "bye\r\n").map(|_| ()),
        port => unreachable!("nobody listens on {port}"),
    };
}

struct Talk<'a> {
    stream: TcpStream,
    shared: &'a Shared,
    pending: Vec<u8>,
}

/// How a login is answered.
enum Verdict {
    Welcome,
    WrongPassword,
    Unavailable,
}

impl Talk<'_> {
    fn imap(&mut self) -> io::Result<()> {
        let greeting = "* OK [CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS AUTH=PLAIN SASL-IR] ready\r\n";
        if !self.greet(greeting, "* BYE full\r\n")? {
            return Ok(());
        }
        while let Some(line) = self.imap_command()? {
            let mut words = line.split(' ');
            let tag = words.next().unwrap_or("*").to_string();
            let name = words.next().unwrap_or_default().to_ascii_uppercase();
            match name.as_str() {
                "CAPABILITY" => self.say(&format!(
                    "* CAPABILITY IMAP4rev1 UIDPLUS\r\n{tag} OK done\r\n"
                ))?,
                "LOGIN" => {
                    let password = words.next_back().unwrap_or_default().trim_matches('"');
                    match self.judge(password) {
                        Verdict::Welcome => self.say(&format!("{tag} OK logged in\r\n"))?,
                        Verdict::WrongPassword => self.say(&format!(
                            "{tag} NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"
                        ))?,
                        Verdict::Unavailable => self.say(&format!(
                            "{tag} NO [UNAVAILABLE] Temporary authentication failure.\r\n"
                        ))?,
                    }
                }
                "LOGOUT" => {
                    self.say(&format!("* BYE\r\n{tag} OK done\r\n"))?;
                    return Ok(());
                }
                "NOOP" => self.say(&format!("{tag} OK done\r\n"))?,
                "LIST" => self.say(&format!("* LIST () \"/\" INBOX\r\n{tag} OK listed\r\n"))?,
                "SELECT" => self.say(&format!(
                    "* FLAGS ()\r\n* 0 EXISTS\r\n* 0 RECENT\r\n{tag} OK [READ-WRITE] selected\r\n"
                ))?,
                _ => self.say(&format!("{tag} BAD unknown\r\n"))?,
            }
        }
        Ok(())
    }

    /// A command with its literals put in place, as if they had been atoms.
    fn imap_command(&mut self) -> io::Result<Option<String>> {
        let mut command = String::new();
        loop {
            let line = match self.line()? {
                Some(line) => line,
                None => return Ok(None),
            };
            let literal = line
                .strip_suffix('}')
                .and_then(|head| head.rsplit_once('{'))
                .map(|(head, size)| (head.to_string(), size.to_string()));
            match literal {
                Some((head, size)) => {
                    command.push_str(&head);
                    if !size.ends_with('+') {
                        self.say("+ OK\r\n")?;
                    }
                    let size: usize = size.trim_end_matches('+').parse().unwrap_or(0);
                    command.push_str(&self.bytes(size)?);
                }
                None => {
                    command.push_str(&line);
                    return Ok(Some(command));
                }
            }
        }
    }

    fn pop3(&mut self) -> io::Result<()> {
        if !self.greet("+OK ready\r\n", "-ERR [SYS/TEMP] full\r\n")? {
            return Ok(());
        }
        while let Some(line) = self.line()? {
            let (name, argument) = line.split_once(' ').unwrap_or((&line, ""));
            match name.to_ascii_uppercase().as_str() {
                "CAPA" => self.say("+OK\r\nUSER\r\nRESP-CODES\r\n.\r\n")?,
                "USER" => self.say("+OK\r\n")?,
                "PASS" => match self.judge(argument) {
                    Verdict::Welcome => self.say("+OK logged in\r\n")?,
                    Verdict::WrongPassword => self.say("-ERR [AUTH] Authentication failed.\r\n")?,
                    Verdict::Unavailable => {
                        self.say("-ERR [SYS/TEMP] Temporary authentication failure.\r\n")?
                    }
                },
                "STAT" => self.say("+OK 0 0\r\n")?,
                "QUIT" => {
                    self.say("+OK bye\r\n")?;
                    return Ok(());
                }
                _ => self.say("-ERR unknown\r\n")?,
            }
        }
        Ok(())
    }

    fn lmtp(&mut self) -> io::Result<()> {
        if !self.greet("220 ready\r\n", "421 4.3.2 full\r\n")? {
            return Ok(());
        }
        while let Some(line) = self.line()? {
            let name = line
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            match name.as_str() {
                "LHLO" => self.say("250-fake\r\n250-8BITMIME\r\n250 PIPELINING\r\n")?,
                "MAIL" | "RCPT" | "RSET" => self.say("250 2.1.0 OK\r\n")?,
                "QUIT" => {
                    self.say("221 2.0.0 bye\r\n")?;
                    return Ok(());
                }
                _ => self.say("502 5.5.2 unknown\r\n")?,
            }
        }
        Ok(())
    }

    fn sieve(&mut self) -> io::Result<()> {
        let greeting = "\"IMPLEMENTATION\" \"fake\"\r\n\"SASL\" \"PLAIN\"\r\nOK \"ready\"\r\n";
        if !self.greet(greeting, "BYE \"full\"\r\n")? {
            return Ok(());
        }
        while let Some(line) = self.line()? {
            let mut words = line.split(' ');
            match words.next().unwrap_or_default() {
                "AUTHENTICATE" => {
                    let response = words.next_back().unwrap_or_default().trim_matches('"');
                    match self.judge(&password_in(response)) {
                        Verdict::Welcome => self.say("OK \"Logged in.\"\r\n")?,
                        Verdict::WrongPassword => self.say("NO \"Authentication failed.\"\r\n")?,
                        Verdict::Unavailable => {
                            self.say("NO (TRYLATER) \"Temporary authentication failure.\"\r\n")?
                        }
                    }
                }
                "LOGOUT" => {
                    self.say("OK \"bye\"\r\n")?;
                    return Ok(());
                }
                _ => self.say("NO \"unknown\"\r\n")?,
            }
        }
        Ok(())
    }

    fn submission(&mut self) -> io::Result<()> {
        if !self.greet("220 ready\r\n", "421 4.3.2 full\r\n")? {
            return Ok(());
        }
        while let Some(line) = self.line()? {
            let mut words = line.split(' ');
            match words.next().unwrap_or_default() {
                "EHLO" => self.say("250-fake\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n")?,
                "AUTH" => match self.judge(&password_in(words.next_back().unwrap_or_default())) {
                    Verdict::Welcome => self.say("235 2.7.0 Logged in.\r\n")?,
                    Verdict::WrongPassword => self.say("535 5.7.8 Authentication failed.\r\n")?,
                    Verdict::Unavailable => {
                        self.say("454 4.7.0 Temporary authentication failure.\r\n")?
                    }
                },
                "QUIT" => {
                    self.say("221 2.0.0 bye\r\n")?;
                    return Ok(());
                }
                _ => self.say("502 5.5.2 unknown\r\n")?,
            }
        }
        Ok(())
    }

    /// Says what the mood has for a greeting; whether the dialogue goes on.
    fn greet(&mut self, greeting: &str, bye: &str) -> io::Result<bool> {
        match self.mood_to_speak()? {
            Mood::Closing => Ok(false),
            Mood::Bye => self.say(bye).map(|()| false),
            Mood::Repeating => {
                let first = self.shared.state().first_heard.clone();
                let first = first.unwrap_or_default();
                let text = format!("{} {first}\r\n", bye.trim_end());
                self.say(&text).map(|()| false)
            }
            Mood::Junk => self
                .say("\u{1b}[31mSSH-2.0-gibberish\r\n\0\0\r\n")
                .map(|()| false),
            _ => self.say(greeting).map(|()| true),
        }
    }

    fn judge(&self, password: &str) -> Verdict {
        let mut state = self.shared.state();
        let heard = || password.to_owned();
        state.first_heard.get_or_insert_with(heard);
        match state.mood {
            Mood::RefusingLogin => Verdict::WrongPassword,
            Mood::Unavailable => Verdict::Unavailable,
            _ if state.password == password => Verdict::Welcome,
            _ => Verdict::WrongPassword,
        }
    }

    /// A line without its end; `None` if the visitor has left or is to be left.
    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line).trim_end().to_string();
                self.shared.note(Some(text.clone()));
                let mood = self.shared.state().mood;
                return Ok((mood != Mood::ClosingLater).then_some(text));
            }
            if !self.read_more()? {
                return Ok(None);
            }
        }
    }

    fn bytes(&mut self, count: usize) -> io::Result<String> {
        while self.pending.len() < count {
            if !self.read_more()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let bytes: Vec<u8> = self.pending.drain(..count).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn read_more(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 4096];
        let count = self.stream.read(&mut bytes)?;
        self.pending.extend_from_slice(&bytes[..count]);
        Ok(count > 0)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        match self.mood_to_speak()? {
            Mood::Dribbling(pause) => text.as_bytes().iter().try_for_each(|&byte| {
                // Pause: the pace that the test asks for.
                sleep(pause);
                self.stream.write_all(&[byte])
            }),
            _ => self.stream.write_all(text.as_bytes()),
        }
    }

    /// The mood, as soon as it is one to speak in: a frozen server answers when it thaws.
    fn mood_to_speak(&mut self) -> io::Result<Mood> {
        let mut state = self.shared.state();
        loop {
            if state.is_over {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if state.mood != Mood::Silent {
                return Ok(state.mood);
            }
            let (guard, _) = self.shared.changed.wait_timeout(state, LOOK).unwrap();
            state = guard;
            if visitor_has_left(&self.stream) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// The password of a SASL PLAIN response in base64.
fn password_in(response: &str) -> String {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = response.trim_end_matches('=').bytes().map(digit).collect();
    let mut plain = Vec::new();
    for group in digits.chunks(4) {
        let bits = group
            .iter()
            .fold(0u32, |bits, digit| bits << 6 | u32::from(*digit));
        let bits = bits << (6 * (4 - group.len()));
        plain.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    let password = plain.rsplit(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(password).into_owned()
}

fn visitor_has_left(stream: &TcpStream) -> bool {
    let _ = stream.set_nonblocking(true);
    let peeked = stream.peek(&mut [0]);
    let _ = stream.set_nonblocking(false);
    match peeked {
        Ok(count) => count == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}
