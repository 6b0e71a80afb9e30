//! POP3 (RFC 1939): greeting, CAPA, STLS, USER and PASS or AUTH; then `maildrop` for the work inside.
//!
//! It decides what each reply means.

mod maildrop;

use std::ops::ControlFlow;

use crate::account::Account;
use crate::config::choice::{choice, Choice, Usual::Value};
use crate::config::kind::Kind::{Port, Truth};
use crate::config::settings::{Auth, Pop3Steps, Probing};
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::probe::protocols::line::{Lines, Piece, SecretLine};
use crate::probe::protocols::remarks;
use crate::probe::protocols::sasl::{self, Answer};
use crate::probe::protocols::table::{
    Dialogue, Hides, PartInDelivery, PortAlone, Ports, Row, UseOfStartTls,
};
use crate::probe::protocols::{
    after_word, contains_ignoring_case, is_over_session_limit, refuses_plaintext, response_code,
    steps_with_login, Channel, Check, Entry, Progress, Way,
};
use crate::quote::Quote;
use crate::service::{Protocol, Security, WhichPort::One};

pub(super) const ROW: Row = Row {
    name: "pop3",
    ports: Some(Ports {
        plain: 110,
        tls: 995,
        alone: PortAlone::Implies,
    }),
    logs_in: true,
    starttls: UseOfStartTls {
        hides: Hides::Password,
        is_checked_by_default: false,
    },
    part: PartInDelivery::Collects,
    choices: CHOICES,
    steps,
    dialogue: Dialogue {
        begin,
        resume,
        may_say_unasked: |_| false,
        take_leave: Some(take_leave),
    },
};

const CHOICES: &[Choice] = &[
    choice(Truth(|to| &mut to.of_mut(Protocol::Pop3).poll))
        .key("poll_pop3", Value("False"))
        .nearly("port")
        .help("check POP3"),
    choice(Truth(|to| &mut to.of_mut(Protocol::Pop3).ssl))
        .key("pop3_ssl", Value("False"))
        .nearly("ssl")
        .help("TLS from the start, on pop3s_port"),
    choice(Port(One(Protocol::Pop3, Security::Plain)))
        .key("pop3_port", Value("110"))
        .nearly("port")
        .help("the port that starts in plain text (STARTTLS may follow, see starttls)"),
    choice(Port(One(Protocol::Pop3, Security::Tls)))
        .key("pop3s_port", Value("995"))
        .nearly("ssl")
        .help("the port with TLS from the start"),
    choice(Truth(|to| &mut to.poll_pop3_stat))
        .key("poll_pop3_stat", Value("False"))
        .help("after the login, STAT"),
    choice(Truth(|to| &mut to.poll_pop3_delete))
        .key("poll_pop3_delete", Value("False"))
        .help("delete the monitor's own test messages; asks for STAT, too"),
];

fn steps(probing: &Probing) -> Vec<String> {
    let Pop3Steps { stat, delete } = probing.steps.pop3;
    steps_with_login(
        probing.auth,
        &[(stat || delete, "STAT"), (delete, "DELE of test messages")],
    )
}

/// The longest AUTH command, its line end counted (RFC 5034 4).
const LONGEST_AUTH: usize = 255;

fn begin(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Progress, Failure> {
    lines.stage(Stage::Greeting, expect_ok)?;
    let account = match check.login() {
        Some(account) => account,
        None => return Ok(Progress::Done(Pass::Clean)),
    };
    let mut capabilities = None;
    if check.way(true)? == Way::StartTls {
        let told = lines.stage(Stage::Capability, ask_capabilities)?;
        if check.way(told.stls)? == Way::StartTls {
            lines.stage(Stage::StartTls, |lines| {
                lines.send(b"STLS\r\n")?;
                expect_ok(lines)
            })?;
            return Ok(Progress::StartTls);
        }
        capabilities = Some(told);
    }
    enter(lines, check, account, capabilities).map(Progress::Done)
}

/// Nothing that was told before TLS counts any more (RFC 2595 4).
fn resume(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Pass, Failure> {
    match check.login() {
        Some(account) => enter(lines, check, account, None),
        None => Ok(Pass::Clean),
    }
}

/// Logs in, and does there what is to be done.
fn enter(
    lines: &mut Lines<'_>,
    check: &Check<'_>,
    account: &Account,
    capabilities: Option<Capabilities>,
) -> Result<Pass, Failure> {
    let capabilities = match (check.auth, capabilities) {
        (Auth::SaslPlain, None) => Some(lines.stage(Stage::Capability, ask_capabilities)?),
        (_, told) => told,
    };
    let access = lines.stage(Stage::Login, |lines| {
        let entry = match check.auth {
            Auth::Login => log_in(lines, account)?,
            Auth::SaslPlain => {
                authenticate(lines, check, account, capabilities.unwrap_or_default())?
            }
        };
        match entry {
            Entry::In => Ok(ControlFlow::Continue(())),
            entry => entry.without_work(check).map(ControlFlow::Break),
        }
    })?;
    match access {
        ControlFlow::Continue(()) => maildrop::work(lines, check),
        ControlFlow::Break(pass) => Ok(pass),
    }
}

fn take_leave(lines: &mut Lines<'_>) -> Result<(), Fault> {
    lines.send(b"QUIT\r\n")?;
    lines.read().map(drop)
}

fn expect_ok(lines: &mut Lines<'_>) -> Result<(), Fault> {
    match Reply::parse(lines.read()?) {
        Reply::Ok(_) => Ok(()),
        Reply::Err(text) => Err(Fault::Unavailable(Quote::new(text))),
        Reply::Other(line) => Err(Fault::Malformed(Quote::new(line))),
    }
}

/// The capabilities that matter here (RFC 2449).
#[derive(Clone, Copy, Default)]
struct Capabilities {
    stls: bool,
    user: bool,
    sasl_plain: bool,
}

/// Asks, for POP3's greeting has none. A server without CAPA has nothing of all that.
fn ask_capabilities(lines: &mut Lines<'_>) -> Result<Capabilities, Fault> {
    let mut told = Capabilities::default();
    lines.send(b"CAPA\r\n")?;
    match Reply::parse(lines.read()?) {
        Reply::Ok(_) => {}
        // Its own troubles are no lack of CAPA; to go on would be to do without TLS.
        Reply::Err(text) if is_trouble(text) => {
            return Err(Fault::Unavailable(Quote::new(text)));
        }
        Reply::Err(_) => return Ok(told),
        Reply::Other(line) => return Err(Fault::Malformed(Quote::new(line))),
    }
    loop {
        let line = lines.read()?;
        if line == b"." {
            return Ok(told);
        }
        told.stls |= after_word(line, "STLS").is_some();
        told.user |= after_word(line, "USER").is_some();
        told.sasl_plain |= after_word(line, "SASL").map_or(false, |mechanisms| {
            mechanisms
                .split(|&byte| byte == b' ')
                .any(|name| name.eq_ignore_ascii_case(b"PLAIN"))
        });
    }
}

/// USER, then PASS once USER was answered: a server that takes no password in plain text says so to USER.
fn log_in(lines: &mut Lines<'_>, account: &Account) -> Result<Entry, Fault> {
    if account.master.is_some() {
        return Err(Fault::CredentialsRefused(Quote::new(
            remarks::MASTER_NEEDS_SASL,
        )));
    }
    let password = account.password.reveal();
    // A line end would begin a command of its own. Said to be refused, so that an account which
    // cannot be sent takes no backend down.
    let unfit = |byte: &u8| matches!(byte, b'\0' | b'\r' | b'\n');
    if account.user.iter().any(unfit) || password.iter().any(unfit) {
        return Err(Fault::CredentialsRefused(Quote::new(remarks::NOT_FOR_POP3)));
    }
    let user = SecretLine::new(&[Piece::Open(b"USER "), Piece::Open(&account.user)]);
    let pass = SecretLine::new(&[Piece::Open(b"PASS "), Piece::Secret(password)]);
    for line in [user, pass] {
        lines.send_secret(&line)?;
        match login_answer(lines)? {
            Answer::Over(Entry::In) => {}
            Answer::Over(entry) => return Ok(entry),
            Answer::GoOn(line) => return Err(Fault::Malformed(line)),
        }
    }
    Ok(Entry::In)
}

fn authenticate(
    lines: &mut Lines<'_>,
    check: &Check<'_>,
    account: &Account,
    capabilities: Capabilities,
) -> Result<Entry, Fault> {
    if !capabilities.sasl_plain {
        // Dovecot offers neither where it takes no password in plain text.
        return match check.channel {
            Channel::Clear if !capabilities.user => Ok(Entry::PlaintextDisabled(None)),
            _ => Err(Fault::SaslPlainMissing),
        };
    }
    sasl::auth_plain(lines, account, LONGEST_AUTH, login_answer)
}

fn login_answer(lines: &mut Lines<'_>) -> Result<Answer, Fault> {
    match Reply::parse(lines.read()?) {
        Reply::Ok(_) => Ok(Answer::Over(Entry::In)),
        Reply::Err(text) => refusal(text).map(Answer::Over),
        Reply::Other(line) => {
            let quote = Quote::new(line);
            match after_word(line, "+") {
                Some(_) => Ok(Answer::GoOn(quote)),
                None => Err(Fault::Malformed(quote)),
            }
        }
    }
}

/// What an `-ERR` to a login means, by its code (RFC 2449 8.1, RFC 3206).
fn refusal(text: &[u8]) -> Result<Entry, Fault> {
    let code = response_code(text).unwrap_or_default();
    let quote = Quote::new(text);
    let is = |wanted: &str| code.eq_ignore_ascii_case(wanted.as_bytes());
    // Before IN-USE, which is the code that Dovecot gives this refusal.
    if is_over_session_limit(text) {
        Err(Fault::CredentialsRefused(quote))
    } else if refuses_plaintext(text) {
        Ok(Entry::PlaintextDisabled(Some(quote)))
    } else if is_trouble(text) {
        Err(Fault::Unavailable(quote))
    } else if is("IN-USE") || is("LOGIN-DELAY") {
        // The login was accepted; another monitor has the maildrop, or had it a moment ago.
        Ok(Entry::InUse(quote))
    } else if code.is_empty() && text.starts_with(b"Disconnected") {
        // Dovecot's good-bye, as BYE is IMAP's.
        Err(Fault::Bye(quote))
    } else {
        Err(Fault::CredentialsRefused(quote))
    }
}

/// Whether the server says that it has troubles of its own.
fn is_trouble(text: &[u8]) -> bool {
    let code = response_code(text).unwrap_or_default();
    code.eq_ignore_ascii_case(b"SYS/TEMP")
        || code.eq_ignore_ascii_case(b"SYS/PERM")
        || is_old_dovecot_failing(text)
}

/// What fails behind a login, in the words of Dovecot before 2.3, whatever the code.
const FAILING: [&str; 4] = [
    "temporary authentication failure",
    "internal error",
    "internal login failure",
    "temporarily unavailable",
];

/// What a maildrop is said to be that somebody else has, in the words of Dovecot and of RFC 1939 7 and RFC 2449 8.1.2.
const HAD_BY_OTHERS: [&str; 6] = ["lock", "in use", "busy", "session", "sync", "inconsistent"];

/// Dovecot before 2.3 gives the code IN-USE to whatever fails behind a login, too, such as a mail process that cannot be
/// reached, and only the words tell.
fn is_old_dovecot_failing(text: &[u8]) -> bool {
    let has = |words: &&str| contains_ignoring_case(text, words.as_bytes());
    let is_for_another_reason = match response_code(text) {
        Some(code) if code.eq_ignore_ascii_case(b"IN-USE") => {
            let words = &text[code.len() + "[]".len()..];
            !words.iter().all(u8::is_ascii_whitespace) && !HAD_BY_OTHERS.iter().any(has)
        }
        _ => false,
    };
    is_for_another_reason || FAILING.iter().any(has)
}

enum Reply<'l> {
    /// With the text behind `+OK`.
    Ok(&'l [u8]),
    /// With the text behind `-ERR`.
    Err(&'l [u8]),
    /// The whole line.
    Other(&'l [u8]),
}

impl<'l> Reply<'l> {
    fn parse(line: &'l [u8]) -> Reply<'l> {
        if let Some(text) = after_word(line, "+OK") {
            Reply::Ok(text)
        } else if let Some(text) = after_word(line, "-ERR") {
            Reply::Err(text)
        } else {
            Reply::Other(line)
        }
    }
}
