//! How soon: from the start to the first probe and verdict, from a failure to HOST-DOWN.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{channel, Receiver};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::cost::pool;
use crate::programs::{poolmon, Channel, Pool, Sessions};
use crate::table::{heading, milliseconds, row};
use crate::watched::Watched;
use crate::{Bench, COUNT, EACH_PORT, FIRST};

const PATIENCE: Duration = Duration::from_secs(40);

/// A poolmon whose log is read as it comes, each line with its time.
struct Told {
    /// Killed when dropped.
    _process: Watched,
    lines: Receiver<(String, Instant)>,
    began: Instant,
}

impl Told {
    /// On backends that can fail one by one, with a check a second.
    fn start(bench: &Bench, more: &[&str]) -> Told {
        let pool = Pool {
            first: FIRST,
            count: COUNT,
            port: EACH_PORT,
            channel: Channel::Plain,
            interval: 1,
        };
        Told::over(bench, &pool, more)
    }

    fn over(bench: &Bench, pool: &Pool, more: &[&str]) -> Told {
        bench.director.list(pool.first, pool.count);
        let mut command = poolmon(&bench.poolmon, pool, &bench.folder);
        command
            .args(more)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        command.stdout(Stdio::piped());
        let began = Instant::now();
        let mut process = Watched::start(&mut command);
        let (sender, lines) = channel();
        let stdout = process.child.stdout.take().expect("stdout is a pipe");
        let stderr = process.child.stderr.take().expect("stderr is a pipe");
        let errors = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = errors.send((line, Instant::now()));
            }
        });
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send((line, Instant::now()));
            }
        });
        Told {
            _process: process,
            lines,
            began,
        }
    }

    /// All lines so far.
    fn lines(&self) -> Vec<(String, Instant)> {
        self.lines.try_iter().collect()
    }
}

/// All backends healthy: exec to the first connection, and to the end of the first round.
pub fn start(bench: &mut Bench) {
    for channel in [Channel::Plain, Channel::Tls(Sessions::EachNew)] {
        heading(&format!("start, 250 healthy backends, {}", channel.name()));
        let pool = pool(COUNT, channel, 30);
        let mut firsts = Vec::new();
        let mut rounds = Vec::new();
        let mut verdicts = Vec::new();
        for _ in 0..3 {
            bench.backends.await_first_connection();
            bench.backends.await_sessions(COUNT);
            let told = Told::over(bench, &pool, &["-d"]);
            firsts.push(milliseconds(bench.backends.hear_of("first") - told.began));
            rounds.push(milliseconds(bench.backends.hear_of("reached") - told.began));
            sleep(Duration::from_millis(300));
            let lines = told.lines();
            let verdict = lines.iter().find(|(line, _)| line.contains("is healthy"));
            verdicts.push(verdict.map_or("none".to_owned(), |(_, when)| {
                milliseconds(*when - told.began)
            }));
        }
        row("to the first probe", firsts.join(", "));
        row("to the first verdict", verdicts.join(", "));
        row("to the end of the first round", rounds.join(", "));
    }
}

/// One backend fails, alone or beside another that has hung all along.
pub fn failures(bench: &mut Bench) {
    heading("one of 250 fails: -i 1 -t 1 --retries 2 --retry-delay 0.6");
    for beside_hung in [false, true] {
        for what in ["refuse", "freeze", "half"] {
            if beside_hung {
                bench.backends.make("freeze", 7, 8);
            }
            let pace = ["-d", "-t", "1", "--retries", "2", "--retry-delay", "0.6"];
            let told = Told::start(bench, &pace);
            let quiet = if beside_hung { 6 } else { 2 };
            sleep(Duration::from_secs(quiet));
            let before = bench.director.downs().len();
            let failed = bench.backends.make(what, 3, 4);
            let downs = bench.director.await_downs(before + 1, PATIENCE);
            sleep(Duration::from_millis(50));
            let name = match beside_hung {
                false => format!("{what}, alone"),
                true => format!("{what}, beside a hung one"),
            };
            let victim = std::net::Ipv4Addr::from(u32::from(FIRST) + 3);
            match downs.iter().find(|(address, _)| *address == victim) {
                None => row(&name, "no HOST-DOWN"),
                Some((_, down)) => {
                    let attempt = format!("{victim} imap:");
                    let lines = told.lines();
                    let last = lines
                        .iter()
                        .rfind(|(line, when)| line.contains(&attempt) && when <= down);
                    let last = last.map_or("?".to_owned(), |(_, when)| {
                        milliseconds(down.saturating_duration_since(*when))
                    });
                    let whole = milliseconds(down.saturating_duration_since(failed));
                    row(
                        &name,
                        format!("{whole}, of it {last} after the last attempt"),
                    );
                }
            }
            drop(told);
            bench.backends.make("serve", 0, COUNT);
        }
    }
}

/// A rack dies.
pub fn many_failures(bench: &mut Bench) {
    heading("100 of 250 die at once: -i 1 -t 1 --retries 2 --retry-delay 0.6");
    for what in ["refuse", "freeze"] {
        let pace = ["-d", "-t", "1", "--retries", "2", "--retry-delay", "0.6"];
        let told = Told::start(bench, &pace);
        sleep(Duration::from_secs(2));
        let failed = bench.backends.make(what, 100, 200);
        let downs = bench.director.await_downs(100, PATIENCE);
        sleep(Duration::from_millis(100));
        let lines = told.lines();
        let verdicts: Vec<Instant> = lines
            .iter()
            .filter(|(line, _)| line.contains(" has failed"))
            .map(|(_, when)| *when)
            .collect();
        let since = |when: Option<&Instant>| {
            when.map_or("never".to_owned(), |when| {
                milliseconds(when.saturating_duration_since(failed))
            })
        };
        let times: Vec<Instant> = downs.iter().map(|(_, when)| *when).collect();
        row(&format!("{what}: HOST-DOWNs"), downs.len());
        row(
            &format!("{what}: first verdict"),
            since(verdicts.iter().min()),
        );
        row(
            &format!("{what}: last verdict"),
            since(verdicts.iter().max()),
        );
        row(
            &format!("{what}: first HOST-DOWN"),
            since(times.iter().min()),
        );
        row(
            &format!("{what}: last HOST-DOWN"),
            since(times.iter().max()),
        );
        drop(told);
        bench.backends.make("serve", 0, COUNT);
    }
}
