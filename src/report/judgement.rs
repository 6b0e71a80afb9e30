//! How bad it is: of one backend, for the order of the table, and of all, for exit codes.
//!
//! It judges a document as a person would who has to decide whether to look. What is done about a backend
//! is the engine's business.

use super::document::{
    Answer, Backend, CheckResult, Document, Drain, Ring, RuleAnswer, State, Time, Verdict,
};
use crate::app::reading::Freshness;

/// What is wrong with a backend, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// Users are sent to it, and it has failed.
    FailedAndUp,
    /// It is down, and users are still on it.
    UsersLeft,
    FailedAndDown,
    /// It is down, and this monitor does not say that it has failed.
    DownOnly,
    Doubtful,
    /// A service cannot be checked from here, or its certificate is refused or ends soon.
    Impaired,
    /// Not judged yet.
    Unknown,
    NotChecked,
    None,
}

/// A certificate that ends within so many seconds is worth a line.
const SOON: f64 = 14.0 * 86_400.0;

impl Trouble {
    pub(crate) fn of(backend: &Backend, now: Time) -> Trouble {
        match (backend.listed, backend.verdict) {
            (State::Up, Verdict::Failed) => Trouble::FailedAndUp,
            (State::Down, _) if backend.drain == Drain::Owed => Trouble::UsersLeft,
            (State::Down, Verdict::Failed) => Trouble::FailedAndDown,
            (State::Down, _) => Trouble::DownOnly,
            (State::Up, Verdict::Doubtful) => Trouble::Doubtful,
            (State::Up, _) if is_impaired(backend, now) => Trouble::Impaired,
            (State::Up, Verdict::Unknown) => Trouble::Unknown,
            (State::Up, Verdict::NotChecked) => Trouble::NotChecked,
            (State::Up, Verdict::Healthy) => Trouble::None,
        }
    }

    /// Whether it is worth a line that says why.
    pub(crate) fn needs_words(self) -> bool {
        self < Trouble::Unknown
    }
}

fn is_impaired(backend: &Backend, now: Time) -> bool {
    backend.services.iter().any(|service| {
        service.unchecked.is_some()
            || service.result == CheckResult::Fail
            || certificate_trouble(service, now)
    }) || holding(backend).is_some()
}

/// Whether the certificate was refused or ends soon.
pub(crate) fn certificate_trouble(service: &super::document::Service, now: Time) -> bool {
    service.certificate.as_ref().map_or(false, |certificate| {
        !certificate.accepted || certificate.not_after.min(certificate.chain_not_after) < now + SOON
    })
}

/// The rule that holds the wanted action back, if one does.
pub(crate) fn holding(backend: &Backend) -> Option<&RuleAnswer> {
    let rules = &backend.wanted.as_ref()?.rules;
    rules.iter().find(|rule| rule.answer == Answer::Holds)
}

/// How all stands, in the order of Nagios' exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    Good,
    Warning,
    Critical,
}

/// A director that is silent, or a ring that is not synced, for longer than this is critical.
const BEARABLE: f64 = 60.0;

/// Critical: nobody watches (the document is stale), nothing can be done (the director is silent, or the
/// ring has not been synced for a minute), or nobody of a tag could take over. A warning: anything else that
/// a person should look at.
pub(crate) fn health(document: &Document, freshness: Freshness, now: Time) -> Health {
    let director = &document.director;
    let is_hindered = !director.up || director.ring == Ring::Unsynced;
    let for_long = now - director.since > BEARABLE;
    let no_refuge = document
        .tags
        .iter()
        .any(|tag| tag.backends > 0 && tag.refuges == 0);
    if freshness != Freshness::Fresh || (is_hindered && for_long) || no_refuge {
        return Health::Critical;
    }
    let troubled = document
        .backends
        .iter()
        .any(|backend| Trouble::of(backend, now).needs_words());
    match is_hindered || troubled || !document.alarms.is_empty() {
        true => Health::Warning,
        false => Health::Good,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::document::sample::{self, WRITTEN};

    fn all_well() -> Document {
        let mut document = sample::five_troubles();
        document.director.ring = Ring::Synced;
        document.alarms.clear();
        document.backends.drain(..4);
        document.tags.truncate(1);
        document
    }

    #[test]
    fn the_five_troubles_are_told_apart() {
        let document = sample::five_troubles();
        let found: Vec<Trouble> = document
            .backends
            .iter()
            .map(|backend| Trouble::of(backend, WRITTEN))
            .collect();
        assert_eq!(
            found,
            [
                Trouble::FailedAndDown,
                Trouble::FailedAndUp,
                Trouble::UsersLeft,
                Trouble::FailedAndUp,
                Trouble::None
            ]
        );
    }

    #[test]
    fn a_certificate_that_ends_soon_or_was_refused_impairs() {
        let mut backend = all_well().backends.remove(0);
        let end = backend.services[1].certificate.as_ref().unwrap().not_after;
        let at = |backend: &Backend, days: f64| Trouble::of(backend, end - days * 86_400.0);
        assert_eq!(at(&backend, 14.5), Trouble::None);
        assert_eq!(at(&backend, 13.5), Trouble::Impaired);
        backend.services[1].certificate.as_mut().unwrap().accepted = false;
        assert_eq!(at(&backend, 14.5), Trouble::Impaired);
    }

    #[test]
    fn health_is_what_a_person_should_know() {
        let fresh = |document: &Document| health(document, Freshness::Fresh, WRITTEN);
        let document = all_well();
        assert_eq!(fresh(&document), Health::Good);
        let stale = Freshness::Ended(Duration::from_secs(1));
        assert_eq!(health(&document, stale, WRITTEN), Health::Critical);

        let mut unsynced = all_well();
        unsynced.director.ring = Ring::Unsynced;
        unsynced.director.since = WRITTEN - 60.0;
        assert_eq!(fresh(&unsynced), Health::Warning);
        unsynced.director.since = WRITTEN - 61.0;
        assert_eq!(fresh(&unsynced), Health::Critical);

        let mut silent = all_well();
        silent.director.up = false;
        silent.director.since = WRITTEN - 61.0;
        assert_eq!(fresh(&silent), Health::Critical);

        let mut alone = all_well();
        alone.tags[0].refuges = 0;
        assert_eq!(fresh(&alone), Health::Critical);

        let mut down = all_well();
        down.backends[0].listed = State::Down;
        assert_eq!(fresh(&down), Health::Warning);
        let mut alarmed = all_well();
        alarmed.alarms = sample::five_troubles().alarms;
        assert_eq!(fresh(&alarmed), Health::Warning);
    }
}
