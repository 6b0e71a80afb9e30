//! SIEVE, as Dovecot calls ManageSieve (RFC 5804): greeting with capabilities, STARTTLS, AUTHENTICATE.
//!
//! It decides what each reply means and must never send a password where the server does not offer SASL
//! PLAIN. It looks at nobody's scripts.

use crate::account::Account;
use crate::config::choice::{choice, Choice, Usual::Value};
use crate::config::kind::Kind::{Port, Truth};
use crate::config::settings::{Auth, Probing};
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::probe::protocols::line::{Lines, Piece, SecretLine, LONGEST_LINE};
use crate::probe::protocols::remarks;
use crate::probe::protocols::sasl::{self, Capabilities, Mechanisms};
use crate::probe::protocols::table::{
    Dialogue, Hides, PartInDelivery, PortAlone, Ports, Row, UseOfStartTls,
};
use crate::probe::protocols::{
    after_word, is_over_session_limit, refuses_plaintext, steps_with_login, Check, Entry, Progress,
    Way,
};
use crate::quote::Quote;
use crate::service::{Protocol, WhichPort::Both};

/// No port is assigned to it for TLS from the start.
pub(super) const ROW: Row = Row {
    name: "sieve",
    ports: Some(Ports {
        plain: 4190,
        tls: 4190,
        alone: PortAlone::SaysNothing,
    }),
    logs_in: true,
    starttls: UseOfStartTls {
        hides: Hides::Password,
        is_checked_by_default: true,
    },
    part: PartInDelivery::None,
    choices: CHOICES,
    steps,
    dialogue: Dialogue {
        begin,
        resume,
        may_say_unasked: |line| after_word(line, "BYE").is_some(),
        take_leave: Some(take_leave),
    },
};

const CHOICES: &[Choice] = &[
    choice(Truth(|to| &mut to.of_mut(Protocol::Sieve).poll))
        .added_key("poll_sieve", Value("False"))
        .nearly("port")
        .help("check ManageSieve, up to the login"),
    choice(Port(Both(Protocol::Sieve)))
        .added_key("sieve_port", Value("4190"))
        .nearly("port")
        .help(
            "ManageSieve's port, which starts in plain text (STARTTLS may follow, see \
               starttls)",
        ),
];

/// It has no other login than SASL.
fn steps(_: &Probing) -> Vec<String> {
    steps_with_login(Auth::SaslPlain, &[])
}

/// The longest quoted string (RFC 5804 4); what is longer goes as a literal.
const LONGEST_QUOTED: usize = 1024;

/// How many literals a line of the server's may have: a capability has a name and a value.
const MOST_LITERALS: usize = 2;

fn begin(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Progress, Failure> {
    let capabilities = lines.stage(Stage::Greeting, read_capabilities)?;
    let account = match check.login() {
        Some(account) => account,
        None => return Ok(Progress::Done(Pass::Clean)),
    };
    if check.way(capabilities.starttls)? == Way::StartTls {
        lines.stage(Stage::StartTls, start_tls)?;
        return Ok(Progress::StartTls);
    }
    sasl::enter(lines, check, account, capabilities, log_in).map(Progress::Done)
}

/// The server tells its capabilities anew once TLS stands (RFC 5804 2.2), and only these count.
fn resume(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Pass, Failure> {
    let capabilities = lines.stage(Stage::Capability, read_capabilities)?;
    match check.login() {
        Some(account) => sasl::enter(lines, check, account, capabilities, log_in),
        None => Ok(Pass::Clean),
    }
}

fn take_leave(lines: &mut Lines<'_>) -> Result<(), Fault> {
    lines.send(b"LOGOUT\r\n")?;
    while let Line::Text = Line::parse(&read_line(lines)?) {}
    Ok(())
}

/// What a server says of itself, up to its OK. The list of SASL may be empty until TLS stands, but must not be
/// missing (RFC 5804 1.7): a server without one offers no PLAIN, and does not say that TLS would change that.
fn read_capabilities(lines: &mut Lines<'_>) -> Result<Capabilities, Fault> {
    let mut told = Capabilities {
        starttls: false,
        mechanisms: Mechanisms::Others,
    };
    loop {
        let line = read_line(lines)?;
        match Line::parse(&line) {
            Line::Text => {
                let (name, rest) = string(&line).ok_or_else(|| malformed(&line))?;
                if name.eq_ignore_ascii_case(b"STARTTLS") {
                    told.starttls = true;
                } else if name.eq_ignore_ascii_case(b"SASL") {
                    let (list, _) = rest
                        .strip_prefix(b" ")
                        .and_then(string)
                        .ok_or_else(|| malformed(&line))?;
                    told.mechanisms = Mechanisms::listed(&list);
                }
            }
            Line::Ok => return Ok(told),
            Line::No(text) => return Err(Fault::Unavailable(Quote::new(unquoted(text)))),
            Line::Bye(text) => return Err(Fault::Bye(Quote::new(unquoted(text)))),
            Line::Other => return Err(malformed(&line)),
        }
    }
}

fn start_tls(lines: &mut Lines<'_>) -> Result<(), Fault> {
    lines.send(b"STARTTLS\r\n")?;
    let line = read_line(lines)?;
    match Line::parse(&line) {
        Line::Ok => Ok(()),
        Line::No(text) => Err(Fault::Unavailable(Quote::new(unquoted(text)))),
        Line::Bye(text) => Err(Fault::Bye(Quote::new(unquoted(text)))),
        Line::Text | Line::Other => Err(malformed(&line)),
    }
}

/// The response goes with the command (RFC 5804 2.1).
fn log_in(lines: &mut Lines<'_>, account: &Account) -> Result<Entry, Fault> {
    let response = sasl::plain(account)?;
    let command = Piece::Open(b"AUTHENTICATE \"PLAIN\" ");
    let command = match response.length() {
        0..=LONGEST_QUOTED => SecretLine::new(&[
            command,
            Piece::Open(b"\""),
            response.piece(),
            Piece::Open(b"\""),
        ]),
        length => SecretLine::new(&[
            command,
            Piece::Open(b"{"),
            Piece::Length(length),
            Piece::Open(b"+}\r\n"),
            response.piece(),
        ]),
    };
    lines.send_secret(&command)?;
    let line = read_line(lines)?;
    let quote = |text: &[u8]| Quote::new(unquoted(text));
    match Line::parse(&line) {
        Line::Ok => Ok(Entry::In),
        Line::No(text) => refusal(text, quote(text)),
        Line::Bye(text) => Err(Fault::Bye(quote(text))),
        Line::Text => Err(Fault::Malformed(Quote::new(remarks::ASKS_FOR_MORE))),
        Line::Other => Err(Fault::Malformed(quote(&line))),
    }
}

/// What a NO to a login means. Only TRYLATER is the server's own trouble (RFC 5804 1.3).
fn refusal(text: &[u8], quote: Quote) -> Result<Entry, Fault> {
    let code = code(text).unwrap_or_default();
    let is = |wanted: &str| code.eq_ignore_ascii_case(wanted.as_bytes());
    if is_over_session_limit(text) {
        Err(Fault::CredentialsRefused(quote))
    } else if is("ENCRYPT-NEEDED") || refuses_plaintext(text) {
        Ok(Entry::PlaintextDisabled(Some(quote)))
    } else if is("TRYLATER") {
        Err(Fault::Unavailable(quote))
    } else {
        Err(Fault::CredentialsRefused(quote))
    }
}

fn malformed(line: &[u8]) -> Fault {
    Fault::Malformed(Quote::new(line))
}

/// A line of the server's, by what it begins with.
enum Line<'l> {
    /// A string: a capability, or a challenge.
    Text,
    Ok,
    /// With what follows: a code in brackets, a text, or both.
    No(&'l [u8]),
    Bye(&'l [u8]),
    Other,
}

impl<'l> Line<'l> {
    fn parse(line: &'l [u8]) -> Line<'l> {
        if line.starts_with(b"\"") {
            Line::Text
        } else if after_word(line, "OK").is_some() {
            Line::Ok
        } else if let Some(text) = after_word(line, "NO") {
            Line::No(text)
        } else if let Some(text) = after_word(line, "BYE") {
            Line::Bye(text)
        } else {
            Line::Other
        }
    }
}

/// The first word in the brackets at the start of a reply's text: `TRYLATER`, `REFERRAL`.
fn code(text: &[u8]) -> Option<&[u8]> {
    let inside = text.strip_prefix(b"(")?;
    let end = inside.iter().position(|byte| matches!(byte, b' ' | b')'))?;
    Some(&inside[..end])
}

/// A reply's code and text as people read them: `(TRYLATER) Too busy.`
fn unquoted(text: &[u8]) -> Vec<u8> {
    let start = text.iter().position(|&byte| byte == b'"');
    let start = start.unwrap_or(text.len());
    match string(&text[start..]) {
        Some((words, [])) => [&text[..start], &words].concat(),
        _ => text.to_vec(),
    }
}

/// One line, its literals written as quoted strings: in them a line end is text.
fn read_line(lines: &mut Lines<'_>) -> Result<Vec<u8>, Fault> {
    let mut whole = lines.read()?.to_vec();
    for _ in 0..MOST_LITERALS {
        let (start, length) = match literal_at_end(&whole) {
            Some(literal) => literal,
            None => return Ok(whole),
        };
        whole.truncate(start);
        whole.push(b'"');
        for byte in lines.read_bytes(length, LONGEST_LINE)? {
            if matches!(byte, b'"' | b'\\') {
                whole.push(b'\\');
            }
            whole.push(byte);
        }
        whole.push(b'"');
        whole.extend_from_slice(lines.read()?);
    }
    match literal_at_end(&whole) {
        Some(_) => Err(malformed(&whole)),
        None => Ok(whole),
    }
}

/// Where a line's `{12}` begins and what it announces, if the line ends with it, outside of quotes.
fn literal_at_end(line: &[u8]) -> Option<(usize, usize)> {
    let announced = line.strip_suffix(b"}")?;
    let start = announced.iter().rposition(|&byte| byte == b'{')?;
    let digits = &announced[start + 1..];
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) || is_in_quotes(line, start) {
        return None;
    }
    // A length beyond all numbers is beyond what is read, too.
    let length = std::str::from_utf8(digits).ok()?.parse();
    Some((start, length.unwrap_or(usize::MAX)))
}

fn is_in_quotes(line: &[u8], place: usize) -> bool {
    let mut rest = line[..place].iter();
    let mut is_in = false;
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => is_in = !is_in,
            b'\\' if is_in => drop(rest.next()),
            _ => {}
        }
    }
    is_in
}

/// The quoted string that a text begins with, and what follows it.
fn string(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut string = Vec::new();
    let mut rest = text.strip_prefix(b"\"")?.iter();
    loop {
        match rest.next()? {
            b'"' => return Some((string, rest.as_slice())),
            b'\\' => string.push(*rest.next()?),
            byte => string.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, Fault> {
        read_line(&mut Lines::new(&mut Cursor::new(text.as_bytes().to_vec())))
    }

    #[test]
    fn a_literal_is_read_as_a_quoted_string() {
        for (text, line) in [
            ("OK {4}\r\nyes!\r\n", "OK \"yes!\""),
            (
                "NO {9+}\r\na\r\n\"b\\ c\"\r\n",
                "NO \"a\r\n\\\"b\\\\ c\\\"\"",
            ),
            ("{4}\r\nSASL {5}\r\nPLAIN\r\n", "\"SASL\" \"PLAIN\""),
            ("OK {0}\r\n\r\n", "OK \"\""),
            // No literals.
            ("OK \"{4}\r\n", "OK \"{4}"),
            ("OK \"a\\\"{4}\r\n", "OK \"a\\\"{4}"),
            // A backslash outside of quotes hides no quote.
            ("OK \\\"{4}\r\n", "OK \\\"{4}"),
            ("OK {}\r\n", "OK {}"),
            ("OK {+}\r\n", "OK {+}"),
            ("OK {-1}\r\n", "OK {-1}"),
            ("OK {4} \r\n", "OK {4} "),
        ] {
            assert_eq!(read(text), Ok(line.into()), "{text:?}");
        }
    }

    #[test]
    fn endless_literals_end_the_attempt() {
        assert!(matches!(
            read("OK {0}\r\n{0}\r\n{0}\r\n"),
            Err(Fault::Malformed(_))
        ));
        let long = format!("OK {{{}}}\r\n{}", u128::MAX, "x".repeat(100_000));
        assert_eq!(read(&long), Err(Fault::TooMuch));
    }

    #[test]
    fn a_string_ends_at_its_quote() {
        let check = |text: &str| string(text.as_bytes()).map(|(text, rest)| (text, rest.to_vec()));
        assert_eq!(
            check(r#""a \"b\\" "c""#),
            Some((br#"a "b\"#.to_vec(), br#" "c""#.to_vec()))
        );
        for text in ["", "a", "\"", "\"a", "\"a\\\""] {
            assert_eq!(check(text), None, "{text}");
        }
    }
}
