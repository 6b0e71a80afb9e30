//! The one table of protocols. A row says all that others ask of a protocol: its name, its ports, whether
//! it logs in, what it uses STARTTLS for, its part in a deep probe, what can be chosen about it, its steps in
//! words, and its dialogue.
//!
//! A new protocol is a file with its dialogue and its row, its `mod`, a line in the table below, and transcripts
//! in `tests/data/dialogues`. What a reply means is not known here.

use serde::{Deserialize, Serialize};

use crate::account::{Account, Envelope};
use crate::config::choice::Choice;
use crate::config::settings::Probing;
use crate::outcome::{Failure, Fault, Pass};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::{
    any_line, imap, lmtp, pop3, sieve, submission, Check, Progress, Work,
};

/// Makes the list of protocols and the way to their rows from the one table.
macro_rules! protocols {
    ($($(#[$doc:meta])* $name:ident: $row:path,)*) => {
        /// What is spoken at a port.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Protocol {
            $($(#[$doc])* $name,)*
        }

        impl Protocol {
            /// All, in the order of the table.
            pub const ALL: &'static [Protocol] = &[$(Protocol::$name,)*];

            /// What this protocol can do and how it is spoken.
            pub fn row(self) -> &'static Row {
                match self {
                    $(Protocol::$name => &$row,)*
                }
            }
        }
    };
}

protocols! {
    /// RFC 3501.
    Imap: imap::ROW,
    /// RFC 1939.
    Pop3: pop3::ROW,
    /// RFC 2033.
    Lmtp: lmtp::ROW,
    /// ManageSieve, RFC 5804.
    Sieve: sieve::ROW,
    /// RFC 6409: SMTP for mail clients.
    Submission: submission::ROW,
    /// A port of unknown use: healthy if it sends a line.
    AnyLine: any_line::ROW,
}

/// All that others ask of a protocol.
pub struct Row {
    /// In lower case: as it is shown, and as `PROTO:PORT` and the file's keys name it.
    pub name: &'static str,
    /// None: it has no port of its own, so nobody can ask for it by name.
    pub ports: Option<Ports>,
    /// Whether a check logs in, where there is an account.
    pub logs_in: bool,
    /// What the dialogue does in TLS where the server offers it.
    pub starttls: UseOfStartTls,
    /// Which half of a deep probe it can be.
    pub part: PartInDelivery,
    /// Its keys in dovemon's file, and what else can be chosen about it, in the order of the manual. One that can
    /// be asked for by name has `poll_NAME` and `NAME_port`.
    pub choices: &'static [Choice],
    /// The steps of a check in words, from the greeting on and without TLS, for `--check-config`.
    pub steps: fn(&Probing) -> Vec<String>,
    /// What is said and read.
    pub dialogue: Dialogue,
}

/// The ports that a protocol usually has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Without TLS from the start. The same as `tls` if the protocol has one port.
    pub plain: u16,
    /// With TLS from the start.
    pub tls: u16,
    /// What one of these numbers means without the protocol's name.
    pub alone: PortAlone,
}

/// What `-p PORT` without a protocol means, where it is one of a protocol's usual ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortAlone {
    /// This protocol.
    Implies,
    /// Any line, as ever: poolmon did not know the protocol.
    SaysNothing,
}

/// Why a connection that begins in plain text changes to TLS (STARTTLS), if settings and server allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseOfStartTls {
    /// What has to wait for TLS.
    pub hides: Hides,
    /// Whether the certificate is checked where nobody asked for it (`-v 1`, poolmon's default). The Perl
    /// poolmon did not use STARTTLS everywhere, and nothing may fail that passed there.
    pub is_checked_by_default: bool,
}

impl UseOfStartTls {
    /// The connection stays in plain text.
    pub const NEVER: UseOfStartTls = UseOfStartTls {
        hides: Hides::Nothing,
        is_checked_by_default: false,
    };
}

/// What is worth hiding in a dialogue; without it, a connection stays in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hides {
    /// Nothing that it says is secret.
    Nothing,
    /// A connection without an account stays in plain text, too.
    Password,
    /// The address that a message is for: LMTP.
    Recipient,
}

/// What a port of the protocol can do in a deep probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartInDelivery {
    /// It has none.
    None,
    /// Hands the message over.
    Delivers,
    /// Finds the message and deletes it.
    Collects,
}

/// Says that the monitor is leaving and reads the reply, so that the server logs no broken connection.
pub type TakeLeave = fn(&mut Lines<'_>) -> Result<(), Fault>;

/// How a protocol is spoken.
pub struct Dialogue {
    /// From the greeting on, to the end or to the TLS handshake.
    pub begin: fn(&mut Lines<'_>, &Check<'_>) -> Result<Progress, Failure>,
    /// From the handshake on that `begin` asked for.
    pub resume: fn(&mut Lines<'_>, &Check<'_>) -> Result<Pass, Failure>,
    /// Whether a line, without its end, may come before the command that it would answer, such as a good-bye. Any
    /// other that does is malformed.
    pub may_say_unasked: fn(&[u8]) -> bool,
    /// The good-bye, after a whole reply; nothing is said without.
    pub take_leave: Option<TakeLeave>,
}

impl Protocol {
    /// By its name in any case, if it can be asked for by name.
    pub fn named(name: &str) -> Option<Protocol> {
        let mut by_name = Protocol::by_name();
        by_name.find(|protocol| protocol.row().name.eq_ignore_ascii_case(name))
    }

    /// What a port without a protocol means.
    pub fn implied_by(number: u16) -> Protocol {
        let is_implied = |protocol: &Protocol| match protocol.row().ports {
            Some(ports) => {
                ports.alone == PortAlone::Implies && [ports.plain, ports.tls].contains(&number)
            }
            None => false,
        };
        let mut by_name = Protocol::by_name();
        by_name.find(is_implied).unwrap_or(Protocol::AnyLine)
    }

    /// What is usually spoken at a port, and whether TLS comes first there.
    pub fn usually_at(number: u16) -> Option<(Protocol, bool)> {
        let mut protocols = Protocol::by_name().filter_map(|protocol| {
            let ports = protocol.row().ports?;
            let is_usual = [ports.plain, ports.tls].contains(&number);
            is_usual.then_some((protocol, ports.plain != number))
        });
        protocols.next()
    }

    /// The names that can be asked for, for a sentence: `IMAP, POP3, LMTP, SIEVE or SUBMISSION`.
    pub fn names() -> String {
        Protocol::any_of(Protocol::by_name(), |name| name.to_ascii_uppercase())
    }

    /// Those of them that log in: `IMAP, POP3, SIEVE or SUBMISSION`.
    pub fn names_with_login() -> String {
        let with_login = Protocol::by_name().filter(|protocol| protocol.row().logs_in);
        Protocol::any_of(with_login, |name| name.to_ascii_uppercase())
    }

    /// The keys of dovemon's file that turn a check on, for a sentence: `poll_imap, poll_pop3 or ...`.
    pub fn poll_keys() -> String {
        Protocol::any_of(Protocol::by_name(), |name| format!("poll_{name}"))
    }

    fn any_of(
        protocols: impl Iterator<Item = Protocol>,
        written: impl Fn(&str) -> String,
    ) -> String {
        let words: Vec<String> = protocols
            .map(|protocol| written(protocol.row().name))
            .collect();
        match words.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        }
    }

    /// Those that can be asked for by name.
    pub(crate) fn by_name() -> impl Iterator<Item = Protocol> {
        let all = Protocol::ALL.iter().copied();
        all.filter(|protocol| protocol.row().ports.is_some())
    }

    /// Whether a check says anything that is worth hiding, and so may use STARTTLS.
    pub fn has_to_hide(self, account: Option<&Account>, envelope: &Envelope, work: Work) -> bool {
        if work == Work::Greeting {
            return false;
        }
        match self.row().starttls.hides {
            Hides::Nothing => false,
            Hides::Password => account.is_some(),
            Hides::Recipient => {
                // A message goes to the account's user where no address is given.
                let delivers = match work {
                    Work::Steps(steps) => steps.lmtp.deliver,
                    Work::Deliver => true,
                    Work::Collect | Work::Greeting => false,
                };
                envelope.to.is_some() || (delivers && account.is_some())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Secret;
    use crate::config::settings::{LmtpSteps, Steps};

    #[test]
    fn a_port_alone_means_what_it_meant_to_poolmon() {
        for (number, expected) in [
            (143, Protocol::Imap),
            (993, Protocol::Imap),
            (110, Protocol::Pop3),
            (995, Protocol::Pop3),
            (24, Protocol::Lmtp),
        ] {
            assert_eq!(Protocol::implied_by(number), expected);
        }
        for number in (1..=u16::MAX).filter(|number| ![143, 993, 110, 995, 24].contains(number)) {
            assert_eq!(Protocol::implied_by(number), Protocol::AnyLine, "{number}");
        }
    }

    /// An address is worth hiding as a password is; where nothing is, STARTTLS would only cost time.
    #[test]
    fn a_check_has_to_hide_a_password_and_over_lmtp_a_recipient() {
        let account = Account {
            user: b"probe".to_vec(),
            password: Secret::new("secret"),
            master: None,
        };
        let polls = |deliver| {
            Work::Steps(Steps {
                lmtp: LmtpSteps { deliver },
                ..Steps::default()
            })
        };
        let nobody = Envelope::default();
        let to = Some("a@example.org".to_owned());
        let addressed = Envelope {
            to,
            ..Envelope::default()
        };
        for protocol in [Protocol::Imap, Protocol::Pop3] {
            let hides = |account| protocol.has_to_hide(account, &addressed, polls(true));
            assert_eq!([hides(None), hides(Some(&account))], [false, true]);
        }
        for (account, envelope, work, hides) in [
            (None, &nobody, polls(false), false),
            (None, &nobody, polls(true), false),
            (None, &addressed, polls(false), true),
            (Some(&account), &nobody, polls(false), false),
            (Some(&account), &nobody, polls(true), true),
            (Some(&account), &nobody, Work::Deliver, true),
            (Some(&account), &nobody, Work::Collect, false),
        ] {
            let has = Protocol::Lmtp.has_to_hide(account, envelope, work);
            assert_eq!(has, hides, "{envelope:?}, {work:?}");
        }
        for &protocol in Protocol::ALL {
            assert!(!protocol.has_to_hide(Some(&account), &addressed, Work::Greeting));
        }
        let any_line = Protocol::AnyLine;
        assert!(!any_line.has_to_hide(Some(&account), &addressed, Work::Deliver));
    }

    #[test]
    fn each_name_is_found_in_any_case_and_no_other() {
        for &protocol in Protocol::ALL {
            let Row { name, ports, .. } = protocol.row();
            assert_eq!(*name, name.to_ascii_lowercase());
            let expected = ports.map(|_| protocol);
            assert_eq!(Protocol::named(name), expected, "{name}");
            assert_eq!(Protocol::named(&name.to_ascii_uppercase()), expected);
        }
        assert_eq!(Protocol::named("line"), None);
        assert_eq!(Protocol::named(""), None);
    }
}
