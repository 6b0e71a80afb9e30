//! What a probe does once it is logged in to POP3: STAT, and the deletion of test messages.
//!
//! It deletes only what it has read our token from. In a session the numbers of messages do not
//! change (RFC 1939 4), so a number is as good as a UIDL here.

use super::{is_trouble, Reply};
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::message::HeaderReader;
use crate::probe::protocols::token::Token;
use crate::probe::protocols::{contains_ignoring_case, Check, Milestone, Work};
use crate::quote::Quote;

/// How many of the newest messages are looked at. Each takes two questions.
const NEWEST: u32 = 12;
/// How many of the others are looked at, at another place each time.
const ELSEWHERE: u32 = 4;
/// Octets of the largest message that is looked into: TOP sends a header whole, whatever its length.
/// A test message has less than a quarter of this, with the lines that servers add.
const LARGEST: u32 = 8 * 1024;
/// Octets of all messages looked into: well below what an attempt reads.
const MOST_TEXT: u32 = 40 * 1024;

pub(super) fn work(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Pass, Failure> {
    match check.work {
        Work::Steps(steps) => {
            let wanted = steps.pop3;
            if wanted.stat || wanted.delete {
                let count = lines.stage(Stage::Stat, stat)?;
                if wanted.delete {
                    clean(lines, count, check)?;
                }
            }
        }
        Work::Collect => {
            let count = lines.stage(Stage::Stat, stat)?;
            clean(lines, count, check)?;
        }
        Work::Deliver | Work::Greeting => {}
    }
    Ok(Pass::Clean)
}

/// How many messages there are.
fn stat(lines: &mut Lines<'_>) -> Result<u32, Fault> {
    match ask(lines, "STAT", two_numbers)? {
        Answer::Told((count, _)) => Ok(count),
        Answer::Gone(text) => Err(Fault::MailboxRefused(text)),
    }
}

/// Looks for test messages and deletes those that this attempt may delete.
fn clean(lines: &mut Lines<'_>, count: u32, check: &Check<'_>) -> Result<(), Failure> {
    let doomed = lines.stage(Stage::Search, |lines| find(lines, count, check))?;
    lines.stage(Stage::Delete, |lines| delete(lines, &doomed))
}

fn find(lines: &mut Lines<'_>, count: u32, check: &Check<'_>) -> Result<Vec<u32>, Fault> {
    let token = check.token;
    let mut doomed = Vec::new();
    let is_awaited = check.work == Work::Collect;
    let mut is_found = false;
    let mut left = MOST_TEXT;
    for message in places(count, token) {
        let size = match ask(lines, &format!("LIST {message}"), two_numbers)? {
            Answer::Told((_, size)) if size <= LARGEST.min(left) => size,
            Answer::Told(_) | Answer::Gone(_) => continue,
        };
        left -= size;
        let found = match token_of(lines, message)? {
            Some(found) => found,
            None => continue,
        };
        if is_awaited && found == *token && !is_found {
            is_found = true;
            (check.milestone)(Milestone::Found);
        }
        if token.may_delete(&found) {
            doomed.push(message);
        }
    }
    if is_awaited && !is_found {
        return Err(Fault::MessageMissing);
    }
    Ok(doomed)
}

fn token_of(lines: &mut Lines<'_>, message: u32) -> Result<Option<Token>, Fault> {
    if let Answer::Gone(_) = ask(lines, &format!("TOP {message} 0"), |_| Some(()))? {
        return Ok(None);
    }
    let mut reader = HeaderReader::default();
    let mut is_header = true;
    loop {
        let line = lines.read_mail()?;
        if line == b"." {
            lines.show_instead("(a header, not shown)");
            return Ok(reader.token());
        }
        // A server that sends more than the header must not have it taken for one.
        is_header &= !line.is_empty();
        if is_header {
            // A dot at the beginning of a line is sent twice.
            let line = line.strip_prefix(b".").unwrap_or(line);
            reader.on_line(line);
        }
    }
}

/// Nothing is deleted before QUIT, and what it answers counts (RFC 1939 6): so the good-bye is said
/// here.
fn delete(lines: &mut Lines<'_>, messages: &[u32]) -> Result<(), Fault> {
    if messages.is_empty() {
        return Ok(());
    }
    for message in messages {
        ask(lines, &format!("DELE {message}"), |_| Some(()))?;
    }
    let answer = ask(lines, "QUIT", |_| Some(()));
    lines.end();
    match answer? {
        Answer::Told(()) => Ok(()),
        Answer::Gone(text) => Err(Fault::MailboxRefused(text)),
    }
}

fn ask<T>(
    lines: &mut Lines<'_>,
    command: &str,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<Answer<T>, Fault> {
    lines.send(format!("{command}\r\n").as_bytes())?;
    let line = lines.read()?;
    let malformed = || Fault::Malformed(Quote::new(line));
    match Reply::parse(line) {
        Reply::Ok(text) => read(text).map(Answer::Told).ok_or_else(malformed),
        Reply::Err(text) if is_trouble(text) => Err(Fault::Unavailable(Quote::new(text))),
        Reply::Err(text) if contains_ignoring_case(text, b"expunged") => {
            Ok(Answer::Gone(Quote::new(text)))
        }
        Reply::Err(text) => Err(Fault::MailboxRefused(Quote::new(text))),
        Reply::Other(_) => Err(malformed()),
    }
}

/// What the server says of a message.
enum Answer<T> {
    Told(T),
    /// Another session has deleted it meanwhile, in Dovecot's words: `Message 7 expunged.`
    Gone(Quote),
}

/// Those of a reply such as `+OK 3 1200`.
fn two_numbers(text: &[u8]) -> Option<(u32, u32)> {
    let mut words = std::str::from_utf8(text).ok()?.split(' ');
    let first = words.next()?.parse().ok()?;
    // A size may be too large for a number here; such a message is not ours.
    let second = words.next()?.parse::<u64>().ok()?;
    Some((first, u32::try_from(second).unwrap_or(u32::MAX)))
}

/// The numbers of the messages to look at: the newest first, then, in a larger maildrop, others at a
/// place that changes with the token.
fn places(count: u32, token: &Token) -> impl Iterator<Item = u32> {
    let older = count.saturating_sub(NEWEST);
    let first = 1 + token.pick(older);
    let last = older.min(first.saturating_add(ELSEWHERE - 1));
    (older + 1..=count).rev().chain(first..=last)
}
