//! Properties over random days: fixed seeds, those that have failed before, and fresh ones where they are asked
//! for (`make simulate`), so that `make check` says the same each time.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::thread;
use std::time::{Duration, Instant};

use crate::day::Day;
use crate::properties;
use crate::reached::{self, Reached};

/// Seeds that broke a property once.
const BROKEN_ONCE: &[u64] = &[
    // A disputed backend that was brought up and taken down between two lists.
    1793,
    4379,
    // A dispute that did not count, as the hold of the unsteady backend was the longer one.
    1111,
    169_805_161_850_633,
    // Two backends that failed by turns: each failure brought the other one up at once.
    563,
    848,
    1181,
    // One that could not be probed was the one to serve its tag first, and kept the others down.
    3_601_226_803_409,
    // The property asked too much.
    1339,
    1704,
    3262,
    169_805_161_850_057,
    261_466_071_338_493,
    // A change that had not yet reached the others when directors were compared: the property's fault.
    4497,
    // A monitor whose machine kept it from seeing the failure: the property's fault.
    173,
    // The bar: what others had got to before counted for what they do now, or nobody had been probed
    // since; and the property asked too much where monitors see different faults.
    63,
    329,
    389,
    457,
    482,
    745,
    911,
    31_502_656_355_169,
    // The bar: what others got to before this one stopped at another check counted against it.
    1296,
    // The bar: after a reload with other passwords it was not known how far the others get, and one that
    // answered no login came up.
    1695,
    // A tag was without service, which comes before quiet: its other backends had left the list, or had vhost
    // count 0. The property's fault.
    906,
    58_780_022_081_326,
    // More went down than `delayed_down_limit` allows: where nobody passed, those that waited did not count.
    794,
    // A backend had left the list, so that what was found out before was compared with fewer: the property's fault.
    679,
    // A drain for an administrator's down was owed for ever, and never sent, as the backend passed again.
    385,
    58_780_022_081_302,
    // After a down that the director had refused an administrator's down was taken for ours, and undone.
    1530,
    7374,
    // A backend that answered no login was excused for ever by what it had refused another account.
    6479,
    // A fault that others had as well was over, and what was found out before still condemned the backend once they
    // passed: the property's fault.
    7157,
    // A service that was tried again in the next round counted as sound meanwhile: the property's fault.
    220_288_313_704_890,
];

/// The only day in hundreds on which a command got no answer in time.
const RARE: &[u64] = &[251];

/// A debug build is twenty times slower: it lives a few days only, and says so.
const DAYS: u64 = if cfg!(debug_assertions) { 4 } else { 60 };

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is no number")),
    )
}

/// All that the engine knows comes up.
fn check_reached(reached: &Reached, is_survey: bool) {
    let mut missed = Vec::new();
    for name in reached::all() {
        match reached.times(name) {
            0 => missed.push(name),
            times => println!("{times:9} times: {name}"),
        }
    }
    println!("    NEVER: {missed:?}");
    assert!(missed.is_empty() || !is_survey, "never reached: {missed:?}");
}

/// What a report shows around the breach.
const BEFORE: Duration = Duration::from_secs(1000);
const AFTER: Duration = Duration::from_secs(30);

/// What went wrong on a day: the claim, and the day as far as it matters.
struct Failure {
    seed: u64,
    claim: String,
    report: String,
}

/// What several days came to.
struct Survey {
    /// How often each property was put to the test.
    cases: Vec<usize>,
    reached: Reached,
    /// With the day's place among the seeds.
    failures: Vec<(usize, Failure)>,
}

impl Survey {
    fn new() -> Survey {
        Survey {
            cases: vec![0; properties::ALL.len()],
            reached: Reached::default(),
            failures: Vec::new(),
        }
    }

    fn add(&mut self, other: Survey) {
        for (sum, cases) in self.cases.iter_mut().zip(other.cases) {
            *sum += cases;
        }
        self.reached.add(&other.reached);
        self.failures.extend(other.failures);
    }
}

/// A thread for each processor takes every so many days one: no day knows of another.
fn live_all(seeds: &[u64]) -> Survey {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut all = Survey::new();
    thread::scope(|scope| {
        let live_some = |first: usize| {
            let mut survey = Survey::new();
            for (place, seed) in seeds.iter().enumerate().skip(first).step_by(threads) {
                let failure = judge(*seed, &mut survey.cases, &mut survey.reached);
                if let Some(Failure { seed, claim, .. }) = &failure {
                    // At once: ten thousand days take most of an hour.
                    println!("seed {seed}: {claim}");
                }
                survey.failures.extend(failure.map(|one| (place, one)));
            }
            survey
        };
        let started: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || live_some(first)))
            .collect();
        for thread in started {
            all.add(thread.join().expect("a day's panic is caught"));
        }
    });
    all.failures.sort_by_key(|(place, _)| *place);
    all
}

fn judge(seed: u64, cases: &mut [usize], reached: &mut Reached) -> Option<Failure> {
    let day = match std::panic::catch_unwind(|| Day::live(seed)) {
        Ok(day) => day,
        Err(_) => {
            return Some(Failure {
                seed,
                claim: "nobody panics".to_owned(),
                report: "see above".to_owned(),
            })
        }
    };
    reached.add(&day.reached);
    for (property, cases) in properties::ALL.iter().zip(cases) {
        match (property.judge)(&day) {
            Ok(count) => *cases += count,
            Err(breach) => {
                let at = day.history.seconds(breach.at);
                let near = day.history.around(breach.at, BEFORE, AFTER);
                return Some(Failure {
                    seed,
                    claim: format!("{}: {}, at {at:.3} s", property.claim, breach.text),
                    report: format!("{:#?}\n{near}", day.layout),
                });
            }
        }
    }
    None
}

#[test]
fn the_properties_hold_over_random_days() {
    let began = Instant::now();
    let seeds = match from_environment("POOLMON_SEED") {
        Some(seed) => vec![seed],
        None => all_seeds(
            from_environment("POOLMON_DAYS").unwrap_or(DAYS),
            from_environment("POOLMON_FRESH_DAYS").unwrap_or(0),
        ),
    };
    let Survey {
        cases,
        reached,
        failures,
    } = live_all(&seeds);
    let failures: Vec<Failure> = failures.into_iter().map(|(_, failure)| failure).collect();
    let time = began.elapsed().as_secs_f64();
    println!(
        "{} days in {time:.1} s, {} broken",
        seeds.len(),
        failures.len()
    );
    let is_survey = seeds.len() as u64 >= DAYS && !cfg!(debug_assertions);
    for (property, cases) in properties::ALL.iter().zip(&cases) {
        println!("{cases:9} times: {}", property.claim);
        assert!(
            *cases > 0 || !is_survey,
            "{} was never put to the test",
            property.claim
        );
    }
    if let Some(Failure {
        seed,
        report,
        claim,
    }) = failures.first()
    {
        panic!(
            "{report}\n{claim}\nrun it again: POOLMON_SEED={seed} cargo test --release --test simulate \
             random_days\nand add {seed} to BROKEN_ONCE"
        );
    }
    check_reached(&reached, is_survey);
}

/// A debug build is too slow for more.
const LOGIN_DAYS: u64 = if cfg!(debug_assertions) { 2 } else { 8 };

/// Between logins rounds go as far as the greeting: what is promised of each day holds all the same.
#[test]
fn the_properties_hold_where_logins_have_a_pace_of_their_own() {
    for seed in 1..=LOGIN_DAYS {
        let day = Day::live_with_login_interval(seed, Duration::from_secs(30));
        for property in properties::ALL {
            if let Err(breach) = (property.judge)(&day) {
                let at = day.history.seconds(breach.at);
                let near = day.history.around(breach.at, BEFORE, AFTER);
                panic!(
                    "seed {seed}: {}: {}, at {at:.3} s\n{:#?}\n{near}",
                    property.claim, breach.text, day.layout
                );
            }
        }
    }
}

fn all_seeds(days: u64, fresh_days: u64) -> Vec<u64> {
    let build = match cfg!(debug_assertions) {
        true => " (a debug build; a release build lives 200)",
        false => "",
    };
    println!("{days} days{build}: seeds 1 to {days}, and those that were kept");
    let kept = BROKEN_ONCE.iter().chain(RARE).copied();
    let mut seeds: Vec<u64> = kept.chain(1..=days).collect();
    if fresh_days > 0 {
        let fresh = RandomState::new().build_hasher().finish() >> 16;
        println!("{fresh_days} fresh ones from {fresh} on");
        seeds.extend((0..fresh_days).map(|number| fresh + number));
    }
    seeds
}
