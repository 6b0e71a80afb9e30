//! Makes inputs of a recording's lines. A file may be torn, bent or another program's: each value is looked at
//! before an engine is told it.

use std::fmt;
use std::io::{self, BufRead};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::line::{
    Answer, Ending, Event, FirstHead, FirstLine, Found, Head, Line, Read, Sent, Whole, FORMAT,
};
use super::start::{RecordedTerms, Start};
use crate::backend::Stamp;
use crate::monitor::{Input, Now, Report};
use crate::outcome::Outcome;
use crate::pool::{Forgotten, Particulars, Reading};
use crate::quote::Quote;
use crate::schedule::{Finding, Verdict};

/// 10,000 backends are about 2 MB.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// No recording goes on for longer, nothing lasts longer.
const LONGEST: i64 = 10 * 365 * 86_400 * 1_000_000_000;

/// Why a recording cannot be replayed.
#[derive(Debug)]
pub(crate) enum UnreadableRecording {
    Io(io::Error),
    /// It does not begin as a recording does.
    Foreign,
    Format {
        format: u32,
        version: Quote,
    },
    /// This line is none of a recording's.
    Line {
        number: u64,
        of: Which,
        cause: Quote,
    },
}

/// A file of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Asked,
    /// That was read before the one that was asked for.
    Older,
}

impl fmt::Display for UnreadableRecording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnreadableRecording::Io(cause) => cause.fmt(f),
            UnreadableRecording::Foreign => f.write_str("not a recording that --record made"),
            UnreadableRecording::Format { format, version } => write!(
                f,
                "format {format}, written by version {version}, and this program reads format \
                 {FORMAT}: use the program of the same version"
            ),
            UnreadableRecording::Line { number, of, cause } => {
                let of = match of {
                    Which::Asked => "",
                    Which::Older => " of the older file",
                };
                write!(f, "line {number}{of} cannot be read: {cause}")
            }
        }
    }
}

/// One line.
pub(super) struct Step {
    pub(super) now: Now,
    pub(super) asked: u32,
    pub(super) what: What,
}

pub(super) enum What {
    Told(Input),
    /// As it was read, to be told with other numbers or another verdict.
    Found(Box<Report>),
    Sent(Sent),
    Lost(u64),
    /// Terms that were read again.
    Settings(Box<RecordedTerms>),
}

/// Reads a recording line by line.
pub(crate) struct Reader<R> {
    from: R,
    which: Which,
    /// That goes on where this one ends.
    newer: Option<Box<Reader<R>>>,
    /// What the recording's time zero is taken for.
    zero: Instant,
    head: Head,
    start: Start,
    services: usize,
    number: u64,
    t: i64,
    s: u64,
    listed: Option<Whole>,
    is_torn: bool,
    /// The room that lines are read into.
    text: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(mut from: R, zero: Instant) -> Result<Reader<R>, UnreadableRecording> {
        let mut text = Vec::new();
        if !read_line(&mut from, &mut text)? {
            return Err(UnreadableRecording::Foreign);
        }
        let FirstHead { recording: head } =
            serde_json::from_slice(&text).map_err(|_| UnreadableRecording::Foreign)?;
        if head.format != FORMAT {
            return Err(UnreadableRecording::Format {
                format: head.format,
                version: Quote::new(head.version),
            });
        }
        let bent = |cause: String| UnreadableRecording::Line {
            number: 1,
            of: Which::Asked,
            cause: Quote::new(cause),
        };
        let FirstLine { start, .. } =
            serde_json::from_slice(&text).map_err(|cause| bent(cause.to_string()))?;
        if !start.terms.is_sound() || !is_time(start.t) || !is_second(start.s) {
            return Err(bent("a value out of its bounds".to_owned()));
        }
        Ok(Reader {
            from,
            which: Which::Asked,
            newer: None,
            zero,
            services: start.terms.services(),
            head,
            number: 1,
            t: start.t,
            s: start.s,
            start,
            listed: None,
            is_torn: false,
            text: Vec::new(),
        })
    }

    /// Both as one, if the newer one goes on where the older one ends; or else the newer one. They have the same
    /// zero.
    pub(crate) fn joined(older: Reader<R>, newer: Reader<R>) -> Reader<R> {
        let (before, head) = (&older.head, &newer.head);
        let is_next = (before.run, before.part.checked_add(1)) == (head.run, Some(head.part));
        match is_next && newer.is_next_to_another() {
            true => Reader {
                which: Which::Older,
                newer: Some(Box::new(newer)),
                ..older
            },
            false => newer,
        }
    }

    /// Whether it was begun where another file ended, and can be joined to that.
    pub(crate) fn is_next_to_another(&self) -> bool {
        self.head.repeated.is_some()
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.newer.is_some()
    }

    /// What its first lines say has been read already.
    fn go_on_with(&mut self, newer: Reader<R>) -> Result<(), UnreadableRecording> {
        self.from = newer.from;
        self.which = newer.which;
        self.number = newer.number;
        for _ in 0..newer.head.repeated.unwrap_or_default() {
            if !read_line(&mut self.from, &mut self.text)? {
                break;
            }
            self.number += 1;
        }
        Ok(())
    }

    pub(super) fn start(&self) -> &Start {
        &self.start
    }

    pub(crate) fn is_continued(&self) -> bool {
        self.head.continued
    }

    pub(crate) fn is_of_a_dry_run(&self) -> bool {
        self.start.terms.is_dry_run()
    }

    /// Whether the last line was cut off: the monitor was writing it, or was killed.
    pub(super) fn is_torn(&self) -> bool {
        self.is_torn
    }

    pub(crate) fn began(&self) -> Now {
        Now {
            instant: self.instant(self.start.t),
            second: Stamp(self.start.s),
        }
    }

    /// None at the end, and before a last line that was cut off.
    pub(super) fn next(&mut self) -> Result<Option<Step>, UnreadableRecording> {
        while !read_line(&mut self.from, &mut self.text)? {
            match self.newer.take() {
                Some(newer) => self.go_on_with(*newer)?,
                None => return Ok(None),
            }
        }
        if self.text.last() != Some(&b'\n') {
            if self.newer.is_some() {
                self.number += 1;
                return Err(self.bent("it is cut off, and another file goes on after it"));
            }
            self.is_torn = true;
            return Ok(None);
        }
        self.number += 1;
        let line: Line =
            serde_json::from_slice(&self.text).map_err(|cause| self.bent(cause.to_string()))?;
        if !is_time(line.t) || line.t < self.t {
            return Err(self.bent("a time before the line before"));
        }
        let s = line.s.unwrap_or(self.s);
        if !is_second(s) {
            return Err(self.bent("a time out of its bounds"));
        }
        self.t = line.t;
        self.s = s;
        let what = self.what(line.is)?;
        Ok(Some(Step {
            now: Now {
                instant: self.instant(self.t),
                second: Stamp(self.s),
            },
            asked: line.asked,
            what,
        }))
    }

    fn what(&mut self, event: Event) -> Result<What, UnreadableRecording> {
        Ok(What::Told(match event {
            Event::Found(found) => return Ok(What::Found(Box::new(self.report(*found)?))),
            Event::WorkerNotStarted {
                backend,
                worker,
                cause,
            } => Input::WorkerNotStarted {
                address: backend,
                number: worker,
                cause,
            },
            Event::WorkerEnded { backend, born_as } => Input::WorkerEnded {
                address: backend,
                born_as,
            },
            Event::Lists {
                connection,
                reading,
            } => Input::Lists {
                connection,
                reading: match reading {
                    Read::Failed(cause) => Err(*cause),
                    other => Ok(self.reading(other)?),
                },
            },
            Event::ListsNotOpened { connection, cause } => {
                Input::ListsNotOpened { connection, cause }
            }
            Event::ListsEnded { connection } => Input::ListsEnded { connection },
            Event::Answered { command, answer } => Input::Answered {
                number: command,
                answer: match answer {
                    Answer::Reply(reply) => Ok(reply),
                    Answer::Failed(cause) => Err(*cause),
                },
            },
            Event::CommandNotStarted { command, cause } => Input::CommandNotStarted {
                number: command,
                cause: io::Error::new(io::ErrorKind::Other, cause),
            },
            Event::StateWritten { number, error } => Input::StateWritten {
                number,
                result: error.map_or(Ok(()), Err),
            },
            Event::ScriptNotStarted { backend, cause } => Input::ScriptNotStarted {
                address: backend,
                cause: io::Error::new(io::ErrorKind::Other, cause),
            },
            Event::Asked(request) => Input::Asked(request),
            Event::Settings(terms) => {
                if !terms.is_sound() {
                    return Err(self.bent("settings out of their bounds"));
                }
                self.services = terms.services();
                return Ok(What::Settings(terms));
            }
            Event::SettingsRefused(cause) => Input::Settings(Err(cause)),
            Event::Time => Input::Time,
            Event::Sent(sent) => return Ok(What::Sent(sent)),
            Event::Lost(count) => return Ok(What::Lost(count)),
        }))
    }

    fn report(&self, found: Found) -> Result<Report, UnreadableRecording> {
        let services = [
            Some(found.service),
            found.retry.map(|retry| retry.service),
            match &found.verdict {
                Some(Verdict::Failed { service, .. }) => Some(*service),
                _ => None,
            },
        ];
        let spans = [Some(found.took), found.delivery];
        let times = [found.began, found.next, found.round.unwrap_or(found.began)];
        let is_sound = services
            .iter()
            .flatten()
            .all(|place| *place < self.services)
            && spans.iter().flatten().all(|span| is_span(*span))
            && times.iter().all(|time| is_time(*time));
        if !is_sound {
            return Err(self.bent("an attempt out of its bounds"));
        }
        Ok(Report {
            address: found.backend,
            worker: found.worker,
            finding: Finding {
                round_began: self.instant(found.round.unwrap_or(found.began)),
                service: found.service,
                outcome: Outcome {
                    began: self.instant(found.began),
                    latency: Duration::from_nanos(found.took),
                    delivery: found.delivery.map(Duration::from_nanos),
                    logged_in: found.logged_in,
                    result: match found.result {
                        Ending::Pass(pass) => Ok(pass),
                        Ending::Fail(failure) => Err(failure),
                    },
                    evidence: Default::default(),
                },
                for_good: found.for_good,
                verdict: found.verdict,
            },
            next: self.instant(found.next),
            retry: found.retry,
        })
    }

    /// The list as it was, from this and the one before.
    fn reading(&mut self, read: Read) -> Result<Reading, UnreadableRecording> {
        let mut listed = self.listed.take();
        match (read, &mut listed) {
            (Read::Whole(whole), _) => {
                // What differs from it later names the same backends.
                let mut addresses: Vec<IpAddr> =
                    whole.members.iter().map(|member| member.address).collect();
                addresses.sort_unstable();
                addresses.dedup();
                if addresses.len() != whole.members.len() {
                    return Err(self.bent("a list out of its bounds"));
                }
                listed = Some(*whole);
            }
            (
                Read::Differs {
                    began,
                    users,
                    members,
                },
                Some(listed),
            ) => {
                listed.began = began;
                for (place, users) in users {
                    match listed.members.get_mut(place) {
                        Some(member) => member.users = users,
                        None => return Err(self.bent("a member that is not listed")),
                    }
                }
                for (place, other) in members {
                    match listed.members.get_mut(place) {
                        Some(member) if member.address == other.address => *member = other,
                        _ => return Err(self.bent("a member that is not listed")),
                    }
                }
            }
            (Read::Differs { .. }, None) => {
                return Err(self.bent("a change of a list before the first list"));
            }
            (Read::Failed(_), _) => return Err(self.bent("no list")),
        }
        let whole = match &listed {
            Some(whole) => whole,
            None => return Err(self.bent("no list")),
        };
        if !is_time(whole.began) {
            return Err(self.bent("a list out of its bounds"));
        }
        let reading = Reading {
            began: self.instant(whole.began),
            members: whole.members.clone(),
            readiness: whole.readiness.clone(),
            movers_before: whole.movers_before,
            place: whole.place,
            forgotten: Forgotten::MayReturn,
            acts: whole.acts,
            malformed: whole.malformed.clone(),
            // Only a director's lists are recorded.
            particulars: Particulars::None,
        };
        self.listed = listed;
        Ok(reading)
    }

    fn instant(&self, t: i64) -> Instant {
        let span = Duration::from_nanos(t.unsigned_abs());
        let time = match t < 0 {
            true => self.zero.checked_sub(span),
            false => self.zero.checked_add(span),
        };
        time.unwrap_or(self.zero)
    }

    fn bent(&self, cause: impl AsRef<[u8]>) -> UnreadableRecording {
        UnreadableRecording::Line {
            number: self.number,
            of: self.which,
            cause: Quote::new(cause),
        }
    }
}

fn is_time(t: i64) -> bool {
    (-LONGEST..=LONGEST).contains(&t)
}

fn is_span(span: u64) -> bool {
    i64::try_from(span).map_or(false, is_time)
}

/// Up to the year 9999.
fn is_second(second: u64) -> bool {
    second <= 253_402_300_799
}

/// Whether there is one.
fn read_line(from: &mut impl BufRead, text: &mut Vec<u8>) -> Result<bool, UnreadableRecording> {
    text.clear();
    let mut bounded = io::Read::take(from, LONGEST_LINE);
    let read = bounded.read_until(b'\n', text);
    Ok(read.map_err(UnreadableRecording::Io)? > 0)
}
