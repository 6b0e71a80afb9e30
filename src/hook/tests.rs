//! Small scripts, run for real.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crossbeam_channel::RecvTimeoutError;

use super::script::{How, Limits};
use super::*;
use crate::slowness::stretched;
use std::time::Instant;

/// A folder with a script in it, gone at the end.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(name: &str) -> Place {
        let folder =
            std::env::temp_dir().join(format!("poolmon-hook-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Place { folder }
    }

    /// Written by another process: a descriptor of ours, still open for writing in a child that another
    /// test has just forked, would keep the script from being run.
    fn script(&self, text: &str) -> PathBuf {
        let path = self.folder.join("script");
        let mut writer = Command::new("tee")
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let text = text.replace("$HERE", self.folder.to_str().unwrap());
        let mut pipe = writer.stdin.take().unwrap();
        write!(pipe, "#!/bin/sh\n{text}\n").unwrap();
        drop(pipe);
        assert!(writer.wait().unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn change(number: u8, to: HostState) -> Change {
    Change {
        address: [192, 0, 2, number].into(),
        to,
    }
}

const DOWN: HostState = HostState::Down;

/// Long enough for any script that ends by itself.
const PATIENT: Limits = Limits {
    time: Duration::from_secs(60),
    output: 100,
};

/// For scripts that do not.
const SHORT: Limits = Limits {
    time: Duration::from_millis(300),
    output: 100,
};

fn run(script: &Path, limits: Limits) -> script::Ended {
    let (_go_on, stop) = bounded(0);
    script::run(script, change(1, DOWN), limits, &stop)
}

fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(
            began.elapsed() < stretched(Duration::from_secs(60)),
            "{what}"
        );
        // Pause: between two looks.
        thread::sleep(Duration::from_millis(20));
    }
}

/// A process that is gone, or waits for its parent to notice.
fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

#[test]
fn a_script_gets_the_word_the_address_and_nothing_to_read() {
    let place = Place::new("arguments");
    let script = place.script("echo \"$#:$1:$2:$(pwd)\"; cat; echo oops >&2; exit 3");
    let ended = run(&script, PATIENT);
    assert!(!ended.is_well());
    let shown = ended.to_string();
    assert!(shown.starts_with("exit code 3 after "), "{shown}");
    assert!(
        shown.ends_with(r#", said "2:down:192.0.2.1:/\noops\n""#),
        "{shown}"
    );
}

#[test]
fn a_script_that_ends_well_and_silently_is_well() {
    let place = Place::new("well");
    let ended = run(&place.script("exit 0"), PATIENT);
    assert!(ended.is_well());
    assert!(ended.output.is_empty());
    assert!(!ended.to_string().contains("said"));
}

#[test]
fn a_script_that_hangs_is_killed_with_what_it_has_started() {
    let place = Place::new("hangs");
    let script = place.script("sleep 1000 & echo $! > $HERE/child; wait");
    let limits = Limits {
        time: Duration::from_secs(2),
        ..SHORT
    };
    let ended = run(&script, limits);
    assert!(matches!(ended.how, How::Killed), "{ended}");
    wait_until("the child has been written down", || {
        !place.read("child").is_empty()
    });
    let child = place.read("child");
    wait_until("the child is gone", || is_gone(child.trim()));
}

#[test]
fn a_script_that_floods_is_killed_and_little_of_it_kept() {
    let place = Place::new("floods");
    let ended = run(&place.script("exec yes"), SHORT);
    assert!(matches!(ended.how, How::Killed), "{ended}");
    assert_eq!(ended.output.len(), SHORT.output);
}

#[test]
fn what_a_script_leaves_behind_holds_nobody_up() {
    let place = Place::new("leaves");
    let script = place.script("setsid sleep 1000 & echo $! > $HERE/child; echo said; exit 0");
    let ended = run(&script, PATIENT);
    assert!(ended.is_well(), "{ended}");
    assert_eq!(ended.output, b"said\n");
    let child = place.read("child");
    let _ = Command::new("kill").arg(child.trim()).status();
}

#[test]
fn a_script_inherits_no_descriptor_and_nothing_of_the_service_manager() {
    let place = Place::new("inherits");
    // Open in this process for the whole test.
    let _file = fs::File::create(place.folder.join("held")).unwrap();
    let _socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let script = place
        .script("exec 2>&1; for descriptor in /proc/$$/fd/*; do readlink $descriptor; done; env");
    let limits = Limits {
        output: 100_000,
        ..PATIENT
    };
    let ended = run(&script, limits);
    let output = String::from_utf8_lossy(&ended.output);
    assert!(output.contains("/dev/null\n"), "{output}");
    assert!(!output.contains("/held"), "{output}");
    assert!(!output.contains("socket:"), "{output}");
    assert!(output.contains("PATH="), "{output}");
    let command = script::command(&script, change(1, DOWN));
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        let mut changed = command.get_envs();
        assert!(changed.any(|(changed, value)| changed == name && value.is_none()));
    }
}

#[test]
fn a_script_that_cannot_be_started_says_why() {
    let place = Place::new("missing");
    let ended = run(&place.folder.join("none"), PATIENT);
    let shown = ended.to_string();
    assert!(
        shown.starts_with("cannot be started: No such file"),
        "{shown}"
    );
    assert!(!ended.is_well());
}

#[test]
fn a_script_is_checked_before_it_is_needed() {
    let place = Place::new("checked");
    let of = |script: PathBuf| check(&Hook { script }).map_err(|error| error.to_string());
    let script = place.script("exit 0");
    assert!(of(script.clone()).is_ok());
    fs::set_permissions(&script, fs::Permissions::from_mode(0o600)).unwrap();
    let error = of(script.clone()).unwrap_err();
    let expected = format!(
        "change script (--on-change) {}: not executable: Permission denied",
        script.display()
    );
    assert_eq!(error, expected);
    let error = of(place.folder.clone()).unwrap_err();
    assert!(error.ends_with(": not a file"), "{error}");
    let error = of(place.folder.join("none")).unwrap_err();
    assert!(error.contains("No such file"), "{error}");
}

#[test]
fn changes_of_one_backend_keep_their_order_and_a_stop_waits_only_briefly() {
    let place = Place::new("order");
    let script =
        place.script("sleep 0.1; echo $1 $2 >> $HERE/log; [ $2 != 192.0.2.9 ] || sleep 1000");
    let hook = Hook { script };
    let mut hooks = Hooks::default();
    let (down, up) = (HostState::Down, HostState::Up);
    for (number, to) in [(9, up), (1, down), (1, up), (1, down), (2, up)] {
        hooks.run(&hook, change(number, to)).unwrap();
    }
    wait_until("all have run", || place.read("log").lines().count() == 5);
    let log = place.read("log");
    let of_one: Vec<&str> = log.lines().filter(|line| line.ends_with(".1")).collect();
    assert_eq!(of_one, ["down 192.0.2.1", "up 192.0.2.1", "down 192.0.2.1"]);
    let began = Instant::now();
    hooks.stop();
    let took = began.elapsed();
    // As poolmon(8) says of a stop while a change script runs.
    assert!(took < stretched(Duration::from_secs(2)), "{took:?}");
}

#[test]
fn a_dispatcher_that_has_ended_is_started_again() {
    let place = Place::new("again");
    let script = place.script("echo $2 >> $HERE/told");
    let hook = Hook { script };
    let mut hooks = Hooks::default();
    hooks.run(&hook, change(1, DOWN)).unwrap();
    wait_until("the first", || place.read("told") == "192.0.2.1\n");
    // As a panic does it: nobody is left to take anything.
    let dispatcher = hooks.dispatcher.as_ref().unwrap();
    dispatcher.events.send(Event::Stop).unwrap();
    let end = dispatcher.ended.recv_timeout(Duration::from_secs(60));
    assert_eq!(end, Err(RecvTimeoutError::Disconnected));
    wait_until("the dispatcher's end", || {
        let event = Event::Ended([192, 0, 2, 9].into());
        hooks
            .dispatcher
            .as_ref()
            .unwrap()
            .events
            .send(event)
            .is_err()
    });
    hooks.run(&hook, change(2, DOWN)).unwrap();
    wait_until("the second", || {
        place.read("told") == "192.0.2.1\n192.0.2.2\n"
    });
    hooks.stop();
}

#[test]
fn a_script_that_fails_is_counted() {
    let place = Place::new("counted");
    let hook = Hook {
        script: place.script("exit 1"),
    };
    let before = failures();
    let mut hooks = Hooks::default();
    for number in 1..=20 {
        hooks.run(&hook, change(number, DOWN)).unwrap();
    }
    // Other tests' scripts fail, too, but not as many.
    wait_until("all are counted", || failures() >= before + 20);
    hooks.stop();
}
