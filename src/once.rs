//! `--once`: one round on every listed backend, printed. No lock, no fork, no changing command.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::backend::Listed;
use crate::config::roster::Roster;
use crate::config::settings::{Pace, Plan, Retries, Settings};
use crate::director::client::{DirectorError, Standing};
use crate::director::watch::LISTS_DEADLINE;
use crate::outcome::Failure;
use crate::schedule::Verdict;
use crate::worker::{Desk, Task, Traffic, Worker};

/// How long a backend that gives no verdict for the monitor's own fault is waited for beyond the
/// longest round.
const OWN_FAULT_PATIENCE: Duration = Duration::from_secs(10);

/// What the round showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    AllHealthy,
    /// At least one backend failed or could not be judged.
    NotAll,
}

/// Why there was no round, or not all of one.
#[derive(Debug)]
pub enum OnceError {
    Director(DirectorError),
    Thread(io::Error),
    Output(io::Error),
}

impl std::fmt::Display for OnceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OnceError::Director(cause) => cause.fmt(f),
            OnceError::Thread(cause) => write!(f, "a probe's thread cannot be started: {cause}"),
            OnceError::Output(cause) => write!(f, "standard output: {cause}"),
        }
    }
}

impl std::error::Error for OnceError {}

/// Prints a line for each backend as soon as its verdict is there.
pub fn run(
    settings: &Settings,
    task: &Task,
    roster: &Roster,
    out: &mut impl Write,
) -> Result<Health, OnceError> {
    let listed = read_list(&settings.socket).map_err(OnceError::Director)?;
    let desk = Desk::new();
    let began = Instant::now();
    let traffic = Traffic::new(began);
    let mut waiting = BTreeMap::new();
    for (number, backend) in (0..).zip(&listed) {
        let target = roster.target(backend.address);
        let entry = traffic.entry(began, waiting.len(), &target);
        let worker = Worker::start(target, number, task.clone(), desk.slot(), entry)
            .map_err(OnceError::Thread)?;
        waiting.insert(backend.address, Waiting { worker, own: None });
    }
    // One after the other where they cannot all be probed at once.
    let turns = u32::try_from(listed.len() / traffic.most()).unwrap_or(u32::MAX);
    let patience = longest_round(settings).saturating_mul(turns.saturating_add(1));
    let deadline = Instant::now() + patience + OWN_FAULT_PATIENCE;
    let mut health = Health::AllHealthy;
    while !waiting.is_empty() {
        if desk.bell().recv_deadline(deadline).is_err() {
            break;
        }
        for report in desk.reports() {
            let target = roster.target(report.address);
            let service = &target.services[report.finding.service];
            let line = match report.finding.verdict {
                Some(Verdict::Healthy(pass)) => pass.to_string(),
                Some(Verdict::Failed { failure, .. }) => {
                    health = Health::NotAll;
                    format!("failed: {service} {failure}")
                }
                None => {
                    if let Some(waiting) = waiting.get_mut(&report.address) {
                        waiting.own = report.finding.outcome.result.err();
                    }
                    continue;
                }
            };
            if waiting.remove(&report.address).is_some() {
                print(out, report.address, &line)?;
            }
        }
    }
    for (address, waiting) in waiting {
        health = Health::NotAll;
        drop(waiting.worker);
        let line = match waiting.own {
            Some(failure) => format!("not judged: {failure}"),
            None => "not judged in time".to_owned(),
        };
        print(out, address, &line)?;
    }
    Ok(health)
}

struct Waiting {
    worker: Worker,
    /// The last failure that gave no verdict.
    own: Option<Failure>,
}

fn print(out: &mut impl Write, address: IpAddr, line: &str) -> Result<(), OnceError> {
    writeln!(out, "{address} {line}")
        .and_then(|()| out.flush())
        .map_err(OnceError::Output)
}

fn read_list(socket: &Path) -> Result<Vec<Listed>, DirectorError> {
    let deadline = Instant::now() + LISTS_DEADLINE;
    let lists = Standing::open(socket, deadline)?.read(deadline)?;
    Ok(lists.hosts.backends)
}

/// Until a backend that gives an answer of some kind to every attempt, or none to any, is judged.
fn longest_round(settings: &Settings) -> Duration {
    let Pace {
        interval,
        timeout,
        plan,
        ..
    } = settings.pace;
    let services = u32::try_from(settings.services.len()).unwrap_or(u32::MAX);
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
            let attempts = timeout.saturating_mul(rapid.retry_count);
            let rapid_round = rapid.rapid_timeout.saturating_mul(rapid.rapid_rounds);
            let poll = attempts
                .saturating_add(rapid_round)
                .saturating_mul(services);
            let start_to_start = poll.saturating_add(interval);
            start_to_start.saturating_mul(rapid.retry_count)
        }
    }
}
