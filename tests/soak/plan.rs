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

/// The seed and the length of the soak in `make check`. Its acts are of many kinds, and put most properties to the test,
/// and what a ring heals from slowly is over early: the tests below say what that means.
pub const BRIEF: (u64, Duration) = (12_855_700, Duration::from_secs(120));

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
    /// The one with the state file and the status file.
    DiskIsFull(usize),
    /// SIGHUP after the configuration was written anew.
    Reload(usize, Settings),
    /// The log is renamed, and SIGHUP sent.
    Rotation(usize),
    /// SIGUSR1.
    StatusIsAsked(usize),
    /// An administrator takes the backend down at this director, and up again when the act ends.
    Maintenance(usize, usize),
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
    let users = 1 + chance.below(4);
    let step = chance.pick(&STEPS);
    let long_ago = chance.one_in(4);
    let short = chance.milliseconds(500, 12_000);
    let long = chance.milliseconds(20_000, 80_000);
    let lasts = if chance.one_in(2) { short } else { long };
    let at_once = Duration::ZERO;
    let (what, lasts) = match chance.below(44) {
        0..=4 => (What::BackendDies(backend), lasts),
        5..=8 => (What::BackendFreezes(backend), lasts),
        9..=10 => (What::BackendIsCut(backend), lasts),
        11 => (What::AllBackendsAreCut, long / 2),
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
            assert_eq!(kinds.len(), 21, "{kinds:?}");
            for (place, act) in acts.iter().enumerate() {
                let during = |other: &&Act| other.at < act.at + act.lasts + REST;
                for other in acts[place + 1..].iter().take_while(during) {
                    let shared = things(act.what)
                        .into_iter()
                        .any(|thing| things(other.what).contains(&thing));
                    assert!(!shared, "seed {seed}: {act:?} and {other:?}");
                }
            }
        }
    }

    /// A ring whose member was frozen or cut off may take minutes until it is synced, one whose member has died 21 s.
    #[test]
    fn the_brief_soak_has_most_kinds_of_acts_and_ends_with_a_ring_at_rest() {
        let (seed, total) = BRIEF;
        let acts = acts(seed, total);
        let kinds: BTreeSet<&str> = acts.iter().map(|act| act.what.word()).collect();
        assert!(kinds.len() >= 17, "{kinds:?}");
        for kind in ["monitor-clock-steps", "machine-clock-steps", "visit"] {
            assert!(kinds.contains(kind), "{kind}");
        }
        for act in acts {
            let rests_for = total - (act.at + act.lasts);
            let least = match act.what {
                What::DirectorFreezes(_) | What::DirectorIsCut(_) => 75,
                What::DirectorDies(_) | What::DirectorProcessDies(_) => 45,
                _ => 0,
            };
            assert!(rests_for >= Duration::from_secs(least), "{act:?}");
        }
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
