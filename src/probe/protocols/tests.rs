//! Replays the transcripts of `tests/data/dialogues`, and scenes made here, and feeds junk.

mod flip;
mod passwords;
mod play;

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use self::play::{talk, Cut, Manner, Notes, Scene, Step};
use super::line::{Duplex, MOST_TEXT};
use super::table::{Hides, UseOfStartTls};
use super::token::Purpose;
use super::*;
use crate::account::Secret;

fn shown(result: &Result<Pass, Failure>) -> String {
    match result {
        Ok(Pass::Clean) => "clean".to_string(),
        Ok(Pass::PlaintextDisabled) => "plaintext disabled".to_string(),
        Err(failure) => failure.to_string(),
    }
}

fn check_scene(scene: &Scene) {
    let name = &scene.name;
    let commands = scene
        .steps
        .iter()
        .filter(|step| matches!(step, Step::Client(_)))
        .count();
    for manner in [Manner::Whole, Manner::Bytewise] {
        let (result, play) = scene.play(manner);
        assert_eq!(shown(&result), scene.expect, "{name}, {manner:?}");
        assert_eq!(play.milestones(), scene.milestones, "{name}, {manner:?}");
        assert_eq!(play.steps, [], "{name}, {manner:?}: left over");
        assert_eq!(play.is_farewell, scene.takes_leave(), "{name}");
        if manner == Manner::Whole {
            assert_eq!(play.writes, commands, "{name}: one write a command");
        }
        if let Some(account) = &scene.account {
            let password = account.password.reveal();
            assert!(!contains_ignoring_case(shown(&result).as_bytes(), password));
        }
        if manner == Manner::Whole {
            check_notes(scene, &result, &play.notes);
        }
    }
    for at in 0..scene.server_bytes() {
        for cut in [Cut::End, Cut::Reset] {
            let (result, _) = scene.play(Manner::Cut(at, cut));
            if at < scene.needed_bytes() {
                let fault = result.map_err(|failure| failure.fault);
                assert_eq!(fault, Err(Fault::Closed), "{name}, {cut:?} at {at}");
            } else {
                assert_eq!(shown(&result), scene.expect, "{name}, {cut:?} at {at}");
            }
        }
    }
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|there| there == part)
}

/// Holds that an observer is told each command as it was sent, but without the password, and each stage.
fn check_notes(scene: &Scene, result: &Result<Pass, Failure>, notes: &Notes) {
    let name = &scene.name;
    let account = scene.account.as_ref();
    let response = account.and_then(|account| sasl::plain(account).ok());
    let is_secret = |text: &[u8]| {
        account.map_or(false, |account| {
            let is_login = !text.starts_with(b"USER ") && !text.starts_with(b"AUTH PLAIN\r");
            is_login && holds(text, account.password.reveal())
        }) || response
            .as_ref()
            .map_or(false, |response| holds(text, response.reveal()))
    };
    let commands = scene.steps.iter().filter_map(|step| match step {
        Step::Client(text) => Some(text),
        _ => None,
    });
    let mut said = notes.said.iter();
    for command in commands {
        let said = said.next().unwrap();
        if is_secret(command) {
            assert!(said.contains("<password>"), "{name}: {said}");
            assert!(!is_secret(said.as_bytes()), "{name}: {said}");
        } else if !said.contains("<length>") {
            let command = String::from_utf8_lossy(command);
            assert_eq!(said.trim_end(), command.trim_end(), "{name}");
        }
    }
    assert_eq!(said.next(), None, "{name}");
    check_heard(scene, result, &notes.heard);
    let mut stages = notes
        .stages
        .iter()
        .rev()
        .skip_while(|stage| **stage == Stage::Logout);
    match result {
        Ok(_) => assert!(stages.next().is_some(), "{name}: {:?}", notes.stages),
        Err(failure) => assert_eq!(stages.next(), Some(&failure.stage), "{name}"),
    }
}

/// Holds that an observer is told each line as it came, and of other text what is ours: IMAP gives our header's line
/// alone, POP3 a whole header.
fn check_heard(scene: &Scene, result: &Result<Pass, Failure>, heard: &[Vec<u8>]) {
    let name = &scene.name;
    let asks_for_header =
        |step: &Step| matches!(step, Step::Client(text) if text.starts_with(b"TOP "));
    let has_literal = |step: &Step| matches!(step, Step::Server(text) if holds(text, b"}\r\n"));
    let has_ours = |text: &[u8]| holds(text, b"X-Poolmon-Probe");
    let all = scene.said_by_server();
    if scene.steps.iter().any(asks_for_header) {
        assert!(!has_ours(&heard.concat()), "{name}");
        let is_told = heard.iter().any(|line| line == b"(a header, not shown)");
        assert!(is_told || !has_ours(&all) || result.is_err(), "{name}");
        return;
    }
    if scene.steps.iter().any(has_literal) {
        let is_told = has_ours(&heard.concat());
        assert!(is_told || !has_ours(&all) || result.is_err(), "{name}");
        return;
    }
    let lines: Vec<&[u8]> = all.split_inclusive(|&byte| byte == b'\n').collect();
    let mut needed = 0;
    for (line, number) in lines.iter().zip(0..) {
        match heard.get(number) {
            Some(heard) => {
                let line = line.strip_suffix(b"\n").unwrap();
                assert_eq!(heard, line.strip_suffix(b"\r").unwrap_or(line), "{name}");
            }
            None => assert!(result.is_err() || needed >= scene.needed_bytes(), "{name}"),
        }
        needed += line.len();
    }
}

#[test]
fn every_transcript_ends_as_it_says_whole_bytewise_and_cut_anywhere() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialogues");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        check_scene(&Scene::parse(&name, &text));
        count += 1;
    }
    assert!(count >= 350, "{count} transcripts found");
}

/// What each protocol has to be shown to do with, by the names of its transcripts.
#[test]
fn every_protocol_has_transcripts_of_all_that_its_row_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialogues");
    let names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for &protocol in Protocol::ALL {
        let row = protocol.row();
        let count = |begins: &str| {
            let begins = format!("{}-{begins}", row.name);
            names
                .iter()
                .filter(|name| name.starts_with(&begins))
                .count()
        };
        assert!(count("") >= 2, "{protocol}");
        if row.ports.is_some() {
            assert!(count("greeting") >= 4, "{protocol}");
        }
        if row.logs_in {
            assert!(count("login") + count("sasl") >= 10, "{protocol}");
        }
        if row.starttls != UseOfStartTls::NEVER {
            assert!(count("starttls") + count("stls") >= 5, "{protocol}");
        }
    }
}

/// For scenes that are made, or whose last words need not be read: whole only.
fn check_whole(text: &str) {
    let scene = Scene::parse("made", text);
    let (result, play) = scene.play(Manner::Whole);
    assert_eq!(shown(&result), scene.expect);
    let client_left = play
        .steps
        .iter()
        .any(|step| matches!(step, Step::Client(_)));
    assert!(!client_left, "{:?}", play.steps);
}

/// One answer too many, and a refused password would be taken for an accepted one.
#[test]
fn an_answer_that_came_before_the_command_is_none_to_it() {
    let account = "channel: encrypted\naccount: probe secret";
    let expect = |stage: &str| {
        format!("{stage}: malformed reply \"an answer that came before the command\"")
    };
    let login = expect("login");
    check_whole(&format!(
        "protocol: pop3\n{account}\nexpect: {login}\n\n\
         S: +OK ready\nC: USER probe\nS: +OK\nS: +OK\nC: PASS secret"
    ));
    check_whole(&format!(
        "protocol: sieve\n{account}\nexpect: {login}\n\n\
         S: \"SASL\" \"PLAIN\"\nS: OK\nS: OK\nC: AUTHENTICATE \"PLAIN\" \"AHByb2JlAHNlY3JldA==\""
    ));
    check_whole(&format!(
        "protocol: submission\n{account}\nexpect: {login}\n\n\
         S: 220 ready\nC: EHLO localhost\nS: 250-x\nS: 250 AUTH PLAIN\nS: 235 in\n\
         C: AUTH PLAIN AHByb2JlAHNlY3JldA=="
    ));
    check_whole(&format!(
        "protocol: lmtp\nto: probe@example.org\nexpect: {}\n\n\
         S: 220 ready\nC: LHLO localhost\nS: 250 x\nS: 250 x\nC: MAIL FROM:<>",
        expect("mail from")
    ));
    let imap =
        "S: * OK [CAPABILITY IMAP4rev1] ready\nC: a4 LOGIN {5}\nS: + OK\nC: probe {6}\nS: + OK\n\
                C: secret\nS: a4 OK in";
    check_whole(&format!(
        "protocol: imap\n{account}\nsteps: list\nexpect: {}\n\n{imap}\nS: b1 OK\nC: b1 LIST \"\" %",
        expect("list")
    ));
    // What may come at any time is no answer.
    check_whole(&format!(
        "protocol: imap\n{account}\nsteps: list\nexpect: clean\n\n{imap}\nS: * OK still here\n\
         C: b1 LIST \"\" %\nS: b1 OK\nC: a5 LOGOUT\nS: a5 OK"
    ));
    check_whole(
        "protocol: lmtp\nto: probe@example.org\nexpect: mail from: server says good-bye \"421 bye\"\n\n\
         S: 220 ready\nC: LHLO localhost\nS: 250 x\nS: 421 bye\nC: MAIL FROM:<>",
    );
}

/// Nor after the handshake.
#[test]
fn an_answer_that_came_before_the_command_is_none_to_it_on_tls_either() {
    let expect = "expect: login: malformed reply \"an answer that came before the command\"";
    check_whole(&format!(
        "protocol: imap\naccount: probe secret\n{expect}\n\n\
         S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready\nC: a2 STARTTLS\nS: a2 OK go ahead\nTLS\n\
         C: a3 CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: a3 OK\nS: + OK\nC: a4 LOGIN {{5}}"
    ));
    check_whole(&format!(
        "protocol: pop3\naccount: probe secret\n{expect}\n\n\
         S: +OK ready\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: +OK go ahead\nTLS\n\
         C: USER probe\nS: +OK\nS: +OK\nC: PASS secret"
    ));
    check_whole(&format!(
        "protocol: submission\naccount: probe secret\n{expect}\n\n\
         S: 220 ready\nC: EHLO localhost\nS: 250-x\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go ahead\nTLS\n\
         C: EHLO localhost\nS: 250-x\nS: 250 AUTH PLAIN\nS: 235 in\nC: AUTH PLAIN AHByb2JlAHNlY3JldA=="
    ));
}

#[test]
fn as_far_as_the_greeting_nobody_logs_in_whoever_could() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialogues");
    for name in [
        "imap-greeting-only",
        "pop3-greeting-only",
        "sieve-greeting-only",
        "lmtp-greeting-and-lhlo",
        "submission-greeting-and-ehlo",
    ] {
        let text = fs::read_to_string(folder.join(format!("{name}.transcript"))).unwrap();
        check_scene(&Scene::parse(
            name,
            &format!("account: probe secret\nto: probe@example.org\nwork: greeting\n{text}"),
        ));
    }
}

#[test]
fn text_behind_the_reply_to_starttls_ends_the_attempt() {
    let expect = "expect: starttls: clear text behind the reply to starttls";
    check_whole(&format!(
        "protocol: imap\naccount: probe secret\n{expect}\n\n\
         S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready\nC: a2 STARTTLS\n\
         S: a2 OK go ahead\nS: * CAPABILITY IMAP4rev1"
    ));
    check_whole(&format!(
        "protocol: pop3\naccount: probe secret\n{expect}\n\n\
         S: +OK ready\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: +OK go ahead\nS: +OK"
    ));
    check_whole(&format!(
        "protocol: lmtp\nto: probe@example.org\n{expect}\n\n\
         S: 220 ready\nC: LHLO localhost\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go ahead\nS: 250 x"
    ));
    check_whole(&format!(
        "protocol: sieve\naccount: probe secret\n{expect}\n\n\
         S: \"STARTTLS\"\nS: OK\nC: STARTTLS\nS: OK\nS: \"SASL\" \"PLAIN\"\nS: OK"
    ));
    check_whole(&format!(
        "protocol: submission\naccount: probe secret\n{expect}\n\n\
         S: 220 ready\nC: EHLO localhost\nS: 250-x\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go ahead\n\
         S: 250-x\nS: 250 AUTH PLAIN"
    ));
}

#[test]
fn a_line_too_long_ends_the_attempt_at_any_stage() {
    let long = "x".repeat(9000);
    check_whole(&format!(
        "protocol: line\nexpect: greeting: line too long\n\nS: {long}"
    ));
    check_whole(&format!(
        "protocol: imap\naccount: probe secret\nexpect: capabilities: line too long\n\n\
         S: * OK ready\nC: a1 CAPABILITY\nS: * CAPABILITY {long}"
    ));
    check_whole(&format!(
        "protocol: pop3\nchannel: encrypted\naccount: probe secret\n\
         expect: login: line too long\n\nS: +OK ready\nC: USER probe\nS: +OK {long}"
    ));
    check_whole(&format!(
        "protocol: lmtp\nexpect: lhlo: line too long\n\nS: 220 x\nC: LHLO localhost\nS: 250 {long}"
    ));
    check_whole(&format!(
        "protocol: sieve\nexpect: greeting: line too long\n\nS: \"SIEVE\" \"{long}\""
    ));
    check_whole(&format!(
        "protocol: submission\nexpect: capabilities: line too long\n\n\
         S: 220 x\nC: EHLO localhost\nS: 250-{long}"
    ));
}

#[test]
fn endless_replies_end_the_attempt_also_when_tls_comes_between() {
    let flood = |line: &str| format!("S: {line}\n").repeat(MOST_TEXT / line.len());
    check_whole(&format!(
        "protocol: imap\naccount: probe secret\nexpect: capabilities: too much text\n\n\
         S: * OK ready\nC: a1 CAPABILITY\n{}",
        flood("* OK still waiting for the authentication process")
    ));
    check_whole(&format!(
        "protocol: pop3\naccount: probe secret\nexpect: capabilities: too much text\n\n\
         S: +OK ready\nC: CAPA\nS: +OK\n{}",
        flood("TOP")
    ));
    check_whole(&format!(
        "protocol: lmtp\nexpect: greeting: too much text\n\n{}",
        flood("220-")
    ));
    check_whole(&format!(
        "protocol: sieve\nexpect: greeting: too much text\n\n{}",
        flood("\"SIEVE\" \"fileinto\"")
    ));
    check_whole(&format!(
        "protocol: submission\nexpect: capabilities: too much text\n\n\
         S: 220 x\nC: EHLO localhost\n{}",
        flood("250-SIZE")
    ));
    let half = "S: 250-x\n".repeat(MOST_TEXT / 2 / "250-x\r\n".len());
    check_whole(&format!(
        "protocol: lmtp\nto: probe@example.org\nexpect: lhlo: too much text\n\n\
         S: 220 ready\nC: LHLO localhost\n{half}S: 250 STARTTLS\nC: STARTTLS\nS: 220 go ahead\nTLS\n\
         C: LHLO localhost\n{half}S: 250 x"
    ));
}

#[test]
fn an_endless_good_bye_is_bounded_and_changes_nothing() {
    let flood = "S: * OK not yet\n".repeat(MOST_TEXT / 8);
    check_whole(&format!(
        "protocol: imap\nexpect: clean\n\nS: * OK ready\nC: a5 LOGOUT\n{flood}"
    ));
    let flood = "S: \"not yet\"\n".repeat(MOST_TEXT / 8);
    check_whole(&format!(
        "protocol: sieve\nexpect: clean\n\nS: OK\nC: LOGOUT\n{flood}"
    ));
    let flood = "S: 221-not yet\n".repeat(MOST_TEXT / 8);
    check_whole(&format!(
        "protocol: lmtp\nexpect: clean\n\nS: 220 x\nC: LHLO localhost\nS: 250 x\nC: QUIT\n{flood}"
    ));
}

#[test]
fn an_account_that_cannot_be_sent_is_refused_and_sends_nothing() {
    let imap = "login refused \"user name or password has a NUL, which IMAP cannot carry\"";
    let pop3 =
        "login refused \"user name or password has a NUL or a line end, which POP3 cannot carry\"";
    for account in ["pro\\x00be secret", "probe sec\\x00ret"] {
        check_scene(&Scene::parse(
            account,
            &format!(
                "protocol: imap\nchannel: encrypted\naccount: {account}\nexpect: login: {imap}\n\n\
                 S: * OK [CAPABILITY IMAP4rev1] ready\nC: a5 LOGOUT\nS: * BYE\nS: a5 OK"
            ),
        ));
    }
    let sasl = "login refused \"user name or password has a NUL, which SASL PLAIN cannot carry\"";
    for account in ["pro\\x00be secret", "probe sec\\x00ret"] {
        check_scene(&Scene::parse(
            account,
            &format!(
                "protocol: sieve\nchannel: encrypted\naccount: {account}\nexpect: login: {sasl}\n\n\
                 S: \"SASL\" \"PLAIN\"\nS: OK\nC: LOGOUT\nS: OK"
            ),
        ));
        check_scene(&Scene::parse(
            account,
            &format!(
                "protocol: submission\nchannel: encrypted\naccount: {account}\nexpect: login: {sasl}\n\n\
                 S: 220 x\nC: EHLO localhost\nS: 250-x\nS: 250 AUTH PLAIN\nC: QUIT\nS: 221 x"
            ),
        ));
    }
    for account in [
        "pro\\x00be secret",
        "probe\\r\\nDELE secret",
        "probe\\n secret",
        "probe sec\\x00ret",
        "probe secret\\r",
        "probe secret\\nDELE",
    ] {
        check_scene(&Scene::parse(
            account,
            &format!(
                "protocol: pop3\nchannel: encrypted\naccount: {account}\nexpect: login: {pop3}\n\n\
                 S: +OK ready\nC: QUIT\nS: +OK"
            ),
        ));
    }
}

#[test]
fn an_address_that_could_end_its_command_is_not_sent() {
    for (address, fits) in [
        ("", true),
        ("probe", true),
        ("probe@example.org", true),
        ("\"a probe\"@example.org", true),
        ("pr\u{f6}be@example.org", true),
        ("probe\r\nDATA", false),
        ("probe\n", false),
        ("probe\0", false),
        ("probe\x7f", false),
        ("probe> NOTIFY=NEVER", false),
        ("probe<", false),
        ("<probe@example.org>", false),
        (&"x".repeat(254), true),
        (&"x".repeat(255), false),
    ] {
        assert_eq!(lmtp::is_address(address), fits, "{address:?}");
    }
    check_scene(&Scene::parse(
        "injected sender",
        "protocol: lmtp\nfrom: a>\\nDATA\nto: b\n\
         expect: mail from: sender refused \"not an address, and not sent\"\n\n\
         S: 220 x\nC: LHLO localhost\nS: 250 x\nC: QUIT\nS: 221 x",
    ));
    check_scene(&Scene::parse(
        "injected recipient",
        "protocol: lmtp\nto: b\\r\\nDATA\n\
         expect: rcpt to: recipient refused \"not an address, and not sent\"\n\n\
         S: 220 x\nC: LHLO localhost\nS: 250 x\nC: MAIL FROM:<>\nS: 250 x\nC: QUIT\nS: 221 x",
    ));
}

/// Xorshift: the same junk on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// A server that never stops talking: bits of the protocols mixed with any bytes, and often a reply that fits.
struct Junk {
    random: Random,
    /// What a server of this protocol might say to a command.
    replies: &'static [&'static str],
    pending: Vec<u8>,
    given: usize,
    taken: usize,
}

const BITS: &[&str] = &[
    "* OK ",
    "* BYE ",
    "* PREAUTH ",
    "* CAPABILITY ",
    "[CAPABILITY ",
    "] ",
    "STARTTLS ",
    "+ ",
    "+\r\n",
    "LOGINDISABLED ",
    "a1 OK ",
    "a2 OK ",
    "a3 OK ",
    "a4 OK ",
    "a4 NO ",
    "a4 BAD ",
    "a4 OK [CAPABILITY UIDPLUS AUTH=PLAIN] ",
    "a5 OK ",
    "b1 OK ",
    "b2 OK ",
    "b3 OK ",
    "b4 OK ",
    "* 9 EXISTS\r\n",
    "* SEARCH 7 8\r\n",
    "* 1 FETCH (UID 7 BODY[HEADER.FIELDS (X-POOLMON-PROBE)]<0> {5}\r\n",
    "+OK 3 100\r\n",
    "SASL PLAIN\r\n",
    "354 ",
    "[UNAVAILABLE] ",
    "+OK ",
    "OK\r\n",
    "\"SASL\" \"PLAIN\"\r\n",
    "NO (TRYLATER) ",
    "BYE ",
    "250 AUTH PLAIN\r\n",
    "235 ",
    "334 ",
    "-ERR ",
    "STLS\r\n",
    ".\r\n",
    "[IN-USE] ",
    "[AUTH] ",
    "220 ",
    "220-",
    "250 ",
    "250-",
    "421 ",
    "451 ",
    "550 ",
    "[",
    "{3}",
    "secret",
    "\r",
    "\n",
    "\r\n",
    "\r\n",
    "\r\n",
];

/// Each whole, so that what follows it is no answer that came too early.
fn fitting_replies(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        // Its tags are among the bits; it takes what comes too early.
        Protocol::Imap | Protocol::AnyLine => &[],
        Protocol::Pop3 => &["+OK\r\n", "+OK 0 0\r\n", "+OK\r\nSASL PLAIN\r\n.\r\n"],
        Protocol::Sieve => &["OK\r\n", "\"SASL\" \"PLAIN\"\r\nOK\r\n"],
        Protocol::Submission => &["220 \r\n", "250-\r\n250 AUTH PLAIN\r\n", "235 \r\n"],
        Protocol::Lmtp => &["220 \r\n", "250 \r\n", "354 \r\n"],
    }
}

impl Duplex for Junk {}

impl Read for Junk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.replies.is_empty() && self.random.below(4) > 0 {
            let reply = self.replies[self.random.below(self.replies.len())].as_bytes();
            let count = reply.len().min(buffer.len());
            buffer[..count].copy_from_slice(&reply[..count]);
            self.given += count;
            return Ok(count);
        }
        while self.pending.len() < buffer.len() {
            match self.random.below(8) {
                0 => self.pending.push(self.random.below(256) as u8),
                _ => {
                    let bit = BITS[self.random.below(BITS.len())];
                    self.pending.extend_from_slice(bit.as_bytes());
                }
            }
        }
        let count = 1 + self.random.below(buffer.len());
        buffer[..count].copy_from_slice(&self.pending[..count]);
        self.pending.drain(..count);
        self.given += count;
        Ok(count)
    }
}

impl Write for Junk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.taken += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn junk_neither_panics_nor_keeps_a_dialogue_for_ever() {
    let account = Account {
        user: b"probe".to_vec(),
        password: Secret::new(*b"secret"),
        master: None,
    };
    let envelope = Envelope {
        from: String::new(),
        to: Some("probe@example.org".to_string()),
    };
    let token = play::token(Purpose::Deep);
    let works = [
        Work::Steps(Steps::default()),
        Work::Steps(play::all_steps()),
        Work::Deliver,
        Work::Collect,
    ];
    for &protocol in Protocol::ALL {
        let mut passes = 0;
        for seed in 1..=4000u64 {
            let mut junk = Junk {
                random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
                replies: fitting_replies(protocol),
                pending: Vec::new(),
                given: 0,
                taken: 0,
            };
            let check = Check {
                account: Some(&account),
                repeats: &Repeats::of([&account]),
                auth: [Auth::Login, Auth::SaslPlain][seed as usize % 2],
                envelope: &envelope,
                starttls: StartTls::Offered,
                password_needs: PasswordNeeds::Nothing,
                work: works[seed as usize % works.len()],
                token: &token,
                milestone: &|_| {},
                channel: Channel::Clear,
            };
            let mut notes = Notes::default();
            let result = talk(protocol, &mut junk, &check, &mut notes, |_| {});
            assert!(notes.said.iter().all(|said| !said.contains("secret")));
            assert!(junk.given <= MOST_TEXT, "{protocol}, seed {seed}");
            assert!(junk.taken <= 4096, "{protocol}, seed {seed}");
            if let Err(Failure { stage, fault, .. }) = &result {
                let login_told = *stage == Stage::Login && fault.to_string().contains("secret");
                assert!(!login_told, "{protocol}, seed {seed}");
            }
            passes += usize::from(result == Ok(Pass::Clean));
        }
        eprintln!("{protocol}: {passes} passes");
        assert!(passes > 10, "{protocol}: the junk is too wild to go deep");
    }
}

/// `--check-config` shows these steps.
#[test]
fn the_steps_of_a_protocol_that_only_logs_in_are_told_in_their_order() {
    use crate::config::chosen::Chosen;
    use crate::config::table::DefaultsOf;
    use crate::program::Program;
    let settings = Chosen::default().build(DefaultsOf::Poolmon, Program::Poolmon);
    let probing = settings.unwrap().probing;
    let told = |protocol: Protocol| (protocol.row().steps)(&probing);
    let login = "login by SASL PLAIN where there is an account";
    assert_eq!(told(Protocol::Sieve), ["greeting", login]);
    assert_eq!(told(Protocol::Submission), ["greeting", "EHLO", login]);
}
