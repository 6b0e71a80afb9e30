//! SUBMISSION (RFC 6409): greeting, EHLO, STARTTLS, AUTH PLAIN (RFC 4954).
//!
//! It decides what each reply means and must never send a password where the server does not offer AUTH
//! PLAIN. No message is ever sent: Dovecot's submission service passes it on to another server.

use crate::account::Account;
use crate::config::choice::{choice, Choice, Usual::Value};
use crate::config::kind::Kind::{Port, Truth};
use crate::config::settings::{Auth, Probing};
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::sasl::{self, Answer, Capabilities, Mechanisms};
use crate::probe::protocols::smtp::{self, exchange, read_reply, Class, Subject};
use crate::probe::protocols::table::{
    Dialogue, Hides, PartInDelivery, PortAlone, Ports, Row, UseOfStartTls,
};
use crate::probe::protocols::{
    after_word, is_over_session_limit, refuses_plaintext, steps_with_login, Check, Entry, Progress,
    Way,
};
use crate::service::{Protocol, Security, WhichPort::One};

pub(super) const ROW: Row = Row {
    name: "submission",
    ports: Some(Ports {
        plain: 587,
        tls: 465,
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
        may_say_unasked: smtp::is_closing,
        take_leave: Some(take_leave),
    },
};

const CHOICES: &[Choice] = &[
    choice(Truth(|to| &mut to.of_mut(Protocol::Submission).poll))
        .added_key("poll_submission", Value("False"))
        .nearly("port")
        .help("check submission, up to the login"),
    choice(Truth(|to| &mut to.of_mut(Protocol::Submission).ssl))
        .added_key("submission_ssl", Value("False"))
        .nearly("ssl")
        .help("TLS from the start, on submissions_port"),
    choice(Port(One(Protocol::Submission, Security::Plain)))
        .added_key("submission_port", Value("587"))
        .nearly("port")
        .help("the port that starts in plain text (STARTTLS may follow, see starttls)"),
    choice(Port(One(Protocol::Submission, Security::Tls)))
        .added_key("submissions_port", Value("465"))
        .nearly("ssl")
        .help("the port with TLS from the start"),
];

/// It has no other login than SASL.
fn steps(_: &Probing) -> Vec<String> {
    let mut steps = steps_with_login(Auth::SaslPlain, &[]);
    steps.insert(1, "EHLO".to_owned());
    steps
}

/// A name that is valid everywhere and never looked up (RFC 6761 6.3).
const EHLO: &[u8] = b"EHLO localhost\r\n";

/// The longest command, its line end counted (RFC 5321 4.5.3.1.4, to which RFC 4954 4 holds AUTH).
const LONGEST_COMMAND: usize = 512;

fn begin(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Progress, Failure> {
    lines.stage(Stage::Greeting, |lines| {
        read_reply(lines, |_| {})?.success_or(Fault::PolicyRefused)
    })?;
    let capabilities = lines.stage(Stage::Capability, say_hello)?;
    let account = match check.login() {
        Some(account) => account,
        None => return Ok(Progress::Done(Pass::Clean)),
    };
    if check.way(capabilities.starttls)? == Way::StartTls {
        lines.stage(Stage::StartTls, |lines| {
            exchange(lines, b"STARTTLS\r\n")?.success()
        })?;
        return Ok(Progress::StartTls);
    }
    sasl::enter(lines, check, account, capabilities, log_in).map(Progress::Done)
}

/// Says EHLO anew, for nothing that was told before TLS counts any more (RFC 3207 4.2).
fn resume(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Pass, Failure> {
    let capabilities = lines.stage(Stage::Capability, say_hello)?;
    match check.login() {
        Some(account) => sasl::enter(lines, check, account, capabilities, log_in),
        None => Ok(Pass::Clean),
    }
}

fn take_leave(lines: &mut Lines<'_>) -> Result<(), Fault> {
    exchange(lines, b"QUIT\r\n").map(drop)
}

fn say_hello(lines: &mut Lines<'_>) -> Result<Capabilities, Fault> {
    let mut told = Capabilities::default();
    let mut is_first = true;
    lines.send(EHLO)?;
    let on_text = |text: &[u8]| {
        // The first line has the server's name, whatever that is (RFC 5321 4.1.1.1).
        if !std::mem::take(&mut is_first) {
            told.starttls |= after_word(text, "STARTTLS").is_some();
            if let Some(list) = after_word(text, "AUTH") {
                told.mechanisms = Mechanisms::listed(list);
            }
        }
    };
    read_reply(lines, on_text)?.success_or(Fault::PolicyRefused)?;
    Ok(told)
}

fn log_in(lines: &mut Lines<'_>, account: &Account) -> Result<Entry, Fault> {
    sasl::auth_plain(lines, account, LONGEST_COMMAND, login_answer)
}

/// Codes as RFC 4954 6 has them. One that is about the login for now, 454, is the server's trouble; but
/// 432 asks for another password.
fn login_answer(lines: &mut Lines<'_>) -> Result<Answer, Fault> {
    let (mut is_over_limit, mut wants_tls) = (false, false);
    let on_text = |text: &[u8]| {
        is_over_limit |= is_over_session_limit(text);
        wants_tls |= refuses_plaintext(text);
    };
    let reply = read_reply(lines, on_text)?;
    let needs_tls = |words| Entry::PlaintextDisabled(Some(words));
    match (&reply.code, reply.class) {
        _ if is_over_limit => Err(Fault::CredentialsRefused(reply.last)),
        // 523 is Dovecot's; 530 is what RFC 3207 4 has for any command that TLS has to precede.
        (b"523" | b"530" | b"538", _) => Ok(Answer::Over(needs_tls(reply.last))),
        _ if wants_tls => Ok(Answer::Over(needs_tls(reply.last))),
        (b"235", _) => Ok(Answer::Over(Entry::In)),
        (b"334", _) => Ok(Answer::GoOn(reply.last)),
        (b"432", _) => Err(Fault::CredentialsRefused(reply.last)),
        (_, Class::Closing) => Err(Fault::Bye(reply.last)),
        (_, Class::Temporary) => Err(Fault::Unavailable(reply.last)),
        (_, Class::Permanent) if reply.subject == Subject::Server => {
            Err(Fault::Unavailable(reply.last))
        }
        (_, Class::Permanent) => Err(Fault::CredentialsRefused(reply.last)),
        (_, Class::Success | Class::GoAhead | Class::Other) => Err(Fault::Malformed(reply.last)),
    }
}
