//! The dialogues with a backend, over anything that reads and writes.
//!
//! A dialogue says whether the server behind the stream serves. It has no socket, no clock, no
//! channel and no log: the stream it is given keeps the deadline, and `net` turns it to TLS between
//! [`begin`] and [`resume`]. Every command waits for the reply to the one before it.

mod any_line;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod imap;
pub(crate) mod line;
pub(crate) mod lmtp;
mod message;
mod pop3;
mod remarks;
mod repeats;
mod sasl;
mod sieve;
mod smtp;
mod submission;
pub mod table;
#[cfg(test)]
mod tests;
pub mod token;

pub use self::repeats::Repeats;
use self::table::Protocol;
use crate::account::{Account, Envelope};
use crate::config::settings::{Auth, StartTls, Steps};
use crate::config::trust::PasswordNeeds;
use crate::outcome::{Failure, Fault, Pass, Stage, Withheld};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::token::Token;
use crate::quote::Quote;

/// Whether what is said can be read on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// In plain text.
    Clear,
    /// By TLS, whether or not the certificate was checked.
    Encrypted,
}

/// What to check beyond the greeting.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// Who logs in, unless the greeting is enough.
    pub account: Option<&'a Account>,
    /// What nobody is shown of what the server says.
    pub repeats: &'a Repeats,
    /// How the account logs in.
    pub auth: Auth,
    /// What is named where messages are delivered (LMTP).
    pub envelope: &'a Envelope,
    /// `--starttls`; what `--require-tls` adds is in `password_needs`.
    pub starttls: StartTls,
    /// What the password needs; `Nothing` without an account.
    pub password_needs: PasswordNeeds,
    /// What is to be done once the server lets one in.
    pub work: Work,
    /// The mark of this attempt's test messages.
    pub token: &'a Token,
    /// Called as soon as a milestone is reached, so that whoever has a clock can look at it.
    pub milestone: &'a dyn Fn(Milestone),
    /// The channel that the dialogue begins on.
    pub channel: Channel,
}

/// What is to be done on a server that lets one in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing: it ends at the greeting, as without an account and without an address.
    Greeting,
    /// What a poll does.
    Steps(Steps),
    /// The first half of a deep probe, over LMTP: delivers a message to the account's user.
    Deliver,
    /// Its second half, over IMAP or POP3: finds that message, deletes it and what earlier runs have
    /// left. [`Fault::MessageMissing`] if it is not there: it may come yet.
    Collect,
}

/// A moment of a deep probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// The server has said that it has the message.
    Delivered,
    /// The message has been read.
    Found,
}

/// How far the way to a password or a recipient is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Say it here.
    Clear,
    /// Ask for TLS first.
    StartTls,
}

/// What a login comes to, if it is not refused.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    In,
    /// The server takes no password on a channel without TLS, and takes this one for such a channel: with its
    /// words, if it said so to a login.
    PlaintextDisabled(Option<Quote>),
    /// The password was accepted, but somebody else has the maildrop.
    InUse(Quote),
}

impl Entry {
    /// The result where nobody came in. A deep probe has nothing to say for the server then, since
    /// its message lies there unread. Over TLS nothing is in plain text: a server that says so all the same
    /// refuses every login there.
    fn without_work(self, check: &Check<'_>) -> Result<Pass, Fault> {
        let refused = |text| Err(Fault::CredentialsRefused(text));
        match (self, check.channel, check.work) {
            (Entry::PlaintextDisabled(words), Channel::Encrypted, _) => {
                refused(words.unwrap_or_else(|| Quote::new(remarks::DISABLED_OVER_TLS)))
            }
            (Entry::PlaintextDisabled(_), Channel::Clear, Work::Collect) => {
                refused(Quote::new(remarks::NO_WAY_TO_READ))
            }
            (Entry::PlaintextDisabled(_), Channel::Clear, _) => Ok(Pass::PlaintextDisabled),
            (Entry::InUse(text), _, Work::Collect) => Err(Fault::MaildropInUse(text)),
            (Entry::In, _, Work::Collect) => Err(Fault::MessageMissing),
            (Entry::In | Entry::InUse(_), _, _) => Ok(Pass::Clean),
        }
    }
}

impl<'a> Check<'a> {
    /// Who logs in, if anybody does.
    fn login(&self) -> Option<&'a Account> {
        self.account.filter(|_| self.work != Work::Greeting)
    }

    /// What has to come before something worth hiding, on a server that offers STARTTLS or not.
    fn way(&self, offers_tls: bool) -> Result<Way, Failure> {
        let needs_tls = match self.password_needs {
            PasswordNeeds::Nothing => false,
            PasswordNeeds::Tls => true,
            PasswordNeeds::VerifiedTlsThatIsOff => {
                return Err(withheld(Withheld::CertificateUnchecked))
            }
        };
        match (self.channel, self.starttls, offers_tls) {
            (Channel::Encrypted, _, _) => Ok(Way::Clear),
            (_, StartTls::Never, _) if needs_tls => Err(withheld(Withheld::NoStartTls)),
            (_, StartTls::Never, _) => Ok(Way::Clear),
            (Channel::Clear, _, true) => Ok(Way::StartTls),
            (Channel::Clear, StartTls::Offered, false) if !needs_tls => Ok(Way::Clear),
            (Channel::Clear, StartTls::Offered | StartTls::Required, false) => {
                Err(Failure::new(Stage::StartTls, Fault::StartTlsMissing))
            }
        }
    }
}

fn withheld(why: Withheld) -> Failure {
    Failure::new(Stage::Login, Fault::PasswordWithheld(why))
}

/// How far [`begin`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The dialogue has ended, with the good-bye.
    Done(Pass),
    /// The server waits for the TLS handshake; [`resume`] on the encrypted stream.
    StartTls,
}

/// The dialogue from the greeting on, with the good-bye if it ends here.
pub fn begin(
    protocol: Protocol,
    lines: &mut Lines<'_>,
    check: &Check<'_>,
) -> Result<Progress, Failure> {
    lines.set_unasked(protocol.row().dialogue.may_say_unasked);
    let result = (protocol.row().dialogue.begin)(lines, check)
        .map_err(|failure| without_password(failure, check.repeats));
    if let Err(failure) = &result {
        lines.end_failed_stage(failure);
    }
    if result != Ok(Progress::StartTls) {
        take_leave(protocol, lines, result.as_ref().err());
    }
    result
}

/// The rest of a dialogue for which [`begin`] gave [`Progress::StartTls`], on the encrypted stream, with
/// the same `check`.
pub fn resume(
    protocol: Protocol,
    lines: &mut Lines<'_>,
    check: &Check<'_>,
) -> Result<Pass, Failure> {
    let check = &Check {
        channel: Channel::Encrypted,
        ..*check
    };
    lines.set_unasked(protocol.row().dialogue.may_say_unasked);
    let result = (protocol.row().dialogue.resume)(lines, check)
        .map_err(|failure| without_password(failure, check.repeats));
    if let Err(failure) = &result {
        lines.end_failed_stage(failure);
    }
    take_leave(protocol, lines, result.as_ref().err());
    result
}

/// Says good-bye, so that the server does not log an aborted session for each probe, and waits for
/// the answer, so that no reset overtakes the farewell. What comes of it changes no result.
fn take_leave(protocol: Protocol, lines: &mut Lines<'_>, failure: Option<&Failure>) {
    // After a whole reply the connection is in step; after any other fault it is not.
    let in_step = match failure {
        None => true,
        Some(failure) => matches!(
            failure.fault,
            Fault::Unavailable(_)
                | Fault::StartTlsMissing
                | Fault::PasswordWithheld(_)
                | Fault::CredentialsRefused(_)
                | Fault::SaslPlainMissing
                | Fault::MaildropInUse(_)
                | Fault::MailboxRefused(_)
                | Fault::UidPlusMissing
                | Fault::MessageMissing
                | Fault::PolicyRefused(_)
                | Fault::SenderRefused(_)
                | Fault::RecipientRefused(_)
                | Fault::MessageRefused(_)
        ),
    };
    let take_leave = match protocol.row().dialogue.take_leave {
        Some(take_leave) if in_step && !lines.are_over() => take_leave,
        _ => return,
    };
    lines.begin_farewell();
    if let Err(failure) = lines.stage(Stage::Logout, take_leave) {
        lines.end_failed_stage(&failure);
    }
}

/// The steps of a protocol that logs in, in words.
fn steps_with_login(auth: Auth, further: &[(bool, &str)]) -> Vec<String> {
    let login = match auth {
        Auth::Login => "login where there is an account",
        Auth::SaslPlain => "login by SASL PLAIN where there is an account",
    };
    let further = further.iter().filter(|(wanted, _)| *wanted);
    let words = ["greeting", login]
        .into_iter()
        .chain(further.map(|(_, step)| *step));
    words.map(str::to_owned).collect()
}

/// What a failure quotes is withheld if it repeats a part of the password: a server that has learnt it may say it at
/// any time.
fn without_password(failure: Failure, repeats: &Repeats) -> Failure {
    let fault = failure.fault.with_quote(|quote| {
        match !remarks::are(quote.text()) && repeats.are_in(&quote.unescaped()) {
            true => Quote::new(remarks::WITHHELD),
            false => quote,
        }
    });
    Failure { fault, ..failure }
}

/// Dovecot's words up to 2.3 and from 2.4, and those of its older POP3 server, which had no code.
fn refuses_plaintext(reply: &[u8]) -> bool {
    [
        "plaintext authentication dis",
        "cleartext authentication dis",
        "authentication not allowed until ssl/tls is enabled",
    ]
    .iter()
    .any(|words| contains_ignoring_case(reply, words.as_bytes()))
}

/// Dovecot's refusal of one session more of the same user from the same address, which comes after
/// the password was accepted. It counts sessions that hang on this backend, so it is no proof of
/// health; and it may only mean too many monitors, so it is no proof of illness either.
fn is_over_session_limit(reply: &[u8]) -> bool {
    contains_ignoring_case(reply, b"maximum number of connections")
}

/// The response code in brackets at the start of a reply's text (RFC 3501 7.1, RFC 2449 8), in the
/// server's spelling: `ALERT`, `SYS/TEMP`, `CAPABILITY IMAP4rev1 IDLE`.
fn response_code(text: &[u8]) -> Option<&[u8]> {
    let inside = text.strip_prefix(b"[")?;
    let end = inside.iter().position(|&byte| byte == b']')?;
    Some(&inside[..end])
}

/// Never true for an empty `wanted`.
fn contains_ignoring_case(text: &[u8], wanted: &[u8]) -> bool {
    !wanted.is_empty()
        && text
            .windows(wanted.len())
            .any(|window| window.eq_ignore_ascii_case(wanted))
}

/// What follows `word` in `line`: nothing, or the text behind one space. `None` if the line does not
/// begin with the whole word, in any case.
fn after_word<'l>(line: &'l [u8], word: &str) -> Option<&'l [u8]> {
    let (first, rest) = match line.iter().position(|&byte| byte == b' ') {
        Some(space) => (&line[..space], &line[space + 1..]),
        None => (line, &line[line.len()..]),
    };
    first.eq_ignore_ascii_case(word.as_bytes()).then_some(rest)
}
