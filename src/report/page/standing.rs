//! What a backend comes to at a look: one word, one letter, one colour, and its place in the order.

use crate::report::document::{Backend, By, Drain, PoolKind, State, Verdict};

/// The worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Standing {
    /// It has failed and is up: users meet it.
    FailedUp,
    /// It is down, and its users are still on it.
    DrainOwed,
    /// It has failed and is down.
    Down,
    /// Its last attempt failed.
    Doubtful,
    /// It is down and passes.
    DownHealthy,
    /// It is down, and nobody knows more.
    DownUnknown,
    /// It is up, and nothing is known of it yet.
    Unknown,
    /// A service of it cannot be checked from this machine.
    PartlyChecked,
    NotChecked,
    /// It is up and healthy, with a vhost count of 0.
    OutOfRotation,
    Well,
}

/// All, for the legend.
pub(super) const ALL: [Standing; 11] = [
    Standing::FailedUp,
    Standing::DrainOwed,
    Standing::Down,
    Standing::Doubtful,
    Standing::DownHealthy,
    Standing::DownUnknown,
    Standing::Unknown,
    Standing::PartlyChecked,
    Standing::NotChecked,
    Standing::OutOfRotation,
    Standing::Well,
];

/// The colour of a badge; its letter says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Bad,
    Doubtful,
    Neutral,
    Well,
}

impl Tone {
    /// The class of the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Tone::Bad => "x",
            Tone::Doubtful => "w",
            Tone::Neutral => "n",
            Tone::Well => "u",
        }
    }
}

impl Standing {
    pub(super) fn of(backend: &Backend) -> Standing {
        match (backend.listed, backend.verdict) {
            (State::Up, Verdict::Failed) => Standing::FailedUp,
            (State::Down, _) if backend.drain == Drain::Owed => Standing::DrainOwed,
            (State::Down, Verdict::Failed | Verdict::Doubtful) => Standing::Down,
            (State::Down, Verdict::Healthy) => Standing::DownHealthy,
            (State::Down, Verdict::Unknown | Verdict::NotChecked) => Standing::DownUnknown,
            (State::Up, Verdict::Doubtful) => Standing::Doubtful,
            (State::Up, Verdict::Unknown) => Standing::Unknown,
            (State::Up, Verdict::NotChecked) => Standing::NotChecked,
            (State::Up, Verdict::Healthy) => {
                if has_unchecked(backend) {
                    Standing::PartlyChecked
                } else if backend.vhosts == 0 {
                    Standing::OutOfRotation
                } else {
                    Standing::Well
                }
            }
        }
    }

    pub(super) fn letter(self) -> &'static str {
        match self {
            Standing::FailedUp => "F",
            Standing::DrainOwed => "M",
            Standing::Down => "D",
            Standing::Doubtful => "?",
            Standing::DownHealthy => "H",
            Standing::DownUnknown => "O",
            Standing::Unknown => "-",
            Standing::PartlyChecked => "!",
            Standing::NotChecked => "N",
            Standing::OutOfRotation => "0",
            Standing::Well => "U",
        }
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Standing::FailedUp | Standing::DrainOwed | Standing::Down => Tone::Bad,
            Standing::Doubtful | Standing::DownHealthy | Standing::DownUnknown => Tone::Doubtful,
            Standing::Unknown
            | Standing::PartlyChecked
            | Standing::NotChecked
            | Standing::OutOfRotation => Tone::Neutral,
            Standing::Well => Tone::Well,
        }
    }

    pub(super) fn words(self, kind: PoolKind) -> &'static str {
        match self {
            Standing::FailedUp => "failed, still up",
            Standing::DrainOwed => "down, users on it",
            Standing::Down => "failed, down",
            Standing::Doubtful => "up, being tried again",
            Standing::DownHealthy => "healthy, still down",
            Standing::DownUnknown => "down",
            Standing::Unknown => "up, not judged yet",
            Standing::PartlyChecked => "up, partly checked",
            Standing::NotChecked => "up, not checked",
            Standing::OutOfRotation => match kind {
                PoolKind::Director => "up, takes no users",
                PoolKind::Haproxy => "up, not in all sections",
            },
            Standing::Well => "up, healthy",
        }
    }

    pub(super) fn meaning(self, kind: PoolKind) -> &'static str {
        match (self, kind) {
            (Standing::FailedUp, PoolKind::Haproxy) => {
                return "HAProxy still sends users to a server that has failed: a rule holds its down, \
                        or it is being carried out."
            }
            (Standing::Down, PoolKind::Haproxy) => {
                return "It has failed and HAProxy sends nobody there."
            }
            (Standing::OutOfRotation, PoolKind::Haproxy) => {
                return "HAProxy sends it no new users in one of its sections: it is held there, down by \
                        HAProxy's own check, or its weight is 0."
            }
            _ => {}
        }
        match self {
            Standing::FailedUp => {
                "The director still sends users to a backend that has failed: a rule holds its down, \
                 or it is being carried out."
            }
            Standing::DrainOwed => {
                "It is down, and its users have still to be moved to other backends."
            }
            Standing::Down => "It has failed and the director sends nobody there.",
            Standing::Doubtful => {
                "Its last attempt failed. It is tried again a few times before it has failed."
            }
            Standing::DownHealthy => {
                "It passes its checks and is down: it comes up soon, or a rule holds that, or somebody \
                 else took it down."
            }
            Standing::DownUnknown => "It is down, and no check says how it is.",
            Standing::Unknown => "No round of checks is over yet.",
            Standing::PartlyChecked => {
                "It passes, but a service of it cannot be checked from this machine."
            }
            Standing::NotChecked => "The accounts file does not name it.",
            Standing::OutOfRotation => "Its vhost count is 0: it keeps its users and gets no new ones.",
            Standing::Well => "It takes users and passes its checks.",
        }
    }
}

fn has_unchecked(backend: &Backend) -> bool {
    backend
        .services
        .iter()
        .any(|service| service.unchecked.is_some())
}

/// `up`, `DOWN by us`.
pub(super) fn listed(backend: &Backend) -> &'static str {
    match (backend.listed, backend.by) {
        (State::Up, _) => "up",
        (State::Down, By::Us) => "DOWN by us",
        (State::Down, By::Other) => "DOWN by somebody else",
        (State::Down, By::Unknown) => "DOWN",
    }
}

pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "healthy",
        Verdict::Doubtful => "doubtful",
        Verdict::Failed => "failed",
        Verdict::Unknown => "not judged yet",
        Verdict::NotChecked => "not checked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::sample;

    #[test]
    fn each_trouble_has_its_standing() {
        let standings: Vec<Standing> = sample::five_troubles()
            .backends
            .iter()
            .map(Standing::of)
            .collect();
        assert_eq!(
            standings,
            [
                Standing::Down,
                Standing::FailedUp,
                Standing::DrainOwed,
                Standing::FailedUp,
                Standing::Well
            ]
        );
    }

    #[test]
    fn each_is_known_without_its_colour() {
        let kinds = [PoolKind::Director, PoolKind::Haproxy];
        for (one, kind) in ALL.iter().flat_map(|one| kinds.map(|kind| (*one, kind))) {
            for other in ALL {
                assert!(one == other || one.letter() != other.letter());
                assert!(one == other || one.words(kind) != other.words(kind));
            }
        }
    }

    #[test]
    fn the_legend_has_all_in_their_order() {
        let mut sorted = ALL;
        sorted.sort();
        assert_eq!(sorted, ALL);
        assert_eq!(ALL.len(), Standing::Well as usize + 1);
    }
}
