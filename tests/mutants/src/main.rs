//! Mutants of the pure rooms: `make mutants`. cargo-mutants says which there are, and would build the program for
//! each of them; here they are woven into one binary, of which one build takes as long as for one. The tests that
//! meet a mutant are run with it, then the simulator's scenes and days for those that no unit test notices.
//!
//!     mutants PROJECT WORK LIST.json

mod accepted;
mod judge;
mod list;
mod tree;
mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use judge::{Fate, Suite};
use list::Mutant;
use tree::{Sorted, Tree};

/// Tests of these rooms wait for sockets, threads or the clock: they fail now and then on a machine that is busy,
/// and a mutant caught by them would not be caught by what it means.
const WAITING: [&str; 12] = [
    "daemon::",
    "hook::",
    "logging::",
    "net::",
    "pool::director::client::",
    "pool::haproxy::client::",
    "probe::tests::",
    "recording::writer::",
    "runtime::",
    "source::",
    "start::",
    "worker::",
];

/// As tests/setup/check.sh lives its days.
const FOR_DAYS: [&str; 8] = [
    "--config",
    "profile.test.package.poolmon.opt-level=\"s\"",
    "--config",
    "profile.test.package.poolmon.debug-assertions=false",
    "--test",
    "simulate",
    "--config",
    "profile.test.package.poolmon.codegen-units=16",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [project, work, list] = &arguments[..] else {
        panic!("usage: mutants PROJECT WORK LIST.json");
    };
    let (project, work) = (Path::new(project), Path::new(work));
    let read = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    };
    let json = read(Path::new(list));
    let accepted = match accepted::read(&read(&project.join("tests/mutants/accepted.txt"))) {
        Ok(accepted) => accepted,
        Err(fault) => {
            eprintln!("{fault}");
            return ExitCode::FAILURE;
        }
    };
    let listed: serde_json::Value = serde_json::from_str(&json).expect("cargo-mutants lists JSON");
    let files = listed.as_array().expect("a list").iter();
    let files: BTreeSet<&str> = files.filter_map(|entry| entry["file"].as_str()).collect();
    let sources = files
        .into_iter()
        .map(|file| (file.to_owned(), read(&project.join(file))))
        .collect();
    let mutants = list::read(&json, &sources);
    let fates = judge(&Tree::new(project, &work.join("tree")), &sources, &mutants);
    report(&mutants, &fates, &accepted)
}

/// `None`: it does not compile.
type Fates = BTreeMap<u32, Option<Fate>>;

fn judge(tree: &Tree, sources: &BTreeMap<String, String>, mutants: &[Mutant]) -> Fates {
    let began = Instant::now();
    let say = |what: &str| eprintln!("{:>5} s  {what}", began.elapsed().as_secs());
    say(&format!("{} mutants are woven in", mutants.len()));
    let sorted = tree.weave(sources, mutants);
    say(&format!(
        "{} do not compile, {} need a build each, {} are in the binary",
        sorted.unviable.len(),
        sorted.single.len(),
        sorted.woven.len()
    ));
    let units = tests_of(tree, &["--lib"], &[], is_unit_test_wanted);
    let (tests, take) = units.size();
    say(&format!("{tests} unit tests take {take:.1?}"));
    let mut fates: Fates = sorted
        .unviable
        .iter()
        .map(|number| (*number, None))
        .collect();
    let woven: Vec<u32> = sorted.woven.iter().copied().collect();
    let judged = units.judge_all(&woven, |at, number, fate| {
        if at % 200 == 199 {
            say(&format!("{} of {}", at + 1, woven.len()));
        }
        tell(mutants, number, fate);
    });
    fates.extend(woven.into_iter().zip(judged.into_iter().map(Some)));
    let mut left = survivors(&fates);
    say(&format!("{} survive the unit tests", left.len()));
    if !left.is_empty() && std::env::var_os("MUTANTS_DAYS").map_or(true, |days| days != *"0") {
        let days = std::env::var("MUTANTS_DAYS").unwrap_or_else(|_| "40".to_owned());
        let days = [("POOLMON_DAYS", days.as_str())];
        let suite = tests_of(tree, &FOR_DAYS, &days, |_| true);
        say(&format!(
            "{} scenes and days take {:.1?}",
            suite.size().0,
            suite.size().1
        ));
        let judged = suite.judge_all(&left, |_, number, fate| {
            if !matches!(fate, Fate::Survived(_)) {
                eprintln!(
                    "         the simulator notices {}",
                    named(mutants, number).place()
                );
            }
        });
        for (number, fate) in left.iter().zip(judged) {
            let met = [&fates[number], &Some(fate.clone())]
                .iter()
                .map(|fate| met(fate))
                .sum();
            let fate = if met_only(&fate) {
                Fate::Survived(met)
            } else {
                fate
            };
            fates.insert(*number, Some(fate));
        }
        left = survivors(&fates);
        say(&format!("{} survive the simulator", left.len()));
    }
    if !sorted.single.is_empty() {
        judge_singly(tree, sources, mutants, (&sorted, &units), &mut fates);
        say(&format!("{} survive", survivors(&fates).len()));
    }
    fates
}

/// MUTANTS_TESTS in the environment: only those whose names begin with one of these.
fn is_unit_test_wanted(name: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let only = std::env::var("MUTANTS_TESTS").unwrap_or_default();
    let only: Vec<&str> = only.split_whitespace().collect();
    !begins(&WAITING) && (only.is_empty() || begins(&only))
}

fn tests_of(
    tree: &Tree,
    arguments: &[&str],
    environment: &[(&str, &str)],
    is_wanted: impl Fn(&str) -> bool,
) -> Suite {
    let binary = tree
        .build(arguments)
        .expect("what was checked can be built");
    let suite = Suite::new(binary, tree.folder().to_owned(), environment, is_wanted);
    for name in &suite.broken {
        eprintln!("         not asked, as it fails without a mutant or takes too long: {name}");
    }
    suite
}

fn named(mutants: &[Mutant], number: u32) -> &Mutant {
    mutants
        .iter()
        .find(|mutant| mutant.number == number)
        .expect("it is of the list")
}

fn tell(mutants: &[Mutant], number: u32, fate: &Fate) {
    if let Fate::Survived(met) = fate {
        let mutant = named(mutants, number);
        eprintln!(
            "         survives {met} tests: {}\n             {}",
            mutant.place(),
            mutant.line
        );
    }
}

fn met(fate: &Option<Fate>) -> usize {
    match fate {
        Some(Fate::Survived(met)) => *met,
        _ => 0,
    }
}

fn met_only(fate: &Fate) -> bool {
    matches!(fate, Fate::Survived(_))
}

fn survivors(fates: &Fates) -> Vec<u32> {
    let survived = |fate: &Option<Fate>| fate.as_ref().map_or(false, met_only);
    fates
        .iter()
        .filter(|(_, fate)| survived(fate))
        .map(|(number, _)| *number)
        .collect()
}

/// Each in the source as it is, with a build of its own.
fn judge_singly(
    tree: &Tree,
    sources: &BTreeMap<String, String>,
    mutants: &[Mutant],
    (sorted, units): (&Sorted, &Suite),
    fates: &mut Fates,
) {
    tree.restore(sources);
    for mutant in mutants
        .iter()
        .filter(|mutant| sorted.single.contains(&mutant.number))
    {
        // Which tests meet it is not known; those will do that meet others of its file.
        let of_file = mutants.iter().filter(|other| other.file == mutant.file);
        let of_file = of_file.map(|other| other.number).collect();
        let source = &sources[&mutant.file];
        let (before, after) = (&source[..mutant.from], &source[mutant.to..]);
        tree.write(
            &mutant.file,
            &format!("{before}{}{after}", mutant.replacement),
        );
        let fate = tree
            .build(&["--lib"])
            .map(|binary| units.with(binary).judge(None, &of_file));
        if let Some(fate) = &fate {
            tell(mutants, mutant.number, fate);
        }
        fates.insert(mutant.number, fate);
        tree.write(&mutant.file, source);
    }
}

/// The numbers by room, and all that survive though nobody has accepted it.
fn report(mutants: &[Mutant], fates: &Fates, accepted: &[accepted::Accepted]) -> ExitCode {
    let rooms = |mutant: &Mutant| match mutant.file.as_str() {
        file if file.starts_with("src/monitor/policy/") => "rules",
        file if file.starts_with("src/monitor/") => "engine",
        file if file.starts_with("src/schedule") => "schedule",
        file if file.starts_with("src/probe/protocols/") => "protocols",
        file if file.starts_with("src/pool/") => "wire",
        _ => "others",
    };
    let mut table: BTreeMap<&str, [usize; 6]> = BTreeMap::new();
    let mut open = Vec::new();
    for mutant in mutants {
        let fate = &fates[&mutant.number];
        let is_accepted = accepted.iter().any(|one| one.is(mutant));
        let column = match fate {
            None => 2,
            Some(Fate::Caught(_)) => 1,
            Some(Fate::TimedOut) => 3,
            Some(Fate::Survived(_)) if is_accepted => 4,
            Some(Fate::Survived(met)) => {
                open.push((mutant, *met));
                5
            }
        };
        for room in [rooms(mutant), "together"] {
            let row = table.entry(room).or_default();
            row[0] += 1;
            row[column] += 1;
        }
        if let Some(Fate::Caught(test)) = fate {
            println!("caught: {} BY {test}", mutant.place());
        }
    }
    for (mutant, met) in &open {
        println!(
            "SURVIVED {} ({met} tests meet it)\n    {}",
            mutant.place(),
            mutant.line
        );
    }
    let lives = |one: &accepted::Accepted| {
        let survives = |mutant: &&Mutant| fates[&mutant.number].as_ref().map_or(false, met_only);
        mutants.iter().filter(survives).any(|mutant| one.is(mutant))
    };
    let here = |one: &&accepted::Accepted| mutants.iter().any(|mutant| one.is(mutant));
    let stale: Vec<_> = accepted
        .iter()
        .filter(|one| here(one) && !lives(one))
        .collect();
    for one in &stale {
        println!("ACCEPTED, BUT CAUGHT: {}", one.name());
    }
    println!(
        "{:<10} generated caught unviable timeout accepted survived",
        ""
    );
    for (room, numbers) in &table {
        let [all, caught, unviable, timeout, accepted, survived] = numbers;
        println!("{room:<10} {all:>9} {caught:>6} {unviable:>8} {timeout:>7} {accepted:>8} {survived:>8}");
    }
    if open.is_empty() && stale.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
