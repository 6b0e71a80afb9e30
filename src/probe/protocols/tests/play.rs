//! A transcript as a stream: the server's side of a dialogue, strict about turns.
//!
//! A transcript begins with `key: value` lines and an empty line. Then `S:` is a line of the
//! server's and `C:` one that the client must send, CRLF added to both; `C+` is one more line of the
//! same command, and `TLS` is a handshake. In all of it `\xNN`, `\r`, `\n` and `\\` are escapes, and a line that begins with `#` is a remark.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use super::super::line::{Duplex, Lines, Observer};
use super::super::token::Purpose;
use super::super::*;
use crate::account::Secret;
use crate::outcome::Stage;

pub(super) struct Scene {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    pub(super) channel: Channel,
    pub(super) account: Option<Account>,
    envelope: Envelope,
    pub(super) starttls: StartTls,
    pub(super) password_needs: PasswordNeeds,
    auth: Auth,
    work: Work,
    /// Whether the answer to QUIT is part of the result.
    quit_counts: bool,
    /// The milestones that are to be reached, in order.
    pub(super) milestones: String,
    /// What the outcome prints: the name of a pass, or a failure's text.
    pub(super) expect: String,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, PartialEq)]
pub(super) enum Step {
    /// All that the server says until the client's turn.
    Server(Vec<u8>),
    /// One command.
    Client(Vec<u8>),
    Tls,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Server(text) => write!(f, "S: {}", Quote::new(text)),
            Step::Client(text) => write!(f, "C: {}", Quote::new(text)),
            Step::Tls => f.write_str("TLS"),
        }
    }
}

impl Scene {
    pub(super) fn parse(name: &str, text: &str) -> Scene {
        let mut scene = Scene {
            name: name.to_string(),
            protocol: Protocol::AnyLine,
            channel: Channel::Clear,
            account: None,
            envelope: Envelope::default(),
            starttls: StartTls::Offered,
            password_needs: PasswordNeeds::Nothing,
            auth: Auth::Login,
            work: Work::Steps(Steps::default()),
            quit_counts: false,
            milestones: String::new(),
            expect: String::new(),
            steps: Vec::new(),
        };
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let (key, value) = line.split_once(": ").expect(name);
            let words: Vec<&str> = value.split(' ').collect();
            match (key, &words[..]) {
                ("protocol", ["line"]) => scene.protocol = Protocol::AnyLine,
                ("protocol", [name]) => scene.protocol = Protocol::named(name).expect(name),
                ("channel", ["clear"]) => scene.channel = Channel::Clear,
                ("channel", ["encrypted"]) => scene.channel = Channel::Encrypted,
                ("account", [user, password]) => {
                    scene.account = Some(Account {
                        user: unescape(user),
                        password: Secret::new(unescape(password)),
                        master: None,
                    })
                }
                ("starttls", ["require"]) => scene.starttls = StartTls::Required,
                ("require-tls", ["yes"]) => scene.password_needs = PasswordNeeds::Tls,
                ("require-tls", ["unverified"]) => {
                    scene.password_needs = PasswordNeeds::VerifiedTlsThatIsOff
                }
                ("starttls", ["no"]) => scene.starttls = StartTls::Never,
                ("master", [master]) => {
                    let account = scene.account.as_mut().expect("an account first");
                    account.master = Some(unescape(master));
                }
                ("auth", ["sasl"]) => scene.auth = Auth::SaslPlain,
                ("steps", names) => scene.work = Work::Steps(steps(names)),
                ("work", ["greeting"]) => scene.work = Work::Greeting,
                ("work", ["deliver"]) => scene.work = Work::Deliver,
                ("work", ["collect"]) => scene.work = Work::Collect,
                ("quit", ["counts"]) => scene.quit_counts = true,
                ("milestones", _) => scene.milestones = value.to_string(),
                ("from", _) => scene.envelope.from = address(value),
                ("to", _) => scene.envelope.to = Some(address(value)),
                ("expect", _) => scene.expect = value.to_string(),
                _ => panic!("{name}: {line}"),
            }
        }
        for line in lines {
            if line == "TLS" {
                scene.steps.push(Step::Tls);
                continue;
            }
            let (side, text) = line.split_at(2);
            let text = unescape(&format!("{}\\r\\n", text.strip_prefix(' ').unwrap_or(text)));
            match (side, scene.steps.last_mut()) {
                ("S:", Some(Step::Server(before))) => before.extend_from_slice(&text),
                ("S:", _) => scene.steps.push(Step::Server(text)),
                ("C+", Some(Step::Client(before))) => before.extend_from_slice(&text),
                ("C:", _) => scene.steps.push(Step::Client(text)),
                _ => panic!("{name}: {line}"),
            }
        }
        scene
    }

    /// How much the server says in all.
    pub(super) fn server_bytes(&self) -> usize {
        said(&self.steps)
    }

    /// All of it.
    pub(super) fn said_by_server(&self) -> Vec<u8> {
        let texts = self.steps.iter().filter_map(|step| match step {
            Step::Server(text) => Some(&text[..]),
            _ => None,
        });
        texts.collect::<Vec<_>>().concat()
    }

    /// Where the client says good-bye, if what is answered to that changes no result.
    fn leave(&self) -> Option<usize> {
        let leave = self.steps.iter().position(|step| {
            matches!(step, Step::Client(line) if line == b"QUIT\r\n" || line.ends_with(b"LOGOUT\r\n"))
        });
        leave.filter(|_| !self.quit_counts)
    }

    /// How much the server says before the client takes its leave.
    pub(super) fn needed_bytes(&self) -> usize {
        let end = self.leave().unwrap_or(self.steps.len());
        said(&self.steps[..end])
    }

    pub(super) fn takes_leave(&self) -> bool {
        self.leave().is_some()
    }

    pub(super) fn play(&self, manner: Manner) -> (Result<Pass, Failure>, Play) {
        let mut stream = Play {
            name: self.name.clone(),
            steps: self.steps.clone(),
            manner,
            given: 0,
            writes: 0,
            is_farewell: false,
            milestones: Rc::default(),
            notes: Notes::default(),
        };
        let milestones = Rc::clone(&stream.milestones);
        let note = |milestone| milestones.borrow_mut().push(milestone);
        let mut notes = Notes::default();
        let repeats = Repeats::of(&self.account);
        let result = self.talk_over(&mut stream, &repeats, &note, &mut notes, Play::shake_hands);
        stream.notes = notes;
        (result, stream)
    }

    /// The client's side of it over any stream.
    pub(super) fn talk_over<S: Duplex>(
        &self,
        stream: &mut S,
        repeats: &Repeats,
        milestone: &dyn Fn(Milestone),
        notes: &mut Notes,
        shake_hands: impl Fn(&mut S),
    ) -> Result<Pass, Failure> {
        let token = token(match self.work {
            Work::Greeting | Work::Steps(_) => Purpose::Step,
            Work::Deliver | Work::Collect => Purpose::Deep,
        });
        let check = Check {
            account: self.account.as_ref(),
            repeats,
            envelope: &self.envelope,
            starttls: self.starttls,
            password_needs: self.password_needs,
            auth: self.auth,
            work: self.work,
            token: &token,
            milestone,
            channel: self.channel,
        };
        talk(self.protocol, stream, &check, notes, shake_hands)
    }
}

fn said(steps: &[Step]) -> usize {
    steps
        .iter()
        .map(|step| match step {
            Step::Server(text) => text.len(),
            _ => 0,
        })
        .sum()
}

/// The mark of the attempt in every transcript, `poolmon.PURPOSE.1795326013.0000000000000007.mon1`.
pub(super) fn token(purpose: Purpose) -> Token {
    Token::new(purpose, Duration::from_secs(1_795_326_013), 7, "mon1")
}

fn steps(names: &[&str]) -> Steps {
    let mut steps = Steps::default();
    for name in names {
        *match *name {
            "list" => &mut steps.imap.list,
            "select" => &mut steps.imap.select,
            "append" => &mut steps.imap.append,
            "expunge" => &mut steps.imap.expunge,
            "stat" => &mut steps.pop3.stat,
            "delete" => &mut steps.pop3.delete,
            "deliver" => &mut steps.lmtp.deliver,
            other => panic!("no step {other}"),
        } = true;
    }
    steps
}

pub(super) fn all_steps() -> Steps {
    steps(&[
        "list", "select", "append", "expunge", "stat", "delete", "deliver",
    ])
}

fn address(text: &str) -> String {
    String::from_utf8(unescape(text)).unwrap()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => panic!("unknown escape {other:?} in {text}"),
        });
    }
    bytes
}

/// What the rest of the program does with a dialogue.
pub(super) fn talk<S: Duplex>(
    protocol: Protocol,
    stream: &mut S,
    check: &Check<'_>,
    notes: &mut Notes,
    shake_hands: impl Fn(&mut S),
) -> Result<Pass, Failure> {
    let mut lines = Lines::new(stream).observed_by(notes);
    match begin(protocol, &mut lines, check)? {
        Progress::Done(pass) => Ok(pass),
        Progress::StartTls => {
            let budget = lines
                .end_clear_text()
                .map_err(|fault| Failure::new(Stage::StartTls, fault))?;
            shake_hands(stream);
            let mut lines = Lines::resume(stream, budget).observed_by(notes);
            resume(protocol, &mut lines, check)
        }
    }
}

/// How a transcript is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Manner {
    Whole,
    /// One byte a read, one byte a write.
    Bytewise,
    /// So many bytes of the server's, then the end, or a reset.
    Cut(usize, Cut),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cut {
    End,
    /// Reads and writes fail.
    Reset,
}

/// The server's side of a transcript. It panics when the client reads although it is its turn to
/// speak (it would wait for ever), speaks before it has read the reply, or says something else.
pub(super) struct Play {
    name: String,
    pub(super) steps: Vec<Step>,
    manner: Manner,
    given: usize,
    pub(super) writes: usize,
    /// What comes now is waited for only a little longer.
    pub(super) is_farewell: bool,
    milestones: Rc<RefCell<Vec<Milestone>>>,
    pub(super) notes: Notes,
}

/// What an observer was told.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) said: Vec<String>,
    pub(super) heard: Vec<Vec<u8>>,
    pub(super) stages: Vec<Stage>,
}

impl Observer for Notes {
    fn said(&mut self, text: &[u8]) {
        self.said.push(String::from_utf8_lossy(text).into_owned());
    }

    fn heard(&mut self, line: &[u8]) {
        self.heard.push(line.to_vec());
    }

    fn heard_unshown(&mut self, what: &'static str) {
        self.heard.push(what.as_bytes().to_vec());
    }

    fn on_stage(&mut self, stage: Stage) {
        self.stages.push(stage);
    }
}

impl Play {
    pub(super) fn milestones(&self) -> String {
        let words: Vec<&str> = self
            .milestones
            .borrow()
            .iter()
            .map(|milestone| match milestone {
                Milestone::Delivered => "delivered",
                Milestone::Found => "found",
            })
            .collect();
        words.join(" ")
    }

    fn shake_hands(&mut self) {
        assert_eq!(self.steps.first(), Some(&Step::Tls), "{}", self.name);
        self.steps.remove(0);
    }

    /// How many bytes the server still gives, and how it ends then.
    fn left(&self) -> (usize, Option<Cut>) {
        match self.manner {
            Manner::Cut(at, cut) => (at - self.given, Some(cut)),
            Manner::Whole | Manner::Bytewise => (usize::MAX, None),
        }
    }
}

impl Duplex for Play {
    fn on_farewell(&mut self) {
        self.is_farewell = true;
    }
}

impl Read for Play {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = match self.left() {
            (0, Some(Cut::Reset)) => return Err(ErrorKind::ConnectionReset.into()),
            (0, _) => return Ok(0),
            (left, _) if self.manner != Manner::Bytewise => buffer.len().min(left),
            _ => 1,
        };
        let name = &self.name;
        match self.steps.first_mut() {
            None => Ok(0),
            Some(Step::Server(text)) => {
                let count = text.len().min(room);
                buffer[..count].copy_from_slice(&text[..count]);
                text.drain(..count);
                self.given += count;
                if text.is_empty() {
                    self.steps.remove(0);
                }
                Ok(count)
            }
            Some(step) => panic!("{name}: reads, but it is time for {step:?}"),
        }
    }
}

impl Write for Play {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let (0, Some(Cut::Reset)) = self.left() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let name = &self.name;
        let count = match self.manner {
            Manner::Bytewise => 1,
            _ => bytes.len(),
        };
        self.writes += 1;
        match self.steps.first_mut() {
            Some(Step::Client(expected)) if expected.starts_with(&bytes[..count]) => {
                expected.drain(..count);
                if expected.is_empty() {
                    self.steps.remove(0);
                }
                Ok(count)
            }
            step => panic!(
                "{name}: says {}, but it is time for {step:?}",
                Quote::new(bytes)
            ),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
