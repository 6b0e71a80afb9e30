//! What watching costs: CPU a probe, memory, threads, wake-ups.

use std::thread::sleep;
use std::time::Duration;

use crate::programs::{self, Channel, Files, Floor, Pool, Program, Sessions};
use crate::table::{heading, megabytes, row};
use crate::watched::{Memory, Usage};
use crate::{Bench, COUNT, FIRST};

/// Of each program on each channel.
const RUNS: usize = 3;

const FLOOR_PROBES: u32 = 4000;

/// Of the paced floor.
const FLOOR_SECONDS: u32 = 6;

/// As many probes as there are backends, and some writings of the files.
const LOOKING: Duration = Duration::from_secs(30);

/// One program on one pool.
struct Cost {
    cpu_a_probe: Duration,
    switches_a_probe: f64,
    memory: Memory,
    threads: usize,
}

pub fn pool(count: u32, channel: Channel, interval: u32) -> Pool {
    Pool {
        first: FIRST,
        count,
        port: channel.port(),
        channel,
        interval,
    }
}

pub fn cpu(bench: &mut Bench) {
    for channel in Channel::ALL {
        heading(&format!(
            "{COUNT} backends a second, {}: greeting, LOGOUT, end of session; the middle one of {RUNS} runs",
            channel.name()
        ));
        println!(
            "  {:<14} {:>10} {:>9} {:>11} {:>9} {:>9} {:>8}",
            "", "CPU", "of poolmon", "switches", "memory", "peak", "threads"
        );
        let pool = pool(COUNT, channel, 1);
        bench.director.list(pool.first, pool.count);
        let mut programs = bench.programs.clone();
        programs.retain(|program| program.is_of_interest_on(channel));
        let mut costs: Vec<Vec<Cost>> = programs.iter().map(|_| Vec::new()).collect();
        // In turns, as the machine's mood changes.
        for _ in 0..RUNS {
            for (program, costs) in programs.iter().zip(&mut costs) {
                costs.push(measure(bench, program, &pool));
            }
        }
        let mut ours = None;
        for (program, mut costs) in programs.iter().zip(costs) {
            costs.sort_by_key(|cost| cost.cpu_a_probe);
            let cost = &costs[RUNS / 2];
            print_cost(program.name(), cost, *ours.get_or_insert(cost.cpu_a_probe));
        }
        if channel != Channel::Tls(Sessions::Resumed) {
            for (name, how) in [("floor", Floor::InARow), ("floor, paced", Floor::Paced)] {
                print_floor(bench, &pool, (name, how), ours.unwrap_or_default());
            }
        }
    }
}

fn print_floor(bench: &Bench, pool: &Pool, (name, how): (&str, Floor), ours: Duration) {
    let probes = match how {
        Floor::InARow => FLOOR_PROBES,
        Floor::Paced => FLOOR_SECONDS * pool.count / pool.interval,
    };
    let (microseconds, switches) = programs::floor(&bench.floor, pool, &bench.folder, probes, how);
    println!(
        "  {name:<14} {:>7.3} ms {:>10.2} {switches:>12.1}",
        microseconds / 1e3,
        ours.as_secs_f64() * 1e6 / microseconds
    );
}

fn print_cost(name: &str, cost: &Cost, ours: Duration) {
    let cpu = cost.cpu_a_probe.as_secs_f64();
    println!(
        "  {name:<14} {:>7.3} ms {:>10.2} {:>12.1} {:>9} {:>9} {:>8}",
        cpu * 1e3,
        ours.as_secs_f64() / cpu,
        cost.switches_a_probe,
        megabytes(cost.memory.now),
        megabytes(cost.memory.peak),
        cost.threads,
    );
}

/// Begins after the first two rounds, when the backends have drifted apart.
fn measure(bench: &mut Bench, program: &Program, pool: &Pool) -> Cost {
    let process = program.watch(pool, &bench.folder);
    sleep(Duration::from_secs(u64::from(pool.interval) + 2));
    let (usage, probes) = over(bench, Duration::from_secs(6), || process.usage());
    assert!(probes > 0.0, "{} makes no probes", program.name());
    Cost {
        cpu_a_probe: usage.cpu.div_f64(probes),
        switches_a_probe: usage.voluntary_switches as f64 / probes,
        memory: process.memory(),
        threads: process.thread_count(),
    }
}

/// What was used meanwhile, and how many probes were made.
fn over(bench: &mut Bench, time: Duration, usage: impl Fn() -> Usage) -> (Usage, f64) {
    let probes_before = bench.backends.finished();
    let before = usage();
    sleep(time);
    let used = usage().since(before);
    (used, (bench.backends.finished() - probes_before) as f64)
}

/// Nothing to do but to read the lists each second. Wake-ups are voluntary context switches of all
/// threads; the process's own are those of all but the backends' threads.
pub fn idle(bench: &mut Bench) {
    heading("idle, interval 30: wake-ups a second");
    for count in [1, COUNT] {
        let pool = pool(count, Channel::Plain, 30);
        bench.director.list(pool.first, pool.count);
        let program = bench.programs[0].clone();
        let process = program.watch(&pool, &bench.folder);
        sleep(Duration::from_secs(3));
        let time = Duration::from_secs(20);
        let (usage, probes) = over(bench, time, || process.usage());
        let a_second = |number: f64| number / time.as_secs_f64();
        row(
            &format!("{count} backends"),
            format!(
                "{:.1} of its own; {:.1} for {:.1} probes",
                a_second(usage.own_switches as f64),
                a_second((usage.voluntary_switches - usage.own_switches) as f64),
                a_second(probes)
            ),
        );
    }
}

/// What the files for whoever looks cost at 250 backends and the default interval: of the whole process, the
/// probes included.
pub fn looking(bench: &mut Bench) {
    heading("250 backends, interval 30, and the files for whoever looks");
    println!(
        "  {:<22} {:>14} {:>9} {:>9}",
        "files", "CPU", "memory", "peak"
    );
    let pool = pool(COUNT, Channel::Plain, 30);
    bench.director.list(pool.first, pool.count);
    for files in Files::ALL {
        let process = programs::watch_with(&bench.poolmon, &pool, &bench.folder, files);
        // Until the first round is over.
        sleep(Duration::from_secs(4));
        let (usage, _) = over(bench, LOOKING, || process.usage());
        let memory = process.memory();
        let share = 100.0 * usage.cpu.as_secs_f64() / LOOKING.as_secs_f64();
        println!(
            "  {:<22} {:>14} {:>9} {:>9}",
            files.name(),
            format!("{share:.2} % of one"),
            megabytes(memory.now),
            megabytes(memory.peak),
        );
    }
}
