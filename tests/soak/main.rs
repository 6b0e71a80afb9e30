//! A soak: a real ring of three directors, each with a monitor, is disturbed at random for some minutes and
//! recorded; then everything is set in order, and the recording is judged.
//!
//! It prints what it does and, at the end, each property with how often it was put to the test. Its exit
//! code is 0 only if all hold. `SOAK_JUDGE=FOLDER` judges a recording again; `SOAK_BRIEF=yes` plays the two minutes of
//! `make check`.

mod acting;
mod agreeing;
#[path = "../simulate/chance.rs"]
#[allow(dead_code)]
mod chance;
mod clocks;
mod cuts;
mod dates;
mod disk;
mod healing;
mod history;
mod journal;
mod judge;
#[path = "../lab/mod.rs"]
mod lab;
mod monitors;
mod plan;
mod record;
#[path = "../simulate/properties/said.rs"]
mod said;
mod spans;
mod table;
mod terms;
mod world;

use std::env;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use history::{History, Told};
use journal::Journal;
use lab::diagnostics;
use lab::own_network;
use lab::passwords;
use plan::{Act, Plan};
use record::Recorder;
use terms::Terms;
use world::World;

/// All has healed once it has been well for so long.
const STEADY: Duration = Duration::from_secs(12);

fn main() -> ExitCode {
    if let Some(folder) = env::var_os("SOAK_JUDGE") {
        return judge_folder(Path::new(&folder));
    }
    let plan = match env::var_os("SOAK_BRIEF") {
        Some(_) => Plan::brief(),
        None => {
            let minutes: f64 = number("MINUTES").unwrap_or(10.0);
            let seed = number("SEED").unwrap_or_else(|| u64::from(process::id()));
            Plan::drawn(seed, Duration::from_secs_f64(minutes * 60.0))
        }
    };
    let folder = env::var_os("SOAK_FOLDER").map(PathBuf::from);
    let folder = folder.expect("SOAK_FOLDER names the folder of the recording");
    fs::create_dir_all(&folder).expect("the recording's folder can be made");
    println!(
        "soak of {} minutes, {}, recorded in {}",
        plan.total.as_secs_f64() / 60.0,
        match plan.seed {
            Some(seed) => format!("SEED={seed}"),
            None => "the brief one".to_owned(),
        },
        folder.display()
    );

    let is_played = Arc::new(AtomicBool::new(false));
    let (told, recording) = (is_played.clone(), folder.clone());
    own_network::within(move || {
        play(&recording, &plan);
        told.store(true, Ordering::SeqCst);
    });
    assert!(is_played.load(Ordering::SeqCst));
    passwords::assert_none_in_folder(&folder);
    judge_folder(&folder)
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{name}={text}: expected a number"),
    }
}

fn judge_folder(folder: &Path) -> ExitCode {
    let history = match History::read(folder) {
        Ok(history) => history,
        Err(error) => {
            eprintln!(
                "the recording in {} cannot be read: {error}",
                folder.display()
            );
            return ExitCode::from(2);
        }
    };
    let terms = Terms::of(&history);
    table::print_acts(&history);
    let broken = table::print_properties(&history, &terms);
    // After the table: it panics.
    diagnostics::assert_all_known_in_folder(folder);
    match broken {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn play(folder: &Path, plan: &Plan) {
    let planned: String = plan
        .acts
        .iter()
        .map(|act| format!("{:?}\t{:?}\t{}\n", act.at, act.lasts, act.what))
        .collect();
    fs::write(folder.join("plan.tsv"), planned).expect("the folder takes a file");
    let told = Told {
        is_brief: plan.seed.is_none(),
        total: plan.total,
        restores_any: plan.restores_any.to_vec(),
    };
    told.write(folder);
    println!(
        "{} acts; the machines' clocks are {:?} s ahead; restore: {}",
        plan.acts.len(),
        plan.shifts,
        told.restores().join(", ")
    );

    let journal = Arc::new(Journal::begin(folder));
    let mut world = World::start(folder, journal.clone(), plan);
    let addresses: Vec<String> = world.backends().iter().map(ToString::to_string).collect();
    fs::write(folder.join("backends.tsv"), addresses.join("\n")).expect("the folder takes a file");
    let recorder = record(&world, &journal, folder);
    healing::wait_until_all_is_well(&world, &journal, Duration::ZERO);
    world.warm_up();
    journal.note_phase("calm");
    // Pause: the calm that is recorded.
    sleep(Duration::from_millis(terms::FIRST_CALM + 2_000));
    journal.note_phase("acts");
    perform(&mut world, &plan.acts);
    println!("{} all is set in order", judge::clock(journal.now()));
    world.settle();
    journal.note_phase("healing");
    healing::wait_until_all_is_well(&world, &journal, STEADY);
    println!("{} all is well again", judge::clock(journal.now()));
    // Pause: the calm that is judged has begun with the steady time.
    sleep(Duration::from_millis(terms::CALM + 2_000).saturating_sub(STEADY));
    journal.note_phase("end");
    recorder.finish();
    for (number, dovecot) in world.dovecots().enumerate() {
        let log = folder.join(format!("dovecot-{}.log", number + 1));
        fs::copy(dovecot.join("log"), log).expect("the folder takes a file");
    }
    for (number, monitor) in world.monitors.iter().enumerate() {
        let kept = folder.join(format!("monitor{}.disk", number + 1));
        monitor.disk.keep(&kept);
    }
}

fn record(world: &World, journal: &Arc<Journal>, folder: &Path) -> Recorder {
    let mut recorder = Recorder::new(journal.clone(), folder);
    let backends: Vec<IpAddr> = world.backends().into_iter().map(IpAddr::V4).collect();
    for (number, socket) in world.sockets().into_iter().enumerate() {
        recorder.watch_director(number, socket, backends.clone());
    }
    for (number, monitor) in world.monitors.iter().enumerate() {
        recorder.watch_log(number, monitor.log.clone());
        recorder.watch_process(number, monitor.lock.clone(), monitor.status.clone());
    }
    recorder
}

/// Each act at its time, or as soon as those before have been done.
fn perform(world: &mut World, acts: &[Act]) {
    enum Turn {
        Begin,
        End,
    }
    let mut turns = Vec::new();
    for (number, act) in acts.iter().enumerate() {
        turns.push((act.at, number, Turn::Begin));
        if !act.lasts.is_zero() {
            turns.push((act.at + act.lasts, number, Turn::End));
        }
    }
    turns.sort_by_key(|(at, ..)| *at);
    let began = Instant::now();
    for (at, number, turn) in turns {
        // Pause: until the next act's time.
        sleep((began + at).saturating_duration_since(Instant::now()));
        let act = acts[number];
        match turn {
            Turn::Begin => {
                println!(
                    "{:>7.1} s  {} ({:.1} s)",
                    at.as_secs_f64(),
                    act.what,
                    act.lasts.as_secs_f64()
                );
                world.begin(number, act.what, act.lasts);
            }
            Turn::End => {
                println!("{:>7.1} s  over: {}", at.as_secs_f64(), act.what);
                world.end(number, act.what);
            }
        }
    }
}
