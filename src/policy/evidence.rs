//! What the probes have found out about one backend, with the times that the rules compare.
//!
//! It remembers; it judges nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use crate::outcome::Blame;
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

/// The time since the first failed attempt that no healthy round has followed yet.
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

/// The latest round in which every service passed.
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
            Ok(_) => {}
            Err(failure) if failure.fault.blame() == Blame::Own => {}
            Err(_) => match &mut self.doubt {
                Some(doubt) => doubt.latest_failure = outcome.began,
                None => {
                    self.doubt = Some(Doubt {
                        since: outcome.ended(),
                        latest_failure: outcome.began,
                        refuges: BTreeMap::new(),
                    })
                }
            },
        }
        if let Some(verdict) = &finding.verdict {
            match verdict {
                Verdict::Healthy(_) => {
                    self.doubt = None;
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

    pub(super) fn on_other_services(&mut self) {
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
