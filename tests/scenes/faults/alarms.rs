//! Alarms: one line when one begins, one when it ends, with the backends that it is about; and what a
//! dry run says beside a real one.

use nix::sys::signal::Signal;

use super::{assert_no_more_changes, is_missed, A_WHILE};
use crate::lab::fake_backend::{Mood, IMAP as FAKE_IMAP};
use crate::lab::fake_director::RingState;
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};
use crate::lab::monitor::Monitor;
use crate::lab::patience::{hold_for, wait_until};

/// The ring is unsynced in two readings of four, for longer in all than an alarm waits before it says that
/// something is over.
fn unsync_now_and_then(pool: &FakePool) {
    for _ in 0..4 {
        for ring in [RingState::Syncing, RingState::Synced] {
            pool.director.set_ring(ring);
            pool.wait_for_readings(2);
        }
    }
}

#[test]
fn all_dead_in_a_ring_that_is_unsynced_now_and_then_is_one_alarm() {
    let pool = FakePool::start(3);
    pool.set_all(Mood::Refusing);
    let monitor = pool.monitor().start();
    let line = monitor.wait_for_line(&[" ERR ", "cut off"], REACTION);
    for backend in 0..3 {
        assert!(line.contains(&pool.address(backend).to_string()), "{line}");
    }
    // No backend has a tag, so the line names no tag.
    assert!(line.contains("no other backend is up and passes"), "{line}");
    unsync_now_and_then(&pool);
    assert_eq!(
        monitor
            .lines_with(&["is kept up any more for lack of another one"])
            .len(),
        0
    );

    pool.set_all(Mood::Healthy);
    monitor.wait_for_line(&["is kept up any more for lack of another one"], REACTION);
    hold_for("one line at either end", A_WHILE, || {
        monitor.lines_with(&[" ERR ", "cut off"]).len() == 1
            && monitor
                .lines_with(&["is kept up any more for lack of another one"])
                .len()
                == 1
    });
    assert!(pool.changes().is_empty());
}

/// What brings this backend up: doveadm does not know the lab's socket.
fn by_hand(pool: &FakePool, backend: usize) -> String {
    let (socket, address) = (pool.director.socket(), pool.address(backend));
    format!("doveadm director up -a {} {address}", socket.display())
}

#[test]
fn a_backend_in_maintenance_is_one_line_over_several_reconnects() {
    let mut pool = FakePool::start(3);
    let monitor = pool.monitor().flag("--restore=own").start();
    pool.wait_for_visits();
    pool.director.set_by_another(pool.address(1), 'D');
    let up = by_hand(&pool, 1);
    monitor.wait_for_line(&[" ERR ", &up], REACTION);
    for _ in 0..3 {
        let before = pool.director.connections();
        pool.director.stop();
        monitor.wait_for_status("the missing socket to be seen", REACTION, is_missed);
        pool.director.listen();
        wait_until("the next connection", REACTION, || {
            pool.director.connections() > before
        });
        pool.wait_for_readings(2);
        monitor.wait_for_status("the director to be seen", REACTION, |shown| {
            shown["director"]["up"] == true
        });
    }
    assert_eq!(
        monitor.lines_with(&[" ERR ", "did not take it down"]).len(),
        1
    );

    // Another one is news.
    pool.director.set_by_another(pool.address(2), 'D');
    let up = by_hand(&pool, 2);
    monitor.wait_for_line(&[" ERR ", &up], REACTION);
    pool.director.set_by_another(pool.address(1), 'U');
    pool.director.set_by_another(pool.address(2), 'U');
    monitor.wait_for_line(
        &["or another monitor took down is left down any more"],
        REACTION,
    );
    assert_eq!(
        monitor.lines_with(&[" ERR ", "did not take it down"]).len(),
        2
    );
}

#[test]
fn a_password_that_is_set_right_ends_the_alarm_once() {
    let pool = FakePool::start(3);
    for backend in &pool.backends {
        backend.set_password("another");
    }
    let monitor = pool.monitor().credentials(USER, PASSWORD).start();
    monitor.wait_for_line(&[" ERR ", "no backend is taken down for that"], REACTION);
    // One after the other, as a person does it.
    for (number, backend) in pool.backends.iter().enumerate() {
        backend.set_password(PASSWORD);
        pool.wait_for_more_visits(number, 1);
    }
    let over = "login: the fault of several backends is over";
    monitor.wait_for_line(&[over], REACTION);
    hold_for("one line at either end", A_WHILE, || {
        let begins = [" ERR ", "no backend is taken down for that"];
        monitor.lines_with(&begins).len() == 1 && monitor.lines_with(&[over]).len() == 1
    });
}

#[test]
fn a_backend_that_dies_while_an_alarm_stands_has_its_own_line() {
    let pool = FakePool::start(3);
    let monitor = pool.monitor().credentials(USER, "forgotten").start();
    monitor.wait_for_line(&[" ERR ", "no backend is taken down for that"], REACTION);
    pool.backends[1].set(Mood::Refusing);
    let dead = pool.address(1).to_string();
    let line = [" ERR ", &dead, "connect: connection refused"];
    monitor.wait_for_line(&line, REACTION);
    hold_for("that line alone", A_WHILE, || {
        monitor.lines_with(&line).len() == 1
    });
}

/// The lines but for their times, their prefix, each probe and what is of a run alone.
fn told(monitor: &Monitor) -> Vec<String> {
    let about = |line: &String| {
        [
            "abled",
            "users moved",
            "users forgotten",
            "stays up",
            "stay up",
            "kept up",
        ]
        .iter()
        .any(|words| line.contains(words))
            && !line.contains("held by rule")
    };
    let text = |line: String| {
        let (_, text) = line
            .split_once(" LOG ")
            .or_else(|| line.split_once(" ERR "))
            .unwrap();
        // Nothing was asked, so nothing took any time, and nobody came from elsewhere.
        let text = text.split(" (answered in ").next().unwrap_or(text);
        let text = text.split("users moved: ").next().unwrap_or(text);
        // When it failed, how often it was tried by then, and how many users it had.
        let mut masked: Vec<&str> = Vec::new();
        for word in text.trim_start_matches("DRY-RUN: ").split(' ') {
            if ["try", "tries", "user", "users"].contains(&word) {
                masked.pop();
                masked.push("some");
            } else if masked.last() == Some(&"since") {
                masked.push("then");
            } else {
                masked.push(word);
            }
        }
        masked.join(" ")
    };
    monitor
        .lines()
        .into_iter()
        .filter(about)
        .map(text)
        .collect()
}

/// Two of four die one after the other, with a limit of one, and come back: what each run says.
fn two_of_four_die(flag: &str) -> (Vec<String>, Vec<String>) {
    let pool = FakePool::start(4);
    let monitor = pool.monitor().flag("--max-down=1").flags(flag).start();
    pool.wait_for_visits();
    let [first, second] = [0, 1].map(|backend| pool.address(backend).to_string());
    let said = |words: &[&str]| monitor.wait_for_line(words, REACTION);
    pool.backends[0].set(Mood::Refusing);
    said(&[&first, "disabled"]);
    said(&[&first, "users moved"]);
    pool.backends[1].set(Mood::Refusing);
    said(&[" ERR ", &second, "stays up: --max-down=1"]);
    pool.backends[0].set(Mood::Healthy);
    said(&[&first, "enabled"]);
    said(&[&second, "disabled"]);
    said(&[&second, "users moved"]);
    said(&["is kept up any more by --max-down"]);
    pool.backends[1].set(Mood::Healthy);
    said(&[&second, "enabled"]);
    let all = told(&monitor);
    hold_for("nothing more to be said", A_WHILE, || told(&monitor) == all);
    let number = |line: String| line.replace(&first, "b0").replace(&second, "b1");
    let told = told(&monitor).into_iter().map(number).collect();
    (told, pool.changes())
}

#[test]
fn a_dry_run_says_what_the_real_run_says_and_sends_nothing() {
    let (real, sent) = two_of_four_die("");
    let (dry, not_sent) = two_of_four_die("-n");
    assert_eq!(real, dry);
    assert_eq!(real.iter().filter(|line| line.contains("abled")).count(), 4);
    let down_and_up = |backend: &str| {
        let drain = format!("HOST-RESET-USERS {backend} 4294967295");
        [
            format!("HOST-DOWN {backend}"),
            drain,
            format!("HOST-UP {backend}"),
        ]
    };
    let mut in_order = sent.clone();
    in_order.sort_by_key(|line| line.contains("b1"));
    assert_eq!(in_order, [down_and_up("b0"), down_and_up("b1")].concat());
    assert_eq!(not_sent, [""; 0]);
}

#[test]
fn a_dry_run_with_two_dead_at_once_takes_one_down() {
    let pool = FakePool::start(4);
    for backend in [1, 2] {
        pool.backends[backend].set(Mood::Refusing);
    }
    let monitor = pool.monitor().flags("-n --max-down=1").start();
    monitor.wait_for_line(&["DRY-RUN: ", "disabled"], REACTION);
    monitor.wait_for_line(&[" ERR ", "stays up: --max-down=1"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert_eq!(monitor.lines_with(&["DRY-RUN: ", "disabled"]).len(), 1);
    for backend in [1, 2] {
        pool.backends[backend].set(Mood::Healthy);
    }
    monitor.wait_for_line(&["DRY-RUN: ", "enabled"], REACTION);
    assert!(pool.changes().is_empty());
}

#[test]
fn the_status_says_how_old_the_list_is_and_when_each_backend_was_and_will_be_checked() {
    let mut pool = FakePool::start(3);
    let monitor = pool.monitor().flag("-n").start();
    pool.wait_for_visits();
    pool.director.set_by_another(pool.address(1), 'D');
    let address = pool.address(0).to_string();
    monitor.wait_for_line(&[&pool.address(1).to_string(), "to down"], REACTION);
    monitor.signal(Signal::SIGUSR1);
    monitor.wait_for_line(&["of 3 backends are up"], REACTION);
    let line = monitor.wait_for_line(&[&address, "is up", "healthy; for", "last check"], REACTION);
    assert!(!line.contains("tag"), "{line}");
    assert!(
        line.contains("next in") || line.contains("next now"),
        "{line}"
    );
    monitor.wait_for_line(
        &[&pool.address(1).to_string(), "is down since 20"],
        REACTION,
    );
    let socket = pool.director.socket().display().to_string();
    let director = monitor.wait_for_line(&["director", &socket, "its list is"], REACTION);
    assert!(director.contains("the ring is synced"), "{director}");
    assert!(director.contains("dry run"), "{director}");

    pool.director.stop();
    monitor.wait_for_line(&[" ERR ", "failover is off"], REACTION);
    monitor.signal(Signal::SIGUSR1);
    monitor.wait_for_line(&["of 3 backends were up at", "not current"], REACTION);
    monitor.wait_for_line(&[&address, "was up"], REACTION);
    let director = monitor.wait_for_line(&["the last list is", "not current"], REACTION);
    assert!(director.contains("does not answer, for"), "{director}");
}

#[test]
fn the_start_line_and_the_single_look_say_what_is_checked() {
    let pool = FakePool::start(2);
    let socket = pool.director.socket().display().to_string();
    let monitor = pool.monitor().flags("-n --restore=own").start();
    let line = monitor.wait_for_line(&["starts: DRY RUN", &socket, "imap:1143"], REACTION);
    // A plain port without a login never turns to TLS.
    for words in ["no TLS", "no login", "restore: own"] {
        assert!(line.contains(words), "{line}");
    }
    let monitor = pool.monitor().flags("-n -s 993").start();
    monitor.wait_for_line(&["starts: ", "certificates are checked"], REACTION);
    let empty = pool.monitor().credentials("", "");
    std::fs::write(empty.credentials_file(), "").unwrap();
    let monitor = empty.flag("-n").start();
    monitor.wait_for_line(&["starts: ", "no TLS", "no login: ", " is empty"], REACTION);
    let ended = pool.monitor().run("--once", REACTION);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
    assert!(ended.text.contains("no login was tried"), "{}", ended.text);
    let plan = pool.monitor().credentials(USER, PASSWORD);
    let ended = plan.run("--once", REACTION);
    assert!(!ended.text.contains("no login"), "{}", ended.text);
    let bare = pool.bare_monitor().credentials(USER, PASSWORD);
    let ended = bare.run(&format!("--once -p {FAKE_IMAP}"), REACTION);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
    let named = format!("-p PROTOCOL:{FAKE_IMAP}");
    assert!(ended.text.contains("no login was tried"), "{}", ended.text);
    assert!(ended.text.contains(&named), "{}", ended.text);
    let monitor = plan.start();
    let file = plan.credentials_file().display().to_string();
    let words = ["starts: director", "certificates are checked", "login by "];
    let line = monitor.wait_for_line(&words, REACTION);
    assert!(line.contains(&file), "{line}");
    for (flags, words) in [
        ("-p POP3:110", "no TLS: nothing is sent"),
        (
            "-p POP3:110 -s IMAP:993",
            "certificates are checked on imap+tls:993 alone, for the name",
        ),
    ] {
        let monitor = pool.bare_monitor().flags(flags).start();
        monitor.wait_for_line(&["starts: director", words], REACTION);
    }
}
