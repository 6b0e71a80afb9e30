//! The program around the monitoring: dry run, one look, PID file, files, signals.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::{assert_no_more_changes, A_WHILE};
use crate::lab::command::{self, Ended};
use crate::lab::fake_backend::{Mood, IMAP};
use crate::lab::fake_director::{FakeHost, ListShape};
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};
use crate::lab::monitor::{binary, MonitorPlan};
use crate::lab::passwords::marked;
use crate::lab::patience::{in_order, wait_until};
use crate::lab::place::Place;
use crate::lab::tampering::{HungDisk, NoRandomNumbers};
use crate::lab::warden::{Ward, Warden};

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let pool = FakePool::start(3);
    pool.director
        .edit(pool.address(1), FakeHost::be_down_for_long);
    let monitor = pool.monitor().flag("-n").start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    let disabled = format!("DRY-RUN: {} disabled", pool.address(0));
    let enabled = format!("DRY-RUN: {} enabled", pool.address(1));
    monitor.wait_for_line(&[&disabled], REACTION);
    monitor.wait_for_line(&[&enabled], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());
    assert_eq!(monitor.lines_with(&["DRY-RUN", "abled"]).len(), 2);
}

#[test]
fn one_look_tells_by_its_exit_code_and_changes_nothing() {
    let mut pool = FakePool::start(3);
    let plan = pool.monitor();
    // Beside a running monitor: it takes no lock.
    let running = plan.start();
    pool.wait_for_visits();
    let ended = plan.run("--once", REACTION);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
    for backend in 0..3 {
        let address = pool.address(backend).to_string();
        assert!(ended.text.contains(&address), "{}", ended.text);
    }
    assert!(pool.changes().is_empty());
    drop(running);

    pool.backends[1].set(Mood::Closing);
    pool.backends[2].set(Mood::Silent);
    let ended = plan.run("--once", REACTION);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.text);
    assert_eq!(ended.text.matches("failed").count(), 2, "{}", ended.text);
    assert!(pool.changes().is_empty());

    pool.director.stop();
    let ended = plan.run("--once", REACTION);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(
        ended.text.contains("the socket is missing"),
        "{}",
        ended.text
    );
}

#[test]
fn a_director_that_lists_no_backend_is_an_alarm_and_no_healthy_pool() {
    let pool = FakePool::start(1);
    let address = pool.address(0);
    pool.director.remove(address);
    let plan = pool.monitor();
    let none = format!(
        "the director lists no backend: users cannot log in; add one: doveadm director add -a {} ADDRESS (see \
         director_mail_servers)",
        pool.director.socket().display()
    );
    let once = plan.run("--once", REACTION);
    assert_eq!(once.status.code(), Some(2), "{}", once.text);
    assert!(once.text.contains(&none), "{}", once.text);
    let check = plan.check("", REACTION);
    assert_eq!(check.status.code(), Some(3), "{}", check.text);
    assert!(check.text.contains(&none), "{}", check.text);

    let monitor = plan.start();
    monitor.wait_for_line(&[" ERR ", &none], REACTION);
    pool.director.add(FakeHost::new(address));
    monitor.wait_for_line(
        &[" LOG ", "the director lists a backend again"],
        REACTION * 2,
    );
}

#[test]
fn a_line_of_the_list_that_cannot_be_read_is_said_by_once_and_check_and_is_no_good_end() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let said = "director: 2 malformed lines in the lists are skipped, so that their backends are neither checked nor \
                changed; the first: \"mail.example\\t100\\t0\\t\\tU\\t0\"";
    let junk = ["mail.example\t100\t0\t\tU\t0", "127.0.0.1\tmany\t0\t\tU\t0"];
    let junk = junk.map(str::to_owned).to_vec();
    pool.director.set_list(ListShape::Junk(junk));
    let address = pool.address(0).to_string();
    let once = plan.run("--once", REACTION);
    assert_eq!(once.status.code(), Some(2), "{}", once.text);
    assert!(
        once.text.contains(&format!("poolmon: {said}\n")),
        "{}",
        once.text
    );
    assert!(once.text.contains(&address), "{}", once.text);
    let check = plan.check("", REACTION);
    assert_eq!(check.status.code(), Some(3), "{}", check.text);
    assert!(
        check.text.contains(&format!("poolmon check: {said}\n")),
        "{}",
        check.text
    );
    assert!(
        check.text.contains("1 backend, 1 passed\n"),
        "{}",
        check.text
    );
    // Without the director's list there is nothing to say of it.
    let check = plan.check(&address, REACTION);
    assert_eq!(check.status.code(), Some(0), "{}", check.text);
    assert!(!check.text.contains("malformed"), "{}", check.text);

    pool.backends[0].set(Mood::Refusing);
    let check = plan.check("", REACTION);
    assert_eq!(check.status.code(), Some(2), "{}", check.text);

    // That no line can be read is not that there is none.
    pool.director.remove(pool.address(0));
    for (ended, code) in [
        (plan.run("--once", REACTION), 2),
        (plan.check("", REACTION), 3),
    ] {
        assert_eq!(ended.status.code(), Some(code), "{}", ended.text);
        assert!(ended.text.contains(said), "{}", ended.text);
        assert!(!ended.text.contains("lists no backend"), "{}", ended.text);
    }
}

#[test]
fn a_second_instance_names_the_first_and_ends_with_one() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let mut first = plan.start();
    pool.wait_for_visits();
    for words in ["-f", ""] {
        let ended = plan.run(words, REACTION);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
        let expected = format!("Already running as pid {}", first.pid());
        assert!(ended.text.contains(&expected), "{words:?}: {}", ended.text);
    }
    assert!(first.has_ended().is_none());
    first.stop(REACTION);
    let _next = plan.start();
    wait_until("the PID file of the next", REACTION, || plan.lock.exists());
}

/// Locks the file as a Perl poolmon does and says so; ends when its input does.
const PERL_LOCK: &str = r#"
use Fcntl qw(:flock); $| = 1;
open(my $file, '+>>', $ARGV[0]) or die;
if (flock($file, LOCK_EX | LOCK_NB)) {
    truncate($file, 0); syswrite($file, "$$\n"); print "locked $$\n"; <STDIN>;
} else { print "refused\n"; }
"#;

#[test]
fn a_perl_poolmon_and_this_one_exclude_each_other() {
    let pool = FakePool::start(1);
    let plan = pool.monitor();
    let start_perl = || {
        Program::new("perl")
            .arg("-e")
            .arg(PERL_LOCK)
            .arg(&plan.lock)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("perl is installed")
    };
    let said = |perl: &mut std::process::Child| {
        let mut line = String::new();
        let output = perl.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        line.trim_end().to_string()
    };

    let mut perl = start_perl();
    assert_eq!(said(&mut perl), format!("locked {}", perl.id()));
    let ended = plan.run("-f", REACTION);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    let expected = format!("Already running as pid {}", perl.id());
    assert!(ended.text.contains(&expected), "{}", ended.text);
    drop(perl.stdin.take());
    perl.wait().unwrap();

    let _monitor = plan.start();
    pool.wait_for_visits();
    let mut perl = start_perl();
    assert_eq!(said(&mut perl), "refused");
    perl.wait().unwrap();
}

#[test]
fn without_foreground_it_runs_on_behind_and_logs_to_the_file() {
    let pool = FakePool::start(2);
    let plan = pool.monitor();
    let ended = plan.run("-d", REACTION);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
    let text = fs::read_to_string(&plan.lock).unwrap();
    let pid = Pid::from_raw(text.trim().parse().unwrap());
    let warden = Warden::over(Ward::Process(pid));
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    let log = || fs::read_to_string(plan.log_file()).unwrap_or_default();
    wait_until("the log line", REACTION, || log().contains("disabled"));

    // HUP: the file that was rotated away is let go.
    fs::rename(plan.log_file(), pool.place.path("rotated")).unwrap();
    kill(pid, Signal::SIGHUP).unwrap();
    pool.backends[0].set(Mood::Healthy);
    wait_until("a line in the new log", REACTION, || {
        log().contains("enabled")
    });
    kill(pid, Signal::SIGTERM).unwrap();
    wait_until("the PID file to go", REACTION, || !plan.lock.exists());
    drop(warden);
}

#[test]
fn the_state_files_folder_is_made_and_without_one_the_monitor_acts_all_the_same() {
    let pool = FakePool::start(3);
    let mut plan = pool.monitor();
    plan.state = pool.place.path("made/state");
    let monitor = plan.start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_no_users(0);
    assert!(plan.state.exists());
    let made = plan.state.parent().unwrap();
    let mode = fs::metadata(made).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(monitor.lines_with(&[" ERR ", "state"]).is_empty());
    drop(monitor);

    // Not even root can make a folder inside a file.
    fs::write(pool.place.path("file"), "").unwrap();
    plan.state = pool.place.path("file/state");
    let monitor = plan.start();
    pool.backends[1].set(Mood::Refusing);
    pool.wait_for_state(1, 'D');
    pool.wait_for_no_users(1);
    let file = pool.place.path("file").display().to_string();
    monitor.wait_for_line(&[" ERR ", &file], REACTION);
}

#[test]
fn a_disk_that_hangs_stops_nobody() {
    let pool = FakePool::start(3);
    let plan = pool.monitor();
    let mut monitor = plan.start();
    pool.wait_for_visits();
    let disk = HungDisk::of(monitor.pid());
    for backend in [0, 1] {
        pool.backends[backend].set(Mood::Refusing);
        pool.wait_for_state(backend, 'D');
        pool.wait_for_no_users(backend);
    }
    let state = plan.state.display().to_string();
    monitor.wait_for_line(&[" ERR ", &state, "does not answer"], REACTION);
    assert!(!plan.state.exists());

    drop(disk);
    monitor.wait_for_line(&["the disk of the state file answers again"], REACTION);
    let state_file = fs::read_to_string(&plan.state).unwrap();
    assert!(
        state_file.contains(&pool.address(1).to_string()),
        "{state_file}"
    );

    let disk = HungDisk::of(monitor.pid());
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    monitor.signal(Signal::SIGTERM);
    monitor.wait_for_line(&["poolmon stops"], Duration::from_secs(1));
    // No process ends while one of its threads waits for a disk.
    drop(disk);
    assert_eq!(monitor.wait_for_end(REACTION).code(), Some(0));
}

#[test]
fn a_state_file_that_cannot_be_read_stops_nobody() {
    let pool = FakePool::start(2);
    let plan = pool.monitor();
    fs::write(&plan.state, b"\xff\x00 this is not a state file\n").unwrap();
    let _monitor = plan.start();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_no_users(0);
}

#[test]
fn hup_reads_the_credentials_again_and_keeps_the_old_ones_if_the_file_is_bad() {
    let pool = FakePool::start(2);
    let plan = pool.monitor().credentials(USER, "old");
    for backend in &pool.backends {
        backend.set_password("old");
    }
    let monitor = plan.start();
    pool.wait_for_visits();
    let file = plan.credentials_file();

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&file, format!("{USER}\n{}\n", marked("new"))).unwrap();
    monitor.signal(Signal::SIGHUP);
    monitor.wait_for_line(&[" ERR ", "credentials"], REACTION);
    assert_no_more_changes(&pool, A_WHILE);
    assert!(pool.changes().is_empty());

    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    monitor.signal(Signal::SIGHUP);
    pool.backends[0].set_password("new");
    // One backend takes the new password and stays up, the other only the old one.
    pool.wait_for_state(1, 'D');
    assert_eq!(pool.state_of(0), 'U');
}

#[test]
fn bad_options_and_open_credentials_end_with_one() {
    let pool = FakePool::start(1);
    let plan = pool.monitor().credentials(USER, PASSWORD);
    fs::set_permissions(plan.credentials_file(), fs::Permissions::from_mode(0o640)).unwrap();
    let bare = || pool.bare_monitor();
    for (plan, words, told) in [
        (
            plan,
            "-f",
            "mode 0640 lets group or others in, expected 0600 or less (chmod 600)",
        ),
        (bare(), "-f --no-such-option", "no-such-option"),
        (bare(), "-f -i 0", "at least 1"),
        (
            bare(),
            "-f -c /nonexistent/credentials",
            "/nonexistent/credentials",
        ),
        (bare(), "-f -p IMAP:0", "IMAP:0"),
        (bare(), "-f --flush=sideways", "\"sideways\": expected "),
        (bare(), "-f --max-moves=0", "\"0\": expected "),
    ] {
        let ended = plan.run(words, REACTION);
        assert_eq!(ended.status.code(), Some(1), "{words}: {}", ended.text);
        assert!(ended.text.contains(told), "{words}: {}", ended.text);
        assert!(!plan.lock.exists(), "{words}");
    }
    let ended = bare().run(&format!("--help -p IMAP:{IMAP}"), REACTION);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
}

#[test]
fn hup_logs_the_last_ten_polls_of_every_backend() {
    let pool = FakePool::start(2);
    let monitor = pool.monitor().start();
    let visits = |backend: usize| pool.backends[backend].connections();
    let patience = 3 * REACTION;
    wait_until("a dozen probes", patience, || visits(0).min(visits(1)) > 12);
    pool.backends[1].set(Mood::Refusing);
    pool.wait_for_state(1, 'D');
    monitor.signal(Signal::SIGHUP);
    let polls = |backend: usize| {
        let address = pool.address(backend).to_string();
        let line = monitor.wait_for_line(&[&address, " last polls: "], REACTION);
        let polls = line.split(" last polls: ").nth(1).unwrap().to_string();
        polls.split("; ").map(str::to_string).collect::<Vec<_>>()
    };
    for backend in 0..2 {
        let polls = polls(backend);
        assert_eq!(polls.len(), 10, "{polls:?}");
        for poll in &polls {
            let words: Vec<&str> = poll.split(' ').collect();
            assert_eq!(words[0].len(), "12:34:56".len(), "{poll}");
            assert!(words[1].starts_with("imap:"), "{poll}");
            assert!(poll.ends_with(" ms"), "{poll}");
        }
        let last = ["ok", "connect: connection refused"][backend];
        assert!(polls[9].contains(&format!(" {last} ")), "{polls:?}");
    }
}

/// What strace does to the program; random numbers are what a panic can be had with.
fn without_random_numbers(plan: &MonitorPlan, words: &[&str]) -> Ended {
    let mut strace = Program::new("strace");
    strace
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=getrandom"])
        .args(["-e", "inject=getrandom:error=EIO"])
        .arg(binary())
        .args(["-S", "/nowhere", "-p", "IMAP:143"])
        .arg("-k")
        .arg(&plan.lock)
        .arg("-l")
        .arg(plan.log_file())
        .arg("--state-file")
        .arg(&plan.state)
        .arg("--status-file")
        .arg(&plan.status)
        .args(words);
    command::run(&mut strace, plan.log_file().parent().unwrap(), REACTION)
}

#[test]
fn a_panic_ends_the_program_with_its_place_in_the_log() {
    let place = Place::new();
    let panicked = |log: &str| {
        let words = [
            " ERR defect: thread \"main\" panicked at ",
            "library/std/src/",
            ": \"",
            "\"; please report it\n",
            " ERR poolmon ends by the defect logged before",
        ];
        in_order(log, &words)
    };
    for words in [&[][..], &["-f"]] {
        let plan = MonitorPlan::new(&place, Path::new("/nowhere"));
        let ended = without_random_numbers(&plan, words);
        assert_eq!(ended.status.code(), Some(101), "{}", ended.text);
        let log = match words {
            [] => fs::read_to_string(plan.log_file()).unwrap(),
            _ => ended.text.clone(),
        };
        assert!(panicked(&log), "{words:?}: {log}");
        let told = "poolmon: ended by a defect of its own; the log says where\n";
        assert!(ended.text.ends_with(told), "{words:?}: {}", ended.text);
    }
}

#[test]
fn a_worker_that_ends_by_a_defect_is_started_again_and_its_backend_unknown_meanwhile() {
    let mut pool = FakePool::start(3);
    let monitor = pool.monitor().start();
    pool.wait_for_visits();
    let added = pool.add_backend();
    pool.backends[3].set(Mood::Refusing);

    let defect = NoRandomNumbers::of(monitor.pid());
    pool.director.add(FakeHost::new(added));
    let added = added.to_string();
    let thread = format!(" ERR defect: thread \"backend {added}\" panicked at ");
    monitor.wait_for_line(&[&thread, "please report it"], REACTION);
    // Each pause is longer than the one before.
    for pause in [1, 2] {
        let again = format!("{added} is not checked: its thread has ended by the defect");
        monitor.wait_for_line(&[&again, &format!(", in {pause} s")], REACTION);
    }
    // The others are watched and acted on as ever.
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    monitor.signal(Signal::SIGUSR1);
    monitor.wait_for_line(&[&added, " is up, ", "not judged yet"], REACTION);
    assert_eq!(pool.state_of(3), 'U');

    drop(defect);
    monitor.wait_for_line(&[&format!(" {added} is checked again")], REACTION);
    pool.wait_for_state(3, 'D');
}
