//! SIGHUP with changed files: both are read or neither, and nothing that was found out is forgotten.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::sys::stat;
use nix::unistd::{mkfifo, Pid};

use super::files::{account, Files};
use crate::lab::authority::Authority;
use crate::lab::fake_backend::{Mood, IMAP, POP3};
use crate::lab::fake_director::{Answer, Command};
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};
use crate::lab::monitor::Monitor;
use crate::lab::passwords;
use crate::lab::patience::{hold_for, wait_until};
use crate::lab::preload;
use crate::lab::warden::{Ward, Warden};

const A_WHILE: Duration = Duration::from_secs(4);

#[track_caller]
fn reload(monitor: &Monitor) {
    let before = monitor.lines_with(&["reloaded"]).len();
    monitor.signal(Signal::SIGHUP);
    wait_until("the reload", REACTION, || {
        monitor.lines_with(&["reloaded"]).len() > before
    });
}

fn visits_on(pool: &FakePool, backend: usize, port: u16) -> usize {
    let visits = pool.backends[backend].visits();
    let on_port = |visit: &&crate::lab::fake_backend::Visit| visit.port == port;
    visits.iter().filter(on_port).count()
}

#[test]
fn changed_keys_take_effect_during_a_failure_and_no_verdict_is_forgotten() {
    let pool = FakePool::start(3);
    let files = Files::of_pool(&pool);
    let monitor = files.plan(&pool.place).start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    let told = pool.changes().len();

    // While it is failed: another protocol beside, another pace, another way to drain.
    files.write("poll_pop3: True\ninterval: 2\nuse_host_flush: True\n");
    reload(&monitor);
    wait_until("POP3 polls", REACTION, || visits_on(&pool, 1, POP3) > 0);
    hold_for("no change for the reload's sake", A_WHILE, || {
        pool.changes().len() == told
    });
    assert_eq!(monitor.lines_with(&["has failed"]).len(), 1);

    // The new way counts for the next one; POP3 alone fails it.
    pool.backends[1].set_port(POP3, Mood::Refusing);
    pool.wait_for_state(1, 'D');
    pool.wait_for_no_users(1);
    assert!(pool
        .changes()
        .iter()
        .any(|change| change == "HOST-FLUSH b1"));

    // It was ours before, and is brought up as ours.
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    assert_eq!(pool.director.take_violations(), Vec::<String>::new());
}

/// It was sent there, and refused, before the right one was.
#[test]
fn a_backend_that_repeats_the_password_before_the_reload_tells_it_nobody() {
    let former = "Quilt4zebras";
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    let accounts = |password: &str| {
        let account = |place| {
            format!(
                "{}: {{username: probe, password: {password}}}\n",
                pool.address(place)
            )
        };
        files.write_accounts(&format!("{}{}", account(0), account(1)));
    };
    accounts(former);
    let monitor = files.plan(&pool.place).start();
    monitor.wait_for_line(&["login as \"probe\" refused"], REACTION);
    accounts(PASSWORD);
    reload(&monitor);

    pool.backends[0].set(Mood::Repeating);
    pool.wait_for_state(0, 'D');
    monitor.wait_for_line(&["withheld"], REACTION);
    assert!(!monitor.log().contains(former));
}

#[test]
fn a_file_that_is_bad_changes_nothing_of_either() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    let monitor = files.plan(&pool.place).start();
    pool.wait_for_visits();
    let config = files.config.display().to_string();
    let accounts = files.accounts.display().to_string();

    // The configuration is good and turns POP3 on, the accounts are bad.
    files.write("poll_pop3: True\n");
    files.write_accounts(&format!("{}:\n  username: u\n", pool.address(0)));
    monitor.signal(Signal::SIGHUP);
    let bad = format!("{accounts}:1: {}: expected a password", pool.address(0));
    monitor.wait_for_line(&[" ERR ", &bad, "the old configuration stays"], REACTION);

    // The other way round: the accounts leave one backend out, which would not log in any more.
    files.write("poll_pop3: True\ntimeout: never\n");
    files.write_accounts(&account(&pool.address(1).to_string()));
    monitor.signal(Signal::SIGHUP);
    let line = fs::read_to_string(&files.config).unwrap().lines().count();
    let bad = format!("{config}:{line}: timeout: \"never\"");
    monitor.wait_for_line(&[" ERR ", &bad, "the old configuration stays"], REACTION);

    let logins = |pool: &FakePool| {
        let visits = pool.backends[0].visits();
        let is_login = |line: &String| line.contains("LOGIN");
        let lines = visits.iter().filter_map(|visit| visit.line.as_ref());
        lines.filter(|line| is_login(line)).count()
    };
    let before = logins(&pool);
    wait_until("further logins with the old accounts", REACTION, || {
        logins(&pool) > before + 2
    });
    assert_eq!(visits_on(&pool, 0, POP3), 0);
    assert!(monitor.lines_with(&["reloaded"]).is_empty());
    assert!(pool.changes().is_empty());
}

#[test]
fn a_fifo_in_the_place_of_the_state_file_is_left_alone_and_holds_nothing_up() {
    let pool = FakePool::start(2);
    let plan = pool.monitor();
    mkfifo(&plan.state, stat::Mode::S_IRWXU).unwrap();
    let monitor = plan.start();
    monitor.wait_for_line(&[" ERR ", "left alone: not a regular file"], REACTION);
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    let kind = fs::symlink_metadata(&plan.state).unwrap().file_type();
    assert!(kind.is_fifo(), "{kind:?}");
}

#[test]
fn a_fifo_in_a_files_place_holds_up_neither_start_nor_reload() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    let authority = Authority::make(pool.place.folder(), "ca").file();
    let credentials = pool.place.path("credentials");
    fs::write(&credentials, format!("{USER}\n{PASSWORD}\n")).unwrap();
    fs::set_permissions(&credentials, fs::Permissions::from_mode(0o600)).unwrap();
    files.write(&format!(
        "ca_file: {}\ncredfile: {}\n",
        authority.display(),
        credentials.display()
    ));
    let plan = files.plan(&pool.place);
    let monitor = plan.start();
    pool.wait_for_visits();
    for file in [&files.config, &files.accounts, &credentials, &authority] {
        let aside = file.with_extension("aside");
        fs::rename(file, &aside).unwrap();
        mkfifo(file, stat::Mode::S_IRWXU).unwrap();
        let said = format!("{}: expected a regular file", file.display());

        monitor.signal(Signal::SIGHUP);
        monitor.wait_for_line(&[" ERR ", &said, "stay"], REACTION);
        let ended = plan.run("--check-config", REACTION);
        assert!(ended.text.contains(&said), "{}", ended.text);
        assert!(!ended.status.success(), "{}", ended.text);

        fs::rename(&aside, file).unwrap();
        reload(&monitor);
    }
    assert!(pool.changes().is_empty());
}

/// SIGHUP, which the main thread has taken in once it shows the last polls.
#[track_caller]
fn ask_for_a_reload(monitor: &Monitor) {
    let shown = || monitor.lines_with(&["last polls"]).len();
    let before = shown();
    monitor.signal(Signal::SIGHUP);
    wait_until("the last polls", REACTION, || shown() > before);
}

#[test]
fn a_disk_that_does_not_answer_a_reload_stops_neither_checks_nor_changes_nor_the_end() {
    let pool = FakePool::start(3);
    let files = Files::of_pool(&pool);
    let hangs = pool.place.path("hangs");
    let plan = files.plan(&pool.place);
    let plan = preload::hanging_file(plan, &pool.place, &files.config, &hangs);
    let mut monitor = plan.start();
    pool.wait_for_visits();

    fs::write(&hangs, "").unwrap();
    files.write("poll_pop3: True\n");
    monitor.signal(Signal::SIGHUP);
    let said = "a reload has waited for a file since";
    monitor.wait_for_line(&[" ERR ", said], REACTION);
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    for _ in 0..3 {
        ask_for_a_reload(&monitor);
    }
    assert_eq!(visits_on(&pool, 1, POP3), 0);
    assert_eq!(monitor.lines_with(&[said]).len(), 1);

    // All three together are one more reading.
    fs::remove_file(&hangs).unwrap();
    monitor.wait_for_line(&["the reload waits no longer, after"], REACTION);
    wait_until("POP3 polls", REACTION, || visits_on(&pool, 1, POP3) > 0);
    let reloads = || monitor.lines_with(&["reloaded"]).len();
    wait_until("the second reload", REACTION, || reloads() == 2);
    hold_for("no third one", A_WHILE, || reloads() == 2);

    fs::write(&hangs, "").unwrap();
    ask_for_a_reload(&monitor);
    let (status, _) = monitor.stop(REACTION);
    assert!(status.success(), "{status}");
    assert!(!files.lock.exists());
    assert_eq!(monitor.lines_with(&["reloaded"]).len(), 2);
}

/// The monitor that goes on in the background; it ends with its warden.
#[track_caller]
fn start_in_background(files: &Files, pool: &FakePool) -> (Pid, Warden) {
    let ended = files.plan(&pool.place).run("", REACTION);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
    let pid = fs::read_to_string(&files.lock).unwrap();
    let pid = Pid::from_raw(pid.trim().parse().unwrap());
    (pid, Warden::over(Ward::Process(pid)))
}

/// The log of the background stays where it is if `debug` changes: no other file may be written over it.
#[test]
fn what_stays_whatever_a_reload_reads_is_not_written_over_either() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    let log = pool.place.path("first.log");
    let base = fs::read_to_string(&files.config).unwrap();
    let to = |file: &Path| format!("logfile: {}\nloglevel: 0\n", file.display());
    let background = base.replace("debug: True", "debug: False");
    files.write_bare(&format!("{background}{}", to(&log)));
    let (pid, _warden) = start_in_background(&files, &pool);
    pool.wait_for_visits();

    let (other, page) = (pool.place.path("other.log"), log.display());
    let text = format!("{base}{}html_file: {page}\n", to(&other));
    files.write_bare(&text);
    kill(pid, Signal::SIGHUP).unwrap();
    let said = || fs::read_to_string(&log).unwrap();
    wait_until("its refusal", REACTION, || {
        said().contains("are the same file")
    });
    assert!(said().contains("is listed"));
    kill(pid, Signal::SIGTERM).unwrap();
    wait_until("the PID file to go", REACTION, || !files.lock.exists());
}

#[test]
fn what_takes_a_restart_is_said_and_stays() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    let mut monitor = files.plan(&pool.place).start();
    pool.wait_for_visits();
    let text = fs::read_to_string(&files.config).unwrap();
    let changed = text
        .replace("debug: True", "debug: False")
        .replace("dovemon.pid", "other.pid")
        .replace("dovemon.state", "other.state");
    files.write_bare(&format!("{changed}user: daemon\n"));
    reload(&monitor);
    for what in ["lock file", "state file", "debug", "user or group"] {
        assert_eq!(
            monitor.lines_with(&[what, "takes a restart"]).len(),
            1,
            "{what}"
        );
    }
    assert!(!pool.place.path("other.pid").exists());
    monitor.stop(REACTION);
    assert!(!files.lock.exists());
}

/// Interval, logins, moves and restoring follow from the kind: none of them is to change without it.
#[test]
fn a_reload_that_wants_another_kind_of_pool_is_refused_whole() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    let monitor = files.plan(&pool.place).start();
    pool.wait_for_visits();
    files.write("pool: haproxy\npoll_pop3: True\n");
    monitor.signal(Signal::SIGHUP);
    let words = [
        " ERR ",
        "reload refused: another kind of pool takes a restart; the old configuration stays in use",
    ];
    monitor.wait_for_line(&words, REACTION);
    assert_eq!(monitor.lines_with(&["reloaded"]), [""; 0]);
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    assert_eq!(visits_on(&pool, 1, POP3), 0);
}

#[test]
fn flags_go_on_counting_more_than_the_file() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    let plan = files.plan(&pool.place).flags(&format!("-p IMAP:{IMAP}"));
    let monitor = plan.start();
    pool.wait_for_visits();
    files.write("poll_pop3: True\npoll_imap: no\n");
    reload(&monitor);
    let before = visits_on(&pool, 0, IMAP);
    wait_until("further polls of IMAP", REACTION, || {
        visits_on(&pool, 0, IMAP) > before + 4
    });
    assert_eq!(visits_on(&pool, 0, POP3), 0);
}

#[test]
fn a_backend_taken_out_of_the_accounts_is_left_alone_and_one_put_in_is_polled() {
    let pool = FakePool::start(3);
    let files = Files::of_pool(&pool);
    files.write("poll_unknown_backends: no\n");
    let accounts = |named: &[usize]| {
        let named = named.iter().map(|k| account(&pool.address(*k).to_string()));
        files.write_accounts(&named.collect::<String>());
    };
    accounts(&[0, 1]);
    let monitor = files.plan(&pool.place).start();
    wait_until("polls of those named", REACTION, || {
        (0..2).all(|k| pool.backends[k].connections() > 0)
    });
    assert_eq!(pool.backends[2].connections(), 0);

    accounts(&[1, 2]);
    reload(&monitor);
    wait_until("polls of the new one", REACTION, || {
        pool.backends[2].connections() > 0
    });
    pool.backends[0].set(Mood::Refusing);
    hold_for("the one taken out to be left alone", A_WHILE, || {
        pool.state_of(0) == 'U'
    });
}

#[test]
fn syslog_is_spoken_to_at_the_socket_and_with_the_facility_of_the_file() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    let listen = |name: &str| {
        let socket = UnixDatagram::bind(pool.place.path(name)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        socket
    };
    let (first, second) = (listen("log1"), listen("log2"));
    let syslog = |socket: &str, facility: &str| {
        let text = fs::read_to_string(&files.config).unwrap();
        let bare = text.replace("debug: True\n", "");
        let kept: Vec<&str> = bare.lines().filter(|line| !line.contains("log")).collect();
        let path = pool.place.path(socket);
        files.write_bare(&format!(
            "{}\nlogger_socket_addr: {}\nsyslog_facility: {facility}\n",
            kept.join("\n"),
            path.display()
        ));
    };
    // mail is 2, local5 is 21; times eight, and 6 for info.
    syslog("log1", "mail");
    let monitor = files.plan(&pool.place).flag("-f").start();
    wait_for_message(&first, "<22>", "dovemon[", "is listed");
    syslog("log2", "'LOCAL5'");
    monitor.signal(Signal::SIGHUP);
    wait_for_message(&second, "<174>", "dovemon[", "reloaded");
}

#[test]
fn another_director_that_does_not_answer_is_an_alarm_of_its_own() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    let director = pool.director.socket().display().to_string();
    let text = fs::read_to_string(&files.config).unwrap();
    let name = |socket: &str| files.write_bare(&text.replace(&director, socket));
    let off = |monitor: &Monitor, socket: &str| {
        let words = [" ERR ", "failover is off since", socket];
        monitor.wait_for_line(&words, REACTION);
    };
    name("/nowhere/first");
    let monitor = files.plan(&pool.place).start();
    off(&monitor, "/nowhere/first");

    name("/nowhere/second");
    reload(&monitor);
    monitor.wait_for_line(&["/nowhere/first is no longer used"], REACTION);
    off(&monitor, "/nowhere/second");

    name(&director);
    reload(&monitor);
    pool.wait_for_visits();
    monitor.wait_for_line(&["/nowhere/second is no longer used"], REACTION);
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    assert_eq!(monitor.lines_with(&["failover is off"]).len(), 2);
}

#[test]
fn in_the_background_a_reload_moves_the_log_to_another_file() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    let log_to = |name: &str| {
        let text = fs::read_to_string(&files.config).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("log")).collect();
        let bare = kept.join("\n").replace("debug: True", "debug: False");
        let path = pool.place.path(name);
        files.write_bare(&format!(
            "{bare}\nlogfile: {}\nloglevel: 0\n",
            path.display()
        ));
    };
    let log = |name: &str| fs::read_to_string(pool.place.path(name)).unwrap_or_default();
    log_to("first.log");
    let (pid, _warden) = start_in_background(&files, &pool);
    pool.wait_for_visits();
    wait_until("the first log", REACTION, || {
        log("first.log").contains("is listed")
    });

    log_to("second.log");
    kill(pid, Signal::SIGHUP).unwrap();
    wait_until("the second log", REACTION, || {
        log("second.log").contains("reloaded")
    });
    let before = log("first.log");
    pool.backends[0].set(Mood::Refusing);
    wait_until("a change in the second log", REACTION, || {
        log("second.log").contains("disabled")
    });
    assert_eq!(log("first.log"), before);

    // A log that cannot be opened changes nothing.
    log_to("nowhere/third.log");
    kill(pid, Signal::SIGHUP).unwrap();
    wait_until("the old log to say so", REACTION, || {
        log("second.log").contains("lines go on to the old log")
    });

    // Nor does one that is the lock file, be it the new one or the one in use.
    let locked = fs::read_to_string(&files.lock).unwrap();
    log_to("dovemon.pid");
    let other_lock = |text: String| text.replace("dovemon.pid\nstate", "other.pid\nstate");
    for (refusals, change) in [(1, None), (2, Some(other_lock))] {
        if let Some(change) = change {
            let text = fs::read_to_string(&files.config).unwrap();
            files.write_bare(&change(text.clone()));
            assert_ne!(fs::read_to_string(&files.config).unwrap(), text);
        }
        kill(pid, Signal::SIGHUP).unwrap();
        wait_until("its refusal", REACTION, || {
            let said = log("second.log");
            let refused = |line: &&str| line.contains("are the same file");
            said.lines().filter(refused).count() == refusals
        });
        assert_eq!(fs::read_to_string(&files.lock).unwrap(), locked);
    }
    kill(pid, Signal::SIGTERM).unwrap();
    wait_until("the PID file to go", REACTION, || !files.lock.exists());
}

#[track_caller]
fn wait_for_message(socket: &UnixDatagram, priority: &str, ident: &str, text: &str) {
    wait_until(&format!("{priority} {text}"), REACTION, || {
        let mut bytes = [0; 4096];
        let length = match socket.recv(&mut bytes) {
            Ok(length) => length,
            Err(_) => return false,
        };
        passwords::assert_none("syslog", &bytes[..length]);
        let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
        message.starts_with(priority) && message.contains(ident) && message.contains(text)
    });
}

/// What was owed is what the operator now forbids.
#[test]
fn a_drain_that_is_owed_is_forgiven_by_a_reload_that_turns_moving_off() {
    let pool = FakePool::start(2);
    pool.director
        .answer_always(Command::HostResetUsers, Answer::Busy);
    let files = Files::of_pool(&pool);
    let monitor = files.plan(&pool.place).start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    let tries = || pool.director.count(Command::HostResetUsers);
    wait_until("a first try", REACTION, || tries() > 0);
    let state = pool.place.path("dovemon.state");
    let owed = || fs::read_to_string(&state).unwrap().contains("owed");
    assert!(owed());

    files.write("flush: none\n");
    reload(&monitor);
    wait_until("the debt to be forgiven", REACTION, || !owed());
    let before = tries();
    hold_for("no other try", 2 * A_WHILE, || tries() == before);
    assert_eq!(pool.users_of(0), 10);
}
