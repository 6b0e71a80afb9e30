//! Deadlines held to the tenth, and locks that become free, for tests.

use std::thread;
use std::time::{Duration, Instant};

use crate::slowness::stretched;

/// How many times an attempt is made before it counts as late. On a machine that is busy with other work threads
/// wake up late now and then, and not each time.
const TRIES: usize = 5;

/// Holds that an attempt by a deadline so far away is over by then, or at most a tenth of the limit later.
#[track_caller]
pub(crate) fn check_in_time(limit: Duration, mut attempt: impl FnMut(Instant)) {
    let limit = stretched(limit);
    let mut late = Vec::new();
    for _ in 0..TRIES {
        let deadline = Instant::now() + limit;
        attempt(deadline);
        let beyond = Instant::now().saturating_duration_since(deadline);
        if beyond <= limit / 10 {
            return;
        }
        late.push(beyond);
    }
    panic!("beyond a limit of {limit:?} by {late:?}");
}

/// What comes of an attempt once a lock is free. A process that another test starts has the locks of this one from its
/// fork to its exec.
#[track_caller]
pub(crate) fn once_free<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + stretched(Duration::from_secs(5));
    loop {
        match attempt() {
            Some(result) => return result,
            None => assert!(Instant::now() < end, "the lock is not free"),
        }
        // Pause: that other process is to get to its exec.
        thread::sleep(Duration::from_millis(5));
    }
}
