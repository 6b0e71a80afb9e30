//! A pool in virtual time is recorded, and what is read of that is told to other engines.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::compare::{compare, Line};
use super::decoder::{Reader, UnreadableRecording};
use super::encoder::{Before, Encoder, Lines};
use super::files::MOST_BYTES;
use super::line::{Event, Sent};
use super::replay::{replay, replay_until, Made, Replayed, Rules};
use crate::backend::{HostState, Listed, Stamp, Tag};
use crate::beside::Beside;
use crate::config::accounts::Backends;
use crate::config::chosen::Chosen;
use crate::config::settings::{Brake, Plan, Retries, Settings};
use crate::config::table::DefaultsOf;
use crate::config::targets::Targets;
use crate::monitor::{Engine, Input, Now, Output, Remembered, Report, Request, Terms};
use crate::outcome::{Failure, Fault, Outcome, Pass, Stage};
use crate::pool::{
    Acts, Effect, Forgotten, Malformed, Particulars, Place, Readiness, Reading, Reply,
};
use crate::program::Program;
use crate::schedule::{Next, Schedule, Spread};
use crate::slowness::stretched;

const BEGINNING: u64 = 1_800_000_000;

fn address(number: usize) -> IpAddr {
    [10, 0, (number / 250) as u8, (number % 250 + 1) as u8].into()
}

/// From when until when a backend refuses connections, in seconds.
type Trouble = (usize, u64, u64);

/// Everything there is, in virtual time.
struct World {
    zero: Instant,
    now: Duration,
    settings: Settings,
    engine: Engine,
    encoder: Encoder,
    lines: Lines,
    asked: u32,
    recording: Vec<u8>,
    outputs: Vec<String>,
    made: Vec<Made>,
    list: Vec<Listed>,
    workers: BTreeMap<IpAddr, (u64, Schedule)>,
    troubles: Vec<Trouble>,
    connection: Option<u64>,
    next_list: Duration,
    waiting: Vec<Input>,
    terms: Terms,
    looks: bool,
    /// So many backends have other users in each list than in the one before.
    coming_and_going: usize,
}

fn terms(services: usize) -> Terms {
    let settings = Chosen::default().build(DefaultsOf::Poolmon, Program::Poolmon);
    let mut settings = settings.unwrap();
    settings.services.truncate(services);
    assert_eq!(settings.services.len(), services);
    settings.files.published = Default::default();
    Terms {
        targets: Targets::new(&settings, None, Backends::new()),
        settings,
        remarks: Vec::new(),
        unverified: None,
        summary: "as recorded".to_owned(),
    }
}

impl World {
    fn new(backends: usize, troubles: &[Trouble]) -> World {
        World::with_services(1, backends, troubles)
    }

    fn with_services(services: usize, backends: usize, troubles: &[Trouble]) -> World {
        let zero = Instant::now();
        let now = Now {
            instant: zero,
            second: Stamp(BEGINNING),
        };
        let terms = terms(services);
        let mut encoder = Encoder::new(zero);
        let remembered = Remembered::new();
        let start = encoder.start(&terms.settings, &terms.targets, &remembered, 100, now);
        let mut lines = Lines::new(start);
        World {
            zero,
            now: Duration::ZERO,
            settings: terms.settings.clone(),
            engine: Engine::new(terms.clone(), remembered, 100, now),
            encoder,
            recording: lines.first(Before::Nothing).unwrap(),
            lines,
            asked: 0,
            outputs: Vec::new(),
            made: Vec::new(),
            list: (0..backends)
                .map(|number| Listed {
                    address: address(number),
                    vhosts: 100,
                    users: 10,
                    tag: Tag::default(),
                    state: HostState::Up,
                    changed: Stamp(0),
                })
                .collect(),
            workers: BTreeMap::new(),
            troubles: troubles.to_vec(),
            connection: None,
            next_list: Duration::ZERO,
            waiting: Vec::new(),
            terms,
            looks: true,
            coming_and_going: 0,
        }
    }

    fn moment(&self) -> Now {
        Now {
            instant: self.zero + self.now,
            second: Stamp(BEGINNING + self.now.as_secs()),
        }
    }

    fn record(&mut self, event: Event) {
        let now = self.moment();
        let asked = std::mem::take(&mut self.asked);
        let t = self.encoder.time(now.instant);
        let text = self.lines.line(t, now.second.0, asked, event);
        self.recording.extend(text.unwrap());
    }

    fn tell(&mut self, input: Input) {
        if let Some(event) = self.encoder.event(&input) {
            self.record(event);
        }
        self.engine.handle(input, self.moment());
    }

    fn drain(&mut self) {
        loop {
            self.asked += 1;
            let output = match self.engine.next_output() {
                Some(output) => output,
                None => return,
            };
            if self.looks {
                self.outputs.push(format!("{output:?}"));
            }
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::StartWorker { target, number, .. } => {
                let spread = Spread::new(number * 7919 + 1);
                let services = self.settings.services.len();
                let schedule =
                    Schedule::new(self.settings.pace, services, spread, self.moment().instant);
                self.workers.insert(target.address, (number, schedule));
            }
            Output::ProbeNow(address) => {
                let now = self.moment().instant;
                if let Some((_, schedule)) = self.workers.get_mut(&address) {
                    schedule.on_demand(now);
                }
            }
            Output::OpenLists { connection, .. } => {
                self.connection = Some(connection);
                self.next_list = self.now;
            }
            Output::ReadLists => self.next_list = self.now,
            Output::Send {
                number, command, ..
            } => {
                let (action, why) = self.engine.intention(number).unwrap();
                let backend = command.address();
                let at = self.moment().second;
                self.made.push(Made {
                    at,
                    address: backend,
                    action,
                    why: why.clone(),
                });
                self.record(Event::Sent(Sent {
                    command: number,
                    backend,
                    action,
                    why,
                }));
                let listed = self.list.iter_mut();
                let listed = listed.filter(|listed| listed.address == backend).last();
                let listed = listed.unwrap();
                match command.effect() {
                    Effect::State(state) => {
                        listed.state = state;
                        listed.changed = at;
                    }
                    Effect::UsersMoved | Effect::UsersForgotten => listed.users = 0,
                    Effect::Weight(vhosts) => listed.vhosts = vhosts,
                }
                let answer = Ok(Reply::Ok);
                self.waiting.push(Input::Answered { number, answer });
            }
            Output::WriteState { number, entries } => {
                self.lines.remember(&entries);
                let result = Ok(());
                self.waiting.push(Input::StateWritten { number, result });
            }
            Output::ReadSettings { .. } => {
                self.tell(Input::Settings(Ok(Box::new(self.terms.clone()))))
            }
            _ => {}
        }
    }

    /// One turn: what is due now.
    fn turn(&mut self) {
        let now = self.moment().instant;
        if self.engine.next_timeout().map_or(false, |due| due <= now) {
            self.tell(Input::Time);
        }
        for address in self.workers.keys().copied().collect::<Vec<IpAddr>>() {
            if let Some(report) = self.probe(address) {
                self.tell(Input::Found(Box::new(report)));
            }
        }
        if let (Some(connection), true) = (self.connection, self.next_list <= self.now) {
            self.next_list = self.now + Duration::from_secs(1);
            let second = self.now.as_secs();
            let moving = self.list.iter_mut().skip(second as usize % 7);
            for listed in moving.step_by(5).take(self.coming_and_going) {
                listed.users = 1000 + second % 100;
            }
            let reading = Ok(self.reading());
            self.tell(Input::Lists {
                connection,
                reading,
            });
        }
        for input in std::mem::take(&mut self.waiting) {
            self.tell(input);
        }
        self.drain();
    }

    fn probe(&mut self, address: IpAddr) -> Option<Report> {
        let now = self.moment().instant;
        let second = self.now.as_secs();
        let place = self.list.iter().position(|l| l.address == address)?;
        let is_in_trouble = self
            .troubles
            .iter()
            .any(|(who, from, to)| *who == place && (*from..*to).contains(&second));
        let (worker, schedule) = self.workers.get_mut(&address)?;
        let service = match schedule.next(now) {
            Next::Attempt { service, .. } => service,
            Next::Wait { .. } => return None,
        };
        let result = match is_in_trouble {
            false => Ok(Pass::Clean),
            true => Err(Failure::new(Stage::Connect, Fault::Refused)),
        };
        let took = Duration::from_micros(700);
        let finding = schedule.on_outcome(Outcome::new(now, took, result));
        assert_eq!(finding.service, service);
        Some(Report {
            address,
            worker: *worker,
            finding,
            next: schedule.next_attempt(),
            retry: schedule.retry(),
        })
    }

    fn reading(&self) -> Reading {
        Reading {
            began: self.moment().instant,
            members: self.list.clone(),
            readiness: Readiness::Synced,
            movers_before: 0,
            place: Place::default(),
            forgotten: Forgotten::MayReturn,
            acts: Acts::UpAndDown,
            malformed: Malformed::default(),
            particulars: Particulars::None,
        }
    }

    fn run(&mut self, until: Duration, step: Duration) {
        while self.now < until {
            self.turn();
            self.now += step;
        }
    }

    fn replay(&self, rules: &Rules) -> (Replayed, Vec<String>) {
        let mut outputs = Vec::new();
        let reader = Reader::new(&self.recording[..], self.zero).unwrap();
        let replayed = replay(reader, rules, &mut |output| {
            outputs.push(format!("{output:?}"));
        });
        (replayed.unwrap(), outputs)
    }
}

/// Ten minutes of three backends, of which one fails for two minutes and another, later, for 15 seconds; and a
/// reload.
fn story() -> World {
    let mut world = World::new(3, &[(0, 60, 180), (1, 300, 315)]);
    world.run(Duration::from_secs(400), Duration::from_millis(100));
    world.tell(Input::Asked(Request::Reload));
    world.drain();
    world.tell(Input::Asked(Request::Status));
    world.run(Duration::from_secs(600), Duration::from_millis(100));
    world
}

fn others(world: &World, change: &dyn Fn(&mut Settings)) -> Vec<Made> {
    world.replay(&Rules::Other(change)).0.replayed
}

fn kinds(made: &[Made]) -> Vec<String> {
    made.iter()
        .map(|made| format!("{} {}", made.address, made.action))
        .collect()
}

#[test]
fn told_again_an_engine_does_the_same_in_the_same_order() {
    let world = story();
    assert_eq!(
        kinds(&world.made)[..3],
        ["10.0.0.1 down", "10.0.0.1 drain", "10.0.0.1 up"]
    );
    let (replayed, outputs) = world.replay(&Rules::AsRecorded);
    assert_eq!(replayed.replayed, world.made);
    assert_eq!(replayed.recorded, world.made);
    // A summary says how the settings look, which are made anew.
    assert_eq!(outputs.len(), world.outputs.len());
    for (live, again) in world.outputs.iter().zip(&outputs) {
        let is_of_settings = live.starts_with("UseSettings") || live.starts_with("ReadSettings");
        assert!(is_of_settings || live == again, "{live}\n{again}");
    }
    assert!(compare(&replayed.recorded, &replayed.replayed).is_same());
    assert_eq!(
        (replayed.backends, replayed.lost, replayed.is_torn),
        (3, 0, false)
    );
}

#[test]
fn other_rules_make_other_changes() {
    let world = story();
    let as_recorded = others(&world, &|_| {});
    assert!(
        compare(&world.made, &as_recorded).is_same(),
        "{as_recorded:?}"
    );
    // So the second trouble is too short for it, or long enough.
    let with_retries = |retries| {
        others(&world, &|settings| {
            settings.pace.plan = Plan::Retries(Retries {
                retries,
                retry_delay: Duration::from_secs(3),
            });
        })
    };
    let downs = |made: Vec<Made>, address: &str| {
        let down = format!("{address} down");
        kinds(&made).iter().filter(|kind| **kind == down).count()
    };
    assert_eq!(downs(with_retries(0), "10.0.0.1"), 1);
    assert_eq!(downs(with_retries(1000), "10.0.0.1"), 0);
    assert_eq!(downs(with_retries(1000), "10.0.0.2"), 0);
    let none = others(&world, &|settings| settings.rules.brake = Brake::AtMost(0));
    assert_eq!(none, []);
    let late = others(&world, &|settings| {
        settings.rules.down_delay = Duration::from_secs(40);
    });
    let later = late[0].at.0 - world.made[0].at.0;
    assert!((38..=42).contains(&later), "{later}");
}

#[test]
fn a_moment_is_shown_as_it_was() {
    let world = story();
    let up_at = |second: u64| {
        let reader = Reader::new(&world.recording[..], world.zero).unwrap();
        let (snapshot, shown) = replay_until(reader, Stamp(BEGINNING + second)).unwrap();
        assert_eq!(shown, Stamp(BEGINNING + second));
        assert_eq!(snapshot.backends.len(), 3);
        snapshot.summary.up
    };
    assert_eq!((up_at(50), up_at(150), up_at(299)), (3, 2, 3));
}

#[test]
fn a_file_that_goes_on_after_another_begins_with_what_was_known() {
    let mut world = World::new(3, &[(0, 60, 180), (2, 260, 400)]);
    world.run(Duration::from_secs(200), Duration::from_millis(100));
    world.recording = world.lines.first(Before::Torn).unwrap();
    let before = world.made.len();
    world.run(Duration::from_secs(600), Duration::from_millis(100));
    let (replayed, _) = world.replay(&Rules::AsRecorded);
    assert_eq!(kinds(&replayed.recorded), kinds(&world.made[before..]));
    assert!(!replayed.recorded.is_empty());
    let comparison = compare(&replayed.recorded, &replayed.replayed);
    assert!(comparison.is_same(), "{:?}", comparison.lines);
}

#[test]
fn two_files_of_which_one_goes_on_where_the_other_ends_are_one_recording() {
    let mut world = World::new(3, &[(0, 60, 230), (2, 260, 400)]);
    world.run(Duration::from_secs(200), Duration::from_millis(100));
    let second = world.lines.first(Before::Whole).unwrap();
    let first = std::mem::replace(&mut world.recording, second);
    world.run(Duration::from_secs(600), Duration::from_millis(100));
    let second = &world.recording;
    let reader = |text| Reader::new(text, world.zero).unwrap();

    let joined = Reader::joined(reader(&first[..]), reader(&second[..]));
    assert!(joined.is_joined() && !joined.is_continued());
    let mut outputs = Vec::new();
    let replayed = replay(joined, &Rules::AsRecorded, &mut |output| {
        outputs.push(format!("{output:?}"));
    });
    assert_eq!(replayed.unwrap().replayed, world.made);
    // Not one more, as it would be if the newer file's first lines were told, too.
    assert_eq!(outputs, world.outputs);

    // What is not the file before is not read.
    let text = String::from_utf8(first.clone()).unwrap();
    let of_another = text.replacen("\"run\":1800000000", "\"run\":1700000000", 1);
    assert_ne!(of_another, text);
    for older in [&second[..], of_another.as_bytes()] {
        let alone = Reader::joined(reader(older), reader(&second[..]));
        assert!(!alone.is_joined() && alone.is_continued());
    }
    let torn = Reader::joined(reader(&first[..first.len() - 5]), reader(&second[..]));
    let error = replay(torn, &Rules::AsRecorded, &mut |_| {}).err().unwrap();
    let lines = first.iter().filter(|byte| **byte == b'\n').count();
    let expected = format!(
        "line {lines} of the older file cannot be read: \"it is cut off, and another file goes on after it\""
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_is_no_recording_is_said() {
    let world = story();
    let error = |text: &[u8]| match Reader::new(text, world.zero) {
        Ok(_) => panic!("it is read"),
        Err(cause) => cause.to_string(),
    };
    for foreign in [
        &b""[..],
        b"\n",
        b"{}\n",
        b"\xff\xfe\n",
        b"{\"poolmon\":{\"format\":1}}\n",
    ] {
        assert_eq!(error(foreign), "not a recording that --record made");
    }
    let newer = String::from_utf8(world.recording.clone()).unwrap();
    let newer = newer.replacen("\"format\":1", "\"format\":2", 1);
    let expected = format!(
        "format 2, written by version \"{}\", and this program reads format 1: use the program of \
         the same version",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(error(newer.as_bytes()), expected);
}

#[test]
fn a_last_line_that_is_cut_off_is_left_out() {
    let mut world = story();
    let whole = world.recording.clone();
    world.recording.truncate(whole.len() - 5);
    let (replayed, _) = world.replay(&Rules::AsRecorded);
    assert!(replayed.is_torn);
    assert_eq!(replayed.replayed, world.made);
}

#[test]
fn a_bent_file_is_replayed_or_refused() {
    let mut world = World::new(2, &[(0, 2, 12)]);
    world.run(Duration::from_secs(14), Duration::from_millis(100));
    let mut refused = 0;
    let rules = [Rules::AsRecorded, Rules::Other(&|_| {})];
    let lines: Vec<&[u8]> = world.recording.split_inclusive(|b| *b == b'\n').collect();
    // The first, and those about a list, an attempt, a command: all kinds of lines.
    let chosen: Vec<usize> = (0..lines.len()).step_by(lines.len() / 12).collect();
    for place in chosen {
        for (at, bits) in (0..lines[place].len()).flat_map(|at| [(at, 1), (at, 16)]) {
            let mut bent = lines.concat();
            let before: usize = lines[..place].iter().map(|line| line.len()).sum();
            bent[before + at] ^= bits;
            let reader = match Reader::new(&bent[..], world.zero) {
                Ok(reader) => reader,
                Err(_) => {
                    refused += 1;
                    continue;
                }
            };
            let which = &rules[at % 2];
            match replay(reader, which, &mut |_| {}) {
                Ok(_) | Err(UnreadableRecording::Io(_)) => {}
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

/// A recording may come from anybody: no number of it is taken for a time or a service that cannot be.
#[test]
fn numbers_out_of_their_bounds_are_refused_with_what_they_are_of() {
    let world = story();
    let text = String::from_utf8(world.recording.clone()).unwrap();
    let with = |kind: &str, place: &str, value: serde_json::Value| {
        let is_it = |line: &&str| line.contains(&format!("\"is\":{{\"{kind}\""));
        // Not the first, so that there is a line before.
        let line = text.lines().rev().find(is_it).unwrap();
        let mut bent: serde_json::Value = serde_json::from_str(line).unwrap();
        let parent = place.rsplit_once('/').unwrap();
        bent.pointer_mut(parent.0).unwrap()[parent.1] = value;
        let bent = text.replace(line, &bent.to_string());
        let reader = Reader::new(bent.as_bytes(), world.zero).unwrap();
        let replayed = replay(reader, &Rules::AsRecorded, &mut |_| {});
        replayed.map(|_| ()).map_err(|cause| cause.to_string())
    };
    const LONGEST: i64 = 10 * 365 * 86_400 * 1_000_000_000;
    let seconds = |seconds: u64| serde_json::json!({"secs": seconds, "nanos": 0});
    for (kind, place, value, remark) in [
        ("found", "/is/found/service", 1.into(), "an attempt"),
        (
            "found",
            "/is/found/began",
            (LONGEST + 1).into(),
            "an attempt",
        ),
        (
            "found",
            "/is/found/round",
            (-LONGEST - 1).into(),
            "an attempt",
        ),
        ("found", "/is/found/next", i64::MIN.into(), "an attempt"),
        (
            "found",
            "/is/found/took",
            (LONGEST + 1).into(),
            "an attempt",
        ),
        ("found", "/is/found/took", u64::MAX.into(), "an attempt"),
        ("found", "/is/found/delivery", u64::MAX.into(), "an attempt"),
        ("found", "/s", 253_402_300_800_u64.into(), "a time"),
        (
            "settings",
            "/is/settings/services",
            serde_json::json!([]),
            "settings",
        ),
        (
            "settings",
            "/is/settings/pace/interval",
            seconds(0),
            "settings",
        ),
        (
            "settings",
            "/is/settings/pace/timeout",
            seconds(400_000_000),
            "settings",
        ),
        (
            "settings",
            "/is/settings/rules/hold",
            seconds(400_000_000),
            "settings",
        ),
    ] {
        let bounds = if kind == "settings" { "their" } else { "its" };
        let expected = format!("{remark} out of {bounds} bounds");
        let said = with(kind, place, value.clone()).unwrap_err();
        assert!(said.contains(&expected), "{place} {value}: {said}");
    }
    for time in [0, -1, LONGEST + 1] {
        let said = with("found", "/t", time.into()).unwrap_err();
        assert!(
            said.contains("a time before the line before"),
            "{time}: {said}"
        );
    }
    for (place, value) in [
        ("/is/found/next", LONGEST.into()),
        ("/is/found/took", 0.into()),
        ("/s", 253_402_300_799_u64.into()),
    ] {
        assert_eq!(with("found", place, value), Ok(()), "{place}");
    }
}

/// A day of a hundred backends, some of which fail now and then.
fn day() -> World {
    let troubles: Vec<Trouble> = (0..40)
        .map(|n| {
            let from = 600 + n as u64 * 2000;
            (n * 2, from, from + 300)
        })
        .collect();
    let mut world = World::new(100, &troubles);
    world.looks = false;
    world.run(Duration::from_secs(86_400), Duration::from_millis(500));
    world
}

/// At any moment one whole file is there beside the one that is being written.
#[test]
fn a_day_of_a_hundred_backends_with_two_services_fits_into_one_file() {
    let mut world = World::with_services(2, 100, &[(0, 900, 1200)]);
    world.looks = false;
    world.coming_and_going = 20;
    let step = Duration::from_millis(500);
    // From its first lists and attempts on.
    world.run(Duration::from_secs(600), step);
    let before = world.recording.len();
    world.run(Duration::from_secs(600 + 1800), step);
    let day = 48 * (world.recording.len() - before) as u64;
    assert!(day < MOST_BYTES, "{day} bytes");
    // The manual says that it is about a day, too.
    assert!(day > MOST_BYTES * 3 / 4, "{day} bytes");
}

/// Of this thread, so that others on the machine do not count.
fn time_on_the_processor() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = schedstat.split(' ').next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}

/// For people: `cargo test --release --lib a_day -- --ignored --nocapture`.
#[test]
#[ignore = "measures; of a release build only"]
fn a_day_of_a_hundred_backends_is_replayed_in_two_seconds() {
    let world = day();
    for (name, rules) in [
        ("recorded", Rules::AsRecorded),
        (
            "other",
            Rules::Other(&|settings| settings.rules.down_delay = Duration::from_secs(60)),
        ),
    ] {
        let before = time_on_the_processor();
        let reader = Reader::new(&world.recording[..], world.zero).unwrap();
        let replayed = replay(reader, &rules, &mut |_| {}).unwrap();
        let took = time_on_the_processor() - before;
        println!(
            "{name}: {took:?}, {} bytes, {} attempts, {} changes",
            world.recording.len(),
            replayed.attempts,
            replayed.replayed.len()
        );
        assert!(took < stretched(Duration::from_secs(2)), "{took:?}");
    }
}

#[test]
fn changes_are_held_against_each_other_by_time() {
    let made = |at, number: usize, action| Made {
        at: Stamp(at),
        address: address(number),
        action,
        why: None,
    };
    use crate::pool::Action::{MarkDown, MarkUp};
    let recorded = [made(10, 1, MarkDown), made(50, 1, MarkUp)];
    let replayed = [
        made(5, 2, MarkDown),
        made(11, 1, MarkDown),
        made(80, 1, MarkUp),
    ];
    let comparison = compare(&recorded, &replayed);
    assert_eq!(
        comparison.lines,
        [
            Line::Replayed(made(5, 2, MarkDown)),
            Line::Both(made(10, 1, MarkDown)),
            Line::Recorded(made(50, 1, MarkUp)),
            Line::Replayed(made(80, 1, MarkUp)),
        ]
    );
    assert!(!comparison.is_same());
    assert!(compare(&[], &[]).is_same());
}

#[test]
fn the_format_is_this() {
    let mut world = World::new(1, &[]);
    let mut text = |t, event| {
        let text = world.lines.line(t, BEGINNING + 1, 2, event).unwrap();
        String::from_utf8(text).unwrap()
    };
    let written = Event::StateWritten {
        number: 3,
        error: None,
    };
    assert_eq!(
        text(1_500_000_000, written),
        "{\"t\":1500000000,\"s\":1800000001,\"asked\":2,\"is\":{\"state_written\":{\"number\":3}}}\n"
    );
    let sent = Event::Sent(Sent {
        command: 1,
        backend: address(0),
        action: crate::pool::Action::MarkDown,
        why: None,
    });
    assert_eq!(
        text(1_600_000_000, sent),
        "{\"t\":1600000000,\"asked\":2,\"is\":{\"sent\":{\"command\":1,\"backend\":\"10.0.0.1\",\
         \"action\":\"mark_down\"}}}\n"
    );
    let failure = Failure::new(Stage::Connect, Fault::Refused);
    let found = Event::Found(Box::new(super::line::Found {
        backend: address(0),
        worker: 1,
        service: 0,
        began: 7,
        took: 8,
        round: None,
        delivery: None,
        logged_in: false,
        result: super::line::Ending::Fail(failure.clone()),
        for_good: true,
        verdict: Some(crate::schedule::Verdict::Failed {
            service: 0,
            failure,
        }),
        next: 9,
        retry: None,
    }));
    let failure = "{\"port\":null,\"stage\":\"connect\",\"fault\":\"refused\"}";
    assert_eq!(
        text(1_700_000_000, found),
        format!(
            "{{\"t\":1700000000,\"asked\":2,\"is\":{{\"found\":{{\"backend\":\"10.0.0.1\",\"worker\":1,\
             \"service\":0,\"began\":7,\"took\":8,\"result\":{{\"fail\":{failure}}},\"for_good\":true,\
             \"verdict\":{{\"failed\":{{\"service\":0,\"failure\":{failure}}}}},\"next\":9}}}}}}\n"
        )
    );
}

#[test]
fn a_full_file_becomes_the_older_one_and_both_can_be_read_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::env::temp_dir().join(format!("poolmon-recording-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("recording");
    let world = World::new(1, &[]);
    let now = world.moment();
    let mut recorder = super::writer::RecordingWriter::start_with(
        path.clone(),
        (&world.terms.settings, &world.terms.targets),
        &Remembered::new(),
        100,
        now,
        4096,
    )
    .unwrap();
    for _ in 0..150 {
        recorder.on_asked();
        recorder.on_input(&Input::Time, now);
    }
    recorder.finish(Duration::from_secs(20));
    let names = [Beside::Older.of(&path), path];
    let files = names.map(|name| (std::fs::read(&name).unwrap(), name));
    for ((text, file), continued) in files.iter().zip([false, true]) {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let reader = Reader::new(&text[..], world.zero).unwrap();
        assert_eq!(reader.is_continued(), continued, "{}", file.display());
        let replayed = replay(reader, &Rules::AsRecorded, &mut |_| {}).unwrap();
        assert_eq!((replayed.lost, replayed.is_torn), (0, false));
    }
    let [older, newer] = [&files[0].0, &files[1].0];
    let [older, newer] = [older, newer].map(|text| Reader::new(&text[..], world.zero).unwrap());
    assert!(newer.is_next_to_another());
    let joined = Reader::joined(older, newer);
    let replayed = replay(joined, &Rules::AsRecorded, &mut |_| {}).unwrap();
    assert_eq!((replayed.lost, replayed.is_torn), (0, false));
    std::fs::remove_dir_all(&folder).unwrap();
}
