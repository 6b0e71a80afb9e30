//! `--user` and `--group`: the monitor that root starts is another user for good, in the foreground and in
//! the background, does all its work as that user, and says at the start what that user lacks. And whose
//! files of passwords may be, and which file that is asked of.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{kill, Signal};
use nix::unistd::{chown, Gid, Pid, Uid, User};

use super::background::Daemon;
use super::installation::SOON;
use crate::lab::command;
use crate::lab::fake_backend::Mood;
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};
use crate::lab::monitor::{binary, Monitor, MonitorPlan};
use crate::lab::passwords::{assert_none_in_process, marked};
use crate::lab::patience::{wait_for, wait_until};
use crate::lab::preload;
use crate::scenes::configuration::files::Files;

/// A user of every system, with a group of the same name.
const NAME: &str = "daemon";

fn user() -> User {
    User::from_name(NAME).unwrap().expect("the system has it")
}

/// Whoever may write to the director's socket.
fn open_socket_to(pool: &FakePool, group: Gid) {
    let socket = pool.director.socket();
    chown(&socket, None, Some(group)).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o660)).unwrap();
}

fn give(path: &Path, user: &User) {
    chown(path, Some(user.uid), Some(user.gid)).unwrap();
}

/// The words behind a name in `/proc/PID/status`, of each thread.
fn status_of_threads(pid: Pid, name: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let texts =
        threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).ok());
    let value = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let words: Vec<&str> = line.expect(name).split_whitespace().collect();
        words.join(" ")
    };
    texts.map(value).collect()
}

#[track_caller]
fn assert_threads(pid: Pid, name: &str, expected: &str) {
    let found = status_of_threads(pid, name);
    assert!(
        found.len() > 3 && found.iter().all(|words| words == expected),
        "{name} {expected}: {found:?}"
    );
}

#[track_caller]
fn assert_is_that_user_for_good(pid: Pid, user: &User) {
    let (uid, gid) = (user.uid, user.gid);
    assert_threads(pid, "Uid:", &format!("{uid} {uid} {uid} {uid}"));
    assert_threads(pid, "Gid:", &format!("{gid} {gid} {gid} {gid}"));
    for rights in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_threads(pid, rights, "0000000000000000");
    }
    // None of root's.
    for groups in status_of_threads(pid, "Groups:") {
        assert!(groups.split(' ').all(|group| group != "0"), "{groups}");
    }
    assert_threads(pid, "NoNewPrivs:", "1");
    let memory = fs::metadata(format!("/proc/{pid}/mem")).unwrap();
    assert_eq!(memory.uid(), 0, "nobody but root reads its memory");
}

/// One of the two ways to run.
enum Running {
    Foreground(Monitor),
    Background(Daemon),
}

impl Running {
    fn pid(&self) -> Pid {
        match self {
            Running::Foreground(monitor) => Pid::from_raw(monitor.pid() as i32),
            Running::Background(daemon) => daemon.pid,
        }
    }

    #[track_caller]
    fn stop(self) {
        assert_none_in_process(self.pid().as_raw() as u32);
        match self {
            Running::Foreground(mut monitor) => {
                let (status, _) = monitor.stop(REACTION);
                assert!(status.success());
            }
            Running::Background(daemon) => {
                daemon.stop(Signal::SIGTERM);
            }
        }
    }
}

/// A monitor that may do all that it has to.
struct Provided {
    pool: FakePool,
    plan: MonitorPlan,
    user: User,
    told: PathBuf,
}

impl Provided {
    fn new() -> Provided {
        let pool = FakePool::start(2);
        let user = user();
        open_socket_to(&pool, user.gid);
        let own = pool.place.path("own");
        fs::create_dir(&own).unwrap();
        give(&own, &user);
        let script = pool.place.path("tell");
        let told = own.join("told");
        fs::write(&script, format!("#!/bin/sh\nid -u >> {}\n", told.display())).unwrap();
        fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
        let mut plan = pool
            .monitor()
            .credentials(USER, PASSWORD)
            .flags(&format!("--user={NAME} --on-change={}", script.display()));
        plan.state = own.join("state.yml");
        plan.status = own.join("status.json");
        give(&plan.credentials_file(), &user);
        Provided {
            pool,
            plan,
            user,
            told,
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.plan.log_file()).unwrap_or_default()
    }

    #[track_caller]
    fn wait_for_log(&self, text: &str) {
        wait_until(text, REACTION, || self.log().contains(text));
    }
}

#[test]
fn with_a_user_it_is_that_user_for_good_and_does_all_its_work() {
    type Start = fn(&MonitorPlan) -> Running;
    let ways: [Start; 2] = [
        |plan| Running::Foreground(plan.start()),
        |plan| Running::Background(Daemon::start(plan)),
    ];
    for start in ways {
        let scene = Provided::new();
        let Provided {
            pool, plan, user, ..
        } = &scene;
        let running = start(plan);
        pool.wait_for_visits();
        scene.wait_for_log(" starts");
        assert_is_that_user_for_good(running.pid(), user);
        let log = scene.log();
        assert!(!log.contains(" ERR "), "{log}");

        // The director is told, the state kept, the status written, the script run.
        let status = wait_for("the status file", REACTION, || {
            fs::metadata(&plan.status).ok()
        });
        assert_eq!(status.uid(), user.uid.as_raw());
        pool.backends[0].set(Mood::Refusing);
        pool.wait_for_no_users(0);
        let state = wait_for("the state file", REACTION, || {
            fs::metadata(&plan.state).ok()
        });
        assert_eq!(
            (state.uid(), state.mode() & 0o777),
            (user.uid.as_raw(), 0o600)
        );
        let ran_as = format!("{}\n", user.uid);
        wait_until("the script", REACTION, || {
            fs::read_to_string(&scene.told).map_or(false, |told| told == ran_as)
        });

        // A reload reads the account again, and opens the log anew.
        let credentials = plan.credentials_file();
        fs::write(&credentials, format!("{USER}\n{}\n", marked("new"))).unwrap();
        for backend in &pool.backends {
            backend.set_password("new");
        }
        if let Running::Background(daemon) = &running {
            let old = plan.log_file().with_extension("old");
            fs::rename(plan.log_file(), old).unwrap();
            // As logrotate's `create` does.
            fs::write(plan.log_file(), "").unwrap();
            give(&plan.log_file(), user);
            daemon.send(Signal::SIGHUP);
        } else {
            kill(running.pid(), Signal::SIGHUP).unwrap();
        }
        scene.wait_for_log("reloaded: ");
        pool.backends[0].set(Mood::Healthy);
        pool.wait_for_state(0, 'U');
        let log = scene.log();
        assert!(!log.contains("cannot be opened"), "{log}");

        // The PID file is root's, in a folder of root's.
        running.stop();
        assert_eq!(fs::read_to_string(&plan.lock).unwrap(), "");
        let log = scene.log();
        assert!(!log.contains("PID file"), "{log}");
        let again = start(plan);
        wait_until("a PID", REACTION, || {
            fs::read_to_string(&plan.lock).unwrap().ends_with('\n')
        });
        again.stop();
    }
}

#[test]
fn a_log_file_that_root_has_made_is_the_users_from_then_on() {
    let scene = Provided::new();
    let running = Running::Background(Daemon::start(&scene.plan));
    let log = fs::metadata(scene.plan.log_file()).unwrap();
    assert_eq!(log.uid(), scene.user.uid.as_raw());
    running.stop();
}

/// Ubuntu gives /var/log to group syslog, which may write there.
#[test]
fn what_a_group_may_have_moved_to_the_logs_name_stays_roots_and_a_log_that_it_makes_is_the_users() {
    let scene = Provided::new();
    let folder = scene.pool.place.folder();
    let group = nix::unistd::Group::from_name("games").unwrap().unwrap();
    chown(folder, None, Some(group.gid)).unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o775)).unwrap();
    let log = scene.plan.log_file();
    fs::write(&log, "root's own\n").unwrap();
    Running::Background(Daemon::start(&scene.plan)).stop();
    assert_eq!(fs::metadata(&log).unwrap().uid(), 0);
    let advice = format!("chown {NAME} {}", log.display());
    assert!(scene.log().contains(&advice), "{}", scene.log());

    fs::remove_file(&log).unwrap();
    Running::Background(Daemon::start(&scene.plan)).stop();
    assert_eq!(fs::metadata(&log).unwrap().uid(), scene.user.uid.as_raw());
    assert!(!scene.log().contains(&advice), "{}", scene.log());
}

#[test]
fn whoever_waits_for_the_pid_file_to_be_free_keeps_no_monitor_from_starting_again() {
    let scene = Provided::new();
    let plan = &scene.plan;
    // It gets the lock when the monitor that has it ends.
    let wait = || {
        let file = fs::File::open(&plan.lock).unwrap();
        let of_file = format!(":{} ", file.metadata().unwrap().ino());
        let waiting = std::thread::spawn(move || {
            fs2::FileExt::lock_exclusive(&file).unwrap();
            file
        });
        wait_until("a wait for the lock", REACTION, || {
            let locks = fs::read_to_string("/proc/locks").unwrap();
            let mut waits = locks.lines().filter(|line| line.contains(" -> "));
            waits.any(|line| line.contains(&of_file))
        });
        waiting
    };
    let first = Daemon::start(plan);
    let waiting = wait();
    first.stop(Signal::SIGTERM);
    let _stranger = waiting.join().unwrap();
    let second = Daemon::start(plan);
    let waiting = wait();
    second.stop(Signal::SIGKILL);
    let _another = waiting.join().unwrap();
    let third = Daemon::start(plan);
    let told = scene.log().matches("which is no monitor").count();
    assert_eq!(told, 2, "{}", scene.log());
    third.stop(Signal::SIGTERM);
}

#[test]
fn a_file_with_two_names_and_a_link_are_given_to_nobody() {
    let scene = Provided::new();
    let log = scene.plan.log_file();
    let other = scene.pool.place.path("other");
    fs::write(&other, "").unwrap();
    fs::hard_link(&other, &log).unwrap();
    Running::Background(Daemon::start(&scene.plan)).stop();
    assert_eq!(fs::metadata(&other).unwrap().uid(), 0);

    fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink(&other, &log).unwrap();
    Running::Background(Daemon::start(&scene.plan)).stop();
    assert_eq!(fs::metadata(&other).unwrap().uid(), 0);
}

/// So no init script has to make them.
#[test]
fn missing_folders_for_what_it_writes_are_made_and_given_to_the_user() {
    let scene = Provided::new();
    let folder = scene.pool.place.path("made");
    let public = scene.pool.place.path("public");
    let mut plan = scene.plan.clone();
    plan.state = folder.join("state.yml");
    plan.status = public.join("status.json");
    let recordings = scene.pool.place.path("recordings");
    let recording = recordings.join("recording");
    let plan = plan.flag(format!("--record={}", recording.display()));
    let running = Running::Background(Daemon::start(&plan));
    for (folder, mode) in [(&folder, 0o700), (&public, 0o755), (&recordings, 0o700)] {
        let made = fs::metadata(folder).unwrap();
        assert_eq!(
            (made.uid(), made.mode() & 0o777),
            (scene.user.uid.as_raw(), mode)
        );
    }
    wait_until("a status file", SOON, || plan.status.is_file());
    wait_until("a recording", SOON, || recording.is_file());
    running.stop();
}

#[test]
fn what_the_user_lacks_is_said_at_the_start_with_what_to_do() {
    let pool = FakePool::start(2);
    fs::set_permissions(pool.director.socket(), Permissions::from_mode(0o600)).unwrap();
    let plan = pool
        .monitor()
        .credentials(USER, PASSWORD)
        .flags(&format!("--user={NAME}"));
    let monitor = plan.start();
    let socket = pool.director.socket().display().to_string();
    let credentials = plan.credentials_file().display().to_string();
    let folder = pool.place.folder().display().to_string();
    for (path, advice) in [
        (
            &socket,
            "unix_listener director-admin { group = GROUP, mode = 0660 }",
        ),
        (&credentials, "chown daemon"),
        (&folder, "chown -R daemon"),
        (&folder, "there will be no status file"),
    ] {
        let line = monitor.wait_for_line(&[" ERR ", path, "user daemon", advice], REACTION);
        assert!(!line.contains(PASSWORD));
    }
    monitor.wait_for_line(&["failover is off"], REACTION);

    // It does not stop for any of them, and works as soon as it may.
    monitor.signal(Signal::SIGHUP);
    monitor.wait_for_line(
        &[" ERR ", &credentials, "the old credentials stay"],
        REACTION,
    );
    open_socket_to(&pool, user().gid);
    monitor.wait_for_line(&["failover is on again"], REACTION);
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
}

#[test]
fn a_script_that_the_user_cannot_run_keeps_it_from_starting() {
    let scene = Provided::new();
    let script = scene.pool.place.path("tell");
    fs::set_permissions(&script, Permissions::from_mode(0o700)).unwrap();
    let ended = scene.plan.run("", SOON);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(ended.text.contains("tell"), "{}", ended.text);
    assert!(ended.text.contains("Permission denied"), "{}", ended.text);
}

#[test]
fn a_group_is_taken_in_place_of_the_users_own() {
    let scene = Provided::new();
    let mail = nix::unistd::Group::from_name("mail").unwrap().unwrap();
    open_socket_to(&scene.pool, mail.gid);
    let plan = scene.plan.clone().flag("--group=mail");
    let running = Running::Background(Daemon::start(&plan));
    scene.pool.wait_for_visits();
    let gid = mail.gid;
    assert_threads(running.pid(), "Gid:", &format!("{gid} {gid} {gid} {gid}"));
    scene.pool.backends[0].set(Mood::Refusing);
    scene.pool.wait_for_state(0, 'D');
    running.stop();
}

#[test]
fn who_cannot_become_that_user_is_told_and_does_not_start() {
    let pool = FakePool::start(1);
    let refused = |plan: &MonitorPlan, words: &str, expected: &str| {
        let ended = plan.run(words, SOON);
        assert_eq!(ended.status.code(), Some(1), "{words}: {}", ended.text);
        assert!(ended.text.contains(expected), "{words}: {}", ended.text);
        assert_eq!(ended.text.lines().count(), 1, "{}", ended.text);
    };
    let plan = pool.monitor();
    refused(&plan, "--user=no-such-user", "no such user");
    refused(
        &plan,
        "--user=daemon --group=no-such-group",
        "no such group",
    );
    refused(&plan, "--group=daemon", "expected --user beside it");

    // Not root: only as the user that it is already.
    let stranger = pool.monitor().stranger(&pool.place, 65534);
    let advice = "only root can become another user or group, and this is user 65534";
    refused(&stranger, "--user=daemon", advice);
    refused(&stranger, "-f --user=daemon", advice);
    fs::set_permissions(pool.director.socket(), Permissions::from_mode(0o666)).unwrap();
    // With setpriv's group, which is root's own.
    let itself = stranger.flags("--user=65534 --group=0");
    let running = Running::Background(Daemon::start(&itself));
    pool.wait_for_visits();
    running.stop();
}

#[test]
fn a_root_whose_sandbox_lets_it_become_nobody_is_told_of_the_units_way() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let mut bound = Command::new("setpriv");
    bound
        .args([
            "--bounding-set=-setuid,-setgid",
            "--inh-caps=-setuid,-setgid",
        ])
        .arg(binary())
        .args(["-S".as_ref(), pool.director.socket().as_os_str()])
        .args(["-k".as_ref(), plan.lock.as_os_str()])
        .args(["-f", "--user=daemon"]);
    let ended = command::run(&mut bound, pool.place.folder(), SOON);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(
        ended.text.contains("say User=daemon in the unit"),
        "{}",
        ended.text
    );
    assert!(!plan.lock.exists());
}

#[test]
fn once_looks_as_that_user_and_prints_what_root_would() {
    let scene = Provided::new();
    let with = scene.plan.run("--once", SOON).success();
    let pool = &scene.pool;
    for backend in 0..2 {
        assert!(with.contains(&pool.address(backend).to_string()), "{with}");
    }
    // Closed to that user, so it was not root who looked.
    fs::set_permissions(pool.director.socket(), Permissions::from_mode(0o600)).unwrap();
    let without = scene.plan.run("--once", SOON);
    assert_ne!(without.status.code(), Some(0));
    assert!(
        without.text.contains("permission denied"),
        "{}",
        without.text
    );
}

#[test]
fn without_a_user_it_stays_root_as_ever() {
    let pool = FakePool::start(1);
    let daemon = Daemon::start(&pool.monitor());
    pool.wait_for_visits();
    assert_threads(daemon.pid, "Uid:", "0 0 0 0");
    let root = Uid::from_raw(0).as_raw();
    let mine = fs::read_to_string("/proc/self/status").unwrap();
    let privileges = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("NoNewPrivs:"));
        line.map(str::to_string)
    };
    let its = fs::read_to_string(format!("/proc/{}/status", daemon.pid)).unwrap();
    assert_eq!(privileges(&its), privileges(&mine));
    assert_eq!(fs::metadata(pool.place.path("admin")).unwrap().uid(), root);
    daemon.stop(Signal::SIGTERM);
}

/// Neither root nor anybody that runs the monitor.
const STRANGER: u32 = 8;

fn give_away(path: &Path) {
    chown(path, Some(Uid::from_raw(STRANGER)), None).unwrap();
}

#[test]
fn a_file_of_passwords_of_somebody_else_is_a_remark_as_ever_and_refused_with_a_user() {
    let pool = FakePool::start(1);
    let remark = format!("its owner is user {STRANGER}, who can change the account in it");
    let plan = pool.monitor().credentials(USER, PASSWORD);
    let check = |plan: &MonitorPlan, words: &str, code: i32, is_told: bool| {
        let ended = plan.run(&format!("--check-config {words}"), REACTION);
        assert_eq!(ended.status.code(), Some(code), "{words}: {}", ended.text);
        assert_eq!(
            ended.text.contains(&remark),
            is_told,
            "{words}: {}",
            ended.text
        );
    };
    check(&plan, "", 0, false);
    check(&plan, "--user=daemon", 0, false);
    give_away(&plan.credentials_file());
    check(&plan, "", 0, true);
    check(&plan, "--user=daemon", 1, true);
    check(&plan, &format!("--user={STRANGER} --group=0"), 0, false);

    let monitor = plan.start();
    monitor.wait_for_line(&[" ERR ", &remark], REACTION);
    pool.wait_for_visits();
    drop(monitor);

    let files = Files::of_pool(&pool);
    let dovemon = files.plan(&pool.place);
    check(&dovemon, "", 0, false);
    give_away(&files.accounts);
    check(&dovemon, "", 0, true);
    files.write("user: daemon\n");
    check(&dovemon, "", 3, true);

    // Whoever may read it besides its owner counts more than whose it is.
    fs::set_permissions(&files.accounts, Permissions::from_mode(0o640)).unwrap();
    check(&dovemon, "", 3, false);
}

/// Whoever looks at the path before the file is opened, or behind, sees another one than that.
#[test]
fn a_file_of_passwords_is_opened_once_and_judged_by_what_was_opened() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    let poolmon = pool.monitor().credentials(USER, PASSWORD);
    let credentials = poolmon.credentials_file();
    for (plan, file, other, refusal) in [
        (poolmon, credentials, "other.credentials", 1),
        (
            files.plan(&pool.place),
            files.accounts.clone(),
            "other-accounts.yml",
            3,
        ),
    ] {
        let (other, opens) = (pool.place.path(other), pool.place.path("opens"));
        fs::copy(&file, &other).unwrap();
        let plan = preload::swapped_while_opened(plan, &pool.place, &file, &other, &opens);
        let is_taken = |of_the_path: u32, of_the_opened: u32| {
            fs::set_permissions(&file, Permissions::from_mode(of_the_path)).unwrap();
            fs::set_permissions(&other, Permissions::from_mode(of_the_opened)).unwrap();
            let _ = fs::remove_file(&opens);
            let ended = plan.run("--check-config", REACTION);
            assert_eq!(fs::read(&opens).unwrap(), b"x", "one open");
            let is_refused = ended.text.contains("mode 0644 lets group or others in");
            let code = if is_refused { refusal } else { 0 };
            assert_eq!(ended.status.code(), Some(code), "{}", ended.text);
            !is_refused
        };
        assert!(is_taken(0o600, 0o600));
        assert!(is_taken(0o644, 0o600));
        assert!(!is_taken(0o600, 0o644));
    }
}
