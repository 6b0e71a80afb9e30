//! What is kept of each backend for the published files: how its services have done, the last day, changes of
//! the list, and since when it stands as it does.
//!
//! It is small where no file is published. Nothing is decided by it. Pure; it knows no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempts::Attempts;
use super::day::{self, Day};
use super::list_changes::ListChanges;
use super::policy::By;
use super::snapshot::{DayView, Standing, UnwellView, SLOT};
use super::unwell::Unwell;
use crate::backend::HostState;
use crate::schedule::Finding;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// No file is published: standing and changes alone.
    Little,
    Everything,
}

#[derive(Debug)]
pub(super) struct Records {
    start: Instant,
    keeping: Keeping,
    of: BTreeMap<IpAddr, Record>,
}

#[derive(Debug, Default)]
pub(super) struct Record {
    /// The worker that found out what is kept of the services.
    worker: u64,
    attempts: Vec<Attempts>,
    day: Day,
    pub(super) changes: ListChanges,
    unwell: Unwell,
    standing: Option<(Standing, Instant)>,
}

impl Records {
    pub(super) fn new(start: Instant, keeping: Keeping) -> Records {
        Records {
            start,
            keeping,
            of: BTreeMap::new(),
        }
    }

    /// From now on so much is kept; what is too much is forgotten.
    pub(super) fn keep(&mut self, keeping: Keeping) {
        self.keeping = keeping;
        if keeping == Keeping::Little {
            for record in self.of.values_mut() {
                record.attempts = Vec::new();
                record.day = Day::default();
                record.unwell = Unwell::default();
            }
        }
    }

    pub(super) fn keeping(&self) -> Keeping {
        self.keeping
    }

    /// Whether it is kept how services have done.
    pub(super) fn keeps_services(&self) -> bool {
        self.keeping == Keeping::Everything
    }

    /// With the number of the worker that found it: another number means other services.
    pub(super) fn on_finding(&mut self, address: IpAddr, worker: u64, finding: &Finding) {
        if self.keeping == Keeping::Little {
            return;
        }
        let outcome = &finding.outcome;
        let slot = day::number(outcome.ended().saturating_duration_since(self.start));
        let record = self.of.entry(address).or_default();
        if record.worker != worker {
            record.worker = worker;
            record.attempts.clear();
        }
        if record.attempts.len() <= finding.service {
            record
                .attempts
                .resize_with(finding.service + 1, Attempts::default);
        }
        record.attempts[finding.service].on_outcome(outcome);
        record.day.on_outcome(outcome, slot);
    }

    /// A dry run has ended. Its imagined changes are not marked among the real ones, so all of them are forgotten.
    pub(super) fn on_dry_run_ended(&mut self, address: IpAddr) {
        if let Some(record) = self.of.get_mut(&address) {
            record.changes = ListChanges::default();
        }
    }

    /// It stands so since this time, unless it did before.
    pub(super) fn on_standing(&mut self, address: IpAddr, standing: Standing, since: Instant) {
        let record = self.of.entry(address).or_default();
        match record.standing {
            Some((before, _)) if before == standing => {}
            _ => {
                record.standing = Some((standing, since));
                if self.keeping == Keeping::Everything {
                    record.unwell.on_standing(standing, since);
                }
            }
        }
    }

    pub(super) fn on_decided(&mut self, address: IpAddr, to: HostState, reason: Arc<str>) {
        let record = self.of.entry(address).or_default();
        record.changes.on_decided(to, reason);
    }

    /// Why our last command was decided on, if it was to bring this state about.
    pub(super) fn intended(&self, address: IpAddr, to: HostState) -> Option<String> {
        let changes = &self.of.get(&address)?.changes;
        changes.intended(to).map(str::to_owned)
    }

    pub(super) fn on_change(&mut self, address: IpAddr, to: HostState, by: By, now: Instant) {
        let record = self.of.entry(address).or_default();
        record.changes.on_change(to, by, now);
    }

    /// It is not probed any more.
    pub(super) fn on_unwatched(&mut self, address: IpAddr) {
        if let Some(record) = self.of.get_mut(&address) {
            record.attempts = Vec::new();
        }
    }

    /// It has left the list.
    pub(super) fn forget(&mut self, address: IpAddr) {
        self.of.remove(&address);
    }

    pub(super) fn of(&self, address: IpAddr) -> Option<&Record> {
        self.of.get(&address)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (IpAddr, &Record)> {
        self.of.iter().map(|(address, record)| (*address, record))
    }

    /// The day of one backend up to now.
    pub(super) fn day(&self, address: IpAddr, now: Instant) -> Option<DayView> {
        if self.keeping == Keeping::Little {
            return None;
        }
        let runs_for = now.saturating_duration_since(self.start);
        let (slots, first) = self.of.get(&address)?.day.up_to(day::number(runs_for));
        Some(DayView {
            began: runs_for.saturating_sub(SLOT.saturating_mul(first)),
            every: SLOT,
            slots,
        })
    }
}

impl Record {
    /// In the order of the services; those beyond have not been tried yet.
    pub(super) fn attempts(&self, service: usize) -> Option<&Attempts> {
        self.attempts.get(service)
    }

    /// When it was in doubt or had failed, within the last day.
    pub(super) fn unwell(&self, now: Instant) -> Vec<UnwellView> {
        self.unwell.of_the_day(now)
    }

    /// For how long it has stood so, if that is known.
    pub(super) fn stands_for(&self, standing: Standing, now: Instant) -> Option<Duration> {
        match self.standing {
            Some((known, since)) if known == standing => Some(now.saturating_duration_since(since)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Outcome, Pass};

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn finding(began: Instant, service: usize) -> Finding {
        Finding {
            round_began: began,
            service,
            outcome: Outcome::new(began, Duration::from_micros(20), Ok(Pass::Clean)),
            for_good: false,
            verdict: None,
        }
    }

    fn passes(records: &Records, service: usize) -> Option<u64> {
        Some(records.of(ADDRESS)?.attempts(service)?.passes())
    }

    #[test]
    fn what_another_worker_found_of_other_services_is_forgotten_and_the_day_is_not() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut records = Records::new(start, Keeping::Everything);
        records.on_finding(ADDRESS, 1, &finding(at(1), 1));
        assert_eq!(
            (passes(&records, 0), passes(&records, 1)),
            (Some(0), Some(1))
        );
        let tried_since = |records: &Records, service| {
            let attempts = records.of(ADDRESS).unwrap().attempts(service);
            attempts.and_then(Attempts::first)
        };
        assert_eq!(tried_since(&records, 1), Some(at(1)));
        records.on_finding(ADDRESS, 2, &finding(at(1900), 0));
        records.on_finding(ADDRESS, 2, &finding(at(1900), 0));
        assert_eq!(tried_since(&records, 0), Some(at(1900)));
        assert_eq!((passes(&records, 0), passes(&records, 1)), (Some(2), None));
        let day = records.day(ADDRESS, at(2000)).unwrap();
        let in_slots: Vec<u16> = day.slots.iter().map(|slot| slot.passes).collect();
        assert_eq!(in_slots, [1, 2]);
        assert_eq!(day.began, Duration::from_secs(2000));
        let later = records.day(ADDRESS, at(48 * 1800 + 100)).unwrap();
        assert_eq!(later.slots.len(), 48);
        assert_eq!(later.began, Duration::from_secs(47 * 1800 + 100));
        records.on_unwatched(ADDRESS);
        assert_eq!(passes(&records, 0), None);
        records.forget(ADDRESS);
        assert_eq!(records.day(ADDRESS, at(2000)), None);
    }

    #[test]
    fn where_nobody_looks_standing_and_changes_are_kept_alone() {
        let start = Instant::now();
        let mut records = Records::new(start, Keeping::Little);
        records.on_finding(ADDRESS, 1, &finding(start, 0));
        assert!(records.of(ADDRESS).is_none());
        records.on_standing(ADDRESS, Standing::Healthy, start);
        records.on_change(ADDRESS, HostState::Down, By::Other, start);
        records.keep(Keeping::Everything);
        records.on_finding(ADDRESS, 1, &finding(start, 0));
        assert_eq!(passes(&records, 0), Some(1));
        records.keep(Keeping::Little);
        assert_eq!(passes(&records, 0), None);
        assert_eq!(records.day(ADDRESS, start), None);
        let record = records.of(ADDRESS).unwrap();
        assert_eq!(record.changes.last_by(), Some(By::Other));
        assert!(std::mem::size_of::<Record>() <= 288);
    }

    #[test]
    fn it_stands_so_since_it_first_did() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut records = Records::new(start, Keeping::Little);
        records.on_standing(ADDRESS, Standing::Healthy, at(1));
        records.on_standing(ADDRESS, Standing::Healthy, at(5));
        let lasts = |records: &Records, standing| {
            let lasts = records.of(ADDRESS)?.stands_for(standing, at(9))?;
            Some(lasts.as_secs())
        };
        assert_eq!(lasts(&records, Standing::Healthy), Some(8));
        assert_eq!(lasts(&records, Standing::Failed), None);
        records.on_standing(ADDRESS, Standing::Failed, at(6));
        assert_eq!(lasts(&records, Standing::Failed), Some(3));
        let unwell = |records: &Records| records.of(ADDRESS).unwrap().unwell(at(9)).len();
        assert_eq!(unwell(&records), 0, "nobody looks");
        records.keep(Keeping::Everything);
        records.on_standing(ADDRESS, Standing::Doubtful, at(7));
        assert_eq!(unwell(&records), 1);
        records.keep(Keeping::Little);
        assert_eq!(unwell(&records), 0);
    }
}
