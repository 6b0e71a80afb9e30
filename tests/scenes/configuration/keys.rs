//! What single keys change on the wire.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::files::{account, Files};
use crate::lab::fake_backend::{Mood, IMAP, LMTP, POP3};
use crate::lab::fake_director::FakeHost;
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::patience::{hold_for, wait_until};

const A_WHILE: Duration = Duration::from_secs(4);

/// Whether a backend has got such a line.
fn heard(pool: &FakePool, backend: usize, port: u16, begins: &str) -> bool {
    pool.backends[backend].visits().iter().any(|visit| {
        visit.port == port
            && visit.line.as_deref().map_or(false, |line| {
                line.split_once(' ')
                    .map_or(false, |(_, behind_tag)| behind_tag.starts_with(begins))
                    || line.starts_with(begins)
            })
    })
}

/// Starts a monitor with these keys and waits until the backend has got a line that begins so.
#[track_caller]
fn check(keys: &str, port: u16, begins: &str) {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    files.write(keys);
    let _monitor = files.plan(&pool.place).start();
    let what = format!("{begins:?} on port {port} with {keys:?}");
    wait_until(&what, REACTION, || heard(&pool, 0, port, begins));
}

#[test]
fn each_poll_key_is_seen_by_the_backend() {
    for (keys, port, begins) in [
        ("", IMAP, "LOGIN"),
        ("", IMAP, "LIST"),
        ("auth: sasl\n", IMAP, "AUTHENTICATE PLAIN "),
        ("poll_imap_select: yes\n", IMAP, "SELECT"),
        ("poll_imap_append: yes\n", IMAP, "APPEND"),
        ("poll_imap_expunge: yes\n", IMAP, "SELECT"),
        ("poll_pop3: True\n", POP3, "PASS"),
        ("poll_pop3: True\npoll_pop3_stat: True\n", POP3, "STAT"),
        ("poll_lmtp: on\n", LMTP, "LHLO"),
        (
            "poll_lmtp: on\nlmtp_to: probe@lab.test\n",
            LMTP,
            "RCPT TO:<probe@lab.test>",
        ),
        (
            "poll_lmtp: on\nlmtp_to: x\nlmtp_from: monitor@lab.test\n",
            LMTP,
            "MAIL FROM:<monitor@lab.test>",
        ),
        ("poll_lmtp: on\npoll_lmtp_deliver: True\n", LMTP, "DATA"),
        ("deep_probe: pop3\n", LMTP, "DATA"),
    ] {
        check(keys, port, begins);
    }
}

#[test]
fn what_is_turned_off_is_not_said() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    files.write("poll_imap: no\npoll_pop3: yes\n");
    let _monitor = files.plan(&pool.place).start();
    wait_until("a login by POP3", REACTION, || {
        heard(&pool, 0, POP3, "PASS")
    });
    hold_for("no IMAP, no STAT, no LMTP", A_WHILE, || {
        let visits = pool.backends[0].visits();
        visits.iter().all(|visit| visit.port == POP3) && !heard(&pool, 0, POP3, "STAT")
    });
}

#[test]
fn use_host_flush_forgets_users_and_otherwise_they_are_moved() {
    for (key, command) in [
        ("", "HOST-RESET-USERS"),
        ("max_moves: 7\n", "HOST-RESET-USERS"),
        ("use_host_flush: True\n", "HOST-FLUSH"),
        ("flush: drop\n", "HOST-FLUSH"),
    ] {
        let pool = FakePool::start(2);
        let files = Files::of_pool(&pool);
        files.write(key);
        let _monitor = files.plan(&pool.place).start();
        pool.wait_for_visits();
        pool.backends[0].set(Mood::Refusing);
        pool.wait_for_no_users(0);
        let changes = pool.changes();
        let moved = changes.iter().find(|change| change.starts_with(command));
        let moved = moved.unwrap_or_else(|| panic!("{key:?}: {changes:?}"));
        assert_eq!(
            moved.ends_with(" 7"),
            key.starts_with("max_moves"),
            "{moved}"
        );
    }
}

#[test]
fn only_what_it_took_down_itself_comes_up_unless_the_file_says_any() {
    for (key, comes_up) in [("", false), ("restore: any\n", true)] {
        let pool = FakePool::start(2);
        pool.director
            .edit(pool.address(1), FakeHost::be_down_for_long);
        let files = Files::of_pool(&pool);
        files.write(key);
        let monitor = files.plan(&pool.place).start();
        if comes_up {
            pool.wait_for_state(1, 'U');
        } else {
            let address = pool.address(1).to_string();
            let words = [" ERR ", &address, "did not take it down"];
            monitor.wait_for_line(&words, REACTION);
            assert_eq!(pool.state_of(1), 'D');
        }
    }
}

#[test]
fn a_backend_that_the_accounts_do_not_name_is_left_alone_if_told_so() {
    let pool = FakePool::start(3);
    let files = Files::of_pool(&pool);
    files.write("poll_unknown_backends: False\n");
    let named: String = [0, 2]
        .map(|k| account(&pool.address(k).to_string()))
        .concat();
    files.write_accounts(&named);
    pool.backends[1].set(Mood::Refusing);
    let plan = files.plan(&pool.place);
    let once = plan.run("--once", REACTION).success();
    assert!(once.contains("not polled"), "{once}");
    let _monitor = plan.start();
    wait_until("a login on those named", REACTION, || {
        heard(&pool, 0, IMAP, "LOGIN") && heard(&pool, 2, IMAP, "LOGIN")
    });
    hold_for("the other one to be left alone", A_WHILE, || {
        pool.backends[1].connections() == 0 && pool.state_of(1) == 'U'
    });
    // Nor is it anybody's refuge.
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.backends[2].set(Mood::Refusing);
    hold_for("the last one polled to stay up", A_WHILE, || {
        pool.state_of(2) == 'U'
    });
}

/// All are left alone where the one that is named is mistyped.
#[test]
fn where_the_accounts_name_no_listed_backend_none_is_said_to_be_healthy() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    files.write("poll_unknown_backends: False\n");
    files.write_accounts(&account("192.0.2.77"));
    let ended = files.plan(&pool.place).run("--once", REACTION);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.text);
    let said = "no backend was checked: the accounts file names none that is listed";
    assert!(ended.text.contains(said), "{}", ended.text);
}

#[test]
fn a_delivery_that_options_for_ports_leave_out_is_said() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    files.write("poll_imap: True\ndeep_probe: imap\nlmtp_to: probe@example.org\n");
    let flags = format!("-p IMAP:{IMAP} --check-config");
    let text = files.plan(&pool.place).run(&flags, REACTION).success();
    let said = format!(
        "{}: deep_probe: left out, as -p and -s replace all that is checked",
        files.config.display()
    );
    assert!(text.contains(&said), "{text}");
    let flags = format!("-p IMAP:{IMAP}");
    let monitor = files.plan(&pool.place).flags(&flags).start();
    monitor.wait_for_line(&[&said], REACTION);
}

#[test]
fn one_round_tells_whatever_rise_and_fall() {
    let pool = FakePool::start(2);
    pool.backends[1].set(Mood::Refusing);
    let plan = pool.bare_monitor();
    let flags = format!("--once -p IMAP:{IMAP} --retries=0 --rise=3 --fall=3 -i 60");
    let ended = plan.run(&flags, REACTION);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.text);
    let (healthy, failed) = (
        format!("{} healthy", pool.address(0)),
        format!("{} failed: imap:{IMAP} connect", pool.address(1)),
    );
    assert!(ended.text.contains(&healthy), "{}", ended.text);
    assert!(ended.text.contains(&failed), "{}", ended.text);
}

#[test]
fn an_unknown_backend_is_polled_without_a_login() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    files.write_accounts(&account(&pool.address(0).to_string()));
    let _monitor = files.plan(&pool.place).start();
    wait_until("polls of both", REACTION, || {
        heard(&pool, 0, IMAP, "LOGIN") && pool.backends[1].connections() > 1
    });
    assert!(!heard(&pool, 1, IMAP, "LOGIN"));
}

#[test]
fn a_port_can_be_one_backends_own() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    files.write("imap_port: 9\n");
    let own: String = (0..2)
        .map(|k| account(&pool.address(k).to_string()) + &format!("  imap_port: {IMAP}\n"))
        .collect();
    files.write_accounts(&own);
    let plan = files.plan(&pool.place);
    let once = plan.run("--once", REACTION).success();
    assert_eq!(once.matches("healthy").count(), 2, "{once}");
}

#[test]
fn flags_count_more_than_the_file() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    files.write("poll_pop3: True\nuse_host_flush: True\n");
    let plan = files.plan(&pool.place);
    let words = format!("--check-config -p IMAP:{IMAP} -i 7 --flush=none --restore=any -l /x -n");
    let text = plan.run(&words, REACTION).success();
    assert!(!text.contains("pop3:"), "{text}");
    for said in [
        format!("\nimap:{IMAP}: "),
        "7 s from the start".to_owned(),
        "its users are left".to_owned(),
        "whatever is healthy comes up".to_owned(),
        // The file has `debug`, which stays in the foreground.
        "log: standard output".to_owned(),
    ] {
        assert!(text.contains(&said), "{said:?}: {text}");
    }
}

#[test]
fn as_many_polls_fail_as_the_file_asks_for_before_a_backend_has_failed() {
    for (keys, least) in [
        ("retry_count: 5\nrapid_rounds: 0\n", 5),
        (
            "retry_count: 2\nrapid_rounds: 10\nrapid_fails_needed: 7\n",
            9,
        ),
        (
            "retry_count: 1\nrapid_rounds: 2\nrapid_fails_needed: 1\n",
            2,
        ),
    ] {
        let pool = FakePool::start(2);
        let files = Files::of_pool(&pool);
        files.write(keys);
        let monitor = files.plan(&pool.place).start();
        pool.wait_for_visits();
        // A poll under way would be counted as one before, and fail.
        wait_until("the end of a poll", REACTION, || {
            let visits = pool.backends[0].visits();
            let last = visits.last().and_then(|visit| visit.line.as_deref());
            last.map_or(false, |line| line.ends_with("LOGOUT"))
        });
        let before = pool.backends[0].connections();
        pool.backends[0].set(Mood::Closing);
        let address = pool.address(0).to_string();
        monitor.wait_for_line(&[&address, "has failed"], REACTION);
        let polls = pool.backends[0].connections() - before;
        assert!(polls >= least, "{keys:?}: {polls}");
        pool.wait_for_state(0, 'D');
    }
}

#[test]
fn zeros_are_no_reason_not_to_start_and_keep_nobody_busy() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    files.write(
        "interval: 0\ntimeout: 0\nretry_count: 0\nrapid_rounds: 10\nrapid_fails_needed: 0\n",
    );
    let monitor = files.plan(&pool.place).start();
    pool.wait_for_visits();
    for (key, taken) in [
        ("interval", "at least 1,"),
        ("rapid_fails_needed", "at least 1,"),
    ] {
        let line = [" ERR ", key, "\"0\": expected ", taken, "; 1 is taken"];
        monitor.wait_for_line(&line, REACTION);
    }
    for key in ["timeout", "retry_count"] {
        assert!(monitor.lines_with(&[key, "expected"]).is_empty());
    }
    let from = Instant::now();
    pool.wait_for_more_visits(0, 3);
    // One a second, the first of them at any moment.
    let taken = from.elapsed();
    assert!(taken > Duration::from_millis(1800), "{taken:?}");

    // The first failed poll means failed.
    pool.backends[0].set(Mood::Closing);
    let before = pool.backends[0].connections();
    let address = pool.address(0).to_string();
    monitor.wait_for_line(&[&address, "has failed"], REACTION);
    let polls = pool.backends[0].connections() - before;
    assert!(polls <= 2, "{polls} polls");
    pool.wait_for_state(0, 'D');
}

#[test]
fn a_delayed_down_over_its_limit_is_only_logged() {
    for (limit, goes_down) in [(0, false), (1, true)] {
        let pool = FakePool::start(3);
        let files = Files::of_pool(&pool);
        files.write(&format!(
            "use_delayed_down: yes\ndelayed_down_delay: 2\ndelayed_down_limit: {limit}\n"
        ));
        let monitor = files.plan(&pool.place).start();
        pool.wait_for_visits();
        pool.backends[0].set(Mood::Refusing);
        let failed = monitor.wait_for_line(&["has failed"], REACTION);
        if goes_down {
            pool.wait_for_state(0, 'D');
        } else {
            monitor.wait_for_line(&[" ERR ", "delayed_down_limit"], REACTION);
            assert_eq!(pool.state_of(0), 'U', "{failed}");
        }
    }
}

#[test]
fn the_script_of_the_file_is_run_at_each_change() {
    let pool = FakePool::start(2);
    let files = Files::of_pool(&pool);
    let (script, told) = (pool.place.path("tell"), pool.place.path("told"));
    let text = format!("#!/bin/sh\necho \"$@\" >>{}\n", told.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    files.write(&format!("beupdatescript: {}\n", script.display()));
    let _monitor = files.plan(&pool.place).start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.backends[0].set(Mood::Healthy);
    let expected = format!("down {0}\nup {0}\n", pool.address(0));
    wait_until("the script to be told", REACTION, || {
        fs::read_to_string(&told).unwrap_or_default() == expected
    });
}
