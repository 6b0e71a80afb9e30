//! A process under measurement: what /proc says of it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use crate::warden::{Ward, Warden};

/// Killed when dropped, or when the bench dies.
pub struct Watched {
    pub child: Child,
    _warden: Warden,
}

/// What a process has used so far.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    pub cpu: Duration,
    pub voluntary_switches: u64,
    /// Those of all threads but poolmon's of the backends.
    pub own_switches: u64,
}

/// Bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

impl Usage {
    pub fn since(self, before: Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(before.cpu),
            voluntary_switches: self
                .voluntary_switches
                .saturating_sub(before.voluntary_switches),
            own_switches: self.own_switches.saturating_sub(before.own_switches),
        }
    }
}

impl Watched {
    pub fn start(command: &mut Command) -> Watched {
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        Watched {
            child,
            _warden: Warden::over(Ward::Process(pid)),
        }
    }

    pub fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for thread in self.threads() {
            // A thread may end meanwhile.
            let schedule = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
            usage.cpu += Duration::from_nanos(word(&schedule, 0));
            let status = fs::read_to_string(thread.join("status")).unwrap_or_default();
            let switches = field(&status, "voluntary_ctxt_switches:");
            usage.voluntary_switches += switches;
            if !status.starts_with("Name:\tbackend ") {
                usage.own_switches += switches;
            }
        }
        usage.cpu += self.cpu_of_ended_children();
        usage
    }

    /// A Perl poolmon forks for each scan. The kernel's tick of 10 ms.
    fn cpu_of_ended_children(&self) -> Duration {
        let stat = self.read("stat");
        let after_name = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let ticks = word(after_name, 13) + word(after_name, 14);
        Duration::from_millis(10 * ticks)
    }

    pub fn memory(&self) -> Memory {
        let status = self.read("status");
        Memory {
            now: 1024 * field(&status, "VmRSS:"),
            peak: 1024 * field(&status, "VmHWM:"),
        }
    }

    pub fn thread_count(&self) -> usize {
        self.threads().len()
    }

    fn threads(&self) -> Vec<PathBuf> {
        let folder = format!("/proc/{}/task", self.child.id());
        let entries = fs::read_dir(folder).expect("the process lives");
        entries.flatten().map(|entry| entry.path()).collect()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("the process lives")
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        let _ = kill(pid, signal);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.signal(Signal::SIGTERM);
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    word(line.unwrap_or_default(), 0)
}

fn word(text: &str, number: usize) -> u64 {
    let word = text.split_whitespace().nth(number);
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}
