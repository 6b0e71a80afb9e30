//! The checked configuration: the one type that all other rooms read.
//!
//! Nothing in it is optional in the sense of "perhaps set": every value is final, every time a
//! `Duration`. It is made by a `Chosen` and must not read files or arguments itself.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;

use super::trust::Certificates;
use serde::{Deserialize, Serialize};

use crate::account::Envelope;
use crate::pool::haproxy::reading::Watched;
use crate::pool::Access;
use crate::program::Program;
use crate::service::Service;

pub use crate::pool::{DrainMode, MoveLimit};

/// All that the operator has chosen, checked, with the defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `--pool` and what goes with it. A reload does not change the kind.
    pub pool: Pool,
    /// The director's admin socket, or HAProxy's stats socket.
    pub socket: PathBuf,
    /// In the order of checking: plain ports first, then TLS ports, each as given.
    pub services: Vec<Service>,
    /// How often, for how long, and how often again before a failure counts.
    pub pace: Pace,
    /// The same for all backends; what a backend has of its own is in its `Target`.
    pub probing: Probing,
    /// Where the accounts come from. The accounts themselves, and their passwords, are not in the settings.
    pub accounts: Accounts,
    /// What the operator allows and limits.
    pub rules: Rules,
    /// `DryRun` with `--dry-run`, and always with `--once`.
    pub mode: Mode,
    /// What is run at each change of ours.
    pub hook: Option<Hook>,
    /// Absolute paths, once `anchor` has been called.
    pub files: Files,
    /// A reload does not change it.
    pub run: RunMode,
    /// Who the program runs as, once all that needs root is open.
    pub run_as: RunAs,
    /// What is logged; with debug lines, each probe.
    pub log_level: LevelFilter,
}

impl Settings {
    /// Which pool is watched, and where it is read and told.
    pub fn access(&self) -> Access {
        let socket = self.socket.clone();
        match &self.pool {
            Pool::Director => Access::Director { socket },
            Pool::HaProxy { watch } => Access::HaProxy {
                socket,
                watched: match watch {
                    Watch::Proxies(names) => Watched::Proxies(names.clone()),
                    Watch::UsualPorts(ports) => Watched::Ports(ports.clone()),
                    Watch::CheckedPorts => Watched::Ports(self.ports()),
                },
            },
        }
    }

    /// The numbers of all that is checked.
    fn ports(&self) -> Vec<u16> {
        let ports = self.services.iter().flat_map(|service| match service {
            Service::Port(port) => vec![port.number],
            Service::Delivery { deliver, read } => vec![deliver.number, read.number],
        });
        ports.collect()
    }

    /// Makes every path independent of the working folder, which a daemon leaves.
    pub fn anchor(&mut self, folder: &Path) {
        let anchor = |path: &mut PathBuf| *path = folder.join(&path);
        anchor(&mut self.socket);
        anchor(&mut self.files.lock);
        anchor(&mut self.files.state);
        let Published {
            status,
            metrics,
            page,
        } = &mut self.files.published;
        for path in [status, metrics, page] {
            path.iter_mut().for_each(anchor);
        }
        self.files.record.iter_mut().for_each(anchor);
        match &mut self.files.log {
            LogTarget::File(log) => anchor(log),
            LogTarget::Syslog(syslog) => syslog.socket.iter_mut().for_each(anchor),
            LogTarget::Terminal => {}
        }
        if let Some(hook) = &mut self.hook {
            anchor(&mut hook.script);
        }
        let ca_file = &mut self.probing.certificates.ca_file;
        for path in [ca_file, &mut self.accounts.credentials] {
            path.iter_mut().for_each(anchor);
        }
    }
}

/// Which kind of pool is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolKind {
    /// A Dovecot director, over its admin socket.
    #[default]
    Director,
    /// An HAProxy, over its stats socket.
    HaProxy,
}

/// The pool that is watched, with what only its kind needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pool {
    /// All backends that it lists.
    Director,
    /// The mail servers in the watched proxies of an HAProxy.
    HaProxy {
        /// `--haproxy-proxies`.
        watch: Watch,
    },
}

/// Which of HAProxy's proxies are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Those with these names; at least one.
    Proxies(Vec<String>),
    /// All with a server at a port that is checked.
    CheckedPorts,
    /// All with a server at one of these: what is checked was found out by them.
    UsualPorts(Vec<u16>),
}

/// When a backend is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// With retries from the end of a round to the start of the next, with rapid rounds from the
    /// start of a poll to the start of the next.
    pub interval: Duration,
    /// From one login to the next, while all is well: rounds between them go as far as the greeting. With
    /// zero each round logs in.
    #[serde(default)]
    pub login_interval: Duration,
    /// For a whole attempt: connect, TLS and talk.
    pub timeout: Duration,
    /// By retries, as poolmon had it, or by rapid rounds, as dovemon had it.
    pub plan: Plan,
    /// Healthy rounds in a row before a backend counts as healthy, at least one.
    pub rise: u32,
    /// Failed rounds in a row before a backend counts as failed, at least one.
    pub fall: u32,
}

/// What is done about a failed attempt before it is a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Where no dovemon file is read, or somebody asks for `retries` or `retry_delay`.
    Retries(Retries),
    /// Where a dovemon file is read, and nobody asks for poolmon's plan.
    Rapid(Rapid),
}

/// poolmon's plan: tried again at once, service by service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// Further attempts after a failed one, before the port has failed for good.
    pub retries: u32,
    /// Before the first retry; later retries wait one sixth of it.
    pub retry_delay: Duration,
}

/// dovemon's plan: failed polls are counted for each service, then it is tried without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rapid {
    /// Failed polls in a row of one service before its rapid round; with none, the first failed poll
    /// means that it has failed.
    pub retry_count: u32,
    /// Attempts of a rapid round; with none, `retry_count` failures mean that it has failed.
    pub rapid_rounds: u32,
    /// Failed attempts of a rapid round that mean that it has failed; all where it has fewer.
    pub rapid_fails_needed: u32,
    /// For an attempt of a rapid round; one that exceeds it means that it has failed.
    pub rapid_timeout: Duration,
}

impl Pace {
    /// Between rounds while rise or fall is being counted.
    pub fn interval_in_doubt(&self) -> Duration {
        (self.interval / 10)
            .max(Duration::from_secs(1))
            .min(self.interval)
    }
}

/// How one attempt is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probing {
    /// Which certificates are checked, and against what.
    pub certificates: Certificates,
    /// What an LMTP probe names as sender and recipient.
    pub envelope: Envelope,
    /// `--auth`.
    pub auth: Auth,
    /// `--starttls`. `--require-tls` may ask for more: `Certificates::starttls`.
    pub starttls: StartTls,
    /// `--proxy-protocol`.
    pub proxy_protocol: ProxyProtocol,
    /// `poll_imap_list` and the like of dovemon's file; no option asks for a step.
    pub steps: Steps,
}

/// Whom probes log in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// Two lines, user name and password, for every backend that has no account of its own. Without it
    /// probes of these do not log in.
    pub credentials: Option<PathBuf>,
    /// `LeftAlone` only by `poll_unknown_backends: False`.
    pub unknown: Unknown,
}

/// What becomes of backends that the file of accounts does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// With the account of `credentials`, or without a login where there is none.
    Probed,
    /// Neither probed nor judged.
    LeftAlone,
}

/// How an account logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// LOGIN of IMAP, USER and PASS of POP3. They know no master user.
    #[default]
    Login,
    /// SASL PLAIN (RFC 4616).
    SaslPlain,
}

/// When a connection that begins in plain text changes to TLS before a password or a recipient is sent. If
/// neither is sent, it never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartTls {
    /// Where the server offers it.
    #[default]
    Offered,
    /// Always: where it is not offered, neither is sent.
    Required,
    /// `--starttls=no`: what begins in plain text stays so. `--require-tls` then withholds the password.
    Never,
}

/// What a connection begins with, before anything else: the header that a port expects which has a proxy in
/// front of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// No header: there is no proxy in front, or it does not ask for one.
    #[default]
    No,
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Over which connections a password may be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordOver {
    /// Any, as the other choices and the server have it.
    #[default]
    Any,
    /// `--require-tls`: TLS whose certificate was checked, and nothing else.
    VerifiedTls,
}

/// What is done after the login or the greeting; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Of polls of IMAP ports; a deep probe has work of its own.
    pub imap: ImapSteps,
    /// Of polls of POP3 ports; a deep probe has work of its own.
    pub pop3: Pop3Steps,
    /// Of polls of LMTP ports; a deep probe has work of its own.
    pub lmtp: LmtpSteps,
}

/// What an IMAP probe does after the login; without an account it does none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImapSteps {
    /// LIST of the top level.
    pub list: bool,
    /// SELECT of the INBOX.
    pub select: bool,
    /// APPEND of a test message to the INBOX.
    pub append: bool,
    /// Expunge of the test messages in the INBOX; implies `select`.
    pub expunge: bool,
}

/// What a POP3 probe does after the login; without an account it does none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pop3Steps {
    /// STAT (RFC 1939, 5): how many messages the maildrop has.
    pub stat: bool,
    /// DELE of the test messages; implies `stat`.
    pub delete: bool,
}

/// What an LMTP probe does beyond naming sender and recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LmtpSteps {
    /// Delivery of a test message.
    pub deliver: bool,
}

/// What the policy may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// `--flush`, `--max-moves` and `use_host_flush`.
    pub drain: DrainMode,
    /// `--restore`; with HAProxy always `Own`, and `any` is refused.
    pub restore: Restore,
    /// `--max-down`.
    pub brake: Brake,
    /// How long a backend must have been failed before it is taken down.
    pub down_delay: Duration,
    /// After that delay: how many may be down, or due to be taken down, for it to be done at all.
    pub down_delay_limit: Option<u32>,
    /// How long a disputed backend is first held, doubling from then on.
    pub hold: Duration,
}

/// Which down backends are brought up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restore {
    /// Whatever is healthy, whoever took it down: poolmon's way.
    #[default]
    Any,
    /// Only what this monitor took down.
    Own,
}

/// How many backends of a tag may be down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Brake {
    /// All but one that passes: each down needs a refuge.
    #[default]
    Refuge,
    /// At most so many, and never without a refuge.
    AtMost(u32),
    /// At most so many percent of the tag's vhost count, and never without a refuge.
    Percent(u8),
    /// All, without a refuge: poolmon's way.
    Off,
}

impl Brake {
    /// The option that says so, for messages about a limit.
    pub fn option(self) -> String {
        match self {
            Brake::AtMost(most) => format!("--max-down={most}"),
            Brake::Percent(percent) => format!("--max-down={percent}%"),
            Brake::Refuge | Brake::Off => "--max-down".to_owned(),
        }
    }
}

impl Rules {
    /// The first hold where the operator names none: a minute, or ten intervals if that is longer.
    pub fn usual_hold(interval: Duration) -> Duration {
        Duration::from_secs(60).max(interval.saturating_mul(10))
    }
}

/// Whether the director is told anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The commands are sent.
    Live,
    /// `--dry-run`: only logged.
    DryRun,
}

/// A program that is run as `SCRIPT down|up ADDRESS` at each change of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The start and each reload check that it can be run; by the time it is run it may be another one.
    pub script: PathBuf,
}

/// The files that the daemon locks and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The PID file, which is locked while the monitor runs.
    pub lock: PathBuf,
    /// What has to outlive a restart.
    pub state: PathBuf,
    /// Where log lines go. A reload may name another place, and opens a file anew in any case.
    pub log: LogTarget,
    /// What is written for people and other programs: status, metrics and page.
    pub published: Published,
    /// What the engine is told is recorded here, if it is wanted.
    pub record: Option<PathBuf>,
}

/// The files that are written for people and other programs to read, each if its option is given. None holds a
/// secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// `--status-file`; not written without.
    pub status: Option<PathBuf>,
    /// `--metrics-file`; not written without.
    pub metrics: Option<PathBuf>,
    /// `--html-file`; not written without.
    pub page: Option<PathBuf>,
}

/// One of these files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Publication {
    /// How all stands, as JSON: `report::document`.
    Status,
    /// For Prometheus.
    Metrics,
    /// For a web server.
    Page,
}

impl Publication {
    /// The option that names its file.
    pub fn option(self) -> &'static str {
        match self {
            Publication::Status => "--status-file",
            Publication::Metrics => "--metrics-file",
            Publication::Page => "--html-file",
        }
    }
}

impl fmt::Display for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Publication::Status => "status file",
            Publication::Metrics => "metrics file",
            Publication::Page => "page",
        })
    }
}

impl Published {
    /// Those that are wanted.
    pub fn files(&self) -> impl Iterator<Item = (Publication, &Path)> {
        let all = [
            (Publication::Status, &self.status),
            (Publication::Metrics, &self.metrics),
            (Publication::Page, &self.page),
        ];
        let wanted = all.into_iter();
        wanted.filter_map(|(publication, path)| Some((publication, path.as_deref()?)))
    }
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Lines are appended to it.
    File(PathBuf),
    /// `--logfile=syslog`.
    Syslog(Syslog),
    /// `--foreground` with a log file: standard output and standard error.
    Terminal,
}

/// How syslog is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// Its socket; where none is named, the first that there is of the places that systems have.
    pub socket: Option<PathBuf>,
    /// `--syslog-facility`.
    pub facility: Facility,
    /// The name that messages begin with: that which the program was called by.
    pub ident: Program,
}

/// What kind of program a message is from: RFC 3164's number, times eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(i32);

impl Default for Facility {
    /// syslog(3)'s own.
    fn default() -> Facility {
        Facility::USER
    }
}

impl Facility {
    /// Messages of user programs: 1 in RFC 3164.
    pub const USER: Facility = Facility(1 << 3);

    /// By its name, in any case.
    pub fn named(name: &str) -> Option<Facility> {
        let facility: syslog::Facility = name.parse().ok()?;
        Some(Facility(facility as i32))
    }

    /// RFC 3164's number times eight, as it is added to the severity.
    pub fn code(self) -> i32 {
        self.0
    }
}

/// By its name, or else by RFC 3164's number.
impl fmt::Display for Facility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 20] = [
            "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
            "authpriv", "ftp", "local0", "local1", "local2", "local3", "local4", "local5",
            "local6", "local7",
        ];
        match NAMES
            .iter()
            .find(|name| Facility::named(name) == Some(*self))
        {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0 >> 3),
        }
    }
}

/// `--user` and `--group`, names or numbers as written; without a user it stays who started it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunAs {
    /// `--user`.
    pub user: Option<String>,
    /// `--group`; without it the one that the system's list of users has for the user.
    pub group: Option<String>,
}

/// Whether the program forks, and whether it goes on after the first round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMode {
    /// It forks once all is set up, and works in the background.
    Daemon,
    /// `--foreground`: it does not fork. Otherwise it does the same.
    Foreground,
    /// `--once`: one round, printed; no lock, no fork, no changing command.
    Once,
}
