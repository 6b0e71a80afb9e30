//! What a probe asks of the kernel, counted instead of timed: it does not depend on the machine.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::cost::pool;
use crate::programs::{self, Channel, Sessions};
use crate::table::{heading, row};
use crate::watched::Watched;
use crate::Bench;

/// A run and its count of probes. A short run is taken from a long one: what remains is probes and
/// the reading of lists.
type Run = (u64, String);

/// How long the two last.
const SECONDS: [u64; 2] = [2, 7];

/// Runs a program twice; its report is what strace has written.
fn runs(bench: &mut Bench, start: impl Fn(&Bench) -> Watched) -> [Run; 2] {
    SECONDS.map(|seconds| {
        let before = bench.backends.finished();
        let mut process = start(bench);
        sleep(Duration::from_secs(seconds));
        stop_child_of(process.child.id());
        let _ = process.child.wait();
        let probes = bench.backends.finished() - before;
        let report = fs::read_to_string(programs::counter_report(&bench.folder));
        (probes, report.unwrap_or_default())
    })
}

pub fn system_calls(bench: &mut Bench) {
    for channel in [Channel::Plain, Channel::Tls(Sessions::EachNew)] {
        let pool = pool(50, channel, 1);
        bench.director.list(pool.first, pool.count);
        let start = |bench: &Bench| programs::straced(&bench.poolmon, &pool, &bench.folder);
        let [short, long] = runs(bench, start);
        let probes = (long.0 - short.0) as f64;
        heading(&format!(
            "system calls a {} probe (strace -c -f, {probes} probes)",
            channel.name()
        ));
        let (before, calls) = (calls(&short.1), calls(&long.1));
        let mut rows: Vec<(f64, &String)> = calls
            .iter()
            .map(|(name, count)| {
                let before = before.get(name).copied().unwrap_or(0);
                (count.saturating_sub(before) as f64 / probes, name)
            })
            .filter(|(count, _)| *count >= 0.01)
            .collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let all: f64 = rows.iter().map(|(count, _)| count).sum();
        for (count, name) in rows {
            row(name, format!("{count:.2}"));
        }
        row("all", format!("{all:.2}"));
    }
}

/// strace passes no signal on.
fn stop_child_of(parent: u32) {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    for child in children.unwrap_or_default().split_whitespace() {
        if let Ok(pid) = child.parse() {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}

/// The counts of strace's table by name.
fn calls(table: &str) -> BTreeMap<String, u64> {
    let rows = table
        .lines()
        .skip_while(|line| !line.starts_with("---"))
        .skip(1);
    rows.take_while(|line| !line.starts_with("---"))
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            Some((words.last()?.to_string(), words.get(3)?.parse().ok()?))
        })
        .collect()
}
