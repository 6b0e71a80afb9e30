//! The main thread: turns what happens into the engine's inputs, and carries out its outputs.
//!
//! It decides nothing. Nothing here waits for another process or a disk: threads elsewhere do, each with a
//! deadline. The only thing waited for is the next input.

mod publisher;
mod reload;
mod start_time;
mod turn;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{unbounded, Receiver, Select, Sender, TryRecvError};
use log::{debug, error, warn};
use nix::unistd::gethostname;

use crate::backend::Stamp;
use crate::check;
use crate::config::settings::{Published, Settings};
use crate::config::targets::Targets;
use crate::daemon::Signal;
use crate::hook::{self, Change, Hooks};
use crate::logging::{self, LogHandle, ALWAYS};
use crate::monitor::{
    Engine, Input, Now, Output, Remembered, Request, Snapshot, Terms, Told, DISK_PATIENCE,
};
use crate::notify::{Message, ServiceManager};
use crate::pool::link::{self, Heard};
use crate::pool::watch::{self, Watch};
use crate::probe::Prober;
use crate::recording::writer::RecordingWriter;
use crate::report;
use crate::report::document::{document, Writer};
use crate::source::Source;
use crate::state_file::{Recorded, StateWriter};
use crate::worker::{AttemptLimits, Task, Word, Worker};

use publisher::{Done, Edition, Publisher};
use reload::{SettingsRead, SettingsReader};
use start_time::StartTime;
use turn::{Audience, Turns};

/// How long the program waits at its end for the published files to be written once more, and for the last
/// lines of a recording.
const LAST_EDITION: Duration = Duration::from_millis(200);

/// Longer than any wait is worth a thought.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// At most so many inputs of a kind are taken in before the engine is asked what follows from them.
const MOST_INPUTS: usize = 256;

/// What is to be done, and where that was read.
pub struct Configuration {
    /// For a reload: what is to be read again.
    pub source: Source,
    /// As they were read at the start.
    pub settings: Settings,
    /// What the first workers are given.
    pub task: Task,
    /// The accounts, and which backends are left alone.
    pub targets: Targets,
}

/// Carries out what the engine says until a signal says stop.
pub struct Runtime {
    engine: Engine,
    /// What the settings are read from again.
    source: Source,
    /// What each worker is given.
    task: Task,
    /// What was read with the settings that the engine was told of last: in use once it says so.
    prober_read: Option<Arc<Prober>>,
    log: LogHandle,
    state_writer: StateWriter,
    /// What the status file says of the program that writes it.
    writer: Writer,
    start: StartTime,
    /// The thread that writes the published files.
    publisher: Publisher,
    /// Who records what the engine is told.
    recorder: Option<RecordingWriter>,
    workers: BTreeMap<IpAddr, Worker>,
    limits: AttemptLimits,
    watch: Option<Watch>,
    hooks: Hooks,
    service_manager: ServiceManager,
    // The runtime itself has a sender of each of these four for the threads to come, so that none is ever
    // disconnected. Each of those threads says itself that it ends: a worker and the one that reads the lists by
    // `Ended`, one that sends a command by the error that is its answer, one that reads the settings in the same way.
    words: (Sender<Word>, Receiver<Word>),
    readings: (Sender<watch::Word>, Receiver<watch::Word>),
    heard: (Sender<Heard>, Receiver<Heard>),
    settings: (Sender<SettingsRead>, Receiver<SettingsRead>),
    // This one, and those of the state file and the published files, end with their thread.
    signals: Receiver<Signal>,
    turns: Turns,
}

/// Whether it goes on after an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Go {
    On,
    ToTheEnd,
}

fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Now {
        instant: Instant::now(),
        second: Stamp(since.map_or(0, |since| since.as_secs())),
    }
}

impl Runtime {
    pub fn new(
        configuration: Configuration,
        state_writer: StateWriter,
        log: LogHandle,
        signals: Receiver<Signal>,
        service_manager: ServiceManager,
    ) -> Runtime {
        let Configuration {
            source,
            settings,
            task,
            targets,
        } = configuration;
        let limits = AttemptLimits::new(Instant::now());
        let terms = Terms {
            summary: check::summary(&source, &settings, &targets),
            settings,
            targets,
            remarks: Vec::new(),
            unverified: None,
        };
        let started = SystemTime::now();
        let start = StartTime::new(Instant::now(), started);
        let writer = Writer {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            name: gethostname()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            started,
            hook_failures: hook::failures(),
            log_lines_lost: logging::lines_lost(),
        };
        let remembered = state_writer.read().clone();
        let (began, most) = (now(), limits.most());
        let recorder = recorder(&terms, &remembered, most, began);
        let mut engine = Engine::new(terms, remembered, most, began);
        engine.show_moments_by(report::moment);
        Runtime {
            engine,
            recorder,
            source,
            task,
            prober_read: None,
            log,
            state_writer,
            publisher: Publisher::new(),
            writer,
            start,
            workers: BTreeMap::new(),
            limits,
            watch: None,
            hooks: Hooks::default(),
            service_manager,
            words: unbounded(),
            readings: unbounded(),
            heard: unbounded(),
            settings: unbounded(),
            signals,
            turns: Turns::new(Instant::now()),
        }
    }

    /// Runs until told to stop. Threads still in a probe are left to the end of the process: the
    /// longest would keep it for a whole timeout.
    pub fn run(mut self) {
        loop {
            self.service_manager.keep_alive(Instant::now());
            self.turns.begin(Instant::now());
            self.take_in();
            if self.carry_out_all() == Go::ToTheEnd {
                break;
            }
            if let Some(long) = self.turns.end(Instant::now()) {
                match long.audience {
                    Audience::Everybody => warn!(target: ALWAYS, "{long}"),
                    Audience::Debugging => debug!("{long}"),
                }
            }
            self.wait();
        }
        self.state_writer.finish(DISK_PATIENCE);
        self.publisher.finish(LAST_EDITION);
        if let Some(recorder) = self.recorder {
            recorder.finish(LAST_EDITION);
        }
        self.hooks.stop();
    }

    /// Until there is an input, or the time is over that the engine has set.
    fn wait(&self) {
        let timers = [
            self.engine.next_timeout(),
            self.service_manager.next_keep_alive(),
        ];
        let now = Instant::now();
        let timer = timers.into_iter().flatten().min();
        let patience = timer.map_or(FAR, |timer| timer.saturating_duration_since(now));
        let mut select = Select::new();
        select.recv(&self.signals);
        select.recv(&self.words.1);
        select.recv(&self.readings.1);
        select.recv(&self.heard.1);
        select.recv(&self.settings.1);
        select.recv(self.state_writer.recorded());
        select.recv(self.publisher.done());
        // What is ready is found out by looking.
        let _ = select.ready_timeout(patience);
    }

    /// What has come in, the findings first, so that what is known is up to date for the others.
    fn take_in(&mut self) {
        self.tell(Input::Time);
        for _ in 0..MOST_INPUTS {
            match next(&self.words.1, "the workers") {
                Some(Word::Found(report)) => self.tell(Input::Found(report)),
                Some(Word::Ended { address, born_as }) => {
                    self.tell(Input::WorkerEnded { address, born_as });
                }
                None => break,
            }
        }
        for _ in 0..MOST_INPUTS {
            match next(&self.readings.1, "the reader of the pool's lists") {
                Some(watch::Word::Read {
                    connection,
                    reading,
                }) => self.tell(Input::Lists {
                    connection,
                    reading,
                }),
                Some(watch::Word::Ended { connection }) => {
                    self.tell(Input::ListsEnded { connection });
                }
                None => break,
            }
        }
        for _ in 0..MOST_INPUTS {
            match next(&self.heard.1, "the threads that send commands") {
                Some(Heard { number, answer }) => self.tell(Input::Answered { number, answer }),
                None => break,
            }
        }
        for _ in 0..MOST_INPUTS {
            match next(
                self.state_writer.recorded(),
                "the thread that writes the state file",
            ) {
                Some(Recorded { number, result }) => self.tell(Input::StateWritten {
                    number,
                    result: result.map_err(|cause| cause.to_string()),
                }),
                None => break,
            }
        }
        for _ in 0..MOST_INPUTS {
            match next(self.publisher.done(), "the publisher") {
                Some(Done {
                    publication,
                    path,
                    result,
                }) => self.tell(Input::Published {
                    publication,
                    path,
                    result,
                }),
                None => break,
            }
        }
        // There is one reading at a time.
        if let Some(SettingsRead { source, result }) =
            next(&self.settings.1, "the thread that reads the settings")
        {
            self.source = source;
            let terms = result.map(|(terms, prober)| {
                self.prober_read = Some(prober);
                terms
            });
            self.tell(Input::Settings(terms));
        }
        for _ in 0..MOST_INPUTS {
            match next(&self.signals, "the thread that waits for signals") {
                Some(signal) => self.tell(Input::Asked(match signal {
                    Signal::Stop => Request::Stop,
                    Signal::Reload => Request::Reload,
                    Signal::Status => Request::Status,
                })),
                None => break,
            }
        }
    }

    fn tell(&mut self, input: Input) {
        let now = now();
        if let Some(recorder) = &mut self.recorder {
            // Time that passes matters where the engine waits for it.
            let is_due = || {
                self.engine
                    .next_timeout()
                    .map_or(false, |due| due <= now.instant)
            };
            if !matches!(input, Input::Time) || is_due() {
                recorder.on_input(&input, now);
            }
        }
        let what = turn::of_input(&input);
        self.engine.handle(input, now);
        self.turns.step(what, Instant::now());
    }

    fn next_output(&mut self) -> Option<Output> {
        if let Some(recorder) = &mut self.recorder {
            recorder.on_asked();
        }
        let output = self.engine.next_output();
        self.turns.step(turn::DECIDING, Instant::now());
        output
    }

    /// What is to be done, for the recording.
    fn record_output(&mut self, output: &Output) {
        let recorder = match &mut self.recorder {
            Some(recorder) => recorder,
            None => return,
        };
        match output {
            Output::Send {
                number, command, ..
            } => {
                if let Some(intention) = self.engine.intention(*number) {
                    recorder.on_sent(*number, command, intention, now());
                }
            }
            Output::WriteState { entries, .. } => recorder.on_remembered(entries),
            _ => {}
        }
    }

    fn carry_out_all(&mut self) -> Go {
        while let Some(output) = self.next_output() {
            self.record_output(&output);
            let what = turn::of_output(&output);
            let go = self.carry_out(output);
            self.turns.step(what, Instant::now());
            if go == Go::ToTheEnd {
                return Go::ToTheEnd;
            }
        }
        Go::On
    }

    fn carry_out(&mut self, output: Output) -> Go {
        match output {
            Output::StartWorker {
                target,
                number,
                place,
            } => {
                let address = target.address;
                let first_round = self.limits.first_round(Instant::now(), place, &target);
                let (task, words) = (self.task.clone(), self.words.0.clone());
                match Worker::start(target, number, task, words, first_round) {
                    Ok(worker) => {
                        self.workers.insert(address, worker);
                    }
                    Err(cause) => self.tell(Input::WorkerNotStarted {
                        address,
                        number,
                        cause: cause.to_string(),
                    }),
                }
            }
            Output::InstructWorker { target, number } => {
                if let Some(worker) = self.workers.get(&target.address) {
                    worker.take_up(target, self.task.clone(), number);
                }
            }
            Output::StopWorker(address) => {
                self.workers.remove(&address);
            }
            Output::ProbeNow(address) => {
                if let Some(worker) = self.workers.get(&address) {
                    worker.probe_now();
                }
            }
            Output::OpenLists { connection, access } => {
                match Watch::open(access, connection, self.readings.0.clone()) {
                    Ok(watch) => self.watch = Some(watch),
                    Err(cause) => self.tell(Input::ListsNotOpened {
                        connection,
                        cause: cause.to_string(),
                    }),
                }
            }
            Output::ReadLists => {
                if let Some(watch) = &self.watch {
                    watch.read_now();
                }
            }
            Output::CloseLists => self.watch = None,
            Output::Send {
                number,
                command,
                access,
                patience,
            } => {
                let heard = self.heard.0.clone();
                if let Err(cause) = link::send(access, number, command, patience, heard) {
                    self.tell(Input::CommandNotStarted { number, cause });
                }
            }
            Output::WriteState { number, entries } => {
                self.state_writer.write(number, entries);
            }
            Output::RunScript { hook, address, to } => {
                if let Err(cause) = self.hooks.run(&hook, Change { address, to }) {
                    self.tell(Input::ScriptNotStarted { address, cause });
                }
            }
            Output::Say(event) => report::say(&event),
            Output::Publish { snapshot, files } => self.publish(snapshot, files),
            Output::ShowStatus(snapshot) => {
                let taken = SystemTime::now();
                let document = document(&snapshot, self.writer(taken), taken);
                report::say_status(&snapshot, &document);
            }
            Output::ShowHistory(history) => report::say_history(&history),
            Output::TellManager(told) => self.tell_manager(&told),
            Output::ReopenLog => self.log.reopen(),
            Output::ReadSettings { in_use } => {
                let reader = SettingsReader {
                    source: self.source.clone(),
                    prober: Arc::clone(&self.task.prober),
                    in_use,
                };
                if let Err(cause) = reader.start(self.settings.0.clone()) {
                    self.tell(Input::Settings(Err(reload::no_thread(&cause))));
                }
            }
            Output::UseSettings(settings) => {
                if let Some(prober) = self.prober_read.take() {
                    self.task = Task {
                        pace: settings.pace,
                        prober,
                    };
                }
                self.log.switch(&settings.files.log);
                self.log.set_level(settings.log_level);
            }
            Output::End => return Go::ToTheEnd,
        }
        Go::On
    }

    /// As it is now, by the wall clock that shows this.
    fn writer(&mut self, taken: SystemTime) -> &Writer {
        self.writer.started = self.start.by(Instant::now(), taken);
        self.writer.hook_failures = hook::failures();
        self.writer.log_lines_lost = logging::lines_lost();
        &self.writer
    }

    fn publish(&mut self, snapshot: Box<Snapshot>, files: Published) {
        let taken = SystemTime::now();
        let edition = Edition {
            snapshot,
            taken,
            writer: self.writer(taken).clone(),
            files: files.clone(),
        };
        if let Err(cause) = self.publisher.publish(edition) {
            for (publication, path) in files.files() {
                self.tell(Input::Published {
                    publication,
                    path: path.to_owned(),
                    result: Err(format!("no thread to write it: {cause}")),
                });
            }
        }
    }

    fn tell_manager(&mut self, told: &Told) {
        let manager = &mut self.service_manager;
        match told {
            Told::Ready => manager.tell(&Message::Ready),
            Told::Reloading => manager.tell(&Message::Reloading),
            Told::Stopping => manager.tell(&Message::Stopping),
            Told::Outline(outline) => manager.tell_status(report::outline(outline)),
            Told::FailoverOff {
                silent,
                cause,
                summary,
            } => manager.tell_status(report::failover_off(*silent, cause, summary)),
        }
    }
}

/// If it is wanted, and there can be a thread for it.
fn recorder(
    terms: &Terms,
    remembered: &Remembered,
    most: usize,
    now: Now,
) -> Option<RecordingWriter> {
    let Terms {
        settings, targets, ..
    } = terms;
    let path = settings.files.record.clone()?;
    match RecordingWriter::start(path, (settings, targets), remembered, most, now) {
        Ok(recorder) => Some(recorder),
        Err(cause) => {
            error!("nothing is recorded (--record): no thread can be started for it: {cause}; all else goes on; a restart tries it again");
            None
        }
    }
}

/// What has come in there. If its thread has ended, the program ends with a line that says so (`start.rs` catches
/// the panic), and not as if somebody had asked for it.
fn next<Something>(receiver: &Receiver<Something>, sender: &str) -> Option<Something> {
    match receiver.try_recv() {
        Ok(something) => Some(something),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => panic!("{sender} ended unexpectedly"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "the thread of a test ended unexpectedly")]
    fn a_thread_that_is_gone_ends_the_program_once_what_it_sent_is_taken_in() {
        let (sender, receiver) = unbounded();
        assert_eq!(next::<u8>(&receiver, "the thread of a test"), None);
        sender.send(7).unwrap();
        drop(sender);
        assert_eq!(next(&receiver, "the thread of a test"), Some(7));
        next(&receiver, "the thread of a test");
    }
}
