//! The programs that are measured: poolmon, the floor, HAProxy, and a Perl poolmon if there is one.
//!
//! How each is told to check the same backends in the same way.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::watched::Watched;

/// What is checked: so many backends from an address on, one port, each so often.
#[derive(Clone, Copy)]
pub struct Pool {
    pub first: Ipv4Addr,
    pub count: u32,
    pub port: u16,
    pub channel: Channel,
    /// Seconds.
    pub interval: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Plain,
    Tls,
}

impl Channel {
    pub fn name(self) -> &'static str {
        match self {
            Channel::Plain => "plain",
            Channel::Tls => "tls",
        }
    }
}

/// Confines a command to the last CPU, as the backends are to the first. Where both share one, the
/// kernel now and then lets them take turns so well that the floor falls to a third.
pub fn apart(program: &Path) -> Command {
    on_cpu(
        program,
        thread::available_parallelism().map_or(1, usize::from) - 1,
    )
}

pub fn on_cpu(program: &Path, cpu: usize) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &cpu.to_string()]).arg(program);
    command
}

/// A program that watches a pool until it is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    Poolmon(PathBuf),
    Haproxy(Sessions),
    Perl(PathBuf),
}

/// Whether a TLS handshake may resume the session of the last one, which spares the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    Resumed,
    AllNew,
}

impl Program {
    pub fn name(&self) -> &'static str {
        match self {
            Program::Poolmon(_) => "poolmon",
            Program::Haproxy(Sessions::Resumed) => "HAProxy",
            Program::Haproxy(Sessions::AllNew) => "no resumption",
            Program::Perl(_) => "Perl poolmon",
        }
    }

    pub fn watch(&self, pool: &Pool, folder: &Path) -> Watched {
        let mut command = match self {
            Program::Poolmon(program) => {
                let poolmon = poolmon(program, pool, folder);
                let mut command = apart(program);
                command.args(poolmon.get_args());
                command
            }
            Program::Haproxy(sessions) => haproxy(*sessions, pool, folder),
            Program::Perl(program) => perl(program, pool, folder),
        };
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Watched::start(&mut command)
    }
}

/// The flags that both poolmons know.
fn flags(command: &mut Command, pool: &Pool, folder: &Path) {
    let port = match pool.channel {
        Channel::Plain => "-p",
        Channel::Tls => "-s",
    };
    command
        .args(["-f", "-v", "0", "-l"])
        .arg(folder.join("log"))
        .arg("-k")
        .arg(folder.join("lock"))
        .arg("-S")
        .arg(folder.join("director"))
        .args([port, &format!("IMAP:{}", pool.port)])
        .args(["-i", &pool.interval.to_string()]);
}

/// Its log goes to standard output.
pub fn poolmon(program: &Path, pool: &Pool, folder: &Path) -> Command {
    let mut command = Command::new(program);
    flags(&mut command, pool, folder);
    let ledger = folder.join("ledger");
    let _ = fs::remove_file(&ledger);
    command.arg("--state-file").arg(ledger);
    command
}

fn perl(program: &Path, pool: &Pool, folder: &Path) -> Command {
    let mut command = apart(Path::new("perl"));
    command.arg(program);
    flags(&mut command, pool, folder);
    command
}

fn haproxy(sessions: Sessions, pool: &Pool, folder: &Path) -> Command {
    let (connect, server) = match (pool.channel, sessions) {
        (Channel::Plain, _) => ("", ""),
        (Channel::Tls, Sessions::Resumed) => (" ssl", " ssl verify none"),
        (Channel::Tls, Sessions::AllNew) => (" ssl", " ssl verify none no-ssl-reuse"),
    };
    let mut text = format!(
        "global\n nbthread 1\n maxconn 100\n\
         defaults\n mode tcp\n timeout connect 5s\n timeout server 5s\n timeout client 5s\n\
         frontend unused\n bind {}\n\
         backend pool\n option tcp-check\n tcp-check connect{connect}\n\
         \x20tcp-check expect string \"* OK\"\n tcp-check send \"a5 LOGOUT\\r\\n\"\n\
         \x20tcp-check expect string \"a5 OK\"\n",
        // It does not start without a frontend.
        folder.join("haproxy.socket").display()
    );
    for number in 0..pool.count {
        let address = Ipv4Addr::from(u32::from(pool.first) + number);
        text += &format!(
            " server s{number} {address}:{} check inter {}s{server}\n",
            pool.port, pool.interval
        );
    }
    let config = folder.join("haproxy.cfg");
    fs::write(&config, text).expect("the folder can be written");
    let mut command = apart(Path::new("haproxy"));
    command.args(["-db", "-f"]).arg(config);
    command
}

/// How the floor's probes follow each other.
#[derive(Clone, Copy)]
pub enum Floor {
    /// One right after the other.
    InARow,
    /// As many a second as a program with this pool makes.
    Paced,
}

/// What one floor probe costs, in microseconds of CPU and voluntary context switches.
pub fn floor(program: &Path, pool: &Pool, probes: u32, how: Floor) -> (f64, f64) {
    let output = apart(program)
        .args([pool.port.to_string(), pool.first.to_string()])
        .args([pool.count.to_string(), probes.to_string()])
        .args(match how {
            Floor::InARow => None,
            Floor::Paced => Some((pool.count / pool.interval).to_string()),
        })
        .output()
        .expect("the floor runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(|word| {
        let number: f64 = word.parse().expect("a number");
        number / f64::from(probes)
    });
    let mut next = || numbers.next().expect("the floor prints two numbers");
    (next(), next())
}

/// The system calls of a poolmon, counted by strace over the given file.
pub fn straced(program: &Path, pool: &Pool, folder: &Path, counts: &Path) -> Watched {
    let poolmon = poolmon(program, pool, folder);
    let mut command = Command::new("strace");
    command
        .args(["-f", "-c", "-o"])
        .arg(counts)
        .arg(poolmon.get_program())
        .args(poolmon.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("strace.err")).expect("the folder can be written"));
    Watched::start(&mut command)
}
