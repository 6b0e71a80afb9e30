//! The replies of SMTP and of what descends from it, LMTP and submission: their form (RFC 5321 4.2), and
//! what a code, an enhanced code (RFC 3463) or a text is about.
//!
//! Which command was asked is the dialogues' business.

use crate::outcome::Fault;
use crate::probe::protocols::contains_ignoring_case;
use crate::probe::protocols::line::Lines;
use crate::quote::Quote;

pub(super) fn exchange(lines: &mut Lines<'_>, command: &[u8]) -> Result<Reply, Fault> {
    lines.send(command)?;
    read_reply(lines, |_| {})
}

/// A reply of one line or many; each line's text is shown to `on_text`.
pub(super) fn read_reply(
    lines: &mut Lines<'_>,
    mut on_text: impl FnMut(&[u8]),
) -> Result<Reply, Fault> {
    let mut first_code = None;
    loop {
        let line = lines.read()?;
        let (code, more, text) = split(line).ok_or_else(|| Fault::Malformed(Quote::new(line)))?;
        // All lines of a reply bear the same code (RFC 5321 4.2.1).
        if *first_code.get_or_insert(code) != code {
            return Err(Fault::Malformed(Quote::new(line)));
        }
        on_text(text);
        if more == More::Last {
            return Ok(Reply {
                code,
                class: Class::of(code),
                subject: Subject::of(code, text),
                last: Quote::new(line),
            });
        }
    }
}

#[derive(PartialEq, Eq)]
enum More {
    Follows,
    Last,
}

/// Three digits, then a space, a hyphen or nothing, then text.
fn split(line: &[u8]) -> Option<([u8; 3], More, &[u8])> {
    let code = match line {
        [a, b, c, ..] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()) => [*a, *b, *c],
        _ => return None,
    };
    match line.get(3) {
        None => Some((code, More::Last, &[])),
        Some(b' ') => Some((code, More::Last, &line[4..])),
        Some(b'-') => Some((code, More::Follows, &line[4..])),
        Some(_) => None,
    }
}

/// 421 is the one code that a server may send at any time (RFC 5321 3.8).
pub(super) fn is_closing(line: &[u8]) -> bool {
    line.starts_with(b"421")
}

pub(super) struct Reply {
    pub(super) code: [u8; 3],
    pub(super) class: Class,
    pub(super) subject: Subject,
    /// The last line.
    pub(super) last: Quote,
}

pub(super) enum Class {
    Success,
    /// 354: the message may come.
    GoAhead,
    /// 421: the server is about to close.
    Closing,
    Temporary,
    Permanent,
    /// No answer to any command sent here.
    Other,
}

impl Class {
    fn of(code: [u8; 3]) -> Class {
        match code {
            [b'2', ..] => Class::Success,
            [b'3', b'5', b'4'] => Class::GoAhead,
            [b'4', b'2', b'1'] => Class::Closing,
            [b'4', ..] => Class::Temporary,
            [b'5', ..] => Class::Permanent,
            _ => Class::Other,
        }
    }
}

/// What a refusal is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// One address or its mailbox: the next recipient may be taken.
    Recipient,
    /// Security or policy: who may send what.
    Policy,
    /// The server, its storage, the network behind it, the protocol.
    Server,
    /// Nothing is said of it.
    Untold,
}

impl Subject {
    /// The second number of an enhanced code says it (RFC 3463 3). Without one, only 452 and 430 do:
    /// mail servers use "insufficient storage" for a mailbox that is full.
    fn of(code: [u8; 3], text: &[u8]) -> Subject {
        // Dovecot (2.2 and 2.3, seen in 2.3.19) answers RCPT so, with 451 4.3.0, for a user with more
        // deliveries at a time than lmtp_user_concurrency_limit. The code is that of its own troubles,
        // so only the text tells.
        if contains_ignoring_case(text, b"too many concurrent deliveries for user") {
            return Subject::Recipient;
        }
        match enhanced_subject(text) {
            Some(b"1" | b"2") => Subject::Recipient,
            Some(b"7") => Subject::Policy,
            Some(b"3" | b"4" | b"5") => Subject::Server,
            Some(_) => Subject::Untold,
            None if code == *b"452" => Subject::Recipient,
            // Cyrus to whoever has not logged in (soft_noauth); RFC 5321 has no such code.
            None if code == *b"430" => Subject::Policy,
            None => Subject::Untold,
        }
    }
}

/// The `2` of a text that begins with `4.2.1`.
fn enhanced_subject(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|&byte| byte == b' ');
    let mut parts = text[..end.unwrap_or(text.len())].split(|&byte| byte == b'.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let is_code = matches!(class, b"2" | b"4" | b"5")
        && is_number(subject)
        && is_number(detail)
        && parts.next().is_none();
    is_code.then_some(subject)
}

impl Reply {
    pub(super) fn success(self) -> Result<(), Fault> {
        match self.class {
            Class::Success => Ok(()),
            Class::Closing => Err(Fault::Bye(self.last)),
            Class::Temporary | Class::Permanent => Err(Fault::Unavailable(self.last)),
            Class::GoAhead | Class::Other => Err(Fault::Malformed(self.last)),
        }
    }

    /// Before any address is named only a policy can be meant, such as one of who may connect.
    pub(super) fn success_or(self, refused: fn(Quote) -> Fault) -> Result<(), Fault> {
        match (&self.class, self.subject) {
            (Class::Closing | Class::Temporary | Class::Permanent, Subject::Policy) => {
                Err(refused(self.last))
            }
            _ => self.success(),
        }
    }

    /// The answer to an address or a message. A refusal for good that does not say what it is about is
    /// about that; one for now is the server's.
    pub(super) fn taken_or(self, refused: fn(Quote) -> Fault) -> Result<(), Fault> {
        match (&self.class, self.subject) {
            (
                Class::Closing | Class::Temporary | Class::Permanent,
                Subject::Recipient | Subject::Policy,
            )
            | (Class::Permanent, Subject::Untold) => Err(refused(self.last)),
            _ => self.success(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_begins_with_three_digits() {
        assert!(matches!(split(b"250 ok"), Some((code, ..)) if code == *b"250"));
        for line in ["", "25", "x50 ok", "2x0 ok", "25x ok", "250x"] {
            assert!(split(line.as_bytes()).is_none(), "{line:?}");
        }
    }

    #[test]
    fn an_enhanced_code_is_three_numbers_of_a_known_class() {
        assert_eq!(enhanced_subject(b"4.2.1 full"), Some(&b"2"[..]));
        assert_eq!(enhanced_subject(b"5.71.10"), Some(&b"71"[..]));
        for text in [
            "",
            "4",
            "4.2",
            "3.2.1 x",
            "4.x.1 x",
            "4..1 x",
            "4.2. x",
            "4.2.x x",
            "4.2.1.0 x",
        ] {
            assert_eq!(enhanced_subject(text.as_bytes()), None, "{text:?}");
        }
    }
}
