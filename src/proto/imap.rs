//! IMAP (RFC 3501): greeting, capabilities, STARTTLS, LOGIN.
//!
//! It decides what each reply means and must never send a password where the server said that it
//! takes none. Mailboxes are not its business.

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

// One tag for each command, since a tag must not be used twice in a session (RFC 3501 2.2.1).
const CAPABILITY: &str = "a1";
const STARTTLS: &str = "a2";
const CAPABILITY_UNDER_TLS: &str = "a3";
const LOGIN: &str = "a4";
const LOGOUT: &str = "a5";

pub(super) fn begin<S: Read + Write>(
    lines: &mut Lines<S>,
    check: &Check<'_>,
) -> Result<Progress, Failure> {
    let greeting = greet(lines).map_err(|fault| Failure::new(Stage::Greeting, fault))?;
    let announced = match greeting {
        // No STARTTLS can follow a PREAUTH (RFC 3501 6.2.1), so one that was put in place of another
        // greeting must not get past a requirement.
        Greeting::LoggedIn => {
            if check.account.is_some() {
                check.way(false)?;
            }
            return Ok(Progress::Done(Pass::Clean));
        }
        Greeting::Ready(announced) => announced,
    };
    let account = match (check.account, announced) {
        (Some(account), _) => account,
        (None, Some(announced)) if announced.lets_nobody_in(check) => {
            return Ok(Progress::Done(Pass::PlaintextDisabled));
        }
        (None, _) => return Ok(Progress::Done(Pass::Clean)),
    };
    let capabilities = match announced {
        Some(capabilities) => capabilities,
        None => ask_capabilities(lines, CAPABILITY)?,
    };
    if check.way(capabilities.starttls)? == Way::StartTls {
        start_tls(lines)?;
        return Ok(Progress::StartTls);
    }
    if capabilities.login_disabled {
        return Ok(Progress::Done(Pass::PlaintextDisabled));
    }
    log_in(lines, account).map(Progress::Done)
}

/// Asks for the capabilities anew: those from before TLS may have been forged (RFC 3501 6.2.1).
pub(super) fn resume<S: Read + Write>(
    lines: &mut Lines<S>,
    check: &Check<'_>,
) -> Result<Pass, Failure> {
    let account = match check.account {
        Some(account) => account,
        None => return Ok(Pass::Clean),
    };
    // An encrypted channel can still be one in clear to the server, behind a TLS terminator.
    if ask_capabilities(lines, CAPABILITY_UNDER_TLS)?.login_disabled {
        return Ok(Pass::PlaintextDisabled);
    }
    log_in(lines, account)
}

pub(super) fn take_leave<S: Read + Write>(lines: &mut Lines<S>) -> Result<(), Fault> {
    lines.send(format!("{LOGOUT} LOGOUT\r\n").as_bytes())?;
    while after_word(lines.read()?, LOGOUT).is_none() {}
    Ok(())
}

enum Greeting {
    /// With the capabilities, if it tells them.
    Ready(Option<Capabilities>),
    /// PREAUTH: there is nobody to log in.
    LoggedIn,
}

fn greet<S: Read + Write>(lines: &mut Lines<S>) -> Result<Greeting, Fault> {
    let line = lines.read()?;
    let malformed = || Fault::Malformed(Quote::new(line));
    let response = after_word(line, "*").ok_or_else(malformed)?;
    if let Some(text) = after_word(response, "OK") {
        Ok(Greeting::Ready(Capabilities::in_code(text)))
    } else if after_word(response, "PREAUTH").is_some() {
        Ok(Greeting::LoggedIn)
    } else if let Some(text) = after_word(response, "BYE") {
        Err(Fault::Bye(Quote::new(text)))
    } else {
        Err(malformed())
    }
}

/// The two capabilities that matter here.
#[derive(Clone, Copy)]
struct Capabilities {
    starttls: bool,
    login_disabled: bool,
}

impl Capabilities {
    /// From `CAPABILITY IMAP4rev1 ...`; `None` if the text is something else.
    fn parse(text: &[u8]) -> Option<Capabilities> {
        let names = after_word(text, "CAPABILITY")?;
        let offers = |wanted: &str| {
            names
                .split(|&byte| byte == b' ')
                .any(|name| name.eq_ignore_ascii_case(wanted.as_bytes()))
        };
        Some(Capabilities {
            starttls: offers("STARTTLS"),
            login_disabled: offers("LOGINDISABLED"),
        })
    }

    fn in_code(text: &[u8]) -> Option<Capabilities> {
        Capabilities::parse(response_code(text)?)
    }

    fn lets_nobody_in(self, check: &Check<'_>) -> bool {
        self.login_disabled && check.way(self.starttls) != Ok(Way::StartTls)
    }
}

fn ask_capabilities<S: Read + Write>(
    lines: &mut Lines<S>,
    tag: &str,
) -> Result<Capabilities, Failure> {
    let failed = |fault| Failure::new(Stage::Capability, fault);
    lines
        .send(format!("{tag} CAPABILITY\r\n").as_bytes())
        .map_err(failed)?;
    let mut told = None;
    loop {
        let line = lines.read().map_err(failed)?;
        match Reply::parse(line, tag) {
            Reply::Untagged(response) => told = Capabilities::parse(response).or(told),
            Reply::Ok(text) => {
                let told = Capabilities::in_code(text).or(told);
                return told.ok_or_else(|| failed(Fault::Malformed(Quote::new(line))));
            }
            Reply::No(text) | Reply::Bad(text) => {
                return Err(failed(Fault::Unavailable(Quote::new(text))));
            }
            Reply::Bye(text) => return Err(failed(Fault::Bye(Quote::new(text)))),
            Reply::Continue | Reply::Other => {
                return Err(failed(Fault::Malformed(Quote::new(line))));
            }
        }
    }
}

fn start_tls<S: Read + Write>(lines: &mut Lines<S>) -> Result<(), Failure> {
    let failed = |fault| Failure::new(Stage::StartTls, fault);
    lines
        .send(format!("{STARTTLS} STARTTLS\r\n").as_bytes())
        .map_err(failed)?;
    loop {
        let line = lines.read().map_err(failed)?;
        match Reply::parse(line, STARTTLS) {
            Reply::Untagged(_) => {}
            Reply::Ok(_) => return Ok(()),
            Reply::No(text) | Reply::Bad(text) => {
                return Err(failed(Fault::Unavailable(Quote::new(text))));
            }
            Reply::Bye(text) => return Err(failed(Fault::Bye(Quote::new(text)))),
            Reply::Continue | Reply::Other => {
                return Err(failed(Fault::Malformed(Quote::new(line))));
            }
        }
    }
}

/// Sends name and password as literals, so that no byte of them can be taken for syntax, and each
/// only after the server asked for it.
fn log_in<S: Read + Write>(lines: &mut Lines<S>, account: &Account) -> Result<Pass, Failure> {
    let failed = |fault| Failure::new(Stage::Login, fault);
    let user = &account.user;
    let password = account.password.reveal();
    // The one byte that no literal may have (RFC 3501 9, CHAR8). Said to be refused, so that an
    // account which cannot be sent takes no backend down.
    if user.contains(&0) || password.contains(&0) {
        return Err(failed(Fault::CredentialsRefused(Quote::new(
            "user name or password has a NUL, which IMAP cannot carry",
        ))));
    }
    let command = format!("{LOGIN} LOGIN {{{}}}\r\n", user.len());
    let name = [user, format!(" {{{}}}\r\n", password.len()).as_bytes()].concat();
    // Made at its full size: growing would leave unwiped copies of the password behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(password.len() + 2));
    secret.extend_from_slice(password);
    secret.extend_from_slice(b"\r\n");

    for part in [command.as_bytes(), &name] {
        lines.send(part).map_err(failed)?;
        if let Answer::Over(result) = login_answer(lines, account).map_err(failed)? {
            // An OK to half a command is none.
            return match result {
                Pass::Clean => Err(failed(Fault::Malformed(Quote::new(
                    "logged in before the password was sent",
                )))),
                Pass::PlaintextDisabled => Ok(result),
            };
        }
    }
    lines.send(&secret).map_err(failed)?;
    match login_answer(lines, account).map_err(failed)? {
        Answer::Over(pass) => Ok(pass),
        Answer::GoOn => Err(failed(Fault::Malformed(Quote::new(
            "asks for more after the password",
        )))),
    }
}

/// What the server answers to a part of LOGIN.
enum Answer {
    /// It asks for the next literal.
    GoOn,
    Over(Pass),
}

fn login_answer<S: Read + Write>(lines: &mut Lines<S>, account: &Account) -> Result<Answer, Fault> {
    loop {
        let line = lines.read()?;
        let quote = |text| quote_without_password(text, account);
        match Reply::parse(line, LOGIN) {
            Reply::Untagged(_) => {}
            Reply::Continue => return Ok(Answer::GoOn),
            // Dovecot's mail process says so, and BYE, when it cannot open the user's mail.
            Reply::Ok(text) if contains_ignoring_case(text, b"initialization failed") => {
                return Err(Fault::Unavailable(quote(text)));
            }
            Reply::Ok(_) => return Ok(Answer::Over(Pass::Clean)),
            Reply::No(text) => return refusal(text, account).map(Answer::Over),
            Reply::Bad(text) => return Err(Fault::Unavailable(quote(text))),
            Reply::Bye(text) => return Err(Fault::Bye(quote(text))),
            Reply::Other => return Err(Fault::Malformed(quote(line))),
        }
    }
}

/// What a NO to LOGIN means. Only what RFC 5530 gives as the server's own trouble counts against it;
/// the rest, limits of the account and codes unknown here included, is the account's.
fn refusal(text: &[u8], account: &Account) -> Result<Pass, Fault> {
    let code = response_code(text).unwrap_or_default();
    let quote = quote_without_password(text, account);
    if is_over_session_limit(text) {
        Err(Fault::CredentialsRefused(quote))
    } else if after_word(code, "PRIVACYREQUIRED").is_some() || refuses_plaintext(text) {
        Ok(Pass::PlaintextDisabled)
    } else if after_word(code, "UNAVAILABLE").is_some() || after_word(code, "SERVERBUG").is_some() {
        Err(Fault::Unavailable(quote))
    } else {
        Err(Fault::CredentialsRefused(quote))
    }
}

/// One line of the server's, with what stands behind its first words.
enum Reply<'l> {
    Untagged(&'l [u8]),
    /// Untagged too: the server may take its leave at any time.
    Bye(&'l [u8]),
    Continue,
    Ok(&'l [u8]),
    No(&'l [u8]),
    Bad(&'l [u8]),
    Other,
}

impl<'l> Reply<'l> {
    fn parse(line: &'l [u8], tag: &str) -> Reply<'l> {
        if let Some(response) = after_word(line, "*") {
            return match after_word(response, "BYE") {
                Some(text) => Reply::Bye(text),
                None => Reply::Untagged(response),
            };
        }
        if after_word(line, "+").is_some() {
            return Reply::Continue;
        }
        let status = after_word(line, tag).unwrap_or_default();
        if let Some(text) = after_word(status, "OK") {
            Reply::Ok(text)
        } else if let Some(text) = after_word(status, "NO") {
            Reply::No(text)
        } else if let Some(text) = after_word(status, "BAD") {
            Reply::Bad(text)
        } else {
            Reply::Other
        }
    }
}
