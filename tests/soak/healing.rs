//! The end of all disturbances: how long everything may take to be well again, and what only an
//! administrator does before the hour is over.
//!
//! A backend that has gone down three times within an hour is held down by every monitor, for up to an
//! hour. That is a promise, and is not waited for: an administrator brings such a backend up, as the manual
//! says, once the monitors name the rule.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::journal::Journal;
use super::plan::{BACKENDS, MONITORS};
use super::terms;
use super::world::World;
use crate::lab::slowness::stretched;

/// A monitor says so long after an alarm's end that it is over.
const SAID: Duration = Duration::from_secs(20);
/// Such an age of a recording says that it is being written.
const RECORDED: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_secs(1);

/// Returns when all has been well for so long, or the time is over: the judge will see.
pub fn wait_until_all_is_well(world: &World, journal: &Journal, steady: Duration) {
    let reaction = Duration::from_millis(terms::reaction());
    let end =
        Instant::now() + stretched(Duration::from_millis(terms::RING_RESTS)) + reaction + SAID;
    let mut well_since: Option<Instant> = None;
    let mut brought_up = [None::<Instant>; BACKENDS];
    while Instant::now() < end {
        match trouble(world) {
            None => {
                let since = *well_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= steady {
                    return;
                }
            }
            Some(trouble) => {
                well_since = None;
                for (backend, address) in world.backends().into_iter().enumerate() {
                    let lately =
                        brought_up[backend].map_or(false, |at: Instant| at.elapsed() < reaction);
                    if !lately && is_held_by_all(world, address) {
                        brought_up[backend] = Some(Instant::now());
                        println!(
                            "{} backend {} is held down by all monitors: an administrator brings it up",
                            super::judge::clock(journal.now()),
                            backend + 1
                        );
                        world.command("HOST-UP", backend, 0);
                    }
                }
                journal.note_phase(&format!("not well: {trouble}"));
            }
        }
        // Pause: between two looks.
        sleep(GLANCE);
    }
}

/// What is not as it should be, if anything is not.
fn trouble(world: &World) -> Option<String> {
    let lists = match world.lists() {
        None => return Some("a director does not answer".to_owned()),
        Some(lists) => lists,
    };
    let all_up = "U".repeat(BACKENDS);
    if let Some((status, states)) = lists
        .iter()
        .find(|(status, states)| status != "ring synced" || *states != all_up)
    {
        return Some(format!("{status}, {states}"));
    }
    for number in 0..MONITORS {
        if !is_written(&world.monitors[number].record) {
            return Some(format!("monitor {} records nothing", number + 1));
        }
        let status = match status_of(&world.monitors[number].status) {
            None => return Some(format!("monitor {} has no status file", number + 1)),
            Some(status) => status,
        };
        let alarms = status["alarms"].as_array().map_or(0, Vec::len);
        let backends = status["backends"].as_array().cloned().unwrap_or_default();
        let is_well = |backend: &Value| {
            backend["verdict"] == "healthy"
                && backend["drain"] != "owed"
                && backend["wanted"].is_null()
        };
        if alarms > 0 || backends.len() != BACKENDS || !backends.iter().all(is_well) {
            return Some(format!(
                "monitor {} is not content, {alarms} alarms",
                number + 1
            ));
        }
    }
    None
}

/// Every monitor finds it healthy, and names the rule that keeps it down: the hold, or with `restore: own` that another
/// one took it down.
fn is_held_by_all(world: &World, backend: Ipv4Addr) -> bool {
    world.monitors.iter().all(|monitor| {
        let status = status_of(&monitor.status).unwrap_or_default();
        let backends = status["backends"].as_array().cloned().unwrap_or_default();
        let address = backend.to_string();
        backends.iter().any(|backend| {
            let rules = backend["wanted"]["rules"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let holds = |rule: &Value| {
                ["hold", "ownership"]
                    .iter()
                    .any(|name| rule["rule"] == *name)
                    && rule["answer"] == "holds"
            };
            backend["address"] == address.as_str()
                && backend["listed"] == "down"
                && backend["verdict"] == "healthy"
                && rules.iter().any(holds)
        })
    })
}

/// Within the last few seconds: the lists are read, and that is recorded, each second.
fn is_written(file: &Path) -> bool {
    let modified = fs::metadata(file).and_then(|data| data.modified());
    let age = modified.ok().and_then(|modified| modified.elapsed().ok());
    age.map_or(false, |age| age < stretched(RECORDED))
}

fn status_of(file: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}
