//! Makes lines of inputs: what a main thread does for each input, and what is left to the thread that writes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::line::{Answer, Ending, Event, FirstLine, Found, Head, Line, Read, Whole, FORMAT};
use super::start::{Accounts, RecordedTerms, Start};
use crate::config::settings::Settings;
use crate::config::targets::Targets;
use crate::monitor::{Input, Now, Remembered, Report};
use crate::pool::{PoolError, Reading};

/// Nanoseconds from one moment to another, which may be the earlier one.
pub(super) fn nanoseconds(from: Instant, to: Instant) -> i64 {
    let whole = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    match to.checked_duration_since(from) {
        Some(later) => whole(later),
        None => -whole(from.saturating_duration_since(to)),
    }
}

fn span(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Makes events of inputs.
pub(crate) struct Encoder {
    zero: Instant,
    accounts: Accounts,
}

impl Encoder {
    pub(crate) fn new(zero: Instant) -> Encoder {
        Encoder {
            zero,
            accounts: Accounts::default(),
        }
    }

    pub(super) fn start(
        &mut self,
        settings: &Settings,
        targets: &Targets,
        remembered: &Remembered,
        most_at_once: usize,
        now: Now,
    ) -> Start {
        Start {
            t: self.time(now.instant),
            s: now.second.0,
            terms: RecordedTerms::new(settings, targets, &mut self.accounts),
            remembered: remembered.clone(),
            most_at_once,
        }
    }

    pub(super) fn time(&self, instant: Instant) -> i64 {
        nanoseconds(self.zero, instant)
    }

    /// None for what is not recorded: what became of the files for whoever looks.
    pub(super) fn event(&mut self, input: &Input) -> Option<Event> {
        Some(match input {
            Input::Found(report) => Event::Found(Box::new(self.found(report))),
            Input::WorkerNotStarted {
                address,
                number,
                cause,
            } => Event::WorkerNotStarted {
                backend: *address,
                worker: *number,
                cause: cause.clone(),
            },
            Input::WorkerEnded { address, born_as } => Event::WorkerEnded {
                backend: *address,
                born_as: *born_as,
            },
            Input::Lists {
                connection,
                reading,
            } => Event::Lists {
                connection: *connection,
                reading: self.read(reading),
            },
            Input::ListsNotOpened { connection, cause } => Event::ListsNotOpened {
                connection: *connection,
                cause: cause.clone(),
            },
            Input::ListsEnded { connection } => Event::ListsEnded {
                connection: *connection,
            },
            Input::Answered { number, answer } => Event::Answered {
                command: *number,
                answer: match answer {
                    Ok(reply) => Answer::Reply(reply.clone()),
                    Err(cause) => Answer::Failed(Box::new(cause.clone())),
                },
            },
            Input::CommandNotStarted { number, cause } => Event::CommandNotStarted {
                command: *number,
                cause: cause.to_string(),
            },
            Input::StateWritten { number, result } => Event::StateWritten {
                number: *number,
                error: result.clone().err(),
            },
            Input::Published { .. } => return None,
            Input::ScriptNotStarted { address, cause } => Event::ScriptNotStarted {
                backend: *address,
                cause: cause.to_string(),
            },
            Input::Asked(request) => Event::Asked(*request),
            Input::Settings(Ok(terms)) => Event::Settings(Box::new(RecordedTerms::new(
                &terms.settings,
                &terms.targets,
                &mut self.accounts,
            ))),
            Input::Settings(Err(cause)) => Event::SettingsRefused(cause.clone()),
            Input::Time => Event::Time,
        })
    }

    fn found(&self, report: &Report) -> Found {
        let finding = &report.finding;
        let outcome = &finding.outcome;
        let is_other = finding.round_began != outcome.began;
        Found {
            backend: report.address,
            worker: report.worker,
            service: finding.service,
            began: self.time(outcome.began),
            took: span(outcome.latency),
            round: is_other.then(|| self.time(finding.round_began)),
            delivery: outcome.delivery.map(span),
            logged_in: outcome.logged_in,
            result: match &outcome.result {
                Ok(pass) => Ending::Pass(*pass),
                Err(failure) => Ending::Fail(failure.clone()),
            },
            for_good: finding.for_good,
            verdict: finding.verdict.clone(),
            next: self.time(report.next),
            retry: report.retry,
        }
    }

    fn read(&self, reading: &Result<Reading, PoolError>) -> Read {
        match reading {
            Ok(reading) => Read::Whole(Box::new(Whole {
                began: self.time(reading.began),
                members: reading.members.clone(),
                readiness: reading.readiness.clone(),
                movers_before: reading.movers_before,
                place: reading.place,
                acts: reading.acts,
                malformed: reading.malformed.clone(),
            })),
            Err(cause) => Read::Failed(Box::new(cause.clone())),
        }
    }
}

/// What there is before a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// A file that has all up to now.
    Whole,
    /// A file that lacks something.
    Torn,
}

/// Makes lines of events, and knows with what a file has to begin that goes on after another.
pub(super) struct Lines {
    start: Start,
    /// As it was last written.
    listed: Option<(u64, Whole)>,
    verdicts: BTreeMap<IpAddr, Found>,
    second: u64,
    run: u64,
    /// How many files were begun.
    parts: u32,
}

impl Lines {
    pub(super) fn new(start: Start) -> Lines {
        Lines {
            second: start.s,
            run: start.s,
            parts: 0,
            start,
            listed: None,
            verdicts: BTreeMap::new(),
        }
    }

    pub(super) fn remember(&mut self, entries: &[(IpAddr, crate::monitor::Memory)]) {
        super::start::remember(&mut self.start.remembered, entries);
    }

    /// What a file begins with. One that is continued has after that what was last known: the list, and of
    /// each backend the attempt that gave its verdict.
    pub(super) fn first(&mut self, before: Before) -> serde_json::Result<Vec<u8>> {
        let continued = before != Before::Nothing;
        let repeated = usize::from(self.listed.is_some()) + self.verdicts.len();
        let first = FirstLine {
            recording: Head {
                format: FORMAT,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                continued,
                run: self.run,
                part: self.parts,
                repeated: (before == Before::Whole).then_some(repeated),
            },
            start: self.start.clone(),
        };
        let mut text = serde_json::to_vec(&first)?;
        text.push(b'\n');
        self.parts = self.parts.saturating_add(1);
        self.second = self.start.s;
        if continued {
            let listed = self.listed.take();
            if let Some((connection, whole)) = listed {
                let reading = Read::Whole(Box::new(whole));
                let is = Event::Lists {
                    connection,
                    reading,
                };
                text.extend(self.again(is)?);
            }
            let verdicts = std::mem::take(&mut self.verdicts);
            for found in verdicts.values() {
                text.extend(self.again(Event::Found(Box::new(found.clone())))?);
            }
            self.verdicts = verdicts;
        }
        Ok(text)
    }

    /// When the last one was told.
    pub(super) fn last(&self) -> (i64, u64) {
        (self.start.t, self.start.s)
    }

    /// What was told before, at the time of the file's beginning.
    fn again(&mut self, is: Event) -> serde_json::Result<Vec<u8>> {
        let (t, s) = (self.start.t, self.start.s);
        self.line(t, s, 1, is)
    }

    pub(super) fn line(
        &mut self,
        t: i64,
        s: u64,
        asked: u32,
        event: Event,
    ) -> serde_json::Result<Vec<u8>> {
        let is = match event {
            Event::Lists {
                connection,
                reading: Read::Whole(whole),
            } => {
                let reading = self.difference(&whole);
                self.listed = Some((connection, *whole));
                let reading = reading.unwrap_or_else(|| {
                    let (_, whole) = self.listed.as_ref().expect("it was just set");
                    Read::Whole(Box::new(whole.clone()))
                });
                Event::Lists {
                    connection,
                    reading,
                }
            }
            Event::Found(found) => {
                if found.verdict.is_some() {
                    self.verdicts.insert(found.backend, (*found).clone());
                }
                Event::Found(found)
            }
            Event::Settings(terms) => {
                self.start.terms = (*terms).clone();
                self.verdicts.clear();
                Event::Settings(terms)
            }
            other => other,
        };
        self.start.t = t;
        self.start.s = s;
        let line = Line {
            t,
            s: (s != self.second).then_some(s),
            asked,
            is,
        };
        self.second = s;
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        Ok(text)
    }

    /// None if it cannot be said as one.
    fn difference(&self, now: &Whole) -> Option<Read> {
        let (_, before) = self.listed.as_ref()?;
        let addresses = |whole: &Whole| -> Vec<IpAddr> {
            whole.members.iter().map(|member| member.address).collect()
        };
        let is_same = (
            &before.readiness,
            before.movers_before,
            before.place,
            before.acts,
            &before.malformed,
        ) == (
            &now.readiness,
            now.movers_before,
            now.place,
            now.acts,
            &now.malformed,
        );
        if !is_same || addresses(before) != addresses(now) {
            return None;
        }
        let (mut users, mut members) = (Vec::new(), Vec::new());
        let pairs = before.members.iter().zip(&now.members).enumerate();
        for (place, (before, now)) in pairs.filter(|(_, (before, now))| before != now) {
            let mut with_users = before.clone();
            with_users.users = now.users;
            match with_users == *now {
                true => users.push((place, now.users)),
                false => members.push((place, now.clone())),
            }
        }
        Some(Read::Differs {
            began: now.began,
            users,
            members,
        })
    }
}
