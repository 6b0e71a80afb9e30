//! One round of a schedule: how far it has come, and what it has shown.
//!
//! It knows nothing of rise and fall, of the pause between rounds, and of the rounds before.

use std::time::{Duration, Instant};

use super::rapid::Burst;
use super::retries::Trying;
use super::{Depth, Verdict};
use crate::config::settings::Plan;
use crate::outcome::{Blame, Failure, Pass};

/// Every service once, in the order of the settings, until one has failed for good.
#[derive(Debug)]
pub(super) struct Round {
    /// When it was to begin.
    pub(super) due: Instant,
    /// None until the first whole attempt has ended.
    pub(super) began: Option<Instant>,
    pub(super) depth: Depth,
    pub(super) service: usize,
    /// The service that it began with, and at which it is over.
    first: usize,
    pub(super) not_before: Instant,
    /// The worst that the services passed so far had to remark; none before one has passed.
    pub(super) pass: Option<Pass>,
    /// The first service that has failed for good by a shared fault. The round goes on: such a fault
    /// may be everybody's, and the other services are to be judged all the same.
    pub(super) shared: Option<(usize, Failure)>,
    /// A service has failed by a shared fault that is not known there.
    pub(super) is_worse: bool,
    /// When the latest failed attempt began.
    pub(super) missed: Option<Instant>,
    /// A service has failed, though not for good, and the round goes on: it cannot be healthy any more.
    /// With retries only where a local fault kept the retries from deciding.
    pub(super) undecided: bool,
    pub(super) course: Course,
}

/// How the service being tried has done so far.
#[derive(Debug)]
pub(super) enum Course {
    Retries(Trying),
    Rapid(Burst),
}

/// A failed attempt, and whether its failure is nothing new.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed<'a> {
    pub(super) failure: &'a Failure,
    pub(super) known: bool,
}

impl Failed<'_> {
    pub(super) fn blame(&self) -> Blame {
        self.failure.fault.blame()
    }
}

/// What an attempt leads to in its round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The same service is tried again, so long after this attempt.
    Again {
        after: Duration,
    },
    NextService,
    /// The service meets lasting faults of this machine: the round goes on without it.
    LeaveOut,
    /// The service has failed for good.
    Failed,
}

/// What a round has shown.
pub(super) enum Shown {
    Verdict(Verdict),
    /// A service failed, and not for good: neither healthy nor failed.
    Neither,
    /// Every service was left out.
    Nothing,
}

impl Course {
    pub(super) fn new(plan: &Plan) -> Course {
        match plan {
            Plan::Retries(_) => Course::Retries(Trying::default()),
            Plan::Rapid(_) => Course::Rapid(Burst::default()),
        }
    }
}

impl Round {
    pub(super) fn new(due: Instant, plan: &Plan) -> Round {
        Round {
            due,
            began: None,
            depth: Depth::Whole,
            service: 0,
            first: 0,
            not_before: due,
            pass: None,
            shared: None,
            is_worse: false,
            missed: None,
            undecided: false,
            course: Course::new(plan),
        }
    }

    /// As far as the greeting at each service.
    pub(super) fn to_the_greeting(due: Instant, plan: &Plan) -> Round {
        Round {
            depth: Depth::Greeting,
            ..Round::new(due, plan)
        }
    }

    /// A service has not even greeted: with this attempt begins a whole round of all services. What has greeted
    /// in this round so far shows nothing about its login, and has its turn at the end.
    pub(super) fn become_whole(&mut self) {
        self.depth = Depth::Whole;
        self.first = self.service;
    }

    /// The next service has its turn; whether there is one left.
    pub(super) fn advance(&mut self, services: usize) -> bool {
        self.service = (self.service + 1) % services;
        self.service != self.first
    }

    pub(super) fn on_pass(&mut self, pass: Pass) {
        if self.pass.is_none() || pass != Pass::Clean {
            self.pass = Some(pass);
        }
    }

    /// The service being tried says nothing in this round, whatever has been tried of it.
    pub(super) fn on_left_out(&mut self) {
        if let Course::Retries(trying) = &self.course {
            self.undecided |= trying.has_failed();
        }
    }

    /// Every service has had its turn.
    pub(super) fn shown(&mut self) -> Shown {
        match (self.shared.take(), self.pass) {
            (Some((service, failure)), _) => Shown::Verdict(Verdict::Failed { service, failure }),
            (None, _) if self.undecided => Shown::Neither,
            (None, Some(pass)) => Shown::Verdict(Verdict::Healthy(pass)),
            (None, None) => Shown::Nothing,
        }
    }
}
