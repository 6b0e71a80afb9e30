//! LMTP (RFC 2033): greeting, LHLO, STARTTLS, and the two addresses of a delivery.
//!
//! It decides what each reply means. DATA is never sent, so no mail is ever delivered.

use std::io::{Read, Write};

use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::proto::line::Lines;
use crate::proto::{after_word, Check, Progress, Way};
use crate::quote::Quote;

/// A name that is valid everywhere and never looked up (RFC 6761 6.3). The machine's own would have
/// to be asked of the system, and tells a server nothing that the address does not.
const LHLO: &[u8] = b"LHLO localhost\r\n";

/// The longest path of RFC 5321 (4.5.3.1.3), its brackets not counted.
const LONGEST_ADDRESS: usize = 254;

/// Whether an address can stand between `<` and `>` in a command without being able to end it, and
/// is no longer than a path may be. The empty one can: it is the null sender.
pub fn is_address(address: &str) -> bool {
    address.len() <= LONGEST_ADDRESS
        && !address
            .bytes()
            .any(|byte| byte.is_ascii_control() || matches!(byte, b'<' | b'>'))
}

/// Turns to TLS where it is offered, but only if addresses are to be sent: nothing else of this
/// dialogue is worth hiding, and a greeting should not come to depend on a certificate.
pub(super) fn begin<S: Read + Write>(
    lines: &mut Lines<S>,
    check: &Check<'_>,
) -> Result<Progress, Failure> {
    read_reply(lines, |_| {})
        .and_then(Reply::success)
        .map_err(|fault| Failure::new(Stage::Greeting, fault))?;
    let offers_tls = say_hello(lines)?;
    if check.envelope.to.is_some() && check.way(offers_tls)? == Way::StartTls {
        exchange(lines, b"STARTTLS\r\n")
            .and_then(Reply::success)
            .map_err(|fault| Failure::new(Stage::StartTls, fault))?;
        return Ok(Progress::StartTls);
    }
    name_addresses(lines, check).map(Progress::Done)
}

/// Says LHLO anew, for the server has forgotten the first (RFC 3207 4.2).
pub(super) fn resume<S: Read + Write>(
    lines: &mut Lines<S>,
    check: &Check<'_>,
) -> Result<Pass, Failure> {
    say_hello(lines)?;
    name_addresses(lines, check)
}

pub(super) fn take_leave<S: Read + Write>(lines: &mut Lines<S>) -> Result<(), Fault> {
    exchange(lines, b"QUIT\r\n").map(drop)
}

/// LHLO; whether STARTTLS is among what the server offers.
fn say_hello<S: Read + Write>(lines: &mut Lines<S>) -> Result<bool, Failure> {
    let failed = |fault| Failure::new(Stage::Hello, fault);
    let mut offers_tls = false;
    lines.send(LHLO).map_err(failed)?;
    read_reply(lines, |text| {
        offers_tls |= after_word(text, "STARTTLS").is_some();
    })
    .and_then(Reply::success)
    .map_err(failed)?;
    Ok(offers_tls)
}

fn name_addresses<S: Read + Write>(
    lines: &mut Lines<S>,
    check: &Check<'_>,
) -> Result<Pass, Failure> {
    let to = match &check.envelope.to {
        Some(to) => to,
        None => return Ok(Pass::Clean),
    };
    send_address(
        lines,
        "MAIL FROM",
        &check.envelope.from,
        Fault::SenderRefused,
    )
    .map_err(|fault| Failure::new(Stage::Sender, fault))?;
    send_address(lines, "RCPT TO", to, Fault::RecipientRefused)
        .map_err(|fault| Failure::new(Stage::Recipient, fault))?;
    Ok(Pass::Clean)
}

fn send_address<S: Read + Write>(
    lines: &mut Lines<S>,
    verb: &str,
    address: &str,
    refused: fn(Quote) -> Fault,
) -> Result<(), Fault> {
    if !is_address(address) {
        return Err(refused(Quote::new("not an address, and not sent")));
    }
    let reply = exchange(lines, format!("{verb}:<{address}>\r\n").as_bytes())?;
    match reply.class {
        Class::Permanent | Class::MailboxFull => Err(refused(reply.last)),
        _ => reply.success(),
    }
}

fn exchange<S: Read + Write>(lines: &mut Lines<S>, command: &[u8]) -> Result<Reply, Fault> {
    lines.send(command)?;
    read_reply(lines, |_| {})
}

/// A reply of one line or many; each line's text is shown to `on_text`.
fn read_reply<S: Read + Write>(
    lines: &mut Lines<S>,
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
                class: Class::of(code, text),
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

struct Reply {
    class: Class,
    /// The last line.
    last: Quote,
}

enum Class {
    Success,
    /// 421: the server is about to close.
    Closing,
    /// 4.2.2 (RFC 3463): the test mailbox is full, which says nothing of the server.
    MailboxFull,
    Temporary,
    Permanent,
    /// No answer to any command sent here.
    Other,
}

impl Class {
    fn of(code: [u8; 3], text: &[u8]) -> Class {
        match code {
            [b'2', ..] => Class::Success,
            [b'4', b'2', b'1'] => Class::Closing,
            [b'4', ..] if after_word(text, "4.2.2").is_some() => Class::MailboxFull,
            [b'4', ..] => Class::Temporary,
            [b'5', ..] => Class::Permanent,
            _ => Class::Other,
        }
    }
}

impl Reply {
    fn success(self) -> Result<(), Fault> {
        match self.class {
            Class::Success => Ok(()),
            Class::Closing => Err(Fault::Bye(self.last)),
            Class::MailboxFull | Class::Temporary | Class::Permanent => {
                Err(Fault::Unavailable(self.last))
            }
            Class::Other => Err(Fault::Malformed(self.last)),
        }
    }
}
