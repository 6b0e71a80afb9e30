//! From the engine's snapshot to the document: spans become times by the wall clock, enums become words.
//!
//! It decides nothing and leaves nothing out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::backend::{Groups, HostState, Stamp};
use crate::config::settings::{self, Mode};
use crate::monitor::policy::{self, RuleAnswer as EngineAnswer, Sync};
use crate::monitor::snapshot::{
    self, BackendView, Buckets, Checks, DayView, DirectorView, DrainView, MonitorView, PollView,
    ReloadResult, ReplyKind, ServiceView, Snapshot, Standing, StateFileView, TagView, WantedView,
    WholeAttempt,
};
use crate::outcome::{self, Outcome};
use crate::pool::{ByHand, Words};
use crate::report::advice::{of_hold, Hands};

/// Who writes, as far as the engine does not know it.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) version: &'static str,
    pub(crate) pid: u32,
    /// The machine's name.
    pub(crate) name: String,
    pub(crate) started: SystemTime,
    /// Since `started`: runs of the change script that did not end well, and changes for which there was none.
    pub(crate) hook_failures: u64,
    /// Since `started`.
    pub(crate) log_lines_lost: u64,
}

/// `taken`: when the engine gave the snapshot.
pub(crate) fn document(snapshot: &Snapshot, of: &Writer, taken: SystemTime) -> Document {
    let clock = Clock { taken };
    Document {
        poolmon: monitor(&clock, &snapshot.monitor, snapshot.director.mode, of),
        director: director(&clock, &snapshot.director),
        tags: snapshot.tags.iter().map(tag).collect(),
        backends: snapshot
            .backends
            .iter()
            .map(|view| backend(&clock, &snapshot.director, view))
            .collect(),
        alarms: snapshot
            .alarms
            .iter()
            .map(|alarm| Alarm {
                alarm: alarm.word.to_owned(),
                since: clock.ago(alarm.lasts),
                text: alarm.text.clone(),
            })
            .collect(),
        commands: snapshot
            .commands
            .iter()
            .map(|command| Command {
                at: clock.ago(command.ago),
                address: command.address,
                action: command.action.into(),
                command: command.command.to_string(),
                answer: command.answer.clone(),
                took: command.took.map(span),
            })
            .collect(),
        next: snapshot.next.map(|next| NextEvent {
            at: clock.ahead(next.due),
            address: next.address,
            event: match next.what {
                snapshot::NextEvent::Retry => Event::Retry,
                snapshot::NextEvent::Round => Event::Round,
                snapshot::NextEvent::HoldEnds => Event::HoldEnds,
            },
        }),
        counters: counters(&snapshot.counters, of),
    }
}

/// The wall clock's time at which the snapshot was taken.
struct Clock {
    taken: SystemTime,
}

impl Clock {
    fn ago(&self, ago: Duration) -> Time {
        self.taken.checked_sub(ago).map_or(0.0, time)
    }

    fn ahead(&self, until: Duration) -> Time {
        self.taken.checked_add(until).map_or(0.0, time)
    }
}

/// Rounded to milliseconds.
fn time(time: SystemTime) -> Time {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs_f64() * 1e3).round() / 1e3
}

/// Rounded to microseconds.
fn span(time: Duration) -> Span {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

fn stamped(stamp: Stamp) -> Option<Time> {
    (stamp.0 > 0).then_some(stamp.0 as Time)
}

fn monitor(clock: &Clock, view: &MonitorView, mode: Mode, of: &Writer) -> Monitor {
    let (reloaded, result) = view.reload;
    Monitor {
        format: FORMAT,
        version: of.version.to_owned(),
        pid: of.pid,
        name: of.name.clone(),
        started: time(of.started),
        written: time(clock.taken),
        interval: span(view.interval),
        login_interval: span(view.login_interval),
        dry_run: match mode {
            Mode::Live => false,
            Mode::DryRun => true,
        },
        restore: match view.restore {
            settings::Restore::Any => Restore::Any,
            settings::Restore::Own => Restore::Own,
        },
        rise: view.rise,
        ended: view.has_ended,
        reload: Reload {
            at: clock.ago(reloaded),
            good: match result {
                ReloadResult::Good => true,
                ReloadResult::Refused => false,
            },
        },
    }
}

fn director(clock: &Clock, view: &DirectorView) -> Director {
    let kind = match view.words.by_hand {
        ByHand::Doveadm => PoolKind::Director,
        ByHand::StatsSocket => PoolKind::Haproxy,
    };
    Director {
        kind,
        socket: view.socket.clone(),
        up: view.sync != Sync::Silent,
        list_read: view.list.map(|ago| clock.ago(ago)),
        ring: match (kind, view.sync, view.tells_sync) {
            (PoolKind::Haproxy, ..) => Ring::None,
            (PoolKind::Director, Sync::Silent, _) => Ring::Unknown,
            (PoolKind::Director, Sync::Unsynced, _) => Ring::Unsynced,
            (PoolKind::Director, Sync::Synced, true) => Ring::Synced,
            (PoolKind::Director, Sync::Synced, false) => Ring::NotTold,
        },
        since: clock.ago(view.sync_for),
        position: view.place.position,
        members: view.place.members,
        error: view.error.as_deref().map(|error| {
            // The socket is a field of its own.
            let of_this_one = format!("{} {}: ", view.words.noun, view.socket);
            error
                .strip_prefix(&*of_this_one)
                .unwrap_or(error)
                .to_owned()
        }),
    }
}

fn tag(view: &TagView) -> Tag {
    Tag {
        tag: view.tag.name().to_owned(),
        backends: view.all,
        up: view.up,
        passing: view.healthy,
        refuges: view.refuges,
        vhosts_up: view.vhosts_up,
        vhosts: view.vhosts,
        users: view.users,
    }
}

fn backend(clock: &Clock, director: &DirectorView, view: &BackendView) -> Backend {
    let listed = &view.listed;
    let (last, next) = match view.checks {
        Checks::LeftAlone | Checks::NoThread => (None, None),
        Checks::Made { last, next } => (last, next),
    };
    Backend {
        address: listed.address,
        name: view.name.as_deref().map(str::to_owned),
        tag: listed.tag.name().to_owned(),
        vhosts: listed.vhosts,
        users: listed.users,
        listed: listed.state.into(),
        listed_since: stamped(listed.changed),
        by: view.by.into(),
        owned: view.is_ours,
        drain: match view.drain {
            DrainView::None => Drain::None,
            DrainView::Owed => Drain::Owed,
            DrainView::Done => Drain::Done,
        },
        verdict: view.standing.into(),
        verdict_since: view.stands_for.map(|lasts| clock.ago(lasts)),
        cause: view.cause.clone(),
        schedule: Schedule {
            last: last.map(|ago| clock.ago(ago)),
            next: next.map(|until| clock.ahead(until)),
            retry: view.retry.as_ref().map(|retry| Retry {
                service: retry.service.clone(),
                failed: retry.failed,
                left: retry.left,
            }),
        },
        wanted: view.wanted.as_ref().map(|view| {
            let pool = (director.words, director.groups, &*director.socket);
            Wanted::of(view, listed.address, pool, clock.taken)
        }),
        services: view
            .services
            .iter()
            .map(|view| service(clock, view))
            .collect(),
        attempts: view.polls.iter().map(|poll| attempt(clock, poll)).collect(),
        changes: view
            .changes
            .iter()
            .map(|change| Change {
                at: clock.ago(change.ago),
                to: change.to.into(),
                by: change.by.into(),
                reason: change.reason.as_deref().map(str::to_owned),
            })
            .collect(),
        unwell: view
            .unwell
            .iter()
            .map(|view| Unwell {
                from: clock.ago(view.began),
                to: view.ended.map(|ago| clock.ago(ago)),
                verdict: view.standing.into(),
            })
            .collect(),
        day: day(clock, view.day.as_ref()),
    }
}

impl Wanted {
    /// Of this backend, at the time of the snapshot; in the words of its pool, and where that is told.
    pub(crate) fn of(
        view: &WantedView,
        address: IpAddr,
        (pool, groups, socket): (&Words, Groups, &str),
        taken: SystemTime,
    ) -> Wanted {
        let clock = Clock { taken };
        let hands = Hands {
            by: pool.by_hand,
            socket,
        };
        let explanation = &view.explanation;
        let answers = explanation.answers.iter().map(|(rule, answer)| {
            let silent = |answer| RuleAnswer {
                rule: rule.to_string(),
                answer,
                reason: None,
                until: None,
                advice: None,
            };
            match answer {
                EngineAnswer::Passes => silent(Answer::Passes),
                EngineAnswer::NotAsked => silent(Answer::NotAsked),
                EngineAnswer::Holds(hold) => RuleAnswer {
                    reason: Some(hold.reason.in_words(pool, groups)),
                    until: view.hold_ends.map(|until| clock.ahead(until)),
                    advice: Some(of_hold(&hold.reason, address, hands)),
                    ..silent(Answer::Holds)
                },
            }
        });
        Wanted {
            action: explanation.action.into(),
            rules: answers.collect(),
        }
    }
}

fn service(clock: &Clock, view: &ServiceView) -> Service {
    let last_pass = view.pass.as_ref();
    Service {
        service: view.service.clone(),
        result: match view.recent.chars().last() {
            None => CheckResult::None,
            Some('.') => CheckResult::Pass,
            Some(_) => CheckResult::Fail,
        },
        unchecked: view.unchecked.clone(),
        last_pass: last_pass.map(|pass| clock.ago(pass.ago)),
        latency: view.latency.map(span),
        median: view.median.map(span),
        worst: view.worst.map(span),
        passes: view.passes,
        failures: view.failures,
        recent: view.recent.clone(),
        failure: view.failure.as_ref().map(|view| dialogue(clock, view)),
        pass: last_pass.map(|view| dialogue(clock, view)),
        certificate: certificate(clock, view),
    }
}

fn dialogue(clock: &Clock, view: &WholeAttempt) -> Dialogue {
    let Outcome {
        latency,
        result,
        evidence,
        ..
    } = &*view.outcome;
    Dialogue {
        at: clock.ago(view.ago),
        latency: span(*latency),
        failure: result.as_ref().err().map(failure),
        stages: stages(&evidence.stages),
        lines: evidence.dialogue.lines().map(str::to_owned).collect(),
    }
}

fn stages(times: &outcome::StageTimes) -> Vec<StageTime> {
    let times = times.iter().map(|(stage, took)| StageTime {
        stage: stage.word().to_owned(),
        took: span(took),
    });
    times.collect()
}

/// As the last attempt with TLS showed it.
fn certificate(clock: &Clock, view: &ServiceView) -> Option<Certificate> {
    let attempts = view.pass.iter().chain(&view.failure);
    let shown = attempts
        .filter_map(|attempt| Some((attempt, attempt.outcome.evidence.certificate.as_ref()?)));
    let (attempt, certificate) = shown.min_by_key(|(attempt, _)| attempt.ago)?;
    // It may have been read in an earlier attempt, and not again.
    let read_before = attempt
        .outcome
        .began
        .saturating_duration_since(certificate.read);
    Some(Certificate {
        read: clock.ago(attempt.ago + read_before),
        not_after: certificate.not_after as Time,
        chain_not_after: certificate.chain_not_after as Time,
        names: certificate
            .names
            .first
            .iter()
            .map(|name| name.text().to_owned())
            .collect(),
        accepted: certificate.accepted,
    })
}

fn failure(failure: &outcome::Failure) -> Failure {
    Failure {
        stage: failure.stage.word().to_owned(),
        fault: failure.fault.word().to_owned(),
        blame: failure.fault.blame().into(),
        text: failure.to_string(),
    }
}

fn attempt(clock: &Clock, poll: &PollView) -> Attempt {
    Attempt {
        at: clock.ago(poll.ago),
        service: poll.service.clone(),
        result: poll.result.clone(),
        latency: span(poll.latency),
        stages: stages(&poll.stages),
        delivery: poll.delivery.map(span),
    }
}

/// Where none is kept, one without slots.
fn day(clock: &Clock, view: Option<&DayView>) -> Day {
    match view {
        None => Day {
            from: clock.ago(Duration::ZERO),
            every: span(snapshot::SLOT),
            slots: Vec::new(),
        },
        Some(view) => Day {
            from: clock.ago(view.began),
            every: span(view.every),
            slots: view
                .slots
                .iter()
                .map(|slot| Slot {
                    passes: slot.passes.into(),
                    failures: slot.failures.into(),
                    best: slot.best,
                    mean: slot.mean,
                    worst: slot.worst,
                })
                .collect(),
        },
    }
}

fn counters(view: &snapshot::CountersView, of: &Writer) -> Counters {
    Counters {
        attempts: view
            .attempts
            .iter()
            .map(|count| AttemptCount {
                service: count.service.clone(),
                passes: count.passes,
                failures: count.failures,
                latency: histogram(&count.latency),
            })
            .collect(),
        failures: view
            .failures
            .iter()
            .map(|count| FailureCount {
                service: count.service.clone(),
                stage: count.stage.word().to_owned(),
                fault: count.fault.to_owned(),
                blame: count.blame.into(),
                count: count.count,
            })
            .collect(),
        changes: view
            .changes
            .iter()
            .map(|count| ChangeCount {
                address: count.address,
                tag: count.tag.name().to_owned(),
                to: count.to.into(),
                by: count.by.into(),
                count: count.count,
            })
            .collect(),
        commands: view
            .commands
            .iter()
            .map(|count| CommandCount {
                action: count.action.into(),
                reply: count.reply.into(),
                count: count.count,
                duration: histogram(&count.duration),
            })
            .collect(),
        hook_runs: view.scripts,
        hook_failures: of.hook_failures,
        log_lines_lost: of.log_lines_lost,
        state_file_written: match view.state_file {
            StateFileView::Written => true,
            StateFileView::Unwritten => false,
        },
    }
}

/// Each bucket holds those before it, too.
fn histogram<const MANY: usize>(buckets: &Buckets<MANY>) -> Histogram {
    let mut sum = 0;
    let cumulative = buckets.counts.iter().map(|count| {
        sum += count;
        sum
    });
    Histogram {
        buckets: cumulative.collect(),
        count: buckets.all,
        sum: span(buckets.sum),
    }
}

impl From<HostState> for State {
    fn from(state: HostState) -> State {
        match state {
            HostState::Up => State::Up,
            HostState::Down => State::Down,
        }
    }
}

impl From<Standing> for Verdict {
    fn from(standing: Standing) -> Verdict {
        match standing {
            Standing::Healthy => Verdict::Healthy,
            Standing::Doubtful => Verdict::Doubtful,
            Standing::Failed => Verdict::Failed,
            Standing::Unknown => Verdict::Unknown,
            Standing::NotChecked => Verdict::NotChecked,
        }
    }
}

impl From<policy::By> for By {
    fn from(by: policy::By) -> By {
        match by {
            policy::By::Us => By::Us,
            policy::By::Other => By::Other,
            policy::By::Unknown => By::Unknown,
        }
    }
}

impl From<policy::Action> for Action {
    fn from(action: policy::Action) -> Action {
        match action {
            policy::Action::MarkDown => Action::Down,
            policy::Action::Drain => Action::Drain,
            policy::Action::MarkUp => Action::Up,
        }
    }
}

impl From<outcome::Blame> for Blame {
    fn from(blame: outcome::Blame) -> Blame {
        match blame {
            outcome::Blame::Service => Blame::Service,
            outcome::Blame::Shared => Blame::Shared,
            outcome::Blame::Local => Blame::Local,
        }
    }
}

impl From<ReplyKind> for Reply {
    fn from(reply: ReplyKind) -> Reply {
        match reply {
            ReplyKind::Ok => Reply::Ok,
            ReplyKind::NotFound => Reply::NotFound,
            ReplyKind::Busy => Reply::Busy,
            ReplyKind::SyncTimedOut => Reply::SyncTimedOut,
            ReplyKind::TryAgain => Reply::TryAgain,
            ReplyKind::Refused => Reply::Refused,
            ReplyKind::Lost => Reply::Lost,
        }
    }
}

#[cfg(test)]
mod tests;
