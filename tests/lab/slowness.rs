//! How much slower than usual this machine is said to be: `POOLMON_TEST_SLOWNESS`, 1 where nothing is said.
//! Every wait of the lab, each deadline that a test sets, and each limit to what one has measured is stretched by it;
//! a promise in time is held tightly where it is 1. `no_limit_in_time_leaves_out_how_slow_the_machine_is` looks for others.

use std::time::Duration;

/// A time of a test's, on a machine as slow as this one.
pub fn stretched(time: Duration) -> Duration {
    time.mul_f64(factor())
}

fn factor() -> f64 {
    const NAME: &str = "POOLMON_TEST_SLOWNESS";
    match std::env::var(NAME) {
        Err(_) => 1.0,
        Ok(text) => match text.parse() {
            Ok(factor) if (1.0..=100.0).contains(&factor) => factor,
            _ => panic!("{NAME}={text}: expected a number from 1 to 100"),
        },
    }
}
