//! The closed lists of what one attempt can come to: stage, fault, whose fault.
//!
//! Values and their texts only; what follows from an outcome is decided by `schedule` and `policy`.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::quote::Quote;
use crate::service::Port;

/// Where in an attempt something happened, in the order of an attempt's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Before the connection: descriptors, the name for the certificate.
    Prepare,
    Connect,
    Tls,
    Greeting,
    /// CAPABILITY, CAPA.
    Capability,
    /// STARTTLS, STLS: the command; the handshake after it is `Tls`.
    StartTls,
    /// LHLO.
    Hello,
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
    Sender,
    Recipient,
    /// LMTP DATA and the message.
    Data,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Prepare => "preparation",
            Stage::Connect => "connect",
            Stage::Tls => "tls handshake",
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
        })
    }
}

/// Whose fault a failed attempt is; what follows from it, `policy` decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The backend's.
    Service,
    /// Of something that many backends have in common with this monitor: an account, a certificate
    /// authority, a test address. Counts against one only while another passes the same check.
    Shared,
    /// This machine's; never counts.
    Local,
}

/// What went wrong in an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Refused,
    TimedOut,
    /// The connection ended, in order or by a reset, before the answer was whole.
    Closed,
    /// The network says there is no way to the backend.
    Unreachable,
    /// A line longer than the dialogue accepts.
    LineTooLong,
    /// More bytes in one attempt than the dialogue accepts.
    TooMuch,
    /// An answer that is not of the protocol.
    Malformed(Quote),
    /// Clear text behind the answer to STARTTLS: somebody in between tries to inject it (CVE-2011-0411).
    InjectedText,
    /// The server took its leave (IMAP BYE, LMTP 421).
    Bye(Quote),
    /// The server says that it cannot serve at present, or refuses something that every healthy one grants.
    Unavailable(Quote),
    /// A message was delivered and cannot be found where it ought to be.
    MessageMissing,
    /// TLS could not be agreed on, for another reason than the certificate.
    TlsFailed(Quote),
    /// Any other error of the system, by its text.
    System(Quote),

    /// User name or password.
    CredentialsRefused(Quote),
    /// The server offers no SASL PLAIN, which is to be used.
    SaslPlainMissing,
    /// Another session holds the maildrop, so it cannot be looked into.
    MaildropInUse(Quote),
    /// The server does not do what is asked with this mailbox: permissions, quota, a missing one.
    MailboxRefused(Quote),
    /// The server has no UIDPLUS (RFC 4315), so nothing could be deleted but what others have marked
    /// too.
    UidPlusMissing,
    /// STARTTLS is required and not on offer, so nothing was sent that is worth hiding.
    StartTlsMissing,
    /// The certificate is not trusted, has expired, or bears another name.
    CertificateRefused(Quote),
    SenderRefused(Quote),
    RecipientRefused(Quote),
    /// The server does not take the test message for this recipient.
    MessageRefused(Quote),

    /// The address's name, against which the certificate is to be checked, is still being asked for.
    NamePending,
    /// DNS did not say which name the address has, and the certificate does not bear the address.
    NameUnknown,
    NoDescriptors,
    NoMemory,
    /// No local address or port is left to connect from.
    NoAddress,
    /// The probe itself broke: a bug of the monitor.
    Panicked,
    /// The TLS library cannot be set up here.
    NoTls(Quote),
}

impl Fault {
    /// What an error of a socket means.
    pub fn from_io(error: &io::Error) -> Fault {
        use io::ErrorKind::*;
        // These have no stable `ErrorKind` in Rust 1.63.
        const EMFILE: i32 = Errno::EMFILE as i32;
        const ENFILE: i32 = Errno::ENFILE as i32;
        const ENOMEM: i32 = Errno::ENOMEM as i32;
        const ENOBUFS: i32 = Errno::ENOBUFS as i32;
        const EHOSTUNREACH: i32 = Errno::EHOSTUNREACH as i32;
        const ENETUNREACH: i32 = Errno::ENETUNREACH as i32;
        match error.raw_os_error() {
            Some(EMFILE | ENFILE) => return Fault::NoDescriptors,
            Some(ENOMEM | ENOBUFS) => return Fault::NoMemory,
            Some(EHOSTUNREACH | ENETUNREACH) => return Fault::Unreachable,
            _ => {}
        }
        match error.kind() {
            ConnectionRefused => Fault::Refused,
            TimedOut | WouldBlock => Fault::TimedOut,
            UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected => {
                Fault::Closed
            }
            AddrNotAvailable => Fault::NoAddress,
            OutOfMemory => Fault::NoMemory,
            _ => Fault::System(Quote::new(error.to_string())),
        }
    }

    pub fn blame(&self) -> Blame {
        match self {
            Fault::Refused
            | Fault::TimedOut
            | Fault::Closed
            | Fault::Unreachable
            | Fault::LineTooLong
            | Fault::TooMuch
            | Fault::Malformed(_)
            | Fault::InjectedText
            | Fault::Bye(_)
            | Fault::Unavailable(_)
            | Fault::MessageMissing
            | Fault::TlsFailed(_)
            | Fault::System(_) => Blame::Service,
            Fault::StartTlsMissing
            | Fault::CredentialsRefused(_)
            | Fault::SaslPlainMissing
            | Fault::MaildropInUse(_)
            | Fault::MailboxRefused(_)
            | Fault::UidPlusMissing
            | Fault::CertificateRefused(_)
            | Fault::SenderRefused(_)
            | Fault::RecipientRefused(_)
            | Fault::MessageRefused(_) => Blame::Shared,
            Fault::NamePending
            | Fault::NameUnknown
            | Fault::NoDescriptors
            | Fault::NoMemory
            | Fault::NoAddress
            | Fault::Panicked
            | Fault::NoTls(_) => Blame::Local,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Refused => f.write_str("connection refused"),
            Fault::TimedOut => f.write_str("timed out"),
            Fault::Closed => f.write_str("connection closed"),
            Fault::Unreachable => f.write_str("no route to the backend"),
            Fault::LineTooLong => f.write_str("line too long"),
            Fault::TooMuch => f.write_str("too much text"),
            Fault::Malformed(text) => write!(f, "malformed reply {text}"),
            Fault::InjectedText => f.write_str("clear text behind the reply to starttls"),
            Fault::Bye(text) => write!(f, "server says good-bye {text}"),
            Fault::Unavailable(text) => write!(f, "server cannot serve {text}"),
            Fault::MessageMissing => f.write_str("the delivered message is not there"),
            Fault::TlsFailed(text) => write!(f, "tls failed {text}"),
            Fault::System(text) => write!(f, "system error {text}"),
            Fault::StartTlsMissing => f.write_str("required, and not on offer"),
            Fault::CredentialsRefused(text) => write!(f, "login refused {text}"),
            Fault::SaslPlainMissing => f.write_str("the server offers no sasl plain"),
            Fault::MaildropInUse(text) => write!(f, "maildrop in use {text}"),
            Fault::MailboxRefused(text) => write!(f, "mailbox refused {text}"),
            Fault::UidPlusMissing => {
                f.write_str("the server has no uidplus, so nothing is deleted")
            }
            Fault::CertificateRefused(text) => write!(f, "certificate refused {text}"),
            Fault::SenderRefused(text) => write!(f, "sender refused {text}"),
            Fault::RecipientRefused(text) => write!(f, "recipient refused {text}"),
            Fault::MessageRefused(text) => write!(f, "message refused {text}"),
            Fault::NamePending => f.write_str("waiting for the address's name"),
            Fault::NameUnknown => f.write_str("dns did not give the address's name"),
            Fault::NoDescriptors => f.write_str("no file descriptor left"),
            Fault::NoMemory => f.write_str("no memory left"),
            Fault::NoAddress => f.write_str("no local address or port left"),
            Fault::Panicked => f.write_str("the probe broke off; this is a bug in poolmon"),
            Fault::NoTls(text) => write!(f, "tls library unusable {text}"),
        }
    }
}

/// A failed attempt: where and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which of the service's ports, where it has several.
    pub port: Option<Port>,
    pub stage: Stage,
    pub fault: Fault,
}

impl Failure {
    pub fn new(stage: Stage, fault: Fault) -> Failure {
        Failure {
            port: None,
            stage,
            fault,
        }
    }

    pub fn at(self, port: Port) -> Failure {
        Failure {
            port: Some(port),
            ..self
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    Clean,
    /// The server takes no password in clear and offers no TLS, or refused one; poolmon counts
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
    pub began: Instant,
    pub latency: Duration,
    /// Of a deep probe: from the server's word that it has the message to the reading of it.
    pub delivery: Option<Duration>,
    pub result: Result<Pass, Failure>,
}

impl Outcome {
    pub fn ended(&self) -> Instant {
        self.began + self.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_machine_itself_are_never_the_backends_fault() {
        for errno in [
            Errno::EMFILE,
            Errno::ENFILE,
            Errno::ENOMEM,
            Errno::ENOBUFS,
            Errno::EADDRNOTAVAIL,
        ] {
            let fault = Fault::from_io(&io::Error::from_raw_os_error(errno as i32));
            assert_eq!(fault.blame(), Blame::Local, "{errno}");
        }
    }

    #[test]
    fn errors_of_the_way_to_the_backend_are_its_fault() {
        for (errno, expected) in [
            (Errno::ECONNREFUSED, Fault::Refused),
            (Errno::ETIMEDOUT, Fault::TimedOut),
            (Errno::EAGAIN, Fault::TimedOut),
            (Errno::ECONNRESET, Fault::Closed),
            (Errno::EPIPE, Fault::Closed),
            (Errno::EHOSTUNREACH, Fault::Unreachable),
            (Errno::ENETUNREACH, Fault::Unreachable),
        ] {
            let fault = Fault::from_io(&io::Error::from_raw_os_error(errno as i32));
            assert_eq!(fault, expected);
            assert_eq!(fault.blame(), Blame::Service);
        }
    }
}
