//! What a failed attempt means in plain words, and what a person should look at. Words only.

use crate::config::settings::ProxyProtocol;
use crate::outcome::{Failure, Fault, Stage};

pub(super) struct Advice {
    /// What has happened, as a sentence without its full stop.
    pub(super) cause: &'static str,
    /// What to look at.
    pub(super) look_at: &'static str,
}

const fn advice(cause: &'static str, look_at: &'static str) -> Advice {
    Advice { cause, look_at }
}

pub(super) fn of(failure: &Failure) -> Advice {
    match &failure.fault {
        Fault::Refused => advice(
            "nothing listens on this port of the backend, or a firewall rejects the connection",
            "on the backend: does Dovecot run, and does it listen on this port (ss -tln, doveconf -n)? if so, the \
             firewalls on the way",
        ),
        Fault::TimedOut => of_silence(failure.stage),
        Fault::Closed => advice(
            "the server closed the connection before its answer was whole",
            "Dovecot's log on the backend at this time; if nothing is there, does the port expect TLS (-s), or the \
             PROXY protocol (--proxy-protocol)?",
        ),
        Fault::Unreachable => advice(
            "the network has no way to the backend",
            "is the backend's machine on, and does a firewall reject the connection? then the routes from here to it \
             (ip route get ADDRESS)",
        ),
        Fault::LineTooLong | Fault::TooMuch | Fault::Malformed(_) => advice(
            "the server's answer is not of this protocol",
            "which protocol this port speaks: name it with -p PROTO:PORT, or -s PROTO:PORT if it begins with TLS",
        ),
        Fault::InjectedText => advice(
            "plain text followed the reply to STARTTLS: somebody on the way may have put it there",
            "the server's version, and the network between here and the backend",
        ),
        Fault::Bye(_) | Fault::Unavailable(_) => advice(
            "the server says itself that it cannot serve",
            "its reply above, and Dovecot's log on the backend at this time",
        ),
        Fault::MessageMissing => advice(
            "the server took a message, and it is not in the mailbox",
            "on the backend: do the user's Sieve rules put it elsewhere, is the quota reached, and do LMTP and IMAP \
             use the same mailbox?",
        ),
        Fault::TlsFailed(_) => advice(
            "TLS could not be agreed on",
            "does the port begin with TLS? if so, name it with -s, if it begins in plain text, with -p",
        ),
        Fault::System(_) => advice(
            "the connection broke with an error of the network",
            "the network, and Dovecot's log on the backend",
        ),
        Fault::CredentialsRefused(_) => advice(
            "the backend refused the login of the checks",
            "its reply above; user name and password in the file that this monitor reads (-c, --accounts), and the \
             account on the backend (doveadm auth test USER)",
        ),
        Fault::SaslPlainMissing => advice(
            "the server does not offer SASL PLAIN",
            "add plain to auth_mechanisms on the backend; for IMAP and POP3, auth: plain in dovemon's \
             configuration does without SASL",
        ),
        Fault::MaildropInUse(_) => advice(
            "the login was accepted, and another session has the maildrop",
            "does somebody else use the account of the checks (doveadm who)? see pop3_lock_session on the backend",
        ),
        Fault::RefusalDelayed | Fault::LoginUnanswered | Fault::LoginDelayed => advice(
            "the login was not answered in time",
            "user name and password; Dovecot delays its answer after refused logins (auth_failure_delay)",
        ),
        Fault::MailboxRefused(_) => advice(
            "the server does not do this with the mailbox of the test account",
            "its reply above; the permissions and the quota of that account on the backend",
        ),
        Fault::UidPlusMissing => advice(
            "the server does not offer UIDPLUS, without which test messages cannot be deleted safely",
            "imap_capability on the backend, which leaves it out",
        ),
        Fault::StartTlsMissing => advice(
            "STARTTLS is required (--starttls, --require-tls), and the server does not offer it",
            "ssl on the backend: it has to be yes or required",
        ),
        Fault::PasswordWithheld(_) => advice(
            "--require-tls asks for TLS with a verified certificate, and other settings of this monitor forbid it",
            "-v 0 and --starttls=no: leave them out, or check a port with TLS from the start (-s)",
        ),
        Fault::CertificateRefused(_) => advice(
            "the certificate is not trusted, has expired or has another name: the line above says which",
            "ssl_cert on the backend; --ca-file if its authority is not known here, --tls-name if its name is \
             another one",
        ),
        Fault::TlsVersion(_) => advice(
            "the server and this machine have no version of TLS in common",
            "ssl_min_protocol on the backend, and MinProtocol in openssl.cnf on this machine",
        ),
        Fault::TlsPolicy(_) => advice(
            "the security policy of OpenSSL on this machine refuses what the server offers",
            "the key of the backend's certificate and ssl_dh: are they too short? CipherString in openssl.cnf on this \
             machine",
        ),
        Fault::PolicyRefused(_) => advice(
            "the server refuses this machine by a policy of its own",
            "its reply above, and who may connect to it",
        ),
        Fault::SenderRefused(_) => advice(
            "the server refuses the sender of the test message",
            "its reply above, and --lmtp-from",
        ),
        Fault::RecipientRefused(_) => advice(
            "the server does not take mail for the test address",
            "--lmtp-to, and whether that user exists on the backend",
        ),
        Fault::MessageRefused(_) => advice(
            "the server does not take the test message",
            "its reply above; the quota of the account of the checks",
        ),
        Fault::NamePending | Fault::NameUnknown => advice(
            "reverse DNS (PTR) did not say which name the address has, and the certificate has to have that name",
            "the PTR record of the address and the name servers of this machine; an entry in /etc/hosts, or \
             --tls-name, does without them",
        ),
        Fault::NoDescriptors => advice(
            "this machine let the check open no further connection",
            "the limit of open files (ulimit -n, LimitNOFILE=)",
        ),
        Fault::NoMemory => advice(
            "this machine has no memory left",
            "what uses it (free, dmesg)",
        ),
        Fault::NoAddress | Fault::NoFamily => advice(
            "this machine cannot connect to addresses of this family",
            "does this machine have an address of that family (ip address), and is IPv6 turned off?",
        ),
        Fault::Forbidden => advice(
            "this machine forbids the connection",
            "the firewall, the routes and SELinux of this machine; are you root?",
        ),
        Fault::Local(_) => advice(
            "this machine could not make the connection",
            "the error above; it says nothing about the backend",
        ),
        Fault::Panicked => advice(
            "the check itself broke off: a defect of poolmon",
            "the error above; please report it",
        ),
        Fault::NoTls(_) => advice(
            "TLS cannot be used on this machine",
            "openssl.cnf (OPENSSL_CONF) on this machine",
        ),
    }
}

/// What else to look at where the connection began with a header of the PROXY protocol: a port that does not expect it
/// takes it for a command or for TLS, and its answer may be taken for that to the first command.
pub(super) fn of_proxy_header(failure: &Failure, sent: ProxyProtocol) -> &'static str {
    let may_have_begun_with_it = match &failure.fault {
        Fault::TimedOut
        | Fault::Closed
        | Fault::LineTooLong
        | Fault::TooMuch
        | Fault::Malformed(_)
        | Fault::Bye(_)
        | Fault::Unavailable(_)
        | Fault::TlsFailed(_)
        | Fault::System(_)
        | Fault::StartTlsMissing
        | Fault::CredentialsRefused(_)
        | Fault::SaslPlainMissing
        | Fault::PolicyRefused(_) => failure.stage > Stage::Connect,
        _ => false,
    };
    match sent != ProxyProtocol::No && may_have_begun_with_it {
        true => "; --proxy-protocol: does this port expect a header of the PROXY protocol?",
        false => "",
    }
}

fn of_silence(stage: Stage) -> Advice {
    match stage {
        Stage::Prepare | Stage::Connect => advice(
            "the backend did not answer the connection attempt: it is off or frozen, or a firewall drops it",
            "does it answer ping? if so, the firewalls on the way; if not, is its machine on?",
        ),
        Stage::Greeting => advice(
            "the connection stands, and the server says nothing: its service hangs or is overloaded, or it waits for this \
             monitor to begin",
            "on the backend: Dovecot's log (is process_limit or client_limit reached?), doveadm who, and the \
             machine's load; does the port begin with TLS (-s), or expect the PROXY protocol (--proxy-protocol)?",
        ),
        Stage::Tls | Stage::Upgrade => advice(
            "the server did not go on with the TLS handshake",
            "does the port begin with TLS? if so, name it with -s, if in plain text, with -p; the load of the \
             backend's machine",
        ),
        Stage::Login => advice(
            "the login was not answered: the authentication hangs, or delays its answer",
            "passdb and userdb (LDAP, SQL) of the backend; is the password of the checks right?",
        ),
        Stage::Capability
        | Stage::Hello
        | Stage::StartTls
        | Stage::List
        | Stage::Append
        | Stage::Select
        | Stage::Stat
        | Stage::Search
        | Stage::Delete
        | Stage::Sender
        | Stage::Recipient
        | Stage::Data
        | Stage::Logout => advice(
            "the server stopped answering at this step",
            "on the backend: the machine's load, the storage of the mail (NFS), and Dovecot's log",
        ),
    }
}
