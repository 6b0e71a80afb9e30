//! How an account logs in to IMAP: LOGIN, or AUTHENTICATE PLAIN.
//!
//! It sends the password, and shows no reply that could repeat it.

use super::response::Reply;
use super::{Capabilities, Mechanism, LOGIN};
use crate::account::Account;
use crate::config::settings::Auth;
use crate::outcome::Fault;
use crate::probe::protocols::line::{Lines, Piece, SecretLine};
use crate::probe::protocols::remarks;
use crate::probe::protocols::{
    after_word, contains_ignoring_case, is_over_session_limit, refuses_plaintext, response_code,
    sasl,
};
use crate::quote::Quote;

/// What the server answers to a part of a login.
pub(super) enum Answer {
    /// It asks for the next part.
    GoOn,
    /// With the capabilities, if it tells them.
    In(Option<Capabilities>),
    /// With its words, if it has said so to this login.
    PlaintextDisabled(Option<Quote>),
}

pub(super) fn log_in(
    lines: &mut Lines<'_>,
    account: &Account,
    auth: Auth,
    capabilities: Capabilities,
) -> Result<Answer, Fault> {
    match auth {
        Auth::Login => login(lines, account),
        Auth::SaslPlain => authenticate(lines, account, capabilities),
    }
}

/// Sends name and password as literals, so that no byte of them can be taken for syntax, and each
/// only after the server asked for it.
fn login(lines: &mut Lines<'_>, account: &Account) -> Result<Answer, Fault> {
    if account.master.is_some() {
        return Err(Fault::CredentialsRefused(Quote::new(
            remarks::MASTER_NEEDS_SASL,
        )));
    }
    let user = &account.user;
    let password = account.password.reveal();
    // The one byte that no literal may have (RFC 3501 9, CHAR8). Said to be refused, so that an
    // account which cannot be sent takes no backend down.
    if user.contains(&0) || password.contains(&0) {
        return Err(Fault::CredentialsRefused(Quote::new(remarks::NOT_FOR_IMAP)));
    }
    let command = format!("{LOGIN} LOGIN {{{}}}", user.len());
    let parts = [
        SecretLine::new(&[Piece::Open(command.as_bytes())]),
        SecretLine::new(&[
            Piece::Open(user),
            Piece::Open(b" {"),
            Piece::Length(password.len()),
            Piece::Open(b"}"),
        ]),
        SecretLine::new(&[Piece::Secret(password)]),
    ];
    in_parts(lines, &parts)
}

/// The response goes with the command where the server can take it, else when it asks (RFC 3501
/// 6.2.2).
fn authenticate(
    lines: &mut Lines<'_>,
    account: &Account,
    capabilities: Capabilities,
) -> Result<Answer, Fault> {
    if capabilities.sasl_plain == Mechanism::NotOffered {
        return Err(Fault::SaslPlainMissing);
    }
    let command = format!("{LOGIN} AUTHENTICATE PLAIN");
    let response = sasl::plain(account)?;
    let command = Piece::Open(command.as_bytes());
    if capabilities.sasl_ir {
        let line = SecretLine::new(&[command, Piece::Open(b" "), response.piece()]);
        in_parts(lines, &[line])
    } else {
        let command = SecretLine::new(&[command]);
        let response = SecretLine::new(&[response.piece()]);
        in_parts(lines, &[command, response])
    }
}

/// Sends each part when the server asks for it; the last one has the password.
fn in_parts(lines: &mut Lines<'_>, parts: &[SecretLine]) -> Result<Answer, Fault> {
    for (number, part) in (1..).zip(parts) {
        lines.send_secret(part)?;
        match login_answer(lines)? {
            Answer::GoOn => {}
            // An OK to half a command is none.
            Answer::In(_) if number < parts.len() => {
                return Err(Fault::Malformed(Quote::new(remarks::IN_TOO_EARLY)));
            }
            answer => return Ok(answer),
        }
    }
    Ok(Answer::GoOn)
}

fn login_answer(lines: &mut Lines<'_>) -> Result<Answer, Fault> {
    let mut told = None;
    loop {
        let line = lines.read()?;
        match Reply::parse(line, LOGIN) {
            Reply::Untagged(response) => told = Capabilities::parse(response).or(told),
            Reply::Continue => return Ok(Answer::GoOn),
            // Dovecot's mail process says so, and BYE, when it cannot open the user's mail.
            Reply::Ok(text) if contains_ignoring_case(text, b"initialization failed") => {
                return Err(Fault::Unavailable(Quote::new(text)));
            }
            Reply::Ok(text) => return Ok(Answer::In(Capabilities::in_code(text).or(told))),
            Reply::No(text) => return refusal(text),
            Reply::Bad(text) => return Err(Fault::Unavailable(Quote::new(text))),
            Reply::Bye(text) => return Err(Fault::Bye(Quote::new(text))),
            Reply::Other => return Err(Fault::Malformed(Quote::new(line))),
        }
    }
}

/// What a NO to a login means. Only what RFC 5530 gives as the server's own trouble counts against it;
/// the rest, limits of the account and codes unknown here included, is the account's.
fn refusal(text: &[u8]) -> Result<Answer, Fault> {
    let code = response_code(text).unwrap_or_default();
    let quote = Quote::new(text);
    if is_over_session_limit(text) {
        Err(Fault::CredentialsRefused(quote))
    } else if after_word(code, "PRIVACYREQUIRED").is_some() || refuses_plaintext(text) {
        Ok(Answer::PlaintextDisabled(Some(quote)))
    } else if after_word(code, "UNAVAILABLE").is_some() || after_word(code, "SERVERBUG").is_some() {
        Err(Fault::Unavailable(quote))
    } else {
        Err(Fault::CredentialsRefused(quote))
    }
}
