//! A disk that hangs, as one process sees it: strace keeps some of its system calls waiting.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::patience::wait_until;
use super::warden::{Ward, Warden};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

const ATTACH_LIMIT: Duration = Duration::from_secs(40);

/// While it lives, each such call of the process takes ten minutes.
pub struct HungDisk {
    strace: Child,
    _warden: Warden,
}

impl HungDisk {
    /// Its fsync calls.
    pub fn of(process: u32) -> HungDisk {
        HungDisk::with(process, "fsync", &[])
    }

    /// Its looks at who owns this path and what is there.
    pub fn below(process: u32, path: &Path) -> HungDisk {
        let filter = [OsStr::new("-P"), path.as_os_str()];
        HungDisk::with(process, "?statx,?stat,?newfstatat", &filter)
    }

    fn with(process: u32, calls: &str, filter: &[&OsStr]) -> HungDisk {
        let strace = Command::new("strace")
            .args(filter)
            .args(["-f", "-qq", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:delay_enter=600000000")])
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace runs");
        let warden = Warden::over(Ward::Process(Pid::from_raw(strace.id() as i32)));
        wait_until("strace to hold every thread", ATTACH_LIMIT, || {
            all_traced(process)
        });
        HungDisk {
            strace,
            _warden: warden,
        }
    }
}

impl Drop for HungDisk {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
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
