//! The programs that are measured: poolmon, the floor, HAProxy, and a Perl poolmon if there is one.
//!
//! How each is told to check the same backends in the same way.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::watched::Watched;
use crate::{PLAIN_PORT, RESUMING_PORT, TLS_PORT};

/// Who has signed the backends' certificate, in the bench's folder, and the name in it.
const AUTHORITY: &str = "authority.pem";
const NAME: &str = "bench";

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

/// How the backends speak. Under TLS their certificate is checked, by all but the Perl poolmon.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Plain,
    Tls(Sessions),
}

/// Whether the backends let a TLS handshake resume the session of an earlier one, which spares the
/// certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// As Dovecot does by default.
    EachNew,
    /// As Dovecot does with `service_count = 0`.
    Resumed,
}

impl Channel {
    pub const ALL: [Channel; 3] = [
        Channel::Plain,
        Channel::Tls(Sessions::EachNew),
        Channel::Tls(Sessions::Resumed),
    ];

    pub fn name(self) -> &'static str {
        match self {
            Channel::Plain => "plain",
            Channel::Tls(Sessions::EachNew) => "tls",
            Channel::Tls(Sessions::Resumed) => "tls (service_count = 0)",
        }
    }

    pub fn port(self) -> u16 {
        match self {
            Channel::Plain => PLAIN_PORT,
            Channel::Tls(Sessions::EachNew) => TLS_PORT,
            Channel::Tls(Sessions::Resumed) => RESUMING_PORT,
        }
    }
}

/// A command that runs what is added to it on the last CPU alone, as the backends run on the first.
/// Where both share one, the kernel now and then lets them take turns so well that the floor falls to a
/// third.
fn apart() -> Command {
    taskset(thread::available_parallelism().map_or(1, usize::from) - 1)
}

pub fn taskset(cpu: usize) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &cpu.to_string()]);
    command
}

/// Adds a command to one that runs it.
fn under(mut wrapper: Command, command: &Command) -> Command {
    wrapper.arg(command.get_program()).args(command.get_args());
    wrapper
}

/// A program that watches a pool until it is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    Poolmon(PathBuf, Files),
    Haproxy(Reuse),
    Perl(PathBuf),
}

/// Whether HAProxy tries to resume sessions, as it does unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    Tried,
    Off,
}

impl Program {
    pub fn name(&self) -> &'static str {
        match self {
            Program::Poolmon(_, Files::None) => "without files",
            Program::Poolmon(..) => "poolmon",
            Program::Haproxy(Reuse::Tried) => "HAProxy",
            Program::Haproxy(Reuse::Off) => "no-ssl-reuse",
            Program::Perl(_) => "Perl poolmon",
        }
    }

    /// HAProxy does not differ from itself where there are no sessions; where they can be resumed, it
    /// is measured as it comes. What the status file costs is small beside TLS.
    pub fn is_of_interest_on(&self, channel: Channel) -> bool {
        match self {
            Program::Haproxy(Reuse::Off) => channel == Channel::Tls(Sessions::EachNew),
            Program::Poolmon(_, Files::None) => channel == Channel::Plain,
            Program::Poolmon(..) | Program::Haproxy(Reuse::Tried) | Program::Perl(_) => true,
        }
    }

    pub fn watch(&self, pool: &Pool, folder: &Path) -> Watched {
        quietly(under(apart(), &self.command(pool, folder)))
    }

    fn command(&self, pool: &Pool, folder: &Path) -> Command {
        match self {
            Program::Poolmon(program, files) => poolmon_with(program, pool, folder, *files),
            Program::Haproxy(reuse) => haproxy(*reuse, pool, folder),
            Program::Perl(program) => perl(program, pool, folder),
        }
    }
}

/// poolmon with these files.
pub fn watch_with(program: &Path, pool: &Pool, folder: &Path, files: Files) -> Watched {
    quietly(under(apart(), &poolmon_with(program, pool, folder, files)))
}

fn quietly(mut command: Command) -> Watched {
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Watched::start(&mut command)
}

/// The flags that both poolmons know.
fn flags(command: &mut Command, pool: &Pool, folder: &Path) {
    let port = match pool.channel {
        Channel::Plain => "-p",
        Channel::Tls(_) => "-s",
    };
    command
        .args(["-f", "-l"])
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
    poolmon_with(program, pool, folder, Files::Status)
}

/// Which files for whoever looks are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    None,
    /// What is written unless told otherwise.
    Status,
    All,
}

impl Files {
    pub const ALL: [Files; 3] = [Files::None, Files::Status, Files::All];

    pub fn name(self) -> &'static str {
        match self {
            Files::None => "none",
            Files::Status => "status",
            Files::All => "status, metrics, page",
        }
    }
}

pub fn poolmon_with(program: &Path, pool: &Pool, folder: &Path, files: Files) -> Command {
    let mut command = Command::new(program);
    flags(&mut command, pool, folder);
    let state_file = folder.join("state_file");
    let _ = fs::remove_file(&state_file);
    command.arg("--state-file").arg(state_file);
    command.arg("--status-file");
    match files {
        Files::None => command.arg("no"),
        Files::Status | Files::All => command.arg(folder.join("status.json")),
    };
    if files == Files::All {
        command
            .arg("--metrics-file")
            .arg(folder.join("poolmon.prom"));
        command.arg("--html-file").arg(folder.join("page.html"));
    }
    if pool.channel != Channel::Plain {
        command.arg("--ca-file").arg(folder.join(AUTHORITY));
        command.args(["--tls-name", NAME]);
    }
    command
}

fn perl(program: &Path, pool: &Pool, folder: &Path) -> Command {
    let mut command = Command::new("perl");
    command.arg(program).args(["-v", "0"]);
    flags(&mut command, pool, folder);
    command
}

fn haproxy(reuse: Reuse, pool: &Pool, folder: &Path) -> Command {
    let (connect, server) = match pool.channel {
        Channel::Plain => ("", String::new()),
        Channel::Tls(_) => {
            let authority = folder.join(AUTHORITY);
            let reuse = match reuse {
                Reuse::Tried => "",
                Reuse::Off => " no-ssl-reuse",
            };
            let verify = format!(
                " ssl verify required ca-file {} verifyhost {NAME} check-sni {NAME}{reuse}",
                authority.display()
            );
            (" ssl", verify)
        }
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
    let mut command = Command::new("haproxy");
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
pub fn floor(program: &Path, pool: &Pool, folder: &Path, probes: u32, how: Floor) -> (f64, f64) {
    let a_second = match how {
        Floor::InARow => 0,
        Floor::Paced => pool.count / pool.interval,
    };
    let output = apart()
        .arg(program)
        .args(floor_arguments(pool, folder, probes, a_second))
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

fn floor_arguments(pool: &Pool, folder: &Path, probes: u32, a_second: u32) -> Vec<OsString> {
    let mut arguments = vec![
        pool.port.to_string().into(),
        pool.first.to_string().into(),
        pool.count.to_string().into(),
        probes.to_string().into(),
        a_second.to_string().into(),
    ];
    if pool.channel != Channel::Plain {
        arguments.push(folder.join(AUTHORITY).into());
        arguments.push(NAME.into());
    }
    arguments
}
