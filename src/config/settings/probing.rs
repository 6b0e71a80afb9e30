//! How services are probed, how often, and with which accounts.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::account::Envelope;
use crate::config::trust::Certificates;

/// When a backend is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// With retries from the end of a round to the start of the next, with rapid rounds from the
    /// start of a poll to the start of the next.
    pub interval: Duration,
    /// From one login to the next, while all is well: rounds between them go as far as the greeting. With
    /// zero each round logs in.
    #[serde(default)]
    pub login_interval: Duration,
    /// For a whole attempt: connect, TLS and talk.
    pub timeout: Duration,
    /// By retries, as poolmon had it, or by rapid rounds, as dovemon had it.
    pub plan: Plan,
    /// Healthy rounds in a row before a backend counts as healthy, at least one.
    pub rise: u32,
    /// Failed rounds in a row before a backend counts as failed, at least one.
    pub fall: u32,
}

/// What is done about a failed attempt before it is a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Where no dovemon file is read, or somebody asks for `retries` or `retry_delay`.
    Retries(Retries),
    /// Where a dovemon file is read, and nobody asks for poolmon's plan.
    Rapid(Rapid),
}

/// poolmon's plan: tried again at once, service by service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// Further attempts after a failed one, before the port has failed for good.
    pub retries: u32,
    /// Before the first retry; later retries wait one sixth of it.
    pub retry_delay: Duration,
}

/// dovemon's plan: failed polls are counted for each service, then it is tried without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rapid {
    /// Failed polls in a row of one service before its rapid round; with none, the first failed poll
    /// means that it has failed.
    pub retry_count: u32,
    /// Attempts of a rapid round; with none, `retry_count` failures mean that it has failed.
    pub rapid_rounds: u32,
    /// Failed attempts of a rapid round that mean that it has failed; all where it has fewer.
    pub rapid_fails_needed: u32,
    /// For an attempt of a rapid round; one that exceeds it means that it has failed.
    pub rapid_timeout: Duration,
}

impl Pace {
    /// Between rounds while rise or fall is being counted.
    pub fn interval_in_doubt(&self) -> Duration {
        (self.interval / 10)
            .max(Duration::from_secs(1))
            .min(self.interval)
    }
}

/// How one attempt is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probing {
    /// Which certificates are checked, and against what.
    pub certificates: Certificates,
    /// What an LMTP probe names as sender and recipient.
    pub envelope: Envelope,
    /// The key `auth`.
    pub auth: Auth,
    /// `--starttls`. `--require-tls` may ask for more: `Certificates::starttls`.
    pub starttls: StartTls,
    /// `--proxy-protocol`.
    pub proxy_protocol: ProxyProtocol,
    /// `poll_imap_list` and the like of dovemon's file; no option asks for a step.
    pub steps: Steps,
}

/// Which accounts probes log in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// Two lines, user name and password, for every backend that has no account of its own. Without it
    /// probes of these do not log in.
    pub credentials: Option<PathBuf>,
    /// `LeftAlone` only by `poll_unknown_backends: False`.
    pub unknown: Unknown,
}

/// What becomes of backends that the file of accounts does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// With the account of `credentials`, or without a login where there is none.
    Probed,
    /// Neither probed nor judged.
    LeftAlone,
}

/// How an account logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// LOGIN of IMAP, USER and PASS of POP3. They know no master user.
    #[default]
    Login,
    /// SASL PLAIN (RFC 4616).
    SaslPlain,
}

/// When a connection that begins in plain text changes to TLS before a password or a recipient is sent. If
/// neither is sent, it never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartTls {
    /// Where the server offers it.
    #[default]
    Offered,
    /// Always: where it is not offered, neither is sent.
    Required,
    /// `--starttls=no`: what begins in plain text stays so. `--require-tls` then withholds the password.
    Never,
}

/// What a connection begins with, before anything else: the header that a port expects which has a proxy in
/// front of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// No header: there is no proxy in front, or it does not ask for one.
    #[default]
    No,
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Over which connections a password may be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordOver {
    /// Any, as the other choices and the server have it.
    #[default]
    Any,
    /// `--require-tls`: TLS whose certificate was checked, and nothing else.
    VerifiedTls,
}

/// What is done after the login or the greeting; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Of polls of IMAP ports; a deep probe has work of its own.
    pub imap: ImapSteps,
    /// Of polls of POP3 ports; a deep probe has work of its own.
    pub pop3: Pop3Steps,
    /// Of polls of LMTP ports; a deep probe has work of its own.
    pub lmtp: LmtpSteps,
}

/// What an IMAP probe does after the login; without an account it does none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImapSteps {
    /// LIST of the top level.
    pub list: bool,
    /// SELECT of the INBOX.
    pub select: bool,
    /// APPEND of a test message to the INBOX.
    pub append: bool,
    /// Expunge of the test messages in the INBOX; implies `select`.
    pub expunge: bool,
}

/// What a POP3 probe does after the login; without an account it does none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pop3Steps {
    /// STAT (RFC 1939, 5): how many messages the maildrop has.
    pub stat: bool,
    /// DELE of the test messages; implies `stat`.
    pub delete: bool,
}

/// What an LMTP probe does beyond naming sender and recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LmtpSteps {
    /// Delivery of a test message.
    pub deliver: bool,
}
