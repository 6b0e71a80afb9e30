//! A user: logs in by IMAP and keeps the session open.
//!
//! It tells a session that lives from one that was kicked and from one that hangs.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// For a login: a director makes users who are being moved wait for about two seconds.
const LOGIN_LIMIT: Duration = Duration::from_secs(40);

pub struct Session {
    pub user: String,
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    commands: u32,
}

/// What became of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    Alive,
    /// The server said good-bye or closed the connection.
    Kicked,
    /// Open, and no answer.
    Hanging,
}

impl Session {
    /// Logs in; the error tells how the server refused.
    pub fn log_in(server: SocketAddr, user: &str, password: &str) -> io::Result<Session> {
        Session::log_in_within(LOGIN_LIMIT, server, user, password)
    }

    /// The same, where no answer may take longer than that.
    pub fn log_in_within(
        limit: Duration,
        server: SocketAddr,
        user: &str,
        password: &str,
    ) -> io::Result<Session> {
        let stream = TcpStream::connect_timeout(&server, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        let mut session = Session {
            user: user.to_string(),
            reader: BufReader::new(stream.try_clone()?),
            stream,
            commands: 0,
        };
        let greeting = session.line()?;
        if !greeting.starts_with("* OK") {
            return Err(refusal(&greeting));
        }
        let answer = session.command(&format!("LOGIN {user} {password}"))?;
        if answer.starts_with("OK") {
            Ok(session)
        } else {
            Err(refusal(&answer))
        }
    }

    /// Sends a NOOP and waits for its answer for at most `limit`.
    pub fn state(&mut self, limit: Duration) -> SessionState {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        match self.command("NOOP") {
            Ok(_) => SessionState::Alive,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => SessionState::Hanging,
                _ => SessionState::Kicked,
            },
        }
    }

    /// Waits, without a word, to be kicked within `limit`.
    pub fn is_kicked_within(&mut self, limit: Duration) -> bool {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        loop {
            match self.line() {
                Ok(line) if line.starts_with("* BYE") => return true,
                Ok(_) => {}
                Err(error) => {
                    return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
                }
            }
        }
    }

    /// The tagged answer without its tag.
    fn command(&mut self, command: &str) -> io::Result<String> {
        self.commands += 1;
        let tag = format!("u{}", self.commands);
        self.stream
            .write_all(format!("{tag} {command}\r\n").as_bytes())?;
        loop {
            let line = self.line()?;
            if line.starts_with("* BYE") {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = line.strip_prefix(&format!("{tag} ")) {
                return Ok(answer.to_string());
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_string())
    }
}

fn refusal(text: &str) -> io::Error {
    io::Error::new(ErrorKind::Other, format!("refused: {text}"))
}
