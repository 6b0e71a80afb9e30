//! Every choice of the operator on its own, before they are put together to `Settings`.
//!
//! A draft starts as poolmon's or dovemon's defaults; the configuration file is written over it, and
//! the options of the command line over that. It reads nothing by itself.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::settings::{
    Accounts, Auth, Brake, Deeds, DrainMode, Facility, Files, Hook, LogTarget, MoveLimit, Pace,
    Plan, Probing, Rapid, Restore, Retries, Rules, RunMode, Settings, StartTls, Steps, Syslog,
    Unknown,
};
use super::trust::{Certificates, Verify};
use super::values::Flush;
use crate::account::Envelope;
use crate::program::Program;
use crate::service::{Port, Protocol, Security, Service};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub socket: PathBuf,
    /// The ports of the command line, which replace all polls.
    pub ports: Option<Vec<Service>>,
    pub polls: Polls,
    pub interval: Duration,
    /// Zero: as long as a rapid poll.
    pub timeout: Duration,
    pub plan: PlanKind,
    pub retries: Retries,
    pub rapid: Rapid,
    pub rise: u32,
    pub fall: u32,
    pub verify: Verify,
    pub tls_name: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub starttls: StartTls,
    pub auth: Auth,
    pub steps: Steps,
    pub envelope: Envelope,
    pub credentials: Option<PathBuf>,
    pub unknown: Unknown,
    /// dovemon's word for `flush`, which replaces it.
    pub host_flush: bool,
    pub flush: Option<Flush>,
    pub max_moves: Option<NonZeroU32>,
    pub restore: Restore,
    pub brake: Brake,
    /// Whether a down is delayed, by how much, and how many may be.
    pub delayed_down: bool,
    pub down_delay: Duration,
    pub down_delay_limit: Option<u32>,
    /// None: as `Rules::usual_hold` has it.
    pub hold: Option<Duration>,
    pub hook: Option<PathBuf>,
    pub dry_run: bool,
    pub once: bool,
    pub foreground: bool,
    pub lock: PathBuf,
    pub state: PathBuf,
    pub log: LogChoice,
    pub log_level: LevelFilter,
    pub syslog: Syslog,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanKind {
    Retries,
    Rapid,
}

/// Where a daemon logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogChoice {
    File(PathBuf),
    Syslog,
    /// Standard output, in the foreground: `debug: True`.
    Terminal,
}

/// dovemon's way to say what is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polls {
    pub imap: Poll,
    pub pop3: Poll,
    pub lmtp: Poll,
    pub sieve: Poll,
    pub submission: Poll,
    /// By which protocol a delivered message is read again.
    pub deep: Option<Protocol>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    pub on: bool,
    /// TLS from the first byte.
    pub tls: bool,
    pub plain_port: u16,
    pub tls_port: u16,
}

impl Poll {
    fn port(&self, protocol: Protocol) -> Port {
        let (security, number) = match self.tls {
            false => (Security::Plain, self.plain_port),
            true => (Security::Tls, self.tls_port),
        };
        Port {
            protocol,
            security,
            number,
        }
    }
}

impl Polls {
    fn services(&self) -> Vec<Service> {
        let polls = [
            (self.imap, Protocol::Imap),
            (self.pop3, Protocol::Pop3),
            (self.lmtp, Protocol::Lmtp),
            (self.sieve, Protocol::Sieve),
            (self.submission, Protocol::Submission),
        ];
        let mut services: Vec<Service> = polls
            .iter()
            .filter(|(poll, _)| poll.on)
            .map(|(poll, protocol)| Service::Port(poll.port(*protocol)))
            .collect();
        let read = match self.deep {
            Some(Protocol::Pop3) => Some(self.pop3.port(Protocol::Pop3)),
            Some(_) => Some(self.imap.port(Protocol::Imap)),
            None => None,
        };
        services.extend(read.map(|read| Service::Delivery {
            deliver: self.lmtp.port(Protocol::Lmtp),
            read,
        }));
        services
    }
}

/// Every poll is turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingToCheck;

impl fmt::Display for NothingToCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "nothing is polled: expected poll_imap, poll_pop3, poll_lmtp, poll_sieve or poll_submission to be \
             True, or a deep_probe",
        )
    }
}

impl Draft {
    /// What poolmon does without options.
    pub fn poolmon() -> Draft {
        let plain = |protocol, number| {
            Service::Port(Port {
                protocol,
                security: Security::Plain,
                number,
            })
        };
        Draft {
            ports: Some(vec![plain(Protocol::Pop3, 110), plain(Protocol::Imap, 143)]),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            plan: PlanKind::Retries,
            verify: Verify::On,
            restore: Restore::Any,
            steps: Steps::default(),
            down_delay_limit: None,
            lock: "/var/run/poolmon.pid".into(),
            log: LogChoice::File("/var/log/poolmon.log".into()),
            log_level: LevelFilter::Info,
            syslog: Syslog {
                socket: None,
                facility: Facility::USER,
                ident: Program::Poolmon,
            },
            ..Draft::dovemon(Program::Poolmon)
        }
    }

    /// What dovemon does with an empty configuration; messages bear the name that we are called by.
    pub fn dovemon(called: Program) -> Draft {
        let poll = |on, plain_port, tls_port| Poll {
            on,
            tls: false,
            plain_port,
            tls_port,
        };
        let mut steps = Steps::default();
        steps.imap.list = true;
        Draft {
            socket: "/var/run/dovecot/director-admin".into(),
            ports: None,
            polls: Polls {
                imap: poll(true, 143, 993),
                pop3: poll(false, 110, 995),
                // lmtp_port is meant with TLS as well as without.
                lmtp: poll(false, 24, 24),
                sieve: poll(false, 4190, 4190),
                submission: poll(false, 587, 465),
                deep: None,
            },
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            plan: PlanKind::Rapid,
            retries: Retries {
                retries: 4,
                retry_delay: Duration::from_secs(3),
            },
            rapid: Rapid {
                retry_count: 3,
                rapid_rounds: 10,
                rapid_fails_needed: 7,
                rapid_timeout: Duration::from_secs(2),
            },
            rise: 1,
            fall: 1,
            verify: Verify::Unsaid,
            tls_name: None,
            ca_file: None,
            starttls: StartTls::Offered,
            auth: Auth::Login,
            steps,
            envelope: Envelope::default(),
            credentials: None,
            unknown: Unknown::Probed,
            host_flush: false,
            flush: None,
            max_moves: None,
            restore: Restore::Own,
            brake: Brake::Refuge,
            delayed_down: false,
            down_delay: Duration::from_secs(120),
            down_delay_limit: Some(2),
            hold: None,
            hook: None,
            dry_run: false,
            once: false,
            foreground: false,
            lock: "/var/lock/subsys/dovemon".into(),
            state: "/var/lib/poolmon/state.yml".into(),
            log: LogChoice::Syslog,
            log_level: LevelFilter::Debug,
            syslog: Syslog {
                socket: Some("/dev/log".into()),
                facility: Facility::MAIL,
                ident: called,
            },
        }
    }

    /// All choices together.
    pub fn settled(self) -> Result<Settings, NothingToCheck> {
        let services = match &self.ports {
            Some(ports) => ports.clone(),
            None => self.polls.services(),
        };
        if services.is_empty() {
            return Err(NothingToCheck);
        }
        let run = match (self.once, self.foreground) {
            (true, _) => RunMode::Once,
            (false, true) => RunMode::Foreground,
            (false, false) => RunMode::Daemon,
        };
        Ok(Settings {
            services,
            pace: self.pace(),
            rules: self.rules(),
            deeds: match self.dry_run || run == RunMode::Once {
                true => Deeds::Told,
                false => Deeds::Done,
            },
            files: Files {
                lock: self.lock,
                state: self.state,
                log: match (run, self.log) {
                    (_, LogChoice::Syslog) => LogTarget::Syslog(self.syslog),
                    (RunMode::Daemon, LogChoice::File(path)) => LogTarget::File(path),
                    (_, LogChoice::File(_) | LogChoice::Terminal) => LogTarget::Terminal,
                },
            },
            socket: self.socket,
            probing: Probing {
                certificates: Certificates::new(
                    self.verify,
                    self.tls_name,
                    self.ca_file,
                    self.starttls,
                ),
                envelope: self.envelope,
                auth: self.auth,
                starttls: self.starttls,
                steps: self.steps,
            },
            accounts: Accounts {
                credentials: self.credentials,
                unknown: self.unknown,
            },
            hook: self.hook.map(|script| Hook { script }),
            run,
            log_level: self.log_level,
        })
    }

    fn pace(&self) -> Pace {
        Pace {
            interval: self.interval,
            timeout: match self.timeout {
                Duration::ZERO => self.rapid.rapid_timeout,
                timeout => timeout,
            },
            plan: match self.plan {
                PlanKind::Retries => Plan::Retries(self.retries),
                // Where fewer polls are made than have to fail, all of them have to.
                PlanKind::Rapid => Plan::Rapid(Rapid {
                    rapid_fails_needed: self
                        .rapid
                        .rapid_fails_needed
                        .min(self.rapid.rapid_rounds.max(1)),
                    ..self.rapid
                }),
            },
            rise: self.rise,
            fall: self.fall,
        }
    }

    fn rules(&self) -> Rules {
        let flush = self.flush.unwrap_or(match self.host_flush {
            true => Flush::Drop,
            false => Flush::Move,
        });
        let (down_delay, down_delay_limit) = match self.delayed_down {
            true => (self.down_delay, self.down_delay_limit),
            false => (Duration::ZERO, None),
        };
        Rules {
            drain: match flush {
                Flush::Move => DrainMode::Move {
                    limit: self.max_moves.map_or(MoveLimit::All, MoveLimit::AtMost),
                },
                Flush::Drop => DrainMode::Drop,
                Flush::None => DrainMode::Leave,
            },
            restore: self.restore,
            brake: self.brake,
            down_delay,
            down_delay_limit,
            hold: self.hold.unwrap_or(Rules::usual_hold(self.interval)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(change: impl FnOnce(&mut Polls)) -> String {
        let mut draft = Draft::dovemon(Program::Dovemon);
        change(&mut draft.polls);
        match draft.settled() {
            Ok(settings) => {
                let shown: Vec<String> = settings.services.iter().map(Service::to_string).collect();
                shown.join(" ")
            }
            Err(cause) => cause.to_string(),
        }
    }

    #[test]
    fn polls_become_services() {
        assert_eq!(services(|_| {}), "imap:143");
        assert_eq!(services(|polls| polls.imap.tls = true), "imap+tls:993");
        let all = |polls: &mut Polls| {
            polls.pop3.on = true;
            polls.lmtp.on = true;
            polls.lmtp.tls = true;
            polls.deep = Some(Protocol::Pop3);
        };
        assert_eq!(
            services(all),
            "imap:143 pop3:110 lmtp+tls:24 delivery lmtp+tls:24 to pop3:110"
        );
        let others = |polls: &mut Polls| {
            polls.imap.on = false;
            polls.sieve.on = true;
            polls.submission.on = true;
        };
        assert_eq!(services(others), "sieve:4190 submission:587");
        let submissions = |polls: &mut Polls| {
            others(polls);
            polls.submission.tls = true;
        };
        assert_eq!(services(submissions), "sieve:4190 submission+tls:465");
        let deep_alone = |polls: &mut Polls| {
            polls.imap.on = false;
            polls.deep = Some(Protocol::Imap);
        };
        assert_eq!(services(deep_alone), "delivery lmtp:24 to imap:143");
        let nothing = |polls: &mut Polls| polls.imap.on = false;
        assert!(services(nothing).contains("nothing is polled"));
    }

    #[test]
    fn no_more_rapid_polls_have_to_fail_than_are_made() {
        let mut draft = Draft::dovemon(Program::Dovemon);
        for (rounds, needed) in [(10, 7), (7, 7), (5, 5), (0, 1)] {
            draft.rapid.rapid_rounds = rounds;
            match draft.clone().settled().unwrap().pace.plan {
                Plan::Rapid(rapid) => assert_eq!(rapid.rapid_fails_needed, needed),
                Plan::Retries(_) => panic!("not poolmon's plan"),
            }
        }
    }

    #[test]
    fn a_poll_without_a_limit_of_its_own_has_the_rapid_rounds() {
        let mut draft = Draft::dovemon(Program::Dovemon);
        draft.timeout = Duration::ZERO;
        draft.rapid.rapid_timeout = Duration::from_secs(4);
        let pace = draft.settled().unwrap().pace;
        assert_eq!(pace.timeout, Duration::from_secs(4));
    }

    #[test]
    fn a_down_is_delayed_only_where_that_is_turned_on() {
        let mut draft = Draft::dovemon(Program::Dovemon);
        let rules = draft.clone().settled().unwrap().rules;
        assert_eq!(
            (rules.down_delay, rules.down_delay_limit),
            (Duration::ZERO, None)
        );
        draft.delayed_down = true;
        let rules = draft.settled().unwrap().rules;
        assert_eq!(rules.down_delay, Duration::from_secs(120));
        assert_eq!(rules.down_delay_limit, Some(2));
    }
}
