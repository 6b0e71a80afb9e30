//! What watching costs: CPU a probe, memory, threads, wake-ups.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::programs::{self, Channel, Files, Floor, Pool, Program, Sessions};
use crate::table::{heading, megabytes, milliseconds, row};
use crate::watched::{Memory, Usage};
use crate::{Bench, FIRST};

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

/// A second for 250, in proportion above: the rate of probes stays in reach of one CPU.
fn interval(count: u32) -> u32 {
    match count {
        0..=250 => 1,
        251..=1000 => 2,
        _ => 10,
    }
}

pub fn cpu(bench: &mut Bench) {
    for channel in Channel::ALL {
        heading(&format!(
            "{} probe: greeting, LOGOUT, end of session",
            channel.name()
        ));
        println!(
            "  {:>8} {:<14} {:>10} {:>9} {:>11} {:>9} {:>9} {:>8}",
            "backends", "", "CPU", "of poolmon", "switches", "memory", "peak", "threads"
        );
        for count in bench.sizes.clone() {
            let pool = pool(count, channel, interval(count));
            bench.director.list(pool.first, pool.count);
            let mut ours = None;
            for program in bench.programs.clone() {
                // A Perl poolmon starts a process a backend and scan.
                let is_too_much = matches!(program, Program::Perl(_)) && count > 250;
                if is_too_much || !program.is_of_interest_on(channel) {
                    continue;
                }
                let cost = measure(bench, &program, &pool);
                print_cost(
                    count,
                    program.name(),
                    &cost,
                    *ours.get_or_insert(cost.cpu_a_probe),
                );
            }
            if channel != Channel::Tls(Sessions::Resumed) {
                for (name, how) in [("floor", Floor::InARow), ("floor, paced", Floor::Paced)] {
                    print_floor(bench, &pool, (name, how), ours.unwrap_or_default());
                }
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
        "  {:>8} {name:<14} {:>7.3} ms {:>10.2} {switches:>12.1}",
        pool.count,
        microseconds / 1e3,
        ours.as_secs_f64() * 1e6 / microseconds
    );
}

fn print_cost(count: u32, name: &str, cost: &Cost, ours: Duration) {
    let cpu = cost.cpu_a_probe.as_secs_f64();
    println!(
        "  {count:>8} {name:<14} {:>7.3} ms {:>10.2} {:>12.1} {:>9} {:>9} {:>8}",
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

/// Ten thousand backends at rest: the interval is the default.
pub fn large(bench: &mut Bench) {
    let largest = bench.largest;
    heading(&format!("{largest} backends, interval 30"));
    let mut memory_of_250 = 0;
    for count in [250, largest] {
        let pool = pool(count, Channel::Plain, 30);
        bench.director.list(pool.first, pool.count);
        bench.backends.await_sessions(count);
        let began = Instant::now();
        let program = bench.programs[0].clone();
        let process = program.watch(&pool, &bench.folder);
        let took = bench.backends.hear_of("reached") - began;
        sleep(Duration::from_secs(3));
        let lists_before = bench.director.lists_read();
        let time = Duration::from_secs(5);
        let (usage, _) = over(bench, time, || process.usage());
        let lists = (bench.director.lists_read() - lists_before) as f64;
        let memory = process.memory();
        if count == 250 {
            memory_of_250 = memory.now;
            row("memory at 250", megabytes(memory.now));
            continue;
        }
        row("first round of all", milliseconds(took));
        row("memory at rest", megabytes(memory.now));
        row("memory at its peak", megabytes(memory.peak));
        let each = memory.now.saturating_sub(memory_of_250) as f64 / f64::from(count - 250);
        row(
            "memory of a further backend",
            format!("{:.1} KB", each / 1e3),
        );
        row("threads", process.thread_count());
        row(
            "CPU of all threads a second",
            milliseconds(usage.cpu.div_f64(time.as_secs_f64())),
        );
        row(
            "CPU of the coordinator a list",
            milliseconds(usage.main_cpu.div_f64(lists.max(1.0))),
        );
    }
}

/// Nothing to do but to read the lists each second. Wake-ups are voluntary context switches of all
/// threads; the process's own are those of all but the backends' threads.
pub fn idle(bench: &mut Bench) {
    heading("idle, interval 30: wake-ups a second");
    for count in [1, 250] {
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
    let pool = pool(250, Channel::Plain, 30);
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
