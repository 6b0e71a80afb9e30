//! A random world and a random day in it: storms of faults, and calms in between.
//!
//! A day is two to five hours: long enough for holds of an hour, and what a longer one would add is
//! more of the same. Whatever happens is an event; seconds in which nothing does cost nothing but the
//! monitors' reading of the lists.

mod given;
mod layouts;
mod storms;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use poolmon::backend::HostState;
use poolmon::config::settings::{self, Brake, DrainMode, Mode, MoveLimit, Pace, Restore, Rules};

use poolmon::monitor::policy::{Alarm, Login, Member};
use poolmon::monitor::{Notice, Snapshot};
use poolmon::outcome::Stage;

use crate::chance::Chance;
use crate::history::{History, Times, What};
use crate::monitor::{Checked, Disk, Habits, Reload};
use crate::properties::terms::Timelines;
use crate::reached::Reached;
use crate::ring::Speech;
use crate::world::{Account, Disturbance, Layout, Life, Mishap, Program, World};

use layouts::{give_delay_limits, give_rapid_rounds, random_layout};
use storms::{random_plan, Plan, Storms};

pub use given::engine;

/// Between two disturbances, for the time in between to be a calm.
const CALM: Duration = Duration::from_secs(300);

pub struct Day {
    pub layout: Layout,
    pub history: History,
    /// When nothing new disturbed the world, and no monitor had other rules than before.
    pub calms: Times,
    /// When a monitor began to judge by other settings.
    pub reloads: Vec<Instant>,
    pub times: Timelines,
    /// How each monitor of ours that runs at the end sees things then.
    pub ends: Vec<(usize, End)>,
    pub reached: Reached,
}

/// The end of a day, for one monitor.
pub struct End {
    pub alarms: Vec<Alarm>,
    pub notices: Vec<Notice>,
    /// The backends whose users it is still to move.
    pub owed: Vec<IpAddr>,
    /// Those that it lists down.
    pub down: Vec<IpAddr>,
    /// Of which the state file holds something else than it remembers.
    pub unwritten: Vec<IpAddr>,
    /// Commands not answered, or not seen in a list.
    pub unsettled: Vec<IpAddr>,
    /// What whoever looks is shown.
    pub shown: Snapshot,
    /// What it has said since it was started, in order.
    pub said: Vec<String>,
}

/// What sets these streams of chance apart.
const RAPID_ROUNDS: u64 = 0x7261_7069_6400;
const LOGINS: u64 = 0x6c6f_6769_6e73;
const SHARED_FAULTS: u64 = 0x7368_6172_6564;
const PASSWORDS: u64 = 0x7061_7373_776f_7264;
const RELOADS: u64 = 0x7265_6c6f_6164;
const LOSSES: u64 = 0x6c6f_7373_6573;
const DISKS: u64 = 0x6469_736b_7300;
const DELAY_LIMITS: u64 = 0x6465_6c61_7900;
const INTERRUPTIONS: u64 = 0x696e_7465_7272;
/// As the next one.
const MISHAPS: u64 = 0x706c_6179_029a;
/// So chosen that no day of those that broke a property before there were such reloads has one.
const OTHER_SETTINGS: u64 = 0x0072_756c_6573_01a6;

/// Of so many days one has interruptions: the one with this remainder, which no day of those that broke a
/// property once has.
const INTERRUPTED: (u64, u64) = (10, 6);

/// One day of so many, the one with this remainder, has all backends leave the lists at once, and not a single one.
/// None of the days that broke a property once is such a day.
const EMPTIED: (u64, u64) = (30, 26);

impl Day {
    pub fn live(seed: u64) -> Day {
        Day::live_with_login_interval(seed, Duration::ZERO)
    }

    /// The same day, with logins at this pace.
    pub fn live_with_login_interval(seed: u64, login_interval: Duration) -> Day {
        let mut chance = Chance::new(seed);
        let mut layout = random_layout(&mut chance);
        for post in &mut layout.posts {
            if let Program::Ours(habits) = &mut post.program {
                habits.pace.login_interval = login_interval;
            }
        }
        give_rapid_rounds(&mut layout, seed);
        give_delay_limits(&mut layout, seed);
        let mut plan = random_plan(&mut chance, &layout);
        give_logins(&mut layout, &mut plan, seed);
        give_shared_faults(&layout, &mut plan, seed);
        lose_watchers(&mut plan, seed);
        give_disks(&layout, &mut plan, seed);
        give_interruptions(&layout, &mut plan, seed);
        give_mishaps(&layout, &mut plan, seed);
        let mut world = World::new(&layout, chance.roll());
        for (at, disturbance) in plan.events {
            world.disturb(at, disturbance);
        }
        give_reloads(&mut world, &layout, seed, plan.length);
        give_passwords(&mut world, &layout, seed, plan.length);
        give_other_settings(&mut world, &layout, seed, plan.length);
        give_files(&mut world, &layout, seed, plan.length);
        Day::through(world, layout, plan.length)
    }

    /// Whatever is to happen in the world is known.
    fn through(mut world: World, layout: Layout, length: Duration) -> Day {
        ask_for_status(&mut world, &layout, length);
        world.run_to(length);
        let ends = ends(&world, layout.posts.len());
        let reloads = reloads(&world.history);
        let calms = calms(&world.history, &reloads);
        Day {
            times: Timelines::new(&layout, &world.history),
            layout,
            reached: world.reached(),
            history: world.history,
            calms,
            reloads,
            ends,
        }
    }

    /// The monitors of ours.
    pub fn ours(&self) -> impl Iterator<Item = usize> + '_ {
        self.watchers().filter(|watcher| self.is_ours(*watcher))
    }

    pub fn is_ours(&self, watcher: usize) -> bool {
        matches!(self.layout.posts[watcher].program, Program::Ours(_))
    }

    pub fn is_ours_alone(&self) -> bool {
        self.ours().count() == self.layout.posts.len()
    }

    pub fn backends(&self) -> std::ops::Range<usize> {
        0..self.layout.entries.len()
    }

    pub fn watchers(&self) -> std::ops::Range<usize> {
        0..self.layout.posts.len()
    }
}

fn ends(world: &World, watchers: usize) -> Vec<(usize, End)> {
    let running = (0..watchers).filter_map(|watcher| Some((watcher, world.monitor(watcher)?)));
    let ends = running.map(|(watcher, monitor)| {
        let engine = monitor.engine();
        let members = || engine.backends().members();
        let those = |is: fn(&Member) -> bool| {
            let members = members().filter(|(_, member)| is(member));
            members.map(|(address, _)| address).collect()
        };
        let end = End {
            alarms: monitor.alarms(),
            notices: engine.notices().cloned().collect(),
            owed: those(|member| member.pending_drain.is_some()),
            down: those(|member| member.listed.state == HostState::Down),
            unwritten: monitor.unwritten(),
            unsettled: those(|member| !member.is_settled()),
            shown: engine.snapshot(),
            said: monitor
                .said
                .iter()
                .map(|(_, _, line)| line.clone())
                .collect(),
        };
        (watcher, end)
    });
    ends.collect()
}

/// Now and then; it changes nothing.
fn ask_for_status(world: &mut World, layout: &Layout, length: Duration) {
    for watcher in 0..layout.posts.len() {
        for part in 1..4 {
            world.ask_status(length / 4 * part, watcher);
        }
    }
}

/// Another interval or time-out alone disturbs nothing.
fn reloads(history: &History) -> Vec<Instant> {
    let judges_by = |habits: &Habits| {
        let mut habits = *habits;
        habits.pace.interval = Duration::ZERO;
        habits.pace.timeout = Duration::ZERO;
        habits
    };
    let mut in_force = BTreeMap::new();
    let mut reloads = Vec::new();
    for record in &history.records {
        if let What::Uses { watcher, habits } = &record.what {
            let before = in_force.insert(*watcher, judges_by(habits));
            if before.map_or(false, |before| before != judges_by(habits)) {
                reloads.push(record.at);
            }
        }
    }
    reloads
}

fn calms(history: &History, reloads: &[Instant]) -> Times {
    let disturbed = history
        .records
        .iter()
        .filter_map(|record| match record.what {
            What::Disturbed(_) => Some(record.at),
            _ => None,
        });
    let mut disturbed: Vec<Instant> = disturbed.chain(reloads.iter().copied()).collect();
    disturbed.sort_unstable();
    let mut spans = Vec::new();
    let mut since = history.start;
    for at in disturbed.into_iter().chain([history.end]) {
        if at - since >= CALM {
            spans.push((since, at));
        }
        since = at;
    }
    Times(spans)
}

/// On some days the backends have accounts of several, or none, and what is refused is one of these.
/// Drawn apart, too.
fn give_logins(layout: &mut Layout, plan: &mut Plan, seed: u64) {
    let mut chance = Chance::new(seed ^ LOGINS);
    if !chance.one_in(3) {
        return;
    }
    for login in &mut layout.logins {
        *login = chance.pick(&[None, Some(Login(1)), Some(Login(2))]);
    }
    for (_, disturbance) in &mut plan.events {
        if let Disturbance::Account(_, account @ Account::Refused) = disturbance {
            let one = Account::RefusedAs(Login(chance.pick(&[1, 2])));
            *account = chance.pick(&[Account::Refused, one, one]);
        }
    }
}

/// On some days something that backends have in common is refused at some of them, or at all, for a
/// while. Drawn apart, too.
fn give_shared_faults(layout: &Layout, plan: &mut Plan, seed: u64) {
    let mut chance = Chance::new(seed ^ SHARED_FAULTS);
    if chance.one_in(2) {
        return;
    }
    let mut at = chance.seconds(60, 1200);
    while at + Duration::from_secs(4500) < plan.length {
        let stage = chance.pick(&[Stage::Upgrade, Stage::Login, Stage::Select]);
        let spared = chance.pick(&[0, 0, 1, 2]);
        let ends = at + chance.seconds(100, 2500);
        for watcher in 0..layout.posts.len() {
            if chance.one_in(4) {
                continue;
            }
            for backend in spared..layout.entries.len() {
                let shared = |stage| Disturbance::Shared(watcher, backend, stage);
                let one_after_the_other = chance.milliseconds(0, 20_000);
                plan.events
                    .push((at + one_after_the_other, shared(Some(stage))));
                plan.events.push((ends + one_after_the_other, shared(None)));
            }
        }
        at = ends + chance.seconds(100, 2000);
    }
}

/// Every second monitor that is killed in the middle of a command stays away for a while. Drawn apart, too.
fn lose_watchers(plan: &mut Plan, seed: u64) {
    let mut chance = Chance::new(seed ^ LOSSES);
    for (_, disturbance) in &mut plan.events {
        if let Disturbance::KillAt(watcher, moment) = *disturbance {
            if chance.one_in(2) {
                *disturbance = Disturbance::LoseAt(watcher, moment);
            }
        }
    }
}

/// On some days the monitors are told to read their settings again, and find a quicker pace, their old
/// one, or other services. Drawn apart, too.
fn give_reloads(world: &mut World, layout: &Layout, seed: u64, length: Duration) {
    let mut chance = Chance::new(seed ^ RELOADS);
    if chance.one_in(2) {
        return;
    }
    for (watcher, post) in layout.posts.iter().enumerate() {
        let pace = match &post.program {
            Program::Ours(habits) => habits.pace,
            Program::Perl { .. } => continue,
        };
        let quick = Pace {
            interval: pace.interval / 2,
            timeout: pace.timeout / 2,
            ..pace
        };
        let mut at = chance.seconds(10, 2000);
        while at < length {
            let reload = chance.pick(&[
                Reload::Pace(quick),
                Reload::Pace(pace),
                Reload::OtherServices,
            ]);
            world.reload(at, watcher, reload);
            // Neither changes anything for long.
            let after = chance.seconds(60, 500);
            world.reload(
                at + after,
                watcher,
                chance.pick(&[Reload::Broken, Reload::OtherSocket]),
            );
            at += chance.seconds(600, 3000);
        }
    }
}

/// On one day of four monitors are stopped rather than killed, commands are refused or come too late, directors say
/// what nobody knows, and a script has no thread or a monitor few descriptors for a while. Drawn apart, too.
fn give_mishaps(layout: &Layout, plan: &mut Plan, seed: u64) {
    let mut chance = Chance::new(seed ^ MISHAPS);
    if !chance.one_in(4) {
        return;
    }
    for (_, disturbance) in &mut plan.events {
        if let Disturbance::Watcher(_, life @ Life::Crash) = disturbance {
            *life = chance.pick(&[Life::Crash, Life::Stop]);
        }
    }
    let mut at = chance.seconds(60, 900);
    while at + Duration::from_secs(4500 + 300) < plan.length {
        let lasts = chance.seconds(1, 250);
        let watcher = chance.below(layout.posts.len());
        let director = chance.below(layout.skews.len());
        let mishap = chance.pick(&[
            Mishap::TryAgain,
            Mishap::Refused,
            Mishap::BackendLeaves,
            Mishap::DirectorDies,
        ]);
        let start = Disturbance::Watcher(watcher, Life::Start);
        let (begins, ends) = match chance.below(8) {
            0 => (
                vec![Disturbance::SpareForScripts(watcher, false)],
                vec![Disturbance::SpareForScripts(watcher, true)],
            ),
            1 => {
                let most = 1 + chance.below(layout.entries.len());
                (
                    vec![Disturbance::Descriptors(watcher, most), start],
                    vec![Disturbance::Descriptors(watcher, usize::MAX), start],
                )
            }
            2 | 3 => {
                let speech = chance.pick(&[Speech::Malformed, Speech::UnknownStatus]);
                (
                    vec![Disturbance::Speaks(director, speech)],
                    vec![Disturbance::Speaks(director, Speech::Plain)],
                )
            }
            _ => (vec![Disturbance::Befalls(watcher, mishap)], Vec::new()),
        };
        let begins = begins.into_iter().map(|one| (at, one));
        let ends = ends.into_iter().map(|one| (at + lasts, one));
        plan.events.extend(begins.chain(ends));
        at += lasts + chance.seconds(20, 1200);
    }
}

/// On these days the operator wants files for people now and then, until the next start.
fn give_files(world: &mut World, layout: &Layout, seed: u64, length: Duration) {
    let mut chance = Chance::new(seed ^ MISHAPS);
    if !chance.one_in(4) {
        return;
    }
    for watcher in 0..layout.posts.len() {
        let mut at = chance.seconds(60, 2000);
        while at + Duration::from_secs(4500) < length {
            world.reload(at, watcher, Reload::Published);
            at += chance.seconds(600, 3000);
        }
    }
}

/// On one day of four the operator thinks otherwise now and then of what a monitor is to do, or to check, or lets it
/// only say what it would do. What lasts is what was written last. Drawn apart, too.
fn give_other_settings(world: &mut World, layout: &Layout, seed: u64, length: Duration) {
    let mut chance = Chance::new(seed ^ OTHER_SETTINGS);
    if !chance.one_in(4) {
        return;
    }
    for (watcher, post) in layout.posts.iter().enumerate() {
        let first = match &post.program {
            Program::Ours(habits) => *habits,
            Program::Perl { .. } => continue,
        };
        let mut habits = first;
        let mut at = chance.seconds(60, 2000);
        while at + Duration::from_secs(4500) < length {
            match chance.one_in(5) {
                true => habits = first,
                false => {
                    for _ in 0..1 + chance.below(2) {
                        change_one(&mut habits, &mut chance);
                    }
                }
            }
            world.reload(at, watcher, Reload::Habits(habits));
            at += chance.seconds(20, 2500);
        }
    }
}

fn change_one(habits: &mut Habits, chance: &mut Chance) {
    let Habits {
        pace,
        rules,
        mode,
        checked,
    } = habits;
    match chance.below(11) {
        0 => rules.restore = chance.pick(&[Restore::Any, Restore::Own]),
        1 => {
            rules.brake = chance.pick(&[
                Brake::Refuge,
                Brake::AtMost(1),
                Brake::AtMost(2),
                Brake::Percent(34),
                Brake::Percent(50),
                Brake::Off,
            ])
        }
        2 => rules.down_delay = Duration::from_secs(chance.pick(&[0, 5, 20, 60])),
        3 => rules.down_delay_limit = chance.pick(&[None, Some(0), Some(1), Some(2)]),
        4 => {
            let limit = MoveLimit::AtMost(NonZeroU32::new(1).expect("one is not zero"));
            rules.drain = chance.pick(&[
                DrainMode::Move {
                    limit: MoveLimit::All,
                },
                DrainMode::Move { limit },
                DrainMode::Drop,
                DrainMode::Leave,
            ]);
        }
        5 => {
            let usual = Rules::usual_hold(pace.interval);
            rules.hold = chance.pick(&[usual, Duration::from_secs(10), Duration::from_secs(1200)]);
        }
        6 => pace.interval = Duration::from_secs(chance.pick(&[3, 5, 10, 30])),
        7 => {
            pace.timeout = chance.seconds(2, 5);
            pace.rise = chance.pick(&[1, 1, 2]);
            pace.fall = chance.pick(&[1, 1, 3]);
        }
        8 => pace.plan = random_plan_of_attempts(chance),
        9 => *checked = chance.pick(&[Checked::All, Checked::AllButFirst, Checked::AllButLast]),
        _ => *mode = chance.pick(&[Mode::Live, Mode::Live, Mode::DryRun]),
    }
}

fn random_plan_of_attempts(chance: &mut Chance) -> settings::Plan {
    match chance.one_in(2) {
        true => settings::Plan::Retries(settings::Retries {
            retries: chance.pick(&[0, 1, 4]),
            retry_delay: Duration::from_secs(chance.pick(&[1, 3])),
        }),
        false => settings::Plan::Rapid(settings::Rapid {
            retry_count: chance.pick(&[1, 2, 3]),
            rapid_rounds: 3,
            rapid_fails_needed: 2,
            rapid_timeout: chance.seconds(1, 3),
        }),
    }
}

/// On some days with accounts the password is changed now and then, and still the right one. Drawn apart, too.
fn give_passwords(world: &mut World, layout: &Layout, seed: u64, length: Duration) {
    let mut chance = Chance::new(seed ^ PASSWORDS);
    if chance.one_in(2) {
        return;
    }
    for watcher in 0..layout.posts.len() {
        let mut at = chance.seconds(100, 2000);
        while at < length {
            world.reload(at, watcher, Reload::OtherPassword);
            at += chance.seconds(300, 3000);
        }
    }
}

/// On some days the disk of a monitor's state file is slow, hangs, or is full for a while. Drawn apart, too.
fn give_disks(layout: &Layout, plan: &mut Plan, seed: u64) {
    let mut chance = Chance::new(seed ^ DISKS);
    if !chance.one_in(3) {
        return;
    }
    for watcher in 0..layout.posts.len() {
        let mut at = chance.seconds(30, 3000);
        while at + Duration::from_secs(4500 + 1500) < plan.length {
            let late = Disk::Late(chance.milliseconds(1, 3000));
            let disk = chance.pick(&[late, late, Disk::Hangs, Disk::Full]);
            plan.events.push((at, Disturbance::Disk(watcher, disk)));
            at += chance.seconds(10, 1500);
            let good = Disturbance::Disk(watcher, Disk::Good);
            plan.events.push((at, good));
            at += chance.seconds(300, 4000);
        }
    }
}

/// On every tenth day monitors stand still, find too few threads when they start or when they send, or lose a
/// thread, and backends leave the lists and come back. Nothing of that lasts as long as a calm takes
/// to begin. Drawn apart, too.
fn give_interruptions(layout: &Layout, plan: &mut Plan, seed: u64) {
    let (days, remainder) = INTERRUPTED;
    if seed % days != remainder {
        return;
    }
    let leaves_all = seed % EMPTIED.0 == EMPTIED.1;
    let mut chance = Chance::new(seed ^ INTERRUPTIONS);
    let mut at = chance.seconds(60, 900);
    while at + Duration::from_secs(4500 + 300) < plan.length {
        let lasts = chance.seconds(1, 250);
        let watcher = chance.below(layout.posts.len());
        let backend = chance.below(layout.entries.len());
        let leaving = match leaves_all {
            true => 0..layout.entries.len(),
            false => backend..backend + 1,
        };
        let (begins, ends) = match chance.below(6) {
            0 => (
                Disturbance::Still(watcher, lasts),
                Disturbance::Still(watcher, Duration::ZERO),
            ),
            1 => {
                // Only a start asks for threads.
                let start = Disturbance::Watcher(watcher, Life::Start);
                plan.events.push((at + Duration::from_millis(1), start));
                let threads = chance.below(layout.entries.len());
                (
                    Disturbance::Threads(watcher, threads),
                    Disturbance::Threads(watcher, usize::MAX),
                )
            }
            2 => (
                Disturbance::Spare(watcher, false),
                Disturbance::Spare(watcher, true),
            ),
            // By then there is another thread, and it has done its work.
            3 => (
                Disturbance::WorkerDies(watcher, backend),
                Disturbance::Threads(watcher, usize::MAX),
            ),
            4 => (
                Disturbance::ReaderDies(watcher),
                Disturbance::Threads(watcher, usize::MAX),
            ),
            _ => {
                for backend in leaving {
                    let listed = |is_listed| Disturbance::Listed(backend, is_listed);
                    plan.events.push((at, listed(false)));
                    plan.events.push((at + lasts, listed(true)));
                }
                at += lasts + chance.seconds(20, 2000);
                continue;
            }
        };
        plan.events.push((at, begins));
        plan.events.push((at + lasts, ends));
        at += lasts + chance.seconds(20, 2000);
    }
}
