//! What README promises of the defaults: how soon a backend is down and up again, and how quiet the log is.

use poolmon::backend::HostState;
use poolmon::cli;
use poolmon::config::table::DefaultsOf;
use poolmon::monitor::Level;
use poolmon::program::Program as CalledAs;

use super::*;
use crate::history::What;

/// Seconds from one failure of a backend to its next one. A backend that fails three times within an hour has to wait before
/// it comes up; none does.
const APART: u64 = 3700;
const FAILURES: u64 = 4;
/// Long enough for everything to come to rest.
const REST: u64 = 600;

/// All as it is without options, the two ports included.
fn with_the_defaults(backends: usize, directors: usize) -> Layout {
    with_options(&[], backends, directors)
}

fn with_options(options: &[String], backends: usize, directors: usize) -> Layout {
    let choices = match cli::parse(options.iter().map(Into::into).collect()) {
        Ok(cli::Command::Run(order)) => order.choices,
        other => panic!("{options:?}: {other:?}"),
    };
    let settings = choices
        .build(DefaultsOf::Poolmon, CalledAs::Poolmon)
        .unwrap();
    let habits = Habits {
        pace: settings.pace,
        rules: settings.rules,
        mode: settings.mode,
        checked: Checked::All,
    };
    let post = |director| Post {
        director,
        program: Program::Ours(habits),
    };
    let mut layout = layout(backends, (0..directors).map(post).collect());
    layout.services = settings.services.len();
    layout
}

fn pools() -> [(&'static str, Layout); 2] {
    [
        ("two backends, one director", with_the_defaults(2, 1)),
        (
            "three backends, three directors with a monitor each",
            with_the_defaults(3, 3),
        ),
    ]
}

/// How long it took at most.
#[derive(Debug, Default)]
struct Longest {
    /// From the failure until the backend is down and has no users left.
    down: Duration,
    /// From the repair until the backend is up.
    up: Duration,
}

/// The backends fail by turns, each time at another moment of their intervals, and are repaired when all is at rest.
fn longest(name: &str, layout: &Layout, health: Health) -> Longest {
    let backends = layout.entries.len();
    let mut longest = Longest::default();
    for seed in 0..SEEDS {
        let mut world = World::new(layout, seed);
        let mut failures = Vec::new();
        for failure in 0..FAILURES {
            let backend = failure as usize % backends;
            let fails = seconds(REST + failure * APART / backends as u64)
                + Duration::from_millis(failure * 1237);
            let is_repaired = fails + seconds(REST);
            world.disturb(fails, Disturbance::Backend(backend, health));
            world.disturb(is_repaired, recovers(backend));
            failures.push((backend, fails, is_repaired));
        }
        world.run_to(seconds(REST + (FAILURES + 1) * APART));
        let story = Story { world, name, seed };
        for (backend, fails, is_repaired) in failures {
            let down = story.wait(fails, |what| is_change(what, backend, HostState::Down));
            let empty = story.wait(
                fails,
                |what| matches!(what, What::Users { backend: b, left: 0 } if *b == backend),
            );
            let up = story.wait(is_repaired, |what| is_change(what, backend, HostState::Up));
            assert!(down < seconds(REST), "{story}: it was down before");
            longest.down = longest.down.max(down).max(empty);
            longest.up = longest.up.max(up);
        }
    }
    longest
}

fn is_change(what: &What, backend: usize, state: HostState) -> bool {
    matches!(what, What::Changed { backend: b, to, .. } if *b == backend && *to == state)
}

impl Story<'_> {
    /// From this moment until that happened.
    fn wait(&self, since: Duration, is_it: impl Fn(&What) -> bool) -> Duration {
        let history = &self.world.history;
        let since = history.start + since;
        let mut later = history.records.iter().filter(|record| record.at >= since);
        match later.find(|record| is_it(&record.what)) {
            Some(record) => record.at - since,
            None => panic!("{self}: it never happened\n{}", self.log()),
        }
    }
}

#[test]
fn with_the_defaults_a_stopped_backend_is_down_within_40_seconds_and_up_again_within_33() {
    for (name, layout) in pools() {
        let longest = longest(name, &layout, Health::Refusing);
        assert!(longest.down <= seconds(40), "{name}: {longest:?}");
        assert!(longest.up <= seconds(33), "{name}: {longest:?}");
    }
}

#[test]
fn with_the_defaults_a_hanging_backend_is_down_within_65_seconds_and_up_again_within_40() {
    for (name, layout) in pools() {
        let longest = longest(name, &layout, Health::Frozen);
        assert!(longest.down <= seconds(65), "{name}: {longest:?}");
        assert!(longest.up <= seconds(40), "{name}: {longest:?}");
    }
}

/// The longest that the first check of a backend can take. Others have passed by then, or nothing would be done.
#[test]
fn with_the_defaults_a_backend_that_hangs_at_the_start_is_judged_half_a_minute_later() {
    for (name, layout) in pools() {
        for seed in 0..SEEDS {
            let mut world = World::new(&layout, seed);
            world.disturb(Duration::ZERO, Disturbance::Backend(1, Health::Frozen));
            // A monitor is started within the first 3 s of a world.
            world.run_to(seconds(3 + 30));
            let changes = world.history.changes(1);
            let is_down = matches!(changes[..], [(_, HostState::Down, _)]);
            assert!(is_down, "{name}, seed {seed}: {changes:?}");
        }
    }
}

/// Neither with all backends healthy nor with one that is down.
#[test]
fn with_the_defaults_a_day_on_which_nothing_changes_is_not_worth_a_line() {
    for (name, layout) in pools() {
        for fails in [false, true] {
            let mut world = World::new(&layout, 0);
            if fails {
                world.disturb(seconds(60), dies(1));
            }
            world.run_to(seconds(REST + 24 * 3600));
            let down = world.history.changes(1);
            assert_eq!(down.len(), usize::from(fails), "{name}");
            let at_rest = world.history.start + seconds(REST);
            for watcher in 0..layout.posts.len() {
                let said = &world.monitor(watcher).unwrap().said;
                let mut late = said.iter().filter(|(at, ..)| *at >= at_rest);
                assert_eq!(late.next(), None, "{name}, one has failed: {fails}");
                assert!(!said.is_empty(), "{name}: it says what is listed");
            }
        }
    }
}

#[test]
fn by_default_an_administrators_down_is_held_for_60_seconds_or_10_intervals_and_said() {
    for (interval, hold) in [(3, 60), (30, 300)] {
        let layout = with_options(&[format!("--interval={interval}")], 2, 1);
        let down = seconds(REST);
        for seed in 0..SEEDS {
            let mut world = World::new(&layout, seed);
            world.disturb(down, Disturbance::Admin(0, 1, HostState::Down));
            world.run_to(seconds(2 * REST));
            let changes = world.history.changes(1);
            let held = match changes[..] {
                [(from, HostState::Down, _), (to, HostState::Up, _)] => to - from,
                _ => panic!("an interval of {interval} s, seed {seed}: {changes:?}"),
            };
            // Stamps are whole seconds, and the list is read each second.
            let is_as_said = held + seconds(1) >= seconds(hold) && held <= seconds(hold + 3);
            assert!(is_as_said, "an interval of {interval} s: {held:?}");
            let said = &world.monitor(0).unwrap().said;
            let waits = " and is then brought up; ";
            assert!(
                said.iter().any(|(.., line)| line.contains(waits)),
                "{said:?}"
            );
        }
    }
}

/// Where another monitor was the first to take it down, the others are still trying it again.
#[test]
fn with_the_defaults_each_monitor_of_a_ring_says_one_error_of_a_dead_backend_that_it_has_failed() {
    for (name, layout) in pools() {
        for seed in 0..SEEDS {
            let mut world = World::new(&layout, seed);
            world.disturb(seconds(REST), dies(1));
            world.disturb(seconds(2 * REST), recovers(1));
            world.run_to(seconds(3 * REST));
            assert_eq!(world.history.changes(1).len(), 2, "{name}, seed {seed}");
            for watcher in 0..layout.posts.len() {
                let said = &world.monitor(watcher).unwrap().said;
                let errors = said.iter().filter(|(_, level, _)| *level == Level::Error);
                let errors: Vec<&str> = errors.map(|(.., line)| line.as_str()).collect();
                let is_one = matches!(errors[..], [line] if line.contains(" has failed: "));
                assert!(is_one, "{name}, seed {seed}: {errors:#?}");
            }
        }
    }
}
