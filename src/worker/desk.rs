//! Where the workers' findings lie until they are taken, and which of them are worth waking anybody.
//!
//! It keeps their order. What a finding means for the backend is not its business.

use std::time::Instant;

use crossbeam_channel::{bounded, unbounded, Receiver, Sender};

use super::{Ended, Report};
use crate::outcome::Blame;
use crate::schedule::{Finding, Verdict};

/// So many reports are worth waking somebody, whatever they say: they take memory.
const MOST_UNREAD: usize = 256;

/// Where the workers' reports come in, in the order of sending.
///
/// Only news rings the bell, or many reports: who waits for it sleeps through the healthy rounds of
/// healthy backends, which come in with the next news or when it looks for another reason.
pub struct Desk {
    reports: Receiver<Report>,
    bell: Receiver<()>,
    ended: Receiver<Ended>,
    slot: Slot,
}

/// A worker's side of the desk.
#[derive(Clone)]
pub struct Slot {
    reports: Sender<Report>,
    bell: Sender<()>,
    ended: Sender<Ended>,
}

impl Desk {
    pub fn new() -> Desk {
        let (sender, reports) = unbounded();
        // Rung twice is rung once.
        let (ringer, bell) = bounded(1);
        let (last_word, ended) = unbounded();
        let slot = Slot {
            reports: sender,
            bell: ringer,
            ended: last_word,
        };
        Desk {
            reports,
            bell,
            ended,
            slot,
        }
    }

    pub fn slot(&self) -> Slot {
        self.slot.clone()
    }

    /// Receives once for all reports that lie here.
    pub fn bell(&self) -> &Receiver<()> {
        &self.bell
    }

    /// The workers that have ended by a defect.
    pub fn ended(&self) -> &Receiver<Ended> {
        &self.ended
    }

    /// The reports that lie here.
    pub fn reports(&self) -> impl Iterator<Item = Report> + '_ {
        self.reports.try_iter()
    }
}

impl Default for Desk {
    fn default() -> Desk {
        Desk::new()
    }
}

impl Slot {
    /// False when the desk is gone.
    pub(super) fn put(&self, report: Report, urgency: Urgency) -> bool {
        if self.reports.send(report).is_err() {
            return false;
        }
        if urgency == Urgency::News || self.reports.len() >= MOST_UNREAD {
            // A bell that is ringing needs no second stroke.
            let _ = self.bell.try_send(());
        }
        true
    }

    /// Rings too, for those who wait for reports alone.
    pub(super) fn tell_ended(&self, ended: Ended) {
        let _ = self.ended.send(ended);
        let _ = self.bell.try_send(());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    News,
    /// As healthy as before, and nobody asked.
    Routine,
}

/// What tells news from routine.
#[derive(Default)]
pub(super) struct Routine {
    /// The last verdict, unless something has failed since.
    verdict: Option<Verdict>,
    /// Somebody waits for evidence younger than this.
    asked: Option<Instant>,
}

impl Routine {
    pub(super) fn on_asked(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    pub(super) fn urgency(&mut self, finding: &Finding) -> Urgency {
        let asked = self.asked.is_some();
        if let Err(failure) = &finding.outcome.result {
            // A round may end with a fault of this machine, and be healthy by the other services.
            if failure.fault.blame() != Blame::Local || finding.verdict.is_none() {
                self.verdict = None;
                return Urgency::News;
            }
            self.verdict = None;
        }
        let verdict = match &finding.verdict {
            Some(verdict) => verdict,
            None if asked || self.verdict.is_none() => return Urgency::News,
            None => return Urgency::Routine,
        };
        if self
            .asked
            .map_or(false, |asked| asked <= finding.round_began)
        {
            self.asked = None;
        }
        if !asked && self.verdict.as_ref() == Some(verdict) {
            return Urgency::Routine;
        }
        self.verdict = Some(verdict.clone());
        Urgency::News
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::{Failure, Fault, Outcome, Pass, Stage};

    /// What a worker comes to know, one after the other.
    enum Step {
        Asked,
        Passed,
        /// With the second in which the round began.
        Healthy(u64, Pass),
        Refused,
        Failed,
        /// A fault of this machine, and the verdict of the round that it ends.
        Local(u64, Option<Pass>),
    }

    fn check(steps: &[(Step, Option<Urgency>)]) {
        let start = Instant::now();
        let second = |second| start + Duration::from_secs(second);
        let refused = || Failure::new(Stage::Connect, Fault::Refused);
        let mut routine = Routine::default();
        for (number, (step, expected)) in steps.iter().enumerate() {
            let (began, result, verdict) = match step {
                Step::Asked => {
                    routine.on_asked(second(number as u64));
                    assert_eq!(*expected, None);
                    continue;
                }
                Step::Passed => (0, Ok(Pass::Clean), None),
                Step::Healthy(began, pass) => (*began, Ok(*pass), Some(Verdict::Healthy(*pass))),
                Step::Refused => (0, Err(refused()), None),
                Step::Local(began, pass) => {
                    let failure = Failure::new(Stage::Connect, Fault::Forbidden);
                    (*began, Err(failure), pass.map(Verdict::Healthy))
                }
                Step::Failed => {
                    let verdict = Verdict::Failed {
                        service: 0,
                        failure: refused(),
                    };
                    (0, Err(refused()), Some(verdict))
                }
            };
            let finding = Finding {
                round_began: second(began),
                service: 0,
                outcome: Outcome {
                    began: second(began),
                    latency: Duration::from_millis(1),
                    delivery: None,
                    logged_in: false,
                    result,
                },
                for_good: false,
                verdict,
            };
            assert_eq!(Some(routine.urgency(&finding)), *expected, "step {number}");
        }
    }

    const NEWS: Option<Urgency> = Some(Urgency::News);
    const ROUTINE: Option<Urgency> = Some(Urgency::Routine);

    #[test]
    fn only_a_healthy_round_after_a_healthy_round_is_routine() {
        check(&[
            (Step::Passed, NEWS),
            (Step::Healthy(0, Pass::Clean), NEWS),
            (Step::Passed, ROUTINE),
            (Step::Healthy(0, Pass::Clean), ROUTINE),
            (Step::Healthy(0, Pass::PlaintextDisabled), NEWS),
            (Step::Healthy(0, Pass::PlaintextDisabled), ROUTINE),
            (Step::Refused, NEWS),
            (Step::Healthy(0, Pass::PlaintextDisabled), NEWS),
            (Step::Healthy(0, Pass::PlaintextDisabled), ROUTINE),
            (Step::Failed, NEWS),
            (Step::Failed, NEWS),
            (Step::Healthy(0, Pass::Clean), NEWS),
        ]);
    }

    #[test]
    fn what_was_asked_for_is_news_until_a_round_begun_since_has_ended() {
        check(&[
            (Step::Healthy(0, Pass::Clean), NEWS),
            (Step::Asked, None),
            (Step::Healthy(0, Pass::Clean), NEWS),
            (Step::Passed, NEWS),
            (Step::Healthy(2, Pass::Clean), NEWS),
            (Step::Healthy(3, Pass::Clean), ROUTINE),
        ]);
    }

    #[test]
    fn a_fault_of_this_machine_is_news_and_may_end_the_round_that_was_asked_for() {
        let end = |began| Step::Local(began, Some(Pass::Clean));
        check(&[
            (Step::Passed, NEWS),
            (end(0), NEWS),
            (Step::Local(0, None), NEWS),
            (Step::Healthy(0, Pass::Clean), NEWS),
            (Step::Asked, None),
            (end(4), NEWS),
            (Step::Passed, ROUTINE),
            (end(6), NEWS),
            (Step::Healthy(7, Pass::Clean), ROUTINE),
        ]);
    }

    #[test]
    fn news_rings_and_routine_waits_in_its_place() {
        let desk = Desk::new();
        let slot = desk.slot();
        let put = |worker, urgency| {
            let now = Instant::now();
            let report = Report {
                address: [127, 0, 0, 1].into(),
                worker,
                finding: Finding {
                    round_began: now,
                    service: 0,
                    outcome: Outcome {
                        began: now,
                        latency: Duration::ZERO,
                        delivery: None,
                        logged_in: false,
                        result: Ok(Pass::Clean),
                    },
                    for_good: false,
                    verdict: None,
                },
                next: now,
            };
            assert!(slot.put(report, urgency));
        };
        put(1, Urgency::Routine);
        assert!(desk.bell().try_recv().is_err());
        put(2, Urgency::News);
        put(3, Urgency::News);
        put(4, Urgency::Routine);
        assert!(desk.bell().try_recv().is_ok());
        assert!(desk.bell().try_recv().is_err());
        let workers: Vec<u64> = desk.reports().map(|report| report.worker).collect();
        assert_eq!(workers, [1, 2, 3, 4]);
    }
}
