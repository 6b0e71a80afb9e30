//! POP3 (RFC 1939): greeting, CAPA, STLS, USER and PASS.
//!
//! It decides what each reply means. The maildrop is not its business.

use std::io::{Read, Write};

use zeroize::Zeroizing;

use crate::account::Account;
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::proto::line::Lines;
use crate::proto::{
    after_word, contains_ignoring_case, is_over_session_limit, quote_without_password,
    refuses_plaintext, response_code, Check, Progress, Way,
};
use crate::quote::Quote;

pub(super) fn begin<S: Read + Write>(
    lines: &mut Lines<S>,
    check: &Check<'_>,
) -> Result<Progress, Failure> {
    expect_ok(lines).map_err(|fault| Failure::new(Stage::Greeting, fault))?;
    let account = match check.account {
        Some(account) => account,
        None => return Ok(Progress::Done(Pass::Clean)),
    };
    let may_start_tls = check.way(true)? == Way::StartTls;
    if may_start_tls && check.way(offers_tls(lines)?)? == Way::StartTls {
        lines
            .send(b"STLS\r\n")
            .and_then(|()| expect_ok(lines))
            .map_err(|fault| Failure::new(Stage::StartTls, fault))?;
        return Ok(Progress::StartTls);
    }
    log_in(lines, account).map(Progress::Done)
}

pub(super) fn resume<S: Read + Write>(
    lines: &mut Lines<S>,
    check: &Check<'_>,
) -> Result<Pass, Failure> {
    match check.account {
        Some(account) => log_in(lines, account),
        None => Ok(Pass::Clean),
    }
}

pub(super) fn take_leave<S: Read + Write>(lines: &mut Lines<S>) -> Result<(), Fault> {
    lines.send(b"QUIT\r\n")?;
    lines.read().map(drop)
}

fn expect_ok<S: Read + Write>(lines: &mut Lines<S>) -> Result<(), Fault> {
    match Reply::parse(lines.read()?) {
        Reply::Ok => Ok(()),
        Reply::Err(text) => Err(Fault::Unavailable(Quote::new(text))),
        Reply::Other(line) => Err(Fault::Malformed(Quote::new(line))),
    }
}

/// Asks for the capabilities, for POP3's greeting has none. A server without CAPA has no STLS.
fn offers_tls<S: Read + Write>(lines: &mut Lines<S>) -> Result<bool, Failure> {
    let failed = |fault| Failure::new(Stage::Capability, fault);
    lines.send(b"CAPA\r\n").map_err(failed)?;
    match Reply::parse(lines.read().map_err(failed)?) {
        Reply::Ok => {}
        Reply::Err(_) => return Ok(false),
        Reply::Other(line) => return Err(failed(Fault::Malformed(Quote::new(line)))),
    }
    let mut offered = false;
    loop {
        let line = lines.read().map_err(failed)?;
        if line == b"." {
            return Ok(offered);
        }
        offered |= after_word(line, "STLS").is_some();
    }
}

/// USER, then PASS once USER was answered: a server that takes no password in clear says so to USER.
fn log_in<S: Read + Write>(lines: &mut Lines<S>, account: &Account) -> Result<Pass, Failure> {
    let failed = |fault| Failure::new(Stage::Login, fault);
    let password = account.password.reveal();
    // A line end would begin a command of its own. Said to be refused, so that an account which
    // cannot be sent takes no backend down.
    let unfit = |byte: &u8| matches!(byte, b'\0' | b'\r' | b'\n');
    if account.user.iter().any(unfit) || password.iter().any(unfit) {
        return Err(failed(Fault::CredentialsRefused(Quote::new(
            "user name or password has a NUL or a line end, which POP3 cannot carry",
        ))));
    }
    let user = [b"USER ", &account.user[..], b"\r\n"].concat();
    // Made at its full size: growing would leave unwiped copies of the password behind.
    let mut pass = Zeroizing::new(Vec::with_capacity("PASS \r\n".len() + password.len()));
    for part in [b"PASS ", password, b"\r\n"] {
        pass.extend_from_slice(part);
    }

    for line in [&user, &*pass] {
        lines.send(line).map_err(failed)?;
        if let Some(pass) = login_answer(lines, account).map_err(failed)? {
            return Ok(pass);
        }
    }
    Ok(Pass::Clean)
}

/// What an answer to USER or PASS ends the login with; nothing if it is `+OK`.
fn login_answer<S: Read + Write>(
    lines: &mut Lines<S>,
    account: &Account,
) -> Result<Option<Pass>, Fault> {
    match Reply::parse(lines.read()?) {
        Reply::Ok => Ok(None),
        Reply::Err(text) => refusal(text, account).map(Some),
        Reply::Other(line) => Err(Fault::Malformed(quote_without_password(line, account))),
    }
}

/// What an `-ERR` to USER or PASS means, by its code (RFC 2449 8.1, RFC 3206).
fn refusal(text: &[u8], account: &Account) -> Result<Pass, Fault> {
    let code = response_code(text).unwrap_or_default();
    let quote = quote_without_password(text, account);
    let is = |wanted: &str| code.eq_ignore_ascii_case(wanted.as_bytes());
    // Before IN-USE, which is the code that Dovecot gives this refusal.
    if is_over_session_limit(text) {
        Err(Fault::CredentialsRefused(quote))
    } else if refuses_plaintext(text) {
        Ok(Pass::PlaintextDisabled)
    } else if is("SYS/TEMP") || is("SYS/PERM") || is_old_dovecot_failing(text) {
        Err(Fault::Unavailable(quote))
    } else if is("IN-USE") || is("LOGIN-DELAY") {
        // The login was accepted; another monitor has the maildrop, or had it a moment ago.
        Ok(Pass::Clean)
    } else {
        Err(Fault::CredentialsRefused(quote))
    }
}

/// Dovecot before 2.3 gives its own troubles the code IN-USE, and only the words tell.
fn is_old_dovecot_failing(text: &[u8]) -> bool {
    ["temporary authentication failure", "internal error"]
        .iter()
        .any(|words| contains_ignoring_case(text, words.as_bytes()))
}

enum Reply<'l> {
    Ok,
    /// With the text behind `-ERR`.
    Err(&'l [u8]),
    /// The whole line.
    Other(&'l [u8]),
}

impl<'l> Reply<'l> {
    fn parse(line: &'l [u8]) -> Reply<'l> {
        if after_word(line, "+OK").is_some() {
            Reply::Ok
        } else if let Some(text) = after_word(line, "-ERR") {
            Reply::Err(text)
        } else {
            Reply::Other(line)
        }
    }
}
