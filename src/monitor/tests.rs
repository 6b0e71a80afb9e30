//! What the engine answers to single inputs; days of them are the simulator's.

mod accounts;
mod alarm_lines;
mod commands;
mod connection;
mod director;
mod outline;
mod publishing;
mod purity;
mod reloads;
mod reviewing;
mod shown;
mod threads;
mod views;

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
use crate::outcome::{BadCertificate, Failure, Fault, Outcome, Pass, Stage};
use crate::pool::{
    Acts, Command, Effect, Forgotten, Loss, Malformed, Others, Particulars, Place, PoolError,
    Readiness, Reading, Reply, Stage as PoolStage,
};
use crate::program::Program;
use crate::quote::Quote;
use crate::schedule::{Finding, Retry, Verdict};

struct Bench {
    engine: Engine,
    start: Instant,
    second: u64,
    /// Of a second.
    beyond: Duration,
    /// Of every backend that is listed.
    users: u64,
    said: Vec<String>,
    /// How many of them are errors.
    errors: usize,
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
    repeated: Malformed,
    malformed_ring: Malformed,
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

/// Up, with vhost count 0.
fn idle(number: u8) -> Listed {
    Listed {
        vhosts: 0,
        ..listed(number, HostState::Up)
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

fn ended_by(loss: Loss) -> PoolError {
    PoolError {
        loss,
        ..lost(PoolStage::Reading)
    }
}

const BOTH_UP: [HostState; 2] = [HostState::Up; 2];

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
            errors: 0,
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
            repeated: Malformed::default(),
            malformed_ring: Malformed::default(),
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
                Output::Say(Event::Line(level, line)) => {
                    self.errors += usize::from(level == Level::Error);
                    self.said.push(line);
                }
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

    fn loses_lists(&mut self) {
        self.loses_lists_by(lost(PoolStage::Reading));
    }

    /// On the connection opened last.
    fn loses_lists_by(&mut self, error: PoolError) {
        let connection = *self.opened.last().unwrap();
        self.tell(Input::Lists {
            connection,
            reading: Err(error),
        });
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
            malformed: self.malformed.clone().beside(Others {
                repeated: self.repeated.clone(),
                of_ring: self.malformed_ring.clone(),
            }),
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
            outcome: Outcome::new(began, Duration::from_millis(1), result),
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

/// At a start the first failure may come milliseconds before the others are checked.
#[test]
fn of_backends_that_pass_it_is_said_how_many_are_not_judged_yet() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 4]);
    let closed = || Err(Failure::new(Stage::Greeting, Fault::Closed));
    bench.finds(1, closed());
    bench.finds(2, closed());
    bench.finds(3, closed());
    bench.finds(4, Ok(Pass::Clean));
    bench.finds(3, Ok(Pass::Clean));
    let ends = [
        "192.0.2.1 has failed: pop3:110 greeting: connection closed, 1 try since 08:00:00; not judged before; 0 of 4 \
         backends pass, 3 are not judged yet",
        "not judged before; 0 of 4 backends pass, 2 are not judged yet",
        "not judged before; 0 of 4 backends pass, 1 is not judged yet",
        "192.0.2.3 is healthy: was failed for 0 s; 2 of 4 backends pass (answered in ",
    ];
    for end in ends {
        assert_eq!(bench.times_said(end), 1, "{end}: {:?}", bench.said);
    }
}

#[test]
fn one_of_which_nothing_can_be_found_out_from_here_is_not_said_to_pass() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 2]);
    bench.finds(1, Ok(Pass::Clean));
    bench.finds(2, Ok(Pass::Clean));
    let local = Failure::new(Stage::Connect, Fault::Forbidden);
    bench.reports(2, Err(local), None, None);
    bench.second += 1;
    bench.finds(1, Err(Failure::new(Stage::Greeting, Fault::Closed)));
    let end = "; 0 of 2 backends pass";
    assert_eq!(bench.times_said(end), 1, "{:?}", bench.said);
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
             with a remark for 3 s; 0 of 2 backends pass, 1 is not judged yet",
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
        "command 7: answer dropped, as it is no longer awaited",
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
    let doubted =
        "192.0.2.1: HOST-DOWN may not have been done: the director answered: ring sync timed out; ";
    assert_eq!(bench.times_said(doubted), 1, "{:?}", bench.said);
    let is_unobserved = |line: &String| line.contains("said OK");
    assert!(!bench.said.iter().any(is_unobserved), "{:?}", bench.said);
}

/// The login is refused everywhere, which takes nobody down.
#[test]
fn a_down_is_explained_by_the_fault_that_the_others_do_not_have() {
    let terms = terms_with(Chosen::default(), 0..=1, Backends::new());
    let mut bench = Bench::of(terms, Remembered::new());
    let no = || Failure::new(Stage::Login, Fault::CredentialsRefused(Quote::new("no")));
    let bad = || Box::new(BadCertificate::new("expired", "mail.example"));
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 3]);
    for _ in 0..3 {
        for number in [2, 3, 1] {
            bench.second += 1;
            bench.reports_on(0, number, Err(no()), None, None);
            let second = match number {
                1 => Err(Failure::new(Stage::Tls, Fault::CertificateRefused(bad()))),
                _ => Ok(Pass::Clean),
            };
            let verdict = Verdict::Failed {
                service: 0,
                failure: no(),
            };
            bench.reports_on(1, number, second, Some(verdict), None);
        }
        bench.lists(&[HostState::Up; 3]);
    }
    assert_is_one_down_of_the_first(&bench.sent);
    bench.answers_ok();
    let line = "disabled: up -> down by this monitor: imap:143 tls handshake";
    assert_eq!(bench.times_said(line), 1, "{:?}", bench.said);
    bench.lists(&[HostState::Down, HostState::Up, HostState::Up]);
    let expected = "imap:143 tls handshake";
    let first = &bench.engine.snapshot().backends[0];
    assert!(first.cause.starts_with(expected), "{}", first.cause);
    let outline = bench.engine.outline();
    let named = outline.troubles[0].cause.as_deref().unwrap();
    assert!(named.starts_with(expected), "{named}");
}

/// At a start somebody may change the list before the first round has ended.
#[test]
fn of_a_backend_that_is_not_judged_yet_nobody_says_that_it_is_healthy_here() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.second = 1;
    bench.lists(&[HostState::Up, HostState::Down]);
    let line = "192.0.2.2 went from up to down, not by this monitor; 192.0.2.2 has not been judged here yet; 1 of 2 \
                backends are up";
    assert_eq!(bench.times_said(line), 1, "{:?}", bench.said);
}

/// Another monitor of the ring was the first to find it dead.
#[test]
fn of_a_backend_that_is_being_tried_again_nobody_says_that_it_is_healthy_here() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.finds(1, Ok(Pass::Clean));
    bench.finds(2, Ok(Pass::Clean));
    bench.second = 1;
    bench.falters(2, Failure::new(Stage::Connect, Fault::Refused));
    bench.lists(&[HostState::Up, HostState::Down]);
    let line = "192.0.2.2 went from up to down, not by this monitor; here 192.0.2.2 fails: pop3:110 connect: connection \
                refused, 1 try since 08:00:01; 1 of 2 backends are up";
    assert_eq!(bench.times_said(line), 1, "{:?}", bench.said);
}

#[test]
fn that_a_backend_is_healthy_from_the_start_is_a_debug_line() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up]);
    for _ in 0..2 {
        bench.finds(1, Ok(Pass::Clean));
    }
    assert_eq!(bench.times_debugged("192.0.2.1 is healthy"), 1);
    assert_eq!(bench.times_said("is healthy"), 0);
}
