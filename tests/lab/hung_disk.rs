//! A disk that hangs, as one process sees it: strace keeps its fsync calls waiting.

use std::process::{Child, Command, Stdio};

use super::patience::wait_until;
use super::warden::{Ward, Warden};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

const ATTACH_LIMIT: Duration = Duration::from_secs(40);

/// While it lives, each fsync of the process takes ten minutes.
pub struct HungDisk {
    strace: Child,
    _warden: Warden,
}

impl HungDisk {
    pub fn of(process: u32) -> HungDisk {
        let strace = Command::new("strace")
            .args(["-f", "-qq", "-e", "trace=fsync"])
            .args(["-e", "inject=fsync:delay_enter=600000000"])
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
