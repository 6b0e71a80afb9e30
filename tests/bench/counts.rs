//! What a probe asks of the kernel and of the processor, counted instead of timed: these numbers
//! hardly depend on the machine, or on what else runs on it.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::cost::pool;
use crate::programs::{self, Channel, Pool, Program, Sessions};
use crate::table::{heading, row};
use crate::watched::Watched;
use crate::Bench;

/// Of the floor's two runs.
const FLOOR_PROBES: [u32; 2] = [100, 300];

/// The probes of a run, and its counter's report. A short run is taken from a long one: what remains
/// is probes and the reading of lists.
type Run = (u64, String);

/// How long the two last. Under valgrind everything takes forty times as long.
const SECONDS: [u64; 2] = [2, 7];
const SECONDS_IN_VALGRIND: [u64; 2] = [6, 21];

/// Runs a program twice, for so long each; with its probes goes what its counter has written.
fn runs(
    bench: &mut Bench,
    seconds: [u64; 2],
    start: impl Fn(&Bench) -> Watched,
    stop: impl Fn(&Watched),
) -> [Run; 2] {
    seconds.map(|seconds| {
        let before = bench.backends.finished();
        let mut process = start(bench);
        sleep(Duration::from_secs(seconds));
        stop(&process);
        let _ = process.child.wait();
        (bench.backends.finished() - before, report(bench))
    })
}

fn report(bench: &Bench) -> String {
    let report = programs::counter_report(&bench.folder);
    fs::read_to_string(report).unwrap_or_default()
}

pub fn system_calls(bench: &mut Bench) {
    for channel in [Channel::Plain, Channel::Tls(Sessions::EachNew)] {
        let pool = pool(50, channel, 1);
        bench.director.list(pool.first, pool.count);
        let start = |bench: &Bench| programs::straced(&bench.poolmon, &pool, &bench.folder);
        let [short, long] = runs(bench, SECONDS, start, |strace| {
            stop_child_of(strace.child.id());
        });
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

/// Instructions outside of the kernel.
pub fn instructions(bench: &mut Bench) {
    for channel in Channel::ALL {
        heading(&format!(
            "instructions a {} probe, without the kernel's (valgrind --tool=callgrind)",
            channel.name()
        ));
        // Few enough for one CPU under valgrind: what is under way at the end is counted half.
        let pool = pool(20, channel, 2);
        bench.director.list(pool.first, pool.count);
        let mut ours = None;
        for program in bench.programs.clone() {
            // A Perl poolmon starts a process a scan, which callgrind would count by itself.
            let has_children = matches!(program, Program::Perl(_));
            if has_children || !program.is_of_interest_on(channel) {
                continue;
            }
            let start = |bench: &Bench| programs::counted(&program, &pool, &bench.folder);
            let [short, long] = runs(bench, SECONDS_IN_VALGRIND, start, |process| {
                process.signal(Signal::SIGTERM);
            });
            let count = (references(&long.1) - references(&short.1)) / (long.0 - short.0) as f64;
            print_instructions(program.name(), count, *ours.get_or_insert(count));
        }
        let floor = floor_instructions(bench, &pool);
        print_instructions("floor", floor, ours.unwrap_or(floor));
    }
}

fn floor_instructions(bench: &Bench, pool: &Pool) -> f64 {
    let [short, long] = FLOOR_PROBES.map(|probes| {
        programs::counted_floor(&bench.floor, pool, &bench.folder, probes);
        references(&report(bench))
    });
    (long - short) / f64::from(FLOOR_PROBES[1] - FLOOR_PROBES[0])
}

fn print_instructions(name: &str, count: f64, ours: f64) {
    row(
        name,
        format!(
            "{:.3} million; poolmon {:.2} of it",
            count / 1e6,
            ours / count
        ),
    );
}

/// The total in callgrind's last words: `==1234== I   refs:      1,461,333,829`.
fn references(report: &str) -> f64 {
    let mut lines = report.lines().filter(|line| line.contains("refs:"));
    let line = lines.next().expect("callgrind has said its total");
    let digits = line.rsplit(' ').next().unwrap_or_default().replace(',', "");
    digits.parse().expect("callgrind's total is a number")
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
