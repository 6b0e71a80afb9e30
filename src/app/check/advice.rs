//! What a failed attempt means in plain words, and what a person should look at. Words only.

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
            "whether Dovecot runs there and has a listener on this port (doveconf -n, ss -tln)",
        ),
        Fault::TimedOut => of_silence(failure.stage),
        Fault::Closed => advice(
            "the server closed the connection before its answer was whole",
            "Dovecot's log on the backend at this time; whether the port expects TLS or the PROXY protocol",
        ),
        Fault::Unreachable => advice(
            "the network has no way to the backend",
            "whether the machine is on, and the routes from here to it",
        ),
        Fault::LineTooLong | Fault::TooMuch | Fault::Malformed(_) => advice(
            "the server's answer is not of this protocol",
            "whether this port speaks the protocol that is checked there (-p PROTO:PORT, -s for TLS)",
        ),
        Fault::InjectedText => advice(
            "plain text followed the reply to STARTTLS: somebody on the way may have put it there",
            "the server's version, and the network between here and the backend",
        ),
        Fault::Bye(_) | Fault::Unavailable(_) => advice(
            "the server says itself that it cannot serve",
            "its text above, and Dovecot's log on the backend",
        ),
        Fault::MessageMissing => advice(
            "the server took a message, and it is not in the mailbox",
            "the user's delivery rules and quota, and whether LMTP and IMAP see the same mailbox",
        ),
        Fault::TlsFailed(_) => advice(
            "TLS could not be agreed on",
            "whether the port speaks TLS from the start (-s) or begins in plain text (-p)",
        ),
        Fault::System(_) => advice(
            "the connection broke by an error of the system",
            "the network, and Dovecot's log on the backend",
        ),
        Fault::CredentialsRefused(_) => advice(
            "the login was refused",
            "user name and password (-c FILE or the accounts file), and the account in Dovecot's passdb",
        ),
        Fault::SaslPlainMissing => advice(
            "the server does not offer SASL PLAIN",
            "auth_mechanisms on the backend, or auth: login in the configuration",
        ),
        Fault::MaildropInUse(_) => advice(
            "the login was accepted, and another session has the maildrop",
            "whether somebody else uses the test account; pop3_lock_session on the backend",
        ),
        Fault::RefusalDelayed | Fault::LoginUnanswered | Fault::LoginDelayed => advice(
            "the login was not answered in time",
            "user name and password; Dovecot delays its answer after refused logins (auth_failure_delay)",
        ),
        Fault::MailboxRefused(_) => advice(
            "the server does not do this with the mailbox of the test account",
            "its text above; the account's permissions and quota",
        ),
        Fault::UidPlusMissing => advice(
            "the server has no UIDPLUS, so test messages could not be deleted safely",
            "imap_capability on the backend",
        ),
        Fault::StartTlsMissing => advice(
            "STARTTLS is required, and the server does not offer it",
            "ssl on the backend, or --starttls",
        ),
        Fault::PasswordWithheld(_) => advice(
            "require_tls asks for verified TLS, and other settings of the monitor leave no way to it",
            "ssl_verify (-v), --starttls, or a port with TLS from the start",
        ),
        Fault::CertificateRefused(_) => advice(
            "the certificate is not trusted, has expired or bears another name",
            "the certificate (ssl_cert on the backend), --ca-file and --tls-name",
        ),
        Fault::TlsVersion(_) => advice(
            "server and monitor have no version of TLS in common",
            "ssl_min_protocol on the backend, MinProtocol in openssl.cnf here",
        ),
        Fault::TlsPolicy(_) => advice(
            "the security policy of OpenSSL on this machine refuses what the server offers",
            "the keys of the backend's certificate and ssl_dh; CipherString in openssl.cnf here",
        ),
        Fault::PolicyRefused(_) => advice(
            "the server refuses this machine by a policy of its own",
            "its text above: who may connect to it",
        ),
        Fault::SenderRefused(_) => advice("the server refuses the sender", "--lmtp-from"),
        Fault::RecipientRefused(_) => advice(
            "the server does not take mail for the test address",
            "--lmtp-to, and whether that user exists on the backend",
        ),
        Fault::MessageRefused(_) => advice(
            "the server does not take the test message",
            "its text above; the quota of the test account",
        ),
        Fault::NamePending | Fault::NameUnknown => advice(
            "DNS did not say which name the address has, and the certificate is checked against it",
            "the PTR record of the address and the name servers of this machine, or give --tls-name",
        ),
        Fault::NoDescriptors => advice(
            "this machine let the check open no further connection",
            "ulimit -n",
        ),
        Fault::NoMemory => advice("this machine has no memory left", "free, dmesg"),
        Fault::NoAddress | Fault::NoFamily => advice(
            "this machine cannot connect to addresses of this family",
            "ip address, and whether IPv6 is on here",
        ),
        Fault::Forbidden => advice(
            "this machine forbids the connection",
            "its firewall, its routes and SELinux; whether you are root",
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
            "openssl.cnf (OPENSSL_CONF) here",
        ),
    }
}

fn of_silence(stage: Stage) -> Advice {
    match stage {
        Stage::Prepare | Stage::Connect => advice(
            "the backend did not answer the connection attempt: it is off or frozen, or a firewall drops it",
            "ping, and the firewalls on the way",
        ),
        Stage::Greeting => advice(
            "the connection stands, and the server says nothing: its service hangs or is overloaded",
            "Dovecot's log on the backend (process_limit, client_limit), doveadm who, the machine's load",
        ),
        Stage::Tls | Stage::Upgrade => advice(
            "the server did not go on with the TLS handshake",
            "whether the port speaks TLS from the start (-s) or begins in plain text (-p); the machine's load",
        ),
        Stage::Login => advice(
            "the login was not answered: the authentication hangs, or delays its answer",
            "passdb and userdb (LDAP, SQL) of the backend, and whether the password is right",
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
            "the machine's load, the storage of the mail (NFS), Dovecot's log on the backend",
        ),
    }
}
