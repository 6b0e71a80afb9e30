//! A table of the fault matrix, read from its file.
//!
//! It begins with `key: value` lines. `== dialogue` is the server that serves: the name of a step, what the
//! client's line begins with (`C:`, and `C+` for one more line of the same command, or `M:` for a test
//! message), what the server answers (`S:`), or `TLS` for a handshake. `== outcomes` is the grid, and `== cannot be` has the reasons.

use crate::account::Envelope;
use crate::config::settings::{Auth, ProxyProtocol, Steps};
use crate::grid::{self, part, Row};
use crate::outcome::{Failure, Fault};
use crate::service::{Protocol, Security};

/// What happens at a step, once the client's command was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// Nobody listens at the port.
    Refused,
    Reset,
    Closed,
    /// Half of the answer, then the end.
    Cut,
    Silent,
    /// The answer, a byte at a time, and slower than the time limit allows.
    Drip,
    /// A line without end.
    Line,
    /// Lines without end, of an answer that goes on.
    Lines,
    Garbage,
    Nuls,
    /// An answer to another command than was asked.
    Tag,
    /// The server takes its leave.
    Bye,
    /// A temporary failure.
    Busy,
    /// The answer, and its last line once more.
    Extra,
    /// The answer comes together with the one before, and nothing follows the command. At a handshake it is what
    /// the server says next, in clear text.
    Early,
}

impl Happening {
    pub(super) const ALL: [(&'static str, Happening); 15] = [
        ("refused", Happening::Refused),
        ("reset", Happening::Reset),
        ("closed", Happening::Closed),
        ("cut", Happening::Cut),
        ("silent", Happening::Silent),
        ("drip", Happening::Drip),
        ("line", Happening::Line),
        ("lines", Happening::Lines),
        ("garbage", Happening::Garbage),
        ("nuls", Happening::Nuls),
        ("tag", Happening::Tag),
        ("bye", Happening::Bye),
        ("busy", Happening::Busy),
        ("extra", Happening::Extra),
        ("early", Happening::Early),
    ];
}

pub(super) struct Table {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    pub(super) security: Security,
    pub(super) auth: Auth,
    pub(super) envelope: Envelope,
    pub(super) steps: Steps,
    /// The response to a login is too long for the command's own line.
    pub(super) has_long_password: bool,
    pub(super) proxy_protocol: ProxyProtocol,
    pub(super) probe: Probe,
    /// What the server does at each step, in order. The first is the connection, and nothing.
    pub(super) turns: Vec<Turn>,
    /// Of the same steps.
    pub(super) rows: Vec<Row>,
}

/// What the attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Poll,
    /// The side of a deep probe that takes the message. Nobody listens at the mailbox's port.
    Deliver,
    /// The other side. The message was delivered.
    Collect,
}

#[derive(Default)]
pub(super) struct Turn {
    pub(super) asked: Asked,
    /// With a line end each.
    pub(super) answer: Vec<String>,
}

#[derive(Default, PartialEq)]
pub(super) enum Asked {
    /// The server speaks first.
    #[default]
    Nothing,
    /// Lines that begin so.
    Lines(Vec<String>),
    Message,
    Handshake,
}

impl Table {
    pub(super) fn parse(name: &str, text: &str) -> Table {
        let mut table = Table {
            name: name.to_owned(),
            protocol: Protocol::AnyLine,
            security: Security::Plain,
            auth: Auth::Login,
            envelope: Envelope::default(),
            steps: Steps::default(),
            has_long_password: false,
            proxy_protocol: ProxyProtocol::No,
            probe: Probe::Poll,
            turns: vec![Turn::default()],
            rows: Vec::new(),
        };
        for line in part(text, "") {
            let setting = line.split_once(": ");
            table.set(setting.unwrap_or_else(|| panic!("{name}: {line}")));
        }
        let mut steps = vec!["connect"];
        for line in part(text, "dialogue") {
            if let Some(text) = line.strip_prefix("S:") {
                let answer = format!("{}\r\n", text.strip_prefix(' ').unwrap_or(text));
                table.last_turn().answer.push(answer);
            } else if let Some(start) = line.strip_prefix("C: ") {
                table.last_turn().asked = Asked::Lines(vec![start.to_owned()]);
            } else if let Some(start) = line.strip_prefix("C+ ") {
                match &mut table.last_turn().asked {
                    Asked::Lines(starts) => starts.push(start.to_owned()),
                    _ => panic!("{name}: {line}"),
                }
            } else if line == "M: message" {
                table.last_turn().asked = Asked::Message;
            } else if line == "TLS" {
                table.last_turn().asked = Asked::Handshake;
            } else {
                steps.push(line);
                table.turns.push(Turn::default());
            }
        }
        let columns: Vec<&str> = Happening::ALL.iter().map(|(name, _)| *name).collect();
        let rows = grid::grid(&columns, &part(text, "outcomes"));
        let listed: Vec<&str> = rows.iter().map(|row| &*row.step).collect();
        assert_eq!(listed, steps, "{name}");
        grid::check_reasons(&columns, &rows, &part(text, "cannot be"));
        table.rows = rows;
        table
    }

    /// Whether the connection begins in plain text and changes to TLS.
    pub(super) fn changes_to_tls(&self) -> bool {
        let mut turns = self.turns.iter();
        self.security == Security::Plain && turns.any(|turn| turn.asked == Asked::Handshake)
    }

    fn set(&mut self, (key, value): (&str, &str)) {
        match (key, value) {
            ("protocol", "line") => self.protocol = Protocol::AnyLine,
            ("protocol", name) => self.protocol = Protocol::named(name).expect(name),
            ("security", "plain") => self.security = Security::Plain,
            ("security", "tls") => self.security = Security::Tls,
            ("auth", "login") => self.auth = Auth::Login,
            ("auth", "sasl") => self.auth = Auth::SaslPlain,
            ("password", "long") => self.has_long_password = true,
            ("proxy", "v1") => self.proxy_protocol = ProxyProtocol::V1,
            ("probe", "deliver") => self.probe = Probe::Deliver,
            ("probe", "collect") => self.probe = Probe::Collect,
            ("to", address) => self.envelope.to = Some(address.to_owned()),
            ("steps", names) => names.split(' ').for_each(|name| {
                *match name {
                    "list" => &mut self.steps.imap.list,
                    "select" => &mut self.steps.imap.select,
                    "append" => &mut self.steps.imap.append,
                    "expunge" => &mut self.steps.imap.expunge,
                    "stat" => &mut self.steps.pop3.stat,
                    "delete" => &mut self.steps.pop3.delete,
                    "deliver" => &mut self.steps.lmtp.deliver,
                    other => panic!("no step {other}"),
                } = true;
            }),
            _ => panic!("{}: {key}: {value}", self.name),
        }
    }

    fn last_turn(&mut self) -> &mut Turn {
        self.turns.last_mut().unwrap()
    }
}

/// As the tables have it.
pub(super) fn stage(failure: &Failure) -> String {
    format!("{:?}", failure.stage).to_lowercase()
}

pub(super) fn fault(failure: &Failure) -> String {
    let word = match &failure.fault {
        Fault::Refused => "refused",
        Fault::TimedOut => "timed-out",
        Fault::Closed => "closed",
        Fault::LineTooLong => "too-long",
        Fault::TooMuch => "too-much",
        Fault::Malformed(_) => "malformed",
        Fault::InjectedText => "injected",
        Fault::Bye(_) => "bye",
        Fault::Unavailable(_) => "unavailable",
        Fault::TlsFailed(_) => "tls-failed",
        other => return format!("({other})"),
    };
    word.to_owned()
}
