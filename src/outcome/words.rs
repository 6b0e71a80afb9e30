//! The closed words of stage, fault and blame, for files and metrics that others read: they last.

use super::{Blame, Fault, Stage};

impl Stage {
    /// In snake case, for machines.
    pub fn word(&self) -> &'static str {
        match self {
            Stage::Prepare => "prepare",
            Stage::Connect => "connect",
            Stage::Tls => "tls",
            Stage::Greeting => "greeting",
            Stage::Capability => "capability",
            Stage::Hello => "hello",
            Stage::StartTls => "starttls",
            Stage::Upgrade => "upgrade",
            Stage::Login => "login",
            Stage::List => "list",
            Stage::Append => "append",
            Stage::Select => "select",
            Stage::Stat => "stat",
            Stage::Search => "search",
            Stage::Delete => "delete",
            Stage::Sender => "sender",
            Stage::Recipient => "recipient",
            Stage::Data => "data",
            Stage::Logout => "logout",
        }
    }
}

impl Fault {
    /// In snake case, for machines: the kind, without what the server said.
    pub fn word(&self) -> &'static str {
        match self {
            Fault::Refused => "refused",
            Fault::TimedOut => "timed_out",
            Fault::Closed => "closed",
            Fault::Unreachable => "unreachable",
            Fault::LineTooLong => "line_too_long",
            Fault::TooMuch => "too_much",
            Fault::Malformed(_) => "malformed",
            Fault::InjectedText => "injected_text",
            Fault::Bye(_) => "bye",
            Fault::Unavailable(_) => "unavailable",
            Fault::MessageMissing => "message_missing",
            Fault::TlsFailed(_) => "tls_failed",
            Fault::System(_) => "system",
            Fault::CredentialsRefused(_) => "credentials_refused",
            Fault::SaslPlainMissing => "sasl_plain_missing",
            Fault::MaildropInUse(_) => "maildrop_in_use",
            Fault::RefusalDelayed => "refusal_delayed",
            Fault::LoginUnanswered => "login_unanswered",
            Fault::LoginDelayed => "login_delayed",
            Fault::MailboxRefused(_) => "mailbox_refused",
            Fault::UidPlusMissing => "uid_plus_missing",
            Fault::StartTlsMissing => "starttls_missing",
            Fault::PasswordWithheld(_) => "password_withheld",
            Fault::CertificateRefused(_) => "certificate_refused",
            Fault::TlsVersion(_) => "tls_version",
            Fault::TlsPolicy(_) => "tls_policy",
            Fault::PolicyRefused(_) => "policy_refused",
            Fault::SenderRefused(_) => "sender_refused",
            Fault::RecipientRefused(_) => "recipient_refused",
            Fault::MessageRefused(_) => "message_refused",
            Fault::NamePending => "name_pending",
            Fault::NameUnknown => "name_unknown",
            Fault::NoDescriptors => "no_descriptors",
            Fault::NoMemory => "no_memory",
            Fault::NoAddress => "no_address",
            Fault::NoFamily => "no_family",
            Fault::Forbidden => "forbidden",
            Fault::Local(_) => "local",
            Fault::Panicked => "panicked",
            Fault::NoTls(_) => "no_tls",
        }
    }
}

impl Blame {
    /// The word for it in status file, metrics and log. It stays the same from release to release.
    pub fn word(&self) -> &'static str {
        match self {
            Blame::Service => "service",
            Blame::Shared => "shared",
            Blame::Local => "local",
        }
    }
}
