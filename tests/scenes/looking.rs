//! Whoever looks at a pool in trouble: each face of the status file tells each trouble, and all faces tell
//! the same.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::lab::command::{self, Ended};
use crate::lab::fake_backend::{Mood, IMAP};
use crate::lab::fake_director::{Answer, Command as Wire, RingState};
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION, USER};
use crate::lab::monitor::{binary, MonitorPlan};
use crate::lab::patience::wait_for;
use crate::lab::place::Place;
use crate::lab::ring::{Ring, RingPlan};

/// A monitor's files.
struct Looker {
    status: PathBuf,
    metrics: PathBuf,
    page: PathBuf,
    folder: PathBuf,
}

impl Looker {
    /// And the plan of a monitor that writes all of them.
    fn at(plan: MonitorPlan, place: &Place) -> (MonitorPlan, Looker) {
        let looker = Looker {
            status: plan.status.clone(),
            metrics: place.path("poolmon.prom"),
            page: place.path("page.html"),
            folder: place.folder().to_path_buf(),
        };
        let plan = plan
            .flag("--metrics-file")
            .flag(&looker.metrics)
            .flag("--html-file")
            .flag(&looker.page);
        (plan, looker)
    }

    fn run(&self, words: &[&str]) -> Ended {
        let mut program = Command::new(binary());
        program.args(words).arg("--status-file").arg(&self.status);
        command::run(&mut program, &self.folder, REACTION)
    }

    fn explain(&self, address: &str) -> String {
        self.run(&["explain", address]).text
    }

    /// The files follow within a second.
    #[track_caller]
    fn status_with(&self, words: &[&str]) -> String {
        let what = format!("poolmon status with {words:?}");
        wait_for(&what, REACTION, || {
            let text = unfolded(&self.run(&["status"]).text);
            Some(text).filter(|text| words.iter().all(|word| text.contains(word)))
        })
    }

    /// The plugin's first line; its code is that of --exit-code.
    #[track_caller]
    fn plugin(&self, code: i32) -> String {
        let plugin = self.run(&["status", "--nagios"]);
        assert_eq!(plugin.status.code(), Some(code), "{}", plugin.text);
        let table = self.run(&["status", "--exit-code"]);
        assert_eq!(table.status.code(), Some(code), "{}", table.text);
        plugin.text
    }

    #[track_caller]
    fn page_with(&self, words: &str) {
        wait_for(&format!("{words:?} on the page"), REACTION, || {
            let page = fs::read_to_string(&self.page).ok()?;
            Some(()).filter(|()| page.contains(words))
        });
    }

    #[track_caller]
    fn metrics_with(&self, words: &[&str]) {
        wait_for(&format!("{words:?} in the metrics"), REACTION, || {
            let metrics = fs::read_to_string(&self.metrics).ok()?;
            let mut lines = metrics.lines();
            lines.find(|line| words.iter().all(|word| line.contains(word)))?;
            Some(())
        });
    }
}

/// Without the line breaks that the table's width made.
fn unfolded(table: &str) -> String {
    table.split_whitespace().collect::<Vec<&str>>().join(" ")
}

#[test]
fn a_dead_backend_a_wrong_password_and_somebody_s_down_are_told_apart_by_every_face() {
    let mut ring = Ring::start(RingPlan {
        backends: 5,
        ..RingPlan::default()
    });
    let (plan, looker) = Looker::at(super::ring::watch(&ring, 0), &ring.place);
    let addresses: Vec<String> = ring
        .backends
        .iter()
        .map(|backend| backend.address.to_string())
        .collect();
    let [dead, taken, locked] = [&addresses[1], &addresses[2], &addresses[3]];
    let mut monitor = plan.start();
    looker.status_with(&["5 of 5 up, 5 healthy"]);
    looker.plugin(0);
    ring.directors[0].doveadm(&["down", taken]);
    ring.backends[1].dovecot.kill();
    ring.backends[3].set_password("another");

    let table = looker.status_with(&[
        "2 of 5 up, 3 healthy",
        "connect: connection refused",
        "login: login refused",
        "HELD BACK until ",
    ]);
    for words in [
        "taken down by somebody else ",
        "bringing it up, by rule hold: ",
        "this may be no fault of this backend",
        "no users are left on it; comes up when it passes again",
        "synced for ",
        "director 1 of 2 is ours",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    for (address, by, words) in [
        (dead, "us", "refuses connections"),
        (
            locked,
            "us",
            "refuses the user name or the password of the checks",
        ),
        (taken, "somebody else", "and healthy here for "),
    ] {
        let text = looker.explain(address);
        let first = text.lines().next().unwrap();
        let begin = format!("{address}: down by {by} for ");
        assert!(first.starts_with(&begin) && first.contains(words), "{text}");
        assert!(!text.contains("?."), "{text}");
    }
    let said = looker.plugin(1);
    let first = said.lines().next().unwrap();
    assert!(first.contains("3 of 5 backends down: "), "{said}");
    assert!(
        first.contains(" | standing=2;;;0;5 up=2;;;0;5 passing=3;;;0;5 "),
        "{said}"
    );
    looker.page_with("DOWN by somebody else");
    looker.page_with("2 of 5");
    for (address, verdict) in [(dead, "failed"), (locked, "failed"), (taken, "healthy")] {
        let (backend, verdict) = (
            format!("backend=\"{address}\""),
            format!("verdict=\"{verdict}\"}} 1"),
        );
        looker.metrics_with(&["poolmon_backend_verdict{", &backend, &verdict]);
    }

    monitor.kill();
    let table = looker.status_with(&["STALE: the monitor has ended"]);
    assert!(!table.contains(" next "), "{table}");
    assert!(looker.explain(dead).starts_with("STALE: "));
    assert!(looker.plugin(2).starts_with("POOLMON CRITICAL - STALE: "));
}

#[test]
fn users_that_cannot_be_moved_a_limit_and_an_unsynced_ring_are_told_by_every_face() {
    let pool = FakePool::start(4);
    pool.director
        .answer_always(Wire::HostResetUsers, Answer::TryAgain);
    let plan = pool
        .monitor()
        .flag("--max-down=1")
        .credentials(USER, PASSWORD);
    let (plan, looker) = Looker::at(plan, &pool.place);
    let _monitor = plan.start();
    pool.wait_for_visits();
    let addresses: Vec<String> = (0..4).map(|k| pool.address(k).to_string()).collect();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.backends[1].set(Mood::Closing);

    let limit = format!("{} has failed since ", addresses[1]);
    looker.status_with(&[
        "3 of 4 up, 2 healthy",
        "10 USERS ARE STILL TO BE MOVED AWAY",
        "taking it down, by rule brake: ",
        "moving its users away, by rule drain: ",
        &limit,
        " and stays up: --max-down=1 allows no more",
    ]);
    let owed = looker.explain(&addresses[0]);
    assert!(
        owed.contains("moving its 10 users away is held back by rule drain: "),
        "{owed}"
    );
    assert!(owed.contains(": try again later after "), "{owed}");
    let held = looker.explain(&addresses[1]);
    let first = held.lines().next().unwrap();
    assert!(first.contains("up although it has failed for "), "{held}");
    assert!(
        first.contains(&format!("because imap:{IMAP} closes the connection")),
        "{held}"
    );
    assert!(
        first.contains("its down is held back by rule brake: "),
        "{held}"
    );
    assert!(looker
        .plugin(1)
        .contains(", 10 users left on it, held by rule drain"));
    looker.page_with("down, users on it, ");
    looker.page_with("failed, still up, ");
    let backend = format!("backend=\"{}\"", addresses[0]);
    looker.metrics_with(&["poolmon_backend_drain_owed{", &backend, "} 1"]);

    pool.director.set_ring(RingState::Handshaking);
    looker.status_with(&[
        "ring NOT SYNCED for ",
        "taking it down, by rule ring: the ring is not synced",
    ]);
    let said = looker.plugin(1);
    assert!(
        said.starts_with("POOLMON WARNING - ring not synced for "),
        "{said}"
    );
    let held = looker.explain(&addresses[1]);
    assert!(
        held.contains("held back by rule ring: the ring is not synced"),
        "{held}"
    );
    looker.page_with("not synced");
}

#[test]
fn a_word_whose_output_cannot_be_written_says_that_it_is_the_output() {
    for word in ["status", "explain", "check", "replay"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        let mut program = Command::new(binary());
        program.args([word, "--help"]).stdout(full.unwrap());
        let output = program.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            said,
            format!(
                "poolmon {word}: standard output cannot be written: No space left on device (os error 28)\n"
            )
        );
        assert_eq!(output.status.code(), Some(3), "{word}");
    }
}
