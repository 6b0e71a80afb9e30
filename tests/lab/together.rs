//! Runs the cases of a table at the same time: most of a scene is waiting.

use std::fmt::Debug;
use std::panic::resume_unwind;
use std::thread;

/// Checks every case on a thread of its own; fails if one fails, and says which.
pub fn together<Case: Debug + Send>(
    cases: impl IntoIterator<Item = Case>,
    check: impl Fn(Case) + Sync,
) {
    thread::scope(|scope| {
        let started: Vec<_> = cases
            .into_iter()
            .map(|case| {
                let name = format!("{case:?}");
                let check = &check;
                (name, scope.spawn(move || check(case)))
            })
            .collect();
        for (name, thread) in started {
            if let Err(panic) = thread.join() {
                eprintln!("the case that failed: {name}");
                resume_unwind(panic);
            }
        }
    });
}
