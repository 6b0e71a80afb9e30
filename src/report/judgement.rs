//! How bad it is of one backend: the order of the table and of the plugin's lines. How bad it is of all
//! is the plugin's business.
//!
//! It judges a document as a person would who has to decide whether to look. What is done about a backend
//! is the engine's business.

use super::document::{Backend, CheckResult, Drain, Span, State, Time, Verdict};

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
pub(crate) const SOON: Span = 14.0 * 86_400.0;

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
    }) || backend.held_by().is_some()
}

/// Whether the certificate was refused or ends soon.
pub(crate) fn certificate_trouble(service: &super::document::Service, now: Time) -> bool {
    service.certificate.as_ref().map_or(false, |certificate| {
        !certificate.accepted || certificate.not_after.min(certificate.chain_not_after) < now + SOON
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::sample::{self, WRITTEN};
    use crate::report::document::{Document, Ring};

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
}
