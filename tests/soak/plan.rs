//! What is done to the ring, and when: drawn from a seed, so that the same seed plays the same acts.
//!
//! It knows how many directors, backends and monitors there are, and does nothing by itself. A longer
//! plan of a seed begins like a shorter one.

use std::fmt;
use std::time::Duration;

use super::chance::Chance;

pub const DIRECTORS: usize = 3;
pub const BACKENDS: usize = 5;
/// One for each director.
pub const MONITORS: usize = DIRECTORS;
/// This monitor is never ended: what its process holds at the end can be compared with the start.
pub const LASTING: usize = MONITORS - 1;

/// Whether its log is on the disk that may be full: lines are lost then, and the judge knows less of what it does. That of
/// the lasting one is whole.
pub fn logs_to_its_disk(monitor: usize) -> bool {
    monitor != LASTING
}

/// After an act has ended, its object is left alone for so long.
const REST: Duration = Duration::from_secs(4);
/// So many backends may be in a state of an act at a time, unless all are.
const MOST_BACKENDS: usize = 3;

const HOUR: i64 = 3600;
/// By how many seconds a clock jumps: a time server that corrects a clock which was set to local time, or drifted,
/// or had no battery and began in the past.
const STEPS: [i64; 8] = [
    -12 * HOUR,
    -3 * HOUR,
    -HOUR,
    -40,
    40,
    HOUR,
    3 * HOUR,
    12 * HOUR,
];
const DECADES: i64 = 20 * 365 * 24 * HOUR;

/// Directors, backends and monitors are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    BackendDies(usize),
    BackendFreezes(usize),
    /// Nobody reaches it: its packets are dropped.
    BackendIsCut(usize),
    /// Nobody reaches any backend.
    AllBackendsAreCut,
    /// The whole instance.
    DirectorDies(usize),
    /// The process `director` alone, for which Dovecot's master starts another one.
    DirectorProcessDies(usize),
    DirectorFreezes(usize),
    /// From the other directors.
    DirectorIsCut(usize),
    /// kill -9.
    MonitorIsKilled(usize),
    /// SIGTERM.
    MonitorIsStopped(usize),
    MonitorFreezes(usize),
    /// From all backends.
    MonitorIsCut(usize),
    MonitorLosesBackend(usize, usize),
    /// The one with all files that the monitor writes, its log among them if `logs_to_its_disk`.
    DiskIsFull(usize),
    /// SIGHUP after the configuration was written anew.
    Reload(usize, Settings),
    /// The log is renamed, and SIGHUP sent.
    Rotation(usize),
    /// SIGUSR1.
    StatusIsAsked(usize),
    /// An administrator takes the backend down at this director, and up again when the act ends.
    Maintenance(usize, usize),
    /// An administrator takes all backends down at this director at a stroke, and up again when the act ends.
    PoolIsEmptied(usize),
    /// So many users log in at this director, and stay until the act ends.
    Visit(usize, usize),
    /// The monitor's wall clock jumps by so many seconds, and back when the act ends.
    MonitorClockSteps(usize, i64),
    /// The same with the clock of a director and its monitor, which are on one machine.
    MachineClockSteps(usize, i64),
}

/// What a reload reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    Usual,
    Quicker,
    Pop3Too,
    RiseAndFall,
    /// It is refused, and the old settings stay.
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    pub at: Duration,
    /// Zero for what happens at a moment.
    pub lasts: Duration,
    pub what: What,
}

/// What no two acts may have in their hands at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    Backend(usize),
    Director(usize),
    Monitor(usize),
    /// The administrator's hand on a backend, which may be dead meanwhile.
    Listing(usize),
    Visits(usize),
    /// Of a director's machine.
    Clock(usize),
}

/// How far the clocks of two machines may be apart, in seconds.
const MOST_SHIFT: usize = 20;

/// What a soak is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// From which it was drawn; the brief one was not.
    pub seed: Option<u64>,
    pub total: Duration,
    pub acts: Vec<Act>,
    /// By how many seconds the clock of each director's machine is ahead.
    pub shifts: [i64; DIRECTORS],
    /// Whether each monitor brings up what others took down (`restore: any`), or only what it took down itself (`own`).
    /// One at least brings up all: what an administrator took down would stay down otherwise.
    pub restores_any: [bool; MONITORS],
}

impl Plan {
    pub fn drawn(seed: u64, total: Duration) -> Plan {
        let mut chance = Chance::new(!seed);
        let shifts =
            [(); DIRECTORS].map(|()| chance.below(2 * MOST_SHIFT + 1) as i64 - MOST_SHIFT as i64);
        let mut restores_any = [(); MONITORS].map(|()| !chance.one_in(3));
        restores_any[chance.below(MONITORS)] = true;
        Plan {
            seed: Some(seed),
            total,
            acts: acts(seed, total),
            shifts,
            restores_any,
        }
    }

    /// That of `make check`: in two minutes each property is put to the test that can be, and what a ring heals from slowly is
    /// over early.
    pub fn brief() -> Plan {
        let act = |at: u64, lasts: u64, what: What| Act {
            at: Duration::from_millis(at),
            lasts: Duration::from_millis(lasts),
            what,
        };
        Plan {
            seed: None,
            total: Duration::from_secs(120),
            shifts: [5, -8, 6],
            restores_any: [true, true, false],
            acts: vec![
                // So many that there are some at each backend.
                act(500, 80_000, What::Visit(0, 16)),
                act(900, 0, What::Rotation(1)),
                act(1_300, 100_000, What::Visit(2, 16)),
                // The ring is unsynced after 2 s to 25 s, and then a backend dies.
                act(2_000, 40_000, What::DirectorFreezes(1)),
                act(8_000, 22_000, What::DiskIsFull(0)),
                act(14_000, 16_000, What::BackendFreezes(0)),
                act(30_000, 0, What::Reload(2, Settings::Bad)),
                act(32_000, 12_000, What::BackendDies(4)),
                act(35_000, 0, What::Reload(0, Settings::Pop3Too)),
                act(36_000, 0, What::StatusIsAsked(2)),
                act(40_000, 20_000, What::MachineClockSteps(1, HOUR)),
                // It has users, and goes down in time and once.
                act(44_000, 32_000, What::BackendDies(1)),
                // Those who restore any bring it up after the hold, and the one with own does not.
                act(59_000, 32_000, What::Maintenance(3, 2)),
                // A dispute.
                act(60_500, 18_000, What::MonitorLosesBackend(1, 4)),
                act(68_000, 20_000, What::BackendIsCut(2)),
                // For a moment the ring is unsynced: the dead backend has been judged by then.
                act(72_000, 0, What::DirectorProcessDies(1)),
                // It sees nothing for longer than what it saw before may count.
                act(74_000, 30_000, What::MonitorIsCut(2)),
                act(76_500, 2_500, What::DirectorDies(1)),
                act(88_000, 8_000, What::MonitorClockSteps(0, -DECADES)),
                act(95_500, 20_000, What::PoolIsEmptied(0)),
                act(97_000, 4_000, What::MonitorIsKilled(0)),
                act(103_000, 10_000, What::BackendFreezes(3)),
                act(104_000, 12_000, What::BackendDies(4)),
                act(105_500, 4_000, What::MonitorFreezes(0)),
                act(108_000, 4_000, What::MonitorIsStopped(1)),
            ],
        }
    }
}

/// All acts that begin and end within `total`, in the order of their beginning.
pub fn acts(seed: u64, total: Duration) -> Vec<Act> {
    let mut chance = Chance::new(seed);
    let mut acts = Vec::new();
    let mut taken: Vec<(Thing, Duration)> = Vec::new();
    let mut now = Duration::from_secs(1);
    while now < total {
        // All is drawn before anything is decided, so that a plan's length changes no later draw.
        let act = Act {
            at: now,
            ..draw(&mut chance)
        };
        now += chance.milliseconds(500, 6_000);
        taken.retain(|(_, until)| *until > act.at);
        let things = things(act.what);
        let is_free = things
            .iter()
            .all(|thing| !taken.iter().any(|(other, _)| other == thing));
        if is_free && !is_too_much(act.what, &taken) {
            let until = act.at + act.lasts + REST;
            taken.extend(things.into_iter().map(|thing| (thing, until)));
            if act.at + act.lasts <= total {
                acts.push(act);
            }
        }
    }
    acts
}

fn draw(chance: &mut Chance) -> Act {
    let backend = chance.below(BACKENDS);
    let director = chance.below(DIRECTORS);
    let monitor = chance.below(MONITORS);
    let mortal = chance.below(LASTING);
    let settings = chance.pick(&[
        Settings::Usual,
        Settings::Quicker,
        Settings::Pop3Too,
        Settings::RiseAndFall,
        Settings::Bad,
    ]);
    let users = 4 + chance.below(6);
    let step = chance.pick(&STEPS);
    let long_ago = chance.one_in(4);
    let short = chance.milliseconds(500, 12_000);
    let long = chance.milliseconds(20_000, 80_000);
    let lasts = if chance.one_in(2) { short } else { long };
    let at_once = Duration::ZERO;
    let (what, lasts) = match chance.below(48) {
        0..=4 => (What::BackendDies(backend), lasts),
        5..=8 => (What::BackendFreezes(backend), lasts),
        9..=10 => (What::BackendIsCut(backend), lasts),
        11 | 43 => (What::AllBackendsAreCut, long / 2),
        12..=13 => (What::DirectorDies(director), short),
        14..=15 => (What::DirectorProcessDies(director), at_once),
        16 => (What::DirectorFreezes(director), lasts),
        17 => (What::DirectorIsCut(director), lasts),
        18..=19 => (What::MonitorIsKilled(mortal), short),
        20 => (What::MonitorIsStopped(mortal), short),
        21..=22 => (What::MonitorFreezes(monitor), lasts),
        23 => (What::MonitorIsCut(monitor), lasts),
        24..=25 => (What::MonitorLosesBackend(monitor, backend), lasts),
        26..=27 => (What::DiskIsFull(monitor), lasts),
        28..=29 => (What::Reload(monitor, settings), at_once),
        30..=31 => (What::Rotation(monitor), at_once),
        32 => (What::StatusIsAsked(monitor), at_once),
        33..=35 => (What::Maintenance(backend, director), long),
        36 if long_ago => (What::MonitorClockSteps(monitor, -DECADES), lasts),
        36..=37 => (What::MonitorClockSteps(monitor, step), lasts),
        38..=39 => (What::MachineClockSteps(director, step), lasts),
        40..=42 => (What::PoolIsEmptied(director), long),
        _ => (What::Visit(director, users), long),
    };
    Act {
        at: Duration::ZERO,
        lasts,
        what,
    }
}

fn things(what: What) -> Vec<Thing> {
    match what {
        What::BackendDies(backend)
        | What::BackendFreezes(backend)
        | What::BackendIsCut(backend) => {
            vec![Thing::Backend(backend)]
        }
        What::AllBackendsAreCut => (0..BACKENDS).map(Thing::Backend).collect(),
        What::DirectorDies(director)
        | What::DirectorProcessDies(director)
        | What::DirectorFreezes(director)
        | What::DirectorIsCut(director) => vec![Thing::Director(director)],
        What::MonitorIsKilled(monitor)
        | What::MonitorIsStopped(monitor)
        | What::MonitorFreezes(monitor)
        | What::MonitorIsCut(monitor)
        | What::MonitorLosesBackend(monitor, _)
        | What::DiskIsFull(monitor)
        | What::Reload(monitor, _)
        | What::Rotation(monitor)
        | What::StatusIsAsked(monitor) => vec![Thing::Monitor(monitor)],
        What::Maintenance(backend, _) => vec![Thing::Listing(backend)],
        What::PoolIsEmptied(_) => (0..BACKENDS).map(Thing::Listing).collect(),
        What::Visit(director, _) => vec![Thing::Visits(director)],
        What::MonitorClockSteps(machine, _) | What::MachineClockSteps(machine, _) => {
            vec![Thing::Clock(machine)]
        }
    }
}

/// One more backend out of order would leave too few that stand.
fn is_too_much(what: What, taken: &[(Thing, Duration)]) -> bool {
    let is_backend = |thing: &Thing| matches!(thing, Thing::Backend(_));
    let out_of_order = taken.iter().filter(|(thing, _)| is_backend(thing)).count();
    let more = things(what)
        .iter()
        .filter(|thing| is_backend(thing))
        .count();
    more == 1 && out_of_order >= MOST_BACKENDS
}

impl What {
    /// One word, for the recording.
    pub fn word(self) -> &'static str {
        match self {
            What::BackendDies(_) => "backend-dies",
            What::BackendFreezes(_) => "backend-freezes",
            What::BackendIsCut(_) => "backend-is-cut",
            What::AllBackendsAreCut => "all-backends-are-cut",
            What::DirectorDies(_) => "director-dies",
            What::DirectorProcessDies(_) => "director-process-dies",
            What::DirectorFreezes(_) => "director-freezes",
            What::DirectorIsCut(_) => "director-is-cut",
            What::MonitorIsKilled(_) => "monitor-is-killed",
            What::MonitorIsStopped(_) => "monitor-is-stopped",
            What::MonitorFreezes(_) => "monitor-freezes",
            What::MonitorIsCut(_) => "monitor-is-cut",
            What::MonitorLosesBackend(..) => "monitor-loses-backend",
            What::DiskIsFull(_) => "disk-is-full",
            What::Reload(..) => "reload",
            What::Rotation(_) => "rotation",
            What::StatusIsAsked(_) => "status-is-asked",
            What::Maintenance(..) => "maintenance",
            What::PoolIsEmptied(_) => "pool-is-emptied",
            What::Visit(..) => "visit",
            What::MonitorClockSteps(..) => "monitor-clock-steps",
            What::MachineClockSteps(..) => "machine-clock-steps",
        }
    }

    /// On which it is done, by numbers.
    pub fn objects(self) -> Vec<usize> {
        match self {
            What::AllBackendsAreCut => Vec::new(),
            What::BackendDies(one)
            | What::BackendFreezes(one)
            | What::BackendIsCut(one)
            | What::DirectorDies(one)
            | What::DirectorProcessDies(one)
            | What::DirectorFreezes(one)
            | What::DirectorIsCut(one)
            | What::PoolIsEmptied(one)
            | What::MonitorIsKilled(one)
            | What::MonitorIsStopped(one)
            | What::MonitorFreezes(one)
            | What::MonitorIsCut(one)
            | What::DiskIsFull(one)
            | What::Reload(one, _)
            | What::Rotation(one)
            | What::StatusIsAsked(one)
            | What::MonitorClockSteps(one, _)
            | What::MachineClockSteps(one, _) => vec![one],
            What::MonitorLosesBackend(one, other)
            | What::Maintenance(one, other)
            | What::Visit(one, other) => vec![one, other],
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        for object in self.objects() {
            write!(f, " {}", object + 1)?;
        }
        match self {
            What::Reload(_, settings) => write!(f, " {settings:?}"),
            What::MonitorClockSteps(_, seconds) | What::MachineClockSteps(_, seconds) => {
                write!(f, " {seconds:+} s")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ONE_HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_same_seed_plays_the_same_acts_and_a_longer_plan_begins_like_a_shorter_one() {
        let minute = Duration::from_secs(60);
        for seed in 0..20 {
            let long = acts(seed, ONE_HOUR);
            assert_eq!(long, acts(seed, ONE_HOUR));
            let short = acts(seed, 5 * minute);
            let within = |act: &&Act| act.at + act.lasts <= 5 * minute;
            let begun = long.iter().filter(within).copied().collect::<Vec<_>>();
            assert_eq!(short, begun);
        }
        assert_ne!(acts(1, ONE_HOUR), acts(2, ONE_HOUR));
    }

    #[test]
    fn an_hour_has_every_kind_of_act_and_never_two_at_a_time_on_one_thing() {
        for seed in 0..20 {
            let acts = acts(seed, ONE_HOUR);
            let kinds: BTreeSet<&str> = acts.iter().map(|act| act.what.word()).collect();
            assert_eq!(kinds.len(), 22, "{kinds:?}");
            no_two_at_a_time_on_one_thing(&acts);
        }
    }

    fn no_two_at_a_time_on_one_thing(acts: &[Act]) {
        for (place, act) in acts.iter().enumerate() {
            let during = |other: &&Act| other.at < act.at + act.lasts + REST;
            for other in acts[place + 1..].iter().take_while(during) {
                let shared = things(act.what)
                    .into_iter()
                    .any(|thing| things(other.what).contains(&thing));
                assert!(!shared, "{act:?} and {other:?}");
            }
        }
    }

    /// A ring whose member was frozen or cut off may take minutes until it is synced, one whose member has died 21 s. A
    /// recording is begun anew a minute after its disk was full.
    #[test]
    fn the_brief_soak_has_most_kinds_of_acts_and_ends_with_a_ring_at_rest() {
        let Plan { acts, total, .. } = Plan::brief();
        let kinds: BTreeSet<&str> = acts.iter().map(|act| act.what.word()).collect();
        assert_eq!(kinds.len(), 20, "{kinds:?}");
        assert!(acts.windows(2).all(|pair| pair[0].at <= pair[1].at));
        no_two_at_a_time_on_one_thing(&acts);
        for act in acts {
            let rests_for = total - (act.at + act.lasts);
            let least = match act.what {
                What::DirectorFreezes(_) | What::DirectorIsCut(_) => 75,
                What::DirectorDies(_) | What::DirectorProcessDies(_) => 40,
                What::DiskIsFull(_) => 60,
                _ => 0,
            };
            assert!(rests_for >= Duration::from_secs(least), "{act:?}");
        }
    }

    #[test]
    fn a_long_soak_empties_the_pool_and_blinds_a_monitor_whatever_its_seed() {
        for seed in 0..50 {
            let acts = acts(seed, ONE_HOUR / 2);
            let count =
                |is_one: fn(What) -> bool| acts.iter().filter(|act| is_one(act.what)).count();
            assert!(
                count(|what| matches!(what, What::PoolIsEmptied(_))) >= 2,
                "{seed}"
            );
            let blinds = |what| matches!(what, What::MonitorIsCut(_) | What::AllBackendsAreCut);
            assert!(count(blinds) >= 4, "{seed}");
        }
    }

    #[test]
    fn some_monitors_restore_any_and_some_their_own() {
        let drawn = (0..40).map(|seed| Plan::drawn(seed, Duration::ZERO).restores_any);
        let counts: BTreeSet<usize> = drawn
            .map(|any| any.iter().filter(|any| **any).count())
            .collect();
        assert_eq!(counts, BTreeSet::from([1, 2, 3]));
    }

    #[test]
    fn the_lasting_monitor_is_never_ended() {
        for seed in 0..20 {
            for act in acts(seed, ONE_HOUR) {
                if let What::MonitorIsKilled(monitor) | What::MonitorIsStopped(monitor) = act.what {
                    assert_ne!(monitor, LASTING);
                }
            }
        }
    }
}
