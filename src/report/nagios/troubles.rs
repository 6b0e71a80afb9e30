//! What is wrong with a pool, and how bad it is.

use super::range::Range;
use super::{clean, clean_tag, end, Pool, State, Trouble, DAY, LONGEST, LONGEST_LINE};
use crate::few::{by_number, counted};
use crate::report::document::{
    Backend, Blame, By, CheckResult, Drain, Ring, Service, State as Listed, Unanswered, Verdict,
};
use crate::report::explain;
use crate::report::freshness::Freshness;
use crate::report::words::lasting;

/// What lasts shorter than this may be over before anybody has looked.
const PATIENCE: f64 = 60.0;

impl Pool<'_> {
    pub(super) fn troubles(&self, freshness: Freshness) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        let mut add = |state: State, text: String| troubles.push(Trouble { state, text });
        if freshness != Freshness::Fresh {
            add(State::Critical, freshness.to_string());
        }
        self.director(&mut add);
        self.standing(&mut add);
        self.failed_and_up(&mut add);
        self.down(&mut add);
        self.certificates(&mut add);
        for alarm in &self.document.alarms {
            if let Some(state) = self.alarm(&alarm.alarm, &alarm.text) {
                add(state, clean(&alarm.text, LONGEST_LINE));
            }
        }
        if !self.document.poolmon.reload.good {
            let text = "the last reload found bad settings: those before are in force; see the log";
            add(State::Warning, text.to_string());
        }
        if !self.document.counters.state_file_written {
            let text = "the state file cannot be written; see the log";
            add(State::Warning, text.to_string());
        }
        troubles
    }

    fn director(&self, add: &mut impl FnMut(State, String)) {
        let director = &self.document.director;
        let pool = director.kind.words();
        let lasts = self.now - director.since;
        let state = match lasts > PATIENCE {
            true => State::Critical,
            false => State::Warning,
        };
        if let Some(unanswered) = director.unanswered() {
            let cause = match unanswered {
                Unanswered::NotYet => "no list read yet",
                Unanswered::Reconnecting => "the connection has ended and is being opened anew",
                Unanswered::Failed(cause) => cause,
            };
            let cause = clean(cause, LONGEST);
            let text = format!("{} silent for {}: {cause}", pool.noun, lasting(lasts));
            add(state, text);
        } else if director.ring == Ring::Unsynced {
            let text = "so no backend is taken down or brought up";
            let text = format!("ring not synced for {}, {text}", lasting(lasts));
            add(state, text);
        }
        if self.document.lists_none() {
            add(State::Critical, pool.lists_none.to_owned());
        }
    }

    fn standing(&self, add: &mut impl FnMut(State, String)) {
        let tags = self.tags.iter().filter(|tag| tag.backends > 0);
        for tag in tags.map(|tag| self.document.serving(tag)) {
            let which = self.document.which(&tag.tag, clean_tag);
            match tag.refuges {
                0 => add(
                    State::Critical,
                    format!("no backend{which} stands: nobody could take the users of another"),
                ),
                // A single one is what its administrator wanted.
                1 if tag.backends > 1 => add(
                    State::Critical,
                    format!("only 1 of {} backends{which} stands", tag.backends),
                ),
                _ => {}
            }
        }
        let (stand, all) = (self.stand(), self.backends.len());
        let is_over =
            |range: Option<Range>| range.filter(|range| range.of(all).alerts(stand as f64));
        for (state, range) in [
            (State::Critical, is_over(self.limits.critical)),
            (State::Warning, is_over(self.limits.warning)),
        ] {
            if let Some(range) = range {
                let share = match range.is_a_share() {
                    true => format!(" ({} %)", 100 * stand / all.max(1)),
                    false => String::new(),
                };
                add(
                    state,
                    format!("{stand} of {all} backends stand{share}, limit {range}"),
                );
                return;
            }
        }
    }

    fn failed_and_up(&self, add: &mut impl FnMut(State, String)) {
        let failed: Vec<&Backend> = self
            .of_all(|backend| backend.listed == Listed::Up && backend.verdict == Verdict::Failed);
        if failed.is_empty() {
            return;
        }
        let is_for_long = |backend: &&Backend| {
            let since = backend.verdict_since.unwrap_or(self.now);
            is_its_own_fault(backend) && self.now - since > PATIENCE
        };
        let state = match failed.iter().any(is_for_long) {
            true => State::Critical,
            false => State::Warning,
        };
        let number = counted(failed.len(), "failed backend");
        let stay = by_number(failed.len(), "stays", "stay");
        add(state, format!("{number} {stay} up: {}", self.some(&failed)));
    }

    fn down(&self, add: &mut impl FnMut(State, String)) {
        let down = self.of_all(|backend| backend.listed == Listed::Down);
        // What an administrator took down, and nothing else, is as it was wanted.
        let is_trouble = |backend: &&Backend| {
            backend.by == By::Us
                || backend.verdict == Verdict::Failed
                || backend.drain == Drain::Owed
        };
        if self.limits.warning.is_none() && down.iter().any(is_trouble) {
            let all = self.backends.len();
            let text = format!(
                "{} of {all} backends down: {}",
                down.len(),
                self.some(&down)
            );
            add(State::Warning, text);
        }
    }

    fn certificates(&self, add: &mut impl FnMut(State, String)) {
        let mut ends: Vec<(f64, &Backend, &str)> = Vec::new();
        for backend in &self.backends {
            for service in &backend.services {
                if let Some(certificate) = &service.certificate {
                    let days = self.days(end(certificate));
                    ends.push((days, backend, &service.service));
                }
            }
        }
        ends.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (state, range) in [
            (State::Critical, self.limits.critical_cert),
            (State::Warning, self.limits.warning_cert),
        ] {
            let over: Vec<_> = ends
                .iter()
                .filter(|(days, ..)| range.alerts(*days))
                .collect();
            if let Some((days, backend, service)) = over.first() {
                let when = match *days < 0.0 {
                    true => format!("expired {} ago", lasting(-days * DAY)),
                    false => format!("expires in {}", lasting(days * DAY)),
                };
                let more = match over.len() {
                    1 => String::new(),
                    number => format!(", and {} more", number - 1),
                };
                let service = clean(service, LONGEST);
                let address = backend.address;
                add(
                    state,
                    format!("certificate of {address} {service} {when}{more}"),
                );
                return;
            }
        }
    }

    /// How bad an alarm is; nothing if it has been told of already, or is about other backends.
    fn alarm(&self, name: &str, text: &str) -> Option<State> {
        let address = |backend: &Backend| backend.address.to_string();
        let these: Vec<String> = self.backends.iter().map(|one| address(one)).collect();
        let all: Vec<String> = self.document.backends.iter().map(address).collect();
        if self.limits.tag.is_some() && !explain::concerns(text, &these, &all) {
            return None;
        }
        match name {
            "no_backend" | "ring_unsynced" | "director_silent" | "state_file_unwritable" => None,
            "no_refuge" | "without_service" => Some(State::Critical),
            // Nobody is watched, whatever the list has.
            "malformed_lines" if self.document.backends.is_empty() => Some(State::Critical),
            _ => Some(State::Warning),
        }
    }
}

/// Whether one of its services fails by its own fault, and not by one that it may share with others.
fn is_its_own_fault(backend: &Backend) -> bool {
    let fails = |service: &Service| {
        let failure = service
            .failure
            .as_ref()
            .and_then(|dialogue| dialogue.failure.as_ref());
        let blame = failure.map(|failure| failure.blame);
        service.result == CheckResult::Fail && blame == Some(Blame::Service)
    };
    backend.services.iter().any(fails)
}
