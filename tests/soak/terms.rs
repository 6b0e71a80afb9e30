//! The words that the properties are made of: who could act when, what was dead, what a monitor logged.

use super::history::{History, Process, Spell};
use super::judge::patience;
use super::plan::{logs_to_its_disk, DIRECTORS, MONITORS};
use super::spans::Spans;

/// All is quiet for so long at the end.
pub const CALM: u64 = 20_000;
/// And for so long before the first act, after the warm-up.
pub const FIRST_CALM: u64 = 10_000;

/// How long after an act of its own or of its director's a monitor may still have to do with it.
const AFTERWARDS: u64 = 10_000;

/// A list shows a command of another director's at most so much later, and is read four times a second.
pub const LIST_AGE: u64 = 2_000;

/// A ring that has lost a member, or one of whose members was frozen, rests after that much at most: the simulator's
/// figure.
pub const RING_RESTS: u64 = 170_000;

/// After a command that the director did not do, a monitor waits for up to a minute.
const AFTER_A_REFUSAL: u64 = 70_000;

/// What a monitor needs to find a backend dead and have it down, with the slowest settings of `monitors`: 2.1 s
/// of rest, a round of two attempts of 3 s and a pause, 6.3 s; with `fall: 2` a second of rest and another round;
/// 2 s for lists and rank; and 7 s for a busy machine.
pub fn reaction() -> u64 {
    patience(25)
}

const OF_BACKENDS: [&str; 4] = [
    "backend-dies",
    "backend-freezes",
    "backend-is-cut",
    ALL_BACKENDS_ARE_CUT,
];
const ALL_BACKENDS_ARE_CUT: &str = "all-backends-are-cut";
const POOL_IS_EMPTIED: &str = "pool-is-emptied";

pub struct Terms {
    /// When each monitor ran undisturbed and its director was synced.
    pub runs: Vec<Spans>,
    /// When it also had not been refused a command, as far as its log shows: then it can act.
    pub acts: Vec<Spans>,
    /// When a part of the ring may be synced without the others: it was cut off or frozen, or has been for the time in which
    /// a ring comes to rest.
    pub split: Spans,
    /// When nothing was amiss with this backend, nor on the way to it.
    pub reaches: Vec<Vec<Spans>>,
    /// When nobody could be served by this backend.
    pub dead: Vec<Spans>,
    /// When each monitor could surely get no answer from this backend: it was dead, or the way to it cut.
    pub fails: Vec<Vec<Spans>>,
    pub told_to_end: Vec<Spans>,
    /// When an administrator had taken all backends down at a stroke.
    pub emptied: Spans,
    /// When something was done to each director, and just afterwards.
    pub directors: Vec<Spans>,
    pub frozen: Vec<Spans>,
    /// When each monitor ran and its disk had room.
    pub writes: Vec<Spans>,
    /// When lines of each monitor's log may be missing in the recording.
    pub blind: Vec<Spans>,
    /// When a clock of each machine had jumped, and had not jumped back.
    pub wrong_clocks: Vec<Spans>,
}

impl Terms {
    pub fn of(history: &History) -> Terms {
        let end = history.end;
        let all = || (0..MONITORS).map(|monitor| (monitor, history));
        let certain = |spell: &Spell| (spell.begun, spell.ending);
        let possible = |spell: &Spell| {
            (
                spell.starting,
                spell.ended.saturating_add(AFTERWARDS).min(end),
            )
        };
        let of = |words: &[&str], object: usize, times: &dyn Fn(&Spell) -> (u64, u64)| {
            let spells = words.iter().flat_map(|word| history.spells(word, object));
            Spans::of(spells.map(times).collect::<Vec<_>>())
        };
        const OF_MONITORS: [&str; 6] = [
            "monitor-is-killed",
            "monitor-is-stopped",
            "monitor-freezes",
            "monitor-is-cut",
            "disk-is-full",
            "reload",
        ];
        const OF_WRITING: [&str; 4] = [
            "monitor-is-killed",
            "monitor-is-stopped",
            "monitor-freezes",
            "disk-is-full",
        ];
        const OF_CLOCKS: [&str; 2] = ["monitor-clock-steps", "machine-clock-steps"];
        const OF_DIRECTORS: [&str; 4] = [
            "director-dies",
            "director-process-dies",
            "director-freezes",
            "director-is-cut",
        ];
        let momentary = |spell: &Spell| {
            let until = if spell.ended == u64::MAX {
                spell.begun
            } else {
                spell.ended
            };
            (spell.starting, until.saturating_add(AFTERWARDS).min(end))
        };
        let directors: Vec<Spans> = (0..DIRECTORS)
            .map(|director| of(&OF_DIRECTORS, director, &momentary))
            .collect();
        let blind: Vec<Spans> = (0..MONITORS)
            .map(|monitor| match logs_to_its_disk(monitor) {
                true => of(&["disk-is-full"], monitor, &possible),
                false => Spans::default(),
            })
            .collect();
        let runs: Vec<Spans> = all()
            .map(|(monitor, history)| {
                let disturbed = of(&OF_MONITORS, monitor, &momentary).or(&directors[monitor]);
                let synced = history.listed(monitor, |list| list.synced);
                disturbed.without(end).and(&synced)
            })
            .collect();
        let acts = all()
            .map(|(monitor, history)| {
                let refused = refusals(history, monitor)
                    .map(|at| (at.saturating_sub(AFTERWARDS), at + AFTER_A_REFUSAL));
                // What was not done may not have been logged.
                let unheard = blind[monitor].0.iter();
                let unheard = unheard.map(|(from, to)| (*from, to + AFTER_A_REFUSAL));
                let waits = Spans::of(refused.chain(unheard));
                runs[monitor].and(&waits.without(end))
            })
            .collect();
        let splits = history
            .acts
            .iter()
            .filter(|spell| ["director-is-cut", "director-freezes"].contains(&&*spell.word));
        let split = splits.map(|spell| (spell.starting, spell.ended.saturating_add(RING_RESTS)));
        let reaches = all()
            .map(|(monitor, history)| {
                let reach = |backend| {
                    let lost = history
                        .spells("monitor-loses-backend", monitor)
                        .filter(|spell| spell.objects.get(1) == Some(&backend))
                        .map(possible);
                    let cut = of(&["monitor-is-cut"], monitor, &possible);
                    of(&OF_BACKENDS, backend, &possible)
                        .or(&Spans::of(lost))
                        .or(&cut)
                        .without(end)
                };
                History::all_backends().map(reach).collect()
            })
            .collect();
        let dead: Vec<Spans> = History::all_backends()
            .map(|backend| of(&OF_BACKENDS, backend, &certain))
            .collect();
        let fails = (0..MONITORS)
            .map(|monitor| {
                let fail = |backend: usize| {
                    let lost = history
                        .spells("monitor-loses-backend", monitor)
                        .filter(|spell| spell.objects.get(1) == Some(&backend))
                        .map(certain);
                    let cut = of(&["monitor-is-cut"], monitor, &certain);
                    dead[backend].or(&Spans::of(lost)).or(&cut)
                };
                History::all_backends().map(fail).collect()
            })
            .collect();
        let of_monitors = |words: &[&str]| -> Vec<Spans> {
            (0..MONITORS)
                .map(|monitor| of(words, monitor, &momentary))
                .collect()
        };
        let undisturbed = of_monitors(&OF_WRITING).into_iter();
        Terms {
            frozen: of_monitors(&["monitor-freezes"]),
            writes: undisturbed.map(|spans| spans.without(end)).collect(),
            wrong_clocks: of_monitors(&OF_CLOCKS),
            runs,
            acts,
            split: Spans::of(split),
            reaches,
            dead,
            fails,
            emptied: Spans::of(
                history
                    .acts
                    .iter()
                    .filter(|spell| spell.word == POOL_IS_EMPTIED)
                    .map(momentary),
            ),
            blind,
            told_to_end: (0..MONITORS)
                .map(|monitor| {
                    let ends = ["monitor-is-killed", "monitor-is-stopped"];
                    let ended = |spell: &Spell| (spell.starting, spell.ended.saturating_add(2_000));
                    of(&ends, monitor, &ended)
                })
                .collect(),
            directors,
        }
    }

    /// When the monitor's director listed a backend in another way than the monitor saw it.
    pub fn wishes(&self, history: &History, monitor: usize) -> Spans {
        let mut wishes = Spans::default();
        for backend in History::all_backends() {
            let listed = |state: char| {
                history.listed(monitor, move |list| {
                    list.states.get(backend) == Some(&state)
                })
            };
            let down = listed('U').and(&self.fails[monitor][backend]);
            let up = listed('D').and(&self.reaches[monitor][backend]);
            wishes = wishes.or(&down).or(&up);
        }
        wishes
    }

    /// When something else than this spell was done, or just had been, that may have a backend go up or down at this
    /// director. Another director that dies or hangs tells nobody of its own.
    pub fn disturbs_list(
        &self,
        history: &History,
        director: usize,
        backend: usize,
        but: &Spell,
    ) -> Spans {
        let when = |spell: &Spell| {
            let until = spell.ended.saturating_add(AFTERWARDS).min(history.end);
            let is_about = match &*spell.word {
                "maintenance" | "backend-dies" | "backend-freezes" | "backend-is-cut" => {
                    spell.objects.first() == Some(&backend)
                }
                "monitor-loses-backend" => spell.objects.get(1) == Some(&backend),
                // Two parts of the ring may be told different things.
                "director-is-cut" => true,
                // What has waited in it comes then, and what it reaches comes back one after the other.
                "monitor-freezes" | "monitor-is-cut" => return Some((spell.ending, until)),
                word => word == ALL_BACKENDS_ARE_CUT || word == POOL_IS_EMPTIED,
            };
            (is_about && spell != but).then_some((spell.starting, until))
        };
        // An administrator's command may take a minute.
        let replies = history.replies.iter();
        let replies = replies
            .filter(|reply| reply.backend == backend)
            .map(|reply| (reply.at.saturating_sub(LIST_AGE), reply.at + AFTERWARDS));
        let spells = history.acts.iter().filter_map(when);
        Spans::of(spells.chain(replies)).or(&self.directors[director])
    }

    /// When the backend was dead, the monitor could act, and another backend was well and listed up.
    pub fn should_be_down(&self, history: &History, monitor: usize, backend: usize) -> Spans {
        let may_act = self.dead[backend].and(&self.acts[monitor]);
        let others = History::all_backends().filter(|other| *other != backend);
        let with_refuge = others.map(|other| {
            let up = history.listed(monitor, |list| list.states.get(other) == Some(&'U'));
            may_act.and(&self.reaches[monitor][other]).and(&up)
        });
        // Of one and the same other: that is more than is needed.
        let longest = with_refuge.max_by_key(Spans::longest);
        longest.unwrap_or_default()
    }
}

/// When a monitor logged a change of its own, of which backend, and how long the answer took. Not one that a list showed
/// though it was not answered with OK: when that was sent, up to a minute before, the line does not say.
pub fn changes<'h>(
    history: &'h History,
    monitor: usize,
    word: &'h str,
) -> impl Iterator<Item = (u64, usize, u64)> + 'h {
    history.lines[monitor].iter().filter_map(move |(at, line)| {
        let (head, rest) = line.split_once(&format!(" {word}"))?;
        let address = head.rsplit(' ').next()?;
        let backend = history.backends.iter().position(|known| known == address)?;
        Some((*at, backend, answered_in(rest)?))
    })
}

/// When a monitor logged that a command was not done.
pub fn refusals(history: &History, monitor: usize) -> impl Iterator<Item = u64> + '_ {
    let lines = history.lines[monitor].iter();
    lines.filter_map(|(at, line)| {
        let mut words = ["HOST-", " was not "].iter();
        words.all(|word| line.contains(word)).then_some(*at)
    })
}

/// From `(answered in 1.3 ms)`, in milliseconds.
fn answered_in(line: &str) -> Option<u64> {
    let (_, time) = line.rsplit_once("(answered in ")?;
    let number = time.trim_end_matches(" ms)").parse::<f64>().ok()?;
    Some(number.ceil() as u64)
}

/// When a monitor found the backend failed, and what it said.
pub fn failures(
    history: &History,
    monitor: usize,
    backend: usize,
) -> impl Iterator<Item = (u64, &str)> + '_ {
    let failed = format!(" {} has failed", history.backends[backend]);
    let lines = history.lines[monitor].iter();
    lines.filter_map(move |(at, line)| line.contains(&failed).then_some((*at, &**line)))
}

/// What was done to this backend alone so that nobody could be served by it.
pub fn deaths(history: &History, backend: usize) -> impl Iterator<Item = &Spell> {
    history.acts.iter().filter(move |spell| {
        spell.objects == [backend]
            && spell.word != ALL_BACKENDS_ARE_CUT
            && OF_BACKENDS.contains(&&*spell.word)
    })
}

/// When a director listed the backend in another state than before, and in which. Directors that were apart may repeat
/// `U` and `D` with one time stamp to each other, without end while the ring is not synced, and one that was frozen may
/// bring an old state back. Nobody has changed the backend then, so a state with the stamp of the one before does not
/// count.
pub fn list_changes(history: &History, director: usize, backend: usize) -> Vec<(u64, char)> {
    let mut changes = Vec::new();
    let mut before: Option<(char, u64)> = None;
    for (at, list) in &history.lists[director] {
        let list = match list {
            Some(list) => list,
            None => continue,
        };
        let now = match (list.states.get(backend), list.stamps.get(backend)) {
            (Some(state), Some(stamp)) => (*state, *stamp),
            _ => continue,
        };
        if let Some(before) = before.filter(|before| before.0 != now.0) {
            if before.1 == now.1 {
                continue;
            }
            changes.push((*at, now.0));
        }
        before = Some(now);
    }
    changes
}

/// When the process that runs at the end was first seen.
pub fn last_start(history: &History, monitor: usize) -> u64 {
    let looks = &history.processes[monitor];
    let pid = looks
        .last()
        .and_then(|(_, process)| *process)
        .map(|process| process.pid);
    let is_other = |look: &&(u64, Option<Process>)| look.1.map(|process| process.pid) != pid;
    let other = looks.iter().rev().find(is_other);
    other.map_or(0, |(at, _)| *at)
}

/// The least of each number in the calm at the start, and in the calm at the end. It may be another process by then:
/// what the program holds while all is quiet is the same in each.
pub fn usage(history: &History, monitor: usize) -> Result<(Process, Process), String> {
    match (
        usage_at_first(history, monitor),
        least(
            history,
            monitor,
            history.end.saturating_sub(CALM),
            history.end,
            None,
        ),
    ) {
        (Some(first), Some(last)) => Ok((first, last)),
        _ => Err(format!("monitor {} does not run", monitor + 1)),
    }
}

/// The same of the process that runs in the calm at the start, and of that one shortly before its end, or that of the
/// soak.
pub fn first_life(history: &History, monitor: usize) -> Result<(Process, Process), String> {
    let first = usage_at_first(history, monitor);
    let last = first.and_then(|first| {
        let looks = history.processes[monitor].iter().rev();
        let mut its_own = looks.filter(|(_, look)| look.map(|look| look.pid) == Some(first.pid));
        let end = its_own.next()?.0 + 1;
        let from = end.saturating_sub(FIRST_CALM);
        least(history, monitor, from, end, Some(first.pid))
    });
    match (first, last) {
        (Some(first), Some(last)) => Ok((first, last)),
        _ => Err(format!("monitor {} does not run", monitor + 1)),
    }
}

/// Whatever the time that a busy machine took to start all.
fn usage_at_first(history: &History, monitor: usize) -> Option<Process> {
    let calm_until = history.first_act;
    least(
        history,
        monitor,
        calm_until.saturating_sub(FIRST_CALM),
        calm_until,
        None,
    )
}

/// Of the looks in this time, or of those at this process.
fn least(
    history: &History,
    monitor: usize,
    from: u64,
    to: u64,
    pid: Option<u64>,
) -> Option<Process> {
    let looks = history.processes[monitor].iter();
    looks
        .filter(|(at, _)| from <= *at && *at < to)
        .filter_map(|(_, process)| *process)
        .filter(|process| pid.map_or(true, |pid| process.pid == pid))
        .reduce(|one, other| Process {
            pid: other.pid,
            descriptors: one.descriptors.min(other.descriptors),
            threads: one.threads.min(other.threads),
            kilobytes: one.kilobytes.min(other.kilobytes),
            ticks: other.ticks,
        })
}
