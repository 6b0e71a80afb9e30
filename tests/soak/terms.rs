//! The words that the properties are made of: who could act when, what was dead, what a monitor logged.

use super::history::{History, Process, Spell};
use super::judge::patience;
use super::plan::{DIRECTORS, MONITORS};
use super::spans::Spans;

/// All is quiet for so long at the start and at the end.
pub const CALM: u64 = 20_000;

/// How long after an act of its own or of its director's a monitor may still have to do with it.
const AFTERWARDS: u64 = 10_000;

/// After a command that the director did not do, a monitor waits for up to a minute.
const AFTER_A_REFUSAL: u64 = 70_000;

/// What a monitor needs to find a backend dead and have it down, with the slowest settings of `monitors`: 2.1 s
/// of rest, a round of two attempts of 3 s and a pause, 6.3 s; with `fall: 2` a second of rest and another round;
/// 2 s for lists and rank; and 7 s for a busy machine.
pub fn reaction() -> u64 {
    patience(25)
}

pub struct Terms {
    /// When each monitor ran undisturbed and its director was synced.
    pub acts: Vec<Spans>,
    /// When nothing was amiss with this backend, nor on the way to it.
    pub reaches: Vec<Vec<Spans>>,
    /// When nobody could be served by this backend.
    pub dead: Vec<Spans>,
    pub told_to_end: Vec<Spans>,
    /// When something was done to each director, and just afterwards.
    pub directors: Vec<Spans>,
    pub frozen: Vec<Spans>,
    /// When each monitor ran and its disk had room.
    pub writes: Vec<Spans>,
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
        const OF_BACKENDS: [&str; 4] = [
            "backend-dies",
            "backend-freezes",
            "backend-is-cut",
            "all-backends-are-cut",
        ];
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
        let acts = all()
            .map(|(monitor, history)| {
                let refused = history.lines[monitor]
                    .iter()
                    .filter(|(_, line)| {
                        let words = ["HOST-", " was not "];
                        words.iter().all(|word| line.contains(word))
                    })
                    .map(|(at, _)| (at.saturating_sub(AFTERWARDS), at + AFTER_A_REFUSAL));
                let disturbed = of(&OF_MONITORS, monitor, &momentary)
                    .or(&directors[monitor])
                    .or(&Spans::of(refused));
                let synced = history.listed(monitor, |list| list.synced);
                disturbed.without(end).and(&synced)
            })
            .collect();
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
            acts,
            reaches,
            dead: History::all_backends()
                .map(|backend| of(&OF_BACKENDS, backend, &certain))
                .collect(),
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

/// When a monitor logged a change of its own, of which backend, and how long the answer took.
pub fn changes<'h>(
    history: &'h History,
    monitor: usize,
    word: &'h str,
) -> impl Iterator<Item = (u64, usize, u64)> + 'h {
    history.lines[monitor].iter().filter_map(move |(at, line)| {
        let (head, rest) = line.split_once(&format!(" {word}"))?;
        let address = head.rsplit(' ').next()?;
        let backend = history.backends.iter().position(|known| known == address)?;
        Some((*at, backend, answered_in(rest)))
    })
}

/// From `(answered in 1.3 ms)`, in milliseconds.
fn answered_in(line: &str) -> u64 {
    let time = line
        .rsplit_once("(answered in ")
        .map_or("", |(_, time)| time);
    let number = time.trim_end_matches(" ms)").parse::<f64>();
    number.map_or(0, |number| number.ceil() as u64)
}

/// When a monitor found the backend failed.
pub fn failures(
    history: &History,
    monitor: usize,
    backend: usize,
) -> impl Iterator<Item = u64> + '_ {
    let failed = format!(" {} has failed", history.backends[backend]);
    let lines = history.lines[monitor].iter();
    lines.filter_map(move |(at, line)| line.contains(&failed).then_some(*at))
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

/// The least of each number in the calm at the start, and in the calm at the end.
pub fn usage(history: &History, monitor: usize) -> Result<(Process, Process), String> {
    let least = |from: u64, to: u64| {
        let looks = history.processes[monitor].iter();
        looks
            .filter(|(at, _)| from <= *at && *at < to)
            .filter_map(|(_, process)| *process)
            .reduce(|one, other| Process {
                pid: other.pid,
                descriptors: one.descriptors.min(other.descriptors),
                threads: one.threads.min(other.threads),
                kilobytes: one.kilobytes.min(other.kilobytes),
                ticks: other.ticks,
            })
    };
    // Whatever the time that a busy machine took to start all.
    let calm_until = history.first_act;
    let first = least(calm_until.saturating_sub(CALM / 2), calm_until);
    let last = least(history.end.saturating_sub(CALM), history.end);
    match (first, last) {
        (Some(first), Some(last)) => Ok((first, last)),
        _ => Err(format!("monitor {} does not run", monitor + 1)),
    }
}
