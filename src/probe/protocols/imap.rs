//! IMAP (RFC 3501): greeting, capabilities, STARTTLS; then `login`, and `mailbox` for the work inside.
//!
//! It decides what each reply means and must never send a password where the server said that it
//! takes none.

mod login;
mod mailbox;
mod response;

use std::ops::ControlFlow;

use self::login::Answer;
use self::response::Reply;
use crate::account::Account;
use crate::config::choice::{choice, Choice, Usual::Value};
use crate::config::kind::Kind::{Port, Truth};
use crate::config::settings::{Auth, ImapSteps, Probing};
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::remarks;
use crate::probe::protocols::table::{
    Dialogue, Hides, PartInDelivery, PortAlone, Ports, Row, UseOfStartTls,
};
use crate::probe::protocols::{
    after_word, response_code, steps_with_login, Channel, Check, Entry, Progress, Way,
};
use crate::quote::Quote;
use crate::service::{Protocol, Security, WhichPort::One};

pub(super) const ROW: Row = Row {
    name: "imap",
    ports: Some(Ports {
        plain: 143,
        tls: 993,
        alone: PortAlone::Implies,
    }),
    logs_in: true,
    starttls: UseOfStartTls {
        hides: Hides::Password,
        is_checked_by_default: true,
    },
    part: PartInDelivery::Collects,
    choices: CHOICES,
    steps,
    dialogue: Dialogue {
        begin,
        resume,
        may_say_unasked: |line| after_word(line, "*").is_some(),
        take_leave: Some(take_leave),
    },
};

const CHOICES: &[Choice] = &[
    choice(Truth(|to| &mut to.of_mut(Protocol::Imap).poll))
        .key("poll_imap", Value("True"))
        .nearly("port")
        .help("check IMAP"),
    choice(Truth(|to| &mut to.of_mut(Protocol::Imap).ssl))
        .key("imap_ssl", Value("False"))
        .nearly("ssl")
        .help("TLS from the start, on imaps_port"),
    choice(Port(One(Protocol::Imap, Security::Plain)))
        .key("imap_port", Value("143"))
        .nearly("port")
        .help("the port that starts in plain text (STARTTLS may follow, see starttls)"),
    choice(Port(One(Protocol::Imap, Security::Tls)))
        .key("imaps_port", Value("993"))
        .nearly("ssl")
        .help("the port with TLS from the start"),
    choice(Truth(|to| &mut to.poll_imap_list))
        .key("poll_imap_list", Value("True"))
        .help("after the login, LIST the top level"),
    choice(Truth(|to| &mut to.poll_imap_select))
        .key("poll_imap_select", Value("False"))
        .help("SELECT the INBOX"),
    choice(Truth(|to| &mut to.poll_imap_append))
        .key("poll_imap_append", Value("False"))
        .help("APPEND a test message to the INBOX"),
    choice(Truth(|to| &mut to.poll_imap_expunge))
        .key("poll_imap_expunge", Value("False"))
        .help("delete and expunge the monitor's own test messages; selects the INBOX, too"),
];

fn steps(probing: &Probing) -> Vec<String> {
    let ImapSteps {
        list,
        select,
        append,
        expunge,
    } = probing.steps.imap;
    steps_with_login(
        probing.auth,
        &[
            (list, "LIST"),
            (select || expunge, "SELECT"),
            (append, "APPEND"),
            (expunge, "EXPUNGE of test messages"),
        ],
    )
}

// One tag for each command, since a tag must not be used twice in a session (RFC 3501 2.2.1). Those
// of `mailbox` begin with another letter.
const CAPABILITY: &str = "a1";
const STARTTLS: &str = "a2";
const CAPABILITY_UNDER_TLS: &str = "a3";
const LOGIN: &str = "a4";
const LOGOUT: &str = "a5";
const CAPABILITY_INSIDE: &str = "a6";

fn begin(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Progress, Failure> {
    let greeting = lines.stage(Stage::Greeting, greet)?;
    let announced = match greeting {
        // No STARTTLS can follow a PREAUTH (RFC 3501 6.2.1), so one that was put in place of another
        // greeting must not get past a requirement.
        Greeting::LoggedIn => {
            if check.login().is_none() {
                return Ok(Progress::Done(Pass::Clean));
            }
            check.way(false)?;
            return mailbox::work(lines, check, None).map(Progress::Done);
        }
        Greeting::Ready(announced) => announced,
    };
    let account = match (check.login(), announced) {
        (Some(account), _) => account,
        (None, Some(announced)) if announced.lets_nobody_in(check) => {
            return Ok(Progress::Done(Pass::PlaintextDisabled));
        }
        (None, _) => return Ok(Progress::Done(Pass::Clean)),
    };
    let capabilities = match announced {
        Some(capabilities) => capabilities,
        None => lines.stage(Stage::Capability, |lines| {
            ask_capabilities(lines, CAPABILITY)
        })?,
    };
    if check.way(capabilities.starttls)? == Way::StartTls {
        lines.stage(Stage::StartTls, start_tls)?;
        return Ok(Progress::StartTls);
    }
    enter(lines, check, account, capabilities).map(Progress::Done)
}

/// Asks for the capabilities anew: those from before TLS may have been forged (RFC 3501 6.2.1).
fn resume(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Pass, Failure> {
    let account = match check.login() {
        Some(account) => account,
        None => return Ok(Pass::Clean),
    };
    let capabilities = lines.stage(Stage::Capability, |lines| {
        ask_capabilities(lines, CAPABILITY_UNDER_TLS)
    })?;
    enter(lines, check, account, capabilities)
}

/// Logs in, and does there what is to be done.
fn enter(
    lines: &mut Lines<'_>,
    check: &Check<'_>,
    account: &Account,
    capabilities: Capabilities,
) -> Result<Pass, Failure> {
    let access = lines.stage(Stage::Login, |lines| {
        let answer = if capabilities.take_password(check.auth, check.channel) {
            login::log_in(lines, account, check.auth, capabilities)?
        } else {
            Answer::PlaintextDisabled(None)
        };
        match answer {
            Answer::In(told) => Ok(ControlFlow::Continue(told)),
            Answer::PlaintextDisabled(words) => Entry::PlaintextDisabled(words)
                .without_work(check)
                .map(ControlFlow::Break),
            Answer::GoOn => Err(Fault::Malformed(Quote::new(remarks::ASKS_FOR_MORE))),
        }
    })?;
    match access {
        ControlFlow::Continue(told) => mailbox::work(lines, check, told),
        ControlFlow::Break(pass) => Ok(pass),
    }
}

fn take_leave(lines: &mut Lines<'_>) -> Result<(), Fault> {
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

fn greet(lines: &mut Lines<'_>) -> Result<Greeting, Fault> {
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

/// The capabilities that matter here. The default is that of a server that has not told any.
#[derive(Clone, Copy, Default)]
struct Capabilities {
    starttls: bool,
    login_disabled: bool,
    sasl_plain: Mechanism,
    /// A response may come with AUTHENTICATE (RFC 4959).
    sasl_ir: bool,
    /// RFC 4315; offered only to those who are logged in.
    uidplus: bool,
}

/// AUTH=PLAIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mechanism {
    /// Nothing was told, so it is tried.
    #[default]
    Untold,
    NotOffered,
    Offered,
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
            sasl_plain: match offers("AUTH=PLAIN") {
                true => Mechanism::Offered,
                false => Mechanism::NotOffered,
            },
            sasl_ir: offers("SASL-IR"),
            uidplus: offers("UIDPLUS"),
        })
    }

    fn in_code(text: &[u8]) -> Option<Capabilities> {
        Capabilities::parse(response_code(text)?)
    }

    /// Behind a TLS terminator the server sees plain text although this channel has TLS, so
    /// LOGINDISABLED counts under TLS, too. There it is about LOGIN alone: what AUTHENTICATE takes is listed.
    fn take_password(self, auth: Auth, channel: Channel) -> bool {
        !self.login_disabled || (auth == Auth::SaslPlain && channel == Channel::Encrypted)
    }

    fn lets_nobody_in(self, check: &Check<'_>) -> bool {
        self.login_disabled && check.way(self.starttls) != Ok(Way::StartTls)
    }
}

fn ask_capabilities(lines: &mut Lines<'_>, tag: &str) -> Result<Capabilities, Fault> {
    lines.send(format!("{tag} CAPABILITY\r\n").as_bytes())?;
    let mut told = None;
    loop {
        let line = lines.read()?;
        match Reply::parse(line, tag) {
            Reply::Untagged(response) => told = Capabilities::parse(response).or(told),
            // The tag and the word decide. A server that answers without a list works, and has told
            // nothing.
            Reply::Ok(text) => {
                let told = Capabilities::in_code(text).or(told);
                return Ok(told.unwrap_or_default());
            }
            Reply::No(text) | Reply::Bad(text) => return Err(Fault::Unavailable(Quote::new(text))),
            Reply::Bye(text) => return Err(Fault::Bye(Quote::new(text))),
            Reply::Continue | Reply::Other => return Err(Fault::Malformed(Quote::new(line))),
        }
    }
}

fn start_tls(lines: &mut Lines<'_>) -> Result<(), Fault> {
    lines.send(format!("{STARTTLS} STARTTLS\r\n").as_bytes())?;
    loop {
        let line = lines.read()?;
        match Reply::parse(line, STARTTLS) {
            Reply::Untagged(_) => {}
            Reply::Ok(_) => return Ok(()),
            Reply::No(text) | Reply::Bad(text) => return Err(Fault::Unavailable(Quote::new(text))),
            Reply::Bye(text) => return Err(Fault::Bye(Quote::new(text))),
            Reply::Continue | Reply::Other => return Err(Fault::Malformed(Quote::new(line))),
        }
    }
}
