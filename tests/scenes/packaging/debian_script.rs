//! The LSB init script, run for real with Debian's own start-stop-daemon and LSB functions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::installation::{is_running, Installation, MISREAD, SOON};
use crate::lab::command::{self, Ended};
use crate::lab::fake_backend::Mood;
use crate::lab::fake_pool::FakePool;
use crate::lab::patience::wait_until;

const RUNNING: Option<i32> = Some(0);
const DEAD_WITH_PID_FILE: Option<i32> = Some(1);
const STOPPED: Option<i32> = Some(3);
const NOT_CONFIGURED: Option<i32> = Some(6);

struct Script<'a> {
    there: &'a Installation,
    pool: &'a FakePool,
}

impl Script<'_> {
    fn run(&self, action: &str) -> Ended {
        let mut script = Command::new(self.there.document("init/poolmon.debian"));
        script.arg(action).env("TERM", "dumb");
        command::run(&mut script, self.pool.place.folder(), SOON)
    }

    #[track_caller]
    fn expect(&self, action: &str, code: Option<i32>) -> String {
        let ended = self.run(action);
        assert_eq!(ended.status.code(), code, "{action}: {}", ended.text);
        ended.text
    }

    #[track_caller]
    fn start(&self) -> Pid {
        self.expect("start", Some(0));
        self.expect("status", RUNNING);
        self.there.pid().expect("a PID file")
    }
}

#[test]
fn it_starts_reports_reloads_restarts_and_stops() {
    let pool = FakePool::start(2);
    let there = Installation::new(&pool.place);
    // As poolmon's own package had it: a line that is neither shell nor an assignment.
    there.configure("default/poolmon", "[Service]\n");
    there.configure(
        "dovecot/poolmon.conf",
        &there.several_lines_of_options(&pool),
    );
    let script = Script {
        there: &there,
        pool: &pool,
    };
    script.expect("status", STOPPED);
    script.expect("stop", Some(0));
    script.expect("reload", Some(7));
    script.expect("try-restart", Some(0));
    assert!(there.pid().is_none());

    let pid = script.start();
    script.expect("start", Some(0));
    assert_eq!(there.pid(), Some(pid), "a second start changes nothing");
    pool.wait_for_visits();
    // It minds what stands in the later lines, and quotes: the state file is where they say.
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    assert!(there.odd_state_file().exists());

    script.expect("reload", Some(0));
    wait_until("the reload", SOON, || there.log().contains("reloaded"));
    assert_eq!(there.pid(), Some(pid));

    for action in ["restart", "force-reload", "try-restart"] {
        let before = there.pid();
        script.expect(action, Some(0));
        script.expect("status", RUNNING);
        assert_ne!(there.pid(), before, "{action}");
    }
    let last = there.pid().unwrap();
    script.expect("stop", Some(0));
    assert!(!is_running(last) && !there.lock().exists());
    script.expect("status", STOPPED);
    script.expect("no-such-action", Some(2));
}

#[test]
fn a_stale_pid_file_is_told_and_taken_over() {
    let pool = FakePool::start(1);
    let there = Installation::new(&pool.place);
    there.configure("default/poolmon", &there.several_lines_of_options(&pool));
    let script = Script {
        there: &there,
        pool: &pool,
    };
    let pid = script.start();
    kill(pid, Signal::SIGKILL).unwrap();
    // start-stop-daemon, too, counts one that nobody has waited for yet.
    wait_until("its end", SOON, || kill(pid, None).is_err());
    script.expect("status", DEAD_WITH_PID_FILE);
    let next = script.start();
    assert_ne!(next, pid);
    script.expect("stop", Some(0));

    // Its number belongs to somebody else by now.
    let stranger = std::process::id();
    fs::write(there.lock(), format!("{stranger}\n")).unwrap();
    script.expect("status", DEAD_WITH_PID_FILE);
    script.expect("stop", Some(0));
    assert!(is_running(Pid::from_raw(stranger as i32)));
    let taken_over = script.start();
    assert_ne!(taken_over.as_raw() as u32, stranger);
    script.expect("stop", Some(0));
}

#[test]
fn what_is_wrong_with_the_options_is_shown() {
    let pool = FakePool::start(1);
    let there = Installation::new(&pool.place);
    let script = Script {
        there: &there,
        pool: &pool,
    };
    for (options, words) in [
        ("--no-such-option", "no-such-option"),
        ("-c /nonexistent/credentials", "/nonexistent/credentials"),
        ("-l /nonexistent/log", "/nonexistent/log"),
        ("-l 'unfinished", "quote"),
    ] {
        there.configure("sysconfig/poolmon", &format!("OPTIONS=\"{options}\"\n"));
        let ended = script.run("start");
        assert!(!ended.status.success(), "{options}: {}", ended.text);
        let is_quoting = ended.status.code() == NOT_CONFIGURED;
        assert_eq!(is_quoting, words == "quote", "{options}: {}", ended.text);
        assert!(ended.text.contains(words), "{options}: {}", ended.text);
        assert!(there.pid().is_none(), "{options}");
    }
    fs::remove_file(there.program()).unwrap();
    script.expect("start", Some(5));
}

#[test]
fn where_nothing_is_configured_it_says_so_and_does_not_start() {
    let pool = FakePool::start(1);
    let there = Installation::new(&pool.place);
    let script = Script {
        there: &there,
        pool: &pool,
    };
    for action in ["start", "restart", "force-reload"] {
        let said = script.expect(action, NOT_CONFIGURED);
        assert!(said.contains("not configured: write OPTIONS="), "{said}");
        assert!(said.contains("etc/default/poolmon"), "{said}");
    }
    script.expect("status", STOPPED);
    script.expect("stop", Some(0));
    assert!(there.pid().is_none() && there.log().is_empty());
}

#[test]
fn options_that_the_shell_cannot_read_start_and_stop_nothing() {
    let pool = FakePool::start(1);
    let there = Installation::new(&pool.place);
    let script = Script {
        there: &there,
        pool: &pool,
    };
    for name in ["dovecot/poolmon.conf", "sysconfig/poolmon"] {
        there.configure("default/poolmon", &there.several_lines_of_options(&pool));
        let pid = script.start();
        for (text, words) in MISREAD {
            there.configure(name, text);
            for action in ["restart", "force-reload", "try-restart"] {
                let said = script.expect(action, NOT_CONFIGURED);
                assert!(
                    said.contains(words) && said.contains(name),
                    "{text:?}: {said}"
                );
            }
            assert_eq!(there.pid(), Some(pid), "{text:?}");
            script.expect("status", RUNNING);
            script.expect("reload", Some(0));
        }
        script.expect("stop", Some(0));
        for (text, words) in MISREAD {
            there.configure(name, text);
            let said = script.expect("start", NOT_CONFIGURED);
            assert!(
                said.contains(words) && said.contains(name),
                "{text:?}: {said}"
            );
            assert!(there.pid().is_none(), "{text:?}");
        }
        fs::remove_file(there.path("etc").join(name)).unwrap();
    }

    // Shell that is more than an assignment, and means something.
    let options = there.several_lines_of_options(&pool);
    for text in [
        format!("{options}[ -e /nonexistent ] && OPTIONS=--no-such-option\n"),
        format!("{options}# no line feed at the end"),
        format!("[Unit]\n{options}export OPTIONS\n"),
        format!("OPTIONS='--no-such-option'\n{options}"),
    ] {
        there.configure("default/poolmon", &text);
        script.start();
        script.expect("stop", Some(0));
    }
}

/// What the script has to know a Perl poolmon by: name, lock, PID, signals.
const PERL_POOLMON: &str = r#"#!/usr/bin/perl
use Fcntl qw(:flock);
exit 0 if fork;
open(my $file, '+>>', $ARGV[0]) or die;
flock($file, LOCK_EX | LOCK_NB) or die;
truncate($file, 0); syswrite($file, "$$\n");
open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
$SIG{TERM} = sub { unlink $ARGV[0]; exit 0 };
sleep 1 for 1 .. 60;
"#;

#[test]
fn a_perl_poolmon_is_seen_stopped_and_replaced() {
    let pool = FakePool::start(1);
    let there = Installation::new(&pool.place);
    there.configure("default/poolmon", &there.several_lines_of_options(&pool));
    let script = Script {
        there: &there,
        pool: &pool,
    };
    let old = pool.place.path("old");
    fs::create_dir(&old).unwrap();
    fs::write(old.join("poolmon"), PERL_POOLMON).unwrap();
    fs::set_permissions(old.join("poolmon"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut perl = Command::new(old.join("poolmon"));
    perl.arg(there.lock());
    command::run(&mut perl, pool.place.folder(), SOON).success();
    wait_until("the Perl one's PID", SOON, || there.pid().is_some());
    let perl = there.pid().unwrap();

    script.expect("status", RUNNING);
    script.expect("start", Some(0));
    assert_eq!(there.pid(), Some(perl), "it is left alone");
    script.expect("restart", Some(0));
    assert!(!is_running(perl));
    script.expect("status", RUNNING);
    pool.wait_for_visits();
    script.expect("stop", Some(0));
}
