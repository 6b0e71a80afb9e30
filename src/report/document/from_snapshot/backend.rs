//! What the engine knows of one backend and its services, as the document says it.

use super::*;

pub(super) fn backend(clock: &Clock, director: &DirectorView, view: &BackendView) -> Backend {
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
        unsteady_until: view.unsteady_for.map(|lasts| clock.ahead(lasts)),
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
                    advice: Some(of_hold(&hold.reason, address, &view.out_of_rotation, hands)),
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

pub(super) fn service(clock: &Clock, view: &ServiceView) -> Service {
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
        tried_since: view.tried_for.map(|lasts| clock.ago(lasts)),
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

pub(super) fn failure(failure: &outcome::Failure) -> Failure {
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

/// If the monitor keeps no day of this backend, the result has no slots.
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
