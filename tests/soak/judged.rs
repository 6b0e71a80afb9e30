//! The judge is put to the test: a recording in which all is well, and one for each property in which it is
//! broken.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, Local};

use super::history::{History, Told};
use super::judge::{self, patience};
use super::plan::{BACKENDS, DIRECTORS, MONITORS};
use super::terms::{self, Terms};
use crate::lab::place::Place;

const END: u64 = 400_000;
const LIST_EACH: u64 = 500;
/// The machine's clock at the start, in milliseconds since 1970: a day of one digit, which lines pad with a blank.
const WALL: i64 = 1_788_600_000_000;

/// After a slow start and the calm.
const FIRST_ACT: u64 = 60_000;

/// A recording as it is made up: calm, but for what a test changes.
struct Recording {
    place: Place,
    told: Told,
    acts: String,
    clocks: String,
    /// A list's states at a time, for all directors, and for the first one if that lists others.
    states: Box<dyn Fn(u64) -> String>,
    first_states: Option<Box<dyn Fn(u64) -> String>>,
    /// When the ring is not synced.
    unsynced: Range<u64>,
    users: u64,
    lines: [String; MONITORS],
    /// Process number, descriptors, threads and kilobytes at a time, for all monitors.
    process: Box<dyn Fn(u64) -> (u64, u64, u64, u64)>,
    status: String,
    dovecot: String,
}

fn healthy() -> String {
    let backends = ["up/healthy/done/-"; BACKENDS].join("\t");
    format!("77\t{}\t{}\t\t{backends}", seconds(0), seconds(END))
}

/// Since 1970.
fn seconds(at: u64) -> f64 {
    (WALL + at as i64) as f64 / 1000.0
}

fn all_up(_: u64) -> String {
    "U".repeat(BACKENDS)
}

/// Backend 0 is down from the first time up to the second.
fn first_down(from: u64, to: u64) -> impl Fn(u64) -> String {
    move |at| match from <= at && at < to {
        true => "D".to_owned() + &"U".repeat(BACKENDS - 1),
        false => all_up(at),
    }
}

impl Recording {
    fn new() -> Recording {
        Recording {
            place: Place::new(),
            told: Told {
                is_brief: false,
                total: Duration::from_secs(300),
                restores_any: vec![true, true, false],
            },
            acts: String::new(),
            clocks: (0..MONITORS)
                .map(|monitor| format!("0\t{WALL}\t{monitor}\t0\n"))
                .collect(),
            states: Box::new(all_up),
            first_states: None,
            unsynced: 0..0,
            users: 0,
            lines: Default::default(),
            // Starting takes its time, before the calm.
            process: Box::new(|at| match at < FIRST_ACT - terms::FIRST_CALM {
                true => (77, 8, 5, 10_000),
                false => (77, 12, 12, 20_000),
            }),
            status: healthy(),
            dovecot: String::new(),
        }
    }

    fn act(&mut self, word: &str, objects: &str, from: u64, to: u64) {
        let number = self.acts.len();
        for (at, moment) in [
            (from, "starting"),
            (from, "begun"),
            (to, "ending"),
            (to, "ended"),
        ] {
            self.acts += &format!("{at}\t{moment}\t{number}\t{word}\t{objects}\n");
        }
    }

    fn says(&mut self, monitor: usize, at: u64, line: &str) {
        self.says_by_clock(monitor, at, 0, line);
    }

    /// By a clock that is so many seconds ahead.
    fn says_by_clock(&mut self, monitor: usize, at: u64, ahead: i64, line: &str) {
        let since = WALL + at as i64 + ahead * 1000;
        let time = UNIX_EPOCH + Duration::from_millis(since as u64);
        let date = DateTime::<Local>::from(time).format("%b %e %H:%M:%S");
        self.lines[monitor] += &format!("{at}\t{date} LOG {line}\n");
    }

    fn clock_set(&mut self, monitor: usize, at: u64, ahead: i64) {
        self.clocks += &format!("{at}\t{}\t{monitor}\t{ahead}\n", WALL + at as i64);
    }

    /// The properties that are broken.
    fn broken(&self) -> Vec<&'static str> {
        self.judged(|property, history, terms| (property.judge)(history, terms).is_err())
    }

    /// Those that should have been put to the test, and were not.
    fn untested(&self) -> Vec<&'static str> {
        self.judged(|property, history, terms| {
            judge::must_be_tested(history, property) && (property.judge)(history, terms) == Ok(0)
        })
    }

    fn judged(
        &self,
        is_so: impl Fn(&judge::Property, &History, &Terms) -> bool,
    ) -> Vec<&'static str> {
        let folder: PathBuf = self.place.path("recording");
        fs::create_dir(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        let healing = END - 100_000;
        let acts = format!(
            "{FIRST_ACT}\tphase\tacts\n{}{healing}\tphase\thealing\n{END}\tphase\tend\n",
            self.acts
        );
        write("acts.tsv", &acts);
        write("clocks.tsv", &self.clocks);
        self.told.write(&folder);
        let addresses: Vec<String> = (0..BACKENDS).map(address).collect();
        write("backends.tsv", &addresses.join("\n"));
        for number in 1..=DIRECTORS {
            let list = |at: u64| {
                let host = |state: char| match state {
                    'D' => format!("\tD/{}/7", self.users),
                    // Of the second in which it came up.
                    'd' => format!("\tD/{}/0", self.users),
                    state => format!("\t{state}/3/0"),
                };
                let states = match &self.first_states {
                    Some(states) if number == 1 => states(at),
                    _ => (self.states)(at),
                };
                let hosts: String = states.chars().map(host).collect();
                let ring = match self.unsynced.contains(&at) {
                    true => format!(
                        "syncing - last sync {} secs ago",
                        (at - self.unsynced.start) / 1000
                    ),
                    false => "synced".to_owned(),
                };
                format!("{at}\tring {ring}{hosts}\n")
            };
            let lists: String = (0..=END / LIST_EACH)
                .map(|step| list(step * LIST_EACH))
                .collect();
            write(&format!("lists-{number}.tsv"), &lists);
        }
        for monitor in 0..MONITORS {
            let file = |name: &str| format!("{name}-{}.tsv", monitor + 1);
            write(&file("log"), &self.lines[monitor]);
            let process = |at: u64| {
                let (pid, descriptors, threads, kilobytes) = (self.process)(at);
                format!("{at}\t{pid}\t{descriptors}\t{threads}\t{kilobytes}\t5\n")
            };
            let looks: String = (0..=END / 1000).map(|step| process(step * 1000)).collect();
            write(&file("process"), &looks);
            write(&file("status"), &format!("{END}\t{}\n", self.status));
        }
        write("dovecot-1.log", &self.dovecot);
        let history = History::read(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let terms = Terms::of(&history);
        let found = judge::ALL
            .iter()
            .filter(|property| is_so(property, &history, &terms));
        found.map(|property| property.claim).collect()
    }
}

fn address(backend: usize) -> String {
    format!("127.0.2.{}", backend + 1)
}

#[test]
fn a_recording_in_which_all_is_well_breaks_nothing() {
    let mut recording = Recording::new();
    assert_eq!(recording.broken(), [""; 0]);

    // A backend dies, is taken down in time, and comes back; an administrator's down lasts its hold.
    recording.act("backend-dies", "0", 100_000, 200_000);
    recording.states = Box::new(first_down(110_000, 205_000));
    recording.says(1, 110_000, &disabled(0));
    recording.acts += "240000\treply\tHOST-DOWN\t1,0\tOK\n";
    recording.says(1, 240_000 + judge::HOLD.as_millis() as u64, &enabled(1));
    recording.act("monitor-is-killed", "0", 250_000, 255_000);
    recording.acts += "260000\tphase\tcalm\n";
    // A clock jumps and jumps back; a line may have been dated just before.
    recording.act("monitor-clock-steps", "2", 270_000, 290_000);
    recording.clock_set(2, 270_000, -7200);
    recording.says_by_clock(2, 271_000, 0, "before");
    recording.says_by_clock(2, 280_000, -7200, "an old date");
    recording.clock_set(2, 290_000, 0);
    recording.says_by_clock(2, 291_000, -7200, "just before it jumped back");
    recording.says(2, 299_000, "the right date again");
    // A full disk takes a part of a line, and what was lost is said.
    recording.act("disk-is-full", "0", 310_000, 330_000);
    recording.lines[0] += "312000\tNov\n";
    recording.says(0, 331_000, "7 log lines lost: no space left on device");
    assert_eq!(recording.broken(), [""; 0]);
}

#[test]
fn what_directors_say_to_each_other_without_end_is_no_monitors_doing() {
    let mut recording = Recording::new();
    recording.act("director-is-cut", "2", 70_000, 80_000);
    recording.act("backend-dies", "0", 100_000, 200_000);
    recording.unsynced = 80_000..220_000;
    recording.states = Box::new(|at| match at / 5_000 % 2 {
        1 if (110_000..190_000).contains(&at) => "d".to_owned() + &"U".repeat(BACKENDS - 1),
        _ => all_up(at),
    });
    recording.dovecot = "director: Panic: file ioloop.c: line 534 (io_loop_get_wait_time): \
                         assertion failed: (msecs == 0 || timeout->msecs > 0 || timeout->one_shot)"
        .to_owned();
    assert_eq!(recording.broken(), [""; 0]);
    // A state with a second of its own is somebody's act.
    recording.states = Box::new(|at| match at / 5_000 % 2 {
        1 if (110_000..190_000).contains(&at) => first_down(0, END)(at),
        _ => all_up(at),
    });
    assert_eq!(
        recording.broken(),
        ["one_failure_costs_one_down_and_one_up"]
    );
}

fn enabled(backend: usize) -> String {
    format!(
        "{} enabled: down -> up (answered in 1.3 ms)",
        address(backend)
    )
}

fn disabled(backend: usize) -> String {
    format!(
        "{} disabled: up -> down (answered in 1.3 ms)",
        address(backend)
    )
}

#[test]
fn a_property_that_nothing_puts_to_the_test_fails_a_brief_soak_and_a_long_one() {
    let of_own = "with_own_an_administrators_down_is_not_undone";
    let mut recording = Recording::new();
    assert_eq!(recording.untested(), [""; 0]);
    if patience(1) > 1_000 {
        return;
    }
    recording.told.is_brief = true;
    assert!(recording.untested().contains(&of_own));
    assert!(!recording.untested().contains(&"synced_directors_agree"));
    recording.told.is_brief = false;
    recording.told.total = Duration::from_secs(3600);
    assert!(recording.untested().contains(&"synced_directors_agree"));
    assert!(!recording.untested().contains(&of_own));
    assert!(!recording.untested().contains(&"no_dovecot_panics"));
}

#[test]
fn each_property_is_broken_by_a_recording_that_breaks_it() {
    let late = 100_000 + terms::reaction() + 1_000;
    type Bend = Box<dyn Fn(&mut Recording)>;
    let bent = |bend: fn(&mut Recording)| -> Bend { Box::new(bend) };
    let cases: Vec<(&str, Bend)> = vec![
        (
            "nothing_is_sent_into_a_ring_that_the_list_shows_unsynced",
            bent(|recording| {
                recording.unsynced = 100_000..130_000;
                recording.says(0, 120_000, &enabled(0));
            }),
        ),
        (
            "a_monitor_acts_on_what_it_has_seen_lately",
            bent(|recording| recording.says(0, 120_000, &disabled(0))),
        ),
        (
            "a_monitor_that_reaches_nothing_changes_nothing",
            bent(|recording| {
                recording.act("monitor-is-cut", "0", 100_000, 200_000);
                recording.says(0, 150_000, &disabled(0));
            }),
        ),
        (
            "no_monitor_takes_the_last_backend_down",
            bent(|recording| {
                recording.act("backend-dies", "0", 95_000, 105_000);
                recording.states = Box::new(|at| match (90_000..100_000).contains(&at) {
                    true => "U".to_owned() + &"D".repeat(BACKENDS - 1),
                    false => all_up(at),
                });
                let line = format!("{} disabled: up -> down (answered in 800.0 ms)", address(0));
                recording.says(0, 100_000, &line);
            }),
        ),
        (
            "a_healthy_backend_keeps_the_pool_in_service",
            Box::new(move |recording| {
                recording.states = Box::new(move |at| match (100_000..late).contains(&at) {
                    true => "D".repeat(BACKENDS),
                    false => all_up(at),
                });
            }),
        ),
        (
            "a_dead_backend_is_down_in_time",
            Box::new(move |recording| {
                recording.act("backend-freezes", "0", 100_000, late + 20_000);
                recording.states = Box::new(first_down(late, late + 20_000));
            }),
        ),
        (
            "nobody_is_left_on_a_dead_backend",
            bent(|recording| {
                recording.act("backend-dies", "0", 100_000, 200_000);
                recording.states = Box::new(first_down(105_000, 200_000));
                recording.users = 2;
            }),
        ),
        (
            "synced_directors_agree",
            bent(|recording| {
                recording.states = Box::new(first_down(100_000, 120_000));
                recording.first_states = Some(Box::new(all_up));
            }),
        ),
        (
            "one_failure_costs_one_down_and_one_up",
            bent(|recording| {
                recording.act("backend-dies", "0", 100_000, 200_000);
                recording.states = Box::new(|at| match at {
                    105_000..=120_000 | 130_000..=205_000 => first_down(0, END)(at),
                    _ => all_up(at),
                });
            }),
        ),
        (
            "a_disputed_backend_changes_less_and_less",
            bent(|recording| {
                recording.act("monitor-loses-backend", "1,0", 100_000, 180_000);
                recording.states = Box::new(|at| match at / 5_000 % 2 {
                    1 if (100_000..180_000).contains(&at) => first_down(0, END)(at),
                    _ => all_up(at),
                });
            }),
        ),
        (
            "an_administrators_down_is_not_undone_within_the_hold",
            bent(|recording| {
                recording.acts += "100000\treply\tHOST-DOWN\t1,0\tOK\n";
                recording.says(2, 110_000, &enabled(1));
            }),
        ),
        (
            "with_own_an_administrators_down_is_not_undone",
            bent(|recording| {
                recording.acts += "100000\treply\tHOST-DOWN\t0,0\tOK\n";
                recording.states = Box::new(first_down(100_000, 150_000));
                recording.says(2, 149_000, &enabled(0));
            }),
        ),
        (
            "every_list_is_true_at_the_end",
            bent(|recording| recording.states = Box::new(first_down(END - 2_000, END + 1))),
        ),
        (
            "every_monitor_is_content_at_the_end",
            bent(|recording| recording.status = healthy().replacen("healthy", "failed", 1)),
        ),
        (
            "no_drain_is_owed_at_the_end",
            bent(|recording| recording.status = healthy().replacen("done", "owed", 1)),
        ),
        (
            "no_alarm_stands_at_the_end",
            bent(|recording| recording.status = healthy().replacen("\t\t", "\tcontested\t", 1)),
        ),
        (
            "what_was_said_to_be_amiss_is_said_to_be_over",
            bent(|recording| recording.says(0, 390_000, "failover is off since a minute")),
        ),
        (
            "no_monitor_ends_by_itself",
            bent(|recording| {
                recording.process = Box::new(|at| (77 + at / 200_000, 12, 12, 20_000));
            }),
        ),
        (
            "no_monitor_reports_a_defect_or_loses_a_line",
            bent(|recording| {
                recording.says(0, 5, "3 log lines lost: the log did not take them in time")
            }),
        ),
        (
            "a_log_goes_on_once_its_disk_has_room",
            bent(|recording| recording.act("disk-is-full", "0", 100_000, 150_000)),
        ),
        (
            "log_lines_are_dated_by_the_monitors_clock",
            bent(|recording| {
                recording.clock_set(0, 200_000, 3600);
                recording.says_by_clock(0, 250_000, 0, "the old time");
                recording.clock_set(0, 300_000, 0);
            }),
        ),
        (
            "status_files_are_dated_by_the_monitors_clock",
            bent(|recording| {
                let late = format!("\t{}\t\t", seconds(END + 60_000));
                let written = format!("\t{}\t\t", seconds(END));
                recording.status = healthy().replacen(&written, &late, 1);
            }),
        ),
        (
            "no_monitor_has_started_in_the_future",
            bent(|recording| {
                let (good, bad) = (seconds(0), seconds(END + 1));
                recording.status = healthy().replacen(&good.to_string(), &bad.to_string(), 1);
            }),
        ),
        (
            "no_dovecot_panics",
            bent(|recording| recording.dovecot = "director: Panic: file x".to_owned()),
        ),
        (
            "descriptors_and_threads_are_as_at_the_start",
            bent(|recording| {
                recording.process = Box::new(|at| (77, 12 + at / 300_000, 12, 20_000));
            }),
        ),
        (
            "memory_is_as_after_the_warm_up",
            bent(|recording| {
                recording.process = Box::new(|at| (77, 12, 12, 20_000 + at / 100));
            }),
        ),
    ];
    let claims: Vec<&str> = cases.iter().map(|(claim, _)| *claim).collect();
    let all: Vec<&str> = judge::ALL.iter().map(|property| property.claim).collect();
    assert_eq!(claims, all);
    assert!(patience(1) >= 1000);
    for (claim, bend) in cases {
        let mut recording = Recording::new();
        bend(&mut recording);
        assert_eq!(recording.broken(), [claim]);
    }
}
