//! The document as Nagios and Icinga want it: a state, a first line, a line each for what is wrong, the
//! worst first, and performance data.
//!
//! Text of others is made harmless here: a bar would begin the performance data, and what a server says may
//! end in a page or in a shell's command line.

use std::fmt;

use super::document::{
    Backend, By, Certificate, CheckResult, Document, Drain, State as Listed, Tag, Time, Verdict,
};
use super::freshness::{Age, Freshness};
use super::judgement;
use super::words::lasting;
use crate::few::{by_number, counted};

mod perfdata;
mod range;
mod troubles;

use perfdata::Metric;
pub(crate) use range::Range;

/// How long the text of the first line is at most; what comes after it is the performance data.
const FIRST_LINE: usize = 200;

/// How much of a text of others is shown.
const LONGEST: usize = 120;

/// A longer text of one trouble helps nobody.
const LONGEST_LINE: usize = 400;

/// So many backends have a line each, unless all are wanted.
const LINES: usize = 40;

const DAY: f64 = 86_400.0;

/// In the order of how bad it is; the exit code is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Ok,
    /// Nothing can be said.
    Unknown,
    Warning,
    Critical,
}

impl State {
    pub(crate) fn code(self) -> u8 {
        match self {
            State::Ok => 0,
            State::Warning => 1,
            State::Critical => 2,
            State::Unknown => 3,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Ok => "OK",
            State::Warning => "WARNING",
            State::Critical => "CRITICAL",
            State::Unknown => "UNKNOWN",
        })
    }
}

/// What the administrator has chosen.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Of the backends that stand; without, each backend that this monitor took down is a warning.
    pub(crate) warning: Option<Range>,
    pub(crate) critical: Option<Range>,
    /// Of the days that certificates are still good for.
    pub(crate) warning_cert: Range,
    pub(crate) critical_cert: Range,
    /// Only backends with this tag.
    pub(crate) tag: Option<String>,
    pub(crate) detail: Detail,
}

impl Limits {
    /// Those that hold unless others are chosen.
    pub(crate) fn usual() -> Limits {
        Limits {
            warning: None,
            critical: None,
            warning_cert: Range::alerts_below(14.0),
            critical_cert: Range::alerts_below(3.0),
            tag: None,
            detail: Detail::Troubles,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A line for each backend that is not well.
    Troubles,
    /// A line for each backend.
    All,
}

/// What a plugin prints, and how it ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Report {
    pub(crate) state: State,
    first: String,
    long: Vec<String>,
    metrics: Vec<Metric>,
}

impl Report {
    /// There is nothing to judge.
    pub(crate) fn unknown(why: &str) -> Report {
        Report {
            state: State::Unknown,
            first: cut(&clean(why, LONGEST_LINE), FIRST_LINE - HEAD),
            long: Vec::new(),
            metrics: Vec::new(),
        }
    }
}

/// Of the longest `POOLMON STATE - `.
const HEAD: usize = "POOLMON CRITICAL - ".len();

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "POOLMON {} - {}", self.state, self.first)?;
        for (place, metric) in self.metrics.iter().enumerate() {
            let before = if place == 0 { " | " } else { " " };
            write!(f, "{before}{metric}")?;
        }
        f.write_str("\n")?;
        for line in &self.long {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// Something to be told of.
struct Trouble {
    state: State,
    text: String,
}

pub(crate) fn judge(
    document: &Document,
    freshness: Freshness,
    now: Time,
    limits: &Limits,
) -> Report {
    let is_asked_for = |tag: &str| limits.tag.as_ref().map_or(true, |wanted| wanted == tag);
    let pool = Pool {
        document,
        now,
        limits,
        tags: document
            .tags
            .iter()
            .filter(|tag| is_asked_for(&tag.tag))
            .collect(),
        backends: document
            .backends
            .iter()
            .filter(|backend| is_asked_for(&backend.tag))
            .collect(),
    };
    match &limits.tag {
        // Where nothing is listed, that is what is wrong, or the pool's silence is.
        Some(tag) if pool.backends.is_empty() && !document.backends.is_empty() => {
            let subject = document.director.kind.words().subject;
            let which = document.with_tag(tag, clean_tag);
            return Report::unknown(&format!("{subject} lists no backend {which}"));
        }
        _ => {}
    }
    let mut troubles = pool.troubles(freshness);
    // Stable: of equally bad ones those that are the cause of others come first.
    troubles.sort_by_key(|trouble| std::cmp::Reverse(trouble.state));
    let state = troubles.first().map_or(State::Ok, |trouble| trouble.state);
    let mut long: Vec<String> = troubles
        .iter()
        .map(|trouble| {
            cut(
                &format!("[{}] {}", trouble.state, trouble.text),
                LONGEST_LINE,
            )
        })
        .collect();
    long.extend(pool.lines());
    Report {
        state,
        first: pool.first_line(&troubles),
        long,
        metrics: pool.metrics(),
    }
}

/// The backends that are asked for.
struct Pool<'a> {
    document: &'a Document,
    now: Time,
    limits: &'a Limits,
    tags: Vec<&'a Tag>,
    backends: Vec<&'a Backend>,
}

impl Pool<'_> {
    /// A few words each, of the first few.
    fn some(&self, backends: &[&Backend]) -> String {
        let words: Vec<String> = backends.iter().map(|backend| self.brief(backend)).collect();
        // No `Few`: what is said of each has commas of its own.
        let named = words
            .iter()
            .take(5)
            .cloned()
            .collect::<Vec<String>>()
            .join("; ");
        match words.len().checked_sub(5) {
            Some(more @ 1..) => format!("{named}; and {more} more"),
            _ => named,
        }
    }

    /// `192.0.2.7 imap:143 connect: connection refused, 5 min 47 s`.
    fn brief(&self, backend: &Backend) -> String {
        let mut words = backend.address.to_string();
        if !backend.cause.is_empty() {
            words.push(' ');
            words.push_str(&clean(&backend.cause, LONGEST));
        }
        let since = match backend.listed {
            Listed::Down => backend.listed_since,
            Listed::Up => backend.verdict_since,
        };
        if let Some(since) = since {
            words.push_str(&format!(", {}", lasting(self.now - since)));
        }
        if backend.listed == Listed::Down && backend.by == By::Other {
            words.push_str(", by somebody else");
        }
        if backend.drain == Drain::Owed {
            words.push_str(&format!(", {} left on it", counted(backend.users, "user")));
        }
        if let Some(rule) = held_by(backend) {
            words.push_str(&format!(", held by rule {}", clean(rule, LONGEST)));
        }
        words
    }

    fn first_line(&self, troubles: &[Trouble]) -> String {
        let room = FIRST_LINE - HEAD;
        let dry_run = match self.document.poolmon.dry_run {
            true => "(dry run) ",
            false => "",
        };
        let mut line = String::from(dry_run);
        if troubles.is_empty() {
            line.push_str(&self.summary());
            return cut(&line, room);
        }
        for (place, trouble) in troubles.iter().enumerate() {
            let before = if place == 0 { "" } else { "; " };
            let more = format!("; {} more", troubles.len() - place);
            let needed = before.len() + trouble.text.len() + more.len();
            if place > 0 && line.len() + needed > room {
                line.push_str(&more);
                return line;
            }
            line.push_str(before);
            line.push_str(&cut(&trouble.text, room - line.len() - more.len()));
        }
        line
    }

    fn summary(&self) -> String {
        let up = self.of_all(|backend| backend.listed == Listed::Up).len();
        let all = self.backends.len();
        let passing = self
            .of_all(|backend| backend.verdict == Verdict::Healthy)
            .len();
        let users = counted(self.users(), "user");
        format!("{up} of {all} backends up, {passing} passing, {users}")
    }

    /// A line a backend, the worst first.
    fn lines(&self) -> Vec<String> {
        let mut backends = self.backends.clone();
        let trouble = |backend: &Backend| judgement::Trouble::of(backend, self.now);
        backends.sort_by_key(|backend| (trouble(backend), backend.address));
        let well = backends
            .iter()
            .filter(|backend| trouble(backend) == judgement::Trouble::None)
            .count();
        let shown = match self.limits.detail {
            Detail::All => backends.len(),
            Detail::Troubles => (backends.len() - well).min(LINES),
        };
        let line = |backend: &&Backend| cut(&self.line(backend), LONGEST_LINE);
        let mut lines: Vec<String> = backends.iter().take(shown).map(line).collect();
        if let Some(more @ 1..) = (backends.len() - well).checked_sub(shown) {
            lines.push(format!(
                "and {more} more that {} not well",
                by_number(more, "is", "are")
            ));
        }
        if well > 0 && shown < backends.len() {
            lines.push(format!("{} up and healthy", counted(well, "backend")));
        }
        lines
    }

    fn line(&self, backend: &Backend) -> String {
        let name = match &backend.name {
            Some(name) => format!(" ({})", clean(name, LONGEST)),
            None => String::new(),
        };
        let tag = match &*backend.tag {
            "" => String::new(),
            tag => self.document.which(tag, clean_tag),
        };
        let for_so_long = |since: Option<Time>| {
            since.map_or(String::new(), |since| {
                format!(" for {}", lasting(self.now - since))
            })
        };
        let listed = match (backend.listed, backend.by) {
            (Listed::Up, _) => "up",
            (Listed::Down, By::Us) => "down by us",
            (Listed::Down, By::Other) => "down by somebody else",
            (Listed::Down, By::Unknown) => "down",
        };
        let verdict = match backend.verdict {
            Verdict::Healthy => "healthy",
            Verdict::Doubtful => "doubtful",
            Verdict::Failed => "failed",
            Verdict::Unknown => "not judged yet",
            Verdict::NotChecked => "not checked",
        };
        let mut line = format!(
            "{}{name}{tag}: {listed}{}, {verdict}{}",
            backend.address,
            for_so_long(backend.listed_since),
            for_so_long(backend.verdict_since)
        );
        match backend.drain {
            Drain::None => {}
            Drain::Owed => {
                line.push_str(&format!(", {} left on it", counted(backend.users, "user")));
            }
            Drain::Done => line.push_str(", users moved"),
        }
        if let Some(rule) = held_by(backend) {
            line.push_str(&format!(", held by rule {}", clean(rule, LONGEST)));
        }
        if !backend.cause.is_empty() {
            line.push_str(&format!(": {}", clean(&backend.cause, LONGEST)));
        }
        line
    }

    fn metrics(&self) -> Vec<Metric> {
        let all = self.backends.len();
        let count = |label, number: usize| Metric::count(label, number as u64, Some(all));
        let limit = |range: Option<Range>| range.map(|range| range.of(all));
        let is = |verdict: Verdict| self.of_all(|backend| backend.verdict == verdict).len();
        let up = self.of_all(|backend| backend.listed == Listed::Up).len();
        let held = self.of_all(|backend| held_by(backend).is_some()).len();
        let mut metrics = vec![
            count("standing", self.stand())
                .limits(limit(self.limits.warning), limit(self.limits.critical)),
            count("up", up),
            count("passing", is(Verdict::Healthy)),
            count("failed", is(Verdict::Failed)),
            count("held", held),
            Metric::count("users", self.users(), None),
        ];
        let services = self.backends.iter().flat_map(|backend| &backend.services);
        let passing = services
            .clone()
            .filter(|service| service.result == CheckResult::Pass);
        if let Some(worst) = passing
            .filter_map(|service| service.latency)
            .reduce(f64::max)
        {
            metrics.push(Metric::seconds("worst_latency", worst));
        }
        let ends = services.filter_map(|service| Some(end(service.certificate.as_ref()?)));
        if let Some(first) = ends.reduce(f64::min) {
            let days = Metric {
                value: self.days(first).floor(),
                min: None,
                ..Metric::count("cert_days", 0, None)
            };
            metrics.push(days.limits(
                Some(self.limits.warning_cert),
                Some(self.limits.critical_cert),
            ));
        }
        if let Some(age) = Age::of(self.document, self.now).old() {
            metrics.push(Metric::seconds("status_age", age.round()));
        }
        metrics
    }

    fn of_all(&self, is_it: impl Fn(&Backend) -> bool) -> Vec<&Backend> {
        let all = self.backends.iter().copied();
        all.filter(|backend| is_it(backend)).collect()
    }

    /// How many could take the users of another.
    fn stand(&self) -> usize {
        let refuges = self.tags.iter().map(|tag| tag.refuges);
        refuges.fold(0, usize::saturating_add)
    }

    fn users(&self) -> u64 {
        let users = self.backends.iter().map(|backend| backend.users);
        users.fold(0, u64::saturating_add)
    }

    fn days(&self, end: Time) -> f64 {
        (end - self.now) / DAY
    }
}

/// When it is not good any more: it, or what it is signed by.
fn end(certificate: &Certificate) -> Time {
    certificate.not_after.min(certificate.chain_not_after)
}

fn held_by(backend: &Backend) -> Option<&str> {
    Some(&backend.held_by()?.rule)
}

/// The name of a tag, harmless.
fn clean_tag(tag: &str) -> String {
    clean(tag, LONGEST)
}

/// Printable ASCII, without what means something to Nagios, to a page or to a shell.
fn clean(text: &str, longest: usize) -> String {
    let mut clean = String::new();
    for character in text.chars() {
        if clean.len() >= longest {
            clean.push_str("...");
            break;
        }
        match character {
            '|' | '<' | '>' | '`' | '$' => {
                clean.push_str(&format!("\\x{:02x}", u32::from(character)));
            }
            ' '..='~' => clean.push(character),
            other => clean.extend(other.escape_unicode()),
        }
    }
    clean
}

/// Text that is clean already.
fn cut(text: &str, longest: usize) -> String {
    match text.len() <= longest {
        true => text.to_string(),
        false => format!("{}...", &text[..longest.saturating_sub(3)]),
    }
}

#[cfg(test)]
mod tests;
