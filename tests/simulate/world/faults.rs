//! What can go wrong in the world, and what a probe finds then.

use std::time::Duration;

use poolmon::backend::HostState;
use poolmon::outcome::{Blame, Failure, Fault, Outcome, Pass, Stage};
use poolmon::policy::Login;
use poolmon::quote::Quote;

use super::World;
use crate::history::{Sight, What};
use crate::ring::Condition;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    Backend(usize, Health),
    Link(usize, usize, Link),
    /// The watcher's account, authority or test address is refused everywhere, or no longer.
    Account(usize, Account),
    Director(usize, Condition),
    Watcher(usize, Life),
    /// The watcher is killed at this moment of its next command, and started again 5 s later.
    KillAt(usize, Moment),
    /// An administrator tells this director about this backend.
    Admin(usize, usize, HostState),
    /// So many drains will leave users.
    Stubborn(usize, u32),
    UserMoved(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Healthy,
    Refusing,
    /// Accepts and never answers.
    Frozen,
    /// The last service hangs, the others answer.
    HalfFrozen,
}

/// The way from one watcher to one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Whole,
    Refused,
    Lost,
    /// One attempt of four is lost.
    Lossy,
    /// The watcher's own machine lets no attempt go out.
    Prohibited,
    /// None to the last service.
    HalfProhibited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    Accepted,
    Refused,
    /// On all backends that are probed as this one.
    RefusedAs(Login),
}

/// In the life of a changing command of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Written in the ledger, not sent.
    Recorded,
    Sent,
    Answered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Crash,
    /// Also of one that runs, which is then a restart.
    Start,
    StartWithoutLedger,
    /// Starts where it does not run.
    Resume,
}

impl World {
    pub(super) fn note_views(&mut self) {
        for watcher in 0..self.watchers.len() {
            for backend in 0..self.backends.len() {
                let services = 0..self.services;
                let all = services.filter_map(|s| self.fault(watcher, backend, s));
                let (local, mut faults): (Vec<_>, Vec<_>) =
                    all.partition(|(_, fault)| fault.blame() == Blame::Local);
                let nothing_seen = local.len() == self.services;
                let here = &self.watchers[watcher];
                // Where others pass as another user, it is nobody's to judge.
                let of_its_own = |(_, fault): &(_, Fault)| {
                    matches!(
                        (here.account, fault),
                        (Account::RefusedAs(_), Fault::CredentialsRefused(_))
                    )
                };
                let sight = match (here.links[backend], faults.pop()) {
                    _ if nothing_seen => Sight::Wavers,
                    (_, Some(fault)) if of_its_own(&fault) => Sight::Wavers,
                    (_, Some(_)) => Sight::Fails,
                    (Link::Lossy, None) => Sight::Wavers,
                    (_, None) => Sight::Passes,
                };
                if self.sees[watcher][backend] != sight {
                    self.sees[watcher][backend] = sight;
                    self.note(What::Sees {
                        watcher,
                        backend,
                        sight,
                    });
                }
            }
        }
    }

    /// What keeps a watcher from passing a service of a backend.
    pub(super) fn fault(
        &self,
        watcher: usize,
        backend: usize,
        service: usize,
    ) -> Option<(Stage, Fault)> {
        let here = &self.watchers[watcher];
        match here.links[backend] {
            Link::Refused => return Some((Stage::Connect, Fault::Refused)),
            Link::Lost => return Some((Stage::Connect, Fault::TimedOut)),
            Link::Prohibited => return Some((Stage::Connect, Fault::Forbidden)),
            Link::HalfProhibited if service + 1 == self.services => {
                return Some((Stage::Connect, Fault::Forbidden))
            }
            Link::Whole | Link::Lossy | Link::HalfProhibited => {}
        }
        match self.backends[backend] {
            Health::Refusing => return Some((Stage::Connect, Fault::Refused)),
            Health::Frozen => return Some((Stage::Greeting, Fault::TimedOut)),
            Health::HalfFrozen if service + 1 == self.services => {
                return Some((Stage::Login, Fault::TimedOut))
            }
            Health::HalfFrozen | Health::Healthy => {}
        }
        match here.account {
            Account::RefusedAs(login) if self.logins[backend] != Some(login) => None,
            Account::Accepted => None,
            Account::Refused | Account::RefusedAs(_) => {
                Some((Stage::Login, Fault::CredentialsRefused(Quote::new("no"))))
            }
        }
    }

    pub(super) fn attempt(
        &mut self,
        watcher: usize,
        backend: usize,
        service: usize,
        timeout: Duration,
    ) -> Outcome {
        let short = self.chance.milliseconds(1, 40);
        let is_lossy = self.watchers[watcher].links[backend] == Link::Lossy;
        let lost = (is_lossy && self.chance.one_in(4)).then_some((Stage::Connect, Fault::TimedOut));
        let (latency, result) = match lost.or_else(|| self.fault(watcher, backend, service)) {
            None => (short, Ok(Pass::Clean)),
            Some((stage, Fault::TimedOut)) => (timeout, Err(Failure::new(stage, Fault::TimedOut))),
            Some((stage, fault)) => (short, Err(Failure::new(stage, fault))),
        };
        Outcome {
            began: self.now,
            latency,
            delivery: None,
            result,
        }
    }
}
