//! A recording, read from its folder: what was done, and what was seen.
//!
//! It decides nothing; times are milliseconds since the start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::plan::{BACKENDS, DIRECTORS, MONITORS};
use super::spans::Spans;
use crate::lab::dovecot::tells_of_a_defect;

pub struct History {
    pub acts: Vec<Spell>,
    pub replies: Vec<Reply>,
    /// When the calm at the start was over.
    pub first_act: u64,
    /// When all was set in order again, when all was well for the first time after that, and when the
    /// recording ended.
    pub healing: u64,
    pub well: u64,
    pub end: u64,
    /// Of each director.
    pub lists: Vec<Vec<(u64, Option<List>)>>,
    /// Of each monitor, as its log grew.
    pub lines: Vec<Vec<(u64, String)>>,
    pub processes: Vec<Vec<(u64, Option<Process>)>>,
    pub statuses: Vec<Vec<(u64, Option<Status>)>>,
    pub clocks: Vec<Vec<ClockSet>>,
    /// The addresses, as logs name them.
    pub backends: Vec<String>,
    /// Dovecot's own lines of a defect.
    pub panics: Vec<String>,
    pub told: Told,
    pub folder: PathBuf,
}

/// What the soak was told, and what followed from that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// It is the one of `make check`.
    pub is_brief: bool,
    pub total: Duration,
    /// Whether each monitor brings up what others took down.
    pub restores_any: Vec<bool>,
}

/// `brief` or `drawn`, milliseconds, and the setting `restore` of each monitor.
const TOLD: &str = "told.tsv";

impl Told {
    pub fn write(&self, folder: &Path) {
        let milliseconds = self.total.as_millis();
        let restores = self.restores().join("\t");
        let kind = if self.is_brief { "brief" } else { "drawn" };
        let text = format!("{kind}\t{milliseconds}\t{restores}\n");
        fs::write(folder.join(TOLD), text).expect("the folder takes a file");
    }

    /// The setting of each monitor.
    pub fn restores(&self) -> Vec<&'static str> {
        let word = |any: &bool| if *any { "any" } else { "own" };
        self.restores_any.iter().map(word).collect()
    }

    fn read(folder: &Path) -> io::Result<Told> {
        let text = fs::read_to_string(folder.join(TOLD))?;
        let fields: Vec<&str> = text.trim_end().split('\t').collect();
        let total = fields.get(1).and_then(|total| total.parse().ok());
        match (fields.first(), total, fields.get(2..)) {
            (Some(kind), Some(total), Some(restore)) if restore.len() == MONITORS => Ok(Told {
                is_brief: *kind == "brief",
                total: Duration::from_millis(total),
                restores_any: restore.iter().map(|word| *word == "any").collect(),
            }),
            _ => Err(malformed(&text)),
        }
    }
}

/// What was done to something, and undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spell {
    pub word: String,
    pub objects: Vec<usize>,
    pub starting: u64,
    pub begun: u64,
    pub ending: u64,
    pub ended: u64,
}

/// To an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub at: u64,
    pub command: String,
    pub backend: usize,
    pub director: usize,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    pub synced: bool,
    /// How many seconds before the ring was synced for the last time, where the list says so.
    pub last_sync: Option<u64>,
    /// `U`, `D`, or `-` for one that is not listed.
    pub states: Vec<char>,
    pub users: Vec<u64>,
    /// The director's second in which each state was brought about.
    pub stamps: Vec<u64>,
}

/// From about then on a monitor's clock was so many seconds ahead of the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSet {
    pub at: u64,
    /// What the machine's clock showed, in milliseconds since 1970.
    pub wall: i64,
    pub ahead: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u64,
    pub descriptors: u64,
    pub threads: u64,
    pub kilobytes: u64,
    pub ticks: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Seconds since 1970, by the monitor's own clock.
    pub started: f64,
    pub written: f64,
    pub alarms: Vec<String>,
    pub backends: Vec<BackendStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendStatus {
    pub listed: String,
    pub verdict: String,
    pub drain: String,
    /// The rule that holds an action back; `-` if none does.
    pub rule: String,
}

impl History {
    pub fn read(folder: &Path) -> io::Result<History> {
        let mut history = History {
            acts: Vec::new(),
            replies: Vec::new(),
            first_act: 0,
            healing: 0,
            well: 0,
            end: 0,
            lists: Vec::new(),
            lines: Vec::new(),
            processes: Vec::new(),
            statuses: Vec::new(),
            clocks: vec![Vec::new(); MONITORS],
            backends: Vec::new(),
            panics: Vec::new(),
            told: Told::read(folder)?,
            folder: folder.to_path_buf(),
        };
        history.read_acts(&fs::read_to_string(folder.join("acts.tsv"))?)?;
        for (monitor, set) in clocks(&fs::read_to_string(folder.join("clocks.tsv"))?)? {
            history.clocks[monitor].push(set);
        }
        let backends = fs::read_to_string(folder.join("backends.tsv"))?;
        history.backends = backends.lines().map(str::to_owned).collect();
        for number in 1..=DIRECTORS {
            let text = fs::read_to_string(folder.join(format!("lists-{number}.tsv")))?;
            history.lists.push(rows(&text, list)?);
        }
        for number in 1..=MONITORS {
            let read = |name: &str| fs::read_to_string(folder.join(format!("{name}-{number}.tsv")));
            history
                .lines
                .push(rows(&read("log")?, |fields| Some(fields.join("\t")))?);
            history.processes.push(rows(&read("process")?, process)?);
            history.statuses.push(rows(&read("status")?, status)?);
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("dovecot-") {
                let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
                let lines = text.lines().filter(|line| tells_of_a_defect(line));
                history
                    .panics
                    .extend(lines.map(|line| format!("{name}: {line}")));
            }
        }
        Ok(history)
    }

    pub fn read_acts(&mut self, text: &str) -> io::Result<()> {
        let mut numbers: Vec<usize> = Vec::new();
        for (at, fields) in rows(text, |fields| {
            Some(
                fields
                    .iter()
                    .map(|field| field.to_string())
                    .collect::<Vec<_>>(),
            )
        })? {
            let words: Vec<&str> = fields.iter().map(String::as_str).collect();
            match words[..] {
                ["phase", "acts"] => self.first_act = at,
                ["phase", "healing"] => (self.healing, self.well) = (at, at),
                ["phase", "end"] => self.end = at,
                ["phase", _] => self.well = at,
                ["reply", command, objects, text] => {
                    let objects = numbers_of(objects);
                    self.replies.push(Reply {
                        at,
                        command: command.to_owned(),
                        backend: objects[0],
                        director: objects[1],
                        text: text.to_owned(),
                    });
                }
                [moment, number, word, objects] => {
                    let number = number.parse().map_err(|_| malformed(word))?;
                    if moment == "starting" {
                        numbers.push(number);
                        self.acts.push(Spell {
                            word: word.to_owned(),
                            objects: numbers_of(objects),
                            starting: at,
                            begun: u64::MAX,
                            ending: u64::MAX,
                            ended: u64::MAX,
                        });
                    }
                    let place = numbers.iter().position(|known| *known == number);
                    let spell = &mut self.acts[place.ok_or_else(|| malformed(word))?];
                    match moment {
                        "starting" => {}
                        "begun" => spell.begun = at,
                        "ending" => spell.ending = at,
                        "ended" => spell.ended = at,
                        _ => return Err(malformed(moment)),
                    }
                }
                _ => return Err(malformed(&fields.join("\t"))),
            }
        }
        Ok(())
    }

    /// Those that the director did.
    pub fn administrators_downs(&self) -> impl Iterator<Item = &Reply> {
        let downs = self.replies.iter();
        downs.filter(|reply| (&*reply.command, &*reply.text) == ("HOST-DOWN", "OK"))
    }

    /// The spells of this word, on this object if it is about objects.
    pub fn spells<'h>(&'h self, word: &'h str, object: usize) -> impl Iterator<Item = &'h Spell> {
        self.acts.iter().filter(move |spell| {
            spell.word == word && spell.objects.first().map_or(true, |first| *first == object)
        })
    }

    /// When a director's list was so, from one look to the next. No answer ends it.
    pub fn listed(&self, director: usize, is_so: impl Fn(&List) -> bool) -> Spans {
        let looks = &self.lists[director];
        Spans::of(looks.windows(2).filter_map(|pair| match &pair[0].1 {
            Some(list) if is_so(list) => Some((pair[0].0, pair[1].0)),
            _ => None,
        }))
    }

    /// When a director's list showed it unsynced, from the first look to the last one of a time in which it was not synced
    /// between two looks either.
    pub fn unsynced(&self, director: usize) -> Spans {
        const SECOND: u64 = 1_000;
        let mut spans: Vec<(u64, u64)> = Vec::new();
        let mut is_open = false;
        for (at, list) in &self.lists[director] {
            let list = match list {
                Some(list) if !list.synced => list,
                _ => {
                    is_open = false;
                    continue;
                }
            };
            let synced_at = list.last_sync.map(|ago| at.saturating_sub(ago * SECOND));
            match spans.last_mut() {
                Some(span)
                    if is_open && synced_at.map_or(true, |synced| synced < span.0 + SECOND) =>
                {
                    span.1 = *at;
                }
                _ => spans.push((*at, *at)),
            }
            is_open = true;
        }
        Spans::of(spans)
    }

    /// The lists that a director showed in this time.
    pub fn lists_within(&self, director: usize, from: u64, to: u64) -> impl Iterator<Item = &List> {
        let looks = self.lists[director].iter();
        looks
            .skip_while(move |(at, _)| *at < from)
            .take_while(move |(at, _)| *at <= to)
            .filter_map(|(_, list)| list.as_ref())
    }

    pub fn all_backends() -> std::ops::Range<usize> {
        0..BACKENDS
    }
}

fn malformed(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

/// Each line's time and the rest of its fields.
fn rows<T>(text: &str, read: impl Fn(&[&str]) -> Option<T>) -> io::Result<Vec<(u64, T)>> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let at = fields[0].parse().ok()?;
        Some((at, read(&fields[1..])?))
    };
    text.lines()
        .map(|line| row(line).ok_or_else(|| malformed(line)))
        .collect()
}

/// Of which monitor, and what was set.
fn clocks(text: &str) -> io::Result<Vec<(usize, ClockSet)>> {
    let row = |fields: &[&str]| {
        let (wall, ahead) = (fields.first()?.parse().ok()?, fields.get(2)?.parse().ok()?);
        let monitor = fields.get(1)?.parse().ok()?;
        (monitor < MONITORS).then_some((monitor, wall, ahead))
    };
    let sets = rows(text, row)?.into_iter();
    Ok(sets
        .map(|(at, (monitor, wall, ahead))| (monitor, ClockSet { at, wall, ahead }))
        .collect())
}

fn numbers_of(words: &str) -> Vec<usize> {
    words
        .split(',')
        .filter_map(|word| word.parse().ok())
        .collect()
}

fn list(fields: &[&str]) -> Option<Option<List>> {
    let (status, hosts) = fields.split_first()?;
    if *status == "-" {
        return Some(None);
    }
    let mut list = List {
        synced: *status == "ring synced",
        last_sync: last_sync(status),
        states: Vec::new(),
        users: Vec::new(),
        stamps: Vec::new(),
    };
    for host in hosts {
        let mut parts = host.split('/');
        list.states.push(parts.next()?.chars().next()?);
        list.users.push(parts.next()?.parse().ok()?);
        list.stamps.push(parts.next()?.parse().ok()?);
    }
    Some(Some(list))
}

/// From `ring syncing - last sync 13 secs ago`.
fn last_sync(status: &str) -> Option<u64> {
    let (_, ago) = status.split_once("last sync ")?;
    ago.split(' ').next()?.parse().ok()
}

fn process(fields: &[&str]) -> Option<Option<Process>> {
    if fields == ["-"] {
        return Some(None);
    }
    let mut numbers = fields.iter().map(|field| field.parse().ok());
    let mut next = || numbers.next().flatten();
    Some(Some(Process {
        pid: next()?,
        descriptors: next()?,
        threads: next()?,
        kilobytes: next()?,
        ticks: next()?,
    }))
}

fn status(fields: &[&str]) -> Option<Option<Status>> {
    if fields == ["-"] {
        return Some(None);
    }
    let time = |place: usize| fields.get(place)?.parse().ok();
    let alarms = fields.get(3)?.split(',').filter(|word| !word.is_empty());
    let backend = |field: &&str| {
        let mut words = field.split('/').map(str::to_owned);
        Some(BackendStatus {
            listed: words.next()?,
            verdict: words.next()?,
            drain: words.next()?,
            rule: words.next()?,
        })
    };
    Some(Some(Status {
        started: time(1)?,
        written: time(2)?,
        alarms: alarms.map(str::to_owned).collect(),
        backends: fields[4..].iter().map(backend).collect::<Option<_>>()?,
    }))
}
