//! The folder of the PID file: who may change it can put another file in its place.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use nix::unistd::{geteuid, Uid};

use crate::beside::{folder_of, writers, Writers};

/// Of a folder: nobody but its owner can put a file in place of one of somebody else's.
const STICKY: u32 = 0o1000;

/// dovemon's own place, /var/lock/subsys, is Red Hat's; elsewhere nobody makes it. Where it cannot be
/// made either, taking the lock says so.
pub fn make_folder(pid_file: &Path) {
    let _ = DirBuilder::new().mode(0o755).create(folder_of(pid_file));
}

/// What the operator has to know of the folder, which only root and the user of the monitor should be able to change.
pub fn remark_on_folder(pid_file: &Path, user: Option<Uid>) -> Option<String> {
    let folder = folder_of(pid_file);
    let about = fs::metadata(folder).ok()?;
    let owners = [Some(Uid::from_raw(0)), Some(geteuid()), user];
    let (mode, shown) = (about.mode() & 0o7777, folder.display());
    let close = format!("chmod 755 {shown}");
    let is_shared = mode & STICKY == 0;
    let (what, advice) = match writers(&about) {
        _ if !owners.contains(&Some(Uid::from_raw(about.uid()))) => {
            let owner = format!("belongs to user {}", about.uid());
            (owner, format!("chown root {shown}"))
        }
        Writers::Anybody if is_shared => {
            (format!("can be changed by anybody (mode {mode:o})"), close)
        }
        Writers::Group(group) if is_shared => (
            format!("can be changed by group {group} (mode {mode:o})"),
            close,
        ),
        _ => return None,
    };
    Some(format!(
        "lock file {}: its folder {what}, and who can change it can have a second monitor started, or signals sent to \
         another process: {advice}, or name another file (-k)",
        pid_file.display()
    ))
}
