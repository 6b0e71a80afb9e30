//! The test message: how it is written, and how its token is read from a header.
//!
//! It knows the format of a message (RFC 5322) and no protocol.

use chrono::{DateTime, TimeZone, Utc};

use super::token::{Token, HEADER};

/// The last second of the year 9999, the last that a date of four digits can tell.
const LAST_SECOND: i64 = 253_402_300_799;

/// A test message in lines that end in CRLF. No line begins with a dot, so none needs stuffing.
pub(super) fn text(token: &Token) -> String {
    let host = token.host();
    let date = date_time(token).format("%a, %d %b %Y %H:%M:%S +0000");
    format!(
        "From: <poolmon@{host}>\r\n\
         Subject: poolmon test message\r\n\
         Date: {date}\r\n\
         Message-ID: <{token}@{host}>\r\n\
         {HEADER}: {token}\r\n\
         Auto-Submitted: auto-generated\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\
         \r\n\
         The monitor poolmon has delivered this message to see whether mail arrives.\r\n"
    )
}

/// The token's time as IMAP writes it (RFC 3501 9, `date-time`).
pub(super) fn internal_date(token: &Token) -> String {
    date_time(token)
        .format("%e-%b-%Y %H:%M:%S +0000")
        .to_string()
}

fn date_time(token: &Token) -> DateTime<Utc> {
    let seconds = i64::try_from(token.at().as_secs()).unwrap_or(LAST_SECOND);
    Utc.timestamp_opt(seconds.min(LAST_SECOND), 0)
        .single()
        .expect("every second from 1970 to 9999 has a date")
}

/// Reads a header line by line for the token.
///
/// A message is ours only if our header stands there once and its whole text is a token. The same
/// words in a body, in a header of another name, folded, or twice are somebody else's.
#[derive(Default)]
pub(super) struct HeaderReader {
    found: Found,
    last_was_ours: bool,
}

#[derive(Default)]
enum Found {
    #[default]
    Nothing,
    Token(Token),
    NotOurs,
}

impl HeaderReader {
    pub(super) fn on_line(&mut self, line: &[u8]) {
        let is_continuation = matches!(line.first(), Some(b' ' | b'\t'));
        if is_continuation {
            if self.last_was_ours {
                self.found = Found::NotOurs;
            }
            return;
        }
        let value = value_of(line);
        self.last_was_ours = value.is_some();
        if let Some(value) = value {
            self.found = match (&self.found, Token::parse(value)) {
                (Found::Nothing, Some(token)) => Found::Token(token),
                _ => Found::NotOurs,
            };
        }
    }

    pub(super) fn token(self) -> Option<Token> {
        match self.found {
            Found::Token(token) => Some(token),
            Found::Nothing | Found::NotOurs => None,
        }
    }
}

/// The token in header lines that end in CRLF, whole up to the empty line behind them.
pub(super) fn token_in(header: &[u8]) -> Option<Token> {
    let lines = header.strip_suffix(b"\r\n\r\n")?;
    let mut reader = HeaderReader::default();
    for line in lines.split(|&byte| byte == b'\n') {
        reader.on_line(line.strip_suffix(b"\r").unwrap_or(line));
    }
    reader.token()
}

fn value_of(line: &[u8]) -> Option<&[u8]> {
    let (name, value) = line.split_at(HEADER.len().min(line.len()));
    if !name.eq_ignore_ascii_case(HEADER.as_bytes()) {
        return None;
    }
    let value = value.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::probe::protocols::token::Purpose;

    fn token() -> Token {
        Token::new(Purpose::Deep, Duration::from_secs(1_795_326_013), 7, "mon1")
    }

    #[test]
    fn a_written_message_can_be_read_and_sent_as_it_is() {
        let text = text(&token());
        assert!(text.is_ascii());
        let header = text.split_inclusive("\r\n\r\n").next().unwrap();
        assert_eq!(token_in(header.as_bytes()), Some(token()));
        for line in text.split_inclusive('\n') {
            assert!(line.ends_with("\r\n") && line.len() <= 80 && !line.starts_with('.'));
        }
        assert!(text.contains("\r\nDate: Sun, 22 Nov 2026 05:40:13 +0000\r\n"));
        assert_eq!(internal_date(&token()), "22-Nov-2026 05:40:13 +0000");
    }

    #[test]
    fn any_time_has_a_date() {
        for (seconds, date) in [
            (0, " 1-Jan-1970 00:00:00 +0000"),
            (253_402_300_799, "31-Dec-9999 23:59:59 +0000"),
            (253_402_300_800, "31-Dec-9999 23:59:59 +0000"),
            (i64::MAX as u64, "31-Dec-9999 23:59:59 +0000"),
            (u64::MAX, "31-Dec-9999 23:59:59 +0000"),
        ] {
            let token = Token::new(Purpose::Step, Duration::from_secs(seconds), 7, "mon1");
            assert_eq!(internal_date(&token), date);
        }
    }

    #[test]
    fn a_header_is_ours_only_if_it_says_exactly_that_and_once() {
        let token = token();
        for (lines, ours) in [
            (format!("X-Poolmon-Probe: {token}"), true),
            (format!("x-poolmon-probe:{token}"), true),
            (
                format!("Subject: a\r\n b\r\nX-Poolmon-Probe: {token}\r\nTo: c\r\n d"),
                true,
            ),
            (format!("X-Poolmon-Probes: {token}"), false),
            (format!("X-Another-Name-: {token}"), false),
            (format!("X-X-Poolmon-Probe: {token}"), false),
            (format!(" X-Poolmon-Probe: {token}"), false),
            (format!("Subject: X-Poolmon-Probe: {token}"), false),
            (format!("X-Poolmon-Probe: {token}\r\n and more"), false),
            (format!("X-Poolmon-Probe: {token}\r\n\tand more"), false),
            (format!("X-Poolmon-Probe:\r\n {token}"), false),
            (format!("X-Poolmon-Probe:  {token}"), false),
            (format!("X-Poolmon-Probe: Re {token}"), false),
            (
                format!("X-Poolmon-Probe: {token}\r\nX-Poolmon-Probe: {token}"),
                false,
            ),
            (
                format!("X-Poolmon-Probe: mine\r\nX-Poolmon-Probe: {token}"),
                false,
            ),
            (String::new(), false),
        ] {
            let header = format!("{lines}\r\n\r\n");
            let expected = ours.then(|| token.clone());
            assert_eq!(token_in(header.as_bytes()), expected, "{header}");
        }
        let cut = format!("X-Poolmon-Probe: {token}\r\n");
        assert_eq!(token_in(cut.as_bytes()), None);
    }
}
