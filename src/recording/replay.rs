//! Tells an engine what a recording says, and notes which commands it has sent.
//!
//! By the recorded rules it is told exactly what was told then, by the recorded clock, and is asked for
//! outputs as often: it does exactly the same. By other rules it is told the pool's list as it would have been:
//! without what the recording monitor changed, and with what this engine would have. Its commands are answered
//! as in a dry run, and its timers end by the recorded clock. Pure.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::net::IpAddr;
use std::time::Duration;

use super::decoder::{Reader, Step, UnreadableRecording, What};
use super::judge::Judge;
use super::line::Sent;
use super::start::RecordedTerms;
use super::unmade::Unmade;
use crate::backend::Stamp;
use crate::config::settings::{Mode, Pace, Settings};
use crate::monitor::{DryRun, Engine, Input, Now, Output, Report, Snapshot, Terms};
use crate::pool::{Action, Reply};

/// So many timers may end between two lines. A monitor has about one a second.
const MOST_TIMERS: usize = 100_000;

/// A timer that has ended, and is due again at once, is looked at this much later.
const AGAIN: Duration = Duration::from_millis(20);

/// By which rules.
pub(crate) enum Rules<'a> {
    AsRecorded,
    /// What this makes of the recorded settings.
    Other(&'a dyn Fn(&mut Settings)),
}

/// A command that was sent, or would have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) at: Stamp,
    pub(crate) address: IpAddr,
    pub(crate) action: Action,
    pub(crate) why: Option<String>,
}

/// What came of it.
pub(crate) struct Replayed {
    /// What was sent in the recording.
    pub(crate) recorded: Vec<Made>,
    /// What is sent in the replay.
    pub(crate) replayed: Vec<Made>,
    pub(crate) from: Stamp,
    pub(crate) to: Stamp,
    pub(crate) attempts: u64,
    pub(crate) backends: usize,
    pub(crate) lost: u64,
    pub(crate) is_torn: bool,
}

/// Whole. `look` sees each output.
pub(crate) fn replay<R: BufRead>(
    mut reader: Reader<R>,
    rules: &Rules,
    look: &mut dyn FnMut(&Output),
) -> Result<Replayed, UnreadableRecording> {
    let mut player = Player::new(&reader, rules);
    while let Some(step) = reader.next()? {
        player.take(step, look);
    }
    player.drain(look);
    let backends = player.engine.backends().members().len();
    Ok(Replayed {
        from: reader.began().second,
        to: player.now.second,
        recorded: player.recorded,
        replayed: player.replayed,
        attempts: player.attempts,
        backends,
        lost: player.lost,
        is_torn: reader.is_torn(),
    })
}

/// What a person would have seen in this second of the wall clock, or at the end if that comes before; and which
/// second it is.
pub(crate) fn replay_until<R: BufRead>(
    mut reader: Reader<R>,
    second: Stamp,
) -> Result<(Snapshot, Stamp), UnreadableRecording> {
    let mut player = Player::new(&reader, &Rules::AsRecorded);
    player.engine.keep_everything();
    let mut is_over = true;
    while let Some(step) = reader.next()? {
        if step.now.second > second {
            is_over = false;
            break;
        }
        let is_reload = matches!(step.what, What::Settings(_));
        player.take(step, &mut |_| {});
        if is_reload {
            player.engine.keep_everything();
        }
    }
    player.drain(&mut |_| {});
    if !is_over {
        let later = second.0.saturating_sub(player.now.second.0);
        let now = player.now.after(Duration::from_secs(later));
        player.tell(Input::Time, now, &mut |_| {});
        player.drain(&mut |_| {});
    }
    Ok((player.engine.snapshot(), player.now.second))
}

impl Now {
    fn after(self, span: Duration) -> Now {
        Now {
            instant: self.instant + span,
            second: Stamp(self.second.0.saturating_add(span.as_secs())),
        }
    }
}

/// How the engine is told what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Exact,
    /// The file goes on after another one: the engine has other numbers for the same workers, connections
    /// and commands.
    Continued,
    OtherRules,
}

struct Player<'a> {
    engine: Engine,
    rules: &'a Rules<'a>,
    telling: Telling,
    now: Now,
    /// The engine's numbers.
    workers: BTreeMap<IpAddr, u64>,
    connection: Option<u64>,
    written: u64,
    /// Sent, and not yet found among what was sent in the recording.
    unmatched: BTreeMap<IpAddr, u64>,
    /// By the recording's number.
    commands: BTreeMap<u64, u64>,
    unmade: Unmade,
    dry_run: DryRun,
    judge: Option<Judge>,
    recorded: Vec<Made>,
    replayed: Vec<Made>,
    attempts: u64,
    lost: u64,
}

impl<'a> Player<'a> {
    fn new<R: BufRead>(reader: &Reader<R>, rules: &'a Rules<'a>) -> Player<'a> {
        let start = reader.start();
        let now = reader.began();
        let telling = match rules {
            Rules::Other(_) => Telling::OtherRules,
            Rules::AsRecorded if reader.is_continued() => Telling::Continued,
            Rules::AsRecorded => Telling::Exact,
        };
        let (terms, judge) = terms(&start.terms, rules);
        let remembered = start.remembered.clone();
        Player {
            engine: Engine::new(terms, remembered, start.most_at_once, now),
            rules,
            telling,
            now,
            workers: BTreeMap::new(),
            connection: None,
            written: 0,
            unmatched: BTreeMap::new(),
            commands: BTreeMap::new(),
            unmade: Unmade::default(),
            dry_run: DryRun::default(),
            judge,
            recorded: Vec::new(),
            replayed: Vec::new(),
            attempts: 0,
            lost: 0,
        }
    }

    fn take(&mut self, step: Step, look: &mut dyn FnMut(&Output)) {
        let Step { now, asked, what } = step;
        match self.telling {
            Telling::Exact => {
                for _ in 0..asked {
                    if let Some(output) = self.engine.next_output() {
                        self.on_output(&output, look);
                    }
                }
            }
            Telling::Continued => self.drain(look),
            Telling::OtherRules => {
                self.drain(look);
                self.let_time_pass(now, look);
            }
        }
        match what {
            What::Told(input) => {
                if let Some(input) = self.fitting(input) {
                    self.tell(input, now, look);
                }
            }
            What::Found(report) => {
                self.attempts += 1;
                if let Some(report) = self.fitting_report(report) {
                    self.tell(Input::Found(report), now, look);
                }
            }
            What::Settings(recorded) => {
                let (terms, judge) = terms(&recorded, self.rules);
                self.judge = judge;
                self.tell(Input::Settings(Ok(Box::new(terms))), now, look);
            }
            What::Sent(sent) => self.on_sent(sent, now),
            What::Lost(count) => self.lost = self.lost.saturating_add(count),
        }
    }

    fn tell(&mut self, input: Input, now: Now, look: &mut dyn FnMut(&Output)) {
        self.now = now;
        self.engine.handle(input, now);
        if self.telling == Telling::OtherRules {
            self.drain(look);
        }
    }

    fn drain(&mut self, look: &mut dyn FnMut(&Output)) {
        while let Some(output) = self.engine.next_output() {
            self.on_output(&output, look);
        }
    }

    /// The engine's timers that end before this.
    fn let_time_pass(&mut self, until: Now, look: &mut dyn FnMut(&Output)) {
        for _ in 0..MOST_TIMERS {
            let due = match self.engine.next_timeout() {
                Some(due) => due.max(self.now.instant + AGAIN),
                None => return,
            };
            if due >= until.instant {
                return;
            }
            let passed = due.saturating_duration_since(self.now.instant);
            let now = Now {
                instant: due,
                second: Stamp((self.now.second.0 + passed.as_secs()).min(until.second.0)),
            };
            self.tell(Input::Time, now, look);
        }
    }

    /// What the engine is to be told in place of this, with its own numbers.
    fn fitting(&mut self, input: Input) -> Option<Input> {
        if self.telling == Telling::Exact {
            return Some(input);
        }
        let is_other = self.telling == Telling::OtherRules;
        Some(match input {
            Input::Lists { reading, .. } => {
                let mut reading = reading;
                if let (true, Ok(reading)) = (is_other, &mut reading) {
                    let members = std::mem::take(&mut reading.members);
                    reading.members = self.dry_run.show(self.unmade.show(members));
                }
                Input::Lists {
                    connection: self.connection?,
                    reading,
                }
            }
            Input::ListsNotOpened { cause, .. } => Input::ListsNotOpened {
                connection: self.connection?,
                cause,
            },
            Input::ListsEnded { .. } => Input::ListsEnded {
                connection: self.connection?,
            },
            Input::WorkerNotStarted { address, cause, .. } => Input::WorkerNotStarted {
                address,
                number: *self.workers.get(&address)?,
                cause,
            },
            Input::WorkerEnded { address, .. } => Input::WorkerEnded {
                address,
                born_as: *self.workers.get(&address)?,
            },
            // Answered at once.
            Input::Answered { .. }
            | Input::CommandNotStarted { .. }
            | Input::StateWritten { .. }
            | Input::ScriptNotStarted { .. }
                if is_other =>
            {
                return None
            }
            Input::Answered { number, answer } => Input::Answered {
                number: self.commands.remove(&number)?,
                answer,
            },
            Input::CommandNotStarted { number, cause } => Input::CommandNotStarted {
                number: self.commands.remove(&number)?,
                cause,
            },
            Input::StateWritten { result, .. } => Input::StateWritten {
                number: self.written,
                result,
            },
            other => other,
        })
    }

    fn fitting_report(&mut self, mut report: Box<Report>) -> Option<Box<Report>> {
        if self.telling == Telling::Exact {
            return Some(report);
        }
        if let Some(judge) = &mut self.judge {
            report = Box::new(judge.judge(*report));
        }
        report.worker = *self.workers.get(&report.address)?;
        Some(report)
    }

    fn on_sent(&mut self, sent: Sent, now: Now) {
        let Sent {
            command,
            backend,
            action,
            why,
        } = sent;
        self.unmade.on_sent(backend, action);
        if let Some(number) = self.unmatched.remove(&backend) {
            self.commands.insert(command, number);
        }
        self.recorded.push(Made {
            at: now.second,
            address: backend,
            action,
            why,
        });
    }

    fn on_output(&mut self, output: &Output, look: &mut dyn FnMut(&Output)) {
        look(output);
        match output {
            Output::StartWorker { target, number, .. }
            | Output::InstructWorker { target, number } => {
                self.workers.insert(target.address, *number);
            }
            Output::StopWorker(address) => {
                self.workers.remove(address);
            }
            Output::OpenLists { connection, .. } => self.connection = Some(*connection),
            Output::CloseLists => self.connection = None,
            Output::Send {
                number, command, ..
            } => {
                let address = command.address();
                if let Some((action, why)) = self.engine.intention(*number) {
                    self.replayed.push(Made {
                        at: self.now.second,
                        address,
                        action,
                        why,
                    });
                }
                self.unmatched.insert(address, *number);
                if self.telling == Telling::OtherRules {
                    self.dry_run
                        .on_effect(address, command.effect(), self.now.second);
                    let answer = Ok(Reply::Ok);
                    self.answer(Input::Answered {
                        number: *number,
                        answer,
                    });
                }
            }
            Output::WriteState { number, .. } => {
                self.written = *number;
                if self.telling == Telling::OtherRules {
                    let result = Ok(());
                    self.answer(Input::StateWritten {
                        number: *number,
                        result,
                    });
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, input: Input) {
        self.engine.handle(input, self.now);
    }
}

/// By these rules; and who judges the attempts anew, if they are to be.
fn terms(recorded: &RecordedTerms, rules: &Rules) -> (Terms, Option<Judge>) {
    let mut terms = recorded.terms();
    let as_recorded: Pace = terms.settings.pace;
    if let Rules::Other(change) = rules {
        // It is told that what it wants was done.
        terms.settings.mode = Mode::Live;
        change(&mut terms.settings);
    }
    let Pace {
        plan, rise, fall, ..
    } = terms.settings.pace;
    let is_other = (plan, rise, fall) != (as_recorded.plan, as_recorded.rise, as_recorded.fall);
    let judge = is_other.then(|| Judge::new(terms.settings.pace, recorded.services()));
    (terms, judge)
}
