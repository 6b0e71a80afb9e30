//! What the probes have found out about one backend, with the times that the rules compare.
//!
//! It remembers; it judges nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use crate::outcome::{Blame, Outcome};
use crate::schedule::{Finding, Verdict};

#[derive(Clone, Debug, Default)]
pub struct Evidence {
    verdict: Option<Verdict>,
    age: Age,
    /// When the verdict became `Failed`, while it is.
    failed_since: Option<Instant>,
    /// When the verdict became `Healthy`, while it is.
    healthy_since: Option<Instant>,
    doubt: Option<Doubt>,
    /// The services that have failed and not passed since, and when the first such attempt ended.
    failing: Vec<(usize, Instant)>,
    healthy: Option<HealthyRound>,
}

/// Whether a verdict is of the services that are checked now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    #[default]
    OfTheseServices,
    /// The place of a service in it says nothing any more.
    OfFormerServices,
}

/// The time since the first failed attempt that no healthy round has followed yet. Where every service
/// has passed since without a round that was healthy as a whole, it begins anew with the next failure:
/// what others have passed by then says nothing about that one.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// When the first failed attempt ended.
    pub since: Instant,
    /// When the latest failed attempt began.
    pub latest_failure: Instant,
    /// Other backends that have been found healthy by a round begun since, and when the first such
    /// round of each ended: the first few, and whoever was asked after that.
    pub refuges: BTreeMap<IpAddr, Instant>,
}

/// The latest round in which every service passed that could be checked from this machine. Those that
/// were left out for its faults have not passed; what passes a service is told attempt by attempt.
#[derive(Clone, Copy, Debug)]
pub struct HealthyRound {
    pub began: Instant,
    pub ended: Instant,
}

impl Doubt {
    /// With so many refuges, others are only taken when one has been looked for: among thousands of
    /// backends, all refuges of all would not fit into memory.
    const ENOUGH: usize = 4;

    pub(super) fn has_enough(&self) -> bool {
        self.refuges.len() >= Doubt::ENOUGH
    }
}

impl Evidence {
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    pub fn age(&self) -> Age {
        self.age
    }

    pub fn failed_since(&self) -> Option<Instant> {
        self.failed_since
    }

    pub fn healthy_since(&self) -> Option<Instant> {
        self.healthy_since
    }

    pub fn doubt(&self) -> Option<&Doubt> {
        self.doubt.as_ref()
    }

    /// Since when this service has failed without a pass in between.
    pub fn failing_since(&self, service: usize) -> Option<Instant> {
        let failing = self.failing.iter().find(|(other, _)| *other == service);
        failing.map(|(_, since)| *since)
    }

    pub fn healthy_round(&self) -> Option<HealthyRound> {
        self.healthy
    }

    /// Whether nothing speaks against the backend: it may be untried, or its last round was healthy.
    pub fn is_clear(&self) -> bool {
        self.doubt.is_none()
    }

    /// Whether its last round was healthy and nothing has failed since.
    pub fn is_healthy(&self) -> bool {
        self.is_clear() && matches!(self.verdict, Some(Verdict::Healthy(_)))
    }

    pub(super) fn on_finding(&mut self, finding: &Finding) {
        let outcome = &finding.outcome;
        match &outcome.result {
            Ok(_) => self
                .failing
                .retain(|(service, _)| *service != finding.service),
            Err(failure) if failure.fault.blame() == Blame::Local => {}
            Err(_) => self.on_failure(finding.service, outcome),
        }
        if let Some(verdict) = &finding.verdict {
            match verdict {
                Verdict::Healthy(_) => {
                    self.doubt = None;
                    self.failing.clear();
                    self.failed_since = None;
                    self.healthy_since.get_or_insert(finding.round_began);
                    self.healthy = Some(HealthyRound {
                        began: finding.round_began,
                        ended: outcome.ended(),
                    });
                }
                Verdict::Failed { .. } => {
                    self.healthy_since = None;
                    self.failed_since.get_or_insert(outcome.ended());
                }
            }
            self.verdict = Some(verdict.clone());
            self.age = Age::OfTheseServices;
        }
    }

    fn on_failure(&mut self, service: usize, outcome: &Outcome) {
        match &mut self.doubt {
            Some(doubt) if !self.failing.is_empty() => doubt.latest_failure = outcome.began,
            doubt => {
                *doubt = Some(Doubt {
                    since: outcome.ended(),
                    latest_failure: outcome.began,
                    refuges: BTreeMap::new(),
                })
            }
        }
        if self.failing_since(service).is_none() {
            self.failing.push((service, outcome.ended()));
        }
    }

    pub(super) fn on_other_services(&mut self) {
        self.failing.clear();
        self.age = Age::OfFormerServices;
    }

    pub(super) fn on_healthy_round_elsewhere(&mut self, other: IpAddr, round: HealthyRound) {
        if let Some(doubt) = &mut self.doubt {
            if round.began >= doubt.since {
                doubt.refuges.entry(other).or_insert(round.ended);
            }
        }
    }
}
