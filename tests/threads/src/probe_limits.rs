//! `src/worker/probe_limit.rs`: never more than the most at once, and whoever waits gets in.

#[path = "../../../src/worker/probe_limit.rs"]
#[allow(dead_code)]
mod probe_limit;

use shuttled_std::choice::{self, TimeOuts};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;

use probe_limit::ProbeLimit;

const THREADS: usize = 4;

/// With room for one or two at once, all of four threads get in twice; a wake-up that is lost would be a
/// deadlock. When all have left there is room for as many as at the start.
pub fn never_more_and_all_get_in() {
    choice::begin(TimeOuts::Never);
    let most = 1 + choice::below(2);
    let limit = ProbeLimit::new(most);
    let inside = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (limit, inside) = (limit.clone(), inside.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    let permit = limit.enter();
                    let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                    assert!(now <= most, "{now} inside, {most} allowed");
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let permits: Vec<_> = (0..most).map(|_| limit.enter()).collect();
    assert_eq!(permits.len(), most);
}
