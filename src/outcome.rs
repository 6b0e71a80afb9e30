//! What one attempt can come to: where it was, and how it ended. What can go wrong is in `fault`.
//!
//! Values and their texts only; what follows from an outcome is decided by `schedule` and `policy`.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::service::Port;

mod bad_certificate;
mod evidence;
mod fault;

pub(crate) use bad_certificate::{day_in_utc, in_utc};
pub use bad_certificate::{BadCertificate, NoCommonVersion, PresentedNames};
pub use evidence::{Certificate, Dialogue, Evidence, StageTimes};
pub use fault::{Blame, Fault, Withheld};

mod words;

/// Where in an attempt something happened, in the order of an attempt's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before the connection.
    Prepare,
    /// Of TCP, with the PROXY protocol's header if one is sent.
    Connect,
    /// The handshake with which a connection begins.
    Tls,
    /// The server's first reply; of a port of unknown use its first line.
    Greeting,
    /// CAPABILITY, CAPA.
    Capability,
    /// LHLO.
    Hello,
    /// STARTTLS, STLS: the command.
    StartTls,
    /// The handshake after it.
    Upgrade,
    /// The account's: IMAP LOGIN, POP3 USER and PASS, or AUTHENTICATE and AUTH.
    Login,
    /// IMAP LIST.
    List,
    /// IMAP APPEND.
    Append,
    /// IMAP SELECT.
    Select,
    /// POP3 STAT.
    Stat,
    /// The look for test messages: IMAP SEARCH and FETCH, POP3 LIST and TOP.
    Search,
    /// The deletion of test messages: IMAP STORE and EXPUNGE, POP3 DELE and QUIT.
    Delete,
    /// LMTP MAIL FROM.
    Sender,
    /// LMTP RCPT TO.
    Recipient,
    /// LMTP DATA and the message.
    Data,
    /// The good-bye. What comes of it changes no result, so no attempt fails here; but it takes its time.
    Logout,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Prepare => "preparation",
            Stage::Connect => "connect",
            Stage::Tls | Stage::Upgrade => "tls handshake",
            Stage::Greeting => "greeting",
            Stage::Capability => "capabilities",
            Stage::StartTls => "starttls",
            Stage::Hello => "lhlo",
            Stage::Login => "login",
            Stage::List => "list",
            Stage::Append => "append",
            Stage::Select => "select",
            Stage::Stat => "stat",
            Stage::Search => "search",
            Stage::Delete => "delete",
            Stage::Sender => "mail from",
            Stage::Recipient => "rcpt to",
            Stage::Data => "data",
            Stage::Logout => "logout",
        })
    }
}

/// A deep probe delivers at one port and then reads at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leg {
    /// Where messages are delivered, or the only port.
    First,
    /// Where they are read.
    Second,
}

/// A failed attempt: where and what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which of the service's ports, where it has several.
    pub port: Option<Port>,
    /// The one that was not passed.
    pub stage: Stage,
    /// What went wrong there, and so whose fault it is.
    pub fault: Fault,
}

impl Failure {
    /// A failure at the service's only port, or where the port is not to be said.
    pub fn new(stage: Stage, fault: Fault) -> Failure {
        Failure {
            port: None,
            stage,
            fault,
        }
    }

    /// The same, at this one of the service's ports.
    pub fn at(self, port: Port) -> Failure {
        Failure {
            port: Some(port),
            ..self
        }
    }

    /// How far the attempt got.
    pub fn reached(&self) -> (Leg, Stage) {
        let leg = match self.port {
            Some(port) if !port.takes_messages() => Leg::Second,
            _ => Leg::First,
        };
        (leg, self.stage)
    }
}

impl Failure {
    /// For a person: the same, and of a time-out what did not come within the time that was waited.
    pub fn explained(&self, waited: Duration) -> String {
        let seconds = (waited.as_secs_f64() * 10.0).round() / 10.0;
        match (&self.fault, self.stage) {
            (Fault::TimedOut, Stage::Connect) => {
                format!("{self}, no answer to the connection within {seconds} s")
            }
            (Fault::TimedOut, Stage::Greeting) => format!(
                "{self}, the backend accepts connections but sends no greeting within {seconds} s"
            ),
            (Fault::TimedOut, Stage::Tls) => format!(
                "{self}, the backend accepts connections but does not answer the TLS handshake \
                 within {seconds} s"
            ),
            (Fault::TimedOut, _) => format!("{self}, no answer within {seconds} s"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(port) = &self.port {
            write!(f, "at {port} ")?;
        }
        write!(f, "{}: {}", self.stage, self.fault)
    }
}

/// A successful attempt. A remark is worth an error line, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// Nothing is to be remarked.
    Clean,
    /// The server takes no password in plain text and offers no TLS, or refused one; poolmon counts
    /// that as healthy.
    PlaintextDisabled,
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Pass::Clean => "healthy",
            Pass::PlaintextDisabled => {
                "healthy, but plaintext login disabled - check login_trusted_networks"
            }
        })
    }
}

/// The result of one attempt on one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Before the connection was opened.
    pub began: Instant,
    /// Of the whole attempt, with the good-bye.
    pub latency: Duration,
    /// Of a deep probe: from the server's word that it has the message to the reading of it.
    pub delivery: Option<Duration>,
    /// Whether the server accepted a login.
    pub logged_in: bool,
    /// What the schedule and the rules go by.
    pub result: Result<Pass, Failure>,
    /// For people alone; nothing is decided by it.
    pub evidence: Evidence,
}

impl Outcome {
    /// Of an attempt that did not log in, delivered nothing, and of which nothing else is known.
    pub fn new(began: Instant, latency: Duration, result: Result<Pass, Failure>) -> Outcome {
        Outcome {
            began,
            latency,
            delivery: None,
            logged_in: false,
            result,
            evidence: Evidence::default(),
        }
    }

    /// When the connection was closed, or given up.
    pub fn ended(&self) -> Instant {
        self.began + self.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_is_explained_by_what_did_not_come_and_in_tenths_of_a_second() {
        let explained = |stage, milliseconds| {
            let failure = Failure::new(stage, Fault::TimedOut);
            failure.explained(Duration::from_millis(milliseconds))
        };
        for (stage, milliseconds, text) in [
            (
                Stage::Connect,
                5004,
                "connect: timed out, no answer to the connection within 5 s",
            ),
            (
                Stage::Greeting,
                2449,
                "greeting: timed out, the backend accepts connections but sends no greeting within 2.4 s",
            ),
            (
                Stage::Tls,
                60_000,
                "tls handshake: timed out, the backend accepts connections but does not answer the TLS handshake within 60 s",
            ),
            (
                Stage::Login,
                251,
                "login: timed out, no answer within 0.3 s",
            ),
        ] {
            assert_eq!(explained(stage, milliseconds), text);
        }
        let refused = Failure::new(Stage::Connect, Fault::Refused);
        let waited = Duration::from_secs(1);
        assert_eq!(refused.explained(waited), refused.to_string());
    }
}
