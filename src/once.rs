//! `--once`: one round on every listed backend, printed. No lock, no fork, no changing command.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;

use crate::config::settings::{Pace, Plan, Retries, Settings};
use crate::config::targets::Targets;
use crate::few::Few;
use crate::outcome::{Blame, Failure, Pass};
use crate::pool::{Access, Connection, PoolError, Reading, READING_DEADLINE};
use crate::schedule::{Finding, Verdict};
use crate::service::Service;
use crate::worker::{AttemptLimits, Task, Word, Worker};

/// How long a backend that gives no verdict for a fault of this machine is waited for beyond the
/// longest round.
const LOCAL_FAULT_PATIENCE: Duration = Duration::from_secs(10);

/// What the round showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    AllHealthy,
    /// At least one backend failed or could not be judged, none is listed or checked, or a line of the list cannot be
    /// read.
    NotAll,
}

/// All that there is to say of the round beside the printed lines.
#[derive(Debug)]
pub struct Look {
    /// What the exit code says.
    pub health: Health,
    /// The backends that were checked as far as one gets without a login, though there is one.
    pub without_login: Vec<IpAddr>,
    /// Where no backend is listed or none of those is to be checked, or lines of the list cannot be read: that it is so,
    /// and what it means.
    pub list_trouble: Option<String>,
}

impl Look {
    /// What the operator has to know beside the lines: what is wrong with the list, and where no login was tried.
    pub fn remarks(&self) -> Vec<String> {
        let no_login = match self.without_login.is_empty() {
            true => None,
            false => Some(no_login_was_tried(&Few(&self.without_login))),
        };
        self.list_trouble
            .clone()
            .into_iter()
            .chain(no_login)
            .collect()
    }
}

/// All that are listed are left alone.
const NOBODY_NAMED: &str =
    "no backend was checked: the accounts file names none that is listed, and poll_unknown_backends is off";

/// What is wrong with a list that could be asked for: it has lines that cannot be read, or no backend at all.
pub(crate) fn list_trouble(access: &Access, list: &Reading) -> Option<String> {
    let lists_none = || list.members.is_empty().then(|| access.lists_none());
    access.skips(&list.malformed).or_else(lists_none)
}

pub(crate) fn no_login_was_tried(backends: &Few<'_, IpAddr>) -> String {
    format!(
        "no login was tried on {backends}: neither -c FILE nor a file of accounts has an account for that; whether \
         users can log in there is not known"
    )
}

/// Why there was no round, or not all of one.
#[derive(Debug)]
pub enum OnceError {
    Pool(PoolError),
    Thread(io::Error),
    Output(io::Error),
}

impl std::fmt::Display for OnceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OnceError::Pool(cause) => write!(f, "{cause}; {}", cause.advice),
            OnceError::Thread(cause) => write!(f, "a probe's thread cannot be started: {cause}"),
            OnceError::Output(cause) => write!(f, "standard output cannot be written: {cause}"),
        }
    }
}

impl std::error::Error for OnceError {}

/// Prints a line for each backend as soon as its verdict is there.
pub fn run(
    settings: &Settings,
    task: &Task,
    targets: &Targets,
    out: &mut impl Write,
) -> Result<Look, OnceError> {
    // The first verdict is the answer. Further rounds would only come after as many intervals.
    let pace = Pace {
        rise: 1,
        fall: 1,
        ..settings.pace
    };
    let task = Task {
        pace,
        ..task.clone()
    };
    let access = settings.access();
    let listed = read_list(&access).map_err(OnceError::Pool)?;
    let (words, said) = unbounded();
    let began = Instant::now();
    let limits = AttemptLimits::new(began);
    let mut waiting = BTreeMap::new();
    let mut without_login = Vec::new();
    for (number, backend) in (0..).zip(&listed.members) {
        let target = match targets.target(backend.address) {
            Some(target) => target,
            None => {
                print(
                    out,
                    backend.address,
                    "not polled: the accounts file does not name it",
                )?;
                continue;
            }
        };
        if target.account.is_none() && target.services.iter().any(Service::can_log_in) {
            without_login.push(backend.address);
        }
        let first_round = limits.first_round(began, waiting.len(), &target);
        let worker = Worker::start(target, number, task.clone(), words.clone(), first_round)
            .map_err(OnceError::Thread)?;
        waiting.insert(backend.address, Waiting::new(worker));
    }
    // One after the other where they cannot all be probed at once.
    let turns = u32::try_from(waiting.len() / limits.most()).unwrap_or(u32::MAX);
    let round = longest_round(&pace, settings.services.len());
    let patience = round.saturating_mul(turns.saturating_add(1));
    let deadline = Instant::now() + patience + LOCAL_FAULT_PATIENCE;
    let nobody = || waiting.is_empty().then(|| NOBODY_NAMED.to_owned());
    let list_trouble = list_trouble(&access, &listed).or_else(nobody);
    let mut health = match list_trouble {
        None => Health::AllHealthy,
        Some(_) => Health::NotAll,
    };
    while !waiting.is_empty() {
        let report = match said.recv_deadline(deadline) {
            Ok(Word::Found(report)) => report,
            Ok(Word::Ended { address, .. }) => {
                if waiting.remove(&address).is_some() {
                    health = Health::NotAll;
                    print(
                        out,
                        address,
                        "not judged: its probe ended by a defect, see the error",
                    )?;
                }
                continue;
            }
            Err(_) => break,
        };
        let target = match targets.target(report.address) {
            Some(target) => target,
            None => continue,
        };
        let backend = match waiting.get_mut(&report.address) {
            Some(backend) => backend,
            None => continue,
        };
        let Finding {
            service,
            outcome,
            verdict,
            ..
        } = report.finding;
        backend.on_result(service, outcome.result);
        let line = match verdict {
            Some(Verdict::Healthy(pass)) => match backend.unchecked.iter().next() {
                None => pass.to_string(),
                Some((service, failure)) => {
                    health = Health::NotAll;
                    let service = &target.services[*service];
                    format!("{pass}, but {service} cannot be checked from here: {failure}")
                }
            },
            Some(Verdict::Failed { failure, service }) => {
                health = Health::NotAll;
                format!("failed: {} {failure}", target.services[service])
            }
            None => continue,
        };
        if waiting.remove(&report.address).is_some() {
            print(out, report.address, &line)?;
        }
    }
    for (address, waiting) in waiting {
        health = Health::NotAll;
        drop(waiting.worker);
        let line = match waiting.last_failure {
            Some(failure) => format!("not judged: {failure}"),
            None => "not judged in time".to_owned(),
        };
        print(out, address, &line)?;
    }
    Ok(Look {
        health,
        without_login,
        list_trouble,
    })
}

struct Waiting {
    worker: Worker,
    /// The last failure.
    last_failure: Option<Failure>,
    /// The services that met a fault of this machine at their last attempt.
    unchecked: BTreeMap<usize, Failure>,
}

impl Waiting {
    fn new(worker: Worker) -> Waiting {
        Waiting {
            worker,
            last_failure: None,
            unchecked: BTreeMap::new(),
        }
    }

    fn on_result(&mut self, service: usize, result: Result<Pass, Failure>) {
        self.unchecked.remove(&service);
        if let Err(failure) = result {
            if failure.fault.blame() == Blame::Local {
                self.unchecked.insert(service, failure.clone());
            }
            self.last_failure = Some(failure);
        }
    }
}

fn print(out: &mut impl Write, address: IpAddr, line: &str) -> Result<(), OnceError> {
    writeln!(out, "{address} {line}")
        .and_then(|()| out.flush())
        .map_err(OnceError::Output)
}

/// What the pool lists.
pub(crate) fn read_list(access: &Access) -> Result<Reading, PoolError> {
    let deadline = Instant::now() + READING_DEADLINE;
    Connection::open(access, deadline)?.read(deadline)
}

/// Until a backend that gives an answer of some kind to every attempt, or none to any, is judged.
fn longest_round(pace: &Pace, services: usize) -> Duration {
    let Pace {
        interval,
        timeout,
        plan,
        ..
    } = *pace;
    let services = u32::try_from(services).unwrap_or(u32::MAX);
    match plan {
        Plan::Retries(Retries {
            retries,
            retry_delay,
        }) => {
            let attempts = timeout.saturating_mul(retries.saturating_add(1));
            let pauses = retry_delay.saturating_add((retry_delay / 6).saturating_mul(retries));
            attempts.saturating_add(pauses).saturating_mul(services)
        }
        Plan::Rapid(rapid) => {
            // Where no failure is needed before a rapid round, the first failed poll has it.
            let polls = rapid.retry_count.max(1);
            let attempts = timeout.saturating_mul(polls);
            let rapid_round = rapid.rapid_timeout.saturating_mul(rapid.rapid_rounds);
            let poll = attempts
                .saturating_add(rapid_round)
                .saturating_mul(services);
            let start_to_start = poll.saturating_add(interval);
            start_to_start.saturating_mul(polls)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Rapid;
    use crate::outcome::{Fault, Outcome, Stage};
    use crate::schedule::{Next, Schedule, Spread};

    /// How long until a backend is judged of which one service, or all, hang.
    fn judged_after(pace: Pace, services: usize, hangs: impl Fn(usize) -> bool) -> Duration {
        let start = Instant::now();
        let mut now = start;
        let mut schedule = Schedule::new(pace, services, Spread::new(7), start);
        loop {
            let (service, timeout) = match schedule.next(now) {
                Next::Wait { until } => {
                    now = until;
                    continue;
                }
                Next::Attempt {
                    service, timeout, ..
                } => (service, timeout),
            };
            let result = match hangs(service) {
                true => Err(Failure::new(Stage::Greeting, Fault::TimedOut)),
                false => Ok(Pass::Clean),
            };
            let outcome = Outcome::new(now, timeout, result);
            now = outcome.ended();
            if schedule.on_outcome(outcome).verdict.is_some() {
                return now - start;
            }
        }
    }

    #[test]
    fn the_longest_round_is_waited_for_with_either_plan() {
        let seconds = Duration::from_secs;
        let rapid = |retry_count, rapid_rounds| {
            Plan::Rapid(Rapid {
                retry_count,
                rapid_rounds,
                rapid_fails_needed: 7,
                rapid_timeout: seconds(2),
            })
        };
        let retries = |retries| {
            Plan::Retries(Retries {
                retries,
                retry_delay: seconds(3),
            })
        };
        for plan in [
            retries(0),
            retries(4),
            rapid(0, 0),
            rapid(0, 10),
            rapid(1, 0),
            rapid(3, 10),
            rapid(5, 0),
        ] {
            for services in 1..4 {
                let pace = Pace {
                    interval: seconds(10),
                    login_interval: seconds(0),
                    timeout: seconds(15),
                    plan,
                    rise: 1,
                    fall: 1,
                };
                let longest = longest_round(&pace, services);
                for hanging in 0..services {
                    let took = judged_after(pace, services, |service| service == hanging);
                    assert!(took <= longest, "{plan:?}: {took:?}, not {longest:?}");
                }
                for all_hang in [true, false] {
                    let took = judged_after(pace, services, |_| all_hang);
                    assert!(took <= longest, "{plan:?}: {took:?}, not {longest:?}");
                }
            }
        }
    }
}
