//! The Red Hat init script, run with functions written to the documented contract of
//! /etc/init.d/functions. Red Hat's own are not here.

use std::fs;
use std::process::Command;

use super::installation::{is_running, text_of, Installation, MISREAD, SOON};
use crate::lab::command::{self, Ended};
use crate::lab::fake_backend::Mood;
use crate::lab::fake_pool::FakePool;
use crate::lab::patience::wait_until;

/// `daemon` hands its words to a shell, joined by blanks; `killproc` without a signal ends the
/// process and removes its PID file, with one only sends it; `status` answers as LSB has it.
const FUNCTIONS: &str = r#"
alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
success() { echo -n '[  OK  ]'; }
failure() { echo -n '[FAILED]'; }
daemon() {
    local pid_file=
    while [ "${1#-}" != "$1" ]; do
        case $1 in
        --pidfile=*) pid_file=${1#*=} ;;
        --pidfile) pid_file=$2; shift ;;
        *) echo "daemon: unknown $1" >&2; return 2 ;;
        esac
        shift
    done
    alive "$pid_file" && return 0
    /bin/bash -c "ulimit -S -c 0 >/dev/null 2>&1 ; $*" && success && return 0
    failure; return 1
}
killproc() {
    local pid_file= delay=3 signal= code=0
    while [ "${1#-}" != "$1" ]; do
        case $1 in
        -p) pid_file=$2 ;;
        -d) delay=$2 ;;
        *) echo "killproc: unknown $1" >&2; return 2 ;;
        esac
        shift 2
    done
    signal=${2#-}
    if ! alive "$pid_file"; then
        failure; [ -z "$signal" ] || code=7; return $code
    fi
    if [ -n "$signal" ]; then
        kill "-$signal" "$(cat "$pid_file")" && success
        return
    fi
    local pid; pid=$(cat "$pid_file")
    kill -TERM "$pid"
    while [ $((delay -= 1)) -ge 0 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    kill -KILL "$pid" 2>/dev/null
    rm -f "$pid_file"; success; return 0
}
status() {
    [ "$1" = -p ] || { echo 'status: no -p' >&2; return 4; }
    if alive "$2"; then echo "${3##*/} (pid $(cat "$2")) is running..."; return 0; fi
    if [ -s "$2" ]; then echo "${3##*/} dead but pid file exists"; return 1; fi
    echo "${3##*/} is stopped"; return 3
}
"#;

#[test]
fn it_starts_reports_reloads_restarts_and_stops() {
    let pool = FakePool::start(2);
    let there = Installation::new(&pool.place);
    there.configure("init.d/functions", FUNCTIONS);
    let run = |action: &str| -> Ended {
        let mut script = Command::new(there.document("init/poolmon.redhat"));
        script.arg(action).env("OPTIONS", "--of-the-caller");
        command::run(&mut script, pool.place.folder(), SOON)
    };
    let expect = |action: &str, code: i32| {
        let ended = run(action);
        assert_eq!(ended.status.code(), Some(code), "{action}: {}", ended.text);
        assert!(!ended.text.contains("unknown"), "{action}: {}", ended.text);
    };
    let subsystem = there.path("subsys/poolmon");

    expect("start", 6);
    assert!(run("start").text.contains("not configured: write OPTIONS="));
    there.configure("sysconfig/poolmon", &there.several_lines_of_options(&pool));

    expect("status", 3);
    expect("stop", 0);
    expect("reload", 7);
    expect("condrestart", 0);
    expect("start", 0);
    expect("status", 0);
    assert!(subsystem.exists());
    let pid = there.pid().unwrap();
    expect("start", 0);
    assert_eq!(there.pid(), Some(pid));
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    assert!(there.odd_state_file().exists());

    expect("reload", 0);
    wait_until("the reload", SOON, || there.log().contains("reloaded"));
    for action in ["restart", "force-reload", "condrestart", "try-restart"] {
        let before = there.pid();
        expect(action, 0);
        expect("status", 0);
        assert_ne!(there.pid(), before, "{action}");
    }
    let last = there.pid().unwrap();
    for (text, words) in MISREAD {
        there.configure("dovecot/poolmon.conf", text);
        for action in ["restart", "force-reload", "condrestart"] {
            let ended = run(action);
            assert_eq!(ended.status.code(), Some(6), "{text:?}: {}", ended.text);
            let said = ended.text.contains(words) && ended.text.contains("poolmon.conf cannot be");
            assert!(said, "{text:?}: {}", ended.text);
        }
        assert_eq!(there.pid(), Some(last), "{text:?}");
        expect("status", 0);
    }
    expect("stop", 0);
    for (text, _) in MISREAD {
        there.configure("dovecot/poolmon.conf", text);
        expect("start", 6);
        assert!(there.pid().is_none(), "{text:?}");
    }
    // A heading is no reason.
    there.configure("dovecot/poolmon.conf", "[Service]\n");
    expect("start", 0);
    let last = there.pid().unwrap();
    expect("stop", 0);
    assert!(!is_running(last) && !there.lock().exists() && !subsystem.exists());
    expect("no-such-action", 2);

    fs::write(there.lock(), "4194999\n").unwrap();
    expect("status", 1);
    there.configure("sysconfig/poolmon", "OPTIONS=--no-such-option\n");
    let refused = run("start");
    assert!(!refused.status.success());
    assert!(refused.text.contains("no-such-option"), "{}", refused.text);
    there.configure("sysconfig/poolmon", "OPTIONS=\"-l 'unfinished\"\n");
    expect("start", 6);
}

#[test]
fn chkconfig_finds_its_header() {
    let text = text_of("init/poolmon.redhat");
    let header: Vec<&str> = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .collect();
    assert!(header.contains(&"# chkconfig: - 70 30"), "{header:#?}");
    let description = header
        .iter()
        .position(|line| line.starts_with("# description: "))
        .expect("a description");
    // A description goes on in the next line only behind a backslash.
    assert!(header[description].ends_with('\\'));
    assert!(!header[description + 1].ends_with('\\'));
}
