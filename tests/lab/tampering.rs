//! System calls that hang or fail, as one process sees them: strace tampers with them.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::patience::wait_until;
use super::warden::{Ward, Warden};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

const ATTACH_LIMIT: Duration = Duration::from_secs(40);

/// A disk that hangs: while it lives, the calls that it is about take ten minutes.
pub struct HungDisk {
    _strace: Strace,
}

impl HungDisk {
    /// Each fsync of the process hangs.
    pub fn of(process: u32) -> HungDisk {
        HungDisk::hold(process, "fsync", None)
    }

    /// Each open of this file, and each write to it, hangs.
    pub fn under(file: &Path, process: u32) -> HungDisk {
        HungDisk::hold(process, "write,openat", Some(file))
    }

    /// Its looks at who owns this path and what is there.
    pub fn below(process: u32, path: &Path) -> HungDisk {
        HungDisk::hold(process, "?statx,?stat,?newfstatat", Some(path))
    }

    fn hold(process: u32, calls: &str, file: Option<&Path>) -> HungDisk {
        HungDisk {
            _strace: Strace::attach(process, calls, "delay_enter=600000000", file),
        }
    }
}

/// While it lives, the process gets no random numbers. For those of its threads that have none yet and
/// need a hash table that is a panic.
pub struct NoRandomNumbers {
    _strace: Strace,
}

impl NoRandomNumbers {
    pub fn of(process: u32) -> NoRandomNumbers {
        NoRandomNumbers {
            _strace: Strace::attach(process, "getrandom", "error=EIO", None),
        }
    }
}

struct Strace {
    child: Child,
    _warden: Warden,
}

impl Strace {
    fn attach(process: u32, calls: &str, tampering: &str, file: Option<&Path>) -> Strace {
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-qq", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:{tampering}")]);
        if let Some(file) = file {
            strace.arg("-P").arg(file);
        }
        let child = strace
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace runs");
        let warden = Warden::over(Ward::Process(Pid::from_raw(child.id() as i32)));
        wait_until("strace to hold every thread", ATTACH_LIMIT, || {
            all_traced(process)
        });
        Strace {
            child,
            _warden: warden,
        }
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn all_traced(process: u32) -> bool {
    let threads = match fs::read_dir(format!("/proc/{process}/task")) {
        Ok(threads) => threads,
        Err(_) => return false,
    };
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.contains("TracerPid:") && !status.contains("TracerPid:\t0\n")
    })
}
