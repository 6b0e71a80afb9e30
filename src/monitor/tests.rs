//! What keeps this room pure, and what the engine answers to single inputs; days of them are the simulator's.

mod accounts;
mod alarm_lines;
mod commands;
mod director;
mod outline;
mod publishing;
mod reloads;
mod reviewing;
mod threads;
mod views;

use std::fs;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::policy::{By, Drain, Reason, RuleAnswer};
use super::snapshot::{ListChangeView, NextEvent, ReloadResult, RetryView};
use super::*;
use crate::backend::{HostState, Listed, Stamp, Tag};
use crate::config::accounts::Backends;
use crate::config::chosen::Chosen;
use crate::config::settings::{Brake, Published};
use crate::config::table::DefaultsOf;
use crate::config::targets::Targets;
use crate::outcome::{Failure, Fault, Outcome, Pass, Stage};
use crate::pool::{
    Acts, Command, Effect, Forgotten, Loss, Malformed, Particulars, Place, PoolError, Readiness,
    Reading, Reply, Stage as PoolStage,
};
use crate::program::Program;
use crate::quote::Quote;
use crate::schedule::{Finding, Retry, Verdict};

/// A clock, thread, channel, file, socket or log would be a second way in or out.
const IMPURE: [&str; 18] = [
    "Instant::now",
    "SystemTime",
    "Local::now",
    "chrono::",
    "thread::",
    "crossbeam",
    "mpsc",
    "std::fs",
    "std::env",
    "std::process",
    "std::net::Tcp",
    "std::os",
    "log::",
    "logging::",
    "RandomState",
    "println!",
    "Mutex",
    "unsafe",
];

/// The words of one kind of pool.
const OF_A_KIND: [&str; 7] = [
    "haproxy::",
    "Command::HaProxy",
    "director::",
    "wire::",
    "DIRECTOR-LIST",
    "HOST-",
    "Command::Director",
];

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files_under(&path),
            false => vec![path],
        })
        .collect()
}

/// None of the words stands in the code of these files, comments included.
fn check_absence(words: &[&str], files: &[PathBuf]) {
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        // Tests may take their first instant from the clock.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let is_test = file
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        for word in words {
            assert!(
                is_test || !code.contains(word),
                "{}: {word}",
                file.display()
            );
        }
    }
}

fn of_the_engine() -> Vec<PathBuf> {
    let files = files_under(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/monitor"));
    assert!(files.len() > 10, "{files:?}");
    files
}

#[test]
fn the_engine_has_no_clock_thread_channel_file_socket_or_log() {
    check_absence(&IMPURE, &of_the_engine());
    let pool = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pool");
    let pure = [
        "act.rs",
        "error.rs",
        "reading.rs",
        "director/acts.rs",
        "director/reading.rs",
        "director/wire.rs",
        "director/wire/lists.rs",
        "director/wire/ring.rs",
        "haproxy/acts.rs",
        "haproxy/reading.rs",
        "haproxy/wire.rs",
    ];
    check_absence(&IMPURE, &pure.map(|file| pool.join(file)));
}

#[test]
fn the_engine_knows_no_kind_of_pool() {
    check_absence(&OF_A_KIND, &of_the_engine());
}

struct Bench {
    engine: Engine,
    start: Instant,
    second: u64,
    /// Of a second.
    beyond: Duration,
    /// Of every backend that is listed.
    users: u64,
    said: Vec<String>,
    /// Why failover is off, as it was said.
    causes: Vec<String>,
    debugged: Vec<String>,
    /// What SIGHUP has shown.
    histories: Vec<Vec<BackendHistory>>,
    /// The commands that were to be sent, with their numbers.
    sent: Vec<(u64, Command)>,
    /// The numbers of the workers that were started.
    workers: Vec<u64>,
    /// The numbers with which workers were told to probe another target.
    instructed: Vec<u64>,
    /// The backends of which a round was asked for.
    probed: Vec<IpAddr>,
    /// The connections for the lists that were to be opened.
    opened: Vec<u64>,
    /// When the files for whoever looks were to be written, and which.
    published: Vec<(Duration, Published)>,
    /// How often the settings were to be read.
    readings: usize,
    /// What the service manager was to be told, but for the outlines.
    told: Vec<Told>,
    disk: Disk,
    /// What the director says of its ring.
    readiness: Readiness,
    /// The lines of its lists that cannot be read.
    malformed: Malformed,
    /// What the state file holds.
    state_file: Remembered,
    /// What waits to be written.
    unwritten: Vec<(u64, Vec<(IpAddr, Memory)>)>,
    /// All else that was to be done.
    others: Vec<Output>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Disk {
    Good,
    Slow,
}

fn address(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

fn listed(number: u8, state: HostState) -> Listed {
    Listed {
        address: address(number),
        vhosts: 100,
        users: 0,
        tag: Tag::default(),
        state,
        changed: Stamp(0),
    }
}

fn terms(choices: Chosen) -> Terms {
    terms_of(choices, 0)
}

/// With one service, which poolmon's defaults have at this place.
fn terms_of(choices: Chosen, place: usize) -> Terms {
    terms_with(choices, place..=place, Backends::new())
}

/// With poolmon's services from these places, and these backends in the accounts file.
fn terms_with(choices: Chosen, places: RangeInclusive<usize>, known: Backends) -> Terms {
    let settings = choices.build(DefaultsOf::Poolmon, Program::Poolmon);
    let mut settings = settings.unwrap();
    settings.services = settings.services[places].to_vec();
    Terms {
        targets: Targets::new(&settings, None, known),
        settings,
        remarks: Vec::new(),
        unverified: None,
        summary: String::new(),
    }
}

fn lost(stage: PoolStage) -> PoolError {
    PoolError {
        pool: "director /admin".to_owned(),
        stage,
        loss: Loss::Other,
        cause: "lost".to_owned(),
        advice: "is it there?".to_owned(),
    }
}

impl Bench {
    fn new() -> Bench {
        Bench::with(Chosen::default())
    }

    /// No file for whoever looks is to be written, which would need the time, too.
    fn without_files() -> Bench {
        let mut terms = terms(Chosen::default());
        terms.settings.files.published = Published::default();
        Bench::of(terms, Remembered::new())
    }

    fn with(choices: Chosen) -> Bench {
        Bench::of(terms(choices), Remembered::new())
    }

    /// `remembered`: what the state file holds at the start.
    fn of(terms: Terms, remembered: Remembered) -> Bench {
        let start = Instant::now();
        let now = Now {
            instant: start,
            second: Stamp(1_800_000_000),
        };
        Bench {
            engine: Engine::new(terms, remembered, 100, now),
            start,
            second: 0,
            beyond: Duration::ZERO,
            users: 0,
            said: Vec::new(),
            causes: Vec::new(),
            debugged: Vec::new(),
            histories: Vec::new(),
            sent: Vec::new(),
            workers: Vec::new(),
            instructed: Vec::new(),
            probed: Vec::new(),
            opened: Vec::new(),
            disk: Disk::Good,
            readiness: Readiness::Synced,
            malformed: Malformed::default(),
            state_file: Remembered::new(),
            unwritten: Vec::new(),
            others: Vec::new(),
            published: Vec::new(),
            readings: 0,
            told: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        Now {
            instant: self.start + Duration::from_secs(self.second) + self.beyond,
            second: Stamp(1_800_000_000 + self.second),
        }
    }

    fn tell(&mut self, input: Input) {
        let now = self.now();
        self.engine.handle(input, now);
        while let Some(output) = self.engine.next_output() {
            match output {
                Output::Say(Event::Line(Level::Debug, line)) => self.debugged.push(line),
                Output::Say(Event::Line(_, line)) => self.said.push(line),
                Output::Say(Event::FailoverOff { cause, .. }) => self.causes.push(cause),
                Output::ShowHistory(history) => self.histories.push(history),
                Output::Send {
                    number, command, ..
                } => self.sent.push((number, command)),
                Output::StartWorker { number, .. } => self.workers.push(number),
                Output::InstructWorker { number, .. } => self.instructed.push(number),
                Output::ProbeNow(address) => self.probed.push(address),
                Output::OpenLists { connection, .. } => self.opened.push(connection),
                Output::Publish { files, .. } => {
                    self.published.push((now.instant - self.start, files));
                }
                Output::ReadSettings { .. } => self.readings += 1,
                Output::TellManager(told) if !matches!(told, Told::Outline(_)) => {
                    self.told.push(told);
                }
                Output::WriteState { number, entries } => {
                    self.unwritten.push((number, entries));
                    if self.disk == Disk::Good {
                        self.write(now);
                    }
                }
                other => self.others.push(other),
            }
        }
    }

    fn write(&mut self, now: Now) {
        for (number, entries) in std::mem::take(&mut self.unwritten) {
            self.state_file.extend(entries);
            let result = Ok(());
            self.engine
                .handle(Input::StateWritten { number, result }, now);
        }
    }

    /// To all that was sent, of which the bench knows nothing afterwards.
    fn answers_ok(&mut self) {
        for (number, _) in std::mem::take(&mut self.sent) {
            let answer = Ok(Reply::Ok);
            self.tell(Input::Answered { number, answer });
        }
    }

    /// The disk answers.
    fn disk_answers(&mut self) {
        self.write(self.now());
        self.tell(Input::Time);
    }

    /// The first of two backends fails until its down is decided on.
    fn fails_until_decided_on(&mut self) {
        self.tell(Input::Time);
        self.lists(&[HostState::Up, HostState::Up]);
        self.finds(2, Ok(Pass::Clean));
        for second in 1..4 {
            self.second = second;
            let refused = Failure::new(Stage::Connect, Fault::Refused);
            self.finds(1, Err(refused));
            self.finds(2, Ok(Pass::Clean));
            self.lists(&[HostState::Up, HostState::Up]);
        }
    }

    fn notices(&self) -> Vec<Notice> {
        self.engine.notices().cloned().collect()
    }

    fn times_debugged(&self, text: &str) -> usize {
        let lines = self.debugged.iter();
        lines.filter(|line| line.contains(text)).count()
    }

    fn times_said(&self, text: &str) -> usize {
        self.said.iter().filter(|line| line.contains(text)).count()
    }

    fn lists(&mut self, states: &[HostState]) {
        let numbered: Vec<(u8, HostState)> = (1..).zip(states.iter().copied()).collect();
        self.lists_those(&numbered);
    }

    fn lists_those(&mut self, states: &[(u8, HostState)]) {
        let users = self.users;
        let states = states.iter().map(|(number, state)| Listed {
            users,
            ..listed(*number, *state)
        });
        self.lists_of(states.collect());
    }

    fn lists_of(&mut self, members: Vec<Listed>) {
        let lists = self.reading_of(members);
        self.tell(lists);
    }

    /// To be told to the engine.
    fn reading_of(&self, members: Vec<Listed>) -> Input {
        let reading = Reading {
            began: self.now().instant,
            members,
            readiness: self.readiness.clone(),
            movers_before: 0,
            place: Place {
                position: Some(1),
                members: Some(1),
            },
            forgotten: Forgotten::MayReturn,
            acts: Acts::UpAndDown,
            malformed: self.malformed.clone(),
            particulars: Particulars::None,
        };
        Input::Lists {
            connection: self.opened.last().copied().unwrap_or(1),
            reading: Ok(reading),
        }
    }

    fn finds(&mut self, number: u8, result: Result<Pass, Failure>) {
        let verdict = Some(match &result {
            Ok(pass) => Verdict::Healthy(*pass),
            Err(failure) => Verdict::Failed {
                service: 0,
                failure: failure.clone(),
            },
        });
        self.reports(number, result, verdict, None);
    }

    /// A first failure, which is tried again.
    fn falters(&mut self, number: u8, failure: Failure) {
        let retry = Retry {
            service: 0,
            failed: 1,
            left: 4,
        };
        self.reports(number, Err(failure), None, Some(retry));
    }

    fn reports(
        &mut self,
        number: u8,
        result: Result<Pass, Failure>,
        verdict: Option<Verdict>,
        retry: Option<Retry>,
    ) {
        self.reports_on(0, number, result, verdict, retry);
    }

    /// `service`: its place in the order of checking.
    fn reports_on(
        &mut self,
        service: usize,
        number: u8,
        result: Result<Pass, Failure>,
        verdict: Option<Verdict>,
        retry: Option<Retry>,
    ) {
        let began = self.now().instant;
        let pause = match retry {
            Some(_) => 3,
            None => 30,
        };
        let finding = Finding {
            round_began: began,
            service,
            outcome: Outcome {
                began,
                latency: Duration::from_millis(1),
                delivery: None,
                evidence: Default::default(),
                logged_in: false,
                result,
            },
            for_good: verdict.is_some(),
            verdict,
        };
        self.tell(Input::Found(Box::new(Report {
            address: address(number),
            worker: self.workers[usize::from(number) - 1],
            finding,
            next: began + Duration::from_secs(pause),
            retry,
        })));
    }
}

fn assert_is_one_down_of_the_first(sent: &[(u64, Command)]) {
    let sent: Vec<(IpAddr, Effect)> = sent
        .iter()
        .map(|(_, command)| (command.address(), command.effect()))
        .collect();
    assert_eq!(sent, [(address(1), Effect::State(HostState::Down))]);
}

#[test]
fn users_beyond_all_counting_are_no_defect() {
    let mut bench = Bench::new();
    let with_all_users = |number| Listed {
        users: u64::MAX,
        ..listed(number, HostState::Up)
    };
    bench.tell(Input::Time);
    bench.lists_of(vec![with_all_users(1), with_all_users(2)]);
    assert_eq!(bench.engine.snapshot().tags[0].users, u64::MAX);
}

#[test]
fn a_snapshot_shows_each_backend_the_tags_the_commands_and_what_is_next() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    assert_eq!(bench.workers.len(), 2);
    assert_is_one_down_of_the_first(&bench.sent);
    let (number, _) = bench.sent[0];
    bench.second += 1;
    bench.lists(&[HostState::Up, HostState::Up]);
    let snapshot = bench.engine.snapshot();
    let backend = &snapshot.backends[0];
    assert_eq!((backend.drain, backend.is_ours), (DrainView::Owed, false));
    assert_eq!(backend.polls.len(), 3);
    assert_eq!(
        backend.hold.as_ref().map(|hold| hold.reason.clone()),
        Some(Reason::InFlight)
    );
    assert_eq!(snapshot.commands.len(), 1);
    assert_eq!(snapshot.commands[0].answer, None);

    bench.tell(Input::Answered {
        number,
        answer: Ok(Reply::Ok),
    });
    assert_eq!(
        bench.said.last().unwrap(),
        "192.0.2.1 disabled: up -> down by this monitor: pop3:110 connect: connection refused, 3 tries \
         since 08:00:01; 1 of 2 backends are up; no users were listed; comes up after the next \
         good check (answered in 1000.0 ms)"
    );
    bench.second += 1;
    bench.lists(&[HostState::Down, HostState::Up]);
    let snapshot = bench.engine.snapshot();
    assert_eq!(snapshot.commands[0].answer.as_deref(), Some("ok"));
    assert_eq!(snapshot.commands[0].ago, Duration::from_secs(2));
    let tag = TagView {
        tag: Tag::default(),
        all: 2,
        up: 1,
        healthy: 1,
        refuges: 1,
        vhosts_up: 100,
        vhosts: 200,
        users: 0,
    };
    assert_eq!(snapshot.tags, [tag]);
    assert_eq!(snapshot.summary.up, 1);
    assert!(snapshot.next.is_some());
}

fn refused() -> Failure {
    Failure::new(Stage::Connect, Fault::Refused)
}

/// Of two backends the first fails, is taken down by this monitor and listed so; the second passes.
pub(crate) fn one_taken_down() -> Snapshot {
    let mut bench = Bench::new();
    bench.take_down_the_first();
    bench.engine.snapshot()
}

impl Bench {
    /// In ten seconds.
    fn take_down_the_first(&mut self) {
        self.tell(Input::Time);
        self.lists(&[HostState::Up, HostState::Up]);
        self.finds(1, Ok(Pass::Clean));
        self.finds(2, Ok(Pass::Clean));
        self.second = 3;
        self.falters(1, refused());
        for second in 4..6 {
            self.second = second;
            self.finds(2, Ok(Pass::Clean));
            self.finds(1, Err(refused()));
            self.lists(&[HostState::Up, HostState::Up]);
        }
        assert_is_one_down_of_the_first(&self.sent);
        let (number, _) = self.sent[0];
        self.second = 7;
        let answer = Ok(Reply::Ok);
        self.tell(Input::Answered { number, answer });
        self.second = 8;
        self.lists(&[HostState::Down, HostState::Up]);
        self.second = 10;
        self.lists(&[HostState::Down, HostState::Up]);
    }

    fn standing(&self, number: u8) -> (Standing, Option<u64>, String) {
        let snapshot = self.engine.snapshot();
        let view = &snapshot.backends[usize::from(number) - 1];
        let lasts = view.stands_for.map(|lasts| lasts.as_secs());
        (view.standing, lasts, view.cause.clone())
    }
}

#[test]
fn a_backend_stands_in_one_word_since_a_time_and_for_a_cause() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    let check = |bench: &mut Bench, standing, lasts, cause: &str| {
        bench.tell(Input::Time);
        assert_eq!(bench.standing(1), (standing, Some(lasts), cause.to_owned()));
    };
    bench.second = 1;
    check(&mut bench, Standing::Unknown, 1, "");
    bench.finds(1, Ok(Pass::Clean));
    bench.second = 3;
    bench.finds(1, Ok(Pass::Clean));
    check(&mut bench, Standing::Healthy, 1, "");
    let cause = "pop3:110 connect: connection refused";
    bench.falters(1, refused());
    bench.second = 6;
    check(&mut bench, Standing::Doubtful, 2, cause);
    bench.finds(1, Err(refused()));
    bench.second = 9;
    bench.finds(1, Err(refused()));
    check(&mut bench, Standing::Failed, 2, cause);
    bench.finds(1, Ok(Pass::Clean));
    bench.second = 11;
    check(&mut bench, Standing::Healthy, 1, "");
    let local = Failure::new(Stage::Connect, Fault::Forbidden);
    bench.reports(1, Err(local), None, None);
    bench.second = 12;
    check(&mut bench, Standing::Unknown, 0, "");
    let number = bench.workers[0];
    bench.finds(1, Ok(Pass::Clean));
    let worker_ended = Input::WorkerEnded {
        address: address(1),
        born_as: number,
    };
    bench.second = 15;
    bench.tell(worker_ended);
    bench.second = 17;
    check(&mut bench, Standing::Unknown, 2, "");
}

/// A director's stamps never sink: for as long as its clock was ahead once, they lie in the future.
#[test]
fn a_stamp_from_the_future_is_told_as_when_the_list_first_showed_it() {
    let since = |bench: &Bench| bench.engine.snapshot().backends[0].listed.changed;
    let lists = |bench: &mut Bench, state, changed| {
        let first = Listed {
            changed,
            ..listed(1, state)
        };
        bench.lists_of(vec![first, listed(2, HostState::Up)]);
    };
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    let began = bench.now().second.0;
    let ahead = |seconds| Stamp(began + seconds);
    // Of a change that was made before anything was read nothing is known, then.
    lists(&mut bench, HostState::Up, ahead(7200));
    assert_eq!(since(&bench), Stamp(0));
    bench.second += 10;
    lists(&mut bench, HostState::Down, ahead(7200));
    bench.second += 20;
    lists(&mut bench, HostState::Down, ahead(7200));
    assert_eq!(since(&bench), ahead(10));
    // Clocks that differ by a minute are believed, and so is what happened while no list was read.
    for (at, stamp) in [(40, 100), (200, 50)] {
        bench.second = at;
        lists(&mut bench, HostState::Up, ahead(0));
        lists(&mut bench, HostState::Down, ahead(stamp));
        assert_eq!(since(&bench), ahead(stamp));
    }
}

#[test]
fn a_change_of_the_list_has_who_made_it_and_why() {
    let mut bench = Bench::new();
    bench.take_down_the_first();
    let by = |bench: &Bench| {
        let views = bench.engine.snapshot().backends;
        views.iter().map(|view| view.by).collect::<Vec<By>>()
    };
    assert_eq!(by(&bench), [By::Us, By::Unknown]);
    bench.second = 12;
    bench.lists(&[HostState::Up, HostState::Down]);
    assert_eq!(by(&bench), [By::Other, By::Other]);
    bench.second = 14;
    bench.tell(Input::Time);
    let snapshot = bench.engine.snapshot();
    let change = |ago, to, by, reason: Option<&str>| ListChangeView {
        ago: Duration::from_secs(ago),
        to,
        by,
        reason: reason.map(std::sync::Arc::from),
    };
    assert_eq!(
        snapshot.backends[0].changes,
        [
            change(
                6,
                HostState::Down,
                By::Us,
                Some("pop3:110 connect: connection refused")
            ),
            change(2, HostState::Up, By::Other, None)
        ]
    );
    let counts: Vec<_> = snapshot
        .counters
        .changes
        .iter()
        .map(|count| (count.address, count.to, count.by, count.count))
        .collect();
    assert_eq!(
        counts,
        [
            (address(1), HostState::Down, By::Us, 1),
            (address(1), HostState::Up, By::Other, 1),
            (address(2), HostState::Down, By::Other, 1)
        ]
    );
}

/// Both backends are refused the same login, after the first was taken down for something else.
#[test]
fn what_comes_up_with_a_fault_that_others_have_too_has_that_for_its_reason() {
    let mut bench = Bench::new();
    bench.take_down_the_first();
    bench.answers_ok();
    for second in 11..15 {
        bench.second = second;
        for number in [2, 1] {
            let fault = Fault::CredentialsRefused(Quote::new("no"));
            bench.finds(number, Err(Failure::new(Stage::Login, fault)));
        }
        bench.lists(&[HostState::Down, HostState::Up]);
    }
    let (number, command) = &bench.sent[0];
    assert_eq!(command.effect(), Effect::State(HostState::Up));
    let reason = "it gets as far as the others";
    let intention = (Action::MarkUp, Some(reason.to_owned()));
    assert_eq!(bench.engine.intention(*number), Some(intention));
    bench.answers_ok();
    bench.lists(&[HostState::Up, HostState::Up]);
    let view = bench.engine.snapshot().backends[0].clone();
    let change = view.changes.last().unwrap();
    assert_eq!((change.to, change.by), (HostState::Up, By::Us));
    assert_eq!(change.reason.as_deref(), Some(reason));
}

#[test]
fn what_is_next_is_a_retry_rather_than_a_round() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(bench.engine.snapshot().next, None);
    bench.finds(2, Ok(Pass::Clean));
    let next = |bench: &Bench| {
        let next = bench.engine.snapshot().next?;
        Some((next.address, next.what, next.due.as_secs()))
    };
    assert_eq!(next(&bench), Some((address(2), NextEvent::Round, 30)));
    bench.second = 29;
    bench.falters(1, refused());
    assert_eq!(next(&bench), Some((address(1), NextEvent::Retry, 3)));
    let retry = RetryView {
        service: "pop3:110".to_owned(),
        failed: 1,
        left: 4,
    };
    assert_eq!(bench.engine.snapshot().backends[0].retry, Some(retry));
}

#[test]
fn alarms_have_a_word_and_last_since_they_began() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Down, HostState::Down]);
    bench.second = 1;
    bench.tell(Input::Time);
    bench.second = 4;
    bench.tell(Input::Lists {
        connection: 1,
        reading: Err(PoolError {
            cause: "host list: timed out".to_owned(),
            advice: "does it hang?".to_owned(),
            ..lost(PoolStage::Reading)
        }),
    });
    bench.second = 6;
    let broken = Err("the settings are broken".to_owned());
    bench.tell(Input::Settings(broken));
    bench.second = 7;
    bench.tell(Input::Time);
    let snapshot = bench.engine.snapshot();
    let alarms: Vec<_> = snapshot
        .alarms
        .iter()
        .map(|alarm| (alarm.word, alarm.lasts.as_secs()))
        .collect();
    assert_eq!(alarms, [("without_service", 7), ("director_silent", 3)]);
    assert_eq!(
        snapshot.alarms[1].text,
        "failover is off: director /admin: host list: timed out; no backend is taken down or brought \
         up; does it hang?"
    );
    let error = snapshot.director.error.unwrap();
    assert_eq!(error, "director /admin: host list: timed out");
    assert_eq!(snapshot.director.place.position, Some(1));
    let reload = (Duration::from_secs(1), ReloadResult::Refused);
    assert_eq!(snapshot.monitor.reload, reload);
}

#[test]
fn what_is_explained_is_what_is_held() {
    let mut bench = Bench::new();
    bench.take_down_the_first();
    bench.finds(1, Ok(Pass::Clean));
    let snapshot = bench.engine.snapshot();
    let view = &snapshot.backends[0];
    let wanted = &view.wanted.as_ref().unwrap().explanation;
    assert_eq!(wanted.hold(), view.hold.as_ref());
    let not_asked = wanted
        .answers
        .iter()
        .filter(|(_, answer)| *answer == RuleAnswer::NotAsked);
    assert!(not_asked.count() > 0);
    assert_eq!(snapshot.backends[1].wanted, None);
}

#[test]
fn a_change_is_one_line_with_its_cause_both_states_who_and_how_many_are_left() {
    let mut bench = Bench::new();
    let (up, down) = (HostState::Up, HostState::Down);
    bench.tell(Input::Time);
    bench.lists(&[up, up, up]);
    for number in [1, 2, 3] {
        bench.finds(number, Ok(Pass::Clean));
    }
    bench.said.clear();
    bench.second = 300;
    for _ in 0..3 {
        bench.second += 1;
        bench.finds(1, Err(Failure::new(Stage::Connect, Fault::Refused)));
        bench.finds(2, Ok(Pass::Clean));
        bench.finds(3, Ok(Pass::Clean));
        bench.lists(&[up, up, up]);
    }
    let answer = |bench: &mut Bench| {
        let (number, _) = bench.sent.pop().expect("a command");
        bench.beyond = Duration::from_micros(1200);
        let answer = Ok(Reply::Ok);
        bench.tell(Input::Answered { number, answer });
        bench.beyond = Duration::ZERO;
        bench.second += 1;
    };
    answer(&mut bench);
    bench.lists(&[down, up, up]);
    answer(&mut bench);
    bench.lists(&[down, down, up]);
    bench.second += 300;
    bench.finds(1, Ok(Pass::Clean));
    bench.lists(&[down, down, up]);
    answer(&mut bench);
    assert_eq!(
        bench.said,
        [
            "192.0.2.1 has failed: pop3:110 connect: connection refused, 1 try since 08:05:01; was healthy \
             for 5 min; 2 of 3 backends pass",
            "192.0.2.1 disabled: up -> down by this monitor: pop3:110 connect: connection refused, 3 tries \
             since 08:05:01; 2 of 3 backends are up; no users were listed; comes up after \
             the next good check (answered in 1.2 ms)",
            "192.0.2.1 users moved: 0 (answered in 1.2 ms)",
            "192.0.2.2 went from up to down, not by this monitor; 192.0.2.2 is healthy here; 1 of 3 \
             backends are up",
            "192.0.2.1 is healthy: was failed for 5 min; 3 of 3 backends pass (answered in \
             1.0 ms)",
            "192.0.2.1 enabled: down -> up by this monitor: healthy here since 08:10:05; 2 of 3 backends \
             are up (answered in 1.2 ms)",
        ]
    );
}

#[test]
fn a_remark_and_another_cause_of_a_failure_are_said_once_each() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Ok(Pass::Clean));
    bench.said.clear();
    let closed = || Failure::new(Stage::Greeting, Fault::Closed);
    for result in [
        Ok(Pass::PlaintextDisabled),
        Err(refused()),
        Err(closed()),
        Err(refused()),
    ] {
        for _ in 0..2 {
            bench.second += 1;
            bench.finds(1, result.clone());
        }
    }
    assert_eq!(
        bench.said,
        [
            "192.0.2.1 is healthy, but plaintext login disabled - check login_trusted_networks",
            "192.0.2.1 has failed: pop3:110 connect: connection refused, 1 try since 08:00:03; was healthy \
             with a remark for 3 s; 0 of 2 backends pass",
            "192.0.2.1 has failed in another way: pop3:110 greeting: connection closed, 3 tries since 08:00:03",
        ]
    );
}

#[test]
fn of_a_backend_that_goes_down_it_is_said_how_many_users_are_moved() {
    for (users, told) in [
        (0, "; no users were listed; "),
        (1, "; 1 user to be moved now; "),
        (2, "; 2 users to be moved now; "),
    ] {
        let mut bench = Bench::new();
        bench.users = users;
        bench.fails_until_decided_on();
        let (number, _) = bench.sent[0];
        let answer = Ok(Reply::Ok);
        bench.tell(Input::Answered { number, answer });
        assert_eq!(bench.times_said(told), 1, "{:?}", bench.said);
    }
}

#[test]
fn sighup_shows_the_last_polls_of_every_backend() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Ok(Pass::Clean));
    bench.second = 2;
    bench.finds(1, Err(refused()));
    bench.tell(Input::Asked(Request::Reload));
    let shown: Vec<Vec<(IpAddr, Vec<String>)>> = bench
        .histories
        .iter()
        .map(|all| {
            let polls =
                |of: &BackendHistory| of.polls.iter().map(|poll| poll.result.clone()).collect();
            all.iter().map(|of| (of.address, polls(of))).collect()
        })
        .collect();
    let polls = vec!["ok".to_owned(), "connect: connection refused".to_owned()];
    assert_eq!(shown, [[(address(1), polls), (address(2), Vec::new())]]);
}

#[test]
fn what_a_stopped_worker_or_a_closed_connection_still_says_changes_nothing() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.lists(&[HostState::Up]);
    let said = bench.said.len();
    bench.finds(2, Ok(Pass::Clean));
    bench.tell(Input::Lists {
        connection: 0,
        reading: Err(PoolError {
            loss: Loss::Closed,
            ..lost(PoolStage::Reading)
        }),
    });
    bench.tell(Input::Answered {
        number: 7,
        answer: Ok(Reply::Ok),
    });
    assert_eq!(bench.said.len(), said, "{:?}", bench.said);
    for dropped in [
        "192.0.2.2: outcome of a stopped worker dropped",
        "command 7: answer dropped, its backend has left the list since",
    ] {
        assert_eq!(bench.times_debugged(dropped), 1, "{:?}", bench.debugged);
    }
    assert_eq!(bench.engine.snapshot().backends.len(), 1);
    assert_eq!(bench.engine.snapshot().summary.as_of, AsOf::Now);
}

#[test]
fn a_command_that_waits_for_the_disk_is_sent_only_if_it_is_still_wanted() {
    let down_sent = |recovers: bool| {
        let mut bench = Bench::new();
        bench.disk = Disk::Slow;
        bench.fails_until_decided_on();
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
        if recovers {
            bench.finds(1, Ok(Pass::Clean));
            let (_, last) = bench.unwritten.last().unwrap();
            assert_eq!(last[..], [(address(1), Memory::default())], "at once");
        }
        bench.disk = Disk::Good;
        bench.disk_answers();
        (bench.sent, bench.state_file[&address(1)])
    };
    let (sent, remembered) = down_sent(false);
    assert_is_one_down_of_the_first(&sent);
    assert!(remembered.down.is_some() && remembered.drain == Drain::Owed);
    let (sent, remembered) = down_sent(true);
    assert_eq!(sent, []);
    assert_eq!(remembered, Memory::default());
}

#[test]
fn what_waits_for_the_disk_is_written_once_however_often_it_is_wanted_meanwhile() {
    let mut bench = Bench::new();
    bench.disk = Disk::Slow;
    bench.beyond = Duration::from_millis(900);
    bench.fails_until_decided_on();
    assert_eq!(bench.unwritten.len(), 1);
    // The wall clock's next second, and not yet the end of the patience with the disk.
    bench.second += 1;
    bench.beyond = Duration::from_millis(100);
    bench.finds(1, Err(refused()));
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!((bench.unwritten.len(), bench.sent.len()), (1, 0));
    assert_eq!(bench.times_debugged("it was not sent"), 0);
}

#[test]
fn a_disk_that_hangs_keeps_a_command_for_a_moment_only() {
    let mut bench = Bench::new();
    bench.disk = Disk::Slow;
    bench.fails_until_decided_on();
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    bench.second += 1;
    bench.tell(Input::Time);
    assert_is_one_down_of_the_first(&bench.sent);
    let slow = bench
        .said
        .iter()
        .find(|line| line.contains("the disk of the state file does not answer"));
    assert!(slow.is_some(), "{:?}", bench.said);
}

#[test]
fn a_down_for_which_the_ring_timed_out_is_neither_done_nor_under_way() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    assert_is_one_down_of_the_first(&bench.sent);
    let (number, _) = bench.sent[0];
    bench.second += 1;
    bench.tell(Input::Answered {
        number,
        answer: Ok(crate::pool::Reply::RingSyncTimedOut),
    });
    // The list shows that nothing has come of it.
    bench.lists(&[HostState::Up, HostState::Up]);
    let reason = bench
        .engine
        .holds()
        .get(&address(1))
        .map(|hold| &hold.reason);
    assert_eq!(reason, Some(&policy::Reason::SetBack));
    bench.second += 1;
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(bench.sent.len(), 2);
    let is_unobserved = |line: &String| line.contains("said OK");
    assert!(!bench.said.iter().any(is_unobserved), "{:?}", bench.said);
}

/// A fault that may be this monitor's ends the time for which a backend has been healthy, too.
#[test]
fn a_backend_is_healthy_since_its_last_failure_whosever_fault_that_was() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.second = 1;
    bench.finds(1, Ok(Pass::Clean));
    bench.second = 100;
    let fault = Fault::CredentialsRefused(Quote::new("no"));
    bench.finds(1, Err(Failure::new(Stage::Login, fault)));
    bench.second = 200;
    bench.finds(1, Ok(Pass::Clean));
    bench.second = 203;
    bench.finds(1, Err(refused()));
    let last = bench.said.last().unwrap();
    assert!(last.contains("; was healthy for 3 s; "), "{last}");
}
