//! Who holds the lock of a PID file: a running monitor, or somebody else who can read the file.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::process;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::sys::stat::{major, minor};
use nix::unistd::Pid;

use crate::beside;

/// Of a descriptor below /proc: whether what it leads to can be written by it.
const WRITES: u32 = 0o200;

/// Whether the process of this PID, which stands in the file, has the file open to write, as no stranger can. Where
/// that is not shown, whether it lives.
pub(super) fn is_monitor(pid: u32, file: &File) -> bool {
    // A number from before a restart of the machine, or of a container, may be this process's by chance.
    if pid == process::id() {
        return false;
    }
    let open = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(open) => open,
        Err(_) => return lives(pid),
    };
    let mut is_hidden = false;
    for open in open.flatten() {
        let writes = open
            .metadata()
            .map_or(false, |link| link.mode() & WRITES != 0);
        if !writes {
            continue;
        }
        if beside::is_in_place_behind(file, &open.path()) {
            return true;
        }
        // So it is of a process with more rights than this one, as of root's for a root without capabilities.
        let behind = fs::metadata(open.path()).map_err(|cause| cause.kind());
        is_hidden |= matches!(behind, Err(io::ErrorKind::PermissionDenied));
    }
    is_hidden && lives(pid)
}

fn lives(pid: u32) -> bool {
    match i32::try_from(pid) {
        Ok(pid) if pid > 0 => kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH),
        _ => false,
    }
}

/// The words for whoever has locked it, as far as the system tells.
pub(super) fn shown(file: &File) -> String {
    let pid = match locker(file) {
        Some(pid) => pid,
        None => return "a process".to_owned(),
    };
    match fs::metadata(format!("/proc/{pid}")) {
        Ok(process) => format!("process {pid}, user {}", process.uid()),
        Err(_) => format!("process {pid}"),
    }
}

/// A line is `1: FLOCK  ADVISORY  WRITE 4711 00:1a:1234 0 EOF`, with the device in hexadecimal.
fn locker(file: &File) -> Option<u32> {
    let about = file.metadata().ok()?;
    let (major, minor) = (major(about.dev()), minor(about.dev()));
    let wanted = format!("{major:02x}:{minor:02x}:{}", about.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_flock = words.next() == Some("FLOCK");
        let pid = words.nth(2)?;
        let is_this_file = words.next() == Some(&wanted);
        (is_flock && is_this_file).then(|| pid.parse().ok())?
    })
}
