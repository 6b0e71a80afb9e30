//! The daemon's way to the background: what the terminal is told, and what is left of the terminal.

use std::fs::{self, read_link, Permissions};
use std::io::Write;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::os::unix::io::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::sys::signal::{kill, Signal};
use nix::unistd::{chown, Pid, Uid};

use super::installation::{is_running, mode_of, SOON};
use super::unit::Service;
use crate::lab::command::{self, Ended};
use crate::lab::fake_backend::{Mood, IMAP};
use crate::lab::fake_pool::{FakePool, PASSWORD, USER};
use crate::lab::monitor::{binary, MonitorPlan};
use crate::lab::passwords;
use crate::lab::patience::{check_in_time, less_than, show_on_failure, wait_until};
use crate::lab::warden::{Ward, Warden};

pub(super) struct Daemon {
    pub(super) pid: Pid,
    _warden: Warden,
}

impl Daemon {
    /// The one whose start has just returned.
    #[track_caller]
    pub(super) fn of(lock: &Path) -> Daemon {
        let text = fs::read_to_string(lock).expect("a PID file");
        assert!(text.ends_with('\n'), "{text:?}");
        let pid = Pid::from_raw(text.trim().parse().expect("a PID"));
        Daemon {
            pid,
            _warden: Warden::over(Ward::Process(pid)),
        }
    }

    #[track_caller]
    pub(super) fn start(plan: &MonitorPlan) -> Daemon {
        let ended = plan.run("-d", SOON);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
        assert_eq!(ended.text, "");
        Daemon::of(&plan.lock)
    }

    fn is_there(&self) -> bool {
        is_running(self.pid)
    }

    pub(super) fn send(&self, signal: Signal) {
        kill(self.pid, signal).expect("it is there");
    }

    /// How long it took to end.
    #[track_caller]
    pub(super) fn stop(&self, signal: Signal) -> Duration {
        passwords::assert_none_in_process(self.pid.as_raw() as u32);
        let sent = Instant::now();
        self.send(signal);
        wait_until("the daemon's end", SOON, || !self.is_there());
        sent.elapsed()
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string()).join(name)
    }
}

/// Whether somebody holds the lock, as flock(1) sees it.
fn is_locked(pool: &FakePool, lock: &Path) -> bool {
    let mut flock = Command::new("flock");
    flock.arg("--nonblock").arg(lock).arg("true");
    let ended = command::run(&mut flock, pool.place.folder(), SOON);
    !ended.status.success()
}

/// As of a script that starts it under `flock`, or of one that reads a pipe to its end.
#[test]
fn a_file_that_whoever_starts_it_has_locked_is_free_once_the_start_has_returned() {
    let pool = FakePool::start(1);
    let locked = pool.place.path("starters.lock");
    let daemon = Daemon::start(&pool.monitor().inheriting(&locked));
    assert!(daemon.is_there());
    assert!(!is_locked(&pool, &locked));
    daemon.stop(Signal::SIGTERM);
}

#[test]
fn when_the_start_returns_the_daemon_holds_the_lock_and_its_pid_is_written() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let attempt = |signal| {
        let daemon = Daemon::start(&plan);
        assert!(daemon.is_there());
        assert!(is_locked(&pool, &plan.lock));
        let again = plan.run("", SOON);
        assert_eq!(again.status.code(), Some(1));
        let expected = format!("poolmon: Already running as pid {}\n", daemon.pid);
        assert_eq!(again.text, expected);
        let taken = daemon.stop(signal);
        assert!(!plan.lock.exists());
        less_than(Duration::from_secs(1), taken)
    };
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        check_in_time(|| attempt(signal));
    }
}

#[test]
fn of_many_started_at_once_one_runs() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let ended: Vec<Ended> = thread::scope(|scope| {
        let starts: Vec<_> = (0..6).map(|_| scope.spawn(|| plan.run("", SOON))).collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    let daemon = Daemon::of(&plan.lock);
    let well = ended.iter().filter(|ended| ended.status.success()).count();
    assert_eq!(well, 1, "{ended:?}");
    for refused in ended.iter().filter(|ended| !ended.status.success()) {
        assert_eq!(refused.status.code(), Some(1));
        // On a busy machine the one in the background has not yet written its PID.
        let text = &refused.text;
        assert!(text.starts_with("poolmon: Already running"), "{text}");
    }
    daemon.stop(Signal::SIGTERM);
}

/// The handled signals of a process, as a set of bits.
fn handled(pid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let set = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

#[test]
fn a_signal_to_the_first_pid_in_the_file_ends_no_start() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    // One left behind is no process that may be sent a signal.
    for (round, stale) in [None, Some("4194304\n")]
        .iter()
        .cycle()
        .take(30)
        .enumerate()
    {
        let signal = [Signal::SIGHUP, Signal::SIGUSR1][round / 2 % 2];
        if let Some(stale) = stale {
            fs::write(&plan.lock, stale).unwrap();
        }
        let (ended, first) = thread::scope(|scope| {
            let start = scope.spawn(|| plan.run("", SOON));
            let first = loop {
                let is_over = start.is_finished();
                let text = fs::read_to_string(&plan.lock).unwrap_or_default();
                let pid = text.strip_suffix('\n').and_then(|pid| pid.parse().ok());
                match pid.filter(|_| Some(&*text) != *stale) {
                    Some(pid) => break Pid::from_raw(pid),
                    None => assert!(!is_over, "it ended without a PID"),
                }
            };
            let bits = handled(first).expect("a process");
            kill(first, signal).expect("a process");
            let wanted = 1 << (signal as i32 - 1);
            assert_eq!(bits & wanted, wanted, "{signal} is not handled yet");
            (start.join().unwrap(), first)
        });
        assert_eq!(ended.status.code(), Some(0), "{signal}: {}", ended.text);
        let daemon = Daemon::of(&plan.lock);
        assert_eq!(daemon.pid, first);
        assert!(daemon.is_there());
        daemon.stop(Signal::SIGTERM);
    }
}

#[test]
fn a_perl_poolmon_and_the_daemon_exclude_each_other() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let perl = |script: &str| {
        let mut perl = Command::new("perl");
        perl.args(["-MFcntl=:flock", "-e", script]).arg(&plan.lock);
        command::run(&mut perl, pool.place.folder(), SOON)
    };
    let daemon = Daemon::start(&plan);
    let asks = "open my $f, '+>>', $ARGV[0] or die; exit(flock($f, LOCK_EX | LOCK_NB) ? 3 : 4);";
    assert_eq!(perl(asks).status.code(), Some(4));
    daemon.stop(Signal::SIGTERM);
    assert_eq!(perl(asks).status.code(), Some(3));

    // It forks, as the Perl poolmon does, and its child keeps the lock.
    let holds = "open my $f, '+>>', $ARGV[0] or die; flock($f, LOCK_EX | LOCK_NB) or die; \
                 exit 0 if fork; truncate $f, 0; syswrite $f, \"$$\\n\"; sleep 30;";
    perl(holds).success();
    wait_until("Perl's PID", SOON, || {
        fs::read_to_string(&plan.lock).map_or(false, |text| text.ends_with('\n'))
    });
    let perl = Daemon::of(&plan.lock);
    let refused = plan.run("", SOON);
    assert_eq!(refused.status.code(), Some(1));
    let expected = format!("poolmon: Already running as pid {}\n", perl.pid);
    assert_eq!(refused.text, expected);
    perl.stop(Signal::SIGKILL);
    Daemon::start(&plan).stop(Signal::SIGTERM);
}

/// Soft and hard limit of the size of a core.
fn core_limits(pid: Pid) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let words = line.expect("the limit").split_whitespace().take(2);
    words.map(str::to_string).collect()
}

/// Whose the memory is: the kernel gives it to root where no core may be written.
fn owner_of_memory(pid: Pid) -> u32 {
    fs::metadata(format!("/proc/{pid}/mem")).unwrap().uid()
}

#[test]
fn no_core_is_written_of_it_and_its_memory_is_nobodys_to_read() {
    let pool = FakePool::start(1);
    // Any user that is not root.
    let user = 8;
    let plan = pool.monitor().credentials(USER, PASSWORD).user(user);
    let own = pool.place.path("own");
    fs::create_dir(&own).unwrap();
    for path in [pool.place.folder(), &own, &plan.credentials_file()] {
        chown(path, Some(Uid::from_raw(user)), None).unwrap();
    }
    chown(&pool.director.socket(), Some(Uid::from_raw(user)), None).unwrap();

    // What would be without it: the test can tell.
    let mut other = Command::new("setpriv");
    other.arg(format!("--reuid={user}")).args(["sleep", "60"]);
    let other = Service::start(&mut other, pool.place.path("other.log"));
    let other = Pid::from_raw(other.child.id() as i32);
    wait_until("the other's user", SOON, || owner_of_memory(other) == user);

    let daemon = Daemon::start(&plan);
    assert_eq!(core_limits(daemon.pid), ["0", "0"]);
    assert_eq!(owner_of_memory(daemon.pid), 0);
    pool.wait_for_visits();
    daemon.stop(Signal::SIGTERM);

    let foreground = plan.start();
    foreground.wait_for_line(&[" starts"], SOON);
    let pid = Pid::from_raw(foreground.pid() as i32);
    assert_eq!(core_limits(pid), ["0", "0"]);
    assert_eq!(owner_of_memory(pid), 0);
}

/// glibc reserves 64 MB for each arena but the first, aligned to as many, and uses the first pages.
fn arenas_beside_the_first(pid: Pid) -> usize {
    const RESERVED: u64 = 64 << 20;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let ranges: Vec<(u64, u64, bool)> = maps
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let (from, to) = words.next().unwrap().split_once('-').unwrap();
            let address = |text| u64::from_str_radix(text, 16).unwrap();
            let is_used = words.next().unwrap().starts_with("rw");
            (address(from), address(to), is_used)
        })
        .collect();
    ranges
        .windows(2)
        .filter(|pair| {
            let ((from, used_to, is_used), (rest_from, to, rest_is_used)) = (pair[0], pair[1]);
            let is_whole = from % RESERVED == 0 && to - from == RESERVED;
            is_used && !rest_is_used && used_to == rest_from && is_whole
        })
        .count()
}

#[test]
fn sixty_threads_allocate_from_two_arenas() {
    let pool = FakePool::start(60);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    let pid = Pid::from_raw(monitor.pid() as i32);
    assert_eq!(arenas_beside_the_first(pid), 1);
}

#[test]
fn it_leaves_the_terminal_its_folder_and_its_umask_behind() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    for (umask, others_may) in [("000", 0o644), ("077", 0o600)] {
        let start = format!(
            "umask {umask}; exec {} -S {} -k {} -l {} --state-file {} \
             --status-file {} -p IMAP:{IMAP}",
            binary().display(),
            pool.director.socket().display(),
            plan.lock.display(),
            plan.log_file().display(),
            plan.state.display(),
            plan.status.display(),
        );
        let _ = fs::remove_file(plan.log_file());
        let mut shell = Command::new("sh");
        shell.args(["-c", &start]);
        command::run(&mut shell, pool.place.folder(), SOON).success();
        let daemon = Daemon::of(&plan.lock);
        assert_eq!(mode_of(&plan.lock), others_may);
        assert_eq!(mode_of(&plan.log_file()), others_may & 0o640);

        assert_eq!(read_link(daemon.proc("cwd")).unwrap(), Path::new("/"));
        assert_eq!(
            read_link(daemon.proc("fd/0")).unwrap(),
            Path::new("/dev/null")
        );
        for stream in ["fd/1", "fd/2"] {
            assert_eq!(read_link(daemon.proc(stream)).unwrap(), plan.log_file());
        }
        let status = fs::read_to_string(daemon.proc("status")).unwrap();
        assert!(status.contains("Umask:\t0022"), "{status}");
        // A session of its own: fields 5, 6 and 7 of stat are group, session and terminal.
        let stat = fs::read_to_string(daemon.proc("stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let pid = daemon.pid.to_string();
        assert_eq!((fields[2], fields[3], fields[4]), (&*pid, &*pid, "0"));
        daemon.stop(Signal::SIGTERM);
    }
}

/// As of a program that has blocked them for a thread, and ignores what becomes of its children.
#[test]
fn signals_that_whoever_starts_it_has_blocked_or_ignored_are_obeyed_all_the_same() {
    let pool = FakePool::start(2);
    let plan = pool.monitor();
    let (script, told) = (pool.place.path("tell"), pool.place.path("told"));
    // The shell itself blocks signals for a moment where it starts a program.
    let text = format!(
        "#!/bin/sh\nwhile read -r name value; do [ $name != SigBlk: ] || echo $value; done < /proc/$$/status > {}\n",
        told.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let mut start = Command::new("env");
    start
        .args([
            "--block-signal=TERM,HUP,INT,QUIT,USR1,CHLD",
            "--ignore-signal=CHLD",
        ])
        .arg(binary())
        .arg("-S")
        .arg(pool.director.socket())
        .arg("-k")
        .arg(&plan.lock)
        .arg("-l")
        .arg(plan.log_file())
        .arg("--state-file")
        .arg(&plan.state)
        .arg("--status-file")
        .arg(&plan.status)
        .arg("--on-change")
        .arg(&script)
        .args(["-i1", "-t1", "--retries=0", &format!("-pIMAP:{IMAP}")]);
    command::run(&mut start, pool.place.folder(), SOON).success();
    let daemon = Daemon::of(&plan.lock);
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    wait_until("the script", SOON, || {
        fs::read_to_string(&told).map_or(false, |told| told == "0000000000000000\n")
    });
    let log = || fs::read_to_string(plan.log_file()).unwrap();
    for (signal, answer) in [
        (Signal::SIGHUP, "reloaded"),
        (Signal::SIGUSR1, "of 2 backends are up"),
    ] {
        daemon.send(signal);
        wait_until("the answer", SOON, || log().contains(answer));
    }
    daemon.stop(Signal::SIGTERM);
    assert!(!log().contains("cannot be waited for"), "{}", log());
}

/// As of a program that starts it, and does not read what it says.
#[test]
fn a_pipe_that_nobody_empties_holds_up_no_start() {
    let pool = FakePool::start(1);
    let plan = pool.monitor().credentials(USER, PASSWORD);
    fs::write(plan.credentials_file(), "").unwrap();
    let mut reader = Command::new("sleep")
        .arg("600")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = reader.stdin.take().unwrap();
    fcntl(pipe.as_raw_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while pipe.write(&[b'x'; 4096]).is_ok() {}
    fcntl(pipe.as_raw_fd(), FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    let mut start = Command::new(binary())
        .arg("-S")
        .arg(pool.director.socket())
        .arg("-k")
        .arg(&plan.lock)
        .arg("-l")
        .arg(plan.log_file())
        .arg("--state-file")
        .arg(&plan.state)
        .arg("--status-file")
        .arg(&plan.status)
        .arg("-c")
        .arg(plan.credentials_file())
        .arg(format!("-pIMAP:{IMAP}"))
        .stderr(pipe)
        .spawn()
        .unwrap();
    wait_until("the start", SOON, || start.try_wait().unwrap().is_some());
    let _ = reader.kill();
    let _ = reader.wait();
    assert!(start.wait().unwrap().success());
    Daemon::of(&plan.lock).stop(Signal::SIGTERM);
    let log = fs::read_to_string(plan.log_file()).unwrap();
    assert!(log.contains("probes do not log in"), "{log}");
}

/// dovemon's own place for the PID file is made where it is missing.
#[test]
fn a_folder_that_is_made_for_the_pid_file_is_changed_by_nobody_else() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let (config, folder) = (pool.place.path("c.yml"), pool.place.path("made"));
    let lock = folder.join("dovemon");
    let text = format!(
        "director_admin_socket: {}\npoll_imap: True\nimap_port: {IMAP}\nlockfile: {}\nlogfile: {}\nstate_file: {}\nstatus_file: {}\n",
        pool.director.socket().display(),
        lock.display(),
        plan.log_file().display(),
        plan.state.display(),
        plan.status.display(),
    );
    fs::write(&config, text).unwrap();
    let start = || {
        let mut shell = Command::new("sh");
        let program = format!(
            "umask 0; exec {} --config {}",
            binary().display(),
            config.display()
        );
        shell.args(["-c", &program]);
        command::run(&mut shell, pool.place.folder(), SOON).success();
        Daemon::of(&lock).stop(Signal::SIGTERM);
        fs::read_to_string(plan.log_file()).unwrap()
    };
    let log = start();
    assert_eq!(mode_of(&folder), 0o755);
    assert!(!log.contains("its folder"), "{log}");
    // As anybody could make it below /var/lock.
    chown(&folder, Some(Uid::from_raw(65_534)), None).unwrap();
    let log = start();
    let advice = format!("chown root {}", folder.display());
    assert!(
        log.contains("belongs to user 65534") && log.contains(&advice),
        "{log}"
    );
}

#[test]
fn whoever_reads_its_output_sees_the_end() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let program = format!(
        "{} -S {} -k {} -l {} --state-file {} \
             --status-file {} -p IMAP:{IMAP}",
        binary().display(),
        pool.director.socket().display(),
        plan.lock.display(),
        plan.log_file().display(),
        plan.state.display(),
        plan.status.display(),
    );
    for start in [
        // Without the end of both streams this cat would go on for the daemon's whole life.
        format!("{program} 2>&1 | cat"),
        // No streams at all: a file opened later must not become one of them.
        format!("{program} <&- >&- 2>&-"),
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &start]);
        let ended = command::run(&mut shell, pool.place.folder(), SOON);
        assert_eq!(ended.success(), "");
        let daemon = Daemon::of(&plan.lock);
        assert_eq!(
            read_link(daemon.proc("fd/0")).unwrap(),
            Path::new("/dev/null")
        );
        assert_eq!(read_link(daemon.proc("fd/2")).unwrap(), plan.log_file());
        pool.wait_for_visits();
        daemon.stop(Signal::SIGTERM);
        let text = fs::read_to_string(plan.log_file()).unwrap();
        assert!(text.lines().all(|line| line.contains(" LOG ")), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_to_the_terminal() {
    let pool = FakePool::start(1);
    let refusals = |plan: &MonitorPlan, words: &str, expected: &str| {
        let ended = plan.run(words, SOON);
        assert_eq!(ended.status.code(), Some(1), "{words}: {}", ended.text);
        assert!(ended.text.starts_with("poolmon: "), "{}", ended.text);
        assert!(ended.text.contains(expected), "{words}: {}", ended.text);
        assert!(!plan.lock.exists(), "{words}");
    };
    let plan = pool.monitor();
    refusals(&plan, "--no-such-option", "no-such-option");
    refusals(&plan, "-i 0", "interval");
    refusals(
        &plan,
        "-c /nonexistent/credentials",
        "/nonexistent/credentials",
    );
    refusals(&plan, "--ca-file /nonexistent/ca", "/nonexistent/ca");
    let open = pool.monitor().credentials(USER, PASSWORD);
    let mut chmod = Command::new("chmod");
    chmod.arg("604").arg(open.credentials_file());
    command::run(&mut chmod, pool.place.folder(), SOON).success();
    refusals(&open, "", "credentials");

    // Where even root cannot write: below a file.
    fs::write(pool.place.path("file"), "").unwrap();
    let run = |lock: &str, log: &str| {
        let mut program = Command::new(binary());
        program
            .arg("-S")
            .arg(pool.director.socket())
            .args(["-k", lock, "-l", log])
            .arg("--state-file")
            .arg(&plan.state)
            .arg("--status-file")
            .arg(&plan.status);
        command::run(&mut program, pool.place.folder(), SOON)
    };
    for (lock, log, culprit) in [
        ("x.pid", "file/log", "file/log"),
        ("file/pid", "x.log", "file/pid"),
        ("x.pid", ".", "log file"),
        (".", "x.log", "lock file"),
    ] {
        let ended = run(lock, log);
        assert_eq!(ended.status.code(), Some(1), "{lock} {log}: {}", ended.text);
        assert!(ended.text.contains(culprit), "{}", ended.text);
        assert_eq!(ended.text.lines().count(), 1, "{}", ended.text);
        assert!(!pool.place.path("x.pid").exists());
    }
}

#[test]
fn a_file_with_two_purposes_is_refused_and_left_as_it_is() {
    let pool = FakePool::start(1);
    let plan = pool.monitor().credentials(USER, PASSWORD);
    let credentials = plan.credentials_file();
    let before = fs::read(&credentials).unwrap();
    let link = pool.place.path("link");
    symlink(&credentials, &link).unwrap();
    let file = |path: &Path| path.display().to_string();
    let (lock, log) = (file(&plan.lock), file(&plan.log_file()));
    for (words, expected) in [
        (
            format!("--state-file {lock}"),
            "lock file (-k, lockfile) and state file",
        ),
        (
            format!("--state-file {log}"),
            "state file (--state-file, state_file) and log file",
        ),
        (
            format!("--state-file {}", file(&link)),
            "and credentials (-c, credfile)",
        ),
        (
            format!("--ca-file {log}"),
            "log file (-l, logfile) and certificates to trust",
        ),
    ] {
        for words in [words.clone(), format!("{words} --check-config")] {
            let ended = plan.run(&words, SOON);
            assert_eq!(ended.status.code(), Some(1), "{words}: {}", ended.text);
            assert!(ended.text.contains(expected), "{words}: {}", ended.text);
            assert!(ended.text.contains("are the same file"), "{}", ended.text);
            assert!(!plan.lock.exists() && !plan.log_file().exists(), "{words}");
            assert_eq!(fs::read(&credentials).unwrap(), before);
        }
    }
}

#[test]
fn relative_paths_are_those_of_the_folder_it_was_started_in() {
    let pool = FakePool::start(2);
    let folder = pool.place.folder();
    show_on_failure(&pool.place.path("x.log"));
    let plan = pool.monitor().credentials(USER, PASSWORD);
    fs::rename(plan.credentials_file(), pool.place.path("x.credentials")).unwrap();
    let mut program = Command::new(binary());
    let socket = pool.director.socket();
    program
        .arg("-S")
        .arg(socket.strip_prefix(folder).unwrap())
        .args(["-k", "x.pid", "-l", "x.log", "--state-file", "x.state"])
        .args(["--status-file", "x.status"])
        .args(["-c", "x.credentials", "-i", "1", "-t", "1", "--retries=0"])
        .arg(format!("-pIMAP:{IMAP}"));
    command::run(&mut program, folder, SOON).success();
    let daemon = Daemon::of(&pool.place.path("x.pid"));
    let log = || fs::read_to_string(pool.place.path("x.log")).unwrap_or_default();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    assert!(pool.place.path("x.state").exists());
    assert!(pool.place.path("x.status").exists());

    fs::rename(pool.place.path("x.log"), pool.place.path("x.log.1")).unwrap();
    daemon.send(Signal::SIGHUP);
    wait_until("the reload in the new log", SOON, || {
        log().contains("reloaded")
    });
    assert!(!log().contains(" ERR "), "{}", log());
    // The monitor may not yet have read that the backend is down.
    wait_until("the status", SOON, || {
        daemon.send(Signal::SIGUSR1);
        log().contains("1 of 2 backends are up")
    });
    daemon.stop(Signal::SIGTERM);
    assert!(!pool.place.path("x.pid").exists());
}

#[test]
fn a_limit_of_file_sizes_costs_lines_and_never_the_daemon() {
    let pool = FakePool::start(2);
    let plan = pool.monitor();
    let log = plan.log_file();
    fs::write(&log, "x".repeat(4095) + "\n").unwrap();
    let mut prlimit = Command::new("prlimit");
    prlimit
        .arg("--fsize=4096")
        .arg(binary())
        .arg("-S")
        .arg(pool.director.socket())
        .arg("-k")
        .arg(&plan.lock)
        .arg("-l")
        .arg(&log)
        .arg("--state-file")
        .arg(&plan.state)
        .arg("--status-file")
        .arg(&plan.status)
        .args(["-i1", "-t1", "--retries=0", &format!("-pIMAP:{IMAP}")]);
    command::run(&mut prlimit, pool.place.folder(), SOON).success();
    let daemon = Daemon::of(&plan.lock);
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    // Rotated, the log has room again.
    fs::rename(&log, pool.place.path("old.log")).unwrap();
    daemon.send(Signal::SIGHUP);
    wait_until("the count of what was lost", SOON, || {
        fs::read_to_string(&log).map_or(false, |text| text.contains("lines lost: File too large"))
    });
    daemon.stop(Signal::SIGTERM);
}

#[test]
fn a_thread_that_cannot_be_started_is_told_to_the_terminal_whichever_it_is() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let folder = pool.place.folder();
    let start = |tasks: u32| {
        // Nobody else's, so that only these processes and threads count.
        let user = 100_000 + std::process::id() % 10_000 * 100 + tasks;
        let mut prlimit = Command::new("prlimit");
        prlimit
            .arg(format!("--nproc={tasks}"))
            .args(["setpriv", &format!("--reuid={user}")])
            .args(["--inh-caps=+dac_override", "--ambient-caps=+dac_override"])
            .arg(binary())
            .arg("-S")
            .arg(pool.director.socket())
            .arg("-k")
            .arg(&plan.lock)
            .arg("-l")
            .arg(plan.log_file())
            .arg("--state-file")
            .arg(&plan.state)
            .arg("--status-file")
            .arg(&plan.status)
            .arg(format!("-pIMAP:{IMAP}"));
        command::run(&mut prlimit, folder, SOON)
    };
    // Two processes, and one thread each for log, signals and state file.
    for (tasks, thread) in [(1, "fork"), (2, "log"), (3, "signals"), (4, "state file")] {
        let ended = start(tasks);
        assert_eq!(ended.status.code(), Some(1), "{tasks}: {}", ended.text);
        let text = &ended.text;
        assert!(text.contains(thread), "{tasks}: {text}");
        assert!(
            text.contains("Resource temporarily unavailable"),
            "{tasks}: {text}"
        );
        assert!(!plan.lock.exists(), "{tasks}");
    }
    let ended = start(64);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
    Daemon::of(&plan.lock).stop(Signal::SIGTERM);
}
