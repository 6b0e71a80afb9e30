//! One backend explained: a sentence, and all that stands behind it. Made of the status file's document
//! alone: what a rule says is the engine's own answer, and nothing is judged again here.
//!
//! `sentence` is the first line, `evidence` what the checks have shown, and `find` knows which backend is meant.

use std::fmt::Write;

use serde::Serialize;

use super::advice::{steps, Step};
use super::document::{
    Action, Alarm, Answer, Backend, By, Change, Command, Director, Document, Monitor, Restore,
    RuleAnswer, State, Tag, Time, Unanswered, Verdict,
};
use super::forecast::{Forecast, Share};
use super::words::{lasting, moment, shown, shown_up_to, took, Zone};
use crate::few::{by_number, counted};

mod evidence;
mod find;
mod sentence;

pub(crate) use super::advice::Trial;
pub(crate) use find::{concerns, find, unknown};

/// How many of the other backends' shares are shown.
const SHARES: usize = 10;

/// How many of the last changes are shown.
const CHANGES: usize = 10;

/// How many commands are shown.
const COMMANDS: usize = 10;

/// Of an alarm: it says last what to do.
const LONGEST_ALARM: usize = 1000;

/// One backend, looked at.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) document: &'a Document,
    pub(crate) backend: &'a Backend,
    /// The time for which the document is read: when it was written, if it is stale.
    pub(crate) now: Time,
    /// Why the document is not to be trusted; empty if it is.
    pub(crate) stale: &'a str,
    pub(crate) zone: Zone,
    pub(crate) trial: Trial,
}

/// For programs: that backend's part of the document, and what follows from it.
#[derive(Serialize)]
pub(crate) struct Explained<'a> {
    poolmon: &'a Monitor,
    director: &'a Director,
    stale: Option<&'a str>,
    summary: String,
    backend: &'a Backend,
    tag: Option<&'a Tag>,
    alarms: Vec<&'a Alarm>,
    commands: Vec<&'a Command>,
    forecast: Forecast,
    advice: Vec<Step>,
}

impl<'a> View<'a> {
    pub(crate) fn explained(&self) -> Explained<'a> {
        Explained {
            poolmon: &self.document.poolmon,
            director: &self.document.director,
            stale: Some(self.stale).filter(|stale| !stale.is_empty()),
            summary: sentence::sentence(self),
            backend: self.backend,
            tag: self.tag(),
            alarms: self.alarms(),
            commands: self.commands(),
            forecast: Forecast::of(self.document, self.backend),
            advice: self.steps(),
        }
    }

    fn tag(&self) -> Option<&'a Tag> {
        let mut tags = self.document.tags.iter();
        tags.find(|tag| tag.tag == self.backend.tag)
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if !self.stale.is_empty() {
            let _ = writeln!(text, "{}", self.stale);
        }
        let _ = writeln!(text, "{}", sentence::sentence(self));
        for note in self.notes() {
            let _ = writeln!(text, "{note}");
        }
        for (heading, lines) in [
            ("Checks", self.checks()),
            ("Last attempts", self.attempts()),
            ("Schedule", self.schedule()),
            (self.rules_heading(), self.rules()),
            ("Last changes in the list", self.changes()),
            ("Last commands", self.command_lines()),
            (self.forecast_heading(), self.forecast()),
            ("What you can do", self.advice()),
        ] {
            let _ = writeln!(text, "\n{heading}");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }

    /// What the sentence has to be read with.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Document {
            poolmon, director, ..
        } = self.document;
        if poolmon.dry_run {
            notes.push(
                "This monitor runs dry: it changes nothing, and the states are as they would be."
                    .to_string(),
            );
        }
        let pool = director.kind.words().capitalised();
        notes.extend(director.unanswered().map(|unanswered| match unanswered {
            Unanswered::NotYet => format!("{pool} has been asked for its list and has not answered yet."),
            Unanswered::Reconnecting => format!(
                "The connection to {} has ended and is being opened anew. The states are those it listed \
                 last.",
                director.kind.words().subject
            ),
            Unanswered::Failed(cause) => format!(
                "{pool} has not answered for {}: {}. The states are those it listed last.",
                self.since(director.since),
                shown(cause)
            ),
        }));
        for alarm in self.alarms() {
            let text = shown_up_to(LONGEST_ALARM, &alarm.text);
            let end = match text.ends_with(&['.', '?'][..]) {
                true => "",
                false => ".",
            };
            notes.push(format!(
                "Alarm {} for {}: {text}{end}",
                shown(&alarm.alarm),
                self.since(alarm.since)
            ));
        }
        notes
    }

    /// Those that are about it, and those that concern all.
    fn alarms(&self) -> Vec<&'a Alarm> {
        let own = [address(self.backend)];
        let all: Vec<String> = self.document.backends.iter().map(address).collect();
        let concerns = |alarm: &&Alarm| concerns(&alarm.text, &own, &all);
        self.document.alarms.iter().filter(concerns).collect()
    }

    fn commands(&self) -> Vec<&'a Command> {
        let all = self.document.commands.iter();
        let own: Vec<&Command> = all
            .filter(|command| command.address == self.backend.address)
            .collect();
        own[own.len().saturating_sub(COMMANDS)..].to_vec()
    }

    fn schedule(&self) -> Vec<String> {
        let schedule = &self.backend.schedule;
        let monitor = &self.document.poolmon;
        let (attempt, logins) = match monitor.login_interval > 0.0 {
            true => (
                "whole attempt",
                format!(", with logins every {}", lasting(monitor.login_interval)),
            ),
            false => ("attempt", String::new()),
        };
        let last = match schedule.last {
            Some(last) => format!("the last {attempt} began {} ago", self.since(last)),
            None => "no attempt has been made yet".to_string(),
        };
        let next = match schedule.next {
            Some(next) if next > self.now => format!("the next is due in {}", self.until(next)),
            Some(_) => "the next is due now".to_string(),
            None => "none is planned or one is under way".to_string(),
        };
        let interval = lasting(monitor.interval);
        let mut lines = vec![format!("{last}; {next}; a round every {interval}{logins}")];
        if let Some(retry) = &schedule.retry {
            lines.push(format!(
                "{} is being tried again: {} failed in a row, {} left before it has failed",
                shown(&retry.service),
                counted(retry.failed, "attempt"),
                retry.left
            ));
        }
        lines
    }

    fn rules_heading(&self) -> &'static str {
        match self.backend.wanted.as_ref().map(|wanted| wanted.action) {
            Some(Action::Down) => "Rules asked about taking it down, in this order",
            Some(Action::Up) => "Rules asked about bringing it up, in this order",
            Some(Action::Drain) => "Rules asked about moving its users, in this order",
            None => "Rules",
        }
    }

    fn rules(&self) -> Vec<String> {
        let wanted = match &self.backend.wanted {
            Some(wanted) => wanted,
            None => {
                let mut lines = vec!["none is asked: nothing is to be changed".to_string()];
                lines.extend(self.whose_down());
                return lines;
            }
        };
        let longest = wanted.rules.iter().map(|rule| rule.rule.len()).max();
        let width = longest.unwrap_or(0);
        let mut lines = Vec::new();
        for rule in &wanted.rules {
            let name = shown(&rule.rule);
            let kind = self.document.director.kind;
            let answer = match (rule.answer, kind.without_rule(&rule.rule)) {
                (Answer::Holds, _) => format!("HOLDS: {}", self.reason(rule)),
                (_, Some(why)) => format!("does not apply: {why}"),
                (Answer::Passes, None) => "passes".to_string(),
                (Answer::NotAsked, None) => "not asked".to_string(),
            };
            lines.push(format!("{name:width$}  {answer}"));
        }
        lines.extend(self.whose_down());
        lines
    }

    /// What rule ownership goes by, of a backend that is down.
    fn whose_down(&self) -> Option<String> {
        if self.backend.listed == State::Up {
            return None;
        }
        let undone = match self.document.poolmon.restore {
            Restore::Any => "every down (--restore=any)",
            Restore::Own => "only its own downs (--restore=own)",
        };
        let whose = match self.backend.owned {
            true => "its own",
            false => "not its own",
        };
        Some(format!("this monitor undoes {undone}; this one is {whose}"))
    }

    fn changes(&self) -> Vec<String> {
        let all = &self.backend.changes;
        if all.is_empty() {
            return vec!["none in the last day".to_string()];
        }
        let line = |change: &Change| {
            let to = match change.to {
                State::Up => "up",
                State::Down => "down",
            };
            let by = match change.by {
                By::Us => " by us",
                By::Other => " by somebody else",
                By::Unknown => "",
            };
            let reason = change.reason.as_deref();
            let reason = reason.map_or(String::new(), |reason| format!(": {}", shown(reason)));
            format!("{}  {to}{by}{reason}", self.moment(change.at))
        };
        let last = &all[all.len().saturating_sub(CHANGES)..];
        last.iter().map(line).collect()
    }

    /// Why a rule holds, and until when.
    fn reason(&self, rule: &RuleAnswer) -> String {
        let reason = shown(rule.reason.as_deref().unwrap_or("it gives no reason"));
        match rule.until {
            Some(until) if until > self.now => format!(
                "{reason} (until {}, in {})",
                self.moment(until),
                self.until(until)
            ),
            Some(until) => format!("{reason} (until {})", self.moment(until)),
            None => reason,
        }
    }

    fn command_lines(&self) -> Vec<String> {
        let commands = self.commands();
        if commands.is_empty() {
            return vec!["none to this backend".to_string()];
        }
        let line = |command: &&Command| {
            let answer = match (&command.answer, command.took) {
                (Some(answer), Some(span)) => format!("{} after {}", shown(answer), took(span)),
                (Some(answer), None) => shown(answer),
                (None, _) => "no answer yet".to_string(),
            };
            let at = self.moment(command.at);
            format!("{at}  {}: {answer}", shown(&command.command))
        };
        commands.iter().map(line).collect()
    }

    fn forecast_heading(&self) -> &'static str {
        match self.backend.listed {
            State::Up => "If it went down now",
            State::Down => "If it came up now",
        }
    }

    fn forecast(&self) -> Vec<String> {
        let forecast = Forecast::of(self.document, self.backend);
        let others = forecast.up_afterwards().count();
        let mut lines = match (forecast.action, others) {
            (Action::Up, _) => vec![format!(
                "users would come to it as they log in again{}",
                match self.backend.users {
                    0 => String::new(),
                    left => format!("; {} left on it", are(left)),
                }
            )],
            (_, 0) => vec![format!(
                "{} would have nowhere to go: no other backend{} is up with a {} above 0",
                counted(forecast.users, "user"),
                self.document.which(&self.backend.tag, shown),
                self.document.director.kind.words().weight
            )],
            (_, _) => vec![format!("{} on it now", are(forecast.users))],
        };
        lines.extend(self.tag().map(|tag| {
            let tag = self.document.serving(tag);
            format!(
                "now {} of {} backends{} are up, {} healthy, {} can take over",
                tag.up,
                tag.backends,
                self.document.which(&tag.tag, shown),
                tag.passing,
                tag.refuges
            )
        }));
        let rows = forecast.shares.iter().take(SHARES);
        lines.extend(rows.map(|share| self.share(&forecast, share)));
        if let Some(more @ 1..) = forecast.shares.len().checked_sub(SHARES) {
            lines.push(format!(
                "and {more} more with {}",
                by_number(more, "a smaller share", "smaller shares")
            ));
        }
        if forecast.action == Action::Down {
            lines.push(self.brake());
        }
        lines
    }

    fn share(&self, forecast: &Forecast, share: &Share) -> String {
        let gets = match share.users {
            0 => String::new(),
            users => format!(", about {}", counted(users, "more user")),
        };
        let verdict = match share.verdict {
            Verdict::Failed if share.address != self.backend.address => " (it has failed, too)",
            _ => "",
        };
        let own = match share.address == self.backend.address {
            true if forecast.action == Action::Down => " (this one)",
            true => " (this one, if nothing holds it back)",
            false => "",
        };
        format!(
            "{}: {} -> {} of the {}{gets}{own}{verdict}",
            share.address,
            percent(share.before),
            percent(share.after),
            self.document.director.kind.words().weights
        )
    }

    /// Which rule stops it: the engine's answer, which there is only where a down is wanted.
    fn brake(&self) -> String {
        let wanted = match &self.backend.wanted {
            Some(wanted) if wanted.action == Action::Down => wanted,
            _ => return "whether a rule holds that back is asked once it has failed".to_string(),
        };
        match wanted.held_by() {
            Some(rule) => format!("rule {} holds that back now", shown(&rule.rule)),
            None => "no rule holds that back".to_string(),
        }
    }

    fn steps(&self) -> Vec<Step> {
        steps(self.document, self.backend, self.trial)
    }

    fn advice(&self) -> Vec<String> {
        let steps = self.steps();
        if steps.is_empty() {
            return vec!["nothing needs to be done".to_string()];
        }
        let line = |step: &Step| match &step.command {
            Some(command) => format!("{}: {command}", step.purpose),
            None => step.purpose.clone(),
        };
        steps.iter().map(line).collect()
    }

    fn moment(&self, at: Time) -> String {
        moment(at, self.now, self.zone)
    }

    fn since(&self, at: Time) -> String {
        lasting(self.now - at)
    }

    /// Below 10 s with a tenth, for whoever waits for it.
    fn until(&self, at: Time) -> String {
        match at - self.now {
            soon if soon < 10.0 => format!("{:.1} s", soon.max(0.0)),
            later => lasting(later),
        }
    }
}

fn address(backend: &Backend) -> String {
    backend.address.to_string()
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn are(users: u64) -> String {
    format!(
        "{} {}",
        counted(users, "user"),
        by_number(users, "is", "are")
    )
}

#[cfg(test)]
mod tests;
