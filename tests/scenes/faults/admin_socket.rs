//! The director's admin socket that is not there, leads elsewhere, is closed to this monitor, or is
//! silent: one alarm that says what to check, and work at once when it is back.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{assert_no_more_changes, is_missed, A_WHILE};
use crate::lab::fake_backend::Mood;
use crate::lab::fake_director::{Answer, Command, Deed, FakeDirector, Greeting};
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::monitor::Monitor;
use crate::lab::patience::{hold_for, pause, promised, wait_until};
use crate::lab::tampering::HungDisk;

const NOBODY: u32 = 65534;

const OFF: &str = "failover is off since";
const ON: &str = "failover is on again";

/// A backend dies while the director cannot be reached; when it can be, that is known at once.
#[track_caller]
fn check_alarm(
    pool: &mut FakePool,
    monitor: &Monitor,
    told: &[&str],
    happens: impl FnOnce(&mut FakePool),
    is_over: impl FnOnce(&mut FakePool),
) {
    let begins = Instant::now();
    happens(pool);
    let alarm = monitor.wait_for_line(&[" ERR ", OFF], REACTION);
    assert!(begins.elapsed() < promised(Duration::from_secs(7)));
    let socket = pool.director.socket();
    assert!(alarm.contains(socket.to_str().unwrap()), "{alarm}");
    for text in told {
        assert!(alarm.contains(text), "{alarm}");
    }

    pool.backends[0].set(Mood::Refusing);
    monitor.wait_for_line(&["has failed"], REACTION);
    assert_no_more_changes(pool, A_WHILE + A_WHILE);
    let errors = monitor.errors();
    assert_eq!(errors.len(), 2, "{errors:#?}");

    is_over(pool);
    let back = Instant::now();
    pool.wait_for_state(0, 'D');
    let taken = back.elapsed();
    assert!(taken < promised(Duration::from_secs(3)), "{taken:?}");
    pool.wait_for_no_users(0);
    monitor.wait_for_line(&[ON], REACTION);
    assert_eq!(monitor.lines_with(&[OFF]).len(), 1);
    assert_eq!(monitor.lines_with(&[ON]).len(), 1);
    assert_eq!(monitor.errors().len(), 2);
}

#[test]
fn a_director_that_comes_and_goes_is_one_alarm() {
    let mut pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    for _ in 0..4 {
        let before = pool.director.connections();
        pool.director.take_socket_away();
        monitor.wait_for_status("the missing socket to be seen", REACTION, is_missed);
        // The first time it is told; from then on the alarm lasts.
        monitor.wait_for_line(&[" ERR ", OFF], REACTION);
        pool.director.listen();
        wait_until("the next connection", REACTION, || {
            pool.director.connections() > before
        });
        pool.wait_for_readings(2);
        monitor.wait_for_status("the director to be seen", REACTION, |shown| {
            shown["director"]["up"] == true
        });
    }
    monitor.wait_for_line(&[ON], REACTION);
    assert_eq!(monitor.lines_with(&[OFF]).len(), 1);
    assert_eq!(monitor.lines_with(&[ON]).len(), 1);
}

#[test]
fn a_socket_that_goes_while_the_connection_stands_is_missed() {
    let mut pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    let connections = pool.director.open_connections();
    let gone = |pool: &mut FakePool| {
        assert_eq!(pool.director.open_connections(), connections);
        pool.director.take_socket_away();
    };
    let told = [
        "the socket is missing",
        "is Dovecot running",
        "service director",
    ];
    check_alarm(&mut pool, &monitor, &told, gone, |pool| {
        pool.director.listen()
    });
}

#[test]
fn a_socket_that_goes_is_missed_within_two_seconds() {
    let pool = FakePool::start(2);
    let monitor = pool.monitor().flags("-i 30").start();
    pool.wait_for_visits();
    let gone = Instant::now();
    pool.director.take_socket_away();
    monitor.wait_for_line(&[" ERR ", OFF], REACTION);
    let taken = gone.elapsed();
    assert!(taken < promised(Duration::from_secs(2)), "{taken:?}");
}

#[test]
fn a_director_that_is_silent_is_one_alarm_until_it_answers() {
    let mut pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    let hangs = |pool: &mut FakePool| {
        pool.director.set_greeting(Greeting::Never);
        pool.director
            .answer_always(Command::HostList, Answer::Hang(Deed::Undone));
    };
    let answers = |pool: &mut FakePool| {
        pool.director.set_greeting(Greeting::Proper);
        pool.director
            .answer_always(Command::HostList, Answer::Proper);
        pool.director.close_connections();
    };
    let told = ["timed out", "process hang"];
    check_alarm(&mut pool, &monitor, &told, hangs, answers);
}

#[test]
fn a_director_that_ends_is_one_alarm_until_it_is_there() {
    let mut pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    let told = ["service director"];
    check_alarm(
        &mut pool,
        &monitor,
        &told,
        |pool| pool.director.stop(),
        |pool| pool.director.listen(),
    );
}

#[test]
fn a_socket_that_is_closed_to_the_monitor_says_to_whom() {
    let mut pool = FakePool::start(2);
    let mode = |pool: &FakePool, mode| {
        fs::set_permissions(pool.director.socket(), Permissions::from_mode(mode)).unwrap()
    };
    mode(&pool, 0o666);
    let monitor = pool.monitor().stranger(&pool.place, NOBODY).start();
    pool.wait_for_visits();
    check_alarm(
        &mut pool,
        &monitor,
        &["permission denied", "may user 65534 write"],
        |pool| mode(pool, 0o600),
        |pool| mode(pool, 0o666),
    );
}

/// The lists go on over their connection, and no command finds the director.
#[test]
fn a_command_that_does_not_reach_the_director_is_no_line_of_its_own() {
    let mut pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    pool.director.set_greeting(Greeting::CloseAtOnce);
    pool.backends[0].set(Mood::Refusing);
    let line = monitor.wait_for_line(&[" ERR ", OFF, "connection closed"], REACTION);
    assert!(line.contains("does -S"), "{line}");
    hold_for("two error lines", A_WHILE, || monitor.errors().len() == 2);
    pool.director.set_greeting(Greeting::Proper);
    let back = Instant::now();
    pool.wait_for_state(0, 'D');
    let taken = back.elapsed();
    assert!(taken < promised(Duration::from_secs(3)), "{taken:?}");
    monitor.wait_for_line(&[ON], REACTION);
    pool.director.listen();
}

#[test]
fn another_instance_at_the_same_path_is_served_from_then_on() {
    let pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    let hosts = [0, 1].map(|backend| pool.director.host(pool.address(backend)).unwrap());
    let other = FakeDirector::start(&pool.director.socket(), hosts.to_vec());
    wait_until("its lists to be read", REACTION, || {
        other.count(Command::HostList) > 0
    });
    pool.backends[0].set(Mood::Refusing);
    wait_until("it to be told", REACTION, || {
        other.state_of(pool.address(0)) == 'D'
    });
    assert_eq!(pool.changes(), [""; 0]);
    assert_eq!(monitor.lines_with(&[OFF]).len(), 0);
}

#[test]
fn a_director_that_is_only_restarted_is_no_alarm() {
    let pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    // Pause: it is opened again at once, and without alarm, if it has stood for 10 s: that is all there is to wait for.
    pause(Duration::from_millis(10_500));
    pool.director.close_connections();
    monitor.wait_for_line(&["connection closed", "connected again"], REACTION);
    assert_eq!(monitor.errors(), [""; 0]);
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
}

/// The lists' thread hangs in the kernel; nobody else does.
#[test]
fn a_path_on_a_file_system_that_hangs_is_missed_too() {
    let pool = FakePool::start(2);
    let mut monitor = pool.monitor().start();
    pool.wait_for_visits();
    let hung = HungDisk::below(monitor.pid(), &pool.director.socket());
    monitor.wait_for_line(&[" ERR ", OFF, "file system"], REACTION);
    let visits = pool.backends[1].connections();
    wait_until("a probe", REACTION, || {
        pool.backends[1].connections() > visits
    });
    drop(hung);
    monitor.wait_for_line(&[ON], REACTION);
    monitor.stop(REACTION);
}

/// What a monitor says that finds no director, at its start and with `--once`.
#[track_caller]
fn check_said(pool: &FakePool, socket: &Path, words: &[&str]) {
    let plan = pool.monitor().flag("-S").flag(socket);
    let once = plan.run("--once", REACTION);
    assert_eq!(once.status.code(), Some(1), "{once:?}");
    let monitor = plan.start();
    let said = monitor.wait_for_line(&[" ERR ", OFF], REACTION);
    for text in [&once.text, &said] {
        assert!(text.contains(socket.to_str().unwrap()), "{text}");
        for word in words {
            assert!(text.contains(word), "{text}");
        }
    }
}

#[test]
fn a_socket_that_is_none_says_what_to_check() {
    let pool = FakePool::start(1);
    let missing = ["is Dovecot running", "-S", "unix_listener director-admin"];
    let gone = pool.place.path("gone");
    check_said(
        &pool,
        &gone,
        &[&["the socket is missing"][..], &missing].concat(),
    );
    let left_over = pool.place.path("left-over");
    drop(UnixListener::bind(&left_over).unwrap());
    let words = [&["nobody listens"][..], &missing].concat();
    check_said(&pool, &left_over, &words);
    let other = ["does -S", "unix_listener director-admin"];
    let words = [&["not a socket"][..], &other].concat();
    check_said(&pool, pool.place.folder(), &words);
    let file = pool.place.path("file");
    fs::write(&file, "").unwrap();
    check_said(&pool, &file, &words);
    let anvil = pool.place.path("anvil");
    let anvil = FakeDirector::start(&anvil, Vec::new());
    anvil.set_greeting(Greeting::Foreign);
    let words = [&["not a director's greeting"][..], &other].concat();
    check_said(&pool, &anvil.socket(), &words);
}

#[test]
fn once_says_to_whom_the_socket_is_closed() {
    let pool = FakePool::start(1);
    let socket = pool.director.socket();
    fs::set_permissions(&socket, Permissions::from_mode(0o600)).unwrap();
    let plan = pool.monitor().stranger(&pool.place, NOBODY);
    let once = plan.run("--once", REACTION);
    assert_eq!(once.status.code(), Some(1), "{once:?}");
    for word in ["permission denied", "may user 65534 write", "unix_listener"] {
        assert!(once.text.contains(word), "{once:?}");
    }
}
