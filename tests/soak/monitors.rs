//! The monitors: daemons, each with a user, a clock, a small disk and files of its own.
//!
//! A user of its own, with root's right to open files, so that the firewall can tell it from others. In
//! the background, so that its log can be rotated.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::disk::Disk;
use super::plan::{logs_to_its_disk, Settings};
use crate::lab::command;
use crate::lab::monitor::binary;
use crate::lab::passwords::{assert_none_in_process, marked};
use crate::lab::patience::wait_until;
use crate::lab::ring::{IMAP, PASSWORD, POP3, PROBE_USER};
use crate::lab::warden::Warden;

const FIRST_USER: u32 = 2001;
const START_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(20);
/// What a monitor writes in a day has room in it.
const DISK_SIZE: &str = "64m";

pub struct Monitor {
    pub user: u32,
    pub log: PathBuf,
    pub status: PathBuf,
    pub lock: PathBuf,
    config: PathBuf,
    accounts: PathBuf,
    pub record: PathBuf,
    socket: PathBuf,
    pub disk: Disk,
    restores_any: bool,
    environment: Vec<(&'static str, String)>,
    rotations: usize,
    // Last: it must not outlive what it watches over.
    _warden: Warden,
}

/// Where a monitor's files are, and what it talks to.
pub struct Surroundings<'a> {
    /// What is deleted at the end.
    pub place: &'a Path,
    pub recording: &'a Path,
    pub socket: PathBuf,
    pub backends: &'a [Ipv4Addr],
    /// What others took down, too.
    pub restores_any: bool,
    pub environment: Vec<(&'static str, String)>,
}

impl Monitor {
    /// Counted from 0. It does not run yet.
    pub fn prepare(number: usize, surroundings: Surroundings) -> Monitor {
        let Surroundings {
            place,
            recording,
            socket,
            backends,
            restores_any,
            environment,
        } = surroundings;
        let ours = |suffix: &str| place.join(format!("monitor{}.{suffix}", number + 1));
        let disk = Disk::mount(ours("disk"), DISK_SIZE);
        let lock = ours("pid");
        let monitor = Monitor {
            user: FIRST_USER + number as u32,
            log: if logs_to_its_disk(number) {
                disk.path("log")
            } else {
                recording.join(format!("monitor{}.log", number + 1))
            },
            status: disk.path("status.json"),
            config: ours("config.yml"),
            accounts: ours("accounts.yml"),
            record: disk.path("record"),
            socket,
            disk,
            restores_any,
            environment,
            rotations: 0,
            _warden: Warden::over_pid_file(&lock, &binary()),
            lock,
        };
        let account = |address: &Ipv4Addr| {
            let password = marked(PASSWORD);
            format!("{address}:\n  username: {PROBE_USER}\n  password: {password}\n")
        };
        let accounts: String = backends.iter().map(account).collect();
        fs::write(&monitor.accounts, accounts).unwrap();
        fs::set_permissions(&monitor.accounts, fs::Permissions::from_mode(0o600)).unwrap();
        monitor
    }

    /// What the next reload reads.
    fn configure(&self, settings: Settings) {
        let pace = match settings {
            Settings::Quicker => "interval: 1\ntimeout: 2\nretries: 0\n",
            Settings::Bad => "interval: 2\ntimeout: never\nretries: 1\n",
            Settings::RiseAndFall => "interval: 2\ntimeout: 3\nretries: 1\nrise: 2\nfall: 2\n",
            Settings::Usual | Settings::Pop3Too => "interval: 2\ntimeout: 3\nretries: 1\n",
        };
        let pop3 = match settings {
            Settings::Pop3Too => "poll_pop3: True\n",
            _ => "",
        };
        let restore = if self.restores_any { "any" } else { "own" };
        let text = format!(
            "director_admin_socket: {}\nimap_port: {IMAP}\npop3_port: {POP3}\nretry_delay: 0.3\n\
             restore: {restore}\nhold: {}\n{pace}{pop3}",
            self.socket.display(),
            super::judge::HOLD.as_secs(),
        );
        fs::write(&self.config, text).unwrap();
    }

    /// Returns when it is in the background. With the usual settings: nobody starts it with a bad file.
    pub fn start(&self) {
        self.configure(Settings::Usual);
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={}", self.user))
            .args(["--inh-caps=+dac_override", "--ambient-caps=+dac_override"])
            .arg("env")
            .args(
                self.environment
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
            .arg(binary())
            .arg("--config")
            .arg(&self.config)
            .arg("--accounts")
            .arg(&self.accounts)
            .arg("-d")
            .arg("-l")
            .arg(&self.log)
            .arg("-k")
            .arg(&self.lock)
            .arg("--state-file")
            .arg(self.disk.path("state.yml"))
            .arg("--status-file")
            .arg(&self.status)
            .arg("--html-file")
            .arg(self.disk.path("page.html"))
            .arg("--metrics-file")
            .arg(self.disk.path("metrics.prom"))
            .arg("--record")
            .arg(&self.record);
        let folder = self.config.parent().expect("a folder");
        command::run(&mut command, folder, START_LIMIT).success();
        wait_until("the monitor's PID file", START_LIMIT, || {
            self.pid().is_some()
        });
    }

    /// Of the process that runs.
    pub fn pid(&self) -> Option<Pid> {
        running_pid(&self.lock)
    }

    pub fn signal(&self, signal: Signal) {
        let pid = self.pid().expect("the monitor runs");
        kill(pid, signal).expect("it takes the signal");
    }

    /// Sends the signal and waits until the process has ended.
    pub fn end_by(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            assert_none_in_process(pid.as_raw() as u32);
            let _ = kill(pid, signal);
            wait_until("the monitor's end", END_LIMIT, || !runs(pid));
        }
    }

    pub fn reload(&self, settings: Settings) {
        self.configure(settings);
        self.signal(Signal::SIGHUP);
    }

    /// As logrotate does it.
    pub fn rotate(&mut self) {
        self.rotations += 1;
        let old = format!("{}.{}", self.log.display(), self.rotations);
        fs::rename(&self.log, old).expect("there is a log");
        self.signal(Signal::SIGHUP);
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            assert_none_in_process(pid.as_raw() as u32);
            let _ = kill(pid, Signal::SIGKILL);
            let _ = kill(pid, Signal::SIGCONT);
        }
    }
}

/// The number in a PID file, if such a process runs.
pub fn running_pid(lock: &Path) -> Option<Pid> {
    let pid = fs::read_to_string(lock).ok()?.trim().parse().ok()?;
    let pid = Pid::from_raw(pid);
    runs(pid).then_some(pid)
}

/// A zombie does not run: whoever is first among the processes here may take its time.
fn runs(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some(state) if !"ZX".contains(state))
}
