//! What recorded attempts would have meant by another plan: how many retries, how many rounds in a row.
//!
//! The schedule itself judges them. It can only be told attempts that were made: one that it wants and that the
//! recording lacks is taken from the next that there is of this service, and one that it would not have made
//! is told it all the same. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::settings::Pace;
use crate::monitor::Report;
use crate::schedule::{Finding, Next, Schedule, Spread};

pub(super) struct Judge {
    pace: Pace,
    services: usize,
    schedules: BTreeMap<IpAddr, (u64, Schedule)>,
}

/// A pause that is over, a round that is asked for, the service at last.
const MOST_TRIES: usize = 3;

impl Judge {
    pub(super) fn new(pace: Pace, services: usize) -> Judge {
        Judge {
            // What was recorded are whole attempts.
            pace: Pace {
                login_interval: Duration::ZERO,
                ..pace
            },
            services,
            schedules: BTreeMap::new(),
        }
    }

    /// With the verdict that it would have had.
    pub(super) fn judge(&mut self, mut report: Report) -> Report {
        let outcome = report.finding.outcome.clone();
        let (pace, services) = (self.pace, self.services);
        let fresh = || {
            let schedule = Schedule::new(pace, services, Spread::new(0), outcome.began);
            (report.worker, schedule)
        };
        let known = self.schedules.entry(report.address).or_insert_with(fresh);
        if known.0 != report.worker {
            *known = fresh();
        }
        let schedule = &mut known.1;
        let mut now = outcome.began;
        let mut is_wanted = false;
        for _ in 0..MOST_TRIES {
            match schedule.next(now) {
                Next::Wait { until } => now = until,
                Next::Attempt { service, .. } => {
                    is_wanted = service == report.finding.service;
                    break;
                }
            }
        }
        report.finding = match is_wanted {
            true => schedule.on_outcome(outcome),
            false => Finding {
                for_good: false,
                verdict: None,
                ..report.finding
            },
        };
        report.next = schedule.next_attempt();
        report.retry = schedule.retry();
        report
    }
}
