//! The engine: it alone owns what is known of the backends, and it alone decides.
//!
//! It is told what happened (`Input`) and when (`Now`), and says what is to be done (`Output`) and when it
//! wants to be told the time. Pure: no clock, thread, channel, file, socket or log in this room. The runtime
//! carries out what it says, and so does the simulator, in virtual time.

mod alarm_lines;
mod alarms;
mod attempts;
mod backend_view;
mod commands;
mod counts;
mod day;
mod dry_run;
mod history;
mod input;
mod lines;
mod list_changes;
mod lists;
mod local_faults;
mod logins;
mod moments;
mod notices;
mod output;
mod persistence;
pub mod policy;
mod publishing;
mod readings;
mod reason_words;
mod records;
mod reload;
mod restarts;
pub mod snapshot;
mod standing_alarms;
mod status;
#[cfg(test)]
pub(crate) mod tests;
mod unwell;
mod workers;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::config::settings::Settings;
use crate::config::targets::Targets;

use commands::Commands;
use counts::Counts;
use history::History;
use lines::{SaidAnswers, SaidFailures};
use lists::ListReading;
use local_faults::LocalFaults;
use notices::Notices;
use persistence::Persistence;
use policy::{Action, Backends, Decision, Hold, Need};
use publishing::Publishing;
use records::Records;
use reload::Reloading;
use restarts::Restarts;
use standing_alarms::StandingAlarms;
use workers::{NoThread, Worker};

pub(crate) use alarm_lines::what_to_check;
pub use alarms::Topic;
pub(crate) use dry_run::DryRun;
pub use input::{Input, Now, Remembered, Report, Request};
pub(crate) use lines::at_place;
pub use moments::ShowMoment;
pub use notices::Notice;
pub use output::{Event, Level, Output, Told};
pub(crate) use persistence::DISK_PATIENCE;
pub use policy::Memory;
pub use publishing::NOT_A_FILE;
pub(crate) use reload::keep_what_takes_a_restart;
pub use snapshot::{
    AlarmView, AsOf, BackendHistory, BackendView, Checks, CommandView, Currency, DirectorView,
    DrainView, Outline, PollView, Snapshot, Standing, Summary, TagView, Trouble,
};
pub(crate) use status::brief;

/// What the operator wants, as it was read at the start or by a reload.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Checked, with paths that do not depend on the working folder.
    pub settings: Settings,
    /// The accounts, and which backends are left alone.
    pub targets: Targets,
    /// What is odd about the files, each a line of its own.
    pub remarks: Vec<String>,
    /// What TLS does not prove, though nobody turned that off.
    pub unverified: Option<String>,
    /// What matters of the settings, in one line.
    pub summary: String,
}

/// Watches the backends until a signal says stop.
pub struct Engine {
    /// Of the input that is taken in.
    now: Now,
    /// What follows from the inputs has been said.
    is_settled: bool,
    outputs: VecDeque<Output>,
    settings: Settings,
    targets: Targets,
    /// How many backends can be probed at once.
    most_at_once: usize,
    backends: Backends,
    persistence: Persistence,
    workers: BTreeMap<IpAddr, Worker>,
    workers_started: u64,
    /// No thread could be started, and some backends have none for that.
    no_thread: Option<NoThread>,
    restarts: Restarts,
    lists: ListReading,
    dry_run: DryRun,
    commands: Commands,
    held_review: HeldReview,
    /// The actions held back at present, so that a hold is logged when it begins.
    holds: BTreeMap<IpAddr, Hold>,
    alarms: StandingAlarms<Topic>,
    notices: Notices,
    local_faults: LocalFaults,
    said_failures: SaidFailures,
    said_answers: SaidAnswers,
    show_moment: ShowMoment,
    /// Commands answered with `OK` after which the list showed another state.
    unobserved: u64,
    history: History,
    publishing: Publishing,
    /// Nothing is decided any more.
    has_ended: bool,
    records: Records,
    counts: Counts,
    reloading: Reloading,
    started: Instant,
}

/// When all that is held back is looked at again, since what was found out about one backend may be what
/// another was held for. Where a site fails, thousands of verdicts a second come in, and each look takes the
/// square of how many are held.
struct HeldReview {
    wanted: bool,
    not_before: Instant,
}

/// As many as there are at one time when nothing special happens.
const FEW_OUTPUTS: usize = 64;

/// The pause after a look at so many: 2 ms for 200, a fifth of a second for 2,000.
fn review_pause(held: usize) -> Duration {
    let held = u64::try_from(held).unwrap_or(u64::MAX);
    Duration::from_nanos(held.saturating_mul(held).saturating_mul(50))
}

impl Engine {
    /// `remembered` is what the state file holds.
    pub fn new(terms: Terms, remembered: Remembered, most_at_once: usize, now: Now) -> Engine {
        let Terms {
            settings, targets, ..
        } = terms;
        let records = Records::new(now.instant, status::keeping(&settings));
        let mut engine = Engine {
            now,
            is_settled: false,
            outputs: VecDeque::new(),
            backends: Backends::new(settings.rules),
            commands: Commands::new(&settings.access()),
            settings,
            targets,
            most_at_once,
            persistence: Persistence::new(remembered),
            workers: BTreeMap::new(),
            workers_started: 0,
            no_thread: None,
            restarts: Restarts::default(),
            lists: ListReading::new(now.instant),
            dry_run: DryRun::default(),
            held_review: HeldReview {
                wanted: false,
                not_before: now.instant,
            },
            holds: BTreeMap::new(),
            alarms: StandingAlarms::new(),
            notices: Notices::default(),
            local_faults: LocalFaults::default(),
            said_failures: SaidFailures::default(),
            said_answers: SaidAnswers::default(),
            show_moment: moments::utc,
            unobserved: 0,
            history: History::default(),
            publishing: Publishing::new(),
            has_ended: false,
            records,
            counts: Counts::default(),
            reloading: Reloading::new(now.instant),
            started: now.instant,
        };
        let drains = engine.settings.access().drains();
        engine.backends.on_drains(drains);
        engine.put(Output::TellManager(Told::Ready));
        engine
    }

    /// Takes in what happened. What follows from it is in the outputs; several inputs may be taken in before
    /// these are asked for.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.now = now;
        self.is_settled = false;
        match input {
            Input::Found(report) => self.on_report(&report),
            Input::WorkerNotStarted {
                address,
                number,
                cause,
            } => self.on_worker_not_started(address, number, cause),
            Input::WorkerEnded { address, born_as } => self.on_worker_ended(address, born_as),
            Input::Lists {
                connection,
                reading,
            } => self.on_reading(connection, reading),
            Input::ListsNotOpened { connection, cause } => {
                self.on_lists_not_opened(connection, &cause);
            }
            Input::ListsEnded { connection } => self.on_lists_ended(connection),
            Input::Answered { number, answer } => self.on_answer(number, &answer),
            Input::CommandNotStarted { number, cause } => {
                self.on_command_not_started(number, &cause);
            }
            Input::StateWritten { number, result } => self.on_state_written(number, &result),
            Input::Published {
                publication,
                path,
                result,
            } => self.on_published(publication, &path, &result),
            Input::ScriptNotStarted { address, cause } => self.error(format!(
                "{address}: the change script (--on-change) was not run: no thread can be started: {cause}"
            )),
            Input::Asked(Request::Stop) => {
                self.put(Output::TellManager(Told::Stopping));
                self.publish_end();
                self.put(Output::End);
            }
            Input::Asked(Request::Reload) => self.on_reload_wanted(),
            Input::Asked(Request::Status) => self.show_status(),
            Input::Settings(terms) => self.on_settings(terms),
            Input::Time => {}
        }
    }

    /// What is to be done next; none when all is said. Carrying it out may give rise to an input at once.
    pub fn next_output(&mut self) -> Option<Output> {
        if !self.is_settled {
            self.is_settled = true;
            self.settle();
        }
        let next = self.outputs.pop_front();
        if next.is_none() {
            // The start of all workers takes room that is never needed again.
            self.outputs.shrink_to(FEW_OUTPUTS);
        }
        next
    }

    /// When it wants to be told the time, if nothing happens before. To be asked when all outputs have been
    /// taken.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let timers = [
            Some(self.lists.next_look()),
            self.commands.sending_due(),
            self.restarts.due(),
            self.held_review
                .wanted
                .then_some(self.held_review.not_before),
            self.local_faults.due(),
            self.alarms_due(),
            self.publishing_due(),
            self.settings_due(),
        ];
        let ends = self.holds.values().filter_map(|hold| hold.until);
        timers.into_iter().flatten().chain(ends).min()
    }

    /// What follows from what was taken in, and from the time.
    fn settle(&mut self) {
        self.restart_workers_when_due();
        self.review_holds_that_ended();
        self.review_held_when_due();
        self.tell_local_faults();
        self.tell_of_unread_settings();
        self.send_decided();
        self.review_alarms();
        self.tend_lists();
        self.publish_when_due();
    }

    fn put(&mut self, output: Output) {
        if publishing::is_news(&output) {
            self.note_news();
        }
        self.outputs.push_back(output);
    }

    fn say(&mut self, level: Level, line: String) {
        self.put(Output::Say(Event::Line(level, line)));
    }

    fn error(&mut self, line: String) {
        self.say(Level::Error, line);
    }

    /// It is so now; that is an error line at first, and again each hour.
    fn raise(&mut self, notice: Notice, line: String) {
        if self.notices.raise(notice, &line, self.now.instant) {
            self.error(line);
        }
    }

    fn always(&mut self, line: String) {
        self.say(Level::Always, line);
    }

    fn debug(&mut self, line: String) {
        self.say(Level::Debug, line);
    }

    fn on_report(&mut self, report: &Report) {
        let address = report.address;
        match self.workers.get_mut(&address) {
            Some(worker) if worker.number == report.worker => {
                worker.next_check = Some(report.next);
                worker.retry = report.retry;
            }
            _ => return self.debug(format!("{address}: outcome of a stopped worker dropped")),
        }
        if self.restarts.on_probed(address) {
            self.always(format!("{address} is checked again"));
        }
        let finding = &report.finding;
        let before = self.judged_before(address);
        self.backends.on_finding(address, finding);
        self.say_finding(address, finding, before);
        self.history
            .on_finding(address, report.worker, finding, self.records.keeping());
        self.local_faults
            .on_finding(address, report.worker, finding, self.now.instant);
        self.records.on_finding(address, report.worker, finding);
        if let Some(service) = self.settings.services.get(finding.service) {
            self.counts.on_outcome(*service, &finding.outcome);
        }
        self.note_standing(address, finding.outcome.ended());
        self.held_review.wanted |= finding.verdict.is_some();
        if finding.outcome.result.is_err() {
            self.backends.measure(self.now.instant);
            if let Some(control) = policy::control(&self.backends.compared(), address) {
                self.probe_now(control);
            }
        }
        self.review(address);
    }

    /// Asks the policy about one backend, and does what it says as soon as that is written down.
    fn review(&mut self, address: IpAddr) {
        match self.judge(address) {
            Some(action) => self.decide_on(address, action),
            None => self.withdraw(address),
        }
    }

    /// What is to be done about a backend now.
    fn judge(&mut self, address: IpAddr) -> Option<Action> {
        self.backends.measure_for(address, self.now.instant);
        let judgement = policy::decide(&self.backends, address, self.now.instant);
        self.backends.on_judged(address, &judgement);
        match judgement.decision {
            Decision::Act(action) => {
                self.lift_hold(address);
                Some(action)
            }
            Decision::Hold(hold) => {
                self.hold_back(address, hold);
                None
            }
            Decision::Nothing => {
                self.lift_hold(address);
                None
            }
        }
    }

    fn review_all(&mut self) {
        let mut addresses: Vec<IpAddr> = self.backends.concerned().collect();
        addresses.extend(self.holds.keys());
        addresses.extend(self.commands.decided());
        addresses.sort_unstable();
        addresses.dedup();
        for address in addresses {
            self.review(address);
        }
    }

    fn review_held_when_due(&mut self) {
        if !self.held_review.wanted || self.now.instant < self.held_review.not_before {
            return;
        }
        let held: Vec<IpAddr> = self.holds.keys().copied().collect();
        self.held_review = HeldReview {
            wanted: false,
            not_before: self.now.instant + review_pause(held.len()),
        };
        for address in held {
            self.review(address);
        }
    }

    fn review_holds_that_ended(&mut self) {
        let now = self.now.instant;
        let ended = |hold: &Hold| hold.until.map_or(false, |until| until <= now);
        let addresses: Vec<IpAddr> = self
            .holds
            .iter()
            .filter(|(_, hold)| ended(hold))
            .map(|(address, _)| *address)
            .collect();
        for address in addresses {
            self.review(address);
        }
    }

    fn hold_back(&mut self, address: IpAddr, hold: Hold) {
        match &hold.need {
            Some(Need::Probe(addresses)) => {
                for address in addresses {
                    self.probe_now(*address);
                }
            }
            Some(Need::List) => self.want_lists(),
            None => {}
        }
        let previous = self.holds.insert(address, hold.clone());
        if previous.map(|hold| hold.reason).as_ref() != Some(&hold.reason) {
            self.note_news();
            let rule = hold.reason.rule();
            self.debug(format!(
                "{address}: {} held by rule {rule}: {}",
                hold.action,
                hold.reason
                    .in_words(self.settings.access().words(), self.backends.groups())
            ));
        }
    }

    fn lift_hold(&mut self, address: IpAddr) {
        if self.holds.remove(&address).is_some() {
            self.note_news();
        }
    }

    fn probe_now(&mut self, address: IpAddr) {
        if self.backends.ask(address, self.now.instant) && self.workers.contains_key(&address) {
            self.put(Output::ProbeNow(address));
        }
    }

    /// What shows itself in single events, was said, and is not over yet.
    pub fn notices(&self) -> impl Iterator<Item = &Notice> {
        self.notices.raised()
    }

    /// From now on all is kept that a snapshot can show, although nothing is published.
    pub(crate) fn keep_everything(&mut self) {
        self.records.keep(records::Keeping::Everything);
    }

    /// The actions held back at present.
    pub fn holds(&self) -> &BTreeMap<IpAddr, Hold> {
        &self.holds
    }

    /// The backends as the rules see them.
    pub fn backends(&self) -> &Backends {
        &self.backends
    }
}
