//! What a probe does once it is logged in to IMAP: LIST, APPEND, SELECT, and the deletion of test
//! messages.
//!
//! It deletes by UID only, only what it has read our token from, and never with a plain EXPUNGE, which
//! takes with it whatever others have marked as deleted.

use super::response::{number, numbered, Reply, Response};
use super::{ask_capabilities, Capabilities, CAPABILITY_INSIDE};
use crate::config::settings::ImapSteps;
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::remarks;
use crate::probe::protocols::token::{self, Token, HEADER};
use crate::probe::protocols::{after_word, message, response_code, Check, Milestone, Work};
use crate::quote::Quote;

/// How many of the newest messages are searched. A search by header makes a server open messages that
/// it has not indexed yet, and a mailbox may be large.
const NEWEST: u32 = 500;
/// How many of the others are searched, at another place each time.
const ELSEWHERE: u32 = 200;
/// How many messages are looked at, and so deleted at most, in one attempt.
const MOST: usize = 50;
/// How much of the header is fetched; no token is as long.
const FIELD_BYTES: usize = 512;

/// `told` are the capabilities since the login, if the server told them.
pub(super) fn work(
    lines: &mut Lines<'_>,
    check: &Check<'_>,
    told: Option<Capabilities>,
) -> Result<Pass, Failure> {
    let mut session = Session {
        lines,
        commands: &mut 0,
    };
    match check.work {
        Work::Steps(steps) => {
            let ImapSteps {
                list,
                select,
                append,
                expunge,
            } = steps.imap;
            if list {
                session.stage(Stage::List, |session| session.list())?;
            }
            if append {
                session.stage(Stage::Append, |session| session.append(check.token))?;
            }
            if expunge {
                session.require_uidplus(told)?;
                session.clean(check)?;
            } else if select {
                session.stage(Stage::Select, |session| session.select())?;
            }
        }
        Work::Collect => {
            session.require_uidplus(told)?;
            session.clean(check)?;
        }
        Work::Deliver | Work::Greeting => {}
    }
    Ok(Pass::Clean)
}

struct Session<'l, 's> {
    lines: &'l mut Lines<'s>,
    /// How many have been sent.
    commands: &'l mut u32,
}

/// An INBOX that is open for writing.
struct Inbox {
    /// How many messages it has.
    exists: u32,
}

impl Session<'_, '_> {
    fn stage<T>(
        &mut self,
        stage: Stage,
        step: impl FnOnce(&mut Session<'_, '_>) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let commands = &mut self.commands;
        self.lines
            .stage(stage, |lines| step(&mut Session { lines, commands }))
    }

    /// The top level alone: a whole tree may be large.
    fn list(&mut self) -> Result<(), Fault> {
        self.run("LIST \"\" %", |_| {}).map(drop)
    }

    fn append(&mut self, token: &Token) -> Result<(), Fault> {
        let date = message::internal_date(token);
        let text = message::text(token);
        let tag = self.send(&format!("APPEND INBOX \"{date}\" {{{}}}", text.len()))?;
        match self.complete(&tag, |_| {})? {
            Completion::GoOn => {}
            Completion::Ok(text) => return Err(Fault::Malformed(Quote::new(text))),
        }
        self.lines.send(format!("{text}\r\n").as_bytes())?;
        match self.complete(&tag, |_| {})? {
            Completion::Ok(_) => Ok(()),
            Completion::GoOn => Err(Fault::Malformed(Quote::new(remarks::MORE_THAN_A_MESSAGE))),
        }
    }

    fn select(&mut self) -> Result<(Inbox, Vec<u8>), Fault> {
        let mut exists = None;
        let text = self.run("SELECT INBOX", |response| {
            exists = numbered(response.text(), "EXISTS")
                .map(|(count, _)| count)
                .or(exists);
        })?;
        match exists {
            Some(exists) => Ok((Inbox { exists }, text)),
            None => Err(Fault::Malformed(Quote::new(remarks::WITHOUT_EXISTS))),
        }
    }

    fn require_uidplus(&mut self, told: Option<Capabilities>) -> Result<(), Failure> {
        let capabilities = match told {
            Some(capabilities) => capabilities,
            // Asked in order to delete; and who fails here has let us in.
            None => self.lines.stage(Stage::Delete, |lines| {
                ask_capabilities(lines, CAPABILITY_INSIDE)
            })?,
        };
        if capabilities.uidplus {
            Ok(())
        } else {
            Err(Failure::new(Stage::Delete, Fault::UidPlusMissing))
        }
    }

    /// Opens the INBOX, looks for test messages and deletes those that this attempt may delete.
    fn clean(&mut self, check: &Check<'_>) -> Result<(), Failure> {
        let inbox = self.stage(Stage::Select, |session| {
            let (inbox, text) = session.select()?;
            match has_code(&text, "READ-ONLY") {
                true => Err(Fault::MailboxRefused(Quote::new(text))),
                false => Ok(inbox),
            }
        })?;
        let doomed = self.stage(Stage::Search, |session| session.find(&inbox, check))?;
        self.stage(Stage::Delete, |session| session.delete(&doomed))
    }

    /// The UIDs of the messages to delete. A search only says where to look: a server may take its
    /// words for a part of a header, or for a part of a word.
    fn find(&mut self, inbox: &Inbox, check: &Check<'_>) -> Result<Vec<u32>, Fault> {
        let token = check.token;
        let is_awaited = check.work == Work::Collect;
        let mut candidates = Vec::new();
        if is_awaited {
            candidates = self.search(inbox.newest(), &token.to_string())?;
            // More than one only if somebody has made copies.
            candidates.truncate(MOST / 10);
            if candidates.is_empty() {
                return Err(Fault::MessageMissing);
            }
        }
        let mut others = self.search(inbox.places(token), token::PREFIX)?;
        others.retain(|uid| !candidates.contains(uid));
        // With more than can be looked at, none is always among the rest.
        let start = token.pick(u32::try_from(others.len()).unwrap_or_default());
        others.rotate_left(start as usize);
        candidates.extend(others);
        candidates.truncate(MOST);

        let mut is_found = false;
        let mut doomed = self.read_tokens(&candidates, |found| {
            if is_awaited && found == token && !is_found {
                is_found = true;
                (check.milestone)(Milestone::Found);
            }
            token.may_delete(found)
        })?;
        if is_awaited && !is_found {
            return Err(Fault::MessageMissing);
        }
        doomed.sort_unstable();
        doomed.dedup();
        Ok(doomed)
    }

    fn search(&mut self, places: Option<String>, words: &str) -> Result<Vec<u32>, Fault> {
        let mut uids = Vec::new();
        if let Some(places) = places {
            let command = format!("UID SEARCH {places} HEADER {HEADER} \"{words}\"");
            self.run(&command, |response| {
                let found = after_word(response.text(), "*")
                    .and_then(|response| after_word(response, "SEARCH"))
                    .unwrap_or_default();
                uids.extend(found.split(|&byte| byte == b' ').filter_map(number));
            })?;
        }
        Ok(uids)
    }

    /// Those of the messages whose token passes.
    fn read_tokens(
        &mut self,
        uids: &[u32],
        mut passes: impl FnMut(&Token) -> bool,
    ) -> Result<Vec<u32>, Fault> {
        let mut passed = Vec::new();
        if !uids.is_empty() {
            let command = format!(
                "UID FETCH {} (UID BODY.PEEK[HEADER.FIELDS ({HEADER})]<0.{FIELD_BYTES}>)",
                set(uids)
            );
            self.run(&command, |response| {
                if let Some((uid, fields)) = response.fetched_fields(HEADER) {
                    let token = message::token_in(fields);
                    if uids.contains(&uid) && token.map_or(false, |token| passes(&token)) {
                        passed.push(uid);
                    }
                }
            })?;
        }
        Ok(passed)
    }

    fn delete(&mut self, uids: &[u32]) -> Result<(), Fault> {
        if !uids.is_empty() {
            let set = set(uids);
            self.run(
                &format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"),
                |_| {},
            )?;
            self.run(&format!("UID EXPUNGE {set}"), |_| {})?;
        }
        Ok(())
    }

    /// The text behind the command's OK; each untagged response is shown to `on_response`.
    fn run(&mut self, command: &str, on_response: impl FnMut(&Response)) -> Result<Vec<u8>, Fault> {
        let tag = self.send(command)?;
        match self.complete(&tag, on_response)? {
            Completion::Ok(text) => Ok(text),
            Completion::GoOn => Err(Fault::Malformed(Quote::new(remarks::NOT_OFFERED))),
        }
    }

    /// Sends a command under a tag of its own.
    fn send(&mut self, command: &str) -> Result<String, Fault> {
        *self.commands += 1;
        let tag = format!("b{}", self.commands);
        self.lines.send(format!("{tag} {command}\r\n").as_bytes())?;
        Ok(tag)
    }

    fn complete(
        &mut self,
        tag: &str,
        mut on_response: impl FnMut(&Response),
    ) -> Result<Completion, Fault> {
        loop {
            let response = Response::read(self.lines)?;
            match Reply::parse(response.text(), tag) {
                Reply::Untagged(_) => on_response(&response),
                Reply::Continue => return Ok(Completion::GoOn),
                Reply::Ok(text) => return Ok(Completion::Ok(text.to_vec())),
                // Others have deleted some of the messages meanwhile (RFC 5530); that is all.
                Reply::No(text) if has_code(text, "EXPUNGEISSUED") => {
                    return Ok(Completion::Ok(text.to_vec()));
                }
                Reply::No(text) => return Err(refusal(text)),
                Reply::Bad(text) => return Err(Fault::Unavailable(Quote::new(text))),
                Reply::Bye(text) => return Err(Fault::Bye(Quote::new(text))),
                Reply::Other => return Err(Fault::Malformed(Quote::new(response.text()))),
            }
        }
    }
}

enum Completion {
    /// The server asks for the literal.
    GoOn,
    /// With the text behind it.
    Ok(Vec<u8>),
}

impl Inbox {
    /// The sequence numbers of the newest messages; nothing if there are none. Others may delete some
    /// meanwhile, and a number beyond the last would be an error: so up to whatever is the last.
    fn newest(&self) -> Option<String> {
        let first = self.exists.saturating_sub(NEWEST - 1).max(1);
        (self.exists > 0).then(|| format!("{first}:*"))
    }

    /// The newest and, in a larger mailbox, others at a place that changes with the token, so that in
    /// the course of attempts every message is searched.
    fn places(&self, token: &Token) -> Option<String> {
        let newest = self.newest()?;
        let older = self.exists.saturating_sub(NEWEST);
        if older == 0 {
            return Some(newest);
        }
        let first = 1 + token.pick(older);
        let last = older.min(first.saturating_add(ELSEWHERE - 1));
        Some(format!("{first}:{last},{newest}"))
    }
}

fn set(uids: &[u32]) -> String {
    let uids: Vec<String> = uids.iter().map(u32::to_string).collect();
    uids.join(",")
}

fn has_code(text: &[u8], code: &str) -> bool {
    let told = response_code(text).unwrap_or_default();
    after_word(told, code).is_some()
}

/// What a NO means here. Only what RFC 5530 gives as trouble of the server's counts against it; a
/// quota, permissions, a missing mailbox, one that another session holds (INUSE) are the account's.
fn refusal(text: &[u8]) -> Fault {
    let is_trouble = ["UNAVAILABLE", "SERVERBUG", "CORRUPTION"]
        .iter()
        .any(|code| has_code(text, code));
    match is_trouble {
        true => Fault::Unavailable(Quote::new(text)),
        false => Fault::MailboxRefused(Quote::new(text)),
    }
}
