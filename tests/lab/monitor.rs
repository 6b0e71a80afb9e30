//! The binary under test: started with flags, watched through its log, ended by its number.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{kill, Signal};
use nix::unistd::{chown, Pid, Uid};
use serde_json::Value;

use super::command::{self, Ended};
use super::passwords::{self, marked};
use super::patience::{show_on_failure, wait_for, wait_until};
use super::place::Place;
use super::warden::{Ward, Warden};

static MONITORS: AtomicUsize = AtomicUsize::new(0);

/// The program: another build if POOLMON_BIN names one, else the one that cargo built.
pub fn binary() -> PathBuf {
    env::var_os("POOLMON_BIN")
        .map(PathBuf::from)
        .or_else(|| option_env!("CARGO_BIN_EXE_poolmon").map(PathBuf::from))
        .expect("POOLMON_BIN names the program, or cargo does")
}

/// Flags, and the files that keep monitors of one place apart.
#[derive(Clone, Debug)]
pub struct MonitorPlan {
    folder: PathBuf,
    log: PathBuf,
    pub lock: PathBuf,
    pub state: PathBuf,
    /// The status file.
    pub status: PathBuf,
    program: PathBuf,
    flags: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    scope: Scope,
    /// Soft and hard.
    most_descriptors: Option<u32>,
    /// What whoever starts it leaves open for it, locked.
    inherited: Option<PathBuf>,
    user: Option<(u32, Rights)>,
    place: Namespace,
}

/// What a user who is not root may do all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rights {
    None,
    OpenAllFiles,
}

/// Among which processes it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Namespace {
    Usual,
    /// One of its own, in which it is the first.
    Own,
}

/// What of a run is the plan's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// The foreground, the log, the lock, the state file and the status file.
    Usual,
    /// Nothing but the flags: configuration files say the rest.
    FlagsAlone,
}

impl MonitorPlan {
    /// In the foreground with debugging, its own lock and state file, and no ports yet.
    pub fn new(place: &Place, socket: &Path) -> MonitorPlan {
        let number = MONITORS.fetch_add(1, Ordering::Relaxed);
        let file = |suffix: &str| place.path(&format!("monitor{number}.{suffix}"));
        let plan = MonitorPlan {
            folder: place.folder().to_path_buf(),
            log: file("log"),
            lock: file("pid"),
            state: file("state"),
            status: file("status.json"),
            program: binary(),
            flags: Vec::new(),
            variables: Vec::new(),
            scope: Scope::Usual,
            most_descriptors: None,
            inherited: None,
            user: None,
            place: Namespace::Usual,
        };
        plan.flag("-S").flag(socket)
    }

    /// Called as dovemon, with no flags but these two files: what else there is stands in them, the status
    /// file's name too.
    pub fn dovemon(place: &Place, config: &Path, accounts: &Path) -> MonitorPlan {
        let mut plan = MonitorPlan::new(place, Path::new(""));
        plan.flags.clear();
        plan.scope = Scope::FlagsAlone;
        plan.program = place.path("dovemon");
        if !plan.program.exists() {
            symlink(binary(), &plan.program).unwrap();
        }
        plan.flag("--config")
            .flag(config)
            .flag("--accounts")
            .flag(accounts)
    }

    pub fn flag(mut self, flag: impl AsRef<OsStr>) -> MonitorPlan {
        self.flags.push(flag.as_ref().to_os_string());
        self
    }

    /// In the environment.
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> MonitorPlan {
        let value = value.as_ref().to_os_string();
        self.variables.push((name.into(), value));
        self
    }

    /// Words between blanks, each a flag or a value.
    pub fn flags(mut self, words: &str) -> MonitorPlan {
        self.flags
            .extend(words.split_whitespace().map(OsString::from));
        self
    }

    /// It runs as this user, with no right of root's but to open all files.
    pub fn user(mut self, user: u32) -> MonitorPlan {
        self.user = Some((user, Rights::OpenAllFiles));
        self
    }

    /// It runs as this user, to whom the place's folder is given, with no right of root's. The program
    /// is copied there, as the build's folder may be closed to others.
    pub fn stranger(mut self, place: &Place, user: u32) -> MonitorPlan {
        chown(place.folder(), Some(Uid::from_raw(user)), None).unwrap();
        self.program = place.path("poolmon");
        if !self.program.exists() {
            fs::copy(binary(), &self.program).unwrap();
        }
        self.user = Some((user, Rights::None));
        self
    }

    /// It may have so many files and connections open.
    pub fn most_descriptors(mut self, most: u32) -> MonitorPlan {
        self.most_descriptors = Some(most);
        self
    }

    /// Whoever starts it has locked this file, and leaves it open for all programs that it starts.
    pub fn inheriting(mut self, locked: &Path) -> MonitorPlan {
        self.inherited = Some(locked.to_path_buf());
        self
    }

    /// As a container starts it. The process that is started then waits for it, passes no signal on, and
    /// ends with its code.
    pub fn first_process(mut self) -> MonitorPlan {
        self.place = Namespace::Own;
        self
    }

    pub fn log_file(&self) -> PathBuf {
        self.log.clone()
    }

    pub fn credentials_file(&self) -> PathBuf {
        self.log.with_extension("credentials")
    }

    /// Writes user name and password, with the lab's mark, into a file that only the owner reads.
    pub fn credentials(self, user: &str, password: &str) -> MonitorPlan {
        let file = self.credentials_file();
        fs::write(&file, format!("{user}\n{}\n", marked(password))).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        self.flag("-c").flag(file)
    }

    /// The same flags with files of its own: another monitor.
    pub fn another(&self, place: &Place) -> MonitorPlan {
        let mut other = MonitorPlan::new(place, Path::new("/nowhere"));
        other.flags = self.flags.clone();
        other
    }

    /// The file that is run, by the name that it is called by.
    pub fn program(&self) -> &Path {
        &self.program
    }

    pub fn start(&self) -> Monitor {
        show_on_failure(&self.log);
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        self.start_into(log.try_clone().unwrap(), log)
    }

    /// Standard output and standard error go there. A `Monitor` reads them only if that is its log.
    pub fn start_into(&self, output: impl Into<Stdio>, error: impl Into<Stdio>) -> Monitor {
        let before = fs::metadata(&self.log).map_or(0, |data| data.len());
        let mut command = self.command();
        if self.scope == Scope::Usual {
            // With -f, a log file means standard output and standard error.
            command.arg("-d").arg("-f").arg("-l").arg(&self.log);
            command.arg("-k").arg(&self.lock);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(error)
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", binary()));
        let warden = Warden::over(Ward::Process(Pid::from_raw(child.id() as i32)));
        Monitor {
            log: self.log.clone(),
            status: self.status.clone(),
            before,
            child,
            ended: None,
            _warden: warden,
        }
    }

    /// Runs to the end by itself: `--once`, `--help`, a refusal.
    #[track_caller]
    pub fn run(&self, words: &str, limit: Duration) -> Ended {
        let mut command = self.command();
        command.args(words.split_whitespace());
        if self.scope == Scope::Usual {
            command.arg("-k").arg(&self.lock).arg("-l").arg(&self.log);
        }
        command::run(&mut command, &self.folder, limit)
    }

    /// `poolmon check` with the same flags.
    #[track_caller]
    pub fn check(&self, words: &str, limit: Duration) -> Ended {
        let mut command = self.program_alone();
        command.arg("check").args(&self.flags);
        command.args(words.split_whitespace());
        command::run(&mut command, &self.folder, limit)
    }

    fn command(&self) -> Command {
        let mut command = self.program_alone();
        if self.place == Namespace::Own {
            let mut unshare = Command::new("unshare");
            unshare
                .args(["--pid", "--fork", "--mount-proc", "--kill-child"])
                .arg(command.get_program())
                .args(command.get_args());
            command = unshare;
        }
        command.args(&self.flags).envs(self.variables.clone());
        if self.scope == Scope::Usual {
            command.arg("--state-file").arg(&self.state);
            command.arg("--status-file").arg(&self.status);
        }
        command
    }

    fn program_alone(&self) -> Command {
        let limit = self
            .most_descriptors
            .map(|most| format!("ulimit -n {most}"));
        let lock = self.inherited.as_ref();
        let lock = lock.map(|locked| format!("exec 9>{} && flock -n 9", locked.display()));
        match (limit.or(lock), self.user) {
            (None, None) => Command::new(&self.program),
            (None, Some((user, rights))) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).args(match rights {
                    Rights::OpenAllFiles => {
                        ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
                    }
                    Rights::None => ["--clear-groups", "--no-new-privs"],
                });
                command.arg(&self.program);
                command
            }
            (Some(before), _) => {
                let mut shell = Command::new("sh");
                let text = format!("{before} && exec \"$0\" \"$@\"");
                shell.arg("-c").arg(text).arg(&self.program);
                shell
            }
        }
    }
}

pub struct Monitor {
    log: PathBuf,
    status: PathBuf,
    /// Size of the log at the start: what is before belongs to an earlier run.
    before: u64,
    child: Child,
    ended: Option<ExitStatus>,
    _warden: Warden,
}

impl Monitor {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What this run has logged so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes[self.before as usize..]).into_owned()
    }

    pub fn lines(&self) -> Vec<String> {
        self.log().lines().map(str::to_string).collect()
    }

    /// Lines that contain all of these.
    pub fn lines_with(&self, words: &[&str]) -> Vec<String> {
        let has_all = |line: &String| words.iter().all(|word| line.contains(word));
        self.lines().into_iter().filter(has_all).collect()
    }

    pub fn errors(&self) -> Vec<String> {
        self.lines_with(&[" ERR "])
    }

    /// Waits for a line that contains all of these.
    #[track_caller]
    pub fn wait_for_line(&self, words: &[&str], limit: Duration) -> String {
        // To read a long log a hundred times a second takes the processor that its monitor needs.
        let mut looked_at = 0;
        wait_for(&format!("a log line with {words:?}"), limit, || {
            let length = fs::metadata(&self.log).map_or(0, |log| log.len());
            let is_new = length != looked_at;
            looked_at = length;
            is_new.then(|| self.lines_with(words).into_iter().next())?
        })
    }

    /// Waits until this holds of what its status file shows: what a monitor has seen, and the log does not tell.
    #[track_caller]
    pub fn wait_for_status(&self, what: &str, limit: Duration, holds: impl Fn(&Value) -> bool) {
        wait_until(what, limit, || {
            let text = fs::read_to_string(&self.status).unwrap_or_default();
            serde_json::from_str(&text).map_or(false, |value| holds(&value))
        });
    }

    /// Waits until it has read a whole list of which the reading began after this call did.
    #[track_caller]
    pub fn wait_for_list(&self, limit: Duration) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = now.as_secs_f64();
        self.wait_for_status("a list to be read from now on", limit, |shown| {
            let began = shown["director"]["list_read"].as_f64();
            began.map_or(false, |began| began > now)
        });
    }

    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.child.id() as i32), signal);
    }

    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().unwrap();
        }
        self.ended
    }

    #[track_caller]
    pub fn wait_for_end(&mut self, limit: Duration) -> ExitStatus {
        wait_until("the monitor's end", limit, || self.has_ended().is_some());
        self.ended.expect("ended")
    }

    /// SIGTERM; how long it took to obey.
    #[track_caller]
    pub fn stop(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let sent = Instant::now();
        self.signal(Signal::SIGTERM);
        let status = self.wait_for_end(limit);
        (status, sent.elapsed())
    }

    /// SIGKILL: no time for any last word.
    pub fn kill(&mut self) {
        if self.has_ended().is_none() {
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        passwords::assert_none_in_process(self.pid());
        self.kill();
    }
}
