//! Faults of this machine: which backends' services meet them, and when the operator is told.
//!
//! One alarm for each fault, not for each backend: it is said once the fault has lasted a moment, names
//! the backends, is said again each hour, and once when it is over. What a fault means for the verdict
//! is the schedule's business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::lines::service_of;
use super::notices::AGAIN_AFTER;
use super::Engine;
use crate::outcome::{Blame, Fault};
use crate::schedule::Finding;

/// From the first backend's fault to the alarm: the other backends have met it by then, or it is over.
const SETTLE: Duration = Duration::from_secs(3);

/// The fault is over when nobody has met it for so long: it may come and go.
const QUIET: Duration = Duration::from_secs(10);

/// An alarm is said again when it has come to further backends or services, but not before this.
const GROWN_AFTER: Duration = Duration::from_secs(60);

/// How many backends a line names.
const NAMED: usize = 20;

/// Everything that has met a fault of this machine and not been checked since.
#[derive(Debug, Default)]
pub(super) struct LocalFaults {
    /// By backend and service.
    met: BTreeMap<(IpAddr, usize), Cause>,
    alarms: BTreeMap<Cause, Alarm>,
    /// The worker that told of the backend: the services of another one may be others.
    workers: BTreeMap<IpAddr, u64>,
}

/// What this machine lacks or forbids, in words, and what helps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cause {
    text: String,
    advice: Option<&'static str>,
}

impl Cause {
    fn of(fault: &Fault) -> Cause {
        Cause {
            text: fault.to_string(),
            advice: match fault {
                Fault::NameUnknown => Some(
                    "give the name that the certificate bears with --tls-name, or repair this \
                     machine's dns or the address's PTR record",
                ),
                _ => None,
            },
        }
    }

    fn with_advice(&self) -> String {
        match self.advice {
            Some(advice) => format!("{self}; {advice}"),
            None => self.to_string(),
        }
    }
}

impl Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Debug)]
struct Alarm {
    since: Instant,
    members: BTreeSet<(IpAddr, usize)>,
    /// When the last member was checked again, while there is none.
    empty_since: Option<Instant>,
    said: Option<Said>,
}

/// The latest line.
#[derive(Debug)]
struct Said {
    at: Instant,
    of: BTreeSet<(IpAddr, usize)>,
    /// Others have met the fault since.
    has_spread: bool,
}

/// What is to be told now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// These services of these backends cannot be checked: it begins, goes on, or has spread.
    Unchecked(Cause, Vec<(IpAddr, usize)>),
    Over(Cause),
}

impl Alarm {
    fn new(now: Instant) -> Alarm {
        Alarm {
            since: now,
            members: BTreeSet::new(),
            empty_since: None,
            said: None,
        }
    }

    fn due(&self) -> Instant {
        match (&self.said, self.empty_since) {
            (_, Some(empty_since)) => empty_since + QUIET,
            (None, None) => self.since + SETTLE,
            (Some(said), None) => {
                let pause = match said.has_spread {
                    true => GROWN_AFTER,
                    false => AGAIN_AFTER,
                };
                said.at + pause
            }
        }
    }
}

impl LocalFaults {
    pub(super) fn on_finding(
        &mut self,
        address: IpAddr,
        worker: u64,
        finding: &Finding,
        now: Instant,
    ) {
        if self.workers.get(&address).map_or(false, |of| *of != worker) {
            self.forget(address, now);
        }
        let place = (address, finding.service);
        let fault = match &finding.outcome.result {
            // Not known yet: the lookup is under way.
            Err(failure) if failure.fault == Fault::NamePending => return,
            Err(failure) if failure.fault.blame() == Blame::Local => &failure.fault,
            _ => {
                self.on_checked(place, now);
                return;
            }
        };
        let cause = Cause::of(fault);
        if self.met.get(&place) == Some(&cause) {
            return;
        }
        self.on_checked(place, now);
        self.workers.insert(address, worker);
        let alarm = self
            .alarms
            .entry(cause.clone())
            .or_insert_with(|| Alarm::new(now));
        alarm.members.insert(place);
        alarm.empty_since = None;
        if let Some(said) = &mut alarm.said {
            said.has_spread |= !said.of.contains(&place);
        }
        self.met.insert(place, cause);
    }

    fn on_checked(&mut self, place: (IpAddr, usize), now: Instant) {
        let cause = match self.met.remove(&place) {
            Some(cause) => cause,
            None => return,
        };
        if let Some(alarm) = self.alarms.get_mut(&cause) {
            alarm.members.remove(&place);
            if alarm.members.is_empty() {
                match alarm.said {
                    Some(_) => alarm.empty_since = Some(now),
                    None => {
                        self.alarms.remove(&cause);
                    }
                }
            }
        }
    }

    /// The backend is not probed any more, or its services are others.
    pub(super) fn forget(&mut self, address: IpAddr, now: Instant) {
        self.workers.remove(&address);
        let of_it = (address, 0)..=(address, usize::MAX);
        let places: Vec<_> = self.met.range(of_it).map(|(place, _)| *place).collect();
        for place in places {
            self.on_checked(place, now);
        }
    }

    /// The services of the backend that cannot be checked at present.
    pub(super) fn of(&self, address: IpAddr) -> impl Iterator<Item = (usize, &Cause)> + '_ {
        let of_it = (address, 0)..=(address, usize::MAX);
        let met = self.met.range(of_it);
        met.map(|((_, service), cause)| (*service, cause))
    }

    /// The alarms that were told and stand, since when, and of which services.
    pub(super) fn told(&self) -> impl Iterator<Item = (&Cause, Instant, Vec<(IpAddr, usize)>)> {
        let told = self
            .alarms
            .iter()
            .filter(|(_, alarm)| alarm.said.is_some() && !alarm.members.is_empty());
        told.map(|(cause, alarm)| {
            let members = alarm.members.iter().copied().collect();
            (cause, alarm.since, members)
        })
    }

    /// When there is something to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        self.alarms.values().map(Alarm::due).min()
    }

    pub(super) fn news(&mut self, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        let mut over = Vec::new();
        for (cause, alarm) in &mut self.alarms {
            if now < alarm.due() {
                continue;
            }
            if alarm.empty_since.is_some() {
                over.push(cause.clone());
                continue;
            }
            alarm.said = Some(Said {
                at: now,
                of: alarm.members.clone(),
                has_spread: false,
            });
            let members = alarm.members.iter().copied().collect();
            news.push(News::Unchecked(cause.clone(), members));
        }
        for cause in over {
            self.alarms.remove(&cause);
            news.push(News::Over(cause));
        }
        news
    }
}

impl Engine {
    pub(super) fn tell_local_faults(&mut self) {
        for news in self.local_faults.news(self.now.instant) {
            match news {
                News::Unchecked(cause, members) => {
                    let line = self.unchecked_line(&cause, &members);
                    self.error(line);
                }
                News::Over(cause) => {
                    self.always(format!(
                        "backends can be checked again from this machine, as this is over: {cause}"
                    ));
                }
            }
        }
    }
}

impl Engine {
    pub(super) fn unchecked_line(&self, cause: &Cause, members: &[(IpAddr, usize)]) -> String {
        let addresses: BTreeSet<IpAddr> = members.iter().map(|(address, _)| *address).collect();
        let services: BTreeSet<String> = members
            .iter()
            .map(|(address, service)| {
                service_of(&self.targets.target(*address), *service).to_string()
            })
            .collect();
        format!(
            "{} of {} cannot be checked from this machine: {}; no backend is taken down or brought up \
             for that: {}",
            listed(services.iter(), services.len()),
            listed(addresses.iter(), addresses.len()),
            cause.with_advice(),
            self.what_judges(&addresses)
        )
    }

    /// By what these backends are judged meanwhile.
    fn what_judges(&self, addresses: &BTreeSet<IpAddr>) -> String {
        let is_blind = |address: &&IpAddr| {
            let services = self.targets.target(**address);
            let services = services.map_or(0, |target| target.services.len());
            self.local_faults.of(**address).count() >= services
        };
        let blind: Vec<&IpAddr> = addresses.iter().filter(is_blind).collect();
        let others = "each is judged by its other services";
        if blind.is_empty() {
            return others.to_owned();
        }
        let blind_ones = listed(blind.iter(), blind.len());
        let stay = match blind.len() {
            1 => "it stays as it is",
            _ => "they stay as they are",
        };
        let unwatched = format!("nothing of {blind_ones} can be checked, so {stay}");
        match blind.len() == addresses.len() {
            true => unwatched,
            false => format!("{others}; {unwatched}"),
        }
    }
}

/// The first ones, with commas, and how many more there are.
fn listed(items: impl Iterator<Item = impl Display>, count: usize) -> String {
    let named: Vec<String> = items.take(NAMED).map(|item| item.to_string()).collect();
    match count.checked_sub(NAMED) {
        None | Some(0) => named.join(", "),
        Some(more) => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Failure, Outcome, Pass, Stage};

    struct Bench {
        faults: LocalFaults,
        start: Instant,
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    impl Bench {
        fn new() -> Bench {
            Bench {
                faults: LocalFaults::default(),
                start: Instant::now(),
            }
        }

        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        fn finds(&mut self, second: u64, last: u8, service: usize, fault: Option<Fault>) {
            self.finds_as(1, second, last, service, fault);
        }

        fn finds_as(
            &mut self,
            worker: u64,
            second: u64,
            last: u8,
            service: usize,
            fault: Option<Fault>,
        ) {
            let now = self.at(second);
            let result = match fault {
                Some(fault) => Err(Failure::new(Stage::Connect, fault)),
                None => Ok(Pass::Clean),
            };
            let finding = Finding {
                round_began: now,
                service,
                outcome: Outcome::new(now, Duration::ZERO, result),
                for_good: false,
                verdict: None,
            };
            self.faults.on_finding(address(last), worker, &finding, now);
        }

        /// What is told from this second to that one: when, and of which backends; none when it is over.
        fn told(&mut self, from: u64, to: u64) -> Vec<(u64, Option<Vec<u8>>)> {
            let mut told = Vec::new();
            for second in from..=to {
                let now = self.at(second);
                let due = self.faults.due();
                let news = self.faults.news(now);
                let was_due = due.map_or(false, |due| due <= now);
                assert_eq!(was_due, !news.is_empty(), "{second} s: {due:?}");
                for news in news {
                    let of = match news {
                        News::Over(_) => None,
                        News::Unchecked(_, members) => Some(
                            members
                                .iter()
                                .map(|(address, _)| match address {
                                    IpAddr::V4(address) => address.octets()[3],
                                    IpAddr::V6(_) => unreachable!(),
                                })
                                .collect(),
                        ),
                    };
                    told.push((second, of));
                }
            }
            told
        }
    }

    #[test]
    fn one_alarm_names_all_backends_is_said_each_hour_and_once_when_it_is_over() {
        let mut bench = Bench::new();
        bench.finds(0, 1, 1, Some(Fault::NameUnknown));
        bench.finds(1, 2, 1, Some(Fault::NameUnknown));
        for second in 2..100 {
            bench.finds(second, 1, 0, None);
            bench.finds(second, 1, 1, Some(Fault::NameUnknown));
        }
        assert_eq!(
            bench.told(0, 8000),
            [
                (3, Some(vec![1, 2])),
                (3603, Some(vec![1, 2])),
                (7203, Some(vec![1, 2]))
            ]
        );
        bench.finds(8001, 1, 1, None);
        bench.finds(8002, 2, 1, Some(Fault::Refused));
        assert_eq!(bench.told(8001, 20_000), [(8012, None)]);
        assert_eq!(bench.faults.due(), None);
    }

    #[test]
    fn what_lasts_a_moment_is_not_told_and_what_comes_and_goes_is_told_once() {
        let mut bench = Bench::new();
        bench.finds(0, 1, 0, Some(Fault::NoMemory));
        bench.finds(2, 1, 0, None);
        assert_eq!(bench.told(0, 100), []);
        for second in (200..300).step_by(10) {
            bench.finds(second, 1, 0, Some(Fault::NoMemory));
            let expected = match second {
                200 => vec![(203, Some(vec![1]))],
                _ => vec![],
            };
            assert_eq!(bench.told(second, second + 4), expected);
            bench.finds(second + 5, 1, 0, None);
            assert_eq!(bench.told(second + 5, second + 9), []);
        }
        assert_eq!(bench.told(300, 400), [(305, None)]);
    }

    #[test]
    fn a_fault_that_spreads_is_told_with_all_of_them_and_not_for_each() {
        let mut bench = Bench::new();
        bench.finds(0, 1, 0, Some(Fault::Forbidden));
        assert_eq!(bench.told(0, 9), [(3, Some(vec![1]))]);
        for last in 2..=9 {
            bench.finds(10, last, 0, Some(Fault::Forbidden));
        }
        assert_eq!(bench.told(10, 1000), [(63, Some((1..=9).collect()))]);
    }

    #[test]
    fn a_fault_that_comes_to_further_services_is_told_again() {
        let mut bench = Bench::new();
        bench.finds(0, 1, 0, Some(Fault::Forbidden));
        assert_eq!(bench.told(0, 9), [(3, Some(vec![1]))]);
        bench.finds(10, 1, 1, Some(Fault::Forbidden));
        assert_eq!(bench.told(10, 1000), [(63, Some(vec![1, 1]))]);
    }

    #[test]
    fn each_fault_has_an_alarm_of_its_own_and_a_pending_name_has_none() {
        let mut bench = Bench::new();
        bench.finds(0, 1, 0, Some(Fault::Forbidden));
        bench.finds(0, 2, 0, Some(Fault::NoFamily));
        bench.finds(0, 3, 0, Some(Fault::NamePending));
        let told = bench.told(0, 100);
        assert_eq!(told.len(), 2);
        assert!(told.contains(&(3, Some(vec![1]))) && told.contains(&(3, Some(vec![2]))));
        // One for the other.
        bench.finds(101, 1, 0, Some(Fault::NoFamily));
        assert_eq!(bench.told(101, 200), [(101, Some(vec![1, 2])), (111, None)]);
    }

    #[test]
    fn a_backend_that_is_probed_no_more_or_for_other_services_is_forgotten() {
        let mut bench = Bench::new();
        for last in [1, 2] {
            bench.finds(0, last, 3, Some(Fault::Forbidden));
        }
        assert_eq!(bench.told(0, 9), [(3, Some(vec![1, 2]))]);
        let now = bench.at(10);
        bench.faults.forget(address(1), now);
        bench.finds_as(2, 10, 2, 0, None);
        assert_eq!(bench.told(10, 5000), [(20, None)]);
    }

    #[test]
    fn an_unknown_name_says_how_to_give_it() {
        let cause = Cause::of(&Fault::NameUnknown).with_advice();
        assert!(cause.contains("--tls-name"), "{cause}");
    }

    #[test]
    fn a_line_names_twenty_and_counts_the_rest() {
        let of = |count: usize| listed(1..=count, count);
        assert_eq!(of(2), "1, 2");
        assert!(of(20).ends_with(", 20"));
        assert!(of(25).ends_with(", 20 and 5 more"));
    }
}
