//! The status file: there, whole, fresh, readable by all, and no trouble for the monitor where it cannot be
//! written.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::lab::command;
use crate::lab::fake_backend::Mood;
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};
use crate::lab::monitor::{binary, MonitorPlan};
use crate::lab::own_network::{self, run};
use crate::lab::patience::{hold_for, pause, promised, wait_for, wait_until};
use crate::lab::tampering::HungDisk;

const A_WHILE: Duration = Duration::from_secs(3);

/// What every status file begins with.
const HEAD: &str = "{\"poolmon\":{\"format\":1,";

/// What stands in it, if it is there; it is whole then.
#[track_caller]
fn read(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    assert!(text.starts_with(HEAD), "{text}");
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("torn: {error}: {text}")))
}

/// The first text in it with which this holds.
#[track_caller]
fn wait_for_file(path: &Path, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, REACTION, || read(path).filter(|value| holds(value)))
}

fn is_failed(backend: usize) -> impl Fn(&Value) -> bool {
    move |value| value["backends"][backend]["verdict"] == "failed"
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

/// What `poolmon status` prints of it.
fn shown(plan: &MonitorPlan) -> String {
    let mut program = Command::new(binary());
    program.args(["status", "--status-file"]).arg(&plan.status);
    let folder = plan.status.parent().expect("a folder");
    command::run(&mut program, folder, REACTION).success()
}

/// With the status file there.
fn writing_to(mut plan: MonitorPlan, path: &Path) -> MonitorPlan {
    plan.status = path.to_path_buf();
    plan
}

#[test]
fn it_shows_within_a_second_what_has_changed_and_at_last_the_end() {
    let pool = FakePool::start(2);
    let plan = pool.monitor().credentials(USER, PASSWORD);
    let mut monitor = plan.start();
    let whole = wait_for_file(&plan.status, "both backends", |value| {
        value["backends"].as_array().map_or(0, Vec::len) == 2
    });
    let about = &whole["poolmon"];
    assert_eq!(about["pid"], monitor.pid());
    assert_eq!(about["interval"], 1.0);
    assert_eq!(about["dry_run"], false);
    assert_eq!(about["ended"], false);
    assert_eq!(whole["director"]["up"], true);
    let data = fs::metadata(&plan.status).unwrap();
    assert_eq!(data.permissions().mode() & 0o7777, 0o644);

    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    let failed = wait_for_file(&plan.status, "the failure", is_failed(0));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let since = number(&failed["backends"][0]["verdict_since"]);
    let written = number(&failed["poolmon"]["written"]);
    assert!(written >= since, "{written}, {since}");
    // A writing may come a whole second after the last one; this much is for making it, writing and reading.
    let longest = promised(Duration::from_millis(1100)).as_secs_f64();
    let took = now.as_secs_f64() - since;
    assert!(took < longest, "{took}, written after {}", written - since);
    let address = pool.address(0).to_string();
    assert_eq!(failed["backends"][0]["address"], address);
    let down = wait_for_file(&plan.status, "the down", |value| {
        value["backends"][0]["listed"] == "down"
    });
    assert_eq!(down["tags"][0]["up"], 1);
    assert_eq!(
        down["commands"][0]["command"],
        format!("HOST-DOWN {address}")
    );

    // Whoever looks by the word, or by the signal, sees the same.
    let table = shown(&plan);
    assert!(!table.contains("STALE"), "{table}");
    let header = table.lines().find(|line| line.contains("verdict"));
    let header = header.unwrap_or_else(|| panic!("no header: {table}"));
    let columns: Vec<&str> = header.split_whitespace().take(3).collect();
    let row = table.lines().find(|line| line.starts_with(&address));
    assert!(
        row.map_or(false, |row| row.to_lowercase().contains("down")),
        "{table}"
    );
    monitor.signal(Signal::SIGUSR1);
    monitor.wait_for_line(&columns, REACTION);

    let (status, _) = monitor.stop(REACTION);
    assert_eq!(status.code(), Some(0));
    let table = shown(&plan);
    assert!(table.contains("STALE: the monitor has ended"), "{table}");
    let last = read(&plan.status).expect("it stays");
    assert_eq!(last["poolmon"]["ended"], true);
}

#[test]
fn it_holds_no_password() {
    let pool = FakePool::start(2);
    let plan = pool.monitor().credentials(USER, PASSWORD);
    let _monitor = plan.start();
    pool.wait_for_visits();
    let seen = AtomicBool::new(false);
    let look = || {
        let text = fs::read_to_string(&plan.status).unwrap_or_default();
        assert!(!text.contains(PASSWORD), "{text}");
        seen.fetch_or(text.contains("imap:"), Ordering::Relaxed);
    };
    // A password that is refused is near the words that say so.
    pool.backends[0].set(Mood::RefusingLogin);
    hold_for("no password", A_WHILE, || {
        look();
        true
    });
    assert!(seen.load(Ordering::Relaxed), "there are attempts in it");
}

#[test]
fn whoever_reads_it_in_a_loop_finds_it_whole_each_time() {
    let pool = FakePool::start(30);
    let plan = pool.monitor();
    let _monitor = plan.start();
    wait_for_file(&plan.status, "the first one", |_| true);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut files = std::collections::BTreeSet::new();
            while !is_over.load(Ordering::Relaxed) {
                let value = read(&plan.status).expect("it never goes");
                files.insert(value["poolmon"]["written"].to_string());
            }
            files.len()
        });
        for round in 0..6 {
            let mood = [Mood::Refusing, Mood::Healthy][round % 2];
            pool.backends[0].set(mood);
            // Pause: the reader is to meet many files, whenever they come.
            pause(Duration::from_millis(900));
        }
        is_over.store(true, Ordering::Relaxed);
        let files = reader.join().expect("no torn file");
        assert!(files > 2, "{files}");
    });
}

#[test]
fn a_killed_monitor_leaves_it_whole_and_the_next_one_goes_on_with_it() {
    let pool = FakePool::start(2);
    let plan = pool.monitor();
    let mut monitor = plan.start();
    wait_for_file(&plan.status, "the first one", |_| true);
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    wait_for_file(&plan.status, "the failure", is_failed(0));
    let pid = monitor.pid();
    monitor.kill();
    let left = read(&plan.status).expect("it stays");
    assert_eq!(left["poolmon"]["pid"], pid);
    assert_eq!(left["poolmon"]["ended"], false);

    // What a kill in the middle of writing leaves.
    let new = plan.status.with_extension("json.new");
    fs::write(&new, HEAD).unwrap();
    let mut monitor = plan.start();
    let pid = monitor.pid();
    wait_for_file(&plan.status, "the new one's", |value| {
        value["poolmon"]["pid"] == pid
    });
    monitor.stop(REACTION);
    assert!(!new.exists());
}

#[test]
fn a_folder_that_is_taken_away_is_made_again_or_costs_one_line() {
    let pool = FakePool::start(2);
    let folder = pool.place.path("run");
    let path = folder.join("status.json");
    let monitor = writing_to(pool.monitor(), &path).start();
    wait_for_file(&path, "it with its folder", |_| true);
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
    pool.wait_for_visits();

    fs::remove_dir_all(&folder).unwrap();
    wait_for_file(&path, "it once more", |_| true);
    assert_eq!(monitor.lines_with(&["cannot be written"]), [""; 0]);

    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "in its way").unwrap();
    let said = monitor.wait_for_line(&[" ERR ", "cannot be written"], REACTION);
    let expected = format!("status file {} cannot be written: ", path.display());
    assert!(
        said.contains(&expected) && said.contains("Not a directory"),
        "{said}"
    );
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    assert_eq!(monitor.lines_with(&["cannot be written"]).len(), 1);

    fs::remove_file(&folder).unwrap();
    monitor.wait_for_line(&["status file", "is written again"], REACTION);
    assert!(read(&path).is_some());
}

#[test]
fn a_full_disk_costs_one_line_and_leaves_the_file_as_it_was() {
    own_network::within(|| {
        let pool = FakePool::start(2);
        let folder = pool.place.path("run");
        fs::create_dir(&folder).unwrap();
        run(&format!(
            "mount -t tmpfs -o size=64k tmpfs {}",
            folder.display()
        ));
        let path = folder.join("status.json");
        let monitor = writing_to(pool.monitor(), &path).start();
        wait_for_file(&path, "it", |_| true);
        pool.wait_for_visits();

        let filler = folder.join("filler");
        let mut filling = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&filler)
            .unwrap();
        while filling.write(&[0; 512]).is_ok() {}
        let said = monitor.wait_for_line(&[" ERR ", "cannot be written"], REACTION);
        assert!(said.contains("No space left on device"), "{said}");
        let before = read(&path).expect("the old one");
        pool.backends[0].set(Mood::Refusing);
        pool.wait_for_state(0, 'D');
        assert_eq!(read(&path), Some(before));
        assert!(!folder.join("status.json.new").exists());
        assert_eq!(monitor.lines_with(&["cannot be written"]).len(), 1);

        drop(filling);
        fs::remove_file(&filler).unwrap();
        monitor.wait_for_line(&["is written again"], REACTION);
        wait_for_file(&path, "what has happened since", is_failed(0));
    });
}

#[test]
fn a_disk_that_hangs_holds_nobody_up() {
    let pool = FakePool::start(2);
    let plan = pool.monitor();
    let mut monitor = plan.start();
    wait_for_file(&plan.status, "it", |_| true);
    pool.wait_for_visits();
    let disk = HungDisk::under(&plan.status.with_extension("json.new"), monitor.pid());
    let before = read(&plan.status).unwrap();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    assert_ne!(before["poolmon"]["written"], Value::Null);
    monitor.signal(Signal::SIGTERM);
    wait_until("the PID file to go", Duration::from_secs(1), || {
        !plan.lock.exists()
    });
    // No process ends while one of its threads waits for a disk.
    drop(disk);
    monitor.wait_for_end(REACTION);
}

#[test]
fn where_it_can_never_be_written_one_error_says_what_to_do() {
    let pool = FakePool::start(2);
    let folder = pool.place.path("roots");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("status.json");
    let socket = pool.director.socket();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let plan = writing_to(pool.monitor(), &path).stranger(&pool.place, 65_534);
    let monitor = plan.start();
    let said = monitor.wait_for_line(&[" ERR ", "cannot be written"], REACTION);
    for words in ["Permission denied", "--status-file=PATH|no"] {
        assert!(said.contains(words), "{said}");
    }
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    hold_for("one line", A_WHILE, || {
        monitor.lines_with(&["cannot be written"]).len() == 1
    });
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_link_in_its_place_is_left_alone() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let target = pool.place.path("target");
    fs::write(&target, "somebody's").unwrap();
    std::os::unix::fs::symlink(&target, &plan.status).unwrap();
    let monitor = plan.start();
    monitor.wait_for_line(&["something other than a file has this name"], REACTION);
    assert_eq!(fs::read_to_string(&target).unwrap(), "somebody's");
    assert!(fs::symlink_metadata(&plan.status).unwrap().is_symlink());
}

#[test]
fn a_dry_run_writes_it_and_a_single_look_does_not() {
    let pool = FakePool::start(2);
    let plan = pool.monitor();
    plan.run("--once", REACTION).success();
    plan.run("--check-config", REACTION).success();
    assert!(!plan.status.exists());

    let plan = plan.flag("-n");
    let monitor = plan.start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    monitor.wait_for_line(&["DRY-RUN: ", "disabled"], REACTION);
    let value = wait_for_file(&plan.status, "the down that would be", |value| {
        value["backends"][0]["listed"] == "down"
    });
    assert_eq!(value["poolmon"]["dry_run"], true);
    assert_eq!(pool.state_of(0), 'U');
}

#[test]
fn a_backend_that_has_never_passed_has_no_time_of_a_pass() {
    let pool = FakePool::start(2);
    pool.backends[0].set(Mood::Refusing);
    let plan = pool.monitor();
    let _monitor = plan.start();
    let value = wait_for_file(&plan.status, "a failure and a pass", |value| {
        let counted = |place: usize, what: &str| {
            value["backends"][place]["services"][0][what].as_u64() > Some(0)
        };
        counted(0, "failures") && counted(1, "passes")
    });
    let service = |place: usize| &value["backends"][place]["services"][0];
    assert_eq!(service(0)["passes"], 0, "{value}");
    assert!(service(0)["latency"].is_null(), "{value}");
    assert!(service(1)["latency"].is_f64(), "{value}");
}

#[test]
fn nobody_else_s_file_is_taken_for_it() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let words = format!("--status-file {}", plan.state.display());
    let ended = plan.run(&words, REACTION);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    let expected =
        "state file (--state-file, state_file) and status file (--status-file, status_file) \
                    are the same file";
    assert!(ended.text.contains(expected), "{}", ended.text);
}

#[test]
fn a_reload_moves_it_or_ends_it() {
    let pool = FakePool::start(2);
    let files = super::configuration::files::Files::of_pool(&pool);
    let (first, second) = (pool.place.path("dovemon.status"), pool.place.path("second"));
    let monitor = files.plan(&pool.place).start();
    wait_for_file(&first, "it", |_| true);
    let inode = fs::metadata(&first).unwrap().ino();
    wait_until("another file in its place", REACTION, || {
        fs::metadata(&first).map_or(false, |data| data.ino() != inode)
    });

    let configured = fs::read_to_string(&files.config).unwrap();
    let with = |path: &str| configured.replace(&first.display().to_string(), path);
    files.write_bare(&with(&second.display().to_string()));
    monitor.signal(Signal::SIGHUP);
    wait_for_file(&second, "it elsewhere", |_| true);
    wait_until("the old one's end", REACTION, || !first.exists());
    files.write_bare(&with("no"));
    monitor.signal(Signal::SIGHUP);
    wait_until("its end", REACTION, || !second.exists());
    hold_for("neither of them", A_WHILE, || {
        !first.exists() && !second.exists()
    });
    assert_eq!(monitor.errors(), [""; 0]);
}
