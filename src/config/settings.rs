//! The checked configuration: the one type that all other rooms read.
//!
//! Nothing in it is optional in the sense of "perhaps set": every value is final, every time a
//! `Duration`. It is made by a `Chosen` and must not read files or arguments itself.

mod files;
mod probing;

use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;
use serde::{Deserialize, Serialize};

use crate::pool::haproxy::reading::Watched;
use crate::pool::Access;
use crate::service::Service;

pub use crate::pool::{DrainMode, MoveLimit};
pub use files::{Facility, Files, LogTarget, Publication, Published, Syslog};
pub use probing::{
    Accounts, Auth, ImapSteps, LmtpSteps, Pace, PasswordOver, Plan, Pop3Steps, Probing,
    ProxyProtocol, Rapid, Retries, StartTls, Steps, Unknown,
};

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
