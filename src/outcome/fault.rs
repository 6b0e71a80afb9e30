//! What can go wrong in an attempt, and whose fault that is.
//!
//! Values and their texts only; what follows from a fault is decided by `schedule` and `policy`.

use std::fmt;
use std::io;

use nix::errno::Errno;

use serde::{Deserialize, Serialize};

use super::bad_certificate::{BadCertificate, NoCommonVersion};
use crate::quote::Quote;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nobody listens at the port (ECONNREFUSED).
    Refused,
    /// The attempt's deadline passed, or the system gave the connection up (ETIMEDOUT).
    TimedOut,
    /// The connection ended, in order or by a reset, before the answer was whole.
    Closed,
    /// The network says there is no way to the backend. This machine's own lack of a route has the
    /// same error: backends of the same network tell the two apart.
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
    /// TLS could not be agreed on, for another reason than certificate and version.
    TlsFailed(Quote),
    /// Any other error that the peer or the path has caused, by its text: of the TLS library, EPROTO.
    System(Quote),

    /// User name or password.
    CredentialsRefused(Quote),
    /// The server offers no SASL PLAIN, which is to be used.
    SaslPlainMissing,
    /// Another session holds the maildrop, so it cannot be looked into.
    MaildropInUse(Quote),
    /// The login timed out, and the last definite answer to it here was a refusal: Dovecot delays each
    /// further refusal, by up to 17 s (`auth_failure_delay` and the penalty of its anvil process).
    RefusalDelayed,
    /// The login timed out, and this account has had no answer here yet.
    LoginUnanswered,
    /// The same, and the account before it was refused here less than a minute before: Dovecot may still be
    /// delaying all logins from this machine for that.
    LoginDelayed,
    /// The server does not do what is asked with this mailbox: permissions, quota, a missing one.
    MailboxRefused(Quote),
    /// The server has no UIDPLUS (RFC 4315), so nothing could be deleted but what others have marked
    /// too.
    UidPlusMissing,
    /// STARTTLS is required and not on offer, so nothing was sent that is worth hiding.
    StartTlsMissing,
    /// `--require-tls`, and other choices leave no way to verified TLS at this port: no password was sent.
    PasswordWithheld(Withheld),
    /// The certificate is not trusted, has expired, or bears another name.
    CertificateRefused(Box<BadCertificate>),
    /// The server speaks no version of TLS that this machine takes, of which the oldest is told.
    TlsVersion(Box<NoCommonVersion>),
    /// This machine's OpenSSL refuses what the server offers, by its security level or its options: every
    /// server that is set up the same would meet that.
    TlsPolicy(Quote),
    /// By a policy of the server's, such as one of who may connect.
    PolicyRefused(Quote),
    /// LMTP MAIL FROM.
    SenderRefused(Quote),
    /// LMTP RCPT TO: the reply is about the recipient, not about the server.
    RecipientRefused(Quote),
    /// The server does not take the test message for this recipient.
    MessageRefused(Quote),

    /// The address's name, against which the certificate is to be checked, is still being asked for.
    NamePending,
    /// DNS did not say which name the address has, and the certificate does not bear the address.
    NameUnknown,
    /// EMFILE, ENFILE: this process or this machine has as many files open as it may.
    NoDescriptors,
    /// ENOMEM, ENOBUFS.
    NoMemory,
    /// This machine has no address of the backend's family, or no port is left to connect from.
    NoAddress,
    /// This machine has no such address family, or may not use it.
    NoFamily,
    /// EACCES, EPERM: a route that prohibits, a firewall, SELinux.
    Forbidden,
    /// Any other error that is not known to come from the peer or the path, by its text.
    Local(Quote),
    /// The probe itself broke: a bug of the monitor.
    Panicked,
    /// The TLS library cannot be set up here.
    NoTls(Quote),
}

impl Fault {
    /// With what `shown` makes of the server's words, if it has any.
    pub fn with_quote(self, shown: impl FnOnce(Quote) -> Quote) -> Fault {
        match self {
            Fault::Malformed(text) => Fault::Malformed(shown(text)),
            Fault::Bye(text) => Fault::Bye(shown(text)),
            Fault::Unavailable(text) => Fault::Unavailable(shown(text)),
            Fault::CredentialsRefused(text) => Fault::CredentialsRefused(shown(text)),
            Fault::MaildropInUse(text) => Fault::MaildropInUse(shown(text)),
            Fault::MailboxRefused(text) => Fault::MailboxRefused(shown(text)),
            Fault::PolicyRefused(text) => Fault::PolicyRefused(shown(text)),
            Fault::SenderRefused(text) => Fault::SenderRefused(shown(text)),
            Fault::RecipientRefused(text) => Fault::RecipientRefused(shown(text)),
            Fault::MessageRefused(text) => Fault::MessageRefused(shown(text)),
            other => other,
        }
    }

    /// What an error of a socket means. Only errors that are known to come from the peer or from the
    /// path count against a backend; whatever else the system says is of this machine.
    pub fn from_io(error: &io::Error) -> Fault {
        match error.raw_os_error() {
            Some(code) => Fault::from_errno(code, error),
            None => Fault::from_kind(error),
        }
    }

    fn from_errno(code: i32, error: &io::Error) -> Fault {
        use Errno::*;
        let is_one_of = |errnos: &[Errno]| errnos.iter().any(|errno| *errno as i32 == code);
        if is_one_of(&[ECONNREFUSED]) {
            Fault::Refused
        } else if is_one_of(&[EAGAIN, ETIMEDOUT]) {
            // What a socket's own timer gives, and TCP when it gives the peer up.
            Fault::TimedOut
        } else if is_one_of(&[ECONNRESET, ECONNABORTED, EPIPE]) {
            Fault::Closed
        } else if is_one_of(&[EHOSTUNREACH, EHOSTDOWN, ENETUNREACH, ENOPROTOOPT, ENONET]) {
            // Of these, Linux gives the last two for ICMP's "protocol unreachable" and "source host isolated" alone.
            Fault::Unreachable
        } else if is_one_of(&[EPROTO]) {
            Fault::System(Quote::new(error.to_string()))
        } else if is_one_of(&[EMFILE, ENFILE]) {
            Fault::NoDescriptors
        } else if is_one_of(&[ENOMEM, ENOBUFS]) {
            Fault::NoMemory
        } else if is_one_of(&[EADDRNOTAVAIL]) {
            Fault::NoAddress
        } else if is_one_of(&[EAFNOSUPPORT]) {
            Fault::NoFamily
        } else if is_one_of(&[EACCES, EPERM]) {
            Fault::Forbidden
        } else {
            Fault::Local(Quote::new(error.to_string()))
        }
    }

    /// Errors that no system call gave: the end of the stream, a deadline, and what the TLS library
    /// says of the peer's bytes.
    fn from_kind(error: &io::Error) -> Fault {
        use io::ErrorKind::*;
        match error.kind() {
            ConnectionRefused => Fault::Refused,
            TimedOut | WouldBlock => Fault::TimedOut,
            UnexpectedEof | WriteZero | ConnectionReset | ConnectionAborted | BrokenPipe => {
                Fault::Closed
            }
            OutOfMemory => Fault::NoMemory,
            _ => match of_tls(error) {
                Some(reason) => Fault::TlsFailed(reason),
                None => Fault::System(Quote::new(error.to_string())),
            },
        }
    }

    /// Whose fault it is. Only what is known to come from the peer or the path to it is the service's; a
    /// refused login, certificate or recipient may be shared by all backends; all else is this machine's.
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
            | Fault::PasswordWithheld(_)
            | Fault::CredentialsRefused(_)
            | Fault::RefusalDelayed
            | Fault::LoginUnanswered
            | Fault::LoginDelayed
            | Fault::SaslPlainMissing
            | Fault::MaildropInUse(_)
            | Fault::MailboxRefused(_)
            | Fault::UidPlusMissing
            | Fault::CertificateRefused(_)
            | Fault::TlsVersion(_)
            | Fault::TlsPolicy(_)
            | Fault::PolicyRefused(_)
            | Fault::SenderRefused(_)
            | Fault::RecipientRefused(_)
            | Fault::MessageRefused(_) => Blame::Shared,
            Fault::NamePending
            | Fault::NameUnknown
            | Fault::NoDescriptors
            | Fault::NoMemory
            | Fault::NoAddress
            | Fault::NoFamily
            | Fault::Forbidden
            | Fault::Local(_)
            | Fault::Panicked
            | Fault::NoTls(_) => Blame::Local,
        }
    }
}

/// What OpenSSL says of a connection after its handshake, in its short words: an alert of the server's, or bytes that are
/// not TLS. In TLS 1.3 a server refuses a client without a certificate only then.
fn of_tls(error: &io::Error) -> Option<Quote> {
    let error: &openssl::ssl::Error = error.get_ref()?.downcast_ref()?;
    let first = error.ssl_error()?.errors().first()?;
    Some(Quote::new(first.reason()?))
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
            Fault::PasswordWithheld(why) => write!(
                f,
                "no password sent: --require-tls needs TLS with a verified certificate, and {why}"
            ),
            Fault::CredentialsRefused(text) => write!(f, "login refused {text}"),
            Fault::RefusalDelayed => f.write_str("timed out, and the last login with this password was refused here"),
            Fault::LoginDelayed => f.write_str(
                "timed out; the server may still delay logins because it refused an earlier password",
            ),
            Fault::LoginUnanswered => {
                f.write_str("timed out, and no login with this password has been answered here yet")
            }
            Fault::SaslPlainMissing => f.write_str("the server offers no sasl plain"),
            Fault::MaildropInUse(text) => write!(f, "maildrop in use {text}"),
            Fault::MailboxRefused(text) => write!(f, "mailbox refused {text}"),
            Fault::UidPlusMissing => {
                f.write_str("the server has no uidplus, so nothing is deleted")
            }
            Fault::CertificateRefused(bad) => bad.fmt(f),
            Fault::TlsVersion(none) => write!(
                f,
                "tls failed {}: no version in common, the oldest that this monitor takes is {}",
                none.reason, none.minimum
            ),
            Fault::TlsPolicy(text) => write!(
                f,
                "tls failed {text}: refused by this monitor's OpenSSL, whose policy is set by CipherString \
                 and Options (see OPENSSL_CONF)"
            ),
            Fault::PolicyRefused(text) => write!(f, "refused by the server's policy {text}"),
            Fault::SenderRefused(text) => write!(f, "sender refused {text}"),
            Fault::RecipientRefused(text) => write!(f, "recipient refused {text}"),
            Fault::MessageRefused(text) => write!(f, "message refused {text}"),
            Fault::NamePending => f.write_str("waiting for the address's name from reverse DNS (PTR)"),
            Fault::NameUnknown => f.write_str("reverse DNS (PTR) did not give the address's name"),
            Fault::NoDescriptors => f.write_str("no file descriptor left"),
            Fault::NoMemory => f.write_str("no memory left"),
            Fault::NoAddress => f.write_str(
                "no address: this machine has none of this family to connect from, or no port is left",
            ),
            Fault::NoFamily => f.write_str(
                "no address family: this machine has no ipv6, or its service manager forbids it",
            ),
            Fault::Forbidden => {
                f.write_str("forbidden by this machine's firewall, routing or security policy")
            }
            Fault::Local(text) => write!(f, "this machine's system error {text}"),
            Fault::Panicked => f.write_str("the check broke off by a defect of this program; please report it"),
            Fault::NoTls(text) => write!(f, "tls library unusable {text}"),
        }
    }
}

/// Which other choice leaves no way to verified TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// `-v 0`, `ssl_verify: False`.
    CertificateUnchecked,
    /// `--starttls=no` on a port that starts in plain text.
    NoStartTls,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Withheld::CertificateUnchecked => "no certificate is checked here (ssl_verify)",
            Withheld::NoStartTls => "--starttls=no keeps this port without TLS",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(errno: Errno) -> Fault {
        Fault::from_io(&io::Error::from_raw_os_error(errno as i32))
    }

    #[test]
    fn only_errors_known_to_come_from_the_peer_or_the_path_are_the_backends() {
        let known = [
            (Errno::ECONNREFUSED, Fault::Refused),
            (Errno::ETIMEDOUT, Fault::TimedOut),
            (Errno::EAGAIN, Fault::TimedOut),
            (Errno::ECONNRESET, Fault::Closed),
            (Errno::ECONNABORTED, Fault::Closed),
            (Errno::EPIPE, Fault::Closed),
            (Errno::EHOSTUNREACH, Fault::Unreachable),
            (Errno::EHOSTDOWN, Fault::Unreachable),
            (Errno::ENETUNREACH, Fault::Unreachable),
            (Errno::ENOPROTOOPT, Fault::Unreachable),
            (Errno::ENONET, Fault::Unreachable),
        ];
        for (errno, expected) in &known {
            assert_eq!(of(*errno), *expected);
            assert_eq!(of(*errno).blame(), Blame::Service, "{errno}");
        }
        assert_eq!(of(Errno::EPROTO).blame(), Blame::Service);
        // Every other number that a system may give.
        for code in 1..=200 {
            let fault = Fault::from_io(&io::Error::from_raw_os_error(code));
            let mut errnos = known.iter().map(|(errno, _)| *errno as i32);
            if code != Errno::EPROTO as i32 && errnos.all(|errno| errno != code) {
                assert_eq!(fault.blame(), Blame::Local, "{code}: {fault}");
            }
        }
    }

    #[test]
    fn every_fault_with_a_servers_words_is_shown_with_what_is_made_of_them() {
        let faults: [fn(Quote) -> Fault; 10] = [
            Fault::Malformed,
            Fault::Bye,
            Fault::Unavailable,
            Fault::CredentialsRefused,
            Fault::MaildropInUse,
            Fault::MailboxRefused,
            Fault::PolicyRefused,
            Fault::SenderRefused,
            Fault::RecipientRefused,
            Fault::MessageRefused,
        ];
        for fault in faults {
            let shown = fault(Quote::new("secret")).with_quote(|_| Quote::new("withheld"));
            assert_eq!(shown, fault(Quote::new("withheld")));
        }
    }

    #[test]
    fn a_fault_of_this_machine_says_what_its_errno_means() {
        for (errno, expected) in [
            (Errno::EACCES, "forbidden by this machine's firewall"),
            (Errno::EPERM, "forbidden by this machine's firewall"),
            (
                Errno::EAFNOSUPPORT,
                "no address family: this machine has no ipv6",
            ),
            (Errno::EADDRNOTAVAIL, "no address: this machine"),
            (Errno::EMFILE, "no file descriptor left"),
            (Errno::ENFILE, "no file descriptor left"),
            (Errno::ENOMEM, "no memory left"),
            (Errno::ENOBUFS, "no memory left"),
            (Errno::EINVAL, "this machine's system error \"Invalid arg"),
        ] {
            let text = of(errno).to_string();
            assert!(text.starts_with(expected), "{errno}: {text}");
        }
    }

    #[test]
    fn errors_that_no_system_call_gave_are_the_peers() {
        let library = io::Error::new(io::ErrorKind::Other, "bad record mac");
        for (error, expected) in [
            (io::ErrorKind::UnexpectedEof.into(), Fault::Closed),
            (io::ErrorKind::WriteZero.into(), Fault::Closed),
            (io::ErrorKind::TimedOut.into(), Fault::TimedOut),
            (library, Fault::System(Quote::new("bad record mac"))),
        ] {
            assert_eq!(Fault::from_io(&error), expected);
            assert_eq!(expected.blame(), Blame::Service);
        }
    }
}
