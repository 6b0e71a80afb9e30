//! Fuzz targets: dovemon's two files, and the command line.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::accounts;
use super::argv::{self, Arguments};
use super::chosen::Chosen;
use super::dovemon;
use super::error::{Complaint, ConfigError};
use super::table::DefaultsOf;
use super::yaml::Document;
use crate::cli::{self, Command};
use crate::program::Program;

/// A marked password; none of its letters is to be shown.
const MARK: &str = "hunter2";

/// Remarks on one file, and characters of one.
const MOST_REMARKS: usize = 20;
const LONGEST_REMARK: usize = 2000;

/// The configuration. It is read or refused, at a line that it has, in a text that can be shown; read again it is
/// the same; and what it says is settings or a reason why not.
pub(crate) fn configuration(text: &[u8]) {
    places(text);
    let written = match dovemon::parse(text) {
        Ok(written) => written,
        Err(complaint) => return check(text, &complaint),
    };
    assert!(written.remarks.len() <= MOST_REMARKS);
    for remark in &written.remarks {
        check(text, remark);
    }
    assert_eq!(dovemon::parse(text).as_ref(), Ok(&written), "another time");
    build(written.choices, DefaultsOf::Dovemon, Program::Dovemon);
}

/// The same of the accounts; and no remark shows a password.
pub(crate) fn accounts(text: &[u8]) {
    let written = match accounts::parse(text) {
        Ok(written) => written,
        Err(complaint) => return check_marked(text, &complaint),
    };
    assert!(written.remarks.len() <= MOST_REMARKS);
    let known = written.backends.values();
    let passwords: Vec<Vec<u8>> = known
        .filter_map(|backend| Some(backend.account.as_ref()?.password.reveal().to_vec()))
        .filter(|password| password.len() >= 12 && !is_address(password))
        .collect();
    for remark in &written.remarks {
        check_marked(text, remark);
        let shown = remark.to_string();
        for password in passwords.iter().filter(|it| holds(shown.as_bytes(), it)) {
            assert!(is_said_of_any_password(text, password, &shown), "{shown}");
        }
    }
    assert_eq!(accounts::parse(text).as_ref(), Ok(&written), "another time");
}

/// Each scalar is on a line of the text.
fn places(text: &[u8]) {
    let document = match Document::new(text, |_| true) {
        Ok(document) => document,
        Err(_) => return,
    };
    let lines = 1..=1 + lines_of(text);
    if let Ok(entries) = document.flat() {
        for entry in entries.iter().take(50) {
            let line = document.line_in_flat(entry.place);
            assert!(line.map_or(false, |line| lines.contains(&line)), "{line:?}");
        }
    }
}

fn lines_of(text: &[u8]) -> usize {
    let feeds = text.iter().filter(|&&byte| byte == b'\n').count();
    // A carriage return alone, and three characters of Unicode, end a line of YAML too.
    let returns = text.iter().filter(|&&byte| byte == b'\r').count();
    let others = String::from_utf8_lossy(text);
    let others = others
        .matches(&['\u{85}', '\u{2028}', '\u{2029}'][..])
        .count();
    feeds + returns + others
}

fn check(text: &[u8], complaint: &Complaint) {
    if let Some(line) = complaint.line {
        // One of the parsers puts the end of the text on a line of its own.
        assert!((1..=2 + lines_of(text)).contains(&line), "line {line}");
    }
    let shown = ConfigError::text(Path::new("/etc/x.yml"), complaint.clone()).to_string();
    assert!(shown.len() <= LONGEST_REMARK, "{} characters", shown.len());
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

fn check_marked(text: &[u8], complaint: &Complaint) {
    check(text, complaint);
    let shown = complaint.to_string();
    assert!(!shown.contains(&MARK[1..]), "{shown}");
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|here| here == part)
}

/// A password that is an address may be the very one that a remark is about.
fn is_address(password: &[u8]) -> bool {
    let text = std::str::from_utf8(password);
    text.map_or(false, |text| text.trim().parse::<IpAddr>().is_ok())
}

/// Whether the same remark is made where each `password` of the text is another one as long: a password can be the
/// very words that remarks are made of.
fn is_said_of_any_password(text: &[u8], password: &[u8], shown: &str) -> bool {
    let mut other = text.to_vec();
    for at in 0..other.len() {
        if let Some(length) = length_as_written(&other[at..], password) {
            // What is neither letter nor digit may be YAML's, where the same words stand elsewhere.
            let written = other[at..at + length].iter_mut();
            for byte in written.filter(|byte| byte.is_ascii_alphanumeric()) {
                *byte = b'x';
            }
        }
    }
    if other == text {
        return false;
    }
    let written = accounts::parse(&other);
    written.map_or(false, |written| {
        written.remarks.iter().any(|it| it.to_string() == shown)
    })
}

/// How long the password is where the text begins with it, also as in a quoted scalar: with backslashes in it, and
/// over lines, whose ends and blanks are one blank.
fn length_as_written(text: &[u8], password: &[u8]) -> Option<usize> {
    let mut length = 0;
    let mut before = None;
    for byte in password {
        length +=
            usize::from(text.get(length) == Some(&b'\\') && text.get(length + 1) == Some(byte));
        let rest = text.get(length..)?;
        let is_blank = |byte: &&u8| byte.is_ascii_whitespace();
        length += match (byte, before) {
            (b' ', Some(b' ')) => 0,
            (b' ', _) => match rest.iter().take_while(is_blank).count() {
                0 => return None,
                blanks => blanks,
            },
            _ if rest.first() == Some(byte) => 1,
            _ => return None,
        };
        before = Some(*byte);
    }
    Some(length)
}

fn build(choices: Chosen, defaults: DefaultsOf, program: Program) {
    match choices.build(defaults, program) {
        Ok(settings) => {
            assert!(!settings.pace.interval.is_zero() && !settings.pace.timeout.is_zero());
            assert!(!settings.services.is_empty());
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }
}

/// The command line, its words with a NUL between them. What is understood can be written out in full, and that
/// means the same; what is refused is said in a short text that can be shown; and what it says is settings or a
/// reason why not.
pub(crate) fn arguments(data: &[u8]) {
    let words = data.split(|&byte| byte == 0);
    let words: Vec<OsString> = words
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
    if words.len() > 200 {
        return;
    }
    match argv::read(words.clone()) {
        Ok(understood) => {
            let again = argv::read(in_full(&understood));
            let again = again.unwrap_or_else(|error| panic!("written out in full: {error}"));
            assert_eq!(meaning(&again), meaning(&understood));
            assert_eq!(again.operands, understood.operands);
        }
        Err(error) => check_shown(&error.to_string()),
    }
    match cli::parse(words) {
        Ok(Command::Run(order)) => build(order.choices, DefaultsOf::Poolmon, Program::Poolmon),
        Ok(Command::Help(_) | Command::Version) => {}
        Err(error) => check_shown(&error.to_string()),
    }
}

fn check_shown(text: &str) {
    assert!(text.len() <= LONGEST_REMARK, "{} characters", text.len());
    assert!(
        text.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        "{text:?}"
    );
}

fn meaning(arguments: &Arguments) -> Vec<(&'static str, Option<OsString>)> {
    let options = arguments.options.iter();
    options
        .map(|given| (given.option.long, given.value.clone()))
        .collect()
}

fn in_full(understood: &Arguments) -> Vec<OsString> {
    let mut words = Vec::new();
    for (name, value) in meaning(understood) {
        let name = format!("--{name}");
        match value {
            None => words.push(OsString::from(name)),
            Some(value) if value.is_empty() => words.extend([OsString::from(name), value]),
            Some(value) => {
                let word = [name.as_bytes(), b"=", value.as_bytes()].concat();
                words.push(OsString::from_vec(word));
            }
        }
    }
    words.push(OsString::from("--"));
    words.extend(understood.operands.iter().cloned());
    words
}
