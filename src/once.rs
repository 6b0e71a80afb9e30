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
use crate::service::{Protocol, Security, Service};
use crate::target::Target;
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
    /// Where nobody was logged in.
    pub without_login: WithoutLogin,
    /// Where no backend is listed or none of those is to be checked, or lines of the list cannot be read: that it is so,
    /// and what it means.
    pub list_trouble: Option<String>,
}

impl Look {
    /// What the operator has to know beside the lines: what is wrong with the list, and where no login was tried.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.list_trouble.iter().cloned().collect();
        remarks.extend(self.without_login.remarks());
        remarks
    }
}

/// All that are listed are left alone.
const NOBODY_NAMED: &str =
    "no backend was checked: the accounts file names none that is listed, and poll_unknown_backends is off";

/// What is wrong with a list that could be asked for: it has lines that cannot be read, or no backend at all.
pub(crate) fn list_trouble(access: &Access, list: &Reading) -> Option<String> {
    let lists_none = || list.members.is_empty().then(|| access.lists_none());
    let skipped: Vec<String> = access
        .skips(&list.malformed)
        .into_iter()
        .flatten()
        .collect();
    match skipped.is_empty() {
        false => Some(skipped.join("; ")),
        true => lists_none(),
    }
}

/// Where nobody was logged in, which `healthy` does not say.
#[derive(Debug, Default)]
pub struct WithoutLogin {
    /// The backends that were checked as far as one gets without a login, though there is one.
    no_account: Vec<IpAddr>,
    /// The backends with an account, by those of their ports of which nobody said what is spoken there.
    no_protocol: BTreeMap<Vec<PortNumber>, Vec<IpAddr>>,
    /// The backends with an account, by their services, where none of these has a login.
    no_login: BTreeMap<String, Vec<IpAddr>>,
}

/// Where a connection begins with TLS or without, and a number.
type PortNumber = (bool, u16);

impl WithoutLogin {
    pub(crate) fn add(&mut self, target: &Target) {
        let mut can_log_in = target
            .services
            .iter()
            .filter(|service| service.can_log_in());
        let has_login = can_log_in.next().is_some();
        if target.account.is_none() {
            if has_login {
                self.no_account.push(target.address);
            }
            return;
        }
        let unnamed = target.services.iter().filter_map(|service| match service {
            Service::Port(port) if port.protocol.row().ports.is_none() => {
                Some((port.security == Security::Tls, port.number))
            }
            _ => None,
        });
        let unnamed: Vec<PortNumber> = unnamed.collect();
        if !unnamed.is_empty() {
            let backends = self.no_protocol.entry(unnamed).or_default();
            backends.push(target.address);
        } else if !has_login {
            let services: Vec<String> = target.services.iter().map(Service::to_string).collect();
            let backends = self.no_login.entry(services.join(", ")).or_default();
            backends.push(target.address);
        }
    }

    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.no_account.is_empty() {
            remarks.push(format!(
                "no login was tried on {}: neither -c FILE nor a file of accounts has an account for that; whether \
                 users can log in there is not known",
                Few(&self.no_account)
            ));
        }
        for (ports, backends) in &self.no_protocol {
            let numbers: Vec<String> = ports.iter().map(|(_, port)| port.to_string()).collect();
            let named = ports.iter().map(|(begins_with_tls, port)| {
                let option = if *begins_with_tls { "-s" } else { "-p" };
                format!("{option} PROTOCOL:{port}")
            });
            let named: Vec<String> = named.collect();
            remarks.push(format!(
                "no login was tried on {} at port {}: what is spoken there was not named, so a first line is all that \
                 was awaited; whether users can log in there is not known; name the protocol: {}, where PROTOCOL is {}",
                Few(backends),
                numbers.join(", "),
                named.join(" "),
                Protocol::names_with_login()
            ));
        }
        for (services, backends) in &self.no_login {
            remarks.push(format!(
                "no login was tried on {}, though there is an account: {services} is checked, which has no login; \
                 whether users can log in there is not known; check another port, too: -p IMAP:143, or poll_imap in \
                 dovemon's file",
                Few(backends)
            ));
        }
        remarks
    }
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
    let mut without_login = WithoutLogin::default();
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
        without_login.add(&target);
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
    use std::sync::Arc;

    use super::*;
    use crate::account::Account;
    use crate::config::settings::Rapid;
    use crate::outcome::{Fault, Outcome, Stage};
    use crate::schedule::{Next, Schedule, Spread};
    use crate::service::Port;

    fn remarks(account: Option<&Arc<Account>>, backends: &[(u8, &[Service])]) -> Vec<String> {
        let mut without_login = WithoutLogin::default();
        for (last, services) in backends {
            without_login.add(&Target {
                address: [192, 0, 2, *last].into(),
                services: services.to_vec().into(),
                account: account.cloned(),
                former_accounts: Vec::new(),
                tls_name: None,
            });
        }
        without_login.remarks()
    }

    #[test]
    fn wherever_nobody_was_logged_in_it_is_said_and_how_to_have_it() {
        let port = |protocol, security, number| {
            Service::Port(Port {
                protocol,
                security,
                number,
            })
        };
        let imap = port(Protocol::Imap, Security::Plain, 143);
        let lmtp = port(Protocol::Lmtp, Security::Plain, 24);
        let unnamed = port(Protocol::AnyLine, Security::Plain, 1143);
        let unnamed_tls = port(Protocol::AnyLine, Security::Tls, 1993);
        let account = Arc::new(Account {
            user: b"probe".to_vec(),
            password: crate::account::Secret::new("p"),
            master: None,
        });
        let account = Some(&account);
        assert_eq!(
            remarks(account, &[(1, &[imap]), (2, &[lmtp, imap])]),
            [""; 0]
        );
        let without_account = remarks(None, &[(1, &[imap]), (2, &[lmtp]), (3, &[unnamed])]);
        assert_eq!(without_account.len(), 1);
        assert!(without_account[0].starts_with("no login was tried on 192.0.2.1: neither -c FILE"));
        assert_eq!(
            remarks(
                account,
                &[(1, &[unnamed, imap]), (2, &[unnamed]), (3, &[imap])]
            ),
            ["no login was tried on 192.0.2.1 and 192.0.2.2 at port 1143: what is spoken there was not named, so a first \
              line is all that was awaited; whether users can log in there is not known; name the protocol: \
              -p PROTOCOL:1143, where PROTOCOL is IMAP, POP3, SIEVE or SUBMISSION"]
        );
        let two = remarks(account, &[(1, &[unnamed, unnamed_tls])]);
        assert!(two[0].contains(" at port 1143, 1993: "), "{two:?}");
        assert!(
            two[0].contains(": -p PROTOCOL:1143 -s PROTOCOL:1993, "),
            "{two:?}"
        );
        assert_eq!(
            remarks(account, &[(1, &[lmtp])]),
            ["no login was tried on 192.0.2.1, though there is an account: lmtp:24 is checked, which has no login; \
              whether users can log in there is not known; check another port, too: -p IMAP:143, or poll_imap in \
              dovemon's file"]
        );
    }

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
