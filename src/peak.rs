//! How much memory this process has held at most, for tests.
//!
//! Linux counts it for a whole process: so what is measured runs in a process of its own, which is this program
//! with one test to run.

use std::env;
use std::fs;
use std::process::Command;

/// Set in the process that measures.
const ALONE: &str = "POOLMON_TEST_ALONE";

/// Runs the test of this name alone in another process, and this part of it there only. Fails as it does.
pub(crate) fn alone(test: &str, part: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        part();
        return;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ALONE, "yes")
        // So that nothing is kept once it is freed, as glibc does: it would hide who needs the same room next.
        .env("MALLOC_MMAP_THRESHOLD_", "16384")
        .env("MALLOC_TRIM_THRESHOLD_", "0")
        .env("MALLOC_TOP_PAD_", "0")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{errors}");
    assert!(told.contains("1 passed"), "no test {test}: {told}");
}

/// How far what this process holds rises in bytes while it does this, at least: the lowest of several times,
/// until one stays within `most`. Linux counts pages in batches, 128 KiB or more for each processor, so that now and then
/// many are counted that have been held for long.
pub(crate) fn rise(most: usize, mut act: impl FnMut()) -> usize {
    let mut lowest = usize::MAX;
    for _ in 0..TIMES {
        // proc(5): the highest value becomes the present one.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = held_at_most();
        act();
        lowest = lowest.min(held_at_most().saturating_sub(before));
        if lowest <= most {
            break;
        }
    }
    lowest
}

const TIMES: usize = 4;

/// Since it was last reset.
fn held_at_most() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix("VmHWM:"));
    let value = value.and_then(|value| value.trim().strip_suffix(" kB"));
    value.unwrap().parse::<usize>().unwrap() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_for_a_moment_is_seen() {
        alone("peak::tests::what_was_held_for_a_moment_is_seen", || {
            const MUCH: usize = 1024 * 1024;
            let hold = |bytes: usize| {
                let held = vec![1_u8; bytes];
                assert_eq!(held.last(), Some(&1));
            };
            for _ in 0..2 {
                let rise = rise(MUCH / 2, || hold(MUCH));
                assert!((MUCH / 2..MUCH * 2).contains(&rise), "{rise}");
            }
            let rise = rise(MUCH / 2, || hold(MUCH / 8));
            assert!(rise < MUCH / 2, "{rise}");
        });
    }
}
