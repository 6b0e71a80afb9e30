//! How choices are put together to `Settings`, over the defaults of poolmon or dovemon.
//!
//! Whatever one choice means for another is decided here. It reads nothing.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::chosen::{Chosen, SaidBy};
use super::settings::{
    Accounts, DrainMode, Files, Hook, ImapSteps, LmtpSteps, LogTarget, Mode, MoveLimit, Pace,
    PasswordOver, Plan, Pool, PoolKind, Pop3Steps, Probing, Published, Rapid, Restore, Retries,
    Rules, RunAs, RunMode, Settings, Steps, Syslog, Unknown, Watch,
};
use super::table::{self, DefaultsOf};
use super::trust::{Certificates, Verify};
use super::values::Flush;
use crate::account::Envelope;
use crate::program::Program;
use crate::service::{Port, Protocol, Security, Service};

/// As Debian's haproxy.cfg has it.
const HAPROXYS_SOCKET: &str = "/run/haproxy/admin.sock";

/// HAProxy's own checks have it, too.
const HAPROXYS_INTERVAL: Duration = Duration::from_secs(2);

/// Mail servers are not to be loaded with a login every two seconds.
const HAPROXYS_LOGIN_INTERVAL: Duration = Duration::from_secs(30);

/// Every poll is turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingToCheck;

impl fmt::Display for NothingToCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "nothing is polled: expected {} to be True, or a deep_probe",
            Protocol::poll_keys()
        )
    }
}

impl Chosen {
    /// All choices together, over the defaults. Messages bear the name that the program is called by.
    pub fn build(self, defaults: DefaultsOf, called: Program) -> Result<Settings, NothingToCheck> {
        let all = self.over(table::defaults(defaults)).with_defaults_of_pool();
        let services = match (all.services_of_options(), defaults, all.pool.value) {
            (services, ..) if !services.is_empty() => services,
            // HAProxy has to be asked for its servers' ports.
            (_, DefaultsOf::Poolmon, PoolKind::HaProxy) => Vec::new(),
            (_, DefaultsOf::Poolmon, PoolKind::Director) => poolmons_services(),
            (_, DefaultsOf::Dovemon, _) => match all.services_of_keys() {
                services if services.is_empty() => return Err(NothingToCheck),
                services => services,
            },
        };
        let run = all.run_mode();
        Ok(Settings {
            pool: match all.pool.value {
                PoolKind::Director => Pool::Director,
                PoolKind::HaProxy => Pool::HaProxy {
                    watch: match all.haproxy_proxies.value.is_empty() {
                        true => Watch::CheckedPorts,
                        false => Watch::Proxies(all.haproxy_proxies.value.clone()),
                    },
                },
            },
            services,
            pace: all.pace(defaults),
            rules: all.rules(),
            mode: match all.dry_run.value || run == RunMode::Once {
                true => Mode::DryRun,
                false => Mode::Live,
            },
            probing: all.probing(),
            log_level: all.log_level(),
            files: Files {
                log: all.log(run, called),
                lock: all.lockfile.value,
                state: all.state_file.value,
                published: Published {
                    status: all.status_file.value,
                    metrics: all.metrics_file.value,
                    page: all.html_file.value,
                },
                record: all.record.value,
            },
            socket: all.director_admin_socket.value,
            accounts: Accounts {
                credentials: all.credfile.said(),
                unknown: match all.poll_unknown_backends.said() {
                    Some(false) => Unknown::LeftAlone,
                    Some(true) | None => Unknown::Probed,
                },
            },
            hook: all.beupdatescript.said().map(|script| Hook { script }),
            run,
            run_as: RunAs {
                user: all.user.said(),
                group: all.group.said(),
            },
        })
    }

    /// What holds for HAProxy where the operator says nothing else.
    fn with_defaults_of_pool(mut self) -> Chosen {
        if self.pool.value == PoolKind::Director {
            return self;
        }
        let by = SaidBy::Default;
        if !self.director_admin_socket.is_given() {
            let socket = PathBuf::from(HAPROXYS_SOCKET);
            self.director_admin_socket.say(socket, by);
        }
        if !self.interval.is_given() {
            self.interval.say(HAPROXYS_INTERVAL, by);
        }
        if !self.login_interval.is_given() {
            self.login_interval.say(HAPROXYS_LOGIN_INTERVAL, by);
        }
        if !self.restore.is_given() {
            self.restore.say(Restore::Own, by);
        }
        self
    }

    /// Plain ports, then TLS ports; they replace all that a file says of ports.
    fn services_of_options(&self) -> Vec<Service> {
        [self.port.value.as_slice(), &self.ssl.value].concat()
    }

    fn services_of_keys(&self) -> Vec<Service> {
        let port = |protocol| {
            let (security, number) = self.of(protocol).port();
            Port {
                protocol,
                security,
                number,
            }
        };
        let protocols = Protocol::ALL.iter().copied();
        let polled = protocols.filter(|protocol| self.of(*protocol).poll.value);
        let delivery = self.deep_probe.value.map(|collects| Service::Delivery {
            deliver: port(Protocol::Lmtp),
            read: port(collects),
        });
        polled
            .map(|protocol| Service::Port(port(protocol)))
            .chain(delivery)
            .collect()
    }

    fn pace(&self, defaults: DefaultsOf) -> Pace {
        // poolmon's plan is not dovemon's: who asks for the one does not want the other.
        let wants_retries = self.retries.is_given() || self.retry_delay.is_given();
        let rounds = self.rapid_rounds.value;
        let plan = match defaults {
            DefaultsOf::Dovemon if !wants_retries => Plan::Rapid(Rapid {
                retry_count: self.retry_count.value,
                rapid_rounds: rounds,
                // Where fewer polls are made than have to fail, all of them have to.
                rapid_fails_needed: self.rapid_fails_needed.value.min(rounds.max(1)),
                rapid_timeout: self.rapidpoll_timeout.value,
            }),
            DefaultsOf::Poolmon | DefaultsOf::Dovemon => Plan::Retries(Retries {
                retries: self.retries.value,
                retry_delay: self.retry_delay.value,
            }),
        };
        Pace {
            interval: self.interval.value,
            login_interval: self.login_interval.value,
            timeout: match self.timeout.value {
                Duration::ZERO => self.rapidpoll_timeout.value,
                timeout => timeout,
            },
            plan,
            rise: self.rise.value,
            fall: self.fall.value,
        }
    }

    fn probing(&self) -> Probing {
        let verify = match self.ssl_verify.said() {
            Some(true) => Verify::On,
            Some(false) => Verify::Off,
            None => Verify::Unsaid,
        };
        Probing {
            certificates: Certificates::new(
                verify,
                self.tls_name.clone().said(),
                self.ca_file.clone().said(),
                self.starttls.value,
                match self.require_tls.value {
                    true => PasswordOver::VerifiedTls,
                    false => PasswordOver::Any,
                },
            ),
            envelope: Envelope {
                from: self.lmtp_from.value.clone(),
                to: Some(self.lmtp_to.value.clone()).filter(|to| !to.is_empty()),
            },
            auth: self.auth.value,
            starttls: self.starttls.value,
            proxy_protocol: self.proxy_protocol.value,
            steps: Steps {
                imap: ImapSteps {
                    list: self.poll_imap_list.value,
                    select: self.poll_imap_select.value,
                    append: self.poll_imap_append.value,
                    expunge: self.poll_imap_expunge.value,
                },
                pop3: Pop3Steps {
                    stat: self.poll_pop3_stat.value,
                    delete: self.poll_pop3_delete.value,
                },
                lmtp: LmtpSteps {
                    deliver: self.poll_lmtp_deliver.value,
                },
            },
        }
    }

    fn rules(&self) -> Rules {
        // `use_host_flush` is dovemon's word for `flush: drop`.
        let flush = match self.use_host_flush.value && !self.flush.is_given() {
            true => Flush::Drop,
            false => self.flush.value,
        };
        // A limit belongs to the delay of the file that has it.
        let limit = Some(self.delayed_down_limit.value).filter(|_| self.use_delayed_down.value);
        let down_delay = match self.use_delayed_down.value {
            true => self.delayed_down_delay.value,
            false => Duration::ZERO,
        };
        Rules {
            drain: match (flush, self.pool.value) {
                (Flush::Move, PoolKind::Director) => DrainMode::Move {
                    limit: self.max_moves.value,
                },
                // HAProxy ends the sessions of a server all at once, and remembers no users.
                (Flush::Move, PoolKind::HaProxy) => DrainMode::Move {
                    limit: MoveLimit::All,
                },
                (Flush::Drop, PoolKind::Director) => DrainMode::Drop,
                (Flush::Drop, PoolKind::HaProxy) | (Flush::None, _) => DrainMode::Leave,
            },
            restore: self.restore.value,
            brake: self.max_down.value,
            down_delay: self.down_delay.said().unwrap_or(down_delay),
            down_delay_limit: limit,
            hold: match self.hold.said() {
                Some(hold) => hold,
                None => Rules::usual_hold(self.interval.value),
            },
        }
    }

    fn run_mode(&self) -> RunMode {
        let stays_here = self.foreground.value || self.debug_on_terminal.value;
        match (self.once.value, stays_here) {
            (true, _) => RunMode::Once,
            (false, true) => RunMode::Foreground,
            (false, false) => RunMode::Daemon,
        }
    }

    fn log(&self, run: RunMode, called: Program) -> LogTarget {
        // `debug` counts more than the file's `logfile`, wherever either stands.
        let on_terminal = self.debug_on_terminal.value && self.logfile.by < SaidBy::CommandLine;
        let is_syslog = self.logfile.value.as_os_str() == "syslog";
        match run {
            _ if is_syslog && !on_terminal => LogTarget::Syslog(Syslog {
                socket: self.logger_socket_addr.clone().said(),
                facility: self.syslog_facility.value,
                ident: called,
            }),
            RunMode::Daemon => LogTarget::File(self.logfile.value.clone()),
            RunMode::Foreground | RunMode::Once => LogTarget::Terminal,
        }
    }

    fn log_level(&self) -> LevelFilter {
        match self.loglevel.value {
            _ if self.debug.value => LevelFilter::Debug,
            0 => LevelFilter::Info,
            1 => LevelFilter::Warn,
            2 => LevelFilter::Error,
            _ => LevelFilter::Debug,
        }
    }
}

fn poolmons_services() -> Vec<Service> {
    let plain = |protocol, number| {
        Service::Port(Port {
            protocol,
            security: Security::Plain,
            number,
        })
    };
    vec![plain(Protocol::Pop3, 110), plain(Protocol::Imap, 143)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(choices: Chosen) -> Settings {
        choices
            .build(DefaultsOf::Dovemon, Program::Dovemon)
            .unwrap()
    }

    fn services(change: impl FnOnce(&mut Chosen)) -> String {
        let mut choices = Chosen::default();
        change(&mut choices);
        match choices.build(DefaultsOf::Dovemon, Program::Dovemon) {
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
        assert_eq!(
            services(|choices| choices.of_mut(Protocol::Imap).ssl = true.into()),
            "imap+tls:993"
        );
        let all = |choices: &mut Chosen| {
            choices.of_mut(Protocol::Pop3).poll = true.into();
            choices.of_mut(Protocol::Lmtp).poll = true.into();
            choices.of_mut(Protocol::Lmtp).ssl = true.into();
            choices.deep_probe = Some(Protocol::Pop3).into();
        };
        assert_eq!(
            services(all),
            "imap:143 pop3:110 lmtp+tls:24 delivery lmtp+tls:24 to pop3:110"
        );
        let others = |choices: &mut Chosen| {
            choices.of_mut(Protocol::Imap).poll = false.into();
            choices.of_mut(Protocol::Sieve).poll = true.into();
            choices.of_mut(Protocol::Submission).poll = true.into();
        };
        assert_eq!(services(others), "sieve:4190 submission:587");
        let submissions = |choices: &mut Chosen| {
            others(choices);
            choices.of_mut(Protocol::Submission).ssl = true.into();
        };
        assert_eq!(services(submissions), "sieve:4190 submission+tls:465");
        let deep_alone = |choices: &mut Chosen| {
            choices.of_mut(Protocol::Imap).poll = false.into();
            choices.deep_probe = Some(Protocol::Imap).into();
        };
        assert_eq!(services(deep_alone), "delivery lmtp:24 to imap:143");
        let nothing = |choices: &mut Chosen| choices.of_mut(Protocol::Imap).poll = false.into();
        assert!(services(nothing).contains(
            "nothing is polled: expected poll_imap, poll_pop3, poll_lmtp, poll_sieve or poll_submission to be \
             True, or a deep_probe"
        ));
    }

    /// What the operator says counts, also where it is the director's default.
    #[test]
    fn haproxys_own_defaults_are_for_what_nobody_has_said() {
        let mut choices = Chosen {
            pool: PoolKind::HaProxy.into(),
            ..Chosen::default()
        };
        let settings = built(choices.clone());
        assert_eq!(settings.socket, PathBuf::from(HAPROXYS_SOCKET));
        assert_eq!(settings.pace.interval, HAPROXYS_INTERVAL);
        assert_eq!(settings.pace.login_interval, HAPROXYS_LOGIN_INTERVAL);
        assert_eq!(settings.rules.restore, Restore::Own);
        let by = SaidBy::CommandLine;
        choices.director_admin_socket.say("/run/other".into(), by);
        choices.interval.say(Duration::from_secs(10), by);
        choices.login_interval.say(Duration::ZERO, by);
        choices.restore.say(Restore::Any, by);
        let settings = built(choices);
        assert_eq!(settings.socket, PathBuf::from("/run/other"));
        assert_eq!(settings.pace.interval, Duration::from_secs(10));
        assert_eq!(settings.pace.login_interval, Duration::ZERO);
        assert_eq!(settings.rules.restore, Restore::Any);
    }

    #[test]
    fn no_more_rapid_polls_have_to_fail_than_are_made() {
        for (rounds, needed) in [(10, 7), (7, 7), (5, 5), (0, 1)] {
            let choices = Chosen {
                rapid_rounds: rounds.into(),
                ..Chosen::default()
            };
            match built(choices).pace.plan {
                Plan::Rapid(rapid) => assert_eq!(rapid.rapid_fails_needed, needed),
                Plan::Retries(_) => panic!("not poolmon's plan"),
            }
        }
    }

    #[test]
    fn a_poll_without_a_limit_of_its_own_has_the_rapid_rounds() {
        let choices = Chosen {
            timeout: Duration::ZERO.into(),
            rapidpoll_timeout: Duration::from_secs(4).into(),
            ..Chosen::default()
        };
        assert_eq!(built(choices).pace.timeout, Duration::from_secs(4));
    }

    #[test]
    fn a_down_is_delayed_only_where_that_is_turned_on() {
        let rules = built(Chosen::default()).rules;
        assert_eq!(
            (rules.down_delay, rules.down_delay_limit),
            (Duration::ZERO, None)
        );
        let mut choices = Chosen {
            use_delayed_down: true.into(),
            ..Chosen::default()
        };
        let rules = built(choices.clone()).rules;
        assert_eq!(rules.down_delay, Duration::from_secs(120));
        assert_eq!(rules.down_delay_limit, Some(2));
        // The option's delay, with the limit of a file that has one.
        choices
            .down_delay
            .say(Duration::from_secs(9), SaidBy::CommandLine);
        let rules = built(choices.clone()).rules;
        assert_eq!(rules.down_delay, Duration::from_secs(9));
        assert_eq!(rules.down_delay_limit, Some(2));
        choices.use_delayed_down = false.into();
        let rules = built(choices).rules;
        assert_eq!(rules.down_delay, Duration::from_secs(9));
        assert_eq!(rules.down_delay_limit, None);
    }

    #[test]
    fn a_log_named_on_the_command_line_counts_more_than_debug_in_the_file() {
        let log = |logfile: &str, by| {
            let mut choices = Chosen {
                debug_on_terminal: true.into(),
                ..Chosen::default()
            };
            choices.logfile.say(logfile.into(), by);
            built(choices).files.log
        };
        for logfile in ["syslog", "/var/log/x"] {
            assert_eq!(log(logfile, SaidBy::File), LogTarget::Terminal);
        }
        let on_terminal = log("/var/log/x", SaidBy::CommandLine);
        assert_eq!(on_terminal, LogTarget::Terminal);
        let syslog = log("syslog", SaidBy::CommandLine);
        assert!(matches!(syslog, LogTarget::Syslog(_)));
    }
}
