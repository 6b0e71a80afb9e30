//! `poolmon status`: the word, what it prints of a status file, and `--watch` on a terminal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::{Duration, SystemTime};

use super::packaging::installation::text_of;
use crate::lab::command::{self, Ended};
use crate::lab::monitor::binary;
use crate::lab::place::Place;

const SOON: Duration = Duration::from_secs(40);

/// One that was written just now, by this process.
fn fresh(place: &Place) -> PathBuf {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let written = format!("\"written\":{}.5", now.unwrap().as_secs());
    let text = text_of("tests/data/status.json")
        .replace("\"pid\":4711", &format!("\"pid\":{}", process::id()))
        .replace("\"written\":1764031200.0", &written);
    assert!(text.contains(&written));
    let path = place.path("status.json");
    fs::write(&path, text).unwrap();
    path
}

fn status(place: &Place, file: &Path, options: &[&str]) -> Ended {
    let mut program = Command::new(binary());
    program.arg("status").arg("--status-file").arg(file);
    command::run(program.args(options), place.folder(), SOON)
}

fn code(ended: &Ended) -> Option<i32> {
    ended.status.code()
}

#[test]
fn the_table_has_the_worst_first_and_no_colours() {
    let place = Place::new();
    let said = status(&place, &fresh(&place), &[]).success();
    assert!(
        said.starts_with("director1: 3 of 5 up, 1 healthy"),
        "{said}"
    );
    assert!(!said.contains('\x1b'), "{said}");
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
    let failed_and_up = at("\n192.0.2.8 ");
    assert!(failed_and_up < at("\n192.0.2.9 "), "{said}");
    assert!(at("\n192.0.2.9 ") < at("\n192.0.2.11 "), "{said}");
    at("    imap:143 greeting: timed out");
    at("by rule ring: the ring is not synced; see doveadm director ring status");

    let some = status(
        &place,
        &fresh(&place),
        &["--tag", "archive", "--since", "1h"],
    )
    .success();
    assert!(some.contains("\n192.0.2.10 "), "{some}");
    assert!(!some.contains("\n192.0.2.8 "), "{some}");
    assert!(some.contains("no changes within 1 h"), "{some}");
}

#[test]
fn html_is_the_page_of_all_or_of_what_was_asked_for() {
    let place = Place::new();
    let file = fresh(&place);
    let all = status(&place, &file, &["--html"]).success();
    assert!(all.starts_with("<!DOCTYPE html>\n") && all.ends_with("</html>\n"));
    assert!(
        all.contains("<p id=stale role=alert hidden></p>"),
        "it is new"
    );
    assert_eq!(all.matches("<th scope=row>").count(), 5);
    let some = status(&place, &file, &["--html", "--backend", "192.0.2.8"]).success();
    assert_eq!(some.matches("<th scope=row>").count(), 1);
    assert!(some.contains("imap:143 greeting: timed out"));

    let old = place.path("old.json");
    fs::write(&old, text_of("tests/data/status.json")).unwrap();
    let old = status(&place, &old, &["--html"]).success();
    assert!(
        old.contains("<p id=stale role=alert>STALE: the monitor has"),
        "said without a script"
    );
}

#[test]
fn json_is_the_file_or_what_was_asked_for_of_it() {
    let place = Place::new();
    let file = fresh(&place);
    let said = status(&place, &file, &["--json"]).success();
    assert_eq!(said, fs::read_to_string(&file).unwrap());
    let some = status(&place, &file, &["--json", "--backend", "192.0.2.7"]).success();
    let some: serde_json::Value = serde_json::from_str(&some).unwrap();
    assert_eq!(some["backends"].as_array().unwrap().len(), 1);
    assert_eq!(some["backends"][0]["address"], "192.0.2.7");
    assert_eq!(some["tags"].as_array().unwrap().len(), 1);
    assert_eq!(some["commands"].as_array().unwrap().len(), 2);
    assert!(some["next"].is_null());
}

#[test]
fn exit_codes_say_whether_there_is_anything_and_how_bad_it_is() {
    let place = Place::new();
    let file = fresh(&place);
    assert_eq!(code(&status(&place, &file, &["--exit-code"])), Some(2));
    let text = fs::read_to_string(&file).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["director"]["ring"] = "synced".into();
    // With a single one that stands the pool is critical, whichever backends are asked for.
    document["tags"][0]["refuges"] = 2.into();
    // By this clock it has ended.
    document["backends"][4]["services"][1]["certificate"] = serde_json::Value::Null;
    let well = ["--exit-code", "--backend", "192.0.2.11"];
    let about = |address: &str| {
        let mut alarms = document["alarms"].clone();
        alarms[1]["text"] = format!("imap:143 login: password refused at {address}").into();
        alarms
    };
    // An alarm about others says nothing of this one.
    let cases = [
        (about("192.0.2.11"), 1),
        (about("192.0.2.10"), 0),
        (serde_json::json!([]), 0),
    ];
    for (alarms, expected) in cases {
        document["alarms"] = alarms;
        fs::write(&file, document.to_string()).unwrap();
        let ended = status(&place, &file, &well);
        assert_eq!(code(&ended), Some(expected), "{}", ended.text);
        let all = status(&place, &file, &["--exit-code"]);
        assert_eq!(
            code(&all),
            Some(2),
            "nobody of a tag can take over: {}",
            all.text
        );
    }

    let missing = place.path("missing.json");
    let ended = status(&place, &missing, &[]);
    assert_eq!(code(&ended), Some(3));
    assert!(
        ended.text.contains("is the monitor running"),
        "{}",
        ended.text
    );
    let ended = status(&place, &file, &["--nonsense"]);
    assert_eq!(code(&ended), Some(3));
    assert!(ended.text.contains("unknown option"), "{}", ended.text);
    let ended = status(&place, &file, &["--help"]);
    assert_eq!(code(&ended), Some(0));
    assert!(
        ended.text.starts_with("Usage: poolmon status"),
        "{}",
        ended.text
    );

    let old = text_of("tests/data/status.json").replace("4711", "4194305");
    fs::write(&file, old).unwrap();
    let ended = status(&place, &file, &["--exit-code"]);
    assert_eq!(code(&ended), Some(2));
    assert!(
        ended.text.starts_with("STALE: the monitor has ended"),
        "{}",
        ended.text
    );
    let ended = status(&place, &file, &["--json"]);
    assert!(
        ended.text.contains("poolmon status: STALE: "),
        "{}",
        ended.text
    );
}

#[test]
fn the_word_counts_only_first_and_only_for_poolmon() {
    let place = Place::new();
    let mut help = Command::new(binary());
    let said = command::run(help.args(["--help", "status"]), place.folder(), SOON).success();
    assert!(
        said.contains("\n  status   a table of all backends"),
        "{said}"
    );
    assert!(said.starts_with("Usage: poolmon [options]"), "{said}");
    let dovemon = place.path("dovemon");
    std::os::unix::fs::symlink(binary(), &dovemon).unwrap();
    let mut called = Command::new(&dovemon);
    let said = command::run(called.args(["status", "--help"]), place.folder(), SOON).success();
    assert!(said.starts_with("Usage: dovemon [options]"), "{said}");
    assert!(!said.contains("status      "), "{said}");
}

/// What the shell on the terminal of its own does; `wait_for TEXT` until the terminal has shown it.
const FUNCTIONS: &str = r#"
set -u
wait_for() { n=0; until grep -aq "$1" shown 2>/dev/null; do
    n=$((n + 1)); [ $n -lt 400 ] || { echo "never seen: $1" >&2; return 1; }; sleep 0.05; done; }
wait_state() { n=0; until grep -q "^State:	$2" "/proc/$1/status"; do
    n=$((n + 1)); [ $n -lt 400 ] || { echo "never in state $2" >&2; return 1; }; sleep 0.05; done; }
wait_mode() { n=0; until stty -a | grep -q -- " $1"; do
    n=$((n + 1)); [ $n -lt 400 ] || { echo "never $1" >&2; return 1; }; sleep 0.05; done; }
"#;

/// Runs `script` with sh on a terminal of its own, with what `typist` prints as what is typed there. The
/// terminal's output is in `shown`.
fn on_a_terminal(place: &Place, script: &str, typist: &str) -> String {
    let file = fresh(place);
    let program = format!(
        "watch='{} status --watch=0.3 --status-file {}'\n",
        binary().display(),
        file.display()
    );
    let inner = format!("{FUNCTIONS}{program}stty rows 30 columns 100\nstty -g >before\n{script}");
    fs::write(place.path("inner.sh"), inner).unwrap();
    let outer = format!(
        "{FUNCTIONS}{{ {typist}; wait_for 'THE END'; }} | \
         TERM=xterm script -qefc 'sh inner.sh; echo THE END' /dev/null >shown"
    );
    let mut shell = Command::new("sh");
    let ended = command::run(shell.args(["-c", &outer]), place.folder(), SOON);
    let shown = fs::read(place.path("shown")).unwrap_or_default();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(ended.status.success(), "{} {shown:?}", ended.text);
    shown
}

fn read(place: &Place, name: &str) -> String {
    fs::read_to_string(place.path(name)).unwrap_or_else(|cause| panic!("{name}: {cause}"))
}

#[test]
fn watch_draws_obeys_keys_and_leaves_the_terminal_as_it_was() {
    let place = Place::new();
    let shown = on_a_terminal(
        &place,
        "$watch; echo $? >code; stty -g >after",
        "wait_for 'q quit'; printf s; wait_for 'sort: address'; printf e; \
         wait_for 'poolmon explain'; printf /; wait_for 'filter: _'; printf 'timed'; \
         wait_for 'filter: timed_'; printf '\\r'; wait_for 'filter: timed  '; printf p; \
         wait_for PAUSED; printf q",
    );
    assert_eq!(read(&place, "code"), "0\n", "{shown:?}");
    assert_eq!(read(&place, "after"), read(&place, "before"));
    assert!(!shown.contains("\x1b[?1049"), "no alternate screen");
    assert!(shown.contains("\x1b[1;31mFAILED\x1b[0m"), "{shown:?}");
    let (hidden, seen) = (shown.rfind("\x1b[?25l"), shown.rfind("\x1b[?25h"));
    assert!(hidden < seen, "the cursor is seen again: {shown:?}");
}

#[test]
fn watch_leaves_the_terminal_as_it_was_after_each_signal_that_ends_it() {
    let place = Place::new();
    on_a_terminal(
        &place,
        "for signal in TERM HUP INT QUIT; do
             $watch </dev/tty & pid=$!
             wait_mode -icanon && stty -g >during.$signal
             kill -$signal $pid; wait $pid; echo $? >code.$signal; stty -g >after.$signal
         done 2>/dev/null",
        ":",
    );
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130), ("QUIT", 131)] {
        let read = |name: &str| read(&place, &format!("{name}.{signal}"));
        assert_eq!(read("code"), format!("{code}\n"), "{signal}");
        assert_eq!(read("after"), self::read(&place, "before"), "{signal}");
        assert_ne!(read("during"), read("after"), "{signal}");
    }
}

#[test]
fn watch_gives_the_terminal_back_while_it_is_stopped() {
    let place = Place::new();
    let shown = on_a_terminal(
        &place,
        "$watch </dev/tty & pid=$!
         wait_mode -icanon && wait_for 'q quit' && kill -TSTP $pid && wait_state $pid T
         stty -g >stopped
         kill -CONT $pid && wait_mode -icanon && stty rows 12 columns 60
         wait_for 'more lines'
         sleep 1; cut -d ' ' -f 14,15 /proc/$pid/stat >ticks
         kill -TERM $pid; wait $pid; stty -g >after",
        ":",
    );
    assert_eq!(read(&place, "stopped"), read(&place, "before"), "{shown:?}");
    assert_eq!(read(&place, "after"), read(&place, "before"), "{shown:?}");
    // It waits: in a second or two of drawing three times a second it takes less than half of one.
    let ticks = read(&place, "ticks");
    let ticks: u32 = ticks
        .split_whitespace()
        .map(|n| n.parse::<u32>().unwrap())
        .sum();
    assert!(ticks < 50, "{ticks}");
}

#[test]
fn watch_without_a_terminal_says_so() {
    let place = Place::new();
    let file = fresh(&place);
    let mut program = Command::new("setsid");
    program
        .arg("--wait")
        .arg(binary())
        .args(["status", "--watch", "--status-file"]);
    let ended = command::run(program.arg(file), place.folder(), SOON);
    assert_eq!(ended.status.code(), Some(3));
    assert!(
        ended.text.contains("--watch: it needs a terminal"),
        "{}",
        ended.text
    );
}
