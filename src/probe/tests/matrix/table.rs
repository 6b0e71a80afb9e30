//! A table of the fault matrix, read from its file.
//!
//! It begins with `key: value` lines. `== dialogue` is the server that serves: the name of a step, what the
//! client's line begins with (`C:`, or `M:` for a test message), what the server answers (`S:`), or `TLS`
//! for a handshake. `== outcomes` has a row for each step: the stage that it belongs to, and for each fault
//! what becomes of the attempt, as `fault`, or as `stage/fault` where it fails elsewhere. `ok` is a pass, and
//! `-` cannot be, for a reason that stands under `== cannot be`: `STEP: FAULTS: reason`, `*` for any.

use crate::account::Envelope;
use crate::config::settings::{Auth, Steps};
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
    /// The answer comes together with the one before, and nothing follows the command.
    Early,
}

impl Happening {
    const ALL: [(&'static str, Happening); 15] = [
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
    /// What the server does at each step, in order. The first is the connection, and nothing.
    pub(super) turns: Vec<Turn>,
    /// Of the same steps.
    pub(super) rows: Vec<Row>,
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
    /// A line that begins so.
    Line(String),
    Message,
    Handshake,
}

pub(super) struct Row {
    pub(super) step: String,
    /// `None` cannot be.
    pub(super) outcomes: Vec<(Happening, Option<String>)>,
}

impl Table {
    pub(super) fn parse(name: &str, text: &str) -> Table {
        let parts: Vec<&str> = text.split("\n== ").collect();
        let part = |title: &str| {
            let mut parts = parts.iter();
            let found = parts.find_map(|part| part.strip_prefix(title));
            found
                .unwrap_or_else(|| panic!("{name}: no {title}"))
                .lines()
                .filter(|line| !line.is_empty())
        };
        let mut table = Table {
            name: name.to_owned(),
            protocol: Protocol::AnyLine,
            security: Security::Plain,
            auth: Auth::Login,
            envelope: Envelope::default(),
            steps: Steps::default(),
            turns: vec![Turn::default()],
            rows: Vec::new(),
        };
        for line in parts[0].lines().filter(|line| !line.starts_with('#')) {
            table.set(
                line.split_once(": ")
                    .unwrap_or_else(|| panic!("{name}: {line}")),
            );
        }
        let mut steps = vec!["connect"];
        for line in part("dialogue") {
            if let Some(text) = line.strip_prefix("S:") {
                let answer = format!("{}\r\n", text.strip_prefix(' ').unwrap_or(text));
                table.last_turn().answer.push(answer);
            } else if let Some(start) = line.strip_prefix("C: ") {
                table.last_turn().asked = Asked::Line(start.to_owned());
            } else if line == "M: message" {
                table.last_turn().asked = Asked::Message;
            } else if line == "TLS" {
                table.last_turn().asked = Asked::Handshake;
            } else {
                steps.push(line);
                table.turns.push(Turn::default());
            }
        }
        let mut lines = part("outcomes");
        let heads: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        let names: Vec<&str> = Happening::ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(heads[2..], names, "{name}");
        table.rows = lines.map(|line| row(name, line)).collect();
        let listed: Vec<&str> = table.rows.iter().map(|row| &*row.step).collect();
        assert_eq!(listed, steps, "{name}");
        table.check_reasons(part("cannot be").collect());
        table
    }

    fn set(&mut self, (key, value): (&str, &str)) {
        match (key, value) {
            ("protocol", "line") => self.protocol = Protocol::AnyLine,
            ("protocol", name) => self.protocol = Protocol::named(name).expect(name),
            ("security", "plain") => self.security = Security::Plain,
            ("security", "tls") => self.security = Security::Tls,
            ("auth", "login") => self.auth = Auth::Login,
            ("auth", "sasl") => self.auth = Auth::SaslPlain,
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

    /// What cannot be has a reason, and each reason is needed.
    fn check_reasons(&self, reasons: Vec<&str>) {
        let mut is_needed = vec![false; reasons.len()];
        for row in &self.rows {
            for ((word, _), (_, outcome)) in Happening::ALL.iter().zip(&row.outcomes) {
                if outcome.is_some() {
                    continue;
                }
                let mut has_reason = false;
                for (reason, is_needed) in reasons.iter().zip(&mut is_needed) {
                    let parts: Vec<&str> = reason.splitn(3, ": ").collect();
                    let is_step = parts[0] == "*" || parts[0] == row.step;
                    let mut words = parts[1].split(' ');
                    if is_step && words.any(|named| named == "*" || named == *word) {
                        assert!(parts[2].len() > 10, "{reason}");
                        has_reason = true;
                        *is_needed = true;
                    }
                }
                assert!(
                    has_reason,
                    "{}: why can {} not be {word}?",
                    self.name, row.step
                );
            }
        }
        assert!(!is_needed.contains(&false), "{}: {reasons:?}", self.name);
    }
}

fn row(name: &str, line: &str) -> Row {
    let words: Vec<&str> = line.split_whitespace().collect();
    let cells = &words[2..];
    assert_eq!(cells.len(), Happening::ALL.len(), "{name}: {line}");
    let outcome = |cell: &&str| match *cell {
        "-" => None,
        "ok" => Some("ok".to_owned()),
        elsewhere if elsewhere.contains('/') => Some(elsewhere.to_owned()),
        fault => Some(format!("{}/{fault}", words[1])),
    };
    let happenings = Happening::ALL.iter().map(|(_, happening)| *happening);
    Row {
        step: words[0].to_owned(),
        outcomes: happenings.zip(cells.iter().map(outcome)).collect(),
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
