//! How long things may take, and what was the case when: the words that the properties are made of.

use std::time::{Duration, Instant};

use poolmon::backend::HostState;
use poolmon::config::settings::{Mode, Plan, Retries};
use poolmon::monitor::policy::Action;

use crate::day::Day;
use crate::history::{History, Record, Sight, Times, What};
use crate::monitor::Habits;
use crate::ring::Condition;
use crate::world::{Disturbance, Layout, Life, Program};

/// The longest that a ring takes to come to rest: a frozen peer is given up after 75 s, a command
/// waits twice 30 s, a starting director 21 s; then a pause of up to a minute before the next try.
const RING_RESTS: Duration = Duration::from_secs(170);

/// The settings of a monitor of ours at this time.
pub fn settings_at(day: &Day, watcher: usize, at: Instant) -> &Habits {
    let mut all = settings_within(day, watcher, at, at);
    all.next().expect("a monitor of ours has settings")
}

/// All that were in force at some time from the one to the other, in order.
pub fn settings_within(
    day: &Day,
    watcher: usize,
    from: Instant,
    to: Instant,
) -> impl Iterator<Item = &Habits> + '_ {
    let all = &day.times.settings[watcher];
    let first = all.iter().rposition(|(since, _)| *since <= from);
    let within = all[first.unwrap_or(0)..].iter();
    let within = within.take_while(move |(since, _)| *since <= from.max(to));
    within.map(|(_, habits)| habits)
}

/// The settings of a monitor of ours when it sent this, or ordered that it be sent.
pub fn settings_when_sent(
    day: &Day,
    watcher: usize,
    backend: usize,
    action: Action,
    before: Instant,
) -> &Habits {
    let is_it = |record: &&Record| {
        matches!(&record.what, What::Sent { watcher: w, backend: b, action: a, .. }
            if (*w, *b, *a) == (watcher, backend, action))
    };
    let before = day.history.records.iter().filter(|one| one.at <= before);
    let sent = before.rev().find(is_it);
    settings_at(day, watcher, sent.map_or(day.history.start, |sent| sent.at))
}

/// What a monitor needs at most to judge a backend anew and to act, in a ring at rest, by whichever of the settings
/// that it has from the one time to the other.
pub fn reaction(day: &Day, watcher: usize, (from, to): (Instant, Instant)) -> Duration {
    let all = settings_within(day, watcher, from, to);
    let reactions = all.map(|habits| reaction_by(habits, day));
    reactions.max().unwrap_or_default()
}

/// How long before this time what a monitor acts on then was found out at most. What it found out by slower settings
/// it has not found out anew since the reload.
pub fn lately(day: &Day, watcher: usize, at: Instant) -> Duration {
    let mut lately = reaction_by(settings_at(day, watcher, at), day);
    loop {
        let from = at.checked_sub(lately).unwrap_or(day.history.start);
        let longer = reaction(day, watcher, (from, at));
        if longer <= lately {
            return lately;
        }
        lately = longer;
    }
}

fn reaction_by(habits: &Habits, day: &Day) -> Duration {
    let pace = &habits.pace;
    let services = day.layout.services as u32;
    let round = match pace.plan {
        Plan::Retries(Retries {
            retries,
            retry_delay,
        }) => {
            let pauses = retry_delay + retry_delay / 6 * retries;
            pace.timeout * (retries + 1) + pauses + pace.timeout * services
        }
        Plan::Rapid(rapid) => {
            // Each poll that is counted may take all that is added for the ones before, and rapid
            // rounds that come to nothing.
            let attempts = pace.timeout * rapid.retry_count;
            let poll = (attempts + rapid.rapid_timeout * rapid.rapid_rounds) * services;
            (pace.interval + poll) * rapid.retry_count
        }
    };
    let rounds = pace.rise.max(pace.fall) - 1;
    let in_doubt = (pace.interval_in_doubt() + round) * rounds;
    let controls = pace.timeout * day.layout.entries.len() as u32;
    // A login that breaks is noticed at the next login.
    let rest = (pace.interval + pace.login_interval).mul_f64(1.1);
    (rest + round) * 2 + in_doubt + controls + habits.rules.down_delay + Duration::from_secs(10)
}

/// How long after the last disturbance a monitor has done what it can do at once.
pub fn settling(day: &Day, watcher: usize, within: (Instant, Instant)) -> Duration {
    RING_RESTS + reaction(day, watcher, within)
}

pub fn slowest_settling(day: &Day, within: (Instant, Instant)) -> Duration {
    let ours = day.ours().map(|watcher| settling(day, watcher, within));
    // poolmon's scan waits for the slowest of its backends, twice over.
    ours.max()
        .unwrap_or_default()
        .max(RING_RESTS + Duration::from_secs(200))
}

/// When what was the case, drawn from the history once.
pub struct Timelines {
    passes: Vec<Vec<Times>>,
    fails: Vec<Vec<Times>>,
    runs: Vec<Times>,
    awake: Vec<Times>,
    /// When each is not in a dry run.
    live: Vec<Times>,
    /// The settings of each monitor of ours, and since when it has had them.
    settings: Vec<Vec<(Instant, Habits)>>,
    synced: Vec<Times>,
    up: Vec<Vec<Times>>,
    down: Vec<Vec<Times>>,
}

impl Timelines {
    pub fn new(layout: &Layout, history: &History) -> Timelines {
        let (watchers, directors) = (layout.posts.len(), layout.skews.len());
        let backends = layout.entries.len();
        let seen = |sight| {
            let of = |watcher| (0..backends).map(move |backend| (watcher, backend));
            let times = |pair| seen_so(history, pair, sight);
            (0..watchers).map(|w| of(w).map(times).collect()).collect()
        };
        let listed = |state| {
            let of = |director| (0..backends).map(move |backend| (director, backend));
            let times = |(d, b)| super::service::listed(history, d, b, state);
            (0..directors).map(|d| of(d).map(times).collect()).collect()
        };
        Timelines {
            passes: seen(Sight::Passes),
            fails: seen(Sight::Fails),
            runs: (0..watchers)
                .map(|watcher| running(history, watcher).and(&awake(history, watcher)))
                .collect(),
            awake: (0..watchers)
                .map(|watcher| awake(history, watcher))
                .collect(),
            live: (0..watchers).map(|w| live(history, w)).collect(),
            settings: (0..watchers)
                .map(|watcher| settings(layout, history, watcher))
                .collect(),
            synced: (0..directors)
                .map(|director| in_sync(history, director))
                .collect(),
            up: listed(HostState::Up),
            down: listed(HostState::Down),
        }
    }
}

fn seen_so(history: &History, pair: (usize, usize), wanted: Sight) -> Times {
    history.times(wanted == Sight::Passes, |what| match what {
        What::Sees {
            watcher,
            backend,
            sight,
        } if (*watcher, *backend) == pair => Some(*sight == wanted),
        _ => None,
    })
}

fn running(history: &History, watcher: usize) -> Times {
    history.times(false, |what| match what {
        What::Runs {
            watcher: w,
            running,
        } if *w == watcher => Some(*running),
        _ => None,
    })
}

/// When its main thread did not stand still, and there were threads for all that it wanted.
fn awake(history: &History, watcher: usize) -> Times {
    history.times(true, |what| match what {
        What::Disturbed(Disturbance::Still(w, time)) if *w == watcher => Some(time.is_zero()),
        What::Disturbed(Disturbance::Threads(w, most)) if *w == watcher => {
            Some(*most == usize::MAX)
        }
        What::Disturbed(Disturbance::Spare(w, spare)) if *w == watcher => Some(*spare),
        What::Disturbed(Disturbance::WorkerDies(w, _) | Disturbance::ReaderDies(w))
            if *w == watcher =>
        {
            Some(false)
        }
        _ => None,
    })
}

fn live(history: &History, watcher: usize) -> Times {
    history.times(true, |what| match what {
        What::Uses { watcher: w, habits } if *w == watcher => Some(habits.mode == Mode::Live),
        _ => None,
    })
}

fn settings(layout: &Layout, history: &History, watcher: usize) -> Vec<(Instant, Habits)> {
    let mut all = match &layout.posts[watcher].program {
        Program::Ours(habits) => vec![(history.start, *habits)],
        Program::Perl { .. } => return Vec::new(),
    };
    for record in &history.records {
        match &record.what {
            What::Uses { watcher: w, habits } if *w == watcher => all.push((record.at, *habits)),
            _ => {}
        }
    }
    all
}

fn in_sync(history: &History, director: usize) -> Times {
    history.times(true, |what| match what {
        What::Ring {
            director: d,
            synced,
        } if *d == director => Some(*synced),
        _ => None,
    })
}

pub fn listed(day: &Day, director: usize, backend: usize, state: HostState) -> &Times {
    match state {
        HostState::Up => &day.times.up[director][backend],
        HostState::Down => &day.times.down[director][backend],
    }
}

pub fn sees(day: &Day, watcher: usize, backend: usize) -> &Times {
    &day.times.passes[watcher][backend]
}

pub fn misses(day: &Day, watcher: usize, backend: usize) -> &Times {
    &day.times.fails[watcher][backend]
}

pub fn runs(day: &Day, watcher: usize) -> &Times {
    &day.times.runs[watcher]
}

/// What it did not take in or probe while it did not may still be acted on afterwards.
pub fn stays_awake(day: &Day, watcher: usize) -> &Times {
    &day.times.awake[watcher]
}

/// When the director answered and was synced.
pub fn synced(day: &Day, director: usize) -> &Times {
    &day.times.synced[director]
}

/// When a monitor of ours ran without interruption and could tell a synced director.
pub fn acts(day: &Day, watcher: usize) -> Times {
    let synced = synced(day, day.layout.posts[watcher].director);
    runs(day, watcher).and(synced).and(&day.times.live[watcher])
}

/// Whether it was so from one time to the other.
pub fn throughout(times: &Times, from: Instant, to: Instant) -> bool {
    times.0.iter().any(|span| span.0 <= from && to <= span.1)
}

pub fn never(times: &Times, from: Instant, to: Instant) -> bool {
    times.0.iter().all(|span| span.1 <= from || to <= span.0)
}

/// Whether all watchers that ran in a calm saw a backend alike.
pub fn view(day: &Day, backend: usize, from: Instant, to: Instant) -> View {
    let watchers = || day.watchers().filter(|w| !never(runs(day, *w), from, to));
    let all = |times: fn(&Day, usize, usize) -> &Times| {
        watchers().all(|watcher| throughout(times(day, watcher, backend), from, to))
    };
    match (watchers().count(), all(sees), all(misses)) {
        (0, _, _) => View::Unwatched,
        (_, true, _) => View::Healthy,
        (_, _, true) => View::Dead,
        _ => View::Disputed,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Healthy,
    Dead,
    Disputed,
    Unwatched,
}

/// When a backend was taken down, by whomever.
pub fn downs(day: &Day, backend: usize) -> Vec<Instant> {
    let changes = day.history.changes(backend);
    let downs = changes.iter().filter(|(_, to, _)| *to == HostState::Down);
    downs.map(|(at, ..)| day.history.start + *at).collect()
}

/// The longest hold that a backend can have earned until then.
pub fn longest_hold(day: &Day, backend: usize, until: Instant) -> Duration {
    let hour = Duration::from_secs(3600);
    let downs = downs(day, backend)
        .iter()
        .filter(|at| **at <= until)
        .count() as u32;
    let base = day
        .ours()
        .map(|watcher| settings_at(day, watcher, until).rules.hold)
        .max();
    match downs {
        0 => Duration::ZERO,
        _ => (base.unwrap_or(hour) * (1 << downs.min(10))).min(hour),
    }
}

/// For a director that starts to have heard the ring, and for a change to have gone round.
const RING_TELLS: Duration = Duration::from_secs(30);

/// Whether what the watcher did at this time has been forgotten since: by the watcher, or by a director
/// that died while no other could tell the ring of it.
pub fn has_forgotten(day: &Day, watcher: usize, done: Instant) -> bool {
    // It may have been killed before what it acted on was written.
    let disks = day.history.records.iter().filter(
        |record| matches!(record.what, What::Disturbed(Disturbance::Disk(w, _)) if w == watcher),
    );
    if disks.count() > 0 {
        return true;
    }
    let since = day
        .history
        .records
        .iter()
        .filter(|record| record.at >= done);
    let mut disturbances = since.filter_map(|record| match record.what {
        What::Disturbed(disturbance) => Some((record.at, disturbance)),
        _ => None,
    });
    disturbances.any(|(at, disturbance)| match disturbance {
        Disturbance::Watcher(w, Life::StartWithoutStateFile) => w == watcher,
        Disturbance::Director(director, Condition::Dead) => {
            let from = done.checked_sub(RING_TELLS).unwrap_or(done);
            let span = (
                from.max(day.history.start),
                (at + RING_TELLS).min(day.history.end),
            );
            !(0..day.layout.skews.len()).any(|other| {
                other != director && throughout(&director_runs(day, other), span.0, span.1)
            })
        }
        _ => false,
    })
}

fn director_runs(day: &Day, director: usize) -> Times {
    day.history.times(true, |what| match what {
        What::Disturbed(Disturbance::Director(d, condition)) if *d == director => {
            Some(*condition == Condition::Running)
        }
        _ => None,
    })
}
