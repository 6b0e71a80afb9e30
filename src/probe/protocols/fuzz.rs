//! Fuzz targets: a whole dialogue with a server that says anything, at any pace, and ends at any time.
//!
//! What is given is four bytes of settings and then what the server says. A byte 0x1e ends what one read
//! gets, and the byte behind it says what happens next (`Server::mark`).
//!
//! The properties, each of which is looked at by its own reading of what was said:
//! - A pass needs the server's word for every step (`approves`), and stays a pass when the same bytes come one
//!   at a time.
//! - An attempt that logs in over TLS never passes without a login because plain text is not allowed.
//! - A password is sent only where the settings allow it, and never shown.
//! - What is read, said and noted down is bounded.
//! - A message is marked as deleted only after the server has shown, in answer to a look at this very message, a
//!   token that the attempt may delete.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use super::line::{Duplex, Lines, Observer, MOST_TEXT};
use super::table::Protocol;
use super::token::{Purpose, Token, PREFIX};
use super::{begin, contains_ignoring_case, resume, sasl, Channel, Check, Progress, Repeats, Work};
use crate::account::{Account, Envelope, Secret};
use crate::config::settings::{Auth, ImapSteps, LmtpSteps, Pop3Steps, StartTls, Steps};
use crate::config::trust::PasswordNeeds;
use crate::outcome::{Failure, Pass, Stage};
use crate::probe::transcript::Transcript;

const MARK: u8 = 0x1e;

/// Bytes that an attempt says at most: fifty messages are looked at and deleted.
const MOST_SAID: usize = 16 * 1024;

/// One password for all: one that stands in no protocol.
const PASSWORD: &[u8] = b"hunter2";
/// One that fits into no command line of POP3 or SUBMISSION, and into no quoted string of SIEVE.
const LONG: usize = 1000;

/// A dialogue of this protocol.
pub(crate) fn dialogue(protocol: Protocol, data: &[u8]) {
    let (settings, text) = match data {
        [a, b, c, d, text @ ..] => (Settings::of([*a, *b, *c, *d]), text),
        _ => return,
    };
    if text.len() > 2 * MOST_TEXT {
        return;
    }
    let (result, server) = settings.talk(protocol, text, Pace::Whole);
    server.check(&settings, &result);
    if let Ok(pass) = result {
        if let Err(missing) = approves(protocol, pass, &server) {
            panic!("{pass:?} without {missing}");
        }
        let refused_on_tls = pass == Pass::PlaintextDisabled
            && server.channel == Channel::Encrypted
            && settings.logs_in();
        assert!(!refused_on_tls, "{pass:?}, and nothing is in plain text");
        if !server.is_disturbed {
            let (again, server) = settings.talk(protocol, text, Pace::Bytewise);
            server.check(&settings, &again);
            assert_eq!(again, Ok(pass), "a byte at a time");
        }
    }
}

/// What is chosen by the first four bytes; digits and letters do, so that samples can be read.
struct Settings {
    account: Option<Account>,
    envelope: Envelope,
    starttls: StartTls,
    password_needs: PasswordNeeds,
    auth: Auth,
    channel: Channel,
    work: Work,
}

impl Settings {
    fn of([who, tls, how, work]: [u8; 4]) -> Settings {
        let password = match who & 3 {
            2 => PASSWORD.repeat(LONG / PASSWORD.len()),
            _ => PASSWORD.to_vec(),
        };
        let account = (who & 3 != 0).then(|| Account {
            user: b"probe".to_vec(),
            password: Secret::new(password),
            master: (who & 3 == 3).then(|| b"master".to_vec()),
        });
        let bit = |number: u8| work & (1 << number) != 0;
        Settings {
            envelope: Envelope {
                from: String::new(),
                to: (who & 4 != 0).then(|| "probe@example.org".to_owned()),
            },
            starttls: match tls & 3 {
                0 | 3 => StartTls::Offered,
                1 => StartTls::Required,
                _ => StartTls::Never,
            },
            // It is asked of the settings only where there is an account.
            password_needs: match (tls >> 2 & 3, &account) {
                (1, Some(_)) => PasswordNeeds::Tls,
                (2, Some(_)) => PasswordNeeds::VerifiedTlsThatIsOff,
                _ => PasswordNeeds::Nothing,
            },
            account,
            auth: match how & 1 {
                0 => Auth::Login,
                _ => Auth::SaslPlain,
            },
            channel: match how & 2 {
                0 => Channel::Clear,
                _ => Channel::Encrypted,
            },
            work: match how & 12 {
                4 => Work::Deliver,
                8 => Work::Collect,
                _ => Work::Steps(Steps {
                    imap: ImapSteps {
                        list: bit(0),
                        select: bit(1),
                        append: bit(2),
                        expunge: bit(3),
                    },
                    pop3: Pop3Steps {
                        stat: bit(0),
                        delete: bit(1),
                    },
                    lmtp: LmtpSteps { deliver: bit(0) },
                }),
            },
        }
    }

    fn logs_in(&self) -> bool {
        self.account.is_some() && self.work != Work::Greeting
    }

    /// The attempt's own.
    fn token(&self) -> Token {
        let purpose = match self.work {
            Work::Greeting | Work::Steps(_) => Purpose::Step,
            Work::Deliver | Work::Collect => Purpose::Deep,
        };
        Token::new(purpose, Duration::from_secs(1_795_326_013), 7, "mon1")
    }

    /// The whole attempt, as the rest of the program makes it.
    fn talk(&self, protocol: Protocol, text: &[u8], pace: Pace) -> (Result<Pass, Failure>, Server) {
        let token = self.token();
        let repeats = Repeats::of(&self.account);
        let check = Check {
            account: self.account.as_ref(),
            repeats: &repeats,
            envelope: &self.envelope,
            starttls: self.starttls,
            password_needs: self.password_needs,
            auth: self.auth,
            work: self.work,
            token: &token,
            milestone: &|_| {},
            channel: self.channel,
        };
        let mut server = Server {
            text: text.to_vec(),
            place: 0,
            pace,
            channel: self.channel,
            given: Vec::new(),
            said: Vec::new(),
            ends: None,
            refuses_writes: false,
            is_disturbed: false,
            reads: 0,
            notes: Vec::new(),
        };
        let mut notes = Notes {
            transcript: Transcript::default(),
            repeats: &repeats,
        };
        let result = talk(protocol, &mut server, &check, &mut notes);
        let dialogue = notes.transcript.finish();
        server.notes = dialogue.lines().map(str::to_owned).collect();
        (result, server)
    }
}

fn talk(
    protocol: Protocol,
    server: &mut Server,
    check: &Check<'_>,
    notes: &mut Notes<'_>,
) -> Result<Pass, Failure> {
    let mut lines = Lines::new(server).observed_by(notes);
    match begin(protocol, &mut lines, check)? {
        Progress::Done(pass) => Ok(pass),
        Progress::StartTls => {
            let budget = lines
                .end_clear_text()
                .map_err(|fault| Failure::new(Stage::StartTls, fault))?;
            server.channel = Channel::Encrypted;
            let mut lines = Lines::resume(server, budget).observed_by(notes);
            resume(protocol, &mut lines, check)
        }
    }
}

/// The program's own notes of an attempt.
struct Notes<'a> {
    transcript: Transcript,
    repeats: &'a Repeats,
}

impl Observer for Notes<'_> {
    fn said(&mut self, text: &[u8]) {
        self.transcript.said(text);
    }

    fn heard(&mut self, line: &[u8]) {
        self.transcript.heard(line, self.repeats);
    }

    fn heard_unshown(&mut self, what: &'static str) {
        self.transcript.heard_unshown(what);
    }

    fn on_stage(&mut self, _: Stage) {}
}

#[derive(Clone, Copy, PartialEq)]
enum Pace {
    /// As much a read as stands before the next mark.
    Whole,
    Bytewise,
}

/// What one side has said, and when: after so many bytes of the other's.
struct Said {
    after: usize,
    channel: Channel,
    text: Vec<u8>,
}

struct Server {
    text: Vec<u8>,
    place: usize,
    pace: Pace,
    channel: Channel,
    given: Vec<u8>,
    said: Vec<Said>,
    /// From now on all reads, and with a reset all writes, end so.
    ends: Option<Option<ErrorKind>>,
    refuses_writes: bool,
    /// Something else than bytes has been read.
    is_disturbed: bool,
    reads: usize,
    notes: Vec<String>,
}

impl Server {
    /// What the byte behind a mark stands for; most of them for the end of a read alone.
    fn mark(&mut self, what: Option<u8>) -> Option<io::Result<usize>> {
        match what {
            Some(b't') => {
                self.is_disturbed = true;
                Some(Err(ErrorKind::TimedOut.into()))
            }
            Some(b'i') => Some(Err(ErrorKind::Interrupted.into())),
            Some(b'e') => {
                self.is_disturbed = true;
                self.ends = Some(None);
                Some(Ok(0))
            }
            Some(b'r') => {
                self.is_disturbed = true;
                self.ends = Some(Some(ErrorKind::ConnectionReset));
                Some(Err(ErrorKind::ConnectionReset.into()))
            }
            Some(b'w') => {
                self.is_disturbed = true;
                self.refuses_writes = true;
                None
            }
            _ => None,
        }
    }

    /// What holds of every attempt.
    fn check(&self, settings: &Settings, result: &Result<Pass, Failure>) {
        assert!(self.given.len() <= MOST_TEXT, "{} bytes", self.given.len());
        let said: usize = self.said.iter().map(|said| said.text.len()).sum();
        assert!(said <= MOST_SAID, "{said} bytes said");
        let noted: usize = self.notes.iter().map(|line| line.len() + 1).sum();
        assert!(
            noted <= 2048 && self.notes.len() <= 40,
            "{noted} bytes noted"
        );
        let account = match &settings.account {
            Some(account) => account,
            None => return,
        };
        let mut is_told = false;
        for said in &self.said {
            if !shows_password(&said.text, account) {
                continue;
            }
            is_told = true;
            let is_clear = said.channel == Channel::Clear;
            assert!(
                settings.password_needs != PasswordNeeds::VerifiedTlsThatIsOff,
                "a password that was to be kept"
            );
            assert!(
                !is_clear
                    || (settings.password_needs == PasswordNeeds::Nothing
                        && settings.starttls != StartTls::Required),
                "a password in plain text"
            );
        }
        for line in &self.notes {
            assert!(
                line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
                "{line:?}"
            );
            assert!(!shows_password(line.as_bytes(), account), "noted: {line}");
        }
        if let (true, Err(failure)) = (is_told, result) {
            let told = failure.to_string();
            assert!(!shows_password(told.as_bytes(), account), "told: {told}");
        }
        self.check_deletions(&settings.token());
    }

    /// Messages are deleted one by one, and only those that were shown to be ours.
    fn check_deletions(&self, own: &Token) {
        for (place, said) in self.said.iter().enumerate() {
            let command = String::from_utf8_lossy(&said.text).to_uppercase();
            let words: Vec<&str> = command.split_whitespace().collect();
            let numbers = match words[..] {
                [_, "EXPUNGE", ..] => panic!("takes with it what others have marked"),
                [_, "UID", "STORE" | "EXPUNGE", numbers, ..] | ["DELE", numbers] => numbers,
                _ => continue,
            };
            for number in numbers.split(',') {
                assert!(number.parse::<u32>().is_ok(), "{command}: a range");
                let shown = (0..place).flat_map(|look| self.shown_of(number, look));
                let mut tokens = shown.flat_map(|text| tokens_in(&text));
                assert!(
                    tokens.any(|token| own.may_delete(&token)),
                    "{command}: {number} was not shown to be ours"
                );
            }
        }
    }

    /// What was shown of the message when it was looked at by the command at this place.
    fn shown_of(&self, number: &str, place: usize) -> Vec<Vec<u8>> {
        let command = String::from_utf8_lossy(&self.said[place].text).to_uppercase();
        let words: Vec<&str> = command.split_whitespace().collect();
        let after = |place: usize| self.said.get(place).map_or(self.given.len(), |it| it.after);
        match words[..] {
            ["TOP", asked, ..] if asked == number => {
                let answer = &self.given[after(place)..after(place + 1)];
                let lines = answer.split_inclusive(|&byte| byte == b'\n');
                let header = lines.take_while(|line| !matches!(line, [b'\n'] | [b'\r', b'\n']));
                vec![header.flatten().copied().collect()]
            }
            [_, "UID", "FETCH", asked, ..] if asked.split(',').any(|one| one == number) => {
                // A response may come before the command that asks for it, and then together with the end of
                // the answer before.
                let from = place.checked_sub(1).map_or(0, after);
                fetched(&self.given[from..after(place + 1)], number)
            }
            _ => Vec::new(),
        }
    }
}

/// The literals of IMAP's responses about the message of this UID.
fn fetched(mut text: &[u8], uid: &str) -> Vec<Vec<u8>> {
    let mut fetched = Vec::new();
    while !text.is_empty() {
        let (mut outside, mut literals) = (Vec::new(), Vec::new());
        loop {
            let end = text.iter().position(|&byte| byte == b'\n');
            let (line, rest) = text.split_at(end.map_or(text.len(), |end| end + 1));
            text = rest;
            outside.extend_from_slice(line);
            let announced = String::from_utf8_lossy(line);
            let announced = announced.trim_end_matches('\n');
            let announced = announced.strip_suffix('\r').unwrap_or(announced);
            let number = announced.strip_suffix('}');
            let number = number.and_then(|line| line.rsplit_once('{')?.1.parse().ok());
            match number {
                Some(length) if begins(&outside, "*") && length <= text.len() => {
                    let (literal, rest) = text.split_at(length);
                    literals.extend_from_slice(literal);
                    text = rest;
                }
                _ => break,
            }
        }
        let outside = String::from_utf8_lossy(&outside).to_uppercase();
        let is_between = |c: char| c.is_whitespace() || "()[\"".contains(c);
        let words = outside.split(is_between);
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        // A number may be written with zeros before it.
        let number = |word: &str| word.parse::<u32>().ok();
        let is_of = |two: &[&str]| two[0] == "UID" && number(two[1]) == number(uid);
        if words.get(2) == Some(&"FETCH") && words.windows(2).any(is_of) {
            fetched.push(literals);
        }
    }
    fetched
}

/// The words that are tokens, whatever stands around them.
fn tokens_in(text: &[u8]) -> Vec<Token> {
    let words = text.split(|byte| byte.is_ascii_whitespace() || *byte == b':');
    let words = words.filter(|word| word.starts_with(PREFIX.as_bytes()));
    words.filter_map(Token::parse).collect()
}

/// Whether the password, or what SASL makes of it, stands in there.
fn shows_password(text: &[u8], account: &Account) -> bool {
    if contains_ignoring_case(text, account.password.reveal()) {
        return true;
    }
    let response = sasl::plain(account).expect("without a NUL");
    let response = response.reveal();
    // All of it, or of a long one a part from which it can be read.
    let part = &response[..response.len().min(32)];
    text.windows(part.len()).any(|window| window == part)
}

impl Duplex for Server {}

impl Read for Server {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        assert!(self.reads <= 4 * MOST_TEXT, "reads for ever");
        match self.ends {
            Some(Some(kind)) => return Err(kind.into()),
            Some(None) => return Ok(0),
            None => {}
        }
        let room = match self.pace {
            Pace::Whole => buffer.len(),
            Pace::Bytewise => 1,
        };
        let mut count = 0;
        while count < room {
            match self.text.get(self.place) {
                None => break,
                Some(&MARK) => {
                    let what = self.text.get(self.place + 1).copied();
                    // What was read so far is given first.
                    if count > 0 {
                        break;
                    }
                    self.place += 2;
                    if let Some(result) = self.mark(what) {
                        return result;
                    }
                }
                Some(&byte) => {
                    buffer[count] = byte;
                    count += 1;
                    self.place += 1;
                }
            }
        }
        self.given.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

impl Write for Server {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.refuses_writes || matches!(self.ends, Some(Some(_))) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let (after, channel) = (self.given.len(), self.channel);
        let text = bytes.to_vec();
        self.said.push(Said {
            after,
            channel,
            text,
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that began after the command was said, and before the next one was.
struct Asked<'s> {
    command: &'s [u8],
    lines: Vec<&'s [u8]>,
}

impl<'s> Asked<'s> {
    fn says(&self, word: &str) -> bool {
        self.lines.iter().any(|line| begins(line, word))
    }

    fn says_first(&self, word: &str) -> bool {
        self.lines.first().map_or(false, |line| begins(line, word))
    }

    fn is(&self, word: &str) -> bool {
        begins(self.command, word)
    }

    /// Whatever follows the code, within the brackets and behind them.
    fn has_code(&self, beginning: &str) -> bool {
        let begins = |line: &&[u8]| {
            let start = line.get(..beginning.len()).unwrap_or_default();
            let is_whole = matches!(line.get(beginning.len()), Some(b']' | b' '));
            start.eq_ignore_ascii_case(beginning.as_bytes()) && is_whole
        };
        self.lines.iter().any(begins)
    }
}

/// With the word and what ends it, in any case.
fn begins(line: &[u8], word: &str) -> bool {
    line.len() >= word.len()
        && line[..word.len()].eq_ignore_ascii_case(word.as_bytes())
        && line.get(word.len()).map_or(true, |next| *next == b' ')
}

fn greeting(server: &Server) -> Asked<'_> {
    let first = server
        .said
        .first()
        .map_or(server.given.len(), |said| said.after);
    Asked {
        command: b"",
        lines: lines_between(&server.given, 0, first),
    }
}

fn commands(server: &Server) -> Vec<Asked<'_>> {
    let ends = server.said.iter().skip(1).map(|said| said.after);
    let ends = ends.chain([server.given.len()]);
    let asked = server.said.iter().zip(ends).map(|(said, end)| {
        let end_of_line = said.text.iter().position(|byte| b"\r\n".contains(byte));
        Asked {
            command: &said.text[..end_of_line.unwrap_or(said.text.len())],
            lines: lines_between(&server.given, said.after, end),
        }
    });
    asked.collect()
}

fn lines_between(text: &[u8], from: usize, to: usize) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut place = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if (from..to).contains(&place) && line.ends_with(b"\n") {
            let line = &line[..line.len() - 1];
            lines.push(line.strip_suffix(b"\r").unwrap_or(line));
        }
        place += line.len();
    }
    lines
}

/// Whether the server has said all that a pass needs; if not, what is missing.
fn approves(protocol: Protocol, pass: Pass, server: &Server) -> Result<(), String> {
    let greeting = greeting(server);
    let asked = commands(server);
    let need = |is: bool, what: &dyn Fn() -> String| if is { Ok(()) } else { Err(what()) };
    let of = |asked: &Asked<'_>| {
        let command = String::from_utf8_lossy(asked.command).into_owned();
        move || format!("an answer to {command}")
    };
    let is_greeted = match protocol {
        Protocol::Imap => greeting.says_first("* OK") || greeting.says_first("* PREAUTH"),
        Protocol::Pop3 => greeting.says_first("+OK"),
        Protocol::Sieve => greeting.says("OK"),
        Protocol::Lmtp | Protocol::Submission => is_success(&greeting.lines, b'2'),
        Protocol::AnyLine => !greeting.lines.is_empty(),
    };
    need(is_greeted, &|| "a greeting".to_owned())?;
    // A server that takes no password in plain text says so in its own ways.
    let is_let_in = pass == Pass::Clean;
    for (place, one) in asked.iter().enumerate() {
        match protocol {
            Protocol::Imap => {
                let tag = String::from_utf8_lossy(one.command);
                let tag = tag.split(' ').next().unwrap_or_default().to_owned();
                let is_tagged = one.command.contains(&b' ')
                    && tag.len() > 1
                    && [b'a', b'b'].contains(&tag.as_bytes()[0])
                    && tag.bytes().skip(1).all(|byte| byte.is_ascii_digit());
                let is_login =
                    one.is(&format!("{tag} LOGIN")) || one.is(&format!("{tag} AUTHENTICATE"));
                if !is_tagged || one.is(&format!("{tag} LOGOUT")) || (is_login && !is_let_in) {
                    continue;
                }
                // The rest of a command with a literal has no tag, and the answer comes after it.
                let rest = asked[place..].iter().enumerate();
                let mut own = rest.take_while(|(at, later)| {
                    *at == 0
                        || !later.command.starts_with(b"a") && !later.command.starts_with(b"b")
                        || !later.command.contains(&b' ')
                });
                let is_done = own.any(|(_, part)| {
                    part.says(&format!("{tag} OK"))
                        || part.has_code(&format!("{tag} NO [EXPUNGEISSUED"))
                });
                need(is_done, &of(one))?;
            }
            Protocol::Pop3 => {
                let is_login = ["USER", "PASS", "AUTH"].iter().any(|word| one.is(word))
                    || one.command.len() > 300;
                let is_leave = one.is("QUIT") && !asked.iter().any(|other| other.is("DELE"));
                if one.is("CAPA") || is_leave || (is_login && !is_let_in) {
                    continue;
                }
                let is_gone = |line: &&[u8]| contains_ignoring_case(line, b"expunged");
                let may_be_gone = ["LIST", "TOP", "DELE"].iter().any(|word| one.is(word));
                // The login was accepted, and somebody else has the maildrop.
                let in_use =
                    is_login && (one.has_code("-ERR [IN-USE") || one.has_code("-ERR [LOGIN-DELAY"));
                let is_done = one.says_first("+OK")
                    || in_use
                    || (one.is("AUTH PLAIN") && one.says_first("+"))
                    || (may_be_gone && one.lines.first().map_or(false, is_gone));
                need(is_done, &of(one))?;
            }
            Protocol::Sieve => {
                let is_login = one.is("AUTHENTICATE");
                if one.is("LOGOUT") || (is_login && !is_let_in) {
                    continue;
                }
                need(one.says("OK"), &of(one))?;
            }
            Protocol::Lmtp | Protocol::Submission => {
                let is_login = one.is("AUTH PLAIN") || one.command.len() > 300;
                if one.is("QUIT") || (is_login && !is_let_in) {
                    continue;
                }
                let asks_on = one.is("DATA") || one.is("AUTH PLAIN");
                let is_done =
                    is_success(&one.lines, b'2') || (asks_on && is_success(&one.lines, b'3'));
                need(is_done, &of(one))?;
            }
            Protocol::AnyLine => {}
        }
    }
    Ok(())
}

/// The last line of the first reply has a code of this class.
fn is_success(lines: &[&[u8]], class: u8) -> bool {
    let last = lines.iter().find(|line| line.get(3) != Some(&b'-'));
    last.map_or(false, |line| line.first() == Some(&class))
}
