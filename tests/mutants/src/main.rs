//! Mutants of the pure rooms: `make mutants`. cargo-mutants says which there are, and would build the program for
//! each of them; here these and some further ones are woven into one binary, whose build takes as long as for one. The tests that
//! meet a mutant are run with it, then the simulator's scenes and days for those that no unit test notices.
//!
//!     mutants PROJECT WORK LIST.json

mod accepted;
mod further;
mod judge;
mod list;
mod tree;
mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use accepted::Accepted;
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

/// Seconds of a processor that a unit test may take by itself: some bend each byte in every way, too much for each mutant.
const LONGEST_UNIT_TEST: u32 = 20;

/// The same for the scenes and days of the simulator, which every survivor has to live.
const LONGEST_DAYS: u32 = 20;

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
    let mut mutants = list::read(&json, &sources);
    if is_on("MUTANTS_FURTHER") {
        mutants.extend(further::find(&sources, mutants.len()));
    }
    let tree = Tree::new(project, &work.join("tree"));
    let fates = judge(&tree, &sources, &mutants, &accepted);
    let is_listed = |one: &Accepted| is_whole() || sources.contains_key(one.file());
    report(&mutants, &fates, &accepted, is_listed)
}

/// Whether all mutants of all rooms are in the list.
fn is_whole() -> bool {
    is_on("MUTANTS_WHOLE")
}

fn is_on(name: &str) -> bool {
    std::env::var_os(name).map_or(false, |value| value == *"1")
}

/// `None`: it does not compile.
type Fates = BTreeMap<u32, Option<Fate>>;

fn judge(
    tree: &Tree,
    sources: &BTreeMap<String, String>,
    mutants: &[Mutant],
    accepted: &[Accepted],
) -> Fates {
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
    let units = tests_of(
        tree,
        &["--lib"],
        &[],
        LONGEST_UNIT_TEST,
        is_unit_test_wanted,
    );
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
    say(&format!(
        "{} survive the unit tests\n{}",
        left.len(),
        table(mutants, &fates, accepted)
    ));
    if !left.is_empty() && std::env::var_os("MUTANTS_DAYS").map_or(true, |days| days != *"0") {
        let days = std::env::var("MUTANTS_DAYS").unwrap_or_else(|_| "3".to_owned());
        let days = [("POOLMON_DAYS", days.as_str())];
        let suite = tests_of(tree, &FOR_DAYS, &days, LONGEST_DAYS, |_| true);
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
            let fate = if survived(&fate) {
                Fate::Survived(met)
            } else {
                fate
            };
            fates.insert(*number, Some(fate));
        }
        left = survivors(&fates);
        say(&format!("{} survive the simulator", left.len()));
    }
    let singles_wanted = std::env::var_os("MUTANTS_SINGLES").map_or(true, |wanted| wanted != *"0");
    if !sorted.single.is_empty() && singles_wanted {
        eprintln!(
            "without those that need a build each:\n{}",
            table(mutants, &fates, accepted)
        );
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
    seconds: u32,
    is_wanted: impl Fn(&str) -> bool,
) -> Suite {
    let binary = tree
        .build(arguments)
        .expect("what was checked can be built");
    let folder = tree.folder().to_owned();
    let suite = Suite::new(binary, folder, environment, seconds, is_wanted);
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

fn survived(fate: &Fate) -> bool {
    matches!(fate, Fate::Survived(_))
}

fn survivors(fates: &Fates) -> Vec<u32> {
    let is_left = |fate: &Option<Fate>| fate.as_ref().map_or(false, survived);
    fates
        .iter()
        .filter(|(_, fate)| is_left(fate))
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

fn room(mutant: &Mutant) -> &'static str {
    match mutant.file.as_str() {
        file if file.starts_with("src/monitor/policy/") => "rules",
        file if file.starts_with("src/monitor/") => "engine",
        file if file.starts_with("src/schedule") => "schedule",
        file if file.starts_with("src/probe/protocols/") => "protocols",
        file if file.starts_with("src/pool/") => "wire",
        _ => "others",
    }
}

/// How many there are of a fate, by room.
fn table(mutants: &[Mutant], fates: &Fates, accepted: &[Accepted]) -> String {
    let mut rows: BTreeMap<&str, [usize; 6]> = BTreeMap::new();
    for mutant in mutants {
        let column = match fates.get(&mutant.number) {
            None => continue,
            Some(None) => 2,
            Some(Some(Fate::Caught(_))) => 1,
            Some(Some(Fate::TimedOut)) => 3,
            Some(Some(Fate::Survived(_))) if accepted.iter().any(|one| one.is(mutant)) => 4,
            Some(Some(Fate::Survived(_))) => 5,
        };
        for room in [room(mutant), "together"] {
            let row = rows.entry(room).or_default();
            row[0] += 1;
            row[column] += 1;
        }
    }
    let mut text = format!(
        "{:<10} generated caught unviable timeout accepted survived",
        ""
    );
    for (room, [all, caught, unviable, timeout, accepted, survived]) in &rows {
        text += &format!(
            "\n{room:<10} {all:>9} {caught:>6} {unviable:>8} {timeout:>7} {accepted:>8} {survived:>8}"
        );
    }
    text
}

/// What became of each, all that survive though nobody has accepted it, and what is accepted in vain. `is_listed` says
/// of the latter whether its mutant would be in the list, if there still is one.
fn report(
    mutants: &[Mutant],
    fates: &Fates,
    accepted: &[Accepted],
    is_listed: impl Fn(&Accepted) -> bool,
) -> ExitCode {
    let mut open = 0;
    for mutant in mutants {
        let fate = match fates.get(&mutant.number) {
            Some(fate) => fate,
            None => {
                println!("not judged: {}", mutant.place());
                continue;
            }
        };
        match fate {
            None => println!("unviable: {}", mutant.place()),
            Some(Fate::TimedOut) => println!("timeout: {}", mutant.place()),
            Some(Fate::Caught(test)) => println!("caught: {} BY {test}", mutant.place()),
            Some(Fate::Survived(_)) if accepted.iter().any(|one| one.is(mutant)) => {}
            Some(Fate::Survived(met)) => {
                open += 1;
                println!(
                    "SURVIVED {} ({met} tests meet it)\n    {}",
                    mutant.place(),
                    mutant.line
                );
            }
        }
    }
    let mut in_vain = 0;
    for one in accepted {
        let mut of_it = mutants.iter().filter(|mutant| one.is(mutant)).peekable();
        let may_live = |fate: &Option<Fate>| fate.as_ref().map_or(false, survived);
        let remark = if of_it.peek().is_none() {
            match is_listed(one) {
                true => "THERE IS NO SUCH MUTANT",
                false => continue,
            }
        } else if of_it.any(|mutant| fates.get(&mutant.number).map_or(true, may_live)) {
            continue;
        } else {
            "IT IS CAUGHT"
        };
        in_vain += 1;
        println!("ACCEPTED, BUT {remark}: {}", one.name());
    }
    println!("{}", table(mutants, fates, accepted));
    if open == 0 && in_vain == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
