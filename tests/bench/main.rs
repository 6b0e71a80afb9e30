//! The bench: what poolmon costs beside the least that its probes can cost and beside HAProxy, and
//! how soon it acts.
//!
//! Every comparison is made in one run on one machine; only the ratios mean anything elsewhere.
//! BENCH_ONLY=cpu,failures runs the named parts alone.

mod backends;
mod cost;
mod director;
mod programs;
mod table;
mod times;
#[allow(dead_code)]
#[path = "../lab/warden.rs"]
mod warden;
mod watched;

use std::env;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use backends::Backends;
use director::Director;
use programs::{Files, Program, Reuse, Sessions};

/// 127.128.0.1 and up: outside the networks that the tests' lab claims.
pub const FIRST: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 1);
pub const PLAIN_PORT: u16 = 28143;
pub const TLS_PORT: u16 = 28993;
pub const RESUMING_PORT: u16 = 28994;
/// With a socket for each address, so that they can fail one by one.
pub const EACH_PORT: u16 = 28144;
/// How many backends a large site has.
pub const COUNT: u32 = 250;

/// What all parts work on.
pub struct Bench {
    pub folder: PathBuf,
    pub poolmon: PathBuf,
    pub floor: PathBuf,
    /// Those found here, poolmon first.
    pub programs: Vec<Program>,
    pub director: Director,
    pub backends: Backends,
}

fn main() {
    let path = |name: &str| env::var_os(name).map(PathBuf::from);
    let needed = |name: &str| path(name).unwrap_or_else(|| panic!("{name} is set by bench.sh"));
    let folder = needed("BENCH_FOLDER");
    let poolmon = needed("POOLMON_BIN");
    let only = env::var("BENCH_ONLY").unwrap_or_default();
    let wanted = |part: &str| only.is_empty() || only.split(',').any(|word| word == part);

    // The first is what the others are compared with: HAProxy writes no status file either.
    let files = [Files::Status, Files::None];
    let mut programs: Vec<Program> = files
        .map(|files| Program::Poolmon(poolmon.clone(), files))
        .into();
    if is_there("haproxy") {
        programs.push(Program::Haproxy(Reuse::Tried));
        programs.push(Program::Haproxy(Reuse::Off));
    }
    programs.extend(path("POOLMON_PERL").map(Program::Perl));

    let certificate = folder.join("certificate.pem");
    let key = folder.join("key.pem");
    let mut backends = Backends::start(&needed("BENCH_BACKENDS"), &certificate, &key);
    backends.serve_any(PLAIN_PORT);
    backends.serve_any_tls(TLS_PORT, Sessions::EachNew);
    backends.serve_any_tls(RESUMING_PORT, Sessions::Resumed);
    backends.serve_each(EACH_PORT, FIRST, COUNT);
    let mut bench = Bench {
        director: Director::start(&folder.join("director")),
        backends,
        floor: needed("BENCH_FLOOR"),
        programs,
        poolmon,
        folder,
    };

    println!("{}", machine());
    if wanted("cpu") {
        cost::cpu(&mut bench);
    }
    if wanted("idle") {
        cost::idle(&mut bench);
    }
    if wanted("looking") {
        cost::looking(&mut bench);
    }
    if wanted("start") {
        times::start(&mut bench);
    }
    if wanted("failures") {
        times::failures(&mut bench);
    }
    if wanted("many") {
        times::many_failures(&mut bench);
    }
    let size = fs::metadata(&bench.poolmon).map_or(0, |metadata| metadata.len());
    table::heading("binary");
    table::row("size, stripped", table::megabytes(size));
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("-v").stdout(Stdio::null());
    command.stderr(Stdio::null()).status().is_ok()
}

/// What the numbers stand for: processor, kernel, day.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let models: Vec<&str> = cpus
        .lines()
        .filter_map(|line| line.strip_prefix("model name"))
        .collect();
    let model = models.first().map_or("unknown processor", |model| {
        model.trim_start_matches(|character: char| character == ':' || character.is_whitespace())
    });
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{} x {model}, Linux {}", models.len().max(1), kernel.trim())
}
