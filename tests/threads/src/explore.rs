//! How often each check is run, under which schedules.

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, FailurePersistence, Runner};

/// Half of them by plain chance; half by priorities that change at a few points (PCT), which finds what
/// needs one thread to be late.
const RUNS: usize = 2_000;

/// The most points at which priorities change.
const CHANGES: usize = 3;

/// The same schedules each time.
const SEED: u64 = 0x706f_6f6c_6d6f_6e00;

pub fn explore(claim: &str, check: fn()) {
    let runs = match std::env::var("THREADS_RUNS") {
        Ok(text) => text.parse().expect("THREADS_RUNS is a number"),
        Err(_) => RUNS,
    };
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::Print;
    let by_chance = RandomScheduler::new_from_seed(SEED, runs / 2);
    Runner::new(by_chance, config.clone()).run(check);
    let by_priority = PctScheduler::new_from_seed(SEED, CHANGES, runs / 2);
    Runner::new(by_priority, config).run(check);
    println!("{runs:>6} schedules  {claim}");
}
