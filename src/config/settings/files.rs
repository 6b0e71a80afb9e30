//! What the daemon writes, and where: lock, state, log, and the files for people.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::program::Program;

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
    /// `logger_socket_addr` of dovemon's file. Without it, the first that exists of the usual ones, such as `/dev/log`.
    pub socket: Option<PathBuf>,
    /// The key `syslog_facility`.
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
