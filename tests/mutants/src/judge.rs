//! Which tests meet which mutant, and whether one of them fails when it is alive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// A mutant for which a test takes so much longer than without has stopped it, as far as a person can tell.
const PATIENCE: u32 = 10;
const LEAST_PATIENCE: Duration = Duration::from_secs(6);
/// Of tests that a process is given, so that the quick ones have their say first.
const FIRST_BATCH: Duration = Duration::from_millis(200);
/// Those that use all memory must not use the machine's.
const MOST_MEMORY_KB: u64 = 6_000_000;

/// A test binary, and what its tests do without any mutant.
pub struct Suite {
    binary: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    /// The mutants that each test meets, and how long it takes.
    tests: BTreeMap<String, (BTreeSet<u32>, Duration)>,
    /// These fail without a mutant, as they read the source, or take too long.
    pub broken: Vec<String>,
}

/// What the tests say to a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The test, or what became of the process.
    Caught(String),
    TimedOut,
    /// It was met by so many tests.
    Survived(usize),
}

impl Suite {
    /// Runs every test by itself; one that keeps a processor busy for more than so many seconds is left out.
    pub fn new(
        binary: PathBuf,
        folder: PathBuf,
        environment: &[(&str, &str)],
        seconds: u32,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Suite {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut suite = Suite {
            binary,
            folder,
            environment: environment.collect(),
            tests: BTreeMap::new(),
            broken: Vec::new(),
        };
        let listed = suite
            .command()
            .args(["--list", "--format", "terse"])
            .output();
        let listed = listed.expect("the tests can be listed");
        let listed = String::from_utf8(listed.stdout).expect("names are UTF-8");
        let names = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"));
        let names: Vec<&str> = names.filter(|name| is_wanted(name)).collect();
        let found = in_parallel(&names, |at, name| {
            let trace = std::env::temp_dir().join(format!("mutants-{}-{at}", std::process::id()));
            let began = Instant::now();
            let status = suite
                .command()
                .args(["--exact", name])
                .env("MUTANT_TRACE", &trace)
                .env("SECONDS_OF_WORK", seconds.to_string())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            let took = began.elapsed();
            let met = std::fs::read_to_string(&trace).unwrap_or_default();
            let _ = std::fs::remove_file(&trace);
            let met = met
                .lines()
                .map(|line| line.parse().expect("a number"))
                .collect();
            (status.expect("a test runs").success(), met, took)
        });
        for (name, (passed, met, took)) in names.into_iter().zip(found) {
            if passed {
                suite.tests.insert(name.to_owned(), (met, took));
            } else {
                suite.broken.push(name.to_owned());
            }
        }
        suite
    }

    /// How many tests it has, and how long they take one after the other.
    pub fn size(&self) -> (usize, Duration) {
        (
            self.tests.len(),
            self.tests.values().map(|(_, took)| *took).sum(),
        )
    }

    /// The same tests of another binary.
    pub fn with(&self, binary: PathBuf) -> Suite {
        Suite {
            binary,
            folder: self.folder.clone(),
            environment: self.environment.clone(),
            tests: self.tests.clone(),
            broken: Vec::new(),
        }
    }

    fn command(&self) -> Command {
        // The limits are for the tests alone. That of time is one of the processor's: beside others a test takes
        // longer by the clock, and left out for that it would leave mutants alive. One that only waits ends as well.
        let mut command = Command::new("sh");
        let limited = format!(
            "ulimit -v {MOST_MEMORY_KB}; ${{SECONDS_OF_WORK:+ulimit -t $SECONDS_OF_WORK}}; \
             exec ${{SECONDS_OF_WORK:+timeout ${{SECONDS_OF_WORK}}0}} \"$0\" \"$@\""
        );
        command
            .args(["-c", &limited])
            .arg(&self.binary)
            .current_dir(&self.folder);
        command
            .env("RUST_BACKTRACE", "0")
            .env("RUST_TEST_THREADS", "1");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Of all these, in the same order; a mutant without a number is in the binary as it is, and all tests are run.
    pub fn judge_all(&self, mutants: &[u32], seen: impl Fn(usize, u32, &Fate) + Sync) -> Vec<Fate> {
        in_parallel(mutants, |at, number| {
            let fate = self.judge(Some(*number), &BTreeSet::from([*number]));
            seen(at, *number, &fate);
            fate
        })
    }

    /// By the tests that meet one of these, of which the quickest are run first, so that most mutants take no time.
    /// A mutant without a number is in the binary as it is.
    pub fn judge(&self, number: Option<u32>, met: &BTreeSet<u32>) -> Fate {
        let meets = |test: &BTreeSet<u32>| !test.is_disjoint(met);
        let mut tests: Vec<_> = self
            .tests
            .iter()
            .filter(|(_, (test, _))| meets(test))
            .map(|(name, (_, took))| (*took, name))
            .collect();
        tests.sort();
        let mut batch = Vec::new();
        let (mut expected, mut most) = (Duration::ZERO, FIRST_BATCH);
        for (at, (took, name)) in tests.iter().enumerate() {
            batch.push(name.as_str());
            expected += *took;
            if expected >= most || at + 1 == tests.len() {
                let fate = self.run(number, &batch, expected);
                if !matches!(fate, Fate::Survived(_)) {
                    return fate;
                }
                batch.clear();
                expected = Duration::ZERO;
                most *= 8;
            }
        }
        Fate::Survived(tests.len())
    }

    fn run(&self, number: Option<u32>, tests: &[&str], expected: Duration) -> Fate {
        let patience = LEAST_PATIENCE.max(expected * PATIENCE);
        let mut command = self.command();
        command
            .arg("--exact")
            .args(tests)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(number) = number {
            command.env("MUTANT", number.to_string());
        }
        let mut child = command.spawn().expect("tests run");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let child = Mutex::new(child);
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        thread::scope(|scope| {
            let child = &child;
            let watch = scope.spawn(move || match is_done.recv_timeout(patience) {
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    kill(child);
                    true
                }
                _ => false,
            });
            let mut failed = None;
            for line in output.lines().map_while(Result::ok) {
                let name = line
                    .strip_suffix(" ... FAILED")
                    .and_then(|line| line.strip_prefix("test "));
                if let Some(name) = name {
                    failed = Some(name.to_owned());
                    kill(child);
                    break;
                }
            }
            drop(done);
            let timed_out = watch.join().expect("the watch does not panic");
            let status = child.lock().unwrap().wait().expect("it ends");
            match failed {
                Some(name) => Fate::Caught(name),
                None if timed_out => Fate::TimedOut,
                None if status.success() => Fate::Survived(tests.len()),
                None => Fate::Caught(format!("the process: {status}")),
            }
        })
    }
}

fn kill(child: &Mutex<Child>) {
    let _ = child.lock().unwrap().kill();
}

/// In the order of `tasks`, on all processors.
fn in_parallel<T: Sync, R: Send>(tasks: &[T], work: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(task) = tasks.get(at) else {
                    break;
                };
                let result = work(at, task);
                results.lock().unwrap().insert(at, result);
            });
        }
    });
    results.into_inner().unwrap().into_values().collect()
}
