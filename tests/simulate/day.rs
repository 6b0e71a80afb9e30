//! A random world and a random day in it: storms of faults, and calms in between.
//!
//! A day is two to five hours: long enough for holds of an hour, and what a longer one would add is
//! more of the same. Whatever happens is an event; seconds in which nothing does cost nothing but the
//! monitors' reading of the lists.

mod given;
mod layouts;
mod storms;

use std::net::IpAddr;
use std::time::Duration;

use poolmon::backend::HostState;
use poolmon::config::settings::Pace;

use poolmon::monitor::policy::{Alarm, Login, Member};
use poolmon::monitor::{Notice, Snapshot};
use poolmon::outcome::Stage;

use crate::chance::Chance;
use crate::history::{History, Times, What};
use crate::monitor::{Disk, Habits, Reload};
use crate::properties::terms::Timelines;
use crate::reached::Reached;
use crate::world::{Account, Disturbance, Layout, Life, Program, World};

use layouts::{give_delay_limits, give_rapid_rounds, random_layout};
use storms::{random_plan, Plan, Storms};

pub use given::engine;

/// Between two disturbances, for the time in between to be a calm.
const CALM: Duration = Duration::from_secs(300);

pub struct Day {
    pub layout: Layout,
    pub history: History,
    /// When nothing new disturbed the world.
    pub calms: Times,
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

/// Of so many days one has interruptions: the one with this remainder, which no day of those that broke a
/// property once has.
const INTERRUPTED: (u64, u64) = (10, 6);

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
        let mut world = World::new(&layout, chance.roll());
        for (at, disturbance) in plan.events {
            world.disturb(at, disturbance);
        }
        give_reloads(&mut world, &layout, seed, plan.length);
        give_passwords(&mut world, &layout, seed, plan.length);
        Day::through(world, layout, plan.length)
    }

    /// Whatever is to happen in the world is known.
    fn through(mut world: World, layout: Layout, length: Duration) -> Day {
        ask_for_status(&mut world, &layout, length);
        world.run_to(length);
        let ends = ends(&world, layout.posts.len());
        let calms = calms(&world.history);
        Day {
            times: Timelines::new(&layout, &world.history),
            layout,
            reached: world.reached(),
            history: world.history,
            calms,
            ends,
        }
    }

    /// The monitors of ours, with their settings.
    pub fn ours(&self) -> impl Iterator<Item = (usize, &Habits)> + '_ {
        let posts = self.layout.posts.iter().enumerate();
        posts.filter_map(|(watcher, post)| match &post.program {
            Program::Ours(habits) => Some((watcher, habits)),
            Program::Perl { .. } => None,
        })
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

fn calms(history: &History) -> Times {
    let disturbed = history
        .records
        .iter()
        .filter_map(|record| match record.what {
            What::Disturbed(_) => Some(record.at),
            _ => None,
        });
    let mut spans = Vec::new();
    let mut since = history.start;
    for at in disturbed.chain([history.end]) {
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
    let mut chance = Chance::new(seed ^ INTERRUPTIONS);
    let mut at = chance.seconds(60, 900);
    while at + Duration::from_secs(4500 + 300) < plan.length {
        let lasts = chance.seconds(1, 250);
        let watcher = chance.below(layout.posts.len());
        let backend = chance.below(layout.entries.len());
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
            _ => (
                Disturbance::Listed(backend, false),
                Disturbance::Listed(backend, true),
            ),
        };
        plan.events.push((at, begins));
        plan.events.push((at + lasts, ends));
        at += lasts + chance.seconds(20, 2000);
    }
}
